-- Lint: what is questionable about the items of a package, each with SQL that mends it. Errors are a gate for going live.

CREATE FUNCTION moderation.lint_items(
    package text, release integer, frequency_source regclass, errors_only boolean,
    OUT severity text, OUT item_id bigint, OUT rule text, OUT message text, OUT fix text,
    OUT other_item bigint)
    RETURNS SETOF record
    LANGUAGE c STABLE COST 100000 ROWS 20
    AS 'MODULE_PATHNAME', 'moderation_lint_items';
COMMENT ON FUNCTION moderation.lint_items(text, integer, regclass, boolean) IS 'Internal: what lint finds in the terms of a release, or of the draft (NULL). other_item: the one without which it would not be found.';

CREATE FUNCTION moderation.lint_others(package text, release integer, only_items bigint[] DEFAULT NULL)
    RETURNS TABLE (severity text, item_id bigint, rule text, message text, fix text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        WITH items AS MATERIALIZED (
            SELECT v.item_id, v.kind, v.allow, v.hash, v.expires_at, coalesce(v.term, v.label, v.kind::text) AS name,
                   format('SELECT moderation.remove_items(%L, ARRAY[%s]);', p.name, v.item_id) AS remove
            FROM moderation.packages p
            JOIN moderation.item_versions v ON v.package_id = p.package_id
            WHERE p.name = lint_others.package AND p.package_id = ANY ((SELECT moderation.readable_packages())::integer[])
              AND (v.kind = 'image' OR v.expires_at <= now())
              AND (lint_others.only_items IS NULL OR v.item_id = ANY (lint_others.only_items))
              AND CASE WHEN lint_others.release IS NULL THEN v.removed_in IS NULL
                       ELSE v.added_in <= lint_others.release AND (v.removed_in IS NULL OR v.removed_in > lint_others.release) END
        )
        SELECT 'warning', i.item_id, 'expired', format('"%s" expired at %s.', i.name, i.expires_at), i.remove
        FROM items i WHERE i.expires_at <= now()
        UNION ALL
        -- The index over the release finds what is near; of two images the younger one is the repetition.
        SELECT 'warning', i.item_id, 'duplicate_image',
               format('"%s" differs from item %s in %s of 256 bits; images that look the same differ in up to 31.', i.name, h.item_id, h.distance),
               i.remove
        FROM items i
        CROSS JOIN LATERAL (
            SELECT n.item_id, n.distance
            FROM moderation.image_hits(i.hash, ARRAY[lint_others.package], lint_others.release, lint_others.release IS NULL, true) n
            WHERE n.item_id < i.item_id AND n.distance <= 8
            ORDER BY n.distance, n.item_id LIMIT 1) h
        WHERE i.kind = 'image' AND NOT i.allow
        UNION ALL
        -- Every bit says whether a coefficient is above the median, so half of them are set, unless the image has no structure.
        SELECT 'warning', i.item_id, 'low_quality',
               format('"%s" has a hash of an image without structure (%s of 256 bits set), which matches other such images by accident.',
                      i.name, bit_count(moderation.pdqhash_bytes(i.hash))),
               i.remove
        FROM items i
        WHERE i.kind = 'image' AND (bit_count(moderation.pdqhash_bytes(i.hash)) < 96 OR bit_count(moderation.pdqhash_bytes(i.hash)) > 160);
    END;
COMMENT ON FUNCTION moderation.lint_others(text, integer, bigint[]) IS 'Internal: what lint finds without looking at texts, at all items or at some.';

-- As the caller: the frequency source is his.
CREATE FUNCTION moderation.lint_package(package text, release integer DEFAULT NULL)
    RETURNS TABLE (severity text, item_id bigint, rule text, message text, fix text)
    LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    RETURN QUERY
    SELECT l.severity, l.item_id, l.rule, l.message, l.fix
    FROM (SELECT i.severity, i.item_id, i.rule, i.message, i.fix
          FROM moderation.lint_items(lint_package.package, lint_package.release,
                                     moderation.frequency_source(lint_package.package), false) i
          UNION ALL
          SELECT * FROM moderation.lint_others(lint_package.package, lint_package.release)) l
    ORDER BY CASE l.severity WHEN 'error' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END, l.item_id, l.rule;
END
$fn$;
COMMENT ON FUNCTION moderation.lint_package(text, integer) IS 'What is questionable about the items of a release, or of the draft (NULL), worst first, each with SQL that mends it where there is one. Errors keep the package from going live. Reads the package''s frequency source with the caller''s rights.';

CREATE FUNCTION moderation.frequency_source(package text) RETURNS regclass
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT c.oid::regclass FROM moderation.packages p JOIN pg_class c ON c.oid = p.frequency_source
        WHERE p.name = frequency_source.package;
    END;
COMMENT ON FUNCTION moderation.frequency_source(text) IS 'Internal: the package''s table of word frequencies, if it still exists.';
