-- Bad input: a clear error with SQLSTATE, DETAIL and HINT, the transaction as it was, no term of a package in any text.
SELECT moderation.create_policy('bad-policy') > 0 AS created;
SELECT moderation.create_package('bad') > 0 AS created;
SELECT * FROM moderation.add_terms('bad', ARRAY['topsecretterm']);
-- Policies and packages.
CALL t.fails($$SELECT moderation.create_policy('bad-policy')$$);
CALL t.fails($$SELECT moderation.create_policy('')$$);
CALL t.fails($$SELECT moderation.create_policy(NULL)$$);
CALL t.fails($$SELECT moderation.create_policy('x', severity => 0)$$);
CALL t.fails($$SELECT moderation.create_policy('x', severity => 6)$$);
CALL t.fails($$SELECT moderation.create_policy('x', severity => NULL)$$);
CALL t.fails($$SELECT moderation.create_package('bad')$$);
CALL t.fails($$SELECT moderation.create_package('x', policy => 'no such')$$);
CALL t.fails($$SELECT moderation.create_package(repeat('x', 201))$$);
CALL t.fails($$SELECT moderation.create_package(' x')$$);
CALL t.fails($$SELECT moderation.create_package('x', threshold => -1)$$);
CALL t.fails($$SELECT moderation.create_package('x', threshold => 'NaN')$$);
CALL t.fails($$SELECT moderation.create_package('x', threshold => 'Infinity')$$);
CALL t.fails($$SELECT moderation.create_package('x', threshold => NULL)$$);
CALL t.fails($$SELECT moderation.create_package('x', action => 'delete')$$);
-- Terms; the good ones beside a bad one are not added either.
CALL t.fails($$SELECT moderation.add_terms('no such', ARRAY['x'])$$);
CALL t.fails($$SELECT moderation.add_terms(NULL, ARRAY['x'])$$);
CALL t.fails($$SELECT moderation.add_terms('bad', NULL)$$);
CALL t.fails($$SELECT moderation.add_terms('bad', ARRAY['good', NULL])$$);
CALL t.fails($$SELECT moderation.add_terms('bad', ARRAY['good', ''])$$);
CALL t.fails($$SELECT moderation.add_terms('bad', ARRAY[E' \t\n'])$$);
CALL t.fails($$SELECT moderation.add_terms('bad', ARRAY['-- ... !'])$$);
CALL t.fails($$SELECT moderation.add_terms('bad', ARRAY[U&'\200B\00AD'])$$);
CALL t.fails($$SELECT moderation.add_terms('bad', ARRAY[U&'\0301'])$$);
CALL t.fails($$SELECT moderation.add_terms('bad', ARRAY['-'], match => 'substring', level => 'literal')$$);
CALL t.fails($$SELECT moderation.add_terms('bad', ARRAY['good', repeat('я', 1001)])$$);
CALL t.fails($$SELECT moderation.add_terms('bad', ARRAY['topsecret*'], match => 'wildcard', level => 'evasion')$$);
CALL t.fails($$SELECT moderation.add_terms('bad', ARRAY['good', '(topsecret'], match => 'regex')$$);
CALL t.fails($$SELECT moderation.add_terms('bad', ARRAY['topsecret & '], match => 'rule')$$);
CALL t.fails($$SELECT moderation.add_terms('bad', ARRAY['topsecret'], match => 'inflected', language => 'xx')$$);
CALL t.fails($$SELECT moderation.add_terms('bad', ARRAY['abc'], match => 'typo')$$);
CALL t.fails($$SELECT moderation.add_terms('bad', ARRAY['x'], level => NULL)$$);
CALL t.fails($$SELECT moderation.add_terms('bad', ARRAY['x'], match => NULL)$$);
CALL t.fails($$SELECT moderation.add_terms('bad', ARRAY['x'], match => 'fuzzy')$$);
CALL t.fails($$SELECT moderation.add_terms('bad', ARRAY['x'], weight => 0)$$);
CALL t.fails($$SELECT moderation.add_terms('bad', ARRAY['x'], weight => 'NaN')$$);
CALL t.fails($$SELECT moderation.add_terms('bad', ARRAY['x'], weight => 1001)$$);
CALL t.fails($$SELECT moderation.allow_terms('bad', ARRAY['good', ''])$$);
CALL t.fails($$SELECT moderation.allow_terms('no such', ARRAY['x'])$$);
CALL t.fails($$SELECT moderation.remove_terms('bad', ARRAY['topsecretterm', 'not there', 'nor there'])$$);
CALL t.fails($$SELECT moderation.remove_terms('no such', ARRAY['x'])$$);
CALL t.fails($$SELECT moderation.remove_items('no such', ARRAY[1])$$);
-- A term of exactly 1,000 characters is one.
BEGIN;
SELECT * FROM moderation.add_terms('bad', ARRAY[repeat('я', 1000)]);
ROLLBACK;
SELECT count(*) AS items FROM moderation.current_items WHERE package = 'bad';
-- Publishing.
CALL t.fails($$SELECT moderation.publish_package('no such')$$);
CALL t.fails($$SELECT moderation.publish_package('bad', stage => NULL)$$);
CALL t.fails($$SELECT moderation.publish_package('bad', stage => 'production')$$);
CALL t.fails($$SELECT moderation.retire_package('no such')$$);
SELECT moderation.create_package('bad-empty') > 0 AS created;
CALL t.fails($$SELECT moderation.publish_package('bad-empty')$$);
SELECT * FROM moderation.allow_terms('bad-empty', ARRAY['only allowed']);
CALL t.fails($$SELECT moderation.publish_package('bad-empty')$$);
-- attach() and detach().
CREATE TABLE t.content (id int, body text, n int, at timestamptz, j json, gen text GENERATED ALWAYS AS (body || '!') STORED, "char" "char", names text[], nm name);
CREATE VIEW t.content_view AS SELECT * FROM t.content;
CREATE TEMP TABLE temporary_content (id int, body text);
CREATE MATERIALIZED VIEW t.content_mv AS SELECT 1 AS id, 'x'::text AS body;
CREATE SEQUENCE t.content_seq;
CALL t.fails($$SELECT moderation.attach('t.no_such', id => 'id', text => '{body}')$$);
CALL t.fails($$SELECT moderation.attach('t.content_view', id => 'id', text => '{body}')$$);
CALL t.fails($$SELECT moderation.attach('t.content_mv', id => 'id', text => '{body}')$$);
CALL t.fails($$SELECT moderation.attach('t.content_seq', id => 'id', text => '{body}')$$);
CALL t.fails($$SELECT moderation.attach(NULL, id => 'id', text => '{body}')$$);
DO $$ BEGIN PERFORM moderation.attach('temporary_content', id => 'id', text => '{body}');
EXCEPTION WHEN wrong_object_type THEN RAISE NOTICE '% refused', SQLSTATE; END $$;
CALL t.fails($$SELECT moderation.attach('moderation.reviews', id => 'review_id', text => '{note}')$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => 'no_such', text => '{body}')$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => NULL, text => '{body}')$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => 'id', text => '{body,bdoy}')$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => 'id', text => '{}')$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => 'id', text => NULL)$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => 'id', text => '{NULL}')$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => 'id', text => '{n}')$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => 'id', text => '{j}')$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => 'id', text => '{names}')$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => 'id', text => '{char}')$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => 'id', text => '{nm}')$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => 'id', text => '{gen}')$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => 'gen', text => '{body}')$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => 'id', text => '{ctid}')$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => 'id', text => '{body,body}')$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => 'id', text => '{body}', owner => 'no_such')$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => 'id', text => '{body}', created_at => 'n')$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => 'id', text => '{body}', verdict_column => 'j')$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => 'id', text => '{body}', verdict_column => 'body')$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => 'id', text => '{body}', on_block => 'explode')$$);
CALL t.fails($$SELECT moderation.attach('t.content', id => 'id', text => '{body}', on_block => NULL)$$);
CALL t.fails($$SELECT moderation.detach('t.content')$$);
CALL t.fails($$SELECT moderation.detach(NULL)$$);
-- Nothing of all that left a trace.
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 't.content'::regclass;
SELECT string_agg(attname, ',' ORDER BY attnum) AS columns FROM pg_attribute WHERE attrelid = 't.content'::regclass AND attnum > 0 AND NOT attisdropped;
SELECT count(*) AS sources FROM moderation.sources WHERE relation = 't.content'::regclass;
SELECT moderation.attach('t.content', id => 'id', text => '{body}') > 0 AS attached;
CALL t.fails($$SELECT moderation.attach('t.content', id => 'id', text => '{body}')$$);
-- An error inside a transaction ends that statement only; what was done before stays.
BEGIN;
SELECT * FROM moderation.add_terms('bad', ARRAY['before']);
SAVEPOINT s;
\set VERBOSITY terse
SELECT * FROM moderation.add_terms('bad', ARRAY['after', '']);
ROLLBACK TO s;
SELECT moderation.publish_package('bad');
SELECT moderation.matches('before', 'bad') AS before, moderation.matches('after', 'bad') AS after;
ROLLBACK;
\set VERBOSITY default
SELECT moderation.matches('before', 'bad') AS rolled_back;
-- Items put into the tables by hand, past all checks: an error that does not show them, and the old release stays in force.
SELECT moderation.publish_package('bad');
BEGIN;
UPDATE moderation.item_versions SET term = 'topsecretterm ' || repeat('x', 2000) WHERE term = 'topsecretterm';
UPDATE moderation.packages SET action = 'log' WHERE name = 'bad';
DO $$
DECLARE d text; h text;
BEGIN
    PERFORM moderation.publish_package('bad');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
    RAISE NOTICE '% | % | %', regexp_replace(SQLERRM, '[0-9]+', 'N'), d, h;
END $$;
ROLLBACK;
SELECT moderation.matches('topsecretterm', 'bad') AS still;
DROP VIEW t.content_view; DROP MATERIALIZED VIEW t.content_mv; DROP TABLE t.content; DROP SEQUENCE t.content_seq;
SELECT t.retire_all();
