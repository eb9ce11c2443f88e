-- Image proposals: groups of confirmed violating images that look alike, each by its most central member.

CREATE FUNCTION moderation.cluster_images(
    hashes bytea[], violating boolean[], radius integer, min_support integer, precision_floor double precision,
    OUT centre integer, OUT max_distance integer, OUT violating_images integer, OUT benign_images integer, OUT new_violating integer,
    OUT members integer[])
    RETURNS SETOF record LANGUAGE c IMMUTABLE STRICT ROWS 100 COST 100000
    AS 'MODULE_PATHNAME', 'moderation_cluster_images';
COMMENT ON FUNCTION moderation.cluster_images(bytea[], boolean[], integer, integer, double precision) IS 'Internal: violating images that look alike, by greedy set cover: the central image (positions as given, from 1), the distance up to radius at which precision_floor of the images within it are violating, how many these are, and how many no cluster before it has.';

CREATE FUNCTION moderation.suggest_images(
    package text, hashes moderation.pdqhash[], violating boolean[], min_support integer DEFAULT 2, radius integer DEFAULT 31,
    precision_floor double precision DEFAULT 0.9, case_id bigint DEFAULT NULL)
    RETURNS SETOF moderation.proposals LANGUAGE plpgsql SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    wanted integer := moderation.find_package(suggest_images.package);
    missed bytea[];
    labels boolean[];
    all_violating bigint;
    caught_tp bigint;
    caught_fp bigint;
    c record;
    hash text;
    made bigint[] := '{}';
BEGIN
    PERFORM moderation.check_readable(wanted);
    IF hashes IS NULL OR violating IS NULL OR cardinality(hashes) <> cardinality(violating) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'suggest_images() needs as many labels as hashes',
            DETAIL = format('There are %s hashes and %s labels.', coalesce(cardinality(hashes), 0), coalesce(cardinality(violating), 0)),
            HINT = 'hashes => array_agg(creative_pdq), violating => array_agg(label = ''violating'') over the same rows.';
    END IF;
    IF min_support IS NULL OR min_support < 1 OR precision_floor IS NULL OR NOT precision_floor BETWEEN 0 AND 1 OR radius IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'suggest_images() got a limit that is out of range',
            DETAIL = 'min_support goes from 1, precision_floor from 0 to 1, radius from 0 to 64.', HINT = 'Leave them out for 2, 0.9 and 31.';
    END IF;
    PERFORM moderation.check_distance(radius);
    -- What the draft catches already needs no proposal; benign images it catches still say where not to go.
    SELECT array_agg(x.hash::bytea ORDER BY x.n) FILTER (WHERE NOT (x.hit AND x.violating)),
           array_agg(x.violating ORDER BY x.n) FILTER (WHERE NOT (x.hit AND x.violating)),
           count(*) FILTER (WHERE x.violating), count(*) FILTER (WHERE x.hit AND x.violating), count(*) FILTER (WHERE x.hit AND NOT x.violating)
    INTO missed, labels, all_violating, caught_tp, caught_fp
    FROM (SELECT t.*, EXISTS (SELECT FROM moderation.image_hits(t.hash, suggest_images.package, draft => true)) AS hit
          FROM unnest(hashes, violating) WITH ORDINALITY t(hash, violating, n) WHERE t.hash IS NOT NULL AND t.violating IS NOT NULL) x;
    FOR c IN SELECT * FROM moderation.cluster_images(missed, labels, radius, min_support, precision_floor) LOOP
        hash := encode(missed[c.centre], 'hex');
        made := made || moderation.propose(wanted, 'add_image', NULL, NULL,
            jsonb_build_object('images', jsonb_build_array(jsonb_build_object('hash', hash, 'max_distance', c.max_distance))),
            jsonb_build_object('hash', hash, 'max_distance', c.max_distance, 'violating', c.violating_images, 'benign', c.benign_images,
                'new_violating', c.new_violating, 'distinct_hashes', (SELECT count(DISTINCT missed[m]) FROM unnest(c.members) m)),
            moderation.proposal_effect(caught_tp, caught_fp, all_violating, c.new_violating, c.benign_images),
            (SELECT jsonb_agg(h.hash ORDER BY h.n) FROM (
                SELECT encode(missed[m.m], 'hex') AS hash, min(m.n) AS n FROM unnest(c.members) WITH ORDINALITY m(m, n)
                GROUP BY 1 ORDER BY 2 LIMIT 3) h), case_id);
    END LOOP;
    RETURN QUERY SELECT q.* FROM moderation.proposals q WHERE q.proposal_id = ANY (made) ORDER BY q.proposal_id;
END
$fn$;
COMMENT ON FUNCTION moderation.suggest_images(text, moderation.pdqhash[], boolean[], integer, integer, double precision, bigint) IS 'Proposes risk images: groups of violating images within radius bits of a central one that the draft misses, in the order of what each adds; the central hash is the item. Near benign images the distance is narrowed, until at least precision_floor of the images within it are violating. min_support: violating images a group must add, copies included; 1 proposes single images too. Returns the new proposals.';
