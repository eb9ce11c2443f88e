//! A hash of a set of items that does not depend on the order in which they came or went, so that a release's
//! content hash is updated from what changed and is the same on every server.
//!
//! LtHash16: 1,024 lanes of 16 bits; adding an element adds its lanes (from the BLAKE3 extendable output of the
//! element) modulo 2^16, removing subtracts them. It is a multiset hash: an element added twice must be removed
//! twice. Collision resistance rests on a short-integer-solution problem of about 200 bits at these parameters.
//!
//! Sources: Bellare and Micciancio, "A New Paradigm for Collision-Free Hashing: Incrementality at Reduced Cost"
//! (1997); Clarke et al., "Incremental Multiset Hash Functions" (2003); Lewi, Kim, Maykov and Weis, "Securing
//! Update Propagation with Homomorphic Hashing" (2019).
//!
//! Not for secrets or for passwords, and not keyed.

use std::fmt;

/// 16-bit lanes of the state.
const LANES: usize = 1_024;

/// Bytes of [`SetHash::state`].
pub const SET_HASH_STATE_BYTES: usize = LANES * 2;

/// Separates this use of BLAKE3 from every other.
const CONTEXT: &str = "pg_moderation 2026 release content set hash, element lanes";

/// A state that is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetHashError {
    /// Bytes given; [`SET_HASH_STATE_BYTES`] are expected.
    pub bytes: usize,
}

impl fmt::Display for SetHashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "set hash state has {} bytes, {SET_HASH_STATE_BYTES} are expected",
            self.bytes
        )
    }
}

impl std::error::Error for SetHashError {}

/// The running hash of a multiset of byte strings.
#[derive(Clone, PartialEq, Eq)]
pub struct SetHash {
    /// Lanes, little-endian: the form that is stored.
    state: Box<[u8]>,
}

impl Default for SetHash {
    fn default() -> Self {
        Self::new()
    }
}

impl SetHash {
    /// The hash of the empty set: all lanes zero.
    pub fn new() -> Self {
        Self {
            state: vec![0; SET_HASH_STATE_BYTES].into_boxed_slice(),
        }
    }

    /// Continues from a stored [`SetHash::state`].
    ///
    /// # Errors
    /// [`SetHashError`] when the length is not [`SET_HASH_STATE_BYTES`].
    pub fn from_state(bytes: &[u8]) -> Result<Self, SetHashError> {
        if bytes.len() != SET_HASH_STATE_BYTES {
            return Err(SetHashError { bytes: bytes.len() });
        }
        Ok(Self { state: bytes.into() })
    }

    /// Adds one element (its canonical bytes).
    pub fn add(&mut self, element: &[u8]) {
        self.combine(element, u16::wrapping_add);
    }

    /// Takes one element out. Taking out what was never added is not detected: the caller knows its set.
    pub fn remove(&mut self, element: &[u8]) {
        self.combine(element, u16::wrapping_sub);
    }

    /// Adds every element of another hash: the union of the multisets.
    pub fn merge(&mut self, other: &Self) {
        for (lane, added) in self.state.chunks_exact_mut(2).zip(other.state.chunks_exact(2)) {
            apply(lane, added, u16::wrapping_add);
        }
    }

    /// The lanes, little-endian, [`SET_HASH_STATE_BYTES`] bytes.
    pub fn state(&self) -> &[u8] {
        &self.state
    }

    /// The 256-bit name of the set: BLAKE3 of the state.
    pub fn digest(&self) -> [u8; 32] {
        *blake3::hash(&self.state).as_bytes()
    }

    fn combine(&mut self, element: &[u8], operation: fn(u16, u16) -> u16) {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(element);
        let mut lanes = [0u8; SET_HASH_STATE_BYTES];
        hasher.finalize_xof().fill(&mut lanes);
        for (lane, added) in self.state.chunks_exact_mut(2).zip(lanes.chunks_exact(2)) {
            apply(lane, added, operation);
        }
    }
}

fn apply(lane: &mut [u8], added: &[u8], operation: fn(u16, u16) -> u16) {
    if let ([a, b], [c, d]) = (&mut *lane, added) {
        let result = operation(u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d]));
        [*a, *b] = result.to_le_bytes();
    }
}

impl fmt::Debug for SetHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SetHash({})", blake3::hash(&self.state).to_hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hash(elements: &[&str]) -> SetHash {
        let mut hash = SetHash::new();
        for element in elements {
            hash.add(element.as_bytes());
        }
        hash
    }

    #[test]
    fn the_empty_set_has_a_zero_state() {
        assert!(SetHash::new().state().iter().all(|&b| b == 0));
        let mut hash = hash(&["a", "b"]);
        hash.remove(b"b");
        hash.remove(b"a");
        assert_eq!(hash, SetHash::new());
    }

    #[test]
    fn elements_are_not_concatenated() {
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_ne!(hash(&["a", "a"]), hash(&["a"]));
        assert_ne!(hash(&["a"]).digest(), hash(&["b"]).digest());
    }

    #[test]
    fn a_state_continues_where_it_was() {
        let mut continued = SetHash::from_state(hash(&["x"]).state()).expect("right length");
        continued.add(b"y");
        assert_eq!(continued, hash(&["y", "x"]));
        assert_eq!(SetHash::from_state(&[0; 3]), Err(SetHashError { bytes: 3 }));
    }

    #[test]
    fn the_digest_is_pinned() {
        // Stored releases depend on these bytes: a change here is a change of every content hash.
        assert_eq!(hex(&hash(&["pg_moderation"]).digest()), PINNED);
    }

    const PINNED: &str = "e091e1e691e6e371a9279ca3b76f065f22e36583aaf5cd24aa77ef5280ae3b92";

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    proptest! {
        #[test]
        fn order_and_history_do_not_matter(
            mut elements in proptest::collection::vec("[a-c]{0,3}", 0..8),
            extra in "[a-c]{0,3}",
        ) {
            let forwards = elements.iter().fold(SetHash::new(), |mut h, e| { h.add(e.as_bytes()); h });
            elements.reverse();
            let mut backwards = SetHash::new();
            backwards.add(extra.as_bytes());
            for element in &elements {
                backwards.add(element.as_bytes());
            }
            backwards.remove(extra.as_bytes());
            prop_assert_eq!(forwards.digest(), backwards.digest());
        }
    }
}
