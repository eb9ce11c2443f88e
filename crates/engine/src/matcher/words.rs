//! The stages that look at words rather than characters: inflected terms, typing errors, detectors, wildcards.
//!
//! They run on the folded text behind the automaton, so far back that everything they may look at is there: a
//! match is at most [`REACH`] bytes of folded text before and after the word that it was found by, whatever the
//! windows are.

use super::View;
use super::inflected::{Form, is_hyphen};
use super::scan::{Sink, Span};
use crate::compiled::Entry;
use crate::detect::{Found, MAX_CHUNK};
use crate::evasion::{INFLECTED_COST, Steps, reading};
use crate::fold::Folder;
use crate::fold::classes::{is_extender, is_word};
use crate::reserve::push;
use crate::{Level, MatchError};

/// How far a match reaches from where it was found, in bytes of folded text.
pub(super) const REACH: usize = 2_048;

/// Longest word looked at, in bytes of folded text.
const MAX_WORD: usize = 192;

/// What a typing error costs (see module `evasion` for the formula).
const TYPO_COST: f32 = 0.5;

/// Where these stages stand in one text.
#[derive(Default)]
pub(super) struct WordScan {
    /// Folded offset up to which words have been looked at.
    next: usize,
    /// Anchors of wildcards that wait for the text behind them: folded offset, entry.
    pub(super) anchors: Vec<(usize, u32)>,
    found: Vec<Found>,
}

#[derive(Clone, Copy)]
struct Token {
    start: usize,
    end: usize,
}

fn no_memory<E>(_: E) -> MatchError {
    MatchError::OutOfMemory
}

fn joins(c: char) -> bool {
    matches!(c, '\'' | '’' | '\u{2bc}')
}

/// The words of `text` from byte `from` on: where the next one is.
fn next_token(text: &str, from: usize) -> Option<Token> {
    let rest = text.get(from..)?;
    let start = from + rest.find(|c| is_word(c) && c != '_')?;
    let mut end = start;
    let mut chars = text.get(start..)?.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let word = is_word(c) && c != '_' || is_extender(c);
        let inner = joins(c) && chars.peek().is_some_and(|&(_, n)| is_word(n) && n != '_');
        if !word && !inner {
            break;
        }
        end = start + at + c.len_utf8();
    }
    Some(Token { start, end })
}

impl WordScan {
    /// Looks at everything that begins before folded offset `end`.
    pub(super) fn advance(
        &mut self,
        matcher: &View<'_>,
        text: &str,
        folder: &Folder<'_>,
        end: usize,
        sink: &mut Sink<'_, '_, '_>,
    ) -> Result<(), MatchError> {
        self.wildcards(matcher, folder, end, sink)?;
        let words = !matcher.inflected.is_empty() || !matcher.typos.is_empty();
        let (kept, base) = folder.kept();
        let boundary = |offset: usize| {
            let mut at = offset.max(base).saturating_sub(base).min(kept.len());
            while !kept.is_char_boundary(at) {
                at += 1;
            }
            at
        };
        let from = boundary(self.next);
        let to = boundary(end.max(self.next));
        if words {
            let mut at = from;
            // A word that began before is done already.
            if from > 0
                && kept
                    .get(..from)
                    .is_some_and(|k| k.ends_with(|c| is_word(c) && c != '_'))
            {
                at = kept
                    .get(from..)
                    .and_then(|k| k.find(|c: char| !is_word(c) || c == '_'))
                    .map_or(to, |n| from + n);
            }
            while let Some(token) = next_token(kept, at).filter(|t| t.start < to) {
                at = token.end.max(token.start + 1);
                self.inflected(matcher, text, folder, (kept, base), token, sink)?;
                self.typos(matcher, folder, (kept, base), token, sink)?;
                sink.tick()?;
            }
        }
        if !matcher.detectors.is_empty() {
            self.detectors(matcher, folder, from, to, sink)?;
        }
        self.next = base + to;
        Ok(())
    }

    fn wildcards(
        &mut self,
        matcher: &View<'_>,
        folder: &Folder<'_>,
        end: usize,
        sink: &mut Sink<'_, '_, '_>,
    ) -> Result<(), MatchError> {
        let (kept, base) = folder.kept();
        self.anchors.sort_unstable();
        let ready = self.anchors.partition_point(|a| a.0 < end);
        for (at, number) in self.anchors.drain(..ready) {
            let Some(entry) = matcher.entry(number) else {
                continue;
            };
            let Some(glob) = matcher.glob(number) else {
                continue;
            };
            let Some(at) = at.checked_sub(base) else { continue };
            let Some((from, to)) = glob.holds(kept, at) else {
                continue;
            };
            if at - from + MAX_WORD < REACH && to < at + REACH {
                sink.folded(folder, &entry, (base + from, base + to), Span::AsIs)?;
            }
        }
        Ok(())
    }

    fn inflected(
        &mut self,
        matcher: &View<'_>,
        text: &str,
        folder: &Folder<'_>,
        (kept, base): (&str, usize),
        token: Token,
        sink: &mut Sink<'_, '_, '_>,
    ) -> Result<(), MatchError> {
        let inflected = &matcher.inflected;
        if inflected.is_empty() {
            return Ok(());
        }
        let mut heads = Vec::new();
        let bent = forms(matcher, text, folder, (kept, base), token, &mut heads);
        let mut places: Vec<(u32, usize, bool, bool)> = Vec::new();
        // Later words of a phrase, looked up once and only when some term asks.
        let mut later: Vec<(Token, Vec<Form>, bool)> = Vec::new();
        for head in heads {
            let next = |n: usize, word: u32| -> Option<bool> {
                while later.len() < n {
                    let before = later.last().map_or(token, |l| l.0);
                    let after = next_token(kept, before.end)?;
                    let gap = kept.get(before.end..after.start)?;
                    if gap.chars().count() > 3 || !gap.chars().all(|c| c == ' ' || is_hyphen(c)) {
                        return None;
                    }
                    if after.end - token.start > REACH {
                        return None;
                    }
                    let mut list = Vec::new();
                    let bent = forms(matcher, text, folder, (kept, base), after, &mut list);
                    later.push((after, list, bent));
                }
                let (_, list, _) = later.get(n - 1)?;
                list.iter().find(|f| f.word == word).map(|f| f.exact)
            };
            let mut found = Vec::new();
            let mut full = Ok(());
            inflected.terms(head, next, |entry, words, exact| {
                if full.is_ok() {
                    full = push(&mut found, (entry, words, exact));
                }
            });
            full.map_err(no_memory)?;
            for (entry, words, exact) in found {
                let end = if words == 1 {
                    token.end
                } else {
                    later.get(words - 2).map_or(token.end, |l| l.0.end)
                };
                let evasive = bent || later.iter().take(words - 1).any(|l| l.2);
                push(&mut places, (entry, end, exact, evasive)).map_err(no_memory)?;
            }
        }
        for (number, end, exact, evasive) in places {
            let Some(entry) = matcher.entry(number) else {
                continue;
            };
            if evasive && entry.level != Level::Evasion {
                continue;
            }
            let mut steps = if exact { Steps::NONE } else { Steps::INFLECTED };
            let mut cost = if exact { 0.0 } else { INFLECTED_COST };
            if evasive {
                steps = steps.with(Steps::LOOKALIKE);
                cost += 0.25;
            }
            let span = if steps.is_empty() {
                Span::AsIs
            } else {
                Span::Steps(steps, cost, evasive)
            };
            sink.folded(folder, &entry, (base + token.start, base + end), span)?;
        }
        Ok(())
    }

    fn typos(
        &mut self,
        matcher: &View<'_>,
        folder: &Folder<'_>,
        (kept, base): (&str, usize),
        token: Token,
        sink: &mut Sink<'_, '_, '_>,
    ) -> Result<(), MatchError> {
        if matcher.typos.is_empty() {
            return Ok(());
        }
        let mut end = token.end;
        for _ in 0..matcher.typos.words {
            let Some(words) = kept.get(token.start..end) else {
                break;
            };
            let mut entries = Vec::new();
            matcher.typos.find(words, &mut entries).map_err(no_memory)?;
            for number in entries {
                if let Some(entry) = matcher.entry(number) {
                    let span = Span::Steps(Steps::TYPO, TYPO_COST, false);
                    sink.folded(folder, &entry, (base + token.start, base + end), span)?;
                }
            }
            let Some(after) = next_token(kept, end) else { break };
            if kept.get(end..after.start) != Some(" ") || after.end - token.start > MAX_WORD {
                break;
            }
            end = after.end;
        }
        Ok(())
    }

    /// Chunks between white space that begin in `kept[from..to]`, and numbers.
    fn detectors(
        &mut self,
        matcher: &View<'_>,
        folder: &Folder<'_>,
        from: usize,
        to: usize,
        sink: &mut Sink<'_, '_, '_>,
    ) -> Result<(), MatchError> {
        let (kept, base) = folder.kept();
        self.found.clear();
        matcher
            .detectors
            .phones(kept, from, to, &mut self.found)
            .map_err(no_memory)?;
        let inside = from > 0 && !kept.get(..from).is_some_and(|k| k.ends_with(' '));
        let mut at = from;
        if inside {
            at = kept
                .get(from..)
                .and_then(|k| k.find(' '))
                .map_or(kept.len(), |n| from + n + 1);
        }
        while at < to {
            let rest = kept.get(at..).unwrap_or("");
            let length = rest.find(' ').unwrap_or(rest.len());
            if length <= MAX_CHUNK {
                matcher
                    .detectors
                    .chunk(rest.get(..length).unwrap_or(""), at, &mut self.found)
                    .map_err(no_memory)?;
            }
            at += length + 1;
            sink.tick()?;
        }
        for found in &self.found {
            if let Some(entry) = matcher.entry(found.entry) {
                let span = match found.steps.is_empty() {
                    true => Span::AsIs,
                    false => Span::Steps(found.steps, 0.25, true),
                };
                sink.folded(folder, &entry, (base + found.start, base + found.end), span)?;
            }
        }
        Ok(())
    }
}

/// The forms of a word; `true` when it had to be read as an evasion. `kept` is what the folder keeps, which checks it anew
/// whenever it is asked.
fn forms(
    matcher: &View<'_>,
    text: &str,
    folder: &Folder<'_>,
    (kept, base): (&str, usize),
    token: Token,
    out: &mut Vec<Form>,
) -> bool {
    let Some(word) = kept.get(token.start..token.end).filter(|w| w.len() <= MAX_WORD) else {
        return false;
    };
    matcher.inflected.forms(word, out);
    if !out.is_empty() || !matcher.evasive_forms {
        return false;
    }
    let span = folder.original_span(base + token.start, base + token.end);
    let raw = span.and_then(|s| text.get(s.start..s.end)).unwrap_or("");
    if let Some(read) = reading(raw) {
        matcher.inflected.forms(&read, out);
    }
    !out.is_empty()
}

/// Does the entry belong to these stages, and not to the automaton alone?
pub(super) fn waits(entry: &Entry<'_>) -> bool {
    entry.mode == crate::MatchMode::Wildcard
}
