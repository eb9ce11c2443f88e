-- Proposals: changes that the data suggests, with their evidence. Stored, shown, accepted or rejected by a person; nothing is ever
-- changed silently, and accepting only edits the draft.

CREATE FUNCTION moderation.mine_terms(
    texts text[], classes smallint[], weighted boolean, max_terms integer, min_support integer, precision_floor double precision,
    OUT term text, OUT match text, OUT level text, OUT weight real, OUT violating integer,
    OUT benign integer, OUT background integer, OUT new_violating integer, OUT z double precision, OUT examples integer[],
    OUT list_true_positives integer, OUT list_false_positives integer, OUT list_false_negatives integer, OUT list_background integer)
    RETURNS SETOF record LANGUAGE c IMMUTABLE STRICT ROWS 100 COST 1000000
    AS 'MODULE_PATHNAME', 'moderation_mine_terms';
COMMENT ON FUNCTION moderation.mine_terms(text[], smallint[], boolean, integer, integer, double precision) IS 'Internal: terms that violating texts (class 1) have and benign (0) and background (-1) ones do not: plain terms of the given precision, or a list with weights for a package of threshold 1. examples are positions in texts. list_: what the whole list does, cross-validated when weighted.';

CREATE TYPE moderation.proposal_kind AS ENUM (
    'remove_dead', 'remove_redundant', 'remove_harmful', 'remove_decayed', 'narrow', 'add_term', 'add_list', 'add_variant', 'add_allow', 'add_image');
COMMENT ON TYPE moderation.proposal_kind IS 'What a proposal changes: removes an item that never hits, hits nothing of its own, hits wrongly, or no longer rightly; replaces it by longer phrases; adds a term, a whole list with weights, a variant seen in the data, an allow entry, an image.';

CREATE TABLE moderation.proposals (
    proposal_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package_id      integer NOT NULL,
    kind            moderation.proposal_kind NOT NULL,
    item_id         bigint,
    term            text,
    change          jsonb NOT NULL,
    evidence        jsonb NOT NULL,
    effect          jsonb NOT NULL,
    examples        jsonb NOT NULL,
    sql             text NOT NULL,
    case_id         bigint,
    state           text NOT NULL DEFAULT 'open' CHECK (state = ANY (ARRAY['open', 'accepted', 'rejected'])),
    proposed_at     timestamptz NOT NULL DEFAULT now(),
    proposed_by     text NOT NULL,
    decided_at      timestamptz,
    decided_by      text,
    reason          text
);
CREATE UNIQUE INDEX proposals_open_key ON moderation.proposals
    (package_id, kind, coalesce(item_id, 0), hashtextextended(change::text, 0), hashtextextended(change::text, 1)) WHERE state = 'open';
CREATE INDEX proposals_rejected_idx ON moderation.proposals (package_id, hashtextextended(change::text, 0)) WHERE state = 'rejected';
CREATE INDEX proposals_package_idx ON moderation.proposals (package_id, state, proposal_id);
COMMENT ON TABLE moderation.proposals IS 'Suggested changes of packages, open until a person accepts or rejects them. The same change is open once; one that was rejected is not proposed again.';
COMMENT ON COLUMN moderation.proposals.change IS 'What accepting does: {"remove": [item ids], "add": [{"term", "match", "level", "weight"}], "allow": [the same], "images": [{"hash", "max_distance"}], "threshold"}.';
COMMENT ON COLUMN moderation.proposals.evidence IS 'The figures it rests on.';
COMMENT ON COLUMN moderation.proposals.effect IS 'What to expect of the labelled contents: gained and lost true and false positives, precision before and after with Wilson 95 % intervals, recall before and after over the labelled contents.';
COMMENT ON COLUMN moderation.proposals.examples IS 'Contents, as {"source", "content_key"} or excerpts of the texts given.';
COMMENT ON COLUMN moderation.proposals.sql IS 'The statements that accepting runs, ready to be read or run by hand.';

CREATE FUNCTION moderation.proposal_effect(tp bigint, fp bigint, violating bigint, gain_tp bigint, gain_fp bigint) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
        SELECT jsonb_build_object('true_positives', gain_tp, 'false_positives', gain_fp,
            'precision', jsonb_build_object('before', round((tp / nullif(tp + fp, 0)::numeric), 4), 'low', round(b.low::numeric, 4), 'high', round(b.high::numeric, 4)),
            'precision_after', jsonb_build_object('value', round((tp + gain_tp) / nullif(tp + fp + gain_tp + gain_fp, 0)::numeric, 4), 'low', round(a.low::numeric, 4), 'high', round(a.high::numeric, 4)),
            'recall', jsonb_build_object('before', round(tp / nullif(violating, 0)::numeric, 4), 'low', round(rb.low::numeric, 4), 'high', round(rb.high::numeric, 4)),
            'recall_after', jsonb_build_object('value', round((tp + gain_tp) / nullif(violating, 0)::numeric, 4), 'low', round(ra.low::numeric, 4), 'high', round(ra.high::numeric, 4)))
        FROM moderation.wilson_interval(tp, tp + fp) b, moderation.wilson_interval(tp + gain_tp, tp + fp + gain_tp + gain_fp) a,
             moderation.wilson_interval(tp, violating) rb, moderation.wilson_interval(least(tp + gain_tp, violating), violating) ra;
    END;
COMMENT ON FUNCTION moderation.proposal_effect(bigint, bigint, bigint, bigint, bigint) IS 'Internal: precision and recall over the labelled contents before and after a change that adds so many true and false positives (negative: takes away).';

-- enable_seqscan = off: planned while the table is empty, the look-up would stay a scan of all proposals.
CREATE FUNCTION moderation.propose(
    package_id integer, kind moderation.proposal_kind, item_id bigint, term text, change jsonb, evidence jsonb, effect jsonb, examples jsonb,
    case_id bigint DEFAULT NULL)
    RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $fn$
DECLARE
    name text;
    new_id bigint;
    statements text;
BEGIN
    -- Open ones are the business of the unique index.
    IF EXISTS (SELECT FROM moderation.proposals p WHERE p.package_id = propose.package_id AND p.kind = propose.kind
               AND p.item_id IS NOT DISTINCT FROM propose.item_id AND p.change = propose.change
               AND hashtextextended(p.change::text, 0) = hashtextextended(propose.change::text, 0) AND p.state = 'rejected') THEN
        RETURN NULL;
    END IF;
    SELECT p.name INTO name FROM moderation.packages p WHERE p.package_id = propose.package_id;
    SELECT string_agg(s.statement, E'\n' ORDER BY s.n) INTO statements FROM (
        SELECT 1 AS n, format('SELECT moderation.remove_items(%L, ARRAY[%s]);', name,
                              (SELECT string_agg(i, ', ') FROM jsonb_array_elements_text(change->'remove') i)) AS statement
        WHERE jsonb_array_length(coalesce(change->'remove', '[]')) > 0
        UNION ALL
        SELECT 2, format('SELECT * FROM moderation.add_terms(%L, ARRAY[%L], match => %L, level => %L, weight => %s);',
                         name, a->>'term', a->>'match', a->>'level', coalesce(a->>'weight', '1'))
        FROM jsonb_array_elements(coalesce(change->'add', '[]')) a
        UNION ALL
        SELECT 3, format('SELECT * FROM moderation.allow_terms(%L, ARRAY[%L], match => %L, level => %L);', name, a->>'term', a->>'match', a->>'level')
        FROM jsonb_array_elements(coalesce(change->'allow', '[]')) a
        UNION ALL
        SELECT 4, format('SELECT * FROM moderation.add_images(%L, ARRAY[%L]::moderation.pdqhash[], max_distance => %s);', name, a->>'hash', a->>'max_distance')
        FROM jsonb_array_elements(coalesce(change->'images', '[]')) a) s;
    INSERT INTO moderation.proposals (package_id, kind, item_id, term, change, evidence, effect, examples, sql, case_id, proposed_by)
    VALUES (propose.package_id, propose.kind, propose.item_id, propose.term, propose.change, propose.evidence, propose.effect,
            coalesce(propose.examples, '[]'), coalesce(statements, ''), propose.case_id, moderation.caller())
    ON CONFLICT DO NOTHING RETURNING proposal_id INTO new_id;
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.propose(integer, moderation.proposal_kind, bigint, text, jsonb, jsonb, jsonb, jsonb, bigint) IS 'Internal: stores a proposal unless the same one is open or was rejected; returns its id.';

CREATE FUNCTION moderation.suggest_cleanup(
    package text, bar double precision DEFAULT 0.8, min_labels integer DEFAULT 5, dead_after interval DEFAULT interval '90 days')
    RETURNS SETOF moderation.proposals LANGUAGE plpgsql SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    wanted integer := moderation.find_package(suggest_cleanup.package);
    examined moderation.stage;
    f record;
    p record;
    kind moderation.proposal_kind;
    evidence jsonb;
    made bigint[] := '{}';
    new_id bigint;
BEGIN
    PERFORM moderation.check_readable(wanted);
    IF bar IS NULL OR NOT bar BETWEEN 0 AND 1 OR min_labels IS NULL OR min_labels < 1 OR dead_after IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'suggest_cleanup() needs a bar from 0 to 1, labels of 1 or more and a time',
            DETAIL = format('bar is %s, min_labels %s, dead_after %s.', bar, min_labels, dead_after), HINT = 'Leave them out for 0.8, 5 and 90 days.';
    END IF;
    -- A list on trial in shadow is cleaned up by what it would have done.
    examined := CASE WHEN EXISTS (SELECT FROM moderation.in_force i WHERE i.package = suggest_cleanup.package AND i.stage = 'live')
                     THEN 'live' ELSE 'shadow' END;
    SELECT s.true_positives AS tp, s.false_positives AS fp INTO p FROM moderation.package_stats(suggest_cleanup.package) s
    WHERE s.stage = examined;
    FOR f IN
        WITH overlap AS MATERIALIZED (
            SELECT o.item_a, min(o.item_b) AS item_b FROM moderation.item_overlap(suggest_cleanup.package, NULL, 1) o
            -- Of two that find the same, the later one goes. What is itself too often wrong is no reason to do without another.
            JOIN moderation.item_stats(suggest_cleanup.package, stage => examined) b ON b.item_id = o.item_b
            WHERE NOT coalesce(b.true_positives + b.false_positives >= min_labels AND least(b.precision_high, b.recent_precision_high) < bar, false)
              AND o.package_b = suggest_cleanup.package AND (o.contents_b > o.contents_a OR o.item_b < o.item_a)
            GROUP BY o.item_a
        )
        SELECT s.*, v.changed_at, o.item_b FROM moderation.item_stats(suggest_cleanup.package) s
        JOIN moderation.item_versions v ON v.item_id = s.item_id AND v.removed_in IS NULL
        LEFT JOIN overlap o ON o.item_a = s.item_id
        WHERE s.stage = examined AND s.in_force
    LOOP
        kind := NULL;
        evidence := jsonb_build_object('contents', f.contents, 'true_positives', f.true_positives, 'false_positives', f.false_positives,
            'precision', f.precision, 'precision_low', f.precision_low, 'precision_high', f.precision_high, 'last_hit', f.last_hit,
            'unique_contents', f.unique_contents);
        IF f.contents = 0 THEN
            IF f.changed_at < now() - dead_after THEN
                kind := 'remove_dead';
            END IF;
        ELSIF f.true_positives + f.false_positives >= min_labels AND f.precision_high < bar THEN
            kind := 'remove_harmful';
        ELSIF f.true_positives + f.false_positives >= min_labels AND f.recent_precision_high < bar
              AND f.recent_precision_high < f.precision_low + 0.1 THEN
            kind := 'remove_decayed';
            evidence := evidence || jsonb_build_object('recent_precision', f.recent_precision, 'recent_precision_high', f.recent_precision_high);
        ELSIF f.unique_contents = 0 AND f.item_b IS NOT NULL THEN
            kind := 'remove_redundant';
            evidence := evidence || jsonb_build_object('covered_by', f.item_b);
        END IF;
        CONTINUE WHEN kind IS NULL;
        new_id := moderation.propose(wanted, kind, f.item_id, f.term, jsonb_build_object('remove', jsonb_build_array(f.item_id)), evidence,
            moderation.proposal_effect(p.tp, p.fp, (SELECT count(*) FROM moderation.labels l WHERE l.hit_id IS NULL AND l.label = 'violating'),
                                       -f.unique_true_positives, -f.unique_false_positives),
            (SELECT jsonb_agg(jsonb_build_object('source', s.relation::text, 'content_key', h.content_key))
             FROM (SELECT DISTINCT x.source_id, x.content_key FROM moderation.hits x WHERE x.item_id = f.item_id LIMIT 3) h
             JOIN moderation.sources s ON s.source_id = h.source_id));
        made := made || new_id;
    END LOOP;
    RETURN QUERY SELECT q.* FROM moderation.proposals q WHERE q.proposal_id = ANY (made) ORDER BY q.proposal_id;
END
$fn$;
COMMENT ON FUNCTION moderation.suggest_cleanup(text, double precision, integer, interval) IS 'Proposes to remove items of the live release, or of the one in shadow while nothing is live: harmful (the upper Wilson limit of their precision is below the bar, with at least min_labels), decayed (that of the last 28 days), redundant (another item hits every content they hit, and no verdict would be lost), dead (no hit since dead_after). Returns the new proposals.';

CREATE FUNCTION moderation.suggest_terms(
    package text, texts text[], violating boolean[], background text[] DEFAULT '{}', weighted boolean DEFAULT false,
    max_terms integer DEFAULT 100, min_support integer DEFAULT 3, precision_floor double precision DEFAULT 0.9, case_id bigint DEFAULT NULL)
    RETURNS SETOF moderation.proposals LANGUAGE plpgsql SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    wanted integer := moderation.find_package(suggest_terms.package);
    missed text[];
    classes smallint[];
    caught_tp bigint;
    caught_fp bigint;
    all_violating bigint;
    m record;
    made bigint[] := '{}';
    list jsonb := '[]';
    found jsonb;
BEGIN
    PERFORM moderation.check_readable(wanted);
    IF texts IS NULL OR violating IS NULL OR background IS NULL OR cardinality(texts) <> cardinality(violating) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'suggest_terms() needs as many labels as texts',
            DETAIL = format('There are %s texts and %s labels.', coalesce(cardinality(texts), 0), coalesce(cardinality(violating), 0)),
            HINT = 'texts => array_agg(body), violating => array_agg(label = ''violating'') over the same rows.';
    END IF;
    IF max_terms IS NULL OR max_terms NOT BETWEEN 1 AND 10000 OR min_support IS NULL OR min_support < 1
       OR precision_floor IS NULL OR NOT precision_floor BETWEEN 0 AND 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'suggest_terms() got a limit that is out of range',
            DETAIL = 'max_terms goes from 1 to 10,000, min_support from 1, precision_floor from 0 to 1.', HINT = 'Leave them out for 100, 3 and 0.9.';
    END IF;
    -- What the package's draft catches already teaches nothing new; a list with weights is to stand alone.
    SELECT array_agg(x.body ORDER BY x.n), array_agg(CASE WHEN x.violating THEN 1 ELSE 0 END::smallint ORDER BY x.n),
           max(x.caught_tp), max(x.caught_fp), max(x.all_violating)
    INTO missed, classes, caught_tp, caught_fp, all_violating
    FROM (SELECT u.*, count(*) FILTER (WHERE u.hit AND u.violating) OVER () AS caught_tp,
                 count(*) FILTER (WHERE u.hit AND NOT u.violating) OVER () AS caught_fp, count(*) FILTER (WHERE u.violating) OVER () AS all_violating
          FROM (SELECT t.body, t.violating, t.n, EXISTS (SELECT FROM moderation.text_hits(t.body, suggest_terms.package, draft => true)) AS hit
                FROM unnest(texts, violating) WITH ORDINALITY t(body, violating, n)
                WHERE t.body IS NOT NULL AND t.violating IS NOT NULL) u) x
    WHERE weighted OR NOT (x.hit AND x.violating);
    missed := coalesce(missed, '{}') || array_remove(background, NULL);
    classes := coalesce(classes, '{}') || array_fill(-1::smallint, ARRAY[cardinality(array_remove(background, NULL))]);
    FOR m IN SELECT * FROM moderation.mine_terms(missed, classes, weighted, max_terms, min_support, precision_floor) LOOP
        found := jsonb_build_object('term', m.term, 'match', m.match, 'level', m.level, 'weight', CASE WHEN weighted THEN m.weight ELSE 1 END);
        IF weighted THEN
            list := list || found;
            CONTINUE WHEN jsonb_array_length(list) > 1;
            all_violating := m.list_true_positives + m.list_false_negatives;
            caught_tp := m.list_true_positives;
            caught_fp := m.list_false_positives;
        ELSE
            made := made || moderation.propose(wanted, 'add_term', NULL, m.term, jsonb_build_object('add', jsonb_build_array(found)),
                jsonb_build_object('violating', m.violating, 'benign', m.benign, 'background', m.background, 'new_violating', m.new_violating,
                                   'log_odds_z', round(m.z::numeric, 2)),
                moderation.proposal_effect(caught_tp, caught_fp, all_violating, m.new_violating, m.benign),
                (SELECT jsonb_agg(left(missed[e], 200)) FROM unnest(m.examples) e), case_id);
        END IF;
    END LOOP;
    IF list <> '[]' THEN
        made := made || moderation.propose(wanted, 'add_list', NULL, NULL, jsonb_build_object('add', list, 'threshold', 1),
            jsonb_build_object('terms', jsonb_array_length(list), 'true_positives', caught_tp, 'false_positives', caught_fp,
                               'false_negatives', all_violating - caught_tp, 'cross_validated', true),
            moderation.proposal_effect(0, 0, all_violating, caught_tp, caught_fp), '[]', case_id);
    END IF;
    RETURN QUERY SELECT q.* FROM moderation.proposals q WHERE q.proposal_id = ANY (made) ORDER BY q.proposal_id;
END
$fn$;
COMMENT ON FUNCTION moderation.suggest_terms(text, text[], boolean[], text[], boolean, integer, integer, double precision, bigint) IS 'Proposes terms mined from violating texts that the package''s draft misses, against the benign ones and background texts (unreviewed, taken for benign): one proposal a term, in the order of what each adds (greedy set cover; of the labelled texts it adds at least precision_floor are violating). weighted => true: one proposal of a whole list with weights, for a package with threshold 1; its figures are cross-validated. Returns the new proposals.';

CREATE FUNCTION moderation.accept_proposal(proposal_id bigint, reason text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    p moderation.proposals;
    target moderation.packages;
    a record;
    provenance text;
BEGIN
    p := moderation.claim_proposal(accept_proposal.proposal_id);
    SELECT q.* INTO target FROM moderation.packages q WHERE q.package_id = p.package_id;
    provenance := format('proposal %s', p.proposal_id);
    IF p.change ? 'threshold' AND target.threshold <> (p.change->>'threshold')::real THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('package "%s" has another threshold than the proposed list', target.name),
            DETAIL = format('The weights are made for threshold %s, the package has %s.', p.change->>'threshold', target.threshold),
            HINT = format('Use a package of its own: create_package(..., threshold => %s), and suggest_terms() for it.', p.change->>'threshold');
    END IF;
    -- What is gone already, or there already, is as wished.
    PERFORM moderation.remove_items(target.name, ARRAY(
        SELECT v.item_id FROM moderation.item_versions v
        WHERE v.package_id = p.package_id AND v.removed_in IS NULL
          AND v.item_id IN (SELECT i::bigint FROM jsonb_array_elements_text(coalesce(p.change->'remove', '[]')) i)),
        accept_proposal.reason)
    WHERE jsonb_array_length(coalesce(p.change->'remove', '[]')) > 0;
    FOR a IN
        SELECT x.match, x.level, coalesce(x.weight, 1) AS weight, array_agg(x.term ORDER BY n) AS terms
        FROM jsonb_array_elements(coalesce(p.change->'add', '[]')) WITH ORDINALITY e(entry, n),
             jsonb_to_record(e.entry) AS x(term text, match moderation.match_mode, level moderation.match_level, weight real)
        GROUP BY 1, 2, 3 ORDER BY min(n)
    LOOP
        PERFORM moderation.add_terms(target.name, a.terms, a.match, a.level, a.weight, source => provenance,
                                     case_ref => p.case_id::text, note => accept_proposal.reason);
    END LOOP;
    FOR a IN
        SELECT x.term, x.match, x.level
        FROM jsonb_array_elements(coalesce(p.change->'allow', '[]')) e(entry),
             jsonb_to_record(e.entry) AS x(term text, match moderation.match_mode, level moderation.match_level)
    LOOP
        PERFORM moderation.allow_terms(target.name, ARRAY[a.term], a.match, a.level, source => provenance,
                                       case_ref => p.case_id::text, note => accept_proposal.reason);
    END LOOP;
    FOR a IN
        SELECT x.hash, x.max_distance
        FROM jsonb_array_elements(coalesce(p.change->'images', '[]')) e(entry), jsonb_to_record(e.entry) AS x(hash moderation.pdqhash, max_distance integer)
    LOOP
        PERFORM moderation.add_images(target.name, ARRAY[a.hash], a.max_distance, source => provenance, case_ref => p.case_id::text,
                                      note => accept_proposal.reason);
    END LOOP;
    PERFORM moderation.decide_proposal(p, 'accepted', accept_proposal.reason);
    RETURN target.name;
END
$fn$;
COMMENT ON FUNCTION moderation.accept_proposal(bigint, text) IS 'Applies a proposal to the package''s draft; nothing is in force before publish_package(). Returns the package.';

CREATE FUNCTION moderation.reject_proposal(proposal_id bigint, reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF reject_proposal.reason IS NULL OR btrim(reject_proposal.reason) = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'a rejected proposal needs a reason',
            DETAIL = 'It will not be proposed again; somebody will want to know why.', HINT = 'For example reject_proposal(7, ''names a brand'').';
    END IF;
    PERFORM moderation.decide_proposal(moderation.claim_proposal(reject_proposal.proposal_id), 'rejected', reject_proposal.reason);
END
$fn$;
COMMENT ON FUNCTION moderation.reject_proposal(bigint, text) IS 'Closes a proposal; the same one is not made again.';

CREATE FUNCTION moderation.claim_proposal(proposal_id bigint) RETURNS moderation.proposals
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    p moderation.proposals;
BEGIN
    SELECT * INTO p FROM moderation.proposals q WHERE q.proposal_id = claim_proposal.proposal_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'no_data_found', MESSAGE = format('no proposal %s', coalesce(claim_proposal.proposal_id::text, 'NULL')),
            DETAIL = 'Nothing was proposed under this number.', HINT = 'See moderation.open_proposals.';
    END IF;
    PERFORM moderation.check_readable(p.package_id);
    IF p.state <> 'open' THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = format('proposal %s was already %s', p.proposal_id, p.state),
            DETAIL = format('By %s at %s.', p.decided_by, p.decided_at), HINT = 'A proposal is decided once.';
    END IF;
    RETURN p;
END
$fn$;
COMMENT ON FUNCTION moderation.claim_proposal(bigint) IS 'Internal: an open proposal, locked.';

CREATE FUNCTION moderation.decide_proposal(p moderation.proposals, state text, reason text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    UPDATE moderation.proposals q
    SET state = decide_proposal.state, decided_at = now(), decided_by = moderation.caller(), reason = decide_proposal.reason
    WHERE q.proposal_id = p.proposal_id;
    PERFORM moderation.audit(CASE WHEN decide_proposal.state = 'accepted' THEN 'accept_proposal' ELSE 'reject_proposal' END,
        (SELECT k.name FROM moderation.packages k WHERE k.package_id = p.package_id),
        jsonb_build_object('proposal_id', p.proposal_id, 'state', p.state),
        jsonb_build_object('proposal_id', p.proposal_id, 'state', decide_proposal.state, 'kind', p.kind, 'change', p.change),
        decide_proposal.reason);
END
$fn$;
COMMENT ON FUNCTION moderation.decide_proposal(moderation.proposals, text, text) IS 'Internal: closes a proposal and notes it in the audit log.';

CREATE VIEW moderation.open_proposals WITH (security_barrier) AS
    SELECT p.proposal_id, k.name AS package, p.kind, p.item_id, p.term, p.evidence, p.effect, p.examples, p.sql, p.case_id, p.proposed_at, p.proposed_by
    FROM moderation.proposals p JOIN moderation.packages k ON k.package_id = p.package_id
    WHERE p.state = 'open' AND p.package_id = ANY ((SELECT moderation.readable_packages())::integer[]);
COMMENT ON VIEW moderation.open_proposals IS 'Proposals that wait for a person: accept_proposal(id) or reject_proposal(id, reason). Columns as in moderation.proposals.';

CREATE FUNCTION moderation.suggest_allow(package text, clean text[], violating text[] DEFAULT '{}')
    RETURNS SETOF moderation.proposals LANGUAGE plpgsql SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    wanted integer := moderation.find_package(suggest_allow.package);
    v record;
    caught_tp bigint;
    made bigint[] := '{}';
BEGIN
    PERFORM moderation.check_readable(wanted);
    IF clean IS NULL OR violating IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'suggest_allow() needs an array of clean texts',
            DETAIL = 'clean or violating is NULL.', HINT = 'clean => array_agg(body) over rows that are known to be innocent.';
    END IF;
    SELECT count(*) INTO caught_tp FROM unnest(violating) b
    WHERE EXISTS (SELECT FROM moderation.text_hits(b, suggest_allow.package, draft => true));
    FOR v IN
        WITH hit AS MATERIALIZED (
            SELECT c.n, c.body, h.item_id, h.term, h.span_start, h.span_length,
                   left(c.body, h.span_start - 1) AS before, substr(c.body, h.span_start + h.span_length) AS after,
                   substr(c.body, h.span_start, h.span_length) AS inside
            FROM unnest(clean) WITH ORDINALITY c(body, n)
            CROSS JOIN LATERAL moderation.text_hits(c.body, suggest_allow.package, draft => true) h
            WHERE c.body IS NOT NULL
        ), fragment AS (
            -- The word around the hit; with the next, the previous, both; shortest first.
            SELECT DISTINCT h.item_id, h.term, h.n, moderation.fold_text(btrim(f.fragment)) AS fragment
            FROM hit h
            CROSS JOIN LATERAL (SELECT coalesce(substring(h.before FROM '\w+$'), '') || h.inside || coalesce(substring(h.after FROM '^\w+'), '')) AS w(word)
            CROSS JOIN LATERAL (VALUES (w.word),
                (w.word || coalesce(substring(h.after FROM '^\w*(\W{1,2}\w+)'), '')),
                (coalesce(substring(h.before FROM '(\w+\W{1,2})\w*$'), '') || w.word),
                (coalesce(substring(h.before FROM '(\w+\W{1,2})\w*$'), '') || w.word || coalesce(substring(h.after FROM '^\w*(\W{1,2}\w+)'), ''))) f(fragment)
            WHERE moderation.fold_text(btrim(f.fragment)) <> moderation.fold_text(h.inside)
        ), counted AS MATERIALIZED (
            SELECT f.item_id, f.term, f.fragment, array_agg(DISTINCT f.n) AS texts FROM fragment f GROUP BY 1, 2, 3
        ), folded AS MATERIALIZED (
            SELECT moderation.fold_text(b) AS body FROM unnest(violating) b WHERE b IS NOT NULL
        ), safe AS (
            SELECT c.* FROM counted c
            WHERE length(c.fragment) BETWEEN 1 AND 200
              AND NOT EXISTS (SELECT FROM folded x WHERE position(c.fragment IN x.body) > 0)
        )
        -- Of the fragments around one hit the shortest that is safe; what a shorter one covers already is not proposed again.
        SELECT s.item_id, s.term, s.fragment, cardinality(s.texts) AS removed, s.texts
        FROM safe s
        WHERE NOT EXISTS (SELECT FROM safe o WHERE o.item_id = s.item_id AND o.fragment <> s.fragment AND o.texts @> s.texts
                          AND (length(o.fragment), o.fragment) < (length(s.fragment), s.fragment))
        ORDER BY cardinality(s.texts) DESC, s.fragment
    LOOP
        made := made || moderation.propose(wanted, 'add_allow', v.item_id, v.fragment,
            jsonb_build_object('allow', jsonb_build_array(jsonb_build_object('term', v.fragment, 'match', 'word', 'level', 'folded'))),
            jsonb_build_object('of', v.term, 'false_hits_removed', v.removed, 'true_hits_lost', 0, 'violating_texts', cardinality(violating)),
            moderation.proposal_effect(caught_tp, v.removed, caught_tp, 0, -v.removed),
            (SELECT jsonb_agg(left(clean[n], 200)) FROM unnest(v.texts[1:3]) n));
    END LOOP;
    RETURN QUERY SELECT q.* FROM moderation.proposals q WHERE q.proposal_id = ANY (made) ORDER BY q.proposal_id;
END
$fn$;
COMMENT ON FUNCTION moderation.suggest_allow(text, text[], text[]) IS 'Proposes allow entries from clean rows: for each false hit of the draft the shortest fragment around it (its word, with a neighbour or both) that none of the violating texts contains. Returns the new proposals.';

CREATE FUNCTION moderation.suggest_narrowing(
    package text, term text, texts text[], violating boolean[], precision_floor double precision DEFAULT 0.9)
    RETURNS SETOF moderation.proposals LANGUAGE plpgsql SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    wanted integer := moderation.find_package(suggest_narrowing.package);
    items bigint[];
    hit_texts text[];
    classes smallint[];
    tp bigint;
    fp bigint;
    kept_tp bigint;
    kept_fp bigint;
    longer jsonb;
    new_id bigint;
BEGIN
    PERFORM moderation.check_readable(wanted);
    IF texts IS NULL OR violating IS NULL OR cardinality(texts) <> cardinality(violating) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'suggest_narrowing() needs as many labels as texts',
            DETAIL = format('There are %s texts and %s labels.', coalesce(cardinality(texts), 0), coalesce(cardinality(violating), 0)),
            HINT = 'texts => array_agg(body), violating => array_agg(label = ''violating'') over the same rows.';
    END IF;
    SELECT array_agg(v.item_id) INTO items FROM moderation.item_versions v
    WHERE v.package_id = wanted AND v.removed_in IS NULL AND NOT v.allow AND v.term = suggest_narrowing.term;
    IF items IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('package "%s" has no such term', package),
            DETAIL = 'The given term is not in the draft.', HINT = 'Terms are named as they were written; see moderation.current_items.';
    END IF;
    SELECT array_agg(t.body ORDER BY t.n), array_agg(t.violating::integer::smallint ORDER BY t.n), count(*) FILTER (WHERE t.violating),
           count(*) FILTER (WHERE NOT t.violating)
    INTO hit_texts, classes, tp, fp
    FROM unnest(texts, violating) WITH ORDINALITY t(body, violating, n)
    WHERE t.body IS NOT NULL AND t.violating IS NOT NULL
      AND EXISTS (SELECT FROM moderation.text_hits(t.body, suggest_narrowing.package, draft => true) h WHERE h.item_id = ANY (items));
    SELECT jsonb_agg(jsonb_build_object('term', m.term, 'match', m.match, 'level', m.level, 'weight', 1) ORDER BY m.n), sum(m.new_violating), sum(m.benign)
    INTO longer, kept_tp, kept_fp
    FROM moderation.mine_terms(hit_texts, classes, false, 200, 2, precision_floor) WITH ORDINALITY
         m(term, match, level, weight, violating, benign, background, new_violating, z, examples, ltp, lfp, lfn, lb, n)
    WHERE m.match = 'word' AND m.term <> moderation.fold_text(suggest_narrowing.term)
      AND position(moderation.fold_text(suggest_narrowing.term) IN m.term) > 0;
    IF longer IS NULL OR fp = 0 THEN
        RETURN;
    END IF;
    new_id := moderation.propose(wanted, 'narrow', items[1], suggest_narrowing.term,
        jsonb_build_object('remove', to_jsonb(items), 'add', longer),
        jsonb_build_object('true_positives', tp, 'false_positives', fp, 'kept_true_positives', kept_tp, 'kept_false_positives', kept_fp),
        moderation.proposal_effect(tp, fp, tp, kept_tp - tp, kept_fp - fp), '[]');
    RETURN QUERY SELECT q.* FROM moderation.proposals q WHERE q.proposal_id = new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.suggest_narrowing(text, text, text[], boolean[], double precision) IS 'Proposes to replace a term that is too broad by the longer phrases around it that keep its true hits and lose the false ones.';
