\pset footer off
\pset null '-'

\echo 'Pictures, each hashed in the database and held against one risk picture (at most 31 of 256 bits apart):'
SELECT c.name, c.how, (moderation.pdq_hash(c.image)).quality, c.pdq <-> r.hash AS bits, coalesce(c.moderation->>'action', 'no hit') AS verdict
FROM creatives c, moderation.current_items r
WHERE r.package = 'gambling-pictures' AND r.label = 'lucky wheel' AND c.image IS NOT NULL
ORDER BY c.creative_id;

\echo 'A mirrored picture has another hash. Its own is in pdq_rotations(), to be added when it matters:'
SELECT v.variant, c.pdq <-> v.hash AS bits
FROM creatives c, (SELECT image FROM creatives ORDER BY creative_id LIMIT 1) r, moderation.pdq_rotations(r.image) v
WHERE c.how = 'mirrored' AND v.variant IN ('original', 'flip left to right');
