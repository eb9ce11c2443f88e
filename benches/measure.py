"""What all benchmarks of this folder time with: one session of the server, the processor's own time, medians, tables.

Times are of the processor (`peers.cpu()`: the backend's own), so that other work on the machine weighs less; where several
processes work, they are of the clock, and said to be. Nothing is measured once: rounds are interleaved by the callers.
"""

import contextlib
import os
import platform
import re
import statistics
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from project import Failure, say  # noqa: E402

SECONDS = 3600  # a query of a benchmark may take that long


def progress(text):
    """A progress line. It goes to the standard error: the standard output is Markdown and nothing else."""
    with contextlib.redirect_stdout(sys.stderr):
        say(text)


@dataclass
class Timing:
    """One run: seconds of the backend's processor time and of the clock, and what the query gave."""

    cpu: float
    wall: float
    result: str


def ask(session, sql):
    """The result of a query in a session of the tests' helper; an SQL error is a Failure."""
    result = session.query(sql, seconds=SECONDS)
    if session.errors:
        raise Failure(f"{sql[:500]}\n{session.errors}")
    return result


def timed(session, sql):
    """One run of a query."""
    began = time.perf_counter()
    lines = ask(session, f"SELECT peers.cpu();\n{sql};\nSELECT peers.cpu()").split("\n")
    return Timing((int(lines[-1]) - int(lines[0])) / 1e9, time.perf_counter() - began, "\n".join(lines[1:-1]))


class Series:
    """Timings by key, one of each in every round."""

    def __init__(self):
        self.found = {}

    def add(self, key, timing):
        self.found.setdefault(key, []).append(timing)

    def __contains__(self, key):
        return key in self.found

    def cpu(self, key):
        """Median seconds of the processor."""
        return statistics.median(t.cpu for t in self.found[key])

    def wall(self, key):
        """Median seconds of the clock."""
        return statistics.median(t.wall for t in self.found[key])

    def result(self, key):
        """What the query gave, the same in every round or a Failure."""
        results = {t.result for t in self.found[key]}
        if len(results) > 1:
            raise Failure(f"{key} gave different results in different rounds: {results}")
        return results.pop()


def private_dirty(pid):
    """Kilobytes of memory that a process does not share."""
    return memory(pid, "smaps_rollup", ("Private_Dirty",))


def resident(pid):
    """Kilobytes of a process's own memory and of the files it maps, without the server's shared memory."""
    return memory(pid, "status", ("RssAnon", "RssFile"))


def memory(pid, file, names):
    lines = re.findall(r"^(\w+):\s+(\d+) kB", Path(f"/proc/{pid}/{file}").read_text(), re.M)
    return sum(int(kilobytes) for name, kilobytes in lines if name in names)


@contextlib.contextmanager
def peak_memory(pid):
    """Watches a process; leaves in the list it gives the most megabytes that were its own or mapped by it from files."""
    peak, done = [0.0], threading.Event()

    def watch():
        while not done.wait(0.01):
            with contextlib.suppress(OSError):
                peak[0] = max(peak[0], resident(pid) / 1024)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def table(*rows):
    """Print a Markdown table; the first row is its head."""
    print()
    for number, row in enumerate(rows):
        print("| " + " | ".join(str(cell) for cell in row) + " |")
        if number == 0:
            print("|" + "---|" * len(row))
    print(flush=True)


def machine(server):
    """What was measured on, with how busy it was: figures of a loaded machine are worse than those of an idle one."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:\s*(.*)$", info, re.M)
    version = server.value("SHOW server_version").split()[0]
    load = os.getloadavg()[1]
    return (
        f"{model[1] if model else platform.machine()}, {os.cpu_count()} CPUs, {platform.system()} {platform.machine()},"
        f" PostgreSQL {version}; load of the machine in the last five minutes, the benchmark's own process included: {load:.1f}"
    )
