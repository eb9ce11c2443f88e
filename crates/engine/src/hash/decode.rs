//! Image files to pixels, for hashing: JPEG, PNG, WebP, GIF and BMP, by what the bytes say they are. Of an animation
//! the first frame. Not for showing images: no colour management, no EXIF orientation (PDQ's reference applies
//! neither), transparency dropped.
//!
//! Nothing of a file is trusted. The size is read from the header and held against [`DecodeLimits`] before a
//! decoder runs, so a small file cannot make a large allocation; decoders that can be given a budget get one.

use std::fmt;

use super::decoders;
use super::pdq::{ImageView, PdqError, PixelFormat};

/// What a file may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Most bytes of the file.
    pub max_bytes: usize,
    /// Most pixels, width times height. Decoders take up to [`MAX_BYTES_PER_PIXEL`] for each.
    pub max_pixels: usize,
}

/// Memory that decoding may take for each pixel of [`DecodeLimits::max_pixels`], in bytes: 6 for a baseline JPEG, 12
/// for a progressive one of full colour, 16 at most.
pub(super) const MAX_BYTES_PER_PIXEL: usize = 16;

impl Default for DecodeLimits {
    /// 64 MiB and 50 megapixels.
    fn default() -> Self {
        Self {
            max_bytes: 64 << 20,
            max_pixels: 50_000_000,
        }
    }
}

/// The formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageFormat {
    Jpeg,
    Png,
    WebP,
    Gif,
    Bmp,
}

impl ImageFormat {
    /// The format a file's first bytes belong to.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let riff = |kind: &[u8]| bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(kind);
        if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if riff(b"WEBP") {
            Some(Self::WebP)
        } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
            Some(Self::Gif)
        } else if bytes.starts_with(b"BM") {
            Some(Self::Bmp)
        } else {
            None
        }
    }

    /// The name people know.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
        }
    }
}

/// Why a file gives no pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes begin like none of the known formats.
    UnknownFormat,
    /// The file is larger than [`DecodeLimits::max_bytes`].
    TooManyBytes {
        bytes: usize,
        limit: usize,
    },
    /// The header announces more than [`DecodeLimits::max_pixels`].
    TooManyPixels {
        width: usize,
        height: usize,
        limit: usize,
    },
    /// The file ends before the image does.
    Truncated(ImageFormat),
    /// The bytes are not what their beginning says, or say it wrongly.
    Malformed {
        format: ImageFormat,
        reason: String,
    },
    OutOfMemory,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFormat => f.write_str("not a JPEG, PNG, WebP, GIF or BMP image"),
            Self::TooManyBytes { bytes, limit } => write!(f, "image has {bytes} bytes, the limit is {limit}"),
            Self::TooManyPixels { width, height, limit } => {
                write!(f, "image has {width} x {height} pixels, the limit is {limit}")
            }
            Self::Truncated(format) => write!(f, "{} image is cut off", format.name()),
            Self::Malformed { format, reason } => write!(f, "{} image is damaged: {reason}", format.name()),
            Self::OutOfMemory => f.write_str("out of memory while decoding an image"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Pixels of a decoded file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedImage {
    pub width: usize,
    pub height: usize,
    pub pixel_format: PixelFormat,
    /// `height` rows of `width` pixels, from the top left, nothing between the rows.
    pub pixels: Vec<u8>,
}

impl DecodedImage {
    /// The pixels as the hasher takes them.
    ///
    /// # Errors
    /// [`PdqError::TooSmall`] below 5 pixels in either direction.
    pub fn view(&self) -> Result<ImageView<'_>, PdqError> {
        ImageView::new(self.width, self.height, self.pixel_format, &self.pixels)
    }
}

/// Decodes an image file held in memory.
///
/// # Errors
/// Every [`DecodeError`]; the limits are applied before anything of the image's size is allocated.
pub fn decode_image(bytes: &[u8], limits: &DecodeLimits) -> Result<DecodedImage, DecodeError> {
    if bytes.len() > limits.max_bytes {
        return Err(DecodeError::TooManyBytes {
            bytes: bytes.len(),
            limit: limits.max_bytes,
        });
    }
    match ImageFormat::of(bytes).ok_or(DecodeError::UnknownFormat)? {
        ImageFormat::Jpeg => decoders::jpeg(bytes, limits),
        ImageFormat::Png => decoders::png(bytes, limits),
        ImageFormat::WebP => decoders::webp(bytes, limits),
        ImageFormat::Gif => decoders::gif(bytes, limits),
        ImageFormat::Bmp => decoders::bmp(bytes, limits),
    }
}
