-- Images and videos: hashing them, and judging them. Matching reads what is in force and nothing else.

CREATE FUNCTION moderation.pdq_hash(
    image bytea, on_error text DEFAULT 'error', OUT hash moderation.pdqhash, OUT quality integer)
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 100000
    AS 'MODULE_PATHNAME', 'moderation_pdq_hash';
COMMENT ON FUNCTION moderation.pdq_hash(bytea, text) IS 'PDQ hash and quality (0 to 100) of a JPEG, PNG, WebP, GIF (first frame) or BMP file. What is none of them, is damaged, or is larger than pg_moderation.max_image_bytes and max_image_pixels allow, is an error, or NULL with on_error => ''null''. Hashes of a quality below 50 should not be used.';

CREATE FUNCTION moderation.pdq_rotations(
    image bytea, on_error text DEFAULT 'error', OUT variant text, OUT hash moderation.pdqhash, OUT quality integer)
    RETURNS SETOF record
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 100000 ROWS 8
    AS 'MODULE_PATHNAME', 'moderation_pdq_rotations';
COMMENT ON FUNCTION moderation.pdq_rotations(bytea, text) IS 'The hashes of an image and of its seven turned and mirrored variants, computed from one DCT as the reference does.';

CREATE FUNCTION moderation.pdq_rotations(original moderation.pdqhash, OUT variant text, OUT hash moderation.pdqhash)
    RETURNS SETOF record
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10 ROWS 8
    AS 'MODULE_PATHNAME', 'moderation_pdq_rotations_of_hash';
COMMENT ON FUNCTION moderation.pdq_rotations(moderation.pdqhash) IS 'The same guessed from a hash alone, when the image is not at hand: a few bits off, since a hash does not determine those of its variants.';

CREATE FUNCTION moderation.video_frames(vpdq text) RETURNS SETOF moderation.video_frame
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10000 ROWS 100
    AS 'MODULE_PATHNAME', 'moderation_video_frames';
COMMENT ON FUNCTION moderation.video_frames(text) IS 'The frames in the text of a vPDQ file, one a line as number,quality,hash,seconds: SELECT array_agg(f) FROM moderation.video_frames(text) f.';

CREATE TYPE moderation.image_hit AS (
    package text, release integer, stage moderation.stage, item_id bigint, kind moderation.item_kind, label text,
    action moderation.action, distance integer, max_distance integer, score real, suppressed_by bigint);
COMMENT ON TYPE moderation.image_hit IS 'One risk image near an image: they differ in distance bits, of max_distance that the item allows. Stage NULL: judged by an explicit release or draft. suppressed_by: the allowed image that covers the hit.';

CREATE TYPE moderation.video_hit AS (
    package text, release integer, stage moderation.stage, item_id bigint, kind moderation.item_kind, label text,
    action moderation.action, material_percent real, content_percent real, material_ranges nummultirange,
    content_ranges nummultirange, frame_number integer, seconds double precision, distance integer, score real,
    suppressed_by bigint);
COMMENT ON TYPE moderation.video_hit IS 'One risk video (kind video) or risk image (kind image) in a video: how much of the material the content contains, how much of the content the item covers, and where, in seconds. Of an image also the nearest frame and its distance.';

CREATE FUNCTION moderation.matches(image moderation.pdqhash, package text) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'moderation_matches_image';
COMMENT ON FUNCTION moderation.matches(moderation.pdqhash, text) IS 'Is an image with this hash near a risk image of the package''s live release? Equals EXISTS over its live image_hits().';

CREATE FUNCTION moderation.moderate_image(image moderation.pdqhash, packages text[] DEFAULT NULL, content_key text DEFAULT NULL)
    RETURNS moderation.verdict
    LANGUAGE c STABLE PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'moderation_moderate_image';
COMMENT ON FUNCTION moderation.moderate_image(moderation.pdqhash, text[], text) IS 'The verdict on an image, given by its hash, by the live releases of all or the named packages. NULL for NULL.';

CREATE FUNCTION moderation.moderate_image(image moderation.pdqhash, package text, content_key text DEFAULT NULL)
    RETURNS moderation.verdict
    LANGUAGE sql STABLE PARALLEL SAFE COST 1000
    RETURN moderation.moderate_image(image, CASE WHEN package IS NULL THEN NULL ELSE ARRAY[package] END, content_key);
COMMENT ON FUNCTION moderation.moderate_image(moderation.pdqhash, text, text) IS 'The verdict on an image, given by its hash, by the live release of one package.';

CREATE FUNCTION moderation.moderate_image(image bytea, packages text[] DEFAULT NULL, content_key text DEFAULT NULL)
    RETURNS moderation.verdict
    LANGUAGE c STABLE PARALLEL SAFE COST 100000
    AS 'MODULE_PATHNAME', 'moderation_moderate_image_file';
COMMENT ON FUNCTION moderation.moderate_image(bytea, text[], text) IS 'The verdict on an image file (an image of a quality below 50 has no hits) by the live releases of all or the named packages. NULL for NULL.';

CREATE FUNCTION moderation.moderate_image(image bytea, package text, content_key text DEFAULT NULL)
    RETURNS moderation.verdict
    LANGUAGE sql STABLE PARALLEL SAFE COST 100000
    RETURN moderation.moderate_image(image, CASE WHEN package IS NULL THEN NULL ELSE ARRAY[package] END, content_key);
COMMENT ON FUNCTION moderation.moderate_image(bytea, text, text) IS 'The verdict on an image file (an image of a quality below 50 has no hits) by the live release of one package.';

CREATE FUNCTION moderation.image_hits(
    image moderation.pdqhash, packages text[] DEFAULT NULL, release integer DEFAULT NULL, draft boolean DEFAULT false,
    suppressed boolean DEFAULT false)
    RETURNS SETOF moderation.image_hit
    LANGUAGE c STABLE PARALLEL SAFE COST 1000 ROWS 2
    AS 'MODULE_PATHNAME', 'moderation_image_hits';
COMMENT ON FUNCTION moderation.image_hits(moderation.pdqhash, text[], integer, boolean, boolean) IS 'Every item near an image, given by its hash: by the live and shadow releases in force, by one release of one package, or by its draft (stage NULL). suppressed => true also lists what allowed images cover.';

CREATE FUNCTION moderation.image_hits(
    image moderation.pdqhash, package text, release integer DEFAULT NULL, draft boolean DEFAULT false, suppressed boolean DEFAULT false)
    RETURNS SETOF moderation.image_hit
    LANGUAGE sql STABLE PARALLEL SAFE COST 1000 ROWS 2
    BEGIN ATOMIC
        SELECT h.package, h.release, h.stage, h.item_id, h.kind, h.label, h.action, h.distance, h.max_distance, h.score,
               h.suppressed_by
        FROM moderation.image_hits(image, CASE WHEN package IS NULL THEN NULL ELSE ARRAY[package] END, release, draft, suppressed) AS h;
    END;
COMMENT ON FUNCTION moderation.image_hits(moderation.pdqhash, text, integer, boolean, boolean) IS 'Every item of one package near an image, given by its hash.';

CREATE FUNCTION moderation.image_hits(
    image bytea, packages text[] DEFAULT NULL, release integer DEFAULT NULL, draft boolean DEFAULT false,
    suppressed boolean DEFAULT false)
    RETURNS SETOF moderation.image_hit
    LANGUAGE c STABLE PARALLEL SAFE COST 100000 ROWS 2
    AS 'MODULE_PATHNAME', 'moderation_image_file_hits';
COMMENT ON FUNCTION moderation.image_hits(bytea, text[], integer, boolean, boolean) IS 'Every item near an image file (none if its quality is below 50): by the live and shadow releases in force, by one release of one package, or by its draft (stage NULL). suppressed => true also lists what allowed images cover.';

CREATE FUNCTION moderation.image_hits(
    image bytea, package text, release integer DEFAULT NULL, draft boolean DEFAULT false, suppressed boolean DEFAULT false)
    RETURNS SETOF moderation.image_hit
    LANGUAGE sql STABLE PARALLEL SAFE COST 100000 ROWS 2
    BEGIN ATOMIC
        SELECT h.package, h.release, h.stage, h.item_id, h.kind, h.label, h.action, h.distance, h.max_distance, h.score,
               h.suppressed_by
        FROM moderation.image_hits(image, CASE WHEN package IS NULL THEN NULL ELSE ARRAY[package] END, release, draft, suppressed) AS h;
    END;
COMMENT ON FUNCTION moderation.image_hits(bytea, text, integer, boolean, boolean) IS 'Every item of one package near an image file (none if its quality is below 50).';

CREATE FUNCTION moderation.moderate_video(frames moderation.video_frame[], packages text[] DEFAULT NULL, content_key text DEFAULT NULL)
    RETURNS moderation.verdict
    LANGUAGE c STABLE PARALLEL SAFE COST 100000
    AS 'MODULE_PATHNAME', 'moderation_moderate_video';
COMMENT ON FUNCTION moderation.moderate_video(moderation.video_frame[], text[], text) IS 'The verdict on a video by the live releases of all or the named packages. NULL for NULL.';

CREATE FUNCTION moderation.moderate_video(frames moderation.video_frame[], package text, content_key text DEFAULT NULL)
    RETURNS moderation.verdict
    LANGUAGE sql STABLE PARALLEL SAFE COST 100000
    RETURN moderation.moderate_video(frames, CASE WHEN package IS NULL THEN NULL ELSE ARRAY[package] END, content_key);
COMMENT ON FUNCTION moderation.moderate_video(moderation.video_frame[], text, text) IS 'The verdict on a video by the live release of one package.';

CREATE FUNCTION moderation.video_hits(
    frames moderation.video_frame[], packages text[] DEFAULT NULL, release integer DEFAULT NULL, draft boolean DEFAULT false,
    suppressed boolean DEFAULT false)
    RETURNS SETOF moderation.video_hit
    LANGUAGE c STABLE PARALLEL SAFE COST 100000 ROWS 2
    AS 'MODULE_PATHNAME', 'moderation_video_hits';
COMMENT ON FUNCTION moderation.video_hits(moderation.video_frame[], text[], integer, boolean, boolean) IS 'Every item near the frames of a video: by the live and shadow releases in force, by one release of one package, or by its draft (stage NULL). suppressed => true also lists what allowed images cover.';

CREATE FUNCTION moderation.video_hits(
    frames moderation.video_frame[], package text, release integer DEFAULT NULL, draft boolean DEFAULT false, suppressed boolean DEFAULT false)
    RETURNS SETOF moderation.video_hit
    LANGUAGE sql STABLE PARALLEL SAFE COST 100000 ROWS 2
    BEGIN ATOMIC
        SELECT h.package, h.release, h.stage, h.item_id, h.kind, h.label, h.action, h.material_percent, h.content_percent,
               h.material_ranges, h.content_ranges, h.frame_number, h.seconds, h.distance, h.score, h.suppressed_by
        FROM moderation.video_hits(frames, CASE WHEN package IS NULL THEN NULL ELSE ARRAY[package] END, release, draft, suppressed) AS h;
    END;
COMMENT ON FUNCTION moderation.video_hits(moderation.video_frame[], text, integer, boolean, boolean) IS 'Every item of one package near the frames of a video.';

CREATE FUNCTION moderation.moderate(
    content jsonb, packages text[] DEFAULT NULL, image text[] DEFAULT NULL, video text[] DEFAULT NULL,
    content_key text DEFAULT NULL)
    RETURNS moderation.verdict
    LANGUAGE c STABLE PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'moderation_moderate_jsonb';
COMMENT ON FUNCTION moderation.moderate(jsonb, text[], text[], text[], text) IS 'One verdict over all fields of a document: every string is a text, except under the keys named in image, which hold PDQ hashes, and in video, which hold frames (an array of objects, or the text of a vPDQ file). A field is named by its path, joined by dots.';

CREATE FUNCTION moderation.moderate(content record, packages text[] DEFAULT NULL, content_key text DEFAULT NULL)
    RETURNS moderation.verdict
    LANGUAGE c STABLE PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'moderation_moderate_record';
COMMENT ON FUNCTION moderation.moderate(record, text[], text) IS 'One verdict over all columns of a row: texts (also in arrays, json and jsonb), images (pdqhash) and videos (video_frame[]).';

-- Internal.

CREATE FUNCTION moderation.image_item_hash(hash moderation.pdqhash, allow boolean, max_distance integer) RETURNS bytea
    LANGUAGE c IMMUTABLE
    AS 'MODULE_PATHNAME', 'moderation_image_item_hash';
COMMENT ON FUNCTION moderation.image_item_hash(moderation.pdqhash, boolean, integer) IS 'Internal: what makes two image items the same.';

CREATE FUNCTION moderation.video_item_hash(
    frames moderation.video_frame[], max_distance integer, min_material real, min_content real) RETURNS bytea
    LANGUAGE c IMMUTABLE
    AS 'MODULE_PATHNAME', 'moderation_video_item_hash';
COMMENT ON FUNCTION moderation.video_item_hash(moderation.video_frame[], integer, real, real) IS 'Internal: what makes two video items the same; refuses frames that could never match.';
