-- The operator's loop: imported lists, some in shadow; a random sample is reviewed; figures; terms are mined on one
-- half of the messages, accepted and published; and measured on the other half.

\pset footer off
\pset null '-'

-- Halves by a hash of the text, so that copies of one message stay together.
CREATE VIEW half AS
    SELECT message_id, left(concat_ws(E'\n', subject, body), 8000) AS content, label = 'spam' AS violating,
           hashtextextended(body, 0) & 1 = 0 AS learned
    FROM messages;

\echo
-- A list with weights has a package of its own.
SELECT moderation.create_package('scam-mined', policy => 'scams', action => 'review', threshold => 1) \g /dev/null
-- next_for_review() would draw these and hand them out; here the corpus has labelled every message already.
SELECT moderation.draw_sample(s, 0, now() - interval '30 days', n) FROM (VALUES ('flagged', 2000), ('unflagged', 400)) v(s, n) \g /dev/null
-- The ads that were kept out, by hand.
SELECT moderation.record_review('ads', ad_id, 'violating') FROM unnest(ARRAY[2, 3, 5]) ad_id \g /dev/null
\echo 'Figures of imported lists, of which one is in shadow: nothing acts on its hits; recall from the random samples:'
SELECT package, stage, contents, round(precision::numeric, 3) AS precision, '[' || round(precision_low::numeric, 3) || ', ' || round(precision_high::numeric, 3) || ']' AS "95 %",
       round(recall::numeric, 3) AS recall, '[' || round(recall_low::numeric, 3) || ', ' || round(recall_high::numeric, 3) || ']' AS "of recall", recall_note
FROM moderation.package_stats() WHERE package IN ('scam-en', 'naughty-en');

\echo 'What to clean up in the imported lists:'
SELECT k.package, p.kind, count(*) FROM (VALUES ('naughty-en'), ('scam-en')) k(package), moderation.suggest_cleanup(k.package) p GROUP BY 1, 2 ORDER BY 1, 2;

\echo 'Terms mined on one half, as one proposal:'
SELECT p.kind, p.evidence->>'terms' AS terms, p.effect->'precision_after'->>'value' AS "precision, cross-validated", p.effect->'recall_after'->>'value' AS "recall, cross-validated"
FROM (SELECT array_agg(content ORDER BY message_id) AS texts, array_agg(violating ORDER BY message_id) AS labels FROM half WHERE learned) h,
     moderation.suggest_terms('scam-mined', h.texts, h.labels, weighted => true, max_terms => 500) p;
SELECT moderation.accept_proposal(proposal_id, 'demo') FROM moderation.open_proposals WHERE package = 'scam-mined' \g /dev/null
\echo 'Published in shadow first, then live:'
SELECT moderation.publish_package('scam-mined', stage => 'shadow', note => 'mined'), moderation.publish_package('scam-mined', note => 'looks right');

\echo 'On the half that nothing was learned from:'
SELECT v.list, count(*) FILTER (WHERE v.flagged) AS flagged,
       round(count(*) FILTER (WHERE v.flagged AND v.violating) / nullif(count(*) FILTER (WHERE v.flagged), 0)::numeric, 3) AS precision,
       round(count(*) FILTER (WHERE v.flagged AND v.violating) / count(*) FILTER (WHERE v.violating)::numeric, 3) AS recall
FROM (SELECT l.list, h.violating, (moderation.moderate_text(h.content, l.packages)).action IS NOT NULL AS flagged
      FROM half h, (VALUES (1, 'before: imported', ARRAY['scam-en', 'scam-ru']), (2, 'after: imported and mined', ARRAY['scam-en', 'scam-ru', 'scam-mined']),
                           (3, 'mined alone', ARRAY['scam-mined'])) l(n, list, packages)
      WHERE NOT h.learned) v
GROUP BY v.list ORDER BY min(CASE v.list WHEN 'before: imported' THEN 1 WHEN 'mined alone' THEN 3 ELSE 2 END);
