//! Rejecting a row with an SQLSTATE of our own.
//!
//! pgrx maps every SQLSTATE it does not know to XX000, so this one error is raised with the server's own calls, from a
//! frame that holds nothing to drop: `errfinish` leaves by longjmp.

use crate::error::Result;
use crate::pg::{self, Call};
use crate::record::Content;
use crate::trigger::{self, Judged};
use crate::verdict;
use pgrx::pg_sys;
use serde_json::json;
use std::ffi::{c_char, c_int};

/// `MD001`: a row was rejected because its verdict is block.
const SQLSTATE: &[u8; 5] = b"MD001";

/// What the client will see, in memory of the current context.
#[repr(C)]
pub struct Rejection {
    message: *mut c_char,
    detail: *mut c_char,
}

impl Rejection {
    pub fn new(judged: &Judged<'_>, content: &Content) -> Result<Self> {
        let detail = json!({
            "action": judged.judgement.action,
            "score": verdict::decimal(judged.judgement.score),
            "content_key": content.content_key,
            "hits": judged.judgement.live_hits(&judged.map, verdict::Reader::OfError)?,
        });
        Ok(Self {
            message: pstrdup("row rejected by moderation")?,
            detail: pstrdup(&detail.to_string())?,
        })
    }
}

fn pstrdup(text: &str) -> Result<*mut c_char> {
    let text = pg::cstring(text)?;
    // SAFETY: copies the C string into the current memory context.
    Ok(unsafe { pg_sys::pstrdup(text.as_ptr()) })
}

fn record(call: &Call, rejection: *mut Rejection) -> Result<()> {
    if let Some(found) = trigger::record_row(call)? {
        // SAFETY: points to the caller's variable.
        unsafe { rejection.write(found) };
    }
    Ok(())
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn guarded_record(fcinfo: pg_sys::FunctionCallInfo, rejection: *mut Rejection) {
    // SAFETY: PostgreSQL's fcinfo, passed through.
    let call = unsafe { Call::new(fcinfo) };
    if let Err(error) = record(&call, rejection) {
        error.raise();
    }
    call.finish(Some(pg_sys::Datum::null()));
}

#[doc(hidden)]
#[unsafe(no_mangle)]
pub extern "C" fn pg_finfo_moderation_record_row() -> &'static pg_sys::Pg_finfo_record {
    const RECORD: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &RECORD
}

/// The AFTER trigger of attached tables.
///
/// # Safety
/// Called by PostgreSQL only.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn moderation_record_row(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    let mut rejection = Rejection {
        message: std::ptr::null_mut(),
        detail: std::ptr::null_mut(),
    };
    // SAFETY: fcinfo comes from PostgreSQL; `rejection` outlives the call. Neither it nor anything else here has a
    // destructor, so the longjmp out of errfinish skips none.
    unsafe {
        guarded_record(fcinfo, &mut rejection);
        if !rejection.message.is_null() {
            raise(&rejection);
        }
    }
    pg_sys::Datum::null()
}

unsafe fn raise(rejection: &Rejection) {
    unsafe extern "C-unwind" {
        fn errstart(level: c_int, domain: *const c_char) -> bool;
        fn errcode(code: c_int) -> c_int;
        fn errmsg(format: *const c_char, ...) -> c_int;
        fn errdetail(format: *const c_char, ...) -> c_int;
        fn errhint(format: *const c_char, ...) -> c_int;
        fn errfinish(file: *const c_char, line: c_int, function: *const c_char);
    }
    // Six bits a character, the first lowest (MAKE_SQLSTATE in PostgreSQL's elog.h).
    let code = SQLSTATE.iter().rev().fold(0, |code, &letter| {
        (code << 6) | (c_int::from(letter) - c_int::from(b'0')) & 0x3f
    });
    // SAFETY: the sequence of calls that ereport() makes; the strings live in the current memory context.
    unsafe {
        if errstart(pgrx::PgLogLevel::ERROR as c_int, std::ptr::null()) {
            errcode(code);
            errmsg(c"%s".as_ptr(), rejection.message);
            errdetail(c"%s".as_ptr(), rejection.detail);
            errhint(
                c"%s".as_ptr(),
                c"The DETAIL is JSON: the verdict and its hits.".as_ptr(),
            );
            errfinish(c"reject.rs".as_ptr(), line!() as c_int, c"record_row".as_ptr());
        }
    }
}
