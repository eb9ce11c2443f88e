-- Lint runs on import: every line that was added says what lint finds because of it.
SELECT moderation.create_package('il', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('il', ARRAY['online casino', 'poker', 'c4sino royale']);
-- Item ids depend on what ran before.
CREATE FUNCTION t.imported_findings(file text, dry_run boolean DEFAULT false)
    RETURNS TABLE (line int, status text, term text, severity text, rule text, about text, message text, fix text) LANGUAGE sql AS $$
    SELECT i.line, i.status, i.term, f.severity, f.rule, (SELECT v.term FROM moderation.item_versions v WHERE v.item_id = f.item),
           regexp_replace(f.message, '(item|entry) \d+', '\1 N', 'g'), regexp_replace(f.fix, '\[\d+\]', '[N]', 'g')
    FROM moderation.import_items('il', file, 'csv', dry_run => dry_run) i
    LEFT JOIN LATERAL jsonb_to_recordset(i.findings) f(severity text, rule text, item bigint, message text, fix text) ON true
    ORDER BY i.line, f.rule $$;
SELECT set_state AS before FROM moderation.drafts JOIN moderation.packages USING (package_id) WHERE name = 'il' \gset
\set file 'term,match,allow\ncasino,,\nPoker,,\npoker,,\ncasino royale,,\nthe,,\nкaзино,,\npoker,,yes\na garden chair,,yes\nz,substring,\nroulette,,\n'
-- A dry run finds the same and changes nothing; there is no SQL to mend what is not there.
SELECT line, status, term, severity, rule, about, fix FROM t.imported_findings(E:'file', dry_run => true);
SELECT set_state = :'before' AS unchanged FROM moderation.drafts JOIN moderation.packages USING (package_id) WHERE name = 'il';
SELECT count(*) AS items, count(*) FILTER (WHERE call = 'import_items') AS entries FROM moderation.items i FULL JOIN moderation.audit_log a ON false
WHERE i.package_id = (SELECT package_id FROM moderation.packages WHERE name = 'il') OR a.package = 'il' AND a.call = 'import_items';
SELECT * FROM t.imported_findings(E:'file');
-- What is found here is what lint_package finds now of these items; errors keep it from going live.
SELECT l.severity, c.term, l.rule FROM moderation.lint_package('il') l JOIN moderation.current_items c USING (item_id) WHERE l.severity = 'error' ORDER BY c.term COLLATE "C";
DO $$ BEGIN
    PERFORM moderation.publish_package('il');
EXCEPTION WHEN SQLSTATE 'MD002' THEN RAISE NOTICE '%', SQLERRM;
END $$;
-- A fix is SQL that mends.
DO $$
DECLARE f record;
BEGIN
    FOR f IN SELECT l.fix FROM moderation.lint_package('il') l WHERE l.severity = 'error' LOOP
        EXECUTE f.fix;
    END LOOP;
END $$;
SELECT count(*) AS errors FROM moderation.lint_package('il') WHERE severity = 'error';
-- Nothing added, nothing linted; on request it is left out.
SELECT status, findings FROM moderation.import_items('il', 'casino', 'words');
SELECT status, findings FROM moderation.import_items('il', 'Casino Royale', 'words', lint => false);
-- Images too.
SELECT i.line, i.status, f.rule, f.severity FROM moderation.import_items('il', E'hash\n' || repeat('0f', 32) || E'\n1f' || repeat('0f', 31) || E'\n' || repeat('00', 32) || E'\n') i
LEFT JOIN LATERAL jsonb_to_recordset(i.findings) f(severity text, rule text) ON true ORDER BY 1, 3;
-- A frequency source that the importer may not read is said so, and the file is imported.
CREATE TABLE t.words_of_others (word text, frequency bigint);
INSERT INTO t.words_of_others VALUES ('croupier', 1), ('x', 10);
SELECT moderation.alter_package('il', frequency_source => 't.words_of_others');
CREATE ROLE regress_moderation_importer;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA moderation TO regress_moderation_importer;
SET ROLE regress_moderation_importer;
SELECT status, findings FROM moderation.import_items('il', 'blackjack', 'words');
RESET ROLE;
SELECT status, jsonb_path_query_array(findings, '$[*].rule') AS rules FROM moderation.import_items('il', 'croupier', 'words');
DROP OWNED BY regress_moderation_importer;
DROP ROLE regress_moderation_importer;
-- Ten thousand lines, half of them with a finding.
SELECT moderation.create_package('il many') > 0 AS created;
SELECT status, count(*), count(findings) AS found FROM moderation.import_items('il many', (SELECT string_agg('word' || i / 2 || CASE WHEN i % 2 = 1 THEN ' again' ELSE '' END, E'\n') FROM generate_series(2, 10001) i), 'words') GROUP BY 1;
-- The largest file there may be by default, and one byte more.
CALL t.fails($$SELECT moderation.import_items('il', repeat('x', 268435457), 'words')$$);
DROP FUNCTION t.imported_findings;
DROP TABLE t.words_of_others;
