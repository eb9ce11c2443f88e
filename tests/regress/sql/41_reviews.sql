-- Reviews and package_stats(): labels of contents and of hits, precision with its interval, time bounds, shadow apart.
-- Intervals worked out by hand: centre (p + z*z/2n) / (1 + z*z/n), half z*sqrt(p(1-p)/n + z*z/4n*n) / (1 + z*z/n), z = 1.959964.
SELECT n.s, n.n, round(low::numeric, 4) AS low, round(high::numeric, 4) AS high
FROM (VALUES (0, 0), (0, 10), (10, 10), (8, 10), (50, 100), (1, 1), (81, 263)) n(s, n), moderation.wilson_interval(n.s, n.n);
SELECT round(low::numeric, 4) AS low, round(high::numeric, 4) AS high FROM moderation.wilson_interval(8, 10, z => 1);

SET pg_moderation.exposure_sample = 0;
SELECT moderation.create_policy('rev-policy') > 0 AS created;
SELECT moderation.create_package('rev', policy => 'rev-policy', action => 'review') > 0 AS created;
SELECT moderation.create_package('rev-other') > 0 AS created;
SELECT moderation.create_package('rev-idle') > 0 AS created;
SELECT * FROM moderation.add_terms('rev', ARRAY['casino', 'roulette']);
SELECT * FROM moderation.add_terms('rev-other', ARRAY['casino']);
SELECT moderation.publish_package('rev'), moderation.publish_package('rev-other');
CREATE TABLE t.v (id int PRIMARY KEY, body text, owner text);
SELECT moderation.attach('t.v', id => 'id', text => '{body}', owner => 'owner') > 0 AS attached;
-- 1 to 10 have hits, 11 has none; 1 has two items, and a second version.
INSERT INTO t.v SELECT i, 'casino ' || i, 'owner' || i % 3 FROM generate_series(1, 10) i;
UPDATE t.v SET body = 'casino and roulette' WHERE id = 1;
INSERT INTO t.v VALUES (11, 'nothing', 'owner1');
CREATE VIEW t.figures AS
    SELECT package, stage, release AS rel, hits, contents, owners, reviewed AS rev, true_positives AS tp, false_positives AS fp, unsure,
           round(precision::numeric, 4) AS precision, round(precision_low::numeric, 4) AS low, round(precision_high::numeric, 4) AS high, last_hit IS NOT NULL AS hit
    FROM moderation.package_stats() WHERE package LIKE 'rev%';
TABLE t.figures;
-- 6 violating, 2 benign, 1 unsure of 10; a review of a content without hits counts for no package.
SELECT count(moderation.record_review('t.v', i, label => 'violating')) FROM generate_series(1, 6) i;
SELECT count(moderation.record_review('t.v', i::text, label => 'benign', policy => 'rev-policy', note => 'film')) FROM generate_series(7, 8) i;
SELECT moderation.record_review('t.v', 9, 'unsure') > 0 AS reviewed;
SELECT moderation.record_review('t.v', 11, 'violating') > 0 AS reviewed;
TABLE t.figures;
-- The newest label of a content counts.
SELECT moderation.record_review('t.v', 6, 'benign') > 0 AS reviewed;
SELECT package, rev, tp, fp, precision FROM t.figures;
-- A label of one of a package's own hits says more about the package than that of the content; the other package keeps the content's.
SELECT moderation.record_review('t.v', h.content_key, 'benign', hit => h.hit_id) > 0 AS reviewed
FROM moderation.hits h JOIN moderation.packages p USING (package_id) WHERE p.name = 'rev' AND h.content_key = '2';
SELECT package, rev, tp, fp, precision FROM t.figures;
SELECT moderation.record_review('t.v', h.content_key, 'violating', hit => h.hit_id) > 0 AS reviewed
FROM moderation.hits h JOIN moderation.packages p USING (package_id) WHERE p.name = 'rev' AND h.content_key = '2';
SELECT package, rev, tp, fp FROM t.figures;
-- since is inclusive, until exclusive, by the time of the hit.
UPDATE moderation.hits SET observed_at = '2026-02-01 00:00+00', bucket = moderation.ring_bucket('2026-02-01 00:00+00') WHERE content_key = '3';
UPDATE moderation.hits SET observed_at = '2026-03-01 00:00+00', bucket = moderation.ring_bucket('2026-03-01 00:00+00') WHERE content_key = '4';
SELECT since, until, hits, true_positives AS tp FROM (VALUES ('2026-02-01'::date, '2026-03-01'::date), ('2026-02-01', '2026-03-02'), ('2026-02-02', '2026-03-01'),
    ('2026-01-01', '2026-02-01'), (NULL, '2026-03-02'), (NULL, NULL)) w(since, until),
    moderation.package_stats('rev', since => since::timestamp AT TIME ZONE 'UTC', until => until::timestamp AT TIME ZONE 'UTC');
SELECT last_hit AT TIME ZONE 'UTC' AS last_hit FROM moderation.package_stats('rev', until => '2026-03-02');
-- Shadow apart, with labels of its own hits.
SELECT * FROM moderation.add_terms('rev', ARRAY['bonus']);
SELECT moderation.publish_package('rev', stage => 'shadow');
INSERT INTO t.v VALUES (20, 'bonus', 'owner9'), (21, 'bonus casino', 'owner9');
SELECT moderation.record_review('t.v', 20, 'violating') > 0 AS reviewed;
SELECT package, stage, rel, hits, contents, owners, rev, tp, fp FROM t.figures;
-- A retired package keeps its figures.
SELECT moderation.retire_package('rev');
SELECT package, stage, rel, hits, contents FROM t.figures WHERE package = 'rev';
-- Reviews are kept, who and when; the number is handed back.
SELECT content_key, hit_id IS NOT NULL AS of_hit, label, p.name AS policy, note, reviewed_by = current_user AS by_me FROM moderation.reviews r LEFT JOIN moderation.policies p USING (policy_id)
WHERE content_key IN ('2', '7') ORDER BY review_id;
-- What cannot be reviewed.
CALL t.fails($$SELECT moderation.record_review('t.figures', 1, 'benign')$$);
CALL t.fails($$SELECT moderation.record_review('t.v', NULL::text, 'benign')$$);
CALL t.fails($$SELECT moderation.record_review('t.v', 1, NULL)$$);
CALL t.fails($$SELECT moderation.record_review('t.v', 1, 'harmless')$$);
CALL t.fails($$SELECT moderation.record_review('t.v', 1, 'benign', policy => 'none such')$$);
CALL t.fails($$SELECT moderation.record_review('t.v', 1, 'benign', hit => '00000000-0000-0000-0000-000000000000')$$);
CALL t.fails($$SELECT moderation.package_stats('none such')$$);
-- A hit of another content cannot be reviewed as this one's.
DO $$ BEGIN PERFORM moderation.record_review('t.v', 1, 'benign', hit => (SELECT hit_id FROM moderation.hits WHERE content_key = '10' LIMIT 1));
EXCEPTION WHEN undefined_object THEN RAISE NOTICE '% refused', SQLSTATE; END $$;
DROP VIEW t.figures;
DROP TABLE t.v;
SELECT t.retire_all();
TRUNCATE moderation.hits, moderation.reviews;
