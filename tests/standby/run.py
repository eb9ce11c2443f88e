"""A hot standby judges like its primary, follows its publishes, and reading writes nothing anywhere."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from cluster import Tap, cluster, server  # noqa: E402

SETUP = """
CREATE EXTENSION pg_moderation;
DO $$ BEGIN
  PERFORM moderation.create_package('p', action => 'block');
  PERFORM moderation.add_terms('p', ARRAY['old']);
  PERFORM moderation.publish_package('p');
  PERFORM moderation.remove_terms('p', ARRAY['old']);
  PERFORM moderation.add_terms('p', ARRAY['new']);
END $$;
CREATE TABLE texts AS
  SELECT n AS id, CASE n % 3 WHEN 0 THEN 'an old ad ' WHEN 1 THEN 'a new ad ' ELSE 'an ad ' END || n AS body
  FROM generate_series(1, 20000) n;
CREATE TABLE ads (ad_id bigint PRIMARY KEY, body text);
SELECT moderation.attach('ads', id => 'ad_id', text => '{body}', on_block => 'reject');
VACUUM ANALYZE;
"""
JUDGE = """
SELECT moderation.matches('old', 'p'), moderation.matches('new', 'p'), (moderation.moderate_text('old new')).hits->0->>'term',
       (SELECT string_agg(h.term || ' by ' || h.release, ', ') FROM moderation.text_hits('old new') h)
"""
OLD, NEW, NONE = "t|f|old|old by 1", "f|t|new|new by 2", "f|f||"
PARALLEL = (
    "SET max_parallel_workers_per_gather = 3; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;"
    "SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off"
)
COUNT = "SELECT count(*), min(h.term) FROM texts, moderation.text_hits(body) h"


def reading_writes_nothing(tap, primary):
    """Many reads on the primary leave no WAL and take no XID."""
    reads = f"{JUDGE}; {COUNT}; SELECT count((moderation.moderate_text(body)).action) FROM texts;"
    with primary.session() as session:
        # What any first look does, whoever takes it: catalog pages are pruned and get hint bits.
        session.query("CHECKPOINT; SELECT count(*) FROM pg_class, pg_attribute")
        session.query(reads * 2)
        state = "SELECT pg_current_wal_insert_lsn(), pg_snapshot_xmax(pg_current_snapshot())"
        # Once a session logs its running transactions (every 15 s at most) this differs without anybody's doing.
        for _ in range(3):
            before = session.query(state)
            session.query(reads * 20)
            session.query("BEGIN ISOLATION LEVEL REPEATABLE READ;" + reads + "COMMIT;")
            with primary.session() as fresh:
                fresh.query(reads)
            after = session.query(state)
            if before == after:
                break
        tap.equal(after, before, "reading on the primary writes no WAL and takes no XID")
        tap.equal(session.errors, "", "without an error")


def follows(tap, primary, standby):
    """Sessions of the standby see a publish as soon as it is replayed, those with a cache too."""
    with standby.session() as cached, standby.session() as long, standby.session() as repeatable:
        for session in (cached, long, repeatable):
            tap.equal(session.query(JUDGE), OLD, "the standby judges by release 1")
        long.query("BEGIN")
        long.query(JUDGE)
        repeatable.query("BEGIN ISOLATION LEVEL REPEATABLE READ")
        repeatable.query(JUDGE)
        cached.query("BEGIN; DECLARE c CURSOR FOR SELECT moderation.matches('old ' || n, 'p') FROM generate_series(1, 9) n; FETCH c")
        with primary.session() as publisher:
            publisher.query("BEGIN; SELECT moderation.publish_package('p')")
            primary.psql("SELECT pg_current_xact_id()")  # something newer that is committed, so that the standby moves on
            primary.wait_for_standby(standby)
            tap.equal(long.query(JUDGE), OLD, "an uncommitted publish of the primary is not seen")
            publisher.query("ROLLBACK")
        primary.psql("SELECT moderation.publish_package('p')")
        primary.wait_for_standby(standby)
        tap.equal(long.query(JUDGE), NEW, "a publish is seen in a transaction that began before")
        tap.equal(repeatable.query(JUDGE), OLD, "but not under an older snapshot")
        tap.equal(cached.query("FETCH c"), "t", "an older cursor goes on with the old release")
        tap.equal(cached.query(JUDGE), NEW, "beside it a new statement judges by the new one")
        tap.equal(cached.query("FETCH c"), "t", "and the cursor again by the old one")
        tap.equal(repeatable.query("COMMIT;" + JUDGE), NEW, "the next transaction sees it")
        cached.query("COMMIT")
        tap.equal(standby.value(JUDGE), NEW, "a new session sees it")
        long.query("COMMIT")
        for release in range(3, 23):
            primary.psql(f"BEGIN; SELECT moderation.add_terms('p', ARRAY['term {release}']); SELECT moderation.publish_package('p'); COMMIT")
            primary.wait_for_standby(standby)
            got = [s.query("SELECT max(h.release) FROM moderation.text_hits('new') h") for s in (cached, long)]
            if got != [str(release)] * 2:
                break
        tap.equal(got, ["22", "22"], "twenty publishes in a row are each seen at once")
        primary.psql("SELECT moderation.retire_package('p')")
        primary.wait_for_standby(standby)
        tap.equal(cached.query(JUDGE), NONE, "so is a retired package")
        primary.psql("SELECT moderation.publish_package('p')")
        primary.wait_for_standby(standby)
        item = "ARRAY(SELECT item_id FROM moderation.current_items WHERE package = 'p' AND term = 'new')"
        before = cached.query(JUDGE)
        primary.psql(f"SELECT moderation.snooze_items('p', {item})")
        primary.wait_for_standby(standby)
        tap.equal(cached.query(JUDGE), NONE, "and a snoozed item")
        primary.psql(f"SELECT moderation.unsnooze_items('p', {item})")
        primary.wait_for_standby(standby)
        tap.equal(cached.query(JUDGE), before, "until it counts again")
        past = "SELECT (moderation.moderate_text_as_of('old new', '2020-01-01')).hits"
        tap.equal(cached.query(past), "[]", "the past can be asked there")


def reads(tap, primary, standby):
    """What else a reader does there."""
    with standby.session() as session:
        session.query("SET max_parallel_workers_per_gather = 0")
        serial = session.query(COUNT)
        session.query(PARALLEL)
        plan = json.loads(session.query(f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) {COUNT}"))
        tap.like(json.dumps(plan), '"Workers Launched": 3', "parallel workers are launched on the standby")
        tap.equal(session.query(COUNT), serial, "and find what one process finds")
        tap.equal(serial, "6667|new", "which is right")
        session.query("SET %s = on" % ("debug_parallel_query" if server().major >= 16 else "force_parallel_mode"))
        tap.equal(session.query("SELECT moderation.matches('new', 'p')"), "t", "a single call in a worker")
        tap.equal(session.query("SELECT count(*) FROM moderation.text_hits('old new', 'p', release => 1)"), "1", "an older release")
        tap.equal(session.query("SELECT count(*) > 1 FROM moderation.text_hits('new term 7', 'p', draft => true)"), "t", "a draft")
        tap.equal(session.query("SELECT count(*) FROM moderation.in_force"), "1", "views")
        tap.equal(session.errors, "", "without an error")
        session.query("SELECT moderation.publish_package('p')")
        tap.like(session.errors, "read-only transaction", "publishing there is refused")
        session.query("SELECT moderation.collect_rejected()")
        tap.equal(session.errors, "", "there is nothing to collect, and no error")
        tap.like(session.query(JUDGE), "new by", "and the session goes on")


# Prepared before the times come, with a plan that stays; the texts by parallel workers.
PLANS = f"""SET plan_cache_mode = force_generic_plan; {PARALLEL};
PREPARE judge (text) AS SELECT moderation.matches($1, 's'), (moderation.moderate_text($1, 's')).action;
PREPARE texts AS SELECT count(*) FROM texts WHERE moderation.matches(body, 's')"""
ENDS = "EXECUTE judge ('ends'); EXECUTE judge ('begins'); EXECUTE judge ('snoozed'); EXECUTE texts"


def schedules(tap, primary, standby):
    """Times take effect when they come: in cached plans, open sessions, parallel workers, here and there, without a publish.

    A transaction has one time, that of its beginning: those that began before the moments are judged by what was then.
    """
    primary.psql("""SELECT moderation.create_package('s', action => 'block'), moderation.add_terms('s', ARRAY['snoozed']),
      moderation.publish_package('s')""")
    primary.wait_for_standby(standby)
    with primary.session() as here, standby.session() as there:
        for session in (here, there):
            session.query(PLANS)
            session.query("BEGIN;" + ENDS)
        primary.psql("""SELECT moderation.add_terms('s', ARRAY['ends', 'old'], expires_at => clock_timestamp()),
          moderation.add_terms('s', ARRAY['begins', 'new'], valid_from => clock_timestamp()), moderation.publish_package('s'),
          moderation.snooze_items('s', ARRAY(SELECT item_id FROM moderation.current_items WHERE term = 'snoozed'), until => clock_timestamp())""")
        primary.wait_for_standby(standby)
        before, after = "t|block\nf|\nf|\n6666", "f|\nt|block\nt|block\n6667"
        for session, where in ((here, "the primary"), (there, "the standby")):
            tap.equal(session.query(ENDS), before, f"{where}: a transaction that began before the times is before them")
            plan = session.query("EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) EXECUTE texts")
            tap.like(plan, '"Workers Launched": 3', f"{where}: by parallel workers")
            tap.equal(session.query("COMMIT;" + ENDS), after, f"{where}: the next one is after them, by the same plans")
            session.query("BEGIN;" + ENDS)
        primary.psql("SELECT moderation.alter_package('s', expires_at => clock_timestamp())")
        primary.wait_for_standby(standby)
        over = "f|\nf|\nf|\n0"
        for session, where in ((here, "the primary"), (there, "the standby")):
            tap.equal(session.query(ENDS), after, f"{where}: the package is not over yet")
            tap.equal(session.query("COMMIT;" + ENDS), over, f"{where}: and now it is")
    primary.psql("SELECT moderation.retire_package('s')")


def promoted(tap, primary, standby):
    """The standby takes over: sessions with a cache go on, writes work, ids go on."""
    primary.wait_for_standby(standby)
    with standby.session() as cached:
        before = cached.query(JUDGE)
        primary.stop("immediate")
        standby.run("pg_ctl", "promote", "--pgdata", standby.data, "--wait", "--silent")
        tap.equal(cached.query(JUDGE), before, "a session with a cache goes on through the promotion")
        standby.psql("SELECT moderation.add_terms('p', ARRAY['after']); SELECT moderation.publish_package('p')")
        tap.equal(cached.query("SELECT moderation.matches('after', 'p')"), "t", "and follows the first publish after it")
        cached.query("INSERT INTO ads VALUES (1, 'after all')")
        tap.like(cached.errors, "row rejected by moderation", "its triggers reject")
        # The copied claim of the primary's worker may keep a new one away for its first seconds.
        standby.psql("SELECT moderation.collect_rejected()")
        standby.wait_until("SELECT count(*) = 1 FROM moderation.hits WHERE outcome = 'rejected' AND content_key = '1'")
        tap.ok(True, "and the hits arrive")
        tap.equal(standby.value("SELECT count(*) = count(DISTINCT hit_id) AND count(*) = 3 FROM moderation.hits"), "t",
                  "hits that were waiting when the standby was made count once")  # fmt: skip


with Tap() as tap, cluster("standby", {"autovacuum": "off", "max_worker_processes": 8}) as primary:
    primary.psql(SETUP)
    reading_writes_nothing(tap, primary)
    with primary.session() as holder:
        # Two rejects whose hits wait in the spool while the standby is copied, files and all.
        holder.query("BEGIN; LOCK TABLE moderation.hits IN SHARE MODE")
        for key in (101, 102):
            primary.psql(f"INSERT INTO ads VALUES ({key}, 'old')", check=False)
        with primary.standby() as standby:
            holder.query("ROLLBACK")
            primary.wait_until("SELECT count(*) = 2 FROM moderation.hits")
            follows(tap, primary, standby)
            reads(tap, primary, standby)
            schedules(tap, primary, standby)
            promoted(tap, primary, standby)
            tap.equal(standby.crashes(), [], "nothing crashed on the standby")
    tap.equal(primary.crashes(), [], "nothing crashed")
