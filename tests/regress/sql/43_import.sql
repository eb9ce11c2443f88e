-- Files of items into a draft: line by line, all in one transaction, nothing half imported.
SELECT moderation.create_package('imports', action => 'block') > 0 AS created;
CREATE VIEW t.imported AS SELECT term, match, level, language, weight, allow, note, case_ref, source, evidence, valid_from, expires_at FROM moderation.current_items WHERE package = 'imports' ORDER BY item_id;
-- CSV: quotes, defaults, and everything that can be wrong with a line.
SELECT line, status, item_id IS NOT NULL AS item, term, reason FROM moderation.import_items('imports', 'Term, match ,level,language,weight,allow,note,case_ref,source,evidence,valid_from,expires_at
online casino,,,,,,,,,,,
"so called ""bonus"", free",substring,evasion,,2.5,,"two
lines",c-7,list,ads/42,2099-01-01,2100-01-01 00:00+00
закладка,inflected,,ru,,,,,,,,
casino royale,,,,,yes,,,,,,
Online Casino,,,,,,,,,,,
online casino,,,,,,,,,,,
online casino,,evasion,,,,,,,,,
,,,,,,,,,,,
x,nonsense,,,,,,,,,,
x,,nonsense,,,,,,,,,
(unclosed,regex,,,,,,,,,,
x,,,xx,,,,,,,,
x,,,ru,,,,,,,,
x,,,,0,,,,,,,
x,,,,heavy,,,,,,,
x,,,,,maybe,,,,,,
expired,,,,,,,,,,,2001-01-01
never,,,,,,,,,,tomorrowish,
empty,,,,,,,,,,2100-01-01,2099-01-01
too,many,cells,in,this,line,,,,,,,,,
few
...,,,,,,,,,,,
', source => 'a file', note => 'spring cleaning');
SET timezone = 'UTC';
SELECT * FROM t.imported;
SELECT DISTINCT created_by = current_user AS importer FROM moderation.current_items WHERE package = 'imports';
-- Again: nothing is new. A draft knows its counts and its hash.
SELECT status, count(*) FROM moderation.import_items('imports', E'term\nonline casino\nlast one') GROUP BY status ORDER BY status;
SELECT d.terms, d.allow_entries, d.set_state = moderation.set_hash_apply('', (SELECT array_agg(element) FROM moderation.release_items(d.package_id, NULL)), '{}') AS same FROM moderation.drafts d JOIN moderation.packages p USING (package_id) WHERE p.name = 'imports';
-- Word lists, in any line ending, with a byte order mark.
SELECT * FROM (SELECT line, status, term, reason FROM moderation.import_items('imports', E'\ufeffpoker\r\n\r\n# a comment\r\n  roulette  \r\npoker', 'words')) x;
SELECT line, status, term, reason FROM moderation.import_items('imports', E'#notacomment\nблядь\n', 'ldnoobw', match => 'inflected', language => 'ru', level => 'folded');
-- Semicolons and tabs.
SELECT line, status, term FROM moderation.import_items('imports', E'term;weight\nsemi, colon;2\n') UNION ALL SELECT line, status, term FROM moderation.import_items('imports', E'term\tweight\ntab, bed\t2\n');
-- JSON Lines, an array as text, and jsonb.
SELECT line, status, term, reason FROM moderation.import_items('imports', '{"term": "json one", "weight": 2, "allow": false, "expires_at": "2099-01-01"}
{"term": "json two", "unknown": 1}
{"term": ["json three"]}
{"term": "zero \u0000 byte"}
"just text"
{"term": "cut o', 'jsonl');
SELECT line, status, term, reason FROM moderation.import_items('imports', '[{"term": "array one"}, {"term": 70707, "match": "substring"}, 5]', 'jsonl');
SELECT line, status, term, reason FROM moderation.import_items('imports', '[{"term": "jsonb one"}, {"note": "no term"}]'::jsonb);
-- ThreatExchange: a page of the API, and its CSV.
SELECT line, status, term, reason FROM moderation.import_items('imports', '{"data": [
 {"id": "77", "type": "TEXT_STRING", "raw_indicator": "bad phrase", "description": "seen twice", "status": "MALICIOUS"},
 {"id": "78", "type": "DOMAIN", "indicator": {"indicator": "evil.example", "type": "DOMAIN"}, "expired_on": 4102444800},
 {"id": "79", "type": "HASH_VIDEO_MD5", "raw_indicator": "d41d8cd98f00b204e9800998ecf8427e"},
 {"id": "80", "type": "TEXT_STRING", "raw_indicator": "fine", "status": "NON_MALICIOUS"},
 {"id": "81", "type": "TEXT_STRING", "raw_indicator": "was bad", "expired_on": "2001-01-01T00:00:00+0000"},
 {"id": "82"}], "paging": {}}'::jsonb, 'threatexchange', match => 'substring');
SELECT line, status, term, reason FROM moderation.import_items('imports', E'id,type,indicator,tags\n9,TEXT_STRING,"another, phrase",x\n10,URI,http://x.example,y', 'threatexchange');
-- HMA bank contents.
SELECT line, status, term, reason FROM moderation.import_items('imports', '{"signal_type": "raw_text", "signal_value": "hma phrase", "id": 5}
{"raw_text": "later phrase", "disable_until_ts": 4102444800}
{"raw_text": "off", "disable_until_ts": 0}
{"trend_query": "{}"}
{}', 'hma');
SELECT term, match, note, case_ref, valid_from, expires_at FROM t.imported WHERE case_ref ~ 'threat|hma' OR valid_from IS NOT NULL;
-- Nothing changes: a dry run; strict with one bad line; what cannot be read at all.
SELECT set_state AS before FROM moderation.drafts JOIN moderation.packages USING (package_id) WHERE name = 'imports' \gset
SELECT line, status, item_id IS NOT NULL AS known, term FROM moderation.import_items('imports', E'term\nbrand new\npoker', dry_run => true);
CALL t.fails($$SELECT moderation.import_items('imports', E'term,weight\nfine,1\nbad,-1\nworse,x', strict => true)$$);
CALL t.fails($$SELECT moderation.import_items('imports', E'term,wieght\nfine,1')$$);
CALL t.fails($$SELECT moderation.import_items('imports', E'term,term\nfine,1')$$);
CALL t.fails($$SELECT moderation.import_items('imports', E'casino\npoker')$$);
CALL t.fails($$SELECT moderation.import_items('imports', '')$$);
CALL t.fails($$SELECT moderation.import_items('imports', E'term,note\nfine,"cut off\nand more')$$);
CALL t.fails($$SELECT moderation.import_items('imports', E'term\n' || repeat(',', 1001))$$);
CALL t.fails($$SELECT moderation.import_items('imports', '[{"term": "fine"}, {"term": "cut', 'jsonl')$$);
CALL t.fails($$SELECT moderation.import_items('imports', '[{"term": "fine"}] and more', 'jsonl')$$);
CALL t.fails($$SELECT moderation.import_items('imports', repeat('[', 100000), 'hma')$$);
SELECT status, reason FROM moderation.import_items('imports', '{"term": ' || repeat('{"a":', 10000), 'jsonl') UNION ALL SELECT status, reason FROM moderation.import_items('imports', '[' || repeat('[', 10000) || repeat(']', 10000) || ']', 'jsonl');
CALL t.fails($$SELECT moderation.import_items('imports', 'x', 'xml')$$);
CALL t.fails($$SELECT moderation.import_items('imports', NULL::text)$$);
CALL t.fails($$SELECT moderation.import_items('no such package', E'term\nx')$$);
CALL t.fails($$SELECT moderation.import_items('imports', E'term\nx', language => 'xx')$$);
SET client_min_messages = error;
\set VERBOSITY terse
SELECT moderation.import_items('imports', repeat(E'x\n', 1000001), 'words');
\set VERBOSITY default
RESET client_min_messages;
SET pg_moderation.max_import_bytes = '1kB';
CALL t.fails($$SELECT moderation.import_items('imports', repeat('x', 2000))$$);
CALL t.fails($$SELECT moderation.import_items('imports', convert_to(repeat('x', 2000), 'UTF8'))$$);
RESET pg_moderation.max_import_bytes;
-- Encodings: bytes are told by what they look like.
SELECT line, status, term FROM moderation.import_items('imports', convert_to(E'term\nбайты\n', 'UTF8'));
CALL t.fails($$SELECT moderation.import_items('imports', convert_to(E'term\nонлайн казино\n', 'WIN1251'))$$);
CALL t.fails($$SELECT moderation.import_items('imports', '\xfffe740065007200'::bytea)$$);
CALL t.fails($$SELECT moderation.import_items('imports', '\x7465726d0ae9'::bytea)$$);
CALL t.fails($$SELECT moderation.import_items('imports', convert_from(convert_to(E'term\nонлайн казино\n', 'WIN1251'), 'LATIN1'))$$);
SELECT line, status, term FROM moderation.import_items('imports', E'term\nété où déjà vu\n', dry_run => true);
SELECT set_state = :'before' AS only_the_bytes_came FROM moderation.drafts JOIN moderation.packages USING (package_id) WHERE name = 'imports';
SELECT moderation.remove_terms('imports', ARRAY['байты']);
SELECT set_state = :'before' AS unchanged FROM moderation.drafts JOIN moderation.packages USING (package_id) WHERE name = 'imports';
-- Who imported what is in the audit log; what was imported, judges.
SELECT call, after - 'items' AS after, jsonb_array_length(after->'items') AS items, reason FROM moderation.audit_log WHERE package = 'imports' AND call = 'import_items' ORDER BY audit_id LIMIT 2;
SELECT moderation.publish_package('imports');
SELECT term FROM moderation.text_hits('an ONLINE casino, so called "bonus", free', 'imports') ORDER BY span_start;
-- A hundred thousand terms, told about on the way.
SELECT moderation.create_package('imports many') > 0 AS created;
SELECT status, count(*) FROM moderation.import_items('imports many', (SELECT string_agg('term number ' || i || ' of many', E'\n') FROM generate_series(1, 100000) i), 'words') GROUP BY status;
SELECT terms FROM moderation.drafts JOIN moderation.packages USING (package_id) WHERE name = 'imports many';
SELECT t.retire_all();
RESET timezone;
DROP VIEW t.imported;
-- Hashes of images.
SELECT moderation.create_package('imports images') > 0 AS created;
SELECT line, status, term, reason FROM moderation.import_items('imports images', E'hash,max_distance,label,weight,allow,match\n' || repeat('0f', 32) || E',20,a logo,2,,\n' || repeat('0F', 32) || E',31,,,,\n' || repeat('f0', 32) || E',,allowed,,yes,\n' || repeat('0f', 31) || E',,,,,\n' || repeat('33', 32) || E',65,,,,\n' || repeat('33', 32) || E',,,,,word\n');
SELECT line, status, term FROM moderation.import_items('imports images', jsonb_build_array(jsonb_build_object('pdq', repeat('3c', 32)), jsonb_build_object('pdq', repeat('0f', 32))), 'hma') UNION ALL
SELECT line, status, term FROM moderation.import_items('imports images', jsonb_build_array(jsonb_build_object('type', 'HASH_PDQ', 'raw_indicator', repeat('5a', 32))), 'threatexchange');
SELECT kind, allow, hash, max_distance, label, weight FROM moderation.current_items WHERE package = 'imports images' ORDER BY item_id;
SELECT images, allow_entries FROM moderation.drafts JOIN moderation.packages USING (package_id) WHERE name = 'imports images';
