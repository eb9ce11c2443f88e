"""Judging a table: `matches()` beside a function that does nothing, other matchers, plain SQL, folding alone."""

from measure import Series, ask, table, timed
from packages import Package
from peers import ALTERNATIVES, MATCHERS, MOST, build_set, has_python
from project import Failure

RATES = (0, 5, 50)  # rows of a hundred that carry a term
NOT_INSTALLED = "skipped: not installed"


def count(rows, condition):
    return f"SELECT count(*) FROM {rows} WHERE {condition}"


def ours(package):
    return f"moderation.matches(body, '{package.name}')"


class Scans:
    """All timings of scans: `full` over whole tables, a part in each round, `some` over samples of them, beside the peers."""

    def __init__(self, scale, packages):
        self.scale = scale
        self.packages = packages
        self.full, self.some = Series(), Series()
        self.missing = set()
        self.judged = {}

    def run(self, server, in_force):
        """Every round, every package, every rate: ours and its peers one after the other."""
        with server.session() as session:
            for peer in MATCHERS:
                for package in self.packages:
                    if package.plain and package.terms <= MOST.get(peer, package.terms):
                        if not build_set(session, peer, package.name, package.terms, package.modes):
                            self.missing.add(peer)
                            break
            slices = {rate: self.cut(session, f"ads_{rate}") for rate in RATES}
            for number in range(self.scale.rounds + 1):
                for package in self.packages:
                    in_force.put(package)
                    ask(session, count("some_0", ours(package)))  # maps the set and touches its pages, as the peers' are
                    for rate in RATES:
                        self.round(session, package, rate, slices[rate][number % self.scale.slices], counts=number > 0)
            ask(session, "SELECT peers.forget()")

    def cut(self, session, name):
        """Conditions that read one part of a table each, all of it together, and the rows of each part."""
        pages = int(ask(session, f"SELECT pg_relation_size('{name}') / current_setting('block_size')::int"))
        edges = [pages * n // self.scale.slices for n in range(self.scale.slices + 1)]
        conditions = [f"ctid >= '({low},0)' AND ctid < '({high},0)'" for low, high in zip(edges, edges[1:])]
        return [(condition, int(ask(session, count(name, condition)))) for condition in conditions]

    def round(self, session, package, rate, part, counts):
        """One round of one package and rate; the first one only warms up, on the sample."""
        condition, self.judged[package, rate] = part
        runs = [(self.some, "ours", count(f"some_{rate}", ours(package)))]
        if package.plain:
            for peer in MATCHERS:
                if peer not in self.missing and package.terms <= MOST.get(peer, package.terms):
                    runs.append((self.some, peer, count(f"some_{rate}", f"peers.matches(body, '{peer} {package.name}')")))
            if counts:
                runs.append((self.full, "noop", count(f"ads_{rate}", f"{condition} AND peers.noop(body)")))
                runs.append((self.full, "ours", count(f"ads_{rate}", f"{condition} AND {ours(package)}")))
        for series, name, sql in runs:
            timing = timed(session, sql)
            if counts:
                series.add((name, package, rate), timing)

    def plain(self):
        return [package for package in self.packages if package.plain]

    def over_ordinary(self, package, rate):
        """The cost of a level or mode over that of the same terms without it."""
        costs = (self.some.cpu(("ours", of, rate)) for of in (package, package.ordinary))
        return next(costs) / next(costs)

    def hits(self, package, rate):
        """Rows of the whole table that hit: each round counted one part of it."""
        found = [int(t.result) for t in self.full.found["ours", package, rate]]
        return sum(found) * self.scale.slices // len(found)

    def rows_a_second(self, package, rate):
        return self.judged[package, rate] / self.full.cpu(("ours", package, rate))

    def share(self, package, rate):
        """The speed of `matches()` as a share of the speed of the function that does nothing."""
        return self.full.cpu(("noop", package, rate)) / self.full.cpu(("ours", package, rate))

    def over(self, peer, package, rate):
        """How many times as fast as a peer; None where the peer did not run."""
        key = (peer, package, rate)
        return self.some.cpu(key) / self.some.cpu(("ours", package, rate)) if key in self.some else None

    def print(self):
        part = "all of them" if self.scale.slices == 1 else f"another of {self.scale.slices} parts of them"
        print(f"### `matches()` over {self.scale.rows:,} rows; each round judges {part}")
        head = ["terms", *(f"rows/s, {r} % hits" for r in RATES), *(f"share of no-op, {r} %" for r in RATES), "rows that hit"]
        rows = [head]
        for package in self.plain():
            hits = " / ".join(f"{self.hits(package, rate):,}" for rate in RATES)
            speeds = (f"{self.rows_a_second(package, rate):,.0f}" for rate in RATES)
            rows.append([package.label, *speeds, *(f"{self.share(package, rate):.1%}" for rate in RATES), hits])
        table(*rows)
        self.print_peers()
        print(f"### Other levels and modes, the same {self.scale.sample:,} rows")
        print("\nCompared with the same terms at level folded, as whole words; 20 % inside words with the same inside words.")
        rows = [["terms", *(f"rows/s, {r} % hits" for r in RATES), *(f"cost over folded words, {r} %" for r in RATES), "rows that hit; folded words"]]
        for package in (p for p in self.packages if not p.plain):
            keys = [("ours", package, rate) for rate in RATES]
            plain = [("ours", package.ordinary, rate) for rate in RATES]
            speeds = (f"{self.scale.sample / self.some.cpu(key):,.0f}" for key in keys)
            ratios = (f"{self.over_ordinary(package, rate):.1f} ×" for rate in RATES)
            hits = "; ".join(" / ".join(self.some.result(key) for key in of) for of in (keys, plain))
            rows.append([package.label, *speeds, *ratios, hits])
        table(*rows)

    def print_peers(self):
        print(f"### Other matchers in the same server, {self.scale.sample:,} rows of each table: how many times as fast ours is")
        print("\nThe same folding and the same word boundaries on both sides; the backend has built its automata before. Not built: hyperscan")
        print("takes minutes to compile so many literals.")
        rows = [["terms", "hits", "ours, rows/s", *(f"over {peer}" for peer in MATCHERS), "rows that hit: ours; peers"]]
        for package in self.plain():
            for rate in RATES:
                found = int(self.some.result(("ours", package, rate)))
                cells, others = [], []
                for peer in MATCHERS:
                    ratio = self.over(peer, package, rate)
                    if ratio:
                        cells.append(f"{ratio:.1f} ×")
                        others.append(int(self.some.result((peer, package, rate))))
                    else:
                        cells.append(NOT_INSTALLED if peer in self.missing else "not built")
                agree = "the same" if set(others) == {found} else ", ".join(map(str, others))
                speed = self.scale.sample / self.some.cpu(("ours", package, rate))
                rows.append([package.label, f"{rate} %", f"{speed:,.0f}", *cells, f"{found:,}; {agree}"])
        table(*rows)


def alternatives(server, in_force, scale):
    """Plain SQL and PL/Python on as many rows as each can judge in a moment; ours on the same rows, one after the other."""
    absent = has_python(server)
    print("### What PostgreSQL has itself")
    rows = [["", "terms", "hits", "rows/s", "ours, rows/s", "ours over it", "rows that hit: ours; it", "why they may differ"]]
    with server.session() as session:
        for terms, rates in scale.alternatives:
            package = Package(terms)
            in_force.put(package)
            for name, condition, differs in ALTERNATIVES:
                if name.startswith("plpython") and absent:
                    rows.append([name, f"{terms:,}", "", absent, "", "", "", ""])
                    continue
                for rate in rates:
                    rows.append(alternative(session, package, rate, name, condition.format(few=terms), differs, scale))
    table(*rows)


def alternative(session, package, rate, name, condition, differs, scale):
    """One row of the table."""
    ask(session, f"SET statement_timeout = '{scale.patience} s'")
    few = 20
    try:
        ask(session, count(f"(SELECT body FROM some_{rate} LIMIT 1) a", condition))
        once = timed(session, count(f"(SELECT body FROM some_{rate} LIMIT {few}) a", condition)).cpu / few
        few = max(few, min(scale.sample, int(scale.moment / once)))
        series = Series()
        for _ in range(scale.rounds):
            for key, what in (("ours", ours(package)), ("it", condition)):
                series.add(key, timed(session, count(f"(SELECT body FROM some_{rate} LIMIT {few}) a", what)))
    except Failure as problem:
        said = str(problem).strip().splitlines()[-1]
        return [name, f"{package.terms:,}", f"{rate} %", said, "", "", "", ""]
    finally:
        ask(session, "SET statement_timeout = 0")
    found, its = series.result("ours"), series.result("it")
    ratio = series.cpu("it") / series.cpu("ours")
    speeds = (f"{few / series.cpu(key):,.0f}" for key in ("it", "ours"))
    return [name, f"{package.terms:,}", f"{rate} %", *speeds, f"{ratio:,.0f} ×", f"{found}; {its} of {few:,}", differs]


def folding(server, scale):
    """GB/s of folding with the offset map, over the texts of one script: the scan, less the scan that does nothing. Of many
    rounds, since the difference of two runs of some milliseconds is little more than what other work makes of each."""
    found = {}
    series = Series()
    with server.session() as session:
        for number in range(4 * scale.rounds + 1):
            for script in ("en", "ru"):
                for name in ("noop", "fold"):
                    what = "peers.noop(body)" if name == "noop" else "peers.fold(body) < 0"
                    timing = timed(session, count(f"texts_{script}", what))
                    if number:
                        series.add((name, script), timing)
        for script in ("en", "ru"):
            size = int(ask(session, f"SELECT sum(octet_length(body)) FROM texts_{script}"))
            found[script] = size / 1e9 / (series.cpu(("fold", script)) - series.cpu(("noop", script)))
    return found
