-- Files of items into a draft: read by the library (parse_import), judged here line by line, added in one transaction.

CREATE TYPE moderation.import_line AS (
    line integer, status text, item_id bigint, kind moderation.item_kind, allow boolean, term text, match moderation.match_mode,
    level moderation.match_level, language text, weight real, note text, case_ref text, source text, evidence text,
    valid_from timestamptz, expires_at timestamptz, item_hash bytea, hash moderation.pdqhash, max_distance smallint, label text, reason text);
COMMENT ON TYPE moderation.import_line IS 'Internal: one line of an import on its way into the draft.';

CREATE FUNCTION moderation.parse_import(
    content text, format text, match moderation.match_mode, level moderation.match_level, language text,
    OUT line integer, OUT problem text, OUT term text, OUT own_match text, OUT own_level text, OUT own_language text,
    OUT weight text, OUT allow text, OUT note text, OUT case_ref text, OUT source text, OUT evidence text, OUT valid_from text,
    OUT expires_at text, OUT hash text, OUT max_distance text, OUT label text, OUT item_hash bytea)
    RETURNS SETOF record
    LANGUAGE c STABLE ROWS 1000
    AS 'MODULE_PATHNAME', 'moderation_parse_import';
COMMENT ON FUNCTION moderation.parse_import(text, text, moderation.match_mode, moderation.match_level, text) IS 'Internal: the lines of a file as text, each with what is wrong with it or with the hash of its item.';

CREATE FUNCTION moderation.check_import_size(bytes bigint) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    most text := coalesce(current_setting('pg_moderation.max_import_bytes', true), '256MB');
BEGIN
    IF bytes > pg_size_bytes(most) THEN
        RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded',
            MESSAGE = format('the file is too large: %s', pg_size_pretty(bytes)),
            DETAIL = format('pg_moderation.max_import_bytes is %s. Nothing was imported.', most),
            HINT = 'Import it in parts, or have the setting raised.';
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_import_size(bigint) IS 'Internal: refuses files above pg_moderation.max_import_bytes.';

CREATE FUNCTION moderation.import_schedule(
    INOUT valid_from text, INOUT expires_at text, OUT "from" timestamptz, OUT until timestamptz, OUT problem text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    SELECT s.valid_from, s.expires_at INTO "from", until
    FROM moderation.check_schedule(
        CASE WHEN valid_from LIKE 'epoch %' THEN to_timestamp(substr(valid_from, 7)::double precision) ELSE valid_from::timestamptz END,
        CASE WHEN expires_at LIKE 'epoch %' THEN to_timestamp(substr(expires_at, 7)::double precision) ELSE expires_at::timestamptz END) s;
EXCEPTION WHEN data_exception THEN
    problem := SQLERRM;
END
$fn$;
COMMENT ON FUNCTION moderation.import_schedule(text, text) IS 'Internal: the times of a line, or why they are none.';

CREATE FUNCTION moderation.import_findings(package text, items bigint[], dry_run boolean)
    RETURNS TABLE (item_id bigint, findings jsonb)
    LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
AS $fn$
DECLARE
    problem text;
    concerned bigint;
BEGIN
    IF coalesce(items, '{}') = '{}' THEN
        RETURN;
    END IF;
    -- What is found at an item that was there before, because of one that came, belongs to the one that came.
    RETURN QUERY
    SELECT coalesce(own.item_id, cause.item_id),
           jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
               'severity', l.severity, 'rule', l.rule, 'item', CASE WHEN own.item_id IS NULL THEN l.item_id END,
               'message', l.message, 'fix', CASE WHEN NOT dry_run THEN l.fix END))
               ORDER BY CASE l.severity WHEN 'error' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END, l.rule, l.item_id)
    FROM (SELECT * FROM moderation.lint_items(package, NULL, moderation.frequency_source(package), false)
          UNION ALL
          SELECT o.severity, o.item_id, o.rule, o.message, o.fix, NULL FROM moderation.lint_others(package, NULL, items) o) l
    LEFT JOIN unnest(items) AS own(item_id) ON own.item_id = l.item_id
    LEFT JOIN unnest(items) AS cause(item_id) ON cause.item_id = l.other_item
    WHERE own.item_id IS NOT NULL OR cause.item_id IS NOT NULL
    GROUP BY 1;
    GET DIAGNOSTICS concerned = ROW_COUNT;
    IF concerned > 0 THEN
        RAISE NOTICE 'items that lint finds something at: %; see the column findings', concerned;
    END IF;
EXCEPTION WHEN OTHERS THEN
    -- A frequency source that cannot be read is no reason to refuse a file.
    GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT;
    RAISE WARNING USING MESSAGE = format('what was imported is not linted: %s', problem),
        DETAIL = 'The import itself is not concerned.',
        HINT = format('SELECT * FROM moderation.lint_package(%L);', package);
END
$fn$;
COMMENT ON FUNCTION moderation.import_findings(text, bigint[], boolean) IS 'Internal: what lint finds in the draft because of these items, by the item that brought it; of a dry run without the SQL that mends it, since it names items that are gone.';

CREATE FUNCTION moderation.import_lines(
    package_id integer, content text, format text, match moderation.match_mode, level moderation.match_level, language text,
    source text, case_ref text, note text)
    RETURNS moderation.import_line[]
    LANGUAGE sql SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
WITH parsed AS MATERIALIZED (
    SELECT p.*, s."from", s.until, coalesce(p.problem, s.problem) AS trouble,
           min(p.line) FILTER (WHERE coalesce(p.problem, s.problem) IS NULL) OVER (PARTITION BY p.item_hash, lower(p.hash), p.allow) AS first_line
    FROM moderation.parse_import(content, format, match, level, language) p
    LEFT JOIN LATERAL moderation.import_schedule(p.valid_from, p.expires_at) s
      ON p.problem IS NULL AND (p.valid_from IS NOT NULL OR p.expires_at IS NOT NULL)
), judged AS (
    SELECT p.*, coalesce(v.item_id, i.item_id) AS known,
           CASE WHEN p.trouble IS NOT NULL THEN 'refused'
                WHEN v.item_id IS NOT NULL OR i.item_id IS NOT NULL OR p.line > p.first_line THEN 'duplicate'
                ELSE 'added' END AS verdict
    FROM parsed p
    -- One by one, through the index: before ANALYZE a join would read the whole package for a few lines.
    LEFT JOIN LATERAL (
        SELECT x.item_id FROM moderation.item_versions x
        WHERE x.package_id = import_lines.package_id AND x.item_hash = p.item_hash AND x.removed_in IS NULL LIMIT 1) v ON true
    -- As add_images() does: the same hash with another distance is the same image.
    LEFT JOIN LATERAL (
        SELECT x.item_id FROM moderation.item_versions x
        WHERE p.hash IS NOT NULL AND p.trouble IS NULL AND x.package_id = import_lines.package_id AND x.removed_in IS NULL
          AND x.kind = 'image' AND x.hash = p.hash::moderation.pdqhash AND x.allow = p.allow::boolean LIMIT 1) i ON true
)
SELECT array_agg(ROW(
    j.line, j.verdict,
    CASE WHEN j.verdict = 'added' THEN nextval('moderation.items_item_id_seq') ELSE j.known END,
    CASE WHEN j.hash IS NULL THEN 'term' ELSE 'image' END, f.allow, coalesce(j.term, j.hash), f.own_match,
    f.own_level, f.own_language, coalesce(f.weight, '1'), coalesce(j.note, import_lines.note),
    coalesce(j.case_ref, import_lines.case_ref), coalesce(j.source, import_lines.source), j.evidence, j."from", j.until,
    coalesce(j.item_hash, moderation.image_item_hash(f.hash::moderation.pdqhash, f.allow::boolean, f.max_distance::integer)),
    f.hash, f.max_distance, j.label,
    coalesce(j.trouble,
             CASE WHEN j.known IS NULL AND j.verdict = 'duplicate' THEN format('the same as line %s', j.first_line)
                  WHEN j.verdict = 'duplicate' THEN 'in the draft already' END)
    )::moderation.import_line ORDER BY j.line)
-- Sorted before the ids are drawn, so that they follow the file. Of a refused line only the text is taken: its cells
-- need not be what the columns hold.
FROM (SELECT * FROM judged ORDER BY line) j LEFT JOIN LATERAL (
    SELECT j.allow, j.own_match, j.own_level, j.own_language, j.weight, j.hash, j.max_distance WHERE j.trouble IS NULL) f ON true;
$fn$;
COMMENT ON FUNCTION moderation.import_lines(integer, text, text, moderation.match_mode, moderation.match_level, text, text, text, text) IS 'Internal: the lines of a file, each with what becomes of it in the draft and the id of its item.';

CREATE FUNCTION moderation.import_items(
    package text, content text, format text DEFAULT 'csv', dry_run boolean DEFAULT false, strict boolean DEFAULT false,
    match moderation.match_mode DEFAULT 'word', level moderation.match_level DEFAULT 'folded', language text DEFAULT NULL,
    source text DEFAULT NULL, case_ref text DEFAULT NULL, note text DEFAULT NULL, lint boolean DEFAULT true)
    RETURNS TABLE (line integer, status text, item_id bigint, term text, reason text, findings jsonb)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
    SET plan_cache_mode = force_custom_plan
AS $fn$
#variable_conflict use_column
DECLARE
    target moderation.packages;
    lines moderation.import_line[];
    figures jsonb;
BEGIN
    IF content IS NULL OR format IS NULL OR dry_run IS NULL OR strict IS NULL OR match IS NULL OR level IS NULL OR lint IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'content, format, dry_run, strict, match, level and lint must not be NULL',
            DETAIL = 'Nothing was imported.',
            HINT = 'Leave out what has a default.';
    END IF;
    PERFORM moderation.check_import_size(octet_length(content));
    target := moderation.lock_package(package);
    lines := moderation.import_lines(target.package_id, content, format, match, level, language, source, case_ref, note);
    SELECT jsonb_object_agg(f.status, f.count) INTO figures
    FROM (SELECT l.status, count(*) FROM unnest(lines) l GROUP BY l.status) f;
    IF strict AND figures ? 'refused' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s of %s lines cannot be imported', figures->>'refused', cardinality(lines)),
            DETAIL = (SELECT string_agg(format('line %s: %s', l.line, l.reason), '; ')
                      FROM (SELECT u.line, u.reason FROM unnest(lines) u WHERE u.status = 'refused' ORDER BY u.line LIMIT 20) l)
                     || '. Nothing was imported.',
            HINT = 'Without strict => true the other lines are imported and these are listed.';
    END IF;
    -- A dry run is the import itself, taken back: only then does lint see what it would find.
    BEGIN
        IF figures ? 'added' THEN
            RAISE NOTICE '% lines read; items to add: %', cardinality(lines), figures->>'added';
            INSERT INTO moderation.items (item_id, package_id, kind, source, case_ref, note, evidence, created_by)
            OVERRIDING SYSTEM VALUE
            SELECT l.item_id, target.package_id, l.kind, l.source, l.case_ref, l.note, l.evidence, moderation.caller()
            FROM unnest(lines) l WHERE l.status = 'added';
            INSERT INTO moderation.item_versions
                (item_id, package_id, added_in, kind, allow, term, match, level, language, weight, valid_from, expires_at, item_hash,
                 hash, max_distance, label, changed_by)
            SELECT l.item_id, target.package_id, target.latest_release + 1, l.kind, l.allow,
                   CASE WHEN l.kind = 'term' THEN l.term END, l.match, l.level, l.language, l.weight, l.valid_from, l.expires_at,
                   l.item_hash, l.hash, l.max_distance, l.label, moderation.caller()
            FROM unnest(lines) l WHERE l.status = 'added';
            UPDATE moderation.drafts d
            SET set_state = moderation.set_hash_apply(d.set_state, n.elements, '{}'), terms = d.terms + n.terms,
                images = d.images + n.images, allow_entries = d.allow_entries + n.allowed, draft_key = gen_random_uuid(), changed_at = now(),
                changed_by = moderation.caller()
            FROM (SELECT array_agg(moderation.item_element(l.item_hash, l.weight, l.valid_from, l.expires_at)) AS elements,
                         count(*) FILTER (WHERE NOT l.allow AND l.kind = 'term') AS terms,
                         count(*) FILTER (WHERE NOT l.allow AND l.kind = 'image') AS images,
                         count(*) FILTER (WHERE l.allow) AS allowed
                  FROM unnest(lines) l WHERE l.status = 'added') n
            WHERE d.package_id = target.package_id;
            PERFORM moderation.audit('import_items', target.name, NULL,
                figures || jsonb_build_object('format', format, 'items',
                    (SELECT jsonb_agg(l.item_id ORDER BY l.item_id) FROM unnest(lines) l WHERE l.status = 'added')), import_items.note);
        END IF;
        RETURN QUERY
        SELECT l.line, l.status, CASE WHEN NOT dry_run OR l.status <> 'added' THEN l.item_id END, l.term, l.reason, f.findings
        FROM unnest(lines) l
        LEFT JOIN moderation.import_findings(
            package, CASE WHEN lint THEN ARRAY(SELECT u.item_id FROM unnest(lines) u WHERE u.status = 'added') END, dry_run) f
          ON f.item_id = l.item_id AND l.status = 'added'
        ORDER BY l.line;
        IF dry_run THEN
            RAISE EXCEPTION USING ERRCODE = 'MD000', MESSAGE = 'this was a dry run';
        END IF;
    EXCEPTION WHEN SQLSTATE 'MD000' THEN
        NULL;
    END;
END
$fn$;
COMMENT ON FUNCTION moderation.import_items(text, text, text, boolean, boolean, moderation.match_mode, moderation.match_level, text, text, text, text, boolean) IS 'Imports a file into the package''s draft: csv (with a header), jsonl, words, ldnoobw, threatexchange or hma. One row per line: added, duplicate or refused with the reason; refused lines are left out, with strict => true they refuse the whole file. dry_run => true only reports. findings: what lint finds because of the line, as an array of objects with severity, rule, message, fix (SQL) and, where it is about another item, item; lint => false leaves it out. match, level, language, source, case_ref and note stand where a line has none.';

CREATE FUNCTION moderation.import_items(
    package text, content jsonb, format text DEFAULT 'jsonl', dry_run boolean DEFAULT false, strict boolean DEFAULT false,
    match moderation.match_mode DEFAULT 'word', level moderation.match_level DEFAULT 'folded', language text DEFAULT NULL,
    source text DEFAULT NULL, case_ref text DEFAULT NULL, note text DEFAULT NULL, lint boolean DEFAULT true)
    RETURNS TABLE (line integer, status text, item_id bigint, term text, reason text, findings jsonb)
    LANGUAGE sql SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT i.line, i.status, i.item_id, i.term, i.reason, i.findings
        FROM moderation.import_items(package, content::text, format, dry_run, strict, match, level, language, source, case_ref, note, lint) i;
    END;
COMMENT ON FUNCTION moderation.import_items(text, jsonb, text, boolean, boolean, moderation.match_mode, moderation.match_level, text, text, text, text, boolean) IS 'The same for JSON: an array of objects, or a page of ThreatExchange''s API; line is the position in the array.';

CREATE FUNCTION moderation.import_items(
    package text, content bytea, format text DEFAULT 'csv', dry_run boolean DEFAULT false, strict boolean DEFAULT false,
    match moderation.match_mode DEFAULT 'word', level moderation.match_level DEFAULT 'folded', language text DEFAULT NULL,
    source text DEFAULT NULL, case_ref text DEFAULT NULL, note text DEFAULT NULL, lint boolean DEFAULT true)
    RETURNS TABLE (line integer, status text, item_id bigint, term text, reason text, findings jsonb)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    decoded text;
    guess text;
BEGIN
    PERFORM moderation.check_import_size(octet_length(content));
    BEGIN
        decoded := convert_from(content, 'UTF8');
    EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
        guess := moderation.guess_encoding(content);
        RAISE EXCEPTION USING ERRCODE = 'character_not_in_repertoire',
            MESSAGE = 'the file is not UTF-8' || CASE guess WHEN 'WIN1251' THEN '; it looks like Windows-1251'
                                                            WHEN 'UTF-16' THEN '; it looks like UTF-16' ELSE '' END,
            DETAIL = 'Nothing was imported.',
            HINT = CASE guess WHEN 'WIN1251' THEN 'Convert it: import_items(..., convert_from(content, ''WIN1251''), ...).'
                              WHEN 'UTF-16' THEN 'Save it as UTF-8; PostgreSQL has no conversion from UTF-16.'
                              ELSE 'Convert it with convert_from(content, encoding); encodings are listed in the PostgreSQL manual.' END;
    END;
    RETURN QUERY SELECT i.line, i.status, i.item_id, i.term, i.reason, i.findings
    FROM moderation.import_items(package, decoded, format, dry_run, strict, match, level, language, source, case_ref, note, lint) i;
END
$fn$;
COMMENT ON FUNCTION moderation.import_items(text, bytea, text, boolean, boolean, moderation.match_mode, moderation.match_level, text, text, text, text, boolean) IS 'The same for the bytes of a file, which must be UTF-8; says which encoding it looks like when they are not.';

CREATE FUNCTION moderation.guess_encoding(content bytea) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        -- Windows-1251 has its Cyrillic letters from C0 on, and words of several of them; in Latin encodings they stand alone.
        SELECT CASE
            WHEN substr(content, 1, 2) IN ('\xfffe'::bytea, '\xfeff'::bytea) THEN 'UTF-16'
            WHEN b.high >= 4 AND b.cyrillic * 10 >= b.high * 8 AND b.neighbours * 2 >= b.high THEN 'WIN1251' END
        FROM (SELECT count(*) FILTER (WHERE x.byte >= 128) AS high, count(*) FILTER (WHERE x.byte >= 192 OR x.byte IN (168, 184)) AS cyrillic,
                     count(*) FILTER (WHERE x.byte >= 192 AND x.before >= 192) AS neighbours
              FROM (SELECT get_byte(content, i) AS byte, CASE WHEN i > 0 THEN get_byte(content, i - 1) END AS before
                    FROM generate_series(0, least(octet_length(content), 65536) - 1) AS i) AS x) AS b;
    END;
COMMENT ON FUNCTION moderation.guess_encoding(bytea) IS 'Internal: what a file that is not UTF-8 looks like: WIN1251, UTF-16 or NULL.';
