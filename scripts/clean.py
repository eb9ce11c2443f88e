"""Stop this clone's private clusters and remove what the scripts made; with --downloads, the downloads as well."""

import os
import sys

from build import target
from postmaster import Cluster
from project import BUILD, CACHE, ROOT, main, place, remove, say


class Found(Cluster):
    """A cluster of which only the folder is known; enough to end it."""

    def __init__(self, folder):
        super().__init__(None, folder)


def command():
    here = place()
    for data in here.glob("clusters/*/*/data"):
        Found(data.parent).kill()
        remove(Found(data.parent).sockets)
    for folder in ("clusters", "servers", "pgrx", "logs", "sample"):
        remove(here / folder)
        remove(BUILD / folder)
    if os.geteuid() == 0:
        remove(here)
    remove(ROOT / "target")
    for folder in target().glob("pg1[0-9]"):  # CARGO_TARGET_DIR may hold other projects' files
        remove(folder)
    if "--downloads" in sys.argv[1:]:
        remove(BUILD)
        if CACHE != BUILD:
            say(f"left alone, since other clones may use it: {CACHE}")


if __name__ == "__main__":
    main(command)
