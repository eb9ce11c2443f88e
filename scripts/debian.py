"""A PostgreSQL version from the distribution's packages, for those no wheel carries.

The packages are downloaded and unpacked, not installed: installing postgresql-NN would create and start a system
cluster on a machine that has none.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from project import Failure, output_of, run, say, temporary_beside


def installed(major):
    """Whether the machine has this server with its headers and its pg_config."""
    base = Path(f"/usr/lib/postgresql/{major}/bin")
    headers = Path(f"/usr/include/postgresql/{major}/server/postgres.h")
    return all((base / name).exists() for name in ("postgres", "psql", "pg_config")) and headers.exists()


def unavailable(major, packages):
    """Why the server can be had neither from this machine nor from its distribution; None when it can."""
    if installed(major):
        return None
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return f"PostgreSQL {major} is not installed, and there is no apt-get to fetch it with: give PG_CONFIG="
    if not Path("/usr/share/zoneinfo").exists():  # the distribution's servers look for it there and nowhere else
        return f"PostgreSQL {major} of this distribution needs time zones: apt-get install tzdata"
    missing = [name for name in packages if not candidate(name)]
    if missing:
        update_lists()
        missing = [name for name in packages if not candidate(name)]
    if missing:
        return f"PostgreSQL {major} is not installed, and its distribution lacks {missing[0]}: give PG_CONFIG="
    return None


def candidate(package):
    """Whether apt knows a version of the package."""
    policy = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True).stdout
    return bool(re.search(r"Candidate: \d", policy))


def update_lists():
    """Root can fetch the package lists a fresh machine lacks; an ordinary user goes with what is there."""
    if os.geteuid() == 0:
        say("apt-get update")
        run(["apt-get", "update"], "apt-get update")


def unpack(major, packages, tree):
    """Unpack the packages into `tree`, with the shared libraries they need and the machine lacks."""
    say(f"downloading PostgreSQL {major}: {' '.join(packages)}")
    with temporary_beside(tree) as partial:
        debs = partial / "debs"
        debs.mkdir(parents=True)
        download = [*packages, *missing_libraries(packages)]
        try:
            run(["apt-get", "download", *download], f"download of PostgreSQL {major}", cwd=debs)
        except Failure as failure:
            raise Failure(f"{failure}\nNothing of PostgreSQL {major} was installed.") from None
        for deb in sorted(debs.glob("*.deb")):
            run(["dpkg-deb", "-x", deb, partial], f"unpacking {deb.name}")
        shutil.rmtree(debs)


def missing_libraries(packages):
    """The libraries apt would install along. LLVM (the JIT's, optional) and everything that is no library stay out."""
    servers = [name for name in packages if "server-dev" not in name]
    plan = output_of(["apt-get", "--simulate", "--no-install-recommends", "install", *servers])
    planned = re.findall(r"^Inst (lib\S+)", plan, re.M)
    return [name for name in planned if not re.match(r"lib(llvm|z3)|.*-(perl|dev)$", name)]


def libraries(tree):
    """The folders of `tree` with shared libraries."""
    return sorted({file.parent for file in Path(tree).glob("usr/lib/*-linux-gnu/*.so*")})
