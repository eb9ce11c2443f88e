//! The watched columns of a row as it is judged: texts, images, videos, in the order they were attached.

use crate::attachment::{Attachment, Column};
use crate::error::Result;
use crate::material::digest_of;
use crate::media_hits::MediaFields;
use crate::pdqhash::hash_of;
use crate::pg::{self, read_ahead};
use crate::trigger::Firing;
use crate::verdict::Field;
use crate::video::{frames_of, frames_text};
use pg_moderation_engine::hash::pdq::PdqHash;
use pg_moderation_engine::hash::vpdq::VideoFrame;

pub struct Watched<'r> {
    texts: Vec<(&'r Column, Option<&'r str>)>,
    images: Vec<(&'r Column, Option<PdqHash>)>,
    videos: Vec<(&'r Column, Option<Vec<VideoFrame>>)>,
}

impl<'r> Watched<'r> {
    /// What the new row holds.
    pub fn of(firing: &'r Firing, attachment: &'r Attachment) -> Result<Self> {
        let texts = attachment.texts.iter().map(|column| {
            let text = firing.text(column)?;
            // The rows of a statement are recorded in the order in which they were stored.
            read_ahead(text.unwrap_or_default().as_bytes());
            Ok((column, text))
        });
        let images = attachment.images.iter().map(|column| {
            // SAFETY: attachment::of() checks that the column has this type.
            let hash = firing.value(column.number).map(|datum| unsafe { hash_of(datum) });
            (column, hash)
        });
        let videos = attachment.videos.iter().map(|column| {
            let frames = firing.value(column.number);
            // SAFETY: attachment::of() checks that the column has this type.
            let frames = frames.map(|datum| unsafe { frames_of(datum) }).transpose()?;
            Ok((column, frames))
        });
        Ok(Self {
            texts: texts.collect::<Result<_>>()?,
            images: images.collect(),
            videos: videos.collect::<Result<_>>()?,
        })
    }

    /// The digest that hits record, of `names` and then all values.
    pub fn digest(&self, names: &[Option<&str>]) -> [u8; 32] {
        let images = self
            .images
            .iter()
            .map(|(_, hash)| hash.map(|hash| hash.to_string()));
        let videos = self
            .videos
            .iter()
            .map(|(_, frames)| frames.as_deref().map(frames_text));
        let media: Vec<Option<String>> = images.chain(videos).collect();
        let texts = self.texts.iter().map(|(_, text)| *text);
        digest_of(
            names
                .iter()
                .copied()
                .chain(texts)
                .chain(media.iter().map(Option::as_deref)),
        )
    }

    pub fn fields(&self) -> Vec<Field<'_>> {
        let fields = self.texts.iter().filter_map(|(column, text)| {
            text.map(|text| Field {
                name: Some(&column.name),
                text,
            })
        });
        fields.collect()
    }

    pub fn media(&self) -> MediaFields<'_> {
        let images = self
            .images
            .iter()
            .filter_map(|(column, hash)| Some((Some(column.name.as_str()), (*hash)?)));
        let videos = self
            .videos
            .iter()
            .filter_map(|(column, frames)| Some((Some(column.name.as_str()), frames.clone()?)));
        MediaFields {
            images: images.collect(),
            videos: videos.collect(),
        }
    }
}

impl Firing {
    /// Does an update leave every watched value as it was?
    pub fn leaves_watched(&self, attachment: &Attachment) -> bool {
        let both = |column: &Column| (self.old_value(column.number), self.value(column.number));
        // SAFETY: attachment::of() checks the types of the columns.
        let same_bytes = |column: &Column| {
            let (old, new) = both(column);
            let bytes = |datum| unsafe { pg::varlena(datum) };
            old.map(bytes) == new.map(bytes)
        };
        let same_hash = |column: &Column| {
            let (old, new) = both(column);
            // SAFETY: as above.
            let hash = |datum| unsafe { hash_of(datum) };
            old.map(hash) == new.map(hash)
        };
        self.is_update()
            && attachment.texts.iter().chain(&attachment.videos).all(same_bytes)
            && attachment.images.iter().all(same_hash)
    }
}
