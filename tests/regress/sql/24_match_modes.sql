-- Levels and match modes: what an item finds, how literally, and what is refused when it is added.

SELECT moderation.create_package('forms', action => 'review') > 0 AS created;
SELECT * FROM moderation.add_terms('forms', '{viagra,казино}', level => 'evasion');
SELECT * FROM moderation.add_terms('forms', '{закладка,онлайн магазин}', match => 'inflected');
SELECT * FROM moderation.add_terms('forms', '{lottery}', match => 'inflected', language => 'en');
SELECT * FROM moderation.add_terms('forms', '{ста*ка,сл?т}', match => 'wildcard');
SELECT * FROM moderation.add_terms('forms', '{pharmacy}', match => 'typo');
SELECT * FROM moderation.add_terms('forms', ARRAY['\d{2}% (cash)?back'], match => 'regex');
SELECT * FROM moderation.add_terms('forms', ARRAY['(telegram | whatsapp) & (profit | доход) ~ charity', 'easy &2 money'],
                                   match => 'rule');
SELECT * FROM moderation.add_terms('forms', '{pills.example}', match => 'domain');
SELECT * FROM moderation.add_terms('forms', '{*}', match => 'email');
SELECT * FROM moderation.add_terms('forms', '{@dealer}', match => 'handle');
SELECT * FROM moderation.add_terms('forms', '{+1 202 555 0143}', match => 'phone');
SELECT * FROM moderation.allow_terms('forms', '{viagra monograph,казино рояль}');
SELECT moderation.publish_package('forms');

-- Every hit says where, how literally and by which steps; the span is the matched text.
SELECT t.body, h.term, h.matched, h.level, h.steps, substr(t.body, h.span_start, h.span_length) = h.matched AS span_is_exact
FROM (VALUES
    (1, 'viagra'), (2, 'Buy V1agra'), (3, 'buy v.i.a.g.r.a today'), (4, 'VIIIAGRA'), (5, 'ｖｉａｇｒａ'), (6, 'кaзинo'),
    (7, 'с закладкой и без закладок'), (8, 'в онлайн-магазинах'), (9, 'lotteries'),
    (10, 'ставка, слот, салат'), (11, 'pharmcy'), (12, '20% cashback and 30% back'),
    (13, 'Telegram: доход'), (14, 'telegram profit for charity'), (15, 'easy and quick money'), (16, 'easy to say, hard to make money'),
    (17, 'see https://www.pills.example/now'), (18, 'write to a.b@mail.example'), (19, 'contact @dealer'), (20, 'call 1-202-555-0143')
) t(n, body)
LEFT JOIN LATERAL moderation.text_hits(t.body, 'forms') h ON true
ORDER BY t.n, h.span_start, h.term;

-- Innocent texts.
SELECT t.body FROM (VALUES ('как всегда'), ('The pharmacist said hello'), ('Мы заложили фундамент'), ('11 via 9 grams'), ('салат'))
    t(body) WHERE moderation.matches(t.body, 'forms');

-- Less literal evidence scores less; the weight scales it.
SELECT h.matched, h.score < 1 AS is_less FROM moderation.text_hits('viagra v1agra', 'forms') h ORDER BY h.span_start;

-- Allow entries win over evasion too, and can be listed.
SELECT count(*) FROM moderation.text_hits('The v1agra, viagra monograph', 'forms');
SELECT h.matched, h.suppressed_by = i.item_id AS by_the_entry
FROM moderation.text_hits('viagra monograph', 'forms', suppressed => true) h,
     moderation.current_items i WHERE i.package = 'forms' AND i.term = 'viagra monograph';

SELECT moderation.mask_text('Buy v1agra in the онлайн магазин', '{forms}');
SELECT moderation.mask_text('Buy v1agra', mask => '#'), moderation.mask_text('nothing');
SELECT moderation.mask_text('Buy v1agra', mask => 'xx');
SELECT moderation.fold_text('ＳＴＲＡẞＥ', 'folded'), moderation.fold_text('ＳＴＲＡẞＥ', 'literal'), moderation.fold_text('кaзинo', 'evasion');

-- Why, and why not, in words.
SELECT package, term, is_hit, explanation FROM moderation.explain_text('Buy v1agra', 'forms');
SELECT package, term, is_hit, regexp_replace(explanation, 'entry \d+', 'entry N') AS explanation
FROM moderation.explain_text('viagra monograph', 'viagra');
SELECT package, term, is_hit, explanation FROM moderation.explain_text('пирогами', 'пирог');
SELECT package, term, is_hit, explanation FROM moderation.explain_text('no such thing here', 'forms');

-- Refused when added, with position and hint.
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT * FROM moderation.add_terms('forms', ARRAY['(a | b'], match => 'rule');
SELECT * FROM moderation.add_terms('forms', ARRAY['a | | b'], match => 'rule');
SELECT * FROM moderation.add_terms('forms', ARRAY['~ a'], match => 'rule');
SELECT * FROM moderation.add_terms('forms', ARRAY['(x+'], match => 'regex');
SELECT * FROM moderation.add_terms('forms', ARRAY['x*'], match => 'regex');
SELECT * FROM moderation.add_terms('forms', ARRAY['(a{500}){500}'], match => 'regex');
SELECT * FROM moderation.add_terms('forms', ARRAY['***'], match => 'wildcard');
SELECT * FROM moderation.add_terms('forms', ARRAY['ab'], match => 'typo');
SELECT * FROM moderation.add_terms('forms', ARRAY['ქართული'], match => 'inflected');
SELECT * FROM moderation.add_terms('forms', ARRAY['word'], match => 'inflected', language => 'tlh');
SELECT * FROM moderation.add_terms('forms', ARRAY['word'], language => 'en');
SELECT * FROM moderation.add_terms('forms', ARRAY['x+y'], match => 'regex', level => 'evasion');
SELECT count(*) FROM moderation.current_items WHERE package = 'forms';
SELECT t.retire_all();
