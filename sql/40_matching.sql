-- Functions of the shared library. Matching reads what is in force and nothing else; it is open to everybody who may
-- use the schema, and needs no right on the material.

CREATE FUNCTION moderation.matches(body text, package text) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'moderation_matches';
COMMENT ON FUNCTION moderation.matches(text, text) IS 'Does the live release of the package hit this text? Equals EXISTS over its live text_hits().';

CREATE FUNCTION moderation.moderate_text(body text, packages text[] DEFAULT NULL, content_key text DEFAULT NULL)
    RETURNS moderation.verdict
    LANGUAGE c STABLE PARALLEL SAFE COST 200
    AS 'MODULE_PATHNAME', 'moderation_moderate_text';
COMMENT ON FUNCTION moderation.moderate_text(text, text[], text) IS 'The verdict on a text by the live releases of all or the named packages. NULL for a NULL text.';

CREATE FUNCTION moderation.moderate_text(body text, package text, content_key text DEFAULT NULL)
    RETURNS moderation.verdict
    LANGUAGE sql STABLE PARALLEL SAFE COST 200
    RETURN moderation.moderate_text(body, CASE WHEN package IS NULL THEN NULL ELSE ARRAY[package] END, content_key);
COMMENT ON FUNCTION moderation.moderate_text(text, text, text) IS 'The verdict on a text by the live release of one package.';

CREATE FUNCTION moderation.moderate_text_as_of(
    body text, at timestamptz, packages text[] DEFAULT NULL, content_key text DEFAULT NULL)
    RETURNS moderation.verdict
    LANGUAGE c STABLE PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'moderation_moderate_text_as_of';
COMMENT ON FUNCTION moderation.moderate_text_as_of(text, timestamptz, text[], text) IS 'The verdict on a text by what was in force at that time: deployments, shares, overrides and schedules of then, by today''s engine. A time to come: what is in force now, with the schedules of then.';

CREATE FUNCTION moderation.moderate_text_by_release(body text, package text, release integer DEFAULT NULL)
    RETURNS moderation.verdict
    LANGUAGE c STABLE PARALLEL SAFE COST 200
    AS 'MODULE_PATHNAME', 'moderation_moderate_text_by_release';
COMMENT ON FUNCTION moderation.moderate_text_by_release(text, text, integer) IS 'The verdict on a text by one release of a package, in force or not, or by its draft (release NULL): by all its items, whatever their schedule.';

CREATE FUNCTION moderation.text_hits(
    body text, packages text[] DEFAULT NULL, release integer DEFAULT NULL, draft boolean DEFAULT false,
    suppressed boolean DEFAULT false)
    RETURNS SETOF moderation.text_hit
    LANGUAGE c STABLE PARALLEL SAFE COST 200 ROWS 5
    AS 'MODULE_PATHNAME', 'moderation_text_hits';
COMMENT ON FUNCTION moderation.text_hits(text, text[], integer, boolean, boolean) IS 'Every place of every item in a text: by the live and shadow releases in force, by one release of one package, or by its draft (stage NULL). suppressed => true also lists what allow entries cover.';

CREATE FUNCTION moderation.text_hits(
    body text, package text, release integer DEFAULT NULL, draft boolean DEFAULT false,
    suppressed boolean DEFAULT false)
    RETURNS SETOF moderation.text_hit
    LANGUAGE sql STABLE PARALLEL SAFE COST 200 ROWS 5
    BEGIN ATOMIC
        SELECT h.package, h.release, h.stage, h.item_id, h.kind, h.term, h.action,
               h.span_start, h.span_length, h.matched, h.level, h.score, h.steps, h.suppressed_by
        FROM moderation.text_hits(body, CASE WHEN package IS NULL THEN NULL ELSE ARRAY[package] END, release, draft, suppressed) AS h;
    END;
COMMENT ON FUNCTION moderation.text_hits(text, text, integer, boolean, boolean) IS 'Every place of every item of one package in a text.';

CREATE FUNCTION moderation.mask_text(body text, packages text[] DEFAULT NULL, mask text DEFAULT '*') RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE COST 200
    AS 'MODULE_PATHNAME', 'moderation_mask_text';
COMMENT ON FUNCTION moderation.mask_text(text, text[], text) IS 'The text with every live hit of all or the named packages hidden, character by character; white space stays.';

CREATE FUNCTION moderation.fold_text(body text, level moderation.match_level DEFAULT 'folded') RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 200
    AS 'MODULE_PATHNAME', 'moderation_fold_text';
COMMENT ON FUNCTION moderation.fold_text(text, moderation.match_level) IS 'The text as terms of this level see it. Depends on folding_version().';

CREATE FUNCTION moderation.explain_text(
    body text, what text, match moderation.match_mode DEFAULT 'word', level moderation.match_level DEFAULT 'folded',
    language text DEFAULT NULL,
    OUT package text, OUT item_id bigint, OUT term text, OUT is_hit boolean, OUT explanation text)
    RETURNS SETOF record
    LANGUAGE c STABLE COST 10000 ROWS 5
    AS 'MODULE_PATHNAME', 'moderation_explain_text';
COMMENT ON FUNCTION moderation.explain_text(text, text, moderation.match_mode, moderation.match_level, text) IS 'Why a text is hit, or not, in words: by the package of this name (its live release, else its draft), by the items with this term, or by a term that is in no package, tried with match, level and language.';

CREATE FUNCTION moderation.content_digest(VARIADIC fields text[]) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'moderation_content_digest';
COMMENT ON FUNCTION moderation.content_digest(text[]) IS 'SHA-256 over the fields in order, each as 8 bytes of length (big endian; all ones for NULL) and its UTF-8 bytes: the digest that hits record.';

CREATE FUNCTION moderation.folding_version() RETURNS integer
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'moderation_folding_version';
COMMENT ON FUNCTION moderation.folding_version() IS 'Version of the folding rules of this library; part of every release and of every compiled set''s name.';

-- Internal: called by the functions and triggers below, never by users.

CREATE FUNCTION moderation.caller() RETURNS text
    LANGUAGE c STABLE
    AS 'MODULE_PATHNAME', 'moderation_caller';
COMMENT ON FUNCTION moderation.caller() IS 'Internal: the role on whose behalf we work, also inside our own security definer functions.';

CREATE FUNCTION moderation.check_terms(
    terms text[], allow boolean, match moderation.match_mode, level moderation.match_level, language text,
    OUT term text, OUT item_hash bytea)
    RETURNS SETOF record
    LANGUAGE c IMMUTABLE ROWS 100
    AS 'MODULE_PATHNAME', 'moderation_check_terms';
COMMENT ON FUNCTION moderation.check_terms(text[], boolean, moderation.match_mode, moderation.match_level, text) IS 'Internal: refuses what cannot be compiled, drops repeats, computes what makes two items the same.';

CREATE FUNCTION moderation.set_hash_apply(state bytea, added bytea[], removed bytea[]) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT
    AS 'MODULE_PATHNAME', 'moderation_set_hash_apply';
COMMENT ON FUNCTION moderation.set_hash_apply(bytea, bytea[], bytea[]) IS 'Internal: the multiset hash after adding and removing elements; an empty state is the empty set.';

CREATE FUNCTION moderation.compile_in_force() RETURNS void
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'moderation_compile_in_force';
COMMENT ON FUNCTION moderation.compile_in_force() IS 'Internal: compiles what this transaction has in force, so that a publish fails now rather than a query later.';

CREATE FUNCTION moderation.compiled_sets(
    OUT set_name text, OUT releases jsonb, OUT base text, OUT bytes bigint, OUT built_at timestamptz, OUT build_ms bigint,
    OUT used_at timestamptz, OUT in_force boolean, OUT mapped_here boolean)
    RETURNS SETOF record
    LANGUAGE c VOLATILE ROWS 3
    AS 'MODULE_PATHNAME', 'moderation_compiled_sets';
COMMENT ON FUNCTION moderation.compiled_sets() IS 'Internal: the files of compiled sets of this database on this server, and the set in force if it has none. See moderation.compiled_state.';

CREATE FUNCTION moderation.collect_rejected() RETURNS bigint
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'moderation_collect_rejected';
COMMENT ON FUNCTION moderation.collect_rejected() IS 'Moves the hits of rejected rows from the spool into hits; returns how many rows it read. Runs by itself after rejects and in every writing call; takes none in a transaction above READ COMMITTED.';

CREATE FUNCTION moderation.release_quarantined(quarantine_id bigint, note text DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'moderation_release_quarantined';
COMMENT ON FUNCTION moderation.release_quarantined(bigint, text) IS 'Stores a quarantined row (or applies a quarantined update) with the caller''s own rights, without quarantining it again; returns its content key.';

CREATE FUNCTION moderation.signal_in_force() RETURNS trigger
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'moderation_signal_in_force';
COMMENT ON FUNCTION moderation.signal_in_force() IS 'Trigger: tells every backend that the map of what is in force is stale.';

CREATE FUNCTION moderation.judge_row() RETURNS trigger
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'moderation_judge_row';
COMMENT ON FUNCTION moderation.judge_row() IS 'Trigger (before row): writes the verdict column, keeps quarantined rows out. Made by attach().';

CREATE FUNCTION moderation.record_row() RETURNS trigger
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'moderation_record_row';
COMMENT ON FUNCTION moderation.record_row() IS 'Trigger (after row): records hits and exposures of the row as stored, rejects blocked rows. Made by attach().';

CREATE FUNCTION moderation.watched_columns() RETURNS trigger
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'moderation_watched_columns';
COMMENT ON FUNCTION moderation.watched_columns() IS 'Trigger (after statement): does nothing; its column list names the watched columns, so that PostgreSQL itself follows renames. Made by attach().';

-- ALWAYS: replicated changes of the deployments must reach this server's backends too.
CREATE TRIGGER signal_in_force AFTER INSERT OR UPDATE OR DELETE ON moderation.deployments
    FOR EACH ROW EXECUTE FUNCTION moderation.signal_in_force();
CREATE TRIGGER signal_in_force_truncate AFTER TRUNCATE ON moderation.deployments
    FOR EACH STATEMENT EXECUTE FUNCTION moderation.signal_in_force();
CREATE TRIGGER signal_in_force AFTER INSERT OR UPDATE OR DELETE ON moderation.item_overrides
    FOR EACH ROW EXECUTE FUNCTION moderation.signal_in_force();
CREATE TRIGGER signal_in_force_truncate AFTER TRUNCATE ON moderation.item_overrides
    FOR EACH STATEMENT EXECUTE FUNCTION moderation.signal_in_force();
CREATE TRIGGER signal_in_force AFTER INSERT OR DELETE ON moderation.packages
    FOR EACH ROW EXECUTE FUNCTION moderation.signal_in_force();
CREATE TRIGGER signal_in_force_rename AFTER UPDATE ON moderation.packages
    FOR EACH ROW WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION moderation.signal_in_force();
CREATE TRIGGER signal_in_force_rights AFTER UPDATE ON moderation.packages
    FOR EACH ROW WHEN (OLD.restricted <> NEW.restricted OR OLD.team IS DISTINCT FROM NEW.team)
    EXECUTE FUNCTION moderation.signal_in_force();
CREATE TRIGGER signal_in_force AFTER INSERT OR UPDATE OR DELETE ON moderation.group_roles
    FOR EACH ROW EXECUTE FUNCTION moderation.signal_in_force();
CREATE TRIGGER signal_in_force_truncate AFTER TRUNCATE ON moderation.packages
    FOR EACH STATEMENT EXECUTE FUNCTION moderation.signal_in_force();
CREATE TRIGGER signal_in_force AFTER INSERT OR UPDATE OR DELETE ON moderation.releases
    FOR EACH ROW EXECUTE FUNCTION moderation.signal_in_force();
CREATE TRIGGER signal_in_force AFTER INSERT OR UPDATE OR DELETE ON moderation.installation
    FOR EACH ROW EXECUTE FUNCTION moderation.signal_in_force();
ALTER TABLE moderation.deployments ENABLE ALWAYS TRIGGER signal_in_force;
ALTER TABLE moderation.deployments ENABLE ALWAYS TRIGGER signal_in_force_truncate;
ALTER TABLE moderation.item_overrides ENABLE ALWAYS TRIGGER signal_in_force;
ALTER TABLE moderation.item_overrides ENABLE ALWAYS TRIGGER signal_in_force_truncate;
ALTER TABLE moderation.packages ENABLE ALWAYS TRIGGER signal_in_force;
ALTER TABLE moderation.packages ENABLE ALWAYS TRIGGER signal_in_force_rename;
ALTER TABLE moderation.packages ENABLE ALWAYS TRIGGER signal_in_force_rights;
ALTER TABLE moderation.packages ENABLE ALWAYS TRIGGER signal_in_force_truncate;
ALTER TABLE moderation.group_roles ENABLE ALWAYS TRIGGER signal_in_force;
ALTER TABLE moderation.releases ENABLE ALWAYS TRIGGER signal_in_force;
ALTER TABLE moderation.installation ENABLE ALWAYS TRIGGER signal_in_force;
