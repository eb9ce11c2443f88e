"""Build the extension for one server, and put the built files where that server looks for them.

Building makes a staged tree (target/pgNN/stage/…); installing copies it file by file, each by an atomic rename, so a
running server never sees half a library. A tree that is up to date with its sources is not built again, so
`sudo make install` after `make` needs no cargo.
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import preflight
import toolchain
import upgrade_script
from project import BUILD, ROOT, Failure, lock, main, remove, run, say
from server import installable, private

SOURCES = (
    "src", "crates", "sql", "Cargo.toml", "Cargo.lock", "pg_moderation.control", ".cargo",
    *upgrade_script.FROM.values(), "scripts/upgrade_script.py",
)  # fmt: skip


def target(server=None):
    """cargo's target folder. Each version has its own: they all name their library the same."""
    base = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").absolute()
    return base / f"pg{server.major}" if server else base


def features(server):
    """cargo arguments that choose the server's version."""
    return ["--no-default-features", "--features", f"pg{server.major}"]


def environment(server):
    """The environment pgrx builds in: its own home for each server, and the one variable whose change rebuilds pgrx."""
    home = BUILD / "pgrx" / f"pg{server.major}-{hashlib.sha256(str(server.pg_config).encode()).hexdigest()[:8]}"
    home.mkdir(parents=True, exist_ok=True)
    config = f"[configs]\npg{server.major} = {json.dumps(str(server.pg_config), ensure_ascii=False)}\n"
    file = home / "config.toml"
    if not file.exists() or file.read_text() != config:  # a touched file would rebuild all of pgrx
        file.write_text(config)
    values = {
        "PGRX_HOME": str(home),
        "PGRX_PG_CONFIG_PATH": str(server.pg_config),
        "PATH": f"{toolchain.cargo_pgrx().parent}:{os.environ.get('PATH', '')}",
        "LIBCLANG_PATH": toolchain.libclang(),
        "BINDGEN_EXTRA_CLANG_ARGS": toolchain.bindgen_arguments(),
        "CARGO_TARGET_DIR": str(target(server)),
    }
    return os.environ | values


def source_hash():
    """SHA-256 over the names and contents of everything the built files depend on."""
    digest = hashlib.sha256()
    for name in SOURCES:
        path = ROOT / name
        files = sorted(path.rglob("*")) if path.is_dir() else [path] if path.exists() else []
        for file in files:
            if file.is_file():
                content = file.read_bytes()
                digest.update(f"{file.relative_to(ROOT)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def stage(server):
    """Build for `server` unless that is done already. Returns the staged tree, which has the server's own paths."""
    folder = target(server) / "stage" / hashlib.sha256(str(server.pg_config).encode()).hexdigest()[:8]
    stamp = folder.with_suffix(".json")
    identity = {"sources": source_hash(), "server": server.version, "pg_config": str(server.pg_config)}
    with lock("build"):
        if not stamp.exists() or json.loads(stamp.read_text()) != identity:
            remove(stamp)
            package(server, folder)
            stamp.write_text(json.dumps(identity))
    return folder


def package(server, folder):
    """Run `cargo pgrx package`: compile in release and lay the files out below `folder`; with the update scripts."""
    preflight.check("build")
    server.need()
    values = environment(server)
    say(f"building the extension for PostgreSQL {server.version} (minutes the first time)")
    remove(folder)
    command = [toolchain.cargo_pgrx(), "pgrx", "package", "--pg-config", server.pg_config, "--out-dir", folder]
    run([*command, *features(server)], f"build for PostgreSQL {server.major}", cwd=ROOT, env=values)
    upgrade_script.write(Path(f"{folder}{server.sharedir}", "extension"))


def install(server, destination=""):
    """Build if needed and copy the built files below `destination` (empty: into the server itself)."""
    folder = stage(server)
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        place_file(file, Path(f"{destination}/{file.relative_to(folder)}"), server)


def place_file(file, path, server):
    """Copy one file to `path` by a rename, unless the very same file is there."""
    if path.exists() and path.read_bytes() == file.read_bytes():
        return
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, partial)
        partial.chmod(0o755 if path.suffix == ".so" else 0o644)
        partial.rename(path)
    except OSError as problem:
        raise Failure(
            f"cannot write {path}: {problem.strerror}. It is built; put it in place with:"
            f" sudo make install PG_CONFIG={server.pg_config}"
        ) from None


def lint(server):
    """clippy with warnings as errors, over the extension and everything it builds on."""
    command = ["cargo", "clippy", "--quiet", "--workspace", "--all-targets", *features(server), "--", "-D", "warnings"]
    run(command, f"clippy for PostgreSQL {server.major}", cwd=ROOT, env=environment(server))


def command():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("build", "install", "package", "clippy"))
    parser.add_argument("--pg-config", default="", help="the server to build for; for install: pg_config in PATH")
    parser.add_argument("--pg", type=int, help="clippy: the version, when no --pg-config is given")
    parser.add_argument("--destdir", default="", help="install: a folder to put in front of every path")
    given = parser.parse_args()
    if given.what == "clippy":
        lint(private(given.pg, given.pg_config))
        return 0
    server = installable(given.pg_config)
    if given.what == "install":
        install(server, given.destdir)
        say(f"installed for PostgreSQL {server.version} in {given.destdir}{server.pkglibdir}")
    else:
        folder = stage(server)
        say(f"built for PostgreSQL {server.version}; the files, with their paths below this folder: {folder}")
    return 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    main(command)
