-- What an operator does with policies, packages, items and releases. Written by the extension's owner on behalf of the
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
        WHERE NOT EXISTS (SELECT FROM moderation.item_versions v
                          WHERE v.package_id = target.package_id AND v.item_hash = c.item_hash AND v.removed_in IS NULL)
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

CREATE FUNCTION moderation.remove_items(package text, items bigint[], note text DEFAULT NULL) RETURNS integer
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
    PERFORM moderation.check_items(target, items);
    SELECT array_agg(moderation.item_element(v.item_hash, v.weight, v.valid_from, v.expires_at)), count(*),
           count(*) FILTER (WHERE v.allow), count(*) FILTER (WHERE v.kind = 'image' AND NOT v.allow),
           count(*) FILTER (WHERE v.kind = 'video'), jsonb_agg(to_jsonb(i) || to_jsonb(v) - 'item_hash' ORDER BY v.item_id)
    INTO elements, removed, removed_allow, removed_images, removed_videos, gone
    FROM moderation.item_versions v JOIN moderation.items i ON i.item_id = v.item_id
    WHERE v.item_id = ANY (items) AND v.package_id = target.package_id AND v.removed_in IS NULL;
    IF removed = 0 THEN
        RETURN 0;
    END IF;
    -- What no release ever contained simply goes; the rest ends with the next release.
    UPDATE moderation.item_versions v SET removed_in = target.latest_release + 1
    WHERE v.item_id = ANY (items) AND v.removed_in IS NULL AND v.added_in <= target.latest_release;
    DELETE FROM moderation.item_versions v
    WHERE v.item_id = ANY (items) AND v.removed_in IS NULL AND v.added_in > target.latest_release;
    DELETE FROM moderation.items i
    WHERE i.item_id = ANY (items)
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

CREATE FUNCTION moderation.deployed(package_id integer, stage moderation.stage) RETURNS moderation.deployments
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT d FROM moderation.deployments d
        WHERE d.package_id = deployed.package_id AND d.stage = deployed.stage
        ORDER BY d.deployment_id DESC LIMIT 1;
    END;
COMMENT ON FUNCTION moderation.deployed(integer, moderation.stage) IS 'Internal: the deployment that counts for a package and stage.';

CREATE FUNCTION moderation.deploy(
    package_id integer, stage moderation.stage, release integer, note text, share numeric DEFAULT 100,
    rest integer DEFAULT NULL, operation text DEFAULT 'publish')
    RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    current_one moderation.deployments := moderation.deployed(package_id, stage);
    target moderation.packages;
BEGIN
    SELECT * INTO target FROM moderation.packages p WHERE p.package_id = deploy.package_id;
    IF deploy.release IS NULL THEN
        -- Nothing has no schedule.
        target.valid_from := NULL;
        target.expires_at := NULL;
    END IF;
    IF ROW(current_one.release, coalesce(current_one.share, 100), current_one.rest, current_one.valid_from, current_one.expires_at)
       IS DISTINCT FROM ROW(deploy.release, deploy.share, deploy.rest, target.valid_from, target.expires_at) THEN
        INSERT INTO moderation.deployments
            (package_id, stage, release, share, rest, valid_from, expires_at, operation, deployed_by, note)
        VALUES (deploy.package_id, deploy.stage, deploy.release, deploy.share, deploy.rest, target.valid_from,
                target.expires_at, deploy.operation, moderation.caller(), deploy.note)
        RETURNING * INTO current_one;
        PERFORM moderation.announce(current_one);
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.deploy(integer, moderation.stage, integer, text, numeric, integer, text) IS 'Internal: puts a release (or nothing) in force in one stage, if it is not already.';

CREATE FUNCTION moderation.stages_of(package_id integer) RETURNS jsonb
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT jsonb_object_agg(s.stage,
            CASE WHEN d.share < 100.0 THEN jsonb_build_object('release', d.release, 'share', d.share, 'rest', d.rest)
                 ELSE to_jsonb(d.release) END)
        FROM unnest(enum_range(NULL::moderation.stage)) AS s(stage)
        LEFT JOIN LATERAL (SELECT x.release, x.share, x.rest FROM moderation.deployments x
                           WHERE x.package_id = stages_of.package_id AND x.stage = s.stage
                           ORDER BY x.deployment_id DESC LIMIT 1) d ON true;
    END;
COMMENT ON FUNCTION moderation.stages_of(integer) IS 'Internal: the release in force in each stage (with its share during a rollout), as the audit log shows it.';

CREATE FUNCTION moderation.freeze_draft(target moderation.packages, note text) RETURNS integer
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    draft moderation.drafts;
    policy moderation.policies;
    latest moderation.releases;
    hash bytea;
    number integer;
BEGIN
    SELECT * INTO draft FROM moderation.drafts d WHERE d.package_id = target.package_id;
    SELECT * INTO policy FROM moderation.policies p WHERE p.policy_id = target.policy_id;
    SELECT * INTO latest FROM moderation.releases r
    WHERE r.package_id = target.package_id AND r.release = target.latest_release;
    IF draft.terms + draft.images + draft.videos = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('package "%s" has no item to publish', target.name),
            DETAIL = 'A release needs at least one term, image or video; allow entries alone match nothing.',
            HINT = format('Add terms first: SELECT moderation.add_terms(%L, ARRAY[...]); to stop enforcing, use retire_package().', target.name);
    END IF;
    -- Where no item has a distance, the package's means nothing.
    hash := moderation.content_hash(draft.set_state, target.action, target.threshold, policy.name, policy.severity,
                                    CASE WHEN draft.images + draft.videos > 0 THEN target.max_distance END, target.rules);
    IF latest.content_hash = hash AND latest.folding_version = moderation.folding_version() THEN
        -- Nothing to freeze: the newest release says the same already.
        RETURN latest.release;
    END IF;
    number := target.latest_release + 1;
    INSERT INTO moderation.releases
        (package_id, release, content_hash, action, threshold, policy, severity, folding_version,
         terms, allow_entries, images, videos, max_distance, rules, scheduled, note, published_by)
    VALUES (target.package_id, number, hash, target.action, target.threshold, policy.name, policy.severity,
            moderation.folding_version(), draft.terms, draft.allow_entries, draft.images, draft.videos, target.max_distance, target.rules,
            (SELECT count(*) FROM moderation.item_versions v
             WHERE v.package_id = target.package_id AND v.removed_in IS NULL
               AND (v.valid_from IS NOT NULL OR v.expires_at IS NOT NULL)),
            freeze_draft.note, moderation.caller());
    UPDATE moderation.packages p SET latest_release = number WHERE p.package_id = target.package_id;
    RETURN number;
END
$fn$;
COMMENT ON FUNCTION moderation.freeze_draft(moderation.packages, text) IS 'Internal: makes a release of the draft, or finds that the newest one says the same; returns its number. The package is locked.';

CREATE FUNCTION moderation.put_in_force(
    target moderation.packages, stage moderation.stage, release integer, share numeric, note text, operation text,
    call text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    live moderation.deployments := moderation.deployed(target.package_id, 'live');
    shadow moderation.deployments := moderation.deployed(target.package_id, 'shadow');
    before jsonb := moderation.stages_of(target.package_id);
    rest integer;
BEGIN
    IF target.expires_at <= now() THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('package "%s" expired at %s', target.name, target.expires_at),
            DETAIL = 'Nothing that is put in force would judge.',
            HINT = format('SELECT moderation.alter_package(%L, expires_at => ''infinity'');', target.name);
    END IF;
    IF stage = 'shadow' THEN
        IF release IN (live.release, live.rest) THEN
            RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('release %s of package "%s" is live already', release, target.name),
                DETAIL = 'The draft has not changed since, and a release is live or shadow, never both.',
                HINT = 'Change the draft first, or retire the package to take the release out of force.';
        END IF;
        IF share <> 100.0 THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = 'a share is for stage live',
                DETAIL = 'A shadow release enforces nothing and records every content.',
                HINT = 'Leave share out.';
        END IF;
        PERFORM moderation.deploy(target.package_id, 'shadow', release, note, operation => put_in_force.operation);
    ELSE
        PERFORM moderation.check_share(share);
        IF share < 100.0 THEN
            -- A new candidate takes the place of the one before it; who judges the rest stays.
            rest := CASE WHEN live.share < 100.0 THEN live.rest ELSE live.release END;
            IF rest = release THEN
                RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
                    MESSAGE = format('release %s of package "%s" is live already', release, target.name),
                    DETAIL = 'It judges the contents that a share leaves, so it cannot be the release that gets the share.',
                    HINT = 'Change the draft first.';
            END IF;
        END IF;
        -- What was live before passes no gate again: going back must always be possible.
        IF operation <> 'rollback' AND NOT (operation = 'rollout' AND share <= live.share) THEN
            PERFORM moderation.check_gates(target, release);
        END IF;
        PERFORM moderation.deploy(target.package_id, 'live', release, note, share, rest, operation);
        IF shadow.release = release THEN
            -- A release is live or shadow, never both: its shadow run ends here.
            PERFORM moderation.deploy(target.package_id, 'shadow', NULL, 'now live', operation => put_in_force.operation);
        END IF;
    END IF;
    PERFORM moderation.audit(
        coalesce(call, CASE operation WHEN 'publish' THEN 'publish_package' WHEN 'promote' THEN 'promote_release'
                                      WHEN 'rollout' THEN 'set_rollout' WHEN 'rollback' THEN 'rollback_package' ELSE operation END),
        target.name, before,
        moderation.stages_of(target.package_id) || jsonb_build_object('release', r.release, 'content_hash', encode(r.content_hash, 'hex')),
        coalesce(put_in_force.reason, put_in_force.note))
    FROM moderation.releases r WHERE r.package_id = target.package_id AND r.release = put_in_force.release;
    PERFORM moderation.compile_in_force();
    PERFORM moderation.collect_rejected();
END
$fn$;
COMMENT ON FUNCTION moderation.put_in_force(moderation.packages, moderation.stage, integer, numeric, text, text, text, text) IS 'Internal: deploys a release in a stage, for a share of the contents, and compiles it. The package is locked.';

CREATE FUNCTION moderation.check_share(share numeric) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF share IS NULL OR share = 'NaN'::numeric OR share <= 0.0 OR share > 100.0 OR share <> round(share, 2) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('share %s is out of range', coalesce(share::text, 'NULL')),
            DETAIL = 'A share is a percentage above 0 and at most 100, in steps of 0.01.',
            HINT = 'To take a release out of force, use rollback_package() or retire_package().';
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_share(numeric) IS 'Internal: refuses what is no percentage of the contents.';

CREATE FUNCTION moderation.publish_package(
    name text, stage moderation.stage DEFAULT 'live', note text DEFAULT NULL, share numeric DEFAULT 100)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages;
    number integer;
BEGIN
    IF publish_package.stage IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'stage must not be NULL',
            DETAIL = 'A release is published in a stage.', HINT = 'Use ''live'' or ''shadow''.';
    END IF;
    target := moderation.lock_package(publish_package.name);
    IF publish_package.stage = 'live' THEN
        PERFORM moderation.check_approval(target);
    END IF;
    number := moderation.freeze_draft(target, publish_package.note);
    PERFORM moderation.put_in_force(target, publish_package.stage, number, publish_package.share, publish_package.note, 'publish');
    RETURN number;
END
$fn$;
COMMENT ON FUNCTION moderation.publish_package(text, moderation.stage, text, numeric) IS 'Freezes the draft as a release and puts it in force, in one transaction; returns the release number. An unchanged draft is put in force as the newest release. share: percent of the contents that it judges, the rest staying with the live release before.';

CREATE FUNCTION moderation.retire_package(name text, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages;
    before jsonb;
BEGIN
    target := moderation.lock_package(retire_package.name);
    before := moderation.stages_of(target.package_id);
    PERFORM moderation.deploy(target.package_id, s, NULL, retire_package.note, operation => 'retire')
    FROM unnest(enum_range(NULL::moderation.stage)) s;
    PERFORM moderation.audit('retire_package', target.name, before, moderation.stages_of(target.package_id), retire_package.note)
    WHERE before <> moderation.stages_of(target.package_id);
END
$fn$;
COMMENT ON FUNCTION moderation.retire_package(text, text) IS 'Takes the package out of force in both stages. Items, releases and records stay; restore_package() brings back what was in force, publish_package() the draft.';
