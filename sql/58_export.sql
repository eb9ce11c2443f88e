-- A package as one JSON document, and back: to another server, into version control, to a partner.
--
-- Layout, version 1: format, version, package (name, action, threshold, max_distance, rules, description), policy (name,
-- severity, default_action, description) or null, release (number, null for a draft), content_hash (hex), folding_version,
-- items: every column of item_versions and items that means something elsewhere, ids and release numbers left out; checks
-- (body or image, expect, note), which belong to the package and not to its content hash.

CREATE FUNCTION moderation.content_hash(
    set_state bytea, action moderation.action, threshold real, policy text, severity smallint, max_distance smallint,
    rules jsonb) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        -- The threshold by its bits: how a number prints depends on the session's extra_float_digits.
        SELECT sha256(set_state || convert_to(
            (jsonb_build_array(action, encode(float4send(threshold), 'hex'), policy, severity)
             || CASE WHEN max_distance IS NULL THEN '[]' ELSE jsonb_build_array(max_distance) END
             || CASE WHEN rules IS NULL THEN '[]' ELSE jsonb_build_array(rules) END)::text, 'UTF8'));
    END;
COMMENT ON FUNCTION moderation.content_hash(bytea, moderation.action, real, text, smallint, smallint, jsonb) IS 'Internal: what a release''s content hash is made of; max_distance NULL for a release without images and videos.';

CREATE FUNCTION moderation.export_package(name text, release integer DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET extra_float_digits = 1 SET bytea_output = 'hex' SET TimeZone = 'UTC'
AS $fn$
DECLARE
    target moderation.packages;
    number integer;
    settings jsonb;
    exported jsonb;
BEGIN
    SELECT * INTO target FROM moderation.packages p WHERE p.package_id = moderation.find_package(export_package.name);
    PERFORM moderation.check_readable(target.package_id);
    number := coalesce(export_package.release, nullif(target.latest_release, 0));
    settings := moderation.release_settings(target.package_id, number);
    IF settings IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" has no release %s', target.name, number),
            DETAIL = 'Releases are numbered from 1, in the order they were published.',
            HINT = 'Releases are listed in moderation.releases.';
    END IF;
    SELECT jsonb_build_object(
        'format', 'pg_moderation package', 'version', 1, 'release', number,
        'package', jsonb_build_object('name', target.name, 'action', settings->'action', 'threshold', settings->'threshold',
                                      'max_distance', settings->'max_distance', 'rules', settings->'rules',
                                      'description', target.description),
        'policy', CASE WHEN settings->>'policy' IS NULL THEN NULL
            ELSE jsonb_build_object('name', settings->'policy', 'severity', settings->'severity')
                 || coalesce((SELECT jsonb_build_object('default_action', o.default_action, 'description', o.description)
                              FROM moderation.policies o WHERE o.name = settings->>'policy'), '{}') END,
        'folding_version', moderation.folding_version(),
        'content_hash', encode(moderation.content_hash(
            moderation.set_hash_apply('', coalesce(array_agg(r.element), '{}'), '{}'), (settings->>'action')::moderation.action,
            (settings->>'threshold')::real, settings->>'policy', (settings->>'severity')::smallint,
            CASE WHEN bool_or(v.kind <> 'term' AND NOT v.allow) THEN (settings->>'max_distance')::smallint END,
            nullif(settings->'rules', 'null')), 'hex'),
        'items', coalesce(jsonb_agg(
            jsonb_strip_nulls(to_jsonb(v) || (to_jsonb(i) - 'kind'))
                - ARRAY['item_id', 'package_id', 'added_in', 'removed_in', 'changed_at', 'changed_by']
            ORDER BY v.item_hash), '[]'),
        'checks', (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                              'body', c.body, 'image', c.image, 'expect', c.expect, 'note', c.note)) ORDER BY c.check_id), '[]')
                   FROM moderation.checks c WHERE c.package_id = target.package_id))
    INTO exported
    FROM moderation.release_items(target.package_id, number) r
    JOIN moderation.item_versions v
      ON v.item_id = r.item_id AND CASE WHEN number IS NULL THEN v.removed_in IS NULL
                                        ELSE v.added_in <= number AND (v.removed_in IS NULL OR v.removed_in > number) END
    JOIN moderation.items i ON i.item_id = v.item_id;
    RETURN exported;
END
$fn$;
COMMENT ON FUNCTION moderation.export_package(text, integer) IS 'A release of a package (default: the newest, of an unpublished package its draft) as JSON, for import_package() on any server: settings, policy, every item with its provenance, and the checks that the package has now.';

CREATE FUNCTION moderation.import_package(
    content jsonb, name text DEFAULT NULL, note text DEFAULT NULL,
    OUT package text, OUT release integer, OUT added integer, OUT removed integer, OUT content_hash text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET extra_float_digits = 1 SET bytea_output = 'hex' SET TimeZone = 'UTC' SET jit = off
AS $fn$
DECLARE
    target moderation.packages;
    policy moderation.policies;
    wrong bigint;
    stale bigint[];
    checks bigint;
    missing text;
BEGIN
    PERFORM moderation.check_import_size(pg_column_size(content));
    IF content->>'format' IS DISTINCT FROM 'pg_moderation package' OR content->>'version' IS DISTINCT FROM '1'
       OR jsonb_typeof(content->'items') IS DISTINCT FROM 'array' OR jsonb_typeof(content->'package') IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'this is no package of export_package(), version 1',
            DETAIL = format('Its format is %s, its version %s.', coalesce(left(content->>'format', 50), 'missing'), coalesce(left(content->>'version', 50), 'missing')),
            HINT = 'Lists of terms are imported with import_items().';
    END IF;
    package := coalesce(import_package.name, content->'package'->>'name');
    PERFORM moderation.check_name('package', package);
    SELECT string_agg(DISTINCT format('"%s"', w), ', ') INTO missing
    FROM jsonb_path_query(content, '$.package.rules[*].with[*]') x(name), LATERAL (SELECT x.name #>> '{}') y(w)
    WHERE NOT EXISTS (SELECT FROM moderation.packages p WHERE p.name = w);
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('verdict rules of the export name packages that do not exist here: %s', missing),
            DETAIL = 'Nothing was imported.',
            HINT = 'Import or create them first; an empty package will do.';
    END IF;
    BEGIN
        IF jsonb_typeof(content->'policy') = 'object' THEN
            SELECT * INTO policy FROM moderation.policies o WHERE o.name = content->'policy'->>'name';
            IF NOT FOUND THEN
                PERFORM moderation.create_policy(
                    content->'policy'->>'name', (content->'policy'->>'severity')::integer,
                    coalesce((content->'policy'->>'default_action')::moderation.action, 'review'), content->'policy'->>'description');
            ELSIF policy.severity <> (content->'policy'->>'severity')::smallint THEN
                RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
                    MESSAGE = format('policy "%s" has severity %s here and %s in the export', policy.name, policy.severity, content->'policy'->>'severity'),
                    DETAIL = 'The severity is part of the content hash. Nothing was imported.',
                    HINT = 'Rename one of the policies.';
            END IF;
        END IF;
        IF NOT EXISTS (SELECT FROM moderation.packages p WHERE p.name = package) THEN
            PERFORM moderation.create_package(package, description => content->'package'->>'description');
        END IF;
        PERFORM moderation.alter_package(
            package, action => (content->'package'->>'action')::moderation.action,
            threshold => (content->'package'->>'threshold')::real, policy => coalesce(content->'policy'->>'name', ''), note => note);
        target := moderation.lock_package(package);
        PERFORM moderation.set_max_distance(package, (content->'package'->>'max_distance')::integer, note)
        WHERE (content->'package'->>'max_distance')::integer <> target.max_distance;
        PERFORM moderation.set_verdict_rules(package, coalesce(nullif(content->'package'->'rules', 'null'), '[]'), note)
        WHERE nullif(content->'package'->'rules', 'null') IS DISTINCT FROM target.rules;
        target := moderation.lock_package(package);
        -- An item says what it is: a hash that does not follow from it would make two items of one, or one of two.
        SELECT g.position INTO wrong
        FROM (SELECT i.position, i.item,
                     CASE WHEN i.item ?& ARRAY['term', 'match', 'level'] THEN (
                         SELECT c.item_hash FROM moderation.check_terms(
                             ARRAY[i.item->>'term'], coalesce((i.item->>'allow')::boolean, false), (i.item->>'match')::moderation.match_mode,
                             (i.item->>'level')::moderation.match_level, i.item->>'language') c) END AS item_hash
              FROM jsonb_array_elements(content->'items') WITH ORDINALITY i(item, position)
              WHERE coalesce(i.item->>'kind', 'term') = 'term'
              UNION ALL
              SELECT i.position, i.item,
                     CASE v.kind WHEN 'image' THEN moderation.image_item_hash(v.hash, v.allow, v.max_distance)
                                 ELSE moderation.video_item_hash(v.frames, v.max_distance, v.min_material, v.min_content) END
              FROM jsonb_array_elements(content->'items') WITH ORDINALITY i(item, position),
                   LATERAL jsonb_populate_record(NULL::moderation.item_versions, i.item) v
              WHERE i.item->>'kind' <> 'term') g
        WHERE g.item_hash IS DISTINCT FROM (g.item->>'item_hash')::bytea OR g.item_hash IS NULL LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'data_corrupted',
                MESSAGE = format('item %s of the export is not what its hash says', wrong),
                DETAIL = 'It was changed after the export, or is damaged. Nothing was imported.',
                HINT = 'Export it again.';
        END IF;
        WITH wanted AS MATERIALIZED (
            SELECT i.item, v.item_hash, moderation.item_element(v.item_hash, coalesce(v.weight, 1), v.valid_from, v.expires_at) AS element
            FROM jsonb_array_elements(content->'items') i(item),
                 LATERAL jsonb_populate_record(NULL::moderation.item_versions, i.item) v
        ), kept AS MATERIALIZED (
            SELECT r.item_id, r.element FROM moderation.release_items(target.package_id, NULL) r
        )
        SELECT array_agg(k.item_id) INTO stale FROM kept k WHERE NOT EXISTS (SELECT FROM wanted w WHERE w.element = k.element);
        removed := CASE WHEN stale IS NULL THEN 0 ELSE moderation.remove_items(package, stale) END;
        WITH fresh AS MATERIALIZED (
            SELECT jsonb_build_object('item_id', nextval('moderation.items_item_id_seq'), 'package_id', target.package_id,
                       'added_in', target.latest_release + 1, 'allow', false, 'kind', 'term', 'weight', 1) || i.item
                   || jsonb_build_object('removed_in', NULL, 'changed_at', now(), 'changed_by', moderation.caller(),
                       'created_at', coalesce(i.item->>'created_at', now()::text), 'created_by', coalesce(i.item->>'created_by', moderation.caller())) AS item
            FROM jsonb_array_elements(content->'items') i(item)
            WHERE NOT EXISTS (SELECT FROM moderation.item_versions x
                              WHERE x.package_id = target.package_id AND x.removed_in IS NULL AND x.item_hash = (i.item->>'item_hash')::bytea)
        ), identities AS (
            INSERT INTO moderation.items OVERRIDING SYSTEM VALUE
            SELECT r.* FROM fresh f, LATERAL jsonb_populate_record(NULL::moderation.items, f.item) r
        ), versions AS (
            INSERT INTO moderation.item_versions
            SELECT r.* FROM fresh f, LATERAL jsonb_populate_record(NULL::moderation.item_versions, f.item) r
            RETURNING kind, item_hash, weight, valid_from, expires_at, allow
        ), counted AS (
            UPDATE moderation.drafts d
            SET set_state = moderation.set_hash_apply(d.set_state, n.elements, '{}'), terms = d.terms + n.terms,
                images = d.images + n.images, videos = d.videos + n.videos,
                allow_entries = d.allow_entries + n.allowed, draft_key = gen_random_uuid(), changed_at = now(),
                changed_by = moderation.caller()
            FROM (SELECT array_agg(moderation.item_element(v.item_hash, v.weight, v.valid_from, v.expires_at)) AS elements,
                         count(*) FILTER (WHERE NOT v.allow AND v.kind = 'term') AS terms,
                         count(*) FILTER (WHERE NOT v.allow AND v.kind = 'image') AS images,
                         count(*) FILTER (WHERE NOT v.allow AND v.kind = 'video') AS videos, count(*) FILTER (WHERE v.allow) AS allowed
                  FROM versions v) n
            WHERE d.package_id = target.package_id AND n.elements IS NOT NULL
        )
        SELECT count(*) INTO added FROM fresh;
        SELECT count(CASE WHEN c.image IS NULL THEN moderation.add_check(package, c.body, c.expect, c.note)
                          ELSE moderation.add_check(package, c.image, c.expect, c.note) END)
        INTO checks
        FROM jsonb_to_recordset(CASE WHEN jsonb_typeof(content->'checks') = 'array' THEN content->'checks' ELSE '[]' END)
                 c(body text, image moderation.pdqhash, expect moderation.expectation, note text)
        WHERE NOT EXISTS (SELECT FROM moderation.checks k
                          WHERE k.package_id = target.package_id AND (k.body = c.body OR k.image = c.image));
    EXCEPTION
        WHEN data_exception OR not_null_violation OR check_violation OR unique_violation THEN
            IF SQLERRM LIKE 'item % of the export is not what its hash says' THEN
                RAISE;
            END IF;
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('the export cannot be imported: %s', SQLERRM),
                DETAIL = 'It was changed by hand, or is damaged. Nothing was imported.',
                HINT = 'Export it again.';
    END;
    release := moderation.freeze_draft(target, note);
    SELECT encode(r.content_hash, 'hex') INTO content_hash FROM moderation.releases r
    WHERE r.package_id = target.package_id AND r.release = import_package.release;
    IF content_hash IS DISTINCT FROM content->>'content_hash' THEN
        RAISE EXCEPTION USING ERRCODE = 'data_corrupted',
            MESSAGE = 'the imported package has another content hash than the export',
            DETAIL = format('%s here, %s in the export. Nothing was imported.', content_hash, coalesce(left(content->>'content_hash', 64), 'none')),
            HINT = 'The export was changed or is damaged: export it again.';
    END IF;
    PERFORM moderation.audit('import_package', package, NULL,
        jsonb_build_object('release', release, 'added', added, 'removed', removed, 'checks', checks, 'content_hash', content_hash), note);
END
$fn$;
COMMENT ON FUNCTION moderation.import_package(jsonb, text, text) IS 'Makes the draft of a package what an export says, and a release of it with the identical content hash, else fails as a whole. Creates package and policy if they are missing; puts nothing in force: that is publish_package(). Checks that the package has not are added. name: import it under another one.';
