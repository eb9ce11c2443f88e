"""Run every test: the Rust checks, then all suites below tests/ on a fresh private cluster of one version.

Suites are found, not listed:
  tests/regress/sql/*.sql          run by pg_regress in the order of their names, in one database; the first one creates
                                   the extension; tests/regress/expected/NAME.out says what comes out
  tests/isolation/specs/*.spec     run by PostgreSQL's isolation tester, likewise; the extension is there already
  tests/NAME/run.py                a Python script that prints TAP, see tests/lib/cluster.py

Ends with the line `N passed, N failed`, and with exit code 1 if any failed.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import build  # noqa: E402
import preflight  # noqa: E402
import upgrade_script  # noqa: E402
from postmaster import Cluster  # noqa: E402
from project import BUILD, ROOT, Failure, give_away, lock, main, place, remove, run, say, unprivileged  # noqa: E402
from server import installable, private  # noqa: E402

TESTS = ROOT / "tests"
SUITE_SECONDS = 1800
SETTINGS = {"fsync": "off", "wal_level": "logical", "max_prepared_transactions": 10}
DATABASE = {"regress": "regression_moderation", "isolation": "isolation_moderation"}


class Report:
    """The counts, and the one word a suite gets on its progress line."""

    def __init__(self, only):
        self.only = [tuple(name.rstrip("/").partition("/")[::2]) for name in only]
        self.passed = self.failed = self.skipped = 0

    def wanted(self, suite):
        return not self.only or any(name == suite for name, _ in self.only)

    def wanted_tests(self, suite, tests):
        """The tests of a suite that --only leaves; with the first one, which makes what the others work on."""
        chosen = [test for name, test in self.only if name == suite and test]
        unknown = set(chosen) - set(tests)
        if unknown:
            raise Failure(f"{suite} has no test {', '.join(sorted(unknown))}; it has: {', '.join(tests)}")
        return [test for test in tests if test in chosen or test == tests[0]] if chosen else tests

    def add(self, suite, passed, failed, skipped=0, details=""):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        if failed and details:
            print(details.rstrip(), flush=True)
        skips = f", {skipped} skipped" if skipped else ""
        say(f"{suite}: {f'{failed} FAILED, ' if failed else ''}{passed} passed{skips}")

    def check(self, suite, action):
        """A step that passes or fails as a whole. Returns whether it passed."""
        if not self.wanted(suite):
            return True
        try:
            action()
        except Failure as failure:
            self.add(suite, 0, 1, details=str(failure))
            return False
        self.add(suite, 1, 0)
        return True

    def close(self):
        if not (self.passed or self.failed):
            print("error: no test ran", file=sys.stderr)
        skips = f", {self.skipped} skipped" if self.skipped else ""
        print(f"{self.passed} passed, {self.failed} failed{skips}", flush=True)
        return 1 if self.failed or not self.passed else 0


def rust_checks(report, server):
    """Formatting, clippy, the tests of the crates that know no PostgreSQL (the extension needs a server to link)."""
    report.check("fmt", lambda: run(["cargo", "fmt", "--all", "--check"], "rustfmt", cwd=ROOT))
    report.check("clippy", lambda: build.lint(server))
    report.check("update-script", upgrade_script.check)
    if not report.wanted("engine"):
        return
    command = ["cargo", "test", "--workspace", "--exclude", "pg_moderation"]
    environment = os.environ | {"CARGO_TARGET_DIR": str(build.target())}
    try:
        output, failure = run(command, "cargo test", cwd=ROOT, env=environment), ""
    except Failure as problem:
        output, failure = (BUILD / "logs" / "cargo-test.log").read_text(errors="replace"), str(problem)
    results = re.findall(r"^test result: .*?(\d+) passed; (\d+) failed; (\d+) ignored", output, re.M)
    passed, failed, skipped = (sum(int(row[i]) for row in results) for i in range(3))
    report.add("engine", passed, failed or bool(failure), skipped, failure)


def pg_regress_suite(report, kind, server, cluster):
    """Run tests/regress or tests/isolation. Without a cluster: on the running server of PGHOST and PGPORT."""
    folder, ending, tool = {
        "regress": ("sql", "sql", "regress/pg_regress"),
        "isolation": ("specs", "spec", "isolation/pg_isolation_regress"),
    }[kind]
    if not report.wanted(kind):
        return
    found = sorted(path.stem for path in (TESTS / kind / folder).glob(f"*.{ending}"))
    tests = report.wanted_tests(kind, found)
    if kind == "regress" and tests and found[0] not in tests:
        tests = [found[0], *tests]  # it makes what the others need
    if not tests:
        return
    program = server.test_tool(tool)
    if program is None:
        say(f"{kind}: skipped, this server came without {tool}")
        report.skipped += len(tests)
        return
    # A copy: the server's user may not be able to read the clone, and the tools write beside what they read.
    work = (cluster.folder if cluster else BUILD / "installcheck") / kind
    remove(work)
    shutil.copytree(TESTS / kind, work)
    for test in tests:  # without any, pg_regress gives up and never shows what came out
        if not list((work / "expected").glob(f"{test}*.out")):
            (work / "expected" / f"{test}.out").touch()
    if cluster:
        for path in (work, *work.rglob("*")):
            give_away(path)
    command = [program, f"--bindir={server.bindir}", f"--inputdir={work}", f"--outputdir={work}"]
    command += [f"--dbname={DATABASE[kind]}", "--encoding=UTF8"]
    command += ["--load-extension=pg_moderation"] if kind == "isolation" else []
    environment = dict(os.environ)
    if cluster:
        command += [f"--host={cluster.sockets}", "--port=5432", "--user=postgres"]
        environment = cluster.environment()
    drop = unprivileged() if cluster else {}
    output, code = supervised([*command, *tests], cwd=work, env=environment, **drop)
    passed, failed = count_regress(output)
    crashes = cluster.crashes() if cluster else []
    differences = work / "regression.diffs"
    details = differences.read_text(errors="replace") if differences.exists() else ""
    details = "\n".join([details or output, *crashes, f"what came out: {work}/results"])
    report.add(kind, passed, max(failed, 1 if code or crashes else 0), details=details)


def supervised(command, **options):
    """Run a suite in a process group of its own, so that one which hangs ends with all it started. (output, code)."""
    process = subprocess.Popen(
        [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", start_new_session=True, **options,
    )  # fmt: skip
    try:
        return process.communicate(timeout=SUITE_SECONDS)[0], process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0] + f"\nstopped after {SUITE_SECONDS} s", 1
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def count_regress(output):
    """Passed and failed tests in pg_regress's output: TAP since PostgreSQL 16, `test x ... ok` before."""
    tap = re.findall(r"^(not ok|ok) +\d+ +[-+] ", output, re.M)
    old = re.findall(r"^(?:test| +) ?\S+ +\.\.\. (ok|FAILED)", output, re.M)
    results = tap or old
    passed = results.count("ok")
    return passed, len(results) - passed


def script_suite(report, script, server):
    """Run a tests/*/run.py and count its TAP."""
    suite = script.parent.name
    if not report.wanted(suite):
        return
    environment = os.environ | {
        "PG_MODERATION_TEST_PG_CONFIG": str(server.pg_config),
        "PG_MODERATION_TEST_LIBRARIES": ":".join(server.libraries),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    output, code = supervised([sys.executable, script], cwd=ROOT, env=environment)
    for data in (place() / "clusters" / f"test-pg{server.major}").glob("*/data"):
        Cluster(server, data.parent).stop("immediate")  # what a suite that died has left running
    passed, failed, skipped, complaint = count_tap(output)
    if code and not failed:
        failed, complaint = 1, f"exit code {code}"
    elif complaint:
        failed += 1
    report.add(suite, passed, failed, skipped, f"{output}\n{complaint}")


def count_tap(output):
    """Passed, failed and skipped tests of TAP output, and what is wrong with it (no plan, or not what was planned)."""
    results = re.findall(r"^(not ok|ok)\b(.*)$", output, re.M)
    skipped = sum("# SKIP" in rest for _, rest in results)
    failed = sum(result == "not ok" for result, _ in results)
    plan = re.search(r"^1\.\.(\d+)$", output, re.M)
    complaint = "" if plan and int(plan[1]) == len(results) and results else "its tests do not match its plan"
    return len(results) - failed - skipped, failed, skipped, complaint


def server_suites(report, server):
    """All suites that need a server, on one fresh cluster; the scripts make clusters of their own."""
    folder = place() / "clusters" / f"test-pg{server.major}" / "main"
    cluster = Cluster(server, folder)
    if report.wanted("regress") or report.wanted("isolation"):
        cluster.create(SETTINGS)
        cluster.start()
        try:
            pg_regress_suite(report, "regress", server, cluster)
            pg_regress_suite(report, "isolation", server, cluster)
        finally:
            cluster.stop("immediate")


def command():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pg", type=int, help="the major version; its private server is fetched if needed")
    parser.add_argument("--pg-config", default="", help="test a private copy of this server instead")
    parser.add_argument("--only", action="append", default=[], help="fmt, clippy, update-script, engine, SUITE or SUITE/TEST")
    parser.add_argument("--no-rust", action="store_true", help="leave out what every version shares: fmt, engine")
    parser.add_argument("--installed", action="store_true", help="SQL suites only, on what is installed already")
    given = parser.parse_args()
    report = Report(given.only)
    with lock("test"):
        if given.installed:
            installcheck(report, given.pg_config)
            return report.close()
        preflight.check("test")
        server = private(given.pg, given.pg_config)
        say(f"testing on PostgreSQL {server.version}")
        if given.no_rust:
            report.check("clippy", lambda: build.lint(server))
        else:
            rust_checks(report, server)
        suites = [path.parent.name for path in TESTS.glob("*/run.py")] + ["regress", "isolation", "build"]
        if any(map(report.wanted, suites)) and built(report, server):
            server_suites(report, server)
            for script in sorted(TESTS.glob("*/run.py")):
                script_suite(report, script, server)
    return report.close()


def built(report, server):
    """Build and install into the private server; counted only when it fails or nothing else was chosen."""
    try:
        build.install(server)
    except Failure as failure:
        report.add("build", 0, 1, details=str(failure))
        return False
    return True


def installcheck(report, pg_config):
    """The SQL suites on an installed extension, on a private cluster or the running server the caller names."""
    server = installable(pg_config)
    if not (server.sharedir / "extension" / "pg_moderation.control").exists():
        raise Failure(f"pg_moderation is not installed in {server.sharedir}: make install PG_CONFIG={server.pg_config}")
    if os.environ.get("PGHOST") or os.environ.get("PGPORT"):
        say("testing on the running server of PGHOST and PGPORT")
        for kind in DATABASE:
            pg_regress_suite(report, kind, server, None)
    else:
        say(f"testing PostgreSQL {server.version} on a private cluster")
        server_suites(report, server)


if __name__ == "__main__":
    main(command)
