-- Every function of the SQL surface that changes something writes an audit entry of its name, or is named here with the reason
-- why not. A new function belongs into one of the two.
SET pg_moderation.exposure_sample = 0;
SELECT t.retire_all();
SELECT coalesce(max(audit_id), 0) AS start FROM moderation.audit_log \gset
CREATE TABLE t.unaudited (function text, reason text);
INSERT INTO t.unaudited VALUES
    ('ack_outbox', 'a consumer''s position, in outbox_consumers'),
    ('read_outbox', 'a consumer''s position, in outbox_consumers'),
    ('collect_rejected', 'records of what applications wrote'),
    ('derive_from_case', 'proposals, which say who proposed them; accepting one is audited'),
    ('suggest_allow', 'proposals'), ('suggest_cleanup', 'proposals'), ('suggest_narrowing', 'proposals'),
    ('suggest_images', 'proposals'), ('suggest_terms', 'proposals'), ('suggest_variants', 'proposals'),
    ('next_for_review', 'claims, which end by themselves; who has one is in review_claims'),
    ('release_claims', 'claims'),
    ('refresh_rollups', 'figures that follow from the hits'),
    ('start_backtest', 'judges and changes nothing; who began it is in backtest_runs'),
    ('run_backtest', 'judges and changes nothing');
-- All of them once.
CREATE TABLE t.audit_rows (id int PRIMARY KEY, body text);
CREATE TABLE t.audit_gate (id int PRIMARY KEY, body text);
DO $$
DECLARE
    one bigint;
    run bigint;
BEGIN
    PERFORM moderation.create_policy('cover');
    PERFORM moderation.create_package('cover', policy => 'cover', action => 'block');
    PERFORM moderation.add_terms('cover', ARRAY['alpha', 'beta', 'gamma', 'delta', 'gone']);
    PERFORM moderation.allow_terms('cover', ARRAY['alpha centauri']);
    PERFORM moderation.add_images('cover', ARRAY[repeat('0f', 32)]::moderation.pdqhash[]);
    PERFORM moderation.allow_images('cover', ARRAY[repeat('f0', 32)]::moderation.pdqhash[]);
    PERFORM moderation.add_video('cover', 'clip', ARRAY[ROW(0, repeat('a5', 32), 100, 0.5)::moderation.video_frame]);
    PERFORM moderation.set_max_distance('cover', 30, note => 'closer');
    PERFORM moderation.set_verdict_rules('cover', '[{"action": "block", "score": 9}]', note => 'many');
    PERFORM moderation.import_items('cover', E'imported', 'words', note => 'a list');
    PERFORM moderation.remove_terms('cover', ARRAY['gone'], note => 'a brand');
    PERFORM moderation.update_items('cover', ARRAY(SELECT item_id FROM moderation.current_items WHERE package = 'cover' AND term = 'beta'), weight => 2);
    PERFORM moderation.alter_package('cover', description => 'covered');
    one := moderation.add_check('cover', 'alpha');
    PERFORM moderation.remove_check(one, 'not needed');
    PERFORM moderation.publish_package('cover');
    PERFORM moderation.add_terms('cover', ARRAY['epsilon']);
    PERFORM moderation.publish_package('cover', share => 10);
    PERFORM moderation.set_rollout('cover', 100);
    PERFORM moderation.rollback_package('cover');
    PERFORM moderation.add_terms('cover', ARRAY['zeta']);
    PERFORM moderation.publish_package('cover', stage => 'shadow');
    PERFORM moderation.promote_release('cover');
    PERFORM moderation.retire_package('cover');
    PERFORM moderation.restore_package('cover');
    PERFORM moderation.rename_package('cover', 'covered');
    PERFORM moderation.import_package(moderation.export_package('covered'), name => 'cover copy');
    PERFORM moderation.snooze_items('covered', ARRAY(SELECT item_id FROM moderation.current_items WHERE package = 'covered' AND term = 'delta'), reason => 'why');
    PERFORM moderation.unsnooze_items('covered', ARRAY(SELECT item_id FROM moderation.current_items WHERE package = 'covered' AND term = 'delta'), 'why not');
    PERFORM moderation.attach('t.audit_rows', id => 'id', text => '{body}');
    PERFORM moderation.attach('t.audit_gate', id => 'id', text => '{body}', on_block => 'quarantine');
END $$;
INSERT INTO t.audit_rows VALUES (1, 'alpha'), (2, 'beta');
INSERT INTO t.audit_gate VALUES (1, 'alpha'), (2, 'beta');
DO $$
DECLARE
    one bigint;
    run bigint;
BEGIN
    PERFORM moderation.release_quarantined(min(quarantine_id), 'fine'), moderation.discard_quarantined(max(quarantine_id), 'not fine') FROM moderation.quarantine;
    PERFORM moderation.record_review('t.audit_rows', 1, 'benign', note => 'seen');
    PERFORM moderation.record_review('t.audit_rows', 1, 'violating', note => 'seen better');
    PERFORM moderation.appeal_review('t.audit_rows', 1, 'benign', note => 'appeal');
    PERFORM moderation.request_review('t.audit_rows', '2', note => 'please');
    one := moderation.open_case('a case');
    PERFORM moderation.add_to_case(one, ARRAY['alpha']);
    PERFORM moderation.close_case(one, 'done');
    PERFORM moderation.propose((SELECT package_id FROM moderation.packages WHERE name = 'covered'), 'add_term', NULL, 'eta',
        '{"add": [{"term": "eta", "match": "word", "level": "folded", "weight": 1}]}', '{}', '{}', NULL);
    PERFORM moderation.propose((SELECT package_id FROM moderation.packages WHERE name = 'covered'), 'add_term', NULL, 'theta',
        '{"add": [{"term": "theta", "match": "word", "level": "folded", "weight": 1}]}', '{}', '{}', NULL);
    PERFORM moderation.accept_proposal(min(proposal_id), 'good') FROM moderation.open_proposals WHERE package = 'covered';
    PERFORM moderation.reject_proposal(max(proposal_id), 'bad') FROM moderation.open_proposals WHERE package = 'covered';
    PERFORM moderation.read_outbox('cover');
    PERFORM moderation.ack_outbox('cover', max(position)) FROM moderation.outbox;
    UPDATE moderation.outbox SET at = at - interval '100 days';
    PERFORM moderation.expire_outbox('30 days');
    PERFORM moderation.forget_consumer('cover');
    run := moderation.start_backtest('covered', 't.audit_rows');
    PERFORM moderation.drop_backtest(run);
    INSERT INTO moderation.exposures (bucket, observed_at, source_id, digest, set_hash, weight) VALUES (moderation.ring_bucket('2020-01-01 00:00+00'), '2020-01-01 00:00+00', 1, '', '', 1);
    PERFORM moderation.expire_records('90 days');
    -- A brake of a new item: 40 of 1,000 contents.
    PERFORM moderation.set_brake('covered', min_contents => 10, new_share => 0.01, note => 'careful');
    UPDATE moderation.deployments SET since = '2020-01-01 00:00+00' WHERE package_id = (SELECT package_id FROM moderation.packages WHERE name = 'covered');
    INSERT INTO moderation.exposures (bucket, observed_at, source_id, content_key, digest, set_hash, weight)
    SELECT moderation.ring_bucket('2020-02-01 00:00+00'), '2020-02-01 00:00+00', 1, n, '', '', 10 FROM generate_series(1, 100) n;
    INSERT INTO moderation.hits (bucket, observed_at, content_key, digest, set_hash, package_id, release, stage, item_id, kind, action, outcome, score)
    SELECT moderation.ring_bucket('2020-02-01 00:00+00'), '2020-02-01 00:00+00', n, '', '', c.package_id, c.latest_release, 'live', i.item_id, 'term', 'block', 'flagged', 1
    FROM generate_series(1, 40) n, moderation.packages c, moderation.current_items i WHERE c.name = 'covered' AND i.package = 'covered' AND i.term = 'gamma';
    SELECT event_id INTO one FROM moderation.run_brakes('2020-02-01 00:10+00');
    PERFORM moderation.release_brake(one, 'an attack');
    PERFORM moderation.drop_brake('covered', 'enough');
    PERFORM moderation.remove_items('covered', ARRAY(SELECT item_id FROM moderation.current_items WHERE package = 'covered' AND term = 'beta'), note => 'too short');
    PERFORM moderation.publish_package('covered');
    PERFORM moderation.undo_item((SELECT min(item_id) FROM moderation.item_versions WHERE term = 'beta' AND package_id = (SELECT package_id FROM moderation.packages WHERE name = 'covered')), 'undone');
    PERFORM moderation.undo_release('covered', 1, 'undone');
    PERFORM moderation.alter_package('covered', needs_approval => true);
END $$;
CREATE ROLE regress_moderation_asks;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA moderation TO regress_moderation_asks;
SET SESSION AUTHORIZATION regress_moderation_asks;
SELECT moderation.request_publish('covered', note => 'ready') AS request \gset
RESET SESSION AUTHORIZATION;
SELECT moderation.reject_publish(:request, 'not ready');
SET SESSION AUTHORIZATION regress_moderation_asks;
SELECT moderation.add_terms('covered', ARRAY['iota']) AS added, moderation.request_publish('covered', note => 'ready now') AS request \gset
RESET SESSION AUTHORIZATION;
SELECT moderation.approve_publish(:request, 'looked at it') > 0 AS published;
CALL moderation.rescan('t.audit_rows');
SELECT moderation.detach('t.audit_rows'), moderation.detach('t.audit_gate');
SELECT count(*) AS roles FROM moderation.create_roles('regress_cover_');
-- Nothing of the surface is missing, and no reason stands for a function that is gone.
CREATE VIEW t.writing AS
    SELECT DISTINCT p.proname::text AS function FROM pg_proc p
    WHERE p.pronamespace = 'moderation'::regnamespace AND p.provolatile = 'v'
      AND p.prorettype NOT IN ('trigger'::regtype, 'internal'::regtype) AND obj_description(p.oid, 'pg_proc') NOT LIKE 'Internal%';
SELECT count(*) > 60 AS many FROM t.writing;
SELECT function AS without_entry FROM t.writing
WHERE function NOT IN (SELECT call FROM moderation.audit_log WHERE audit_id > :start) AND function NOT IN (SELECT function FROM t.unaudited)
  -- The removal of terms is recorded as that of items.
  AND function <> 'remove_terms' ORDER BY 1;
SELECT function AS reason_without_function FROM t.unaudited WHERE function NOT IN (SELECT function FROM t.writing)
UNION ALL SELECT function FROM t.unaudited WHERE function IN (SELECT call FROM moderation.audit_log WHERE audit_id > :start);
-- Who, when, and what was before and after: one line of each call, ids left out.
\pset format unaligned
SELECT a.call, a.package, a.before IS NOT NULL AS before, a.after IS NOT NULL AS after, regexp_replace(a.reason, '(item|event) \d+', '\1 N', 'gi') AS reason
FROM moderation.audit_log a WHERE audit_id IN (SELECT max(audit_id) FROM moderation.audit_log WHERE audit_id > :start GROUP BY call) ORDER BY a.call COLLATE "C";
-- A label that replaces another one of the same reviewer; the whole of what was removed, provenance included.
SELECT call, before, after - '{review_id}'::text[] AS after, reason FROM moderation.audit_log WHERE audit_id > :start AND call LIKE '%\_review' ORDER BY audit_id;
SELECT i ->> 'term' AS term, i ? 'created_by' AS provenance, a.reason FROM moderation.audit_log a, jsonb_array_elements(a.before -> 'items') i WHERE audit_id > :start AND call = 'remove_items' ORDER BY audit_id;
\pset format aligned
SELECT count(*) FILTER (WHERE by_role IS NULL OR session_role IS NULL OR at IS NULL) AS incomplete FROM moderation.audit_log WHERE audit_id > :start;
DROP VIEW t.writing;
DROP TABLE t.audit_rows, t.audit_gate, t.unaudited;
DROP OWNED BY regress_cover_reader, regress_cover_reviewer, regress_cover_operator, regress_cover_admin;
DROP ROLE regress_cover_reader, regress_cover_reviewer, regress_cover_operator, regress_cover_admin;
TRUNCATE moderation.group_roles;
DROP OWNED BY regress_moderation_asks;
DROP ROLE regress_moderation_asks;
SELECT t.retire_all();
TRUNCATE moderation.hits, moderation.exposures, moderation.quarantine, moderation.reviews, moderation.review_claims, moderation.brake_events, moderation.proposals, moderation.cases, moderation.case_contents;
