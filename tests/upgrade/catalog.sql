-- Everything that the extension pg_moderation consists of, one line each and without OIDs, so that two installs compare as
-- texts. Columns of tables and views are listed by name, not by place: an update adds new ones at the end. Attributes of
-- composite types and labels of enums have an order.
WITH member AS MATERIALIZED (
    SELECT d.classid, d.objid FROM pg_depend d
    JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
    WHERE d.deptype = 'e' AND e.extname = 'pg_moderation'
),
relation AS MATERIALIZED (
    SELECT c.* FROM pg_class c JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
),
family AS MATERIALIZED (
    SELECT f.* FROM pg_opfamily f JOIN member m ON m.classid = 'pg_opfamily'::regclass AND m.objid = f.oid
),
-- Parts of members that are no members themselves, but can have a comment or stand in a list of rights.
part AS (
    SELECT classid, objid FROM member
    UNION ALL SELECT 'pg_trigger'::regclass, t.oid FROM pg_trigger t JOIN relation r ON t.tgrelid = r.oid
    UNION ALL SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k JOIN relation r ON k.conrelid = r.oid
    UNION ALL SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index i JOIN relation r ON i.indrelid = r.oid
),
line AS (
    SELECT 'member', pg_describe_object(m.classid, m.objid, 0), '' FROM member m
    UNION ALL
    SELECT 'routine', p.oid::regprocedure::text,
           pg_get_functiondef(p.oid) || ' returns ' || coalesce(pg_get_function_result(p.oid), '') || ' owner ' || p.proowner::regrole
    FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid WHERE p.prokind IN ('f', 'p')
    UNION ALL
    SELECT 'relation', r.oid::regclass::text,
           concat_ws(' ', r.relkind, r.relpersistence, r.relrowsecurity, r.relforcerowsecurity, r.relreplident, r.relispartition,
                     r.reloptions, r.relowner::regrole, r.reltablespace, pg_get_expr(r.relpartbound, r.oid), pg_get_partkeydef(r.oid),
                     (SELECT a.amname FROM pg_am a WHERE a.oid = r.relam))
    FROM relation r
    UNION ALL
    SELECT 'view', r.oid::regclass::text, pg_get_viewdef(r.oid) FROM relation r WHERE r.relkind IN ('v', 'm')
    UNION ALL
    SELECT 'column', r.oid::regclass || '.' || a.attname,
           concat_ws(' ', format_type(a.atttypid, a.atttypmod), 'not null', a.attnotnull, 'default', pg_get_expr(d.adbin, d.adrelid),
                     'identity', a.attidentity, 'generated', a.attgenerated, 'storage', a.attstorage, a.attcompression,
                     a.attcollation::regcollation,
                     -- PostgreSQL 15.20 of Debian stamps every column, of users' tables too, with a number of its own.
                     (SELECT array_agg(o ORDER BY o) FROM unnest(a.attoptions) o WHERE o NOT LIKE 'pg\_attver=%'),
                     'local', a.attislocal, a.attinhcount,
                     CASE r.relkind WHEN 'c' THEN a.attnum END)
    FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT 'constraint', r.oid::regclass || '.' || k.conname,
           concat_ws(' ', pg_get_constraintdef(k.oid), k.convalidated, k.conislocal, k.coninhcount, k.connoinherit)
    FROM relation r JOIN pg_constraint k ON k.conrelid = r.oid
    UNION ALL
    SELECT 'index', i.indexrelid::regclass::text, concat_ws(' ', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered)
    FROM relation r JOIN pg_index i ON i.indrelid = r.oid
    UNION ALL
    SELECT 'trigger', r.oid::regclass || '.' || t.tgname, concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
    FROM relation r JOIN pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'policy', r.oid::regclass || '.' || p.polname,
           concat_ws(' ', p.polcmd, p.polpermissive, p.polroles::regrole[], pg_get_expr(p.polqual, r.oid), pg_get_expr(p.polwithcheck, r.oid))
    FROM relation r JOIN pg_policy p ON p.polrelid = r.oid
    UNION ALL
    SELECT 'sequence', r.oid::regclass::text,
           concat_ws(' ', s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle)
    FROM relation r JOIN pg_sequence s ON s.seqrelid = r.oid
    UNION ALL
    SELECT 'type', t.oid::regtype::text,
           concat_ws(' ', t.typtype, t.typlen, t.typbyval, t.typcategory, t.typispreferred, t.typisdefined, t.typalign, t.typstorage, t.typinput,
                     t.typoutput, t.typreceive, t.typsend, t.typowner::regrole,
                     (SELECT string_agg(l.enumlabel, ',' ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = t.oid))
    FROM pg_type t JOIN member m ON m.classid = 'pg_type'::regclass AND m.objid = t.oid
    UNION ALL
    SELECT 'operator', o.oid::regoperator::text,
           concat_ws(' ', o.oprresult::regtype, o.oprcode, o.oprrest, o.oprjoin, nullif(o.oprcom, 0)::regoperator,
                     nullif(o.oprnegate, 0)::regoperator, o.oprcanmerge, o.oprcanhash)
    FROM pg_operator o JOIN member m ON m.classid = 'pg_operator'::regclass AND m.objid = o.oid
    UNION ALL
    SELECT 'operator class', pg_describe_object('pg_opclass'::regclass, c.oid, 0),
           concat_ws(' ', c.opcintype::regtype, c.opckeytype::regtype, c.opcdefault, pg_describe_object('pg_opfamily'::regclass, c.opcfamily, 0))
    FROM pg_opclass c JOIN member m ON m.classid = 'pg_opclass'::regclass AND m.objid = c.oid
    UNION ALL
    SELECT 'operator of a family', pg_describe_object('pg_opfamily'::regclass, f.oid, 0),
           concat_ws(' ', a.amopstrategy, a.amoppurpose, a.amopopr::regoperator, a.amoplefttype::regtype, a.amoprighttype::regtype)
    FROM family f JOIN pg_amop a ON a.amopfamily = f.oid
    UNION ALL
    SELECT 'function of a family', pg_describe_object('pg_opfamily'::regclass, f.oid, 0),
           concat_ws(' ', a.amprocnum, a.amproc::regprocedure, a.amproclefttype::regtype, a.amprocrighttype::regtype)
    FROM family f JOIN pg_amproc a ON a.amprocfamily = f.oid
    UNION ALL
    SELECT 'cast', pg_describe_object('pg_cast'::regclass, c.oid, 0),
           concat_ws(' ', nullif(c.castfunc, 0)::regprocedure, c.castcontext, c.castmethod)
    FROM pg_cast c JOIN member m ON m.classid = 'pg_cast'::regclass AND m.objid = c.oid
    UNION ALL
    SELECT 'comment', pg_describe_object(d.classoid, d.objoid, d.objsubid), d.description
    FROM part p JOIN pg_description d ON d.classoid = p.classid AND d.objoid = p.objid
    UNION ALL
    SELECT 'rights', pg_describe_object(r.classid, r.objid, 0) || coalesce('.' || r.part, ''),
           (SELECT string_agg(concat_ws(' ', x.grantor::regrole, nullif(x.grantee, 0)::regrole, x.privilege_type, x.is_grantable), ', '
                              ORDER BY x.grantee::regrole::text, x.privilege_type)
            FROM aclexplode(r.acl) x)
    FROM (SELECT m.classid, m.objid, c.relacl AS acl, NULL::name AS part FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
          UNION ALL
          SELECT m.classid, m.objid, a.attacl, a.attname FROM member m JOIN pg_attribute a ON m.classid = 'pg_class'::regclass AND m.objid = a.attrelid
          UNION ALL
          SELECT m.classid, m.objid, p.proacl, NULL FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
          UNION ALL
          SELECT m.classid, m.objid, t.typacl, NULL FROM member m JOIN pg_type t ON m.classid = 'pg_type'::regclass AND m.objid = t.oid
          UNION ALL
          SELECT m.classid, m.objid, n.nspacl, NULL FROM member m JOIN pg_namespace n ON m.classid = 'pg_namespace'::regclass AND m.objid = n.oid) r
    WHERE r.acl IS NOT NULL
    UNION ALL
    -- What pg_dump takes for granted by the extension itself.
    SELECT 'first rights', pg_describe_object(i.classoid, i.objoid, i.objsubid),
           (SELECT string_agg(concat_ws(' ', nullif(x.grantee, 0)::regrole, x.privilege_type, x.is_grantable), ', '
                              ORDER BY x.grantee::regrole::text, x.privilege_type)
            FROM aclexplode(i.initprivs) x)
    FROM member m JOIN pg_init_privs i ON i.classoid = m.classid AND i.objoid = m.objid
    UNION ALL
    SELECT 'dumped', c.relation::regclass::text, c.condition
    FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS c(relation, condition) WHERE e.extname = 'pg_moderation'
    UNION ALL
    SELECT 'extension', e.extname, concat_ws(' ', e.extversion, e.extnamespace::regnamespace, e.extrelocatable, e.extowner::regrole)
    FROM pg_extension e WHERE e.extname = 'pg_moderation'
)
SELECT concat_ws(' | ', kind, name, content) FROM line AS l(kind, name, content)
ORDER BY kind COLLATE "C", name COLLATE "C", content COLLATE "C";
