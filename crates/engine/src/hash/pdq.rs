//! PDQ, a 256-bit perceptual hash of an image: equal pictures in other sizes, encodings and light crops differ in
//! few bits. Not for finding parts of an image, and not a proof of identity: use a cryptographic hash for that.
//!
//! The algorithm and its constants are those of the open definition ("The TMK+PDQF Video-Hashing Algorithm and the
//! PDQ Image-Hashing Algorithm", Meta, 2019) and of its C++ reference, whose bits are reproduced exactly: luma,
//! nearest-neighbour step to 512 x 512 of anything larger, two passes of a box filter along rows and columns
//! ([`super::jarosz`]), 64 x 64 samples, the 16 x 16 lowest frequencies of the DCT without the constant ones
//! ([`super::dct`]), one bit for each coefficient above the median.

use std::fmt;
use std::str::FromStr;

use super::dct::{Coefficients, coefficients};
use super::jarosz::{SAMPLES, Sampler, Samples};

/// Images with a shorter side have no hash.
pub const PDQ_MIN_SIDE: usize = 5;
/// Largest distance at which two images are usually taken for the same one, in bits.
pub const PDQ_MATCH_DISTANCE: u32 = 31;
/// Hashes of a lower quality match by accident and should not be used.
pub const PDQ_MIN_QUALITY: u8 = 50;
/// Images larger than this in either direction are first reduced to a square of this side.
const REDUCED_SIDE: usize = 512;

/// A PDQ hash: 256 bits, stored and printed from the highest coefficient (15, 15) down to the lowest (0, 0), so the
/// bytes are those of the 64 hexadecimal digits every PDQ tool prints.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PdqHash(pub [u8; 32]);

impl PdqHash {
    /// Hamming distance, 0 to 256 bits.
    #[inline]
    #[must_use]
    pub fn distance(&self, other: &Self) -> u32 {
        let (a, b) = (self.words(), other.words());
        let mut bits = 0;
        for k in 0..4 {
            bits += (a[k] ^ b[k]).count_ones();
        }
        bits
    }

    /// The hash as four words, the highest bits first.
    #[inline]
    #[must_use]
    pub fn words(&self) -> [u64; 4] {
        let (parts, _) = self.0.as_chunks::<8>();
        let mut words = [0; 4];
        for (word, part) in words.iter_mut().zip(parts) {
            *word = u64::from_be_bytes(*part);
        }
        words
    }

    /// The hash as sixteen slots of 16 bits, in the order of the hexadecimal digits.
    #[inline]
    #[must_use]
    pub fn slots(&self) -> [u16; 16] {
        let (parts, _) = self.0.as_chunks::<2>();
        let mut slots = [0; 16];
        for (slot, part) in slots.iter_mut().zip(parts) {
            *slot = u16::from_be_bytes(*part);
        }
        slots
    }

    fn from_coefficients(coefficients: &Coefficients) -> Self {
        let mut sorted = *coefficients
            .as_flattened()
            .as_array::<256>()
            .unwrap_or(&[0.0; 256]);
        // The lower of the two middle values, as the reference's median of an even number of values is.
        let (_, median, _) = sorted.select_nth_unstable_by(127, f32::total_cmp);
        let mut bytes = [0; 32];
        for (k, &value) in coefficients.as_flattened().iter().enumerate() {
            if value > *median {
                bytes[31 - k / 8] |= 1 << (k % 8);
            }
        }
        Self(bytes)
    }
}

impl fmt::Display for PdqHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for PdqHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PdqHash({self})")
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PdqParseError;

impl fmt::Display for PdqParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a PDQ hash is written as 64 hexadecimal digits")
    }
}

impl std::error::Error for PdqParseError {}

impl FromStr for PdqHash {
    type Err = PdqParseError;

    /// Reads 64 hexadecimal digits of either case, nothing around them.
    fn from_str(text: &str) -> Result<Self, PdqParseError> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return Err(PdqParseError);
        }
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            let digit = |c: u8| char::from(c).to_digit(16).ok_or(PdqParseError);
            *byte = (digit(*high)? * 16 + digit(*low)?) as u8;
        }
        Ok(Self(bytes))
    }
}

/// How the bytes of an [`ImageView`] make pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    /// One byte: luma.
    Luma8,
    /// Three bytes: red, green, blue.
    Rgb8,
}

impl PixelFormat {
    /// Bytes of one pixel.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Luma8 => 1,
            Self::Rgb8 => 3,
        }
    }
}

/// Borrowed pixels: `height` rows of `width` pixels, from the top left, nothing between the rows.
#[derive(Clone, Copy, Debug)]
pub struct ImageView<'p> {
    width: usize,
    height: usize,
    format: PixelFormat,
    pixels: &'p [u8],
}

impl<'p> ImageView<'p> {
    /// `pixels` must hold exactly `width * height` pixels of `format`.
    ///
    /// # Errors
    /// [`PdqError::WrongLength`]; [`PdqError::TooSmall`] below 5 pixels in either direction.
    pub fn new(width: usize, height: usize, format: PixelFormat, pixels: &'p [u8]) -> Result<Self, PdqError> {
        let wanted = width
            .checked_mul(height)
            .and_then(|n| n.checked_mul(format.bytes()));
        if wanted != Some(pixels.len()) {
            return Err(PdqError::WrongLength);
        }
        if width < PDQ_MIN_SIDE || height < PDQ_MIN_SIDE {
            return Err(PdqError::TooSmall { width, height });
        }
        Ok(Self {
            width,
            height,
            format,
            pixels,
        })
    }

    pub(super) fn row(&self, y: usize) -> &'p [u8] {
        let bytes = self.width * self.format.bytes();
        self.pixels.get(y * bytes..(y + 1) * bytes).unwrap_or(&[])
    }
}

/// Why an image has no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PdqError {
    /// A side is shorter than [`PDQ_MIN_SIDE`].
    TooSmall {
        width: usize,
        height: usize,
    },
    /// The number of bytes is not that of the pixels.
    WrongLength,
    OutOfMemory,
}

impl fmt::Display for PdqError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall { width, height } => write!(
                f,
                "image of {width} x {height} pixels is too small to hash, each side needs {PDQ_MIN_SIDE}"
            ),
            Self::WrongLength => f.write_str("the number of bytes does not fit the image's size"),
            Self::OutOfMemory => f.write_str("out of memory while hashing an image"),
        }
    }
}

impl std::error::Error for PdqError {}

/// A hash and how far it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashedImage {
    pub hash: PdqHash,
    /// 0 (no structure) to 100; see [`PDQ_MIN_QUALITY`].
    pub quality: u8,
}

/// The eight turned and mirrored images of an image, in the order of [`DihedralHashes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dihedral {
    Original,
    Rotate90,
    Rotate180,
    Rotate270,
    /// Mirrored top to bottom.
    FlipX,
    /// Mirrored left to right.
    FlipY,
    /// Mirrored along the main diagonal.
    FlipPlus1,
    /// Mirrored along the other diagonal.
    FlipMinus1,
}

impl Dihedral {
    /// All eight, in the order of the reference.
    pub const ALL: [Self; 8] = [
        Self::Original,
        Self::Rotate90,
        Self::Rotate180,
        Self::Rotate270,
        Self::FlipX,
        Self::FlipY,
        Self::FlipPlus1,
        Self::FlipMinus1,
    ];

    /// Whether the coefficient (i, j) of the original changes its place with (j, i), and whether its sign.
    fn moves(self, i: usize, j: usize) -> (bool, bool) {
        match self {
            Self::Original => (false, false),
            Self::Rotate90 => (true, j.is_multiple_of(2)),
            Self::Rotate180 => (false, (i + j) % 2 == 1),
            Self::Rotate270 => (true, i.is_multiple_of(2)),
            Self::FlipX => (false, i.is_multiple_of(2)),
            Self::FlipY => (false, j.is_multiple_of(2)),
            Self::FlipPlus1 => (true, false),
            Self::FlipMinus1 => (true, (i + j) % 2 == 1),
        }
    }

    /// The hash of the turned image, guessed from the hash alone: a bit says on which side of the median a coefficient
    /// is, and the median of a turned image is near the original's only when it is near zero. That is so for real
    /// images, to within a few bits; only [`PdqHasher::hash_dihedral`] is exact.
    #[must_use]
    pub fn of_hash(self, hash: &PdqHash) -> PdqHash {
        let mut turned = [0; 32];
        for k in 0..256 {
            let (transposed, negated) = self.moves(k / 16, k % 16);
            let bit = hash.0[31 - k / 8] >> (k % 8) & 1 ^ u8::from(negated);
            let place = if transposed { k % 16 * 16 + k / 16 } else { k };
            turned[31 - place / 8] |= bit << (place % 8);
        }
        PdqHash(turned)
    }

    /// The coefficients of the turned image: moved and negated ones of the original.
    fn apply(self, a: &Coefficients) -> Coefficients {
        let mut b = [[0.0; 16]; 16];
        for (i, row) in a.iter().enumerate() {
            for (j, &value) in row.iter().enumerate() {
                let (transposed, negated) = self.moves(i, j);
                let place = if transposed { &mut b[j][i] } else { &mut b[i][j] };
                *place = if negated { -value } else { value };
            }
        }
        b
    }
}

/// The hashes of an image's eight dihedral variants, indexed like [`Dihedral::ALL`]. They come from the DCT: a hash
/// alone does not determine those of its variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DihedralHashes {
    pub hashes: [PdqHash; 8],
    /// Quality of the original, 0 to 100.
    pub quality: u8,
}

/// Hashes images one after another, keeping its working memory (about 1.3 MB for images, four bytes a pixel and a
/// little for frames).
#[derive(Default)]
pub struct PdqHasher {
    sampler: Sampler,
}

impl PdqHasher {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The hash of an image, as the reference's image tools compute it: with the step to 512 x 512.
    ///
    /// # Errors
    /// [`PdqError::OutOfMemory`].
    pub fn hash_image(&mut self, image: &ImageView<'_>) -> Result<HashedImage, PdqError> {
        let samples = self.reduced_samples(image)?;
        Ok(Self::finish(&samples))
    }

    /// The hash of a video frame, as the reference's vPDQ tools compute it: at full size.
    ///
    /// # Errors
    /// [`PdqError::OutOfMemory`].
    pub fn hash_frame(&mut self, frame: &ImageView<'_>) -> Result<HashedImage, PdqError> {
        let samples = self.samples(frame, frame.width, frame.height)?;
        Ok(Self::finish(&samples))
    }

    /// The hashes of an image and of its seven turned and mirrored variants, from one DCT.
    ///
    /// # Errors
    /// [`PdqError::OutOfMemory`].
    pub fn hash_dihedral(&mut self, image: &ImageView<'_>) -> Result<DihedralHashes, PdqError> {
        let samples = self.reduced_samples(image)?;
        let original = coefficients(&samples);
        Ok(DihedralHashes {
            hashes: Dihedral::ALL.map(|variant| PdqHash::from_coefficients(&variant.apply(&original))),
            quality: quality(&samples),
        })
    }

    fn finish(samples: &Samples) -> HashedImage {
        HashedImage {
            hash: PdqHash::from_coefficients(&coefficients(samples)),
            quality: quality(samples),
        }
    }

    fn reduced_samples(&mut self, image: &ImageView<'_>) -> Result<Samples, PdqError> {
        let (width, height) = if image.width > REDUCED_SIDE || image.height > REDUCED_SIDE {
            (REDUCED_SIDE, REDUCED_SIDE)
        } else {
            (image.width, image.height)
        };
        self.samples(image, width, height)
    }

    /// Samples of the image after a nearest-neighbour step to `width` x `height`.
    fn samples(&mut self, image: &ImageView<'_>, width: usize, height: usize) -> Result<Samples, PdqError> {
        let mut columns = Vec::new();
        if width != image.width {
            columns
                .try_reserve_exact(width)
                .map_err(|_| PdqError::OutOfMemory)?;
            columns.extend((0..width).map(|x| nearest(x, width, image.width)));
        }
        self.sampler.samples(width, height, |y, lane, band| {
            let row = image.row(nearest(y, height, image.height));
            match image.format {
                PixelFormat::Luma8 => fill_luma::<1>(row, &columns, |[v]| f32::from(v), lane, band),
                PixelFormat::Rgb8 => fill_luma::<3>(row, &columns, luma, lane, band),
            }
        })
    }
}

/// Parts of red, green and blue in the luma of ITU-R BT.601.
const LUMA_RED: f32 = 0.299;
const LUMA_GREEN: f32 = 0.587;
const LUMA_BLUE: f32 = 0.114;

/// Luma, in the reference's order of additions.
#[inline]
fn luma([r, g, b]: [u8; 3]) -> f32 {
    LUMA_RED * f32::from(r) + LUMA_GREEN * f32::from(g) + LUMA_BLUE * f32::from(b)
}

/// The source index of pixel `i` of `reduced`: floor(i * full / reduced), as CImg's nearest-neighbour resize has it.
fn nearest(i: usize, reduced: usize, full: usize) -> usize {
    if reduced == full { i } else { i * full / reduced }
}

/// Writes the luma of a row into one lane of a band. Empty `columns` take every pixel.
#[inline]
fn fill_luma<const BYTES: usize>(
    row: &[u8],
    columns: &[usize],
    luma: impl Fn([u8; BYTES]) -> f32,
    lane: usize,
    band: &mut [super::jarosz::Lanes],
) {
    let (pixels, _) = row.as_chunks::<BYTES>();
    if columns.is_empty() {
        for (place, &pixel) in band.iter_mut().zip(pixels) {
            place[lane] = luma(pixel);
        }
    } else {
        for (place, &x) in band.iter_mut().zip(columns) {
            place[lane] = luma(pixels.get(x).copied().unwrap_or([0; BYTES]));
        }
    }
}

/// How much structure the samples have: the sum of their differences to the right and downwards in whole percent of
/// the range, divided by 90, at most 100.
fn quality(samples: &Samples) -> u8 {
    let percent = |u: f32, v: f32| (((u - v) * 100.0 / 255.0) as i32).unsigned_abs();
    let mut sum = 0;
    for i in 0..SAMPLES {
        for j in 0..SAMPLES {
            if i + 1 < SAMPLES {
                sum += percent(samples[i][j], samples[i + 1][j]);
            }
            if j + 1 < SAMPLES {
                sum += percent(samples[i][j], samples[i][j + 1]);
            }
        }
    }
    (sum / 90).min(100) as u8
}

#[cfg(test)]
#[path = "pdq_tests.rs"]
mod tests;
