-- What is put in force, told to the world outside: NOTIFY for those who listen at the moment, the outbox for consumers that
-- must not miss an event.
--
-- Identity columns are handed out before the commit: a consumer that remembers the highest outbox_id it saw would skip
-- whatever commits later with a lower one. So an event gets its position from the first read_outbox() that sees it, under a
-- lock: positions follow the order of becoming visible. Transaction ids would do the same until the first restore into
-- another cluster, which counts its own, and would wait for every long transaction in the database.

CREATE TABLE moderation.outbox (
    outbox_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    position        bigint UNIQUE,
    at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    event           jsonb NOT NULL
);
CREATE INDEX outbox_unread_idx ON moderation.outbox (outbox_id) WHERE position IS NULL;
COMMENT ON TABLE moderation.outbox IS 'Every change of what is in force, for consumers that must not miss one: read_outbox(), ack_outbox().';
COMMENT ON COLUMN moderation.outbox.position IS 'Order in which events became visible; given by the first read_outbox() that saw it.';
COMMENT ON COLUMN moderation.outbox.event IS 'package, stage, release, share, action, operation, content_hash; never material.';

CREATE TABLE moderation.outbox_consumers (
    consumer        text PRIMARY KEY CHECK (consumer <> ''),
    acknowledged    bigint NOT NULL DEFAULT 0,
    read_at         timestamptz NOT NULL DEFAULT now(),
    created_by      text NOT NULL
);
COMMENT ON TABLE moderation.outbox_consumers IS 'How far each consumer of the outbox has come.';
COMMENT ON COLUMN moderation.outbox_consumers.acknowledged IS 'Highest position acknowledged by ack_outbox().';

CREATE SEQUENCE moderation.outbox_position_seq;
COMMENT ON SEQUENCE moderation.outbox_position_seq IS 'Positions of the outbox.';

CREATE FUNCTION moderation.announce(deployment moderation.deployments) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    event jsonb;
BEGIN
    SELECT jsonb_build_object('package', p.name, 'stage', deployment.stage, 'release', deployment.release, 'share', deployment.share,
                              'action', r.action, 'operation', deployment.operation, 'content_hash', encode(r.content_hash, 'hex'))
    INTO event
    FROM moderation.packages p
    LEFT JOIN moderation.releases r ON r.package_id = p.package_id AND r.release = deployment.release
    WHERE p.package_id = deployment.package_id;
    INSERT INTO moderation.outbox (event) VALUES (event);
    -- PostgreSQL refuses to prepare a transaction that has notified.
    IF current_setting('pg_moderation.notify', true) IS DISTINCT FROM 'off' THEN
        PERFORM pg_notify('moderation_publish', event::text);
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.announce(moderation.deployments) IS 'Internal: tells listeners and the outbox of a deployment.';

CREATE FUNCTION moderation.read_outbox(consumer text, n integer DEFAULT 100)
    RETURNS TABLE ("position" bigint, at timestamptz, event jsonb)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    from_position bigint;
BEGIN
    IF read_outbox.consumer IS NULL OR btrim(read_outbox.consumer) = '' OR n IS NULL OR n < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'read_outbox() needs a consumer and a number of events',
            DETAIL = 'Each consumer has a name of its own; n is at least 1.',
            HINT = 'For example read_outbox(''billing'', 100).';
    END IF;
    INSERT INTO moderation.outbox_consumers (consumer, created_by) VALUES (read_outbox.consumer, moderation.caller())
    ON CONFLICT ON CONSTRAINT outbox_consumers_pkey DO UPDATE SET read_at = now()
    RETURNING acknowledged INTO from_position;
    IF EXISTS (SELECT FROM moderation.outbox o WHERE o.position IS NULL) THEN
        -- One reader at a time gives positions; publishers are not held up.
        PERFORM pg_advisory_xact_lock('moderation.outbox'::regclass::oid::bigint);
        UPDATE moderation.outbox o SET position = s.next
        FROM (SELECT u.outbox_id, nextval('moderation.outbox_position_seq') AS next
              FROM (SELECT x.outbox_id FROM moderation.outbox x WHERE x.position IS NULL ORDER BY x.outbox_id) u) s
        WHERE o.outbox_id = s.outbox_id;
    END IF;
    RETURN QUERY SELECT o.position, o.at, o.event FROM moderation.outbox o
    WHERE o.position > from_position ORDER BY o.position LIMIT n;
END
$fn$;
COMMENT ON FUNCTION moderation.read_outbox(text, integer) IS 'The oldest events that a consumer has not acknowledged, in the order they became visible; a new consumer starts with the oldest kept. Read, process, ack_outbox(): each event arrives at least once.';

CREATE FUNCTION moderation.ack_outbox(consumer text, up_to bigint) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    reached bigint;
BEGIN
    IF up_to IS NULL OR up_to > coalesce((SELECT max(o.position) FROM moderation.outbox o), 0)
       AND up_to > coalesce((SELECT c.acknowledged FROM moderation.outbox_consumers c WHERE c.consumer = ack_outbox.consumer), 0) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('the outbox has no position %s', coalesce(up_to::text, 'NULL')),
            DETAIL = 'Acknowledging what nobody could have read would skip events.',
            HINT = 'Give the highest position that read_outbox() returned.';
    END IF;
    UPDATE moderation.outbox_consumers c SET acknowledged = greatest(c.acknowledged, up_to)
    WHERE c.consumer = ack_outbox.consumer RETURNING c.acknowledged INTO reached;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('no consumer "%s" of the outbox', coalesce(ack_outbox.consumer, 'NULL')),
            DETAIL = 'A consumer exists from its first read_outbox() on.',
            HINT = 'Consumers are listed in moderation.outbox_consumers.';
    END IF;
    RETURN reached;
END
$fn$;
COMMENT ON FUNCTION moderation.ack_outbox(text, bigint) IS 'A consumer has processed everything up to this position; returns how far it is. Going back is not possible.';

CREATE FUNCTION moderation.forget_consumer(consumer text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    DELETE FROM moderation.outbox_consumers c WHERE c.consumer = forget_consumer.consumer;
    PERFORM moderation.audit('forget_consumer', NULL, jsonb_build_object('consumer', consumer), NULL, NULL) WHERE FOUND;
    RETURN FOUND;
END
$fn$;
COMMENT ON FUNCTION moderation.forget_consumer(text) IS 'Ends a consumer, so that expire_outbox() waits for it no longer; returns whether there was one.';

CREATE FUNCTION moderation.expire_outbox(keep interval DEFAULT '30 days') RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    gone bigint;
BEGIN
    IF keep IS NULL OR keep < interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'keep must be an interval of 0 or more',
            DETAIL = 'Events older than keep go, once every consumer has acknowledged them.',
            HINT = 'For example expire_outbox(interval ''30 days'').';
    END IF;
    DELETE FROM moderation.outbox o
    WHERE o.at < now() - keep
      AND coalesce(o.position <= (SELECT min(c.acknowledged) FROM moderation.outbox_consumers c),
                   NOT EXISTS (SELECT FROM moderation.outbox_consumers));
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM moderation.audit('expire_outbox', NULL, jsonb_build_object('events', gone), jsonb_build_object('keep', keep), NULL)
    WHERE gone > 0;
    RETURN gone;
END
$fn$;
COMMENT ON FUNCTION moderation.expire_outbox(interval) IS 'Retention: removes events older than keep that every consumer has acknowledged; returns how many. A consumer that is gone holds them until forget_consumer().';
