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
CREATE INDEX rollup_days_day_idx ON moderation.rollup_days (day);
CREATE INDEX rollup_days_package_idx ON moderation.rollup_days (day) WHERE item_id = 0;
COMMENT ON TABLE moderation.rollup_days IS 'Figures per day (UTC) of the hit, made by refresh_rollups(); they outlive the hits. Three grains: package (release and item_id 0), release (item_id 0), item (release 0).';
COMMENT ON COLUMN moderation.rollup_days.contents IS 'Contents with a hit on that day; distinct within the day only, as owners are.';

CREATE TABLE moderation.rollup_labels (
    content         bigint NOT NULL,
    day             date NOT NULL,
    package_id      integer NOT NULL,
    stage           moderation.stage NOT NULL,
    release         integer NOT NULL,
    item_id         bigint NOT NULL,
    label           text NOT NULL CHECK (label = ANY (ARRAY['violating', 'benign', 'unsure', 'disputed'])),
    PRIMARY KEY (content, day, package_id, stage, release, item_id, label)
);
CREATE INDEX rollup_labels_day_idx ON moderation.rollup_labels (day);
COMMENT ON TABLE moderation.rollup_labels IS 'Labelled hits as of the last refresh_rollups(), by content (a hash of source and key) and day: what the label columns of rollup_days count, so that new reviews cost what they change and not the days they fall on.';

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
    first_hit timestamptz;
    last_hit timestamptz;
    days date[] := '{}';
    this_day date;
    day_start timestamptz;
    labelled_days date[];
    items bigint[];
BEGIN
    -- Refreshes queue up; readers do not wait.
    LOCK TABLE moderation.rollup_days IN SHARE ROW EXCLUSIVE MODE;
    PERFORM moderation.collect_rejected();
    SELECT * INTO state FROM moderation.rollup_state;
    SELECT min(h.observed_at), max(h.observed_at) INTO first_hit, last_hit FROM moderation.hits h;
    from_day := greatest(coalesce(refresh_rollups.since, CASE WHEN state.refreshed_through IS NOT NULL THEN least(state.refreshed_through, today) - 1 END,
                                  '-infinity'), (first_hit AT TIME ZONE 'UTC')::date);

    -- Hits, day by day: what is counted has to be sorted, and a day fits into memory.
    FOR this_day IN
        SELECT d::date FROM generate_series(from_day::timestamp, last_hit AT TIME ZONE 'UTC', interval '1 day') d
    LOOP
        day_start := this_day::timestamp AT TIME ZONE 'UTC';
        -- Days whose hits have expired keep their figures.
        CONTINUE WHEN NOT EXISTS (SELECT FROM moderation.hits h WHERE h.bucket = moderation.ring_bucket(day_start)
                                  AND h.observed_at >= day_start AND h.observed_at < day_start + interval '24 hours');
        days := days || this_day;
        DELETE FROM moderation.rollup_days r WHERE r.day = this_day;
        DELETE FROM moderation.rollup_labels l WHERE l.day = this_day;
        INSERT INTO moderation.rollup_days
            (day, package_id, stage, release, item_id, hits, contents, owners, kept_out, true_positives, false_positives, unsure, disputed)
        SELECT this_day, g.package_id, g.stage, coalesce(g.release, 0), coalesce(g.item_id, 0), count(*),
               count(DISTINCT g.content), count(DISTINCT g.owner_key), count(DISTINCT g.content) FILTER (WHERE g.outcome <> 'flagged'), 0, 0, 0, 0
        FROM (SELECT h.package_id, h.stage, h.release, h.item_id, h.owner_key, h.outcome,
                     hashtextextended(coalesce(h.content_key, encode(h.digest, 'hex')), h.source_id) AS content
              FROM moderation.hits h
              WHERE h.bucket = moderation.ring_bucket(day_start)
                AND h.observed_at >= day_start AND h.observed_at < day_start + interval '24 hours') g
        GROUP BY GROUPING SETS ((g.package_id, g.stage), (g.package_id, g.stage, g.release), (g.package_id, g.stage, g.item_id));
    END LOOP;

    -- Labels of contents reviewed since the last time, and of reviewed contents among the hits counted above: what such a
    -- content counted before is taken away, what it counts now is added.
    WITH touched AS MATERIALIZED (
        SELECT r.source_id, r.content_key FROM moderation.reviews r
        WHERE state.refreshed_at IS NULL OR r.reviewed_at >= state.refreshed_at - interval '1 hour'
        UNION
        SELECT r.source_id, r.content_key
        FROM moderation.hits h
        JOIN moderation.reviews r ON r.source_id = h.source_id AND left(r.content_key, 200) = left(h.content_key, 200) AND r.content_key = h.content_key
        WHERE state.refreshed_at IS NOT NULL AND h.observed_at >= from_day::timestamp AT TIME ZONE 'UTC'
    ), gone AS (
        DELETE FROM moderation.rollup_labels l
        USING (SELECT DISTINCT hashtextextended(t.content_key, t.source_id) AS content FROM touched t) c
        WHERE l.content = c.content AND l.day >= (first_hit AT TIME ZONE 'UTC')::date
        RETURNING l.content, l.day, l.package_id, l.stage, l.release, l.item_id, l.label
    ), delta AS (
        SELECT f.day, f.package_id, f.stage, coalesce(f.release, 0) AS release, coalesce(f.item_id, 0) AS item_id,
               count(DISTINCT f.content) FILTER (WHERE f.label = 'violating') AS tp, count(DISTINCT f.content) FILTER (WHERE f.label = 'benign') AS fp,
               count(DISTINCT f.content) FILTER (WHERE f.label = 'unsure') AS unsure, count(DISTINCT f.content) FILTER (WHERE f.label = 'disputed') AS disputed
        FROM gone f
        GROUP BY GROUPING SETS ((f.day, f.package_id, f.stage), (f.day, f.package_id, f.stage, f.release), (f.day, f.package_id, f.stage, f.item_id))
    ), updated AS (
        UPDATE moderation.rollup_days r
        SET true_positives = r.true_positives - d.tp, false_positives = r.false_positives - d.fp, unsure = r.unsure - d.unsure,
            disputed = r.disputed - d.disputed
        FROM delta d
        WHERE r.package_id = d.package_id AND r.item_id = d.item_id AND r.release = d.release AND r.stage = d.stage AND r.day = d.day
        RETURNING r.day, r.item_id
    )
    SELECT coalesce(array_agg(DISTINCT u.day), '{}'), coalesce(array_agg(DISTINCT u.item_id), '{}') INTO labelled_days, items FROM updated u;
    WITH touched AS MATERIALIZED (
        SELECT r.source_id, r.content_key FROM moderation.reviews r
        WHERE state.refreshed_at IS NULL OR r.reviewed_at >= state.refreshed_at - interval '1 hour'
        UNION
        SELECT r.source_id, r.content_key
        FROM moderation.hits h
        JOIN moderation.reviews r ON r.source_id = h.source_id AND left(r.content_key, 200) = left(h.content_key, 200) AND r.content_key = h.content_key
        WHERE state.refreshed_at IS NOT NULL AND h.observed_at >= from_day::timestamp AT TIME ZONE 'UTC'
    ), fresh AS (
        INSERT INTO moderation.rollup_labels (content, day, package_id, stage, release, item_id, label)
        SELECT DISTINCT hashtextextended(h.content_key, h.source_id), (h.observed_at AT TIME ZONE 'UTC')::date, h.package_id, h.stage, h.release,
               h.item_id, x.label
        FROM touched t
        JOIN moderation.hits h ON h.source_id = t.source_id AND left(h.content_key, 200) = left(t.content_key, 200) AND h.content_key = t.content_key
        LEFT JOIN moderation.releases r ON r.package_id = h.package_id AND r.release = h.release
        LEFT JOIN moderation.policies p ON p.name = r.policy
        -- The order of hit_labels: of the hit before of the content, under its policy before under none.
        CROSS JOIN LATERAL (
            SELECT CASE WHEN l.disputed THEN 'disputed' ELSE l.label::text END AS label
            FROM moderation.labels l
            WHERE l.source_id = h.source_id AND left(l.content_key, 200) = left(h.content_key, 200) AND l.content_key = h.content_key
              AND (l.hit_id IS NULL OR l.hit_id = h.hit_id) AND (l.policy_id IS NULL OR l.policy_id = p.policy_id)
            ORDER BY l.hit_id IS NULL, l.policy_id IS NULL LIMIT 1) x
        ON CONFLICT DO NOTHING
        RETURNING content, day, package_id, stage, release, item_id, label
    ), delta AS (
        SELECT f.day, f.package_id, f.stage, coalesce(f.release, 0) AS release, coalesce(f.item_id, 0) AS item_id,
               count(DISTINCT f.content) FILTER (WHERE f.label = 'violating') AS tp, count(DISTINCT f.content) FILTER (WHERE f.label = 'benign') AS fp,
               count(DISTINCT f.content) FILTER (WHERE f.label = 'unsure') AS unsure, count(DISTINCT f.content) FILTER (WHERE f.label = 'disputed') AS disputed
        FROM fresh f
        GROUP BY GROUPING SETS ((f.day, f.package_id, f.stage), (f.day, f.package_id, f.stage, f.release), (f.day, f.package_id, f.stage, f.item_id))
    ), updated AS (
        UPDATE moderation.rollup_days r
        SET true_positives = r.true_positives + d.tp, false_positives = r.false_positives + d.fp, unsure = r.unsure + d.unsure,
            disputed = r.disputed + d.disputed
        FROM delta d
        WHERE r.package_id = d.package_id AND r.item_id = d.item_id AND r.release = d.release AND r.stage = d.stage AND r.day = d.day
        RETURNING r.day, r.item_id
    )
    SELECT labelled_days || coalesce(array_agg(DISTINCT u.day), '{}'), items || coalesce(array_agg(DISTINCT u.item_id), '{}') INTO labelled_days, items
    FROM updated u;

    -- Items whose days changed, or that have one which left the recent 28 since.
    items := ARRAY(SELECT u.item_id FROM unnest(items) u(item_id)
                   UNION SELECT r.item_id FROM moderation.rollup_days r
                   WHERE r.day = ANY (days) OR (r.day > least(state.refreshed_through, today) - 28 AND r.day <= greatest(state.refreshed_through, today) - 28));
    INSERT INTO moderation.rollup_items AS i
    SELECT r.package_id, r.stage, r.item_id, sum(r.hits), sum(r.contents), sum(r.true_positives), sum(r.false_positives),
           coalesce(sum(r.hits) FILTER (WHERE r.day > today - 28), 0), coalesce(sum(r.true_positives) FILTER (WHERE r.day > today - 28), 0),
           coalesce(sum(r.false_positives) FILTER (WHERE r.day > today - 28), 0), min(r.day), max(r.day)
    FROM moderation.rollup_days r
    WHERE r.item_id > 0 AND r.item_id = ANY (items)
    GROUP BY r.package_id, r.stage, r.item_id
    ON CONFLICT ON CONSTRAINT rollup_items_pkey DO UPDATE
    SET hits = excluded.hits, contents = excluded.contents, true_positives = excluded.true_positives, false_positives = excluded.false_positives,
        recent_hits = excluded.recent_hits, recent_true_positives = excluded.recent_true_positives,
        recent_false_positives = excluded.recent_false_positives, first_day = excluded.first_day, last_day = excluded.last_day
    WHERE (i.hits, i.contents, i.true_positives, i.false_positives, i.recent_hits, i.recent_true_positives, i.recent_false_positives, i.last_day)
          IS DISTINCT FROM (excluded.hits, excluded.contents, excluded.true_positives, excluded.false_positives, excluded.recent_hits,
                            excluded.recent_true_positives, excluded.recent_false_positives, excluded.last_day);
    INSERT INTO moderation.rollup_state (refreshed_through, refreshed_at) VALUES (today, now())
    ON CONFLICT ON CONSTRAINT rollup_state_pkey DO UPDATE SET refreshed_through = today, refreshed_at = now();
    RETURN (SELECT count(DISTINCT d) FROM unnest(days || labelled_days) d);
END
$fn$;
COMMENT ON FUNCTION moderation.refresh_rollups(date) IS 'Brings the rollups up to date: the hits of yesterday and today are counted, and the labels of contents reviewed since the last time; everything the first time; from since on when given (after a clock went back, or to repair). Returns how many days it looked at. Run it daily, from cron or pg_cron, or as often as you like.';

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
    visible constant integer[] := moderation.visible_packages();
    readable constant integer[] := moderation.readable_packages();
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
           CASE WHEN t.package_id = ANY (readable)
                THEN (SELECT v.term FROM moderation.item_versions v WHERE v.item_id = t.item_id ORDER BY v.added_in DESC LIMIT 1) END,
           t.now_contents, t.usual * t.now_judged, t.now_judged::bigint, t.usual, t.rate, t.tail
    FROM tested t JOIN moderation.packages q ON q.package_id = t.package_id
    WHERE t.package_id = ANY (visible) AND t.tail <= 0.005 AND t.rate >= 1.25 * t.usual
    ORDER BY t.tail, q.name, t.item_id NULLS FIRST;
END
$fn$;
COMMENT ON FUNCTION moderation.alarms(timestamptz) IS 'Packages (item_id NULL) and items that hit unusually often in the hour before a moment: one-sided exact binomial test at 0.995 against the 71 hours before, weighted 0.98^age; at least 24 hours and 4,000 judged contents of history (estimated from the exposures), at least 5 contents, at least 1.25 times the usual rate (the rule of Coop, with a floor on the count).';

-- ---- Views ------------------------------------------------------------------------------------------------------

CREATE VIEW moderation.package_daily WITH (security_barrier) AS
    SELECT r.day, p.name AS package, r.stage, r.hits, r.contents, r.owners, r.kept_out, r.true_positives, r.false_positives,
           r.unsure, r.disputed,
           r.true_positives / nullif(r.true_positives + r.false_positives, 0)::double precision AS precision,
           moderation.wilson_low(r.true_positives, r.true_positives + r.false_positives) AS precision_low,
           moderation.wilson_high(r.true_positives, r.true_positives + r.false_positives) AS precision_high
    FROM moderation.rollup_days r
    JOIN moderation.packages p ON p.package_id = r.package_id
    WHERE p.package_id = ANY ((SELECT moderation.visible_packages())::integer[])
      AND r.item_id = 0 AND r.release = 0 AND r.day < (SELECT s.refreshed_through FROM moderation.rollup_state s)
    UNION ALL
    SELECT g.day, p.name, g.stage, g.hits, g.contents, g.owners, g.kept_out, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM (
        SELECT n.day, n.package_id, n.stage, count(*) AS hits, count(DISTINCT n.content) AS contents, count(DISTINCT n.owner_key) AS owners,
               count(DISTINCT n.content) FILTER (WHERE n.outcome <> 'flagged') AS kept_out
        FROM (SELECT (h.observed_at AT TIME ZONE 'UTC')::date AS day, h.package_id, h.stage, h.owner_key, h.outcome,
                     hashtextextended(coalesce(h.content_key, encode(h.digest, 'hex')), h.source_id) AS content
              FROM moderation.hits h
              WHERE h.observed_at >= coalesce((SELECT s.refreshed_through::timestamp AT TIME ZONE 'UTC' FROM moderation.rollup_state s), '-infinity'::timestamptz)
                AND NOT EXISTS (SELECT FROM moderation.withdrawn_hits w WHERE w.hit_id = h.hit_id AND w.undone)) n
        GROUP BY n.day, n.package_id, n.stage) g
    JOIN moderation.packages p ON p.package_id = g.package_id
    WHERE p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]);
COMMENT ON VIEW moderation.package_daily IS 'Per day (UTC), package and stage: hits, contents, owners, contents kept out (quarantined or rejected), and what reviewers said. Days before the last refresh_rollups() from the rollups, later ones from the hits.';
COMMENT ON COLUMN moderation.package_daily.day IS 'Day of the hits, UTC.';
COMMENT ON COLUMN moderation.package_daily.hits IS 'Rows of moderation.hits: one per content, digest, release and item.';
COMMENT ON COLUMN moderation.package_daily.contents IS 'Distinct contents with a hit.';
COMMENT ON COLUMN moderation.package_daily.owners IS 'Their distinct owners.';
COMMENT ON COLUMN moderation.package_daily.kept_out IS 'Of the contents, those quarantined or rejected.';
COMMENT ON COLUMN moderation.package_daily.true_positives IS 'Contents labelled violating; like the next six as of the last refresh, NULL for later days.';
COMMENT ON COLUMN moderation.package_daily.false_positives IS 'Contents labelled benign.';
COMMENT ON COLUMN moderation.package_daily.precision IS 'TP / (TP + FP); NULL without labels. With its Wilson 95 % interval.';

CREATE VIEW moderation.release_daily WITH (security_barrier) AS
    SELECT r.day, p.name AS package, r.release, r.stage, r.hits, r.contents, r.owners, r.kept_out, r.true_positives,
           r.false_positives, r.unsure, r.disputed
    FROM moderation.rollup_days r
    JOIN moderation.packages p ON p.package_id = r.package_id
    WHERE r.item_id = 0 AND r.release > 0 AND p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]);
COMMENT ON VIEW moderation.release_daily IS 'package_daily by release, as of the last refresh_rollups(). Columns as there.';

CREATE VIEW moderation.item_daily WITH (security_barrier) AS
    SELECT r.day, p.name AS package, r.stage, r.item_id, r.hits, r.contents, r.owners, r.kept_out, r.true_positives,
           r.false_positives, r.unsure, r.disputed
    FROM moderation.rollup_days r
    JOIN moderation.packages p ON p.package_id = r.package_id
    WHERE r.item_id > 0 AND p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]);
COMMENT ON VIEW moderation.item_daily IS 'package_daily by item, as of the last refresh_rollups(). Columns as there; filter by package or item.';

CREATE VIEW moderation.item_totals WITH (security_barrier) AS
    SELECT p.name AS package, r.stage, r.item_id,
           CASE WHEN p.package_id = ANY ((SELECT moderation.readable_packages())::integer[])
                THEN (SELECT v.term FROM moderation.item_versions v WHERE v.item_id = r.item_id ORDER BY v.added_in DESC LIMIT 1) END AS term,
           r.hits, r.contents, r.true_positives, r.false_positives,
           r.true_positives / nullif(r.true_positives + r.false_positives, 0)::double precision AS precision,
           moderation.wilson_low(r.true_positives, r.true_positives + r.false_positives) AS precision_low,
           moderation.wilson_high(r.true_positives, r.true_positives + r.false_positives) AS precision_high, r.recent_hits,
           r.recent_true_positives / nullif(r.recent_true_positives + r.recent_false_positives, 0)::double precision AS recent_precision,
           r.first_day, r.last_day
    FROM moderation.rollup_items r
    JOIN moderation.packages p ON p.package_id = r.package_id
    WHERE p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]);
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
