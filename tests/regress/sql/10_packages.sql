-- Policies, packages, drafts: what an operator does before anything is published.
SELECT moderation.create_policy('prohibited-goods', severity => 3, default_action => 'block') > 0 AS created;
SELECT moderation.create_policy('mild') > 0 AS created;
SELECT name, severity, default_action, description, created_by = current_user AS by_me
FROM moderation.policies ORDER BY policy_id;

SELECT moderation.create_package('gambling', policy => 'prohibited-goods') > 0 AS created;
SELECT moderation.create_package('own-action', policy => 'prohibited-goods', action => 'log', threshold => 2.5,
                                 description => 'of its own') > 0 AS created;
SELECT moderation.create_package('no-policy') > 0 AS created;
SELECT p.name, o.name AS policy, p.action, p.threshold, p.description, p.latest_release
FROM moderation.packages p LEFT JOIN moderation.policies o USING (policy_id) ORDER BY p.package_id;

-- What is already there, or given twice, is skipped and counted.
SELECT * FROM moderation.add_terms('gambling', ARRAY['online casino', 'онлайн казино', 'online casino']);
SELECT * FROM moderation.add_terms('gambling', ARRAY['online casino', 'roulette'],
    source => 'partner list', case_ref => 'C-7', note => 'first wave');
-- Another mode or level makes another item; another weight does not.
SELECT * FROM moderation.add_terms('gambling', ARRAY['roulette'], match => 'prefix');
SELECT * FROM moderation.add_terms('gambling', ARRAY['roulette'], level => 'literal');
SELECT * FROM moderation.add_terms('gambling', ARRAY['roulette'], weight => 5);
SELECT * FROM moderation.add_terms('gambling', '{}');
SELECT * FROM moderation.add_terms('gambling', ARRAY[['poker', 'bingo'], ['slots', 'bingo']]);
SELECT * FROM moderation.allow_terms('gambling', ARRAY['casino royale', 'roulette'], source => 'films');
SELECT allow, term, match, level, weight, added_in, is_draft, source, case_ref, note
FROM moderation.current_items WHERE package = 'gambling' ORDER BY allow, term COLLATE "C", match, level;
SELECT d.terms, d.allow_entries FROM moderation.drafts d JOIN moderation.packages USING (package_id)
WHERE name = 'gambling';

-- The same term in another package is another item.
SELECT * FROM moderation.add_terms('no-policy', ARRAY['roulette']);

-- Removal, by text (terms and allow entries alike) and by id; what no release contained leaves no trace.
SELECT moderation.remove_terms('gambling', ARRAY['roulette']);
SELECT moderation.remove_terms('gambling', '{}'), moderation.remove_terms('gambling', NULL);
SELECT moderation.remove_items('gambling', ARRAY(
    SELECT item_id FROM moderation.current_items WHERE package = 'gambling' AND term IN ('bingo', 'casino royale')));
SELECT moderation.remove_items('gambling', '{}'), moderation.remove_items('gambling', NULL);
SELECT allow, term FROM moderation.current_items WHERE package = 'gambling' ORDER BY allow, term COLLATE "C";
SELECT d.terms, d.allow_entries FROM moderation.drafts d JOIN moderation.packages USING (package_id)
WHERE name = 'gambling';
SELECT count(*) AS items_without_a_version FROM moderation.items i
WHERE NOT EXISTS (SELECT FROM moderation.item_versions v WHERE v.item_id = i.item_id);
SELECT count(*) AS other_package FROM moderation.current_items WHERE package = 'no-policy';

-- An id of another package, or one given twice with an unknown one: all or nothing.
CALL t.fails($$SELECT moderation.remove_items('gambling', ARRAY[-1, -1])$$);
DO $$ BEGIN
    PERFORM moderation.remove_items('gambling', ARRAY(SELECT item_id FROM moderation.current_items));
EXCEPTION WHEN undefined_object THEN RAISE NOTICE 'refused: %', SQLERRM;
END $$;
SELECT count(*) AS still_there FROM moderation.current_items WHERE package = 'gambling';
