//! PDQ against published values: images and hashes of the ThreatExchange repository, kept beside this project in
//! `shared/data/pdq`. Without them every test here says so and passes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::PathBuf;

use pg_moderation_engine::hash::decode::{DecodeLimits, DecodedImage, decode_image};
use pg_moderation_engine::hash::pdq::{Dihedral, PDQ_MATCH_DISTANCE, PdqHash, PdqHasher};

fn data(name: &str) -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = root.join(name);
    if !path.exists() {
        println!("SKIPPED: shared/data/{name} is not there");
        return None;
    }
    Some(path)
}

fn decoded(path: &PathBuf) -> DecodedImage {
    let bytes = std::fs::read(path).unwrap();
    decode_image(&bytes, &DecodeLimits::default()).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

/// The one published hash that ThreatExchange's own hasher does not give either, with libjpeg-turbo's pixels.
const NOT_REPRODUCED: &str = "sharpen-a-lot.jpg";

/// Published hashes, bit for bit but one. Those of other images, that the reference's core gave for libjpeg-turbo's and
/// libpng's pixels, bit for bit too; WebP decoders may round otherwise.
#[test]
fn published_hashes() {
    let Some(golden) = data("pdq/golden.csv") else {
        return;
    };
    let text = std::fs::read_to_string(golden).unwrap();
    let mut hasher = PdqHasher::new();
    let (mut exact, mut near, mut absent) = (0, 0, 0);
    let (mut computed, mut off) = (0, Vec::new());
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let (path, reference, quality, official) = (fields[0], fields[4], fields[5], fields[8]);
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../../../shared/data")
            .join(path);
        if !path.exists() {
            absent += 1;
            continue;
        }
        let image = decoded(&path);
        let result = hasher.hash_image(&image.view().unwrap()).unwrap();
        if !official.is_empty() {
            match result.hash.distance(&official.parse().unwrap()) {
                0 => exact += 1,
                1..=2 if path.ends_with(NOT_REPRODUCED) => near += 1,
                bits => panic!("{path:?}: {bits} bits off: {}", result.hash),
            }
        }
        computed += 1;
        let distance = result.hash.distance(&reference.parse().unwrap());
        let tolerance = if path.extension().is_some_and(|kind| kind == "webp") {
            4
        } else {
            0
        };
        assert!(
            distance <= tolerance,
            "{path:?}: {distance} bits from the reference"
        );
        let quality: u8 = quality.parse().unwrap();
        assert!(
            result.quality.abs_diff(quality) <= 1,
            "{path:?}: quality {}",
            result.quality
        );
        if distance > 0 {
            off.push((path.file_name().unwrap().to_owned(), distance));
        }
    }
    println!("published hashes: {exact} exact, {near} within two bits; {absent} images are not there");
    println!("reference's core: {computed} compared, not exact: {off:?}");
    assert!(exact > 0);
}

/// The hashes of the turned and mirrored image, from the DCT of the original.
#[test]
fn dihedral_hashes() {
    let (Some(source), Some(image)) = (
        data("pdq/SOURCE.txt"),
        data("pdq/data/reg-test-input/dih/bridge-1-original.jpg"),
    ) else {
        return;
    };
    let text = std::fs::read_to_string(source).unwrap();
    let table = text
        .lines()
        .skip_while(|line| !line.starts_with("D4 "))
        .nth(1)
        .unwrap();
    let published: Vec<PdqHash> = table
        .split_whitespace()
        .map(|hash| hash.parse().unwrap())
        .collect();
    let hashes = PdqHasher::new()
        .hash_dihedral(&decoded(&image).view().unwrap())
        .unwrap();
    assert_eq!(hashes.quality, 100);
    assert_eq!(published.len(), Dihedral::ALL.len());
    for ((variant, hash), published) in Dihedral::ALL.iter().zip(hashes.hashes).zip(published) {
        assert_eq!(hash, published, "{variant:?}");
        // From the hash alone it is a guess; at half the match distance it still finds what is near the exact hash.
        let off = variant.of_hash(&hashes.hashes[0]).distance(&hash);
        println!("{variant:?} guessed from the hash: {off} bits off");
        assert!(off <= PDQ_MATCH_DISTANCE / 2, "{variant:?}: {off} bits");
    }
    assert_eq!(Dihedral::Original.of_hash(&hashes.hashes[0]), hashes.hashes[0]);
}
