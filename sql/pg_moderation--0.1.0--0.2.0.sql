\echo Use "ALTER EXTENSION pg_moderation UPDATE" to load this file. \quit
DROP FUNCTION moderation.package_stats(package text, since timestamptz, until timestamptz);
DROP FUNCTION moderation.record_review(source regclass, content_key bigint, label moderation.review_label, policy text, note text, hit uuid);
DROP FUNCTION moderation.record_review(source regclass, content_key text, label moderation.review_label, policy text, note text, hit uuid);
DROP FUNCTION moderation.attach("table" regclass, id name, text name[], on_block moderation.on_block, owner name, created_at name, verdict_column name);
DROP FUNCTION moderation.register_source(relation regclass, attached boolean);
DROP FUNCTION moderation.publish_package(name text, stage moderation.stage, note text);
DROP FUNCTION moderation.deploy(package_id integer, stage moderation.stage, release integer, note text);
DROP FUNCTION moderation.remove_terms(package text, terms text[]);
DROP FUNCTION moderation.remove_items(package text, items bigint[]);
DROP FUNCTION moderation.allow_terms(package text, terms text[], match moderation.match_mode, level moderation.match_level, source text, case_ref text, note text, language text, OUT added integer, OUT skipped integer);
DROP FUNCTION moderation.add_terms(package text, terms text[], match moderation.match_mode, level moderation.match_level, weight real, source text, case_ref text, note text, language text, OUT added integer, OUT skipped integer);
DROP FUNCTION moderation.add_to_draft(package text, terms text[], allow boolean, match moderation.match_mode, level moderation.match_level, language text, weight real, source text, case_ref text, note text, OUT added integer, OUT skipped integer);
COMMENT ON SCHEMA moderation IS 'Content moderation: risk material packages, verdicts, hits and their effect.';
COMMENT ON TYPE moderation.action IS 'What a hit asks for, weakest first: log < review < block.';
COMMENT ON TYPE moderation.stage IS 'shadow: recorded, never enforced; live: enforced.';
COMMENT ON TYPE moderation.item_kind IS 'What an item is made of.';
COMMENT ON TYPE moderation.match_mode IS 'How a term is looked for: as whole words, at the start or end of a word, anywhere; with * and ? in it; in all its grammatical forms; with one typing error; as a regular expression; as a rule of words; as a domain, phone number, e-mail address or messenger handle.';
COMMENT ON TYPE moderation.match_level IS 'How strictly a term is compared: as written; without case and compatibility differences; against evasions.';
COMMENT ON TYPE moderation.review_label IS 'A human''s judgement of a content or a hit.';
COMMENT ON TYPE moderation.on_block IS 'What happens to a row whose verdict is block: stored and flagged; kept out of the table; refused with an error.';
COMMENT ON TYPE moderation.outcome IS 'What happened to the content that a recorded hit belongs to.';
COMMENT ON TYPE moderation.verdict IS 'The outcome for one content: strongest live action (NULL without a hit), score, live hits as a JSON array.';
COMMENT ON TYPE moderation.text_hit IS 'One item found in one place of one text; substr(body, span_start, span_length) is the matched text. Stage NULL: judged by an explicit release or draft. steps: what had to be assumed beyond the level folded, or NULL. suppressed_by: the allow entry that covers the hit.';
CREATE TABLE moderation.group_roles (
    class           text PRIMARY KEY CHECK (class = ANY (ARRAY['reader', 'reviewer', 'operator', 'admin'])),
    role            text NOT NULL CHECK (role <> '')
);
COMMENT ON TABLE moderation.group_roles IS 'The roles that create_roles() made, by name: what the members of each may do with restricted packages follows from its class.';
CREATE FUNCTION moderation.rights()
    RETURNS TABLE (class text, kind text, name text, columns text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 300 SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT l.class, l.kind, n.name, NULL
        FROM (VALUES
            -- Matching; trigger functions, which run on behalf of whoever changes an attached table; what the types pdqhash and
            -- pdq_ball are made of. Policies of row security call the last line.
            ('everyone', 'routine',
             'matches moderate_text moderate_text_as_of moderate_text_by_release text_hits mask_text fold_text moderate_image
              image_hits moderate_video video_hits moderate pdq_hash pdq_rotations video_frames content_digest folding_version
              judge_row record_row watched_columns
              pdqhash pdqhash_bits pdqhash_bytes pdqhash_cmp pdqhash_eq pdqhash_ge pdqhash_gt pdqhash_hash
              pdqhash_hash_extended pdqhash_in pdqhash_le pdqhash_lt pdqhash_ne pdqhash_out pdqhash_recv pdqhash_send
              pdq_ball pdq_ball_in pdq_ball_joinsel pdq_ball_out pdq_ball_recv pdq_ball_sel pdq_ball_send pdq_contains
              pdq_distance pdq_gin_compare_partial pdq_gin_consistent pdq_gin_extract_query pdq_gin_extract_value
              pdq_gin_triconsistent pdq_within
              visible_packages readable_packages caller_is'),
            ('reader', 'routine',
             'package_stats policy_stats item_stats item_overlap package_overlap alarms wilson_interval binomial_tail
              ring_bucket effects_of compare_releases explain_text set_in_force package_report backtest_package
              backtest_summary candidate_verdict hunt_terms hunt_images hunt_package hunt matches_terms term_hits
              text_grams in_sample in_force_periods'),
            -- Called by views, and by functions that run as their caller.
            ('reader', 'routine',
             'caller wilson_low wilson_high compiled_sets mostly_live ln_factorial attached_columns column_types is_media
              resolve_source source_sql judged_sql backtest_row_sql check_backtest backtest_rows summarise_rows summarise_run
              run_source source_labels content_labels compared_items own_run run_rows hunt_rows media_columns hunt_image_rows
              hunted_items hunt_package_rows releases_since window_moved moved_items'),
            ('reviewer', 'routine',
             'next_for_review record_review request_review release_claims release_quarantined discard_quarantined
              reviewer_agreement'),
            ('operator', 'routine',
             'create_policy create_package alter_package rename_package add_terms allow_terms add_images allow_images
              add_video set_max_distance update_items remove_items remove_terms import_items import_package export_package
              diff_releases publish_package promote_release set_rollout rollback_package retire_package restore_package
              request_publish approve_publish reject_publish snooze_items unsnooze_items add_check remove_check run_checks
              lint_package set_verdict_rules suggest_cleanup suggest_terms suggest_variants suggest_allow suggest_narrowing suggest_images
              accept_proposal reject_proposal open_case add_to_case summarize_case close_case derive_from_case appeal_review
              undo_release undo_item rescan start_backtest run_backtest backtest_estimate drop_backtest set_brake drop_brake
              run_brakes release_brake refresh_rollups collect_rejected'),
            ('operator', 'routine',
             'find_package check_visible guess_encoding check_import_size frequency_source lint_items lint_others item_counts still_blocked
              undo_effects withdraw_effects plan_run create_run current_draft_key claim_chunk judge_chunk judge_rows
              finish_chunk work_chunk begin_rescan start_rescan create_rescan open_rescan rescan_chunk rescan_delta rescan_of
              rescan_condition rescanning finish_rescan live_marks live_targets'),
            ('admin', 'routine',
             'attach detach expire_records read_outbox ack_outbox forget_consumer expire_outbox'),
            ('admin', 'routine', 'register_source watched_column'),
            ('nobody', 'routine',
             'create_roles rights audit audit_log_guard changes announce signal_in_force forget_rescan check_readable
              check_approver may_deploy check_name check_by check_distance check_gates check_items check_approval check_schedule
              check_share check_terms check_weight add_to_draft add_images_to_draft item_element image_item_hash
              video_item_hash set_hash_apply content_hash freeze_draft put_in_force deploy deployed stages_of lock_package
              override_items release_settings release_items compile_in_force parse_import import_schedule import_lines import_findings claim_request
              claim_quarantined resolve_quarantined record_hits record_exposure collect_spooled find_source find_policy
              find_case add_review draw_sample review_candidates review_order count_strikes figures estimate_recall
              recall_interval wilson_share greedy_cover mine_terms find_variants proposal_effect propose claim_proposal
              decide_proposal judged_between test_surge brake_items brake_release html html_days html_share html_axis
              html_change html_precision cluster_images settle_hits
              matches_support grams_of_value grams_of_query grams_compare_partial grams_consistent grams_triconsistent'),
            ('reader', 'relation',
             'policies packages drafts sources exposures items item_versions in_force current_items items_never_hit
              item_overrides_in_force brakes_in_force recent_hits latest_hits labels hit_labels content_verdicts package_daily
              release_daily item_daily item_totals current_alarms attachments compiled_state rescan_status'),
            ('reviewer', 'relation', 'reviews review_claims review_samples quarantine owner_strikes'),
            ('operator', 'relation',
             'hits releases deployments item_overrides checks publish_requests open_requests proposals open_proposals cases
              case_contents brakes brake_events withdrawn_hits backtest_progress audit_log'),
            ('admin', 'relation', 'outbox outbox_consumers group_roles'),
            ('nobody', 'relation',
             'installation in_force_signal rollup_days rollup_items rollup_labels rollup_state rescan_states rescan_runs backtest_runs
              backtest_chunks backtest_results')
        ) AS l(class, kind, names)
        CROSS JOIN LATERAL regexp_split_to_table(btrim(l.names), '\s+') AS n(name)
        UNION ALL
        -- Without what tells the material of a restricted package.
        SELECT 'reader', 'relation', c.name, c.columns
        FROM (VALUES
            ('hits', 'bucket, hit_id, observed_at, source_id, content_key, owner_key, created_at, digest, set_hash, package_id, release,
              stage, item_id, kind, action, outcome, field, places, level, score'),
            ('releases', 'package_id, release, release_key, content_hash, action, threshold, policy, severity, folding_version, terms,
              allow_entries, scheduled, published_at, published_by, images, videos, max_distance, rules'),
            ('deployments', 'deployment_id, package_id, stage, release, share, rest, valid_from, expires_at, since, operation,
              deployed_by'),
            ('withdrawn_hits', 'hit_id, withdrawn_at, withdrawn_by, undone')
        ) AS c(name, columns);
    END;
COMMENT ON FUNCTION moderation.rights() IS 'Which class of role may execute each function (all of one name) and read each table and view of the schema; columns: only these. Each class includes the ones before it: everyone, reader, reviewer, operator, admin; nobody: the owner.';
CREATE FUNCTION moderation.create_roles(prefix text DEFAULT 'moderation_')
    RETURNS TABLE (class text, role text, created boolean)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
#variable_conflict use_column
DECLARE
    classes constant text[] := '{reader,reviewer,operator,admin}';
    wanted text;
    before text;
    existing record;
    granted record;
BEGIN
    IF prefix IS NULL OR length(prefix || 'reviewer') > 63 OR octet_length(prefix || 'reviewer') > 63 OR prefix LIKE 'pg\_%' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_name',
            MESSAGE = 'invalid prefix for the names of roles',
            DETAIL = 'Names of roles have at most 63 bytes and do not begin with pg_.',
            HINT = 'Leave it out for moderation_reader, moderation_reviewer, moderation_operator and moderation_admin.';
    END IF;
    -- Roles belong to the whole cluster: one that is there may be somebody else's, or of another database of this extension.
    FOREACH wanted IN ARRAY classes LOOP
        SELECT r.rolcanlogin, r.rolsuper, r.rolcreaterole INTO existing FROM pg_roles r WHERE r.rolname = prefix || wanted;
        IF FOUND AND (existing.rolcanlogin OR existing.rolsuper OR existing.rolcreaterole) THEN
            RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
                MESSAGE = format('role "%s" exists and is no plain group role', prefix || wanted),
                DETAIL = 'It can log in, is a superuser or makes roles.',
                HINT = 'Give another prefix: SELECT * FROM moderation.create_roles(''ads_moderation_'');';
        END IF;
    END LOOP;
    FOREACH wanted IN ARRAY classes LOOP
        class := wanted;
        role := prefix || wanted;
        created := NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = prefix || wanted);
        IF created THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        END IF;
        RETURN NEXT;
    END LOOP;
    -- Each class may do what the one before it may.
    FOR granted IN SELECT prefix || c.class AS role, prefix || lag(c.class) OVER (ORDER BY c.n) AS includes
                   FROM unnest(classes) WITH ORDINALITY c(class, n) LOOP
        CONTINUE WHEN granted.includes IS NULL OR EXISTS (
            SELECT FROM pg_auth_members m WHERE m.roleid = quote_ident(granted.includes)::regrole AND m.member = quote_ident(granted.role)::regrole);
        EXECUTE format('GRANT %I TO %I', granted.includes, granted.role);
    END LOOP;
    -- Exactly what the list says: also what an older version, or other roles before these, had.
    FOR before IN SELECT r.rolname FROM pg_roles r
                  WHERE r.rolname IN (SELECT g.role FROM moderation.group_roles g UNION SELECT prefix || c FROM unnest(classes) c) LOOP
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA moderation FROM %1$I; REVOKE ALL ON ALL SEQUENCES IN SCHEMA moderation FROM %1$I; '
                       'REVOKE ALL ON ALL ROUTINES IN SCHEMA moderation FROM %1$I', before);
        EXECUTE coalesce((SELECT string_agg(format('REVOKE ALL (%I) ON moderation.%I FROM %I', a.attname, c.relname, before), '; ')
                 FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
                 WHERE c.relnamespace = 'moderation'::regnamespace AND a.attacl IS NOT NULL AND a.attnum > 0 AND NOT a.attisdropped), '');
    END LOOP;
    FOR granted IN
        SELECT CASE r.kind WHEN 'routine' THEN format('EXECUTE ON ROUTINE %s', p.oid::regprocedure)
                           ELSE format('SELECT %s ON moderation.%I', '(' || r.columns || ')', r.name) END AS right, prefix || r.class AS role
        FROM moderation.rights() r
        LEFT JOIN pg_proc p ON r.kind = 'routine' AND p.proname = r.name AND p.pronamespace = 'moderation'::regnamespace
        WHERE r.class = ANY (classes) AND (r.kind = 'relation' OR p.oid IS NOT NULL)
    LOOP
        EXECUTE format('GRANT %s TO %I', granted.right, granted.role);
    END LOOP;
    EXECUTE format('GRANT USAGE ON SCHEMA moderation TO %I', prefix || 'reader');
    DELETE FROM moderation.group_roles g WHERE g.role <> prefix || g.class;
    INSERT INTO moderation.group_roles (class, role) SELECT c, prefix || c FROM unnest(classes) c
    ON CONFLICT ON CONSTRAINT group_roles_pkey DO NOTHING;
    PERFORM moderation.audit('create_roles', NULL, NULL, jsonb_build_object('prefix', prefix), NULL);
END
$fn$;
COMMENT ON FUNCTION moderation.create_roles(text) IS 'For the DBA: makes the roles reader, reviewer, operator and admin (without login; existing ones are used) and grants each exactly what rights() lists. To be called again after an update of the extension. Grant them to people: GRANT moderation_operator TO anna.';
CREATE TYPE moderation.pdqhash;
CREATE FUNCTION moderation.pdqhash_in(cstring) RETURNS moderation.pdqhash
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_in';
CREATE FUNCTION moderation.pdqhash_out(moderation.pdqhash) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_out';
CREATE FUNCTION moderation.pdqhash_recv(internal) RETURNS moderation.pdqhash
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_recv';
CREATE FUNCTION moderation.pdqhash_send(moderation.pdqhash) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_send';
COMMENT ON FUNCTION moderation.pdqhash_in(cstring) IS 'Input of pdqhash.';
COMMENT ON FUNCTION moderation.pdqhash_out(moderation.pdqhash) IS 'Output of pdqhash.';
COMMENT ON FUNCTION moderation.pdqhash_recv(internal) IS 'Binary input of pdqhash.';
COMMENT ON FUNCTION moderation.pdqhash_send(moderation.pdqhash) IS 'Binary output of pdqhash.';
CREATE TYPE moderation.pdqhash (
    INPUT = moderation.pdqhash_in, OUTPUT = moderation.pdqhash_out, RECEIVE = moderation.pdqhash_recv,
    SEND = moderation.pdqhash_send, INTERNALLENGTH = 32, ALIGNMENT = char, STORAGE = plain, CATEGORY = 'U', PREFERRED = true);
COMMENT ON TYPE moderation.pdqhash IS 'A PDQ hash: 256 bits, written as 64 hexadecimal digits as every PDQ tool prints them. Images that look the same differ in few bits, usually at most 31.';
CREATE FUNCTION moderation.pdqhash(bytes bytea) RETURNS moderation.pdqhash
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_from_bytea';
CREATE FUNCTION moderation.pdqhash(bits bit) RETURNS moderation.pdqhash
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_from_bit';
CREATE FUNCTION moderation.pdqhash_bytes(hash moderation.pdqhash) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_send';
CREATE FUNCTION moderation.pdqhash_bits(hash moderation.pdqhash) RETURNS bit
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_to_bit';
COMMENT ON FUNCTION moderation.pdqhash(bytea) IS 'The hash of these 32 bytes; the cast of bytea.';
COMMENT ON FUNCTION moderation.pdqhash(bit) IS 'The hash of these 256 bits; the cast of bit(256).';
COMMENT ON FUNCTION moderation.pdqhash_bytes(moderation.pdqhash) IS 'The 32 bytes of a hash; the cast to bytea.';
COMMENT ON FUNCTION moderation.pdqhash_bits(moderation.pdqhash) IS 'The 256 bits of a hash; the cast to bit(256).';
CREATE CAST (bytea AS moderation.pdqhash) WITH FUNCTION moderation.pdqhash(bytea);
CREATE CAST (bit AS moderation.pdqhash) WITH FUNCTION moderation.pdqhash(bit);
CREATE CAST (moderation.pdqhash AS bytea) WITH FUNCTION moderation.pdqhash_bytes(moderation.pdqhash);
CREATE CAST (moderation.pdqhash AS bit) WITH FUNCTION moderation.pdqhash_bits(moderation.pdqhash);
CREATE CAST (text AS moderation.pdqhash) WITH INOUT AS ASSIGNMENT;
CREATE FUNCTION moderation.pdqhash_eq(moderation.pdqhash, moderation.pdqhash) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_eq';
CREATE FUNCTION moderation.pdqhash_ne(moderation.pdqhash, moderation.pdqhash) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_ne';
CREATE FUNCTION moderation.pdqhash_lt(moderation.pdqhash, moderation.pdqhash) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_lt';
CREATE FUNCTION moderation.pdqhash_le(moderation.pdqhash, moderation.pdqhash) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_le';
CREATE FUNCTION moderation.pdqhash_gt(moderation.pdqhash, moderation.pdqhash) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_gt';
CREATE FUNCTION moderation.pdqhash_ge(moderation.pdqhash, moderation.pdqhash) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_ge';
CREATE FUNCTION moderation.pdqhash_cmp(moderation.pdqhash, moderation.pdqhash) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_cmp';
CREATE FUNCTION moderation.pdqhash_hash(moderation.pdqhash) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_hash';
CREATE FUNCTION moderation.pdqhash_hash_extended(moderation.pdqhash, bigint) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_hash_extended';
COMMENT ON FUNCTION moderation.pdqhash_eq(moderation.pdqhash, moderation.pdqhash) IS 'Implements =.';
COMMENT ON FUNCTION moderation.pdqhash_ne(moderation.pdqhash, moderation.pdqhash) IS 'Implements <>.';
COMMENT ON FUNCTION moderation.pdqhash_lt(moderation.pdqhash, moderation.pdqhash) IS 'Implements <.';
COMMENT ON FUNCTION moderation.pdqhash_le(moderation.pdqhash, moderation.pdqhash) IS 'Implements <=.';
COMMENT ON FUNCTION moderation.pdqhash_gt(moderation.pdqhash, moderation.pdqhash) IS 'Implements >.';
COMMENT ON FUNCTION moderation.pdqhash_ge(moderation.pdqhash, moderation.pdqhash) IS 'Implements >=.';
COMMENT ON FUNCTION moderation.pdqhash_cmp(moderation.pdqhash, moderation.pdqhash) IS 'Order of pdqhash for btree.';
COMMENT ON FUNCTION moderation.pdqhash_hash(moderation.pdqhash) IS 'Hash of pdqhash for hash joins and indexes.';
COMMENT ON FUNCTION moderation.pdqhash_hash_extended(moderation.pdqhash, bigint) IS 'Seeded hash of pdqhash for hash partitioning.';
CREATE OPERATOR pg_catalog.= (LEFTARG = moderation.pdqhash, RIGHTARG = moderation.pdqhash, FUNCTION = moderation.pdqhash_eq,
    COMMUTATOR = OPERATOR(pg_catalog.=), NEGATOR = OPERATOR(pg_catalog.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR pg_catalog.<> (LEFTARG = moderation.pdqhash, RIGHTARG = moderation.pdqhash, FUNCTION = moderation.pdqhash_ne,
    COMMUTATOR = OPERATOR(pg_catalog.<>), NEGATOR = OPERATOR(pg_catalog.=), RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR pg_catalog.< (LEFTARG = moderation.pdqhash, RIGHTARG = moderation.pdqhash, FUNCTION = moderation.pdqhash_lt,
    COMMUTATOR = OPERATOR(pg_catalog.>), NEGATOR = OPERATOR(pg_catalog.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR pg_catalog.<= (LEFTARG = moderation.pdqhash, RIGHTARG = moderation.pdqhash, FUNCTION = moderation.pdqhash_le,
    COMMUTATOR = OPERATOR(pg_catalog.>=), NEGATOR = OPERATOR(pg_catalog.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel);
CREATE OPERATOR pg_catalog.> (LEFTARG = moderation.pdqhash, RIGHTARG = moderation.pdqhash, FUNCTION = moderation.pdqhash_gt,
    COMMUTATOR = OPERATOR(pg_catalog.<), NEGATOR = OPERATOR(pg_catalog.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel);
CREATE OPERATOR pg_catalog.>= (LEFTARG = moderation.pdqhash, RIGHTARG = moderation.pdqhash, FUNCTION = moderation.pdqhash_ge,
    COMMUTATOR = OPERATOR(pg_catalog.<=), NEGATOR = OPERATOR(pg_catalog.<), RESTRICT = scalargesel, JOIN = scalargejoinsel);
COMMENT ON OPERATOR pg_catalog.= (moderation.pdqhash, moderation.pdqhash) IS 'the same hash';
COMMENT ON OPERATOR pg_catalog.<> (moderation.pdqhash, moderation.pdqhash) IS 'another hash';
COMMENT ON OPERATOR pg_catalog.< (moderation.pdqhash, moderation.pdqhash) IS 'before, in the order of the bytes';
COMMENT ON OPERATOR pg_catalog.<= (moderation.pdqhash, moderation.pdqhash) IS 'not behind, in the order of the bytes';
COMMENT ON OPERATOR pg_catalog.> (moderation.pdqhash, moderation.pdqhash) IS 'behind, in the order of the bytes';
COMMENT ON OPERATOR pg_catalog.>= (moderation.pdqhash, moderation.pdqhash) IS 'not before, in the order of the bytes';
CREATE OPERATOR CLASS moderation.pdqhash_ops DEFAULT FOR TYPE moderation.pdqhash USING btree AS
    OPERATOR 1 pg_catalog.<, OPERATOR 2 pg_catalog.<=, OPERATOR 3 pg_catalog.=, OPERATOR 4 pg_catalog.>=, OPERATOR 5 pg_catalog.>,
    FUNCTION 1 moderation.pdqhash_cmp(moderation.pdqhash, moderation.pdqhash),
    FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS moderation.pdqhash_ops USING btree IS 'Order of pdqhash.';
COMMENT ON OPERATOR FAMILY moderation.pdqhash_ops USING btree IS 'Order of pdqhash.';
CREATE OPERATOR CLASS moderation.pdqhash_ops DEFAULT FOR TYPE moderation.pdqhash USING hash AS
    OPERATOR 1 pg_catalog.=,
    FUNCTION 1 moderation.pdqhash_hash(moderation.pdqhash),
    FUNCTION 2 moderation.pdqhash_hash_extended(moderation.pdqhash, bigint);
COMMENT ON OPERATOR CLASS moderation.pdqhash_ops USING hash IS 'Equality of pdqhash.';
COMMENT ON OPERATOR FAMILY moderation.pdqhash_ops USING hash IS 'Equality of pdqhash.';
CREATE FUNCTION moderation.pdq_distance(a moderation.pdqhash, b moderation.pdqhash) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_distance';
COMMENT ON FUNCTION moderation.pdq_distance(moderation.pdqhash, moderation.pdqhash) IS 'Hamming distance of two hashes, 0 to 256 bits. Implements <->.';
CREATE OPERATOR pg_catalog.<-> (LEFTARG = moderation.pdqhash, RIGHTARG = moderation.pdqhash, FUNCTION = moderation.pdq_distance,
    COMMUTATOR = OPERATOR(pg_catalog.<->));
COMMENT ON OPERATOR pg_catalog.<-> (moderation.pdqhash, moderation.pdqhash) IS 'Hamming distance, 0 to 256 bits';
CREATE TYPE moderation.pdq_ball;
CREATE FUNCTION moderation.pdq_ball_in(cstring) RETURNS moderation.pdq_ball
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_ball_in';
CREATE FUNCTION moderation.pdq_ball_out(moderation.pdq_ball) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_ball_out';
CREATE FUNCTION moderation.pdq_ball_recv(internal) RETURNS moderation.pdq_ball
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_ball_recv';
CREATE FUNCTION moderation.pdq_ball_send(moderation.pdq_ball) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_ball_send';
COMMENT ON FUNCTION moderation.pdq_ball_in(cstring) IS 'Input of pdq_ball.';
COMMENT ON FUNCTION moderation.pdq_ball_out(moderation.pdq_ball) IS 'Output of pdq_ball.';
COMMENT ON FUNCTION moderation.pdq_ball_recv(internal) IS 'Binary input of pdq_ball.';
COMMENT ON FUNCTION moderation.pdq_ball_send(moderation.pdq_ball) IS 'Binary output of pdq_ball.';
CREATE TYPE moderation.pdq_ball (
    INPUT = moderation.pdq_ball_in, OUTPUT = moderation.pdq_ball_out, RECEIVE = moderation.pdq_ball_recv,
    SEND = moderation.pdq_ball_send, INTERNALLENGTH = 34, ALIGNMENT = char, STORAGE = plain);
COMMENT ON TYPE moderation.pdq_ball IS 'All hashes within a distance of one, written hash/radius; made by pdq_ball().';
CREATE FUNCTION moderation.pdq_ball(centre moderation.pdqhash, radius integer) RETURNS moderation.pdq_ball
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_ball';
COMMENT ON FUNCTION moderation.pdq_ball(moderation.pdqhash, integer) IS 'All hashes within radius bits of centre, radius included: hash <@ pdq_ball(centre, 31) is what an index on hash answers.';
CREATE FUNCTION moderation.pdq_within(moderation.pdqhash, moderation.pdq_ball) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_within';
CREATE FUNCTION moderation.pdq_contains(moderation.pdq_ball, moderation.pdqhash) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_contains';
CREATE FUNCTION moderation.pdq_ball_sel(internal, oid, internal, integer) RETURNS double precision
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_ball_sel';
CREATE FUNCTION moderation.pdq_ball_joinsel(internal, oid, internal, smallint, internal) RETURNS double precision
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_ball_joinsel';
COMMENT ON FUNCTION moderation.pdq_within(moderation.pdqhash, moderation.pdq_ball) IS 'Implements <@.';
COMMENT ON FUNCTION moderation.pdq_contains(moderation.pdq_ball, moderation.pdqhash) IS 'Implements @>.';
COMMENT ON FUNCTION moderation.pdq_ball_sel(internal, oid, internal, integer) IS 'Planner: share of a column''s hashes in a ball.';
COMMENT ON FUNCTION moderation.pdq_ball_joinsel(internal, oid, internal, smallint, internal) IS 'Planner: share of pairs of hash and ball that match.';
CREATE OPERATOR pg_catalog.<@ (LEFTARG = moderation.pdqhash, RIGHTARG = moderation.pdq_ball, FUNCTION = moderation.pdq_within,
    COMMUTATOR = OPERATOR(pg_catalog.@>), RESTRICT = moderation.pdq_ball_sel, JOIN = moderation.pdq_ball_joinsel);
CREATE OPERATOR pg_catalog.@> (LEFTARG = moderation.pdq_ball, RIGHTARG = moderation.pdqhash, FUNCTION = moderation.pdq_contains,
    COMMUTATOR = OPERATOR(pg_catalog.<@), RESTRICT = moderation.pdq_ball_sel, JOIN = moderation.pdq_ball_joinsel);
COMMENT ON OPERATOR pg_catalog.<@ (moderation.pdqhash, moderation.pdq_ball) IS 'hash lies in ball';
COMMENT ON OPERATOR pg_catalog.@> (moderation.pdq_ball, moderation.pdqhash) IS 'ball holds hash';
CREATE FUNCTION moderation.pdq_gin_extract_value(moderation.pdqhash, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_gin_extract_value';
CREATE FUNCTION moderation.pdq_gin_extract_query(moderation.pdq_ball, internal, smallint, internal, internal, internal, internal)
    RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_gin_extract_query';
CREATE FUNCTION moderation.pdq_gin_consistent(internal, smallint, moderation.pdq_ball, integer, internal, internal, internal, internal)
    RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_gin_consistent';
CREATE FUNCTION moderation.pdq_gin_compare_partial(bigint, bigint, smallint, internal) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_gin_compare_partial';
CREATE FUNCTION moderation.pdq_gin_triconsistent(internal, smallint, moderation.pdq_ball, integer, internal, internal, internal)
    RETURNS "char"
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_gin_triconsistent';
COMMENT ON FUNCTION moderation.pdq_gin_extract_value(moderation.pdqhash, internal) IS 'GIN: the sixteen keys of a hash.';
COMMENT ON FUNCTION moderation.pdq_gin_extract_query(moderation.pdq_ball, internal, smallint, internal, internal, internal, internal) IS 'GIN: the ranges of keys to look into for a ball.';
COMMENT ON FUNCTION moderation.pdq_gin_consistent(internal, smallint, moderation.pdq_ball, integer, internal, internal, internal, internal) IS 'GIN: whether a row with these keys is a candidate.';
COMMENT ON FUNCTION moderation.pdq_gin_compare_partial(bigint, bigint, smallint, internal) IS 'GIN: whether a key in a range passes.';
COMMENT ON FUNCTION moderation.pdq_gin_triconsistent(internal, smallint, moderation.pdq_ball, integer, internal, internal, internal) IS 'GIN: the same when not all keys are known.';
CREATE OPERATOR CLASS moderation.pdqhash_ops DEFAULT FOR TYPE moderation.pdqhash USING gin AS
    OPERATOR 1 pg_catalog.<@ (moderation.pdqhash, moderation.pdq_ball),
    FUNCTION 1 btint8cmp(bigint, bigint),
    FUNCTION 2 moderation.pdq_gin_extract_value(moderation.pdqhash, internal),
    FUNCTION 3 moderation.pdq_gin_extract_query(moderation.pdq_ball, internal, smallint, internal, internal, internal, internal),
    FUNCTION 4 moderation.pdq_gin_consistent(internal, smallint, moderation.pdq_ball, integer, internal, internal, internal, internal),
    FUNCTION 5 moderation.pdq_gin_compare_partial(bigint, bigint, smallint, internal),
    FUNCTION 6 moderation.pdq_gin_triconsistent(internal, smallint, moderation.pdq_ball, integer, internal, internal, internal),
    STORAGE bigint;
COMMENT ON OPERATOR CLASS moderation.pdqhash_ops USING gin IS 'Every hash within any radius: hash <@ pdq_ball(centre, radius).';
COMMENT ON OPERATOR FAMILY moderation.pdqhash_ops USING gin IS 'Every hash within any radius: hash <@ pdq_ball(centre, radius).';
CREATE TYPE moderation.video_frame AS (
    frame_number integer, hash moderation.pdqhash, quality smallint, seconds double precision);
COMMENT ON TYPE moderation.video_frame IS 'One hashed frame of a video: its number from 0, PDQ hash, quality 0 to 100, and when it is shown. A video is an array of these.';
COMMENT ON TABLE moderation.policies IS 'The rules reviewers apply (prohibited goods, gambling, adult, ...).';
COMMENT ON COLUMN moderation.policies.severity IS '1 (mild) to 5 (worst).';
COMMENT ON COLUMN moderation.policies.default_action IS 'Action of packages created under this policy without one of their own.';
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
ALTER TABLE moderation.drafts
    ADD COLUMN images integer NOT NULL DEFAULT 0,
    ADD COLUMN videos integer NOT NULL DEFAULT 0;
COMMENT ON TABLE moderation.drafts IS 'The state of each package''s draft: counts and the multiset hash of its items, updated with every edit.';
COMMENT ON COLUMN moderation.drafts.draft_key IS 'Names this state of the draft in this database; new with every edit.';
COMMENT ON COLUMN moderation.drafts.set_state IS 'LtHash16 state (1,024 lanes of 16 bits) over the draft''s items.';
ALTER TABLE moderation.items ADD COLUMN evidence text;
COMMENT ON TABLE moderation.items IS 'The identity and provenance of every item that ever was; its content is in item_versions.';
COMMENT ON COLUMN moderation.items.source IS 'Where the item came from: a list, a partner, an investigation.';
COMMENT ON COLUMN moderation.items.case_ref IS 'The case the item was derived from.';
COMMENT ON COLUMN moderation.items.evidence IS 'What it was first seen in: a content (table and key), a hit, a link.';
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
CREATE INDEX item_versions_removed_idx ON moderation.item_versions (package_id, removed_in) WHERE removed_in IS NOT NULL;
CREATE INDEX item_versions_hash_idx ON moderation.item_versions (package_id, hash) WHERE hash IS NOT NULL AND removed_in IS NULL;
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
ALTER TABLE moderation.releases
    ADD COLUMN scheduled integer NOT NULL DEFAULT 0,
    ADD COLUMN images integer NOT NULL DEFAULT 0,
    ADD COLUMN videos integer NOT NULL DEFAULT 0,
    ADD COLUMN max_distance smallint NOT NULL DEFAULT 31,
    ADD COLUMN rules jsonb;
COMMENT ON TABLE moderation.releases IS 'Immutable numbered states of packages, settings included. Matching only ever uses these.';
COMMENT ON COLUMN moderation.releases.rules IS 'Verdict rules, frozen: an array of objects with action, and the conditions score, strikes (days, half_life, any_package) and with.';
COMMENT ON COLUMN moderation.releases.release_key IS 'Names this release in this database: item ids are local, the content hash is not.';
COMMENT ON COLUMN moderation.releases.content_hash IS 'Hash of the set of items and the frozen settings; the same content has the same hash on every server, whatever its history.';
COMMENT ON COLUMN moderation.releases.scheduled IS 'How many of its items have valid_from or expires_at.';
ALTER TABLE moderation.deployments
    ADD COLUMN share numeric(5, 2) NOT NULL DEFAULT 100 CHECK (share > 0.0 AND share <= 100.0),
    ADD COLUMN rest integer,
    ADD COLUMN valid_from timestamptz,
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN operation text NOT NULL DEFAULT 'publish',
    ALTER COLUMN since SET DEFAULT clock_timestamp();
UPDATE moderation.deployments AS d SET operation = 'retire'
WHERE d.release IS NULL
  AND NOT (d.stage = 'shadow' AND d.note = 'now live'
           AND EXISTS (SELECT FROM moderation.deployments l
                       WHERE l.package_id = d.package_id AND l.stage = 'live' AND l.release IS NOT NULL AND l.since = d.since));
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
COMMENT ON TABLE moderation.in_force_signal IS 'Empty on purpose: its relation cache entry carries the signal that deployments changed.';
COMMENT ON TABLE moderation.installation IS 'One row, made by the first attach: the identity of this installation and the salt of its exposure sample. Not seeded by the script, since a restore brings its own.';
CREATE TABLE moderation.audit_log (
    audit_id        bigint GENERATED ALWAYS AS IDENTITY,
    at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    by_role         text NOT NULL,
    session_role    text NOT NULL,
    call            text NOT NULL CHECK (call <> ''),
    package         text,
    package_id      integer,
    before          jsonb,
    after           jsonb,
    reason          text,
    entry_key       uuid NOT NULL DEFAULT gen_random_uuid(),
    -- A logical subscriber writes entries of its own between those it receives; both count from 1.
    PRIMARY KEY (audit_id, entry_key)
);
CREATE INDEX audit_log_package_idx ON moderation.audit_log (package_id, audit_id);
CREATE INDEX audit_log_at_idx ON moderation.audit_log (at);
COMMENT ON TABLE moderation.audit_log IS 'Every change: who, when, by which function, what was before and after, why. Append-only for all but superusers.';
COMMENT ON COLUMN moderation.audit_log.at IS 'The time of the call by the clock, not of its transaction''s start.';
COMMENT ON COLUMN moderation.audit_log.by_role IS 'moderation.caller(): the role that called, after SET ROLE.';
COMMENT ON COLUMN moderation.audit_log.session_role IS 'The role that logged in.';
COMMENT ON COLUMN moderation.audit_log.call IS 'Name of the function. What one function does through another is recorded by the other.';
COMMENT ON COLUMN moderation.audit_log.package IS 'Name of the package at that time, NULL for what concerns no package.';
COMMENT ON COLUMN moderation.audit_log.before IS 'What the call changed, as it was; NULL for what it made.';
COMMENT ON COLUMN moderation.audit_log.after IS 'What the call changed, as it is now; NULL for what is gone.';
COMMENT ON COLUMN moderation.audit_log.reason IS 'The note that the caller gave.';
CREATE FUNCTION moderation.audit_log_guard() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user)
       AND NOT (TG_OP = 'INSERT' AND pg_has_role(current_user, (SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID), 'USAGE')) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = 'moderation.audit_log is append-only',
            DETAIL = 'Only the functions of pg_moderation write it; only a superuser may change or remove what is there.',
            HINT = 'Record what is wrong with an entry by a new change and its reason.';
    END IF;
    RETURN NULL;
END
$fn$;
COMMENT ON FUNCTION moderation.audit_log_guard() IS 'Trigger: keeps the audit log append-only.';
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON moderation.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION moderation.audit_log_guard();
CREATE FUNCTION moderation.changes(value jsonb, other jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT jsonb_object_agg(v.key, v.value) FROM jsonb_each(value) AS v(key, value)
        WHERE v.value IS DISTINCT FROM other->v.key;
    END;
COMMENT ON FUNCTION moderation.changes(jsonb, jsonb) IS 'Internal: the keys of one object that the other does not have with the same value, for before and after of the audit log.';
CREATE FUNCTION moderation.audit(call text, package text, before jsonb, after jsonb, reason text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    INSERT INTO moderation.audit_log (by_role, session_role, call, package, package_id, before, after, reason)
    VALUES (moderation.caller(), session_user, audit.call, audit.package,
            (SELECT p.package_id FROM moderation.packages p WHERE p.name = audit.package),
            audit.before, audit.after, audit.reason);
END
$fn$;
COMMENT ON FUNCTION moderation.audit(text, text, jsonb, jsonb, text) IS 'Internal: one entry of the audit log, on behalf of the caller. Called by functions that run as the owner, after the change.';
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
COMMENT ON TABLE moderation.sources IS 'Tables that are or were attached. Records name a source by id, so renaming the table loses nothing.';
COMMENT ON FUNCTION moderation.ring_bucket(timestamptz) IS 'Partition of the rings of hits and exposures that a moment falls into: 16 buckets of 28 days each.';
ALTER TABLE moderation.hits
    ADD COLUMN distance smallint,
    ADD COLUMN material_percent real,
    ADD COLUMN content_percent real,
    ADD COLUMN time_ranges nummultirange;
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
COMMENT ON TABLE moderation.exposures IS 'A sample of all judged contents, hit or not: the denominator of every rate.';
COMMENT ON COLUMN moderation.exposures.action IS 'The verdict''s action; NULL: no live hit.';
COMMENT ON COLUMN moderation.exposures.weight IS 'How many contents this row stands for (pg_moderation.exposure_sample when it was taken).';
ALTER TABLE moderation.reviews
    ADD COLUMN reviewer text,
    ADD COLUMN final boolean NOT NULL DEFAULT false;
UPDATE moderation.reviews SET reviewer = reviewed_by;
ALTER TABLE moderation.reviews ALTER COLUMN reviewer SET NOT NULL;
COMMENT ON TABLE moderation.reviews IS 'Human labels of contents (hit_id NULL) and of single hits; append-only. The newest of each reviewer counts; what they amount to is in moderation.labels.';
COMMENT ON COLUMN moderation.reviews.policy_id IS 'The policy that was applied; NULL: no policy in particular.';
COMMENT ON COLUMN moderation.reviews.reviewed_by IS 'The role that recorded it.';
COMMENT ON COLUMN moderation.reviews.reviewer IS 'The person who judged, as the application names them; the role itself when it names none.';
COMMENT ON COLUMN moderation.reviews.final IS 'The decision of an appeal (appeal_review): outweighs every other label.';
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
COMMENT ON FUNCTION moderation.matches(text, text) IS 'Does the live release of the package hit this text? Equals EXISTS over its live text_hits().';
COMMENT ON FUNCTION moderation.moderate_text(text, text[], text) IS 'The verdict on a text by the live releases of all or the named packages. NULL for a NULL text.';
COMMENT ON FUNCTION moderation.moderate_text(text, text, text) IS 'The verdict on a text by the live release of one package.';
CREATE FUNCTION moderation.moderate_text_as_of(
    body text, at timestamptz, packages text[] DEFAULT NULL, content_key text DEFAULT NULL)
    RETURNS moderation.verdict
    LANGUAGE c STABLE PARALLEL SAFE COST 1000
    AS 'MODULE_PATHNAME', 'moderation_moderate_text_as_of';
COMMENT ON FUNCTION moderation.moderate_text_as_of(text, timestamptz, text[], text) IS 'The verdict on a text by what was in force at that time: deployments, shares, overrides and schedules of then, by today''s engine. A time to come: what is in force now, with the schedules of then.';
CREATE FUNCTION moderation.moderate_text_by_release(body text, package text, release integer DEFAULT NULL)
    RETURNS moderation.verdict
    LANGUAGE c STABLE PARALLEL SAFE COST 200
    AS 'MODULE_PATHNAME', 'moderation_moderate_text_by_release';
COMMENT ON FUNCTION moderation.moderate_text_by_release(text, text, integer) IS 'The verdict on a text by one release of a package, in force or not, or by its draft (release NULL): by all its items, whatever their schedule.';
COMMENT ON FUNCTION moderation.text_hits(text, text[], integer, boolean, boolean) IS 'Every place of every item in a text: by the live and shadow releases in force, by one release of one package, or by its draft (stage NULL). suppressed => true also lists what allow entries cover.';
COMMENT ON FUNCTION moderation.text_hits(text, text, integer, boolean, boolean) IS 'Every place of every item of one package in a text.';
COMMENT ON FUNCTION moderation.mask_text(text, text[], text) IS 'The text with every live hit of all or the named packages hidden, character by character; white space stays.';
COMMENT ON FUNCTION moderation.fold_text(text, moderation.match_level) IS 'The text as terms of this level see it. Depends on folding_version().';
COMMENT ON FUNCTION moderation.explain_text(text, text, moderation.match_mode, moderation.match_level, text) IS 'Why a text is hit, or not, in words: by the package of this name (its live release, else its draft), by the items with this term, or by a term that is in no package, tried with match, level and language.';
COMMENT ON FUNCTION moderation.content_digest(text[]) IS 'SHA-256 over the fields in order, each as 8 bytes of length (big endian; all ones for NULL) and its UTF-8 bytes: the digest that hits record.';
COMMENT ON FUNCTION moderation.folding_version() IS 'Version of the folding rules of this library; part of every release and of every compiled set''s name.';
COMMENT ON FUNCTION moderation.caller() IS 'Internal: the role on whose behalf we work, also inside our own security definer functions.';
COMMENT ON FUNCTION moderation.check_terms(text[], boolean, moderation.match_mode, moderation.match_level, text) IS 'Internal: refuses what cannot be compiled, drops repeats, computes what makes two items the same.';
COMMENT ON FUNCTION moderation.set_hash_apply(bytea, bytea[], bytea[]) IS 'Internal: the multiset hash after adding and removing elements; an empty state is the empty set.';
COMMENT ON FUNCTION moderation.compile_in_force() IS 'Internal: compiles what this transaction has in force, so that a publish fails now rather than a query later.';
CREATE FUNCTION moderation.compiled_sets(
    OUT set_name text, OUT releases jsonb, OUT base text, OUT bytes bigint, OUT built_at timestamptz, OUT build_ms bigint,
    OUT used_at timestamptz, OUT in_force boolean, OUT mapped_here boolean)
    RETURNS SETOF record
    LANGUAGE c VOLATILE ROWS 3
    AS 'MODULE_PATHNAME', 'moderation_compiled_sets';
COMMENT ON FUNCTION moderation.compiled_sets() IS 'Internal: the files of compiled sets of this database on this server, and the set in force if it has none. See moderation.compiled_state.';
COMMENT ON FUNCTION moderation.collect_rejected() IS 'Moves the hits of rejected rows from the spool into hits; returns how many rows it read. Runs by itself after rejects and in every writing call; takes none in a transaction above READ COMMITTED.';
COMMENT ON FUNCTION moderation.release_quarantined(bigint, text) IS 'Stores a quarantined row (or applies a quarantined update) with the caller''s own rights, without quarantining it again; returns its content key.';
COMMENT ON FUNCTION moderation.signal_in_force() IS 'Trigger: tells every backend that the map of what is in force is stale.';
COMMENT ON FUNCTION moderation.judge_row() IS 'Trigger (before row): writes the verdict column, keeps quarantined rows out. Made by attach().';
COMMENT ON FUNCTION moderation.record_row() IS 'Trigger (after row): records hits and exposures of the row as stored, rejects blocked rows. Made by attach().';
COMMENT ON FUNCTION moderation.watched_columns() IS 'Trigger (after statement): does nothing; its column list names the watched columns, so that PostgreSQL itself follows renames. Made by attach().';
CREATE TRIGGER signal_in_force AFTER INSERT OR UPDATE OR DELETE ON moderation.item_overrides
    FOR EACH ROW EXECUTE FUNCTION moderation.signal_in_force();
CREATE TRIGGER signal_in_force_truncate AFTER TRUNCATE ON moderation.item_overrides
    FOR EACH STATEMENT EXECUTE FUNCTION moderation.signal_in_force();
CREATE TRIGGER signal_in_force_rights AFTER UPDATE ON moderation.packages
    FOR EACH ROW WHEN (OLD.restricted <> NEW.restricted OR OLD.team IS DISTINCT FROM NEW.team)
    EXECUTE FUNCTION moderation.signal_in_force();
CREATE TRIGGER signal_in_force AFTER INSERT OR UPDATE OR DELETE ON moderation.group_roles
    FOR EACH ROW EXECUTE FUNCTION moderation.signal_in_force();
ALTER TABLE moderation.item_overrides ENABLE ALWAYS TRIGGER signal_in_force;
ALTER TABLE moderation.item_overrides ENABLE ALWAYS TRIGGER signal_in_force_truncate;
ALTER TABLE moderation.packages ENABLE ALWAYS TRIGGER signal_in_force_rights;
ALTER TABLE moderation.group_roles ENABLE ALWAYS TRIGGER signal_in_force;
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
CREATE FUNCTION moderation.image_item_hash(hash moderation.pdqhash, allow boolean, max_distance integer) RETURNS bytea
    LANGUAGE c IMMUTABLE
    AS 'MODULE_PATHNAME', 'moderation_image_item_hash';
COMMENT ON FUNCTION moderation.image_item_hash(moderation.pdqhash, boolean, integer) IS 'Internal: what makes two image items the same.';
CREATE FUNCTION moderation.video_item_hash(
    frames moderation.video_frame[], max_distance integer, min_material real, min_content real) RETURNS bytea
    LANGUAGE c IMMUTABLE
    AS 'MODULE_PATHNAME', 'moderation_video_item_hash';
COMMENT ON FUNCTION moderation.video_item_hash(moderation.video_frame[], integer, real, real) IS 'Internal: what makes two video items the same; refuses frames that could never match.';
CREATE FUNCTION moderation.visible_packages() RETURNS integer[]
    LANGUAGE c STABLE PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'moderation_visible_packages';
COMMENT ON FUNCTION moderation.visible_packages() IS 'Ids of the packages whose rows the caller may see: all but those of teams that he is no member of.';
CREATE FUNCTION moderation.readable_packages() RETURNS integer[]
    LANGUAGE c STABLE PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'moderation_readable_packages';
COMMENT ON FUNCTION moderation.readable_packages() IS 'Ids of the packages whose material the caller may read: those he sees, without the restricted ones unless he is an operator or admin.';
CREATE FUNCTION moderation.caller_is(class text) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'moderation_caller_is';
COMMENT ON FUNCTION moderation.caller_is(text) IS 'Is the caller of this class: reader, reviewer, operator or admin? Admins, superusers and the owner of the extension are of every class. See create_roles().';
CREATE FUNCTION moderation.check_visible(package_id integer) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF check_visible.package_id <> ALL (moderation.visible_packages()) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('package "%s" belongs to another team', (SELECT p.name FROM moderation.packages p WHERE p.package_id = check_visible.package_id)),
            DETAIL = format('%s is no member of it.', moderation.caller()),
            HINT = 'Ask a member of the team; matching works for everybody.';
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_visible(integer) IS 'Internal: refuses the package of another team.';
CREATE FUNCTION moderation.check_readable(package_id integer) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    PERFORM moderation.check_visible(check_readable.package_id);
    IF check_readable.package_id <> ALL (moderation.readable_packages()) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('package "%s" is restricted', (SELECT p.name FROM moderation.packages p WHERE p.package_id = check_readable.package_id)),
            DETAIL = format('%s is neither operator nor admin.', moderation.caller()),
            HINT = 'Figures (package_stats, item_stats) and matching work for everybody.';
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_readable(integer) IS 'Internal: refuses to show the material of a package that the caller may not read.';
CREATE FUNCTION moderation.check_approver(target moderation.packages) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    PERFORM moderation.check_visible(target.package_id);
    IF target.restricted AND NOT moderation.caller_is('admin') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('only an admin may change what is in force of package "%s"', target.name),
            DETAIL = format('The package is restricted, and %s is no admin.', moderation.caller()),
            HINT = format('SELECT moderation.request_publish(%L); an admin answers with approve_publish().', target.name);
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_approver(moderation.packages) IS 'Internal: refuses to change what is in force of a restricted package, unless an admin calls.';
CREATE FUNCTION moderation.may_deploy(package_id integer) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT p.package_id = ANY (moderation.visible_packages()) AND (NOT p.restricted OR moderation.caller_is('admin'))
        FROM moderation.packages p WHERE p.package_id = may_deploy.package_id;
    END;
COMMENT ON FUNCTION moderation.may_deploy(integer) IS 'Internal: may the caller change what is in force of this package?';
CREATE OR REPLACE FUNCTION moderation.create_policy(
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
    PERFORM moderation.audit('create_policy', NULL, NULL, to_jsonb(p), NULL)
    FROM moderation.policies p WHERE p.policy_id = new_id;
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.create_policy(text, integer, moderation.action, text) IS 'Creates a policy; returns its id.';
COMMENT ON FUNCTION moderation.check_name(text, text) IS 'Internal: refuses names nobody could type.';
CREATE OR REPLACE FUNCTION moderation.create_package(
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
    PERFORM moderation.audit('create_package', p.name, NULL, to_jsonb(p) - 'rollout_salt', NULL)
    FROM moderation.packages p WHERE p.package_id = new_id;
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.create_package(text, text, moderation.action, real, text) IS 'Creates an empty package, under a policy or none; its action defaults to the policy''s, then to review. Returns its id.';
CREATE OR REPLACE FUNCTION moderation.lock_package(package text) RETURNS moderation.packages
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
    -- Whoever changes a package reads it: its errors and results are about its items.
    PERFORM moderation.check_readable(found_package.package_id);
    RETURN found_package;
END
$fn$;
COMMENT ON FUNCTION moderation.lock_package(text) IS 'Internal: the package by name, locked against concurrent edits and publishes.';
COMMENT ON FUNCTION moderation.item_element(bytea, real) IS 'Internal: what an item without times contributes to its release''s content hash.';
CREATE FUNCTION moderation.item_element(item_hash bytea, weight real, valid_from timestamptz, expires_at timestamptz) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN moderation.item_element(item_hash, weight)
        || CASE WHEN valid_from IS NULL AND expires_at IS NULL THEN ''::bytea
                ELSE '\x74'::bytea || timestamptz_send(coalesce(valid_from, '-infinity'))
                     || timestamptz_send(coalesce(expires_at, 'infinity')) END;
COMMENT ON FUNCTION moderation.item_element(bytea, real, timestamptz, timestamptz) IS 'Internal: what an item contributes to its release''s content hash; its times only when it has some.';
CREATE FUNCTION moderation.check_schedule(INOUT valid_from timestamptz, INOUT expires_at timestamptz)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    valid_from := nullif(valid_from, '-infinity');
    expires_at := nullif(expires_at, 'infinity');
    IF expires_at <= now() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('expires_at %s is in the past', expires_at),
            DETAIL = format('It is %s now.', now()),
            HINT = 'Give a time to come, or ''infinity'' for none.';
    END IF;
    IF expires_at <= valid_from OR valid_from = 'infinity' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('a schedule from %s to %s is empty', valid_from, coalesce(expires_at, 'infinity')),
            DETAIL = 'valid_from must be before expires_at.',
            HINT = 'Leave one of them out, or change it.';
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_schedule(timestamptz, timestamptz) IS 'Internal: refuses schedules that are over or empty; infinite ends become NULL.';
CREATE FUNCTION moderation.add_to_draft(
    package text, terms text[], allow boolean, match moderation.match_mode, level moderation.match_level, language text,
    weight real, source text, case_ref text, note text, valid_from timestamptz, expires_at timestamptz,
    evidence text DEFAULT NULL, OUT added integer, OUT skipped integer)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages;
    texts text[];
    hashes bytea[];
    elements bytea[];
    item_ids bigint[];
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
    PERFORM moderation.check_weight(weight);
    SELECT s.valid_from, s.expires_at INTO valid_from, expires_at FROM moderation.check_schedule(valid_from, expires_at) s;
    target := moderation.lock_package(package);
    SELECT array_agg(c.term), array_agg(c.item_hash) INTO texts, hashes
    FROM moderation.check_terms(terms, allow, match, level, lower(language)) c;
    WITH fresh AS MATERIALIZED (
        SELECT nextval('moderation.items_item_id_seq') AS item_id, c.term, c.item_hash
        FROM unnest(texts, hashes) AS c(term, item_hash)
        -- Asked one by one, through the index: before ANALYZE a join would read the whole package for ten terms.
        WHERE (SELECT v.item_id FROM moderation.item_versions v
               WHERE v.package_id = target.package_id AND v.item_hash = c.item_hash AND v.removed_in IS NULL LIMIT 1) IS NULL
    ), new_items AS (
        INSERT INTO moderation.items (item_id, package_id, source, case_ref, note, evidence, created_by)
        OVERRIDING SYSTEM VALUE
        SELECT f.item_id, target.package_id, source, case_ref, note, evidence, moderation.caller() FROM fresh f
    ), new_versions AS (
        INSERT INTO moderation.item_versions
            (item_id, package_id, added_in, allow, term, match, level, language, weight, valid_from, expires_at, item_hash,
             changed_by)
        SELECT f.item_id, target.package_id, target.latest_release + 1, add_to_draft.allow, f.term,
               add_to_draft.match, add_to_draft.level, lower(add_to_draft.language), add_to_draft.weight,
               add_to_draft.valid_from, add_to_draft.expires_at, f.item_hash, moderation.caller()
        FROM fresh f
        RETURNING item_id, item_hash
    )
    SELECT array_agg(moderation.item_element(n.item_hash, add_to_draft.weight, add_to_draft.valid_from, add_to_draft.expires_at)),
           array_agg(n.item_id ORDER BY n.item_id), count(*)
    INTO elements, item_ids, added FROM new_versions n;
    skipped := cardinality(terms) - added;
    IF added > 0 THEN
        UPDATE moderation.drafts d
        SET set_state = moderation.set_hash_apply(d.set_state, elements, '{}'),
            terms = d.terms + CASE WHEN add_to_draft.allow THEN 0 ELSE added END,
            allow_entries = d.allow_entries + CASE WHEN add_to_draft.allow THEN added ELSE 0 END,
            draft_key = gen_random_uuid(), changed_at = now(), changed_by = moderation.caller()
        WHERE d.package_id = target.package_id;
        PERFORM moderation.audit(CASE WHEN allow THEN 'allow_terms' ELSE 'add_terms' END, target.name, NULL,
            jsonb_build_object('items', item_ids, 'added', added, 'skipped', skipped), note);
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.add_to_draft(text, text[], boolean, moderation.match_mode, moderation.match_level, text, real, text, text, text, timestamptz, timestamptz, text) IS 'Internal: what add_terms() and allow_terms() share.';
CREATE FUNCTION moderation.add_terms(
    package text, terms text[], match moderation.match_mode DEFAULT 'word', level moderation.match_level DEFAULT 'folded',
    weight real DEFAULT 1, source text DEFAULT NULL, case_ref text DEFAULT NULL, note text DEFAULT NULL,
    language text DEFAULT NULL, valid_from timestamptz DEFAULT NULL, expires_at timestamptz DEFAULT NULL,
    evidence text DEFAULT NULL, OUT added integer, OUT skipped integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    SELECT a.added, a.skipped INTO added, skipped
    FROM moderation.add_to_draft(package, terms, false, match, level, language, weight, source, case_ref, note, valid_from, expires_at, evidence) a;
END
$fn$;
COMMENT ON FUNCTION moderation.add_terms(text, text[], moderation.match_mode, moderation.match_level, real, text, text, text, text, timestamptz, timestamptz, text) IS 'Adds terms to the package''s draft. Terms that are already there are skipped and counted. No verdict changes before publish_package(). valid_from and expires_at: when they count; source, case_ref, evidence: where they come from and what they were first seen in.';
CREATE FUNCTION moderation.allow_terms(
    package text, terms text[], match moderation.match_mode DEFAULT 'word', level moderation.match_level DEFAULT 'folded',
    source text DEFAULT NULL, case_ref text DEFAULT NULL, note text DEFAULT NULL, language text DEFAULT NULL,
    valid_from timestamptz DEFAULT NULL, expires_at timestamptz DEFAULT NULL,
    evidence text DEFAULT NULL, OUT added integer, OUT skipped integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    SELECT a.added, a.skipped INTO added, skipped
    FROM moderation.add_to_draft(package, terms, true, match, level, language, 1, source, case_ref, note, valid_from, expires_at, evidence) a;
END
$fn$;
COMMENT ON FUNCTION moderation.allow_terms(text, text[], moderation.match_mode, moderation.match_level, text, text, text, text, timestamptz, timestamptz, text) IS 'Adds allow entries to the package''s draft: hits of this package that lie inside an allowed span do not count.';
CREATE FUNCTION moderation.remove_items(package text, item_ids bigint[], note text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(package);
    removed integer;
    elements bytea[];
    removed_allow integer;
    removed_images integer;
    removed_videos integer;
    gone jsonb;
BEGIN
    PERFORM moderation.check_items(target, item_ids);
    SELECT array_agg(moderation.item_element(v.item_hash, v.weight, v.valid_from, v.expires_at)), count(*),
           count(*) FILTER (WHERE v.allow), count(*) FILTER (WHERE v.kind = 'image' AND NOT v.allow),
           count(*) FILTER (WHERE v.kind = 'video'), jsonb_agg(to_jsonb(i) || to_jsonb(v) - 'item_hash' ORDER BY v.item_id)
    INTO elements, removed, removed_allow, removed_images, removed_videos, gone
    FROM moderation.item_versions v JOIN moderation.items i ON i.item_id = v.item_id
    WHERE v.item_id = ANY (item_ids) AND v.package_id = target.package_id AND v.removed_in IS NULL;
    IF removed = 0 THEN
        RETURN 0;
    END IF;
    -- What no release ever contained simply goes; the rest ends with the next release.
    UPDATE moderation.item_versions v SET removed_in = target.latest_release + 1
    WHERE v.item_id = ANY (item_ids) AND v.removed_in IS NULL AND v.added_in <= target.latest_release;
    DELETE FROM moderation.item_versions v
    WHERE v.item_id = ANY (item_ids) AND v.removed_in IS NULL AND v.added_in > target.latest_release;
    DELETE FROM moderation.items i
    WHERE i.item_id = ANY (item_ids)
      AND NOT EXISTS (SELECT FROM moderation.item_versions v WHERE v.item_id = i.item_id);
    UPDATE moderation.drafts d
    SET set_state = moderation.set_hash_apply(d.set_state, '{}', elements),
        terms = d.terms - (removed - removed_allow - removed_images - removed_videos), allow_entries = d.allow_entries - removed_allow,
        images = d.images - removed_images, videos = d.videos - removed_videos,
        draft_key = gen_random_uuid(), changed_at = now(), changed_by = moderation.caller()
    WHERE d.package_id = target.package_id;
    PERFORM moderation.audit('remove_items', target.name, jsonb_build_object('items', gone), NULL, note);
    RETURN removed;
END
$fn$;
COMMENT ON FUNCTION moderation.remove_items(text, bigint[], text) IS 'Removes items or allow entries from the package''s draft by id; returns how many.';
CREATE FUNCTION moderation.remove_terms(package text, terms text[], note text DEFAULT NULL) RETURNS integer
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
        WHERE v.package_id = target.package_id AND v.removed_in IS NULL AND v.term = ANY (terms)), note);
END
$fn$;
COMMENT ON FUNCTION moderation.remove_terms(text, text[], text) IS 'Removes every item and allow entry with one of these texts from the package''s draft; returns how many.';
CREATE FUNCTION moderation.deployed(package_id integer, stage moderation.stage) RETURNS moderation.deployments
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT d FROM moderation.deployments d
        WHERE d.package_id = deployed.package_id AND d.stage = deployed.stage
        ORDER BY d.deployment_id DESC LIMIT 1;
    END;
COMMENT ON FUNCTION moderation.deployed(integer, moderation.stage) IS 'Internal: the deployment that counts for a package and stage.';
CREATE FUNCTION moderation.deploy(
    package_id integer, stage moderation.stage, release integer, note text, share numeric DEFAULT 100,
    rest integer DEFAULT NULL, operation text DEFAULT 'publish')
    RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    current_one moderation.deployments := moderation.deployed(package_id, stage);
    target moderation.packages;
BEGIN
    SELECT * INTO target FROM moderation.packages p WHERE p.package_id = deploy.package_id;
    IF deploy.release IS NULL THEN
        -- Nothing has no schedule.
        target.valid_from := NULL;
        target.expires_at := NULL;
    END IF;
    IF ROW(current_one.release, coalesce(current_one.share, 100), current_one.rest, current_one.valid_from, current_one.expires_at)
       IS DISTINCT FROM ROW(deploy.release, deploy.share, deploy.rest, target.valid_from, target.expires_at) THEN
        INSERT INTO moderation.deployments
            (package_id, stage, release, share, rest, valid_from, expires_at, operation, deployed_by, note)
        VALUES (deploy.package_id, deploy.stage, deploy.release, deploy.share, deploy.rest, target.valid_from,
                target.expires_at, deploy.operation, moderation.caller(), deploy.note)
        RETURNING * INTO current_one;
        PERFORM moderation.announce(current_one);
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.deploy(integer, moderation.stage, integer, text, numeric, integer, text) IS 'Internal: puts a release (or nothing) in force in one stage, if it is not already.';
CREATE FUNCTION moderation.stages_of(package_id integer) RETURNS jsonb
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT jsonb_object_agg(s.stage,
            CASE WHEN d.share < 100.0 THEN jsonb_build_object('release', d.release, 'share', d.share, 'rest', d.rest)
                 ELSE to_jsonb(d.release) END)
        FROM unnest(enum_range(NULL::moderation.stage)) AS s(stage)
        LEFT JOIN LATERAL (SELECT x.release, x.share, x.rest FROM moderation.deployments x
                           WHERE x.package_id = stages_of.package_id AND x.stage = s.stage
                           ORDER BY x.deployment_id DESC LIMIT 1) d ON true;
    END;
COMMENT ON FUNCTION moderation.stages_of(integer) IS 'Internal: the release in force in each stage (with its share during a rollout), as the audit log shows it.';
CREATE FUNCTION moderation.freeze_draft(target moderation.packages, note text) RETURNS integer
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    draft moderation.drafts;
    policy moderation.policies;
    latest moderation.releases;
    hash bytea;
    number integer;
BEGIN
    SELECT * INTO draft FROM moderation.drafts d WHERE d.package_id = target.package_id;
    SELECT * INTO policy FROM moderation.policies p WHERE p.policy_id = target.policy_id;
    SELECT * INTO latest FROM moderation.releases r
    WHERE r.package_id = target.package_id AND r.release = target.latest_release;
    IF draft.terms + draft.images + draft.videos = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('package "%s" has no item to publish', target.name),
            DETAIL = 'A release needs at least one term, image or video; allow entries alone match nothing.',
            HINT = format('Add terms first: SELECT moderation.add_terms(%L, ARRAY[...]); to stop enforcing, use retire_package().', target.name);
    END IF;
    -- Where no item has a distance, the package's means nothing.
    hash := moderation.content_hash(draft.set_state, target.action, target.threshold, policy.name, policy.severity,
                                    CASE WHEN draft.images + draft.videos > 0 THEN target.max_distance END, target.rules);
    IF latest.content_hash = hash AND latest.folding_version = moderation.folding_version() THEN
        -- Nothing to freeze: the newest release says the same already.
        RETURN latest.release;
    END IF;
    number := target.latest_release + 1;
    INSERT INTO moderation.releases
        (package_id, release, content_hash, action, threshold, policy, severity, folding_version,
         terms, allow_entries, images, videos, max_distance, rules, scheduled, note, published_by)
    VALUES (target.package_id, number, hash, target.action, target.threshold, policy.name, policy.severity,
            moderation.folding_version(), draft.terms, draft.allow_entries, draft.images, draft.videos, target.max_distance, target.rules,
            -- Written so that only item_versions_scheduled_idx fits, also where the table was never analyzed; the draft
            -- marks what it removes with this number.
            (SELECT count(*) FROM moderation.item_versions v
             WHERE v.package_id = target.package_id AND coalesce(v.removed_in > number, true)
               AND (v.valid_from IS NOT NULL OR v.expires_at IS NOT NULL)),
            freeze_draft.note, moderation.caller());
    UPDATE moderation.packages p SET latest_release = number WHERE p.package_id = target.package_id;
    RETURN number;
END
$fn$;
COMMENT ON FUNCTION moderation.freeze_draft(moderation.packages, text) IS 'Internal: makes a release of the draft, or finds that the newest one says the same; returns its number. The package is locked.';
CREATE FUNCTION moderation.put_in_force(
    target moderation.packages, stage moderation.stage, release integer, share numeric, note text, operation text,
    call text DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    live moderation.deployments := moderation.deployed(target.package_id, 'live');
    shadow moderation.deployments := moderation.deployed(target.package_id, 'shadow');
    before jsonb := moderation.stages_of(target.package_id);
    rest integer;
BEGIN
    IF target.expires_at <= now() THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('package "%s" expired at %s', target.name, target.expires_at),
            DETAIL = 'Nothing that is put in force would judge.',
            HINT = format('SELECT moderation.alter_package(%L, expires_at => ''infinity'');', target.name);
    END IF;
    IF stage = 'shadow' THEN
        IF release IN (live.release, live.rest) THEN
            RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('release %s of package "%s" is live already', release, target.name),
                DETAIL = 'The draft has not changed since, and a release is live or shadow, never both.',
                HINT = 'Change the draft first, or retire the package to take the release out of force.';
        END IF;
        IF share <> 100.0 THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = 'a share is for stage live',
                DETAIL = 'A shadow release enforces nothing and records every content.',
                HINT = 'Leave share out.';
        END IF;
        PERFORM moderation.deploy(target.package_id, 'shadow', release, note, operation => put_in_force.operation);
    ELSE
        PERFORM moderation.check_share(share);
        IF share < 100.0 THEN
            -- A new candidate takes the place of the one before it; who judges the rest stays.
            rest := CASE WHEN live.share < 100.0 THEN live.rest ELSE live.release END;
            IF rest = release THEN
                RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
                    MESSAGE = format('release %s of package "%s" is live already', release, target.name),
                    DETAIL = 'It judges the contents that a share leaves, so it cannot be the release that gets the share.',
                    HINT = 'Change the draft first.';
            END IF;
        END IF;
        -- What was live before passes no gate again: going back must always be possible.
        IF operation <> 'rollback' AND NOT (operation = 'rollout' AND share <= live.share) THEN
            PERFORM moderation.check_gates(target, release);
        END IF;
        PERFORM moderation.deploy(target.package_id, 'live', release, note, share, rest, operation);
        IF shadow.release = release THEN
            -- A release is live or shadow, never both: its shadow run ends here.
            PERFORM moderation.deploy(target.package_id, 'shadow', NULL, 'now live', operation => put_in_force.operation);
        END IF;
    END IF;
    PERFORM moderation.audit(
        coalesce(call, CASE operation WHEN 'publish' THEN 'publish_package' WHEN 'promote' THEN 'promote_release'
                                      WHEN 'rollout' THEN 'set_rollout' WHEN 'rollback' THEN 'rollback_package' ELSE operation END),
        target.name, before,
        moderation.stages_of(target.package_id) || jsonb_build_object('release', r.release, 'content_hash', encode(r.content_hash, 'hex')),
        coalesce(put_in_force.reason, put_in_force.note))
    FROM moderation.releases r WHERE r.package_id = target.package_id AND r.release = put_in_force.release;
    PERFORM moderation.compile_in_force();
    PERFORM moderation.collect_rejected();
END
$fn$;
COMMENT ON FUNCTION moderation.put_in_force(moderation.packages, moderation.stage, integer, numeric, text, text, text, text) IS 'Internal: deploys a release in a stage, for a share of the contents, and compiles it. The package is locked.';
CREATE FUNCTION moderation.check_share(share numeric) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF share IS NULL OR share = 'NaN'::numeric OR share <= 0.0 OR share > 100.0 OR share <> round(share, 2) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('share %s is out of range', coalesce(share::text, 'NULL')),
            DETAIL = 'A share is a percentage above 0 and at most 100, in steps of 0.01.',
            HINT = 'To take a release out of force, use rollback_package() or retire_package().';
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_share(numeric) IS 'Internal: refuses what is no percentage of the contents.';
CREATE FUNCTION moderation.publish_package(
    name text, stage moderation.stage DEFAULT 'live', note text DEFAULT NULL, share numeric DEFAULT 100)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages;
    number integer;
BEGIN
    IF publish_package.stage IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'stage must not be NULL',
            DETAIL = 'A release is published in a stage.', HINT = 'Use ''live'' or ''shadow''.';
    END IF;
    target := moderation.lock_package(publish_package.name);
    PERFORM moderation.check_approver(target);
    IF publish_package.stage = 'live' THEN
        PERFORM moderation.check_approval(target);
    END IF;
    number := moderation.freeze_draft(target, publish_package.note);
    PERFORM moderation.put_in_force(target, publish_package.stage, number, publish_package.share, publish_package.note, 'publish');
    RETURN number;
END
$fn$;
COMMENT ON FUNCTION moderation.publish_package(text, moderation.stage, text, numeric) IS 'Freezes the draft as a release and puts it in force, in one transaction; returns the release number. An unchanged draft is put in force as the newest release. share: percent of the contents that it judges, the rest staying with the live release before.';
CREATE OR REPLACE FUNCTION moderation.retire_package(name text, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages;
    before jsonb;
BEGIN
    target := moderation.lock_package(retire_package.name);
    PERFORM moderation.check_approver(target);
    before := moderation.stages_of(target.package_id);
    PERFORM moderation.deploy(target.package_id, s, NULL, retire_package.note, operation => 'retire')
    FROM unnest(enum_range(NULL::moderation.stage)) s;
    PERFORM moderation.audit('retire_package', target.name, before, moderation.stages_of(target.package_id), retire_package.note)
    WHERE before <> moderation.stages_of(target.package_id);
END
$fn$;
COMMENT ON FUNCTION moderation.retire_package(text, text) IS 'Takes the package out of force in both stages. Items, releases and records stay; restore_package() brings back what was in force, publish_package() the draft.';
CREATE FUNCTION moderation.promote_release(
    name text, release integer DEFAULT NULL, note text DEFAULT NULL, share numeric DEFAULT 100)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(promote_release.name);
    shadow moderation.deployments := moderation.deployed(target.package_id, 'shadow');
BEGIN
    PERFORM moderation.check_approver(target);
    IF shadow.release IS NULL OR promote_release.release <> shadow.release THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = CASE WHEN promote_release.release IS NULL THEN format('package "%s" has no shadow release', target.name)
                           ELSE format('release %s of package "%s" is not in shadow', promote_release.release, target.name) END,
            DETAIL = CASE WHEN shadow.release IS NULL THEN 'Nothing is in shadow.'
                          ELSE format('Release %s is.', shadow.release) END,
            HINT = format('Publish into shadow first: SELECT moderation.publish_package(%L, stage => ''shadow''); releases that were live come back with rollback_package().', target.name);
    END IF;
    PERFORM moderation.check_approval(target);
    PERFORM moderation.put_in_force(target, 'live', shadow.release, promote_release.share, promote_release.note, 'promote');
    RETURN shadow.release;
END
$fn$;
COMMENT ON FUNCTION moderation.promote_release(text, integer, text, numeric) IS 'Makes the shadow release live, for all contents or a share, and ends the shadow stage; returns its number. release: refuse unless this is the one in shadow.';
CREATE FUNCTION moderation.set_rollout(name text, share numeric, note text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(set_rollout.name);
    live moderation.deployments := moderation.deployed(target.package_id, 'live');
BEGIN
    PERFORM moderation.check_approver(target);
    PERFORM moderation.check_share(set_rollout.share);
    IF live.release IS NULL OR live.share = 100.0 THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('package "%s" is not in a rollout', target.name),
            DETAIL = CASE WHEN live.release IS NULL THEN 'It has no live release.'
                          ELSE format('Release %s judges all contents.', live.release) END,
            HINT = format('Start one: SELECT moderation.publish_package(%L, share => 10);', target.name);
    END IF;
    IF set_rollout.share > live.share THEN
        PERFORM moderation.check_approval(target);
    END IF;
    PERFORM moderation.put_in_force(target, 'live', live.release, set_rollout.share, set_rollout.note, 'rollout');
    RETURN live.release;
END
$fn$;
COMMENT ON FUNCTION moderation.set_rollout(text, numeric, text) IS 'Changes the percentage of contents that the release in rollout judges; 100 ends the rollout. Raising it keeps every content that it judged already. Returns the release.';
CREATE FUNCTION moderation.rollback_package(name text, to_release integer DEFAULT NULL, note text DEFAULT NULL)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(rollback_package.name);
    live moderation.deployments := moderation.deployed(target.package_id, 'live');
    number integer := rollback_package.to_release;
BEGIN
    PERFORM moderation.check_approver(target);
    IF number IS NULL THEN
        IF live.release IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('package "%s" has no live release to roll back', target.name),
                DETAIL = 'Nothing is in force.',
                HINT = format('SELECT moderation.restore_package(%L); brings back what was retired.', target.name);
        END IF;
        -- A rollout goes back to who judges the rest; otherwise to the newest release before that once judged all contents.
        number := CASE WHEN live.share < 100.0 THEN live.rest
                       ELSE (SELECT max(r) FROM moderation.deployments d, unnest(ARRAY[CASE WHEN d.share = 100.0 THEN d.release END, d.rest]) r
                             WHERE d.package_id = target.package_id AND d.stage = 'live' AND r < live.release) END;
        IF number IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('package "%s" has no release to go back to', target.name),
                DETAIL = format('No release before %s judged all contents.', live.release),
                HINT = format('SELECT moderation.retire_package(%L); takes it out of force.', target.name);
        END IF;
    ELSIF NOT EXISTS (SELECT FROM moderation.releases r WHERE r.package_id = target.package_id AND r.release = number) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" has no release %s', target.name, number),
            DETAIL = CASE WHEN target.latest_release = 0 THEN 'It was never published.'
                          ELSE format('Its releases are 1 to %s.', target.latest_release) END,
            HINT = 'Releases are listed in moderation.releases.';
    ELSIF NOT EXISTS (SELECT FROM moderation.deployments d
                      WHERE d.package_id = target.package_id AND d.stage = 'live' AND number IN (d.release, d.rest)) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('release %s of package "%s" was never live', number, target.name),
            DETAIL = 'Rolling back goes to a release that has judged before; it passes no gate.',
            HINT = format('SELECT moderation.promote_release(%L); makes a shadow release live.', target.name);
    END IF;
    IF number = live.release AND live.share = 100.0 THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('release %s of package "%s" is live already', number, target.name),
            DETAIL = 'There is nothing to roll back.',
            HINT = 'Releases and when they were live are in moderation.deployments.';
    END IF;
    PERFORM moderation.put_in_force(target, 'live', number, 100, rollback_package.note, 'rollback');
    RETURN number;
END
$fn$;
COMMENT ON FUNCTION moderation.rollback_package(text, integer, text) IS 'Puts a release back that was live before (default: the one before; in a rollout, the one that judges the rest), for all contents; returns its number. The draft stays as it is.';
CREATE FUNCTION moderation.restore_package(name text, note text DEFAULT NULL) RETURNS SETOF moderation.deployments
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(restore_package.name);
    live moderation.deployments := moderation.deployed(target.package_id, 'live');
    shadow moderation.deployments := moderation.deployed(target.package_id, 'shadow');
    newest moderation.deployments;
    before moderation.deployments;
    retired jsonb := moderation.stages_of(target.package_id);
BEGIN
    PERFORM moderation.check_approver(target);
    IF live.release IS NOT NULL OR shadow.release IS NOT NULL
       OR coalesce(live.operation <> 'retire', true) AND coalesce(shadow.operation <> 'retire', true) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('package "%s" is not retired', target.name),
            DETAIL = CASE WHEN live.release IS NULL AND shadow.release IS NULL THEN 'It was never in force.'
                          ELSE 'It is in force.' END,
            HINT = 'What is in force is listed in moderation.in_force.';
    END IF;
    FOREACH newest IN ARRAY ARRAY[shadow, live] LOOP
        CONTINUE WHEN newest.operation IS DISTINCT FROM 'retire';
        SELECT * INTO before FROM moderation.deployments d
        WHERE d.package_id = target.package_id AND d.stage = newest.stage AND d.deployment_id < newest.deployment_id
        ORDER BY d.deployment_id DESC LIMIT 1;
        PERFORM moderation.deploy(target.package_id, newest.stage, before.release, restore_package.note, before.share, before.rest,
                                  'restore');
        RETURN NEXT moderation.deployed(target.package_id, newest.stage);
    END LOOP;
    IF target.expires_at <= now() THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('package "%s" expired at %s', target.name, target.expires_at),
            DETAIL = 'Nothing that is put in force would judge.',
            HINT = format('SELECT moderation.alter_package(%L, expires_at => ''infinity'');', target.name);
    END IF;
    PERFORM moderation.audit('restore_package', target.name, retired, moderation.stages_of(target.package_id), restore_package.note);
    PERFORM moderation.compile_in_force();
    PERFORM moderation.collect_rejected();
END
$fn$;
COMMENT ON FUNCTION moderation.restore_package(text, text) IS 'Puts back in force what retire_package() took out, shares included; returns the deployments.';
CREATE FUNCTION moderation.alter_package(
    name text, action moderation.action DEFAULT NULL, threshold real DEFAULT NULL, policy text DEFAULT NULL,
    description text DEFAULT NULL, valid_from timestamptz DEFAULT NULL, expires_at timestamptz DEFAULT NULL,
    needs_approval boolean DEFAULT NULL, frequency_source regclass DEFAULT NULL, note text DEFAULT NULL,
    restricted boolean DEFAULT NULL, team text DEFAULT NULL)
    RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(alter_package.name);
    changed moderation.packages := target;
    one moderation.deployments;
    later text[];
BEGIN
    IF alter_package.threshold < 0 OR alter_package.threshold >= 'Infinity'::real THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('threshold %s is out of range', alter_package.threshold),
            DETAIL = 'A threshold is a finite number, 0 or more.',
            HINT = 'Use 0 to act on any hit.';
    END IF;
    changed.action := coalesce(alter_package.action, target.action);
    changed.threshold := coalesce(alter_package.threshold, target.threshold);
    IF alter_package.policy <> '' THEN
        SELECT p.policy_id INTO changed.policy_id FROM moderation.policies p WHERE p.name = alter_package.policy;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'undefined_object',
                MESSAGE = format('policy "%s" does not exist', alter_package.policy),
                DETAIL = 'A package belongs to an existing policy, or to none.',
                HINT = format('Create it first: SELECT moderation.create_policy(%L);', alter_package.policy);
        END IF;
    ELSIF alter_package.policy = '' THEN
        changed.policy_id := NULL;
    END IF;
    changed.description := nullif(coalesce(alter_package.description, target.description), '');
    IF alter_package.valid_from IS NOT NULL OR alter_package.expires_at IS NOT NULL THEN
        changed.valid_from := coalesce(alter_package.valid_from, target.valid_from);
        changed.expires_at := coalesce(alter_package.expires_at, target.expires_at);
        SELECT s.valid_from, s.expires_at INTO changed.valid_from, changed.expires_at
        FROM moderation.check_schedule(changed.valid_from, changed.expires_at) s;
    END IF;
    IF target.needs_approval AND NOT alter_package.needs_approval
       AND NOT pg_has_role(moderation.caller(), (SELECT c.relowner FROM pg_class c WHERE c.oid = 'moderation.packages'::regclass), 'MEMBER') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('approval of package "%s" cannot be switched off by %s', target.name, moderation.caller()),
            DETAIL = 'Whoever must ask for approval must not be able to do without.',
            HINT = 'Ask the owner of the extension.';
    END IF;
    changed.restricted := coalesce(alter_package.restricted, target.restricted);
    changed.team := nullif(coalesce(alter_package.team, target.team), '');
    IF NOT changed.restricted OR (changed.valid_from, changed.expires_at) IS DISTINCT FROM (target.valid_from, target.expires_at) THEN
        PERFORM moderation.check_approver(target);
    END IF;
    IF target.team IS NOT NULL AND changed.team IS DISTINCT FROM target.team AND NOT moderation.caller_is('admin') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('only an admin may take package "%s" from its team', target.name),
            DETAIL = format('It belongs to %s.', target.team),
            HINT = 'Ask an admin.';
    END IF;
    IF changed.team IS DISTINCT FROM target.team AND changed.team IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = changed.team) THEN
            RAISE EXCEPTION USING ERRCODE = 'undefined_object',
                MESSAGE = format('role "%s" does not exist', changed.team),
                DETAIL = 'A team is a role; its members see the package.',
                HINT = format('CREATE ROLE %I NOLOGIN; GRANT %I TO ...;', changed.team, changed.team);
        END IF;
        IF NOT moderation.caller_is('admin') AND NOT pg_has_role(moderation.caller(), changed.team, 'USAGE') THEN
            RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
                MESSAGE = format('%s is no member of team "%s"', moderation.caller(), changed.team),
                DETAIL = format('Package "%s" would be out of reach.', target.name),
                HINT = 'Ask an admin.';
        END IF;
    END IF;
    changed.needs_approval := coalesce(alter_package.needs_approval, target.needs_approval);
    changed.frequency_source := coalesce(alter_package.frequency_source, target.frequency_source);
    later := array_remove(ARRAY[
        CASE WHEN changed.action <> target.action THEN 'action' END,
        CASE WHEN changed.threshold <> target.threshold THEN 'threshold' END,
        CASE WHEN changed.policy_id IS DISTINCT FROM target.policy_id THEN 'policy' END], NULL);
    UPDATE moderation.packages p
    SET action = changed.action, threshold = changed.threshold, policy_id = changed.policy_id, description = changed.description,
        valid_from = changed.valid_from, expires_at = changed.expires_at, needs_approval = changed.needs_approval,
        frequency_source = changed.frequency_source, restricted = changed.restricted, team = changed.team
    WHERE p.package_id = target.package_id AND changed IS DISTINCT FROM target;
    IF later <> '{}' THEN
        UPDATE moderation.drafts d SET draft_key = gen_random_uuid(), changed_at = now(), changed_by = moderation.caller()
        WHERE d.package_id = target.package_id;
    END IF;
    IF (changed.valid_from, changed.expires_at) IS DISTINCT FROM (target.valid_from, target.expires_at) THEN
        FOREACH one IN ARRAY ARRAY[moderation.deployed(target.package_id, 'shadow'), moderation.deployed(target.package_id, 'live')] LOOP
            CONTINUE WHEN one.release IS NULL;
            PERFORM moderation.deploy(target.package_id, one.stage, one.release, alter_package.note, one.share, one.rest, 'alter');
        END LOOP;
    END IF;
    PERFORM moderation.audit('alter_package', target.name, moderation.changes(to_jsonb(target), to_jsonb(changed)),
        moderation.changes(to_jsonb(changed), to_jsonb(target)), alter_package.note)
    WHERE changed IS DISTINCT FROM target;
    RETURN later;
END
$fn$;
COMMENT ON FUNCTION moderation.alter_package(text, moderation.action, real, text, text, timestamptz, timestamptz, boolean, regclass, text, boolean, text) IS 'Changes what is given, leaves the rest. action, threshold and policy are the draft''s and take effect with the next publish; the result names those of them that changed. description, valid_from, expires_at, needs_approval, frequency_source, restricted and team take effect at once. restricted: only operators and admins read the material, only admins put it in force. team: a role whose members alone (and admins) see the package. An empty policy, description or team takes it away, infinite times do.';
CREATE FUNCTION moderation.rename_package(name text, new_name text, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages;
    named_by text;
BEGIN
    PERFORM moderation.check_name('package', rename_package.new_name);
    target := moderation.lock_package(rename_package.name);
    -- Verdict rules know packages by their names, and releases do not change.
    SELECT p.name INTO named_by FROM moderation.packages p
    WHERE EXISTS (
        SELECT FROM jsonb_array_elements(coalesce(p.rules, '[]')) r WHERE r->'with' ? target.name
        UNION ALL
        SELECT FROM unnest(enum_range(NULL::moderation.stage)) s, moderation.deployed(p.package_id, s) d, moderation.releases x,
             jsonb_array_elements(x.rules) r
        WHERE x.package_id = p.package_id AND x.release IN (d.release, d.rest) AND r->'with' ? target.name)
    ORDER BY p.name LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('package "%s" is named by verdict rules of package "%s"', target.name, named_by),
            DETAIL = 'They would no longer find it.',
            HINT = format('Leave it out of them first: SELECT moderation.set_verdict_rules(%L, ...); and publish.', named_by);
    END IF;
    UPDATE moderation.packages p SET name = rename_package.new_name WHERE p.package_id = target.package_id;
    PERFORM moderation.audit('rename_package', rename_package.new_name, jsonb_build_object('name', target.name),
        jsonb_build_object('name', rename_package.new_name), rename_package.note);
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
        MESSAGE = format('package "%s" already exists', rename_package.new_name),
        DETAIL = 'Package names are unique in a database.',
        HINT = 'Choose another name.';
END
$fn$;
COMMENT ON FUNCTION moderation.rename_package(text, text, text) IS 'Renames a package, at once and everywhere; releases, hits and records follow, calls by the old name fail.';
CREATE FUNCTION moderation.check_items(target moderation.packages, item_ids bigint[]) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    unknown bigint[] := ARRAY(
        SELECT DISTINCT i FROM unnest(item_ids) i
        WHERE NOT EXISTS (SELECT FROM moderation.item_versions v
                          WHERE v.item_id = i AND v.package_id = target.package_id AND v.removed_in IS NULL) ORDER BY i);
BEGIN
    IF unknown <> '{}' THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" has no such item', target.name),
            DETAIL = format('Not in the draft: %s.', array_to_string(unknown[1:20], ', ')),
            HINT = 'Item ids are in moderation.current_items.';
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_items(moderation.packages, bigint[]) IS 'Internal: refuses items that are not in the package''s draft.';
CREATE FUNCTION moderation.update_items(
    package text, item_ids bigint[], match moderation.match_mode DEFAULT NULL, level moderation.match_level DEFAULT NULL,
    language text DEFAULT NULL, weight real DEFAULT NULL, note text DEFAULT NULL, valid_from timestamptz DEFAULT NULL,
    expires_at timestamptz DEFAULT NULL)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(update_items.package);
    draft integer := target.latest_release + 1;
    ids bigint[] := ARRAY(SELECT DISTINCT i FROM unnest(item_ids) i);
    before moderation.item_versions;
    after moderation.item_versions;
    removed bytea[] := '{}';
    added bytea[] := '{}';
    was jsonb[] := '{}';
    is_now jsonb[] := '{}';
    m text; d text; h text;
BEGIN
    PERFORM moderation.check_items(target, ids);
    IF weight IS NOT NULL THEN
        PERFORM moderation.check_weight(weight);
    END IF;
    BEGIN
        FOR before IN SELECT v.* FROM moderation.item_versions v WHERE v.item_id = ANY (ids) AND v.removed_in IS NULL LOOP
            after := before;
            after.weight := coalesce(update_items.weight, before.weight);
            IF update_items.valid_from IS NOT NULL OR update_items.expires_at IS NOT NULL THEN
                SELECT s.valid_from, s.expires_at INTO after.valid_from, after.expires_at
                FROM moderation.check_schedule(coalesce(update_items.valid_from, before.valid_from),
                                               coalesce(update_items.expires_at, before.expires_at)) s;
            END IF;
            IF update_items.match IS NOT NULL OR update_items.level IS NOT NULL OR update_items.language IS NOT NULL THEN
                IF before.kind <> 'term' THEN
                    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                        MESSAGE = 'match, level and language are for terms',
                        DETAIL = format('It is of kind %s.', before.kind),
                        HINT = 'Change other kinds in a call of their own.';
                END IF;
                after.match := coalesce(update_items.match, before.match);
                after.level := coalesce(update_items.level, before.level);
                after.language := nullif(lower(coalesce(update_items.language, before.language)), '');
                SELECT c.item_hash INTO after.item_hash
                FROM moderation.check_terms(ARRAY[before.term], before.allow, after.match, after.level, after.language) c;
            END IF;
            CONTINUE WHEN after IS NOT DISTINCT FROM before;
            after.added_in := draft;
            after.changed_at := now();
            after.changed_by := moderation.caller();
            -- What no release has seen is replaced; the rest ends with the next release.
            IF before.added_in = draft THEN
                DELETE FROM moderation.item_versions v WHERE v.item_id = before.item_id AND v.added_in = draft;
            ELSE
                UPDATE moderation.item_versions v SET removed_in = draft
                WHERE v.item_id = before.item_id AND v.added_in = before.added_in;
            END IF;
            INSERT INTO moderation.item_versions SELECT after.*;
            removed := removed || moderation.item_element(before.item_hash, before.weight, before.valid_from, before.expires_at);
            added := added || moderation.item_element(after.item_hash, after.weight, after.valid_from, after.expires_at);
            was := array_append(was, jsonb_build_object('item_id', before.item_id)
                || (moderation.changes(to_jsonb(before), to_jsonb(after)) - ARRAY['item_hash', 'added_in', 'changed_at', 'changed_by']));
            is_now := array_append(is_now, jsonb_build_object('item_id', after.item_id)
                || (moderation.changes(to_jsonb(after), to_jsonb(before)) - ARRAY['item_hash', 'added_in', 'changed_at', 'changed_by']));
        END LOOP;
    EXCEPTION
        WHEN unique_violation THEN
            RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
                MESSAGE = format('item %s would be the same as another item', before.item_id),
                DETAIL = format('Item %s says so already.', (
                    SELECT v.item_id FROM moderation.item_versions v
                    WHERE v.package_id = target.package_id AND v.item_hash = after.item_hash AND v.removed_in IS NULL
                      AND v.item_id <> before.item_id LIMIT 1)),
                HINT = 'Remove one of them with remove_items().';
        WHEN syntax_error OR invalid_parameter_value OR feature_not_supported OR program_limit_exceeded THEN
            GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
            RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = format('item %s: %s', before.item_id, regexp_replace(m, '^term 1: ', '')),
                DETAIL = replace(d, 'Nothing was added.', 'Nothing was changed.'), HINT = h;
    END;
    IF update_items.note IS NOT NULL THEN
        UPDATE moderation.items i SET note = nullif(update_items.note, '') WHERE i.item_id = ANY (ids);
    END IF;
    IF added <> '{}' THEN
        UPDATE moderation.drafts d
        SET set_state = moderation.set_hash_apply(d.set_state, added, removed), draft_key = gen_random_uuid(),
            changed_at = now(), changed_by = moderation.caller()
        WHERE d.package_id = target.package_id;
    END IF;
    PERFORM moderation.audit('update_items', target.name, jsonb_build_object('items', was),
        jsonb_build_object('items', is_now)
            || CASE WHEN update_items.note IS NULL THEN '{}' ELSE jsonb_build_object('noted', ids) END, update_items.note)
    WHERE added <> '{}' OR update_items.note IS NOT NULL AND ids <> '{}';
    RETURN cardinality(added);
END
$fn$;
COMMENT ON FUNCTION moderation.update_items(text, bigint[], moderation.match_mode, moderation.match_level, text, real, text, timestamptz, timestamptz) IS 'Changes items of the draft and keeps their ids: what is given, the rest stays; returns how many changed. Takes effect with the next publish, except the note, which belongs to the item itself. An empty language or note, and infinite times, take theirs away.';
CREATE FUNCTION moderation.override_items(
    package text, item_ids bigint[], effect moderation.item_effect, until timestamptz, reason text)
    RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(override_items.package);
    unknown bigint[] := ARRAY(
        SELECT DISTINCT i FROM unnest(item_ids) i
        WHERE NOT EXISTS (SELECT FROM moderation.items t WHERE t.item_id = i AND t.package_id = target.package_id) ORDER BY i);
    before jsonb;
    overridden bigint[];
BEGIN
    IF unknown <> '{}' THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" has no such item', target.name),
            DETAIL = format('Unknown: %s.', array_to_string(unknown[1:20], ', ')),
            HINT = 'Item ids are in moderation.current_items.';
    END IF;
    IF until <= now() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('until %s is in the past', until),
            DETAIL = format('It is %s now.', now()),
            HINT = 'Give a time to come, or leave it out to end it with unsnooze_items().';
    END IF;
    IF effect = 'shadow' AND EXISTS (SELECT FROM moderation.item_versions v WHERE v.item_id = ANY (item_ids) AND v.allow) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'an allow entry cannot be kept to shadow',
            DETAIL = 'It makes no hits that could be recorded.',
            HINT = 'Snooze it instead.';
    END IF;
    SELECT jsonb_agg(jsonb_build_object('item_id', o.item_id, 'effect', o.effect, 'until', o.until) ORDER BY o.item_id) INTO before
    FROM (SELECT DISTINCT ON (x.item_id) x.* FROM moderation.item_overrides x WHERE x.item_id = ANY (item_ids)
          ORDER BY x.item_id, x.override_id DESC) o
    WHERE o.effect <> 'normal' AND (o.until IS NULL OR o.until > now());
    WITH overridden AS (
    INSERT INTO moderation.item_overrides (package_id, item_id, effect, until, overridden_by, reason)
    SELECT target.package_id, i.item_id, override_items.effect, nullif(override_items.until, 'infinity'), moderation.caller(),
           override_items.reason
    FROM (SELECT DISTINCT unnest(item_ids) AS item_id) i
    LEFT JOIN LATERAL (SELECT o.effect, o.until FROM moderation.item_overrides o
                       WHERE o.item_id = i.item_id ORDER BY o.override_id DESC LIMIT 1) o ON true
    WHERE i.item_id IS NOT NULL
      AND (override_items.effect <> 'normal' OR o.effect <> 'normal' AND (o.until IS NULL OR o.until > now()))
    RETURNING item_id)
    SELECT array_agg(o.item_id ORDER BY o.item_id) INTO overridden FROM overridden o;
    PERFORM moderation.audit(
        CASE override_items.effect WHEN 'off' THEN 'snooze_items' WHEN 'normal' THEN 'unsnooze_items' ELSE 'shadow_items' END,
        target.name, CASE WHEN before IS NOT NULL THEN jsonb_build_object('overrides', before) END,
        jsonb_build_object('items', overridden, 'until', override_items.until), override_items.reason)
    WHERE overridden IS NOT NULL;
    RETURN coalesce(cardinality(overridden), 0);
END
$fn$;
COMMENT ON FUNCTION moderation.override_items(text, bigint[], moderation.item_effect, timestamptz, text) IS 'Internal: takes items in force out of enforcement (off, or kept to shadow) or lifts that; returns how many.';
CREATE FUNCTION moderation.snooze_items(package text, item_ids bigint[], until timestamptz DEFAULT NULL, reason text DEFAULT NULL)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    PERFORM moderation.check_approver(moderation.lock_package(package));
    RETURN moderation.override_items(package, item_ids, 'off', until, reason);
END
$fn$;
COMMENT ON FUNCTION moderation.snooze_items(text, bigint[], timestamptz, text) IS 'Takes items out of force at once, without a publish, in every release of the package, until a time or until unsnooze_items(); returns how many. A snoozed allow entry suppresses nothing.';
CREATE FUNCTION moderation.unsnooze_items(package text, item_ids bigint[], reason text DEFAULT NULL)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    PERFORM moderation.check_approver(moderation.lock_package(package));
    RETURN moderation.override_items(package, item_ids, 'normal', NULL, reason);
END
$fn$;
COMMENT ON FUNCTION moderation.unsnooze_items(text, bigint[], text) IS 'Ends the snooze of items before its time; returns how many were snoozed.';
CREATE FUNCTION moderation.release_settings(package_id integer, release integer) RETURNS jsonb
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT CASE WHEN release_settings.release IS NULL
            THEN (SELECT jsonb_build_object('action', p.action, 'threshold', p.threshold, 'policy', o.name, 'severity', o.severity,
                                            'max_distance', p.max_distance, 'rules', p.rules)
                  FROM moderation.packages p LEFT JOIN moderation.policies o ON o.policy_id = p.policy_id
                  WHERE p.package_id = release_settings.package_id)
            ELSE (SELECT jsonb_build_object('action', r.action, 'threshold', r.threshold, 'policy', r.policy, 'severity', r.severity,
                                            'max_distance', r.max_distance, 'rules', r.rules)
                  FROM moderation.releases r
                  WHERE r.package_id = release_settings.package_id AND r.release = release_settings.release) END;
    END;
COMMENT ON FUNCTION moderation.release_settings(integer, integer) IS 'Internal: the frozen settings of a release, or those of the draft (NULL); NULL if there is no such release.';
CREATE FUNCTION moderation.release_items(package_id integer, release integer)
    RETURNS TABLE (item_id bigint, term text, element bytea, content jsonb)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT v.item_id, coalesce(v.term, v.label, v.hash::text), moderation.item_element(v.item_hash, v.weight, v.valid_from, v.expires_at),
               to_jsonb(v) - ARRAY['item_id', 'package_id', 'added_in', 'removed_in', 'item_hash', 'changed_at', 'changed_by']
                   || CASE WHEN v.kind = 'video' THEN jsonb_build_object('frames', cardinality(v.frames)) ELSE '{}' END
        FROM moderation.item_versions v
        WHERE v.package_id = release_items.package_id
          AND CASE WHEN release_items.release IS NULL THEN v.removed_in IS NULL
                   ELSE v.added_in <= release_items.release
                        AND (v.removed_in IS NULL OR v.removed_in > release_items.release) END;
    END;
COMMENT ON FUNCTION moderation.release_items(integer, integer) IS 'Internal: the items of a release, or of the draft (NULL), with what they say; of an image or video, term is its label, or its hash, and frames is their number.';
CREATE FUNCTION moderation.diff_releases(name text, a integer, b integer DEFAULT NULL)
    RETURNS TABLE (item_id bigint, term text, change text, before jsonb, after jsonb)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target integer := moderation.find_package(name);
    missing integer;
BEGIN
    PERFORM moderation.check_readable(target);
    SELECT r INTO missing FROM unnest(ARRAY[a, b]) r WHERE moderation.release_settings(target, r) IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" has no release %s', diff_releases.name, missing),
            DETAIL = 'Releases are numbered from 1, in the order they were published; NULL is the draft.',
            HINT = 'Releases are listed in moderation.releases.';
    END IF;
    RETURN QUERY
    WITH old AS MATERIALIZED (
        SELECT * FROM moderation.release_items(target, a)
    ), new AS MATERIALIZED (
        SELECT * FROM moderation.release_items(target, b)
    ), differs AS (
        SELECT coalesce(o.item_id, n.item_id) AS item_id, coalesce(n.term, o.term) AS term, o.content AS was, n.content AS is_now,
               o.element AS old_element, n.element AS new_element
        FROM old o FULL JOIN new n ON n.item_id = o.item_id
        WHERE o.element IS DISTINCT FROM n.element
    )
    SELECT NULL::bigint, NULL::text, 'settings',
           (SELECT jsonb_object_agg(s.key, s.value) FROM jsonb_each(moderation.release_settings(target, a)) s
            WHERE s.value <> moderation.release_settings(target, b)->s.key),
           (SELECT jsonb_object_agg(s.key, s.value) FROM jsonb_each(moderation.release_settings(target, b)) s
            WHERE s.value <> moderation.release_settings(target, a)->s.key)
    WHERE moderation.release_settings(target, a) <> moderation.release_settings(target, b)
    UNION ALL
    (SELECT d.item_id, d.term,
            CASE WHEN d.was IS NULL THEN 'added' WHEN d.is_now IS NULL THEN 'removed' ELSE 'changed' END,
            CASE WHEN d.is_now IS NULL THEN jsonb_strip_nulls(d.was)
                 ELSE (SELECT jsonb_object_agg(s.key, s.value) FROM jsonb_each(d.was) s WHERE s.value <> d.is_now->s.key) END,
            CASE WHEN d.was IS NULL THEN jsonb_strip_nulls(d.is_now)
                 ELSE (SELECT jsonb_object_agg(s.key, s.value) FROM jsonb_each(d.is_now) s WHERE s.value <> d.was->s.key) END
     FROM differs d
     -- Removed and added again, the same: another id, no difference.
     WHERE NOT (d.was IS NULL AND EXISTS (SELECT FROM differs x WHERE x.is_now IS NULL AND x.old_element = d.new_element))
       AND NOT (d.is_now IS NULL AND EXISTS (SELECT FROM differs x WHERE x.was IS NULL AND x.new_element = d.old_element))
     ORDER BY d.item_id);
END
$fn$;
COMMENT ON FUNCTION moderation.diff_releases(text, integer, integer) IS 'What is different between two releases of a package, or a release and the draft (NULL): one row per item added, removed or changed, with what changed before and after, and one for the settings (action, threshold, policy, severity, max_distance, rules). term: of an image or video, its label or hash.';
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
CREATE TYPE moderation.expectation AS ENUM ('hit', 'miss');
COMMENT ON TYPE moderation.expectation IS 'What a check demands of its content: the package must act on it, or must not.';
CREATE TABLE moderation.checks (
    check_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package_id      integer NOT NULL,
    body            text,
    image           moderation.pdqhash,
    expect          moderation.expectation NOT NULL,
    note            text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    created_by      text NOT NULL,
    CONSTRAINT checks_content_check CHECK (num_nonnulls(body, image) = 1)
);
CREATE INDEX checks_package_idx ON moderation.checks (package_id);
COMMENT ON TABLE moderation.checks IS 'Contents that a package must act on, or must leave alone, before a release of it goes live. Kept with the package, not with a release.';
CREATE TABLE moderation.publish_requests (
    request_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package_id      integer NOT NULL,
    stage           moderation.stage NOT NULL,
    release         integer,
    draft_key       uuid,
    share           numeric(5, 2) NOT NULL,
    note            text,
    requested_at    timestamptz NOT NULL DEFAULT now(),
    requested_by    text NOT NULL,
    requested_session text NOT NULL,
    decision        text CHECK (decision = ANY (ARRAY['approved', 'rejected'])),
    decided_at      timestamptz,
    decided_by      text,
    reason          text,
    published       integer
);
CREATE INDEX publish_requests_package_idx ON moderation.publish_requests (package_id) WHERE decision IS NULL;
COMMENT ON TABLE moderation.publish_requests IS 'Publishes that wait, or waited, for a second person.';
COMMENT ON COLUMN moderation.publish_requests.release IS 'The shadow release to promote; NULL: the draft.';
COMMENT ON COLUMN moderation.publish_requests.draft_key IS 'The state of the draft that was asked for; a draft changed since voids the request.';
COMMENT ON COLUMN moderation.publish_requests.requested_session IS 'The role that had logged in, whatever role it had set; neither may approve.';
COMMENT ON COLUMN moderation.publish_requests.published IS 'The release that the approval put in force.';
CREATE FUNCTION moderation.add_check(
    package text, body text, expect moderation.expectation DEFAULT 'hit', note text DEFAULT NULL)
    RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(add_check.package);
    known bigint;
    new_id bigint;
BEGIN
    IF add_check.body IS NULL OR add_check.expect IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'a check needs a body and an expectation',
            DETAIL = 'One of them is NULL.',
            HINT = 'For example add_check(''gambling'', ''casino royale'', expect => ''miss'').';
    END IF;
    IF length(add_check.body) > 100000 THEN
        RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded',
            MESSAGE = format('the body of a check has %s characters, at most 100000 are allowed', length(add_check.body)),
            DETAIL = 'Checks run with every publish.',
            HINT = 'Keep the part that matters.';
    END IF;
    SELECT c.check_id INTO known FROM moderation.checks c WHERE c.package_id = target.package_id AND c.body = add_check.body;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('package "%s" has a check of this body', target.name),
            DETAIL = format('It is check %s.', known),
            HINT = format('To expect something else, remove it first: SELECT moderation.remove_check(%s);', known);
    END IF;
    INSERT INTO moderation.checks (package_id, body, expect, note, created_by)
    VALUES (target.package_id, add_check.body, add_check.expect, add_check.note, moderation.caller())
    RETURNING check_id INTO new_id;
    PERFORM moderation.audit('add_check', target.name, NULL,
        jsonb_build_object('check_id', new_id, 'body', add_check.body, 'expect', add_check.expect), add_check.note);
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.add_check(text, text, moderation.expectation, text) IS 'Demands that the package acts on this text (hit) or does not (miss), from the next publish on; returns the check''s id.';
CREATE FUNCTION moderation.add_check(
    package text, image moderation.pdqhash, expect moderation.expectation DEFAULT 'hit', note text DEFAULT NULL)
    RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(add_check.package);
    known bigint;
    new_id bigint;
BEGIN
    IF add_check.image IS NULL OR add_check.expect IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'a check needs an image and an expectation',
            DETAIL = 'One of them is NULL.',
            HINT = 'For example add_check(''gambling'', (moderation.pdq_hash(file)).hash, expect => ''miss'').';
    END IF;
    SELECT c.check_id INTO known FROM moderation.checks c WHERE c.package_id = target.package_id AND c.image = add_check.image;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('package "%s" has a check of this image', target.name),
            DETAIL = format('It is check %s.', known),
            HINT = format('To expect something else, remove it first: SELECT moderation.remove_check(%s);', known);
    END IF;
    INSERT INTO moderation.checks (package_id, image, expect, note, created_by)
    VALUES (target.package_id, add_check.image, add_check.expect, add_check.note, moderation.caller())
    RETURNING check_id INTO new_id;
    PERFORM moderation.audit('add_check', target.name, NULL,
        jsonb_build_object('check_id', new_id, 'image', add_check.image, 'expect', add_check.expect), add_check.note);
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.add_check(text, moderation.pdqhash, moderation.expectation, text) IS 'Demands that the package acts on an image of this hash (hit) or does not (miss), from the next publish on; returns the check''s id.';
CREATE FUNCTION moderation.remove_check(check_id bigint, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    gone moderation.checks;
BEGIN
    PERFORM FROM moderation.packages p
    WHERE p.package_id = (SELECT c.package_id FROM moderation.checks c WHERE c.check_id = remove_check.check_id) FOR UPDATE;
    PERFORM moderation.check_readable(c.package_id) FROM moderation.checks c WHERE c.check_id = remove_check.check_id;
    DELETE FROM moderation.checks c WHERE c.check_id = remove_check.check_id RETURNING * INTO gone;
    IF gone.check_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('check %s does not exist', coalesce(remove_check.check_id::text, 'NULL')),
            DETAIL = 'No package has a check of this number.',
            HINT = 'Checks are listed in moderation.checks.';
    END IF;
    PERFORM moderation.audit('remove_check', (SELECT p.name FROM moderation.packages p WHERE p.package_id = gone.package_id),
        to_jsonb(gone), NULL, remove_check.note);
END
$fn$;
COMMENT ON FUNCTION moderation.remove_check(bigint, text) IS 'Removes a check.';
CREATE FUNCTION moderation.run_checks(package text, release integer DEFAULT NULL)
    RETURNS TABLE (check_id bigint, expect moderation.expectation, passed boolean, action moderation.action, score real,
                   items bigint[], body text, note text, image moderation.pdqhash)
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 20 SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target integer;
    settings jsonb;
BEGIN
    SELECT p.package_id INTO target FROM moderation.packages p WHERE p.name = run_checks.package;
    IF NOT FOUND OR run_checks.release IS NOT NULL
       AND NOT EXISTS (SELECT FROM moderation.releases r WHERE r.package_id = target AND r.release = run_checks.release) THEN
        -- Without a check, too.
        PERFORM moderation.moderate_text_by_release('', run_checks.package, run_checks.release);
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = 'package must not be NULL',
            DETAIL = 'Checks belong to a package.', HINT = 'Packages are listed in moderation.packages.';
    END IF;
    PERFORM moderation.check_readable(target);
    settings := moderation.release_settings(target, run_checks.release);
    RETURN QUERY
    SELECT c.check_id, c.expect, (v.action IS NOT NULL) = (c.expect = 'hit'), v.action, v.score, v.items, c.body, c.note, c.image
    FROM moderation.checks c
    CROSS JOIN LATERAL (
        SELECT t.action, t.score,
               ARRAY(SELECT DISTINCT (h->>'item')::bigint FROM jsonb_array_elements(t.hits) h ORDER BY 1) AS items
        FROM moderation.moderate_text_by_release(c.body, run_checks.package, run_checks.release) t
        WHERE c.body IS NOT NULL
        UNION ALL
        SELECT CASE WHEN count(*) > 0 AND sum(h.score) >= (settings->>'threshold')::real THEN (settings->>'action')::moderation.action END,
               coalesce(sum(h.score), 0::real), coalesce(array_agg(h.item_id ORDER BY h.item_id), '{}')
        FROM moderation.image_hits(c.image, ARRAY[run_checks.package], run_checks.release, run_checks.release IS NULL) h
        WHERE c.image IS NOT NULL
        HAVING c.image IS NOT NULL) v
    WHERE c.package_id = target
    ORDER BY c.check_id;
END
$fn$;
COMMENT ON FUNCTION moderation.run_checks(text, integer) IS 'Holds a release, or the draft (NULL), against the package''s checks: whether each passes, what the verdict is and which items make it. Schedules and snoozes do not count.';
CREATE FUNCTION moderation.check_gates(target moderation.packages, release integer) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    failed jsonb;
    errors jsonb;
BEGIN
    IF EXISTS (SELECT FROM moderation.checks c WHERE c.package_id = target.package_id) THEN
        SELECT jsonb_agg(jsonb_build_object('gate', 'check', 'check', r.check_id, 'expect', r.expect, 'action', r.action, 'items', r.items)
                         ORDER BY r.check_id)
        INTO failed FROM moderation.run_checks(target.name, check_gates.release) r WHERE NOT r.passed;
    END IF;
    -- Only what can be an error is looked at: an allow entry over a term, a fragment of one letter. A package without either
    -- is not read again: the first condition is that of item_versions_gated_idx.
    IF EXISTS (SELECT FROM moderation.item_versions v
               WHERE v.package_id = target.package_id
                 AND (v.allow OR v.match = ANY ('{prefix,suffix,substring}') AND v.term !~ '([[:alnum:]].*){4}')
                 AND (v.allow OR length(regexp_replace(moderation.fold_text(v.term), '[^[:alnum:]]', '', 'g')) <= 1)
                 AND CASE WHEN check_gates.release IS NULL THEN v.removed_in IS NULL
                          ELSE v.added_in <= check_gates.release AND (v.removed_in IS NULL OR v.removed_in > check_gates.release) END) THEN
        SELECT jsonb_agg(jsonb_build_object('gate', 'lint', 'rule', l.rule, 'items', jsonb_build_array(l.item_id))
                         ORDER BY l.rule, l.item_id)
        INTO errors FROM moderation.lint_items(target.name, check_gates.release, NULL, true) l;
        failed := coalesce(failed, '[]') || coalesce(errors, '[]');
    END IF;
    IF failed <> '[]' THEN
        RAISE EXCEPTION USING ERRCODE = 'MD002',
            MESSAGE = format('%s of package "%s" fails %s of its gates',
                             CASE WHEN check_gates.release IS NULL THEN 'the draft' ELSE 'release ' || check_gates.release END,
                             target.name, jsonb_array_length(failed)),
            DETAIL = failed::text,
            HINT = format('The DETAIL is JSON. SELECT * FROM moderation.run_checks(%1$L%2$s) WHERE NOT passed; and SELECT * FROM moderation.lint_package(%1$L%2$s) WHERE severity = ''error''; say more.',
                          target.name, CASE WHEN check_gates.release <= target.latest_release THEN ', ' || check_gates.release ELSE '' END);
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_gates(moderation.packages, integer) IS 'Internal: refuses a release, or the draft (NULL), that fails a check or has an error in it, with SQLSTATE MD002. target as it was before the release was made.';
CREATE FUNCTION moderation.check_approval(target moderation.packages) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF target.needs_approval THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('package "%s" needs approval to go live', target.name),
            DETAIL = 'One role asks, another approves.',
            HINT = format('Ask with moderation.request_publish(%L); another role answers with moderation.approve_publish().', target.name);
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_approval(moderation.packages) IS 'Internal: refuses to go live without a second person when the package demands one.';
CREATE FUNCTION moderation.request_publish(
    name text, stage moderation.stage DEFAULT 'live', share numeric DEFAULT 100, note text DEFAULT NULL, release integer DEFAULT NULL)
    RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(request_publish.name);
    draft moderation.drafts;
    new_id bigint;
BEGIN
    PERFORM moderation.check_share(request_publish.share);
    IF request_publish.stage IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'stage must not be NULL',
            DETAIL = 'A release is published in a stage.', HINT = 'Use ''live'' or ''shadow''.';
    END IF;
    SELECT * INTO draft FROM moderation.drafts d WHERE d.package_id = target.package_id;
    IF request_publish.release IS NOT NULL
       AND request_publish.release IS DISTINCT FROM (moderation.deployed(target.package_id, 'shadow')).release THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('release %s of package "%s" is not in shadow', request_publish.release, target.name),
            DETAIL = 'A request names the shadow release to promote, or none for the draft.',
            HINT = 'Leave release out to publish the draft.';
    END IF;
    IF request_publish.release IS NULL AND draft.terms + draft.images + draft.videos = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('package "%s" has no item to publish', target.name),
            DETAIL = 'A release needs at least one term, image or video; allow entries alone match nothing.',
            HINT = format('Add terms first: SELECT moderation.add_terms(%L, ARRAY[...]);', target.name);
    END IF;
    IF request_publish.stage = 'live' THEN
        -- Now rather than when somebody has looked at it.
        PERFORM moderation.check_gates(target, request_publish.release);
    END IF;
    INSERT INTO moderation.publish_requests (package_id, stage, release, draft_key, share, note, requested_by, requested_session)
    VALUES (target.package_id, request_publish.stage, request_publish.release,
            CASE WHEN request_publish.release IS NULL THEN draft.draft_key END, request_publish.share, request_publish.note,
            moderation.caller(), session_user)
    RETURNING request_id INTO new_id;
    PERFORM moderation.audit('request_publish', target.name, NULL, jsonb_build_object('request_id', new_id, 'stage',
        request_publish.stage, 'release', request_publish.release, 'share', request_publish.share), request_publish.note);
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.request_publish(text, moderation.stage, numeric, text, integer) IS 'Asks for the draft as it is now (or the shadow release named) to be put in force, after its gates; returns the request''s id, which another role passes to approve_publish().';
CREATE FUNCTION moderation.claim_request(request_id bigint) RETURNS moderation.publish_requests
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    claimed moderation.publish_requests;
BEGIN
    -- The package first, as everywhere.
    PERFORM FROM moderation.packages p
    WHERE p.package_id = (SELECT r.package_id FROM moderation.publish_requests r WHERE r.request_id = claim_request.request_id)
    FOR UPDATE;
    SELECT * INTO claimed FROM moderation.publish_requests r WHERE r.request_id = claim_request.request_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('publish request %s does not exist', coalesce(claim_request.request_id::text, 'NULL')),
            DETAIL = 'Nobody asked for it.',
            HINT = 'Requests are listed in moderation.open_requests.';
    END IF;
    IF claimed.decision IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('publish request %s is %s already', claimed.request_id, claimed.decision),
            DETAIL = format('By %s.', claimed.decided_by),
            HINT = 'Ask again with request_publish().';
    END IF;
    PERFORM moderation.check_readable(claimed.package_id);
    RETURN claimed;
END
$fn$;
COMMENT ON FUNCTION moderation.claim_request(bigint) IS 'Internal: an open request, locked together with its package.';
CREATE FUNCTION moderation.approve_publish(request_id bigint, note text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    request moderation.publish_requests := moderation.claim_request(approve_publish.request_id);
    target moderation.packages;
    number integer;
BEGIN
    SELECT * INTO target FROM moderation.packages p WHERE p.package_id = request.package_id;
    PERFORM moderation.check_approver(target);
    -- Nor by another role of the same login.
    IF request.requested_by = moderation.caller() OR request.requested_session = session_user THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('publish request %s cannot be approved by %s, who made it', request.request_id,
                             CASE WHEN request.requested_by = moderation.caller() THEN request.requested_by ELSE request.requested_session END),
            DETAIL = 'The second person is another one.',
            HINT = 'Ask a colleague; reject_publish() withdraws it.';
    END IF;
    IF request.release IS NULL
       AND request.draft_key <> (SELECT d.draft_key FROM moderation.drafts d WHERE d.package_id = target.package_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the draft of package "%s" has changed since publish request %s', target.name, request.request_id),
            DETAIL = 'An approval is for what was asked for.',
            HINT = format('Ask again: SELECT moderation.request_publish(%L);', target.name);
    END IF;
    IF request.release IS DISTINCT FROM (moderation.deployed(target.package_id, 'shadow')).release AND request.release IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('release %s of package "%s" is not in shadow any more', request.release, target.name),
            DETAIL = 'An approval is for what was asked for.',
            HINT = format('Ask again: SELECT moderation.request_publish(%L);', target.name);
    END IF;
    number := coalesce(request.release, moderation.freeze_draft(target, request.note));
    PERFORM moderation.put_in_force(target, request.stage, number, request.share, request.note,
                                    CASE WHEN request.release IS NULL THEN 'publish' ELSE 'promote' END, 'approve_publish', approve_publish.note);
    UPDATE moderation.publish_requests r
    SET decision = 'approved', decided_at = now(), decided_by = moderation.caller(), reason = approve_publish.note, published = number
    WHERE r.request_id = request.request_id;
    RETURN number;
END
$fn$;
COMMENT ON FUNCTION moderation.approve_publish(bigint, text) IS 'Puts in force what was asked for, by another role than the one that asked, if the draft is still the same and passes its gates; returns the release number.';
CREATE FUNCTION moderation.reject_publish(request_id bigint, reason text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    request moderation.publish_requests := moderation.claim_request(reject_publish.request_id);
BEGIN
    UPDATE moderation.publish_requests r
    SET decision = 'rejected', decided_at = now(), decided_by = moderation.caller(), reason = reject_publish.reason
    WHERE r.request_id = request.request_id;
    PERFORM moderation.audit('reject_publish', (SELECT p.name FROM moderation.packages p WHERE p.package_id = request.package_id),
        jsonb_build_object('request_id', request.request_id), NULL, reject_publish.reason);
END
$fn$;
COMMENT ON FUNCTION moderation.reject_publish(bigint, text) IS 'Turns a publish request down; whoever made it withdraws it in the same way.';
CREATE TABLE moderation.owner_strikes (
    owner_key       text NOT NULL,
    package_id      integer NOT NULL,
    source_id       integer NOT NULL,
    content_key     text NOT NULL,
    struck_at       timestamptz NOT NULL,
    strike_key      uuid PRIMARY KEY DEFAULT gen_random_uuid()
);
CREATE INDEX owner_strikes_owner_idx ON moderation.owner_strikes (left(owner_key, 200));
CREATE INDEX owner_strikes_content_idx ON moderation.owner_strikes (source_id, left(content_key, 200));
COMMENT ON TABLE moderation.owner_strikes IS 'Confirmed hits by owner: one row for each content, reviewed as violating, and package with a live hit in it. Kept by the review functions; read when a verdict rule asks for strikes.';
COMMENT ON COLUMN moderation.owner_strikes.struck_at IS 'When the content was first hit.';
CREATE FUNCTION moderation.count_strikes(source_id integer, content_key text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    DELETE FROM moderation.owner_strikes s
    WHERE s.source_id = count_strikes.source_id AND left(s.content_key, 200) = left(count_strikes.content_key, 200)
      AND s.content_key = count_strikes.content_key;
    -- The newest decision counts, that of an appeal before all.
    IF (SELECT r.label FROM moderation.reviews r
        WHERE r.source_id = count_strikes.source_id AND left(r.content_key, 200) = left(count_strikes.content_key, 200)
          AND r.content_key = count_strikes.content_key AND r.hit_id IS NULL AND r.label <> 'unsure'
        ORDER BY r.final DESC, r.review_id DESC LIMIT 1) = 'violating' THEN
        INSERT INTO moderation.owner_strikes (owner_key, package_id, source_id, content_key, struck_at)
        SELECT h.owner_key, h.package_id, h.source_id, h.content_key, min(h.observed_at)
        FROM moderation.hits h
        WHERE h.source_id = count_strikes.source_id AND left(h.content_key, 200) = left(count_strikes.content_key, 200)
          AND h.content_key = count_strikes.content_key AND h.stage = 'live' AND h.owner_key IS NOT NULL
          AND NOT EXISTS (SELECT FROM moderation.withdrawn_hits w WHERE w.hit_id = h.hit_id AND w.undone)
        GROUP BY h.owner_key, h.package_id, h.source_id, h.content_key;
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.count_strikes(integer, text) IS 'Internal: the strikes that a content gives its owner, after a review.';
CREATE FUNCTION moderation.set_verdict_rules(name text, rules jsonb, note text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(set_verdict_rules.name);
    rule jsonb;
    wrong text;
    kept jsonb := '[]';
BEGIN
    IF jsonb_typeof(coalesce(rules, '[]')) <> 'array' OR jsonb_array_length(coalesce(rules, '[]')) > 20 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'rules must be an array of at most 20 objects',
            DETAIL = 'Each names an action and the conditions under which the package asks for it.',
            HINT = 'For example ''[{"action": "block", "strikes": 3, "days": 30}]''; ''[]'' for none.';
    END IF;
    FOR rule IN SELECT e FROM jsonb_array_elements(coalesce(rules, '[]')) e LOOP
        wrong := CASE
            WHEN jsonb_typeof(rule) <> 'object' THEN 'is not an object'
            WHEN NOT coalesce(rule ->> 'action' = ANY (enum_range(NULL::moderation.action)::text[]), false) THEN 'has no action log, review or block'
            WHEN EXISTS (SELECT FROM jsonb_object_keys(rule) k WHERE k <> ALL ('{action,score,strikes,days,half_life,any_package,with}'::text[])) THEN 'has a condition that does not exist'
            WHEN EXISTS (SELECT FROM jsonb_each(rule) c WHERE c.key = ANY ('{score,strikes,days,half_life}'::text[])
                         AND CASE WHEN jsonb_typeof(c.value) = 'number' THEN c.value::numeric <= 0.0 OR c.value::numeric > 1000000.0 ELSE true END) THEN 'has a number that is not above 0 and at most 1,000,000'
            WHEN rule ? 'any_package' AND jsonb_typeof(rule -> 'any_package') <> 'boolean' THEN 'has an any_package that is neither true nor false'
            WHEN rule ? 'with' AND jsonb_typeof(rule -> 'with') <> 'array' THEN 'has a with that is no array of packages'
            WHEN EXISTS (SELECT FROM jsonb_array_elements_text(CASE WHEN jsonb_typeof(rule -> 'with') = 'array' THEN rule -> 'with' ELSE '[]' END) w
                         WHERE NOT EXISTS (SELECT FROM moderation.packages p WHERE p.name = w)) THEN 'names a package that does not exist'
            WHEN NOT rule ?| '{score,strikes,with}' THEN 'has no condition'
        END;
        IF wrong IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('rule %s %s', jsonb_array_length(kept) + 1, wrong),
                DETAIL = 'A rule has an action and one or more of: score, strikes (with days, half_life, any_package), with.',
                HINT = 'For example {"action": "block", "strikes": 3, "days": 30, "half_life": 10}.';
        END IF;
        kept := kept || jsonb_build_array(rule);
    END LOOP;
    UPDATE moderation.packages p SET rules = nullif(kept, '[]') WHERE p.package_id = target.package_id;
    UPDATE moderation.drafts d SET draft_key = gen_random_uuid(), changed_at = now(), changed_by = moderation.caller()
    WHERE d.package_id = target.package_id;
    PERFORM moderation.audit('set_verdict_rules', target.name, jsonb_build_object('rules', target.rules),
                             jsonb_build_object('rules', nullif(kept, '[]')), note);
    RETURN jsonb_array_length(kept);
END
$fn$;
COMMENT ON FUNCTION moderation.set_verdict_rules(text, jsonb, text) IS 'Sets the draft''s verdict rules, which the next publish freezes: under which conditions the package asks for a stronger action than its own. score: its score in the content; strikes: confirmed hits of the content''s owner in the last days (30), losing half their weight every half_life days, under any_package or this one; with: other packages that hit the content too. All conditions of a rule must hold.';
CREATE FUNCTION moderation.lint_items(
    package text, release integer, frequency_source regclass, errors_only boolean,
    OUT severity text, OUT item_id bigint, OUT rule text, OUT message text, OUT fix text,
    OUT other_item bigint)
    RETURNS SETOF record
    LANGUAGE c STABLE COST 100000 ROWS 20
    AS 'MODULE_PATHNAME', 'moderation_lint_items';
COMMENT ON FUNCTION moderation.lint_items(text, integer, regclass, boolean) IS 'Internal: what lint finds in the terms of a release, or of the draft (NULL). other_item: the one without which it would not be found.';
CREATE FUNCTION moderation.lint_others(package text, release integer, only_items bigint[] DEFAULT NULL)
    RETURNS TABLE (severity text, item_id bigint, rule text, message text, fix text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        WITH items AS MATERIALIZED (
            SELECT v.item_id, v.kind, v.allow, v.hash, v.expires_at, coalesce(v.term, v.label, v.kind::text) AS name,
                   format('SELECT moderation.remove_items(%L, ARRAY[%s]);', p.name, v.item_id) AS remove
            FROM moderation.packages p
            JOIN moderation.item_versions v ON v.package_id = p.package_id
            WHERE p.name = lint_others.package AND p.package_id = ANY ((SELECT moderation.readable_packages())::integer[])
              AND (v.kind = 'image' OR v.expires_at <= now())
              AND (lint_others.only_items IS NULL OR v.item_id = ANY (lint_others.only_items))
              AND CASE WHEN lint_others.release IS NULL THEN v.removed_in IS NULL
                       ELSE v.added_in <= lint_others.release AND (v.removed_in IS NULL OR v.removed_in > lint_others.release) END
        )
        SELECT 'warning', i.item_id, 'expired', format('"%s" expired at %s.', i.name, i.expires_at), i.remove
        FROM items i WHERE i.expires_at <= now()
        UNION ALL
        -- The index over the release finds what is near; of two images the younger one is the repetition.
        SELECT 'warning', i.item_id, 'duplicate_image',
               format('"%s" differs from item %s in %s of 256 bits; images that look the same differ in up to 31.', i.name, h.item_id, h.distance),
               i.remove
        FROM items i
        CROSS JOIN LATERAL (
            SELECT n.item_id, n.distance
            FROM moderation.image_hits(i.hash, ARRAY[lint_others.package], lint_others.release, lint_others.release IS NULL, true) n
            WHERE n.item_id < i.item_id AND n.distance <= 8
            ORDER BY n.distance, n.item_id LIMIT 1) h
        WHERE i.kind = 'image' AND NOT i.allow
        UNION ALL
        -- Every bit says whether a coefficient is above the median, so half of them are set, unless the image has no structure.
        SELECT 'warning', i.item_id, 'low_quality',
               format('"%s" has a hash of an image without structure (%s of 256 bits set), which matches other such images by accident.',
                      i.name, bit_count(moderation.pdqhash_bytes(i.hash))),
               i.remove
        FROM items i
        WHERE i.kind = 'image' AND (bit_count(moderation.pdqhash_bytes(i.hash)) < 96 OR bit_count(moderation.pdqhash_bytes(i.hash)) > 160);
    END;
COMMENT ON FUNCTION moderation.lint_others(text, integer, bigint[]) IS 'Internal: what lint finds without looking at texts, at all items or at some.';
CREATE FUNCTION moderation.lint_package(package text, release integer DEFAULT NULL)
    RETURNS TABLE (severity text, item_id bigint, rule text, message text, fix text)
    LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    RETURN QUERY
    SELECT l.severity, l.item_id, l.rule, l.message, l.fix
    FROM (SELECT i.severity, i.item_id, i.rule, i.message, i.fix
          FROM moderation.lint_items(lint_package.package, lint_package.release,
                                     moderation.frequency_source(lint_package.package), false) i
          UNION ALL
          SELECT * FROM moderation.lint_others(lint_package.package, lint_package.release)) l
    ORDER BY CASE l.severity WHEN 'error' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END, l.item_id, l.rule;
END
$fn$;
COMMENT ON FUNCTION moderation.lint_package(text, integer) IS 'What is questionable about the items of a release, or of the draft (NULL), worst first, each with SQL that mends it where there is one. Errors keep the package from going live. Reads the package''s frequency source with the caller''s rights.';
CREATE FUNCTION moderation.frequency_source(package text) RETURNS regclass
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT c.oid::regclass FROM moderation.packages p JOIN pg_class c ON c.oid = p.frequency_source
        WHERE p.name = frequency_source.package;
    END;
COMMENT ON FUNCTION moderation.frequency_source(text) IS 'Internal: the package''s table of word frequencies, if it still exists.';
CREATE TYPE moderation.import_line AS (
    line integer, status text, item_id bigint, kind moderation.item_kind, allow boolean, term text, match moderation.match_mode,
    level moderation.match_level, language text, weight real, note text, case_ref text, source text, evidence text,
    valid_from timestamptz, expires_at timestamptz, item_hash bytea, hash moderation.pdqhash, max_distance smallint, label text, reason text);
COMMENT ON TYPE moderation.import_line IS 'Internal: one line of an import on its way into the draft.';
CREATE FUNCTION moderation.parse_import(
    content text, format text, match moderation.match_mode, level moderation.match_level, language text,
    OUT line integer, OUT problem text, OUT term text, OUT own_match text, OUT own_level text, OUT own_language text,
    OUT weight text, OUT allow text, OUT note text, OUT case_ref text, OUT source text, OUT evidence text, OUT valid_from text,
    OUT expires_at text, OUT hash text, OUT max_distance text, OUT label text, OUT item_hash bytea)
    RETURNS SETOF record
    LANGUAGE c STABLE ROWS 1000
    AS 'MODULE_PATHNAME', 'moderation_parse_import';
COMMENT ON FUNCTION moderation.parse_import(text, text, moderation.match_mode, moderation.match_level, text) IS 'Internal: the lines of a file as text, each with what is wrong with it or with the hash of its item.';
CREATE FUNCTION moderation.check_import_size(bytes bigint) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    most text := coalesce(current_setting('pg_moderation.max_import_bytes', true), '256MB');
BEGIN
    IF bytes > pg_size_bytes(most) THEN
        RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded',
            MESSAGE = format('the file is too large: %s', pg_size_pretty(bytes)),
            DETAIL = format('pg_moderation.max_import_bytes is %s. Nothing was imported.', most),
            HINT = 'Import it in parts, or have the setting raised.';
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_import_size(bigint) IS 'Internal: refuses files above pg_moderation.max_import_bytes.';
CREATE FUNCTION moderation.import_schedule(
    INOUT valid_from text, INOUT expires_at text, OUT "from" timestamptz, OUT until timestamptz, OUT problem text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    SELECT s.valid_from, s.expires_at INTO "from", until
    FROM moderation.check_schedule(
        CASE WHEN valid_from LIKE 'epoch %' THEN to_timestamp(substr(valid_from, 7)::double precision) ELSE valid_from::timestamptz END,
        CASE WHEN expires_at LIKE 'epoch %' THEN to_timestamp(substr(expires_at, 7)::double precision) ELSE expires_at::timestamptz END) s;
EXCEPTION WHEN data_exception THEN
    problem := SQLERRM;
END
$fn$;
COMMENT ON FUNCTION moderation.import_schedule(text, text) IS 'Internal: the times of a line, or why they are none.';
CREATE FUNCTION moderation.import_findings(package text, items bigint[], dry_run boolean)
    RETURNS TABLE (item_id bigint, findings jsonb)
    LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
AS $fn$
DECLARE
    problem text;
    concerned bigint;
BEGIN
    IF coalesce(items, '{}') = '{}' THEN
        RETURN;
    END IF;
    -- What is found at an item that was there before, because of one that came, belongs to the one that came.
    RETURN QUERY
    SELECT coalesce(own.item_id, cause.item_id),
           jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
               'severity', l.severity, 'rule', l.rule, 'item', CASE WHEN own.item_id IS NULL THEN l.item_id END,
               'message', l.message, 'fix', CASE WHEN NOT dry_run THEN l.fix END))
               ORDER BY CASE l.severity WHEN 'error' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END, l.rule, l.item_id)
    FROM (SELECT * FROM moderation.lint_items(package, NULL, moderation.frequency_source(package), false)
          UNION ALL
          SELECT o.severity, o.item_id, o.rule, o.message, o.fix, NULL FROM moderation.lint_others(package, NULL, items) o) l
    LEFT JOIN unnest(items) AS own(item_id) ON own.item_id = l.item_id
    LEFT JOIN unnest(items) AS cause(item_id) ON cause.item_id = l.other_item
    WHERE own.item_id IS NOT NULL OR cause.item_id IS NOT NULL
    GROUP BY 1;
    GET DIAGNOSTICS concerned = ROW_COUNT;
    IF concerned > 0 THEN
        RAISE NOTICE 'items that lint finds something at: %; see the column findings', concerned;
    END IF;
EXCEPTION WHEN OTHERS THEN
    -- A frequency source that cannot be read is no reason to refuse a file.
    GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT;
    RAISE WARNING USING MESSAGE = format('what was imported is not linted: %s', problem),
        DETAIL = 'The import itself is not concerned.',
        HINT = format('SELECT * FROM moderation.lint_package(%L);', package);
END
$fn$;
COMMENT ON FUNCTION moderation.import_findings(text, bigint[], boolean) IS 'Internal: what lint finds in the draft because of these items, by the item that brought it; of a dry run without the SQL that mends it, since it names items that are gone.';
CREATE FUNCTION moderation.import_lines(
    package_id integer, content text, format text, match moderation.match_mode, level moderation.match_level, language text,
    source text, case_ref text, note text)
    RETURNS moderation.import_line[]
    LANGUAGE sql SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
WITH parsed AS MATERIALIZED (
    SELECT p.*, s."from", s.until, coalesce(p.problem, s.problem) AS trouble,
           min(p.line) FILTER (WHERE coalesce(p.problem, s.problem) IS NULL) OVER (PARTITION BY p.item_hash, lower(p.hash), p.allow) AS first_line
    FROM moderation.parse_import(content, format, match, level, language) p
    LEFT JOIN LATERAL moderation.import_schedule(p.valid_from, p.expires_at) s
      ON p.problem IS NULL AND (p.valid_from IS NOT NULL OR p.expires_at IS NOT NULL)
), judged AS (
    SELECT p.*, coalesce(v.item_id, i.item_id) AS known,
           CASE WHEN p.trouble IS NOT NULL THEN 'refused'
                WHEN v.item_id IS NOT NULL OR i.item_id IS NOT NULL OR p.line > p.first_line THEN 'duplicate'
                ELSE 'added' END AS verdict
    FROM parsed p
    -- One by one, through the index: before ANALYZE a join would read the whole package for a few lines.
    LEFT JOIN LATERAL (
        SELECT x.item_id FROM moderation.item_versions x
        WHERE x.package_id = import_lines.package_id AND x.item_hash = p.item_hash AND x.removed_in IS NULL LIMIT 1) v ON true
    -- As add_images() does: the same hash with another distance is the same image.
    LEFT JOIN LATERAL (
        SELECT x.item_id FROM moderation.item_versions x
        WHERE p.hash IS NOT NULL AND p.trouble IS NULL AND x.package_id = import_lines.package_id AND x.removed_in IS NULL
          AND x.kind = 'image' AND x.hash = p.hash::moderation.pdqhash AND x.allow = p.allow::boolean LIMIT 1) i ON true
)
SELECT array_agg(ROW(
    j.line, j.verdict,
    CASE WHEN j.verdict = 'added' THEN nextval('moderation.items_item_id_seq') ELSE j.known END,
    CASE WHEN j.hash IS NULL THEN 'term' ELSE 'image' END, f.allow, coalesce(j.term, j.hash), f.own_match,
    f.own_level, f.own_language, coalesce(f.weight, '1'), coalesce(j.note, import_lines.note),
    coalesce(j.case_ref, import_lines.case_ref), coalesce(j.source, import_lines.source), j.evidence, j."from", j.until,
    coalesce(j.item_hash, moderation.image_item_hash(f.hash::moderation.pdqhash, f.allow::boolean, f.max_distance::integer)),
    f.hash, f.max_distance, j.label,
    coalesce(j.trouble,
             CASE WHEN j.known IS NULL AND j.verdict = 'duplicate' THEN format('the same as line %s', j.first_line)
                  WHEN j.verdict = 'duplicate' THEN 'in the draft already' END)
    )::moderation.import_line ORDER BY j.line)
-- Sorted before the ids are drawn, so that they follow the file. Of a refused line only the text is taken: its cells
-- need not be what the columns hold.
FROM (SELECT * FROM judged ORDER BY line) j LEFT JOIN LATERAL (
    SELECT j.allow, j.own_match, j.own_level, j.own_language, j.weight, j.hash, j.max_distance WHERE j.trouble IS NULL) f ON true;
$fn$;
COMMENT ON FUNCTION moderation.import_lines(integer, text, text, moderation.match_mode, moderation.match_level, text, text, text, text) IS 'Internal: the lines of a file, each with what becomes of it in the draft and the id of its item.';
CREATE FUNCTION moderation.import_items(
    package text, content text, format text DEFAULT 'csv', dry_run boolean DEFAULT false, strict boolean DEFAULT false,
    match moderation.match_mode DEFAULT 'word', level moderation.match_level DEFAULT 'folded', language text DEFAULT NULL,
    source text DEFAULT NULL, case_ref text DEFAULT NULL, note text DEFAULT NULL, lint boolean DEFAULT true)
    RETURNS TABLE (line integer, status text, item_id bigint, term text, reason text, findings jsonb)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
    SET plan_cache_mode = force_custom_plan
AS $fn$
#variable_conflict use_column
DECLARE
    target moderation.packages;
    lines moderation.import_line[];
    figures jsonb;
BEGIN
    IF content IS NULL OR format IS NULL OR dry_run IS NULL OR strict IS NULL OR match IS NULL OR level IS NULL OR lint IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'content, format, dry_run, strict, match, level and lint must not be NULL',
            DETAIL = 'Nothing was imported.',
            HINT = 'Leave out what has a default.';
    END IF;
    PERFORM moderation.check_import_size(octet_length(content));
    target := moderation.lock_package(package);
    lines := moderation.import_lines(target.package_id, content, format, match, level, language, source, case_ref, note);
    SELECT jsonb_object_agg(f.status, f.count) INTO figures
    FROM (SELECT l.status, count(*) FROM unnest(lines) l GROUP BY l.status) f;
    IF strict AND figures ? 'refused' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s of %s lines cannot be imported', figures->>'refused', cardinality(lines)),
            DETAIL = (SELECT string_agg(format('line %s: %s', l.line, l.reason), '; ')
                      FROM (SELECT u.line, u.reason FROM unnest(lines) u WHERE u.status = 'refused' ORDER BY u.line LIMIT 20) l)
                     || '. Nothing was imported.',
            HINT = 'Without strict => true the other lines are imported and these are listed.';
    END IF;
    -- A dry run is the import itself, taken back: only then does lint see what it would find.
    BEGIN
        IF figures ? 'added' THEN
            RAISE NOTICE '% lines read; items to add: %', cardinality(lines), figures->>'added';
            INSERT INTO moderation.items (item_id, package_id, kind, source, case_ref, note, evidence, created_by)
            OVERRIDING SYSTEM VALUE
            SELECT l.item_id, target.package_id, l.kind, l.source, l.case_ref, l.note, l.evidence, moderation.caller()
            FROM unnest(lines) l WHERE l.status = 'added';
            INSERT INTO moderation.item_versions
                (item_id, package_id, added_in, kind, allow, term, match, level, language, weight, valid_from, expires_at, item_hash,
                 hash, max_distance, label, changed_by)
            SELECT l.item_id, target.package_id, target.latest_release + 1, l.kind, l.allow,
                   CASE WHEN l.kind = 'term' THEN l.term END, l.match, l.level, l.language, l.weight, l.valid_from, l.expires_at,
                   l.item_hash, l.hash, l.max_distance, l.label, moderation.caller()
            FROM unnest(lines) l WHERE l.status = 'added';
            UPDATE moderation.drafts d
            SET set_state = moderation.set_hash_apply(d.set_state, n.elements, '{}'), terms = d.terms + n.terms,
                images = d.images + n.images, allow_entries = d.allow_entries + n.allowed, draft_key = gen_random_uuid(), changed_at = now(),
                changed_by = moderation.caller()
            FROM (SELECT array_agg(moderation.item_element(l.item_hash, l.weight, l.valid_from, l.expires_at)) AS elements,
                         count(*) FILTER (WHERE NOT l.allow AND l.kind = 'term') AS terms,
                         count(*) FILTER (WHERE NOT l.allow AND l.kind = 'image') AS images,
                         count(*) FILTER (WHERE l.allow) AS allowed
                  FROM unnest(lines) l WHERE l.status = 'added') n
            WHERE d.package_id = target.package_id;
            PERFORM moderation.audit('import_items', target.name, NULL,
                figures || jsonb_build_object('format', format, 'items',
                    (SELECT jsonb_agg(l.item_id ORDER BY l.item_id) FROM unnest(lines) l WHERE l.status = 'added')), import_items.note);
        END IF;
        RETURN QUERY
        SELECT l.line, l.status, CASE WHEN NOT dry_run OR l.status <> 'added' THEN l.item_id END, l.term, l.reason, f.findings
        FROM unnest(lines) l
        LEFT JOIN moderation.import_findings(
            package, CASE WHEN lint THEN ARRAY(SELECT u.item_id FROM unnest(lines) u WHERE u.status = 'added') END, dry_run) f
          ON f.item_id = l.item_id AND l.status = 'added'
        ORDER BY l.line;
        IF dry_run THEN
            RAISE EXCEPTION USING ERRCODE = 'MD000', MESSAGE = 'this was a dry run';
        END IF;
    EXCEPTION WHEN SQLSTATE 'MD000' THEN
        NULL;
    END;
END
$fn$;
COMMENT ON FUNCTION moderation.import_items(text, text, text, boolean, boolean, moderation.match_mode, moderation.match_level, text, text, text, text, boolean) IS 'Imports a file into the package''s draft: csv (with a header), jsonl, words, ldnoobw, threatexchange or hma. One row per line: added, duplicate or refused with the reason; refused lines are left out, with strict => true they refuse the whole file. dry_run => true only reports. findings: what lint finds because of the line, as an array of objects with severity, rule, message, fix (SQL) and, where it is about another item, item; lint => false leaves it out. match, level, language, source, case_ref and note stand where a line has none.';
CREATE FUNCTION moderation.import_items(
    package text, content jsonb, format text DEFAULT 'jsonl', dry_run boolean DEFAULT false, strict boolean DEFAULT false,
    match moderation.match_mode DEFAULT 'word', level moderation.match_level DEFAULT 'folded', language text DEFAULT NULL,
    source text DEFAULT NULL, case_ref text DEFAULT NULL, note text DEFAULT NULL, lint boolean DEFAULT true)
    RETURNS TABLE (line integer, status text, item_id bigint, term text, reason text, findings jsonb)
    LANGUAGE sql SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT i.line, i.status, i.item_id, i.term, i.reason, i.findings
        FROM moderation.import_items(package, content::text, format, dry_run, strict, match, level, language, source, case_ref, note, lint) i;
    END;
COMMENT ON FUNCTION moderation.import_items(text, jsonb, text, boolean, boolean, moderation.match_mode, moderation.match_level, text, text, text, text, boolean) IS 'The same for JSON: an array of objects, or a page of ThreatExchange''s API; line is the position in the array.';
CREATE FUNCTION moderation.import_items(
    package text, content bytea, format text DEFAULT 'csv', dry_run boolean DEFAULT false, strict boolean DEFAULT false,
    match moderation.match_mode DEFAULT 'word', level moderation.match_level DEFAULT 'folded', language text DEFAULT NULL,
    source text DEFAULT NULL, case_ref text DEFAULT NULL, note text DEFAULT NULL, lint boolean DEFAULT true)
    RETURNS TABLE (line integer, status text, item_id bigint, term text, reason text, findings jsonb)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    decoded text;
    guess text;
BEGIN
    PERFORM moderation.check_import_size(octet_length(content));
    BEGIN
        decoded := convert_from(content, 'UTF8');
    EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
        guess := moderation.guess_encoding(content);
        RAISE EXCEPTION USING ERRCODE = 'character_not_in_repertoire',
            MESSAGE = 'the file is not UTF-8' || CASE guess WHEN 'WIN1251' THEN '; it looks like Windows-1251'
                                                            WHEN 'UTF-16' THEN '; it looks like UTF-16' ELSE '' END,
            DETAIL = 'Nothing was imported.',
            HINT = CASE guess WHEN 'WIN1251' THEN 'Convert it: import_items(..., convert_from(content, ''WIN1251''), ...).'
                              WHEN 'UTF-16' THEN 'Save it as UTF-8; PostgreSQL has no conversion from UTF-16.'
                              ELSE 'Convert it with convert_from(content, encoding); encodings are listed in the PostgreSQL manual.' END;
    END;
    RETURN QUERY SELECT i.line, i.status, i.item_id, i.term, i.reason, i.findings
    FROM moderation.import_items(package, decoded, format, dry_run, strict, match, level, language, source, case_ref, note, lint) i;
END
$fn$;
COMMENT ON FUNCTION moderation.import_items(text, bytea, text, boolean, boolean, moderation.match_mode, moderation.match_level, text, text, text, text, boolean) IS 'The same for the bytes of a file, which must be UTF-8; says which encoding it looks like when they are not.';
CREATE FUNCTION moderation.guess_encoding(content bytea) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        -- Windows-1251 has its Cyrillic letters from C0 on, and words of several of them; in Latin encodings they stand alone.
        SELECT CASE
            WHEN substr(content, 1, 2) IN ('\xfffe'::bytea, '\xfeff'::bytea) THEN 'UTF-16'
            WHEN b.high >= 4 AND b.cyrillic * 10 >= b.high * 8 AND b.neighbours * 2 >= b.high THEN 'WIN1251' END
        FROM (SELECT count(*) FILTER (WHERE x.byte >= 128) AS high, count(*) FILTER (WHERE x.byte >= 192 OR x.byte IN (168, 184)) AS cyrillic,
                     count(*) FILTER (WHERE x.byte >= 192 AND x.before >= 192) AS neighbours
              FROM (SELECT get_byte(content, i) AS byte, CASE WHEN i > 0 THEN get_byte(content, i - 1) END AS before
                    FROM generate_series(0, least(octet_length(content), 65536) - 1) AS i) AS x) AS b;
    END;
COMMENT ON FUNCTION moderation.guess_encoding(bytea) IS 'Internal: what a file that is not UTF-8 looks like: WIN1251, UTF-16 or NULL.';
CREATE FUNCTION moderation.content_hash(
    set_state bytea, action moderation.action, threshold real, policy text, severity smallint, max_distance smallint,
    rules jsonb) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        -- The threshold by its bits: how a number prints depends on the session's extra_float_digits.
        SELECT sha256(set_state || convert_to(
            (jsonb_build_array(action, encode(float4send(threshold), 'hex'), policy, severity)
             || CASE WHEN max_distance IS NULL THEN '[]' ELSE jsonb_build_array(max_distance) END
             || CASE WHEN rules IS NULL THEN '[]' ELSE jsonb_build_array(rules) END)::text, 'UTF8'));
    END;
COMMENT ON FUNCTION moderation.content_hash(bytea, moderation.action, real, text, smallint, smallint, jsonb) IS 'Internal: what a release''s content hash is made of; max_distance NULL for a release without images and videos.';
CREATE FUNCTION moderation.export_package(name text, release integer DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET extra_float_digits = 1 SET bytea_output = 'hex' SET TimeZone = 'UTC'
AS $fn$
DECLARE
    target moderation.packages;
    number integer;
    settings jsonb;
    exported jsonb;
BEGIN
    SELECT * INTO target FROM moderation.packages p WHERE p.package_id = moderation.find_package(export_package.name);
    PERFORM moderation.check_readable(target.package_id);
    number := coalesce(export_package.release, nullif(target.latest_release, 0));
    settings := moderation.release_settings(target.package_id, number);
    IF settings IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" has no release %s', target.name, number),
            DETAIL = 'Releases are numbered from 1, in the order they were published.',
            HINT = 'Releases are listed in moderation.releases.';
    END IF;
    SELECT jsonb_build_object(
        'format', 'pg_moderation package', 'version', 1, 'release', number,
        'package', jsonb_build_object('name', target.name, 'action', settings->'action', 'threshold', settings->'threshold',
                                      'max_distance', settings->'max_distance', 'rules', settings->'rules',
                                      'description', target.description),
        'policy', CASE WHEN settings->>'policy' IS NULL THEN NULL
            ELSE jsonb_build_object('name', settings->'policy', 'severity', settings->'severity')
                 || coalesce((SELECT jsonb_build_object('default_action', o.default_action, 'description', o.description)
                              FROM moderation.policies o WHERE o.name = settings->>'policy'), '{}') END,
        'folding_version', moderation.folding_version(),
        'content_hash', encode(moderation.content_hash(
            moderation.set_hash_apply('', coalesce(array_agg(r.element), '{}'), '{}'), (settings->>'action')::moderation.action,
            (settings->>'threshold')::real, settings->>'policy', (settings->>'severity')::smallint,
            CASE WHEN bool_or(v.kind <> 'term' AND NOT v.allow) THEN (settings->>'max_distance')::smallint END,
            nullif(settings->'rules', 'null')), 'hex'),
        'items', coalesce(jsonb_agg(
            jsonb_strip_nulls(to_jsonb(v) || (to_jsonb(i) - 'kind'))
                - ARRAY['item_id', 'package_id', 'added_in', 'removed_in', 'changed_at', 'changed_by']
            ORDER BY v.item_hash), '[]'),
        'checks', (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                              'body', c.body, 'image', c.image, 'expect', c.expect, 'note', c.note)) ORDER BY c.check_id), '[]')
                   FROM moderation.checks c WHERE c.package_id = target.package_id))
    INTO exported
    FROM moderation.release_items(target.package_id, number) r
    JOIN moderation.item_versions v
      ON v.item_id = r.item_id AND CASE WHEN number IS NULL THEN v.removed_in IS NULL
                                        ELSE v.added_in <= number AND (v.removed_in IS NULL OR v.removed_in > number) END
    JOIN moderation.items i ON i.item_id = v.item_id;
    RETURN exported;
END
$fn$;
COMMENT ON FUNCTION moderation.export_package(text, integer) IS 'A release of a package (default: the newest, of an unpublished package its draft) as JSON, for import_package() on any server: settings, policy, every item with its provenance, and the checks that the package has now.';
CREATE FUNCTION moderation.import_package(
    content jsonb, name text DEFAULT NULL, note text DEFAULT NULL,
    OUT package text, OUT release integer, OUT added integer, OUT removed integer, OUT content_hash text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET extra_float_digits = 1 SET bytea_output = 'hex' SET TimeZone = 'UTC' SET jit = off
AS $fn$
DECLARE
    target moderation.packages;
    policy moderation.policies;
    wrong bigint;
    stale bigint[];
    checks bigint;
    missing text;
BEGIN
    PERFORM moderation.check_import_size(pg_column_size(content));
    IF content->>'format' IS DISTINCT FROM 'pg_moderation package' OR content->>'version' IS DISTINCT FROM '1'
       OR jsonb_typeof(content->'items') IS DISTINCT FROM 'array' OR jsonb_typeof(content->'package') IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'this is no package of export_package(), version 1',
            DETAIL = format('Its format is %s, its version %s.', coalesce(left(content->>'format', 50), 'missing'), coalesce(left(content->>'version', 50), 'missing')),
            HINT = 'Lists of terms are imported with import_items().';
    END IF;
    package := coalesce(import_package.name, content->'package'->>'name');
    PERFORM moderation.check_name('package', package);
    SELECT string_agg(DISTINCT format('"%s"', w), ', ') INTO missing
    FROM jsonb_path_query(content, '$.package.rules[*].with[*]') x(name), LATERAL (SELECT x.name #>> '{}') y(w)
    WHERE NOT EXISTS (SELECT FROM moderation.packages p WHERE p.name = w);
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('verdict rules of the export name packages that do not exist here: %s', missing),
            DETAIL = 'Nothing was imported.',
            HINT = 'Import or create them first; an empty package will do.';
    END IF;
    BEGIN
        IF jsonb_typeof(content->'policy') = 'object' THEN
            SELECT * INTO policy FROM moderation.policies o WHERE o.name = content->'policy'->>'name';
            IF NOT FOUND THEN
                PERFORM moderation.create_policy(
                    content->'policy'->>'name', (content->'policy'->>'severity')::integer,
                    coalesce((content->'policy'->>'default_action')::moderation.action, 'review'), content->'policy'->>'description');
            ELSIF policy.severity <> (content->'policy'->>'severity')::smallint THEN
                RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
                    MESSAGE = format('policy "%s" has severity %s here and %s in the export', policy.name, policy.severity, content->'policy'->>'severity'),
                    DETAIL = 'The severity is part of the content hash. Nothing was imported.',
                    HINT = 'Rename one of the policies.';
            END IF;
        END IF;
        IF NOT EXISTS (SELECT FROM moderation.packages p WHERE p.name = package) THEN
            PERFORM moderation.create_package(package, description => content->'package'->>'description');
        END IF;
        PERFORM moderation.alter_package(
            package, action => (content->'package'->>'action')::moderation.action,
            threshold => (content->'package'->>'threshold')::real, policy => coalesce(content->'policy'->>'name', ''), note => note);
        target := moderation.lock_package(package);
        PERFORM moderation.set_max_distance(package, (content->'package'->>'max_distance')::integer, note)
        WHERE (content->'package'->>'max_distance')::integer <> target.max_distance;
        PERFORM moderation.set_verdict_rules(package, coalesce(nullif(content->'package'->'rules', 'null'), '[]'), note)
        WHERE nullif(content->'package'->'rules', 'null') IS DISTINCT FROM target.rules;
        target := moderation.lock_package(package);
        -- An item says what it is: a hash that does not follow from it would make two items of one, or one of two.
        SELECT g.position INTO wrong
        FROM (SELECT i.position, i.item,
                     CASE WHEN i.item ?& ARRAY['term', 'match', 'level'] THEN (
                         SELECT c.item_hash FROM moderation.check_terms(
                             ARRAY[i.item->>'term'], coalesce((i.item->>'allow')::boolean, false), (i.item->>'match')::moderation.match_mode,
                             (i.item->>'level')::moderation.match_level, i.item->>'language') c) END AS item_hash
              FROM jsonb_array_elements(content->'items') WITH ORDINALITY i(item, position)
              WHERE coalesce(i.item->>'kind', 'term') = 'term'
              UNION ALL
              SELECT i.position, i.item,
                     CASE v.kind WHEN 'image' THEN moderation.image_item_hash(v.hash, v.allow, v.max_distance)
                                 ELSE moderation.video_item_hash(v.frames, v.max_distance, v.min_material, v.min_content) END
              FROM jsonb_array_elements(content->'items') WITH ORDINALITY i(item, position),
                   LATERAL jsonb_populate_record(NULL::moderation.item_versions, i.item) v
              WHERE i.item->>'kind' <> 'term') g
        WHERE g.item_hash IS DISTINCT FROM (g.item->>'item_hash')::bytea OR g.item_hash IS NULL LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'data_corrupted',
                MESSAGE = format('item %s of the export is not what its hash says', wrong),
                DETAIL = 'It was changed after the export, or is damaged. Nothing was imported.',
                HINT = 'Export it again.';
        END IF;
        WITH wanted AS MATERIALIZED (
            SELECT i.item, v.item_hash, moderation.item_element(v.item_hash, coalesce(v.weight, 1), v.valid_from, v.expires_at) AS element
            FROM jsonb_array_elements(content->'items') i(item),
                 LATERAL jsonb_populate_record(NULL::moderation.item_versions, i.item) v
        ), kept AS MATERIALIZED (
            SELECT r.item_id, r.element FROM moderation.release_items(target.package_id, NULL) r
        )
        SELECT array_agg(k.item_id) INTO stale FROM kept k WHERE NOT EXISTS (SELECT FROM wanted w WHERE w.element = k.element);
        removed := CASE WHEN stale IS NULL THEN 0 ELSE moderation.remove_items(package, stale) END;
        WITH fresh AS MATERIALIZED (
            SELECT jsonb_build_object('item_id', nextval('moderation.items_item_id_seq'), 'package_id', target.package_id,
                       'added_in', target.latest_release + 1, 'allow', false, 'kind', 'term', 'weight', 1) || i.item
                   || jsonb_build_object('removed_in', NULL, 'changed_at', now(), 'changed_by', moderation.caller(),
                       'created_at', coalesce(i.item->>'created_at', now()::text), 'created_by', coalesce(i.item->>'created_by', moderation.caller())) AS item
            FROM jsonb_array_elements(content->'items') i(item)
            WHERE NOT EXISTS (SELECT FROM moderation.item_versions x
                              WHERE x.package_id = target.package_id AND x.removed_in IS NULL AND x.item_hash = (i.item->>'item_hash')::bytea)
        ), identities AS (
            INSERT INTO moderation.items OVERRIDING SYSTEM VALUE
            SELECT r.* FROM fresh f, LATERAL jsonb_populate_record(NULL::moderation.items, f.item) r
        ), versions AS (
            INSERT INTO moderation.item_versions
            SELECT r.* FROM fresh f, LATERAL jsonb_populate_record(NULL::moderation.item_versions, f.item) r
            RETURNING kind, item_hash, weight, valid_from, expires_at, allow
        ), counted AS (
            UPDATE moderation.drafts d
            SET set_state = moderation.set_hash_apply(d.set_state, n.elements, '{}'), terms = d.terms + n.terms,
                images = d.images + n.images, videos = d.videos + n.videos,
                allow_entries = d.allow_entries + n.allowed, draft_key = gen_random_uuid(), changed_at = now(),
                changed_by = moderation.caller()
            FROM (SELECT array_agg(moderation.item_element(v.item_hash, v.weight, v.valid_from, v.expires_at)) AS elements,
                         count(*) FILTER (WHERE NOT v.allow AND v.kind = 'term') AS terms,
                         count(*) FILTER (WHERE NOT v.allow AND v.kind = 'image') AS images,
                         count(*) FILTER (WHERE NOT v.allow AND v.kind = 'video') AS videos, count(*) FILTER (WHERE v.allow) AS allowed
                  FROM versions v) n
            WHERE d.package_id = target.package_id AND n.elements IS NOT NULL
        )
        SELECT count(*) INTO added FROM fresh;
        SELECT count(CASE WHEN c.image IS NULL THEN moderation.add_check(package, c.body, c.expect, c.note)
                          ELSE moderation.add_check(package, c.image, c.expect, c.note) END)
        INTO checks
        FROM jsonb_to_recordset(CASE WHEN jsonb_typeof(content->'checks') = 'array' THEN content->'checks' ELSE '[]' END)
                 c(body text, image moderation.pdqhash, expect moderation.expectation, note text)
        WHERE NOT EXISTS (SELECT FROM moderation.checks k
                          WHERE k.package_id = target.package_id AND (k.body = c.body OR k.image = c.image));
    EXCEPTION
        WHEN data_exception OR not_null_violation OR check_violation OR unique_violation THEN
            IF SQLERRM LIKE 'item % of the export is not what its hash says' THEN
                RAISE;
            END IF;
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('the export cannot be imported: %s', SQLERRM),
                DETAIL = 'It was changed by hand, or is damaged. Nothing was imported.',
                HINT = 'Export it again.';
    END;
    release := moderation.freeze_draft(target, note);
    SELECT encode(r.content_hash, 'hex') INTO content_hash FROM moderation.releases r
    WHERE r.package_id = target.package_id AND r.release = import_package.release;
    IF content_hash IS DISTINCT FROM content->>'content_hash' THEN
        RAISE EXCEPTION USING ERRCODE = 'data_corrupted',
            MESSAGE = 'the imported package has another content hash than the export',
            DETAIL = format('%s here, %s in the export. Nothing was imported.', content_hash, coalesce(left(content->>'content_hash', 64), 'none')),
            HINT = 'The export was changed or is damaged: export it again.';
    END IF;
    PERFORM moderation.audit('import_package', package, NULL,
        jsonb_build_object('release', release, 'added', added, 'removed', removed, 'checks', checks, 'content_hash', content_hash), note);
END
$fn$;
COMMENT ON FUNCTION moderation.import_package(jsonb, text, text) IS 'Makes the draft of a package what an export says, and a release of it with the identical content hash, else fails as a whole. Creates package and policy if they are missing; puts nothing in force: that is publish_package(). Checks that the package has not are added. name: import it under another one.';
CREATE FUNCTION moderation.register_source(relation regclass, attached boolean, settings jsonb) RETURNS integer
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
    PERFORM moderation.audit(CASE WHEN attached THEN 'attach' ELSE 'detach' END, NULL,
        CASE WHEN NOT attached THEN v.entry END, CASE WHEN attached THEN v.entry END, NULL)
    FROM (SELECT jsonb_build_object('source_id', found_id, 'relation', relation::text) || coalesce(settings, '{}')) v(entry);
    RETURN found_id;
END
$fn$;
COMMENT ON FUNCTION moderation.register_source(regclass, boolean, jsonb) IS 'Internal: notes that a table is attached or no longer is.';
COMMENT ON FUNCTION moderation.watched_column(regclass, text, name) IS 'Internal: a column that can be watched, or a clear error.';
CREATE FUNCTION moderation.attach(
    "table" regclass, id name, text name[] DEFAULT NULL, on_block moderation.on_block DEFAULT 'flag', owner name DEFAULT NULL,
    created_at name DEFAULT NULL, verdict_column name DEFAULT NULL, image name[] DEFAULT NULL, video name[] DEFAULT NULL,
    set_column name DEFAULT NULL)
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
    settings jsonb;
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
    IF cardinality(coalesce(text, '{}') || image || video) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'no column to watch',
            DETAIL = 'attach() watches at least one column with text, an image or a video.',
            HINT = 'For example text => ''{title,body}'' or image => ''{creative_pdq}''.';
    END IF;
    attribute := moderation.watched_column("table", 'id', id);
    FOREACH watched IN ARRAY coalesce(text, '{}') LOOP
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
    FOREACH watched IN ARRAY coalesce(image, '{}') LOOP
        attribute := moderation.watched_column("table", 'image', watched);
        IF attribute.atttypid <> 'moderation.pdqhash'::regtype THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('column "%s" of table %s is not an image hash', watched, "table"),
                DETAIL = format('Its type is %s.', format_type(attribute.atttypid, attribute.atttypmod)),
                HINT = 'Watch a column of type moderation.pdqhash; moderation.pdq_hash() makes one of an image file.';
        END IF;
    END LOOP;
    FOREACH watched IN ARRAY coalesce(video, '{}') LOOP
        attribute := moderation.watched_column("table", 'video', watched);
        IF attribute.atttypid <> 'moderation.video_frame[]'::regtype THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('column "%s" of table %s is not a video', watched, "table"),
                DETAIL = format('Its type is %s.', format_type(attribute.atttypid, attribute.atttypmod)),
                HINT = 'Watch a column of type moderation.video_frame[]; its frames come from pg-moderation-hasher.';
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
    IF set_column IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = "table" AND a.attname = set_column
                       AND a.attnum > 0 AND NOT a.attisdropped) THEN
            EXECUTE format('ALTER TABLE %s ADD COLUMN %I text', "table", set_column);
        END IF;
        attribute := moderation.watched_column("table", 'set_column', set_column);
        IF attribute.atttypid <> 'text'::regtype THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('column "%s" of table %s is not text', set_column, "table"),
                DETAIL = format('Its type is %s.', format_type(attribute.atttypid, attribute.atttypmod)),
                HINT = 'Name a text column, or a new one for attach() to add.';
        END IF;
    END IF;

    FOR entry IN
        SELECT c.column_name, c.role FROM (
            SELECT id, 'id', 1 UNION ALL
            SELECT u.name, 'text', 1 + u.n FROM unnest(text) WITH ORDINALITY u(name, n) UNION ALL
            SELECT u.name, 'image', 1000000 + u.n FROM unnest(image) WITH ORDINALITY u(name, n) UNION ALL
            SELECT u.name, 'video', 2000000 + u.n FROM unnest(video) WITH ORDINALITY u(name, n) UNION ALL
            SELECT owner, 'owner', 3000000 UNION ALL
            SELECT created_at, 'created_at', 3000001 UNION ALL
            SELECT verdict_column, 'verdict', 3000002 UNION ALL
            SELECT set_column, 'set', 3000003) c(column_name, role, n)
        WHERE c.column_name IS NOT NULL ORDER BY c.n
    LOOP
        IF roles->(entry.column_name::text) ? entry.role OR (entry.role IN ('verdict', 'set') AND roles ? entry.column_name::text) THEN
            RAISE EXCEPTION USING ERRCODE = 'duplicate_column',
                MESSAGE = format('column "%s" is named twice', entry.column_name),
                DETAIL = 'A column is watched once, and the columns of the verdict and the set are not watched.',
                HINT = 'Name each column once.';
        END IF;
        IF NOT roles ? entry.column_name::text THEN
            ordered := ordered || entry.column_name;
        END IF;
        roles := roles || jsonb_build_object(entry.column_name,
                              coalesce(roles->(entry.column_name::text), '[]') || to_jsonb(entry.role));
    END LOOP;

    settings := jsonb_build_object('on_block', on_block,
        'roles', (SELECT jsonb_agg(roles->(c::text) ORDER BY n) FROM unnest(ordered) WITH ORDINALITY u(c, n)));
    source := moderation.register_source("table", true, settings || jsonb_build_object('columns', to_jsonb(ordered)));
    -- The settings live in this trigger: its column list follows renames, refuses drops, and is dumped and restored
    -- with the table by PostgreSQL itself. The roles come in the same order as the columns.
    EXECUTE format('CREATE TRIGGER moderation_columns AFTER UPDATE OF %s ON %s FOR EACH STATEMENT '
                   'EXECUTE FUNCTION moderation.watched_columns(%L)',
        (SELECT string_agg(quote_ident(c), ', ' ORDER BY n) FROM unnest(ordered) WITH ORDINALITY u(c, n)), "table", settings);
    -- Of a partitioned table it also tells rows that only move between partitions.
    IF on_block = 'quarantine' OR coalesce(verdict_column, set_column) IS NOT NULL OR (on_block = 'reject' AND relation.relkind = 'p') THEN
        -- Row triggers fire in the order of their names: ours shall see what the others made of the row.
        EXECUTE format('CREATE TRIGGER zzzz_moderation_judge BEFORE INSERT OR UPDATE ON %s FOR EACH ROW '
                       'EXECUTE FUNCTION moderation.judge_row()', "table");
    END IF;
    EXECUTE format('CREATE TRIGGER moderation_record AFTER INSERT OR UPDATE ON %s FOR EACH ROW '
                   'EXECUTE FUNCTION moderation.record_row()', "table");
    RETURN source;
END
$fn$;
COMMENT ON FUNCTION moderation.attach(regclass, name, name[], moderation.on_block, name, name, name, name[], name[], name) IS 'Moderates every row inserted into or changed in a table from now on: records hits, writes the verdict into verdict_column and the name of the set that judged the row, hit or not, into set_column (made if missing), and flags, quarantines or rejects what is to be blocked. Returns the source id.';
CREATE OR REPLACE FUNCTION moderation.detach("table" regclass) RETURNS void
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
    PERFORM moderation.register_source("table", false, NULL);
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
COMMENT ON FUNCTION moderation.discard_quarantined(bigint, text) IS 'Closes a quarantined row without storing it; the record stays.';
COMMENT ON FUNCTION moderation.claim_quarantined(bigint) IS 'Internal: an unresolved quarantined row, locked.';
CREATE OR REPLACE FUNCTION moderation.resolve_quarantined(quarantine_id bigint, resolution text, note text) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        UPDATE moderation.quarantine q
        SET resolution = resolve_quarantined.resolution, resolved_at = now(), resolved_by = moderation.caller(),
            note = resolve_quarantined.note
        WHERE q.quarantine_id = resolve_quarantined.quarantine_id;
        SELECT moderation.audit(
            CASE resolve_quarantined.resolution WHEN 'released' THEN 'release_quarantined' ELSE 'discard_quarantined' END, NULL,
            jsonb_build_object('quarantine_id', q.quarantine_id, 'source', s.relation, 'content_key', q.content_key),
            jsonb_build_object('resolution', q.resolution), resolve_quarantined.note)
        FROM moderation.quarantine q LEFT JOIN moderation.sources s ON s.source_id = q.source_id
        WHERE q.quarantine_id = resolve_quarantined.quarantine_id;
    END;
COMMENT ON FUNCTION moderation.resolve_quarantined(bigint, text, text) IS 'Internal: marks a quarantined row released or discarded.';
CREATE OR REPLACE FUNCTION moderation.record_hits(hits jsonb) RETURNS bigint
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
         stage, item_id, kind, action, outcome, field, span_start, span_length, places, matched, level, steps, score,
         distance, material_percent, content_percent, time_ranges)
    SELECT moderation.ring_bucket(n.observed_at), n.hit_id, n.observed_at, n.source_id, n.content_key, n.owner_key,
           n.created_at, decode(n.digest, 'hex'), decode(n.set_hash, 'hex'), n.package_id, n.release, n.stage, n.item_id,
           n.kind, n.action, n.outcome, n.field, n.span_start, n.span_length, n.places, n.matched, n.level, n.steps, n.score,
           n.distance, n.material_percent, n.content_percent, n.time_ranges
    FROM jsonb_to_recordset(record_hits.hits) AS n (
        hit_id uuid, observed_at timestamptz, source_id integer, content_key text, owner_key text, created_at timestamptz,
        digest text, set_hash text, package_id integer, release integer, stage moderation.stage, item_id bigint,
        kind moderation.item_kind, action moderation.action, outcome moderation.outcome, field text, span_start integer,
        span_length integer, places integer, matched text, level moderation.match_level, steps text[], score real,
        distance smallint, material_percent real, content_percent real, time_ranges nummultirange)
    WHERE concat_ws('/', n.package_id, n.release, n.stage, n.item_id) <> ALL (known)
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END
$fn$;
COMMENT ON FUNCTION moderation.record_hits(jsonb) IS 'Internal: writes the hits of one content, once per digest, release and item, however often the same ones arrive.';
COMMENT ON FUNCTION moderation.collect_spooled(text) IS 'Internal: writes the hits and the exposure of a rejected row; returns why the database refuses them, NULL when they are in.';
COMMENT ON FUNCTION moderation.record_exposure(jsonb) IS 'Internal: writes the sampled fact that a content was judged, once per content, digest and compiled set.';
CREATE OR REPLACE FUNCTION moderation.expire_records(keep interval, OUT hits bigint, OUT exposures bigint)
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
    PERFORM moderation.audit('expire_records', NULL, jsonb_build_object('hits', hits, 'exposures', exposures),
        jsonb_build_object('keep', keep), NULL)
    WHERE hits + exposures > 0;
END
$fn$;
COMMENT ON FUNCTION moderation.expire_records(interval) IS 'Retention: empties every bucket of hits and exposures whose newest row is older than keep; returns how many rows went.';
COMMENT ON FUNCTION moderation.wilson_interval(bigint, bigint, double precision) IS 'Wilson score interval of a proportion (E. B. Wilson, JASA 22, 1927); 95 % by default; NULL without trials.';
CREATE FUNCTION moderation.wilson_low(successes bigint, trials bigint) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN greatest(0.0::double precision, (successes + 1.920729410347062::double precision
        - 1.959963984540054::double precision * sqrt(successes * (1.0::double precision - successes / nullif(trials, 0)::double precision) + 0.960364705173531::double precision))
        / (nullif(trials, 0) + 3.841458820694124::double precision)) * nullif(trials, 0) / nullif(trials, 0);
COMMENT ON FUNCTION moderation.wilson_low(bigint, bigint) IS 'Lower limit of wilson_interval() at 95 %.';
CREATE FUNCTION moderation.wilson_high(successes bigint, trials bigint) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN least(1.0::double precision, (successes + 1.920729410347062::double precision
        + 1.959963984540054::double precision * sqrt(successes * (1.0::double precision - successes / nullif(trials, 0)::double precision) + 0.960364705173531::double precision))
        / (nullif(trials, 0) + 3.841458820694124::double precision)) * nullif(trials, 0) / nullif(trials, 0);
COMMENT ON FUNCTION moderation.wilson_high(bigint, bigint) IS 'Upper limit of wilson_interval() at 95 %.';
CREATE TYPE moderation.review_strategy AS ENUM ('hits', 'flagged', 'unflagged', 'items', 'second');
COMMENT ON TYPE moderation.review_strategy IS 'What next_for_review() hands out: hits, the most valuable first; a random sample of flagged, or of unflagged content; contents of items with too few labels; a second opinion, disputed contents first.';
CREATE TABLE moderation.review_claims (
    claim_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id       integer NOT NULL,
    content_key     text NOT NULL,
    strategy        moderation.review_strategy,
    package_id      integer,
    item_id         bigint,
    reviewer        text,
    claimed_at      timestamptz,
    expires_at      timestamptz,
    note            text
);
CREATE UNIQUE INDEX review_claims_content_key
    ON moderation.review_claims (source_id, hashtextextended(content_key, 0), hashtextextended(content_key, 1));
COMMENT ON TABLE moderation.review_claims IS 'Contents that somebody is reviewing now, or that were asked to be reviewed (reviewer NULL); a review removes its row. One claim a content.';
COMMENT ON COLUMN moderation.review_claims.expires_at IS 'From then on next_for_review() hands the content to somebody else.';
CREATE TABLE moderation.review_samples (
    sample_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id       integer NOT NULL,
    content_key     text NOT NULL,
    stratum         text NOT NULL CHECK (stratum = ANY (ARRAY['flagged', 'unflagged'])),
    package_id      integer NOT NULL DEFAULT 0,
    observed_at     timestamptz NOT NULL,
    weight          real NOT NULL,
    population      double precision NOT NULL,
    probability     double precision NOT NULL,
    drawn_at        timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX review_samples_content_key ON moderation.review_samples
    (source_id, hashtextextended(content_key, 0), hashtextextended(content_key, 1), stratum, package_id);
CREATE INDEX review_samples_observed_idx ON moderation.review_samples (observed_at);
COMMENT ON TABLE moderation.review_samples IS 'Contents drawn at random to be reviewed, with the probability they were drawn with: what recall is estimated from.';
COMMENT ON COLUMN moderation.review_samples.stratum IS 'flagged: some live release acted on it; unflagged: none did, drawn from the exposures.';
COMMENT ON COLUMN moderation.review_samples.package_id IS 'Drawn from what this package flagged; 0: from the whole stratum.';
COMMENT ON COLUMN moderation.review_samples.observed_at IS 'When the content was judged first in the window it was drawn from.';
COMMENT ON COLUMN moderation.review_samples.weight IS 'Judged contents that it stands for before drawing: the exposure''s weight; 1 for flagged content, all of which is recorded.';
COMMENT ON COLUMN moderation.review_samples.population IS 'Contents in the stratum and window when it was drawn (for unflagged: estimated from the exposures).';
COMMENT ON COLUMN moderation.review_samples.probability IS 'Share of the recorded contents of its stratum and window that were drawn, this batch included.';
CREATE FUNCTION moderation.review_order(source_id integer, content_key text, salt bytea) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hashtextextended(content_key, ('x' || encode(substr(salt, 1, 8), 'hex'))::bit(64)::bigint # source_id::bigint);
COMMENT ON FUNCTION moderation.review_order(integer, text, bytea) IS 'Internal: the permanent random number of a content. Drawing in its order makes every batch, and all batches together, a simple random sample of whatever part of the population one looks at (permanent random numbers: E. Ohlsson, in Business Survey Methods, Wiley 1995).';
CREATE VIEW moderation.content_verdicts WITH (security_invoker) AS
    SELECT h.package_id, h.release, h.stage, h.source_id, h.content_key, h.digest, h.observed_at,
           min(h.owner_key) AS owner_key, min(h.outcome) AS outcome, count(*) AS hits,
           sum(h.score::double precision)::real AS score, coalesce(r.threshold, 0::real) AS threshold,
           sum(h.score::double precision)::real >= coalesce(r.threshold, 0::real) AS acted
    FROM moderation.hits h
    LEFT JOIN moderation.releases r
      ON r.package_id = h.package_id AND r.release = h.release
    WHERE NOT EXISTS (SELECT FROM moderation.withdrawn_hits w WHERE w.hit_id = h.hit_id AND w.undone)
    GROUP BY h.package_id, h.release, h.stage, h.source_id, h.content_key, h.digest, h.observed_at, r.threshold;
COMMENT ON VIEW moderation.content_verdicts IS 'What each release said of each version of a content that it has hits in; hits that were undone do not count.';
COMMENT ON COLUMN moderation.content_verdicts.score IS 'Sum of the best scores of the package''s items.';
COMMENT ON COLUMN moderation.content_verdicts.acted IS 'The score reached the release''s threshold.';
CREATE FUNCTION moderation.draw_sample(stratum text, package_id integer, since timestamptz, wanted integer) RETURNS integer
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    salt bytea;
    drawn integer;
BEGIN
    -- Draws of one stratum queue up: two at once would take the same contents.
    PERFORM pg_advisory_xact_lock(hashtextextended('moderation.draw_sample ' || stratum || ' ' || package_id, 0));
    SELECT i.salt INTO salt FROM moderation.installation i;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    WITH flagged AS MATERIALIZED (
        SELECT v.source_id, v.content_key, min(v.observed_at) AS observed_at,
               bool_or(v.package_id = draw_sample.package_id) AS by_package
        FROM moderation.content_verdicts v
        WHERE v.stage = 'live' AND v.acted AND v.content_key IS NOT NULL AND v.observed_at >= since
        GROUP BY v.source_id, v.content_key
    ), population AS MATERIALIZED (
        SELECT f.source_id, f.content_key, f.observed_at, 1::real AS weight
        FROM flagged f
        WHERE draw_sample.stratum = 'flagged' AND (draw_sample.package_id = 0 OR f.by_package)
        UNION ALL
        SELECT e.source_id, e.content_key, min(e.observed_at), max(e.weight)
        FROM moderation.exposures e
        WHERE draw_sample.stratum = 'unflagged' AND e.content_key IS NOT NULL AND e.observed_at >= since
        GROUP BY e.source_id, e.content_key
        HAVING NOT EXISTS (SELECT FROM flagged f WHERE f.source_id = e.source_id AND f.content_key = e.content_key)
    ), known AS (
        SELECT p.*, EXISTS (
                   SELECT FROM moderation.review_samples s
                   WHERE s.source_id = p.source_id AND hashtextextended(s.content_key, 0) = hashtextextended(p.content_key, 0)
                     AND hashtextextended(s.content_key, 1) = hashtextextended(p.content_key, 1)
                     AND s.stratum = draw_sample.stratum AND s.package_id = draw_sample.package_id) AS taken
        FROM population p
    ), size AS (
        SELECT count(*) AS contents, count(*) FILTER (WHERE k.taken) AS taken, sum(k.weight::double precision) AS stands_for
        FROM known k
    ), batch AS (
        SELECT k.* FROM known k WHERE NOT k.taken
        ORDER BY moderation.review_order(k.source_id, k.content_key, salt), k.source_id, k.content_key
        LIMIT wanted
    )
    INSERT INTO moderation.review_samples (source_id, content_key, stratum, package_id, observed_at, weight, population, probability)
    SELECT b.source_id, b.content_key, draw_sample.stratum, draw_sample.package_id, b.observed_at, b.weight, s.stands_for,
           (s.taken + (SELECT count(*) FROM batch))::double precision / s.contents
    FROM batch b CROSS JOIN size s
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS drawn = ROW_COUNT;
    RETURN drawn;
END
$fn$;
COMMENT ON FUNCTION moderation.draw_sample(text, integer, timestamptz, integer) IS 'Internal: draws the next contents of a stratum, judged since then, in the order of their permanent random numbers; returns how many.';
CREATE FUNCTION moderation.review_candidates(
    strategy moderation.review_strategy, package_id integer, since timestamptz, min_labels integer, reviewer text,
    OUT source_id integer, OUT content_key text, OUT candidate_package integer, OUT candidate_item bigint)
    RETURNS SETOF record LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
BEGIN
    IF strategy = 'hits' THEN
        -- Of the newest 20,000 unreviewed hits; the rest wait their turn.
        RETURN QUERY
        SELECT n.source_id, n.content_key, (array_agg(n.package_id ORDER BY n.value DESC))[1], NULL::bigint
        FROM (
            SELECT h.source_id, h.content_key, h.package_id, h.observed_at,
                   coalesce(r.severity, 1) * (CASE h.action WHEN 'block' THEN 3 WHEN 'review' THEN 2 ELSE 1 END)
                   + h.score / (1.0 + h.score) AS value
            FROM moderation.hits h
            LEFT JOIN moderation.releases r ON r.package_id = h.package_id AND r.release = h.release
            WHERE h.observed_at >= since AND h.content_key IS NOT NULL
              AND NOT EXISTS (SELECT FROM moderation.withdrawn_hits w WHERE w.hit_id = h.hit_id)
              AND (review_candidates.package_id IS NULL OR h.package_id = review_candidates.package_id)
              AND NOT EXISTS (SELECT FROM moderation.reviews v
                              WHERE v.source_id = h.source_id AND left(v.content_key, 200) = left(h.content_key, 200)
                                AND v.content_key = h.content_key)
            ORDER BY h.observed_at DESC LIMIT 20000) n
        GROUP BY n.source_id, n.content_key
        ORDER BY max(n.value) DESC, max(n.observed_at) DESC, n.source_id, n.content_key;
    ELSIF strategy IN ('flagged', 'unflagged') THEN
        RETURN QUERY
        SELECT s.source_id, s.content_key, nullif(s.package_id, 0), NULL::bigint
        FROM moderation.review_samples s
        WHERE s.stratum = strategy::text AND s.observed_at >= since
          AND s.package_id = CASE WHEN strategy = 'flagged' THEN coalesce(review_candidates.package_id, 0) ELSE 0 END
          AND NOT EXISTS (SELECT FROM moderation.reviews v
                          WHERE v.source_id = s.source_id AND left(v.content_key, 200) = left(s.content_key, 200)
                            AND v.content_key = s.content_key)
        ORDER BY s.sample_id;
    ELSIF strategy = 'items' THEN
        RETURN QUERY
        WITH reviewed AS MATERIALIZED (
            SELECT DISTINCT v.source_id, v.content_key FROM moderation.reviews v
        ), labelled AS MATERIALIZED (
            SELECT h.item_id, count(DISTINCT (h.source_id, h.content_key)) AS labels
            FROM reviewed v
            JOIN moderation.hits h ON h.source_id = v.source_id AND left(h.content_key, 200) = left(v.content_key, 200)
                                  AND h.content_key = v.content_key
            GROUP BY h.item_id
        ), wanting AS (
            SELECT DISTINCT i.item_id, i.package_id, coalesce(l.labels, 0) AS labels
            FROM moderation.in_force f
            JOIN moderation.packages p ON p.name = f.package
            JOIN moderation.item_versions i ON i.package_id = p.package_id AND NOT i.allow AND i.added_in <= f.release
                                           AND (i.removed_in IS NULL OR i.removed_in > f.release)
            LEFT JOIN labelled l ON l.item_id = i.item_id
            WHERE coalesce(l.labels, 0) < min_labels
              AND (review_candidates.package_id IS NULL OR p.package_id = review_candidates.package_id)
        )
        SELECT c.source_id, c.content_key, w.package_id, w.item_id
        FROM wanting w
        CROSS JOIN LATERAL (
            SELECT DISTINCT h.source_id, h.content_key FROM moderation.hits h
            WHERE h.item_id = w.item_id AND h.content_key IS NOT NULL AND h.observed_at >= since
              AND NOT EXISTS (SELECT FROM reviewed v WHERE v.source_id = h.source_id AND v.content_key = h.content_key)
            LIMIT min_labels - w.labels) c
        ORDER BY w.labels, w.item_id;
    ELSE
        RETURN QUERY
        SELECT v.source_id, v.content_key, NULL::integer, NULL::bigint
        FROM (SELECT r.source_id, r.content_key, count(DISTINCT r.reviewer) AS reviewers,
                     max(r.review_id) AS newest, bool_or(r.final) AS decided,
                     bool_or(r.reviewer = review_candidates.reviewer) AS own
              FROM moderation.reviews r GROUP BY r.source_id, r.content_key) v
        LEFT JOIN (SELECT DISTINCT l.source_id, l.content_key FROM moderation.labels l WHERE l.disputed) d
          ON d.source_id = v.source_id AND d.content_key = v.content_key
        WHERE NOT v.own AND NOT v.decided AND (v.reviewers = 1 OR d.source_id IS NOT NULL)
          AND (review_candidates.package_id IS NULL OR EXISTS (
                  SELECT FROM moderation.hits h
                  WHERE h.source_id = v.source_id AND left(h.content_key, 200) = left(v.content_key, 200)
                    AND h.content_key = v.content_key AND h.package_id = review_candidates.package_id))
        ORDER BY d.source_id IS NULL, v.newest;
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.review_candidates(moderation.review_strategy, integer, timestamptz, integer, text) IS 'Internal: contents to review by a strategy, best first, claimed or not.';
CREATE FUNCTION moderation.next_for_review(
    n integer DEFAULT 20, strategy moderation.review_strategy DEFAULT 'hits', package text DEFAULT NULL,
    since timestamptz DEFAULT NULL, claim_for interval DEFAULT interval '30 minutes', min_labels integer DEFAULT 5,
    reviewer text DEFAULT NULL,
    OUT claim_id bigint, OUT source regclass, OUT content_key text, OUT reason moderation.review_strategy,
    OUT hit_package text, OUT item_id bigint, OUT note text, OUT expires_at timestamptz)
    RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER ROWS 20 SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    who text := coalesce(next_for_review.reviewer, moderation.caller());
    wanted_package integer;
    from_time timestamptz := coalesce(next_for_review.since, now() - interval '30 days');
    until_time timestamptz;
    claimed bigint[];
    candidate record;
    new_claim bigint;
    undone bigint;
BEGIN
    IF n IS NULL OR n < 1 OR n > 1000 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('n = %s is out of range', coalesce(n::text, 'NULL')),
            DETAIL = 'next_for_review() hands out 1 to 1000 contents at a time.',
            HINT = 'Ask again when these are reviewed.';
    END IF;
    IF strategy IS NULL OR claim_for IS NULL OR claim_for <= interval '0' OR claim_for > interval '30 days' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'next_for_review() needs a strategy, and a claim of more than 0 and at most 30 days',
            DETAIL = format('strategy is %s, claim_for %s.', coalesce(strategy::text, 'NULL'), coalesce(claim_for::text, 'NULL')),
            HINT = 'Leave them out for ''hits'' and 30 minutes.';
    END IF;
    IF min_labels IS NULL OR min_labels < 1 OR min_labels > 1000 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('min_labels = %s is out of range', coalesce(min_labels::text, 'NULL')),
            DETAIL = 'It is the number of labels every item is to have, 1 to 1000.',
            HINT = 'Leave it out for 5.';
    END IF;
    IF next_for_review.package IS NOT NULL THEN
        wanted_package := moderation.find_package(next_for_review.package);
    END IF;
    PERFORM moderation.collect_rejected();
    -- The clock, not the start of the transaction: a claim is a promise to people.
    until_time := clock_timestamp() + claim_for;

    -- First what was asked for, and what others let expire.
    WITH free AS (
        SELECT c.claim_id FROM moderation.review_claims c
        WHERE (c.reviewer IS NULL OR (c.expires_at <= clock_timestamp() AND c.strategy = next_for_review.strategy))
          AND (wanted_package IS NULL OR c.package_id IS NULL OR c.package_id = wanted_package)
        ORDER BY c.reviewer IS NOT NULL, c.claim_id
        LIMIT n FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE moderation.review_claims c
        SET reviewer = who, claimed_at = clock_timestamp(), expires_at = until_time,
            strategy = coalesce(c.strategy, next_for_review.strategy)
        FROM free f WHERE c.claim_id = f.claim_id
        RETURNING c.claim_id
    )
    SELECT coalesce(array_agg(t.claim_id), '{}') INTO claimed FROM taken t;

    IF cardinality(claimed) < n AND strategy IN ('flagged', 'unflagged') THEN
        SELECT count(*) INTO undone
        FROM moderation.review_candidates(strategy, wanted_package, from_time, min_labels, who) r
        WHERE NOT EXISTS (SELECT FROM moderation.review_claims c
                          WHERE c.source_id = r.source_id AND c.content_key = r.content_key);
        IF undone < n - cardinality(claimed) THEN
            PERFORM moderation.draw_sample(strategy::text,
                CASE WHEN strategy = 'flagged' THEN coalesce(wanted_package, 0) ELSE 0 END, from_time, greatest(n, 100));
        END IF;
    END IF;
    IF cardinality(claimed) < n THEN
        FOR candidate IN
            SELECT r.* FROM moderation.review_candidates(strategy, wanted_package, from_time, min_labels, who) r
            WHERE NOT EXISTS (SELECT FROM moderation.review_claims c
                              WHERE c.source_id = r.source_id AND c.content_key = r.content_key)
        LOOP
            -- A claim that is not committed yet is invisible, its lock is not: skip, do not wait.
            CONTINUE WHEN NOT pg_try_advisory_xact_lock(hashtextextended(candidate.content_key, candidate.source_id));
            INSERT INTO moderation.review_claims AS c
                (source_id, content_key, strategy, package_id, item_id, reviewer, claimed_at, expires_at)
            SELECT candidate.source_id, candidate.content_key, strategy, candidate.candidate_package,
                   candidate.candidate_item, who, clock_timestamp(), until_time
            -- Reviewed since the candidates were listed?
            WHERE strategy = 'second' OR NOT EXISTS (
                SELECT FROM moderation.reviews v
                WHERE v.source_id = candidate.source_id AND left(v.content_key, 200) = left(candidate.content_key, 200)
                  AND v.content_key = candidate.content_key)
            ON CONFLICT DO NOTHING
            RETURNING c.claim_id INTO new_claim;
            IF FOUND THEN
                claimed := claimed || new_claim;
                EXIT WHEN cardinality(claimed) >= n;
            END IF;
        END LOOP;
    END IF;
    RETURN QUERY
    SELECT c.claim_id, s.relation, c.content_key, c.strategy, p.name, c.item_id, c.note, c.expires_at
    FROM unnest(claimed) WITH ORDINALITY u(id, n)
    JOIN moderation.review_claims c ON c.claim_id = u.id
    JOIN moderation.sources s ON s.source_id = c.source_id
    LEFT JOIN moderation.packages p ON p.package_id = c.package_id
    ORDER BY u.n;
END
$fn$;
COMMENT ON FUNCTION moderation.next_for_review(integer, moderation.review_strategy, text, timestamptz, interval, integer, text) IS 'Hands out up to n contents to review and claims them: nobody else gets them until the claim expires or the review is there. Fewer rows: there are no more. since: judged since then (30 days).';
CREATE FUNCTION moderation.release_claims(reviewer text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    released bigint;
BEGIN
    DELETE FROM moderation.review_claims c WHERE c.reviewer = coalesce(release_claims.reviewer, moderation.caller());
    GET DIAGNOSTICS released = ROW_COUNT;
    RETURN released;
END
$fn$;
COMMENT ON FUNCTION moderation.release_claims(text) IS 'Hands a reviewer''s claims back; returns how many. The default reviewer is the caller.';
CREATE FUNCTION moderation.request_review(source regclass, content_key text, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_source integer := moderation.find_source(request_review.source);
BEGIN
    IF request_review.content_key IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'content_key must not be NULL',
            DETAIL = 'Only a content with a key can be reviewed.', HINT = 'For example request_review(''ads'', ''42'', note => ''appeal'').';
    END IF;
    INSERT INTO moderation.review_claims (source_id, content_key, note)
    VALUES (found_source, request_review.content_key, request_review.note)
    ON CONFLICT DO NOTHING;
    PERFORM moderation.audit('request_review', NULL, NULL,
        jsonb_build_object('source', request_review.source::text, 'content_key', request_review.content_key), request_review.note)
    WHERE FOUND;
END
$fn$;
COMMENT ON FUNCTION moderation.request_review(regclass, text, text) IS 'Puts a content at the head of the queue, an appeal for example. Nothing changes when somebody is at it already.';
CREATE VIEW moderation.labels AS
    SELECT l.source_id, l.content_key, l.hit_id, l.policy_id,
           CASE WHEN l.decision IS NOT NULL THEN l.decision
                WHEN l.violating > 0 AND l.benign > 0 THEN NULL
                WHEN l.violating > 0 THEN 'violating'::moderation.review_label
                WHEN l.benign > 0 THEN 'benign'::moderation.review_label
                ELSE 'unsure'::moderation.review_label
           END AS label,
           l.decision IS NULL AND l.violating > 0 AND l.benign > 0 AS disputed,
           l.decision IS NOT NULL AS final, l.reviewers, l.last_review_id, l.last_reviewed_at
    FROM (
        SELECT r.source_id, r.content_key, r.hit_id, r.policy_id,
               (array_agg(r.label ORDER BY r.review_id DESC) FILTER (WHERE r.final))[1] AS decision,
               count(*) FILTER (WHERE r.label = 'violating' AND NOT r.final) AS violating,
               count(*) FILTER (WHERE r.label = 'benign' AND NOT r.final) AS benign,
               count(DISTINCT r.reviewer) AS reviewers, max(r.review_id) AS last_review_id,
               max(r.reviewed_at) AS last_reviewed_at
        FROM (SELECT DISTINCT ON (v.source_id, v.content_key, v.hit_id, v.policy_id, v.reviewer, v.final) v.*
              FROM moderation.reviews v
              ORDER BY v.source_id, v.content_key, v.hit_id, v.policy_id, v.reviewer, v.final, v.review_id DESC) r
        GROUP BY r.source_id, r.content_key, r.hit_id, r.policy_id
    ) l;
COMMENT ON VIEW moderation.labels IS 'What the reviews of each content (hit_id NULL) or hit amount to, per policy applied (NULL: none in particular).';
COMMENT ON COLUMN moderation.labels.label IS 'violating or benign when all who decided agree (the newest label of each counts; unsure decides nothing), unsure when nobody decided; NULL while disputed.';
COMMENT ON COLUMN moderation.labels.disputed IS 'Reviewers contradict each other and no appeal has decided.';
COMMENT ON COLUMN moderation.labels.final IS 'Decided by an appeal: the newest decision counts, other labels no longer do.';
COMMENT ON COLUMN moderation.labels.reviewers IS 'How many people labelled it.';
COMMENT ON COLUMN moderation.labels.last_review_id IS 'Its newest review.';
CREATE VIEW moderation.hit_labels WITH (security_invoker) AS
    WITH l AS MATERIALIZED (SELECT * FROM moderation.labels)
    SELECT h.bucket, h.hit_id, h.observed_at, h.source_id, h.content_key, h.owner_key, h.digest, h.package_id, h.release,
           h.stage, h.item_id, h.kind, h.action, h.outcome, h.places, h.score, coalesce(r.threshold, 0::real) AS threshold,
           p.policy_id, b.label, coalesce(b.disputed, false) AS disputed, b.of_hit
    FROM moderation.hits h
    LEFT JOIN moderation.releases r
      ON r.package_id = h.package_id AND r.release = h.release
    LEFT JOIN moderation.policies p ON p.name = r.policy
    LEFT JOIN l hp ON hp.hit_id = h.hit_id AND hp.policy_id = p.policy_id
    LEFT JOIN l hn ON hn.hit_id = h.hit_id AND hn.policy_id IS NULL
    LEFT JOIN l cp
      ON cp.source_id = h.source_id AND cp.content_key = h.content_key
     AND cp.hit_id IS NULL AND cp.policy_id = p.policy_id
    LEFT JOIN l cn
      ON cn.source_id = h.source_id AND cn.content_key = h.content_key
     AND cn.hit_id IS NULL AND cn.policy_id IS NULL
    CROSS JOIN LATERAL (
        SELECT CASE WHEN hp.source_id IS NOT NULL THEN hp.label WHEN hn.source_id IS NOT NULL THEN hn.label
                    WHEN cp.source_id IS NOT NULL THEN cp.label ELSE cn.label END,
               CASE WHEN hp.source_id IS NOT NULL THEN hp.disputed WHEN hn.source_id IS NOT NULL THEN hn.disputed
                    WHEN cp.source_id IS NOT NULL THEN cp.disputed ELSE cn.disputed END,
               hp.source_id IS NOT NULL OR hn.source_id IS NOT NULL) AS b(label, disputed, of_hit)
    WHERE NOT EXISTS (SELECT FROM moderation.withdrawn_hits w WHERE w.hit_id = h.hit_id AND w.undone);
COMMENT ON VIEW moderation.hit_labels IS 'Hits, but those undone, with the label that counts for them: that of the hit itself before that of its content, each under the policy of the release that hit before one under no policy. Labels under other policies say nothing.';
COMMENT ON COLUMN moderation.hit_labels.threshold IS 'Of the release; the package acted on the content when the scores of its items reach it.';
COMMENT ON COLUMN moderation.hit_labels.label IS 'NULL: not reviewed, or disputed.';
COMMENT ON COLUMN moderation.hit_labels.of_hit IS 'The label is of this hit, not of the whole content.';
CREATE FUNCTION moderation.find_source(relation regclass) RETURNS integer
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_source integer;
BEGIN
    SELECT s.source_id INTO found_source FROM moderation.sources s WHERE s.relation = find_source.relation;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('table %s was never attached', coalesce(find_source.relation::text, 'NULL')),
            DETAIL = 'Reviews judge contents of attached tables.',
            HINT = 'Attached tables are listed in moderation.attachments.';
    END IF;
    RETURN found_source;
END
$fn$;
COMMENT ON FUNCTION moderation.find_source(regclass) IS 'Internal: the source id of a table that is or was attached.';
CREATE FUNCTION moderation.find_policy(policy text) RETURNS integer
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_policy integer;
BEGIN
    IF find_policy.policy IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT p.policy_id INTO found_policy FROM moderation.policies p WHERE p.name = find_policy.policy;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('policy "%s" does not exist', find_policy.policy),
            DETAIL = 'No policy has this name.',
            HINT = 'Policies are listed in moderation.policies.';
    END IF;
    RETURN found_policy;
END
$fn$;
COMMENT ON FUNCTION moderation.find_policy(text) IS 'Internal: a policy''s id by name; NULL for NULL.';
CREATE FUNCTION moderation.find_package(package text) RETURNS integer
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_package integer;
BEGIN
    SELECT p.package_id INTO found_package FROM moderation.packages p WHERE p.name = find_package.package;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" does not exist', coalesce(find_package.package, 'NULL')),
            DETAIL = 'No package has this name.',
            HINT = 'Packages are listed in moderation.packages; where a function takes all of them, leave the name out.';
    END IF;
    PERFORM moderation.check_visible(found_package);
    RETURN found_package;
END
$fn$;
COMMENT ON FUNCTION moderation.find_package(text) IS 'Internal: a package''s id by name, unlocked.';
CREATE FUNCTION moderation.add_review(
    source regclass, content_key text, label moderation.review_label, policy text, note text, hit uuid, reviewer text,
    final boolean)
    RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_source integer := moderation.find_source(add_review.source);
    found_policy integer := moderation.find_policy(add_review.policy);
    before moderation.review_label;
    new_id bigint;
BEGIN
    IF add_review.content_key IS NULL OR add_review.label IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'a review needs a content key and a label',
            DETAIL = 'One of them is NULL.',
            HINT = 'For example record_review(''ads'', ''42'', label => ''benign'').';
    END IF;
    IF add_review.reviewer = '' OR length(add_review.reviewer) > 200 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_name',
            MESSAGE = 'invalid name for a reviewer',
            DETAIL = 'A reviewer''s name has 1 to 200 characters.',
            HINT = 'Leave it out for the name of the role.';
    END IF;
    PERFORM moderation.collect_rejected();
    IF add_review.hit IS NOT NULL AND NOT EXISTS (
        SELECT FROM moderation.hits h WHERE h.hit_id = add_review.hit AND h.source_id = found_source
          AND left(h.content_key, 200) = left(add_review.content_key, 200) AND h.content_key = add_review.content_key) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('content %s has no hit %s', add_review.content_key, add_review.hit),
            DETAIL = 'A review of a hit names the content that the hit belongs to.',
            HINT = 'Hits are listed in moderation.recent_hits.';
    END IF;
    SELECT r.label INTO before FROM moderation.reviews r
    WHERE r.source_id = found_source AND left(r.content_key, 200) = left(add_review.content_key, 200)
      AND r.content_key = add_review.content_key AND r.reviewer = coalesce(add_review.reviewer, moderation.caller())
      AND (r.hit_id, r.policy_id, r.final) IS NOT DISTINCT FROM (add_review.hit, found_policy, add_review.final)
    ORDER BY r.review_id DESC LIMIT 1;
    INSERT INTO moderation.reviews (source_id, content_key, hit_id, label, policy_id, note, reviewed_by, reviewer, final)
    VALUES (found_source, add_review.content_key, add_review.hit, add_review.label, found_policy, add_review.note,
            moderation.caller(), coalesce(add_review.reviewer, moderation.caller()), add_review.final)
    RETURNING review_id INTO new_id;
    PERFORM moderation.count_strikes(found_source, add_review.content_key);
    DELETE FROM moderation.review_claims c
    WHERE c.source_id = found_source AND hashtextextended(c.content_key, 0) = hashtextextended(add_review.content_key, 0)
      AND hashtextextended(c.content_key, 1) = hashtextextended(add_review.content_key, 1);
    PERFORM moderation.audit(CASE WHEN add_review.final THEN 'appeal_review' ELSE 'record_review' END, NULL,
        CASE WHEN before IS NOT NULL THEN jsonb_build_object('label', before) END,
        jsonb_strip_nulls(jsonb_build_object('review_id', new_id, 'source', add_review.source::text, 'content_key', add_review.content_key,
            'label', add_review.label, 'hit_id', add_review.hit, 'policy', add_review.policy, 'reviewer', add_review.reviewer)),
        add_review.note);
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.add_review(regclass, text, moderation.review_label, text, text, uuid, text, boolean) IS 'Internal: what record_review() and appeal_review() share.';
CREATE FUNCTION moderation.record_review(
    source regclass, content_key text, label moderation.review_label, policy text DEFAULT NULL, note text DEFAULT NULL,
    hit uuid DEFAULT NULL, reviewer text DEFAULT NULL)
    RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    RETURN moderation.add_review(source, content_key, label, policy, note, hit, reviewer, false);
END
$fn$;
COMMENT ON FUNCTION moderation.record_review(regclass, text, moderation.review_label, text, text, uuid, text) IS 'Records a human''s label of a content, or of one of its hits; returns the review id. The newest label of each reviewer counts; a content that nothing is recorded of can be labelled too. Ends the claim on the content.';
CREATE FUNCTION moderation.record_review(
    source regclass, content_key bigint, label moderation.review_label, policy text DEFAULT NULL, note text DEFAULT NULL,
    hit uuid DEFAULT NULL, reviewer text DEFAULT NULL)
    RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, pg_temp
    RETURN moderation.record_review(source, content_key::text, label, policy, note, hit, reviewer);
COMMENT ON FUNCTION moderation.record_review(regclass, bigint, moderation.review_label, text, text, uuid, text) IS 'The same for tables with integer keys.';
CREATE FUNCTION moderation.appeal_review(
    source regclass, content_key text, label moderation.review_label, policy text DEFAULT NULL, note text DEFAULT NULL,
    hit uuid DEFAULT NULL, reviewer text DEFAULT NULL)
    RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    RETURN moderation.add_review(source, content_key, label, policy, note, hit, reviewer, true);
END
$fn$;
COMMENT ON FUNCTION moderation.appeal_review(regclass, text, moderation.review_label, text, text, uuid, text) IS 'Decides an appeal: this label is final, whatever reviewers said before or say later; the newest decision counts. One that overturns makes the hit a false positive in every figure.';
CREATE FUNCTION moderation.appeal_review(
    source regclass, content_key bigint, label moderation.review_label, policy text DEFAULT NULL, note text DEFAULT NULL,
    hit uuid DEFAULT NULL, reviewer text DEFAULT NULL)
    RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, pg_temp
    RETURN moderation.appeal_review(source, content_key::text, label, policy, note, hit, reviewer);
COMMENT ON FUNCTION moderation.appeal_review(regclass, bigint, moderation.review_label, text, text, uuid, text) IS 'The same for tables with integer keys.';
CREATE FUNCTION moderation.reviewer_agreement(
    policy text DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
    OUT reviewer_a text, OUT reviewer_b text, OUT labelled_by_both bigint, OUT agreed bigint, OUT agreement double precision,
    OUT agreement_low double precision, OUT agreement_high double precision, OUT kappa double precision,
    OUT alpha double precision)
    RETURNS SETOF record LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 20 SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    wanted_policy integer := moderation.find_policy(reviewer_agreement.policy);
BEGIN
    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT DISTINCT ON (r.source_id, r.content_key, r.hit_id, r.policy_id, r.reviewer)
               r.source_id, r.content_key, r.hit_id, r.policy_id, r.reviewer, r.label
        FROM moderation.reviews r
        WHERE NOT r.final AND (wanted_policy IS NULL OR r.policy_id = wanted_policy)
          AND (reviewer_agreement.since IS NULL OR r.reviewed_at >= reviewer_agreement.since)
          AND (reviewer_agreement.until IS NULL OR r.reviewed_at < reviewer_agreement.until)
        ORDER BY r.source_id, r.content_key, r.hit_id, r.policy_id, r.reviewer, r.review_id DESC
    ), decided AS MATERIALIZED (
        SELECT dense_rank() OVER (ORDER BY g.source_id, g.content_key, g.hit_id, g.policy_id) AS unit, g.reviewer,
               g.label = 'violating' AS violating
        FROM given g WHERE g.label <> 'unsure'
    ), pairs AS (
        SELECT a.reviewer AS a, b.reviewer AS b, count(*) AS n, count(*) FILTER (WHERE a.violating = b.violating) AS same,
               avg(a.violating::integer::double precision) AS pa, avg(b.violating::integer::double precision) AS pb
        FROM decided a JOIN decided b ON b.unit = a.unit AND b.reviewer > a.reviewer
        GROUP BY a.reviewer, b.reviewer
    ), units AS (
        SELECT d.unit, count(*)::double precision AS m, count(*) FILTER (WHERE d.violating)::double precision AS v
        FROM decided d GROUP BY d.unit HAVING count(*) > 1
    ), total AS (
        SELECT count(*) AS n, sum(u.m) AS labels, sum(u.v) AS v, sum(2.0 * u.v * (u.m - u.v) / (u.m - 1.0)) AS disagreement,
               count(*) FILTER (WHERE u.v = 0 OR u.v = u.m) AS same
        FROM units u
    )
    SELECT p.a, p.b, p.n, p.same, p.same::double precision / p.n, w.low, w.high,
           (p.same::double precision / p.n - e.chance) / nullif(1.0 - e.chance, 0.0::double precision), NULL::double precision
    FROM pairs p
    CROSS JOIN LATERAL (SELECT p.pa * p.pb + (1.0 - p.pa) * (1.0 - p.pb)) AS e(chance)
    CROSS JOIN LATERAL moderation.wilson_interval(p.same, p.n) w
    UNION ALL
    SELECT NULL, NULL, t.n, t.same, t.same::double precision / nullif(t.n, 0), w.low, w.high, NULL,
           1.0 - t.disagreement * (t.labels - 1.0) / nullif(2.0 * t.v * (t.labels - t.v), 0.0::double precision)
    FROM total t CROSS JOIN LATERAL moderation.wilson_interval(t.same, t.n) w
    ORDER BY 1 NULLS LAST, 2;
END
$fn$;
COMMENT ON FUNCTION moderation.reviewer_agreement(text, timestamptz, timestamptz) IS 'How far reviewers agree on contents and hits that two or more of them decided: pair by pair the share of equal labels (Wilson 95 %) and Cohen''s kappa (Educational and Psychological Measurement 20, 1960); in the last row, without names, all of them together with Krippendorff''s nominal alpha (Content Analysis, 2004). NULL where it is not defined.';
CREATE FUNCTION moderation.wilson_share(share double precision, trials double precision, OUT low double precision, OUT high double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
        SELECT CASE WHEN trials > 0 THEN greatest(0.0, c.centre - c.half) ELSE 0 END,
               CASE WHEN trials > 0 THEN least(1.0, c.centre + c.half) ELSE 1 END
        FROM (SELECT (share + z.z * z.z / (2.0::double precision * n.n)) / (1.0::double precision + z.z * z.z / n.n),
                     z.z * sqrt(share * (1.0::double precision - share) / n.n + z.z * z.z / (4.0::double precision * n.n * n.n))
                     / (1.0::double precision + z.z * z.z / n.n)
              FROM (SELECT nullif(trials, 0::double precision)) AS n(n), (SELECT 1.959964::double precision) AS z(z)) AS c(centre, half);
    END;
COMMENT ON FUNCTION moderation.wilson_share(double precision, double precision) IS 'Internal: the Wilson 95 % interval of a weighted share with its effective number of trials (Kish: (sum w)^2 / sum w^2); [0, 1] without trials.';
CREATE FUNCTION moderation.recall_interval(
    found double precision, found_low double precision, found_high double precision,
    missed double precision, missed_low double precision, missed_high double precision,
    OUT recall double precision, OUT low double precision, OUT high double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
        SELECT found / nullif(found + missed, 0.0::double precision),
               coalesce(b.odds_low / (1.0::double precision + b.odds_low), 1.0::double precision),
               coalesce(b.odds_high / (1.0::double precision + b.odds_high), 1.0::double precision)
        FROM (
            -- Odds found : missed. The lower limit is the smaller root of
            -- (found - x missed)^2 = (found - found_low)^2 + x^2 (missed_high - missed)^2; the upper one alike.
            SELECT CASE WHEN q.low_constant <= 0 THEN 0 ELSE q.low_constant / nullif(found * missed + sqrt(greatest(0.0, found * found * missed * missed
                       - (missed * missed - (missed_high - missed) * (missed_high - missed)) * q.low_constant)), 0.0::double precision) END,
                   (found * missed + sqrt(greatest(0.0, found * found * missed * missed
                       - (found * found - (found_high - found) * (found_high - found)) * q.high_constant)))
                       / nullif(q.high_constant, 0.0::double precision)
            FROM (SELECT found_low * (2.0::double precision * found - found_low),
                         missed_low * (2.0::double precision * missed - missed_low)) AS q(low_constant, high_constant)
        ) AS b(odds_low, odds_high)
        WHERE found + missed > 0.0;
    END;
COMMENT ON FUNCTION moderation.recall_interval(double precision, double precision, double precision, double precision, double precision, double precision) IS 'Recall found / (found + missed) of two independent estimates with their limits, and its interval by MOVER for a ratio (A. Donner, G. Y. Zou, Statistical Methods in Medical Research 21, 2012). NULL when both are 0.';
CREATE FUNCTION moderation.estimate_recall(
    packages integer[], policy integer, since timestamptz, until timestamptz,
    OUT recall double precision, OUT recall_low double precision, OUT recall_high double precision,
    OUT labels bigint, OUT note text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    -- Below these a stratum says nothing useful: a share of 0 in 50 is still anything up to 7 %.
    least_flagged constant integer := 20;
    least_unflagged constant integer := 50;
    s record;
    missing bigint;
    live tstzmultirange;
BEGIN
    -- What was judged before the packages were live, or after, says nothing of what they miss.
    SELECT range_agg(d.during) INTO live
    FROM (SELECT x.release,
                 tstzrange(x.since, CASE WHEN lead(x.since) OVER w IS NOT NULL THEN greatest(x.since, lead(x.since) OVER w) END)
                 * tstzrange(x.valid_from, x.expires_at) AS during
          FROM moderation.deployments x
          WHERE x.stage = 'live' AND x.package_id = ANY (packages)
          WINDOW w AS (PARTITION BY x.package_id ORDER BY x.deployment_id)) d
    WHERE d.release IS NOT NULL;
    IF live IS NULL OR isempty(live) THEN
        labels := 0;
        note := 'never live: nothing to measure yet';
        RETURN;
    END IF;
    WITH flagged AS MATERIALIZED (
        SELECT v.source_id, v.content_key, bool_or(v.package_id = ANY (packages)) AS ours, array_agg(DISTINCT v.package_id) AS by_packages
        FROM moderation.content_verdicts v
        WHERE v.stage = 'live' AND v.acted AND v.content_key IS NOT NULL AND v.observed_at <@ live
          AND (since IS NULL OR v.observed_at >= since) AND (until IS NULL OR v.observed_at < until)
        GROUP BY v.source_id, v.content_key
    ), unflagged AS MATERIALIZED (
        SELECT e.source_id, e.content_key, max(e.weight)::double precision AS weight
        FROM moderation.exposures e
        WHERE e.content_key IS NOT NULL AND e.observed_at <@ live
          AND (since IS NULL OR e.observed_at >= since) AND (until IS NULL OR e.observed_at < until)
          AND NOT EXISTS (SELECT FROM flagged f WHERE f.source_id = e.source_id AND f.content_key = e.content_key)
        GROUP BY e.source_id, e.content_key
    ), drawn AS MATERIALIZED (
        SELECT r.source_id, r.content_key, r.stratum, r.package_id FROM moderation.review_samples r
        WHERE (since IS NULL OR r.observed_at >= since) AND (until IS NULL OR r.observed_at < until)
    ), rates AS MATERIALIZED (
        -- The share drawn of what each package flagged, and of everything flagged.
        SELECT d.package_id, count(*)::double precision
               / (SELECT nullif(count(*), 0) FROM flagged f WHERE d.package_id = 0 OR d.package_id = ANY (f.by_packages)) AS rate
        FROM drawn d JOIN flagged f ON f.source_id = d.source_id AND f.content_key = d.content_key
        WHERE d.stratum = 'flagged' GROUP BY d.package_id
    ), decided AS MATERIALIZED (
        SELECT l.source_id, l.content_key,
               (array_agg(l.label ORDER BY l.policy_id NULLS LAST))[1] AS label
        FROM moderation.labels l
        WHERE l.hit_id IS NULL AND (l.policy_id = estimate_recall.policy OR l.policy_id IS NULL)
        GROUP BY l.source_id, l.content_key
    ), labelled AS (
        SELECT CASE WHEN f.ours THEN 1 ELSE 2 END AS stratum, d.label = 'violating' AS violating,
               1.0 / least(1.0, (SELECT max(r.rate) FROM rates r WHERE r.package_id = 0 OR r.package_id = ANY (f.by_packages))) AS weight
        FROM (SELECT DISTINCT source_id, content_key FROM drawn WHERE stratum = 'flagged') x
        JOIN flagged f ON f.source_id = x.source_id AND f.content_key = x.content_key
        JOIN decided d ON d.source_id = x.source_id AND d.content_key = x.content_key
        WHERE d.label IN ('violating', 'benign')
        UNION ALL
        SELECT 3, d.label = 'violating', u.weight
        FROM drawn x
        JOIN unflagged u ON u.source_id = x.source_id AND u.content_key = x.content_key
        JOIN decided d ON d.source_id = x.source_id AND d.content_key = x.content_key
        WHERE x.stratum = 'unflagged' AND d.label IN ('violating', 'benign')
    ), per_stratum AS (
        SELECT g.stratum, g.population, coalesce(l.n, 0) AS n, coalesce(l.share, 0) AS share, coalesce(l.effective, 0) AS effective
        FROM (SELECT 1 AS stratum, (SELECT count(*) FILTER (WHERE f.ours) FROM flagged f)::double precision AS population
              UNION ALL SELECT 2, (SELECT count(*) FILTER (WHERE NOT f.ours) FROM flagged f)
              UNION ALL SELECT 3, (SELECT coalesce(sum(u.weight), 0) FROM unflagged u)) g
        LEFT JOIN (SELECT y.stratum, count(*) AS n, sum(y.weight) FILTER (WHERE y.violating) / sum(y.weight) AS share,
                          sum(y.weight) ^ 2 / sum(y.weight ^ 2) AS effective
                   FROM labelled y GROUP BY y.stratum) l USING (stratum)
    ), limits AS (
        SELECT p.*, p.population * coalesce(p.share, 0) AS total, p.population * w.low AS low, p.population * w.high AS high
        FROM per_stratum p CROSS JOIN LATERAL moderation.wilson_share(coalesce(p.share, 0), p.effective) w
    )
    SELECT sum(l.n)::bigint AS n,
           max(l.total) FILTER (WHERE l.stratum = 1) AS found, max(l.low) FILTER (WHERE l.stratum = 1) AS found_low,
           max(l.high) FILTER (WHERE l.stratum = 1) AS found_high,
           -- Missed: what other packages flagged and what nothing flagged; limits of the sum by MOVER (Zou and Donner 2008).
           sum(l.total) FILTER (WHERE l.stratum > 1) AS missed,
           sum(l.total) FILTER (WHERE l.stratum > 1) - sqrt(sum((l.total - l.low) ^ 2) FILTER (WHERE l.stratum > 1)) AS missed_low,
           sum(l.total) FILTER (WHERE l.stratum > 1) + sqrt(sum((l.high - l.total) ^ 2) FILTER (WHERE l.stratum > 1)) AS missed_high,
           max(greatest(0, least(least_flagged, l.population) - l.n)) FILTER (WHERE l.stratum = 1) AS flagged_missing,
           max(greatest(0, least(least_flagged, l.population) - l.n)) FILTER (WHERE l.stratum = 2) AS others_missing,
           max(greatest(0, least_unflagged - l.n)) FILTER (WHERE l.stratum = 3) AS unflagged_missing,
           max(l.population) FILTER (WHERE l.stratum = 3) AS unflagged
    INTO s FROM limits l;
    labels := s.n;
    IF s.unflagged = 0 THEN
        note := 'no exposures of unflagged content while it was live: pg_moderation.exposure_sample';
        RETURN;
    END IF;
    missing := (s.flagged_missing + s.others_missing + s.unflagged_missing)::bigint;
    IF missing > 0 THEN
        note := format('not enough labels: %s more needed (%s of random flagged content, %s of random unflagged content)',
                       missing, (s.flagged_missing + s.others_missing)::bigint, s.unflagged_missing::bigint);
        RETURN;
    END IF;
    IF s.found + s.missed = 0 THEN
        note := 'nothing violating among the labelled sample';
        RETURN;
    END IF;
    SELECT i.recall, i.low, i.high INTO recall, recall_low, recall_high
    FROM moderation.recall_interval(s.found, s.found_low, s.found_high, s.missed, s.missed_low, s.missed_high) i;
END
$fn$;
COMMENT ON FUNCTION moderation.estimate_recall(integer[], integer, timestamptz, timestamptz) IS 'Internal: the share of all violating judged contents that these packages act on, live, from the random samples of next_for_review(): found = N1 p1; missed = N2 p2 + N3 p3, where N1 is what they flagged, N2 what only others flagged, N3 the weighted exposures nothing flagged, and p the weighted share of violating labels in each (post-stratified Hajek estimator: Särndal, Swensson, Wretman, Model Assisted Survey Sampling, 1992). Limits: Wilson per stratum, combined by MOVER. Only what was judged while they were live counts: a sample drawn before says nothing of what they miss. Labels that were not drawn at random do not enter. NULL, with a note, when labels are too few.';
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
COMMENT ON TYPE moderation.package_figures IS 'A row of package_stats() and policy_stats(). hits: rows of moderation.hits; contents: those the package acted on (its items'' scores reached the threshold), owners: theirs. reviewed = true_positives + false_positives + unsure + disputed counts contents. precision = TP / (TP + FP) with its Wilson 95 % interval, NULL without labels. release: in force now, or with by => ''release'' the one that hit. bucket: start of the day, week or month (UTC). spam_over_all: S/O as SpamAssassin defines it, share of all violating contents caught / (that + share of all benign contents caught). recent_: the last 28 days before until. unique_contents: those no other live package acted on, of which unique_true_positives are violating. recall: see estimate_recall(), live only; recall_note: why it is NULL.';
CREATE FUNCTION moderation.figures(
    packages integer[], as_policy boolean, since timestamptz, until timestamptz, by text, only_stage moderation.stage)
    RETURNS SETOF moderation.package_figures LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
BEGIN
    RETURN QUERY
    WITH seen AS MATERIALIZED (
        SELECT s.package_id, s.stage, s.release, s.source_id, coalesce(s.content_key, encode(s.digest, 'hex')) AS content, s.digest,
               count(*) AS hits, max(s.observed_at) AS last_hit, min(s.owner_key) AS owner_key,
               sum(s.score::double precision)::real >= min(s.threshold) AS acted,
               CASE WHEN min(s.label) = 'violating' OR NOT bool_or(s.disputed) THEN min(s.label)::text ELSE 'disputed' END AS label
        FROM moderation.hit_labels s
        WHERE s.package_id = ANY (packages) AND (only_stage IS NULL OR s.stage = only_stage)
          AND (since IS NULL OR s.observed_at >= since) AND (until IS NULL OR s.observed_at < until)
        GROUP BY s.package_id, s.stage, s.release, s.source_id, coalesce(s.content_key, encode(s.digest, 'hex')), s.digest
    ), keyed AS (
        SELECT s.*, CASE WHEN as_policy THEN 0 ELSE s.package_id END AS whose,
               CASE WHEN by = 'release' THEN s.release ELSE 0 END AS of_release,
               CASE WHEN by IN ('day', 'week', 'month') THEN date_trunc(by, s.last_hit, 'UTC') END AS bucket
        FROM seen s
    ), alone AS MATERIALIZED (
        -- Contents that one package alone acted on, live.
        SELECT v.source_id, coalesce(v.content_key, encode(v.digest, 'hex')) AS content, min(v.package_id) AS package_id
        FROM moderation.content_verdicts v
        WHERE v.stage = 'live' AND v.acted
          AND (since IS NULL OR v.observed_at >= since) AND (until IS NULL OR v.observed_at < until)
        GROUP BY 1, 2 HAVING count(DISTINCT v.package_id) = 1
    ), per_content AS (
        SELECT k.whose, k.stage, k.of_release, k.bucket, k.source_id, k.content, sum(k.hits) AS hits, max(k.last_hit) AS last_hit,
               min(k.owner_key) AS owner_key, bool_or(k.acted) AS acted,
               CASE WHEN bool_or(k.label = 'violating') THEN 'violating' WHEN bool_or(k.label = 'disputed') THEN 'disputed'
                    WHEN bool_or(k.label = 'benign') THEN 'benign' ELSE min(k.label) END AS label,
               bool_or(k.stage = 'live' AND k.package_id = a.package_id) AS is_unique,
               max(k.last_hit) >= coalesce(figures.until, now()) - interval '28 days' AS recent
        FROM keyed k
        LEFT JOIN alone a ON a.source_id = k.source_id AND a.content = k.content
        GROUP BY k.whose, k.stage, k.of_release, k.bucket, k.source_id, k.content
    ), summed AS (
        SELECT c.whose, c.stage, c.of_release, c.bucket, sum(c.hits)::bigint AS hits, count(*) FILTER (WHERE c.acted) AS contents,
               count(DISTINCT c.owner_key) FILTER (WHERE c.acted) AS owners,
               count(*) FILTER (WHERE c.acted AND c.label = 'violating') AS tp,
               count(*) FILTER (WHERE c.acted AND c.label = 'benign') AS fp,
               count(*) FILTER (WHERE c.acted AND c.label = 'unsure') AS unsure,
               count(*) FILTER (WHERE c.acted AND c.label = 'disputed') AS disputed, max(c.last_hit) AS last_hit,
               count(*) FILTER (WHERE c.acted AND c.recent) AS recent_contents,
               count(*) FILTER (WHERE c.acted AND c.recent AND c.label = 'violating') AS recent_tp,
               count(*) FILTER (WHERE c.acted AND c.recent AND c.label = 'benign') AS recent_fp,
               count(*) FILTER (WHERE c.acted AND c.is_unique) AS unique_contents,
               count(*) FILTER (WHERE c.acted AND c.is_unique AND c.label = 'violating') AS unique_tp
        FROM per_content c GROUP BY c.whose, c.stage, c.of_release, c.bucket
    ), wanted AS (
        SELECT DISTINCT CASE WHEN as_policy THEN 0 ELSE p.package_id END AS whose,
               CASE WHEN as_policy THEN NULL ELSE p.name END AS name, p.policy_id, o.name AS policy
        FROM moderation.packages p LEFT JOIN moderation.policies o ON o.policy_id = p.policy_id
        WHERE p.package_id = ANY (packages)
    ), corpus AS MATERIALIZED (
        SELECT w.whose, count(*) FILTER (WHERE d.label = 'violating') AS violating, count(*) FILTER (WHERE d.label = 'benign') AS benign
        FROM wanted w
        CROSS JOIN LATERAL (
            SELECT (array_agg(l.label ORDER BY l.policy_id NULLS LAST))[1] AS label
            FROM moderation.labels l
            WHERE l.hit_id IS NULL AND (l.policy_id = w.policy_id OR l.policy_id IS NULL)
            GROUP BY l.source_id, l.content_key) d
        GROUP BY w.whose
    )
    SELECT w.name, st.stage, CASE WHEN by = 'release' THEN s.of_release WHEN NOT as_policy THEN f.release END,
           coalesce(s.hits, 0), coalesce(s.contents, 0), coalesce(s.owners, 0),
           coalesce(s.tp + s.fp + s.unsure + s.disputed, 0), coalesce(s.tp, 0), coalesce(s.fp, 0), coalesce(s.unsure, 0),
           s.tp / nullif(s.tp + s.fp, 0)::double precision, i.low, i.high, s.last_hit, coalesce(s.disputed, 0), s.bucket, w.policy,
           CASE WHEN c.violating > 0 AND c.benign > 0 AND s.tp + s.fp > 0
                THEN (s.tp::double precision / c.violating) / (s.tp::double precision / c.violating + s.fp::double precision / c.benign) END,
           coalesce(s.recent_contents, 0), s.recent_tp / nullif(s.recent_tp + s.recent_fp, 0)::double precision, ri.low, ri.high,
           coalesce(s.unique_contents, 0), coalesce(s.unique_tp, 0),
           r.recall, r.recall_low, r.recall_high, r.labels, r.note
    FROM wanted w
    CROSS JOIN unnest(enum_range(NULL::moderation.stage)) AS st(stage)
    LEFT JOIN LATERAL (SELECT d.release FROM moderation.deployments d
                       WHERE d.package_id = w.whose AND d.stage = st.stage
                       ORDER BY d.deployment_id DESC LIMIT 1) f ON true
    LEFT JOIN summed s ON s.whose = w.whose AND s.stage = st.stage
    LEFT JOIN corpus c ON c.whose = w.whose
    LEFT JOIN LATERAL moderation.wilson_interval(s.tp, s.tp + s.fp) i ON true
    LEFT JOIN LATERAL moderation.wilson_interval(s.recent_tp, s.recent_tp + s.recent_fp) ri ON true
    LEFT JOIN LATERAL moderation.estimate_recall(
        CASE WHEN as_policy THEN packages ELSE ARRAY[w.whose] END, w.policy_id, since, until) r ON st.stage = 'live' AND by IS NULL
    WHERE (only_stage IS NULL OR st.stage = only_stage)
      AND (s.hits > 0 OR (by IS NULL AND (f.release IS NOT NULL OR st.stage = 'live')))
    ORDER BY w.name, st.stage DESC, s.of_release, s.bucket;
END
$fn$;
COMMENT ON FUNCTION moderation.figures(integer[], boolean, timestamptz, timestamptz, text, moderation.stage) IS 'Internal: what package_stats() and policy_stats() share.';
CREATE FUNCTION moderation.check_by(by text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF by IS NOT NULL AND by <> ALL (ARRAY['release', 'day', 'week', 'month']) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('by => %L is not known', by),
            DETAIL = 'Figures come in all, by release, or by the day, week or month of the hit (UTC).',
            HINT = 'Use ''release'', ''day'', ''week'' or ''month'', or leave it out.';
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.check_by(text) IS 'Internal: refuses unknown buckets.';
CREATE FUNCTION moderation.package_stats(
    package text DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, by text DEFAULT NULL,
    stage moderation.stage DEFAULT NULL)
    RETURNS SETOF moderation.package_figures
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    PERFORM moderation.check_by(package_stats.by);
    RETURN QUERY
    SELECT * FROM moderation.figures(
        CASE WHEN package_stats.package IS NULL THEN moderation.visible_packages()
             ELSE ARRAY[moderation.find_package(package_stats.package)] END,
        false, package_stats.since, package_stats.until, package_stats.by, package_stats.stage);
END
$fn$;
COMMENT ON FUNCTION moderation.package_stats(text, timestamptz, timestamptz, text, moderation.stage) IS 'What each package found in attached tables and what reviewers said of it, live and shadow apart; since is inclusive, until exclusive, both by the time of the hit. by => ''release'', ''day'', ''week'' or ''month'': a row for each; stage: only that one. The columns are explained at the type package_figures.';
CREATE FUNCTION moderation.policy_stats(
    policy text DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, by text DEFAULT NULL,
    stage moderation.stage DEFAULT NULL)
    RETURNS SETOF moderation.package_figures
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    wanted integer := moderation.find_policy(policy_stats.policy);
    found_policy record;
    visible constant integer[] := moderation.visible_packages();
BEGIN
    PERFORM moderation.check_by(policy_stats.by);
    FOR found_policy IN
        SELECT o.policy_id, array_agg(p.package_id) AS packages
        FROM moderation.policies o JOIN moderation.packages p ON p.policy_id = o.policy_id
        WHERE (wanted IS NULL OR o.policy_id = wanted) AND p.package_id = ANY (visible)
        GROUP BY o.policy_id, o.name ORDER BY o.name
    LOOP
        -- A policy has no releases of its own: by release it is its packages', each under its name.
        RETURN QUERY SELECT * FROM moderation.figures(found_policy.packages, policy_stats.by IS DISTINCT FROM 'release', policy_stats.since,
            policy_stats.until, policy_stats.by, policy_stats.stage);
    END LOOP;
END
$fn$;
COMMENT ON FUNCTION moderation.policy_stats(text, timestamptz, timestamptz, text, moderation.stage) IS 'The same for all packages of a policy together: package is NULL, a content counts once. by => ''day'', ''week'' or ''month'': a row for each; by => ''release'': a row for each release of each of its packages; stage: only that one.';
CREATE FUNCTION moderation.greedy_cover(items bigint[], contents bigint[], OUT item bigint, OUT place integer, OUT gain bigint)
    RETURNS SETOF record LANGUAGE c IMMUTABLE STRICT ROWS 100 COST 10000
    AS 'MODULE_PATHNAME', 'moderation_greedy_cover';
COMMENT ON FUNCTION moderation.greedy_cover(bigint[], bigint[]) IS 'Internal: of pairs (items[i] hits contents[i]), the items in the order of what each adds to those before it (greedy set cover); gain 0 once everything is covered.';
CREATE TYPE moderation.item_figures AS (
    package text, stage moderation.stage, item_id bigint, kind moderation.item_kind, term text, match moderation.match_mode, weight real,
    in_force boolean, hits bigint, contents bigint, owners bigint, true_positives bigint, false_positives bigint, unsure bigint,
    disputed bigint, precision double precision, precision_low double precision, precision_high double precision,
    spam_over_all double precision, recent_contents bigint, recent_precision double precision,
    recent_precision_low double precision, recent_precision_high double precision, unique_contents bigint, unique_true_positives bigint,
    unique_false_positives bigint, marginal_place integer, marginal_contents bigint, cost_share double precision,
    first_hit timestamptz, last_hit timestamptz, release integer, bucket timestamptz);
COMMENT ON TYPE moderation.item_figures IS 'A row of item_stats(), columns as in package_figures; release: with by => ''release'', the one that hit. contents: with a hit of the item, whether or not the package acted. unique_contents: verdicts of the package that would be lost without the item (its score taken from the sum, against the release''s threshold), of which unique_true_positives and unique_false_positives are labelled. marginal_place, marginal_contents: in the order of greedy set cover, what it adds to the items before it. cost_share: its share of all places found by the package, that is of what is written, shown and reviewed; scanning is one pass for all items.';
CREATE FUNCTION moderation.item_stats(
    package text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, by text DEFAULT NULL,
    stage moderation.stage DEFAULT NULL)
    RETURNS SETOF moderation.item_figures
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1000 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    wanted integer := moderation.find_package(item_stats.package);
    readable constant boolean := wanted = ANY (moderation.readable_packages());
BEGIN
    PERFORM moderation.check_by(item_stats.by);
    RETURN QUERY
    WITH seen AS MATERIALIZED (
        SELECT s.stage, CASE WHEN item_stats.by = 'release' THEN s.release ELSE 0 END AS of_release,
               CASE WHEN item_stats.by IN ('day', 'week', 'month') THEN date_trunc(item_stats.by, s.observed_at, 'UTC')
                    ELSE '-infinity' END AS bucket, s.item_id, s.source_id, coalesce(s.content_key, encode(s.digest, 'hex')) AS content, s.owner_key, s.observed_at,
               s.places, s.score, s.threshold, CASE WHEN s.disputed THEN 'disputed' ELSE s.label::text END AS label,
               sum(s.score::double precision) OVER (PARTITION BY s.stage, s.release, s.source_id, s.content_key, s.digest) AS total,
               count(*) OVER (PARTITION BY s.stage, s.release, s.source_id, s.content_key, s.digest) AS items
        FROM moderation.hit_labels s
        WHERE s.package_id = wanted AND (item_stats.stage IS NULL OR s.stage = item_stats.stage)
          AND (item_stats.since IS NULL OR s.observed_at >= item_stats.since)
          AND (item_stats.until IS NULL OR s.observed_at < item_stats.until)
    ), per_content AS MATERIALIZED (
        SELECT s.stage, s.of_release, s.bucket, s.item_id, s.source_id, s.content, min(s.owner_key) AS owner_key, count(*) AS hits, sum(s.places) AS places,
               min(s.observed_at) AS first_hit, max(s.observed_at) AS last_hit,
               bool_or(s.total::real >= s.threshold AND (s.items = 1 OR (s.total - s.score)::real < s.threshold)) AS is_unique,
               CASE WHEN bool_or(s.label = 'violating') THEN 'violating' WHEN bool_or(s.label = 'disputed') THEN 'disputed'
                    ELSE min(s.label) END AS label,
               max(s.observed_at) >= coalesce(item_stats.until, now()) - interval '28 days' AS recent
        FROM seen s GROUP BY s.stage, s.of_release, s.bucket, s.item_id, s.source_id, s.content
    ), summed AS (
        SELECT c.stage, c.of_release, c.bucket, c.item_id, sum(c.hits)::bigint AS hits, count(*) AS contents, count(DISTINCT c.owner_key) AS owners,
               sum(c.places)::double precision AS places, min(c.first_hit) AS first_hit, max(c.last_hit) AS last_hit,
               count(*) FILTER (WHERE c.label = 'violating') AS tp, count(*) FILTER (WHERE c.label = 'benign') AS fp,
               count(*) FILTER (WHERE c.label = 'unsure') AS unsure, count(*) FILTER (WHERE c.label = 'disputed') AS disputed,
               count(*) FILTER (WHERE c.recent) AS recent_contents,
               count(*) FILTER (WHERE c.recent AND c.label = 'violating') AS recent_tp,
               count(*) FILTER (WHERE c.recent AND c.label = 'benign') AS recent_fp,
               count(*) FILTER (WHERE c.is_unique) AS unique_contents,
               count(*) FILTER (WHERE c.is_unique AND c.label = 'violating') AS unique_tp,
               count(*) FILTER (WHERE c.is_unique AND c.label = 'benign') AS unique_fp
        FROM per_content c GROUP BY c.stage, c.of_release, c.bucket, c.item_id
    ), numbered AS (
        SELECT c.stage, c.of_release, c.bucket, c.item_id, dense_rank() OVER (ORDER BY c.source_id, c.content) AS content FROM per_content c
    ), cover AS MATERIALIZED (
        SELECT a.stage, a.of_release, a.bucket, g.item, g.place, g.gain
        FROM (SELECT n.stage, n.of_release, n.bucket, array_agg(n.item_id ORDER BY n.item_id, n.content) AS items, array_agg(n.content ORDER BY n.item_id, n.content) AS contents
              FROM numbered n GROUP BY n.stage, n.of_release, n.bucket) a
        CROSS JOIN LATERAL moderation.greedy_cover(a.items, a.contents) g
    ), corpus AS MATERIALIZED (
        SELECT count(*) FILTER (WHERE d.label = 'violating')::double precision AS violating,
               count(*) FILTER (WHERE d.label = 'benign')::double precision AS benign
        FROM (SELECT (array_agg(l.label ORDER BY l.policy_id NULLS LAST))[1] AS label
              FROM moderation.labels l JOIN moderation.packages p ON p.package_id = wanted
              WHERE l.hit_id IS NULL AND (l.policy_id = p.policy_id OR l.policy_id IS NULL)
              GROUP BY l.source_id, l.content_key) d
    ), listed AS (
        SELECT st.stage, i.item_id, f.release IS NOT NULL AND bool_or(i.added_in <= f.release AND (i.removed_in IS NULL OR i.removed_in > f.release)) AS in_force,
               (array_agg(i.term ORDER BY i.added_in DESC))[1] AS term, (array_agg(i.match ORDER BY i.added_in DESC))[1] AS match,
               (array_agg(i.kind))[1] AS kind, (array_agg(i.weight ORDER BY i.added_in DESC))[1] AS weight
        FROM moderation.item_versions i
        CROSS JOIN unnest(enum_range(NULL::moderation.stage)) AS st(stage)
        LEFT JOIN LATERAL (SELECT d.release FROM moderation.deployments d
                           WHERE d.package_id = wanted AND d.stage = st.stage ORDER BY d.deployment_id DESC LIMIT 1) f ON true
        WHERE i.package_id = wanted AND NOT i.allow AND (item_stats.stage IS NULL OR st.stage = item_stats.stage)
        GROUP BY st.stage, i.item_id, f.release
    )
    SELECT item_stats.package, l.stage, l.item_id, l.kind, CASE WHEN readable THEN l.term END, CASE WHEN readable THEN l.match END, l.weight, l.in_force, coalesce(s.hits, 0),
           coalesce(s.contents, 0), coalesce(s.owners, 0), coalesce(s.tp, 0), coalesce(s.fp, 0), coalesce(s.unsure, 0), coalesce(s.disputed, 0),
           s.tp / nullif(s.tp + s.fp, 0)::double precision, i.low, i.high,
           CASE WHEN c.violating > 0 AND c.benign > 0 AND s.tp + s.fp > 0
                THEN (s.tp / c.violating) / (s.tp / c.violating + s.fp / c.benign) END,
           coalesce(s.recent_contents, 0), s.recent_tp / nullif(s.recent_tp + s.recent_fp, 0)::double precision, ri.low, ri.high,
           coalesce(s.unique_contents, 0), coalesce(s.unique_tp, 0), coalesce(s.unique_fp, 0), g.place, coalesce(g.gain, 0),
           s.places / sum(s.places) OVER (PARTITION BY l.stage, s.of_release, s.bucket), s.first_hit, s.last_hit,
           nullif(s.of_release, 0), nullif(s.bucket, '-infinity')
    FROM listed l
    CROSS JOIN corpus c
    LEFT JOIN summed s ON s.stage = l.stage AND s.item_id = l.item_id
    LEFT JOIN cover g ON g.stage = s.stage AND g.of_release = s.of_release AND g.bucket = s.bucket AND g.item = s.item_id
    LEFT JOIN LATERAL moderation.wilson_interval(s.tp, s.tp + s.fp) i ON true
    LEFT JOIN LATERAL moderation.wilson_interval(s.recent_tp, s.recent_tp + s.recent_fp) ri ON true
    WHERE s.hits > 0 OR (l.in_force AND item_stats.by IS NULL)
    ORDER BY l.stage DESC, s.of_release, s.bucket, coalesce(s.contents, 0) DESC, l.item_id;
END
$fn$;
COMMENT ON FUNCTION moderation.item_stats(text, timestamptz, timestamptz, text, moderation.stage) IS 'What each item of a package is worth, live and shadow apart; items in force, and those that hit in the window. by => ''release'', ''day'', ''week'' or ''month'' (of the hit, UTC): a row for each in which it hit; stage: only that one. The columns are explained at the type item_figures.';
CREATE FUNCTION moderation.item_overlap(
    package text DEFAULT NULL, since timestamptz DEFAULT NULL, min_share double precision DEFAULT 0.2,
    OUT package_a text, OUT item_a bigint, OUT term_a text, OUT package_b text, OUT item_b bigint, OUT term_b text,
    OUT contents_a bigint, OUT contents_b bigint, OUT contents_both bigint, OUT share_of_a double precision, OUT share_of_b double precision)
    RETURNS SETOF record LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1000 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    wanted integer := CASE WHEN item_overlap.package IS NOT NULL THEN moderation.find_package(item_overlap.package) END;
    visible constant integer[] := moderation.visible_packages();
    readable constant integer[] := moderation.readable_packages();
BEGIN
    IF min_share IS NULL OR NOT min_share BETWEEN 0 AND 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('min_share %s is out of range', coalesce(min_share::text, 'NULL')),
            DETAIL = 'It is a share of an item''s contents, 0 to 1.', HINT = 'Leave it out for 0.2.';
    END IF;
    RETURN QUERY
    WITH pairs AS MATERIALIZED (
        SELECT n.package_id, n.item_id, n.source_id, coalesce(n.content_key, encode(n.digest, 'hex')) AS content
        FROM (SELECT * FROM moderation.hits h
              WHERE item_overlap.since IS NULL OR h.observed_at >= item_overlap.since
              ORDER BY h.observed_at DESC LIMIT 500000) n
        GROUP BY 1, 2, 3, 4
    ), few AS MATERIALIZED (
        -- A content that a hundred items hit says little of any two of them, and would cost ten thousand pairs.
        SELECT p.source_id, p.content FROM pairs p GROUP BY p.source_id, p.content HAVING count(*) BETWEEN 2 AND 100
    ), sizes AS MATERIALIZED (
        SELECT p.item_id, count(*) AS contents FROM pairs p GROUP BY p.item_id
    ), shared AS (
        SELECT a.package_id AS pa, a.item_id AS ia, b.package_id AS pb, b.item_id AS ib, count(*) AS n
        FROM few f
        JOIN pairs a ON a.source_id = f.source_id AND a.content = f.content
        JOIN pairs b ON b.source_id = f.source_id AND b.content = f.content AND b.item_id <> a.item_id
        WHERE wanted IS NULL OR a.package_id = wanted
        GROUP BY 1, 2, 3, 4
    )
    SELECT qa.name, b.ia, (SELECT v.term FROM moderation.item_versions v WHERE v.item_id = b.ia AND v.package_id = ANY (readable) ORDER BY v.added_in DESC LIMIT 1),
           qb.name, b.ib, (SELECT v.term FROM moderation.item_versions v WHERE v.item_id = b.ib AND v.package_id = ANY (readable) ORDER BY v.added_in DESC LIMIT 1),
           sa.contents, sb.contents, b.n, b.n / sa.contents::double precision, b.n / sb.contents::double precision
    FROM shared b
    JOIN sizes sa ON sa.item_id = b.ia JOIN sizes sb ON sb.item_id = b.ib
    JOIN moderation.packages qa ON qa.package_id = b.pa JOIN moderation.packages qb ON qb.package_id = b.pb
    WHERE b.n / sa.contents::double precision >= min_share AND b.pa = ANY (visible) AND b.pb = ANY (visible)
    ORDER BY b.n / sa.contents::double precision DESC, b.n DESC, b.ia, b.ib;
END
$fn$;
COMMENT ON FUNCTION moderation.item_overlap(text, timestamptz, double precision) IS 'For items A (of one package or all) and B (of any, text, image or video): share_of_a = |A and B| / |A| of their contents, where it is at least min_share; 1 means that A finds nothing B does not. Over the newest 500,000 hits; contents with more than 100 items are left out of the pairs.';
CREATE FUNCTION moderation.package_overlap(
    since timestamptz DEFAULT NULL,
    OUT package_a text, OUT package_b text, OUT contents_a bigint, OUT contents_both bigint, OUT share_of_a double precision)
    RETURNS SETOF record LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    visible constant integer[] := moderation.visible_packages();
BEGIN
    RETURN QUERY
    WITH pairs AS MATERIALIZED (
        SELECT DISTINCT v.package_id, v.source_id, coalesce(v.content_key, encode(v.digest, 'hex')) AS content
        FROM moderation.content_verdicts v
        WHERE v.package_id = ANY (visible) AND v.acted AND v.stage = 'live' AND (package_overlap.since IS NULL OR v.observed_at >= package_overlap.since)
    ), sizes AS (
        SELECT p.package_id, count(*) AS contents FROM pairs p GROUP BY p.package_id
    )
    SELECT a.name, b.name, s.contents, count(*), count(*) / s.contents::double precision
    FROM pairs x
    JOIN pairs y ON y.source_id = x.source_id AND y.content = x.content AND y.package_id <> x.package_id
    JOIN sizes s ON s.package_id = x.package_id
    JOIN moderation.packages a ON a.package_id = x.package_id JOIN moderation.packages b ON b.package_id = y.package_id
    GROUP BY a.name, b.name, s.contents
    ORDER BY 5 DESC, 1, 2;
END
$fn$;
COMMENT ON FUNCTION moderation.package_overlap(timestamptz) IS 'For every two packages: the share of the contents A acted on, live, that B acted on too.';
CREATE FUNCTION moderation.mine_terms(
    texts text[], classes smallint[], weighted boolean, max_terms integer, min_support integer, precision_floor double precision,
    OUT term text, OUT match text, OUT level text, OUT weight real, OUT violating integer,
    OUT benign integer, OUT background integer, OUT new_violating integer, OUT z double precision, OUT examples integer[],
    OUT list_true_positives integer, OUT list_false_positives integer, OUT list_false_negatives integer, OUT list_background integer)
    RETURNS SETOF record LANGUAGE c IMMUTABLE STRICT ROWS 100 COST 1000000
    AS 'MODULE_PATHNAME', 'moderation_mine_terms';
COMMENT ON FUNCTION moderation.mine_terms(text[], smallint[], boolean, integer, integer, double precision) IS 'Internal: terms that violating texts (class 1) have and benign (0) and background (-1) ones do not: plain terms of the given precision, or a list with weights for a package of threshold 1. examples are positions in texts. list_: what the whole list does, cross-validated when weighted.';
CREATE TYPE moderation.proposal_kind AS ENUM (
    'remove_dead', 'remove_redundant', 'remove_harmful', 'remove_decayed', 'narrow', 'add_term', 'add_list', 'add_variant', 'add_allow', 'add_image');
COMMENT ON TYPE moderation.proposal_kind IS 'What a proposal changes: removes an item that never hits, hits nothing of its own, hits wrongly, or no longer rightly; replaces it by longer phrases; adds a term, a whole list with weights, a variant seen in the data, an allow entry, an image.';
CREATE TABLE moderation.proposals (
    proposal_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package_id      integer NOT NULL,
    kind            moderation.proposal_kind NOT NULL,
    item_id         bigint,
    term            text,
    change          jsonb NOT NULL,
    evidence        jsonb NOT NULL,
    effect          jsonb NOT NULL,
    examples        jsonb NOT NULL,
    sql             text NOT NULL,
    case_id         bigint,
    state           text NOT NULL DEFAULT 'open' CHECK (state = ANY (ARRAY['open', 'accepted', 'rejected'])),
    proposed_at     timestamptz NOT NULL DEFAULT now(),
    proposed_by     text NOT NULL,
    decided_at      timestamptz,
    decided_by      text,
    reason          text
);
CREATE UNIQUE INDEX proposals_open_key ON moderation.proposals
    (package_id, kind, coalesce(item_id, 0), hashtextextended(change::text, 0), hashtextextended(change::text, 1)) WHERE state = 'open';
CREATE INDEX proposals_rejected_idx ON moderation.proposals (package_id, hashtextextended(change::text, 0)) WHERE state = 'rejected';
CREATE INDEX proposals_package_idx ON moderation.proposals (package_id, state, proposal_id);
COMMENT ON TABLE moderation.proposals IS 'Suggested changes of packages, open until a person accepts or rejects them. The same change is open once; one that was rejected is not proposed again.';
COMMENT ON COLUMN moderation.proposals.change IS 'What accepting does: {"remove": [item ids], "add": [{"term", "match", "level", "weight"}], "allow": [the same], "images": [{"hash", "max_distance"}], "threshold"}.';
COMMENT ON COLUMN moderation.proposals.evidence IS 'The figures it rests on.';
COMMENT ON COLUMN moderation.proposals.effect IS 'What to expect of the labelled contents: gained and lost true and false positives, precision before and after with Wilson 95 % intervals, recall before and after over the labelled contents.';
COMMENT ON COLUMN moderation.proposals.examples IS 'Contents, as {"source", "content_key"} or excerpts of the texts given.';
COMMENT ON COLUMN moderation.proposals.sql IS 'The statements that accepting runs, ready to be read or run by hand.';
CREATE FUNCTION moderation.proposal_effect(tp bigint, fp bigint, violating bigint, gain_tp bigint, gain_fp bigint) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
        SELECT jsonb_build_object('true_positives', gain_tp, 'false_positives', gain_fp,
            'precision', jsonb_build_object('before', round((tp / nullif(tp + fp, 0)::numeric), 4), 'low', round(b.low::numeric, 4), 'high', round(b.high::numeric, 4)),
            'precision_after', jsonb_build_object('value', round((tp + gain_tp) / nullif(tp + fp + gain_tp + gain_fp, 0)::numeric, 4), 'low', round(a.low::numeric, 4), 'high', round(a.high::numeric, 4)),
            'recall', jsonb_build_object('before', round(tp / nullif(violating, 0)::numeric, 4), 'low', round(rb.low::numeric, 4), 'high', round(rb.high::numeric, 4)),
            'recall_after', jsonb_build_object('value', round((tp + gain_tp) / nullif(violating, 0)::numeric, 4), 'low', round(ra.low::numeric, 4), 'high', round(ra.high::numeric, 4)))
        FROM moderation.wilson_interval(tp, tp + fp) b, moderation.wilson_interval(tp + gain_tp, tp + fp + gain_tp + gain_fp) a,
             moderation.wilson_interval(tp, violating) rb, moderation.wilson_interval(least(tp + gain_tp, violating), violating) ra;
    END;
COMMENT ON FUNCTION moderation.proposal_effect(bigint, bigint, bigint, bigint, bigint) IS 'Internal: precision and recall over the labelled contents before and after a change that adds so many true and false positives (negative: takes away).';
CREATE FUNCTION moderation.propose(
    package_id integer, kind moderation.proposal_kind, item_id bigint, term text, change jsonb, evidence jsonb, effect jsonb, examples jsonb,
    case_id bigint DEFAULT NULL)
    RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $fn$
DECLARE
    name text;
    new_id bigint;
    statements text;
BEGIN
    -- Open ones are the business of the unique index.
    IF EXISTS (SELECT FROM moderation.proposals p WHERE p.package_id = propose.package_id AND p.kind = propose.kind
               AND p.item_id IS NOT DISTINCT FROM propose.item_id AND p.change = propose.change
               AND hashtextextended(p.change::text, 0) = hashtextextended(propose.change::text, 0) AND p.state = 'rejected') THEN
        RETURN NULL;
    END IF;
    SELECT p.name INTO name FROM moderation.packages p WHERE p.package_id = propose.package_id;
    SELECT string_agg(s.statement, E'\n' ORDER BY s.n) INTO statements FROM (
        SELECT 1 AS n, format('SELECT moderation.remove_items(%L, ARRAY[%s]);', name,
                              (SELECT string_agg(i, ', ') FROM jsonb_array_elements_text(change->'remove') i)) AS statement
        WHERE jsonb_array_length(coalesce(change->'remove', '[]')) > 0
        UNION ALL
        SELECT 2, format('SELECT * FROM moderation.add_terms(%L, ARRAY[%L], match => %L, level => %L, weight => %s);',
                         name, a->>'term', a->>'match', a->>'level', coalesce(a->>'weight', '1'))
        FROM jsonb_array_elements(coalesce(change->'add', '[]')) a
        UNION ALL
        SELECT 3, format('SELECT * FROM moderation.allow_terms(%L, ARRAY[%L], match => %L, level => %L);', name, a->>'term', a->>'match', a->>'level')
        FROM jsonb_array_elements(coalesce(change->'allow', '[]')) a
        UNION ALL
        SELECT 4, format('SELECT * FROM moderation.add_images(%L, ARRAY[%L]::moderation.pdqhash[], max_distance => %s);', name, a->>'hash', a->>'max_distance')
        FROM jsonb_array_elements(coalesce(change->'images', '[]')) a) s;
    INSERT INTO moderation.proposals (package_id, kind, item_id, term, change, evidence, effect, examples, sql, case_id, proposed_by)
    VALUES (propose.package_id, propose.kind, propose.item_id, propose.term, propose.change, propose.evidence, propose.effect,
            coalesce(propose.examples, '[]'), coalesce(statements, ''), propose.case_id, moderation.caller())
    ON CONFLICT DO NOTHING RETURNING proposal_id INTO new_id;
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.propose(integer, moderation.proposal_kind, bigint, text, jsonb, jsonb, jsonb, jsonb, bigint) IS 'Internal: stores a proposal unless the same one is open or was rejected; returns its id.';
CREATE FUNCTION moderation.suggest_cleanup(
    package text, bar double precision DEFAULT 0.8, min_labels integer DEFAULT 5, dead_after interval DEFAULT interval '90 days')
    RETURNS SETOF moderation.proposals LANGUAGE plpgsql SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    wanted integer := moderation.find_package(suggest_cleanup.package);
    examined moderation.stage;
    f record;
    p record;
    kind moderation.proposal_kind;
    evidence jsonb;
    made bigint[] := '{}';
    new_id bigint;
BEGIN
    PERFORM moderation.check_readable(wanted);
    IF bar IS NULL OR NOT bar BETWEEN 0 AND 1 OR min_labels IS NULL OR min_labels < 1 OR dead_after IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'suggest_cleanup() needs a bar from 0 to 1, labels of 1 or more and a time',
            DETAIL = format('bar is %s, min_labels %s, dead_after %s.', bar, min_labels, dead_after), HINT = 'Leave them out for 0.8, 5 and 90 days.';
    END IF;
    -- A list on trial in shadow is cleaned up by what it would have done.
    examined := CASE WHEN EXISTS (SELECT FROM moderation.in_force i WHERE i.package = suggest_cleanup.package AND i.stage = 'live')
                     THEN 'live' ELSE 'shadow' END;
    SELECT s.true_positives AS tp, s.false_positives AS fp INTO p FROM moderation.package_stats(suggest_cleanup.package) s
    WHERE s.stage = examined;
    FOR f IN
        WITH overlap AS MATERIALIZED (
            SELECT o.item_a, min(o.item_b) AS item_b FROM moderation.item_overlap(suggest_cleanup.package, NULL, 1) o
            -- Of two that find the same, the later one goes. What is itself too often wrong is no reason to do without another.
            JOIN moderation.item_stats(suggest_cleanup.package, stage => examined) b ON b.item_id = o.item_b
            WHERE NOT coalesce(b.true_positives + b.false_positives >= min_labels AND least(b.precision_high, b.recent_precision_high) < bar, false)
              AND o.package_b = suggest_cleanup.package AND (o.contents_b > o.contents_a OR o.item_b < o.item_a)
            GROUP BY o.item_a
        )
        SELECT s.*, v.changed_at, o.item_b FROM moderation.item_stats(suggest_cleanup.package) s
        JOIN moderation.item_versions v ON v.item_id = s.item_id AND v.removed_in IS NULL
        LEFT JOIN overlap o ON o.item_a = s.item_id
        WHERE s.stage = examined AND s.in_force
    LOOP
        kind := NULL;
        evidence := jsonb_build_object('contents', f.contents, 'true_positives', f.true_positives, 'false_positives', f.false_positives,
            'precision', f.precision, 'precision_low', f.precision_low, 'precision_high', f.precision_high, 'last_hit', f.last_hit,
            'unique_contents', f.unique_contents);
        IF f.contents = 0 THEN
            IF f.changed_at < now() - dead_after THEN
                kind := 'remove_dead';
            END IF;
        ELSIF f.true_positives + f.false_positives >= min_labels AND f.precision_high < bar THEN
            kind := 'remove_harmful';
        ELSIF f.true_positives + f.false_positives >= min_labels AND f.recent_precision_high < bar
              AND f.recent_precision_high < f.precision_low + 0.1 THEN
            kind := 'remove_decayed';
            evidence := evidence || jsonb_build_object('recent_precision', f.recent_precision, 'recent_precision_high', f.recent_precision_high);
        ELSIF f.unique_contents = 0 AND f.item_b IS NOT NULL THEN
            kind := 'remove_redundant';
            evidence := evidence || jsonb_build_object('covered_by', f.item_b);
        END IF;
        CONTINUE WHEN kind IS NULL;
        new_id := moderation.propose(wanted, kind, f.item_id, f.term, jsonb_build_object('remove', jsonb_build_array(f.item_id)), evidence,
            moderation.proposal_effect(p.tp, p.fp, (SELECT count(*) FROM moderation.labels l WHERE l.hit_id IS NULL AND l.label = 'violating'),
                                       -f.unique_true_positives, -f.unique_false_positives),
            (SELECT jsonb_agg(jsonb_build_object('source', s.relation::text, 'content_key', h.content_key))
             FROM (SELECT DISTINCT x.source_id, x.content_key FROM moderation.hits x WHERE x.item_id = f.item_id LIMIT 3) h
             JOIN moderation.sources s ON s.source_id = h.source_id));
        made := made || new_id;
    END LOOP;
    RETURN QUERY SELECT q.* FROM moderation.proposals q WHERE q.proposal_id = ANY (made) ORDER BY q.proposal_id;
END
$fn$;
COMMENT ON FUNCTION moderation.suggest_cleanup(text, double precision, integer, interval) IS 'Proposes to remove items of the live release, or of the one in shadow while nothing is live: harmful (the upper Wilson limit of their precision is below the bar, with at least min_labels), decayed (that of the last 28 days), redundant (another item hits every content they hit, and no verdict would be lost), dead (no hit since dead_after). Returns the new proposals.';
CREATE FUNCTION moderation.suggest_terms(
    package text, texts text[], violating boolean[], background text[] DEFAULT '{}', weighted boolean DEFAULT false,
    max_terms integer DEFAULT 100, min_support integer DEFAULT 3, precision_floor double precision DEFAULT 0.9, case_id bigint DEFAULT NULL)
    RETURNS SETOF moderation.proposals LANGUAGE plpgsql SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    wanted integer := moderation.find_package(suggest_terms.package);
    missed text[];
    classes smallint[];
    caught_tp bigint;
    caught_fp bigint;
    all_violating bigint;
    m record;
    made bigint[] := '{}';
    list jsonb := '[]';
    found jsonb;
BEGIN
    PERFORM moderation.check_readable(wanted);
    IF texts IS NULL OR violating IS NULL OR background IS NULL OR cardinality(texts) <> cardinality(violating) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'suggest_terms() needs as many labels as texts',
            DETAIL = format('There are %s texts and %s labels.', coalesce(cardinality(texts), 0), coalesce(cardinality(violating), 0)),
            HINT = 'texts => array_agg(body), violating => array_agg(label = ''violating'') over the same rows.';
    END IF;
    IF max_terms IS NULL OR max_terms NOT BETWEEN 1 AND 10000 OR min_support IS NULL OR min_support < 1
       OR precision_floor IS NULL OR NOT precision_floor BETWEEN 0 AND 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'suggest_terms() got a limit that is out of range',
            DETAIL = 'max_terms goes from 1 to 10,000, min_support from 1, precision_floor from 0 to 1.', HINT = 'Leave them out for 100, 3 and 0.9.';
    END IF;
    -- What the package's draft catches already teaches nothing new; a list with weights is to stand alone.
    SELECT array_agg(x.body ORDER BY x.n), array_agg(CASE WHEN x.violating THEN 1 ELSE 0 END::smallint ORDER BY x.n),
           max(x.caught_tp), max(x.caught_fp), max(x.all_violating)
    INTO missed, classes, caught_tp, caught_fp, all_violating
    FROM (SELECT u.*, count(*) FILTER (WHERE u.hit AND u.violating) OVER () AS caught_tp,
                 count(*) FILTER (WHERE u.hit AND NOT u.violating) OVER () AS caught_fp, count(*) FILTER (WHERE u.violating) OVER () AS all_violating
          FROM (SELECT t.body, t.violating, t.n, EXISTS (SELECT FROM moderation.text_hits(t.body, suggest_terms.package, draft => true)) AS hit
                FROM unnest(texts, violating) WITH ORDINALITY t(body, violating, n)
                WHERE t.body IS NOT NULL AND t.violating IS NOT NULL) u) x
    WHERE weighted OR NOT (x.hit AND x.violating);
    missed := coalesce(missed, '{}') || array_remove(background, NULL);
    classes := coalesce(classes, '{}') || array_fill(-1::smallint, ARRAY[cardinality(array_remove(background, NULL))]);
    FOR m IN SELECT * FROM moderation.mine_terms(missed, classes, weighted, max_terms, min_support, precision_floor) LOOP
        found := jsonb_build_object('term', m.term, 'match', m.match, 'level', m.level, 'weight', CASE WHEN weighted THEN m.weight ELSE 1 END);
        IF weighted THEN
            list := list || found;
            CONTINUE WHEN jsonb_array_length(list) > 1;
            all_violating := m.list_true_positives + m.list_false_negatives;
            caught_tp := m.list_true_positives;
            caught_fp := m.list_false_positives;
        ELSE
            made := made || moderation.propose(wanted, 'add_term', NULL, m.term, jsonb_build_object('add', jsonb_build_array(found)),
                jsonb_build_object('violating', m.violating, 'benign', m.benign, 'background', m.background, 'new_violating', m.new_violating,
                                   'log_odds_z', round(m.z::numeric, 2)),
                moderation.proposal_effect(caught_tp, caught_fp, all_violating, m.new_violating, m.benign),
                (SELECT jsonb_agg(left(missed[e], 200)) FROM unnest(m.examples) e), case_id);
        END IF;
    END LOOP;
    IF list <> '[]' THEN
        made := made || moderation.propose(wanted, 'add_list', NULL, NULL, jsonb_build_object('add', list, 'threshold', 1),
            jsonb_build_object('terms', jsonb_array_length(list), 'true_positives', caught_tp, 'false_positives', caught_fp,
                               'false_negatives', all_violating - caught_tp, 'cross_validated', true),
            moderation.proposal_effect(0, 0, all_violating, caught_tp, caught_fp), '[]', case_id);
    END IF;
    RETURN QUERY SELECT q.* FROM moderation.proposals q WHERE q.proposal_id = ANY (made) ORDER BY q.proposal_id;
END
$fn$;
COMMENT ON FUNCTION moderation.suggest_terms(text, text[], boolean[], text[], boolean, integer, integer, double precision, bigint) IS 'Proposes terms mined from violating texts that the package''s draft misses, against the benign ones and background texts (unreviewed, taken for benign): one proposal a term, in the order of what each adds (greedy set cover; of the labelled texts it adds at least precision_floor are violating). weighted => true: one proposal of a whole list with weights, for a package with threshold 1; its figures are cross-validated. Returns the new proposals.';
CREATE FUNCTION moderation.accept_proposal(proposal_id bigint, reason text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    p moderation.proposals;
    target moderation.packages;
    a record;
    provenance text;
BEGIN
    p := moderation.claim_proposal(accept_proposal.proposal_id);
    SELECT q.* INTO target FROM moderation.packages q WHERE q.package_id = p.package_id;
    provenance := format('proposal %s', p.proposal_id);
    IF p.change ? 'threshold' AND target.threshold <> (p.change->>'threshold')::real THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('package "%s" has another threshold than the proposed list', target.name),
            DETAIL = format('The weights are made for threshold %s, the package has %s.', p.change->>'threshold', target.threshold),
            HINT = format('Use a package of its own: create_package(..., threshold => %s), and suggest_terms() for it.', p.change->>'threshold');
    END IF;
    -- What is gone already, or there already, is as wished.
    PERFORM moderation.remove_items(target.name, ARRAY(
        SELECT v.item_id FROM moderation.item_versions v
        WHERE v.package_id = p.package_id AND v.removed_in IS NULL
          AND v.item_id IN (SELECT i::bigint FROM jsonb_array_elements_text(coalesce(p.change->'remove', '[]')) i)),
        accept_proposal.reason)
    WHERE jsonb_array_length(coalesce(p.change->'remove', '[]')) > 0;
    FOR a IN
        SELECT x.match, x.level, coalesce(x.weight, 1) AS weight, array_agg(x.term ORDER BY n) AS terms
        FROM jsonb_array_elements(coalesce(p.change->'add', '[]')) WITH ORDINALITY e(entry, n),
             jsonb_to_record(e.entry) AS x(term text, match moderation.match_mode, level moderation.match_level, weight real)
        GROUP BY 1, 2, 3 ORDER BY min(n)
    LOOP
        PERFORM moderation.add_terms(target.name, a.terms, a.match, a.level, a.weight, source => provenance,
                                     case_ref => p.case_id::text, note => accept_proposal.reason);
    END LOOP;
    FOR a IN
        SELECT x.term, x.match, x.level
        FROM jsonb_array_elements(coalesce(p.change->'allow', '[]')) e(entry),
             jsonb_to_record(e.entry) AS x(term text, match moderation.match_mode, level moderation.match_level)
    LOOP
        PERFORM moderation.allow_terms(target.name, ARRAY[a.term], a.match, a.level, source => provenance,
                                       case_ref => p.case_id::text, note => accept_proposal.reason);
    END LOOP;
    FOR a IN
        SELECT x.hash, x.max_distance
        FROM jsonb_array_elements(coalesce(p.change->'images', '[]')) e(entry), jsonb_to_record(e.entry) AS x(hash moderation.pdqhash, max_distance integer)
    LOOP
        PERFORM moderation.add_images(target.name, ARRAY[a.hash], a.max_distance, source => provenance, case_ref => p.case_id::text,
                                      note => accept_proposal.reason);
    END LOOP;
    PERFORM moderation.decide_proposal(p, 'accepted', accept_proposal.reason);
    RETURN target.name;
END
$fn$;
COMMENT ON FUNCTION moderation.accept_proposal(bigint, text) IS 'Applies a proposal to the package''s draft; nothing is in force before publish_package(). Returns the package.';
CREATE FUNCTION moderation.reject_proposal(proposal_id bigint, reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF reject_proposal.reason IS NULL OR btrim(reject_proposal.reason) = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'a rejected proposal needs a reason',
            DETAIL = 'It will not be proposed again; somebody will want to know why.', HINT = 'For example reject_proposal(7, ''names a brand'').';
    END IF;
    PERFORM moderation.decide_proposal(moderation.claim_proposal(reject_proposal.proposal_id), 'rejected', reject_proposal.reason);
END
$fn$;
COMMENT ON FUNCTION moderation.reject_proposal(bigint, text) IS 'Closes a proposal; the same one is not made again.';
CREATE FUNCTION moderation.claim_proposal(proposal_id bigint) RETURNS moderation.proposals
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    p moderation.proposals;
BEGIN
    SELECT * INTO p FROM moderation.proposals q WHERE q.proposal_id = claim_proposal.proposal_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'no_data_found', MESSAGE = format('no proposal %s', coalesce(claim_proposal.proposal_id::text, 'NULL')),
            DETAIL = 'Nothing was proposed under this number.', HINT = 'See moderation.open_proposals.';
    END IF;
    PERFORM moderation.check_readable(p.package_id);
    IF p.state <> 'open' THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = format('proposal %s was already %s', p.proposal_id, p.state),
            DETAIL = format('By %s at %s.', p.decided_by, p.decided_at), HINT = 'A proposal is decided once.';
    END IF;
    RETURN p;
END
$fn$;
COMMENT ON FUNCTION moderation.claim_proposal(bigint) IS 'Internal: an open proposal, locked.';
CREATE FUNCTION moderation.decide_proposal(p moderation.proposals, state text, reason text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    UPDATE moderation.proposals q
    SET state = decide_proposal.state, decided_at = now(), decided_by = moderation.caller(), reason = decide_proposal.reason
    WHERE q.proposal_id = p.proposal_id;
    PERFORM moderation.audit(CASE WHEN decide_proposal.state = 'accepted' THEN 'accept_proposal' ELSE 'reject_proposal' END,
        (SELECT k.name FROM moderation.packages k WHERE k.package_id = p.package_id),
        jsonb_build_object('proposal_id', p.proposal_id, 'state', p.state),
        jsonb_build_object('proposal_id', p.proposal_id, 'state', decide_proposal.state, 'kind', p.kind, 'change', p.change),
        decide_proposal.reason);
END
$fn$;
COMMENT ON FUNCTION moderation.decide_proposal(moderation.proposals, text, text) IS 'Internal: closes a proposal and notes it in the audit log.';
CREATE VIEW moderation.open_proposals WITH (security_barrier) AS
    SELECT p.proposal_id, k.name AS package, p.kind, p.item_id, p.term, p.evidence, p.effect, p.examples, p.sql, p.case_id, p.proposed_at, p.proposed_by
    FROM moderation.proposals p JOIN moderation.packages k ON k.package_id = p.package_id
    WHERE p.state = 'open' AND p.package_id = ANY ((SELECT moderation.readable_packages())::integer[]);
COMMENT ON VIEW moderation.open_proposals IS 'Proposals that wait for a person: accept_proposal(id) or reject_proposal(id, reason). Columns as in moderation.proposals.';
CREATE FUNCTION moderation.suggest_allow(package text, clean text[], violating text[] DEFAULT '{}')
    RETURNS SETOF moderation.proposals LANGUAGE plpgsql SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    wanted integer := moderation.find_package(suggest_allow.package);
    v record;
    caught_tp bigint;
    made bigint[] := '{}';
BEGIN
    PERFORM moderation.check_readable(wanted);
    IF clean IS NULL OR violating IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'suggest_allow() needs an array of clean texts',
            DETAIL = 'clean or violating is NULL.', HINT = 'clean => array_agg(body) over rows that are known to be innocent.';
    END IF;
    SELECT count(*) INTO caught_tp FROM unnest(violating) b
    WHERE EXISTS (SELECT FROM moderation.text_hits(b, suggest_allow.package, draft => true));
    FOR v IN
        WITH hit AS MATERIALIZED (
            SELECT c.n, c.body, h.item_id, h.term, h.span_start, h.span_length,
                   left(c.body, h.span_start - 1) AS before, substr(c.body, h.span_start + h.span_length) AS after,
                   substr(c.body, h.span_start, h.span_length) AS inside
            FROM unnest(clean) WITH ORDINALITY c(body, n)
            CROSS JOIN LATERAL moderation.text_hits(c.body, suggest_allow.package, draft => true) h
            WHERE c.body IS NOT NULL
        ), fragment AS (
            -- The word around the hit; with the next, the previous, both; shortest first.
            SELECT DISTINCT h.item_id, h.term, h.n, moderation.fold_text(btrim(f.fragment)) AS fragment
            FROM hit h
            CROSS JOIN LATERAL (SELECT coalesce(substring(h.before FROM '\w+$'), '') || h.inside || coalesce(substring(h.after FROM '^\w+'), '')) AS w(word)
            CROSS JOIN LATERAL (VALUES (w.word),
                (w.word || coalesce(substring(h.after FROM '^\w*(\W{1,2}\w+)'), '')),
                (coalesce(substring(h.before FROM '(\w+\W{1,2})\w*$'), '') || w.word),
                (coalesce(substring(h.before FROM '(\w+\W{1,2})\w*$'), '') || w.word || coalesce(substring(h.after FROM '^\w*(\W{1,2}\w+)'), ''))) f(fragment)
            WHERE moderation.fold_text(btrim(f.fragment)) <> moderation.fold_text(h.inside)
        ), counted AS MATERIALIZED (
            SELECT f.item_id, f.term, f.fragment, array_agg(DISTINCT f.n) AS texts FROM fragment f GROUP BY 1, 2, 3
        ), folded AS MATERIALIZED (
            SELECT moderation.fold_text(b) AS body FROM unnest(violating) b WHERE b IS NOT NULL
        ), safe AS (
            SELECT c.* FROM counted c
            WHERE length(c.fragment) BETWEEN 1 AND 200
              AND NOT EXISTS (SELECT FROM folded x WHERE position(c.fragment IN x.body) > 0)
        )
        -- Of the fragments around one hit the shortest that is safe; what a shorter one covers already is not proposed again.
        SELECT s.item_id, s.term, s.fragment, cardinality(s.texts) AS removed, s.texts
        FROM safe s
        WHERE NOT EXISTS (SELECT FROM safe o WHERE o.item_id = s.item_id AND o.fragment <> s.fragment AND o.texts @> s.texts
                          AND (length(o.fragment), o.fragment) < (length(s.fragment), s.fragment))
        ORDER BY cardinality(s.texts) DESC, s.fragment
    LOOP
        made := made || moderation.propose(wanted, 'add_allow', v.item_id, v.fragment,
            jsonb_build_object('allow', jsonb_build_array(jsonb_build_object('term', v.fragment, 'match', 'word', 'level', 'folded'))),
            jsonb_build_object('of', v.term, 'false_hits_removed', v.removed, 'true_hits_lost', 0, 'violating_texts', cardinality(violating)),
            moderation.proposal_effect(caught_tp, v.removed, caught_tp, 0, -v.removed),
            (SELECT jsonb_agg(left(clean[n], 200)) FROM unnest(v.texts[1:3]) n));
    END LOOP;
    RETURN QUERY SELECT q.* FROM moderation.proposals q WHERE q.proposal_id = ANY (made) ORDER BY q.proposal_id;
END
$fn$;
COMMENT ON FUNCTION moderation.suggest_allow(text, text[], text[]) IS 'Proposes allow entries from clean rows: for each false hit of the draft the shortest fragment around it (its word, with a neighbour or both) that none of the violating texts contains. Returns the new proposals.';
CREATE FUNCTION moderation.suggest_narrowing(
    package text, term text, texts text[], violating boolean[], precision_floor double precision DEFAULT 0.9)
    RETURNS SETOF moderation.proposals LANGUAGE plpgsql SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    wanted integer := moderation.find_package(suggest_narrowing.package);
    items bigint[];
    hit_texts text[];
    classes smallint[];
    tp bigint;
    fp bigint;
    kept_tp bigint;
    kept_fp bigint;
    longer jsonb;
    new_id bigint;
BEGIN
    PERFORM moderation.check_readable(wanted);
    IF texts IS NULL OR violating IS NULL OR cardinality(texts) <> cardinality(violating) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'suggest_narrowing() needs as many labels as texts',
            DETAIL = format('There are %s texts and %s labels.', coalesce(cardinality(texts), 0), coalesce(cardinality(violating), 0)),
            HINT = 'texts => array_agg(body), violating => array_agg(label = ''violating'') over the same rows.';
    END IF;
    SELECT array_agg(v.item_id) INTO items FROM moderation.item_versions v
    WHERE v.package_id = wanted AND v.removed_in IS NULL AND NOT v.allow AND v.term = suggest_narrowing.term;
    IF items IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('package "%s" has no such term', package),
            DETAIL = 'The given term is not in the draft.', HINT = 'Terms are named as they were written; see moderation.current_items.';
    END IF;
    SELECT array_agg(t.body ORDER BY t.n), array_agg(t.violating::integer::smallint ORDER BY t.n), count(*) FILTER (WHERE t.violating),
           count(*) FILTER (WHERE NOT t.violating)
    INTO hit_texts, classes, tp, fp
    FROM unnest(texts, violating) WITH ORDINALITY t(body, violating, n)
    WHERE t.body IS NOT NULL AND t.violating IS NOT NULL
      AND EXISTS (SELECT FROM moderation.text_hits(t.body, suggest_narrowing.package, draft => true) h WHERE h.item_id = ANY (items));
    SELECT jsonb_agg(jsonb_build_object('term', m.term, 'match', m.match, 'level', m.level, 'weight', 1) ORDER BY m.n), sum(m.new_violating), sum(m.benign)
    INTO longer, kept_tp, kept_fp
    FROM moderation.mine_terms(hit_texts, classes, false, 200, 2, precision_floor) WITH ORDINALITY
         m(term, match, level, weight, violating, benign, background, new_violating, z, examples, ltp, lfp, lfn, lb, n)
    WHERE m.match = 'word' AND m.term <> moderation.fold_text(suggest_narrowing.term)
      AND position(moderation.fold_text(suggest_narrowing.term) IN m.term) > 0;
    IF longer IS NULL OR fp = 0 THEN
        RETURN;
    END IF;
    new_id := moderation.propose(wanted, 'narrow', items[1], suggest_narrowing.term,
        jsonb_build_object('remove', to_jsonb(items), 'add', longer),
        jsonb_build_object('true_positives', tp, 'false_positives', fp, 'kept_true_positives', kept_tp, 'kept_false_positives', kept_fp),
        moderation.proposal_effect(tp, fp, tp, kept_tp - tp, kept_fp - fp), '[]');
    RETURN QUERY SELECT q.* FROM moderation.proposals q WHERE q.proposal_id = new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.suggest_narrowing(text, text, text[], boolean[], double precision) IS 'Proposes to replace a term that is too broad by the longer phrases around it that keep its true hits and lose the false ones.';
CREATE FUNCTION moderation.cluster_images(
    hashes bytea[], violating boolean[], radius integer, min_support integer, precision_floor double precision,
    OUT centre integer, OUT max_distance integer, OUT violating_images integer, OUT benign_images integer, OUT new_violating integer,
    OUT members integer[])
    RETURNS SETOF record LANGUAGE c IMMUTABLE STRICT ROWS 100 COST 100000
    AS 'MODULE_PATHNAME', 'moderation_cluster_images';
COMMENT ON FUNCTION moderation.cluster_images(bytea[], boolean[], integer, integer, double precision) IS 'Internal: violating images that look alike, by greedy set cover: the central image (positions as given, from 1), the distance up to radius at which precision_floor of the images within it are violating, how many these are, and how many no cluster before it has.';
CREATE FUNCTION moderation.suggest_images(
    package text, hashes moderation.pdqhash[], violating boolean[], min_support integer DEFAULT 2, radius integer DEFAULT 31,
    precision_floor double precision DEFAULT 0.9, case_id bigint DEFAULT NULL)
    RETURNS SETOF moderation.proposals LANGUAGE plpgsql SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    wanted integer := moderation.find_package(suggest_images.package);
    missed bytea[];
    labels boolean[];
    all_violating bigint;
    caught_tp bigint;
    caught_fp bigint;
    c record;
    hash text;
    made bigint[] := '{}';
BEGIN
    PERFORM moderation.check_readable(wanted);
    IF hashes IS NULL OR violating IS NULL OR cardinality(hashes) <> cardinality(violating) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'suggest_images() needs as many labels as hashes',
            DETAIL = format('There are %s hashes and %s labels.', coalesce(cardinality(hashes), 0), coalesce(cardinality(violating), 0)),
            HINT = 'hashes => array_agg(creative_pdq), violating => array_agg(label = ''violating'') over the same rows.';
    END IF;
    IF min_support IS NULL OR min_support < 1 OR precision_floor IS NULL OR NOT precision_floor BETWEEN 0 AND 1 OR radius IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'suggest_images() got a limit that is out of range',
            DETAIL = 'min_support goes from 1, precision_floor from 0 to 1, radius from 0 to 64.', HINT = 'Leave them out for 2, 0.9 and 31.';
    END IF;
    PERFORM moderation.check_distance(radius);
    -- What the draft catches already needs no proposal; benign images it catches still say where not to go.
    SELECT array_agg(x.hash::bytea ORDER BY x.n) FILTER (WHERE NOT (x.hit AND x.violating)),
           array_agg(x.violating ORDER BY x.n) FILTER (WHERE NOT (x.hit AND x.violating)),
           count(*) FILTER (WHERE x.violating), count(*) FILTER (WHERE x.hit AND x.violating), count(*) FILTER (WHERE x.hit AND NOT x.violating)
    INTO missed, labels, all_violating, caught_tp, caught_fp
    FROM (SELECT t.*, EXISTS (SELECT FROM moderation.image_hits(t.hash, suggest_images.package, draft => true)) AS hit
          FROM unnest(hashes, violating) WITH ORDINALITY t(hash, violating, n) WHERE t.hash IS NOT NULL AND t.violating IS NOT NULL) x;
    FOR c IN SELECT * FROM moderation.cluster_images(missed, labels, radius, min_support, precision_floor) LOOP
        hash := encode(missed[c.centre], 'hex');
        made := made || moderation.propose(wanted, 'add_image', NULL, NULL,
            jsonb_build_object('images', jsonb_build_array(jsonb_build_object('hash', hash, 'max_distance', c.max_distance))),
            jsonb_build_object('hash', hash, 'max_distance', c.max_distance, 'violating', c.violating_images, 'benign', c.benign_images,
                'new_violating', c.new_violating, 'distinct_hashes', (SELECT count(DISTINCT missed[m]) FROM unnest(c.members) m)),
            moderation.proposal_effect(caught_tp, caught_fp, all_violating, c.new_violating, c.benign_images),
            (SELECT jsonb_agg(h.hash ORDER BY h.n) FROM (
                SELECT encode(missed[m.m], 'hex') AS hash, min(m.n) AS n FROM unnest(c.members) WITH ORDINALITY m(m, n)
                GROUP BY 1 ORDER BY 2 LIMIT 3) h), case_id);
    END LOOP;
    RETURN QUERY SELECT q.* FROM moderation.proposals q WHERE q.proposal_id = ANY (made) ORDER BY q.proposal_id;
END
$fn$;
COMMENT ON FUNCTION moderation.suggest_images(text, moderation.pdqhash[], boolean[], integer, integer, double precision, bigint) IS 'Proposes risk images: groups of violating images within radius bits of a central one that the draft misses, in the order of what each adds; the central hash is the item. Near benign images the distance is narrowed, until at least precision_floor of the images within it are violating. min_support: violating images a group must add, copies included; 1 proposes single images too. Returns the new proposals.';
CREATE FUNCTION moderation.find_variants(terms text[], texts text[], OUT term integer, OUT text_number integer, OUT kind text, OUT variant text)
    RETURNS SETOF record LANGUAGE c IMMUTABLE STRICT ROWS 100 COST 1000000
    AS 'MODULE_PATHNAME', 'moderation_find_variants';
COMMENT ON FUNCTION moderation.find_variants(text[], text[]) IS 'Internal: variants of terms (by position) in texts (by position): disguised, inflected, mistyped, transliterated between Latin and Cyrillic. Arrays without NULLs.';
CREATE FUNCTION moderation.suggest_variants(
    package text, texts text[], violating boolean[], min_support integer DEFAULT 1, precision_floor double precision DEFAULT 0.9)
    RETURNS SETOF moderation.proposals LANGUAGE plpgsql SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    wanted integer := moderation.find_package(suggest_variants.package);
    terms text[];
    ids bigint[];
    missed text[];
    labels boolean[];
    all_violating bigint;
    caught_tp bigint;
    caught_fp bigint;
    v record;
    made bigint[] := '{}';
BEGIN
    PERFORM moderation.check_readable(wanted);
    IF texts IS NULL OR violating IS NULL OR cardinality(texts) <> cardinality(violating) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'suggest_variants() needs as many labels as texts',
            DETAIL = format('There are %s texts and %s labels.', coalesce(cardinality(texts), 0), coalesce(cardinality(violating), 0)),
            HINT = 'texts => array_agg(body), violating => array_agg(label = ''violating'') over the same rows.';
    END IF;
    SELECT array_agg(i.term ORDER BY i.item_id), array_agg(i.item_id ORDER BY i.item_id) INTO terms, ids
    FROM moderation.item_versions i
    WHERE i.package_id = wanted AND i.removed_in IS NULL AND NOT i.allow AND i.kind = 'term'
      AND i.match IN ('word', 'prefix', 'suffix', 'substring', 'inflected', 'typo');
    SELECT array_agg(x.body ORDER BY x.n) FILTER (WHERE NOT x.hit), array_agg(x.violating ORDER BY x.n) FILTER (WHERE NOT x.hit),
           count(*) FILTER (WHERE x.violating), count(*) FILTER (WHERE x.hit AND x.violating), count(*) FILTER (WHERE x.hit AND NOT x.violating)
    INTO missed, labels, all_violating, caught_tp, caught_fp
    FROM (SELECT t.*, EXISTS (SELECT FROM moderation.text_hits(t.body, suggest_variants.package, draft => true)) AS hit
          FROM unnest(texts, violating) WITH ORDINALITY t(body, violating, n) WHERE t.body IS NOT NULL AND t.violating IS NOT NULL) x;
    FOR v IN
        SELECT min(f.term) AS term, f.variant, min(f.kind) AS kind, count(DISTINCT f.text_number) FILTER (WHERE labels[f.text_number]) AS tp,
               count(DISTINCT f.text_number) FILTER (WHERE NOT labels[f.text_number]) AS fp,
               (array_agg(DISTINCT left(missed[f.text_number], 200)) FILTER (WHERE labels[f.text_number]))[1:3] AS examples
        FROM moderation.find_variants(terms, missed) f
        GROUP BY f.variant
        ORDER BY 4 DESC, f.variant
    LOOP
        CONTINUE WHEN v.tp < min_support OR v.tp < precision_floor * (v.tp + v.fp);
        made := made || moderation.propose(wanted, 'add_variant', ids[v.term], v.variant,
            jsonb_build_object('add', jsonb_build_array(jsonb_build_object('term', v.variant, 'match', 'word', 'level', 'folded', 'weight', 1))),
            jsonb_build_object('of', terms[v.term], 'how', v.kind, 'violating', v.tp, 'benign', v.fp),
            moderation.proposal_effect(caught_tp, caught_fp, all_violating, v.tp, v.fp), to_jsonb(v.examples));
    END LOOP;
    RETURN QUERY SELECT q.* FROM moderation.proposals q WHERE q.proposal_id = ANY (made) ORDER BY q.proposal_id;
END
$fn$;
COMMENT ON FUNCTION moderation.suggest_variants(text, text[], boolean[], integer, double precision) IS 'Proposes variants of the draft''s terms that violating texts contain and the draft misses: disguised, inflected, mistyped, transliterated between Latin and Cyrillic. Only what is seen. Returns the new proposals.';
CREATE TABLE moderation.cases (
    case_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title           text NOT NULL CHECK (title <> '' AND length(title) <= 500),
    policy_id       integer,
    note            text,
    opened_at       timestamptz NOT NULL DEFAULT now(),
    opened_by       text NOT NULL,
    closed_at       timestamptz,
    closed_by       text
);
COMMENT ON TABLE moderation.cases IS 'Investigations: violating contents that belong together, from which items are derived.';
CREATE TABLE moderation.case_contents (
    case_id         bigint NOT NULL,
    entry           integer NOT NULL,
    source_id       integer,
    content_key     text,
    body            text NOT NULL,
    image           moderation.pdqhash,
    owner_key       text,
    created_at      timestamptz,
    added_at        timestamptz NOT NULL DEFAULT now(),
    added_by        text NOT NULL,
    PRIMARY KEY (case_id, entry)
);
COMMENT ON TABLE moderation.case_contents IS 'The contents of cases, with their text as it was when it was added: evidence outlives the row.';
CREATE FUNCTION moderation.open_case(title text, policy text DEFAULT NULL, note text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    new_id bigint;
BEGIN
    PERFORM moderation.check_name('case', open_case.title);
    INSERT INTO moderation.cases (title, policy_id, note, opened_by)
    VALUES (open_case.title, moderation.find_policy(open_case.policy), open_case.note, moderation.caller())
    RETURNING case_id INTO new_id;
    PERFORM moderation.audit('open_case', NULL, NULL, jsonb_build_object('case_id', new_id, 'title', open_case.title), open_case.note);
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.open_case(text, text, text) IS 'Opens a case; returns its id.';
CREATE FUNCTION moderation.find_case(case_id bigint) RETURNS moderation.cases
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_case moderation.cases;
BEGIN
    SELECT * INTO found_case FROM moderation.cases c WHERE c.case_id = find_case.case_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'no_data_found', MESSAGE = format('no case %s', coalesce(find_case.case_id::text, 'NULL')),
            DETAIL = 'No case has this number.', HINT = 'Cases are listed in moderation.cases.';
    END IF;
    RETURN found_case;
END
$fn$;
COMMENT ON FUNCTION moderation.find_case(bigint) IS 'Internal: a case by id.';
CREATE FUNCTION moderation.add_to_case(
    case_id bigint, bodies text[], source regclass DEFAULT NULL, content_keys text[] DEFAULT NULL, owners text[] DEFAULT NULL,
    created_at timestamptz[] DEFAULT NULL, images moderation.pdqhash[] DEFAULT NULL)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found_case moderation.cases := moderation.find_case(add_to_case.case_id);
    found_source integer := CASE WHEN add_to_case.source IS NOT NULL THEN moderation.find_source(add_to_case.source) END;
    added integer;
BEGIN
    IF bodies IS NULL OR cardinality(bodies) = 0 OR array_position(bodies, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'a case takes texts',
            DETAIL = 'bodies is empty or holds a NULL.', HINT = 'For example bodies => array_agg(body), content_keys => array_agg(id::text).';
    END IF;
    IF cardinality(content_keys) <> cardinality(bodies) OR cardinality(owners) <> cardinality(bodies) OR cardinality(created_at) <> cardinality(bodies)
       OR cardinality(images) <> cardinality(bodies) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'the arrays of add_to_case() are not equally long',
            DETAIL = format('There are %s texts.', cardinality(bodies)), HINT = 'Take all from the same rows.';
    END IF;
    IF found_case.closed_at IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = format('case %s is closed', found_case.case_id),
            DETAIL = format('By %s at %s.', found_case.closed_by, found_case.closed_at), HINT = 'Open another one.';
    END IF;
    PERFORM FROM moderation.cases c WHERE c.case_id = found_case.case_id FOR UPDATE;
    INSERT INTO moderation.case_contents (case_id, entry, source_id, content_key, body, image, owner_key, created_at, added_by)
    SELECT found_case.case_id, (SELECT coalesce(max(x.entry), 0) FROM moderation.case_contents x WHERE x.case_id = found_case.case_id) + row_number() OVER (ORDER BY b.n),
           found_source, content_keys[b.n], b.body, images[b.n], owners[b.n], add_to_case.created_at[b.n], moderation.caller()
    FROM unnest(bodies) WITH ORDINALITY b(body, n)
    WHERE content_keys[b.n] IS NULL OR NOT EXISTS (
        SELECT FROM moderation.case_contents x
        WHERE x.case_id = found_case.case_id AND x.source_id IS NOT DISTINCT FROM found_source AND x.content_key = content_keys[b.n]);
    GET DIAGNOSTICS added = ROW_COUNT;
    PERFORM moderation.audit('add_to_case', NULL, NULL, jsonb_build_object('case_id', found_case.case_id, 'added', added), NULL)
    WHERE added > 0;
    RETURN added;
END
$fn$;
COMMENT ON FUNCTION moderation.add_to_case(bigint, text[], regclass, text[], text[], timestamptz[], moderation.pdqhash[]) IS 'Adds contents to a case: their texts (empty where there is none), and if known where they are from, their keys, owners, times and image hashes, in arrays of one length. What is in it already is skipped. Returns how many were added.';
CREATE FUNCTION moderation.close_case(case_id bigint, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    PERFORM moderation.find_case(close_case.case_id);
    UPDATE moderation.cases c SET closed_at = now(), closed_by = moderation.caller(), note = coalesce(close_case.note, c.note)
    WHERE c.case_id = close_case.case_id AND c.closed_at IS NULL;
    PERFORM moderation.audit('close_case', NULL, jsonb_build_object('case_id', close_case.case_id, 'state', 'open'),
        jsonb_build_object('case_id', close_case.case_id, 'state', 'closed'), close_case.note) WHERE FOUND;
END
$fn$;
COMMENT ON FUNCTION moderation.close_case(bigint, text) IS 'Closes a case; nothing more is added to it.';
CREATE FUNCTION moderation.summarize_case(
    case_id bigint, background text[] DEFAULT '{}',
    OUT what text, OUT value text, OUT contents bigint, OUT entries integer[])
    RETURNS SETOF record LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    texts text[];
    classes smallint[];
    numbers integer[];
BEGIN
    PERFORM moderation.find_case(summarize_case.case_id);
    SELECT array_agg(c.body ORDER BY c.entry), array_agg(1::smallint), array_agg(c.entry ORDER BY c.entry) INTO texts, classes, numbers
    FROM moderation.case_contents c WHERE c.case_id = summarize_case.case_id;
    RETURN QUERY
    WITH c AS MATERIALIZED (
        SELECT x.*, moderation.fold_text(x.body) AS folded FROM moderation.case_contents x WHERE x.case_id = summarize_case.case_id
    ), found AS (
        SELECT 'size' AS what, 'contents' AS value, c.entry, 1 AS place FROM c
        UNION ALL
        SELECT 'time', to_char(min(c.created_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD') || ' to ' || to_char(max(c.created_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD'), NULL, 2 FROM c HAVING count(c.created_at) > 0
        UNION ALL
        SELECT 'owner', c.owner_key, c.entry, 3 FROM c WHERE c.owner_key IS NOT NULL
        UNION ALL
        SELECT 'domain', d.m[1], c.entry, 4 FROM c, regexp_matches(c.folded, '(?:https?://|www\.|\m)((?:[[:alnum:]][[:alnum:]-]*\.)+[[:alpha:]]{2,})', 'g') d(m)
        UNION ALL
        SELECT 'handle', d.m[1], c.entry, 5 FROM c, regexp_matches(c.folded, '(?:^|[^[:alnum:]_.])(@[a-z0-9_]{3,32})', 'g') d(m)
        UNION ALL
        SELECT 'phone', regexp_replace(d.m[1], '[^0-9+]', '', 'g'), c.entry, 6
        FROM c, regexp_matches(c.folded, '(?:^|[^[:alnum:]])(\+?[0-9][0-9 ().-]{7,17}[0-9])', 'g') d(m)
        UNION ALL
        -- Near duplicates: the same words in the same order, numbers and signs apart.
        SELECT 'near-duplicates', left(d.skeleton, 100), d.entry, 7
        FROM (SELECT c.entry, s.skeleton, count(*) OVER (PARTITION BY s.skeleton) AS n
              FROM c, LATERAL (SELECT btrim(regexp_replace(regexp_replace(c.folded, '[^[:alpha:]]+', ' ', 'g'), '\s+', ' ', 'g'))) s(skeleton)
              WHERE s.skeleton <> '') d
        WHERE d.n > 1
        UNION ALL
        -- Images within the usual distance of a central one.
        SELECT 'near-duplicate images', encode(i.hashes[g.centre], 'hex'), i.numbers[m], 8
        FROM (SELECT array_agg(c.image::bytea ORDER BY c.entry) AS hashes, array_agg(c.entry ORDER BY c.entry) AS numbers FROM c WHERE c.image IS NOT NULL) i,
             moderation.cluster_images(i.hashes, array_fill(true, ARRAY[coalesce(cardinality(i.hashes), 0)]), 31, 2, 0) g, unnest(g.members) m
        UNION ALL
        SELECT 'term', m.term, numbers[e], 9
        FROM moderation.mine_terms(texts || background, classes || array_fill(-1::smallint, ARRAY[cardinality(background)]), false, 20, 2, 0.5) m
        CROSS JOIN LATERAL generate_subscripts(texts, 1) e
        WHERE position(m.term IN moderation.fold_text(texts[e])) > 0
    )
    SELECT f.what, f.value, count(DISTINCT f.entry), array_agg(DISTINCT f.entry) FILTER (WHERE f.entry IS NOT NULL)
    FROM found f GROUP BY f.place, f.what, f.value
    HAVING f.what IN ('size', 'time', 'owner') OR count(DISTINCT f.entry) > 1 OR f.what IN ('domain', 'handle', 'phone')
    ORDER BY f.place, count(DISTINCT f.entry) DESC, f.value;
END
$fn$;
COMMENT ON FUNCTION moderation.summarize_case(bigint, text[]) IS 'What the contents of a case have in common: size, time span (UTC), owners, domains, messenger handles, phone numbers, groups of near-duplicates of text and image (31 bits), and terms that they say and the background texts do not. entries: of moderation.case_contents.';
CREATE FUNCTION moderation.derive_from_case(case_id bigint, package text, background text[] DEFAULT '{}', min_support integer DEFAULT 2)
    RETURNS SETOF moderation.proposals LANGUAGE plpgsql SECURITY DEFINER ROWS 20 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    wanted integer := moderation.find_package(derive_from_case.package);
    size bigint;
    texts text[];
    v record;
    made bigint[] := '{}';
    images moderation.pdqhash[];
BEGIN
    PERFORM moderation.check_readable(wanted);
    PERFORM moderation.find_case(derive_from_case.case_id);
    SELECT array_agg(c.body ORDER BY c.entry), count(*), coalesce(array_agg(c.image ORDER BY c.entry) FILTER (WHERE c.image IS NOT NULL), '{}')
    INTO texts, size, images FROM moderation.case_contents c WHERE c.case_id = derive_from_case.case_id;
    IF size = 0 THEN
        RETURN;
    END IF;
    FOR v IN SELECT s.what, s.value, s.contents, s.entries FROM moderation.summarize_case(derive_from_case.case_id, '{}') s
             WHERE s.what IN ('domain', 'handle', 'phone') AND s.contents >= min_support LOOP
        -- An address that innocent texts name too belongs to somebody else.
        CONTINUE WHEN EXISTS (SELECT FROM unnest(background) b WHERE position(v.value IN moderation.fold_text(b)) > 0);
        BEGIN
            PERFORM FROM moderation.check_terms(ARRAY[v.value], false, v.what::moderation.match_mode, 'folded', NULL);
        EXCEPTION WHEN data_exception THEN
            CONTINUE;
        END;
        made := made || moderation.propose(wanted, 'add_term', NULL, v.value,
            jsonb_build_object('add', jsonb_build_array(jsonb_build_object('term', v.value, 'match', v.what, 'level', 'folded', 'weight', 1))),
            jsonb_build_object('what', v.what, 'contents', v.contents, 'of', size), moderation.proposal_effect(0, 0, size, v.contents, 0),
            (SELECT jsonb_agg(left(c.body, 200)) FROM moderation.case_contents c WHERE c.case_id = derive_from_case.case_id AND c.entry = ANY (v.entries[1:3])), derive_from_case.case_id);
    END LOOP;
    RETURN QUERY
    SELECT q.* FROM moderation.proposals q WHERE q.proposal_id = ANY (made)
    UNION ALL
    SELECT s.* FROM moderation.suggest_images(derive_from_case.package, images, array_fill(true, ARRAY[cardinality(images)]), derive_from_case.min_support,
                                              case_id => derive_from_case.case_id) s
    UNION ALL
    SELECT s.* FROM moderation.suggest_terms(derive_from_case.package, texts, array_fill(true, ARRAY[cardinality(texts)]), background,
                                             min_support => derive_from_case.min_support, case_id => derive_from_case.case_id) s;
END
$fn$;
COMMENT ON FUNCTION moderation.derive_from_case(bigint, text, text[], integer) IS 'Proposals for a package from a case: addresses that at least min_support of its contents share and no background text has, images that look alike, and mined terms; accepted, their items carry the case as case_ref.';
CREATE TABLE moderation.rollup_days (
    day             date NOT NULL,
    package_id      integer NOT NULL,
    stage           moderation.stage NOT NULL,
    release         integer NOT NULL,
    item_id         bigint NOT NULL,
    hits            bigint NOT NULL,
    contents        bigint NOT NULL,
    owners          bigint NOT NULL,
    kept_out        bigint NOT NULL,
    true_positives  bigint NOT NULL,
    false_positives bigint NOT NULL,
    unsure          bigint NOT NULL,
    disputed        bigint NOT NULL,
    PRIMARY KEY (package_id, item_id, release, stage, day)
);
CREATE INDEX rollup_days_day_idx ON moderation.rollup_days (day);
CREATE INDEX rollup_days_package_idx ON moderation.rollup_days (day) WHERE item_id = 0;
COMMENT ON TABLE moderation.rollup_days IS 'Figures per day (UTC) of the hit, made by refresh_rollups(); they outlive the hits. Three grains: package (release and item_id 0), release (item_id 0), item (release 0).';
COMMENT ON COLUMN moderation.rollup_days.contents IS 'Contents with a hit on that day; distinct within the day only, as owners are.';
CREATE TABLE moderation.rollup_labels (
    content         bigint NOT NULL,
    day             date NOT NULL,
    package_id      integer NOT NULL,
    stage           moderation.stage NOT NULL,
    release         integer NOT NULL,
    item_id         bigint NOT NULL,
    label           text NOT NULL CHECK (label = ANY (ARRAY['violating', 'benign', 'unsure', 'disputed'])),
    PRIMARY KEY (content, day, package_id, stage, release, item_id, label)
);
CREATE INDEX rollup_labels_day_idx ON moderation.rollup_labels (day);
COMMENT ON TABLE moderation.rollup_labels IS 'Labelled hits as of the last refresh_rollups(), by content (a hash of source and key) and day: what the label columns of rollup_days count, so that new reviews cost what they change and not the days they fall on.';
CREATE TABLE moderation.rollup_items (
    package_id      integer NOT NULL,
    stage           moderation.stage NOT NULL,
    item_id         bigint NOT NULL,
    hits            bigint NOT NULL,
    contents        bigint NOT NULL,
    true_positives  bigint NOT NULL,
    false_positives bigint NOT NULL,
    recent_hits     bigint NOT NULL,
    recent_true_positives bigint NOT NULL,
    recent_false_positives bigint NOT NULL,
    first_day       date NOT NULL,
    last_day        date NOT NULL,
    PRIMARY KEY (package_id, stage, item_id)
);
COMMENT ON TABLE moderation.rollup_items IS 'Lifetime figures of items, summed from rollup_days by refresh_rollups(); recent_: the last 28 days before it.';
CREATE TABLE moderation.rollup_state (
    singleton       boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    refreshed_through date NOT NULL,
    refreshed_at    timestamptz NOT NULL
);
COMMENT ON TABLE moderation.rollup_state IS 'One row: days before refreshed_through are in the rollups; views compute later ones from the hits.';
CREATE FUNCTION moderation.refresh_rollups(since date DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
    state moderation.rollup_state;
    from_day date;
    first_hit timestamptz;
    last_hit timestamptz;
    days date[] := '{}';
    this_day date;
    day_start timestamptz;
    labelled_days date[];
    items bigint[];
BEGIN
    -- Refreshes queue up; readers do not wait.
    LOCK TABLE moderation.rollup_days IN SHARE ROW EXCLUSIVE MODE;
    PERFORM moderation.collect_rejected();
    SELECT * INTO state FROM moderation.rollup_state;
    SELECT min(h.observed_at), max(h.observed_at) INTO first_hit, last_hit FROM moderation.hits h;
    from_day := greatest(coalesce(refresh_rollups.since, CASE WHEN state.refreshed_through IS NOT NULL THEN least(state.refreshed_through, today) - 1 END,
                                  '-infinity'), (first_hit AT TIME ZONE 'UTC')::date);

    -- Hits, day by day: what is counted has to be sorted, and a day fits into memory.
    FOR this_day IN
        SELECT d::date FROM generate_series(from_day::timestamp, last_hit AT TIME ZONE 'UTC', interval '1 day') d
    LOOP
        day_start := this_day::timestamp AT TIME ZONE 'UTC';
        -- Days whose hits have expired keep their figures.
        CONTINUE WHEN NOT EXISTS (SELECT FROM moderation.hits h WHERE h.bucket = moderation.ring_bucket(day_start)
                                  AND h.observed_at >= day_start AND h.observed_at < day_start + interval '24 hours');
        days := days || this_day;
        DELETE FROM moderation.rollup_days r WHERE r.day = this_day;
        DELETE FROM moderation.rollup_labels l WHERE l.day = this_day;
        INSERT INTO moderation.rollup_days
            (day, package_id, stage, release, item_id, hits, contents, owners, kept_out, true_positives, false_positives, unsure, disputed)
        SELECT this_day, g.package_id, g.stage, coalesce(g.release, 0), coalesce(g.item_id, 0), count(*),
               count(DISTINCT g.content), count(DISTINCT g.owner_key), count(DISTINCT g.content) FILTER (WHERE g.outcome <> 'flagged'), 0, 0, 0, 0
        FROM (SELECT h.package_id, h.stage, h.release, h.item_id, h.owner_key, h.outcome,
                     hashtextextended(coalesce(h.content_key, encode(h.digest, 'hex')), h.source_id) AS content
              FROM moderation.hits h
              WHERE h.bucket = moderation.ring_bucket(day_start)
                AND h.observed_at >= day_start AND h.observed_at < day_start + interval '24 hours') g
        GROUP BY GROUPING SETS ((g.package_id, g.stage), (g.package_id, g.stage, g.release), (g.package_id, g.stage, g.item_id));
    END LOOP;

    -- Labels of contents reviewed since the last time, and of reviewed contents among the hits counted above: what such a
    -- content counted before is taken away, what it counts now is added.
    WITH touched AS MATERIALIZED (
        SELECT r.source_id, r.content_key FROM moderation.reviews r
        WHERE state.refreshed_at IS NULL OR r.reviewed_at >= state.refreshed_at - interval '1 hour'
        UNION
        SELECT r.source_id, r.content_key
        FROM moderation.hits h
        JOIN moderation.reviews r ON r.source_id = h.source_id AND left(r.content_key, 200) = left(h.content_key, 200) AND r.content_key = h.content_key
        WHERE state.refreshed_at IS NOT NULL AND h.observed_at >= from_day::timestamp AT TIME ZONE 'UTC'
    ), gone AS (
        DELETE FROM moderation.rollup_labels l
        USING (SELECT DISTINCT hashtextextended(t.content_key, t.source_id) AS content FROM touched t) c
        WHERE l.content = c.content AND l.day >= (first_hit AT TIME ZONE 'UTC')::date
        RETURNING l.content, l.day, l.package_id, l.stage, l.release, l.item_id, l.label
    ), delta AS (
        SELECT f.day, f.package_id, f.stage, coalesce(f.release, 0) AS release, coalesce(f.item_id, 0) AS item_id,
               count(DISTINCT f.content) FILTER (WHERE f.label = 'violating') AS tp, count(DISTINCT f.content) FILTER (WHERE f.label = 'benign') AS fp,
               count(DISTINCT f.content) FILTER (WHERE f.label = 'unsure') AS unsure, count(DISTINCT f.content) FILTER (WHERE f.label = 'disputed') AS disputed
        FROM gone f
        GROUP BY GROUPING SETS ((f.day, f.package_id, f.stage), (f.day, f.package_id, f.stage, f.release), (f.day, f.package_id, f.stage, f.item_id))
    ), updated AS (
        UPDATE moderation.rollup_days r
        SET true_positives = r.true_positives - d.tp, false_positives = r.false_positives - d.fp, unsure = r.unsure - d.unsure,
            disputed = r.disputed - d.disputed
        FROM delta d
        WHERE r.package_id = d.package_id AND r.item_id = d.item_id AND r.release = d.release AND r.stage = d.stage AND r.day = d.day
        RETURNING r.day, r.item_id
    )
    SELECT coalesce(array_agg(DISTINCT u.day), '{}'), coalesce(array_agg(DISTINCT u.item_id), '{}') INTO labelled_days, items FROM updated u;
    WITH touched AS MATERIALIZED (
        SELECT r.source_id, r.content_key FROM moderation.reviews r
        WHERE state.refreshed_at IS NULL OR r.reviewed_at >= state.refreshed_at - interval '1 hour'
        UNION
        SELECT r.source_id, r.content_key
        FROM moderation.hits h
        JOIN moderation.reviews r ON r.source_id = h.source_id AND left(r.content_key, 200) = left(h.content_key, 200) AND r.content_key = h.content_key
        WHERE state.refreshed_at IS NOT NULL AND h.observed_at >= from_day::timestamp AT TIME ZONE 'UTC'
    ), fresh AS (
        INSERT INTO moderation.rollup_labels (content, day, package_id, stage, release, item_id, label)
        SELECT DISTINCT hashtextextended(h.content_key, h.source_id), (h.observed_at AT TIME ZONE 'UTC')::date, h.package_id, h.stage, h.release,
               h.item_id, x.label
        FROM touched t
        JOIN moderation.hits h ON h.source_id = t.source_id AND left(h.content_key, 200) = left(t.content_key, 200) AND h.content_key = t.content_key
        LEFT JOIN moderation.releases r ON r.package_id = h.package_id AND r.release = h.release
        LEFT JOIN moderation.policies p ON p.name = r.policy
        -- The order of hit_labels: of the hit before of the content, under its policy before under none.
        CROSS JOIN LATERAL (
            SELECT CASE WHEN l.disputed THEN 'disputed' ELSE l.label::text END AS label
            FROM moderation.labels l
            WHERE l.source_id = h.source_id AND left(l.content_key, 200) = left(h.content_key, 200) AND l.content_key = h.content_key
              AND (l.hit_id IS NULL OR l.hit_id = h.hit_id) AND (l.policy_id IS NULL OR l.policy_id = p.policy_id)
            ORDER BY l.hit_id IS NULL, l.policy_id IS NULL LIMIT 1) x
        ON CONFLICT DO NOTHING
        RETURNING content, day, package_id, stage, release, item_id, label
    ), delta AS (
        SELECT f.day, f.package_id, f.stage, coalesce(f.release, 0) AS release, coalesce(f.item_id, 0) AS item_id,
               count(DISTINCT f.content) FILTER (WHERE f.label = 'violating') AS tp, count(DISTINCT f.content) FILTER (WHERE f.label = 'benign') AS fp,
               count(DISTINCT f.content) FILTER (WHERE f.label = 'unsure') AS unsure, count(DISTINCT f.content) FILTER (WHERE f.label = 'disputed') AS disputed
        FROM fresh f
        GROUP BY GROUPING SETS ((f.day, f.package_id, f.stage), (f.day, f.package_id, f.stage, f.release), (f.day, f.package_id, f.stage, f.item_id))
    ), updated AS (
        UPDATE moderation.rollup_days r
        SET true_positives = r.true_positives + d.tp, false_positives = r.false_positives + d.fp, unsure = r.unsure + d.unsure,
            disputed = r.disputed + d.disputed
        FROM delta d
        WHERE r.package_id = d.package_id AND r.item_id = d.item_id AND r.release = d.release AND r.stage = d.stage AND r.day = d.day
        RETURNING r.day, r.item_id
    )
    SELECT labelled_days || coalesce(array_agg(DISTINCT u.day), '{}'), items || coalesce(array_agg(DISTINCT u.item_id), '{}') INTO labelled_days, items
    FROM updated u;

    -- Items whose days changed, or that have one which left the recent 28 since.
    items := ARRAY(SELECT u.item_id FROM unnest(items) u(item_id)
                   UNION SELECT r.item_id FROM moderation.rollup_days r
                   WHERE r.day = ANY (days) OR (r.day > least(state.refreshed_through, today) - 28 AND r.day <= greatest(state.refreshed_through, today) - 28));
    INSERT INTO moderation.rollup_items AS i
    SELECT r.package_id, r.stage, r.item_id, sum(r.hits), sum(r.contents), sum(r.true_positives), sum(r.false_positives),
           coalesce(sum(r.hits) FILTER (WHERE r.day > today - 28), 0), coalesce(sum(r.true_positives) FILTER (WHERE r.day > today - 28), 0),
           coalesce(sum(r.false_positives) FILTER (WHERE r.day > today - 28), 0), min(r.day), max(r.day)
    FROM moderation.rollup_days r
    WHERE r.item_id > 0 AND r.item_id = ANY (items)
    GROUP BY r.package_id, r.stage, r.item_id
    ON CONFLICT ON CONSTRAINT rollup_items_pkey DO UPDATE
    SET hits = excluded.hits, contents = excluded.contents, true_positives = excluded.true_positives, false_positives = excluded.false_positives,
        recent_hits = excluded.recent_hits, recent_true_positives = excluded.recent_true_positives,
        recent_false_positives = excluded.recent_false_positives, first_day = excluded.first_day, last_day = excluded.last_day
    WHERE (i.hits, i.contents, i.true_positives, i.false_positives, i.recent_hits, i.recent_true_positives, i.recent_false_positives, i.last_day)
          IS DISTINCT FROM (excluded.hits, excluded.contents, excluded.true_positives, excluded.false_positives, excluded.recent_hits,
                            excluded.recent_true_positives, excluded.recent_false_positives, excluded.last_day);
    INSERT INTO moderation.rollup_state (refreshed_through, refreshed_at) VALUES (today, now())
    ON CONFLICT ON CONSTRAINT rollup_state_pkey DO UPDATE SET refreshed_through = today, refreshed_at = now();
    RETURN (SELECT count(DISTINCT d) FROM unnest(days || labelled_days) d);
END
$fn$;
COMMENT ON FUNCTION moderation.refresh_rollups(date) IS 'Brings the rollups up to date: the hits of yesterday and today are counted, and the labels of contents reviewed since the last time; everything the first time; from since on when given (after a clock went back, or to repair). Returns how many days it looked at. Run it daily, from cron or pg_cron, or as often as you like.';
CREATE FUNCTION moderation.binomial_tail(successes bigint, trials bigint, probability double precision) RETURNS double precision
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    term double precision;
    total double precision := 0;
    odds double precision;
    k bigint := successes;
BEGIN
    IF successes <= 0 THEN
        RETURN 1;
    ELSIF successes > trials OR probability <= 0 THEN
        RETURN 0;
    ELSIF probability >= 1 THEN
        RETURN 1;
    ELSIF successes <= trials * probability THEN
        -- Below the mean the other tail is the short sum, and no alarm anyway.
        RETURN 1 - moderation.binomial_tail(trials - successes + 1, trials, 1 - probability);
    END IF;
    odds := probability / (1 - probability);
    -- ln C(n, k) by Stirling's series, exact to 1e-10 from 8 on; smaller factorials are shifted there.
    term := moderation.ln_factorial(trials) - moderation.ln_factorial(k) - moderation.ln_factorial(trials - k)
            + k * ln(probability) + (trials - k) * ln(1 - probability);
    IF term < -700 THEN
        RETURN 0;
    END IF;
    term := exp(term);
    WHILE k <= trials AND term > total * 1e-12 LOOP
        total := total + term;
        term := term * odds * (trials - k) / (k + 1);
        k := k + 1;
    END LOOP;
    RETURN least(1, total);
END
$fn$;
COMMENT ON FUNCTION moderation.binomial_tail(bigint, bigint, double precision) IS 'Probability of at least that many successes in so many independent trials, summed term by term.';
CREATE FUNCTION moderation.ln_factorial(n bigint) RETURNS double precision
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    x double precision := n + 1;
    shift double precision := 0;
BEGIN
    WHILE x < 8 LOOP
        shift := shift + ln(x);
        x := x + 1;
    END LOOP;
    RETURN (x - 0.5) * ln(x) - x + 0.91893853320467274178::double precision + 1 / (12 * x) - 1 / (360 * x ^ 3) + 1 / (1260 * x ^ 5)
           - 1 / (1680 * x ^ 7) - shift;
END
$fn$;
COMMENT ON FUNCTION moderation.ln_factorial(bigint) IS 'Internal: logarithm of n!, by Stirling''s series.';
CREATE FUNCTION moderation.alarms(
    at timestamptz DEFAULT NULL,
    OUT package text, OUT stage moderation.stage, OUT item_id bigint, OUT term text, OUT contents bigint, OUT expected double precision,
    OUT judged bigint, OUT usual_rate double precision, OUT rate double precision, OUT probability double precision)
    RETURNS SETOF record LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 10 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    moment timestamptz := coalesce(alarms.at, now());
    visible constant integer[] := moderation.visible_packages();
    readable constant integer[] := moderation.readable_packages();
BEGIN
    RETURN QUERY
    WITH runs AS MATERIALIZED (
        SELECT floor(EXTRACT(epoch FROM moment - e.observed_at) / 3600)::integer AS age, sum(e.weight::double precision) AS judged
        FROM moderation.exposures e
        WHERE e.observed_at > moment - interval '72 hours' AND e.observed_at <= moment
        GROUP BY 1
    ), history AS MATERIALIZED (
        SELECT count(*) FILTER (WHERE r.age > 0) AS periods, sum(r.judged) FILTER (WHERE r.age > 0) AS judged,
               sum(r.judged * 0.98 ^ r.age) FILTER (WHERE r.age > 0) AS weighted,
               max(r.judged) FILTER (WHERE r.age = 0) AS now_judged
        FROM runs r
    ), passes AS (
        SELECT h.package_id, h.stage, h.item_id, floor(EXTRACT(epoch FROM moment - h.observed_at) / 3600)::integer AS age,
               count(DISTINCT (h.source_id, h.digest, h.content_key)) AS contents
        FROM moderation.hits h
        WHERE h.observed_at > moment - interval '72 hours' AND h.observed_at <= moment
        GROUP BY GROUPING SETS ((h.package_id, h.stage, 4), (h.package_id, h.stage, h.item_id, 4))
    ), rated AS (
        SELECT p.package_id, p.stage, p.item_id, coalesce(max(p.contents) FILTER (WHERE p.age = 0), 0) AS now_contents,
               coalesce(sum(p.contents * 0.98 ^ p.age) FILTER (WHERE p.age > 0), 0) AS weighted
        FROM passes p GROUP BY p.package_id, p.stage, p.item_id
    ), tested AS (
        SELECT r.*, y.now_judged, r.weighted / y.weighted AS usual, r.now_contents / y.now_judged AS rate,
               -- One content more than ever seen, spread over the history: an item that never hit has no rate of exactly 0.
               moderation.binomial_tail(r.now_contents, greatest(y.now_judged, r.now_contents)::bigint,
                   least(1.0, greatest(r.weighted, 1.0) / y.weighted)) AS tail
        FROM rated r CROSS JOIN history y
        WHERE y.periods >= 24 AND y.judged >= 4000 AND y.now_judged > 0 AND r.now_contents >= 5
    )
    SELECT q.name, t.stage, t.item_id,
           CASE WHEN t.package_id = ANY (readable)
                THEN (SELECT v.term FROM moderation.item_versions v WHERE v.item_id = t.item_id ORDER BY v.added_in DESC LIMIT 1) END,
           t.now_contents, t.usual * t.now_judged, t.now_judged::bigint, t.usual, t.rate, t.tail
    FROM tested t JOIN moderation.packages q ON q.package_id = t.package_id
    WHERE t.package_id = ANY (visible) AND t.tail <= 0.005 AND t.rate >= 1.25 * t.usual
    ORDER BY t.tail, q.name, t.item_id NULLS FIRST;
END
$fn$;
COMMENT ON FUNCTION moderation.alarms(timestamptz) IS 'Packages (item_id NULL) and items that hit unusually often in the hour before a moment: one-sided exact binomial test at 0.995 against the 71 hours before, weighted 0.98^age; at least 24 hours and 4,000 judged contents of history (estimated from the exposures), at least 5 contents, at least 1.25 times the usual rate (the rule of Coop, with a floor on the count).';
CREATE OR REPLACE VIEW moderation.package_daily WITH (security_barrier) AS
    SELECT r.day, p.name AS package, r.stage, r.hits, r.contents, r.owners, r.kept_out, r.true_positives, r.false_positives,
           r.unsure, r.disputed,
           r.true_positives / nullif(r.true_positives + r.false_positives, 0)::double precision AS precision,
           moderation.wilson_low(r.true_positives, r.true_positives + r.false_positives) AS precision_low,
           moderation.wilson_high(r.true_positives, r.true_positives + r.false_positives) AS precision_high
    FROM moderation.rollup_days r
    JOIN moderation.packages p ON p.package_id = r.package_id
    WHERE p.package_id = ANY ((SELECT moderation.visible_packages())::integer[])
      AND r.item_id = 0 AND r.release = 0 AND r.day < (SELECT s.refreshed_through FROM moderation.rollup_state s)
    UNION ALL
    SELECT g.day, p.name, g.stage, g.hits, g.contents, g.owners, g.kept_out, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM (
        SELECT n.day, n.package_id, n.stage, count(*) AS hits, count(DISTINCT n.content) AS contents, count(DISTINCT n.owner_key) AS owners,
               count(DISTINCT n.content) FILTER (WHERE n.outcome <> 'flagged') AS kept_out
        FROM (SELECT (h.observed_at AT TIME ZONE 'UTC')::date AS day, h.package_id, h.stage, h.owner_key, h.outcome,
                     hashtextextended(coalesce(h.content_key, encode(h.digest, 'hex')), h.source_id) AS content
              FROM moderation.hits h
              WHERE h.observed_at >= coalesce((SELECT s.refreshed_through::timestamp AT TIME ZONE 'UTC' FROM moderation.rollup_state s), '-infinity'::timestamptz)
                AND NOT EXISTS (SELECT FROM moderation.withdrawn_hits w WHERE w.hit_id = h.hit_id AND w.undone)) n
        GROUP BY n.day, n.package_id, n.stage) g
    JOIN moderation.packages p ON p.package_id = g.package_id
    WHERE p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]);
COMMENT ON VIEW moderation.package_daily IS 'Per day (UTC), package and stage: hits, contents, owners, contents kept out (quarantined or rejected), and what reviewers said. Days before the last refresh_rollups() from the rollups, later ones from the hits.';
COMMENT ON COLUMN moderation.package_daily.day IS 'Day of the hits, UTC.';
COMMENT ON COLUMN moderation.package_daily.hits IS 'Rows of moderation.hits: one per content, digest, release and item.';
COMMENT ON COLUMN moderation.package_daily.contents IS 'Distinct contents with a hit.';
COMMENT ON COLUMN moderation.package_daily.owners IS 'Their distinct owners.';
COMMENT ON COLUMN moderation.package_daily.kept_out IS 'Of the contents, those quarantined or rejected.';
COMMENT ON COLUMN moderation.package_daily.true_positives IS 'Contents labelled violating; like the next six as of the last refresh, NULL for later days.';
COMMENT ON COLUMN moderation.package_daily.false_positives IS 'Contents labelled benign.';
COMMENT ON COLUMN moderation.package_daily.precision IS 'TP / (TP + FP); NULL without labels. With its Wilson 95 % interval.';
CREATE VIEW moderation.release_daily WITH (security_barrier) AS
    SELECT r.day, p.name AS package, r.release, r.stage, r.hits, r.contents, r.owners, r.kept_out, r.true_positives,
           r.false_positives, r.unsure, r.disputed
    FROM moderation.rollup_days r
    JOIN moderation.packages p ON p.package_id = r.package_id
    WHERE r.item_id = 0 AND r.release > 0 AND p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]);
COMMENT ON VIEW moderation.release_daily IS 'package_daily by release, as of the last refresh_rollups(). Columns as there.';
CREATE VIEW moderation.item_daily WITH (security_barrier) AS
    SELECT r.day, p.name AS package, r.stage, r.item_id, r.hits, r.contents, r.owners, r.kept_out, r.true_positives,
           r.false_positives, r.unsure, r.disputed
    FROM moderation.rollup_days r
    JOIN moderation.packages p ON p.package_id = r.package_id
    WHERE r.item_id > 0 AND p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]);
COMMENT ON VIEW moderation.item_daily IS 'package_daily by item, as of the last refresh_rollups(). Columns as there; filter by package or item.';
CREATE VIEW moderation.item_totals WITH (security_barrier) AS
    SELECT p.name AS package, r.stage, r.item_id,
           CASE WHEN p.package_id = ANY ((SELECT moderation.readable_packages())::integer[])
                THEN (SELECT v.term FROM moderation.item_versions v WHERE v.item_id = r.item_id ORDER BY v.added_in DESC LIMIT 1) END AS term,
           r.hits, r.contents, r.true_positives, r.false_positives,
           r.true_positives / nullif(r.true_positives + r.false_positives, 0)::double precision AS precision,
           moderation.wilson_low(r.true_positives, r.true_positives + r.false_positives) AS precision_low,
           moderation.wilson_high(r.true_positives, r.true_positives + r.false_positives) AS precision_high, r.recent_hits,
           r.recent_true_positives / nullif(r.recent_true_positives + r.recent_false_positives, 0)::double precision AS recent_precision,
           r.first_day, r.last_day
    FROM moderation.rollup_items r
    JOIN moderation.packages p ON p.package_id = r.package_id
    WHERE p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]);
COMMENT ON VIEW moderation.item_totals IS 'Lifetime figures of every item that ever hit, as of the last refresh_rollups(). item_stats() has more, from the hits.';
COMMENT ON COLUMN moderation.item_totals.contents IS 'Contents, counted once a day.';
COMMENT ON COLUMN moderation.item_totals.recent_hits IS 'Of the last 28 days.';
CREATE VIEW moderation.current_alarms AS
    SELECT a.package, a.stage, a.item_id, a.term, a.contents, a.expected, a.judged, a.usual_rate, a.rate, a.probability
    FROM moderation.alarms() a;
COMMENT ON VIEW moderation.current_alarms IS 'Packages and items that hit unusually often in the last hour: see alarms(). Reading it needs EXECUTE on that function.';
COMMENT ON COLUMN moderation.current_alarms.item_id IS 'NULL: the package as a whole.';
COMMENT ON COLUMN moderation.current_alarms.expected IS 'Contents that the history lets expect.';
COMMENT ON COLUMN moderation.current_alarms.probability IS 'Of as many contents or more at the usual rate.';
CREATE FUNCTION moderation.html(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN replace(replace(replace(replace(replace(
        -- Characters that no HTML document may contain.
        regexp_replace(coalesce(value, '–'), '[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]', '�', 'g'),
        '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;');
COMMENT ON FUNCTION moderation.html(text) IS 'Internal: text as HTML content or attribute value; – for NULL.';
CREATE FUNCTION moderation.html_share(value double precision, low double precision, high double precision) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN value IS NULL THEN '–'
        ELSE round((value * 100)::numeric, 1) || ' %' || coalesce(' <small>[' || round((low * 100)::numeric, 1) || '–' || round((high * 100)::numeric, 1) || ']</small>', '') END;
COMMENT ON FUNCTION moderation.html_share(double precision, double precision, double precision) IS 'Internal: a share in per cent with its interval.';
CREATE FUNCTION moderation.html_axis(first date, last date) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        -- A tick at the first, at every seventh day of up to ten weeks, else at the beginning of every month that has room.
        SELECT '<line x1="40" y1="170" x2="890" y2="170" class="axis"/>'
            || coalesce(string_agg(format('<line x1="%1$s" y1="170" x2="%1$s" y2="174" class="axis"/><text x="%1$s" y="188" text-anchor="%3$s">%2$s</text>',
                   round(40 + 850.0 * (d.day - first) / (last - first + 1), 1), d.day,
                   CASE WHEN d.day - first > (last - first) * 0.9 THEN 'end' WHEN d.day = first THEN 'start' ELSE 'middle' END), '' ORDER BY d.day), '')
        FROM (SELECT first AS day
              UNION
              SELECT x::date FROM generate_series(first::timestamp, last::timestamp, interval '14 days') x WHERE last - first <= 100
              UNION
              SELECT x::date FROM generate_series(date_trunc('month', first::timestamp), last::timestamp,
                                                  make_interval(months => 1 + (last - first) / 300)) x
              WHERE last - first > 100 AND x::date > first + (last - first) / 15) d;
    END;
COMMENT ON FUNCTION moderation.html_axis(date, date) IS 'Internal: the time axis of a chart in an SVG of 900 by 200.';
CREATE FUNCTION moderation.html_days(first date, last date, step integer, days date[], contents bigint[], tp bigint[], fp bigint[], releases integer[], since date[])
    RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    top bigint := (SELECT max(c) FROM unnest(contents) c);
    width numeric := 850.0 * step / (last - first + 1);
BEGIN
    IF top IS NULL THEN
        RETURN '<p>No hits in this time.</p>';
    END IF;
    top := greatest(top, 1);
    RETURN format('<svg viewBox="0 0 900 200" role="img" aria-label="Contents; labelled ones by what they are">'
                  '<line x1="40" y1="20" x2="890" y2="20" class="grid"/><line x1="40" y1="95" x2="890" y2="95" class="grid"/>'
                  '<text x="34" y="24" text-anchor="end">%s</text><text x="34" y="174" text-anchor="end">0</text>', top)
        || moderation.html_axis(first, last)
        || (SELECT string_agg(format('<g><title>%s: %s contents, %s violating, %s benign</title><rect x="%s" y="%s" width="%s" height="%s" class="all"/>'
                '<rect x="%s" y="%s" width="%s" height="%s" class="tp"/><rect x="%s" y="%s" width="%s" height="%s" class="fp"/></g>',
                d.day, d.c, d.t, d.f, x.at, round(170 - 150.0 * d.c / top, 1), x.bar, round(150.0 * d.c / top, 1),
                x.at, round(170 - 150.0 * d.t / top, 1), x.bar, round(150.0 * d.t / top, 1),
                x.at, round(170 - 150.0 * (d.t + d.f) / top, 1), x.bar, round(150.0 * d.f / top, 1)), '' ORDER BY d.day)
            FROM unnest(days, contents, tp, fp) d(day, c, t, f),
                 LATERAL (SELECT round(40 + 850.0 * greatest(d.day - first, 0) / (last - first + 1), 1), round(greatest(1, width * 0.8), 1)) x(at, bar))
        || coalesce((SELECT string_agg(format('<g><title>release %2$s, %3$s</title><line x1="%1$s" y1="14" x2="%1$s" y2="170" class="mark"/><text x="%1$s" y="10" text-anchor="middle">%2$s</text></g>',
                round(40 + 850.0 * (r.day - first) / (last - first + 1), 1), r.release, r.day), '' ORDER BY r.day)
            -- The last of a day; the newest thirty, or their numbers would cover each other.
            FROM (SELECT max(u.release) AS release, u.day FROM unnest(releases, since) u(release, day) WHERE u.day BETWEEN first AND last
                  GROUP BY u.day ORDER BY u.day DESC LIMIT 30) r), '')
        || '</svg><p class="legend"><span class="all"></span> contents <span class="tp"></span> labelled violating <span class="fp"></span> labelled benign <i></i> release put live</p>';
END
$fn$;
COMMENT ON FUNCTION moderation.html_days(date, date, integer, date[], bigint[], bigint[], bigint[], integer[], date[]) IS 'Internal: bars of contents per day or week as SVG, with the releases that went live.';
CREATE FUNCTION moderation.html_precision(first date, last date, days date[], tp bigint[], fp bigint[]) RETURNS text
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    points text;
BEGIN
    SELECT string_agg(format('<g><title>week of %1$s: %2$s of %3$s labelled are violating, 95 %%: %4$s to %5$s %%</title><line x1="%6$s" y1="%7$s" x2="%6$s" y2="%8$s" class="range"/>'
                             '<circle cx="%6$s" cy="%9$s" r="4" class="tp"/></g>',
                             d.day, d.t, d.t + d.f, round((100 * w.low)::numeric), round((100 * w.high)::numeric), x.at,
                             round((170 - 150 * w.low)::numeric, 1), round((170 - 150 * w.high)::numeric, 1), round(170 - 150.0 * d.t / (d.t + d.f), 1)), '' ORDER BY d.day)
    INTO points
    FROM unnest(days, tp, fp) d(day, t, f)
    CROSS JOIN LATERAL moderation.wilson_interval(d.t, d.t + d.f) w
    CROSS JOIN LATERAL (SELECT round(least(886, 40 + 850.0 * (greatest(d.day - first, 0) + 3.5) / (last - first + 1)), 1)) x(at)
    WHERE d.t + d.f > 0;
    IF points IS NULL THEN
        RETURN '<p>Nothing labelled in this time.</p>';
    END IF;
    RETURN '<svg viewBox="0 0 900 200" role="img" aria-label="Precision by week with its 95 % interval">'
        '<line x1="40" y1="20" x2="890" y2="20" class="grid"/><line x1="40" y1="95" x2="890" y2="95" class="grid"/>'
        '<text x="34" y="24" text-anchor="end">100%</text><text x="34" y="99" text-anchor="end">50%</text><text x="34" y="174" text-anchor="end">0%</text>'
        || moderation.html_axis(first, last) || points || '</svg>';
END
$fn$;
COMMENT ON FUNCTION moderation.html_precision(date, date, date[], bigint[], bigint[]) IS 'Internal: precision by week with its Wilson interval as SVG.';
CREATE FUNCTION moderation.html_change(effect jsonb, name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(round((effect->name->>'before')::numeric * 100, 1) || ' %', '–') || ' → '
        || coalesce(round((effect->(name || '_after')->>'value')::numeric * 100, 1) || ' % <small>['
                    || round((effect->(name || '_after')->>'low')::numeric * 100, 1) || '–'
                    || round((effect->(name || '_after')->>'high')::numeric * 100, 1) || ']</small>', '–');
COMMENT ON FUNCTION moderation.html_change(jsonb, text) IS 'Internal: what a proposal does to precision or recall.';
CREATE FUNCTION moderation.package_report(
    name text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, redacted boolean DEFAULT false)
    RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    wanted integer := moderation.find_package(package_report.name);
    from_time timestamptz := coalesce(package_report.since, now() - interval '90 days');
    -- The charts begin where there is something to show, if that is more than a year later.
    last_day date := ((least(package_report.until, now()) - interval '1 second') AT TIME ZONE 'UTC')::date;
    first_day date := (from_time AT TIME ZONE 'UTC')::date;
    weekly boolean;
    page text;
    part text;
    s record;
BEGIN
    -- Whoever may not read the material gets the report without it.
    redacted := coalesce(redacted, false) OR wanted <> ALL (moderation.readable_packages());
    IF NOT isfinite(first_day) OR last_day - first_day > 366 THEN
        SELECT greatest(first_day, (min(h.observed_at) AT TIME ZONE 'UTC')::date) INTO first_day FROM moderation.hits h WHERE h.package_id = wanted;
    END IF;
    first_day := CASE WHEN isfinite(first_day) THEN least(first_day, last_day) ELSE last_day END;
    weekly := last_day - first_day > 100;
    page := format($html$<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>%1$s: package report</title>
<style>
:root { color-scheme: light dark; --ink: #1c2024; --soft: #596273; --line: #d5d8de; --ground: #fff; --all: #b8c1cf; --tp: #2f7d4f; --fp: #c2452d; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --soft: #9aa3af; --line: #3a4048; --ground: #16191d; --all: #4b5563; --tp: #4fb477; --fp: #e0705a; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--ground); max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2rem; border-bottom: 1px solid var(--line); } small, .soft { color: var(--soft); }
*, *::before { box-sizing: border-box; } h1 { overflow-wrap: anywhere; } .scroll { overflow-x: auto; } .scroll + .scroll { margin-top: 1.2rem; } table { border-collapse: collapse; width: 100%%; } th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; } td.text { overflow-wrap: anywhere; min-width: 7rem; } td.n { white-space: nowrap; } code { font-size: .85em; overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem; } .card { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem 1rem; overflow-wrap: anywhere; } .card b { display: block; font-size: 1.5rem; font-weight: 600; } .card b small { display: block; font-size: .85rem; font-weight: 400; white-space: nowrap; }
svg { width: 100%%; height: auto; overflow: visible; } .day { white-space: nowrap; } svg text { font-size: 12px; fill: var(--soft); } .axis { stroke: var(--soft); } .grid { stroke: var(--line); } .mark { stroke: var(--ink); stroke-dasharray: 3 3; } .range { stroke: var(--tp); stroke-width: 2; opacity: .5; } circle.tp { fill: var(--tp); } rect.all { fill: var(--all); } rect.tp { fill: var(--tp); } rect.fp { fill: var(--fp); }
.legend span { display: inline-block; width: .8em; height: .8em; } .legend .all { background: var(--all); } .legend .tp { background: var(--tp); } .legend .fp { background: var(--fp); }
.legend i { display: inline-block; height: .8em; border-left: 2px dashed var(--ink); margin-left: .4em; }
@media (max-width: 40rem) { body { margin: 1rem auto; } .cards { grid-template-columns: 1fr 1fr; gap: .5rem; } .card { padding: .5rem .7rem; } .card b { font-size: 1.2rem; } svg text { font-size: 22px; } svg text[text-anchor=middle] { display: none; } }
mark { background: color-mix(in srgb, var(--fp) 30%%, transparent); color: inherit; }
@media print { :root { --ink: #000; --soft: #444; --line: #bbb; --ground: #fff; --all: #c3cad6; --tp: #2f7d4f; --fp: #c2452d; } * { print-color-adjust: exact; } body { margin: 0; max-width: none; font-size: 11px; } h2, tr:first-child, tr:nth-child(2) { break-after: avoid; } tr, .card, svg { break-inside: avoid; } }
</style></head><body>
<h1>%1$s</h1><p class="soft">Hits from %2$s to %3$s (UTC), made %4$s%5$s</p>$html$,
        moderation.html(package_report.name), to_char(from_time AT TIME ZONE 'UTC', 'YYYY-MM-DD'),
        to_char(coalesce(package_report.until, now()) AT TIME ZONE 'UTC', 'YYYY-MM-DD'), to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),
        CASE WHEN redacted THEN '; terms and matched texts left out' ELSE '' END);

    FOR s IN SELECT * FROM moderation.package_stats(package_report.name, from_time, package_report.until) LOOP
        page := page || format('<h2>%s%s</h2><div class="cards">'
            '<div class="card"><small>contents</small><b>%s</b>of %s owners</div>'
            '<div class="card"><small>precision</small><b>%s</b>%s labelled, %s disputed</div>'
            '<div class="card"><small>last 28 days</small><b>%s</b>%s contents</div>'
            '<div class="card"><small>recall</small><b>%s</b>%s</div>'
            '<div class="card"><small>only this package</small><b>%s</b>contents</div></div>',
            initcap(s.stage::text), coalesce(': release ' || s.release, ''), s.contents, s.owners,
            moderation.html_share(s.precision, s.precision_low, s.precision_high), s.reviewed, s.disputed,
            moderation.html_share(s.recent_precision, s.recent_precision_low, s.recent_precision_high), s.recent_contents,
            moderation.html_share(s.recall, s.recall_low, s.recall_high), moderation.html(coalesce(s.recall_note, coalesce(s.recall_labels, 0) || ' labels of random contents')),
            s.unique_contents);
    END LOOP;

    SELECT moderation.html_days(first_day, last_day, CASE WHEN weekly THEN 7 ELSE 1 END, array_agg(d.bucket), array_agg(d.contents), array_agg(d.true_positives),
               array_agg(d.false_positives),
               (SELECT array_agg(x.release ORDER BY x.deployment_id) FROM moderation.deployments x WHERE x.package_id = wanted AND x.stage = 'live' AND x.release IS NOT NULL),
               (SELECT array_agg((x.since AT TIME ZONE 'UTC')::date ORDER BY x.deployment_id) FROM moderation.deployments x WHERE x.package_id = wanted AND x.stage = 'live' AND x.release IS NOT NULL))
    INTO part
    FROM (SELECT (x.bucket AT TIME ZONE 'UTC')::date AS bucket, x.contents, x.true_positives, x.false_positives
          FROM moderation.package_stats(package_report.name, from_time, package_report.until, CASE WHEN weekly THEN 'week' ELSE 'day' END) x WHERE x.stage = 'live') d;
    page := page || CASE WHEN weekly THEN '<h2>Contents per week, live</h2>' ELSE '<h2>Contents per day, live</h2>' END || part;
    SELECT moderation.html_precision(first_day, last_day, array_agg(d.bucket), array_agg(d.true_positives), array_agg(d.false_positives)) INTO part
    FROM (SELECT (x.bucket AT TIME ZONE 'UTC')::date AS bucket, x.true_positives, x.false_positives
          FROM moderation.package_stats(package_report.name, from_time, package_report.until, 'week') x WHERE x.stage = 'live') d;
    page := page || '<h2>Precision by week, live</h2>' || part;

    FOR s IN
        SELECT r.title, string_agg(format('<tr><td class="text">%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td></tr>',
               CASE WHEN redacted THEN 'item ' || r.item_id ELSE moderation.html(coalesce(r.term, r.kind || ' ' || r.item_id)) END, r.contents,
               moderation.html_share(r.precision, r.precision_low, r.precision_high), r.unique_contents,
               coalesce(r.marginal_contents, 0), coalesce(round((100 * r.cost_share)::numeric, 1) || ' %', '–')), '' ORDER BY r.n) AS rows
        FROM (SELECT 'Best items' AS title, i.*, row_number() OVER (ORDER BY i.true_positives DESC, i.precision_low DESC NULLS LAST, i.contents DESC, i.item_id) AS n
              FROM moderation.item_stats(package_report.name, from_time, package_report.until, stage => 'live') i WHERE i.contents > 0
              UNION ALL
              SELECT 'Worst items', i.*, row_number() OVER (ORDER BY i.precision_high, i.false_positives DESC, i.item_id)
              FROM moderation.item_stats(package_report.name, from_time, package_report.until, stage => 'live') i WHERE i.false_positives > 0) r
        WHERE r.n <= 15 GROUP BY r.title ORDER BY r.title
    LOOP
        page := page || format('<h2>%s</h2><div class="scroll"><table><tr><th>item</th><th class="n">contents</th><th class="n">precision</th><th class="n" title="Contents the package would no longer act on without the item.">lost without it</th><th class="n" title="Contents it adds to the items before it, when they are taken one by one, each time the one that adds most.">adds</th><th class="n" title="Share of the places found by the package: what is written, shown and reviewed. Matching is one pass for all items.">places</th></tr>%s</table></div>', s.title, s.rows);
    END LOOP;

    SELECT string_agg(format('<tr><td>%s</td><td class="n">%s</td><td class="n">%s</td></tr>', moderation.html(o.package_b), o.contents_both,
                             moderation.html_share(o.share_of_a, NULL, NULL)), '') INTO part
    FROM moderation.package_overlap(from_time) o WHERE o.package_a = package_report.name;
    page := page || '<h2>Overlap</h2>' || coalesce('<div class="scroll"><table><tr><th>also acted on by</th><th class="n">contents</th><th class="n">share</th></tr>' || part || '</table></div>',
                                                    '<p>No other package acted on these contents.</p>');
    WITH top AS (
        SELECT i.item_id, i.term, row_number() OVER (ORDER BY i.contents DESC, i.item_id) AS n
        FROM moderation.item_stats(package_report.name, from_time, package_report.until, stage => 'live') i WHERE i.contents > 0 LIMIT 8
    ), pairs AS (
        SELECT o.item_a, o.item_b, o.share_of_a FROM moderation.item_overlap(package_report.name, from_time, 0) o WHERE o.package_b = package_report.name
    )
    SELECT '<div class="scroll"><table><tr><th>share of the row also hit by</th>' || string_agg(format('<th class="n">%s</th>', t.n), '' ORDER BY t.n) || '</tr>'
           || string_agg(format('<tr><td class="text">%s %s</td>%s</tr>', t.n, CASE WHEN redacted THEN '' ELSE moderation.html(t.term) END,
                  (SELECT string_agg(format('<td class="n"%s>%s</td>',
                          CASE WHEN p.share_of_a > 0 THEN format(' style="background: color-mix(in srgb, var(--all) %s%%, transparent)"', round((80 * p.share_of_a)::numeric)) END,
                          CASE WHEN u.n = t.n THEN '·' ELSE coalesce(round((100 * p.share_of_a)::numeric), 0) || ' %' END), '' ORDER BY u.n)
                   FROM top u LEFT JOIN pairs p ON p.item_a = t.item_id AND p.item_b = u.item_id)), '' ORDER BY t.n) || '</table></div>'
    INTO part FROM top t;
    page := page || coalesce(part, '');

    SELECT string_agg(format('<tr><td class="n">%s</td><td>%s</td><td class="text">%s</td><td class="n">%s</td><td class="n">%s</td></tr>', p.proposal_id, replace(p.kind::text, '_', ' '),
                             CASE WHEN redacted THEN coalesce('item ' || p.item_id, 'left out')
                                  ELSE moderation.html(left(coalesce(p.term, p.change->'images'->0->>'hash', jsonb_array_length(p.change->'add') || ' terms'), 200)) END,
                             moderation.html_change(p.effect, 'precision'), moderation.html_change(p.effect, 'recall')), '' ORDER BY p.proposal_id) INTO part
    FROM (SELECT * FROM moderation.proposals q WHERE q.package_id = wanted AND q.state = 'open' ORDER BY q.proposal_id LIMIT 50) p;
    page := page || '<h2>Open proposals</h2>' || coalesce('<div class="scroll"><table><tr><th class="n">id</th><th>kind</th><th>term</th><th class="n">precision, labelled contents</th><th class="n">recall, labelled contents</th></tr>' || part
        || '</table></div><p class="soft"><code>SELECT * FROM moderation.open_proposals</code> has evidence and SQL; <code>accept_proposal(id)</code>, <code>reject_proposal(id, reason)</code> decide.</p>',
        '<p>None.</p>');
    SELECT string_agg(format('<tr><td class="day">%s</td><td class="text">%s</td><td class="text"><mark>%s</mark></td><td class="text">%s</td><td>%s%s</td><td>%s</td></tr>',
                             to_char(h.observed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), moderation.html(h.content_key),
                             CASE WHEN redacted THEN 'left out' ELSE moderation.html(left(h.matched, 200)) END,
                             CASE WHEN redacted THEN 'item ' || h.item_id ELSE moderation.html(coalesce((SELECT left(coalesce(v.term, v.label), 200) FROM moderation.item_versions v
                                 WHERE v.item_id = h.item_id AND v.added_in <= h.release ORDER BY v.added_in DESC LIMIT 1), h.kind || ' ' || h.item_id)) END,
                             h.action, CASE WHEN h.stage = 'shadow' THEN ', shadow' ELSE '' END,
                             -- A label of the hit counts before that of its content.
                             CASE WHEN l.disputed THEN 'disputed' ELSE coalesce(l.label::text, '–') END), '' ORDER BY h.observed_at DESC, h.hit_id) INTO part
    FROM (SELECT * FROM moderation.hits x WHERE x.package_id = wanted AND x.observed_at >= from_time
            AND (package_report.until IS NULL OR x.observed_at < package_report.until) ORDER BY x.observed_at DESC, x.hit_id LIMIT 20) h
    LEFT JOIN moderation.hit_labels l ON l.bucket = h.bucket AND l.hit_id = h.hit_id;
    page := page || '<h2>Newest hits</h2>' || coalesce('<div class="scroll"><table><tr><th>day</th><th>content</th><th>matched</th><th>item</th><th>action</th><th>label</th></tr>' || part || '</table></div>', '<p>None.</p>');
    RETURN page || E'\n</body></html>\n';
END
$fn$;
COMMENT ON FUNCTION moderation.package_report(text, timestamptz, timestamptz, boolean) IS 'The package as one self-contained HTML page (90 days unless since is given): figures with intervals, contents over time, best and worst items, overlap, open proposals, newest hits. Light and dark, printable, no scripts, no network. redacted => true leaves terms and matched texts out, as does a package whose material the caller may not read.';
CREATE TABLE moderation.brakes (
    package_id      integer PRIMARY KEY,
    min_contents    integer NOT NULL CHECK (min_contents >= 5),
    alpha           double precision NOT NULL CHECK (alpha > 0 AND alpha < 1),
    factor          double precision NOT NULL CHECK (factor >= 1 AND factor < 'Infinity'),
    recent          interval NOT NULL CHECK (recent > '0'),
    history         interval NOT NULL CHECK (history > recent AND history <= '448 days'),
    min_judged      bigint NOT NULL CHECK (min_judged >= 1),
    new_share       double precision NOT NULL CHECK (new_share > 0 AND new_share <= 1),
    rollback        boolean NOT NULL,
    enabled         boolean NOT NULL,
    set_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    set_by          text NOT NULL
);
COMMENT ON TABLE moderation.brakes IS 'Packages with a brake, and its settings. Empty until set_brake() is called.';
COMMENT ON COLUMN moderation.brakes.min_contents IS 'The floor: fewer contents with a hit in the recent window never brake anything. At least 5.';
COMMENT ON COLUMN moderation.brakes.alpha IS 'Level of the test, for each item and run.';
COMMENT ON COLUMN moderation.brakes.factor IS 'The share must be at least this many times the usual one.';
COMMENT ON COLUMN moderation.brakes.recent IS 'Length of the recent window.';
COMMENT ON COLUMN moderation.brakes.history IS 'How far back the history goes; the recent window is not part of it. At most what the rings of records hold.';
COMMENT ON COLUMN moderation.brakes.min_judged IS 'With fewer contents judged in its history (estimated from the exposures) an item is new.';
COMMENT ON COLUMN moderation.brakes.new_share IS 'Share of contents above which a new item is braked; 1: never.';
COMMENT ON COLUMN moderation.brakes.rollback IS 'A release that surges as a whole is rolled back; false: only reported.';
CREATE TABLE moderation.brake_events (
    event_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package_id      integer NOT NULL,
    item_id         bigint,
    release         integer NOT NULL,
    at              timestamptz NOT NULL,
    contents        bigint NOT NULL,
    judged          bigint NOT NULL,
    history_contents bigint NOT NULL,
    history_judged  bigint NOT NULL,
    usual_share     double precision NOT NULL,
    share           double precision NOT NULL,
    probability     double precision NOT NULL,
    done            text NOT NULL CHECK (done = ANY (ARRAY['kept to shadow', 'rolled back', 'reported'])),
    override_id     bigint,
    deployment_id   bigint,
    reason          text NOT NULL,
    sql             text NOT NULL,
    braked_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    braked_by       text NOT NULL,
    released_at     timestamptz,
    released_by     text,
    note            text
);
CREATE INDEX brake_events_package_idx ON moderation.brake_events (package_id, item_id, event_id);
COMMENT ON TABLE moderation.brake_events IS 'What run_brakes() found and did, with the figures it rests on, and when it was taken back.';
COMMENT ON COLUMN moderation.brake_events.item_id IS 'NULL: the release as a whole.';
COMMENT ON COLUMN moderation.brake_events.release IS 'The live release that had the item, or that surged.';
COMMENT ON COLUMN moderation.brake_events.at IS 'The moment that the recent window ended: the argument of run_brakes().';
COMMENT ON COLUMN moderation.brake_events.contents IS 'Contents with a live hit in the recent window.';
COMMENT ON COLUMN moderation.brake_events.judged IS 'Contents judged in it, estimated from the exposures; in a rollout, the part that this release judges.';
COMMENT ON COLUMN moderation.brake_events.usual_share IS 'What the share was held against: that of the history, at least one content; new_share without a history; the share accepted by release_brake(), if higher.';
COMMENT ON COLUMN moderation.brake_events.probability IS 'Of as many contents or more at the usual share: one-sided exact binomial test.';
COMMENT ON COLUMN moderation.brake_events.done IS 'What run_brakes() did: kept to shadow (an item), rolled back, or only reported (a release).';
COMMENT ON COLUMN moderation.brake_events.override_id IS 'The override that keeps the item to shadow.';
COMMENT ON COLUMN moderation.brake_events.deployment_id IS 'The deployment that a rollback made.';
COMMENT ON COLUMN moderation.brake_events.sql IS 'The next step, ready to run: takes the brake back, or rolls the release back.';
COMMENT ON COLUMN moderation.brake_events.note IS 'What was said when it was taken back.';
CREATE FUNCTION moderation.set_brake(
    package text, min_contents integer, alpha double precision DEFAULT 0.001, factor double precision DEFAULT 3,
    recent interval DEFAULT '1 hour', history interval DEFAULT '14 days', min_judged bigint DEFAULT 4000,
    new_share double precision DEFAULT 0.05, rollback boolean DEFAULT false, enabled boolean DEFAULT true, note text DEFAULT NULL)
    RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(set_brake.package);
    old jsonb;
    brake moderation.brakes;
    wrong text := CASE
        WHEN NOT coalesce(set_brake.min_contents >= 5, false) THEN 'min_contents is at least 5'
        WHEN NOT coalesce(set_brake.alpha > 0 AND set_brake.alpha < 1, false) THEN 'alpha is between 0 and 1'
        WHEN NOT coalesce(set_brake.factor >= 1 AND set_brake.factor < 'Infinity', false) THEN 'factor is at least 1'
        WHEN NOT coalesce(set_brake.recent > '0', false) THEN 'recent is longer than nothing'
        WHEN NOT coalesce(set_brake.history > set_brake.recent AND set_brake.history <= '448 days', false)
            THEN 'history is longer than recent, and at most 448 days'
        WHEN NOT coalesce(set_brake.min_judged >= 1, false) THEN 'min_judged is at least 1'
        WHEN NOT coalesce(set_brake.new_share > 0 AND set_brake.new_share <= 1, false) THEN 'new_share is above 0 and at most 1'
        WHEN set_brake.rollback IS NULL THEN 'rollback is true or false'
        WHEN set_brake.enabled IS NULL THEN 'enabled is true or false' END;
BEGIN
    PERFORM moderation.check_approver(target);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('these are no settings of a brake: %s', wrong),
            DETAIL = 'A brake without a floor would stop items for a handful of contents.',
            HINT = format('For example: SELECT moderation.set_brake(%L, min_contents => 20);', target.name);
    END IF;
    SELECT to_jsonb(b) - ARRAY['package_id', 'set_at', 'set_by'] INTO old FROM moderation.brakes b WHERE b.package_id = target.package_id;
    INSERT INTO moderation.brakes AS b
    VALUES (target.package_id, set_brake.min_contents, set_brake.alpha, set_brake.factor, set_brake.recent, set_brake.history,
            set_brake.min_judged, set_brake.new_share, set_brake.rollback, set_brake.enabled, clock_timestamp(), moderation.caller())
    ON CONFLICT ON CONSTRAINT brakes_pkey DO UPDATE SET min_contents = excluded.min_contents, alpha = excluded.alpha,
        factor = excluded.factor, recent = excluded.recent, history = excluded.history, min_judged = excluded.min_judged,
        new_share = excluded.new_share, rollback = excluded.rollback, enabled = excluded.enabled, set_at = excluded.set_at,
        set_by = excluded.set_by
    RETURNING * INTO brake;
    PERFORM moderation.audit('set_brake', target.name, old, to_jsonb(brake) - ARRAY['package_id', 'set_at', 'set_by'], set_brake.note);
END
$fn$;
COMMENT ON FUNCTION moderation.set_brake(text, integer, double precision, double precision, interval, interval, bigint, double precision, boolean, boolean, text) IS 'Gives a package a brake, or other settings to the one it has (all of them: what is left out gets its default). Nothing is braked until run_brakes() runs.';
CREATE FUNCTION moderation.drop_brake(package text, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target moderation.packages := moderation.lock_package(drop_brake.package);
    old moderation.brakes;
BEGIN
    PERFORM moderation.check_approver(target);
    DELETE FROM moderation.brakes b WHERE b.package_id = target.package_id RETURNING * INTO old;
    IF old.package_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" has no brake', target.name),
            DETAIL = 'No package has one until it is set.',
            HINT = 'Brakes are in moderation.brakes.';
    END IF;
    PERFORM moderation.audit('drop_brake', target.name, to_jsonb(old) - ARRAY['package_id', 'set_at', 'set_by'], NULL, drop_brake.note);
END
$fn$;
COMMENT ON FUNCTION moderation.drop_brake(text, text) IS 'Takes the brake of a package away. What it braked stays so until release_brake().';
CREATE FUNCTION moderation.judged_between(after timestamptz, until timestamptz, OUT sampled bigint, OUT judged double precision)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT count(*), coalesce(sum(e.weight::double precision), 0) FROM moderation.exposures e
        WHERE e.observed_at > judged_between.after AND e.observed_at <= judged_between.until;
    END;
COMMENT ON FUNCTION moderation.judged_between(timestamptz, timestamptz) IS 'Internal: contents judged in a time, estimated from the exposures, and how many exposures that rests on.';
CREATE FUNCTION moderation.test_surge(
    brake moderation.brakes, accepted double precision, coverage double precision, history_coverage double precision,
    begins timestamptz, recent_from timestamptz, at timestamptz, contents bigint, history_contents bigint, may_be_new boolean)
    RETURNS moderation.brake_events LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    event moderation.brake_events;
    now_judged record;
    past_judged record;
    is_new boolean;
BEGIN
    SELECT * INTO now_judged FROM moderation.judged_between(recent_from, at);
    -- An estimate from fewer exposures than this may be wrong by more than a third.
    IF contents < brake.min_contents OR now_judged.sampled < 30 THEN
        RETURN NULL;
    END IF;
    SELECT * INTO past_judged FROM moderation.judged_between(greatest(at - brake.history, begins), recent_from);
    event.contents := contents;
    event.judged := greatest(round(now_judged.judged * coverage), contents);
    event.history_contents := history_contents;
    event.history_judged := round(past_judged.judged * history_coverage);
    is_new := event.history_judged < brake.min_judged;
    IF is_new AND NOT may_be_new THEN
        RETURN NULL;
    END IF;
    -- What never hit has no share of exactly 0: one content in the whole history.
    event.usual_share := least(1.0, greatest(accepted, CASE WHEN is_new THEN brake.new_share
                                                            ELSE greatest(history_contents, 1) / event.history_judged::double precision END));
    event.share := contents / event.judged::double precision;
    event.probability := moderation.binomial_tail(contents, event.judged, event.usual_share);
    IF event.probability > brake.alpha OR event.share <= event.usual_share
       OR NOT is_new AND event.share < brake.factor * event.usual_share THEN
        RETURN NULL;
    END IF;
    event.at := at;
    event.package_id := brake.package_id;
    event.reason := format('hit %s of about %s contents since %s (%s %%), ', contents, event.judged,
                           to_char(recent_from AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), round((event.share * 100)::numeric, 3))
        || CASE WHEN is_new THEN format('has no history yet (about %s contents judged before, %s are needed), and may hit %s %%',
                                        event.history_judged, brake.min_judged, round((event.usual_share * 100)::numeric, 3))
                ELSE format('and %s of about %s before; its usual share is taken as %s %%', history_contents, event.history_judged,
                            round((event.usual_share * 100)::numeric, 3)) END
        || format('; by chance as many or more: %s', CASE WHEN event.probability < 1e-12 THEN 'below 1e-12'
                                                          ELSE 'about ' || ltrim(to_char(event.probability, '9.9EEEE')) END);
    RETURN event;
END
$fn$;
COMMENT ON FUNCTION moderation.test_surge(moderation.brakes, double precision, double precision, double precision, timestamptz, timestamptz, timestamptz, bigint, bigint, boolean) IS 'Internal: the event if so many contents are a surge, else NULL. coverage: the part of all contents that is judged by what is tested; begins: where its history begins; accepted: a share that is no surge.';
CREATE FUNCTION moderation.brake_items(brake moderation.brakes, at timestamptz) RETURNS SETOF moderation.brake_events
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    target text := (SELECT p.name FROM moderation.packages p WHERE p.package_id = brake.package_id);
    live moderation.deployments := moderation.deployed(brake.package_id, 'live');
    candidate record;
    version moderation.item_versions;
    stretch record;
    lifted timestamptz;
    begins timestamptz;
    recent_from timestamptz;
    hit record;
    event moderation.brake_events;
BEGIN
    FOR candidate IN
        SELECT h.item_id FROM moderation.hits h
        WHERE h.package_id = brake.package_id AND h.stage = 'live' AND h.observed_at > at - brake.recent AND h.observed_at <= at
        GROUP BY h.item_id HAVING count(DISTINCT (h.source_id, h.digest, h.content_key)) >= brake.min_contents
        ORDER BY h.item_id
    LOOP
        lifted := NULL;
        SELECT CASE WHEN o.effect = 'normal' THEN o.since ELSE coalesce(o.until, 'infinity') END INTO lifted
        FROM moderation.item_overrides o WHERE o.item_id = candidate.item_id ORDER BY o.override_id DESC LIMIT 1;
        CONTINUE WHEN lifted > clock_timestamp();
        -- The item as it is live now; an item that update_items() changed begins anew.
        SELECT v.* INTO version FROM moderation.item_versions v, unnest(ARRAY[live.release, live.rest]) WITH ORDINALITY r(release, place)
        WHERE v.item_id = candidate.item_id AND v.added_in <= r.release AND (v.removed_in IS NULL OR v.removed_in > r.release)
        ORDER BY r.place LIMIT 1;
        CONTINUE WHEN version.item_id IS NULL;
        -- A raised share of a rollout is no surge: the history begins when the part of the contents that it judges last changed.
        SELECT x.since, x.coverage INTO stretch FROM (
            SELECT c.deployment_id, c.since, c.coverage, lag(c.coverage, 1, 0.0) OVER (ORDER BY c.deployment_id) AS before
            FROM (SELECT d.deployment_id, d.since,
                         CASE WHEN d.release >= version.added_in AND (version.removed_in IS NULL OR d.release < version.removed_in)
                              THEN d.share / 100 ELSE 0.0 END
                         + CASE WHEN d.rest >= version.added_in AND (version.removed_in IS NULL OR d.rest < version.removed_in)
                                THEN 1 - d.share / 100 ELSE 0.0 END AS coverage
                  FROM moderation.deployments d WHERE d.package_id = brake.package_id AND d.stage = 'live') c) x
        WHERE x.coverage <> x.before ORDER BY x.deployment_id DESC LIMIT 1;
        begins := greatest(stretch.since, lifted);
        recent_from := greatest(at - brake.recent, begins);
        SELECT count(DISTINCT (h.source_id, h.digest, h.content_key)) FILTER (WHERE h.observed_at > recent_from) AS recent,
               count(DISTINCT (h.source_id, h.digest, h.content_key)) FILTER (WHERE h.observed_at <= recent_from) AS past
        INTO hit FROM moderation.hits h
        WHERE h.item_id = candidate.item_id AND h.stage = 'live' AND h.release >= version.added_in
          AND (version.removed_in IS NULL OR h.release < version.removed_in)
          AND h.observed_at > greatest(at - brake.history, begins) AND h.observed_at <= at;
        event := moderation.test_surge(brake,
            (SELECT max(e.share) FROM moderation.brake_events e
             WHERE e.package_id = brake.package_id AND e.item_id = candidate.item_id AND e.released_at > now() - brake.history),
            stretch.coverage, stretch.coverage, begins, recent_from, at, hit.recent, hit.past, true);
        CONTINUE WHEN event.contents IS NULL;
        event.item_id := candidate.item_id;
        event.release := coalesce(live.release, live.rest);
        event.done := 'kept to shadow';
        event.reason := format('Item %s of package "%s" ', candidate.item_id, target) || event.reason
            || '. It is kept to shadow: recorded, not enforced. moderation.undo_item() clears what it flagged.';
        PERFORM moderation.override_items(target, ARRAY[candidate.item_id], 'shadow', NULL, 'brake: ' || event.reason);
        SELECT max(o.override_id) INTO event.override_id FROM moderation.item_overrides o WHERE o.item_id = candidate.item_id;
        RETURN NEXT event;
    END LOOP;
END
$fn$;
COMMENT ON FUNCTION moderation.brake_items(moderation.brakes, timestamptz) IS 'Internal: keeps the surging items of a package to shadow; the events, not stored yet.';
CREATE FUNCTION moderation.brake_release(brake moderation.brakes, at timestamptz) RETURNS moderation.brake_events
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    target text := (SELECT p.name FROM moderation.packages p WHERE p.package_id = brake.package_id);
    live moderation.deployments := moderation.deployed(brake.package_id, 'live');
    in_rollout boolean := live.share < 100.0;
    begins timestamptz;
    recent_from timestamptz;
    now_contents bigint;
    past_contents bigint;
    event moderation.brake_events;
BEGIN
    IF live.release IS NULL OR EXISTS (SELECT FROM moderation.brake_events e WHERE e.package_id = brake.package_id AND e.item_id IS NULL
                                       AND e.release = live.release AND e.released_at IS NULL) THEN
        RETURN NULL;
    END IF;
    recent_from := greatest(at - brake.recent, live.since);
    -- The history is the package's, whichever release judged, since it was last out of force.
    SELECT min(d.since) INTO begins FROM moderation.deployments d
    WHERE d.package_id = brake.package_id AND d.stage = 'live' AND d.release IS NOT NULL
      AND d.deployment_id > coalesce((SELECT max(n.deployment_id) FROM moderation.deployments n
                                      WHERE n.package_id = brake.package_id AND n.stage = 'live' AND n.release IS NULL), 0);
    -- Without the items that are out of enforcement, or whose surge somebody accepted: a single item is no reason to go back.
    SELECT count(DISTINCT (h.source_id, h.digest, h.content_key))
               FILTER (WHERE h.observed_at > recent_from AND (h.release = live.release OR NOT in_rollout)),
           count(DISTINCT (h.source_id, h.digest, h.content_key)) FILTER (WHERE h.observed_at <= recent_from)
    INTO now_contents, past_contents FROM moderation.hits h
    WHERE h.package_id = brake.package_id AND h.stage = 'live' AND h.observed_at > greatest(at - brake.history, begins) AND h.observed_at <= at
      AND NOT EXISTS (SELECT FROM (SELECT o.effect, o.until FROM moderation.item_overrides o WHERE o.item_id = h.item_id
                                   ORDER BY o.override_id DESC LIMIT 1) n
                      WHERE n.effect <> 'normal' AND (n.until IS NULL OR n.until > now()))
      AND NOT EXISTS (SELECT FROM moderation.brake_events e WHERE e.package_id = brake.package_id AND e.item_id = h.item_id
                      AND e.released_at > now() - brake.history);
    -- In a rollout the release judges its share of the contents; the package judged all of the past.
    event := moderation.test_surge(brake,
        (SELECT max(e.share) FROM moderation.brake_events e
         WHERE e.package_id = brake.package_id AND e.item_id IS NULL AND e.released_at > now() - brake.history),
        live.share / 100, 1, begins, recent_from, at, now_contents, past_contents, false);
    IF event.contents IS NULL THEN
        RETURN NULL;
    END IF;
    event.release := live.release;
    event.done := 'reported';
    event.reason := format('Release %s of package "%s" as a whole ', live.release, target) || event.reason;
    IF brake.rollback THEN
        BEGIN
            PERFORM moderation.rollback_package(target, note => 'brake: ' || event.reason);
            event.done := 'rolled back';
            event.deployment_id := (moderation.deployed(brake.package_id, 'live')).deployment_id;
        EXCEPTION WHEN object_not_in_prerequisite_state THEN
            event.reason := event.reason || format('; it cannot be rolled back (%s)', SQLERRM);
        END;
    END IF;
    event.reason := event.reason || CASE event.done
        WHEN 'rolled back' THEN '. It was rolled back. moderation.undo_release() clears what it flagged.'
        ELSE '. Nothing was done.' END;
    RETURN event;
END
$fn$;
COMMENT ON FUNCTION moderation.brake_release(moderation.brakes, timestamptz) IS 'Internal: the event if the live release of a package surges as a whole, not stored yet, else NULL; rolls it back if the settings say so.';
CREATE FUNCTION moderation.run_brakes(at timestamptz DEFAULT now()) RETURNS SETOF moderation.brake_events
    LANGUAGE plpgsql SECURITY DEFINER ROWS 10 SET search_path = pg_catalog, pg_temp SET jit = off
AS $fn$
DECLARE
    package record;
    brake moderation.brakes;
    event moderation.brake_events;
    found_events moderation.brake_events[];
BEGIN
    IF run_brakes.at IS NULL OR NOT isfinite(run_brakes.at) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('at %s is no moment', coalesce(run_brakes.at::text, 'NULL')),
            DETAIL = 'The recent window of every brake ends there.',
            HINT = 'Leave it out for now.';
    ELSIF pg_trigger_depth() > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'brakes are not run by a trigger',
            DETAIL = 'A write of an application would wait for it, and change what is enforced.',
            HINT = 'Run it every few minutes from a scheduler: SELECT * FROM moderation.run_brakes();';
    END IF;
    PERFORM moderation.collect_rejected();
    FOR package IN
        SELECT p.package_id, p.name FROM moderation.brakes b JOIN moderation.packages p ON p.package_id = b.package_id
        -- Of restricted packages only what is for an admin to decide.
        WHERE b.enabled AND moderation.may_deploy(p.package_id) ORDER BY p.package_id
    LOOP
        -- Runs queue up; the second sees what the first braked. A statement of its own: what it waited for is seen by the next.
        PERFORM moderation.lock_package(package.name);
        SELECT b.* INTO brake FROM moderation.brakes b WHERE b.package_id = package.package_id AND b.enabled;
        CONTINUE WHEN NOT FOUND;
        found_events := ARRAY(SELECT e FROM moderation.brake_items(brake, run_brakes.at) e);
        event := moderation.brake_release(brake, run_brakes.at);
        IF event.contents IS NOT NULL THEN
            found_events := found_events || event;
        END IF;
        FOREACH event IN ARRAY found_events LOOP
            event.event_id := nextval('moderation.brake_events_event_id_seq');
            event.sql := CASE event.done WHEN 'reported' THEN format('SELECT moderation.rollback_package(%L, note => ''brake event %s'');', package.name, event.event_id)
                                         ELSE format('SELECT moderation.release_brake(%s);', event.event_id) END;
            event.braked_at := clock_timestamp();
            event.braked_by := moderation.caller();
            INSERT INTO moderation.brake_events OVERRIDING SYSTEM VALUE SELECT (event).*;
            PERFORM moderation.audit('run_brakes', package.name, NULL,
                jsonb_strip_nulls(jsonb_build_object('event', event.event_id, 'item', event.item_id, 'release', event.release, 'done', event.done)),
                event.reason);
            RETURN NEXT event;
        END LOOP;
    END LOOP;
END
$fn$;
COMMENT ON FUNCTION moderation.run_brakes(timestamptz) IS 'For every package with a brake: items that hit far more often in the recent window than in their history are kept to shadow, a release that does as a whole is reported, or rolled back if its brake says so; returns the new events. For a scheduler, every few minutes, or by hand; refused within triggers.';
CREATE FUNCTION moderation.release_brake(event_id bigint, note text DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    event moderation.brake_events;
    target moderation.packages;
    live moderation.deployments;
    before moderation.deployments;
    lifted boolean := false;
BEGIN
    SELECT e.* INTO event FROM moderation.brake_events e WHERE e.event_id = release_brake.event_id;
    IF FOUND THEN
        target := moderation.lock_package((SELECT p.name FROM moderation.packages p WHERE p.package_id = event.package_id));
        PERFORM moderation.check_approver(target);
        SELECT e.* INTO event FROM moderation.brake_events e WHERE e.event_id = release_brake.event_id FOR UPDATE;
    END IF;
    IF event.event_id IS NULL OR event.released_at IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = CASE WHEN event.event_id IS NULL THEN 'undefined_object' ELSE 'object_not_in_prerequisite_state' END,
            MESSAGE = CASE WHEN event.event_id IS NULL THEN format('there is no brake event %s', coalesce(release_brake.event_id::text, 'NULL'))
                           ELSE format('brake event %s was released already', event.event_id) END,
            DETAIL = CASE WHEN event.event_id IS NULL THEN 'Nothing was braked under this number.'
                          ELSE format('By %s, at %s.', event.released_by, event.released_at) END,
            HINT = 'What is braked is listed in moderation.brakes_in_force.';
    END IF;
    -- What somebody decided since stays as it is: only what the brake itself did is taken back.
    IF event.override_id IS NOT NULL THEN
        IF event.override_id = (SELECT max(o.override_id) FROM moderation.item_overrides o WHERE o.item_id = event.item_id) THEN
            lifted := moderation.override_items(target.name, ARRAY[event.item_id], 'normal', NULL, release_brake.note) > 0;
        END IF;
    ELSIF event.deployment_id IS NOT NULL THEN
        live := moderation.deployed(event.package_id, 'live');
        IF live.deployment_id = event.deployment_id THEN
            SELECT d.* INTO before FROM moderation.deployments d
            WHERE d.package_id = event.package_id AND d.stage = 'live' AND d.deployment_id < event.deployment_id
            ORDER BY d.deployment_id DESC LIMIT 1;
            PERFORM moderation.deploy(event.package_id, 'live', before.release, release_brake.note, before.share, before.rest, 'restore');
            PERFORM moderation.compile_in_force();
            lifted := true;
        END IF;
    END IF;
    UPDATE moderation.brake_events e SET released_at = clock_timestamp(), released_by = moderation.caller(), note = release_brake.note
    WHERE e.event_id = event.event_id;
    PERFORM moderation.audit('release_brake', target.name, jsonb_build_object('event', event.event_id, 'done', event.done),
                             jsonb_build_object('lifted', lifted), release_brake.note);
    RETURN lifted;
END
$fn$;
COMMENT ON FUNCTION moderation.release_brake(bigint, text) IS 'Takes back what a brake did: the item is enforced again, the release that was rolled back is live again with its share. The share it had counts as usual from then on, for as long as the history is. False if there was nothing to take back: the event was a report, or somebody changed it since.';
CREATE VIEW moderation.brakes_in_force WITH (security_barrier) AS
    SELECT e.event_id, p.name AS package, e.item_id, e.release,
           CASE WHEN p.package_id = ANY ((SELECT moderation.readable_packages())::integer[])
                THEN (SELECT v.term FROM moderation.item_versions v WHERE v.item_id = e.item_id ORDER BY v.added_in DESC LIMIT 1) END AS term,
           e.done, e.contents, e.judged, e.usual_share, e.share, e.probability, e.reason, e.sql, e.braked_at
    FROM moderation.brake_events e JOIN moderation.packages p ON p.package_id = e.package_id
    WHERE e.released_at IS NULL AND p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]);
COMMENT ON VIEW moderation.brakes_in_force IS 'What run_brakes() braked or reported and nobody has released, with the statement that takes it further.';
COMMENT ON COLUMN moderation.brakes_in_force.item_id IS 'NULL: the release as a whole.';
COMMENT ON COLUMN moderation.brakes_in_force.sql IS 'Takes the brake back, or rolls the release back.';
CREATE OR REPLACE VIEW moderation.in_force WITH (security_barrier) AS
    SELECT p.name AS package, d.stage, part.release, r.action, r.threshold, r.policy, r.severity, r.terms, r.allow_entries,
           d.since, d.deployed_by,
           CASE WHEN p.package_id = ANY ((SELECT moderation.readable_packages())::integer[]) THEN d.note END AS note,
           r.content_hash, part.share, d.valid_from, d.expires_at,
           coalesce(d.valid_from <= now(), true) AND coalesce(d.expires_at > now(), true) AS judges_now,
           (SELECT count(*) FROM (
                SELECT v.item_id FROM moderation.item_versions v
                WHERE v.package_id = d.package_id AND v.added_in <= part.release
                  AND (v.removed_in IS NULL OR v.removed_in > part.release)
                  AND (v.valid_from IS NOT NULL OR v.expires_at IS NOT NULL)
                  AND (v.valid_from > now() OR v.expires_at <= now())
                UNION
                SELECT v.item_id FROM moderation.item_overrides o
                JOIN moderation.item_versions v ON v.item_id = o.item_id
                WHERE o.package_id = d.package_id AND v.added_in <= part.release
                  AND (v.removed_in IS NULL OR v.removed_in > part.release)
                  AND o.effect = 'off' AND (o.until IS NULL OR o.until > now())
                  AND NOT EXISTS (SELECT FROM moderation.item_overrides n
                                  WHERE n.item_id = o.item_id AND n.override_id > o.override_id)) i) AS inactive_items,
           r.images, r.videos
    FROM moderation.packages p
    CROSS JOIN unnest(enum_range(NULL::moderation.stage)) AS s(stage)
    CROSS JOIN LATERAL (
        SELECT d.package_id, d.stage, d.release, d.share, d.rest, d.valid_from, d.expires_at, d.since, d.deployed_by, d.note
        FROM moderation.deployments d
        WHERE d.package_id = p.package_id AND d.stage = s.stage
        ORDER BY d.deployment_id DESC LIMIT 1) d
    CROSS JOIN LATERAL (VALUES (d.release, d.share), (d.rest, 100.0 - d.share)) AS part(release, share)
    JOIN moderation.releases r
      ON r.package_id = d.package_id AND r.release = part.release
    WHERE p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]);
COMMENT ON VIEW moderation.in_force IS 'What judges now: one row per release in force, two live ones of a package during a rollout; share: percent of the contents it judges; judges_now: within the package''s schedule; inactive_items: snoozed, expired or not yet valid.';
CREATE VIEW moderation.open_requests WITH (security_barrier) AS
    SELECT r.request_id, p.name AS package, r.stage, r.release, r.share,
           CASE WHEN p.package_id = ANY ((SELECT moderation.readable_packages())::integer[]) THEN r.note END AS note,
           r.requested_by, r.requested_at,
           r.release IS NULL AND r.draft_key <> d.draft_key AS draft_changed_since
    FROM moderation.publish_requests r
    JOIN moderation.packages p ON p.package_id = r.package_id
    JOIN moderation.drafts d ON d.package_id = r.package_id
    WHERE r.decision IS NULL AND p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]);
COMMENT ON VIEW moderation.open_requests IS 'Publishes that wait for a second person; draft_changed_since: cannot be approved any more.';
CREATE VIEW moderation.item_overrides_in_force WITH (security_barrier) AS
    SELECT p.name AS package, o.item_id,
           CASE WHEN p.package_id = ANY ((SELECT moderation.readable_packages())::integer[]) THEN v.term END AS term,
           o.effect, o.since, o.until, o.overridden_by,
           CASE WHEN p.package_id = ANY ((SELECT moderation.readable_packages())::integer[]) THEN o.reason END AS reason
    FROM moderation.item_overrides o
    JOIN moderation.packages p ON p.package_id = o.package_id
    LEFT JOIN LATERAL (SELECT v.term FROM moderation.item_versions v
                       WHERE v.item_id = o.item_id ORDER BY v.added_in DESC LIMIT 1) v ON true
    WHERE p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]) AND o.effect <> 'normal' AND (o.until IS NULL OR o.until > now())
      AND NOT EXISTS (SELECT FROM moderation.item_overrides n
                      WHERE n.item_id = o.item_id AND n.override_id > o.override_id);
COMMENT ON VIEW moderation.item_overrides_in_force IS 'Items that are snoozed, or kept to shadow, at this moment.';
CREATE OR REPLACE VIEW moderation.current_items WITH (security_barrier) AS
    SELECT p.name AS package, v.item_id, v.kind, v.allow, v.term, v.match, v.level, v.language, v.weight, v.added_in,
           v.added_in > p.latest_release AS is_draft, i.source, i.case_ref, i.note, i.created_at, i.created_by,
           v.valid_from, v.expires_at, o.effect AS override, o.until AS override_until, v.label, v.hash, v.max_distance,
           cardinality(v.frames) AS frames, v.min_material, v.min_content, i.evidence
    FROM moderation.item_versions v
    JOIN moderation.packages p ON p.package_id = v.package_id
    JOIN moderation.items i ON i.item_id = v.item_id
    LEFT JOIN LATERAL (
        SELECT o.effect, o.until FROM moderation.item_overrides o
        WHERE o.item_id = v.item_id ORDER BY o.override_id DESC LIMIT 1) o
      ON o.effect <> 'normal' AND (o.until IS NULL OR o.until > now())
    WHERE v.removed_in IS NULL AND p.package_id = ANY ((SELECT moderation.readable_packages())::integer[]);
COMMENT ON VIEW moderation.current_items IS 'Every package''s draft: the items the next release would contain; is_draft marks those no release has yet; override and override_until: snoozed, or kept to shadow, at this moment.';
CREATE OR REPLACE VIEW moderation.recent_hits WITH (security_barrier) AS
    SELECT h.observed_at, s.relation AS source, h.content_key, h.owner_key, p.name AS package, h.release, h.stage, h.action,
           h.outcome, h.item_id, CASE WHEN m.readable THEN v.term END AS term, h.field,
           CASE WHEN m.readable THEN h.span_start END AS span_start, CASE WHEN m.readable THEN h.span_length END AS span_length, h.places,
           CASE WHEN m.readable THEN h.matched END AS matched, h.level, h.steps, h.score, h.hit_id, h.kind,
           CASE WHEN m.readable THEN v.label END AS label, CASE WHEN m.readable THEN h.distance END AS distance, h.material_percent,
           h.content_percent, CASE WHEN m.readable THEN h.time_ranges END AS time_ranges,
           w.withdrawn_at, CASE WHEN m.readable THEN w.reason END AS withdrawn_because
    FROM moderation.hits h
    LEFT JOIN moderation.withdrawn_hits w ON w.hit_id = h.hit_id
    JOIN moderation.packages p ON p.package_id = h.package_id
    CROSS JOIN LATERAL (SELECT p.package_id = ANY ((SELECT moderation.readable_packages())::integer[])) AS m(readable)
    LEFT JOIN moderation.sources s ON s.source_id = h.source_id
    LEFT JOIN moderation.item_versions v
      ON v.item_id = h.item_id AND v.added_in <= h.release
     AND (v.removed_in IS NULL OR v.removed_in > h.release)
    WHERE h.package_id = ANY ((SELECT moderation.visible_packages())::integer[])
      AND h.observed_at >= (now() - interval '30 days');
COMMENT ON VIEW moderation.recent_hits IS 'Hits of the last 30 days with the names of package, term and source; matched is the text as it stood. withdrawn_at: the hit no longer stands, and why. Among millions of hits, ask for a time (observed_at > now() - interval ''1 hour'') or take latest_hits: whoever may read some packages only has them sorted before LIMIT can end the search.';
CREATE VIEW moderation.latest_hits WITH (security_barrier) AS
    SELECT h.observed_at, p.name AS package, h.release, h.stage, h.action, h.outcome, s.relation AS source, h.content_key, h.owner_key, h.kind,
           h.item_id, CASE WHEN m.readable THEN v.term END AS term, CASE WHEN m.readable THEN v.label END AS label, h.field,
           CASE WHEN m.readable THEN h.matched END AS matched, h.score, h.hit_id, w.withdrawn_at
    FROM moderation.packages p
    CROSS JOIN LATERAL (SELECT p.package_id = ANY ((SELECT moderation.readable_packages())::integer[])) AS m(readable)
    CROSS JOIN LATERAL (SELECT n.observed_at, n.release, n.stage, n.action, n.outcome, n.source_id, n.content_key, n.owner_key, n.kind, n.item_id,
                               n.field, n.matched, n.score, n.hit_id
                        FROM moderation.hits n WHERE n.package_id = p.package_id ORDER BY n.observed_at DESC LIMIT 100) h
    LEFT JOIN moderation.withdrawn_hits w ON w.hit_id = h.hit_id
    LEFT JOIN moderation.sources s ON s.source_id = h.source_id
    LEFT JOIN moderation.item_versions v
      ON v.item_id = h.item_id AND v.added_in <= h.release
     AND (v.removed_in IS NULL OR v.removed_in > h.release)
    WHERE p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]);
COMMENT ON VIEW moderation.latest_hits IS 'The newest 100 hits of each package, live and shadow, however old and however many there are: for the panel of a dashboard. recent_hits has all of 30 days.';
CREATE OR REPLACE VIEW moderation.items_never_hit WITH (security_barrier) AS
    SELECT DISTINCT f.package, f.stage, v.item_id, v.kind,
           CASE WHEN p.package_id = ANY ((SELECT moderation.readable_packages())::integer[]) THEN v.term END AS term,
           v.match, v.level, v.added_in, i.created_at,
           CASE WHEN p.package_id = ANY ((SELECT moderation.readable_packages())::integer[]) THEN i.source END AS source,
           CASE WHEN p.package_id = ANY ((SELECT moderation.readable_packages())::integer[]) THEN v.label END AS label
    FROM moderation.in_force f
    JOIN moderation.packages p ON p.name = f.package
    JOIN moderation.item_versions v
      ON v.package_id = p.package_id AND v.added_in <= f.release
     AND (v.removed_in IS NULL OR v.removed_in > f.release)
    JOIN moderation.items i ON i.item_id = v.item_id
    WHERE p.package_id = ANY ((SELECT moderation.visible_packages())::integer[])
      AND NOT v.allow
      -- The rollups know most items that hit, also before the oldest hit that is kept; the hits need asking for the rest only.
      AND NOT EXISTS (SELECT FROM moderation.rollup_items u WHERE u.item_id = v.item_id)
      AND NOT EXISTS (SELECT FROM moderation.hits h WHERE h.item_id = v.item_id);
COMMENT ON VIEW moderation.items_never_hit IS 'Items in force that no attached table ever hit: candidates for cleaning up, or for a second look at their spelling.';
COMMENT ON VIEW moderation.attachments IS 'Tables that are or were attached, the columns watched, their roles in the same order, and what a block does. Settings NULL: no longer attached.';
CREATE VIEW moderation.compiled_state AS
    SELECT CASE WHEN c.bytes IS NOT NULL THEN 'mapped' WHEN c.mapped_here IS NOT NULL THEN 'private' ELSE 'missing' END AS state,
           NOT c.in_force AS stale,
           (SELECT array_agg(p.name || ' ' || (r.value ->> 'release') || ' ' || (r.value ->> 'stage') ORDER BY r.n)
            FROM jsonb_array_elements(c.releases) WITH ORDINALITY r(value, n)
            JOIN moderation.packages p ON p.package_id = (r.value -> 'package_id')::integer) AS releases,
           (SELECT sum((r.value -> 'items')::bigint)::bigint FROM jsonb_array_elements(c.releases) r(value)) AS items,
           c.bytes, c.built_at, make_interval(secs => c.build_ms::double precision / 1000) AS build_time, c.used_at,
           c.set_name, c.base
    FROM moderation.compiled_sets() c;
COMMENT ON VIEW moderation.compiled_state IS 'The compiled sets of this database on this server. State: mapped (a file that all processes share), private (in the memory of each process, because no file can be written; shown to sessions that have it), missing (compiled at the next use). Stale: no longer in force, removed ten minutes after its last use. A set with a base is a small change of that one.';
COMMENT ON COLUMN moderation.package_daily.package IS 'Name of the package.';
COMMENT ON COLUMN moderation.package_daily.stage IS 'live (enforced) or shadow (recorded only).';
COMMENT ON COLUMN moderation.package_daily.unsure IS 'Contents that reviewers could not decide.';
COMMENT ON COLUMN moderation.package_daily.disputed IS 'Contents that reviewers contradict each other about, without an appeal that decided.';
COMMENT ON COLUMN moderation.package_daily.precision_low IS 'Lower limit of precision, Wilson 95 %.';
COMMENT ON COLUMN moderation.package_daily.precision_high IS 'Upper limit.';
COMMENT ON COLUMN moderation.release_daily.day IS 'Day of the hits, UTC.';
COMMENT ON COLUMN moderation.release_daily.package IS 'Name of the package.';
COMMENT ON COLUMN moderation.release_daily.release IS 'Number of the release that hit.';
COMMENT ON COLUMN moderation.release_daily.stage IS 'live (enforced) or shadow (recorded only).';
COMMENT ON COLUMN moderation.release_daily.hits IS 'Rows of moderation.hits: one per content, digest, release and item.';
COMMENT ON COLUMN moderation.release_daily.contents IS 'Distinct contents with a hit on that day.';
COMMENT ON COLUMN moderation.release_daily.owners IS 'Their distinct owners, where attach() knows the column.';
COMMENT ON COLUMN moderation.release_daily.kept_out IS 'Of the contents, those quarantined or rejected.';
COMMENT ON COLUMN moderation.release_daily.true_positives IS 'Contents labelled violating.';
COMMENT ON COLUMN moderation.release_daily.false_positives IS 'Contents labelled benign.';
COMMENT ON COLUMN moderation.release_daily.unsure IS 'Contents that reviewers could not decide.';
COMMENT ON COLUMN moderation.release_daily.disputed IS 'Contents that reviewers contradict each other about, without an appeal that decided.';
COMMENT ON COLUMN moderation.item_daily.day IS 'Day of the hits, UTC.';
COMMENT ON COLUMN moderation.item_daily.package IS 'Name of the package.';
COMMENT ON COLUMN moderation.item_daily.stage IS 'live (enforced) or shadow (recorded only).';
COMMENT ON COLUMN moderation.item_daily.item_id IS 'The item, see moderation.items.';
COMMENT ON COLUMN moderation.item_daily.hits IS 'Rows of moderation.hits: one per content, digest, release and item.';
COMMENT ON COLUMN moderation.item_daily.contents IS 'Distinct contents with a hit on that day.';
COMMENT ON COLUMN moderation.item_daily.owners IS 'Their distinct owners, where attach() knows the column.';
COMMENT ON COLUMN moderation.item_daily.kept_out IS 'Of the contents, those quarantined or rejected.';
COMMENT ON COLUMN moderation.item_daily.true_positives IS 'Contents labelled violating.';
COMMENT ON COLUMN moderation.item_daily.false_positives IS 'Contents labelled benign.';
COMMENT ON COLUMN moderation.item_daily.unsure IS 'Contents that reviewers could not decide.';
COMMENT ON COLUMN moderation.item_daily.disputed IS 'Contents that reviewers contradict each other about, without an appeal that decided.';
COMMENT ON COLUMN moderation.item_totals.package IS 'Name of the package.';
COMMENT ON COLUMN moderation.item_totals.stage IS 'live (enforced) or shadow (recorded only).';
COMMENT ON COLUMN moderation.item_totals.item_id IS 'The item, see moderation.items.';
COMMENT ON COLUMN moderation.item_totals.term IS 'Its newest wording; NULL for images and videos.';
COMMENT ON COLUMN moderation.item_totals.hits IS 'Rows of moderation.hits: one per content, digest, release and item.';
COMMENT ON COLUMN moderation.item_totals.true_positives IS 'Contents labelled violating, counted once a day.';
COMMENT ON COLUMN moderation.item_totals.false_positives IS 'Contents labelled benign, counted once a day.';
COMMENT ON COLUMN moderation.item_totals.precision IS 'TP / (TP + FP); NULL without labels.';
COMMENT ON COLUMN moderation.item_totals.precision_low IS 'Lower limit of precision, Wilson 95 %.';
COMMENT ON COLUMN moderation.item_totals.precision_high IS 'Upper limit.';
COMMENT ON COLUMN moderation.item_totals.recent_precision IS 'Of the 28 days before the last refresh; NULL without labels.';
COMMENT ON COLUMN moderation.item_totals.first_day IS 'First day with a hit, UTC.';
COMMENT ON COLUMN moderation.item_totals.last_day IS 'Last day with a hit.';
COMMENT ON COLUMN moderation.current_alarms.package IS 'Name of the package.';
COMMENT ON COLUMN moderation.current_alarms.stage IS 'live (enforced) or shadow (recorded only).';
COMMENT ON COLUMN moderation.current_alarms.term IS 'Newest wording of the item; NULL for images, videos and the package as a whole.';
COMMENT ON COLUMN moderation.current_alarms.contents IS 'Contents hit in the last hour.';
COMMENT ON COLUMN moderation.current_alarms.judged IS 'Contents judged in the last hour, estimated from the exposures.';
COMMENT ON COLUMN moderation.current_alarms.usual_rate IS 'Share of the judged contents that the 71 hours before hit, weighted 0.98 to the power of the age in hours.';
COMMENT ON COLUMN moderation.current_alarms.rate IS 'Share in the last hour.';
COMMENT ON COLUMN moderation.labels.source_id IS 'The attached table, see moderation.sources.';
COMMENT ON COLUMN moderation.labels.content_key IS 'Key of the content, as text.';
COMMENT ON COLUMN moderation.labels.hit_id IS 'The hit that is labelled; NULL: the content.';
COMMENT ON COLUMN moderation.labels.policy_id IS 'The policy applied; NULL: none in particular.';
COMMENT ON COLUMN moderation.labels.last_reviewed_at IS 'Time of its newest review.';
COMMENT ON COLUMN moderation.hit_labels.bucket IS 'Partition of the ring of hits.';
COMMENT ON COLUMN moderation.hit_labels.hit_id IS 'The hit.';
COMMENT ON COLUMN moderation.hit_labels.observed_at IS 'When it was found.';
COMMENT ON COLUMN moderation.hit_labels.source_id IS 'The attached table, see moderation.sources.';
COMMENT ON COLUMN moderation.hit_labels.content_key IS 'Key of the content, as text; NULL if it has none.';
COMMENT ON COLUMN moderation.hit_labels.owner_key IS 'Owner of the content; NULL unless attach() knows the column.';
COMMENT ON COLUMN moderation.hit_labels.digest IS 'content_digest() of the watched columns.';
COMMENT ON COLUMN moderation.hit_labels.package_id IS 'The package.';
COMMENT ON COLUMN moderation.hit_labels.release IS 'Number of the release that hit.';
COMMENT ON COLUMN moderation.hit_labels.stage IS 'live (enforced) or shadow (recorded only).';
COMMENT ON COLUMN moderation.hit_labels.item_id IS 'The item, see moderation.items.';
COMMENT ON COLUMN moderation.hit_labels.kind IS 'term, image or video.';
COMMENT ON COLUMN moderation.hit_labels.action IS 'What the package does: log, review or block.';
COMMENT ON COLUMN moderation.hit_labels.outcome IS 'What became of the content: flagged, quarantined or rejected.';
COMMENT ON COLUMN moderation.hit_labels.places IS 'How often the item occurs in the content.';
COMMENT ON COLUMN moderation.hit_labels.score IS 'Weight of the item times how literal the evidence is.';
COMMENT ON COLUMN moderation.hit_labels.policy_id IS 'The policy of the release that hit.';
COMMENT ON COLUMN moderation.hit_labels.disputed IS 'Reviewers contradict each other and no appeal has decided.';
COMMENT ON COLUMN moderation.content_verdicts.source_id IS 'The attached table, see moderation.sources.';
COMMENT ON COLUMN moderation.content_verdicts.content_key IS 'Key of the content, as text; NULL if it has none.';
COMMENT ON COLUMN moderation.content_verdicts.owner_key IS 'Owner of the content; NULL unless attach() knows the column.';
COMMENT ON COLUMN moderation.content_verdicts.digest IS 'content_digest() of the watched columns.';
COMMENT ON COLUMN moderation.content_verdicts.package_id IS 'The package.';
COMMENT ON COLUMN moderation.content_verdicts.release IS 'Number of the release that hit.';
COMMENT ON COLUMN moderation.content_verdicts.stage IS 'live (enforced) or shadow (recorded only).';
COMMENT ON COLUMN moderation.content_verdicts.outcome IS 'What became of the content: flagged, quarantined or rejected.';
COMMENT ON COLUMN moderation.content_verdicts.observed_at IS 'When this version of the content was judged.';
COMMENT ON COLUMN moderation.content_verdicts.hits IS 'Items that hit it.';
COMMENT ON COLUMN moderation.content_verdicts.threshold IS 'Of the release.';
COMMENT ON COLUMN moderation.recent_hits.observed_at IS 'When it was found.';
COMMENT ON COLUMN moderation.recent_hits.source IS 'The attached table.';
COMMENT ON COLUMN moderation.recent_hits.content_key IS 'Key of the content, as text; NULL if it has none.';
COMMENT ON COLUMN moderation.recent_hits.owner_key IS 'Owner of the content; NULL unless attach() knows the column.';
COMMENT ON COLUMN moderation.recent_hits.package IS 'Name of the package.';
COMMENT ON COLUMN moderation.recent_hits.release IS 'Number of the release that hit.';
COMMENT ON COLUMN moderation.recent_hits.stage IS 'live (enforced) or shadow (recorded only).';
COMMENT ON COLUMN moderation.recent_hits.action IS 'What the package does: log, review or block.';
COMMENT ON COLUMN moderation.recent_hits.outcome IS 'What became of the content: flagged, quarantined or rejected.';
COMMENT ON COLUMN moderation.recent_hits.item_id IS 'The item, see moderation.items.';
COMMENT ON COLUMN moderation.recent_hits.term IS 'Its wording in that release; NULL for images and videos.';
COMMENT ON COLUMN moderation.recent_hits.field IS 'Column of the best place.';
COMMENT ON COLUMN moderation.recent_hits.span_start IS 'Best place in the field, in characters from 1.';
COMMENT ON COLUMN moderation.recent_hits.span_length IS 'Its length in characters.';
COMMENT ON COLUMN moderation.recent_hits.places IS 'How often the item occurs in the content.';
COMMENT ON COLUMN moderation.recent_hits.matched IS 'The text as it stood; of an image or a frame, its hash.';
COMMENT ON COLUMN moderation.recent_hits.level IS 'How literally it was found.';
COMMENT ON COLUMN moderation.recent_hits.steps IS 'What had to be assumed: look-alike, leet and so on.';
COMMENT ON COLUMN moderation.recent_hits.score IS 'Weight of the item times how literal the evidence is.';
COMMENT ON COLUMN moderation.recent_hits.hit_id IS 'The hit.';
COMMENT ON COLUMN moderation.recent_hits.kind IS 'term, image or video.';
COMMENT ON COLUMN moderation.recent_hits.label IS 'Label of an image or video item.';
COMMENT ON COLUMN moderation.recent_hits.distance IS 'Bits in which the image, or the nearest frame, differs from the item.';
COMMENT ON COLUMN moderation.recent_hits.material_percent IS 'Part of a risk videos frames that the content contains.';
COMMENT ON COLUMN moderation.recent_hits.content_percent IS 'Part of the contents frames that the item covers.';
COMMENT ON COLUMN moderation.recent_hits.time_ranges IS 'Where in the contents video, in seconds.';
COMMENT ON COLUMN moderation.recent_hits.withdrawn_at IS 'When the hit ceased to stand; NULL: it stands.';
COMMENT ON COLUMN moderation.recent_hits.withdrawn_because IS 'Why: the rescan that did not find it again, or the undo.';
COMMENT ON COLUMN moderation.latest_hits.observed_at IS 'When it was found.';
COMMENT ON COLUMN moderation.latest_hits.package IS 'Name of the package.';
COMMENT ON COLUMN moderation.latest_hits.release IS 'Number of the release that hit.';
COMMENT ON COLUMN moderation.latest_hits.stage IS 'live (enforced) or shadow (recorded only).';
COMMENT ON COLUMN moderation.latest_hits.action IS 'What the package does: log, review or block.';
COMMENT ON COLUMN moderation.latest_hits.outcome IS 'What became of the content: flagged, quarantined or rejected.';
COMMENT ON COLUMN moderation.latest_hits.source IS 'The attached table.';
COMMENT ON COLUMN moderation.latest_hits.content_key IS 'Key of the content, as text; NULL if it has none.';
COMMENT ON COLUMN moderation.latest_hits.owner_key IS 'Owner of the content; NULL unless attach() knows the column.';
COMMENT ON COLUMN moderation.latest_hits.kind IS 'term, image or video.';
COMMENT ON COLUMN moderation.latest_hits.item_id IS 'The item, see moderation.items.';
COMMENT ON COLUMN moderation.latest_hits.term IS 'Its wording in that release; NULL for images and videos.';
COMMENT ON COLUMN moderation.latest_hits.label IS 'Label of an image or video item.';
COMMENT ON COLUMN moderation.latest_hits.field IS 'Column of the best place.';
COMMENT ON COLUMN moderation.latest_hits.matched IS 'The text as it stood; of an image or a frame, its hash.';
COMMENT ON COLUMN moderation.latest_hits.score IS 'Weight of the item times how literal the evidence is.';
COMMENT ON COLUMN moderation.latest_hits.hit_id IS 'The hit.';
COMMENT ON COLUMN moderation.latest_hits.withdrawn_at IS 'When the hit ceased to stand; NULL: it stands.';
COMMENT ON COLUMN moderation.items_never_hit.package IS 'Name of the package.';
COMMENT ON COLUMN moderation.items_never_hit.stage IS 'live (enforced) or shadow (recorded only).';
COMMENT ON COLUMN moderation.items_never_hit.item_id IS 'The item, see moderation.items.';
COMMENT ON COLUMN moderation.items_never_hit.kind IS 'term, image or video.';
COMMENT ON COLUMN moderation.items_never_hit.term IS 'NULL for images and videos.';
COMMENT ON COLUMN moderation.items_never_hit.match IS 'How it is looked for.';
COMMENT ON COLUMN moderation.items_never_hit.level IS 'How strictly it is compared.';
COMMENT ON COLUMN moderation.items_never_hit.added_in IS 'First release with this wording.';
COMMENT ON COLUMN moderation.items_never_hit.created_at IS 'When the item was added.';
COMMENT ON COLUMN moderation.items_never_hit.source IS 'Where it is from.';
COMMENT ON COLUMN moderation.items_never_hit.label IS 'Label of an image or video item.';
COMMENT ON COLUMN moderation.open_proposals.proposal_id IS 'For accept_proposal() and reject_proposal().';
COMMENT ON COLUMN moderation.open_proposals.package IS 'The package to be changed.';
COMMENT ON COLUMN moderation.open_proposals.kind IS 'What is proposed, see the type proposal_kind.';
COMMENT ON COLUMN moderation.open_proposals.item_id IS 'The item to be removed or varied; NULL when something is added.';
COMMENT ON COLUMN moderation.open_proposals.term IS 'The term in question; NULL for lists and images.';
COMMENT ON COLUMN moderation.open_proposals.evidence IS 'The figures it rests on.';
COMMENT ON COLUMN moderation.open_proposals.effect IS 'Expected true and false positives, precision and recall before and after, with Wilson 95 % intervals.';
COMMENT ON COLUMN moderation.open_proposals.examples IS 'Contents or excerpts.';
COMMENT ON COLUMN moderation.open_proposals.sql IS 'What accepting runs.';
COMMENT ON COLUMN moderation.open_proposals.case_id IS 'The case it is derived from.';
COMMENT ON COLUMN moderation.open_proposals.proposed_at IS 'When.';
COMMENT ON COLUMN moderation.open_proposals.proposed_by IS 'By which role.';
COMMENT ON COLUMN moderation.in_force.package IS 'Name of the package.';
COMMENT ON COLUMN moderation.in_force.stage IS 'live (enforced) or shadow (recorded only).';
COMMENT ON COLUMN moderation.in_force.release IS 'Its number.';
COMMENT ON COLUMN moderation.in_force.action IS 'What its hits lead to: log, review or block.';
COMMENT ON COLUMN moderation.in_force.threshold IS 'Sum of item scores at which it acts.';
COMMENT ON COLUMN moderation.in_force.policy IS 'Name of the policy, as frozen in the release.';
COMMENT ON COLUMN moderation.in_force.severity IS 'Of the policy, 1 to 5.';
COMMENT ON COLUMN moderation.in_force.terms IS 'Terms in it.';
COMMENT ON COLUMN moderation.in_force.allow_entries IS 'Allow entries in it.';
COMMENT ON COLUMN moderation.in_force.since IS 'When it was put in force.';
COMMENT ON COLUMN moderation.in_force.deployed_by IS 'By which role.';
COMMENT ON COLUMN moderation.in_force.note IS 'What was noted.';
COMMENT ON COLUMN moderation.in_force.content_hash IS 'Hash of its content, the same on every server.';
COMMENT ON COLUMN moderation.in_force.share IS 'Percent of the contents it judges.';
COMMENT ON COLUMN moderation.in_force.valid_from IS 'The package counts from then on.';
COMMENT ON COLUMN moderation.in_force.expires_at IS 'The package counts until then.';
COMMENT ON COLUMN moderation.in_force.judges_now IS 'Within that schedule.';
COMMENT ON COLUMN moderation.in_force.inactive_items IS 'Items that are snoozed, expired or not yet valid.';
COMMENT ON COLUMN moderation.in_force.images IS 'Image items in it.';
COMMENT ON COLUMN moderation.in_force.videos IS 'Video items in it.';
CREATE TYPE moderation.verdict_change AS ENUM ('same', 'changed', 'gained', 'lost');
COMMENT ON TYPE moderation.verdict_change IS 'What a candidate does to a content: gained: the package acts and did not; lost: it acted and does not; changed: it acts otherwise; same.';
CREATE TYPE moderation.candidate_verdict AS (
    change moderation.verdict_change, action_before moderation.action, action_after moderation.action, score_before real,
    score_after real, verdict_before moderation.action, verdict_after moderation.action, items_before bigint[],
    items_after bigint[], culprits bigint[], needed bigint[]);
COMMENT ON TYPE moderation.candidate_verdict IS 'A content judged twice. action: what the package asks for (NULL: it does not act); verdict: the strongest action of all live packages, with the candidate in place after. culprits: items and allow entries that make the difference, empty when only the settings do. needed: items without which the verdict would be weaker.';
CREATE FUNCTION moderation.candidate_verdict(
    package text, release integer, against integer, owner text, VARIADIC fields "any")
    RETURNS moderation.candidate_verdict
    LANGUAGE c STABLE PARALLEL SAFE COST 200
    AS 'MODULE_PATHNAME', 'moderation_candidate_verdict';
COMMENT ON FUNCTION moderation.candidate_verdict(text, integer, integer, text, "any") IS 'One content (its texts, images and videos, by their types) judged in one pass by what is live, or with the release "against" in its place, and by a candidate: a release, or the draft when NULL; as if it came in now from this owner. NULL when the package has no hit on either side.';
CREATE TYPE moderation.backtest_row AS (
    content_key text, change moderation.verdict_change, action_before moderation.action, action_after moderation.action,
    score_before real, score_after real, verdict_before moderation.action, verdict_after moderation.action,
    items_before bigint[], items_after bigint[], culprits bigint[], needed bigint[]);
COMMENT ON TYPE moderation.backtest_row IS 'A content that a package hits before or after a change: its key, then as moderation.candidate_verdict.';
CREATE TYPE moderation.content_source AS (
    relation regclass, query text, source_id integer, key name, fields name[], media name[], owner name);
COMMENT ON TYPE moderation.content_source IS 'Where contents are read: a relation or a query, its key column, its text columns, its columns of images and videos, and that of the owner. source_id: the attached table whose reviews are its labels.';
CREATE FUNCTION moderation.in_sample(key text, share double precision) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN share IS NULL
        OR (hashtextextended(coalesce(key, ''), 0) & 1073741823)::double precision
           < share * 1073741824::double precision;
COMMENT ON FUNCTION moderation.in_sample(text, double precision) IS 'Is a content in the sample of this share? By the hash of its key: the same contents in every run, those of a smaller share among those of a larger; NULL: all.';
CREATE FUNCTION moderation.attached_columns(
    relation regclass, OUT source_id integer, OUT key name, OUT fields name[], OUT images name[], OUT videos name[], OUT owner name,
    OUT verdict name)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT a.source_id,
               min(u.column_name::text) FILTER (WHERE u.roles ? 'id')::name,
               array_agg(u.column_name ORDER BY u.n) FILTER (WHERE u.roles ? 'text'),
               array_agg(u.column_name ORDER BY u.n) FILTER (WHERE u.roles ? 'image'),
               array_agg(u.column_name ORDER BY u.n) FILTER (WHERE u.roles ? 'video'),
               min(u.column_name::text) FILTER (WHERE u.roles ? 'owner')::name,
               min(u.column_name::text) FILTER (WHERE u.roles ? 'verdict')::name
        FROM moderation.attachments a
        LEFT JOIN LATERAL (SELECT c.name, r.roles, c.n FROM unnest(a.columns) WITH ORDINALITY c(name, n)
                           JOIN jsonb_array_elements(a.settings->'roles') WITH ORDINALITY r(roles, n) ON r.n = c.n)
             u(column_name, roles, n) ON true
        WHERE a.source = attached_columns.relation
        GROUP BY a.source_id;
    END;
COMMENT ON FUNCTION moderation.attached_columns(regclass) IS 'Internal: the columns of an attached table by what attach() was told of them.';
CREATE FUNCTION moderation.column_types(source moderation.content_source, names name[], caller_path text) RETURNS regtype[]
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    missing name;
    types regtype[];
BEGIN
    IF source.relation IS NOT NULL THEN
        SELECT c INTO missing FROM unnest(names) c
        WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = source.relation AND a.attname = c
                          AND a.attnum > 0 AND NOT a.attisdropped) LIMIT 1;
        IF missing IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'undefined_column',
                MESSAGE = format('column "%s" of table %s does not exist', missing, source.relation),
                DETAIL = 'It was named as the key, the owner or a field.',
                HINT = (SELECT format('Columns are: %s.', string_agg(a.attname, ', ' ORDER BY a.attnum))
                        FROM pg_attribute a WHERE a.attrelid = source.relation AND a.attnum > 0 AND NOT a.attisdropped);
        END IF;
        RETURN ARRAY(SELECT a.atttypid::regtype FROM unnest(names) WITH ORDINALITY u(c, n)
                     JOIN pg_attribute a ON a.attrelid = source.relation AND a.attname = u.c ORDER BY u.n);
    END IF;
    PERFORM set_config('search_path', caller_path, true);
    -- No row of the query is read.
    EXECUTE format('SELECT ARRAY[%s] FROM (VALUES (1)) AS one LEFT JOIN (%s
) AS s ON false',
        (SELECT string_agg(format('pg_catalog.pg_typeof(s.%I)', c), ', ' ORDER BY n) FROM unnest(names) WITH ORDINALITY u(c, n)),
        source.query) INTO types;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    RETURN types;
END
$fn$;
COMMENT ON FUNCTION moderation.column_types(moderation.content_source, name[], text) IS 'Internal: types of columns of a source, or a clear error.';
CREATE FUNCTION moderation.is_media(type regtype) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT coalesce(nullif(t.typbasetype, 0), t.oid)
               = ANY (ARRAY['moderation.pdqhash'::regtype, 'moderation.pdqhash[]'::regtype, 'moderation.video_frame[]'::regtype]::oid[])
        FROM pg_type t WHERE t.oid = is_media.type;
    END;
COMMENT ON FUNCTION moderation.is_media(regtype) IS 'Internal: does a column of this type hold images or videos?';
CREATE FUNCTION moderation.resolve_source(
    source text, key name, fields name[], labels_of regclass, owner name, caller_path text)
    RETURNS moderation.content_source
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    found moderation.content_source;
    attached record;
    columns name[];
    types regtype[];
BEGIN
    IF source IS NULL OR source ~ '^\s*$' THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'source must name a table or be a query',
            DETAIL = 'It is NULL or empty.',
            HINT = 'For example ''ads'', or ''SELECT ad_id, body FROM ads''.';
    END IF;
    found.key := resolve_source.key;
    found.owner := resolve_source.owner;
    columns := resolve_source.fields;
    IF labels_of IS NOT NULL THEN
        SELECT a.source_id INTO found.source_id FROM moderation.attached_columns(labels_of) a;
    END IF;
    IF source ~* '^[\s(]*(select|with|values|table)\M' THEN
        found.query := source;
    ELSE
        PERFORM set_config('search_path', caller_path, true);
        found.relation := source::regclass;
        PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
        SELECT * INTO attached FROM moderation.attached_columns(found.relation) a;
        found.key := coalesce(found.key, attached.key);
        found.owner := coalesce(found.owner, attached.owner);
        columns := coalesce(columns, attached.fields || attached.images || attached.videos);
        found.source_id := coalesce(found.source_id, attached.source_id);
    END IF;
    IF found.key IS NULL OR coalesce(cardinality(columns), 0) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('which columns of %s hold the key and the contents is not known',
                             coalesce(found.relation::text, 'the query')),
            DETAIL = 'Only an attached table needs no key and fields.',
            HINT = 'Name them: key => ''ad_id'', fields => ''{title,body}''.';
    END IF;
    types := moderation.column_types(found, array_remove(columns || found.key || found.owner, NULL), caller_path);
    found.fields := ARRAY(SELECT c FROM unnest(columns, types) WITH ORDINALITY u(c, type, n)
                          WHERE n <= cardinality(columns) AND NOT moderation.is_media(type) ORDER BY n);
    found.media := ARRAY(SELECT c FROM unnest(columns, types) WITH ORDINALITY u(c, type, n)
                         WHERE n <= cardinality(columns) AND moderation.is_media(type) ORDER BY n);
    RETURN found;
END
$fn$;
COMMENT ON FUNCTION moderation.resolve_source(text, name, name[], regclass, name, text) IS 'Internal: what the source, key and fields of a backtest mean, or a clear error. Names are looked up in the caller''s search_path.';
CREATE FUNCTION moderation.source_sql(source moderation.content_source) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
    RETURN coalesce(source.relation::text, '(' || source.query || E'\n)');
COMMENT ON FUNCTION moderation.source_sql(moderation.content_source) IS 'Internal: the source in a FROM clause.';
CREATE FUNCTION moderation.judged_sql(source moderation.content_source, sample double precision, condition text) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    RETURN format('(SELECT s.%1$I AS k, moderation.candidate_verdict($1, $2, $3, %2$s, %3$s) AS v FROM %4$s AS s WHERE %5$s%6$s OFFSET 0)',
        source.key,
        CASE WHEN source.owner IS NULL THEN 'NULL' ELSE format('s.%I::pg_catalog.text', source.owner) END,
        (SELECT string_agg(CASE WHEN c = ANY (source.media) THEN format('s.%I', c) ELSE format('s.%I::pg_catalog.text', c) END, ', ' ORDER BY n)
         FROM unnest(source.fields || source.media) WITH ORDINALITY u(c, n)),
        moderation.source_sql(source),
        coalesce(condition, 'true'),
        CASE WHEN sample IS NOT NULL THEN format(' AND moderation.in_sample(s.%I::pg_catalog.text, $4)', source.key) END);
COMMENT ON FUNCTION moderation.judged_sql(moderation.content_source, double precision, text) IS 'Internal: the source as a sub-select of key and verdict. No operator in it, so that nothing in the caller''s search_path can change it; OFFSET 0, so that the verdict is computed once a row, not once a column.';
CREATE FUNCTION moderation.backtest_row_sql() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 'j.k::pg_catalog.text, (j.v).change, (j.v).action_before, (j.v).action_after, (j.v).score_before, (j.v).score_after, '
        '(j.v).verdict_before, (j.v).verdict_after, (j.v).items_before, (j.v).items_after, (j.v).culprits, (j.v).needed';
COMMENT ON FUNCTION moderation.backtest_row_sql() IS 'Internal: the columns of moderation.backtest_row over judged_sql() AS j.';
CREATE FUNCTION moderation.check_backtest(package text, release integer, against integer, sample double precision) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF sample IS NOT NULL AND NOT (sample > 0 AND sample <= 1) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('sample %s is out of range', sample),
            DETAIL = 'It is the share of the contents to look at, above 0 and at most 1.',
            HINT = 'For example sample => 0.01; leave it out for every content.';
    END IF;
    IF package IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'package must not be NULL',
            DETAIL = 'A backtest judges by one package.', HINT = 'Packages are listed in moderation.packages.';
    END IF;
    -- Also when there is no row to judge: an unknown package or release, and one that does not compile, is an error.
    PERFORM moderation.candidate_verdict(package, release, against, NULL, ''::text);
END
$fn$;
COMMENT ON FUNCTION moderation.check_backtest(text, integer, integer, double precision) IS 'Internal: an error if a backtest cannot be made with this.';
CREATE FUNCTION moderation.backtest_rows(
    source moderation.content_source, package text, release integer, against integer, sample double precision, caller_path text)
    RETURNS SETOF moderation.backtest_row
    LANGUAGE plpgsql STABLE ROWS 10000
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD'
    SET IntervalStyle = 'postgres' SET TimeZone = 'UTC' SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $fn$
DECLARE
    rows_sql text := moderation.judged_sql(source, sample, NULL);
BEGIN
    PERFORM moderation.check_backtest(package, release, against, sample);
    IF source.query IS NOT NULL THEN
        PERFORM set_config('search_path', caller_path, true);
    END IF;
    RETURN QUERY EXECUTE format('SELECT %s FROM %s AS j WHERE (j.v).change IS NOT NULL', moderation.backtest_row_sql(), rows_sql)
    USING package, release, against, sample;
END
$fn$;
COMMENT ON FUNCTION moderation.backtest_rows(moderation.content_source, text, integer, integer, double precision, text) IS 'Internal: the rows of a backtest.';
CREATE FUNCTION moderation.backtest_package(
    package text, source text, key name DEFAULT NULL, fields name[] DEFAULT NULL, release integer DEFAULT NULL,
    against integer DEFAULT NULL, sample double precision DEFAULT NULL, owner name DEFAULT NULL)
    RETURNS SETOF moderation.backtest_row
    LANGUAGE sql STABLE ROWS 10000
    BEGIN ATOMIC
        SELECT r.content_key, r.change, r.action_before, r.action_after, r.score_before, r.score_after, r.verdict_before,
               r.verdict_after, r.items_before, r.items_after, r.culprits, r.needed
        FROM moderation.backtest_rows(
            moderation.resolve_source(source, key, fields, NULL, owner, current_setting('search_path')),
            package, release, against, sample, current_setting('search_path')) r;
    END;
COMMENT ON FUNCTION moderation.backtest_package(text, text, name, name[], integer, integer, double precision, name) IS 'What the draft of a package (or a release) would change, against what is live (or the release "against"): one row for every content that either hits. The source is an attached table, any table with its key and its columns of texts, images and videos, or a query; read as the caller, in parallel where PostgreSQL can. sample: a share of the contents. owner: the column whose strikes verdict rules ask for.';
CREATE FUNCTION moderation.backtest_package(
    package text, source regclass, key name DEFAULT NULL, fields name[] DEFAULT NULL, release integer DEFAULT NULL,
    against integer DEFAULT NULL, sample double precision DEFAULT NULL, owner name DEFAULT NULL)
    RETURNS SETOF moderation.backtest_row
    LANGUAGE sql STABLE ROWS 10000
    BEGIN ATOMIC
        SELECT r.content_key, r.change, r.action_before, r.action_after, r.score_before, r.score_after, r.verdict_before,
               r.verdict_after, r.items_before, r.items_after, r.culprits, r.needed
        FROM moderation.backtest_rows(
            moderation.resolve_source(source::text, key, fields, NULL, owner, current_setting('search_path')),
            package, release, against, sample, current_setting('search_path')) r;
    END;
COMMENT ON FUNCTION moderation.backtest_package(text, regclass, name, name[], integer, integer, double precision, name) IS 'The same for a table given as regclass.';
CREATE FUNCTION moderation.content_labels(
    source_id integer, package text, OUT content_key text, OUT label moderation.review_label)
    RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT DISTINCT ON (l.content_key) l.content_key, l.label
        FROM moderation.labels l
        WHERE l.source_id = content_labels.source_id AND l.hit_id IS NULL AND l.label IS NOT NULL
          AND (l.policy_id IS NULL OR l.policy_id = (SELECT p.policy_id FROM moderation.packages p
                                                     WHERE p.name = content_labels.package))
        ORDER BY l.content_key, l.policy_id;
    END;
COMMENT ON FUNCTION moderation.content_labels(integer, text) IS 'Internal: what the reviews of every reviewed content of a source amount to, under the policy of the package or else under none.';
CREATE FUNCTION moderation.mostly_live(package_id integer) RETURNS integer
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT CASE WHEN d.rest IS NOT NULL AND d.share < 50 THEN d.rest ELSE d.release END
        FROM moderation.deployments d
        WHERE d.package_id = mostly_live.package_id AND d.stage = 'live'
        ORDER BY d.deployment_id DESC LIMIT 1;
    END;
COMMENT ON FUNCTION moderation.mostly_live(integer) IS 'Internal: the live release of a package; in the middle of a rollout the one that judges more contents.';
CREATE FUNCTION moderation.compared_items(
    package text, release integer, against integer, OUT item_id bigint, OUT kind moderation.item_kind, OUT allow boolean,
    OUT term text, OUT match moderation.match_mode, OUT level moderation.match_level, OUT state text)
    RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        WITH numbers AS (
            SELECT p.package_id, coalesce(compared_items.release, p.latest_release + 1) AS after,
                   coalesce(compared_items.against, moderation.mostly_live(p.package_id), 0) AS before,
                   p.package_id = ANY ((SELECT moderation.readable_packages())::integer[]) AS readable
            FROM moderation.packages p
            WHERE p.name = compared_items.package AND p.package_id = ANY ((SELECT moderation.visible_packages())::integer[])
        ), before AS (
            SELECT v.item_id, v.added_in, v.kind, v.allow, v.term, v.label, v.match, v.level
            FROM numbers n JOIN moderation.item_versions v ON v.package_id = n.package_id
            WHERE v.added_in <= n.before AND (v.removed_in IS NULL OR v.removed_in > n.before)
        ), after AS (
            SELECT v.item_id, v.added_in, v.kind, v.allow, v.term, v.label, v.match, v.level
            FROM numbers n JOIN moderation.item_versions v ON v.package_id = n.package_id
            WHERE v.added_in <= n.after AND (v.removed_in IS NULL OR v.removed_in > n.after)
        )
        SELECT coalesce(a.item_id, b.item_id), coalesce(a.kind, b.kind), coalesce(a.allow, b.allow),
               CASE WHEN n.readable THEN coalesce(a.term, a.label, b.term, b.label) END,
               CASE WHEN n.readable THEN coalesce(a.match, b.match) END, CASE WHEN n.readable THEN coalesce(a.level, b.level) END,
               CASE WHEN a.item_id IS NULL THEN 'removed' WHEN b.item_id IS NULL THEN 'added'
                    WHEN a.added_in = b.added_in THEN 'kept' ELSE 'modified' END
        FROM after a FULL JOIN before b ON b.item_id = a.item_id CROSS JOIN numbers n;
    END;
COMMENT ON FUNCTION moderation.compared_items(text, integer, integer) IS 'Internal: the items of two releases (NULL: the draft, and what is live) and whether they were added, removed, modified or kept.';
CREATE FUNCTION moderation.source_labels(
    source moderation.content_source, package text, sample double precision, caller_path text,
    OUT labelled text[], OUT labels moderation.review_label[])
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' SET IntervalStyle = 'postgres'
    SET TimeZone = 'UTC' SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $fn$
DECLARE
    present text[];
BEGIN
    IF source.source_id IS NULL THEN
        RETURN;
    END IF;
    SELECT array_agg(l.content_key), array_agg(l.label) INTO labelled, labels
    FROM moderation.content_labels(source.source_id, package) l WHERE moderation.in_sample(l.content_key, sample);
    IF labelled IS NULL THEN
        RETURN;
    END IF;
    -- Only contents that are there can be found: a reviewed row may be deleted, or outside the query.
    IF source.query IS NOT NULL THEN
        PERFORM set_config('search_path', caller_path, true);
    END IF;
    EXECUTE format('SELECT pg_catalog.array_agg(DISTINCT s.%1$I::pg_catalog.text) FROM %2$s AS s '
                   'WHERE s.%1$I::pg_catalog.text OPERATOR(pg_catalog.=) ANY ($1)', source.key, moderation.source_sql(source))
    INTO present USING labelled;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    SELECT array_agg(u.key), array_agg(u.label) INTO labelled, labels
    FROM unnest(labelled, labels) u(key, label) JOIN unnest(present) p(key) ON p.key = u.key;
END
$fn$;
COMMENT ON FUNCTION moderation.source_labels(moderation.content_source, text, double precision, text) IS 'Internal: the labels of those contents that the source holds.';
CREATE TYPE moderation.backtest_item AS (
    item_id bigint, kind moderation.item_kind, allow boolean, term text, match moderation.match_mode,
    level moderation.match_level, state text, contents bigint, gained bigint, lost bigint, needed bigint,
    true_positives bigint, false_positives bigint, precision double precision, precision_low double precision,
    precision_high double precision, recall double precision, recall_low double precision, recall_high double precision,
    examples text[]);
COMMENT ON TYPE moderation.backtest_item IS 'A row of backtest_summary(). state: before and after (the package as a whole, item_id NULL), or kept, modified, added, removed. contents: hit by the item in the candidate (acted on, for the package); gained and lost: contents that change because of it; needed: contents that only it catches. Precision and recall from reviews, with Wilson 95 % intervals; recall is of the reviewed violating contents. examples: ten keys, changed ones first.';
CREATE FUNCTION moderation.summarise_rows(
    source moderation.content_source, package text, release integer, against integer, sample double precision,
    caller_path text, run_id bigint)
    RETURNS SETOF moderation.backtest_item
    LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    RETURN QUERY
        WITH label AS MATERIALIZED (
            SELECT u.key, u.label FROM moderation.source_labels(source, package, sample, caller_path) s
            CROSS JOIN LATERAL unnest(s.labelled, s.labels) AS u(key, label)
        ), found AS (
            -- One of the two: PostgreSQL asks the condition first and reads nothing of the other.
            SELECT * FROM moderation.backtest_rows(source, package, release, against, sample, caller_path) WHERE summarise_rows.run_id IS NULL
            UNION ALL
            SELECT * FROM moderation.run_rows(summarise_rows.run_id) WHERE summarise_rows.run_id IS NOT NULL
        ), row_label AS MATERIALIZED (
            SELECT r.content_key, r.change, r.action_before, r.action_after, r.items_after, r.culprits, r.needed, l.label
            FROM found r LEFT JOIN label l ON l.key = r.content_key
        ), mention AS (
            SELECT i.item, r.content_key, r.label, r.change, true AS hits, false AS culprit
            FROM row_label r, unnest(r.items_after) AS i(item)
            UNION ALL
            SELECT i.item, r.content_key, r.label, r.change, false, true
            FROM row_label r, unnest(r.culprits) AS i(item)
        ), needed AS (
            SELECT i.item, count(*) AS contents FROM row_label r, unnest(r.needed) AS i(item) GROUP BY i.item
        ), per_item AS (
            SELECT m.item, count(*) FILTER (WHERE m.hits) AS contents,
                   count(*) FILTER (WHERE m.culprit AND m.change = 'gained') AS gained,
                   count(*) FILTER (WHERE m.culprit AND m.change = 'lost') AS lost,
                   count(*) FILTER (WHERE m.hits AND m.label = 'violating') AS tp,
                   count(*) FILTER (WHERE m.hits AND m.label = 'benign') AS fp,
                   (array_agg(m.content_key ORDER BY m.change = 'same', m.content_key))[1:20] AS examples
            FROM mention m GROUP BY m.item
        ), listed AS (
            SELECT 1 AS part, i.item_id, i.kind, i.allow, i.term, i.match, i.level, i.state,
                   coalesce(p.contents, 0) AS contents, coalesce(p.gained, 0) AS gained, coalesce(p.lost, 0) AS lost,
                   coalesce(n.contents, 0) AS needed, coalesce(p.tp, 0) AS tp, coalesce(p.fp, 0) AS fp, p.examples
            FROM moderation.compared_items(package, release, against) i
            LEFT JOIN per_item p ON p.item = i.item_id
            LEFT JOIN needed n ON n.item = i.item_id
            WHERE p.item IS NOT NULL OR i.state <> 'kept'
            UNION ALL
            SELECT 0, NULL, NULL, NULL, NULL, NULL, NULL, s.state,
                   count(*) FILTER (WHERE s.acts), count(*) FILTER (WHERE s.state = 'after' AND s.change = 'gained'),
                   count(*) FILTER (WHERE s.state = 'after' AND s.change = 'lost'), 0,
                   count(*) FILTER (WHERE s.acts AND s.label = 'violating'),
                   count(*) FILTER (WHERE s.acts AND s.label = 'benign'),
                   (array_agg(s.content_key ORDER BY s.change = 'same', s.content_key) FILTER (WHERE s.acts OR s.change <> 'same'))[1:10]
            FROM (SELECT 'before' AS state, r.action_before IS NOT NULL AS acts, r.change, r.label, r.content_key FROM row_label r
                  UNION ALL
                  SELECT 'after', r.action_after IS NOT NULL, r.change, r.label, r.content_key FROM row_label r) s
            GROUP BY s.state
        ), positives AS (
            SELECT count(*) FILTER (WHERE l.label = 'violating') AS n FROM label l
        )
        SELECT l.item_id, l.kind, l.allow, l.term, l.match, l.level, l.state, l.contents, l.gained, l.lost, l.needed, l.tp, l.fp,
               l.tp / nullif(l.tp + l.fp, 0)::double precision, w.low, w.high,
               CASE WHEN NOT coalesce(l.allow, false) THEN l.tp / nullif(p.n, 0)::double precision END,
               CASE WHEN NOT coalesce(l.allow, false) THEN r.low END, CASE WHEN NOT coalesce(l.allow, false) THEN r.high END,
               coalesce(ARRAY(SELECT e.key FROM unnest(l.examples) WITH ORDINALITY e(key, n)
                              GROUP BY e.key ORDER BY min(e.n) LIMIT 10), '{}')
        FROM listed l CROSS JOIN positives p
        CROSS JOIN LATERAL moderation.wilson_interval(l.tp, l.tp + l.fp) w
        CROSS JOIN LATERAL moderation.wilson_interval(l.tp, p.n) r
        ORDER BY l.part, l.state = 'after', l.gained + l.lost DESC, l.contents DESC, l.item_id;
END
$fn$;
COMMENT ON FUNCTION moderation.summarise_rows(moderation.content_source, text, integer, integer, double precision, text, bigint) IS 'Internal: what backtest_summary() says of a backtest, or of what a run has found.';
CREATE FUNCTION moderation.backtest_summary(
    package text, source text, key name DEFAULT NULL, fields name[] DEFAULT NULL, release integer DEFAULT NULL,
    against integer DEFAULT NULL, sample double precision DEFAULT NULL, labels_of regclass DEFAULT NULL, owner name DEFAULT NULL)
    RETURNS SETOF moderation.backtest_item
    LANGUAGE sql STABLE ROWS 100
    BEGIN ATOMIC
        SELECT s.* FROM moderation.summarise_rows(
            moderation.resolve_source(source, key, fields, labels_of, owner, current_setting('search_path')),
            package, release, against, sample, current_setting('search_path'), NULL) s;
    END;
COMMENT ON FUNCTION moderation.backtest_summary(text, text, name, name[], integer, integer, double precision, regclass, name) IS 'A backtest by item: what it gains and loses, what only it catches, precision and recall where reviews exist, ten examples; two rows for the package as a whole come first. labels_of: the attached table whose reviews label the keys of a query.';
CREATE FUNCTION moderation.backtest_summary(
    package text, source regclass, key name DEFAULT NULL, fields name[] DEFAULT NULL, release integer DEFAULT NULL,
    against integer DEFAULT NULL, sample double precision DEFAULT NULL, labels_of regclass DEFAULT NULL, owner name DEFAULT NULL)
    RETURNS SETOF moderation.backtest_item
    LANGUAGE sql STABLE ROWS 100
    BEGIN ATOMIC
        SELECT s.* FROM moderation.summarise_rows(
            moderation.resolve_source(source::text, key, fields, labels_of, owner, current_setting('search_path')),
            package, release, against, sample, current_setting('search_path'), NULL) s;
    END;
COMMENT ON FUNCTION moderation.backtest_summary(text, regclass, name, name[], integer, integer, double precision, regclass, name) IS 'The same for a table given as regclass.';
CREATE TABLE moderation.backtest_runs (
    run_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package         text,
    release         integer,
    draft_key       uuid,
    against         integer,
    relation        regclass,
    query           text,
    source_id       integer,
    key             name NOT NULL,
    key_type        regtype,
    fields          name[] NOT NULL,
    media           name[] NOT NULL DEFAULT '{}',
    owner           name,
    sample          double precision,
    caller_path     text NOT NULL,
    rows_planned    bigint NOT NULL,
    started_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_by      text NOT NULL
);
COMMENT ON TABLE moderation.backtest_runs IS 'Backtests that are kept and can be resumed: what is compared, over which rows.';
COMMENT ON COLUMN moderation.backtest_runs.package IS 'NULL: the run is a rescan.';
COMMENT ON COLUMN moderation.backtest_runs.release IS 'The candidate; NULL: the draft in the state that draft_key names.';
COMMENT ON COLUMN moderation.backtest_runs.against IS 'The release compared with, fixed when the run began; NULL: nothing was live.';
COMMENT ON COLUMN moderation.backtest_runs.key_type IS 'Type of the key when its ranges can be compared by text; NULL: the run has one chunk.';
COMMENT ON COLUMN moderation.backtest_runs.caller_path IS 'search_path of whoever began the run: the query''s names mean what they meant then.';
CREATE TABLE moderation.backtest_chunks (
    run_id          bigint NOT NULL,
    chunk           integer NOT NULL,
    above           text,
    up_to           text,
    rows_planned    bigint NOT NULL,
    state           text NOT NULL DEFAULT 'pending' CHECK (state = ANY (ARRAY['pending', 'done', 'failed'])),
    attempts        integer NOT NULL DEFAULT 0,
    rows            bigint,
    started_at      timestamptz,
    finished_at     timestamptz,
    error_code      text,
    error           text,
    PRIMARY KEY (run_id, chunk)
);
COMMENT ON TABLE moderation.backtest_chunks IS 'The chunks of runs. The session at work on one holds its row lock; a failed one is tried again by the next call of run_backtest().';
COMMENT ON COLUMN moderation.backtest_chunks.above IS 'Keys after this one, up to and including up_to; NULL: no bound.';
CREATE TABLE moderation.backtest_results (
    run_id          bigint NOT NULL,
    chunk           integer NOT NULL,
    content_key     text,
    change          moderation.verdict_change NOT NULL,
    action_before   moderation.action,
    action_after    moderation.action,
    score_before    real,
    score_after     real,
    verdict_before  moderation.action,
    verdict_after   moderation.action,
    items_before    bigint[],
    items_after     bigint[],
    culprits        bigint[],
    needed          bigint[],
    result_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY
);
CREATE INDEX backtest_results_run_idx ON moderation.backtest_results (run_id, change);
COMMENT ON TABLE moderation.backtest_results IS 'What runs found: rows as of backtest_package().';
CREATE FUNCTION moderation.create_run(run moderation.backtest_runs, bounds text[], sizes bigint[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    new_id bigint;
BEGIN
    INSERT INTO moderation.backtest_runs
        (package, release, draft_key, against, relation, query, source_id, key, key_type, fields, media, owner, sample, caller_path,
         rows_planned, started_by)
    SELECT run.package, run.release,
           CASE WHEN run.release IS NULL THEN (SELECT d.draft_key FROM moderation.drafts d WHERE d.package_id = p.package_id) END,
           coalesce(run.against, moderation.mostly_live(p.package_id)),
           run.relation, run.query, run.source_id, run.key, run.key_type, run.fields, run.media, run.owner, run.sample, run.caller_path,
           run.rows_planned, moderation.caller()
    FROM (SELECT 1) one LEFT JOIN moderation.packages p ON p.name = run.package
    RETURNING run_id INTO new_id;
    INSERT INTO moderation.backtest_chunks (run_id, chunk, above, up_to, rows_planned)
    SELECT new_id, u.n, lag(u.bound) OVER (ORDER BY u.n), u.bound, u.size
    FROM unnest(bounds, sizes) WITH ORDINALITY u(bound, size, n);
    RETURN new_id;
END
$fn$;
COMMENT ON FUNCTION moderation.create_run(moderation.backtest_runs, text[], bigint[]) IS 'Internal: stores a planned run and its chunks.';
CREATE FUNCTION moderation.plan_run(
    package text, source moderation.content_source, release integer, against integer, sample double precision,
    chunk_rows integer, caller_path text, is_rescan boolean)
    RETURNS bigint
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD'
    SET IntervalStyle = 'postgres' SET TimeZone = 'UTC' SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $fn$
DECLARE
    run moderation.backtest_runs;
    from_sql text := moderation.source_sql(source);
    total bigint;
    without_key bigint;
    repeated bigint;
    key_type regtype;
    size bigint;
    bounds text[];
    sizes bigint[];
BEGIN
    IF chunk_rows IS NULL OR chunk_rows < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('chunk_rows %s is out of range', coalesce(chunk_rows::text, 'NULL')),
            DETAIL = 'A chunk has at least one row.', HINT = 'Leave it out for 50,000.';
    END IF;
    IF NOT is_rescan THEN
        PERFORM moderation.check_backtest(package, release, against, sample);
    END IF;
    IF source.query IS NOT NULL THEN
        PERFORM set_config('search_path', caller_path, true);
    END IF;
    EXECUTE format('SELECT pg_catalog.pg_typeof((SELECT s.%I FROM %s AS s LIMIT 1))', source.key, from_sql) INTO key_type;
    EXECUTE format('SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE s.%I IS NULL) FROM %s AS s', source.key, from_sql)
    INTO total, without_key;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    IF without_key > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = format('%s of %s rows have no key', without_key, total),
            DETAIL = format('Column "%s" is NULL there; such a content could not be named in the results.', source.key),
            HINT = 'Name a column that is never NULL, or leave these rows out with a query.';
    END IF;
    size := chunk_rows;
    -- Ranges need an order that text and type agree on, and an index, or every chunk reads everything.
    IF NOT EXISTS (SELECT FROM pg_type t WHERE t.oid = key_type AND t.typnamespace = 'pg_catalog'::regnamespace
                   AND t.typtype = 'b' AND EXISTS (SELECT FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod
                       WHERE a.amname = 'btree' AND c.opcdefault AND (c.opcintype = t.oid OR t.typname = 'varchar'))) THEN
        key_type := NULL;
        size := greatest(total, 1);
    ELSIF source.relation IS NOT NULL AND total > size * 8 AND NOT EXISTS (
        SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = source.key
        WHERE i.indrelid = source.relation AND i.indisvalid AND i.indkey[0] = a.attnum AND i.indpred IS NULL) THEN
        size := (total + 7) / 8;
        RAISE NOTICE USING MESSAGE = format('no index on column "%s" of %s: the run has 8 chunks, each reads the whole table',
                                            source.key, source.relation),
            HINT = format('CREATE INDEX ON %s (%I)', source.relation, source.key);
    END IF;
    IF source.query IS NOT NULL THEN
        PERFORM set_config('search_path', caller_path, true);
    END IF;
    -- Rows with the same key have the same place in the order, so they are never torn apart.
    EXECUTE format(
        'SELECT pg_catalog.array_agg(b.k ORDER BY b.n), pg_catalog.max(b.repeated) FROM ('
        'SELECT o.k, o.n, pg_catalog.sum(o.again) OVER () AS repeated, o.last FROM ('
        'SELECT s.%1$I::pg_catalog.text AS k, pg_catalog.row_number() OVER w AS n, '
        'CASE WHEN pg_catalog.row_number() OVER w OPERATOR(pg_catalog.>) pg_catalog.rank() OVER w THEN 1 ELSE 0 END AS again, '
        '$1 AS last FROM %2$s AS s WINDOW w AS (ORDER BY s.%1$I)) AS o) AS b '
        'WHERE pg_catalog.mod(b.n, $2) OPERATOR(pg_catalog.=) 0 OR b.n OPERATOR(pg_catalog.=) b.last',
        source.key, from_sql)
    INTO bounds, repeated USING total, size;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    IF repeated > 0 THEN
        RAISE NOTICE USING MESSAGE = format('%s rows repeat the key of another', repeated),
            DETAIL = 'Each is judged by itself; results that name the key cannot tell them apart.';
    END IF;
    IF total > 0 THEN
        SELECT array_agg(least(size, total - size * (n - 1)) ORDER BY n) INTO sizes FROM generate_series(1, cardinality(bounds)) n;
        IF key_type IS NULL THEN
            bounds := ARRAY[NULL::text];
            sizes := ARRAY[total];
        ELSE
            -- The last chunk is open: what is inserted meanwhile is looked at too.
            bounds[cardinality(bounds)] := NULL;
        END IF;
    END IF;
    run.package := package;
    run.release := release;
    run.against := against;
    run.relation := source.relation;
    run.query := source.query;
    run.source_id := source.source_id;
    run.key := source.key;
    run.key_type := key_type;
    run.fields := source.fields;
    run.media := coalesce(source.media, '{}');
    run.owner := source.owner;
    run.sample := sample;
    run.caller_path := caller_path;
    run.rows_planned := total;
    RETURN moderation.create_run(run, coalesce(bounds, '{}'), coalesce(sizes, '{}'));
END
$fn$;
COMMENT ON FUNCTION moderation.plan_run(text, moderation.content_source, integer, integer, double precision, integer, text, boolean) IS 'Internal: cuts a source into chunks of keys.';
CREATE FUNCTION moderation.start_backtest(
    package text, source text, key name DEFAULT NULL, fields name[] DEFAULT NULL, release integer DEFAULT NULL,
    against integer DEFAULT NULL, sample double precision DEFAULT NULL, chunk_rows integer DEFAULT 50000,
    labels_of regclass DEFAULT NULL, owner name DEFAULT NULL)
    RETURNS bigint LANGUAGE sql
    BEGIN ATOMIC
        SELECT moderation.plan_run(package, moderation.resolve_source(source, key, fields, labels_of, owner, current_setting('search_path')),
                                   release, against, sample, chunk_rows, current_setting('search_path'), false);
    END;
COMMENT ON FUNCTION moderation.start_backtest(text, text, name, name[], integer, integer, double precision, integer, regclass, name) IS 'Plans a backtest of any length, cut into chunks of keys, and returns its run id; CALL run_backtest(run_id) does the work.';
CREATE FUNCTION moderation.own_run(run_id bigint) RETURNS moderation.backtest_runs
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    run moderation.backtest_runs;
BEGIN
    SELECT * INTO run FROM moderation.backtest_runs r WHERE r.run_id = own_run.run_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('there is no backtest run %s', coalesce(own_run.run_id::text, 'NULL')),
            DETAIL = 'No run has this number.', HINT = 'Runs are listed in moderation.backtest_progress.';
    END IF;
    IF run.started_by <> moderation.caller()
       -- Runs of a role that was dropped are left to superusers.
       AND NOT coalesce(pg_has_role(moderation.caller(), to_regrole(quote_ident(run.started_by)), 'MEMBER'),
                        (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = moderation.caller()), false) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('permission denied for backtest run %s', run.run_id),
            DETAIL = 'It was started by another role, whose rights it reads with.',
            HINT = 'Start one of your own with moderation.start_backtest().';
    END IF;
    RETURN run;
END
$fn$;
COMMENT ON FUNCTION moderation.own_run(bigint) IS 'Internal: a run that the caller may work on.';
CREATE FUNCTION moderation.claim_chunk(run_id bigint, since timestamptz) RETURNS moderation.backtest_chunks
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    claimed moderation.backtest_chunks;
BEGIN
    PERFORM moderation.own_run(run_id);
    -- Tells the progress view that somebody is at work.
    PERFORM pg_advisory_xact_lock_shared(hashtext('moderation.backtest_runs'), claim_chunk.run_id::integer);
    SELECT * INTO claimed FROM moderation.backtest_chunks c
    WHERE c.run_id = claim_chunk.run_id
      AND (c.state = 'pending' OR (c.state = 'failed' AND c.finished_at < since))
    ORDER BY c.state DESC, c.chunk FOR UPDATE SKIP LOCKED LIMIT 1;
    RETURN claimed;
END
$fn$;
COMMENT ON FUNCTION moderation.claim_chunk(bigint, timestamptz) IS 'Internal: the next chunk of a run that nobody works on, locked; one that failed only if that was before this call began.';
CREATE FUNCTION moderation.finish_chunk(
    run_id bigint, chunk integer, started_at timestamptz, judged bigint, rows moderation.backtest_row[], error_code text,
    error text)
    RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    PERFORM moderation.own_run(run_id);
    INSERT INTO moderation.backtest_results
    SELECT finish_chunk.run_id, finish_chunk.chunk, r.* FROM unnest(finish_chunk.rows) r;
    UPDATE moderation.backtest_chunks c
    SET state = CASE WHEN finish_chunk.error_code IS NULL THEN 'done' ELSE 'failed' END, attempts = c.attempts + 1,
        rows = judged, started_at = finish_chunk.started_at, finished_at = clock_timestamp(),
        error_code = finish_chunk.error_code, error = finish_chunk.error
    WHERE c.run_id = finish_chunk.run_id AND c.chunk = finish_chunk.chunk AND c.state <> 'done';
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('chunk %s of backtest run %s is done already', chunk, run_id),
            DETAIL = 'Its rows are stored once.', HINT = 'Work on runs with CALL moderation.run_backtest(run_id).';
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.finish_chunk(bigint, integer, timestamptz, bigint, moderation.backtest_row[], text, text) IS 'Internal: stores what a chunk gave, or why it failed.';
CREATE FUNCTION moderation.run_source(run moderation.backtest_runs) RETURNS moderation.content_source
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    RETURN ROW(run.relation, run.query, run.source_id, run.key, run.fields, run.media, run.owner)::moderation.content_source;
COMMENT ON FUNCTION moderation.run_source(moderation.backtest_runs) IS 'Internal: the source of a run.';
CREATE FUNCTION moderation.current_draft_key(package text) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT d.draft_key FROM moderation.drafts d JOIN moderation.packages p ON p.package_id = d.package_id
        WHERE p.name = current_draft_key.package;
    END;
COMMENT ON FUNCTION moderation.current_draft_key(text) IS 'Internal: names the state of a package''s draft.';
CREATE FUNCTION moderation.judge_chunk(
    run moderation.backtest_runs, piece moderation.backtest_chunks, OUT judged bigint, OUT rows moderation.backtest_row[])
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD'
    SET IntervalStyle = 'postgres' SET TimeZone = 'UTC' SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $fn$
DECLARE
    condition text;
BEGIN
    IF run.package IS NOT NULL AND run.release IS NULL AND run.draft_key IS DISTINCT FROM moderation.current_draft_key(run.package) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the draft of package "%s" has changed since run %s began', run.package, run.run_id),
            DETAIL = 'The chunks of one run would be judged by different drafts.',
            HINT = 'Start a new run, or publish the draft with stage => ''shadow'' and backtest that release.';
    END IF;
    IF run.query IS NULL AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = run.relation) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_table',
            MESSAGE = format('the table of backtest run %s does not exist any more', run.run_id),
            DETAIL = 'It was dropped after the run began.', HINT = 'Results so far stay; start another run.';
    END IF;
    SELECT string_agg(format('s.%I OPERATOR(pg_catalog.%s) %L::%s', run.key, b.operator, b.bound, run.key_type), ' AND ')
    INTO condition FROM (VALUES ('>', piece.above), ('<=', piece.up_to)) b(operator, bound) WHERE b.bound IS NOT NULL;
    IF run.package IS NULL THEN
        SELECT c.judged, c.rows INTO judged, rows FROM moderation.rescan_chunk(run, moderation.rescan_of(run.run_id), condition) c;
        RETURN;
    END IF;
    SELECT j.judged, j.rows INTO judged, rows FROM moderation.judge_rows(run, condition) j;
END
$fn$;
COMMENT ON FUNCTION moderation.judge_chunk(moderation.backtest_runs, moderation.backtest_chunks) IS 'Internal: works on the rows of a chunk as the caller.';
CREATE FUNCTION moderation.judge_rows(
    run moderation.backtest_runs, condition text, OUT judged bigint, OUT rows moderation.backtest_row[])
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD'
    SET IntervalStyle = 'postgres' SET TimeZone = 'UTC' SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $fn$
DECLARE
    source moderation.content_source := moderation.run_source(run);
BEGIN
    IF run.query IS NOT NULL THEN
        PERFORM set_config('search_path', run.caller_path, true);
    END IF;
    EXECUTE format(
        'SELECT pg_catalog.count(*), pg_catalog.array_agg(ROW(%s)::moderation.backtest_row) FILTER (WHERE (j.v).change IS NOT NULL) '
        'FROM %s AS j', moderation.backtest_row_sql(), moderation.judged_sql(source, run.sample, condition))
    INTO judged, rows USING run.package, run.release, run.against, run.sample;
END
$fn$;
COMMENT ON FUNCTION moderation.judge_rows(moderation.backtest_runs, text) IS 'Internal: judges rows of a run as the caller.';
CREATE FUNCTION moderation.work_chunk(run_id bigint, since timestamptz) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    run moderation.backtest_runs := moderation.own_run(run_id);
    piece moderation.backtest_chunks := moderation.claim_chunk(run_id, since);
    began timestamptz := clock_timestamp();
    judged record;
    message text;
BEGIN
    IF piece.chunk IS NULL THEN
        RETURN false;
    END IF;
    BEGIN
        SELECT * INTO judged FROM moderation.judge_chunk(run, piece);
        PERFORM moderation.finish_chunk(run_id, piece.chunk, began, judged.judged, judged.rows, NULL, NULL);
    EXCEPTION WHEN OTHERS THEN
        -- A cancel is not caught: it ends the call.
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
        RAISE WARNING USING
            MESSAGE = format('chunk %s of %s %s failed: %s', piece.chunk, CASE WHEN run.package IS NULL THEN 'rescan' ELSE 'backtest run' END,
                             run_id, message),
            HINT = format('The others go on; the next CALL moderation.%s tries it again.',
                          CASE WHEN run.package IS NULL THEN format('rescan(%L)', run.relation) ELSE format('run_backtest(%s)', run_id) END);
        PERFORM moderation.finish_chunk(run_id, piece.chunk, began, NULL, NULL, SQLSTATE, message);
    END;
    RETURN true;
END
$fn$;
COMMENT ON FUNCTION moderation.work_chunk(bigint, timestamptz) IS 'Internal: one chunk of a run; false when none is left.';
CREATE PROCEDURE moderation.run_backtest(run_id bigint)
    LANGUAGE plpgsql
AS $fn$
DECLARE
    since pg_catalog.timestamptz := pg_catalog.clock_timestamp();
BEGIN
    WHILE moderation.work_chunk(run_id, since) LOOP
        COMMIT;
    END LOOP;
    COMMIT;
END
$fn$;
COMMENT ON PROCEDURE moderation.run_backtest(bigint) IS 'Works on a run, one transaction a chunk, until no chunk is left. After a cancel, a crash or a failed chunk, call it again; call it from several sessions to work in parallel. Not inside a transaction block.';
CREATE VIEW moderation.backtest_progress WITH (security_barrier) AS
    SELECT r.run_id, CASE WHEN r.package IS NULL THEN 'rescan' ELSE 'backtest' END AS kind, r.package, r.release, r.against, coalesce(r.relation::text, r.query) AS source, r.sample,
           CASE WHEN c.left_over = 0 THEN 'done' WHEN w.workers > 0 THEN 'running' WHEN c.failed = c.left_over THEN 'failed'
                ELSE 'stopped' END AS state,
           w.workers, c.chunks, c.done AS chunks_done, c.failed AS chunks_failed, r.rows_planned, c.rows_done,
           c.rows_done / nullif(c.seconds, 0) AS rows_per_second,
           CASE WHEN c.rows_left = 0 THEN interval '0' ELSE
               make_interval(secs => c.rows_left * c.seconds / nullif(c.rows_done, 0) / greatest(w.workers, 1)) END AS time_left,
           (SELECT count(*) FROM moderation.backtest_results b WHERE b.run_id = r.run_id AND b.change = 'gained') AS gained,
           (SELECT count(*) FROM moderation.backtest_results b WHERE b.run_id = r.run_id AND b.change = 'lost') AS lost,
           c.last_error, r.started_at, c.finished_at, r.started_by
    FROM moderation.backtest_runs r
    CROSS JOIN LATERAL (
        SELECT count(*) AS chunks, count(*) FILTER (WHERE k.state = 'done') AS done,
               count(*) FILTER (WHERE k.state = 'failed') AS failed, count(*) FILTER (WHERE k.state <> 'done') AS left_over,
               coalesce(sum(k.rows_planned) FILTER (WHERE k.state = 'done'), 0)::bigint AS rows_done,
               coalesce(sum(k.rows_planned) FILTER (WHERE k.state <> 'done'), 0)::bigint AS rows_left,
               sum(EXTRACT(epoch FROM k.finished_at - k.started_at)) FILTER (WHERE k.state = 'done')::double precision AS seconds,
               (array_agg(k.error ORDER BY k.finished_at DESC) FILTER (WHERE k.state = 'failed'))[1] AS last_error,
               max(k.finished_at) AS finished_at
        FROM moderation.backtest_chunks k WHERE k.run_id = r.run_id) c
    CROSS JOIN LATERAL (
        SELECT count(*) AS workers FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
          AND l.classid = (hashtext('moderation.backtest_runs')::bigint & 4294967295)::oid AND l.objid = (r.run_id & 4294967295)::oid
          AND l.objsubid = 2 AND l.granted) w
    -- Also when the package is gone by that name; the query and the errors are of whoever started it.
    WHERE moderation.caller_is('admin') OR EXISTS (SELECT FROM pg_roles o WHERE o.rolname = r.started_by AND pg_has_role(o.oid, 'MEMBER'));
COMMENT ON VIEW moderation.backtest_progress IS 'Runs and how far they are: rows and chunks done, rate of one worker in rows a second, time left with the sessions now at work (of one when there is none), the newest error.';
CREATE FUNCTION moderation.run_rows(run_id bigint) RETURNS SETOF moderation.backtest_row
    LANGUAGE sql STABLE SECURITY DEFINER ROWS 10000 SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT b.content_key, b.change, b.action_before, b.action_after, b.score_before, b.score_after, b.verdict_before,
               b.verdict_after, b.items_before, b.items_after, b.culprits, b.needed
        FROM moderation.backtest_results b
        WHERE b.run_id = (moderation.own_run(run_rows.run_id)).run_id;
    END;
COMMENT ON FUNCTION moderation.run_rows(bigint) IS 'What a run has found so far, as backtest_package() returns it.';
CREATE FUNCTION moderation.summarise_run(run moderation.backtest_runs) RETURNS SETOF moderation.backtest_item
    LANGUAGE sql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT s.* FROM moderation.summarise_rows(
            moderation.run_source(run), run.package, run.release, coalesce(run.against, 0), run.sample, run.caller_path, run.run_id) s;
    END;
COMMENT ON FUNCTION moderation.summarise_run(moderation.backtest_runs) IS 'Internal: what backtest_summary(run_id) returns.';
CREATE FUNCTION moderation.backtest_summary(run_id bigint) RETURNS SETOF moderation.backtest_item
    LANGUAGE sql STABLE ROWS 100
    BEGIN ATOMIC
        SELECT s.* FROM moderation.summarise_run(moderation.own_run(run_id)) s;
    END;
COMMENT ON FUNCTION moderation.backtest_summary(bigint) IS 'The summary of what a run has found so far.';
CREATE FUNCTION moderation.backtest_estimate(
    run_id bigint, OUT change moderation.verdict_change, OUT contents bigint, OUT judged bigint, OUT share double precision,
    OUT share_low double precision, OUT share_high double precision, OUT total_low bigint, OUT total_high bigint)
    RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER ROWS 4 SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT c.change, f.n, j.judged, f.n / nullif(j.judged, 0)::double precision, w.low, w.high,
               floor(w.low * r.rows_planned)::bigint, ceil(w.high * r.rows_planned)::bigint
        FROM moderation.own_run(backtest_estimate.run_id) r
        CROSS JOIN LATERAL (SELECT coalesce(sum(k.rows), 0)::bigint AS judged FROM moderation.backtest_chunks k
                            WHERE k.run_id = r.run_id AND k.state = 'done') j
        CROSS JOIN unnest(enum_range(NULL::moderation.verdict_change)) AS c(change)
        CROSS JOIN LATERAL (SELECT count(*) AS n FROM moderation.backtest_results b
                            WHERE b.run_id = r.run_id AND b.change = c.change) f
        CROSS JOIN LATERAL moderation.wilson_interval(f.n, j.judged) w
        ORDER BY c.change;
    END;
COMMENT ON FUNCTION moderation.backtest_estimate(bigint) IS 'What a run, usually a sample, says of all rows: per change the share of the contents judged, with its Wilson 95 % interval, and between how many contents that is of all.';
CREATE FUNCTION moderation.drop_backtest(run_id bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    gone moderation.backtest_runs := moderation.own_run(run_id);
BEGIN
    DELETE FROM moderation.backtest_results b WHERE b.run_id = drop_backtest.run_id;
    DELETE FROM moderation.backtest_chunks c WHERE c.run_id = drop_backtest.run_id;
    DELETE FROM moderation.backtest_runs r WHERE r.run_id = drop_backtest.run_id;
    PERFORM moderation.audit('drop_backtest', gone.package, jsonb_strip_nulls(to_jsonb(gone)), NULL, NULL);
END
$fn$;
COMMENT ON FUNCTION moderation.drop_backtest(bigint) IS 'Forgets a run and its results.';
CREATE FUNCTION moderation.matches_terms(body text, terms jsonb) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'moderation_matches_terms';
COMMENT ON FUNCTION moderation.matches_terms(text, jsonb) IS 'Is there a hit of one of these terms, which need be in no package? An array of objects with term, and perhaps match, level and language: see hunt(). Depends on folding_version().';
CREATE FUNCTION moderation.term_hits(
    body text, terms jsonb, OUT term text, OUT span_start integer, OUT span_length integer, OUT matched text, OUT steps text[])
    RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 200 ROWS 5
    AS 'MODULE_PATHNAME', 'moderation_term_hits';
COMMENT ON FUNCTION moderation.term_hits(text, jsonb) IS 'Every place of these terms in a text; substr(body, span_start, span_length) is matched.';
CREATE FUNCTION moderation.hunt(
    terms text[], match moderation.match_mode DEFAULT 'word', level moderation.match_level DEFAULT 'folded',
    language text DEFAULT NULL) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
        SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
            'term', t.term, 'match', hunt.match, 'level', hunt.level, 'language', lower(hunt.language))) ORDER BY t.n), '[]')
        FROM unnest(terms) WITH ORDINALITY t(term, n) WHERE t.term IS NOT NULL;
    END;
COMMENT ON FUNCTION moderation.hunt(text[], moderation.match_mode, moderation.match_level, text) IS 'Terms as the operator @~ and matches_terms() take them: body OPERATOR(moderation.@~) moderation.hunt(''{online casino}'').';
CREATE FUNCTION moderation.text_grams(body text) RETURNS integer[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 200
    AS 'MODULE_PATHNAME', 'moderation_text_grams';
COMMENT ON FUNCTION moderation.text_grams(text) IS 'What an index of grams keeps of a text: a hash for every three characters in a row of its folded form and the one that follows; for every two in scripts that write words in one or two. Depends on folding_version().';
CREATE FUNCTION moderation.matches_support(internal) RETURNS internal
    LANGUAGE c STRICT
    AS 'MODULE_PATHNAME', 'moderation_matches_support';
COMMENT ON FUNCTION moderation.matches_support(internal) IS 'Planner support of matches(text, text): an index of grams may find the rows.';
ALTER FUNCTION moderation.matches(text, text) SUPPORT moderation.matches_support;
CREATE OPERATOR moderation.@~ (
    LEFTARG = text, RIGHTARG = text, FUNCTION = moderation.matches, RESTRICT = matchingsel, JOIN = matchingjoinsel);
COMMENT ON OPERATOR moderation.@~ (text, text) IS 'matches(body, package)';
CREATE OPERATOR moderation.@~ (
    LEFTARG = text, RIGHTARG = jsonb, FUNCTION = moderation.matches_terms, RESTRICT = matchingsel, JOIN = matchingjoinsel);
COMMENT ON OPERATOR moderation.@~ (text, jsonb) IS 'matches_terms(body, terms)';
CREATE FUNCTION moderation.grams_of_value(text, internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'moderation_grams_of_value';
COMMENT ON FUNCTION moderation.grams_of_value(text, internal, internal) IS 'Index support (GIN extractValue).';
CREATE FUNCTION moderation.grams_of_query(internal, internal, smallint, internal, internal, internal, internal) RETURNS internal
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'moderation_grams_of_query';
COMMENT ON FUNCTION moderation.grams_of_query(internal, internal, smallint, internal, internal, internal, internal) IS 'Index support (GIN extractQuery).';
CREATE FUNCTION moderation.grams_consistent(internal, smallint, internal, integer, internal, internal, internal, internal) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'moderation_grams_consistent';
COMMENT ON FUNCTION moderation.grams_consistent(internal, smallint, internal, integer, internal, internal, internal, internal) IS 'Index support (GIN consistent).';
CREATE FUNCTION moderation.grams_triconsistent(internal, smallint, internal, integer, internal, internal, internal) RETURNS "char"
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'moderation_grams_triconsistent';
COMMENT ON FUNCTION moderation.grams_triconsistent(internal, smallint, internal, integer, internal, internal, internal) IS 'Index support (GIN triConsistent).';
CREATE FUNCTION moderation.grams_compare_partial(integer, integer, smallint, internal) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'moderation_grams_compare_partial';
COMMENT ON FUNCTION moderation.grams_compare_partial(integer, integer, smallint, internal) IS 'Index support (GIN comparePartial).';
CREATE OPERATOR CLASS moderation.text_grams_ops FOR TYPE text USING gin AS
    OPERATOR 1 moderation.@~ (text, text),
    OPERATOR 2 moderation.@~ (text, jsonb),
    FUNCTION 1 (text, text) btint4cmp(integer, integer),
    FUNCTION 2 (text, text) moderation.grams_of_value(text, internal, internal),
    FUNCTION 3 (text, text) moderation.grams_of_query(internal, internal, smallint, internal, internal, internal, internal),
    FUNCTION 4 (text, text) moderation.grams_consistent(internal, smallint, internal, integer, internal, internal, internal, internal),
    FUNCTION 5 (text, text) moderation.grams_compare_partial(integer, integer, smallint, internal),
    FUNCTION 6 (text, text) moderation.grams_triconsistent(internal, smallint, internal, integer, internal, internal, internal),
    STORAGE integer;
COMMENT ON OPERATOR CLASS moderation.text_grams_ops USING gin IS 'Finds the texts that a package or terms hit: CREATE INDEX ON ads USING gin (title moderation.text_grams_ops, body moderation.text_grams_ops). To be rebuilt when folding_version() changes.';
CREATE FUNCTION moderation.hunt_rows(source moderation.content_source, terms jsonb, caller_path text)
    RETURNS TABLE (content_key text, field name, term text, span_start integer, span_length integer, matched text)
    LANGUAGE plpgsql STABLE ROWS 100
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' SET IntervalStyle = 'postgres' SET TimeZone = 'UTC'
    SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $fn$
BEGIN
    -- Terms that cannot be looked for are an error also when there is no row.
    PERFORM moderation.matches_terms('', hunt_rows.terms);
    IF source.query IS NOT NULL THEN
        PERFORM set_config('search_path', caller_path, true);
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT s.%I::pg_catalog.text, f.field::pg_catalog.name, h.term, h.span_start, h.span_length, h.matched FROM %s AS s '
        'CROSS JOIN LATERAL (VALUES %s) AS f(field, body) CROSS JOIN LATERAL moderation.term_hits(f.body, $1) AS h WHERE %s',
        source.key, moderation.source_sql(source),
        (SELECT string_agg(format('(%L, s.%I::pg_catalog.text)', f, f), ', ' ORDER BY n) FROM unnest(source.fields) WITH ORDINALITY u(f, n)),
        -- Not cast when it is text already: an index is on the column.
        (SELECT string_agg(format('s.%I OPERATOR(moderation.@~) $1', f), ' OR ' ORDER BY n)
         FROM unnest(source.fields) WITH ORDINALITY u(f, n)))
    USING terms;
END
$fn$;
COMMENT ON FUNCTION moderation.hunt_rows(moderation.content_source, jsonb, text) IS 'Internal: what hunt_terms() returns.';
CREATE FUNCTION moderation.hunt_terms(
    source text, terms text[], match moderation.match_mode DEFAULT 'word', level moderation.match_level DEFAULT 'folded',
    language text DEFAULT NULL, key name DEFAULT NULL, fields name[] DEFAULT NULL)
    RETURNS TABLE (content_key text, field name, term text, span_start integer, span_length integer, matched text)
    LANGUAGE sql STABLE ROWS 100
    BEGIN ATOMIC
        SELECT h.content_key, h.field, h.term, h.span_start, h.span_length, h.matched
        FROM moderation.hunt_rows(
            moderation.resolve_source(source, key, fields, NULL, NULL, current_setting('search_path')),
            moderation.hunt(terms, match, level, language), current_setting('search_path')) h;
    END;
COMMENT ON FUNCTION moderation.hunt_terms(text, text[], moderation.match_mode, moderation.match_level, text, name, name[]) IS 'Where stored contents hold these terms, which are in no package yet: an attached table, any table with its key and text columns, or a query, read as the caller; through an index of grams on the text columns if there is one (text_grams_ops).';
CREATE FUNCTION moderation.media_columns(source moderation.content_source, caller_path text, OUT field name, OUT of_type regtype)
    RETURNS SETOF record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF cardinality(source.media) > 0 THEN
        RETURN QUERY SELECT u.c, coalesce(nullif(t.typbasetype, 0), t.oid)::regtype
        FROM unnest(source.media, moderation.column_types(source, source.media, caller_path)) AS u(c, type) JOIN pg_type t ON t.oid = u.type;
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.media_columns(moderation.content_source, text) IS 'Internal: columns of images and videos, and which of them they are.';
CREATE FUNCTION moderation.hunt_image_rows(
    source moderation.content_source, hashes moderation.pdqhash[], max_distance integer, caller_path text)
    RETURNS TABLE (content_key text, field name, wanted moderation.pdqhash, distance integer, frame_number integer)
    LANGUAGE plpgsql STABLE ROWS 100
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' SET IntervalStyle = 'postgres' SET TimeZone = 'UTC'
    SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $fn$
DECLARE
    statement text;
BEGIN
    IF cardinality(source.media) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('no column of %s holds images or videos', coalesce(source.relation::text, 'the query')),
            DETAIL = 'Images are columns of type moderation.pdqhash, videos of moderation.video_frame[].',
            HINT = 'Name them: key => ''ad_id'', fields => ''{creative_pdq}''.';
    END IF;
    -- Also when there is no row: a distance out of range is an error.
    PERFORM moderation.pdq_ball(h, max_distance) FROM unnest(hashes) h;
    SELECT string_agg(format(CASE c.of_type
            WHEN 'moderation.pdqhash'::regtype THEN
                'SELECT s.%1$I::pg_catalog.text, %2$L::pg_catalog.name, w.hash, s.%2$I OPERATOR(pg_catalog.<->) w.hash, NULL::pg_catalog.int4 '
                'FROM pg_catalog.unnest($1) AS w(hash) JOIN %3$s AS s ON s.%2$I OPERATOR(pg_catalog.<@) moderation.pdq_ball(w.hash, $2)'
            WHEN 'moderation.pdqhash[]'::regtype THEN
                'SELECT s.%1$I::pg_catalog.text, %2$L::pg_catalog.name, w.hash, n.distance, NULL::pg_catalog.int4 FROM %3$s AS s '
                'CROSS JOIN pg_catalog.unnest($1) AS w(hash) CROSS JOIN LATERAL (SELECT f.hash OPERATOR(pg_catalog.<->) w.hash AS distance '
                'FROM pg_catalog.unnest(s.%2$I) AS f(hash) WHERE f.hash OPERATOR(pg_catalog.<@) moderation.pdq_ball(w.hash, $2) ORDER BY 1 LIMIT 1) AS n'
            ELSE
                'SELECT s.%1$I::pg_catalog.text, %2$L::pg_catalog.name, w.hash, n.distance, n.frame_number FROM %3$s AS s '
                'CROSS JOIN pg_catalog.unnest($1) AS w(hash) CROSS JOIN LATERAL (SELECT f.hash OPERATOR(pg_catalog.<->) w.hash AS distance, '
                'f.frame_number FROM pg_catalog.unnest(s.%2$I) AS f WHERE f.hash OPERATOR(pg_catalog.<@) moderation.pdq_ball(w.hash, $2) '
                'AND f.quality OPERATOR(pg_catalog.>=) 50 ORDER BY 1, 2 LIMIT 1) AS n' END,
            source.key, c.field, moderation.source_sql(source)), ' UNION ALL ')
    INTO statement FROM moderation.media_columns(source, caller_path) c;
    IF source.query IS NOT NULL THEN
        PERFORM set_config('search_path', caller_path, true);
    END IF;
    RETURN QUERY EXECUTE statement USING hashes, max_distance;
END
$fn$;
COMMENT ON FUNCTION moderation.hunt_image_rows(moderation.content_source, moderation.pdqhash[], integer, text) IS 'Internal: what hunt_images() returns.';
CREATE FUNCTION moderation.hunt_images(
    source text, hashes moderation.pdqhash[], max_distance integer DEFAULT 31, key name DEFAULT NULL, fields name[] DEFAULT NULL)
    RETURNS TABLE (content_key text, field name, wanted moderation.pdqhash, distance integer, frame_number integer)
    LANGUAGE sql STABLE ROWS 100
    BEGIN ATOMIC
        SELECT h.content_key, h.field, h.wanted, h.distance, h.frame_number
        FROM moderation.hunt_image_rows(
            moderation.resolve_source(source, key, fields, NULL, NULL, current_setting('search_path')),
            hashes, max_distance, current_setting('search_path')) h;
    END;
COMMENT ON FUNCTION moderation.hunt_images(text, moderation.pdqhash[], integer, name, name[]) IS 'Which stored images are near these hashes, which are in no package yet: an attached table, any table with its key and its image columns, or a query, read as the caller; through an index on the image columns if there is one (gin). Videos are scanned; frame_number is the nearest frame.';
CREATE FUNCTION moderation.hunted_items(package text, release integer, OUT terms jsonb, OUT balls moderation.pdq_ball[])
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    PERFORM moderation.check_readable(moderation.find_package(package));
    WITH item AS (
        SELECT v.term, v.match, v.level, v.language, v.hash, v.frames, coalesce(v.max_distance, r.max_distance, p.max_distance)::integer AS distance
        FROM moderation.packages p LEFT JOIN moderation.releases r ON r.package_id = p.package_id AND r.release = hunted_items.release
        JOIN moderation.item_versions v ON v.package_id = p.package_id AND NOT v.allow
            AND v.added_in <= coalesce(hunted_items.release, p.latest_release + 1)
            AND (v.removed_in IS NULL OR v.removed_in > coalesce(hunted_items.release, p.latest_release + 1))
        WHERE p.name = hunted_items.package
    )
    SELECT (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                'term', i.term, 'match', i.match, 'level', i.level, 'language', i.language))), '[]') FROM item i WHERE i.term IS NOT NULL),
           ARRAY(SELECT moderation.pdq_ball(i.hash, i.distance) FROM item i WHERE i.hash IS NOT NULL
                 UNION ALL SELECT moderation.pdq_ball(f.hash, i.distance) FROM item i CROSS JOIN LATERAL unnest(i.frames) f)
    INTO terms, balls;
END
$fn$;
COMMENT ON FUNCTION moderation.hunted_items(text, integer) IS 'Internal: the terms of a release (NULL: the draft) as hunt() makes them, and the balls around its images and frames.';
CREATE FUNCTION moderation.hunt_package_rows(source moderation.content_source, package text, release integer, caller_path text)
    RETURNS TABLE (content_key text, field name, item_id bigint, kind moderation.item_kind, term text, matched text, score real)
    LANGUAGE plpgsql STABLE ROWS 100
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' SET IntervalStyle = 'postgres' SET TimeZone = 'UTC'
    SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $fn$
DECLARE
    wanted record;
    statement text;
BEGIN
    PERFORM moderation.text_hits('', ARRAY[package], release => release, draft => release IS NULL);
    SELECT * INTO wanted FROM moderation.hunted_items(package, release);
    -- What the index finds is judged by the package itself: allow entries count.
    SELECT string_agg(format(f.statement, source.key, f.field, moderation.source_sql(source)), ' UNION ALL ') INTO statement
    FROM (
        SELECT c.field, 'SELECT s.%1$I::pg_catalog.text, %2$L::pg_catalog.name, h.item_id, h.kind, h.term, h.matched, h.score FROM %3$s AS s '
            'CROSS JOIN LATERAL moderation.text_hits(s.%2$I::pg_catalog.text, ARRAY[$1], release => $2, draft => $2 IS NULL) AS h '
            'WHERE s.%2$I OPERATOR(moderation.@~) $3' AS statement
        FROM unnest(source.fields) c(field)
        UNION ALL
        SELECT m.field, CASE m.of_type
            WHEN 'moderation.pdqhash'::regtype THEN
                'SELECT DISTINCT s.%1$I::pg_catalog.text, %2$L::pg_catalog.name, h.item_id, h.kind, h.label, NULL, h.score FROM pg_catalog.unnest($4) AS b '
                'JOIN %3$s AS s ON s.%2$I OPERATOR(pg_catalog.<@) b '
                'CROSS JOIN LATERAL moderation.image_hits(s.%2$I, ARRAY[$1], release => $2, draft => $2 IS NULL) AS h'
            WHEN 'moderation.pdqhash[]'::regtype THEN
                'SELECT s.%1$I::pg_catalog.text, %2$L::pg_catalog.name, h.item_id, h.kind, h.label, NULL, h.score FROM %3$s AS s '
                'CROSS JOIN pg_catalog.unnest(s.%2$I) AS i(hash) '
                'CROSS JOIN LATERAL moderation.image_hits(i.hash, ARRAY[$1], release => $2, draft => $2 IS NULL) AS h'
            ELSE
                'SELECT s.%1$I::pg_catalog.text, %2$L::pg_catalog.name, h.item_id, h.kind, h.label, NULL, h.score FROM %3$s AS s '
                'CROSS JOIN LATERAL moderation.video_hits(s.%2$I, ARRAY[$1], release => $2, draft => $2 IS NULL) AS h' END
        FROM moderation.media_columns(source, caller_path) m WHERE cardinality(wanted.balls) > 0) f;
    IF source.query IS NOT NULL THEN
        PERFORM set_config('search_path', caller_path, true);
    END IF;
    IF statement IS NOT NULL THEN
        RETURN QUERY EXECUTE statement USING package, release, wanted.terms, wanted.balls;
    END IF;
END
$fn$;
COMMENT ON FUNCTION moderation.hunt_package_rows(moderation.content_source, text, integer, text) IS 'Internal: what hunt_package() returns.';
CREATE FUNCTION moderation.hunt_package(
    package text, source text, release integer DEFAULT NULL, key name DEFAULT NULL, fields name[] DEFAULT NULL)
    RETURNS TABLE (content_key text, field name, item_id bigint, kind moderation.item_kind, term text, matched text, score real)
    LANGUAGE sql STABLE ROWS 100
    BEGIN ATOMIC
        SELECT h.content_key, h.field, h.item_id, h.kind, h.term, h.matched, h.score
        FROM moderation.hunt_package_rows(
            moderation.resolve_source(source, key, fields, NULL, NULL, current_setting('search_path')),
            package, release, current_setting('search_path')) h;
    END;
COMMENT ON FUNCTION moderation.hunt_package(text, text, integer, name, name[]) IS 'What the draft of a package, or a release, hits in stored contents, allow entries applied; through the indexes on the texts (text_grams_ops) and on the images, where there are some and they help.';
CREATE TABLE moderation.rescan_states (
    source_id       integer NOT NULL,
    package_id      integer NOT NULL,
    release         integer NOT NULL,
    deployment_id   bigint NOT NULL,
    override_id     bigint NOT NULL,
    judged_at       timestamptz NOT NULL,
    PRIMARY KEY (source_id, package_id)
);
COMMENT ON TABLE moderation.rescan_states IS 'With which release of each package every row of a source is judged, or a later one; no row: not all of them were.';
COMMENT ON COLUMN moderation.rescan_states.deployment_id IS 'The newest live deployment of the package then; 0: none. Later ones have higher numbers, since a package''s lock is held until they commit.';
COMMENT ON COLUMN moderation.rescan_states.override_id IS 'The newest override of its items then; 0: none.';
COMMENT ON COLUMN moderation.rescan_states.judged_at IS 'When the rescan began: times of items and packages that passed since are not in the verdicts.';
CREATE TABLE moderation.rescan_runs (
    run_id          bigint PRIMARY KEY,
    source_id       integer NOT NULL,
    targets         jsonb NOT NULL,
    marks           jsonb NOT NULL,
    terms           jsonb,
    balls           moderation.pdq_ball[] NOT NULL,
    frames          moderation.pdq_ball[] NOT NULL,
    every_media     boolean NOT NULL,
    planned_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz
);
COMMENT ON TABLE moderation.rescan_runs IS 'Runs that rescan a source: backtest_runs with these settings beside.';
COMMENT ON COLUMN moderation.rescan_runs.targets IS 'Live release of each package when the run began, by package id; 0: none.';
COMMENT ON COLUMN moderation.rescan_runs.marks IS 'What rescan_states will say of each package.';
COMMENT ON COLUMN moderation.rescan_runs.terms IS 'The terms that make the difference, as hunt() makes them. NULL: whoever began it may not know them, and every row is judged again.';
COMMENT ON COLUMN moderation.rescan_runs.balls IS 'Around the images that make it.';
COMMENT ON COLUMN moderation.rescan_runs.frames IS 'Around the frames of the videos that make it: a content that one of them hits shares a frame with it.';
COMMENT ON COLUMN moderation.rescan_runs.every_media IS 'They are too many: every row with an image or a video is judged again.';
CREATE FUNCTION moderation.forget_rescan() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    DELETE FROM moderation.rescan_runs r WHERE r.run_id = OLD.run_id;
    RETURN NULL;
END
$fn$;
COMMENT ON FUNCTION moderation.forget_rescan() IS 'Trigger: a dropped run is no rescan any more.';
CREATE TRIGGER forget_rescan AFTER DELETE ON moderation.backtest_runs FOR EACH ROW EXECUTE FUNCTION moderation.forget_rescan();
CREATE FUNCTION moderation.rescanning(source_id integer, reason text) RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'moderation_rescanning';
COMMENT ON FUNCTION moderation.rescanning(integer, text) IS 'Internal: the triggers of this source judge updates that change no watched column, and withdraw for this reason what is not found again; NULL ends it, as does the end of the transaction.';
CREATE FUNCTION moderation.settle_hits(judged jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
AS $fn$
DECLARE
    key text := judged->>'content_key';
    hit record;
BEGIN
    -- Hits of earlier texts stay as they are.
    FOR hit IN
        SELECT h.hit_id, w.hit_id IS NOT NULL AS withdrawn,
               judged->'found' @> jsonb_build_array(jsonb_build_object('package_id', h.package_id, 'item_id', h.item_id)) AS item_found,
               judged->'found' @> jsonb_build_array(jsonb_build_object('package_id', h.package_id, 'release', h.release, 'item_id', h.item_id)) AS found
        FROM moderation.hits h LEFT JOIN moderation.withdrawn_hits w ON w.hit_id = h.hit_id
        WHERE h.source_id = (judged->>'source_id')::integer AND left(h.content_key, 200) = left(key, 200) AND h.content_key = key
          AND h.digest = decode(judged->>'digest', 'hex') AND h.stage = 'live'
    LOOP
        IF hit.found AND hit.withdrawn THEN
            DELETE FROM moderation.withdrawn_hits w WHERE w.hit_id = hit.hit_id;
        ELSIF NOT hit.item_found AND NOT hit.withdrawn THEN
            INSERT INTO moderation.withdrawn_hits (hit_id, withdrawn_by, reason)
            VALUES (hit.hit_id, moderation.caller(), judged->>'reason') ON CONFLICT DO NOTHING;
        END IF;
    END LOOP;
END
$fn$;
COMMENT ON FUNCTION moderation.settle_hits(jsonb) IS 'Internal: after a content was judged again, withdraws its live hits that were not found again; what was withdrawn and is found again stands again.';
CREATE FUNCTION moderation.set_in_force() RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_set_in_force';
COMMENT ON FUNCTION moderation.set_in_force() IS 'Name of the compiled set that judges now, in hexadecimal: what verdicts hold as "set" and hits as set_hash.';
CREATE FUNCTION moderation.live_targets() RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT coalesce(jsonb_object_agg(p.package_id, coalesce(moderation.mostly_live(p.package_id), 0)), '{}')
        FROM moderation.packages p;
    END;
COMMENT ON FUNCTION moderation.live_targets() IS 'Internal: live release of each package, 0 for none, by package id.';
CREATE FUNCTION moderation.live_marks(
    OUT package_id integer, OUT release integer, OUT deployment_id bigint, OUT override_id bigint)
    RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT p.package_id, coalesce(moderation.mostly_live(p.package_id), 0),
               coalesce((SELECT max(d.deployment_id) FROM moderation.deployments d WHERE d.package_id = p.package_id AND d.stage = 'live'), 0),
               coalesce((SELECT max(o.override_id) FROM moderation.item_overrides o WHERE o.package_id = p.package_id), 0)
        FROM moderation.packages p;
    END;
COMMENT ON FUNCTION moderation.live_marks() IS 'Internal: what is live of each package, and the newest deployment and override behind it.';
CREATE FUNCTION moderation.releases_since(package_id integer, source_id integer) RETURNS SETOF integer
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT coalesce((SELECT s.release FROM moderation.rescan_states s
                         WHERE s.source_id = releases_since.source_id AND s.package_id = releases_since.package_id), 0)
        UNION
        SELECT coalesce(u.release, 0) FROM moderation.deployments d
        CROSS JOIN LATERAL (VALUES (d.release), (d.rest)) u(release)
        WHERE d.package_id = releases_since.package_id AND d.stage = 'live' AND (u.release IS NOT NULL OR d.release IS NULL)
          AND d.deployment_id >= coalesce((SELECT s.deployment_id FROM moderation.rescan_states s
                                           WHERE s.source_id = releases_since.source_id AND s.package_id = releases_since.package_id), 0);
    END;
COMMENT ON FUNCTION moderation.releases_since(integer, integer) IS 'Internal: every release of a package that may have judged some row of a source; 0: none was live.';
CREATE FUNCTION moderation.window_moved(package_id integer, source_id integer) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT coalesce(bool_or(
            d.deployment_id > s.deployment_id AND (d.valid_from, d.expires_at) IS DISTINCT FROM (d.valid_before, d.expired_before)
            OR d.deployment_id >= s.deployment_id
               AND ((d.valid_from > s.judged_at AND d.valid_from <= now()) OR (d.expires_at > s.judged_at AND d.expires_at <= now()))), false)
        FROM moderation.rescan_states s
        CROSS JOIN LATERAL (
            SELECT e.deployment_id, e.valid_from, e.expires_at, lag(e.valid_from) OVER w AS valid_before, lag(e.expires_at) OVER w AS expired_before
            FROM moderation.deployments e WHERE e.package_id = s.package_id AND e.stage = 'live' WINDOW w AS (ORDER BY e.deployment_id)) d
        WHERE s.source_id = window_moved.source_id AND s.package_id = window_moved.package_id;
    END;
COMMENT ON FUNCTION moderation.window_moved(integer, integer) IS 'Internal: did the times of a package begin, end or change since the rows of a source were judged?';
CREATE FUNCTION moderation.moved_items(package_id integer, source_id integer) RETURNS SETOF bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT v.item_id FROM moderation.rescan_states s
        JOIN moderation.item_versions v ON v.package_id = s.package_id AND (v.valid_from IS NOT NULL OR v.expires_at IS NOT NULL)
        WHERE s.source_id = moved_items.source_id AND s.package_id = moved_items.package_id
          AND ((v.valid_from > s.judged_at AND v.valid_from <= now()) OR (v.expires_at > s.judged_at AND v.expires_at <= now()))
        UNION
        SELECT o.item_id FROM moderation.rescan_states s JOIN moderation.item_overrides o ON o.package_id = s.package_id
        WHERE s.source_id = moved_items.source_id AND s.package_id = moved_items.package_id
          AND (o.override_id > s.override_id OR (o.until > s.judged_at AND o.until <= now()));
    END;
COMMENT ON FUNCTION moderation.moved_items(integer, integer) IS 'Internal: items of a package that were snoozed, came back, began or expired since the rows of a source were judged.';
CREATE FUNCTION moderation.rescan_delta(
    source_id integer, OUT terms jsonb, OUT balls moderation.pdq_ball[], OUT frames moderation.pdq_ball[], OUT every_media boolean,
    OUT items bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        WITH span AS MATERIALIZED (
            SELECT p.package_id, min(k.release) AS low, max(k.release) AS high, max(r.max_distance) AS max_distance,
                   -- From or to nothing, or other settings: every item makes a difference.
                   min(k.release) = 0 AND max(k.release) > 0
                   OR count(DISTINCT (r.action, r.threshold, r.rules, CASE WHEN r.images + r.videos > 0 THEN r.max_distance END)) > 1
                   OR moderation.window_moved(p.package_id, rescan_delta.source_id) AS whole
            FROM moderation.packages p CROSS JOIN LATERAL moderation.releases_since(p.package_id, rescan_delta.source_id) k(release)
            LEFT JOIN moderation.releases r ON r.package_id = p.package_id AND r.release = k.release
            GROUP BY p.package_id HAVING max(k.release) > 0
        ), item AS MATERIALIZED (
            SELECT DISTINCT v.kind, v.term, v.match, v.level, v.language, v.hash, v.frames, coalesce(v.max_distance, s.max_distance)::integer AS distance,
                   v.package_id = ANY ((SELECT moderation.readable_packages())::integer[]) AS readable
            FROM span s JOIN moderation.item_versions v ON v.package_id = s.package_id
            WHERE v.added_in <= s.high AND (v.removed_in IS NULL OR v.removed_in > s.low)
              AND (s.whole OR v.added_in > s.low OR v.removed_in <= s.high
                   OR v.item_id IN (SELECT moderation.moved_items(s.package_id, rescan_delta.source_id)))
        ), ball AS MATERIALIZED (
            SELECT moderation.pdq_ball(i.hash, i.distance) AS ball, false AS of_video FROM item i WHERE i.hash IS NOT NULL
            UNION ALL
            (SELECT moderation.pdq_ball(f.hash, i.distance), true FROM item i CROSS JOIN LATERAL unnest(i.frames) f WHERE i.frames IS NOT NULL)
            LIMIT 1001
        )
        -- A filter of what the caller may not know would show it: then every row is judged again.
        SELECT CASE WHEN k.readable THEN
                    coalesce((SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('term', i.term, 'match', i.match, 'level', i.level, 'language', i.language)))
                              FROM item i WHERE i.kind = 'term'), '[]') END,
               CASE WHEN b.n > 1000 OR NOT k.readable THEN '{}' ELSE b.balls END,
               CASE WHEN b.n > 1000 OR NOT k.readable THEN '{}' ELSE b.frames END, b.n > 1000, k.items
        FROM (SELECT count(*) AS items, coalesce(bool_and(i.readable), true) AS readable FROM item i) k,
             (SELECT count(*) AS n, coalesce(array_agg(l.ball) FILTER (WHERE NOT l.of_video), '{}') AS balls,
                     coalesce(array_agg(l.ball) FILTER (WHERE l.of_video), '{}') AS frames FROM ball l) b;
    END;
COMMENT ON FUNCTION moderation.rescan_delta(integer) IS 'Internal: the terms, images and videos, allow entries included, that differ between what judged a source''s rows and what is live now: by releases, items'' and packages'' times, and overrides.';
CREATE FUNCTION moderation.create_rescan(
    run_id bigint, source_id integer, terms jsonb, balls moderation.pdq_ball[], frames moderation.pdq_ball[], every_media boolean)
    RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        INSERT INTO moderation.rescan_runs (run_id, source_id, targets, marks, terms, balls, frames, every_media)
        VALUES ((moderation.own_run(create_rescan.run_id)).run_id, create_rescan.source_id, moderation.live_targets(),
                (SELECT coalesce(jsonb_agg(to_jsonb(m)), '[]') FROM moderation.live_marks() m),
                create_rescan.terms, create_rescan.balls, create_rescan.frames, create_rescan.every_media);
        SELECT moderation.audit('rescan', NULL, NULL, jsonb_build_object('run_id', create_rescan.run_id, 'state', 'begun', 'source',
            (SELECT s.relation::text FROM moderation.sources s WHERE s.source_id = create_rescan.source_id)), NULL);
    END;
COMMENT ON FUNCTION moderation.create_rescan(bigint, integer, jsonb, moderation.pdq_ball[], moderation.pdq_ball[], boolean) IS 'Internal: marks a run as the rescan of a source.';
CREATE FUNCTION moderation.open_rescan(source_id integer) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT max(r.run_id) FROM moderation.rescan_runs r
        WHERE r.source_id = open_rescan.source_id AND r.finished_at IS NULL AND r.targets = moderation.live_targets();
    END;
COMMENT ON FUNCTION moderation.open_rescan(integer) IS 'Internal: an unfinished rescan towards what is live now.';
CREATE FUNCTION moderation.start_rescan(source regclass, chunk_rows integer, caller_path text) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    attached record;
    delta record;
    run bigint;
BEGIN
    SELECT * INTO attached FROM moderation.attached_columns(source) a;
    attached.fields := coalesce(attached.fields, '{}');
    IF attached.key IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('table %s is not attached', coalesce(source::text, 'NULL')),
            DETAIL = 'A rescan judges by the triggers of an attached table.',
            HINT = 'Attached tables are listed in moderation.attachments.';
    END IF;
    run := moderation.open_rescan(attached.source_id);
    IF run IS NOT NULL THEN
        RETURN run;
    END IF;
    SELECT * INTO delta FROM moderation.rescan_delta(attached.source_id) d;
    run := moderation.plan_run(NULL,
        CASE WHEN delta.items = 0
             -- Nothing differs: a run without rows, so that the state is written all the same.
             THEN ROW(NULL, format('SELECT s.%I FROM %s AS s LIMIT 0', attached.key, source), attached.source_id, attached.key,
                      attached.fields, attached.images || attached.videos, NULL)::moderation.content_source
             ELSE ROW(source, NULL, attached.source_id, attached.key, attached.fields, attached.images || attached.videos, NULL)::moderation.content_source END,
        NULL, NULL, NULL, chunk_rows, caller_path, true);
    PERFORM moderation.create_rescan(run, attached.source_id, delta.terms, delta.balls, delta.frames, delta.every_media);
    RETURN run;
END
$fn$;
COMMENT ON FUNCTION moderation.start_rescan(regclass, integer, text) IS 'Internal: the unfinished rescan of a source, or a new one.';
CREATE FUNCTION moderation.rescan_of(run_id bigint) RETURNS moderation.rescan_runs
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT r.* FROM moderation.rescan_runs r WHERE r.run_id = (moderation.own_run(rescan_of.run_id)).run_id;
    END;
COMMENT ON FUNCTION moderation.rescan_of(bigint) IS 'Internal: what a run rescans; NULL for a backtest.';
CREATE FUNCTION moderation.rescan_condition(rescan moderation.rescan_runs, fields name[], images name[], videos name[]) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT coalesce(string_agg(c.condition, ' OR '), 'false') FROM (
        SELECT 'true' WHERE rescan.terms IS NULL
        UNION ALL
        SELECT format('s.%I OPERATOR(moderation.@~) $1', f) FROM unnest(fields) f WHERE rescan.terms <> '[]'
        UNION ALL
        SELECT format('s.%I IS NOT NULL', f) FROM unnest(images || videos) f WHERE rescan.every_media
        UNION ALL
        SELECT format('EXISTS (SELECT FROM unnest($2) b WHERE s.%I OPERATOR(pg_catalog.<@) b)', f)
        FROM unnest(images) f WHERE cardinality(rescan.balls) > 0
        UNION ALL
        SELECT format('EXISTS (SELECT FROM unnest($2 || $3) b CROSS JOIN unnest(s.%I) f WHERE f.hash OPERATOR(pg_catalog.<@) b)', f)
        FROM unnest(videos) f WHERE cardinality(rescan.balls || rescan.frames) > 0) c(condition));
COMMENT ON FUNCTION moderation.rescan_condition(moderation.rescan_runs, name[], name[], name[]) IS 'Internal: which rows the difference can change, in SQL; $1: terms, $2: balls, $3: frames.';
CREATE FUNCTION moderation.rescan_chunk(
    run moderation.backtest_runs, rescan moderation.rescan_runs, condition text, OUT judged bigint, OUT rows moderation.backtest_row[])
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' SET IntervalStyle = 'postgres' SET TimeZone = 'UTC'
    SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $fn$
DECLARE
    attached record;
BEGIN
    IF rescan.targets <> moderation.live_targets() THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('what is live has changed since rescan %s began', run.run_id),
            DETAIL = 'It looks at rows that an earlier difference can change.',
            HINT = format('CALL moderation.rescan(%L) again; what was done is not lost.', run.relation::text);
    END IF;
    judged := 0;
    IF run.relation IS NULL THEN
        RETURN;
    END IF;
    SELECT * INTO attached FROM moderation.attached_columns(run.relation) a;
    IF attached.key IS DISTINCT FROM run.key OR coalesce(attached.fields, '{}') <> run.fields
       OR coalesce(attached.images || attached.videos, '{}') <> run.media THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the attachment of %s has changed since rescan %s began', run.relation, run.run_id),
            DETAIL = 'Other columns are watched, or none.',
            HINT = format('Drop the run with moderation.drop_backtest(%s), then rescan again.', run.run_id);
    END IF;
    PERFORM moderation.rescanning(rescan.source_id, format('rescan %s', run.run_id));
    -- The triggers judge, record and withdraw.
    EXECUTE format('UPDATE %1$s AS s SET %2$I = s.%2$I WHERE (%3$s)%4$s',
        run.relation, coalesce(attached.verdict, (attached.fields || attached.images || attached.videos)[1]),
        moderation.rescan_condition(rescan, attached.fields, attached.images, attached.videos), coalesce(' AND ' || condition, ''))
    USING rescan.terms, rescan.balls, rescan.frames;
    GET DIAGNOSTICS judged = ROW_COUNT;
    PERFORM moderation.rescanning(NULL, NULL);
END
$fn$;
COMMENT ON FUNCTION moderation.rescan_chunk(moderation.backtest_runs, moderation.rescan_runs, text) IS 'Internal: has the rows of a chunk that the difference can change judged again, with the caller''s rights on the table.';
CREATE FUNCTION moderation.finish_rescan(run_id bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    done moderation.rescan_runs;
BEGIN
    PERFORM moderation.own_run(run_id);
    UPDATE moderation.rescan_runs r SET finished_at = clock_timestamp()
    WHERE r.run_id = finish_rescan.run_id AND r.finished_at IS NULL
      AND NOT EXISTS (SELECT FROM moderation.backtest_chunks c WHERE c.run_id = r.run_id AND c.state <> 'done')
    RETURNING * INTO done;
    IF done.run_id IS NOT NULL THEN
        INSERT INTO moderation.rescan_states (source_id, package_id, release, deployment_id, override_id, judged_at)
        SELECT done.source_id, m.package_id, m.release, m.deployment_id, m.override_id, done.planned_at
        FROM jsonb_to_recordset(done.marks) m(package_id integer, release integer, deployment_id bigint, override_id bigint)
        ON CONFLICT ON CONSTRAINT rescan_states_pkey DO UPDATE
            SET release = excluded.release, deployment_id = excluded.deployment_id, override_id = excluded.override_id,
                judged_at = excluded.judged_at;
        PERFORM moderation.audit('rescan', NULL, jsonb_build_object('run_id', done.run_id, 'state', 'begun'),
            jsonb_build_object('run_id', done.run_id, 'state', 'done', 'rows_written',
                (SELECT sum(c.rows) FROM moderation.backtest_chunks c WHERE c.run_id = done.run_id)), NULL);
    END IF;
    RETURN done.run_id IS NOT NULL AND EXISTS (SELECT FROM moderation.rescan_delta(done.source_id) d WHERE d.items > 0);
END
$fn$;
COMMENT ON FUNCTION moderation.finish_rescan(bigint) IS 'Internal: notes that every row of the source is judged by what was live when the run began. True if something differs already again: items that were snoozed or expired meanwhile.';
CREATE FUNCTION moderation.begin_rescan(source regclass, chunk_rows integer) RETURNS bigint
    LANGUAGE sql
    RETURN moderation.start_rescan(source, chunk_rows, current_setting('search_path'));
COMMENT ON FUNCTION moderation.begin_rescan(regclass, integer) IS 'Internal: what rescan() works on.';
CREATE PROCEDURE moderation.rescan(source regclass, chunk_rows integer DEFAULT 50000)
    LANGUAGE plpgsql
AS $fn$
DECLARE
    since pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    run pg_catalog.int8 := moderation.begin_rescan(source, chunk_rows);
    attempts pg_catalog.bool := false;
BEGIN
    COMMIT;
    LOOP
        WHILE moderation.work_chunk(run, since) LOOP
            COMMIT;
        END LOOP;
        EXIT WHEN NOT moderation.finish_rescan(run) OR attempts;
        attempts := true;
        run := moderation.begin_rescan(source, chunk_rows);
        COMMIT;
    END LOOP;
    COMMIT;
END
$fn$;
COMMENT ON PROCEDURE moderation.rescan(regclass, integer) IS 'Judges stored rows of an attached table again by what is live now, as far as the difference to what judged them can change them: hits are recorded, verdict columns rewritten, hits whose cause is gone withdrawn. One transaction a chunk; call it again after a cancel, crash or failed chunk. Rows are flagged, never kept out or refused. Not inside a transaction block.';
CREATE VIEW moderation.rescan_status WITH (security_barrier) AS
    SELECT s.relation AS source, p.name AS package, nullif(k.release, 0) AS rows_judged_by,
           nullif(coalesce(moderation.mostly_live(p.package_id), 0), 0) AS live,
           k.source_id IS NOT NULL AND coalesce(NOT EXISTS (SELECT FROM moderation.releases_since(p.package_id, s.source_id) r(release) WHERE r.release <> k.release)
                    AND NOT moderation.window_moved(p.package_id, s.source_id)
                    AND NOT EXISTS (SELECT FROM moderation.moved_items(p.package_id, s.source_id)), false) AS is_current
    FROM moderation.sources s CROSS JOIN moderation.packages p
    LEFT JOIN moderation.rescan_states k ON k.source_id = s.source_id AND k.package_id = p.package_id
    WHERE s.detached_at IS NULL AND p.package_id = ANY ((SELECT moderation.visible_packages())::integer[]);
COMMENT ON VIEW moderation.rescan_status IS 'With which release of each package every row of an attached table was judged at least, and whether a rescan would change nothing; if not, CALL moderation.rescan(source).';
CREATE TYPE moderation.release_comparison AS (
    item_id bigint, term text, contents_a bigint, contents_b bigint, both_hit bigint, only_a bigint, only_b bigint,
    agreement double precision, both_violating bigint, both_benign bigint, only_a_violating bigint, only_a_benign bigint,
    only_b_violating bigint, only_b_benign bigint);
COMMENT ON TYPE moderation.release_comparison IS 'A row of compare_releases(): an item, or (item_id NULL) the package as a whole, where contents count on which it acts. agreement: both_hit of all that either hits. violating and benign: contents so labelled.';
CREATE FUNCTION moderation.in_force_periods(package_id integer, release integer) RETURNS tstzmultirange
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT coalesce(range_agg(tstzrange(p.since, p.until)), '{}')
        FROM (SELECT d.release, d.rest, d.since, lead(d.since) OVER (PARTITION BY d.stage ORDER BY d.deployment_id) AS until
              FROM moderation.deployments d WHERE d.package_id = in_force_periods.package_id) p
        WHERE in_force_periods.release IN (p.release, p.rest) AND (p.until IS NULL OR p.until > p.since);
    END;
COMMENT ON FUNCTION moderation.in_force_periods(integer, integer) IS 'When a release was in force, live or shadow.';
CREATE FUNCTION moderation.compare_releases(package text, a integer, b integer, since timestamptz DEFAULT NULL)
    RETURNS SETOF moderation.release_comparison
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target integer := moderation.find_package(package);
    missing integer;
    readable constant integer[] := moderation.readable_packages();
    periods tstzmultirange;
BEGIN
    SELECT n INTO missing FROM unnest(ARRAY[a, b]) n
    WHERE NOT EXISTS (SELECT FROM moderation.releases r WHERE r.package_id = target AND r.release = n) LIMIT 1;
    IF missing IS NOT NULL OR a IS NULL OR b IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('package "%s" has no release %s', package, coalesce(missing::text, 'NULL')),
            DETAIL = 'Releases are numbered from 1, in the order they were published.',
            HINT = 'Releases are listed in moderation.releases.';
    END IF;
    -- Only what both could see: while one was live and the other in shadow.
    periods := moderation.in_force_periods(target, a) * moderation.in_force_periods(target, b);
    IF since IS NOT NULL THEN
        periods := periods * tstzmultirange(tstzrange(since, NULL));
    END IF;
    RETURN QUERY
    WITH hit AS MATERIALIZED (
        SELECT h.source_id, h.content_key, h.digest, h.release, h.item_id, max(h.score) AS score
        FROM moderation.hits h
        WHERE h.package_id = target AND h.release IN (a, b) AND h.observed_at <@ periods
        GROUP BY h.source_id, h.content_key, h.digest, h.release, h.item_id
    ), acts AS (
        SELECT h.source_id, h.content_key, h.digest, h.release, NULL::bigint AS item_id
        FROM hit h JOIN moderation.releases r ON r.package_id = target AND r.release = h.release
        GROUP BY h.source_id, h.content_key, h.digest, h.release, r.threshold HAVING sum(h.score) >= r.threshold
    ), side AS (
        SELECT u.source_id, u.content_key, u.digest, u.item_id, bool_or(u.release = a) AS by_a, bool_or(u.release = b) AS by_b
        FROM (SELECT h.source_id, h.content_key, h.digest, h.release, h.item_id FROM hit h UNION ALL SELECT * FROM acts) u
        GROUP BY u.source_id, u.content_key, u.digest, u.item_id
    ), label AS MATERIALIZED (
        SELECT DISTINCT ON (l.source_id, l.content_key) l.source_id, l.content_key, l.label
        FROM moderation.labels l
        WHERE l.hit_id IS NULL AND l.label IS NOT NULL
          AND (l.policy_id IS NULL OR l.policy_id = (SELECT p.policy_id FROM moderation.packages p WHERE p.package_id = target))
        ORDER BY l.source_id, l.content_key, l.policy_id
    )
    SELECT s.item_id,
           (SELECT v.term FROM moderation.item_versions v WHERE v.item_id = s.item_id AND target = ANY (readable)
              AND v.added_in <= greatest(a, b) AND (v.removed_in IS NULL OR v.removed_in > least(a, b))
            ORDER BY v.added_in DESC LIMIT 1),
           count(*) FILTER (WHERE s.by_a), count(*) FILTER (WHERE s.by_b), count(*) FILTER (WHERE s.by_a AND s.by_b),
           count(*) FILTER (WHERE NOT s.by_b), count(*) FILTER (WHERE NOT s.by_a),
           count(*) FILTER (WHERE s.by_a AND s.by_b) / count(*)::double precision,
           count(*) FILTER (WHERE s.by_a AND s.by_b AND l.label = 'violating'),
           count(*) FILTER (WHERE s.by_a AND s.by_b AND l.label = 'benign'),
           count(*) FILTER (WHERE NOT s.by_b AND l.label = 'violating'), count(*) FILTER (WHERE NOT s.by_b AND l.label = 'benign'),
           count(*) FILTER (WHERE NOT s.by_a AND l.label = 'violating'), count(*) FILTER (WHERE NOT s.by_a AND l.label = 'benign')
    FROM side s LEFT JOIN label l ON l.source_id = s.source_id AND l.content_key = s.content_key
    GROUP BY s.item_id
    ORDER BY s.item_id IS NOT NULL, count(*) FILTER (WHERE s.by_a <> s.by_b) DESC, s.item_id;
END
$fn$;
COMMENT ON FUNCTION moderation.compare_releases(text, integer, integer, timestamptz) IS 'What two releases found of the contents that both judged, from recorded hits: usually the live one and the shadow. The first row is the package as a whole, then items, those that differ most first.';
CREATE FUNCTION moderation.effects_of(
    package text, release integer DEFAULT NULL, item_id bigint DEFAULT NULL, OUT effect text, OUT source regclass,
    OUT content_key text, OUT of_item bigint, OUT of_release integer, OUT action moderation.action, OUT observed_at timestamptz,
    OUT hit_id uuid, OUT quarantine_id bigint)
    RETURNS SETOF record
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1000 SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target integer := moderation.find_package(package);
BEGIN
    RETURN QUERY
    SELECT 'hit', s.relation, h.content_key, h.item_id, h.release, h.action, h.observed_at, h.hit_id, NULL::bigint
    FROM moderation.hits h LEFT JOIN moderation.sources s ON s.source_id = h.source_id
    WHERE h.package_id = target AND h.stage = 'live'
      AND (effects_of.release IS NULL OR h.release = effects_of.release)
      AND (effects_of.item_id IS NULL OR h.item_id = effects_of.item_id)
      AND NOT EXISTS (SELECT FROM moderation.withdrawn_hits w WHERE w.hit_id = h.hit_id)
    UNION ALL
    SELECT 'quarantine', s.relation, q.content_key, NULL::bigint, (q.hit ->> 'release')::integer, (q.hit ->> 'action')::moderation.action,
           q.quarantined_at, NULL::uuid, q.quarantine_id
    FROM (SELECT DISTINCT ON (k.quarantine_id) k.*, x.hit
          FROM moderation.quarantine k CROSS JOIN LATERAL jsonb_array_elements(k.verdict -> 'hits') AS x(hit)
          WHERE k.resolution IS NULL AND x.hit ->> 'package' = package AND x.hit ->> 'action' = 'block'
            AND (effects_of.release IS NULL OR (x.hit ->> 'release')::integer = effects_of.release)
            AND (effects_of.item_id IS NULL OR (x.hit ->> 'item')::bigint = effects_of.item_id)
          ORDER BY k.quarantine_id) q
    LEFT JOIN moderation.sources s ON s.source_id = q.source_id;
END
$fn$;
COMMENT ON FUNCTION moderation.effects_of(text, integer, bigint) IS 'What a release, or an item of the package, did and what still stands: live hits not withdrawn, and rows in quarantine.';
CREATE FUNCTION moderation.still_blocked(quarantine_id bigint) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT coalesce((
            SELECT (moderation.moderate(
                        (SELECT coalesce(jsonb_object_agg(c.key, c.value), '{}') FROM jsonb_each(k.content) c
                         WHERE c.key = ANY (a.fields || a.images || a.videos)),
                        image => a.images::text[], video => a.videos::text[], content_key => k.content_key)).action
                   IS NOT DISTINCT FROM 'block'::moderation.action OR a.key IS NULL
            FROM moderation.quarantine k
            JOIN moderation.sources s ON s.source_id = k.source_id
            LEFT JOIN LATERAL moderation.attached_columns(s.relation) a ON true
            WHERE k.quarantine_id = still_blocked.quarantine_id), true);
    END;
COMMENT ON FUNCTION moderation.still_blocked(bigint) IS 'Internal: would what is live now keep this quarantined row out as well? True also when its table is no longer attached.';
CREATE FUNCTION moderation.withdraw_effects(
    call text, package text, release integer, item_id bigint, note text, released bigint, kept bigint) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    target integer := moderation.find_package(package);
    withdrawn bigint;
BEGIN
    INSERT INTO moderation.withdrawn_hits (hit_id, withdrawn_by, reason, undone)
    SELECT e.hit_id, moderation.caller(), concat_ws(': ', call, note), true
    FROM moderation.effects_of(package, withdraw_effects.release, withdraw_effects.item_id) e WHERE e.effect = 'hit'
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS withdrawn = ROW_COUNT;
    -- What a rescan had withdrawn before is undone with it.
    UPDATE moderation.withdrawn_hits w SET undone = true FROM moderation.hits h
    WHERE h.hit_id = w.hit_id AND NOT w.undone AND h.package_id = target AND h.stage = 'live'
      AND (withdraw_effects.release IS NULL OR h.release = withdraw_effects.release)
      AND (withdraw_effects.item_id IS NULL OR h.item_id = withdraw_effects.item_id);
    PERFORM moderation.count_strikes(s.source_id, s.content_key)
    FROM (SELECT DISTINCT k.source_id, k.content_key FROM moderation.owner_strikes k
          JOIN moderation.hits h ON h.source_id = k.source_id AND left(h.content_key, 200) = left(k.content_key, 200) AND h.content_key = k.content_key
          WHERE k.package_id = target AND h.package_id = target AND h.stage = 'live'
            AND (withdraw_effects.release IS NULL OR h.release = withdraw_effects.release)
            AND (withdraw_effects.item_id IS NULL OR h.item_id = withdraw_effects.item_id)) s;
    PERFORM moderation.audit(call, package, jsonb_strip_nulls(jsonb_build_object('release', release, 'item_id', item_id)),
                             jsonb_build_object('hits_withdrawn', withdrawn, 'quarantined_released', released, 'quarantined_kept', kept), note);
    RETURN withdrawn;
END
$fn$;
COMMENT ON FUNCTION moderation.withdraw_effects(text, text, integer, bigint, text, bigint, bigint) IS 'Internal: withdraws hits, and the strikes that rest on them, and writes the audit entry of an undo.';
CREATE FUNCTION moderation.undo_effects(
    call text, package text, release integer, item_id bigint, note text, OUT hits_withdrawn bigint, OUT rows_judged_again bigint,
    OUT quarantined_released bigint, OUT quarantined_kept bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' SET IntervalStyle = 'postgres' SET TimeZone = 'UTC'
    SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $fn$
DECLARE
    entry record;
    attached record;
    written bigint;
    touched jsonb;
BEGIN
    rows_judged_again := 0;
    quarantined_released := 0;
    quarantined_kept := 0;
    SELECT jsonb_object_agg(t.source, t.keys) INTO touched FROM (
        SELECT e.source::oid::text AS source, jsonb_agg(DISTINCT e.content_key) AS keys
        FROM moderation.effects_of(package, release, item_id) e
        WHERE e.effect = 'hit' AND e.source IS NOT NULL AND e.content_key IS NOT NULL GROUP BY 1) t;
    FOR entry IN SELECT * FROM moderation.effects_of(package, release, item_id) e WHERE e.effect = 'quarantine' ORDER BY e.quarantine_id LOOP
        IF moderation.still_blocked(entry.quarantine_id) THEN
            quarantined_kept := quarantined_kept + 1;
        ELSE
            PERFORM moderation.release_quarantined(entry.quarantine_id, concat_ws(': ', call, note));
            quarantined_released := quarantined_released + 1;
        END IF;
    END LOOP;
    hits_withdrawn := moderation.withdraw_effects(call, package, release, item_id, note, quarantined_released, quarantined_kept);
    -- Verdict columns follow what is live now.
    FOR entry IN SELECT t.key::oid::regclass AS relation, t.value AS keys FROM jsonb_each(coalesce(touched, '{}')) t LOOP
        SELECT a.*, format_type(c.atttypid, c.atttypmod) AS key_type INTO attached
        FROM moderation.attached_columns(entry.relation) a JOIN pg_attribute c ON c.attrelid = entry.relation AND c.attname = a.key;
        CONTINUE WHEN attached.verdict IS NULL;
        PERFORM moderation.rescanning(attached.source_id, concat_ws(': ', call, note));
        EXECUTE format('UPDATE %s AS s SET %2$I = s.%2$I WHERE s.%3$I = ANY ($1::%4$s[])',
                       entry.relation, attached.verdict, attached.key, attached.key_type)
        USING ARRAY(SELECT jsonb_array_elements_text(entry.keys));
        GET DIAGNOSTICS written = ROW_COUNT;
        PERFORM moderation.rescanning(NULL, NULL);
        rows_judged_again := rows_judged_again + written;
    END LOOP;
END
$fn$;
COMMENT ON FUNCTION moderation.undo_effects(text, text, integer, bigint, text) IS 'Internal: what undo_release() and undo_item() share. Rows are released and written with the caller''s rights.';
CREATE FUNCTION moderation.undo_release(
    name text, release integer, note text DEFAULT NULL, OUT hits_withdrawn bigint, OUT rows_judged_again bigint,
    OUT quarantined_released bigint, OUT quarantined_kept bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    IF release IS NULL OR release = moderation.mostly_live(moderation.find_package(name)) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('release %s of package "%s" is live', coalesce(release::text, 'NULL'), name),
            DETAIL = 'What it did would be done again by the next row.',
            HINT = format('Take it out of force first: SELECT moderation.rollback_package(%L);', name);
    END IF;
    SELECT u.* INTO hits_withdrawn, rows_judged_again, quarantined_released, quarantined_kept
    FROM moderation.undo_effects('undo_release', name, release, NULL, note) u;
END
$fn$;
COMMENT ON FUNCTION moderation.undo_release(text, integer, text) IS 'Undoes what a release did that is not live any more: withdraws its hits, judges the rows again, releases from quarantine what nothing live would keep out. One transaction, one audit entry; effects_of() lists it beforehand.';
CREATE FUNCTION moderation.item_counts(item_id bigint, OUT package text, OUT counts boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    BEGIN ATOMIC
        SELECT p.name,
               EXISTS (SELECT FROM moderation.item_versions v
                       WHERE v.item_id = i.item_id AND v.added_in <= moderation.mostly_live(p.package_id)
                         AND (v.removed_in IS NULL OR v.removed_in > moderation.mostly_live(p.package_id)))
               AND NOT EXISTS (SELECT FROM (SELECT o.effect, o.until FROM moderation.item_overrides o
                                            WHERE o.item_id = i.item_id ORDER BY o.override_id DESC LIMIT 1) n
                               WHERE n.effect <> 'normal' AND (n.until IS NULL OR n.until > now()))
        FROM moderation.items i JOIN moderation.packages p ON p.package_id = i.package_id
        WHERE i.item_id = item_counts.item_id;
    END;
COMMENT ON FUNCTION moderation.item_counts(bigint) IS 'Internal: the package of an item, and whether it is enforced now.';
CREATE FUNCTION moderation.undo_item(
    item_id bigint, note text DEFAULT NULL, OUT hits_withdrawn bigint, OUT rows_judged_again bigint,
    OUT quarantined_released bigint, OUT quarantined_kept bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
    item record;
BEGIN
    SELECT * INTO item FROM moderation.item_counts(item_id);
    IF item.package IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('there is no item %s', coalesce(item_id::text, 'NULL')),
            DETAIL = 'No package ever had it.', HINT = 'Item ids are in moderation.current_items and moderation.recent_hits.';
    END IF;
    IF item.counts THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('item %s of package "%s" is enforced', item_id, item.package),
            DETAIL = 'What it did would be done again by the next row.',
            HINT = format('Stop it first: SELECT moderation.snooze_items(%L, ARRAY[%s], reason => ''...'');', item.package, item_id);
    END IF;
    SELECT u.* INTO hits_withdrawn, rows_judged_again, quarantined_released, quarantined_kept
    FROM moderation.undo_effects('undo_item', item.package, NULL, item_id, note) u;
END
$fn$;
COMMENT ON FUNCTION moderation.undo_item(bigint, text) IS 'Undoes what an item did that is snoozed or no longer live: withdraws its hits, judges the rows again, releases from quarantine what nothing live would keep out. One transaction, one audit entry.';
DO $policies$
DECLARE
    entry record;
BEGIN
    FOR entry IN
        SELECT t.name, format(CASE t.sees WHEN 'visible' THEN '%s = ANY ((SELECT moderation.visible_packages())::integer[])'
                                         ELSE '%s = ANY ((SELECT moderation.readable_packages())::integer[])' END, 'package_id')
               || CASE WHEN t.optional THEN ' OR package_id IS NULL' ELSE '' END AS condition
        FROM (VALUES
            ('packages', 'visible', false), ('drafts', 'visible', false), ('releases', 'visible', false), ('deployments', 'visible', false),
            ('hits', 'visible', false), ('brakes', 'visible', false), ('brake_events', 'visible', false), ('owner_strikes', 'visible', false),
            ('review_claims', 'visible', true), ('rollup_days', 'visible', false), ('rollup_items', 'visible', false),
            ('rescan_states', 'visible', false),
            -- Items, and what speaks of them.
            ('items', 'readable', false), ('item_versions', 'readable', false), ('item_overrides', 'readable', false),
            ('checks', 'readable', false), ('publish_requests', 'readable', false), ('proposals', 'readable', false),
            ('audit_log', 'readable', true)) t(name, sees, optional)
    LOOP
        EXECUTE format('ALTER TABLE moderation.%I ENABLE ROW LEVEL SECURITY', entry.name);
        EXECUTE format('CREATE POLICY team ON moderation.%I FOR SELECT USING (%s)', entry.name, entry.condition);
    END LOOP;
    -- Partitions are nobody's to read; whoever gets a grant on one nevertheless sees no row of it.
    FOR entry IN SELECT i.inhrelid::regclass AS name FROM pg_inherits i WHERE i.inhparent = 'moderation.hits'::regclass LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', entry.name);
    END LOOP;
END
$policies$;
REVOKE ALL ON ALL ROUTINES IN SCHEMA moderation FROM PUBLIC;
DO $everyone$
DECLARE
    function regprocedure;
BEGIN
    FOR function IN
        SELECT p.oid FROM moderation.rights() r
        JOIN pg_proc p ON p.proname = r.name AND p.pronamespace = 'moderation'::regnamespace
        WHERE r.kind = 'routine' AND r.class = 'everyone'
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', function);
    END LOOP;
END
$everyone$;
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
DO $strikes$
BEGIN
    PERFORM moderation.count_strikes(r.source_id, r.content_key)
    FROM (SELECT DISTINCT source_id, content_key FROM moderation.reviews WHERE hit_id IS NULL) r;
END
$strikes$;
