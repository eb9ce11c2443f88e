-- Lint: what is questionable about a package's items, with SQL that mends it; errors keep it from going live.
CREATE FUNCTION t.fixed(fix text, package text) RETURNS text LANGUAGE sql AS $$
    -- Item ids as the terms they are.
    SELECT string_agg(coalesce('ARRAY[' || quote_literal(c.term) || ']' || substr(part, length(substring(part FROM '^ARRAY\[\d+\]')) + 1), part), '' ORDER BY n)
    FROM regexp_split_to_table(fix, '(?=ARRAY\[\d)') WITH ORDINALITY x(part, n)
    LEFT JOIN moderation.current_items c ON c.item_id = substring(part FROM '^ARRAY\[(\d+)\]')::bigint $$;
CREATE FUNCTION t.lint(package text) RETURNS TABLE (severity text, term text, rule text, message text, fix text) LANGUAGE sql AS $$
    SELECT l.severity, c.term, l.rule, regexp_replace(l.message, 'item \d+|entry \d+', 'item N', 'g'), t.fixed(l.fix, $1)
    FROM moderation.lint_package($1) WITH ORDINALITY l(severity, item_id, rule, message, fix, n) JOIN moderation.current_items c USING (item_id) ORDER BY n $$;

CREATE FUNCTION t.failing(statement text) RETURNS TABLE (state text, gate text, what text, items integer)
LANGUAGE plpgsql AS $$
DECLARE d text;
BEGIN
    EXECUTE statement;
    RAISE EXCEPTION 'this should have failed';
EXCEPTION WHEN SQLSTATE 'MD002' THEN
    GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
    RETURN QUERY SELECT SQLSTATE::text, f->>'gate', coalesce(f->>'expect', f->>'rule'), jsonb_array_length(f->'items')
                 FROM jsonb_array_elements(d::jsonb) f;
END $$;

SELECT moderation.create_package('l18', action => 'block') > 0 AS created;
SELECT count(*) AS nothing FROM moderation.lint_package('l18');
SELECT * FROM moderation.add_terms('l18', ARRAY['Casino', 'online casino', 'CASINO', 'казино']);
SELECT * FROM moderation.add_terms('l18', ARRAY['the', 'кaзинo']);
SELECT * FROM moderation.add_terms('l18', ARRAY['c4sino'], weight => 2);
SELECT * FROM moderation.add_terms('l18', ARRAY['bet'], match => 'substring');
SELECT * FROM moderation.add_terms('l18', ARRAY['\w+ bonus'], match => 'regex');
SELECT * FROM moderation.allow_terms('l18', ARRAY['casino royale', 'garden chairs']);
SELECT * FROM t.lint('l18');
-- Warnings keep nothing back.
SELECT moderation.publish_package('l18') AS release;
SELECT count(*) AS of_the_release FROM moderation.lint_package('l18', 1);
-- A fix mends.
DO $$
DECLARE f text;
BEGIN
    FOR f IN SELECT l.fix FROM moderation.lint_package('l18') l WHERE l.rule IN ('duplicate', 'mixed_script', 'never_suppresses', 'contained') LOOP
        BEGIN
            EXECUTE f;
        EXCEPTION WHEN undefined_object THEN
            RAISE NOTICE 'mended already';
        END;
    END LOOP;
END $$;
SELECT l.severity, l.term, l.rule FROM t.lint('l18') l;
SELECT term FROM moderation.current_items WHERE package = 'l18' ORDER BY item_id;

-- Errors do: what can never hit, and what hits nearly everything.
SELECT moderation.create_package('m18', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('m18', ARRAY['roulette', 'poker']);
SELECT * FROM moderation.allow_terms('m18', ARRAY['Roulette', 'poker night']);
SELECT * FROM moderation.add_terms('m18', ARRAY['e'], match => 'substring');
SELECT l.severity, l.term, l.rule, l.message, l.fix FROM t.lint('m18') l;
-- A single letter is an error where a single hit blocks.
SELECT moderation.alter_package('m18', threshold => 2);
SELECT l.severity, l.term, l.rule FROM t.lint('m18') l;
SELECT moderation.alter_package('m18', threshold => 0);
SELECT * FROM t.failing($$SELECT moderation.publish_package('m18')$$);
SELECT count(*) AS releases FROM moderation.releases JOIN moderation.packages USING (package_id) WHERE name = 'm18';
-- Together with a failing check, all in one list; into shadow it may go.
SELECT moderation.add_check('m18', 'nothing') > 0 AS added;
SELECT * FROM t.failing($$SELECT moderation.publish_package('m18')$$);
SELECT moderation.publish_package('m18', stage => 'shadow') AS release;
SELECT * FROM t.failing($$SELECT moderation.promote_release('m18')$$);
SELECT moderation.remove_terms('m18', ARRAY['e', 'Roulette']);
SELECT moderation.remove_check(check_id) FROM moderation.checks WHERE body = 'nothing';
SELECT moderation.publish_package('m18') AS release;

-- Frequencies: of the user's own table, read with his rights.
CREATE TABLE t.words (word text, frequency bigint);
INSERT INTO t.words VALUES ('the', 1000000), ('pass', 300), ('glass', 200), ('grass', 20), ('casino', 1), (NULL, 5), ('none', 0);
SELECT * FROM moderation.add_terms('m18', ARRAY['ass'], match => 'suffix');
SELECT l.term, l.rule, l.message, l.fix FROM t.lint('m18') l;
SELECT moderation.alter_package('m18', frequency_source => 't.words');
SELECT l.term, l.rule, l.message, l.fix FROM t.lint('m18') l;
CREATE ROLE regress_linter;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA moderation TO regress_linter;
SET ROLE regress_linter;
CALL t.fails($$SELECT moderation.lint_package('m18')$$);
-- Nor by way of a function that runs as its owner.
RESET ROLE;
CREATE FUNCTION t.lint_as_owner() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT count(*) FROM moderation.lint_package('m18') $$;
SET ROLE regress_linter;
CALL t.fails($$SELECT t.lint_as_owner()$$);
RESET ROLE;
GRANT SELECT ON t.words TO regress_linter;
SET ROLE regress_linter;
SELECT count(*) > 0 AS reads FROM moderation.lint_package('m18');
RESET ROLE;
CREATE VIEW t.other_words AS SELECT * FROM t.words;
SELECT moderation.alter_package('m18', frequency_source => 't.other_words');
CALL t.fails($$SELECT moderation.lint_package('m18')$$);
SELECT moderation.alter_package('m18', frequency_source => 't.recorded');
CALL t.fails($$SELECT moderation.lint_package('m18')$$);
DROP VIEW t.other_words;
SELECT moderation.alter_package('m18', frequency_source => 't.words');
DROP TABLE t.words;
SELECT l.term, l.rule FROM t.lint('m18') l;
-- Expired items.
BEGIN;
SELECT * FROM moderation.add_terms('m18', ARRAY['season'], expires_at => now() + interval '1 ms');
COMMIT;
SELECT pg_sleep(0.01);
SELECT l.term, l.rule, l.severity, l.fix FROM t.lint('m18') l WHERE l.rule = 'expired';
-- Images: near each other, and without structure.
SELECT * FROM moderation.add_images('m18', ARRAY[repeat('f0', 32), 'ff' || repeat('f0', 31), 'ffff' || repeat('f0', 30), repeat('00', 32)]::moderation.pdqhash[]);
SELECT l.severity, l.rule, regexp_replace(l.message, 'item \d+', 'item N'), regexp_replace(l.fix, '\d+\]', 'N]') AS fix
FROM moderation.lint_package('m18') l WHERE l.rule IN ('duplicate_image', 'low_quality');
CALL t.fails($$SELECT moderation.lint_package('nobody knows')$$);
CALL t.fails($$SELECT moderation.lint_package(NULL)$$);
CALL t.fails($$SELECT moderation.lint_package('m18', 99)$$);
DROP FUNCTION t.lint_as_owner();
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA moderation FROM regress_linter;
DROP ROLE regress_linter;
SELECT t.retire_all();
