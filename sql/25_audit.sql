-- Who did what. Every function that changes something writes one row here, in the same transaction: what was rolled back was
-- not done. Written by the functions, not by triggers: those would fire again for every row of a restore.

CREATE TABLE moderation.audit_log (
    audit_id        bigint GENERATED ALWAYS AS IDENTITY,
    at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    by_role         text NOT NULL,
    session_role    text NOT NULL,
    call            text NOT NULL CHECK (call <> ''),
    package         text,
    package_id      integer,
    before          jsonb,
    after           jsonb,
    reason          text,
    entry_key       uuid NOT NULL DEFAULT gen_random_uuid(),
    -- A logical subscriber writes entries of its own between those it receives; both count from 1.
    PRIMARY KEY (audit_id, entry_key)
);
CREATE INDEX audit_log_package_idx ON moderation.audit_log (package_id, audit_id);
CREATE INDEX audit_log_at_idx ON moderation.audit_log (at);
COMMENT ON TABLE moderation.audit_log IS 'Every change: who, when, by which function, what was before and after, why. Append-only for all but superusers.';
COMMENT ON COLUMN moderation.audit_log.at IS 'The time of the call by the clock, not of its transaction''s start.';
COMMENT ON COLUMN moderation.audit_log.by_role IS 'moderation.caller(): the role that called, after SET ROLE.';
COMMENT ON COLUMN moderation.audit_log.session_role IS 'The role that logged in.';
COMMENT ON COLUMN moderation.audit_log.call IS 'Name of the function. What one function does through another is recorded by the other.';
COMMENT ON COLUMN moderation.audit_log.package IS 'Name of the package at that time, NULL for what concerns no package.';
COMMENT ON COLUMN moderation.audit_log.before IS 'What the call changed, as it was; NULL for what it made.';
COMMENT ON COLUMN moderation.audit_log.after IS 'What the call changed, as it is now; NULL for what is gone.';
COMMENT ON COLUMN moderation.audit_log.reason IS 'The note that the caller gave.';

-- A grant on all tables of the schema is quickly given: it must not open this one. Not security definer, so current_user
-- is whoever runs the statement; our functions run as the owner of the table, who may insert.
CREATE FUNCTION moderation.audit_log_guard() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user)
       AND NOT (TG_OP = 'INSERT' AND pg_has_role(current_user, (SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID), 'USAGE')) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = 'moderation.audit_log is append-only',
            DETAIL = 'Only the functions of pg_moderation write it; only a superuser may change or remove what is there.',
            HINT = 'Record what is wrong with an entry by a new change and its reason.';
    END IF;
    RETURN NULL;
END
$fn$;
COMMENT ON FUNCTION moderation.audit_log_guard() IS 'Trigger: keeps the audit log append-only.';
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON moderation.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION moderation.audit_log_guard();

CREATE FUNCTION moderation.changes(value jsonb, other jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT jsonb_object_agg(v.key, v.value) FROM jsonb_each(value) AS v(key, value)
        WHERE v.value IS DISTINCT FROM other->v.key;
    END;
COMMENT ON FUNCTION moderation.changes(jsonb, jsonb) IS 'Internal: the keys of one object that the other does not have with the same value, for before and after of the audit log.';

CREATE FUNCTION moderation.audit(call text, package text, before jsonb, after jsonb, reason text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    INSERT INTO moderation.audit_log (by_role, session_role, call, package, package_id, before, after, reason)
    VALUES (moderation.caller(), session_user, audit.call, audit.package,
            (SELECT p.package_id FROM moderation.packages p WHERE p.name = audit.package),
            audit.before, audit.after, audit.reason);
END
$fn$;
COMMENT ON FUNCTION moderation.audit(text, text, jsonb, jsonb, text) IS 'Internal: one entry of the audit log, on behalf of the caller. Called by functions that run as the owner, after the change.';
