//! Who may see what: packages that are restricted or belong to a team, and the roles that decide.
//!
//! The flags and the names of the group roles are part of the map of what is in force, so they are as fresh as a verdict is.
//! Whether somebody is a member is asked of PostgreSQL each time, from its own cache. Asked is the role that called
//! (`SET ROLE` included), not the owner of the function that is running. Inside what PostgreSQL runs as a restricted
//! operation (an index expression or a materialized view under VACUUM, ANALYZE, REFRESH) nobody has rights: the caller may be
//! a superuser there, the code is somebody else's.

use crate::error::{Error, Result};
use crate::in_force;
use crate::pg::{self, Call};
use pgrx::pg_sys::{self, Datum};
use std::collections::{BTreeMap, HashMap};

crate::pg_function!(
    moderation_visible_packages,
    pg_finfo_moderation_visible_packages,
    visible_packages
);
crate::pg_function!(
    moderation_readable_packages,
    pg_finfo_moderation_readable_packages,
    readable_packages
);
crate::pg_function!(moderation_caller_is, pg_finfo_moderation_caller_is, caller_is);

/// What stands between a package and its reader.
#[derive(Clone, Default, PartialEq)]
pub struct Guard {
    pub restricted: bool,
    /// Name of the role whose members alone see the package.
    pub team: Option<String>,
}

impl Guard {
    pub fn is_open(&self) -> bool {
        !self.restricted && self.team.is_none()
    }
}

/// What the map says of rights.
#[derive(Default, PartialEq)]
pub struct Rights {
    /// Of packages that have one.
    pub guards: BTreeMap<i32, Guard>,
    /// Names of the group roles, by what they are: reader, reviewer, operator, admin.
    pub roles: HashMap<String, String>,
}

/// Does the role that called have the privileges of this one?
fn has(role: &str) -> Result<bool> {
    let name = pg::cstring(role)?;
    // SAFETY: cache look-ups inside a transaction; a role that does not exist is not an error.
    unsafe {
        let role = pg_sys::get_role_oid(name.as_ptr(), true);
        Ok(role != pg_sys::InvalidOid && pg_sys::has_privs_of_role(pg_sys::GetOuterUserId(), role))
    }
}

fn nobody_is_trusted() -> bool {
    // SAFETY: plain read of the security context.
    unsafe { pg_sys::InSecurityRestrictedOperation() }
}

impl Rights {
    /// Does what is stored where others read it have to leave the material of this package out?
    pub fn is_guarded(&self, package_id: i32) -> bool {
        self.guards.contains_key(&package_id)
    }

    /// Is the caller of this class, or of a higher one? The owner of the extension and superusers are of every class.
    fn is(&self, owner: pg_sys::Oid, class: &str) -> Result<bool> {
        if nobody_is_trusted() {
            return Ok(false);
        }
        // SAFETY: as in has().
        if unsafe { pg_sys::has_privs_of_role(pg_sys::GetOuterUserId(), owner) } {
            return Ok(true);
        }
        for name in [class, "admin"] {
            if let Some(role) = self.roles.get(name)
                && has(role)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// May the caller see that the package has items, hits and a history? Not so those of another team.
    pub fn may_see(&self, owner: pg_sys::Oid, package_id: i32) -> Result<bool> {
        match self.guards.get(&package_id).and_then(|guard| guard.team.as_ref()) {
            None => Ok(true),
            Some(team) => Ok(!nobody_is_trusted() && has(team)? || self.is(owner, "admin")?),
        }
    }

    /// May the caller read the package's material: terms, hashes, labels, and the text that they matched?
    pub fn may_read(&self, owner: pg_sys::Oid, package_id: i32) -> Result<bool> {
        match self.guards.get(&package_id) {
            None => Ok(true),
            Some(guard) => {
                Ok(self.may_see(owner, package_id)? && (!guard.restricted || self.is(owner, "operator")?))
            }
        }
    }
}

fn packages(may: fn(&Rights, pg_sys::Oid, i32) -> Result<bool>) -> Result<Option<Datum>> {
    let map = in_force::current()?;
    let mut ids = Vec::with_capacity(map.packages.len());
    for &id in map.packages.values() {
        if may(&map.rights, map.installed.owner, id)? {
            ids.push(id);
        }
    }
    ids.sort_unstable();
    Ok(pgrx::IntoDatum::into_datum(ids))
}

/// `visible_packages()`: ids of the packages that the caller may see.
fn visible_packages(_call: &Call) -> Result<Option<Datum>> {
    packages(Rights::may_see)
}

/// `readable_packages()`: ids of those whose material he may read.
fn readable_packages(_call: &Call) -> Result<Option<Datum>> {
    packages(Rights::may_read)
}

/// `caller_is(class)`.
fn caller_is(call: &Call) -> Result<Option<Datum>> {
    let class = call.text(0)?.ok_or(Error::Internal("class must not be NULL"))?;
    let map = in_force::current()?;
    Ok(Some(map.rights.is(map.installed.owner, class)?.into()))
}
