//! Compiled sets: from the items of releases to a matcher, and the few a backend keeps.
//!
//! A set is found by its name, the hash of everything that went into it, so what is found here is always right. The
//! seam to the engine is `compile(items) -> bytes` and `Matcher::open(bytes)`.

use crate::error::{Error, Result};
use crate::gucs;
use crate::identity::{AsOwner, Installed};
use crate::in_force::Release;
use crate::media::{self, MediaItems, MediaSet};
use crate::spi::{self, Parameter};
use pg_moderation_engine::{Item, Language, Level, MatchMode, Matcher, Term, compile};
use std::cell::RefCell;
use std::rc::Rc;

pub struct Compiled {
    pub matcher: Matcher,
    pub media: MediaSet,
    /// Memory it holds, in bytes.
    bytes: usize,
}

thread_local! {
    /// Most recently used last.
    static CACHE: RefCell<Vec<([u8; 32], Rc<Compiled>)>> = const { RefCell::new(Vec::new()) };
}

/// The compiled set `name` of `releases`, from the cache or built under the active snapshot.
pub fn get(installed: Installed, name: &[u8; 32], releases: &[Release]) -> Result<Rc<Compiled>> {
    let cached = CACHE.with_borrow_mut(|cache| {
        let position = cache.iter().position(|(known, _)| known == name)?;
        let entry = cache.remove(position);
        let compiled = entry.1.clone();
        cache.push(entry);
        Some(compiled)
    });
    if let Some(compiled) = cached {
        return Ok(compiled);
    }
    let compiled = Rc::new(build(installed, releases)?);
    CACHE.with_borrow_mut(|cache| {
        cache.push((*name, compiled.clone()));
        let budget = (gucs::COMPILED_CACHE.get() as usize).saturating_mul(1024);
        let mut held: usize = cache.iter().map(|(_, compiled)| compiled.bytes).sum();
        while held > budget && cache.len() > 1 {
            held -= cache.remove(0).1.bytes;
        }
    });
    Ok(compiled)
}

/// Asked by the engine during long work. An interrupt does not return: it unwinds to the call's guard.
pub fn interrupted() -> bool {
    pgrx::check_for_interrupts!();
    false
}

fn build(installed: Installed, releases: &[Release]) -> Result<Compiled> {
    let mut items = Vec::new();
    let mut media = MediaItems::default();
    for (slot, release) in releases.iter().enumerate() {
        let slot = u16::try_from(slot).map_err(|_| Error::Internal("more than 65,536 releases in force"))?;
        load(installed, slot, release, &mut items, &mut media)?;
    }
    let bytes = compile(&items, &mut interrupted)?;
    drop(items);
    let matcher = Matcher::open(&bytes)?;
    let media = MediaSet::compile(&media)?;
    let bytes = matcher.heap_bytes() + media.heap_bytes();
    Ok(Compiled {
        matcher,
        media,
        bytes,
    })
}

const ITEMS: &std::ffi::CStr = c"
SELECT v.item_id, v.allow, v.term, v.match::text, v.level::text, v.weight, v.language
FROM moderation.item_versions v
WHERE v.package_id = $1 AND v.added_in <= $2 AND (v.removed_in IS NULL OR v.removed_in > $2) AND v.kind = 'term'";

/// Loads the items of a release, all of them or none: while logical replication makes its first copy, a release may have
/// arrived before its items.
pub fn load(
    installed: Installed,
    slot: u16,
    release: &Release,
    items: &mut Vec<Item>,
    media: &mut MediaItems,
) -> Result<()> {
    let _owner = AsOwner::new(installed.owner);
    let parameters = [
        Parameter::int4(release.package_id),
        Parameter::int4(release.release),
    ];
    let before = items.len();
    spi::read_large(ITEMS, &parameters, |row| {
        items
            .try_reserve(1)
            .map_err(|_| Error::Compile(pg_moderation_engine::CompileError::OutOfMemory))?;
        items.push(Item {
            id: row.int8(1).unwrap_or_default(),
            slot,
            allow: row.boolean(2).unwrap_or_default(),
            weight: row.float4(6).unwrap_or(1.0),
            term: Term {
                text: row.text(3)?.unwrap_or_default(),
                mode: match_mode(&row.text(4)?.unwrap_or_default())?,
                level: level(&row.text(5)?.unwrap_or_default())?,
                language: language(row.text(7)?.as_deref())?,
            },
        });
        Ok(())
    })?;
    let mut found = items.len() - before;
    if usize::try_from(release.items) != Ok(found) {
        found += media::load(slot, release, media)?;
    }
    if usize::try_from(release.items) == Ok(found) {
        return Ok(());
    }
    // Under its name in the cache it would be wrong for ever.
    Err(Error::IncompleteRelease {
        package: release.package.clone(),
        release: release.release,
        expected: release.items,
        found,
    })
}

/// Every match mode; the engine names them as `moderation.match_mode` does.
const MODES: [MatchMode; 13] = [
    MatchMode::Word,
    MatchMode::Prefix,
    MatchMode::Suffix,
    MatchMode::Substring,
    MatchMode::Wildcard,
    MatchMode::Inflected,
    MatchMode::Typo,
    MatchMode::Regex,
    MatchMode::Rule,
    MatchMode::Domain,
    MatchMode::Phone,
    MatchMode::Email,
    MatchMode::Handle,
];

/// `moderation.match_mode` as the engine knows it.
pub fn match_mode(label: &str) -> Result<MatchMode> {
    MODES
        .into_iter()
        .find(|mode| mode.name() == label)
        .ok_or(Error::Internal("unknown match mode"))
}

/// `moderation.match_level` as the engine knows it.
pub fn level(label: &str) -> Result<Level> {
    [Level::Literal, Level::Folded, Level::Evasion]
        .into_iter()
        .find(|level| level.name() == label)
        .ok_or(Error::Internal("unknown match level"))
}

/// The language with this ISO 639-1 code.
pub fn language(code: Option<&str>) -> Result<Option<Language>> {
    code.map(|code| Language::from_code(code).ok_or_else(|| Error::UnknownLanguage(code.to_owned())))
        .transpose()
}
