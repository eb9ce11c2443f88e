-- Rollups: what dashboards read instead of millions of hits, and alarms on the last hours.

CREATE TABLE moderation.rollup_days (
    day             date NOT NULL,
    package_id      integer NOT NULL,
    stage           moderation.stage NOT NULL,
    release         integer NOT NULL,
    item_id         bigint NOT NULL,
    hits            bigint NOT NULL,
    contents        bigint NOT NULL,
    owners          bigint NOT NULL,
    kept_out        bigint NOT NULL,
    true_positives  bigint NOT NULL,
    false_positives bigint NOT NULL,
    unsure          bigint NOT NULL,
    disputed        bigint NOT NULL,
    PRIMARY KEY (package_id, item_id, release, stage, day)
);
CREATE INDEX rollup_days_day_idx ON moderation.rollup_days (day) WHERE item_id = 0;
COMMENT ON TABLE moderation.rollup_days IS 'Figures per day (UTC) of the hit, made by refresh_rollups(); they outlive the hits. Three grains: package (release and item_id 0), release (item_id 0), item (release 0).';
COMMENT ON COLUMN moderation.rollup_days.contents IS 'Contents with a hit on that day; distinct within the day only, as owners are.';

CREATE TABLE moderation.rollup_items (
    package_id      integer NOT NULL,
    stage           moderation.stage NOT NULL,
    item_id         bigint NOT NULL,
    hits            bigint NOT NULL,
    contents        bigint NOT NULL,
    true_positives  bigint NOT NULL,
    false_positives bigint NOT NULL,
    recent_hits     bigint NOT NULL,
    recent_true_positives bigint NOT NULL,
    recent_false_positives bigint NOT NULL,
    first_day       date NOT NULL,
    last_day        date NOT NULL,
    PRIMARY KEY (package_id, stage, item_id)
);
COMMENT ON TABLE moderation.rollup_items IS 'Lifetime figures of items, summed from rollup_days by refresh_rollups(); recent_: the last 28 days before it.';

CREATE TABLE moderation.rollup_state (
    singleton       boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    refreshed_through date NOT NULL,
    refreshed_at    timestamptz NOT NULL
);
COMMENT ON TABLE moderation.rollup_state IS 'One row: days before refreshed_through are in the rollups; views compute later ones from the hits.';

CREATE FUNCTION moderation.refresh_rollups(since date DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
    state moderation.rollup_state;
    from_day date;
    days date[];
    this_day date;
    day_start timestamptz;
BEGIN
    -- Refreshes queue up; readers do not wait.
    LOCK TABLE moderation.rollup_days IN SHARE ROW EXCLUSIVE MODE;
    PERFORM moderation.collect_rejected();
    SELECT * INTO state FROM moderation.rollup_state;
    from_day := coalesce(refresh_rollups.since, CASE WHEN state.refreshed_through IS NOT NULL THEN least(state.refreshed_through, today) - 1 END, '-infinity');
    -- Days from there on, and those with a hit in a content that was reviewed since the last time.
    SELECT array_agg(x.day ORDER BY x.day) INTO days FROM (
        SELECT (d AT TIME ZONE 'UTC')::date AS day
        FROM (SELECT greatest(min(h.observed_at), CASE WHEN isfinite(from_day) THEN from_day::timestamp AT TIME ZONE 'UTC' END) AS low,
                     max(h.observed_at) AS high
              FROM moderation.hits h) r
        CROSS JOIN LATERAL generate_series(date_trunc('day', r.low, 'UTC'), r.high, interval '24 hours') d
        UNION
        SELECT DISTINCT (h.observed_at AT TIME ZONE 'UTC')::date
        FROM (SELECT DISTINCT r.source_id, r.content_key FROM moderation.reviews r
              WHERE r.reviewed_at >= state.refreshed_at - interval '1 hour') v
        JOIN moderation.hits h ON h.source_id = v.source_id AND left(h.content_key, 200) = left(v.content_key, 200)
                              AND h.content_key = v.content_key
    ) x;
    FOREACH this_day IN ARRAY coalesce(days, '{}') LOOP
        day_start := this_day::timestamp AT TIME ZONE 'UTC';
        -- Days whose hits have expired keep their figures.
        CONTINUE WHEN NOT EXISTS (SELECT FROM moderation.hits h WHERE h.bucket = moderation.ring_bucket(day_start)
                                  AND h.observed_at >= day_start AND h.observed_at < day_start + interval '24 hours');
        DELETE FROM moderation.rollup_days r WHERE r.day = this_day;
        INSERT INTO moderation.rollup_days
            (day, package_id, stage, release, item_id, hits, contents, owners, kept_out, true_positives, false_positives, unsure, disputed)
        SELECT this_day, g.package_id, g.stage, coalesce(g.release, 0), coalesce(g.item_id, 0), count(*),
               count(DISTINCT g.content), count(DISTINCT g.owner_key), count(DISTINCT g.content) FILTER (WHERE g.outcome <> 'flagged'),
               count(DISTINCT g.content) FILTER (WHERE g.label = 'violating'), count(DISTINCT g.content) FILTER (WHERE g.label = 'benign'),
               count(DISTINCT g.content) FILTER (WHERE g.label = 'unsure'), count(DISTINCT g.content) FILTER (WHERE g.disputed)
        FROM (SELECT h.package_id, h.stage, h.release, h.item_id, h.owner_key, h.outcome, h.label, h.disputed,
                     hashtextextended(coalesce(h.content_key, encode(h.digest, 'hex')), h.source_id) AS content
              FROM moderation.hit_labels h
              WHERE h.bucket = moderation.ring_bucket(day_start)
                AND h.observed_at >= day_start AND h.observed_at < day_start + interval '24 hours') g
        GROUP BY GROUPING SETS ((g.package_id, g.stage), (g.package_id, g.stage, g.release), (g.package_id, g.stage, g.item_id));
    END LOOP;
    TRUNCATE moderation.rollup_items;
    INSERT INTO moderation.rollup_items
    SELECT r.package_id, r.stage, r.item_id, sum(r.hits), sum(r.contents), sum(r.true_positives), sum(r.false_positives),
           coalesce(sum(r.hits) FILTER (WHERE r.day > today - 28), 0), coalesce(sum(r.true_positives) FILTER (WHERE r.day > today - 28), 0),
           coalesce(sum(r.false_positives) FILTER (WHERE r.day > today - 28), 0), min(r.day), max(r.day)
    FROM moderation.rollup_days r WHERE r.item_id > 0 GROUP BY r.package_id, r.stage, r.item_id;
    INSERT INTO moderation.rollup_state (refreshed_through, refreshed_at) VALUES (today, now())
    ON CONFLICT ON CONSTRAINT rollup_state_pkey DO UPDATE SET refreshed_through = today, refreshed_at = now();
    RETURN coalesce(cardinality(days), 0);
END
$fn$;
COMMENT ON FUNCTION moderation.refresh_rollups(date) IS 'Brings the rollups up to date: yesterday and today, days with newly reviewed contents, and everything the first time; from since on when given (after a clock went back, or to repair). Returns how many days it looked at. Run it daily, from cron or pg_cron.';

CREATE FUNCTION moderation.binomial_tail(successes bigint, trials bigint, probability double precision) RETURNS double precision
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    term double precision;
    total double precision := 0;
    odds double precision;
    k bigint := successes;
BEGIN
    IF successes <= 0 THEN
        RETURN 1;
    ELSIF successes > trials OR probability <= 0 THEN
        RETURN 0;
    ELSIF probability >= 1 THEN
        RETURN 1;
    ELSIF successes <= trials * probability THEN
        -- Below the mean the other tail is the short sum, and no alarm anyway.
        RETURN 1 - moderation.binomial_tail(trials - successes + 1, trials, 1 - probability);
    END IF;
    odds := probability / (1 - probability);
    -- ln C(n, k) by Stirling's series, exact to 1e-10 from 8 on; smaller factorials are shifted there.
    term := moderation.ln_factorial(trials) - moderation.ln_factorial(k) - moderation.ln_factorial(trials - k)
            + k * ln(probability) + (trials - k) * ln(1 - probability);
    IF term < -700 THEN
        RETURN 0;
    END IF;
    term := exp(term);
    WHILE k <= trials AND term > total * 1e-12 LOOP
        total := total + term;
        term := term * odds * (trials - k) / (k + 1);
        k := k + 1;
    END LOOP;
    RETURN least(1, total);
END
$fn$;
COMMENT ON FUNCTION moderation.binomial_tail(bigint, bigint, double precision) IS 'Probability of at least that many successes in so many independent trials, summed term by term.';

CREATE FUNCTION moderation.ln_factorial(n bigint) RETURNS double precision
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    x double precision := n + 1;
    shift double precision := 0;
BEGIN
    WHILE x < 8 LOOP
        shift := shift + ln(x);
        x := x + 1;
    END LOOP;
    RETURN (x - 0.5) * ln(x) - x + 0.91893853320467274178::double precision + 1 / (12 * x) - 1 / (360 * x ^ 3) + 1 / (1260 * x ^ 5)
           - 1 / (1680 * x ^ 7) - shift;
END
$fn$;
COMMENT ON FUNCTION moderation.ln_factorial(bigint) IS 'Internal: logarithm of n!, by Stirling''s series.';

CREATE FUNCTION moderation.alarms(
    at timestamptz DEFAULT NULL,
    OUT package text, OUT stage moderation.stage, OUT item_id bigint, OUT term text, OUT contents bigint, OUT expected double precision,
    OUT judged bigint, OUT usual_rate double precision, OUT rate double precision, OUT probability double precision)
    RETURNS SETOF record LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 10 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    moment timestamptz := coalesce(alarms.at, now());
BEGIN
    RETURN QUERY
    WITH runs AS MATERIALIZED (
        SELECT floor(EXTRACT(epoch FROM moment - e.observed_at) / 3600)::integer AS age, sum(e.weight::double precision) AS judged
        FROM moderation.exposures e
        WHERE e.observed_at > moment - interval '72 hours' AND e.observed_at <= moment
        GROUP BY 1
    ), history AS MATERIALIZED (
        SELECT count(*) FILTER (WHERE r.age > 0) AS periods, sum(r.judged) FILTER (WHERE r.age > 0) AS judged,
               sum(r.judged * 0.98 ^ r.age) FILTER (WHERE r.age > 0) AS weighted,
               max(r.judged) FILTER (WHERE r.age = 0) AS now_judged
        FROM runs r
    ), passes AS (
        SELECT h.package_id, h.stage, h.item_id, floor(EXTRACT(epoch FROM moment - h.observed_at) / 3600)::integer AS age,
               count(DISTINCT (h.source_id, h.digest, h.content_key)) AS contents
        FROM moderation.hits h
        WHERE h.observed_at > moment - interval '72 hours' AND h.observed_at <= moment
        GROUP BY GROUPING SETS ((h.package_id, h.stage, 4), (h.package_id, h.stage, h.item_id, 4))
    ), rated AS (
        SELECT p.package_id, p.stage, p.item_id, coalesce(max(p.contents) FILTER (WHERE p.age = 0), 0) AS now_contents,
               coalesce(sum(p.contents * 0.98 ^ p.age) FILTER (WHERE p.age > 0), 0) AS weighted
        FROM passes p GROUP BY p.package_id, p.stage, p.item_id
    ), tested AS (
        SELECT r.*, y.now_judged, r.weighted / y.weighted AS usual, r.now_contents / y.now_judged AS rate,
               -- One content more than ever seen, spread over the history: an item that never hit has no rate of exactly 0.
               moderation.binomial_tail(r.now_contents, greatest(y.now_judged, r.now_contents)::bigint,
                   least(1.0, greatest(r.weighted, 1.0) / y.weighted)) AS tail
        FROM rated r CROSS JOIN history y
        WHERE y.periods >= 24 AND y.judged >= 4000 AND y.now_judged > 0 AND r.now_contents >= 5
    )
    SELECT q.name, t.stage, t.item_id,
           (SELECT v.term FROM moderation.item_versions v WHERE v.item_id = t.item_id ORDER BY v.added_in DESC LIMIT 1),
           t.now_contents, t.usual * t.now_judged, t.now_judged::bigint, t.usual, t.rate, t.tail
    FROM tested t JOIN moderation.packages q ON q.package_id = t.package_id
    WHERE t.tail <= 0.005 AND t.rate >= 1.25 * t.usual
    ORDER BY t.tail, q.name, t.item_id NULLS FIRST;
END
$fn$;
COMMENT ON FUNCTION moderation.alarms(timestamptz) IS 'Packages (item_id NULL) and items that hit unusually often in the hour before a moment: one-sided exact binomial test at 0.995 against the 71 hours before, weighted 0.98^age; at least 24 hours and 4,000 judged contents of history (estimated from the exposures), at least 5 contents, at least 1.25 times the usual rate (the rule of Coop, with a floor on the count).';

-- ---- Views ------------------------------------------------------------------------------------------------------

CREATE VIEW moderation.package_daily AS
    SELECT r.day, p.name AS package, r.stage, r.hits, r.contents, r.owners, r.kept_out, r.true_positives, r.false_positives,
           r.unsure, r.disputed,
           r.true_positives / nullif(r.true_positives + r.false_positives, 0)::double precision AS precision,
           i.low AS precision_low, i.high AS precision_high
    FROM moderation.rollup_days r
    JOIN moderation.packages p ON p.package_id = r.package_id
    CROSS JOIN LATERAL moderation.wilson_interval(r.true_positives, r.true_positives + r.false_positives) i
    WHERE r.item_id = 0 AND r.release = 0 AND r.day < (SELECT s.refreshed_through FROM moderation.rollup_state s)
    UNION ALL
    SELECT (h.observed_at AT TIME ZONE 'UTC')::date, p.name, h.stage, count(*),
           count(DISTINCT (h.source_id, h.content_key, h.digest)), count(DISTINCT h.owner_key),
           count(DISTINCT (h.source_id, h.content_key, h.digest)) FILTER (WHERE h.outcome <> 'flagged'),
           NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM moderation.hits h
    JOIN moderation.packages p ON p.package_id = h.package_id
    WHERE h.observed_at >= coalesce((SELECT s.refreshed_through::timestamp AT TIME ZONE 'UTC' FROM moderation.rollup_state s), '-infinity'::timestamptz)
      AND NOT EXISTS (SELECT FROM moderation.withdrawn_hits w WHERE w.hit_id = h.hit_id AND w.undone)
    GROUP BY 1, 2, 3;
COMMENT ON VIEW moderation.package_daily IS 'Per day (UTC), package and stage: hits, contents, owners, contents kept out (quarantined or rejected), and what reviewers said. Days before the last refresh_rollups() from the rollups, later ones from the hits.';
COMMENT ON COLUMN moderation.package_daily.day IS 'Day of the hits, UTC.';
COMMENT ON COLUMN moderation.package_daily.hits IS 'Rows of moderation.hits: one per content, digest, release and item.';
COMMENT ON COLUMN moderation.package_daily.contents IS 'Distinct contents with a hit.';
COMMENT ON COLUMN moderation.package_daily.owners IS 'Their distinct owners.';
COMMENT ON COLUMN moderation.package_daily.kept_out IS 'Of the contents, those quarantined or rejected.';
COMMENT ON COLUMN moderation.package_daily.true_positives IS 'Contents labelled violating; like the next six as of the last refresh, NULL for later days.';
COMMENT ON COLUMN moderation.package_daily.false_positives IS 'Contents labelled benign.';
COMMENT ON COLUMN moderation.package_daily.precision IS 'TP / (TP + FP); NULL without labels. With its Wilson 95 % interval.';

CREATE VIEW moderation.release_daily AS
    SELECT r.day, p.name AS package, r.release, r.stage, r.hits, r.contents, r.owners, r.kept_out, r.true_positives,
           r.false_positives, r.unsure, r.disputed
    FROM moderation.rollup_days r
    JOIN moderation.packages p ON p.package_id = r.package_id
    WHERE r.item_id = 0 AND r.release > 0;
COMMENT ON VIEW moderation.release_daily IS 'package_daily by release, as of the last refresh_rollups(). Columns as there.';

CREATE VIEW moderation.item_daily AS
    SELECT r.day, p.name AS package, r.stage, r.item_id, r.hits, r.contents, r.owners, r.kept_out, r.true_positives,
           r.false_positives, r.unsure, r.disputed
    FROM moderation.rollup_days r
    JOIN moderation.packages p ON p.package_id = r.package_id
    WHERE r.item_id > 0;
COMMENT ON VIEW moderation.item_daily IS 'package_daily by item, as of the last refresh_rollups(). Columns as there; filter by package or item.';

CREATE VIEW moderation.item_totals AS
    SELECT p.name AS package, r.stage, r.item_id,
           (SELECT v.term FROM moderation.item_versions v WHERE v.item_id = r.item_id ORDER BY v.added_in DESC LIMIT 1) AS term,
           r.hits, r.contents, r.true_positives, r.false_positives,
           r.true_positives / nullif(r.true_positives + r.false_positives, 0)::double precision AS precision,
           i.low AS precision_low, i.high AS precision_high, r.recent_hits,
           r.recent_true_positives / nullif(r.recent_true_positives + r.recent_false_positives, 0)::double precision AS recent_precision,
           r.first_day, r.last_day
    FROM moderation.rollup_items r
    JOIN moderation.packages p ON p.package_id = r.package_id
    CROSS JOIN LATERAL moderation.wilson_interval(r.true_positives, r.true_positives + r.false_positives) i;
COMMENT ON VIEW moderation.item_totals IS 'Lifetime figures of every item that ever hit, as of the last refresh_rollups(). item_stats() has more, from the hits.';
COMMENT ON COLUMN moderation.item_totals.contents IS 'Contents, counted once a day.';
COMMENT ON COLUMN moderation.item_totals.recent_hits IS 'Of the last 28 days.';

CREATE VIEW moderation.current_alarms AS
    SELECT a.package, a.stage, a.item_id, a.term, a.contents, a.expected, a.judged, a.usual_rate, a.rate, a.probability
    FROM moderation.alarms() a;
COMMENT ON VIEW moderation.current_alarms IS 'Packages and items that hit unusually often in the last hour: see alarms(). Reading it needs EXECUTE on that function.';
COMMENT ON COLUMN moderation.current_alarms.item_id IS 'NULL: the package as a whole.';
COMMENT ON COLUMN moderation.current_alarms.expected IS 'Contents that the history lets expect.';
COMMENT ON COLUMN moderation.current_alarms.probability IS 'Of as many contents or more at the usual rate.';
