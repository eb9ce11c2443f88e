//! Compiled sets: from the items of releases to a matcher, and the few a backend keeps.
//!
//! A set is found by its name, the hash of everything that went into it, so what is found here is always right. What is
//! in force is compiled once on a machine, into a file that everybody maps (`set_file`); other releases and drafts stay in
//! the memory of who asked for them. The seam to the engine is `compile(items) -> bytes` and
//! `Matcher::open_in_place(bytes)`.

use crate::error::{Error, Result};
use crate::gucs;
use crate::identity::{AsOwner, Installed};
use crate::in_force::Release;
use crate::media::{self, MediaItems, MediaSet};
use crate::record::hex;
use crate::set_file::{self, About, Name, ReleaseOf, SetFile, Turn};
use crate::small_change;
use crate::spi::{self, Parameter};
use pg_moderation_engine::{Item, Language, Level, MatchMode, Matcher, Term, compile, compile_owned};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

pub struct Compiled {
    pub matcher: Matcher,
    pub media: MediaSet,
    /// Memory it holds of this process alone, in bytes.
    bytes: usize,
    pub is_mapped: bool,
}

thread_local! {
    /// Most recently used last.
    static CACHE: RefCell<Vec<(Name, Rc<Compiled>)>> = const { RefCell::new(Vec::new()) };
}

/// The compiled set `name` of `releases`, compiled under the active snapshot and kept by this process alone.
pub fn get(installed: Installed, name: &Name, releases: &[Release]) -> Result<Rc<Compiled>> {
    cached(name, || whole(installed, releases)?.private())
}

/// The same for what is in force: from the file that all processes map, which is compiled if it is not there.
pub fn get_shared(installed: Installed, name: &Name, releases: &[Release]) -> Result<Rc<Compiled>> {
    cached(name, || {
        if let Some(compiled) = SetFile::open(name).and_then(|file| mapped(&file)) {
            return Ok(compiled);
        }
        match set_file::wait_for_turn(name) {
            Turn::Done(file) => match mapped(&file) {
                Some(compiled) => Ok(compiled),
                // Its base is gone.
                None => build(installed, name, releases, false),
            },
            Turn::Ours(Some(_lock)) => build(installed, name, releases, true),
            Turn::Ours(None) => whole(installed, releases)?.private(),
        }
    })
}

/// Is this set one that the backend has at hand, and mapped?
pub fn is_mapped(name: &Name) -> Option<bool> {
    CACHE.with_borrow(|cache| {
        let (_, compiled) = cache.iter().find(|(known, _)| known == name)?;
        Some(compiled.is_mapped)
    })
}

fn cached(name: &Name, make: impl FnOnce() -> Result<Compiled>) -> Result<Rc<Compiled>> {
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
    let compiled = Rc::new(make()?);
    CACHE.with_borrow_mut(|cache| {
        cache.push((*name, compiled.clone()));
        let budget = (gucs::COMPILED_CACHE.get() as usize).saturating_mul(1024);
        let mut held: usize = cache.iter().map(|(_, compiled)| compiled.bytes).sum();
        // Mapped sets cost this process nothing, but their files should not live on for ever.
        while (held > budget || cache.len() > MAX_CACHED) && cache.len() > 1 {
            held -= cache.remove(0).1.bytes;
        }
    });
    Ok(compiled)
}

/// Sets that a backend keeps at most.
const MAX_CACHED: usize = 64;

/// Asked by the engine during long work. An interrupt does not return: it unwinds to the call's guard.
pub fn interrupted() -> bool {
    pgrx::check_for_interrupts!();
    false
}

/// What a set is compiled to.
struct Parts {
    terms: Vec<u8>,
    media: Option<Vec<u8>>,
    releases: Vec<ReleaseOf>,
}

impl Parts {
    fn private(self) -> Result<Compiled> {
        let matcher = Matcher::open_in_place(self.terms)?;
        let media = MediaSet::private(self.media);
        Ok(Compiled {
            bytes: matcher.heap_bytes() + matcher.set_bytes() + media.heap_bytes(),
            matcher,
            media,
            is_mapped: false,
        })
    }
}

/// Compiles all items of the releases.
fn whole(installed: Installed, releases: &[Release]) -> Result<Parts> {
    let mut items = Vec::new();
    let mut media = MediaItems::default();
    let mut about = Vec::new();
    for (slot, release) in releases.iter().enumerate() {
        let media = load(installed, slot_number(slot)?, release, &mut items, &mut media)?;
        about.push(release_of(release, media));
    }
    Ok(Parts {
        terms: compile_owned(items, &mut interrupted)?,
        media: MediaSet::compile(&media)?,
        releases: about,
    })
}

/// The matcher of a file, and of the one it is a change of; `None` when that one is not there any more.
fn mapped(file: &SetFile) -> Option<Compiled> {
    let terms = |file: &SetFile| Matcher::open_in_place(file.section("terms")?).ok();
    let own = terms(file)?;
    let matcher = match &file.about.base {
        None => own,
        Some(base) => {
            let base = SetFile::open(&set_file::unhex(base)?)?;
            let removed = small_change::decode_removed(file.section("removed")?.as_ref());
            terms(&base)?.changed(&removed, &own)
        }
    };
    Some(Compiled {
        bytes: matcher.heap_bytes(),
        matcher,
        media: MediaSet::mapped(file.section("media")),
        is_mapped: true,
    })
}

/// Compiles a set into its file. Holding the lock, unless `may_change` is false.
fn build(installed: Installed, name: &Name, releases: &[Release], may_change: bool) -> Result<Compiled> {
    let began = Instant::now();
    let change = match may_change {
        true => small_change::find(installed, releases)?,
        false => None,
    };
    let (base, parts, removed) = match change {
        Some(change) => {
            let parts = Parts {
                terms: compile(&change.added, &mut interrupted)?,
                media: MediaSet::compile(&change.media)?,
                releases: change.releases,
            };
            (
                Some(change.base),
                parts,
                small_change::encode_removed(&change.removed),
            )
        }
        None => (None, whole(installed, releases)?, Vec::new()),
    };
    let about = About {
        releases: parts.releases.clone(),
        base,
        build_ms: began.elapsed().as_millis() as u64,
    };
    let mut sections: Vec<(&str, &[u8])> = vec![("terms", &parts.terms)];
    if about.base.is_some() {
        sections.push(("removed", &removed));
    }
    if let Some(media) = &parts.media {
        sections.push(("media", media));
    }
    let written = set_file::write(name, &about, &sections);
    if let Err(error) = &written {
        set_file::warn_once(error);
    }
    let mut keep = vec![hex(name)];
    keep.extend(about.base.clone());
    set_file::collect(&keep);
    if written.is_ok()
        && let Some(compiled) = SetFile::open(name).and_then(|file| mapped(&file))
    {
        return Ok(compiled);
    }
    match about.base {
        None => parts.private(),
        Some(_) => whole(installed, releases)?.private(),
    }
}

/// What a set says of one of its releases, which has so many images and videos.
pub fn release_of(release: &Release, media: i32) -> ReleaseOf {
    ReleaseOf {
        package_id: release.package_id,
        release: release.release,
        live: release.is_live(),
        key: hex(&release.key),
        items: release.items,
        media,
    }
}

/// The number of a slot in compiled sets.
pub fn slot_number(slot: usize) -> Result<u16> {
    u16::try_from(slot).map_err(|_| Error::Internal("more than 65,536 releases in force"))
}

const ITEMS: &std::ffi::CStr = c"
SELECT v.item_id, v.allow, v.term, v.match::text, v.level::text, v.weight, v.language
FROM moderation.item_versions v
WHERE v.package_id = $1 AND v.added_in <= $2 AND (v.removed_in IS NULL OR v.removed_in > $2) AND v.kind = 'term'";

/// Loads the items of a release, all of them or none: while logical replication makes its first copy, a release may have
/// arrived before its items. Returns how many images and videos it has.
pub fn load(
    installed: Installed,
    slot: u16,
    release: &Release,
    items: &mut Vec<Item>,
    media: &mut MediaItems,
) -> Result<i32> {
    let parameters = [
        Parameter::int4(release.package_id),
        Parameter::int4(release.release),
    ];
    let before = items.len();
    read_items(installed, ITEMS, &parameters, slot, items)?;
    let mut found = items.len() - before;
    let mut of_media = 0;
    if usize::try_from(release.items) != Ok(found) {
        let _owner = AsOwner::new(installed.owner);
        of_media = media::load(slot, release, media)?;
        found += of_media;
    }
    if usize::try_from(release.items) == Ok(found) {
        return Ok(i32::try_from(of_media).unwrap_or(i32::MAX));
    }
    // Under its name in the cache it would be wrong for ever.
    Err(Error::IncompleteRelease {
        package: release.package.clone(),
        release: release.release,
        expected: release.items,
        found,
    })
}

/// Reads items by a query with the columns of [`ITEMS`].
pub fn read_items(
    installed: Installed,
    sql: &std::ffi::CStr,
    parameters: &[Parameter],
    slot: u16,
    items: &mut Vec<Item>,
) -> Result<()> {
    let _owner = AsOwner::new(installed.owner);
    spi::read_large(sql, parameters, |row| {
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
    })
}

/// `moderation.match_mode` as the engine knows it.
pub fn match_mode(label: &str) -> Result<MatchMode> {
    MatchMode::ALL
        .into_iter()
        .find(|mode| mode.name() == label)
        .ok_or(Error::Internal("unknown match mode"))
}

/// `moderation.match_level` as the engine knows it.
pub fn level(label: &str) -> Result<Level> {
    Level::ALL
        .into_iter()
        .find(|level| level.name() == label)
        .ok_or(Error::Internal("unknown match level"))
}

/// The language with this ISO 639-1 code.
pub fn language(code: Option<&str>) -> Result<Option<Language>> {
    code.map(|code| Language::from_code(code).ok_or_else(|| Error::UnknownLanguage(code.to_owned())))
        .transpose()
}
