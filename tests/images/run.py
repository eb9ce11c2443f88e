"""Images and videos where SQL alone cannot look: the index of hashes after a crash and on a standby, and everything that
is published about PDQ and vPDQ (files kept beside this project in shared/data; without them these tests say so)."""

import csv
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from cluster import Tap, cluster  # noqa: E402

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

# Hashes that are near each other in clusters, and queries of every distance around some of them.
HASHES = """
CREATE TABLE ads (id int PRIMARY KEY, creative_pdq moderation.pdqhash);
CREATE INDEX ads_creative ON ads USING gin (creative_pdq);
INSERT INTO ads SELECT i, (decode(md5((i / 4)::text) || md5('x' || i / 4), 'hex')::moderation.pdqhash::bit(256)
  # (repeat('0', i % 90) || repeat('1', i % 4 * 13) || repeat('0', 256 - i % 90 - i % 4 * 13))::bit(256))::moderation.pdqhash
FROM generate_series(1, 8000) i;
"""
PAIRS = """
SELECT count(*), md5(string_agg(q.id || '-' || a.id, ',' ORDER BY q.id, a.id))
FROM (SELECT * FROM ads WHERE id % 50 = 0) q CROSS JOIN LATERAL (
  SELECT * FROM ads a WHERE {condition} OFFSET 0) a
"""
BY_INDEX = "SET enable_seqscan = off; " + PAIRS.format(condition="a.creative_pdq <@ moderation.pdq_ball(q.creative_pdq, 31)")
BY_HAND = PAIRS.format(condition="bit_count(a.creative_pdq::bit(256) # q.creative_pdq::bit(256)) <= 31")


def index_survives(tap, primary):
    def compare(server, name):
        tap.equal(server.value(BY_INDEX), server.value(BY_HAND), name)

    primary.psql(HASHES)
    compare(primary, "the index finds what comparing finds")
    primary.psql("DELETE FROM ads WHERE id % 7 = 0; UPDATE ads SET creative_pdq = repeat('5a', 32)::moderation.pdqhash WHERE id % 11 = 0")
    primary.stop("immediate")
    primary.start()
    compare(primary, "after a crash too")
    with primary.standby() as standby:
        compare(standby, "on a standby")
        primary.psql("INSERT INTO ads SELECT id + 100000, creative_pdq FROM ads WHERE id % 3 = 0; VACUUM ads; REINDEX INDEX ads_creative")
        primary.wait_for_standby(standby)
        compare(standby, "on a standby after changes, VACUUM and REINDEX")
        compare(primary, "and on its primary")


def haystack(tap, primary):
    folder = DATA / "pdq/data/reg-test-input"
    expected = DATA / "pdq/haystack_needles_expected.csv"
    if not expected.exists():
        return tap.skip("the published haystack and needles", "shared/data/pdq is not there")
    primary.psql("CREATE TABLE haystack (id int, h moderation.pdqhash); CREATE TABLE needles (id int, h moderation.pdqhash)")
    for table in ("haystack", "needles"):
        lines = (folder / f"{table}.txt").read_text().split()
        rows = ",".join(f"({n}, '{line}')" for n, line in enumerate(lines))
        primary.psql(f"INSERT INTO {table} VALUES {rows}")
    primary.psql("CREATE INDEX ON haystack USING gin (h)")
    with open(expected, newline="") as file:
        wanted = {(int(row["needle_idx"]), int(row["hay_idx"])): int(row["distance"]) for row in csv.DictReader(file)}
    for radius, pairs in ((0, 50), (15, 151), (16, 152), (31, 250), (47, 287), (63, 352)):
        found = primary.value(
            "SET enable_seqscan = off; SELECT string_agg(n.id || ' ' || h.id || ' ' || (n.h <-> h.h), E'\\n') FROM needles n"
            f" CROSS JOIN LATERAL (SELECT * FROM haystack h WHERE h.h <@ moderation.pdq_ball(n.h, {radius}) OFFSET 0) h"
        )
        found = {(needle, hay): distance for needle, hay, distance in (map(int, line.split()) for line in found.split("\n"))}
        tap.ok(
            found == {pair: distance for pair, distance in wanted.items() if distance <= radius} and len(found) == pairs,
            f"haystack and needles through the index: all {pairs} pairs within {radius}",
            f"found {len(found)}",
        )


def golden(tap, primary):
    table = DATA / "pdq/golden.csv"
    if not table.exists():
        return tap.skip("the published hashes of images", "shared/data/pdq is not there")
    exact = near = other = 0
    with open(table, newline="") as file:
        for row in csv.DictReader(file):
            image = DATA / row["path"]
            if not row["official_hash"] or not image.exists():
                continue
            hashed = f"moderation.pdq_hash('\\x{image.read_bytes().hex()}'::bytea)"
            distance = int(primary.value(f"SELECT hash <-> '{row['official_hash']}' FROM {hashed}"))
            exact += distance == 0
            near += 1 <= distance <= 2
            other += distance > 2
    # One published hash is not even what its own hasher gives; see crates/engine/tests/pdq_conformance.rs.
    tap.ok(
        exact > 0 and near <= 1 and other == 0,
        f"pdq_hash() of images with a published hash: {exact} exact, {near} within 2 bits",
        f"{other} are not",
    )


def matrix(tap, primary):
    table, folder = DATA / "vpdq/match_matrix_expected.csv", DATA / "vpdq/sample-hashes"
    if not table.exists():
        return tap.skip("the published videos against each other", "shared/data/vpdq is not there")
    primary.psql("CREATE TABLE videos (name text, frames moderation.video_frame[]); SELECT moderation.create_package('videos')")
    for file in sorted(folder.glob("*.txt")):
        primary.psql(f"INSERT INTO videos SELECT '{file.stem}', array_agg(f) FROM moderation.video_frames('{file.read_text()}') f")
    primary.psql(
        "SELECT moderation.add_video('videos', name, frames, min_material => 0) FROM videos;"
        " SELECT moderation.publish_package('videos')"
    )
    found = primary.value(
        "SELECT string_agg(concat_ws(E'\\t', v.name, h.label, h.content_percent, h.material_percent), E'\\n')"
        " FROM videos v, moderation.video_hits(v.frames, 'videos') h"
    )
    found = {tuple(line.split("\t")[:2]): tuple(map(float, line.split("\t")[2:])) for line in found.split("\n")}
    wrong = pairs = 0
    with open(table, newline="") as file:
        for row in csv.DictReader(file):
            if row["op"] == "le":
                pairs += 1
                content, material = found.get((row["query"], row["compared"]), (0.0, 0.0))
                wrong += abs(content - float(row["q_pct"])) > 0.006 or abs(material - float(row["c_pct"])) > 0.006
    tap.ok(pairs == 31 * 31 and wrong == 0, "video_hits() of 31 x 31 published videos", f"{wrong} of {pairs} pairs differ")


with Tap() as tap, cluster("images") as primary:
    primary.psql("CREATE EXTENSION pg_moderation")
    index_survives(tap, primary)
    haystack(tap, primary)
    golden(tap, primary)
    matrix(tap, primary)
    tap.equal(primary.crashes(), [], "nothing crashed")
