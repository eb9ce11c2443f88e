//! A set that differs little from one that is compiled already: the few items that came and went since.
//!
//! Published releases do not change, so the difference of two of a package is two range queries, whatever their size. The
//! base is always a whole set, never itself a change: once the difference is a few per cent of it, the next publish compiles
//! everything again.

use crate::compiled::{self, release_of, slot_number};
use crate::error::Result;
use crate::identity::{AsOwner, Installed};
use crate::in_force::Release;
use crate::media::{self, MediaItems};
use crate::record::hex;
use crate::set_file::{self, ReleaseOf};
use crate::spi::{self, Parameter};
use pg_moderation_engine::Item;
use std::ffi::CStr;

/// Smaller sets compile at once anyway.
const MIN_BASE_ITEMS: i64 = 10_000;
/// Set files looked at, the latest first.
const MAX_CANDIDATES: usize = 8;

/// Slot and item.
pub type Removed = (u16, i64);

pub struct SmallChange {
    /// Name of the set that it changes.
    pub base: String,
    pub added: Vec<Item>,
    pub removed: Vec<Removed>,
    /// All images and videos: their index is small beside the terms, and always whole.
    pub media: MediaItems,
    /// What the changed set consists of.
    pub releases: Vec<ReleaseOf>,
}

// What release $3 has and release $2 has not: of two releases the later one first ...
const CAME: &CStr = c"
SELECT v.item_id, v.allow, v.term, v.match::text, v.level::text, v.weight, v.language
FROM moderation.item_versions v
WHERE v.package_id = $1 AND v.added_in > $2 AND v.added_in <= $3 AND (v.removed_in IS NULL OR v.removed_in > $3)
  AND v.kind = 'term' LIMIT $4";
// ... and the other way round.
const WENT: &CStr = c"
SELECT v.item_id, v.allow, v.term, v.match::text, v.level::text, v.weight, v.language
FROM moderation.item_versions v
WHERE v.package_id = $1 AND v.removed_in > $2 AND v.removed_in <= $3 AND v.added_in <= $2
  AND v.kind = 'term' LIMIT $4";
const KEY: &CStr = c"
SELECT uuid_send(r.release_key) || r.content_hash FROM moderation.releases r WHERE r.package_id = $1 AND r.release = $2";

/// Finds the releases as a small change of a set that has a file.
pub fn find(installed: Installed, releases: &[Release]) -> Result<Option<SmallChange>> {
    let items: i64 = releases.iter().map(|r| i64::from(r.items)).sum();
    if items < MIN_BASE_ITEMS {
        return Ok(None);
    }
    for listed in set_file::list(true).into_iter().take(MAX_CANDIDATES) {
        let Some(about) = listed.about.filter(|about| about.base.is_none()) else {
            continue;
        };
        if let Some(change) = difference(installed, &listed.name, &about.releases, releases, items)? {
            return Ok(Some(change));
        }
    }
    Ok(None)
}

/// What came and what went between two sets; `None` when that is too much, or cannot be told.
fn difference(
    installed: Installed,
    name: &str,
    base: &[ReleaseOf],
    releases: &[Release],
    items: i64,
) -> Result<Option<SmallChange>> {
    let same_slots = base.len() <= releases.len()
        && base
            .iter()
            .zip(releases)
            .all(|(old, new)| old.package_id == new.package_id && old.live == new.is_live());
    let most = usize::try_from(items / 20).unwrap_or(0).max(1_000);
    if !same_slots {
        return Ok(None);
    }
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    let mut media = MediaItems::default();
    let mut about = Vec::new();
    for (slot, new) in releases.iter().enumerate() {
        let slot = slot_number(slot)?;
        let Some(old) = base.get(usize::from(slot)) else {
            // A slot that the base has not: all its items came.
            if usize::try_from(new.items).is_ok_and(|n| added.len() + n > most) {
                return Ok(None);
            }
            let of_media = compiled::load(installed, slot, new, &mut added, &mut media)?;
            about.push(release_of(new, of_media));
            continue;
        };
        let mut load_media = || {
            let _owner = AsOwner::new(installed.owner);
            media::load(slot, new, &mut media).map(|found| i32::try_from(found).unwrap_or(i32::MAX))
        };
        if old.key == hex(&new.key) && old.release == new.release {
            if old.media > 0 {
                load_media()?;
            }
            about.push(old.clone());
            continue;
        }
        if key_of(installed, old)? != Some(old.key.clone()) {
            return Ok(None);
        }
        let (came, went) = match old.release < new.release {
            true => (CAME, WENT),
            false => (WENT, CAME),
        };
        let (from, to) = (old.release.min(new.release), old.release.max(new.release));
        let read = |sql| {
            let mut out = Vec::new();
            let parameters = [new.package_id, from, to, most as i32 + 1].map(Parameter::int4);
            compiled::read_items(installed, sql, &parameters, slot, &mut out).map(|()| out)
        };
        let (came, went) = (read(came)?, read(went)?);
        let terms = i64::from(old.items - old.media) - went.len() as i64 + came.len() as i64;
        let of_media = if terms == i64::from(new.items) {
            0
        } else {
            load_media()?
        };
        if terms + i64::from(of_media) != i64::from(new.items) {
            // Too much, or not all of it has been replicated yet.
            return Ok(None);
        }
        about.push(release_of(new, of_media));
        added.extend(came);
        removed.extend(went.into_iter().map(|item| (slot, item.id)));
        if added.len() + removed.len() > most {
            return Ok(None);
        }
    }
    Ok(Some(SmallChange {
        base: name.to_owned(),
        added,
        removed,
        media,
        releases: about,
    }))
}

/// What names the content of a release in this database now: it may have been rolled back and made anew.
fn key_of(installed: Installed, release: &ReleaseOf) -> Result<Option<String>> {
    let _owner = AsOwner::new(installed.owner);
    let mut key = None;
    let parameters = [release.package_id, release.release].map(Parameter::int4);
    spi::read(KEY, &parameters, |row| {
        key = row.bytes(1).map(|key| hex(&key));
        Ok(())
    })?;
    Ok(key)
}

pub fn encode_removed(removed: &[Removed]) -> Vec<u8> {
    let mut out = Vec::with_capacity(removed.len() * 10);
    for (slot, item) in removed {
        out.extend_from_slice(&slot.to_le_bytes());
        out.extend_from_slice(&item.to_le_bytes());
    }
    out
}

pub fn decode_removed(bytes: &[u8]) -> Vec<Removed> {
    let rows = bytes.as_chunks::<10>().0.iter();
    rows.filter_map(|row| {
        let (slot, item) = row.split_first_chunk::<2>()?;
        Some((
            u16::from_le_bytes(*slot),
            i64::from_le_bytes(item.try_into().ok()?),
        ))
    })
    .collect()
}
