-- Publishing: release numbers, reuse of an unchanged draft, frozen settings, content hashes, shadow and live, retiring.
SELECT moderation.create_policy('p11', severity => 4) > 0 AS created;
SELECT moderation.create_package('a11', policy => 'p11', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('a11', ARRAY['alpha', 'beta']);
SELECT * FROM moderation.allow_terms('a11', ARRAY['alpha beta']);

SELECT moderation.matches('alpha', 'a11') AS before_any_release;
SELECT moderation.publish_package('a11', note => 'first list') AS release;
SELECT package, stage, release, action, threshold, policy, severity, terms, allow_entries, note,
       deployed_by = current_user AS by_me, length(content_hash) AS hash_bytes
FROM moderation.in_force WHERE package = 'a11';
-- An unchanged draft is the newest release, and in force already.
SELECT moderation.publish_package('a11', note => 'again') AS release;
SELECT count(*) AS releases FROM moderation.releases JOIN moderation.packages USING (package_id) WHERE name = 'a11';
SELECT count(*) AS deployments FROM moderation.deployments JOIN moderation.packages USING (package_id) WHERE name = 'a11';

-- Editing a draft changes no verdict.
SELECT * FROM moderation.add_terms('a11', ARRAY['gamma']);
SELECT moderation.remove_terms('a11', ARRAY['beta']);
SELECT moderation.matches('beta', 'a11') AS beta, moderation.matches('gamma', 'a11') AS gamma;
SELECT (moderation.moderate_text('beta gamma')).score;
SELECT term, stage FROM moderation.text_hits('beta gamma', 'a11');
SELECT term, release, stage FROM moderation.text_hits('beta gamma', 'a11', release => 1);
SELECT term, release, stage FROM moderation.text_hits('beta gamma', 'a11', draft => true);
SELECT term, removed_in, added_in > 1 AS is_new FROM moderation.item_versions JOIN moderation.packages USING (package_id)
WHERE name = 'a11' ORDER BY term;

-- Shadow beside live: recorded, not enforced.
SELECT moderation.publish_package('a11', stage => 'shadow') AS release;
SELECT stage, release FROM moderation.in_force WHERE package = 'a11' ORDER BY stage;
SELECT term, release, stage, action FROM moderation.text_hits('beta gamma', 'a11') ORDER BY term;
SELECT moderation.matches('gamma', 'a11') AS gamma, moderation.matches('beta', 'a11') AS beta;
SELECT action, score, jsonb_array_length(hits) AS hits FROM moderation.moderate_text('gamma');
SELECT action, score, jsonb_array_length(hits) AS hits FROM moderation.moderate_text('beta');
-- Both releases can be asked for by number.
SELECT term FROM moderation.text_hits('beta gamma', 'a11', release => 1);
SELECT term FROM moderation.text_hits('beta gamma', 'a11', release => 2);
-- Publishing the shadow release live ends its shadow run.
SELECT moderation.publish_package('a11', stage => 'live') AS release;
SELECT stage, release FROM moderation.in_force WHERE package = 'a11' ORDER BY stage;
SELECT stage, release, note FROM moderation.deployments JOIN moderation.packages USING (package_id)
WHERE name = 'a11' ORDER BY deployment_id;
-- A release is live or shadow, never both.
CALL t.fails($$SELECT moderation.publish_package('a11', stage => 'shadow')$$);
-- A newer shadow release survives an older one going live again, and the other way round.
SELECT * FROM moderation.add_terms('a11', ARRAY['delta']);
SELECT moderation.publish_package('a11', stage => 'shadow') AS release;
SELECT stage, release FROM moderation.in_force WHERE package = 'a11' ORDER BY stage;

-- Settings are frozen by a release; changing one makes another.
UPDATE moderation.packages SET action = 'log', threshold = 3 WHERE name = 'a11';
UPDATE moderation.policies SET severity = 1 WHERE name = 'p11';
SELECT stage, release, action, threshold, severity FROM moderation.in_force WHERE package = 'a11' ORDER BY stage;
SELECT action FROM moderation.moderate_text('alpha');
SELECT moderation.publish_package('a11') AS release;
SELECT stage, release, action, threshold, severity FROM moderation.in_force WHERE package = 'a11' ORDER BY stage;

-- Retiring takes both stages out of force; the past can still be asked; publishing brings it back.
SELECT moderation.retire_package('a11', note => 'season over');
SELECT count(*) AS in_force FROM moderation.in_force WHERE package = 'a11';
SELECT moderation.matches('alpha', 'a11') AS retired;
SELECT action, score, hits FROM moderation.moderate_text('alpha', 'a11');
SELECT term, release FROM moderation.text_hits('alpha beta', 'a11', release => 1);
SELECT moderation.retire_package('a11');
SELECT stage, release, note FROM moderation.deployments JOIN moderation.packages USING (package_id)
WHERE name = 'a11' AND release IS NULL ORDER BY deployment_id;
SELECT moderation.publish_package('a11') AS release;
SELECT stage, release FROM moderation.in_force WHERE package = 'a11';

-- A draft that went and came back is the release it was, though its items are new ones.
SELECT moderation.remove_terms('a11', ARRAY['delta']);
SELECT * FROM moderation.add_terms('a11', ARRAY['delta']);
SELECT moderation.publish_package('a11') AS release;
SELECT moderation.matches('delta', 'a11') AS delta;
SELECT * FROM moderation.add_terms('a11', ARRAY['epsilon']);
SELECT moderation.publish_package('a11') AS release;
SELECT term FROM moderation.text_hits('delta epsilon', 'a11');
SELECT r AS release, array_agg(h.term ORDER BY h.term) AS finds
FROM generate_series(1, 5) r, moderation.text_hits('alpha. beta. gamma. delta. epsilon', 'a11', release => r) h
GROUP BY r ORDER BY r;

-- A rolled-back publish leaves nothing behind.
BEGIN;
SELECT * FROM moderation.add_terms('a11', ARRAY['zeta']);
SELECT moderation.publish_package('a11') AS release;
SELECT moderation.matches('zeta', 'a11') AS inside;
ROLLBACK;
SELECT moderation.matches('zeta', 'a11') AS after;
BEGIN;
SAVEPOINT s;
SELECT * FROM moderation.add_terms('a11', ARRAY['zeta']);
SELECT moderation.publish_package('a11') AS release;
ROLLBACK TO s;
SELECT moderation.matches('zeta', 'a11') AS after_savepoint, moderation.matches('epsilon', 'a11') AS epsilon;
COMMIT;
SELECT t.retire_all();
