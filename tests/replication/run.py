"""Logical replication carries packages and records to another server: its sessions follow every publish, and nothing
fires for rows that were judged where they came from."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from cluster import Tap, cluster  # noqa: E402

TABLES = """
CREATE TABLE ads (ad_id bigint PRIMARY KEY, body text, verdict jsonb);
CREATE TABLE notes (note_id bigint PRIMARY KEY, body text);
"""
ATTACH = """
SELECT moderation.attach('ads', id => 'ad_id', text => '{body}', verdict_column => 'verdict');
SELECT moderation.attach('notes', id => 'note_id', text => '{body}', on_block => 'quarantine');
"""
SETUP = """
CREATE EXTENSION pg_moderation;
ALTER DATABASE postgres SET pg_moderation.exposure_sample = 1;
DO $$ BEGIN
  PERFORM moderation.create_package('p', action => 'block');
  PERFORM moderation.add_terms('p', ARRAY['old', 'older']);
  PERFORM moderation.publish_package('p');
  PERFORM moderation.remove_terms('p', ARRAY['old']);
  PERFORM moderation.add_terms('p', ARRAY['new']);
END $$;
"""
JUDGE = """
SELECT moderation.matches('old', 'p'), moderation.matches('new', 'p'), (moderation.moderate_text('old new')).hits->0->>'term',
       (SELECT string_agg(h.term || ' by ' || h.release, ', ') FROM moderation.text_hits('old new') h)
"""
OLD, NEW, NONE = "t|f|old|old by 1", "f|t|new|new by 2", "f|f||"
SYNCED = "SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel"


def counts(on):
    return on.value("""
        SELECT (SELECT count(*) FROM ads), (SELECT count(*) FROM notes), (SELECT count(*) FROM moderation.hits),
          (SELECT count(*) FROM moderation.quarantine)""")


def caught_up(publisher, subscriber):
    """Wait until the subscriber has applied everything."""
    written = publisher.value("SELECT pg_current_wal_flush_lsn()")
    publisher.wait_until(f"SELECT bool_and(replay_lsn >= '{written}') FROM pg_stat_replication WHERE application_name = 'everything'")


def first_copy(tap, publisher, subscriber):
    """While the first copy is under way tables fill in any order: no wrong verdict, and none is kept."""
    publisher.psql("CREATE PUBLICATION everything FOR TABLES IN SCHEMA moderation, public")
    source = f"host={publisher.sockets} port=5432 user=postgres dbname=postgres"
    with subscriber.session() as holder, subscriber.session() as cached:
        holder.query("BEGIN; LOCK TABLE moderation.item_versions IN SHARE MODE")
        cached.query("SELECT * FROM moderation.text_hits('old')")
        subscriber.psql(f"CREATE SUBSCRIPTION everything CONNECTION '{source}' PUBLICATION everything")
        subscriber.wait_until("SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate NOT IN ('r', 's')"
                              " AND srrelid <> 'moderation.item_versions'::regclass")  # fmt: skip
        tap.equal(subscriber.value("SELECT count(*) FROM moderation.in_force"), "1", "a release has arrived, its items have not")
        cached.query("SELECT moderation.matches('old', 'p')")
        tap.like(cached.errors, "is not complete", "it is not judged by")
        holder.query("COMMIT")
        subscriber.wait_until(SYNCED)
        tap.equal((cached.query(JUDGE), cached.errors), (OLD, ""), "once its items have arrived the same session judges by them")
    tap.equal(subscriber.value(JUDGE), OLD, "so does a new one")


def follows(tap, publisher, subscriber):
    """Sessions of the subscriber follow the publisher's publishes."""
    with subscriber.session() as cached, subscriber.session() as long, subscriber.session() as repeatable:
        for session, begin in ((cached, ""), (long, "BEGIN;"), (repeatable, "BEGIN ISOLATION LEVEL REPEATABLE READ;")):
            tap.equal(session.query(begin + JUDGE), OLD, "a session of the subscriber judges by release 1")
        with publisher.session() as publishing:
            publishing.query("BEGIN; SELECT moderation.publish_package('p')")
            publisher.psql("SELECT pg_current_xact_id()")
            caught_up(publisher, subscriber)
            tap.equal(long.query(JUDGE), OLD, "an uncommitted publish does not arrive")
            publishing.query("COMMIT")
        caught_up(publisher, subscriber)
        tap.equal(cached.query(JUDGE), NEW, "a publish arrives in a session that has cached")
        tap.equal(long.query(JUDGE), NEW, "and in the middle of a transaction")
        tap.equal(repeatable.query(JUDGE), OLD, "but not under an older snapshot")
        tap.equal(repeatable.query("COMMIT;" + JUDGE), NEW, "which the next transaction has no more")
        long.query("COMMIT")
        hashes = "SELECT encode(content_hash, 'hex') FROM moderation.in_force"
        tap.equal(cached.query(hashes), publisher.value(hashes), "the content hash is the same on both servers")
        for number in range(3, 13):
            publisher.psql(f"BEGIN; SELECT moderation.add_terms('p', ARRAY['term {number}']); SELECT moderation.publish_package('p'); COMMIT")
            caught_up(publisher, subscriber)
            got = [s.query("SELECT max(h.release) FROM moderation.text_hits('new') h") for s in (cached, long)]
            if got != [str(number)] * 2:
                break
        tap.equal(got, ["12", "12"], "ten publishes in a row arrive one by one")
        publisher.psql("SELECT moderation.retire_package('p')")
        caught_up(publisher, subscriber)
        tap.equal(cached.query(JUDGE), NONE, "a retired package no longer judges")
        publisher.psql("SELECT moderation.publish_package('p'); UPDATE moderation.packages SET name = 'renamed'")
        caught_up(publisher, subscriber)
        tap.equal(cached.query("SELECT moderation.matches('new', 'renamed')"), "t", "a renamed package is found by its new name")
        publisher.psql("UPDATE moderation.packages SET name = 'p'")
        caught_up(publisher, subscriber)
        tap.equal(cached.errors + long.errors + repeatable.errors, "", "no error anywhere")


def rows(tap, publisher, subscriber):
    """Rows that were judged by the publisher are stored by the subscriber as they are."""
    publisher.psql("""
        INSERT INTO ads VALUES (1, 'a new one'), (2, 'nothing');
        INSERT INTO ads SELECT n, 'new ' || n FROM generate_series(11, 30) n;
        UPDATE ads SET body = 'also new' WHERE ad_id = 2;
        INSERT INTO notes VALUES (1, 'nothing'), (2, 'new but kept out');
        SELECT moderation.release_quarantined(min(quarantine_id)) FROM moderation.quarantine;
        INSERT INTO notes VALUES (3, 'new and kept out for good');
        SELECT moderation.record_review('ads', 1, label => 'violating')""")  # fmt: skip
    caught_up(publisher, subscriber)
    tap.equal(counts(publisher), "22|2|24|2", "the publisher has recorded each content once")
    tap.equal(counts(subscriber), counts(publisher), "nothing fires a second time where the rows are applied")
    for table in ("ads", "notes", "moderation.hits", "moderation.exposures", "moderation.quarantine", "moderation.reviews"):
        rows = f"SELECT t::text FROM {table} t ORDER BY 1"
        tap.equal(subscriber.value(rows), publisher.value(rows), f"{table} is the same on both servers")
    stats = "SELECT * FROM moderation.package_stats()"
    tap.equal(subscriber.value(stats), publisher.value(stats), "so are the figures")
    subscriber.psql("INSERT INTO ads VALUES (1001, 'new here'); INSERT INTO notes VALUES (1001, 'new here')")
    tap.equal(subscriber.value("SELECT verdict->>'action' FROM ads WHERE ad_id = 1001"), "block", "the subscriber's own row is flagged")
    tap.equal(subscriber.value("SELECT string_agg(outcome::text, ',' ORDER BY outcome) FROM moderation.hits WHERE content_key = '1001'"),
              "flagged,quarantined", "and recorded, or kept out")  # fmt: skip


with Tap() as tap, cluster("replication") as publisher, cluster("subscriber") as subscriber:
    publisher.psql(SETUP + TABLES + ATTACH)
    subscriber.psql("CREATE EXTENSION pg_moderation;" + TABLES)
    first_copy(tap, publisher, subscriber)
    # The sources have arrived; only the triggers are missing. Quarantined rows of its own must not take the publisher's ids.
    subscriber.psql(ATTACH + "ALTER DATABASE postgres SET pg_moderation.exposure_sample = 1;"
                    "SELECT setval('moderation.quarantine_quarantine_id_seq', 1000000)")  # fmt: skip
    follows(tap, publisher, subscriber)
    rows(tap, publisher, subscriber)
    for on in (publisher, subscriber):
        errors = [line for line in on.log.read_text(errors="replace").splitlines() if "ERROR:" in line and "not complete" not in line]
        tap.equal(errors + on.crashes(), [], "no error and no crash in the log")
