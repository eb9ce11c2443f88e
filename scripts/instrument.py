#!/usr/bin/env python3
"""RUSTC_WRAPPER of fuzz.py: coverage instrumentation for the engine and the fuzz targets only.

libFuzzer looks at every counter after every run, so counters of other people's crates cost more time than they show.
"""

import os
import sys

FLAGS = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=3",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
]


def main() -> None:
    rustc, *arguments = sys.argv[1:]
    name = arguments[arguments.index("--crate-name") + 1] if "--crate-name" in arguments else ""
    # Build scripts run on the machine that builds and are not fuzzed.
    ours = name == "pg_moderation_engine" or name in os.environ.get("FUZZ_TARGETS", "").split()
    os.execvp(rustc, [rustc, *arguments, *(FLAGS if ours else [])])


if __name__ == "__main__":
    main()
