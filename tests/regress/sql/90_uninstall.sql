-- DROP EXTENSION: refused while tables are attached; with CASCADE it leaves them and their columns.
SET pg_moderation.exposure_sample = 0;
SELECT moderation.create_package('drop', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('drop', ARRAY['casino']);
SELECT moderation.publish_package('drop');
CREATE TABLE public.stays (id int PRIMARY KEY, body text);
SELECT moderation.attach('public.stays', id => 'id', text => '{body}', verdict_column => 'verdict') > 0 AS attached;
INSERT INTO public.stays VALUES (1, 'casino'), (2, 'fine');
DROP VIEW t.recorded;
\set VERBOSITY terse
DROP EXTENSION pg_moderation;
\set VERBOSITY default
INSERT INTO public.stays VALUES (3, 'casino') RETURNING verdict->>'action' AS action;
SET client_min_messages = warning;
DROP EXTENSION pg_moderation CASCADE;
RESET client_min_messages;
SELECT id, body, verdict->>'action' AS action FROM public.stays ORDER BY id;
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'public.stays'::regclass;
INSERT INTO public.stays VALUES (4, 'casino') RETURNING verdict;
SELECT count(*) AS schemas FROM pg_namespace WHERE nspname = 'moderation';
-- In the same session again, as if for the first time: new ids, nothing in force.
CREATE EXTENSION pg_moderation;
SELECT * FROM moderation.moderate_text('casino');
SELECT moderation.create_package('drop') AS first_id;
SELECT * FROM moderation.add_terms('drop', ARRAY['roulette']);
SELECT moderation.publish_package('drop');
SELECT moderation.matches('casino', 'drop') AS old, moderation.matches('roulette', 'drop') AS new;
SELECT moderation.attach('public.stays', id => 'id', text => '{body}', verdict_column => 'verdict') AS first_source;
INSERT INTO public.stays VALUES (5, 'roulette'), (6, 'casino') RETURNING id, verdict->>'action' AS action;
SELECT content_key, outcome FROM moderation.hits;
SELECT moderation.detach('public.stays');
-- With nothing attached it goes without CASCADE.
DROP EXTENSION pg_moderation;
SELECT count(*) AS schemas FROM pg_namespace WHERE nspname = 'moderation';
DROP TABLE public.stays;
