SELECT moderation.add_video('gambling-pictures', 'a film',
    (SELECT array_agg(ROW(frame, hash, quality, seconds)::moderation.video_frame ORDER BY frame) FROM hashed WHERE path LIKE '%risk.mp4')) \g /dev/null
SELECT moderation.publish_package('gambling-pictures', note => 'with a video') \g /dev/null

INSERT INTO creatives (name, clip)
SELECT regexp_replace(path, '.*/', ''), array_agg(ROW(frame, hash, quality, seconds)::moderation.video_frame ORDER BY frame)
FROM hashed WHERE path NOT LIKE '%risk.mp4' GROUP BY path ORDER BY path;

\echo 'Videos: the ad shows the film, smaller and compressed again, after four seconds of something else:'
SELECT c.name AS video, coalesce(c.moderation->>'action', 'no hit') AS verdict, h.label, h.material_percent AS "material %",
       h.content_percent AS "content %", h.content_ranges AS "seconds"
FROM creatives c LEFT JOIN LATERAL moderation.video_hits(c.clip, 'gambling-pictures'::text) h ON true
WHERE c.clip IS NOT NULL ORDER BY c.creative_id;
