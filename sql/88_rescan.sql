-- Rescans: stored rows meet what was put in force after they were judged.
--
-- Rows that the difference between releases cannot change are not written. The others are updated without a change, and
-- the table's own triggers judge and record them: one way into verdict column and hits, see src/rescan.rs.

CREATE TABLE moderation.rescan_states (
    source_id       integer NOT NULL,
    package_id      integer NOT NULL,
    release         integer NOT NULL,
    deployment_id   bigint NOT NULL,
    override_id     bigint NOT NULL,
    judged_at       timestamptz NOT NULL,
    PRIMARY KEY (source_id, package_id)
);
COMMENT ON TABLE moderation.rescan_states IS 'With which release of each package every row of a source is judged, or a later one; no row: not all of them were.';
COMMENT ON COLUMN moderation.rescan_states.deployment_id IS 'The newest live deployment of the package then; 0: none. Later ones have higher numbers, since a package''s lock is held until they commit.';
COMMENT ON COLUMN moderation.rescan_states.override_id IS 'The newest override of its items then; 0: none.';
COMMENT ON COLUMN moderation.rescan_states.judged_at IS 'When the rescan began: times of items and packages that passed since are not in the verdicts.';

CREATE TABLE moderation.rescan_runs (
    run_id          bigint PRIMARY KEY,
    source_id       integer NOT NULL,
    targets         jsonb NOT NULL,
    marks           jsonb NOT NULL,
    terms           jsonb,
    balls           moderation.pdq_ball[] NOT NULL,
    frames          moderation.pdq_ball[] NOT NULL,
    every_media     boolean NOT NULL,
    planned_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz
);
COMMENT ON TABLE moderation.rescan_runs IS 'Runs that rescan a source: backtest_runs with these settings beside.';
COMMENT ON COLUMN moderation.rescan_runs.targets IS 'Live release of each package when the run began, by package id; 0: none.';
COMMENT ON COLUMN moderation.rescan_runs.marks IS 'What rescan_states will say of each package.';
COMMENT ON COLUMN moderation.rescan_runs.terms IS 'The terms that make the difference, as hunt() makes them. NULL: whoever began it may not know them, and every row is judged again.';
COMMENT ON COLUMN moderation.rescan_runs.balls IS 'Around the images that make it.';
COMMENT ON COLUMN moderation.rescan_runs.frames IS 'Around the frames of the videos that make it: a content that one of them hits shares a frame with it.';
COMMENT ON COLUMN moderation.rescan_runs.every_media IS 'They are too many: every row with an image or a video is judged again.';

CREATE FUNCTION moderation.forget_rescan() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    DELETE FROM moderation.rescan_runs r WHERE r.run_id = OLD.run_id;
    RETURN NULL;
END
$fn$;
COMMENT ON FUNCTION moderation.forget_rescan() IS 'Trigger: a dropped run is no rescan any more.';
CREATE TRIGGER forget_rescan AFTER DELETE ON moderation.backtest_runs FOR EACH ROW EXECUTE FUNCTION moderation.forget_rescan();

CREATE FUNCTION moderation.rescanning(source_id integer, reason text) RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'moderation_rescanning';
COMMENT ON FUNCTION moderation.rescanning(integer, text) IS 'Internal: the triggers of this source judge updates that change no watched column, and withdraw for this reason what is not found again; NULL ends it, as does the end of the transaction.';

CREATE FUNCTION moderation.settle_hits(judged jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $fn$
DECLARE
    key text := judged->>'content_key';
    hit record;
BEGIN
    -- Hits of earlier texts stay as they are.
    FOR hit IN
        SELECT h.hit_id, w.hit_id IS NOT NULL AS withdrawn,
               judged->'found' @> jsonb_build_array(jsonb_build_object('package_id', h.package_id, 'item_id', h.item_id)) AS item_found,
               judged->'found' @> jsonb_build_array(jsonb_build_object('package_id', h.package_id, 'release', h.release, 'item_id', h.item_id)) AS found
        FROM moderation.hits h LEFT JOIN moderation.withdrawn_hits w ON w.hit_id = h.hit_id
        WHERE h.source_id = (judged->>'source_id')::integer AND left(h.content_key, 200) = left(key, 200) AND h.content_key = key
          AND h.digest = decode(judged->>'digest', 'hex') AND h.stage = 'live'
    LOOP
        IF hit.found AND hit.withdrawn THEN
            DELETE FROM moderation.withdrawn_hits w WHERE w.hit_id = hit.hit_id;
        ELSIF NOT hit.item_found AND NOT hit.withdrawn THEN
            INSERT INTO moderation.withdrawn_hits (hit_id, withdrawn_by, reason)
            VALUES (hit.hit_id, moderation.caller(), judged->>'reason') ON CONFLICT DO NOTHING;
        END IF;
    END LOOP;
END
$fn$;
COMMENT ON FUNCTION moderation.settle_hits(jsonb) IS 'Internal: after a content was judged again, withdraws its live hits that were not found again; what was withdrawn and is found again stands again.';

CREATE FUNCTION moderation.set_in_force() RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_set_in_force';
COMMENT ON FUNCTION moderation.set_in_force() IS 'Name of the compiled set that judges now, in hexadecimal: what verdicts hold as "set" and hits as set_hash.';

CREATE FUNCTION moderation.live_targets() RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT coalesce(jsonb_object_agg(p.package_id, coalesce(moderation.mostly_live(p.package_id), 0)), '{}')
        FROM moderation.packages p;
    END;
COMMENT ON FUNCTION moderation.live_targets() IS 'Internal: live release of each package, 0 for none, by package id.';

CREATE FUNCTION moderation.live_marks(
    OUT package_id integer, OUT release integer, OUT deployment_id bigint, OUT override_id bigint)
    RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT p.package_id, coalesce(moderation.mostly_live(p.package_id), 0),
               coalesce((SELECT max(d.deployment_id) FROM moderation.deployments d WHERE d.package_id = p.package_id AND d.stage = 'live'), 0),
               coalesce((SELECT max(o.override_id) FROM moderation.item_overrides o WHERE o.package_id = p.package_id), 0)
        FROM moderation.packages p;
    END;
COMMENT ON FUNCTION moderation.live_marks() IS 'Internal: what is live of each package, and the newest deployment and override behind it.';

CREATE FUNCTION moderation.releases_since(package_id integer, source_id integer) RETURNS SETOF integer
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT coalesce((SELECT s.release FROM moderation.rescan_states s
                         WHERE s.source_id = releases_since.source_id AND s.package_id = releases_since.package_id), 0)
        UNION
        SELECT coalesce(u.release, 0) FROM moderation.deployments d
        CROSS JOIN LATERAL (VALUES (d.release), (d.rest)) u(release)
        WHERE d.package_id = releases_since.package_id AND d.stage = 'live' AND (u.release IS NOT NULL OR d.release IS NULL)
          AND d.deployment_id >= coalesce((SELECT s.deployment_id FROM moderation.rescan_states s
                                           WHERE s.source_id = releases_since.source_id AND s.package_id = releases_since.package_id), 0);
    END;
COMMENT ON FUNCTION moderation.releases_since(integer, integer) IS 'Internal: every release of a package that may have judged some row of a source; 0: none was live.';

CREATE FUNCTION moderation.window_moved(package_id integer, source_id integer) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT coalesce(bool_or(
            d.deployment_id > s.deployment_id AND (d.valid_from, d.expires_at) IS DISTINCT FROM (d.valid_before, d.expired_before)
            OR d.deployment_id >= s.deployment_id
               AND ((d.valid_from > s.judged_at AND d.valid_from <= now()) OR (d.expires_at > s.judged_at AND d.expires_at <= now()))), false)
        FROM moderation.rescan_states s
        CROSS JOIN LATERAL (
            SELECT e.deployment_id, e.valid_from, e.expires_at, lag(e.valid_from) OVER w AS valid_before, lag(e.expires_at) OVER w AS expired_before
            FROM moderation.deployments e WHERE e.package_id = s.package_id AND e.stage = 'live' WINDOW w AS (ORDER BY e.deployment_id)) d
        WHERE s.source_id = window_moved.source_id AND s.package_id = window_moved.package_id;
    END;
COMMENT ON FUNCTION moderation.window_moved(integer, integer) IS 'Internal: did the times of a package begin, end or change since the rows of a source were judged?';

CREATE FUNCTION moderation.moved_items(package_id integer, source_id integer) RETURNS SETOF bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT v.item_id FROM moderation.rescan_states s
        JOIN moderation.item_versions v ON v.package_id = s.package_id AND (v.valid_from IS NOT NULL OR v.expires_at IS NOT NULL)
        WHERE s.source_id = moved_items.source_id AND s.package_id = moved_items.package_id
          AND ((v.valid_from > s.judged_at AND v.valid_from <= now()) OR (v.expires_at > s.judged_at AND v.expires_at <= now()))
        UNION
        SELECT o.item_id FROM moderation.rescan_states s JOIN moderation.item_overrides o ON o.package_id = s.package_id
        WHERE s.source_id = moved_items.source_id AND s.package_id = moved_items.package_id
          AND (o.override_id > s.override_id OR (o.until > s.judged_at AND o.until <= now()));
    END;
COMMENT ON FUNCTION moderation.moved_items(integer, integer) IS 'Internal: items of a package that were snoozed, came back, began or expired since the rows of a source were judged.';

CREATE FUNCTION moderation.rescan_delta(
    source_id integer, OUT terms jsonb, OUT balls moderation.pdq_ball[], OUT frames moderation.pdq_ball[], OUT every_media boolean,
    OUT items bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        WITH span AS MATERIALIZED (
            SELECT p.package_id, min(k.release) AS low, max(k.release) AS high, max(r.max_distance) AS max_distance,
                   -- From or to nothing, or other settings: every item makes a difference.
                   min(k.release) = 0 AND max(k.release) > 0
                   OR count(DISTINCT (r.action, r.threshold, r.rules, CASE WHEN r.images + r.videos > 0 THEN r.max_distance END)) > 1
                   OR moderation.window_moved(p.package_id, rescan_delta.source_id) AS whole
            FROM moderation.packages p CROSS JOIN LATERAL moderation.releases_since(p.package_id, rescan_delta.source_id) k(release)
            LEFT JOIN moderation.releases r ON r.package_id = p.package_id AND r.release = k.release
            GROUP BY p.package_id HAVING max(k.release) > 0
        ), item AS MATERIALIZED (
            SELECT DISTINCT v.kind, v.term, v.match, v.level, v.language, v.hash, v.frames, coalesce(v.max_distance, s.max_distance)::integer AS distance,
                   v.package_id = ANY ((SELECT moderation.readable_packages())::integer[]) AS readable
            FROM span s JOIN moderation.item_versions v ON v.package_id = s.package_id
            WHERE v.added_in <= s.high AND (v.removed_in IS NULL OR v.removed_in > s.low)
              AND (s.whole OR v.added_in > s.low OR v.removed_in <= s.high
                   OR v.item_id IN (SELECT moderation.moved_items(s.package_id, rescan_delta.source_id)))
        ), ball AS MATERIALIZED (
            SELECT moderation.pdq_ball(i.hash, i.distance) AS ball, false AS of_video FROM item i WHERE i.hash IS NOT NULL
            UNION ALL
            (SELECT moderation.pdq_ball(f.hash, i.distance), true FROM item i CROSS JOIN LATERAL unnest(i.frames) f WHERE i.frames IS NOT NULL)
            LIMIT 1001
        )
        -- A filter of what the caller may not know would show it: then every row is judged again.
        SELECT CASE WHEN k.readable THEN
                    coalesce((SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('term', i.term, 'match', i.match, 'level', i.level, 'language', i.language)))
                              FROM item i WHERE i.kind = 'term'), '[]') END,
               CASE WHEN b.n > 1000 OR NOT k.readable THEN '{}' ELSE b.balls END,
               CASE WHEN b.n > 1000 OR NOT k.readable THEN '{}' ELSE b.frames END, b.n > 1000, k.items
        FROM (SELECT count(*) AS items, coalesce(bool_and(i.readable), true) AS readable FROM item i) k,
             (SELECT count(*) AS n, coalesce(array_agg(l.ball) FILTER (WHERE NOT l.of_video), '{}') AS balls,
                     coalesce(array_agg(l.ball) FILTER (WHERE l.of_video), '{}') AS frames FROM ball l) b;
    END;
COMMENT ON FUNCTION moderation.rescan_delta(integer) IS 'Internal: the terms, images and videos, allow entries included, that differ between what judged a source''s rows and what is live now: by releases, items'' and packages'' times, and overrides.';

CREATE FUNCTION moderation.create_rescan(
    run_id bigint, source_id integer, terms jsonb, balls moderation.pdq_ball[], frames moderation.pdq_ball[], every_media boolean)
    RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        INSERT INTO moderation.rescan_runs (run_id, source_id, targets, marks, terms, balls, frames, every_media)
        VALUES ((moderation.own_run(create_rescan.run_id)).run_id, create_rescan.source_id, moderation.live_targets(),
                (SELECT coalesce(jsonb_agg(to_jsonb(m)), '[]') FROM moderation.live_marks() m),
                create_rescan.terms, create_rescan.balls, create_rescan.frames, create_rescan.every_media);
        SELECT moderation.audit('rescan', NULL, NULL, jsonb_build_object('run_id', create_rescan.run_id, 'state', 'begun', 'source',
            (SELECT s.relation::text FROM moderation.sources s WHERE s.source_id = create_rescan.source_id)), NULL);
    END;
COMMENT ON FUNCTION moderation.create_rescan(bigint, integer, jsonb, moderation.pdq_ball[], moderation.pdq_ball[], boolean) IS 'Internal: marks a run as the rescan of a source.';

CREATE FUNCTION moderation.open_rescan(source_id integer) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT max(r.run_id) FROM moderation.rescan_runs r
        WHERE r.source_id = open_rescan.source_id AND r.finished_at IS NULL AND r.targets = moderation.live_targets();
    END;
COMMENT ON FUNCTION moderation.open_rescan(integer) IS 'Internal: an unfinished rescan towards what is live now.';

CREATE FUNCTION moderation.start_rescan(source regclass, chunk_rows integer, caller_path text) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    attached record;
    delta record;
    run bigint;
BEGIN
    SELECT * INTO attached FROM moderation.attached_columns(source) a;
    attached.fields := coalesce(attached.fields, '{}');
    IF attached.key IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('table %s is not attached', coalesce(source::text, 'NULL')),
            DETAIL = 'A rescan judges by the triggers of an attached table.',
            HINT = 'Attached tables are listed in moderation.attachments.';
    END IF;
    run := moderation.open_rescan(attached.source_id);
    IF run IS NOT NULL THEN
        RETURN run;
    END IF;
    SELECT * INTO delta FROM moderation.rescan_delta(attached.source_id) d;
    run := moderation.plan_run(NULL,
        CASE WHEN delta.items = 0
             -- Nothing differs: a run without rows, so that the state is written all the same.
             THEN ROW(NULL, format('SELECT s.%I FROM %s AS s LIMIT 0', attached.key, source), attached.source_id, attached.key,
                      attached.fields, attached.images || attached.videos, NULL)::moderation.content_source
             ELSE ROW(source, NULL, attached.source_id, attached.key, attached.fields, attached.images || attached.videos, NULL)::moderation.content_source END,
        NULL, NULL, NULL, chunk_rows, caller_path, true);
    PERFORM moderation.create_rescan(run, attached.source_id, delta.terms, delta.balls, delta.frames, delta.every_media);
    RETURN run;
END
$fn$;
COMMENT ON FUNCTION moderation.start_rescan(regclass, integer, text) IS 'Internal: the unfinished rescan of a source, or a new one.';

CREATE FUNCTION moderation.rescan_of(run_id bigint) RETURNS moderation.rescan_runs
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT r.* FROM moderation.rescan_runs r WHERE r.run_id = (moderation.own_run(rescan_of.run_id)).run_id;
    END;
COMMENT ON FUNCTION moderation.rescan_of(bigint) IS 'Internal: what a run rescans; NULL for a backtest.';

CREATE FUNCTION moderation.rescan_condition(rescan moderation.rescan_runs, fields name[], images name[], videos name[]) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT coalesce(string_agg(c.condition, ' OR '), 'false') FROM (
        SELECT 'true' WHERE rescan.terms IS NULL
        UNION ALL
        SELECT format('s.%I OPERATOR(moderation.@~) $1', f) FROM unnest(fields) f WHERE rescan.terms <> '[]'
        UNION ALL
        SELECT format('s.%I IS NOT NULL', f) FROM unnest(images || videos) f WHERE rescan.every_media
        UNION ALL
        SELECT format('EXISTS (SELECT FROM unnest($2) b WHERE s.%I OPERATOR(pg_catalog.<@) b)', f)
        FROM unnest(images) f WHERE cardinality(rescan.balls) > 0
        UNION ALL
        SELECT format('EXISTS (SELECT FROM unnest($2 || $3) b CROSS JOIN unnest(s.%I) f WHERE f.hash OPERATOR(pg_catalog.<@) b)', f)
        FROM unnest(videos) f WHERE cardinality(rescan.balls || rescan.frames) > 0) c(condition));
COMMENT ON FUNCTION moderation.rescan_condition(moderation.rescan_runs, name[], name[], name[]) IS 'Internal: which rows the difference can change, in SQL; $1: terms, $2: balls, $3: frames.';

CREATE FUNCTION moderation.rescan_chunk(
    run moderation.backtest_runs, rescan moderation.rescan_runs, condition text, OUT judged bigint, OUT rows moderation.backtest_row[])
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' SET IntervalStyle = 'postgres' SET TimeZone = 'UTC'
    SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $fn$
DECLARE
    attached record;
BEGIN
    IF rescan.targets <> moderation.live_targets() THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('what is live has changed since rescan %s began', run.run_id),
            DETAIL = 'It looks at rows that an earlier difference can change.',
            HINT = format('CALL moderation.rescan(%L) again; what was done is not lost.', run.relation::text);
    END IF;
    judged := 0;
    IF run.relation IS NULL THEN
        RETURN;
    END IF;
    SELECT * INTO attached FROM moderation.attached_columns(run.relation) a;
    IF attached.key IS DISTINCT FROM run.key OR coalesce(attached.fields, '{}') <> run.fields
       OR coalesce(attached.images || attached.videos, '{}') <> run.media THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the attachment of %s has changed since rescan %s began', run.relation, run.run_id),
            DETAIL = 'Other columns are watched, or none.',
            HINT = format('Drop the run with moderation.drop_backtest(%s), then rescan again.', run.run_id);
    END IF;
    PERFORM moderation.rescanning(rescan.source_id, format('rescan %s', run.run_id));
    -- The triggers judge, record and withdraw.
    EXECUTE format('UPDATE %1$s AS s SET %2$I = s.%2$I WHERE (%3$s)%4$s',
        run.relation, coalesce(attached.verdict, (attached.fields || attached.images || attached.videos)[1]),
        moderation.rescan_condition(rescan, attached.fields, attached.images, attached.videos), coalesce(' AND ' || condition, ''))
    USING rescan.terms, rescan.balls, rescan.frames;
    GET DIAGNOSTICS judged = ROW_COUNT;
    PERFORM moderation.rescanning(NULL, NULL);
END
$fn$;
COMMENT ON FUNCTION moderation.rescan_chunk(moderation.backtest_runs, moderation.rescan_runs, text) IS 'Internal: has the rows of a chunk that the difference can change judged again, with the caller''s rights on the table.';

CREATE FUNCTION moderation.finish_rescan(run_id bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    done moderation.rescan_runs;
BEGIN
    PERFORM moderation.own_run(run_id);
    UPDATE moderation.rescan_runs r SET finished_at = clock_timestamp()
    WHERE r.run_id = finish_rescan.run_id AND r.finished_at IS NULL
      AND NOT EXISTS (SELECT FROM moderation.backtest_chunks c WHERE c.run_id = r.run_id AND c.state <> 'done')
    RETURNING * INTO done;
    IF done.run_id IS NOT NULL THEN
        INSERT INTO moderation.rescan_states (source_id, package_id, release, deployment_id, override_id, judged_at)
        SELECT done.source_id, m.package_id, m.release, m.deployment_id, m.override_id, done.planned_at
        FROM jsonb_to_recordset(done.marks) m(package_id integer, release integer, deployment_id bigint, override_id bigint)
        ON CONFLICT ON CONSTRAINT rescan_states_pkey DO UPDATE
            SET release = excluded.release, deployment_id = excluded.deployment_id, override_id = excluded.override_id,
                judged_at = excluded.judged_at;
        PERFORM moderation.audit('rescan', NULL, jsonb_build_object('run_id', done.run_id, 'state', 'begun'),
            jsonb_build_object('run_id', done.run_id, 'state', 'done', 'rows_written',
                (SELECT sum(c.rows) FROM moderation.backtest_chunks c WHERE c.run_id = done.run_id)), NULL);
    END IF;
    RETURN done.run_id IS NOT NULL AND EXISTS (SELECT FROM moderation.rescan_delta(done.source_id) d WHERE d.items > 0);
END
$fn$;
COMMENT ON FUNCTION moderation.finish_rescan(bigint) IS 'Internal: notes that every row of the source is judged by what was live when the run began. True if something differs already again: items that were snoozed or expired meanwhile.';

CREATE FUNCTION moderation.begin_rescan(source regclass, chunk_rows integer) RETURNS bigint
    LANGUAGE sql
    RETURN moderation.start_rescan(source, chunk_rows, current_setting('search_path'));
COMMENT ON FUNCTION moderation.begin_rescan(regclass, integer) IS 'Internal: what rescan() works on.';

CREATE PROCEDURE moderation.rescan(source regclass, chunk_rows integer DEFAULT 50000)
    LANGUAGE plpgsql
AS $fn$
DECLARE
    since pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    run pg_catalog.int8 := moderation.begin_rescan(source, chunk_rows);
    attempts pg_catalog.bool := false;
BEGIN
    COMMIT;
    LOOP
        WHILE moderation.work_chunk(run, since) LOOP
            COMMIT;
        END LOOP;
        EXIT WHEN NOT moderation.finish_rescan(run) OR attempts;
        attempts := true;
        run := moderation.begin_rescan(source, chunk_rows);
        COMMIT;
    END LOOP;
    COMMIT;
END
$fn$;
COMMENT ON PROCEDURE moderation.rescan(regclass, integer) IS 'Judges stored rows of an attached table again by what is live now, as far as the difference to what judged them can change them: hits are recorded, verdict columns rewritten, hits whose cause is gone withdrawn. One transaction a chunk; call it again after a cancel, crash or failed chunk. Rows are flagged, never kept out or refused. Not inside a transaction block.';

CREATE VIEW moderation.rescan_status WITH (security_barrier) AS
    SELECT s.relation AS source, p.name AS package, nullif(k.release, 0) AS rows_judged_by,
           nullif(coalesce(moderation.mostly_live(p.package_id), 0), 0) AS live,
           k.source_id IS NOT NULL AND coalesce(NOT EXISTS (SELECT FROM moderation.releases_since(p.package_id, s.source_id) r(release) WHERE r.release <> k.release)
                    AND NOT moderation.window_moved(p.package_id, s.source_id)
                    AND NOT EXISTS (SELECT FROM moderation.moved_items(p.package_id, s.source_id)), false) AS is_current
    FROM moderation.sources s CROSS JOIN moderation.packages p
    LEFT JOIN moderation.rescan_states k ON k.source_id = s.source_id AND k.package_id = p.package_id
    WHERE s.detached_at IS NULL AND p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]);
COMMENT ON VIEW moderation.rescan_status IS 'With which release of each package every row of an attached table was judged at least, and whether a rescan would change nothing; if not, CALL moderation.rescan(source).';
