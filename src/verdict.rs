//! From hits to a verdict: what the live releases of all packages say of one content.
//!
//! A package's score in a content is the sum over its items of the best hit of each; the package acts when that reaches
//! its threshold. The verdict's action is the strongest of the packages that act, its score the highest of all packages.

use crate::asked::Asked;
use crate::compiled::{self, Compiled};
use crate::error::{Error, Result};
use crate::gucs;
use crate::in_force::{InForce, Release, Selection};
use crate::media_hits::{self, MediaFields, MediaFound};
use crate::rules::Owner;
use pg_moderation_engine::{FindOptions, Hit};
use serde_json::{Value, json};
use std::collections::HashMap;

/// A text of a content, with the name of its column if it has one.
pub struct Field<'a> {
    pub name: Option<&'a str>,
    pub text: &'a str,
}

/// A hit in a field, and the text it stands on.
pub struct Found {
    pub field: Option<String>,
    pub hit: Hit,
    pub matched: String,
    /// The item is kept to shadow, whatever the stage of its release.
    pub shadowed: bool,
}

/// What was found in one content, live and shadow, and what follows from it; by default, nothing.
#[derive(Default)]
pub struct Judgement {
    pub action: Option<String>,
    pub score: f32,
    pub found: Vec<Found>,
    pub media: Vec<MediaFound>,
    /// The rules that made it stronger, and why.
    pub rules: Vec<Value>,
}

/// Hits that a verdict lists at most, so that a megabyte of spam does not become ten megabytes of JSON. The verdict itself
/// rests on all of them, and `text_hits` lists all.
const MAX_LISTED: usize = 1_000;

/// Who reads a verdict. Of a package with a guard (`rights`) those who may not read its material get neither it nor the
/// place of the hit, which together with the content would be the same.
#[derive(Clone, Copy, PartialEq)]
pub enum Reader {
    /// Whoever called.
    Caller,
    /// Whoever reads the table where it is stored.
    Anybody,
    /// Whoever sees an error: no material at all.
    OfError,
}

/// What a hit shows.
#[derive(Clone, Copy)]
pub struct Shown {
    /// The item: its term or label, how near; and the matched text.
    pub material: bool,
    /// Where it stands.
    pub place: bool,
}

fn shown(map: &InForce, reader: Reader, release: &Release) -> Result<Shown> {
    let open = match reader {
        Reader::Caller => map.may_read(release.package_id)?,
        Reader::Anybody | Reader::OfError => !map.rights.is_guarded(release.package_id),
    };
    Ok(Shown {
        material: open && reader != Reader::OfError,
        place: open,
    })
}

/// `log < review < block`, as the enum orders them.
pub fn rank(action: &str) -> u8 {
    match action {
        "block" => 3,
        "review" => 2,
        "log" => 1,
        _ => 0,
    }
}

/// Every place in `fields` where an item of the selection stands; on request also those that an allow entry covers.
pub fn find(
    compiled: &Compiled,
    fields: &[Field<'_>],
    selection: &Selection,
    suppressed: bool,
) -> Result<Vec<Found>> {
    let options = FindOptions {
        suppressed,
        slots: selection.slots.clone(),
        places: gucs::MAX_PLACES.get() as usize,
        inactive: selection.moment.inactive.clone(),
        ..Default::default()
    };
    let mut found = Vec::new();
    for field in fields {
        for hit in compiled
            .matcher
            .find(field.text, &options, &mut compiled::interrupted)?
        {
            let matched = field.text.get(hit.bytes.clone()).unwrap_or_default().to_owned();
            found.push(Found {
                field: field.name.map(str::to_owned),
                shadowed: selection.moment.is_shadowed(hit.slot, hit.item),
                hit,
                matched,
            });
        }
    }
    Ok(found)
}

/// The best hit of each item, by slot; what an allow entry covers, or is not enforced, does not count.
pub fn item_scores(found: &[Found], media: &[MediaFound]) -> HashMap<(u16, i64), f32> {
    let texts = found
        .iter()
        .filter(|found| found.hit.suppressed_by.is_none() && !found.shadowed)
        .map(|Found { hit, .. }| (hit.slot, hit.item, hit.score));
    let others = media
        .iter()
        .filter(|found| found.suppressed_by.is_none() && !found.shadowed)
        .map(|found| (found.slot, found.item, found.score));
    let mut best: HashMap<(u16, i64), f32> = HashMap::new();
    for (slot, item, hit_score) in texts.chain(others) {
        let score = best.entry((slot, item)).or_insert(hit_score);
        *score = score.max(hit_score);
    }
    best
}

/// The score of each slot that has a hit: the sum over its items.
pub fn package_scores(items: &HashMap<(u16, i64), f32>) -> HashMap<u16, f32> {
    let mut scores: HashMap<u16, f64> = HashMap::new();
    for (&(slot, _), &score) in items {
        *scores.entry(slot).or_insert(0.0) += f64::from(score);
    }
    scores
        .into_iter()
        .map(|(slot, score)| (slot, score as f32))
        .collect()
}

/// The verdict of what is in force, with the hits it rests on.
pub fn judge(
    map: &InForce,
    fields: &[Field<'_>],
    media: &MediaFields<'_>,
    selection: &Selection,
    owner: &Owner<'_>,
) -> Result<Judgement> {
    if map.releases.is_empty() {
        return Ok(Judgement::default());
    }
    let compiled = map.compiled()?;
    let found = find(compiled, fields, selection, false)?;
    let media = media_hits::find(compiled, media, selection, false)?;
    conclude(&map.releases, found, media, owner)
}

/// The verdict of one release or draft, as if it were the only one and live.
pub fn judge_by(asked: &Asked, fields: &[Field<'_>]) -> Result<Judgement> {
    let found = find(&asked.compiled, fields, &Selection::timeless(), false)?;
    conclude(
        std::slice::from_ref(&asked.release),
        found,
        Vec::new(),
        &Owner::nobody(),
    )
}

fn conclude(
    releases: &[Release],
    found: Vec<Found>,
    media: Vec<MediaFound>,
    owner: &Owner<'_>,
) -> Result<Judgement> {
    if found.is_empty() && media.is_empty() {
        return Ok(Judgement::default());
    }
    let mut rules = Vec::new();
    let asked = actions(
        releases,
        package_scores(&item_scores(&found, &media)),
        owner,
        &mut rules,
    )?;
    Ok(Judgement {
        action: strongest(&asked).map(str::to_owned),
        score: asked.iter().fold(0.0, |highest, asked| asked.score.max(highest)),
        found,
        media,
        rules,
    })
}

/// What a release makes of a content that it hits.
pub struct Asking<'r> {
    pub slot: u16,
    pub score: f32,
    /// `None`: it does not act.
    pub action: Option<&'r str>,
}

/// What the releases with these scores ask for, by their thresholds and rules; each rule that made it stronger is added to
/// `rules`.
pub fn actions<'r>(
    releases: &'r [Release],
    scores: impl IntoIterator<Item = (u16, f32)>,
    owner: &Owner<'_>,
    rules: &mut Vec<Value>,
) -> Result<Vec<Asking<'r>>> {
    let mut judging: Vec<(u16, &Release, f32)> = Vec::new();
    for (slot, score) in scores {
        let release = release_of(releases, slot)?;
        if release.is_enforced() {
            judging.push((slot, release, score));
        }
    }
    // In an order of their own, so that what explains a verdict does not depend on a hash.
    judging.sort_unstable_by_key(|(_, release, _)| (release.package_id, release.release));
    let hit: Vec<&str> = judging
        .iter()
        .map(|(_, release, _)| release.package.as_str())
        .collect();
    let mut asked = Vec::with_capacity(judging.len());
    for &(slot, release, score) in &judging {
        let mut action = (score >= release.threshold).then_some(release.action.as_str());
        for (n, rule) in release.rules.iter().enumerate() {
            if action.map_or(0, rank) >= rank(&rule.action) {
                continue;
            }
            if let Some(because) = rule.holds(release.package_id, score, &hit, owner)? {
                rules.push(json!({
                    "package": release.package, "release": release.release, "rule": n + 1,
                    "from": action, "action": rule.action, "because": because,
                }));
                action = Some(&rule.action);
            }
        }
        asked.push(Asking { slot, score, action });
    }
    Ok(asked)
}

/// The strongest action that is asked for.
pub fn strongest<'r>(asked: &[Asking<'r>]) -> Option<&'r str> {
    let actions = asked.iter().filter_map(|asked| asked.action);
    actions.max_by_key(|action| rank(action))
}

pub fn release_of(releases: &[Release], slot: u16) -> Result<&Release> {
    releases
        .get(usize::from(slot))
        .ok_or(Error::Internal("a hit names a release that is not in the set"))
}

impl Judgement {
    pub fn blocks(&self) -> bool {
        self.action.as_deref() == Some("block")
    }

    /// Is there a hit, live or shadow?
    pub fn has_hits(&self) -> bool {
        !self.found.is_empty() || !self.media.is_empty()
    }

    /// The live hits as the documented JSON array: the contract of `verdict.hits`, as far as its reader may know them.
    pub fn live_hits(&self, map: &InForce, reader: Reader) -> Result<Value> {
        match self.has_hits() {
            false => Ok(Value::Array(Vec::new())),
            true => self.enforced_hits(map, &map.releases, map.compiled()?, reader),
        }
    }

    /// The same of one release or draft.
    pub fn hits_by(&self, map: &InForce, asked: &Asked) -> Result<Value> {
        let releases = std::slice::from_ref(&asked.release);
        self.enforced_hits(map, releases, &asked.compiled, Reader::Caller)
    }

    fn enforced_hits(
        &self,
        map: &InForce,
        releases: &[Release],
        compiled: &Compiled,
        reader: Reader,
    ) -> Result<Value> {
        let mut hits = Vec::new();
        for found in &self.found {
            if hits.len() == MAX_LISTED {
                break;
            }
            let release = release_of(releases, found.hit.slot)?;
            if release.is_enforced() && !found.shadowed {
                hits.push(found.json(release, compiled, shown(map, reader, release)?));
            }
        }
        for found in self.media.iter().take(MAX_LISTED.saturating_sub(hits.len())) {
            let release = release_of(releases, found.slot)?;
            if release.is_enforced() && !found.shadowed {
                hits.push(found.json(release, shown(map, reader, release)?));
            }
        }
        Ok(Value::Array(hits))
    }
}

impl Found {
    /// First character of the span as SQL counts, from 1.
    pub fn span_start(&self) -> i32 {
        i32::try_from(self.hit.start + 1).unwrap_or(i32::MAX)
    }

    pub fn span_length(&self) -> i32 {
        i32::try_from(self.hit.length).unwrap_or(i32::MAX)
    }

    /// The stage that this hit counts in; `None` when the release was asked for explicitly.
    pub fn stage<'r>(&self, release: &'r Release) -> Option<&'r str> {
        release.stage_of(self.shadowed)
    }

    /// What had to be assumed to read the term here; empty for the term itself.
    pub fn steps(&self) -> Vec<&'static str> {
        self.hit.evidence.steps.names().collect()
    }

    fn json(&self, release: &Release, compiled: &Compiled, shown: Shown) -> Value {
        let mut hit = json!({
            "package": release.package,
            "release": release.release,
            "item": self.hit.item,
            "kind": "term",
            "action": release.action,
            "field": self.field,
            "span_start": shown.place.then(|| self.span_start()),
            "span_length": shown.place.then(|| self.span_length()),
            "level": self.hit.evidence.level.name(),
            "steps": self.steps(),
            "score": decimal(self.hit.score),
        });
        if shown.material
            && let Some(object) = hit.as_object_mut()
        {
            object.insert(
                "term".into(),
                compiled.matcher.term(self.hit.item, self.hit.slot).into(),
            );
            object.insert("matched".into(), self.matched.as_str().into());
        }
        hit
    }
}

/// A score as JSON with the digits of its own precision: 0.7, not 0.699999988079071.
pub fn decimal(score: f32) -> f64 {
    score.to_string().parse().unwrap_or_else(|_| f64::from(score))
}
