//! The GIN class of `pdqhash`: every hash within any radius, exactly. Keys and searches are the engine's
//! `hash::keys`; here they are handed to GIN. Rows found are compared again with the whole hash.
//!
//! A radius that asks for too many ranges reads the whole index instead: slower, never incomplete.

use crate::error::Result;
use crate::pg::Call;
use pg_moderation_engine::hash::keys::{Passes, Probe, index_keys, probes};
use pgrx::pg_sys::{self, Datum};

crate::pg_function!(
    moderation_pdq_gin_extract_value,
    pg_finfo_moderation_pdq_gin_extract_value,
    extract_value
);
crate::pg_function!(
    moderation_pdq_gin_extract_query,
    pg_finfo_moderation_pdq_gin_extract_query,
    extract_query
);
crate::pg_function!(
    moderation_pdq_gin_consistent,
    pg_finfo_moderation_pdq_gin_consistent,
    consistent
);
crate::pg_function!(
    moderation_pdq_gin_triconsistent,
    pg_finfo_moderation_pdq_gin_triconsistent,
    triconsistent
);
crate::pg_function!(
    moderation_pdq_gin_compare_partial,
    pg_finfo_moderation_pdq_gin_compare_partial,
    compare_partial
);
crate::pg_function!(
    moderation_pdq_ball_sel,
    pg_finfo_moderation_pdq_ball_sel,
    restrict_selectivity
);
crate::pg_function!(
    moderation_pdq_ball_joinsel,
    pg_finfo_moderation_pdq_ball_joinsel,
    join_selectivity
);

/// Ranges that a search looks into at most: a radius of 50 needs 3,872. Each costs a descent of the index.
const MAX_PROBES: usize = 4_096;
/// Share of the rows that a ball takes when nothing is known of it: hashes are spread thinly.
const UNKNOWN_SHARE: f64 = 0.000_1;

/// Memory of the current context for `count` values.
fn allocate<T>(count: usize) -> *mut T {
    // SAFETY: palloc aligns for every type, and raises an error when it cannot give as much.
    unsafe { pg_sys::palloc(count * size_of::<T>()).cast() }
}

/// Where the function is told to write a value.
fn put<T>(call: &Call, argument: usize, value: T) {
    if let Some(place) = call.datum(argument) {
        // SAFETY: GIN passes valid pointers to variables of this type.
        unsafe { place.cast_mut_ptr::<T>().write(value) };
    }
}

fn extract_value(call: &Call) -> Result<Option<Datum>> {
    let Some(hash) = call.pdqhash(0) else {
        return Ok(None);
    };
    let index_keys = index_keys(&hash);
    let keys = allocate::<Datum>(index_keys.len());
    for (n, key) in index_keys.into_iter().enumerate() {
        // SAFETY: inside the allocation.
        unsafe { keys.add(n).write(key.into()) };
    }
    put(call, 1, index_keys.len() as i32);
    Ok(Some(keys.into()))
}

fn extract_query(call: &Call) -> Result<Option<Datum>> {
    let Some(ball) = call.pdq_ball(0) else {
        return Ok(None);
    };
    let Some(found) = probes(&ball.centre, ball.radius, MAX_PROBES) else {
        put(call, 1, 0i32);
        put(call, 6, pg_sys::GIN_SEARCH_MODE_ALL as i32);
        return Ok(Some(Datum::null()));
    };
    let keys = allocate::<Datum>(found.len());
    let partial = allocate::<bool>(found.len());
    let extra = allocate::<*mut Probe>(found.len());
    let copies = allocate::<Probe>(found.len());
    for (n, probe) in found.iter().enumerate() {
        // SAFETY: inside the allocations.
        unsafe {
            keys.add(n).write(probe.first.into());
            partial.add(n).write(true);
            copies.add(n).write(*probe);
            extra.add(n).write(copies.add(n));
        }
    }
    put(call, 1, found.len() as i32);
    put(call, 3, partial);
    put(call, 4, extra);
    Ok(Some(keys.into()))
}

/// `comparePartial(first, key, strategy, probe)`: 0 for a key that passes, -1 to pass by one, 1 behind the range.
fn compare_partial(call: &Call) -> Result<Option<Datum>> {
    let (Some(key), Some(probe)) = (call.datum(1), call.datum(3)) else {
        return Ok(Some(1i32.into()));
    };
    // SAFETY: the extra data of extract_query.
    let probe = unsafe { &*probe.cast_mut_ptr::<Probe>() };
    let answer = match probe.passes(key.value() as i64) {
        Passes::Yes => 0i32,
        Passes::No => -1,
        Passes::Behind => 1,
    };
    Ok(Some(answer.into()))
}

/// Any key that passed makes a candidate; the row's whole hash decides.
fn consistent(call: &Call) -> Result<Option<Datum>> {
    put(call, 5, true);
    let keys = call.int4(3).unwrap_or(0).max(0) as usize;
    let found = keys == 0
        || call.datum(0).is_none_or(|check| {
            // SAFETY: GIN passes as many entries as there are keys.
            unsafe { std::slice::from_raw_parts(check.cast_mut_ptr::<bool>(), keys) }.contains(&true)
        });
    Ok(Some(found.into()))
}

fn triconsistent(call: &Call) -> Result<Option<Datum>> {
    const FALSE: u8 = pg_sys::GIN_FALSE as u8;
    const MAYBE: u8 = pg_sys::GIN_MAYBE as u8;
    let keys = call.int4(3).unwrap_or(0).max(0) as usize;
    let found = keys == 0
        || call.datum(0).is_none_or(|check| {
            // SAFETY: GIN passes as many entries as there are keys.
            unsafe { std::slice::from_raw_parts(check.cast_mut_ptr::<u8>(), keys) }
                .iter()
                .any(|&entry| entry != FALSE)
        });
    Ok(Some(usize::from(if found { MAYBE } else { FALSE }).into()))
}

/// `restrict` of `<@` and `@>`: from the column's statistics by trying the ball on them, as for other matching
/// operators of PostgreSQL.
fn restrict_selectivity(call: &Call) -> Result<Option<Datum>> {
    let (Some(root), Some(operator), Some(arguments)) = (call.datum(0), call.datum(1), call.datum(2)) else {
        return Ok(Some(Datum::from(UNKNOWN_SHARE.to_bits())));
    };
    // SAFETY: PostgreSQL calls estimators with these arguments.
    let share = unsafe {
        pg_sys::generic_restriction_selectivity(
            root.cast_mut_ptr(),
            pg_sys::Oid::from(operator.value() as u32),
            (*call.fcinfo()).fncollation,
            arguments.cast_mut_ptr(),
            call.int4(3).unwrap_or(0),
            UNKNOWN_SHARE,
        )
    };
    Ok(Some(Datum::from(share.to_bits())))
}

/// `join` of the same: of pairs nothing is known either.
fn join_selectivity(_call: &Call) -> Result<Option<Datum>> {
    Ok(Some(Datum::from(UNKNOWN_SHARE.to_bits())))
}
