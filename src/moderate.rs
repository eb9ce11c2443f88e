//! `matches`, `moderate_text`, `text_hits`: verdicts as SQL expressions.

use crate::asked;
use crate::compiled::{self, Compiled};
use crate::error::{Error, Result};
use crate::in_force::{self, InForce, Release, Selection};
use crate::material::digest_of;
use crate::media_hits::MediaFields;
use crate::pg::{self, Call, read_ahead};
use crate::rollout::Lot;
use crate::rules::Owner;
use crate::verdict::{self, Field, Found, Judgement, release_of};
use pg_moderation_engine::FindOptions;
use pgrx::IntoDatum;
use pgrx::pg_sys::Datum;

crate::pg_function!(moderation_matches, pg_finfo_moderation_matches, matches);
crate::pg_function!(
    moderation_moderate_text,
    pg_finfo_moderation_moderate_text,
    moderate_text
);
crate::pg_function!(
    moderation_moderate_text_as_of,
    pg_finfo_moderation_moderate_text_as_of,
    moderate_text_as_of
);
crate::pg_function!(
    moderation_moderate_text_by_release,
    pg_finfo_moderation_moderate_text_by_release,
    moderate_text_by_release
);
crate::pg_function!(moderation_text_hits, pg_finfo_moderation_text_hits, text_hits);
crate::pg_function!(
    moderation_compile_in_force,
    pg_finfo_moderation_compile_in_force,
    compile_in_force
);

/// `matches(body, package)`: is there a hit of the package's live release?
fn matches(call: &Call) -> Result<Option<Datum>> {
    let (Some(body), Some(package)) = (call.text(0)?, call.text(1)?) else {
        return Ok(None);
    };
    read_ahead(body.as_bytes());
    let map = in_force::current()?;
    let Some(package_id) = map.package_id(package) else {
        return Err(Error::UnknownPackage(package.to_owned()));
    };
    let digest = || digest_of(std::iter::once(Some(body)));
    let Some(slot) = map.live_slot(package_id, &Lot::new(None, &digest)) else {
        return Ok(Some(false.into()));
    };
    let matcher = &map.compiled()?.matcher;
    let hit = match &map.moment()?.unenforced {
        None => matcher.is_match(body, slot, &mut compiled::interrupted)?,
        Some(unenforced) => {
            let options = FindOptions {
                slots: Some(vec![slot]),
                limit: 1,
                inactive: Some(unenforced.clone()),
                ..FindOptions::default()
            };
            !matcher
                .find(body, &options, &mut compiled::interrupted)?
                .is_empty()
        }
    };
    Ok(Some(hit.into()))
}

/// Slots of the named packages; `None` for all.
pub fn slots_of(map: &InForce, packages: Option<Vec<&str>>) -> Result<Option<Vec<u16>>> {
    let Some(packages) = packages else { return Ok(None) };
    let mut slots = Vec::new();
    for name in packages {
        let &id = map
            .packages
            .get(name)
            .ok_or_else(|| Error::UnknownPackage(name.to_owned()))?;
        let of_package = map
            .releases
            .iter()
            .enumerate()
            .filter(|(_, release)| release.package_id == id);
        slots.extend(of_package.map(|(slot, _)| slot as u16));
    }
    slots.sort_unstable();
    slots.dedup();
    Ok(Some(slots))
}

/// `moderate_text(body, packages, content_key)`: one verdict.
fn moderate_text(call: &Call) -> Result<Option<Datum>> {
    let Some(body) = call.text(0)? else {
        return Ok(None);
    };
    read_ahead(body.as_bytes());
    let map = in_force::current()?;
    moderate(call, &map, body, call.texts(1)?, call.text(2)?).map(Some)
}

/// `moderate_text_as_of(body, at, packages, content_key)`: the verdict by what was in force at a moment.
fn moderate_text_as_of(call: &Call) -> Result<Option<Datum>> {
    let (Some(body), Some(at)) = (call.text(0)?, call.int8(1)) else {
        return Ok(None);
    };
    let map = in_force::as_of(at)?;
    moderate(call, &map, body, call.texts(2)?, call.text(3)?).map(Some)
}

fn moderate(
    call: &Call,
    map: &InForce,
    body: &str,
    packages: Option<Vec<&str>>,
    key: Option<&str>,
) -> Result<Datum> {
    let digest = || digest_of(std::iter::once(Some(body)));
    let selection = map.selection(slots_of(map, packages)?, &Lot::new(key, &digest))?;
    let fields = [Field {
        name: None,
        text: body,
    }];
    let judgement = verdict::judge(
        map,
        &fields,
        &MediaFields::default(),
        &selection,
        &Owner::nobody(),
    )?;
    verdict_row(
        call,
        map,
        &judgement,
        &judgement.live_hits(map, verdict::Reader::Caller)?,
    )
}

/// `moderate_text_by_release(body, package, release)`: the verdict by one release, or by the draft.
fn moderate_text_by_release(call: &Call) -> Result<Option<Datum>> {
    let (Some(body), Some(package)) = (call.text(0)?, call.text(1)?) else {
        return Ok(None);
    };
    let map = in_force::current()?;
    let asked = asked::asked(&map, package, call.int4(2))?;
    let fields = [Field {
        name: None,
        text: body,
    }];
    let judgement = verdict::judge_by(&asked, &fields)?;
    verdict_row(call, &map, &judgement, &judgement.hits_by(&map, &asked)?).map(Some)
}

/// A verdict as a row of `moderation.verdict`.
pub fn verdict_row(
    call: &Call,
    map: &InForce,
    judgement: &Judgement,
    hits: &serde_json::Value,
) -> Result<Datum> {
    let action = judgement
        .action
        .as_deref()
        .map(|action| map.label("action", action))
        .transpose()?;
    let score = Datum::from(judgement.score.to_bits());
    call.row(&[action, Some(score), Some(pg::jsonb_datum(hits)?)])
}

/// `text_hits(body, packages, release, draft, suppressed)`: every place of every item.
fn text_hits(call: &Call) -> Result<Option<Datum>> {
    let rows = call.rows();
    let Some(body) = call.text(0)? else {
        return Ok(None);
    };
    let map = in_force::current()?;
    let packages = call.texts(1)?;
    let release = call.int4(2);
    let draft = call.boolean(3).unwrap_or(false);
    let suppressed = call.boolean(4).unwrap_or(false);
    let fields = [Field {
        name: None,
        text: body,
    }];
    if release.is_none() && !draft {
        let digest = || digest_of(std::iter::once(Some(body)));
        let selection = map.selection(slots_of(&map, packages)?, &Lot::new(None, &digest))?;
        if !map.releases.is_empty() {
            let found = verdict::find(map.compiled()?, &fields, &selection, suppressed)?;
            put_hits(&rows, &map, map.compiled()?, &map.releases, &found)?;
        }
        return Ok(None);
    }
    if release.is_some() && draft {
        return Err(Error::ReleaseOrDraft);
    }
    let [package] = packages.as_deref().unwrap_or_default() else {
        return Err(Error::OnePackageNeeded);
    };
    let asked = asked::asked(&map, package, release)?;
    let found = verdict::find(&asked.compiled, &fields, &Selection::timeless(), suppressed)?;
    put_hits(
        &rows,
        &map,
        &asked.compiled,
        std::slice::from_ref(&asked.release),
        &found,
    )?;
    Ok(None)
}

fn put_hits(
    rows: &pg::Rows,
    map: &InForce,
    compiled: &Compiled,
    releases: &[Release],
    found: &[Found],
) -> Result<()> {
    for found in found {
        pgrx::check_for_interrupts!();
        let release = release_of(releases, found.hit.slot)?;
        let is_shown = map.may_read(release.package_id)?;
        let stage = found
            .stage(release)
            .map(|stage| map.label("stage", stage))
            .transpose()?;
        rows.put(&[
            Some(pg::text_datum(&release.package)),
            Some(release.release.into()),
            stage,
            Some(found.hit.item.into()),
            Some(map.label("item_kind", "term")?),
            compiled
                .matcher
                .term(found.hit.item, found.hit.slot)
                .filter(|_| is_shown)
                .map(pg::text_datum),
            Some(map.label("action", &release.action)?),
            is_shown.then(|| found.span_start().into()),
            is_shown.then(|| found.span_length().into()),
            is_shown.then(|| pg::text_datum(&found.matched)),
            Some(map.label("match_level", found.hit.evidence.level.name())?),
            Some(Datum::from(found.hit.score.to_bits())),
            (!found.hit.evidence.steps.is_empty())
                .then(|| found.steps().into_datum())
                .flatten(),
            found.hit.suppressed_by.map(Datum::from),
        ])?;
    }
    Ok(())
}

/// Compiles what is in force for this transaction, its own changes included.
fn compile_in_force(_call: &Call) -> Result<Option<Datum>> {
    let map = in_force::current()?;
    if !map.releases.is_empty() {
        map.compiled()?;
    }
    Ok(None)
}
