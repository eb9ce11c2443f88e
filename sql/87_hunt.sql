-- Hunting: which stored contents would these terms hit? With an index of grams over the texts, at once.

CREATE FUNCTION moderation.matches_terms(body text, terms jsonb) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'moderation_matches_terms';
COMMENT ON FUNCTION moderation.matches_terms(text, jsonb) IS 'Is there a hit of one of these terms, which need be in no package? An array of objects with term, and perhaps match, level and language: see hunt(). Depends on folding_version().';

CREATE FUNCTION moderation.term_hits(
    body text, terms jsonb, OUT term text, OUT span_start integer, OUT span_length integer, OUT matched text, OUT steps text[])
    RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 200 ROWS 5
    AS 'MODULE_PATHNAME', 'moderation_term_hits';
COMMENT ON FUNCTION moderation.term_hits(text, jsonb) IS 'Every place of these terms in a text; substr(body, span_start, span_length) is matched.';

CREATE FUNCTION moderation.hunt(
    terms text[], match moderation.match_mode DEFAULT 'word', level moderation.match_level DEFAULT 'folded',
    language text DEFAULT NULL) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
        SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
            'term', t.term, 'match', hunt.match, 'level', hunt.level, 'language', lower(hunt.language))) ORDER BY t.n), '[]')
        FROM unnest(terms) WITH ORDINALITY t(term, n) WHERE t.term IS NOT NULL;
    END;
COMMENT ON FUNCTION moderation.hunt(text[], moderation.match_mode, moderation.match_level, text) IS 'Terms as the operator @~ and matches_terms() take them: body OPERATOR(moderation.@~) moderation.hunt(''{online casino}'').';

CREATE FUNCTION moderation.text_grams(body text) RETURNS integer[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 200
    AS 'MODULE_PATHNAME', 'moderation_text_grams';
COMMENT ON FUNCTION moderation.text_grams(text) IS 'What an index of grams keeps of a text: a hash for every three characters in a row of its folded form and the one that follows; for every two in scripts that write words in one or two. Depends on folding_version().';

-- Planned as what it is: the function behind the operator.
CREATE FUNCTION moderation.matches_support(internal) RETURNS internal
    LANGUAGE c STRICT
    AS 'MODULE_PATHNAME', 'moderation_matches_support';
COMMENT ON FUNCTION moderation.matches_support(internal) IS 'Planner support of matches(text, text): an index of grams may find the rows.';
ALTER FUNCTION moderation.matches(text, text) SUPPORT moderation.matches_support;

CREATE OPERATOR moderation.@~ (
    LEFTARG = text, RIGHTARG = text, FUNCTION = moderation.matches, RESTRICT = matchingsel, JOIN = matchingjoinsel);
COMMENT ON OPERATOR moderation.@~ (text, text) IS 'matches(body, package)';
CREATE OPERATOR moderation.@~ (
    LEFTARG = text, RIGHTARG = jsonb, FUNCTION = moderation.matches_terms, RESTRICT = matchingsel, JOIN = matchingjoinsel);
COMMENT ON OPERATOR moderation.@~ (text, jsonb) IS 'matches_terms(body, terms)';

CREATE FUNCTION moderation.grams_of_value(text, internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'moderation_grams_of_value';
COMMENT ON FUNCTION moderation.grams_of_value(text, internal, internal) IS 'Index support (GIN extractValue).';
CREATE FUNCTION moderation.grams_of_query(internal, internal, smallint, internal, internal, internal, internal) RETURNS internal
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'moderation_grams_of_query';
COMMENT ON FUNCTION moderation.grams_of_query(internal, internal, smallint, internal, internal, internal, internal) IS 'Index support (GIN extractQuery).';
CREATE FUNCTION moderation.grams_consistent(internal, smallint, internal, integer, internal, internal, internal, internal) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'moderation_grams_consistent';
COMMENT ON FUNCTION moderation.grams_consistent(internal, smallint, internal, integer, internal, internal, internal, internal) IS 'Index support (GIN consistent).';
CREATE FUNCTION moderation.grams_triconsistent(internal, smallint, internal, integer, internal, internal, internal) RETURNS "char"
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'moderation_grams_triconsistent';
COMMENT ON FUNCTION moderation.grams_triconsistent(internal, smallint, internal, integer, internal, internal, internal) IS 'Index support (GIN triConsistent).';

CREATE FUNCTION moderation.grams_compare_partial(integer, integer, smallint, internal) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'moderation_grams_compare_partial';
COMMENT ON FUNCTION moderation.grams_compare_partial(integer, integer, smallint, internal) IS 'Index support (GIN comparePartial).';

CREATE OPERATOR CLASS moderation.text_grams_ops FOR TYPE text USING gin AS
    OPERATOR 1 moderation.@~ (text, text),
    OPERATOR 2 moderation.@~ (text, jsonb),
    FUNCTION 1 (text, text) btint4cmp(integer, integer),
    FUNCTION 2 (text, text) moderation.grams_of_value(text, internal, internal),
    FUNCTION 3 (text, text) moderation.grams_of_query(internal, internal, smallint, internal, internal, internal, internal),
    FUNCTION 4 (text, text) moderation.grams_consistent(internal, smallint, internal, integer, internal, internal, internal, internal),
    FUNCTION 5 (text, text) moderation.grams_compare_partial(integer, integer, smallint, internal),
    FUNCTION 6 (text, text) moderation.grams_triconsistent(internal, smallint, internal, integer, internal, internal, internal),
    STORAGE integer;
COMMENT ON OPERATOR CLASS moderation.text_grams_ops USING gin IS 'Finds the texts that a package or terms hit: CREATE INDEX ON ads USING gin (title moderation.text_grams_ops, body moderation.text_grams_ops). To be rebuilt when folding_version() changes.';

CREATE FUNCTION moderation.hunt_rows(source moderation.content_source, terms jsonb, caller_path text)
    RETURNS TABLE (content_key text, field name, term text, span_start integer, span_length integer, matched text)
    LANGUAGE plpgsql STABLE ROWS 100
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' SET IntervalStyle = 'postgres' SET TimeZone = 'UTC'
    SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $fn$
BEGIN
    -- Terms that cannot be looked for are an error also when there is no row.
    PERFORM moderation.matches_terms('', hunt_rows.terms);
    IF source.query IS NOT NULL THEN
        PERFORM set_config('search_path', caller_path, true);
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT s.%I::pg_catalog.text, f.field::pg_catalog.name, h.term, h.span_start, h.span_length, h.matched FROM %s AS s '
        'CROSS JOIN LATERAL (VALUES %s) AS f(field, body) CROSS JOIN LATERAL moderation.term_hits(f.body, $1) AS h WHERE %s',
        source.key, moderation.source_sql(source),
        (SELECT string_agg(format('(%L, s.%I::pg_catalog.text)', f, f), ', ' ORDER BY n) FROM unnest(source.fields) WITH ORDINALITY u(f, n)),
        -- Not cast when it is text already: an index is on the column.
        (SELECT string_agg(format('s.%I OPERATOR(moderation.@~) $1', f), ' OR ' ORDER BY n)
         FROM unnest(source.fields) WITH ORDINALITY u(f, n)))
    USING terms;
END
$fn$;
COMMENT ON FUNCTION moderation.hunt_rows(moderation.content_source, jsonb, text) IS 'Internal: what hunt_terms() returns.';

CREATE FUNCTION moderation.hunt_terms(
    source text, terms text[], match moderation.match_mode DEFAULT 'word', level moderation.match_level DEFAULT 'folded',
    language text DEFAULT NULL, key name DEFAULT NULL, fields name[] DEFAULT NULL)
    RETURNS TABLE (content_key text, field name, term text, span_start integer, span_length integer, matched text)
    LANGUAGE sql STABLE ROWS 100
    BEGIN ATOMIC
        SELECT h.content_key, h.field, h.term, h.span_start, h.span_length, h.matched
        FROM moderation.hunt_rows(
            moderation.resolve_source(source, key, fields, NULL, NULL, current_setting('search_path')),
            moderation.hunt(terms, match, level, language), current_setting('search_path')) h;
    END;
COMMENT ON FUNCTION moderation.hunt_terms(text, text[], moderation.match_mode, moderation.match_level, text, name, name[]) IS 'Where stored contents hold these terms, which are in no package yet: an attached table, any table with its key and text columns, or a query, read as the caller; through an index of grams on the text columns if there is one (text_grams_ops).';

CREATE FUNCTION moderation.media_columns(source moderation.content_source, caller_path text, OUT field name, OUT of_type regtype)
    RETURNS SETOF record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF cardinality(source.media) > 0 THEN
        RETURN QUERY SELECT u.c, coalesce(nullif(t.typbasetype, 0), t.oid)::regtype
        FROM unnest(source.media, moderation.column_types(source, source.media, caller_path)) AS u(c, type) JOIN pg_type t ON t.oid = u.type;
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.media_columns(moderation.content_source, text) IS 'Internal: columns of images and videos, and which of them they are.';

CREATE FUNCTION moderation.hunt_image_rows(
    source moderation.content_source, hashes moderation.pdqhash[], max_distance integer, caller_path text)
    RETURNS TABLE (content_key text, field name, wanted moderation.pdqhash, distance integer, frame_number integer)
    LANGUAGE plpgsql STABLE ROWS 100
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' SET IntervalStyle = 'postgres' SET TimeZone = 'UTC'
    SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $fn$
DECLARE
    statement text;
BEGIN
    IF cardinality(source.media) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('no column of %s holds images or videos', coalesce(source.relation::text, 'the query')),
            DETAIL = 'Images are columns of type moderation.pdqhash, videos of moderation.video_frame[].',
            HINT = 'Name them: key => ''ad_id'', fields => ''{creative_pdq}''.';
    END IF;
    -- Also when there is no row: a distance out of range is an error.
    PERFORM moderation.pdq_ball(h, max_distance) FROM unnest(hashes) h;
    SELECT string_agg(format(CASE c.of_type
            WHEN 'moderation.pdqhash'::regtype THEN
                'SELECT s.%1$I::pg_catalog.text, %2$L::pg_catalog.name, w.hash, s.%2$I OPERATOR(pg_catalog.<->) w.hash, NULL::pg_catalog.int4 '
                'FROM pg_catalog.unnest($1) AS w(hash) JOIN %3$s AS s ON s.%2$I OPERATOR(pg_catalog.<@) moderation.pdq_ball(w.hash, $2)'
            WHEN 'moderation.pdqhash[]'::regtype THEN
                'SELECT s.%1$I::pg_catalog.text, %2$L::pg_catalog.name, w.hash, n.distance, NULL::pg_catalog.int4 FROM %3$s AS s '
                'CROSS JOIN pg_catalog.unnest($1) AS w(hash) CROSS JOIN LATERAL (SELECT f.hash OPERATOR(pg_catalog.<->) w.hash AS distance '
                'FROM pg_catalog.unnest(s.%2$I) AS f(hash) WHERE f.hash OPERATOR(pg_catalog.<@) moderation.pdq_ball(w.hash, $2) ORDER BY 1 LIMIT 1) AS n'
            ELSE
                'SELECT s.%1$I::pg_catalog.text, %2$L::pg_catalog.name, w.hash, n.distance, n.frame_number FROM %3$s AS s '
                'CROSS JOIN pg_catalog.unnest($1) AS w(hash) CROSS JOIN LATERAL (SELECT f.hash OPERATOR(pg_catalog.<->) w.hash AS distance, '
                'f.frame_number FROM pg_catalog.unnest(s.%2$I) AS f WHERE f.hash OPERATOR(pg_catalog.<@) moderation.pdq_ball(w.hash, $2) '
                'AND f.quality OPERATOR(pg_catalog.>=) 50 ORDER BY 1, 2 LIMIT 1) AS n' END,
            source.key, c.field, moderation.source_sql(source)), ' UNION ALL ')
    INTO statement FROM moderation.media_columns(source, caller_path) c;
    IF source.query IS NOT NULL THEN
        PERFORM set_config('search_path', caller_path, true);
    END IF;
    RETURN QUERY EXECUTE statement USING hashes, max_distance;
END
$fn$;
COMMENT ON FUNCTION moderation.hunt_image_rows(moderation.content_source, moderation.pdqhash[], integer, text) IS 'Internal: what hunt_images() returns.';

CREATE FUNCTION moderation.hunt_images(
    source text, hashes moderation.pdqhash[], max_distance integer DEFAULT 31, key name DEFAULT NULL, fields name[] DEFAULT NULL)
    RETURNS TABLE (content_key text, field name, wanted moderation.pdqhash, distance integer, frame_number integer)
    LANGUAGE sql STABLE ROWS 100
    BEGIN ATOMIC
        SELECT h.content_key, h.field, h.wanted, h.distance, h.frame_number
        FROM moderation.hunt_image_rows(
            moderation.resolve_source(source, key, fields, NULL, NULL, current_setting('search_path')),
            hashes, max_distance, current_setting('search_path')) h;
    END;
COMMENT ON FUNCTION moderation.hunt_images(text, moderation.pdqhash[], integer, name, name[]) IS 'Which stored images are near these hashes, which are in no package yet: an attached table, any table with its key and its image columns, or a query, read as the caller; through an index on the image columns if there is one (gin). Videos are scanned; frame_number is the nearest frame.';

CREATE FUNCTION moderation.hunted_items(package text, release integer, OUT terms jsonb, OUT balls moderation.pdq_ball[])
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    PERFORM moderation.check_readable(moderation.find_package(package));
    WITH item AS (
        SELECT v.term, v.match, v.level, v.language, v.hash, v.frames, coalesce(v.max_distance, r.max_distance, p.max_distance)::integer AS distance
        FROM moderation.packages p LEFT JOIN moderation.releases r ON r.package_id = p.package_id AND r.release = hunted_items.release
        JOIN moderation.item_versions v ON v.package_id = p.package_id AND NOT v.allow
            AND v.added_in <= coalesce(hunted_items.release, p.latest_release + 1)
            AND (v.removed_in IS NULL OR v.removed_in > coalesce(hunted_items.release, p.latest_release + 1))
        WHERE p.name = hunted_items.package
    )
    SELECT (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                'term', i.term, 'match', i.match, 'level', i.level, 'language', i.language))), '[]') FROM item i WHERE i.term IS NOT NULL),
           ARRAY(SELECT moderation.pdq_ball(i.hash, i.distance) FROM item i WHERE i.hash IS NOT NULL
                 UNION ALL SELECT moderation.pdq_ball(f.hash, i.distance) FROM item i CROSS JOIN LATERAL unnest(i.frames) f)
    INTO terms, balls;
END
$fn$;
COMMENT ON FUNCTION moderation.hunted_items(text, integer) IS 'Internal: the terms of a release (NULL: the draft) as hunt() makes them, and the balls around its images and frames.';

CREATE FUNCTION moderation.hunt_package_rows(source moderation.content_source, package text, release integer, caller_path text)
    RETURNS TABLE (content_key text, field name, item_id bigint, kind moderation.item_kind, term text, matched text, score real)
    LANGUAGE plpgsql STABLE ROWS 100
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' SET IntervalStyle = 'postgres' SET TimeZone = 'UTC'
    SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $fn$
DECLARE
    wanted record;
    statement text;
BEGIN
    PERFORM moderation.text_hits('', ARRAY[package], release => release, draft => release IS NULL);
    SELECT * INTO wanted FROM moderation.hunted_items(package, release);
    -- What the index finds is judged by the package itself: allow entries count.
    SELECT string_agg(format(f.statement, source.key, f.field, moderation.source_sql(source)), ' UNION ALL ') INTO statement
    FROM (
        SELECT c.field, 'SELECT s.%1$I::pg_catalog.text, %2$L::pg_catalog.name, h.item_id, h.kind, h.term, h.matched, h.score FROM %3$s AS s '
            'CROSS JOIN LATERAL moderation.text_hits(s.%2$I::pg_catalog.text, ARRAY[$1], release => $2, draft => $2 IS NULL) AS h '
            'WHERE s.%2$I OPERATOR(moderation.@~) $3' AS statement
        FROM unnest(source.fields) c(field)
        UNION ALL
        SELECT m.field, CASE m.of_type
            WHEN 'moderation.pdqhash'::regtype THEN
                'SELECT DISTINCT s.%1$I::pg_catalog.text, %2$L::pg_catalog.name, h.item_id, h.kind, h.label, NULL, h.score FROM pg_catalog.unnest($4) AS b '
                'JOIN %3$s AS s ON s.%2$I OPERATOR(pg_catalog.<@) b '
                'CROSS JOIN LATERAL moderation.image_hits(s.%2$I, ARRAY[$1], release => $2, draft => $2 IS NULL) AS h'
            WHEN 'moderation.pdqhash[]'::regtype THEN
                'SELECT s.%1$I::pg_catalog.text, %2$L::pg_catalog.name, h.item_id, h.kind, h.label, NULL, h.score FROM %3$s AS s '
                'CROSS JOIN pg_catalog.unnest(s.%2$I) AS i(hash) '
                'CROSS JOIN LATERAL moderation.image_hits(i.hash, ARRAY[$1], release => $2, draft => $2 IS NULL) AS h'
            ELSE
                'SELECT s.%1$I::pg_catalog.text, %2$L::pg_catalog.name, h.item_id, h.kind, h.label, NULL, h.score FROM %3$s AS s '
                'CROSS JOIN LATERAL moderation.video_hits(s.%2$I, ARRAY[$1], release => $2, draft => $2 IS NULL) AS h' END
        FROM moderation.media_columns(source, caller_path) m WHERE cardinality(wanted.balls) > 0) f;
    IF source.query IS NOT NULL THEN
        PERFORM set_config('search_path', caller_path, true);
    END IF;
    IF statement IS NOT NULL THEN
        RETURN QUERY EXECUTE statement USING package, release, wanted.terms, wanted.balls;
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.hunt_package_rows(moderation.content_source, text, integer, text) IS 'Internal: what hunt_package() returns.';

CREATE FUNCTION moderation.hunt_package(
    package text, source text, release integer DEFAULT NULL, key name DEFAULT NULL, fields name[] DEFAULT NULL)
    RETURNS TABLE (content_key text, field name, item_id bigint, kind moderation.item_kind, term text, matched text, score real)
    LANGUAGE sql STABLE ROWS 100
    BEGIN ATOMIC
        SELECT h.content_key, h.field, h.item_id, h.kind, h.term, h.matched, h.score
        FROM moderation.hunt_package_rows(
            moderation.resolve_source(source, key, fields, NULL, NULL, current_setting('search_path')),
            package, release, current_setting('search_path')) h;
    END;
COMMENT ON FUNCTION moderation.hunt_package(text, text, integer, name, name[]) IS 'What the draft of a package, or a release, hits in stored contents, allow entries applied; through the indexes on the texts (text_grams_ops) and on the images, where there are some and they help.';
