-- Shadow against live on recorded hits; what a release or an item did is listed and undone.
SELECT t.retire_all();
CREATE SCHEMA cu;
CREATE TABLE cu.ads (id int PRIMARY KEY, body text);
CREATE TABLE cu.gate (id int PRIMARY KEY, body text);
SELECT moderation.attach('cu.ads', id => 'id', text => '{body}', verdict_column => 'verdict') > 0 AS ads, moderation.attach('cu.gate', id => 'id', text => '{body}', on_block => 'quarantine') > 0 AS gate;
SELECT moderation.create_package('cu', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('cu', ARRAY['alpha', 'beta']);
SELECT moderation.publish_package('cu');
INSERT INTO cu.ads VALUES (1, 'alpha before the shadow');
SELECT moderation.remove_terms('cu', ARRAY['beta']);
SELECT * FROM moderation.add_terms('cu', ARRAY['gamma']);
SELECT moderation.publish_package('cu', stage => 'shadow');
INSERT INTO cu.ads VALUES (2, 'alpha'), (3, 'beta'), (4, 'gamma'), (5, 'beta gamma'), (6, 'nothing'), (7, 'alpha gamma');
SELECT count(moderation.record_review('cu.ads', r.k, r.l::moderation.review_label)) FROM (VALUES ('3', 'benign'), ('4', 'violating'), ('2', 'violating')) r(k, l);
SELECT term, contents_a AS a, contents_b AS b, both_hit, only_a, only_b, round(agreement::numeric, 3) AS agreement, both_violating AS bv, both_benign AS bb,
       only_a_violating AS av, only_a_benign AS ab, only_b_violating AS sv, only_b_benign AS sb
FROM moderation.compare_releases('cu', 1, 2);
SELECT count(*) FROM moderation.compare_releases('cu', 1, 2, since => now() + interval '1 day');
CALL t.fails($$SELECT * FROM moderation.compare_releases('cu', 1, 9)$$);
CALL t.fails($$SELECT * FROM moderation.compare_releases('nobody', 1, 2)$$);
-- A bad release goes live, flags and quarantines, and is undone.
SELECT moderation.promote_release('cu', 2) IS NOT NULL AS promoted;
INSERT INTO cu.ads VALUES (8, 'gamma again');
INSERT INTO cu.gate VALUES (1, 'gamma'), (2, 'alpha'), (3, 'plain');
CALL t.fails($$SELECT * FROM moderation.undo_release('cu', 2)$$);
SELECT moderation.rollback_package('cu', note => 'gamma is a letter') IS NOT NULL AS rolled_back;
SELECT effect, source, content_key, of_release, action FROM moderation.effects_of('cu', 2) ORDER BY 1, 2, 3;
SELECT * FROM moderation.undo_release('cu', 2, note => 'gamma is a letter');
SELECT id, verdict ->> 'action' AS action FROM cu.ads WHERE id IN (2, 8) ORDER BY 1;
SELECT id FROM cu.gate ORDER BY 1;
SELECT content_key, resolution, note FROM moderation.quarantine q JOIN moderation.sources s USING (source_id) WHERE s.relation = 'cu.gate'::regclass ORDER BY 1;
SELECT call, package, before, after, reason FROM moderation.audit_log WHERE call LIKE 'undo%' AND package = 'cu' ORDER BY audit_id;
SELECT count(*) FROM moderation.effects_of('cu', 2);
-- Again: nothing is left to undo.
SELECT * FROM moderation.undo_release('cu', 2);
-- One item.
SELECT item_id AS alpha FROM moderation.item_versions WHERE term = 'alpha' AND package_id = (SELECT package_id FROM moderation.packages WHERE name = 'cu') \gset
SELECT set_config('t.alpha', :'alpha', false) IS NOT NULL AS alpha;
DO $$ DECLARE h text; BEGIN
    PERFORM moderation.undo_item(current_setting('t.alpha')::bigint);
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    GET STACKED DIAGNOSTICS h = PG_EXCEPTION_HINT;
    RAISE NOTICE '%', regexp_replace(SQLERRM || ': ' || h, '\d+', 'N', 'g');
END $$;
INSERT INTO cu.gate VALUES (5, 'alpha beta');
SELECT moderation.snooze_items('cu', ARRAY[:alpha], reason => 'too broad');
SELECT * FROM moderation.undo_item(:alpha, note => 'too broad');
SELECT id, verdict ->> 'action' AS action FROM cu.ads WHERE body LIKE '%alpha%' ORDER BY 1;
SELECT id FROM cu.gate ORDER BY 1;
CALL t.fails($$SELECT * FROM moderation.undo_item(0)$$);
SELECT moderation.detach('cu.ads'), moderation.detach('cu.gate');
SELECT t.retire_all();
