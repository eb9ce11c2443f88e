-- substr(body, span_start, span_length) is the matched text, whatever folding does to lengths.
SELECT moderation.create_package('spans') > 0 AS created;
SELECT * FROM moderation.add_terms('spans', ARRAY['istanbul', 'strasse', 'fire', 'йод', 'cafe', 'café', 'слово', '💊', '赌博', 'ا', 'ss', 'ffi', '½', 'Ǆ'],
                                   match => 'substring');
SELECT * FROM moderation.add_terms('spans', ARRAY['the end', 'İzmir', 'ΟΔΟΣ', 'ﬁsh']);
SELECT moderation.publish_package('spans');

CREATE TABLE t.bodies (n integer GENERATED ALWAYS AS IDENTITY, body text);
INSERT INTO t.bodies (body) VALUES
    ('İstanbul and istanbul'), (U&'I\0307stanbul'), ('xİİİ istanbul'), ('Straße STRASSE straſſe ẞtraße'),
    ('ﬁre ﬀi ﬃ oﬃce'), (U&'\0438\0306\043E\0434 йод ' || U&'\0438\0301\0306\043E\0434'), (U&'cafe\0301 café cafe'),
    (U&'с\0301л\0301о\0301в\0301о\0301'), ('💊💊 x💊'), (U&'\+01F468\200D\+01F469\200D\+01F467 the end'), ('我赌博 赌 博'),
    (U&'t\200Bhe e\00ADnd. The   End'), ('İZMİR izmir İzmir'), ('οδος ΟΔΟΣ οδοσ'), ('fish ﬁsh FISH'), ('1½ 1/2 1⁄2'), ('ǄǅǆDŽ'),
    (repeat('İß', 50) || 'the end' || repeat(U&'\0301', 5)), (U&'\FEFFthe end'), (U&'ﷺ ا ﷲ'), (repeat('ﬃ ', 300)), ('ẞ ß ſs');
\a
SELECT n, h.term, h.span_start, h.span_length, h.level, count(*) OVER (PARTITION BY n, term) > 3 AS many
FROM t.bodies, moderation.text_hits(body, 'spans') h WHERE n NOT IN (18, 21) ORDER BY n, span_start, span_length, term COLLATE "C";
\a
SELECT count(*) > 400 AS many_hits,
       count(*) FILTER (WHERE substr(body, span_start, span_length) IS DISTINCT FROM matched) AS wrong_spans,
       count(*) FILTER (WHERE span_length < 1 OR span_start < 1 OR span_start + span_length - 1 > length(body)) AS outside
FROM t.bodies, moderation.text_hits(body, 'spans') h;
-- The same through the verdict's JSON.
SELECT count(*) FILTER (WHERE substr(body, (j->>'span_start')::int, (j->>'span_length')::int) <> j->>'matched') AS wrong_spans
FROM t.bodies, moderation.moderate_text(body, 'spans') v, jsonb_array_elements(v.hits) j;

-- Random concatenations of difficult pieces: every hit stands where it says.
SELECT count(*) > 10000 AS many_hits,
       count(*) FILTER (WHERE substr(b, span_start, span_length) IS DISTINCT FROM matched) AS wrong_spans
FROM (SELECT string_agg((ARRAY['İ', 'ß', 'ﬁ', 'ﬃ', U&'и\0306', 'од', U&'e\0301', 'caf', ' ', 'the', 'end', '💊', U&'\200D', U&'\0301', '赌',
                               '博', 'istanbul', 'stra', 'ss', 'e', 'ſ', U&'\00AD', 'ﷺ', 'Ǆ', '½', 're', 'fi'])
                        [1 + (hashint8(s * 1000 + k) & 2147483647) % 27], '' ORDER BY k) AS b
      FROM generate_series(1, 3000) s, generate_series(1, 40) k GROUP BY s) g, moderation.text_hits(b, 'spans') h;
DROP TABLE t.bodies;
SELECT t.retire_all();
