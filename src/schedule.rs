//! When items count: their own times (`valid_from`, `expires_at`) and overrides (snoozed, or kept to shadow).
//!
//! Times belong to the items of a release and are as immutable as it is: they are found under the name of the compiled
//! set. Overrides belong to what is in force and come with the map. Both become, for one moment, short sorted lists that
//! the matcher skips; the lists hold until the next time at which one of them changes. Nothing is compiled again.

use crate::error::Result;
use crate::identity::{AsOwner, Installed};
use crate::in_force::Release;
use crate::pg::plain;
use crate::spi::{self, Parameter};
use crate::table_scan::Table;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// A moment as PostgreSQL counts: microseconds since 2000-01-01 UTC; the ends of the range are its infinities.
pub type Time = i64;

/// Items as (slot, item), sorted.
pub type Items = Arc<[(u16, i64)]>;

/// From when until when an item of a slot counts.
struct Window {
    slot: u16,
    item: i64,
    from: Time,
    until: Time,
}

/// The items with times of the releases of one compiled set.
pub struct Times(Vec<Window>);

/// An item taken out of enforcement without a publish.
#[derive(Clone, PartialEq)]
pub struct Override {
    pub package_id: i32,
    pub item: i64,
    /// Recorded but not enforced; otherwise as if it were not there.
    pub shadow: bool,
    pub until: Time,
}

/// Which items do not count at a moment, and for how long that holds.
pub struct Moment {
    from: Time,
    until: Time,
    /// As if they were not there.
    pub inactive: Option<Items>,
    /// Found, but not enforced.
    pub shadowed: Option<Items>,
    /// Both: what cannot take part in a live verdict.
    pub unenforced: Option<Items>,
}

impl Moment {
    /// Everything counts, always: releases and drafts asked for by number are judged as what they contain.
    pub fn timeless() -> Self {
        Self {
            from: Time::MIN,
            until: Time::MAX,
            inactive: None,
            shadowed: None,
            unenforced: None,
        }
    }

    pub fn holds_at(&self, now: Time) -> bool {
        self.from <= now && now < self.until
    }

    pub fn is_shadowed(&self, slot: u16, item: i64) -> bool {
        self.shadowed
            .as_ref()
            .is_some_and(|list| list.binary_search(&(slot, item)).is_ok())
    }

    pub fn at(now: Time, releases: &[Release], times: &Times, overrides: &[Override]) -> Self {
        let (mut from, mut until) = (Time::MIN, Time::MAX);
        // The moments around now at which something changes bound how long the lists hold.
        let mut turns = |time: Time| {
            if time <= now {
                from = from.max(time);
            } else {
                until = until.min(time);
            }
        };
        let mut inactive = Vec::new();
        let mut shadowed = Vec::new();
        for window in &times.0 {
            turns(window.from);
            turns(window.until);
            if now < window.from || now >= window.until {
                inactive.push((window.slot, window.item));
            }
        }
        for taken in overrides {
            turns(taken.until);
            if now >= taken.until {
                continue;
            }
            for (slot, release) in releases.iter().enumerate() {
                if release.package_id == taken.package_id {
                    let list = if taken.shadow {
                        &mut shadowed
                    } else {
                        &mut inactive
                    };
                    list.push((slot as u16, taken.item));
                }
            }
        }
        let unenforced = inactive.iter().chain(&shadowed).copied().collect();
        Self {
            from,
            until,
            inactive: sorted(inactive),
            shadowed: sorted(shadowed),
            unenforced: sorted(unenforced),
        }
    }
}

fn sorted(mut items: Vec<(u16, i64)>) -> Option<Items> {
    items.sort_unstable();
    items.dedup();
    (!items.is_empty()).then(|| items.into())
}

/// The transaction's own time, `now()`.
pub fn now() -> Time {
    // SAFETY: plain read of transaction state; parallel workers have their leader's.
    unsafe { plain::GetCurrentTransactionStartTimestamp() }
}

/// How many sets' times a backend keeps.
const KEPT: usize = 8;

thread_local! {
    static CACHE: RefCell<Vec<([u8; 32], Rc<Times>)>> = const { RefCell::new(Vec::new()) };
}

const TIMES: &std::ffi::CStr = c"
SELECT v.item_id, coalesce(v.valid_from, '-infinity'), coalesce(v.expires_at, 'infinity')
FROM moderation.item_versions v
WHERE v.package_id = $1 AND v.added_in <= $2 AND (v.removed_in IS NULL OR v.removed_in > $2)
  AND (v.valid_from IS NOT NULL OR v.expires_at IS NOT NULL)";

/// The times of the items of `releases`, whose compiled set is named `name`.
pub fn times(installed: Installed, name: &[u8; 32], releases: &[Release]) -> Result<Rc<Times>> {
    if releases.iter().all(|release| release.scheduled == 0) {
        return Ok(Rc::new(Times(Vec::new())));
    }
    let cached = CACHE.with_borrow(|cache| {
        let found = cache.iter().find(|(known, _)| known == name);
        found.map(|(_, times)| times.clone())
    });
    if let Some(times) = cached {
        return Ok(times);
    }
    let mut windows = Vec::new();
    let _owner = AsOwner::new(installed.owner);
    for (slot, release) in releases.iter().enumerate().filter(|(_, r)| r.scheduled > 0) {
        let parameters = [
            Parameter::int4(release.package_id),
            Parameter::int4(release.release),
        ];
        spi::read_large(TIMES, &parameters, |row| {
            windows.push(Window {
                slot: slot as u16,
                item: row.int8(1).unwrap_or_default(),
                from: row.int8(2).unwrap_or(Time::MIN),
                until: row.int8(3).unwrap_or(Time::MAX),
            });
            Ok(())
        })?;
    }
    let times = Rc::new(Times(windows));
    CACHE.with_borrow_mut(|cache| {
        if cache.len() == KEPT {
            cache.remove(0);
        }
        cache.push((*name, times.clone()));
    });
    Ok(times)
}

const OVERRIDES: &std::ffi::CStr = c"
SELECT o.package_id, o.item_id, o.effect = 'shadow', coalesce(o.until, 'infinity')
FROM moderation.item_overrides o
WHERE o.effect <> 'normal' AND ($1 IS NULL OR o.since <= $1)
  AND NOT EXISTS (SELECT FROM moderation.item_overrides n
                  WHERE n.item_id = o.item_id AND n.override_id > o.override_id AND ($1 IS NULL OR n.since <= $1))
ORDER BY o.item_id";

/// The overrides in force for the active snapshot, or at a time of the past.
pub fn overrides(installed: Installed, at: Option<Time>) -> Result<Vec<Override>> {
    let mut overrides = Vec::new();
    // Mostly there was never one, and then no query is planned.
    if Table::open(installed.schema, c"item_overrides")?.is_empty() {
        return Ok(overrides);
    }
    let _owner = AsOwner::new(installed.owner);
    spi::read(OVERRIDES, &[Parameter::timestamptz(at)], |row| {
        overrides.push(Override {
            package_id: row.int4(1).unwrap_or_default(),
            item: row.int8(2).unwrap_or_default(),
            shadow: row.boolean(3).unwrap_or_default(),
            until: row.int8(4).unwrap_or(Time::MAX),
        });
        Ok(())
    })?;
    Ok(overrides)
}
