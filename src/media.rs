//! The images and videos of a compiled set: loading the items of a release, compiling them, opening what was compiled.

use crate::compiled::interrupted;
use crate::error::{Error, Result};
use crate::in_force::Release;
use crate::pdqhash::hash_of;
use crate::spi::{self, Parameter};
use crate::video::frames_of;
use pg_moderation_engine::CompileError;
use pg_moderation_engine::media::{ImageItem, MAX_ITEM_DISTANCE, Media, VideoItem, compile_media};

/// The items of a set while it is loaded.
#[derive(Default)]
pub struct MediaItems {
    images: Vec<ImageItem>,
    videos: Vec<VideoItem>,
}

/// The compiled images and videos of a set, if it has any.
#[derive(Default)]
pub struct MediaSet(Option<Vec<u8>>);

impl MediaSet {
    pub fn compile(items: &MediaItems) -> Result<Self> {
        if items.images.is_empty() && items.videos.is_empty() {
            return Ok(Self(None));
        }
        Ok(Self(Some(compile_media(
            &items.images,
            &items.videos,
            &mut interrupted,
        )?)))
    }

    pub fn open(&self) -> Result<Option<Media<'_>>> {
        self.0
            .as_deref()
            .map(Media::open)
            .transpose()
            .map_err(Error::from)
    }

    /// Bytes of memory it holds.
    pub fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, Vec::capacity)
    }
}

const ITEMS: &std::ffi::CStr = c"
SELECT v.item_id, v.allow, v.weight, v.hash, coalesce(v.max_distance, $3), v.label, v.frames, v.min_material, v.min_content
FROM moderation.item_versions v
WHERE v.package_id = $1 AND v.added_in <= $2 AND (v.removed_in IS NULL OR v.removed_in > $2) AND v.kind <> 'term'";

/// Loads the images and videos of a release; returns how many. As the extension's owner.
pub fn load(slot: u16, release: &Release, items: &mut MediaItems) -> Result<usize> {
    let parameters = [
        Parameter::int4(release.package_id),
        Parameter::int4(release.release),
        Parameter::int4(release.max_distance),
    ];
    let before = items.images.len() + items.videos.len();
    let out_of_memory = |_| Error::Compile(CompileError::OutOfMemory);
    spi::read_large(ITEMS, &parameters, |row| {
        let id = row.int8(1).unwrap_or_default();
        let weight = row.float4(3).unwrap_or(1.0);
        let distance = row.int4(5).unwrap_or_default();
        let max_distance = u8::try_from(distance).map_or(MAX_ITEM_DISTANCE, |d| d.min(MAX_ITEM_DISTANCE));
        let label = row.text(6)?.unwrap_or_default();
        if let Some(hash) = row.datum(4) {
            items.images.try_reserve(1).map_err(out_of_memory)?;
            items.images.push(ImageItem {
                id,
                slot,
                allow: row.boolean(2).unwrap_or_default(),
                weight,
                // SAFETY: a column of type pdqhash.
                hash: unsafe { hash_of(hash) },
                max_distance,
                label,
            });
        } else if let Some(frames) = row.datum(7) {
            items.videos.try_reserve(1).map_err(out_of_memory)?;
            items.videos.push(VideoItem {
                id,
                slot,
                weight,
                // SAFETY: a column of type video_frame[].
                frames: unsafe { frames_of(frames) }?,
                max_distance,
                min_material: row.float4(8).unwrap_or_default(),
                min_content: row.float4(9).unwrap_or_default(),
                label,
            });
        }
        Ok(())
    })?;
    Ok(items.images.len() + items.videos.len() - before)
}
