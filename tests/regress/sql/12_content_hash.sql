-- The content hash of a release names its content: the same for every history, another for every difference.
CREATE FUNCTION t.hash(package text) RETURNS bytea LANGUAGE sql AS $$
    SELECT r.content_hash FROM moderation.releases r JOIN moderation.packages p USING (package_id)
    WHERE p.name = $1 ORDER BY r.release DESC LIMIT 1 $$;
SELECT count(moderation.create_package('h' || i, action => 'review')) FROM generate_series(1, 9) i;

-- h1 at once; h2 in another order, in parts, with detours through other releases.
SELECT * FROM moderation.add_terms('h1', ARRAY['one', 'two', 'three']);
SELECT * FROM moderation.allow_terms('h1', ARRAY['one two']);
SELECT moderation.publish_package('h1');
SELECT * FROM moderation.allow_terms('h2', ARRAY['one two']);
SELECT * FROM moderation.add_terms('h2', ARRAY['four', 'three'], source => 'elsewhere');
SELECT moderation.publish_package('h2');
SELECT * FROM moderation.add_terms('h2', ARRAY['two', 'one', 'five']);
SELECT moderation.publish_package('h2', stage => 'shadow');
SELECT moderation.remove_terms('h2', ARRAY['five', 'four']);
SELECT moderation.publish_package('h2', note => 'another note');
SELECT t.hash('h1') = t.hash('h2') AS same_content_same_hash;
-- However the session prints numbers.
UPDATE moderation.packages SET threshold = 1.2345678 WHERE name IN ('h1', 'h2');
SET extra_float_digits = -6;
SELECT moderation.publish_package('h1');
RESET extra_float_digits;
SELECT moderation.publish_package('h2');
SELECT t.hash('h1') = t.hash('h2') AS same_under_other_settings;
SELECT moderation.publish_package('h1') AS reused;

-- Each of these differs from h3 in one thing.
SELECT count(*) FROM generate_series(3, 9) i, moderation.add_terms('h' || i, ARRAY['one', 'two']);
SELECT sum(moderation.remove_terms('h' || i, ARRAY['two'])) AS removed FROM generate_series(4, 7) i;
SELECT moderation.add_terms('h4', ARRAY['two'], match => 'prefix');
SELECT moderation.add_terms('h5', ARRAY['two'], level => 'literal');
SELECT moderation.add_terms('h6', ARRAY['two'], weight => 2);
SELECT moderation.allow_terms('h7', ARRAY['two']);
UPDATE moderation.packages SET action = 'block' WHERE name = 'h8';
UPDATE moderation.packages SET threshold = 0.5 WHERE name = 'h9';
SELECT count(moderation.publish_package('h' || i)) FROM generate_series(3, 9) i;
SELECT count(DISTINCT t.hash('h' || i)) AS different_hashes FROM generate_series(3, 9) i;
-- A policy is a setting too.
SELECT moderation.create_policy('hash-policy') > 0 AS created;
UPDATE moderation.packages SET policy_id = (SELECT policy_id FROM moderation.policies WHERE name = 'hash-policy')
WHERE name = 'h9';
SELECT moderation.publish_package('h9') AS release;
-- The hash does not depend on the name of the package or on the order of packages: a copy of h3 under another name.
SELECT moderation.create_package('a copy of h3', action => 'review') > 0 AS created;
SELECT * FROM moderation.add_terms('a copy of h3', ARRAY['two', 'one']);
SELECT moderation.publish_package('a copy of h3');
SELECT t.hash('h3') = t.hash('a copy of h3') AS same;
DROP FUNCTION t.hash(text);
SELECT t.retire_all();
