"""The packages of the benchmark, one for every number and kind of terms; one of them is in force at a time.

Everything in force is one compiled set, so a package measured beside others would be measured with their terms.
"""

import statistics
from dataclasses import dataclass

from measure import ask, peak_memory, resident, timed
from project import Failure

MORE = 10  # terms of a small publish
# What a mode asks of its terms: a language that has a stemmer, letters enough.
FIT = {"inflected": "term ~ '^[a-zA-Zа-яА-ЯёЁ]'", "typo": "term ~ '([a-zA-Zа-яА-ЯёЁ].*){6}'"}
SMALL_PUBLISHES = 5


@dataclass(frozen=True)
class Package:
    """The first `terms` terms. `modes`: one mode for all of them, or `inside` where a fifth may stand inside words."""

    terms: int
    modes: str = "word"
    level: str = "folded"

    @property
    def name(self):
        return f"p{self.terms} {self.modes} {self.level}"

    @property
    def plain(self):
        """Compared with other matchers and the function that does nothing."""
        return self.level == "folded" and self.modes in ("word", "inside")

    @property
    def ordinary(self):
        """What a level or mode is compared with: the same terms at level folded, of whole words unless a fifth is not here either."""
        return Package(self.terms, self.modes if self.modes == "inside" else "word")

    @property
    def label(self):
        kind = "20 % inside words" if self.modes == "inside" else self.modes
        return f"{self.terms:,} {kind}" + (", evasion" if self.level == "evasion" else "")


@dataclass
class Published:
    """What publishing a package took: seconds of the clock and of the processor, megabytes at the peak over before; and
    seconds until ten more terms judged in another session, both ways too."""

    seconds: float
    cpu: float
    peak: float
    more: float
    more_cpu: float


def draft(server, package):
    """Makes a package with its terms, not in force."""
    server.psql(f"SELECT moderation.create_package('{package.name}', action => 'block')")
    modes = ("word", "prefix", "suffix", "substring") if package.modes == "inside" else (package.modes,)
    for mode in modes:
        which = f"inside = '{mode}'" if package.modes == "inside" else FIT.get(mode, "true")
        server.psql(
            f"SELECT moderation.add_terms('{package.name}', array_agg(term ORDER BY n), match => '{mode}', level => '{package.level}')"
            f" FROM terms WHERE n <= {package.terms} AND {which}"
        )


def publish(server, package):
    """Publishes a package and then ten terms more, several times; leaves it out of force."""
    with server.session() as publisher, server.session() as elsewhere:
        ask(elsewhere, "SELECT moderation.folding_version()")
        ask(publisher, "SELECT moderation.folding_version(), count(*) FROM moderation.items")
        before = resident(publisher.pid) / 1024
        with peak_memory(publisher.pid) as peak:
            first = timed(publisher, f"SELECT moderation.publish_package('{package.name}')")
        took = []
        for number in range(SMALL_PUBLISHES):
            new = ", ".join(f"'zqx{number} {n}'" for n in range(MORE))
            ask(publisher, f"SELECT moderation.add_terms('{package.name}', ARRAY[{new}], level => '{package.level}')")
            small = timed(publisher, f"SELECT moderation.publish_package('{package.name}')")
            judged = timed(elsewhere, f"SELECT moderation.matches('zqx{number} 7', '{package.name}')")
            took.append((small.wall + judged.wall, small.cpu + judged.cpu))
            if judged.result != "t":
                raise Failure("a published term does not judge elsewhere")
        ask(publisher, f"SELECT moderation.retire_package('{package.name}')")
    more, more_cpu = (statistics.median(of) for of in zip(*took))
    return Published(first.wall, first.cpu, max(0.0, peak[0] - before), more, more_cpu)


class InForce:
    """Which package is in force. `put` exchanges it for another."""

    def __init__(self, server):
        self.server = server
        self.now = None

    def put(self, package):
        if self.now == package:
            return
        if self.now:
            self.server.psql(f"SELECT moderation.retire_package('{self.now.name}')")
        self.server.psql(
            f"SELECT moderation.restore_package('{package.name}'); SELECT moderation.matches('x', '{package.name}')"
        )
        self.now = package
