//! What `make bench` compares with: other matchers as functions of the same server, a function that does nothing, and a
//! trigger that does nothing. `benches/peers.py` builds the library and declares its functions in schema `peers` of the
//! benchmark's own database; no other database ever sees it.
//!
//! The same semantics on both sides: texts and terms are folded by our own engine, and a place counts only at the word
//! boundaries its mode asks for, judged by our own function. So what differs is the search.

// Functions for PostgreSQL, and a library that is opened at run time.
#![allow(unsafe_code)]

mod automata;
mod hyperscan;
mod terms;

use automata::{Classic, DoubleArray};
use hyperscan::Hyperscan;
use pg_moderation_engine::parts::with_folded;
use pgrx::{error, pg_extern, pg_guard, pg_sys};
use std::cell::RefCell;
use terms::Terms;

pgrx::pg_module_magic!();

/// A matcher that is compared with ours.
trait Peer {
    /// Does a term of the set stand in this folded text?
    fn is_match(&self, folded: &str) -> bool;
}

/// Matchers of this backend by peer and name. Each backend builds its own, as a backend function written with these
/// libraries does: none of them can be searched where another process left it.
type Sets = Vec<(String, Box<dyn Peer>)>;

thread_local! {
    static SETS: RefCell<Sets> = const { RefCell::new(Vec::new()) };
}

/// Does nothing with a text: what no function over the table can be faster than.
#[pg_extern(immutable, strict, parallel_safe)]
fn peers_noop(body: &str) -> bool {
    body.len() == usize::MAX
}

/// Folds a text with its offset map, and nothing else. The length of the folded text in bytes.
#[pg_extern(immutable, strict, parallel_safe)]
fn peers_fold(body: &str) -> i64 {
    with_folded(body, |folded| folded.len() as i64)
}

/// Nanoseconds that the processor spent on this backend so far: other work on the machine does not count.
#[pg_extern(volatile)]
fn peers_cpu() -> i64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the time is ours to write to.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Builds a set in this backend: terms with their modes (word, prefix, suffix, substring). False: the peer is not installed.
#[pg_extern(volatile)]
fn peers_build(peer: &str, name: &str, terms: Vec<String>, modes: Vec<String>) -> bool {
    let terms = Terms::new(&terms, &modes).unwrap_or_else(|problem| error!("{problem}"));
    let built: Result<Box<dyn Peer>, String> = match peer {
        "daachorse" => DoubleArray::build(terms).map(|p| Box::new(p) as _),
        "aho-corasick" => Classic::build(terms).map(|p| Box::new(p) as _),
        "hyperscan" => match Hyperscan::build(terms) {
            Ok(Some(p)) => Ok(Box::new(p) as _),
            Ok(None) => return false,
            Err(problem) => Err(problem),
        },
        _ => error!("no peer {peer}"),
    };
    let set = built.unwrap_or_else(|problem| error!("{problem}"));
    let key = format!("{peer} {name}");
    SETS.with_borrow_mut(|sets| {
        sets.retain(|(other, _)| *other != key);
        sets.push((key, set));
    });
    true
}

/// Forgets all sets of this backend.
#[pg_extern(volatile)]
fn peers_forget() {
    SETS.with_borrow_mut(Vec::clear);
}

/// Does a text hit a set? `set` is the peer and the name, as in `daachorse p1000`.
#[pg_extern(stable, strict, parallel_unsafe)]
fn peers_matches(body: &str, set: &str) -> bool {
    SETS.with_borrow(|sets| {
        let Some((_, peer)) = sets.iter().find(|(name, _)| name == set) else {
            error!("no set {set} in this backend");
        };
        // SAFETY: folding UTF-8 gives UTF-8; checking it again would be held against the peer.
        with_folded(body, |folded| {
            peer.is_match(unsafe { std::str::from_utf8_unchecked(folded) })
        })
    })
}

#[doc(hidden)]
#[unsafe(no_mangle)]
pub extern "C" fn pg_finfo_peers_noop_trigger() -> &'static pg_sys::Pg_finfo_record {
    const RECORD: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &RECORD
}

/// A row trigger that does nothing: what no trigger can be faster than.
///
/// # Safety
/// Called by PostgreSQL as a row trigger.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn peers_noop_trigger(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: for a row trigger, the context is a TriggerData.
    unsafe {
        let data = (*fcinfo).context.cast::<pg_sys::TriggerData>();
        pg_sys::Datum::from((*data).tg_trigtuple)
    }
}
