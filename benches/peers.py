"""What ours is compared with in the same server: the functions of crates/bench_peers, and what PostgreSQL has itself.

The crate is built for the server and loaded by its path into the benchmark's own database; nothing is installed.
"""

import os
import shutil

import build
from measure import ask, progress
from project import ROOT, give_away, remove, run

MATCHERS = ("daachorse", "aho-corasick", "hyperscan")
# Compiling as many literals takes hyperscan minutes.
MOST = {"hyperscan": 100_000}

DECLARATIONS = """
CREATE SCHEMA peers;
CREATE FUNCTION peers.noop(text) RETURNS boolean IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS '{library}', 'peers_noop_wrapper';
CREATE FUNCTION peers.fold(text) RETURNS bigint IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS '{library}', 'peers_fold_wrapper';
CREATE FUNCTION peers.cpu() RETURNS bigint VOLATILE STRICT LANGUAGE c AS '{library}', 'peers_cpu_wrapper';
CREATE FUNCTION peers.build(text, text, text[], text[]) RETURNS boolean VOLATILE STRICT LANGUAGE c AS '{library}', 'peers_build_wrapper';
CREATE FUNCTION peers.forget() RETURNS void VOLATILE STRICT LANGUAGE c AS '{library}', 'peers_forget_wrapper';
CREATE FUNCTION peers.matches(text, text) RETURNS boolean STABLE STRICT LANGUAGE c AS '{library}', 'peers_matches_wrapper';
CREATE FUNCTION peers.noop_trigger() RETURNS trigger LANGUAGE c AS '{library}', 'peers_noop_trigger';
"""

PYTHON = """
CREATE EXTENSION plpython3u;
CREATE FUNCTION peers.python_matches(body text, few integer) RETURNS boolean STABLE LANGUAGE plpython3u AS $$
    if few not in SD:
        import ahocorasick
        automaton = ahocorasick.Automaton()
        for row in plpy.execute("SELECT term FROM terms WHERE n <= %d" % few):
            automaton.add_word(row["term"], len(row["term"]))
        automaton.make_automaton()
        SD[few] = automaton
    text = body.lower().replace("ё", "е")
    for end, length in SD[few].iter(text):
        begin = end + 1 - length
        if not (begin and text[begin - 1].isalnum()) and not text[end + 1 : end + 2].isalnum():
            return True
    return False
$$;
SELECT peers.python_matches('x', 1);
"""

# What PostgreSQL has itself, as (name, condition over `body` with {few} terms, in what its hits may differ from ours).
INSIDE = "finds terms inside words too"
ALTERNATIVES = (
    ("strpos join", "EXISTS (SELECT FROM terms WHERE n <= {few} AND strpos(lower(body), term) > 0)", INSIDE),
    ("ILIKE ANY", "body ILIKE ANY (ARRAY(SELECT '%' || term || '%' FROM terms WHERE n <= {few}))", INSIDE),
    (
        "`~*` alternation",
        "body ~* (SELECT '\\m(' || string_agg(term, '|') || ')\\M' FROM terms WHERE n <= {few})",
        "letters as written",
    ),
    (
        "tsvector @@ tsquery",
        "to_tsvector('simple', body) @@ (SELECT string_agg('(' || replace(term, ' ', ' <-> ') || ')', ' | ')::tsquery FROM terms WHERE n <= {few})",
        "phrases over punctuation too",
    ),
    ("plpython3u + pyahocorasick", "peers.python_matches(body, {few})", "lower case by Python"),
)


def built(server):
    """The library for a server; PG_MODERATION_BENCH_PEERS= names one that is there already."""
    progress("building what ours is compared with")
    command = ["cargo", "build", "--release", "--package", "pg_moderation_bench_peers", *build.features(server)]
    run(command, f"build of the peers for PostgreSQL {server.major}", cwd=ROOT, env=build.environment(server))
    return build.target(server) / "release" / "libpg_moderation_bench_peers.so"


def install(cluster):
    """Declares the functions of the crate in the database `postgres`."""
    library = cluster.folder / "peers.so"  # where the server's user can read it
    remove(library)
    shutil.copyfile(os.environ.get("PG_MODERATION_BENCH_PEERS") or built(cluster.server), library)
    give_away(library)
    cluster.psql(DECLARATIONS.format(library=library))


def has_python(cluster):
    """Declares the Python peer; None when it is there, else why not."""
    done = cluster.psql(PYTHON, check=False)
    if done.returncode == 0:
        return None
    missing = [name for name in ("plpython3", "ahocorasick") if name in done.stderr]
    return f"skipped: {missing[-1] if missing else 'plpython3u'} not installed"


def build_set(session, peer, name, few, modes):
    """Builds a peer's set of the first `few` terms in a session; `modes`: the column of their modes. False: not installed."""
    sql = f"SELECT peers.build('{peer}', '{name}', array_agg(term ORDER BY n), array_agg({modes} ORDER BY n)) FROM terms WHERE n <= {few}"
    return ask(session, sql) == "t"
