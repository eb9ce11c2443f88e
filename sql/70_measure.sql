-- Recording, reviews and statistics.

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
         stage, item_id, kind, action, outcome, field, span_start, span_length, places, matched, level, steps, score)
    SELECT moderation.ring_bucket(n.observed_at), n.hit_id, n.observed_at, n.source_id, n.content_key, n.owner_key,
           n.created_at, decode(n.digest, 'hex'), decode(n.set_hash, 'hex'), n.package_id, n.release, n.stage, n.item_id,
           n.kind, n.action, n.outcome, n.field, n.span_start, n.span_length, n.places, n.matched, n.level, n.steps, n.score
    FROM jsonb_to_recordset(record_hits.hits) AS n (
        hit_id uuid, observed_at timestamptz, source_id integer, content_key text, owner_key text, created_at timestamptz,
        digest text, set_hash text, package_id integer, release integer, stage moderation.stage, item_id bigint,
        kind moderation.item_kind, action moderation.action, outcome moderation.outcome, field text, span_start integer,
        span_length integer, places integer, matched text, level moderation.match_level, steps text[], score real)
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

CREATE FUNCTION moderation.record_review(
    source regclass, content_key text, label moderation.review_label, policy text DEFAULT NULL, note text DEFAULT NULL,
    hit uuid DEFAULT NULL)
    RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_source integer;
    found_policy integer;
    new_id bigint;
BEGIN
    SELECT s.source_id INTO found_source FROM moderation.sources s WHERE s.relation = record_review.source;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('table %s was never attached', coalesce(record_review.source::text, 'NULL')),
            DETAIL = 'Reviews judge contents of attached tables.',
            HINT = 'Attached tables are listed in moderation.attachments.';
    END IF;
    IF record_review.content_key IS NULL OR record_review.label IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'a review needs a content key and a label',
            DETAIL = 'One of them is NULL.',
            HINT = 'For example record_review(''ads'', ''42'', label => ''benign'').';
    END IF;
    IF record_review.policy IS NOT NULL THEN
        SELECT p.policy_id INTO found_policy FROM moderation.policies p WHERE p.name = record_review.policy;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'undefined_object',
                MESSAGE = format('policy "%s" does not exist', record_review.policy),
                DETAIL = 'A review may name the policy it applies.',
                HINT = 'Policies are listed in moderation.policies.';
        END IF;
    END IF;
    PERFORM moderation.collect_rejected();
    IF record_review.hit IS NOT NULL AND NOT EXISTS (
        SELECT FROM moderation.hits h WHERE h.hit_id = record_review.hit AND h.source_id = found_source
          AND h.content_key = record_review.content_key) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('content %s has no hit %s', record_review.content_key, record_review.hit),
            DETAIL = 'A review of a hit names the content that the hit belongs to.',
            HINT = 'Hits are listed in moderation.recent_hits.';
    END IF;
    INSERT INTO moderation.reviews (source_id, content_key, hit_id, label, policy_id, note, reviewed_by)
    VALUES (found_source, record_review.content_key, record_review.hit, record_review.label, found_policy,
            record_review.note, moderation.caller())
    RETURNING review_id INTO new_id;
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.record_review(regclass, text, moderation.review_label, text, text, uuid) IS 'Records a human''s label of a content, or of one of its hits; returns the review id.';

CREATE FUNCTION moderation.record_review(
    source regclass, content_key bigint, label moderation.review_label, policy text DEFAULT NULL, note text DEFAULT NULL,
    hit uuid DEFAULT NULL)
    RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, pg_temp
    RETURN moderation.record_review(source, content_key::text, label, policy, note, hit);
COMMENT ON FUNCTION moderation.record_review(regclass, bigint, moderation.review_label, text, text, uuid) IS 'The same for tables with integer keys.';

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

CREATE TYPE moderation.package_figures AS (
    package text, stage moderation.stage, release integer, hits bigint, contents bigint, owners bigint, reviewed bigint,
    true_positives bigint, false_positives bigint, unsure bigint, precision double precision, precision_low double precision,
    precision_high double precision, last_hit timestamptz);
COMMENT ON TYPE moderation.package_figures IS 'A row of package_stats(). reviewed = true_positives + false_positives + unsure counts contents; precision = TP / (TP + FP) with its Wilson 95 % interval, NULL without labels.';

CREATE FUNCTION moderation.package_stats(
    package text DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL)
    RETURNS SETOF moderation.package_figures
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF package_stats.package IS NOT NULL
       AND NOT EXISTS (SELECT FROM moderation.packages p WHERE p.name = package_stats.package) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" does not exist', package_stats.package),
            DETAIL = 'No package has this name.',
            HINT = 'Packages are listed in moderation.packages; leave the name out for all of them.';
    END IF;
    RETURN QUERY
    WITH wanted AS (
        SELECT p.package_id, p.name FROM moderation.packages p
        WHERE package_stats.package IS NULL OR p.name = package_stats.package
    ), seen AS (
        SELECT h.package_id, h.stage, h.source_id, h.content_key, h.digest, h.hit_id, h.owner_key, h.observed_at
        FROM moderation.hits h
        WHERE h.package_id IN (SELECT w.package_id FROM wanted w)
          AND (package_stats.since IS NULL OR h.observed_at >= package_stats.since)
          AND (package_stats.until IS NULL OR h.observed_at < package_stats.until)
    ), content_label AS (
        SELECT DISTINCT ON (r.source_id, r.content_key) r.source_id, r.content_key, r.label
        FROM moderation.reviews r WHERE r.hit_id IS NULL
        ORDER BY r.source_id, r.content_key, r.review_id DESC
    ), hit_label AS (
        SELECT DISTINCT ON (r.hit_id) r.hit_id, r.label
        FROM moderation.reviews r WHERE r.hit_id IS NOT NULL
        ORDER BY r.hit_id, r.review_id DESC
    ), per_content AS (
        -- A label of one of this package's own hits says more about the package than the label of the whole content.
        SELECT s.package_id, s.stage, s.source_id, coalesce(s.content_key, encode(s.digest, 'hex')) AS content,
               count(*) AS hits, max(s.observed_at) AS last_hit, min(s.owner_key) AS owner_key,
               coalesce(min(hl.label), min(cl.label)) AS label
        FROM seen s
        LEFT JOIN hit_label hl ON hl.hit_id = s.hit_id
        LEFT JOIN content_label cl ON cl.source_id = s.source_id AND cl.content_key = s.content_key
        GROUP BY s.package_id, s.stage, s.source_id, coalesce(s.content_key, encode(s.digest, 'hex'))
    ), summed AS (
        SELECT c.package_id, c.stage, sum(c.hits)::bigint AS hits, count(*) AS contents,
               count(DISTINCT c.owner_key) AS owners, count(c.label) AS reviewed,
               count(*) FILTER (WHERE c.label = 'violating') AS tp, count(*) FILTER (WHERE c.label = 'benign') AS fp,
               count(*) FILTER (WHERE c.label = 'unsure') AS unsure, max(c.last_hit) AS last_hit
        FROM per_content c GROUP BY c.package_id, c.stage
    )
    SELECT w.name, st.stage, f.release, coalesce(s.hits, 0), coalesce(s.contents, 0), coalesce(s.owners, 0),
           coalesce(s.reviewed, 0), coalesce(s.tp, 0), coalesce(s.fp, 0), coalesce(s.unsure, 0),
           s.tp / nullif(s.tp + s.fp, 0)::double precision, i.low, i.high, s.last_hit
    FROM wanted w
    CROSS JOIN unnest(enum_range(NULL::moderation.stage)) AS st(stage)
    LEFT JOIN LATERAL (SELECT d.release FROM moderation.deployments d
                       WHERE d.package_id = w.package_id AND d.stage = st.stage
                       ORDER BY d.deployment_id DESC LIMIT 1) f ON true
    LEFT JOIN summed s ON s.package_id = w.package_id AND s.stage = st.stage
    LEFT JOIN LATERAL moderation.wilson_interval(s.tp, s.tp + s.fp) i ON true
    WHERE f.release IS NOT NULL OR s.hits > 0 OR st.stage = 'live'
    ORDER BY w.name, st.stage DESC;
END
$fn$;
COMMENT ON FUNCTION moderation.package_stats(text, timestamptz, timestamptz) IS 'What each package found in attached tables and what reviewers said of it, live and shadow apart; since is inclusive, until exclusive, both by the time of the hit.';
