//! Releases and drafts that a statement asks for by name, whether in force or not, with the compiled sets of them: one by
//! itself, or a candidate among what is live. Kept for the statement; not for what is in force, see `in_force`.

use crate::compiled::{self, Compiled};
use crate::error::{Error, Result};
use crate::identity::AsOwner;
use crate::in_force::InForce;
use crate::release::{Release, Selection, set_hash};
use crate::rollout::NUMBERS;
use crate::rules;
use crate::schedule::Time;
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
    /// Everything, whenever it counts.
    pub selection: Selection,
}

/// What the running statement asked for.
#[derive(Default)]
struct Kept {
    asked: Vec<Rc<Asked>>,
    compared: Vec<Rc<Compared>>,
}

thread_local! {
    static KEPT: RefCell<Kept> = RefCell::default();
}

/// Another statement begins, or what this one saw was taken back.
pub fn forget() {
    KEPT.with_borrow_mut(|kept| {
        kept.asked.clear();
        kept.compared.clear();
    });
}

/// One release of a package (`number`), or its draft (`None`), whether in force or not. `map` must be [`current`].
pub fn asked(map: &InForce, package: &str, number: Option<i32>) -> Result<Rc<Asked>> {
    let &package_id = map
        .packages
        .get(package)
        .ok_or_else(|| Error::UnknownPackage(package.to_owned()))?;
    let known = KEPT.with_borrow(|kept| {
        kept.asked
            .iter()
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
    KEPT.with_borrow_mut(|kept| kept.asked.push(asked.clone()));
    Ok(asked)
}

/// The same without its compiled set.
pub fn release(map: &InForce, package: &str, number: Option<i32>) -> Result<Release> {
    let &package_id = map
        .packages
        .get(package)
        .ok_or_else(|| Error::UnknownPackage(package.to_owned()))?;
    read_asked(map, package, package_id, number)
}

/// A candidate (a release, or the draft when `None`) against another release (or what is live when `None`), among the live
/// releases of all other packages. `map` must be [`current`].
pub fn compared(
    map: &InForce,
    package: &str,
    candidate: Option<i32>,
    against: Option<i32>,
) -> Result<Rc<Compared>> {
    let &package_id = map
        .packages
        .get(package)
        .ok_or_else(|| Error::UnknownPackage(package.to_owned()))?;
    let numbers = (candidate, against);
    let known = KEPT.with_borrow(|kept| {
        kept.compared
            .iter()
            .find(|compared| compared.package_id == package_id && compared.numbers == numbers)
            .cloned()
    });
    if let Some(compared) = known {
        return Ok(compared);
    }
    // In the middle of a rollout two releases of a package are live: the one that judges more counts.
    let mut releases: Vec<Release> = Vec::new();
    for release in map.releases.iter().filter(|release| release.is_live()) {
        match releases
            .last_mut()
            .filter(|last| last.package_id == release.package_id)
        {
            Some(last) if last.share() < release.share() => *last = release.clone(),
            Some(_) => {}
            None => releases.push(release.clone()),
        }
    }
    let ours = releases
        .iter()
        .position(|release| release.package_id == package_id);
    let mut before = ours.map(|at| releases.remove(at));
    if against.is_some() {
        before = Some(read_asked(map, package, package_id, against)?);
    }
    let slot = |releases: &[Release]| {
        u16::try_from(releases.len()).map_err(|_| Error::Internal("more than 65,535 releases in force"))
    };
    let before = before
        .map(|release| {
            releases.push(release);
            slot(&releases).map(|next| next - 1)
        })
        .transpose()?;
    let after = slot(&releases)?;
    releases.push(read_asked(map, package, package_id, candidate)?);
    let compiled = compiled::get(map.installed, &set_hash(&releases), &releases)?;
    let compared = Rc::new(Compared {
        package_id,
        numbers,
        releases,
        before,
        after,
        compiled,
        selection: Selection::timeless(),
    });
    KEPT.with_borrow_mut(|kept| kept.compared.push(compared.clone()));
    Ok(compared)
}

const ASKED_RELEASE: &std::ffi::CStr = c"
SELECT r.release, r.action::text, r.threshold, uuid_send(r.release_key) || r.content_hash,
       r.terms + r.allow_entries + r.images + r.videos, r.max_distance::integer, r.rules::text
FROM moderation.releases r WHERE r.package_id = $1 AND r.release = $2";

const ASKED_DRAFT: &std::ffi::CStr = c"
SELECT p.latest_release + 1, p.action::text, p.threshold, uuid_send(d.draft_key),
       d.terms + d.allow_entries + d.images + d.videos, p.max_distance::integer, p.rules::text
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
            // What was asked for is judged by as what it contains, for all contents and at any time.
            scheduled: 0,
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
