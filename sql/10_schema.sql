-- The schema itself, the encoding check and the types. Runs first. The whole script runs with search_path = pg_catalog
-- (see the control file), so unqualified names and operators are PostgreSQL's own.

DO $check$
BEGIN
    IF getdatabaseencoding() <> 'UTF8' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('pg_moderation needs a UTF8 database, this one is %s', getdatabaseencoding()),
            DETAIL = 'Folding, boundaries and spans are defined on Unicode text.',
            HINT = 'Create the database with: CREATE DATABASE ... ENCODING ''UTF8'' TEMPLATE template0';
    END IF;
END
$check$;

-- Without IF NOT EXISTS: adopting a schema that somebody else owns would hand our functions to them.
CREATE SCHEMA moderation;
COMMENT ON SCHEMA moderation IS 'Content moderation: risk material packages, verdicts, hits and their effect.';

-- Matching needs to reach the functions; tables are granted one by one by the administrator.
GRANT USAGE ON SCHEMA moderation TO PUBLIC;

CREATE TYPE moderation.action AS ENUM ('log', 'review', 'block');
COMMENT ON TYPE moderation.action IS 'What a hit asks for, weakest first: log < review < block.';

CREATE TYPE moderation.stage AS ENUM ('shadow', 'live');
COMMENT ON TYPE moderation.stage IS 'shadow: recorded, never enforced; live: enforced.';

CREATE TYPE moderation.item_kind AS ENUM ('term', 'image', 'video');
COMMENT ON TYPE moderation.item_kind IS 'What an item is made of.';

CREATE TYPE moderation.match_mode AS ENUM (
    'word', 'prefix', 'suffix', 'substring', 'wildcard', 'inflected', 'typo', 'regex', 'rule',
    'domain', 'phone', 'email', 'handle');
COMMENT ON TYPE moderation.match_mode IS 'How a term is looked for: as whole words, at the start or end of a word, anywhere; with * and ? in it; in all its grammatical forms; with one typing error; as a regular expression; as a rule of words; as a domain, phone number, e-mail address or messenger handle.';

CREATE TYPE moderation.match_level AS ENUM ('literal', 'folded', 'evasion');
COMMENT ON TYPE moderation.match_level IS 'How strictly a term is compared: as written; without case and compatibility differences; against evasions.';

CREATE TYPE moderation.review_label AS ENUM ('violating', 'benign', 'unsure');
COMMENT ON TYPE moderation.review_label IS 'A human''s judgement of a content or a hit.';

CREATE TYPE moderation.on_block AS ENUM ('flag', 'quarantine', 'reject');
COMMENT ON TYPE moderation.on_block IS 'What happens to a row whose verdict is block: stored and flagged; kept out of the table; refused with an error.';

CREATE TYPE moderation.outcome AS ENUM ('flagged', 'quarantined', 'rejected');
COMMENT ON TYPE moderation.outcome IS 'What happened to the content that a recorded hit belongs to.';

CREATE TYPE moderation.verdict AS (action moderation.action, score real, hits jsonb);
COMMENT ON TYPE moderation.verdict IS 'The outcome for one content: strongest live action (NULL without a hit), score, live hits as a JSON array.';

CREATE TYPE moderation.text_hit AS (
    package text, release integer, stage moderation.stage, item_id bigint, kind moderation.item_kind, term text,
    action moderation.action, span_start integer, span_length integer, matched text,
    level moderation.match_level, score real, steps text[], suppressed_by bigint);
COMMENT ON TYPE moderation.text_hit IS 'One item found in one place of one text; substr(body, span_start, span_length) is the matched text. Stage NULL: judged by an explicit release or draft. steps: what had to be assumed beyond the level folded, or NULL. suppressed_by: the allow entry that covers the hit.';
