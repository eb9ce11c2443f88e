"""What README.md shows, typed into psql: the example at its top, and the commands that import and export files."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from cluster import Tap, cluster  # noqa: E402

README = Path(__file__).resolve().parents[2] / "README.md"
HASH = "0f" * 32
# Everything that a cell may hold: separators, quotes, line breaks, backslashes, an empty line; one line that is refused.
TERMS = f"""term,match,level,weight,allow,note,expires_at,hash,max_distance,label
"so called ""bonus"", free",substring,evasion,2.5,,"two

lines",2099-01-01 00:00+00,,,
\\d{{2}}% \\\\ off,regex,,,,tab	here,,,,
закладка,inflected,,,,,,,,
casino royale,,,,yes,,,,,
,,,0.1,,,,{HASH},20,a logo
broken,nonsense,,,,,,,,
ONLINE casino,,,,,,,,,
"""
IMPORTED = "added||6|3\nrefused|no match mode \"nonsense\"|1|0"
SAME_ITEMS = """SELECT jsonb_agg(to_jsonb(i) - ARRAY['package', 'item_id', 'created_at', 'created_by', 'added_in', 'is_draft'] ORDER BY term, hash)
  FROM moderation.current_items i WHERE package = 'gambling' AND note IS DISTINCT FROM 'of the example'"""
RELEASE_HASH = """SELECT r.content_hash FROM moderation.releases r JOIN moderation.packages p USING (package_id)
  WHERE p.name = 'gambling' ORDER BY release DESC LIMIT 1"""


def parts(text):
    """The commands of README's section about files, by the words of the comment above each."""
    block = re.search(r"From psql, every command on one line:\n\n```text\n(.*?)```", text, re.S)[1]
    return {head.partition("\n")[0]: head.partition("\n")[2] for head in re.split(r"^-- ", block, flags=re.M)[1:]}


def typed(server, commands, database="postgres", check=True):
    return server.run(*server.psql_command(database, "-q", "-A", "-t", "-f", "-"), input=commands, check=check)


def write(server, name, content):
    path = server.folder / name
    path.write_bytes(content)
    path.chmod(0o644)


def files(tap, server, commands):
    """Files come in and go out as README says, and what went out is what comes in elsewhere."""
    (come, csv, lines, whole, there) = commands.values()
    write(server, "terms.csv", TERMS.encode())
    got = typed(server, come)
    tap.equal("\n".join(sorted(got.stdout.split("\n"))).strip(), IMPORTED, "a CSV file comes in by \\copy, line breaks in cells included")
    tap.like(got.stderr, "lint", "and psql shows what lint says of it")
    typed(server, csv + lines)
    wanted = server.value(SAME_ITEMS)
    tap.like(wanted, "lines", "there is something to compare")
    for name, file, kind in (("csv", "gambling.csv", "csv"), ("jsonl", "gambling.jsonl", "jsonl")):
        server.psql(f"CREATE DATABASE {name}")
        server.psql("CREATE EXTENSION pg_moderation; SELECT moderation.create_package('gambling')", name)
        commands = come.replace("terms.csv", file).replace("format => 'csv', source => 'a partner'", f"format => '{kind}'")
        typed(server, commands, name)
        tap.equal(server.value(SAME_ITEMS, name), wanted, f"{file} holds the items, ready to come in again")

    server.psql("""SELECT moderation.add_images('gambling', ARRAY[repeat('3c', 32)]::moderation.pdqhash[]),
      moderation.add_video('gambling', 'clip', ARRAY[ROW(0, repeat('a5', 32), 100, 0.5)::moderation.video_frame], weight => 0.3),
      moderation.set_max_distance('gambling', 17), moderation.set_verdict_rules('gambling', '[{"action": "block", "score": 2.1}]'),
      moderation.add_check('gambling', 'the online casino'), moderation.publish_package('gambling')""")
    typed(server, whole)
    server.psql("""CREATE DATABASE there; ALTER DATABASE there SET timezone = 'Asia/Tokyo'; ALTER DATABASE there SET extra_float_digits = -3;
      ALTER DATABASE there SET datestyle = 'German'; ALTER DATABASE there SET bytea_output = 'escape'""")
    server.psql("CREATE EXTENSION pg_moderation", "there")
    got = typed(server, there, "there").stdout
    hashes = [server.value("SET bytea_output = 'hex'; " + RELEASE_HASH, database) for database in ("postgres", "there")]
    tap.equal(hashes[1], hashes[0], "a release has the same content hash in a database of other settings")
    tap.like(got, hashes[0][2:], "and the import says so")
    tap.equal(server.value("SELECT count(*) FROM moderation.run_checks('gambling') WHERE passed", "there"), "1", "its checks came along")

    write(server, "terms.csv", "term\nказино онлайн\n".encode("cp1251"))
    got = typed(server, come, check=False)
    tap.like(got.stderr, 'invalid byte sequence for encoding "UTF8"', "a file in Windows-1251 is refused")
    got = typed(server, come.replace("FORCE_NOT_NULL", "ENCODING 'WIN1251', FORCE_NOT_NULL"))
    tap.equal(got.stdout, "added||1|0\n", "and comes in when psql is told")


def progress(tap, server):
    """A long import tells how far it is while it is at work."""
    with server.session() as importing, server.session() as other:
        other.query("BEGIN; LOCK TABLE moderation.items IN SHARE MODE")
        importing.send("""SELECT count(*) FROM moderation.import_items('gambling', (SELECT string_agg('line ' || n, E'\\n')
          FROM generate_series(1, 20000) n), 'words')""")
        importing.blocked(server)
        seen = [importing.lines["errors"].get(timeout=60) for _ in range(3)]
        tap.equal([re.sub(r"^.*NOTICE: +", "", line) for line in seen],
                  ["10000 lines read", "20000 lines read", "20000 lines read; items to add: 20000"], "notices come while it waits")  # fmt: skip
        other.query("COMMIT")
        tap.equal(importing.wait(), "20000", "then it goes on")


def main():
    text = README.read_text(encoding="utf-8")
    example = re.search(r"```sql\n(.*?)```\n\nprints\n\n```text\n(.*?)```", text, re.S)
    with Tap() as tap, cluster("readme") as server:
        tap.ok(example is not None, "README.md shows an example and what it prints")
        sql, wanted = example.groups()
        printed = server.run(*server.psql_command("postgres", "-f", "-"), input=sql).stdout
        tap.equal(printed, wanted, "the example prints what README.md says")
        server.psql("UPDATE moderation.items SET note = 'of the example'")
        files(tap, server, parts(text))
        progress(tap, server)


main()
