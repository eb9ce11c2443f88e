-- The life of a package: shadow beside live, promote, roll back, retire, restore, alter, rename, update items, compare.
SELECT moderation.create_policy('p14', severity => 2) > 0 AS created;
SELECT moderation.create_package('a14', policy => 'p14', action => 'review', description => 'first') > 0 AS created;
CREATE VIEW t.history AS
    SELECT p.name AS package, d.stage, d.release, d.operation, d.share, d.rest, d.note
    FROM moderation.deployments d JOIN moderation.packages p USING (package_id) ORDER BY d.deployment_id;
CREATE VIEW t.force AS SELECT package, stage, release, share FROM moderation.in_force ORDER BY package, stage, share;

-- Nothing to promote, to roll back, to restore.
CALL t.fails($$SELECT moderation.promote_release('a14')$$);
CALL t.fails($$SELECT moderation.rollback_package('a14')$$);
CALL t.fails($$SELECT moderation.rollback_package('a14', 1)$$);
CALL t.fails($$SELECT moderation.restore_package('a14')$$);

SELECT * FROM moderation.add_terms('a14', ARRAY['alpha']);
SELECT moderation.publish_package('a14') AS release;
CALL t.fails($$SELECT moderation.rollback_package('a14')$$);
CALL t.fails($$SELECT moderation.restore_package('a14')$$);
SELECT * FROM moderation.add_terms('a14', ARRAY['beta']);
SELECT moderation.publish_package('a14', stage => 'shadow', note => 'try beta') AS release;
SELECT * FROM t.force WHERE package = 'a14';
SELECT h.term, h.release, h.stage FROM moderation.text_hits('alpha beta', 'a14') h ORDER BY 1, 3;
SELECT action FROM moderation.moderate_text('beta', 'a14');
-- Rolling back goes to what was live, promoting to what is in shadow.
CALL t.fails($$SELECT moderation.rollback_package('a14', 2)$$);
CALL t.fails($$SELECT moderation.rollback_package('a14', 3)$$);
CALL t.fails($$SELECT moderation.promote_release('a14', 1)$$);
SELECT moderation.promote_release('a14', 2, note => 'beta is good') AS release;
SELECT * FROM t.force WHERE package = 'a14';
CALL t.fails($$SELECT moderation.promote_release('a14')$$);
SELECT action FROM moderation.moderate_text('beta', 'a14');

-- A draft goes on while releases go back and forth.
SELECT * FROM moderation.add_terms('a14', ARRAY['gamma']);
SELECT moderation.publish_package('a14') AS release;
SELECT * FROM moderation.add_terms('a14', ARRAY['delta']);
SELECT moderation.rollback_package('a14', note => 'gamma was wrong') AS release;
SELECT moderation.rollback_package('a14') AS release;
CALL t.fails($$SELECT moderation.rollback_package('a14')$$);
CALL t.fails($$SELECT moderation.rollback_package('a14', 1)$$);
SELECT moderation.matches('beta', 'a14') AS beta, moderation.matches('gamma', 'a14') AS gamma;
SELECT moderation.rollback_package('a14', 3, 'it was right after all') AS release;
SELECT moderation.matches('beta', 'a14') AS beta, moderation.matches('gamma', 'a14') AS gamma;
SELECT term, is_draft FROM moderation.current_items WHERE package = 'a14' ORDER BY item_id;

-- Retiring and restoring: both stages, and only what retiring took.
SELECT moderation.publish_package('a14', stage => 'shadow') AS release;
SELECT moderation.retire_package('a14', 'pause');
SELECT * FROM t.force WHERE package = 'a14';
CALL t.fails($$SELECT moderation.set_rollout('a14', 50)$$);
SELECT r.stage, r.release, r.share, r.note FROM moderation.restore_package('a14', 'on again') r;
SELECT * FROM t.force WHERE package = 'a14';
CALL t.fails($$SELECT moderation.restore_package('a14')$$);
SELECT moderation.promote_release('a14') AS release;
SELECT moderation.retire_package('a14');
SELECT r.stage, r.release FROM moderation.restore_package('a14') r;
SELECT * FROM t.force WHERE package = 'a14';
SELECT * FROM t.history WHERE package = 'a14';

-- Settings: the draft's take effect with the next publish, which the result says; the others at once.
SELECT moderation.alter_package('a14', action => 'block', threshold => 2, policy => '', description => 'second') AS with_the_next_publish;
SELECT action, threshold, policy FROM moderation.in_force WHERE package = 'a14';
SELECT action, score FROM moderation.moderate_text('alpha', 'a14');
SELECT p.action, p.threshold, p.policy_id, p.description FROM moderation.packages p WHERE name = 'a14';
SELECT moderation.alter_package('a14', action => 'block', description => '') AS nothing_new;
SELECT description FROM moderation.packages p WHERE name = 'a14';
SELECT moderation.publish_package('a14') AS release;
SELECT action, threshold, policy FROM moderation.in_force WHERE package = 'a14';
SELECT action, score FROM moderation.moderate_text('alpha', 'a14');
SELECT action, score FROM moderation.moderate_text('alpha and beta', 'a14');
CALL t.fails($$SELECT moderation.alter_package('a14', threshold => -1)$$);
CALL t.fails($$SELECT moderation.alter_package('a14', threshold => 'NaN')$$);
CALL t.fails($$SELECT moderation.alter_package('a14', policy => 'nobody knows')$$);
CALL t.fails($$SELECT moderation.alter_package('nobody knows')$$);

-- Renaming is at once and everywhere.
SELECT moderation.create_package('b14') > 0 AS created;
CALL t.fails($$SELECT moderation.rename_package('a14', 'b14')$$);
CALL t.fails($$SELECT moderation.rename_package('a14', ' ')$$);
CALL t.fails($$SELECT moderation.rename_package('nobody knows', 'c14')$$);
SELECT moderation.rename_package('a14', 'c14', 'clearer');
SELECT * FROM t.force WHERE package IN ('a14', 'c14');
SELECT DISTINCT package FROM moderation.text_hits('alpha beta');
CALL t.fails($$SELECT moderation.matches('alpha', 'a14')$$);
SELECT moderation.rename_package('c14', 'a14');

-- Items change and keep their ids.
CREATE FUNCTION t.id(package text, term text) RETURNS bigint LANGUAGE sql AS $$
    SELECT item_id FROM moderation.current_items c WHERE c.package = $1 AND c.term = $2 $$;
CREATE TEMPORARY TABLE ids AS SELECT term, item_id FROM moderation.current_items WHERE package = 'a14';
SELECT moderation.update_items('a14', ARRAY[t.id('a14', 'alpha'), t.id('a14', 'beta')], match => 'prefix', weight => 3) AS changed;
SELECT moderation.update_items('a14', ARRAY[t.id('a14', 'alpha'), t.id('a14', 'gamma')], match => 'prefix', note => 'seen') AS changed;
SELECT moderation.update_items('a14', ARRAY[t.id('a14', 'alpha')], level => 'literal') AS changed;
SELECT c.term, c.match, c.level, c.weight, c.note, c.added_in, i.item_id = c.item_id AS same_id
FROM moderation.current_items c JOIN ids i USING (term) WHERE package = 'a14' ORDER BY 1;
SELECT v.term, v.match, v.level, v.weight, v.added_in, v.removed_in FROM moderation.item_versions v JOIN ids i USING (item_id)
WHERE v.term IN ('alpha', 'gamma') ORDER BY 1, 5;
SELECT moderation.matches('alphabet', 'a14') AS still_word;
-- The draft's hash is that of a package made in one go.
SELECT moderation.alter_package('b14', action => 'block', threshold => 2);
SELECT * FROM moderation.add_terms('b14', ARRAY['gamma'], match => 'prefix');
SELECT * FROM moderation.add_terms('b14', ARRAY['beta'], match => 'prefix', weight => 3);
SELECT * FROM moderation.add_terms('b14', ARRAY['alpha'], match => 'prefix', level => 'literal', weight => 3);
SELECT * FROM moderation.add_terms('b14', ARRAY['delta']);
SELECT moderation.publish_package('a14') AS a, moderation.publish_package('b14') AS b;
SELECT count(DISTINCT content_hash) AS one_hash FROM moderation.in_force WHERE package IN ('a14', 'b14');
SELECT moderation.matches('alphabet', 'a14') AS prefix_now;
-- There and back again: the release it was.
SELECT moderation.update_items('a14', ARRAY[t.id('a14', 'delta')], weight => 9);
SELECT moderation.update_items('a14', ARRAY[t.id('a14', 'delta')], weight => 1);
SELECT moderation.publish_package('a14') AS same_release;
SELECT moderation.update_items('a14', ARRAY[t.id('a14', 'delta')], match => 'inflected', language => 'EN') AS changed;
SELECT moderation.update_items('a14', ARRAY[t.id('a14', 'delta')], match => 'word', language => '') AS changed;
-- Errors change nothing.
SELECT * FROM moderation.add_terms('a14', ARRAY['delta'], match => 'suffix');
SELECT draft_key AS before FROM moderation.drafts JOIN moderation.packages USING (package_id) WHERE name = 'a14' \gset
DO $$ BEGIN
    PERFORM moderation.update_items('a14', ARRAY(SELECT item_id FROM moderation.current_items WHERE package = 'a14' AND term = 'delta'),
                                    match => 'word');
EXCEPTION WHEN duplicate_object THEN RAISE NOTICE '%', regexp_replace(SQLERRM, '\d+', 'N');
END $$;
DO $$ BEGIN
    PERFORM moderation.update_items('a14', ARRAY[t.id('a14', 'beta')], match => 'typo');
EXCEPTION WHEN invalid_parameter_value THEN RAISE NOTICE '%', regexp_replace(SQLERRM, '\d+', 'N');
END $$;
DO $$ BEGIN
    PERFORM moderation.update_items('a14', ARRAY[t.id('a14', 'beta')], match => 'inflected', language => 'xx');
EXCEPTION WHEN invalid_parameter_value THEN RAISE NOTICE '%', regexp_replace(SQLERRM, '\d+', 'N');
END $$;
CALL t.fails($$SELECT moderation.update_items('a14', ARRAY[t.id('a14', 'beta')], weight => 0)$$);
CALL t.fails($$SELECT moderation.update_items('a14', ARRAY[-1], weight => 2)$$);
SELECT draft_key = :'before' AS unchanged FROM moderation.drafts JOIN moderation.packages USING (package_id) WHERE name = 'a14';
SELECT moderation.update_items('a14', '{}', weight => 2) AS none, moderation.update_items('a14', NULL, weight => 2) AS null_ids;

-- What is different between releases, and between a release and the draft.
SELECT moderation.remove_items('a14', ARRAY[t.id('a14', 'gamma')]);
SELECT moderation.alter_package('a14', threshold => 1);
SELECT d.term, d.change, d.before, d.after FROM moderation.diff_releases('a14', 3, 5) d ORDER BY d.item_id NULLS FIRST;
SELECT d.term, d.change, d.before, d.after FROM moderation.diff_releases('a14', 6) d ORDER BY d.item_id NULLS FIRST;
SELECT d.term, d.change FROM moderation.diff_releases('a14', NULL, 6) d ORDER BY d.item_id NULLS FIRST;
SELECT count(*) AS the_same FROM moderation.diff_releases('a14', 6, 6);
-- The same item under another id is no difference.
SELECT moderation.remove_terms('b14', ARRAY['delta']);
SELECT * FROM moderation.add_terms('b14', ARRAY['delta']);
SELECT count(*) AS the_same FROM moderation.diff_releases('b14', 1);
CALL t.fails($$SELECT moderation.diff_releases('a14', 99)$$);
CALL t.fails($$SELECT moderation.diff_releases('nobody knows', 1)$$);

-- All of it or none: a rolled-back operation leaves nothing.
BEGIN;
SELECT moderation.rollback_package('a14') AS release;
SELECT moderation.rename_package('a14', 'd14');
SELECT moderation.matches('alphabet', 'd14') AS inside;
ROLLBACK;
SELECT moderation.matches('alphabet', 'a14') AS after;
-- Who did what.
SELECT a.call, count(*), count(a.before) AS before, count(a.after) AS after, count(a.reason) AS reason, count(DISTINCT a.by_role) AS roles
FROM moderation.audit_log a JOIN moderation.packages p USING (package_id) WHERE p.name IN ('a14', 'c14') GROUP BY 1 ORDER BY 1;
SELECT t.retire_all();
