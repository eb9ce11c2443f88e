//! pg_moderation: content moderation where the content lives. This file is the map of the extension.
//!
//! | module | holds |
//! |---|---|
//! | [`moderate`] | `matches`, `moderate_text`, `text_hits` |
//! | [`moderate_media`], [`content`] | the same of images, videos, JSON documents and rows |
//! | [`explain`] | `explain_text`, `mask_text`, `fold_text` |
//! | [`hunt`], [`hunt_plan`] | terms over stored texts, the index of grams and when the planner uses it |
//! | [`rescan`] | stored rows judged again after a publish |
//! | [`rules`] | verdict rules: score, strikes of the owner, other packages |
//! | [`backtest`] | one text by two releases in one pass |
//! | [`verdict`] | from hits to a verdict, and its JSON |
//! | [`in_force`], [`snapshot_key`] | packages → releases in force, and when that map is fresh |
//! | [`deployed`], [`table_scan`] | reading that map without SQL |
//! | [`asked`] | releases and drafts that a statement asks for by name |
//! | [`compiled`], [`small_change`] | items → matcher, the backend's cache of compiled sets; few changes to a large one |
//! | [`set_file`], [`mapped_file`] | compiled sets as files that every process maps |
//! | [`compiled_state`] | the view of the same name |
//! | [`release`], [`rollout`], [`schedule`] | a release that judges; which contents; when an item counts |
//! | [`rights`] | restricted packages, teams, group roles: who may see what |
//! | [`material`] | term checks and hashes for the package functions of `sql/50_packages.sql` |
//! | [`import`], [`layout`] | files of items: CSV, JSON Lines, word lists, ThreatExchange, HMA |
//! | [`mining`] | term mining and set cover for proposals and statistics |
//! | [`lint`] | what is questionable about the items of a release |
//! | [`attachment`], [`watched`], [`trigger`], [`reject`] | attached tables: settings, columns, row triggers, the error that rejects a row |
//! | [`record`], [`spool`], [`collector`] | writing hits and exposures; those of rejected rows |
//! | [`quarantine`] | rows kept out and released |
//! | [`partition_move`] | rows that move between partitions are not judged again |
//! | [`pdqhash`], [`pdq_gin`] | the types `pdqhash` and `pdq_ball`, and their index class |
//! | [`media`], [`media_hits`] | images and videos of a compiled set, and what was found of them |
//! | [`image`], [`video`] | image files to hashes; arrays of video frames |
//! | [`pg`], [`spi`], [`identity`] | thin wrappers over PostgreSQL: calls, queries, on whose behalf |
//! | [`error`], [`error_media`], [`gucs`] | every error, every setting |
//!
//! Matching itself is in the engine crate, which knows no PostgreSQL. The SQL side is in `sql/`, in the order of its
//! numbers.

// The shell calls PostgreSQL; the engine denies unsafe code.
#![allow(unsafe_code)]

#[cfg(not(panic = "unwind"))]
compile_error!(
    "pg_moderation must be built with panic = \"unwind\": a panic becomes an ERROR only if it can unwind"
);

mod asked;
mod attachment;
mod backtest;
mod candidate;
mod collector;
mod compiled;
mod compiled_state;
mod content;
mod deployed;
mod error;
mod error_media;
mod explain;
mod gucs;
mod hunt;
mod hunt_plan;
mod identity;
mod image;
mod import;
mod in_force;
mod layout;
mod lint;
mod mapped_file;
mod material;
mod media;
mod media_hits;
mod mining;
mod moderate;
mod moderate_media;
mod partition_move;
mod pdq_gin;
mod pdqhash;
mod pg;
mod quarantine;
mod record;
mod reject;
mod release;
mod rescan;
mod rights;
mod rollout;
mod rules;
mod schedule;
mod set_file;
mod small_change;
mod snapshot_key;
mod spi;
mod spool;
mod standing;
mod table_scan;
mod trigger;
mod verdict;
mod video;
mod watched;

use pgrx::{extension_sql_file, pg_guard, pg_sys};

pgrx::pg_module_magic!(name, version);

extension_sql_file!("../sql/10_schema.sql", name = "schema", bootstrap);
extension_sql_file!("../sql/12_roles.sql", name = "roles", requires = ["schema"]);
extension_sql_file!("../sql/15_pdqhash.sql", name = "pdqhash", requires = ["roles"]);
extension_sql_file!(
    "../sql/20_material.sql",
    name = "material",
    requires = ["pdqhash"]
);
extension_sql_file!("../sql/25_audit.sql", name = "audit", requires = ["material"]);
extension_sql_file!("../sql/27_outbox.sql", name = "outbox", requires = ["audit"]);
extension_sql_file!("../sql/30_records.sql", name = "records", requires = ["outbox"]);
extension_sql_file!(
    "../sql/40_matching.sql",
    name = "matching",
    requires = ["records"]
);
extension_sql_file!("../sql/45_media.sql", name = "media", requires = ["matching"]);
extension_sql_file!(
    "../sql/47_rights_of_packages.sql",
    name = "rights_of_packages",
    requires = ["media"]
);
extension_sql_file!(
    "../sql/50_packages.sql",
    name = "packages",
    requires = ["rights_of_packages"]
);
extension_sql_file!("../sql/51_publish.sql", name = "publish", requires = ["packages"]);
extension_sql_file!(
    "../sql/52_lifecycle.sql",
    name = "lifecycle",
    requires = ["publish"]
);
extension_sql_file!(
    "../sql/52_releases.sql",
    name = "releases",
    requires = ["lifecycle"]
);
extension_sql_file!(
    "../sql/53_media_items.sql",
    name = "media_items",
    requires = ["releases"]
);
extension_sql_file!(
    "../sql/54_checks.sql",
    name = "checks",
    requires = ["media_items"]
);
extension_sql_file!(
    "../sql/55_verdict_rules.sql",
    name = "verdict_rules",
    requires = ["checks"]
);
extension_sql_file!("../sql/56_lint.sql", name = "lint", requires = ["verdict_rules"]);
extension_sql_file!("../sql/57_import.sql", name = "import", requires = ["lint"]);
extension_sql_file!("../sql/58_export.sql", name = "export", requires = ["import"]);
extension_sql_file!("../sql/60_attach.sql", name = "attach", requires = ["export"]);
extension_sql_file!("../sql/70_measure.sql", name = "measure", requires = ["attach"]);
extension_sql_file!("../sql/71_queue.sql", name = "queue", requires = ["measure"]);
extension_sql_file!("../sql/71_review.sql", name = "review", requires = ["queue"]);
extension_sql_file!(
    "../sql/72_statistics.sql",
    name = "statistics",
    requires = ["review"]
);
extension_sql_file!(
    "../sql/73_proposals.sql",
    name = "proposals",
    requires = ["statistics"]
);
extension_sql_file!(
    "../sql/73_suggest_images.sql",
    name = "suggest_images",
    requires = ["proposals"]
);
extension_sql_file!(
    "../sql/73_suggest_variants.sql",
    name = "suggest_variants",
    requires = ["suggest_images"]
);
extension_sql_file!(
    "../sql/74_cases.sql",
    name = "cases",
    requires = ["suggest_variants"]
);
extension_sql_file!("../sql/75_rollups.sql", name = "rollups", requires = ["cases"]);
extension_sql_file!("../sql/76_report.sql", name = "report", requires = ["rollups"]);
extension_sql_file!("../sql/77_brakes.sql", name = "brakes", requires = ["report"]);
extension_sql_file!("../sql/80_views.sql", name = "views", requires = ["brakes"]);
extension_sql_file!(
    "../sql/81_view_columns.sql",
    name = "view_columns",
    requires = ["views"]
);
extension_sql_file!(
    "../sql/85_backtest.sql",
    name = "backtest",
    requires = ["view_columns"]
);
extension_sql_file!(
    "../sql/86_backtest_runs.sql",
    name = "backtest_runs",
    requires = ["backtest"]
);
extension_sql_file!("../sql/87_hunt.sql", name = "hunt", requires = ["backtest_runs"]);
extension_sql_file!("../sql/88_rescan.sql", name = "rescan", requires = ["hunt"]);
extension_sql_file!(
    "../sql/89_compare_undo.sql",
    name = "compare_undo",
    requires = ["rescan"]
);
extension_sql_file!(
    "../sql/89_row_security.sql",
    name = "row_security",
    requires = ["compare_undo"]
);
extension_sql_file!("../sql/90_rights.sql", name = "rights", finalize);

/// Runs once per process, when the library is loaded. Callbacks cannot be taken back, so this is their only place.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    gucs::register();
    pg_moderation_engine::find_processor();
    if std::env::var_os("RUST_LIB_BACKTRACE").is_none() {
        // pgrx appends a captured backtrace to the DETAIL that clients see: none, unless the DBA asks for it.
        // SAFETY: a backend has one thread when it loads libraries.
        unsafe { std::env::set_var("RUST_LIB_BACKTRACE", "0") };
    }
    // SAFETY: the callbacks are static functions that only set flags and drop our own values.
    unsafe {
        pg_sys::CacheRegisterRelcacheCallback(Some(on_relation_invalidated), pg_sys::Datum::null());
        pg_sys::RegisterXactCallback(Some(on_transaction), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(on_subtransaction), std::ptr::null_mut());
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn on_relation_invalidated(_argument: pg_sys::Datum, relation: pg_sys::Oid) {
    in_force::relation_invalidated(relation);
    attachment::relation_invalidated(relation);
}

#[pg_guard]
unsafe extern "C-unwind" fn on_transaction(event: pg_sys::XactEvent::Type, _argument: *mut std::ffi::c_void) {
    use pg_sys::XactEvent as Event;
    match event {
        Event::XACT_EVENT_COMMIT | Event::XACT_EVENT_PARALLEL_COMMIT => spool::transaction_committed(),
        // A prepared transaction is decided elsewhere; its files are found collected, or not, next time.
        Event::XACT_EVENT_ABORT | Event::XACT_EVENT_PARALLEL_ABORT | Event::XACT_EVENT_PREPARE => {
            spool::transaction_aborted();
        }
        _ => return,
    }
    in_force::transaction_ended();
    quarantine::transaction_ended();
    rescan::transaction_ended();
    partition_move::transaction_ended();
}

#[pg_guard]
unsafe extern "C-unwind" fn on_subtransaction(
    event: pg_sys::SubXactEvent::Type,
    subtransaction: pg_sys::SubTransactionId,
    _parent: pg_sys::SubTransactionId,
    _argument: *mut std::ffi::c_void,
) {
    if event == pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB {
        in_force::subtransaction_aborted();
        spool::subtransaction_aborted(subtransaction);
        quarantine::subtransaction_aborted(subtransaction);
        rescan::subtransaction_aborted(subtransaction);
    }
}
