"""Hits of rejected rows: all of them, each once, whatever happens to the processes that carry them.

Every rejected row here has two hits. A reject counts as made once psql has shown its error: what was shown must be in
moderation.hits in the end; what was not shown may be.
"""

import contextlib
import hashlib
import json
import re
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from cluster import Tap, cluster  # noqa: E402
from postmaster import alive, signal_quietly  # noqa: E402
from project import Failure, give_away  # noqa: E402

SETUP = """
CREATE EXTENSION pg_moderation;
DO $$ BEGIN
  PERFORM moderation.create_package('blocked', action => 'block');
  PERFORM moderation.add_terms('blocked', ARRAY['casino', 'roulette']);
  PERFORM moderation.publish_package('blocked');
  PERFORM moderation.create_package('watched', action => 'review');
  PERFORM moderation.add_terms('watched', ARRAY['maybe']);
  PERFORM moderation.publish_package('watched');
END $$;
CREATE TABLE ads (ad_id bigint PRIMARY KEY, body text);
SELECT moderation.attach('ads', id => 'ad_id', text => '{body}', on_block => 'reject');
"""
HITS = """
SELECT count(*), count(DISTINCT (content_key, item_id)), count(DISTINCT content_key)
FROM moderation.hits WHERE outcome = 'rejected' AND content_key::bigint BETWEEN """
WORKER = "FROM pg_stat_activity WHERE backend_type = 'pg_moderation collector'"


def new_claim(primary):
    """Forget the claim of a worker that was killed; by itself it expires only after a while."""
    for claim in (primary.data / "pg_moderation" / "spool").glob("*/worker.claim"):
        claim.unlink()


def bad(key):
    """An INSERT that is rejected with two hits."""
    return f"INSERT INTO ads VALUES ({key}, 'casino and roulette, number {key}');\n"


def spool(primary, ending="hits"):
    return sorted((primary.data / "pg_moderation" / "spool").glob(f"*/*.{ending}"))


def hits(primary, first, last):
    """Rows, distinct contents and items, and contents among the hits of a range of keys."""
    return primary.value(f"{HITS} {first} AND {last}")


def wait_for(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"not in {seconds} s: {what}")
        time.sleep(0.05)


def collect(primary):
    """Let the writing call collect until nothing is left."""
    while int(primary.value("SELECT moderation.collect_rejected()")):
        pass


def shown(session):
    """The keys of the rejects whose errors psql has shown."""
    details = re.findall(r"DETAIL:  (\{.*\})", session.errors)
    return {int(json.loads(detail)["content_key"]) for detail in details}


def without_workers(primary):
    primary.configure({"max_worker_processes": 0})
    primary.restart()


def burst(tap, primary):
    """1,000 rejects from 8 sessions, and the worker that collects them by itself."""
    workers = set()
    done = threading.Event()

    def watch():
        while not done.is_set():
            # One that has given up its claim and is on its way out may still be listed beside its successor.
            workers.add(int(primary.value(f"SELECT count(*) {WORKER} AND xact_start IS NOT NULL")))

    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(primary.session()) for _ in range(8)]
        watcher = threading.Thread(target=watch)
        watcher.start()
        for number, session in enumerate(sessions):
            session.send("".join(bad(number * 125 + n + 1) for n in range(125)))
        keys = set()
        for session in sessions:
            session.wait()
            keys |= shown(session)
        done.set()
        watcher.join()
    tap.equal(len(keys), 1000, "1,000 rejects from 8 sessions all show their errors")
    wait_for(lambda: not spool(primary), "the worker empties the spool")
    tap.equal(hits(primary, 1, 1000), "2000|2000|1000", "all of their hits arrive by themselves, each once")
    tap.ok(max(workers) <= 1, "never do two workers collect at a time", workers)
    tap.equal(primary.value("SELECT count(*) FROM ads"), "0", "none of the rows is stored")
    primary.wait_until(f"SELECT count(*) = 0 {WORKER}")
    tap.ok(True, "the worker ends when there is nothing left")
    tap.ok(not spool(primary, "tmp"), "no temporary file is left over")


def repeated(tap, primary):
    """The same content rejected again and again is one content."""
    with primary.session() as one, primary.session() as two:
        for session in (one, two):
            session.send(bad(2000) * 20)
        one.wait()
        two.wait()
        one.query("BEGIN; SAVEPOINT a; " + bad(2000) + "ROLLBACK TO a; " + bad(2000) + "ROLLBACK;" + bad(2000))
    primary.psql(f"DO $$ BEGIN {bad(2001)} EXCEPTION WHEN SQLSTATE 'MD001' THEN NULL; END $$;")
    wait_for(lambda: not spool(primary), "the worker empties the spool")
    tap.equal(hits(primary, 2000, 2000), "2|2|1", "40 retries in two sessions, and in savepoints, count once")
    tap.equal(hits(primary, 2001, 2001), "2|2|1", "a reject that an exception handler caught has its hits")
    primary.psql(bad(2000).replace("number", "new text") , check=False)
    wait_for(lambda: not spool(primary), "the worker empties the spool")
    tap.equal(hits(primary, 2000, 2000), "4|2|1", "another text under the same key is another content")


def exposed(tap, primary):
    """A rejected row in the exposure sample counts among the judged contents."""
    primary.psql("SET pg_moderation.exposure_sample = 1;" + bad(2500), check=False)
    wait_for(lambda: not spool(primary), "the spool is empty")
    tap.equal(hits(primary, 2500, 2500), "2|2|1", "a rejected row of the exposure sample has its hits")
    exposure = primary.value("SELECT action, weight FROM moderation.exposures WHERE content_key = '2500'")
    tap.equal(exposure, "block|1", "and its exposure, once")


def waits_for_nobody(tap, primary):
    """A reject is an error at once, whoever holds what a collector would need."""
    with primary.session() as holder, primary.session() as application:
        holder.query("BEGIN; LOCK TABLE moderation.hits, moderation.exposures IN ACCESS EXCLUSIVE MODE;"
                     "SELECT name FROM moderation.packages FOR UPDATE")  # fmt: skip
        application.query("SET lock_timeout = '5s'")
        application.query("".join(bad(3000 + n) for n in range(5)))
        tap.equal(shown(application), set(range(3000, 3005)), "rejects wait for nobody who holds hits and packages")
        time.sleep(0.3)  # the worker is waiting by now
        application.query("".join(bad(3010 + n) for n in range(5)))
        tap.equal(shown(application), set(range(3010, 3015)), "nor for a collector that waits")
        holder.query("ROLLBACK")
    wait_for(lambda: not spool(primary), "the worker empties the spool")
    tap.equal(hits(primary, 3000, 3020), "20|20|10", "their hits arrive once the lock is gone")
    with primary.session() as holder, primary.session() as application:
        holder.query("BEGIN; LOCK TABLE moderation.hits IN SHARE MODE")
        application.query(bad(3030))
        primary.wait_until(f"SELECT bool_or(wait_event_type = 'Lock') {WORKER}")
        primary.psql(f"SELECT pg_terminate_backend(pid) {WORKER}")
        try:
            primary.wait_until(f"SELECT count(*) = 0 {WORKER}", seconds=8)
            ended = True
        except Failure:
            ended = False
        tap.ok(ended, "a worker that waits can be terminated")
        holder.query("ROLLBACK")
    collect(primary)
    wait_for(lambda: not spool(primary), "the spool is empty")
    tap.equal(hits(primary, 3030, 3030), "2|2|1", "and the next writing call does its work")


def backend_killed(tap, primary):
    """kill -9 of a backend right after its rejects: all processes restart, and nothing is lost."""
    made = set()
    for turn in range(3):
        with primary.session() as session:
            session.query("".join(bad(4000 + turn * 10 + n) for n in range(5)))
            made |= shown(session)
            signal_quietly(session.pid, signal.SIGKILL)
            wait_for(lambda: not alive(session.pid), "the backend is gone")
        wait_for(lambda: primary.psql("SELECT 1", check=False).returncode == 0, "the server is back")
    collect(primary)
    tap.equal(len(made), 15, "rejects before each kill -9 of their backend")
    tap.equal(hits(primary, 4000, 4099), "30|30|15", "their hits are complete and once after the restarts")


def server_killed(tap, primary):
    """kill -9 of everything, and immediate shutdowns, while sessions reject and the worker collects."""
    made = set()
    for turn in range(4):
        sessions = [primary.session() for _ in range(3)]
        for number, session in enumerate(sessions):
            session.send("".join(bad(10000 + turn * 1000 + number * 300 + n) for n in range(200)))
        time.sleep(0.05 + 0.12 * turn)
        if turn % 2:
            primary.stop("immediate")
        else:
            primary.kill()
        for session in sessions:
            session.wait()
            made |= shown(session)
            session.close()
        primary.start()
    collect(primary)
    # A worker may be at the same work.
    wait_for(lambda: not spool(primary), "the spool is empty")
    there = set(map(int, primary.value(
        "SELECT content_key FROM moderation.hits WHERE content_key::bigint >= 10000 GROUP BY 1 HAVING count(*) = 2").split()))  # fmt: skip
    rows = primary.value("SELECT count(*) = 2 * count(DISTINCT content_key) FROM moderation.hits WHERE content_key::bigint >= 10000")
    tap.ok(made, f"{len(made)} rejects were shown before kill -9 of the server or an immediate shutdown")
    tap.equal(sorted(made - there), [], "every one of them has its hits after the restarts")
    tap.equal(rows, "t", "and each hit once")


def collecting_killed(tap, primary):
    """Killed in the middle of collecting, and between the commit and the removal of the files."""
    new_claim(primary)
    with primary.session() as holder, primary.session() as application:
        holder.query("BEGIN; LOCK TABLE moderation.hits IN SHARE MODE")
        application.query("".join(bad(5000 + n) for n in range(10)))
        primary.wait_until(f"SELECT bool_or(wait_event_type = 'Lock') {WORKER}")
        primary.kill()
    primary.start()
    tap.equal(len(spool(primary)), 10, "files of a collection that was killed are still there")
    kept = [(file, file.read_bytes()) for file in spool(primary)]
    collect(primary)
    wait_for(lambda: not spool(primary), "the spool is empty")
    for file, content in kept:
        file.write_bytes(content)
        give_away(file)
    tap.equal(primary.value("SELECT moderation.collect_rejected()"), "10", "files whose rows are in already are taken again")
    tap.equal(len(spool(primary)), 0, "and removed")
    tap.equal(hits(primary, 5000, 5099), "20|20|10", "and add nothing")


def no_worker_slot(tap, primary):
    """Without a free worker slot rejects work, and whoever writes next collects."""
    with primary.session() as session:
        session.query("".join(bad(6000 + n) for n in range(10)))
        tap.equal(len(shown(session)), 10, "rejects without a free worker slot")
        tap.equal(len(spool(primary)), 10, "wait in the spool")
        session.query("INSERT INTO ads VALUES (1, 'nothing to see')")
        session.query("INSERT INTO ads VALUES (2, 'maybe')")
        tap.equal(session.errors, "", "a row with a lesser hit is stored")
        tap.equal(hits(primary, 6000, 6099), "20|20|10", "and its insert collects")
        for key, call in (
            (6100, "moderation.publish_package('blocked')"),
            (6101, "moderation.record_review('ads', 1, label => 'benign')"),
        ):
            session.query(bad(key))
            session.query(f"SELECT {call}")
            tap.equal(hits(primary, key, key), "2|2|1", f"so does {call.partition('(')[0]}")
    tap.ok(not spool(primary), "the spool is empty")


def damaged_files(tap, primary):
    """A damaged file is set aside with a warning, and the others are collected."""
    with primary.session() as session:
        session.query("".join(bad(7000 + n) for n in range(6)))
    files = spool(primary)
    first = files[0].read_bytes()
    flipped = bytearray(first)
    flipped[-10] ^= 1
    files[0].write_bytes(bytes(flipped))
    files[1].write_bytes(files[1].read_bytes()[:-7])
    files[2].write_bytes(b"")
    foreign = files[3].with_name("0" * 32 + ".hits")
    lines = first.split(b"\n", 3)
    foreign.write_bytes(b"\n".join([lines[0], b"00000000-0000-4000-8000-000000000000", *lines[2:]]))
    binary = files[3].with_name("1" * 32 + ".hits")
    binary.write_bytes(bytes(range(256)))
    unfinished = files[3].with_name("2" * 32 + ".tmp")
    unfinished.write_bytes(first)
    for file in (foreign, binary, unfinished):
        give_away(file)
    done = primary.psql("SELECT moderation.collect_rejected()", "postgres", "-A", "-t")
    tap.equal(done.stdout.strip(), "3", "the sound files beside damaged ones are collected")
    tap.equal(done.stderr.count("WARNING"), 5, "each damaged file is a warning")
    tap.equal(hits(primary, 7000, 7099), "6|6|3", "the hits of the sound ones are in")
    tap.equal(len(spool(primary, "damaged")), 5, "the damaged ones are set aside")
    tap.equal(len(spool(primary)), 0, "and nothing is taken twice")
    tap.ok(unfinished.exists(), "a file that was never finished is not taken")
    done = primary.psql("SELECT moderation.collect_rejected()")
    tap.equal(done.stderr, "", "the next collection has nothing to warn of")
    files[0].with_suffix(".damaged").rename(files[0])
    files[0].write_bytes(first)
    collect(primary)
    tap.equal(hits(primary, 7000, 7099), "8|8|4", "a file that somebody has mended is collected")
    # Nobody but a person may delete them.
    for file in [*spool(primary, "damaged"), unfinished]:
        file.unlink()


def refused_files(tap, primary):
    """A file that is sound but whose rows the database refuses is set aside too, and keeps nobody else from anything."""
    for key in (7150, 7151):
        primary.psql(bad(key), check=False)
    file = spool(primary)[0]
    magic, installation, _, body = file.read_text().split("\n", 3)
    assert '"stage":"live"' in body
    body = body.replace('"stage":"live"', '"stage":"of a later version"')
    file.write_text("\n".join([magic, installation, hashlib.sha256(body.encode()).hexdigest(), body]))
    done = primary.psql("INSERT INTO ads VALUES (7152, 'maybe')", check=False)
    tap.equal(done.returncode, 0, "a writer does not fail for a file whose rows the database refuses")
    tap.like(done.stderr, "WARNING", "but is warned")
    collect(primary)
    tap.equal((hits(primary, 7150, 7151), len(spool(primary))), ("2|2|1", 0), "the other hits are collected")
    tap.equal(len(spool(primary, "damaged")), 1, "and it is set aside for a person to see")
    for file in spool(primary, "damaged"):
        file.unlink()


def long_keys(tap, primary):
    """A key longer than an index takes is no reason to lose hits."""
    primary.psql("CREATE TABLE pages (url text, body text);"
                 "SELECT moderation.attach('pages', id => 'url', text => '{body}', on_block => 'reject')")  # fmt: skip
    long = "(SELECT string_agg(md5(n::text), '') FROM generate_series(1, 500) n)"
    done = primary.psql(f"INSERT INTO pages SELECT {long}, 'casino'", check=False)
    tap.like(done.stderr, "row rejected", "a row whose key is too long for an index is rejected")
    collect(primary)
    tap.equal(primary.value(f"DELETE FROM moderation.hits WHERE content_key = {long} RETURNING matched"), "casino", "its hit is kept")


def locked_out(tap, primary):
    """Nobody without rights can keep the collectors from their work."""
    primary.psql("CREATE ROLE nobody LOGIN")
    primary.psql(bad(7160), check=False)
    with primary.session() as session:
        session.query("SET ROLE nobody; SELECT pg_advisory_lock(c.oid::int, 1) FROM pg_class c WHERE relname = 'in_force_signal'")
        collect(primary)
        tap.equal(hits(primary, 7160, 7160), "2|2|1", "an advisory lock of somebody's keeps no collector away")
        session.query("BEGIN; LOCK TABLE moderation.in_force_signal IN SHARE UPDATE EXCLUSIVE MODE")
        tap.like(session.errors, "permission denied", "and nobody without rights can take the collector's own")


def asynchronous_commit(tap, primary):
    """With synchronous_commit off the files must outlive the commit until it is on disk."""
    for turn in range(3):
        primary.psql("SET synchronous_commit = off;\n" + bad(7200 + turn), check=False)
        with primary.session() as session:
            session.query("SET synchronous_commit = off")
            session.query("SELECT moderation.collect_rejected()")
            primary.kill()
        primary.start()
    collect(primary)
    tap.equal(hits(primary, 7200, 7299), "6|6|3", "synchronous_commit = off and kill -9 lose nothing")


def in_subtransactions(tap, primary):
    """What a subtransaction collected goes with it; the files stay until the rows are really in."""
    for key, name, script, left in (
        (7300, "rolled back", "SAVEPOINT a; {collect}; ROLLBACK TO a; COMMIT", 1),
        (7301, "released into one that is rolled back", "SAVEPOINT a; SAVEPOINT b; {collect}; RELEASE b; ROLLBACK TO a; COMMIT", 1),
        (7302, "released", "SAVEPOINT a; {collect}; RELEASE a; SAVEPOINT b; ROLLBACK TO b; COMMIT", 0),
        (7303, "before one that is rolled back", "{collect}; SAVEPOINT b; SELECT 1; ROLLBACK TO b; COMMIT", 0),
        (7304, "rolled back and tried again", "SAVEPOINT a; {collect}; ROLLBACK TO a; {collect}; COMMIT", 0),
        (7305, "rolled back with its transaction", "SAVEPOINT a; {collect}; RELEASE a; ROLLBACK", 1),
        (7306, "in an error", "{collect}; SELECT 1 / 0; COMMIT", 1),
    ):
        primary.psql(bad(key), check=False)
        with primary.session() as session:
            session.query("BEGIN; " + script.format(collect="SELECT moderation.collect_rejected()"))
        tap.equal(len(spool(primary)), left, f"collected in a subtransaction, {name}: {left} file left")
        collect(primary)
        tap.equal(hits(primary, key, key), "2|2|1", f"collected in a subtransaction, {name}: hits once")
        tap.equal(len(spool(primary)), 0, f"collected in a subtransaction, {name}: the spool is empty")


def prepared_transactions(tap, primary):
    """A prepared transaction that collected holds its files back until it is decided."""
    for key, end in ((7400, "COMMIT"), (7401, "ROLLBACK")):
        primary.psql(bad(key), check=False)
        with primary.session() as session, primary.session() as other:
            session.query("BEGIN; SELECT moderation.collect_rejected(); PREPARE TRANSACTION 'collected'")
            tap.equal(session.errors, "", "a transaction that collected can be prepared")
            tap.equal(len(spool(primary)), 1, "and keeps its files")
            other.query("SET lock_timeout = '5s'")
            tap.equal(other.query("SELECT moderation.collect_rejected()"), "0", "the next collector leaves them alone")
            other.query("INSERT INTO ads VALUES (%d, 'maybe')" % key)
            tap.equal(other.errors, "", "and no writer waits")
        primary.restart()
        primary.psql(f"{end} PREPARED 'collected'")
        collect(primary)
        tap.equal(hits(primary, key, key), "2|2|1", f"{end} PREPARED: hits once")
        tap.equal(len(spool(primary)), 0, f"{end} PREPARED: the spool is empty")


def isolation_levels(tap, primary):
    """An old snapshot cannot see what others collected: it must not count the same content again."""
    for key, level in ((7500, "REPEATABLE READ"), (7501, "SERIALIZABLE")):
        with primary.session() as session:
            session.query(f"BEGIN ISOLATION LEVEL {level}; SELECT 1")
            primary.psql(bad(key), check=False)
            collect(primary)
            primary.psql(bad(key), check=False)
            session.query("SELECT moderation.collect_rejected(); COMMIT")
            tap.equal(session.errors, "", f"collecting under {level} with an old snapshot is no error")
        collect(primary)
        tap.equal(hits(primary, key, key), "2|2|1", f"and counts nothing twice under {level}")


def database_defaults(tap, primary):
    """The worker collects whatever defaults the database has for transactions."""
    primary.psql("ALTER DATABASE postgres SET default_transaction_read_only = on;"
                 "ALTER DATABASE postgres SET default_transaction_isolation = 'serializable'")  # fmt: skip
    with primary.session() as session:
        session.query("BEGIN READ WRITE; " + bad(8000))
        tap.equal(shown(session), {8000}, "a reject in a database that is read-only and serializable by default")
    try:
        wait_for(lambda: not spool(primary), "the worker empties the spool", 8)
    except Failure:
        pass
    tap.equal(hits(primary, 8000, 8000), "2|2|1", "and the worker collects it")
    primary.psql("SET default_transaction_read_only = off; ALTER DATABASE postgres RESET ALL")


def dropped_extension(tap, primary):
    """A worker that finds the extension gone ends, and the next installation starts clean."""
    with primary.session() as holder:
        holder.query("BEGIN; LOCK TABLE moderation.in_force_signal IN SHARE UPDATE EXCLUSIVE MODE")
        primary.psql(bad(9000), check=False)
        primary.wait_until(f"SELECT count(*) = 1 {WORKER}")
        time.sleep(0.3)
        tap.equal(len(spool(primary)), 1, "a worker leaves the files to whoever holds the collector's lock")
        holder.query("DROP EXTENSION pg_moderation CASCADE; COMMIT")
        tap.ok("ERROR" not in holder.errors, "the extension is dropped meanwhile", holder.errors)
    try:
        primary.wait_until(f"SELECT count(*) = 0 {WORKER}", seconds=8)
        ended = True
    except Failure:
        ended = False
    tap.ok(ended, "the worker ends when the extension is gone")
    primary.psql(SETUP.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
    primary.psql(bad(9001), check=False)
    wait_for(lambda: not spool(primary), "the spool is empty")
    tap.equal(hits(primary, 9001, 9001), "2|2|1", "the next installation collects its own")
    tap.equal(hits(primary, 9000, 9000), "0|0|0", "and not those of the one before")


with Tap() as tap, cluster("rejects") as primary:
    primary.psql(SETUP)
    for part in (burst, repeated, exposed, waits_for_nobody, backend_killed, server_killed, collecting_killed):
        part(tap, primary)
    without_workers(primary)
    for part in (no_worker_slot, damaged_files, refused_files, long_keys, locked_out, asynchronous_commit, in_subtransactions, prepared_transactions, isolation_levels):
        part(tap, primary)
    primary.configure({"max_worker_processes": 8})
    primary.restart()
    new_claim(primary)
    for part in (database_defaults, dropped_extension):
        part(tap, primary)
    panics = [line for line in primary.crashes() if "signal 9" not in line]
    tap.equal(panics, [], "nothing crashed but what was killed")
