//! One pass over one text, in windows: the automaton on the folded text, then the stages that need more than it.

use super::collect::{Collector, Place};
use super::rules::RuleScan;
use super::words::{REACH, WordScan, waits};
use super::{Entry, Evidence, FindOptions, Hit, Matcher};
use crate::boundary::is_word_boundary;
use crate::evasion::units::{Unit, Units};
use crate::evasion::{Candidate, FORM, INFLECTED_COST, Scratch, Steps, factor};
use crate::fold::{Folder, OriginalSpan};
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
    text: &'t str,
    slots: Slots<'a>,
    inactive: Option<&'a [(u16, i64)]>,
    collector: Collector<'a>,
    rules: RuleScan,
    interrupt: Interrupt<'i>,
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

    fn is_inactive(&self, entry: &Entry) -> bool {
        self.inactive
            .is_some_and(|list| list.binary_search(&(entry.slot, entry.id)).is_ok())
    }

    fn add(&mut self, entry: &Entry, start: usize, end: usize, evidence: Evidence) -> Result<(), MatchError> {
        if !self.slots.has(entry.slot) || self.is_inactive(entry) {
            return Ok(());
        }
        self.tick()?;
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
        entry: &Entry,
        (start, end): (usize, usize),
        span: Span,
    ) -> Result<(), MatchError> {
        let Some(place) = folder.original_span(start, end) else {
            return Ok(());
        };
        let literal = self.text.get(place.start..place.end) == Some(&*entry.text);
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
    fn compares(self) -> bool {
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
        self.scan_in_windows(text, options, WINDOW, false, interrupt)
    }

    /// Stops at the first hit found, whichever it is.
    pub(super) fn any(&self, text: &str, slot: u16, interrupt: Interrupt<'_>) -> Result<bool, MatchError> {
        let options = FindOptions {
            slots: Some(vec![slot]),
            suppressed: false,
            limit: 1,
            ..FindOptions::default()
        };
        let hits = self.scan_in_windows(text, &options, WINDOW, true, interrupt)?;
        Ok(!hits.is_empty())
    }

    /// The scan with a given window, in bytes; the hits do not depend on it.
    pub(super) fn scan_in_windows(
        &self,
        text: &str,
        options: &FindOptions,
        window: usize,
        any: bool,
        interrupt: Interrupt<'_>,
    ) -> Result<Vec<Hit>, MatchError> {
        let slots = Slots(options.slots.as_deref());
        // Without allow entries the first place decides `any`.
        let any = any && !self.entries.iter().any(|e| e.allow && slots.has(e.slot));
        let collector = Collector::new(text, options);
        let rules = RuleScan::new(self)?;
        let mut sink = Sink {
            text,
            slots,
            inactive: options.inactive.as_deref().filter(|list| !list.is_empty()),
            collector,
            rules,
            interrupt,
            count: 0,
        };
        let mut state = self.patterns.as_ref().and_then(|p| p.start());
        let mut folder = Folder::new(text);
        let mut evaders = EvasionScan::new(text);
        let mut words = WordScan::default();
        let mut searches = RegexScan::new(self);
        let longest = self.patterns.as_ref().map_or(0, |p| p.longest());
        let reach = if self.has_words() { REACH } else { 0 };
        let far = if self.regexes.is_empty() {
            reach
        } else {
            reach.max(MAX_MATCH_BYTES)
        };
        while !folder.done() {
            if (sink.interrupt)() {
                return Err(MatchError::Interrupted);
            }
            let fresh = folder.folded_end();
            folder.advance(window.max(1));
            let (end, original_end) = folder.consumed();
            if let (Some(patterns), Some(state)) = (&self.patterns, &mut state) {
                let (kept, base) = folder.kept();
                let bytes = kept.as_bytes().get(fresh - base..).unwrap_or(&[]);
                let mut failed = None;
                patterns.scan(state, bytes, |pattern, end| {
                    let end = fresh + end;
                    let start = end - patterns.length(pattern);
                    match self.at_pattern(&folder, pattern, start, end, &mut sink, &mut words) {
                        Err(error) => failed = Some(error),
                        Ok(()) => return !(any && sink.collector.pending() > 0),
                    }
                    false
                });
                if let Some(error) = failed {
                    return Err(error);
                }
            }
            // What begins before this can be looked at whole.
            let settled = if folder.done() {
                usize::MAX
            } else {
                end.saturating_sub(far)
            };
            if self.has_words() {
                words.advance(self, text, &folder, settled.min(end), &mut sink)?;
            }
            searches.advance(self, &folder, settled, &mut sink)?;
            let raw = if folder.done() {
                usize::MAX
            } else {
                original_end.saturating_sub(MAX_MATCH_BYTES)
            };
            let raw_horizon = searches.advance_raw(self, original_end, raw, &mut sink)?;
            if !self.evasion.is_empty() {
                evaders.advance(self, original_end, &mut sink)?;
            }
            if any && sink.collector.pending() > 0 {
                break;
            }
            // Matches may begin before what they were found by.
            let open = end.saturating_sub(longest.max(far + reach));
            folder.forget_before(open);
            let (_, base) = folder.kept();
            let horizon = match folder.done() {
                true => usize::MAX,
                false => folder.original_of(base).min(raw_horizon),
            };
            // Rules are decided at the end, and may begin anywhere.
            if self.rules.is_empty() {
                sink.collector.settle(horizon, sink.interrupt)?;
                if sink.collector.full() {
                    break;
                }
            }
        }
        let Sink {
            mut collector,
            rules,
            interrupt,
            ..
        } = sink;
        rules.finish(self, text, |place| collector.add(place))?;
        collector.settle(usize::MAX, interrupt)?;
        Ok(collector.finish())
    }

    fn has_words(&self) -> bool {
        !(self.globs.is_empty()
            && self.inflected.is_empty()
            && self.typos.is_empty()
            && self.detectors.is_empty())
    }

    /// A pattern of the automaton stands at `start..end` of the folded text.
    fn at_pattern(
        &self,
        folder: &Folder<'_>,
        pattern: usize,
        start: usize,
        end: usize,
        sink: &mut Sink<'_, '_, '_>,
        words: &mut WordScan,
    ) -> Result<(), MatchError> {
        let Some(span) = folder.original_span(start, end) else {
            return Ok(());
        };
        let mut checked = None;
        for &number in self.entries_of(pattern) {
            let Some(entry) = self.entries.get(number as usize) else {
                continue;
            };
            if !sink.slots.has(entry.slot) {
                continue;
            }
            if waits(entry) {
                words
                    .anchors
                    .try_reserve(1)
                    .map_err(|_| MatchError::OutOfMemory)?;
                words.anchors.push((start, number));
                continue;
            }
            let edges = *checked.get_or_insert_with(|| Edges::of(sink.text, folder, span, start, end));
            if edges.fit(entry.mode) {
                sink.folded(folder, entry, (start, end), Span::AsIs)?;
            }
        }
        Ok(())
    }
}

/// Regular expressions over one text: where each of them goes on.
struct RegexScan {
    next: Vec<usize>,
}

impl RegexScan {
    fn new(matcher: &Matcher) -> Self {
        Self {
            next: vec![0; matcher.regexes.len()],
        }
    }

    /// Expressions of level literal run on the text as it is: reports every match that begins before byte
    /// `settled`, and returns where the next may begin.
    fn advance_raw(
        &mut self,
        matcher: &Matcher,
        end: usize,
        settled: usize,
        sink: &mut Sink<'_, '_, '_>,
    ) -> Result<usize, MatchError> {
        let mut horizon = usize::MAX;
        for ((regex, number), next) in matcher.regexes.iter().zip(&mut self.next) {
            let Some(entry) = matcher.entries.get(*number as usize) else {
                continue;
            };
            if entry.level != Level::Literal {
                continue;
            }
            horizon = settled;
            while *next < settled.min(end) {
                sink.tick()?;
                let input = regex_automata::Input::new(sink.text).span(*next..end);
                let Some(found) = regex.find(input).filter(|f| f.start() < settled) else {
                    break;
                };
                *next = found.end();
                let evidence = Evidence {
                    level: Level::Literal,
                    factor: 1.0,
                    steps: Steps::NONE,
                };
                sink.add(entry, found.start(), found.end(), evidence)?;
            }
            if settled < end {
                let mut from = (*next).max(settled);
                while !sink.text.is_char_boundary(from) {
                    from += 1;
                }
                *next = from;
            }
        }
        Ok(horizon)
    }

    /// Reports every match that begins before folded offset `settled`.
    fn advance(
        &mut self,
        matcher: &Matcher,
        folder: &Folder<'_>,
        settled: usize,
        sink: &mut Sink<'_, '_, '_>,
    ) -> Result<(), MatchError> {
        let (kept, base) = folder.kept();
        for ((regex, number), next) in matcher.regexes.iter().zip(&mut self.next) {
            let Some(entry) = matcher.entries.get(*number as usize) else {
                continue;
            };
            while *next < settled {
                sink.tick()?;
                let from = next.saturating_sub(base);
                if from > kept.len() {
                    break;
                }
                let input = regex_automata::Input::new(kept).span(from..kept.len());
                let Some(found) = regex.find(input) else { break };
                if base + found.start() >= settled {
                    break;
                }
                let span = (base + found.start(), base + found.end());
                *next = span.1.max(span.0 + 1);
                sink.folded(folder, entry, span, Span::AsIs)?;
            }
            if settled < folder.folded_end() && *next < settled {
                let mut from = settled.saturating_sub(base);
                while !kept.is_char_boundary(from) {
                    from += 1;
                }
                *next = base + from;
            }
        }
        Ok(())
    }
}

/// Level evasion over one text: where it stands, and what it keeps.
struct EvasionScan<'t> {
    text: &'t str,
    units: Units<'t>,
    next: usize,
    scratch: Scratch,
    candidates: Vec<Candidate>,
}

/// Places tried between two questions whether to stop.
const EVASION_INTERRUPT_EVERY: usize = 512;

impl<'t> EvasionScan<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            units: Units::new(text),
            next: 0,
            scratch: Scratch::default(),
            candidates: Vec::new(),
        }
    }

    /// Tries every place that begins before `end`.
    fn advance(
        &mut self,
        matcher: &Matcher,
        end: usize,
        sink: &mut Sink<'_, '_, '_>,
    ) -> Result<(), MatchError> {
        let evasion = &matcher.evasion;
        let mut previous = self.next.checked_sub(1).and_then(|n| self.units.get(n));
        while let Some(unit) = self.units.get(self.next).filter(|u| u.start < end) {
            let begins = evasion.inside
                || previous.is_none_or(|p| {
                    !p.runs_on(&unit)
                        && (!p.raw.is_alphanumeric() && !p.is_letter()
                            || is_word_boundary(self.text, unit.start))
                });
            let place = unit.raw != ' ' && begins;
            if place && evasion.may_begin(&mut self.units, self.next) {
                evasion.walk(
                    self.text,
                    &mut self.units,
                    self.next,
                    &mut self.scratch,
                    &mut self.candidates,
                );
            }
            if place && starts_latin_word(previous, unit) {
                evasion.hear(&mut self.units, self.next, &mut self.candidates);
            }
            for candidate in self.candidates.drain(..) {
                let edges = Edges {
                    start: candidate.starts_word,
                    end: candidate.ends_word,
                };
                for &number in evasion.entries_of(candidate.term) {
                    let (mut cost, mut steps) = (candidate.cost, candidate.steps);
                    if number & FORM != 0 {
                        (cost, steps) = (cost + INFLECTED_COST, steps.with(Steps::INFLECTED));
                    }
                    let evidence = Evidence {
                        level: Level::Evasion,
                        factor: factor(cost),
                        steps,
                    };
                    if let Some(entry) = matcher.entries.get((number & !FORM) as usize)
                        && edges.fit(entry.mode)
                    {
                        sink.add(entry, candidate.start, candidate.end, evidence)?;
                    }
                }
            }
            previous = Some(unit);
            self.next += 1;
            self.units.forget_before(self.next);
            if self.next.is_multiple_of(EVASION_INTERRUPT_EVERY) && (sink.interrupt)() {
                return Err(MatchError::Interrupted);
            }
        }
        Ok(())
    }
}

/// Does a word begin here whose letters a Latin word may have?
fn starts_latin_word(previous: Option<Unit>, unit: Unit) -> bool {
    let first = unit.base.is_ascii_lowercase() || !unit.is_letter() && unit.raw != '_';
    first && previous.is_none_or(|p| !p.is_letter() && !p.raw.is_alphanumeric() && p.raw != '_')
}

/// Which ends of a span are word boundaries.
#[derive(Clone, Copy)]
struct Edges {
    start: bool,
    end: bool,
}

impl Edges {
    /// Judged on the caller's text; inside an expansion (the `s` of ß) on the folded text.
    fn of(text: &str, folder: &Folder<'_>, span: OriginalSpan, start: usize, end: usize) -> Self {
        let (kept, base) = folder.kept();
        let on_text = is_word_boundary(text, span.start);
        let start = if span.clean_start {
            on_text
        } else {
            is_word_boundary(kept, start - base)
        };
        let on_text = is_word_boundary(text, span.end);
        let end = if span.clean_end {
            on_text
        } else {
            is_word_boundary(kept, end - base)
        };
        Self { start, end }
    }

    fn fit(self, mode: MatchMode) -> bool {
        match mode {
            MatchMode::Prefix => self.start,
            MatchMode::Suffix => self.end,
            MatchMode::Substring => true,
            _ => self.start && self.end,
        }
    }
}
