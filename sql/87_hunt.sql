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
COMMENT ON FUNCTION moderation.text_grams(text) IS 'What an index of grams keeps of a text: hashes of every three characters in a row of its folded form, of two in scripts that write words in one or two. Depends on folding_version().';

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

CREATE OPERATOR CLASS moderation.text_grams_ops FOR TYPE text USING gin AS
    OPERATOR 1 moderation.@~ (text, text),
    OPERATOR 2 moderation.@~ (text, jsonb),
    FUNCTION 1 (text, text) btint4cmp(integer, integer),
    FUNCTION 2 (text, text) moderation.grams_of_value(text, internal, internal),
    FUNCTION 3 (text, text) moderation.grams_of_query(internal, internal, smallint, internal, internal, internal, internal),
    FUNCTION 4 (text, text) moderation.grams_consistent(internal, smallint, internal, integer, internal, internal, internal, internal),
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
        source.key, coalesce(source.relation::text, '(' || source.query || E'\n)'),
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
            moderation.resolve_source(source, key, fields, NULL, current_setting('search_path')),
            moderation.hunt(terms, match, level, language), current_setting('search_path')) h;
    END;
COMMENT ON FUNCTION moderation.hunt_terms(text, text[], moderation.match_mode, moderation.match_level, text, name, name[]) IS 'Where stored contents hold these terms, which are in no package yet: an attached table, any table with its key and text columns, or a query, read as the caller; through an index of grams on the text columns if there is one (text_grams_ops).';
