-- Who may do what: the one list, and the function by which a DBA makes roles of it. What is not in the list, nobody may call
-- or read; tests/regress/63_roles says so of every new function and relation. Restricted packages and teams: 47, 89_row_security.

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
