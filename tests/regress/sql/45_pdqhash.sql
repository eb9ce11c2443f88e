-- The type pdqhash: text, casts, order, distance; the index class, against brute force.
\set zero '''0000000000000000000000000000000000000000000000000000000000000000'''
CREATE FUNCTION t.zero() RETURNS moderation.pdqhash LANGUAGE sql IMMUTABLE RETURN repeat('0', 64)::moderation.pdqhash;
SELECT repeat('0F', 32)::moderation.pdqhash AS hash, ('  ' || repeat('0f', 32) || ' ')::moderation.pdqhash AS spaces;
CALL t.fails($$SELECT 'd8f8'::moderation.pdqhash$$);
CALL t.fails($$SELECT ''::moderation.pdqhash$$);
CALL t.fails($$SELECT repeat('0', 65)::moderation.pdqhash$$);
CALL t.fails($$SELECT (repeat('0', 30) || 'x' || repeat('0', 33))::moderation.pdqhash$$);
CALL t.fails($$SELECT (repeat('0', 30) || 'é' || repeat('0', 33))::moderation.pdqhash$$);
CALL t.fails($$SELECT '\xd8f8'::bytea::moderation.pdqhash$$);
CALL t.fails($$SELECT B'1010'::moderation.pdqhash$$);
CALL t.fails($$SELECT repeat('1', 255)::bit(255)::moderation.pdqhash$$);
-- Casts and the binary form go there and back.
SELECT h = h::bytea::moderation.pdqhash AS bytea, h = h::bit(256)::moderation.pdqhash AS bit, h = h::text::moderation.pdqhash AS text,
       encode(h::bytea, 'hex') = h::text AS same_digits, substr(h::bit(256)::text, 1, 8) AS first_bits, moderation.pdqhash_send(h) = h::bytea AS send
FROM (SELECT ('81' || repeat('c3', 31))::moderation.pdqhash) x(h);
CREATE TABLE t.hashes (id int PRIMARY KEY, h moderation.pdqhash);
INSERT INTO t.hashes SELECT i, decode(md5(i::text) || md5('x' || i), 'hex')::moderation.pdqhash FROM generate_series(1, 2000) i;
COPY (SELECT * FROM t.hashes WHERE id <= 3) TO '/dev/null' (FORMAT binary);
-- Equality, order, hashing.
SELECT count(*) AS pairs, bool_and((a.h < b.h) = (a.h::text < b.h::text COLLATE "C")) AS less, bool_and((a.h <= b.h) = (a.h::text <= b.h::text COLLATE "C")) AS at_most,
       bool_and((a.h > b.h) = (a.h::text > b.h::text COLLATE "C")) AS greater, bool_and((a.h >= b.h) = (a.h::text >= b.h::text COLLATE "C")) AS at_least,
       bool_and((a.h = b.h) = (a.id = b.id)) AS equal, bool_and((a.h <> b.h) = (a.id <> b.id)) AS not_equal
FROM t.hashes a, t.hashes b WHERE a.id <= 50 AND b.id <= 50;
SELECT array_agg(id ORDER BY h) = array_agg(id ORDER BY h::text COLLATE "C") AS sorts, count(DISTINCT h) FROM t.hashes;
SET enable_mergejoin = off; SET enable_nestloop = off;
SELECT count(*) AS hash_join FROM t.hashes a JOIN t.hashes b USING (h);
RESET enable_mergejoin; RESET enable_nestloop;
SELECT count(DISTINCT moderation.pdqhash_hash(h)) > 1990 AS spread,
       bool_and((moderation.pdqhash_hash_extended(h, 0) & 4294967295) = (moderation.pdqhash_hash(h)::bigint & 4294967295)) AS seed_zero,
       bool_and(moderation.pdqhash_hash_extended(h, 1) <> moderation.pdqhash_hash_extended(h, 0)) AS seeds FROM t.hashes;
CREATE TABLE t.parted (h moderation.pdqhash PRIMARY KEY) PARTITION BY HASH (h);
CREATE TABLE t.parted_0 PARTITION OF t.parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE t.parted_1 PARTITION OF t.parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO t.parted SELECT h FROM t.hashes ON CONFLICT DO NOTHING;
SELECT count(*), count(DISTINCT tableoid) AS partitions FROM t.parted;
DROP TABLE t.parted;
-- Distance and balls.
SELECT :zero <-> repeat('f', 64)::moderation.pdqhash AS all_bits, :zero <-> (repeat('0', 63) || '7')::moderation.pdqhash AS three;
SELECT bool_and((a.h <-> b.h) = bit_count(a.h::bit(256) # b.h::bit(256))) AS as_counted FROM t.hashes a, t.hashes b WHERE a.id <= 50 AND b.id <= 50;
SELECT moderation.pdq_ball(:zero, 12) AS ball, (repeat('0', 64) || '/256')::moderation.pdq_ball AS read;
SELECT h <@ moderation.pdq_ball(:zero, 3) AS three, h <@ moderation.pdq_ball(:zero, 2) AS two, moderation.pdq_ball(:zero, 3) @> h AS commuted
FROM (SELECT (repeat('0', 63) || '7')::moderation.pdqhash) x(h);
CALL t.fails($$SELECT moderation.pdq_ball(t.zero(), -1)$$);
CALL t.fails($$SELECT moderation.pdq_ball(t.zero(), 257)$$);
CALL t.fails($$SELECT '31'::moderation.pdq_ball$$);
CALL t.fails($$SELECT (repeat('0', 64) || '/x')::moderation.pdq_ball$$);
CALL t.fails($$SELECT (repeat('0', 64) || '/70000')::moderation.pdq_ball$$);
-- The index: near copies of every distance, skewed hashes (few different slots), repeats, NULLs.
INSERT INTO t.hashes SELECT 10000 + id * 100 + d, (h::bit(256) # (repeat('0', (id * 7) % (257 - d)) || repeat('1', d) || repeat('0', 256 - d - (id * 7) % (257 - d)))::bit(256))::moderation.pdqhash
FROM t.hashes, unnest(ARRAY[0, 1, 14, 15, 16, 30, 31, 32, 33, 46, 47, 48, 49, 63]) d WHERE id <= 40;
INSERT INTO t.hashes SELECT 20000 + i, (repeat(substr('0008ff', 1 + 2 * (i % 3), 2), 28) || lpad(to_hex(i), 8, '0'))::moderation.pdqhash FROM generate_series(1, 600) i;
-- Bits spread over all slots, one or two in each.
INSERT INTO t.hashes SELECT 30000 + i, (SELECT string_agg(lpad(to_hex((1 << (i + n) % 16) | (CASE WHEN n < i % 20 THEN 1 << (i * n) % 16 ELSE 0 END)), 4, '0'), '' ORDER BY n) FROM generate_series(0, 15) n)::moderation.pdqhash
FROM generate_series(1, 200) i;
INSERT INTO t.hashes SELECT 40000 + i, NULL FROM generate_series(1, 20) i;
INSERT INTO t.hashes SELECT 50000 + i, repeat('00', 32)::moderation.pdqhash FROM generate_series(1, 300) i;
CREATE INDEX hashes_idx ON t.hashes USING gin (h);
ANALYZE t.hashes;
-- Every pair of 40 queries and all rows, at every radius: the index must say what comparing says.
CREATE FUNCTION t.compare(radii int[], OUT radius int, OUT pairs bigint, OUT missing bigint, OUT extra bigint) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    FOREACH radius IN ARRAY radii LOOP
        SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_indexscan = off;
        CREATE TEMP TABLE brute ON COMMIT DROP AS SELECT q.id AS q, a.id FROM t.hashes q, t.hashes a WHERE q.id % 131 = 3 AND q.h IS NOT NULL AND a.h <@ moderation.pdq_ball(q.h, radius);
        SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = on; SET LOCAL enable_indexscan = on;
        CREATE TEMP TABLE indexed ON COMMIT DROP AS SELECT q.id AS q, a.id FROM t.hashes q CROSS JOIN LATERAL (SELECT * FROM t.hashes a WHERE a.h <@ moderation.pdq_ball(q.h, radius) OFFSET 0) a WHERE q.id % 131 = 3 AND q.h IS NOT NULL;
        SELECT count(*) INTO pairs FROM brute;
        SELECT count(*) INTO missing FROM (SELECT * FROM brute EXCEPT ALL SELECT * FROM indexed) x;
        SELECT count(*) INTO extra FROM (SELECT * FROM indexed EXCEPT ALL SELECT * FROM brute) x;
        DROP TABLE brute, indexed;
        RETURN NEXT;
    END LOOP;
    RESET enable_seqscan; RESET enable_bitmapscan; RESET enable_indexscan;
END $$;
SELECT radius, pairs > 0 AS pairs, missing, extra FROM t.compare(ARRAY[0, 1, 14, 15, 16, 30, 31, 32, 33, 46, 47, 48, 50, 51, 63, 100, 256]);
-- After changes, after VACUUM, with a pending list, and built again.
UPDATE t.hashes SET h = (h::bit(256) # (repeat('0', id % 250) || '101010' || repeat('0', 250 - id % 250))::bit(256))::moderation.pdqhash WHERE id % 3 = 0;
DELETE FROM t.hashes WHERE id % 5 = 1;
SELECT sum(missing) AS missing, sum(extra) AS extra, sum(pairs) > 1000 AS pairs FROM t.compare(ARRAY[0, 16, 31, 47, 100]);
VACUUM t.hashes;
INSERT INTO t.hashes SELECT id + 100000, h FROM t.hashes WHERE id % 7 = 0;
SELECT sum(missing) AS missing, sum(extra) AS extra FROM t.compare(ARRAY[0, 16, 31, 47, 100]);
REINDEX INDEX t.hashes_idx;
SELECT sum(missing) AS missing, sum(extra) AS extra FROM t.compare(ARRAY[0, 16, 31, 47, 100]);
-- The plans: a constant, a parameter, either operand order, the inner side of a join.
CREATE FUNCTION t.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ DECLARE line text; BEGIN FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP IF line !~ 'Disabled' THEN RETURN NEXT line; END IF; END LOOP; END $$;
SET enable_seqscan = off;
SELECT t.plan($$SELECT id FROM t.hashes WHERE h <@ moderation.pdq_ball(t.zero(), 31)$$);
SELECT t.plan($$SELECT id FROM t.hashes WHERE moderation.pdq_ball(t.zero(), 31) @> h$$);
SELECT t.plan($$SELECT a.id FROM (SELECT h FROM t.hashes LIMIT 10) r JOIN t.hashes a ON a.h <@ moderation.pdq_ball(r.h, 31)$$);
PREPARE near(moderation.pdqhash, int) AS SELECT count(*) FROM t.hashes WHERE h <@ moderation.pdq_ball($1, $2);
SET plan_cache_mode = force_generic_plan;
SELECT t.plan($$EXECUTE near(t.zero(), 31)$$);
EXECUTE near(:zero, 31);
EXECUTE near(NULL, 31);
EXECUTE near(:zero, 256);
RESET plan_cache_mode;
RESET enable_seqscan;
-- Left to itself, the planner reads the table for a ball that holds everything, and knows about how many rows a ball has.
SELECT t.plan($$SELECT id FROM t.hashes WHERE h <@ moderation.pdq_ball(t.zero(), 256)$$);
CREATE FUNCTION t.estimate(query text) RETURNS int LANGUAGE plpgsql AS $$ DECLARE line text; BEGIN EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO line; RETURN line::json->0->'Plan'->>'Plan Rows'; END $$;
SELECT t.estimate($$SELECT FROM t.hashes WHERE h <@ moderation.pdq_ball(t.zero(), 256)$$) > 2000 AS all_of_them,
       t.estimate($$SELECT FROM t.hashes WHERE h <@ moderation.pdq_ball(repeat('a5', 32)::moderation.pdqhash, 31)$$) < 20 AS hardly_any,
       t.estimate($$SELECT FROM t.hashes WHERE h <@ moderation.pdq_ball(t.zero(), 0)$$) BETWEEN 150 AND 450 AS the_repeated;
-- Empty and all NULL.
CREATE TABLE t.empty (h moderation.pdqhash);
CREATE INDEX ON t.empty USING gin (h);
SET enable_seqscan = off;
SELECT count(*) FROM t.empty WHERE h <@ moderation.pdq_ball(:zero, 31);
INSERT INTO t.empty VALUES (NULL), (NULL);
SELECT count(*) FROM t.empty WHERE h <@ moderation.pdq_ball(:zero, 256);
RESET enable_seqscan;
DROP TABLE t.empty, t.hashes;
DROP FUNCTION t.compare(int[]), t.zero(), t.plan(text), t.estimate(text);
