//! The bytes of a media set, and reading them. Little-endian, no pointers; sections follow each other in a fixed order:
//!
//! header · entries (images, then videos) · labels · frames · four hash indexes (images near and far, frames near and far)
//!
//! "Near" holds items of a distance up to 31. A payload of an index is the number of an entry.

use super::{ImageItem, MAX_ITEM_DISTANCE, NEAR, VideoItem};
use crate::hash::index::{self, HashIndex};
use crate::hash::pdq::{PDQ_MIN_QUALITY, PdqHash};
use crate::hash::vpdq::VideoFrame;
use crate::{CompileError, Interrupt, OpenError};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

const MAGIC: &[u8; 8] = b"PGMODMED";
/// Changes with the layout.
pub const FORMAT_VERSION: u32 = 1;
/// Magic, format, images, videos, flags, then the lengths of labels, frames and the four indexes.
const HEADER: usize = 8 + 4 * 4 + 6 * 8;
/// id 8, weight 4, min_material 4, min_content 4, label's start 4 and length 4, first frame 4, frames 4, slot 2,
/// distance 1, flags 1, hash 32.
const ENTRY: usize = 72;
/// hash 32, seconds 8, number 4, quality 1, nothing 3.
const FRAME: usize = 48;
const INDEXES: usize = 4;
const FLAG_ALLOW: u8 = 1;
/// Largest media set, in bytes.
pub const MAX_MEDIA_BYTES: usize = 4 << 30;
/// Items between two questions whether to stop.
const INTERRUPT_EVERY: usize = 1_024;

/// Writes the bytes that [`Media::open`] reads. Deterministic in the order of the items; about 210 bytes an image in large
/// sets, and 150 a frame.
///
/// # Errors
/// [`CompileError::TooLarge`], [`CompileError::OutOfMemory`], [`CompileError::Interrupted`].
pub fn compile_media(
    images: &[ImageItem],
    videos: &[VideoItem],
    interrupt: Interrupt<'_>,
) -> Result<Vec<u8>, CompileError> {
    let mut entries = Bytes::default();
    let mut labels = Bytes::default();
    let mut frames = Bytes::default();
    let mut hashes: [Vec<(PdqHash, u32)>; INDEXES] = Default::default();
    let mut flags = 0u32;
    let mut frame_count = 0u32;
    for (n, image) in images.iter().enumerate() {
        ask(n, interrupt)?;
        let label = labels.add(image.label.as_bytes())?;
        flags |= u32::from(image.allow);
        let far = usize::from(image.max_distance > NEAR);
        push(&mut hashes[far], (image.hash, number(n)?))?;
        entries.entry(&Entry {
            id: image.id,
            slot: image.slot,
            allow: image.allow,
            weight: image.weight,
            hash: image.hash,
            max_distance: image.max_distance.min(MAX_ITEM_DISTANCE),
            min_material: 0.0,
            min_content: 0.0,
            label,
            frames: (0, 0),
        })?;
    }
    for (n, video) in videos.iter().enumerate() {
        ask(n, interrupt)?;
        let entry = number(images.len() + n)?;
        let label = labels.add(video.label.as_bytes())?;
        let far = 2 + usize::from(video.max_distance > NEAR);
        let mut seen = BTreeSet::new();
        for (n, frame) in video.frames.iter().enumerate() {
            ask(n, interrupt)?;
            frames.frame(frame)?;
            if frame.quality >= PDQ_MIN_QUALITY && seen.insert(frame.hash) {
                push(&mut hashes[far], (frame.hash, entry))?;
            }
        }
        let count = number(video.frames.len())?;
        entries.entry(&Entry {
            id: video.id,
            slot: video.slot,
            allow: false,
            weight: video.weight,
            hash: PdqHash::default(),
            max_distance: video.max_distance.min(MAX_ITEM_DISTANCE),
            min_material: video.min_material,
            min_content: video.min_content,
            label,
            frames: (frame_count, count),
        })?;
        frame_count = frame_count.checked_add(count).ok_or(too_large(usize::MAX))?;
    }
    let mut built: [Vec<u8>; INDEXES] = Default::default();
    for (built, hashes) in built.iter_mut().zip(hashes) {
        *built = index::build(&hashes, interrupt)?;
    }
    let mut out = Bytes::default();
    out.extend(MAGIC)?;
    for word in [
        FORMAT_VERSION,
        number(images.len())?,
        number(videos.len())?,
        flags,
    ] {
        out.extend(&word.to_le_bytes())?;
    }
    let lengths = [labels.0.len(), frames.0.len()]
        .into_iter()
        .chain(built.iter().map(Vec::len));
    for length in lengths.clone() {
        out.extend(&(length as u64).to_le_bytes())?;
    }
    let total = HEADER + entries.0.len() + lengths.sum::<usize>();
    if total > MAX_MEDIA_BYTES {
        return Err(too_large(total));
    }
    out.0
        .try_reserve_exact(total - HEADER)
        .map_err(|_| CompileError::OutOfMemory)?;
    for section in [&entries.0, &labels.0, &frames.0].into_iter().chain(&built) {
        out.extend(section)?;
    }
    Ok(out.0)
}

fn too_large(bytes: usize) -> CompileError {
    CompileError::TooLarge {
        bytes,
        limit: MAX_MEDIA_BYTES,
    }
}

fn number(n: usize) -> Result<u32, CompileError> {
    u32::try_from(n).map_err(|_| too_large(n.saturating_mul(ENTRY)))
}

fn push<T>(values: &mut Vec<T>, value: T) -> Result<(), CompileError> {
    values.try_reserve(1).map_err(|_| CompileError::OutOfMemory)?;
    values.push(value);
    Ok(())
}

fn ask(n: usize, interrupt: Interrupt<'_>) -> Result<(), CompileError> {
    if n.is_multiple_of(INTERRUPT_EVERY) && interrupt() {
        Err(CompileError::Interrupted)
    } else {
        Ok(())
    }
}

/// A section while it is written.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn extend(&mut self, bytes: &[u8]) -> Result<(), CompileError> {
        self.0
            .try_reserve(bytes.len())
            .map_err(|_| CompileError::OutOfMemory)?;
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    /// Start and length.
    fn add(&mut self, bytes: &[u8]) -> Result<(u32, u32), CompileError> {
        let place = (number(self.0.len())?, number(bytes.len())?);
        self.extend(bytes)?;
        Ok(place)
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), CompileError> {
        let mut bytes = [0; ENTRY];
        bytes[..8].copy_from_slice(&entry.id.to_le_bytes());
        let words = [
            entry.weight.to_bits(),
            entry.min_material.to_bits(),
            entry.min_content.to_bits(),
            entry.label.0,
            entry.label.1,
            entry.frames.0,
            entry.frames.1,
        ];
        for (place, word) in bytes[8..36].chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes[36..38].copy_from_slice(&entry.slot.to_le_bytes());
        bytes[38] = entry.max_distance;
        bytes[39] = if entry.allow { FLAG_ALLOW } else { 0 };
        bytes[40..].copy_from_slice(&entry.hash.0);
        self.extend(&bytes)
    }

    fn frame(&mut self, frame: &VideoFrame) -> Result<(), CompileError> {
        let mut bytes = [0; FRAME];
        bytes[..32].copy_from_slice(&frame.hash.0);
        bytes[32..40].copy_from_slice(&frame.seconds.to_le_bytes());
        bytes[40..44].copy_from_slice(&frame.number.to_le_bytes());
        bytes[44] = frame.quality;
        self.extend(&bytes)
    }
}

/// An entry as it is stored.
struct Entry {
    id: i64,
    slot: u16,
    allow: bool,
    weight: f32,
    hash: PdqHash,
    max_distance: u8,
    min_material: f32,
    min_content: f32,
    label: (u32, u32),
    frames: (u32, u32),
}

impl Entry {
    fn read(bytes: &[u8; ENTRY]) -> Self {
        let word = |n: usize| {
            let at = 8 + n * 4;
            bytes[at..at + 4]
                .as_array()
                .map_or(0, |word| u32::from_le_bytes(*word))
        };
        Self {
            id: bytes[..8].as_array().map_or(0, |id| i64::from_le_bytes(*id)),
            slot: u16::from_le_bytes([bytes[36], bytes[37]]),
            allow: bytes[39] & FLAG_ALLOW != 0,
            weight: f32::from_bits(word(0)),
            hash: PdqHash(bytes[40..].as_array().copied().unwrap_or_default()),
            max_distance: bytes[38],
            min_material: f32::from_bits(word(1)),
            min_content: f32::from_bits(word(2)),
            label: (word(3), word(4)),
            frames: (word(5), word(6)),
        }
    }
}

/// An image item as a search sees it.
pub(super) struct ImageEntry<'b> {
    pub id: i64,
    pub slot: u16,
    pub allow: bool,
    pub weight: f32,
    pub hash: PdqHash,
    pub max_distance: u8,
    pub label: &'b str,
}

/// A video item as a search sees it.
pub(super) struct VideoEntry<'b> {
    pub id: i64,
    pub slot: u16,
    pub weight: f32,
    pub max_distance: u8,
    pub min_material: f32,
    pub min_content: f32,
    pub label: &'b str,
    frames: &'b [[u8; FRAME]],
}

impl VideoEntry<'_> {
    /// The frames of the material, all of them.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = VideoFrame> {
        self.frames.iter().map(|bytes| VideoFrame {
            number: bytes[40..44].as_array().map_or(0, |n| u32::from_le_bytes(*n)),
            hash: PdqHash(bytes[..32].as_array().copied().unwrap_or_default()),
            quality: bytes[44],
            seconds: bytes[32..40].as_array().map_or(0.0, |s| f64::from_le_bytes(*s)),
        })
    }
}

/// An opened media set; borrows its bytes and copies nothing of them.
#[derive(Clone, Copy, Debug)]
pub struct Media<'b> {
    images: usize,
    has_allow: bool,
    entries: &'b [[u8; ENTRY]],
    labels: &'b [u8],
    frames: &'b [[u8; FRAME]],
    indexes: [HashIndex<'b>; INDEXES],
}

impl<'b> Media<'b> {
    /// Reads what [`compile_media`] wrote. Checks the header and every length, in constant time: no bytes, however
    /// damaged, make a search panic or read outside them.
    ///
    /// # Errors
    /// [`OpenError::WrongVersion`], [`OpenError::Damaged`].
    pub fn open(bytes: &'b [u8]) -> Result<Self, OpenError> {
        let (header, mut rest) = bytes
            .split_at_checked(HEADER)
            .ok_or(OpenError::Damaged("too short"))?;
        if header.get(..8) != Some(MAGIC) {
            return Err(OpenError::Damaged("not a media set"));
        }
        let word = |at: usize| {
            let field = header.get(at..at + 4).and_then(|field| field.as_array::<4>());
            field.map_or(0, |field| u32::from_le_bytes(*field))
        };
        if word(8) != FORMAT_VERSION {
            return Err(OpenError::WrongVersion {
                found: word(8),
                expected: FORMAT_VERSION,
            });
        }
        let (images, videos, flags) = (word(12) as usize, word(16) as usize, word(20));
        let mut take = |length: usize| -> Result<&'b [u8], OpenError> {
            let (section, tail) = rest
                .split_at_checked(length)
                .ok_or(OpenError::Damaged("length"))?;
            rest = tail;
            Ok(section)
        };
        let length = |n: usize| {
            let at = 24 + n * 8;
            let field = header.get(at..at + 8).and_then(|field| field.as_array::<8>());
            usize::try_from(field.map_or(0, |field| u64::from_le_bytes(*field))).unwrap_or(usize::MAX)
        };
        let (entries, _) = take((images + videos).saturating_mul(ENTRY))?.as_chunks();
        let labels = take(length(0))?;
        let (frames, rest_of_frames) = take(length(1))?.as_chunks();
        if !rest_of_frames.is_empty() {
            return Err(OpenError::Damaged("frames"));
        }
        let mut open = |n: usize| HashIndex::open(take(length(2 + n))?);
        let indexes = [open(0)?, open(1)?, open(2)?, open(3)?];
        if !rest.is_empty() {
            return Err(OpenError::Damaged("length"));
        }
        Ok(Self {
            images,
            has_allow: flags & 1 != 0,
            entries,
            labels,
            frames,
            indexes,
        })
    }

    /// Number of image items, allow entries included.
    #[must_use]
    pub fn images(&self) -> usize {
        self.images
    }

    /// Number of video items.
    #[must_use]
    pub fn videos(&self) -> usize {
        self.entries.len().saturating_sub(self.images)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn has_allow_entries(&self) -> bool {
        self.has_allow
    }

    fn entry(&self, number: u32) -> Option<Entry> {
        self.entries.get(number as usize).map(Entry::read)
    }

    fn label(&self, (start, length): (u32, u32)) -> &'b str {
        let end = (start as usize).saturating_add(length as usize);
        let label = self.labels.get(start as usize..end).unwrap_or(&[]);
        std::str::from_utf8(label).unwrap_or_default()
    }

    /// Visits every image item within its distance, with the distance.
    pub(super) fn each_image<B>(
        &self,
        hash: &PdqHash,
        mut visit: impl FnMut(ImageEntry<'b>, u32) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let [near, far, ..] = &self.indexes;
        for (index, radius) in [(near, NEAR), (far, MAX_ITEM_DISTANCE)] {
            index.search(hash, u32::from(radius), |found| match self.entry(found.payload) {
                Some(entry) if found.distance <= u32::from(entry.max_distance) => {
                    let image = ImageEntry {
                        id: entry.id,
                        slot: entry.slot,
                        allow: entry.allow,
                        weight: entry.weight,
                        hash: entry.hash,
                        max_distance: entry.max_distance,
                        label: self.label(entry.label),
                    };
                    visit(image, found.distance)
                }
                _ => ControlFlow::Continue(()),
            })?;
        }
        ControlFlow::Continue(())
    }

    /// Visits the number of every video item that has a frame within its distance of a hash; one for each such frame.
    pub(super) fn each_frame<B>(
        &self,
        hash: &PdqHash,
        mut visit: impl FnMut(u32) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let [_, _, near, far] = &self.indexes;
        for (index, radius) in [(near, NEAR), (far, MAX_ITEM_DISTANCE)] {
            index.search(hash, u32::from(radius), |found| match self.entry(found.payload) {
                Some(entry) if found.distance <= u32::from(entry.max_distance) => visit(found.payload),
                _ => ControlFlow::Continue(()),
            })?;
        }
        ControlFlow::Continue(())
    }

    pub(super) fn video(&self, number: u32) -> Option<VideoEntry<'b>> {
        let entry = self.entry(number)?;
        let (first, count) = (entry.frames.0 as usize, entry.frames.1 as usize);
        Some(VideoEntry {
            id: entry.id,
            slot: entry.slot,
            weight: entry.weight,
            max_distance: entry.max_distance,
            min_material: entry.min_material,
            min_content: entry.min_content,
            label: self.label(entry.label),
            frames: self.frames.get(first..first.saturating_add(count)).unwrap_or(&[]),
        })
    }
}
