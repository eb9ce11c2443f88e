-- Know before you publish: the mined list in place of the imported one, over messages that nothing was learned from.

\pset footer off
\pset null '-'

-- The mined package becomes the next release of the imported one. Nothing of it is live.
SELECT release AS mined FROM moderation.import_package(moderation.export_package('scam-mined'), name => 'scam-en') \gset
\set held_out 'SELECT m.* FROM messages m JOIN half h USING (message_id) WHERE NOT h.learned'

\echo
\echo 'What the mined list would change in place of the imported one, by who sent what:'
SELECT b.change, m.label, count(*) AS messages, count(DISTINCT m.sender) AS senders
FROM moderation.backtest_package('scam-en', :'held_out', key => 'message_id', fields => '{subject,body}', release => :mined) b
JOIN messages m ON m.message_id = b.content_key::bigint
GROUP BY 1, 2 ORDER BY 1, 2;

\echo 'backtest_summary(): imported (before) against mined (after), by the corpus'' labels; then the items that change most:'
SELECT left(coalesce(term, 'the package ' || state), 70) AS item, CASE WHEN item_id IS NOT NULL THEN state ELSE '' END AS state, contents, gained, lost,
       true_positives AS tp, false_positives AS fp, round(precision::numeric, 3) AS precision,
       '[' || round(precision_low::numeric, 3) || ', ' || round(precision_high::numeric, 3) || ']' AS "95 % interval", round(recall::numeric, 4) AS recall
FROM moderation.backtest_summary('scam-en', :'held_out', key => 'message_id', fields => '{subject,body}', release => :mined, labels_of => 'messages')
WHERE item_id IS NULL OR gained + lost > 0
ORDER BY item_id IS NOT NULL, state = 'after', gained + lost DESC, term
LIMIT 14;
