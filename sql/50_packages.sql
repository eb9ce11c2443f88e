-- What an operator does with policies, packages and items. Written by the extension's owner on behalf of the
-- caller (security definer), so that a grant of EXECUTE is all an operator needs.

CREATE FUNCTION moderation.create_policy(
    name text, severity integer DEFAULT 1, default_action moderation.action DEFAULT 'review', description text DEFAULT NULL)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    new_id integer;
BEGIN
    PERFORM moderation.check_name('policy', create_policy.name);
    IF create_policy.severity IS NULL OR create_policy.severity NOT BETWEEN 1 AND 5 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('severity %s is out of range', coalesce(create_policy.severity::text, 'NULL')),
            DETAIL = 'A policy''s severity goes from 1 (mild) to 5 (worst).',
            HINT = 'Call create_policy(name, severity => 1..5).';
    END IF;
    INSERT INTO moderation.policies (name, severity, default_action, description, created_by)
    VALUES (create_policy.name, create_policy.severity, coalesce(create_policy.default_action, 'review'),
            create_policy.description, moderation.caller())
    ON CONFLICT ON CONSTRAINT policies_name_key DO NOTHING
    RETURNING policy_id INTO new_id;
    IF new_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('policy "%s" already exists', create_policy.name),
            DETAIL = 'Policy names are unique in a database.',
            HINT = 'Choose another name.';
    END IF;
    PERFORM moderation.audit('create_policy', NULL, NULL, to_jsonb(p), NULL)
    FROM moderation.policies p WHERE p.policy_id = new_id;
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.create_policy(text, integer, moderation.action, text) IS 'Creates a policy; returns its id.';

CREATE FUNCTION moderation.check_name(what text, name text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF name IS NULL OR btrim(name) = '' OR length(name) > 200 OR name <> btrim(name) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_name',
            MESSAGE = format('invalid name for a %s', what),
            DETAIL = 'A name has 1 to 200 characters and neither starts nor ends with a space.',
            HINT = format('Give the %s a short name.', what);
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_name(text, text) IS 'Internal: refuses names nobody could type.';

CREATE FUNCTION moderation.create_package(
    name text, policy text DEFAULT NULL, action moderation.action DEFAULT NULL, threshold real DEFAULT 0,
    description text DEFAULT NULL)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_policy moderation.policies;
    new_id integer;
BEGIN
    PERFORM moderation.check_name('package', create_package.name);
    IF create_package.policy IS NOT NULL THEN
        SELECT * INTO found_policy FROM moderation.policies p WHERE p.name = create_package.policy;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'undefined_object',
                MESSAGE = format('policy "%s" does not exist', create_package.policy),
                DETAIL = 'A package belongs to an existing policy, or to none.',
                HINT = format('Create it first: SELECT moderation.create_policy(%L);', create_package.policy);
        END IF;
    END IF;
    IF create_package.threshold IS NULL OR create_package.threshold < 0 OR create_package.threshold >= 'Infinity'::real THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('threshold %s is out of range', coalesce(create_package.threshold::text, 'NULL')),
            DETAIL = 'A threshold is a finite number, 0 or more.',
            HINT = 'Leave it out (0) to act on any hit.';
    END IF;
    INSERT INTO moderation.packages (name, policy_id, action, threshold, description, created_by)
    VALUES (create_package.name, found_policy.policy_id,
            coalesce(create_package.action, found_policy.default_action, 'review'),
            create_package.threshold, create_package.description, moderation.caller())
    ON CONFLICT ON CONSTRAINT packages_name_key DO NOTHING
    RETURNING package_id INTO new_id;
    IF new_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('package "%s" already exists', create_package.name),
            DETAIL = 'Package names are unique in a database.',
            HINT = 'Choose another name, or add items to the existing package.';
    END IF;
    INSERT INTO moderation.drafts (package_id, set_state, changed_by)
    VALUES (new_id, moderation.set_hash_apply('', '{}', '{}'), moderation.caller());
    PERFORM moderation.audit('create_package', p.name, NULL, to_jsonb(p) - 'rollout_salt', NULL)
    FROM moderation.packages p WHERE p.package_id = new_id;
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.create_package(text, text, moderation.action, real, text) IS 'Creates an empty package, under a policy or none; its action defaults to the policy''s, then to review. Returns its id.';

CREATE FUNCTION moderation.lock_package(package text) RETURNS moderation.packages
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_package moderation.packages;
BEGIN
    -- Everything that changes a package takes this row lock first: edits and publishes of one package queue up.
    SELECT * INTO found_package FROM moderation.packages p WHERE p.name = lock_package.package FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" does not exist', coalesce(lock_package.package, 'NULL')),
            DETAIL = 'No package has this name.',
            HINT = format('Create it first: SELECT moderation.create_package(%L);', coalesce(lock_package.package, 'name'));
    END IF;
    -- Whoever changes a package reads it: its errors and results are about its items.
    PERFORM moderation.check_readable(found_package.package_id);
    RETURN found_package;
END
$fn$;
COMMENT ON FUNCTION moderation.lock_package(text) IS 'Internal: the package by name, locked against concurrent edits and publishes.';

CREATE FUNCTION moderation.item_element(item_hash bytea, weight real) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN item_hash || float4send(weight);
COMMENT ON FUNCTION moderation.item_element(bytea, real) IS 'Internal: what an item without times contributes to its release''s content hash.';

CREATE FUNCTION moderation.item_element(item_hash bytea, weight real, valid_from timestamptz, expires_at timestamptz) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN moderation.item_element(item_hash, weight)
        || CASE WHEN valid_from IS NULL AND expires_at IS NULL THEN ''::bytea
                ELSE '\x74'::bytea || timestamptz_send(coalesce(valid_from, '-infinity'))
                     || timestamptz_send(coalesce(expires_at, 'infinity')) END;
COMMENT ON FUNCTION moderation.item_element(bytea, real, timestamptz, timestamptz) IS 'Internal: what an item contributes to its release''s content hash; its times only when it has some.';

CREATE FUNCTION moderation.check_schedule(INOUT valid_from timestamptz, INOUT expires_at timestamptz)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    valid_from := nullif(valid_from, '-infinity');
    expires_at := nullif(expires_at, 'infinity');
    IF expires_at <= now() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('expires_at %s is in the past', expires_at),
            DETAIL = format('It is %s now.', now()),
            HINT = 'Give a time to come, or ''infinity'' for none.';
    END IF;
    IF expires_at <= valid_from OR valid_from = 'infinity' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('a schedule from %s to %s is empty', valid_from, coalesce(expires_at, 'infinity')),
            DETAIL = 'valid_from must be before expires_at.',
            HINT = 'Leave one of them out, or change it.';
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_schedule(timestamptz, timestamptz) IS 'Internal: refuses schedules that are over or empty; infinite ends become NULL.';

CREATE FUNCTION moderation.add_to_draft(
    package text, terms text[], allow boolean, match moderation.match_mode, level moderation.match_level, language text,
    weight real, source text, case_ref text, note text, valid_from timestamptz, expires_at timestamptz,
    evidence text DEFAULT NULL, OUT added integer, OUT skipped integer)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages;
    texts text[];
    hashes bytea[];
    elements bytea[];
    item_ids bigint[];
BEGIN
    IF terms IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'terms must not be NULL',
            DETAIL = 'Terms come as an array of text.',
            HINT = 'For example ARRAY[''online casino''].';
    END IF;
    IF match IS NULL OR level IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'match and level must not be NULL',
            DETAIL = 'Every item has a match mode and a match level.',
            HINT = 'Leave them out for ''word'' and ''folded''.';
    END IF;
    PERFORM moderation.check_weight(weight);
    SELECT s.valid_from, s.expires_at INTO valid_from, expires_at FROM moderation.check_schedule(valid_from, expires_at) s;
    target := moderation.lock_package(package);
    SELECT array_agg(c.term), array_agg(c.item_hash) INTO texts, hashes
    FROM moderation.check_terms(terms, allow, match, level, lower(language)) c;
    WITH fresh AS MATERIALIZED (
        SELECT nextval('moderation.items_item_id_seq') AS item_id, c.term, c.item_hash
        FROM unnest(texts, hashes) AS c(term, item_hash)
        -- Asked one by one, through the index: before ANALYZE a join would read the whole package for ten terms.
        WHERE (SELECT v.item_id FROM moderation.item_versions v
               WHERE v.package_id = target.package_id AND v.item_hash = c.item_hash AND v.removed_in IS NULL LIMIT 1) IS NULL
    ), new_items AS (
        INSERT INTO moderation.items (item_id, package_id, source, case_ref, note, evidence, created_by)
        OVERRIDING SYSTEM VALUE
        SELECT f.item_id, target.package_id, source, case_ref, note, evidence, moderation.caller() FROM fresh f
    ), new_versions AS (
        INSERT INTO moderation.item_versions
            (item_id, package_id, added_in, allow, term, match, level, language, weight, valid_from, expires_at, item_hash,
             changed_by)
        SELECT f.item_id, target.package_id, target.latest_release + 1, add_to_draft.allow, f.term,
               add_to_draft.match, add_to_draft.level, lower(add_to_draft.language), add_to_draft.weight,
               add_to_draft.valid_from, add_to_draft.expires_at, f.item_hash, moderation.caller()
        FROM fresh f
        RETURNING item_id, item_hash
    )
    SELECT array_agg(moderation.item_element(n.item_hash, add_to_draft.weight, add_to_draft.valid_from, add_to_draft.expires_at)),
           array_agg(n.item_id ORDER BY n.item_id), count(*)
    INTO elements, item_ids, added FROM new_versions n;
    skipped := cardinality(terms) - added;
    IF added > 0 THEN
        UPDATE moderation.drafts d
        SET set_state = moderation.set_hash_apply(d.set_state, elements, '{}'),
            terms = d.terms + CASE WHEN add_to_draft.allow THEN 0 ELSE added END,
            allow_entries = d.allow_entries + CASE WHEN add_to_draft.allow THEN added ELSE 0 END,
            draft_key = gen_random_uuid(), changed_at = now(), changed_by = moderation.caller()
        WHERE d.package_id = target.package_id;
        PERFORM moderation.audit(CASE WHEN allow THEN 'allow_terms' ELSE 'add_terms' END, target.name, NULL,
            jsonb_build_object('items', item_ids, 'added', added, 'skipped', skipped), note);
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.add_to_draft(text, text[], boolean, moderation.match_mode, moderation.match_level, text, real, text, text, text, timestamptz, timestamptz, text) IS 'Internal: what add_terms() and allow_terms() share.';

CREATE FUNCTION moderation.add_terms(
    package text, terms text[], match moderation.match_mode DEFAULT 'word', level moderation.match_level DEFAULT 'folded',
    weight real DEFAULT 1, source text DEFAULT NULL, case_ref text DEFAULT NULL, note text DEFAULT NULL,
    language text DEFAULT NULL, valid_from timestamptz DEFAULT NULL, expires_at timestamptz DEFAULT NULL,
    evidence text DEFAULT NULL, OUT added integer, OUT skipped integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    SELECT a.added, a.skipped INTO added, skipped
    FROM moderation.add_to_draft(package, terms, false, match, level, language, weight, source, case_ref, note, valid_from, expires_at, evidence) a;
END
$fn$;
COMMENT ON FUNCTION moderation.add_terms(text, text[], moderation.match_mode, moderation.match_level, real, text, text, text, text, timestamptz, timestamptz, text) IS 'Adds terms to the package''s draft. Terms that are already there are skipped and counted. No verdict changes before publish_package(). valid_from and expires_at: when they count; source, case_ref, evidence: where they come from and what they were first seen in.';

CREATE FUNCTION moderation.allow_terms(
    package text, terms text[], match moderation.match_mode DEFAULT 'word', level moderation.match_level DEFAULT 'folded',
    source text DEFAULT NULL, case_ref text DEFAULT NULL, note text DEFAULT NULL, language text DEFAULT NULL,
    valid_from timestamptz DEFAULT NULL, expires_at timestamptz DEFAULT NULL,
    evidence text DEFAULT NULL, OUT added integer, OUT skipped integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    SELECT a.added, a.skipped INTO added, skipped
    FROM moderation.add_to_draft(package, terms, true, match, level, language, 1, source, case_ref, note, valid_from, expires_at, evidence) a;
END
$fn$;
COMMENT ON FUNCTION moderation.allow_terms(text, text[], moderation.match_mode, moderation.match_level, text, text, text, text, timestamptz, timestamptz, text) IS 'Adds allow entries to the package''s draft: hits of this package that lie inside an allowed span do not count.';

CREATE FUNCTION moderation.remove_items(package text, item_ids bigint[], note text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(package);
    removed integer;
    elements bytea[];
    removed_allow integer;
    removed_images integer;
    removed_videos integer;
    gone jsonb;
BEGIN
    PERFORM moderation.check_items(target, item_ids);
    SELECT array_agg(moderation.item_element(v.item_hash, v.weight, v.valid_from, v.expires_at)), count(*),
           count(*) FILTER (WHERE v.allow), count(*) FILTER (WHERE v.kind = 'image' AND NOT v.allow),
           count(*) FILTER (WHERE v.kind = 'video'), jsonb_agg(to_jsonb(i) || to_jsonb(v) - 'item_hash' ORDER BY v.item_id)
    INTO elements, removed, removed_allow, removed_images, removed_videos, gone
    FROM moderation.item_versions v JOIN moderation.items i ON i.item_id = v.item_id
    WHERE v.item_id = ANY (item_ids) AND v.package_id = target.package_id AND v.removed_in IS NULL;
    IF removed = 0 THEN
        RETURN 0;
    END IF;
    -- What no release ever contained simply goes; the rest ends with the next release.
    UPDATE moderation.item_versions v SET removed_in = target.latest_release + 1
    WHERE v.item_id = ANY (item_ids) AND v.removed_in IS NULL AND v.added_in <= target.latest_release;
    DELETE FROM moderation.item_versions v
    WHERE v.item_id = ANY (item_ids) AND v.removed_in IS NULL AND v.added_in > target.latest_release;
    DELETE FROM moderation.items i
    WHERE i.item_id = ANY (item_ids)
      AND NOT EXISTS (SELECT FROM moderation.item_versions v WHERE v.item_id = i.item_id);
    UPDATE moderation.drafts d
    SET set_state = moderation.set_hash_apply(d.set_state, '{}', elements),
        terms = d.terms - (removed - removed_allow - removed_images - removed_videos), allow_entries = d.allow_entries - removed_allow,
        images = d.images - removed_images, videos = d.videos - removed_videos,
        draft_key = gen_random_uuid(), changed_at = now(), changed_by = moderation.caller()
    WHERE d.package_id = target.package_id;
    PERFORM moderation.audit('remove_items', target.name, jsonb_build_object('items', gone), NULL, note);
    RETURN removed;
END
$fn$;
COMMENT ON FUNCTION moderation.remove_items(text, bigint[], text) IS 'Removes items or allow entries from the package''s draft by id; returns how many.';

CREATE FUNCTION moderation.remove_terms(package text, terms text[], note text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages;
    missing integer;
BEGIN
    target := moderation.lock_package(package);
    SELECT count(DISTINCT t) INTO missing FROM unnest(terms) t
    WHERE NOT EXISTS (SELECT FROM moderation.item_versions v
                      WHERE v.package_id = target.package_id AND v.removed_in IS NULL AND v.term = t);
    IF missing > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" has no such term', package),
            DETAIL = format('%s of the given terms are not in the draft.', missing),
            HINT = 'Terms are removed as they were written; see moderation.current_items.';
    END IF;
    RETURN moderation.remove_items(package, ARRAY(
        SELECT v.item_id FROM moderation.item_versions v
        WHERE v.package_id = target.package_id AND v.removed_in IS NULL AND v.term = ANY (terms)), note);
END
$fn$;
COMMENT ON FUNCTION moderation.remove_terms(text, text[], text) IS 'Removes every item and allow entry with one of these texts from the package''s draft; returns how many.';
