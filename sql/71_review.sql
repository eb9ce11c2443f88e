-- What people say of contents and hits: reviews, and what they amount to. Who looks at what next: 71_queue.sql.
--
-- A label belongs to a content (source and key, whatever version of it) or to one hit, and to a policy or to none in
-- particular. Reviewers do not get in each other's way: of each the newest label counts, contradictions make the
-- content disputed, and the decision of an appeal outweighs them all.

CREATE VIEW moderation.labels AS
    SELECT l.source_id, l.content_key, l.hit_id, l.policy_id,
           CASE WHEN l.decision IS NOT NULL THEN l.decision
                WHEN l.violating > 0 AND l.benign > 0 THEN NULL
                WHEN l.violating > 0 THEN 'violating'::moderation.review_label
                WHEN l.benign > 0 THEN 'benign'::moderation.review_label
                ELSE 'unsure'::moderation.review_label
           END AS label,
           l.decision IS NULL AND l.violating > 0 AND l.benign > 0 AS disputed,
           l.decision IS NOT NULL AS final, l.reviewers, l.last_review_id, l.last_reviewed_at
    FROM (
        SELECT r.source_id, r.content_key, r.hit_id, r.policy_id,
               (array_agg(r.label ORDER BY r.review_id DESC) FILTER (WHERE r.final))[1] AS decision,
               count(*) FILTER (WHERE r.label = 'violating' AND NOT r.final) AS violating,
               count(*) FILTER (WHERE r.label = 'benign' AND NOT r.final) AS benign,
               count(DISTINCT r.reviewer) AS reviewers, max(r.review_id) AS last_review_id,
               max(r.reviewed_at) AS last_reviewed_at
        FROM (SELECT DISTINCT ON (v.source_id, v.content_key, v.hit_id, v.policy_id, v.reviewer, v.final) v.*
              FROM moderation.reviews v
              ORDER BY v.source_id, v.content_key, v.hit_id, v.policy_id, v.reviewer, v.final, v.review_id DESC) r
        GROUP BY r.source_id, r.content_key, r.hit_id, r.policy_id
    ) l;
COMMENT ON VIEW moderation.labels IS 'What the reviews of each content (hit_id NULL) or hit amount to, per policy applied (NULL: none in particular).';
COMMENT ON COLUMN moderation.labels.label IS 'violating or benign when all who decided agree (the newest label of each counts; unsure decides nothing), unsure when nobody decided; NULL while disputed.';
COMMENT ON COLUMN moderation.labels.disputed IS 'Reviewers contradict each other and no appeal has decided.';
COMMENT ON COLUMN moderation.labels.final IS 'Decided by an appeal: the newest decision counts, other labels no longer do.';
COMMENT ON COLUMN moderation.labels.reviewers IS 'How many people labelled it.';
COMMENT ON COLUMN moderation.labels.last_review_id IS 'Its newest review.';

CREATE VIEW moderation.hit_labels WITH (security_invoker) AS
    WITH l AS MATERIALIZED (SELECT * FROM moderation.labels)
    SELECT h.bucket, h.hit_id, h.observed_at, h.source_id, h.content_key, h.owner_key, h.digest, h.package_id, h.release,
           h.stage, h.item_id, h.kind, h.action, h.outcome, h.places, h.score, coalesce(r.threshold, 0::real) AS threshold,
           p.policy_id, b.label, coalesce(b.disputed, false) AS disputed, b.of_hit
    FROM moderation.hits h
    LEFT JOIN moderation.releases r
      ON r.package_id = h.package_id AND r.release = h.release
    LEFT JOIN moderation.policies p ON p.name = r.policy
    LEFT JOIN l hp ON hp.hit_id = h.hit_id AND hp.policy_id = p.policy_id
    LEFT JOIN l hn ON hn.hit_id = h.hit_id AND hn.policy_id IS NULL
    LEFT JOIN l cp
      ON cp.source_id = h.source_id AND cp.content_key = h.content_key
     AND cp.hit_id IS NULL AND cp.policy_id = p.policy_id
    LEFT JOIN l cn
      ON cn.source_id = h.source_id AND cn.content_key = h.content_key
     AND cn.hit_id IS NULL AND cn.policy_id IS NULL
    CROSS JOIN LATERAL (
        SELECT CASE WHEN hp.source_id IS NOT NULL THEN hp.label WHEN hn.source_id IS NOT NULL THEN hn.label
                    WHEN cp.source_id IS NOT NULL THEN cp.label ELSE cn.label END,
               CASE WHEN hp.source_id IS NOT NULL THEN hp.disputed WHEN hn.source_id IS NOT NULL THEN hn.disputed
                    WHEN cp.source_id IS NOT NULL THEN cp.disputed ELSE cn.disputed END,
               hp.source_id IS NOT NULL OR hn.source_id IS NOT NULL) AS b(label, disputed, of_hit)
    WHERE NOT EXISTS (SELECT FROM moderation.withdrawn_hits w WHERE w.hit_id = h.hit_id AND w.undone);
COMMENT ON VIEW moderation.hit_labels IS 'Hits, but those undone, with the label that counts for them: that of the hit itself before that of its content, each under the policy of the release that hit before one under no policy. Labels under other policies say nothing.';
COMMENT ON COLUMN moderation.hit_labels.threshold IS 'Of the release; the package acted on the content when the scores of its items reach it.';
COMMENT ON COLUMN moderation.hit_labels.label IS 'NULL: not reviewed, or disputed.';
COMMENT ON COLUMN moderation.hit_labels.of_hit IS 'The label is of this hit, not of the whole content.';

CREATE FUNCTION moderation.find_source(relation regclass) RETURNS integer
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_source integer;
BEGIN
    SELECT s.source_id INTO found_source FROM moderation.sources s WHERE s.relation = find_source.relation;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('table %s was never attached', coalesce(find_source.relation::text, 'NULL')),
            DETAIL = 'Reviews judge contents of attached tables.',
            HINT = 'Attached tables are listed in moderation.attachments.';
    END IF;
    RETURN found_source;
END
$fn$;
COMMENT ON FUNCTION moderation.find_source(regclass) IS 'Internal: the source id of a table that is or was attached.';

CREATE FUNCTION moderation.find_policy(policy text) RETURNS integer
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_policy integer;
BEGIN
    IF find_policy.policy IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT p.policy_id INTO found_policy FROM moderation.policies p WHERE p.name = find_policy.policy;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('policy "%s" does not exist', find_policy.policy),
            DETAIL = 'No policy has this name.',
            HINT = 'Policies are listed in moderation.policies.';
    END IF;
    RETURN found_policy;
END
$fn$;
COMMENT ON FUNCTION moderation.find_policy(text) IS 'Internal: a policy''s id by name; NULL for NULL.';

CREATE FUNCTION moderation.find_package(package text) RETURNS integer
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_package integer;
BEGIN
    SELECT p.package_id INTO found_package FROM moderation.packages p WHERE p.name = find_package.package;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" does not exist', coalesce(find_package.package, 'NULL')),
            DETAIL = 'No package has this name.',
            HINT = 'Packages are listed in moderation.packages; where a function takes all of them, leave the name out.';
    END IF;
    PERFORM moderation.check_visible(found_package);
    RETURN found_package;
END
$fn$;
COMMENT ON FUNCTION moderation.find_package(text) IS 'Internal: a package''s id by name, unlocked.';

-- ---- Reviews ----------------------------------------------------------------------------------------------------

CREATE FUNCTION moderation.add_review(
    source regclass, content_key text, label moderation.review_label, policy text, note text, hit uuid, reviewer text,
    final boolean)
    RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_source integer := moderation.find_source(add_review.source);
    found_policy integer := moderation.find_policy(add_review.policy);
    before moderation.review_label;
    new_id bigint;
BEGIN
    IF add_review.content_key IS NULL OR add_review.label IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'a review needs a content key and a label',
            DETAIL = 'One of them is NULL.',
            HINT = 'For example record_review(''ads'', ''42'', label => ''benign'').';
    END IF;
    IF add_review.reviewer = '' OR length(add_review.reviewer) > 200 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_name',
            MESSAGE = 'invalid name for a reviewer',
            DETAIL = 'A reviewer''s name has 1 to 200 characters.',
            HINT = 'Leave it out for the name of the role.';
    END IF;
    PERFORM moderation.collect_rejected();
    IF add_review.hit IS NOT NULL AND NOT EXISTS (
        SELECT FROM moderation.hits h WHERE h.hit_id = add_review.hit AND h.source_id = found_source
          AND left(h.content_key, 200) = left(add_review.content_key, 200) AND h.content_key = add_review.content_key) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('content %s has no hit %s', add_review.content_key, add_review.hit),
            DETAIL = 'A review of a hit names the content that the hit belongs to.',
            HINT = 'Hits are listed in moderation.recent_hits.';
    END IF;
    SELECT r.label INTO before FROM moderation.reviews r
    WHERE r.source_id = found_source AND left(r.content_key, 200) = left(add_review.content_key, 200)
      AND r.content_key = add_review.content_key AND r.reviewer = coalesce(add_review.reviewer, moderation.caller())
      AND (r.hit_id, r.policy_id, r.final) IS NOT DISTINCT FROM (add_review.hit, found_policy, add_review.final)
    ORDER BY r.review_id DESC LIMIT 1;
    INSERT INTO moderation.reviews (source_id, content_key, hit_id, label, policy_id, note, reviewed_by, reviewer, final)
    VALUES (found_source, add_review.content_key, add_review.hit, add_review.label, found_policy, add_review.note,
            moderation.caller(), coalesce(add_review.reviewer, moderation.caller()), add_review.final)
    RETURNING review_id INTO new_id;
    PERFORM moderation.count_strikes(found_source, add_review.content_key);
    DELETE FROM moderation.review_claims c
    WHERE c.source_id = found_source AND hashtextextended(c.content_key, 0) = hashtextextended(add_review.content_key, 0)
      AND hashtextextended(c.content_key, 1) = hashtextextended(add_review.content_key, 1);
    PERFORM moderation.audit(CASE WHEN add_review.final THEN 'appeal_review' ELSE 'record_review' END, NULL,
        CASE WHEN before IS NOT NULL THEN jsonb_build_object('label', before) END,
        jsonb_strip_nulls(jsonb_build_object('review_id', new_id, 'source', add_review.source::text, 'content_key', add_review.content_key,
            'label', add_review.label, 'hit_id', add_review.hit, 'policy', add_review.policy, 'reviewer', add_review.reviewer)),
        add_review.note);
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.add_review(regclass, text, moderation.review_label, text, text, uuid, text, boolean) IS 'Internal: what record_review() and appeal_review() share.';

CREATE FUNCTION moderation.record_review(
    source regclass, content_key text, label moderation.review_label, policy text DEFAULT NULL, note text DEFAULT NULL,
    hit uuid DEFAULT NULL, reviewer text DEFAULT NULL)
    RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    RETURN moderation.add_review(source, content_key, label, policy, note, hit, reviewer, false);
END
$fn$;
COMMENT ON FUNCTION moderation.record_review(regclass, text, moderation.review_label, text, text, uuid, text) IS 'Records a human''s label of a content, or of one of its hits; returns the review id. The newest label of each reviewer counts; a content that nothing is recorded of can be labelled too. Ends the claim on the content.';

CREATE FUNCTION moderation.record_review(
    source regclass, content_key bigint, label moderation.review_label, policy text DEFAULT NULL, note text DEFAULT NULL,
    hit uuid DEFAULT NULL, reviewer text DEFAULT NULL)
    RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, pg_temp
    RETURN moderation.record_review(source, content_key::text, label, policy, note, hit, reviewer);
COMMENT ON FUNCTION moderation.record_review(regclass, bigint, moderation.review_label, text, text, uuid, text) IS 'The same for tables with integer keys.';

CREATE FUNCTION moderation.appeal_review(
    source regclass, content_key text, label moderation.review_label, policy text DEFAULT NULL, note text DEFAULT NULL,
    hit uuid DEFAULT NULL, reviewer text DEFAULT NULL)
    RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    RETURN moderation.add_review(source, content_key, label, policy, note, hit, reviewer, true);
END
$fn$;
COMMENT ON FUNCTION moderation.appeal_review(regclass, text, moderation.review_label, text, text, uuid, text) IS 'Decides an appeal: this label is final, whatever reviewers said before or say later; the newest decision counts. One that overturns makes the hit a false positive in every figure.';

CREATE FUNCTION moderation.appeal_review(
    source regclass, content_key bigint, label moderation.review_label, policy text DEFAULT NULL, note text DEFAULT NULL,
    hit uuid DEFAULT NULL, reviewer text DEFAULT NULL)
    RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, pg_temp
    RETURN moderation.appeal_review(source, content_key::text, label, policy, note, hit, reviewer);
COMMENT ON FUNCTION moderation.appeal_review(regclass, bigint, moderation.review_label, text, text, uuid, text) IS 'The same for tables with integer keys.';

CREATE FUNCTION moderation.reviewer_agreement(
    policy text DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
    OUT reviewer_a text, OUT reviewer_b text, OUT labelled_by_both bigint, OUT agreed bigint, OUT agreement double precision,
    OUT agreement_low double precision, OUT agreement_high double precision, OUT kappa double precision,
    OUT alpha double precision)
    RETURNS SETOF record LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 20 SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    wanted_policy integer := moderation.find_policy(reviewer_agreement.policy);
BEGIN
    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT DISTINCT ON (r.source_id, r.content_key, r.hit_id, r.policy_id, r.reviewer)
               r.source_id, r.content_key, r.hit_id, r.policy_id, r.reviewer, r.label
        FROM moderation.reviews r
        WHERE NOT r.final AND (wanted_policy IS NULL OR r.policy_id = wanted_policy)
          AND (reviewer_agreement.since IS NULL OR r.reviewed_at >= reviewer_agreement.since)
          AND (reviewer_agreement.until IS NULL OR r.reviewed_at < reviewer_agreement.until)
        ORDER BY r.source_id, r.content_key, r.hit_id, r.policy_id, r.reviewer, r.review_id DESC
    ), decided AS MATERIALIZED (
        SELECT dense_rank() OVER (ORDER BY g.source_id, g.content_key, g.hit_id, g.policy_id) AS unit, g.reviewer,
               g.label = 'violating' AS violating
        FROM given g WHERE g.label <> 'unsure'
    ), pairs AS (
        SELECT a.reviewer AS a, b.reviewer AS b, count(*) AS n, count(*) FILTER (WHERE a.violating = b.violating) AS same,
               avg(a.violating::integer::double precision) AS pa, avg(b.violating::integer::double precision) AS pb
        FROM decided a JOIN decided b ON b.unit = a.unit AND b.reviewer > a.reviewer
        GROUP BY a.reviewer, b.reviewer
    ), units AS (
        SELECT d.unit, count(*)::double precision AS m, count(*) FILTER (WHERE d.violating)::double precision AS v
        FROM decided d GROUP BY d.unit HAVING count(*) > 1
    ), total AS (
        SELECT count(*) AS n, sum(u.m) AS labels, sum(u.v) AS v, sum(2.0 * u.v * (u.m - u.v) / (u.m - 1.0)) AS disagreement,
               count(*) FILTER (WHERE u.v = 0 OR u.v = u.m) AS same
        FROM units u
    )
    SELECT p.a, p.b, p.n, p.same, p.same::double precision / p.n, w.low, w.high,
           (p.same::double precision / p.n - e.chance) / nullif(1.0 - e.chance, 0.0::double precision), NULL::double precision
    FROM pairs p
    CROSS JOIN LATERAL (SELECT p.pa * p.pb + (1.0 - p.pa) * (1.0 - p.pb)) AS e(chance)
    CROSS JOIN LATERAL moderation.wilson_interval(p.same, p.n) w
    UNION ALL
    SELECT NULL, NULL, t.n, t.same, t.same::double precision / nullif(t.n, 0), w.low, w.high, NULL,
           1.0 - t.disagreement * (t.labels - 1.0) / nullif(2.0 * t.v * (t.labels - t.v), 0.0::double precision)
    FROM total t CROSS JOIN LATERAL moderation.wilson_interval(t.same, t.n) w
    ORDER BY 1 NULLS LAST, 2;
END
$fn$;
COMMENT ON FUNCTION moderation.reviewer_agreement(text, timestamptz, timestamptz) IS 'How far reviewers agree on contents and hits that two or more of them decided: pair by pair the share of equal labels (Wilson 95 %) and Cohen''s kappa (Educational and Psychological Measurement 20, 1960); in the last row, without names, all of them together with Krippendorff''s nominal alpha (Content Analysis, 2004). NULL where it is not defined.';
