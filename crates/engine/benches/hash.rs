//! What hashing images and looking hashes up cost, as a Markdown table in time of one core: the engine's part of
//! `make bench-media`.
//!
//! The picture and the hashes are made here: uniform hashes, and clustered ones whose bits depend on each other as those
//! of real images do. Lookups at a distance of 31 run beside the two ways that need no such index: comparing
//! with every hash, and multi-index hashing with nothing but the numbers in its buckets. What they find is compared.
//! HASH_BENCH_SIZES (default 1000000,10000000) chooses how many hashes; ten million take 3 GB while they are built.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Duration;

use cpu_time::ThreadTime;
use pg_moderation_engine::hash::decode::{DecodeLimits, decode_image};
use pg_moderation_engine::hash::index::{HashIndex, build};
use pg_moderation_engine::hash::pdq::{ImageView, PDQ_MATCH_DISTANCE, PdqHash, PdqHasher, PixelFormat};

/// How long each thing is repeated, in time that the processor spends on this thread: other work on the machine counts
/// less.
const AT_LEAST: Duration = Duration::from_millis(1_500);
/// Hashes derived from one picture in a clustered set, on average.
const CLUSTER: u64 = 8;
const SLOTS: usize = 16;

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
                if self.next().is_multiple_of(CLUSTER) {
                    centre = self.correlated();
                }
                let flips = self.next() % 24;
                (self.flipped(centre, flips), payload)
            })
            .collect()
    }
}

/// Seconds of one call, on average, after one that does not count.
fn seconds(mut work: impl FnMut()) -> f64 {
    work();
    let (started, mut calls) = (ThreadTime::now(), 0u32);
    while started.elapsed() < AT_LEAST {
        work();
        calls += 1;
    }
    started.elapsed().as_secs_f64() / f64::from(calls)
}

/// Shapes, a gradient and some noise.
fn picture(width: usize, height: usize, bytes: usize) -> Vec<u8> {
    let mut bits = Bits(7);
    (0..width * height * bytes)
        .map(|n| {
            let (x, y) = ((n / bytes) % width, n / bytes / width);
            let shape = ((x / 97 + y / 61) % 5 * 40) as u8;
            shape
                .wrapping_add((x * 60 / width) as u8)
                .wrapping_add(bits.next() as u8 & 15)
        })
        .collect()
}

fn hashing() {
    let mut hasher = PdqHasher::new();
    let side = 512;
    for (name, format) in [("colours", PixelFormat::Rgb8), ("grey", PixelFormat::Luma8)] {
        let pixels = picture(side, side, format.bytes());
        let view = ImageView::new(side, side, format, &pixels).unwrap();
        let time = seconds(|| {
            black_box(hasher.hash_image(black_box(&view)).unwrap());
        });
        println!(
            "| hash of {side} x {side} pixels, {name}, after decoding | {:.2} ms |",
            time * 1e3
        );
    }
    let (width, height) = (4000, 3000);
    let pixels = picture(width, height, 3);
    let file = libjpeg_turbo_rs::compress(
        &pixels,
        width,
        height,
        libjpeg_turbo_rs::PixelFormat::Rgb,
        85,
        libjpeg_turbo_rs::Subsampling::S420,
    )
    .unwrap();
    drop(pixels);
    let limits = DecodeLimits::default();
    let decoding = seconds(|| {
        black_box(decode_image(black_box(&file), &limits).unwrap());
    });
    let both = seconds(|| {
        let image = decode_image(black_box(&file), &limits).unwrap();
        black_box(hasher.hash_image(&image.view().unwrap()).unwrap());
    });
    println!(
        "| JPEG of 12 megapixels: decoding; decoding and hash | {:.0} ms; {:.0} ms |",
        decoding * 1e3,
        both * 1e3
    );
    println!("| the second by the first | {:.2} |", both / decoding);
}

/// Multi-index hashing with nothing beside the numbers: every hash of the 272 buckets is fetched and compared.
struct PlainBuckets {
    starts: Vec<Vec<u32>>,
    numbers: Vec<Vec<u32>>,
}

impl PlainBuckets {
    fn new(hashes: &[(PdqHash, u32)]) -> Self {
        let mut buckets = Self {
            starts: Vec::new(),
            numbers: Vec::new(),
        };
        for slot in 0..SLOTS {
            let mut starts = vec![0u32; (1 << 16) + 1];
            hashes
                .iter()
                .for_each(|(hash, _)| starts[usize::from(hash.slots()[slot]) + 1] += 1);
            (1..starts.len()).for_each(|n| starts[n] += starts[n - 1]);
            let mut free = starts.clone();
            let mut numbers = vec![0; hashes.len()];
            for (number, (hash, _)) in hashes.iter().enumerate() {
                let place = &mut free[usize::from(hash.slots()[slot])];
                numbers[*place as usize] = number as u32;
                *place += 1;
            }
            buckets.starts.push(starts);
            buckets.numbers.push(numbers);
        }
        buckets
    }

    fn search(&self, hashes: &[(PdqHash, u32)], query: &PdqHash) -> Vec<u32> {
        let mut found = Vec::new();
        for (slot, value) in query.slots().into_iter().enumerate() {
            for mask in std::iter::once(0).chain((0..16).map(|bit| 1u16 << bit)) {
                let value = usize::from(value ^ mask);
                let bucket = self.starts[slot][value] as usize..self.starts[slot][value + 1] as usize;
                let near = self.numbers[slot][bucket]
                    .iter()
                    .filter(|number| hashes[**number as usize].0.distance(query) <= PDQ_MATCH_DISTANCE);
                found.extend(near);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn lookups(size: usize, clustered: bool) {
    let kind = if clustered { "clustered" } else { "uniform" };
    let mut bits = Bits(size as u64);
    let hashes = bits.set(clustered, size);
    let queries: Vec<PdqHash> = (0..20_000)
        .map(|_| {
            let (near, flips) = (bits.next() as usize % size, bits.next() % 32);
            bits.flipped(hashes[near].0, flips)
        })
        .collect();
    let bytes = build(&hashes, &mut || false).unwrap();
    let index = HashIndex::open(&bytes).unwrap();
    let by_index = |query: &PdqHash| {
        let mut found = Vec::new();
        let _ = index.search(query, PDQ_MATCH_DISTANCE, |hit| {
            found.push(hit.number);
            ControlFlow::<()>::Continue(())
        });
        found.sort_unstable();
        found
    };
    let by_scan = |query: &PdqHash| -> Vec<u32> {
        let near = hashes.iter().enumerate();
        near.filter(|(_, (hash, _))| hash.distance(query) <= PDQ_MATCH_DISTANCE)
            .map(|(number, _)| number as u32)
            .collect()
    };
    let plain = PlainBuckets::new(&hashes);
    // Each way goes through the queries in turn, as far as its time goes.
    let per_second = |search: &dyn Fn(&PdqHash) -> Vec<u32>| {
        let mut next = queries.iter().cycle();
        let time = seconds(|| {
            black_box(next.next().map(search));
        });
        1.0 / time
    };
    let (ours, buckets, scan) = (
        per_second(&by_index),
        per_second(&|query| plain.search(&hashes, query)),
        per_second(&by_scan),
    );
    let (mut wanted, mut missed) = (0, 0);
    for query in &queries[..50] {
        let all = by_scan(query);
        let found = by_index(query);
        assert_eq!(plain.search(&hashes, query), all, "plain buckets");
        wanted += all.len();
        missed += all
            .iter()
            .filter(|number| found.binary_search(number).is_err())
            .count();
    }
    println!(
        "| {size} {kind} hashes: lookups a second; by plain buckets; by comparing all | {ours:.0}; {buckets:.0}; {scan:.0} |"
    );
    println!(
        "| recall ({wanted} near hashes of 50 queries); bytes a hash | {:.3}; {:.0} |",
        1.0 - f64::from(missed as u32) / f64::from(wanted as u32),
        bytes.len() as f64 / size as f64
    );
}

fn main() {
    println!("\n| engine, one core, radius {PDQ_MATCH_DISTANCE} | |\n|---|---|");
    hashing();
    let sizes = std::env::var("HASH_BENCH_SIZES").unwrap_or("1000000,10000000".into());
    for size in sizes
        .split(',')
        .filter_map(|size| size.trim().parse::<usize>().ok())
    {
        lookups(size, false);
        lookups(size, true);
    }
    println!();
}
