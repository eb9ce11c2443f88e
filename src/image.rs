//! `pdq_hash` and `pdq_rotations`: image files to hashes, inside the database. Decoding and hashing are the engine's.

use crate::error::{Error, Result};
use crate::error_media::MediaError;
use crate::gucs;
use crate::material::{ItemHash, item_hash};
use crate::pdqhash::hash_datum;
use crate::pg::{self, Call};
use pg_moderation_engine::hash::decode::{DecodeError, DecodeLimits, DecodedImage, decode_image};
use pg_moderation_engine::hash::pdq::{Dihedral, HashedImage, PdqError, PdqHasher};
use pgrx::pg_sys::Datum;
use std::cell::RefCell;

crate::pg_function!(moderation_pdq_hash, pg_finfo_moderation_pdq_hash, pdq_hash);
crate::pg_function!(
    moderation_pdq_rotations,
    pg_finfo_moderation_pdq_rotations,
    rotations
);
crate::pg_function!(
    moderation_pdq_rotations_of_hash,
    pg_finfo_moderation_pdq_rotations_of_hash,
    rotations_of_hash
);
crate::pg_function!(
    moderation_image_item_hash,
    pg_finfo_moderation_image_item_hash,
    image_item_hash
);

thread_local! {
    /// About 1.3 MB of working memory, kept from image to image.
    static HASHER: RefCell<PdqHasher> = RefCell::default();
}

fn limits() -> DecodeLimits {
    DecodeLimits {
        max_bytes: gucs::MAX_IMAGE_BYTES.get() as usize * 1024,
        max_pixels: gucs::MAX_IMAGE_PIXELS.get() as usize,
    }
}

fn decode(bytes: &[u8]) -> Result<DecodedImage> {
    pgrx::check_for_interrupts!();
    let image = decode_image(bytes, &limits())?;
    pgrx::check_for_interrupts!();
    Ok(image)
}

/// Hash and quality of an image file.
pub fn hash_file(bytes: &[u8]) -> Result<HashedImage> {
    let image = decode(bytes)?;
    let hashed = HASHER.with_borrow_mut(|hasher| hasher.hash_image(&image.view()?));
    hashed.map_err(Error::from)
}

/// Is this an error of the file rather than of the server?
fn is_of_the_file(error: &Error) -> bool {
    match error {
        Error::Media(MediaError::Decode(error)) => !matches!(error, DecodeError::OutOfMemory),
        Error::Media(MediaError::Pdq(error)) => !matches!(error, PdqError::OutOfMemory),
        _ => false,
    }
}

/// `on_error => 'null'`: what cannot be hashed is NULL.
fn tolerated<T>(call: &Call, argument: usize, result: Result<T>) -> Result<Option<T>> {
    let tolerant = match call.text(argument)? {
        Some("error") => false,
        Some("null") => true,
        _ => return Err(MediaError::OnError.into()),
    };
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if tolerant && is_of_the_file(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// `pdq_hash(image, on_error)`.
fn pdq_hash(call: &Call) -> Result<Option<Datum>> {
    let Some(bytes) = call.bytes(0) else {
        return Ok(None);
    };
    let Some(hashed) = tolerated(call, 1, hash_file(bytes))? else {
        return Ok(None);
    };
    let quality = i32::from(hashed.quality).into();
    call.row(&[Some(hash_datum(&hashed.hash)), Some(quality)])
        .map(Some)
}

fn name(variant: Dihedral) -> &'static str {
    match variant {
        Dihedral::Original => "original",
        Dihedral::Rotate90 => "rotate 90",
        Dihedral::Rotate180 => "rotate 180",
        Dihedral::Rotate270 => "rotate 270",
        Dihedral::FlipX => "flip top to bottom",
        Dihedral::FlipY => "flip left to right",
        Dihedral::FlipPlus1 => "flip main diagonal",
        Dihedral::FlipMinus1 => "flip other diagonal",
    }
}

/// `pdq_rotations(image, on_error)`.
fn rotations(call: &Call) -> Result<Option<Datum>> {
    let rows = call.rows();
    let Some(bytes) = call.bytes(0) else {
        return Ok(None);
    };
    let hashed = decode(bytes).and_then(|image| {
        let hashed = HASHER.with_borrow_mut(|hasher| hasher.hash_dihedral(&image.view()?));
        hashed.map_err(Error::from)
    });
    let Some(hashed) = tolerated(call, 1, hashed)? else {
        return Ok(None);
    };
    for (variant, hash) in Dihedral::ALL.into_iter().zip(&hashed.hashes) {
        rows.put(&[
            Some(pg::text_datum(name(variant))),
            Some(hash_datum(hash)),
            Some(i32::from(hashed.quality).into()),
        ])?;
    }
    Ok(None)
}

/// `pdq_rotations(hash)`: to within a few bits.
fn rotations_of_hash(call: &Call) -> Result<Option<Datum>> {
    let rows = call.rows();
    let Some(hash) = call.pdqhash(0) else {
        return Ok(None);
    };
    for variant in Dihedral::ALL {
        let turned = variant.of_hash(&hash);
        rows.put(&[Some(pg::text_datum(name(variant))), Some(hash_datum(&turned))])?;
    }
    Ok(None)
}

/// `image_item_hash(hash, allow, max_distance)`: what makes two image items the same.
fn image_item_hash(call: &Call) -> Result<Option<Datum>> {
    let Some(hash) = call.pdqhash(0) else {
        return Ok(None);
    };
    let distance = call.int4(2).map(|distance| distance.to_string());
    let hash: ItemHash = item_hash(&[
        "image",
        if call.boolean(1).unwrap_or(false) {
            "allow"
        } else {
            "risk"
        },
        &hash.to_string(),
        distance.as_deref().unwrap_or_default(),
    ]);
    Ok(Some(pg::bytea_datum(&hash)))
}
