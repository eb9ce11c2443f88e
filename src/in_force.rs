//! What is in force: the small map *packages → releases* that every verdict starts from, and when it is fresh.
//!
//! Compiled sets are named by their content and never wrong; only this map can be stale. The rules:
//!
//! 1. A statement is judged by one map: the one its own snapshot sees. It is *pinned* to that snapshot.
//! 2. A map outlives its statement (is *clean*) only if a second read under a fresh snapshot, taken after accepting
//!    invalidations, gives the same map. A statement with an older snapshot than that read (a cursor, a long COPY, one
//!    that waited for a lock) reads for itself.
//! 3. A relcache invalidation of `moderation.in_force_signal` ends cleanness. The triggers on deployments, releases and
//!    packages send it; it reaches other backends after our commit, ourselves at once, nobody after a rollback.
//! 4. Under REPEATABLE READ and above, in parallel mode, and while this transaction itself has changed what is in force,
//!    nothing is ever clean.
//!
//! Not for settings of attachments: those hang on the table's triggers, see `attachment`.

use crate::asked;
pub use crate::asked::{Asked, asked, release};
use crate::compiled::{self, Compiled};
use crate::error::{Error, Result};
use crate::identity::{AsOwner, Installed};
use crate::release::set_hash;
pub use crate::release::{Release, Selection};
use crate::rights::{Guard, Rights};
use crate::rollout::{Lot, NUMBERS};
use crate::rules;
use crate::schedule::{self, Moment, Override, Time};
use crate::spi;
use pgrx::pg_sys;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// OIDs of the labels of our enums, so that results need no look-up by name.
pub type Labels = HashMap<(String, String), pg_sys::Oid>;

pub struct InForce {
    pub installed: Installed,
    pub labels: Labels,
    /// Every package by name, in force or not.
    pub packages: HashMap<String, i32>,
    /// The releases in force; the position is the slot in the compiled set.
    pub releases: Vec<Release>,
    /// Name of the compiled set.
    pub set_hash: [u8; 32],
    /// Who may see what of the packages.
    pub rights: Rights,
    /// Salt of the exposure sample and identity of the installation, once something was attached.
    pub installation: Option<(String, Vec<u8>)>,
    /// Items taken out of enforcement.
    pub overrides: Vec<Override>,
    /// The moment that this map is asked for; `None`: the transaction's time.
    at: Option<Time>,
    compiled: OnceCell<Rc<Compiled>>,
    last_package: RefCell<Option<(String, i32)>>,
    times: OnceCell<Rc<schedule::Times>>,
    moment: RefCell<Option<Rc<Moment>>>,
}

impl InForce {
    /// Is some package in the middle of a rollout, so that contents have to draw?
    pub fn is_split(&self) -> bool {
        self.releases.iter().any(|release| !release.judges_all())
    }

    pub fn time(&self) -> Time {
        self.at.unwrap_or_else(schedule::now)
    }

    /// Which items do not count now.
    pub fn moment(&self) -> Result<Rc<Moment>> {
        let now = self.time();
        if let Some(moment) = self.moment.borrow().as_ref().filter(|m| m.holds_at(now)) {
            return Ok(moment.clone());
        }
        let times = match self.times.get() {
            Some(times) => times,
            None => {
                let times = schedule::times(self.installed, &self.set_hash, &self.releases)?;
                self.times.get_or_init(|| times)
            }
        };
        let moment = Rc::new(Moment::at(now, &self.releases, times, &self.overrides));
        *self.moment.borrow_mut() = Some(moment.clone());
        Ok(moment)
    }

    /// The slots and items that judge a content now; `slots` restricts it to some packages.
    pub fn selection(&self, slots: Option<Vec<u16>>, lot: &Lot<'_>) -> Result<Selection> {
        let now = self.time();
        let judges = |release: &Release| release.is_valid_at(now) && release.judges(lot);
        let slots = if self.releases.iter().all(|r| r.judges_all() && r.is_valid_at(now)) {
            slots
        } else {
            let mut slots = slots.unwrap_or_else(|| (0..self.releases.len() as u16).collect());
            slots.retain(|&slot| self.releases.get(usize::from(slot)).is_some_and(judges));
            Some(slots)
        };
        Ok(Selection {
            slots,
            moment: self.moment()?,
        })
    }

    /// The slot of the live release of a package that judges a content now.
    pub fn live_slot(&self, package_id: i32, lot: &Lot<'_>) -> Option<u16> {
        let judges = |release: &Release| {
            release.package_id == package_id
                && release.is_live()
                && release.is_valid_at(self.time())
                && release.judges(lot)
        };
        self.releases.iter().position(judges).map(|slot| slot as u16)
    }

    /// The package of this name. The last name is remembered: a statement mostly asks for one, row after row.
    pub fn package_id(&self, name: &str) -> Option<i32> {
        if let Some((last, id)) = &*self.last_package.borrow()
            && last == name
        {
            return Some(*id);
        }
        let id = *self.packages.get(name)?;
        *self.last_package.borrow_mut() = Some((name.to_owned(), id));
        Some(id)
    }

    /// The compiled set of everything in force, built at the first use.
    pub fn compiled(&self) -> Result<&Rc<Compiled>> {
        if let Some(compiled) = self.compiled.get() {
            return Ok(compiled);
        }
        let compiled = compiled::get_shared(self.installed, &self.set_hash, &self.releases)?;
        Ok(self.compiled.get_or_init(|| compiled))
    }

    pub fn label(&self, enum_type: &str, label: &str) -> Result<pg_sys::Datum> {
        self.labels
            .get(&(enum_type.to_owned(), label.to_owned()))
            .map(|&oid| oid.into())
            .ok_or(Error::Internal("an enum label is missing"))
    }

    /// May the caller read the material of this package? See [`Rights::may_read`].
    pub fn may_read(&self, package_id: i32) -> Result<bool> {
        self.rights.may_read(self.installed.owner, package_id)
    }

    fn same(&self, other: &Self) -> bool {
        self.set_hash == other.set_hash
            && self.releases == other.releases
            && self.overrides == other.overrides
            && self.packages == other.packages
            && self.rights == other.rights
            && self.installation == other.installation
            && self.labels == other.labels
            && self.installed.signal == other.installed.signal
    }
}

/// What decides which rows a snapshot sees, and which statement it belongs to.
#[derive(Clone, Copy, PartialEq)]
struct SnapshotKey {
    xmin: u32,
    xmax: u32,
    in_progress: u32,
    command: u32,
    recovery: bool,
    statement_start: i64,
    transaction: u64,
}

impl SnapshotKey {
    fn of_active() -> Result<Self> {
        // SAFETY: SQL functions run under an active snapshot, which stays while they run.
        unsafe {
            if !pg_sys::ActiveSnapshotSet() {
                return Err(Error::Internal("called without a snapshot"));
            }
            let snapshot = &*pg_sys::GetActiveSnapshot();
            // During recovery running transactions are listed as subtransactions.
            let in_progress = if snapshot.takenDuringRecovery {
                snapshot.subxcnt as u32
            } else {
                snapshot.xcnt
            };
            Ok(Self {
                xmin: snapshot.xmin.into_inner(),
                xmax: snapshot.xmax.into_inner(),
                in_progress,
                command: snapshot.curcid,
                recovery: snapshot.takenDuringRecovery,
                statement_start: pg_sys::GetCurrentStatementStartTimestamp(),
                transaction: TRANSACTION.get(),
            })
        }
    }

    /// Was this snapshot taken when `other` was, or later? xmax (the highest finished XID) only grows, and while it
    /// stands still transactions can only leave the list of running ones.
    fn is_as_new_as(&self, other: &Self) -> bool {
        if self.recovery != other.recovery {
            return false;
        }
        let ahead = self.xmax.wrapping_sub(other.xmax) as i32;
        ahead > 0 || (ahead == 0 && self.in_progress <= other.in_progress)
    }
}

#[derive(Default)]
struct Maps {
    clean: Option<(SnapshotKey, Rc<InForce>)>,
    pinned: Option<(SnapshotKey, Rc<InForce>)>,
    /// The maps of past moments that it asked for.
    past: Vec<(Time, Rc<InForce>)>,
}

impl Maps {
    fn forget_asked(&mut self) {
        self.past.clear();
        asked::forget();
    }
}

/// Past moments that a statement keeps the maps of.
const MAX_PAST: usize = 64;

thread_local! {
    static MAPS: RefCell<Maps> = RefCell::default();
    /// Set by the invalidation callback; cleared before a read that may become clean.
    static STALE: Cell<bool> = const { Cell::new(true) };
    /// The relation whose invalidation makes maps stale.
    static SIGNAL: Cell<pg_sys::Oid> = const { Cell::new(pg_sys::InvalidOid) };
    /// This transaction itself changed what is in force.
    static CHANGED_HERE: Cell<bool> = const { Cell::new(false) };
    /// Counts this backend's transactions.
    static TRANSACTION: Cell<u64> = const { Cell::new(0) };
}

/// Called for every relcache invalidation; `InvalidOid` means all relations. Only flags: no catalog access here.
pub fn relation_invalidated(relation: pg_sys::Oid) {
    if relation == pg_sys::InvalidOid || relation == SIGNAL.get() {
        STALE.set(true);
    }
}

pub fn transaction_ended() {
    CHANGED_HERE.set(false);
    TRANSACTION.set(TRANSACTION.get().wrapping_add(1));
}

/// A rolled-back savepoint takes our own changes with it, without a new command or snapshot to tell.
pub fn subtransaction_aborted() {
    MAPS.with_borrow_mut(|maps| {
        maps.pinned = None;
        maps.forget_asked();
    });
}

/// The triggers' work: mark our own map, tell the others at commit.
pub fn signal_change() -> Result<()> {
    let installed = Installed::look_up()?;
    SIGNAL.set(installed.signal);
    CHANGED_HERE.set(true);
    // SAFETY: the relation exists; queues an invalidation that is sent at commit and dropped at rollback.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(installed.signal) };
    Ok(())
}

/// The map of what is in force for the running statement.
pub fn current() -> Result<Rc<InForce>> {
    let key = SnapshotKey::of_active()?;
    let pinned = MAPS.with_borrow(|maps| match &maps.pinned {
        Some((pinned_key, map)) if *pinned_key == key => Some(map.clone()),
        _ => None,
    });
    if let Some(map) = pinned {
        return Ok(map);
    }
    // SAFETY: inside a transaction. Messages otherwise arrive only with a lock we do not hold yet.
    unsafe { pg_sys::AcceptInvalidationMessages() };
    let map = match clean_for(&key) {
        Some(map) => map,
        None => read_fresh()?,
    };
    MAPS.with_borrow_mut(|maps| {
        maps.pinned = Some((key, map.clone()));
        maps.forget_asked();
    });
    Ok(map)
}

/// The map as it was at a moment: deployments and overrides made until then, and what counts then.
pub fn as_of(at: Time) -> Result<Rc<InForce>> {
    // Pins the statement's own map, which what is kept of the past belongs to.
    current()?;
    let known = MAPS.with_borrow(|maps| {
        let found = maps.past.iter().find(|(time, _)| *time == at);
        found.map(|(_, map)| map.clone())
    });
    if let Some(map) = known {
        return Ok(map);
    }
    let map = Rc::new(read(Some(at))?);
    MAPS.with_borrow_mut(|maps| {
        if maps.past.len() == MAX_PAST {
            maps.past.remove(0);
        }
        maps.past.push((at, map.clone()));
    });
    Ok(map)
}

/// May this transaction use, or leave behind, a map that outlives its statement?
fn may_share() -> bool {
    // SAFETY: plain reads of transaction state.
    unsafe {
        !CHANGED_HERE.get()
            && pg_sys::XactIsoLevel < pg_sys::XACT_REPEATABLE_READ as i32
            && !pg_sys::IsInParallelMode()
    }
}

fn clean_for(key: &SnapshotKey) -> Option<Rc<InForce>> {
    if STALE.get() || CHANGED_HERE.get() {
        return None;
    }
    // SAFETY: plain read of transaction state.
    if unsafe { pg_sys::XactIsoLevel } >= pg_sys::XACT_REPEATABLE_READ as i32 {
        return None;
    }
    MAPS.with_borrow(|maps| match &maps.clean {
        Some((clean_key, map)) if key.is_as_new_as(clean_key) => Some(map.clone()),
        _ => None,
    })
}

fn read_fresh() -> Result<Rc<InForce>> {
    let map = Rc::new(read(None)?);
    if !may_share() {
        return Ok(map);
    }
    // Before the flag is cleared: an error in between must not leave an old map that looks clean.
    MAPS.with_borrow_mut(|maps| maps.clean = None);
    // SAFETY: inside a transaction; from here on a message that arrives sets STALE again.
    unsafe { pg_sys::AcceptInvalidationMessages() };
    STALE.set(false);
    let (latest, again) = spi::under_latest_snapshot(|| Ok((SnapshotKey::of_active()?, read(None)?)))?;
    if again.same(&map) && !STALE.get() {
        MAPS.with_borrow_mut(|maps| maps.clean = Some((latest, map.clone())));
    }
    Ok(map)
}

const PACKAGES: &std::ffi::CStr = c"
SELECT p.package_id, p.name, s.stage::text, r.release, r.action::text, r.threshold, uuid_send(r.release_key), r.content_hash,
       r.terms + r.allow_entries + r.images + r.videos, r.scheduled, part.first, part.past, uuid_send(p.rollout_salt),
       coalesce(d.valid_from, '-infinity'), coalesce(d.expires_at, 'infinity'), r.max_distance::integer, r.rules::text,
       p.restricted, p.team
FROM moderation.packages p
CROSS JOIN unnest(enum_range(NULL::moderation.stage)) AS s(stage)
LEFT JOIN LATERAL (
    SELECT d.release, d.rest, (d.share * 100.0)::integer AS numbers, d.valid_from, d.expires_at
    FROM moderation.deployments d
    WHERE d.package_id = p.package_id AND d.stage = s.stage AND ($1 IS NULL OR d.since <= $1)
    ORDER BY d.deployment_id DESC LIMIT 1) d ON true
LEFT JOIN LATERAL (VALUES (d.release, 0, d.numbers), (d.rest, d.numbers, 10000)) AS part(release, first, past)
    ON part.release IS NOT NULL
LEFT JOIN moderation.releases r ON r.package_id = p.package_id AND r.release = part.release
ORDER BY p.package_id, s.stage, part.first";

const LABELS: &std::ffi::CStr = c"
SELECT t.typname::text, e.enumlabel::text, e.oid
FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
WHERE t.typnamespace = 'moderation'::regnamespace";

const ROLES: &std::ffi::CStr = c"SELECT g.class, g.role FROM moderation.group_roles g";

const INSTALLATION: &std::ffi::CStr = c"SELECT installation_id::text, salt FROM moderation.installation";

fn read(at: Option<Time>) -> Result<InForce> {
    let installed = Installed::look_up()?;
    SIGNAL.set(installed.signal);
    let _owner = AsOwner::new(installed.owner);
    let mut packages = HashMap::new();
    let mut rights = Rights::default();
    let mut releases = Vec::new();
    spi::read(PACKAGES, &[spi::Parameter::timestamptz(at)], |row| {
        let package = row.text(2)?.unwrap_or_default();
        let package_id = row.int4(1).unwrap_or_default();
        if let Some(release) = row.int4(4) {
            let mut key = row.bytes(7).unwrap_or_default();
            key.extend(row.bytes(8).unwrap_or_default());
            releases.push(Release {
                package_id,
                package: package.clone(),
                release,
                stage: row.text(3)?,
                action: row.text(5)?.unwrap_or_default(),
                threshold: row.float4(6).unwrap_or_default(),
                key,
                items: row.int4(9).unwrap_or_default(),
                max_distance: row.int4(16).unwrap_or_default(),
                scheduled: row.int4(10).unwrap_or_default(),
                numbers: (number(row.int4(11)), number(row.int4(12))),
                salt: row.bytes(13).unwrap_or_default(),
                valid: (
                    row.int8(14).unwrap_or(Time::MIN),
                    row.int8(15).unwrap_or(Time::MAX),
                ),
                rules: rules::parse(row.text(17)?)?,
            });
        }
        let guard = Guard {
            restricted: row.boolean(18).unwrap_or_default(),
            team: row.text(19)?,
        };
        if !guard.is_open() {
            rights.guards.insert(package_id, guard);
        }
        packages.insert(package, package_id);
        Ok(())
    })?;
    let mut labels = Labels::new();
    spi::read(LABELS, &[], |row| {
        if let (Some(enum_type), Some(label), Some(oid)) = (row.text(1)?, row.text(2)?, row.oid(3)) {
            labels.insert((enum_type, label), oid);
        }
        Ok(())
    })?;
    spi::read(ROLES, &[], |row| {
        rights.roles.extend(row.text(1)?.zip(row.text(2)?));
        Ok(())
    })?;
    let mut installation = None;
    spi::read(INSTALLATION, &[], |row| {
        installation = row.text(1)?.zip(row.bytes(2));
        Ok(())
    })?;
    Ok(InForce {
        installed,
        labels,
        packages,
        set_hash: set_hash(&releases),
        releases,
        rights,
        installation,
        overrides: schedule::overrides(at)?,
        at,
        compiled: OnceCell::new(),
        last_package: RefCell::new(None),
        times: OnceCell::new(),
        moment: RefCell::default(),
    })
}

fn number(value: Option<i32>) -> u16 {
    value
        .and_then(|value| u16::try_from(value).ok())
        .unwrap_or(NUMBERS)
}
