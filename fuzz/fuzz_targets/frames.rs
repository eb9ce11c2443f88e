//! Untrusted text as a vPDQ file: refused, or read to frames that print and read back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pg_moderation_engine::hash::vpdq::parse_frames;

fuzz_target!(|text: &str| {
    if let Ok(frames) = parse_frames(text) {
        let printed: String = frames.iter().map(|frame| format!("{frame}\n")).collect();
        let again = parse_frames(&printed).expect("what was printed");
        assert_eq!(frames.len(), again.len());
        for (frame, again) in frames.iter().zip(&again) {
            assert_eq!((frame.number, frame.hash, frame.quality), (again.number, again.hash, again.quality));
        }
    }
});
