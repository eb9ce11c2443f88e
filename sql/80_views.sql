-- What dashboards read: a stable contract, column by column.

CREATE VIEW moderation.in_force WITH (security_barrier) AS
    SELECT p.name AS package, d.stage, part.release, r.action, r.threshold, r.policy, r.severity, r.terms, r.allow_entries,
           d.since, d.deployed_by,
           CASE WHEN p.package_id = ANY ((SELECT moderation.readable_packages())::integer[]) THEN d.note END AS note,
           r.content_hash, part.share, d.valid_from, d.expires_at,
           coalesce(d.valid_from <= now(), true) AND coalesce(d.expires_at > now(), true) AS judges_now,
           (SELECT count(*) FROM (
                SELECT v.item_id FROM moderation.item_versions v
                WHERE v.package_id = d.package_id AND v.added_in <= part.release
                  AND (v.removed_in IS NULL OR v.removed_in > part.release)
                  AND (v.valid_from IS NOT NULL OR v.expires_at IS NOT NULL)
                  AND (v.valid_from > now() OR v.expires_at <= now())
                UNION
                SELECT v.item_id FROM moderation.item_overrides o
                JOIN moderation.item_versions v ON v.item_id = o.item_id
                WHERE o.package_id = d.package_id AND v.added_in <= part.release
                  AND (v.removed_in IS NULL OR v.removed_in > part.release)
                  AND o.effect = 'off' AND (o.until IS NULL OR o.until > now())
                  AND NOT EXISTS (SELECT FROM moderation.item_overrides n
                                  WHERE n.item_id = o.item_id AND n.override_id > o.override_id)) i) AS inactive_items,
           r.images, r.videos
    FROM moderation.packages p
    CROSS JOIN unnest(enum_range(NULL::moderation.stage)) AS s(stage)
    CROSS JOIN LATERAL (
        SELECT d.package_id, d.stage, d.release, d.share, d.rest, d.valid_from, d.expires_at, d.since, d.deployed_by, d.note
        FROM moderation.deployments d
        WHERE d.package_id = p.package_id AND d.stage = s.stage
        ORDER BY d.deployment_id DESC LIMIT 1) d
    CROSS JOIN LATERAL (VALUES (d.release, d.share), (d.rest, 100.0 - d.share)) AS part(release, share)
    JOIN moderation.releases r
      ON r.package_id = d.package_id AND r.release = part.release
    WHERE p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]);
COMMENT ON VIEW moderation.in_force IS 'What judges now: one row per release in force, two live ones of a package during a rollout; share: percent of the contents it judges; judges_now: within the package''s schedule; inactive_items: snoozed, expired or not yet valid.';

CREATE VIEW moderation.open_requests WITH (security_barrier) AS
    SELECT r.request_id, p.name AS package, r.stage, r.release, r.share,
           CASE WHEN p.package_id = ANY ((SELECT moderation.readable_packages())::integer[]) THEN r.note END AS note,
           r.requested_by, r.requested_at,
           r.release IS NULL AND r.draft_key <> d.draft_key AS draft_changed_since
    FROM moderation.publish_requests r
    JOIN moderation.packages p ON p.package_id = r.package_id
    JOIN moderation.drafts d ON d.package_id = r.package_id
    WHERE r.decision IS NULL AND p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]);
COMMENT ON VIEW moderation.open_requests IS 'Publishes that wait for a second person; draft_changed_since: cannot be approved any more.';

CREATE VIEW moderation.item_overrides_in_force WITH (security_barrier) AS
    SELECT p.name AS package, o.item_id,
           CASE WHEN p.package_id = ANY ((SELECT moderation.readable_packages())::integer[]) THEN v.term END AS term,
           o.effect, o.since, o.until, o.overridden_by,
           CASE WHEN p.package_id = ANY ((SELECT moderation.readable_packages())::integer[]) THEN o.reason END AS reason
    FROM moderation.item_overrides o
    JOIN moderation.packages p ON p.package_id = o.package_id
    LEFT JOIN LATERAL (SELECT v.term FROM moderation.item_versions v
                       WHERE v.item_id = o.item_id ORDER BY v.added_in DESC LIMIT 1) v ON true
    WHERE p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]) AND o.effect <> 'normal' AND (o.until IS NULL OR o.until > now())
      AND NOT EXISTS (SELECT FROM moderation.item_overrides n
                      WHERE n.item_id = o.item_id AND n.override_id > o.override_id);
COMMENT ON VIEW moderation.item_overrides_in_force IS 'Items that are snoozed, or kept to shadow, at this moment.';

CREATE VIEW moderation.current_items WITH (security_barrier) AS
    SELECT p.name AS package, v.item_id, v.kind, v.allow, v.term, v.match, v.level, v.language, v.weight, v.added_in,
           v.added_in > p.latest_release AS is_draft, i.source, i.case_ref, i.note, i.created_at, i.created_by,
           v.valid_from, v.expires_at, o.effect AS override, o.until AS override_until, v.label, v.hash, v.max_distance,
           cardinality(v.frames) AS frames, v.min_material, v.min_content, i.evidence
    FROM moderation.item_versions v
    JOIN moderation.packages p ON p.package_id = v.package_id
    JOIN moderation.items i ON i.item_id = v.item_id
    LEFT JOIN LATERAL (
        SELECT o.effect, o.until FROM moderation.item_overrides o
        WHERE o.item_id = v.item_id ORDER BY o.override_id DESC LIMIT 1) o
      ON o.effect <> 'normal' AND (o.until IS NULL OR o.until > now())
    WHERE v.removed_in IS NULL AND p.package_id = ANY ((SELECT moderation.readable_packages())::integer[]);
COMMENT ON VIEW moderation.current_items IS 'Every package''s draft: the items the next release would contain; is_draft marks those no release has yet; override and override_until: snoozed, or kept to shadow, at this moment.';

CREATE VIEW moderation.recent_hits WITH (security_barrier) AS
    SELECT h.observed_at, s.relation AS source, h.content_key, h.owner_key, p.name AS package, h.release, h.stage, h.action,
           h.outcome, h.item_id, CASE WHEN m.readable THEN v.term END AS term, h.field,
           CASE WHEN m.readable THEN h.span_start END AS span_start, CASE WHEN m.readable THEN h.span_length END AS span_length, h.places,
           CASE WHEN m.readable THEN h.matched END AS matched, h.level, h.steps, h.score, h.hit_id, h.kind,
           CASE WHEN m.readable THEN v.label END AS label, CASE WHEN m.readable THEN h.distance END AS distance, h.material_percent,
           h.content_percent, CASE WHEN m.readable THEN h.time_ranges END AS time_ranges,
           w.withdrawn_at, CASE WHEN m.readable THEN w.reason END AS withdrawn_because
    FROM moderation.hits h
    LEFT JOIN moderation.withdrawn_hits w ON w.hit_id = h.hit_id
    JOIN moderation.packages p ON p.package_id = h.package_id
    CROSS JOIN LATERAL (SELECT p.package_id = ANY ((SELECT moderation.readable_packages())::integer[])) AS m(readable)
    LEFT JOIN moderation.sources s ON s.source_id = h.source_id
    LEFT JOIN moderation.item_versions v
      ON v.item_id = h.item_id AND v.added_in <= h.release
     AND (v.removed_in IS NULL OR v.removed_in > h.release)
    WHERE h.package_id = ANY ((SELECT moderation.visible_packages())::integer[])
      AND h.observed_at >= (now() - interval '30 days');
COMMENT ON VIEW moderation.recent_hits IS 'Hits of the last 30 days with the names of package, term and source; matched is the text as it stood. withdrawn_at: the hit no longer stands, and why. Among millions of hits, ask for a time (observed_at > now() - interval ''1 hour'') or take latest_hits: whoever may read some packages only has them sorted before LIMIT can end the search.';

-- For each package through its own index, so that the cost does not grow with the hits.
CREATE VIEW moderation.latest_hits WITH (security_barrier) AS
    SELECT h.observed_at, p.name AS package, h.release, h.stage, h.action, h.outcome, s.relation AS source, h.content_key, h.owner_key, h.kind,
           h.item_id, CASE WHEN m.readable THEN v.term END AS term, CASE WHEN m.readable THEN v.label END AS label, h.field,
           CASE WHEN m.readable THEN h.matched END AS matched, h.score, h.hit_id, w.withdrawn_at
    FROM moderation.packages p
    CROSS JOIN LATERAL (SELECT p.package_id = ANY ((SELECT moderation.readable_packages())::integer[])) AS m(readable)
    CROSS JOIN LATERAL (SELECT n.observed_at, n.release, n.stage, n.action, n.outcome, n.source_id, n.content_key, n.owner_key, n.kind, n.item_id,
                               n.field, n.matched, n.score, n.hit_id
                        FROM moderation.hits n WHERE n.package_id = p.package_id ORDER BY n.observed_at DESC LIMIT 100) h
    LEFT JOIN moderation.withdrawn_hits w ON w.hit_id = h.hit_id
    LEFT JOIN moderation.sources s ON s.source_id = h.source_id
    LEFT JOIN moderation.item_versions v
      ON v.item_id = h.item_id AND v.added_in <= h.release
     AND (v.removed_in IS NULL OR v.removed_in > h.release)
    WHERE p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]);
COMMENT ON VIEW moderation.latest_hits IS 'The newest 100 hits of each package, live and shadow, however old and however many there are: for the panel of a dashboard. recent_hits has all of 30 days.';

CREATE VIEW moderation.items_never_hit WITH (security_barrier) AS
    SELECT DISTINCT f.package, f.stage, v.item_id, v.kind,
           CASE WHEN p.package_id = ANY ((SELECT moderation.readable_packages())::integer[]) THEN v.term END AS term,
           v.match, v.level, v.added_in, i.created_at,
           CASE WHEN p.package_id = ANY ((SELECT moderation.readable_packages())::integer[]) THEN i.source END AS source,
           CASE WHEN p.package_id = ANY ((SELECT moderation.readable_packages())::integer[]) THEN v.label END AS label
    FROM moderation.in_force f
    JOIN moderation.packages p ON p.name = f.package
    JOIN moderation.item_versions v
      ON v.package_id = p.package_id AND v.added_in <= f.release
     AND (v.removed_in IS NULL OR v.removed_in > f.release)
    JOIN moderation.items i ON i.item_id = v.item_id
    WHERE p.package_id = ANY ((SELECT moderation.visible_packages())::integer[])
      AND NOT v.allow
      -- The rollups know most items that hit, also before the oldest hit that is kept; the hits need asking for the rest only.
      AND NOT EXISTS (SELECT FROM moderation.rollup_items u WHERE u.item_id = v.item_id)
      AND NOT EXISTS (SELECT FROM moderation.hits h WHERE h.item_id = v.item_id);
COMMENT ON VIEW moderation.items_never_hit IS 'Items in force that no attached table ever hit: candidates for cleaning up, or for a second look at their spelling.';

CREATE VIEW moderation.attachments AS
    SELECT s.source_id, s.relation AS source,
           (SELECT array_agg(a.attname ORDER BY u.n)
            FROM unnest(t.tgattr::smallint[]) WITH ORDINALITY u(attnum, n)
            JOIN pg_attribute a
              ON a.attrelid = t.tgrelid AND a.attnum = u.attnum) AS columns,
           convert_from(substr(t.tgargs, 1, length(t.tgargs) - 1), 'UTF8')::jsonb
               AS settings,
           t.tgenabled <> 'D' AS enabled, s.attached_at, s.attached_by, s.detached_at
    FROM moderation.sources s
    LEFT JOIN pg_trigger t
      ON t.tgrelid = s.relation
     AND t.tgfoid = 'moderation.watched_columns()'::regprocedure;
COMMENT ON VIEW moderation.attachments IS 'Tables that are or were attached, the columns watched, their roles in the same order, and what a block does. Settings NULL: no longer attached.';

CREATE VIEW moderation.compiled_state AS
    SELECT CASE WHEN c.bytes IS NOT NULL THEN 'mapped' WHEN c.mapped_here IS NOT NULL THEN 'private' ELSE 'missing' END AS state,
           NOT c.in_force AS stale,
           (SELECT array_agg(p.name || ' ' || (r.value ->> 'release') || ' ' || (r.value ->> 'stage') ORDER BY r.n)
            FROM jsonb_array_elements(c.releases) WITH ORDINALITY r(value, n)
            JOIN moderation.packages p ON p.package_id = (r.value -> 'package_id')::integer) AS releases,
           (SELECT sum((r.value -> 'items')::bigint)::bigint FROM jsonb_array_elements(c.releases) r(value)) AS items,
           c.bytes, c.built_at, make_interval(secs => c.build_ms::double precision / 1000) AS build_time, c.used_at,
           c.set_name, c.base
    FROM moderation.compiled_sets() c;
COMMENT ON VIEW moderation.compiled_state IS 'The compiled sets of this database on this server. State: mapped (a file that all processes share), private (in the memory of each process, because no file can be written; shown to sessions that have it), missing (compiled at the next use). Stale: no longer in force, removed ten minutes after its last use. A set with a base is a small change of that one.';
