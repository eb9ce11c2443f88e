-- Gates: must-hit and must-miss checks, and a second person; a failing gate changes nothing.
CREATE ROLE regress_author;
CREATE ROLE regress_approver;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA moderation TO regress_author, regress_approver;
GRANT SELECT ON moderation.open_requests TO regress_approver;
-- What failed, without the numbers of checks and items, which depend on the files before.
CREATE FUNCTION t.gate(statement text) RETURNS TABLE (state text, message text, gate text, expect text, action text, items integer)
LANGUAGE plpgsql AS $$
DECLARE d text;
BEGIN
    EXECUTE statement;
    RAISE EXCEPTION 'this should have failed';
EXCEPTION WHEN SQLSTATE 'MD002' THEN
    GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
    RETURN QUERY SELECT SQLSTATE::text, SQLERRM, f->>'gate', coalesce(f->>'expect', f->>'rule'), f->>'action',
        jsonb_array_length(f->'items') FROM jsonb_array_elements(d::jsonb) f;
END $$;

SELECT moderation.create_package('g17', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('g17', ARRAY['casino', 'roulette']);
SELECT moderation.add_check('g17', 'the best casino') > 0 AS added;
SELECT moderation.add_check('g17', 'casino royale', expect => 'miss', note => 'a film') > 0 AS added;
SELECT moderation.add_check('g17', 'poker night', 'hit') > 0 AS added;
SELECT expect, passed, action, score, cardinality(items) AS items, body, note FROM moderation.run_checks('g17');
SELECT * FROM t.gate($$SELECT moderation.publish_package('g17', note => 'too early')$$);
-- Nothing changed: no release, nothing in force.
SELECT latest_release FROM moderation.packages WHERE name = 'g17';
SELECT count(*) AS deployments FROM moderation.deployments JOIN moderation.packages USING (package_id) WHERE name = 'g17';
SELECT moderation.matches('casino', 'g17') AS matches;
-- Into shadow it may go; from there it goes no further.
SELECT moderation.publish_package('g17', stage => 'shadow') AS release;
SELECT * FROM t.gate($$SELECT moderation.promote_release('g17')$$);
SELECT stage, release FROM moderation.in_force WHERE package = 'g17';
SELECT expect, passed, body FROM moderation.run_checks('g17', 1);
-- With what was missing it passes.
SELECT * FROM moderation.allow_terms('g17', ARRAY['casino royale']);
SELECT * FROM moderation.add_terms('g17', ARRAY['poker']);
SELECT bool_and(passed) AS passes FROM moderation.run_checks('g17');
SELECT moderation.publish_package('g17') AS release;
-- A check is about the action: with a threshold, one hit may not be enough.
SELECT moderation.alter_package('g17', threshold => 2);
SELECT expect, passed, action, score FROM moderation.run_checks('g17');
SELECT count(*) AS failing FROM t.gate($$SELECT moderation.publish_package('g17')$$);
SELECT moderation.alter_package('g17', threshold => 0);
-- It is about what a release contains, not about the time or a snooze.
SELECT moderation.update_items('g17', ARRAY(SELECT item_id FROM moderation.current_items WHERE package = 'g17' AND term = 'poker'),
                               valid_from => now() + interval '1 day');
SELECT moderation.snooze_items('g17', ARRAY(SELECT item_id FROM moderation.current_items WHERE package = 'g17' AND term = 'casino'));
SELECT moderation.publish_package('g17') AS release;
SELECT bool_and(passed) AS passes FROM moderation.run_checks('g17', 3);
-- A rollout is held against the checks when it is raised, a rollback never.
SELECT * FROM moderation.add_terms('g17', ARRAY['slots']);
SELECT moderation.publish_package('g17', share => 20) AS release;
SELECT moderation.add_check('g17', 'time slots', expect => 'miss') > 0 AS added;
SELECT * FROM t.gate($$SELECT moderation.set_rollout('g17', 50)$$);
SELECT moderation.set_rollout('g17', 10) AS lower;
SELECT moderation.rollback_package('g17') AS release;
SELECT moderation.remove_check(check_id) FROM moderation.checks JOIN moderation.packages USING (package_id)
WHERE name = 'g17' AND body = 'time slots';
SELECT moderation.publish_package('g17') AS release;
-- Images are checked in the same way.
SELECT * FROM moderation.add_images('g17', ARRAY[repeat('f0', 32)]::moderation.pdqhash[], label => 'logo');
SELECT moderation.add_check('g17', ('f1' || repeat('f0', 31))::moderation.pdqhash, note => 'one bit off') > 0 AS added;
SELECT moderation.add_check('g17', repeat('0f', 32)::moderation.pdqhash, 'miss') > 0 AS added;
SELECT moderation.add_check('g17', ('ff' || repeat('f0', 31))::moderation.pdqhash, 'miss') > 0 AS added;
SELECT expect, passed, action, score, cardinality(items) AS items, note FROM moderation.run_checks('g17') WHERE image IS NOT NULL;
SELECT * FROM t.gate($$SELECT moderation.publish_package('g17')$$);
SELECT moderation.remove_check(check_id) FROM moderation.run_checks('g17') WHERE NOT passed;
SELECT moderation.publish_package('g17') AS release;
CALL t.fails($$SELECT moderation.add_check('g17', NULL::moderation.pdqhash)$$);
DO $$ BEGIN
    PERFORM moderation.add_check('g17', repeat('0f', 32)::moderation.pdqhash);
EXCEPTION WHEN duplicate_object THEN RAISE NOTICE '%', SQLERRM;
END $$;
-- Bad input.
CALL t.fails($$SELECT moderation.remove_check(-1)$$);
CALL t.fails($$SELECT moderation.remove_check(NULL)$$);
CALL t.fails($$SELECT moderation.add_check('g17', NULL)$$);
CALL t.fails($$SELECT moderation.add_check('nobody knows', 'x')$$);
CALL t.fails($$SELECT moderation.add_check('g17', repeat('x', 100001))$$);
CALL t.fails($$SELECT moderation.run_checks('nobody knows')$$);
CALL t.fails($$SELECT moderation.run_checks('g17', 99)$$);
CALL t.fails($$SELECT moderation.run_checks(NULL)$$);
DO $$ BEGIN
    PERFORM moderation.add_check('g17', 'the best casino', 'miss');
EXCEPTION WHEN duplicate_object THEN RAISE NOTICE '%', SQLERRM;
END $$;

-- A second person.
SELECT moderation.alter_package('g17', needs_approval => true);
SET SESSION AUTHORIZATION regress_author;
SELECT * FROM moderation.add_terms('g17', ARRAY['bingo']);
CALL t.fails($$SELECT moderation.publish_package('g17')$$);
CALL t.fails($$SELECT moderation.alter_package('g17', needs_approval => false)$$);
-- Several sentences, numbers of requests and items left out.
RESET SESSION AUTHORIZATION;
CREATE FUNCTION t.says(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; d text;
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ' ' || regexp_replace(m || ' ' || d, 'request \d+', 'request N', 'g');
END $$;
SET SESSION AUTHORIZATION regress_author;
SELECT moderation.request_publish('g17', note => 'bingo too') AS request \gset
-- Not one's own request.
SELECT t.says(format('SELECT moderation.approve_publish(%s)', :request));
-- Nor by another role of the same login.
RESET SESSION AUTHORIZATION;
GRANT regress_approver TO regress_author;
SET SESSION AUTHORIZATION regress_author;
SET ROLE regress_approver;
SELECT t.says(format('SELECT moderation.approve_publish(%s)', :request));
RESET ROLE;
RESET SESSION AUTHORIZATION;
REVOKE regress_approver FROM regress_author;
SET SESSION AUTHORIZATION regress_author;
SELECT moderation.matches('bingo', 'g17') AS in_force;
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION regress_approver;
SELECT package, stage, release, share, note, requested_by, draft_changed_since FROM moderation.open_requests WHERE package = 'g17';
SELECT moderation.approve_publish(:request, 'seen') AS release;
SELECT t.says(format('SELECT moderation.approve_publish(%s)', :request));
SELECT t.says(format('SELECT moderation.reject_publish(%s)', :request));
RESET SESSION AUTHORIZATION;
SELECT moderation.matches('bingo', 'g17') AS in_force;
SELECT release, deployed_by, note FROM moderation.in_force WHERE package = 'g17';
SELECT stage, release, share, requested_by, decision, decided_by, reason, published FROM moderation.publish_requests JOIN moderation.packages USING (package_id)
WHERE name = 'g17';
-- A draft changed since voids the request, its settings too.
SET SESSION AUTHORIZATION regress_author;
SELECT * FROM moderation.add_terms('g17', ARRAY['jackpot']);
SELECT moderation.request_publish('g17', share => 10) AS request \gset
SELECT * FROM moderation.add_terms('g17', ARRAY['lottery']);
SET SESSION AUTHORIZATION regress_approver;
SELECT draft_changed_since FROM moderation.open_requests WHERE package = 'g17';
SELECT t.says(format('SELECT moderation.approve_publish(%s)', :request));
SELECT moderation.reject_publish(:request, 'asked again');
SET SESSION AUTHORIZATION regress_author;
SELECT moderation.request_publish('g17') AS request \gset
SELECT moderation.alter_package('g17', action => 'log');
SELECT moderation.alter_package('g17', action => 'block');
SET SESSION AUTHORIZATION regress_approver;
SELECT t.says(format('SELECT moderation.approve_publish(%s)', :request));
-- A share is approved too: more of it is another request.
SET SESSION AUTHORIZATION regress_author;
SELECT moderation.reject_publish(:request, 'withdrawn');
SELECT moderation.request_publish('g17', share => 10) AS request \gset
SET SESSION AUTHORIZATION regress_approver;
SELECT moderation.approve_publish(:request) AS release;
SET SESSION AUTHORIZATION regress_author;
CALL t.fails($$SELECT moderation.set_rollout('g17', 20)$$);
SELECT moderation.set_rollout('g17', 5) AS less;
SELECT moderation.request_publish('g17', share => 100) AS request \gset
SET SESSION AUTHORIZATION regress_approver;
SELECT moderation.approve_publish(:request) AS release;
RESET SESSION AUTHORIZATION;
SELECT release, share FROM moderation.in_force WHERE package = 'g17';
-- A shadow release is promoted in the same way; into shadow everybody may publish.
SET SESSION AUTHORIZATION regress_author;
SELECT * FROM moderation.add_terms('g17', ARRAY['croupier']);
SELECT moderation.publish_package('g17', stage => 'shadow') AS release;
CALL t.fails($$SELECT moderation.promote_release('g17')$$);
CALL t.fails($$SELECT moderation.request_publish('g17', release => 1)$$);
SELECT * FROM moderation.add_terms('g17', ARRAY['later']);
SELECT moderation.request_publish('g17', release => 8) AS request \gset
SET SESSION AUTHORIZATION regress_approver;
SELECT moderation.approve_publish(:request) AS release;
RESET SESSION AUTHORIZATION;
SELECT stage, release FROM moderation.in_force WHERE package = 'g17';
SELECT moderation.matches('later', 'g17') AS not_asked_for;
-- Gates hold at the request and at the approval.
SET SESSION AUTHORIZATION regress_author;
SELECT moderation.request_publish('g17') AS request \gset
SELECT moderation.add_check('g17', 'later', expect => 'miss') > 0 AS added;
SELECT count(*) AS failing FROM t.gate($$SELECT moderation.request_publish('g17')$$);
SET SESSION AUTHORIZATION regress_approver;
SELECT count(*) AS failing FROM t.gate(format('SELECT moderation.approve_publish(%s)', :request));
SELECT count(*) AS still_open FROM moderation.open_requests WHERE package = 'g17';
-- Going back, and out, needs nobody.
SET SESSION AUTHORIZATION regress_author;
SELECT moderation.rollback_package('g17') AS release;
SELECT moderation.retire_package('g17');
SELECT count(*) AS restored FROM moderation.restore_package('g17');
RESET SESSION AUTHORIZATION;
CALL t.fails($$SELECT moderation.approve_publish(-1)$$);
CALL t.fails($$SELECT moderation.reject_publish(NULL)$$);
CALL t.fails($$SELECT moderation.request_publish('g17', share => 0)$$);
CALL t.fails($$SELECT moderation.request_publish('nobody knows')$$);
-- Who owns the extension may do without again.
SELECT moderation.alter_package('g17', needs_approval => false);
SELECT moderation.remove_check(check_id) FROM moderation.checks WHERE body = 'later';
SELECT moderation.publish_package('g17') AS release;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA moderation FROM regress_author, regress_approver;
REVOKE ALL ON moderation.open_requests FROM regress_approver;
DROP ROLE regress_author, regress_approver;
-- Who did what.
SELECT a.call, count(*), count(a.before) AS before, count(a.after) AS after, count(a.reason) AS reason, count(DISTINCT a.by_role) AS roles
FROM moderation.audit_log a JOIN moderation.packages p USING (package_id) WHERE p.name IN ('g17') GROUP BY 1 ORDER BY 1;
SELECT t.retire_all();
