//! What `moderation.compiled_state` shows: the compiled sets of this database on this machine.

use crate::compiled::{self, release_of};
use crate::error::Result;
use crate::in_force;
use crate::pg::{self, Call};
use crate::record::hex;
use crate::set_file::{self, About, ReleaseOf};
use pgrx::pg_sys::Datum;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

crate::pg_function!(
    moderation_compiled_sets,
    pg_finfo_moderation_compiled_sets,
    compiled_sets
);

/// Seconds from 1970 to 2000, where PostgreSQL's time begins.
const EPOCH: Duration = Duration::from_secs(946_684_800);

fn timestamp(time: SystemTime) -> Option<Datum> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH + EPOCH).ok()?;
    i64::try_from(since.as_micros()).ok().map(Datum::from)
}

fn releases(list: &[ReleaseOf]) -> Value {
    let one = |r: &ReleaseOf| {
        let stage = if r.live { "live" } else { "shadow" };
        json!({"package_id": r.package_id, "release": r.release, "stage": stage, "items": r.items})
    };
    list.iter().map(one).collect()
}

/// `compiled_sets()`: every set that has a file, and the one in force if it has none.
fn compiled_sets(call: &Call) -> Result<Option<Datum>> {
    let rows = call.rows();
    let map = in_force::current()?;
    let in_force = hex(&map.set_hash);
    let own = compiled::is_mapped(&map.set_hash);
    let mut missing = !map.releases.is_empty();
    for listed in set_file::list(true) {
        let is_in_force = listed.name == in_force;
        missing &= !is_in_force;
        let about: Option<&About> = listed.about.as_ref();
        rows.put(&[
            Some(pg::text_datum(&listed.name)),
            about
                .map(|a| pg::jsonb_datum(&releases(&a.releases)))
                .transpose()?,
            about.and_then(|a| a.base.as_deref()).map(pg::text_datum),
            Some((listed.bytes as i64).into()),
            timestamp(listed.built),
            about.map(|a| (a.build_ms as i64).into()),
            timestamp(listed.used),
            Some(is_in_force.into()),
            own.filter(|_| is_in_force).map(Datum::from),
        ])?;
    }
    if missing {
        let about: Vec<ReleaseOf> = map.releases.iter().map(|r| release_of(r, 0)).collect();
        rows.put(&[
            Some(pg::text_datum(&in_force)),
            Some(pg::jsonb_datum(&releases(&about))?),
            None,
            None,
            None,
            None,
            None,
            Some(true.into()),
            own.map(Datum::from),
        ])?;
    }
    Ok(None)
}
