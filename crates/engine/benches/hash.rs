//! What hashing and looking up cost: `cargo bench -p pg_moderation_engine --bench hash`.
//!
//! Hashing runs on an image made here, 512 x 512 and 4000 x 3000 pixels, after decoding. Set HASH_BENCH_JPEG to the
//! path of a JPEG file to see it decoded and hashed. Lookups run at a distance of 31 on hashes drawn here: uniform
//! ones, and clustered ones whose bits depend on each other as those of real images do. HASH_BENCH_SIZES
//! (default 1000000,10000000) chooses how many; ten million take about 2.5 GB while they are built.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;

use criterion::Criterion;
use pg_moderation_engine::hash::decode::{DecodeLimits, decode_image};
use pg_moderation_engine::hash::pdq::{ImageView, PdqHasher, PixelFormat};

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

fn hashing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hash after decode");
    let mut hasher = PdqHasher::new();
    for (width, height) in [(512, 512), (4000, 3000)] {
        for (name, format) in
            [("rgb", PixelFormat::Rgb8), ("ycbcr", PixelFormat::YCbCr8), ("luma", PixelFormat::Luma8)]
        {
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

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    hashing(&mut criterion);
    criterion.final_summary();
}
