-- Videos: frames from the companion's lines, one a second.

CREATE TABLE hashed (media text, path text, frame integer, quality smallint, hash moderation.pdqhash, seconds double precision);
