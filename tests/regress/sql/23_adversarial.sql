-- Texts made to hurt: they take a moment, never the server.
SELECT moderation.create_package('adv') > 0 AS created;
SELECT * FROM moderation.add_terms('adv', ARRAY['a', 'aa', 'aaaaaaaa', 'й', 'ﬃ'], match => 'substring');
SELECT * FROM moderation.add_terms('adv', ARRAY['needle', 'e', repeat('long ', 199) || 'long']);
SELECT moderation.publish_package('adv');

-- 1 MB of a letter that is itself an item: places are limited, the verdict is not.
SELECT term, count(*), min(span_start), bool_and(matched = term) FROM moderation.text_hits(repeat('a', 1000000), 'adv') GROUP BY term ORDER BY length(term);
SELECT action, score FROM moderation.moderate_text(repeat('a', 1000000));
-- Only separators; only marks; one letter under a million marks; a million decomposed letters.
SELECT count(*) FROM moderation.text_hits(repeat(' ', 1000000), 'adv');
SELECT count(*) FROM moderation.text_hits(repeat(E'\n.-_/', 200000), 'adv');
SELECT count(*) FROM moderation.text_hits(repeat(U&'\0301', 1000000), 'adv');
SELECT moderation.matches('e' || repeat(U&'\0301', 1000000), 'adv') AS e_with_marks;
SELECT bool_and(substr(b, span_start, span_length) = matched) AS spans_right, count(*) > 0 AS found
FROM (SELECT repeat(U&'\0438\0306', 300000) AS b) g, moderation.text_hits(b, 'adv');
SELECT moderation.matches(repeat(U&'\200B', 1000000) || 'needle', 'adv') AS after_invisible;
SELECT moderation.matches(repeat('🇩', 200001) || ' needle', 'adv') AS after_flags;
SELECT moderation.matches(repeat('ﷺ', 100000) || ' needle', 'adv') AS after_long_expansions;
SELECT moderation.matches(repeat('𝒏𝒆𝒆𝒅𝒍', 100000) || ' needle', 'adv') AS after_math_letters;
-- At the far end of a long text, with a right span; a term of 999 characters across whatever windows there are.
SELECT term, span_start, span_length, matched = 'nEEdle' AS right FROM moderation.text_hits(repeat('ß ', 700000) || 'nEEdle', 'adv');
SELECT count(*) AS found, count(DISTINCT span_length) AS lengths FROM generate_series(1, 300) n,
    moderation.text_hits(repeat('ж', n * 997) || ' ' || repeat('long ', 199) || 'LONG.', 'adv') h WHERE h.span_start = n * 997 + 2;
-- 100 MB works.
SELECT moderation.matches(repeat('xyz ', 25000000) || 'needle', 'adv') AS needle_after_100_mb;
-- And can be interrupted: with 200 repetitions it would run for minutes.
SET statement_timeout = '1s';
SELECT count(*) FILTER (WHERE moderation.matches(repeat('xyz' || n, 25000000), 'adv')) FROM generate_series(1, 200) n;
RESET statement_timeout;
SELECT moderation.matches('needle', 'adv') AS alive;
SELECT t.retire_all();
