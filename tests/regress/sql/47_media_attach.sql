-- One verdict over texts, images and videos: moderate(), and attached tables.
SET pg_moderation.exposure_sample = 0;
-- A hash that differs from 5a5a... in d bits; a video of such hashes.
CREATE FUNCTION t.h(d int) RETURNS moderation.pdqhash LANGUAGE sql IMMUTABLE RETURN (repeat('5a', 32)::moderation.pdqhash::bit(256) # (repeat('1', d) || repeat('0', 256 - d))::bit(256))::moderation.pdqhash;
CREATE FUNCTION t.v(VARIADIC distances int[]) RETURNS moderation.video_frame[] LANGUAGE sql IMMUTABLE RETURN (SELECT array_agg(ROW(n - 1, t.h(d), 100, n - 1)::moderation.video_frame ORDER BY n) FROM unnest(distances) WITH ORDINALITY u(d, n));
SELECT moderation.create_package('mixed', action => 'block', threshold => 1.5) > 0 AS created;
SELECT moderation.create_package('mixed-shadow', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('mixed', ARRAY['casino']);
SELECT * FROM moderation.add_images('mixed', ARRAY[t.h(0)], label => 'logo');
SELECT moderation.add_video('mixed', 'clip', t.v(100, 150, 200)) > 0 AS added;
SELECT * FROM moderation.add_images('mixed-shadow', ARRAY[t.h(1)], label => 'shadow logo');
SELECT moderation.publish_package('mixed'), moderation.publish_package('mixed-shadow', stage => 'shadow');
-- moderate(jsonb): every string is a text, but under the keys named.
CREATE FUNCTION t.said(v moderation.verdict) RETURNS text LANGUAGE sql RETURN coalesce((v).action::text, 'none') || ' ' || (v).score || ' ' ||
    (SELECT coalesce(string_agg((h->>'kind') || ' ' || coalesce(h->>'term', h->>'label') || ' in ' || coalesce(h->>'field', '-'), ', ' ORDER BY n), 'no hits') FROM jsonb_array_elements((v).hits) WITH ORDINALITY u(h, n));
SELECT t.said(moderation.moderate('{"title": "a Casino", "body": {"parts": ["x", "casino"]}, "n": 1e999, "casino": true, "nothing": null}'::jsonb));
SELECT t.said(moderation.moderate(jsonb_build_object('title', 'a casino', 'pic', t.h(3)), image => '{pic}'));
SELECT t.said(moderation.moderate(jsonb_build_object('title', 'a casino', 'pic', t.h(3))));
SELECT t.said(moderation.moderate(jsonb_build_object('ad', jsonb_build_object('pics', ARRAY[t.h(90), t.h(0)], 'pic', NULL)), image => '{ad.pics,ad.pic}'));
SELECT t.said(moderation.moderate(jsonb_build_object('clip', to_jsonb(t.v(100, 150, 200, 0))), video => '{clip}'));
SELECT t.said(moderation.moderate(jsonb_build_object('clip', '0,100,' || t.h(100) || E',0\n1,100,' || t.h(150) || E',1\n2,100,' || t.h(200) || ',2'), video => '{clip}'));
SELECT t.said(moderation.moderate('"casino"'::jsonb)), t.said(moderation.moderate('["x", "casino"]'::jsonb)), t.said(moderation.moderate('{}'::jsonb)), t.said(moderation.moderate('null'::jsonb));
SELECT t.said(moderation.moderate((repeat('[', 5000) || '"casino"' || repeat(']', 5000))::jsonb)) LIKE 'none 1 term casino in 1.1.1.1%' AS deep;
SELECT v FROM moderation.moderate(NULL::jsonb) v;
CALL t.fails($$SELECT moderation.moderate('{"pic": "xyz"}'::jsonb, image => '{pic}')$$);
CALL t.fails($$SELECT moderation.moderate('{"clip": [1]}'::jsonb, video => '{clip}')$$);
CALL t.fails($$SELECT moderation.moderate('{"clip": [{"hash": "00"}]}'::jsonb, video => '{clip}')$$);
CALL t.fails($$SELECT moderation.moderate('{"clip": [{"frame_number": 0, "quality": 100, "seconds": 0}]}'::jsonb, video => '{clip}')$$);
CALL t.fails($$SELECT moderation.moderate('{"clip": [{"frame_number": [0], "quality": 100, "seconds": 0}]}'::jsonb, video => '{clip}')$$);
CALL t.fails($$SELECT moderation.moderate('{"clip": "0,1"}'::jsonb, video => '{clip}')$$);
CALL t.fails($$SELECT moderation.moderate('{}'::jsonb, packages => '{no-such}')$$);
-- moderate(record): the columns by their types.
CREATE TABLE t.ads (id int PRIMARY KEY, title text, gone int, pic moderation.pdqhash, more moderation.pdqhash[], clip moderation.video_frame[], tags varchar[], doc jsonb, old json, verdict jsonb);
ALTER TABLE t.ads DROP COLUMN gone;
INSERT INTO t.ads VALUES
    (1, 'fine', t.h(90), NULL, NULL, NULL, '{"a": "fine"}', NULL),
    (2, 'casino', t.h(5), NULL, NULL, NULL, NULL, NULL),
    (3, NULL, NULL, ARRAY[t.h(90), NULL, t.h(1)], t.v(100, 150, 200), '{x,casino}', '{"a": ["casino"]}', '{"b": "CASINO"}'),
    (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT id, t.said(moderation.moderate(a)) FROM t.ads a ORDER BY id;
SELECT t.said(moderation.moderate(ROW('casino', t.h(0), 42, now())));
SELECT v FROM moderation.moderate(NULL::t.ads) v;
SELECT id, t.said(moderation.moderate(a, packages => '{mixed-shadow}')) FROM t.ads a WHERE id = 2;
-- Attached: all columns together make the verdict.
TRUNCATE t.ads;
CALL t.fails($$SELECT moderation.attach('t.ads', id => 'id')$$);
CALL t.fails($$SELECT moderation.attach('t.ads', id => 'id', image => '{title}')$$);
CALL t.fails($$SELECT moderation.attach('t.ads', id => 'id', image => '{more}')$$);
CALL t.fails($$SELECT moderation.attach('t.ads', id => 'id', video => '{pic}')$$);
CALL t.fails($$SELECT moderation.attach('t.ads', id => 'id', text => '{pic}')$$);
CALL t.fails($$SELECT moderation.attach('t.ads', id => 'id', image => '{pic,pic}')$$);
CALL t.fails($$SELECT moderation.attach('t.ads', id => 'id', image => '{no_such}')$$);
SELECT moderation.attach('t.ads', id => 'id', text => '{title}', image => '{pic}', video => '{clip}', verdict_column => 'verdict') > 0 AS attached;
SELECT columns, settings FROM moderation.attachments WHERE source = 't.ads'::regclass;
INSERT INTO t.ads (id, title, pic, clip) VALUES
    (1, 'fine', t.h(90), t.v(90, 91)), (2, 'casino', NULL, NULL), (3, 'casino', t.h(2), NULL), (4, 'x', t.h(0), t.v(0, 100, 150, 200)), (5, NULL, NULL, t.v(100, 150, 200));
SELECT id, verdict->>'action' AS action, verdict->>'score' AS score, jsonb_array_length(verdict->'hits') AS hits FROM t.ads ORDER BY id;
SELECT content_key AS key, package, stage, kind, coalesce(term, label) AS item, field, places, left(matched, 8) AS matched, distance, material_percent AS material, content_percent AS content, time_ranges, score, span_start, level, steps
FROM moderation.recent_hits ORDER BY content_key, package, kind;
-- A change of the image alone is judged; one of nothing watched is not; a row judged again leaves no second hit.
UPDATE t.ads SET pic = t.h(0) WHERE id = 2;
UPDATE t.ads SET verdict = '{}', tags = '{casino}' WHERE id = 3;
UPDATE t.ads SET title = title, pic = t.h(2) WHERE id = 3;
UPDATE t.ads SET pic = NULL WHERE id = 4;
UPDATE t.ads SET clip = NULL WHERE id = 5;
SELECT id, verdict->>'action' AS action, verdict->>'score' AS score, jsonb_array_length(verdict->'hits') AS hits FROM t.ads ORDER BY id;
SELECT content_key AS key, count(*) FROM moderation.hits h GROUP BY 1 ORDER BY 1;
-- The digest: texts, hashes as digits, videos as vPDQ text.
SELECT DISTINCT h.digest = moderation.content_digest('casino', t.h(2)::text, NULL) AS as_documented FROM moderation.hits h WHERE content_key = '3';
-- Reviews and statistics.
SELECT moderation.record_review('t.ads', 3, 'violating') > 0 AS reviewed, moderation.record_review('t.ads', 4, 'benign') > 0 AS reviewed;
SELECT package, stage, hits, contents, true_positives AS tp, false_positives AS fp FROM moderation.package_stats('mixed');
SELECT label, kind FROM moderation.items_never_hit WHERE package LIKE 'mixed%' ORDER BY label;
SELECT moderation.detach('t.ads');
-- Quarantine: the row whole, and back again.
TRUNCATE t.ads, moderation.hits, moderation.reviews;
SELECT moderation.attach('t.ads', id => 'id', image => '{pic}', video => '{clip}', text => '{title}', on_block => 'quarantine') > 0 AS attached;
INSERT INTO t.ads (id, title, pic, clip) VALUES (1, 'casino', t.h(0), t.v(1, 2)), (2, 'fine', t.h(0), NULL);
SELECT id FROM t.ads;
SELECT content_key, content->>'pic' = t.h(0)::text AS pic, (content->>'clip')::moderation.video_frame[] = t.v(1, 2) AS clip, verdict->>'action' AS action FROM moderation.quarantine;
SELECT kind, outcome, count(*) FROM moderation.hits GROUP BY 1, 2 ORDER BY 1, 2;
SELECT moderation.release_quarantined(quarantine_id) FROM moderation.quarantine;
SELECT id, pic = t.h(0) AS pic, clip = t.v(1, 2) AS clip FROM t.ads ORDER BY id;
SELECT moderation.detach('t.ads');
-- Reject: the error says what, not which material.
TRUNCATE t.ads, moderation.hits, moderation.quarantine;
SELECT moderation.attach('t.ads', id => 'id', image => '{pic}', video => '{clip}', text => '{title}', on_block => 'reject') > 0 AS attached;
DO $$
DECLARE d text;
BEGIN
    INSERT INTO t.ads (id, title, pic, clip) VALUES (1, 'casino', t.h(2), t.v(100, 150, 200));
EXCEPTION WHEN SQLSTATE 'MD001' THEN
    GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
    RAISE NOTICE '% % %', SQLERRM, d::jsonb->>'action', (SELECT jsonb_agg(h - 'item' ORDER BY h->>'kind') FROM jsonb_array_elements(d::jsonb->'hits') h);
END $$;
CALL t.collect_all();
SELECT kind, field, left(matched, 8) AS matched, distance, time_ranges, outcome FROM moderation.hits WHERE stage = 'live' ORDER BY kind;
SELECT moderation.detach('t.ads');
-- A partitioned table, images only, on both sides of a move; a renamed column.
CREATE TABLE t.parts (id int, region text, pic moderation.pdqhash) PARTITION BY LIST (region);
CREATE TABLE t.parts_a PARTITION OF t.parts FOR VALUES IN ('a');
CREATE TABLE t.parts_b (pic moderation.pdqhash, region text, id int);
ALTER TABLE t.parts ATTACH PARTITION t.parts_b FOR VALUES IN ('b');
SELECT moderation.attach('t.parts', id => 'id', image => '{pic}', on_block => 'reject') > 0 AS attached;
ALTER TABLE t.parts RENAME COLUMN pic TO picture;
TRUNCATE moderation.hits;
INSERT INTO t.parts VALUES (1, 'a', t.h(0)), (2, 'b', t.h(0));
UPDATE t.parts SET region = 'b' WHERE id = 1;
SELECT content_key, field, count(*) FROM moderation.hits WHERE stage = 'live' GROUP BY 1, 2 ORDER BY 1;
SELECT moderation.detach('t.parts');
DROP TABLE t.parts, t.ads;
SELECT t.retire_all();
DROP FUNCTION t.said(moderation.verdict), t.v(int[]), t.h(int);
TRUNCATE moderation.hits, moderation.quarantine;
