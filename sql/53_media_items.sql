-- What an operator does with images and videos: the counterpart of add_terms() and allow_terms() in 50_packages.sql.

CREATE FUNCTION moderation.check_distance(max_distance integer) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF max_distance NOT BETWEEN 0 AND 64 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('max_distance %s is out of range', max_distance),
            DETAIL = 'An item matches hashes that differ in 0 to 64 bits; unrelated images differ in about 128.',
            HINT = 'Leave it out for the package''s distance, which is 31 unless set_max_distance() changed it.';
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_distance(integer) IS 'Internal: refuses distances at which unrelated images match.';

CREATE FUNCTION moderation.check_weight(weight real) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF weight IS NULL OR weight <= 0 OR weight > 1000 OR weight = 'NaN'::real THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('weight %s is out of range', coalesce(weight::text, 'NULL')),
            DETAIL = 'A weight is above 0 and at most 1000; 1 is the default.',
            HINT = 'Leave it out unless the package has a threshold.';
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_weight(real) IS 'Internal: refuses weights that say nothing.';

CREATE FUNCTION moderation.add_images_to_draft(
    package text, hashes moderation.pdqhash[], qualities integer[], allow boolean, max_distance integer, label text, weight real,
    source text, case_ref text, note text, valid_from timestamptz, expires_at timestamptz, evidence text,
    OUT added integer, OUT skipped integer)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages;
    position_of_null integer := array_position(hashes, NULL);
    bad record;
    elements bytea[];
    item_ids bigint[];
BEGIN
    IF hashes IS NULL OR position_of_null IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = CASE WHEN hashes IS NULL THEN 'hashes must not be NULL' ELSE format('image %s is NULL', position_of_null) END,
            DETAIL = 'Nothing was added.',
            HINT = 'Hashes come as an array of pdqhash, images as an array of bytea.';
    END IF;
    IF qualities IS NOT NULL AND cardinality(qualities) <> cardinality(hashes) THEN
        RAISE EXCEPTION USING ERRCODE = 'array_subscript_error',
            MESSAGE = format('%s hashes have %s qualities', cardinality(hashes), cardinality(qualities)),
            DETAIL = 'Nothing was added.',
            HINT = 'Give one quality for each hash, in the same order, or leave them out.';
    END IF;
    SELECT u.position, u.quality INTO bad FROM unnest(qualities) WITH ORDINALITY AS u(quality, position)
    WHERE u.quality IS NULL OR u.quality NOT BETWEEN 50 AND 100 ORDER BY u.position LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('image %s has quality %s', bad.position, coalesce(bad.quality::text, 'NULL')),
            DETAIL = 'Nothing was added. An image without structure has a hash of quality below 50, which matches other such images by accident.',
            HINT = 'Leave the image out: it cannot be recognised by its looks.';
    END IF;
    PERFORM moderation.check_distance(max_distance);
    PERFORM moderation.check_weight(weight);
    SELECT s.valid_from, s.expires_at INTO valid_from, expires_at FROM moderation.check_schedule(valid_from, expires_at) s;
    target := moderation.lock_package(package);
    WITH fresh AS MATERIALIZED (
        SELECT nextval('moderation.items_item_id_seq') AS item_id, h.hash,
               moderation.image_item_hash(h.hash, add_images_to_draft.allow, add_images_to_draft.max_distance) AS item_hash
        FROM (SELECT DISTINCT u.hash FROM unnest(hashes) AS u(hash)) h
        WHERE NOT EXISTS (SELECT FROM moderation.item_versions v
                          WHERE v.package_id = target.package_id AND v.hash = h.hash AND v.allow = add_images_to_draft.allow
                            AND v.removed_in IS NULL)
    ), new_items AS (
        INSERT INTO moderation.items (item_id, package_id, kind, source, case_ref, note, evidence, created_by)
        OVERRIDING SYSTEM VALUE
        SELECT f.item_id, target.package_id, 'image', source, case_ref, note, evidence, moderation.caller() FROM fresh f
    ), new_versions AS (
        INSERT INTO moderation.item_versions
            (item_id, package_id, added_in, kind, allow, hash, max_distance, label, weight, valid_from, expires_at, item_hash,
             changed_by)
        SELECT f.item_id, target.package_id, target.latest_release + 1, 'image', add_images_to_draft.allow, f.hash,
               add_images_to_draft.max_distance, add_images_to_draft.label, add_images_to_draft.weight,
               add_images_to_draft.valid_from, add_images_to_draft.expires_at, f.item_hash, moderation.caller()
        FROM fresh f
        RETURNING item_id, item_hash
    )
    SELECT array_agg(moderation.item_element(n.item_hash, add_images_to_draft.weight, add_images_to_draft.valid_from, add_images_to_draft.expires_at)),
           array_agg(n.item_id ORDER BY n.item_id), count(*)
    INTO elements, item_ids, added FROM new_versions n;
    skipped := cardinality(hashes) - added;
    IF added > 0 THEN
        UPDATE moderation.drafts d
        SET set_state = moderation.set_hash_apply(d.set_state, elements, '{}'),
            images = d.images + CASE WHEN add_images_to_draft.allow THEN 0 ELSE added END,
            allow_entries = d.allow_entries + CASE WHEN add_images_to_draft.allow THEN added ELSE 0 END,
            draft_key = gen_random_uuid(), changed_at = now(), changed_by = moderation.caller()
        WHERE d.package_id = target.package_id;
        PERFORM moderation.audit(CASE WHEN allow THEN 'allow_images' ELSE 'add_images' END, target.name, NULL,
            jsonb_build_object('items', item_ids, 'added', added, 'skipped', skipped), note);
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.add_images_to_draft(text, moderation.pdqhash[], integer[], boolean, integer, text, real, text, text, text, timestamptz, timestamptz, text) IS 'Internal: what add_images() and allow_images() share.';

CREATE FUNCTION moderation.add_images(
    package text, hashes moderation.pdqhash[], max_distance integer DEFAULT NULL, label text DEFAULT NULL, weight real DEFAULT 1,
    source text DEFAULT NULL, case_ref text DEFAULT NULL, note text DEFAULT NULL, qualities integer[] DEFAULT NULL,
    valid_from timestamptz DEFAULT NULL, expires_at timestamptz DEFAULT NULL, evidence text DEFAULT NULL,
    OUT added integer, OUT skipped integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    SELECT a.added, a.skipped INTO added, skipped
    FROM moderation.add_images_to_draft(package, hashes, qualities, false, max_distance, label, weight, source, case_ref, note, valid_from, expires_at, evidence) a;
END
$fn$;
COMMENT ON FUNCTION moderation.add_images(text, moderation.pdqhash[], integer, text, real, text, text, text, integer[], timestamptz, timestamptz, text) IS 'Adds risk images by their hashes to the package''s draft; those already there are skipped and counted. Qualities, if given, must be 50 or more. max_distance: for these images instead of the package''s.';

CREATE FUNCTION moderation.add_images(
    package text, images bytea[], max_distance integer DEFAULT NULL, label text DEFAULT NULL, weight real DEFAULT 1,
    source text DEFAULT NULL, case_ref text DEFAULT NULL, note text DEFAULT NULL,
    valid_from timestamptz DEFAULT NULL, expires_at timestamptz DEFAULT NULL, evidence text DEFAULT NULL,
    OUT added integer, OUT skipped integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    hashes moderation.pdqhash[];
    qualities integer[];
    bad integer;
    reason text;
BEGIN
    SELECT array_agg(h.hash ORDER BY u.position), array_agg(h.quality ORDER BY u.position) INTO hashes, qualities
    FROM unnest(images) WITH ORDINALITY AS u(image, position)
    CROSS JOIN LATERAL moderation.pdq_hash(u.image, on_error => 'null') h;
    hashes := coalesce(hashes, CASE WHEN images IS NOT NULL THEN '{}'::moderation.pdqhash[] END);
    bad := array_position(hashes, NULL);
    IF (SELECT u.image IS NOT NULL FROM unnest(images) WITH ORDINALITY AS u(image, position) WHERE u.position = bad) THEN
        BEGIN
            PERFORM moderation.pdq_hash(u.image) FROM unnest(images) WITH ORDINALITY AS u(image, position) WHERE u.position = bad;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
            RAISE EXCEPTION USING ERRCODE = SQLSTATE,
                MESSAGE = format('image %s: %s', bad, reason),
                DETAIL = 'Nothing was added.',
                HINT = 'Leave it out, or hash it elsewhere and add its hash.';
        END;
    END IF;
    SELECT a.added, a.skipped INTO added, skipped
    FROM moderation.add_images_to_draft(package, hashes, qualities, false, max_distance, label, weight, source, case_ref, note, valid_from, expires_at, evidence) a;
END
$fn$;
COMMENT ON FUNCTION moderation.add_images(text, bytea[], integer, text, real, text, text, text, timestamptz, timestamptz, text) IS 'Adds risk images by their files (JPEG, PNG, WebP, GIF, BMP) to the package''s draft; only the hashes are kept. An image of a quality below 50 is refused.';

CREATE FUNCTION moderation.allow_images(
    package text, hashes moderation.pdqhash[], max_distance integer DEFAULT NULL, label text DEFAULT NULL,
    source text DEFAULT NULL, case_ref text DEFAULT NULL, note text DEFAULT NULL,
    valid_from timestamptz DEFAULT NULL, expires_at timestamptz DEFAULT NULL, evidence text DEFAULT NULL,
    OUT added integer, OUT skipped integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    SELECT a.added, a.skipped INTO added, skipped
    FROM moderation.add_images_to_draft(package, hashes, NULL, true, max_distance, label, 1, source, case_ref, note, valid_from, expires_at, evidence) a;
END
$fn$;
COMMENT ON FUNCTION moderation.allow_images(text, moderation.pdqhash[], integer, text, text, text, text, timestamptz, timestamptz, text) IS 'Adds allowed images to the package''s draft: an image within max_distance of one has no image hits of this package.';

CREATE FUNCTION moderation.add_video(
    package text, label text, frames moderation.video_frame[], max_distance integer DEFAULT NULL, min_material real DEFAULT 80,
    min_content real DEFAULT 0, weight real DEFAULT 1, source text DEFAULT NULL, case_ref text DEFAULT NULL,
    note text DEFAULT NULL, valid_from timestamptz DEFAULT NULL, expires_at timestamptz DEFAULT NULL, evidence text DEFAULT NULL)
    RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages;
    hash_of_item bytea;
    id bigint;
BEGIN
    IF label IS NULL OR btrim(label) = '' OR frames IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'a video needs a label and frames',
            DETAIL = 'Nothing was added.',
            HINT = 'Frames come from pg-moderation-hasher, or with moderation.video_frames() from the text of a vPDQ file.';
    END IF;
    IF min_material IS NULL OR min_content IS NULL OR min_material NOT BETWEEN 0 AND 100 OR min_content NOT BETWEEN 0 AND 100 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('min_material %s or min_content %s is out of range', coalesce(min_material::text, 'NULL'), coalesce(min_content::text, 'NULL')),
            DETAIL = 'Both are percentages, from 0 to 100.',
            HINT = 'The defaults are 80 and 0: most of the material, anywhere in the content.';
    END IF;
    PERFORM moderation.check_distance(max_distance);
    PERFORM moderation.check_weight(weight);
    SELECT s.valid_from, s.expires_at INTO valid_from, expires_at FROM moderation.check_schedule(valid_from, expires_at) s;
    hash_of_item := moderation.video_item_hash(frames, max_distance, min_material, min_content);
    target := moderation.lock_package(package);
    SELECT v.item_id INTO id FROM moderation.item_versions v
    WHERE v.package_id = target.package_id AND v.item_hash = hash_of_item AND v.removed_in IS NULL;
    IF FOUND THEN
        RETURN id;
    END IF;
    INSERT INTO moderation.items (package_id, kind, source, case_ref, note, evidence, created_by)
    VALUES (target.package_id, 'video', source, case_ref, note, evidence, moderation.caller())
    RETURNING item_id INTO id;
    INSERT INTO moderation.item_versions
        (item_id, package_id, added_in, kind, frames, max_distance, min_material, min_content, label, weight, valid_from,
         expires_at, item_hash, changed_by)
    VALUES (id, target.package_id, target.latest_release + 1, 'video', add_video.frames, add_video.max_distance,
            add_video.min_material, add_video.min_content, add_video.label, add_video.weight,
            add_video.valid_from, add_video.expires_at, hash_of_item, moderation.caller());
    UPDATE moderation.drafts d
    SET set_state = moderation.set_hash_apply(d.set_state,
            ARRAY[moderation.item_element(hash_of_item, add_video.weight, add_video.valid_from, add_video.expires_at)], '{}'),
        videos = d.videos + 1, draft_key = gen_random_uuid(), changed_at = now(), changed_by = moderation.caller()
    WHERE d.package_id = target.package_id;
    PERFORM moderation.audit('add_video', target.name, NULL,
        jsonb_build_object('items', jsonb_build_array(id), 'label', label, 'frames', cardinality(frames)), note);
    RETURN id;
END
$fn$;
COMMENT ON FUNCTION moderation.add_video(text, text, moderation.video_frame[], integer, real, real, real, text, text, text, timestamptz, timestamptz, text) IS 'Adds a risk video by its frames to the package''s draft; returns the item id, of the one already there if it is. It hits a content that contains at least min_material percent of its frames and consists of them to at least min_content percent.';

CREATE FUNCTION moderation.set_max_distance(package text, max_distance integer, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages;
BEGIN
    IF max_distance IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'max_distance must not be NULL',
            DETAIL = 'It is what images without a distance of their own have.',
            HINT = 'The default is 31.';
    END IF;
    PERFORM moderation.check_distance(max_distance);
    target := moderation.lock_package(package);
    UPDATE moderation.packages p SET max_distance = set_max_distance.max_distance WHERE p.package_id = target.package_id;
    UPDATE moderation.drafts d SET draft_key = gen_random_uuid(), changed_at = now(), changed_by = moderation.caller()
    WHERE d.package_id = target.package_id;
    PERFORM moderation.audit('set_max_distance', target.name, jsonb_build_object('max_distance', target.max_distance),
        jsonb_build_object('max_distance', set_max_distance.max_distance), note);
END
$fn$;
COMMENT ON FUNCTION moderation.set_max_distance(text, integer, text) IS 'Sets the distance of the package''s draft: of images and videos that were added without one.';
