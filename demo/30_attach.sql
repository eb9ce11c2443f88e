-- From here on every row that is stored in messages is judged, however it gets there.

SELECT moderation.attach('messages', id => 'message_id', text => '{subject,body}', owner => 'sender',
                         verdict_column => 'moderation', on_block => 'flag') \g /dev/null
