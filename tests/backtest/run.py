"""Long backtests and rescans under what happens to long work: kill -9, cancel, restart, several sessions, busy writers."""

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from cluster import Tap, cluster  # noqa: E402

ROWS = 2000
CHUNK = 100
SETUP = f"""
CREATE EXTENSION pg_moderation;
CREATE TABLE ads (ad_id int PRIMARY KEY, body text, touched int DEFAULT 0);
INSERT INTO ads SELECT n, CASE n % 4 WHEN 0 THEN 'old' WHEN 1 THEN 'new' WHEN 2 THEN 'old new' ELSE 'none' END
FROM generate_series(1, {ROWS}) n;
DO $$ BEGIN
  PERFORM moderation.create_package('p', action => 'block');
  PERFORM moderation.add_terms('p', ARRAY['old']);
  PERFORM moderation.publish_package('p');
  PERFORM moderation.remove_terms('p', ARRAY['old']);
  PERFORM moderation.add_terms('p', ARRAY['new']);
END $$;
"""
# A source that takes its time: a millisecond a row.
SLOW = "SELECT ad_id, body FROM ads WHERE pg_sleep(0.001) IS NOT NULL"
START = f"SELECT moderation.start_backtest('p', '{SLOW}', 'ad_id', '{{body}}', chunk_rows => {CHUNK})"
DIFFERENCE = """SELECT count(*) FROM (
  (SELECT * FROM moderation.run_rows({run}) EXCEPT ALL SELECT * FROM moderation.backtest_package('p', 'ads', 'ad_id', '{{body}}'))
  UNION ALL
  (SELECT * FROM moderation.backtest_package('p', 'ads', 'ad_id', '{{body}}') EXCEPT ALL SELECT * FROM moderation.run_rows({run}))) d"""


def progress(primary, run, columns):
    return primary.value(f"SELECT {columns} FROM moderation.backtest_progress WHERE run_id = {run}")


def begun(primary, run, chunks=3):
    """Wait until some chunks are done and one is at work."""
    primary.wait_until(
        f"SELECT chunks_done >= {chunks} AND state = 'running' FROM moderation.backtest_progress WHERE run_id = {run}"
    )


def killed(tap, primary):
    """kill -9 in the middle loses the chunk at work and nothing else."""
    run = primary.value(START)
    session = primary.session()
    session.send(f"CALL moderation.run_backtest({run})")
    begun(primary, run)
    done = int(progress(primary, run, "chunks_done"))
    os.kill(session.pid, signal.SIGKILL)
    session.close()
    answers(primary)
    after = int(progress(primary, run, "chunks_done"))
    # The count before was taken before the kill: chunks may have been finished in between.
    tap.ok(after >= done, "every chunk that was done is still done", f"before {done}, after {after}")
    tap.equal(progress(primary, run, "state"), "stopped", "the view says that nobody works on it")
    found = primary.value(f"SELECT count(*) FROM moderation.run_rows({run})")
    tap.equal(found, str(after * CHUNK * 3 // 4), "their results are there, and nothing of the lost chunk")
    primary.psql(f"CALL moderation.run_backtest({run})")
    tap.equal(progress(primary, run, "state, chunks_done, chunks_failed"), f"done|{ROWS // CHUNK}|0", "the next call finishes it")
    tap.equal(primary.value(f"SELECT max(attempts) FROM moderation.backtest_chunks WHERE run_id = {run}"), "1",
              "no finished chunk was judged again")  # fmt: skip
    tap.equal(primary.value(DIFFERENCE.format(run=run)), "0", "the result is that of one statement")


def answers(primary):
    """Wait until the server has recovered."""
    deadline = time.monotonic() + 60
    while True:
        try:
            if primary.value("SELECT 1") == "1":
                return
        except Exception:  # the server is not there yet
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def cancelled(tap, primary):
    """A cancel ends the call, not the run; a restart neither."""
    run = primary.value(START)
    with primary.session() as session:
        session.send(f"CALL moderation.run_backtest({run})")
        begun(primary, run)
        primary.psql(f"SELECT pg_cancel_backend({session.pid})")
        session.wait()
        tap.like(session.errors, "canceling statement due to user request", "a cancel ends the call")
    tap.equal(progress(primary, run, "state, chunks_failed, rows_done > 0, time_left > interval '0'"), "stopped|0|t|t",
              "what was done stays, nothing counts as failed, and the view knows what is left")  # fmt: skip
    session = primary.session()
    session.send(f"CALL moderation.run_backtest({run})")
    begun(primary, run, chunks=int(progress(primary, run, "chunks_done")) + 1)
    primary.stop("fast")
    session.close()
    primary.start()
    tap.equal(progress(primary, run, "state"), "stopped", "after a restart it stands where it stood")
    primary.psql(f"CALL moderation.run_backtest({run})")
    tap.equal(progress(primary, run, "state"), "done", "and is finished by the next call")
    tap.equal(primary.value(DIFFERENCE.format(run=run)), "0", "with the result of one statement")


def together(tap, primary):
    """Several sessions share a run; writers are not held up by it."""
    run = primary.value(START)
    with primary.session() as first, primary.session() as second, primary.session() as writer:
        for session in (first, second):
            session.send(f"CALL moderation.run_backtest({run})")
        primary.wait_until(f"SELECT workers = 2 FROM moderation.backtest_progress WHERE run_id = {run}")
        tap.ok(True, "two sessions work on one run, and the view says so")
        writer.query("SET lock_timeout = '500ms'")
        writer.query("UPDATE ads SET touched = touched + 1; ALTER TABLE ads ALTER COLUMN touched SET STATISTICS 10")
        tap.equal(writer.errors, "", "meanwhile every row of the table can be updated")
        tap.equal(progress(primary, run, "state"), "running", "and the run goes on")
        for session in (first, second):
            session.wait()
            tap.equal(session.errors, "", "a session finishes without an error")
    tap.equal(progress(primary, run, "state, chunks_done"), f"done|{ROWS // CHUNK}", "the run is done")
    tap.equal(primary.value(f"SELECT max(attempts) FROM moderation.backtest_chunks WHERE run_id = {run}"), "1",
              "every chunk was judged once")  # fmt: skip
    tap.equal(primary.value(DIFFERENCE.format(run=run)), "0", "with the result of one statement")


def in_parallel(tap, primary):
    """One statement uses parallel workers: the server itself lists them beside their leader while it runs."""
    source = "SELECT ad_id, body FROM ads WHERE pg_sleep(0.05) IS NOT NULL"
    with primary.session() as session:
        session.query(
            "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;"
            "SET max_parallel_workers_per_gather = 2"
        )
        session.send(f"SELECT count(*) FROM moderation.backtest_package('p', '{source}', 'ad_id', '{{body}}')")
        primary.wait_until(f"SELECT count(*) > 0 FROM pg_stat_activity WHERE leader_pid = {session.pid}")
        tap.ok(True, "a backtest in one statement uses parallel workers")
        primary.psql(f"SELECT pg_cancel_backend({session.pid})")
        session.wait()
        tap.like(session.errors, "canceling statement due to user request", "and ends when it is cancelled")


def rescanned(tap, primary):
    """kill -9 in a rescan: the next call goes on where it stood, and every row ends with the verdict of what is live."""
    primary.psql(
        "SELECT moderation.attach('ads', id => 'ad_id', text => '{body}', verdict_column => 'verdict');"
        "SELECT moderation.publish_package('p')"
    )
    session = primary.session()
    session.send(f"CALL moderation.rescan('ads', chunk_rows => {CHUNK // 4})")
    primary.wait_until(
        "SELECT count(*) > 0 FROM moderation.backtest_progress WHERE kind = 'rescan' AND chunks_done > 3 AND state = 'running'"
    )
    os.kill(session.pid, signal.SIGKILL)
    session.close()
    answers(primary)
    done = primary.value("SELECT chunks_done FROM moderation.backtest_progress WHERE kind = 'rescan'")
    tap.ok(int(done) > 3, "after kill -9 the chunks done are done", done)
    primary.psql(f"CALL moderation.rescan('ads', chunk_rows => {CHUNK // 4})")
    tap.equal(primary.value("SELECT count(*), max(state) FROM moderation.backtest_progress WHERE kind = 'rescan'"), "1|done",
              "the next call finishes the same run")  # fmt: skip
    tap.equal(primary.value("SELECT count(*) FROM ads WHERE (verdict IS NOT NULL) <> moderation.matches(body, 'p')"), "0",
              "every row has the verdict of what is live")  # fmt: skip
    tap.equal(primary.value("SELECT count(*) = count(DISTINCT content_key) FROM moderation.hits"), "t", "no hit is recorded twice")
    tap.equal(primary.value("SELECT is_current FROM moderation.rescan_status"), "t", "the source is up to date")


def main():
    with Tap() as tap, cluster("backtest", {"restart_after_crash": "on"}) as primary:
        primary.psql(SETUP)
        killed(tap, primary)
        cancelled(tap, primary)
        together(tap, primary)
        in_parallel(tap, primary)
        rescanned(tap, primary)


main()
