-- The views dashboards read, and retention.
SET pg_moderation.exposure_sample = 0;
SELECT moderation.create_package('view', action => 'block') > 0 AS created;
SELECT * FROM moderation.add_terms('view', ARRAY['casino', 'never said'], source => 'a list');
SELECT * FROM moderation.allow_terms('view', ARRAY['casino royale']);
SELECT moderation.publish_package('view');
CREATE TABLE t.w (id int PRIMARY KEY, body text, owner text);
SELECT moderation.attach('t.w', id => 'id', text => '{body}', owner => 'owner', on_block => 'quarantine') > 0 AS attached;
INSERT INTO t.w VALUES (1, 'a casino, casino', 'o1'), (2, 'casino', 'o2'), (3, 'casino royale', 'o2'), (4, 'x', NULL);
\pset format unaligned
-- The contract: names and types of columns.
SELECT c.relname AS view, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) AS columns
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'moderation'::regnamespace AND c.relkind = 'v' GROUP BY 1 ORDER BY 1;
\pset format aligned
-- What dashboards of figures read says of every column what it means.
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'moderation'::regnamespace AND c.relname = ANY ('{package_daily,release_daily,item_daily,item_totals,current_alarms,labels,hit_labels,content_verdicts,recent_hits,items_never_hit,open_proposals,in_force}')
  AND col_description(c.oid, a.attnum) IS NULL;
SELECT source, content_key, owner_key, package, release, stage, action, outcome, term, field, span_start, span_length, places, matched, level, score, kind
FROM moderation.recent_hits ORDER BY content_key;
SELECT package, stage, hits, contents, owners, kept_out FROM moderation.package_daily WHERE package = 'view';
SELECT package, stage, term, match, level, added_in, source FROM moderation.items_never_hit WHERE package = 'view';
SELECT package, stage, release, action, threshold, policy, severity, terms, allow_entries FROM moderation.in_force;
-- The term is shown as it was when it hit, though the package has moved on.
SELECT moderation.remove_terms('view', ARRAY['casino']);
SELECT * FROM moderation.add_terms('view', ARRAY['poker']);
SELECT moderation.publish_package('view');
SELECT content_key, release, term FROM moderation.recent_hits ORDER BY content_key;
SELECT term FROM moderation.items_never_hit WHERE package = 'view' ORDER BY term;
-- Hits outlive their table.
DROP TABLE t.w;
SELECT count(*), count(source) > 0 AS still_named FROM moderation.recent_hits;

-- The ring: 16 buckets of 28 days, the same in every time zone.
SELECT moderation.ring_bucket('1970-01-01 00:00+00'), moderation.ring_bucket('1970-01-28 23:59:59+00'), moderation.ring_bucket('1970-01-29 00:00+00'),
       moderation.ring_bucket('2026-01-01 00:00+00') = moderation.ring_bucket('2026-01-01 00:00+00'::timestamptz + interval '1344 hours' * 8) AS one_turn, moderation.ring_bucket(NULL);
SET timezone = 'Pacific/Kiritimati';
SELECT moderation.ring_bucket('1970-01-28 23:59:59+00'), moderation.ring_bucket('1970-01-29 00:00+00');
RESET timezone;
-- Retention goes by buckets: only those whose newest row is too old.
TRUNCATE moderation.hits;
INSERT INTO moderation.exposures (bucket, observed_at, source_id, digest, set_hash, weight)
SELECT moderation.ring_bucket(d), d, 1, '', '', 1 FROM generate_series(0, 400, 10) i, LATERAL (SELECT now() - i * interval '1 day') x(d);
SELECT count(*) FROM moderation.exposures;
SELECT hits, exposures > 25 AS most FROM moderation.expire_records(interval '90 days');
SELECT count(*) FILTER (WHERE observed_at >= now() - interval '90 days') AS kept, count(*) FILTER (WHERE observed_at < now() - interval '118 days') AS too_old FROM moderation.exposures;
SELECT * FROM moderation.expire_records(interval '90 days');
-- A bucket where old and new meet after a whole turn loses the old ones only.
TRUNCATE moderation.exposures;
INSERT INTO moderation.exposures (bucket, observed_at, source_id, digest, set_hash, weight)
SELECT moderation.ring_bucket(d), d, 1, '', '', 1 FROM (VALUES (now()), (now() - interval '10752 hours')) x(d);
SELECT count(DISTINCT bucket) AS buckets FROM moderation.exposures;
SELECT * FROM moderation.expire_records(interval '28 days');
SELECT count(*) FROM moderation.exposures;
CALL t.fails($$SELECT moderation.expire_records(interval '27 days')$$);
CALL t.fails($$SELECT moderation.expire_records(NULL)$$);
SELECT t.retire_all();
TRUNCATE moderation.hits, moderation.exposures, moderation.quarantine;
