//! What folding, matching, compiling and opening cost, in time of one core: `cargo bench -p pg_moderation_engine --bench text`.
//!
//! Texts and terms are words of a seeded generator, so that it needs no data: the figures are for comparing two versions of
//! the engine on one machine. How it does on real texts, in a server and beside others, is what `make bench` prints. A row of
//! 300 bytes is judged at a time. No term stands in the texts, so none is left early.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BenchmarkGroup, Criterion, Throughput};
use pg_moderation_engine::parts::with_folded;
use pg_moderation_engine::{Item, Level, MatchMode, Matcher, Term, compile};
use std::hint::black_box;
use std::time::Duration;

/// Time that the processor spent on this thread: other work on the machine does not count.
struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = cpu_time::ThreadTime;
    type Value = Duration;

    fn start(&self) -> cpu_time::ThreadTime {
        cpu_time::ThreadTime::now()
    }

    fn end(&self, started: cpu_time::ThreadTime) -> Duration {
        started.elapsed()
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// A reproducible source of bits: SplitMix64 (Steele, Lea, Flood 2014).
struct Bits(u64);

impl Bits {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 16) as usize % limit
    }

    /// A small number more often than a large one, about by Zipf's law.
    fn often_small(&mut self, limit: usize) -> usize {
        let most = self.below(limit) + 1;
        self.below(most)
    }

    fn word(&mut self, letters: &[char], shortest: usize) -> String {
        let length = shortest + self.below(7);
        (0..length)
            .map(|_| letters[self.often_small(letters.len())])
            .collect()
    }
}

/// A script, its letters in about the order of their frequency, and whether words are divided by spaces.
const SCRIPTS: [(&str, &str, bool); 6] = [
    ("ascii", "etaoinshrdlucmfwypvbgkqjxz", true),
    ("russian", "оеаинтсрвлкмдпуяызбгчйхжшюцщэфъ", true),
    ("german", "enisratdhulcgmobwfkzüvpäßjöyqx", true),
    ("arabic", "المنيترهوبدسعقكفحجطصخشضذثزغظ", true),
    ("hindi", "करनसहतमपयलवदजबगथचभशषधखटडणघछफठ", true),
    (
        "chinese",
        "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后",
        false,
    ),
];

const ROW: usize = 300;
const ROWS: usize = 2_000;
const VOCABULARY: usize = 20_000;

struct Language {
    letters: Vec<char>,
    words: Vec<String>,
    spaced: bool,
}

impl Language {
    fn new(script: usize, bits: &mut Bits) -> Self {
        let letters: Vec<char> = SCRIPTS[script].1.chars().collect();
        let words = (0..VOCABULARY)
            .map(|n| bits.word(&letters, 1 + (n + 1).ilog2() as usize / 4))
            .collect();
        Self {
            letters,
            words,
            spaced: SCRIPTS[script].2,
        }
    }

    fn row(&self, bits: &mut Bits) -> String {
        let mut row = String::new();
        while row.len() < ROW {
            let word = &self.words[bits.often_small(VOCABULARY)];
            match bits.below(12) {
                0 => row.extend(word.chars().next().map(|c| c.to_uppercase().to_string())),
                _ => row.push_str(word),
            }
            match bits.below(10) {
                0 => row.push_str(", "),
                1 => row.push_str(". "),
                _ if self.spaced => row.push(' '),
                _ => {}
            }
        }
        row
    }

    /// Words that no text has, since they are longer than all of its words, and pairs of such a word and one of the texts.
    fn terms(&self, count: usize, bits: &mut Bits) -> Vec<String> {
        (0..count)
            .map(|n| {
                let long = bits.word(&self.letters, 12);
                match n % 2 {
                    0 => long,
                    _ => format!("{} {long}", self.words[bits.often_small(VOCABULARY)]),
                }
            })
            .collect()
    }
}

fn items(terms: &[String], mode: MatchMode, level: Level) -> Vec<Item> {
    let numbered = terms.iter().enumerate();
    numbered
        .map(|(n, text)| Item {
            id: n as i64,
            slot: 0,
            term: Term {
                text: text.clone(),
                mode,
                level,
                language: None,
            },
            weight: 1.0,
            allow: false,
        })
        .collect()
}

fn matcher(items: &[Item]) -> Matcher {
    Matcher::open(&compile(items, &mut || false).unwrap()).unwrap()
}

fn judge(group: &mut BenchmarkGroup<CpuTime>, name: &str, rows: &[String], matcher: &Matcher) {
    let mut found = 0;
    group.bench_function(name, |b| {
        b.iter(|| {
            found += rows
                .iter()
                .filter(|row| matcher.is_match(black_box(row), 0, &mut || false).unwrap())
                .count();
        });
    });
    assert_eq!(found, 0, "a term stands in the texts");
}

fn folding(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("fold with offset map");
    for (script, (name, ..)) in SCRIPTS.iter().enumerate() {
        let mut bits = Bits(script as u64);
        let language = Language::new(script, &mut bits);
        let rows: Vec<String> = (0..ROWS).map(|_| language.row(&mut bits)).collect();
        group.throughput(Throughput::Bytes(rows.iter().map(|r| r.len() as u64).sum()));
        group.bench_function(*name, |b| {
            b.iter(|| {
                rows.iter()
                    .map(|row| with_folded(black_box(row), <[u8]>::len))
                    .sum::<usize>()
            });
        });
    }
    group.finish();
}

fn matching(criterion: &mut Criterion<CpuTime>) {
    let mut bits = Bits(4);
    let languages = [Language::new(0, &mut bits), Language::new(1, &mut bits)];
    let rows: Vec<String> = (0..ROWS).map(|n| languages[n % 2].row(&mut bits)).collect();
    let terms: Vec<String> = (0..50_000)
        .flat_map(|_| languages.each_ref().map(|l| l.terms(1, &mut bits)))
        .flatten()
        .collect();
    let mut group = criterion.benchmark_group("match");
    group.throughput(Throughput::Bytes(rows.iter().map(|r| r.len() as u64).sum()));
    for (mode, name) in [(MatchMode::Word, "word"), (MatchMode::Substring, "substring")] {
        for count in [1_000, 10_000, 100_000] {
            let items = items(&terms[..count], mode, Level::Folded);
            judge(&mut group, &format!("{count} {name}"), &rows, &matcher(&items));
        }
    }
    for count in [1_000, 10_000] {
        let items = items(&terms[..count], MatchMode::Word, Level::Evasion);
        judge(
            &mut group,
            &format!("{count} word, evasion"),
            &rows,
            &matcher(&items),
        );
    }
    group.finish();

    let items = items(&terms, MatchMode::Word, Level::Folded);
    let bytes = compile(&items, &mut || false).unwrap();
    let mut group = criterion.benchmark_group("100000 terms");
    group.bench_function("compile", |b| {
        b.iter(|| compile(black_box(&items), &mut || false).unwrap().len())
    });
    group.bench_function("check and open", |b| {
        b.iter(|| Matcher::open(black_box(&bytes)).unwrap().len())
    });
    group.bench_function("open in place", |b| {
        // Leaked, so that what is opened is where it lies, as a mapped file is.
        let bytes: &'static [u8] = bytes.clone().leak();
        b.iter(|| Matcher::open_in_place(black_box(bytes)).unwrap());
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .with_measurement(CpuTime)
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(700))
        .configure_from_args();
    folding(&mut criterion);
    matching(&mut criterion);
    criterion.final_summary();
}
