"""What a package costs a backend: its first call, its memory, and what a parallel worker adds."""

import os
import statistics

from measure import Series, ask, private_dirty, timed
from scans import count, ours

# The time inside the server of the first call of a function, in milliseconds of the clock and of the processor.
FIRST = """
DO $$
DECLARE began timestamptz := clock_timestamp(); spent bigint := peers.cpu();
BEGIN
    PERFORM {call};
    PERFORM set_config('bench.took', extract(epoch FROM clock_timestamp() - began) * 1000 || ' ' || (peers.cpu() - spent) / 1e6, false);
END $$;
SELECT current_setting('bench.took')
"""


def first_call(session, call):
    return [float(milliseconds) for milliseconds in ask(session, FIRST.format(call=call)).split()]


def first_calls(server, package, rounds):
    """Medians over new sessions: milliseconds of the first `matches()` after the library is loaded, of the clock and of the
    processor, and megabytes of Private_Dirty after judging rows, over a session that only ran the function that does nothing
    on the same rows."""
    os.sync()  # pages of a file that wait to be written count as private to the only process that maps them
    times, own, idle = [], [], []
    rows = "(SELECT body FROM some_0 LIMIT 2000) a"
    for _ in range(rounds):
        with server.session() as session:
            ask(session, "SELECT moderation.folding_version(), peers.noop('')")
            first_call(session, "peers.noop('x')")  # PL/pgSQL itself
            times.append(first_call(session, f"moderation.matches('nothing of that kind', '{package.name}')"))
            ask(session, count(rows, ours(package)))
            own.append(private_dirty(session.pid))
        with server.session() as session:
            ask(session, "SELECT moderation.folding_version(), peers.noop('')")
            first_call(session, "peers.noop('x')")
            first_call(session, "peers.noop('nothing of that kind')")
            ask(session, count(rows, "peers.noop(body)"))
            idle.append(private_dirty(session.pid))
    clock, processor = (statistics.median(of) for of in zip(*times))
    return clock, processor, (statistics.median(own) - statistics.median(idle)) / 1024


def with_worker(server, package, rounds):
    """How many times as fast a scan is with one parallel worker, by the clock."""
    series = Series()
    with server.session() as session:
        ask(
            session,
            "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;"
            " SET parallel_leader_participation = on",
        )
        for number in range(rounds + 1):
            for workers in (0, 1):
                ask(session, f"SET max_parallel_workers_per_gather = {workers}")
                timing = timed(session, count("ads_5", ours(package)))
                if number:
                    series.add(workers, timing)
    return series.wall(0) / series.wall(1)
