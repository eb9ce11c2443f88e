-- Schedules of items and packages, snoozed items, and the past: all by the transaction's time, none needs a publish.
CREATE FUNCTION t.item(package text, term text) RETURNS bigint LANGUAGE sql AS $$
    SELECT item_id FROM moderation.current_items c WHERE c.package = $1 AND c.term = $2 $$;
SET datestyle = 'ISO';
SELECT moderation.create_package('s16', action => 'block') > 0 AS created;
-- One transaction is before the turn, however long it takes; the next ones are after it.
BEGIN;
CREATE TABLE t.times AS SELECT now() + interval '10 ms' AS turn;
SELECT * FROM moderation.add_terms('s16', ARRAY['always', 'open shop']);
SELECT moderation.add_terms('s16', ARRAY['ends'], expires_at => turn) FROM t.times;
SELECT moderation.add_terms('s16', ARRAY['begins'], valid_from => turn) FROM t.times;
SELECT moderation.add_terms('s16', ARRAY['one week'], match => 'rule', valid_from => now() + interval '1 day', expires_at => now() + interval '8 days') FROM t.times;
SELECT moderation.allow_terms('s16', ARRAY['not always'], expires_at => turn) FROM t.times;
SELECT moderation.allow_terms('s16', ARRAY['an open shop'], valid_from => turn) FROM t.times;
SELECT term, valid_from IS NOT NULL AS "from", expires_at IS NOT NULL AS until FROM moderation.current_items WHERE package = 's16' ORDER BY item_id;
SELECT moderation.publish_package('s16') AS release;
CREATE FUNCTION t.state() RETURNS TABLE (ends boolean, begins boolean, allowed boolean, shop boolean, hits text, verdict text) LANGUAGE sql AS $$
    SELECT moderation.matches('it ends', 's16'), moderation.matches('it begins', 's16'), NOT moderation.matches('not always', 's16'),
           moderation.matches('an open shop', 's16'),
           (SELECT string_agg(h.term, ', ' ORDER BY h.span_start) FROM moderation.text_hits('it ends, it begins, not always, an open shop, one week', 's16') h),
           (SELECT string_agg(h->>'term', ', ' ORDER BY h->>'span_start')
            FROM jsonb_array_elements((moderation.moderate_text('it ends, it begins, not always, an open shop', 's16')).hits) h) $$;
SELECT * FROM t.state();
SELECT inactive_items FROM moderation.in_force WHERE package = 's16';
SELECT pg_sleep(0.03);
SELECT * FROM t.state();
COMMIT;
SELECT * FROM t.state();
SELECT inactive_items FROM moderation.in_force WHERE package = 's16';
SELECT moderation.mask_text('it ends, it begins, not always, an open shop') AS masked;
-- What a release contains does not depend on the time.
SELECT string_agg(h.term, ', ' ORDER BY h.span_start)
FROM moderation.text_hits('it ends, it begins, not always, an open shop, one week', 's16', release => 1) h;
SELECT (moderation.moderate_text_by_release('ends begins', 's16', 1)).score;

-- Times are part of the content: in the hash when there are any, and only then.
SELECT moderation.create_package('t16', action => 'block') > 0 AS created;
SELECT moderation.create_package('u16', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('t16', ARRAY['x16']);
SELECT * FROM moderation.add_terms('u16', ARRAY['x16'], expires_at => '2100-01-01 00:00Z');
SELECT moderation.publish_package('t16'), moderation.publish_package('u16');
SELECT count(DISTINCT content_hash) AS different FROM moderation.in_force WHERE package IN ('t16', 'u16');
SELECT moderation.update_items('t16', ARRAY[t.item('t16', 'x16')], expires_at => '2100-01-01 03:00+03') AS changed;
SELECT moderation.publish_package('t16') AS release;
SELECT count(DISTINCT content_hash) AS same FROM moderation.in_force WHERE package IN ('t16', 'u16');
SELECT moderation.update_items('t16', ARRAY[t.item('t16', 'x16')], expires_at => 'infinity') AS changed;
SELECT moderation.publish_package('t16') AS release;
SELECT count(DISTINCT content_hash) AS back_to_the_first FROM moderation.releases JOIN moderation.packages USING (package_id)
WHERE name = 't16' AND release IN (1, 3);
SELECT release, scheduled FROM moderation.releases JOIN moderation.packages USING (package_id) WHERE name = 't16' ORDER BY 1;

-- Over, or empty.
CREATE FUNCTION t.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'this should have failed';
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN regexp_replace(regexp_replace(SQLERRM, '\d{4}-[^ ]+ [0-9:.+-]+', 'TIME', 'g'), 'item \d+', 'item N');
END $$;
SELECT t.refused($$SELECT moderation.add_terms('t16', ARRAY['y'], expires_at => now() - interval '1 s')$$);
SELECT t.refused($$SELECT moderation.add_terms('t16', ARRAY['y'], expires_at => '2001-01-01 00:00Z')$$);
SELECT t.refused($$SELECT moderation.add_terms('t16', ARRAY['y'], valid_from => '2200-01-01', expires_at => '2100-01-01')$$);
SELECT t.refused($$SELECT moderation.allow_terms('t16', ARRAY['y'], valid_from => 'infinity')$$);
SELECT t.refused($$SELECT moderation.update_items('t16', ARRAY[t.item('t16', 'x16')], expires_at => now())$$);
SELECT t.refused($$SELECT moderation.alter_package('t16', expires_at => '-infinity')$$);
SELECT t.refused($$SELECT moderation.snooze_items('t16', ARRAY[t.item('t16', 'x16')], until => now())$$);
SELECT count(*) AS items FROM moderation.current_items WHERE package = 't16';

-- A package's own schedule: at once, without a publish.
SELECT moderation.matches('x16', 't16') AS before;
SELECT moderation.alter_package('t16', valid_from => now() + interval '1 h', note => 'next campaign') AS with_the_next_publish;
SELECT moderation.matches('x16', 't16') AS not_yet;
SELECT count(*) AS hits FROM moderation.text_hits('x16', 't16');
SELECT action, hits FROM moderation.moderate_text('x16', 't16');
SELECT release, judges_now, valid_from IS NOT NULL AS has_start FROM moderation.in_force WHERE package = 't16';
SELECT moderation.publish_package('t16') AS release;
SELECT moderation.matches('x16', 't16') AS publish_keeps_the_schedule;
BEGIN;
SELECT moderation.alter_package('t16', valid_from => '-infinity', expires_at => now() + interval '10 ms');
SELECT pg_sleep(0.03);
SELECT moderation.matches('x16', 't16') AS now_it_does;
COMMIT;
SELECT moderation.matches('x16', 't16') AS over;
SELECT t.refused($$SELECT moderation.alter_package('t16', expires_at => (SELECT turn FROM t.times))$$);
DO $$ BEGIN
    PERFORM moderation.publish_package('t16');
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    RAISE NOTICE '%', regexp_replace(SQLERRM, '\d{4}-.*', 'TIME');
END $$;
SELECT moderation.alter_package('t16', expires_at => 'infinity');
SELECT moderation.matches('x16', 't16') AS again;
SELECT operation, count(*) FROM moderation.deployments JOIN moderation.packages USING (package_id) WHERE name = 't16' GROUP BY 1 ORDER BY 1;

-- Snoozed: out of force in every release, at once, until a time or until it is lifted.
SELECT * FROM moderation.add_terms('s16', ARRAY['fresh']);
SELECT moderation.publish_package('s16', stage => 'shadow') AS release;
SELECT moderation.snooze_items('s16', ARRAY[t.item('s16', 'always'), t.item('s16', 'fresh')], reason => 'too many complaints') AS snoozed;
SELECT h.term, h.stage FROM moderation.text_hits('always fresh begins', 's16') h ORDER BY 1, 2;
SELECT moderation.matches('always', 's16') AS snoozed, moderation.matches('always begins', 's16') AS another_one;
SELECT term, override, override_until FROM moderation.current_items WHERE package = 's16' AND override IS NOT NULL ORDER BY 1;
SELECT term, effect, until, reason FROM moderation.item_overrides_in_force ORDER BY 1;
SELECT stage, inactive_items FROM moderation.in_force WHERE package = 's16' ORDER BY 1;
-- A publish does not end it; a release asked for by number has all its items.
SELECT moderation.promote_release('s16') AS release;
SELECT moderation.matches('fresh', 's16') AS still_snoozed;
SELECT h.term FROM moderation.text_hits('always fresh', 's16', release => 2) h;
SELECT moderation.unsnooze_items('s16', ARRAY[t.item('s16', 'always'), t.item('s16', 'begins')], 'they were wrong') AS lifted;
SELECT moderation.matches('always', 's16') AS back, moderation.matches('fresh', 's16') AS other_stays;
BEGIN;
SELECT moderation.snooze_items('s16', ARRAY[t.item('s16', 'fresh')], until => now() + interval '10 ms');
SELECT pg_sleep(0.03);
SELECT moderation.matches('fresh', 's16') AS snoozed;
COMMIT;
SELECT moderation.matches('fresh', 's16') AS woke_up;
SELECT moderation.unsnooze_items('s16', ARRAY[t.item('s16', 'fresh')]) AS nothing_to_lift;
-- A snoozed allow entry suppresses nothing.
SELECT moderation.matches('an open shop', 's16') AS allowed;
SELECT moderation.snooze_items('s16', ARRAY[t.item('s16', 'an open shop')]);
SELECT moderation.matches('an open shop', 's16') AS not_allowed;
-- Kept to shadow: recorded, not enforced.
SELECT moderation.override_items('s16', ARRAY[t.item('s16', 'always')], 'shadow', NULL, 'surge');
SELECT h.term, h.stage FROM moderation.text_hits('always begins', 's16') h ORDER BY 1;
SELECT action, jsonb_array_length(hits) AS hits FROM moderation.moderate_text('always', 's16');
SELECT jsonb_path_query_array(hits, '$[*].term') FROM moderation.moderate_text('always begins', 's16');
SELECT moderation.matches('always', 's16') AS enforced, moderation.mask_text('always begins') AS masked;
CREATE TABLE t.ads16 (ad_id bigint PRIMARY KEY, body text);
SELECT moderation.attach('t.ads16', id => 'ad_id', text => '{body}', on_block => 'reject') > 0 AS attached;
INSERT INTO t.ads16 VALUES (1, 'always'), (2, 'it ends');
SELECT key, term, stage, outcome FROM t.recorded WHERE source = 't.ads16'::regclass;
DROP TABLE t.ads16;
CALL t.fails($$SELECT moderation.override_items('s16', ARRAY[t.item('s16', 'an open shop')], 'shadow', NULL, NULL)$$);
CALL t.fails($$SELECT moderation.snooze_items('s16', ARRAY[-1])$$);
-- Uncommitted snoozes are seen here and vanish with a rollback, also to a savepoint.
BEGIN;
SAVEPOINT a;
SELECT moderation.snooze_items('s16', ARRAY[t.item('s16', 'fresh')]);
SELECT moderation.matches('fresh', 's16') AS inside;
ROLLBACK TO a;
SELECT moderation.matches('fresh', 's16') AS after;
COMMIT;

-- The past, by what was in force then.
CREATE TABLE t.story (n serial, at timestamptz);
INSERT INTO t.story (at) VALUES (clock_timestamp());
SELECT moderation.create_package('v16', action => 'review') > 0 AS created;
SELECT * FROM moderation.add_terms('v16', ARRAY['first']);
SELECT moderation.publish_package('v16') AS release;
INSERT INTO t.story (at) VALUES (clock_timestamp());
SELECT * FROM moderation.add_terms('v16', ARRAY['second']);
SELECT moderation.alter_package('v16', action => 'block');
SELECT moderation.publish_package('v16') AS release;
INSERT INTO t.story (at) VALUES (clock_timestamp());
SELECT moderation.snooze_items('v16', ARRAY[t.item('v16', 'first')]);
INSERT INTO t.story (at) VALUES (clock_timestamp());
SELECT moderation.unsnooze_items('v16', ARRAY[t.item('v16', 'first')]);
SELECT moderation.publish_package('v16', share => 100);
SELECT moderation.rollback_package('v16') AS release;
INSERT INTO t.story (at) VALUES (clock_timestamp());
SELECT moderation.retire_package('v16');
INSERT INTO t.story (at) VALUES (clock_timestamp());
SELECT n, v.action, v.score, jsonb_path_query_array(v.hits, '$[*].term') AS terms, jsonb_path_query_array(v.hits, '$[*].release') AS releases
FROM t.story s, moderation.moderate_text_as_of('first, second', s.at, ARRAY['v16']) v ORDER BY n;
SELECT v.action FROM moderation.moderate_text_as_of('first, second', '2020-01-01', ARRAY['v16']) v;
-- A schedule, seen from before, from within and from after.
SELECT jsonb_path_query_array(v.hits, '$[*].term') AS terms
FROM generate_series(0, 8, 4) d, moderation.moderate_text_as_of('one week', now() + d * interval '1 day' + interval '1 h', ARRAY['s16']) v;
SELECT moderation.moderate_text_as_of(NULL, now()) IS NULL AS "null", moderation.moderate_text_as_of('x', NULL) IS NULL AS null_time;
CALL t.fails($$SELECT moderation.moderate_text_as_of('x', now(), ARRAY['nobody knows'])$$);
-- By release: as if it were the only one, and live; NULL is the draft.
SELECT r, v.action, v.score, jsonb_path_query_array(v.hits, '$[*].term') AS terms
FROM unnest(ARRAY[1, 2, NULL]) r, moderation.moderate_text_by_release('first, second', 'v16', r) v;
CALL t.fails($$SELECT moderation.moderate_text_by_release('x', 'v16', 99)$$);
CALL t.fails($$SELECT moderation.moderate_text_by_release('x', 'nobody knows')$$);
-- explain_text says why what is in the text does not count, and what the package makes of it.
SELECT moderation.create_package('standing', threshold => 1.5) > 0 AS created;
SELECT moderation.add_terms('standing', ARRAY['spin']), moderation.add_terms('standing', ARRAY['jackpot'], weight => 2),
       moderation.add_terms('standing', ARRAY['roulette'], valid_from => '2999-01-01 00:00+00'),
       moderation.allow_terms('standing', ARRAY['spin class'], valid_from => '2999-01-01 00:00+00');
SELECT term, is_hit, explanation FROM moderation.explain_text('a jackpot', 'standing');
SELECT moderation.publish_package('standing');
SELECT term, is_hit, explanation FROM moderation.explain_text('a jackpot', 'standing');
SELECT term, is_hit, explanation FROM moderation.explain_text('a spin class', 'standing');
SELECT term, is_hit, explanation FROM moderation.explain_text('roulette', 'roulette') WHERE package = 'standing';
SELECT moderation.snooze_items('standing', ARRAY(SELECT item_id FROM moderation.current_items WHERE package = 'standing' AND term = 'jackpot'),
                               until => '2999-01-01 00:00+00', reason => 'false hits in sport');
SELECT term, is_hit, explanation FROM moderation.explain_text('a jackpot', 'standing');
DROP TABLE t.story, t.times;
RESET datestyle;
-- Who did what.
SELECT a.call, count(*), count(a.before) AS before, count(a.after) AS after, count(a.reason) AS reason, count(DISTINCT a.by_role) AS roles
FROM moderation.audit_log a JOIN moderation.packages p USING (package_id) WHERE p.name IN ('s16', 't16') GROUP BY 1 ORDER BY 1;
TRUNCATE moderation.hits, moderation.exposures, moderation.sources, moderation.installation RESTART IDENTITY;
SELECT t.retire_all();
