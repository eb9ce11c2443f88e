//! One pass over one text, in windows.

use super::collect::{Collector, Place};
use super::{Entry, Evidence, FindOptions, Hit, Matcher};
use crate::boundary::is_word_boundary;
use crate::evasion::units::Units;
use crate::evasion::{Scratch, Steps, factor};
use crate::fold::{Folder, OriginalSpan};
use crate::{Interrupt, Level, MatchError, MatchMode};

/// Bytes of text folded and matched before the next question whether to stop.
pub(crate) const WINDOW: usize = 64 * 1024;

/// Places found before the next question whether to stop.
const INTERRUPT_EVERY: usize = 64 * 1024;

/// Slots as a set, for the inner loop.
struct Slots<'o>(Option<&'o [u16]>);

impl Slots<'_> {
    fn has(&self, slot: u16) -> bool {
        self.0.is_none_or(|list| list.contains(&slot))
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
        let mut collector = Collector::new(text, options);
        let Some(patterns) = &self.patterns else {
            return Ok(Vec::new());
        };
        let Some(mut state) = patterns.start() else {
            return Ok(Vec::new());
        };
        let slots = Slots(options.slots.as_deref());
        // Without allow entries the first place decides `any`.
        let any = any && !self.entries.iter().any(|e| e.allow && slots.has(e.slot));
        let mut folder = Folder::new(text);
        let mut evaders = EvasionScan::new(text);
        let mut places = 0usize;
        while !folder.done() {
            if interrupt() {
                return Err(MatchError::Interrupted);
            }
            let fresh = folder.folded_end();
            folder.advance(window.max(1));
            let (kept, base) = folder.kept();
            let bytes = kept.as_bytes().get(fresh - base..).unwrap_or(&[]);
            let mut failed = None;
            patterns.scan(&mut state, bytes, |pattern, end| {
                let end = fresh + end;
                let start = end - patterns.length(pattern);
                let Some(span) = folder.original_span(start, end) else {
                    return true;
                };
                let mut checked = None;
                for &entry in self.entries_of(pattern) {
                    let Some(entry) = self.entries.get(entry as usize) else {
                        continue;
                    };
                    if !slots.has(entry.slot) {
                        continue;
                    }
                    let edges = *checked.get_or_insert_with(|| Edges::of(text, &folder, span, start, end));
                    let Some(place) = place(text, entry, span, edges) else {
                        continue;
                    };
                    places += 1;
                    if let Err(error) = collector.add(place) {
                        failed = Some(error);
                        return false;
                    }
                    if places.is_multiple_of(INTERRUPT_EVERY) && interrupt() {
                        failed = Some(MatchError::Interrupted);
                        return false;
                    }
                }
                !(any && collector.pending() > 0)
            });
            if let Some(error) = failed {
                return Err(error);
            }
            let (_, original_end) = folder.consumed();
            if !self.evasion.is_empty() {
                evaders.advance(self, &slots, original_end, &mut collector, interrupt)?;
            }
            if any && collector.pending() > 0 {
                break;
            }
            folder.forget_before(folder.folded_end().saturating_sub(patterns.longest()));
            let (_, base) = folder.kept();
            let horizon = if folder.done() {
                usize::MAX
            } else {
                folder.original_of(base)
            };
            collector.settle(horizon, interrupt)?;
            if collector.full() {
                break;
            }
        }
        collector.settle(usize::MAX, interrupt)?;
        Ok(collector.finish())
    }
}

/// Level evasion over one text: where it stands, and what it keeps.
struct EvasionScan<'t> {
    text: &'t str,
    units: Units<'t>,
    next: usize,
    scratch: Scratch,
    candidates: Vec<crate::evasion::Candidate>,
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
        slots: &Slots<'_>,
        end: usize,
        collector: &mut Collector<'_>,
        interrupt: Interrupt<'_>,
    ) -> Result<(), MatchError> {
        let inside = matcher.evasion.inside;
        let mut previous = self.next.checked_sub(1).and_then(|n| self.units.get(n));
        while let Some(unit) = self.units.get(self.next).filter(|u| u.start < end) {
            let begins = previous.is_none_or(|p| !p.raw.is_alphanumeric() && !p.is_letter())
                || is_word_boundary(self.text, unit.start);
            if unit.raw != ' ' && (inside || begins) {
                matcher.evasion.walk(
                    self.text,
                    &mut self.units,
                    self.next,
                    &mut self.scratch,
                    &mut self.candidates,
                );
            }
            for candidate in self.candidates.drain(..) {
                for &entry in matcher.evasion.entries_of(candidate.term) {
                    let Some(entry) = matcher.entries.get(entry as usize) else {
                        continue;
                    };
                    let edges = Edges {
                        start: candidate.starts_word,
                        end: candidate.ends_word,
                    };
                    if slots.has(entry.slot) && edges.fit(entry.mode) {
                        collector.add(Place {
                            start: candidate.start,
                            end: candidate.end,
                            slot: entry.slot,
                            item: entry.id,
                            allow: entry.allow,
                            weight: entry.weight,
                            evidence: Evidence {
                                level: Level::Evasion,
                                factor: factor(candidate.cost),
                                steps: candidate.steps,
                            },
                        })?;
                    }
                }
            }
            previous = Some(unit);
            self.next += 1;
            self.units.forget_before(self.next);
            if self.next.is_multiple_of(EVASION_INTERRUPT_EVERY) && interrupt() {
                return Err(MatchError::Interrupted);
            }
        }
        Ok(())
    }
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
            MatchMode::Word => self.start && self.end,
            MatchMode::Prefix => self.start,
            MatchMode::Suffix => self.end,
            MatchMode::Substring => true,
        }
    }
}

fn place(text: &str, entry: &Entry, span: OriginalSpan, edges: Edges) -> Option<Place> {
    if !edges.fit(entry.mode) {
        return None;
    }
    let literal = text.get(span.start..span.end) == Some(&*entry.text);
    if entry.level == Level::Literal && !literal {
        return None;
    }
    let level = if literal { Level::Literal } else { Level::Folded };
    Some(Place {
        start: span.start,
        end: span.end,
        slot: entry.slot,
        item: entry.id,
        allow: entry.allow,
        weight: entry.weight,
        evidence: Evidence {
            level,
            factor: 1.0,
            steps: Steps::NONE,
        },
    })
}
