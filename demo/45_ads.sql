-- A second table, where a block verdict keeps the row out. The ads are ours.

CREATE TABLE ads (ad_id bigint PRIMARY KEY, advertiser text, title text, body text);

SELECT moderation.attach('ads', id => 'ad_id', text => '{title,body}', owner => 'advertiser', on_block => 'quarantine',
                         verdict_column => 'moderation') \g /dev/null

INSERT INTO ads (ad_id, advertiser, title, body) VALUES
    (1, 'north-oak', 'Дубовые столы', 'Делаем столы на заказ, доставка по городу.'),
    (2, 'fast-cash', 'РАБОТА НА ДОМУ', 'Гарантированный доход с первого дня, вы выиграли!'),
    (3, 'lucky-7', 'Вечер пятницы', 'Лучшее онлайн казино города. Только сегодня!'),
    (4, 'rude-shop', 'Футболки', 'Надпись на спине: «жопа».'),
    (5, 'slim-now', 'Lose weight', 'Herbal tea, money back guarantee. Act now!'),
    (6, 'green-bike', 'Bicycle repair', 'We fix your bicycle while you wait.');
