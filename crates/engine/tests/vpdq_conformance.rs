//! vPDQ and the hash index against published data of the ThreatExchange repository, kept beside this project in
//! `shared/data`. Without them every test here says so and passes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::PathBuf;

use pg_moderation_engine::hash::index::{HashIndex, build};
use pg_moderation_engine::hash::pdq::PdqHash;
use pg_moderation_engine::hash::vpdq::{
    Counting, Coverage, VideoFrame, VideoMatchOptions, match_videos, parse_frames,
};

fn data(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    if !path.exists() {
        println!("SKIPPED: shared/data/{name} is not there");
        return None;
    }
    Some(path)
}

/// Every pair of the 31 published videos: counts and percentages, with and without repeated frames.
#[test]
fn match_matrix() {
    let (Some(expected), Some(folder)) = (data("vpdq/match_matrix_expected.csv"), data("vpdq/sample-hashes"))
    else {
        return;
    };
    let expected = std::fs::read_to_string(expected).unwrap();
    let mut videos: BTreeMap<String, Vec<VideoFrame>> = BTreeMap::new();
    let mut compared = 0;
    let never: &mut dyn FnMut() -> bool = &mut || false;
    let agrees = |coverage: &Coverage, frames: &str, matched: &str, percent: &str, what: &str| {
        assert_eq!(
            coverage.frames,
            frames.parse::<usize>().unwrap(),
            "{what}: frames"
        );
        assert_eq!(
            coverage.matched,
            matched.parse::<usize>().unwrap(),
            "{what}: matched"
        );
        let percent: f64 = percent.parse().unwrap();
        assert!(
            (coverage.percent() - percent).abs() < 0.0006,
            "{what}: {} {percent}",
            coverage.percent()
        );
    };
    for line in expected.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        // Strict and inclusive limits give the same counts here; ours is inclusive.
        if fields[2] != "le" {
            continue;
        }
        for name in &fields[..2] {
            if !videos.contains_key(*name) {
                let text = std::fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
                videos.insert((*name).to_owned(), parse_frames(&text).unwrap());
            }
        }
        let (query, other) = (&videos[fields[0]], &videos[fields[1]]);
        let what = format!("{} and {}", fields[0], fields[1]);
        for (counting, from) in [(Counting::Every, 3), (Counting::Unique, 9)] {
            let options = VideoMatchOptions {
                counting,
                ..VideoMatchOptions::default()
            };
            let result = match_videos(other, query, &options, never).unwrap();
            agrees(
                &result.content,
                fields[from],
                fields[from + 2],
                fields[from + 4],
                &what,
            );
            agrees(
                &result.material,
                fields[from + 1],
                fields[from + 3],
                fields[from + 5],
                &what,
            );
        }
        compared += 1;
    }
    println!("{compared} pairs of videos compared");
    assert_eq!(compared, 31 * 31);
}

/// Every pair of the published hashes within 63 bits, by the index; padded with other hashes so that it has buckets.
#[test]
fn haystack_and_needles() {
    let (Some(expected), Some(haystack), Some(needles), Some(folder)) = (
        data("pdq/haystack_needles_expected.csv"),
        data("pdq/data/reg-test-input/haystack.txt"),
        data("pdq/data/reg-test-input/needles.txt"),
        data("vpdq/sample-hashes"),
    ) else {
        return;
    };
    let hashes = |path: PathBuf| -> Vec<PdqHash> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines()
            .filter_map(|line| line.split(',').next())
            .map(|hash| hash.trim().parse().unwrap())
            .collect()
    };
    let (haystack, needles) = (hashes(haystack), hashes(needles));
    let mut entries: Vec<(PdqHash, u32)> = haystack.iter().zip(0..).map(|(hash, n)| (*hash, n)).collect();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            let text = std::fs::read_to_string(path).unwrap();
            entries.extend(
                parse_frames(&text)
                    .unwrap()
                    .iter()
                    .map(|frame| (frame.hash, u32::MAX)),
            );
        }
    }
    // Frames once more, mirrored bit by bit, so that there are enough for buckets.
    for n in haystack.len()..entries.len() {
        let hash = PdqHash(entries[n].0.0.map(u8::reverse_bits));
        entries.push((hash, u32::MAX));
    }
    let bytes = build(&entries, &mut || false).unwrap();
    let index = HashIndex::open(&bytes).unwrap();
    let expected = std::fs::read_to_string(expected).unwrap();
    let expected: BTreeSet<(u32, u32, u32)> = expected
        .lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<u32> = line.split(',').map(|field| field.parse().unwrap()).collect();
            (fields[0], fields[1], fields[2])
        })
        .collect();
    for (radius, pairs) in [(0, 50), (15, 151), (16, 152), (31, 250), (47, 287), (63, 352)] {
        let mut found = BTreeSet::new();
        for (needle, number) in needles.iter().zip(0..) {
            let _ = index.search(needle, radius, |hit| {
                if hit.payload != u32::MAX {
                    found.insert((number, hit.payload, hit.distance));
                }
                ControlFlow::<()>::Continue(())
            });
        }
        assert_eq!(found.len(), pairs, "radius {radius}");
        assert_eq!(
            found,
            expected.iter().copied().filter(|pair| pair.2 <= radius).collect(),
            "radius {radius}"
        );
    }
    println!("{} hashes, all pairs found", entries.len());
}
