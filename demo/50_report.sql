-- The analyst's side.

\pset footer off
\pset null '-'

\echo
\echo 'Verdicts, by what the corpus says the message is:'
SELECT coalesce(moderation->>'action', 'no hit') AS verdict, count(*) AS messages,
       count(*) FILTER (WHERE label = 'spam') AS spam,
       count(*) FILTER (WHERE label = 'ham') AS ham,
       count(*) FILTER (WHERE label = 'hard ham') AS "hard ham"
FROM messages
GROUP BY 1
ORDER BY min((moderation->>'action')::moderation.action) DESC NULLS LAST;

\echo 'Terms that hit most, and how often they were right:'
SELECT h.package, h.term, count(*) AS messages, sum(h.places) AS places,
       round(100.0 * count(*) FILTER (WHERE m.label = 'spam') / count(*), 1) AS "spam %"
FROM moderation.recent_hits h
JOIN messages m ON h.source = 'messages'::regclass AND m.message_id = h.content_key::bigint
GROUP BY h.package, h.term
ORDER BY messages DESC, h.term
LIMIT 12;

\echo 'package_stats(): hits in messages and ads; precision against the labels, with its 95 % Wilson interval:'
SELECT package, stage, release, hits, contents, reviewed, true_positives AS tp, false_positives AS fp,
       round(precision::numeric, 3) AS precision,
       '[' || round(precision_low::numeric, 3) || ', ' || round(precision_high::numeric, 3) || ']' AS "95 % interval"
FROM moderation.package_stats();

\echo 'Items that never hit anything, in messages or ads:'
SELECT i.package, count(*) AS never_hit, f.terms AS of_terms
FROM moderation.items_never_hit i
JOIN moderation.in_force f USING (package, stage)
GROUP BY i.package, f.terms
ORDER BY i.package;

\echo 'Ads, of which a block verdict keeps some out of the table:'
SELECT ads.ad_id, ads.title, ads.outcome, coalesce(ads.verdict->>'action', 'no hit') AS verdict,
       (SELECT string_agg(hit->>'matched', ', ') FROM jsonb_array_elements(ads.verdict->'hits') hit) AS matched
FROM (
    SELECT ad_id, title, 'stored' AS outcome, moderation AS verdict FROM ads
    UNION ALL
    SELECT content_key::bigint, content->>'title', 'quarantined', verdict FROM moderation.quarantine
) ads
ORDER BY ads.ad_id;
