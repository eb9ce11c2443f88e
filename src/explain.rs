//! `explain_text`, `mask_text`, `fold_text`: what the matcher sees, in words and in text.
//!
//! Explaining compiles items again and again: for one question at a time, not for a table of texts.

use crate::compiled::{self, interrupted};
use crate::error::{Error, Result};
use crate::in_force::{self, InForce, Release};
use crate::material::{digest_of, enum_label};
use crate::media::MediaItems;
use crate::moderate::slots_of;
use crate::pg::{self, Call, Rows};
use crate::rollout::Lot;
use crate::standing::Standing;
use crate::verdict::release_of;
use pg_moderation_engine::{
    FindOptions, Item, Level, MatchError, MatchMode, Matcher, Term, compile, explain, fold_text_at,
    loosened_rule, mask_text,
};
use pgrx::pg_sys::Datum;
use std::collections::BTreeSet;

crate::pg_function!(
    moderation_explain_text,
    pg_finfo_moderation_explain_text,
    explain_text
);
crate::pg_function!(moderation_mask_text, pg_finfo_moderation_mask_text, mask);
crate::pg_function!(moderation_fold_text, pg_finfo_moderation_fold_text, fold);

/// Items of one package that are explained at most.
const MAX_ITEMS: usize = 20;

/// Places that are masked in one text at most, a bound on memory (about 100 bytes each).
const MAX_MASKED: usize = 2_000_000;

/// `explain_text(body, what, match, level, language)`.
fn explain_text(call: &Call) -> Result<Option<Datum>> {
    let rows = call.rows();
    let (Some(body), Some(what)) = (call.text(0)?, call.text(1)?) else {
        return Ok(None);
    };
    let map = in_force::current()?;
    let digest = || digest_of(std::iter::once(Some(body)));
    let lot = Lot::new(None, &digest);
    if let Some(&package_id) = map.packages.get(what) {
        if !map.may_read(package_id)? {
            return Err(Error::Restricted(what.to_owned()));
        }
        explain_package(
            &rows,
            &map,
            body,
            &Standing::of(&map, what, package_id, &lot)?,
            &lot,
        )?;
        return Ok(None);
    }
    let mut known = false;
    let mut packages: Vec<(&String, i32)> = Vec::new();
    for (name, &package_id) in &map.packages {
        if map.may_read(package_id)? {
            packages.push((name, package_id));
        }
    }
    packages.sort();
    for (package, package_id) in packages {
        let standing = Standing::of(&map, package, package_id, &lot)?;
        let (allow, terms) = items_of(&map, &standing)?;
        let mut found = terms.iter().filter(|item| item.term.text == what).peekable();
        if found.peek().is_none() {
            continue;
        }
        known = true;
        for item in found {
            put(&rows, body, Some(&standing), item, &allow)?;
        }
        put_remark(&rows, &standing, standing.sentence(&map, body, &lot)?)?;
    }
    if !known {
        let (Some(mode), Some(level)) = (enum_label(call, 2)?, enum_label(call, 3)?) else {
            return Err(Error::Internal("match and level must not be NULL"));
        };
        let term = Term {
            text: what.to_owned(),
            mode: compiled::match_mode(&mode)?,
            level: compiled::level(&level)?,
            language: compiled::language(call.text(4)?)?,
        };
        pg_moderation_engine::validate_term(&term).map_err(|error| Error::Term { position: 1, error })?;
        put(&rows, body, None, &item(term), &[])?;
    }
    Ok(None)
}

fn item(term: Term) -> Item {
    Item {
        id: 0,
        slot: 0,
        allow: false,
        weight: 1.0,
        term,
    }
}

/// The allow entries and the terms of a package; allow entries that do not count now are as if they were not there.
fn items_of(map: &InForce, standing: &Standing) -> Result<(Vec<Item>, Vec<Item>)> {
    let mut items = Vec::new();
    compiled::load(
        map.installed,
        0,
        &standing.release,
        &mut items,
        &mut MediaItems::default(),
    )?;
    items.retain(|item| !item.allow || standing.reason(item.id).is_none_or(|reason| !reason.is_absent));
    Ok(items.into_iter().partition(|item| item.allow))
}

/// The items that hit; when none does, those that come near.
fn explain_package(rows: &Rows, map: &InForce, body: &str, standing: &Standing, lot: &Lot<'_>) -> Result<()> {
    let (allow, terms) = items_of(map, standing)?;
    let mut found = hits(&terms, body)?;
    if found.is_empty() {
        found = hits(&loosened(&terms), body)?;
    }
    for item in terms
        .iter()
        .filter(|item| found.contains(&item.id))
        .take(MAX_ITEMS)
    {
        put(rows, body, Some(standing), item, &allow)?;
    }
    if found.is_empty() {
        let count = terms.len();
        let sentence = format!("None of the {count} terms is in the text, nor anything near one of them.");
        put_row(rows, Some(standing), None, Some(false), &sentence)?;
    }
    put_remark(rows, standing, standing.sentence(map, body, lot)?)
}

fn hits(items: &[Item], body: &str) -> Result<BTreeSet<i64>> {
    let bytes = compile(items, &mut interrupted)?;
    let options = FindOptions {
        suppressed: true,
        places: 1,
        ..FindOptions::default()
    };
    let hits = Matcher::open(&bytes)?.find(body, &options, &mut interrupted)?;
    Ok(hits.into_iter().map(|hit| hit.item).collect())
}

/// The plain terms as they would match most loosely: anywhere, and against evasions; rules without exclusions and distances.
fn loosened(items: &[Item]) -> Vec<Item> {
    let plain = |item: &&Item| {
        matches!(
            item.term.mode,
            MatchMode::Word | MatchMode::Prefix | MatchMode::Suffix
        )
    };
    let loosen = |item: &Item, mode, level| Item {
        term: Term {
            mode,
            level,
            ..item.term.clone()
        },
        ..item.clone()
    };
    let terms = || items.iter().filter(|item| !item.allow).filter(plain);
    let rule = |item: &Item| {
        let text = loosened_rule(&item.term.text).filter(|_| item.term.mode == MatchMode::Rule)?;
        let term = Term {
            text,
            ..item.term.clone()
        };
        Some(Item { term, ..item.clone() })
    };
    let rules = items.iter().filter(|item| !item.allow).filter_map(rule);
    terms()
        .map(|item| loosen(item, MatchMode::Word, Level::Evasion))
        .chain(terms().map(|item| loosen(item, MatchMode::Substring, Level::Folded)))
        .chain(rules)
        .collect()
}

/// A row for every sentence about one item.
fn put(rows: &Rows, body: &str, standing: Option<&Standing>, item: &Item, allow: &[Item]) -> Result<()> {
    let explanation = explain(body, item, allow, &mut interrupted)?;
    let reason = standing.and_then(|standing| standing.reason(item.id));
    let counts = reason.is_none_or(|reason| !reason.is_absent);
    let is_hit = counts && explanation.hits.iter().any(|hit| hit.suppressed_by.is_none());
    let reason = reason.map(|reason| &reason.sentence);
    for sentence in explanation.sentences.iter().chain(reason) {
        put_row(rows, standing, Some(item), Some(is_hit), sentence)?;
    }
    Ok(())
}

/// A row about the package, if there is something to say.
fn put_remark(rows: &Rows, standing: &Standing, sentence: Option<String>) -> Result<()> {
    match sentence {
        Some(sentence) => put_row(rows, Some(standing), None, None, &sentence),
        None => Ok(()),
    }
}

fn put_row(
    rows: &Rows,
    standing: Option<&Standing>,
    item: Option<&Item>,
    is_hit: Option<bool>,
    sentence: &str,
) -> Result<()> {
    rows.put(&[
        standing.map(|standing| pg::text_datum(&standing.release.package)),
        standing.and(item).map(|item| item.id.into()),
        item.map(|item| pg::text_datum(&item.term.text)),
        is_hit.map(Into::into),
        Some(pg::text_datum(sentence)),
    ])
}

/// `mask_text(body, packages, mask)`.
fn mask(call: &Call) -> Result<Option<Datum>> {
    let (Some(body), Some(mask)) = (call.text(0)?, call.text(2)?) else {
        return Ok(None);
    };
    let mut characters = mask.chars();
    let (Some(mask), None) = (characters.next(), characters.next()) else {
        return Err(Error::Mask);
    };
    let map = in_force::current()?;
    let digest = || digest_of(std::iter::once(Some(body)));
    let selection = map.selection(slots_of(&map, call.texts(1)?)?, &Lot::new(None, &digest))?;
    let mut slots = selection
        .slots
        .unwrap_or_else(|| (0..map.releases.len() as u16).collect());
    slots.retain(|&slot| map.releases.get(usize::from(slot)).is_some_and(Release::is_live));
    if slots.is_empty() {
        return Ok(Some(pg::text_datum(body)));
    }
    // Every place has to go, however often an item occurs.
    let options = FindOptions {
        slots: Some(slots),
        limit: MAX_MASKED,
        inactive: selection.moment.unenforced.clone(),
        ..FindOptions::default()
    };
    let hits = map.compiled()?.matcher.find(body, &options, &mut interrupted)?;
    if hits.len() == MAX_MASKED {
        return Err(Error::Match(MatchError::OutOfMemory));
    }
    for hit in &hits {
        if !map.may_read(release_of(&map.releases, hit.slot)?.package_id)? {
            // What is hidden would be what was matched.
            let hide = |c: char| if c.is_whitespace() { c } else { mask };
            return Ok(Some(pg::text_datum(&body.chars().map(hide).collect::<String>())));
        }
    }
    Ok(Some(pg::text_datum(&mask_text(body, &hits, mask))))
}

/// `fold_text(body, level)`.
fn fold(call: &Call) -> Result<Option<Datum>> {
    let (Some(body), Some(level)) = (call.text(0)?, enum_label(call, 1)?) else {
        return Ok(None);
    };
    Ok(Some(pg::text_datum(&fold_text_at(
        body,
        compiled::level(&level)?,
    ))))
}
