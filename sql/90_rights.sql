-- Rights and dump. Matching is open; everything else is granted by the administrator, one function at a time.

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA moderation FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    moderation.matches(text, text),
    moderation.moderate_text(text, text[], text),
    moderation.moderate_text(text, text, text),
    moderation.moderate_text_as_of(text, timestamptz, text[], text),
    moderation.moderate_text_by_release(text, text, integer),
    moderation.text_hits(text, text[], integer, boolean, boolean),
    moderation.text_hits(text, text, integer, boolean, boolean),
    moderation.mask_text(text, text[], text),
    moderation.fold_text(text, moderation.match_level),
    moderation.content_digest(text[]),
    moderation.folding_version(),
    -- Trigger functions run on behalf of whoever changes an attached table.
    moderation.judge_row(), moderation.record_row(), moderation.watched_columns()
    TO PUBLIC;

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
