-- Rights and dump. Matching is open; everything else is granted by create_roles(), from the same list: 12_roles.sql.

REVOKE ALL ON ALL ROUTINES IN SCHEMA moderation FROM PUBLIC;
DO $everyone$
DECLARE
    function regprocedure;
BEGIN
    FOR function IN
        SELECT p.oid FROM moderation.rights() r
        JOIN pg_proc p ON p.proname = r.name AND p.pronamespace = 'moderation'::regnamespace
        WHERE r.kind = 'routine' AND r.class = 'everyone'
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', function);
    END LOOP;
END
$everyone$;

DO $dump$
DECLARE
    name text;
BEGIN
    -- in_force_signal is empty and stays so. Partitioned parents hold no rows of their own.
    FOR name IN
        SELECT c.oid::regclass::text FROM pg_class c
        WHERE c.relnamespace = 'moderation'::regnamespace AND c.relkind IN ('r', 'S')
          AND c.relname <> 'in_force_signal'
        ORDER BY c.oid
    LOOP
        PERFORM pg_extension_config_dump(name, '');
    END LOOP;
END
$dump$;
