-- What moderation leaves behind: sources, hits, exposures, reviews, quarantine.

CREATE TABLE moderation.sources (
    source_id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation        regclass NOT NULL UNIQUE,
    attached_at     timestamptz NOT NULL DEFAULT now(),
    attached_by     text NOT NULL,
    detached_at     timestamptz
);
COMMENT ON TABLE moderation.sources IS 'Tables that are or were attached. Records name a source by id, so renaming the table loses nothing.';

CREATE FUNCTION moderation.ring_bucket(at timestamptz) RETURNS smallint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN mod(
        div(floor(EXTRACT(epoch FROM (at AT TIME ZONE 'UTC'))), 2419200.0),
        16.0)::smallint;
COMMENT ON FUNCTION moderation.ring_bucket(timestamptz) IS 'Partition of the rings of hits and exposures that a moment falls into: 16 buckets of 28 days each.';

CREATE TABLE moderation.hits (
    bucket          smallint NOT NULL,
    hit_id          uuid NOT NULL DEFAULT gen_random_uuid(),
    observed_at     timestamptz NOT NULL,
    source_id       integer,
    content_key     text,
    owner_key       text,
    created_at      timestamptz,
    digest          bytea NOT NULL,
    set_hash        bytea NOT NULL,
    package_id      integer NOT NULL,
    release         integer NOT NULL,
    stage           moderation.stage NOT NULL,
    item_id         bigint NOT NULL,
    kind            moderation.item_kind NOT NULL,
    action          moderation.action NOT NULL,
    outcome         moderation.outcome NOT NULL,
    field           text,
    span_start      integer,
    span_length     integer,
    places          integer NOT NULL DEFAULT 1,
    matched         text,
    level           moderation.match_level,
    steps           text[],
    score           real NOT NULL,
    distance        smallint,
    material_percent real,
    content_percent real,
    time_ranges     nummultirange,
    PRIMARY KEY (bucket, hit_id)
) PARTITION BY LIST (bucket);
-- Keys are as long as users make them; an index entry has a limit, and must not be what refuses a user's row.
CREATE INDEX hits_content_idx ON moderation.hits (source_id, left(content_key, 200), digest);
CREATE INDEX hits_package_idx ON moderation.hits (package_id, observed_at);
CREATE INDEX hits_item_idx ON moderation.hits (item_id);
CREATE INDEX hits_observed_idx ON moderation.hits (observed_at);
COMMENT ON TABLE moderation.hits IS 'Hits in attached tables: one row per content, digest, release and item. A ring of 16 partitions; retention truncates one. No foreign keys: releases and items may go, evidence stays.';
COMMENT ON COLUMN moderation.hits.bucket IS 'Partition: ring_bucket(observed_at).';
COMMENT ON COLUMN moderation.hits.digest IS 'content_digest() of the watched columns at that moment.';
COMMENT ON COLUMN moderation.hits.set_hash IS 'Name of the compiled set that judged.';
COMMENT ON COLUMN moderation.hits.created_at IS 'The row''s own creation time, when attach() was told its column.';
COMMENT ON COLUMN moderation.hits.span_start IS 'Best place of the item (the first of equals) in the field, in characters from 1: substr(field, span_start, span_length) is the matched text.';
COMMENT ON COLUMN moderation.hits.places IS 'How often the item occurs in this content, over all fields; counted up to pg_moderation.max_places in each.';
COMMENT ON COLUMN moderation.hits.matched IS 'The text as it stood; of an image or a frame, its hash.';
COMMENT ON COLUMN moderation.hits.distance IS 'Bits in which the image, or the nearest frame, differs from the item.';
COMMENT ON COLUMN moderation.hits.material_percent IS 'Part of a risk video''s frames that the content contains.';
COMMENT ON COLUMN moderation.hits.content_percent IS 'Part of the content''s frames that the item covers.';
COMMENT ON COLUMN moderation.hits.time_ranges IS 'Where in the content''s video, in seconds.';

CREATE TABLE moderation.exposures (
    bucket          smallint NOT NULL,
    exposure_id     uuid NOT NULL DEFAULT gen_random_uuid(),
    observed_at     timestamptz NOT NULL,
    source_id       integer NOT NULL,
    content_key     text,
    owner_key       text,
    created_at      timestamptz,
    digest          bytea NOT NULL,
    set_hash        bytea NOT NULL,
    action          moderation.action,
    weight          real NOT NULL,
    PRIMARY KEY (bucket, exposure_id)
) PARTITION BY LIST (bucket);
CREATE INDEX exposures_content_idx ON moderation.exposures (source_id, left(content_key, 200), digest);
CREATE INDEX exposures_observed_idx ON moderation.exposures (observed_at);
COMMENT ON TABLE moderation.exposures IS 'A sample of all judged contents, hit or not: the denominator of every rate.';
COMMENT ON COLUMN moderation.exposures.action IS 'The verdict''s action; NULL: no live hit.';
COMMENT ON COLUMN moderation.exposures.weight IS 'How many contents this row stands for (pg_moderation.exposure_sample when it was taken).';

-- The partitions exist from the start and for ever: made at run time they would not belong to the extension and would
-- break its dump.
DO $ring$
BEGIN
    FOR i IN 0..15 LOOP
        EXECUTE format('CREATE TABLE moderation.hits_%s PARTITION OF moderation.hits FOR VALUES IN (%s)',
                                  lpad(i::text, 2, '0'), i);
        EXECUTE format('COMMENT ON TABLE moderation.hits_%s IS ''Ring partition %s of hits.''',
                                  lpad(i::text, 2, '0'), i);
        EXECUTE format('CREATE TABLE moderation.exposures_%s PARTITION OF moderation.exposures FOR VALUES IN (%s)',
                                  lpad(i::text, 2, '0'), i);
        EXECUTE format('COMMENT ON TABLE moderation.exposures_%s IS ''Ring partition %s of exposures.''',
                                  lpad(i::text, 2, '0'), i);
    END LOOP;
END
$ring$;

CREATE TABLE moderation.reviews (
    review_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id       integer NOT NULL,
    content_key     text NOT NULL,
    hit_id          uuid,
    label           moderation.review_label NOT NULL,
    policy_id       integer,
    note            text,
    reviewed_at     timestamptz NOT NULL DEFAULT now(),
    reviewed_by     text NOT NULL,
    reviewer        text NOT NULL,
    final           boolean NOT NULL DEFAULT false
);
CREATE INDEX reviews_content_idx ON moderation.reviews (source_id, left(content_key, 200), review_id DESC);
CREATE INDEX reviews_hit_idx ON moderation.reviews (hit_id) WHERE hit_id IS NOT NULL;
COMMENT ON TABLE moderation.reviews IS 'Human labels of contents (hit_id NULL) and of single hits; append-only. The newest of each reviewer counts; what they amount to is in moderation.labels.';
COMMENT ON COLUMN moderation.reviews.policy_id IS 'The policy that was applied; NULL: no policy in particular.';
COMMENT ON COLUMN moderation.reviews.reviewed_by IS 'The role that recorded it.';
COMMENT ON COLUMN moderation.reviews.reviewer IS 'The person who judged, as the application names them; the role itself when it names none.';
COMMENT ON COLUMN moderation.reviews.final IS 'The decision of an appeal (appeal_review): outweighs every other label.';

CREATE TABLE moderation.quarantine (
    quarantine_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id       integer NOT NULL,
    operation       text NOT NULL CHECK (operation = ANY (ARRAY['insert', 'update'])),
    content_key     text,
    owner_key       text,
    digest          bytea NOT NULL,
    set_hash        bytea NOT NULL,
    verdict         jsonb NOT NULL,
    content         jsonb NOT NULL,
    changed         text[],
    stored_key      text,
    quarantined_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    quarantined_by  text NOT NULL,
    resolution      text CHECK (resolution = ANY (ARRAY['released', 'discarded'])),
    resolved_at     timestamptz,
    resolved_by     text,
    note            text
);
CREATE INDEX quarantine_content_idx ON moderation.quarantine (source_id, left(content_key, 200));
COMMENT ON TABLE moderation.quarantine IS 'Rows kept out of their tables by a block verdict, whole, until somebody releases or discards them.';
COMMENT ON COLUMN moderation.quarantine.content IS 'Every stored column by name, as the text its type prints (ISO dates, exact numbers), so that every type round-trips.';
COMMENT ON COLUMN moderation.quarantine.changed IS 'For an update: the columns it changed; releasing writes only these.';
COMMENT ON COLUMN moderation.quarantine.stored_key IS 'For an update: the key that the row has in its table; content_key is the one it was to get.';

CREATE TABLE moderation.withdrawn_hits (
    hit_id          uuid PRIMARY KEY,
    withdrawn_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    withdrawn_by    text NOT NULL,
    reason          text NOT NULL,
    undone          boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE moderation.withdrawn_hits IS 'Hits whose cause is gone: a rescan did not find them again, or they were undone. The hit itself stays as evidence.';
COMMENT ON COLUMN moderation.withdrawn_hits.undone IS 'By undo_item() or undo_release(): counts in no figure and is no strike. What a rescan withdrew was right by the release of its time, and counts there.';
