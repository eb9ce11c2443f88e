-- Databases that are not UTF8 are refused when the extension is created, with a hint; nothing is left behind.
CREATE DATABASE regression_moderation_latin1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0;
CREATE DATABASE regression_moderation_sql_ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0;
\set ours :DBNAME
\set VERBOSITY terse
\c regression_moderation_latin1
SET client_encoding = 'UTF8';
\set VERBOSITY default
\set SHOW_CONTEXT never
CREATE EXTENSION pg_moderation;
SELECT count(*) AS schemas FROM pg_namespace WHERE nspname = 'moderation';
\c regression_moderation_sql_ascii
CREATE EXTENSION pg_moderation;
SELECT count(*) AS schemas FROM pg_namespace WHERE nspname = 'moderation';
\c :ours
DROP DATABASE regression_moderation_latin1;
DROP DATABASE regression_moderation_sql_ascii;
-- Nor is a schema adopted that was there before.
CREATE DATABASE regression_moderation_schema ENCODING 'UTF8' TEMPLATE template0;
\c regression_moderation_schema
CREATE SCHEMA moderation;
CREATE EXTENSION pg_moderation;
\c :ours
DROP DATABASE regression_moderation_schema;
