"""`make bench`: how fast judging is inside the server, beside what PostgreSQL can do without the extension.

Prints Markdown tables. Every figure is the median of interleaved rounds in one run on one machine; read the ratios, not the
figures. The corpus is made by a seeded generator: ad-length rows of English-like and Russian-like words by Zipf's law, with
capitals and punctuation; one row in twenty carries a term. Terms are words and pairs of words of the same vocabulary, so that
they nearly occur everywhere. Not for the quality of matching: that is `make quality`.

`QUICK=1`: fewer rows, no package of a million terms, under two minutes.
"""

import argparse
import os
import platform
import random
import statistics
import sys
import time
from itertools import accumulate
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "lib"))
from cluster import cluster, server as server_of_tests  # noqa: E402

ROW_BYTES = 327
ALPHABETS = ("etaoinshrdlucmfwypvbgk", "оеаинтсрвлкмдпуяызбгчйхж")
VOCABULARY = 30_000


class Corpus:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.words = [self.vocabulary(alphabet) for alphabet in ALPHABETS]
        # Zipf's law with exponent 1.
        self.weights = list(accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))

    def vocabulary(self, alphabet):
        found = dict.fromkeys(self.word(alphabet) for _ in range(VOCABULARY * 2))
        return sorted(found, key=len)[:VOCABULARY] if len(found) >= VOCABULARY else list(found)

    def word(self, alphabet):
        return "".join(self.random.choice(alphabet) for _ in range(self.random.randint(3, 9)))

    def text(self, language):
        words, size = [], 0
        for word in self.random.choices(self.words[language], cum_weights=self.weights, k=60):
            chance = self.random.random()
            word = word.capitalize() if chance < 0.1 else word
            words.append(word + ("." if chance > 0.93 else "," if chance > 0.86 else ""))
            size += len(word.encode()) + 1
            if size >= ROW_BYTES:
                break
        return words

    def terms(self, count, inside):
        """`count` distinct terms: a third single rare words, the rest pairs of common words; the share `inside` may stand inside words."""
        out = {}
        while len(out) < count:
            language = self.random.randrange(2)
            if self.random.random() < 0.3:
                term = self.word(ALPHABETS[language]) + self.random.choice(ALPHABETS[language]) * 3
            else:
                term = " ".join(self.random.choices(self.words[language], cum_weights=self.weights, k=2))
                term += self.random.choice(ALPHABETS[language])
            out.setdefault(term, self.random.choice(("prefix", "suffix", "substring")) if self.random.random() < inside else "word")
        return out

    def rows(self, count, terms, share):
        terms = [term for term, mode in terms.items() if mode == "word"]
        for number in range(count):
            words = self.text(number % 2)
            if self.random.random() < share:
                words.insert(self.random.randrange(len(words)), self.random.choice(terms))
            yield " ".join(words)


def copy(server, table, lines):
    server.psql(f"COPY {table} FROM STDIN;\n" + "".join(f"{line}\n" for line in lines) + "\\.\n")


def seconds(session, sql):
    began = time.perf_counter()
    session.query(sql, seconds=3600)
    took = time.perf_counter() - began
    if session.errors:
        raise SystemExit(session.errors)
    return took


def medians(session, queries, rounds):
    """The median of each query's times; in every round each runs once."""
    for sql in queries.values():
        seconds(session, sql)
    times = {name: [] for name in queries}
    for _ in range(rounds):
        for name, sql in queries.items():
            times[name].append(seconds(session, sql))
    return {name: statistics.median(found) for name, found in times.items()}


def private_dirty(pid):
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return sum(int(line.split()[1]) for line in rollup if line.startswith("Private_Dirty"))


def table(*rows):
    print()
    for n, row in enumerate(rows):
        print("| " + " | ".join(str(cell) for cell in row) + " |")
        if n == 0:
            print("|" + "---|" * len(row))
    print(flush=True)


def machine(server):
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    version = server.value("SHOW server_version")
    return f"{model}, {os.cpu_count()} CPUs, {platform.system()} {platform.machine()}, PostgreSQL {version.split()[0]}"


def name_of(size, inside):
    return f"p{size}" + ("x" if inside else "")


def publish(server, corpus, size, inside):
    """Makes and publishes a package; seconds of the publish, seconds of ten terms more, until they judge elsewhere."""
    name = name_of(size, inside)
    terms = corpus.terms(size, inside)
    server.psql("DROP TABLE IF EXISTS terms; CREATE TABLE terms (term text, match text)")
    copy(server, "terms", (f"{term}\t{mode}" for term, mode in terms.items()))
    server.psql(f"SELECT moderation.create_package('{name}', action => 'block')")
    for mode in sorted(set(terms.values())):
        server.psql(
            f"SELECT moderation.add_terms('{name}', array_agg(term), match => '{mode}') FROM terms WHERE match = '{mode}'"
        )
    with server.session() as publisher, server.session() as elsewhere:
        first = seconds(publisher, f"SELECT moderation.publish_package('{name}')")
        elsewhere.query(f"SELECT moderation.matches('x', '{name}')")
        more = []
        for number in range(5):
            new = ", ".join(f"'zqx{number} {n}'" for n in range(10))
            publisher.query(f"SELECT moderation.add_terms('{name}', ARRAY[{new}])")
            took = seconds(publisher, f"SELECT moderation.publish_package('{name}')")
            took += seconds(elsewhere, f"SELECT moderation.matches('zqx{number} 7', '{name}')")
            more.append(took)
        if elsewhere.query(f"SELECT moderation.matches('zqx4 7', '{name}')") != "t":
            raise SystemExit("a published term does not judge")
    return terms, first, statistics.median(more)


def first_calls(server, name, rounds):
    """Milliseconds of the first judgement of new sessions, after the library was loaded, and their private memory over one without."""
    times, memory = [], []
    for _ in range(rounds):
        with server.session() as session:
            session.query("SELECT moderation.folding_version()")
            before = private_dirty(session.pid)
            times.append(seconds(session, f"SELECT moderation.matches('nothing here', '{name}')"))
            session.query(f"SELECT count(*) FROM (SELECT body FROM ads LIMIT 2000) a WHERE moderation.matches(body, '{name}')")
            memory.append(private_dirty(session.pid) - before)
    return statistics.median(times) * 1000, statistics.median(memory) / 1024


def main(quick):
    sizes = [1_000, 10_000, 100_000] + ([] if quick else [1_000_000])
    count, rounds = (40_000, 5) if quick else (1_000_000, 5)
    corpus = Corpus(4)
    with cluster("bench", {"shared_buffers": "1GB", "max_parallel_workers_per_gather": 0, "jit": "off"}) as server:
        print(f"## Speed\n\n{machine(server)}; {count:,} rows, medians of {rounds} interleaved rounds.")
        server.psql("CREATE EXTENSION pg_moderation; CREATE TABLE ads (body text)")
        published, planted = [("terms", "publish, s", "10 terms more, visible elsewhere, ms")], {}
        for inside in (0, 0.2):
            for size in sizes:
                terms, first, more = publish(server, corpus, size, inside)
                planted = planted or terms
                published.append((f"{size:,}{' (20 % inside words)' if inside else ''}", f"{first:.2f}", f"{more * 1000:.0f}"))
        copy(server, "ads", corpus.rows(count, planted, 0.05))
        server.psql("VACUUM ANALYZE ads")
        size = int(server.value("SELECT sum(octet_length(body)) FROM ads"))

        few = [term for term, mode in planted.items() if mode == "word"][:100]
        quoted = ", ".join(f"'{term}'" for term in few)
        sample = min(count, 4_000)
        queries = {"scan alone: octet_length(body) > 0": ("ads", "octet_length(body) > 0", count)}
        queries["characters: length(body) > 0"] = ("ads", "length(body) > 0", count)
        for inside in (0, 0.2):
            for terms in sizes:
                label = f"matches(), {terms:,} terms" + (", 20 % inside words" if inside else "")
                queries[label] = ("ads", f"moderation.matches(body, '{name_of(terms, inside)}')", count)
        some = f"(SELECT body FROM ads LIMIT {sample}) a"
        queries["body ~* '(…)', 100 terms"] = (some, "body ~* '\\m(" + "|".join(few) + ")\\M'", sample)
        queries["ILIKE ANY, 100 terms"] = (some, "body ILIKE ANY (ARRAY(SELECT '%' || t || '%' FROM unnest(ARRAY[" + quoted + "]) t))", sample)
        queries["strpos(lower(body)), 100 terms"] = (some, "EXISTS (SELECT FROM unnest(ARRAY[" + quoted + "]) t WHERE strpos(lower(body), t) > 0)", sample)
        with server.session() as session:
            times = medians(session, {n: f"SELECT count(*) FROM {f} WHERE {w}" for n, (f, w, _) in queries.items()}, rounds)
        floor = times["scan alone: octet_length(body) > 0"]
        rows = [("over the table", "rows/s", "MB/s", "µs a row over the scan", "share of the scan's speed")]
        for name, (_, _, judged) in queries.items():
            per_row, scan = times[name] / judged, floor / count
            rows.append((name, f"{1 / per_row:,.0f}", f"{size / count / per_row / 1e6:,.0f}", f"{(per_row - scan) * 1e6:.2f}", f"{scan / per_row:.1%}"))
        table(*rows)
        table(*published)

        rows = [("terms", "first call in a new session, ms", "private memory over the library's, MB", "leader + 1 worker")]
        for terms in sizes[1:]:
            name = name_of(terms, 0)
            milliseconds, megabytes = first_calls(server, name, rounds)
            with server.session() as alone, server.session() as helped:
                helped.query(
                    "SET max_parallel_workers_per_gather = 1; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;"
                    "SET min_parallel_table_scan_size = 0"
                )
                sql = f"SELECT count(*) FROM ads WHERE moderation.matches(body, '{name}')"
                pairs = [(seconds(alone, sql), seconds(helped, sql)) for _ in range(rounds + 1)][1:]
            ratio = statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs)
            rows.append((f"{terms:,}", f"{milliseconds:.1f}", f"{megabytes:.2f}", f"{ratio:.2f}×"))
        table(*rows)

        loads = {"no trigger": "", "moderated": f"SELECT moderation.attach('target_moderated', id => 'id', text => '{{body}}')"}
        server.psql(
            "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; SELECT moderation.retire_package(p.name) FROM moderation.packages p WHERE p.name <> 'p10000'"
        )
        loads["no-op trigger in PL/pgSQL"] = "CREATE TRIGGER t AFTER INSERT ON target_noop FOR EACH ROW EXECUTE FUNCTION nothing()"
        targets = {"no trigger": "target_none", "moderated": "target_moderated", "no-op trigger in PL/pgSQL": "target_noop"}
        for name, target in targets.items():
            server.psql(f"CREATE TABLE {target} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text); {loads[name]}")
        clean = "(SELECT body FROM ads WHERE NOT moderation.matches(body, 'p10000') LIMIT 20000) a"
        server.psql(f"CREATE TABLE clean AS SELECT body FROM {clean}")
        inserted = int(server.value("SELECT count(*) FROM clean"))
        with server.session() as session:
            session.query("SET pg_moderation.exposure_sample = 0")
            times = medians(session, {n: f"TRUNCATE {t}; INSERT INTO {t} (body) SELECT body FROM clean" for n, t in targets.items()}, rounds)
        table(
            ("bulk insert, 10,000 terms, no hit", "µs a row"),
            *((name, f"{took / inserted * 1e6:.2f}") for name, took in times.items()),
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    if not os.environ.get("PG_MODERATION_TEST_PG_CONFIG"):
        import build

        build.install(server_of_tests())
    main(parser.parse_args().quick)
