-- Backtests: what a draft, or a release, would make of contents that are there already, against what is live.
--
-- The judging is candidate_verdict(), one pass over a text for both sides. Everything here decides which rows it sees.
-- The user's rows are read as the caller, with his rights and his search_path; the queries are read-only ones.

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

-- Keys print as records print them.
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

-- Labels and terms for whoever may backtest, without a right on the tables.

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
