-- A release writes what changed, not the package again.
SELECT moderation.create_package('big') > 0 AS created;
SELECT * FROM moderation.add_terms('big', ARRAY(SELECT 'word' || i FROM generate_series(1, 20000) i));
SELECT moderation.publish_package('big') AS release;
-- From here on every row version that one transaction writes is counted by its xmin.
CREATE FUNCTION t.written() RETURNS TABLE (relation text, rows_written bigint) LANGUAGE sql AS $$
    SELECT 'items', count(*) FROM moderation.items WHERE xmin::text = pg_current_xact_id()::xid::text UNION ALL
    SELECT 'item_versions', count(*) FROM moderation.item_versions WHERE xmin::text = pg_current_xact_id()::xid::text UNION ALL
    SELECT 'releases', count(*) FROM moderation.releases WHERE xmin::text = pg_current_xact_id()::xid::text UNION ALL
    SELECT 'deployments', count(*) FROM moderation.deployments WHERE xmin::text = pg_current_xact_id()::xid::text UNION ALL
    SELECT 'drafts', count(*) FROM moderation.drafts WHERE xmin::text = pg_current_xact_id()::xid::text UNION ALL
    SELECT 'packages', count(*) FROM moderation.packages WHERE xmin::text = pg_current_xact_id()::xid::text $$;
BEGIN;
SELECT * FROM moderation.add_terms('big', ARRAY['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7']);
SELECT moderation.remove_terms('big', ARRAY['word1', 'word2', 'word3']);
SELECT moderation.publish_package('big') AS release;
SELECT * FROM t.written();
COMMIT;
-- A publish by itself touches no item at all.
SELECT * FROM moderation.add_terms('big', ARRAY['n8']);
BEGIN;
SELECT moderation.publish_package('big') AS release;
SELECT * FROM t.written() WHERE rows_written > 0;
COMMIT;
SELECT release, terms FROM moderation.releases JOIN moderation.packages USING (package_id) WHERE name = 'big' ORDER BY 1;
SELECT r AS release, array_agg(h.term ORDER BY h.term) FROM generate_series(1, 3) r,
    moderation.text_hits('word1 word4 n1 n8', 'big', release => r) h GROUP BY r ORDER BY r;
DROP FUNCTION t.written();
SELECT t.retire_all();
