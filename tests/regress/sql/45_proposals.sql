-- Proposals: what the data suggests, stored, decided by a person, never applied silently.
SET pg_moderation.exposure_sample = 0;
SELECT moderation.create_package('prop') > 0 AS created;
SELECT * FROM moderation.add_terms('prop', ARRAY['casino', 'online casino', 'free', 'silent', 'казино']);
SELECT * FROM moderation.add_terms('prop', ARRAY['ass'], match => 'substring');
SELECT moderation.publish_package('prop');
CREATE TABLE t.p (id int PRIMARY KEY, body text, bad boolean);
SELECT moderation.attach('t.p', id => 'id', text => '{body}') > 0 AS attached;
INSERT INTO t.p SELECT i, 'play casino ' || i, true FROM generate_series(1, 20) i;
INSERT INTO t.p SELECT i, 'best online casino ' || i, true FROM generate_series(21, 30) i;
INSERT INTO t.p SELECT i, 'free lunch ' || i, i = 31 FROM generate_series(31, 50) i;
SELECT count(moderation.record_review('t.p', id, CASE WHEN bad THEN 'violating' ELSE 'benign' END::moderation.review_label)) FROM t.p;
-- Clean-up: free is harmful, online casino redundant; silent is not dead yet, then it is.
SELECT kind, term, evidence - 'last_hit' - 'covered_by' AS evidence, effect, jsonb_array_length(examples) AS examples, sql ~ '^SELECT moderation.remove_items\(''prop'', ARRAY\[\d+\]\);$' AS runs FROM moderation.suggest_cleanup('prop') ORDER BY kind;
SELECT count(*) FROM moderation.suggest_cleanup('prop');
UPDATE moderation.item_versions SET changed_at = now() - interval '91 days' WHERE term = 'silent';
SELECT kind, term FROM moderation.suggest_cleanup('prop');
-- New terms: what missed violating texts say, and others do not. NULLs are left out.
SELECT kind, term, evidence, effect->'recall_after'->'value' AS recall, examples->0 AS example, sql FROM moderation.suggest_terms('prop',
    array_cat(array_cat(array_fill('win big jackpot today'::text, ARRAY[10]), array_fill('lunch today'::text, ARRAY[20])), ARRAY['a casino', NULL]),
    array_cat(array_cat(array_fill(true, ARRAY[10]), array_fill(false, ARRAY[20])), ARRAY[true, true]), background => array_fill('big news today'::text, ARRAY[50]));
-- A list with weights belongs into a package with its threshold.
SELECT kind, term, change->'threshold' AS threshold, jsonb_array_length(change->'add') > 0 AS terms, evidence - 'terms' AS evidence FROM moderation.suggest_terms('prop',
    ARRAY(SELECT CASE WHEN i <= 40 THEN 'win big jackpot ' ELSE 'lunch ' END || i || ' today' FROM generate_series(1, 80) i),
    ARRAY(SELECT i <= 40 FROM generate_series(1, 80) i), weighted => true);
CALL t.fails($$SELECT moderation.accept_proposal(proposal_id) FROM moderation.open_proposals WHERE kind = 'add_list'$$);
-- Variants that are seen, and allow entries from clean rows.
SELECT term, evidence, sql FROM moderation.suggest_variants('prop', ARRAY['наше kazino', 'в к4зино', 'caasinoo', 'cas1no now', 'nothing', 'a casino'], ARRAY[true, true, true, true, true, true]);
SELECT term, evidence, effect->'false_positives' AS fp FROM moderation.suggest_allow('prop', ARRAY['world class service', 'first class', 'a classic car', 'pass the salt', 'free of charge'], ARRAY['kick ass', 'free money', 'pass for free']);
-- Too broad: which longer phrases keep the true hits.
SELECT kind, term, evidence, jsonb_path_query_array(change, '$.add[*].term') AS longer, jsonb_array_length(change->'remove') AS removed, effect->'precision_after'->'value' AS precision
FROM moderation.suggest_narrowing('prop', 'free', array_cat(ARRAY(SELECT 'get free money ' || i FROM generate_series(1, 20) i), ARRAY(SELECT 'free lunch ' || i FROM generate_series(1, 20) i)), ARRAY(SELECT i <= 20 FROM generate_series(1, 40) i));
SELECT count(moderation.reject_proposal(proposal_id, 'free goes altogether')) FROM moderation.open_proposals WHERE kind = 'narrow';
-- Accepting edits the draft and says why; nothing is in force yet. Rejected ones are not proposed again.
SELECT moderation.accept_proposal(proposal_id, 'as reviewed') FROM moderation.open_proposals WHERE kind <> 'add_list' AND kind <> 'remove_redundant' ORDER BY proposal_id;
SELECT term, allow, match, source ~ '^proposal \d+$' AS source, note FROM moderation.current_items WHERE package = 'prop' ORDER BY allow, term COLLATE "C";
SELECT moderation.matches('win big jackpot today', 'prop'), moderation.matches('free', 'prop');
SELECT moderation.publish_package('prop');
SELECT moderation.matches('win big jackpot today', 'prop'), moderation.matches('free', 'prop'), moderation.matches('world class service', 'prop');
SELECT moderation.reject_proposal(proposal_id, 'the long form is wanted') FROM moderation.open_proposals WHERE kind = 'remove_redundant';
SELECT count(*) FROM moderation.suggest_cleanup('prop') WHERE kind = 'remove_redundant';
SELECT kind, state, count(*), count(decided_by) AS decided, min(reason) AS reason FROM moderation.proposals GROUP BY 1, 2 ORDER BY 1, 2;
SELECT call, package, reason, count(*) FROM moderation.audit_log WHERE call LIKE '%proposal' AND package = 'prop' GROUP BY 1, 2, 3 ORDER BY 1;
-- 10,000 proposals.
SELECT count(moderation.propose((SELECT package_id FROM moderation.packages WHERE name = 'prop'), 'add_term', NULL, 'term ' || i, jsonb_build_object('add', jsonb_build_array(jsonb_build_object('term', 'term ' || i, 'match', 'word', 'level', 'folded', 'weight', 1))), '{}', '{}', NULL)) FROM generate_series(1, 10000) i;
SELECT count(*) FROM moderation.open_proposals WHERE package = 'prop' AND kind = 'add_term';
SELECT moderation.accept_proposal(max(proposal_id)) FROM moderation.open_proposals WHERE kind = 'add_term';
-- What cannot be.
DO $$ BEGIN PERFORM moderation.accept_proposal(min(proposal_id)) FROM moderation.proposals WHERE state = 'accepted'; EXCEPTION WHEN object_not_in_prerequisite_state THEN RAISE NOTICE 'decided once'; END $$;
CALL t.fails($$SELECT moderation.accept_proposal(-1)$$);
CALL t.fails($$SELECT moderation.accept_proposal(NULL)$$);
CALL t.fails($$SELECT moderation.reject_proposal(1, ' ')$$);
CALL t.fails($$SELECT moderation.suggest_terms('prop', ARRAY['a'], ARRAY[]::boolean[])$$);
CALL t.fails($$SELECT moderation.suggest_terms('prop', ARRAY['a'], ARRAY[true], max_terms => 0)$$);
CALL t.fails($$SELECT moderation.suggest_terms('none such', ARRAY['a'], ARRAY[true])$$);
CALL t.fails($$SELECT moderation.suggest_cleanup('prop', bar => 2)$$);
CALL t.fails($$SELECT moderation.suggest_variants('prop', ARRAY['a'], NULL)$$);
CALL t.fails($$SELECT moderation.suggest_allow('prop', NULL)$$);
SELECT count(*) AS from_nothing FROM moderation.suggest_terms('prop', '{}', '{}');
SELECT count(*) AS from_nothing FROM moderation.suggest_variants('prop', '{}', '{}');
-- What another item covers is no reason to remove it when that one has to go itself.
SELECT moderation.create_package('prop-cover') > 0 AS created;
SELECT * FROM moderation.add_terms('prop-cover', ARRAY['film', 'film night']);
SELECT moderation.publish_package('prop-cover');
INSERT INTO t.p SELECT i, 'film night ' || i, true FROM generate_series(1001, 1010) i;
INSERT INTO t.p SELECT i, 'a film ' || i, false FROM generate_series(1011, 1040) i;
SELECT count(moderation.record_review('t.p', id, CASE WHEN bad THEN 'violating' ELSE 'benign' END::moderation.review_label)) FROM t.p WHERE id > 1000;
SELECT kind, term FROM moderation.suggest_cleanup('prop-cover');
-- A list on trial in shadow is cleaned up by what it would have done.
SELECT moderation.create_package('prop-trial') > 0 AS created;
SELECT * FROM moderation.add_terms('prop-trial', ARRAY['lamp', 'jackpot']);
SELECT moderation.publish_package('prop-trial', stage => 'shadow');
INSERT INTO t.p SELECT i, CASE WHEN i > 2010 THEN 'a lamp ' ELSE 'jackpot ' END || i, i <= 2010 FROM generate_series(2001, 2040) i;
SELECT count(moderation.record_review('t.p', id, CASE WHEN bad THEN 'violating' ELSE 'benign' END::moderation.review_label)) FROM t.p WHERE id > 2000;
SELECT kind, term, evidence->'false_positives' AS fp FROM moderation.suggest_cleanup('prop-trial');
DROP TABLE t.p;
SELECT t.retire_all();
TRUNCATE moderation.hits, moderation.reviews, moderation.proposals;
