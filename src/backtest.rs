//! One content judged twice in one pass: as it is judged now, and as it would be with a candidate in place of the
//! package's live release. Everything above it (which rows, summaries, chunks) is SQL: `sql/85_backtest.sql`.
//!
//! Not for judging: no hit is recorded, and shadow releases have no part in it.

use crate::asked::{self, Compared};
use crate::candidate::Arguments;
use crate::content::Content;
use crate::error::Result;
use crate::in_force;
use crate::media_hits::{self, MediaFound};
use crate::pg::Call;
use crate::rules::Owner;
use crate::verdict::{self, Found, rank};
use pgrx::IntoDatum;
use pgrx::pg_sys::Datum;
use std::collections::{BTreeSet, HashMap};

crate::pg_function!(
    moderation_candidate_verdict,
    pg_finfo_moderation_candidate_verdict,
    candidate_verdict
);

/// The best hit of each item, by slot.
type Scores = HashMap<(u16, i64), f32>;

/// What one of the two makes of a content.
struct Side<'r> {
    /// Items that count, in order.
    items: Vec<i64>,
    score: f32,
    /// What the package asks for; `None`: it does not act.
    action: Option<&'r str>,
    /// The strongest action of all packages.
    verdict: Option<&'r str>,
}

/// What one content's hits are judged by.
struct Judge<'j> {
    compared: &'j Compared,
    scores: Scores,
    owner: Owner<'j>,
}

impl<'j> Judge<'j> {
    /// The verdict with the package's release in `slot`, and without the other one; without one of its items on request.
    fn side(&self, slot: Option<u16>, without: Option<i64>) -> Result<Side<'j>> {
        let other = [self.compared.before, Some(self.compared.after)]
            .into_iter()
            .find(|&of| of != slot)
            .flatten();
        let mut counting = self.scores.clone();
        counting.retain(|&(of, item), _| Some(of) != other && (Some(of) != slot || Some(item) != without));
        let asked = verdict::actions(
            &self.compared.releases,
            verdict::package_scores(&counting),
            &self.owner,
            &mut Vec::new(),
        )?;
        let ours = asked.iter().find(|asked| Some(asked.slot) == slot);
        let mut items: Vec<i64> = counting
            .keys()
            .filter(|(of, _)| Some(*of) == slot)
            .map(|&(_, item)| item)
            .collect();
        items.sort_unstable();
        Ok(Side {
            items,
            score: ours.map_or(0.0, |asked| asked.score),
            action: ours.and_then(|asked| asked.action),
            verdict: verdict::strongest(&asked),
        })
    }

    /// Items without which the verdict would be weaker.
    fn needed(&self, after: &Side<'_>) -> Result<Vec<i64>> {
        let mut needed = Vec::new();
        for &item in &after.items {
            let without = self.side(Some(self.compared.after), Some(item))?;
            if level(without.verdict) < level(after.verdict) {
                needed.push(item);
            }
        }
        Ok(needed)
    }
}

fn level(action: Option<&str>) -> u8 {
    action.map_or(0, rank)
}

/// Hits of both kinds that an allow entry covers: slot, item, entry.
fn covered(found: &[Found], media: &[MediaFound]) -> Vec<(u16, i64, i64)> {
    let texts = found
        .iter()
        .filter_map(|f| Some((f.hit.slot, f.hit.item, f.hit.suppressed_by?)));
    let others = media
        .iter()
        .filter_map(|f| Some((f.slot, f.item, f.suppressed_by?)));
    texts.chain(others).collect()
}

/// Why an item counts on one side and not on the other: the allow entries that cover it there, or it is not there and
/// itself the reason.
fn differences(
    here: &Side<'_>,
    there: &Side<'_>,
    slot_there: Option<u16>,
    covered: &[(u16, i64, i64)],
) -> Vec<i64> {
    let mut out = BTreeSet::new();
    for &item in here.items.iter().filter(|item| !there.items.contains(item)) {
        let before = out.len();
        let covering = covered
            .iter()
            .filter(|&&(slot, of, _)| Some(slot) == slot_there && of == item);
        out.extend(covering.map(|&(_, _, entry)| entry));
        if out.len() == before {
            out.insert(item);
        }
    }
    out.into_iter().collect()
}

fn change_of(before: &Side<'_>, after: &Side<'_>) -> &'static str {
    match (before.action, after.action) {
        (None, Some(_)) => "gained",
        (Some(_), None) => "lost",
        (before, after) if before != after => "changed",
        _ => "same",
    }
}

/// `candidate_verdict(package, release, against, owner, fields)`: NULL when the package hits neither before nor after.
fn candidate_verdict(call: &Call) -> Result<Option<Datum>> {
    let Some(package) = call.text(0)? else {
        return Ok(None);
    };
    let map = in_force::current()?;
    let compared = asked::compared(&map, package, call.int4(1), call.int4(2))?;
    let arguments = Arguments::of(call, 4)?;
    let mut content = Content::default();
    let (fields, media) = arguments.parts(&mut content)?;
    let found = verdict::find(&compared.compiled, &fields, &compared.selection, true)?;
    let media = media_hits::find(&compared.compiled, &media, &compared.selection, true)?;
    if found.is_empty() && media.is_empty() {
        return Ok(None);
    }
    let scores = verdict::item_scores(&found, &media);
    let ours = |slot: u16| slot == compared.after || Some(slot) == compared.before;
    if !scores.keys().any(|&(slot, _)| ours(slot)) {
        return Ok(None);
    }
    let owner_key = || Ok(call.text(3)?.map(str::to_owned));
    let judge = Judge {
        compared: &compared,
        scores,
        owner: Owner::new(map.installed, &owner_key),
    };
    let before = judge.side(compared.before, None)?;
    let after = judge.side(Some(compared.after), None)?;
    let change = change_of(&before, &after);
    let covered = covered(&found, &media);
    let culprits = if change == "same" {
        Vec::new()
    } else if level(after.action) > level(before.action) {
        differences(&after, &before, compared.before, &covered)
    } else {
        differences(&before, &after, Some(compared.after), &covered)
    };
    let needed = judge.needed(&after)?;
    let action = |action: Option<&str>| action.map(|action| map.label("action", action)).transpose();
    arguments
        .row([
            Some(map.label("verdict_change", change)?),
            action(before.action)?,
            action(after.action)?,
            Some(Datum::from(before.score.to_bits())),
            Some(Datum::from(after.score.to_bits())),
            action(before.verdict)?,
            action(after.verdict)?,
            before.items.into_datum(),
            after.items.into_datum(),
            culprits.into_datum(),
            needed.into_datum(),
        ])
        .map(Some)
}
