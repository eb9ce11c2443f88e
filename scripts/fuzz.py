"""Runs one fuzz target of the engine: libFuzzer with coverage, on the stable toolchain.

usage: fuzz.py TARGET RUNS [-- libFuzzer arguments]

Coverage instrumentation (instrument.py) needs -Z-like switches that stable Rust hides behind RUSTC_BOOTSTRAP; nothing of it
reaches what is shipped. The corpus stays in fuzz/corpus/TARGET, what failed in fuzz/artifacts/TARGET (both ignored by git). Not part of make test.
"""

import os
import subprocess
import sys
from pathlib import Path

FUZZ = Path(__file__).resolve().parent.parent / "fuzz"
FLAGS = ["-Cdebug-assertions=on", "-Coverflow-checks=on", "--cfg=fuzzing"]
# Short inputs: more of them a second, and hardly anything in the engine needs long ones to go wrong.
MAX_LEN = {"fold": 96, "find": 160, "terms": 64, "parsers": 64, "open": 256, "decode": 2048, "frames": 256, "hashes": 1024}

# Decoders of images have code that the compiler cannot check; the address sanitizer can.
SANITIZED = {"decode"}


def seed(corpus: Path) -> None:
    """Real JPEG files, which no mutation would come upon; the byte in front says that nothing is put before them."""
    for file in (FUZZ.parent / "crates" / "engine" / "tests" / "jpeg").glob("*.jpg"):
        (corpus / file.name).write_bytes(b"\0" + file.read_bytes())


def main() -> int:
    if len(sys.argv) < 3 or sys.argv[1] not in MAX_LEN or not sys.argv[2].isdigit():
        print(__doc__, file=sys.stderr)
        return 2
    target, runs = sys.argv[1], sys.argv[2]
    triple = next(
        line.split()[1]
        for line in subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout.splitlines()
        if line.startswith("host:")
    )
    sanitizer = ["-Zsanitizer=address"] if target in SANITIZED else []
    # The decoders are what is fuzzed there, whoever wrote them.
    instrumented = "*" if target in SANITIZED else " ".join(["pg_moderation_engine", *MAX_LEN])
    environment = os.environ | {
        "RUSTC_BOOTSTRAP": "1",
        "RUSTFLAGS": " ".join(FLAGS + sanitizer),
        "RUSTC_WRAPPER": str(Path(__file__).resolve().parent / "instrument.py"),
        "FUZZ_INSTRUMENTED": instrumented,
    }
    # With --target, build scripts are not instrumented.
    build = ["cargo", "build", "--release", "--manifest-path", str(FUZZ / "Cargo.toml"), "--bin", target, "--target", triple]
    subprocess.run(build, check=True, env=environment)
    folder = Path(os.environ.get("CARGO_TARGET_DIR", FUZZ / "target"))
    corpus, artifacts = FUZZ / "corpus" / target, FUZZ / "artifacts" / target
    corpus.mkdir(parents=True, exist_ok=True)
    artifacts.mkdir(parents=True, exist_ok=True)
    if target == "decode":
        seed(corpus)
    run = [
        str(folder / triple / "release" / target),
        f"-runs={runs}",
        f"-max_len={MAX_LEN[target]}",
        "-timeout=10",
        "-print_final_stats=1",
        f"-artifact_prefix={artifacts}/",
        str(corpus),
        *sys.argv[4:],
    ]
    return subprocess.run(run).returncode


if __name__ == "__main__":
    sys.exit(main())
