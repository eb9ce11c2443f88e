//! One pass over one text, in windows: the patterns in the folded text, then the stages that need more than them.

use super::collect::{Collector, Place};
use super::disguises::EvasionScan;
use super::edges::Edges;
use super::finder::{Finder, Window};
use super::regexes::RegexScan;
use super::rules::RuleScan;
use super::words::{REACH, WordScan, waits};
use super::{Evidence, FindOptions, Hit, Matcher, View};
use crate::compiled::{Entry, SlotFacts, stage};
use crate::evasion::{Evasion, Steps, factor};
use crate::fold::Folder;
use crate::pattern::MAX_MATCH_BYTES;
use crate::{Interrupt, Level, MatchError, MatchMode};

/// Bytes of text folded and matched before the next question whether to stop.
pub(crate) const WINDOW: usize = 64 * 1024;

/// Places found, or words looked at, before the next question whether to stop.
const INTERRUPT_EVERY: usize = 16 * 1024;

/// Slots as a set, for the inner loop.
struct Slots<'o>(Option<&'o [u16]>);

impl Slots<'_> {
    fn has(&self, slot: u16) -> bool {
        self.0.is_none_or(|list| list.contains(&slot))
    }
}

/// What a stage knows of a place besides where it is.
pub(super) enum Span {
    /// Nothing was assumed.
    AsIs,
    /// These steps at this cost; an evasion or not.
    Steps(Steps, f32, bool),
}

/// Where places go: to the rules, or to the hits.
pub(super) struct Sink<'a, 't, 'i> {
    pub(super) text: &'t str,
    slots: Slots<'a>,
    inactive: Option<&'a [(u16, i64)]>,
    collector: Collector<'a>,
    rules: RuleScan,
    /// Items of the layer that are gone.
    removed: &'a [(u16, i64)],
    pub(super) interrupt: Interrupt<'i>,
    count: usize,
}

impl Sink<'_, '_, '_> {
    /// Asks from time to time whether to stop.
    pub(super) fn tick(&mut self) -> Result<(), MatchError> {
        self.count += 1;
        if self.count.is_multiple_of(INTERRUPT_EVERY) && (self.interrupt)() {
            return Err(MatchError::Interrupted);
        }
        Ok(())
    }

    /// Removed from the layer, or not active for the caller.
    fn is_out(&self, slot: u16, item: i64) -> bool {
        let has = |list: &[(u16, i64)]| !list.is_empty() && list.binary_search(&(slot, item)).is_ok();
        has(self.removed) || self.inactive.is_some_and(has)
    }

    pub(super) fn add(
        &mut self,
        entry: &Entry<'_>,
        start: usize,
        end: usize,
        evidence: Evidence,
    ) -> Result<(), MatchError> {
        if !self.slots.has(entry.slot) || self.is_out(entry.slot, entry.id) {
            return Ok(());
        }
        self.tick()?;
        // A damaged set may have patterns that are no text.
        if !self.text.is_char_boundary(start) || !self.text.is_char_boundary(end) {
            return Ok(());
        }
        let place = Place {
            start,
            end,
            slot: entry.slot,
            item: entry.id,
            allow: entry.allow && entry.leaf.is_none(),
            weight: entry.weight,
            evidence,
        };
        match entry.leaf {
            Some(leaf) => self.rules.add(leaf, place),
            None => self.collector.add(place),
        }
    }

    /// Adds a place of the folded text.
    pub(super) fn folded(
        &mut self,
        folder: &Folder<'_>,
        entry: &Entry<'_>,
        (start, end): (usize, usize),
        span: Span,
    ) -> Result<(), MatchError> {
        let Some(place) = folder.original_span(start, end) else {
            return Ok(());
        };
        let literal = self.text.as_bytes().get(place.start..place.end) == Some(entry.text);
        if entry.level == Level::Literal && !literal && entry.mode.compares() {
            return Ok(());
        }
        let evidence = match span {
            Span::Steps(steps, cost, evasion) => {
                let level = if evasion { Level::Evasion } else { Level::Folded };
                Evidence {
                    level,
                    factor: factor(cost),
                    steps,
                }
            }
            Span::AsIs => {
                let level = if literal { Level::Literal } else { Level::Folded };
                Evidence {
                    level,
                    factor: 1.0,
                    steps: Steps::NONE,
                }
            }
        };
        self.add(entry, place.start, place.end, evidence)
    }
}

impl MatchMode {
    /// The term itself is what stands in the text, so that it can be compared as written.
    pub(super) fn compares(self) -> bool {
        self.is_plain() || matches!(self, Self::Typo | Self::Inflected)
    }
}

impl Matcher {
    pub(super) fn scan(
        &self,
        text: &str,
        options: &FindOptions,
        interrupt: Interrupt<'_>,
    ) -> Result<Vec<Hit>, MatchError> {
        let asked = Asked::new(options);
        // Most texts have no hit, which costs less to find out.
        match self.any_pattern(text, asked.slots, interrupt)? {
            Some(false) => Ok(Vec::new()),
            _ => self.scan_in_windows(text, &asked, WINDOW, interrupt),
        }
    }

    /// The scan with a given window, in bytes; the hits do not depend on it.
    pub(super) fn scan_in_windows(
        &self,
        text: &str,
        asked: &Asked<'_>,
        window: usize,
        interrupt: Interrupt<'_>,
    ) -> Result<Vec<Hit>, MatchError> {
        // Nearly always there are one or two layers, and no memory is taken for them.
        let mut views = self.views();
        let new = |view| Scan::new(view, asked.slots);
        match (views.next(), views.next(), views.next()) {
            (None, ..) => Ok(Vec::new()),
            (Some(view), None, _) => scan(&mut [new(view)], text, asked, window, interrupt),
            (Some(view), Some(change), None) => {
                let scans = &mut [new(view), new(change)];
                scan(scans, text, asked, window, interrupt)
            }
            _ => {
                let mut scans: Vec<_> = self.views().map(new).collect();
                scan(&mut scans, text, asked, window, interrupt)
            }
        }
    }
}

/// What a caller wants to know of a text.
pub(super) struct Asked<'o> {
    options: &'o FindOptions,
    /// Only these slots, in place of those of the options.
    slots: Option<&'o [u16]>,
    /// Is there a hit, whichever it is?
    any: bool,
}

impl<'o> Asked<'o> {
    pub(super) fn new(options: &'o FindOptions) -> Self {
        Self {
            options,
            slots: options.slots.as_deref(),
            any: false,
        }
    }

    pub(super) fn any(options: &'o FindOptions, slots: Option<&'o [u16]>) -> Self {
        Self {
            options,
            slots,
            any: true,
        }
    }
}

/// A layer and where each of its stages stands in one text.
struct Scan<'m, 't> {
    view: View<'m>,
    /// What the slots that the caller wants have.
    facts: SlotFacts,
    words: WordScan,
    regexes: RegexScan,
    /// Made when the stage begins: most sets have no disguised terms, and they are large.
    evaders: Option<Vec<(Evasion<'m>, EvasionScan<'t>)>>,
    rules: RuleScan,
    #[cfg(test)]
    state: Option<super::automaton::ScanState>,
}

impl<'m, 't> Scan<'m, 't> {
    fn new(view: View<'m>, slots: Option<&[u16]>) -> Self {
        Self {
            view,
            facts: view.image.facts_of(slots),
            words: WordScan::default(),
            regexes: RegexScan::new(&view),
            evaders: None,
            rules: RuleScan::default(),
            #[cfg(test)]
            state: view.oracle.and_then(|oracle| oracle.patterns.start()),
        }
    }

    fn has(&self, stage: u8) -> bool {
        self.facts.stages & stage != 0
    }

    /// How far behind the end of what is folded the patterns, and the other stages, stay.
    fn reach(&self) -> (usize, usize) {
        let words = if self.has(stage::WORDS) { REACH } else { 0 };
        let far = if self.has(stage::REGEXES) {
            words.max(MAX_MATCH_BYTES)
        } else {
            words
        };
        (words, far)
    }

    /// Runs every stage over what is folded so far; returns before which original byte the hits are complete, and
    /// which folded text may be forgotten.
    fn advance(
        &mut self,
        text: &'t str,
        folder: &Folder<'_>,
        window: &Window<'_>,
        (fresh, longest): (usize, usize),
        any: bool,
        sink: &mut Sink<'_, '_, '_>,
    ) -> Result<(usize, usize), MatchError> {
        let view = &self.view;
        let (words, far) = self.reach();
        let (end, original_end) = folder.consumed();
        let mut failed = None;
        let mut found = |pattern: u32, start: usize, end: usize| {
            match at_pattern(view, folder, pattern, (start, end), sink, &mut self.words) {
                Err(error) => failed = Some(error),
                Ok(()) => return !(any && sink.collector.pending() > 0),
            }
            false
        };
        #[cfg(test)]
        let searched = Self::search_with_oracle(view, &mut self.state, folder, fresh, &mut found);
        #[cfg(not(test))]
        let searched = false;
        let _ = fresh;
        if !searched {
            window.search(&view.image, self.facts, &mut found);
        }
        if let Some(error) = failed {
            return Err(error);
        }
        // What begins before this can be looked at whole.
        let settled = if folder.done() {
            usize::MAX
        } else {
            end.saturating_sub(far)
        };
        if self.facts.stages & stage::WORDS != 0 {
            self.words.advance(view, text, folder, settled.min(end), sink)?;
        }
        let mut horizon = usize::MAX;
        if self.facts.stages & stage::REGEXES != 0 {
            self.regexes.advance(view, folder, settled, sink)?;
            let raw = if folder.done() {
                usize::MAX
            } else {
                original_end.saturating_sub(MAX_MATCH_BYTES)
            };
            horizon = self.regexes.advance_raw(view, original_end, raw, sink)?;
        }
        if self.facts.stages & stage::EVASION != 0 {
            let evaders = self.evaders.get_or_insert_with(|| {
                let all = view.image.evasion().into_iter();
                let some = all.filter(|evasion| !evasion.is_empty());
                some.map(|evasion| (evasion, EvasionScan::new(text))).collect()
            });
            for (evasion, scan) in evaders {
                scan.advance(evasion, view, original_end, sink)?;
            }
        }
        // Matches may begin before what they were found by.
        Ok((horizon, end.saturating_sub(2 * longest + far + words)))
    }

    /// The same search by the automaton that the finder is compared with.
    #[cfg(test)]
    fn search_with_oracle(
        view: &View<'_>,
        state: &mut Option<super::automaton::ScanState>,
        folder: &Folder<'_>,
        fresh: usize,
        mut found: impl FnMut(u32, usize, usize) -> bool,
    ) -> bool {
        let (Some(oracle), Some(state)) = (view.oracle, state) else {
            return false;
        };
        let (kept, base) = folder.kept_bytes();
        let bytes = kept.get(fresh - base..).unwrap_or_default();
        oracle.patterns.scan(state, bytes, |pattern, end| {
            let end = fresh + end;
            found(pattern as u32, end - oracle.patterns.length(pattern), end)
        });
        true
    }
}

/// One pass of all layers over one text.
fn scan<'t>(
    scans: &mut [Scan<'_, 't>],
    text: &'t str,
    asked: &Asked<'_>,
    window: usize,
    interrupt: Interrupt<'_>,
) -> Result<Vec<Hit>, MatchError> {
    let Asked { options, slots, any } = *asked;
    let slots = Slots(slots);
    // Without allow entries the first place decides `any`.
    let any = any
        && !scans
            .iter()
            .any(|s| s.view.image.allow_slots().any(|slot| slots.has(slot)));
    let rules = scans.iter().any(|s| s.view.has_rules());
    let mut sink = Sink {
        text,
        slots,
        inactive: options.inactive.as_deref(),
        collector: Collector::new(text, options),
        rules: RuleScan::default(),
        removed: &[],
        interrupt,
        count: 0,
    };
    // Layers are searched side by side, so that each window is prepared once.
    let longest = scans
        .iter()
        .map(|s| s.view.image.facts().longest)
        .max()
        .unwrap_or(0);
    let kinds = scans.iter().fold(0, |kinds, s| kinds | s.facts.kinds);
    let mut finder = Finder::default();
    let mut folder = Folder::new(text);
    while !folder.done() {
        if (sink.interrupt)() {
            return Err(MatchError::Interrupted);
        }
        let fresh = folder.folded_end();
        folder.advance(window.max(1));
        let limit = match folder.done() {
            true => folder.folded_end(),
            false => folder.boundary_before(folder.folded_end().saturating_sub(longest)),
        };
        let part = finder.window(kinds, text, &folder, limit);
        let (mut raw_horizon, mut open) = (usize::MAX, usize::MAX);
        for scan in scans.iter_mut() {
            sink.removed = scan.view.removed;
            std::mem::swap(&mut sink.rules, &mut scan.rules);
            let advanced = scan.advance(text, &folder, &part, (fresh, longest), any, &mut sink);
            std::mem::swap(&mut sink.rules, &mut scan.rules);
            let (horizon, needed) = advanced?;
            raw_horizon = raw_horizon.min(horizon);
            open = open.min(needed);
        }
        drop(part);
        if any && sink.collector.pending() > 0 {
            break;
        }
        if !folder.done() {
            folder.forget_before(open);
        }
        let (_, base) = folder.kept_bytes();
        let horizon = match folder.done() {
            true => usize::MAX,
            false => folder.original_of(base).min(raw_horizon),
        };
        // Rules are decided at the end, and may begin anywhere.
        if !rules {
            sink.collector.settle(horizon, sink.interrupt)?;
            if sink.collector.full() {
                break;
            }
        }
    }
    let Sink {
        mut collector,
        interrupt,
        ..
    } = sink;
    for scan in scans {
        let removed = scan.view.removed;
        std::mem::take(&mut scan.rules).finish(&scan.view, text, |place| {
            match removed.binary_search(&(place.slot, place.item)) {
                Ok(_) => Ok(()),
                Err(_) => collector.add(place),
            }
        })?;
    }
    collector.settle(usize::MAX, interrupt)?;
    Ok(collector.finish())
}

/// A pattern stands at `start..end` of the folded text.
fn at_pattern(
    view: &View<'_>,
    folder: &Folder<'_>,
    pattern: u32,
    (start, end): (usize, usize),
    sink: &mut Sink<'_, '_, '_>,
    words: &mut WordScan,
) -> Result<(), MatchError> {
    let Some(span) = folder.original_span(start, end) else {
        return Ok(());
    };
    let mut checked = None;
    for number in view.image.targets(pattern) {
        let Some(entry) = view.entry(number) else {
            continue;
        };
        if !sink.slots.has(entry.slot) {
            continue;
        }
        if waits(&entry) {
            words
                .anchors
                .try_reserve(1)
                .map_err(|_| MatchError::OutOfMemory)?;
            words.anchors.push((start, number));
            continue;
        }
        let edges = *checked.get_or_insert_with(|| Edges::of(sink.text, folder, span, start, end));
        if edges.fit(entry.mode) {
            sink.folded(folder, &entry, (start, end), Span::AsIs)?;
        }
    }
    Ok(())
}
