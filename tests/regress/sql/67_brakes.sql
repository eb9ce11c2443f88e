-- Brakes: an item that surges is kept to shadow, others go on; a release as a whole is reported, or rolled back.
SET pg_moderation.exposure_sample = 0;  -- the exposures that count here are made below
SELECT t.retire_all();
TRUNCATE moderation.hits, moderation.exposures;
CREATE SCHEMA br;
CREATE TABLE br.ads (id int PRIMARY KEY, body text);
SELECT moderation.attach('br.ads', id => 'id', text => '{body}', verdict_column => 'verdict') > 0 AS attached;
SELECT moderation.create_package('br', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('br', ARRAY['surging', 'steady', 'rare']);
SELECT moderation.publish_package('br');
-- The time of these tests begins when the package went live. Each hour 1,000 contents are judged, by 100 exposures of weight 10.
SELECT max(since) AS t0 FROM moderation.deployments \gset
SELECT set_config('br.t0', :'t0', false) IS NOT NULL AS begun;
CREATE FUNCTION br.at(hours float8) RETURNS timestamptz LANGUAGE sql STABLE AS $$SELECT current_setting('br.t0')::timestamptz + hours * interval '1 hour'$$;
CREATE PROCEDURE br.judged(from_hour int, to_hour int) LANGUAGE sql AS $$
    INSERT INTO moderation.exposures (bucket, observed_at, source_id, content_key, digest, set_hash, weight)
    SELECT moderation.ring_bucket(m), m, 1, h || '-' || n, '', '', 10 FROM generate_series(from_hour, to_hour - 1) h, generate_series(1, 100) n, LATERAL (SELECT br.at(h + 0.5) AS m) x;
$$;
CREATE PROCEDURE br.hit(wanted text, from_hour int, to_hour int, per_hour int, hit_release int DEFAULT 1) LANGUAGE sql AS $$
    INSERT INTO moderation.hits (bucket, observed_at, source_id, content_key, digest, set_hash, package_id, release, stage, item_id, kind, action, outcome, score)
    SELECT moderation.ring_bucket(m), m, NULL, wanted || h || '-' || n, '', '', v.package_id, hit_release, 'live', v.item_id, 'term', 'block', 'flagged', 1
    FROM generate_series(from_hour, to_hour - 1) h, generate_series(1, per_hour) n, moderation.item_versions v JOIN moderation.packages p USING (package_id), LATERAL (SELECT br.at(h + 0.5) AS m) x
    WHERE p.name = 'br' AND v.term = wanted;
$$;
CREATE FUNCTION br.plain(reason text) RETURNS text LANGUAGE sql AS $$SELECT regexp_replace(regexp_replace(reason, 'Item \d+', 'Item N'), 'since [-0-9]+ [0-9:]+ UTC', 'since T')$$;
-- 48 hours of history: 4 of 1,000 hit surging, 10 steady, none rare; then an hour with 40 and 12 and 6.
CALL br.judged(0, 49);
CALL br.hit('surging', 0, 48, 4);
CALL br.hit('steady', 0, 48, 10);
CALL br.hit('surging', 48, 49, 40);
CALL br.hit('steady', 48, 49, 12);
CALL br.hit('rare', 48, 49, 6);
-- No package has a brake by itself.
SELECT count(*) AS brakes FROM moderation.brakes;
SELECT count(*) AS nothing FROM moderation.run_brakes(br.at(49));
-- Below the floor; before the surge; switched off.
SELECT moderation.set_brake('br', min_contents => 59, note => 'a high floor');
SELECT count(*) AS nothing FROM moderation.run_brakes(br.at(49));
SELECT moderation.set_brake('br', min_contents => 10);
SELECT count(*) AS nothing FROM moderation.run_brakes(br.at(48));
SELECT moderation.set_brake('br', min_contents => 10, factor => 11);
SELECT count(*) AS nothing FROM moderation.run_brakes(br.at(49));
SELECT moderation.set_brake('br', min_contents => 10, enabled => false);
SELECT count(*) AS nothing FROM moderation.run_brakes(br.at(49));
SELECT count(*) AS nothing FROM moderation.brake_events;
-- Live, everything is enforced.
INSERT INTO br.ads VALUES (1, 'surging'), (2, 'steady');
SELECT id, verdict ->> 'action' AS action FROM br.ads ORDER BY 1;
-- The surge. The release as a whole hits 58 where 14 is usual: not without the item that was braked.
SELECT moderation.set_brake('br', min_contents => 10);
SELECT e.done, e.contents, e.judged, e.history_contents, e.history_judged, round(e.usual_share::numeric, 4) AS usual, e.share, e.probability < 1e-20 AS sure, br.plain(e.reason) AS reason,
       e.sql = format('SELECT moderation.release_brake(%s);', e.event_id) AS undo FROM moderation.run_brakes(br.at(49)) e;
SELECT package, term, done FROM moderation.brakes_in_force;
SELECT i.effect, i.until FROM moderation.item_overrides i ORDER BY override_id DESC LIMIT 1;
-- Recorded, not enforced; the other item is.
INSERT INTO br.ads VALUES (3, 'surging'), (4, 'steady');
SELECT id, verdict ->> 'action' AS action FROM br.ads ORDER BY 1;
SELECT content_key, stage FROM moderation.hits WHERE content_key IN ('1', '2', '3', '4') ORDER BY 1;
-- Not twice.
SELECT count(*) AS nothing FROM moderation.run_brakes(br.at(49));
-- What it flagged is undone while it is kept to shadow.
SELECT max(item_id) AS item, max(event_id) AS event FROM moderation.brakes_in_force \gset
SELECT hits_withdrawn, rows_judged_again FROM moderation.undo_item(:item, note => 'surged');
SELECT id, verdict ->> 'action' AS action FROM br.ads ORDER BY 1;
-- Released: enforced again, and not braked again for the share that was accepted.
SELECT moderation.release_brake(:event, note => 'a real attack') AS lifted;
UPDATE br.ads SET body = body || ' again' WHERE id = 3;
SELECT id, verdict ->> 'action' AS action FROM br.ads ORDER BY 1;
SELECT count(*) AS braked FROM moderation.brakes_in_force;
SELECT count(*) AS nothing FROM moderation.run_brakes(br.at(49));
SELECT call, regexp_replace((before - 'event')::text, 'item_id": \d+', 'item_id": N')::text AS before, after - '{event,item,items}'::text[] AS after, br.plain(reason) AS reason FROM moderation.audit_log
WHERE package = 'br' AND (call LIKE '%brake%' OR call LIKE '%shadow%' OR call LIKE '%snooze%') ORDER BY audit_id;
-- New items, without a history: above new_share they are braked, below not.
TRUNCATE moderation.exposures, moderation.hits;
CALL br.judged(0, 1);
CALL br.hit('steady', 0, 1, 60);
CALL br.hit('rare', 0, 1, 130);
SELECT moderation.set_brake('br', min_contents => 10, new_share => 0.08);
SELECT item_id AS rare FROM moderation.current_items WHERE package = 'br' AND term = 'rare' \gset
SELECT item_id = :rare AS rare, done, history_judged, usual_share, share, br.plain(reason) AS reason FROM moderation.run_brakes(br.at(1));
SELECT moderation.unsnooze_items('br', ARRAY[:rare], 'by hand');
-- The brake did not wait for release_brake(): there is nothing to lift any more.
SELECT moderation.release_brake(max(event_id)) AS lifted FROM moderation.brakes_in_force;
-- With too few exposures nothing is known.
TRUNCATE moderation.exposures;
CALL br.judged(0, 1);
DELETE FROM moderation.exposures WHERE substring(content_key FROM 3)::int > 29;
SELECT moderation.set_brake('br', min_contents => 10, new_share => 0.001);
SELECT count(*) AS nothing FROM moderation.run_brakes(br.at(1));
-- The release as a whole: three items that each stay below the floor. Reported only; then rolled back; then put back.
TRUNCATE moderation.exposures, moderation.hits;
SELECT * FROM moderation.add_terms('br', ARRAY['another', 'more']);
SELECT moderation.publish_package('br');
CALL br.judged(0, 49);
CALL br.hit('steady', 0, 48, 2);
CALL br.hit('steady', 48, 49, 9, 2);
CALL br.hit('another', 48, 49, 9, 2);
CALL br.hit('more', 48, 49, 9, 2);
-- Of items whose share was accepted, nothing counts here.
CALL br.hit('surging', 48, 49, 9, 2);
SELECT moderation.set_brake('br', min_contents => 10);
SELECT item_id, release, done, contents, history_contents, br.plain(reason) AS reason, regexp_replace(sql, '\d+', 'N') AS sql FROM moderation.run_brakes(br.at(49));
SELECT release FROM moderation.in_force WHERE package = 'br';
SELECT count(*) AS nothing FROM moderation.run_brakes(br.at(49));
DELETE FROM moderation.brake_events WHERE item_id IS NULL;
SELECT moderation.set_brake('br', min_contents => 10, rollback => true);
SELECT release, done, right(reason, 76) AS reason, regexp_replace(sql, '\d+', 'N') AS sql FROM moderation.run_brakes(br.at(49));
SELECT release FROM moderation.in_force WHERE package = 'br';
SELECT moderation.release_brake(max(event_id), 'it was right') AS lifted FROM moderation.brakes_in_force;
SELECT release, share FROM moderation.in_force WHERE package = 'br';
SELECT count(*) AS nothing FROM moderation.run_brakes(br.at(49));
-- A share that was raised an hour ago is no surge: the item judges ten times as many contents, and begins anew.
TRUNCATE moderation.exposures, moderation.hits;
SELECT * FROM moderation.add_terms('br', ARRAY['third']);
SELECT moderation.publish_package('br', share => 10);
SELECT moderation.set_rollout('br', 100);
UPDATE moderation.deployments SET since = br.at(48) WHERE deployment_id = (SELECT max(deployment_id) FROM moderation.deployments);
CALL br.judged(0, 49);
CALL br.hit('third', 0, 48, 1, 3);
CALL br.hit('third', 48, 49, 40, 3);
SELECT count(*) AS nothing FROM moderation.run_brakes(br.at(49));
-- In a rollout, an item is held against the part of the contents that its release judges.
SELECT * FROM moderation.add_terms('br', ARRAY['fourth']);
SELECT moderation.publish_package('br', share => 10);
CALL br.hit('fourth', 48, 49, 12, 4);
SELECT done, contents, judged, history_contents, history_judged, share, release FROM moderation.run_brakes(br.at(49)) e JOIN moderation.current_items i USING (item_id) WHERE i.term = 'fourth';
SELECT count(*) AS nothing FROM moderation.run_brakes(br.at(49));
-- Bad input.
CALL t.fails($$SELECT moderation.set_brake('br', NULL)$$);
CALL t.fails($$SELECT moderation.set_brake('br', 4)$$);
CALL t.fails($$SELECT moderation.set_brake('br', -1)$$);
CALL t.fails($$SELECT moderation.set_brake('br', 10, alpha => 0)$$);
CALL t.fails($$SELECT moderation.set_brake('br', 10, alpha => 'NaN')$$);
CALL t.fails($$SELECT moderation.set_brake('br', 10, factor => 0.5)$$);
CALL t.fails($$SELECT moderation.set_brake('br', 10, factor => 'NaN')$$);
CALL t.fails($$SELECT moderation.set_brake('br', 10, recent => '-1 hour')$$);
CALL t.fails($$SELECT moderation.set_brake('br', 10, history => '1 minute')$$);
CALL t.fails($$SELECT moderation.set_brake('br', 10, history => '10000 years')$$);
CALL t.fails($$SELECT moderation.set_brake('br', 10, min_judged => NULL)$$);
CALL t.fails($$SELECT moderation.set_brake('br', 10, new_share => 2)$$);
CALL t.fails($$SELECT moderation.set_brake('br', 10, rollback => NULL)$$);
CALL t.fails($$SELECT moderation.set_brake('none such', 10)$$);
CALL t.fails($$SELECT moderation.run_brakes(NULL)$$);
CALL t.fails($$SELECT moderation.run_brakes('infinity')$$);
CALL t.fails($$SELECT moderation.release_brake(NULL)$$);
CALL t.fails($$SELECT moderation.release_brake(-1)$$);
DO $$ BEGIN
    PERFORM moderation.release_brake((SELECT max(event_id) FROM moderation.brake_events WHERE released_at IS NOT NULL));
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    RAISE NOTICE '%', regexp_replace(SQLERRM, '\d+', 'N');
END $$;
CREATE FUNCTION br.run() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM moderation.run_brakes(); RETURN NEW; END$$;
CREATE TABLE br.other (id int);
CREATE TRIGGER run BEFORE INSERT ON br.other FOR EACH ROW EXECUTE FUNCTION br.run();
CALL t.fails($$INSERT INTO br.other VALUES (1)$$);
SELECT moderation.drop_brake('br', note => 'enough');
CALL t.fails($$SELECT moderation.drop_brake('br')$$);
CALL t.fails($$SELECT moderation.drop_brake(NULL)$$);
SELECT count(*) AS brakes FROM moderation.brakes;
SELECT moderation.detach('br.ads');
SELECT t.retire_all();
TRUNCATE moderation.hits, moderation.exposures;
