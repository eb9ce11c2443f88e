-- Figures of packages.

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
    ), per_content AS (
        -- Labels of the package's own hits say more about it than those of the whole content; see hit_labels.
        SELECT s.package_id, s.stage, s.source_id, coalesce(s.content_key, encode(s.digest, 'hex')) AS content,
               count(*) AS hits, max(s.observed_at) AS last_hit, min(s.owner_key) AS owner_key,
               CASE WHEN min(s.label) = 'violating' OR NOT bool_or(s.disputed) THEN min(s.label) END AS label
        FROM moderation.hit_labels s
        WHERE s.package_id IN (SELECT w.package_id FROM wanted w)
          AND (package_stats.since IS NULL OR s.observed_at >= package_stats.since)
          AND (package_stats.until IS NULL OR s.observed_at < package_stats.until)
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
