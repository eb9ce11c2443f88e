//! What is in force: the small map *packages → releases* that every verdict starts from, and when it is fresh.
//!
//! Compiled sets are named by their content and never wrong; only this map can be stale. The rules:
//!
//! 1. A statement is judged by one map: the one its own snapshot sees. It is *pinned* to that snapshot.
//! 2. A map outlives its statement (is *clean*) only if a second read under a fresh snapshot, taken after accepting
//!    invalidations, gives the same map; one that sees the same rows as the statement's need not be read
//!    by. A statement with an older snapshot than that read (a cursor, a long COPY, one that waited for a lock) reads for
//!    itself.
//! 3. A relcache invalidation of `moderation.in_force_signal` ends cleanness. The triggers on deployments, releases and
//!    packages send it; it reaches other backends after our commit, ourselves at once, nobody after a rollback.
//! 4. Under REPEATABLE READ and above, in parallel mode, and while this transaction itself has changed what is in force,
//!    nothing is ever clean.
//!
//! Not for settings of attachments: those hang on the table's triggers, see `attachment`.

use crate::asked;
pub use crate::asked::release;
use crate::compiled::{self, Compiled};
use crate::deployed;
use crate::error::Result;
use crate::identity::Installed;
use crate::pg;
use crate::release::set_hash;
pub use crate::release::{Release, Selection};
use crate::rights::Rights;
use crate::rollout::Lot;
use crate::schedule::{self, Moment, Override, Time};
use crate::snapshot_key::{self, SnapshotKey};
use crate::spi;
use crate::table_scan::{Table, label_oid};
use pgrx::pg_sys;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// The row that the first attach makes; it never changes.
pub struct Installation {
    /// Identity of the installation.
    pub id: String,
    /// Salt of the exposure sample.
    pub salt: Vec<u8>,
}

pub struct InForce {
    pub installed: Installed,
    /// Every package by name, in force or not.
    pub packages: HashMap<String, i32>,
    /// The releases in force; the position is the slot in the compiled set.
    pub releases: Vec<Release>,
    /// Name of the compiled set.
    pub set_hash: [u8; 32],
    /// Who may see what of the packages.
    pub rights: Rights,
    installation: OnceCell<Installation>,
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

    /// Identity of the installation and the salt of its exposure sample; `None` until something was attached.
    pub fn installation(&self) -> Result<Option<&Installation>> {
        if self.installation.get().is_none() {
            let table = Table::open(self.installed.schema, c"installation")?;
            let [id, salt] = table.columns([c"installation_id", c"salt"])?;
            table.each(|row| {
                if let (Some(id), Some(salt)) = (row.printed(id, pg_sys::uuid_out)?, row.bytes(salt)) {
                    self.installation.get_or_init(|| Installation { id, salt });
                }
                Ok(())
            })?;
        }
        // That there is none is not remembered: a later statement may see it.
        Ok(self.installation.get())
    }

    /// The compiled set of everything in force, built at the first use.
    pub fn compiled(&self) -> Result<&Rc<Compiled>> {
        if let Some(compiled) = self.compiled.get() {
            return Ok(compiled);
        }
        let compiled = compiled::get_shared(self.installed, &self.set_hash, &self.releases)?;
        Ok(self.compiled.get_or_init(|| compiled))
    }

    /// A label of one of our enums as a value.
    pub fn label(&self, enum_type: &str, label: &str) -> Result<pg_sys::Datum> {
        let (enum_type, label) = (pg::cstring(enum_type)?, pg::cstring(label)?);
        label_oid(self.installed.schema, &enum_type, &label).map(pg_sys::Datum::from)
    }

    /// May the caller read the material of this package? See [`Rights::may_read`].
    pub fn may_read(&self, package_id: i32) -> Result<bool> {
        self.rights.may_read(self.installed, package_id)
    }

    fn same(&self, other: &Self) -> bool {
        self.set_hash == other.set_hash
            && self.releases == other.releases
            && self.overrides == other.overrides
            && self.packages == other.packages
            && self.rights == other.rights
            && self.installed.signal == other.installed.signal
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
}

/// Called for every relcache invalidation; `InvalidOid` means all relations. Only flags: no catalog access here.
pub fn relation_invalidated(relation: pg_sys::Oid) {
    if relation == pg_sys::InvalidOid || relation == SIGNAL.get() {
        STALE.set(true);
    }
}

pub fn transaction_ended() {
    CHANGED_HERE.set(false);
    snapshot_key::transaction_ended();
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
        None => read_fresh(&key)?,
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

/// Reads the map for the statement whose snapshot is `key`.
fn read_fresh(key: &SnapshotKey) -> Result<Rc<InForce>> {
    let map = Rc::new(read(None)?);
    if !may_share() {
        return Ok(map);
    }
    // Before the flag is cleared: an error in between must not leave an old map that looks clean.
    MAPS.with_borrow_mut(|maps| maps.clean = None);
    // SAFETY: inside a transaction; from here on a message that arrives sets STALE again.
    unsafe { pg_sys::AcceptInvalidationMessages() };
    STALE.set(false);
    let (latest, again) = spi::under_latest_snapshot(|| {
        let latest = SnapshotKey::of_active()?;
        // What sees the same rows would read the same.
        let again = (!latest.sees_what(key)).then(|| read(None)).transpose()?;
        Ok((latest, again))
    })?;
    if again.is_none_or(|again| again.same(&map)) && !STALE.get() {
        MAPS.with_borrow_mut(|maps| maps.clean = Some((latest, map.clone())));
    }
    Ok(map)
}

fn read(at: Option<Time>) -> Result<InForce> {
    let installed = Installed::look_up()?;
    SIGNAL.set(installed.signal);
    let deployed = deployed::read(installed, at)?;
    Ok(InForce {
        installed,
        packages: deployed.packages,
        set_hash: set_hash(&deployed.releases),
        releases: deployed.releases,
        rights: deployed.rights,
        installation: OnceCell::new(),
        overrides: schedule::overrides(installed, at)?,
        at,
        compiled: OnceCell::new(),
        last_package: RefCell::new(None),
        times: OnceCell::new(),
        moment: RefCell::default(),
    })
}
