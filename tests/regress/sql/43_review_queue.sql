-- Who looks at what next, what several reviewers' labels amount to, and how far reviewers agree.
SELECT moderation.create_policy('q-mild', severity => 1) > 0 AND moderation.create_policy('q-bad', severity => 5) > 0 AS created;
SELECT moderation.create_package('q-mild', policy => 'q-mild', action => 'review') > 0 AS created;
SELECT moderation.create_package('q-bad', policy => 'q-bad', action => 'block') > 0 AS created;
SELECT moderation.create_package('q-heavy', action => 'log', threshold => 2) > 0 AS created;
SELECT * FROM moderation.add_terms('q-mild', ARRAY['mild', 'rare']);
SELECT * FROM moderation.add_terms('q-bad', ARRAY['bad']);
SELECT * FROM moderation.add_terms('q-heavy', ARRAY['half', 'other half']);
SELECT count(moderation.publish_package(p)) FROM unnest('{q-mild,q-bad,q-heavy}'::text[]) p;
CREATE TABLE t.q (id int PRIMARY KEY, body text);
SELECT moderation.attach('t.q', id => 'id', text => '{body}') > 0 AS attached;
SET pg_moderation.exposure_sample = 1;
-- 1 to 8 mild, 11 to 14 bad, 21 to 60 nothing, 70 below the threshold of its package, 80 rare.
INSERT INTO t.q SELECT i, 'mild ' || i FROM generate_series(1, 8) i;
INSERT INTO t.q SELECT i, 'bad ' || i FROM generate_series(11, 14) i;
INSERT INTO t.q SELECT i, 'fine ' || i FROM generate_series(21, 60) i;
INSERT INTO t.q VALUES (70, 'half of it'), (80, 'rare');
-- The most valuable first, by severity and action; nobody gets what another has.
SELECT source, content_key, reason, hit_package, expires_at > clock_timestamp() + interval '29 minutes' AS later FROM moderation.next_for_review(5, reviewer => 'ann');
SELECT count(*), count(DISTINCT content_key) AS contents FROM moderation.next_for_review(1000, reviewer => 'bob');
SELECT * FROM moderation.next_for_review(10, reviewer => 'cem');
SELECT reviewer, count(*), min(strategy) AS strategy FROM moderation.review_claims GROUP BY 1 ORDER BY 1;
-- A review ends the claim; handed back and expired claims are handed out again.
SELECT moderation.record_review('t.q', 11, 'violating', reviewer => 'ann') > 0 AS reviewed;
SELECT moderation.release_claims('ann'), moderation.release_claims('nobody');
SELECT content_key, hit_package FROM moderation.next_for_review(3, reviewer => 'cem', claim_for => interval '1 microsecond');
SELECT content_key, hit_package FROM moderation.next_for_review(3, reviewer => 'dan');
SELECT reviewer, count(*) FROM moderation.review_claims GROUP BY 1 ORDER BY 1;
SELECT moderation.release_claims(r) > 0 AS released FROM unnest('{bob,dan}'::text[]) r;
-- Only one package's; nothing that is reviewed already.
SELECT content_key, hit_package FROM moderation.next_for_review(10, package => 'q-bad', reviewer => 'ann') ORDER BY 1;
SELECT moderation.release_claims('ann');
-- Asked for: first, whatever the strategy.
SELECT moderation.request_review('t.q', '33', note => 'the advertiser appeals'), moderation.request_review('t.q', '33');
SELECT content_key, reason, note FROM moderation.next_for_review(1, 'items', reviewer => 'ann') ORDER BY claim_id;
SELECT moderation.release_claims('ann');
-- Random samples of what was flagged and of what was not; larger than the population: all of it, once.
SELECT count(*), count(*) FILTER (WHERE content_key::int BETWEEN 21 AND 70) AS unflagged FROM moderation.next_for_review(7, 'unflagged', reviewer => 'ann');
SELECT count(*), bool_and(content_key::int < 21 OR content_key = '80') AS flagged FROM moderation.next_for_review(1000, 'flagged', reviewer => 'ann');
SELECT count(*) FROM moderation.next_for_review(1000, 'unflagged', reviewer => 'ann');
SELECT stratum, package_id, count(*), min(weight), max(weight), min(population) AS population, min(probability), max(probability) FROM moderation.review_samples GROUP BY 1, 2 ORDER BY 1;
SELECT count(*) FROM moderation.next_for_review(1000, 'unflagged', reviewer => 'ann');
SELECT moderation.release_claims('ann');
-- Drawn in batches: the probability is the share drawn so far. The batches are what the order of one draw would give.
TRUNCATE moderation.review_samples;
SELECT moderation.draw_sample('unflagged', 0, now() - interval '1 day', 10), moderation.draw_sample('unflagged', 0, now() - interval '1 day', 10);
SELECT round(probability::numeric, 4) AS probability, count(*) FROM moderation.review_samples GROUP BY 1 ORDER BY 1;
CREATE TEMP TABLE batches AS SELECT content_key FROM moderation.review_samples;
TRUNCATE moderation.review_samples;
SELECT moderation.draw_sample('unflagged', 0, now() - interval '1 day', 20);
SELECT count(*) AS in_both FROM batches JOIN moderation.review_samples USING (content_key);
-- Every item gets its minimum of labels: contents of those with the fewest first.
SELECT moderation.record_review('t.q', i, 'violating', reviewer => 'ann') > 0 AS reviewed FROM generate_series(1, 2) i;
SELECT c.item_id = (SELECT item_id FROM moderation.current_items WHERE term = 'rare') AS rare, count(*) FROM moderation.next_for_review(1000, 'items', min_labels => 3, reviewer => 'ann') c GROUP BY 1 ORDER BY 1;
SELECT v.term, count(*) FROM moderation.review_claims c JOIN moderation.item_versions v USING (item_id) GROUP BY 1 ORDER BY 1;
SELECT moderation.release_claims('ann') > 0 AS released;
-- Several reviewers: the newest label of each counts; contradictions dispute; unsure decides nothing; an appeal is final.
CREATE VIEW t.label AS SELECT content_key, hit_id IS NOT NULL AS of_hit, p.name AS policy, label, disputed, final, reviewers FROM moderation.labels l LEFT JOIN moderation.policies p USING (policy_id) WHERE content_key = '3' ORDER BY 2, 3;
SELECT moderation.record_review('t.q', 3, 'unsure', reviewer => 'ann') > 0 AS reviewed;
TABLE t.label;
SELECT moderation.record_review('t.q', 3, 'violating', reviewer => 'bob') > 0 AS reviewed;
TABLE t.label;
SELECT moderation.record_review('t.q', 3, 'benign', reviewer => 'ann') > 0 AS reviewed;
TABLE t.label;
SELECT package, hits, reviewed, true_positives, false_positives FROM moderation.package_stats('q-mild') WHERE stage = 'live';
-- A second opinion: disputed contents first, never one's own.
SELECT content_key FROM moderation.next_for_review(2, 'second', reviewer => 'cem') ORDER BY claim_id;
SELECT content_key FROM moderation.next_for_review(9, 'second', reviewer => 'ann') ORDER BY claim_id;
SELECT count(moderation.release_claims(r)) FROM unnest('{ann,cem}'::text[]) r;
SELECT moderation.appeal_review('t.q', 3, 'benign', note => 'overturned', reviewer => 'lead') > 0 AS reviewed;
SELECT moderation.record_review('t.q', 3, 'violating', reviewer => 'bob') > 0 AS reviewed;
TABLE t.label;
SELECT package, true_positives, false_positives FROM moderation.package_stats('q-mild') WHERE stage = 'live';
SELECT moderation.appeal_review('t.q', '3', 'violating', reviewer => 'lead') > 0 AS reviewed;
TABLE t.label;
-- A label under a policy counts for the packages of that policy and before one under none; for others it says nothing.
SELECT moderation.record_review('t.q', 4, 'violating', policy => 'q-bad') > 0 AS reviewed;
SELECT package, reviewed, true_positives, false_positives FROM moderation.package_stats('q-mild') WHERE stage = 'live';
SELECT moderation.record_review('t.q', 4, 'violating') > 0 AND moderation.record_review('t.q', 4, 'benign', policy => 'q-mild') > 0 AS reviewed;
SELECT package, reviewed, true_positives, false_positives FROM moderation.package_stats('q-mild') WHERE stage = 'live';
-- Agreement, against figures worked out by hand: kappa of 2x2 tables, alpha over all.
TRUNCATE moderation.reviews;
-- a and b: 20 both violating, 5 a only, 10 b only, 15 both benign: agreement .7, kappa .4 (Fleiss' textbook table).
SELECT count(moderation.record_review('t.q', i, CASE WHEN i <= 25 THEN 'violating' ELSE 'benign' END::moderation.review_label, reviewer => 'a')) FROM generate_series(1, 50) i;
SELECT count(moderation.record_review('t.q', i, CASE WHEN i <= 20 OR i BETWEEN 26 AND 35 THEN 'violating' ELSE 'benign' END::moderation.review_label, reviewer => 'b')) FROM generate_series(1, 50) i;
SELECT reviewer_a, reviewer_b, labelled_by_both AS n, agreed, round(agreement::numeric, 4) AS agreement, round(agreement_low::numeric, 3) AS low, round(agreement_high::numeric, 3) AS high, round(kappa::numeric, 4) AS kappa, round(alpha::numeric, 4) AS alpha FROM moderation.reviewer_agreement();
-- Unsure is no decision; one label is nobody's agreement; unanimous on one label: kappa and alpha are not defined.
TRUNCATE moderation.reviews;
SELECT * FROM moderation.reviewer_agreement();
SELECT count(moderation.record_review('t.q', i, 'benign', reviewer => r)) FROM generate_series(1, 3) i, unnest('{a,b}'::text[]) r;
SELECT moderation.record_review('t.q', 9, 'unsure', reviewer => 'a') > 0 AND moderation.record_review('t.q', 9, 'benign', reviewer => 'b') > 0 AS reviewed;
SELECT reviewer_a, reviewer_b, labelled_by_both AS n, agreement, kappa, alpha FROM moderation.reviewer_agreement();
SELECT count(*) FROM moderation.reviewer_agreement(policy => 'q-bad');
-- A content that was never seen can be labelled; it counts for nobody's precision.
SELECT moderation.record_review('t.q', 'never seen', 'violating') > 0 AS reviewed;
SELECT sum(true_positives) AS true_positives FROM moderation.package_stats() WHERE package LIKE 'q-%';
-- The clock going back: the newest review counts, not the one with the latest time.
UPDATE moderation.reviews SET reviewed_at = now() + interval '1 year' WHERE content_key = '1' AND reviewer = 'a';
SELECT moderation.record_review('t.q', 1, 'violating', reviewer => 'a') > 0 AND moderation.record_review('t.q', 1, 'violating', reviewer => 'b') > 0 AS reviewed;
SELECT label FROM moderation.labels WHERE content_key = '1';
-- What cannot be.
CALL t.fails($$SELECT * FROM moderation.next_for_review(0)$$);
CALL t.fails($$SELECT * FROM moderation.next_for_review(NULL)$$);
CALL t.fails($$SELECT * FROM moderation.next_for_review(5, 'fastest')$$);
CALL t.fails($$SELECT * FROM moderation.next_for_review(5, claim_for => interval '-1 hour')$$);
CALL t.fails($$SELECT * FROM moderation.next_for_review(5, 'items', min_labels => 0)$$);
CALL t.fails($$SELECT * FROM moderation.next_for_review(5, package => 'none such')$$);
CALL t.fails($$SELECT moderation.request_review('t.q', NULL)$$);
CALL t.fails($$SELECT moderation.request_review('pg_class', '1')$$);
CALL t.fails($$SELECT moderation.appeal_review('t.q', 1, NULL)$$);
CALL t.fails($$SELECT moderation.record_review('t.q', 1, 'benign', reviewer => '')$$);
CALL t.fails($$SELECT * FROM moderation.reviewer_agreement('none such')$$);
-- Two live claims on one content cannot be.
INSERT INTO moderation.review_claims (source_id, content_key) SELECT source_id, 'once' FROM moderation.sources WHERE relation = 't.q'::regclass;
DO $$ BEGIN INSERT INTO moderation.review_claims (source_id, content_key) SELECT source_id, 'once' FROM moderation.sources WHERE relation = 't.q'::regclass;
EXCEPTION WHEN unique_violation THEN RAISE NOTICE 'refused'; END $$;
DROP VIEW t.label;
DROP TABLE t.q;
SELECT t.retire_all();
TRUNCATE moderation.hits, moderation.exposures, moderation.reviews, moderation.review_claims, moderation.review_samples;
RESET pg_moderation.exposure_sample;
