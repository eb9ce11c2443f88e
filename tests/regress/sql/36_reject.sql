-- Rejected rows: an error an application can read, and hits that survive the transaction that was refused.
SET pg_moderation.exposure_sample = 0;
SELECT moderation.create_package('rej', action => 'block') > 0 AS created;
SELECT moderation.create_package('rej-review', action => 'review') > 0 AS created;
SELECT * FROM moderation.add_terms('rej', ARRAY['secret casino']);
SELECT * FROM moderation.add_terms('rej-review', ARRAY['bonus']);
SELECT moderation.publish_package('rej'), moderation.publish_package('rej-review');
CREATE TABLE t.r (id int PRIMARY KEY, title text, body text);
SELECT moderation.attach('t.r', id => 'id', text => '{title,body}', on_block => 'reject') > 0 AS attached;
INSERT INTO t.r VALUES (1, 'fine', 'a bonus');
-- SQLSTATE, message, a DETAIL in JSON that names neither the term nor the text, a hint.
DO $$
DECLARE m text; d text; h text;
BEGIN
    INSERT INTO t.r VALUES (2, 'SECRET casino', 'bonus');
EXCEPTION WHEN SQLSTATE 'MD001' THEN
    GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
    RAISE NOTICE '% | %', m, h;
    RAISE NOTICE 'keys: %', (SELECT string_agg(k, ' ' ORDER BY k COLLATE "C") FROM jsonb_object_keys(d::jsonb) k);
    RAISE NOTICE 'action %, score %, content_key %', d::jsonb->>'action', d::jsonb->>'score', d::jsonb->>'content_key';
    FOR h IN SELECT (x - 'item')::text FROM jsonb_array_elements(d::jsonb->'hits') x LOOP RAISE NOTICE '%', h; END LOOP;
    RAISE NOTICE 'shows the term: %', (m || d || h) ILIKE '%secret%';
END $$;
-- The whole statement is refused, the transaction is the caller's.
\set VERBOSITY sqlstate
INSERT INTO t.r VALUES (3, 'fine', NULL), (4, 'a secret  casino', NULL), (5, 'fine', NULL);
UPDATE t.r SET body = 'secret casino' WHERE id = 1;
COPY t.r FROM stdin;
6	fine	fine
7	fine	secret casino
\.
INSERT INTO t.r VALUES (1, 'secret casino', 'x') ON CONFLICT (id) DO UPDATE SET title = EXCLUDED.title;
INSERT INTO t.r VALUES (1, 'secret casino', 'x') ON CONFLICT (id) DO NOTHING;
BEGIN;
INSERT INTO t.r VALUES (8, 'fine', NULL);
SAVEPOINT s;
INSERT INTO t.r VALUES (9, 'secret casino', NULL);
ROLLBACK TO s;
COMMIT;
\set VERBOSITY default
SELECT * FROM t.r ORDER BY id;
-- The hits of all of them, once; those of stored rows say flagged.
CALL t.collect_all();
SELECT key, term, action, outcome, field, matched FROM t.recorded;
SELECT moderation.collect_rejected() AS nothing_left;
SELECT count(*) FROM moderation.hits WHERE outcome = 'rejected';
DROP TABLE t.r;
SELECT t.retire_all();
TRUNCATE moderation.hits;
