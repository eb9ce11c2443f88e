"""`make bench-backtest`: what a backtest and a hunt cost beside the scan, as a Markdown table. On a private server, built for release.

A million short texts (ROWS=), a package of 100,000 terms and a candidate of it with 1,000 terms changed, one process. The
measure of a backtest is `count(*) FILTER (WHERE matches())` with both releases in force; that of the index is the same
question asked without it, with the same rows as the answer: for terms as packages have them, and for short ones that many texts hold. The summary is held against a plain recomputation.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import build  # noqa: E402
from postmaster import Cluster  # noqa: E402
from project import main, place, remove, say  # noqa: E402
from server import private  # noqa: E402

SETTINGS = {
    "fsync": "off",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "maintenance_work_mem": "512MB",
    "max_parallel_workers_per_gather": 0,
    "jit": "off",
}
TERMS = 100_000
CHANGED = 1_000
TERM = "translate(substr(md5({n} || 't'), 1, 9), '0123456789abcdef', 'aeioubcdlmnrstkp')"
# Words of random letters; every fiftieth text holds a term.
LOAD = f"""
CREATE EXTENSION pg_moderation;
CREATE TABLE terms AS SELECT n, {TERM.format(n="n")} AS term FROM generate_series(1, {TERMS + CHANGED}) n;
CREATE UNLOGGED TABLE ads AS
    SELECT i AS id, translate(md5(i || 'a') || md5(i || 'b') || md5(i || 'c'), '0123456789abcdef', 'aeioubcdlmnrst  ')
        || CASE WHEN i % 50 = 0 THEN ' ' || {TERM.format(n=f"(1 + i / 50 * 7 % {TERMS + CHANGED})")} ELSE '' END AS body
    FROM generate_series(1, {{rows}}) i;
ALTER TABLE ads ADD PRIMARY KEY (id);
VACUUM ANALYZE ads;
DO $$ BEGIN
    PERFORM moderation.create_package('p', action => 'block');
    PERFORM moderation.add_terms('p', ARRAY(SELECT term FROM terms WHERE n <= {TERMS}));
    PERFORM moderation.publish_package('p');
    PERFORM moderation.remove_terms('p', ARRAY(SELECT term FROM terms WHERE n <= {CHANGED}));
    PERFORM moderation.add_terms('p', ARRAY(SELECT term FROM terms WHERE n > {TERMS}));
    PERFORM moderation.publish_package('p', stage => 'shadow');
END $$;
"""
SCAN = "SELECT count(*) FILTER (WHERE moderation.matches(body, 'p')) FROM ads"
BACKTEST = "SELECT count(*) FROM moderation.backtest_package('p', 'ads', 'id', '{body}', release => 2)"
# Summary against what text_hits() says of each row of a sample, one release after the other.
SAMPLE = """
WITH sample AS MATERIALIZED (SELECT id, body FROM ads WHERE id % 100 = 0), naive AS (
    SELECT EXISTS (SELECT FROM moderation.text_hits(body, 'p', release => 1)) AS before,
           EXISTS (SELECT FROM moderation.text_hits(body, 'p', release => 2)) AS after FROM sample)
SELECT (SELECT count(*) FILTER (WHERE after AND NOT before) || ' gained, ' || count(*) FILTER (WHERE before AND NOT after) || ' lost' FROM naive)
    || ' one by one; ' || gained || ' gained, ' || lost || ' lost in the summary'
FROM moderation.backtest_summary('p', 'SELECT * FROM ads WHERE id % 100 = 0', 'id', '{body}', release => 2)
WHERE item_id IS NULL AND state = 'after'
"""
SHORT = "ARRAY(SELECT DISTINCT translate(substr(md5(n || 's'), 1, 3), '0123456789abcdef', 'aeioubcdlmnrstae') FROM generate_series(1, 10) n)"
HUNT_SHORT = f"SELECT count(*) FROM moderation.hunt_terms('ads', {SHORT}, key => 'id', fields => '{{body}}')"
HUNT = "SELECT md5(string_agg(id::text, ',' ORDER BY id)) FROM ads WHERE moderation.matches(body, 'candidate')"


def seconds(cluster, sql, before=""):
    """The result of a query and the seconds it takes when it runs for the second time in its session."""
    out = cluster.value(
        f"{before}{sql};\nSELECT clock_timestamp() AS t \\gset\n{sql};\nSELECT extract(epoch FROM clock_timestamp() - :'t')"
    ).splitlines()
    return out[-2], float(out[-1])


def run(rows):
    server = private(None, None)
    build.install(server)
    cluster = Cluster(server, place() / "clusters" / "bench" / "backtest")
    cluster.create(SETTINGS)
    cluster.start()
    try:
        measure(cluster, rows)
    finally:
        cluster.stop("immediate")
        remove(cluster.sockets)
        remove(cluster.folder)


def measure(cluster, rows):
    say(f"loading {rows:,} texts and {TERMS:,} terms")
    cluster.psql(LOAD.format(rows=rows))
    say("scanning and backtesting")
    _, scan = seconds(cluster, SCAN)
    found, backtest = seconds(cluster, BACKTEST)
    compared = cluster.value(SAMPLE)
    say("building the index of grams")
    built = float(cluster.value(
        "SELECT clock_timestamp() AS t \\gset\nCREATE INDEX ON ads USING gin (body moderation.text_grams_ops);\n"
        "SELECT extract(epoch FROM clock_timestamp() - :'t')"
    ).splitlines()[-1])  # fmt: skip
    size = cluster.value("SELECT pg_size_pretty(pg_relation_size('ads_body_idx')) || ' beside ' || pg_size_pretty(pg_table_size('ads'))")
    cluster.psql(
        "VACUUM ANALYZE ads; SELECT moderation.retire_package('p'), moderation.create_package('candidate'),"
        " moderation.add_terms('candidate', ARRAY(SELECT term FROM terms WHERE n % 10000 = 77 ORDER BY n LIMIT 10)),"
        " moderation.publish_package('candidate')"
    )
    by_scan, slow = seconds(cluster, HUNT, "SET enable_bitmapscan = off;\n")
    by_index, fast = seconds(cluster, HUNT)
    short_by_scan, short_slow = seconds(cluster, HUNT_SHORT, "SET enable_bitmapscan = off;\n")
    short_by_index, short_fast = seconds(cluster, HUNT_SHORT)
    print(f"\n| {rows:,} texts, {TERMS:,} terms | |\n|---|---|")
    print(f"| `count(*) FILTER (WHERE matches())`, both releases in force | {scan:.2f} s |")
    print(f"| backtest of both, {found} contents | {backtest:.2f} s = {backtest / scan:.2f} × |")
    print(f"| summary on a sample | {compared} |")
    print(f"| index of grams | {built:.0f} s, {size} |")
    print(f"| 10 terms by scan | {slow * 1000:.1f} ms |")
    print(f"| 10 terms by index | {fast * 1000:.1f} ms = {slow / fast:.0f} × faster, {'the same' if by_scan == by_index else 'OTHER'} rows |")
    print(f"| 10 terms of three letters by scan | {short_slow * 1000:.1f} ms |")
    print(f"| by index | {short_fast * 1000:.1f} ms = {short_slow / short_fast:.1f} × faster, {short_by_index} places, {'the same' if short_by_scan == short_by_index else 'OTHER'} |")


def command():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    run(parser.parse_args().rows)


if __name__ == "__main__":
    main(command)
