-- Rescans: stored rows meet what was published after them; only rows that the difference can change are written.
SELECT t.retire_all();
CREATE SCHEMA rs;
CREATE TABLE rs.ads (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner text, title text, body text);
INSERT INTO rs.ads (owner, title, body) SELECT 'o' || n % 3, CASE n % 5 WHEN 0 THEN 'old' WHEN 1 THEN 'new' WHEN 2 THEN 'old new' ELSE 'none' END, CASE WHEN n % 7 = 0 THEN 'zebra' END FROM generate_series(1, 35) n;
SELECT moderation.create_package('rs', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('rs', ARRAY['old', 'zebra']);
SELECT moderation.publish_package('rs');
SELECT moderation.attach('rs.ads', id => 'id', text => '{title,body}', owner => 'owner', verdict_column => 'verdict', on_block => 'reject') > 0 AS attached;
CREATE VIEW rs.state AS SELECT verdict ->> 'action' AS action, count(*), array_agg(id ORDER BY id) AS ids FROM rs.ads GROUP BY 1;
CREATE VIEW rs.hits AS SELECT h.release, h.stage, v.term, w.hit_id IS NOT NULL AS withdrawn, h.outcome, count(*), count(DISTINCT h.owner_key) AS owners
    FROM moderation.hits h JOIN moderation.item_versions v USING (item_id) LEFT JOIN moderation.withdrawn_hits w USING (hit_id)
    WHERE h.source_id = (SELECT source_id FROM moderation.sources WHERE relation = 'rs.ads'::regclass) GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4;
CREATE VIEW rs.status AS SELECT source, rows_judged_by, live, is_current FROM moderation.rescan_status WHERE package = 'rs' AND source = 'rs.ads'::regclass;
-- Rows from before the attach were never judged; nothing is kept out or refused that is there.
SELECT * FROM rs.status;
CALL moderation.rescan('rs.ads', chunk_rows => 10);
SELECT * FROM rs.state;
SELECT * FROM rs.hits;
SELECT * FROM rs.status;
-- A second call has nothing to do: no row is written.
CREATE TEMP TABLE before AS SELECT id, ctid AS place FROM rs.ads;
CALL moderation.rescan('rs.ads');
SELECT count(*) AS written FROM rs.ads a JOIN before b ON b.id = a.id AND b.place <> a.ctid;
-- One term goes, one comes, an allow entry comes: rows of unchanged terms are not written.
SELECT moderation.remove_terms('rs', ARRAY['old']);
SELECT * FROM moderation.add_terms('rs', ARRAY['new']);
SELECT * FROM moderation.allow_terms('rs', ARRAY['old new']);
SELECT moderation.publish_package('rs');
SELECT * FROM rs.status;
CALL moderation.rescan('rs.ads');
SELECT * FROM rs.state;
SELECT * FROM rs.hits;
SELECT array_agg(a.id ORDER BY a.id) FILTER (WHERE title IN ('old', 'new', 'old new')) IS NOT NULL AS touched,
       count(*) FILTER (WHERE title = 'none') AS written_in_vain
FROM rs.ads a JOIN before b ON b.id = a.id AND b.place <> a.ctid;
-- The verdict column is what judging each row afresh gives, and names the set.
SELECT count(*) AS differ FROM rs.ads a CROSS JOIN LATERAL (SELECT array_agg(h.item_id ORDER BY h.item_id) AS items FROM unnest(ARRAY[a.title, a.body]) f, moderation.text_hits(f, 'rs') h) n
WHERE n.items IS DISTINCT FROM (SELECT array_agg((x ->> 'item')::bigint ORDER BY (x ->> 'item')::bigint) FROM jsonb_array_elements(a.verdict -> 'hits') x);
SELECT count(*) FILTER (WHERE verdict ->> 'set' = moderation.set_in_force()) AS by_this_set, count(*) FILTER (WHERE verdict ->> 'set' <> moderation.set_in_force()) AS by_an_earlier_one FROM rs.ads;
-- Two publishes and a rollback between two rescans: what was live in between counts too.
INSERT INTO rs.ads (owner, title) VALUES ('x', 'harmless between');
SELECT * FROM moderation.add_terms('rs', ARRAY['between']);
SELECT moderation.publish_package('rs');
INSERT INTO rs.ads (owner, title) VALUES ('x', 'quiet');
UPDATE rs.ads SET body = 'x' WHERE title = 'none';
SELECT moderation.rollback_package('rs') IS NOT NULL AS rolled_back;
CALL moderation.rescan('rs.ads');
SELECT * FROM rs.status;
SELECT title, verdict FROM rs.ads WHERE owner = 'x' ORDER BY id;
-- Settings: another threshold and action concern every hit.
SELECT moderation.alter_package('rs', action => 'review', note => 'softer') IS NOT NULL AS altered;
SELECT moderation.publish_package('rs');
CALL moderation.rescan('rs.ads');
SELECT * FROM rs.state;
-- Retired: every verdict is withdrawn.
SELECT moderation.retire_package('rs');
CALL moderation.rescan('rs.ads');
SELECT * FROM rs.state;
SELECT count(*) FILTER (WHERE h.digest = moderation.content_digest(a.title, a.body)) AS still_counting,
       count(*) FILTER (WHERE h.digest <> moderation.content_digest(a.title, a.body)) AS of_earlier_texts
FROM moderation.hits h JOIN rs.ads a ON a.id::text = h.content_key WHERE h.source_id = (SELECT source_id FROM moderation.sources WHERE relation = 'rs.ads'::regclass)
    AND stage = 'live' AND hit_id NOT IN (SELECT hit_id FROM moderation.withdrawn_hits);
-- Updates that change a watched column are judged as ever, also while a rescan is on.
SELECT moderation.publish_package('rs');
SELECT moderation.alter_package('rs', action => 'block') IS NOT NULL AS altered;
SELECT moderation.publish_package('rs');
BEGIN;
SELECT moderation.rescanning((SELECT source_id FROM moderation.sources WHERE relation = 'rs.ads'::regclass), 'test');
CALL t.fails($$UPDATE rs.ads SET body = 'zebra' WHERE id = 1$$);
ROLLBACK;
-- A row that cannot be written fails its chunk; the next call tries it again.
ALTER TABLE rs.ads ADD CONSTRAINT no_five CHECK (id <> 5) NOT VALID;
DO $$ BEGIN PERFORM set_config('t.before', (SELECT coalesce(max(run_id), 0) FROM moderation.rescan_runs)::text, false); END $$;
SET client_min_messages = error;
CALL moderation.rescan('rs.ads', chunk_rows => 10);
RESET client_min_messages;
SELECT kind, state, chunks_done, chunks_failed, last_error FROM moderation.backtest_progress WHERE run_id > current_setting('t.before')::int;
SELECT is_current FROM rs.status;
ALTER TABLE rs.ads DROP CONSTRAINT no_five;
CALL moderation.rescan('rs.ads');
SELECT kind, state, chunks_done, chunks_failed, last_error FROM moderation.backtest_progress WHERE run_id > current_setting('t.before')::int;
SELECT is_current FROM rs.status;
-- Bad input.
CALL t.fails($$SELECT moderation.begin_rescan('moderation.hits', 10)$$);
CALL t.fails($$SELECT moderation.begin_rescan('rs.ads', 0)$$);
SELECT moderation.detach('rs.ads');
SELECT t.retire_all();
