-- Every function and relation has a class in moderation.rights(): who may call or read it. A new one goes into that list
-- (sql/12_roles.sql); what each role really may, tests/rights tries.
\pset format unaligned
SELECT p.proname AS without_class FROM pg_proc p WHERE p.pronamespace = 'moderation'::regnamespace
EXCEPT SELECT r.name FROM moderation.rights() r WHERE r.kind = 'routine' ORDER BY 1;
SELECT c.relname AS without_class FROM pg_class c
WHERE c.relnamespace = 'moderation'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
EXCEPT SELECT r.name FROM moderation.rights() r WHERE r.kind = 'relation' ORDER BY 1;
SELECT r.kind, r.name AS does_not_exist FROM moderation.rights() r
WHERE CASE r.kind WHEN 'routine' THEN NOT EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'moderation'::regnamespace AND p.proname = r.name)
                  ELSE to_regclass('moderation.' || r.name) IS NULL END;
SELECT r.kind, r.name, count(*) FROM moderation.rights() r WHERE r.columns IS NULL GROUP BY 1, 2 HAVING count(*) > 1;
-- PUBLIC may execute what is listed for everyone, and nothing else.
SELECT p.oid::regprocedure AS wrong FROM pg_proc p WHERE p.pronamespace = 'moderation'::regnamespace
  AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE')
      <> (p.proname IN (SELECT r.name FROM moderation.rights() r WHERE r.class = 'everyone'));
-- Views that show rows of packages either run as their reader or cannot be looked behind.
SELECT c.relname, c.reloptions FROM pg_class c WHERE c.relnamespace = 'moderation'::regnamespace AND c.relkind = 'v' ORDER BY 1;
-- Rows of packages are guarded, by policies for reading.
SELECT p.tablename, p.cmd, p.qual LIKE '%readable_packages%' AS material FROM pg_policies p WHERE p.schemaname = 'moderation' ORDER BY 1;
-- Without roles nobody but the owner is of a class.
CREATE ROLE regress_moderation_anybody;
SELECT moderation.caller_is('reader') AS owner_is;
SET ROLE regress_moderation_anybody;
SELECT moderation.caller_is('reader'), moderation.caller_is('admin');
RESET ROLE;
DROP ROLE regress_moderation_anybody;
