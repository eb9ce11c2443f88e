//! Hyperscan (or Vectorscan, its portable fork) as a library of the machine, opened when it is asked for: the benchmark
//! runs without it. Literals only, block mode: <https://intel.github.io/hyperscan/dev-reference/>.

use crate::Peer;
use crate::terms::Terms;
use std::ffi::{CStr, c_char, c_int, c_uint, c_ulonglong, c_void};
use std::ptr::{null, null_mut};

const LIBRARIES: [&CStr; 2] = [c"libhs.so.5", c"libhs.so"];
const HS_MODE_BLOCK: c_uint = 1;
const HS_SUCCESS: c_int = 0;
const HS_SCAN_TERMINATED: c_int = -3;

type Handle = *mut c_void;
type OnMatch = unsafe extern "C" fn(c_uint, c_ulonglong, c_ulonglong, c_uint, *mut c_void) -> c_int;
type Compile = unsafe extern "C" fn(
    *const *const c_char,
    *const c_uint,
    *const c_uint,
    *const usize,
    c_uint,
    c_uint,
    *const c_void,
    *mut Handle,
    *mut *mut CompileError,
) -> c_int;
type AllocScratch = unsafe extern "C" fn(Handle, *mut Handle) -> c_int;
type Scan =
    unsafe extern "C" fn(Handle, *const c_char, c_uint, c_uint, Handle, OnMatch, *mut c_void) -> c_int;
type Free = unsafe extern "C" fn(Handle) -> c_int;

#[repr(C)]
struct CompileError {
    message: *const c_char,
    expression: c_int,
}

/// A compiled database and the scratch space of its scans.
pub struct Hyperscan {
    database: Handle,
    scratch: Handle,
    scan: Scan,
    free_database: Free,
    free_scratch: Free,
    terms: Terms,
}

/// A function of the library, which stays open for as long as the process lives.
///
/// # Safety
/// `F` must be the type of the function of this name.
unsafe fn symbol<F: Copy>(library: Handle, name: &CStr) -> Result<F, String> {
    // SAFETY: the caller's; a function pointer is as large as a pointer.
    unsafe {
        let found = libc::dlsym(library, name.as_ptr());
        if found.is_null() {
            return Err(format!("hyperscan has no {}", name.to_string_lossy()));
        }
        Ok(std::mem::transmute_copy(&found))
    }
}

impl Hyperscan {
    /// `None`: the machine has no hyperscan.
    pub fn build(terms: Terms) -> Result<Option<Self>, String> {
        // SAFETY: the functions have the types of the library's header, and what they get lives longer than the calls.
        unsafe {
            let opened = LIBRARIES
                .iter()
                .map(|name| libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL));
            let Some(library) = opened.into_iter().find(|handle| !handle.is_null()) else {
                return Ok(None);
            };
            let compile: Compile = symbol(library, c"hs_compile_lit_multi")?;
            let alloc: AllocScratch = symbol(library, c"hs_alloc_scratch")?;
            let texts: Vec<*const c_char> = terms.patterns.iter().map(|p| p.as_ptr().cast()).collect();
            let lengths: Vec<usize> = terms.patterns.iter().map(String::len).collect();
            let ids: Vec<c_uint> = (0..texts.len() as c_uint).collect();
            let (mut database, mut scratch, mut failed) = (null_mut(), null_mut(), null_mut());
            let code = compile(
                texts.as_ptr(),
                null(),
                ids.as_ptr(),
                lengths.as_ptr(),
                ids.len() as c_uint,
                HS_MODE_BLOCK,
                null(),
                &raw mut database,
                &raw mut failed,
            );
            if code != HS_SUCCESS {
                let said = failed
                    .as_ref()
                    .map(|e| CStr::from_ptr(e.message).to_string_lossy().into_owned());
                return Err(format!("hyperscan: {}", said.unwrap_or_else(|| code.to_string())));
            }
            if alloc(database, &raw mut scratch) != HS_SUCCESS {
                return Err("hyperscan: no scratch space".into());
            }
            Ok(Some(Self {
                database,
                scratch,
                scan: symbol(library, c"hs_scan")?,
                free_database: symbol(library, c"hs_free_database")?,
                free_scratch: symbol(library, c"hs_free_scratch")?,
                terms,
            }))
        }
    }
}

impl Drop for Hyperscan {
    fn drop(&mut self) {
        // SAFETY: both came from the library and are not used again.
        unsafe {
            (self.free_scratch)(self.scratch);
            (self.free_database)(self.database);
        }
    }
}

/// One scan: where the callback looks up what it was told.
struct Search<'a> {
    terms: &'a Terms,
    folded: &'a str,
}

unsafe extern "C" fn on_match(
    id: c_uint,
    _: c_ulonglong,
    to: c_ulonglong,
    _: c_uint,
    context: *mut c_void,
) -> c_int {
    // SAFETY: the context is the search that is_match() passed.
    let search = unsafe { &*context.cast::<Search<'_>>() };
    let (id, end) = (id as usize, to as usize);
    let length = search.terms.patterns.get(id).map_or(0, String::len);
    c_int::from(
        search
            .terms
            .counts(id, search.folded, end.saturating_sub(length), end),
    )
}

impl Peer for Hyperscan {
    fn is_match(&self, folded: &str) -> bool {
        let mut search = Search {
            terms: &self.terms,
            folded,
        };
        // SAFETY: database and scratch are open, and the search outlives the call.
        let code = unsafe {
            (self.scan)(
                self.database,
                folded.as_ptr().cast(),
                folded.len() as c_uint,
                0,
                self.scratch,
                on_match,
                (&raw mut search).cast(),
            )
        };
        code == HS_SCAN_TERMINATED
    }
}
