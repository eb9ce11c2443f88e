-- A package as JSON and back: the identical content hash, on another server or under another name.
SET timezone = 'UTC';
SELECT moderation.create_policy('exported', severity => 4, default_action => 'block', description => 'what we export') > 0 AS created;
SELECT moderation.create_package('exports', policy => 'exported', threshold => 0.1, description => 'a "quoted" one') > 0 AS created;
SELECT * FROM moderation.add_terms('exports', ARRAY['онлайн казино', 'a "quoted" term', E'a\\backslash'], weight => 0.3, source => 'list', case_ref => 'c-1', note => 'n', evidence => 'ads/7');
SELECT * FROM moderation.add_terms('exports', ARRAY['закладка'], match => 'inflected', language => 'ru', valid_from => '2098-12-31 23:59:59.123456+00', expires_at => '2100-01-01');
SELECT * FROM moderation.allow_terms('exports', ARRAY['casino royale'], level => 'literal');
SELECT moderation.publish_package('exports', note => 'first');
SELECT moderation.remove_terms('exports', ARRAY['a "quoted" term']);
SELECT * FROM moderation.add_terms('exports', ARRAY['second']);
SELECT moderation.publish_package('exports');
SELECT * FROM moderation.add_terms('exports', ARRAY['only a draft']);
-- The layout.
SELECT jsonb_pretty(e - ARRAY['items', 'content_hash', 'folding_version']) AS settings, jsonb_array_length(e->'items') AS items, length(e->>'content_hash') AS hash FROM moderation.export_package('exports', 1) e;
SELECT i - ARRAY['item_hash', 'created_at', 'created_by'] AS item FROM moderation.export_package('exports', 1) e, jsonb_array_elements(e->'items') i ORDER BY i->>'term' COLLATE "C";
SELECT r.release, e.e->>'content_hash' = encode(r.content_hash, 'hex') AS same_hash FROM moderation.releases r JOIN moderation.packages p USING (package_id), LATERAL moderation.export_package('exports', r.release) e(e) WHERE p.name = 'exports' ORDER BY 1;
SELECT (e->>'release')::int AS newest FROM moderation.export_package('exports') e;
-- In whatever way the session prints numbers, times and bytes.
SELECT md5(moderation.export_package('exports')::text) AS plain \gset
SET extra_float_digits = -3; SET bytea_output = escape; SET timezone = 'Asia/Tokyo'; SET datestyle = 'German'; SET intervalstyle = 'iso_8601';
SELECT md5(moderation.export_package('exports')::text) = :'plain' AS same;
RESET extra_float_digits; RESET bytea_output; SET timezone = 'UTC'; RESET datestyle; RESET intervalstyle;
-- Under another name, by another role, both releases, one after the other: the draft follows.
SELECT moderation.export_package('exports', 1) AS one, moderation.export_package('exports', 2) AS two \gset
SELECT package, release, added, removed, content_hash = :'one'::jsonb->>'content_hash' AS same FROM moderation.import_package(:'one', name => 'exports copy', note => 'from afar');
SELECT package, release, added, removed, content_hash = :'two'::jsonb->>'content_hash' AS same FROM moderation.import_package(:'two', name => 'exports copy');
SELECT package, release, added, removed, content_hash = :'two'::jsonb->>'content_hash' AS same FROM moderation.import_package(:'two', name => 'exports copy');
SELECT (moderation.export_package('exports copy', r) - ARRAY['package', 'release']) = (moderation.export_package('exports', r) - ARRAY['package', 'release']) AS all_the_same FROM generate_series(1, 2) r;
SELECT d.terms, d.allow_entries, d.set_state = moderation.set_hash_apply('', (SELECT array_agg(element) FROM moderation.release_items(d.package_id, NULL)), '{}') AS hash FROM moderation.drafts d JOIN moderation.packages p USING (package_id) WHERE p.name = 'exports copy';
-- Nothing is in force by it; a publish puts that very release in force, and it judges the same.
SELECT count(*) AS in_force FROM moderation.in_force WHERE package = 'exports copy';
SELECT moderation.publish_package('exports copy');
SELECT b, (moderation.moderate_text(b, 'exports')).action, (moderation.moderate_text(b, 'exports copy')).action AS copy FROM (VALUES ('онлайн казино'), ('second'), ('a "quoted" term'), ('fine')) t(b);
SELECT call, package, after - 'content_hash' AS after, reason FROM moderation.audit_log WHERE call = 'import_package' ORDER BY audit_id;
-- An unpublished package is exported as its draft.
SELECT moderation.create_package('exports draft') > 0 AS created;
SELECT * FROM moderation.add_terms('exports draft', ARRAY['x']);
SELECT e->'release' AS release, package, i.release AS becomes FROM moderation.export_package('exports draft') e, moderation.import_package(e, name => 'exports draft copy') i;
-- What does not fit is refused whole.
SELECT count(*) AS packages FROM moderation.packages \gset
CALL t.fails($$SELECT moderation.export_package('no such package')$$);
CALL t.fails($$SELECT moderation.export_package('exports', 9)$$);
CALL t.fails($$SELECT moderation.import_package('{}')$$);
CALL t.fails($$SELECT moderation.import_package('[1]')$$);
CALL t.fails($$SELECT moderation.import_package(NULL)$$);
CALL t.fails(format($$SELECT moderation.import_package(%L, name => 'new')$$, :'one'::jsonb || '{"version": 2}'));
CALL t.fails(format($$SELECT moderation.import_package(%L, name => 'new')$$, jsonb_set(:'one', '{items,0,term}', '"changed"')));
CALL t.fails(format($$SELECT moderation.import_package(%L, name => 'new')$$, jsonb_set(:'one', '{items,0,match}', '"nonsense"')));
CALL t.fails(format($$SELECT moderation.import_package(%L, name => 'new')$$, jsonb_set(:'one', '{package,action}', '"log"')));
CALL t.fails(format($$SELECT moderation.import_package(%L, name => 'new')$$, jsonb_set(:'one', '{package,action}', '7')));
CALL t.fails(format($$SELECT moderation.import_package(%L, name => 'new')$$, jsonb_set(:'one', '{policy,severity}', '1')));
CALL t.fails(format($$SELECT moderation.import_package(%L, name => 'new')$$, :'one'::jsonb #- '{items,0}'));
CALL t.fails(format($$SELECT moderation.import_package(%L, name => 'new')$$, jsonb_set(:'one', '{items,1}', :'one'::jsonb #> '{items,0}')));
CALL t.fails(format($$SELECT moderation.import_package(%L, name => 'new')$$, jsonb_set(:'one', '{items,0,weight}', '"NaN"')));
CALL t.fails(format($$SELECT moderation.import_package(%L, name => 'new')$$, jsonb_set(:'one', '{items,0}', '5')));
CALL t.fails(format($$SELECT moderation.import_package(%L, name => 'new')$$, :'one'::jsonb || '{"items": []}'));
CALL t.fails(format($$SELECT moderation.import_package(%L, name => '')$$, :'one'));
SELECT count(*) = :packages AS none_came FROM moderation.packages;
SELECT t.retire_all();
RESET timezone;
-- Images and videos.
SELECT moderation.create_package('exports media') > 0 AS created;
SELECT moderation.set_max_distance('exports media', 24);
SELECT * FROM moderation.add_images('exports media', ARRAY[repeat('0f', 32), repeat('3c', 32)]::moderation.pdqhash[], label => 'logo', max_distance => 12);
SELECT * FROM moderation.allow_images('exports media', ARRAY[repeat('f0', 32)]::moderation.pdqhash[]);
SELECT moderation.publish_package('exports media');
SELECT package, added, i.content_hash = e->>'content_hash' AS same FROM moderation.export_package('exports media') e, moderation.import_package(e, name => 'exports media copy') i;
SELECT (moderation.export_package('exports media') - 'package') = (moderation.export_package('exports media copy') - 'package') AS all_the_same, max_distance, images, allow_entries FROM moderation.packages JOIN moderation.drafts USING (package_id) WHERE name = 'exports media copy';
CALL t.fails(format($$SELECT moderation.import_package(%L, name => 'new')$$, jsonb_set(moderation.export_package('exports media'), '{items,0,max_distance}', '13')));
SELECT t.retire_all();
-- Everything at once: weights, threshold, rules, distance, times, allow entries, images, videos, checks.
SELECT moderation.create_package('exports with') > 0 AND moderation.create_package('exports all', action => 'review', threshold => 1.25, description => 'all of it') > 0 AS created;
SELECT * FROM moderation.add_terms('exports all', ARRAY['a word'], weight => 0.1);
SELECT * FROM moderation.add_terms('exports all', ARRAY['(red | black) & bonus'], match => 'rule', level => 'literal', weight => 1000);
SELECT * FROM moderation.add_terms('exports all', ARRAY['\d{2}%'], match => 'regex');
SELECT * FROM moderation.add_terms('exports all', ARRAY['bit.ly'], match => 'domain', source => 'a partner', case_ref => 'c-2', note => 'a note', evidence => 'ads/9');
SELECT * FROM moderation.allow_terms('exports all', ARRAY['a good word'], valid_from => '2001-01-01 00:00+00');
SELECT * FROM moderation.add_images('exports all', ARRAY[repeat('0f', 32)]::moderation.pdqhash[], label => 'logo', weight => 2.5, expires_at => '2101-01-01 00:00+00');
SELECT * FROM moderation.allow_images('exports all', ARRAY[repeat('f0', 32)]::moderation.pdqhash[], max_distance => 0);
SELECT moderation.add_video('exports all', 'clip', ARRAY[ROW(0, repeat('a5', 32), 100, 0.5), ROW(7, repeat('5a', 32), 77, 1.25)]::moderation.video_frame[], max_distance => 20, min_material => 33.3, min_content => 1.5, weight => 0.7) > 0 AS added;
SELECT moderation.set_max_distance('exports all', 17);
SELECT moderation.set_verdict_rules('exports all', '[{"action": "block", "with": ["exports with"]}, {"action": "block", "strikes": 2.5, "days": 10, "half_life": 3, "any_package": true}]');
SELECT moderation.add_check('exports all', 'a word and 12% of (red & bonus)', note => 'must') > 0 AND moderation.add_check('exports all', 'fine', 'miss') > 0 AND moderation.add_check('exports all', repeat('33', 32)::moderation.pdqhash, 'miss') > 0 AS added;
SELECT moderation.publish_package('exports all', stage => 'shadow');
SELECT moderation.export_package('exports all') AS exported \gset
SELECT package, added, content_hash = :'exported'::jsonb->>'content_hash' AS same FROM moderation.import_package(:'exported', name => 'exports all copy');
SELECT (moderation.export_package('exports all') - 'package') = (moderation.export_package('exports all copy') - 'package') AS all_the_same,
       moderation.export_package('exports all')->'package' = moderation.export_package('exports all copy')->'package' || '{"name": "exports all"}' AS settings;
SELECT count(*) AS checks, count(*) FILTER (WHERE image IS NOT NULL) AS of_images, count(note) AS notes FROM moderation.checks WHERE package_id = (SELECT package_id FROM moderation.packages WHERE name = 'exports all copy');
-- Again: nothing comes twice, and what was decided here stays.
SELECT moderation.remove_check(check_id) FROM moderation.checks WHERE body = 'fine' AND package_id = (SELECT package_id FROM moderation.packages WHERE name = 'exports all copy');
SELECT moderation.add_check('exports all copy', 'fine', 'hit') > 0 AS added;
SELECT added, removed FROM moderation.import_package(:'exported', name => 'exports all copy');
SELECT expect, body FROM moderation.checks WHERE package_id = (SELECT package_id FROM moderation.packages WHERE name = 'exports all copy') AND body IS NOT NULL ORDER BY body;
-- A rule that names a package which is not here.
CALL t.fails(format($$SELECT moderation.import_package(%L, name => 'new')$$, jsonb_set(:'exported', '{package,rules,0,with}', '["not here", "nor here"]')));
CALL t.fails(format($$SELECT moderation.import_package(%L, name => 'new')$$, jsonb_set(:'exported', '{package,rules,0,action}', '"ban"')));
CALL t.fails(format($$SELECT moderation.import_package(%L, name => 'new')$$, jsonb_set(:'exported', '{checks,0,expect}', '"perhaps"')));
CALL t.fails(format($$SELECT moderation.import_package(%L, name => 'new')$$, left(:'exported', -1)));
SET pg_moderation.max_import_bytes = '1kB';
SELECT set_config('t.exported', :'exported', false) IS NOT NULL AS kept;
DO $$ BEGIN
    PERFORM moderation.import_package(current_setting('t.exported')::jsonb, name => 'new');
EXCEPTION WHEN program_limit_exceeded THEN RAISE NOTICE '%', regexp_replace(SQLERRM, '\d+', 'N');
END $$;
RESET pg_moderation.max_import_bytes;
SELECT count(*) AS none_came FROM moderation.packages WHERE name = 'new';
SELECT t.retire_all();
