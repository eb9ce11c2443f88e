"""Makes the script of ALTER EXTENSION pg_moderation UPDATE out of the old install script and the one of today.

It walks today's statements in their order: what the old script has word for word is left out, a new object is created,
a function, procedure or view of the same signature is replaced (so that users' triggers, views, indexes and grants
stay), a table or type that changed gets what sql/changes/OLD--NEW.sql says about it (its DO blocks come last).
Functions whose signature or result changed cannot be replaced: they are dropped first. The order of columns may differ
from a fresh install, nothing else does: tests/upgrade compares. Not for scripts of others: it knows quotes, dollar
quotes, comments and BEGIN ATOMIC, no more.

The scripts are checked in as sql/pg_moderation--OLD--NEW.sql, where a plain `cargo pgrx install` or `package` finds them;
`make test` holds them against the sources, `make update-script` writes them anew.

    python3 scripts/upgrade_script.py [--check]    writes them, or says whether they are what the sources make
"""

import argparse
import re
from pathlib import Path

from project import ROOT, Failure, main, say

FROM = {"0.1.0": "tests/upgrade/pg_moderation--0.1.0.sql"}

TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)
      | (?P<dollar>(?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag))
      | (?P<string>\b[eE]'(?:\\.|''|[^'\\])*'|'(?:''|[^'])*')
      | (?P<quoted>"(?:""|[^"])*")
      | (?P<word>[A-Za-z_][\w$]*)
      | (?P<space>\s+)
      | (?P<other>.)""",
    re.X | re.S,
)
ROUTINE = re.compile(r"CREATE (FUNCTION|PROCEDURE) ([\w.]+)\s*\(")
RETURNS = re.compile(r'\s*RETURNS (TABLE\s*\([^)]*\)|(?:SETOF )?["\w.\[\] ]+?)(?=\s+(?:LANGUAGE|AS|STABLE|IMMUTABLE)\b)')
MADE = re.compile(r"CREATE (TABLE|TYPE|VIEW) ([\w.]+)")
CHANGED = re.compile(r"(?:ALTER (?:TABLE|TYPE)|UPDATE) ([\w.]+)")
COMMENT = re.compile(r"(COMMENT ON .*?) IS '", re.S)
# Also repeated when the old script has the same words: they are about all objects there are by then.
ABOUT_ALL = re.compile(r"REVOKE|GRANT EXECUTE|DO .*(pg_extension_config_dump|GRANT)", re.S)


def statements(script):
    """The statements of a script in their order, without the semicolons and without the comments between them."""
    found, start, depth, before = [], None, 0, ""
    for token in TOKEN.finditer(script):
        if token.lastgroup in ("comment", "space"):
            continue
        if start is None:
            start = token.start()
        word = token[0].upper()
        if before == "BEGIN" and word == "ATOMIC" or depth and word == "CASE":
            depth += 1
        elif depth and word == "END":
            depth -= 1
        elif word == ";" and not depth:
            found.append(script[start : token.start()].rstrip())
            start = None
        before = word
    if start is not None:
        raise Failure(f"a statement without an end: {script[start : start + 80]!r}")
    return found


def same(statement):
    """The statement without regard to layout and comments."""
    return " ".join(t[0] for t in TOKEN.finditer(statement) if t.lastgroup not in ("comment", "space"))


class Routine:
    """A function or procedure: `key`, what identifies it, and `shape`, what a replacement cannot change."""

    def __init__(self, statement):
        head = ROUTINE.match(statement)
        self.kind, self.name = head[1], head[2]
        self.arguments, rest = arguments(statement[head.end() :])
        inputs = [a for a in self.arguments if not a.upper().startswith(("OUT ", "TABLE "))]
        self.key = (self.name, tuple(re.sub(r"^((INOUT|IN|VARIADIC) )?(\"[^\"]*\"|\w+) ", "", a) for a in inputs))
        returns = RETURNS.match(rest)
        if not returns and re.match(r"\s*RETURNS\b", rest):
            raise Failure(f"the result of {self.name} is not understood: {rest[:80]!r}")
        self.shape = (self.kind, tuple(self.arguments), same(returns[1]) if returns else "")

    def dropped(self):
        return f"DROP {self.kind} {self.name}({', '.join(self.arguments)})"


def arguments(text):
    """The arguments without their defaults, and what stands behind the closing parenthesis."""
    found, current, depth = [], [], 0
    for token in TOKEN.finditer(text):
        if token.lastgroup == "comment":
            continue
        word = token[0]
        if not depth and word in ",)":
            argument = " ".join("".join(current).split())
            if argument:
                found.append(re.split(r" DEFAULT | = ", argument)[0])
            current = []
            if word == ")":
                return found, text[token.end() :]
            continue
        depth += (word in "([") - (word in ")]")
        current.append(word)
    raise Failure(f"arguments without an end: {text[:80]!r}")


def made(statement):
    """The table, type or view that a statement creates, as (kind, name), or None."""
    match = MADE.match(statement)
    return (match[1], match[2]) if match else None


def update(old_script, new_script, changes_script):
    """The statements that make of what the old script installed what the new one installs."""
    old, new = statements(old_script), statements(new_script)
    old_texts = {same(s) for s in old}
    old_routines = {r.key: r for s in old if ROUTINE.match(s) for r in [Routine(s)]}
    old_made = {made(s) for s in old} - {None}
    kept = {r.key for s in new if ROUTINE.match(s) for r in [Routine(s)]
            if r.key in old_routines and r.shape == old_routines[r.key].shape}  # fmt: skip
    changes, last = {}, []
    for statement in statements(changes_script):
        target = CHANGED.match(statement)
        if target:
            changes.setdefault(target[1], []).append(statement)
        elif statement.startswith("DO "):
            last.append(statement)
        else:
            raise Failure(f"neither ALTER TABLE, ALTER TYPE, UPDATE nor DO: {statement[:80]!r}")
    gone = {m for m in old_made if m not in {made(s) for s in new}}
    if gone:
        raise Failure(f"no longer made, and nothing here drops them: {sorted(gone)}")

    found = [r.dropped() for r in reversed(old_routines.values()) if r.key not in kept]
    for statement in new:
        routine = Routine(statement) if ROUTINE.match(statement) else None
        if routine and routine.key not in kept or ABOUT_ALL.match(statement):
            found.append(statement)
        elif same(statement) in old_texts and not COMMENT.match(statement):
            continue
        elif routine or made(statement) in old_made and made(statement)[0] == "VIEW":
            found.append(statement.replace("CREATE ", "CREATE OR REPLACE ", 1))
        elif made(statement) in old_made:
            if made(statement)[1] not in changes:
                raise Failure(f"sql/changes says nothing about {made(statement)[1]}, which has changed")
            found.extend(changes.pop(made(statement)[1]))
        else:
            found.append(statement)
    if changes:
        raise Failure(f"sql/changes changes what has not changed, or is not there: {sorted(changes)}")
    return found + last


def scripts():
    """The update scripts from every version in FROM by their names, as the sources make them."""
    version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
    new = "".join(path.read_text() for path in sorted((ROOT / "sql").glob("[0-9]*.sql")))
    made_of_sources = {}
    for since, script in FROM.items():
        changes = (ROOT / f"sql/changes/{since}--{version}.sql").read_text()
        found = update((ROOT / script).read_text(), new, changes)
        guard = "\\echo Use \"ALTER EXTENSION pg_moderation UPDATE\" to load this file. \\quit\n"
        name = f"pg_moderation--{since}--{version}.sql"
        made_of_sources[name] = guard + "".join(f"{statement};\n" for statement in found)
    return made_of_sources


def write(folder):
    """Write the update scripts into a folder; returns their paths."""
    paths = []
    for name, content in scripts().items():
        path = Path(folder) / name
        path.write_text(content)
        paths.append(path)
    return paths


def check():
    """A Failure if a checked-in update script is not what the sources make."""
    for name, content in scripts().items():
        path = ROOT / "sql" / name
        if not path.exists() or path.read_text() != content:
            raise Failure(f"sql/{name} is not what the sources make: run make update-script")


def command():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if they are not what the sources make")
    if parser.parse_args().check:
        check()
        return
    for path in write(ROOT / "sql"):
        say(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main(command)
