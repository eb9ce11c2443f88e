//! Growing a list by one, with an error where there is no memory. What is kept for every item of a set grows
//! by this; a string of one term's size is not worth an error.

use std::collections::TryReserveError;

/// Adds to a list.
pub(crate) fn push<T>(list: &mut Vec<T>, value: T) -> Result<(), TryReserveError> {
    list.try_reserve(1)?;
    list.push(value);
    Ok(())
}
