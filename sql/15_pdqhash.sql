-- The types pdqhash and pdq_ball, their operators and index classes. Functions are in the schema moderation; operators
-- are in pg_catalog, so that they are found under every search_path: an operator with a schema is not written by hand.

CREATE TYPE moderation.pdqhash;

CREATE FUNCTION moderation.pdqhash_in(cstring) RETURNS moderation.pdqhash
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_in';
CREATE FUNCTION moderation.pdqhash_out(moderation.pdqhash) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_out';
CREATE FUNCTION moderation.pdqhash_recv(internal) RETURNS moderation.pdqhash
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_recv';
CREATE FUNCTION moderation.pdqhash_send(moderation.pdqhash) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_send';
COMMENT ON FUNCTION moderation.pdqhash_in(cstring) IS 'Input of pdqhash.';
COMMENT ON FUNCTION moderation.pdqhash_out(moderation.pdqhash) IS 'Output of pdqhash.';
COMMENT ON FUNCTION moderation.pdqhash_recv(internal) IS 'Binary input of pdqhash.';
COMMENT ON FUNCTION moderation.pdqhash_send(moderation.pdqhash) IS 'Binary output of pdqhash.';

-- PREFERRED: of moderate_image(pdqhash) and moderate_image(bytea) the former takes a literal of unknown type.
CREATE TYPE moderation.pdqhash (
    INPUT = moderation.pdqhash_in, OUTPUT = moderation.pdqhash_out, RECEIVE = moderation.pdqhash_recv,
    SEND = moderation.pdqhash_send, INTERNALLENGTH = 32, ALIGNMENT = char, STORAGE = plain, CATEGORY = 'U', PREFERRED = true);
COMMENT ON TYPE moderation.pdqhash IS 'A PDQ hash: 256 bits, written as 64 hexadecimal digits as every PDQ tool prints them. Images that look the same differ in few bits, usually at most 31.';

-- Casts.

CREATE FUNCTION moderation.pdqhash(bytes bytea) RETURNS moderation.pdqhash
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_from_bytea';
CREATE FUNCTION moderation.pdqhash(bits bit) RETURNS moderation.pdqhash
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_from_bit';
CREATE FUNCTION moderation.pdqhash_bytes(hash moderation.pdqhash) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_send';
CREATE FUNCTION moderation.pdqhash_bits(hash moderation.pdqhash) RETURNS bit
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_to_bit';
COMMENT ON FUNCTION moderation.pdqhash(bytea) IS 'The hash of these 32 bytes; the cast of bytea.';
COMMENT ON FUNCTION moderation.pdqhash(bit) IS 'The hash of these 256 bits; the cast of bit(256).';
COMMENT ON FUNCTION moderation.pdqhash_bytes(moderation.pdqhash) IS 'The 32 bytes of a hash; the cast to bytea.';
COMMENT ON FUNCTION moderation.pdqhash_bits(moderation.pdqhash) IS 'The 256 bits of a hash; the cast to bit(256).';
CREATE CAST (bytea AS moderation.pdqhash) WITH FUNCTION moderation.pdqhash(bytea);
CREATE CAST (bit AS moderation.pdqhash) WITH FUNCTION moderation.pdqhash(bit);
CREATE CAST (moderation.pdqhash AS bytea) WITH FUNCTION moderation.pdqhash_bytes(moderation.pdqhash);
CREATE CAST (moderation.pdqhash AS bit) WITH FUNCTION moderation.pdqhash_bits(moderation.pdqhash);

CREATE CAST (text AS moderation.pdqhash) WITH INOUT AS ASSIGNMENT;

-- Order and equality: that of the bytes.

CREATE FUNCTION moderation.pdqhash_eq(moderation.pdqhash, moderation.pdqhash) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_eq';
CREATE FUNCTION moderation.pdqhash_ne(moderation.pdqhash, moderation.pdqhash) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_ne';
CREATE FUNCTION moderation.pdqhash_lt(moderation.pdqhash, moderation.pdqhash) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_lt';
CREATE FUNCTION moderation.pdqhash_le(moderation.pdqhash, moderation.pdqhash) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_le';
CREATE FUNCTION moderation.pdqhash_gt(moderation.pdqhash, moderation.pdqhash) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_gt';
CREATE FUNCTION moderation.pdqhash_ge(moderation.pdqhash, moderation.pdqhash) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_ge';
CREATE FUNCTION moderation.pdqhash_cmp(moderation.pdqhash, moderation.pdqhash) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_cmp';
CREATE FUNCTION moderation.pdqhash_hash(moderation.pdqhash) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_hash';
CREATE FUNCTION moderation.pdqhash_hash_extended(moderation.pdqhash, bigint) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_hash_extended';
COMMENT ON FUNCTION moderation.pdqhash_eq(moderation.pdqhash, moderation.pdqhash) IS 'Implements =.';
COMMENT ON FUNCTION moderation.pdqhash_ne(moderation.pdqhash, moderation.pdqhash) IS 'Implements <>.';
COMMENT ON FUNCTION moderation.pdqhash_lt(moderation.pdqhash, moderation.pdqhash) IS 'Implements <.';
COMMENT ON FUNCTION moderation.pdqhash_le(moderation.pdqhash, moderation.pdqhash) IS 'Implements <=.';
COMMENT ON FUNCTION moderation.pdqhash_gt(moderation.pdqhash, moderation.pdqhash) IS 'Implements >.';
COMMENT ON FUNCTION moderation.pdqhash_ge(moderation.pdqhash, moderation.pdqhash) IS 'Implements >=.';
COMMENT ON FUNCTION moderation.pdqhash_cmp(moderation.pdqhash, moderation.pdqhash) IS 'Order of pdqhash for btree.';
COMMENT ON FUNCTION moderation.pdqhash_hash(moderation.pdqhash) IS 'Hash of pdqhash for hash joins and indexes.';
COMMENT ON FUNCTION moderation.pdqhash_hash_extended(moderation.pdqhash, bigint) IS 'Seeded hash of pdqhash for hash partitioning.';

CREATE OPERATOR pg_catalog.= (LEFTARG = moderation.pdqhash, RIGHTARG = moderation.pdqhash, FUNCTION = moderation.pdqhash_eq,
    COMMUTATOR = OPERATOR(pg_catalog.=), NEGATOR = OPERATOR(pg_catalog.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR pg_catalog.<> (LEFTARG = moderation.pdqhash, RIGHTARG = moderation.pdqhash, FUNCTION = moderation.pdqhash_ne,
    COMMUTATOR = OPERATOR(pg_catalog.<>), NEGATOR = OPERATOR(pg_catalog.=), RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR pg_catalog.< (LEFTARG = moderation.pdqhash, RIGHTARG = moderation.pdqhash, FUNCTION = moderation.pdqhash_lt,
    COMMUTATOR = OPERATOR(pg_catalog.>), NEGATOR = OPERATOR(pg_catalog.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR pg_catalog.<= (LEFTARG = moderation.pdqhash, RIGHTARG = moderation.pdqhash, FUNCTION = moderation.pdqhash_le,
    COMMUTATOR = OPERATOR(pg_catalog.>=), NEGATOR = OPERATOR(pg_catalog.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel);
CREATE OPERATOR pg_catalog.> (LEFTARG = moderation.pdqhash, RIGHTARG = moderation.pdqhash, FUNCTION = moderation.pdqhash_gt,
    COMMUTATOR = OPERATOR(pg_catalog.<), NEGATOR = OPERATOR(pg_catalog.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel);
CREATE OPERATOR pg_catalog.>= (LEFTARG = moderation.pdqhash, RIGHTARG = moderation.pdqhash, FUNCTION = moderation.pdqhash_ge,
    COMMUTATOR = OPERATOR(pg_catalog.<=), NEGATOR = OPERATOR(pg_catalog.<), RESTRICT = scalargesel, JOIN = scalargejoinsel);
COMMENT ON OPERATOR pg_catalog.= (moderation.pdqhash, moderation.pdqhash) IS 'the same hash';
COMMENT ON OPERATOR pg_catalog.<> (moderation.pdqhash, moderation.pdqhash) IS 'another hash';
COMMENT ON OPERATOR pg_catalog.< (moderation.pdqhash, moderation.pdqhash) IS 'before, in the order of the bytes';
COMMENT ON OPERATOR pg_catalog.<= (moderation.pdqhash, moderation.pdqhash) IS 'not behind, in the order of the bytes';
COMMENT ON OPERATOR pg_catalog.> (moderation.pdqhash, moderation.pdqhash) IS 'behind, in the order of the bytes';
COMMENT ON OPERATOR pg_catalog.>= (moderation.pdqhash, moderation.pdqhash) IS 'not before, in the order of the bytes';

CREATE OPERATOR CLASS moderation.pdqhash_ops DEFAULT FOR TYPE moderation.pdqhash USING btree AS
    OPERATOR 1 pg_catalog.<, OPERATOR 2 pg_catalog.<=, OPERATOR 3 pg_catalog.=, OPERATOR 4 pg_catalog.>=, OPERATOR 5 pg_catalog.>,
    FUNCTION 1 moderation.pdqhash_cmp(moderation.pdqhash, moderation.pdqhash),
    FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS moderation.pdqhash_ops USING btree IS 'Order of pdqhash.';
COMMENT ON OPERATOR FAMILY moderation.pdqhash_ops USING btree IS 'Order of pdqhash.';
CREATE OPERATOR CLASS moderation.pdqhash_ops DEFAULT FOR TYPE moderation.pdqhash USING hash AS
    OPERATOR 1 pg_catalog.=,
    FUNCTION 1 moderation.pdqhash_hash(moderation.pdqhash),
    FUNCTION 2 moderation.pdqhash_hash_extended(moderation.pdqhash, bigint);
COMMENT ON OPERATOR CLASS moderation.pdqhash_ops USING hash IS 'Equality of pdqhash.';
COMMENT ON OPERATOR FAMILY moderation.pdqhash_ops USING hash IS 'Equality of pdqhash.';

-- Distance.

CREATE FUNCTION moderation.pdq_distance(a moderation.pdqhash, b moderation.pdqhash) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdqhash_distance';
COMMENT ON FUNCTION moderation.pdq_distance(moderation.pdqhash, moderation.pdqhash) IS 'Hamming distance of two hashes, 0 to 256 bits. Implements <->.';
CREATE OPERATOR pg_catalog.<-> (LEFTARG = moderation.pdqhash, RIGHTARG = moderation.pdqhash, FUNCTION = moderation.pdq_distance,
    COMMUTATOR = OPERATOR(pg_catalog.<->));
COMMENT ON OPERATOR pg_catalog.<-> (moderation.pdqhash, moderation.pdqhash) IS 'Hamming distance, 0 to 256 bits';

CREATE TYPE moderation.pdq_ball;
CREATE FUNCTION moderation.pdq_ball_in(cstring) RETURNS moderation.pdq_ball
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_ball_in';
CREATE FUNCTION moderation.pdq_ball_out(moderation.pdq_ball) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_ball_out';
CREATE FUNCTION moderation.pdq_ball_recv(internal) RETURNS moderation.pdq_ball
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_ball_recv';
CREATE FUNCTION moderation.pdq_ball_send(moderation.pdq_ball) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_ball_send';
COMMENT ON FUNCTION moderation.pdq_ball_in(cstring) IS 'Input of pdq_ball.';
COMMENT ON FUNCTION moderation.pdq_ball_out(moderation.pdq_ball) IS 'Output of pdq_ball.';
COMMENT ON FUNCTION moderation.pdq_ball_recv(internal) IS 'Binary input of pdq_ball.';
COMMENT ON FUNCTION moderation.pdq_ball_send(moderation.pdq_ball) IS 'Binary output of pdq_ball.';
CREATE TYPE moderation.pdq_ball (
    INPUT = moderation.pdq_ball_in, OUTPUT = moderation.pdq_ball_out, RECEIVE = moderation.pdq_ball_recv,
    SEND = moderation.pdq_ball_send, INTERNALLENGTH = 34, ALIGNMENT = char, STORAGE = plain);
COMMENT ON TYPE moderation.pdq_ball IS 'All hashes within a distance of one, written hash/radius; made by pdq_ball().';

CREATE FUNCTION moderation.pdq_ball(centre moderation.pdqhash, radius integer) RETURNS moderation.pdq_ball
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_ball';
COMMENT ON FUNCTION moderation.pdq_ball(moderation.pdqhash, integer) IS 'All hashes within radius bits of centre, radius included: hash <@ pdq_ball(centre, 31) is what an index on hash answers.';

CREATE FUNCTION moderation.pdq_within(moderation.pdqhash, moderation.pdq_ball) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_within';
CREATE FUNCTION moderation.pdq_contains(moderation.pdq_ball, moderation.pdqhash) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_contains';
CREATE FUNCTION moderation.pdq_ball_sel(internal, oid, internal, integer) RETURNS double precision
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_ball_sel';
CREATE FUNCTION moderation.pdq_ball_joinsel(internal, oid, internal, smallint, internal) RETURNS double precision
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_ball_joinsel';
COMMENT ON FUNCTION moderation.pdq_within(moderation.pdqhash, moderation.pdq_ball) IS 'Implements <@.';
COMMENT ON FUNCTION moderation.pdq_contains(moderation.pdq_ball, moderation.pdqhash) IS 'Implements @>.';
COMMENT ON FUNCTION moderation.pdq_ball_sel(internal, oid, internal, integer) IS 'Planner: share of a column''s hashes in a ball.';
COMMENT ON FUNCTION moderation.pdq_ball_joinsel(internal, oid, internal, smallint, internal) IS 'Planner: share of pairs of hash and ball that match.';
CREATE OPERATOR pg_catalog.<@ (LEFTARG = moderation.pdqhash, RIGHTARG = moderation.pdq_ball, FUNCTION = moderation.pdq_within,
    COMMUTATOR = OPERATOR(pg_catalog.@>), RESTRICT = moderation.pdq_ball_sel, JOIN = moderation.pdq_ball_joinsel);
CREATE OPERATOR pg_catalog.@> (LEFTARG = moderation.pdq_ball, RIGHTARG = moderation.pdqhash, FUNCTION = moderation.pdq_contains,
    COMMUTATOR = OPERATOR(pg_catalog.<@), RESTRICT = moderation.pdq_ball_sel, JOIN = moderation.pdq_ball_joinsel);
COMMENT ON OPERATOR pg_catalog.<@ (moderation.pdqhash, moderation.pdq_ball) IS 'hash lies in ball';
COMMENT ON OPERATOR pg_catalog.@> (moderation.pdq_ball, moderation.pdqhash) IS 'ball holds hash';

-- The index class: CREATE INDEX ON ads USING gin (creative_pdq).

CREATE FUNCTION moderation.pdq_gin_extract_value(moderation.pdqhash, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_gin_extract_value';
CREATE FUNCTION moderation.pdq_gin_extract_query(moderation.pdq_ball, internal, smallint, internal, internal, internal, internal)
    RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_gin_extract_query';
CREATE FUNCTION moderation.pdq_gin_consistent(internal, smallint, moderation.pdq_ball, integer, internal, internal, internal, internal)
    RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_gin_consistent';
CREATE FUNCTION moderation.pdq_gin_compare_partial(bigint, bigint, smallint, internal) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_gin_compare_partial';
CREATE FUNCTION moderation.pdq_gin_triconsistent(internal, smallint, moderation.pdq_ball, integer, internal, internal, internal)
    RETURNS "char"
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'moderation_pdq_gin_triconsistent';
COMMENT ON FUNCTION moderation.pdq_gin_extract_value(moderation.pdqhash, internal) IS 'GIN: the sixteen keys of a hash.';
COMMENT ON FUNCTION moderation.pdq_gin_extract_query(moderation.pdq_ball, internal, smallint, internal, internal, internal, internal) IS 'GIN: the ranges of keys to look into for a ball.';
COMMENT ON FUNCTION moderation.pdq_gin_consistent(internal, smallint, moderation.pdq_ball, integer, internal, internal, internal, internal) IS 'GIN: whether a row with these keys is a candidate.';
COMMENT ON FUNCTION moderation.pdq_gin_compare_partial(bigint, bigint, smallint, internal) IS 'GIN: whether a key in a range passes.';
COMMENT ON FUNCTION moderation.pdq_gin_triconsistent(internal, smallint, moderation.pdq_ball, integer, internal, internal, internal) IS 'GIN: the same when not all keys are known.';

CREATE OPERATOR CLASS moderation.pdqhash_ops DEFAULT FOR TYPE moderation.pdqhash USING gin AS
    OPERATOR 1 pg_catalog.<@ (moderation.pdqhash, moderation.pdq_ball),
    FUNCTION 1 btint8cmp(bigint, bigint),
    FUNCTION 2 moderation.pdq_gin_extract_value(moderation.pdqhash, internal),
    FUNCTION 3 moderation.pdq_gin_extract_query(moderation.pdq_ball, internal, smallint, internal, internal, internal, internal),
    FUNCTION 4 moderation.pdq_gin_consistent(internal, smallint, moderation.pdq_ball, integer, internal, internal, internal, internal),
    FUNCTION 5 moderation.pdq_gin_compare_partial(bigint, bigint, smallint, internal),
    FUNCTION 6 moderation.pdq_gin_triconsistent(internal, smallint, moderation.pdq_ball, integer, internal, internal, internal),
    STORAGE bigint;
COMMENT ON OPERATOR CLASS moderation.pdqhash_ops USING gin IS 'Every hash within any radius: hash <@ pdq_ball(centre, radius).';
COMMENT ON OPERATOR FAMILY moderation.pdqhash_ops USING gin IS 'Every hash within any radius: hash <@ pdq_ball(centre, radius).';

-- A video is the hashes of its frames.

CREATE TYPE moderation.video_frame AS (
    frame_number integer, hash moderation.pdqhash, quality smallint, seconds double precision);
COMMENT ON TYPE moderation.video_frame IS 'One hashed frame of a video: its number from 0, PDQ hash, quality 0 to 100, and when it is shown. A video is an array of these.';
