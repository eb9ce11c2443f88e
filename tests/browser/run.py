"""package_report() in a real browser: it renders without the network, in light and in dark, and prints. Needs chromium
(Debian: chromium); without one the suite says so and passes."""

import html
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from cluster import Tap, cluster  # noqa: E402

SETUP = """
CREATE EXTENSION pg_moderation;
SET pg_moderation.exposure_sample = 1;
DO $$ BEGIN
  PERFORM moderation.create_policy('goods', severity => 3);
  PERFORM moderation.create_package('Gambling & <b>betting</b>', policy => 'goods', action => 'block');
  PERFORM moderation.add_terms('Gambling & <b>betting</b>', ARRAY['casino', 'онлайн казино', 'free spins', 'jackpot', 'a rather long phrase that needs room']);
  PERFORM moderation.publish_package('Gambling & <b>betting</b>');
  PERFORM moderation.create_package('another one', policy => 'goods');
  PERFORM moderation.add_terms('another one', ARRAY['jackpot', 'spins']);
  PERFORM moderation.publish_package('another one');
END $$;
CREATE TABLE ads (ad_id int PRIMARY KEY, advertiser text, body text);
SELECT moderation.attach('ads', id => 'ad_id', text => '{body}', owner => 'advertiser');
INSERT INTO ads SELECT i, 'advertiser ' || i % 7, CASE i % 5 WHEN 0 THEN 'casino with free spins' WHEN 1 THEN 'Лучшее онлайн казино <script>' WHEN 2 THEN 'the jackpot'
  WHEN 3 THEN 'casino night' ELSE 'garden chairs' END FROM generate_series(1, 400) i;
UPDATE moderation.hits SET observed_at = now() - (content_key::int % 40) * interval '1 day',
  bucket = moderation.ring_bucket(now() - (content_key::int % 40) * interval '1 day');
UPDATE moderation.exposures SET observed_at = now() - (content_key::int % 40) * interval '1 day',
  bucket = moderation.ring_bucket(now() - (content_key::int % 40) * interval '1 day');
UPDATE moderation.deployments SET since = now() - interval '41 days';
SELECT count(moderation.record_review('ads', i, CASE WHEN i % 5 IN (0, 1) OR i % 15 = 2 THEN 'violating' ELSE 'benign' END::moderation.review_label))
FROM generate_series(1, 300) i;
SELECT count(*) FROM moderation.next_for_review(300, 'flagged') a, moderation.next_for_review(100, 'unflagged') b;
SELECT count(*) FROM moderation.suggest_cleanup('Gambling & <b>betting</b>', bar => 0.6);
SELECT count(*) FROM moderation.suggest_images('Gambling & <b>betting</b>', array_fill(repeat('0f', 32)::moderation.pdqhash, ARRAY[3]), array_fill(true, ARRAY[3]));
SELECT moderation.add_terms('Gambling & <b>betting</b>', ARRAY['roulette']), moderation.publish_package('Gambling & <b>betting</b>');
UPDATE moderation.deployments SET since = now() - interval '10 days' WHERE release = 2;
"""


# The report has no scripts, and its policy allows none: the frame around it measures.
PHONE = """<!DOCTYPE html><html><head><title>not measured</title></head><body><iframe sandbox="allow-same-origin" width="390" height="3000" srcdoc="%s"></iframe>
<script>const f = document.querySelector('iframe'); f.onload = () => { const d = f.contentDocument.documentElement;
document.title = d.scrollWidth <= 390 ? 'fits' : 'is ' + d.scrollWidth + ' wide'; };</script></body></html>
"""


def chromium(program, page, *arguments):
    """Run it headless, in a folder of its own, without any network. Returns what it prints."""
    with tempfile.TemporaryDirectory(prefix="report-browser-") as home:
        command = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={home}",
                   "--proxy-server=127.0.0.1:1", "--window-size=1100,2400", *arguments, page.as_uri()]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, env={**os.environ, "HOME": home})
        return done.stdout


with Tap() as tap:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if not program:
        print("# skipped: no chromium here (Debian: apt-get install chromium)")
        tap.skip("the report in a browser", "no chromium here (Debian: chromium)")
    else:
        with cluster("browser") as primary, tempfile.TemporaryDirectory(prefix="report-") as folder:
            out = Path(os.environ.get("PG_MODERATION_SCREENSHOTS", folder))
            primary.psql("CREATE DATABASE report")
            primary.psql(SETUP, "report")
            page = out / "report.html"
            page.write_text(primary.value("SELECT moderation.package_report('Gambling & <b>betting</b>')", "report"))
            dom = chromium(program, page, "--dump-dom")
            tap.equal((dom.count("<script"), dom.count("<b>betting")), (0, 0), "nothing of the data became markup")
            tap.ok("Gambling &amp; &lt;b&gt;betting&lt;/b&gt;" in dom, "the name is shown as it is")
            tap.equal(dom.count("</html>"), 1, "one whole document")
            tap.ok(dom.count("<rect") > 60 and dom.count('class="card"') >= 5, "with its chart and headline figures")
            tap.ok(dom.count("<circle") >= 4 and 'class="mark"' in dom, "precision by week, and when releases went live")
            # Nothing is wider than a phone: the page measures itself inside a frame of 390 pixels.
            frame = out / "phone.html"
            frame.write_text(PHONE % html.escape(page.read_text(), quote=True))
            measured = chromium(program, frame, "--dump-dom")
            tap.ok("<title>fits</title>" in measured, "it fits a phone", measured[:200])
            shots = {}
            for name, scheme in (("light", "1"), ("dark", "0")):
                shots[name] = out / f"{name}.png"
                chromium(program, page, f"--screenshot={shots[name]}", f"--blink-settings=preferredColorScheme={scheme}")
                tap.ok(shots[name].exists() and shots[name].stat().st_size > 20_000, f"{name}: a picture comes out")
            tap.ok(shots["light"].read_bytes() != shots["dark"].read_bytes(), "dark is not light")
            pdf = out / "report.pdf"
            chromium(program, page, f"--print-to-pdf={pdf}")
            tap.ok(pdf.exists() and pdf.read_bytes().startswith(b"%PDF"), "it prints")
