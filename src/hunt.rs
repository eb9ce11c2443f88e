//! Hunting: which stored texts would these terms hit? Terms that are in no package yet, and an index over texts that
//! answers for them and for `matches(text, package)`.
//!
//! The operator class `text_grams_ops` is a GIN index of the grams of a text (`pg_moderation_engine::text_grams`). It gives
//! candidates; PostgreSQL then asks the operator itself, which is the matcher. Terms without grams make every row a
//! candidate, which the planner sees and prefers a plain scan. What the planner assumed is never relied on: the package
//! is read again when the scan begins.

use crate::compiled::{self, interrupted};
use crate::error::{Error, Result};
use crate::in_force;
use crate::pg::{self, Call};
use pg_moderation_engine::{
    FindOptions, Gram, Item, Matcher, Term, compile, last_of_range, term_grams, text_grams,
};
use pgrx::IntoDatum;
use pgrx::pg_sys::{self, Datum};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

crate::pg_function!(
    moderation_matches_terms,
    pg_finfo_moderation_matches_terms,
    matches_terms
);
crate::pg_function!(moderation_term_hits, pg_finfo_moderation_term_hits, term_hits);
crate::pg_function!(
    moderation_text_grams,
    pg_finfo_moderation_text_grams,
    grams_of_text
);
crate::pg_function!(
    moderation_grams_of_value,
    pg_finfo_moderation_grams_of_value,
    grams_of_value
);
crate::pg_function!(
    moderation_grams_of_query,
    pg_finfo_moderation_grams_of_query,
    grams_of_query
);
crate::pg_function!(
    moderation_grams_compare_partial,
    pg_finfo_moderation_grams_compare_partial,
    compare_partial
);
crate::pg_function!(
    moderation_grams_consistent,
    pg_finfo_moderation_grams_consistent,
    consistent
);
crate::pg_function!(
    moderation_grams_triconsistent,
    pg_finfo_moderation_grams_triconsistent,
    triconsistent
);

/// Sets of terms a backend keeps.
const MAX_HUNTS: usize = 4;

/// Terms of a package beyond which the index is not asked: their grams together are most grams there are.
const MAX_INDEXED: usize = 2_000;

/// Strategies of the operator class.
const BY_PACKAGE: u16 = 1;
const BY_TERMS: u16 = 2;

fn default_match() -> String {
    "word".into()
}

fn default_level() -> String {
    "folded".into()
}

/// One element of the JSON array that `matches_terms` takes.
#[derive(Deserialize)]
struct Wanted {
    term: String,
    #[serde(default = "default_match")]
    r#match: String,
    #[serde(default = "default_level")]
    level: String,
    language: Option<String>,
}

struct Hunt {
    name: [u8; 32],
    terms: Vec<Term>,
    matcher: Matcher,
}

thread_local! {
    /// Most recently used last.
    static HUNTS: RefCell<Vec<Rc<Hunt>>> = const { RefCell::new(Vec::new()) };
}

fn terms_of(json: &str) -> Result<Vec<Term>> {
    let wanted: Vec<Wanted> = serde_json::from_str(json).map_err(|_| Error::HuntTerms)?;
    wanted
        .into_iter()
        .map(|wanted| {
            Ok(Term {
                text: wanted.term,
                mode: compiled::match_mode(&wanted.r#match).map_err(|_| Error::HuntTerms)?,
                level: compiled::level(&wanted.level).map_err(|_| Error::HuntTerms)?,
                language: compiled::language(wanted.language.as_deref())?,
            })
        })
        .collect()
}

/// The set of terms that a jsonb argument holds, compiled once.
fn hunt(datum: Datum) -> Result<Rc<Hunt>> {
    // SAFETY: the SQL declaration says jsonb, a varlena.
    named(Sha256::digest(unsafe { pg::varlena(datum) }).into(), datum)
}

/// The same for argument 1 of a function: when it is the same in the whole query, its megabytes are hashed once. The name is
/// kept where PostgreSQL lets a call site keep what it likes.
fn hunt_at(call: &Call, datum: Datum) -> Result<Rc<Hunt>> {
    // SAFETY: fn_extra is ours; what it points to lives as long as flinfo; only arguments that cannot change are kept.
    unsafe {
        let site = (*call.fcinfo()).flinfo;
        if site.is_null() || !pg_sys::get_fn_expr_arg_stable(site, 1) {
            return hunt(datum);
        }
        let kept = (*site).fn_extra.cast::<[u8; 32]>();
        if !kept.is_null() {
            return named(*kept, datum);
        }
        let hunt = hunt(datum)?;
        let place = pg_sys::MemoryContextAlloc((*site).fn_mcxt, size_of::<[u8; 32]>()).cast::<[u8; 32]>();
        *place = hunt.name;
        (*site).fn_extra = place.cast();
        Ok(hunt)
    }
}

fn named(name: [u8; 32], datum: Datum) -> Result<Rc<Hunt>> {
    let known = HUNTS.with_borrow(|hunts| hunts.iter().find(|hunt| hunt.name == name).cloned());
    if let Some(hunt) = known {
        return Ok(hunt);
    }
    let terms = terms_of(&pg::output(pg_sys::JSONBOID, datum)?)?;
    let items: Vec<Item> = terms
        .iter()
        .enumerate()
        .map(|(n, term)| Item {
            id: n as i64 + 1,
            slot: 0,
            allow: false,
            weight: 1.0,
            term: term.clone(),
        })
        .collect();
    let bytes = compile(&items, &mut interrupted).map_err(Error::Hunt)?;
    let hunt = Rc::new(Hunt {
        name,
        terms,
        matcher: Matcher::open(&bytes)?,
    });
    HUNTS.with_borrow_mut(|hunts| {
        if hunts.len() == MAX_HUNTS {
            hunts.remove(0);
        }
        hunts.push(hunt.clone());
    });
    Ok(hunt)
}

/// `matches_terms(body, terms)`: is there a hit of one of these terms?
fn matches_terms(call: &Call) -> Result<Option<Datum>> {
    let (Some(body), Some(terms)) = (call.text(0)?, call.datum(1)) else {
        return Ok(None);
    };
    let hit = hunt_at(call, terms)?
        .matcher
        .is_match(body, 0, &mut interrupted)?;
    Ok(Some(hit.into()))
}

/// `term_hits(body, terms)`: every place of every one of these terms.
fn term_hits(call: &Call) -> Result<Option<Datum>> {
    let rows = call.rows();
    let (Some(body), Some(terms)) = (call.text(0)?, call.datum(1)) else {
        return Ok(None);
    };
    let hunt = hunt_at(call, terms)?;
    for hit in hunt
        .matcher
        .find(body, &FindOptions::default(), &mut interrupted)?
    {
        pgrx::check_for_interrupts!();
        let steps: Vec<&str> = hit.evidence.steps.names().collect();
        rows.put(&[
            hunt.matcher.term(hit.item, hit.slot).map(pg::text_datum),
            Some(i32::try_from(hit.start + 1).unwrap_or(i32::MAX).into()),
            Some(i32::try_from(hit.length).unwrap_or(i32::MAX).into()),
            body.get(hit.bytes.clone()).map(pg::text_datum),
            (!steps.is_empty()).then(|| steps.into_datum()).flatten(),
        ])?;
    }
    Ok(None)
}

fn palloc_array<T>(length: usize) -> *mut T {
    // SAFETY: allocates at least one element in the current memory context; PostgreSQL refuses sizes over 1 GB.
    unsafe { pg_sys::palloc(length.max(1) * size_of::<T>()).cast() }
}

/// A PostgreSQL array of the keys.
fn keys_datum(keys: &[i32]) -> Datum {
    let datums = palloc_array::<Datum>(keys.len());
    for (n, &key) in keys.iter().enumerate() {
        // SAFETY: within the array just made.
        unsafe { *datums.add(n) = key.into() };
    }
    datums.into()
}

fn set_count(call: &Call, count: usize) {
    if let Some(out) = call.datum(1) {
        // SAFETY: GIN passes int32 *nkeys.
        unsafe { *out.cast_mut_ptr::<i32>() = count as i32 };
    }
}

/// `text_grams(body)`: what the index keeps of a text.
fn grams_of_text(call: &Call) -> Result<Option<Datum>> {
    let Some(body) = call.text(0)? else {
        return Ok(None);
    };
    Ok(text_grams(body, &mut interrupted)?.into_datum())
}

/// GIN extractValue.
fn grams_of_value(call: &Call) -> Result<Option<Datum>> {
    let Some(body) = call.text(0)? else {
        return Ok(None);
    };
    let keys = text_grams(body, &mut interrupted)?;
    set_count(call, keys.len());
    Ok(Some(keys_datum(&keys)))
}

/// The terms behind the right side of the operator; `None`: any row may be hit.
fn wanted_terms(query: Datum, strategy: u16) -> Result<Option<Vec<Term>>> {
    match strategy {
        BY_TERMS => Ok(Some(hunt(query)?.terms.clone())),
        BY_PACKAGE => {
            // SAFETY: the right side of this strategy is text.
            let package = unsafe { pg::text(query) }?;
            let map = in_force::current()?;
            let &id = map
                .packages
                .get(package)
                .ok_or_else(|| Error::UnknownPackage(package.to_owned()))?;
            let (mut items, mut media) = (Vec::new(), Default::default());
            for release in map.releases.iter().filter(|r| r.is_live() && r.package_id == id) {
                if release.items as usize > MAX_INDEXED {
                    return Ok(None);
                }
                compiled::load(map.installed, 0, release, &mut items, &mut media)?;
            }
            // Allow entries only take hits away.
            Ok(Some(
                items.into_iter().filter(|i| !i.allow).map(|i| i.term).collect(),
            ))
        }
        _ => Ok(None),
    }
}

/// The alternatives: a row is a candidate when it has all grams of one of them. `None`: every row is.
fn alternatives(query: Datum, strategy: u16) -> Result<Option<Vec<Vec<Gram>>>> {
    let Some(terms) = wanted_terms(query, strategy)? else {
        return Ok(None);
    };
    if terms.len() > MAX_INDEXED {
        return Ok(None);
    }
    let mut all = Vec::new();
    for term in &terms {
        match term_grams(term) {
            Some(grams) => all.extend(grams),
            None => return Ok(None),
        }
    }
    Ok(Some(all))
}

/// GIN extractQuery. What the consistent functions need goes along as extra data: the number of alternatives, and for
/// each its length and the positions of its grams among the keys.
fn grams_of_query(call: &Call) -> Result<Option<Datum>> {
    let (Some(query), Some(partial), Some(extra), Some(mode)) =
        (call.datum(0), call.datum(3), call.datum(4), call.datum(6))
    else {
        return Ok(None);
    };
    let strategy = call.int4(2).unwrap_or_default() as u16;
    let Some(alternatives) = alternatives(query, strategy)? else {
        set_count(call, 0);
        // SAFETY: GIN passes int32 *searchMode.
        unsafe { *mode.cast_mut_ptr::<i32>() = pg_sys::GIN_SEARCH_MODE_ALL as i32 };
        return Ok(Some(Datum::null()));
    };
    let mut keys: Vec<Gram> = alternatives.iter().flatten().copied().collect();
    keys.sort_unstable();
    keys.dedup();
    let positions: HashMap<Gram, i32> = keys.iter().enumerate().map(|(n, &key)| (key, n as i32)).collect();
    let mut plan = vec![alternatives.len() as i32];
    for grams in &alternatives {
        plan.push(grams.len() as i32);
        plan.extend(grams.iter().filter_map(|gram| positions.get(gram)));
    }
    set_count(call, keys.len());
    if !keys.is_empty() {
        let copy = palloc_array::<i32>(plan.len());
        let pointers = palloc_array::<pg_sys::Pointer>(keys.len());
        let ranges = palloc_array::<bool>(keys.len());
        // SAFETY: the arrays were just made with these lengths; GIN passes bool **pmatch and Pointer **extra_data.
        unsafe {
            std::ptr::copy_nonoverlapping(plan.as_ptr(), copy, plan.len());
            for (n, key) in keys.iter().enumerate() {
                *pointers.add(n) = copy.cast();
                *ranges.add(n) = key.is_range;
            }
            *partial.cast_mut_ptr::<*mut bool>() = ranges;
            *extra.cast_mut_ptr::<*mut pg_sys::Pointer>() = pointers;
        }
    }
    let keys: Vec<i32> = keys.iter().map(|gram| gram.key).collect();
    Ok(Some(keys_datum(&keys)))
}

/// GIN comparePartial: 0 within the range that begins with the first key, above 0 behind it.
fn compare_partial(call: &Call) -> Result<Option<Datum>> {
    let (Some(first), Some(key)) = (call.int4(0), call.int4(1)) else {
        return Ok(None);
    };
    Ok(Some(i32::from(key > last_of_range(first)).into()))
}

/// May a row be hit of whose grams this is known? `check` holds a byte per key: 0 absent, else present or unknown.
fn may_hit(check: Option<Datum>, keys: i32, extra: Option<Datum>) -> bool {
    let (Some(check), Some(extra), true) = (check, extra, keys > 0) else {
        // Without keys: no term, nothing to find; or every row, which is to be checked.
        return true;
    };
    // SAFETY: GIN passes one byte and one pointer per key; grams_of_query made the plan behind the first.
    unsafe {
        let check = std::slice::from_raw_parts(check.cast_mut_ptr::<u8>(), keys as usize);
        let mut at = (*extra.cast_mut_ptr::<pg_sys::Pointer>())
            .cast::<i32>()
            .cast_const();
        let mut next = || {
            let value = *at;
            at = at.add(1);
            value
        };
        let alternatives = next();
        let mut any = false;
        for _ in 0..alternatives {
            let length = next();
            let mut all = true;
            for _ in 0..length {
                all &= check.get(next() as usize).is_some_and(|&known| known != 0);
            }
            any |= all;
        }
        any
    }
}

/// GIN consistent: what the index finds is always checked by the operator.
fn consistent(call: &Call) -> Result<Option<Datum>> {
    if let Some(recheck) = call.datum(5) {
        // SAFETY: GIN passes bool *recheck.
        unsafe { *recheck.cast_mut_ptr::<bool>() = true };
    }
    Ok(Some(
        may_hit(call.datum(0), call.int4(3).unwrap_or_default(), call.datum(4)).into(),
    ))
}

/// GIN triConsistent.
fn triconsistent(call: &Call) -> Result<Option<Datum>> {
    let may = may_hit(call.datum(0), call.int4(3).unwrap_or_default(), call.datum(4));
    let answer = if may { pg_sys::GIN_MAYBE } else { pg_sys::GIN_FALSE };
    Ok(Some(Datum::from(answer as u8)))
}
