"""What inserting costs: into a moderated table, beside no trigger, a trigger that does nothing and a hand-written one."""

import statistics

from measure import Series, ask, table, timed

KEYWORDS = """
CREATE FUNCTION keywords() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM terms WHERE n <= 1000 AND strpos(lower(NEW.body), term) > 0) THEN
        RAISE LOG 'keyword';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
"""
TARGETS = {
    "no trigger": "",
    "no-op trigger in C": "CREATE TRIGGER t AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION peers.noop_trigger()",
    "no-op trigger in PL/pgSQL": "CREATE TRIGGER t AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION nothing()",
    "moderated": "SELECT moderation.attach('{table}', id => 'id', text => '{{body}}')",
    "PL/pgSQL, strpos over 1,000 terms": "CREATE TRIGGER t AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION keywords()",
}
# Statements of one turn.
TURN = 250
# Rows that the slow trigger gets, of a hundred.
SLOW = {"PL/pgSQL, strpos over 1,000 terms": 2}


class Inserts:
    """Tables with the triggers, and microseconds of processor time a row."""

    def __init__(self, server):
        self.server = server
        self.tables = {name: f"target_{number}" for number, name in enumerate(TARGETS)}
        server.psql(KEYWORDS)
        for name, target in self.tables.items():
            trigger = TARGETS[name].format(table=target)
            server.psql(f"CREATE TABLE {target} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text); {trigger}")

    def bulk(self, source, rows, rounds):
        """INSERT … SELECT of `rows` rows of a table into each."""
        series = Series()
        with self.server.session() as session:
            ask(session, "SET pg_moderation.exposure_sample = 0")
            for number in range(rounds + 1):
                for name, target in self.tables.items():
                    few = max(1, rows * SLOW.get(name, 100) // 100)
                    ask(session, f"TRUNCATE {target}")
                    timing = timed(session, f"INSERT INTO {target} (body) SELECT body FROM {source} LIMIT {few}")
                    if number:
                        timing.cpu /= few / 1e6
                        series.add(name, timing)
        return {name: series.cpu(name) for name in self.tables}

    def single(self, source, statements, rounds):
        """Prepared single-row inserts, each a transaction of its own; no slow trigger. In short turns, since a difference of two
        microseconds of thirty is less than what a machine's other work makes from one second to the next."""
        names = [name for name in self.tables if name not in SLOW]
        found = {name: [] for name in names}
        with self.server.session() as session:
            ask(session, "SET pg_moderation.exposure_sample = 0; SET synchronous_commit = off")
            bodies = ask(session, f"SELECT quote_literal(body) FROM {source} LIMIT {statements}").split("\n")
            for name in names:
                ask(session, f"PREPARE insert_{self.tables[name]}(text) AS INSERT INTO {self.tables[name]} (body) VALUES ($1)")
            turns = [bodies[at : at + TURN] for at in range(0, len(bodies), TURN)]
            for number in range(rounds + 1):
                for name in names:
                    ask(session, f"TRUNCATE {self.tables[name]}")
                for turn in turns:
                    for name in names:
                        sql = ";\n".join(f"EXECUTE insert_{self.tables[name]}({body})" for body in turn)
                        timing = timed(session, sql)
                        if number:
                            found[name].append(timing.cpu / len(turn) * 1e6)
        return {name: statistics.median(times) for name, times in found.items()}


def measure(server, in_force, packages, scale):
    """Bulk with `packages['bulk']` in force, single rows with `packages['single']`. Returns the microseconds of both."""
    inserts = Inserts(server)
    in_force.put(packages["bulk"])
    bulk = {rate: inserts.bulk(f"ads_{rate}", scale.inserted, scale.rounds) for rate in (0, 5, 50)}
    in_force.put(packages["single"])
    single = inserts.single("ads_0", scale.statements, scale.rounds)
    print(f"### Inserting: microseconds of the server's processor a row ({packages['bulk'].label} terms; single: {packages['single'].label})")
    rows = [("", *(f"INSERT … SELECT, {rate} % hits" for rate in bulk), "one row a transaction, 0 %")]
    for name in TARGETS:
        alone = f"{single[name]:.2f}" if name in single else ""
        rows.append((name, *(f"{bulk[rate][name]:.2f}" for rate in bulk), alone))
    table(*rows)
    return bulk, single
