"""Private clusters: a data folder, a unix socket and nothing else. No TCP port, no system PostgreSQL, never as root.

`make demo` keeps one; the tests make theirs afresh. Not for data anybody wants to keep.
"""

import contextlib
import hashlib
import os
import signal
import stat
import subprocess
import time
from pathlib import Path

from project import Failure, give_away, own_folder, remove, unprivileged

SOCKET_LIMIT = 107  # bytes of sun_path, less its closing zero
SOCKET_NAME = ".s.PGSQL.5432"
START_SECONDS = 120
STOP_SECONDS = 120


def text(value):
    """A value of postgresql.conf."""
    return "'" + str(value).replace("'", "''") + "'"


class Cluster:
    """One cluster of `server` in `folder`, which it owns: data/, socket/ and log all lie there."""

    def __init__(self, server, folder):
        self.server = server
        self.folder = Path(folder)
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        self.sockets = self.folder / "socket"
        if len(os.fsencode(self.sockets / SOCKET_NAME)) > SOCKET_LIMIT:
            name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:10]
            self.sockets = Path(f"/tmp/pg_moderation-{os.geteuid()}-{name}")

    def run(self, program, *arguments, check=True, **options):
        """Run one of the server's programs as the server's user. Returns the completed process, its output as text."""
        command = [str(program if os.sep in str(program) else self.server.program(program)), *map(str, arguments)]
        options = {"stdin": subprocess.DEVNULL} | options if "input" not in options else options
        options.setdefault("cwd", self.folder)
        done = subprocess.run(
            command,
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=options.pop("stderr", subprocess.PIPE),
            text=True,
            errors="replace",
            env=self.environment(),
            **unprivileged(),
            **options,
        )
        if check and done.returncode:
            raise Failure(f"{Path(command[0]).name} failed (exit code {done.returncode})\n{done.stdout}{done.stderr}")
        return done

    def environment(self):
        """The environment of the server's programs, with a home they can read."""
        return self.server.environment() | {"HOME": str(self.folder)}

    def create(self, settings=None):
        """initdb, whatever was there before. `settings`: lines of postgresql.conf by name."""
        self.prepare()
        # The same character classes on every version and machine: code-point order, Unicode case rules.
        locale = ["--encoding=UTF8", "--locale=C", "--lc-ctype=C.UTF-8"]
        if self.server.major >= 17:
            locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        self.run("initdb", "--pgdata", self.data, "--username=postgres", "--auth=trust", "--no-sync", *locale)
        self.configure(settings or {})

    def prepare(self):
        """An empty folder for the cluster, open to nobody but the server's user: that is what guards the socket."""
        self.stop()
        remove(self.folder)
        remove(self.sockets)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(0o700)
        give_away(self.folder)
        self.socket_folder()

    def socket_folder(self):
        """The socket's folder, made again where a cleaner of /tmp took it; nobody else may own it."""
        if not os.path.lexists(self.sockets):
            own_folder(self.sockets, 0o700)
            give_away(self.sockets)
        found = self.sockets.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != unprivileged().get("user", os.geteuid()):
            raise Failure(f"{self.sockets} is not this cluster's own folder: remove it first")

    def configure(self, settings):
        """Append settings; the last one of a name counts. Takes effect at the next start."""
        socket = '"' + str(self.sockets).replace('"', '""') + '"'
        fixed = {"listen_addresses": "", "unix_socket_directories": socket, "port": 5432}
        lines = [f"{name} = {text(value)}\n" for name, value in (fixed | settings).items()]
        # Written by the server's user: it owns the folder, and could lead root's hand elsewhere with a link.
        self.run("/bin/sh", "-c", 'cat >> "$0"', self.data / "postgresql.conf", input="".join(lines))

    def pid(self):
        """The postmaster's process id, None when it does not run."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            os.kill(pid, 0)
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError, IndexError):
            return None
        # After a crash or a restart of the machine another process may have got the number.
        return pid if b"postgres" in command and os.fsencode(self.data) in command else None

    def start(self):
        """Start the server and wait until it accepts connections."""
        self.socket_folder()
        done = self.run(
            "pg_ctl", "start", "--pgdata", self.data, "--log", self.log, "--wait", f"--timeout={START_SECONDS}",
            "--silent", check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode:
            tail = self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""
            raise Failure(f"PostgreSQL {self.server.version} did not start; its log {self.log} ends:\n{tail}")

    def stop(self, mode="fast"):
        """Stop the server if it runs: `fast`, or `immediate` (a crash as far as recovery is concerned)."""
        pid = self.pid()
        if pid is None:
            return
        # As pg_ctl does, but in need of no server programs: a cluster must be stoppable when those are gone.
        signal_quietly(pid, {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode])
        deadline = time.monotonic() + STOP_SECONDS
        while alive(pid):
            if time.monotonic() > deadline:
                raise Failure(f"the server of {self.data} (process {pid}) does not stop")
            time.sleep(0.02)

    def restart(self):
        self.stop()
        self.start()

    def kill(self):
        """kill -9 the postmaster and every process of it, and wait until all are gone."""
        postmaster = self.pid()
        if postmaster is None:
            return
        pids = [postmaster, *children(postmaster)]
        for pid in pids:
            signal_quietly(pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while any(alive(pid) for pid in pids):
            if time.monotonic() > deadline:
                raise Failure(f"processes {pids} outlived kill -9")
            time.sleep(0.02)
        # What a killed postmaster leaves: while nobody collects the dead process, they pass for a live one's.
        for left in (self.data / "postmaster.pid", self.sockets / f"{SOCKET_NAME}.lock"):
            left.unlink(missing_ok=True)

    def psql_command(self, database="postgres", *arguments):
        """A psql command line as a list: no startup file, stop at the first error."""
        connection = ["-h", self.sockets, "-p", "5432", "-U", "postgres", "-d", database]
        return [str(a) for a in [self.server.program("psql"), "-X", "-v", "ON_ERROR_STOP=1", *connection, *arguments]]

    def psql(self, sql, database="postgres", *arguments, check=True):
        """Run SQL. Returns the completed process; `check`: an SQL error is a Failure."""
        command = self.psql_command(database, "-q", *arguments, "-f", "-")
        return self.run(*command, input=sql, check=check)

    def value(self, sql, database="postgres"):
        """The result of a query as unaligned text without a closing line break."""
        return self.psql(sql, database, "-A", "-t").stdout.rstrip("\n")

    def crashes(self):
        """Lines of the server's log that tell of a crashed process: no test may cause one unnoticed."""
        if not self.log.exists():
            return []
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines if "was terminated by signal" in line or "PANIC:" in line]


def children(pid):
    """Process ids of a process's children."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


def alive(pid):
    """Whether a process runs; one that is dead and waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def signal_quietly(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
