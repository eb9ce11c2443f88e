//! Untrusted bytes as an index of hashes and as a media set: refused or opened, and then searched; never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pg_moderation_engine::hash::index::HashIndex;
use pg_moderation_engine::hash::pdq::PdqHash;
use pg_moderation_engine::media::{Media, MediaOptions};
use std::ops::ControlFlow;

fuzz_target!(|bytes: &[u8]| {
    let mut query = PdqHash::default();
    for (place, byte) in query.0.iter_mut().zip(bytes.iter().rev()) {
        *place = *byte;
    }
    if let Ok(index) = HashIndex::open(bytes) {
        let mut found = 0;
        for radius in [0, 31, 64, 256] {
            let _ = index.search(&query, radius, |_| {
                found += 1;
                ControlFlow::<()>::Continue(())
            });
        }
        assert!(found >= index.len() || index.verify().is_err());
    }
    if let Ok(media) = Media::open(bytes) {
        media
            .find_image(&query, &MediaOptions::default(), &mut || false)
            .expect("not interrupted");
    }
});
