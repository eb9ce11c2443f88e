-- Quarantine: rows kept out whole, released once, discarded; updates keep the old row.
SET pg_moderation.exposure_sample = 1;
SELECT moderation.create_package('quar', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('quar', ARRAY['casino', 'roulette']);
SELECT moderation.publish_package('quar');
CREATE TABLE t.q (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text, owner text, n int DEFAULT 5, twice int GENERATED ALWAYS AS (n * 2) STORED);
SELECT moderation.attach('t.q', id => 'id', text => '{body}', on_block => 'quarantine', owner => 'owner', verdict_column => 'verdict') > 0 AS attached;
INSERT INTO t.q (body, owner) VALUES ('a casino', 'o1'), ('fine', 'o2'), ('roulette', NULL) RETURNING id, body;
SELECT id, body, n, twice FROM t.q;
SELECT operation, content_key, owner_key, verdict->>'action' AS action, jsonb_array_length(verdict->'hits') AS hits, content, changed,
       quarantined_by = current_user AS by_me, resolution FROM moderation.quarantine ORDER BY quarantine_id;
SELECT key, term, outcome FROM t.recorded;
-- A content kept out was judged too: it is exposed.
SELECT content_key, action, weight FROM moderation.exposures ORDER BY content_key;
-- Released with its own key, and not quarantined again; hits and exposures are not repeated.
SELECT moderation.release_quarantined(quarantine_id, note => 'a film title') FROM moderation.quarantine WHERE content_key = '1';
SELECT id, body, owner, n, twice, verdict->>'action' AS action FROM t.q ORDER BY id;
SELECT key, term, outcome FROM t.recorded;
SELECT count(*) AS exposures FROM moderation.exposures;
SELECT content_key, resolution, resolved_by = current_user AS by_me, resolved_at IS NOT NULL AS at, note FROM moderation.quarantine ORDER BY quarantine_id;
-- Once.
DO $$ BEGIN PERFORM moderation.release_quarantined(quarantine_id) FROM moderation.quarantine WHERE content_key = '1';
EXCEPTION WHEN object_not_in_prerequisite_state THEN RAISE NOTICE '% refused', SQLSTATE; END $$;
DO $$ BEGIN PERFORM moderation.discard_quarantined(quarantine_id) FROM moderation.quarantine WHERE content_key = '1';
EXCEPTION WHEN object_not_in_prerequisite_state THEN RAISE NOTICE '% refused', SQLSTATE; END $$;
SELECT moderation.discard_quarantined(quarantine_id, 'spam') FROM moderation.quarantine WHERE content_key = '3';
DO $$ BEGIN PERFORM moderation.release_quarantined(quarantine_id) FROM moderation.quarantine WHERE content_key = '3';
EXCEPTION WHEN object_not_in_prerequisite_state THEN RAISE NOTICE '% refused', SQLSTATE; END $$;
SELECT content_key, resolution, note FROM moderation.quarantine ORDER BY quarantine_id;
CALL t.fails('SELECT moderation.release_quarantined(-1)');
CALL t.fails('SELECT moderation.release_quarantined(NULL)');
CALL t.fails('SELECT moderation.discard_quarantined(NULL)');
-- A later edit of a released row is judged again; an update that does not touch the text is not.
UPDATE t.q SET n = 6 WHERE id = 1;
UPDATE t.q SET body = 'another casino', n = 7 WHERE id = 1;
SELECT id, body, n FROM t.q WHERE id = 1;
SELECT operation, content_key, stored_key, changed FROM moderation.quarantine WHERE resolution IS NULL;
-- Releasing an update writes what it changed, and leaves what others changed since.
UPDATE t.q SET owner = 'o9' WHERE id = 1;
SELECT moderation.release_quarantined(quarantine_id) FROM moderation.quarantine WHERE resolution IS NULL;
SELECT id, body, owner, n, twice FROM t.q WHERE id = 1;
-- Rolled back, it is as if nothing was released.
INSERT INTO t.q (body) VALUES ('casino four');
BEGIN;
SELECT moderation.release_quarantined(quarantine_id) FROM moderation.quarantine WHERE resolution IS NULL;
ROLLBACK;
SELECT count(*) AS rows, (SELECT count(*) FROM moderation.quarantine WHERE resolution IS NULL) AS waiting FROM t.q WHERE body = 'casino four';
-- While one is released, another with the same words is still kept out.
CREATE FUNCTION t.more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO t.q (body) VALUES ('casino from a trigger'); RETURN NULL; END $$;
CREATE TRIGGER more AFTER INSERT ON t.q FOR EACH ROW WHEN (NEW.body = 'casino four') EXECUTE FUNCTION t.more();
SELECT moderation.release_quarantined(quarantine_id) FROM moderation.quarantine WHERE resolution IS NULL;
SELECT id, body FROM t.q WHERE body LIKE 'casino%' ORDER BY id;
SELECT content_key, content->>'body' AS body FROM moderation.quarantine WHERE resolution IS NULL;
DROP TRIGGER more ON t.q;
-- Upserts: the proposed row is kept out; what is there stays.
INSERT INTO t.q (id, body) OVERRIDING SYSTEM VALUE VALUES (2, 'casino upsert') ON CONFLICT (id) DO UPDATE SET body = EXCLUDED.body;
SELECT id, body FROM t.q WHERE id = 2;
-- What cannot be stored any more says so, and stays in quarantine: a key taken, a row gone, a column gone, a table detached or gone.
DO $$ BEGIN PERFORM moderation.release_quarantined(max(quarantine_id)) FROM moderation.quarantine;
EXCEPTION WHEN unique_violation THEN RAISE NOTICE '% refused', SQLSTATE; END $$;
UPDATE t.q SET body = 'casino' WHERE id = 2;
DELETE FROM t.q WHERE id = 2;
CALL t.fails($$SELECT moderation.release_quarantined(max(quarantine_id)) FROM moderation.quarantine$$);
INSERT INTO t.q (body) VALUES ('casino and a column');
ALTER TABLE t.q RENAME COLUMN owner TO advertiser;
CALL t.fails($$SELECT moderation.release_quarantined(max(quarantine_id)) FROM moderation.quarantine$$);
ALTER TABLE t.q RENAME COLUMN advertiser TO owner;
ALTER TABLE t.q ADD COLUMN added_later int DEFAULT 42;
SELECT moderation.release_quarantined(max(quarantine_id)) IS NOT NULL AS released FROM moderation.quarantine;
SELECT body, added_later FROM t.q ORDER BY id DESC LIMIT 1;
INSERT INTO t.q (body) VALUES ('casino before detach');
UPDATE t.q SET body = 'roulette' WHERE body = 'another casino';
SELECT moderation.detach('t.q');
CALL t.fails($$SELECT moderation.release_quarantined(max(quarantine_id)) FROM moderation.quarantine$$);
SELECT moderation.release_quarantined(max(quarantine_id)) IS NOT NULL AS released FROM moderation.quarantine WHERE operation = 'insert';
SELECT body FROM t.q WHERE body = 'casino before detach';
DROP TABLE t.q;
CALL t.fails($$SELECT moderation.release_quarantined(max(quarantine_id)) FROM moderation.quarantine$$);
SELECT moderation.discard_quarantined(max(quarantine_id)) FROM moderation.quarantine;
-- An id that is not unique: an update would hit several rows, so it hits none.
CREATE TABLE t.q (id int, body text);
SELECT moderation.attach('t.q', id => 'id', text => '{body}', on_block => 'quarantine') > 0 AS attached;
INSERT INTO t.q VALUES (1, 'x'), (1, 'y');
UPDATE t.q SET body = 'casino' WHERE body = 'x';
CALL t.fails($$SELECT moderation.release_quarantined(max(quarantine_id)) FROM moderation.quarantine$$);
SELECT * FROM t.q ORDER BY body;
-- A trigger of the table's own that suppresses the row.
CREATE FUNCTION t.suppress() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
INSERT INTO t.q VALUES (9, 'casino');
CREATE TRIGGER aaa BEFORE INSERT ON t.q FOR EACH ROW EXECUTE FUNCTION t.suppress();
CALL t.fails($$SELECT moderation.release_quarantined(max(quarantine_id)) FROM moderation.quarantine$$);
SELECT count(*) AS waiting FROM moderation.quarantine WHERE resolution IS NULL AND content_key = '9';
DROP TABLE t.q;
DROP FUNCTION t.suppress(), t.more();
SELECT t.retire_all();
TRUNCATE moderation.hits, moderation.exposures, moderation.quarantine;
RESET pg_moderation.exposure_sample;
