-- Cases: contents that belong together, what they share, and what to propose of it. And the report.
SET pg_moderation.exposure_sample = 0;
SELECT moderation.create_policy('case-policy') > 0 AND moderation.create_package('cased') > 0 AS created;
SELECT moderation.open_case('Pills by mail', policy => 'case-policy', note => 'tip') > 0 AS opened;
SELECT max(case_id) AS c FROM moderation.cases \gset
SELECT moderation.add_to_case(:c, ARRAY['Buy wonder pills at pills-now.example, ask @pill_man', 'Buy wonder pills at pills-now.example! Ask @pill_man 2', 'Wonder pills for all: call +7 495 123-45-67', 'wonder pills, +7 (495) 123 45 67'],
    owners => ARRAY['o1', 'o1', 'o2', NULL], created_at => ARRAY['2026-01-01', '2026-01-03', NULL, NULL]::timestamptz[]);
SELECT * FROM moderation.summarize_case(:c, background => array_fill('ask for all'::text, ARRAY[20]));
SELECT kind, term, change->'add'->0->>'match' AS match, evidence, case_id = :c AS of_case FROM moderation.derive_from_case(:c, 'cased', background => array_fill('ask for all'::text, ARRAY[20]));
SELECT count(moderation.accept_proposal(proposal_id)) > 0 AS accepted FROM moderation.open_proposals WHERE case_id = :c;
SELECT term, match, case_ref = :'c' AS case_ref FROM moderation.current_items WHERE package = 'cased' ORDER BY term COLLATE "C";
SELECT moderation.close_case(:c, 'done');
-- A content is in a case once; an empty case has nothing to say.
SELECT moderation.open_case('empty') AS e \gset
SELECT * FROM moderation.summarize_case(:e);
SELECT count(*) FROM moderation.derive_from_case(:e, 'cased');
CALL t.fails($$SELECT moderation.add_to_case(-1, ARRAY['x'])$$);
CALL t.fails($$SELECT moderation.open_case(' ')$$);
CALL t.fails($$SELECT moderation.summarize_case(NULL)$$);
DO $$ BEGIN PERFORM moderation.add_to_case(min(case_id), ARRAY['x']) FROM moderation.cases; EXCEPTION WHEN object_not_in_prerequisite_state THEN RAISE NOTICE 'closed'; END $$;
DO $$ BEGIN PERFORM moderation.add_to_case(max(case_id), ARRAY['x', NULL]) FROM moderation.cases; EXCEPTION WHEN invalid_parameter_value THEN RAISE NOTICE 'NULL refused'; END $$;
DO $$ BEGIN PERFORM moderation.add_to_case(max(case_id), ARRAY['x'], owners => ARRAY['a', 'b']) FROM moderation.cases; EXCEPTION WHEN invalid_parameter_value THEN RAISE NOTICE 'lengths refused'; END $$;
-- The report: everything escaped, wherever it comes from.
SELECT moderation.create_package('<script>alert("&''1")</script>') > 0 AS created;
SELECT * FROM moderation.add_terms('<script>alert("&''1")</script>', ARRAY['<img src=x onerror=alert(1)>', 'harm'], match => 'substring');
SELECT moderation.publish_package('<script>alert("&''1")</script>');
CREATE TABLE t.r (id text PRIMARY KEY, body text);
SELECT moderation.attach('t.r', id => 'id', text => '{body}') > 0 AS attached;
INSERT INTO t.r VALUES ('"><b>key', 'a <img src=x onerror=alert(1)> b'), ('2', 'harm <svg onload=1>'), ('3', 'harm');
SELECT moderation.record_review('t.r', '2', 'benign') > 0 AND moderation.record_review('t.r', '3', 'violating') > 0 AS reviewed;
SELECT moderation.package_report('<script>alert("&''1")</script>') AS page \gset
SELECT :'page' LIKE '<!DOCTYPE html>%</html>%' AS whole, :'page' ~ '<script|<img|<svg onload|<b>key' AS unescaped, :'page' LIKE '%&lt;img src=x onerror=alert(1)&gt;%' AS escaped, :'page' ~ '(src|href)="?(https?:)?//' AS network, :'page' LIKE '%<svg viewBox%' AS chart, :'page' LIKE '%50.0 % <small>[9.5–90.5]</small>%' AS interval;
-- Redacted: no term, no matched text.
SELECT position('harm' IN x) AS harm, position('onerror' IN x) AS onerror, x LIKE '%left out%' AS says_so FROM moderation.package_report('<script>alert("&''1")</script>', redacted => true) x;
SELECT moderation.package_report('cased') LIKE '%No hits in this time.%' AS empty_report;
CALL t.fails($$SELECT moderation.package_report('none such')$$);
SELECT moderation.html(E'a\u0001b\u009f<>&"''') AS html, moderation.html(NULL) AS html_null;
DROP TABLE t.r;
SELECT t.retire_all();
TRUNCATE moderation.hits, moderation.reviews, moderation.proposals, moderation.cases, moderation.case_contents;
