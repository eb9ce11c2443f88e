-- The schema itself, the encoding check and the types. Runs first. The whole script runs with search_path = pg_catalog
-- (see the control file), so unqualified names and operators are PostgreSQL's own.

DO $check$
BEGIN
    IF getdatabaseencoding() <> 'UTF8' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('pg_moderation needs a UTF8 database, this one is %s', getdatabaseencoding()),
            DETAIL = 'Folding, boundaries and spans are defined on Unicode text.',
            HINT = 'Create the database with: CREATE DATABASE ... ENCODING ''UTF8'' TEMPLATE template0';
    END IF;
END
$check$;

-- Without IF NOT EXISTS: adopting a schema that somebody else owns would hand our functions to them.
CREATE SCHEMA moderation;
COMMENT ON SCHEMA moderation IS 'Content moderation: risk material packages, verdicts, hits and their effect.';

-- Matching needs to reach the functions; tables are granted one by one by the administrator.
GRANT USAGE ON SCHEMA moderation TO PUBLIC;

CREATE TYPE moderation.action AS ENUM ('log', 'review', 'block');
COMMENT ON TYPE moderation.action IS 'What a hit asks for, weakest first: log < review < block.';

CREATE TYPE moderation.stage AS ENUM ('shadow', 'live');
COMMENT ON TYPE moderation.stage IS 'shadow: recorded, never enforced; live: enforced.';

CREATE TYPE moderation.item_kind AS ENUM ('term', 'image', 'video');
COMMENT ON TYPE moderation.item_kind IS 'What an item is made of.';

CREATE TYPE moderation.match_mode AS ENUM (
    'word', 'prefix', 'suffix', 'substring', 'wildcard', 'inflected', 'typo', 'regex', 'rule',
    'domain', 'phone', 'email', 'handle');
COMMENT ON TYPE moderation.match_mode IS 'How a term is looked for: as whole words, at the start or end of a word, anywhere; with * and ? in it; in all its grammatical forms; with one typing error; as a regular expression; as a rule of words; as a domain, phone number, e-mail address or messenger handle.';

CREATE TYPE moderation.match_level AS ENUM ('literal', 'folded', 'evasion');
COMMENT ON TYPE moderation.match_level IS 'How strictly a term is compared: as written; without case and compatibility differences; against evasions.';

CREATE TYPE moderation.review_label AS ENUM ('violating', 'benign', 'unsure');
COMMENT ON TYPE moderation.review_label IS 'A human''s judgement of a content or a hit.';

CREATE TYPE moderation.on_block AS ENUM ('flag', 'quarantine', 'reject');
COMMENT ON TYPE moderation.on_block IS 'What happens to a row whose verdict is block: stored and flagged; kept out of the table; refused with an error.';

CREATE TYPE moderation.outcome AS ENUM ('flagged', 'quarantined', 'rejected');
COMMENT ON TYPE moderation.outcome IS 'What happened to the content that a recorded hit belongs to.';

CREATE TYPE moderation.verdict AS (action moderation.action, score real, hits jsonb);
COMMENT ON TYPE moderation.verdict IS 'The outcome for one content: strongest live action (NULL without a hit), score, live hits as a JSON array.';

CREATE TYPE moderation.text_hit AS (
    package text, release integer, stage moderation.stage, item_id bigint, kind moderation.item_kind, term text,
    action moderation.action, span_start integer, span_length integer, matched text,
    level moderation.match_level, score real, steps text[], suppressed_by bigint);
COMMENT ON TYPE moderation.text_hit IS 'One item found in one place of one text; substr(body, span_start, span_length) is the matched text. Stage NULL: judged by an explicit release or draft. steps: what had to be assumed beyond the level folded, or NULL. suppressed_by: the allow entry that covers the hit.';
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
    created_at      timestamptz NOT NULL DEFAULT now(),
    created_by      text NOT NULL
);
COMMENT ON TABLE moderation.packages IS 'Named sets of risk items; action, threshold and policy here are the draft, releases freeze them.';
COMMENT ON COLUMN moderation.packages.threshold IS 'The package acts when the sum of its items'' scores in one content reaches this; 0: any hit.';
COMMENT ON COLUMN moderation.packages.latest_release IS 'Highest release number so far; the draft is release latest_release + 1.';

-- Beside packages, so that editing a draft neither rewrites the row that matching reads nor signals a change.
CREATE TABLE moderation.drafts (
    package_id      integer PRIMARY KEY,
    terms           integer NOT NULL DEFAULT 0,
    allow_entries   integer NOT NULL DEFAULT 0,
    set_state       bytea NOT NULL,
    draft_key       uuid NOT NULL DEFAULT gen_random_uuid(),
    changed_at      timestamptz NOT NULL DEFAULT now(),
    changed_by      text NOT NULL
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
    created_at      timestamptz NOT NULL DEFAULT now(),
    created_by      text NOT NULL
);
COMMENT ON TABLE moderation.items IS 'The identity and provenance of every item that ever was; its content is in item_versions.';
COMMENT ON COLUMN moderation.items.source IS 'Where the item came from: a list, a partner, an investigation.';
COMMENT ON COLUMN moderation.items.case_ref IS 'The case the item was derived from.';

CREATE TABLE moderation.item_versions (
    item_id         bigint NOT NULL,
    package_id      integer NOT NULL,
    added_in        integer NOT NULL,
    removed_in      integer CHECK (removed_in > added_in),
    kind            moderation.item_kind NOT NULL DEFAULT 'term',
    allow           boolean NOT NULL DEFAULT false,
    term            text NOT NULL,
    match           moderation.match_mode NOT NULL,
    level           moderation.match_level NOT NULL,
    language        text,
    weight          real NOT NULL DEFAULT 1,
    item_hash       bytea NOT NULL,
    changed_at      timestamptz NOT NULL DEFAULT now(),
    changed_by      text NOT NULL,
    PRIMARY KEY (item_id, added_in)
);
CREATE UNIQUE INDEX item_versions_current_key ON moderation.item_versions (package_id, item_hash) WHERE removed_in IS NULL;
CREATE INDEX item_versions_package_idx ON moderation.item_versions (package_id, added_in);
COMMENT ON TABLE moderation.item_versions IS 'What items say, and from which release (added_in) up to but not including which (removed_in). A release is a range query, not a copy.';
COMMENT ON COLUMN moderation.item_versions.added_in IS 'First release that contains this version; latest_release + 1 while it is a draft.';
COMMENT ON COLUMN moderation.item_versions.removed_in IS 'First release that no longer contains it; NULL: still there.';
COMMENT ON COLUMN moderation.item_versions.allow IS 'An allow entry: suppresses hits of its package that lie inside its own span.';
COMMENT ON COLUMN moderation.item_versions.language IS 'ISO 639-1 code of an inflected term, or of a rule whose words stand for all their forms; NULL: by its script (rules: words as they are).';
COMMENT ON COLUMN moderation.item_versions.item_hash IS 'SHA-256 of kind, allow, match, level, language and term: what makes two items the same.';

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
    note            text,
    published_at    timestamptz NOT NULL DEFAULT now(),
    published_by    text NOT NULL,
    PRIMARY KEY (package_id, release)
);
COMMENT ON TABLE moderation.releases IS 'Immutable numbered states of packages, settings included. Matching only ever uses these.';
COMMENT ON COLUMN moderation.releases.release_key IS 'Names this release in this database: item ids are local, the content hash is not.';
COMMENT ON COLUMN moderation.releases.content_hash IS 'Hash of the set of items and the frozen settings; the same content has the same hash on every server, whatever its history.';

CREATE TABLE moderation.deployments (
    deployment_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package_id      integer NOT NULL,
    stage           moderation.stage NOT NULL,
    release         integer,
    since           timestamptz NOT NULL DEFAULT now(),
    deployed_by     text NOT NULL,
    note            text
);
CREATE INDEX deployments_current_idx ON moderation.deployments (package_id, stage, deployment_id DESC);
COMMENT ON TABLE moderation.deployments IS 'What was put in force, when and by whom; append-only. The newest row of a package and stage counts.';
COMMENT ON COLUMN moderation.deployments.release IS 'NULL: nothing is in force in this stage any more.';

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
    reviewed_by     text NOT NULL
);
CREATE INDEX reviews_content_idx ON moderation.reviews (source_id, left(content_key, 200), review_id DESC);
CREATE INDEX reviews_hit_idx ON moderation.reviews (hit_id) WHERE hit_id IS NOT NULL;
COMMENT ON TABLE moderation.reviews IS 'Human labels of contents (hit_id NULL) and of single hits; append-only, the newest counts.';

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
-- Functions of the shared library. Matching reads what is in force and nothing else; it is open to everybody who may
-- use the schema, and needs no right on the material.

CREATE FUNCTION moderation.matches(body text, package text) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'moderation_matches';
COMMENT ON FUNCTION moderation.matches(text, text) IS 'Does the live release of the package hit this text? Equals EXISTS over its live text_hits().';

CREATE FUNCTION moderation.moderate_text(body text, packages text[] DEFAULT NULL, content_key text DEFAULT NULL)
    RETURNS moderation.verdict
    LANGUAGE c STABLE PARALLEL SAFE COST 200
    AS 'MODULE_PATHNAME', 'moderation_moderate_text';
COMMENT ON FUNCTION moderation.moderate_text(text, text[], text) IS 'The verdict on a text by the live releases of all or the named packages. NULL for a NULL text.';

CREATE FUNCTION moderation.moderate_text(body text, package text, content_key text DEFAULT NULL)
    RETURNS moderation.verdict
    LANGUAGE sql STABLE PARALLEL SAFE COST 200
    RETURN moderation.moderate_text(body, CASE WHEN package IS NULL THEN NULL ELSE ARRAY[package] END, content_key);
COMMENT ON FUNCTION moderation.moderate_text(text, text, text) IS 'The verdict on a text by the live release of one package.';

CREATE FUNCTION moderation.text_hits(
    body text, packages text[] DEFAULT NULL, release integer DEFAULT NULL, draft boolean DEFAULT false,
    suppressed boolean DEFAULT false)
    RETURNS SETOF moderation.text_hit
    LANGUAGE c STABLE PARALLEL SAFE COST 200 ROWS 5
    AS 'MODULE_PATHNAME', 'moderation_text_hits';
COMMENT ON FUNCTION moderation.text_hits(text, text[], integer, boolean, boolean) IS 'Every place of every item in a text: by the live and shadow releases in force, by one release of one package, or by its draft (stage NULL). suppressed => true also lists what allow entries cover.';

CREATE FUNCTION moderation.text_hits(
    body text, package text, release integer DEFAULT NULL, draft boolean DEFAULT false,
    suppressed boolean DEFAULT false)
    RETURNS SETOF moderation.text_hit
    LANGUAGE sql STABLE PARALLEL SAFE COST 200 ROWS 5
    BEGIN ATOMIC
        SELECT h.package, h.release, h.stage, h.item_id, h.kind, h.term, h.action,
               h.span_start, h.span_length, h.matched, h.level, h.score, h.steps, h.suppressed_by
        FROM moderation.text_hits(body, CASE WHEN package IS NULL THEN NULL ELSE ARRAY[package] END, release, draft, suppressed) AS h;
    END;
COMMENT ON FUNCTION moderation.text_hits(text, text, integer, boolean, boolean) IS 'Every place of every item of one package in a text.';

CREATE FUNCTION moderation.mask_text(body text, packages text[] DEFAULT NULL, mask text DEFAULT '*') RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE COST 200
    AS 'MODULE_PATHNAME', 'moderation_mask_text';
COMMENT ON FUNCTION moderation.mask_text(text, text[], text) IS 'The text with every live hit of all or the named packages hidden, character by character; white space stays.';

CREATE FUNCTION moderation.fold_text(body text, level moderation.match_level DEFAULT 'folded') RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 200
    AS 'MODULE_PATHNAME', 'moderation_fold_text';
COMMENT ON FUNCTION moderation.fold_text(text, moderation.match_level) IS 'The text as terms of this level see it. Depends on folding_version().';

CREATE FUNCTION moderation.explain_text(
    body text, what text, match moderation.match_mode DEFAULT 'word', level moderation.match_level DEFAULT 'folded',
    language text DEFAULT NULL,
    OUT package text, OUT item_id bigint, OUT term text, OUT is_hit boolean, OUT explanation text)
    RETURNS SETOF record
    LANGUAGE c STABLE COST 10000 ROWS 5
    AS 'MODULE_PATHNAME', 'moderation_explain_text';
COMMENT ON FUNCTION moderation.explain_text(text, text, moderation.match_mode, moderation.match_level, text) IS 'Why a text is hit, or not, in words: by the package of this name (its live release, else its draft), by the items with this term, or by a term that is in no package, tried with match, level and language.';

CREATE FUNCTION moderation.content_digest(VARIADIC fields text[]) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'moderation_content_digest';
COMMENT ON FUNCTION moderation.content_digest(text[]) IS 'SHA-256 over the fields in order, each as 8 bytes of length (big endian; all ones for NULL) and its UTF-8 bytes: the digest that hits record.';

CREATE FUNCTION moderation.folding_version() RETURNS integer
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'moderation_folding_version';
COMMENT ON FUNCTION moderation.folding_version() IS 'Version of the folding rules of this library; part of every release and of every compiled set''s name.';

-- Internal: called by the functions and triggers below, never by users.

CREATE FUNCTION moderation.caller() RETURNS text
    LANGUAGE c STABLE
    AS 'MODULE_PATHNAME', 'moderation_caller';
COMMENT ON FUNCTION moderation.caller() IS 'Internal: the role on whose behalf we work, also inside our own security definer functions.';

CREATE FUNCTION moderation.check_terms(
    terms text[], allow boolean, match moderation.match_mode, level moderation.match_level, language text,
    OUT term text, OUT item_hash bytea)
    RETURNS SETOF record
    LANGUAGE c IMMUTABLE ROWS 100
    AS 'MODULE_PATHNAME', 'moderation_check_terms';
COMMENT ON FUNCTION moderation.check_terms(text[], boolean, moderation.match_mode, moderation.match_level, text) IS 'Internal: refuses what cannot be compiled, drops repeats, computes what makes two items the same.';

CREATE FUNCTION moderation.set_hash_apply(state bytea, added bytea[], removed bytea[]) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT
    AS 'MODULE_PATHNAME', 'moderation_set_hash_apply';
COMMENT ON FUNCTION moderation.set_hash_apply(bytea, bytea[], bytea[]) IS 'Internal: the multiset hash after adding and removing elements; an empty state is the empty set.';

CREATE FUNCTION moderation.compile_in_force() RETURNS void
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'moderation_compile_in_force';
COMMENT ON FUNCTION moderation.compile_in_force() IS 'Internal: compiles what this transaction has in force, so that a publish fails now rather than a query later.';

CREATE FUNCTION moderation.collect_rejected() RETURNS bigint
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'moderation_collect_rejected';
COMMENT ON FUNCTION moderation.collect_rejected() IS 'Moves the hits of rejected rows from the spool into hits; returns how many rows it read. Runs by itself after rejects and in every writing call; takes none in a transaction above READ COMMITTED.';

CREATE FUNCTION moderation.release_quarantined(quarantine_id bigint, note text DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'moderation_release_quarantined';
COMMENT ON FUNCTION moderation.release_quarantined(bigint, text) IS 'Stores a quarantined row (or applies a quarantined update) with the caller''s own rights, without quarantining it again; returns its content key.';

CREATE FUNCTION moderation.signal_in_force() RETURNS trigger
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'moderation_signal_in_force';
COMMENT ON FUNCTION moderation.signal_in_force() IS 'Trigger: tells every backend that the map of what is in force is stale.';

CREATE FUNCTION moderation.judge_row() RETURNS trigger
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'moderation_judge_row';
COMMENT ON FUNCTION moderation.judge_row() IS 'Trigger (before row): writes the verdict column, keeps quarantined rows out. Made by attach().';

CREATE FUNCTION moderation.record_row() RETURNS trigger
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'moderation_record_row';
COMMENT ON FUNCTION moderation.record_row() IS 'Trigger (after row): records hits and exposures of the row as stored, rejects blocked rows. Made by attach().';

CREATE FUNCTION moderation.watched_columns() RETURNS trigger
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'moderation_watched_columns';
COMMENT ON FUNCTION moderation.watched_columns() IS 'Trigger (after statement): does nothing; its column list names the watched columns, so that PostgreSQL itself follows renames. Made by attach().';

-- ALWAYS: replicated changes of the deployments must reach this server's backends too.
CREATE TRIGGER signal_in_force AFTER INSERT OR UPDATE OR DELETE ON moderation.deployments
    FOR EACH ROW EXECUTE FUNCTION moderation.signal_in_force();
CREATE TRIGGER signal_in_force_truncate AFTER TRUNCATE ON moderation.deployments
    FOR EACH STATEMENT EXECUTE FUNCTION moderation.signal_in_force();
CREATE TRIGGER signal_in_force AFTER INSERT OR DELETE ON moderation.packages
    FOR EACH ROW EXECUTE FUNCTION moderation.signal_in_force();
CREATE TRIGGER signal_in_force_rename AFTER UPDATE ON moderation.packages
    FOR EACH ROW WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION moderation.signal_in_force();
CREATE TRIGGER signal_in_force_truncate AFTER TRUNCATE ON moderation.packages
    FOR EACH STATEMENT EXECUTE FUNCTION moderation.signal_in_force();
CREATE TRIGGER signal_in_force AFTER INSERT OR UPDATE OR DELETE ON moderation.releases
    FOR EACH ROW EXECUTE FUNCTION moderation.signal_in_force();
CREATE TRIGGER signal_in_force AFTER INSERT OR UPDATE OR DELETE ON moderation.installation
    FOR EACH ROW EXECUTE FUNCTION moderation.signal_in_force();
ALTER TABLE moderation.deployments ENABLE ALWAYS TRIGGER signal_in_force;
ALTER TABLE moderation.deployments ENABLE ALWAYS TRIGGER signal_in_force_truncate;
ALTER TABLE moderation.packages ENABLE ALWAYS TRIGGER signal_in_force;
ALTER TABLE moderation.packages ENABLE ALWAYS TRIGGER signal_in_force_rename;
ALTER TABLE moderation.packages ENABLE ALWAYS TRIGGER signal_in_force_truncate;
ALTER TABLE moderation.releases ENABLE ALWAYS TRIGGER signal_in_force;
ALTER TABLE moderation.installation ENABLE ALWAYS TRIGGER signal_in_force;
-- What an operator does with policies, packages, items and releases. Written by the extension's owner on behalf of the
-- caller (security definer), so that a grant of EXECUTE is all an operator needs.

CREATE FUNCTION moderation.create_policy(
    name text, severity integer DEFAULT 1, default_action moderation.action DEFAULT 'review', description text DEFAULT NULL)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    new_id integer;
BEGIN
    PERFORM moderation.check_name('policy', create_policy.name);
    IF create_policy.severity IS NULL OR create_policy.severity NOT BETWEEN 1 AND 5 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('severity %s is out of range', coalesce(create_policy.severity::text, 'NULL')),
            DETAIL = 'A policy''s severity goes from 1 (mild) to 5 (worst).',
            HINT = 'Call create_policy(name, severity => 1..5).';
    END IF;
    INSERT INTO moderation.policies (name, severity, default_action, description, created_by)
    VALUES (create_policy.name, create_policy.severity, coalesce(create_policy.default_action, 'review'),
            create_policy.description, moderation.caller())
    ON CONFLICT ON CONSTRAINT policies_name_key DO NOTHING
    RETURNING policy_id INTO new_id;
    IF new_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('policy "%s" already exists', create_policy.name),
            DETAIL = 'Policy names are unique in a database.',
            HINT = 'Choose another name.';
    END IF;
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.create_policy(text, integer, moderation.action, text) IS 'Creates a policy; returns its id.';

CREATE FUNCTION moderation.check_name(what text, name text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF name IS NULL OR btrim(name) = '' OR length(name) > 200 OR name <> btrim(name) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_name',
            MESSAGE = format('invalid name for a %s', what),
            DETAIL = 'A name has 1 to 200 characters and neither starts nor ends with a space.',
            HINT = format('Give the %s a short name.', what);
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_name(text, text) IS 'Internal: refuses names nobody could type.';

CREATE FUNCTION moderation.create_package(
    name text, policy text DEFAULT NULL, action moderation.action DEFAULT NULL, threshold real DEFAULT 0,
    description text DEFAULT NULL)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_policy moderation.policies;
    new_id integer;
BEGIN
    PERFORM moderation.check_name('package', create_package.name);
    IF create_package.policy IS NOT NULL THEN
        SELECT * INTO found_policy FROM moderation.policies p WHERE p.name = create_package.policy;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'undefined_object',
                MESSAGE = format('policy "%s" does not exist', create_package.policy),
                DETAIL = 'A package belongs to an existing policy, or to none.',
                HINT = format('Create it first: SELECT moderation.create_policy(%L);', create_package.policy);
        END IF;
    END IF;
    IF create_package.threshold IS NULL OR create_package.threshold < 0 OR create_package.threshold >= 'Infinity'::real THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('threshold %s is out of range', coalesce(create_package.threshold::text, 'NULL')),
            DETAIL = 'A threshold is a finite number, 0 or more.',
            HINT = 'Leave it out (0) to act on any hit.';
    END IF;
    INSERT INTO moderation.packages (name, policy_id, action, threshold, description, created_by)
    VALUES (create_package.name, found_policy.policy_id,
            coalesce(create_package.action, found_policy.default_action, 'review'),
            create_package.threshold, create_package.description, moderation.caller())
    ON CONFLICT ON CONSTRAINT packages_name_key DO NOTHING
    RETURNING package_id INTO new_id;
    IF new_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('package "%s" already exists', create_package.name),
            DETAIL = 'Package names are unique in a database.',
            HINT = 'Choose another name, or add items to the existing package.';
    END IF;
    INSERT INTO moderation.drafts (package_id, set_state, changed_by)
    VALUES (new_id, moderation.set_hash_apply('', '{}', '{}'), moderation.caller());
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.create_package(text, text, moderation.action, real, text) IS 'Creates an empty package, under a policy or none; its action defaults to the policy''s, then to review. Returns its id.';

CREATE FUNCTION moderation.lock_package(package text) RETURNS moderation.packages
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_package moderation.packages;
BEGIN
    -- Everything that changes a package takes this row lock first: edits and publishes of one package queue up.
    SELECT * INTO found_package FROM moderation.packages p WHERE p.name = lock_package.package FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" does not exist', coalesce(lock_package.package, 'NULL')),
            DETAIL = 'No package has this name.',
            HINT = format('Create it first: SELECT moderation.create_package(%L);', coalesce(lock_package.package, 'name'));
    END IF;
    RETURN found_package;
END
$fn$;
COMMENT ON FUNCTION moderation.lock_package(text) IS 'Internal: the package by name, locked against concurrent edits and publishes.';

CREATE FUNCTION moderation.item_element(item_hash bytea, weight real) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN item_hash || float4send(weight);
COMMENT ON FUNCTION moderation.item_element(bytea, real) IS 'Internal: what an item contributes to its release''s content hash.';

CREATE FUNCTION moderation.add_to_draft(
    package text, terms text[], allow boolean, match moderation.match_mode, level moderation.match_level, language text,
    weight real, source text, case_ref text, note text, OUT added integer, OUT skipped integer)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages;
    texts text[];
    hashes bytea[];
    elements bytea[];
BEGIN
    IF terms IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'terms must not be NULL',
            DETAIL = 'Terms come as an array of text.',
            HINT = 'For example ARRAY[''online casino''].';
    END IF;
    IF match IS NULL OR level IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'match and level must not be NULL',
            DETAIL = 'Every item has a match mode and a match level.',
            HINT = 'Leave them out for ''word'' and ''folded''.';
    END IF;
    IF weight IS NULL OR weight <= 0 OR weight > 1000 OR weight = 'NaN'::real THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('weight %s is out of range', coalesce(weight::text, 'NULL')),
            DETAIL = 'A weight is above 0 and at most 1000; 1 is the default.',
            HINT = 'Leave it out unless the package has a threshold.';
    END IF;
    target := moderation.lock_package(package);
    SELECT array_agg(c.term), array_agg(c.item_hash) INTO texts, hashes
    FROM moderation.check_terms(terms, allow, match, level, lower(language)) c;
    WITH fresh AS MATERIALIZED (
        SELECT nextval('moderation.items_item_id_seq') AS item_id, c.term, c.item_hash
        FROM unnest(texts, hashes) AS c(term, item_hash)
        WHERE NOT EXISTS (SELECT FROM moderation.item_versions v
                          WHERE v.package_id = target.package_id AND v.item_hash = c.item_hash AND v.removed_in IS NULL)
    ), new_items AS (
        INSERT INTO moderation.items (item_id, package_id, source, case_ref, note, created_by)
        OVERRIDING SYSTEM VALUE
        SELECT f.item_id, target.package_id, source, case_ref, note, moderation.caller() FROM fresh f
    ), new_versions AS (
        INSERT INTO moderation.item_versions
            (item_id, package_id, added_in, allow, term, match, level, language, weight, item_hash, changed_by)
        SELECT f.item_id, target.package_id, target.latest_release + 1, add_to_draft.allow, f.term,
               add_to_draft.match, add_to_draft.level, lower(add_to_draft.language), add_to_draft.weight, f.item_hash, moderation.caller()
        FROM fresh f
        RETURNING item_hash
    )
    SELECT array_agg(moderation.item_element(n.item_hash, add_to_draft.weight)), count(*)
    INTO elements, added FROM new_versions n;
    skipped := cardinality(terms) - added;
    IF added > 0 THEN
        UPDATE moderation.drafts d
        SET set_state = moderation.set_hash_apply(d.set_state, elements, '{}'),
            terms = d.terms + CASE WHEN add_to_draft.allow THEN 0 ELSE added END,
            allow_entries = d.allow_entries + CASE WHEN add_to_draft.allow THEN added ELSE 0 END,
            draft_key = gen_random_uuid(), changed_at = now(), changed_by = moderation.caller()
        WHERE d.package_id = target.package_id;
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.add_to_draft(text, text[], boolean, moderation.match_mode, moderation.match_level, text, real, text, text, text) IS 'Internal: what add_terms() and allow_terms() share.';

CREATE FUNCTION moderation.add_terms(
    package text, terms text[], match moderation.match_mode DEFAULT 'word', level moderation.match_level DEFAULT 'folded',
    weight real DEFAULT 1, source text DEFAULT NULL, case_ref text DEFAULT NULL, note text DEFAULT NULL,
    language text DEFAULT NULL,
    OUT added integer, OUT skipped integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    SELECT a.added, a.skipped INTO added, skipped
    FROM moderation.add_to_draft(package, terms, false, match, level, language, weight, source, case_ref, note) a;
END
$fn$;
COMMENT ON FUNCTION moderation.add_terms(text, text[], moderation.match_mode, moderation.match_level, real, text, text, text, text) IS 'Adds terms to the package''s draft. Terms that are already there are skipped and counted. No verdict changes before publish_package().';

CREATE FUNCTION moderation.allow_terms(
    package text, terms text[], match moderation.match_mode DEFAULT 'word', level moderation.match_level DEFAULT 'folded',
    source text DEFAULT NULL, case_ref text DEFAULT NULL, note text DEFAULT NULL, language text DEFAULT NULL,
    OUT added integer, OUT skipped integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    SELECT a.added, a.skipped INTO added, skipped
    FROM moderation.add_to_draft(package, terms, true, match, level, language, 1, source, case_ref, note) a;
END
$fn$;
COMMENT ON FUNCTION moderation.allow_terms(text, text[], moderation.match_mode, moderation.match_level, text, text, text, text) IS 'Adds allow entries to the package''s draft: hits of this package that lie inside an allowed span do not count.';

CREATE FUNCTION moderation.remove_items(package text, items bigint[]) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages;
    unknown bigint[];
    removed integer;
    elements bytea[];
    removed_allow integer;
BEGIN
    target := moderation.lock_package(package);
    SELECT array_agg(DISTINCT i) INTO unknown FROM unnest(items) i
    WHERE NOT EXISTS (SELECT FROM moderation.item_versions v
                      WHERE v.item_id = i AND v.package_id = target.package_id AND v.removed_in IS NULL);
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" has no such item', package),
            DETAIL = format('Not in the draft: %s.', array_to_string(unknown[1:20], ', ')),
            HINT = 'Item ids are in moderation.current_items.';
    END IF;
    SELECT array_agg(moderation.item_element(v.item_hash, v.weight)), count(*), count(*) FILTER (WHERE v.allow)
    INTO elements, removed, removed_allow
    FROM moderation.item_versions v
    WHERE v.item_id = ANY (items) AND v.package_id = target.package_id AND v.removed_in IS NULL;
    IF removed = 0 THEN
        RETURN 0;
    END IF;
    -- What no release ever contained simply goes; the rest ends with the next release.
    UPDATE moderation.item_versions v SET removed_in = target.latest_release + 1
    WHERE v.item_id = ANY (items) AND v.removed_in IS NULL AND v.added_in <= target.latest_release;
    DELETE FROM moderation.item_versions v
    WHERE v.item_id = ANY (items) AND v.removed_in IS NULL AND v.added_in > target.latest_release;
    DELETE FROM moderation.items i
    WHERE i.item_id = ANY (items)
      AND NOT EXISTS (SELECT FROM moderation.item_versions v WHERE v.item_id = i.item_id);
    UPDATE moderation.drafts d
    SET set_state = moderation.set_hash_apply(d.set_state, '{}', elements),
        terms = d.terms - (removed - removed_allow), allow_entries = d.allow_entries - removed_allow,
        draft_key = gen_random_uuid(), changed_at = now(), changed_by = moderation.caller()
    WHERE d.package_id = target.package_id;
    RETURN removed;
END
$fn$;
COMMENT ON FUNCTION moderation.remove_items(text, bigint[]) IS 'Removes items or allow entries from the package''s draft by id; returns how many.';

CREATE FUNCTION moderation.remove_terms(package text, terms text[]) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages;
    missing integer;
BEGIN
    target := moderation.lock_package(package);
    SELECT count(DISTINCT t) INTO missing FROM unnest(terms) t
    WHERE NOT EXISTS (SELECT FROM moderation.item_versions v
                      WHERE v.package_id = target.package_id AND v.removed_in IS NULL AND v.term = t);
    IF missing > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" has no such term', package),
            DETAIL = format('%s of the given terms are not in the draft.', missing),
            HINT = 'Terms are removed as they were written; see moderation.current_items.';
    END IF;
    RETURN moderation.remove_items(package, ARRAY(
        SELECT v.item_id FROM moderation.item_versions v
        WHERE v.package_id = target.package_id AND v.removed_in IS NULL AND v.term = ANY (terms)));
END
$fn$;
COMMENT ON FUNCTION moderation.remove_terms(text, text[]) IS 'Removes every item and allow entry with one of these texts from the package''s draft; returns how many.';

CREATE FUNCTION moderation.deploy(package_id integer, stage moderation.stage, release integer, note text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    current_release integer;
BEGIN
    SELECT d.release INTO current_release FROM moderation.deployments d
    WHERE d.package_id = deploy.package_id AND d.stage = deploy.stage
    ORDER BY d.deployment_id DESC LIMIT 1;
    IF current_release IS DISTINCT FROM deploy.release THEN
        INSERT INTO moderation.deployments (package_id, stage, release, deployed_by, note)
        VALUES (deploy.package_id, deploy.stage, deploy.release, moderation.caller(), deploy.note);
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.deploy(integer, moderation.stage, integer, text) IS 'Internal: puts a release (or nothing) in force in one stage, if it is not already.';

CREATE FUNCTION moderation.publish_package(name text, stage moderation.stage DEFAULT 'live', note text DEFAULT NULL)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages;
    draft moderation.drafts;
    policy moderation.policies;
    latest moderation.releases;
    hash bytea;
    number integer;
BEGIN
    IF publish_package.stage IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'stage must not be NULL',
            DETAIL = 'A release is published in a stage.', HINT = 'Use ''live'' or ''shadow''.';
    END IF;
    target := moderation.lock_package(publish_package.name);
    SELECT * INTO draft FROM moderation.drafts d WHERE d.package_id = target.package_id;
    SELECT * INTO policy FROM moderation.policies p WHERE p.policy_id = target.policy_id;
    SELECT * INTO latest FROM moderation.releases r
    WHERE r.package_id = target.package_id AND r.release = target.latest_release;
    IF draft.terms = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('package "%s" has no item to publish', target.name),
            DETAIL = 'A release needs at least one term; allow entries alone match nothing.',
            HINT = format('Add terms first: SELECT moderation.add_terms(%L, ARRAY[...]); to stop enforcing, use retire_package().', target.name);
    END IF;
    -- The threshold by its bits: how a number prints depends on the session's extra_float_digits.
    hash := sha256(draft.set_state || convert_to(
        jsonb_build_array(target.action, encode(float4send(target.threshold), 'hex'), policy.name, policy.severity)::text,
        'UTF8'));
    IF latest.content_hash = hash AND latest.folding_version = moderation.folding_version() THEN
        -- Nothing to freeze: the newest release says the same already.
        number := latest.release;
    ELSE
        number := target.latest_release + 1;
        INSERT INTO moderation.releases
            (package_id, release, content_hash, action, threshold, policy, severity, folding_version,
             terms, allow_entries, note, published_by)
        VALUES (target.package_id, number, hash, target.action, target.threshold, policy.name, policy.severity,
                moderation.folding_version(), draft.terms, draft.allow_entries, publish_package.note, moderation.caller());
        UPDATE moderation.packages p SET latest_release = number WHERE p.package_id = target.package_id;
    END IF;
    IF publish_package.stage = 'shadow' AND number = (
        SELECT d.release FROM moderation.deployments d
        WHERE d.package_id = target.package_id AND d.stage = 'live' ORDER BY d.deployment_id DESC LIMIT 1) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('release %s of package "%s" is live already', number, target.name),
            DETAIL = 'The draft has not changed since, and a release is live or shadow, never both.',
            HINT = 'Change the draft first, or retire the package to take the release out of force.';
    END IF;
    PERFORM moderation.deploy(target.package_id, publish_package.stage, number, publish_package.note);
    IF publish_package.stage = 'live' THEN
        -- A release is live or shadow, never both: its shadow run ends here.
        PERFORM moderation.deploy(target.package_id, 'shadow', NULL, 'now live')
        FROM (SELECT d.release FROM moderation.deployments d
              WHERE d.package_id = target.package_id AND d.stage = 'shadow'
              ORDER BY d.deployment_id DESC LIMIT 1) s
        WHERE s.release = number;
    END IF;
    PERFORM moderation.compile_in_force();
    PERFORM moderation.collect_rejected();
    RETURN number;
END
$fn$;
COMMENT ON FUNCTION moderation.publish_package(text, moderation.stage, text) IS 'Freezes the draft as a release and puts it in force, in one transaction; returns the release number. An unchanged draft is put in force as the newest release.';

CREATE FUNCTION moderation.retire_package(name text, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages;
BEGIN
    target := moderation.lock_package(retire_package.name);
    PERFORM moderation.deploy(target.package_id, s, NULL, retire_package.note)
    FROM unnest(enum_range(NULL::moderation.stage)) s;
END
$fn$;
COMMENT ON FUNCTION moderation.retire_package(text, text) IS 'Takes the package out of force in both stages. Items, releases and records stay; publish_package() brings it back.';
-- Attaching tables: which columns are watched, and what a block verdict does. Runs with the caller's own rights, who
-- must be allowed to create triggers on the table; only the entry in sources is ours.

CREATE FUNCTION moderation.register_source(relation regclass, attached boolean) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_id integer;
BEGIN
    IF NOT has_table_privilege(moderation.caller(), relation, 'TRIGGER') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('permission denied for table %s', relation),
            DETAIL = 'Attaching and detaching need the TRIGGER privilege on the table.',
            HINT = 'Ask the owner of the table to attach it.';
    END IF;
    IF attached THEN
        INSERT INTO moderation.installation DEFAULT VALUES ON CONFLICT DO NOTHING;
        INSERT INTO moderation.sources AS s (relation, attached_by)
        VALUES (register_source.relation, moderation.caller())
        ON CONFLICT ON CONSTRAINT sources_relation_key DO UPDATE
            SET attached_at = now(), attached_by = moderation.caller(), detached_at = NULL
        RETURNING s.source_id INTO found_id;
    ELSE
        UPDATE moderation.sources s SET detached_at = now() WHERE s.relation = register_source.relation
        RETURNING s.source_id INTO found_id;
    END IF;
    RETURN found_id;
END
$fn$;
COMMENT ON FUNCTION moderation.register_source(regclass, boolean) IS 'Internal: notes that a table is attached or no longer is.';

CREATE FUNCTION moderation.watched_column(relation regclass, parameter text, column_name name) RETURNS pg_attribute
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    attribute pg_attribute;
BEGIN
    SELECT * INTO attribute FROM pg_attribute a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_column',
            MESSAGE = format('column "%s" of table %s does not exist', coalesce(column_name::text, 'NULL'), relation),
            DETAIL = format('It was given as %s => ... to attach().', parameter),
            HINT = (SELECT format('Columns are: %s.', string_agg(a.attname, ', ' ORDER BY a.attnum))
                    FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped);
    END IF;
    IF attribute.attgenerated <> '' THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('column "%s" of table %s is generated', column_name, relation),
            DETAIL = 'A generated column has no value yet when the row is judged.',
            HINT = 'Watch the columns it is generated from.';
    END IF;
    RETURN attribute;
END
$fn$;
COMMENT ON FUNCTION moderation.watched_column(regclass, text, name) IS 'Internal: a column that can be watched, or a clear error.';

CREATE FUNCTION moderation.attach(
    "table" regclass, id name, text name[], on_block moderation.on_block DEFAULT 'flag', owner name DEFAULT NULL,
    created_at name DEFAULT NULL, verdict_column name DEFAULT NULL)
    RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    relation pg_class;
    watched name;
    attribute pg_attribute;
    roles jsonb := '{}';
    ordered name[] := '{}';
    entry record;
    source integer;
BEGIN
    SELECT * INTO relation FROM pg_class c WHERE c.oid = "table";
    IF relation.oid IS NULL OR relation.relkind NOT IN ('r', 'p') THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format('%s is not a table', coalesce("table"::text, 'NULL')),
            DETAIL = 'Only tables and partitioned tables can be attached.',
            HINT = 'For a view or a foreign table, attach the tables behind it.';
    END IF;
    IF relation.relnamespace = 'moderation'::regnamespace THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format('%s belongs to pg_moderation', "table"),
            DETAIL = 'Recording hits would be moderated again, without end.',
            HINT = 'Attach the tables that hold your content.';
    END IF;
    IF on_block IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'on_block must not be NULL',
            DETAIL = 'A block verdict needs to be followed by something.',
            HINT = 'Use ''flag'', ''quarantine'' or ''reject''.';
    END IF;
    IF relation.relpersistence = 't' THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format('%s is a temporary table', "table"),
            DETAIL = 'Hits outlive the session, the rows they point to would not.',
            HINT = 'Use moderate_text() on temporary data.';
    END IF;
    IF EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = "table"
               AND t.tgfoid = 'moderation.record_row()'::regprocedure) THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('table %s is already attached', "table"),
            DETAIL = 'It, or the partitioned table it belongs to, carries the moderation triggers.',
            HINT = format('To change the settings: SELECT moderation.detach(%L); then attach it again.', "table"::text);
    END IF;
    IF text IS NULL OR cardinality(text) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'no column to watch',
            DETAIL = 'attach() watches at least one text column.',
            HINT = 'For example text => ''{title,body}''.';
    END IF;
    attribute := moderation.watched_column("table", 'id', id);
    FOREACH watched IN ARRAY text LOOP
        attribute := moderation.watched_column("table", 'text', watched);
        IF NOT EXISTS (SELECT FROM pg_type t
                       WHERE t.oid = attribute.atttypid AND t.typcategory = 'S' AND t.typlen = -1) THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('column "%s" of table %s is not text', watched, "table"),
                DETAIL = format('Its type is %s; text, varchar, char and domains over them can be watched.',
                                format_type(attribute.atttypid, attribute.atttypmod)),
                HINT = 'Watch a text column.';
        END IF;
    END LOOP;
    IF owner IS NOT NULL THEN
        attribute := moderation.watched_column("table", 'owner', owner);
    END IF;
    IF created_at IS NOT NULL THEN
        attribute := moderation.watched_column("table", 'created_at', created_at);
        IF attribute.atttypid NOT IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype) THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('column "%s" of table %s is not a time', created_at, "table"),
                DETAIL = format('Its type is %s.', format_type(attribute.atttypid, attribute.atttypmod)),
                HINT = 'created_at takes a timestamptz, timestamp or date column.';
        END IF;
    END IF;
    IF verdict_column IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = "table" AND a.attname = verdict_column
                       AND a.attnum > 0 AND NOT a.attisdropped) THEN
            EXECUTE format('ALTER TABLE %s ADD COLUMN %I jsonb', "table", verdict_column);
        END IF;
        attribute := moderation.watched_column("table", 'verdict_column', verdict_column);
        IF attribute.atttypid <> 'jsonb'::regtype THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('column "%s" of table %s is not jsonb', verdict_column, "table"),
                DETAIL = format('Its type is %s.', format_type(attribute.atttypid, attribute.atttypmod)),
                HINT = 'Name a jsonb column, or a new one for attach() to add.';
        END IF;
    END IF;

    FOR entry IN
        SELECT c.column_name, c.role FROM (
            SELECT id, 'id', 1 UNION ALL
            SELECT u.name, 'text', 1 + u.n FROM unnest(text) WITH ORDINALITY u(name, n) UNION ALL
            SELECT owner, 'owner', 1000000 UNION ALL
            SELECT created_at, 'created_at', 1000001 UNION ALL
            SELECT verdict_column, 'verdict', 1000002) c(column_name, role, n)
        WHERE c.column_name IS NOT NULL ORDER BY c.n
    LOOP
        IF roles->(entry.column_name::text) ? entry.role OR (entry.role = 'verdict' AND roles ? entry.column_name::text) THEN
            RAISE EXCEPTION USING ERRCODE = 'duplicate_column',
                MESSAGE = format('column "%s" is named twice', entry.column_name),
                DETAIL = 'A text column is watched once, and the verdict column is not watched.',
                HINT = 'Name each column once.';
        END IF;
        IF NOT roles ? entry.column_name::text THEN
            ordered := ordered || entry.column_name;
        END IF;
        roles := roles || jsonb_build_object(entry.column_name,
                              coalesce(roles->(entry.column_name::text), '[]') || to_jsonb(entry.role));
    END LOOP;

    source := moderation.register_source("table", true);
    -- The settings live in this trigger: its column list follows renames, refuses drops, and is dumped and restored
    -- with the table by PostgreSQL itself. The roles come in the same order as the columns.
    EXECUTE format('CREATE TRIGGER moderation_columns AFTER UPDATE OF %s ON %s FOR EACH STATEMENT '
                   'EXECUTE FUNCTION moderation.watched_columns(%L)',
        (SELECT string_agg(quote_ident(c), ', ' ORDER BY n) FROM unnest(ordered) WITH ORDINALITY u(c, n)), "table",
        jsonb_build_object('on_block', on_block,
            'roles', (SELECT jsonb_agg(roles->(c::text) ORDER BY n) FROM unnest(ordered) WITH ORDINALITY u(c, n))));
    -- Of a partitioned table it also tells rows that only move between partitions.
    IF on_block = 'quarantine' OR verdict_column IS NOT NULL OR (on_block = 'reject' AND relation.relkind = 'p') THEN
        -- Row triggers fire in the order of their names: ours shall see what the others made of the row.
        EXECUTE format('CREATE TRIGGER zzzz_moderation_judge BEFORE INSERT OR UPDATE ON %s FOR EACH ROW '
                       'EXECUTE FUNCTION moderation.judge_row()', "table");
    END IF;
    EXECUTE format('CREATE TRIGGER moderation_record AFTER INSERT OR UPDATE ON %s FOR EACH ROW '
                   'EXECUTE FUNCTION moderation.record_row()', "table");
    RETURN source;
END
$fn$;
COMMENT ON FUNCTION moderation.attach(regclass, name, name[], moderation.on_block, name, name, name) IS 'Moderates every row inserted into or changed in a table from now on: records hits, writes the verdict into verdict_column (made if missing), and flags, quarantines or rejects what is to be blocked. Returns the source id.';

CREATE FUNCTION moderation.detach("table" regclass) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    trigger_name name;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = "table" AND t.tgparentid = 0
                   AND t.tgfoid = 'moderation.record_row()'::regprocedure) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('table %s is not attached', coalesce("table"::text, 'NULL')),
            DETAIL = 'It carries no moderation triggers of its own.',
            HINT = 'Attached tables are listed in moderation.attachments.';
    END IF;
    PERFORM moderation.register_source("table", false);
    FOR trigger_name IN
        SELECT t.tgname FROM pg_trigger t
        WHERE t.tgrelid = "table" AND t.tgname IN ('moderation_columns', 'moderation_record', 'zzzz_moderation_judge')
        ORDER BY t.tgname
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', trigger_name, "table");
    END LOOP;
END
$fn$;
COMMENT ON FUNCTION moderation.detach(regclass) IS 'Stops moderating a table. Its verdict column, hits, reviews and quarantined rows stay.';

CREATE FUNCTION moderation.discard_quarantined(quarantine_id bigint, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    kept moderation.quarantine;
BEGIN
    kept := moderation.claim_quarantined(discard_quarantined.quarantine_id);
    PERFORM moderation.resolve_quarantined(kept.quarantine_id, 'discarded', discard_quarantined.note);
END
$fn$;
COMMENT ON FUNCTION moderation.discard_quarantined(bigint, text) IS 'Closes a quarantined row without storing it; the record stays.';

CREATE FUNCTION moderation.claim_quarantined(quarantine_id bigint) RETURNS moderation.quarantine
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    kept moderation.quarantine;
BEGIN
    SELECT * INTO kept FROM moderation.quarantine q WHERE q.quarantine_id = claim_quarantined.quarantine_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'no_data_found',
            MESSAGE = format('no quarantined row %s', coalesce(claim_quarantined.quarantine_id::text, 'NULL')),
            DETAIL = 'No row was quarantined under this number.',
            HINT = 'See moderation.quarantine.';
    END IF;
    IF kept.resolution IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('quarantined row %s was already %s', kept.quarantine_id, kept.resolution),
            DETAIL = format('By %s at %s.', kept.resolved_by, kept.resolved_at),
            HINT = 'A quarantined row is released or discarded once.';
    END IF;
    RETURN kept;
END
$fn$;
COMMENT ON FUNCTION moderation.claim_quarantined(bigint) IS 'Internal: an unresolved quarantined row, locked.';

CREATE FUNCTION moderation.resolve_quarantined(quarantine_id bigint, resolution text, note text) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        UPDATE moderation.quarantine q
        SET resolution = resolve_quarantined.resolution, resolved_at = now(), resolved_by = moderation.caller(),
            note = resolve_quarantined.note
        WHERE q.quarantine_id = resolve_quarantined.quarantine_id;
    END;
COMMENT ON FUNCTION moderation.resolve_quarantined(bigint, text, text) IS 'Internal: marks a quarantined row released or discarded.';
-- Recording, reviews and statistics.

-- enable_seqscan = off: planned while the ring is empty, the look-up would stay a scan of all hits until the next ANALYZE.
CREATE FUNCTION moderation.record_hits(hits jsonb) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $fn$
DECLARE
    content_source integer := (hits->0->>'source_id')::integer;
    key text := hits->0->>'content_key';
    content_digest bytea := decode(hits->0->>'digest', 'hex');
    known text[];
    written bigint;
BEGIN
    IF key IS NULL THEN
        known := ARRAY(SELECT concat_ws('/', h.package_id, h.release, h.stage, h.item_id) FROM moderation.hits h
                       WHERE h.source_id = content_source AND left(h.content_key, 200) IS NULL
                         AND h.digest = content_digest);
    ELSE
        known := ARRAY(SELECT concat_ws('/', h.package_id, h.release, h.stage, h.item_id) FROM moderation.hits h
                       WHERE h.source_id = content_source AND left(h.content_key, 200) = left(key, 200) AND h.content_key = key
                         AND h.digest = content_digest);
    END IF;
    INSERT INTO moderation.hits
        (bucket, hit_id, observed_at, source_id, content_key, owner_key, created_at, digest, set_hash, package_id, release,
         stage, item_id, kind, action, outcome, field, span_start, span_length, places, matched, level, steps, score)
    SELECT moderation.ring_bucket(n.observed_at), n.hit_id, n.observed_at, n.source_id, n.content_key, n.owner_key,
           n.created_at, decode(n.digest, 'hex'), decode(n.set_hash, 'hex'), n.package_id, n.release, n.stage, n.item_id,
           n.kind, n.action, n.outcome, n.field, n.span_start, n.span_length, n.places, n.matched, n.level, n.steps, n.score
    FROM jsonb_to_recordset(record_hits.hits) AS n (
        hit_id uuid, observed_at timestamptz, source_id integer, content_key text, owner_key text, created_at timestamptz,
        digest text, set_hash text, package_id integer, release integer, stage moderation.stage, item_id bigint,
        kind moderation.item_kind, action moderation.action, outcome moderation.outcome, field text, span_start integer,
        span_length integer, places integer, matched text, level moderation.match_level, steps text[], score real)
    WHERE concat_ws('/', n.package_id, n.release, n.stage, n.item_id) <> ALL (known)
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END
$fn$;
COMMENT ON FUNCTION moderation.record_hits(jsonb) IS 'Internal: writes the hits of one content, once per digest, release and item, however often the same ones arrive.';

CREATE FUNCTION moderation.collect_spooled(spooled text) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    records jsonb := spooled::jsonb;
BEGIN
    PERFORM moderation.record_hits(records->'hits');
    IF jsonb_typeof(records->'exposure') = 'object' THEN
        PERFORM moderation.record_exposure(records->'exposure');
    END IF;
    RETURN NULL;
EXCEPTION
    -- What no later try will make better: a value that the table or its indexes cannot hold.
    WHEN data_exception OR integrity_constraint_violation OR program_limit_exceeded THEN
        RETURN SQLERRM;
END
$fn$;
COMMENT ON FUNCTION moderation.collect_spooled(text) IS 'Internal: writes the hits and the exposure of a rejected row; returns why the database refuses them, NULL when they are in.';

CREATE FUNCTION moderation.record_exposure(exposure jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $fn$
DECLARE
    e record;
BEGIN
    SELECT n.*, decode(n.digest, 'hex') AS digest_bytes, decode(n.set_hash, 'hex') AS set_bytes INTO e
    FROM jsonb_to_record(exposure) AS n (
        observed_at timestamptz, source_id integer, content_key text, owner_key text, created_at timestamptz,
        digest text, set_hash text, action moderation.action, weight real);
    IF e.content_key IS NULL OR NOT EXISTS (
        SELECT FROM moderation.exposures x
        WHERE x.source_id = e.source_id AND left(x.content_key, 200) = left(e.content_key, 200)
          AND x.content_key = e.content_key AND x.digest = e.digest_bytes
          AND x.set_hash = e.set_bytes) THEN
        INSERT INTO moderation.exposures
            (bucket, observed_at, source_id, content_key, owner_key, created_at, digest, set_hash, action, weight)
        VALUES (moderation.ring_bucket(e.observed_at), e.observed_at, e.source_id, e.content_key, e.owner_key, e.created_at,
                e.digest_bytes, e.set_bytes, e.action, e.weight);
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.record_exposure(jsonb) IS 'Internal: writes the sampled fact that a content was judged, once per content, digest and compiled set.';

CREATE FUNCTION moderation.expire_records(keep interval, OUT hits bigint, OUT exposures bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    cutoff timestamptz := now() - keep;
    ring text;
    bucket text;
    newest timestamptz;
    gone bigint;
BEGIN
    IF keep IS NULL OR keep < interval '28 days' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'keep must be at least 28 days',
            DETAIL = 'Records are kept in buckets of 28 days and leave bucket by bucket.',
            HINT = 'For example expire_records(keep => interval ''90 days'').';
    END IF;
    hits := 0;
    exposures := 0;
    FOR ring, bucket IN
        SELECT r, lpad(i::text, 2, '0') FROM unnest(ARRAY['hits', 'exposures']) r, generate_series(0, 15) i
    LOOP
        EXECUTE format('SELECT max(observed_at), count(*) FROM moderation.%I', ring || '_' || bucket) INTO newest, gone;
        IF newest < cutoff THEN
            EXECUTE format('TRUNCATE moderation.%I', ring || '_' || bucket);
        ELSE
            -- Only when nobody expired anything for a whole turn of the ring do old and new share a bucket.
            EXECUTE format('DELETE FROM moderation.%I WHERE observed_at < $1', ring || '_' || bucket)
            USING least(cutoff, newest - interval '28 days');
            GET DIAGNOSTICS gone = ROW_COUNT;
        END IF;
        IF ring = 'hits' THEN hits := hits + gone; ELSE exposures := exposures + gone; END IF;
    END LOOP;
END
$fn$;
COMMENT ON FUNCTION moderation.expire_records(interval) IS 'Retention: empties every bucket of hits and exposures whose newest row is older than keep; returns how many rows went.';

CREATE FUNCTION moderation.record_review(
    source regclass, content_key text, label moderation.review_label, policy text DEFAULT NULL, note text DEFAULT NULL,
    hit uuid DEFAULT NULL)
    RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_source integer;
    found_policy integer;
    new_id bigint;
BEGIN
    SELECT s.source_id INTO found_source FROM moderation.sources s WHERE s.relation = record_review.source;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('table %s was never attached', coalesce(record_review.source::text, 'NULL')),
            DETAIL = 'Reviews judge contents of attached tables.',
            HINT = 'Attached tables are listed in moderation.attachments.';
    END IF;
    IF record_review.content_key IS NULL OR record_review.label IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'a review needs a content key and a label',
            DETAIL = 'One of them is NULL.',
            HINT = 'For example record_review(''ads'', ''42'', label => ''benign'').';
    END IF;
    IF record_review.policy IS NOT NULL THEN
        SELECT p.policy_id INTO found_policy FROM moderation.policies p WHERE p.name = record_review.policy;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'undefined_object',
                MESSAGE = format('policy "%s" does not exist', record_review.policy),
                DETAIL = 'A review may name the policy it applies.',
                HINT = 'Policies are listed in moderation.policies.';
        END IF;
    END IF;
    PERFORM moderation.collect_rejected();
    IF record_review.hit IS NOT NULL AND NOT EXISTS (
        SELECT FROM moderation.hits h WHERE h.hit_id = record_review.hit AND h.source_id = found_source
          AND h.content_key = record_review.content_key) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('content %s has no hit %s', record_review.content_key, record_review.hit),
            DETAIL = 'A review of a hit names the content that the hit belongs to.',
            HINT = 'Hits are listed in moderation.recent_hits.';
    END IF;
    INSERT INTO moderation.reviews (source_id, content_key, hit_id, label, policy_id, note, reviewed_by)
    VALUES (found_source, record_review.content_key, record_review.hit, record_review.label, found_policy,
            record_review.note, moderation.caller())
    RETURNING review_id INTO new_id;
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.record_review(regclass, text, moderation.review_label, text, text, uuid) IS 'Records a human''s label of a content, or of one of its hits; returns the review id.';

CREATE FUNCTION moderation.record_review(
    source regclass, content_key bigint, label moderation.review_label, policy text DEFAULT NULL, note text DEFAULT NULL,
    hit uuid DEFAULT NULL)
    RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, pg_temp
    RETURN moderation.record_review(source, content_key::text, label, policy, note, hit);
COMMENT ON FUNCTION moderation.record_review(regclass, bigint, moderation.review_label, text, text, uuid) IS 'The same for tables with integer keys.';

CREATE FUNCTION moderation.wilson_interval(
    successes bigint, trials bigint, z double precision DEFAULT 1.959963984540054,
    OUT low double precision, OUT high double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
        SELECT CASE WHEN trials > 0 THEN greatest(0.0, c.centre - c.half) END,
               CASE WHEN trials > 0 THEN least(1.0, c.centre + c.half) END
        FROM (SELECT (p.p + z * z / (2.0::double precision * p.n)) / (1.0::double precision + z * z / p.n),
                     z * sqrt(p.p * (1.0::double precision - p.p) / p.n + z * z / (4.0::double precision * p.n * p.n))
                     / (1.0::double precision + z * z / p.n)
              FROM (SELECT successes::double precision / nullif(trials, 0), nullif(trials, 0)::double precision) AS p (p, n)
             ) AS c (centre, half);
    END;
COMMENT ON FUNCTION moderation.wilson_interval(bigint, bigint, double precision) IS 'Wilson score interval of a proportion (E. B. Wilson, JASA 22, 1927); 95 % by default; NULL without trials.';

CREATE TYPE moderation.package_figures AS (
    package text, stage moderation.stage, release integer, hits bigint, contents bigint, owners bigint, reviewed bigint,
    true_positives bigint, false_positives bigint, unsure bigint, precision double precision, precision_low double precision,
    precision_high double precision, last_hit timestamptz);
COMMENT ON TYPE moderation.package_figures IS 'A row of package_stats(). reviewed = true_positives + false_positives + unsure counts contents; precision = TP / (TP + FP) with its Wilson 95 % interval, NULL without labels.';

CREATE FUNCTION moderation.package_stats(
    package text DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL)
    RETURNS SETOF moderation.package_figures
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF package_stats.package IS NOT NULL
       AND NOT EXISTS (SELECT FROM moderation.packages p WHERE p.name = package_stats.package) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" does not exist', package_stats.package),
            DETAIL = 'No package has this name.',
            HINT = 'Packages are listed in moderation.packages; leave the name out for all of them.';
    END IF;
    RETURN QUERY
    WITH wanted AS (
        SELECT p.package_id, p.name FROM moderation.packages p
        WHERE package_stats.package IS NULL OR p.name = package_stats.package
    ), seen AS (
        SELECT h.package_id, h.stage, h.source_id, h.content_key, h.digest, h.hit_id, h.owner_key, h.observed_at
        FROM moderation.hits h
        WHERE h.package_id IN (SELECT w.package_id FROM wanted w)
          AND (package_stats.since IS NULL OR h.observed_at >= package_stats.since)
          AND (package_stats.until IS NULL OR h.observed_at < package_stats.until)
    ), content_label AS (
        SELECT DISTINCT ON (r.source_id, r.content_key) r.source_id, r.content_key, r.label
        FROM moderation.reviews r WHERE r.hit_id IS NULL
        ORDER BY r.source_id, r.content_key, r.review_id DESC
    ), hit_label AS (
        SELECT DISTINCT ON (r.hit_id) r.hit_id, r.label
        FROM moderation.reviews r WHERE r.hit_id IS NOT NULL
        ORDER BY r.hit_id, r.review_id DESC
    ), per_content AS (
        -- A label of one of this package's own hits says more about the package than the label of the whole content.
        SELECT s.package_id, s.stage, s.source_id, coalesce(s.content_key, encode(s.digest, 'hex')) AS content,
               count(*) AS hits, max(s.observed_at) AS last_hit, min(s.owner_key) AS owner_key,
               coalesce(min(hl.label), min(cl.label)) AS label
        FROM seen s
        LEFT JOIN hit_label hl ON hl.hit_id = s.hit_id
        LEFT JOIN content_label cl ON cl.source_id = s.source_id AND cl.content_key = s.content_key
        GROUP BY s.package_id, s.stage, s.source_id, coalesce(s.content_key, encode(s.digest, 'hex'))
    ), summed AS (
        SELECT c.package_id, c.stage, sum(c.hits)::bigint AS hits, count(*) AS contents,
               count(DISTINCT c.owner_key) AS owners, count(c.label) AS reviewed,
               count(*) FILTER (WHERE c.label = 'violating') AS tp, count(*) FILTER (WHERE c.label = 'benign') AS fp,
               count(*) FILTER (WHERE c.label = 'unsure') AS unsure, max(c.last_hit) AS last_hit
        FROM per_content c GROUP BY c.package_id, c.stage
    )
    SELECT w.name, st.stage, f.release, coalesce(s.hits, 0), coalesce(s.contents, 0), coalesce(s.owners, 0),
           coalesce(s.reviewed, 0), coalesce(s.tp, 0), coalesce(s.fp, 0), coalesce(s.unsure, 0),
           s.tp / nullif(s.tp + s.fp, 0)::double precision, i.low, i.high, s.last_hit
    FROM wanted w
    CROSS JOIN unnest(enum_range(NULL::moderation.stage)) AS st(stage)
    LEFT JOIN LATERAL (SELECT d.release FROM moderation.deployments d
                       WHERE d.package_id = w.package_id AND d.stage = st.stage
                       ORDER BY d.deployment_id DESC LIMIT 1) f ON true
    LEFT JOIN summed s ON s.package_id = w.package_id AND s.stage = st.stage
    LEFT JOIN LATERAL moderation.wilson_interval(s.tp, s.tp + s.fp) i ON true
    WHERE f.release IS NOT NULL OR s.hits > 0 OR st.stage = 'live'
    ORDER BY w.name, st.stage DESC;
END
$fn$;
COMMENT ON FUNCTION moderation.package_stats(text, timestamptz, timestamptz) IS 'What each package found in attached tables and what reviewers said of it, live and shadow apart; since is inclusive, until exclusive, both by the time of the hit.';
-- What dashboards read: a stable contract, column by column.

CREATE VIEW moderation.in_force AS
    SELECT p.name AS package, d.stage, d.release, r.action, r.threshold, r.policy, r.severity, r.terms, r.allow_entries,
           d.since, d.deployed_by, d.note, r.content_hash
    FROM moderation.packages p
    CROSS JOIN unnest(enum_range(NULL::moderation.stage)) AS s(stage)
    CROSS JOIN LATERAL (
        SELECT d.* FROM moderation.deployments d
        WHERE d.package_id = p.package_id AND d.stage = s.stage
        ORDER BY d.deployment_id DESC LIMIT 1) d
    JOIN moderation.releases r
      ON r.package_id = d.package_id AND r.release = d.release;
COMMENT ON VIEW moderation.in_force IS 'What judges now: one row per package and stage with a release in force.';

CREATE VIEW moderation.current_items AS
    SELECT p.name AS package, v.item_id, v.kind, v.allow, v.term, v.match, v.level, v.language, v.weight, v.added_in,
           v.added_in > p.latest_release AS is_draft, i.source, i.case_ref, i.note, i.created_at, i.created_by
    FROM moderation.item_versions v
    JOIN moderation.packages p ON p.package_id = v.package_id
    JOIN moderation.items i ON i.item_id = v.item_id
    WHERE v.removed_in IS NULL;
COMMENT ON VIEW moderation.current_items IS 'Every package''s draft: the items the next release would contain; is_draft marks those no release has yet.';

CREATE VIEW moderation.recent_hits AS
    SELECT h.observed_at, s.relation AS source, h.content_key, h.owner_key, p.name AS package, h.release, h.stage, h.action,
           h.outcome, h.item_id, v.term, h.field, h.span_start, h.span_length, h.places, h.matched, h.level, h.steps, h.score,
           h.hit_id, h.kind
    FROM moderation.hits h
    JOIN moderation.packages p ON p.package_id = h.package_id
    LEFT JOIN moderation.sources s ON s.source_id = h.source_id
    LEFT JOIN moderation.item_versions v
      ON v.item_id = h.item_id AND v.added_in <= h.release
     AND (v.removed_in IS NULL OR v.removed_in > h.release)
    WHERE h.observed_at >= (now() - interval '30 days');
COMMENT ON VIEW moderation.recent_hits IS 'Hits of the last 30 days with the names of package, term and source; matched is the text as it stood.';

CREATE VIEW moderation.package_daily AS
    SELECT (h.observed_at AT TIME ZONE 'UTC')::date AS day, p.name AS package, h.stage, count(*) AS hits,
           count(DISTINCT (h.source_id, h.content_key, h.digest)) AS contents,
           count(DISTINCT h.owner_key) AS owners,
           count(DISTINCT (h.source_id, h.content_key, h.digest))
               FILTER (WHERE h.outcome <> 'flagged') AS kept_out
    FROM moderation.hits h
    JOIN moderation.packages p ON p.package_id = h.package_id
    GROUP BY 1, 2, 3;
COMMENT ON VIEW moderation.package_daily IS 'Per day (UTC), package and stage: hits, contents, owners, and contents kept out (quarantined or rejected).';

CREATE VIEW moderation.items_never_hit AS
    SELECT f.package, f.stage, v.item_id, v.kind, v.term, v.match, v.level, v.added_in, i.created_at, i.source
    FROM moderation.in_force f
    JOIN moderation.packages p ON p.name = f.package
    JOIN moderation.item_versions v
      ON v.package_id = p.package_id AND v.added_in <= f.release
     AND (v.removed_in IS NULL OR v.removed_in > f.release)
    JOIN moderation.items i ON i.item_id = v.item_id
    WHERE NOT v.allow
      AND NOT EXISTS (SELECT FROM moderation.hits h WHERE h.item_id = v.item_id);
COMMENT ON VIEW moderation.items_never_hit IS 'Items in force that no attached table ever hit: candidates for cleaning up, or for a second look at their spelling.';

CREATE VIEW moderation.attachments AS
    SELECT s.source_id, s.relation AS source,
           (SELECT array_agg(a.attname ORDER BY u.n)
            FROM unnest(t.tgattr::smallint[]) WITH ORDINALITY u(attnum, n)
            JOIN pg_attribute a
              ON a.attrelid = t.tgrelid AND a.attnum = u.attnum) AS columns,
           convert_from(substr(t.tgargs, 1, length(t.tgargs) - 1), 'UTF8')::jsonb
               AS settings,
           t.tgenabled <> 'D' AS enabled, s.attached_at, s.attached_by, s.detached_at
    FROM moderation.sources s
    LEFT JOIN pg_trigger t
      ON t.tgrelid = s.relation
     AND t.tgfoid = 'moderation.watched_columns()'::regprocedure;
COMMENT ON VIEW moderation.attachments IS 'Tables that are or were attached, the columns watched, their roles in the same order, and what a block does. Settings NULL: no longer attached.';
-- Rights and dump. Matching is open; everything else is granted by the administrator, one function at a time.

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA moderation FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    moderation.matches(text, text),
    moderation.moderate_text(text, text[], text),
    moderation.moderate_text(text, text, text),
    moderation.text_hits(text, text[], integer, boolean, boolean),
    moderation.text_hits(text, text, integer, boolean, boolean),
    moderation.mask_text(text, text[], text),
    moderation.fold_text(text, moderation.match_level),
    moderation.content_digest(text[]),
    moderation.folding_version(),
    -- Trigger functions run on behalf of whoever changes an attached table.
    moderation.judge_row(), moderation.record_row(), moderation.watched_columns()
    TO PUBLIC;

DO $dump$
DECLARE
    name text;
BEGIN
    -- in_force_signal is empty and stays so. Partitioned parents hold no rows of their own.
    FOR name IN
        SELECT c.oid::regclass::text FROM pg_class c
        WHERE c.relnamespace = 'moderation'::regnamespace AND c.relkind IN ('r', 'S')
          AND c.relname <> 'in_force_signal'
        ORDER BY c.oid
    LOOP
        PERFORM pg_extension_config_dump(name, '');
    END LOOP;
END
$dump$;
