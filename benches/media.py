"""`make bench-media`: what looking images up costs, as a Markdown table. On a private server, built for release.

The index on a table against the scan that PostgreSQL offers without it, over the same rows in one run (ROWS=1000000),
and a package of a tenth as many images. Then the engine alone, `cargo bench -p pg_moderation_engine --bench hash`: hashing
pixels, and looking up among 1M and 10M hashes, uniform and clustered, beside other ways of doing it.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import build  # noqa: E402
from postmaster import Cluster  # noqa: E402
from project import ROOT, main, place, remove, say  # noqa: E402
from server import private  # noqa: E402

QUERIES = 200
SETTINGS = {
    "fsync": "off",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "maintenance_work_mem": "256MB",
    "max_parallel_workers_per_gather": 0,
    "jit": "off",
}
# A quarter of the rows are near copies of others, as campaigns of the same creative are.
TABLE = """
CREATE TABLE ads AS SELECT i AS id, (decode(md5((i - i % 4 / 3)::text) || md5('x' || i - i % 4 / 3), 'hex')::moderation.pdqhash::bit(256)
    # (repeat('0', i % 200) || repeat('1', i % 4 / 3 * (i % 31)) || repeat('0', 256 - i % 200 - i % 4 / 3 * (i % 31)))::bit(256)
  )::moderation.pdqhash AS hash FROM generate_series(1, {rows}) i;
ALTER TABLE ads ADD bits bit(256) GENERATED ALWAYS AS (moderation.pdqhash_bits(hash)) STORED;
"""


def milliseconds(cluster, sql, values):
    """Execution time of a query with one parameter, for each value: EXPLAIN ANALYZE's own."""
    plans = "".join(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE q('{value}');\n" for value in values)
    out = cluster.psql(sql + "\n" + plans, "postgres", "-A", "-t").stdout
    decoder, times, at = json.JSONDecoder(), [], out.find("[")
    while at >= 0:
        plan, end = decoder.raw_decode(out, at)
        times.append(plan[0]["Execution Time"])
        at = out.find("[", end)
    return times


def run(rows):
    server = private(None, None)
    build.install(server)
    cluster = Cluster(server, place() / "clusters" / "bench" / "media")
    cluster.create(SETTINGS)
    cluster.start()
    try:
        measure(cluster, rows)
    finally:
        cluster.stop("immediate")
        remove(cluster.sockets)
        remove(cluster.folder)


def measure(cluster, rows):
    say(f"loading {rows:,} rows")
    cluster.psql("CREATE EXTENSION pg_moderation;" + TABLE.format(rows=rows))
    say("building the index")
    seconds = float(cluster.value(
        "SELECT clock_timestamp() AS t \\gset\nCREATE INDEX ON ads USING gin (hash);\n"
        "SELECT extract(epoch FROM clock_timestamp() - :'t')"
    ).splitlines()[-1])  # fmt: skip
    cluster.psql("VACUUM ANALYZE ads")
    table, index = cluster.value("SELECT pg_table_size('ads') || ' ' || pg_indexes_size('ads')").split()
    hashes = cluster.value(f"SELECT hash FROM ads WHERE id % {rows // QUERIES} = 3").split()
    say("asking")
    scans = milliseconds(
        cluster, "PREPARE q(moderation.pdqhash) AS SELECT count(*) FROM ads WHERE bit_count(bits # $1::bit(256)) <= 31;", hashes[:10]
    )
    lookups = milliseconds(
        cluster, "SET enable_seqscan = off; PREPARE q(moderation.pdqhash) AS SELECT count(*) FROM ads WHERE hash <@ moderation.pdq_ball($1, 31);",
        hashes + hashes,
    )  # fmt: skip
    lookups = lookups[len(hashes):]
    cluster.psql(
        "SELECT moderation.create_package('risk'); SELECT moderation.add_images('risk', ARRAY(SELECT hash FROM ads WHERE id % 10 = 0));"
        " SELECT moderation.publish_package('risk')"
    )
    verdicts = cluster.value(
        "SELECT count((moderation.moderate_image(hash)).action) FROM (SELECT hash FROM ads LIMIT 10) warm;\n"
        "SELECT clock_timestamp() AS t \\gset\nSELECT count((moderation.moderate_image(hash)).action) FROM (SELECT hash FROM ads LIMIT 20000) x;\n"
        "SELECT extract(epoch FROM clock_timestamp() - :'t')"
    ).splitlines()[-1]
    scan, lookup = statistics.median(scans), statistics.median(lookups)
    print(f"\n| over {rows:,} rows, radius 31, one core | |\n|---|---|")
    print(f"| scan with `bit_count(bits # $1) <= 31`, median | {scan:.1f} ms |")
    print(f"| index scan with `hash <@ pdq_ball($1, 31)`, median of {len(lookups)} different queries | {lookup:.2f} ms |")
    print(f"| how many times faster | {scan / lookup:.0f} |")
    print(f"| slowest query by index | {max(lookups):.2f} ms |")
    print(f"| CREATE INDEX | {seconds:.0f} s |")
    print(f"| index, bytes a row (table: {int(table) // rows}) | {int(index) // rows} |")
    print(f"| `moderate_image(hash)` against a package of {rows // 10:,} images, queries a second | {20000 / float(verdicts):,.0f} |\n", flush=True)


def command():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--sql-only", action="store_true", help="leave cargo bench out")
    given = parser.parse_args()
    run(given.rows)
    if not given.sql_only:
        subprocess.run(["cargo", "bench", "-q", "-p", "pg_moderation_engine", "--bench", "hash"], cwd=ROOT, check=True)
    return 0


if __name__ == "__main__":
    main(command)
