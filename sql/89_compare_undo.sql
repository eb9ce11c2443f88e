-- What two releases found of the same contents; what a release or an item did, and how it is undone.

CREATE TYPE moderation.release_comparison AS (
    item_id bigint, term text, contents_a bigint, contents_b bigint, both_hit bigint, only_a bigint, only_b bigint,
    agreement double precision, both_violating bigint, both_benign bigint, only_a_violating bigint, only_a_benign bigint,
    only_b_violating bigint, only_b_benign bigint);
COMMENT ON TYPE moderation.release_comparison IS 'A row of compare_releases(): an item, or (item_id NULL) the package as a whole, where contents count on which it acts. agreement: both_hit of all that either hits. violating and benign: contents so labelled.';

CREATE FUNCTION moderation.in_force_periods(package_id integer, release integer) RETURNS tstzmultirange
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT coalesce(range_agg(tstzrange(p.since, p.until)), '{}')
        FROM (SELECT d.release, d.rest, d.since, lead(d.since) OVER (PARTITION BY d.stage ORDER BY d.deployment_id) AS until
              FROM moderation.deployments d WHERE d.package_id = in_force_periods.package_id) p
        WHERE in_force_periods.release IN (p.release, p.rest) AND (p.until IS NULL OR p.until > p.since);
    END;
COMMENT ON FUNCTION moderation.in_force_periods(integer, integer) IS 'When a release was in force, live or shadow.';

CREATE FUNCTION moderation.compare_releases(package text, a integer, b integer, since timestamptz DEFAULT NULL)
    RETURNS SETOF moderation.release_comparison
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target integer := moderation.find_package(package);
    missing integer;
    readable constant integer[] := moderation.readable_packages();
    periods tstzmultirange;
BEGIN
    SELECT n INTO missing FROM unnest(ARRAY[a, b]) n
    WHERE NOT EXISTS (SELECT FROM moderation.releases r WHERE r.package_id = target AND r.release = n) LIMIT 1;
    IF missing IS NOT NULL OR a IS NULL OR b IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" has no release %s', package, coalesce(missing::text, 'NULL')),
            DETAIL = 'Releases are numbered from 1, in the order they were published.',
            HINT = 'Releases are listed in moderation.releases.';
    END IF;
    -- Only what both could see: while one was live and the other in shadow.
    periods := moderation.in_force_periods(target, a) * moderation.in_force_periods(target, b);
    IF since IS NOT NULL THEN
        periods := periods * tstzmultirange(tstzrange(since, NULL));
    END IF;
    RETURN QUERY
    WITH hit AS MATERIALIZED (
        SELECT h.source_id, h.content_key, h.digest, h.release, h.item_id, max(h.score) AS score
        FROM moderation.hits h
        WHERE h.package_id = target AND h.release IN (a, b) AND h.observed_at <@ periods
        GROUP BY h.source_id, h.content_key, h.digest, h.release, h.item_id
    ), acts AS (
        SELECT h.source_id, h.content_key, h.digest, h.release, NULL::bigint AS item_id
        FROM hit h JOIN moderation.releases r ON r.package_id = target AND r.release = h.release
        GROUP BY h.source_id, h.content_key, h.digest, h.release, r.threshold HAVING sum(h.score) >= r.threshold
    ), side AS (
        SELECT u.source_id, u.content_key, u.digest, u.item_id, bool_or(u.release = a) AS by_a, bool_or(u.release = b) AS by_b
        FROM (SELECT h.source_id, h.content_key, h.digest, h.release, h.item_id FROM hit h UNION ALL SELECT * FROM acts) u
        GROUP BY u.source_id, u.content_key, u.digest, u.item_id
    ), label AS MATERIALIZED (
        SELECT DISTINCT ON (l.source_id, l.content_key) l.source_id, l.content_key, l.label
        FROM moderation.labels l
        WHERE l.hit_id IS NULL AND l.label IS NOT NULL
          AND (l.policy_id IS NULL OR l.policy_id = (SELECT p.policy_id FROM moderation.packages p WHERE p.package_id = target))
        ORDER BY l.source_id, l.content_key, l.policy_id
    )
    SELECT s.item_id,
           (SELECT v.term FROM moderation.item_versions v WHERE v.item_id = s.item_id AND target = ANY (readable)
              AND v.added_in <= greatest(a, b) AND (v.removed_in IS NULL OR v.removed_in > least(a, b))
            ORDER BY v.added_in DESC LIMIT 1),
           count(*) FILTER (WHERE s.by_a), count(*) FILTER (WHERE s.by_b), count(*) FILTER (WHERE s.by_a AND s.by_b),
           count(*) FILTER (WHERE NOT s.by_b), count(*) FILTER (WHERE NOT s.by_a),
           count(*) FILTER (WHERE s.by_a AND s.by_b) / count(*)::double precision,
           count(*) FILTER (WHERE s.by_a AND s.by_b AND l.label = 'violating'),
           count(*) FILTER (WHERE s.by_a AND s.by_b AND l.label = 'benign'),
           count(*) FILTER (WHERE NOT s.by_b AND l.label = 'violating'), count(*) FILTER (WHERE NOT s.by_b AND l.label = 'benign'),
           count(*) FILTER (WHERE NOT s.by_a AND l.label = 'violating'), count(*) FILTER (WHERE NOT s.by_a AND l.label = 'benign')
    FROM side s LEFT JOIN label l ON l.source_id = s.source_id AND l.content_key = s.content_key
    GROUP BY s.item_id
    ORDER BY s.item_id IS NOT NULL, count(*) FILTER (WHERE s.by_a <> s.by_b) DESC, s.item_id;
END
$fn$;
COMMENT ON FUNCTION moderation.compare_releases(text, integer, integer, timestamptz) IS 'What two releases found of the contents that both judged, from recorded hits: usually the live one and the shadow. The first row is the package as a whole, then items, those that differ most first.';

-- Undo.

CREATE FUNCTION moderation.effects_of(
    package text, release integer DEFAULT NULL, item_id bigint DEFAULT NULL, OUT effect text, OUT source regclass,
    OUT content_key text, OUT of_item bigint, OUT of_release integer, OUT action moderation.action, OUT observed_at timestamptz,
    OUT hit_id uuid, OUT quarantine_id bigint)
    RETURNS SETOF record
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1000 SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target integer := moderation.find_package(package);
BEGIN
    RETURN QUERY
    SELECT 'hit', s.relation, h.content_key, h.item_id, h.release, h.action, h.observed_at, h.hit_id, NULL::bigint
    FROM moderation.hits h LEFT JOIN moderation.sources s ON s.source_id = h.source_id
    WHERE h.package_id = target AND h.stage = 'live'
      AND (effects_of.release IS NULL OR h.release = effects_of.release)
      AND (effects_of.item_id IS NULL OR h.item_id = effects_of.item_id)
      AND NOT EXISTS (SELECT FROM moderation.withdrawn_hits w WHERE w.hit_id = h.hit_id)
    UNION ALL
    SELECT 'quarantine', s.relation, q.content_key, NULL::bigint, (q.hit ->> 'release')::integer, (q.hit ->> 'action')::moderation.action,
           q.quarantined_at, NULL::uuid, q.quarantine_id
    FROM (SELECT DISTINCT ON (k.quarantine_id) k.*, x.hit
          FROM moderation.quarantine k CROSS JOIN LATERAL jsonb_array_elements(k.verdict -> 'hits') AS x(hit)
          WHERE k.resolution IS NULL AND x.hit ->> 'package' = package AND x.hit ->> 'action' = 'block'
            AND (effects_of.release IS NULL OR (x.hit ->> 'release')::integer = effects_of.release)
            AND (effects_of.item_id IS NULL OR (x.hit ->> 'item')::bigint = effects_of.item_id)
          ORDER BY k.quarantine_id) q
    LEFT JOIN moderation.sources s ON s.source_id = q.source_id;
END
$fn$;
COMMENT ON FUNCTION moderation.effects_of(text, integer, bigint) IS 'What a release, or an item of the package, did and what still stands: live hits not withdrawn, and rows in quarantine.';

CREATE FUNCTION moderation.still_blocked(quarantine_id bigint) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT coalesce((
            SELECT (moderation.moderate(
                        (SELECT coalesce(jsonb_object_agg(c.key, c.value), '{}') FROM jsonb_each(k.content) c
                         WHERE c.key = ANY (a.fields || a.images || a.videos)),
                        image => a.images::text[], video => a.videos::text[], content_key => k.content_key)).action
                   IS NOT DISTINCT FROM 'block'::moderation.action OR a.key IS NULL
            FROM moderation.quarantine k
            JOIN moderation.sources s ON s.source_id = k.source_id
            LEFT JOIN LATERAL moderation.attached_columns(s.relation) a ON true
            WHERE k.quarantine_id = still_blocked.quarantine_id), true);
    END;
COMMENT ON FUNCTION moderation.still_blocked(bigint) IS 'Internal: would what is live now keep this quarantined row out as well? True also when its table is no longer attached.';

CREATE FUNCTION moderation.withdraw_effects(
    call text, package text, release integer, item_id bigint, note text, released bigint, kept bigint) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target integer := moderation.find_package(package);
    withdrawn bigint;
BEGIN
    INSERT INTO moderation.withdrawn_hits (hit_id, withdrawn_by, reason, undone)
    SELECT e.hit_id, moderation.caller(), concat_ws(': ', call, note), true
    FROM moderation.effects_of(package, withdraw_effects.release, withdraw_effects.item_id) e WHERE e.effect = 'hit'
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS withdrawn = ROW_COUNT;
    -- What a rescan had withdrawn before is undone with it.
    UPDATE moderation.withdrawn_hits w SET undone = true FROM moderation.hits h
    WHERE h.hit_id = w.hit_id AND NOT w.undone AND h.package_id = target AND h.stage = 'live'
      AND (withdraw_effects.release IS NULL OR h.release = withdraw_effects.release)
      AND (withdraw_effects.item_id IS NULL OR h.item_id = withdraw_effects.item_id);
    PERFORM moderation.count_strikes(s.source_id, s.content_key)
    FROM (SELECT DISTINCT k.source_id, k.content_key FROM moderation.owner_strikes k
          JOIN moderation.hits h ON h.source_id = k.source_id AND left(h.content_key, 200) = left(k.content_key, 200) AND h.content_key = k.content_key
          WHERE k.package_id = target AND h.package_id = target AND h.stage = 'live'
            AND (withdraw_effects.release IS NULL OR h.release = withdraw_effects.release)
            AND (withdraw_effects.item_id IS NULL OR h.item_id = withdraw_effects.item_id)) s;
    PERFORM moderation.audit(call, package, jsonb_strip_nulls(jsonb_build_object('release', release, 'item_id', item_id)),
                             jsonb_build_object('hits_withdrawn', withdrawn, 'quarantined_released', released, 'quarantined_kept', kept), note);
    RETURN withdrawn;
END
$fn$;
COMMENT ON FUNCTION moderation.withdraw_effects(text, text, integer, bigint, text, bigint, bigint) IS 'Internal: withdraws hits, and the strikes that rest on them, and writes the audit entry of an undo.';

CREATE FUNCTION moderation.undo_effects(
    call text, package text, release integer, item_id bigint, note text, OUT hits_withdrawn bigint, OUT rows_judged_again bigint,
    OUT quarantined_released bigint, OUT quarantined_kept bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' SET IntervalStyle = 'postgres' SET TimeZone = 'UTC'
    SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $fn$
DECLARE
    entry record;
    attached record;
    written bigint;
    touched jsonb;
BEGIN
    rows_judged_again := 0;
    quarantined_released := 0;
    quarantined_kept := 0;
    SELECT jsonb_object_agg(t.source, t.keys) INTO touched FROM (
        SELECT e.source::oid::text AS source, jsonb_agg(DISTINCT e.content_key) AS keys
        FROM moderation.effects_of(package, release, item_id) e
        WHERE e.effect = 'hit' AND e.source IS NOT NULL AND e.content_key IS NOT NULL GROUP BY 1) t;
    FOR entry IN SELECT * FROM moderation.effects_of(package, release, item_id) e WHERE e.effect = 'quarantine' ORDER BY e.quarantine_id LOOP
        IF moderation.still_blocked(entry.quarantine_id) THEN
            quarantined_kept := quarantined_kept + 1;
        ELSE
            PERFORM moderation.release_quarantined(entry.quarantine_id, concat_ws(': ', call, note));
            quarantined_released := quarantined_released + 1;
        END IF;
    END LOOP;
    hits_withdrawn := moderation.withdraw_effects(call, package, release, item_id, note, quarantined_released, quarantined_kept);
    -- Verdict columns follow what is live now.
    FOR entry IN SELECT t.key::oid::regclass AS relation, t.value AS keys FROM jsonb_each(coalesce(touched, '{}')) t LOOP
        SELECT a.*, format_type(c.atttypid, c.atttypmod) AS key_type INTO attached
        FROM moderation.attached_columns(entry.relation) a JOIN pg_attribute c ON c.attrelid = entry.relation AND c.attname = a.key;
        CONTINUE WHEN attached.verdict IS NULL;
        PERFORM moderation.rescanning(attached.source_id, concat_ws(': ', call, note));
        EXECUTE format('UPDATE %s AS s SET %2$I = s.%2$I WHERE s.%3$I = ANY ($1::%4$s[])',
                       entry.relation, attached.verdict, attached.key, attached.key_type)
        USING ARRAY(SELECT jsonb_array_elements_text(entry.keys));
        GET DIAGNOSTICS written = ROW_COUNT;
        PERFORM moderation.rescanning(NULL, NULL);
        rows_judged_again := rows_judged_again + written;
    END LOOP;
END
$fn$;
COMMENT ON FUNCTION moderation.undo_effects(text, text, integer, bigint, text) IS 'Internal: what undo_release() and undo_item() share. Rows are released and written with the caller''s rights.';

CREATE FUNCTION moderation.undo_release(
    name text, release integer, note text DEFAULT NULL, OUT hits_withdrawn bigint, OUT rows_judged_again bigint,
    OUT quarantined_released bigint, OUT quarantined_kept bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF release IS NULL OR release = moderation.mostly_live(moderation.find_package(name)) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('release %s of package "%s" is live', coalesce(release::text, 'NULL'), name),
            DETAIL = 'What it did would be done again by the next row.',
            HINT = format('Take it out of force first: SELECT moderation.rollback_package(%L);', name);
    END IF;
    SELECT u.* INTO hits_withdrawn, rows_judged_again, quarantined_released, quarantined_kept
    FROM moderation.undo_effects('undo_release', name, release, NULL, note) u;
END
$fn$;
COMMENT ON FUNCTION moderation.undo_release(text, integer, text) IS 'Undoes what a release did that is not live any more: withdraws its hits, judges the rows again, releases from quarantine what nothing live would keep out. One transaction, one audit entry; effects_of() lists it beforehand.';

CREATE FUNCTION moderation.item_counts(item_id bigint, OUT package text, OUT counts boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT p.name,
               EXISTS (SELECT FROM moderation.item_versions v
                       WHERE v.item_id = i.item_id AND v.added_in <= moderation.mostly_live(p.package_id)
                         AND (v.removed_in IS NULL OR v.removed_in > moderation.mostly_live(p.package_id)))
               AND NOT EXISTS (SELECT FROM (SELECT o.effect, o.until FROM moderation.item_overrides o
                                            WHERE o.item_id = i.item_id ORDER BY o.override_id DESC LIMIT 1) n
                               WHERE n.effect <> 'normal' AND (n.until IS NULL OR n.until > now()))
        FROM moderation.items i JOIN moderation.packages p ON p.package_id = i.package_id
        WHERE i.item_id = item_counts.item_id;
    END;
COMMENT ON FUNCTION moderation.item_counts(bigint) IS 'Internal: the package of an item, and whether it is enforced now.';

CREATE FUNCTION moderation.undo_item(
    item_id bigint, note text DEFAULT NULL, OUT hits_withdrawn bigint, OUT rows_judged_again bigint,
    OUT quarantined_released bigint, OUT quarantined_kept bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    item record;
BEGIN
    SELECT * INTO item FROM moderation.item_counts(item_id);
    IF item.package IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('there is no item %s', coalesce(item_id::text, 'NULL')),
            DETAIL = 'No package ever had it.', HINT = 'Item ids are in moderation.current_items and moderation.recent_hits.';
    END IF;
    IF item.counts THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('item %s of package "%s" is enforced', item_id, item.package),
            DETAIL = 'What it did would be done again by the next row.',
            HINT = format('Stop it first: SELECT moderation.snooze_items(%L, ARRAY[%s], reason => ''...'');', item.package, item_id);
    END IF;
    SELECT u.* INTO hits_withdrawn, rows_judged_again, quarantined_released, quarantined_kept
    FROM moderation.undo_effects('undo_item', item.package, NULL, item_id, note) u;
END
$fn$;
COMMENT ON FUNCTION moderation.undo_item(bigint, text) IS 'Undoes what an item did that is snoozed or no longer live: withdraws its hits, judges the rows again, releases from quarantine what nothing live would keep out. One transaction, one audit entry.';
