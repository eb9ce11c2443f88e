-- Gates before a release goes live: must-hit and must-miss checks kept with the package, lint, and a second person. They run in
-- the publish's own transaction; a failing one aborts it with SQLSTATE MD002 and the list of what failed as JSON DETAIL, by ids
-- and without material: whoever sees the error need not be allowed to read it.

CREATE TYPE moderation.expectation AS ENUM ('hit', 'miss');
COMMENT ON TYPE moderation.expectation IS 'What a check demands of its content: the package must act on it, or must not.';

CREATE TABLE moderation.checks (
    check_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package_id      integer NOT NULL,
    body            text,
    image           moderation.pdqhash,
    expect          moderation.expectation NOT NULL,
    note            text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    created_by      text NOT NULL,
    CONSTRAINT checks_content_check CHECK (num_nonnulls(body, image) = 1)
);
CREATE INDEX checks_package_idx ON moderation.checks (package_id);
COMMENT ON TABLE moderation.checks IS 'Contents that a package must act on, or must leave alone, before a release of it goes live. Kept with the package, not with a release.';

CREATE TABLE moderation.publish_requests (
    request_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package_id      integer NOT NULL,
    stage           moderation.stage NOT NULL,
    release         integer,
    draft_key       uuid,
    share           numeric(5, 2) NOT NULL,
    note            text,
    requested_at    timestamptz NOT NULL DEFAULT now(),
    requested_by    text NOT NULL,
    requested_session text NOT NULL,
    decision        text CHECK (decision = ANY (ARRAY['approved', 'rejected'])),
    decided_at      timestamptz,
    decided_by      text,
    reason          text,
    published       integer
);
CREATE INDEX publish_requests_package_idx ON moderation.publish_requests (package_id) WHERE decision IS NULL;
COMMENT ON TABLE moderation.publish_requests IS 'Publishes that wait, or waited, for a second person.';
COMMENT ON COLUMN moderation.publish_requests.release IS 'The shadow release to promote; NULL: the draft.';
COMMENT ON COLUMN moderation.publish_requests.draft_key IS 'The state of the draft that was asked for; a draft changed since voids the request.';
COMMENT ON COLUMN moderation.publish_requests.requested_session IS 'The role that had logged in, whatever role it had set; neither may approve.';
COMMENT ON COLUMN moderation.publish_requests.published IS 'The release that the approval put in force.';

CREATE FUNCTION moderation.add_check(
    package text, body text, expect moderation.expectation DEFAULT 'hit', note text DEFAULT NULL)
    RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(add_check.package);
    known bigint;
    new_id bigint;
BEGIN
    IF add_check.body IS NULL OR add_check.expect IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'a check needs a body and an expectation',
            DETAIL = 'One of them is NULL.',
            HINT = 'For example add_check(''gambling'', ''casino royale'', expect => ''miss'').';
    END IF;
    IF length(add_check.body) > 100000 THEN
        RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded',
            MESSAGE = format('the body of a check has %s characters, at most 100000 are allowed', length(add_check.body)),
            DETAIL = 'Checks run with every publish.',
            HINT = 'Keep the part that matters.';
    END IF;
    SELECT c.check_id INTO known FROM moderation.checks c WHERE c.package_id = target.package_id AND c.body = add_check.body;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('package "%s" has a check of this body', target.name),
            DETAIL = format('It is check %s.', known),
            HINT = format('To expect something else, remove it first: SELECT moderation.remove_check(%s);', known);
    END IF;
    INSERT INTO moderation.checks (package_id, body, expect, note, created_by)
    VALUES (target.package_id, add_check.body, add_check.expect, add_check.note, moderation.caller())
    RETURNING check_id INTO new_id;
    PERFORM moderation.audit('add_check', target.name, NULL,
        jsonb_build_object('check_id', new_id, 'body', add_check.body, 'expect', add_check.expect), add_check.note);
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.add_check(text, text, moderation.expectation, text) IS 'Demands that the package acts on this text (hit) or does not (miss), from the next publish on; returns the check''s id.';

CREATE FUNCTION moderation.add_check(
    package text, image moderation.pdqhash, expect moderation.expectation DEFAULT 'hit', note text DEFAULT NULL)
    RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(add_check.package);
    known bigint;
    new_id bigint;
BEGIN
    IF add_check.image IS NULL OR add_check.expect IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'a check needs an image and an expectation',
            DETAIL = 'One of them is NULL.',
            HINT = 'For example add_check(''gambling'', (moderation.pdq_hash(file)).hash, expect => ''miss'').';
    END IF;
    SELECT c.check_id INTO known FROM moderation.checks c WHERE c.package_id = target.package_id AND c.image = add_check.image;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('package "%s" has a check of this image', target.name),
            DETAIL = format('It is check %s.', known),
            HINT = format('To expect something else, remove it first: SELECT moderation.remove_check(%s);', known);
    END IF;
    INSERT INTO moderation.checks (package_id, image, expect, note, created_by)
    VALUES (target.package_id, add_check.image, add_check.expect, add_check.note, moderation.caller())
    RETURNING check_id INTO new_id;
    PERFORM moderation.audit('add_check', target.name, NULL,
        jsonb_build_object('check_id', new_id, 'image', add_check.image, 'expect', add_check.expect), add_check.note);
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.add_check(text, moderation.pdqhash, moderation.expectation, text) IS 'Demands that the package acts on an image of this hash (hit) or does not (miss), from the next publish on; returns the check''s id.';

CREATE FUNCTION moderation.remove_check(check_id bigint, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    gone moderation.checks;
BEGIN
    PERFORM FROM moderation.packages p
    WHERE p.package_id = (SELECT c.package_id FROM moderation.checks c WHERE c.check_id = remove_check.check_id) FOR UPDATE;
    PERFORM moderation.check_readable(c.package_id) FROM moderation.checks c WHERE c.check_id = remove_check.check_id;
    DELETE FROM moderation.checks c WHERE c.check_id = remove_check.check_id RETURNING * INTO gone;
    IF gone.check_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('check %s does not exist', coalesce(remove_check.check_id::text, 'NULL')),
            DETAIL = 'No package has a check of this number.',
            HINT = 'Checks are listed in moderation.checks.';
    END IF;
    PERFORM moderation.audit('remove_check', (SELECT p.name FROM moderation.packages p WHERE p.package_id = gone.package_id),
        to_jsonb(gone), NULL, remove_check.note);
END
$fn$;
COMMENT ON FUNCTION moderation.remove_check(bigint, text) IS 'Removes a check.';

CREATE FUNCTION moderation.run_checks(package text, release integer DEFAULT NULL)
    RETURNS TABLE (check_id bigint, expect moderation.expectation, passed boolean, action moderation.action, score real,
                   items bigint[], body text, note text, image moderation.pdqhash)
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 20 SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target integer;
    settings jsonb;
BEGIN
    SELECT p.package_id INTO target FROM moderation.packages p WHERE p.name = run_checks.package;
    IF NOT FOUND OR run_checks.release IS NOT NULL
       AND NOT EXISTS (SELECT FROM moderation.releases r WHERE r.package_id = target AND r.release = run_checks.release) THEN
        -- Without a check, too.
        PERFORM moderation.moderate_text_by_release('', run_checks.package, run_checks.release);
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = 'package must not be NULL',
            DETAIL = 'Checks belong to a package.', HINT = 'Packages are listed in moderation.packages.';
    END IF;
    PERFORM moderation.check_readable(target);
    settings := moderation.release_settings(target, run_checks.release);
    RETURN QUERY
    SELECT c.check_id, c.expect, (v.action IS NOT NULL) = (c.expect = 'hit'), v.action, v.score, v.items, c.body, c.note, c.image
    FROM moderation.checks c
    CROSS JOIN LATERAL (
        SELECT t.action, t.score,
               ARRAY(SELECT DISTINCT (h->>'item')::bigint FROM jsonb_array_elements(t.hits) h ORDER BY 1) AS items
        FROM moderation.moderate_text_by_release(c.body, run_checks.package, run_checks.release) t
        WHERE c.body IS NOT NULL
        UNION ALL
        SELECT CASE WHEN count(*) > 0 AND sum(h.score) >= (settings->>'threshold')::real THEN (settings->>'action')::moderation.action END,
               coalesce(sum(h.score), 0::real), coalesce(array_agg(h.item_id ORDER BY h.item_id), '{}')
        FROM moderation.image_hits(c.image, ARRAY[run_checks.package], run_checks.release, run_checks.release IS NULL) h
        WHERE c.image IS NOT NULL
        HAVING c.image IS NOT NULL) v
    WHERE c.package_id = target
    ORDER BY c.check_id;
END
$fn$;
COMMENT ON FUNCTION moderation.run_checks(text, integer) IS 'Holds a release, or the draft (NULL), against the package''s checks: whether each passes, what the verdict is and which items make it. Schedules and snoozes do not count.';

CREATE FUNCTION moderation.check_gates(target moderation.packages, release integer) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    failed jsonb;
    errors jsonb;
BEGIN
    IF EXISTS (SELECT FROM moderation.checks c WHERE c.package_id = target.package_id) THEN
        SELECT jsonb_agg(jsonb_build_object('gate', 'check', 'check', r.check_id, 'expect', r.expect, 'action', r.action, 'items', r.items)
                         ORDER BY r.check_id)
        INTO failed FROM moderation.run_checks(target.name, check_gates.release) r WHERE NOT r.passed;
    END IF;
    -- Only what can be an error is looked at: an allow entry over a term, a fragment of one letter. A package without either
    -- is not read again: the first condition is that of item_versions_gated_idx.
    IF EXISTS (SELECT FROM moderation.item_versions v
               WHERE v.package_id = target.package_id
                 AND (v.allow OR v.match = ANY ('{prefix,suffix,substring}') AND v.term !~ '([[:alnum:]].*){4}')
                 AND (v.allow OR length(regexp_replace(moderation.fold_text(v.term), '[^[:alnum:]]', '', 'g')) <= 1)
                 AND CASE WHEN check_gates.release IS NULL THEN v.removed_in IS NULL
                          ELSE v.added_in <= check_gates.release AND (v.removed_in IS NULL OR v.removed_in > check_gates.release) END) THEN
        SELECT jsonb_agg(jsonb_build_object('gate', 'lint', 'rule', l.rule, 'items', jsonb_build_array(l.item_id))
                         ORDER BY l.rule, l.item_id)
        INTO errors FROM moderation.lint_items(target.name, check_gates.release, NULL, true) l;
        failed := coalesce(failed, '[]') || coalesce(errors, '[]');
    END IF;
    IF failed <> '[]' THEN
        RAISE EXCEPTION USING ERRCODE = 'MD002',
            MESSAGE = format('%s of package "%s" fails %s of its gates',
                             CASE WHEN check_gates.release IS NULL THEN 'the draft' ELSE 'release ' || check_gates.release END,
                             target.name, jsonb_array_length(failed)),
            DETAIL = failed::text,
            HINT = format('The DETAIL is JSON. SELECT * FROM moderation.run_checks(%1$L%2$s) WHERE NOT passed; and SELECT * FROM moderation.lint_package(%1$L%2$s) WHERE severity = ''error''; say more.',
                          target.name, CASE WHEN check_gates.release <= target.latest_release THEN ', ' || check_gates.release ELSE '' END);
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_gates(moderation.packages, integer) IS 'Internal: refuses a release, or the draft (NULL), that fails a check or has an error in it, with SQLSTATE MD002. target as it was before the release was made.';

CREATE FUNCTION moderation.check_approval(target moderation.packages) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF target.needs_approval THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('package "%s" needs approval to go live', target.name),
            DETAIL = 'One role asks, another approves.',
            HINT = format('Ask with moderation.request_publish(%L); another role answers with moderation.approve_publish().', target.name);
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_approval(moderation.packages) IS 'Internal: refuses to go live without a second person when the package demands one.';

CREATE FUNCTION moderation.request_publish(
    name text, stage moderation.stage DEFAULT 'live', share numeric DEFAULT 100, note text DEFAULT NULL, release integer DEFAULT NULL)
    RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(request_publish.name);
    draft moderation.drafts;
    new_id bigint;
BEGIN
    PERFORM moderation.check_share(request_publish.share);
    IF request_publish.stage IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'stage must not be NULL',
            DETAIL = 'A release is published in a stage.', HINT = 'Use ''live'' or ''shadow''.';
    END IF;
    SELECT * INTO draft FROM moderation.drafts d WHERE d.package_id = target.package_id;
    IF request_publish.release IS NOT NULL
       AND request_publish.release IS DISTINCT FROM (moderation.deployed(target.package_id, 'shadow')).release THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('release %s of package "%s" is not in shadow', request_publish.release, target.name),
            DETAIL = 'A request names the shadow release to promote, or none for the draft.',
            HINT = 'Leave release out to publish the draft.';
    END IF;
    IF request_publish.release IS NULL AND draft.terms + draft.images + draft.videos = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('package "%s" has no item to publish', target.name),
            DETAIL = 'A release needs at least one term, image or video; allow entries alone match nothing.',
            HINT = format('Add terms first: SELECT moderation.add_terms(%L, ARRAY[...]);', target.name);
    END IF;
    IF request_publish.stage = 'live' THEN
        -- Now rather than when somebody has looked at it.
        PERFORM moderation.check_gates(target, request_publish.release);
    END IF;
    INSERT INTO moderation.publish_requests (package_id, stage, release, draft_key, share, note, requested_by, requested_session)
    VALUES (target.package_id, request_publish.stage, request_publish.release,
            CASE WHEN request_publish.release IS NULL THEN draft.draft_key END, request_publish.share, request_publish.note,
            moderation.caller(), session_user)
    RETURNING request_id INTO new_id;
    PERFORM moderation.audit('request_publish', target.name, NULL, jsonb_build_object('request_id', new_id, 'stage',
        request_publish.stage, 'release', request_publish.release, 'share', request_publish.share), request_publish.note);
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.request_publish(text, moderation.stage, numeric, text, integer) IS 'Asks for the draft as it is now (or the shadow release named) to be put in force, after its gates; returns the request''s id, which another role passes to approve_publish().';

CREATE FUNCTION moderation.claim_request(request_id bigint) RETURNS moderation.publish_requests
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    claimed moderation.publish_requests;
BEGIN
    -- The package first, as everywhere.
    PERFORM FROM moderation.packages p
    WHERE p.package_id = (SELECT r.package_id FROM moderation.publish_requests r WHERE r.request_id = claim_request.request_id)
    FOR UPDATE;
    SELECT * INTO claimed FROM moderation.publish_requests r WHERE r.request_id = claim_request.request_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('publish request %s does not exist', coalesce(claim_request.request_id::text, 'NULL')),
            DETAIL = 'Nobody asked for it.',
            HINT = 'Requests are listed in moderation.open_requests.';
    END IF;
    IF claimed.decision IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('publish request %s is %s already', claimed.request_id, claimed.decision),
            DETAIL = format('By %s.', claimed.decided_by),
            HINT = 'Ask again with request_publish().';
    END IF;
    PERFORM moderation.check_readable(claimed.package_id);
    RETURN claimed;
END
$fn$;
COMMENT ON FUNCTION moderation.claim_request(bigint) IS 'Internal: an open request, locked together with its package.';

CREATE FUNCTION moderation.approve_publish(request_id bigint, note text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    request moderation.publish_requests := moderation.claim_request(approve_publish.request_id);
    target moderation.packages;
    number integer;
BEGIN
    SELECT * INTO target FROM moderation.packages p WHERE p.package_id = request.package_id;
    PERFORM moderation.check_approver(target);
    -- Nor by another role of the same login.
    IF request.requested_by = moderation.caller() OR request.requested_session = session_user THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('publish request %s cannot be approved by %s, who made it', request.request_id,
                             CASE WHEN request.requested_by = moderation.caller() THEN request.requested_by ELSE request.requested_session END),
            DETAIL = 'The second person is another one.',
            HINT = 'Ask a colleague; reject_publish() withdraws it.';
    END IF;
    IF request.release IS NULL
       AND request.draft_key <> (SELECT d.draft_key FROM moderation.drafts d WHERE d.package_id = target.package_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the draft of package "%s" has changed since publish request %s', target.name, request.request_id),
            DETAIL = 'An approval is for what was asked for.',
            HINT = format('Ask again: SELECT moderation.request_publish(%L);', target.name);
    END IF;
    IF request.release IS DISTINCT FROM (moderation.deployed(target.package_id, 'shadow')).release AND request.release IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('release %s of package "%s" is not in shadow any more', request.release, target.name),
            DETAIL = 'An approval is for what was asked for.',
            HINT = format('Ask again: SELECT moderation.request_publish(%L);', target.name);
    END IF;
    number := coalesce(request.release, moderation.freeze_draft(target, request.note));
    PERFORM moderation.put_in_force(target, request.stage, number, request.share, request.note,
                                    CASE WHEN request.release IS NULL THEN 'publish' ELSE 'promote' END, 'approve_publish', approve_publish.note);
    UPDATE moderation.publish_requests r
    SET decision = 'approved', decided_at = now(), decided_by = moderation.caller(), reason = approve_publish.note, published = number
    WHERE r.request_id = request.request_id;
    RETURN number;
END
$fn$;
COMMENT ON FUNCTION moderation.approve_publish(bigint, text) IS 'Puts in force what was asked for, by another role than the one that asked, if the draft is still the same and passes its gates; returns the release number.';

CREATE FUNCTION moderation.reject_publish(request_id bigint, reason text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    request moderation.publish_requests := moderation.claim_request(reject_publish.request_id);
BEGIN
    UPDATE moderation.publish_requests r
    SET decision = 'rejected', decided_at = now(), decided_by = moderation.caller(), reason = reject_publish.reason
    WHERE r.request_id = request.request_id;
    PERFORM moderation.audit('reject_publish', (SELECT p.name FROM moderation.packages p WHERE p.package_id = request.package_id),
        jsonb_build_object('request_id', request.request_id), NULL, reject_publish.reason);
END
$fn$;
COMMENT ON FUNCTION moderation.reject_publish(bigint, text) IS 'Turns a publish request down; whoever made it withdraws it in the same way.';
