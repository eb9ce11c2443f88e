-- Rules that every object of the extension keeps.
\pset format unaligned
CREATE TEMP VIEW members AS SELECT classid, objid FROM pg_depend
    WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_moderation') AND deptype = 'e';
-- What PUBLIC may execute: matching and the trigger functions, nothing else.
SELECT p.oid::regprocedure AS public_may_execute FROM pg_proc p
WHERE p.oid IN (SELECT objid FROM members WHERE classid = 'pg_proc'::regclass)
  AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE')
ORDER BY p.oid::regprocedure::text COLLATE "C";
-- PUBLIC may look into the schema, and has no right on any relation.
SELECT has_schema_privilege('pg_monitor', 'moderation', 'USAGE') AS usage, has_schema_privilege('pg_monitor', 'moderation', 'CREATE') AS create;
SELECT c.relname AS open_relation FROM pg_class c WHERE c.oid IN (SELECT objid FROM members WHERE classid = 'pg_class'::regclass)
  AND EXISTS (SELECT FROM aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, c.relowner))) a WHERE a.grantee = 0);
-- Functions that run as the owner pin search_path, with pg_temp last; so do those in plpgsql that they call.
SELECT p.oid::regprocedure AS unpinned FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.oid IN (SELECT objid FROM members WHERE classid = 'pg_proc'::regclass)
  AND (p.prosecdef OR l.lanname = 'plpgsql')
  AND 'search_path=pg_catalog, pg_temp' <> ALL (coalesce(p.proconfig, '{}')) ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT p.oid::regprocedure AS runs_as_owner FROM pg_proc p WHERE p.prosecdef
  AND p.oid IN (SELECT objid FROM members WHERE classid = 'pg_proc'::regclass) ORDER BY p.oid::regprocedure::text COLLATE "C";
-- SQL functions have parsed bodies: no name is looked up when they run.
SELECT p.oid::regprocedure AS looks_up_names FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.oid IN (SELECT objid FROM members WHERE classid = 'pg_proc'::regclass) AND l.lanname = 'sql' AND p.prosqlbody IS NULL AND p.proconfig IS NULL;
-- Every table with rows has a primary key: logical replication refuses updates and deletes without.
SELECT c.relname AS without_primary_key FROM pg_class c WHERE c.relnamespace = 'moderation'::regnamespace AND c.relkind IN ('r', 'p')
  AND c.relname <> 'in_force_signal' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary);
-- Matching is STABLE and PARALLEL SAFE.
SELECT p.oid::regprocedure AS function, provolatile, proparallel FROM pg_proc p
WHERE p.oid IN (SELECT objid FROM members WHERE classid = 'pg_proc'::regclass) AND proname IN ('matches', 'moderate_text', 'text_hits')
ORDER BY p.oid::regprocedure::text COLLATE "C";
-- Everything has a COMMENT.
SELECT 'schema' AS kind, 'moderation' AS without_comment WHERE obj_description('moderation'::regnamespace, 'pg_namespace') IS NULL
UNION ALL SELECT 'function', p.oid::regprocedure::text FROM pg_proc p WHERE p.oid IN (SELECT objid FROM members WHERE classid = 'pg_proc'::regclass) AND obj_description(p.oid, 'pg_proc') IS NULL
UNION ALL SELECT 'relation', c.oid::regclass::text FROM pg_class c WHERE c.oid IN (SELECT objid FROM members WHERE classid = 'pg_class'::regclass) AND c.relkind IN ('r', 'p', 'v') AND obj_description(c.oid, 'pg_class') IS NULL
UNION ALL SELECT 'type', t.oid::regtype::text FROM pg_type t WHERE t.typnamespace = 'moderation'::regnamespace AND t.typtype IN ('e', 'd', 'b', 'c', 'r') AND t.typelem = 0
    AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')) AND obj_description(t.oid, 'pg_type') IS NULL
UNION ALL SELECT 'extension', 'pg_moderation' WHERE obj_description((SELECT oid FROM pg_extension WHERE extname = 'pg_moderation'), 'pg_extension') IS NULL;
-- Everything in the schema belongs to the extension.
SELECT c.oid::regclass AS stranger FROM pg_class c WHERE c.relnamespace = 'moderation'::regnamespace AND c.relkind NOT IN ('i', 'I', 'c', 't')
  AND c.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_class'::regclass);
SELECT p.oid::regprocedure AS stranger FROM pg_proc p WHERE p.pronamespace = 'moderation'::regnamespace AND p.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_proc'::regclass);
SELECT count(*) FILTER (WHERE classid NOT IN ('pg_proc'::regclass, 'pg_class'::regclass, 'pg_type'::regclass, 'pg_namespace'::regclass)) AS other_members FROM members;
-- Every table and sequence that holds data is dumped, whole.
SELECT c.oid::regclass AS not_dumped FROM pg_class c
WHERE c.oid IN (SELECT objid FROM members WHERE classid = 'pg_class'::regclass) AND c.relkind IN ('r', 'S')
  AND NOT EXISTS (SELECT FROM pg_extension e, unnest(e.extconfig) x(oid) WHERE e.extname = 'pg_moderation' AND x.oid = c.oid);
SELECT count(*) AS dumped_in_part FROM pg_extension e, unnest(e.extcondition) x(condition) WHERE e.extname = 'pg_moderation' AND x.condition <> '';
-- The rings are there from the start.
SELECT parent.relname, count(*), string_agg(DISTINCT pg_get_expr(p.relpartbound, p.oid), '; ') LIKE 'FOR VALUES IN (''0'')%' AS from_zero FROM pg_inherits i JOIN pg_class parent ON parent.oid = i.inhparent JOIN pg_class p ON p.oid = i.inhrelid
WHERE parent.relnamespace = 'moderation'::regnamespace AND parent.relkind = 'p' GROUP BY 1 ORDER BY 1;
-- Hits reference neither releases nor items: evidence stays.
SELECT conname FROM pg_constraint WHERE contype = 'f' AND conrelid IN ('moderation.hits'::regclass, 'moderation.exposures'::regclass);
-- The settings; the first call of a function loads the library that has them.
SELECT moderation.folding_version() > 0 AS loaded;
SELECT name, setting, unit, context, min_val, max_val FROM pg_settings WHERE name LIKE 'pg\_moderation.%' ORDER BY name;
