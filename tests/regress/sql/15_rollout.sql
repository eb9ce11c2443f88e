-- Percentage rollout: a stable share of the contents by the new release, the rest by the one before; monotonic when raised.
SELECT moderation.create_package('r15', action => 'block') > 0 AS created;
SELECT moderation.create_package('s15', action => 'block') > 0 AS created;
-- Salts of our own: the shares are the same in every run.
UPDATE moderation.packages SET rollout_salt = '00000000-0000-0000-0000-000000000015' WHERE name = 'r15';
UPDATE moderation.packages SET rollout_salt = '00000000-0000-0000-0000-000000000016' WHERE name = 's15';
SELECT * FROM moderation.add_terms('r15', ARRAY['old']);
SELECT moderation.publish_package('r15') AS release;
SELECT moderation.remove_terms('r15', ARRAY['old']);
SELECT * FROM moderation.add_terms('r15', ARRAY['new']);
SELECT moderation.publish_package('r15', share => 10, note => 'carefully') AS release;
SELECT release, share, judges_now FROM moderation.in_force WHERE package = 'r15' ORDER BY share;

-- Every content is judged by exactly one of them, about a tenth by the new one.
CREATE VIEW t.judged AS
    SELECT k::text AS key, (v.hits->0->>'release')::integer AS release, jsonb_array_length(v.hits) AS hits
    FROM generate_series(1, 2000) k, moderation.moderate_text('old and new', content_key => k::text) v;
CREATE TABLE t.at_10 AS SELECT * FROM t.judged;
SELECT count(*) AS contents, min(hits) AS least, max(hits) AS most, count(*) FILTER (WHERE release = 2) BETWEEN 140 AND 260 AS about_a_tenth
FROM t.at_10;
-- Stable: the same key, whatever the text, has the same release.
SELECT count(*) AS moved FROM t.at_10 a, moderation.moderate_text('an old or a new text', content_key => a.key) v
WHERE (v.hits->0->>'release')::integer <> a.release;
-- Raised: who was in stays in; lowered again: the same as before.
SELECT moderation.set_rollout('r15', 35.5) AS release;
SELECT release, share FROM moderation.in_force WHERE package = 'r15' ORDER BY release;
CREATE TABLE t.at_35 AS SELECT * FROM t.judged;
SELECT count(*) FILTER (WHERE a.release = 2 AND b.release = 1) AS fell_out, count(*) FILTER (WHERE b.release = 2) BETWEEN 610 AND 810 AS about_a_third
FROM t.at_10 a JOIN t.at_35 b USING (key);
SELECT moderation.set_rollout('r15', 10) AS release;
SELECT count(*) AS moved FROM t.judged a JOIN t.at_10 b USING (key) WHERE a.release <> b.release;
-- Another package draws for itself.
SELECT * FROM moderation.add_terms('s15', ARRAY['old', 'new']);
SELECT moderation.publish_package('s15', share => 10) AS release;
SELECT count(*) FILTER (WHERE a.release = 2) BETWEEN 4 AND 50 AS few_in_both
FROM t.at_10 a, moderation.moderate_text('old', 's15', content_key => a.key) v WHERE v.action = 'block';
-- A first release in rollout leaves the rest unjudged.
SELECT count(*) BETWEEN 140 AND 260 AS about_a_tenth FROM generate_series(1, 2000) k, moderation.moderate_text('old', 's15', content_key => k::text) v
WHERE v.action = 'block';
SELECT moderation.retire_package('s15');

-- Without a key the text itself draws: moderate_text, matches, text_hits and mask_text agree on every text.
CREATE VIEW t.texts AS SELECT 'old and new ' || k AS body FROM generate_series(1, 300) k;
SELECT count(*) FILTER (WHERE h.release = 2) BETWEEN 10 AND 60 AS about_a_tenth,
       count(*) FILTER (WHERE NOT moderation.matches(body, 'r15')) AS matches_none,
       count(*) FILTER (WHERE (v.hits->0->>'release')::integer <> h.release) AS differ,
       count(*) FILTER (WHERE moderation.mask_text(body) <> replace(body, h.term, '***')) AS masked_otherwise
FROM t.texts, moderation.text_hits(body, 'r15') h, moderation.moderate_text(body) v;
SELECT count(*) FILTER (WHERE moderation.matches(body, 'r15')) BETWEEN 10 AND 60 AS only_those_of_the_new
FROM (SELECT 'new ' || k AS body FROM generate_series(1, 300) k) x;

-- Attached tables draw by their key, and so agree with moderate_text(content_key); recorded hits name their release.
CREATE TABLE t.ads15 (ad_id bigint PRIMARY KEY, body text, v jsonb);
SELECT moderation.attach('t.ads15', id => 'ad_id', text => '{body}', verdict_column => 'v') > 0 AS attached;
INSERT INTO t.ads15 SELECT k, 'old and new' FROM generate_series(1, 300) k;
SELECT count(*) AS rows, count(*) FILTER (WHERE (v->'hits'->0->>'release')::integer <> a.release) AS differ
FROM t.ads15 JOIN t.at_10 a ON a.key = ad_id::text;
SELECT count(*) AS hits, count(*) FILTER (WHERE h.release <> a.release) AS differ
FROM moderation.hits h JOIN t.at_10 a ON a.key = h.content_key WHERE h.source_id = (SELECT source_id FROM moderation.sources WHERE relation = 't.ads15'::regclass);
-- An update of the text keeps its release.
UPDATE t.ads15 SET body = 'a new text, not an old one';
SELECT count(*) FILTER (WHERE (v->'hits'->0->>'release')::integer <> a.release) AS differ
FROM t.ads15 JOIN t.at_10 a ON a.key = ad_id::text;
DROP TABLE t.ads15;

-- A shadow release beside a rollout; another candidate takes the first one's place, the rest stays with release 1.
SELECT * FROM moderation.add_terms('r15', ARRAY['newer']);
SELECT moderation.publish_package('r15', stage => 'shadow') AS release;
SELECT stage, release, share FROM moderation.in_force WHERE package = 'r15' ORDER BY stage, share;
CALL t.fails($$SELECT moderation.publish_package('r15', stage => 'shadow', share => 10)$$);
SELECT moderation.promote_release('r15', share => 10) AS release;
SELECT stage, release, share FROM moderation.in_force WHERE package = 'r15' ORDER BY stage, share;
SELECT count(*) AS contents, count(*) FILTER (WHERE (a.release = 2) <> (j.release = 3)) AS another_share
FROM t.at_10 a JOIN t.judged j USING (key);
-- Retire and restore keep the share; rolling back a rollout goes to who judges the rest.
SELECT moderation.retire_package('r15');
SELECT r.release, r.share, r.rest FROM moderation.restore_package('r15') r;
SELECT moderation.rollback_package('r15') AS release;
SELECT stage, release, share FROM moderation.in_force WHERE package = 'r15';
SELECT moderation.publish_package('r15', share => 0.01) AS release;
SELECT moderation.set_rollout('r15', 100) AS release;
SELECT stage, release, share FROM moderation.in_force WHERE package = 'r15';

-- What is no share.
CALL t.fails($$SELECT moderation.publish_package('r15', share => 0)$$);
CALL t.fails($$SELECT moderation.publish_package('r15', share => 100.5)$$);
CALL t.fails($$SELECT moderation.publish_package('r15', share => 'NaN')$$);
CALL t.fails($$SELECT moderation.publish_package('r15', share => NULL)$$);
CALL t.fails($$SELECT moderation.publish_package('r15', share => 0.001)$$);
CALL t.fails($$SELECT moderation.set_rollout('r15', 50)$$);
CALL t.fails($$SELECT moderation.publish_package('r15', share => 10)$$);
SELECT stage, release, share FROM moderation.in_force WHERE package = 'r15';
DROP VIEW t.judged, t.texts;
DROP TABLE t.at_10, t.at_35;
-- Who did what.
SELECT a.call, count(*), count(a.before) AS before, count(a.after) AS after, count(a.reason) AS reason, count(DISTINCT a.by_role) AS roles
FROM moderation.audit_log a JOIN moderation.packages p USING (package_id) WHERE p.name IN ('r15') GROUP BY 1 ORDER BY 1;
TRUNCATE moderation.hits, moderation.exposures, moderation.sources, moderation.installation RESTART IDENTITY;
SELECT t.retire_all();
