-- Any type of id, any kind of text column; attached tables under ALTER.
SET pg_moderation.exposure_sample = 0;
SELECT moderation.create_package('kinds', action => 'review') > 0 AS created;
SELECT * FROM moderation.add_terms('kinds', ARRAY['casino']);
SELECT moderation.publish_package('kinds');
CREATE DOMAIN t.key AS bigint CHECK (VALUE > 0);
CREATE DOMAIN t.prose AS text CHECK (length(VALUE) < 100);
CREATE DOMAIN t.short_prose AS t.prose;
CREATE TYPE t.colour AS ENUM ('red', 'green');
CREATE TABLE t.by_uuid (id uuid, b text);
CREATE TABLE t.by_text (id text, b varchar(50));
CREATE TABLE t.by_time (id timestamptz, b char(20));
CREATE TABLE t.by_domain (id t.key, b t.short_prose);
CREATE TABLE t.by_enum (id t.colour, b text COLLATE "C");
CREATE TABLE t.by_number (id numeric, b text);
CREATE TABLE t.by_bytes (id bytea, b text);
CREATE TABLE t.by_array (id int[], b text);
CREATE TABLE t.by_identity (id bigint GENERATED ALWAYS AS IDENTITY, b text);
CREATE TABLE t.by_itself (b text);
CREATE UNLOGGED TABLE t.by_nothing (id int, b text);
SELECT count(moderation.attach(('t.' || n)::regclass, id => 'id', text => '{b}')) FROM unnest(ARRAY['by_uuid', 'by_text', 'by_time', 'by_domain',
    'by_enum', 'by_number', 'by_bytes', 'by_array', 'by_identity', 'by_nothing']) n;
SELECT moderation.attach('t.by_itself', id => 'b', text => '{b}') > 0 AS attached;
SET timezone = 'Asia/Tokyo';
SET datestyle = 'German, DMY';
SET bytea_output = 'escape';
INSERT INTO t.by_uuid VALUES ('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'a casino');
INSERT INTO t.by_text VALUES ('  key with ''quotes"', 'a casino');
INSERT INTO t.by_time VALUES ('2026-03-04 05:06:07.890123+00', 'a casino');
INSERT INTO t.by_domain VALUES (7, 'a casino');
INSERT INTO t.by_enum VALUES ('green', 'a casino');
INSERT INTO t.by_number VALUES (1.50, 'a casino'), ('NaN', 'a casino');
INSERT INTO t.by_bytes VALUES ('\xDEADBEEF', 'a casino');
INSERT INTO t.by_array VALUES ('{1,2}', 'a casino');
INSERT INTO t.by_identity (b) VALUES ('a casino');
INSERT INTO t.by_itself VALUES ('a casino'), ('a casino');
INSERT INTO t.by_nothing VALUES (NULL, 'a casino'), (NULL, 'a casino');
RESET timezone; RESET datestyle; RESET bytea_output;
SELECT source, key, start, len, matched FROM t.recorded;
DROP TABLE t.by_uuid, t.by_text, t.by_time, t.by_domain, t.by_enum, t.by_number, t.by_bytes, t.by_array, t.by_identity, t.by_itself, t.by_nothing;
DROP DOMAIN t.key, t.short_prose, t.prose;
DROP TYPE t.colour;
TRUNCATE moderation.hits;

-- Names that need quoting; a generated column that reads the verdict; a foreign key that changes a watched text; inheritance.
CREATE TABLE t."We""ird, Table" ("Id, {x}" int PRIMARY KEY, "a ""b"" 'c'" text UNIQUE, "ü\" text);
SELECT moderation.attach('t."We""ird, Table"', id => 'Id, {x}', text => ARRAY['a "b" ''c''', 'ü\'], verdict_column => 'Ver"dict') > 0 AS attached;
ALTER TABLE t."We""ird, Table" ADD COLUMN action text GENERATED ALWAYS AS ("Ver""dict"->>'action') STORED;
INSERT INTO t."We""ird, Table" VALUES (1, 'casino', 'casino'), (2, 'x', 'y') RETURNING "Id, {x}" AS id, action;
UPDATE t."We""ird, Table" SET "ü\" = 'casino' WHERE "Id, {x}" = 2 RETURNING action;
CREATE TABLE t.refers (id int, name text REFERENCES t."We""ird, Table" ("a ""b"" 'c'") ON UPDATE CASCADE);
SELECT moderation.attach('t.refers', id => 'id', text => '{name}') > 0 AS attached;
INSERT INTO t.refers VALUES (7, 'x');
UPDATE t."We""ird, Table" SET "a ""b"" 'c'" = 'the casino' WHERE "Id, {x}" = 2;
-- A child table by inheritance is a table of its own.
CREATE TABLE t.heir () INHERITS (t.refers);
INSERT INTO t.heir VALUES (8, 'casino of an heir');
SELECT source, key, field, start FROM t.recorded;
DROP TABLE t.heir, t.refers, t."We""ird, Table";
TRUNCATE moderation.hits;

-- Renaming columns, table and schema; dropping a column that is not watched; adding one.
CREATE TABLE t.moving (gone int, id int PRIMARY KEY, body text, other text);
SELECT moderation.attach('t.moving', id => 'id', text => '{body}', verdict_column => 'v') > 0 AS attached;
INSERT INTO t.moving VALUES (0, 1, 'casino');
ALTER TABLE t.moving RENAME COLUMN body TO content;
ALTER TABLE t.moving RENAME COLUMN id TO key;
ALTER TABLE t.moving RENAME COLUMN v TO verdict;
INSERT INTO t.moving VALUES (0, 2, 'casino') RETURNING verdict->>'action' AS action;
ALTER TABLE t.moving DROP COLUMN gone;
INSERT INTO t.moving VALUES (3, 'casino') RETURNING verdict->>'action' AS action;
CREATE SCHEMA t2;
ALTER TABLE t.moving RENAME TO moved;
ALTER TABLE t.moved SET SCHEMA t2;
ALTER TABLE t2.moved ADD COLUMN body text DEFAULT 'casino';
INSERT INTO t2.moved VALUES (4, 'casino'), (5, 'nothing') RETURNING key, verdict->>'action' AS action;
SELECT source, columns FROM moderation.attachments WHERE source = 't2.moved'::regclass;
SELECT source, key, field, term FROM t.recorded;
-- A swap of names does not swap what is watched.
ALTER TABLE t2.moved RENAME COLUMN content TO tmp;
ALTER TABLE t2.moved RENAME COLUMN other TO content;
INSERT INTO t2.moved (key, tmp, content) VALUES (6, 'nothing', 'casino'), (7, 'casino', 'nothing') RETURNING key, verdict->>'action' AS action;
-- A watched column cannot go or change its type unnoticed.
CALL t.fails('ALTER TABLE t2.moved DROP COLUMN tmp');
CALL t.fails('ALTER TABLE t2.moved DROP COLUMN verdict');
CALL t.fails('ALTER TABLE t2.moved DROP COLUMN key');
CALL t.fails('ALTER TABLE t2.moved ALTER COLUMN tmp TYPE bytea USING NULL');
-- With CASCADE it goes, and the table says what to do.
ALTER TABLE t2.moved DROP COLUMN tmp CASCADE;
CALL t.fails($$INSERT INTO t2.moved (key) VALUES (8)$$);
SELECT moderation.detach('t2.moved');
SELECT moderation.attach('t2.moved', id => 'key', text => '{content,body}', verdict_column => 'verdict') > 0 AS attached;
INSERT INTO t2.moved (key, content) VALUES (8, 'nothing') RETURNING jsonb_path_query_array(verdict, '$.hits[*].field') AS fields;
-- The settings cannot be forged into reading a number as a text.
CREATE TABLE t2.forged (id int, n bigint, body text, v int);
SELECT moderation.attach('t2.forged', id => 'id', text => '{body}') > 0 AS attached;
DROP TRIGGER moderation_columns ON t2.forged;
CREATE TRIGGER moderation_columns AFTER UPDATE OF id, n ON t2.forged FOR EACH STATEMENT
    EXECUTE FUNCTION moderation.watched_columns('{"roles": [["id"], ["text"]], "on_block": "flag"}');
CALL t.fails($$INSERT INTO t2.forged VALUES (1, 1234567, 'casino')$$);
DROP TRIGGER moderation_columns ON t2.forged;
CREATE TRIGGER moderation_columns AFTER UPDATE OF id, body, v ON t2.forged FOR EACH STATEMENT
    EXECUTE FUNCTION moderation.watched_columns('{"roles": [["id"], ["text"], ["verdict"]], "on_block": "flag"}');
CALL t.fails($$INSERT INTO t2.forged VALUES (1, 1234567, 'casino')$$);
DROP TRIGGER moderation_columns ON t2.forged;
CREATE TRIGGER moderation_columns AFTER UPDATE OF id ON t2.forged FOR EACH STATEMENT EXECUTE FUNCTION moderation.watched_columns('no json');
CALL t.fails($$INSERT INTO t2.forged VALUES (1, 1234567, 'casino')$$);
-- The trigger functions are of no use in any other way.
CALL t.fails('SELECT moderation.judge_row()');
CREATE TABLE t2.bare (id int, body text);
CREATE TRIGGER x BEFORE INSERT ON t2.bare FOR EACH ROW EXECUTE FUNCTION moderation.judge_row();
CALL t.fails($$INSERT INTO t2.bare VALUES (1, 'casino')$$);
DROP TRIGGER x ON t2.bare;
CREATE TRIGGER x BEFORE INSERT ON t2.bare FOR EACH ROW EXECUTE FUNCTION moderation.record_row();
CALL t.fails($$INSERT INTO t2.bare VALUES (1, 'casino')$$);
DROP TRIGGER x ON t2.bare;
CREATE TRIGGER x BEFORE DELETE ON t2.bare FOR EACH ROW EXECUTE FUNCTION moderation.judge_row();
INSERT INTO t2.bare VALUES (1, 'casino');
CALL t.fails($$DELETE FROM t2.bare$$);
SET client_min_messages = warning;
DROP SCHEMA t2 CASCADE;
RESET client_min_messages;
SELECT t.retire_all();
TRUNCATE moderation.hits;
