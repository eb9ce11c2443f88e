"""Who may do what: people log in and try every function and every relation of the schema.

What each class of role may do is one list, moderation.rights(); what they really may is tried, and read from the catalog.
Two packages hold words that nothing else says: one is restricted, one belongs to a team. Whatever a login without rights gets
to see (results, plans, errors with DETAIL, HINT and CONTEXT, notices, statistics) must not contain them; an admin does
see them, in the same calls, or the search would prove nothing.
"""

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from cluster import Tap, cluster  # noqa: E402

SECRET, TEAMS = "qzxvmark", "wkjhmark"
HASH = {"secret": "d8f8f0cee0f4a84f0637022a078f67f0b36e2ed596621e1d33e6339c4e9c9b22",
        "theirs": "1d33e6339c4e9c9b22d8f8f0cee0f4a84f0637022a078f67f0b36e2ed596621e"}  # fmt: skip
# Which of the two words a login may see.
LOGINS = {
    "r_plain": ("everyone", ()),
    "r_reader": ("reader", ()),
    "r_reviewer": ("reviewer", ()),
    "r_operator": ("operator", (SECRET,)),
    "r_alpha_reader": ("reader", (TEAMS,)),
    "r_alpha_operator": ("operator", (SECRET, TEAMS)),
    "r_beta_operator": ("operator", (SECRET,)),
    "r_admin": ("admin", (SECRET, TEAMS)),
}
CLASSES = ["everyone", "reader", "reviewer", "operator", "admin", "nobody"]
ROLES = """
CREATE EXTENSION pg_moderation;
ALTER DATABASE postgres SET pg_moderation.exposure_sample = 1;
SELECT * FROM moderation.create_roles();
CREATE ROLE alpha; CREATE ROLE beta;
CREATE ROLE r_plain LOGIN;
CREATE ROLE r_reader LOGIN IN ROLE moderation_reader;
CREATE ROLE r_reviewer LOGIN IN ROLE moderation_reviewer;
CREATE ROLE r_operator LOGIN IN ROLE moderation_operator;
CREATE ROLE r_alpha_reader LOGIN IN ROLE moderation_reader, alpha;
CREATE ROLE r_alpha_operator LOGIN IN ROLE moderation_operator, alpha;
CREATE ROLE r_beta_operator LOGIN IN ROLE moderation_operator, beta;
CREATE ROLE r_admin LOGIN IN ROLE moderation_admin;
CREATE ROLE r_two LOGIN IN ROLE moderation_operator, moderation_admin;
ALTER ROLE r_two NOINHERIT;
CREATE SCHEMA sandbox;
GRANT ALL ON SCHEMA sandbox TO PUBLIC;
"""
MATERIAL = """
DO $$ BEGIN
  PERFORM moderation.create_policy('rule', description => 'a rule');
  PERFORM moderation.create_package('open', action => 'review');
  PERFORM moderation.add_terms('open', ARRAY['harmless word']);
  PERFORM moderation.publish_package('open');
END $$;
"""
PACKAGE = """
DO $$ BEGIN
  PERFORM moderation.create_package('{package}', policy => 'rule', action => 'block', description => 'a description');
  PERFORM moderation.alter_package('{package}', {guard});
  PERFORM moderation.add_terms('{package}', ARRAY['{word} first', '{word} second', '{word} third', '{word} first prize'], source => '{word} source', case_ref => '{word} case',
    note => '{word} note', evidence => '{word} evidence');
  PERFORM moderation.allow_terms('{package}', ARRAY['{word} first aid'], note => '{word} allowed');
  PERFORM moderation.add_terms('{package}', ARRAY['{word} \\d+ regex'], match => 'regex');
  PERFORM moderation.add_terms('{package}', ARRAY['{word} soon'], expires_at => 'infinity');
  PERFORM moderation.add_images('{package}', ARRAY['{hash}'::moderation.pdqhash], label => '{word} image');
  PERFORM moderation.add_video('{package}', '{word} video', (SELECT array_agg(ROW(n, '{hash}', 90, n)::moderation.video_frame) FROM generate_series(1, 3) n));
  PERFORM moderation.add_check('{package}', 'a {word} first check', note => '{word} check note');
  PERFORM moderation.publish_package('{package}', stage => 'shadow', note => '{word} publish');
  PERFORM moderation.add_terms('{package}', ARRAY['{word} fourth']);
  PERFORM moderation.publish_package('{package}', note => '{word} publish');
  PERFORM moderation.add_terms('{package}', ARRAY['{word} draft', '{word}. draft'], level => 'evasion');
  PERFORM moderation.remove_terms('{package}', ARRAY['{word} third']);
  PERFORM moderation.update_items('{package}', ARRAY[(SELECT item_id FROM moderation.item_versions WHERE term = '{word} second')], weight => 2, note => '{word} changed');
  PERFORM moderation.snooze_items('{package}', ARRAY[(SELECT item_id FROM moderation.item_versions WHERE term = '{word} soon')], reason => '{word} snoozed');
  PERFORM moderation.request_publish('{package}', note => '{word} request');
  PERFORM moderation.set_brake('{package}', min_contents => 5, note => '{word} brake');
  PERFORM moderation.suggest_terms('{package}', ARRAY['an {word} unseen', 'the {word} unseen', 'some {word} unseen', 'quite fine', 'all fine'],
    '{{t,t,t,f,f}}', min_support => 2);
END $$;
"""
CONTENT = f"""
CREATE TABLE ads (id bigint PRIMARY KEY, body text, pic moderation.pdqhash, verdict jsonb);
CREATE TABLE kept (id bigint PRIMARY KEY, body text);
CREATE TABLE refused (id bigint PRIMARY KEY, body text);
CREATE TABLE plain (id bigint PRIMARY KEY, body text);
GRANT ALL ON ads, kept, refused, plain TO PUBLIC;
CREATE TABLE texts AS SELECT 'a harmless word, {SECRET.upper()} first, {SECRET} second, {TEAMS} first and {TEAMS} second, {SECRET} draft, {TEAMS} draft'::text AS body;
GRANT SELECT ON texts TO PUBLIC;
INSERT INTO plain VALUES (1, 'a harmless word');
SELECT moderation.attach('ads', id => 'id', text => '{{body}}', image => '{{pic}}', verdict_column => 'verdict');
SELECT moderation.attach('kept', id => 'id', text => '{{body}}', on_block => 'quarantine');
SELECT moderation.attach('refused', id => 'id', text => '{{body}}', on_block => 'reject');
INSERT INTO ads SELECT n, body, '{HASH["secret"]}' FROM texts, generate_series(1, 5) n;
INSERT INTO ads SELECT 10 + n, body, '{HASH["theirs"]}' FROM texts, generate_series(1, 5) n;
INSERT INTO kept SELECT 1, body FROM texts;
SELECT moderation.record_review('ads', 1, 'violating');
SELECT moderation.refresh_rollups();
ANALYZE;
"""
ROUTINES = """
SELECT json_agg(json_build_object('name', p.proname, 'oid', p.oid::regprocedure, 'kind', p.prokind, 'result', p.prorettype::regtype,
  'arguments', (SELECT coalesce(json_agg(json_build_array(p.proargnames[a.n], a.type::regtype)), '[]')
                FROM unnest(p.proargtypes) WITH ORDINALITY a(type, n) WHERE a.n <= p.pronargs - p.pronargdefaults OR p.proargnames[a.n] IN ('package', 'name') AND p.pronargdefaults = p.pronargs AND a.n = 1)
  ) ORDER BY p.oid::regprocedure::text COLLATE "C")
FROM pg_proc p WHERE p.pronamespace = 'moderation'::regnamespace
"""
BODY = "(SELECT body FROM public.texts)"
# By name of the argument, then by its type. {package}, {item}: of the package asked about.
NAMED = {
    "package": "'{package}'", "body": BODY, "bodies": f"ARRAY[{BODY}]", "what": "'{package}'", "a": "1", "b": "2", "release": "1",
    "texts": "'{{a fine text,another text}}'", "violating": "'{{t,f}}'", "items": "ARRAY[{item}::bigint]", "item_ids": "ARRAY[{item}::bigint]",
    "item_id": "{item}", "source": "'public.ads'", "content_key": "'1'", "terms": "'{{harmless}}'", "relation": "'public.ads'",
    "table": "'public.plain'", "id": "'id'", "proposal_id": "{proposal}", "request_id": "{request}", "check_id": "{check}", "hash": "NULL",
    "new_name": "'renamed'", "keep": "'90 days'", "class": "'reader'", "package_id": "{package_id}", "value": "'fine'", "image": "'{near}'",
    "packages": "NULL", "stage": "'live'", "share": "50", "restricted": "NULL", "quarantine_id": "1", "label": "'benign'",
    "min_contents": "5", "format": "'csv'", "frames": "NULL", "source_id": "1",
}  # fmt: skip
# An argument of such a name is sometimes of another type.
OTHER = {"source": ("regclass", "text"), "value": ("text",), "terms": ("text[]",), "violating": ("boolean[]",), "package": ("text",),
         "items": ("bigint[]",), "texts": ("text[]",), "release": ("integer",), "image": ("moderation.pdqhash",), "a": ("integer",), "b": ("integer",)}  # fmt: skip
TYPED = {
    "text": "'{package}'", "integer": "1", "bigint": "1", "smallint": "1", "numeric": "50", "boolean": "false", "real": "1", "jsonb": "'{{}}'",
    "double precision": "0.5", "timestamp with time zone": "now()", "regclass": "'public.ads'", "name": "'id'", "name[]": "'{{body}}'",
    "text[]": f"ARRAY[{BODY}]", "bytea": "'\\x00'", "bytea[]": "'{{}}'", "interval": "'90 days'", "record": "(SELECT t FROM public.texts t)",
}  # fmt: skip
# They say what they are given, so they are given something else.
ECHOES = {"fold_text", "check_terms", "html", "hunt", "find_variants", "mine_terms", "suggest_allow"}
FORBIDDEN = re.compile(r"permission denied for (\w+) (\w+)")


def call(routine, facts):
    """A statement that calls the routine with the arguments that have no default."""
    values = []
    for name, kind in routine["arguments"]:
        value = NAMED.get(name) if kind in OTHER.get(name, (kind,)) else None
        value = value or TYPED.get(kind, "NULL")
        if routine["name"] in ECHOES:
            value = {"text": "'fine'" if name != "package" else value, "text[]": "'{{fine}}'"}.get(kind, value)
        if kind in ("internal", "cstring"):
            return None
        values.append(f"{value.format(**facts)}::{kind}" if kind not in ("record", "\"any\"") else value)
    given = f"{routine['oid'].split('(')[0]}({', '.join(values)})"
    if routine["kind"] == "p":
        return f"CALL {given}"
    return f"SELECT {given}" if routine["result"] in ("trigger", "internal") else f"SELECT * FROM {given}"


def login(primary, role, statements):
    """What each of the named statements gives to a login: {name: (output, errors)}. Nothing of it stays."""
    script = ["\\set VERBOSITY verbose", "\\set SHOW_CONTEXT always"]
    for name, statement in statements.items():
        script += [f"\\echo :::{name}", f"\\warn :::{name}", "BEGIN;", f"{statement};", "ROLLBACK;"]
        if statement.startswith("SELECT"):
            script += ["BEGIN;", f"EXPLAIN (ANALYZE, VERBOSE) {statement};", "ROLLBACK;"]
    done = primary.psql("\n".join(script) + "\n", "postgres", "-U", role, "-v", "ON_ERROR_STOP=0", check=False)
    if ":::" not in done.stdout:
        raise RuntimeError(done.stderr)
    parts = [dict(part.split("\n", 1) for part in text.split(":::")[1:]) for text in (done.stdout, done.stderr)]
    # psql prefixes errors with the place in its input.
    return {name: (parts[0].get(name, ""), parts[1].get(name, "")) for name in statements}


def near(hash):
    """A hash in a few bits another one."""
    return hash[:-2] + ("00" if hash[-2:] != "00" else "11")


def words(text):
    return {word for word, package in ((SECRET, "secret"), (TEAMS, "theirs")) if word in text.lower() or HASH[package] in text}


def lists(tap, primary):
    """The list is complete, and the catalog says the same."""
    for kind, objects in (("routine", "SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'moderation'::regnamespace"),
                          ("relation", "SELECT relname FROM pg_class WHERE relnamespace = 'moderation'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')"
                                       " AND NOT relispartition")):  # fmt: skip
        listed = f"SELECT name FROM moderation.rights() WHERE kind = '{kind}' AND columns IS NULL"
        tap.equal(primary.value(f"({objects}) EXCEPT ({listed})"), "", f"every {kind} has a class (add new ones to moderation.rights())")
        tap.equal(primary.value(f"({listed}) EXCEPT ({objects})"), "", f"every {kind} in the list is there")
        tap.equal(primary.value(f"SELECT name FROM ({listed}) x GROUP BY 1 HAVING count(*) > 1"), "", f"no {kind} has two classes")
    rank = "array_position('{everyone,reader,reviewer,operator,admin,nobody}', %s)"
    held = "moderation_reader moderation_reviewer moderation_operator moderation_admin".split()
    roles = "(VALUES ('r_plain', 'everyone'), " + ", ".join(f"('{r}', '{r.removeprefix('moderation_')}')" for r in held) + ") h(role, class)"
    tap.equal(primary.value(f"""
        SELECT h.role, p.oid::regprocedure FROM {roles} CROSS JOIN moderation.rights() r
        JOIN pg_proc p ON p.proname = r.name AND p.pronamespace = 'moderation'::regnamespace WHERE r.kind = 'routine'
          AND has_function_privilege(h.role, p.oid, 'EXECUTE') <> ({rank % "r.class"} <= {rank % "h.class"})"""), "", "routines: what is granted is what is listed")
    tap.equal(primary.value(f"""
        SELECT h.role, c.relname, a.attname FROM {roles} CROSS JOIN pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = 'moderation'::regnamespace AND c.relkind IN ('r', 'p', 'v')
          AND has_column_privilege(h.role, c.oid, a.attnum, 'SELECT') <> coalesce((
            SELECT bool_or(r.columns IS NULL OR a.attname = ANY (regexp_split_to_array(r.columns, ',\\s*'))) FROM moderation.rights() r
            WHERE r.kind = 'relation' AND r.name = c.relname AND {rank % "r.class"} <= {rank % "h.class"}), false)"""), "", "relations: what is granted is what is listed")
    tap.equal(primary.value(f"""
        SELECT h.role, c.relname, x.privilege FROM {roles} CROSS JOIN pg_class c
        CROSS JOIN unnest(CASE c.relkind WHEN 'S' THEN '{{USAGE,SELECT,UPDATE}}' ELSE '{{INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}}' END::text[]) x(privilege)
        WHERE c.relnamespace = 'moderation'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
          AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege(h.role, c.oid, x.privilege) ELSE has_table_privilege(h.role, c.oid, x.privilege) END"""),
        "", "nobody writes a relation, or a sequence")  # fmt: skip
    tap.equal(primary.value("""
        SELECT p.oid::regprocedure FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE p.pronamespace = 'moderation'::regnamespace
          AND a.grantee = 0 AND p.proname NOT IN (SELECT r.name FROM moderation.rights() r WHERE r.class = 'everyone')
        UNION ALL SELECT NULL FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = 'moderation'::regnamespace AND a.grantee = 0
        UNION ALL SELECT NULL FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid, aclexplode(t.attacl) a
        WHERE c.relnamespace = 'moderation'::regnamespace AND a.grantee = 0"""), "", "PUBLIC has matching, and nothing by accident")  # fmt: skip
    tap.equal(primary.value("""
        SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = 'moderation'::regnamespace
          AND l.lanname IN ('plpgsql', 'sql') AND p.prosqlbody IS NULL AND p.prokind = 'f'
          AND 'search_path=pg_catalog, pg_temp' <> ALL (coalesce(p.proconfig, '{}'))"""), "", "every function that looks names up pins its search_path")  # fmt: skip
    tap.equal(primary.value("""
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'package_id'
        WHERE c.relnamespace = 'moderation'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
          AND c.relname IN (SELECT r.name FROM moderation.rights() r WHERE r.kind = 'relation' AND r.class <> 'nobody') ORDER BY 1"""), "review_samples",
        "every readable table that names a package has row security (samples name the package asked for only)")  # fmt: skip


def everything(tap, primary):
    """Each login tries every routine and every relation."""
    routines = json.loads(primary.value(ROUTINES))
    classes = dict(line.split("|") for line in primary.value("SELECT kind || ' ' || name, class FROM moderation.rights() WHERE columns IS NULL").splitlines())
    columns = dict(line.split("|") for line in primary.value(
        "SELECT name, regexp_replace(columns, '\\s+', ' ', 'g') FROM moderation.rights() WHERE columns IS NOT NULL").splitlines())  # fmt: skip
    relations = primary.value("SELECT relname FROM pg_class WHERE relnamespace = 'moderation'::regnamespace AND relkind IN ('r', 'p', 'v', 'S') ORDER BY 1").splitlines()
    statements, expected = {}, {}
    for package in ("secret", "theirs"):
        word = SECRET if package == "secret" else TEAMS
        one = lambda sql: primary.value(sql)  # noqa: E731
        facts = {"package": package, "near": near(HASH[package]), "item": one(f"SELECT item_id FROM moderation.item_versions WHERE term = '{word} second' LIMIT 1")}
        facts["package_id"] = one(f"SELECT package_id FROM moderation.packages WHERE name = '{package}'")
        for name, table in (("proposal", "proposals"), ("request", "publish_requests"), ("check", "checks")):
            facts[name] = one(f"SELECT min({name}_id) FROM moderation.{table} WHERE package_id = {facts['package_id']}") or "1"
        for routine in routines:
            statement = call(routine, facts)
            if statement:
                name = f"{package} {routine['oid']}"
                statements[name], expected[name] = statement, classes[f"routine {routine['name']}"]
        extra = {
            "draft": f"SELECT * FROM moderation.text_hits({BODY}, '{package}', draft => true, suppressed => true)",
            "old release": f"SELECT * FROM moderation.text_hits({BODY}, '{package}', release => 1)",
            "image": f"SELECT * FROM moderation.image_hits('{near(HASH[package])}'::moderation.pdqhash, '{package}')",
            "image verdict": f"SELECT * FROM moderation.moderate_image('{near(HASH[package])}'::moderation.pdqhash)",
            "video": f"SELECT * FROM moderation.video_hits((SELECT array_agg(ROW(n, '{near(HASH[package])}', 90, n)::moderation.video_frame)"
                     f" FROM generate_series(1, 3) n), '{package}')",
            "rejected": "INSERT INTO public.refused SELECT 1, body FROM public.texts",
        }  # fmt: skip
        for name, statement in extra.items():
            statements[f"{package} {name}"], expected[f"{package} {name}"] = statement, "everyone"
    for relation in relations:
        what = "operation, verdict, changed, stored_key, note" if relation == "quarantine" else "*"
        statements[relation] = f"SELECT {what} FROM moderation.{relation}"
        expected[relation] = classes.get(f"relation {relation}", "nobody")
        if relation in columns:
            statements[f"{relation} in part"], expected[f"{relation} in part"] = f"SELECT {columns[relation]} FROM moderation.{relation}", "reader"
    # What PostgreSQL itself tells of tables.
    for name, statement in {"statistics": "SELECT * FROM pg_stats WHERE schemaname = 'moderation'", "more statistics": "SELECT * FROM pg_stats_ext",
                            "sessions": "SELECT * FROM pg_stat_activity", "constraints": "SELECT pg_get_constraintdef(oid) FROM pg_constraint"}.items():  # fmt: skip
        statements[name], expected[name] = statement, "everyone"
    seen = {}
    for role, (own, may_see) in LOGINS.items():
        results = login(primary, role, statements)
        wrong, leaks, seen[role] = [], [], set()
        for name, (output, errors) in results.items():
            denied = FORBIDDEN.search(errors)
            if bool(denied) != (CLASSES.index(expected[name]) > CLASSES.index(own)):
                wrong.append(f"{name} ({expected[name]}): {errors[:300] or 'done'}")
            found = words(output + errors)
            if found:
                seen[role].add(name)
            if found - set(may_see):
                where = next((line for line in (output + errors).splitlines() if words(line)), "")
                leaks.append(f"{name}: {where[:300]}")
        tap.ok(not wrong, f"{role}: allowed is what is listed, of {len(results)} tries", "\n".join(wrong))
        tap.ok(not leaks, f"{role}: sees only {' and '.join(may_see) or 'what is open'}", "\n".join(leaks))
    tap.ok(len(seen["r_admin"]) > 50, "an admin sees both words in many of these", sorted(seen["r_admin"]))
    for name in ("secret draft", "theirs draft", "secret image", "secret video", "recent_hits", "current_items", "item_versions", "items_never_hit", "audit_log",
                 "checks", "proposals", "open_requests", "in_force", "item_overrides_in_force", "item_totals"):  # fmt: skip
        tap.ok(name in seen["r_admin"], f"an admin does in: {name}")
    for name in ("export_package", "diff_releases", "run_checks", "lint_package", "item_stats", "package_report", "explain_text", "compare_releases",
                 "moderate_text", "moderate_text_by_release", "item_overlap"):  # fmt: skip
        tap.ok(any(f".{name}(" in n for n in seen["r_admin"]), f"an admin does in: {name}()")


def reads(tap, primary):
    """What a reader without rights gets of a restricted package: figures, verdicts, ids."""
    def ask(role, sql):
        done = primary.psql(sql, "postgres", "-U", role, "-A", "-t", check=False)
        return (done.stdout + re.sub(r"^psql:\S+ ", "", done.stderr)).strip()

    tap.equal(ask("r_plain", f"SELECT moderation.matches({BODY}, 'secret'), (moderation.moderate_text({BODY}, 'secret')).action"), "t|block", "matching works for everybody")
    hits = "SELECT item_id IS NOT NULL, term, matched, span_start, score FROM moderation.text_hits((SELECT body FROM texts), 'secret') WHERE stage = 'live' LIMIT 1"
    tap.equal(ask("r_reader", hits), "t||||1", "a hit without its material and place")
    tap.like(ask("r_operator", hits), f"t|{SECRET} ", "an operator gets them")
    tap.equal(ask("r_reader", "SELECT package, hits > 0, true_positives FROM moderation.package_stats('secret') WHERE stage = 'live'"), "secret|t|1", "figures of a restricted package")
    tap.equal(ask("r_reader", "SELECT count(*) > 1, bool_and(item_id IS NOT NULL), count(term) FROM moderation.item_stats('secret') WHERE hits > 0"), "t|t|0", "figures of its items, by id")
    count = "SELECT count(*) FROM moderation.recent_hits WHERE package = 'secret'"
    tap.equal(ask("r_reader", count), ask("r_admin", count), "its hits can be counted")
    tap.equal(ask("r_reader", "SELECT count(*) FROM moderation.recent_hits WHERE package = 'theirs'"), "0", "those of another team cannot")
    tap.equal(ask("r_reader", "SELECT string_agg(name, ',' ORDER BY name) FROM moderation.packages"), "open,secret", "nor is its package there")
    tap.equal(ask("r_alpha_reader", "SELECT string_agg(name, ',' ORDER BY name) FROM moderation.packages"), "open,secret,theirs", "for members it is")
    tap.equal(ask("r_reader", "SELECT string_agg(DISTINCT package, ',') FROM moderation.package_stats()"), "open,secret", "figures are of the packages one sees")
    tap.equal(ask("r_alpha_reader", "SELECT package, hits > 0 FROM moderation.package_stats('theirs') WHERE stage = 'live'"), "theirs|t", "also of those of one's team")
    tap.like(ask("r_reader", "SELECT moderation.package_stats('theirs')"), 'package "theirs" belongs to another team', "and of no other")
    tap.equal(set(re.sub("[*\\s]", "", ask("r_reader", f"SELECT moderation.mask_text({BODY}, ARRAY['secret'])"))), set(), "masking hides what it cannot show")
    tap.like(ask("r_reader", "SELECT moderation.package_report('secret')"), "terms and matched texts left out", "a report is redacted without being asked to")
    # Stored, so without material whoever caused it.
    stored = "SELECT h ->> 'item' IS NOT NULL, h ? 'term', h -> 'span_start' FROM ads, jsonb_array_elements(verdict -> 'hits') h WHERE id = 1 AND h ->> 'package' = '{}' LIMIT 1"
    tap.equal(primary.value(stored.format("secret")), "t|f|null", "a verdict column holds the item of a restricted package, not its material")
    tap.equal(primary.value(stored.format("open")), "t|t|3", "of an open package it holds both")
    tap.equal(primary.value("SELECT count(*) FROM moderation.quarantine WHERE verdict::text ~ 'mark'"), "0", "the verdict of a quarantined row neither")
    rejected = ask("r_plain", f"INSERT INTO refused SELECT 1, body FROM texts")
    tap.ok("row rejected" in rejected and not re.search(r'"package": ?"secret"[^}]*"span_start": ?\d', rejected) and not words(rejected),
           "a rejecting error says no place", rejected)  # fmt: skip
    # Functions of the reader's own, evaluated as early as the planner likes.
    leak = ("CREATE FUNCTION sandbox.{0}_leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END $$;")
    for role in ("r_reader", "r_beta_operator"):
        said = ask(role, leak.format(role) + "\n" + "\n".join(
            f"SELECT count(*) FROM moderation.{relation} WHERE sandbox.{role}_leak({column}::text);" for relation, column in (
                ("recent_hits", "matched"), ("recent_hits", "term"), ("current_items", "term"), ("item_versions", "term"), ("items", "note"), ("items_never_hit", "term"),
                ("item_totals", "term"), ("in_force", "note"), ("item_overrides_in_force", "reason"), ("brakes_in_force", "term"))))  # fmt: skip
        tap.ok("saw" in said and not words(said) - set(LOGINS[role][1]), f"{role}: a leaky function sees nothing more", said[-500:])
    # What is maintained on behalf of somebody else: the caller may be anybody, the code is not his.
    ask("r_plain", "CREATE TABLE sandbox.t (b text); CREATE FUNCTION sandbox.spy(b text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS"
                   " $$ BEGIN RAISE NOTICE 'saw %', (moderation.moderate_text(b)).hits; RETURN b; END $$; CREATE INDEX ON sandbox.t (sandbox.spy(b));"
                   " INSERT INTO sandbox.t SELECT upper(body) FROM texts")  # fmt: skip
    done = primary.psql("REINDEX TABLE sandbox.t; ANALYZE sandbox.t")
    tap.ok("saw" in done.stderr and not words(done.stderr.replace("CONTEXT", "")), "an index expression under a superuser's REINDEX is told nothing", done.stderr[-500:])


def writes(tap, primary):
    """Who changes what: restricted packages go live by an admin, teams' packages are changed by the team."""
    def tell(role, sql):
        done = primary.psql(f"BEGIN; {sql}; ROLLBACK", "postgres", "-U", role, "-A", "-t", check=False)
        return (done.stdout + done.stderr).strip()

    for sql in ("SELECT moderation.publish_package('secret')", "SELECT moderation.publish_package('secret', stage => 'shadow')", "SELECT moderation.promote_release('secret')",
                "SELECT moderation.rollback_package('secret')", "SELECT moderation.retire_package('secret')", "SELECT moderation.restore_package('secret')",
                "SELECT moderation.set_rollout('secret', 50)", "SELECT moderation.snooze_items('secret', '{1}')", "SELECT moderation.unsnooze_items('secret', '{1}')",
                "SELECT moderation.set_brake('secret', 5)", "SELECT moderation.drop_brake('secret')", "SELECT moderation.alter_package('secret', restricted => false)",
                "SELECT moderation.alter_package('secret', expires_at => '2100-01-01')",
                "SELECT moderation.approve_publish((SELECT max(request_id) FROM moderation.open_requests WHERE package = 'secret'))"):  # fmt: skip
        tap.like(tell("r_operator", sql), "only an admin may change what is in force", f"an operator cannot: {sql}")
    for sql in ("SELECT moderation.add_terms('secret', ARRAY['a new term'])", "SELECT moderation.request_publish('secret')",
                "SELECT moderation.publish_package('open')", "SELECT moderation.create_package('new'), moderation.alter_package('new', restricted => true)"):  # fmt: skip
        tap.ok("ERROR" not in tell("r_operator", sql), f"an operator can: {sql}", tell("r_operator", sql))
    for sql in ("SELECT moderation.add_terms('theirs', ARRAY['a new term'])", "SELECT moderation.publish_package('theirs')", "SELECT moderation.export_package('theirs')",
                "SELECT moderation.alter_package('theirs', team => 'beta')", "SELECT moderation.rename_package('theirs', 'ours')"):  # fmt: skip
        tap.like(tell("r_beta_operator", sql), "belongs to another team", f"another team cannot: {sql}")
        tap.ok("belongs to another team" not in tell("r_alpha_operator", sql), f"the team itself is not refused so: {sql}")
    tap.like(tell("r_alpha_operator", "SELECT moderation.alter_package('theirs', team => '')"), "only an admin may take", "a team does not give its package away")
    tap.like(tell("r_operator", "SELECT moderation.alter_package('open', team => 'alpha')"), "is no member of team", "nor does anybody lock himself out")
    tap.like(tell("r_admin", "SELECT moderation.alter_package('open', team => 'no such role')"), "does not exist", "a team is a role")
    for sql in ("SELECT moderation.publish_package('secret')", "SELECT moderation.publish_package('theirs')", "SELECT moderation.alter_package('theirs', team => '')",
                "SELECT moderation.alter_package('secret', restricted => false)", "SELECT moderation.rollback_package('secret', 1)"):  # fmt: skip
        said = tell("r_admin", sql)
        tap.ok("insufficient" not in said and "only an admin" not in said and "team" not in said, f"an admin may: {sql}", said)
    # One person, two roles.
    tap.like(tell("r_two", "SET ROLE moderation_operator; SELECT moderation.request_publish('secret') AS id \\gset\nSET ROLE moderation_admin;"
                           " SELECT moderation.approve_publish(:id)"), "cannot be approved by r_two, who made it", "nobody approves his own request as somebody else")  # fmt: skip
    primary.psql("SELECT moderation.request_publish('secret', note => 'of an operator')", "postgres", "-U", "r_operator")
    said = primary.psql("SELECT moderation.approve_publish((SELECT max(request_id) FROM moderation.open_requests WHERE package = 'secret'))", "postgres", "-U", "r_admin", check=False)
    tap.equal(said.stderr, "", "an admin approves the request of an operator")
    tap.like(tell("r_plain", "SELECT * FROM moderation.create_roles()"), "permission denied", "create_roles() is for the DBA")


def roles(tap, primary):
    """create_roles() again, with roles of other names, and with names that are taken."""
    again = primary.value("SELECT string_agg(role || ' ' || created, ', ') FROM moderation.create_roles()")
    tap.equal(again, ", ".join(f"moderation_{c} false" for c in CLASSES[1:5]), "calling it again changes nothing")
    said = primary.psql("CREATE ROLE bad_admin LOGIN; SELECT * FROM moderation.create_roles('bad_')", check=False)
    tap.like(said.stderr, 'role "bad_admin" exists and is no plain group role', "a login is not made a group")
    tap.equal(primary.value("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'bad\\_%'"), "1", "and nothing is made")
    primary.psql("SELECT * FROM moderation.create_roles('Other \"odd\" ')")
    tap.equal(primary.value("SELECT has_table_privilege('moderation_reader', 'moderation.packages', 'SELECT'), has_table_privilege('Other \"odd\" reader', 'moderation.packages', 'SELECT'),"
                            " has_any_column_privilege('moderation_admin', 'moderation.hits', 'SELECT')"), "f|t|f", "roles of another prefix take the place of the former")  # fmt: skip
    done = primary.psql("SELECT moderation.publish_package('secret')", "postgres", "-U", "r_admin", check=False)
    tap.like(done.stderr, "permission denied", "whose members may nothing any more")
    primary.psql("SELECT * FROM moderation.create_roles()")
    # Into another database, as a dump does: roles are the cluster's, rights and teams the database's.
    primary.psql("CREATE DATABASE restored")
    dump = primary.run("pg_dump", "-h", primary.sockets, "-p", "5432", "-U", "postgres", "postgres").stdout
    primary.psql(dump, "restored")
    for role, sql, wanted in (("r_reader", "SELECT string_agg(name, ',' ORDER BY name) FROM moderation.packages", "open,secret"),
                              ("r_reader", f"SELECT DISTINCT term FROM moderation.text_hits((SELECT body FROM texts), 'secret')", ""),
                              ("r_alpha_reader", "SELECT string_agg(name, ',' ORDER BY name) FROM moderation.packages", "open,secret,theirs")):  # fmt: skip
        tap.equal(primary.psql(sql, "restored", "-U", role, "-A", "-t").stdout.strip(), wanted, f"restored from a dump: {role} as before")


with Tap() as tap, cluster("rights") as primary:
    primary.psql(ROLES + MATERIAL)
    primary.psql(PACKAGE.format(package="secret", word=SECRET, hash=HASH["secret"], guard="restricted => true"))
    primary.psql(PACKAGE.format(package="theirs", word=TEAMS, hash=HASH["theirs"], guard="team => 'alpha'"))
    primary.psql(CONTENT)
    for part in (lists, everything, reads, writes, roles):
        part(tap, primary)
    tap.equal(primary.crashes(), [], "nothing crashed")
