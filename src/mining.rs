//! `mine_terms`, `find_variants`, `cluster_images` and `greedy_cover`: the mining engine behind the proposals and statistics
//! of sql/72 and sql/73.

use crate::compiled::interrupted;
use crate::error::{Error, Result};
use crate::pg::{self, Call};
use pg_moderation_engine::hash::pdq::PdqHash;
use pg_moderation_engine::mine::{
    Class, ClusterOptions, Example, LabelledImage, MineOptions, greedy_cover, image_clusters, mine, variants,
};
use pgrx::pg_sys::{self, Datum};

crate::pg_function!(moderation_mine_terms, pg_finfo_moderation_mine_terms, mine_terms);
crate::pg_function!(moderation_greedy_cover, pg_finfo_moderation_greedy_cover, cover);

crate::pg_function!(
    moderation_find_variants,
    pg_finfo_moderation_find_variants,
    find_variants
);

crate::pg_function!(
    moderation_cluster_images,
    pg_finfo_moderation_cluster_images,
    cluster_images
);

/// `mine_terms(texts, classes, weighted, max_terms, min_support, precision_floor)`.
fn mine_terms(call: &Call) -> Result<Option<Datum>> {
    let rows = call.rows();
    let (Some(texts), Some(classes)) = (call.array(0, pg_sys::TEXTOID), call.array(1, pg_sys::INT2OID))
    else {
        return Ok(None);
    };
    if texts.len() != classes.len() {
        return Err(Error::Internal("as many classes as texts are needed"));
    }
    let mut examples = Vec::new();
    // Positions of the examples in the arguments: NULL texts are left out.
    let mut positions = Vec::new();
    for (position, (text, class)) in texts.into_iter().zip(classes).enumerate() {
        let (Some(text), Some(class)) = (text, class) else {
            continue;
        };
        let class = match class.value() as i16 {
            1 => Class::Violating,
            0 => Class::Benign,
            _ => Class::Background,
        };
        // SAFETY: elements of an array of text.
        examples.push(Example {
            text: unsafe { pg::text(text)? },
            class,
        });
        positions.push(position + 1);
    }
    let number = |index| {
        call.int4(index)
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(0)
    };
    let options = MineOptions {
        weighted: call.boolean(2).unwrap_or(false),
        max_terms: number(3),
        min_support: number(4).max(1),
        // A float8 is passed by value on the platforms PostgreSQL 15 and later is built for.
        precision_floor: call.datum(5).map_or(0.9, |d| f64::from_bits(d.value() as u64)),
        ..MineOptions::default()
    };
    let mined = mine(&examples, &options, &mut interrupted)?;
    let outcome = mined.outcome;
    let count = |n: usize| Some(Datum::from(i32::try_from(n).unwrap_or(i32::MAX)));
    for term in mined.terms {
        let found: Vec<String> = term
            .examples
            .iter()
            .filter_map(|&e| positions.get(e))
            .map(ToString::to_string)
            .collect();
        rows.put(&[
            Some(pg::text_datum(&term.term.text)),
            Some(pg::text_datum(term.term.mode.name())),
            Some(pg::text_datum(term.term.level.name())),
            Some(Datum::from(term.weight.to_bits() as usize)),
            count(term.violating),
            count(term.benign),
            count(term.background),
            count(term.new_violating),
            Some(Datum::from(term.z.to_bits() as usize)),
            Some(pg::input(
                pg_sys::INT4ARRAYOID,
                -1,
                &format!("{{{}}}", found.join(",")),
            )?),
            count(outcome.true_positives),
            count(outcome.false_positives),
            count(outcome.false_negatives),
            count(outcome.background),
        ])?;
    }
    Ok(None)
}

/// `greedy_cover(items, contents)`.
fn cover(call: &Call) -> Result<Option<Datum>> {
    let rows = call.rows();
    let (Some(items), Some(contents)) = (call.array(0, pg_sys::INT8OID), call.array(1, pg_sys::INT8OID))
    else {
        return Ok(None);
    };
    let pairs: Vec<(i64, i64)> = items
        .into_iter()
        .zip(contents)
        .filter_map(|(item, content)| Some((item?.value() as i64, content?.value() as i64)))
        .collect();
    for (place, gain) in greedy_cover(&pairs, &mut interrupted)?.into_iter().enumerate() {
        rows.put(&[
            Some(Datum::from(gain.item)),
            Some(Datum::from(i32::try_from(place + 1).unwrap_or(i32::MAX))),
            Some(Datum::from(gain.gain as i64)),
        ])?;
    }
    Ok(None)
}

/// `find_variants(terms, texts)`.
fn find_variants(call: &Call) -> Result<Option<Datum>> {
    let rows = call.rows();
    let (Some(terms), Some(texts)) = (call.texts(0)?, call.texts(1)?) else {
        return Ok(None);
    };
    let examples: Vec<Example<'_>> = texts
        .iter()
        .map(|text| Example {
            text,
            class: Class::Background,
        })
        .collect();
    for found in variants(&terms, &examples, &mut interrupted)? {
        let place = |n: usize| Some(Datum::from(i32::try_from(n + 1).unwrap_or(i32::MAX)));
        rows.put(&[
            place(found.term),
            place(found.text),
            Some(pg::text_datum(found.kind.name())),
            Some(pg::text_datum(&found.variant)),
        ])?;
    }
    Ok(None)
}

/// `cluster_images(hashes, violating, radius, min_support, precision_floor)`.
fn cluster_images(call: &Call) -> Result<Option<Datum>> {
    let rows = call.rows();
    let (Some(hashes), Some(labels)) = (call.array(0, pg_sys::BYTEAOID), call.array(1, pg_sys::BOOLOID))
    else {
        return Ok(None);
    };
    let mut images = Vec::new();
    // Positions of the images in the arguments: those without hash or label are left out.
    let mut positions = Vec::new();
    for (position, (hash, label)) in hashes.into_iter().zip(labels).enumerate() {
        let (Some(hash), Some(label)) = (hash, label) else {
            continue;
        };
        // SAFETY: elements of an array of bytea.
        let Ok(bytes) = <[u8; 32]>::try_from(unsafe { pg::varlena(hash) }) else {
            return Err(Error::Internal("a hash has 32 bytes"));
        };
        images.push(LabelledImage {
            hash: PdqHash(bytes),
            violating: label.value() as u8 != 0,
        });
        positions.push(position + 1);
    }
    let options = ClusterOptions {
        radius: call.int4(2).and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        min_support: call.int4(3).and_then(|n| usize::try_from(n).ok()).unwrap_or(1),
        precision_floor: call.datum(4).map_or(0.9, |d| f64::from_bits(d.value() as u64)),
    };
    let count = |n: usize| Some(Datum::from(i32::try_from(n).unwrap_or(i32::MAX)));
    let place = |image: usize| positions.get(image).copied().unwrap_or(0);
    for cluster in image_clusters(&images, &options, &mut interrupted)? {
        let members: Vec<String> = cluster.members.iter().map(|&m| place(m).to_string()).collect();
        rows.put(&[
            count(place(cluster.centre)),
            count(cluster.max_distance as usize),
            count(cluster.violating),
            count(cluster.benign),
            count(cluster.new_violating),
            Some(pg::input(
                pg_sys::INT4ARRAYOID,
                -1,
                &format!("{{{}}}", members.join(",")),
            )?),
        ])?;
    }
    Ok(None)
}
