"""Which tools this machine lacks: one line for each, before anything is downloaded or built."""

import re
import shutil
import subprocess

from project import ROOT, Failure, main, output_of

DEBIAN = "apt-get install"


def missing(purpose):
    """One line per missing tool for `purpose`: build, test or demo."""
    lines = []
    if not shutil.which("cargo"):
        lines.append("cargo is missing: install Rust from https://rustup.rs")
    else:
        needed = re.search(r'^rust-version = "([\d.]+)"', (ROOT / "Cargo.toml").read_text(), re.M)
        found = re.search(r"(\d+)\.(\d+)", output_of(["cargo", "--version"]))
        if needed and found and tuple(map(int, found.groups())) < tuple(map(int, needed[1].split(".")[:2])):
            lines.append(f"cargo {found[0]} is too old, {needed[1]} is needed: install Rust from https://rustup.rs")
    if not (shutil.which("cc") and shutil.which("gcc") or shutil.which("clang")):
        lines.append(f"a C compiler is missing: {DEBIAN} gcc libc6-dev")
    if not shutil.which("make"):
        lines.append(f"make is missing: {DEBIAN} make")
    if subprocess.run(["python3", "-m", "pip", "--version"], capture_output=True).returncode:
        lines.append(f"pip for python3 is missing: {DEBIAN} python3-pip")
    if purpose == "test":
        for tool in ("rustfmt", "cargo-clippy"):
            if shutil.which("cargo") and not shutil.which(tool):
                lines.append(f"{tool} is missing: rustup component add rustfmt clippy")
    if purpose == "demo" and not shutil.which("npm"):
        lines.append(f"npm, which fetches the sample data, is missing: {DEBIAN} npm")
    return lines


def check(purpose):
    """Fail with every missing tool at once."""
    lines = missing(purpose)
    if lines:
        raise Failure("\n       ".join(lines))


if __name__ == "__main__":
    main(lambda: check("demo"))
