//! Releases and drafts that a statement asks for by number, in force or not: one alone, or a candidate compared with what
//! is live. They are read once a statement, whose map (`in_force`) keeps them.
//!
//! Not for what is in force: see `in_force`.

use crate::compiled::{self, Compiled};
use crate::error::{Error, Result};
use crate::identity::AsOwner;
use crate::in_force::{InForce, Release, Selection};
use crate::release::set_hash;
use crate::rollout::NUMBERS;
use crate::rules;
use crate::schedule::{self, Moment, Time};
use crate::spi;
use std::cell::RefCell;
use std::rc::Rc;

/// A release or draft that a statement asked for explicitly.
pub struct Asked {
    package_id: i32,
    /// `None`: the draft.
    number: Option<i32>,
    pub release: Release,
    pub compiled: Rc<Compiled>,
}

/// What is live, with one package both as it is (or as another release of it) and as a candidate would make it: one set,
/// so that one pass over a text gives both verdicts.
pub struct Compared {
    package_id: i32,
    /// Release numbers asked for; `None`: the draft, and what is live.
    numbers: (Option<i32>, Option<i32>),
    pub releases: Vec<Release>,
    /// Slot of the package before; `None` while nothing of it is live.
    pub before: Option<u16>,
    pub after: u16,
    pub compiled: Rc<Compiled>,
    /// All slots, and the items that count now: a backtest says what would happen to a content that came in now.
    pub selection: Selection,
}

thread_local! {
    static ASKED: RefCell<Vec<Rc<Asked>>> = const { RefCell::new(Vec::new()) };
    static COMPARED: RefCell<Vec<Rc<Compared>>> = const { RefCell::new(Vec::new()) };
}

/// Called when the statement's map changes.
pub fn forget() {
    ASKED.with_borrow_mut(Vec::clear);
    COMPARED.with_borrow_mut(Vec::clear);
}

/// One release of a package (`number`), or its draft (`None`), whether in force or not. `map` must be `in_force::current()`.
pub fn asked(map: &InForce, package: &str, number: Option<i32>) -> Result<Rc<Asked>> {
    let package_id = package_id(map, package)?;
    let known = ASKED.with_borrow(|all| {
        all.iter()
            .find(|asked| asked.package_id == package_id && asked.number == number)
            .cloned()
    });
    if let Some(asked) = known {
        return Ok(asked);
    }
    let release = read_asked(map, package, package_id, number)?;
    let name = set_hash(std::slice::from_ref(&release));
    let compiled = compiled::get(map.installed, &name, std::slice::from_ref(&release))?;
    let asked = Rc::new(Asked {
        package_id,
        number,
        release,
        compiled,
    });
    ASKED.with_borrow_mut(|all| all.push(asked.clone()));
    Ok(asked)
}

/// The same without its compiled set.
pub fn release(map: &InForce, package: &str, number: Option<i32>) -> Result<Release> {
    let package_id = package_id(map, package)?;
    read_asked(map, package, package_id, number)
}

/// A candidate (a release, or the draft when `None`) against another release (or what is live when `None`), among the live
/// releases of all other packages. `map` must be `in_force::current()`.
pub fn compared(
    map: &InForce,
    package: &str,
    candidate: Option<i32>,
    against: Option<i32>,
) -> Result<Rc<Compared>> {
    let package_id = package_id(map, package)?;
    let numbers = (candidate, against);
    let known = COMPARED.with_borrow(|all| {
        all.iter()
            .find(|compared| compared.package_id == package_id && compared.numbers == numbers)
            .cloned()
    });
    if let Some(compared) = known {
        return Ok(compared);
    }
    let compared = Rc::new(Compared::read(map, package, package_id, numbers)?);
    COMPARED.with_borrow_mut(|all| all.push(compared.clone()));
    Ok(compared)
}

impl Compared {
    fn read(
        map: &InForce,
        package: &str,
        package_id: i32,
        numbers: (Option<i32>, Option<i32>),
    ) -> Result<Self> {
        let (candidate, against) = numbers;
        let now = map.time();
        let mut releases = others(map, package_id, now);
        let slot = |releases: &[Release]| compiled::slot_number(releases.len());
        let before = match against {
            Some(_) => Some(read_asked(map, package, package_id, against)?),
            // What is live of the package itself, also while its own times keep it out of force.
            None => mostly(
                map.releases
                    .iter()
                    .filter(|r| r.is_live() && r.package_id == package_id),
            )
            .pop(),
        };
        let before = before
            .map(|release| {
                let slot = slot(&releases)?;
                releases.push(release);
                Ok::<u16, Error>(slot)
            })
            .transpose()?;
        let after = slot(&releases)?;
        releases.push(read_asked(map, package, package_id, candidate)?);
        let name = set_hash(&releases);
        let compiled = compiled::get(map.installed, &name, &releases)?;
        let times = schedule::times(map.installed, &name, &releases)?;
        let moment = Moment::at(now, &releases, &times, &map.overrides);
        Ok(Self {
            package_id,
            numbers,
            releases,
            before,
            after,
            compiled,
            selection: Selection {
                slots: None,
                moment: Rc::new(moment),
            },
        })
    }
}

/// The live releases of all other packages.
fn others(map: &InForce, package_id: i32, now: Time) -> Vec<Release> {
    let judges = |release: &&Release| {
        release.is_live() && release.package_id != package_id && release.is_valid_at(now)
    };
    mostly(map.releases.iter().filter(judges))
}

/// One release of each package: in the middle of a rollout the one that judges more.
fn mostly<'r>(releases: impl Iterator<Item = &'r Release>) -> Vec<Release> {
    let mut out: Vec<Release> = Vec::new();
    for release in releases {
        match out
            .last_mut()
            .filter(|last| last.package_id == release.package_id)
        {
            Some(last) if last.share() < release.share() => *last = release.clone(),
            Some(_) => {}
            None => out.push(release.clone()),
        }
    }
    out
}

fn package_id(map: &InForce, package: &str) -> Result<i32> {
    map.package_id(package)
        .ok_or_else(|| Error::UnknownPackage(package.to_owned()))
}

const ASKED_RELEASE: &std::ffi::CStr = c"
SELECT r.release, r.action::text, r.threshold, uuid_send(r.release_key) || r.content_hash,
       r.terms + r.allow_entries + r.images + r.videos, r.max_distance::integer, r.rules::text, r.scheduled
FROM moderation.releases r WHERE r.package_id = $1 AND r.release = $2";

const ASKED_DRAFT: &std::ffi::CStr = c"
SELECT p.latest_release + 1, p.action::text, p.threshold, uuid_send(d.draft_key),
       d.terms + d.allow_entries + d.images + d.videos, p.max_distance::integer, p.rules::text,
       (SELECT count(*)::integer FROM moderation.item_versions v
        WHERE v.package_id = p.package_id AND (v.valid_from IS NOT NULL OR v.expires_at IS NOT NULL))
FROM moderation.packages p JOIN moderation.drafts d ON d.package_id = p.package_id
WHERE p.package_id = $1";

fn read_asked(map: &InForce, package: &str, package_id: i32, number: Option<i32>) -> Result<Release> {
    let _owner = AsOwner::new(map.installed.owner);
    let mut found = None;
    let mut each = |row: &spi::Row| {
        found = Some(Release {
            package_id,
            package: package.to_owned(),
            release: row.int4(1).unwrap_or_default(),
            stage: None,
            action: row.text(2)?.unwrap_or_default(),
            threshold: row.float4(3).unwrap_or_default(),
            key: row.bytes(4).unwrap_or_default(),
            items: row.int4(5).unwrap_or_default(),
            max_distance: row.int4(6).unwrap_or_default(),
            scheduled: row.int4(8).unwrap_or_default(),
            // What was asked for judges all contents, at any time.
            numbers: (0, NUMBERS),
            salt: Vec::new(),
            valid: (Time::MIN, Time::MAX),
            rules: rules::parse(row.text(7)?)?,
        });
        Ok(())
    };
    let id = spi::Parameter::int4(package_id);
    match number {
        Some(number) => spi::read(ASKED_RELEASE, &[id, spi::Parameter::int4(number)], &mut each)?,
        None => spi::read(ASKED_DRAFT, &[id], &mut each)?,
    }
    found.ok_or_else(|| Error::UnknownRelease {
        package: package.to_owned(),
        release: number.unwrap_or_default(),
    })
}
