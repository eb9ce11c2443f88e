"""ALTER EXTENSION pg_moderation UPDATE: a database updated from 0.1.0 is a fresh install with its old data.

The install script of 0.1.0 lies beside this file; with it the library of today installs 0.1.0, and a few of its functions
still work. What they cannot do any more (matching, with tables of 0.1.0 and the library of today) is inserted.
"""

import contextlib
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from cluster import Tap, cluster, server  # noqa: E402

from upgrade_script import FROM, scripts as update_scripts  # noqa: E402

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
VERSION = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
UPDATE = f"pg_moderation--0.1.0--{VERSION}.sql"

# What publishing and reviewing call of today's library reads columns that 0.1.0 has not; they do without for a moment.
OLD = """
CREATE EXTENSION pg_moderation VERSION '0.1.0';
SELECT pg_get_functiondef('moderation.compile_in_force()'::regprocedure) AS compile,
  pg_get_functiondef('moderation.collect_rejected()'::regprocedure) AS collect \\gset
CREATE OR REPLACE FUNCTION moderation.compile_in_force() RETURNS void LANGUAGE sql AS '';
CREATE OR REPLACE FUNCTION moderation.collect_rejected() RETURNS bigint LANGUAGE sql AS 'SELECT NULL::bigint';
DO $$ BEGIN
  PERFORM moderation.create_policy('goods', severity => 3, default_action => 'block');
  PERFORM moderation.create_package('p', policy => 'goods', threshold => 0.5);
  PERFORM moderation.add_terms('p', ARRAY['casino', 'онлайн казино'], source => 'list', case_ref => 'c-1', note => 'a note');
  PERFORM moderation.add_terms('p', ARRAY['Exact'], level => 'literal', match => 'substring', weight => 2.5);
  PERFORM moderation.allow_terms('p', ARRAY['casino royale']);
  PERFORM moderation.publish_package('p', note => 'first');
  PERFORM moderation.remove_terms('p', ARRAY['онлайн казино']);
  PERFORM moderation.add_terms('p', ARRAY['roulette']);
  PERFORM moderation.publish_package('p', note => 'second');
  PERFORM moderation.add_terms('p', ARRAY['only a draft']);
  PERFORM moderation.create_package('q', action => 'review');
  PERFORM moderation.add_terms('q', ARRAY['maybe']);
  PERFORM moderation.publish_package('q', stage => 'shadow');
END $$;
DO $$ BEGIN PERFORM moderation.publish_package('q'); END $$;
DO $$ BEGIN
  PERFORM moderation.create_package('gone', action => 'block');
  PERFORM moderation.add_terms('gone', ARRAY['gone']);
  PERFORM moderation.publish_package('gone');
END $$;
SELECT moderation.retire_package('gone');
CREATE TABLE ads (id int PRIMARY KEY, body text, seller text);
INSERT INTO ads VALUES (1, 'casino', 's');
SELECT moderation.attach('ads', id => 'id', text => '{body}', owner => 'seller', verdict_column => 'verdict');
INSERT INTO moderation.hits (bucket, observed_at, source_id, content_key, owner_key, digest, set_hash, package_id, release, stage,
  item_id, kind, action, outcome, score)
SELECT moderation.ring_bucket(now()), now(), 1, '1', 's', moderation.content_digest('casino'), '\\x01', 1, 1, 'live', 1, 'term', 'block',
  'flagged', 1;
SELECT moderation.record_review('ads', 1, label => 'violating', policy => 'goods', note => 'yes');
-- The functions of 0.1.0 again.
:compile;
:collect;
-- What users build on the extension.
CREATE VIEW ours AS SELECT package, release FROM moderation.in_force WHERE stage = 'live';
CREATE VIEW flagged_ads AS SELECT id, moderation.matches(body, 'p') AS matched, (moderation.moderate_text(body)).action FROM ads;
CREATE INDEX ads_folded ON ads (moderation.fold_text(body));
"""
# A user's own grants, in both databases.
GRANTS = """
GRANT USAGE ON SCHEMA moderation TO upgrade_reader;
GRANT SELECT ON moderation.in_force, moderation.reviews TO upgrade_reader;
"""
# What 0.1.0 has in its tables: its own columns only, by name.
OLD_COLUMNS = """
SELECT c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'moderation'::regnamespace AND c.relkind = 'r' GROUP BY 1 ORDER BY 1
"""
TEXTS = "(VALUES ('casino'), ('casino royale'), ('онлайн казино'), ('inExact'), ('inexact'), ('roulette maybe'), ('gone'), ('only a draft')) t(b)"
# The same material and settings as release 2 of p and release 1 of q, made by the functions of today.
AGAIN = """
DO $$ BEGIN
  PERFORM moderation.create_policy('goods', severity => 3, default_action => 'block') WHERE NOT EXISTS (SELECT FROM moderation.policies);
  PERFORM moderation.create_package('again', policy => 'goods', threshold => 0.5);
  PERFORM moderation.add_terms('again', ARRAY['roulette', 'casino']);
  PERFORM moderation.add_terms('again', ARRAY['Exact'], level => 'literal', match => 'substring', weight => 2.5);
  PERFORM moderation.allow_terms('again', ARRAY['casino royale']);
  PERFORM moderation.publish_package('again', stage => 'shadow');
  PERFORM moderation.create_package('q again', action => 'review');
  PERFORM moderation.add_terms('q again', ARRAY['maybe']);
  PERFORM moderation.publish_package('q again', stage => 'shadow');
END $$;
"""
HASH = "SELECT content_hash FROM moderation.releases r JOIN moderation.packages p USING (package_id) WHERE p.name = '{}' ORDER BY release DESC LIMIT 1"


@contextlib.contextmanager
def scripts(tap):
    """The install script of 0.1.0 beside the installed ones for the time of the test; the update script is installed."""
    folder = server().sharedir / "extension"
    ours = []

    def lend(name, content):
        path = folder / name
        if not path.exists():
            ours.append(path)
            path.write_bytes(content)

    content = update_scripts()[UPDATE].encode()
    try:
        lend("pg_moderation--0.1.0.sql", (ROOT / FROM["0.1.0"]).read_bytes())
        lend(UPDATE, content)
        tap.equal((folder / UPDATE).read_bytes() == content, True, "the update script is that of the sources")
        tap.equal((ROOT / "sql" / UPDATE).read_bytes() == content, True, "the checked-in one, which cargo pgrx installs, too: else run make update-script")
        yield
    finally:
        for path in ours:
            path.unlink(missing_ok=True)


def same(tap, got, wanted, name):
    """Equal texts, or the differing lines."""
    ours, theirs = got.splitlines(), wanted.splitlines()
    tap.ok(got == wanted, name, "\n".join([f"got:    {line}" for line in ours if line not in theirs]
                                          + [f"wanted: {line}" for line in theirs if line not in ours]) or "another order")  # fmt: skip


def contents(primary, columns):
    """The rows of all tables, in the columns of 0.1.0."""
    return {table: primary.value(f"SELECT {names} FROM moderation.{table} ORDER BY 1, 2", "updated") for table, names in columns.items()}


def catalog(primary, database):
    return primary.value((HERE / "catalog.sql").read_text(), database)


with Tap() as tap, scripts(tap), cluster("upgrade") as primary:
    primary.psql("CREATE DATABASE updated; CREATE DATABASE fresh; CREATE ROLE upgrade_reader;")
    primary.psql("CREATE EXTENSION pg_moderation;" + GRANTS, "fresh")
    primary.psql(OLD + GRANTS, "updated")
    wanted = catalog(primary, "fresh")
    tap.ok(len(wanted) > 100_000, "the catalog of a fresh install is listed", len(wanted))
    tap.ok(catalog(primary, "updated") != wanted, "0.1.0 is something else")
    columns = dict(line.split("|") for line in primary.value(OLD_COLUMNS, "updated").splitlines() if "|" in line)
    columns = {table: names for table, names in columns.items() if "," in names}
    before = contents(primary, columns)
    filled = ("deployments", "drafts", "item_versions", "items", "packages", "policies", "releases", "reviews", "sources")
    tap.equal([t for t in filled if not before[t]], [], "there is something of 0.1.0 in its tables")

    with primary.session("updated") as attached:
        attached.query("SELECT moderation.fold_text('x')")
        # The row's content may be in the exposure sample: every installation draws its own.
        attached.query("SET pg_moderation.exposure_sample = 0")
        primary.psql(f"ALTER EXTENSION pg_moderation UPDATE TO '{VERSION}'", "updated")
        same(tap, catalog(primary, "updated"), wanted, "updated equals fresh")
        tap.equal(attached.query("INSERT INTO ads VALUES (2, 'a casino', 's'); SELECT verdict->>'action' FROM ads WHERE id = 2"), "block",
                  "a session from before the update judges an attached table")  # fmt: skip
        primary.psql("DELETE FROM ads WHERE id = 2; DELETE FROM moderation.hits WHERE content_key = '2'", "updated")
    after = contents(primary, columns)
    for table in sorted(columns):
        if before[table] != after[table]:
            same(tap, after[table], before[table], f"{table} holds what it held")
    tap.equal(sum(before[t] != after[t] for t in columns), 0, "all tables hold what they held")

    tap.equal(primary.value("SELECT DISTINCT reviewer FROM moderation.reviews", "updated"), "postgres", "who reviewed is the reviewer")
    tap.equal(primary.value("SELECT owner_key, content_key FROM moderation.owner_strikes", "updated"), "s|1", "a confirmed hit is a strike")
    deployments = "SELECT package_id, stage, release, operation FROM moderation.deployments ORDER BY deployment_id"
    wanted = "1|live|1|publish\n1|live|2|publish\n2|shadow|1|publish\n2|live|1|publish\n2|shadow||publish\n3|live|1|publish\n3|live||retire"
    tap.equal(primary.value(deployments, "updated"), wanted, "deployments know what they came from")
    verdicts = f"SELECT b, (moderation.moderate_text(b)).action FROM {TEXTS}"
    judged = "casino|block\ncasino royale|\nонлайн казино|\ninExact|block\ninexact|\nroulette maybe|block\ngone|\nonly a draft|"
    tap.equal(primary.value(verdicts, "updated"), judged, "the material of 0.1.0 judges as before")
    tap.equal(primary.value(f"SELECT b FROM {TEXTS}, moderation.text_hits(b, 'p', release => 1) h", "updated"),
              "casino\nонлайн казино\ninExact", "an old release of 0.1.0 can be asked")  # fmt: skip
    tap.equal(primary.value("SELECT * FROM flagged_ads", "updated"), "1|t|block", "a user's view on matching functions works")
    tap.equal(primary.value("SELECT * FROM ours ORDER BY 1", "updated"), "p|2\nq|1", "a user's view on a view works")
    tap.equal(primary.value("SET ROLE upgrade_reader; SELECT count(*) FROM moderation.in_force; SELECT count(*) FROM moderation.reviews",
                            "updated"), "2\n1", "a user's grants on views and tables are still there")  # fmt: skip
    tap.equal(primary.value("SET enable_seqscan = off; SELECT id FROM ads WHERE moderation.fold_text(body) = 'casino'", "updated"), "1",
              "a user's index on a matching function works")  # fmt: skip

    primary.psql(AGAIN, "updated")
    primary.psql(AGAIN, "fresh")
    for old, again in (("p", "again"), ("q", "q again")):
        hash_before = primary.value(HASH.format(old), "updated")
        tap.equal(primary.value(HASH.format(again), "updated"), hash_before, f"the content of {old} has the same hash when made today")
        tap.equal(primary.value(HASH.format(again), "fresh"), hash_before, f"the content of {old} has the same hash on a fresh install")

    tap.equal(primary.value("SELECT release FROM moderation.restore_package('gone')", "updated"), "1", "what 0.1.0 retired can be restored")
    tap.equal(primary.value("""SELECT moderation.remove_terms('p', ARRAY['casino']), added FROM moderation.add_terms('p', ARRAY['poker']);
                            SELECT moderation.publish_package('p', note => 'third')""", "updated"), "1|1\n3",
              "a draft of 0.1.0 is edited and published")  # fmt: skip
    primary.psql("INSERT INTO ads VALUES (3, 'poker', 's'), (4, 'only a draft', 't'), (5, 'casino', 's'), (6, 'maybe', NULL)", "updated")
    tap.equal(primary.value("SELECT id, verdict->>'action' FROM ads WHERE id > 2 ORDER BY 1", "updated"),
              "3|block\n4|block\n5|\n6|review", "a table attached by 0.1.0 flags")  # fmt: skip
    tap.equal(primary.value("SELECT content_key, package FROM moderation.recent_hits WHERE content_key > '2' AND stage = 'live' ORDER BY 1",
                            "updated"), "3|p\n4|p\n6|q", "and records hits")  # fmt: skip
    primary.psql("SELECT moderation.record_review('ads', 3, label => 'violating'); SELECT moderation.detach('ads')", "updated")
    tap.equal(primary.value("SELECT count(*) FROM moderation.owner_strikes", "updated"), "2", "a review of today adds its strike")
    dump = primary.run("pg_dump", "-h", primary.sockets, "-p", "5432", "-U", "postgres", "updated").stdout
    primary.psql("CREATE DATABASE restored")
    primary.psql(dump, "restored")
    everything = "SELECT count(*), max(content_key) FROM moderation.hits; SELECT package_id, release, share FROM moderation.deployments ORDER BY deployment_id; SELECT reviewer FROM moderation.reviews"
    tap.equal(primary.value(everything, "restored"), primary.value(everything, "updated"), "a dump of the updated database restores into a fresh install")
    tap.equal(primary.crashes(), [], "nothing crashed")
