-- The operator's side: policies, packages of terms, first releases.

SELECT moderation.create_policy('profanity', severity => 2) \g /dev/null
SELECT moderation.create_policy('scams', severity => 4) \g /dev/null

SELECT moderation.create_package('naughty-en', policy => 'profanity', action => 'review') \g /dev/null
SELECT moderation.create_package('naughty-ru', policy => 'profanity', action => 'review') \g /dev/null
SELECT moderation.create_package('scam-en', policy => 'scams', action => 'block') \g /dev/null
SELECT moderation.create_package('scam-ru', policy => 'scams', action => 'block') \g /dev/null

\echo
\echo 'Terms imported (what folds to the same as an earlier term is skipped):'
SELECT 'naughty-' || w.language AS package, a.added, a.skipped
FROM (SELECT language, array_agg(term) AS terms FROM risk_words GROUP BY language ORDER BY language) w
CROSS JOIN LATERAL moderation.add_terms(
    'naughty-' || w.language, w.terms, match => 'word', level => 'folded', source => 'npm naughty-words') a
UNION ALL
SELECT 'scam-en', a.added, a.skipped
FROM moderation.add_terms('scam-en', ARRAY[
    'viagra', 'act now', 'no obligation', 'work from home', 'risk free', 'click here', 'lose weight', 'herbal',
    'credit card debt', 'money back guarantee', 'cash bonus', 'make money', 'mortgage rates', 'incredible offer',
    'next of kin', 'wire transfer', 'opt out', 'cable descrambler', 'online pharmacy', 'investment opportunity'],
    source => 'demo') a
UNION ALL
SELECT 'scam-ru', a.added, a.skipped
FROM moderation.add_terms('scam-ru', ARRAY[
    'быстрый заработок', 'заработок без вложений', 'работа на дому', 'гарантированный доход', 'кредит без отказа',
    'пассивный доход', 'вы выиграли', 'срочный займ', 'онлайн казино', 'похудеть без диет', 'только сегодня',
    'без риска'],
    source => 'demo') a;

-- The lists of somebody else are only recorded until their figures are known.
SELECT moderation.publish_package(p, stage => (CASE WHEN p LIKE 'scam-%' THEN 'live' ELSE 'shadow' END)::moderation.stage, note => 'first list')
FROM unnest(ARRAY['naughty-en', 'naughty-ru', 'scam-en', 'scam-ru']) p \g /dev/null
