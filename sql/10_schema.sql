CREATE SCHEMA moderation;
CREATE FUNCTION moderation.hello(text) RETURNS boolean LANGUAGE c STRICT IMMUTABLE AS 'MODULE_PATHNAME', 'hello_wrapper';
