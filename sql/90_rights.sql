-- Rights and dump. Matching is open; everything else is granted by the administrator, one function at a time.

REVOKE ALL ON ALL ROUTINES IN SCHEMA moderation FROM PUBLIC;
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
    moderation.matches(moderation.pdqhash, text),
    moderation.moderate_image(moderation.pdqhash, text[], text), moderation.moderate_image(moderation.pdqhash, text, text),
    moderation.moderate_image(bytea, text[], text), moderation.moderate_image(bytea, text, text),
    moderation.image_hits(moderation.pdqhash, text[], integer, boolean, boolean),
    moderation.image_hits(moderation.pdqhash, text, integer, boolean, boolean),
    moderation.image_hits(bytea, text[], integer, boolean, boolean),
    moderation.image_hits(bytea, text, integer, boolean, boolean),
    moderation.moderate_video(moderation.video_frame[], text[], text),
    moderation.moderate_video(moderation.video_frame[], text, text),
    moderation.video_hits(moderation.video_frame[], text[], integer, boolean, boolean),
    moderation.video_hits(moderation.video_frame[], text, integer, boolean, boolean),
    moderation.moderate(jsonb, text[], text[], text[], text), moderation.moderate(record, text[], text),
    moderation.pdq_hash(bytea, text), moderation.pdq_rotations(bytea, text), moderation.pdq_rotations(moderation.pdqhash),
    moderation.video_frames(text),
    moderation.content_digest(text[]),
    moderation.folding_version(),
    -- Trigger functions run on behalf of whoever changes an attached table.
    moderation.judge_row(), moderation.record_row(), moderation.watched_columns()
    TO PUBLIC;

-- What the types pdqhash and pdq_ball are made of, their operators and index classes, is open like the types themselves.
DO $types$
DECLARE
    function regprocedure;
BEGIN
    FOR function IN
        SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = 'moderation'::regnamespace
          AND p.proname ~ '^(pdqhash|pdqhash_.*|pdq_ball|pdq_ball_.*|pdq_distance|pdq_within|pdq_contains|pdq_gin_.*)$'
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', function);
    END LOOP;
END
$types$;

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
