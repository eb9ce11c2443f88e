-- Runs: chunks, progress, failures that are listed and tried again, samples with intervals.
-- Runs are counted from 1, whatever ran before.
TRUNCATE moderation.backtest_runs, moderation.backtest_chunks, moderation.backtest_results, moderation.rescan_runs RESTART IDENTITY;
SELECT t.retire_all();
CREATE SCHEMA btr;
CREATE TABLE btr.ads (ad_id int PRIMARY KEY, body text);
INSERT INTO btr.ads SELECT n, CASE n % 4 WHEN 0 THEN 'old' WHEN 1 THEN 'new' WHEN 2 THEN 'old new' ELSE 'none' END FROM generate_series(1, 1000) n;
SELECT moderation.create_package('btr', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('btr', ARRAY['old']);
SELECT moderation.publish_package('btr');
SELECT moderation.remove_terms('btr', ARRAY['old']);
SELECT * FROM moderation.add_terms('btr', ARRAY['new']);
CREATE VIEW btr.progress AS SELECT package, release, against, source, sample, state, workers, chunks, chunks_done, chunks_failed, rows_planned, rows_done,
    gained, lost, last_error, time_left IS NOT NULL AS has_time_left FROM moderation.backtest_progress ORDER BY run_id DESC LIMIT 1;
SELECT moderation.start_backtest('btr', 'btr.ads', key => 'ad_id', fields => '{body}', chunk_rows => 300) AS run \gset
SELECT * FROM btr.progress;
CALL moderation.run_backtest(:run);
SELECT * FROM btr.progress;
SELECT chunk, above, up_to, state, attempts, rows FROM moderation.backtest_chunks WHERE run_id = :run ORDER BY chunk;
-- What a run stores is what one statement gives; its summary too.
SELECT count(*) AS differ FROM ((SELECT * FROM moderation.run_rows(:run) EXCEPT ALL SELECT * FROM moderation.backtest_package('btr', 'btr.ads', 'ad_id', '{body}'))
    UNION ALL (SELECT * FROM moderation.backtest_package('btr', 'btr.ads', 'ad_id', '{body}') EXCEPT ALL SELECT * FROM moderation.run_rows(:run))) d;
SELECT count(*) AS differ FROM ((SELECT s::text FROM moderation.backtest_summary(:run) s EXCEPT ALL SELECT s::text FROM moderation.backtest_summary('btr', 'btr.ads', 'ad_id', '{body}') s)) d;
-- Calling it again does nothing.
CALL moderation.run_backtest(:run);
SELECT max(attempts) FROM moderation.backtest_chunks WHERE run_id = :run;
-- One chunk fails: the others stay, it is listed, the next call tries it again.
CREATE TABLE btr.divisor (n int);
INSERT INTO btr.divisor VALUES (450);
SET search_path = btr, public;
SELECT moderation.start_backtest('btr', 'SELECT ad_id, body || (SELECT 1 / (ad_id - d.n) FROM divisor d) AS body FROM ads', 'ad_id', '{body}', chunk_rows => 300) AS run \gset
RESET search_path;
CALL moderation.run_backtest(:run);
SELECT state, chunks_done, chunks_failed, last_error FROM btr.progress;
SELECT chunk, state, attempts, error_code, error FROM moderation.backtest_chunks WHERE run_id = :run ORDER BY chunk;
UPDATE btr.divisor SET n = -1;
CALL moderation.run_backtest(:run);
SELECT state, chunks_done, chunks_failed, gained, lost FROM btr.progress;
SELECT chunk, state, attempts, error_code FROM moderation.backtest_chunks WHERE run_id = :run ORDER BY chunk;
-- A column dropped, a draft changed, a table dropped, after the start: every chunk says so.
CREATE TABLE btr.short AS SELECT * FROM btr.ads WHERE ad_id <= 10;
SELECT moderation.start_backtest('btr', 'btr.short', 'ad_id', '{body}') AS run \gset
ALTER TABLE btr.short DROP COLUMN body;
CALL moderation.run_backtest(:run);
SELECT state, last_error FROM btr.progress;
ALTER TABLE btr.short ADD COLUMN body text DEFAULT 'new';
SELECT * FROM moderation.add_terms('btr', ARRAY['newer']);
CALL moderation.run_backtest(:run);
SELECT moderation.publish_package('btr', stage => 'shadow');
SELECT moderation.start_backtest('btr', 'btr.short', 'ad_id', '{body}', release => 2) AS run \gset
SELECT * FROM moderation.add_terms('btr', ARRAY['newest']);
CALL moderation.run_backtest(:run);
SELECT state, gained FROM btr.progress;
SELECT moderation.start_backtest('btr', 'btr.short', 'ad_id', '{body}') AS run \gset
DROP TABLE btr.short;
CALL moderation.run_backtest(:run);
SELECT state, last_error LIKE 'the table of backtest run % does not exist any more' AS says_so FROM btr.progress;
-- Between two chunks: a column goes, a right goes. What was done stays; what failed is done when they are back.
CREATE TABLE btr.between AS SELECT ad_id, body FROM btr.ads WHERE ad_id <= 30;
CREATE ROLE btr_reader;
GRANT USAGE ON SCHEMA btr, t TO btr_reader;
GRANT SELECT ON btr.between TO btr_reader;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA moderation TO btr_reader;
SET ROLE btr_reader;
SELECT moderation.start_backtest('btr', 'btr.between', 'ad_id', '{body}', release => 2, chunk_rows => 10) AS run \gset
SELECT moderation.work_chunk(:run, clock_timestamp());
RESET ROLE;
ALTER TABLE btr.between RENAME body TO gone;
SET ROLE btr_reader;
SELECT moderation.work_chunk(:run, clock_timestamp());
RESET ROLE;
ALTER TABLE btr.between RENAME gone TO body;
REVOKE SELECT ON btr.between FROM btr_reader;
SET ROLE btr_reader;
CALL moderation.run_backtest(:run);
RESET ROLE;
SELECT chunk, state, attempts, rows, error_code FROM moderation.backtest_chunks WHERE run_id = :run ORDER BY chunk;
GRANT SELECT ON btr.between TO btr_reader;
SET ROLE btr_reader;
CALL moderation.run_backtest(:run);
RESET ROLE;
SELECT chunk, state, attempts, rows, error_code FROM moderation.backtest_chunks WHERE run_id = :run ORDER BY chunk;
DROP TABLE btr.between;
DROP OWNED BY btr_reader;
DROP ROLE btr_reader;
-- A release that no longer compiles.
SELECT moderation.start_backtest('btr', 'btr.ads', 'ad_id', '{body}', release => 2) AS run \gset
UPDATE moderation.releases SET terms = terms + 1 WHERE release = 2 AND package_id = (SELECT package_id FROM moderation.packages WHERE name = 'btr');
-- In a new session, which has not compiled it yet.
\c -
CALL moderation.run_backtest(:run);
CALL t.fails($$SELECT * FROM moderation.backtest_package('btr', 'btr.ads', 'ad_id', '{body}', release => 2)$$);
UPDATE moderation.releases SET terms = terms - 1 WHERE release = 2 AND package_id = (SELECT package_id FROM moderation.packages WHERE name = 'btr');
CALL moderation.run_backtest(:run);
SELECT state, chunks_failed FROM btr.progress;
-- Before is fixed when the run begins: a publish in between does not change it.
SELECT moderation.start_backtest('btr', 'btr.ads', 'ad_id', '{body}', release => 2) AS run \gset
SELECT moderation.publish_package('btr');
CALL moderation.run_backtest(:run);
SELECT against, gained, lost FROM btr.progress;
-- A sample with its intervals.
SELECT moderation.start_backtest('btr', 'btr.ads', 'ad_id', '{body}', release => 2, against => 1, sample => 0.5) AS run \gset
CALL moderation.run_backtest(:run);
SELECT change, judged BETWEEN 400 AND 600 AS about_half, share_low < share AND share < share_high AS inside,
       total_low <= real.n AND real.n <= total_high AS covers
FROM moderation.backtest_estimate(:run) e LEFT JOIN (VALUES ('gained', 250), ('lost', 250), ('same', 250)) real(c, n) ON real.c = e.change::text WHERE contents > 0;
-- Keys: none, repeated, of every kind, without an index; no row at all.
CREATE TABLE btr.keys (a int, t text, u uuid, at timestamptz, d numeric, body text);
INSERT INTO btr.keys SELECT n / 2, 'k' || n, md5(n::text)::uuid, '2020-01-01 12:00+3'::timestamptz + n * interval '1 hour', n / 3.0, 'new' FROM generate_series(1, 40) n;
CREATE PROCEDURE btr.whole(key name) LANGUAGE plpgsql AS $$
DECLARE id bigint := moderation.start_backtest('btr', 'btr.keys', key, '{body}', release => 2, against => 1, chunk_rows => 7);
BEGIN
    COMMIT;
    CALL moderation.run_backtest(id);
    RAISE NOTICE '%: % chunks, % rows', key, (SELECT count(*) FROM moderation.backtest_chunks c WHERE c.run_id = id AND state = 'done'), (SELECT count(*) FROM moderation.run_rows(id));
END $$;
CALL btr.whole('a');
CREATE INDEX ON btr.keys (a);
CALL btr.whole('a');
CALL btr.whole('t');
CALL btr.whole('u');
SET timezone = 'Asia/Tokyo';
SET datestyle = 'German, DMY';
CALL btr.whole('at');
RESET timezone;
RESET datestyle;
CALL btr.whole('d');
SELECT moderation.start_backtest('btr', 'btr.keys', 'd', '{body}', release => 2, chunk_rows => 2) AS run \gset
SELECT chunks FROM btr.progress;
UPDATE btr.keys SET a = NULL WHERE a = 3;
CALL t.fails($$SELECT moderation.start_backtest('btr', 'btr.keys', 'a', '{body}', release => 2)$$);
DELETE FROM btr.keys;
CALL btr.whole('a');
-- Bad input; who may work on a run.
CALL t.fails($$SELECT moderation.start_backtest('btr', 'btr.ads', 'ad_id', '{body}', chunk_rows => 0)$$);
CALL t.fails($$SELECT moderation.start_backtest('btr', 'btr.ads', 'ad_id', '{body}', sample => 2)$$);
CALL t.fails($$SELECT moderation.start_backtest('btr', 'btr.ads', 'ad_id', '{body}', release => 77)$$);
CALL t.fails($$CALL moderation.run_backtest(0)$$);
CREATE ROLE btr_other;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA moderation TO btr_other;
SET ROLE btr_other;
CALL t.fails(format('SELECT moderation.drop_backtest(%s)', :run));
CALL t.fails($$SELECT moderation.start_backtest('btr', 'SELECT ad_id, body FROM btr.ads', 'ad_id', '{body}')$$);
RESET ROLE;
DROP OWNED BY btr_other;
DROP ROLE btr_other;
SELECT count(moderation.drop_backtest(run_id)) > 5 AS dropped FROM moderation.backtest_runs;
SELECT (SELECT count(*) FROM moderation.backtest_chunks) AS chunks, (SELECT count(*) FROM moderation.backtest_results) AS results;
SELECT t.retire_all();
