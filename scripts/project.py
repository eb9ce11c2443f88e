"""What every script shares: where things lie, the pins of pgrx-config.toml, who the server runs as, progress lines.

Two places hold what the scripts make, both git-ignored or outside the tree and removed by `make clean`:

- the cache (`.build/`, or PG_MODERATION_CACHE): verified downloads and tools, the same for every clone;
- the place (see `place()`): private servers with the extension installed in them, and their clusters.
"""

import contextlib
import hashlib
import os
import platform
import pwd
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"
CACHE = Path(os.environ.get("PG_MODERATION_CACHE") or BUILD).absolute()
STARTED = time.monotonic()

if sys.version_info < (3, 10):
    sys.exit("error: Python 3.10 or newer is needed, this is " + sys.version.split()[0])

os.umask(0o022)  # a root shell with umask 077 would hide the server from the user it drops to


class Failure(Exception):
    """A failure whose message says all the user needs: printed without a traceback, exit code 1."""


def main(function):
    """Run a script's function: its return value is the exit code, a Failure is one plain message."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that temporary files go and servers stop
    try:
        sys.exit(function())
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def pins():
    """pgrx-config.toml as a dict. Python before 3.11 has no TOML reader of its own, but its pip brings one."""
    try:
        import tomllib
    except ImportError:
        try:
            from pip._vendor import tomli as tomllib
        except ImportError:
            raise Failure("reading pgrx-config.toml needs Python 3.11 or newer, or a pip that brings tomli") from None
    return tomllib.loads((ROOT / "pgrx-config.toml").read_text())


def machine():
    """The key of this machine's pins: x86_64 or aarch64."""
    if not sys.platform.startswith("linux"):
        raise Failure("the private toolchain is for Linux only; point PG_CONFIG= at a server of your own")
    return platform.machine()


def unprivileged():
    """Arguments for subprocess that drop root, which PostgreSQL refuses to run as; none for an ordinary user."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise Failure("running as root, but there is neither a user postgres nor nobody to run the server as")


def place():
    """The folder of this clone's private servers and clusters, created on the way.

    An ordinary user's lies in the project. Root's lies outside: the server drops to another user, who could not
    reach a clone under a mode-700 home. It is named after the clone's path, and used only if it is root's own.
    """
    if os.geteuid() != 0:
        BUILD.mkdir(exist_ok=True)
        return BUILD
    name = "pg_moderation-" + hashlib.sha256(str(ROOT).encode()).hexdigest()[:10]
    for parent in ("/var/tmp", "/tmp", "/opt"):
        if os.path.isdir(parent) and not os.statvfs(parent).f_flag & os.ST_NOEXEC:
            return own_folder(Path(parent, name), 0o755)
    raise Failure("neither /var/tmp nor /tmp nor /opt can hold a server: all are mounted noexec")


def own_folder(path, mode):
    """Create `path`, or accept it if it is a real folder of ours that nobody else can write to."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise Failure(f"{path} exists and is not a folder that only this user can write to: remove it first")
    return path


def give_away(path):
    """Hand a file or folder to the user the server runs as."""
    drop = unprivileged()
    if drop:
        os.chown(path, drop["user"], drop["group"])


def once(path, make):
    """Call `make(path)` unless `path` exists. Runs that want the same thing at the same time make it once."""
    if not path.exists():
        with lock(f".{path.name}", path.parent):
            if not path.exists():
                make(path)
    return path


@contextlib.contextmanager
def temporary_beside(path):
    """A fresh name beside `path`, renamed onto it when the block succeeds and removed when it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f"{path.name}.partial-*"):  # of a run that was killed
        if not Path("/proc", left.name.rpartition("-")[2]).exists():
            remove(left)
    partial = path.with_name(f"{path.name}.partial-{os.getpid()}")
    try:
        yield partial
        remove(path)
        partial.rename(path)
    finally:
        remove(partial)


def remove(path):
    """Remove a file or a folder with all that is in it; fine when there is none."""
    import shutil

    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def say(text):
    """A progress line, with the seconds since the script started."""
    print(f"[{time.monotonic() - STARTED:6.1f} s] {text}", flush=True)


@contextlib.contextmanager
def lock(name, folder=BUILD):
    """One run at a time of what would tread on itself: a second one says so and waits. Not to be nested."""
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{name}.lock", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting: another {name} is running ({handle.name})")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def run(command, what, **options):
    """Run a command with its output in a log file; a failure shows the log's end. Returns the output."""
    logs = BUILD / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / ("".join(c if c.isalnum() else "-" for c in what) + ".log")
    with open(log, "w+", errors="replace") as out:
        try:
            code = subprocess.run(
                [str(c) for c in command], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, **options
            ).returncode
        except OSError as problem:
            raise Failure(f"{what}: cannot run {command[0]}: {problem.strerror}") from None
        out.seek(0)
        output = re.sub(r"\x1b\[[0-9;]*m", "", out.read())  # cargo-pgrx colours even what goes into a file
    if code:
        tail = "\n".join(output.rstrip().splitlines()[-60:])
        raise Failure(f"{what} failed (exit code {code}; all of its output: {log})\n{tail}")
    return output


def output_of(command, **options):
    """The trimmed standard output of a quick command; a Failure with its error text when it fails."""
    try:
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    except OSError as problem:
        raise Failure(f"cannot run {command[0]}: {problem.strerror}") from None
    if done.returncode:
        raise Failure(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()
