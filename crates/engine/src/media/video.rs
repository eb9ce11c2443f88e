//! A content video against the risk videos and risk images of a media set.

use super::{ImageHit, Media, MediaOptions};
use crate::hash::pdq::{PDQ_MIN_QUALITY, PdqHash};
use crate::hash::vpdq::{Coverage, TimeRange, VideoFrame, VideoMatchOptions, match_videos};
use crate::{Interrupt, MatchError};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;

/// A risk video that the content contains enough of.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoHit<'b> {
    pub item: i64,
    pub slot: u16,
    pub label: &'b str,
    /// How much of the material is in the content, and how much of the content is the material's.
    pub material: Coverage,
    pub content: Coverage,
    /// Weight times the part of the material that is covered.
    pub score: f32,
}

/// A risk image that frames of the content show.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameHit<'b> {
    /// The nearest frame's hit.
    pub image: ImageHit<'b>,
    /// The nearest frame, the first of equals.
    pub frame: VideoFrame,
    /// The frames that show it, of those compared.
    pub content: Coverage,
}

/// What is found in one content video.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct VideoHits<'b> {
    /// Ordered by slot, then item.
    pub videos: Vec<VideoHit<'b>>,
    /// Ordered by slot, then item.
    pub images: Vec<FrameHit<'b>>,
}

impl Media<'_> {
    /// The risk videos and risk images in a content video. Frames of a quality below 50 are left out.
    ///
    /// # Errors
    /// [`MatchError::Interrupted`], [`MatchError::OutOfMemory`].
    pub fn find_video(
        &self,
        content: &[VideoFrame],
        options: &MediaOptions<'_>,
        interrupt: Interrupt<'_>,
    ) -> Result<VideoHits<'_>, MatchError> {
        let mut compared: Vec<VideoFrame> = Vec::new();
        compared
            .try_reserve_exact(content.len())
            .map_err(|_| MatchError::OutOfMemory)?;
        compared.extend(content.iter().filter(|frame| frame.quality >= PDQ_MIN_QUALITY));
        compared.sort_by(|a, b| a.seconds.total_cmp(&b.seconds).then(a.number.cmp(&b.number)));
        let mut hits = VideoHits::default();
        if self.videos() > 0 {
            hits.videos = self.videos_in(&compared, options, interrupt)?;
        }
        if self.images() > 0 {
            hits.images = self.images_in(&compared, options, interrupt)?;
        }
        Ok(hits)
    }

    fn videos_in(
        &self,
        content: &[VideoFrame],
        options: &MediaOptions<'_>,
        interrupt: Interrupt<'_>,
    ) -> Result<Vec<VideoHit<'_>>, MatchError> {
        // Any video that covers something has a frame in common with the content.
        let mut seen: BTreeSet<PdqHash> = BTreeSet::new();
        let mut candidates: BTreeSet<u32> = BTreeSet::new();
        for frame in content {
            if !seen.insert(frame.hash) {
                continue;
            }
            if interrupt() {
                return Err(MatchError::Interrupted);
            }
            let _ = self.each_frame(&frame.hash, |video| {
                candidates.insert(video);
                ControlFlow::<()>::Continue(())
            });
        }
        let mut hits = Vec::new();
        for entry in candidates.into_iter().filter_map(|number| self.video(number)) {
            if !options.wants(entry.slot, entry.id) {
                continue;
            }
            let mut material = Vec::new();
            material
                .try_reserve_exact(entry.frames().len())
                .map_err(|_| MatchError::OutOfMemory)?;
            material.extend(entry.frames());
            let rules = VideoMatchOptions {
                max_distance: u32::from(entry.max_distance),
                ..VideoMatchOptions::default()
            };
            let found = match_videos(&material, content, &rules, interrupt)?;
            let enough = found.material.matched > 0
                && found.material.percent() >= f64::from(entry.min_material)
                && found.content.percent() >= f64::from(entry.min_content);
            if enough {
                hits.push(VideoHit {
                    item: entry.id,
                    slot: entry.slot,
                    label: entry.label,
                    score: entry.weight * (found.material.percent() / 100.0) as f32,
                    material: found.material,
                    content: found.content,
                });
            }
        }
        hits.sort_by_key(|hit| (hit.slot, hit.item));
        Ok(hits)
    }

    fn images_in(
        &self,
        content: &[VideoFrame],
        options: &MediaOptions<'_>,
        interrupt: Interrupt<'_>,
    ) -> Result<Vec<FrameHit<'_>>, MatchError> {
        let mut known: HashMap<PdqHash, Vec<ImageHit<'_>>> = HashMap::new();
        let mut found: BTreeMap<(u16, i64), Tally<'_>> = BTreeMap::new();
        for (position, frame) in content.iter().enumerate() {
            let hits = match known.entry(frame.hash) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(self.find_image(&frame.hash, options, interrupt)?),
            };
            for hit in hits.iter() {
                found
                    .entry((hit.slot, hit.item))
                    .or_insert_with(|| Tally::new(hit, frame))
                    .add(hit, frame, position)?;
            }
        }
        let hits = found.into_values().map(|tally| FrameHit {
            image: tally.best.0,
            frame: tally.best.1,
            content: Coverage {
                frames: content.len(),
                matched: tally.matched,
                ranges: tally.ranges,
            },
        });
        Ok(hits.collect())
    }
}

/// The frames of one image item so far.
struct Tally<'b> {
    best: (ImageHit<'b>, VideoFrame),
    matched: usize,
    ranges: Vec<TimeRange>,
    /// Position of the last frame.
    last: usize,
}

impl<'b> Tally<'b> {
    fn new(hit: &ImageHit<'b>, frame: &VideoFrame) -> Self {
        Self {
            best: (*hit, *frame),
            matched: 0,
            ranges: Vec::new(),
            last: usize::MAX,
        }
    }

    fn add(&mut self, hit: &ImageHit<'b>, frame: &VideoFrame, position: usize) -> Result<(), MatchError> {
        // An unsuppressed frame outweighs nearer ones that an allow entry covers.
        let rank = |hit: &ImageHit<'_>| (hit.suppressed_by.is_some(), hit.distance);
        if rank(hit) < rank(&self.best.0) {
            self.best = (*hit, *frame);
        }
        self.matched += 1;
        match self.ranges.last_mut() {
            Some(range) if self.last.wrapping_add(1) == position => range.end = frame.seconds,
            _ => {
                self.ranges.try_reserve(1).map_err(|_| MatchError::OutOfMemory)?;
                self.ranges.push(TimeRange {
                    start: frame.seconds,
                    end: frame.seconds,
                });
            }
        }
        self.last = position;
        Ok(())
    }
}
