//! Writing down what was judged: hits and exposures. Always as the extension's owner, always idempotent.

use crate::error::{Error, Result};
use crate::gucs;
use crate::identity::AsOwner;
use crate::in_force::InForce;
use crate::media_hits::MediaFound;
use crate::spi::{self, Parameter};
use crate::verdict::{self, Found, Judgement, release_of};
use pgrx::pg_sys;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// Which content was judged, as its source describes it. Keys and times are printed in ISO form and UTC.
pub struct Content {
    pub source_id: i32,
    pub content_key: Option<String>,
    pub owner_key: Option<String>,
    pub created_at: Option<String>,
    pub digest: [u8; 32],
}

pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            // Writing to a String does not fail.
            let _ = write!(out, "{byte:02x}");
            out
        })
}

/// A random (version 4) UUID from the server's own generator.
pub fn random_uuid() -> Result<String> {
    let mut bytes = [0u8; 16];
    // SAFETY: fills the 16 bytes it is given.
    if !unsafe { pg_sys::pg_strong_random(bytes.as_mut_ptr().cast(), bytes.len()) } {
        return Err(Error::Internal("no random numbers"));
    }
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Ok(hex(&bytes))
}

/// Now, in ISO form.
pub fn now() -> Result<String> {
    // SAFETY: reads the clock.
    crate::pg::output(
        pg_sys::TIMESTAMPTZOID,
        unsafe { pg_sys::GetCurrentTimestamp() }.into(),
    )
}

/// The rows of `moderation.hits` for a judgement, live and shadow: one per item and release, with its best place.
/// Times are printed in ISO form and UTC: call under `Settings::plain_output`.
pub fn hit_rows(map: &InForce, judgement: &Judgement, content: &Content, outcome: &str) -> Result<Value> {
    let observed_at = now()?;
    let mut items: Vec<(&Found, usize)> = Vec::new();
    let mut position: HashMap<(u16, i64), usize> = HashMap::new();
    for found in &judgement.found {
        match position.entry((found.hit.slot, found.hit.item)) {
            std::collections::hash_map::Entry::Occupied(entry) => {
                let (best, places) = &mut items[*entry.get()];
                *places += 1;
                if found.hit.score > best.hit.score {
                    *best = found;
                }
            }
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(items.len());
                items.push((found, 1));
            }
        }
    }
    let mut rows = Vec::with_capacity(items.len());
    let mut put = |slot: u16, item: i64, shadowed: bool, places: usize, hit: Value| -> Result<()> {
        let release = release_of(&map.releases, slot)?;
        let mut row = json!({
            "hit_id": random_uuid()?,
            "observed_at": observed_at,
            "source_id": content.source_id,
            "content_key": content.content_key,
            "owner_key": content.owner_key,
            "created_at": content.created_at,
            "digest": hex(&content.digest),
            "set_hash": hex(&map.set_hash),
            "package_id": release.package_id,
            "release": release.release,
            "stage": release.stage_of(shadowed),
            "item_id": item,
            "action": release.action,
            "outcome": outcome,
            "places": places,
        });
        if let (Value::Object(row), Value::Object(hit)) = (&mut row, hit) {
            row.extend(hit);
        }
        rows.push(row);
        Ok(())
    };
    for (found, places) in items {
        let hit = json!({
            "kind": "term",
            "field": found.field,
            "span_start": found.span_start(),
            "span_length": found.span_length(),
            "matched": found.matched,
            "level": found.hit.evidence.level.name(),
            "steps": found.steps(),
            "score": verdict::decimal(found.hit.score),
        });
        put(found.hit.slot, found.hit.item, found.shadowed, places, hit)?;
    }
    let mut of_media: BTreeMap<(u16, i64), (&MediaFound, usize)> = BTreeMap::new();
    for found in &judgement.media {
        let (best, places) = of_media.entry((found.slot, found.item)).or_insert((found, 0));
        *places += 1;
        if found.score > best.score {
            *best = found;
        }
    }
    for ((slot, item), (found, places)) in of_media {
        put(slot, item, found.shadowed, places, found.record())?;
    }
    Ok(Value::Array(rows))
}

/// Writes rows made by [`hit_rows`].
pub fn write_hits(owner: pg_sys::Oid, rows: &Value) -> Result<()> {
    let _owner = AsOwner::new(owner);
    spi::write(
        c"SELECT moderation.record_hits($1)",
        &[Parameter::jsonb(rows)?],
        |_| Ok(()),
    )
    .map(|_| ())
}

/// After a content was judged again: live hits of it that were not found again are withdrawn, for this reason, and those
/// that were withdrawn and found again stand again.
pub fn settle_hits(map: &InForce, judgement: &Judgement, content: &Content, reason: &str) -> Result<()> {
    let texts = judgement
        .found
        .iter()
        .map(|f| (f.hit.slot, f.hit.item, f.shadowed));
    let media = judgement.media.iter().map(|f| (f.slot, f.item, f.shadowed));
    let mut found = BTreeMap::new();
    for (slot, item, shadowed) in texts.chain(media) {
        let release = release_of(&map.releases, slot)?;
        if release.stage_of(shadowed) == Some("live") {
            let hit = json!({"package_id": release.package_id, "release": release.release, "item_id": item});
            found.insert((slot, item), hit);
        }
    }
    let found = json!({
        "source_id": content.source_id,
        "content_key": content.content_key,
        "digest": hex(&content.digest),
        "found": found.into_values().collect::<Vec<_>>(),
        "reason": reason,
    });
    let _owner = AsOwner::new(map.installed.owner);
    spi::write(
        c"SELECT moderation.settle_hits($1)",
        &[Parameter::jsonb(&found)?],
        |_| Ok(()),
    )
    .map(|_| ())
}

/// Writes rows that a rejected statement left behind. Returns why the database refuses them, if it does.
pub fn collect_spooled(owner: pg_sys::Oid, rows: &Value) -> Result<Option<String>> {
    let _owner = AsOwner::new(owner);
    let mut refused = None;
    spi::write(
        c"SELECT moderation.collect_spooled($1)",
        &[Parameter::text(Some(&rows.to_string()))],
        |row| {
            refused = row.text(1)?;
            Ok(())
        },
    )?;
    Ok(refused)
}

/// Are exposures sampled at all?
pub fn samples_exposures(map: &InForce) -> Result<bool> {
    Ok(gucs::EXPOSURE_SAMPLE.get() > 0 && map.installation()?.is_some())
}

/// Is this content in the exposure sample? By its key, so that all its versions are in or out together.
pub fn is_exposed(
    map: &InForce,
    source_id: i32,
    content_key: Option<&str>,
    digest: &dyn Fn() -> [u8; 32],
) -> Result<bool> {
    let sample = gucs::EXPOSURE_SAMPLE.get();
    if sample <= 0 {
        return Ok(false);
    }
    let Some(installation) = map.installation()? else {
        return Ok(false);
    };
    let mut hash = Sha256::new();
    hash.update(&installation.salt);
    hash.update(source_id.to_be_bytes());
    match content_key {
        Some(key) => hash.update(key),
        None => hash.update(digest()),
    }
    let digest = hash.finalize();
    let mut first = [0u8; 8];
    first.copy_from_slice(&digest[..8]);
    // Uniform to within 2^-44 for samples up to a million.
    Ok(u64::from_be_bytes(first) % (sample as u64) == 0)
}

/// Records that the content was judged. Call under `Settings::plain_output`.
pub fn write_exposure(map: &InForce, judgement: &Judgement, content: &Content) -> Result<()> {
    let row = exposure_row(map, judgement, content)?;
    let _owner = AsOwner::new(map.installed.owner);
    spi::write(
        c"SELECT moderation.record_exposure($1)",
        &[Parameter::jsonb(&row)?],
        |_| Ok(()),
    )
    .map(|_| ())
}

/// The row of `moderation.exposures`. Call under `Settings::plain_output`.
pub fn exposure_row(map: &InForce, judgement: &Judgement, content: &Content) -> Result<Value> {
    Ok(json!({
        "observed_at": now()?,
        "source_id": content.source_id,
        "content_key": content.content_key,
        "owner_key": content.owner_key,
        "created_at": content.created_at,
        "digest": hex(&content.digest),
        "set_hash": hex(&map.set_hash),
        "action": judgement.action,
        "weight": gucs::EXPOSURE_SAMPLE.get(),
    }))
}
