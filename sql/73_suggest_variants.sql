-- Variants of a package's terms that texts really contain: disguised, inflected, mistyped, transliterated.

CREATE FUNCTION moderation.find_variants(terms text[], texts text[], OUT term integer, OUT text_number integer, OUT kind text, OUT variant text)
    RETURNS SETOF record LANGUAGE c IMMUTABLE STRICT ROWS 100 COST 1000000
    AS 'MODULE_PATHNAME', 'moderation_find_variants';
COMMENT ON FUNCTION moderation.find_variants(text[], text[]) IS 'Internal: variants of terms (by position) in texts (by position): disguised, inflected, mistyped, transliterated between Latin and Cyrillic. Arrays without NULLs.';

CREATE FUNCTION moderation.suggest_variants(
    package text, texts text[], violating boolean[], min_support integer DEFAULT 1, precision_floor double precision DEFAULT 0.9)
    RETURNS SETOF moderation.proposals LANGUAGE plpgsql SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    wanted integer := moderation.find_package(suggest_variants.package);
    terms text[];
    ids bigint[];
    missed text[];
    labels boolean[];
    all_violating bigint;
    caught_tp bigint;
    caught_fp bigint;
    v record;
    made bigint[] := '{}';
BEGIN
    PERFORM moderation.check_readable(wanted);
    IF texts IS NULL OR violating IS NULL OR cardinality(texts) <> cardinality(violating) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'suggest_variants() needs as many labels as texts',
            DETAIL = format('There are %s texts and %s labels.', coalesce(cardinality(texts), 0), coalesce(cardinality(violating), 0)),
            HINT = 'texts => array_agg(body), violating => array_agg(label = ''violating'') over the same rows.';
    END IF;
    SELECT array_agg(i.term ORDER BY i.item_id), array_agg(i.item_id ORDER BY i.item_id) INTO terms, ids
    FROM moderation.item_versions i
    WHERE i.package_id = wanted AND i.removed_in IS NULL AND NOT i.allow AND i.kind = 'term'
      AND i.match IN ('word', 'prefix', 'suffix', 'substring', 'inflected', 'typo');
    SELECT array_agg(x.body ORDER BY x.n) FILTER (WHERE NOT x.hit), array_agg(x.violating ORDER BY x.n) FILTER (WHERE NOT x.hit),
           count(*) FILTER (WHERE x.violating), count(*) FILTER (WHERE x.hit AND x.violating), count(*) FILTER (WHERE x.hit AND NOT x.violating)
    INTO missed, labels, all_violating, caught_tp, caught_fp
    FROM (SELECT t.*, EXISTS (SELECT FROM moderation.text_hits(t.body, suggest_variants.package, draft => true)) AS hit
          FROM unnest(texts, violating) WITH ORDINALITY t(body, violating, n) WHERE t.body IS NOT NULL AND t.violating IS NOT NULL) x;
    FOR v IN
        SELECT min(f.term) AS term, f.variant, min(f.kind) AS kind, count(DISTINCT f.text_number) FILTER (WHERE labels[f.text_number]) AS tp,
               count(DISTINCT f.text_number) FILTER (WHERE NOT labels[f.text_number]) AS fp,
               (array_agg(DISTINCT left(missed[f.text_number], 200)) FILTER (WHERE labels[f.text_number]))[1:3] AS examples
        FROM moderation.find_variants(terms, missed) f
        GROUP BY f.variant
        ORDER BY 4 DESC, f.variant
    LOOP
        CONTINUE WHEN v.tp < min_support OR v.tp < precision_floor * (v.tp + v.fp);
        made := made || moderation.propose(wanted, 'add_variant', ids[v.term], v.variant,
            jsonb_build_object('add', jsonb_build_array(jsonb_build_object('term', v.variant, 'match', 'word', 'level', 'folded', 'weight', 1))),
            jsonb_build_object('of', terms[v.term], 'how', v.kind, 'violating', v.tp, 'benign', v.fp),
            moderation.proposal_effect(caught_tp, caught_fp, all_violating, v.tp, v.fp), to_jsonb(v.examples));
    END LOOP;
    RETURN QUERY SELECT q.* FROM moderation.proposals q WHERE q.proposal_id = ANY (made) ORDER BY q.proposal_id;
END
$fn$;
COMMENT ON FUNCTION moderation.suggest_variants(text, text[], boolean[], integer, double precision) IS 'Proposes variants of the draft''s terms that violating texts contain and the draft misses: disguised, inflected, mistyped, transliterated between Latin and Cyrillic. Only what is seen. Returns the new proposals.';
