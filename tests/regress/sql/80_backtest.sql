-- backtest_package and backtest_summary: a draft, or a release, against what is live, over rows that are there.
SELECT t.retire_all();
CREATE SCHEMA bt;
CREATE TABLE bt.ads (ad_id int PRIMARY KEY, advertiser text, country text, spend numeric, title text, body text);
INSERT INTO bt.ads VALUES
    (1, 'a', 'DE', 10, 'old offer', 'plain'), (2, 'a', 'DE', 20, 'new offer', 'plain'), (3, 'b', 'RU', 30, 'old and new', NULL),
    (4, 'b', 'RU', 40, NULL, 'online casino'), (5, 'c', 'FR', 50, 'online casino and old', ''), (6, 'c', 'FR', 60, NULL, NULL),
    (7, 'd', 'US', 70, 'harmless', 'nothing here'), (8, 'd', 'US', 80, 'weak', 'soft'), (9, 'e', 'US', 90, 'poker new', 'x');
SELECT moderation.create_package('bt', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('bt', ARRAY['old', 'casino', 'weak']);
SELECT moderation.publish_package('bt');
SELECT moderation.create_package('bt-other', action => 'review') > 0 AS created;
SELECT * FROM moderation.add_terms('bt-other', ARRAY['poker']);
SELECT moderation.publish_package('bt-other');
SELECT moderation.remove_terms('bt', ARRAY['old']);
SELECT * FROM moderation.add_terms('bt', ARRAY['new']);
SELECT * FROM moderation.allow_terms('bt', ARRAY['online casino']);
-- Every content that either side hits, and why it changes: term added, term removed, allow entry added.
CREATE VIEW bt.names AS SELECT item_id, term FROM moderation.item_versions;
SELECT b.content_key, b.change, b.action_before, b.action_after, b.score_before, b.score_after, b.verdict_before, b.verdict_after,
       ARRAY(SELECT n.term FROM bt.names n WHERE n.item_id = ANY (b.culprits) ORDER BY 1) AS culprits,
       ARRAY(SELECT n.term FROM bt.names n WHERE n.item_id = ANY (b.needed) ORDER BY 1) AS needed
FROM moderation.backtest_package('bt', 'bt.ads', key => 'ad_id', fields => '{title,body}') b ORDER BY 1;
-- A query, a regclass, and the caller's search_path.
SET search_path = bt;
SELECT content_key, change FROM moderation.backtest_package('bt', 'SELECT ad_id, title FROM ads WHERE country <> ''DE'' -- comment', key => 'ad_id', fields => '{title}') ORDER BY 1;
SELECT count(*) FROM moderation.backtest_package('bt', 'ads'::regclass, key => 'ad_id', fields => '{title,body}');
SELECT count(*) FROM moderation.backtest_package('bt', 'ads', key => 'ad_id', fields => '{title,body}');
RESET search_path;
-- Joined with the table's own columns: what the change would cost.
SELECT b.change, a.country, count(*), sum(a.spend) AS spend, count(DISTINCT a.advertiser) AS advertisers
FROM moderation.backtest_package('bt', 'bt.ads', key => 'ad_id', fields => '{title,body}') b JOIN bt.ads a ON a.ad_id::text = b.content_key
WHERE b.change <> 'same' GROUP BY 1, 2 ORDER BY 1, 2;
-- By item, with the labels of an attached table.
SELECT moderation.attach('bt.ads', id => 'ad_id', text => '{title,body}') > 0 AS attached;
SELECT count(moderation.record_review('bt.ads', r.k, r.l::moderation.review_label))
FROM (VALUES ('2', 'violating'), ('3', 'violating'), ('9', 'benign'), ('7', 'violating'), ('8', 'benign'), ('5', 'unsure'), ('999', 'violating')) r(k, l);
SELECT term, allow, state, contents, gained, lost, needed, true_positives AS tp, false_positives AS fp, round(precision::numeric, 3) AS precision,
       round(precision_low::numeric, 3) AS low, round(recall::numeric, 3) AS recall, round(recall_high::numeric, 3) AS high, examples
FROM moderation.backtest_summary('bt', 'bt.ads');
SELECT state, contents, true_positives, round(recall::numeric, 3) AS recall
FROM moderation.backtest_summary('bt', 'SELECT * FROM bt.ads WHERE ad_id < 8', key => 'ad_id', fields => '{title,body}', labels_of => 'bt.ads') WHERE item_id IS NULL;
-- The summary is what its parts say one by one.
WITH rows AS MATERIALIZED (SELECT * FROM moderation.backtest_package('bt', 'bt.ads')), naive AS (
    SELECT a.ad_id::text AS k,
           ARRAY(SELECT DISTINCT h.item_id FROM unnest(ARRAY[a.title, a.body]) f, moderation.text_hits(f, 'bt', release => 1) h ORDER BY 1) AS before,
           ARRAY(SELECT DISTINCT h.item_id FROM unnest(ARRAY[a.title, a.body]) f, moderation.text_hits(f, 'bt', draft => true) h ORDER BY 1) AS after
    FROM bt.ads a)
SELECT count(*) AS contents, bool_and(r.items_before = n.before AND r.items_after = n.after) AS same_items,
       bool_and((r.action_before IS NOT NULL) = (n.before <> '{}')) AS same_before, bool_and((r.action_after IS NOT NULL) = (n.after <> '{}')) AS same_after
FROM naive n LEFT JOIN rows r ON r.content_key = n.k WHERE n.before <> '{}' OR n.after <> '{}' OR r.content_key IS NOT NULL;
-- Settings are part of a release: a threshold, another action.
SELECT moderation.publish_package('bt', stage => 'shadow');
UPDATE moderation.packages SET threshold = 2, action = 'review' WHERE name = 'bt';
SELECT * FROM moderation.add_terms('bt', ARRAY['offer']);
SELECT content_key, change, action_before, action_after, score_after, culprits = '{}' AS by_settings,
       ARRAY(SELECT n.term FROM bt.names n WHERE n.item_id = ANY (b.needed) ORDER BY 1) AS needed
FROM moderation.backtest_package('bt', 'bt.ads', against => 2) b ORDER BY 1;
SELECT content_key, change FROM moderation.backtest_package('bt', 'bt.ads', release => 1, against => 1) ORDER BY 1;
-- A sample holds the same contents each time, and a larger one those of a smaller.
CREATE TABLE bt.many AS SELECT n AS id, CASE WHEN n % 2 = 0 THEN 'new' ELSE 'none' END AS body FROM generate_series(1, 4000) n;
SELECT count(*) BETWEEN 150 AND 250 AS about_a_tenth, count(*) FILTER (WHERE NOT moderation.in_sample(content_key, 0.2)) AS outside
FROM moderation.backtest_package('bt', 'bt.many', key => 'id', fields => '{body}', release => 2, sample => 0.1);
SELECT count(*) FROM moderation.backtest_package('bt', 'bt.many', key => 'id', fields => '{body}', release => 2, sample => 1);
-- Bad input.
CALL t.fails($$SELECT * FROM moderation.backtest_package('nope', 'bt.ads')$$);
CALL t.fails($$SELECT * FROM moderation.backtest_package('bt', 'bt.ads', release => 99)$$);
CALL t.fails($$SELECT * FROM moderation.backtest_package('bt', 'bt.ads', against => 0)$$);
CALL t.fails($$SELECT * FROM moderation.backtest_package(NULL, 'bt.ads')$$);
CALL t.fails($$SELECT * FROM moderation.backtest_package('bt', NULL::text)$$);
CALL t.fails($$SELECT * FROM moderation.backtest_package('bt', 'bt.gone')$$);
CALL t.fails($$SELECT * FROM moderation.backtest_package('bt', 'bt.many')$$);
CALL t.fails($$SELECT * FROM moderation.backtest_package('bt', 'bt.many', key => 'id', fields => '{text}')$$);
CALL t.fails($$SELECT * FROM moderation.backtest_package('bt', 'SELECT 1', key => 'id')$$);
CALL t.fails($$SELECT * FROM moderation.backtest_package('bt', 'SELECT 1 AS id', key => 'id', fields => '{body}')$$);
CALL t.fails($$SELECT * FROM moderation.backtest_package('bt', 'SELECT 1) s; DELETE FROM bt.many; --', key => 'id', fields => '{body}')$$);
CALL t.fails($$SELECT * FROM moderation.backtest_package('bt', 'WITH d AS (DELETE FROM bt.many RETURNING *) SELECT * FROM d', key => 'id', fields => '{body}')$$);
CALL t.fails($$SELECT * FROM moderation.backtest_package('bt', 'bt.ads', sample => 0)$$);
SELECT count(*) FROM bt.many;
-- Read as the caller: what he may not read, he may not backtest.
CREATE ROLE bt_analyst;
GRANT USAGE ON SCHEMA bt TO bt_analyst;
GRANT SELECT (ad_id, title) ON bt.ads TO bt_analyst;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA moderation TO bt_analyst;
SET ROLE bt_analyst;
CALL t.fails($$SELECT * FROM moderation.backtest_package('bt', 'bt.ads')$$);
SELECT content_key, change FROM moderation.backtest_package('bt', 'bt.ads', fields => '{title}', release => 2) ORDER BY 1;
SELECT term, contents FROM moderation.backtest_summary('bt', 'bt.ads', fields => '{title}', release => 2);
RESET ROLE;
DROP OWNED BY bt_analyst;
DROP ROLE bt_analyst;
SELECT moderation.detach('bt.ads');
SELECT t.retire_all();
