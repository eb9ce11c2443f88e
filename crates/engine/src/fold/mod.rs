//! Text folding with an exact map back to the caller's characters.
//!
//! [`Folder`] reads a text in steps of bounded size and writes its folded form beside a list of runs that says
//! where every folded byte came from. A run is either *plain* (the same bytes, or letters that keep their
//! length when lower-cased) or one *unit*: a whole original sequence that folded to something else. Spans are
//! widened to whole units, so a match inside an expansion (ß, ﬁ, ½, ﷺ) covers the original character.
//!
//! Not for look-alikes and other evasions; they are judged on the raw text.

pub(crate) mod classes;
mod segment;

use classes::{is_boundary, is_ignorable, is_space};
use segment::{Collector, fold_segment};

/// Where a stretch of folded text came from. Offsets are bytes from the beginning of the whole text.
#[derive(Clone, Copy, Debug)]
struct Run {
    folded: usize,
    original: usize,
    original_end: usize,
    /// Byte `folded + i` came from byte `original + i`.
    plain: bool,
}

/// Folds a text step by step and keeps as much of the result as the matchers still need.
pub(crate) struct Folder<'t> {
    text: &'t str,
    /// First byte of the text that is not folded yet.
    position: usize,
    buffer: String,
    /// Folded offset of the first byte of `buffer`.
    base: usize,
    runs: Vec<Run>,
    collector: Collector,
    last_is_space: bool,
}

impl<'t> Folder<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            text,
            position: 0,
            buffer: String::new(),
            base: 0,
            runs: Vec::new(),
            collector: Collector::default(),
            last_is_space: false,
        }
    }

    /// The folded text that is kept, and the folded offset of its first byte.
    pub(crate) fn kept(&self) -> (&str, usize) {
        (&self.buffer, self.base)
    }

    pub(crate) fn folded_end(&self) -> usize {
        self.base + self.buffer.len()
    }

    /// How far the folded text and the original have been read.
    pub(crate) fn consumed(&self) -> (usize, usize) {
        (self.folded_end(), self.position)
    }

    pub(crate) fn done(&self) -> bool {
        self.position >= self.text.len()
    }

    /// Forgets folded text before `offset` (rounded down to a run, so that every kept byte can be mapped).
    pub(crate) fn forget_before(&mut self, offset: usize) {
        if offset <= self.base {
            return;
        }
        let keep = self
            .runs
            .partition_point(|r| r.folded <= offset)
            .saturating_sub(1);
        let Some(run) = self.runs.get_mut(keep) else {
            return;
        };
        let cut = if run.plain {
            // A plain run may be cut anywhere between characters.
            let mut cut = offset.min(self.base + self.buffer.len());
            while !self.buffer.is_char_boundary(cut - self.base) {
                cut -= 1;
            }
            run.original += cut - run.folded;
            run.folded = cut;
            cut
        } else {
            run.folded
        };
        self.buffer.drain(..cut - self.base);
        self.runs.drain(..keep);
        self.base = cut;
    }

    /// Folds about `bytes` more bytes of the text. Always ends between segments.
    pub(crate) fn advance(&mut self, bytes: usize) {
        let stop = self.position.saturating_add(bytes).min(self.text.len());
        while self.position < stop {
            if !self.plain_run(stop) {
                self.segment();
            }
        }
    }

    /// The fast path: letters of one or two bytes that fold by themselves to the same length. Returns whether
    /// it made any progress.
    fn plain_run(&mut self, stop: usize) -> bool {
        let begin = self.position;
        let folded = self.folded_end();
        let rest = self.text.get(begin..).unwrap_or("");
        let mut chars = rest.char_indices().peekable();
        let mut used = 0;
        while let Some((at, c)) = chars.next() {
            if begin + at >= stop {
                break;
            }
            let Some(simple) = simple_fold(c, self.last_is_space) else {
                break;
            };
            // What follows could still change this character.
            if let Some(&(_, next)) = chars.peek()
                && !(next.is_ascii() && !next.is_ascii_control() || is_simple_cyrillic(next))
                && (!is_boundary(next) || is_ignorable(next))
            {
                break;
            }
            self.buffer.push(simple);
            self.last_is_space = simple == ' ';
            used = at + c.len_utf8();
        }
        if used == 0 {
            return false;
        }
        self.position = begin + used;
        self.add_plain(folded, begin, used);
        true
    }

    fn add_plain(&mut self, folded: usize, original: usize, length: usize) {
        if let Some(last) = self.runs.last_mut()
            && last.plain
            && last.original_end == original
        {
            last.original_end = original + length;
            return;
        }
        self.runs.push(Run {
            folded,
            original,
            original_end: original + length,
            plain: true,
        });
    }

    /// The slow path: one segment, any length.
    fn segment(&mut self) {
        let begin = self.position;
        let mut end = begin;
        let mut started = false;
        let mut next = self.text.len();
        self.collector.clear();
        let mut first = begin;
        for (at, c) in self.text.get(begin..).unwrap_or("").char_indices() {
            if is_ignorable(c) {
                continue;
            }
            if started && is_boundary(c) {
                next = begin + at;
                break;
            }
            if !started {
                first = begin + at;
            }
            started = true;
            end = begin + at + c.len_utf8();
            self.collector.push(c);
        }
        self.position = next;
        if !started {
            return;
        }
        let out = fold_segment(&self.collector.text);
        let out = if self.last_is_space {
            out.trim_start_matches(' ')
        } else {
            out.as_str()
        };
        let mut pushed = 0;
        let folded = self.folded_end();
        for c in out.chars() {
            if is_space(c) && self.last_is_space {
                continue;
            }
            self.buffer.push(c);
            pushed += c.len_utf8();
            self.last_is_space = c == ' ';
        }
        if pushed > 0 {
            self.runs.push(Run {
                folded,
                original: first,
                original_end: end,
                plain: false,
            });
        } else if let Some(last) = self.runs.last_mut()
            && self.last_is_space
            && !last.plain
        {
            // More white space: belongs to the space before it.
            last.original_end = end;
        }
    }

    /// The run that holds the folded byte at `offset`.
    fn run_at(&self, offset: usize) -> Option<&Run> {
        let index = self.runs.partition_point(|r| r.folded <= offset).checked_sub(1)?;
        self.runs.get(index)
    }

    /// The original bytes behind a folded span, and whether its two ends are ends of original characters (not
    /// inside an expansion). `None` when the span is no longer kept.
    pub(crate) fn original_span(&self, start: usize, end: usize) -> Option<OriginalSpan> {
        if start < self.base || end <= start || end > self.folded_end() {
            return None;
        }
        let first = self.run_at(start)?;
        let last_index = self.runs.partition_point(|r| r.folded < end).checked_sub(1)?;
        let last = self.runs.get(last_index)?;
        let last_folded_end = self
            .runs
            .get(last_index + 1)
            .map_or(self.folded_end(), |r| r.folded);
        let (from, clean_start) = if first.plain {
            (first.original + (start - first.folded), true)
        } else {
            (first.original, start == first.folded)
        };
        let (to, clean_end) = if last.plain {
            (last.original + (end - last.folded), true)
        } else {
            (last.original_end, end == last_folded_end)
        };
        Some(OriginalSpan {
            start: from,
            end: to,
            clean_start,
            clean_end,
        })
    }

    /// The earliest original byte that folded text from `offset` on can map to.
    pub(crate) fn original_of(&self, offset: usize) -> usize {
        if offset >= self.folded_end() {
            return self.position;
        }
        match self.run_at(offset) {
            Some(r) if r.plain => r.original + (offset - r.folded),
            Some(r) => r.original,
            None => self.position,
        }
    }
}

/// A span of the caller's text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OriginalSpan {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) clean_start: bool,
    pub(crate) clean_end: bool,
}

fn is_simple_cyrillic(c: char) -> bool {
    ('\u{400}'..='\u{45f}').contains(&c)
}

/// The folded form of a character that always folds to one character of the same length by itself.
fn simple_fold(c: char, after_space: bool) -> Option<char> {
    match c {
        ' ' => (!after_space).then_some(' '),
        '!'..='~' => Some(c.to_ascii_lowercase()),
        'ё' | 'Ё' => Some('е'),
        '\u{410}'..='\u{42f}' => char::from_u32(c as u32 + 0x20),
        '\u{430}'..='\u{45f}' => Some(c),
        '\u{400}'..='\u{40f}' => char::from_u32(c as u32 + 0x50),
        _ => None,
    }
}

/// Folds a whole text at level `folded`: NFKC, full case folding, default-ignorable and bidi characters removed,
/// runs of white space become one space; ё is е, and stress, vowel and reading marks that a language writes
/// optionally are gone. Idempotent.
pub fn fold_text(text: &str) -> String {
    let mut folder = Folder::new(text);
    folder.advance(usize::MAX);
    folder.buffer
}

#[cfg(test)]
pub(crate) mod tests;
