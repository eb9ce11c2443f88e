-- Creates the extension, and helpers of the other files: every run starts with this file.
CREATE EXTENSION pg_moderation;
SELECT nspname AS schema_of_extension FROM pg_namespace WHERE nspname = 'moderation';

CREATE SCHEMA t;
GRANT USAGE ON SCHEMA t TO PUBLIC;

-- Runs a statement that must fail; shows what a user sees of the error, one line each.
CREATE PROCEDURE t.fails(statement text) LANGUAGE plpgsql AS $$
DECLARE
    m text; d text; h text; failed boolean := true;
BEGIN
    BEGIN
        EXECUTE statement;
        failed := false;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
        RAISE NOTICE USING MESSAGE = format('%s %s', SQLSTATE, m),
            -- Item ids depend on what ran before.
            DETAIL = regexp_replace(coalesce(nullif(d, ''), '-'), '"item":\d+', '"item":_', 'g'), HINT = coalesce(nullif(h, ''), '-');
    END;
    IF NOT failed THEN
        RAISE EXCEPTION 'this should have failed: %', statement;
    END IF;
END $$;

-- Waits until the hits of all rejected rows so far are in: the worker may be at it. Commits as it goes.
CREATE PROCEDURE t.collect_all() LANGUAGE plpgsql AS $$
DECLARE
    spool text := 'pg_moderation/spool/' || (SELECT oid FROM pg_database WHERE datname = current_database());
BEGIN
    FOR i IN 1..600 LOOP
        PERFORM moderation.collect_rejected();
        COMMIT;
        EXIT WHEN NOT EXISTS (SELECT FROM pg_ls_dir(spool, true, false) f WHERE f LIKE '%.hits');
        PERFORM pg_sleep(0.05);
    END LOOP;
END $$;

-- Takes everything out of force, so that files do not judge each other's rows.
CREATE FUNCTION t.retire_all() RETURNS void LANGUAGE sql AS $$
    SELECT moderation.retire_package(p) FROM (SELECT DISTINCT package FROM moderation.in_force) f(p);
$$;

-- What is recorded of a row, without what is different in every run.
CREATE VIEW t.recorded AS
    SELECT s.relation AS source, h.content_key AS key, p.name AS package, h.stage, h.action, h.outcome, v.term, h.field,
           h.span_start AS start, h.span_length AS len, h.places, h.matched
    FROM moderation.hits h JOIN moderation.packages p USING (package_id) JOIN moderation.sources s USING (source_id)
    JOIN moderation.item_versions v USING (item_id)
    ORDER BY s.source_id, h.content_key COLLATE "C", h.observed_at, p.name, v.term COLLATE "C";
