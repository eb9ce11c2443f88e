//! Hits of images and videos: what was found in the media of a content, and how it is written down.

use crate::compiled::{Compiled, interrupted};
use crate::error::Result;
use crate::in_force::{Release, Selection};
use crate::verdict::{self, Shown};
use crate::video::frames_text;
use pg_moderation_engine::hash::pdq::PdqHash;
use pg_moderation_engine::hash::vpdq::{Coverage, TimeRange, VideoFrame};
use pg_moderation_engine::media::{ImageHit, Media, MediaOptions};
use serde_json::{Value, json};

/// The images and videos of a content, each with the name of its column if it has one.
#[derive(Default)]
pub struct MediaFields<'a> {
    pub images: Vec<(Option<&'a str>, PdqHash)>,
    pub videos: Vec<(Option<&'a str>, Vec<VideoFrame>)>,
}

impl MediaFields<'_> {
    /// As texts, for a digest: hashes as hexadecimal digits, videos as vPDQ files.
    pub fn texts(&self) -> Vec<String> {
        let images = self.images.iter().map(|(_, hash)| hash.to_string());
        let videos = self.videos.iter().map(|(_, frames)| frames_text(frames));
        images.chain(videos).collect()
    }
}

/// One item found in an image or a video.
pub struct MediaFound {
    pub field: Option<String>,
    pub slot: u16,
    pub item: i64,
    pub label: String,
    pub score: f32,
    pub suppressed_by: Option<i64>,
    /// The item is kept to shadow, whatever the stage of its release.
    pub shadowed: bool,
    pub seen: Seen,
}

/// What was seen of it.
pub enum Seen {
    /// A risk image as the content's image.
    Image(Near),
    /// A risk image in frames of the content's video; the nearest of them.
    Frame {
        near: Near,
        number: u32,
        seconds: f64,
        content: Coverage,
    },
    /// A risk video.
    Video { material: Coverage, content: Coverage },
}

/// A content's hash near an item's.
#[derive(Clone, Copy)]
pub struct Near {
    pub content: PdqHash,
    pub distance: u32,
    pub max_distance: u8,
}

/// Every item of the selection in the media; on request also those that an allow entry covers.
pub fn find(
    compiled: &Compiled,
    fields: &MediaFields<'_>,
    selection: &Selection,
    suppressed: bool,
) -> Result<Vec<MediaFound>> {
    let mut found = Vec::new();
    if fields.images.is_empty() && fields.videos.is_empty() {
        return Ok(found);
    }
    let Some(media) = compiled.media.open()? else {
        return Ok(found);
    };
    let options = MediaOptions {
        slots: selection.slots.as_deref(),
        inactive: selection.moment.inactive.as_deref(),
        suppressed,
    };
    for (field, hash) in &fields.images {
        for hit in media.find_image(hash, &options, &mut interrupted)? {
            let seen = Seen::Image(near(*hash, &hit));
            found.push(MediaFound::of_image(*field, &hit, seen));
        }
    }
    for (field, frames) in &fields.videos {
        find_in_video(&media, *field, frames, &options, &mut found)?;
    }
    for found in &mut found {
        found.shadowed = selection.moment.is_shadowed(found.slot, found.item);
    }
    Ok(found)
}

fn find_in_video(
    media: &Media<'_>,
    field: Option<&str>,
    frames: &[VideoFrame],
    options: &MediaOptions<'_>,
    found: &mut Vec<MediaFound>,
) -> Result<()> {
    let hits = media.find_video(frames, options, &mut interrupted)?;
    for hit in hits.videos {
        found.push(MediaFound {
            field: field.map(str::to_owned),
            slot: hit.slot,
            item: hit.item,
            label: hit.label.to_owned(),
            score: hit.score,
            suppressed_by: None,
            shadowed: false,
            seen: Seen::Video {
                material: hit.material,
                content: hit.content,
            },
        });
    }
    for hit in hits.images {
        let seen = Seen::Frame {
            near: near(hit.frame.hash, &hit.image),
            number: hit.frame.number,
            seconds: hit.frame.seconds,
            content: hit.content,
        };
        found.push(MediaFound::of_image(field, &hit.image, seen));
    }
    Ok(())
}

fn near(content: PdqHash, hit: &ImageHit<'_>) -> Near {
    Near {
        content,
        distance: hit.distance,
        max_distance: hit.max_distance,
    }
}

impl MediaFound {
    fn of_image(field: Option<&str>, hit: &ImageHit<'_>, seen: Seen) -> Self {
        Self {
            field: field.map(str::to_owned),
            slot: hit.slot,
            item: hit.item,
            label: hit.label.to_owned(),
            score: hit.score,
            suppressed_by: hit.suppressed_by,
            shadowed: false,
            seen,
        }
    }

    /// `moderation.item_kind` of the item.
    pub fn kind(&self) -> &'static str {
        match self.seen {
            Seen::Image(_) | Seen::Frame { .. } => "image",
            Seen::Video { .. } => "video",
        }
    }

    pub fn near(&self) -> Option<Near> {
        match &self.seen {
            Seen::Image(near) | Seen::Frame { near, .. } => Some(*near),
            Seen::Video { .. } => None,
        }
    }

    pub fn content(&self) -> Option<&Coverage> {
        match &self.seen {
            Seen::Image(_) => None,
            Seen::Frame { content, .. } | Seen::Video { content, .. } => Some(content),
        }
    }

    pub fn material(&self) -> Option<&Coverage> {
        match &self.seen {
            Seen::Video { material, .. } => Some(material),
            Seen::Image(_) | Seen::Frame { .. } => None,
        }
    }

    /// The stage that this hit counts in; `None` when the release was asked for explicitly.
    pub fn stage<'r>(&self, release: &'r Release) -> Option<&'r str> {
        release.stage_of(self.shadowed)
    }

    /// The hit in the documented JSON array. Without material nothing that tells what the item shows.
    pub fn json(&self, release: &Release, shown: Shown) -> Value {
        let mut hit = json!({
            "package": release.package,
            "release": release.release,
            "item": self.item,
            "kind": self.kind(),
            "action": release.action,
            "field": self.field,
            "span_start": null,
            "span_length": null,
            "level": null,
            "steps": [],
            "score": verdict::decimal(self.score),
        });
        let Some(object) = hit.as_object_mut() else {
            return hit;
        };
        // The distances of a few images would tell the item's hash.
        if shown.place
            && let Some(near) = self.near()
        {
            object.insert("distance".into(), near.distance.into());
        }
        if shown.place
            && let Seen::Frame { number, seconds, .. } = &self.seen
        {
            object.insert("frame_number".into(), (*number).into());
            object.insert("seconds".into(), (*seconds).into());
        }
        if let Some(coverage) = self.material() {
            object.insert("material_percent".into(), percent(coverage).into());
        }
        if let Some(coverage) = self.content() {
            object.insert("content_percent".into(), percent(coverage).into());
            if shown.place {
                let ranges = coverage
                    .ranges
                    .iter()
                    .map(|range| json!([range.start, range.end]));
                object.insert("time_ranges".into(), ranges.collect());
            }
        }
        if shown.material {
            object.insert("label".into(), self.label.as_str().into());
        }
        hit
    }

    /// What the row of `moderation.hits` says of it, beside what all kinds have in common.
    pub fn record(&self) -> Value {
        json!({
            "kind": self.kind(),
            "field": self.field,
            "matched": self.near().map(|near| near.content.to_string()),
            "score": verdict::decimal(self.score),
            "distance": self.near().map(|near| near.distance),
            "material_percent": self.material().map(percent),
            "content_percent": self.content().map(percent),
            "time_ranges": self.content().map(|coverage| multirange(&coverage.ranges)),
        })
    }
}

/// Two digits after the point are enough, and print the same everywhere.
pub fn percent(coverage: &Coverage) -> f64 {
    (coverage.percent() * 100.0).round() / 100.0
}

/// Times as PostgreSQL writes a `nummultirange`.
pub fn multirange(ranges: &[TimeRange]) -> String {
    let ranges: Vec<String> = ranges
        .iter()
        .map(|range| format!("[{},{}]", range.start, range.end))
        .collect();
    format!("{{{}}}", ranges.join(","))
}
