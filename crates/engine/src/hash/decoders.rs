//! The decoders behind [`super::decode`], one function for each format. They choose and limit the crates that decode;
//! every pixel must be the one the published hashes were made from, so:
//!
//! - JPEG is decoded bit for bit like libjpeg-turbo does by default (accurate inverse DCT, smooth upsampling).
//! - PNG of 16 bits a sample loses the lower eight, except grey alone: its samples above 255 become 255, as in Pillow,
//!   with which ThreatExchange's Python package reads files.
//! - Alpha channels are dropped, whatever they hide.

use std::fmt;
use std::io::Cursor;

use libjpeg_turbo_rs::JpegError;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;

use super::decode::{DecodeError, DecodeLimits, DecodedImage, ImageFormat, MAX_BYTES_PER_PIXEL};
use super::pdq::PixelFormat;

fn check_pixels(width: usize, height: usize, limits: &DecodeLimits) -> Result<(), DecodeError> {
    match width.checked_mul(height) {
        Some(pixels) if pixels <= limits.max_pixels => Ok(()),
        _ => Err(DecodeError::TooManyPixels {
            width,
            height,
            limit: limits.max_pixels,
        }),
    }
}

fn zeroed(length: usize) -> Result<Vec<u8>, DecodeError> {
    let mut buffer = Vec::new();
    buffer
        .try_reserve_exact(length)
        .map_err(|_| DecodeError::OutOfMemory)?;
    buffer.resize(length, 0);
    Ok(buffer)
}

fn malformed(format: ImageFormat, reason: impl fmt::Display) -> DecodeError {
    DecodeError::Malformed {
        format,
        reason: reason.to_string(),
    }
}

/// Runs a decoder. They are meant not to panic; should one, the file is refused like any other damaged one.
fn guarded<T>(
    format: ImageFormat,
    decode: impl FnOnce() -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(malformed(format, "the decoder gave up")))
}

/// Most scans of a progressive JPEG: encoders make about ten, and each is a pass over the whole image.
const MAX_SCANS: usize = 100;

pub(super) fn jpeg(bytes: &[u8], limits: &DecodeLimits) -> Result<DecodedImage, DecodeError> {
    const FORMAT: ImageFormat = ImageFormat::Jpeg;
    let decoder_limits = libjpeg_turbo_rs::DecodeLimits {
        max_pixels: limits.max_pixels as u64,
        max_scans: MAX_SCANS,
        max_memory: Some(limits.max_pixels.saturating_mul(MAX_BYTES_PER_PIXEL) as u64),
        ..libjpeg_turbo_rs::DecodeLimits::default()
    };
    guarded(FORMAT, || {
        let mut decoder = libjpeg_turbo_rs::Decoder::new_with_limits(bytes, decoder_limits)
            .map_err(|error| jpeg_error(&error))?;
        let header = decoder.header();
        let (width, height) = (header.width(), header.height());
        check_pixels(width, height, limits)?;
        if !jpeg_is_complete(bytes) {
            return Err(DecodeError::Truncated(FORMAT));
        }
        let (colours, pixel_format) = match decoder.jpeg_color_space() {
            libjpeg_turbo_rs::ColorSpace::Grayscale => {
                (libjpeg_turbo_rs::PixelFormat::Grayscale, PixelFormat::Luma8)
            }
            _ => (libjpeg_turbo_rs::PixelFormat::Rgb, PixelFormat::Rgb8),
        };
        decoder.set_output_format(colours);
        let image = decoder.decode_image().map_err(|error| jpeg_error(&error))?;
        Ok(DecodedImage {
            width,
            height,
            pixel_format,
            pixels: image.data,
        })
    })
}

/// Whether an end-of-image marker follows the first scan. A file cut off between the scans of a progressive image
/// would otherwise be hashed as the blurred one that it has so far. Marker segments before the scan are skipped by their
/// lengths, as a thumbnail in one of them has an end of its own; inside a scan 0xff 0xd9 can be nothing else.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    // Nearly always the last two bytes.
    let Some(end) = bytes.windows(2).rposition(|pair| pair == [0xff, 0xd9]) else {
        return false;
    };
    let mut at = 2;
    while let Some(&[0xff, marker]) = bytes.get(at..at + 2) {
        match marker {
            0xff => at += 1,
            // Start of scan.
            0xda => return end > at,
            0x01 | 0xd0..=0xd8 => at += 2,
            _ => match bytes.get(at + 2..at + 4) {
                Some(&[high, low]) => at += 2 + usize::from(u16::from_be_bytes([high, low])),
                _ => return false,
            },
        }
    }
    // The decoder is more tolerant of stray bytes between segments than this walk; then any end will do.
    at < bytes.len()
}

fn jpeg_error(error: &JpegError) -> DecodeError {
    match error {
        JpegError::UnexpectedEof => DecodeError::Truncated(ImageFormat::Jpeg),
        JpegError::AllocationFailed { .. } => DecodeError::OutOfMemory,
        other => malformed(ImageFormat::Jpeg, other),
    }
}

pub(super) fn png(bytes: &[u8], limits: &DecodeLimits) -> Result<DecodedImage, DecodeError> {
    const FORMAT: ImageFormat = ImageFormat::Png;
    let error = |error: png::DecodingError| match error {
        png::DecodingError::IoError(_) => DecodeError::Truncated(FORMAT),
        png::DecodingError::LimitsExceeded => DecodeError::OutOfMemory,
        other => malformed(FORMAT, other),
    };
    guarded(FORMAT, || {
        let mut decoder = png::Decoder::new(Cursor::new(bytes));
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        let info = decoder.read_header_info().map_err(error)?;
        let (width, height) = (info.width as usize, info.height as usize);
        let deep_grey =
            (info.color_type, info.bit_depth) == (png::ColorType::Grayscale, png::BitDepth::Sixteen);
        check_pixels(width, height, limits)?;
        let strip = if deep_grey {
            png::Transformations::empty()
        } else {
            png::Transformations::STRIP_16
        };
        decoder.set_transformations(png::Transformations::EXPAND | strip);
        let mut reader = decoder.read_info().map_err(error)?;
        let length = reader.output_buffer_size().ok_or(DecodeError::OutOfMemory)?;
        let mut pixels = zeroed(length)?;
        let frame = reader.next_frame(&mut pixels).map_err(error)?;
        if (frame.width as usize, frame.height as usize) != (width, height) {
            return Err(malformed(FORMAT, "the first frame is not the whole image"));
        }
        if deep_grey {
            clip_to_bytes(&mut pixels);
        }
        let (bytes, pixel_format) = match frame.color_type {
            png::ColorType::Grayscale => (1, PixelFormat::Luma8),
            png::ColorType::GrayscaleAlpha => (2, PixelFormat::Luma8),
            png::ColorType::Rgb | png::ColorType::Indexed => (3, PixelFormat::Rgb8),
            png::ColorType::Rgba => (4, PixelFormat::Rgb8),
        };
        keep_first(&mut pixels, bytes, pixel_format.bytes());
        Ok(DecodedImage {
            width,
            height,
            pixel_format,
            pixels,
        })
    })
}

/// Samples of two bytes, the higher one first, as one byte each: 255 for all above.
fn clip_to_bytes(pixels: &mut Vec<u8>) {
    let count = pixels.len() / 2;
    for sample in 0..count {
        let (high, low) = (pixels[2 * sample], pixels[2 * sample + 1]);
        pixels[sample] = if high == 0 { low } else { u8::MAX };
    }
    pixels.truncate(count);
}

/// Keeps the first `kept` bytes of every `bytes`, in place: drops the alpha channel.
fn keep_first(pixels: &mut Vec<u8>, bytes: usize, kept: usize) {
    if bytes == kept || bytes == 0 {
        return;
    }
    let count = pixels.len() / bytes;
    for pixel in 0..count {
        pixels.copy_within(pixel * bytes..pixel * bytes + kept, pixel * kept);
    }
    pixels.truncate(count * kept);
}

pub(super) fn webp(bytes: &[u8], limits: &DecodeLimits) -> Result<DecodedImage, DecodeError> {
    const FORMAT: ImageFormat = ImageFormat::WebP;
    let error = |error: image_webp::DecodingError| match error {
        image_webp::DecodingError::IoError(_) | image_webp::DecodingError::BitStreamError => {
            DecodeError::Truncated(FORMAT)
        }
        image_webp::DecodingError::MemoryLimitExceeded => DecodeError::OutOfMemory,
        other => malformed(FORMAT, other),
    };
    guarded(FORMAT, || {
        let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).map_err(error)?;
        let (width, height) = decoder.dimensions();
        let (width, height) = (width as usize, height as usize);
        check_pixels(width, height, limits)?;
        decoder.set_memory_limit(limits.max_pixels.saturating_mul(8));
        let length = decoder.output_buffer_size().ok_or(DecodeError::OutOfMemory)?;
        let mut pixels = zeroed(length)?;
        if decoder.is_animated() {
            decoder.read_frame(&mut pixels).map_err(error)?;
        } else {
            decoder.read_image(&mut pixels).map_err(error)?;
        }
        keep_first(&mut pixels, if decoder.has_alpha() { 4 } else { 3 }, 3);
        Ok(DecodedImage {
            width,
            height,
            pixel_format: PixelFormat::Rgb8,
            pixels,
        })
    })
}

pub(super) fn gif(bytes: &[u8], limits: &DecodeLimits) -> Result<DecodedImage, DecodeError> {
    const FORMAT: ImageFormat = ImageFormat::Gif;
    let error = |error: gif::DecodingError| match error {
        gif::DecodingError::Io(_) | gif::DecodingError::UnexpectedEof => DecodeError::Truncated(FORMAT),
        gif::DecodingError::OutOfMemory | gif::DecodingError::MemoryLimit => DecodeError::OutOfMemory,
        other => malformed(FORMAT, other),
    };
    guarded(FORMAT, || {
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::Indexed);
        options.check_frame_consistency(true);
        options.set_memory_limit(gif::MemoryLimit::Bytes(
            u64::try_from(limits.max_pixels.max(1))
                .ok()
                .and_then(std::num::NonZeroU64::new)
                .unwrap_or(std::num::NonZeroU64::MIN),
        ));
        let mut decoder = options.read_info(Cursor::new(bytes)).map_err(error)?;
        let (width, height) = (usize::from(decoder.width()), usize::from(decoder.height()));
        check_pixels(width, height, limits)?;
        let global = decoder.global_palette().map(<[u8]>::to_vec);
        let frame = decoder
            .read_next_frame()
            .map_err(error)?
            .ok_or_else(|| malformed(FORMAT, "no frame"))?;
        let palette = frame.palette.as_deref().or(global.as_deref()).unwrap_or(&[]);
        let (colours, _) = palette.as_chunks::<3>();
        let mut pixels = zeroed(width * height * 3)?;
        let across = usize::from(frame.width);
        if across == 0 {
            return Err(malformed(FORMAT, "empty frame"));
        }
        // The frame lies somewhere on the canvas; the rest stays black.
        for (y, row) in frame.buffer.chunks_exact(across).enumerate() {
            let start = ((y + usize::from(frame.top)) * width + usize::from(frame.left)) * 3;
            let target = pixels.get_mut(start..start + across * 3).unwrap_or(&mut []);
            for (place, &index) in target.as_chunks_mut::<3>().0.iter_mut().zip(row) {
                *place = colours.get(usize::from(index)).copied().unwrap_or([0; 3]);
            }
        }
        Ok(DecodedImage {
            width,
            height,
            pixel_format: PixelFormat::Rgb8,
            pixels,
        })
    })
}

pub(super) fn bmp(bytes: &[u8], limits: &DecodeLimits) -> Result<DecodedImage, DecodeError> {
    const FORMAT: ImageFormat = ImageFormat::Bmp;
    use zune_bmp::BmpDecoderErrors;
    let error = |error: BmpDecoderErrors| match error {
        BmpDecoderErrors::IoErrors(_) => DecodeError::Truncated(FORMAT),
        other => malformed(FORMAT, format_args!("{other:?}")),
    };
    guarded(FORMAT, || {
        let (width, height) = bmp_size(bytes)?;
        check_pixels(width, height, limits)?;
        let options = DecoderOptions::new_safe()
            .set_max_width(width)
            .set_max_height(height);
        let mut decoder = zune_bmp::BmpDecoder::new_with_options(ZCursor::new(bytes), options);
        decoder.decode_headers().map_err(error)?;
        if decoder.dimensions() != Some((width, height)) {
            return Err(malformed(FORMAT, "size"));
        }
        let colours = decoder.colorspace().ok_or_else(|| malformed(FORMAT, "colours"))?;
        let (bytes, pixel_format) = match colours {
            ColorSpace::Luma => (1, PixelFormat::Luma8),
            ColorSpace::RGB => (3, PixelFormat::Rgb8),
            ColorSpace::RGBA => (4, PixelFormat::Rgb8),
            other => return Err(malformed(FORMAT, format_args!("colours {other:?}"))),
        };
        let length = decoder.output_buf_size().ok_or(DecodeError::OutOfMemory)?;
        if length != width * height * bytes {
            return Err(malformed(FORMAT, "size of the pixels"));
        }
        let mut pixels = zeroed(length)?;
        decoder.decode_into(&mut pixels).map_err(error)?;
        keep_first(&mut pixels, bytes, pixel_format.bytes());
        Ok(DecodedImage {
            width,
            height,
            pixel_format,
            pixels,
        })
    })
}

/// Width and height of a BMP header. Uncompressed pixels must all be in the file: the decoder does not ask.
fn bmp_size(bytes: &[u8]) -> Result<(usize, usize), DecodeError> {
    const FORMAT: ImageFormat = ImageFormat::Bmp;
    let word = |at: usize| -> Result<u32, DecodeError> {
        let field = bytes.get(at..at + 4).and_then(|field| field.as_array::<4>());
        field
            .map(|field| u32::from_le_bytes(*field))
            .ok_or(DecodeError::Truncated(FORMAT))
    };
    let (start, header) = (word(10)? as usize, word(14)?);
    let (width, height, depth, compression) = if header == 12 {
        let size = word(18)?;
        (size & 0xffff, size >> 16, word(22)? >> 16, 0)
    } else {
        // A negative height says that the first row is the top one.
        let width = i32::from_le_bytes(word(18)?.to_le_bytes());
        let width = u32::try_from(width).map_err(|_| malformed(FORMAT, "width"))?;
        let height = i32::from_le_bytes(word(22)?.to_le_bytes()).unsigned_abs();
        (width, height, word(26)? >> 16, word(30)?)
    };
    let (width, height) = (width as usize, height as usize);
    let row = width
        .saturating_mul(depth as usize)
        .div_ceil(32)
        .saturating_mul(4);
    if compression == 0 && row.saturating_mul(height).saturating_add(start) > bytes.len() {
        return Err(DecodeError::Truncated(FORMAT));
    }
    Ok((width, height))
}
