-- Lint: what is questionable about the items of a package, each with SQL that mends it. Errors are a gate for going live.

CREATE FUNCTION moderation.lint_items(
    package text, release integer, frequency_source regclass, errors_only boolean,
    OUT severity text, OUT item_id bigint, OUT rule text, OUT message text, OUT fix text)
    RETURNS SETOF record
    LANGUAGE c STABLE COST 100000 ROWS 20
    AS 'MODULE_PATHNAME', 'moderation_lint_items';
COMMENT ON FUNCTION moderation.lint_items(text, integer, regclass, boolean) IS 'Internal: what lint finds in the terms of a release, or of the draft (NULL).';

CREATE FUNCTION moderation.lint_others(package text, release integer)
    RETURNS TABLE (severity text, item_id bigint, rule text, message text, fix text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT 'warning', v.item_id, 'expired', format('%L expired at %s.', v.term, v.expires_at),
               format('SELECT moderation.remove_items(%L, ARRAY[%s]);', p.name, v.item_id)
        FROM moderation.packages p
        JOIN moderation.item_versions v ON v.package_id = p.package_id
        WHERE p.name = lint_others.package AND v.expires_at <= now()
          AND CASE WHEN lint_others.release IS NULL THEN v.removed_in IS NULL
                   ELSE v.added_in <= lint_others.release AND (v.removed_in IS NULL OR v.removed_in > lint_others.release) END;
    END;
COMMENT ON FUNCTION moderation.lint_others(text, integer) IS 'Internal: what lint finds without looking at texts.';

-- As the caller: the frequency source is his.
CREATE FUNCTION moderation.lint_package(package text, release integer DEFAULT NULL)
    RETURNS TABLE (severity text, item_id bigint, rule text, message text, fix text)
    LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    RETURN QUERY
    SELECT l.severity, l.item_id, l.rule, l.message, l.fix
    FROM (SELECT * FROM moderation.lint_items(lint_package.package, lint_package.release,
                                              moderation.frequency_source(lint_package.package), false)
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
