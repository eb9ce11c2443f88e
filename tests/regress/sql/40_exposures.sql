-- Exposures: the sampled record that a content was judged, hit or not.
SELECT moderation.create_package('exp', action => 'review') > 0 AS created;
SELECT * FROM moderation.add_terms('exp', ARRAY['casino']);
SELECT moderation.publish_package('exp');
CREATE TABLE t.e (id int PRIMARY KEY, body text, owner text, made date);
SELECT moderation.attach('t.e', id => 'id', text => '{body}', owner => 'owner', created_at => 'made') > 0 AS attached;
-- 1: each content once, with weight 1.
SET pg_moderation.exposure_sample = 1;
INSERT INTO t.e VALUES (1, 'casino', 'o', '2026-01-01'), (2, 'nothing', NULL, NULL), (3, NULL, NULL, NULL);
SELECT content_key, owner_key, created_at AT TIME ZONE 'UTC' AS created_at, action, weight, digest = moderation.content_digest(body) AS digest, bucket = moderation.ring_bucket(observed_at) AS bucket
FROM moderation.exposures JOIN t.e ON id::text = content_key ORDER BY content_key;
UPDATE t.e SET owner = 'x';
UPDATE t.e SET body = 'other' WHERE id = 2;
UPDATE t.e SET body = 'nothing' WHERE id = 2;
SELECT content_key, count(*), sum(weight) FROM moderation.exposures GROUP BY 1 ORDER BY 1;
-- Judged again by something else in force, it is another exposure.
SELECT * FROM moderation.add_terms('exp', ARRAY['other']);
SELECT moderation.publish_package('exp');
UPDATE t.e SET body = 'other' WHERE id = 2;
SELECT content_key, action, count(*) FROM moderation.exposures WHERE content_key = '2' GROUP BY 1, 2 ORDER BY 2;
-- 0: none.
TRUNCATE moderation.exposures;
SET pg_moderation.exposure_sample = 0;
INSERT INTO t.e VALUES (4, 'casino'), (5, 'nothing');
SELECT count(*) FROM moderation.exposures;
-- 10: about a tenth, each for ten; by key: all versions of a content are in or out together.
-- A salt of our own: the sample is the same in every run.
UPDATE moderation.installation SET salt = '\x00';
SET pg_moderation.exposure_sample = 10;
INSERT INTO t.e SELECT i, 'first' FROM generate_series(1001, 6000) i;
SELECT count(*) BETWEEN 350 AND 650 AS about_a_tenth, min(weight), max(weight) FROM moderation.exposures;
CREATE TEMP TABLE chosen AS SELECT content_key FROM moderation.exposures;
TRUNCATE moderation.exposures;
UPDATE t.e SET body = 'casino' WHERE id > 1000;
SELECT count(*) FILTER (WHERE a.content_key IS NULL OR b.content_key IS NULL) AS not_in_both
FROM chosen a FULL JOIN moderation.exposures b USING (content_key);
-- A larger sample contains the smaller ones that divide it.
TRUNCATE moderation.exposures;
SET pg_moderation.exposure_sample = 5;
UPDATE t.e SET body = 'third' WHERE id > 1000;
SELECT count(*) AS missing FROM chosen WHERE content_key NOT IN (SELECT content_key FROM moderation.exposures);
-- Only an administrator sets it, within bounds.
CALL t.fails('SET pg_moderation.exposure_sample = -1');
CALL t.fails('SET pg_moderation.exposure_sampel = 1');
CREATE ROLE regress_moderation_app;
SET ROLE regress_moderation_app;
CALL t.fails('SET pg_moderation.exposure_sample = 0');
RESET ROLE;
DROP ROLE regress_moderation_app;
DROP TABLE t.e;
SELECT t.retire_all();
TRUNCATE moderation.hits, moderation.exposures;
RESET pg_moderation.exposure_sample;
