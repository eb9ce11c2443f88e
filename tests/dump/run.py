"""pg_dump and pg_restore carry everything: material, what is in force, records, attachments; and the copy goes on."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from cluster import Tap, cluster  # noqa: E402

SETUP = """
CREATE EXTENSION pg_moderation;
SET pg_moderation.exposure_sample = 1;
DO $$ BEGIN
  PERFORM moderation.create_policy('goods', severity => 3, default_action => 'block');
  PERFORM moderation.create_package('p', policy => 'goods');
  PERFORM moderation.add_terms('p', ARRAY['casino', 'онлайн казино'], source => 'list', case_ref => 'c-1', note => 'a "note"');
  PERFORM moderation.add_terms('p', ARRAY['Exact'], level => 'literal', match => 'substring', weight => 2.5);
  PERFORM moderation.allow_terms('p', ARRAY['casino royale']);
  PERFORM moderation.publish_package('p', note => 'first');
  PERFORM moderation.remove_terms('p', ARRAY['онлайн казино']);
  PERFORM moderation.add_terms('p', ARRAY['roulette']);
  PERFORM moderation.add_images('p', ARRAY[repeat('5a', 32)::moderation.pdqhash], label => 'logo', max_distance => 12);
  PERFORM moderation.allow_images('p', ARRAY[repeat('5b', 32)::moderation.pdqhash], max_distance => 0);
  PERFORM moderation.add_video('p', 'clip', ARRAY[ROW(0, repeat('a5', 32), 100, 0.5)::moderation.video_frame]);
  PERFORM moderation.set_max_distance('p', 30);
  PERFORM moderation.publish_package('p', note => 'second');
  PERFORM moderation.add_terms('p', ARRAY['only a draft']);
  PERFORM moderation.create_package('q', action => 'review', threshold => 0.1);
  PERFORM moderation.add_terms('q', ARRAY['maybe']);
  PERFORM moderation.publish_package('q', stage => 'shadow');
  PERFORM moderation.create_package('gone');
  PERFORM moderation.add_terms('gone', ARRAY['gone']);
  PERFORM moderation.publish_package('gone');
  PERFORM moderation.add_terms('gone', ARRAY['going'], expires_at => '2100-01-01 00:00+00');
  PERFORM moderation.publish_package('gone', share => 12.5);
  PERFORM moderation.add_check('gone', 'all gone', note => 'must hit');
  PERFORM moderation.request_publish('gone', note => 'all of it');
  PERFORM moderation.retire_package('gone');
  PERFORM moderation.snooze_items('gone', ARRAY(SELECT item_id FROM moderation.current_items WHERE package = 'gone'), reason => 'later');
  PERFORM moderation.ack_outbox('consumer', min(position)) FROM moderation.read_outbox('consumer');
  PERFORM moderation.create_roles('dump_');
  PERFORM moderation.create_package('kept close');
  PERFORM moderation.alter_package('kept close', restricted => true, team => 'dump_reader');
END $$;
CREATE SCHEMA shop;
CREATE TABLE shop."Ads" ("Ad id" uuid PRIMARY KEY, "the title" text, body varchar, seller text,
  made timestamptz DEFAULT '2025-06-01 12:00+00');
CREATE TABLE flagged (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text);
CREATE TABLE rejected (id int, body text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE rejected_low PARTITION OF rejected FOR VALUES FROM (0) TO (100);
CREATE TABLE once (id int PRIMARY KEY, body text);
SELECT moderation.attach('shop."Ads"', id => 'Ad id', text => '{the title,body}', on_block => 'quarantine', owner => 'seller',
  created_at => 'made');
SELECT moderation.attach('flagged', id => 'id', text => '{body}', verdict_column => 'verdict');
SELECT moderation.attach('rejected', id => 'id', text => '{body}', on_block => 'reject');
SELECT moderation.attach('once', id => 'id', text => '{body}');
INSERT INTO once VALUES (1, 'casino');
SELECT moderation.detach('once');
ALTER TABLE shop."Ads" RENAME COLUMN body TO "body %";
INSERT INTO shop."Ads" ("Ad id", "the title", "body %", seller) VALUES
  ('00000000-0000-4000-8000-000000000001', 'fine', 'maybe', 'someone'),
  ('00000000-0000-4000-8000-000000000002', 'Casino', E'with a tab\\t and a \\\\ backslash', 'else'),
  ('00000000-0000-4000-8000-000000000003', 'roulette', 'x', 'else');
INSERT INTO flagged (body) VALUES ('casino here, casino there'), ('casino royale'), ('nothing'), ('maybe Exactly');
CREATE TABLE pictured (id int PRIMARY KEY, pic moderation.pdqhash, clip moderation.video_frame[]);
CREATE INDEX ON pictured USING gin (pic);
CREATE INDEX ON pictured USING hash (pic);
SELECT moderation.attach('pictured', id => 'id', image => '{pic}', video => '{clip}');
INSERT INTO pictured VALUES (1, repeat('5a', 32)::moderation.pdqhash, NULL), (2, repeat('5b', 32)::moderation.pdqhash, NULL),
  (3, NULL, ARRAY[ROW(7, repeat('a5', 32), 90, 1.25)::moderation.video_frame]);
SELECT moderation.release_quarantined(min(quarantine_id), 'fine after all') FROM moderation.quarantine;
SELECT moderation.record_review('flagged', 1, label => 'violating', policy => 'goods', note => 'yes');
SELECT moderation.record_review('flagged', 4, label => 'benign', hit => (SELECT hit_id FROM moderation.hits
  WHERE content_key = '4' ORDER BY stage LIMIT 1));
SELECT count(*) FROM moderation.next_for_review(1) a, moderation.next_for_review(1, 'unflagged') b;
INSERT INTO shop."Ads" ("Ad id", "the title", seller) VALUES ('00000000-0000-4000-8000-000000000004', 'roulette', 'else');
SELECT moderation.record_review('shop."Ads"', '00000000-0000-4000-8000-000000000004', label => 'violating');
SELECT moderation.start_backtest('p', 'flagged') AS run \\gset
CALL moderation.run_backtest(:run);
-- What a release found and the next one no longer finds is withdrawn by a rescan.
SELECT moderation.create_package('r'), moderation.add_terms('r', ARRAY['chair', 'nothing']), moderation.publish_package('r');
CALL moderation.rescan('flagged');
SELECT moderation.remove_terms('r', ARRAY['nothing']), moderation.publish_package('r');
CALL moderation.rescan('flagged');
SELECT moderation.add_to_case(moderation.open_case('pills'), ARRAY['one', 'two']), moderation.refresh_rollups(), (SELECT count(*) FROM moderation.suggest_allow('p', ARRAY['a casino royale', 'the roulette of life']));
-- Hits of other times, in other partitions of the ring.
INSERT INTO moderation.hits (bucket, observed_at, source_id, content_key, digest, set_hash, package_id, release, stage, item_id,
  kind, action, outcome, score)
SELECT moderation.ring_bucket(t), t, 2, 'old ' || n, '\\x00', '\\x01', 1, 1, 'live', 1, 'term', 'block', 'flagged', 1
FROM generate_series(0, 15) n, LATERAL (SELECT now() - n * interval '28 days') AS moments(t);
-- A package with a brake; an item of its own that is all that was judged lately.
SELECT moderation.create_package('braked'), moderation.add_terms('braked', ARRAY['surge']), moderation.publish_package('braked');
INSERT INTO flagged (id, body) OVERRIDING SYSTEM VALUE SELECT 100 + n, 'surge' FROM generate_series(1, 30) n;
SELECT moderation.set_brake('braked', min_contents => 20);
SELECT count(*) FROM moderation.run_brakes(clock_timestamp());
"""
REJECT = "INSERT INTO rejected VALUES (7, 'roulette')"
TEXTS = "(VALUES ('casino'), ('casino royale'), ('онлайн казино'), ('inExact'), ('inexact'), ('ROULETTE maybe'), ('only a draft')) t(b)"
VERDICTS = f"""
SELECT b, moderation.moderate_text(b), moderation.matches(b, 'p'), moderation.matches(b, 'q'), moderation.matches(b, 'gone')
FROM {TEXTS} ORDER BY b;
SELECT b, h.* FROM {TEXTS}, moderation.text_hits(b) h ORDER BY b, h;
SELECT b, h.* FROM {TEXTS}, moderation.text_hits(b, 'p', release => 1) h ORDER BY b, h;
SELECT b, h.* FROM {TEXTS}, moderation.text_hits(b, 'p', draft => true) h ORDER BY b, h;
SELECT moderation.moderate_image(repeat(h, 32)::moderation.pdqhash) FROM unnest(ARRAY['5a', '5b', '00']) h;
SELECT id, moderation.moderate(p) FROM pictured p ORDER BY id;
SET enable_seqscan = off;
SELECT id FROM pictured WHERE pic <@ moderation.pdq_ball(repeat('5a', 32)::moderation.pdqhash, 31) ORDER BY id;
RESET enable_seqscan;
SELECT * FROM moderation.package_stats();
SELECT * FROM moderation.in_force;
SELECT * FROM moderation.attachments ORDER BY source_id;
SELECT * FROM moderation.current_items ORDER BY item_id;
SELECT * FROM moderation.recent_hits ORDER BY hit_id;
"""
# Everything a user may put into the tables of the extension: found, not listed, so that none is forgotten.
TABLES = """
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'moderation'::regnamespace AND c.relkind = 'r'
AND c.relname <> 'in_force_signal' ORDER BY 1
"""
SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname IN ('moderation', 'public') ORDER BY 1"


def dumped(primary, database, *arguments):
    """A plain dump as sorted lines, without what is new in every dump."""
    text = primary.run("pg_dump", "-h", primary.sockets, "-p", "5432", "-U", "postgres", *arguments, database).stdout
    return sorted(line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict")))


def contents(primary, database):
    """Every table of the extension as text; OIDs of relations print as names."""
    found = {}
    for table in primary.value(TABLES, database).split():
        found[table] = primary.value(f"SELECT t::text FROM moderation.{table} t ORDER BY 1", database)
    return found


def same(tap, got, wanted, name):
    """Equal, or the differing lines."""
    ours, theirs = ("\n".join(text if isinstance(text, list) else [text]).splitlines() for text in (got, wanted))
    tap.ok(ours == theirs, name, "\n".join([f"got:    {line}" for line in ours if line not in theirs]
                                           + [f"wanted: {line}" for line in theirs if line not in ours]))  # fmt: skip


def restored(tap, primary, copy, how):
    """The copy holds what the original holds and judges alike."""
    before, after = contents(primary, "original"), contents(primary, copy)
    empty = [table for table, rows in before.items() if not rows and not table.startswith("exposures_")]
    tap.equal(empty, [], f"{how}: no table of the test is empty")
    tap.ok(any(rows for table, rows in before.items() if table.startswith("exposures_")), f"{how}: there are exposures")
    for table in before:
        same(tap, after.get(table, ""), before[table], f"{how}: {table}")
    for what, sql in (("verdicts, hits, figures and views", VERDICTS), ("sequences", SEQUENCES)):
        same(tap, primary.value(sql, copy), primary.value(sql, "original"), f"{how}: {what}")
    same(tap, dumped(primary, copy), dumped(primary, "original"), f"{how}: a second dump equals the first")
    tap.equal(primary.psql("ANALYZE", copy).stderr, "", f"{how}: nothing complains")


def goes_on(tap, primary, copy, how):
    """The copy is a full installation: it publishes, judges, records and attaches."""
    with primary.session(copy) as session:

        def check(sql, wanted, name):
            tap.equal((session.query(sql), session.errors), (wanted, ""), f"{how}: {name}")

        check("SELECT moderation.publish_package('p', note => 'third')", "3", "the draft is published as the next release")
        check("SELECT moderation.matches('only a draft', 'p')", "t", "and judges")
        check("SELECT moderation.create_policy('another') > max(policy_id) - 1 FROM moderation.policies", "t", "a policy")
        check("SELECT moderation.create_package('new one', policy => 'another') IS NOT NULL", "t", "a package")
        check("SELECT added FROM moderation.add_terms('new one', ARRAY['brand new'])", "1", "its terms")
        check("SELECT moderation.publish_package('new one')", "1", "its release")
        check("SELECT moderation.publish_package('gone')", "2", "a retired package comes back")
        check("INSERT INTO flagged (body) VALUES ('brand new casino') RETURNING id, verdict->'hits'->0->>'term'", "5|brand new",
              "an insert is flagged")  # fmt: skip
        check("SELECT count(*) FROM moderation.hits WHERE content_key = '5'", "2", "with its hits")
        check("INSERT INTO shop.\"Ads\" VALUES (gen_random_uuid(), 'casino', 'x', 's') RETURNING 1", "", "an insert is quarantined")
        check("SELECT count(*) FROM moderation.quarantine", "4", "beside those from before")
        check("SELECT length(moderation.release_quarantined(2))", "36", "one from before is released")
        check("SELECT count(*) FROM shop.\"Ads\"", "3", "into its table")
        check("SELECT count(moderation.record_review('flagged', 5, label => 'unsure'))", "1", "a review")
        check("SELECT count(moderation.attach('once', id => 'id', text => '{body}'))", "1", "a detached table is attached again")
        check("CREATE TABLE later (id int, body text); SELECT count(moderation.attach('later', id => 'id', text => '{body}'))", "1",
              "another table is attached")  # fmt: skip
        check("INSERT INTO later VALUES (1, 'casino'); SELECT count(*) FROM moderation.recent_hits WHERE source = 'later'::regclass", "1",
              "and recorded")  # fmt: skip
        session.query(REJECT.replace("7", "8"))
        tap.like(session.errors, "row rejected by moderation", f"{how}: an insert into a partitioned table is rejected")
    primary.wait_until("SELECT count(*) = 1 FROM moderation.hits WHERE content_key = '8'", copy)
    tap.ok(True, f"{how}: and its hits are collected")


with Tap() as tap, cluster("dump", {"autovacuum": "off"}) as primary:
    primary.psql("CREATE DATABASE original")
    # So that rows print alike in both.
    primary.psql("ALTER ROLE postgres SET search_path = '$user', public")
    primary.psql(SETUP, "original")
    primary.psql(REJECT, "original", check=False)
    primary.wait_until("SELECT count(*) = 1 FROM moderation.hits WHERE outcome = 'rejected'", "original")
    connection = ("-h", primary.sockets, "-p", "5432", "-U", "postgres")
    archive = primary.folder / "archive"
    primary.run("pg_dump", *connection, "-Fd", "-f", archive, "original")
    for copy, how, arguments in (
        ("one", "pg_restore", ("--exit-on-error", "--single-transaction")),
        ("two", "pg_restore in parallel", ("--exit-on-error", "--jobs=3")),
    ):
        primary.psql(f"CREATE DATABASE {copy}")
        done = primary.run("pg_restore", *connection, *arguments, "-d", copy, archive, check=False)
        tap.equal((done.returncode, done.stderr), (0, ""), f"{how} restores without a complaint")
        restored(tap, primary, copy, how)
        if copy == "one":
            goes_on(tap, primary, copy, how)
    tap.equal(primary.crashes(), [], "nothing crashed")
