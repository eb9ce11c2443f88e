-- Cases: groups of violating content under investigation, and what they have in common.

CREATE TABLE moderation.cases (
    case_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title           text NOT NULL CHECK (title <> '' AND length(title) <= 500),
    policy_id       integer,
    note            text,
    opened_at       timestamptz NOT NULL DEFAULT now(),
    opened_by       text NOT NULL,
    closed_at       timestamptz,
    closed_by       text
);
COMMENT ON TABLE moderation.cases IS 'Investigations: violating contents that belong together, from which items are derived.';

CREATE TABLE moderation.case_contents (
    case_id         bigint NOT NULL,
    entry           integer NOT NULL,
    source_id       integer,
    content_key     text,
    body            text NOT NULL,
    image           moderation.pdqhash,
    owner_key       text,
    created_at      timestamptz,
    added_at        timestamptz NOT NULL DEFAULT now(),
    added_by        text NOT NULL,
    PRIMARY KEY (case_id, entry)
);
COMMENT ON TABLE moderation.case_contents IS 'The contents of cases, with their text as it was when it was added: evidence outlives the row.';

CREATE FUNCTION moderation.open_case(title text, policy text DEFAULT NULL, note text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    new_id bigint;
BEGIN
    PERFORM moderation.check_name('case', open_case.title);
    INSERT INTO moderation.cases (title, policy_id, note, opened_by)
    VALUES (open_case.title, moderation.find_policy(open_case.policy), open_case.note, moderation.caller())
    RETURNING case_id INTO new_id;
    PERFORM moderation.audit('open_case', NULL, NULL, jsonb_build_object('case_id', new_id, 'title', open_case.title), open_case.note);
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.open_case(text, text, text) IS 'Opens a case; returns its id.';

CREATE FUNCTION moderation.find_case(case_id bigint) RETURNS moderation.cases
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_case moderation.cases;
BEGIN
    SELECT * INTO found_case FROM moderation.cases c WHERE c.case_id = find_case.case_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'no_data_found', MESSAGE = format('no case %s', coalesce(find_case.case_id::text, 'NULL')),
            DETAIL = 'No case has this number.', HINT = 'Cases are listed in moderation.cases.';
    END IF;
    RETURN found_case;
END
$fn$;
COMMENT ON FUNCTION moderation.find_case(bigint) IS 'Internal: a case by id.';

CREATE FUNCTION moderation.add_to_case(
    case_id bigint, bodies text[], source regclass DEFAULT NULL, content_keys text[] DEFAULT NULL, owners text[] DEFAULT NULL,
    created_at timestamptz[] DEFAULT NULL, images moderation.pdqhash[] DEFAULT NULL)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_case moderation.cases := moderation.find_case(add_to_case.case_id);
    found_source integer := CASE WHEN add_to_case.source IS NOT NULL THEN moderation.find_source(add_to_case.source) END;
    added integer;
BEGIN
    IF bodies IS NULL OR cardinality(bodies) = 0 OR array_position(bodies, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'a case takes texts',
            DETAIL = 'bodies is empty or holds a NULL.', HINT = 'For example bodies => array_agg(body), content_keys => array_agg(id::text).';
    END IF;
    IF cardinality(content_keys) <> cardinality(bodies) OR cardinality(owners) <> cardinality(bodies) OR cardinality(created_at) <> cardinality(bodies)
       OR cardinality(images) <> cardinality(bodies) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'the arrays of add_to_case() are not equally long',
            DETAIL = format('There are %s texts.', cardinality(bodies)), HINT = 'Take all from the same rows.';
    END IF;
    IF found_case.closed_at IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = format('case %s is closed', found_case.case_id),
            DETAIL = format('By %s at %s.', found_case.closed_by, found_case.closed_at), HINT = 'Open another one.';
    END IF;
    PERFORM FROM moderation.cases c WHERE c.case_id = found_case.case_id FOR UPDATE;
    INSERT INTO moderation.case_contents (case_id, entry, source_id, content_key, body, image, owner_key, created_at, added_by)
    SELECT found_case.case_id, (SELECT coalesce(max(x.entry), 0) FROM moderation.case_contents x WHERE x.case_id = found_case.case_id) + row_number() OVER (ORDER BY b.n),
           found_source, content_keys[b.n], b.body, images[b.n], owners[b.n], add_to_case.created_at[b.n], moderation.caller()
    FROM unnest(bodies) WITH ORDINALITY b(body, n)
    WHERE content_keys[b.n] IS NULL OR NOT EXISTS (
        SELECT FROM moderation.case_contents x
        WHERE x.case_id = found_case.case_id AND x.source_id IS NOT DISTINCT FROM found_source AND x.content_key = content_keys[b.n]);
    GET DIAGNOSTICS added = ROW_COUNT;
    PERFORM moderation.audit('add_to_case', NULL, NULL, jsonb_build_object('case_id', found_case.case_id, 'added', added), NULL)
    WHERE added > 0;
    RETURN added;
END
$fn$;
COMMENT ON FUNCTION moderation.add_to_case(bigint, text[], regclass, text[], text[], timestamptz[], moderation.pdqhash[]) IS 'Adds contents to a case: their texts (empty where there is none), and if known where they are from, their keys, owners, times and image hashes, in arrays of one length. What is in it already is skipped. Returns how many were added.';

CREATE FUNCTION moderation.close_case(case_id bigint, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    PERFORM moderation.find_case(close_case.case_id);
    UPDATE moderation.cases c SET closed_at = now(), closed_by = moderation.caller(), note = coalesce(close_case.note, c.note)
    WHERE c.case_id = close_case.case_id AND c.closed_at IS NULL;
    PERFORM moderation.audit('close_case', NULL, jsonb_build_object('case_id', close_case.case_id, 'state', 'open'),
        jsonb_build_object('case_id', close_case.case_id, 'state', 'closed'), close_case.note) WHERE FOUND;
END
$fn$;
COMMENT ON FUNCTION moderation.close_case(bigint, text) IS 'Closes a case; nothing more is added to it.';

CREATE FUNCTION moderation.summarize_case(
    case_id bigint, background text[] DEFAULT '{}',
    OUT what text, OUT value text, OUT contents bigint, OUT entries integer[])
    RETURNS SETOF record LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    texts text[];
    classes smallint[];
    numbers integer[];
BEGIN
    PERFORM moderation.find_case(summarize_case.case_id);
    SELECT array_agg(c.body ORDER BY c.entry), array_agg(1::smallint), array_agg(c.entry ORDER BY c.entry) INTO texts, classes, numbers
    FROM moderation.case_contents c WHERE c.case_id = summarize_case.case_id;
    RETURN QUERY
    WITH c AS MATERIALIZED (
        SELECT x.*, moderation.fold_text(x.body) AS folded FROM moderation.case_contents x WHERE x.case_id = summarize_case.case_id
    ), found AS (
        SELECT 'size' AS what, 'contents' AS value, c.entry, 1 AS place FROM c
        UNION ALL
        SELECT 'time', to_char(min(c.created_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD') || ' to ' || to_char(max(c.created_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD'), NULL, 2 FROM c HAVING count(c.created_at) > 0
        UNION ALL
        SELECT 'owner', c.owner_key, c.entry, 3 FROM c WHERE c.owner_key IS NOT NULL
        UNION ALL
        SELECT 'domain', d.m[1], c.entry, 4 FROM c, regexp_matches(c.folded, '(?:https?://|www\.|\m)((?:[[:alnum:]][[:alnum:]-]*\.)+[[:alpha:]]{2,})', 'g') d(m)
        UNION ALL
        SELECT 'handle', d.m[1], c.entry, 5 FROM c, regexp_matches(c.folded, '(?:^|[^[:alnum:]_.])(@[a-z0-9_]{3,32})', 'g') d(m)
        UNION ALL
        SELECT 'phone', regexp_replace(d.m[1], '[^0-9+]', '', 'g'), c.entry, 6
        FROM c, regexp_matches(c.folded, '(?:^|[^[:alnum:]])(\+?[0-9][0-9 ().-]{7,17}[0-9])', 'g') d(m)
        UNION ALL
        -- Near duplicates: the same words in the same order, numbers and signs apart.
        SELECT 'near-duplicates', left(d.skeleton, 100), d.entry, 7
        FROM (SELECT c.entry, s.skeleton, count(*) OVER (PARTITION BY s.skeleton) AS n
              FROM c, LATERAL (SELECT btrim(regexp_replace(regexp_replace(c.folded, '[^[:alpha:]]+', ' ', 'g'), '\s+', ' ', 'g'))) s(skeleton)
              WHERE s.skeleton <> '') d
        WHERE d.n > 1
        UNION ALL
        -- Images within the usual distance of a central one.
        SELECT 'near-duplicate images', encode(i.hashes[g.centre], 'hex'), i.numbers[m], 8
        FROM (SELECT array_agg(c.image::bytea ORDER BY c.entry) AS hashes, array_agg(c.entry ORDER BY c.entry) AS numbers FROM c WHERE c.image IS NOT NULL) i,
             moderation.cluster_images(i.hashes, array_fill(true, ARRAY[coalesce(cardinality(i.hashes), 0)]), 31, 2, 0) g, unnest(g.members) m
        UNION ALL
        SELECT 'term', m.term, numbers[e], 9
        FROM moderation.mine_terms(texts || background, classes || array_fill(-1::smallint, ARRAY[cardinality(background)]), false, 20, 2, 0.5) m
        CROSS JOIN LATERAL generate_subscripts(texts, 1) e
        WHERE position(m.term IN moderation.fold_text(texts[e])) > 0
    )
    SELECT f.what, f.value, count(DISTINCT f.entry), array_agg(DISTINCT f.entry) FILTER (WHERE f.entry IS NOT NULL)
    FROM found f GROUP BY f.place, f.what, f.value
    HAVING f.what IN ('size', 'time', 'owner') OR count(DISTINCT f.entry) > 1 OR f.what IN ('domain', 'handle', 'phone')
    ORDER BY f.place, count(DISTINCT f.entry) DESC, f.value;
END
$fn$;
COMMENT ON FUNCTION moderation.summarize_case(bigint, text[]) IS 'What the contents of a case have in common: size, time span (UTC), owners, domains, messenger handles, phone numbers, groups of near-duplicates of text and image (31 bits), and terms that they say and the background texts do not. entries: of moderation.case_contents.';

CREATE FUNCTION moderation.derive_from_case(case_id bigint, package text, background text[] DEFAULT '{}', min_support integer DEFAULT 2)
    RETURNS SETOF moderation.proposals LANGUAGE plpgsql SECURITY DEFINER ROWS 20 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    wanted integer := moderation.find_package(derive_from_case.package);
    size bigint;
    texts text[];
    v record;
    made bigint[] := '{}';
    images moderation.pdqhash[];
BEGIN
    PERFORM moderation.check_readable(wanted);
    PERFORM moderation.find_case(derive_from_case.case_id);
    SELECT array_agg(c.body ORDER BY c.entry), count(*), coalesce(array_agg(c.image ORDER BY c.entry) FILTER (WHERE c.image IS NOT NULL), '{}')
    INTO texts, size, images FROM moderation.case_contents c WHERE c.case_id = derive_from_case.case_id;
    IF size = 0 THEN
        RETURN;
    END IF;
    FOR v IN SELECT s.what, s.value, s.contents, s.entries FROM moderation.summarize_case(derive_from_case.case_id, '{}') s
             WHERE s.what IN ('domain', 'handle', 'phone') AND s.contents >= min_support LOOP
        -- An address that innocent texts name too belongs to somebody else.
        CONTINUE WHEN EXISTS (SELECT FROM unnest(background) b WHERE position(v.value IN moderation.fold_text(b)) > 0);
        BEGIN
            PERFORM FROM moderation.check_terms(ARRAY[v.value], false, v.what::moderation.match_mode, 'folded', NULL);
        EXCEPTION WHEN data_exception THEN
            CONTINUE;
        END;
        made := made || moderation.propose(wanted, 'add_term', NULL, v.value,
            jsonb_build_object('add', jsonb_build_array(jsonb_build_object('term', v.value, 'match', v.what, 'level', 'folded', 'weight', 1))),
            jsonb_build_object('what', v.what, 'contents', v.contents, 'of', size), moderation.proposal_effect(0, 0, size, v.contents, 0),
            (SELECT jsonb_agg(left(c.body, 200)) FROM moderation.case_contents c WHERE c.case_id = derive_from_case.case_id AND c.entry = ANY (v.entries[1:3])), derive_from_case.case_id);
    END LOOP;
    RETURN QUERY
    SELECT q.* FROM moderation.proposals q WHERE q.proposal_id = ANY (made)
    UNION ALL
    SELECT s.* FROM moderation.suggest_images(derive_from_case.package, images, array_fill(true, ARRAY[cardinality(images)]), derive_from_case.min_support,
                                              case_id => derive_from_case.case_id) s
    UNION ALL
    SELECT s.* FROM moderation.suggest_terms(derive_from_case.package, texts, array_fill(true, ARRAY[cardinality(texts)]), background,
                                             min_support => derive_from_case.min_support, case_id => derive_from_case.case_id) s;
END
$fn$;
COMMENT ON FUNCTION moderation.derive_from_case(bigint, text, text[], integer) IS 'Proposals for a package from a case: addresses that at least min_support of its contents share and no background text has, images that look alike, and mined terms; accepted, their items carry the case as case_ref.';
