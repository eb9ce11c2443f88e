-- The working life of a package after its first publish: promote, roll out, roll back, restore, change, snooze.

CREATE FUNCTION moderation.promote_release(
    name text, release integer DEFAULT NULL, note text DEFAULT NULL, share numeric DEFAULT 100)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(promote_release.name);
    shadow moderation.deployments := moderation.deployed(target.package_id, 'shadow');
BEGIN
    PERFORM moderation.check_approver(target);
    IF shadow.release IS NULL OR promote_release.release <> shadow.release THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = CASE WHEN promote_release.release IS NULL THEN format('package "%s" has no shadow release', target.name)
                           ELSE format('release %s of package "%s" is not in shadow', promote_release.release, target.name) END,
            DETAIL = CASE WHEN shadow.release IS NULL THEN 'Nothing is in shadow.'
                          ELSE format('Release %s is.', shadow.release) END,
            HINT = format('Publish into shadow first: SELECT moderation.publish_package(%L, stage => ''shadow''); releases that were live come back with rollback_package().', target.name);
    END IF;
    PERFORM moderation.check_approval(target);
    PERFORM moderation.put_in_force(target, 'live', shadow.release, promote_release.share, promote_release.note, 'promote');
    RETURN shadow.release;
END
$fn$;
COMMENT ON FUNCTION moderation.promote_release(text, integer, text, numeric) IS 'Makes the shadow release live, for all contents or a share, and ends the shadow stage; returns its number. release: refuse unless this is the one in shadow.';

CREATE FUNCTION moderation.set_rollout(name text, share numeric, note text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(set_rollout.name);
    live moderation.deployments := moderation.deployed(target.package_id, 'live');
BEGIN
    PERFORM moderation.check_approver(target);
    PERFORM moderation.check_share(set_rollout.share);
    IF live.release IS NULL OR live.share = 100.0 THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('package "%s" is not in a rollout', target.name),
            DETAIL = CASE WHEN live.release IS NULL THEN 'It has no live release.'
                          ELSE format('Release %s judges all contents.', live.release) END,
            HINT = format('Start one: SELECT moderation.publish_package(%L, share => 10);', target.name);
    END IF;
    IF set_rollout.share > live.share THEN
        PERFORM moderation.check_approval(target);
    END IF;
    PERFORM moderation.put_in_force(target, 'live', live.release, set_rollout.share, set_rollout.note, 'rollout');
    RETURN live.release;
END
$fn$;
COMMENT ON FUNCTION moderation.set_rollout(text, numeric, text) IS 'Changes the percentage of contents that the release in rollout judges; 100 ends the rollout. Raising it keeps every content that it judged already. Returns the release.';

CREATE FUNCTION moderation.rollback_package(name text, to_release integer DEFAULT NULL, note text DEFAULT NULL)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(rollback_package.name);
    live moderation.deployments := moderation.deployed(target.package_id, 'live');
    number integer := rollback_package.to_release;
BEGIN
    PERFORM moderation.check_approver(target);
    IF number IS NULL THEN
        IF live.release IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('package "%s" has no live release to roll back', target.name),
                DETAIL = 'Nothing is in force.',
                HINT = format('SELECT moderation.restore_package(%L); brings back what was retired.', target.name);
        END IF;
        -- A rollout goes back to who judges the rest; otherwise to the newest release before that once judged all contents.
        number := CASE WHEN live.share < 100.0 THEN live.rest
                       ELSE (SELECT max(r) FROM moderation.deployments d, unnest(ARRAY[CASE WHEN d.share = 100.0 THEN d.release END, d.rest]) r
                             WHERE d.package_id = target.package_id AND d.stage = 'live' AND r < live.release) END;
        IF number IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('package "%s" has no release to go back to', target.name),
                DETAIL = format('No release before %s judged all contents.', live.release),
                HINT = format('SELECT moderation.retire_package(%L); takes it out of force.', target.name);
        END IF;
    ELSIF NOT EXISTS (SELECT FROM moderation.releases r WHERE r.package_id = target.package_id AND r.release = number) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" has no release %s', target.name, number),
            DETAIL = CASE WHEN target.latest_release = 0 THEN 'It was never published.'
                          ELSE format('Its releases are 1 to %s.', target.latest_release) END,
            HINT = 'Releases are listed in moderation.releases.';
    ELSIF NOT EXISTS (SELECT FROM moderation.deployments d
                      WHERE d.package_id = target.package_id AND d.stage = 'live' AND number IN (d.release, d.rest)) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('release %s of package "%s" was never live', number, target.name),
            DETAIL = 'Rolling back goes to a release that has judged before; it passes no gate.',
            HINT = format('SELECT moderation.promote_release(%L); makes a shadow release live.', target.name);
    END IF;
    IF number = live.release AND live.share = 100.0 THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('release %s of package "%s" is live already', number, target.name),
            DETAIL = 'There is nothing to roll back.',
            HINT = 'Releases and when they were live are in moderation.deployments.';
    END IF;
    PERFORM moderation.put_in_force(target, 'live', number, 100, rollback_package.note, 'rollback');
    RETURN number;
END
$fn$;
COMMENT ON FUNCTION moderation.rollback_package(text, integer, text) IS 'Puts a release back that was live before (default: the one before; in a rollout, the one that judges the rest), for all contents; returns its number. The draft stays as it is.';

CREATE FUNCTION moderation.restore_package(name text, note text DEFAULT NULL) RETURNS SETOF moderation.deployments
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(restore_package.name);
    live moderation.deployments := moderation.deployed(target.package_id, 'live');
    shadow moderation.deployments := moderation.deployed(target.package_id, 'shadow');
    newest moderation.deployments;
    before moderation.deployments;
    retired jsonb := moderation.stages_of(target.package_id);
BEGIN
    PERFORM moderation.check_approver(target);
    IF live.release IS NOT NULL OR shadow.release IS NOT NULL
       OR coalesce(live.operation <> 'retire', true) AND coalesce(shadow.operation <> 'retire', true) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('package "%s" is not retired', target.name),
            DETAIL = CASE WHEN live.release IS NULL AND shadow.release IS NULL THEN 'It was never in force.'
                          ELSE 'It is in force.' END,
            HINT = 'What is in force is listed in moderation.in_force.';
    END IF;
    FOREACH newest IN ARRAY ARRAY[shadow, live] LOOP
        CONTINUE WHEN newest.operation IS DISTINCT FROM 'retire';
        SELECT * INTO before FROM moderation.deployments d
        WHERE d.package_id = target.package_id AND d.stage = newest.stage AND d.deployment_id < newest.deployment_id
        ORDER BY d.deployment_id DESC LIMIT 1;
        PERFORM moderation.deploy(target.package_id, newest.stage, before.release, restore_package.note, before.share, before.rest,
                                  'restore');
        RETURN NEXT moderation.deployed(target.package_id, newest.stage);
    END LOOP;
    IF target.expires_at <= now() THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('package "%s" expired at %s', target.name, target.expires_at),
            DETAIL = 'Nothing that is put in force would judge.',
            HINT = format('SELECT moderation.alter_package(%L, expires_at => ''infinity'');', target.name);
    END IF;
    PERFORM moderation.audit('restore_package', target.name, retired, moderation.stages_of(target.package_id), restore_package.note);
    PERFORM moderation.compile_in_force();
    PERFORM moderation.collect_rejected();
END
$fn$;
COMMENT ON FUNCTION moderation.restore_package(text, text) IS 'Puts back in force what retire_package() took out, shares included; returns the deployments.';

CREATE FUNCTION moderation.alter_package(
    name text, action moderation.action DEFAULT NULL, threshold real DEFAULT NULL, policy text DEFAULT NULL,
    description text DEFAULT NULL, valid_from timestamptz DEFAULT NULL, expires_at timestamptz DEFAULT NULL,
    needs_approval boolean DEFAULT NULL, frequency_source regclass DEFAULT NULL, note text DEFAULT NULL,
    restricted boolean DEFAULT NULL, team text DEFAULT NULL)
    RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(alter_package.name);
    changed moderation.packages := target;
    one moderation.deployments;
    later text[];
BEGIN
    IF alter_package.threshold < 0 OR alter_package.threshold >= 'Infinity'::real THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('threshold %s is out of range', alter_package.threshold),
            DETAIL = 'A threshold is a finite number, 0 or more.',
            HINT = 'Use 0 to act on any hit.';
    END IF;
    changed.action := coalesce(alter_package.action, target.action);
    changed.threshold := coalesce(alter_package.threshold, target.threshold);
    IF alter_package.policy <> '' THEN
        SELECT p.policy_id INTO changed.policy_id FROM moderation.policies p WHERE p.name = alter_package.policy;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'undefined_object',
                MESSAGE = format('policy "%s" does not exist', alter_package.policy),
                DETAIL = 'A package belongs to an existing policy, or to none.',
                HINT = format('Create it first: SELECT moderation.create_policy(%L);', alter_package.policy);
        END IF;
    ELSIF alter_package.policy = '' THEN
        changed.policy_id := NULL;
    END IF;
    changed.description := nullif(coalesce(alter_package.description, target.description), '');
    IF alter_package.valid_from IS NOT NULL OR alter_package.expires_at IS NOT NULL THEN
        changed.valid_from := coalesce(alter_package.valid_from, target.valid_from);
        changed.expires_at := coalesce(alter_package.expires_at, target.expires_at);
        SELECT s.valid_from, s.expires_at INTO changed.valid_from, changed.expires_at
        FROM moderation.check_schedule(changed.valid_from, changed.expires_at) s;
    END IF;
    IF target.needs_approval AND NOT alter_package.needs_approval
       AND NOT pg_has_role(moderation.caller(), (SELECT c.relowner FROM pg_class c WHERE c.oid = 'moderation.packages'::regclass), 'MEMBER') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('approval of package "%s" cannot be switched off by %s', target.name, moderation.caller()),
            DETAIL = 'Whoever must ask for approval must not be able to do without.',
            HINT = 'Ask the owner of the extension.';
    END IF;
    changed.restricted := coalesce(alter_package.restricted, target.restricted);
    changed.team := nullif(coalesce(alter_package.team, target.team), '');
    IF NOT changed.restricted OR (changed.valid_from, changed.expires_at) IS DISTINCT FROM (target.valid_from, target.expires_at) THEN
        PERFORM moderation.check_approver(target);
    END IF;
    IF target.team IS NOT NULL AND changed.team IS DISTINCT FROM target.team AND NOT moderation.caller_is('admin') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('only an admin may take package "%s" from its team', target.name),
            DETAIL = format('It belongs to %s.', target.team),
            HINT = 'Ask an admin.';
    END IF;
    IF changed.team IS DISTINCT FROM target.team AND changed.team IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = changed.team) THEN
            RAISE EXCEPTION USING ERRCODE = 'undefined_object',
                MESSAGE = format('role "%s" does not exist', changed.team),
                DETAIL = 'A team is a role; its members see the package.',
                HINT = format('CREATE ROLE %I NOLOGIN; GRANT %I TO ...;', changed.team, changed.team);
        END IF;
        IF NOT moderation.caller_is('admin') AND NOT pg_has_role(moderation.caller(), changed.team, 'USAGE') THEN
            RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
                MESSAGE = format('%s is no member of team "%s"', moderation.caller(), changed.team),
                DETAIL = format('Package "%s" would be out of reach.', target.name),
                HINT = 'Ask an admin.';
        END IF;
    END IF;
    changed.needs_approval := coalesce(alter_package.needs_approval, target.needs_approval);
    changed.frequency_source := coalesce(alter_package.frequency_source, target.frequency_source);
    later := array_remove(ARRAY[
        CASE WHEN changed.action <> target.action THEN 'action' END,
        CASE WHEN changed.threshold <> target.threshold THEN 'threshold' END,
        CASE WHEN changed.policy_id IS DISTINCT FROM target.policy_id THEN 'policy' END], NULL);
    UPDATE moderation.packages p
    SET action = changed.action, threshold = changed.threshold, policy_id = changed.policy_id, description = changed.description,
        valid_from = changed.valid_from, expires_at = changed.expires_at, needs_approval = changed.needs_approval,
        frequency_source = changed.frequency_source, restricted = changed.restricted, team = changed.team
    WHERE p.package_id = target.package_id AND changed IS DISTINCT FROM target;
    IF later <> '{}' THEN
        UPDATE moderation.drafts d SET draft_key = gen_random_uuid(), changed_at = now(), changed_by = moderation.caller()
        WHERE d.package_id = target.package_id;
    END IF;
    IF (changed.valid_from, changed.expires_at) IS DISTINCT FROM (target.valid_from, target.expires_at) THEN
        FOREACH one IN ARRAY ARRAY[moderation.deployed(target.package_id, 'shadow'), moderation.deployed(target.package_id, 'live')] LOOP
            CONTINUE WHEN one.release IS NULL;
            PERFORM moderation.deploy(target.package_id, one.stage, one.release, alter_package.note, one.share, one.rest, 'alter');
        END LOOP;
    END IF;
    PERFORM moderation.audit('alter_package', target.name, moderation.changes(to_jsonb(target), to_jsonb(changed)),
        moderation.changes(to_jsonb(changed), to_jsonb(target)), alter_package.note)
    WHERE changed IS DISTINCT FROM target;
    RETURN later;
END
$fn$;
COMMENT ON FUNCTION moderation.alter_package(text, moderation.action, real, text, text, timestamptz, timestamptz, boolean, regclass, text, boolean, text) IS 'Changes what is given, leaves the rest. action, threshold and policy are the draft''s and take effect with the next publish; the result names those of them that changed. description, valid_from, expires_at, needs_approval, frequency_source, restricted and team take effect at once. restricted: only operators and admins read the material, only admins put it in force. team: a role whose members alone (and admins) see the package. An empty policy, description or team takes it away, infinite times do.';

CREATE FUNCTION moderation.rename_package(name text, new_name text, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages;
    named_by text;
BEGIN
    PERFORM moderation.check_name('package', rename_package.new_name);
    target := moderation.lock_package(rename_package.name);
    -- Verdict rules know packages by their names, and releases do not change.
    SELECT p.name INTO named_by FROM moderation.packages p
    WHERE EXISTS (
        SELECT FROM jsonb_array_elements(coalesce(p.rules, '[]')) r WHERE r->'with' ? target.name
        UNION ALL
        SELECT FROM unnest(enum_range(NULL::moderation.stage)) s, moderation.deployed(p.package_id, s) d, moderation.releases x,
             jsonb_array_elements(x.rules) r
        WHERE x.package_id = p.package_id AND x.release IN (d.release, d.rest) AND r->'with' ? target.name)
    ORDER BY p.name LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('package "%s" is named by verdict rules of package "%s"', target.name, named_by),
            DETAIL = 'They would no longer find it.',
            HINT = format('Leave it out of them first: SELECT moderation.set_verdict_rules(%L, ...); and publish.', named_by);
    END IF;
    UPDATE moderation.packages p SET name = rename_package.new_name WHERE p.package_id = target.package_id;
    PERFORM moderation.audit('rename_package', rename_package.new_name, jsonb_build_object('name', target.name),
        jsonb_build_object('name', rename_package.new_name), rename_package.note);
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
        MESSAGE = format('package "%s" already exists', rename_package.new_name),
        DETAIL = 'Package names are unique in a database.',
        HINT = 'Choose another name.';
END
$fn$;
COMMENT ON FUNCTION moderation.rename_package(text, text, text) IS 'Renames a package, at once and everywhere; releases, hits and records follow, calls by the old name fail.';

CREATE FUNCTION moderation.check_items(target moderation.packages, item_ids bigint[]) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    unknown bigint[] := ARRAY(
        SELECT DISTINCT i FROM unnest(item_ids) i
        WHERE NOT EXISTS (SELECT FROM moderation.item_versions v
                          WHERE v.item_id = i AND v.package_id = target.package_id AND v.removed_in IS NULL) ORDER BY i);
BEGIN
    IF unknown <> '{}' THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" has no such item', target.name),
            DETAIL = format('Not in the draft: %s.', array_to_string(unknown[1:20], ', ')),
            HINT = 'Item ids are in moderation.current_items.';
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_items(moderation.packages, bigint[]) IS 'Internal: refuses items that are not in the package''s draft.';

CREATE FUNCTION moderation.update_items(
    package text, item_ids bigint[], match moderation.match_mode DEFAULT NULL, level moderation.match_level DEFAULT NULL,
    language text DEFAULT NULL, weight real DEFAULT NULL, note text DEFAULT NULL, valid_from timestamptz DEFAULT NULL,
    expires_at timestamptz DEFAULT NULL)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(update_items.package);
    draft integer := target.latest_release + 1;
    ids bigint[] := ARRAY(SELECT DISTINCT i FROM unnest(item_ids) i);
    before moderation.item_versions;
    after moderation.item_versions;
    removed bytea[] := '{}';
    added bytea[] := '{}';
    was jsonb[] := '{}';
    is_now jsonb[] := '{}';
    m text; d text; h text;
BEGIN
    PERFORM moderation.check_items(target, ids);
    IF weight IS NOT NULL THEN
        PERFORM moderation.check_weight(weight);
    END IF;
    BEGIN
        FOR before IN SELECT v.* FROM moderation.item_versions v WHERE v.item_id = ANY (ids) AND v.removed_in IS NULL LOOP
            after := before;
            after.weight := coalesce(update_items.weight, before.weight);
            IF update_items.valid_from IS NOT NULL OR update_items.expires_at IS NOT NULL THEN
                SELECT s.valid_from, s.expires_at INTO after.valid_from, after.expires_at
                FROM moderation.check_schedule(coalesce(update_items.valid_from, before.valid_from),
                                               coalesce(update_items.expires_at, before.expires_at)) s;
            END IF;
            IF update_items.match IS NOT NULL OR update_items.level IS NOT NULL OR update_items.language IS NOT NULL THEN
                IF before.kind <> 'term' THEN
                    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                        MESSAGE = 'match, level and language are for terms',
                        DETAIL = format('It is of kind %s.', before.kind),
                        HINT = 'Change other kinds in a call of their own.';
                END IF;
                after.match := coalesce(update_items.match, before.match);
                after.level := coalesce(update_items.level, before.level);
                after.language := nullif(lower(coalesce(update_items.language, before.language)), '');
                SELECT c.item_hash INTO after.item_hash
                FROM moderation.check_terms(ARRAY[before.term], before.allow, after.match, after.level, after.language) c;
            END IF;
            CONTINUE WHEN after IS NOT DISTINCT FROM before;
            after.added_in := draft;
            after.changed_at := now();
            after.changed_by := moderation.caller();
            -- What no release has seen is replaced; the rest ends with the next release.
            IF before.added_in = draft THEN
                DELETE FROM moderation.item_versions v WHERE v.item_id = before.item_id AND v.added_in = draft;
            ELSE
                UPDATE moderation.item_versions v SET removed_in = draft
                WHERE v.item_id = before.item_id AND v.added_in = before.added_in;
            END IF;
            INSERT INTO moderation.item_versions SELECT after.*;
            removed := removed || moderation.item_element(before.item_hash, before.weight, before.valid_from, before.expires_at);
            added := added || moderation.item_element(after.item_hash, after.weight, after.valid_from, after.expires_at);
            was := array_append(was, jsonb_build_object('item_id', before.item_id)
                || (moderation.changes(to_jsonb(before), to_jsonb(after)) - ARRAY['item_hash', 'added_in', 'changed_at', 'changed_by']));
            is_now := array_append(is_now, jsonb_build_object('item_id', after.item_id)
                || (moderation.changes(to_jsonb(after), to_jsonb(before)) - ARRAY['item_hash', 'added_in', 'changed_at', 'changed_by']));
        END LOOP;
    EXCEPTION
        WHEN unique_violation THEN
            RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
                MESSAGE = format('item %s would be the same as another item', before.item_id),
                DETAIL = format('Item %s says so already.', (
                    SELECT v.item_id FROM moderation.item_versions v
                    WHERE v.package_id = target.package_id AND v.item_hash = after.item_hash AND v.removed_in IS NULL
                      AND v.item_id <> before.item_id LIMIT 1)),
                HINT = 'Remove one of them with remove_items().';
        WHEN syntax_error OR invalid_parameter_value OR feature_not_supported OR program_limit_exceeded THEN
            GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
            RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = format('item %s: %s', before.item_id, regexp_replace(m, '^term 1: ', '')),
                DETAIL = replace(d, 'Nothing was added.', 'Nothing was changed.'), HINT = h;
    END;
    IF update_items.note IS NOT NULL THEN
        UPDATE moderation.items i SET note = nullif(update_items.note, '') WHERE i.item_id = ANY (ids);
    END IF;
    IF added <> '{}' THEN
        UPDATE moderation.drafts d
        SET set_state = moderation.set_hash_apply(d.set_state, added, removed), draft_key = gen_random_uuid(),
            changed_at = now(), changed_by = moderation.caller()
        WHERE d.package_id = target.package_id;
    END IF;
    PERFORM moderation.audit('update_items', target.name, jsonb_build_object('items', was),
        jsonb_build_object('items', is_now)
            || CASE WHEN update_items.note IS NULL THEN '{}' ELSE jsonb_build_object('noted', ids) END, update_items.note)
    WHERE added <> '{}' OR update_items.note IS NOT NULL AND ids <> '{}';
    RETURN cardinality(added);
END
$fn$;
COMMENT ON FUNCTION moderation.update_items(text, bigint[], moderation.match_mode, moderation.match_level, text, real, text, timestamptz, timestamptz) IS 'Changes items of the draft and keeps their ids: what is given, the rest stays; returns how many changed. Takes effect with the next publish, except the note, which belongs to the item itself. An empty language or note, and infinite times, take theirs away.';

CREATE FUNCTION moderation.override_items(
    package text, item_ids bigint[], effect moderation.item_effect, until timestamptz, reason text)
    RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(override_items.package);
    unknown bigint[] := ARRAY(
        SELECT DISTINCT i FROM unnest(item_ids) i
        WHERE NOT EXISTS (SELECT FROM moderation.items t WHERE t.item_id = i AND t.package_id = target.package_id) ORDER BY i);
    before jsonb;
    overridden bigint[];
BEGIN
    IF unknown <> '{}' THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" has no such item', target.name),
            DETAIL = format('Unknown: %s.', array_to_string(unknown[1:20], ', ')),
            HINT = 'Item ids are in moderation.current_items.';
    END IF;
    IF until <= now() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('until %s is in the past', until),
            DETAIL = format('It is %s now.', now()),
            HINT = 'Give a time to come, or leave it out to end it with unsnooze_items().';
    END IF;
    IF effect = 'shadow' AND EXISTS (SELECT FROM moderation.item_versions v WHERE v.item_id = ANY (item_ids) AND v.allow) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'an allow entry cannot be kept to shadow',
            DETAIL = 'It makes no hits that could be recorded.',
            HINT = 'Snooze it instead.';
    END IF;
    SELECT jsonb_agg(jsonb_build_object('item_id', o.item_id, 'effect', o.effect, 'until', o.until) ORDER BY o.item_id) INTO before
    FROM (SELECT DISTINCT ON (x.item_id) x.* FROM moderation.item_overrides x WHERE x.item_id = ANY (item_ids)
          ORDER BY x.item_id, x.override_id DESC) o
    WHERE o.effect <> 'normal' AND (o.until IS NULL OR o.until > now());
    WITH overridden AS (
    INSERT INTO moderation.item_overrides (package_id, item_id, effect, until, overridden_by, reason)
    SELECT target.package_id, i.item_id, override_items.effect, nullif(override_items.until, 'infinity'), moderation.caller(),
           override_items.reason
    FROM (SELECT DISTINCT unnest(item_ids) AS item_id) i
    LEFT JOIN LATERAL (SELECT o.effect, o.until FROM moderation.item_overrides o
                       WHERE o.item_id = i.item_id ORDER BY o.override_id DESC LIMIT 1) o ON true
    WHERE i.item_id IS NOT NULL
      AND (override_items.effect <> 'normal' OR o.effect <> 'normal' AND (o.until IS NULL OR o.until > now()))
    RETURNING item_id)
    SELECT array_agg(o.item_id ORDER BY o.item_id) INTO overridden FROM overridden o;
    PERFORM moderation.audit(
        CASE override_items.effect WHEN 'off' THEN 'snooze_items' WHEN 'normal' THEN 'unsnooze_items' ELSE 'shadow_items' END,
        target.name, CASE WHEN before IS NOT NULL THEN jsonb_build_object('overrides', before) END,
        jsonb_build_object('items', overridden, 'until', override_items.until), override_items.reason)
    WHERE overridden IS NOT NULL;
    RETURN coalesce(cardinality(overridden), 0);
END
$fn$;
COMMENT ON FUNCTION moderation.override_items(text, bigint[], moderation.item_effect, timestamptz, text) IS 'Internal: takes items in force out of enforcement (off, or kept to shadow) or lifts that; returns how many.';

CREATE FUNCTION moderation.snooze_items(package text, item_ids bigint[], until timestamptz DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    PERFORM moderation.check_approver(moderation.lock_package(package));
    RETURN moderation.override_items(package, item_ids, 'off', until, reason);
END
$fn$;
COMMENT ON FUNCTION moderation.snooze_items(text, bigint[], timestamptz, text) IS 'Takes items out of force at once, without a publish, in every release of the package, until a time or until unsnooze_items(); returns how many. A snoozed allow entry suppresses nothing.';

CREATE FUNCTION moderation.unsnooze_items(package text, item_ids bigint[], reason text DEFAULT NULL)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    PERFORM moderation.check_approver(moderation.lock_package(package));
    RETURN moderation.override_items(package, item_ids, 'normal', NULL, reason);
END
$fn$;
COMMENT ON FUNCTION moderation.unsnooze_items(text, bigint[], text) IS 'Ends the snooze of items before its time; returns how many were snoozed.';
