//! Percentage rollout: which of two live releases of a package judges a content.
//!
//! A content draws a number once, by a salted hash of its key: SHA-256(salt ‖ 'k' ‖ key), or of its digest when it has no
//! key, modulo 10,000. A release with a share of 10 % judges the numbers below 1,000, so what is in at 10 % stays in
//! at 20 %. Every package has its own salt: the contents that meet one package's news first are not those that meet
//! another's. Not for the exposure sample, which has a salt of its own (`record`).

use sha2::{Digest, Sha256};
use std::cell::OnceCell;

/// Numbers that a content can draw; a share of 1 % is 100 of them.
pub const NUMBERS: u16 = 10_000;

/// What a content is drawn by: its key, else the digest of its texts (computed only when it is needed).
pub struct Lot<'a> {
    key: Option<&'a str>,
    digest: &'a dyn Fn() -> [u8; 32],
    computed: OnceCell<[u8; 32]>,
}

impl<'a> Lot<'a> {
    pub fn new(key: Option<&'a str>, digest: &'a dyn Fn() -> [u8; 32]) -> Self {
        Self {
            key,
            digest,
            computed: OnceCell::new(),
        }
    }

    /// The number this content draws in the package with this salt.
    pub fn number(&self, salt: &[u8]) -> u16 {
        let mut hash = Sha256::new();
        hash.update(salt);
        match self.key {
            Some(key) => {
                hash.update(b"k");
                hash.update(key);
            }
            None => {
                hash.update(b"d");
                hash.update(self.computed.get_or_init(|| (self.digest)()));
            }
        }
        let mut first = [0u8; 8];
        first.copy_from_slice(&hash.finalize()[..8]);
        // Uniform to within 2^-50.
        (u64::from_be_bytes(first) % u64::from(NUMBERS)) as u16
    }
}
