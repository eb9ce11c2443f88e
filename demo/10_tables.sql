-- The application's side: a table of messages, as any application has one. And the risk words, as they were published.

CREATE EXTENSION pg_moderation;
-- A small corpus: every tenth message leaves an exposure, from the next session on.
SELECT format('ALTER DATABASE %I SET pg_moderation.exposure_sample = 10', current_database()) \gexec

CREATE TABLE risk_words (language text, term text);

CREATE TABLE messages (
    message_id  bigint PRIMARY KEY,
    sender      text,
    received_at timestamptz,
    subject     text,
    body        text,
    label       text NOT NULL  -- what the corpus says it is: spam, ham, or ham that looks like spam
);
