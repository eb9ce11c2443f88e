-- Brakes: items whose hit share surges are kept to shadow, by a scheduler or by hand. Never inside an application's write, and
-- never without settings: no package has a brake until set_brake() gives it one, with a floor.

CREATE TABLE moderation.brakes (
    package_id      integer PRIMARY KEY,
    min_contents    integer NOT NULL CHECK (min_contents >= 5),
    alpha           double precision NOT NULL CHECK (alpha > 0 AND alpha < 1),
    factor          double precision NOT NULL CHECK (factor >= 1 AND factor < 'Infinity'),
    recent          interval NOT NULL CHECK (recent > '0'),
    history         interval NOT NULL CHECK (history > recent AND history <= '448 days'),
    min_judged      bigint NOT NULL CHECK (min_judged >= 1),
    new_share       double precision NOT NULL CHECK (new_share > 0 AND new_share <= 1),
    rollback        boolean NOT NULL,
    enabled         boolean NOT NULL,
    set_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    set_by          text NOT NULL
);
COMMENT ON TABLE moderation.brakes IS 'Packages with a brake, and its settings. Empty until set_brake() is called.';
COMMENT ON COLUMN moderation.brakes.min_contents IS 'The floor: fewer contents with a hit in the recent window never brake anything. At least 5.';
COMMENT ON COLUMN moderation.brakes.alpha IS 'Level of the test, for each item and run.';
COMMENT ON COLUMN moderation.brakes.factor IS 'The share must be at least this many times the usual one.';
COMMENT ON COLUMN moderation.brakes.recent IS 'Length of the recent window.';
COMMENT ON COLUMN moderation.brakes.history IS 'How far back the history goes; the recent window is not part of it. At most what the rings of records hold.';
COMMENT ON COLUMN moderation.brakes.min_judged IS 'With fewer contents judged in its history (estimated from the exposures) an item is new.';
COMMENT ON COLUMN moderation.brakes.new_share IS 'Share of contents above which a new item is braked; 1: never.';
COMMENT ON COLUMN moderation.brakes.rollback IS 'A release that surges as a whole is rolled back; false: only reported.';

CREATE TABLE moderation.brake_events (
    event_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package_id      integer NOT NULL,
    item_id         bigint,
    release         integer NOT NULL,
    at              timestamptz NOT NULL,
    contents        bigint NOT NULL,
    judged          bigint NOT NULL,
    history_contents bigint NOT NULL,
    history_judged  bigint NOT NULL,
    usual_share     double precision NOT NULL,
    share           double precision NOT NULL,
    probability     double precision NOT NULL,
    done            text NOT NULL CHECK (done = ANY (ARRAY['kept to shadow', 'rolled back', 'reported'])),
    override_id     bigint,
    deployment_id   bigint,
    reason          text NOT NULL,
    sql             text NOT NULL,
    braked_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    braked_by       text NOT NULL,
    released_at     timestamptz,
    released_by     text,
    note            text
);
CREATE INDEX brake_events_package_idx ON moderation.brake_events (package_id, item_id, event_id);
COMMENT ON TABLE moderation.brake_events IS 'What run_brakes() found and did, with the figures it rests on, and when it was taken back.';
COMMENT ON COLUMN moderation.brake_events.item_id IS 'NULL: the release as a whole.';
COMMENT ON COLUMN moderation.brake_events.release IS 'The live release that had the item, or that surged.';
COMMENT ON COLUMN moderation.brake_events.at IS 'The moment that the recent window ended: the argument of run_brakes().';
COMMENT ON COLUMN moderation.brake_events.contents IS 'Contents with a live hit in the recent window.';
COMMENT ON COLUMN moderation.brake_events.judged IS 'Contents judged in it, estimated from the exposures; in a rollout, the part that this release judges.';
COMMENT ON COLUMN moderation.brake_events.usual_share IS 'What the share was held against: that of the history, at least one content; new_share without a history; the share accepted by release_brake(), if higher.';
COMMENT ON COLUMN moderation.brake_events.probability IS 'Of as many contents or more at the usual share: one-sided exact binomial test.';
COMMENT ON COLUMN moderation.brake_events.done IS 'What run_brakes() did: kept to shadow (an item), rolled back, or only reported (a release).';
COMMENT ON COLUMN moderation.brake_events.override_id IS 'The override that keeps the item to shadow.';
COMMENT ON COLUMN moderation.brake_events.deployment_id IS 'The deployment that a rollback made.';
COMMENT ON COLUMN moderation.brake_events.sql IS 'The next step, ready to run: takes the brake back, or rolls the release back.';
COMMENT ON COLUMN moderation.brake_events.note IS 'What was said when it was taken back.';

CREATE FUNCTION moderation.set_brake(
    package text, min_contents integer, alpha double precision DEFAULT 0.001, factor double precision DEFAULT 3,
    recent interval DEFAULT '1 hour', history interval DEFAULT '14 days', min_judged bigint DEFAULT 4000,
    new_share double precision DEFAULT 0.05, rollback boolean DEFAULT false, enabled boolean DEFAULT true, note text DEFAULT NULL)
    RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(set_brake.package);
    old jsonb;
    brake moderation.brakes;
    wrong text := CASE
        WHEN NOT coalesce(set_brake.min_contents >= 5, false) THEN 'min_contents is at least 5'
        WHEN NOT coalesce(set_brake.alpha > 0 AND set_brake.alpha < 1, false) THEN 'alpha is between 0 and 1'
        WHEN NOT coalesce(set_brake.factor >= 1 AND set_brake.factor < 'Infinity', false) THEN 'factor is at least 1'
        WHEN NOT coalesce(set_brake.recent > '0', false) THEN 'recent is longer than nothing'
        WHEN NOT coalesce(set_brake.history > set_brake.recent AND set_brake.history <= '448 days', false)
            THEN 'history is longer than recent, and at most 448 days'
        WHEN NOT coalesce(set_brake.min_judged >= 1, false) THEN 'min_judged is at least 1'
        WHEN NOT coalesce(set_brake.new_share > 0 AND set_brake.new_share <= 1, false) THEN 'new_share is above 0 and at most 1'
        WHEN set_brake.rollback IS NULL THEN 'rollback is true or false'
        WHEN set_brake.enabled IS NULL THEN 'enabled is true or false' END;
BEGIN
    PERFORM moderation.check_approver(target);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('these are no settings of a brake: %s', wrong),
            DETAIL = 'A brake without a floor would stop items for a handful of contents.',
            HINT = format('For example: SELECT moderation.set_brake(%L, min_contents => 20);', target.name);
    END IF;
    SELECT to_jsonb(b) - ARRAY['package_id', 'set_at', 'set_by'] INTO old FROM moderation.brakes b WHERE b.package_id = target.package_id;
    INSERT INTO moderation.brakes AS b
    VALUES (target.package_id, set_brake.min_contents, set_brake.alpha, set_brake.factor, set_brake.recent, set_brake.history,
            set_brake.min_judged, set_brake.new_share, set_brake.rollback, set_brake.enabled, clock_timestamp(), moderation.caller())
    ON CONFLICT ON CONSTRAINT brakes_pkey DO UPDATE SET min_contents = excluded.min_contents, alpha = excluded.alpha,
        factor = excluded.factor, recent = excluded.recent, history = excluded.history, min_judged = excluded.min_judged,
        new_share = excluded.new_share, rollback = excluded.rollback, enabled = excluded.enabled, set_at = excluded.set_at,
        set_by = excluded.set_by
    RETURNING * INTO brake;
    PERFORM moderation.audit('set_brake', target.name, old, to_jsonb(brake) - ARRAY['package_id', 'set_at', 'set_by'], set_brake.note);
END
$fn$;
COMMENT ON FUNCTION moderation.set_brake(text, integer, double precision, double precision, interval, interval, bigint, double precision, boolean, boolean, text) IS 'Gives a package a brake, or other settings to the one it has (all of them: what is left out gets its default). Nothing is braked until run_brakes() runs.';

CREATE FUNCTION moderation.drop_brake(package text, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(drop_brake.package);
    old moderation.brakes;
BEGIN
    PERFORM moderation.check_approver(target);
    DELETE FROM moderation.brakes b WHERE b.package_id = target.package_id RETURNING * INTO old;
    IF old.package_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" has no brake', target.name),
            DETAIL = 'No package has one until it is set.',
            HINT = 'Brakes are in moderation.brakes.';
    END IF;
    PERFORM moderation.audit('drop_brake', target.name, to_jsonb(old) - ARRAY['package_id', 'set_at', 'set_by'], NULL, drop_brake.note);
END
$fn$;
COMMENT ON FUNCTION moderation.drop_brake(text, text) IS 'Takes the brake of a package away. What it braked stays so until release_brake().';

CREATE FUNCTION moderation.judged_between(after timestamptz, until timestamptz, OUT sampled bigint, OUT judged double precision)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT count(*), coalesce(sum(e.weight::double precision), 0) FROM moderation.exposures e
        WHERE e.observed_at > judged_between.after AND e.observed_at <= judged_between.until;
    END;
COMMENT ON FUNCTION moderation.judged_between(timestamptz, timestamptz) IS 'Internal: contents judged in a time, estimated from the exposures, and how many exposures that rests on.';

CREATE FUNCTION moderation.test_surge(
    brake moderation.brakes, accepted double precision, coverage double precision, history_coverage double precision,
    begins timestamptz, recent_from timestamptz, at timestamptz, contents bigint, history_contents bigint, may_be_new boolean)
    RETURNS moderation.brake_events LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    event moderation.brake_events;
    now_judged record;
    past_judged record;
    is_new boolean;
BEGIN
    SELECT * INTO now_judged FROM moderation.judged_between(recent_from, at);
    -- An estimate from fewer exposures than this may be wrong by more than a third.
    IF contents < brake.min_contents OR now_judged.sampled < 30 THEN
        RETURN NULL;
    END IF;
    SELECT * INTO past_judged FROM moderation.judged_between(greatest(at - brake.history, begins), recent_from);
    event.contents := contents;
    event.judged := greatest(round(now_judged.judged * coverage), contents);
    event.history_contents := history_contents;
    event.history_judged := round(past_judged.judged * history_coverage);
    is_new := event.history_judged < brake.min_judged;
    IF is_new AND NOT may_be_new THEN
        RETURN NULL;
    END IF;
    -- What never hit has no share of exactly 0: one content in the whole history.
    event.usual_share := least(1.0, greatest(accepted, CASE WHEN is_new THEN brake.new_share
                                                            ELSE greatest(history_contents, 1) / event.history_judged::double precision END));
    event.share := contents / event.judged::double precision;
    event.probability := moderation.binomial_tail(contents, event.judged, event.usual_share);
    IF event.probability > brake.alpha OR event.share <= event.usual_share
       OR NOT is_new AND event.share < brake.factor * event.usual_share THEN
        RETURN NULL;
    END IF;
    event.at := at;
    event.package_id := brake.package_id;
    event.reason := format('hit %s of about %s contents since %s (%s %%), ', contents, event.judged,
                           to_char(recent_from AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), round((event.share * 100)::numeric, 3))
        || CASE WHEN is_new THEN format('has no history yet (about %s contents judged before, %s are needed), and may hit %s %%',
                                        event.history_judged, brake.min_judged, round((event.usual_share * 100)::numeric, 3))
                ELSE format('and %s of about %s before; its usual share is taken as %s %%', history_contents, event.history_judged,
                            round((event.usual_share * 100)::numeric, 3)) END
        || format('; by chance as many or more: %s', CASE WHEN event.probability < 1e-12 THEN 'below 1e-12'
                                                          ELSE 'about ' || ltrim(to_char(event.probability, '9.9EEEE')) END);
    RETURN event;
END
$fn$;
COMMENT ON FUNCTION moderation.test_surge(moderation.brakes, double precision, double precision, double precision, timestamptz, timestamptz, timestamptz, bigint, bigint, boolean) IS 'Internal: the event if so many contents are a surge, else NULL. coverage: the part of all contents that is judged by what is tested; begins: where its history begins; accepted: a share that is no surge.';

CREATE FUNCTION moderation.brake_items(brake moderation.brakes, at timestamptz) RETURNS SETOF moderation.brake_events
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    target text := (SELECT p.name FROM moderation.packages p WHERE p.package_id = brake.package_id);
    live moderation.deployments := moderation.deployed(brake.package_id, 'live');
    candidate record;
    version moderation.item_versions;
    stretch record;
    lifted timestamptz;
    begins timestamptz;
    recent_from timestamptz;
    hit record;
    event moderation.brake_events;
BEGIN
    FOR candidate IN
        SELECT h.item_id FROM moderation.hits h
        WHERE h.package_id = brake.package_id AND h.stage = 'live' AND h.observed_at > at - brake.recent AND h.observed_at <= at
        GROUP BY h.item_id HAVING count(DISTINCT (h.source_id, h.digest, h.content_key)) >= brake.min_contents
        ORDER BY h.item_id
    LOOP
        lifted := NULL;
        SELECT CASE WHEN o.effect = 'normal' THEN o.since ELSE coalesce(o.until, 'infinity') END INTO lifted
        FROM moderation.item_overrides o WHERE o.item_id = candidate.item_id ORDER BY o.override_id DESC LIMIT 1;
        CONTINUE WHEN lifted > clock_timestamp();
        -- The item as it is live now; an item that update_items() changed begins anew.
        SELECT v.* INTO version FROM moderation.item_versions v, unnest(ARRAY[live.release, live.rest]) WITH ORDINALITY r(release, place)
        WHERE v.item_id = candidate.item_id AND v.added_in <= r.release AND (v.removed_in IS NULL OR v.removed_in > r.release)
        ORDER BY r.place LIMIT 1;
        CONTINUE WHEN version.item_id IS NULL;
        -- A raised share of a rollout is no surge: the history begins when the part of the contents that it judges last changed.
        SELECT x.since, x.coverage INTO stretch FROM (
            SELECT c.deployment_id, c.since, c.coverage, lag(c.coverage, 1, 0.0) OVER (ORDER BY c.deployment_id) AS before
            FROM (SELECT d.deployment_id, d.since,
                         CASE WHEN d.release >= version.added_in AND (version.removed_in IS NULL OR d.release < version.removed_in)
                              THEN d.share / 100 ELSE 0.0 END
                         + CASE WHEN d.rest >= version.added_in AND (version.removed_in IS NULL OR d.rest < version.removed_in)
                                THEN 1 - d.share / 100 ELSE 0.0 END AS coverage
                  FROM moderation.deployments d WHERE d.package_id = brake.package_id AND d.stage = 'live') c) x
        WHERE x.coverage <> x.before ORDER BY x.deployment_id DESC LIMIT 1;
        begins := greatest(stretch.since, lifted);
        recent_from := greatest(at - brake.recent, begins);
        SELECT count(DISTINCT (h.source_id, h.digest, h.content_key)) FILTER (WHERE h.observed_at > recent_from) AS recent,
               count(DISTINCT (h.source_id, h.digest, h.content_key)) FILTER (WHERE h.observed_at <= recent_from) AS past
        INTO hit FROM moderation.hits h
        WHERE h.item_id = candidate.item_id AND h.stage = 'live' AND h.release >= version.added_in
          AND (version.removed_in IS NULL OR h.release < version.removed_in)
          AND h.observed_at > greatest(at - brake.history, begins) AND h.observed_at <= at;
        event := moderation.test_surge(brake,
            (SELECT max(e.share) FROM moderation.brake_events e
             WHERE e.package_id = brake.package_id AND e.item_id = candidate.item_id AND e.released_at > now() - brake.history),
            stretch.coverage, stretch.coverage, begins, recent_from, at, hit.recent, hit.past, true);
        CONTINUE WHEN event.contents IS NULL;
        event.item_id := candidate.item_id;
        event.release := coalesce(live.release, live.rest);
        event.done := 'kept to shadow';
        event.reason := format('Item %s of package "%s" ', candidate.item_id, target) || event.reason
            || '. It is kept to shadow: recorded, not enforced. moderation.undo_item() clears what it flagged.';
        PERFORM moderation.override_items(target, ARRAY[candidate.item_id], 'shadow', NULL, 'brake: ' || event.reason);
        SELECT max(o.override_id) INTO event.override_id FROM moderation.item_overrides o WHERE o.item_id = candidate.item_id;
        RETURN NEXT event;
    END LOOP;
END
$fn$;
COMMENT ON FUNCTION moderation.brake_items(moderation.brakes, timestamptz) IS 'Internal: keeps the surging items of a package to shadow; the events, not stored yet.';

CREATE FUNCTION moderation.brake_release(brake moderation.brakes, at timestamptz) RETURNS moderation.brake_events
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    target text := (SELECT p.name FROM moderation.packages p WHERE p.package_id = brake.package_id);
    live moderation.deployments := moderation.deployed(brake.package_id, 'live');
    in_rollout boolean := live.share < 100.0;
    begins timestamptz;
    recent_from timestamptz;
    now_contents bigint;
    past_contents bigint;
    event moderation.brake_events;
BEGIN
    IF live.release IS NULL OR EXISTS (SELECT FROM moderation.brake_events e WHERE e.package_id = brake.package_id AND e.item_id IS NULL
                                       AND e.release = live.release AND e.released_at IS NULL) THEN
        RETURN NULL;
    END IF;
    recent_from := greatest(at - brake.recent, live.since);
    -- The history is the package's, whichever release judged, since it was last out of force.
    SELECT min(d.since) INTO begins FROM moderation.deployments d
    WHERE d.package_id = brake.package_id AND d.stage = 'live' AND d.release IS NOT NULL
      AND d.deployment_id > coalesce((SELECT max(n.deployment_id) FROM moderation.deployments n
                                      WHERE n.package_id = brake.package_id AND n.stage = 'live' AND n.release IS NULL), 0);
    -- Without the items that are out of enforcement, or whose surge somebody accepted: a single item is no reason to go back.
    SELECT count(DISTINCT (h.source_id, h.digest, h.content_key))
               FILTER (WHERE h.observed_at > recent_from AND (h.release = live.release OR NOT in_rollout)),
           count(DISTINCT (h.source_id, h.digest, h.content_key)) FILTER (WHERE h.observed_at <= recent_from)
    INTO now_contents, past_contents FROM moderation.hits h
    WHERE h.package_id = brake.package_id AND h.stage = 'live' AND h.observed_at > greatest(at - brake.history, begins) AND h.observed_at <= at
      AND NOT EXISTS (SELECT FROM (SELECT o.effect, o.until FROM moderation.item_overrides o WHERE o.item_id = h.item_id
                                   ORDER BY o.override_id DESC LIMIT 1) n
                      WHERE n.effect <> 'normal' AND (n.until IS NULL OR n.until > now()))
      AND NOT EXISTS (SELECT FROM moderation.brake_events e WHERE e.package_id = brake.package_id AND e.item_id = h.item_id
                      AND e.released_at > now() - brake.history);
    -- In a rollout the release judges its share of the contents; the package judged all of the past.
    event := moderation.test_surge(brake,
        (SELECT max(e.share) FROM moderation.brake_events e
         WHERE e.package_id = brake.package_id AND e.item_id IS NULL AND e.released_at > now() - brake.history),
        live.share / 100, 1, begins, recent_from, at, now_contents, past_contents, false);
    IF event.contents IS NULL THEN
        RETURN NULL;
    END IF;
    event.release := live.release;
    event.done := 'reported';
    event.reason := format('Release %s of package "%s" as a whole ', live.release, target) || event.reason;
    IF brake.rollback THEN
        BEGIN
            PERFORM moderation.rollback_package(target, note => 'brake: ' || event.reason);
            event.done := 'rolled back';
            event.deployment_id := (moderation.deployed(brake.package_id, 'live')).deployment_id;
        EXCEPTION WHEN object_not_in_prerequisite_state THEN
            event.reason := event.reason || format('; it cannot be rolled back (%s)', SQLERRM);
        END;
    END IF;
    event.reason := event.reason || CASE event.done
        WHEN 'rolled back' THEN '. It was rolled back. moderation.undo_release() clears what it flagged.'
        ELSE '. Nothing was done.' END;
    RETURN event;
END
$fn$;
COMMENT ON FUNCTION moderation.brake_release(moderation.brakes, timestamptz) IS 'Internal: the event if the live release of a package surges as a whole, not stored yet, else NULL; rolls it back if the settings say so.';

CREATE FUNCTION moderation.run_brakes(at timestamptz DEFAULT now()) RETURNS SETOF moderation.brake_events
    LANGUAGE plpgsql SECURITY DEFINER ROWS 10 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    package record;
    brake moderation.brakes;
    event moderation.brake_events;
    found_events moderation.brake_events[];
BEGIN
    IF run_brakes.at IS NULL OR NOT isfinite(run_brakes.at) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('at %s is no moment', coalesce(run_brakes.at::text, 'NULL')),
            DETAIL = 'The recent window of every brake ends there.',
            HINT = 'Leave it out for now.';
    ELSIF pg_trigger_depth() > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'brakes are not run by a trigger',
            DETAIL = 'A write of an application would wait for it, and change what is enforced.',
            HINT = 'Run it every few minutes from a scheduler: SELECT * FROM moderation.run_brakes();';
    END IF;
    PERFORM moderation.collect_rejected();
    FOR package IN
        SELECT p.package_id, p.name FROM moderation.brakes b JOIN moderation.packages p ON p.package_id = b.package_id
        -- Of restricted packages only what is for an admin to decide.
        WHERE b.enabled AND moderation.may_deploy(p.package_id) ORDER BY p.package_id
    LOOP
        -- Runs queue up; the second sees what the first braked. A statement of its own: what it waited for is seen by the next.
        PERFORM moderation.lock_package(package.name);
        SELECT b.* INTO brake FROM moderation.brakes b WHERE b.package_id = package.package_id AND b.enabled;
        CONTINUE WHEN NOT FOUND;
        found_events := ARRAY(SELECT e FROM moderation.brake_items(brake, run_brakes.at) e);
        event := moderation.brake_release(brake, run_brakes.at);
        IF event.contents IS NOT NULL THEN
            found_events := found_events || event;
        END IF;
        FOREACH event IN ARRAY found_events LOOP
            event.event_id := nextval('moderation.brake_events_event_id_seq');
            event.sql := CASE event.done WHEN 'reported' THEN format('SELECT moderation.rollback_package(%L, note => ''brake event %s'');', package.name, event.event_id)
                                         ELSE format('SELECT moderation.release_brake(%s);', event.event_id) END;
            event.braked_at := clock_timestamp();
            event.braked_by := moderation.caller();
            INSERT INTO moderation.brake_events OVERRIDING SYSTEM VALUE SELECT (event).*;
            PERFORM moderation.audit('run_brakes', package.name, NULL,
                jsonb_strip_nulls(jsonb_build_object('event', event.event_id, 'item', event.item_id, 'release', event.release, 'done', event.done)),
                event.reason);
            RETURN NEXT event;
        END LOOP;
    END LOOP;
END
$fn$;
COMMENT ON FUNCTION moderation.run_brakes(timestamptz) IS 'For every package with a brake: items that hit far more often in the recent window than in their history are kept to shadow, a release that does as a whole is reported, or rolled back if its brake says so; returns the new events. For a scheduler, every few minutes, or by hand; refused within triggers.';

CREATE FUNCTION moderation.release_brake(event_id bigint, note text DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    event moderation.brake_events;
    target moderation.packages;
    live moderation.deployments;
    before moderation.deployments;
    lifted boolean := false;
BEGIN
    SELECT e.* INTO event FROM moderation.brake_events e WHERE e.event_id = release_brake.event_id;
    IF FOUND THEN
        target := moderation.lock_package((SELECT p.name FROM moderation.packages p WHERE p.package_id = event.package_id));
        PERFORM moderation.check_approver(target);
        SELECT e.* INTO event FROM moderation.brake_events e WHERE e.event_id = release_brake.event_id FOR UPDATE;
    END IF;
    IF event.event_id IS NULL OR event.released_at IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = CASE WHEN event.event_id IS NULL THEN 'undefined_object' ELSE 'object_not_in_prerequisite_state' END,
            MESSAGE = CASE WHEN event.event_id IS NULL THEN format('there is no brake event %s', coalesce(release_brake.event_id::text, 'NULL'))
                           ELSE format('brake event %s was released already', event.event_id) END,
            DETAIL = CASE WHEN event.event_id IS NULL THEN 'Nothing was braked under this number.'
                          ELSE format('By %s, at %s.', event.released_by, event.released_at) END,
            HINT = 'What is braked is listed in moderation.brakes_in_force.';
    END IF;
    -- What somebody decided since stays as it is: only what the brake itself did is taken back.
    IF event.override_id IS NOT NULL THEN
        IF event.override_id = (SELECT max(o.override_id) FROM moderation.item_overrides o WHERE o.item_id = event.item_id) THEN
            lifted := moderation.override_items(target.name, ARRAY[event.item_id], 'normal', NULL, release_brake.note) > 0;
        END IF;
    ELSIF event.deployment_id IS NOT NULL THEN
        live := moderation.deployed(event.package_id, 'live');
        IF live.deployment_id = event.deployment_id THEN
            SELECT d.* INTO before FROM moderation.deployments d
            WHERE d.package_id = event.package_id AND d.stage = 'live' AND d.deployment_id < event.deployment_id
            ORDER BY d.deployment_id DESC LIMIT 1;
            PERFORM moderation.deploy(event.package_id, 'live', before.release, release_brake.note, before.share, before.rest, 'restore');
            PERFORM moderation.compile_in_force();
            lifted := true;
        END IF;
    END IF;
    UPDATE moderation.brake_events e SET released_at = clock_timestamp(), released_by = moderation.caller(), note = release_brake.note
    WHERE e.event_id = event.event_id;
    PERFORM moderation.audit('release_brake', target.name, jsonb_build_object('event', event.event_id, 'done', event.done),
                             jsonb_build_object('lifted', lifted), release_brake.note);
    RETURN lifted;
END
$fn$;
COMMENT ON FUNCTION moderation.release_brake(bigint, text) IS 'Takes back what a brake did: the item is enforced again, the release that was rolled back is live again with its share. The share it had counts as usual from then on, for as long as the history is. False if there was nothing to take back: the event was a report, or somebody changed it since.';

CREATE VIEW moderation.brakes_in_force WITH (security_barrier) AS
    SELECT e.event_id, p.name AS package, e.item_id, e.release,
           CASE WHEN p.package_id = ANY ((SELECT moderation.readable_packages())::integer[])
                THEN (SELECT v.term FROM moderation.item_versions v WHERE v.item_id = e.item_id ORDER BY v.added_in DESC LIMIT 1) END AS term,
           e.done, e.contents, e.judged, e.usual_share, e.share, e.probability, e.reason, e.sql, e.braked_at
    FROM moderation.brake_events e JOIN moderation.packages p ON p.package_id = e.package_id
    WHERE e.released_at IS NULL AND p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]);
COMMENT ON VIEW moderation.brakes_in_force IS 'What run_brakes() braked or reported and nobody has released, with the statement that takes it further.';
COMMENT ON COLUMN moderation.brakes_in_force.item_id IS 'NULL: the release as a whole.';
COMMENT ON COLUMN moderation.brakes_in_force.sql IS 'Takes the brake back, or rolls the release back.';
