-- Partitioned tables: sub-partitions, other column orders, partitions that come later, rows that move.
SET pg_moderation.exposure_sample = 0;
SELECT moderation.create_package('part', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('part', ARRAY['casino']);
SELECT moderation.publish_package('part');
CREATE TABLE t.parts (id int, region text, body text, n int DEFAULT 0, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE t.parts_eu PARTITION OF t.parts FOR VALUES IN ('eu');
CREATE TABLE t.parts_us PARTITION OF t.parts FOR VALUES IN ('us') PARTITION BY RANGE (id);
CREATE TABLE t.parts_us_1 PARTITION OF t.parts_us FOR VALUES FROM (0) TO (100);
-- Columns in another order, with a dropped one between.
CREATE TABLE t.parts_us_2 (dropped int, n int DEFAULT 0, body text, region text NOT NULL, id int NOT NULL);
ALTER TABLE t.parts_us_2 DROP COLUMN dropped;
ALTER TABLE t.parts_us ATTACH PARTITION t.parts_us_2 FOR VALUES FROM (100) TO (200);
SELECT moderation.attach('t.parts', id => 'id', text => '{body}', verdict_column => 'verdict') > 0 AS attached;
INSERT INTO t.parts VALUES (1, 'eu', 'casino'), (2, 'us', 'casino'), (102, 'us', 'casino'), (3, 'eu', 'x')
    RETURNING tableoid::regclass, id, verdict->>'action' AS action;
-- Into a partition directly.
INSERT INTO t.parts_us_2 (id, region, body) VALUES (103, 'us', 'casino') RETURNING verdict->>'action' AS action;
UPDATE t.parts_us_2 SET body = 'x' WHERE id = 103 RETURNING verdict;
SELECT source, key, term, field FROM t.recorded;
-- Partitions that come later: a new one, and a table that was there before.
CREATE TABLE t.parts_as PARTITION OF t.parts FOR VALUES IN ('as');
CREATE TABLE t.parts_af (verdict jsonb, body text, id int NOT NULL, n int, region text NOT NULL);
INSERT INTO t.parts_af (id, region, body) VALUES (50, 'af', 'casino of old');
ALTER TABLE t.parts ATTACH PARTITION t.parts_af FOR VALUES IN ('af');
INSERT INTO t.parts VALUES (4, 'as', 'casino'), (5, 'af', 'casino') RETURNING tableoid::regclass, id, verdict->>'action' AS action;
SELECT key, count(*) FROM t.recorded GROUP BY key ORDER BY key;
-- A partition is attached by its parent, not by itself; it cannot be attached or detached alone.
CALL t.fails($$SELECT moderation.attach('t.parts_eu', id => 'id', text => '{body}')$$);
CALL t.fails($$SELECT moderation.detach('t.parts_eu')$$);
-- Moving between partitions records nothing new, a new text does.
UPDATE t.parts SET region = 'us' WHERE id = 1;
SELECT tableoid::regclass, id, verdict->>'action' AS action FROM t.parts WHERE id = 1;
SELECT key, outcome, count(*) FROM t.recorded WHERE key = '1' GROUP BY 1, 2;
UPDATE t.parts SET region = 'eu', body = 'another casino' WHERE id = 1;
SELECT tableoid::regclass, id, verdict->>'action' AS action FROM t.parts WHERE id = 1;
SELECT key, matched, start, count(*) FROM t.recorded WHERE key = '1' GROUP BY 1, 2, 3 ORDER BY 3;
-- Out of the partitioned table, out of moderation.
ALTER TABLE t.parts DETACH PARTITION t.parts_as;
INSERT INTO t.parts_as VALUES (6, 'as', 'casino') RETURNING verdict;
SELECT moderation.detach('t.parts');
SELECT count(*) AS triggers_left FROM pg_trigger WHERE tgrelid IN (SELECT relid FROM pg_partition_tree('t.parts')) AND tgname LIKE '%moderation%';

-- Quarantine and reject: a row that was stored before the word became a risk moves, and is neither lost nor refused.
SELECT moderation.attach('t.parts', id => 'id', text => '{body}', on_block => 'quarantine') > 0 AS attached;
INSERT INTO t.parts VALUES (10, 'eu', 'poker'), (11, 'eu', 'poker'), (12, 'eu', 'fine');
SELECT * FROM moderation.add_terms('part', ARRAY['poker']);
SELECT moderation.publish_package('part');
UPDATE t.parts SET region = 'us' WHERE id = 10;
UPDATE t.parts SET region = 'us', id = id + 100 WHERE id = 11;
UPDATE t.parts SET region = 'us', body = 'poker too' WHERE id = 12;
SELECT tableoid::regclass, id, body FROM t.parts WHERE body LIKE 'poker%' OR id = 12 ORDER BY id;
SELECT operation, content_key, changed FROM moderation.quarantine ORDER BY quarantine_id;
-- A quarantined update that changes the partition and the key is released into both.
UPDATE t.parts SET region = 'us', body = 'poker', id = 112 WHERE id = 12;
SELECT operation, content_key, stored_key, changed FROM moderation.quarantine ORDER BY quarantine_id DESC LIMIT 1;
SELECT moderation.release_quarantined(max(quarantine_id)) FROM moderation.quarantine;
SELECT tableoid::regclass, id, body FROM t.parts WHERE id IN (12, 112);
SELECT moderation.detach('t.parts');
SELECT moderation.attach('t.parts', id => 'id', text => '{body}', on_block => 'reject') > 0 AS attached;
UPDATE t.parts SET region = 'eu' WHERE id = 10;
SELECT tableoid::regclass, id FROM t.parts WHERE id = 10;
-- The same text as a new row is refused all the same.
\set VERBOSITY sqlstate
INSERT INTO t.parts VALUES (14, 'eu', 'poker');
UPDATE t.parts SET body = 'poker again' WHERE id = 10;
UPDATE t.parts SET body = 'poker again', region = 'us' WHERE id = 10;
\set VERBOSITY default
DROP TABLE t.parts, t.parts_as;
SELECT t.retire_all();
CALL t.collect_all();
TRUNCATE moderation.hits, moderation.quarantine;
