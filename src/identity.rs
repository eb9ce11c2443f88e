//! On whose behalf we work.
//!
//! Our own reads and writes of our own tables run as the extension's owner with a pinned search_path; everything that
//! belongs to the user (output functions, casts, his triggers) runs as the caller, outside these guards.

use crate::error::{Error, Result};
use pgrx::pg_sys;
use std::ffi::CStr;

/// The schema and owner of the installed extension, looked up by OID, never through search_path.
#[derive(Clone, Copy)]
pub struct Installed {
    pub schema: pg_sys::Oid,
    pub signal: pg_sys::Oid,
    pub owner: pg_sys::Oid,
}

impl Installed {
    pub fn look_up() -> Result<Self> {
        // SAFETY: system cache lookups by name and namespace OID inside a transaction.
        unsafe {
            let schema = pg_sys::get_namespace_oid(c"moderation".as_ptr(), true);
            if schema == pg_sys::InvalidOid {
                return Err(Error::NotInstalled);
            }
            let signal = pg_sys::get_relname_relid(c"in_force_signal".as_ptr(), schema);
            if signal == pg_sys::InvalidOid {
                return Err(Error::NotInstalled);
            }
            // From the system cache: opening the relation would read all of its description.
            let row = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::RELOID as i32, signal.into());
            if row.is_null() {
                return Err(Error::NotInstalled);
            }
            let mut is_null = false;
            let owner = pg_sys::SysCacheGetAttr(
                pg_sys::SysCacheIdentifier::RELOID as i32,
                row,
                pg_sys::Anum_pg_class_relowner as pg_sys::AttrNumber,
                &mut is_null,
            );
            let owner = pg_sys::Oid::from(owner.value() as u32);
            pg_sys::ReleaseSysCache(row);
            Ok(Self {
                schema,
                signal,
                owner,
            })
        }
    }
}

/// Settings changed until the guard goes; an error in between undoes them with the (sub)transaction.
pub struct Settings {
    nest_level: i32,
}

impl Settings {
    fn new(settings: &[(&CStr, &CStr)]) -> Self {
        // SAFETY: GUC_ACTION_SAVE belongs to the nest level opened here; allowed in parallel workers too.
        unsafe {
            let nest_level = pg_sys::NewGUCNestLevel();
            for (name, value) in settings {
                pg_sys::set_config_option(
                    name.as_ptr(),
                    value.as_ptr(),
                    pg_sys::GucContext::PGC_USERSET,
                    pg_sys::GucSource::PGC_S_SESSION,
                    pg_sys::GucAction::GUC_ACTION_SAVE,
                    true,
                    0,
                    false,
                );
            }
            Self { nest_level }
        }
    }

    /// Output that reads back the same in any session: ISO dates in UTC, qualified names, exact numbers.
    pub fn plain_output() -> Self {
        Self::new(&[
            (c"DateStyle", c"ISO, YMD"),
            (c"IntervalStyle", c"postgres"),
            (c"TimeZone", c"UTC"),
            (c"extra_float_digits", c"1"),
            (c"bytea_output", c"hex"),
            (c"xmlbinary", c"base64"),
            (c"xmloption", c"content"),
            (c"array_nulls", c"on"),
            (c"lc_monetary", c"C"),
            (c"search_path", c"pg_catalog, pg_temp"),
        ])
    }

    fn own_names() -> Self {
        Self::new(&[(c"search_path", c"pg_catalog, pg_temp")])
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: closes the nest level opened in new().
            unsafe { pg_sys::AtEOXact_GUC(true, self.nest_level) };
        }
    }
}

/// Work as the extension's owner, or as another role, until the guard goes.
pub struct AsOwner {
    user: pg_sys::Oid,
    context: i32,
    _names: Settings,
}

impl AsOwner {
    /// Work as the role on whose behalf we do, also inside a security definer function: for what belongs to the user.
    pub fn as_caller() -> Self {
        // SAFETY: plain read; set for the whole session.
        Self::new(unsafe { pg_sys::GetOuterUserId() })
    }

    pub fn new(owner: pg_sys::Oid) -> Self {
        let mut user = pg_sys::InvalidOid;
        let mut context = 0;
        // SAFETY: restored on drop; an error restores it with the (sub)transaction.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
            let names = Settings::own_names();
            pg_sys::SetUserIdAndSecContext(owner, context | pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32);
            Self {
                user,
                context,
                _names: names,
            }
        }
    }
}

impl Drop for AsOwner {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: restores what new() found.
            unsafe { pg_sys::SetUserIdAndSecContext(self.user, self.context) };
        }
    }
}

/// The role on whose behalf we work, also inside our own security definer functions.
pub fn caller_name() -> Result<String> {
    // SAFETY: GetOuterUserId is set for the whole session; the name is a C string in the current memory context.
    unsafe {
        let name = pg_sys::GetUserNameFromId(pg_sys::GetOuterUserId(), false);
        CStr::from_ptr(name)
            .to_str()
            .map(str::to_owned)
            .map_err(|_| Error::InvalidText)
    }
}
