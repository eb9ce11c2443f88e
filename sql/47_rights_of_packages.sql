-- Restricted packages and teams: what the functions below ask before they show or change something. Their owner passes every
-- row security policy, so they have to ask by themselves; who asks is the role that called, not their owner.

CREATE FUNCTION moderation.visible_packages() RETURNS integer[]
    LANGUAGE c STABLE PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'moderation_visible_packages';
COMMENT ON FUNCTION moderation.visible_packages() IS 'Ids of the packages whose rows the caller may see: all but those of teams that he is no member of.';

CREATE FUNCTION moderation.readable_packages() RETURNS integer[]
    LANGUAGE c STABLE PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'moderation_readable_packages';
COMMENT ON FUNCTION moderation.readable_packages() IS 'Ids of the packages whose material the caller may read: those he sees, without the restricted ones unless he is an operator or admin.';

CREATE FUNCTION moderation.caller_is(class text) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'moderation_caller_is';
COMMENT ON FUNCTION moderation.caller_is(text) IS 'Is the caller of this class: reader, reviewer, operator or admin? Admins, superusers and the owner of the extension are of every class. See create_roles().';

CREATE FUNCTION moderation.check_visible(package_id integer) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF check_visible.package_id <> ALL (moderation.visible_packages()) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('package "%s" belongs to another team', (SELECT p.name FROM moderation.packages p WHERE p.package_id = check_visible.package_id)),
            DETAIL = format('%s is no member of it.', moderation.caller()),
            HINT = 'Ask a member of the team; matching works for everybody.';
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_visible(integer) IS 'Internal: refuses the package of another team.';

CREATE FUNCTION moderation.check_readable(package_id integer) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    PERFORM moderation.check_visible(check_readable.package_id);
    IF check_readable.package_id <> ALL (moderation.readable_packages()) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('package "%s" is restricted', (SELECT p.name FROM moderation.packages p WHERE p.package_id = check_readable.package_id)),
            DETAIL = format('%s is neither operator nor admin.', moderation.caller()),
            HINT = 'Figures (package_stats, item_stats) and matching work for everybody.';
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_readable(integer) IS 'Internal: refuses to show the material of a package that the caller may not read.';

CREATE FUNCTION moderation.check_approver(target moderation.packages) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    PERFORM moderation.check_visible(target.package_id);
    IF target.restricted AND NOT moderation.caller_is('admin') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('only an admin may change what is in force of package "%s"', target.name),
            DETAIL = format('The package is restricted, and %s is no admin.', moderation.caller()),
            HINT = format('SELECT moderation.request_publish(%L); an admin answers with approve_publish().', target.name);
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_approver(moderation.packages) IS 'Internal: refuses to change what is in force of a restricted package, unless an admin calls.';

CREATE FUNCTION moderation.may_deploy(package_id integer) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT p.package_id = ANY (moderation.visible_packages()) AND (NOT p.restricted OR moderation.caller_is('admin'))
        FROM moderation.packages p WHERE p.package_id = may_deploy.package_id;
    END;
COMMENT ON FUNCTION moderation.may_deploy(integer) IS 'Internal: may the caller change what is in force of this package?';
