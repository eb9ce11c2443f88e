"""Do the 95 % intervals cover what they estimate? Simulated: populations whose truth is known, samples drawn from them as
next_for_review() draws, the package's own functions for the limits. At least 93 % of the intervals must contain the truth."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from cluster import Tap, cluster  # noqa: E402

SAMPLES = 1000

# Binomial draws: the number of n uniform numbers below p.
PRECISION = f"""
SELECT avg((truth BETWEEN low AND high)::int) FROM (
    SELECT p AS truth, (SELECT count(*) FROM generate_series(1, n) WHERE random() < p AND i > 0) AS hits, n
    FROM generate_series(1, {SAMPLES}) i, (VALUES (%(p)s::float8, %(n)s)) v(p, n)) d,
    LATERAL moderation.wilson_interval(d.hits, d.n) w
"""

# Recall from three strata: what the package flags, what only others flag, what nothing flags.
RECALL = f"""
SELECT avg((truth BETWEEN r.low AND r.high)::int) FROM (
    SELECT (n1 * p1) / (n1 * p1 + n2 * p2 + n3 * p3) AS truth, n1, n2, n3, s1, s2, s3,
        (SELECT count(*) FROM generate_series(1, s1) WHERE random() < p1 AND i > 0) / s1::float8 AS x1,
        (SELECT count(*) FROM generate_series(1, s2) WHERE random() < p2 AND i > 0) / s2::float8 AS x2,
        (SELECT count(*) FROM generate_series(1, s3) WHERE random() < p3 AND i > 0) / s3::float8 AS x3
    FROM generate_series(1, {SAMPLES}) i,
        (VALUES (%(n)s, %(p)s, %(s)s)) v(n1, n2, n3, p1, p2, p3, s1, s2, s3)) d,
    LATERAL moderation.wilson_share(x1, s1) a, LATERAL moderation.wilson_share(x2, s2) b, LATERAL moderation.wilson_share(x3, s3) c,
    LATERAL moderation.recall_interval(n1 * x1, n1 * a.low, n1 * a.high, n2 * x2 + n3 * x3,
        n2 * x2 + n3 * x3 - sqrt((n2 * (x2 - b.low)) ^ 2 + (n3 * (x3 - c.low)) ^ 2),
        n2 * x2 + n3 * x3 + sqrt((n2 * (b.high - x2)) ^ 2 + (n3 * (c.high - x3)) ^ 2)) r
WHERE r.recall IS NOT NULL
"""

with Tap() as tap, cluster("intervals") as primary:
    primary.psql("CREATE DATABASE simulated")
    primary.psql("CREATE EXTENSION pg_moderation", "simulated")
    covered = []
    for p, n in ((0.9, 20), (0.5, 30), (0.97, 100), (0.7, 200)):
        share = float(primary.value("SELECT setseed(0.25);" + PRECISION % {"p": p, "n": n}, "simulated").split()[-1])
        covered.append(share)
        print(f"# precision {p} of {n} labels: {share:.3f}")
    cases = (
        ("1000.0, 500.0, 100000.0", "0.9::float8, 0.3::float8, 0.01::float8", "50, 50, 300"),
        ("1000.0, 1000.0, 10000.0", "0.8::float8, 0.1::float8, 0.05::float8", "30, 30, 100"),
        ("5000.0, 100.0, 20000.0", "0.6::float8, 0.5::float8, 0.1::float8", "100, 20, 50"),
        ("200.0, 2000.0, 50000.0", "0.95::float8, 0.2::float8, 0.002::float8", "40, 100, 500"),
    )
    for n, p, s in cases:
        share = float(primary.value("SELECT setseed(0.25);" + RECALL % {"n": n, "p": p, "s": s}, "simulated").split()[-1])
        covered.append(share)
        print(f"# recall, strata of {n} with {p.replace('::float8', '')} violating, {s} labelled: {share:.3f}")
    for share in covered:
        tap.ok(share >= 0.93, "intervals cover the truth", f"covered: {share}")
    tap.ok(sum(covered) / len(covered) < 0.995, "and are not as wide as to say nothing", str(covered))
