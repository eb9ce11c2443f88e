-- The verdict: weights, thresholds, the strongest action; and the JSON of its hits, which others build on.
SELECT 'log' < 'review'::moderation.action AND 'review' < 'block'::moderation.action AS ordered;
SELECT count(moderation.create_package(p, action => a::moderation.action, threshold => h)) FROM (VALUES
    ('v-log', 'log', 0), ('v-review', 'review', 0), ('v-block', 'block', 0), ('v-sum', 'block', 2.5)) v(p, a, h);
SELECT count(*) FROM unnest(ARRAY['v-log', 'v-review', 'v-block']) p, moderation.add_terms(p, ARRAY[replace(p, 'v-', 'the ')]);
SELECT * FROM moderation.add_terms('v-sum', ARRAY['one', 'other'], weight => 1);
SELECT * FROM moderation.add_terms('v-sum', ARRAY['tenth'], weight => 0.1);
SELECT * FROM moderation.add_terms('v-sum', ARRAY['half'], weight => 0.5);
SELECT count(moderation.publish_package(p)) FROM unnest(ARRAY['v-log', 'v-review', 'v-block', 'v-sum']) p;

SELECT body, v.action, v.score, jsonb_array_length(v.hits) AS hits
FROM unnest(ARRAY['the log', 'the log. the review', 'the review, the log', 'the log the block the review', 'one', 'one one one one',
    'one other', 'one other half', 'one other tenth', 'half half tenth', 'one other half. the log', 'one. the log']) WITH ORDINALITY u(body, n),
    moderation.moderate_text(body) v ORDER BY n;
-- Below its threshold a package has hits and a score, but no say; exactly at it, it acts.
SELECT v.action, v.score, jsonb_array_length(v.hits) AS hits, moderation.matches('one', 'v-sum') FROM moderation.moderate_text('one', 'v-sum') v;

-- The contract: keys, their types, their values.
SELECT k AS key, jsonb_typeof(h->k) AS type FROM moderation.moderate_text('The LOG', 'v-log') v, jsonb_array_elements(v.hits) h,
    jsonb_object_keys(h) k ORDER BY k COLLATE "C";
SELECT h - 'item' AS hit FROM moderation.moderate_text('see The LOG', 'v-log') v, jsonb_array_elements(v.hits) h;
SELECT h->'score' AS score FROM moderation.moderate_text('tenth', 'v-sum') v, jsonb_array_elements(v.hits) h;
SELECT (h->>'item')::bigint = i.item_id AS item_id_is_right FROM moderation.moderate_text('tenth', 'v-sum') v, jsonb_array_elements(v.hits) h,
    moderation.current_items i WHERE i.package = 'v-sum' AND i.term = 'tenth';
-- text_hits() has the same in columns.
SELECT package, release, stage, kind, term, action, span_start, span_length, matched, level, score
FROM moderation.text_hits('see The LOG, tenth', ARRAY['v-log', 'v-sum']) ORDER BY span_start;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'moderation.text_hit'::regclass AND attnum > 0 ORDER BY attnum;
-- Shadow hits are rows of text_hits(), never part of a verdict.
SELECT * FROM moderation.add_terms('v-block', ARRAY['in the dark']);
SELECT moderation.publish_package('v-block', stage => 'shadow');
SELECT term, stage FROM moderation.text_hits('the block in the dark', 'v-block') ORDER BY stage, term;
SELECT action, score, jsonb_array_length(hits) FROM moderation.moderate_text('in the dark');
SELECT jsonb_agg(h->'term') FROM moderation.moderate_text('the block in the dark') v, jsonb_array_elements(v.hits) h;
-- In a view, a generated filter, a join, a lateral, a prepared statement, plpgsql.
PREPARE judge(text) AS SELECT (moderation.moderate_text($1)).action;
EXECUTE judge('the block');
EXECUTE judge('nothing');
DEALLOCATE judge;
DO $$ BEGIN
    ASSERT moderation.matches('the log', 'v-log');
    ASSERT (moderation.moderate_text('the block')).action = 'block';
END $$;
SELECT n FROM generate_series(1, 5) n WHERE moderation.matches(CASE WHEN n % 2 = 0 THEN 'the log' ELSE 'x' END, 'v-log') ORDER BY n;
SELECT t.retire_all();
