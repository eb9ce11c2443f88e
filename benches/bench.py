"""`make bench`: how fast judging is inside the server, beside other matchers and what PostgreSQL can do without us.

Prints Markdown tables, the last one of what was aimed at with what was reached. Every figure is the median of interleaved rounds in one
run on one machine, most of them of the processor's time: read the ratios, not the figures. Not for the quality of matching:
that is `make quality`. The texts and terms are in corpus.py; every table of rows exists three times, with no term in it,
with one in five of a hundred rows, and in every other row.

`QUICK=1`: fewer rows and no package of a million terms; under two minutes once everything is built and downloaded.
"""

import argparse
import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "lib"))

from cluster import cluster, server as server_of_tests  # noqa: E402

import backends  # noqa: E402
import build  # noqa: E402
import peers  # noqa: E402
import triggers  # noqa: E402
from corpus import open_corpus  # noqa: E402
from measure import machine, progress, table  # noqa: E402
from packages import InForce, Package, draft, publish  # noqa: E402
from project import main  # noqa: E402
from scans import RATES, Scans, alternatives, folding  # noqa: E402

SETTINGS = {
    "shared_buffers": "2GB",
    "max_wal_size": "8GB",
    "autovacuum": "off",
    "jit": "off",
    "max_parallel_workers_per_gather": 0,
    "max_worker_processes": 4,
}
# Rows that carry a term get one of the smallest package, so that every package has the same hits. It is put after the first
# space of the second half.
PLANTED = 1_000
PLANT = """
CREATE TABLE ads_{rate} AS SELECT id, CASE WHEN id % 100 >= {rate} THEN body ELSE overlay(body PLACING ' ' || term || ' ' FROM place FOR 1) END AS body
FROM ads_0 JOIN terms ON n = 1 + id / 100 % {planted},
    LATERAL (SELECT length(body) / 2 + greatest(1, strpos(substr(body, length(body) / 2 + 1), ' ')) AS place) p;
"""
# Sets too large for a core's own cache: there a second process either helps, or fights for memory.
WITH_WORKER = (Package(100_000), Package(100_000, "inside"))
SCRIPTS = {"en": "body ~ '^[[:ascii:]]*$'", "ru": "body !~ '[A-Za-z]'"}


@dataclass
class Scale:
    """How much is measured."""

    rows: int = 1_000_000
    sizes: tuple = (1_000, 10_000, 100_000, 1_000_000)
    rounds: int = 5
    slices: int = 5  # parts of the tables; each round judges one
    sample: int = 10_000  # rows that the peers judge
    moment: float = 0.5  # seconds that plain SQL gets for a run
    patience: int = 60  # seconds that its first run may take
    alternatives: tuple = ((1_000, RATES), (10_000, (5,)))
    inserted: int = 20_000
    statements: int = 3_000
    others: tuple = (1_000, 10_000, 100_000)  # terms of other modes
    disguised: tuple = (1_000, 10_000, 100_000, 1_000_000)  # terms of level evasion
    packages: list = field(init=False)

    def __post_init__(self):
        self.packages = [Package(size, modes) for modes in ("word", "inside") for size in self.sizes]
        self.packages += [Package(size, modes, "evasion") for modes in ("word", "inside") for size in self.disguised]
        self.packages += [Package(size, mode) for mode in ("inflected", "typo") for size in self.others]


QUICK = {
    "rows": 40_000,
    "sizes": (1_000, 10_000, 100_000),
    "slices": 1,
    "sample": 3_000,
    "moment": 0.15,
    "patience": 10,
    "alternatives": ((1_000, (5,)),),
    "inserted": 10_000,
    "statements": 500,
    "others": (10_000,),
    "disguised": (10_000,),
}


def load(server, scale):
    """Texts and terms into the database. Returns what the corpus is, in words."""
    corpus, terms = open_corpus()
    progress(f"loading {scale.rows:,} rows")
    server.psql("CREATE TABLE ads_0 (id bigint, body text); CREATE TABLE terms (n integer PRIMARY KEY, term text, word text DEFAULT 'word', inside text)")
    most = max(scale.sizes)
    copy(server, "terms (n, term, inside)", (f"{n}\t{term}\t{mode}\n" for n, (term, mode) in enumerate(terms[:most], 1)))
    copy(server, "ads_0", (f"{n}\t{row}\n" for n, row in enumerate(corpus.rows(scale.rows))))
    for rate in RATES[1:]:
        server.psql(PLANT.format(rate=rate, planted=PLANTED))
    # The same share of rows with a term in a sample as in the whole.
    for rate in RATES:
        server.psql(f"CREATE TABLE some_{rate} AS SELECT * FROM ads_{rate} WHERE id < {scale.sample}")
    for script, condition in SCRIPTS.items():
        server.psql(f"CREATE TABLE texts_{script} AS SELECT body FROM (SELECT body FROM ads_0 WHERE {condition} LIMIT 20000) a")
    server.psql("VACUUM ANALYZE; CHECKPOINT")
    size = int(server.value("SELECT sum(octet_length(body)) FROM ads_0"))
    sources = "; ".join(f"{name}: {language}, {count / 1e6:.1f} MB" for name, language, count in corpus.sources)
    return (
        f"{scale.rows:,} rows, {size / 1e6:.0f} MB, {size / scale.rows:.0f} bytes a row, half English and half Russian by rows, of"
        f" {corpus.distinct / 1e6:.1f} MB distinct sentences ({sources}): each is used"
        f" {'at most once' if size <= corpus.distinct / 2 else f'about {size / corpus.distinct:.0f} times, in other company'}."
        f" Terms: words and phrases of the same vocabulary that stand nowhere in it, and were put into 0, 5 or 50 % of the rows."
    )


def copy(server, target, lines):
    """COPY from a generator."""
    command = server.psql_command("postgres", "-q", "-c", f"COPY {target} FROM STDIN")
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=server.environment(), text=True, encoding="utf-8") as psql:
        psql.stdin.writelines(lines)
    if psql.returncode:
        raise SystemExit(f"COPY {target} failed")


class Targets:
    """What was aimed at, and what was reached."""

    def __init__(self):
        self.rows = [("aim", "measured with", "aim is", "reached", "")]

    def add(self, aim, with_what, limit, value, unit="", at_most=False):
        if value is not None:
            met = value <= limit if at_most else value >= limit
            shown = f"{value:.1%}" if unit == "%" else f"{value:.2f}{unit}"
            wanted = f"{limit:.0%}" if unit == "%" else f"{limit:g}{unit}"
            self.rows.append((aim, with_what, ("≤ " if at_most else "≥ ") + wanted, shown, "reached" if met else "**missed**"))

    def print(self):
        print("### Aims")
        table(*self.rows)


def scan_targets(targets, scans, scale):
    """The aims that scans decide, for both kinds of modes and every rate of hits."""
    for modes in ("word", "inside"):
        for rate in RATES:
            label = f"{Package(0, modes).label[2:]}, {rate} % hits"
            if 100_000 in scale.sizes:
                package = Package(100_000, modes)
                targets.add("`matches()`, 100,000 terms, over daachorse charwise", label, 5, scans.over("daachorse", package, rate), " ×")
            for size, share in ((10_000, 0.20), (100_000, 0.15)):
                targets.add(f"share of the no-op scan, {size:,} terms", label, share, scans.share(Package(size, modes), rate), "%")
            most, least = (scans.full.cpu(("ours", Package(size, modes), rate)) for size in (scale.sizes[-1], scale.sizes[0]))
            targets.add(f"cost of {scale.sizes[-1]:,} terms over 1,000", label, 2, most / least, " ×", at_most=True)
    for package in (package for package in scale.packages if package.level == "evasion"):
        for rate in RATES:
            label = f"{package.ordinary.label.partition(' ')[2]}, {rate} % hits"
            over = scans.over_ordinary(package, rate)
            targets.add(f"level evasion over folded, {package.terms:,} terms", label, 2, over, " ×", at_most=True)


def run(quick):
    scale = Scale(**(QUICK if quick else {}))
    targets = Targets()
    with cluster("bench", SETTINGS) as server:
        peers.install(server)
        server.psql("CREATE EXTENSION pg_moderation")
        described = load(server, scale)
        progress("publishing")
        published = {}
        for package in scale.packages:
            draft(server, package)
            published[package] = publish(server, package)
        server.psql("VACUUM ANALYZE")
        in_force = InForce(server)
        progress("scanning")
        scans = Scans(scale, scale.packages)
        scans.run(server, in_force)
        print(f"\n## Speed\n\n{machine(server)}.\n\n{described} Medians of {scale.rounds} interleaved rounds.\n")
        scans.print()
        alternatives(server, in_force, scale)
        progress("inserting")
        largest = Package(min(100_000, scale.sizes[-1]))
        bulk, single = triggers.measure(server, in_force, {"bulk": Package(10_000), "single": largest}, scale)
        progress("starting sessions")
        own = print_backends(server, in_force, scale, published)
        scan_targets(targets, scans, scale)
        speeds = folding(server, scale)
        targets.add("folding with offset map", "ASCII", 2, speeds["en"], " GB/s")
        targets.add("folding with offset map", "Russian", 1, speeds["ru"], " GB/s")
        backend_targets(targets, own, published, scale)
        insert_targets(targets, bulk, single, largest)
        targets.print()
    progress("done")


def print_backends(server, in_force, scale, published):
    """The table of what packages cost to publish and a backend to use. Returns first calls, memory and speed-ups."""
    rows = [("terms", "publish, s", "of it processor, s", "peak, MB", "10 terms more, judging elsewhere, ms", "of it processor, ms", "first call, ms", "of it processor, ms", "private memory, MB", "leader + 1 worker")]  # fmt: skip
    own = {}
    for package in scale.packages:
        in_force.put(package)
        milliseconds, processor, megabytes = backends.first_calls(server, package, scale.rounds)
        faster = backends.with_worker(server, package, scale.rounds) if package in WITH_WORKER else None
        own[package] = milliseconds, megabytes, faster
        done = published[package]
        rows.append((package.label, f"{done.seconds:.2f}", f"{done.cpu:.2f}", f"{done.peak:.0f}", f"{done.more * 1000:.0f}", f"{done.more_cpu * 1000:.0f}", f"{milliseconds:.2f}", f"{processor:.2f}", f"{megabytes:.2f}", f"{faster:.2f} ×" if faster else ""))  # fmt: skip
    print("### Publishing, and what a backend pays (by the clock)")
    table(*rows)
    return own


def backend_targets(targets, own, published, scale):
    for modes in ("word", "inside"):
        for size in (s for s in (100_000, 1_000_000) if s in scale.sizes):
            package = Package(size, modes)
            milliseconds, megabytes, faster = own[package]
            done = published[package]
            targets.add("first call in a new backend", package.label, 1, milliseconds, " ms", at_most=True)
            if size == 100_000:
                targets.add("leader + 1 worker", package.label, 1.8, faster, " ×")
            else:
                targets.add("private memory of a backend", package.label, 1, megabytes, " MB", at_most=True)
                targets.add("publish from scratch", package.label, 2, done.seconds, " s", at_most=True)
                targets.add("publish from scratch, peak", package.label, 300, done.peak, " MB", at_most=True)
                targets.add("publish 10 more, judging elsewhere", package.label, 100, done.more * 1000, " ms", at_most=True)


def insert_targets(targets, bulk, single, largest):
    cost = bulk[0]["moderated"] - bulk[0]["no-op trigger in C"]
    targets.add("INSERT … SELECT, over a no-op trigger in C", "10,000 word, 0 % hits", 1, cost, " µs", at_most=True)
    cost = single["moderated"] - single["no trigger"]
    targets.add("one row a transaction, over no trigger", f"{largest.label}, 0 % hits", 2.5, cost, " µs", at_most=True)


def command():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    if not os.environ.get("PG_MODERATION_TEST_PG_CONFIG"):
        with contextlib.redirect_stdout(sys.stderr):
            build.install(server_of_tests())
    run(given.quick)


if __name__ == "__main__":
    main(command)
