-- Who may do what: everybody may judge; an operator needs EXECUTE only; user code runs as the caller.
SET pg_moderation.exposure_sample = 0;
CREATE ROLE regress_moderation_nobody;
CREATE ROLE regress_moderation_operator;
CREATE ROLE regress_moderation_owner;
CREATE SCHEMA app AUTHORIZATION regress_moderation_owner;
SELECT moderation.create_package('rights', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('rights', ARRAY['casino']);
SELECT moderation.publish_package('rights');
-- A role without any grant: judges, and sees and changes nothing else.
SET ROLE regress_moderation_nobody;
SELECT moderation.matches('a casino', 'rights'), (moderation.moderate_text('a casino')).action, moderation.content_digest('x') IS NOT NULL AS digest, moderation.folding_version() > 0 AS version;
SELECT term, matched FROM moderation.text_hits('a casino');
SELECT term FROM moderation.text_hits('a casino', 'rights', release => 1);
SELECT moderation.mask_text('a casino'), moderation.fold_text('CASINO');
CALL t.fails($$SELECT * FROM moderation.explain_text('a casino', 'rights')$$);
CALL t.fails('SELECT * FROM moderation.items');
CALL t.fails('SELECT * FROM moderation.item_versions');
CALL t.fails('SELECT * FROM moderation.current_items');
CALL t.fails('SELECT * FROM moderation.hits');
CALL t.fails('SELECT * FROM moderation.recent_hits');
CALL t.fails('SELECT * FROM moderation.quarantine');
CALL t.fails('SELECT * FROM moderation.installation');
CALL t.fails($$INSERT INTO moderation.deployments (package_id, stage, release, deployed_by) VALUES (1, 'live', NULL, 'x')$$);
CALL t.fails($$SELECT moderation.create_policy('x')$$);
CALL t.fails($$SELECT moderation.create_package('x')$$);
CALL t.fails($$SELECT moderation.add_terms('rights', ARRAY['x'])$$);
CALL t.fails($$SELECT moderation.publish_package('rights')$$);
CALL t.fails($$SELECT moderation.retire_package('rights')$$);
CALL t.fails($$SELECT moderation.package_stats()$$);
CALL t.fails($$SELECT moderation.record_hits('[]')$$);
CALL t.fails($$SELECT moderation.record_exposure('{}')$$);
CALL t.fails($$SELECT moderation.collect_rejected()$$);
CALL t.fails($$SELECT moderation.release_quarantined(1)$$);
CALL t.fails($$SELECT moderation.discard_quarantined(1)$$);
CALL t.fails($$SELECT moderation.expire_records(interval '90 days')$$);
CALL t.fails($$SELECT moderation.deploy(1, 'live', NULL, NULL)$$);
CALL t.fails($$SELECT moderation.register_source('pg_class', true, NULL)$$);
CALL t.fails($$CREATE TABLE moderation.mine (x int)$$);
RESET ROLE;
-- An operator with EXECUTE on the functions and a right on no table at all.
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA moderation TO regress_moderation_operator;
SET ROLE regress_moderation_operator;
SELECT moderation.create_policy('by-operator') > 0 AS created;
SELECT moderation.create_package('by-operator', policy => 'by-operator') > 0 AS created;
SELECT * FROM moderation.add_terms('by-operator', ARRAY['poker', 'bingo']);
SELECT * FROM moderation.allow_terms('by-operator', ARRAY['poker face']);
SELECT moderation.remove_terms('by-operator', ARRAY['bingo']);
SELECT moderation.publish_package('by-operator');
SELECT package, hits FROM moderation.package_stats('by-operator');
CALL t.fails('SELECT * FROM moderation.packages');
RESET ROLE;
SELECT created_by FROM moderation.policies WHERE name = 'by-operator';
SELECT created_by, changed_by, published_by, deployed_by FROM moderation.packages p JOIN moderation.drafts USING (package_id) JOIN moderation.releases r USING (package_id) JOIN moderation.deployments d USING (package_id) WHERE p.name = 'by-operator';
-- Attaching: one's own table, not somebody else's.
GRANT EXECUTE ON FUNCTION moderation.attach, moderation.detach, moderation.register_source, moderation.watched_column, moderation.caller TO regress_moderation_owner;
CREATE TABLE t.foreign_table (id int, body text);
SET ROLE regress_moderation_owner;
CREATE TABLE app.ads (id int PRIMARY KEY, body text);
SELECT moderation.attach('app.ads', id => 'id', text => '{body}', on_block => 'quarantine', verdict_column => 'verdict') > 0 AS attached;
CALL t.fails($$SELECT moderation.attach('t.foreign_table', id => 'id', text => '{body}')$$);
CALL t.fails($$SELECT moderation.attach('pg_catalog.pg_description', id => 'objoid', text => '{description}')$$);
GRANT USAGE ON SCHEMA app TO PUBLIC;
GRANT INSERT, UPDATE, SELECT ON app.ads TO regress_moderation_nobody;
RESET ROLE;
SET ROLE regress_moderation_operator;
CALL t.fails($$SELECT moderation.detach('app.ads')$$);
RESET ROLE;
SELECT relation, attached_by FROM moderation.sources WHERE relation = 'app.ads'::regclass;
-- Hits and quarantined rows are written for a role without any grant of ours.
SET ROLE regress_moderation_nobody;
INSERT INTO app.ads VALUES (1, 'casino'), (2, 'bonus poker'), (3, 'fine');
SELECT id, verdict->>'action' AS action FROM app.ads ORDER BY id;
RESET ROLE;
SELECT source, key, term, outcome FROM t.recorded;
SELECT content_key, quarantined_by FROM moderation.quarantine;
-- Releasing needs the right on the table: the row is stored as the caller.
SET ROLE regress_moderation_operator;
CALL t.fails($$SELECT moderation.release_quarantined(max(quarantine_id)) FROM (SELECT 1) x(quarantine_id)$$);
RESET ROLE;
SELECT format($$SELECT moderation.release_quarantined(%s)$$, max(quarantine_id)) AS release FROM moderation.quarantine \gset
SET ROLE regress_moderation_operator;
\set VERBOSITY terse
:release;
\set VERBOSITY default
RESET ROLE;
GRANT INSERT, SELECT ON app.ads TO regress_moderation_operator;
SET ROLE regress_moderation_operator;
:release;
RESET ROLE;
SELECT resolution, resolved_by FROM moderation.quarantine;
-- User code runs as the caller: a domain check, a cast of the id, and triggers note who they are.
CREATE TABLE app.seen (what text, who name, path text);
GRANT INSERT ON app.seen TO PUBLIC;
CREATE FUNCTION app.note(what text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO app.seen VALUES (what, current_user, current_setting('search_path')); RETURN true; END $$;
CREATE FUNCTION app.trigger_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM app.note(TG_ARGV[0]); RETURN NEW; END $$;
CREATE DOMAIN app.checked AS int CHECK (app.note('domain'));
CREATE TABLE app.code (id app.checked, body text);
CREATE TRIGGER a BEFORE INSERT OR UPDATE ON app.code FOR EACH ROW EXECUTE FUNCTION app.trigger_note('before');
CREATE TRIGGER a2 AFTER INSERT OR UPDATE ON app.code FOR EACH ROW EXECUTE FUNCTION app.trigger_note('after');
SELECT moderation.attach('app.code', id => 'id', text => '{body}', on_block => 'quarantine', verdict_column => 'verdict') > 0 AS attached;
GRANT INSERT, SELECT, UPDATE ON app.code TO regress_moderation_nobody, regress_moderation_operator;
SET ROLE regress_moderation_nobody;
SET search_path = app, public;
INSERT INTO app.code VALUES (1, 'casino'), (2, 'fine'), (3, 'poker');
RESET search_path;
RESET ROLE;
SELECT what, who, path, count(*) > 0 AS seen FROM app.seen GROUP BY 1, 2, 3 ORDER BY 1, 2;
TRUNCATE app.seen;
SELECT format($$SELECT moderation.release_quarantined(%s)$$, max(quarantine_id)) AS release FROM moderation.quarantine \gset
SET ROLE regress_moderation_operator;
:release;
RESET ROLE;
SELECT what, who FROM app.seen GROUP BY 1, 2 ORDER BY 1, 2;
-- Inside a user's own SECURITY DEFINER function, the record names the session's role, the row the definer's rights.
CREATE FUNCTION app.insert_ad(id int, body text) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = app, pg_temp AS $$ INSERT INTO app.ads VALUES (id, body) $$;
ALTER FUNCTION app.insert_ad OWNER TO regress_moderation_owner;
SET ROLE regress_moderation_nobody;
SELECT app.insert_ad(9, 'casino');
RESET ROLE;
SELECT content_key, quarantined_by FROM moderation.quarantine ORDER BY quarantine_id DESC LIMIT 1;
-- Row level security of the table holds for a release.
SELECT format($$SELECT moderation.release_quarantined(%s)$$, max(quarantine_id)) AS release FROM moderation.quarantine \gset
ALTER TABLE app.ads ENABLE ROW LEVEL SECURITY;
CREATE POLICY small_ids ON app.ads FOR INSERT TO regress_moderation_operator WITH CHECK (id < 5);
SET ROLE regress_moderation_operator;
:release;
RESET ROLE;
DROP POLICY small_ids ON app.ads;
CREATE POLICY small_ids ON app.ads FOR INSERT TO regress_moderation_operator WITH CHECK (id < 50);
SET ROLE regress_moderation_operator;
:release;
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA app CASCADE;
DROP TABLE t.foreign_table;
RESET client_min_messages;
DROP OWNED BY regress_moderation_operator, regress_moderation_nobody, regress_moderation_owner;
DROP ROLE regress_moderation_nobody, regress_moderation_operator, regress_moderation_owner;
SELECT t.retire_all();
TRUNCATE moderation.hits, moderation.quarantine;
