"""Compiled sets as files: one copy for all processes, whatever happens to the files."""

import fcntl
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from cluster import Tap, cluster  # noqa: E402

SETUP = """
CREATE EXTENSION pg_moderation;
SELECT moderation.create_package('p', action => 'block');
SELECT moderation.add_terms('p', array_agg('term ' || md5(n::text))) FROM generate_series(1, 12000) n;
SELECT moderation.add_terms('p', ARRAY['casino', 'казино']);
SELECT moderation.add_terms('p', ARRAY['zino'], match => 'suffix');
SELECT moderation.allow_terms('p', ARRAY['casino royale']);
SELECT moderation.publish_package('p');
CREATE TABLE texts AS
  SELECT n AS id, CASE n % 3 WHEN 0 THEN 'a casino ad ' WHEN 1 THEN 'Казино royale ' ELSE 'casino royale ' END
                  || 'term ' || md5((n / 2)::text) AS body
  FROM generate_series(1, 20000) n;
VACUUM ANALYZE texts;
"""
COUNT = "SELECT count(*) FROM texts WHERE moderation.matches(body, 'p')"
STATE = "SELECT string_agg(state || CASE WHEN stale THEN ' stale' ELSE '' END, ',' ORDER BY stale) FROM moderation.compiled_state"
PARALLEL = (
    "SET max_parallel_workers_per_gather = 3; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;"
    "SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off"
)


def folder(server, database="postgres"):
    oid = server.value(f"SELECT oid FROM pg_database WHERE datname = '{database}'")
    return Path(server.data) / "pg_stat_tmp" / "pg_moderation" / oid


def sets(server, database="postgres"):
    return sorted(folder(server, database).glob("*.set"))


def mapped_files(pid):
    """The set files that a process has mapped; None where the kernel does not say."""
    try:
        maps = Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return None
    return {line.split()[5] for line in maps.splitlines() if ".set" in line}


def shared(tap, primary, count):
    files = sets(primary)
    tap.equal(len(files), 1, "publishing leaves one file")
    tap.equal(oct(files[0].stat().st_mode & 0o777), "0o600", "that only the server's user can read")
    with primary.session() as one, primary.session() as other:
        for session in (one, other):
            tap.equal(session.query(COUNT), count, "every session judges by it")
        found = [mapped_files(session.pid) for session in (one, other)]
        if None in found:
            tap.skip("both have mapped it", "no /proc")
        else:
            tap.equal(found, [{str(files[0].resolve())}] * 2, "both have mapped it")
        tap.equal(one.query(STATE), "mapped", "and the view says so")
        one.query(PARALLEL)
        plan = one.query(f"EXPLAIN (COSTS off) {COUNT}")
        tap.like(plan, "Workers Planned: 3", "the function may run in parallel")
        tap.equal(one.query(COUNT), count, "workers map it too")
        tap.equal(one.errors, "", "without an error")
    tap.equal(len(sets(primary)), 1, "and nobody wrote another")


def two_databases(tap, primary, count):
    primary.psql("CREATE DATABASE other")
    primary.psql(SETUP, "other")
    tap.equal(primary.value(COUNT, "other"), count, "another database has sets of its own")
    tap.ok(len(sets(primary, "other")) == 1 and len(sets(primary)) == 1, "in a folder of its own")


def deleted(tap, primary, count):
    with primary.session() as long:
        long.query(COUNT)
        sets(primary)[0].unlink()
        tap.equal(long.query(COUNT), count, "a session goes on with a file that was removed")
        tap.equal(primary.value(STATE), "missing", "the view shows that it is gone")
        tap.equal(primary.value(COUNT), count, "a new session compiles it again")
    tap.equal((primary.value(STATE), len(sets(primary))), ("mapped", 1), "into a file")
    primary.psql("BEGIN READ ONLY; " + COUNT)
    sets(primary)[0].unlink()
    tap.equal(primary.value(f"BEGIN READ ONLY; {COUNT}").splitlines()[-1], count, "also in a read-only transaction")


def damaged(tap, primary, count):
    def damage(change, name, restart=False):
        path = sets(primary)[0]
        good = path.read_bytes()
        new = bytes(change(bytearray(good)))
        if restart:
            primary.stop()
        # As a copy that went wrong would: another file, never a change under the feet of those who have it.
        path.unlink()
        path.write_bytes(new)
        give_to_server(path, primary)
        if restart:
            primary.start()
        with primary.session() as session:
            tap.equal(session.query(COUNT), count, f"{name}: found, and compiled again")
            tap.like(session.errors, "damaged compiled set", f"{name}: with a warning")
        tap.equal(sets(primary)[0].read_bytes()[1000:], good[1000:], f"{name}: the file is as it was")

    def flip(at):
        def change(content):
            content[at] ^= 0x55
            return content

        return change

    damage(flip(100), "a byte of the header")
    damage(flip(30), "a byte of its checksum")
    damage(lambda content: content[: len(content) // 2], "half a file")
    damage(lambda content: content[:50], "a scrap")
    damage(lambda content: bytearray(len(content)), "zeros")
    damage(flip(500_000), "a byte in the middle, seen at the next start", restart=True)


def give_to_server(path, primary):
    """Own and protect a file as the server would."""
    path.chmod(0o600)
    if os.geteuid() == 0:
        status = Path(primary.data).stat()
        os.chown(path, status.st_uid, status.st_gid)


def read_only(tap, primary, count):
    for path in folder(primary).glob("*"):
        path.unlink()
    folder(primary).chmod(0o500)
    try:
        with primary.session() as session:
            tap.equal(session.query(COUNT), count, "without a place for files a session keeps a copy of its own")
            tap.like(session.errors, "cannot be shared", "and warns")
            tap.equal(session.query(STATE), "private", "the view shows it")
            session.query("SELECT moderation.add_terms('p', ARRAY['other']); SELECT moderation.publish_package('p')")
            tap.equal(session.query("SELECT moderation.matches('other', 'p')"), "t", "publishing works")
            tap.ok("cannot be shared" not in session.errors, "and warns no more")
            session.query("SELECT moderation.remove_terms('p', ARRAY['other']); SELECT moderation.publish_package('p')")
    finally:
        folder(primary).chmod(0o700)
    tap.equal((primary.value(COUNT), primary.value(STATE)), (count, "mapped"), "later sessions share again")


def waiting(tap, primary, count):
    """One compiles, the others wait for it, can be cancelled meanwhile, and go on when it dies."""
    for path in sets(primary):
        path.unlink()
    with open(folder(primary) / "lock", "r+") as lock, primary.session() as session, primary.session() as cancelled:
        fcntl.flock(lock, fcntl.LOCK_EX)
        session.send(COUNT)
        cancelled.send("SET statement_timeout = '300ms'; " + COUNT)
        cancelled.wait()
        tap.like(cancelled.errors, "statement timeout", "waiting for somebody who compiles can be cancelled")
        time.sleep(0.2)
        tap.equal(len(sets(primary)), 0, "nobody compiles meanwhile")
        fcntl.flock(lock, fcntl.LOCK_UN)
        tap.equal(session.wait(), count, "when he is gone, the next one does")
    for path in sets(primary):
        path.unlink()
    with primary.session() as builder:
        builder.query(
            "SELECT moderation.add_terms('p', array_agg('more ' || md5(n::text))) FROM generate_series(1, 60000) n"
        )
        builder.send("SELECT moderation.publish_package('p')")
        deadline = time.monotonic() + 30
        with open(folder(primary) / "lock", "r+") as lock:
            while time.monotonic() < deadline:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    fcntl.flock(lock, fcntl.LOCK_UN)
                    time.sleep(0.001)
                except BlockingIOError:
                    os.kill(builder.pid, signal.SIGKILL)
                    break
            else:
                tap.ok(False, "the builder was seen at work")
    while True:
        try:
            primary.value("SELECT 1")
            break
        except Exception:  # noqa: BLE001 - the cluster recovers from the crash of a backend
            if time.monotonic() > deadline + 60:
                raise
            time.sleep(0.1)
    tap.equal(primary.value(COUNT), count, "after kill -9 of the builder the old release judges, and is compiled again")
    tap.equal(primary.value(STATE), "mapped", "into a file")


def small_change(tap, primary, count):
    primary.psql("SELECT moderation.remove_items('p', array_agg(item_id)) FROM moderation.current_items WHERE is_draft")
    primary.psql(
        "SELECT moderation.add_terms('p', ARRAY['royale', 'ad term']); SELECT moderation.allow_terms('p', ARRAY['ad']);"
        "SELECT moderation.remove_terms('p', ARRAY['казино', 'term ' || md5('7')]); SELECT moderation.publish_package('p');"
    )
    release = primary.value("SELECT release FROM moderation.in_force")
    change = "SELECT base IS NOT NULL, bytes < 100000 FROM moderation.compiled_state WHERE NOT stale"
    tap.equal(primary.value(change), "t|t", "a small change of a large set is a small file")
    hits = "SELECT md5(string_agg(concat_ws(',', id, h.item_id, h.span_start, h.span_length, h.score, h.suppressed_by), ';' ORDER BY id, h.span_start, h.item_id)), count(*) FROM texts, moderation.text_hits(body, ARRAY['p'], suppressed => true"
    wanted = primary.value(f"{hits}, release => {release}) h")
    tap.equal(primary.value(f"{hits}) h"), wanted, "that judges like the whole one")
    tap.ok(int(wanted.split("|")[1]) > 1000, "in many places")
    base = primary.value("SELECT base FROM moderation.compiled_state WHERE NOT stale")
    (folder(primary) / f"{base}.set").unlink()
    tap.equal(primary.value(f"{hits}) h"), wanted, "also when the large one is lost")
    primary.psql(
        "SELECT moderation.remove_terms('p', array_agg('term ' || md5(n::text))) FROM generate_series(8, 3000) n;"
        "SELECT moderation.publish_package('p');"
    )
    tap.equal(primary.value(change), "f|f", "a large change is compiled as a whole")
    with primary.session() as session:
        session.query("BEGIN; SELECT moderation.add_terms('p', ARRAY['rolled back']); SELECT moderation.publish_package('p')")
        tap.equal(session.query("SELECT moderation.matches('rolled back', 'p')"), "t", "an uncommitted change judges")
        session.query("ROLLBACK")
        session.query("SELECT moderation.add_terms('p', ARRAY['committed']); SELECT moderation.publish_package('p')")
        tap.equal(
            session.query("SELECT moderation.matches('rolled back', 'p'), moderation.matches('committed', 'p')"),
            "f|t",
            "and is not taken for another that got its number",
        )


def standby(tap, primary):
    primary.psql("SELECT pg_switch_wal()")
    with primary.standby() as follower:
        tap.ok(not (Path(follower.data) / "pg_stat_tmp" / "pg_moderation").exists(), "a base backup has no set files")
        primary.wait_for_standby(follower)
        tap.equal(follower.value(COUNT), primary.value(COUNT), "a standby compiles for itself")
        tap.equal(follower.value("SELECT state FROM moderation.compiled_state WHERE NOT stale"), "mapped", "into a file")
        primary.psql("SELECT moderation.add_terms('p', ARRAY['for the standby']); SELECT moderation.publish_package('p')")
        primary.wait_for_standby(follower)
        tap.equal(follower.value("SELECT moderation.matches('for the standby', 'p')"), "t", "and follows")


def collected(tap, primary):
    """What is out of force goes ten minutes after its last use, at the next publish; so do leftovers."""
    old = time.time() - 3600
    stale = primary.value("SELECT string_agg(set_name, ',') FROM moderation.compiled_state WHERE stale")
    in_force = primary.value("SELECT concat_ws(',', set_name, base) FROM moderation.compiled_state WHERE NOT stale")
    leftover = folder(primary) / "1-1.tmp"
    leftover.touch()
    gone = folder(primary).with_name("1073741824")
    gone.mkdir()
    for path in [*folder(primary).glob("*"), gone]:
        os.utime(path, (old, old))
    give_to_server(leftover, primary)
    gone.chmod(0o700)
    if os.geteuid() == 0:
        status = Path(primary.data).stat()
        os.chown(gone, status.st_uid, status.st_gid)
    primary.psql("SELECT moderation.add_terms('p', ARRAY['the last']); SELECT moderation.publish_package('p')")
    names = {path.stem for path in sets(primary)}
    used = primary.value("SELECT concat_ws(',', set_name, base) FROM moderation.compiled_state WHERE NOT stale").split(",")
    tap.ok(set(used) <= names, "what is in force stays", names)
    tap.ok(not (names & (set(stale.split(",")) - set(used))), "what is not goes", f"{names} {stale} {in_force}")
    tap.ok(not leftover.exists() and not gone.exists(), "leftovers go too")


with Tap() as tap, cluster("compiled", {"max_worker_processes": 8}) as primary:
    primary.psql(SETUP)
    count = primary.value("SELECT count(DISTINCT id) FROM texts, moderation.text_hits(body, ARRAY['p'], release => 1)")
    tap.ok(5000 < int(count) <= 20000, "there is something to find")
    shared(tap, primary, count)
    two_databases(tap, primary, count)
    deleted(tap, primary, count)
    damaged(tap, primary, count)
    read_only(tap, primary, count)
    waiting(tap, primary, count)
    small_change(tap, primary, count)
    standby(tap, primary)
    collected(tap, primary)
