\pset footer off
\pset null '-'

\echo 'Pictures and photographs, each hashed in the database and held against two risk pictures (at most 31 of 256 bits apart):'
SELECT c.name, c.how, (moderation.pdq_hash(c.image)).quality, r.label AS nearest, c.pdq <-> r.hash AS bits,
       coalesce(c.moderation->>'action', 'no hit') AS verdict
FROM creatives c, LATERAL (
    SELECT i.label, i.hash FROM moderation.current_items i WHERE i.package = 'gambling-pictures' AND i.kind = 'image'
    ORDER BY c.pdq <-> i.hash LIMIT 1) r
WHERE c.image IS NOT NULL ORDER BY c.creative_id;

\echo 'A mirrored picture has another hash. Its own is in pdq_rotations(), to be added when it matters:'
SELECT v.variant, c.pdq <-> v.hash AS bits
FROM creatives c, (SELECT image FROM creatives ORDER BY creative_id LIMIT 1) r, moderation.pdq_rotations(r.image) v
WHERE c.how = 'mirrored' AND v.variant IN ('original', 'flip left to right');
