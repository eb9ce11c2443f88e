-- Policies, packages, items, releases, deployments: what matching runs on.
--
-- No foreign keys between the tables of the extension: pg_restore --jobs and logical replication fill them in any order,
-- and the constraints, which CREATE EXTENSION makes before the data comes, would fail the one and do nothing for the
-- other. The functions of 50_packages.sql keep the references right: packages are never deleted, and whatever changes
-- one holds its row lock.

CREATE TABLE moderation.policies (
    policy_id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL UNIQUE CHECK (name <> '' AND length(name) <= 200),
    severity        smallint NOT NULL CHECK (severity >= 1 AND severity <= 5),
    default_action  moderation.action NOT NULL,
    description     text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    created_by      text NOT NULL
);
COMMENT ON TABLE moderation.policies IS 'The rules reviewers apply (prohibited goods, gambling, adult, ...).';
COMMENT ON COLUMN moderation.policies.severity IS '1 (mild) to 5 (worst).';
COMMENT ON COLUMN moderation.policies.default_action IS 'Action of packages created under this policy without one of their own.';

CREATE TABLE moderation.packages (
    package_id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL UNIQUE CHECK (name <> '' AND length(name) <= 200),
    policy_id       integer,
    action          moderation.action NOT NULL,
    threshold       real NOT NULL DEFAULT 0 CHECK (threshold >= 0::real AND threshold < 'Infinity'::real),
    description     text,
    latest_release  integer NOT NULL DEFAULT 0,
    valid_from      timestamptz,
    expires_at      timestamptz,
    needs_approval  boolean NOT NULL DEFAULT false,
    frequency_source regclass,
    rollout_salt    uuid NOT NULL DEFAULT gen_random_uuid(),
    created_at      timestamptz NOT NULL DEFAULT now(),
    created_by      text NOT NULL,
    max_distance    smallint NOT NULL DEFAULT 31 CHECK (max_distance >= 0 AND max_distance <= 64),
    rules           jsonb,
    restricted      boolean NOT NULL DEFAULT false,
    team            text CHECK (team <> ''),
    CONSTRAINT packages_schedule_check CHECK (expires_at > valid_from)
);
COMMENT ON TABLE moderation.packages IS 'Named sets of risk items; action, threshold and policy here are the draft, releases freeze them.';
COMMENT ON COLUMN moderation.packages.rules IS 'Verdict rules of the draft, see set_verdict_rules(); NULL: none.';
COMMENT ON COLUMN moderation.packages.restricted IS 'Only operators and admins may read its material, and only admins put it in force; see alter_package().';
COMMENT ON COLUMN moderation.packages.team IS 'Name of a role: only its members and admins see the package''s items, hits and history; NULL: everybody who may read the tables.';
COMMENT ON COLUMN moderation.packages.threshold IS 'The package acts when the sum of its items'' scores in one content reaches this; 0: any hit.';
COMMENT ON COLUMN moderation.packages.latest_release IS 'Highest release number so far; the draft is release latest_release + 1.';
COMMENT ON COLUMN moderation.packages.valid_from IS 'The package judges from this moment on; NULL: always. Copied into each deployment, which is what counts. Changed by alter_package(), at once.';
COMMENT ON COLUMN moderation.packages.expires_at IS 'From this moment on the package judges nothing; NULL: never ends.';
COMMENT ON COLUMN moderation.packages.needs_approval IS 'Going live takes request_publish() by one role and approve_publish() by another.';
COMMENT ON COLUMN moderation.packages.frequency_source IS 'Table with columns word and frequency that lint_package() holds the terms against.';
COMMENT ON COLUMN moderation.packages.max_distance IS 'Largest distance, in bits, of images and frames that match an item without a distance of its own.';
COMMENT ON COLUMN moderation.packages.rollout_salt IS 'Salt of the hash that decides which contents fall under a share.';

-- Beside packages, so that editing a draft neither rewrites the row that matching reads nor signals a change.
CREATE TABLE moderation.drafts (
    package_id      integer PRIMARY KEY,
    terms           integer NOT NULL DEFAULT 0,
    allow_entries   integer NOT NULL DEFAULT 0,
    set_state       bytea NOT NULL,
    draft_key       uuid NOT NULL DEFAULT gen_random_uuid(),
    changed_at      timestamptz NOT NULL DEFAULT now(),
    changed_by      text NOT NULL,
    images          integer NOT NULL DEFAULT 0,
    videos          integer NOT NULL DEFAULT 0
);
COMMENT ON TABLE moderation.drafts IS 'The state of each package''s draft: counts and the multiset hash of its items, updated with every edit.';
COMMENT ON COLUMN moderation.drafts.draft_key IS 'Names this state of the draft in this database; new with every edit.';
COMMENT ON COLUMN moderation.drafts.set_state IS 'LtHash16 state (1,024 lanes of 16 bits) over the draft''s items.';

CREATE TABLE moderation.items (
    item_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package_id      integer NOT NULL,
    kind            moderation.item_kind NOT NULL DEFAULT 'term',
    source          text,
    case_ref        text,
    note            text,
    evidence        text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    created_by      text NOT NULL
);
COMMENT ON TABLE moderation.items IS 'The identity and provenance of every item that ever was; its content is in item_versions.';
COMMENT ON COLUMN moderation.items.source IS 'Where the item came from: a list, a partner, an investigation.';
COMMENT ON COLUMN moderation.items.case_ref IS 'The case the item was derived from.';
COMMENT ON COLUMN moderation.items.evidence IS 'What it was first seen in: a content (table and key), a hit, a link.';

CREATE TABLE moderation.item_versions (
    item_id         bigint NOT NULL,
    package_id      integer NOT NULL,
    added_in        integer NOT NULL,
    removed_in      integer CHECK (removed_in > added_in),
    kind            moderation.item_kind NOT NULL DEFAULT 'term',
    allow           boolean NOT NULL DEFAULT false,
    term            text,
    match           moderation.match_mode,
    level           moderation.match_level,
    language        text,
    weight          real NOT NULL DEFAULT 1,
    valid_from      timestamptz,
    expires_at      timestamptz,
    item_hash       bytea NOT NULL,
    changed_at      timestamptz NOT NULL DEFAULT now(),
    changed_by      text NOT NULL,
    hash            moderation.pdqhash,
    max_distance    smallint CHECK (max_distance >= 0 AND max_distance <= 64),
    label           text,
    frames          moderation.video_frame[],
    min_material    real CHECK (min_material >= 0::real AND min_material <= 100::real),
    min_content     real CHECK (min_content >= 0::real AND min_content <= 100::real),
    PRIMARY KEY (item_id, added_in),
    CONSTRAINT item_versions_schedule_check CHECK (expires_at > valid_from),
    CONSTRAINT item_versions_kind_check CHECK (CASE kind
        WHEN 'term' THEN num_nulls(term, match, level) = 0 AND num_nonnulls(hash, frames, min_material, min_content) = 0
        WHEN 'image' THEN hash IS NOT NULL AND num_nonnulls(term, match, level, language, frames, min_material, min_content) = 0
        ELSE num_nulls(frames, min_material, min_content) = 0 AND num_nonnulls(term, match, level, language, hash) = 0 AND NOT allow
    END)
);
CREATE UNIQUE INDEX item_versions_current_key ON moderation.item_versions (package_id, item_hash) WHERE removed_in IS NULL;
CREATE INDEX item_versions_package_idx ON moderation.item_versions (package_id, added_in);
CREATE INDEX item_versions_removed_idx ON moderation.item_versions (package_id, removed_in) WHERE removed_in IS NOT NULL;
CREATE INDEX item_versions_hash_idx ON moderation.item_versions (package_id, hash) WHERE hash IS NOT NULL AND removed_in IS NULL;
-- What a gate has to look at: in most packages nothing, which is to be known without reading them.
-- What check_gates() looks at: allow entries, and what may stand for one letter inside words. Up to three letters may be one when
-- folded (Hangul).
CREATE INDEX item_versions_gated_idx ON moderation.item_versions (package_id, added_in)
    WHERE allow OR match = ANY ('{prefix,suffix,substring}') AND term !~ '([[:alnum:]].*){4}';
CREATE INDEX item_versions_scheduled_idx ON moderation.item_versions (package_id, added_in)
    WHERE valid_from IS NOT NULL OR expires_at IS NOT NULL;
COMMENT ON TABLE moderation.item_versions IS 'What items say, and from which release (added_in) up to but not including which (removed_in). A release is a range query, not a copy.';
COMMENT ON COLUMN moderation.item_versions.added_in IS 'First release that contains this version; latest_release + 1 while it is a draft.';
COMMENT ON COLUMN moderation.item_versions.removed_in IS 'First release that no longer contains it; NULL: still there.';
COMMENT ON COLUMN moderation.item_versions.allow IS 'An allow entry: suppresses hits of its package that lie inside its own span.';
COMMENT ON COLUMN moderation.item_versions.language IS 'ISO 639-1 code of an inflected term, or of a rule whose words stand for all their forms; NULL: by its script (rules: words as they are).';
COMMENT ON COLUMN moderation.item_versions.valid_from IS 'The item counts from this moment on, by the timestamp of the judging transaction; NULL: always.';
COMMENT ON COLUMN moderation.item_versions.expires_at IS 'From this moment on the item is as if it were not there; NULL: never expires.';
COMMENT ON COLUMN moderation.item_versions.item_hash IS 'SHA-256 of kind, allow, match, level, language and term; of images and videos, of kind, allow, hash or frames, distance and least coverage: what makes two items the same.';
COMMENT ON COLUMN moderation.item_versions.hash IS 'PDQ hash of an image.';
COMMENT ON COLUMN moderation.item_versions.max_distance IS 'Largest distance, in bits, of an image or frame that matches; NULL: the package''s.';
COMMENT ON COLUMN moderation.item_versions.label IS 'What people call an image or video.';
COMMENT ON COLUMN moderation.item_versions.frames IS 'The frames of a video.';
COMMENT ON COLUMN moderation.item_versions.min_material IS 'Least part of a video''s own frames that a content must contain, in percent.';
COMMENT ON COLUMN moderation.item_versions.min_content IS 'Least part of the content''s frames that must come from the video, in percent.';

CREATE TABLE moderation.releases (
    package_id      integer NOT NULL,
    release         integer NOT NULL CHECK (release > 0),
    release_key     uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    content_hash    bytea NOT NULL,
    action          moderation.action NOT NULL,
    threshold       real NOT NULL,
    policy          text,
    severity        smallint,
    folding_version integer NOT NULL,
    terms           integer NOT NULL,
    allow_entries   integer NOT NULL,
    scheduled       integer NOT NULL DEFAULT 0,
    note            text,
    published_at    timestamptz NOT NULL DEFAULT now(),
    published_by    text NOT NULL,
    images          integer NOT NULL DEFAULT 0,
    videos          integer NOT NULL DEFAULT 0,
    max_distance    smallint NOT NULL DEFAULT 31,
    rules           jsonb,
    PRIMARY KEY (package_id, release)
);
COMMENT ON TABLE moderation.releases IS 'Immutable numbered states of packages, settings included. Matching only ever uses these.';
COMMENT ON COLUMN moderation.releases.rules IS 'Verdict rules, frozen: an array of objects with action, and the conditions score, strikes (days, half_life, any_package) and with.';
COMMENT ON COLUMN moderation.releases.release_key IS 'Names this release in this database: item ids are local, the content hash is not.';
COMMENT ON COLUMN moderation.releases.content_hash IS 'Hash of the set of items and the frozen settings; the same content has the same hash on every server, whatever its history.';
COMMENT ON COLUMN moderation.releases.scheduled IS 'How many of its items have valid_from or expires_at.';

CREATE TABLE moderation.deployments (
    deployment_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package_id      integer NOT NULL,
    stage           moderation.stage NOT NULL,
    release         integer,
    share           numeric(5, 2) NOT NULL DEFAULT 100 CHECK (share > 0.0 AND share <= 100.0),
    rest            integer,
    valid_from      timestamptz,
    expires_at      timestamptz,
    operation       text NOT NULL DEFAULT 'publish',
    -- The clock, not the transaction's time: under the package's lock it grows with the ids, so that the past has one order.
    since           timestamptz NOT NULL DEFAULT clock_timestamp(),
    deployed_by     text NOT NULL,
    note            text
);
CREATE INDEX deployments_current_idx ON moderation.deployments (package_id, stage, deployment_id DESC);
COMMENT ON TABLE moderation.deployments IS 'What was put in force, when and by whom; append-only. The newest row of a package and stage counts.';
COMMENT ON COLUMN moderation.deployments.release IS 'NULL: nothing is in force in this stage any more.';
COMMENT ON COLUMN moderation.deployments.share IS 'Percent of the contents that this release judges, chosen by a hash of their key.';
COMMENT ON COLUMN moderation.deployments.rest IS 'The release that judges the other contents while share is below 100; NULL: none does.';
COMMENT ON COLUMN moderation.deployments.operation IS 'What made it: publish, promote, rollout, rollback, retire, restore, alter.';
COMMENT ON COLUMN moderation.deployments.valid_from IS 'The package''s valid_from at that time.';
COMMENT ON COLUMN moderation.deployments.expires_at IS 'The package''s expires_at at that time.';

CREATE TYPE moderation.item_effect AS ENUM ('off', 'shadow', 'normal');
COMMENT ON TYPE moderation.item_effect IS 'What an override does to an item in force: as if it were not there; recorded but not enforced; lifted.';

CREATE TABLE moderation.item_overrides (
    override_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package_id      integer NOT NULL,
    item_id         bigint NOT NULL,
    effect          moderation.item_effect NOT NULL,
    until           timestamptz,
    since           timestamptz NOT NULL DEFAULT clock_timestamp(),
    overridden_by   text NOT NULL,
    reason          text
);
CREATE INDEX item_overrides_current_idx ON moderation.item_overrides (item_id, override_id DESC);
COMMENT ON TABLE moderation.item_overrides IS 'Items taken out of enforcement without a publish (snooze_items()), and when that was lifted; append-only. The newest row of an item counts.';
COMMENT ON COLUMN moderation.item_overrides.until IS 'The override ends by itself at this moment; NULL: when it is lifted.';

-- An empty table that nobody reads: invalidating its relation tells every backend that the map of what is in force is
-- stale, without making anybody replan queries on the real tables.
CREATE TABLE moderation.in_force_signal ();
COMMENT ON TABLE moderation.in_force_signal IS 'Empty on purpose: its relation cache entry carries the signal that deployments changed.';

CREATE TABLE moderation.installation (
    singleton       boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    installation_id uuid NOT NULL DEFAULT gen_random_uuid(),
    salt            bytea NOT NULL DEFAULT uuid_send(gen_random_uuid())
);
COMMENT ON TABLE moderation.installation IS 'One row, made by the first attach: the identity of this installation and the salt of its exposure sample. Not seeded by the script, since a restore brings its own.';
