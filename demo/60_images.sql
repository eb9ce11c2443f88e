-- Pictures: the operator adds two risk pictures; the advertisers' copies of them are found by how they look.

CREATE TABLE creatives (
    creative_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text,
    how         text,
    image       bytea,
    pdq         moderation.pdqhash,
    clip        moderation.video_frame[],
    moderation  jsonb
);
CREATE INDEX ON creatives USING gin (pdq);

SELECT moderation.create_policy('gambling', severity => 3) \g /dev/null
SELECT moderation.create_package('gambling-pictures', policy => 'gambling', action => 'block') \g /dev/null
