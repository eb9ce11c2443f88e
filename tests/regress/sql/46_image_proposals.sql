-- Images to add: groups of violating ones that look alike. Hashes are made from a number (64 hex digits) and bits turned in it.
SET pg_moderation.exposure_sample = 0;
CREATE FUNCTION t.hash(seed text, bits integer) RETURNS moderation.pdqhash LANGUAGE sql IMMUTABLE
    RETURN (decode(md5(seed) || md5(seed || 'x'), 'hex')::moderation.pdqhash::bit(256) # (repeat('1', bits) || repeat('0', 256 - bits))::bit(256))::moderation.pdqhash;
SELECT t.hash('a', 5) OPERATOR(pg_catalog.<->) t.hash('a', 15) AS distance;
SELECT moderation.create_package('img') > 0 AS created;
SELECT * FROM moderation.add_images('img', ARRAY[t.hash('known', 0)]);
CREATE TABLE t.creatives AS
    -- Five of one picture, 0 to 40 bits apart: the one in the middle has all of them within 31.
    SELECT t.hash('a', 10 * i) AS hash, true AS bad FROM generate_series(0, 4) i
    -- Three copies of another one, with a benign picture 20 bits away.
    UNION ALL SELECT t.hash('b', 0), true FROM generate_series(1, 3)
    UNION ALL SELECT t.hash('b', 20), false FROM generate_series(1, 2)
    -- A single one, one that the draft has, benign ones alone, and rows that say nothing.
    UNION ALL SELECT t.hash('c', 0), true
    UNION ALL SELECT t.hash('known', 3), true
    UNION ALL SELECT t.hash('d', i), false FROM generate_series(1, 3) i
    UNION ALL SELECT NULL, true UNION ALL SELECT t.hash('e', 0), NULL;
SELECT kind, change, evidence - 'hash' AS evidence, effect->'recall' AS before, effect->'recall_after' AS after, jsonb_array_length(examples) AS examples, sql
FROM moderation.suggest_images('img', ARRAY(SELECT hash FROM t.creatives), ARRAY(SELECT bad FROM t.creatives));
SELECT max((evidence->>'hash')::moderation.pdqhash OPERATOR(pg_catalog.<->) t.hash('a', 20)) FILTER (WHERE evidence->>'violating' = '5') AS from_the_middle FROM moderation.open_proposals WHERE kind = 'add_image';
-- Proposed once; single images on request; a benign image near by may be taken into account or not.
SELECT count(*) FROM moderation.suggest_images('img', ARRAY(SELECT hash FROM t.creatives), ARRAY(SELECT bad FROM t.creatives));
SELECT evidence - 'hash' AS evidence FROM moderation.suggest_images('img', ARRAY(SELECT hash FROM t.creatives), ARRAY(SELECT bad FROM t.creatives), min_support => 1);
SELECT evidence - 'hash' AS evidence FROM moderation.suggest_images('img', ARRAY(SELECT hash FROM t.creatives), ARRAY(SELECT bad FROM t.creatives), precision_floor => 0.5) ;
-- Rejected, accepted: the item says where it is from; then nothing more is proposed of it.
SELECT moderation.reject_proposal(proposal_id, 'one picture') FROM moderation.open_proposals WHERE evidence->>'violating' = '1';
SELECT moderation.reject_proposal(proposal_id, 'too near a clean one') FROM moderation.open_proposals WHERE evidence->>'benign' = '2';
SELECT moderation.accept_proposal(proposal_id, 'as reviewed') FROM moderation.open_proposals WHERE kind = 'add_image' ORDER BY proposal_id;
SELECT kind, max_distance, source ~ '^proposal \d+$' AS source, note FROM moderation.current_items WHERE package = 'img' ORDER BY item_id;
SELECT count(*) FROM moderation.suggest_images('img', ARRAY(SELECT hash FROM t.creatives), ARRAY(SELECT bad FROM t.creatives), min_support => 1);
SELECT moderation.matches(t.hash('a', 40), 'img');
SELECT moderation.publish_package('img');
SELECT moderation.matches(t.hash('a', 40), 'img'), moderation.matches(t.hash('b', 0), 'img'), moderation.matches(t.hash('b', 20), 'img');
-- A thousand copies, and as many pictures; from nothing.
SELECT evidence - 'hash' AS evidence FROM moderation.suggest_images('img', array_fill(t.hash('f', 0), ARRAY[1000]), array_fill(true, ARRAY[1000]));
SELECT count(*) FROM moderation.suggest_images('img', ARRAY(SELECT t.hash('g' || i, 0) FROM generate_series(1, 1000) i), array_fill(true, ARRAY[1000]));
SELECT count(*) FROM moderation.suggest_images('img', '{}', '{}');
-- A case with images: groups of them, and proposals that carry the case.
SELECT moderation.open_case('pictures') AS c \gset
SELECT moderation.add_to_case(:c, ARRAY['', 'buy', ''], images => ARRAY[t.hash('h', 0), t.hash('h', 9), NULL]);
SELECT what, contents, entries FROM moderation.summarize_case(:c) WHERE what LIKE '%image%';
SELECT kind, evidence - 'hash' AS evidence, case_id = :c AS of_case FROM moderation.derive_from_case(:c, 'img');
SELECT count(moderation.accept_proposal(proposal_id)) FROM moderation.open_proposals WHERE case_id = :c;
SELECT count(*) FROM moderation.current_items WHERE package = 'img' AND case_ref = :'c';
CALL t.fails($$SELECT moderation.add_to_case(-1, ARRAY['x'], images => '{}')$$);
-- What cannot be.
CALL t.fails($$SELECT moderation.suggest_images('img', NULL, '{}')$$);
CALL t.fails($$SELECT moderation.suggest_images('img', '{}', ARRAY[true])$$);
CALL t.fails($$SELECT moderation.suggest_images('img', '{}', '{}', min_support => 0)$$);
CALL t.fails($$SELECT moderation.suggest_images('img', '{}', '{}', radius => 65)$$);
CALL t.fails($$SELECT moderation.suggest_images('none such', '{}', '{}')$$);
DROP TABLE t.creatives;
DROP FUNCTION t.hash;
SELECT t.retire_all();
TRUNCATE moderation.hits, moderation.reviews, moderation.proposals, moderation.cases, moderation.case_contents;
