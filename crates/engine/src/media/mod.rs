//! Risk images and risk videos of a compiled set: from items to bytes to hits. Exact: every item within its distance is
//! found. Not for terms (see [`crate::Matcher`]); the two lie side by side in one compiled set and know nothing of
//! each other.
//!
//! The seam is [`compile_media`], which writes flat bytes without pointers, and [`Media::open`], which borrows them and
//! copies nothing, so that one copy can serve any number of readers.
//!
//! A content image is looked up among the images within each item's own distance. Of a content video, every frame good
//! enough to compare is looked up among the images, and among the frames of the risk videos; the few videos that have a
//! frame in common with it are then compared with it whole ([`crate::hash::vpdq`]).

mod format;
mod video;

pub use format::{FORMAT_VERSION, Media, compile_media};
pub use video::{FrameHit, VideoHit, VideoHits};

use crate::hash::pdq::PdqHash;
use crate::hash::vpdq::VideoFrame;
use crate::{Interrupt, MatchError};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Largest distance that an item can have. Unrelated images differ in about 128 bits, some of them in fewer than 90.
pub const MAX_ITEM_DISTANCE: u8 = 64;

/// Distances up to this are looked up apart from larger ones, which would make every search as slow as theirs.
const NEAR: u8 = 31;

/// A risk image, or an allowed one.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageItem {
    pub id: i64,
    /// Which release of the set it belongs to.
    pub slot: u16,
    /// An allow entry: a content within its distance has no hits of the same slot.
    pub allow: bool,
    pub weight: f32,
    pub hash: PdqHash,
    /// Largest distance of a hit, in bits; at most [`MAX_ITEM_DISTANCE`].
    pub max_distance: u8,
    pub label: String,
}

/// A risk video.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoItem {
    pub id: i64,
    pub slot: u16,
    pub weight: f32,
    pub frames: Vec<VideoFrame>,
    /// Largest distance of two frames that match, in bits; at most [`MAX_ITEM_DISTANCE`].
    pub max_distance: u8,
    /// Least part of the material that the content must contain, in percent.
    pub min_material: f32,
    /// Least part of the content that the material must cover, in percent.
    pub min_content: f32,
    pub label: String,
}

/// An image item found for one hash.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImageHit<'b> {
    pub item: i64,
    pub slot: u16,
    pub hash: PdqHash,
    pub label: &'b str,
    /// Bits, at most `max_distance`.
    pub distance: u32,
    pub max_distance: u8,
    /// Weight times the share of bits that agree.
    pub score: f32,
    /// The allow entry that covers this hit.
    pub suppressed_by: Option<i64>,
}

/// Which hits the caller wants.
#[derive(Clone, Copy, Debug, Default)]
pub struct MediaOptions<'o> {
    /// Only these slots; `None` means all.
    pub slots: Option<&'o [u16]>,
    /// Items (slot, id) that are as if they were not there, sorted; allow entries among them suppress nothing.
    pub inactive: Option<&'o [(u16, i64)]>,
    /// Also hits that an allow entry suppressed.
    pub suppressed: bool,
}

impl MediaOptions<'_> {
    fn wants(&self, slot: u16, item: i64) -> bool {
        self.slots.is_none_or(|slots| slots.contains(&slot))
            && self
                .inactive
                .is_none_or(|inactive| inactive.binary_search(&(slot, item)).is_err())
    }
}

impl Media<'_> {
    /// Every image item within its distance of a hash: ordered by slot, then distance, then item.
    ///
    /// # Errors
    /// [`MatchError::Interrupted`], [`MatchError::OutOfMemory`].
    pub fn find_image(
        &self,
        hash: &PdqHash,
        options: &MediaOptions<'_>,
        interrupt: Interrupt<'_>,
    ) -> Result<Vec<ImageHit<'_>>, MatchError> {
        if interrupt() {
            return Err(MatchError::Interrupted);
        }
        let mut hits: Vec<ImageHit<'_>> = Vec::new();
        let mut allowed: BTreeMap<u16, (u32, i64)> = BTreeMap::new();
        let mut work = 0usize;
        let stopped = self.each_image(hash, |entry, distance| {
            work += 1;
            if work.is_multiple_of(INTERRUPT_EVERY) && interrupt() {
                return ControlFlow::Break(MatchError::Interrupted);
            }
            if !options.wants(entry.slot, entry.id) {
                return ControlFlow::Continue(());
            }
            if entry.allow {
                let best = allowed.entry(entry.slot).or_insert((distance, entry.id));
                *best = (*best).min((distance, entry.id));
                return ControlFlow::Continue(());
            }
            if hits.try_reserve(1).is_err() {
                return ControlFlow::Break(MatchError::OutOfMemory);
            }
            hits.push(ImageHit {
                item: entry.id,
                slot: entry.slot,
                hash: entry.hash,
                label: entry.label,
                distance,
                max_distance: entry.max_distance,
                score: entry.weight * agreement(distance),
                suppressed_by: None,
            });
            ControlFlow::Continue(())
        });
        if let ControlFlow::Break(error) = stopped {
            return Err(error);
        }
        if !allowed.is_empty() {
            for hit in &mut hits {
                hit.suppressed_by = allowed.get(&hit.slot).map(|&(_, id)| id);
            }
            hits.retain(|hit| options.suppressed || hit.suppressed_by.is_none());
        }
        hits.sort_by_key(|hit| (hit.slot, hit.distance, hit.item));
        Ok(hits)
    }

    /// Is there an unsuppressed hit? Equal to [`Self::find_image`] being non-empty, but may stop early.
    ///
    /// # Errors
    /// [`MatchError::Interrupted`], [`MatchError::OutOfMemory`].
    pub fn has_image(
        &self,
        hash: &PdqHash,
        options: &MediaOptions<'_>,
        interrupt: Interrupt<'_>,
    ) -> Result<bool, MatchError> {
        if self.has_allow_entries() {
            return self
                .find_image(hash, options, interrupt)
                .map(|hits| !hits.is_empty());
        }
        let found = self.each_image(hash, |entry, _| {
            if options.wants(entry.slot, entry.id) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        Ok(found.is_break())
    }
}

/// Share of the bits that agree, 0 to 1.
fn agreement(distance: u32) -> f32 {
    1.0 - distance as f32 / 256.0
}

/// Work between two questions whether to stop.
const INTERRUPT_EVERY: usize = 1_024;

#[cfg(test)]
mod tests;
