-- Where a term stands and how it is compared; NULL, no hit, subsets of packages; matches() against text_hits().
SELECT count(moderation.create_package(p)) FROM unnest(ARRAY['modes', 'levels', 'allow', 'empty']) p;
SELECT * FROM moderation.add_terms('modes', ARRAY['word']);
SELECT * FROM moderation.add_terms('modes', ARRAY['pre'], match => 'prefix');
SELECT * FROM moderation.add_terms('modes', ARRAY['suf'], match => 'suffix');
SELECT * FROM moderation.add_terms('modes', ARRAY['sub'], match => 'substring');
SELECT * FROM moderation.add_terms('modes', ARRAY['two words', 'C++', '赌博', '$$$']);
SELECT moderation.publish_package('modes');

\a
SELECT body, array_agg(h.term ORDER BY h.span_start) FILTER (WHERE h.term IS NOT NULL) AS terms,
       moderation.matches(body, 'modes') AS matches
FROM unnest(ARRAY['word', 'WORD!', 'words', 'sword', 'a-word-b', 'word_x', 'prefix', 'spre', 'pre', 'unsuf', 'suffer', 'suf',
    'absubcd', 'sub', 'two words', E'two\t\n  words', 'twowords', 'I use C++.', 'C+', '我喜欢赌博网站', '$$$ now', 'word''s', '', ' ',
    'wo rd']) WITH ORDINALITY u(body, n)
LEFT JOIN LATERAL moderation.text_hits(body, 'modes') h ON true
GROUP BY n, body ORDER BY n;
\a

-- Literal and folded: case, compatibility forms, composed and decomposed.
SELECT * FROM moderation.add_terms('levels', ARRAY['CaSe'], level => 'literal');
SELECT * FROM moderation.add_terms('levels', ARRAY['fold', 'Straße', 'йод', 'ПриВет']);
SELECT moderation.publish_package('levels');
\a
SELECT body, h.term, h.matched, h.level
FROM unnest(ARRAY['CaSe', 'case', 'FOLD', 'ｆｏｌｄ', 'STRASSE', 'straße', U&'\0438\0306\043E\0434', 'привет', 'FO' || U&'\00AD' || 'LD'])
     WITH ORDINALITY u(body, n)
LEFT JOIN LATERAL moderation.text_hits(body, 'levels') h ON true ORDER BY n;
\a

-- Allow entries win by containment, in their own package only.
SELECT * FROM moderation.add_terms('allow', ARRAY['casino', 'bet']);
SELECT * FROM moderation.allow_terms('allow', ARRAY['casino royale', 'bet on it']);
SELECT moderation.publish_package('allow');
SELECT body, array_agg(h.term || '@' || h.span_start ORDER BY h.span_start) FILTER (WHERE h.term IS NOT NULL) AS hits,
       moderation.matches(body, 'allow') AS matches
FROM unnest(ARRAY['casino royale', 'casino', 'casino royale casino', 'CASINO  Royale!', 'casino royales', 'you bet on it', 'you bet'])
     WITH ORDINALITY u(body, n)
LEFT JOIN LATERAL moderation.text_hits(body, 'allow') h ON true GROUP BY n, body ORDER BY n;
-- With one place listed per item, the first one that is not allowed is listed.
SET pg_moderation.max_places = 1;
SELECT term, span_start FROM moderation.text_hits('casino royale casino casino', 'allow');
SELECT action, score FROM moderation.moderate_text('casino royale casino casino', 'allow');
RESET pg_moderation.max_places;

-- NULL and nothing.
SELECT moderation.moderate_text(NULL) IS NULL AS verdict, moderation.matches(NULL, 'modes') IS NULL AS matches,
       moderation.matches('word', NULL) IS NULL AS no_package,
       (SELECT count(*) FROM moderation.text_hits(NULL)) AS hits;
SELECT * FROM moderation.moderate_text('nothing of interest');
SELECT * FROM moderation.moderate_text('');
-- Which packages: all, one, some, none.
SELECT array_agg(DISTINCT package ORDER BY package) FROM moderation.text_hits('word case fold casino');
SELECT array_agg(DISTINCT package ORDER BY package) FROM moderation.text_hits('word case fold casino', 'allow');
SELECT array_agg(DISTINCT package ORDER BY package) FROM moderation.text_hits('word case fold casino', ARRAY['modes', 'levels', 'modes']);
SELECT count(*) FROM moderation.text_hits('word case fold casino', '{}'::text[]);
SELECT count(*) FROM moderation.text_hits('word case fold casino', NULL::text[]) WHERE package IN ('modes', 'levels', 'allow');
SELECT score, jsonb_array_length(hits) FROM moderation.moderate_text('word fold casino', packages => ARRAY['levels', 'allow']);
SELECT score, jsonb_array_length(hits) FROM moderation.moderate_text('word fold casino', content_key => 'ad-1');
-- A package without a release in force finds nothing; one that does not exist is an error.
SELECT moderation.matches('word', 'empty') AS empty, (SELECT count(*) FROM moderation.text_hits('word', 'empty')) AS hits;
CALL t.fails($$SELECT moderation.matches('word', 'no such')$$);
CALL t.fails($$SELECT moderation.moderate_text('word', ARRAY['modes', 'no such'])$$);
CALL t.fails($$SELECT * FROM moderation.text_hits('word', 'no such')$$);
CALL t.fails($$SELECT * FROM moderation.text_hits('word', 'modes', release => 99)$$);
CALL t.fails($$SELECT * FROM moderation.text_hits('word', release => 1)$$);
CALL t.fails($$SELECT * FROM moderation.text_hits('word', ARRAY['modes', 'allow'], draft => true)$$);
CALL t.fails($$SELECT * FROM moderation.text_hits('word', 'modes', release => 1, draft => true)$$);

-- matches(b, p) is EXISTS over the live text_hits(b, p), on 4,000 generated texts for 3 packages.
SELECT count(*) AS texts, count(*) FILTER (WHERE moderation.matches(b, p)) > 100 AS some_match,
       count(*) FILTER (WHERE NOT moderation.matches(b, p)) > 100 AS some_do_not,
       count(*) FILTER (WHERE moderation.matches(b, p)
           <> EXISTS (SELECT FROM moderation.text_hits(b, p) h WHERE h.stage = 'live')) AS differ,
       count(*) FILTER (WHERE moderation.matches(b, p)
           <> (jsonb_array_length((moderation.moderate_text(b, p)).hits) > 0)) AS verdict_differs
FROM unnest(ARRAY['modes', 'levels', 'allow']) p,
LATERAL (SELECT string_agg((ARRAY['word', 'pre', 'x', 'suf', ' ', '-', 'casino', ' royale', 'bet', ' on it', 'ß', 'Stra', 'и',
                                  U&'\0306', 'од', 'CaSe', 'two ', 'words', '.', '赌', '博', 'fo', 'ld'])
                           [1 + (hashint8(s * 100 + k) & 2147483647) % 23], '' ORDER BY k) AS b, s
         FROM generate_series(1, 4000) s, generate_series(1, 1 + s % 9) k GROUP BY s) g;
SELECT t.retire_all();
