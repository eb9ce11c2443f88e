-- Who reviews what next: claims, random samples, strategies; and what each release said of a content. Labels: 71_review.sql.

CREATE TYPE moderation.review_strategy AS ENUM ('hits', 'flagged', 'unflagged', 'items', 'second');
COMMENT ON TYPE moderation.review_strategy IS 'What next_for_review() hands out: hits, the most valuable first; a random sample of flagged, or of unflagged content; contents of items with too few labels; a second opinion, disputed contents first.';

CREATE TABLE moderation.review_claims (
    claim_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id       integer NOT NULL,
    content_key     text NOT NULL,
    strategy        moderation.review_strategy,
    package_id      integer,
    item_id         bigint,
    reviewer        text,
    claimed_at      timestamptz,
    expires_at      timestamptz,
    note            text
);
-- Keys are as long as users make them: two independent 64-bit hashes stand for the key in the index.
CREATE UNIQUE INDEX review_claims_content_key
    ON moderation.review_claims (source_id, hashtextextended(content_key, 0), hashtextextended(content_key, 1));
COMMENT ON TABLE moderation.review_claims IS 'Contents that somebody is reviewing now, or that were asked to be reviewed (reviewer NULL); a review removes its row. One claim a content.';
COMMENT ON COLUMN moderation.review_claims.expires_at IS 'From then on next_for_review() hands the content to somebody else.';

CREATE TABLE moderation.review_samples (
    sample_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id       integer NOT NULL,
    content_key     text NOT NULL,
    stratum         text NOT NULL CHECK (stratum = ANY (ARRAY['flagged', 'unflagged'])),
    package_id      integer NOT NULL DEFAULT 0,
    observed_at     timestamptz NOT NULL,
    weight          real NOT NULL,
    population      double precision NOT NULL,
    probability     double precision NOT NULL,
    drawn_at        timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX review_samples_content_key ON moderation.review_samples
    (source_id, hashtextextended(content_key, 0), hashtextextended(content_key, 1), stratum, package_id);
CREATE INDEX review_samples_observed_idx ON moderation.review_samples (observed_at);
COMMENT ON TABLE moderation.review_samples IS 'Contents drawn at random to be reviewed, with the probability they were drawn with: what recall is estimated from.';
COMMENT ON COLUMN moderation.review_samples.stratum IS 'flagged: some live release acted on it; unflagged: none did, drawn from the exposures.';
COMMENT ON COLUMN moderation.review_samples.package_id IS 'Drawn from what this package flagged; 0: from the whole stratum.';
COMMENT ON COLUMN moderation.review_samples.observed_at IS 'When the content was judged first in the window it was drawn from.';
COMMENT ON COLUMN moderation.review_samples.weight IS 'Judged contents that it stands for before drawing: the exposure''s weight; 1 for flagged content, all of which is recorded.';
COMMENT ON COLUMN moderation.review_samples.population IS 'Contents in the stratum and window when it was drawn (for unflagged: estimated from the exposures).';
COMMENT ON COLUMN moderation.review_samples.probability IS 'Share of the recorded contents of its stratum and window that were drawn, this batch included.';

CREATE FUNCTION moderation.review_order(source_id integer, content_key text, salt bytea) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hashtextextended(content_key, ('x' || encode(substr(salt, 1, 8), 'hex'))::bit(64)::bigint # source_id::bigint);
COMMENT ON FUNCTION moderation.review_order(integer, text, bytea) IS 'Internal: the permanent random number of a content. Drawing in its order makes every batch, and all batches together, a simple random sample of whatever part of the population one looks at (permanent random numbers: E. Ohlsson, in Business Survey Methods, Wiley 1995).';

CREATE VIEW moderation.content_verdicts WITH (security_invoker) AS
    SELECT h.package_id, h.release, h.stage, h.source_id, h.content_key, h.digest, h.observed_at,
           min(h.owner_key) AS owner_key, min(h.outcome) AS outcome, count(*) AS hits,
           sum(h.score::double precision)::real AS score, coalesce(r.threshold, 0::real) AS threshold,
           sum(h.score::double precision)::real >= coalesce(r.threshold, 0::real) AS acted
    FROM moderation.hits h
    LEFT JOIN moderation.releases r
      ON r.package_id = h.package_id AND r.release = h.release
    WHERE NOT EXISTS (SELECT FROM moderation.withdrawn_hits w WHERE w.hit_id = h.hit_id AND w.undone)
    GROUP BY h.package_id, h.release, h.stage, h.source_id, h.content_key, h.digest, h.observed_at, r.threshold;
COMMENT ON VIEW moderation.content_verdicts IS 'What each release said of each version of a content that it has hits in; hits that were undone do not count.';
COMMENT ON COLUMN moderation.content_verdicts.score IS 'Sum of the best scores of the package''s items.';
COMMENT ON COLUMN moderation.content_verdicts.acted IS 'The score reached the release''s threshold.';

CREATE FUNCTION moderation.draw_sample(stratum text, package_id integer, since timestamptz, wanted integer) RETURNS integer
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    salt bytea;
    drawn integer;
BEGIN
    -- Draws of one stratum queue up: two at once would take the same contents.
    PERFORM pg_advisory_xact_lock(hashtextextended('moderation.draw_sample ' || stratum || ' ' || package_id, 0));
    SELECT i.salt INTO salt FROM moderation.installation i;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    WITH flagged AS MATERIALIZED (
        SELECT v.source_id, v.content_key, min(v.observed_at) AS observed_at,
               bool_or(v.package_id = draw_sample.package_id) AS by_package
        FROM moderation.content_verdicts v
        WHERE v.stage = 'live' AND v.acted AND v.content_key IS NOT NULL AND v.observed_at >= since
        GROUP BY v.source_id, v.content_key
    ), population AS MATERIALIZED (
        SELECT f.source_id, f.content_key, f.observed_at, 1::real AS weight
        FROM flagged f
        WHERE draw_sample.stratum = 'flagged' AND (draw_sample.package_id = 0 OR f.by_package)
        UNION ALL
        SELECT e.source_id, e.content_key, min(e.observed_at), max(e.weight)
        FROM moderation.exposures e
        WHERE draw_sample.stratum = 'unflagged' AND e.content_key IS NOT NULL AND e.observed_at >= since
        GROUP BY e.source_id, e.content_key
        HAVING NOT EXISTS (SELECT FROM flagged f WHERE f.source_id = e.source_id AND f.content_key = e.content_key)
    ), known AS (
        SELECT p.*, EXISTS (
                   SELECT FROM moderation.review_samples s
                   WHERE s.source_id = p.source_id AND hashtextextended(s.content_key, 0) = hashtextextended(p.content_key, 0)
                     AND hashtextextended(s.content_key, 1) = hashtextextended(p.content_key, 1)
                     AND s.stratum = draw_sample.stratum AND s.package_id = draw_sample.package_id) AS taken
        FROM population p
    ), size AS (
        SELECT count(*) AS contents, count(*) FILTER (WHERE k.taken) AS taken, sum(k.weight::double precision) AS stands_for
        FROM known k
    ), batch AS (
        SELECT k.* FROM known k WHERE NOT k.taken
        ORDER BY moderation.review_order(k.source_id, k.content_key, salt), k.source_id, k.content_key
        LIMIT wanted
    )
    INSERT INTO moderation.review_samples (source_id, content_key, stratum, package_id, observed_at, weight, population, probability)
    SELECT b.source_id, b.content_key, draw_sample.stratum, draw_sample.package_id, b.observed_at, b.weight, s.stands_for,
           (s.taken + (SELECT count(*) FROM batch))::double precision / s.contents
    FROM batch b CROSS JOIN size s
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS drawn = ROW_COUNT;
    RETURN drawn;
END
$fn$;
COMMENT ON FUNCTION moderation.draw_sample(text, integer, timestamptz, integer) IS 'Internal: draws the next contents of a stratum, judged since then, in the order of their permanent random numbers; returns how many.';

CREATE FUNCTION moderation.review_candidates(
    strategy moderation.review_strategy, package_id integer, since timestamptz, min_labels integer, reviewer text,
    OUT source_id integer, OUT content_key text, OUT candidate_package integer, OUT candidate_item bigint)
    RETURNS SETOF record LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
BEGIN
    IF strategy = 'hits' THEN
        -- Of the newest 20,000 unreviewed hits; the rest wait their turn.
        RETURN QUERY
        SELECT n.source_id, n.content_key, (array_agg(n.package_id ORDER BY n.value DESC))[1], NULL::bigint
        FROM (
            SELECT h.source_id, h.content_key, h.package_id, h.observed_at,
                   coalesce(r.severity, 1) * (CASE h.action WHEN 'block' THEN 3 WHEN 'review' THEN 2 ELSE 1 END)
                   + h.score / (1.0 + h.score) AS value
            FROM moderation.hits h
            LEFT JOIN moderation.releases r ON r.package_id = h.package_id AND r.release = h.release
            WHERE h.observed_at >= since AND h.content_key IS NOT NULL
              AND NOT EXISTS (SELECT FROM moderation.withdrawn_hits w WHERE w.hit_id = h.hit_id)
              AND (review_candidates.package_id IS NULL OR h.package_id = review_candidates.package_id)
              AND NOT EXISTS (SELECT FROM moderation.reviews v
                              WHERE v.source_id = h.source_id AND left(v.content_key, 200) = left(h.content_key, 200)
                                AND v.content_key = h.content_key)
            ORDER BY h.observed_at DESC LIMIT 20000) n
        GROUP BY n.source_id, n.content_key
        ORDER BY max(n.value) DESC, max(n.observed_at) DESC, n.source_id, n.content_key;
    ELSIF strategy IN ('flagged', 'unflagged') THEN
        RETURN QUERY
        SELECT s.source_id, s.content_key, nullif(s.package_id, 0), NULL::bigint
        FROM moderation.review_samples s
        WHERE s.stratum = strategy::text AND s.observed_at >= since
          AND s.package_id = CASE WHEN strategy = 'flagged' THEN coalesce(review_candidates.package_id, 0) ELSE 0 END
          AND NOT EXISTS (SELECT FROM moderation.reviews v
                          WHERE v.source_id = s.source_id AND left(v.content_key, 200) = left(s.content_key, 200)
                            AND v.content_key = s.content_key)
        ORDER BY s.sample_id;
    ELSIF strategy = 'items' THEN
        RETURN QUERY
        WITH reviewed AS MATERIALIZED (
            SELECT DISTINCT v.source_id, v.content_key FROM moderation.reviews v
        ), labelled AS MATERIALIZED (
            SELECT h.item_id, count(DISTINCT (h.source_id, h.content_key)) AS labels
            FROM reviewed v
            JOIN moderation.hits h ON h.source_id = v.source_id AND left(h.content_key, 200) = left(v.content_key, 200)
                                  AND h.content_key = v.content_key
            GROUP BY h.item_id
        ), wanting AS (
            SELECT DISTINCT i.item_id, i.package_id, coalesce(l.labels, 0) AS labels
            FROM moderation.in_force f
            JOIN moderation.packages p ON p.name = f.package
            JOIN moderation.item_versions i ON i.package_id = p.package_id AND NOT i.allow AND i.added_in <= f.release
                                           AND (i.removed_in IS NULL OR i.removed_in > f.release)
            LEFT JOIN labelled l ON l.item_id = i.item_id
            WHERE coalesce(l.labels, 0) < min_labels
              AND (review_candidates.package_id IS NULL OR p.package_id = review_candidates.package_id)
        )
        SELECT c.source_id, c.content_key, w.package_id, w.item_id
        FROM wanting w
        CROSS JOIN LATERAL (
            SELECT DISTINCT h.source_id, h.content_key FROM moderation.hits h
            WHERE h.item_id = w.item_id AND h.content_key IS NOT NULL AND h.observed_at >= since
              AND NOT EXISTS (SELECT FROM reviewed v WHERE v.source_id = h.source_id AND v.content_key = h.content_key)
            LIMIT min_labels - w.labels) c
        ORDER BY w.labels, w.item_id;
    ELSE
        RETURN QUERY
        SELECT v.source_id, v.content_key, NULL::integer, NULL::bigint
        FROM (SELECT r.source_id, r.content_key, count(DISTINCT r.reviewer) AS reviewers,
                     max(r.review_id) AS newest, bool_or(r.final) AS decided,
                     bool_or(r.reviewer = review_candidates.reviewer) AS own
              FROM moderation.reviews r GROUP BY r.source_id, r.content_key) v
        LEFT JOIN (SELECT DISTINCT l.source_id, l.content_key FROM moderation.labels l WHERE l.disputed) d
          ON d.source_id = v.source_id AND d.content_key = v.content_key
        WHERE NOT v.own AND NOT v.decided AND (v.reviewers = 1 OR d.source_id IS NOT NULL)
          AND (review_candidates.package_id IS NULL OR EXISTS (
                  SELECT FROM moderation.hits h
                  WHERE h.source_id = v.source_id AND left(h.content_key, 200) = left(v.content_key, 200)
                    AND h.content_key = v.content_key AND h.package_id = review_candidates.package_id))
        ORDER BY d.source_id IS NULL, v.newest;
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.review_candidates(moderation.review_strategy, integer, timestamptz, integer, text) IS 'Internal: contents to review by a strategy, best first, claimed or not.';

CREATE FUNCTION moderation.next_for_review(
    n integer DEFAULT 20, strategy moderation.review_strategy DEFAULT 'hits', package text DEFAULT NULL,
    since timestamptz DEFAULT NULL, claim_for interval DEFAULT interval '30 minutes', min_labels integer DEFAULT 5,
    reviewer text DEFAULT NULL,
    OUT claim_id bigint, OUT source regclass, OUT content_key text, OUT reason moderation.review_strategy,
    OUT hit_package text, OUT item_id bigint, OUT note text, OUT expires_at timestamptz)
    RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER ROWS 20 SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    who text := coalesce(next_for_review.reviewer, moderation.caller());
    wanted_package integer;
    from_time timestamptz := coalesce(next_for_review.since, now() - interval '30 days');
    until_time timestamptz;
    claimed bigint[];
    candidate record;
    new_claim bigint;
    undone bigint;
BEGIN
    IF n IS NULL OR n < 1 OR n > 1000 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('n = %s is out of range', coalesce(n::text, 'NULL')),
            DETAIL = 'next_for_review() hands out 1 to 1000 contents at a time.',
            HINT = 'Ask again when these are reviewed.';
    END IF;
    IF strategy IS NULL OR claim_for IS NULL OR claim_for <= interval '0' OR claim_for > interval '30 days' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'next_for_review() needs a strategy, and a claim of more than 0 and at most 30 days',
            DETAIL = format('strategy is %s, claim_for %s.', coalesce(strategy::text, 'NULL'), coalesce(claim_for::text, 'NULL')),
            HINT = 'Leave them out for ''hits'' and 30 minutes.';
    END IF;
    IF min_labels IS NULL OR min_labels < 1 OR min_labels > 1000 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('min_labels = %s is out of range', coalesce(min_labels::text, 'NULL')),
            DETAIL = 'It is the number of labels every item is to have, 1 to 1000.',
            HINT = 'Leave it out for 5.';
    END IF;
    IF next_for_review.package IS NOT NULL THEN
        wanted_package := moderation.find_package(next_for_review.package);
    END IF;
    PERFORM moderation.collect_rejected();
    -- The clock, not the start of the transaction: a claim is a promise to people.
    until_time := clock_timestamp() + claim_for;

    -- First what was asked for, and what others let expire.
    WITH free AS (
        SELECT c.claim_id FROM moderation.review_claims c
        WHERE (c.reviewer IS NULL OR (c.expires_at <= clock_timestamp() AND c.strategy = next_for_review.strategy))
          AND (wanted_package IS NULL OR c.package_id IS NULL OR c.package_id = wanted_package)
        ORDER BY c.reviewer IS NOT NULL, c.claim_id
        LIMIT n FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE moderation.review_claims c
        SET reviewer = who, claimed_at = clock_timestamp(), expires_at = until_time,
            strategy = coalesce(c.strategy, next_for_review.strategy)
        FROM free f WHERE c.claim_id = f.claim_id
        RETURNING c.claim_id
    )
    SELECT coalesce(array_agg(t.claim_id), '{}') INTO claimed FROM taken t;

    IF cardinality(claimed) < n AND strategy IN ('flagged', 'unflagged') THEN
        SELECT count(*) INTO undone
        FROM moderation.review_candidates(strategy, wanted_package, from_time, min_labels, who) r
        WHERE NOT EXISTS (SELECT FROM moderation.review_claims c
                          WHERE c.source_id = r.source_id AND c.content_key = r.content_key);
        IF undone < n - cardinality(claimed) THEN
            PERFORM moderation.draw_sample(strategy::text,
                CASE WHEN strategy = 'flagged' THEN coalesce(wanted_package, 0) ELSE 0 END, from_time, greatest(n, 100));
        END IF;
    END IF;
    IF cardinality(claimed) < n THEN
        FOR candidate IN
            SELECT r.* FROM moderation.review_candidates(strategy, wanted_package, from_time, min_labels, who) r
            WHERE NOT EXISTS (SELECT FROM moderation.review_claims c
                              WHERE c.source_id = r.source_id AND c.content_key = r.content_key)
        LOOP
            -- A claim that is not committed yet is invisible, its lock is not: skip, do not wait.
            CONTINUE WHEN NOT pg_try_advisory_xact_lock(hashtextextended(candidate.content_key, candidate.source_id));
            INSERT INTO moderation.review_claims AS c
                (source_id, content_key, strategy, package_id, item_id, reviewer, claimed_at, expires_at)
            SELECT candidate.source_id, candidate.content_key, strategy, candidate.candidate_package,
                   candidate.candidate_item, who, clock_timestamp(), until_time
            -- Reviewed since the candidates were listed?
            WHERE strategy = 'second' OR NOT EXISTS (
                SELECT FROM moderation.reviews v
                WHERE v.source_id = candidate.source_id AND left(v.content_key, 200) = left(candidate.content_key, 200)
                  AND v.content_key = candidate.content_key)
            ON CONFLICT DO NOTHING
            RETURNING c.claim_id INTO new_claim;
            IF FOUND THEN
                claimed := claimed || new_claim;
                EXIT WHEN cardinality(claimed) >= n;
            END IF;
        END LOOP;
    END IF;
    RETURN QUERY
    SELECT c.claim_id, s.relation, c.content_key, c.strategy, p.name, c.item_id, c.note, c.expires_at
    FROM unnest(claimed) WITH ORDINALITY u(id, n)
    JOIN moderation.review_claims c ON c.claim_id = u.id
    JOIN moderation.sources s ON s.source_id = c.source_id
    LEFT JOIN moderation.packages p ON p.package_id = c.package_id
    ORDER BY u.n;
END
$fn$;
COMMENT ON FUNCTION moderation.next_for_review(integer, moderation.review_strategy, text, timestamptz, interval, integer, text) IS 'Hands out up to n contents to review and claims them: nobody else gets them until the claim expires or the review is there. Fewer rows: there are no more. since: judged since then (30 days).';

CREATE FUNCTION moderation.release_claims(reviewer text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    released bigint;
BEGIN
    DELETE FROM moderation.review_claims c WHERE c.reviewer = coalesce(release_claims.reviewer, moderation.caller());
    GET DIAGNOSTICS released = ROW_COUNT;
    RETURN released;
END
$fn$;
COMMENT ON FUNCTION moderation.release_claims(text) IS 'Hands a reviewer''s claims back; returns how many. The default reviewer is the caller.';

CREATE FUNCTION moderation.request_review(source regclass, content_key text, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_source integer := moderation.find_source(request_review.source);
BEGIN
    IF request_review.content_key IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'content_key must not be NULL',
            DETAIL = 'Only a content with a key can be reviewed.', HINT = 'For example request_review(''ads'', ''42'', note => ''appeal'').';
    END IF;
    INSERT INTO moderation.review_claims (source_id, content_key, note)
    VALUES (found_source, request_review.content_key, request_review.note)
    ON CONFLICT DO NOTHING;
    PERFORM moderation.audit('request_review', NULL, NULL,
        jsonb_build_object('source', request_review.source::text, 'content_key', request_review.content_key), request_review.note)
    WHERE FOUND;
END
$fn$;
COMMENT ON FUNCTION moderation.request_review(regclass, text, text) IS 'Puts a content at the head of the queue, an appeal for example. Nothing changes when somebody is at it already.';
