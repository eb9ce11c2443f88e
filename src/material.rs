//! What the package functions need of the engine: term checks, hashes, versions, the caller's name.

use crate::compiled;
use crate::error::{Error, Result};
use crate::identity;
use crate::pg::{self, Call};
use pg_moderation_engine::{FOLDING_VERSION, MatchMode, SET_HASH_STATE_BYTES, SetHash, Term, validate_term};
use pgrx::pg_sys::{self, Datum};
use sha2::{Digest, Sha256};
use std::collections::HashSet;

crate::pg_function!(
    moderation_check_terms,
    pg_finfo_moderation_check_terms,
    check_terms
);
crate::pg_function!(
    moderation_set_hash_apply,
    pg_finfo_moderation_set_hash_apply,
    set_hash_apply
);
crate::pg_function!(
    moderation_content_digest,
    pg_finfo_moderation_content_digest,
    content_digest
);
crate::pg_function!(
    moderation_folding_version,
    pg_finfo_moderation_folding_version,
    folding_version
);
crate::pg_function!(moderation_caller, pg_finfo_moderation_caller, caller);

/// `check_terms(terms, allow, match, level, language)`: each distinct term once, with its hash, or an error for the first that
/// cannot be compiled.
fn check_terms(call: &Call) -> Result<Option<Datum>> {
    let rows = call.rows();
    let Some(terms) = call.array(0, pg_sys::TEXTOID) else {
        return Ok(None);
    };
    let allow = call.boolean(1).unwrap_or(false);
    let (Some(mode_label), Some(level_label)) = (enum_label(call, 2)?, enum_label(call, 3)?) else {
        return Err(Error::Internal("match and level must not be NULL"));
    };
    let mode = compiled::match_mode(&mode_label)?;
    let level = compiled::level(&level_label)?;
    let language_code = call.text(4)?;
    let language = compiled::language(language_code)?;
    if language.is_some() && !matches!(mode, MatchMode::Inflected | MatchMode::Rule) {
        return Err(Error::LanguageWithoutForms);
    }
    let mut seen = HashSet::new();
    for (index, datum) in terms.into_iter().enumerate() {
        pgrx::check_for_interrupts!();
        let position = index + 1;
        let datum = datum.ok_or(Error::NullTerm { position })?;
        // SAFETY: elements of an array of text.
        let text = unsafe { pg::text(datum)? };
        let term = Term {
            text: text.to_owned(),
            mode,
            level,
            language,
        };
        validate_term(&term).map_err(|error| Error::Term { position, error })?;
        let hash: ItemHash = item_hash(&[
            "term",
            if allow { "allow" } else { "risk" },
            &mode_label,
            &level_label,
            language_code.unwrap_or_default(),
            text,
        ]);
        if seen.insert(hash) {
            rows.put(&[Some(pg::text_datum(text)), Some(pg::bytea_datum(&hash))])?;
        }
    }
    Ok(None)
}

pub type ItemHash = [u8; 32];

/// SHA-256 of what makes two items the same, each part with its length. Independent of ids, so the same on every server.
pub fn item_hash(parts: &[&str]) -> ItemHash {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

pub fn enum_label(call: &Call, index: usize) -> Result<Option<String>> {
    // SAFETY: asks the catalog for the declared type of our own argument.
    let type_oid = unsafe { pg_sys::get_fn_expr_argtype((*call.fcinfo()).flinfo, index as i32) };
    call.datum(index)
        .map(|datum| pg::output(type_oid, datum))
        .transpose()
}

/// `set_hash_apply(state, added, removed)`.
fn set_hash_apply(call: &Call) -> Result<Option<Datum>> {
    let state = call.bytes(0).unwrap_or_default();
    let mut hash = if state.is_empty() {
        SetHash::new()
    } else {
        SetHash::from_state(state).map_err(|_| Error::DamagedState)?
    };
    for (index, apply) in [(1, SetHash::add as fn(&mut SetHash, &[u8])), (2, SetHash::remove)] {
        for datum in call
            .array(index, pg_sys::BYTEAOID)
            .into_iter()
            .flatten()
            .flatten()
        {
            pgrx::check_for_interrupts!();
            // SAFETY: elements of an array of bytea.
            apply(&mut hash, unsafe { pg::varlena(datum) });
        }
    }
    debug_assert_eq!(hash.state().len(), SET_HASH_STATE_BYTES);
    Ok(Some(pg::bytea_datum(hash.state())))
}

/// The digest that hits record: SHA-256 over the fields in order, each as its length (8 bytes, big endian; all ones for
/// NULL) and its bytes.
pub fn digest_of<'a>(fields: impl Iterator<Item = Option<&'a str>>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for field in fields {
        match field {
            Some(text) => {
                hash.update((text.len() as u64).to_be_bytes());
                hash.update(text);
            }
            None => hash.update(u64::MAX.to_be_bytes()),
        }
    }
    hash.finalize().into()
}

fn content_digest(call: &Call) -> Result<Option<Datum>> {
    let Some(fields) = call.array(0, pg_sys::TEXTOID) else {
        return Ok(None);
    };
    let mut texts = Vec::new();
    for datum in fields {
        // SAFETY: elements of an array of text.
        texts.push(datum.map(|datum| unsafe { pg::text(datum) }).transpose()?);
    }
    Ok(Some(pg::bytea_datum(&digest_of(texts.into_iter()))))
}

fn folding_version(_call: &Call) -> Result<Option<Datum>> {
    Ok(Some((FOLDING_VERSION as i32).into()))
}

fn caller(_call: &Call) -> Result<Option<Datum>> {
    identity::caller_name().map(|name| Some(pg::text_datum(&name)))
}
