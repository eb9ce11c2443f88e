-- What a release says, and what is different between two.

CREATE FUNCTION moderation.release_settings(package_id integer, release integer) RETURNS jsonb
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT CASE WHEN release_settings.release IS NULL
            THEN (SELECT jsonb_build_object('action', p.action, 'threshold', p.threshold, 'policy', o.name, 'severity', o.severity,
                                            'max_distance', p.max_distance, 'rules', p.rules)
                  FROM moderation.packages p LEFT JOIN moderation.policies o ON o.policy_id = p.policy_id
                  WHERE p.package_id = release_settings.package_id)
            ELSE (SELECT jsonb_build_object('action', r.action, 'threshold', r.threshold, 'policy', r.policy, 'severity', r.severity,
                                            'max_distance', r.max_distance, 'rules', r.rules)
                  FROM moderation.releases r
                  WHERE r.package_id = release_settings.package_id AND r.release = release_settings.release) END;
    END;
COMMENT ON FUNCTION moderation.release_settings(integer, integer) IS 'Internal: the frozen settings of a release, or those of the draft (NULL); NULL if there is no such release.';

CREATE FUNCTION moderation.release_items(package_id integer, release integer)
    RETURNS TABLE (item_id bigint, term text, element bytea, content jsonb)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT v.item_id, coalesce(v.term, v.label, v.hash::text), moderation.item_element(v.item_hash, v.weight, v.valid_from, v.expires_at),
               to_jsonb(v) - ARRAY['item_id', 'package_id', 'added_in', 'removed_in', 'item_hash', 'changed_at', 'changed_by']
                   || CASE WHEN v.kind = 'video' THEN jsonb_build_object('frames', cardinality(v.frames)) ELSE '{}' END
        FROM moderation.item_versions v
        WHERE v.package_id = release_items.package_id
          AND CASE WHEN release_items.release IS NULL THEN v.removed_in IS NULL
                   ELSE v.added_in <= release_items.release
                        AND (v.removed_in IS NULL OR v.removed_in > release_items.release) END;
    END;
COMMENT ON FUNCTION moderation.release_items(integer, integer) IS 'Internal: the items of a release, or of the draft (NULL), with what they say; of an image or video, term is its label, or its hash, and frames is their number.';

CREATE FUNCTION moderation.diff_releases(name text, a integer, b integer DEFAULT NULL)
    RETURNS TABLE (item_id bigint, term text, change text, before jsonb, after jsonb)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target integer := moderation.find_package(name);
    missing integer;
BEGIN
    PERFORM moderation.check_readable(target);
    SELECT r INTO missing FROM unnest(ARRAY[a, b]) r WHERE moderation.release_settings(target, r) IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" has no release %s', diff_releases.name, missing),
            DETAIL = 'Releases are numbered from 1, in the order they were published; NULL is the draft.',
            HINT = 'Releases are listed in moderation.releases.';
    END IF;
    RETURN QUERY
    WITH old AS MATERIALIZED (
        SELECT * FROM moderation.release_items(target, a)
    ), new AS MATERIALIZED (
        SELECT * FROM moderation.release_items(target, b)
    ), differs AS (
        SELECT coalesce(o.item_id, n.item_id) AS item_id, coalesce(n.term, o.term) AS term, o.content AS was, n.content AS is_now,
               o.element AS old_element, n.element AS new_element
        FROM old o FULL JOIN new n ON n.item_id = o.item_id
        WHERE o.element IS DISTINCT FROM n.element
    )
    SELECT NULL::bigint, NULL::text, 'settings',
           (SELECT jsonb_object_agg(s.key, s.value) FROM jsonb_each(moderation.release_settings(target, a)) s
            WHERE s.value <> moderation.release_settings(target, b)->s.key),
           (SELECT jsonb_object_agg(s.key, s.value) FROM jsonb_each(moderation.release_settings(target, b)) s
            WHERE s.value <> moderation.release_settings(target, a)->s.key)
    WHERE moderation.release_settings(target, a) <> moderation.release_settings(target, b)
    UNION ALL
    (SELECT d.item_id, d.term,
            CASE WHEN d.was IS NULL THEN 'added' WHEN d.is_now IS NULL THEN 'removed' ELSE 'changed' END,
            CASE WHEN d.is_now IS NULL THEN jsonb_strip_nulls(d.was)
                 ELSE (SELECT jsonb_object_agg(s.key, s.value) FROM jsonb_each(d.was) s WHERE s.value <> d.is_now->s.key) END,
            CASE WHEN d.was IS NULL THEN jsonb_strip_nulls(d.is_now)
                 ELSE (SELECT jsonb_object_agg(s.key, s.value) FROM jsonb_each(d.is_now) s WHERE s.value <> d.was->s.key) END
     FROM differs d
     -- Removed and added again, the same: another id, no difference.
     WHERE NOT (d.was IS NULL AND EXISTS (SELECT FROM differs x WHERE x.is_now IS NULL AND x.old_element = d.new_element))
       AND NOT (d.is_now IS NULL AND EXISTS (SELECT FROM differs x WHERE x.was IS NULL AND x.new_element = d.old_element))
     ORDER BY d.item_id);
END
$fn$;
COMMENT ON FUNCTION moderation.diff_releases(text, integer, integer) IS 'What is different between two releases of a package, or a release and the draft (NULL): one row per item added, removed or changed, with what changed before and after, and one for the settings (action, threshold, policy, severity, max_distance, rules). term: of an image or video, its label or hash.';
