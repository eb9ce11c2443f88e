-- package_report(): one HTML page that needs nothing else. Every value that comes from data goes through html().

CREATE FUNCTION moderation.html(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN replace(replace(replace(replace(replace(
        -- Characters that no HTML document may contain.
        regexp_replace(coalesce(value, '–'), '[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]', '�', 'g'),
        '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;');
COMMENT ON FUNCTION moderation.html(text) IS 'Internal: text as HTML content or attribute value; – for NULL.';

CREATE FUNCTION moderation.html_share(value double precision, low double precision, high double precision) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN value IS NULL THEN '–'
        ELSE round((value * 100)::numeric, 1) || ' %' || coalesce(' <small>[' || round((low * 100)::numeric, 1) || '–' || round((high * 100)::numeric, 1) || ']</small>', '') END;
COMMENT ON FUNCTION moderation.html_share(double precision, double precision, double precision) IS 'Internal: a share in per cent with its interval.';

CREATE FUNCTION moderation.html_axis(first date, last date) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        -- A tick at the first, at every seventh day of up to ten weeks, else at the beginning of every month that has room.
        SELECT '<line x1="40" y1="170" x2="890" y2="170" class="axis"/>'
            || coalesce(string_agg(format('<line x1="%1$s" y1="170" x2="%1$s" y2="174" class="axis"/><text x="%1$s" y="188" text-anchor="%3$s">%2$s</text>',
                   round(40 + 850.0 * (d.day - first) / (last - first + 1), 1), d.day,
                   CASE WHEN d.day - first > (last - first) * 0.9 THEN 'end' WHEN d.day = first THEN 'start' ELSE 'middle' END), '' ORDER BY d.day), '')
        FROM (SELECT first AS day
              UNION
              SELECT x::date FROM generate_series(first::timestamp, last::timestamp, interval '14 days') x WHERE last - first <= 100
              UNION
              SELECT x::date FROM generate_series(date_trunc('month', first::timestamp), last::timestamp,
                                                  make_interval(months => 1 + (last - first) / 300)) x
              WHERE last - first > 100 AND x::date > first + (last - first) / 15) d;
    END;
COMMENT ON FUNCTION moderation.html_axis(date, date) IS 'Internal: the time axis of a chart in an SVG of 900 by 200.';

CREATE FUNCTION moderation.html_days(first date, last date, step integer, days date[], contents bigint[], tp bigint[], fp bigint[], releases integer[], since date[])
    RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    top bigint := (SELECT max(c) FROM unnest(contents) c);
    width numeric := 850.0 * step / (last - first + 1);
BEGIN
    IF top IS NULL THEN
        RETURN '<p>No hits in this time.</p>';
    END IF;
    top := greatest(top, 1);
    RETURN format('<svg viewBox="0 0 900 200" role="img" aria-label="Contents; labelled ones by what they are">'
                  '<line x1="40" y1="20" x2="890" y2="20" class="grid"/><line x1="40" y1="95" x2="890" y2="95" class="grid"/>'
                  '<text x="34" y="24" text-anchor="end">%s</text><text x="34" y="174" text-anchor="end">0</text>', top)
        || moderation.html_axis(first, last)
        || (SELECT string_agg(format('<g><title>%s: %s contents, %s violating, %s benign</title><rect x="%s" y="%s" width="%s" height="%s" class="all"/>'
                '<rect x="%s" y="%s" width="%s" height="%s" class="tp"/><rect x="%s" y="%s" width="%s" height="%s" class="fp"/></g>',
                d.day, d.c, d.t, d.f, x.at, round(170 - 150.0 * d.c / top, 1), x.bar, round(150.0 * d.c / top, 1),
                x.at, round(170 - 150.0 * d.t / top, 1), x.bar, round(150.0 * d.t / top, 1),
                x.at, round(170 - 150.0 * (d.t + d.f) / top, 1), x.bar, round(150.0 * d.f / top, 1)), '' ORDER BY d.day)
            FROM unnest(days, contents, tp, fp) d(day, c, t, f),
                 LATERAL (SELECT round(40 + 850.0 * greatest(d.day - first, 0) / (last - first + 1), 1), round(greatest(1, width * 0.8), 1)) x(at, bar))
        || coalesce((SELECT string_agg(format('<g><title>release %2$s, %3$s</title><line x1="%1$s" y1="14" x2="%1$s" y2="170" class="mark"/><text x="%1$s" y="10" text-anchor="middle">%2$s</text></g>',
                round(40 + 850.0 * (r.day - first) / (last - first + 1), 1), r.release, r.day), '' ORDER BY r.day)
            -- The last of a day; the newest thirty, or their numbers would cover each other.
            FROM (SELECT max(u.release) AS release, u.day FROM unnest(releases, since) u(release, day) WHERE u.day BETWEEN first AND last
                  GROUP BY u.day ORDER BY u.day DESC LIMIT 30) r), '')
        || '</svg><p class="legend"><span class="all"></span> contents <span class="tp"></span> labelled violating <span class="fp"></span> labelled benign <i></i> release put live</p>';
END
$fn$;
COMMENT ON FUNCTION moderation.html_days(date, date, integer, date[], bigint[], bigint[], bigint[], integer[], date[]) IS 'Internal: bars of contents per day or week as SVG, with the releases that went live.';

CREATE FUNCTION moderation.html_precision(first date, last date, days date[], tp bigint[], fp bigint[]) RETURNS text
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    points text;
BEGIN
    SELECT string_agg(format('<g><title>week of %1$s: %2$s of %3$s labelled are violating, 95 %%: %4$s to %5$s %%</title><line x1="%6$s" y1="%7$s" x2="%6$s" y2="%8$s" class="range"/>'
                             '<circle cx="%6$s" cy="%9$s" r="4" class="tp"/></g>',
                             d.day, d.t, d.t + d.f, round((100 * w.low)::numeric), round((100 * w.high)::numeric), x.at,
                             round((170 - 150 * w.low)::numeric, 1), round((170 - 150 * w.high)::numeric, 1), round(170 - 150.0 * d.t / (d.t + d.f), 1)), '' ORDER BY d.day)
    INTO points
    FROM unnest(days, tp, fp) d(day, t, f)
    CROSS JOIN LATERAL moderation.wilson_interval(d.t, d.t + d.f) w
    CROSS JOIN LATERAL (SELECT round(least(886, 40 + 850.0 * (greatest(d.day - first, 0) + 3.5) / (last - first + 1)), 1)) x(at)
    WHERE d.t + d.f > 0;
    IF points IS NULL THEN
        RETURN '<p>Nothing labelled in this time.</p>';
    END IF;
    RETURN '<svg viewBox="0 0 900 200" role="img" aria-label="Precision by week with its 95 % interval">'
        '<line x1="40" y1="20" x2="890" y2="20" class="grid"/><line x1="40" y1="95" x2="890" y2="95" class="grid"/>'
        '<text x="34" y="24" text-anchor="end">100%</text><text x="34" y="99" text-anchor="end">50%</text><text x="34" y="174" text-anchor="end">0%</text>'
        || moderation.html_axis(first, last) || points || '</svg>';
END
$fn$;
COMMENT ON FUNCTION moderation.html_precision(date, date, date[], bigint[], bigint[]) IS 'Internal: precision by week with its Wilson interval as SVG.';

CREATE FUNCTION moderation.html_change(effect jsonb, name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(round((effect->name->>'before')::numeric * 100, 1) || ' %', '–') || ' → '
        || coalesce(round((effect->(name || '_after')->>'value')::numeric * 100, 1) || ' % <small>['
                    || round((effect->(name || '_after')->>'low')::numeric * 100, 1) || '–'
                    || round((effect->(name || '_after')->>'high')::numeric * 100, 1) || ']</small>', '–');
COMMENT ON FUNCTION moderation.html_change(jsonb, text) IS 'Internal: what a proposal does to precision or recall.';

CREATE FUNCTION moderation.package_report(
    name text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, redacted boolean DEFAULT false)
    RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    wanted integer := moderation.find_package(package_report.name);
    from_time timestamptz := coalesce(package_report.since, now() - interval '90 days');
    -- The charts begin where there is something to show, if that is more than a year later.
    last_day date := ((least(package_report.until, now()) - interval '1 second') AT TIME ZONE 'UTC')::date;
    first_day date := (from_time AT TIME ZONE 'UTC')::date;
    weekly boolean;
    page text;
    part text;
    s record;
BEGIN
    -- Whoever may not read the material gets the report without it.
    redacted := coalesce(redacted, false) OR wanted <> ALL (moderation.readable_packages());
    IF NOT isfinite(first_day) OR last_day - first_day > 366 THEN
        SELECT greatest(first_day, (min(h.observed_at) AT TIME ZONE 'UTC')::date) INTO first_day FROM moderation.hits h WHERE h.package_id = wanted;
    END IF;
    first_day := CASE WHEN isfinite(first_day) THEN least(first_day, last_day) ELSE last_day END;
    weekly := last_day - first_day > 100;
    page := format($html$<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>%1$s: package report</title>
<style>
:root { color-scheme: light dark; --ink: #1c2024; --soft: #596273; --line: #d5d8de; --ground: #fff; --all: #b8c1cf; --tp: #2f7d4f; --fp: #c2452d; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --soft: #9aa3af; --line: #3a4048; --ground: #16191d; --all: #4b5563; --tp: #4fb477; --fp: #e0705a; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--ground); max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2rem; border-bottom: 1px solid var(--line); } small, .soft { color: var(--soft); }
*, *::before { box-sizing: border-box; } h1 { overflow-wrap: anywhere; } .scroll { overflow-x: auto; } .scroll + .scroll { margin-top: 1.2rem; } table { border-collapse: collapse; width: 100%%; } th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; } td.text { overflow-wrap: anywhere; min-width: 7rem; } td.n { white-space: nowrap; } code { font-size: .85em; overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem; } .card { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem 1rem; overflow-wrap: anywhere; } .card b { display: block; font-size: 1.5rem; font-weight: 600; } .card b small { display: block; font-size: .85rem; font-weight: 400; white-space: nowrap; }
svg { width: 100%%; height: auto; overflow: visible; } .day { white-space: nowrap; } svg text { font-size: 12px; fill: var(--soft); } .axis { stroke: var(--soft); } .grid { stroke: var(--line); } .mark { stroke: var(--ink); stroke-dasharray: 3 3; } .range { stroke: var(--tp); stroke-width: 2; opacity: .5; } circle.tp { fill: var(--tp); } rect.all { fill: var(--all); } rect.tp { fill: var(--tp); } rect.fp { fill: var(--fp); }
.legend span { display: inline-block; width: .8em; height: .8em; } .legend .all { background: var(--all); } .legend .tp { background: var(--tp); } .legend .fp { background: var(--fp); }
.legend i { display: inline-block; height: .8em; border-left: 2px dashed var(--ink); margin-left: .4em; }
@media (max-width: 40rem) { body { margin: 1rem auto; } .cards { grid-template-columns: 1fr 1fr; gap: .5rem; } .card { padding: .5rem .7rem; } .card b { font-size: 1.2rem; } svg text { font-size: 22px; } svg text[text-anchor=middle] { display: none; } }
mark { background: color-mix(in srgb, var(--fp) 30%%, transparent); color: inherit; }
@media print { :root { --ink: #000; --soft: #444; --line: #bbb; --ground: #fff; --all: #c3cad6; --tp: #2f7d4f; --fp: #c2452d; } * { print-color-adjust: exact; } body { margin: 0; max-width: none; font-size: 11px; } h2, tr:first-child, tr:nth-child(2) { break-after: avoid; } tr, .card, svg { break-inside: avoid; } }
</style></head><body>
<h1>%1$s</h1><p class="soft">Hits from %2$s to %3$s (UTC), made %4$s%5$s</p>$html$,
        moderation.html(package_report.name), to_char(from_time AT TIME ZONE 'UTC', 'YYYY-MM-DD'),
        to_char(coalesce(package_report.until, now()) AT TIME ZONE 'UTC', 'YYYY-MM-DD'), to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),
        CASE WHEN redacted THEN '; terms and matched texts left out' ELSE '' END);

    FOR s IN SELECT * FROM moderation.package_stats(package_report.name, from_time, package_report.until) LOOP
        page := page || format('<h2>%s%s</h2><div class="cards">'
            '<div class="card"><small>contents</small><b>%s</b>of %s owners</div>'
            '<div class="card"><small>precision</small><b>%s</b>%s labelled, %s disputed</div>'
            '<div class="card"><small>last 28 days</small><b>%s</b>%s contents</div>'
            '<div class="card"><small>recall</small><b>%s</b>%s</div>'
            '<div class="card"><small>only this package</small><b>%s</b>contents</div></div>',
            initcap(s.stage::text), coalesce(': release ' || s.release, ''), s.contents, s.owners,
            moderation.html_share(s.precision, s.precision_low, s.precision_high), s.reviewed, s.disputed,
            moderation.html_share(s.recent_precision, s.recent_precision_low, s.recent_precision_high), s.recent_contents,
            moderation.html_share(s.recall, s.recall_low, s.recall_high), moderation.html(coalesce(s.recall_note, coalesce(s.recall_labels, 0) || ' labels of random contents')),
            s.unique_contents);
    END LOOP;

    SELECT moderation.html_days(first_day, last_day, CASE WHEN weekly THEN 7 ELSE 1 END, array_agg(d.bucket), array_agg(d.contents), array_agg(d.true_positives),
               array_agg(d.false_positives),
               (SELECT array_agg(x.release ORDER BY x.deployment_id) FROM moderation.deployments x WHERE x.package_id = wanted AND x.stage = 'live' AND x.release IS NOT NULL),
               (SELECT array_agg((x.since AT TIME ZONE 'UTC')::date ORDER BY x.deployment_id) FROM moderation.deployments x WHERE x.package_id = wanted AND x.stage = 'live' AND x.release IS NOT NULL))
    INTO part
    FROM (SELECT (x.bucket AT TIME ZONE 'UTC')::date AS bucket, x.contents, x.true_positives, x.false_positives
          FROM moderation.package_stats(package_report.name, from_time, package_report.until, CASE WHEN weekly THEN 'week' ELSE 'day' END) x WHERE x.stage = 'live') d;
    page := page || CASE WHEN weekly THEN '<h2>Contents per week, live</h2>' ELSE '<h2>Contents per day, live</h2>' END || part;
    SELECT moderation.html_precision(first_day, last_day, array_agg(d.bucket), array_agg(d.true_positives), array_agg(d.false_positives)) INTO part
    FROM (SELECT (x.bucket AT TIME ZONE 'UTC')::date AS bucket, x.true_positives, x.false_positives
          FROM moderation.package_stats(package_report.name, from_time, package_report.until, 'week') x WHERE x.stage = 'live') d;
    page := page || '<h2>Precision by week, live</h2>' || part;

    FOR s IN
        SELECT r.title, string_agg(format('<tr><td class="text">%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td></tr>',
               CASE WHEN redacted THEN 'item ' || r.item_id ELSE moderation.html(coalesce(r.term, r.kind || ' ' || r.item_id)) END, r.contents,
               moderation.html_share(r.precision, r.precision_low, r.precision_high), r.unique_contents,
               coalesce(r.marginal_contents, 0), coalesce(round((100 * r.cost_share)::numeric, 1) || ' %', '–')), '' ORDER BY r.n) AS rows
        FROM (SELECT 'Best items' AS title, i.*, row_number() OVER (ORDER BY i.true_positives DESC, i.precision_low DESC NULLS LAST, i.contents DESC, i.item_id) AS n
              FROM moderation.item_stats(package_report.name, from_time, package_report.until, stage => 'live') i WHERE i.contents > 0
              UNION ALL
              SELECT 'Worst items', i.*, row_number() OVER (ORDER BY i.precision_high, i.false_positives DESC, i.item_id)
              FROM moderation.item_stats(package_report.name, from_time, package_report.until, stage => 'live') i WHERE i.false_positives > 0) r
        WHERE r.n <= 15 GROUP BY r.title ORDER BY r.title
    LOOP
        page := page || format('<h2>%s</h2><div class="scroll"><table><tr><th>item</th><th class="n">contents</th><th class="n">precision</th><th class="n" title="Contents the package would no longer act on without the item.">lost without it</th><th class="n" title="Contents it adds to the items before it, when they are taken one by one, each time the one that adds most.">adds</th><th class="n" title="Share of the places found by the package: what is written, shown and reviewed. Matching is one pass for all items.">places</th></tr>%s</table></div>', s.title, s.rows);
    END LOOP;

    SELECT string_agg(format('<tr><td>%s</td><td class="n">%s</td><td class="n">%s</td></tr>', moderation.html(o.package_b), o.contents_both,
                             moderation.html_share(o.share_of_a, NULL, NULL)), '') INTO part
    FROM moderation.package_overlap(from_time) o WHERE o.package_a = package_report.name;
    page := page || '<h2>Overlap</h2>' || coalesce('<div class="scroll"><table><tr><th>also acted on by</th><th class="n">contents</th><th class="n">share</th></tr>' || part || '</table></div>',
                                                    '<p>No other package acted on these contents.</p>');
    WITH top AS (
        SELECT i.item_id, i.term, row_number() OVER (ORDER BY i.contents DESC, i.item_id) AS n
        FROM moderation.item_stats(package_report.name, from_time, package_report.until, stage => 'live') i WHERE i.contents > 0 LIMIT 8
    ), pairs AS (
        SELECT o.item_a, o.item_b, o.share_of_a FROM moderation.item_overlap(package_report.name, from_time, 0) o WHERE o.package_b = package_report.name
    )
    SELECT '<div class="scroll"><table><tr><th>share of the row also hit by</th>' || string_agg(format('<th class="n">%s</th>', t.n), '' ORDER BY t.n) || '</tr>'
           || string_agg(format('<tr><td class="text">%s %s</td>%s</tr>', t.n, CASE WHEN redacted THEN '' ELSE moderation.html(t.term) END,
                  (SELECT string_agg(format('<td class="n"%s>%s</td>',
                          CASE WHEN p.share_of_a > 0 THEN format(' style="background: color-mix(in srgb, var(--all) %s%%, transparent)"', round((80 * p.share_of_a)::numeric)) END,
                          CASE WHEN u.n = t.n THEN '·' ELSE coalesce(round((100 * p.share_of_a)::numeric), 0) || ' %' END), '' ORDER BY u.n)
                   FROM top u LEFT JOIN pairs p ON p.item_a = t.item_id AND p.item_b = u.item_id)), '' ORDER BY t.n) || '</table></div>'
    INTO part FROM top t;
    page := page || coalesce(part, '');

    SELECT string_agg(format('<tr><td class="n">%s</td><td>%s</td><td class="text">%s</td><td class="n">%s</td><td class="n">%s</td></tr>', p.proposal_id, replace(p.kind::text, '_', ' '),
                             CASE WHEN redacted THEN coalesce('item ' || p.item_id, 'left out')
                                  ELSE moderation.html(left(coalesce(p.term, p.change->'images'->0->>'hash', jsonb_array_length(p.change->'add') || ' terms'), 200)) END,
                             moderation.html_change(p.effect, 'precision'), moderation.html_change(p.effect, 'recall')), '' ORDER BY p.proposal_id) INTO part
    FROM (SELECT * FROM moderation.proposals q WHERE q.package_id = wanted AND q.state = 'open' ORDER BY q.proposal_id LIMIT 50) p;
    page := page || '<h2>Open proposals</h2>' || coalesce('<div class="scroll"><table><tr><th class="n">id</th><th>kind</th><th>term</th><th class="n">precision, labelled contents</th><th class="n">recall, labelled contents</th></tr>' || part
        || '</table></div><p class="soft"><code>SELECT * FROM moderation.open_proposals</code> has evidence and SQL; <code>accept_proposal(id)</code>, <code>reject_proposal(id, reason)</code> decide.</p>',
        '<p>None.</p>');
    SELECT string_agg(format('<tr><td class="day">%s</td><td class="text">%s</td><td class="text"><mark>%s</mark></td><td class="text">%s</td><td>%s%s</td><td>%s</td></tr>',
                             to_char(h.observed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), moderation.html(h.content_key),
                             CASE WHEN redacted THEN 'left out' ELSE moderation.html(left(h.matched, 200)) END,
                             CASE WHEN redacted THEN 'item ' || h.item_id ELSE moderation.html(coalesce((SELECT left(coalesce(v.term, v.label), 200) FROM moderation.item_versions v
                                 WHERE v.item_id = h.item_id AND v.added_in <= h.release ORDER BY v.added_in DESC LIMIT 1), h.kind || ' ' || h.item_id)) END,
                             h.action, CASE WHEN h.stage = 'shadow' THEN ', shadow' ELSE '' END,
                             -- A label of the hit counts before that of its content.
                             CASE WHEN l.disputed THEN 'disputed' ELSE coalesce(l.label::text, '–') END), '' ORDER BY h.observed_at DESC, h.hit_id) INTO part
    FROM (SELECT * FROM moderation.hits x WHERE x.package_id = wanted AND x.observed_at >= from_time
            AND (package_report.until IS NULL OR x.observed_at < package_report.until) ORDER BY x.observed_at DESC, x.hit_id LIMIT 20) h
    LEFT JOIN moderation.hit_labels l ON l.bucket = h.bucket AND l.hit_id = h.hit_id;
    page := page || '<h2>Newest hits</h2>' || coalesce('<div class="scroll"><table><tr><th>day</th><th>content</th><th>matched</th><th>item</th><th>action</th><th>label</th></tr>' || part || '</table></div>', '<p>None.</p>');
    RETURN page || E'\n</body></html>\n';
END
$fn$;
COMMENT ON FUNCTION moderation.package_report(text, timestamptz, timestamptz, boolean) IS 'The package as one self-contained HTML page (90 days unless since is given): figures with intervals, contents over time, best and worst items, overlap, open proposals, newest hits. Light and dark, printable, no scripts, no network. redacted => true leaves terms and matched texts out, as does a package whose material the caller may not read.';
