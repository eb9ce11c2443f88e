#!/usr/bin/env python3
"""RUSTC_WRAPPER of fuzz.py: coverage instrumentation for the crates that it names in FUZZ_INSTRUMENTED, or all (*).

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
    named = os.environ.get("FUZZ_INSTRUMENTED", "").split()
    # Build scripts and macros run on the machine that builds: no --target.
    chosen = "--target" in arguments and (name in named or "*" in named)
    os.execvp(rustc, [rustc, *arguments, *(FLAGS if chosen else [])])


if __name__ == "__main__":
    main()
