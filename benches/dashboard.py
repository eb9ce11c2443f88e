"""`make bench-dashboard`: what the views cost over many hits, and what a daily refresh does, as a Markdown table. On a private server.

Ten million hits (ROWS=) of 5,000 items in 20 packages over 120 days, 100,000 labelled contents, a million exposures; loading takes
most of the time. Views are asked as a dashboard asks: whole, or for one package; the median of five. A refresh is measured the
first time, on a day without reviews, and with 2,000 new reviews that lie on every day. Nothing here depends on how the library is built: it is all SQL.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import build  # noqa: E402
from postmaster import Cluster  # noqa: E402
from project import main, place, remove, say  # noqa: E402
from server import private  # noqa: E402

SETTINGS = {"fsync": "off", "shared_buffers": "1GB", "max_wal_size": "8GB", "maintenance_work_mem": "512MB", "jit": "off"}
PREPARE = """
CREATE EXTENSION pg_moderation;
SELECT count(moderation.create_package('package ' || i)) FROM generate_series(1, 20) i;
SELECT count(moderation.add_terms('package ' || i, ARRAY(SELECT 'term ' || i || ' ' || j FROM generate_series(1, 250) j))) FROM generate_series(1, 20) i;
SELECT count(moderation.publish_package('package ' || i)) FROM generate_series(1, 20) i;
CREATE TABLE ads (id bigint PRIMARY KEY, body text);
SELECT moderation.attach('ads', id => 'id', text => '{body}');
"""
# Ends at six in the morning of today, so that views have hits that no rollup has.
LOAD = """
INSERT INTO moderation.hits (bucket, observed_at, source_id, content_key, owner_key, digest, set_hash, package_id, release, stage, item_id, kind, action,
    outcome, field, span_start, span_length, places, matched, level, score)
SELECT moderation.ring_bucket(g.at), g.at, 1, (i / 5 * 4)::text, 'owner ' || i %% 100003, int8send(i / 5 * 4), '\\x00', 1 + item / 250, 1, 'live', 1 + item,
    'term', 'review', 'flagged', 'body', 1, 10, 1, 'term matched', 'folded', 1
FROM generate_series(1::bigint, %(rows)s) i
CROSS JOIN LATERAL (SELECT date_trunc('day', now(), 'UTC') + interval '6 hours' - (%(rows)s - i) * interval '120 days' / %(rows)s,
    (5000 * (hashint8(i)::bigint + 2147483648) ^ 2 / 4294967296.0 ^ 2)::integer %% 5000) g(at, item);
INSERT INTO moderation.reviews (source_id, content_key, label, reviewed_at, reviewed_by, reviewer)
SELECT 1, k::text, CASE WHEN hashint8(k) %% 4 = 0 THEN 'benign' ELSE 'violating' END::moderation.review_label, now() - interval '2 days', 'bench', 'reviewer ' || k %% 7
FROM (SELECT DISTINCT i / 5 * 4 AS k FROM generate_series(1::bigint, %(rows)s, %(rows)s / 100000) i) k;
INSERT INTO moderation.exposures (bucket, observed_at, source_id, content_key, digest, set_hash, weight)
SELECT moderation.ring_bucket(g.at), g.at, 1, 'e' || i, int8send(i), '\\x00', 100
FROM generate_series(1::bigint, 1000000) i
CROSS JOIN LATERAL (SELECT date_trunc('day', now(), 'UTC') + interval '6 hours' - (1000000 - i) * interval '120 days' / 1000000) g(at);
"""
REVIEWS = """
UPDATE moderation.rollup_state SET refreshed_at = now() - interval '12 hours';
INSERT INTO moderation.reviews (source_id, content_key, label, reviewed_at, reviewed_by, reviewer)
SELECT 1, k::text, 'violating', now(), 'bench', 'new reviewer'
FROM (SELECT DISTINCT i / 5 * 4 AS k FROM generate_series(777::bigint, %(rows)s, %(rows)s / 2000) i) k;
"""
VACUUM = "VACUUM ANALYZE moderation.rollup_days, moderation.rollup_items, moderation.rollup_labels;"
REFRESH = "SELECT moderation.refresh_rollups()"
VIEWS = (
    ("package_daily, whole", "SELECT * FROM moderation.package_daily"),
    ("package_daily, a package, 30 days", "SELECT * FROM moderation.package_daily WHERE package = 'package 3' AND day > current_date - 30"),
    ("release_daily, whole", "SELECT * FROM moderation.release_daily"),
    ("item_daily, a package, 30 days", "SELECT * FROM moderation.item_daily WHERE package = 'package 3' AND day > current_date - 30"),
    ("item_totals, whole", "SELECT * FROM moderation.item_totals"),
    ("item_totals, 50 with most hits", "SELECT * FROM moderation.item_totals ORDER BY hits DESC LIMIT 50"),
    ("latest_hits, the newest 50", "SELECT * FROM moderation.latest_hits ORDER BY observed_at DESC LIMIT 50"),
    ("latest_hits, of a package", "SELECT * FROM moderation.latest_hits WHERE package = 'package 3'"),
    ("recent_hits, the last hour", "SELECT * FROM moderation.recent_hits WHERE observed_at > now() - interval '1 hour'"),
    ("recent_hits, of a package, a day", "SELECT * FROM moderation.recent_hits WHERE package = 'package 3' AND observed_at > now() - interval '1 day'"),
    ("items_never_hit", "SELECT * FROM moderation.items_never_hit"),
    ("current_alarms", "SELECT * FROM moderation.current_alarms"),
    ("in_force", "SELECT * FROM moderation.in_force"),
    ("current_items, of a package", "SELECT * FROM moderation.current_items WHERE package = 'package 3'"),
    ("open_proposals", "SELECT * FROM moderation.open_proposals"),
)


def milliseconds(cluster, statement, runs=1):
    """Median of the server's own time for the statement, planning included, with its rows thrown away."""
    taken = []
    for _ in range(runs):
        plan = cluster.value(f"EXPLAIN (ANALYZE, TIMING OFF, SUMMARY ON) {statement}")
        times = [line for line in plan.splitlines() if line.startswith(("Planning Time", "Execution Time"))]
        taken.append(sum(float(line.split()[2]) for line in times))
    return statistics.median(taken)


def run(rows):
    server = private(None, None)
    build.install(server)
    cluster = Cluster(server, place() / "clusters" / "bench" / "dashboard")
    cluster.create(SETTINGS)
    cluster.start()
    try:
        measure(cluster, rows)
    finally:
        cluster.stop("immediate")
        remove(cluster.sockets)
        remove(cluster.folder)


def measure(cluster, rows):
    cluster.psql(PREPARE)
    since = time.monotonic()
    say(f"loading {rows:,} hits")
    cluster.psql(LOAD % {"rows": rows})
    cluster.psql("VACUUM ANALYZE")
    say(f"loaded in {time.monotonic() - since:.0f} s")
    print(f"\n| {rows:,} hits | ms |\n|---|---|")
    print(f"| first `refresh_rollups()` | {milliseconds(cluster, REFRESH):,.0f} |")
    cluster.psql(VACUUM + "UPDATE moderation.rollup_state SET refreshed_at = now() - interval '12 hours'")
    print(f"| daily refresh, nothing reviewed | {milliseconds(cluster, REFRESH):,.0f} |")
    cluster.psql(REVIEWS % {"rows": rows})
    print(f"| daily refresh, 2,000 reviews all over the days | {milliseconds(cluster, REFRESH):,.0f} |", flush=True)
    cluster.psql(VACUUM)
    for name, statement in VIEWS:
        print(f"| {name} | {milliseconds(cluster, statement, 5):,.1f} |", flush=True)


def command():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    run(max(200_000, parser.parse_args().rows))


if __name__ == "__main__":
    main(command)
