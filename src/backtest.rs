//! One content judged twice in one pass: as it is judged now, and as it would be with a candidate in place of the
//! package's live release. Everything above it (which rows, summaries, chunks) is SQL: `sql/85_backtest.sql`.
//!
//! Not for judging: no hit is recorded, and shadow releases have no part in it.

use crate::asked::{self, Compared};
use crate::error::Result;
use crate::in_force;
use crate::pg::Call;
use crate::verdict::{self, Field, Found, rank};
use pgrx::IntoDatum;
use pgrx::pg_sys::Datum;
use std::collections::{BTreeSet, HashMap};

crate::pg_function!(
    moderation_candidate_verdict,
    pg_finfo_moderation_candidate_verdict,
    candidate_verdict
);

/// What one slot makes of a content.
#[derive(Default)]
struct Side {
    /// Items that count, with the best hit of each.
    items: HashMap<i64, f32>,
    score: f32,
    acts: bool,
}

impl Side {
    fn of(scores: &HashMap<(u16, i64), f32>, slot: u16, threshold: f32) -> Self {
        let items: HashMap<i64, f32> = scores
            .iter()
            .filter(|((of, _), _)| *of == slot)
            .map(|(&(_, item), &score)| (item, score))
            .collect();
        let score = sum(items.values());
        Self {
            acts: !items.is_empty() && score >= threshold,
            items,
            score,
        }
    }

    /// Would the package still act without this item?
    fn acts_without(&self, item: i64, threshold: f32) -> bool {
        let others = || {
            self.items
                .iter()
                .filter(|&(&id, _)| id != item)
                .map(|(_, score)| score)
        };
        others().next().is_some() && sum(others()) >= threshold
    }

    fn ids(&self) -> Vec<i64> {
        let mut ids: Vec<i64> = self.items.keys().copied().collect();
        ids.sort_unstable();
        ids
    }
}

fn sum<'a>(scores: impl Iterator<Item = &'a f32>) -> f32 {
    scores.fold(0.0, |sum, &score| sum + f64::from(score)) as f32
}

/// The strongest of two actions.
fn stronger<'a>(a: Option<&'a str>, b: Option<&'a str>) -> Option<&'a str> {
    if a.map_or(0, rank) >= b.map_or(0, rank) {
        a
    } else {
        b
    }
}

/// Why an item counts on one side and not on the other: the allow entries that cover it there, or it is not there and
/// itself the reason.
fn culprits(here: &Side, there: &Side, slot_there: Option<u16>, found: &[Found]) -> BTreeSet<i64> {
    let mut out = BTreeSet::new();
    for item in here.items.keys().filter(|item| !there.items.contains_key(item)) {
        let before = out.len();
        let covering = found
            .iter()
            .filter(|f| Some(f.hit.slot) == slot_there && f.hit.item == *item)
            .filter_map(|f| f.hit.suppressed_by);
        out.extend(covering);
        if out.len() == before {
            out.insert(*item);
        }
    }
    out
}

/// `candidate_verdict(fields, package, release, against)`: NULL when the package hits neither before nor after.
fn candidate_verdict(call: &Call) -> Result<Option<Datum>> {
    let (Some(texts), Some(package)) = (call.texts(0)?, call.text(1)?) else {
        return Ok(None);
    };
    let map = in_force::current()?;
    let compared = asked::compared(&map, package, call.int4(2), call.int4(3))?;
    let fields: Vec<Field<'_>> = texts.into_iter().map(|text| Field { name: None, text }).collect();
    let found = verdict::find(&compared.compiled, &fields, &compared.selection, true)?;
    let ours = |slot: u16| slot == compared.after || Some(slot) == compared.before;
    if !found
        .iter()
        .any(|f| f.hit.suppressed_by.is_none() && ours(f.hit.slot))
    {
        return Ok(None);
    }
    let judged = Judged::new(&compared, &found)?;
    let action = |action: Option<&str>| action.map(|action| map.label("action", action)).transpose();
    let ids = |ids: Vec<i64>| ids.into_datum();
    call.row(&[
        Some(map.label("verdict_change", judged.change())?),
        action(judged.action_before)?,
        action(judged.action_after)?,
        Some(Datum::from(judged.before.score.to_bits())),
        Some(Datum::from(judged.after.score.to_bits())),
        action(stronger(judged.others, judged.action_before))?,
        action(stronger(judged.others, judged.action_after))?,
        ids(judged.before.ids()),
        ids(judged.after.ids()),
        ids(judged.culprits(&compared, &found)),
        ids(judged.needed(&compared)?),
    ])
    .map(Some)
}

struct Judged<'a> {
    before: Side,
    after: Side,
    /// What the package asks for; `None` when it does not act.
    action_before: Option<&'a str>,
    action_after: Option<&'a str>,
    /// The strongest action of the other packages.
    others: Option<&'a str>,
}

impl<'a> Judged<'a> {
    fn new(compared: &'a Compared, found: &[Found]) -> Result<Self> {
        let scores = verdict::item_scores(found, &[]);
        let side = |slot: u16| -> Result<(Side, &'a str)> {
            let release = verdict::release_of(&compared.releases, slot)?;
            Ok((Side::of(&scores, slot, release.threshold), &release.action))
        };
        let (before, action_before) = match compared.before {
            Some(slot) => side(slot)?,
            None => (Side::default(), ""),
        };
        let (after, action_after) = side(compared.after)?;
        let slots: BTreeSet<u16> = scores.keys().map(|&(slot, _)| slot).collect();
        let mut others = None;
        for slot in slots {
            if slot != compared.after && Some(slot) != compared.before {
                let (side, action) = side(slot)?;
                others = stronger(others, side.acts.then_some(action));
            }
        }
        Ok(Self {
            action_before: before.acts.then_some(action_before),
            action_after: after.acts.then_some(action_after),
            before,
            after,
            others,
        })
    }

    fn change(&self) -> &'static str {
        match (self.action_before, self.action_after) {
            (None, Some(_)) => "gained",
            (Some(_), None) => "lost",
            (before, after) if before != after => "changed",
            _ => "same",
        }
    }

    /// The items and allow entries that make the difference; none when the settings do.
    fn culprits(&self, compared: &Compared, found: &[Found]) -> Vec<i64> {
        let gained = || culprits(&self.after, &self.before, compared.before, found);
        let lost = || culprits(&self.before, &self.after, Some(compared.after), found);
        match self.change() {
            "gained" => gained(),
            "lost" => lost(),
            _ => BTreeSet::new(),
        }
        .into_iter()
        .collect()
    }

    /// Items without which the verdict would be weaker.
    fn needed(&self, compared: &Compared) -> Result<Vec<i64>> {
        let threshold = verdict::release_of(&compared.releases, compared.after)?.threshold;
        if !self.after.acts || rank(self.action_after.unwrap_or_default()) <= self.others.map_or(0, rank) {
            return Ok(Vec::new());
        }
        let mut ids = self.after.ids();
        ids.retain(|&item| !self.after.acts_without(item, threshold));
        Ok(ids)
    }
}
