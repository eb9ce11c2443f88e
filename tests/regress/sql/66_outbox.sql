-- What is put in force is told: notified, and kept in the outbox until every consumer has it.
SET pg_moderation.exposure_sample = 0;
DELETE FROM moderation.outbox;
CREATE VIEW t.events AS SELECT event - 'content_hash' AS event, event->>'content_hash' ~ '^[0-9a-f]{64}$' AS hash FROM moderation.outbox ORDER BY outbox_id;
SELECT moderation.create_package('told', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('told', ARRAY['casino']);
SELECT moderation.publish_package('told', stage => 'shadow');
SELECT moderation.promote_release('told');
SELECT moderation.publish_package('told');
SELECT moderation.retire_package('told');
SELECT * FROM t.events;
-- What is rolled back was not told.
BEGIN;
SELECT count(*) AS restored FROM moderation.restore_package('told');
SELECT count(*) FROM moderation.outbox;
ROLLBACK;
SELECT count(*) FROM moderation.outbox;
-- Two consumers, each at its own pace.
SELECT event->>'operation' AS operation, event->>'stage' AS stage FROM moderation.read_outbox('one', 2);
SELECT event->>'operation' AS operation, event->>'stage' AS stage FROM moderation.read_outbox('one', 2);
SELECT moderation.ack_outbox('one', max(position)) > 0 AS acknowledged FROM moderation.read_outbox('one', 3);
SELECT event->>'operation' AS operation, event->>'stage' AS stage FROM moderation.read_outbox('one');
SELECT count(*) FROM moderation.read_outbox('two');
-- An event that commits later with a lower id is not skipped: its position is new.
SELECT moderation.ack_outbox('one', max(position)) > 0 AS acknowledged FROM moderation.read_outbox('one');
SELECT count(*) FROM moderation.read_outbox('one');
INSERT INTO moderation.outbox (outbox_id, event) OVERRIDING SYSTEM VALUE SELECT min(outbox_id) - 1, '{"late": true}' FROM moderation.outbox;
SELECT event FROM moderation.read_outbox('one');
-- Retention waits for both.
SELECT moderation.expire_outbox(interval '0') AS gone;
SELECT count(*) FROM moderation.outbox;
SELECT moderation.ack_outbox('two', min(position)) > 0 AS acknowledged FROM moderation.read_outbox('two');
SELECT moderation.expire_outbox() AS too_young, moderation.expire_outbox(interval '0') AS gone;
SELECT moderation.forget_consumer('two'), moderation.forget_consumer('two');
SELECT moderation.expire_outbox(interval '0') AS gone;
SELECT event FROM moderation.outbox;
SELECT moderation.ack_outbox('one', max(position)) > 0 AS acknowledged FROM moderation.read_outbox('one');
SELECT moderation.ack_outbox('one', 1) > 1 AS does_not_go_back;
SELECT moderation.expire_outbox(interval '0') AS gone;
SELECT moderation.ack_outbox('one', 1) > 1 AS still_there;
CALL t.fails($$SELECT moderation.ack_outbox('one', 1000000000)$$);
CALL t.fails($$SELECT moderation.ack_outbox('nobody', 0)$$);
CALL t.fails($$SELECT * FROM moderation.read_outbox('one', 0)$$);
CALL t.fails($$SELECT * FROM moderation.read_outbox('')$$);
CALL t.fails($$SELECT moderation.expire_outbox(interval '-1 day')$$);
-- A listener hears it at commit, unless that is switched off.
LISTEN moderation_publish;
BEGIN;
SET LOCAL pg_moderation.notify = off;
SELECT count(*) AS silent FROM moderation.restore_package('told');
COMMIT;
UNLISTEN *;
SELECT event->>'operation' AS operation FROM moderation.outbox;
SELECT moderation.retire_package('told');
SELECT moderation.forget_consumer('one');
SELECT moderation.expire_outbox(interval '0') > 0 AS gone;
DROP VIEW t.events;
