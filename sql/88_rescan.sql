-- Rescans: stored rows meet what was put in force after they were judged.
--
-- Rows that the difference between releases cannot change are not written. The others are updated without a change, and
-- the table's own triggers judge and record them: one way into verdict column and hits, see src/rescan.rs.

CREATE TABLE moderation.rescan_states (
    source_id       integer NOT NULL,
    package_id      integer NOT NULL,
    release         integer NOT NULL,
    PRIMARY KEY (source_id, package_id)
);
COMMENT ON TABLE moderation.rescan_states IS 'With which release of each package every row of a source is judged, or a later one; no row: not all of them were.';

CREATE TABLE moderation.rescan_runs (
    run_id          bigint PRIMARY KEY,
    source_id       integer NOT NULL,
    targets         jsonb NOT NULL,
    delta           jsonb,
    finished_at     timestamptz
);
COMMENT ON TABLE moderation.rescan_runs IS 'Runs that rescan a source: backtest_runs with these settings beside.';
COMMENT ON COLUMN moderation.rescan_runs.targets IS 'Live release of each package when the run began, by package id; 0: none.';
COMMENT ON COLUMN moderation.rescan_runs.delta IS 'The terms that make the difference, as hunt() makes them; NULL: every row is judged again.';

CREATE TABLE moderation.withdrawn_hits (
    hit_id          uuid PRIMARY KEY,
    withdrawn_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    withdrawn_by    text NOT NULL,
    reason          text NOT NULL
);
COMMENT ON TABLE moderation.withdrawn_hits IS 'Hits whose cause is gone: a rescan did not find them again, or they were undone. The hit itself stays as evidence.';

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

CREATE FUNCTION moderation.rescanning(source_id integer) RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'moderation_rescanning';
COMMENT ON FUNCTION moderation.rescanning(integer) IS 'Internal: the triggers of this source judge updates that change no watched column; NULL ends it, as does the end of the transaction.';

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

CREATE FUNCTION moderation.rescan_delta(source_id integer, OUT everything boolean, OUT terms jsonb, OUT items bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        WITH package AS (
            -- Every release that may have judged some row: the state's, those put live since, the one live now.
            SELECT p.package_id, r.release
            FROM moderation.packages p
            LEFT JOIN moderation.rescan_states s ON s.source_id = rescan_delta.source_id AND s.package_id = p.package_id
            CROSS JOIN LATERAL (
                SELECT coalesce(s.release, 0) UNION
                SELECT coalesce(u.release, 0) FROM moderation.deployments d
                CROSS JOIN LATERAL (VALUES (d.release), (d.rest)) u(release)
                WHERE d.package_id = p.package_id AND d.stage = 'live' AND (u.release IS NOT NULL OR d.release IS NULL)
                  AND d.deployment_id >= coalesce((
                      SELECT max(e.deployment_id) FROM moderation.deployments e
                      WHERE e.package_id = p.package_id AND e.stage = 'live' AND s.package_id IS NOT NULL
                        AND coalesce(e.release, 0) = s.release), 0)) r(release)
        ), span AS (
            SELECT k.package_id, min(k.release) AS low, max(k.release) AS high,
                   -- From or to nothing, or other settings: every item makes a difference.
                   min(k.release) = 0 OR count(DISTINCT (r.action, r.threshold, r.rules,
                       CASE WHEN r.images + r.videos > 0 THEN r.max_distance END)) > 1 AS whole
            FROM package k LEFT JOIN moderation.releases r ON r.package_id = k.package_id AND r.release = k.release
            GROUP BY k.package_id HAVING count(DISTINCT k.release) > 1
        ), item AS (
            SELECT DISTINCT v.kind, v.term, v.match, v.level, v.language,
                   v.package_id = ANY ((SELECT moderation.readable_packages())::integer[]) AS readable
            FROM span s JOIN moderation.item_versions v ON v.package_id = s.package_id
            WHERE v.added_in <= s.high
              AND CASE WHEN s.whole THEN v.removed_in IS NULL OR v.removed_in > s.low
                  ELSE v.added_in > s.low OR (v.removed_in > s.low AND v.removed_in <= s.high) END
        )
        -- A filter of terms that the caller may not know would show them: then every row is judged again.
        SELECT coalesce(bool_or(i.kind <> 'term' OR NOT i.readable), false),
               jsonb_agg(jsonb_strip_nulls(jsonb_build_object('term', i.term, 'match', i.match, 'level', i.level, 'language', i.language)))
                   FILTER (WHERE i.kind = 'term' AND i.readable),
               count(*)
        FROM item i;
    END;
COMMENT ON FUNCTION moderation.rescan_delta(integer) IS 'Internal: the terms and allow entries that differ between the releases that judged a source''s rows and what is live now; everything: images or videos differ, which no filter on texts finds.';

CREATE FUNCTION moderation.create_rescan(run_id bigint, source_id integer, terms jsonb, everything boolean) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        INSERT INTO moderation.rescan_runs (run_id, source_id, targets, delta)
        VALUES ((moderation.own_run(create_rescan.run_id)).run_id, create_rescan.source_id, moderation.live_targets(),
                CASE WHEN NOT everything THEN coalesce(terms, '[]') END);
        SELECT moderation.audit('rescan', NULL, NULL, jsonb_build_object('run_id', create_rescan.run_id, 'state', 'begun', 'source',
            (SELECT s.relation::text FROM moderation.sources s WHERE s.source_id = create_rescan.source_id)), NULL);
    END;
COMMENT ON FUNCTION moderation.create_rescan(bigint, integer, jsonb, boolean) IS 'Internal: marks a run as the rescan of a source.';

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
                      attached.fields)::moderation.content_source
             ELSE ROW(source, NULL, attached.source_id, attached.key, attached.fields)::moderation.content_source END,
        NULL, NULL, NULL, chunk_rows, caller_path);
    PERFORM moderation.create_rescan(run, attached.source_id, delta.terms, delta.everything);
    RETURN run;
END
$fn$;
COMMENT ON FUNCTION moderation.start_rescan(regclass, integer, text) IS 'Internal: the unfinished rescan of a source, or a new one.';

CREATE FUNCTION moderation.withdraw_stale(source_id integer, keys text[], digests bytea[], reason text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    withdrawn bigint;
BEGIN
    -- The rows have just been judged: what is not there with the release now live has gone. Hits of earlier texts stay.
    INSERT INTO moderation.withdrawn_hits (hit_id, withdrawn_by, reason)
    SELECT h.hit_id, moderation.caller(), withdraw_stale.reason
    FROM unnest(keys, digests) AS k(key, digest)
    JOIN moderation.hits h
      ON h.source_id = withdraw_stale.source_id AND left(h.content_key, 200) = left(k.key, 200) AND h.content_key = k.key
     AND h.digest = coalesce(k.digest, h.digest)
    WHERE h.stage = 'live'
      AND h.release IS DISTINCT FROM moderation.mostly_live(h.package_id)
      AND NOT EXISTS (SELECT FROM moderation.hits n
                      WHERE n.source_id = h.source_id AND left(n.content_key, 200) = left(h.content_key, 200)
                        AND n.content_key = h.content_key AND n.digest = h.digest AND n.package_id = h.package_id AND n.item_id = h.item_id
                        AND n.stage = 'live' AND n.release = moderation.mostly_live(h.package_id))
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS withdrawn = ROW_COUNT;
    RETURN withdrawn;
END
$fn$;
COMMENT ON FUNCTION moderation.withdraw_stale(integer, text[], bytea[], text) IS 'Internal: withdraws live hits of contents just judged again that were not found again.';

CREATE FUNCTION moderation.rescan_of(run_id bigint) RETURNS moderation.rescan_runs
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT r.* FROM moderation.rescan_runs r WHERE r.run_id = (moderation.own_run(rescan_of.run_id)).run_id;
    END;
COMMENT ON FUNCTION moderation.rescan_of(bigint) IS 'Internal: what a run rescans; NULL for a backtest.';

CREATE FUNCTION moderation.rescan_chunk(
    run moderation.backtest_runs, rescan moderation.rescan_runs, condition text, OUT judged bigint, OUT rows moderation.backtest_row[])
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' SET IntervalStyle = 'postgres' SET TimeZone = 'UTC'
    SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $fn$
DECLARE
    attached record;
    keys text[];
    digests bytea[];
BEGIN
    IF rescan.targets <> moderation.live_targets() THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('what is live has changed since rescan %s began', run.run_id),
            DETAIL = 'It looks at rows that an earlier difference can change.',
            HINT = format('CALL moderation.rescan(%L) again; what was done is not lost.', run.relation::text);
    END IF;
    IF run.relation IS NULL THEN
        judged := 0;
        RETURN;
    END IF;
    SELECT * INTO attached FROM moderation.attached_columns(run.relation) a;
    attached.fields := coalesce(attached.fields, '{}');
    IF attached.key IS DISTINCT FROM run.key OR attached.fields IS DISTINCT FROM run.fields THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the attachment of %s has changed since rescan %s began', run.relation, run.run_id),
            DETAIL = 'Other columns are watched, or none.',
            HINT = format('Drop the run with moderation.drop_backtest(%s), then rescan again.', run.run_id);
    END IF;
    PERFORM moderation.rescanning(rescan.source_id);
    EXECUTE format(
        'WITH again AS (UPDATE %1$s AS s SET %2$I = s.%2$I WHERE %3$s%4$s RETURNING s.%5$I::text AS content_key, %6$s AS digest) '
        'SELECT array_agg(content_key), array_agg(digest) FROM again',
        run.relation, coalesce(attached.verdict, attached.fields[1], attached.images[1]),
        CASE WHEN rescan.delta IS NULL THEN 'true' ELSE
            -- Terms hit nothing in a table without texts.
            (SELECT coalesce('(' || string_agg(format('s.%I OPERATOR(moderation.@~) $1', f), ' OR ' ORDER BY n) || ')', 'false')
             FROM unnest(run.fields) WITH ORDINALITY u(f, n)) END,
        coalesce(' AND ' || condition, ''), run.key,
        -- Of a row with images only the trigger knows the digest.
        CASE WHEN attached.images IS NOT NULL THEN 'NULL::bytea' ELSE
            (SELECT format('moderation.content_digest(%s)', string_agg(format('s.%I::text', f), ', ' ORDER BY n))
             FROM unnest(run.fields) WITH ORDINALITY u(f, n)) END)
    INTO keys, digests USING rescan.delta;
    PERFORM moderation.rescanning(NULL);
    IF keys IS NOT NULL THEN
        PERFORM moderation.withdraw_stale(rescan.source_id, keys, digests, format('rescan %s', run.run_id));
    END IF;
    judged := coalesce(cardinality(keys), 0);
END
$fn$;
COMMENT ON FUNCTION moderation.rescan_chunk(moderation.backtest_runs, moderation.rescan_runs, text) IS 'Internal: has the rows of a chunk that the difference can change judged again, with the caller''s rights on the table.';

CREATE FUNCTION moderation.finish_rescan(run_id bigint) RETURNS void
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
        INSERT INTO moderation.rescan_states (source_id, package_id, release)
        SELECT done.source_id, t.key::integer, t.value::integer FROM jsonb_each_text(done.targets) t
        ON CONFLICT ON CONSTRAINT rescan_states_pkey DO UPDATE SET release = excluded.release;
        PERFORM moderation.audit('rescan', NULL, jsonb_build_object('run_id', done.run_id, 'state', 'begun'),
            jsonb_build_object('run_id', done.run_id, 'state', 'done', 'rows_written',
                (SELECT sum(c.rows) FROM moderation.backtest_chunks c WHERE c.run_id = done.run_id)), NULL);
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.finish_rescan(bigint) IS 'Internal: notes that every row of the source is judged by what was live when the run began.';

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
BEGIN
    COMMIT;
    WHILE moderation.work_chunk(run, since) LOOP
        COMMIT;
    END LOOP;
    PERFORM moderation.finish_rescan(run);
    COMMIT;
END
$fn$;
COMMENT ON PROCEDURE moderation.rescan(regclass, integer) IS 'Judges stored rows of an attached table again by what is live now, as far as the difference to what judged them can change them: hits are recorded, verdict columns rewritten, hits whose cause is gone withdrawn. One transaction a chunk; call it again after a cancel, crash or failed chunk. Rows are flagged, never kept out or refused. Not inside a transaction block.';

CREATE VIEW moderation.rescan_status WITH (security_barrier) AS
    SELECT s.relation AS source, p.name AS package, nullif(k.release, 0) AS rows_judged_by,
           nullif(coalesce(moderation.mostly_live(p.package_id), 0), 0) AS live,
           k.release IS NOT DISTINCT FROM coalesce(moderation.mostly_live(p.package_id), 0) AS is_current
    FROM moderation.sources s CROSS JOIN moderation.packages p
    LEFT JOIN moderation.rescan_states k ON k.source_id = s.source_id AND k.package_id = p.package_id
    WHERE s.detached_at IS NULL AND p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]);
COMMENT ON VIEW moderation.rescan_status IS 'With which release of each package every row of an attached table was judged at least, and whether that is what is live; if not, CALL moderation.rescan(source).';
