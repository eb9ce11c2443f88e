//! How fast the levels read clean text: megabytes a second on this machine, for comparison within one run only.

use crate::data::{Data, Error, hits, items, open};
use crate::lists;
use pg_moderation_engine::{Level, MatchMode};
use std::time::Instant;

/// Terms of an ordinary package; their number matters, not which they are.
const TERMS: [&str; 12] = [
    "казино",
    "онлайн казино",
    "ставки на спорт",
    "закладка",
    "виагра",
    "быстрый заработок",
    "микрозайм",
    "диплом",
    "casino",
    "viagra",
    "betting",
    "forex",
];

/// Runs over the texts; the fastest counts.
const RUNS: usize = 3;

pub fn speed(data: &Data) -> Result<(), Error> {
    let terms = TERMS.map(String::from);
    let all = lists::russian(data);
    println!("\n## Speed, mode word, one thread (MB/s)");
    println!("| texts | terms | literal | folded | evasion |");
    println!("|---|---|---|---|---|");
    for (name, file) in [
        ("ru_telegram_news", "bulk/ru_telegram_news.jsonl"),
        ("en_spamassassin", "labelled/en_spamassassin/data.jsonl"),
    ] {
        let texts = data.texts(file)?;
        let bytes: usize = texts.iter().map(String::len).sum();
        for list in [&terms[..], &all[..]] {
            let mut row = format!("| {name} | {} |", list.len());
            for level in [Level::Literal, Level::Folded, Level::Evasion] {
                let matcher = open(&items(list, MatchMode::Word, level))?;
                let run = |_| {
                    let begin = Instant::now();
                    let found: usize = texts.iter().map(|t| hits(&matcher, t).len()).sum();
                    std::hint::black_box(found);
                    begin.elapsed().as_secs_f64()
                };
                let best = (0..RUNS).map(run).fold(f64::INFINITY, f64::min);
                row += &format!(" {:.1} |", bytes as f64 / 1e6 / best);
            }
            println!("{row}");
        }
    }
    Ok(())
}
