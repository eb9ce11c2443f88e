//! Untrusted bytes as an image file: refused, or decoded within the limits and hashed; no panic that comes out. The first byte
//! chooses a format whose beginning is put before the bytes, so that decoders are reached at once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pg_moderation_engine::hash::decode::{DecodeLimits, decode_image};
use pg_moderation_engine::hash::pdq::PdqHasher;

const BEGINNINGS: [&[u8]; 6] = [
    b"",
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"RIFF\x00\x00\x01\x00WEBP",
    b"GIF89a",
    b"BM",
];

fuzz_target!(|input: (u8, &[u8])| {
    // libFuzzer's hook aborts where a panic begins; those of decoders are caught and refused like damage.
    static QUIET: std::sync::Once = std::sync::Once::new();
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    let (format, bytes) = input;
    let mut file = BEGINNINGS[usize::from(format) % BEGINNINGS.len()].to_vec();
    file.extend_from_slice(bytes);
    let limits = DecodeLimits {
        max_bytes: 1 << 20,
        max_pixels: 1 << 18,
    };
    if let Ok(image) = decode_image(&file, &limits) {
        assert!(image.width * image.height <= limits.max_pixels);
        assert_eq!(image.pixels.len(), image.width * image.height * image.pixel_format.bytes());
        if let Ok(view) = image.view() {
            PdqHasher::new().hash_image(&view).expect("enough memory");
        }
    }
});
