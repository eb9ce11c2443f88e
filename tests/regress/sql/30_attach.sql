-- Attached tables: what is judged when, what is recorded, on every way a row comes in.
SET pg_moderation.exposure_sample = 0;
SELECT moderation.create_package('att', action => 'block') > 0 AS created;
SELECT moderation.create_package('att-review', action => 'review') > 0 AS created;
SELECT * FROM moderation.add_terms('att', ARRAY['casino', 'roulette']);
SELECT * FROM moderation.add_terms('att-review', ARRAY['bonus']);
SELECT moderation.publish_package('att'), moderation.publish_package('att-review');

CREATE TABLE t.ads (ad_id bigint PRIMARY KEY, title text, body varchar(200), label char(8), advertiser text, clicks integer DEFAULT 0, made timestamptz);
SELECT moderation.attach('t.ads', id => 'ad_id', text => '{title,body,label}', owner => 'advertiser', created_at => 'made', verdict_column => 'verdict') > 0 AS attached;
\d t.ads
SELECT source, columns, settings, enabled, attached_by = current_user AS by_me, detached_at
FROM moderation.attachments WHERE source = 't.ads'::regclass;

INSERT INTO t.ads (ad_id, title, advertiser, made) VALUES (1, 'Casino and casino', 'acme', '2026-01-02 03:04:05+06')
    RETURNING ad_id, verdict->>'action' AS action, verdict->'score' AS score;
INSERT INTO t.ads (ad_id, title, body) VALUES (2, 'fine', 'BONUS! Casino?'), (3, 'nothing', NULL), (4, NULL, NULL), (5, NULL, 'roulette')
    RETURNING ad_id, verdict->>'action' AS action;
INSERT INTO t.ads (ad_id, label) VALUES (6, 'casino') RETURNING ad_id, verdict->>'action' AS action;
COPY t.ads (ad_id, title) FROM stdin;
7	no problem
8	bonus
\.
TABLE t.recorded;
SELECT owner_key, created_at AT TIME ZONE 'UTC' AS created_at, digest = moderation.content_digest('Casino and casino', NULL, NULL) AS digest_is_right,
       length(set_hash) AS set_hash, observed_at > now() - interval '1 hour' AS observed, bucket = moderation.ring_bucket(observed_at) AS bucket
FROM moderation.hits WHERE content_key = '1' AND source_id = (SELECT source_id FROM moderation.attachments WHERE source = 't.ads'::regclass);
SELECT k AS key_of_verdict FROM t.ads, jsonb_object_keys(verdict) k WHERE ad_id = 1 ORDER BY k COLLATE "C";

-- An UPDATE of a column that is not watched, or one that leaves the texts as they are, judges nothing.
TRUNCATE moderation.hits;
UPDATE t.ads SET clicks = clicks + 1;
UPDATE t.ads SET title = title, body = body;
SELECT count(*) AS recorded FROM t.recorded;
-- A new text is judged, and the verdict follows it both ways.
UPDATE t.ads SET body = 'now a roulette' WHERE ad_id = 3 RETURNING verdict->>'action' AS action;
UPDATE t.ads SET body = 'harmless again' WHERE ad_id = 3 RETURNING verdict;
UPDATE t.ads SET body = 'now a roulette' WHERE ad_id = 3 RETURNING verdict->>'action' AS action;
SELECT key, term, field, count(*) FROM t.recorded GROUP BY 1, 2, 3 ORDER BY 1;
-- Another content with the same words is another row of hits.
UPDATE t.ads SET title = 'and' WHERE ad_id = 3;
SELECT key, term, field, count(*) FROM t.recorded GROUP BY 1, 2, 3 ORDER BY 1;
-- A rolled-back row leaves no hits.
TRUNCATE moderation.hits;
BEGIN; INSERT INTO t.ads (ad_id, title) VALUES (100, 'casino'); ROLLBACK;
BEGIN; SAVEPOINT s; INSERT INTO t.ads (ad_id, title) VALUES (100, 'casino'); ROLLBACK TO s; COMMIT;
SELECT count(*) AS recorded FROM t.recorded;

-- Another trigger changes the text: what is stored counts, also when it fires after ours.
CREATE FUNCTION t.rewrite() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.title := TG_ARGV[0]; RETURN NEW; END $$;
CREATE TRIGGER aa BEFORE INSERT OR UPDATE ON t.ads FOR EACH ROW EXECUTE FUNCTION t.rewrite('a casino by trigger');
INSERT INTO t.ads (ad_id, title) VALUES (200, 'innocent') RETURNING verdict->>'action' AS action;
UPDATE t.ads SET clicks = 7 WHERE ad_id = 7 RETURNING verdict->>'action' AS action;
DROP TRIGGER aa ON t.ads;
CREATE TRIGGER zzzzz BEFORE INSERT ON t.ads FOR EACH ROW EXECUTE FUNCTION t.rewrite('clean by trigger');
INSERT INTO t.ads (ad_id, title) VALUES (201, 'casino');
DROP TRIGGER zzzzz ON t.ads;
SELECT key, term, matched, start FROM t.recorded;

-- Deferred constraints, and a row that is inserted and deleted in one transaction.
CREATE TABLE t.child (id bigint PRIMARY KEY, ad bigint REFERENCES t.ads DEFERRABLE INITIALLY DEFERRED, remark text);
SELECT moderation.attach('t.child', id => 'id', text => '{remark}') > 0 AS attached;
BEGIN;
INSERT INTO t.child VALUES (1, 300, 'casino first');
INSERT INTO t.ads (ad_id, title) VALUES (300, 'parent');
COMMIT;
SELECT source, key, term FROM t.recorded WHERE source = 't.child'::regclass;
-- Nothing fires for replicated changes.
TRUNCATE moderation.hits;
SET session_replication_role = replica;
INSERT INTO t.ads (ad_id, title) VALUES (400, 'casino') RETURNING verdict;
UPDATE t.ads SET title = 'roulette' WHERE ad_id = 400;
RESET session_replication_role;
SELECT count(*) AS recorded FROM t.recorded;

-- MERGE: inserts and updates.
MERGE INTO t.ads a USING (VALUES (400, 'casino merged'), (401, 'bonus merged'), (402, 'x')) s(id, title) ON a.ad_id = s.id
WHEN MATCHED THEN UPDATE SET title = s.title WHEN NOT MATCHED THEN INSERT (ad_id, title) VALUES (s.id, s.title);
SELECT key, term, matched FROM t.recorded;
SELECT ad_id, verdict->>'action' AS action FROM t.ads WHERE ad_id BETWEEN 400 AND 402 ORDER BY 1;

-- Detached, nothing happens; attached again, the same source goes on, and an existing verdict column is used.
SELECT moderation.detach('t.ads');
INSERT INTO t.ads (ad_id, title) VALUES (500, 'casino') RETURNING verdict;
SELECT source, settings, detached_at IS NOT NULL AS was_detached FROM moderation.attachments WHERE source = 't.ads'::regclass;
SELECT moderation.attach('t.ads', id => 'ad_id', text => '{title}', verdict_column => 'verdict')
     = (SELECT source_id FROM moderation.attachments WHERE source = 't.ads'::regclass) AS same_source;
INSERT INTO t.ads (ad_id, title, body) VALUES (501, 'casino', 'roulette') RETURNING jsonb_path_query_array(verdict, '$.hits[*].term') AS terms;
SELECT moderation.detach('t.ads');
SELECT count(*) AS triggers_left FROM pg_trigger WHERE tgrelid = 't.ads'::regclass AND NOT tgisinternal;
DROP TABLE t.child, t.ads;
SELECT t.retire_all();
TRUNCATE moderation.hits;
