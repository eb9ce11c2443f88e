-- The reviewers' side. The corpus has been labelled by people: their labels are our reviews.

SELECT count(moderation.record_review('messages', message_id,
       label => CASE label WHEN 'spam' THEN 'violating' ELSE 'benign' END::moderation.review_label,
       note => 'SpamAssassin label'))
FROM messages \g /dev/null
