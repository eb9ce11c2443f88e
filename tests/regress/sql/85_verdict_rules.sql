-- Verdict rules: score, strikes of the owner with decay, other packages; part of the release, explained in the verdict.
SELECT t.retire_all();
CREATE SCHEMA vr;
CREATE TABLE vr.ads (id int PRIMARY KEY, owner text, body text);
SELECT moderation.attach('vr.ads', id => 'id', text => '{body}', owner => 'owner', verdict_column => 'verdict') > 0 AS attached;
SELECT moderation.create_package('vr', action => 'review') > 0 AS created, moderation.create_package('vr-other', action => 'log') > 0 AS other;
SELECT * FROM moderation.add_terms('vr', ARRAY['dice', 'poker', 'slots']);
SELECT * FROM moderation.add_terms('vr-other', ARRAY['bonus']);
SELECT moderation.set_verdict_rules('vr', '[{"action": "block", "strikes": 3, "days": 30}, {"action": "block", "score": 3}, {"action": "block", "with": ["vr-other"]}]');
SELECT moderation.publish_package('vr'), moderation.publish_package('vr-other');
INSERT INTO vr.ads VALUES (1, 'bad', 'dice'), (2, 'bad', 'poker'), (3, 'bad', 'slots'), (4, 'good', 'dice'), (5, 'good', 'dice poker slots'), (6, 'good', 'bonus dice'), (7, 'good', 'bonus');
SELECT id, verdict ->> 'action' AS action, verdict -> 'rules' AS rules FROM vr.ads ORDER BY id;
-- Three confirmed hits in 30 days.
SELECT count(moderation.record_review('vr.ads', k, 'violating')) FROM unnest(ARRAY[1, 2]) k;
INSERT INTO vr.ads VALUES (10, 'bad', 'dice');
SELECT moderation.record_review('vr.ads', 3, 'violating') > 0 AS third;
INSERT INTO vr.ads VALUES (11, 'bad', 'dice'), (12, 'good', 'dice'), (13, NULL, 'dice'), (14, 'bad', 'harmless');
SELECT id, owner, verdict ->> 'action' AS action, verdict -> 'rules' AS rules FROM vr.ads WHERE id >= 10 ORDER BY id;
-- A strike that an appeal overturns, and one that is too old, no longer count.
SELECT moderation.appeal_review('vr.ads', 3, 'benign', note => 'was a toy shop') > 0 AS overturned;
INSERT INTO vr.ads VALUES (20, 'bad', 'dice');
SELECT moderation.record_review('vr.ads', 10, 'violating') > 0 AS fourth;
UPDATE moderation.owner_strikes SET struck_at = struck_at - interval '31 days' WHERE content_key = '1';
INSERT INTO vr.ads VALUES (21, 'bad', 'dice');
SELECT id, verdict ->> 'action' AS action, verdict -> 'rules' AS rules FROM vr.ads WHERE id >= 20 ORDER BY id;
-- Decay: strikes of 10 days ago with a half life of 10 days count half.
UPDATE moderation.owner_strikes SET struck_at = now() - interval '10 days';
SELECT moderation.set_verdict_rules('vr', '[{"action": "block", "strikes": 1.4, "days": 30, "half_life": 10, "any_package": true}]');
-- Data of the draft: nothing changes before the publish, and the release's hash knows it.
INSERT INTO vr.ads VALUES (30, 'bad', 'dice');
SELECT moderation.publish_package('vr');
INSERT INTO vr.ads VALUES (31, 'bad', 'dice');
DELETE FROM moderation.owner_strikes WHERE content_key = '2';
INSERT INTO vr.ads VALUES (32, 'bad', 'dice');
SELECT id, verdict ->> 'action' AS action, verdict -> 'rules' AS rules FROM vr.ads WHERE id >= 30 ORDER BY id;
SELECT r.release, r.rules FROM moderation.releases r JOIN moderation.packages p USING (package_id) WHERE p.name = 'vr' ORDER BY release;
SELECT moderation.set_verdict_rules('vr', '[]'), moderation.publish_package('vr');
-- Judging without an owner knows no strikes; reading writes nothing.
BEGIN READ ONLY;
SELECT action FROM moderation.moderate_text('dice');
COMMIT;
-- Bad input.
CALL t.fails($$SELECT moderation.set_verdict_rules('nobody', '[]')$$);
CALL t.fails($$SELECT moderation.set_verdict_rules('vr', '{"action": "block"}')$$);
CALL t.fails($$SELECT moderation.set_verdict_rules('vr', '[{"action": "ban", "strikes": 1}]')$$);
CALL t.fails($$SELECT moderation.set_verdict_rules('vr', '[{"action": "block"}]')$$);
CALL t.fails($$SELECT moderation.set_verdict_rules('vr', '[{"action": "block", "strikes": -1}]')$$);
CALL t.fails($$SELECT moderation.set_verdict_rules('vr', '[{"action": "block", "strikes": "3"}]')$$);
CALL t.fails($$SELECT moderation.set_verdict_rules('vr', '[{"action": "block", "with": ["nobody"]}]')$$);
CALL t.fails($$SELECT moderation.set_verdict_rules('vr', '[{"action": "block", "strike": 3}]')$$);
CALL t.fails($$SELECT moderation.set_verdict_rules('vr', '[7]')$$);
SELECT moderation.detach('vr.ads');
SELECT t.retire_all();
