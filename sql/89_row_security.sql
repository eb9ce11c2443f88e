-- Row level security: of the tables that roles may read, everybody sees the rows of his packages. Policies stand here, since
-- pg_dump emits none for the tables of an extension. There are none for writing: tables are written through functions, whose
-- owner no policy holds. Views either run with the rights of who reads them or ask the same functions.

DO $policies$
DECLARE
    entry record;
BEGIN
    FOR entry IN
        SELECT t.name, format(CASE t.sees WHEN 'visible' THEN '%s = ANY ((SELECT moderation.visible_packages())::integer[])'
                                         ELSE '%s = ANY ((SELECT moderation.readable_packages())::integer[])' END, 'package_id')
               || CASE WHEN t.optional THEN ' OR package_id IS NULL' ELSE '' END AS condition
        FROM (VALUES
            ('packages', 'visible', false), ('drafts', 'visible', false), ('releases', 'visible', false), ('deployments', 'visible', false),
            ('hits', 'visible', false), ('brakes', 'visible', false), ('brake_events', 'visible', false), ('owner_strikes', 'visible', false),
            ('review_claims', 'visible', true), ('rollup_days', 'visible', false), ('rollup_items', 'visible', false),
            ('rescan_states', 'visible', false),
            -- Items, and what speaks of them.
            ('items', 'readable', false), ('item_versions', 'readable', false), ('item_overrides', 'readable', false),
            ('checks', 'readable', false), ('publish_requests', 'readable', false), ('proposals', 'readable', false),
            ('audit_log', 'readable', true)) t(name, sees, optional)
    LOOP
        EXECUTE format('ALTER TABLE moderation.%I ENABLE ROW LEVEL SECURITY', entry.name);
        EXECUTE format('CREATE POLICY team ON moderation.%I FOR SELECT USING (%s)', entry.name, entry.condition);
    END LOOP;
    -- Partitions are nobody's to read; whoever gets a grant on one nevertheless sees no row of it.
    FOR entry IN SELECT i.inhrelid::regclass AS name FROM pg_inherits i WHERE i.inhparent = 'moderation.hits'::regclass LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', entry.name);
    END LOOP;
END
$policies$;
