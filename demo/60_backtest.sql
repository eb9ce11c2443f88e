-- Know before you publish: the draft of a package against what is live, over every message that is stored.

\pset footer off
\pset null '-'

-- What was wrong more often than not goes; what an analyst found comes. Nothing of it is live.
SELECT moderation.remove_items('naughty-en', coalesce(array_agg(item_id), '{}'))
FROM (SELECT h.item_id
      FROM moderation.recent_hits h JOIN messages m ON h.source = 'messages'::regclass AND m.message_id = h.content_key::bigint
      WHERE h.package = 'naughty-en'
      GROUP BY h.item_id HAVING avg((m.label = 'spam')::int) < 0.5 AND count(*) >= 3) wrong \g /dev/null
SELECT moderation.add_terms('naughty-en', ARRAY['adults only', 'xxx', 'barely legal', 'hot girls'], source => 'demo') \g /dev/null

\echo
\echo 'backtest_summary(): the changed draft of naughty-en against its live release, over all messages, by the corpus'' labels:'
SELECT coalesce(term, 'the package ' || state) AS item, CASE WHEN item_id IS NOT NULL THEN state ELSE '' END AS state, contents, gained, lost,
       true_positives AS tp, false_positives AS fp, round(precision::numeric, 3) AS precision,
       '[' || round(precision_low::numeric, 3) || ', ' || round(precision_high::numeric, 3) || ']' AS "95 % interval", round(recall::numeric, 4) AS recall
FROM moderation.backtest_summary('naughty-en', 'messages')
WHERE item_id IS NULL OR gained + lost > 0
ORDER BY item_id IS NOT NULL, state = 'after', gained + lost DESC, term
LIMIT 14;

\echo 'The same, joined with the table''s own columns:'
SELECT b.change, m.label, count(*) AS messages
FROM moderation.backtest_package('naughty-en', 'messages') b JOIN messages m ON m.message_id = b.content_key::bigint
GROUP BY 1, 2 ORDER BY 1, 2;
