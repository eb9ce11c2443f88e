//! Untrusted bytes as a compiled set: refused or opened, never a panic. Header and checksum are made right, so that
//! the items themselves are read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pg_moderation_engine::{FindOptions, Matcher, compile};
use std::sync::OnceLock;

fuzz_target!(|payload: &[u8]| {
    static HEAD: OnceLock<Vec<u8>> = OnceLock::new();
    let head = HEAD.get_or_init(|| {
        let empty = compile(&[], &mut || false).expect("an empty set compiles");
        empty.get(..16).unwrap_or(&[]).to_vec()
    });
    let mut bytes = head.clone();
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(blake3::hash(payload).as_bytes());
    bytes.extend_from_slice(payload);
    if let Ok(matcher) = Matcher::open(&bytes) {
        matcher
            .find("some text", &FindOptions::default(), &mut || false)
            .expect("not interrupted");
    }
});
