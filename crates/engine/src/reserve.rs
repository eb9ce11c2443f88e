//! Growing a list or map by one, with an error where there is no memory. What is kept for every item of a set grows
//! by these; a string of one term's size is not worth an error.

use std::collections::{HashMap, TryReserveError};
use std::hash::Hash;

/// Adds to a list.
pub(crate) fn push<T>(list: &mut Vec<T>, value: T) -> Result<(), TryReserveError> {
    list.try_reserve(1)?;
    list.push(value);
    Ok(())
}

/// Adds to the list under a key.
pub(crate) fn file<K: Hash + Eq, V>(
    map: &mut HashMap<K, Vec<V>>,
    key: K,
    value: V,
) -> Result<(), TryReserveError> {
    map.try_reserve(1)?;
    push(map.entry(key).or_default(), value)
}
