//! Image files made here, whole and damaged, in every format: the pixels, the limits, the errors.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use pg_moderation_engine::hash::decode::{DecodeError, DecodeLimits, ImageFormat, decode_image};
use pg_moderation_engine::hash::pdq::{PdqError, PixelFormat};
use proptest::prelude::*;

const WIDTH: usize = 40;
const HEIGHT: usize = 30;

/// Some structure, few colours, so that every format can hold it.
fn colour(x: usize, y: usize) -> u8 {
    ((x / 5 + y / 3) % 7) as u8
}

fn rgb() -> Vec<u8> {
    (0..HEIGHT)
        .flat_map(|y| (0..WIDTH).flat_map(move |x| [colour(x, y) * 30; 3]))
        .collect()
}

fn png_file(width: u32, height: u32, pixels: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    file
}

fn gif_file() -> Vec<u8> {
    let palette: Vec<u8> = (0..8u8).flat_map(|n| [n * 30; 3]).collect();
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, WIDTH as u16, HEIGHT as u16, &palette).unwrap();
    for _ in 0..2 {
        let pixels: Vec<u8> = (0..HEIGHT)
            .flat_map(|y| (0..WIDTH).map(move |x| colour(x, y)))
            .collect();
        let mut frame = gif::Frame {
            width: WIDTH as u16,
            height: HEIGHT as u16,
            ..gif::Frame::default()
        };
        frame.buffer = pixels.into();
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    file
}

fn webp_file() -> Vec<u8> {
    let mut file = Vec::new();
    let encoder = image_webp::WebPEncoder::new(&mut file);
    encoder
        .encode(&rgb(), WIDTH as u32, HEIGHT as u32, image_webp::ColorType::Rgb8)
        .unwrap();
    file
}

fn bmp_file() -> Vec<u8> {
    let mut file = b"BM".to_vec();
    for field in [0, 0, 54, 40, WIDTH as u32, HEIGHT as u32] {
        file.extend_from_slice(&field.to_le_bytes());
    }
    file.extend_from_slice(&[1, 0, 24, 0]);
    file.extend_from_slice(&[0; 24]);
    // The last row comes first; a row of 120 bytes needs no padding.
    for row in rgb().chunks(WIDTH * 3).rev() {
        file.extend_from_slice(row);
    }
    file
}

/// A grey JPEG of 8 x 8 pixels, written out by hand: one block with only its mean.
fn jpeg_file(width: u16, height: u16) -> Vec<u8> {
    let mut file = vec![0xff, 0xd8, 0xff, 0xdb, 0, 67, 0];
    file.extend_from_slice(&[1; 64]);
    file.extend_from_slice(&[0xff, 0xc0, 0, 11, 8]);
    file.extend_from_slice(&height.to_be_bytes());
    file.extend_from_slice(&width.to_be_bytes());
    file.extend_from_slice(&[1, 1, 0x11, 0]);
    for class in [0x00, 0x10] {
        // One code of one bit, for the value 0.
        file.extend_from_slice(&[0xff, 0xc4, 0, 20, class, 1]);
        file.extend_from_slice(&[0; 15]);
        file.push(0);
    }
    file.extend_from_slice(&[0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
    file.extend_from_slice(&[0x3f, 0xff, 0xd9]);
    file
}

fn files() -> [(ImageFormat, Vec<u8>); 4] {
    [
        (ImageFormat::Png, png_file(WIDTH as u32, HEIGHT as u32, &rgb())),
        (ImageFormat::Gif, gif_file()),
        (ImageFormat::WebP, webp_file()),
        (ImageFormat::Bmp, bmp_file()),
    ]
}

#[test]
fn the_same_pixels_from_every_lossless_format() {
    for (format, file) in files() {
        let image = decode_image(&file, &DecodeLimits::default()).unwrap();
        assert_eq!((image.width, image.height), (WIDTH, HEIGHT), "{format:?}");
        assert_eq!(image.pixel_format, PixelFormat::Rgb8, "{format:?}");
        assert!(image.pixels == rgb(), "{format:?}");
    }
}

#[test]
fn jpeg() {
    let image = decode_image(&jpeg_file(8, 8), &DecodeLimits::default()).unwrap();
    assert_eq!(
        (image.width, image.height, image.pixel_format),
        (8, 8, PixelFormat::Luma8)
    );
    assert_eq!(image.pixels, [128; 64]);
    let mut cut = jpeg_file(8, 8);
    cut.truncate(cut.len() - 2);
    assert_eq!(
        decode_image(&cut, &DecodeLimits::default()),
        Err(DecodeError::Truncated(ImageFormat::Jpeg))
    );
}

/// JPEG files of 35 x 21 pixels that libjpeg-turbo 3.1 wrote, and the BLAKE3 hash of the pixels that it reads from each by
/// default: any other rounding in the inverse DCT, the upsampling or the colours shows.
const JPEG_FILES: [(&[u8], PixelFormat, &str); 6] = [
    (
        include_bytes!("jpeg/420.jpg"),
        PixelFormat::Rgb8,
        "1461d1d8aefe7917256ca16b2afb6028dcecfb1a4d28b3deb881b25043294aaf",
    ),
    (
        include_bytes!("jpeg/422-progressive.jpg"),
        PixelFormat::Rgb8,
        "a9903b7e93da04b810ef29bd858ef643c2aa75ef95ffb0732b9ff83119bcbc9a",
    ),
    (
        include_bytes!("jpeg/444.jpg"),
        PixelFormat::Rgb8,
        "f905b0f0fd2e0404bd9a61e881e1d55d7a46edf70bbf9381824971bf68aea2d8",
    ),
    // Four inks, to RGB as Pillow does it.
    (
        include_bytes!("jpeg/cmyk.jpg"),
        PixelFormat::Rgb8,
        "b387762af5c6905b38f010ee4f07f260a1dc1072e96f8f4ee4a0c281d41c264b",
    ),
    // The first one with restart markers.
    (
        include_bytes!("jpeg/restart.jpg"),
        PixelFormat::Rgb8,
        "1461d1d8aefe7917256ca16b2afb6028dcecfb1a4d28b3deb881b25043294aaf",
    ),
    (
        include_bytes!("jpeg/grey.jpg"),
        PixelFormat::Luma8,
        "7301637dc0dd206a07cd5831b7472a50af143cdf366b00a5582cde12871583b0",
    ),
];

#[test]
fn jpeg_pixels_are_those_of_libjpeg() {
    for (n, (file, format, pixels)) in JPEG_FILES.into_iter().enumerate() {
        let image = decode_image(file, &DecodeLimits::default()).unwrap();
        assert_eq!(
            (image.width, image.height, image.pixel_format),
            (35, 21, format),
            "{n}"
        );
        assert_eq!(blake3::hash(&image.pixels).to_hex().as_str(), pixels, "{n}");
    }
}

#[test]
fn a_jpeg_cut_anywhere_is_an_error() {
    for (file, ..) in JPEG_FILES {
        for length in 3..file.len() {
            let result = decode_image(&file[..length], &DecodeLimits::default());
            assert!(
                matches!(
                    result,
                    Err(DecodeError::Truncated(_) | DecodeError::Malformed { .. })
                ),
                "{length} of {} bytes: {result:?}",
                file.len()
            );
        }
    }
}

/// Four inks of which the first is sampled unlike the others: the decoder panics (0.9.0), which makes an error of the file.
#[test]
fn a_panic_of_a_decoder_is_an_error() {
    let result = decode_image(
        include_bytes!("jpeg/found-by-fuzzing.jpg"),
        &DecodeLimits::default(),
    );
    assert!(matches!(result, Err(DecodeError::Malformed { .. })), "{result:?}");
}

/// Grey of 16 bits becomes white above 255, colours lose their lower byte: so does Pillow, which published hashes were
/// made with.
#[test]
fn sixteen_bits() {
    let samples = [0u16, 1, 200, 255, 256, 4_000, 40_000, 65_535];
    let pixels = |color, bytes: &[u8]| {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, 8, 1);
        encoder.set_color(color);
        encoder.set_depth(png::BitDepth::Sixteen);
        encoder.write_header().unwrap().write_image_data(bytes).unwrap();
        decode_image(&file, &DecodeLimits::default()).unwrap()
    };
    let grey: Vec<u8> = samples.iter().flat_map(|sample| sample.to_be_bytes()).collect();
    let image = pixels(png::ColorType::Grayscale, &grey);
    assert_eq!(image.pixel_format, PixelFormat::Luma8);
    assert_eq!(image.pixels, [0, 1, 200, 255, 255, 255, 255, 255]);
    let colour: Vec<u8> = samples
        .iter()
        .flat_map(|sample| [sample.to_be_bytes(); 3])
        .flatten()
        .collect();
    let image = pixels(png::ColorType::Rgb, &colour);
    assert_eq!(
        image.pixels,
        [0u8, 0, 0, 0, 1, 15, 156, 255]
            .map(|level| [level; 3])
            .as_flattened()
    );
}

#[test]
fn too_small_to_hash() {
    let image = decode_image(&png_file(4, 9, &[7; 108]), &DecodeLimits::default()).unwrap();
    assert_eq!(
        image.view().unwrap_err(),
        PdqError::TooSmall { width: 4, height: 9 }
    );
}

#[test]
fn limits_come_before_decoding() {
    let limits = DecodeLimits {
        max_pixels: WIDTH * HEIGHT - 1,
        ..DecodeLimits::default()
    };
    for (format, file) in files() {
        assert_eq!(
            decode_image(&file, &limits),
            Err(DecodeError::TooManyPixels {
                width: WIDTH,
                height: HEIGHT,
                limit: limits.max_pixels
            }),
            "{format:?}"
        );
        let short = DecodeLimits {
            max_bytes: 10,
            ..DecodeLimits::default()
        };
        let bytes = file.len();
        assert_eq!(
            decode_image(&file, &short),
            Err(DecodeError::TooManyBytes { bytes, limit: 10 })
        );
    }
    // Small files that announce gigabytes.
    let limits = DecodeLimits::default();
    let bomb = decode_image(&jpeg_file(65_500, 65_500), &limits);
    assert!(matches!(bomb, Err(DecodeError::TooManyPixels { .. })), "{bomb:?}");
    let mut png = png_file(8, 8, &[0; 192]);
    png[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    let bomb = decode_image(&png, &limits);
    assert!(bomb.is_err(), "{bomb:?}");
    let mut bmp = bmp_file();
    bmp[18..26].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f]);
    let bomb = decode_image(&bmp, &limits);
    assert!(
        matches!(
            bomb,
            Err(DecodeError::TooManyPixels { .. } | DecodeError::Truncated(_))
        ),
        "{bomb:?}"
    );
    let mut gif = gif_file();
    gif[6..10].copy_from_slice(&[0xff; 4]);
    let bomb = decode_image(&gif, &limits);
    assert!(matches!(bomb, Err(DecodeError::TooManyPixels { .. })), "{bomb:?}");
}

#[test]
fn cut_off_and_mislabelled_files() {
    let limits = DecodeLimits::default();
    for bytes in [&b""[..], b"B", b"hello, world", b"%PDF-1.7", b"RIFF1234WAVE"] {
        assert_eq!(decode_image(bytes, &limits), Err(DecodeError::UnknownFormat));
    }
    for (format, file) in files() {
        for part in [file.len() / 2, file.len() / 4, 20] {
            let result = decode_image(&file[..part], &limits);
            assert!(
                matches!(
                    result,
                    Err(DecodeError::Truncated(_) | DecodeError::Malformed { .. })
                ),
                "{format:?} of {part} bytes: {result:?}"
            );
        }
        // The beginning of one format, the rest of another.
        for (other, rest) in files() {
            if other != format {
                let mut mixed = file[..12].to_vec();
                mixed.extend_from_slice(&rest[12..]);
                assert!(
                    decode_image(&mixed, &limits).is_err(),
                    "{format:?} before {other:?}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Damaged files: an image or an error, in bounded memory, never a panic.
    #[test]
    fn damaged_files(which in 0usize..11, damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        let mut file = match which {
            0..4 => files()[which].1.clone(),
            4 => jpeg_file(8, 8),
            _ => JPEG_FILES[which - 5].0.to_vec(),
        };
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let limits = DecodeLimits { max_bytes: 1 << 20, max_pixels: 1 << 20 };
        if let Ok(image) = decode_image(&file, &limits) {
            prop_assert_eq!(image.pixels.len(), image.width * image.height * image.pixel_format.bytes());
            prop_assert!(image.width * image.height <= limits.max_pixels);
        }
    }
}
