-- Every built-in type comes back from quarantine as it went in, whatever the settings of either session.
SET pg_moderation.exposure_sample = 0;
SELECT moderation.create_package('types', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('types', ARRAY['casino']);
SELECT moderation.publish_package('types');
CREATE SCHEMA "Odd Schema";
CREATE TYPE "Odd Schema"."Colour" AS ENUM ('dark red', 'it''s "green"');
CREATE TYPE "Odd Schema".pair AS (a int, b text, c timestamptz, d "Odd Schema"."Colour"[]);
CREATE DOMAIN "Odd Schema".posint AS int DEFAULT 3 CHECK (VALUE > 0);
CREATE DOMAIN "Odd Schema".pairs AS "Odd Schema".pair[] CHECK (cardinality(VALUE) < 5);
CREATE TABLE "Odd Schema"."Every Type" (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text,
    i2 smallint, i8 bigint, num numeric, num2 numeric(10, 3), f4 real, f8 double precision, m money, b boolean, ch char(5), "char" "char", vc varchar(10), nm name,
    by bytea, bt bit(5), vb varbit, d date, ti time(3), tz timetz, ts timestamp, tsz timestamptz, iv interval, iv2 interval day to second(2), u uuid, ip inet, ci cidr, mac macaddr, mac8 macaddr8,
    js json, jb jsonb, jp jsonpath, tv tsvector, tq tsquery, pt point, ln line, ls lseg, bx box, pa path, po polygon, ci2 circle,
    r4 int4range, rn numrange, rt tsrange, rz tstzrange, rd daterange, mr int4multirange, mz tstzmultirange,
    a1 int[], a2 text[], a3 timestamptz[], a4 text[][], rc regclass, rp regprocedure, rty regtype, rr regrole, rns regnamespace, o oid, xi xid8, lsn pg_lsn, snap pg_snapshot,
    e "Odd Schema"."Colour", co "Odd Schema".pair, dom "Odd Schema".posint, doms "Odd Schema".pairs, ea "Odd Schema"."Colour"[],
    gen int GENERATED ALWAYS AS (i2 * 2) STORED, dflt text DEFAULT 'a default', dflt_null text DEFAULT 'not this');
SELECT moderation.attach('"Odd Schema"."Every Type"', id => 'id', text => '{body}', on_block => 'quarantine') > 0 AS attached;

-- A procedure that stores a row (seeded by n) with or without the risk word.
CREATE PROCEDURE t.store(with_body text) LANGUAGE sql AS $$
    INSERT INTO "Odd Schema"."Every Type" VALUES (DEFAULT, with_body,
        -32768, 9223372036854775807, 'NaN', -1234567.891, 'Infinity', 0.1::float8 + 0.2, (-1234.56)::numeric::money, true, 'ab', '\377'::"char", 'v  ', 'na"me',
        '\x00ff5c275c', B'10110', B'', '0044-03-15 BC', '23:59:59.999', '12:34:56.789+05:30', '294276-12-31 23:59:59.999999', '2026-03-29 02:30:00.123456+02', '-1 year 2 months -3 days 04:05:06.7 ago', '-3 days -04:05:06.78', 'a0eebc999c0b4ef8bb6d6bb9bd380a11', '::1/64', '10.1.0.0/16', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05',
        '{"b": 1, "a":  [1.10, null, "\u0041"], "b": 2}', '{"b": 1.10, "a": [1e30, "ü\n"]}', 'strict $."a b"[*] ? (@ > 1)', '''a b'':1A,3 c:2', 'a & (b:AB <-> c) | !d', '(1.1,-2e10)', '{1,-1,0.3}', '[(0,0),(1,1)]', '((0,0),(1,1.5))', '[(0,0),(1,2)]', '((0,0),(1,2),(3,4))', '<(1,2),3>',
        '(1,5]', '[1.10,)', '["2026-01-01 00:00:00","2026-02-01 00:00:00")', '["2026-01-01 00:00:00+03",infinity)', 'empty', '{[1,3),[5,8)}', '{["2026-01-01 00:00:00+03","2026-01-02 00:00:00+03")}',
        '[-2:0]={1,NULL,3}', ARRAY['NULL', NULL, '', 'a,b', '"q"', '{}', E'back\\slash', ' sp '], ARRAY['infinity', '2026-07-01 12:00:00+09']::timestamptz[], '{}', '"Odd Schema"."Every Type"', 'pg_catalog.lower(text)', '"Odd Schema".pair[]', 'postgres', '"Odd Schema"', 4294967295, '18446744073709551615', 'FFFFFFFF/0', '10:20:10,14,15',
        'it''s "green"', ROW(1, 'a "quoted", (text)', '2026-01-01 00:00:00+00', ARRAY['dark red', 'it''s "green"']::"Odd Schema"."Colour"[]), 7, ARRAY[ROW(NULL, '', NULL, NULL), NULL]::"Odd Schema".pair[], '{it''s \"green\"}',
        DEFAULT, DEFAULT, NULL) $$;
CREATE TABLE t.seen (label text, content jsonb);
-- What a row is, whatever types it has: every column as text, under one fixed way of printing.
CREATE FUNCTION t.look(label text) RETURNS void LANGUAGE sql SET datestyle = 'ISO, YMD' SET intervalstyle = 'iso_8601' SET timezone = 'UTC' SET extra_float_digits = 3 SET search_path = pg_catalog SET lc_monetary = 'C' AS $$
    INSERT INTO t.seen SELECT label, jsonb_object_agg(a.attname, v.text)
    FROM "Odd Schema"."Every Type" r, pg_attribute a, LATERAL (SELECT to_jsonb(r) AS j) j,
    LATERAL (SELECT j.j->>a.attname AS text) v
    WHERE a.attrelid = '"Odd Schema"."Every Type"'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attname NOT IN ('id', 'body') $$;
-- The truth: the row as it is stored without moderation in the way.
CALL t.store('nothing');
SELECT t.look('truth');
DELETE FROM "Odd Schema"."Every Type";
-- Kept out under one set of settings, released under another.
SET datestyle = 'SQL, DMY'; SET intervalstyle = 'sql_standard'; SET timezone = 'America/St_Johns'; SET extra_float_digits = -10; SET bytea_output = 'escape'; SET search_path = "Odd Schema", pg_catalog; SET xmlbinary = hex;
CALL t.store('casino 1');
SET datestyle = 'Postgres, MDY'; SET intervalstyle = 'postgres_verbose'; SET timezone = 'Asia/Kathmandu'; SET extra_float_digits = 0; SET array_nulls = off; SET search_path = public; SET xmloption = document; SET quote_all_identifiers = on;
SELECT moderation.release_quarantined(max(quarantine_id)) IS NOT NULL AS released FROM moderation.quarantine;
RESET ALL;
SET pg_moderation.exposure_sample = 0;
SELECT body, gen, dflt, dflt_null FROM "Odd Schema"."Every Type";
SELECT t.look('released');
SELECT k AS column, a.content->k AS before, b.content->k AS after
FROM t.seen a, t.seen b, jsonb_object_keys(a.content) k
WHERE a.label = 'truth' AND b.label = 'released' AND a.content->k IS DISTINCT FROM b.content->k;
SELECT count(*) AS columns_compared, count(a.content->>k) AS not_null FROM t.seen a, jsonb_object_keys(a.content) k WHERE a.label = 'truth';
-- Bit by bit where jsonb is not exact.
SELECT a1 = '[-2:0]={1,NULL,3}'::int[] AS bounds, array_lower(a1, 1), f8 = 0.1::float8 + 0.2 AS f8, js::text AS js, ch, octet_length(by) AS by, a2[1] = 'NULL' AS not_a_null, a2[2] IS NULL AS a_null
FROM "Odd Schema"."Every Type";
-- An update of every column is kept out and released the same way.
CALL t.store('nothing');
UPDATE "Odd Schema"."Every Type" SET i2 = NULL, body = 'casino', a1 = '{}', iv = NULL, co = NULL WHERE body = 'nothing';
SELECT changed FROM moderation.quarantine ORDER BY quarantine_id DESC LIMIT 1;
SELECT moderation.release_quarantined(max(quarantine_id)) IS NOT NULL AS released FROM moderation.quarantine;
SELECT i2 IS NULL AS i2, body, a1, iv IS NULL AS iv, co IS NULL AS co, gen IS NULL AS gen FROM "Odd Schema"."Every Type" WHERE body = 'casino';
SET client_min_messages = warning;
DROP SCHEMA "Odd Schema" CASCADE;
RESET client_min_messages;
DROP TABLE t.seen; DROP PROCEDURE t.store(text); DROP FUNCTION t.look(text);
SELECT t.retire_all();
TRUNCATE moderation.hits, moderation.quarantine;
