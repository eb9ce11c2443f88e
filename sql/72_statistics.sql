-- What packages, items and policies are worth: figures with their intervals, recall from random samples, overlap, what each
-- item adds, alarms. Everything rests on hit_labels (which label counts for a hit) and content_verdicts (did the package act).
-- For dashboards over millions of hits, use the views on the rollups (80_views.sql), not these functions.

CREATE FUNCTION moderation.wilson_share(share double precision, trials double precision, OUT low double precision, OUT high double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
        SELECT CASE WHEN trials > 0 THEN greatest(0.0, c.centre - c.half) ELSE 0 END,
               CASE WHEN trials > 0 THEN least(1.0, c.centre + c.half) ELSE 1 END
        FROM (SELECT (share + z.z * z.z / (2.0::double precision * n.n)) / (1.0::double precision + z.z * z.z / n.n),
                     z.z * sqrt(share * (1.0::double precision - share) / n.n + z.z * z.z / (4.0::double precision * n.n * n.n))
                     / (1.0::double precision + z.z * z.z / n.n)
              FROM (SELECT nullif(trials, 0::double precision)) AS n(n), (SELECT 1.959964::double precision) AS z(z)) AS c(centre, half);
    END;
COMMENT ON FUNCTION moderation.wilson_share(double precision, double precision) IS 'Internal: the Wilson 95 % interval of a weighted share with its effective number of trials (Kish: (sum w)^2 / sum w^2); [0, 1] without trials.';

CREATE FUNCTION moderation.recall_interval(
    found double precision, found_low double precision, found_high double precision,
    missed double precision, missed_low double precision, missed_high double precision,
    OUT recall double precision, OUT low double precision, OUT high double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
        SELECT found / nullif(found + missed, 0.0::double precision),
               coalesce(b.odds_low / (1.0::double precision + b.odds_low), 1.0::double precision),
               coalesce(b.odds_high / (1.0::double precision + b.odds_high), 1.0::double precision)
        FROM (
            -- Odds found : missed. The lower limit is the smaller root of
            -- (found - x missed)^2 = (found - found_low)^2 + x^2 (missed_high - missed)^2; the upper one alike.
            SELECT CASE WHEN q.low_constant <= 0 THEN 0 ELSE q.low_constant / nullif(found * missed + sqrt(greatest(0.0, found * found * missed * missed
                       - (missed * missed - (missed_high - missed) * (missed_high - missed)) * q.low_constant)), 0.0::double precision) END,
                   (found * missed + sqrt(greatest(0.0, found * found * missed * missed
                       - (found * found - (found_high - found) * (found_high - found)) * q.high_constant)))
                       / nullif(q.high_constant, 0.0::double precision)
            FROM (SELECT found_low * (2.0::double precision * found - found_low),
                         missed_low * (2.0::double precision * missed - missed_low)) AS q(low_constant, high_constant)
        ) AS b(odds_low, odds_high)
        WHERE found + missed > 0.0;
    END;
COMMENT ON FUNCTION moderation.recall_interval(double precision, double precision, double precision, double precision, double precision, double precision) IS 'Recall found / (found + missed) of two independent estimates with their limits, and its interval by MOVER for a ratio (A. Donner, G. Y. Zou, Statistical Methods in Medical Research 21, 2012). NULL when both are 0.';

CREATE FUNCTION moderation.estimate_recall(
    packages integer[], policy integer, since timestamptz, until timestamptz,
    OUT recall double precision, OUT recall_low double precision, OUT recall_high double precision,
    OUT labels bigint, OUT note text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    -- Below these a stratum says nothing useful: a share of 0 in 50 is still anything up to 7 %.
    least_flagged constant integer := 20;
    least_unflagged constant integer := 50;
    s record;
    missing bigint;
    live tstzmultirange;
BEGIN
    -- What was judged before the packages were live, or after, says nothing of what they miss.
    SELECT range_agg(d.during) INTO live
    FROM (SELECT x.release,
                 tstzrange(x.since, CASE WHEN lead(x.since) OVER w IS NOT NULL THEN greatest(x.since, lead(x.since) OVER w) END)
                 * tstzrange(x.valid_from, x.expires_at) AS during
          FROM moderation.deployments x
          WHERE x.stage = 'live' AND x.package_id = ANY (packages)
          WINDOW w AS (PARTITION BY x.package_id ORDER BY x.deployment_id)) d
    WHERE d.release IS NOT NULL;
    IF live IS NULL OR isempty(live) THEN
        labels := 0;
        note := 'never live: nothing to measure yet';
        RETURN;
    END IF;
    WITH flagged AS MATERIALIZED (
        SELECT v.source_id, v.content_key, bool_or(v.package_id = ANY (packages)) AS ours, array_agg(DISTINCT v.package_id) AS by_packages
        FROM moderation.content_verdicts v
        WHERE v.stage = 'live' AND v.acted AND v.content_key IS NOT NULL AND v.observed_at <@ live
          AND (since IS NULL OR v.observed_at >= since) AND (until IS NULL OR v.observed_at < until)
        GROUP BY v.source_id, v.content_key
    ), unflagged AS MATERIALIZED (
        SELECT e.source_id, e.content_key, max(e.weight)::double precision AS weight
        FROM moderation.exposures e
        WHERE e.content_key IS NOT NULL AND e.observed_at <@ live
          AND (since IS NULL OR e.observed_at >= since) AND (until IS NULL OR e.observed_at < until)
          AND NOT EXISTS (SELECT FROM flagged f WHERE f.source_id = e.source_id AND f.content_key = e.content_key)
        GROUP BY e.source_id, e.content_key
    ), drawn AS MATERIALIZED (
        SELECT r.source_id, r.content_key, r.stratum, r.package_id FROM moderation.review_samples r
        WHERE (since IS NULL OR r.observed_at >= since) AND (until IS NULL OR r.observed_at < until)
    ), rates AS MATERIALIZED (
        -- The share drawn of what each package flagged, and of everything flagged.
        SELECT d.package_id, count(*)::double precision
               / (SELECT nullif(count(*), 0) FROM flagged f WHERE d.package_id = 0 OR d.package_id = ANY (f.by_packages)) AS rate
        FROM drawn d JOIN flagged f ON f.source_id = d.source_id AND f.content_key = d.content_key
        WHERE d.stratum = 'flagged' GROUP BY d.package_id
    ), decided AS MATERIALIZED (
        SELECT l.source_id, l.content_key,
               (array_agg(l.label ORDER BY l.policy_id NULLS LAST))[1] AS label
        FROM moderation.labels l
        WHERE l.hit_id IS NULL AND (l.policy_id = estimate_recall.policy OR l.policy_id IS NULL)
        GROUP BY l.source_id, l.content_key
    ), labelled AS (
        SELECT CASE WHEN f.ours THEN 1 ELSE 2 END AS stratum, d.label = 'violating' AS violating,
               1.0 / least(1.0, (SELECT max(r.rate) FROM rates r WHERE r.package_id = 0 OR r.package_id = ANY (f.by_packages))) AS weight
        FROM (SELECT DISTINCT source_id, content_key FROM drawn WHERE stratum = 'flagged') x
        JOIN flagged f ON f.source_id = x.source_id AND f.content_key = x.content_key
        JOIN decided d ON d.source_id = x.source_id AND d.content_key = x.content_key
        WHERE d.label IN ('violating', 'benign')
        UNION ALL
        SELECT 3, d.label = 'violating', u.weight
        FROM drawn x
        JOIN unflagged u ON u.source_id = x.source_id AND u.content_key = x.content_key
        JOIN decided d ON d.source_id = x.source_id AND d.content_key = x.content_key
        WHERE x.stratum = 'unflagged' AND d.label IN ('violating', 'benign')
    ), per_stratum AS (
        SELECT g.stratum, g.population, coalesce(l.n, 0) AS n, coalesce(l.share, 0) AS share, coalesce(l.effective, 0) AS effective
        FROM (SELECT 1 AS stratum, (SELECT count(*) FILTER (WHERE f.ours) FROM flagged f)::double precision AS population
              UNION ALL SELECT 2, (SELECT count(*) FILTER (WHERE NOT f.ours) FROM flagged f)
              UNION ALL SELECT 3, (SELECT coalesce(sum(u.weight), 0) FROM unflagged u)) g
        LEFT JOIN (SELECT y.stratum, count(*) AS n, sum(y.weight) FILTER (WHERE y.violating) / sum(y.weight) AS share,
                          sum(y.weight) ^ 2 / sum(y.weight ^ 2) AS effective
                   FROM labelled y GROUP BY y.stratum) l USING (stratum)
    ), limits AS (
        SELECT p.*, p.population * coalesce(p.share, 0) AS total, p.population * w.low AS low, p.population * w.high AS high
        FROM per_stratum p CROSS JOIN LATERAL moderation.wilson_share(coalesce(p.share, 0), p.effective) w
    )
    SELECT sum(l.n)::bigint AS n,
           max(l.total) FILTER (WHERE l.stratum = 1) AS found, max(l.low) FILTER (WHERE l.stratum = 1) AS found_low,
           max(l.high) FILTER (WHERE l.stratum = 1) AS found_high,
           -- Missed: what other packages flagged and what nothing flagged; limits of the sum by MOVER (Zou and Donner 2008).
           sum(l.total) FILTER (WHERE l.stratum > 1) AS missed,
           sum(l.total) FILTER (WHERE l.stratum > 1) - sqrt(sum((l.total - l.low) ^ 2) FILTER (WHERE l.stratum > 1)) AS missed_low,
           sum(l.total) FILTER (WHERE l.stratum > 1) + sqrt(sum((l.high - l.total) ^ 2) FILTER (WHERE l.stratum > 1)) AS missed_high,
           max(greatest(0, least(least_flagged, l.population) - l.n)) FILTER (WHERE l.stratum = 1) AS flagged_missing,
           max(greatest(0, least(least_flagged, l.population) - l.n)) FILTER (WHERE l.stratum = 2) AS others_missing,
           max(greatest(0, least_unflagged - l.n)) FILTER (WHERE l.stratum = 3) AS unflagged_missing,
           max(l.population) FILTER (WHERE l.stratum = 3) AS unflagged
    INTO s FROM limits l;
    labels := s.n;
    IF s.unflagged = 0 THEN
        note := 'no exposures of unflagged content while it was live: pg_moderation.exposure_sample';
        RETURN;
    END IF;
    missing := (s.flagged_missing + s.others_missing + s.unflagged_missing)::bigint;
    IF missing > 0 THEN
        note := format('not enough labels: %s more needed (%s of random flagged content, %s of random unflagged content)',
                       missing, (s.flagged_missing + s.others_missing)::bigint, s.unflagged_missing::bigint);
        RETURN;
    END IF;
    IF s.found + s.missed = 0 THEN
        note := 'nothing violating among the labelled sample';
        RETURN;
    END IF;
    SELECT i.recall, i.low, i.high INTO recall, recall_low, recall_high
    FROM moderation.recall_interval(s.found, s.found_low, s.found_high, s.missed, s.missed_low, s.missed_high) i;
END
$fn$;
COMMENT ON FUNCTION moderation.estimate_recall(integer[], integer, timestamptz, timestamptz) IS 'Internal: the share of all violating judged contents that these packages act on, live, from the random samples of next_for_review(): found = N1 p1; missed = N2 p2 + N3 p3, where N1 is what they flagged, N2 what only others flagged, N3 the weighted exposures nothing flagged, and p the weighted share of violating labels in each (post-stratified Hajek estimator: Särndal, Swensson, Wretman, Model Assisted Survey Sampling, 1992). Limits: Wilson per stratum, combined by MOVER. Only what was judged while they were live counts: a sample drawn before says nothing of what they miss. Labels that were not drawn at random do not enter. NULL, with a note, when labels are too few.';

CREATE TYPE moderation.package_figures AS (
    package text, stage moderation.stage, release integer, hits bigint, contents bigint, owners bigint, reviewed bigint,
    true_positives bigint, false_positives bigint, unsure bigint, precision double precision, precision_low double precision,
    precision_high double precision, last_hit timestamptz, disputed bigint, bucket timestamptz, policy text,
    spam_over_all double precision, recent_contents bigint, recent_precision double precision, recent_precision_low double precision,
    recent_precision_high double precision, unique_contents bigint, unique_true_positives bigint, recall double precision,
    recall_low double precision, recall_high double precision, recall_labels bigint, recall_note text);
COMMENT ON TYPE moderation.package_figures IS 'A row of package_stats() and policy_stats(). hits: rows of moderation.hits; contents: those the package acted on (its items'' scores reached the threshold), owners: theirs. reviewed = true_positives + false_positives + unsure + disputed counts contents. precision = TP / (TP + FP) with its Wilson 95 % interval, NULL without labels. release: in force now, or with by => ''release'' the one that hit. bucket: start of the day, week or month (UTC). spam_over_all: S/O as SpamAssassin defines it, share of all violating contents caught / (that + share of all benign contents caught). recent_: the last 28 days before until. unique_contents: those no other live package acted on, of which unique_true_positives are violating. recall: see estimate_recall(), live only; recall_note: why it is NULL.';

CREATE FUNCTION moderation.figures(
    packages integer[], as_policy boolean, since timestamptz, until timestamptz, by text, only_stage moderation.stage)
    RETURNS SETOF moderation.package_figures LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
BEGIN
    RETURN QUERY
    WITH seen AS MATERIALIZED (
        SELECT s.package_id, s.stage, s.release, s.source_id, coalesce(s.content_key, encode(s.digest, 'hex')) AS content, s.digest,
               count(*) AS hits, max(s.observed_at) AS last_hit, min(s.owner_key) AS owner_key,
               sum(s.score::double precision)::real >= min(s.threshold) AS acted,
               CASE WHEN min(s.label) = 'violating' OR NOT bool_or(s.disputed) THEN min(s.label)::text ELSE 'disputed' END AS label
        FROM moderation.hit_labels s
        WHERE s.package_id = ANY (packages) AND (only_stage IS NULL OR s.stage = only_stage)
          AND (since IS NULL OR s.observed_at >= since) AND (until IS NULL OR s.observed_at < until)
        GROUP BY s.package_id, s.stage, s.release, s.source_id, coalesce(s.content_key, encode(s.digest, 'hex')), s.digest
    ), keyed AS (
        SELECT s.*, CASE WHEN as_policy THEN 0 ELSE s.package_id END AS whose,
               CASE WHEN by = 'release' THEN s.release ELSE 0 END AS of_release,
               CASE WHEN by IN ('day', 'week', 'month') THEN date_trunc(by, s.last_hit, 'UTC') END AS bucket
        FROM seen s
    ), alone AS MATERIALIZED (
        -- Contents that one package alone acted on, live.
        SELECT v.source_id, coalesce(v.content_key, encode(v.digest, 'hex')) AS content, min(v.package_id) AS package_id
        FROM moderation.content_verdicts v
        WHERE v.stage = 'live' AND v.acted
          AND (since IS NULL OR v.observed_at >= since) AND (until IS NULL OR v.observed_at < until)
        GROUP BY 1, 2 HAVING count(DISTINCT v.package_id) = 1
    ), per_content AS (
        SELECT k.whose, k.stage, k.of_release, k.bucket, k.source_id, k.content, sum(k.hits) AS hits, max(k.last_hit) AS last_hit,
               min(k.owner_key) AS owner_key, bool_or(k.acted) AS acted,
               CASE WHEN bool_or(k.label = 'violating') THEN 'violating' WHEN bool_or(k.label = 'disputed') THEN 'disputed'
                    WHEN bool_or(k.label = 'benign') THEN 'benign' ELSE min(k.label) END AS label,
               bool_or(k.stage = 'live' AND k.package_id = a.package_id) AS is_unique,
               max(k.last_hit) >= coalesce(figures.until, now()) - interval '28 days' AS recent
        FROM keyed k
        LEFT JOIN alone a ON a.source_id = k.source_id AND a.content = k.content
        GROUP BY k.whose, k.stage, k.of_release, k.bucket, k.source_id, k.content
    ), summed AS (
        SELECT c.whose, c.stage, c.of_release, c.bucket, sum(c.hits)::bigint AS hits, count(*) FILTER (WHERE c.acted) AS contents,
               count(DISTINCT c.owner_key) FILTER (WHERE c.acted) AS owners,
               count(*) FILTER (WHERE c.acted AND c.label = 'violating') AS tp,
               count(*) FILTER (WHERE c.acted AND c.label = 'benign') AS fp,
               count(*) FILTER (WHERE c.acted AND c.label = 'unsure') AS unsure,
               count(*) FILTER (WHERE c.acted AND c.label = 'disputed') AS disputed, max(c.last_hit) AS last_hit,
               count(*) FILTER (WHERE c.acted AND c.recent) AS recent_contents,
               count(*) FILTER (WHERE c.acted AND c.recent AND c.label = 'violating') AS recent_tp,
               count(*) FILTER (WHERE c.acted AND c.recent AND c.label = 'benign') AS recent_fp,
               count(*) FILTER (WHERE c.acted AND c.is_unique) AS unique_contents,
               count(*) FILTER (WHERE c.acted AND c.is_unique AND c.label = 'violating') AS unique_tp
        FROM per_content c GROUP BY c.whose, c.stage, c.of_release, c.bucket
    ), wanted AS (
        SELECT DISTINCT CASE WHEN as_policy THEN 0 ELSE p.package_id END AS whose,
               CASE WHEN as_policy THEN NULL ELSE p.name END AS name, p.policy_id, o.name AS policy
        FROM moderation.packages p LEFT JOIN moderation.policies o ON o.policy_id = p.policy_id
        WHERE p.package_id = ANY (packages)
    ), corpus AS MATERIALIZED (
        SELECT w.whose, count(*) FILTER (WHERE d.label = 'violating') AS violating, count(*) FILTER (WHERE d.label = 'benign') AS benign
        FROM wanted w
        CROSS JOIN LATERAL (
            SELECT (array_agg(l.label ORDER BY l.policy_id NULLS LAST))[1] AS label
            FROM moderation.labels l
            WHERE l.hit_id IS NULL AND (l.policy_id = w.policy_id OR l.policy_id IS NULL)
            GROUP BY l.source_id, l.content_key) d
        GROUP BY w.whose
    )
    SELECT w.name, st.stage, CASE WHEN by = 'release' THEN s.of_release WHEN NOT as_policy THEN f.release END,
           coalesce(s.hits, 0), coalesce(s.contents, 0), coalesce(s.owners, 0),
           coalesce(s.tp + s.fp + s.unsure + s.disputed, 0), coalesce(s.tp, 0), coalesce(s.fp, 0), coalesce(s.unsure, 0),
           s.tp / nullif(s.tp + s.fp, 0)::double precision, i.low, i.high, s.last_hit, coalesce(s.disputed, 0), s.bucket, w.policy,
           CASE WHEN c.violating > 0 AND c.benign > 0 AND s.tp + s.fp > 0
                THEN (s.tp::double precision / c.violating) / (s.tp::double precision / c.violating + s.fp::double precision / c.benign) END,
           coalesce(s.recent_contents, 0), s.recent_tp / nullif(s.recent_tp + s.recent_fp, 0)::double precision, ri.low, ri.high,
           coalesce(s.unique_contents, 0), coalesce(s.unique_tp, 0),
           r.recall, r.recall_low, r.recall_high, r.labels, r.note
    FROM wanted w
    CROSS JOIN unnest(enum_range(NULL::moderation.stage)) AS st(stage)
    LEFT JOIN LATERAL (SELECT d.release FROM moderation.deployments d
                       WHERE d.package_id = w.whose AND d.stage = st.stage
                       ORDER BY d.deployment_id DESC LIMIT 1) f ON true
    LEFT JOIN summed s ON s.whose = w.whose AND s.stage = st.stage
    LEFT JOIN corpus c ON c.whose = w.whose
    LEFT JOIN LATERAL moderation.wilson_interval(s.tp, s.tp + s.fp) i ON true
    LEFT JOIN LATERAL moderation.wilson_interval(s.recent_tp, s.recent_tp + s.recent_fp) ri ON true
    LEFT JOIN LATERAL moderation.estimate_recall(
        CASE WHEN as_policy THEN packages ELSE ARRAY[w.whose] END, w.policy_id, since, until) r ON st.stage = 'live' AND by IS NULL
    WHERE (only_stage IS NULL OR st.stage = only_stage)
      AND (s.hits > 0 OR (by IS NULL AND (f.release IS NOT NULL OR st.stage = 'live')))
    ORDER BY w.name, st.stage DESC, s.of_release, s.bucket;
END
$fn$;
COMMENT ON FUNCTION moderation.figures(integer[], boolean, timestamptz, timestamptz, text, moderation.stage) IS 'Internal: what package_stats() and policy_stats() share.';

CREATE FUNCTION moderation.check_by(by text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF by IS NOT NULL AND by <> ALL (ARRAY['release', 'day', 'week', 'month']) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('by => %L is not known', by),
            DETAIL = 'Figures come in all, by release, or by the day, week or month of the hit (UTC).',
            HINT = 'Use ''release'', ''day'', ''week'' or ''month'', or leave it out.';
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_by(text) IS 'Internal: refuses unknown buckets.';

CREATE FUNCTION moderation.package_stats(
    package text DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, by text DEFAULT NULL,
    stage moderation.stage DEFAULT NULL)
    RETURNS SETOF moderation.package_figures
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    PERFORM moderation.check_by(package_stats.by);
    RETURN QUERY
    SELECT * FROM moderation.figures(
        CASE WHEN package_stats.package IS NULL THEN moderation.visible_packages()
             ELSE ARRAY[moderation.find_package(package_stats.package)] END,
        false, package_stats.since, package_stats.until, package_stats.by, package_stats.stage);
END
$fn$;
COMMENT ON FUNCTION moderation.package_stats(text, timestamptz, timestamptz, text, moderation.stage) IS 'What each package found in attached tables and what reviewers said of it, live and shadow apart; since is inclusive, until exclusive, both by the time of the hit. by => ''release'', ''day'', ''week'' or ''month'': a row for each; stage: only that one. The columns are explained at the type package_figures.';

CREATE FUNCTION moderation.policy_stats(
    policy text DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, by text DEFAULT NULL,
    stage moderation.stage DEFAULT NULL)
    RETURNS SETOF moderation.package_figures
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    wanted integer := moderation.find_policy(policy_stats.policy);
    found_policy record;
    visible constant integer[] := moderation.visible_packages();
BEGIN
    PERFORM moderation.check_by(policy_stats.by);
    FOR found_policy IN
        SELECT o.policy_id, array_agg(p.package_id) AS packages
        FROM moderation.policies o JOIN moderation.packages p ON p.policy_id = o.policy_id
        WHERE (wanted IS NULL OR o.policy_id = wanted) AND p.package_id = ANY (visible)
        GROUP BY o.policy_id, o.name ORDER BY o.name
    LOOP
        -- A policy has no releases of its own: by release it is its packages', each under its name.
        RETURN QUERY SELECT * FROM moderation.figures(found_policy.packages, policy_stats.by IS DISTINCT FROM 'release', policy_stats.since,
            policy_stats.until, policy_stats.by, policy_stats.stage);
    END LOOP;
END
$fn$;
COMMENT ON FUNCTION moderation.policy_stats(text, timestamptz, timestamptz, text, moderation.stage) IS 'The same for all packages of a policy together: package is NULL, a content counts once. by => ''day'', ''week'' or ''month'': a row for each; by => ''release'': a row for each release of each of its packages; stage: only that one.';

-- ---- Items ------------------------------------------------------------------------------------------------------

CREATE FUNCTION moderation.greedy_cover(items bigint[], contents bigint[], OUT item bigint, OUT place integer, OUT gain bigint)
    RETURNS SETOF record LANGUAGE c IMMUTABLE STRICT ROWS 100 COST 10000
    AS 'MODULE_PATHNAME', 'moderation_greedy_cover';
COMMENT ON FUNCTION moderation.greedy_cover(bigint[], bigint[]) IS 'Internal: of pairs (items[i] hits contents[i]), the items in the order of what each adds to those before it (greedy set cover); gain 0 once everything is covered.';

CREATE TYPE moderation.item_figures AS (
    package text, stage moderation.stage, item_id bigint, kind moderation.item_kind, term text, match moderation.match_mode, weight real,
    in_force boolean, hits bigint, contents bigint, owners bigint, true_positives bigint, false_positives bigint, unsure bigint,
    disputed bigint, precision double precision, precision_low double precision, precision_high double precision,
    spam_over_all double precision, recent_contents bigint, recent_precision double precision,
    recent_precision_low double precision, recent_precision_high double precision, unique_contents bigint, unique_true_positives bigint,
    unique_false_positives bigint, marginal_place integer, marginal_contents bigint, cost_share double precision,
    first_hit timestamptz, last_hit timestamptz, release integer, bucket timestamptz);
COMMENT ON TYPE moderation.item_figures IS 'A row of item_stats(), columns as in package_figures; release: with by => ''release'', the one that hit. contents: with a hit of the item, whether or not the package acted. unique_contents: verdicts of the package that would be lost without the item (its score taken from the sum, against the release''s threshold), of which unique_true_positives and unique_false_positives are labelled. marginal_place, marginal_contents: in the order of greedy set cover, what it adds to the items before it. cost_share: its share of all places found by the package, that is of what is written, shown and reviewed; scanning is one pass for all items.';

CREATE FUNCTION moderation.item_stats(
    package text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, by text DEFAULT NULL,
    stage moderation.stage DEFAULT NULL)
    RETURNS SETOF moderation.item_figures
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1000 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    wanted integer := moderation.find_package(item_stats.package);
    readable constant boolean := wanted = ANY (moderation.readable_packages());
BEGIN
    PERFORM moderation.check_by(item_stats.by);
    RETURN QUERY
    WITH seen AS MATERIALIZED (
        SELECT s.stage, CASE WHEN item_stats.by = 'release' THEN s.release ELSE 0 END AS of_release,
               CASE WHEN item_stats.by IN ('day', 'week', 'month') THEN date_trunc(item_stats.by, s.observed_at, 'UTC')
                    ELSE '-infinity' END AS bucket, s.item_id, s.source_id, coalesce(s.content_key, encode(s.digest, 'hex')) AS content, s.owner_key, s.observed_at,
               s.places, s.score, s.threshold, CASE WHEN s.disputed THEN 'disputed' ELSE s.label::text END AS label,
               sum(s.score::double precision) OVER (PARTITION BY s.stage, s.release, s.source_id, s.content_key, s.digest) AS total,
               count(*) OVER (PARTITION BY s.stage, s.release, s.source_id, s.content_key, s.digest) AS items
        FROM moderation.hit_labels s
        WHERE s.package_id = wanted AND (item_stats.stage IS NULL OR s.stage = item_stats.stage)
          AND (item_stats.since IS NULL OR s.observed_at >= item_stats.since)
          AND (item_stats.until IS NULL OR s.observed_at < item_stats.until)
    ), per_content AS MATERIALIZED (
        SELECT s.stage, s.of_release, s.bucket, s.item_id, s.source_id, s.content, min(s.owner_key) AS owner_key, count(*) AS hits, sum(s.places) AS places,
               min(s.observed_at) AS first_hit, max(s.observed_at) AS last_hit,
               bool_or(s.total::real >= s.threshold AND (s.items = 1 OR (s.total - s.score)::real < s.threshold)) AS is_unique,
               CASE WHEN bool_or(s.label = 'violating') THEN 'violating' WHEN bool_or(s.label = 'disputed') THEN 'disputed'
                    ELSE min(s.label) END AS label,
               max(s.observed_at) >= coalesce(item_stats.until, now()) - interval '28 days' AS recent
        FROM seen s GROUP BY s.stage, s.of_release, s.bucket, s.item_id, s.source_id, s.content
    ), summed AS (
        SELECT c.stage, c.of_release, c.bucket, c.item_id, sum(c.hits)::bigint AS hits, count(*) AS contents, count(DISTINCT c.owner_key) AS owners,
               sum(c.places)::double precision AS places, min(c.first_hit) AS first_hit, max(c.last_hit) AS last_hit,
               count(*) FILTER (WHERE c.label = 'violating') AS tp, count(*) FILTER (WHERE c.label = 'benign') AS fp,
               count(*) FILTER (WHERE c.label = 'unsure') AS unsure, count(*) FILTER (WHERE c.label = 'disputed') AS disputed,
               count(*) FILTER (WHERE c.recent) AS recent_contents,
               count(*) FILTER (WHERE c.recent AND c.label = 'violating') AS recent_tp,
               count(*) FILTER (WHERE c.recent AND c.label = 'benign') AS recent_fp,
               count(*) FILTER (WHERE c.is_unique) AS unique_contents,
               count(*) FILTER (WHERE c.is_unique AND c.label = 'violating') AS unique_tp,
               count(*) FILTER (WHERE c.is_unique AND c.label = 'benign') AS unique_fp
        FROM per_content c GROUP BY c.stage, c.of_release, c.bucket, c.item_id
    ), numbered AS (
        SELECT c.stage, c.of_release, c.bucket, c.item_id, dense_rank() OVER (ORDER BY c.source_id, c.content) AS content FROM per_content c
    ), cover AS MATERIALIZED (
        SELECT a.stage, a.of_release, a.bucket, g.item, g.place, g.gain
        FROM (SELECT n.stage, n.of_release, n.bucket, array_agg(n.item_id ORDER BY n.item_id, n.content) AS items, array_agg(n.content ORDER BY n.item_id, n.content) AS contents
              FROM numbered n GROUP BY n.stage, n.of_release, n.bucket) a
        CROSS JOIN LATERAL moderation.greedy_cover(a.items, a.contents) g
    ), corpus AS MATERIALIZED (
        SELECT count(*) FILTER (WHERE d.label = 'violating')::double precision AS violating,
               count(*) FILTER (WHERE d.label = 'benign')::double precision AS benign
        FROM (SELECT (array_agg(l.label ORDER BY l.policy_id NULLS LAST))[1] AS label
              FROM moderation.labels l JOIN moderation.packages p ON p.package_id = wanted
              WHERE l.hit_id IS NULL AND (l.policy_id = p.policy_id OR l.policy_id IS NULL)
              GROUP BY l.source_id, l.content_key) d
    ), listed AS (
        SELECT st.stage, i.item_id, f.release IS NOT NULL AND bool_or(i.added_in <= f.release AND (i.removed_in IS NULL OR i.removed_in > f.release)) AS in_force,
               (array_agg(i.term ORDER BY i.added_in DESC))[1] AS term, (array_agg(i.match ORDER BY i.added_in DESC))[1] AS match,
               (array_agg(i.kind))[1] AS kind, (array_agg(i.weight ORDER BY i.added_in DESC))[1] AS weight
        FROM moderation.item_versions i
        CROSS JOIN unnest(enum_range(NULL::moderation.stage)) AS st(stage)
        LEFT JOIN LATERAL (SELECT d.release FROM moderation.deployments d
                           WHERE d.package_id = wanted AND d.stage = st.stage ORDER BY d.deployment_id DESC LIMIT 1) f ON true
        WHERE i.package_id = wanted AND NOT i.allow AND (item_stats.stage IS NULL OR st.stage = item_stats.stage)
        GROUP BY st.stage, i.item_id, f.release
    )
    SELECT item_stats.package, l.stage, l.item_id, l.kind, CASE WHEN readable THEN l.term END, CASE WHEN readable THEN l.match END, l.weight, l.in_force, coalesce(s.hits, 0),
           coalesce(s.contents, 0), coalesce(s.owners, 0), coalesce(s.tp, 0), coalesce(s.fp, 0), coalesce(s.unsure, 0), coalesce(s.disputed, 0),
           s.tp / nullif(s.tp + s.fp, 0)::double precision, i.low, i.high,
           CASE WHEN c.violating > 0 AND c.benign > 0 AND s.tp + s.fp > 0
                THEN (s.tp / c.violating) / (s.tp / c.violating + s.fp / c.benign) END,
           coalesce(s.recent_contents, 0), s.recent_tp / nullif(s.recent_tp + s.recent_fp, 0)::double precision, ri.low, ri.high,
           coalesce(s.unique_contents, 0), coalesce(s.unique_tp, 0), coalesce(s.unique_fp, 0), g.place, coalesce(g.gain, 0),
           s.places / sum(s.places) OVER (PARTITION BY l.stage, s.of_release, s.bucket), s.first_hit, s.last_hit,
           nullif(s.of_release, 0), nullif(s.bucket, '-infinity')
    FROM listed l
    CROSS JOIN corpus c
    LEFT JOIN summed s ON s.stage = l.stage AND s.item_id = l.item_id
    LEFT JOIN cover g ON g.stage = s.stage AND g.of_release = s.of_release AND g.bucket = s.bucket AND g.item = s.item_id
    LEFT JOIN LATERAL moderation.wilson_interval(s.tp, s.tp + s.fp) i ON true
    LEFT JOIN LATERAL moderation.wilson_interval(s.recent_tp, s.recent_tp + s.recent_fp) ri ON true
    WHERE s.hits > 0 OR (l.in_force AND item_stats.by IS NULL)
    ORDER BY l.stage DESC, s.of_release, s.bucket, coalesce(s.contents, 0) DESC, l.item_id;
END
$fn$;
COMMENT ON FUNCTION moderation.item_stats(text, timestamptz, timestamptz, text, moderation.stage) IS 'What each item of a package is worth, live and shadow apart; items in force, and those that hit in the window. by => ''release'', ''day'', ''week'' or ''month'' (of the hit, UTC): a row for each in which it hit; stage: only that one. The columns are explained at the type item_figures.';

CREATE FUNCTION moderation.item_overlap(
    package text DEFAULT NULL, since timestamptz DEFAULT NULL, min_share double precision DEFAULT 0.2,
    OUT package_a text, OUT item_a bigint, OUT term_a text, OUT package_b text, OUT item_b bigint, OUT term_b text,
    OUT contents_a bigint, OUT contents_b bigint, OUT contents_both bigint, OUT share_of_a double precision, OUT share_of_b double precision)
    RETURNS SETOF record LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1000 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    wanted integer := CASE WHEN item_overlap.package IS NOT NULL THEN moderation.find_package(item_overlap.package) END;
    visible constant integer[] := moderation.visible_packages();
    readable constant integer[] := moderation.readable_packages();
BEGIN
    IF min_share IS NULL OR NOT min_share BETWEEN 0 AND 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('min_share %s is out of range', coalesce(min_share::text, 'NULL')),
            DETAIL = 'It is a share of an item''s contents, 0 to 1.', HINT = 'Leave it out for 0.2.';
    END IF;
    RETURN QUERY
    WITH pairs AS MATERIALIZED (
        SELECT n.package_id, n.item_id, n.source_id, coalesce(n.content_key, encode(n.digest, 'hex')) AS content
        FROM (SELECT * FROM moderation.hits h
              WHERE item_overlap.since IS NULL OR h.observed_at >= item_overlap.since
              ORDER BY h.observed_at DESC LIMIT 500000) n
        GROUP BY 1, 2, 3, 4
    ), few AS MATERIALIZED (
        -- A content that a hundred items hit says little of any two of them, and would cost ten thousand pairs.
        SELECT p.source_id, p.content FROM pairs p GROUP BY p.source_id, p.content HAVING count(*) BETWEEN 2 AND 100
    ), sizes AS MATERIALIZED (
        SELECT p.item_id, count(*) AS contents FROM pairs p GROUP BY p.item_id
    ), shared AS (
        SELECT a.package_id AS pa, a.item_id AS ia, b.package_id AS pb, b.item_id AS ib, count(*) AS n
        FROM few f
        JOIN pairs a ON a.source_id = f.source_id AND a.content = f.content
        JOIN pairs b ON b.source_id = f.source_id AND b.content = f.content AND b.item_id <> a.item_id
        WHERE wanted IS NULL OR a.package_id = wanted
        GROUP BY 1, 2, 3, 4
    )
    SELECT qa.name, b.ia, (SELECT v.term FROM moderation.item_versions v WHERE v.item_id = b.ia AND v.package_id = ANY (readable) ORDER BY v.added_in DESC LIMIT 1),
           qb.name, b.ib, (SELECT v.term FROM moderation.item_versions v WHERE v.item_id = b.ib AND v.package_id = ANY (readable) ORDER BY v.added_in DESC LIMIT 1),
           sa.contents, sb.contents, b.n, b.n / sa.contents::double precision, b.n / sb.contents::double precision
    FROM shared b
    JOIN sizes sa ON sa.item_id = b.ia JOIN sizes sb ON sb.item_id = b.ib
    JOIN moderation.packages qa ON qa.package_id = b.pa JOIN moderation.packages qb ON qb.package_id = b.pb
    WHERE b.n / sa.contents::double precision >= min_share AND b.pa = ANY (visible) AND b.pb = ANY (visible)
    ORDER BY b.n / sa.contents::double precision DESC, b.n DESC, b.ia, b.ib;
END
$fn$;
COMMENT ON FUNCTION moderation.item_overlap(text, timestamptz, double precision) IS 'For items A (of one package or all) and B (of any, text, image or video): share_of_a = |A and B| / |A| of their contents, where it is at least min_share; 1 means that A finds nothing B does not. Over the newest 500,000 hits; contents with more than 100 items are left out of the pairs.';

CREATE FUNCTION moderation.package_overlap(
    since timestamptz DEFAULT NULL,
    OUT package_a text, OUT package_b text, OUT contents_a bigint, OUT contents_both bigint, OUT share_of_a double precision)
    RETURNS SETOF record LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    visible constant integer[] := moderation.visible_packages();
BEGIN
    RETURN QUERY
    WITH pairs AS MATERIALIZED (
        SELECT DISTINCT v.package_id, v.source_id, coalesce(v.content_key, encode(v.digest, 'hex')) AS content
        FROM moderation.content_verdicts v
        WHERE v.package_id = ANY (visible) AND v.acted AND v.stage = 'live' AND (package_overlap.since IS NULL OR v.observed_at >= package_overlap.since)
    ), sizes AS (
        SELECT p.package_id, count(*) AS contents FROM pairs p GROUP BY p.package_id
    )
    SELECT a.name, b.name, s.contents, count(*), count(*) / s.contents::double precision
    FROM pairs x
    JOIN pairs y ON y.source_id = x.source_id AND y.content = x.content AND y.package_id <> x.package_id
    JOIN sizes s ON s.package_id = x.package_id
    JOIN moderation.packages a ON a.package_id = x.package_id JOIN moderation.packages b ON b.package_id = y.package_id
    GROUP BY a.name, b.name, s.contents
    ORDER BY 5 DESC, 1, 2;
END
$fn$;
COMMENT ON FUNCTION moderation.package_overlap(timestamptz) IS 'For every two packages: the share of the contents A acted on, live, that B acted on too.';
