-- Verdict rules of packages, and the strikes of owners that they may ask for.

CREATE TABLE moderation.owner_strikes (
    owner_key       text NOT NULL,
    package_id      integer NOT NULL,
    source_id       integer NOT NULL,
    content_key     text NOT NULL,
    struck_at       timestamptz NOT NULL,
    strike_key      uuid PRIMARY KEY DEFAULT gen_random_uuid()
);
CREATE INDEX owner_strikes_owner_idx ON moderation.owner_strikes (left(owner_key, 200));
CREATE INDEX owner_strikes_content_idx ON moderation.owner_strikes (source_id, left(content_key, 200));
COMMENT ON TABLE moderation.owner_strikes IS 'Confirmed hits by owner: one row for each content, reviewed as violating, and package with a live hit in it. Kept by the review functions; read when a verdict rule asks for strikes.';
COMMENT ON COLUMN moderation.owner_strikes.struck_at IS 'When the content was first hit.';

CREATE FUNCTION moderation.count_strikes(source_id integer, content_key text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    DELETE FROM moderation.owner_strikes s
    WHERE s.source_id = count_strikes.source_id AND left(s.content_key, 200) = left(count_strikes.content_key, 200)
      AND s.content_key = count_strikes.content_key;
    -- The newest decision counts, that of an appeal before all.
    IF (SELECT r.label FROM moderation.reviews r
        WHERE r.source_id = count_strikes.source_id AND left(r.content_key, 200) = left(count_strikes.content_key, 200)
          AND r.content_key = count_strikes.content_key AND r.hit_id IS NULL AND r.label <> 'unsure'
        ORDER BY r.final DESC, r.review_id DESC LIMIT 1) = 'violating' THEN
        INSERT INTO moderation.owner_strikes (owner_key, package_id, source_id, content_key, struck_at)
        SELECT h.owner_key, h.package_id, h.source_id, h.content_key, min(h.observed_at)
        FROM moderation.hits h
        WHERE h.source_id = count_strikes.source_id AND left(h.content_key, 200) = left(count_strikes.content_key, 200)
          AND h.content_key = count_strikes.content_key AND h.stage = 'live' AND h.owner_key IS NOT NULL
          AND NOT EXISTS (SELECT FROM moderation.withdrawn_hits w WHERE w.hit_id = h.hit_id AND w.undone)
        GROUP BY h.owner_key, h.package_id, h.source_id, h.content_key;
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.count_strikes(integer, text) IS 'Internal: the strikes that a content gives its owner, after a review.';

CREATE FUNCTION moderation.set_verdict_rules(name text, rules jsonb, note text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(set_verdict_rules.name);
    rule jsonb;
    wrong text;
    kept jsonb := '[]';
BEGIN
    IF jsonb_typeof(coalesce(rules, '[]')) <> 'array' OR jsonb_array_length(coalesce(rules, '[]')) > 20 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'rules must be an array of at most 20 objects',
            DETAIL = 'Each names an action and the conditions under which the package asks for it.',
            HINT = 'For example ''[{"action": "block", "strikes": 3, "days": 30}]''; ''[]'' for none.';
    END IF;
    FOR rule IN SELECT e FROM jsonb_array_elements(coalesce(rules, '[]')) e LOOP
        wrong := CASE
            WHEN jsonb_typeof(rule) <> 'object' THEN 'is not an object'
            WHEN NOT coalesce(rule ->> 'action' = ANY (enum_range(NULL::moderation.action)::text[]), false) THEN 'has no action log, review or block'
            WHEN EXISTS (SELECT FROM jsonb_object_keys(rule) k WHERE k <> ALL ('{action,score,strikes,days,half_life,any_package,with}'::text[])) THEN 'has a condition that does not exist'
            WHEN EXISTS (SELECT FROM jsonb_each(rule) c WHERE c.key = ANY ('{score,strikes,days,half_life}'::text[])
                         AND CASE WHEN jsonb_typeof(c.value) = 'number' THEN c.value::numeric <= 0.0 OR c.value::numeric > 1000000.0 ELSE true END) THEN 'has a number that is not above 0 and at most 1,000,000'
            WHEN rule ? 'any_package' AND jsonb_typeof(rule -> 'any_package') <> 'boolean' THEN 'has an any_package that is neither true nor false'
            WHEN rule ? 'with' AND jsonb_typeof(rule -> 'with') <> 'array' THEN 'has a with that is no array of packages'
            WHEN EXISTS (SELECT FROM jsonb_array_elements_text(CASE WHEN jsonb_typeof(rule -> 'with') = 'array' THEN rule -> 'with' ELSE '[]' END) w
                         WHERE NOT EXISTS (SELECT FROM moderation.packages p WHERE p.name = w)) THEN 'names a package that does not exist'
            WHEN NOT rule ?| '{score,strikes,with}' THEN 'has no condition'
        END;
        IF wrong IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('rule %s %s', jsonb_array_length(kept) + 1, wrong),
                DETAIL = 'A rule has an action and one or more of: score, strikes (with days, half_life, any_package), with.',
                HINT = 'For example {"action": "block", "strikes": 3, "days": 30, "half_life": 10}.';
        END IF;
        kept := kept || jsonb_build_array(rule);
    END LOOP;
    UPDATE moderation.packages p SET rules = nullif(kept, '[]') WHERE p.package_id = target.package_id;
    UPDATE moderation.drafts d SET draft_key = gen_random_uuid(), changed_at = now(), changed_by = moderation.caller()
    WHERE d.package_id = target.package_id;
    PERFORM moderation.audit('set_verdict_rules', target.name, jsonb_build_object('rules', target.rules),
                             jsonb_build_object('rules', nullif(kept, '[]')), note);
    RETURN jsonb_array_length(kept);
END
$fn$;
COMMENT ON FUNCTION moderation.set_verdict_rules(text, jsonb, text) IS 'Sets the draft''s verdict rules, which the next publish freezes: under which conditions the package asks for a stronger action than its own. score: its score in the content; strikes: confirmed hits of the content''s owner in the last days (30), losing half their weight every half_life days, under any_package or this one; with: other packages that hit the content too. All conditions of a rule must hold.';
