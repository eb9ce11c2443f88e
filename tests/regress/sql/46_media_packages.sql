-- Images and videos: hashing files, packages, verdicts and hits. The pictures are made here, as BMP files.
SET pg_moderation.exposure_sample = 0;
CREATE FUNCTION t.le(n int, bytes int) RETURNS bytea LANGUAGE sql IMMUTABLE RETURN (SELECT string_agg(set_byte('\x00', 0, (n >> (8 * i)) & 255), '' ORDER BY i) FROM generate_series(0, bytes - 1) i);
-- 64 x 64 pixels in 8 x 8 squares of a grey that the seed chooses; noise changes every pixel a little; flat is one grey.
CREATE FUNCTION t.bmp(seed int, noise int DEFAULT 0, side int DEFAULT 64) RETURNS bytea LANGUAGE sql IMMUTABLE RETURN
    'BM'::bytea || t.le(54 + 3 * side * side, 4) || t.le(0, 4) || t.le(54, 4) || t.le(40, 4) || t.le(side, 4) || t.le(side, 4) || t.le(1, 2) || t.le(24, 2) || t.le(0, 4)
    || t.le(3 * side * side, 4) || t.le(2835, 4) || t.le(2835, 4) || t.le(0, 4) || t.le(0, 4)
    || (SELECT string_agg(set_byte('\x00', 0, CASE WHEN seed = 0 THEN 128 ELSE greatest(0, least(255, get_byte(decode(md5(seed || '/' || y / 8 || '/' || x / 8), 'hex'), 0) + noise * ((x * 7 + y * 13) % 3 - 1))) END), '' ORDER BY y, x, c)
        FROM generate_series(0, side - 1) y, generate_series(0, side - 1) x, generate_series(0, 2) c);
CREATE TABLE t.pictures AS SELECT name, t.bmp(seed, noise) AS file FROM (VALUES ('a', 1, 0), ('a noisy', 1, 9), ('b', 2, 0), ('c', 3, 0), ('flat', 0, 0)) v(name, seed, noise);
SELECT name, (p).quality, length((p).hash::text) AS digits FROM (SELECT name, moderation.pdq_hash(file) AS p FROM t.pictures) x ORDER BY name;
SELECT a.name, b.name, CASE WHEN d = 0 THEN 'same' WHEN d <= 31 THEN 'near' WHEN d > 90 THEN 'far' END AS distance
FROM (SELECT a.name AS a, b.name AS b, (moderation.pdq_hash(a.file)).hash <-> (moderation.pdq_hash(b.file)).hash AS d FROM t.pictures a, t.pictures b WHERE a.name < b.name AND b.name <> 'flat') x(an, bn, d), LATERAL (SELECT an) a(name), LATERAL (SELECT bn) b(name) ORDER BY 1, 2;
-- What is no image, is cut off, or is too large, is an error, or NULL.
CALL t.fails($$SELECT moderation.pdq_hash('')$$);
CALL t.fails($$SELECT moderation.pdq_hash('\x00010203')$$);
CALL t.fails($$SELECT moderation.pdq_hash(substr(t.bmp(1), 1, 5000))$$);
CALL t.fails($$SELECT moderation.pdq_hash('\x89504e470d0a1a0a')$$);
CALL t.fails($$SELECT moderation.pdq_hash('\xffd8ff' || t.bmp(1))$$);
CALL t.fails($$SELECT moderation.pdq_hash('GIF89a')$$);
CALL t.fails($$SELECT moderation.pdq_hash(t.bmp(1, 0, 4))$$);
-- Headers that promise 65,535 x 65,535 pixels.
CALL t.fails($$SELECT moderation.pdq_hash('BM' || t.le(54, 4) || t.le(0, 4) || t.le(54, 4) || t.le(40, 4) || t.le(65535, 4) || t.le(65535, 4) || t.le(1, 2) || t.le(24, 2) || t.le(0, 4) || decode(repeat('00', 20), 'hex'))$$);
CALL t.fails($$SELECT moderation.pdq_hash('GIF89a' || t.le(65535, 2) || t.le(65535, 2) || '\x000000')$$);
CALL t.fails($$SELECT moderation.pdq_hash(file, 'ignore') FROM t.pictures$$);
SET pg_moderation.max_image_pixels = 4095;
CALL t.fails($$SELECT moderation.pdq_hash(file) FROM t.pictures$$);
SET pg_moderation.max_image_pixels = 4096;
SELECT count((moderation.pdq_hash(file)).hash) FROM t.pictures;
RESET pg_moderation.max_image_pixels;
SET pg_moderation.max_image_bytes = '12kB';
CALL t.fails($$SELECT moderation.pdq_hash(file) FROM t.pictures$$);
RESET pg_moderation.max_image_bytes;
SELECT p.hash IS NULL AS no_hash, p.quality IS NULL AS no_quality FROM (VALUES ('\x00'::bytea), (''), (NULL), (substr(t.bmp(1), 1, 99))) v(file), moderation.pdq_hash(file, on_error => 'null') p;
-- The eight variants: exact from an image, nearly so from its hash.
SELECT r.variant, r.quality >= 50 AS good, r.hash <-> g.hash <= 12 AS nearly, count(*) OVER (PARTITION BY r.hash) AS same FROM moderation.pdq_rotations(t.bmp(1)) r
JOIN moderation.pdq_rotations((moderation.pdq_hash(t.bmp(1))).hash) g USING (variant);
SELECT count(*) FROM moderation.pdq_rotations('\x00', on_error => 'null');
SELECT count(*) FROM moderation.pdq_rotations(NULL::moderation.pdqhash);
-- A package of all kinds.
SELECT moderation.create_policy('media-policy', severity => 4) > 0 AS created;
SELECT moderation.create_package('media', policy => 'media-policy', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_images('media', ARRAY(SELECT file FROM t.pictures WHERE name IN ('a', 'b') ORDER BY name), label => 'squares', source => 'regress');
SELECT * FROM moderation.add_images('media', ARRAY(SELECT (moderation.pdq_hash(file)).hash FROM t.pictures WHERE name IN ('b', 'c') ORDER BY name), label => 'again', qualities => ARRAY[100, 51]);
SELECT * FROM moderation.add_images('media', '{}'::moderation.pdqhash[]);
SELECT * FROM moderation.add_images('media', '{}'::bytea[]);
CALL t.fails($$SELECT moderation.add_images('media', ARRAY(SELECT file FROM t.pictures ORDER BY name))$$);
CALL t.fails($$SELECT moderation.add_images('media', ARRAY[t.bmp(9), NULL])$$);
CALL t.fails($$SELECT moderation.add_images('media', ARRAY[t.bmp(9), '\x00'])$$);
CALL t.fails($$SELECT moderation.add_images('media', NULL::bytea[])$$);
CALL t.fails($$SELECT moderation.add_images('media', ARRAY[NULL]::moderation.pdqhash[])$$);
CALL t.fails($$SELECT moderation.add_images('media', ARRAY[repeat('5a', 32)::moderation.pdqhash], qualities => ARRAY[49])$$);
CALL t.fails($$SELECT moderation.add_images('media', ARRAY[repeat('5a', 32)::moderation.pdqhash], qualities => ARRAY[49, 50])$$);
CALL t.fails($$SELECT moderation.add_images('media', ARRAY[repeat('5a', 32)::moderation.pdqhash], max_distance => 65)$$);
CALL t.fails($$SELECT moderation.add_images('media', ARRAY[repeat('5a', 32)::moderation.pdqhash], weight => 0)$$);
CALL t.fails($$SELECT moderation.add_images('no-such', ARRAY[repeat('5a', 32)::moderation.pdqhash])$$);
-- A video: ten frames, the last one too bad to compare.
CREATE FUNCTION t.frames(pattern text, first int DEFAULT 0) RETURNS moderation.video_frame[] LANGUAGE sql IMMUTABLE RETURN
    (SELECT array_agg(ROW(first + n - 1, CASE c WHEN 'A' THEN (moderation.pdq_hash(t.bmp(1))).hash WHEN 'B' THEN (moderation.pdq_hash(t.bmp(2))).hash ELSE (md5(c) || md5(c || '!'))::moderation.pdqhash END,
                          CASE WHEN c = '-' THEN 10 ELSE 100 END, (first + n - 1) * 0.5)::moderation.video_frame ORDER BY n)
     FROM string_to_table(pattern, NULL) WITH ORDINALITY u(c, n));
SELECT moderation.add_video('media', 'alphabet', t.frames('defghijkl-'), source => 'regress') > 0 AS added;
SELECT moderation.add_video('media', 'alphabet', t.frames('defghijkl-')) = max(item_id) AS same FROM moderation.item_versions WHERE kind = 'video';
SELECT moderation.add_video('media', 'half of it', t.frames('mnop'), min_material => 50, min_content => 10, weight => 0.5) > 0 AS added;
CALL t.fails($$SELECT moderation.add_video('media', 'bad', t.frames('---'))$$);
CALL t.fails($$SELECT moderation.add_video('media', 'bad', '{}')$$);
CALL t.fails($$SELECT moderation.add_video('media', NULL, t.frames('abc'))$$);
CALL t.fails($$SELECT moderation.add_video('media', 'bad', ARRAY[NULL]::moderation.video_frame[])$$);
CALL t.fails($$SELECT moderation.add_video('media', 'bad', ARRAY[ROW(0, NULL, 100, 0)::moderation.video_frame])$$);
CALL t.fails($$SELECT moderation.add_video('media', 'bad', ARRAY[ROW(-1, repeat('0', 64)::moderation.pdqhash, 100, 0)::moderation.video_frame])$$);
CALL t.fails($$SELECT moderation.add_video('media', 'bad', ARRAY[ROW(0, repeat('0', 64)::moderation.pdqhash, 101, 0)::moderation.video_frame])$$);
CALL t.fails($$SELECT moderation.add_video('media', 'bad', ARRAY[ROW(0, repeat('0', 64)::moderation.pdqhash, 100, 'NaN')::moderation.video_frame])$$);
CALL t.fails($$SELECT moderation.add_video('media', 'bad', t.frames('abc'), min_material => 101)$$);
-- Frames from the text of a vPDQ file.
SELECT f.frame_number, f.quality, f.hash = repeat('ab', 32)::moderation.pdqhash AS hash, f.seconds FROM moderation.video_frames(E'0,100,' || repeat('ab', 32) || E',0.000\n\n30,49,' || repeat('ab', 32) || E',1.001\r\n') f;
CALL t.fails($$SELECT * FROM moderation.video_frames('1,2')$$);
CALL t.fails($$SELECT * FROM moderation.video_frames('0,100,' || repeat('ab', 32) || E',0\n1,100,xyz,1')$$);
-- The draft, before anything is published.
SELECT kind, label, allow, max_distance, frames, min_material, min_content, weight, source FROM moderation.current_items WHERE package = 'media' ORDER BY item_id;
SELECT terms, allow_entries, images, videos FROM moderation.drafts JOIN moderation.packages p USING (package_id) WHERE p.name = 'media';
SELECT h.label, h.stage, h.distance FROM t.pictures, moderation.image_hits(file, 'media', draft => true) h WHERE name = 'a';
SELECT (moderation.moderate_image(file)).* FROM t.pictures WHERE name = 'a';
\set VERBOSITY terse
INSERT INTO moderation.item_versions (item_id, package_id, added_in, kind, item_hash, changed_by) VALUES (1, 1, 1, 'image', '', 'x');
\set VERBOSITY default
SELECT moderation.publish_package('media');
SELECT terms, allow_entries, images, videos FROM moderation.in_force WHERE package = 'media';
-- Verdicts on images, by hash and by file; a flat picture has no hits.
SELECT name, v.action, round(v.score::numeric, 3) AS score, jsonb_array_length(v.hits) AS hits FROM t.pictures, moderation.moderate_image(file) v ORDER BY name;
SELECT name, v.action, jsonb_array_length(v.hits) AS hits FROM t.pictures, moderation.moderate_image((moderation.pdq_hash(file)).hash, 'media') v WHERE name <> 'flat' ORDER BY name;
SELECT name, moderation.matches((moderation.pdq_hash(file)).hash, 'media') FROM t.pictures WHERE name <> 'flat' ORDER BY name;
SELECT hit - 'item' - 'score' - 'distance' AS hit FROM t.pictures, moderation.moderate_image(file) v, jsonb_array_elements(v.hits) hit WHERE name = 'a noisy';
SELECT v FROM moderation.moderate_image(NULL::bytea) v;
SELECT moderation.matches('0000000000000000000000000000000000000000000000000000000000000000'::moderation.pdqhash, 'media');
CALL t.fails($$SELECT moderation.moderate_image('\x00'::bytea)$$);
CALL t.fails($$SELECT moderation.image_hits(t.bmp(1), 'no-such')$$);
CALL t.fails($$SELECT moderation.image_hits(t.bmp(1), 'media', release => 9)$$);
-- Everything found is what comparing every pair finds.
SELECT count(*) AS pairs, count(*) FILTER (WHERE (d <= 31) <> found) AS wrong FROM (
    SELECT p.hash <-> v.hash AS d, EXISTS (SELECT FROM moderation.image_hits(p.hash, 'media') h WHERE h.item_id = v.item_id) AS found
    FROM (SELECT (h::bit(256) # (repeat('0', d) || repeat('1', d) || repeat('0', 256 - 2 * d))::bit(256))::moderation.pdqhash AS hash
          FROM (SELECT hash AS h FROM moderation.item_versions WHERE kind = 'image') x, generate_series(0, 60, 3) d) p, moderation.item_versions v WHERE v.kind = 'image') y;
-- Distances: of the item, and of the package for items without one.
SELECT moderation.set_max_distance('media', 10);
CALL t.fails($$SELECT moderation.set_max_distance('media', -1)$$);
CALL t.fails($$SELECT moderation.set_max_distance('media', NULL)$$);
SELECT * FROM moderation.add_images('media', ARRAY[repeat('5a', 32)::moderation.pdqhash], max_distance => 40, label => 'wide');
CREATE FUNCTION t.off(d int) RETURNS moderation.pdqhash LANGUAGE sql IMMUTABLE RETURN (repeat('5a', 32)::moderation.pdqhash::bit(256) # (repeat('1', d) || repeat('0', 256 - d))::bit(256))::moderation.pdqhash;
SELECT moderation.publish_package('media');
SELECT d, h.label, h.distance, h.max_distance FROM unnest(ARRAY[0, 40, 41]) d, moderation.image_hits(t.off(d), 'media') h;
SELECT h.label, h.distance, h.max_distance FROM (SELECT (hash::bit(256) # (repeat('1', 10) || repeat('0', 246))::bit(256))::moderation.pdqhash AS near FROM moderation.item_versions WHERE label = 'again') x, moderation.image_hits(near, 'media') h;
SELECT count(*) FROM (SELECT (hash::bit(256) # (repeat('1', 11) || repeat('0', 245))::bit(256))::moderation.pdqhash AS near FROM moderation.item_versions WHERE label = 'again') x, moderation.image_hits(near, 'media') h;
SELECT count(*) AS release_1_has_31 FROM (SELECT (hash::bit(256) # (repeat('1', 11) || repeat('0', 245))::bit(256))::moderation.pdqhash AS near FROM moderation.item_versions WHERE label = 'again') x, moderation.image_hits(near, 'media', release => 1) h;
SELECT release, images, r.max_distance FROM moderation.releases r JOIN moderation.packages p USING (package_id) WHERE p.name = 'media' ORDER BY release;
-- Allowed images.
SELECT * FROM moderation.allow_images('media', ARRAY[t.off(30)], max_distance => 5, label => 'harmless');
SELECT moderation.publish_package('media');
SELECT d, h.label, h.suppressed_by IS NOT NULL AS suppressed FROM unnest(ARRAY[0, 24, 25, 35, 36]) d, moderation.image_hits(t.off(d), 'media', suppressed => true) h;
SELECT d, moderation.matches(t.off(d), 'media'), (moderation.moderate_image(t.off(d))).action FROM unnest(ARRAY[24, 25, 35, 36]) d;
-- Videos: how much of each is in the other, and where.
SELECT p AS content, h.kind, h.label, h.material_percent AS material, h.content_percent AS content_pc, h.material_ranges, h.content_ranges, h.frame_number AS frame, h.seconds, h.distance, h.score
FROM unnest(ARRAY['defghijkl', 'xxdefgxhijklxx', 'xdefghijx', 'lkjihgfed', 'mnxxxx', 'mnxxxxxxxxxxxxxxxxxxxxxxxx', 'mx', 'x', 'xAAxBA-Ax', 'Amnop', '-----', '']) p, moderation.video_hits(t.frames(p), 'media') h;
SELECT count(*) FROM moderation.video_hits(NULL, 'media'::text);
SELECT count(*) FROM moderation.video_hits('{}', 'media'::text);
SELECT v.action, v.score, hit - 'item' AS hit FROM moderation.moderate_video(t.frames('xxdefgxhijklxx')) v, jsonb_array_elements(v.hits) hit;
CALL t.fails($$SELECT moderation.moderate_video(ARRAY[ROW(0, repeat('0', 64)::moderation.pdqhash, 100, NULL)::moderation.video_frame])$$);
-- Removing; what releases had, they keep.
SELECT moderation.remove_items('media', ARRAY(SELECT item_id FROM moderation.current_items WHERE package = 'media' AND (kind = 'video' OR allow OR label = 'squares')));
SELECT terms, allow_entries, images, videos FROM moderation.drafts JOIN moderation.packages p USING (package_id) WHERE p.name = 'media';
SELECT moderation.publish_package('media') AS release, count(*) AS items FROM moderation.current_items WHERE package = 'media';
SELECT count(*) AS now, (SELECT count(*) FROM moderation.video_hits(t.frames('defghijkl'), 'media', release => 3)) AS release_3 FROM moderation.video_hits(t.frames('defghijkl'), 'media') h;
-- The same content has the same hash, whatever its history; what items say is in it.
SELECT moderation.create_package('media-' || n, action => 'block') > 0 AS created FROM generate_series(1, 6) n;
SELECT moderation.add_images('media-1', ARRAY[t.off(1), t.off(2)]);
SELECT moderation.add_images('media-2', ARRAY[t.off(2), t.off(3)]);
SELECT moderation.add_images('media-2', ARRAY[t.off(1)]);
SELECT moderation.remove_items('media-2', ARRAY[(SELECT item_id FROM moderation.current_items WHERE package = 'media-2' AND hash = t.off(3))]);
SELECT moderation.add_images('media-3', ARRAY[t.off(1), t.off(2)], max_distance => 31);
SELECT moderation.add_images('media-4', ARRAY[t.off(1), t.off(2)]);
SELECT moderation.set_max_distance('media-4', 30);
SELECT moderation.add_video('media-5', 'v', t.frames('abc')) > 0 AS added;
SELECT moderation.add_video('media-6', 'v', t.frames('abc'), min_material => 79) > 0 AS added;
SELECT moderation.publish_package('media-' || n) FROM generate_series(1, 6) n;
SELECT array_agg(p.name ORDER BY p.name) AS same FROM moderation.releases JOIN moderation.packages p USING (package_id) WHERE p.name LIKE 'media-_' GROUP BY content_hash ORDER BY 1;
-- Items can be scheduled and snoozed as terms can.
SELECT moderation.update_items('media-1', ARRAY(SELECT item_id FROM moderation.current_items WHERE package = 'media-1'), weight => 3);
SELECT moderation.publish_package('media-1');
SELECT (moderation.moderate_image(t.off(1), 'media-1')).score > 5 AS heavier;
SELECT moderation.snooze_items('media-1', ARRAY(SELECT item_id FROM moderation.current_items WHERE package = 'media-1' AND hash = t.off(1)), reason => 'test') AS snoozed;
SELECT count(*) AS without_one FROM moderation.image_hits(t.off(1), 'media-1');
SELECT t.retire_all();
DROP TABLE t.pictures;
