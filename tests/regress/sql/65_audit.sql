-- Who did what: one entry for every change, none for what changed nothing or was rolled back; append-only.
SET pg_moderation.exposure_sample = 0;
SELECT coalesce(max(audit_id), 0) AS start FROM moderation.audit_log \gset
CREATE VIEW t.audited AS
    SELECT audit_id, by_role, session_role, call, package,
           jsonb_strip_nulls(before #- '{items}' #- '{source_id}' #- '{created_at}' #- '{policy_id}' #- '{package_id}' #- '{quarantine_id}') AS before,
           jsonb_strip_nulls(after #- '{items}' #- '{source_id}' #- '{created_at}' #- '{policy_id}' #- '{package_id}' #- '{content_hash}') AS after, reason
    FROM moderation.audit_log ORDER BY audit_id;
CREATE ROLE regress_moderation_colleague;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA moderation TO regress_moderation_colleague;
GRANT CREATE ON SCHEMA t TO regress_moderation_colleague;
SET ROLE regress_moderation_colleague;
SELECT moderation.create_policy('audited', severity => 2) > 0 AS created;
SELECT moderation.create_package('audited', policy => 'audited', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('audited', ARRAY['casino', 'roulette'], note => 'case 7');
SELECT * FROM moderation.add_terms('audited', ARRAY['casino']);
SELECT * FROM moderation.allow_terms('audited', ARRAY['casino royale']);
SELECT moderation.remove_terms('audited', ARRAY['roulette']);
SELECT moderation.publish_package('audited', stage => 'shadow', note => 'try it');
SELECT moderation.publish_package('audited', note => 'it works');
CREATE TABLE t.audit_ads (id int PRIMARY KEY, body text);
SELECT moderation.attach('t.audit_ads', id => 'id', text => '{body}', on_block => 'quarantine') > 0 AS attached;
INSERT INTO t.audit_ads VALUES (1, 'casino'), (2, 'another casino');
RESET ROLE;
SELECT min(quarantine_id) AS first, max(quarantine_id) AS second FROM moderation.quarantine \gset
SET ROLE regress_moderation_colleague;
SELECT moderation.release_quarantined(:first, 'a film');
SELECT moderation.discard_quarantined(:second);
SELECT moderation.detach('t.audit_ads');
SELECT moderation.retire_package('audited', note => 'over');
SELECT moderation.retire_package('audited', note => 'twice');
BEGIN;
SELECT moderation.create_policy('not to be') > 0 AS created;
ROLLBACK;
RESET ROLE;
\pset format unaligned
SELECT call, package, before, after, reason FROM t.audited WHERE audit_id > :start;
\pset format aligned
SELECT DISTINCT by_role, session_role = session_user AS logged_in FROM t.audited WHERE audit_id > :start;
-- What was added is named by id; what was removed is there whole, since a draft keeps nothing of it.
SELECT a.call, jsonb_array_length(a.after->'items') AS added, (SELECT array_agg(i.term ORDER BY i.term) FROM moderation.current_items i WHERE to_jsonb(i.item_id) <@ (a.after->'items')) AS still_there
FROM moderation.audit_log a WHERE audit_id > :start AND call ~ 'terms' ORDER BY audit_id;
SELECT i->>'term' AS term, i->>'match' AS match, i->>'level' AS level, i->>'weight' AS weight FROM moderation.audit_log a, jsonb_array_elements(a.before->'items') i WHERE audit_id > :start AND call = 'remove_items';
SELECT count(*) AS of_the_package, count(*) FILTER (WHERE package IS NULL) AS unnamed FROM moderation.audit_log WHERE package_id = (SELECT package_id FROM moderation.packages WHERE name = 'audited');
SELECT (after->>'content_hash') = encode((SELECT content_hash FROM moderation.in_force WHERE package = 'audited' UNION ALL SELECT content_hash FROM moderation.releases JOIN moderation.packages USING (package_id) WHERE name = 'audited' LIMIT 1), 'hex') AS same_hash
FROM moderation.audit_log WHERE audit_id > :start AND call = 'publish_package';
-- The lifecycle.
SELECT max(audit_id) AS lifecycle FROM moderation.audit_log \gset
SELECT count(*) AS restored FROM moderation.restore_package('audited', note => 'back');
SELECT item_id AS item FROM moderation.current_items WHERE package = 'audited' AND NOT allow \gset
SELECT moderation.update_items('audited', ARRAY[:item], match => 'substring', note => 'inside words too');
SELECT moderation.update_items('audited', ARRAY[:item], match => 'substring');
SELECT moderation.alter_package('audited', action => 'review', note => 'softer');
SELECT moderation.alter_package('audited', action => 'review', note => 'twice');
SELECT moderation.publish_package('audited', share => 10);
SELECT moderation.set_rollout('audited', 50, note => 'more');
SELECT moderation.rollback_package('audited', note => 'too much');
SELECT moderation.publish_package('audited', stage => 'shadow');
SELECT moderation.promote_release('audited');
SELECT moderation.snooze_items('audited', ARRAY[:item], reason => 'a holiday');
SELECT moderation.unsnooze_items('audited', ARRAY[:item]);
SELECT moderation.rename_package('audited', 'audited well', note => 'a better name');
SELECT call, package, regexp_replace(regexp_replace((before - 'content_hash')::text, '\m(item_id": |items": \[)\d+', '\1_'), '_at": "[^"]*', '_at": "') AS before,
       regexp_replace((after - 'content_hash')::text, '\m(item_id": |items": \[|noted": \[)\d+', '\1_', 'g') AS after, reason
FROM moderation.audit_log WHERE audit_id > :lifecycle ORDER BY audit_id;
SELECT moderation.retire_package('audited well');
-- Retention says what went.
INSERT INTO moderation.exposures (bucket, observed_at, source_id, digest, set_hash, weight) SELECT moderation.ring_bucket(d), d, 1, '', '', 1 FROM (VALUES (now() - interval '200 days')) x(d);
SELECT exposures FROM moderation.expire_records(interval '90 days');
SELECT exposures FROM moderation.expire_records(interval '90 days');
SELECT call, before, after FROM t.audited WHERE audit_id > :start AND call = 'expire_records';
-- Append-only, even for those who were granted everything.
GRANT ALL ON ALL TABLES IN SCHEMA moderation TO regress_moderation_colleague;
SET ROLE regress_moderation_colleague;
CALL t.fails($$INSERT INTO moderation.audit_log (by_role, session_role, call) VALUES ('somebody else', 'x', 'publish_package')$$);
CALL t.fails($$UPDATE moderation.audit_log SET by_role = 'somebody else'$$);
CALL t.fails($$DELETE FROM moderation.audit_log$$);
CALL t.fails($$TRUNCATE moderation.audit_log$$);
CALL t.fails($$ALTER TABLE moderation.audit_log DISABLE TRIGGER ALL$$);
SELECT count(*) > 0 AS may_read FROM moderation.audit_log;
RESET ROLE;
-- A superuser may, which is what a restore needs.
BEGIN;
DELETE FROM moderation.audit_log WHERE audit_id > :start;
ROLLBACK;
DROP VIEW t.audited;
DROP TABLE t.audit_ads;
DROP OWNED BY regress_moderation_colleague;
DROP ROLE regress_moderation_colleague;
TRUNCATE moderation.hits, moderation.exposures, moderation.quarantine;
