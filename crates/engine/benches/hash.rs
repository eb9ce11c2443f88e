//! What hashing and looking up cost, in time of one core: `cargo bench -p pg_moderation_engine --bench hash`.
//!
//! Hashing runs on an image made here, 512 x 512 and 4000 x 3000 pixels, after decoding. Set HASH_BENCH_JPEG to the
//! path of a JPEG file to see it decoded and hashed. Lookups run at a distance of 31 on hashes drawn here: uniform
//! ones, and clustered ones whose bits depend on each other as those of real images do. HASH_BENCH_SIZES
//! (default 1000000,10000000) chooses how many; ten million take about 2.5 GB while they are built.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use criterion::Criterion;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use pg_moderation_engine::hash::decode::{DecodeLimits, decode_image};
use pg_moderation_engine::hash::index::{HashIndex, build};
use pg_moderation_engine::hash::pdq::{ImageView, PdqHash, PdqHasher, PixelFormat};

/// Time that the processor spent on this thread: other work on the machine does not count.
struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = ThreadTime;
    type Value = Duration;

    fn start(&self) -> ThreadTime {
        ThreadTime::now()
    }

    fn end(&self, started: ThreadTime) -> Duration {
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
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn picture(width: usize, height: usize, bytes: usize) -> Vec<u8> {
    let mut bits = Bits(7);
    (0..width * height * bytes)
        .map(|n| {
            let (x, y) = ((n / bytes) % width, n / bytes / width);
            ((x * 5 / 7) ^ (y * 3 / 4)) as u8 ^ (bits.next() as u8 & 15)
        })
        .collect()
}

fn hashing(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("hash after decode");
    let mut hasher = PdqHasher::new();
    for (width, height) in [(512, 512), (4000, 3000)] {
        for (name, format) in [
            ("rgb", PixelFormat::Rgb8),
            ("ycbcr", PixelFormat::YCbCr8),
            ("luma", PixelFormat::Luma8),
        ] {
            let pixels = picture(width, height, format.bytes());
            let view = ImageView::new(width, height, format, &pixels).unwrap();
            group.bench_function(format!("{width}x{height} {name}"), |b| {
                b.iter(|| hasher.hash_image(black_box(&view)).unwrap());
            });
        }
    }
    group.finish();
    if let Some(path) = std::env::var_os("HASH_BENCH_JPEG") {
        let file = std::fs::read(path).unwrap();
        let mut group = criterion.benchmark_group("file");
        group.bench_function("decode", |b| {
            b.iter(|| decode_image(black_box(&file), &DecodeLimits::default()).unwrap());
        });
        group.bench_function("decode and hash", |b| {
            b.iter(|| {
                let image = decode_image(black_box(&file), &DecodeLimits::default()).unwrap();
                hasher.hash_image(&image.view().unwrap()).unwrap()
            });
        });
        group.finish();
    }
}

/// The distance of the lookups, in bits.
const RADIUS: u32 = 31;
/// Hashes derived from one picture in a clustered set, on average.
const CLUSTER: usize = 8;

impl Bits {
    fn uniform(&mut self) -> PdqHash {
        let mut bytes = [0; 32];
        bytes
            .as_chunks_mut::<8>()
            .0
            .iter_mut()
            .for_each(|part| *part = self.next().to_le_bytes());
        PdqHash(bytes)
    }

    fn flipped(&mut self, mut hash: PdqHash, flips: u64) -> PdqHash {
        for _ in 0..flips {
            let bit = (self.next() % 256) as usize;
            hash.0[bit / 8] ^= 1 << (bit % 8);
        }
        hash
    }

    /// A hash whose bits depend on each other: each repeats the one before it in five cases of eight, and each slot
    /// leans towards the one above.
    fn correlated(&mut self) -> PdqHash {
        let mut bytes = [0u8; 32];
        let mut last = 0;
        for bit in 0..256 {
            let draw = self.next();
            let above = if bit >= 16 {
                bytes[(bit - 16) / 8] >> ((bit - 16) % 8) & 1
            } else {
                0
            };
            let value = match draw & 7 {
                0..=1 => last,
                2 => above,
                _ => (draw >> 8) as u8 & 1,
            };
            bytes[bit / 8] |= value << (bit % 8);
            last = value;
        }
        PdqHash(bytes)
    }

    fn set(&mut self, clustered: bool, count: usize) -> Vec<(PdqHash, u32)> {
        let mut centre = self.correlated();
        (0..count as u32)
            .map(|payload| {
                if !clustered {
                    return (self.uniform(), payload);
                }
                if self.next().is_multiple_of(CLUSTER as u64) {
                    centre = self.correlated();
                }
                let flips = self.next() % 24;
                (self.flipped(centre, flips), payload)
            })
            .collect()
    }
}

fn lookups(criterion: &mut Criterion<CpuTime>) {
    let sizes = std::env::var("HASH_BENCH_SIZES").unwrap_or("1000000,10000000".into());
    let mut group = criterion.benchmark_group("lookup within 31");
    for size in sizes
        .split(',')
        .filter_map(|size| size.trim().parse::<usize>().ok())
    {
        for clustered in [false, true] {
            let kind = if clustered { "clustered" } else { "uniform" };
            let mut bits = Bits(size as u64);
            let hashes = bits.set(clustered, size);
            let started = Instant::now();
            let bytes = build(&hashes, &mut || false).unwrap();
            println!(
                "{size} {kind} hashes: built in {:.2} s, {:.1} bytes each",
                started.elapsed().as_secs_f64(),
                bytes.len() as f64 / size as f64
            );
            let index = HashIndex::open(&bytes).unwrap();
            let queries: Vec<PdqHash> = (0..20_000)
                .map(|_| {
                    let (near, flips) = (bits.next() as usize % size, bits.next() % 32);
                    bits.flipped(hashes[near].0, flips)
                })
                .collect();
            let mut brute_checked = 0;
            for query in queries.iter().take(20) {
                let expected = hashes
                    .iter()
                    .filter(|(hash, _)| hash.distance(query) <= RADIUS)
                    .count();
                let mut found = 0;
                let _ = index.search(query, RADIUS, |_| {
                    found += 1;
                    ControlFlow::<()>::Continue(())
                });
                assert_eq!(found, expected, "a lookup missed");
                brute_checked += found;
            }
            drop(hashes);
            let mut at = 0;
            let (mut found, mut asked) = (0u64, 0u64);
            group.throughput(criterion::Throughput::Elements(1));
            group.bench_function(format!("{size} {kind}"), |b| {
                b.iter(|| {
                    at = (at + 1) % queries.len();
                    asked += 1;
                    index.search(black_box(&queries[at]), RADIUS, |hit| {
                        found += 1;
                        black_box(hit);
                        ControlFlow::<()>::Continue(())
                    })
                });
            });
            println!(
                "{size} {kind}: {:.2} found by a lookup; 20 compared with brute force, {brute_checked} found by both",
                found as f64 / asked.max(1) as f64
            );
        }
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .with_measurement(CpuTime)
        .configure_from_args();
    hashing(&mut criterion);
    lookups(&mut criterion);
    criterion.final_summary();
}
