-- From draft to release to force: freezing a draft, deploying a release, publishing and retiring.

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
            -- Written so that only item_versions_scheduled_idx fits, also where the table was never analyzed; the draft
            -- marks what it removes with this number.
            (SELECT count(*) FROM moderation.item_versions v
             WHERE v.package_id = target.package_id AND coalesce(v.removed_in > number, true)
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
    PERFORM moderation.check_approver(target);
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
    PERFORM moderation.check_approver(target);
    before := moderation.stages_of(target.package_id);
    PERFORM moderation.deploy(target.package_id, s, NULL, retire_package.note, operation => 'retire')
    FROM unnest(enum_range(NULL::moderation.stage)) s;
    PERFORM moderation.audit('retire_package', target.name, before, moderation.stages_of(target.package_id), retire_package.note)
    WHERE before <> moderation.stages_of(target.package_id);
END
$fn$;
COMMENT ON FUNCTION moderation.retire_package(text, text) IS 'Takes the package out of force in both stages. Items, releases and records stay; restore_package() brings back what was in force, publish_package() the draft.';
