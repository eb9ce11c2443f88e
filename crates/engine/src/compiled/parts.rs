//! A section that is made of parts, such as [`super::inflected`]: their lengths, 8 bytes each, and then the parts themselves.

use crate::CompileError;

use super::write::no_memory;

const LENGTH: usize = 8;

/// The parts as one section.
pub(crate) fn join<const N: usize>(parts: [Vec<u8>; N]) -> Result<Vec<u8>, CompileError> {
    let total = parts.iter().map(Vec::len).sum::<usize>() + N * LENGTH;
    let mut out = Vec::new();
    out.try_reserve_exact(total).map_err(no_memory)?;
    out.extend(parts.iter().flat_map(|part| (part.len() as u64).to_le_bytes()));
    for part in parts {
        out.extend_from_slice(&part);
    }
    Ok(out)
}

/// The parts of a section; empty ones for an empty section, and for what lies outside of a damaged one.
pub(crate) fn split<const N: usize>(section: &[u8]) -> [&[u8]; N] {
    let (lengths, _) = section.as_chunks::<LENGTH>();
    let mut at = N * LENGTH;
    let mut parts = [&[][..]; N];
    for (part, &length) in parts.iter_mut().zip(lengths) {
        let end = at.saturating_add(usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX));
        *part = section.get(at..end).unwrap_or_default();
        at = end;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_what_was_joined() {
        let joined = join([b"one".to_vec(), Vec::new(), b"three".to_vec()]).expect("there is memory");
        assert_eq!(split::<3>(&joined), [&b"one"[..], b"", b"three"]);
        assert_eq!(split::<3>(&[]), [&b""[..]; 3]);
        let mut damaged = joined;
        damaged[7] = 0xff;
        assert_eq!(split::<3>(&damaged), [&b""[..]; 3]);
    }
}
