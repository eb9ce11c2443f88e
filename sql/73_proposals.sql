-- Proposals: changes that the data suggests, with their evidence. Stored, shown, accepted or rejected by a person; nothing is ever
-- changed silently, and accepting only edits the draft.

CREATE FUNCTION moderation.mine_terms(
    texts text[], classes smallint[], weighted boolean, max_terms integer, min_support integer, precision_floor double precision,
    OUT term text, OUT match text, OUT level text, OUT weight real, OUT violating integer,
    OUT benign integer, OUT background integer, OUT new_violating integer, OUT z double precision, OUT examples integer[],
    OUT list_true_positives integer, OUT list_false_positives integer, OUT list_false_negatives integer, OUT list_background integer)
    RETURNS SETOF record LANGUAGE c IMMUTABLE STRICT ROWS 100 COST 1000000
    AS 'MODULE_PATHNAME', 'moderation_mine_terms';
COMMENT ON FUNCTION moderation.mine_terms(text[], smallint[], boolean, integer, integer, double precision) IS 'Internal: terms that violating texts (class 1) have and benign (0) and background (-1) ones do not: plain terms of the given precision, or a list with weights for a package of threshold 1. examples are positions in texts. list_: what the whole list does, cross-validated when weighted.';
