//! Errors about hashes, images and videos; how they are reported is one table, as in `error`.

use crate::error::{Error, Report, report};
use crate::video::MAX_FRAMES;
use pg_moderation_engine::hash::decode::DecodeError;
use pg_moderation_engine::hash::pdq::PdqError;
use pg_moderation_engine::hash::vpdq::FrameParseError;
use pgrx::PgSqlErrorCode as Code;

/// In place of a field: the element itself is NULL, or something else.
pub const WHOLE_FRAME: &str = "";

#[derive(Debug)]
pub enum MediaError {
    /// Not 64 hexadecimal digits: how many characters, and the first one that is no digit, from 1.
    HashText {
        digits: usize,
        wrong: Option<usize>,
    },
    HashBytes {
        bytes: usize,
    },
    HashBits {
        bits: i32,
    },
    Radius {
        radius: i64,
    },
    BallText,
    Decode(DecodeError),
    Pdq(PdqError),
    OnError,
    TooManyFrames {
        frames: usize,
    },
    /// A frame, from 1, and its field (or [`WHOLE_FRAME`]) that is missing or out of range.
    Frame {
        position: usize,
        field: &'static str,
    },
    FrameText(FrameParseError),
    NoGoodFrame {
        frames: usize,
    },
}

impl From<MediaError> for Error {
    fn from(error: MediaError) -> Self {
        Self::Media(error)
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::Media(MediaError::Decode(error))
    }
}

impl From<PdqError> for Error {
    fn from(error: PdqError) -> Self {
        Self::Media(MediaError::Pdq(error))
    }
}

const HASH_HINT: &str = "A PDQ hash has 256 bits: 64 hexadecimal digits, 32 bytes of bytea, or bit(256).";

impl MediaError {
    pub fn describe(self) -> Report {
        match self {
            Self::HashText { digits, wrong } => report(
                Code::ERRCODE_INVALID_TEXT_REPRESENTATION,
                "invalid input syntax for type pdqhash".into(),
                match wrong {
                    Some(position) => format!("Character {position} is not a hexadecimal digit."),
                    None => format!("It has {digits} digits."),
                },
                HASH_HINT,
            ),
            Self::HashBytes { bytes } => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("{bytes} bytes are not a PDQ hash"),
                "A bytea is taken as a hash only if it has 32 bytes.",
                "To hash an image file, use moderation.pdq_hash().",
            ),
            Self::HashBits { bits } => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("a bit string of {bits} bits is not a PDQ hash"),
                "The bits are those of the hash, from the first digit on.",
                HASH_HINT,
            ),
            Self::Radius { radius } => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("radius {radius} is out of range"),
                "Two hashes differ in 0 to 256 bits.",
                "31 is usual for the same image.",
            ),
            Self::BallText => report(
                Code::ERRCODE_INVALID_TEXT_REPRESENTATION,
                "invalid input syntax for type pdq_ball".into(),
                "A ball is written as hash/radius.",
                "For example with moderation.pdq_ball(hash, 31).",
            ),
            Self::Decode(error) => decode_report(&error),
            Self::Pdq(error) => {
                let (code, hint) = match error {
                    PdqError::OutOfMemory => (
                        Code::ERRCODE_OUT_OF_MEMORY,
                        "Lower pg_moderation.max_image_pixels.",
                    ),
                    PdqError::TooSmall { .. } | PdqError::WrongLength => (
                        Code::ERRCODE_INVALID_PARAMETER_VALUE,
                        "So small an image has no perceptual hash; pdq_hash(image, on_error => 'null') gives NULL instead.",
                    ),
                };
                report(
                    code,
                    error.to_string(),
                    "The image was decoded but not hashed.",
                    hint,
                )
            }
            Self::OnError => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                "on_error must be 'error' or 'null'".into(),
                "It says what becomes of bytes that are no image.",
                "Leave it out for 'error'.",
            ),
            Self::TooManyFrames { frames } => report(
                Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                format!("a video of {frames} frames is too long"),
                format!("At most {MAX_FRAMES} frames are compared."),
                "Hash one frame a second, or cut the video into parts.",
            ),
            Self::Frame { position, field } => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                match field {
                    WHOLE_FRAME => format!("frame {position} is not a frame"),
                    _ => format!("frame {position}: {field} is missing or out of range"),
                },
                "A frame has a number from 0, a hash, a quality from 0 to 100, and seconds from 0.",
                "Frames come from the companion pg-moderation-hasher, or from moderation.video_frames().",
            ),
            Self::FrameText(error) => report(
                Code::ERRCODE_INVALID_TEXT_REPRESENTATION,
                format!("invalid vPDQ text: {error}"),
                "Each line is one frame: number,quality,hash,seconds.",
                "Files of this form are written by pg-moderation-hasher --format vpdq.",
            ),
            Self::NoGoodFrame { frames } => report(
                Code::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("none of {frames} frames has a quality of 50 or more"),
                "Frames of a lower quality match by accident and are never compared.",
                "A video of plain colour cannot be recognised by its pictures.",
            ),
        }
    }
}

fn decode_report(error: &DecodeError) -> Report {
    let (code, detail, hint) = match error {
        DecodeError::UnknownFormat => (
            Code::ERRCODE_INVALID_BINARY_REPRESENTATION,
            "The first bytes belong to none of the known formats.",
            "Convert the image first, or use pdq_hash(image, on_error => 'null').",
        ),
        DecodeError::TooManyBytes { .. } => (
            Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            "Nothing of it was read.",
            "The limit is pg_moderation.max_image_bytes.",
        ),
        DecodeError::TooManyPixels { .. } => (
            Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            "The size is what its header says; nothing was decoded.",
            "The limit is pg_moderation.max_image_pixels.",
        ),
        DecodeError::Truncated(_) | DecodeError::Malformed { .. } => (
            Code::ERRCODE_INVALID_BINARY_REPRESENTATION,
            "A part of an image would have the hash of another image.",
            "Upload the file again, or use pdq_hash(image, on_error => 'null').",
        ),
        DecodeError::OutOfMemory => (
            Code::ERRCODE_OUT_OF_MEMORY,
            "The image was not decoded.",
            "Lower pg_moderation.max_image_pixels.",
        ),
    };
    report(code, error.to_string(), detail, hint)
}
