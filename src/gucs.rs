//! Every setting of the extension, in one place.

use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, pg_sys};

/// Contents of which one in this many is recorded as exposure; 0 records none.
pub static EXPOSURE_SAMPLE: GucSetting<i32> = GucSetting::<i32>::new(100);

/// Memory a backend may keep for compiled sets it is not using at the moment, in kilobytes.
pub static COMPILED_CACHE: GucSetting<i32> = GucSetting::<i32>::new(256 * 1024);

/// Places of one item that are listed for one text; further ones only count.
pub static MAX_PLACES: GucSetting<i32> = GucSetting::<i32>::new(1_000);

/// Largest image file that is decoded, in kilobytes.
pub static MAX_IMAGE_BYTES: GucSetting<i32> = GucSetting::<i32>::new(64 * 1024);

/// Most pixels of an image that is decoded.
pub static MAX_IMAGE_PIXELS: GucSetting<i32> = GucSetting::<i32>::new(50_000_000);

/// Does a change of what is in force notify the channel `moderation_publish`? Read by SQL.
pub static NOTIFY: GucSetting<bool> = GucSetting::<bool>::new(true);

/// Bytes of one import at most.
pub static MAX_IMPORT_BYTES: GucSetting<i32> = GucSetting::<i32>::new(256 * 1024 * 1024);

pub fn register() {
    GucRegistry::define_bool_guc(
        c"pg_moderation.notify",
        c"Changes of what is in force are notified on the channel moderation_publish.",
        c"PostgreSQL cannot prepare a transaction that has notified: turn this off for publishing in two phases.",
        &NOTIFY,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"pg_moderation.max_import_bytes",
        c"Bytes that import_items() takes in one call at most.",
        c"Larger files are refused before anything of them is read.",
        &MAX_IMPORT_BYTES,
        1,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_BYTE,
    );
    GucRegistry::define_int_guc(
        c"pg_moderation.exposure_sample",
        c"One in this many contents of attached tables is recorded as exposure.",
        c"The sample follows a salted hash of the content key; each row carries this number as its weight. 0 records none.",
        &EXPOSURE_SAMPLE,
        0,
        1_000_000,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"pg_moderation.compiled_cache",
        c"Memory a backend keeps for compiled sets that are not in force.",
        c"Releases, drafts and past states that a session asks for are kept up to this size.",
        &COMPILED_CACHE,
        0,
        i32::MAX,
        GucContext::Userset,
        GucFlags::UNIT_KB,
    );
    GucRegistry::define_int_guc(
        c"pg_moderation.max_places",
        c"Places of one item that are listed for one text.",
        c"The first place of every item is always listed, so verdicts do not depend on this.",
        &MAX_PLACES,
        1,
        1_000_000,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"pg_moderation.max_image_bytes",
        c"Largest image file that is decoded.",
        c"Larger ones are refused before they are read.",
        &MAX_IMAGE_BYTES,
        1,
        1024 * 1024,
        GucContext::Suset,
        GucFlags::UNIT_KB,
    );
    GucRegistry::define_int_guc(
        c"pg_moderation.max_image_pixels",
        c"Most pixels of an image that is decoded, width times height.",
        c"The size is read from the header; larger images are refused before anything is decoded. Decoding takes up to 16 bytes a pixel.",
        &MAX_IMAGE_PIXELS,
        25,
        i32::MAX,
        GucContext::Suset,
        GucFlags::default(),
    );
    // SAFETY: called once from _PG_init; a misspelt pg_moderation.* setting is an error from here on.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"pg_moderation".as_ptr()) };
}
