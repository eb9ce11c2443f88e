//! The stages that look at words rather than characters: inflected terms, typing errors, detectors, wildcards.
//!
//! They run on the folded text behind the automaton, so far back that everything they may look at is there: a
//! match is at most [`REACH`] bytes of folded text before and after the word that it was found by, whatever the
//! windows are.

use super::View;
use super::inflected::InflectedScan;
use super::scan::{Sink, Span};
use crate::MatchError;
use crate::compiled::{Entry, Typos};
use crate::detect::{self, Detectors, Found, MAX_CHUNK};
use crate::evasion::Steps;
use crate::fold::Folder;
use crate::fold::classes::{is_extender, is_word};

/// How far a match reaches from where it was found, in bytes of folded text.
pub(super) const REACH: usize = 2_048;

/// Longest word looked at, in bytes of folded text.
pub(super) const MAX_WORD: usize = 192;

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
    mistyped: Vec<u32>,
}

/// A word of the folded text that is kept.
#[derive(Clone, Copy)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
}

fn no_memory<E>(_: E) -> MatchError {
    MatchError::OutOfMemory
}

fn joins(c: char) -> bool {
    matches!(c, '\'' | '’' | '\u{2bc}')
}

/// The character at byte `at`.
fn char_at(text: &str, at: usize) -> Option<char> {
    text.get(at..)?.chars().next()
}

fn begins_word(c: char) -> bool {
    is_word(c) && c != '_'
}

/// How many bytes the letter or digit of ASCII, or the letter from U+0400 to U+047F, at `at` takes; 0 for what else is there. All
/// these are letters of words (UAX #29), which saves a look into its tables.
#[inline]
fn plain_letter(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b) if b.is_ascii_alphanumeric() => 1,
        Some(0xd0 | 0xd1) => 2,
        _ => 0,
    }
}

/// The words of `text` from byte `from` on: where the next one is.
pub(super) fn next_token(text: &str, from: usize) -> Option<Token> {
    let bytes = text.as_bytes();
    let mut start = from;
    while plain_letter(bytes, start) == 0 {
        start += match *bytes.get(start)? {
            0..0x80 => 1,
            _ => match char_at(text, start)? {
                c if begins_word(c) => break,
                c => c.len_utf8(),
            },
        };
    }
    let mut end = start;
    loop {
        let plain = plain_letter(bytes, end);
        if plain > 0 {
            end += plain;
            continue;
        }
        if bytes.get(end).is_none_or(|&b| b.is_ascii() && b != b'\'') {
            break;
        }
        let Some(c) = char_at(text, end) else { break };
        let inner = || joins(c) && char_at(text, end + c.len_utf8()).is_some_and(begins_word);
        if !begins_word(c) && !is_extender(c) && !inner() {
            break;
        }
        end += c.len_utf8();
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
        let forms = !matcher.image.inflected().is_empty();
        let typos = matcher.image.typos();
        let words = forms || typos.words > 0;
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
            let mut inflected = InflectedScan::new(matcher, text, folder);
            while let Some(token) = next_token(kept, at).filter(|t| t.start < to) {
                at = token.end.max(token.start + 1);
                if forms {
                    inflected.word(token, sink)?;
                }
                if typos.words > 0 {
                    self.typos(matcher, &typos, folder, (kept, base), token, sink)?;
                }
                sink.tick()?;
            }
        }
        let listed = matcher.image.detectors();
        if !listed.is_empty() {
            let detector_of = |number: u32| {
                let entry = matcher.entry(number)?;
                detect::parse(entry.mode, std::str::from_utf8(entry.text).ok()?).ok()
            };
            let detectors = Detectors::new(listed, &detector_of);
            self.detectors(matcher, &detectors, folder, (from, to), sink)?;
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
            let Some(glob) = matcher.glob(&matcher.image, number) else {
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

    fn typos(
        &mut self,
        matcher: &View<'_>,
        typos: &Typos<'_>,
        folder: &Folder<'_>,
        (kept, base): (&str, usize),
        token: Token,
        sink: &mut Sink<'_, '_, '_>,
    ) -> Result<(), MatchError> {
        let mut end = token.end;
        for _ in 0..typos.words {
            let Some(words) = kept.get(token.start..end) else {
                break;
            };
            self.mistyped.clear();
            typos.find(words, &mut self.mistyped).map_err(no_memory)?;
            for &number in &self.mistyped {
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
        detectors: &Detectors<'_>,
        folder: &Folder<'_>,
        (from, to): (usize, usize),
        sink: &mut Sink<'_, '_, '_>,
    ) -> Result<(), MatchError> {
        let (kept, base) = folder.kept();
        self.found.clear();
        detectors
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
                detectors
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

/// Does the entry belong to these stages, and not to the automaton alone?
pub(super) fn waits(entry: &Entry<'_>) -> bool {
    entry.mode == crate::MatchMode::Wildcard
}
