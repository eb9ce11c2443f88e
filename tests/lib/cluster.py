"""Helpers of the Python test suites (tests/*/run.py): clusters, standbys, background sessions, TAP output.

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
    from cluster import Tap, cluster

    with Tap() as tap, cluster("rejects", {"max_worker_processes": 8}) as primary:
        primary.psql("CREATE EXTENSION pg_moderation")
        with primary.session() as other:
            other.query("BEGIN; SELECT 1")
            tap.equal(primary.value("SELECT 1"), "1", "one is one")

A suite runs under `make test`, or after it by itself (`PG=15 python3 tests/rejects/run.py`). It runs as whoever calls
it; the servers and psql always run as the unprivileged user. Not for what SQL alone can test: that is tests/regress,
or tests/isolation for several sessions whose steps can be written down.
"""

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from postmaster import Cluster  # noqa: E402
from project import Failure, place, remove, unprivileged  # noqa: E402
from server import Server, private  # noqa: E402

WAIT_SECONDS = 60


def server():
    """The server the suite runs on: the driver's, or else the private one of PG= with the extension in it."""
    given = os.environ.get("PG_MODERATION_TEST_PG_CONFIG")
    if given:
        return Server(given, filter(None, os.environ.get("PG_MODERATION_TEST_LIBRARIES", "").split(":")))
    return private(int(os.environ.get("PG") or 0), os.environ.get("PG_CONFIG"))


@contextlib.contextmanager
def cluster(name, settings=None):
    """A fresh running cluster, stopped and removed at the end; kept when the block fails, for its log."""
    on = server()
    made = TestCluster(on, place() / "clusters" / f"test-pg{on.major}" / name)
    made.create(settings)
    made.start()
    try:
        yield made
        made.stop("immediate")
        remove(made.sockets)
        remove(made.folder)
    finally:
        made.stop("immediate")


class TestCluster(Cluster):
    """A cluster for a test: a crash of its processes is what it is about, so it syncs nothing to disk."""

    def create(self, settings=None):
        super().create({"fsync": "off", "wal_level": "logical", "max_prepared_transactions": 10} | (settings or {}))

    @contextlib.contextmanager
    def standby(self, settings=None):
        """A running hot standby that streams from this cluster."""
        made = TestCluster(self.server, self.folder.with_name(self.folder.name + "-standby"))
        made.prepare()
        made.run(
            "pg_basebackup", "-h", self.sockets, "-p", "5432", "-U", "postgres", "-D", made.data,
            "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
        )  # fmt: skip
        made.configure({"hot_standby": "on"} | (settings or {}))
        made.start()
        try:
            yield made
            made.stop("immediate")
            remove(made.sockets)
            remove(made.folder)
        finally:
            made.stop("immediate")

    def wait_for_standby(self, standby):
        """Wait until `standby` has replayed everything this cluster has written so far."""
        written = self.value("SELECT pg_current_wal_flush_lsn()")
        standby.wait_until(f"SELECT pg_last_wal_replay_lsn() >= '{written}'")

    def wait_until(self, condition, database="postgres", seconds=WAIT_SECONDS):
        """Wait until a boolean query is true; a Failure when it is not in time."""
        deadline = time.monotonic() + seconds
        while self.value(condition, database) != "t":
            if time.monotonic() > deadline:
                raise Failure(f"still not true after {seconds} s: {condition}")
            time.sleep(0.05)

    def session(self, database="postgres"):
        """A psql that stays open: see Session."""
        return Session(self, database)


class Session:
    """A psql in the background, for tests with several sessions. A context manager; leaving it ends the session."""

    def __init__(self, owner, database):
        self.process = subprocess.Popen(
            [*owner.psql_command(database, "-q", "-A", "-t"), "-v", "ON_ERROR_STOP=0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            bufsize=1,
            cwd=owner.folder,
            env=owner.environment(),
            **unprivileged(),
        )
        self.sent = 0
        self.lines = {"output": queue.SimpleQueue(), "errors": queue.SimpleQueue()}
        for name, stream in (("output", self.process.stdout), ("errors", self.process.stderr)):
            threading.Thread(target=self._collect, args=(name, stream), daemon=True).start()
        self.pid = int(self.query("SELECT pg_backend_pid()"))

    def _collect(self, name, stream):
        for line in stream:
            self.lines[name].put(line.rstrip("\n"))
        self.lines[name].put(None)

    def send(self, sql):
        """Start SQL without waiting for its end; `wait` collects its result."""
        self.sent += 1
        # Both streams get the mark: each is then known to be complete. A lone semicolon ends what the caller did not.
        self.process.stdin.write(f"{sql}\n;\n\\echo :mark{self.sent}:\n\\warn :mark{self.sent}:\n")
        self.process.stdin.flush()

    def wait(self, seconds=WAIT_SECONDS):
        """The output of what was sent, as text; after it, `errors` holds the error text (empty when all went well)."""
        deadline = time.monotonic() + seconds
        self.errors = ""
        output, self.errors = (self._until_mark(name, deadline) for name in ("output", "errors"))
        return output

    def _until_mark(self, name, deadline):
        found = []
        while True:
            try:
                line = self.lines[name].get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise Failure(f"a session did not answer in time; so far: {found}") from None
            if line is None or line == f":mark{self.sent}:":
                return "\n".join(found)
            found.append(line)

    def query(self, sql, seconds=WAIT_SECONDS):
        """Run SQL and return its output; an error of the SQL is in `errors`, not raised."""
        self.send(sql)
        return self.wait(seconds)

    def blocked(self, owner):
        """Whether what was sent waits for a lock (a boolean query's condition, to poll with `wait_until`)."""
        owner.wait_until(f"SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = {self.pid}")

    def close(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Tap:
    """Test Anything Protocol on standard output. Leaving the block prints the plan and ends the process."""

    def __init__(self):
        self.count = self.failed = 0

    def ok(self, condition, name, diagnosis=""):
        """One test: passed if `condition`; `diagnosis` is printed when it is not."""
        self.count += 1
        self.failed += not condition
        print(f"{'ok' if condition else 'not ok'} {self.count} - {name}", flush=True)
        if not condition:
            for line in str(diagnosis).splitlines():
                print(f"# {line}", flush=True)
        return bool(condition)

    def equal(self, got, wanted, name):
        """One test: `got` equals `wanted`."""
        return self.ok(got == wanted, name, f"got:    {got!r}\nwanted: {wanted!r}")

    def like(self, got, part, name):
        """One test: `got` contains `part`."""
        return self.ok(part in got, name, f"got:    {got!r}\nwanted in it: {part!r}")

    def skip(self, name, reason):
        """One test that cannot run here, and why."""
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {reason}", flush=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, problem, trace):
        if kind is not None and issubclass(kind, Exception):
            text = str(problem) if kind is Failure else "".join(traceback.format_exception(kind, problem, trace))
            self.ok(False, "the suite runs to its end", text)
        elif kind is not None:
            return False
        print(f"1..{self.count}", flush=True)
        sys.exit(1 if self.failed else 0)
