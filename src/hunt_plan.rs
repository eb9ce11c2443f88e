//! Planner support of `matches(text, package)`: an index of grams on the text can find the rows.
//!
//! The condition that the index gets, `text @~ package`, calls the same function: it is not lossy. Whether it pays the
//! planner decides, by the number of rows that the index says are candidates.

use crate::error::Result;
use crate::pg::Call;
use pgrx::pg_sys::{self, Datum};
use std::ffi::c_int;

crate::pg_function!(
    moderation_matches_support,
    pg_finfo_moderation_matches_support,
    matches_support
);

/// Rows that a package hits, as long as nothing else is known.
const SELECTIVITY: f64 = 0.01;

/// `SupportRequestSelectivity` of nodes/supportnodes.h, the same in PostgreSQL 15 to 18.
#[repr(C)]
struct SelectivityRequest {
    tag: pg_sys::NodeTag,
    root: *mut pg_sys::PlannerInfo,
    function: pg_sys::Oid,
    arguments: *mut pg_sys::List,
    collation: pg_sys::Oid,
    is_join: bool,
    relation: c_int,
    join: pg_sys::JoinType::Type,
    special_join: *mut pg_sys::SpecialJoinInfo,
    selectivity: f64,
}

/// `SupportRequestIndexCondition` of nodes/supportnodes.h, the same in PostgreSQL 15 to 18.
#[repr(C)]
struct IndexRequest {
    tag: pg_sys::NodeTag,
    root: *mut pg_sys::PlannerInfo,
    function: pg_sys::Oid,
    node: *mut pg_sys::Node,
    argument: c_int,
    index: *mut pg_sys::IndexOptInfo,
    column: c_int,
    family: pg_sys::Oid,
    collation: pg_sys::Oid,
    lossy: bool,
}

/// Strategy of `text @~ package` in text_grams_ops.
const BY_PACKAGE: i16 = 1;

fn matches_support(call: &Call) -> Result<Option<Datum>> {
    let nothing = Ok(Some(Datum::null()));
    let Some(request) = call.datum(0) else {
        return nothing;
    };
    // SAFETY: the planner passes a node; its tag says which.
    unsafe {
        match (*request.cast_mut_ptr::<pg_sys::Node>()).type_ {
            pg_sys::NodeTag::T_SupportRequestSelectivity => {
                let asked = request.cast_mut_ptr::<SelectivityRequest>();
                if (*asked).is_join {
                    return nothing;
                }
                (*asked).selectivity = SELECTIVITY;
                Ok(Some(request))
            }
            pg_sys::NodeTag::T_SupportRequestIndexCondition => {
                Ok(Some(index_condition(request.cast_mut_ptr::<IndexRequest>())))
            }
            _ => nothing,
        }
    }
}

/// `body @~ package` for `matches(body, package)` when the index is one of grams and the package is known before the scan.
///
/// # Safety
/// `asked` must be the request that the planner passed.
unsafe fn index_condition(asked: *mut IndexRequest) -> Datum {
    // SAFETY: by contract; the nodes live as long as the planner's memory.
    unsafe {
        let node = (*asked).node;
        if (*asked).argument != 0 || node.is_null() || (*node).type_ != pg_sys::NodeTag::T_FuncExpr {
            return Datum::null();
        }
        let arguments = (*node.cast::<pg_sys::FuncExpr>()).args;
        if arguments.is_null() || (*arguments).length != 2 {
            return Datum::null();
        }
        let argument = |n: usize| (*(*arguments).elements.add(n)).ptr_value.cast::<pg_sys::Node>();
        let (body, package) = (argument(0), argument(1));
        let operator =
            pg_sys::get_opfamily_member((*asked).family, pg_sys::TEXTOID, pg_sys::TEXTOID, BY_PACKAGE);
        if operator == pg_sys::InvalidOid
            || !pg_sys::is_pseudo_constant_for_index((*asked).root, package, (*asked).index)
        {
            return Datum::null();
        }
        (*asked).lossy = false;
        let condition = pg_sys::make_opclause(
            operator,
            pg_sys::BOOLOID,
            false,
            body.cast(),
            package.cast(),
            pg_sys::InvalidOid,
            (*asked).collation,
        );
        pg_sys::lappend(std::ptr::null_mut(), condition.cast()).into()
    }
}
