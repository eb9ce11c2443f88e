-- Backtests and hunts of images and videos, verdict rules, snoozes and times: the verdict is that of the trigger.
SELECT t.retire_all();
SET pg_moderation.exposure_sample = 0;
CREATE SCHEMA bm;
-- A hash that differs from 3c3c... in d bits; a video of such hashes.
CREATE FUNCTION bm.h(d int) RETURNS moderation.pdqhash LANGUAGE sql IMMUTABLE RETURN (repeat('3c', 32)::moderation.pdqhash::bit(256) # (repeat('1', d) || repeat('0', 256 - d))::bit(256))::moderation.pdqhash;
CREATE FUNCTION bm.v(VARIADIC distances int[]) RETURNS moderation.video_frame[] LANGUAGE sql IMMUTABLE RETURN (SELECT array_agg(ROW(n - 1, bm.h(d), 100, n - 1)::moderation.video_frame ORDER BY n) FROM unnest(distances) WITH ORDINALITY u(d, n));
CREATE TABLE bm.ads (id int PRIMARY KEY, owner text, body text, pic moderation.pdqhash, clip moderation.video_frame[]);
INSERT INTO bm.ads VALUES
    (1, 'a', 'casino', bm.h(0), NULL), (2, 'a', NULL, bm.h(5), NULL), (3, 'b', 'plain', bm.h(120), NULL), (4, 'b', NULL, NULL, bm.v(90, 130, 170)),
    (5, 'c', NULL, NULL, bm.v(90, 200, 230)), (6, 'c', 'poker', bm.h(60), NULL), (7, 'd', 'nothing', bm.h(250), bm.v(250)), (8, 'd', NULL, NULL, NULL);
SELECT moderation.create_package('bm', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('bm', ARRAY['casino']);
SELECT * FROM moderation.add_images('bm', ARRAY[bm.h(0)], label => 'logo');
SELECT moderation.publish_package('bm');
SELECT moderation.remove_items('bm', ARRAY(SELECT item_id FROM moderation.current_items WHERE package = 'bm' AND label = 'logo')) IS NOT NULL AS removed;
SELECT * FROM moderation.add_images('bm', ARRAY[bm.h(60)], label => 'other');
SELECT moderation.add_video('bm', 'clip', bm.v(90, 130, 170)) > 0 AS added;
SELECT * FROM moderation.allow_images('bm', ARRAY[bm.h(120)], label => 'fine');
SELECT * FROM moderation.add_images('bm', ARRAY[bm.h(125)], label => 'near the fine one');
CREATE VIEW bm.names AS SELECT DISTINCT item_id, coalesce(term, label) AS name FROM moderation.item_versions;
SELECT b.content_key, b.change, b.verdict_before, b.verdict_after,
       ARRAY(SELECT n.name FROM bm.names n WHERE n.item_id = ANY (b.items_after) ORDER BY 1) AS after,
       ARRAY(SELECT n.name FROM bm.names n WHERE n.item_id = ANY (b.culprits) ORDER BY 1) AS culprits
FROM moderation.backtest_package('bm', 'bm.ads', key => 'id', fields => '{body,pic,clip}') b ORDER BY 1;
-- A query, a run, arguments one by one, in an array, as literals; a summary names images by their labels.
SELECT content_key, change FROM moderation.backtest_package('bm', 'SELECT id, pic, clip FROM bm.ads', key => 'id', fields => '{pic,clip}') ORDER BY 1;
SELECT moderation.start_backtest('bm', 'bm.ads', 'id', '{body,pic,clip}', chunk_rows => 3) AS run \gset
CALL moderation.run_backtest(:run);
SELECT count(*) AS differ FROM (SELECT r FROM moderation.run_rows(:run) r EXCEPT SELECT b FROM moderation.backtest_package('bm', 'bm.ads', key => 'id', fields => '{body,pic,clip}') b) d;
SELECT term, kind, state, contents, gained, lost, examples FROM moderation.backtest_summary(:run);
SELECT (moderation.candidate_verdict('bm', NULL, NULL, NULL, 'x', bm.h(61))).change AS image, (moderation.candidate_verdict('bm', NULL, NULL, NULL, VARIADIC ARRAY['x', 'a casino'])).change AS texts,
       (moderation.candidate_verdict('bm', NULL, NULL, NULL, ARRAY[bm.h(200), bm.h(60)])).change AS images, (moderation.candidate_verdict('bm', NULL, NULL, NULL, '{"a": "casino"}'::jsonb)).change AS document,
       moderation.candidate_verdict('bm', NULL, NULL, NULL, NULL::text) IS NULL AS none;
-- What the trigger says once it is live: the verdict that the backtest foretold.
CREATE TABLE bm.foretold AS SELECT content_key, verdict_after FROM moderation.backtest_package('bm', 'bm.ads', key => 'id', fields => '{body,pic,clip}');
SELECT moderation.publish_package('bm');
SELECT moderation.attach('bm.ads', id => 'id', text => '{body}', image => '{pic}', video => '{clip}', owner => 'owner', verdict_column => 'verdict', set_column => 'judged_with') > 0 AS attached;
SELECT count(*) AS never_judged FROM bm.ads WHERE judged_with IS NULL;
UPDATE bm.ads SET body = coalesce(body, '') || ' ', pic = pic;
SELECT count(*) FILTER (WHERE judged_with = moderation.set_in_force()) AS judged, count(verdict) AS hit FROM bm.ads;
SELECT count(*) AS differ FROM bm.ads a LEFT JOIN bm.foretold f ON f.content_key = a.id::text WHERE a.verdict ->> 'action' IS DISTINCT FROM f.verdict_after::text;
-- An attached table needs neither key nor fields, with images too.
SELECT content_key, change FROM moderation.backtest_package('bm', 'bm.ads', against => 1) ORDER BY 1;
-- Rescans after images: only rows near the difference are written, videos that share a frame too.
SELECT moderation.rollback_package('bm', 1);
CALL moderation.rescan('bm.ads');
SELECT array_agg(id ORDER BY id) FILTER (WHERE verdict IS NOT NULL) AS hit FROM bm.ads;
CREATE TEMP TABLE places AS SELECT id, ctid AS place FROM bm.ads;
SELECT moderation.rollback_package('bm', 2);
CALL moderation.rescan('bm.ads');
SELECT array_agg(id ORDER BY id) FILTER (WHERE verdict IS NOT NULL) AS hit, array_agg(a.id ORDER BY a.id) FILTER (WHERE a.ctid <> p.place) AS written FROM bm.ads a JOIN places p USING (id);
SELECT h.content_key, h.release, n.name, w.hit_id IS NOT NULL AS withdrawn FROM moderation.hits h JOIN bm.names n USING (item_id) LEFT JOIN moderation.withdrawn_hits w USING (hit_id)
WHERE h.source_id = (SELECT source_id FROM moderation.sources WHERE relation = 'bm.ads'::regclass) ORDER BY 1, 2, 3;
-- Snoozed items: a rescan withdraws, and takes back when they return. Nothing was published.
SELECT is_current FROM moderation.rescan_status WHERE source = 'bm.ads'::regclass AND package = 'bm';
SELECT item_id AS clip FROM moderation.current_items WHERE package = 'bm' AND label = 'clip' \gset
SELECT item_id AS casino FROM moderation.current_items WHERE package = 'bm' AND term = 'casino' \gset
SELECT moderation.snooze_items('bm', ARRAY[:clip, :casino], reason => 'test') IS NOT NULL AS snoozed;
SELECT is_current FROM moderation.rescan_status WHERE source = 'bm.ads'::regclass AND package = 'bm';
TRUNCATE places;
INSERT INTO places SELECT id, ctid FROM bm.ads;
CALL moderation.rescan('bm.ads');
SELECT array_agg(id ORDER BY id) FILTER (WHERE verdict IS NOT NULL) AS hit, array_agg(a.id ORDER BY a.id) FILTER (WHERE a.ctid <> p.place) AS written FROM bm.ads a JOIN places p USING (id);
SELECT content_key, label, term, withdrawn_because LIKE 'rescan %' AS withdrawn FROM moderation.recent_hits WHERE source = 'bm.ads'::regclass AND item_id IN (:clip, :casino) AND release = 2 ORDER BY 1;
-- A backtest knows of snoozes too: on neither side.
SELECT content_key, change, cardinality(items_before) AS before FROM moderation.backtest_package('bm', 'bm.ads', release => 2, against => 2) ORDER BY 1;
SELECT moderation.unsnooze_items('bm', ARRAY[:clip, :casino]) IS NOT NULL AS back;
CALL moderation.rescan('bm.ads');
SELECT array_agg(id ORDER BY id) FILTER (WHERE verdict IS NOT NULL) AS hit, bool_and(s.is_current) AS current FROM bm.ads, moderation.rescan_status s WHERE s.source = 'bm.ads'::regclass AND s.package = 'bm';
SELECT content_key, label, term, withdrawn_because FROM moderation.recent_hits WHERE source = 'bm.ads'::regclass AND item_id IN (:clip, :casino) AND release = 2 ORDER BY 1;
-- Items' own times and a package's: what passed since the rows were judged.
SELECT * FROM moderation.add_terms('bm', ARRAY['poker'], expires_at => now() + interval '1 day');
SELECT moderation.publish_package('bm');
CALL moderation.rescan('bm.ads');
SELECT verdict ->> 'action' AS action FROM bm.ads WHERE id = 6;
UPDATE moderation.item_versions SET expires_at = now() - interval '1 second', valid_from = NULL WHERE term = 'poker' AND package_id = (SELECT package_id FROM moderation.packages WHERE name = 'bm');
UPDATE moderation.rescan_states SET judged_at = judged_at - interval '1 hour';
SELECT is_current FROM moderation.rescan_status WHERE source = 'bm.ads'::regclass AND package = 'bm';
SELECT (moderation.rescan_delta(source_id)).terms FROM moderation.sources WHERE relation = 'bm.ads'::regclass;
SELECT moderation.alter_package('bm', expires_at => now() + interval '1 hour') IS NOT NULL AS ends;
SELECT is_current FROM moderation.rescan_status WHERE source = 'bm.ads'::regclass AND package = 'bm';
SELECT items > 3 AS everything FROM moderation.rescan_delta((SELECT source_id FROM moderation.sources WHERE relation = 'bm.ads'::regclass));
-- Rules in backtests: score, other packages, and the strikes that owners have now.
SELECT moderation.create_package('bm-rules', action => 'log') > 0 AS created;
SELECT moderation.create_package('bm-other', action => 'log') > 0 AS created;
SELECT * FROM moderation.add_terms('bm-rules', ARRAY['casino', 'poker']);
SELECT * FROM moderation.add_terms('bm-other', ARRAY['plain']);
SELECT moderation.set_verdict_rules('bm-other', '[{"action": "review", "with": ["bm-rules"]}]');
SELECT moderation.publish_package('bm-other'), moderation.publish_package('bm-rules');
SELECT moderation.retire_package('bm');
CREATE TABLE bm.texts (id int PRIMARY KEY, owner text, body text);
SELECT moderation.attach('bm.texts', id => 'id', text => '{body}', owner => 'owner', verdict_column => 'verdict') > 0 AS attached;
INSERT INTO bm.texts VALUES (1, 'a', 'casino'), (2, 'a', 'casino poker'), (3, 'b', 'casino'), (4, 'b', 'plain'), (5, 'b', 'plain casino');
SELECT moderation.record_review('bm.texts', 1, 'violating') > 0 AND moderation.record_review('bm.texts', 2, 'violating') > 0 AS reviewed;
SELECT moderation.set_verdict_rules('bm-rules', '[{"action": "review", "score": 2}, {"action": "block", "strikes": 2}]');
SELECT content_key, change, action_before, action_after, verdict_before, verdict_after, cardinality(culprits) AS culprits, cardinality(needed) AS needed FROM moderation.backtest_package('bm-rules', 'bm.texts') ORDER BY 1;
SELECT content_key, action_after FROM moderation.backtest_package('bm-rules', 'SELECT id, body, owner FROM bm.texts', key => 'id', fields => '{body}') ORDER BY 1;
SELECT content_key, action_after FROM moderation.backtest_package('bm-rules', 'SELECT id, body, owner FROM bm.texts', key => 'id', fields => '{body}', owner => 'owner') ORDER BY 1;
-- A package that no longer hits takes another one's rule away.
SELECT moderation.remove_terms('bm-rules', ARRAY['casino']);
SELECT content_key, change, verdict_before, verdict_after FROM moderation.backtest_package('bm-rules', 'bm.texts') WHERE content_key = '5';
-- The rules as the trigger applies them.
SELECT * FROM moderation.add_terms('bm-rules', ARRAY['casino']);
CREATE TABLE bm.foretold_texts AS SELECT content_key, verdict_after FROM moderation.backtest_package('bm-rules', 'bm.texts');
SELECT moderation.publish_package('bm-rules');
CALL moderation.rescan('bm.texts');
SELECT count(*) AS differ FROM bm.texts a LEFT JOIN bm.foretold_texts f ON f.content_key = a.id::text WHERE a.id <> 4 AND a.verdict ->> 'action' IS DISTINCT FROM f.verdict_after::text;
-- Undone hits count in no figure and are no strikes.
SELECT hits, contents, true_positives FROM moderation.package_stats('bm-rules');
SELECT count(*) FROM moderation.owner_strikes WHERE owner_key = 'a' AND package_id = (SELECT package_id FROM moderation.packages WHERE name = 'bm-rules');
SELECT item_id AS poker FROM moderation.current_items WHERE package = 'bm-rules' AND term = 'poker' \gset
SELECT item_id AS casino FROM moderation.current_items WHERE package = 'bm-rules' AND term = 'casino' \gset
SELECT moderation.snooze_items('bm-rules', ARRAY[:poker, :casino], reason => 'wrong') IS NOT NULL AS snoozed;
SELECT hits_withdrawn, rows_judged_again FROM moderation.undo_item(:poker, 'wrong');
SELECT hits_withdrawn FROM moderation.undo_release('bm-rules', 1, 'a rescan withdrew them before');
SELECT count(*) AS undone FROM moderation.withdrawn_hits w JOIN moderation.hits h USING (hit_id) WHERE w.undone AND h.release = 1 AND h.package_id = (SELECT package_id FROM moderation.packages WHERE name = 'bm-rules');
SELECT hits, contents, true_positives FROM moderation.package_stats('bm-rules');
SELECT hits FROM moderation.item_stats('bm-rules') WHERE item_id = :poker;
SELECT hits_withdrawn FROM moderation.undo_item(:casino, 'wrong too');
SELECT count(*) FROM moderation.owner_strikes WHERE owner_key = 'a' AND package_id = (SELECT package_id FROM moderation.packages WHERE name = 'bm-rules');
-- Hunting images: by the index on the column, the same as the scan.
CREATE TABLE bm.many AS SELECT n AS id, CASE WHEN n % 1000 = 0 THEN bm.h(n / 1000) ELSE (sha256(n::text::bytea))::moderation.pdqhash END AS pic FROM generate_series(1, 20000) n;
CREATE INDEX many_pic ON bm.many USING gin (pic);
ANALYZE bm.many;
EXPLAIN (COSTS OFF) SELECT s.id FROM unnest(ARRAY[bm.h(0)]) w(hash) JOIN bm.many s ON s.pic <@ moderation.pdq_ball(w.hash, 10);
SELECT content_key, field, distance FROM moderation.hunt_images('bm.many', ARRAY[bm.h(0), bm.h(200)], max_distance => 8, key => 'id', fields => '{pic}') ORDER BY 3, 1;
SELECT count(*) AS differ FROM (SELECT content_key::int, distance FROM moderation.hunt_images('bm.many', ARRAY[bm.h(3)], key => 'id', fields => '{pic}') EXCEPT SELECT id, pic <-> bm.h(3) FROM bm.many WHERE pic <-> bm.h(3) <= 31) d;
SELECT content_key, field, distance, frame_number FROM moderation.hunt_images('bm.ads', ARRAY[bm.h(91), bm.h(1)]) ORDER BY 1, 2;
SELECT content_key, distance FROM moderation.hunt_images('SELECT id, ARRAY[pic, NULL] AS pics FROM bm.ads', ARRAY[bm.h(1)], key => 'id', fields => '{pics}') ORDER BY 1;
-- A whole draft: texts, images and videos, allow entries applied.
SELECT content_key, field, kind, term, matched FROM moderation.hunt_package('bm', 'bm.ads') ORDER BY 1, 2, 4;
SELECT content_key, field, term FROM moderation.hunt_package('bm', 'SELECT id, body, pic FROM bm.ads', release => 1, key => 'id', fields => '{body,pic}') ORDER BY 1, 2;
-- Bad input.
CALL t.fails($$SELECT * FROM moderation.hunt_images('bm.texts', ARRAY[bm.h(0)])$$);
CALL t.fails($$SELECT * FROM moderation.hunt_images('bm.ads', ARRAY[bm.h(0)], max_distance => 300)$$);
CALL t.fails($$SELECT * FROM moderation.hunt_package('nobody', 'bm.ads')$$);
CALL t.fails($$SELECT * FROM moderation.hunt_package('bm', 'bm.ads', release => 99)$$);
CALL t.fails($$SELECT moderation.attach('bm.many', id => 'id', image => '{pic}', set_column => 'id')$$);
CALL t.fails($$SELECT * FROM moderation.backtest_package('bm-rules', 'bm.texts', owner => 'nobody')$$);
SELECT moderation.detach('bm.ads'), moderation.detach('bm.texts');
SELECT t.retire_all();
