-- Hunting: terms over stored texts, and an index of grams that finds the rows of matches() too.
SELECT t.retire_all();
CREATE SCHEMA ht;
CREATE TABLE ht.ads (id int PRIMARY KEY, title text, body varchar(200));
INSERT INTO ht.ads SELECT n, CASE WHEN n % 500 = 0 THEN 'Best ONLINE  Casino' WHEN n % 700 = 0 THEN 'ｏｎｌｉｎｅ casino' WHEN n % 900 = 0 THEN '我喜欢赌博网站' ELSE 'garden chairs ' || n END,
    CASE WHEN n % 800 = 0 THEN 'свежая Закладка' WHEN n % 600 = 1 THEN 'cheap pharmcies here' WHEN n % 11 = 0 THEN NULL ELSE 'nothing to see ' || n END FROM generate_series(1, 5000) n;
CREATE INDEX ads_grams ON ht.ads USING gin (title moderation.text_grams_ops, body moderation.text_grams_ops);
ANALYZE ht.ads;
CREATE FUNCTION ht.plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; found text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        found := found || CASE WHEN line ~ 'Bitmap Index Scan' THEN 'index ' WHEN line ~ 'Seq Scan' THEN 'scan ' ELSE '' END;
    END LOOP;
    RETURN found;
END $$;
SELECT moderation.create_package('ht', action => 'log') > 0 AS created;
SELECT * FROM moderation.add_terms('ht', ARRAY['online casino', '赌博']);
SELECT * FROM moderation.allow_terms('ht', ARRAY['ab']);
SELECT moderation.publish_package('ht');
-- Plain WHERE uses the index, and finds what the scan finds.
SELECT ht.plan($$SELECT * FROM ht.ads WHERE moderation.matches(title, 'ht')$$);
SELECT ht.plan($$SELECT * FROM ht.ads WHERE title OPERATOR(moderation.@~) moderation.hunt('{online casino}') OR body OPERATOR(moderation.@~) moderation.hunt('{online casino}')$$);
CREATE FUNCTION ht.same(condition text) RETURNS TABLE (by_index text, rows bigint, same boolean) LANGUAGE plpgsql AS $$
DECLARE indexed int[]; scanned int[];
BEGIN
    by_index := ht.plan('SELECT id FROM ht.ads WHERE ' || condition);
    EXECUTE 'SELECT array_agg(id ORDER BY id) FROM ht.ads WHERE ' || condition INTO indexed;
    SET LOCAL enable_bitmapscan = off;
    EXECUTE 'SELECT array_agg(id ORDER BY id) FROM ht.ads WHERE ' || condition INTO scanned;
    SET LOCAL enable_bitmapscan = on;
    rows := coalesce(cardinality(indexed), 0);
    same := indexed IS NOT DISTINCT FROM scanned;
    RETURN NEXT;
END $$;
SELECT * FROM ht.same($$moderation.matches(title, 'ht')$$);
SELECT * FROM ht.same($$moderation.matches(title, 'ht') OR moderation.matches(body, 'ht')$$);
-- The index is asked whenever it must be, also where it can say nothing: same rows.
SET enable_seqscan = off;
SELECT m.match, l.level, s.* FROM unnest(enum_range(NULL::moderation.match_mode)) m(match) CROSS JOIN unnest(enum_range(NULL::moderation.match_level)) l(level)
CROSS JOIN LATERAL ht.same(format('title OPERATOR(moderation.@~) moderation.hunt(ARRAY[%L], %L, %L)', CASE m.match WHEN 'typo' THEN 'pharmacies' WHEN 'wildcard' THEN 'on*ne' WHEN 'rule' THEN 'online & casino' ELSE 'casino' END, m.match, l.level)) s
WHERE m.match NOT IN ('domain', 'phone', 'email', 'handle') AND NOT (m.match IN ('typo', 'wildcard', 'regex', 'rule') AND l.level = 'evasion') ORDER BY 1, 2;
SELECT * FROM ht.same($$body OPERATOR(moderation.@~) moderation.hunt('{pharmacies}', 'typo')$$);
SELECT * FROM ht.same($$title OPERATOR(moderation.@~) moderation.hunt('{赌博}')$$);
SELECT * FROM ht.same($$title OPERATOR(moderation.@~) moderation.hunt('{赌}')$$);
SELECT * FROM ht.same($$title OPERATOR(moderation.@~) moderation.hunt('{}')$$);
RESET enable_seqscan;
-- The plan of a prepared statement stays right when the package changes to what has no grams, and when it is retired.
SET plan_cache_mode = force_generic_plan;
PREPARE candidates(text) AS SELECT count(*) FROM ht.ads WHERE moderation.matches(title, $1);
EXECUTE candidates('ht');
SELECT * FROM moderation.add_terms('ht', ARRAY['gardеn'], level => 'evasion');
SELECT moderation.publish_package('ht');
EXECUTE candidates('ht');
SELECT moderation.retire_package('ht');
EXECUTE candidates('ht');
RESET plan_cache_mode;
-- hunt_terms: where, by any source.
SELECT * FROM moderation.hunt_terms('ht.ads', ARRAY['online casino', 'закладка'], key => 'id', fields => '{title,body}') WHERE content_key::int < 1000 ORDER BY content_key::int, field;
SELECT content_key, matched FROM moderation.hunt_terms('SELECT id, title FROM ht.ads WHERE id < 1000', ARRAY['赌博'], key => 'id', fields => '{title}');
SELECT count(*), min(matched) FROM moderation.hunt_terms('ht.ads', ARRAY['закладку'], match => 'inflected', key => 'id', fields => '{title,body}');
SELECT * FROM moderation.term_hits('Vi4gra and casino', moderation.hunt('{viagra,casino}', level => 'evasion'));
-- Bad input.
CALL t.fails($$SELECT * FROM moderation.hunt_terms('ht.ads', ARRAY['(a'], match => 'regex', key => 'id', fields => '{title}')$$);
CALL t.fails($$SELECT * FROM moderation.hunt_terms('ht.ads', ARRAY['ok', ''], key => 'id', fields => '{title}')$$);
CALL t.fails($$SELECT * FROM moderation.hunt_terms('ht.ads', ARRAY['a'], key => 'id', fields => '{nope}')$$);
CALL t.fails($$SELECT moderation.matches_terms('a', '{"term": "a"}')$$);
CALL t.fails($$SELECT moderation.matches_terms('a', '[{"term": "a", "match": "fuzzy"}]')$$);
CALL t.fails($$SELECT count(*) FROM ht.ads WHERE moderation.matches(title, 'nobody')$$);
-- The index follows changes of the rows.
UPDATE ht.ads SET title = 'online casino' WHERE id = 3;
DELETE FROM ht.ads WHERE id = 500;
SELECT array_agg(content_key ORDER BY content_key::int) FROM moderation.hunt_terms('ht.ads', ARRAY['online casino'], key => 'id', fields => '{title}') WHERE content_key::int <= 1000;
SELECT cardinality(moderation.text_grams(repeat('abc ', 100000))) AS grams_of_repetition, moderation.text_grams('ab') AS none;
