-- What 0.2.0 changed in the tables and types of 0.1.0. scripts/upgrade_script.py puts each of these where the install script
-- makes the table or type, and takes everything else of the update from the two install scripts.

ALTER TABLE moderation.packages
    ADD COLUMN valid_from timestamptz,
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN needs_approval boolean NOT NULL DEFAULT false,
    ADD COLUMN frequency_source regclass,
    ADD COLUMN rollout_salt uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD COLUMN max_distance smallint NOT NULL DEFAULT 31 CHECK (max_distance >= 0 AND max_distance <= 64),
    ADD COLUMN rules jsonb,
    ADD COLUMN restricted boolean NOT NULL DEFAULT false,
    ADD COLUMN team text CHECK (team <> ''),
    ADD CONSTRAINT packages_schedule_check CHECK (expires_at > valid_from);

ALTER TABLE moderation.drafts
    ADD COLUMN images integer NOT NULL DEFAULT 0,
    ADD COLUMN videos integer NOT NULL DEFAULT 0;

ALTER TABLE moderation.items ADD COLUMN evidence text;

ALTER TABLE moderation.item_versions
    ALTER COLUMN term DROP NOT NULL,
    ALTER COLUMN match DROP NOT NULL,
    ALTER COLUMN level DROP NOT NULL,
    ADD COLUMN valid_from timestamptz,
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN hash moderation.pdqhash,
    ADD COLUMN max_distance smallint CHECK (max_distance >= 0 AND max_distance <= 64),
    ADD COLUMN label text,
    ADD COLUMN frames moderation.video_frame[],
    ADD COLUMN min_material real CHECK (min_material >= 0::real AND min_material <= 100::real),
    ADD COLUMN min_content real CHECK (min_content >= 0::real AND min_content <= 100::real),
    ADD CONSTRAINT item_versions_schedule_check CHECK (expires_at > valid_from),
    ADD CONSTRAINT item_versions_kind_check CHECK (CASE kind
        WHEN 'term' THEN num_nulls(term, match, level) = 0 AND num_nonnulls(hash, frames, min_material, min_content) = 0
        WHEN 'image' THEN hash IS NOT NULL AND num_nonnulls(term, match, level, language, frames, min_material, min_content) = 0
        ELSE num_nulls(frames, min_material, min_content) = 0 AND num_nonnulls(term, match, level, language, hash) = 0 AND NOT allow
    END);

ALTER TABLE moderation.releases
    ADD COLUMN scheduled integer NOT NULL DEFAULT 0,
    ADD COLUMN images integer NOT NULL DEFAULT 0,
    ADD COLUMN videos integer NOT NULL DEFAULT 0,
    ADD COLUMN max_distance smallint NOT NULL DEFAULT 31,
    ADD COLUMN rules jsonb;

ALTER TABLE moderation.deployments
    ADD COLUMN share numeric(5, 2) NOT NULL DEFAULT 100 CHECK (share > 0.0 AND share <= 100.0),
    ADD COLUMN rest integer,
    ADD COLUMN valid_from timestamptz,
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN operation text NOT NULL DEFAULT 'publish',
    ALTER COLUMN since SET DEFAULT clock_timestamp();
-- restore_package() asks what took a package out of force: a retirement, or (in shadow) a live publish of the same moment.
UPDATE moderation.deployments AS d SET operation = 'retire'
WHERE d.release IS NULL
  AND NOT (d.stage = 'shadow' AND d.note = 'now live'
           AND EXISTS (SELECT FROM moderation.deployments l
                       WHERE l.package_id = d.package_id AND l.stage = 'live' AND l.release IS NOT NULL AND l.since = d.since));

ALTER TABLE moderation.hits
    ADD COLUMN distance smallint,
    ADD COLUMN material_percent real,
    ADD COLUMN content_percent real,
    ADD COLUMN time_ranges nummultirange;

ALTER TABLE moderation.reviews
    ADD COLUMN reviewer text,
    ADD COLUMN final boolean NOT NULL DEFAULT false;
UPDATE moderation.reviews SET reviewer = reviewed_by;
ALTER TABLE moderation.reviews ALTER COLUMN reviewer SET NOT NULL;

ALTER TYPE moderation.package_figures
    ADD ATTRIBUTE disputed bigint,
    ADD ATTRIBUTE bucket timestamptz,
    ADD ATTRIBUTE policy text,
    ADD ATTRIBUTE spam_over_all double precision,
    ADD ATTRIBUTE recent_contents bigint,
    ADD ATTRIBUTE recent_precision double precision,
    ADD ATTRIBUTE recent_precision_low double precision,
    ADD ATTRIBUTE recent_precision_high double precision,
    ADD ATTRIBUTE unique_contents bigint,
    ADD ATTRIBUTE unique_true_positives bigint,
    ADD ATTRIBUTE recall double precision,
    ADD ATTRIBUTE recall_low double precision,
    ADD ATTRIBUTE recall_high double precision,
    ADD ATTRIBUTE recall_labels bigint,
    ADD ATTRIBUTE recall_note text;

-- Strikes of owners follow from reviews and hits that are there.
DO $strikes$
BEGIN
    PERFORM moderation.count_strikes(r.source_id, r.content_key)
    FROM (SELECT DISTINCT source_id, content_key FROM moderation.reviews WHERE hit_id IS NULL) r;
END
$strikes$;
