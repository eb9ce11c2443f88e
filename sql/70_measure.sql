-- Recording what was judged; retention; the interval of a proportion. Reviews: 71_review.sql; figures: 72_statistics.sql.

-- enable_seqscan = off: planned while the ring is empty, the look-up would stay a scan of all hits until the next ANALYZE.
CREATE FUNCTION moderation.record_hits(hits jsonb) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $fn$
DECLARE
    content_source integer := (hits->0->>'source_id')::integer;
    key text := hits->0->>'content_key';
    content_digest bytea := decode(hits->0->>'digest', 'hex');
    known text[];
    written bigint;
BEGIN
    IF key IS NULL THEN
        known := ARRAY(SELECT concat_ws('/', h.package_id, h.release, h.stage, h.item_id) FROM moderation.hits h
                       WHERE h.source_id = content_source AND left(h.content_key, 200) IS NULL
                         AND h.digest = content_digest);
    ELSE
        known := ARRAY(SELECT concat_ws('/', h.package_id, h.release, h.stage, h.item_id) FROM moderation.hits h
                       WHERE h.source_id = content_source AND left(h.content_key, 200) = left(key, 200) AND h.content_key = key
                         AND h.digest = content_digest);
    END IF;
    INSERT INTO moderation.hits
        (bucket, hit_id, observed_at, source_id, content_key, owner_key, created_at, digest, set_hash, package_id, release,
         stage, item_id, kind, action, outcome, field, span_start, span_length, places, matched, level, steps, score,
         distance, material_percent, content_percent, time_ranges)
    SELECT moderation.ring_bucket(n.observed_at), n.hit_id, n.observed_at, n.source_id, n.content_key, n.owner_key,
           n.created_at, decode(n.digest, 'hex'), decode(n.set_hash, 'hex'), n.package_id, n.release, n.stage, n.item_id,
           n.kind, n.action, n.outcome, n.field, n.span_start, n.span_length, n.places, n.matched, n.level, n.steps, n.score,
           n.distance, n.material_percent, n.content_percent, n.time_ranges
    FROM jsonb_to_recordset(record_hits.hits) AS n (
        hit_id uuid, observed_at timestamptz, source_id integer, content_key text, owner_key text, created_at timestamptz,
        digest text, set_hash text, package_id integer, release integer, stage moderation.stage, item_id bigint,
        kind moderation.item_kind, action moderation.action, outcome moderation.outcome, field text, span_start integer,
        span_length integer, places integer, matched text, level moderation.match_level, steps text[], score real,
        distance smallint, material_percent real, content_percent real, time_ranges nummultirange)
    WHERE concat_ws('/', n.package_id, n.release, n.stage, n.item_id) <> ALL (known)
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END
$fn$;
COMMENT ON FUNCTION moderation.record_hits(jsonb) IS 'Internal: writes the hits of one content, once per digest, release and item, however often the same ones arrive.';

CREATE FUNCTION moderation.collect_spooled(spooled text) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    records jsonb := spooled::jsonb;
BEGIN
    PERFORM moderation.record_hits(records->'hits');
    IF jsonb_typeof(records->'exposure') = 'object' THEN
        PERFORM moderation.record_exposure(records->'exposure');
    END IF;
    RETURN NULL;
EXCEPTION
    -- What no later try will make better: a value that the table or its indexes cannot hold.
    WHEN data_exception OR integrity_constraint_violation OR program_limit_exceeded THEN
        RETURN SQLERRM;
END
$fn$;
COMMENT ON FUNCTION moderation.collect_spooled(text) IS 'Internal: writes the hits and the exposure of a rejected row; returns why the database refuses them, NULL when they are in.';

CREATE FUNCTION moderation.record_exposure(exposure jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $fn$
DECLARE
    e record;
BEGIN
    SELECT n.*, decode(n.digest, 'hex') AS digest_bytes, decode(n.set_hash, 'hex') AS set_bytes INTO e
    FROM jsonb_to_record(exposure) AS n (
        observed_at timestamptz, source_id integer, content_key text, owner_key text, created_at timestamptz,
        digest text, set_hash text, action moderation.action, weight real);
    IF e.content_key IS NULL OR NOT EXISTS (
        SELECT FROM moderation.exposures x
        WHERE x.source_id = e.source_id AND left(x.content_key, 200) = left(e.content_key, 200)
          AND x.content_key = e.content_key AND x.digest = e.digest_bytes
          AND x.set_hash = e.set_bytes) THEN
        INSERT INTO moderation.exposures
            (bucket, observed_at, source_id, content_key, owner_key, created_at, digest, set_hash, action, weight)
        VALUES (moderation.ring_bucket(e.observed_at), e.observed_at, e.source_id, e.content_key, e.owner_key, e.created_at,
                e.digest_bytes, e.set_bytes, e.action, e.weight);
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.record_exposure(jsonb) IS 'Internal: writes the sampled fact that a content was judged, once per content, digest and compiled set.';

CREATE FUNCTION moderation.expire_records(keep interval, OUT hits bigint, OUT exposures bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    cutoff timestamptz := now() - keep;
    ring text;
    bucket text;
    newest timestamptz;
    gone bigint;
BEGIN
    IF keep IS NULL OR keep < interval '28 days' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'keep must be at least 28 days',
            DETAIL = 'Records are kept in buckets of 28 days and leave bucket by bucket.',
            HINT = 'For example expire_records(keep => interval ''90 days'').';
    END IF;
    hits := 0;
    exposures := 0;
    FOR ring, bucket IN
        SELECT r, lpad(i::text, 2, '0') FROM unnest(ARRAY['hits', 'exposures']) r, generate_series(0, 15) i
    LOOP
        EXECUTE format('SELECT max(observed_at), count(*) FROM moderation.%I', ring || '_' || bucket) INTO newest, gone;
        IF newest < cutoff THEN
            EXECUTE format('TRUNCATE moderation.%I', ring || '_' || bucket);
        ELSE
            -- Only when nobody expired anything for a whole turn of the ring do old and new share a bucket.
            EXECUTE format('DELETE FROM moderation.%I WHERE observed_at < $1', ring || '_' || bucket)
            USING least(cutoff, newest - interval '28 days');
            GET DIAGNOSTICS gone = ROW_COUNT;
        END IF;
        IF ring = 'hits' THEN hits := hits + gone; ELSE exposures := exposures + gone; END IF;
    END LOOP;
    PERFORM moderation.audit('expire_records', NULL, jsonb_build_object('hits', hits, 'exposures', exposures),
        jsonb_build_object('keep', keep), NULL)
    WHERE hits + exposures > 0;
END
$fn$;
COMMENT ON FUNCTION moderation.expire_records(interval) IS 'Retention: empties every bucket of hits and exposures whose newest row is older than keep; returns how many rows went.';

CREATE FUNCTION moderation.wilson_interval(
    successes bigint, trials bigint, z double precision DEFAULT 1.959963984540054,
    OUT low double precision, OUT high double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
        SELECT CASE WHEN trials > 0 THEN greatest(0.0, c.centre - c.half) END,
               CASE WHEN trials > 0 THEN least(1.0, c.centre + c.half) END
        FROM (SELECT (p.p + z * z / (2.0::double precision * p.n)) / (1.0::double precision + z * z / p.n),
                     z * sqrt(p.p * (1.0::double precision - p.p) / p.n + z * z / (4.0::double precision * p.n * p.n))
                     / (1.0::double precision + z * z / p.n)
              FROM (SELECT successes::double precision / nullif(trials, 0), nullif(trials, 0)::double precision) AS p (p, n)
             ) AS c (centre, half);
    END;
COMMENT ON FUNCTION moderation.wilson_interval(bigint, bigint, double precision) IS 'Wilson score interval of a proportion (E. B. Wilson, JASA 22, 1927); 95 % by default; NULL without trials.';

-- The limits one by one and in closed form, for views of thousands of rows: these are inlined, the function above is called.
CREATE FUNCTION moderation.wilson_low(successes bigint, trials bigint) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN greatest(0.0::double precision, (successes + 1.920729410347062::double precision
        - 1.959963984540054::double precision * sqrt(successes * (1.0::double precision - successes / nullif(trials, 0)::double precision) + 0.960364705173531::double precision))
        / (nullif(trials, 0) + 3.841458820694124::double precision)) * nullif(trials, 0) / nullif(trials, 0);
COMMENT ON FUNCTION moderation.wilson_low(bigint, bigint) IS 'Lower limit of wilson_interval() at 95 %.';

CREATE FUNCTION moderation.wilson_high(successes bigint, trials bigint) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN least(1.0::double precision, (successes + 1.920729410347062::double precision
        + 1.959963984540054::double precision * sqrt(successes * (1.0::double precision - successes / nullif(trials, 0)::double precision) + 0.960364705173531::double precision))
        / (nullif(trials, 0) + 3.841458820694124::double precision)) * nullif(trials, 0) / nullif(trials, 0);
COMMENT ON FUNCTION moderation.wilson_high(bigint, bigint) IS 'Upper limit of wilson_interval() at 95 %.';
