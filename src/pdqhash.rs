//! The SQL types `pdqhash` and `pdq_ball`: in and out, comparing, distance. Their index class is in `pdq_gin`.
//!
//! Both have a fixed length and are passed by reference: 32 bytes of a hash, and for a ball 2 bytes of radius behind
//! them, big endian.

use crate::error::Result;
use crate::error_media::MediaError;
use crate::pg::{self, Call};
use pg_moderation_engine::hash::pdq::PdqHash;
use pgrx::pg_sys::{self, Datum};
use std::cmp::Ordering;

crate::pg_function!(moderation_pdqhash_in, pg_finfo_moderation_pdqhash_in, input);
crate::pg_function!(moderation_pdqhash_out, pg_finfo_moderation_pdqhash_out, output);
crate::pg_function!(moderation_pdqhash_recv, pg_finfo_moderation_pdqhash_recv, receive);
crate::pg_function!(moderation_pdqhash_send, pg_finfo_moderation_pdqhash_send, send);
crate::pg_function!(
    moderation_pdqhash_from_bytea,
    pg_finfo_moderation_pdqhash_from_bytea,
    from_bytea
);
crate::pg_function!(
    moderation_pdqhash_from_bit,
    pg_finfo_moderation_pdqhash_from_bit,
    from_bit
);
crate::pg_function!(
    moderation_pdqhash_to_bit,
    pg_finfo_moderation_pdqhash_to_bit,
    to_bit
);
crate::pg_function!(moderation_pdqhash_eq, pg_finfo_moderation_pdqhash_eq, equal);
crate::pg_function!(moderation_pdqhash_ne, pg_finfo_moderation_pdqhash_ne, not_equal);
crate::pg_function!(moderation_pdqhash_lt, pg_finfo_moderation_pdqhash_lt, less);
crate::pg_function!(moderation_pdqhash_le, pg_finfo_moderation_pdqhash_le, at_most);
crate::pg_function!(moderation_pdqhash_gt, pg_finfo_moderation_pdqhash_gt, greater);
crate::pg_function!(moderation_pdqhash_ge, pg_finfo_moderation_pdqhash_ge, at_least);
crate::pg_function!(moderation_pdqhash_cmp, pg_finfo_moderation_pdqhash_cmp, compare);
crate::pg_function!(
    moderation_pdqhash_hash,
    pg_finfo_moderation_pdqhash_hash,
    hash_value
);
crate::pg_function!(
    moderation_pdqhash_hash_extended,
    pg_finfo_moderation_pdqhash_hash_extended,
    hash_extended
);
crate::pg_function!(
    moderation_pdqhash_distance,
    pg_finfo_moderation_pdqhash_distance,
    distance
);
crate::pg_function!(moderation_pdq_ball, pg_finfo_moderation_pdq_ball, ball);
crate::pg_function!(
    moderation_pdq_ball_in,
    pg_finfo_moderation_pdq_ball_in,
    ball_input
);
crate::pg_function!(
    moderation_pdq_ball_out,
    pg_finfo_moderation_pdq_ball_out,
    ball_output
);
crate::pg_function!(
    moderation_pdq_ball_recv,
    pg_finfo_moderation_pdq_ball_recv,
    ball_receive
);
crate::pg_function!(
    moderation_pdq_ball_send,
    pg_finfo_moderation_pdq_ball_send,
    ball_send
);
crate::pg_function!(moderation_pdq_within, pg_finfo_moderation_pdq_within, within);
crate::pg_function!(
    moderation_pdq_contains,
    pg_finfo_moderation_pdq_contains,
    contains
);

/// Bytes of a hash, and of a ball.
const HASH_BYTES: usize = 32;
const BALL_BYTES: usize = HASH_BYTES + 2;
/// Bits of a hash, and the largest distance there is.
const BITS: i32 = 256;

/// All hashes within a distance of a centre.
#[derive(Clone, Copy)]
pub struct Ball {
    pub centre: PdqHash,
    /// 0 to 256.
    pub radius: u32,
}

/// The hash behind a datum of type `pdqhash`.
///
/// # Safety
/// `datum` must be a non-null `pdqhash`.
pub unsafe fn hash_of(datum: Datum) -> PdqHash {
    // SAFETY: the type has 32 bytes and is passed by reference.
    PdqHash(unsafe { *datum.cast_mut_ptr::<[u8; HASH_BYTES]>() })
}

/// The ball behind a datum of type `pdq_ball`.
///
/// # Safety
/// `datum` must be a non-null `pdq_ball`.
pub unsafe fn ball_of(datum: Datum) -> Ball {
    // SAFETY: the type has 34 bytes and is passed by reference.
    let bytes = unsafe { *datum.cast_mut_ptr::<[u8; BALL_BYTES]>() };
    let mut centre = [0; HASH_BYTES];
    centre.copy_from_slice(&bytes[..HASH_BYTES]);
    Ball {
        centre: PdqHash(centre),
        radius: u32::from(u16::from_be_bytes([bytes[HASH_BYTES], bytes[HASH_BYTES + 1]])),
    }
}

pub fn hash_datum(hash: &PdqHash) -> Datum {
    fixed_datum(&hash.0)
}

fn ball_datum(ball: &Ball) -> Datum {
    let mut bytes = [0; BALL_BYTES];
    bytes[..HASH_BYTES].copy_from_slice(&ball.centre.0);
    bytes[HASH_BYTES..].copy_from_slice(&(ball.radius as u16).to_be_bytes());
    fixed_datum(&bytes)
}

fn fixed_datum(bytes: &[u8]) -> Datum {
    // SAFETY: palloc gives as many bytes as asked for, or raises an error.
    unsafe {
        let copy = pg_sys::palloc(bytes.len()).cast::<u8>();
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len());
        copy.into()
    }
}

impl Call {
    /// An argument declared as `pdqhash`.
    pub fn pdqhash(&self, index: usize) -> Option<PdqHash> {
        // SAFETY: the SQL declaration says pdqhash.
        self.datum(index).map(|datum| unsafe { hash_of(datum) })
    }

    /// An argument declared as `pdq_ball`.
    pub fn pdq_ball(&self, index: usize) -> Option<Ball> {
        // SAFETY: the SQL declaration says pdq_ball.
        self.datum(index).map(|datum| unsafe { ball_of(datum) })
    }
}

/// A hash from its text form, or an error that says where it is none.
pub fn parse_hash(text: &str) -> Result<PdqHash> {
    text.trim_ascii().parse().map_err(|_| {
        let text = text.trim_ascii();
        let wrong = text.chars().position(|c| !c.is_ascii_hexdigit());
        MediaError::HashText {
            digits: text.chars().count(),
            wrong: wrong.map(|position| position + 1),
        }
        .into()
    })
}

fn cstring_argument<'a>(call: &Call) -> Result<&'a str> {
    // SAFETY: the SQL declaration says cstring, strict.
    let text = call
        .datum(0)
        .map(|datum| unsafe { std::ffi::CStr::from_ptr(datum.cast_mut_ptr()) });
    text.unwrap_or_default()
        .to_str()
        .map_err(|_| crate::error::Error::InvalidText)
}

fn cstring_datum(text: &str) -> Result<Datum> {
    let text = pg::cstring(text)?;
    // SAFETY: copies the C string into the current memory context.
    Ok(unsafe { pg_sys::pstrdup(text.as_ptr()) }.into())
}

fn input(call: &Call) -> Result<Option<Datum>> {
    parse_hash(cstring_argument(call)?).map(|hash| Some(hash_datum(&hash)))
}

fn output(call: &Call) -> Result<Option<Datum>> {
    call.pdqhash(0)
        .map(|hash| cstring_datum(&hash.to_string()))
        .transpose()
}

/// The next `N` bytes of a message.
fn message_bytes<const N: usize>(call: &Call) -> [u8; N] {
    let mut bytes = [0; N];
    if let Some(buffer) = call.datum(0) {
        // SAFETY: PostgreSQL passes a StringInfo; too short a message is an error there.
        unsafe { pg_sys::pq_copymsgbytes(buffer.cast_mut_ptr(), bytes.as_mut_ptr().cast(), N as i32) };
    }
    bytes
}

fn receive(call: &Call) -> Result<Option<Datum>> {
    Ok(Some(fixed_datum(&message_bytes::<HASH_BYTES>(call))))
}

fn send(call: &Call) -> Result<Option<Datum>> {
    Ok(call.pdqhash(0).map(|hash| pg::bytea_datum(&hash.0)))
}

fn from_bytea(call: &Call) -> Result<Option<Datum>> {
    let Some(bytes) = call.bytes(0) else {
        return Ok(None);
    };
    let hash =
        <[u8; HASH_BYTES]>::try_from(bytes).map_err(|_| MediaError::HashBytes { bytes: bytes.len() })?;
    Ok(Some(fixed_datum(&hash)))
}

/// Bytes of a bit string before its bits: the number of bits.
const BIT_HEADER: usize = 4;

fn from_bit(call: &Call) -> Result<Option<Datum>> {
    // A bit string is a varlena: the number of bits, then the bits.
    let Some(string) = call.bytes(0) else {
        return Ok(None);
    };
    let bits = string
        .get(..BIT_HEADER)
        .and_then(|bits| bits.try_into().ok())
        .map_or(0, i32::from_ne_bytes);
    let hash = string
        .get(BIT_HEADER..)
        .filter(|_| bits == BITS)
        .and_then(|bytes| <[u8; HASH_BYTES]>::try_from(bytes).ok())
        .ok_or(MediaError::HashBits { bits })?;
    Ok(Some(fixed_datum(&hash)))
}

fn to_bit(call: &Call) -> Result<Option<Datum>> {
    Ok(call.pdqhash(0).map(|hash| {
        let mut string = [0; BIT_HEADER + HASH_BYTES];
        string[..BIT_HEADER].copy_from_slice(&BITS.to_ne_bytes());
        string[BIT_HEADER..].copy_from_slice(&hash.0);
        pg::bytea_datum(&string)
    }))
}

fn order(call: &Call) -> Option<Ordering> {
    Some(call.pdqhash(0)?.cmp(&call.pdqhash(1)?))
}

fn ordered(call: &Call, is: fn(Ordering) -> bool) -> Result<Option<Datum>> {
    Ok(order(call).map(|order| is(order).into()))
}

fn equal(call: &Call) -> Result<Option<Datum>> {
    ordered(call, Ordering::is_eq)
}

fn not_equal(call: &Call) -> Result<Option<Datum>> {
    ordered(call, Ordering::is_ne)
}

fn less(call: &Call) -> Result<Option<Datum>> {
    ordered(call, Ordering::is_lt)
}

fn at_most(call: &Call) -> Result<Option<Datum>> {
    ordered(call, Ordering::is_le)
}

fn greater(call: &Call) -> Result<Option<Datum>> {
    ordered(call, Ordering::is_gt)
}

fn at_least(call: &Call) -> Result<Option<Datum>> {
    ordered(call, Ordering::is_ge)
}

fn compare(call: &Call) -> Result<Option<Datum>> {
    Ok(order(call).map(|order| (order as i32).into()))
}

/// Mixes a hash's words with a seed: each word through the finaliser of SplitMix64 (Steele, Lea, Flood 2014). The same
/// on every machine, since hash partitions depend on it.
fn mixed(hash: &PdqHash, seed: u64) -> u64 {
    hash.words().into_iter().fold(seed, |state, word| {
        let mut z = (state ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

fn hash_value(call: &Call) -> Result<Option<Datum>> {
    Ok(call.pdqhash(0).map(|hash| (mixed(&hash, 0) as u32 as i32).into()))
}

/// With the seed 0 its lower half is [`hash_value`], as PostgreSQL demands.
fn hash_extended(call: &Call) -> Result<Option<Datum>> {
    let seed = call.datum(1).map_or(0, |seed| seed.value() as u64);
    Ok(call
        .pdqhash(0)
        .map(|hash| Datum::from(mixed(&hash, seed) as usize)))
}

fn distance(call: &Call) -> Result<Option<Datum>> {
    let (Some(a), Some(b)) = (call.pdqhash(0), call.pdqhash(1)) else {
        return Ok(None);
    };
    Ok(Some((a.distance(&b) as i32).into()))
}

fn checked_ball(centre: PdqHash, radius: i64) -> Result<Ball> {
    let fits = u32::try_from(radius).ok().filter(|radius| *radius <= BITS as u32);
    let radius = fits.ok_or(MediaError::Radius { radius })?;
    Ok(Ball { centre, radius })
}

/// `pdq_ball(centre, radius)`.
fn ball(call: &Call) -> Result<Option<Datum>> {
    let (Some(centre), Some(radius)) = (call.pdqhash(0), call.int4(1)) else {
        return Ok(None);
    };
    checked_ball(centre, radius.into()).map(|ball| Some(ball_datum(&ball)))
}

fn ball_input(call: &Call) -> Result<Option<Datum>> {
    let text = cstring_argument(call)?;
    let (hash, radius) = text.split_once('/').ok_or(MediaError::BallText)?;
    let radius = radius.trim_ascii().parse().map_err(|_| MediaError::BallText)?;
    checked_ball(parse_hash(hash)?, radius).map(|ball| Some(ball_datum(&ball)))
}

fn ball_output(call: &Call) -> Result<Option<Datum>> {
    call.pdq_ball(0)
        .map(|ball| cstring_datum(&format!("{}/{}", ball.centre, ball.radius)))
        .transpose()
}

fn ball_receive(call: &Call) -> Result<Option<Datum>> {
    let bytes = message_bytes::<BALL_BYTES>(call);
    // SAFETY: as many bytes as the type has.
    let ball = unsafe { ball_of(Datum::from(bytes.as_ptr())) };
    checked_ball(ball.centre, ball.radius.into()).map(|ball| Some(ball_datum(&ball)))
}

fn ball_send(call: &Call) -> Result<Option<Datum>> {
    Ok(call.datum(0).map(|datum| {
        // SAFETY: the SQL declaration says pdq_ball.
        let bytes = unsafe { *datum.cast_mut_ptr::<[u8; BALL_BYTES]>() };
        pg::bytea_datum(&bytes)
    }))
}

fn is_within(hash: Option<PdqHash>, ball: Option<Ball>) -> Option<Datum> {
    let (hash, ball) = (hash?, ball?);
    Some((hash.distance(&ball.centre) <= ball.radius).into())
}

/// `pdqhash <@ pdq_ball`.
fn within(call: &Call) -> Result<Option<Datum>> {
    Ok(is_within(call.pdqhash(0), call.pdq_ball(1)))
}

/// `pdq_ball @> pdqhash`.
fn contains(call: &Call) -> Result<Option<Datum>> {
    Ok(is_within(call.pdqhash(1), call.pdq_ball(0)))
}
