//! Images to add: violating ones that look alike, each group by its most central member.
//!
//! Greedy set cover over the images themselves, as for terms: a candidate is a violating image with the largest distance up
//! to the radius at which it is still precise; the one that stands for most images not yet covered comes first. Neighbours
//! are searched again each time instead of kept, since a thousand copies of one picture have a million pairs.

use super::MineError;
use crate::Interrupt;
use crate::hash::index::{self, HashIndex};
use crate::hash::pdq::PdqHash;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::ControlFlow;

/// An image whose hash is known, and whether it violates.
#[derive(Clone, Copy, Debug)]
pub struct LabelledImage {
    pub hash: PdqHash,
    pub violating: bool,
}

/// A group of violating images; counts are images within `max_distance` bits of the centre.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageCluster {
    /// Position of the central image in the input.
    pub centre: usize,
    pub max_distance: u32,
    pub violating: usize,
    pub benign: usize,
    /// Violating images that no cluster before it covers.
    pub new_violating: usize,
    /// The first of the violating images, as positions in the input, the nearest first.
    pub members: Vec<usize>,
}

/// Members listed at most.
const MAX_MEMBERS: usize = 1_000;

/// How to group.
#[derive(Clone, Copy, Debug)]
pub struct ClusterOptions {
    /// Bits, as in the items' `max_distance`.
    pub radius: u32,
    /// Violating images a cluster must add at least.
    pub min_support: usize,
    /// Share of violating images within a cluster's distance, at least.
    pub precision_floor: f64,
}

/// Images with one hash.
struct Same {
    hash: PdqHash,
    violating: usize,
    benign: usize,
    positions: Vec<usize>,
}

/// Clusters, the one that adds most first. Deterministic.
///
/// # Errors
/// [`MineError::Interrupted`], [`MineError::OutOfMemory`], and what building the index may return.
pub fn image_clusters(
    images: &[LabelledImage],
    options: &ClusterOptions,
    interrupt: Interrupt<'_>,
) -> Result<Vec<ImageCluster>, MineError> {
    let same = distinct(images)?;
    let mut numbered = Vec::new();
    numbered.try_reserve_exact(same.len())?;
    numbered.extend(same.iter().enumerate().map(|(n, s)| (s.hash, n as u32)));
    let bytes = index::build(&numbered, interrupt)?;
    drop(numbered);
    let index = HashIndex::open(&bytes)?;
    // Nearest first; (distance, place in `same`).
    let near = |centre: usize, distance: u32| -> Vec<(u32, usize)> {
        let mut found = Vec::new();
        if let Some(centre) = same.get(centre) {
            let _ = index.search(&centre.hash, distance, |hit| {
                found.push((hit.distance, hit.payload as usize));
                ControlFlow::<()>::Continue(())
            });
        }
        found.sort_unstable();
        found
    };
    let mut queue = BinaryHeap::new();
    queue.try_reserve_exact(same.len())?;
    for centre in (0..same.len()).filter(|&c| same.get(c).is_some_and(|s| s.violating > 0)) {
        if interrupt() {
            return Err(MineError::Interrupted);
        }
        let found = near(centre, options.radius);
        if let Some((distance, violating, spread)) = widest(&same, &found, options) {
            queue.push((violating, Reverse(spread), Reverse(centre), distance));
        }
    }
    let mut covered = Vec::new();
    covered.try_reserve_exact(same.len())?;
    covered.resize(same.len(), false);
    let mut clusters = Vec::new();
    while let Some((promised, spread, Reverse(centre), distance)) = queue.pop() {
        if interrupt() {
            return Err(MineError::Interrupted);
        }
        if promised < options.min_support.max(1) {
            break;
        }
        let found = near(centre, distance);
        let sum = |count: &dyn Fn(usize, &Same) -> usize| -> usize {
            found
                .iter()
                .filter_map(|&(_, n)| same.get(n).map(|s| count(n, s)))
                .sum()
        };
        let fresh = |n: usize| !covered.get(n).copied().unwrap_or(true);
        let gain = sum(&|n, s| if fresh(n) { s.violating } else { 0 });
        if gain < promised {
            queue.push((gain, spread, Reverse(centre), distance));
            continue;
        }
        let mut members = Vec::new();
        for &(_, n) in &found {
            let Some(same) = same.get(n).filter(|s| s.violating > 0) else {
                continue;
            };
            members.extend(
                same.positions
                    .iter()
                    .filter(|&&p| images.get(p).is_some_and(|i| i.violating))
                    .take(MAX_MEMBERS - members.len()),
            );
        }
        clusters.try_reserve(1)?;
        clusters.push(ImageCluster {
            centre: same
                .get(centre)
                .and_then(|s| s.positions.first().copied())
                .unwrap_or(0),
            max_distance: distance,
            violating: sum(&|_, s| s.violating),
            benign: sum(&|_, s| s.benign),
            new_violating: gain,
            members,
        });
        for (_, n) in found {
            if let Some(seen) = covered.get_mut(n) {
                *seen = true;
            }
        }
    }
    Ok(clusters)
}

/// Images by hash, in the order of the hashes; positions of violating ones come first.
fn distinct(images: &[LabelledImage]) -> Result<Vec<Same>, MineError> {
    let mut by_hash: BTreeMap<[u8; 32], Vec<usize>> = BTreeMap::new();
    for (position, image) in images.iter().enumerate() {
        let positions = by_hash.entry(image.hash.0).or_default();
        positions.try_reserve(1)?;
        positions.push(position);
    }
    let violating = |p: usize| images.get(p).is_some_and(|i| i.violating);
    let mut same = Vec::new();
    same.try_reserve_exact(by_hash.len())?;
    same.extend(by_hash.into_iter().map(|(hash, mut positions)| {
        positions.sort_by_key(|&p| (!violating(p), p));
        let count = positions.iter().filter(|&&p| violating(p)).count();
        Same {
            hash: PdqHash(hash),
            violating: count,
            benign: positions.len() - count,
            positions,
        }
    }));
    Ok(same)
}

/// The largest distance at which a centre is precise, with the violating images within it and the sum of their distances;
/// `found` is sorted by distance.
fn widest(same: &[Same], found: &[(u32, usize)], options: &ClusterOptions) -> Option<(u32, usize, u64)> {
    let (mut violating, mut benign, mut spread) = (0usize, 0usize, 0u64);
    let mut best = None;
    for (place, &(distance, n)) in found.iter().enumerate() {
        if let Some(same) = same.get(n) {
            violating += same.violating;
            benign += same.benign;
            spread += u64::from(distance) * same.violating as u64;
        }
        // All of one distance, or none of it; then everything up to the next one found.
        let next = found
            .get(place + 1)
            .map_or(options.radius + 1, |&(distance, _)| distance);
        if next > distance && violating as f64 >= options.precision_floor * (violating + benign) as f64 {
            best = Some((next - 1, violating, spread));
        }
    }
    best
}
