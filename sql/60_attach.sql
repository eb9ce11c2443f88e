-- Attaching tables: which columns are watched, and what a block verdict does. Runs with the caller's own rights, who
-- must be allowed to create triggers on the table; only the entry in sources is ours.

CREATE FUNCTION moderation.register_source(relation regclass, attached boolean, settings jsonb) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_id integer;
BEGIN
    IF NOT has_table_privilege(moderation.caller(), relation, 'TRIGGER') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('permission denied for table %s', relation),
            DETAIL = 'Attaching and detaching need the TRIGGER privilege on the table.',
            HINT = 'Ask the owner of the table to attach it.';
    END IF;
    IF attached THEN
        INSERT INTO moderation.installation DEFAULT VALUES ON CONFLICT DO NOTHING;
        INSERT INTO moderation.sources AS s (relation, attached_by)
        VALUES (register_source.relation, moderation.caller())
        ON CONFLICT ON CONSTRAINT sources_relation_key DO UPDATE
            SET attached_at = now(), attached_by = moderation.caller(), detached_at = NULL
        RETURNING s.source_id INTO found_id;
    ELSE
        UPDATE moderation.sources s SET detached_at = now() WHERE s.relation = register_source.relation
        RETURNING s.source_id INTO found_id;
    END IF;
    PERFORM moderation.audit(CASE WHEN attached THEN 'attach' ELSE 'detach' END, NULL,
        CASE WHEN NOT attached THEN v.entry END, CASE WHEN attached THEN v.entry END, NULL)
    FROM (SELECT jsonb_build_object('source_id', found_id, 'relation', relation::text) || coalesce(settings, '{}')) v(entry);
    RETURN found_id;
END
$fn$;
COMMENT ON FUNCTION moderation.register_source(regclass, boolean, jsonb) IS 'Internal: notes that a table is attached or no longer is.';

CREATE FUNCTION moderation.watched_column(relation regclass, parameter text, column_name name) RETURNS pg_attribute
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    attribute pg_attribute;
BEGIN
    SELECT * INTO attribute FROM pg_attribute a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_column',
            MESSAGE = format('column "%s" of table %s does not exist', coalesce(column_name::text, 'NULL'), relation),
            DETAIL = format('It was given as %s => ... to attach().', parameter),
            HINT = (SELECT format('Columns are: %s.', string_agg(a.attname, ', ' ORDER BY a.attnum))
                    FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped);
    END IF;
    IF attribute.attgenerated <> '' THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('column "%s" of table %s is generated', column_name, relation),
            DETAIL = 'A generated column has no value yet when the row is judged.',
            HINT = 'Watch the columns it is generated from.';
    END IF;
    RETURN attribute;
END
$fn$;
COMMENT ON FUNCTION moderation.watched_column(regclass, text, name) IS 'Internal: a column that can be watched, or a clear error.';

CREATE FUNCTION moderation.attach(
    "table" regclass, id name, text name[] DEFAULT NULL, on_block moderation.on_block DEFAULT 'flag', owner name DEFAULT NULL,
    created_at name DEFAULT NULL, verdict_column name DEFAULT NULL, image name[] DEFAULT NULL, video name[] DEFAULT NULL,
    set_column name DEFAULT NULL)
    RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    relation pg_class;
    watched name;
    attribute pg_attribute;
    roles jsonb := '{}';
    ordered name[] := '{}';
    entry record;
    source integer;
    settings jsonb;
BEGIN
    SELECT * INTO relation FROM pg_class c WHERE c.oid = "table";
    IF relation.oid IS NULL OR relation.relkind NOT IN ('r', 'p') THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format('%s is not a table', coalesce("table"::text, 'NULL')),
            DETAIL = 'Only tables and partitioned tables can be attached.',
            HINT = 'For a view or a foreign table, attach the tables behind it.';
    END IF;
    IF relation.relnamespace = 'moderation'::regnamespace THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format('%s belongs to pg_moderation', "table"),
            DETAIL = 'Recording hits would be moderated again, without end.',
            HINT = 'Attach the tables that hold your content.';
    END IF;
    IF on_block IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'on_block must not be NULL',
            DETAIL = 'A block verdict needs to be followed by something.',
            HINT = 'Use ''flag'', ''quarantine'' or ''reject''.';
    END IF;
    IF relation.relpersistence = 't' THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format('%s is a temporary table', "table"),
            DETAIL = 'Hits outlive the session, the rows they point to would not.',
            HINT = 'Use moderate_text() on temporary data.';
    END IF;
    IF EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = "table"
               AND t.tgfoid = 'moderation.record_row()'::regprocedure) THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('table %s is already attached', "table"),
            DETAIL = 'It, or the partitioned table it belongs to, carries the moderation triggers.',
            HINT = format('To change the settings: SELECT moderation.detach(%L); then attach it again.', "table"::text);
    END IF;
    IF cardinality(coalesce(text, '{}') || image || video) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'no column to watch',
            DETAIL = 'attach() watches at least one column with text, an image or a video.',
            HINT = 'For example text => ''{title,body}'' or image => ''{creative_pdq}''.';
    END IF;
    attribute := moderation.watched_column("table", 'id', id);
    FOREACH watched IN ARRAY coalesce(text, '{}') LOOP
        attribute := moderation.watched_column("table", 'text', watched);
        IF NOT EXISTS (SELECT FROM pg_type t
                       WHERE t.oid = attribute.atttypid AND t.typcategory = 'S' AND t.typlen = -1) THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('column "%s" of table %s is not text', watched, "table"),
                DETAIL = format('Its type is %s; text, varchar, char and domains over them can be watched.',
                                format_type(attribute.atttypid, attribute.atttypmod)),
                HINT = 'Watch a text column.';
        END IF;
    END LOOP;
    FOREACH watched IN ARRAY coalesce(image, '{}') LOOP
        attribute := moderation.watched_column("table", 'image', watched);
        IF attribute.atttypid <> 'moderation.pdqhash'::regtype THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('column "%s" of table %s is not an image hash', watched, "table"),
                DETAIL = format('Its type is %s.', format_type(attribute.atttypid, attribute.atttypmod)),
                HINT = 'Watch a column of type moderation.pdqhash; moderation.pdq_hash() makes one of an image file.';
        END IF;
    END LOOP;
    FOREACH watched IN ARRAY coalesce(video, '{}') LOOP
        attribute := moderation.watched_column("table", 'video', watched);
        IF attribute.atttypid <> 'moderation.video_frame[]'::regtype THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('column "%s" of table %s is not a video', watched, "table"),
                DETAIL = format('Its type is %s.', format_type(attribute.atttypid, attribute.atttypmod)),
                HINT = 'Watch a column of type moderation.video_frame[]; its frames come from pg-moderation-hasher.';
        END IF;
    END LOOP;
    IF owner IS NOT NULL THEN
        attribute := moderation.watched_column("table", 'owner', owner);
    END IF;
    IF created_at IS NOT NULL THEN
        attribute := moderation.watched_column("table", 'created_at', created_at);
        IF attribute.atttypid NOT IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype) THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('column "%s" of table %s is not a time', created_at, "table"),
                DETAIL = format('Its type is %s.', format_type(attribute.atttypid, attribute.atttypmod)),
                HINT = 'created_at takes a timestamptz, timestamp or date column.';
        END IF;
    END IF;
    IF verdict_column IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = "table" AND a.attname = verdict_column
                       AND a.attnum > 0 AND NOT a.attisdropped) THEN
            EXECUTE format('ALTER TABLE %s ADD COLUMN %I jsonb', "table", verdict_column);
        END IF;
        attribute := moderation.watched_column("table", 'verdict_column', verdict_column);
        IF attribute.atttypid <> 'jsonb'::regtype THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('column "%s" of table %s is not jsonb', verdict_column, "table"),
                DETAIL = format('Its type is %s.', format_type(attribute.atttypid, attribute.atttypmod)),
                HINT = 'Name a jsonb column, or a new one for attach() to add.';
        END IF;
    END IF;
    IF set_column IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = "table" AND a.attname = set_column
                       AND a.attnum > 0 AND NOT a.attisdropped) THEN
            EXECUTE format('ALTER TABLE %s ADD COLUMN %I text', "table", set_column);
        END IF;
        attribute := moderation.watched_column("table", 'set_column', set_column);
        IF attribute.atttypid <> 'text'::regtype THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('column "%s" of table %s is not text', set_column, "table"),
                DETAIL = format('Its type is %s.', format_type(attribute.atttypid, attribute.atttypmod)),
                HINT = 'Name a text column, or a new one for attach() to add.';
        END IF;
    END IF;

    FOR entry IN
        SELECT c.column_name, c.role FROM (
            SELECT id, 'id', 1 UNION ALL
            SELECT u.name, 'text', 1 + u.n FROM unnest(text) WITH ORDINALITY u(name, n) UNION ALL
            SELECT u.name, 'image', 1000000 + u.n FROM unnest(image) WITH ORDINALITY u(name, n) UNION ALL
            SELECT u.name, 'video', 2000000 + u.n FROM unnest(video) WITH ORDINALITY u(name, n) UNION ALL
            SELECT owner, 'owner', 3000000 UNION ALL
            SELECT created_at, 'created_at', 3000001 UNION ALL
            SELECT verdict_column, 'verdict', 3000002 UNION ALL
            SELECT set_column, 'set', 3000003) c(column_name, role, n)
        WHERE c.column_name IS NOT NULL ORDER BY c.n
    LOOP
        IF roles->(entry.column_name::text) ? entry.role OR (entry.role IN ('verdict', 'set') AND roles ? entry.column_name::text) THEN
            RAISE EXCEPTION USING ERRCODE = 'duplicate_column',
                MESSAGE = format('column "%s" is named twice', entry.column_name),
                DETAIL = 'A column is watched once, and the columns of the verdict and the set are not watched.',
                HINT = 'Name each column once.';
        END IF;
        IF NOT roles ? entry.column_name::text THEN
            ordered := ordered || entry.column_name;
        END IF;
        roles := roles || jsonb_build_object(entry.column_name,
                              coalesce(roles->(entry.column_name::text), '[]') || to_jsonb(entry.role));
    END LOOP;

    settings := jsonb_build_object('on_block', on_block,
        'roles', (SELECT jsonb_agg(roles->(c::text) ORDER BY n) FROM unnest(ordered) WITH ORDINALITY u(c, n)));
    source := moderation.register_source("table", true, settings || jsonb_build_object('columns', to_jsonb(ordered)));
    -- The settings live in this trigger: its column list follows renames, refuses drops, and is dumped and restored
    -- with the table by PostgreSQL itself. The roles come in the same order as the columns.
    EXECUTE format('CREATE TRIGGER moderation_columns AFTER UPDATE OF %s ON %s FOR EACH STATEMENT '
                   'EXECUTE FUNCTION moderation.watched_columns(%L)',
        (SELECT string_agg(quote_ident(c), ', ' ORDER BY n) FROM unnest(ordered) WITH ORDINALITY u(c, n)), "table", settings);
    -- Of a partitioned table it also tells rows that only move between partitions.
    IF on_block = 'quarantine' OR coalesce(verdict_column, set_column) IS NOT NULL OR (on_block = 'reject' AND relation.relkind = 'p') THEN
        -- Row triggers fire in the order of their names: ours shall see what the others made of the row.
        EXECUTE format('CREATE TRIGGER zzzz_moderation_judge BEFORE INSERT OR UPDATE ON %s FOR EACH ROW '
                       'EXECUTE FUNCTION moderation.judge_row()', "table");
    END IF;
    EXECUTE format('CREATE TRIGGER moderation_record AFTER INSERT OR UPDATE ON %s FOR EACH ROW '
                   'EXECUTE FUNCTION moderation.record_row()', "table");
    RETURN source;
END
$fn$;
COMMENT ON FUNCTION moderation.attach(regclass, name, name[], moderation.on_block, name, name, name, name[], name[], name) IS 'Moderates every row inserted into or changed in a table from now on: records hits, writes the verdict into verdict_column and the name of the set that judged the row, hit or not, into set_column (made if missing), and flags, quarantines or rejects what is to be blocked. Returns the source id.';

CREATE FUNCTION moderation.detach("table" regclass) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    trigger_name name;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = "table" AND t.tgparentid = 0
                   AND t.tgfoid = 'moderation.record_row()'::regprocedure) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('table %s is not attached', coalesce("table"::text, 'NULL')),
            DETAIL = 'It carries no moderation triggers of its own.',
            HINT = 'Attached tables are listed in moderation.attachments.';
    END IF;
    PERFORM moderation.register_source("table", false, NULL);
    FOR trigger_name IN
        SELECT t.tgname FROM pg_trigger t
        WHERE t.tgrelid = "table" AND t.tgname IN ('moderation_columns', 'moderation_record', 'zzzz_moderation_judge')
        ORDER BY t.tgname
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', trigger_name, "table");
    END LOOP;
END
$fn$;
COMMENT ON FUNCTION moderation.detach(regclass) IS 'Stops moderating a table. Its verdict column, hits, reviews and quarantined rows stay.';

CREATE FUNCTION moderation.discard_quarantined(quarantine_id bigint, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    kept moderation.quarantine;
BEGIN
    kept := moderation.claim_quarantined(discard_quarantined.quarantine_id);
    PERFORM moderation.resolve_quarantined(kept.quarantine_id, 'discarded', discard_quarantined.note);
END
$fn$;
COMMENT ON FUNCTION moderation.discard_quarantined(bigint, text) IS 'Closes a quarantined row without storing it; the record stays.';

CREATE FUNCTION moderation.claim_quarantined(quarantine_id bigint) RETURNS moderation.quarantine
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    kept moderation.quarantine;
BEGIN
    SELECT * INTO kept FROM moderation.quarantine q WHERE q.quarantine_id = claim_quarantined.quarantine_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'no_data_found',
            MESSAGE = format('no quarantined row %s', coalesce(claim_quarantined.quarantine_id::text, 'NULL')),
            DETAIL = 'No row was quarantined under this number.',
            HINT = 'See moderation.quarantine.';
    END IF;
    IF kept.resolution IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('quarantined row %s was already %s', kept.quarantine_id, kept.resolution),
            DETAIL = format('By %s at %s.', kept.resolved_by, kept.resolved_at),
            HINT = 'A quarantined row is released or discarded once.';
    END IF;
    RETURN kept;
END
$fn$;
COMMENT ON FUNCTION moderation.claim_quarantined(bigint) IS 'Internal: an unresolved quarantined row, locked.';

CREATE FUNCTION moderation.resolve_quarantined(quarantine_id bigint, resolution text, note text) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        UPDATE moderation.quarantine q
        SET resolution = resolve_quarantined.resolution, resolved_at = now(), resolved_by = moderation.caller(),
            note = resolve_quarantined.note
        WHERE q.quarantine_id = resolve_quarantined.quarantine_id;
        SELECT moderation.audit(
            CASE resolve_quarantined.resolution WHEN 'released' THEN 'release_quarantined' ELSE 'discard_quarantined' END, NULL,
            jsonb_build_object('quarantine_id', q.quarantine_id, 'source', s.relation, 'content_key', q.content_key),
            jsonb_build_object('resolution', q.resolution), resolve_quarantined.note)
        FROM moderation.quarantine q LEFT JOIN moderation.sources s ON s.source_id = q.source_id
        WHERE q.quarantine_id = resolve_quarantined.quarantine_id;
    END;
COMMENT ON FUNCTION moderation.resolve_quarantined(bigint, text, text) IS 'Internal: marks a quarantined row released or discarded.';
