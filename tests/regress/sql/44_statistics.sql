-- Figures of items, policies and releases; recall; overlap; rollups; alarms. Every figure can be counted from the inserts.
SELECT moderation.create_policy('s-goods') > 0 AND moderation.create_policy('s-other') > 0 AS created;
SELECT moderation.create_package('s-one', policy => 's-goods') > 0 AND moderation.create_package('s-two', policy => 's-goods') > 0
   AND moderation.create_package('s-sum', policy => 's-other', threshold => 1.5) > 0 AS created;
SELECT * FROM moderation.add_terms('s-one', ARRAY['alpha', 'beta', 'gamma', 'never']);
SELECT * FROM moderation.add_terms('s-two', ARRAY['beta']);
SELECT * FROM moderation.add_terms('s-sum', ARRAY['left', 'right']);
SELECT count(moderation.publish_package(p)) FROM unnest('{s-one,s-two,s-sum}'::text[]) p;
CREATE TABLE t.s (id int PRIMARY KEY, body text, owner text);
SELECT moderation.attach('t.s', id => 'id', text => '{body}', owner => 'owner') > 0 AS attached;
SET pg_moderation.exposure_sample = 1;
-- 40 alpha, of which 10 also beta; 10 beta alone; 5 gamma with alpha; 4 left, 3 right, 2 both; 100 nothing.
INSERT INTO t.s SELECT i, 'alpha', 'o' || i % 4 FROM generate_series(1, 25) i;
INSERT INTO t.s SELECT i, 'alpha beta', 'p' FROM generate_series(26, 35) i;
INSERT INTO t.s SELECT i, 'alpha gamma, alpha', 'p' FROM generate_series(36, 40) i;
INSERT INTO t.s SELECT i, 'beta', 'q' FROM generate_series(41, 50) i;
INSERT INTO t.s SELECT i, CASE WHEN i <= 54 THEN 'left' WHEN i <= 57 THEN 'right' ELSE 'left right' END, 'r' FROM generate_series(51, 59) i;
INSERT INTO t.s SELECT i, 'nothing', NULL FROM generate_series(101, 200) i;
-- 1 to 20 violating, 21 to 25 benign, 26 to 30 violating, 36 to 40 benign, 41 to 44 benign; 58 violating.
SELECT count(moderation.record_review('t.s', i, CASE WHEN i <= 20 OR i BETWEEN 26 AND 30 OR i = 58 THEN 'violating' ELSE 'benign' END::moderation.review_label))
FROM (SELECT generate_series(1, 30) UNION ALL SELECT generate_series(36, 44) UNION ALL SELECT 58) x(i);
CREATE VIEW t.items AS SELECT package, term, hits, contents, owners, true_positives AS tp, false_positives AS fp, round(precision::numeric, 3) AS precision, round(precision_low::numeric, 3) AS low, round(precision_high::numeric, 3) AS high,
    round(spam_over_all::numeric, 3) AS so, unique_contents AS uniq, unique_true_positives AS uniq_tp, unique_false_positives AS uniq_fp, marginal_place AS place, marginal_contents AS gain, round(cost_share::numeric, 3) AS cost, in_force
    FROM unnest('{s-one,s-two,s-sum}'::text[]) p, moderation.item_stats(p) WHERE stage = 'live';
SELECT * FROM t.items ORDER BY package, term;
-- A package with a threshold acts, and is judged, only where the sum reaches it; contents that no other package acts on are its own.
SELECT package, hits, contents, owners, reviewed AS rev, true_positives AS tp, false_positives AS fp, round(precision::numeric, 3) AS precision, unique_contents AS uniq, unique_true_positives AS uniq_tp, round(spam_over_all::numeric, 3) AS so, recent_contents AS recent, round(recent_precision::numeric, 3) AS recent_precision
FROM moderation.package_stats() WHERE package LIKE 's-%' AND stage = 'live';
-- A policy's packages together: a content counts once.
SELECT package, policy, stage, hits, contents, true_positives AS tp, false_positives AS fp, round(precision::numeric, 3) AS precision FROM moderation.policy_stats('s-goods') WHERE stage = 'live';
-- By release, and by day, week and month of the hit.
SELECT moderation.remove_terms('s-one', ARRAY['gamma']);
SELECT moderation.publish_package('s-one');
INSERT INTO t.s SELECT i, 'alpha', 'z' FROM generate_series(60, 62) i;
SELECT release, hits, contents, true_positives AS tp FROM moderation.package_stats('s-one', by => 'release');
UPDATE moderation.hits SET observed_at = '2020-05-10 12:00+00', bucket = moderation.ring_bucket('2020-05-10 12:00+00') WHERE content_key::int BETWEEN 1 AND 10;
UPDATE moderation.hits SET observed_at = '2020-05-12 12:00+00', bucket = moderation.ring_bucket('2020-05-12 12:00+00') WHERE content_key::int BETWEEN 11 AND 20;
SELECT by, bucket AT TIME ZONE 'UTC' AS bucket, contents, true_positives AS tp FROM unnest('{day,week,month}'::text[]) by, moderation.package_stats('s-one', until => '2020-06-01', by => by) ORDER BY 1, 2;
-- The same of items and policies: the rows of an item add up where no content came twice; greedy order and cost anew in each.
SELECT term, release, contents, true_positives AS tp, unique_contents AS uniq, marginal_place AS place, marginal_contents AS gain, round(cost_share::numeric, 3) AS cost FROM moderation.item_stats('s-one', by => 'release') WHERE stage = 'live';
SELECT by, bucket AT TIME ZONE 'UTC' AS bucket, term, contents, true_positives AS tp, false_positives AS fp, round(precision::numeric, 3) AS precision FROM unnest('{day,week,month}'::text[]) by, moderation.item_stats('s-one', until => '2020-06-01', by => by) ORDER BY 1, 2, 3;
SELECT package, policy, release, contents, true_positives AS tp FROM moderation.policy_stats('s-goods', by => 'release');
SELECT package, bucket AT TIME ZONE 'UTC' AS bucket, contents, true_positives AS tp FROM moderation.policy_stats('s-goods', until => '2020-06-01', by => 'month', stage => 'live');
-- Overlap: all of gamma is alpha; half of beta is alpha; the two packages.
SELECT term_a, package_b, term_b, contents_a, contents_b, contents_both AS both, round(share_of_a::numeric, 2) AS of_a, round(share_of_b::numeric, 2) AS of_b FROM moderation.item_overlap('s-one') ORDER BY 1, 2, 3;
SELECT * FROM moderation.package_overlap() WHERE package_a LIKE 's-%';
-- Recall: only what was judged while the package was live, and was drawn at random, counts. Nothing drawn yet: how many labels are missing.
UPDATE moderation.deployments d SET since = '2020-01-01' FROM moderation.packages p WHERE p.package_id = d.package_id AND p.name LIKE 's-%';
SELECT recall, recall_labels, recall_note FROM moderation.package_stats('s-one') WHERE stage = 'live';
SELECT count(*) FROM moderation.next_for_review(1000, 'flagged', since => '2020-01-01'), moderation.release_claims();
-- Everything flagged and unflagged is drawn and labelled: the estimate is the truth. 5 of 100 unflagged violate, 6 of 9 that s-one missed.
SELECT moderation.draw_sample('unflagged', 0, '2020-01-01', 1000) AS drawn;
SELECT stratum, count(*), max(probability) FROM moderation.review_samples GROUP BY 1 ORDER BY 1;
SELECT count(moderation.record_review('t.s', i, 'violating')) FROM generate_series(101, 105) i;
SELECT count(moderation.record_review('t.s', i, 'benign')) FROM generate_series(106, 200) i;
SELECT count(moderation.record_review('t.s', i, CASE WHEN i <= 46 THEN 'violating' ELSE 'benign' END::moderation.review_label)) FROM generate_series(45, 62) i WHERE i <> 58;
SELECT count(moderation.record_review('t.s', i, 'benign')) FROM generate_series(31, 35) i;
SELECT round(recall::numeric, 4) AS recall, round(recall_low::numeric, 3) AS low, round(recall_high::numeric, 3) AS high, recall_labels, recall_note FROM moderation.package_stats('s-one', since => '2020-01-01') WHERE stage = 'live';
WITH truth AS (SELECT l.content_key, EXISTS (SELECT FROM moderation.content_verdicts v JOIN moderation.packages p USING (package_id) WHERE p.name = 's-one' AND v.content_key = l.content_key AND v.acted AND v.stage = 'live') AS caught FROM moderation.labels l WHERE l.label = 'violating')
SELECT round(count(*) FILTER (WHERE caught) / count(*)::numeric, 4) AS recall, count(*) AS violating FROM truth;
-- A stage alone, of packages, policies and items.
SELECT moderation.create_package('s-shadow', policy => 's-other') > 0 AS created;
SELECT * FROM moderation.add_terms('s-shadow', ARRAY['sigma']);
SELECT moderation.publish_package('s-shadow', stage => 'shadow');
INSERT INTO t.s VALUES (70, 'sigma', 'z');
SELECT 'package' AS figures, stage, hits, release FROM moderation.package_stats('s-shadow', stage => 'shadow')
UNION ALL SELECT 'package', stage, hits, release FROM moderation.package_stats('s-shadow', stage => 'live')
UNION ALL SELECT 'policy', stage, hits, release FROM moderation.policy_stats('s-other', stage => 'shadow')
UNION ALL SELECT 'item', stage, hits, release FROM moderation.item_stats('s-shadow', by => 'release', stage => 'shadow')
UNION ALL SELECT 'item', stage, hits, release FROM moderation.item_stats('s-shadow', stage => 'live');
-- A package that goes live after the sample was taken is not judged yet: not recall 0. One that never was live neither.
SELECT moderation.create_package('s-late') > 0 AS created;
SELECT * FROM moderation.add_terms('s-late', ARRAY['omega']);
SELECT recall, recall_labels, recall_note FROM moderation.package_stats('s-late') WHERE stage = 'live';
SELECT moderation.publish_package('s-late');
SELECT recall, recall_labels, recall_note FROM moderation.package_stats('s-late') WHERE stage = 'live';
INSERT INTO t.s SELECT i, 'nothing ' || i, 'z' FROM generate_series(301, 310) i;
SELECT recall, recall_labels, recall_note FROM moderation.package_stats('s-late') WHERE stage = 'live';
-- Out of force again, what is judged from then on does not count against it.
SELECT moderation.retire_package('s-late');
INSERT INTO t.s SELECT i, 'nothing ' || i, 'z' FROM generate_series(311, 390) i;
SELECT count(*) FROM moderation.next_for_review(1000, 'unflagged'), moderation.release_claims();
SELECT count(moderation.record_review('t.s', i, 'violating')) FROM generate_series(311, 390) i;
SELECT recall, recall_labels, recall_note FROM moderation.package_stats('s-late') WHERE stage = 'live';
DELETE FROM moderation.reviews WHERE content_key::int BETWEEN 301 AND 390;
DELETE FROM moderation.review_samples WHERE content_key::int BETWEEN 301 AND 390;
-- The interval by itself: zero found, zero missed, both.
SELECT f, m, round(recall::numeric, 3) AS recall, round(low::numeric, 3) AS low, round(high::numeric, 3) AS high
FROM (VALUES (0, 0), (10, 0), (0, 10), (10, 10), (1000, 10)) x(f, m), moderation.recall_interval(f, f * 0.8, f * 1.2, m, m * 0.5, m * 1.5 + 1);
-- Without any label: NULL, never 0 or 1.
SELECT term, precision, low, high, so FROM t.items WHERE term = 'never';
SELECT precision, precision_low, spam_over_all, recall FROM moderation.package_stats('s-one', since => now() + interval '1 day') WHERE stage = 'live';
-- Rollups: what the views say before and after a refresh is the same; labels follow; expired hits leave their days.
CREATE TEMP TABLE before AS SELECT day, package, stage, hits, contents, owners, kept_out FROM moderation.package_daily WHERE package LIKE 's-%';
SELECT moderation.refresh_rollups() > 0 AS refreshed;
SELECT count(*) AS differ FROM (TABLE before EXCEPT SELECT day, package, stage, hits, contents, owners, kept_out FROM moderation.package_daily) x;
SELECT day, package, contents, true_positives AS tp, false_positives AS fp FROM moderation.package_daily WHERE package LIKE 's-%' AND day < '2020-06-01' ORDER BY 1, 2;
SELECT day, item_id > 0 AS item, contents, true_positives AS tp FROM moderation.item_daily WHERE package = 's-one' AND day < '2020-06-01' ORDER BY 1;
SELECT day, release, contents FROM moderation.release_daily WHERE package = 's-one' AND day < '2020-06-01' ORDER BY 1;
SELECT term, hits, true_positives AS tp, recent_hits, first_day, last_day > first_day AS later FROM moderation.item_totals WHERE package = 's-one' AND term = 'alpha';
SELECT moderation.record_review('t.s', 11, 'benign') > 0 AS reviewed;
SELECT moderation.refresh_rollups() < 5 AS few_days;
SELECT day, true_positives AS tp, false_positives AS fp FROM moderation.package_daily WHERE package = 's-one' AND day < '2020-06-01' ORDER BY 1;
-- Labels of every kind, of contents and of hits, changed again and again: the same figures as counted anew from the hits.
CREATE VIEW t.counted_anew AS
    SELECT day, package_id, stage, coalesce(release, 0) AS release, coalesce(item_id, 0) AS item_id,
           count(DISTINCT content) FILTER (WHERE label = 'violating') AS tp, count(DISTINCT content) FILTER (WHERE label = 'benign') AS fp,
           count(DISTINCT content) FILTER (WHERE label = 'unsure') AS unsure, count(DISTINCT content) FILTER (WHERE disputed) AS disputed
    FROM (SELECT (observed_at AT TIME ZONE 'UTC')::date AS day, content_key AS content, * FROM moderation.hit_labels) l
    GROUP BY GROUPING SETS ((day, package_id, stage), (day, package_id, stage, release), (day, package_id, stage, item_id));
CREATE VIEW t.differ AS
    SELECT count(*) AS differ FROM t.counted_anew c JOIN moderation.rollup_days r USING (day, package_id, stage, release, item_id)
    WHERE (c.tp, c.fp, c.unsure, c.disputed) <> (r.true_positives, r.false_positives, r.unsure, r.disputed);
TABLE t.differ;
SELECT moderation.record_review('t.s', 12, 'benign', reviewer => 'other') > 0 AND moderation.record_review('t.s', 13, 'unsure') > 0
   AND moderation.appeal_review('t.s', 14, 'benign') > 0 AND moderation.record_review('t.s', 26, 'benign', policy => 's-goods') > 0 AS reviewed;
SELECT count(moderation.record_review('t.s', content_key, 'benign', hit => hit_id)) FROM (SELECT DISTINCT ON (content_key) content_key, hit_id FROM moderation.hits WHERE content_key::int BETWEEN 14 AND 34 ORDER BY content_key, item_id) h;
SELECT differ > 0 AS stale FROM t.differ;
SELECT moderation.refresh_rollups() > 0 AS refreshed;
TABLE t.differ;
SELECT moderation.appeal_review('t.s', 14, 'violating') > 0 AND moderation.record_review('t.s', 12, 'violating', reviewer => 'other') > 0 AS reviewed;
SELECT count(moderation.appeal_review('t.s', content_key, 'violating', hit => hit_id)) FROM moderation.hits WHERE content_key::int BETWEEN 16 AND 18;
SELECT moderation.refresh_rollups() > 0 AND moderation.refresh_rollups() > 0 AND moderation.refresh_rollups('2020-05-11') > 0 AS refreshed;
TABLE t.differ;
SELECT sum(true_positives) > 0 AND sum(false_positives) > 0 AND sum(unsure) > 0 AS all_kinds, (SELECT count(*) FROM t.counted_anew) = count(*) AS same_rows FROM moderation.rollup_days WHERE day >= '2020-05-01';
SELECT count(*) AS differ FROM moderation.item_totals t FULL JOIN (SELECT item_id, stage, sum(true_positives) AS tp, sum(hits) AS hits FROM moderation.item_daily GROUP BY 1, 2) d USING (item_id, stage)
WHERE (t.true_positives, t.hits) IS DISTINCT FROM (d.tp, d.hits);
DROP VIEW t.differ, t.counted_anew;
DELETE FROM moderation.hits WHERE observed_at < '2020-06-01';
SELECT moderation.refresh_rollups('2020-05-01') > 0 AS refreshed;
SELECT day, contents FROM moderation.package_daily WHERE package = 's-one' AND day < '2020-06-01' ORDER BY 1;
-- The limits one by one are those of the interval.
SELECT count(*) FILTER (WHERE abs(low - moderation.wilson_low(k, n)) > 1e-12 OR abs(high - moderation.wilson_high(k, n)) > 1e-12) AS differ, count(*)
FROM generate_series(1, 60) n, generate_series(0, n) k, moderation.wilson_interval(k, n);
SELECT moderation.wilson_low(0, 0), moderation.wilson_high(0, 0);
-- The exact binomial tail.
SELECT k, n, p, round(moderation.binomial_tail(k, n, p)::numeric, 6) AS tail FROM (VALUES (0, 10, .5), (5, 10, .5), (10, 10, .5), (11, 10, .5), (3, 100, .01), (60, 1000, .05), (1, 5, 0), (2, 5, 1), (3, 10, .9)) x(k, n, p);
-- Alarms: 72 hours of 100 contents, 2 of them hits; then an hour with 5, then one with 12.
TRUNCATE moderation.hits, moderation.exposures;
INSERT INTO moderation.exposures (bucket, observed_at, source_id, content_key, digest, set_hash, weight)
SELECT moderation.ring_bucket(m), m, 1, h || '-' || n, '', '', 10 FROM generate_series(0, 71) h, generate_series(1, 10) n, LATERAL (SELECT timestamptz '2020-07-10 00:00+00' - (h + 0.5) * interval '1 hour') x(m);
INSERT INTO moderation.hits (bucket, observed_at, source_id, content_key, digest, set_hash, package_id, release, stage, item_id, kind, action, outcome, score)
SELECT moderation.ring_bucket(m), m, 1, h || '-' || n, '', '', p.package_id, 1, 'live', v.item_id, 'term', 'block', 'flagged', 1
FROM generate_series(0, 71) h, generate_series(1, 12) n, moderation.packages p JOIN moderation.item_versions v USING (package_id), LATERAL (SELECT timestamptz '2020-07-10 00:00+00' - (h + 0.5) * interval '1 hour') x(m)
WHERE p.name = 's-two' AND (n <= 2 OR h = 0 OR (h = 1 AND n <= 5));
SELECT package, term, contents, round(expected::numeric, 2) AS expected, judged, round(usual_rate::numeric, 4) AS usual, rate, probability < 1e-5 AS sure FROM moderation.alarms('2020-07-10 00:00+00');
SELECT count(*) FROM moderation.alarms('2020-07-09 23:00+00');
SELECT count(*) FROM moderation.alarms('2020-07-08 00:00+00');
SELECT count(*) FROM moderation.current_alarms;
CALL t.fails($$SELECT * FROM moderation.package_stats(by => 'year')$$);
CALL t.fails($$SELECT * FROM moderation.item_stats('s-one', by => 'hour')$$);
CALL t.fails($$SELECT * FROM moderation.policy_stats('none such')$$);
CALL t.fails($$SELECT * FROM moderation.item_stats('none such')$$);
CALL t.fails($$SELECT * FROM moderation.item_overlap(min_share => 2)$$);
DROP VIEW t.items;
DROP TABLE t.s;
SELECT t.retire_all();
TRUNCATE moderation.hits, moderation.exposures, moderation.reviews, moderation.review_claims, moderation.review_samples, moderation.rollup_days, moderation.rollup_items, moderation.rollup_state;
RESET pg_moderation.exposure_sample;
