//! Who may see what: packages that are restricted or belong to a team, and the roles that decide.
//!
//! The flags are part of the map of what is in force, so they are as fresh as a verdict is; the names of the group roles are
//! read when somebody asks about a package that has a flag, since few do. Whether somebody is a member is asked of PostgreSQL each time, from its own cache. Asked is the role that called
//! (`SET ROLE` included), not the owner of the function that is running. Inside what PostgreSQL runs as a restricted
//! operation (an index expression or a materialized view under VACUUM, ANALYZE, REFRESH) nobody has rights: the caller may be
//! a superuser there, the code is somebody else's.

use crate::error::{Error, Result};
use crate::identity::Installed;
use crate::in_force;
use crate::pg::{self, Call};
use crate::table_scan::Table;
use pgrx::pg_sys::{self, Datum};
use std::collections::BTreeMap;

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
    fn is(installed: Installed, class: &str) -> Result<bool> {
        if nobody_is_trusted() {
            return Ok(false);
        }
        // SAFETY: as in has().
        if unsafe { pg_sys::has_privs_of_role(pg_sys::GetOuterUserId(), installed.owner) } {
            return Ok(true);
        }
        let table = Table::open(installed.schema, c"group_roles")?;
        if table.is_empty() {
            return Ok(false);
        }
        let [class_of, role] = table.columns([c"class", c"role"])?;
        let mut is = false;
        table.each(|row| {
            let wanted = row.text(class_of)?.is_some_and(|of| of == class || of == "admin");
            if wanted && let Some(role) = row.text(role)? {
                is |= has(&role)?;
            }
            Ok(())
        })?;
        Ok(is)
    }

    /// May the caller see that the package has items, hits and a history? Not so those of another team.
    pub fn may_see(&self, installed: Installed, package_id: i32) -> Result<bool> {
        match self.guards.get(&package_id).and_then(|guard| guard.team.as_ref()) {
            None => Ok(true),
            Some(team) => Ok(!nobody_is_trusted() && has(team)? || Self::is(installed, "admin")?),
        }
    }

    /// May the caller read the package's material: terms, hashes, labels, and the text that they matched?
    pub fn may_read(&self, installed: Installed, package_id: i32) -> Result<bool> {
        match self.guards.get(&package_id) {
            None => Ok(true),
            Some(guard) => Ok(self.may_see(installed, package_id)?
                && (!guard.restricted || Self::is(installed, "operator")?)),
        }
    }
}

fn packages(may: fn(&Rights, Installed, i32) -> Result<bool>) -> Result<Option<Datum>> {
    let map = in_force::current()?;
    let mut ids = Vec::with_capacity(map.packages.len());
    for &id in map.packages.values() {
        if may(&map.rights, map.installed, id)? {
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
    Ok(Some(Rights::is(map.installed, class)?.into()))
}
