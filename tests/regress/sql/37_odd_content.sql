-- Odd but real content: keys as long as a page, far times, many hits, the same text under many keys.
SET pg_moderation.exposure_sample = 1;
-- With a threshold: lint refuses single letters that block by themselves.
SELECT moderation.create_package('odd', action => 'block', threshold => 0.5) > 0 AS created;
SELECT * FROM moderation.add_terms('odd', ARRAY['casino']);
SELECT * FROM moderation.add_terms('odd', ARRAY(SELECT chr(i) FROM generate_series(ascii('a'), ascii('z')) i), match => 'substring');
SELECT * FROM moderation.allow_terms('odd', ARRAY['fine']);
SELECT moderation.publish_package('odd');
CREATE TABLE t.o (url text, body text, owner text, made timestamp);
SELECT moderation.attach('t.o', id => 'url', text => '{body}', owner => 'owner', created_at => 'made', verdict_column => 'v') > 0 AS attached;
-- A key that does not compress, longer than an index entry can be.
CREATE FUNCTION t.key(n int) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(sha512((n || '-' || i)::text::bytea)::text, '') FROM generate_series(1, 100) i $$;
SELECT length(t.key(1)) > 10000 AS long_key;
INSERT INTO t.o VALUES (t.key(1), 'CASINO', t.key(2)), (t.key(3), 'fine', NULL);
UPDATE t.o SET body = 'fine' WHERE url = t.key(1);
UPDATE t.o SET body = 'CASINO' WHERE url = t.key(1);
SELECT content_key = t.key(1) AS whole_key, owner_key = t.key(2) AS whole_owner, count(*) AS hits FROM moderation.hits GROUP BY 1, 2;
SELECT count(*) AS contents, count(DISTINCT content_key) AS keys FROM moderation.exposures;
SELECT moderation.record_review('t.o', t.key(1), 'violating') > 0 AS reviewed;
SELECT moderation.record_review('t.o', content_key, 'violating', hit => hit_id) > 0 AS reviewed FROM moderation.hits LIMIT 1;
SELECT contents, true_positives FROM moderation.package_stats('odd');
SELECT moderation.detach('t.o');
SELECT moderation.attach('t.o', id => 'url', text => '{body}', on_block => 'quarantine') > 0 AS attached;
INSERT INTO t.o VALUES (t.key(4), 'casino');
SELECT moderation.release_quarantined(quarantine_id) = t.key(4) AS released FROM moderation.quarantine;
SELECT moderation.detach('t.o');
-- The look-ups of recording go by index.
SET enable_seqscan = off;
CREATE FUNCTION t.uses_index(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text; found boolean := false;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
        ASSERT line !~ 'Seq Scan', line;
        found := found OR line ~ 'Index Cond: .*source_id.*content_key.*digest';
    END LOOP;
    RETURN found;
END $$;
SELECT t.uses_index($$SELECT FROM moderation.hits h WHERE h.source_id = 1 AND left(h.content_key, 200) = left('x', 200) AND h.content_key = 'x' AND h.digest = ''$$) AS hits,
       t.uses_index($$SELECT FROM moderation.hits h WHERE h.source_id = 1 AND left(h.content_key, 200) IS NULL AND h.digest = ''$$) AS hits_without_key,
       t.uses_index($$SELECT FROM moderation.exposures h WHERE h.source_id = 1 AND left(h.content_key, 200) = left('x', 200) AND h.content_key = 'x' AND h.digest = ''$$) AS exposures;
RESET enable_seqscan;
-- Times at the ends of the calendar.
TRUNCATE moderation.hits, moderation.exposures, t.o;
SELECT moderation.attach('t.o', id => 'url', text => '{body}', created_at => 'made') > 0 AS attached;
INSERT INTO t.o VALUES ('a', 'casino', NULL, 'infinity'), ('b', 'casino', NULL, '-infinity'), ('c', 'casino', NULL, '4713-12-31 00:00:00 BC'), ('d', 'casino', NULL, '294276-12-31 23:59:59');
SELECT h.content_key, h.created_at AT TIME ZONE 'UTC' = made AS same FROM moderation.hits h JOIN t.o ON url = content_key JOIN moderation.item_versions USING (item_id) WHERE term = 'casino' ORDER BY 1;
-- Every item in thousands of places: one row of hits each, and a verdict that is still a value.
INSERT INTO t.o VALUES ('long', repeat('the quick brown fox jumps over the lazy dog ', 20000));
SELECT count(*) AS hits, min(places) AS fewest, max(places) AS most FROM moderation.hits WHERE content_key = 'long';
-- The same text under many keys, and many texts under no key.
INSERT INTO t.o SELECT 'copy' || i, 'casino' FROM generate_series(1, 500) i;
INSERT INTO t.o SELECT NULL, 'casino' FROM generate_series(1, 50) i;
INSERT INTO t.o SELECT NULL, 'casino ' || i FROM generate_series(1, 50) i;
SELECT content_key IS NULL AS without_key, count(DISTINCT (content_key, digest)) AS contents, count(*) FROM moderation.hits JOIN moderation.item_versions USING (item_id)
WHERE term = 'casino' AND (content_key IS NULL OR content_key LIKE 'copy%') GROUP BY 1 ORDER BY 1;
DROP TABLE t.o;
DROP FUNCTION t.key(int), t.uses_index(text);
SELECT t.retire_all();
TRUNCATE moderation.hits, moderation.exposures, moderation.quarantine, moderation.reviews;
RESET pg_moderation.exposure_sample;
