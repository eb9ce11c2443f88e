-- Long backtests: cut into chunks, one transaction each, so that a cancel, a restart or a crash loses one chunk at most.
--
-- A chunk is a range of keys. Several sessions may run the same run: each takes the next chunk with SKIP LOCKED. Nothing
-- but the chunk's own row is locked; the source is read like any SELECT reads it.

CREATE TABLE moderation.backtest_runs (
    run_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package         text,
    release         integer,
    draft_key       uuid,
    against         integer,
    relation        regclass,
    query           text,
    source_id       integer,
    key             name NOT NULL,
    key_type        regtype,
    fields          name[] NOT NULL,
    media           name[] NOT NULL DEFAULT '{}',
    owner           name,
    sample          double precision,
    caller_path     text NOT NULL,
    rows_planned    bigint NOT NULL,
    started_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_by      text NOT NULL
);
COMMENT ON TABLE moderation.backtest_runs IS 'Backtests that are kept and can be resumed: what is compared, over which rows.';
COMMENT ON COLUMN moderation.backtest_runs.package IS 'NULL: the run is a rescan.';
COMMENT ON COLUMN moderation.backtest_runs.release IS 'The candidate; NULL: the draft in the state that draft_key names.';
COMMENT ON COLUMN moderation.backtest_runs.against IS 'The release compared with, fixed when the run began; NULL: nothing was live.';
COMMENT ON COLUMN moderation.backtest_runs.key_type IS 'Type of the key when its ranges can be compared by text; NULL: the run has one chunk.';
COMMENT ON COLUMN moderation.backtest_runs.caller_path IS 'search_path of whoever began the run: the query''s names mean what they meant then.';

CREATE TABLE moderation.backtest_chunks (
    run_id          bigint NOT NULL,
    chunk           integer NOT NULL,
    above           text,
    up_to           text,
    rows_planned    bigint NOT NULL,
    state           text NOT NULL DEFAULT 'pending' CHECK (state = ANY (ARRAY['pending', 'done', 'failed'])),
    attempts        integer NOT NULL DEFAULT 0,
    rows            bigint,
    started_at      timestamptz,
    finished_at     timestamptz,
    error_code      text,
    error           text,
    PRIMARY KEY (run_id, chunk)
);
COMMENT ON TABLE moderation.backtest_chunks IS 'The chunks of runs. The session at work on one holds its row lock; a failed one is tried again by the next call of run_backtest().';
COMMENT ON COLUMN moderation.backtest_chunks.above IS 'Keys after this one, up to and including up_to; NULL: no bound.';

CREATE TABLE moderation.backtest_results (
    run_id          bigint NOT NULL,
    chunk           integer NOT NULL,
    content_key     text,
    change          moderation.verdict_change NOT NULL,
    action_before   moderation.action,
    action_after    moderation.action,
    score_before    real,
    score_after     real,
    verdict_before  moderation.action,
    verdict_after   moderation.action,
    items_before    bigint[],
    items_after     bigint[],
    culprits        bigint[],
    needed          bigint[],
    result_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY
);
CREATE INDEX backtest_results_run_idx ON moderation.backtest_results (run_id, change);
COMMENT ON TABLE moderation.backtest_results IS 'What runs found: rows as of backtest_package().';

CREATE FUNCTION moderation.create_run(run moderation.backtest_runs, bounds text[], sizes bigint[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    new_id bigint;
BEGIN
    INSERT INTO moderation.backtest_runs
        (package, release, draft_key, against, relation, query, source_id, key, key_type, fields, media, owner, sample, caller_path,
         rows_planned, started_by)
    SELECT run.package, run.release,
           CASE WHEN run.release IS NULL THEN (SELECT d.draft_key FROM moderation.drafts d WHERE d.package_id = p.package_id) END,
           coalesce(run.against, moderation.mostly_live(p.package_id)),
           run.relation, run.query, run.source_id, run.key, run.key_type, run.fields, run.media, run.owner, run.sample, run.caller_path,
           run.rows_planned, moderation.caller()
    FROM (SELECT 1) one LEFT JOIN moderation.packages p ON p.name = run.package
    RETURNING run_id INTO new_id;
    INSERT INTO moderation.backtest_chunks (run_id, chunk, above, up_to, rows_planned)
    SELECT new_id, u.n, lag(u.bound) OVER (ORDER BY u.n), u.bound, u.size
    FROM unnest(bounds, sizes) WITH ORDINALITY u(bound, size, n);
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.create_run(moderation.backtest_runs, text[], bigint[]) IS 'Internal: stores a planned run and its chunks.';

CREATE FUNCTION moderation.plan_run(
    package text, source moderation.content_source, release integer, against integer, sample double precision,
    chunk_rows integer, caller_path text, is_rescan boolean)
    RETURNS bigint
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD'
    SET IntervalStyle = 'postgres' SET TimeZone = 'UTC' SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $fn$
DECLARE
    run moderation.backtest_runs;
    from_sql text := moderation.source_sql(source);
    total bigint;
    without_key bigint;
    repeated bigint;
    key_type regtype;
    size bigint;
    bounds text[];
    sizes bigint[];
BEGIN
    IF chunk_rows IS NULL OR chunk_rows < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('chunk_rows %s is out of range', coalesce(chunk_rows::text, 'NULL')),
            DETAIL = 'A chunk has at least one row.', HINT = 'Leave it out for 50,000.';
    END IF;
    IF NOT is_rescan THEN
        PERFORM moderation.check_backtest(package, release, against, sample);
    END IF;
    IF source.query IS NOT NULL THEN
        PERFORM set_config('search_path', caller_path, true);
    END IF;
    EXECUTE format('SELECT pg_catalog.pg_typeof((SELECT s.%I FROM %s AS s LIMIT 1))', source.key, from_sql) INTO key_type;
    EXECUTE format('SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE s.%I IS NULL) FROM %s AS s', source.key, from_sql)
    INTO total, without_key;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    IF without_key > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = format('%s of %s rows have no key', without_key, total),
            DETAIL = format('Column "%s" is NULL there; such a content could not be named in the results.', source.key),
            HINT = 'Name a column that is never NULL, or leave these rows out with a query.';
    END IF;
    size := chunk_rows;
    -- Ranges need an order that text and type agree on, and an index, or every chunk reads everything.
    IF NOT EXISTS (SELECT FROM pg_type t WHERE t.oid = key_type AND t.typnamespace = 'pg_catalog'::regnamespace
                   AND t.typtype = 'b' AND EXISTS (SELECT FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod
                       WHERE a.amname = 'btree' AND c.opcdefault AND (c.opcintype = t.oid OR t.typname = 'varchar'))) THEN
        key_type := NULL;
        size := greatest(total, 1);
    ELSIF source.relation IS NOT NULL AND total > size * 8 AND NOT EXISTS (
        SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = source.key
        WHERE i.indrelid = source.relation AND i.indisvalid AND i.indkey[0] = a.attnum AND i.indpred IS NULL) THEN
        size := (total + 7) / 8;
        RAISE NOTICE USING MESSAGE = format('no index on column "%s" of %s: the run has 8 chunks, each reads the whole table',
                                            source.key, source.relation),
            HINT = format('CREATE INDEX ON %s (%I)', source.relation, source.key);
    END IF;
    IF source.query IS NOT NULL THEN
        PERFORM set_config('search_path', caller_path, true);
    END IF;
    -- Rows with the same key have the same place in the order, so they are never torn apart.
    EXECUTE format(
        'SELECT pg_catalog.array_agg(b.k ORDER BY b.n), pg_catalog.max(b.repeated) FROM ('
        'SELECT o.k, o.n, pg_catalog.sum(o.again) OVER () AS repeated, o.last FROM ('
        'SELECT s.%1$I::pg_catalog.text AS k, pg_catalog.row_number() OVER w AS n, '
        'CASE WHEN pg_catalog.row_number() OVER w OPERATOR(pg_catalog.>) pg_catalog.rank() OVER w THEN 1 ELSE 0 END AS again, '
        '$1 AS last FROM %2$s AS s WINDOW w AS (ORDER BY s.%1$I)) AS o) AS b '
        'WHERE pg_catalog.mod(b.n, $2) OPERATOR(pg_catalog.=) 0 OR b.n OPERATOR(pg_catalog.=) b.last',
        source.key, from_sql)
    INTO bounds, repeated USING total, size;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    IF repeated > 0 THEN
        RAISE NOTICE USING MESSAGE = format('%s rows repeat the key of another', repeated),
            DETAIL = 'Each is judged by itself; results that name the key cannot tell them apart.';
    END IF;
    IF total > 0 THEN
        SELECT array_agg(least(size, total - size * (n - 1)) ORDER BY n) INTO sizes FROM generate_series(1, cardinality(bounds)) n;
        IF key_type IS NULL THEN
            bounds := ARRAY[NULL::text];
            sizes := ARRAY[total];
        ELSE
            -- The last chunk is open: what is inserted meanwhile is looked at too.
            bounds[cardinality(bounds)] := NULL;
        END IF;
    END IF;
    run.package := package;
    run.release := release;
    run.against := against;
    run.relation := source.relation;
    run.query := source.query;
    run.source_id := source.source_id;
    run.key := source.key;
    run.key_type := key_type;
    run.fields := source.fields;
    run.media := coalesce(source.media, '{}');
    run.owner := source.owner;
    run.sample := sample;
    run.caller_path := caller_path;
    run.rows_planned := total;
    RETURN moderation.create_run(run, coalesce(bounds, '{}'), coalesce(sizes, '{}'));
END
$fn$;
COMMENT ON FUNCTION moderation.plan_run(text, moderation.content_source, integer, integer, double precision, integer, text, boolean) IS 'Internal: cuts a source into chunks of keys.';

CREATE FUNCTION moderation.start_backtest(
    package text, source text, key name DEFAULT NULL, fields name[] DEFAULT NULL, release integer DEFAULT NULL,
    against integer DEFAULT NULL, sample double precision DEFAULT NULL, chunk_rows integer DEFAULT 50000,
    labels_of regclass DEFAULT NULL, owner name DEFAULT NULL)
    RETURNS bigint LANGUAGE sql
    BEGIN ATOMIC
        SELECT moderation.plan_run(package, moderation.resolve_source(source, key, fields, labels_of, owner, current_setting('search_path')),
                                   release, against, sample, chunk_rows, current_setting('search_path'), false);
    END;
COMMENT ON FUNCTION moderation.start_backtest(text, text, name, name[], integer, integer, double precision, integer, regclass, name) IS 'Plans a backtest of any length, cut into chunks of keys, and returns its run id; CALL run_backtest(run_id) does the work.';

CREATE FUNCTION moderation.own_run(run_id bigint) RETURNS moderation.backtest_runs
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    run moderation.backtest_runs;
BEGIN
    SELECT * INTO run FROM moderation.backtest_runs r WHERE r.run_id = own_run.run_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('there is no backtest run %s', coalesce(own_run.run_id::text, 'NULL')),
            DETAIL = 'No run has this number.', HINT = 'Runs are listed in moderation.backtest_progress.';
    END IF;
    IF run.started_by <> moderation.caller()
       -- Runs of a role that was dropped are left to superusers.
       AND NOT coalesce(pg_has_role(moderation.caller(), to_regrole(quote_ident(run.started_by)), 'MEMBER'),
                        (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = moderation.caller()), false) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('permission denied for backtest run %s', run.run_id),
            DETAIL = 'It was started by another role, whose rights it reads with.',
            HINT = 'Start one of your own with moderation.start_backtest().';
    END IF;
    RETURN run;
END
$fn$;
COMMENT ON FUNCTION moderation.own_run(bigint) IS 'Internal: a run that the caller may work on.';

CREATE FUNCTION moderation.claim_chunk(run_id bigint, since timestamptz) RETURNS moderation.backtest_chunks
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    claimed moderation.backtest_chunks;
BEGIN
    PERFORM moderation.own_run(run_id);
    -- Tells the progress view that somebody is at work.
    PERFORM pg_advisory_xact_lock_shared(hashtext('moderation.backtest_runs'), claim_chunk.run_id::integer);
    SELECT * INTO claimed FROM moderation.backtest_chunks c
    WHERE c.run_id = claim_chunk.run_id
      AND (c.state = 'pending' OR (c.state = 'failed' AND c.finished_at < since))
    ORDER BY c.state DESC, c.chunk FOR UPDATE SKIP LOCKED LIMIT 1;
    RETURN claimed;
END
$fn$;
COMMENT ON FUNCTION moderation.claim_chunk(bigint, timestamptz) IS 'Internal: the next chunk of a run that nobody works on, locked; one that failed only if that was before this call began.';

CREATE FUNCTION moderation.finish_chunk(
    run_id bigint, chunk integer, started_at timestamptz, judged bigint, rows moderation.backtest_row[], error_code text,
    error text)
    RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    PERFORM moderation.own_run(run_id);
    INSERT INTO moderation.backtest_results
    SELECT finish_chunk.run_id, finish_chunk.chunk, r.* FROM unnest(finish_chunk.rows) r;
    UPDATE moderation.backtest_chunks c
    SET state = CASE WHEN finish_chunk.error_code IS NULL THEN 'done' ELSE 'failed' END, attempts = c.attempts + 1,
        rows = judged, started_at = finish_chunk.started_at, finished_at = clock_timestamp(),
        error_code = finish_chunk.error_code, error = finish_chunk.error
    WHERE c.run_id = finish_chunk.run_id AND c.chunk = finish_chunk.chunk AND c.state <> 'done';
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('chunk %s of backtest run %s is done already', chunk, run_id),
            DETAIL = 'Its rows are stored once.', HINT = 'Work on runs with CALL moderation.run_backtest(run_id).';
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.finish_chunk(bigint, integer, timestamptz, bigint, moderation.backtest_row[], text, text) IS 'Internal: stores what a chunk gave, or why it failed.';

CREATE FUNCTION moderation.run_source(run moderation.backtest_runs) RETURNS moderation.content_source
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    RETURN ROW(run.relation, run.query, run.source_id, run.key, run.fields, run.media, run.owner)::moderation.content_source;
COMMENT ON FUNCTION moderation.run_source(moderation.backtest_runs) IS 'Internal: the source of a run.';

CREATE FUNCTION moderation.current_draft_key(package text) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT d.draft_key FROM moderation.drafts d JOIN moderation.packages p ON p.package_id = d.package_id
        WHERE p.name = current_draft_key.package;
    END;
COMMENT ON FUNCTION moderation.current_draft_key(text) IS 'Internal: names the state of a package''s draft.';

CREATE FUNCTION moderation.judge_chunk(
    run moderation.backtest_runs, piece moderation.backtest_chunks, OUT judged bigint, OUT rows moderation.backtest_row[])
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD'
    SET IntervalStyle = 'postgres' SET TimeZone = 'UTC' SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $fn$
DECLARE
    condition text;
BEGIN
    IF run.package IS NOT NULL AND run.release IS NULL AND run.draft_key IS DISTINCT FROM moderation.current_draft_key(run.package) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the draft of package "%s" has changed since run %s began', run.package, run.run_id),
            DETAIL = 'The chunks of one run would be judged by different drafts.',
            HINT = 'Start a new run, or publish the draft with stage => ''shadow'' and backtest that release.';
    END IF;
    IF run.query IS NULL AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = run.relation) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_table',
            MESSAGE = format('the table of backtest run %s does not exist any more', run.run_id),
            DETAIL = 'It was dropped after the run began.', HINT = 'Results so far stay; start another run.';
    END IF;
    SELECT string_agg(format('s.%I OPERATOR(pg_catalog.%s) %L::%s', run.key, b.operator, b.bound, run.key_type), ' AND ')
    INTO condition FROM (VALUES ('>', piece.above), ('<=', piece.up_to)) b(operator, bound) WHERE b.bound IS NOT NULL;
    IF run.package IS NULL THEN
        SELECT c.judged, c.rows INTO judged, rows FROM moderation.rescan_chunk(run, moderation.rescan_of(run.run_id), condition) c;
        RETURN;
    END IF;
    SELECT j.judged, j.rows INTO judged, rows FROM moderation.judge_rows(run, condition) j;
END
$fn$;
COMMENT ON FUNCTION moderation.judge_chunk(moderation.backtest_runs, moderation.backtest_chunks) IS 'Internal: works on the rows of a chunk as the caller.';

-- STABLE, so that PostgreSQL refuses a query that writes.
CREATE FUNCTION moderation.judge_rows(
    run moderation.backtest_runs, condition text, OUT judged bigint, OUT rows moderation.backtest_row[])
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD'
    SET IntervalStyle = 'postgres' SET TimeZone = 'UTC' SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $fn$
DECLARE
    source moderation.content_source := moderation.run_source(run);
BEGIN
    IF run.query IS NOT NULL THEN
        PERFORM set_config('search_path', run.caller_path, true);
    END IF;
    EXECUTE format(
        'SELECT pg_catalog.count(*), pg_catalog.array_agg(ROW(%s)::moderation.backtest_row) FILTER (WHERE (j.v).change IS NOT NULL) '
        'FROM %s AS j', moderation.backtest_row_sql(), moderation.judged_sql(source, run.sample, condition))
    INTO judged, rows USING run.package, run.release, run.against, run.sample;
END
$fn$;
COMMENT ON FUNCTION moderation.judge_rows(moderation.backtest_runs, text) IS 'Internal: judges rows of a run as the caller.';

CREATE FUNCTION moderation.work_chunk(run_id bigint, since timestamptz) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    run moderation.backtest_runs := moderation.own_run(run_id);
    piece moderation.backtest_chunks := moderation.claim_chunk(run_id, since);
    began timestamptz := clock_timestamp();
    judged record;
    message text;
BEGIN
    IF piece.chunk IS NULL THEN
        RETURN false;
    END IF;
    BEGIN
        SELECT * INTO judged FROM moderation.judge_chunk(run, piece);
        PERFORM moderation.finish_chunk(run_id, piece.chunk, began, judged.judged, judged.rows, NULL, NULL);
    EXCEPTION WHEN OTHERS THEN
        -- A cancel is not caught: it ends the call.
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
        RAISE WARNING USING
            MESSAGE = format('chunk %s of %s %s failed: %s', piece.chunk, CASE WHEN run.package IS NULL THEN 'rescan' ELSE 'backtest run' END,
                             run_id, message),
            HINT = format('The others go on; the next CALL moderation.%s tries it again.',
                          CASE WHEN run.package IS NULL THEN format('rescan(%L)', run.relation) ELSE format('run_backtest(%s)', run_id) END);
        PERFORM moderation.finish_chunk(run_id, piece.chunk, began, NULL, NULL, SQLSTATE, message);
    END;
    RETURN true;
END
$fn$;
COMMENT ON FUNCTION moderation.work_chunk(bigint, timestamptz) IS 'Internal: one chunk of a run; false when none is left.';

-- A procedure that commits can neither pin search_path nor change its rights: everything in it is qualified, and there is
-- no operator in it.
CREATE PROCEDURE moderation.run_backtest(run_id bigint)
    LANGUAGE plpgsql
AS $fn$
DECLARE
    since pg_catalog.timestamptz := pg_catalog.clock_timestamp();
BEGIN
    WHILE moderation.work_chunk(run_id, since) LOOP
        COMMIT;
    END LOOP;
    COMMIT;
END
$fn$;
COMMENT ON PROCEDURE moderation.run_backtest(bigint) IS 'Works on a run, one transaction a chunk, until no chunk is left. After a cancel, a crash or a failed chunk, call it again; call it from several sessions to work in parallel. Not inside a transaction block.';

CREATE VIEW moderation.backtest_progress WITH (security_barrier) AS
    SELECT r.run_id, CASE WHEN r.package IS NULL THEN 'rescan' ELSE 'backtest' END AS kind, r.package, r.release, r.against, coalesce(r.relation::text, r.query) AS source, r.sample,
           CASE WHEN c.left_over = 0 THEN 'done' WHEN w.workers > 0 THEN 'running' WHEN c.failed = c.left_over THEN 'failed'
                ELSE 'stopped' END AS state,
           w.workers, c.chunks, c.done AS chunks_done, c.failed AS chunks_failed, r.rows_planned, c.rows_done,
           c.rows_done / nullif(c.seconds, 0) AS rows_per_second,
           CASE WHEN c.rows_left = 0 THEN interval '0' ELSE
               make_interval(secs => c.rows_left * c.seconds / nullif(c.rows_done, 0) / greatest(w.workers, 1)) END AS time_left,
           (SELECT count(*) FROM moderation.backtest_results b WHERE b.run_id = r.run_id AND b.change = 'gained') AS gained,
           (SELECT count(*) FROM moderation.backtest_results b WHERE b.run_id = r.run_id AND b.change = 'lost') AS lost,
           c.last_error, r.started_at, c.finished_at, r.started_by
    FROM moderation.backtest_runs r
    CROSS JOIN LATERAL (
        SELECT count(*) AS chunks, count(*) FILTER (WHERE k.state = 'done') AS done,
               count(*) FILTER (WHERE k.state = 'failed') AS failed, count(*) FILTER (WHERE k.state <> 'done') AS left_over,
               coalesce(sum(k.rows_planned) FILTER (WHERE k.state = 'done'), 0)::bigint AS rows_done,
               coalesce(sum(k.rows_planned) FILTER (WHERE k.state <> 'done'), 0)::bigint AS rows_left,
               sum(EXTRACT(epoch FROM k.finished_at - k.started_at)) FILTER (WHERE k.state = 'done')::double precision AS seconds,
               (array_agg(k.error ORDER BY k.finished_at DESC) FILTER (WHERE k.state = 'failed'))[1] AS last_error,
               max(k.finished_at) AS finished_at
        FROM moderation.backtest_chunks k WHERE k.run_id = r.run_id) c
    CROSS JOIN LATERAL (
        SELECT count(*) AS workers FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
          AND l.classid = (hashtext('moderation.backtest_runs')::bigint & 4294967295)::oid AND l.objid = (r.run_id & 4294967295)::oid
          AND l.objsubid = 2 AND l.granted) w
    -- Also when the package is gone by that name; the query and the errors are of whoever started it.
    WHERE moderation.caller_is('admin') OR EXISTS (SELECT FROM pg_roles o WHERE o.rolname = r.started_by AND pg_has_role(o.oid, 'MEMBER'));
COMMENT ON VIEW moderation.backtest_progress IS 'Runs and how far they are: rows and chunks done, rate of one worker in rows a second, time left with the sessions now at work (of one when there is none), the newest error.';

CREATE FUNCTION moderation.run_rows(run_id bigint) RETURNS SETOF moderation.backtest_row
    LANGUAGE sql STABLE SECURITY DEFINER ROWS 10000 SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT b.content_key, b.change, b.action_before, b.action_after, b.score_before, b.score_after, b.verdict_before,
               b.verdict_after, b.items_before, b.items_after, b.culprits, b.needed
        FROM moderation.backtest_results b
        WHERE b.run_id = (moderation.own_run(run_rows.run_id)).run_id;
    END;
COMMENT ON FUNCTION moderation.run_rows(bigint) IS 'What a run has found so far, as backtest_package() returns it.';

CREATE FUNCTION moderation.summarise_run(run moderation.backtest_runs) RETURNS SETOF moderation.backtest_item
    LANGUAGE sql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT s.* FROM moderation.summarise_rows(
            moderation.run_source(run), run.package, run.release, coalesce(run.against, 0), run.sample, run.caller_path, run.run_id) s;
    END;
COMMENT ON FUNCTION moderation.summarise_run(moderation.backtest_runs) IS 'Internal: what backtest_summary(run_id) returns.';

CREATE FUNCTION moderation.backtest_summary(run_id bigint) RETURNS SETOF moderation.backtest_item
    LANGUAGE sql STABLE ROWS 100
    BEGIN ATOMIC
        SELECT s.* FROM moderation.summarise_run(moderation.own_run(run_id)) s;
    END;
COMMENT ON FUNCTION moderation.backtest_summary(bigint) IS 'The summary of what a run has found so far.';

CREATE FUNCTION moderation.backtest_estimate(
    run_id bigint, OUT change moderation.verdict_change, OUT contents bigint, OUT judged bigint, OUT share double precision,
    OUT share_low double precision, OUT share_high double precision, OUT total_low bigint, OUT total_high bigint)
    RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER ROWS 4 SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT c.change, f.n, j.judged, f.n / nullif(j.judged, 0)::double precision, w.low, w.high,
               floor(w.low * r.rows_planned)::bigint, ceil(w.high * r.rows_planned)::bigint
        FROM moderation.own_run(backtest_estimate.run_id) r
        CROSS JOIN LATERAL (SELECT coalesce(sum(k.rows), 0)::bigint AS judged FROM moderation.backtest_chunks k
                            WHERE k.run_id = r.run_id AND k.state = 'done') j
        CROSS JOIN unnest(enum_range(NULL::moderation.verdict_change)) AS c(change)
        CROSS JOIN LATERAL (SELECT count(*) AS n FROM moderation.backtest_results b
                            WHERE b.run_id = r.run_id AND b.change = c.change) f
        CROSS JOIN LATERAL moderation.wilson_interval(f.n, j.judged) w
        ORDER BY c.change;
    END;
COMMENT ON FUNCTION moderation.backtest_estimate(bigint) IS 'What a run, usually a sample, says of all rows: per change the share of the contents judged, with its Wilson 95 % interval, and between how many contents that is of all.';

CREATE FUNCTION moderation.drop_backtest(run_id bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    gone moderation.backtest_runs := moderation.own_run(run_id);
BEGIN
    DELETE FROM moderation.backtest_results b WHERE b.run_id = drop_backtest.run_id;
    DELETE FROM moderation.backtest_chunks c WHERE c.run_id = drop_backtest.run_id;
    DELETE FROM moderation.backtest_runs r WHERE r.run_id = drop_backtest.run_id;
    PERFORM moderation.audit('drop_backtest', gone.package, jsonb_strip_nulls(to_jsonb(gone)), NULL, NULL);
END
$fn$;
COMMENT ON FUNCTION moderation.drop_backtest(bigint) IS 'Forgets a run and its results.';
