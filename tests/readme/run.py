"""The example at the top of README.md, typed into psql, prints what README.md says."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from cluster import Tap, cluster  # noqa: E402

README = Path(__file__).resolve().parents[2] / "README.md"


def main():
    text = README.read_text(encoding="utf-8")
    example = re.search(r"```sql\n(.*?)```\n\nprints\n\n```text\n(.*?)```", text, re.S)
    with Tap() as tap, cluster("readme") as server:
        tap.ok(example is not None, "README.md shows an example and what it prints")
        sql, wanted = example.groups()
        printed = server.run(*server.psql_command("postgres", "-f", "-"), input=sql).stdout
        tap.equal(printed, wanted, "the example prints what README.md says")


main()
