-- INSERT ... ON CONFLICT: hits only of rows really stored, once.
SET pg_moderation.exposure_sample = 1;
SELECT moderation.create_package('ups', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('ups', ARRAY['casino', 'roulette']);
SELECT moderation.publish_package('ups');
CREATE TABLE t.ups (id int PRIMARY KEY, body text, n int DEFAULT 0);
SELECT moderation.attach('t.ups', id => 'id', text => '{body}', verdict_column => 'verdict') > 0 AS attached;
INSERT INTO t.ups VALUES (1, 'clean');
-- DO NOTHING: the row with the risk word is not stored.
INSERT INTO t.ups VALUES (1, 'casino') ON CONFLICT DO NOTHING;
INSERT INTO t.ups VALUES (1, 'casino'), (2, 'casino') ON CONFLICT (id) DO NOTHING;
SELECT key, term, matched FROM t.recorded;
SELECT content_key, action, weight FROM moderation.exposures ORDER BY content_key, digest;
-- DO UPDATE with the new text: once, by what is stored.
INSERT INTO t.ups VALUES (1, 'roulette') ON CONFLICT (id) DO UPDATE SET body = EXCLUDED.body RETURNING verdict->>'action' AS action;
SELECT key, term, places, count(*) FROM t.recorded WHERE key = '1' GROUP BY 1, 2, 3;
-- DO UPDATE that ignores the proposed text: the stored text is judged, not the proposed one.
TRUNCATE moderation.hits;
INSERT INTO t.ups VALUES (1, 'casino') ON CONFLICT (id) DO UPDATE SET body = 'clean', n = 1 RETURNING body, verdict;
INSERT INTO t.ups VALUES (1, 'casino') ON CONFLICT (id) DO UPDATE SET n = 2 RETURNING body, verdict;
INSERT INTO t.ups VALUES (1, 'casino') ON CONFLICT (id) DO UPDATE SET body = EXCLUDED.body WHERE false RETURNING body;
SELECT count(*) AS recorded FROM t.recorded;
-- The same content again and again: one row of hits.
INSERT INTO t.ups SELECT 3, 'casino' FROM generate_series(1, 1) ON CONFLICT (id) DO UPDATE SET body = EXCLUDED.body;
INSERT INTO t.ups VALUES (3, 'clean') ON CONFLICT (id) DO UPDATE SET body = EXCLUDED.body;
INSERT INTO t.ups VALUES (3, 'casino') ON CONFLICT (id) DO UPDATE SET body = EXCLUDED.body;
SELECT key, term, count(*) FROM t.recorded GROUP BY 1, 2 ORDER BY 1;
DROP TABLE t.ups;
SELECT t.retire_all();
TRUNCATE moderation.hits, moderation.exposures;
RESET pg_moderation.exposure_sample;
