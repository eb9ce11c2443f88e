"""What several sessions see of each other where the isolation tester cannot look: parallel workers, databases of one
cluster, long statements and their memory, many publishes under many readers."""

import json
import re
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from cluster import Tap, cluster, server  # noqa: E402

PACKAGE = """
DO $$ BEGIN
  PERFORM moderation.create_package('p', action => 'block');
  PERFORM moderation.add_terms('p', ARRAY['old']);
  PERFORM moderation.publish_package('p');
  PERFORM moderation.remove_terms('p', ARRAY['old']);
  PERFORM moderation.add_terms('p', ARRAY['new']);
END $$;
"""
MEGABYTE = 1024 * 1024


def explained(session, sql):
    """Workers launched for a query, from EXPLAIN ANALYZE."""
    plan = json.loads(session.query(f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) {sql}"))
    found = []

    def walk(node):
        found.append(node.get("Workers Launched", 0))
        for child in node.get("Plans", []):
            walk(child)

    walk(plan[0]["Plan"])
    return max(found)


def parallel(tap, primary):
    """Parallel workers judge like the session they work for, and take no transaction id."""
    primary.psql(
        "CREATE TABLE texts AS SELECT n AS id, CASE n % 3 WHEN 0 THEN 'an old ad ' WHEN 1 THEN 'a new ad ' ELSE 'an ad ' END"
        " || n AS body FROM generate_series(1, 20000) n; ANALYZE texts"
    )
    count = "SELECT count(*) FROM texts WHERE moderation.matches(body, 'p')"
    verdicts = (
        "SELECT md5(string_agg(v, ',' ORDER BY id)) FROM (SELECT id, (moderation.moderate_text(body))::text AS v FROM texts) j"
    )
    hits = "SELECT count(*), min(h.term), max(h.release) FROM texts, moderation.text_hits(body, 'p') h"
    force = "debug_parallel_query" if server().major >= 16 else "force_parallel_mode"
    on = (
        "SET max_parallel_workers_per_gather = 3; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;"
        "SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off"
    )
    with primary.session() as session, primary.session() as other:
        session.query("SET max_parallel_workers_per_gather = 0")
        serial = [session.query(query) for query in (count, verdicts, hits)]
        tap.equal(serial[0], "6666", "the serial result is right")
        session.query(on)
        for name, query, wanted in zip(("matches", "moderate_text", "text_hits"), (count, verdicts, hits), serial):
            tap.ok(explained(session, query) > 0, f"{name}: workers are launched")
            tap.equal(session.query(query), wanted, f"{name}: they find what one process finds")
        session.query(f"SET {force} = on")
        tap.equal(session.query("SELECT moderation.matches('old', 'p'), (moderation.moderate_text('old')).action"), "t|block",
                  "a single call in a worker")  # fmt: skip
        session.query("BEGIN")
        session.query(count)
        session.query(verdicts)
        session.query(hits)
        session.query("SELECT count(*) FROM moderation.text_hits('old new', 'p', draft => true)")
        tap.equal(session.query("SELECT pg_current_xact_id_if_assigned() IS NULL"), "t", "reading in parallel takes no XID")
        session.query(f"SET {force} = off")
        # Its own publish, before the commit: the workers see it, the other session's workers do not.
        session.query("SELECT moderation.publish_package('p')")
        tap.ok(explained(session, hits) > 0, "workers are launched after an own publish")
        tap.equal(session.query(hits), "6667|new|2", "workers see their session's uncommitted publish")
        other.query(on)
        tap.equal(other.query(hits), "6666|old|1", "those of another session do not")
        session.query("SAVEPOINT a; SELECT moderation.retire_package('p')")
        tap.equal(session.query(hits), "0||", "workers see what follows in a savepoint")
        session.query("ROLLBACK TO a")
        tap.equal(session.query(hits), "6667|new|2", "and that it was rolled back")
        other.query("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        session.query("COMMIT")
        tap.equal(other.query(hits), "6666|old|1", "workers of an older snapshot judge by the old release")
        other.query("COMMIT")
        tap.equal(other.query(hits), "6667|new|2", "and after it by the new one")
        tap.equal(session.errors + other.errors, "", "no error anywhere")
    primary.psql("DROP TABLE texts")


def inside_one_statement(tap, primary):
    """A statement that runs on takes a new snapshot for each of its own statements, and judges by it."""
    primary.psql("SELECT moderation.retire_package('p')")
    loop = (
        "BEGIN FOR i IN 1..1000 LOOP {commit} EXIT WHEN moderation.matches('new', 'p'); PERFORM pg_sleep(0.01);"
        " END LOOP; RAISE NOTICE 'seen: %', moderation.matches('new', 'p'); END"
    )
    for name, commit in (("one transaction", ""), ("transactions of its own", "COMMIT;")):
        with primary.session() as session:
            session.query("SELECT moderation.matches('new', 'p')")
            session.send(f"DO $$ {loop.format(commit=commit)} $$")
            time.sleep(0.3)
            primary.psql("SELECT moderation.publish_package('p')")
            session.wait(20)
            tap.like(session.errors, "seen: t", f"a loop in {name} sees a publish that commits meanwhile")
        primary.psql("SELECT moderation.retire_package('p')")
    primary.psql("SELECT moderation.publish_package('p')")


def forgotten_messages(tap, primary):
    """A session that slept through more invalidations than the server keeps starts afresh."""
    with primary.session() as sleeper:
        before = sleeper.query("SELECT term FROM moderation.text_hits('old new', 'p')")
        primary.psql("BEGIN; SELECT moderation.add_terms('p', ARRAY['slept']); SELECT moderation.publish_package('p'); COMMIT")
        primary.psql("DO $$ BEGIN FOR i IN 1..300 LOOP CREATE TEMP TABLE t (a int, b text); DROP TABLE t; END LOOP; END $$")
        tap.equal(before, "new", "a session has cached")
        tap.equal(sleeper.query("SELECT moderation.matches('slept', 'p')"), "t", "and sees the publish that it slept through")


def maintenance(tap, primary):
    """Judging inside what PostgreSQL restricts: materialized views, and roles without rights on the material."""
    primary.psql("CREATE ROLE analyst; GRANT CREATE, USAGE ON SCHEMA public TO analyst")
    with primary.session() as session:
        session.query("SET ROLE analyst")
        session.query("CREATE MATERIALIZED VIEW judged AS SELECT b, moderation.matches(b, 'p') AS hit FROM (VALUES ('new'), ('x')) t(b)")
        session.query("REFRESH MATERIALIZED VIEW judged")
        tap.equal((session.query("SELECT * FROM judged"), session.errors), ("new|t\nx|f", ""), "a materialized view of a role without rights")
        session.query("SELECT count(*) FROM moderation.item_versions")
        tap.like(session.errors, "permission denied", "which cannot read the material")
        session.query("SELECT moderation.matches('new', 'p') OR 1 / 0 = 1")
        session.query("SELECT current_user, count(*) FROM moderation.item_versions")
        tap.like(session.errors, "permission denied", "nor after an error in a statement that judged")


def hammer(tap, primary):
    """Many publishes under many readers: once its COMMIT has returned, no statement judges by an older release."""
    primary.psql("DO $$ BEGIN PERFORM moderation.create_package('busy'); PERFORM moderation.add_terms('busy', ARRAY['busy']);"
                 " PERFORM moderation.publish_package('busy'); END $$")  # fmt: skip
    newest = [1]
    late, judged, errors = [], [], []
    done = threading.Event()

    def read(prefix, suffix):
        with primary.session() as session:
            while not done.is_set():
                before = newest[0]
                got = session.query(f"{prefix} SELECT max(h.release) FROM moderation.text_hits('busy') h; {suffix}")
                if session.errors:
                    errors.append(session.errors)
                    return
                judged.append(int(got))
                if int(got) < before:
                    late.append((before, int(got)))

    readers = [threading.Thread(target=read, args=way) for way in (
        ("", ""), ("", ""), ("BEGIN;", "COMMIT;"), ("BEGIN ISOLATION LEVEL REPEATABLE READ;", "COMMIT;"))]  # fmt: skip
    for reader in readers:
        reader.start()
    with primary.session() as session:
        until = time.monotonic() + 4
        while time.monotonic() < until:
            number = session.query(f"BEGIN; SELECT FROM moderation.add_terms('busy', ARRAY['term {newest[0]}']);"
                                   "SELECT moderation.publish_package('busy'); COMMIT")  # fmt: skip
            newest[0] = int(number.strip())
    done.set()
    for reader in readers:
        reader.join()
    tap.equal(errors, [], "readers under publishes see no error")
    tap.ok(newest[0] > 5 and len(set(judged)) > 3, f"{newest[0]} publishes under {len(judged)} statements",
           f"publishes: {newest[0]}, different releases seen: {len(set(judged))}")  # fmt: skip
    tap.equal(late, [], "no statement judges by an older release than one whose COMMIT had returned")


def two_databases(tap, primary):
    """Databases of one cluster share nothing, not even when one is a copy of the other."""
    primary.psql("CREATE DATABASE a")
    primary.psql(f"CREATE EXTENSION pg_moderation; {PACKAGE} CREATE TABLE ads (ad_id bigint PRIMARY KEY, body text);"
                 "SELECT moderation.attach('ads', id => 'ad_id', text => '{body}', on_block => 'reject')", "a")  # fmt: skip
    primary.psql("CREATE DATABASE b TEMPLATE a")
    judge = "SELECT term, release FROM moderation.text_hits('old new here')"
    with primary.session("a") as a, primary.session("b") as b:
        tap.equal([a.query(judge), b.query(judge)], ["old|1", "old|1"], "a database and its copy judge alike at first")
        b.query("SELECT moderation.add_terms('p', ARRAY['here']); SELECT moderation.publish_package('p')")
        tap.equal([a.query(judge), b.query(judge)], ["old|1", "new|2\nhere|2"], "a publish in the copy stays there")
        a.query("SELECT moderation.publish_package('p')")
        tap.equal([a.query(judge), b.query(judge)], ["new|2", "new|2\nhere|2"],
                  "release 2 is another one in the other")  # fmt: skip
        for session, body in ((a, "new in a"), (b, "new in b"), (b, "here in b")):
            session.query(f"INSERT INTO ads VALUES ({len(body)}, '{body}')")
            tap.like(session.errors, "row rejected", f"reject of {body!r}")
        for name in "ab":
            primary.wait_until("SELECT count(*) > 0 FROM moderation.hits", name)
        time.sleep(0.3)
        found = "SELECT string_agg(matched, ',' ORDER BY matched) FROM moderation.hits"
        primary.wait_until("SELECT count(*) = 2 FROM moderation.hits", "b")
        tap.equal([a.query(found), b.query(found)], ["new", "here,new"], "rejected hits arrive in their own database")
    primary.wait_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pg_moderation collector'")
    primary.psql("DROP DATABASE b")
    primary.psql("DROP DATABASE a")
    tap.ok(True, "databases that were collected can be dropped")


def memory(pid, name):
    """A line of /proc/PID/status, in bytes."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M)
    return int(found[1]) * 1024


def large_texts(tap, primary):
    """100 MB of text: judged, in bounded memory, and given up when asked."""
    size = 100_000_000
    primary.psql(f"CREATE UNLOGGED TABLE large AS SELECT n, repeat(w, {size} / octet_length(w)) AS body"
                 " FROM (VALUES (1, 'lorem ipsum '), (2, 'a new ad; '), (3, 'Ünïcödé Straße İstanbul ﬁ ')) v(n, w)")  # fmt: skip
    for number, name, wanted in ((1, "without a hit", "|0"), (2, "full of hits", "block|1000"), (3, "that folding changes", "|0")):
        with primary.session() as session:
            session.query("SELECT moderation.matches('x', 'p')")
            start = time.monotonic()
            got = session.query(f"SELECT (v).action, jsonb_array_length((v).hits) FROM (SELECT moderation.moderate_text(body) AS v"
                                f" FROM large WHERE n = {number} OFFSET 0) j", 120)  # fmt: skip
            took = time.monotonic() - start
            peak = memory(session.pid, "VmHWM")
            print(f"# 100 MB {name}: {took:.1f} s, peak {peak // MEGABYTE} MB of resident memory", flush=True)
            tap.equal(got, wanted, f"100 MB of text {name} are judged")
            tap.ok(peak < 3 * size, f"in less than three times its size of memory, {name}", f"peak: {peak}")
    for number, name in ((3, "that folding changes"), (2, "full of hits")):
        for call in ("moderation.moderate_text(body)", "moderation.matches(body, 'p') FROM generate_series(1, 50)",
                     "count(h) FROM moderation.text_hits(body, 'p') h"):  # fmt: skip
            function = re.match(r".*?moderation\.(\w+)", call)[1]
            query = f"SELECT (SELECT {call}{'' if 'FROM' not in call else ' LIMIT 1'}) FROM large, generate_series(1, 50) WHERE n = {number}"
            with primary.session() as session:
                session.send(query)
                time.sleep(0.5)
                start = time.monotonic()
                primary.psql(f"SELECT pg_cancel_backend({session.pid})")
                session.wait(120)
                took = time.monotonic() - start
                tap.like(session.errors, "canceling statement due to user request", f"{function} of a text {name} is cancelled")
                print(f"# it ended after {took:.1f} s", flush=True)
                tap.equal(session.query("SELECT moderation.matches('new', 'p')"), "t", "and the session goes on")
    primary.psql("DROP TABLE large")


def big_publish(tap, primary):
    """A publish that runs out of time leaves everything as it was."""
    primary.psql("DO $$ BEGIN PERFORM moderation.create_package('big'); PERFORM moderation.add_terms('big', ARRAY['small']);"
                 " PERFORM moderation.publish_package('big'); END $$;"
                 "SELECT moderation.add_terms('big', array_agg('term ' || md5(n::text))) FROM generate_series(1, 100000) n")  # fmt: skip
    state = ("SELECT (SELECT latest_release FROM moderation.packages WHERE name = 'big'), (SELECT count(*) FROM moderation.releases"
             " JOIN moderation.packages USING (package_id) WHERE name = 'big'), (SELECT string_agg(term, ',') FROM"
             " moderation.text_hits('small term ' || md5('77'), 'big') h)")  # fmt: skip
    before = primary.value(state)
    tap.equal(before, "1|1|small", "a big draft changes no verdict")
    with primary.session() as session:
        session.query(state)
        # SET LOCAL: the timeout is for the publish alone, whatever else the machine has to do.
        session.query("BEGIN; SET LOCAL statement_timeout = '60ms'")
        session.query("SELECT moderation.publish_package('big')")
        tap.like(session.errors, "canceling statement due to statement timeout", "a publish that takes too long is cancelled")
        session.query("ROLLBACK")
        tap.equal(session.query(state), before, "and nothing has changed")
        session.query("BEGIN; SELECT 1; SAVEPOINT a; SET LOCAL statement_timeout = '60ms'")
        session.query("SELECT moderation.publish_package('big')")
        tap.like(session.errors, "statement timeout", "the same in a savepoint")
        session.query("ROLLBACK TO a")
        tap.equal(session.query(state), before, "and nothing has changed there")
        session.query("COMMIT")
        tap.equal(session.query("SELECT moderation.publish_package('big')"), "2", "given the time, it is published")
        tap.equal(session.query(state), "2|2|small,term " + primary.value("SELECT md5('77')"), "and judges")
    tap.equal(primary.value(state), "2|2|small,term " + primary.value("SELECT md5('77')"), "in a new session too")


with Tap() as tap, cluster("sessions", {"max_worker_processes": 16, "max_parallel_workers": 8}) as primary:
    primary.psql(f"CREATE EXTENSION pg_moderation; {PACKAGE}")
    for part in (parallel, inside_one_statement, forgotten_messages, maintenance, hammer, two_databases, large_texts, big_publish):
        started = time.monotonic()
        part(tap, primary)
        print(f"# {part.__name__}: {time.monotonic() - started:.1f} s", flush=True)
    tap.equal(primary.crashes(), [], "nothing crashed")
