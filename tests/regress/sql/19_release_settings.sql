-- Everything that can change a verdict is part of a release: shown by diff_releases, in the content hash, met by a rescan.
SELECT moderation.create_policy('d19', severity => 2) > 0 AS created;
SELECT moderation.create_package('d19', action => 'block') > 0 AND moderation.create_package('other19') > 0 AS created;
-- An image alone can be asked for.
SELECT * FROM moderation.add_images('d19', ARRAY[repeat('0f', 32)]::moderation.pdqhash[], label => 'logo');
SELECT moderation.request_publish('d19') > 0 AS requested;
SELECT * FROM moderation.add_images('d19', ARRAY[repeat('3c', 32)]::moderation.pdqhash[]);
SELECT moderation.add_video('d19', 'clip', ARRAY[ROW(0, repeat('a5', 32), 100, 0.5), ROW(1, repeat('5a', 32), 100, 1.5)]::moderation.video_frame[]) > 0 AS added;
SELECT * FROM moderation.add_terms('d19', ARRAY['casino']);
SELECT moderation.publish_package('d19') AS release;
CREATE VIEW t.diff AS SELECT term, change, before, after FROM moderation.diff_releases('d19', 1) ORDER BY item_id NULLS FIRST;
SELECT count(*) AS nothing FROM t.diff;
-- One setting after the other.
SELECT moderation.set_max_distance('d19', 12, note => 'too many look-alikes');
SELECT * FROM t.diff;
SELECT moderation.set_verdict_rules('d19', '[{"action": "block", "with": ["other19"]}]', note => 'together');
SELECT * FROM t.diff;
SELECT moderation.alter_package('d19', action => 'review', threshold => 0.5, policy => 'd19');
SELECT * FROM t.diff;
SELECT moderation.publish_package('d19') AS release;
SELECT * FROM moderation.diff_releases('d19', 2, 1);
SELECT count(DISTINCT content_hash) AS hashes FROM moderation.releases JOIN moderation.packages USING (package_id) WHERE name = 'd19';
-- Items of every kind, by what people call them; a video with the number of its frames.
SELECT moderation.update_items('d19', ARRAY(SELECT item_id FROM moderation.current_items WHERE package = 'd19' AND kind <> 'video'), weight => 2);
SELECT moderation.remove_items('d19', ARRAY(SELECT item_id FROM moderation.current_items WHERE package = 'd19' AND kind = 'video'), note => 'no video any more');
SELECT * FROM moderation.allow_images('d19', ARRAY[repeat('f0', 32)]::moderation.pdqhash[], label => 'harmless');
SELECT d.term, d.change, d.before, d.after FROM moderation.diff_releases('d19', 2) d ORDER BY d.item_id;
-- Rules know packages by name.
CALL t.fails($$SELECT moderation.rename_package('other19', 'another19')$$);
SELECT moderation.set_verdict_rules('d19', NULL);
CALL t.fails($$SELECT moderation.rename_package('other19', 'another19')$$);
SELECT moderation.publish_package('d19') AS release;
SELECT moderation.rename_package('other19', 'another19');
-- Another distance concerns stored rows.
CREATE TABLE t.rows19 (id int PRIMARY KEY, pic moderation.pdqhash, verdict jsonb);
SELECT moderation.attach('t.rows19', id => 'id', image => '{pic}', text => '{}', verdict_column => 'verdict') > 0 AS attached;
INSERT INTO t.rows19 VALUES (1, ('ffff' || repeat('0f', 30))::moderation.pdqhash), (2, repeat('0f', 32)::moderation.pdqhash);
CALL moderation.rescan('t.rows19');
SELECT id, verdict ->> 'action' AS action FROM t.rows19 ORDER BY id;
SELECT moderation.set_max_distance('d19', 4);
SELECT moderation.publish_package('d19') AS release;
CALL moderation.rescan('t.rows19');
SELECT id, verdict ->> 'action' AS action FROM t.rows19 ORDER BY id;
DROP VIEW t.diff;
DROP TABLE t.rows19;
SELECT t.retire_all();
TRUNCATE moderation.hits, moderation.exposures;
