//! Text folding with an exact map back to the caller's characters.
//!
//! [`Folder`] reads a text in steps of bounded size and writes its folded form beside a list of runs that says
//! where every folded byte came from. A run is either *plain* (the same bytes, or letters that keep their
//! length when lower-cased) or one *unit*: a whole original sequence that folded to something else. Spans are
//! widened to whole units, so a match inside an expansion (ß, ﬁ, ½, ﷺ) covers the original character.
//!
//! Not for look-alikes and other evasions; they are judged on the raw text.

pub(crate) mod classes;
mod lane;
mod segment;
pub(crate) mod simple;

use classes::{is_boundary, is_ignorable, is_space};
use lane::fold_blocks;
use segment::{Cached, Collector};
use simple::{fold_longer, is_ascii_space, is_simple};
use std::cell::Cell;

/// Where a stretch of folded text came from. Offsets are bytes from the beginning of the whole text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) folded: usize,
    pub(crate) original: usize,
    pub(crate) original_end: usize,
    /// Byte `folded + i` came from byte `original + i`.
    pub(crate) plain: bool,
}

/// Memory that a folder leaves for the next one of its thread, in bytes of folded text.
const MAX_KEPT: usize = 1024 * 1024;

/// What a folder needs besides the text; kept from one text to the next.
#[derive(Default)]
struct Memory {
    buffer: Vec<u8>,
    runs: Vec<Run>,
    collector: Collector,
    cached: Cached,
}

thread_local! {
    static MEMORY: Cell<Option<Memory>> = const { Cell::new(None) };
}

/// Folds a text step by step and keeps as much of the result as the matchers still need.
pub(crate) struct Folder<'t> {
    text: &'t str,
    /// First byte of the text that is not folded yet.
    position: usize,
    /// Folded offset of the first byte of the buffer.
    base: usize,
    memory: Memory,
    last_is_space: bool,
    /// Takes the slow path only, as the reference.
    #[cfg(test)]
    slow: bool,
}

impl Drop for Folder<'_> {
    fn drop(&mut self) {
        if self.memory.buffer.capacity() <= MAX_KEPT && self.memory.runs.capacity() <= MAX_KEPT / 16 {
            // At the end of a thread there is nobody to keep it for.
            let _ = MEMORY.try_with(|kept| kept.set(Some(std::mem::take(&mut self.memory))));
        }
    }
}

impl<'t> Folder<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let mut memory = MEMORY.try_with(Cell::take).ok().flatten().unwrap_or_default();
        memory.buffer.clear();
        memory.runs.clear();
        Self {
            text,
            position: 0,
            base: 0,
            memory,
            last_is_space: false,
            #[cfg(test)]
            slow: false,
        }
    }

    /// The folded text that is kept, as UTF-8, and the folded offset of its first byte.
    pub(crate) fn kept_bytes(&self) -> (&[u8], usize) {
        (&self.memory.buffer, self.base)
    }

    /// The same as a string: checked each time, so not for inner loops.
    pub(crate) fn kept(&self) -> (&str, usize) {
        (
            simdutf8::basic::from_utf8(&self.memory.buffer).unwrap_or_default(),
            self.base,
        )
    }

    /// Where the kept text came from, stretch by stretch.
    pub(crate) fn runs(&self) -> &[Run] {
        &self.memory.runs
    }

    pub(crate) fn folded_end(&self) -> usize {
        self.base + self.memory.buffer.len()
    }

    /// The last beginning of a character of the kept text that is not behind folded offset `offset`.
    pub(crate) fn boundary_before(&self, offset: usize) -> usize {
        let mut at = offset.saturating_sub(self.base);
        while self.memory.buffer.get(at).is_some_and(|b| b & 0xc0 == 0x80) {
            at -= 1;
        }
        self.base + at
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
        let Memory { buffer, runs, .. } = &mut self.memory;
        let keep = runs.partition_point(|r| r.folded <= offset).saturating_sub(1);
        let Some(run) = runs.get_mut(keep) else {
            return;
        };
        let cut = if run.plain {
            // A plain run may be cut anywhere between characters.
            let mut cut = offset.min(self.base + buffer.len());
            while buffer.get(cut - self.base).is_some_and(|b| b & 0xc0 == 0x80) {
                cut -= 1;
            }
            run.original += cut - run.folded;
            run.folded = cut;
            cut
        } else {
            run.folded
        };
        buffer.drain(..cut - self.base);
        runs.drain(..keep);
        self.base = cut;
    }

    /// Folds about `bytes` more bytes of the text. Always ends between segments.
    pub(crate) fn advance(&mut self, bytes: usize) {
        let stop = self.position.saturating_add(bytes).min(self.text.len());
        self.memory.buffer.reserve(stop - self.position);
        while self.position < stop {
            #[cfg(test)]
            if self.slow {
                self.segment();
                continue;
            }
            if !self.plain_run(stop) && !self.white_space() {
                self.segment();
            }
        }
    }

    /// The fast path: characters that fold by themselves to the same length. Returns whether it made any
    /// progress.
    fn plain_run(&mut self, stop: usize) -> bool {
        let begin = self.position;
        let folded = self.folded_end();
        let text = self.text.as_bytes();
        let buffer = &mut self.memory.buffer;
        let mut at = begin;
        let mut space = self.last_is_space;
        loop {
            at = fold_blocks(text, at, stop, &mut space, buffer);
            let before = at;
            while at < stop
                && let Some((bytes, length)) = fold_longer(text.get(at..).unwrap_or_default())
            {
                buffer.extend_from_slice(bytes.get(..length).unwrap_or_default());
                space = false;
                at += length;
            }
            if at == before {
                break;
            }
        }
        // What follows could still change the last character.
        if at > begin
            && let Some(next) = self.text.get(at..).and_then(|rest| rest.chars().next())
            && !is_simple(next)
            && (!is_boundary(next) || is_ignorable(next))
        {
            at -= 1;
            buffer.pop();
            while text.get(at).is_some_and(|b| b & 0xc0 == 0x80) {
                at -= 1;
                buffer.pop();
            }
            space = buffer.last().map_or(self.last_is_space, |&b| b == b' ');
        }
        if at == begin {
            return false;
        }
        self.last_is_space = space;
        self.position = at;
        self.add_plain(folded, begin, at - begin);
        true
    }

    /// One white-space character of ASCII that is no plain space: what [`Self::segment`] would do with it.
    fn white_space(&mut self) -> bool {
        let rest = self.text.get(self.position..).unwrap_or_default();
        let mut chars = rest.chars();
        if !chars
            .next()
            .is_some_and(|c| c.is_ascii() && is_ascii_space(c as u8))
        {
            return false;
        }
        if chars.next().is_some_and(|next| {
            !is_simple(next) && !is_ascii_space_char(next) && (!is_boundary(next) || is_ignorable(next))
        }) {
            return false;
        }
        let begin = self.position;
        self.position += 1;
        let Memory { buffer, runs, .. } = &mut self.memory;
        let mut unit = Unit {
            buffer,
            runs,
            base: self.base,
            last_is_space: &mut self.last_is_space,
        };
        unit.add(begin, self.position, " ");
        true
    }

    fn add_plain(&mut self, folded: usize, original: usize, length: usize) {
        if let Some(last) = self.memory.runs.last_mut()
            && last.plain
            && last.original_end == original
        {
            last.original_end = original + length;
            return;
        }
        self.memory.runs.push(Run {
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
        let mut only = None;
        let mut count = 0;
        let mut next = self.text.len();
        let mut first = begin;
        for (at, c) in self.text.get(begin..).unwrap_or_default().char_indices() {
            if is_ignorable(c) {
                continue;
            }
            if count > 0 && is_boundary(c) {
                next = begin + at;
                break;
            }
            if count == 0 {
                first = begin + at;
                only = Some(c);
            } else if let Some(one) = only.take() {
                self.memory.collector.clear();
                self.memory.collector.push(one);
                self.memory.collector.push(c);
            } else {
                self.memory.collector.push(c);
            }
            count += 1;
            end = begin + at + c.len_utf8();
        }
        self.position = next;
        if count == 0 {
            return;
        }
        let Memory {
            buffer,
            runs,
            collector,
            cached,
        } = &mut self.memory;
        let mut unit = Unit {
            buffer,
            runs,
            base: self.base,
            last_is_space: &mut self.last_is_space,
        };
        match only {
            Some(c) => unit.add(first, end, cached.fold(c)),
            None => unit.add(first, end, &segment::fold_segment(&collector.text)),
        }
    }

    /// The run that holds the folded byte at `offset`.
    fn run_at(&self, offset: usize) -> Option<&Run> {
        let index = self
            .memory
            .runs
            .partition_point(|r| r.folded <= offset)
            .checked_sub(1)?;
        self.memory.runs.get(index)
    }

    /// The original bytes behind a folded span, and whether its two ends are ends of original characters (not
    /// inside an expansion). `None` when the span is no longer kept.
    pub(crate) fn original_span(&self, start: usize, end: usize) -> Option<OriginalSpan> {
        if start < self.base || end <= start || end > self.folded_end() {
            return None;
        }
        let first = self.run_at(start)?;
        let last_index = self
            .memory
            .runs
            .partition_point(|r| r.folded < end)
            .checked_sub(1)?;
        let last = self.memory.runs.get(last_index)?;
        let last_folded_end = self
            .memory
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

/// Where a folded unit goes.
struct Unit<'f> {
    buffer: &'f mut Vec<u8>,
    runs: &'f mut Vec<Run>,
    base: usize,
    last_is_space: &'f mut bool,
}

impl Unit<'_> {
    /// `out` is what the original `first..end` folds to.
    fn add(&mut self, first: usize, end: usize, out: &str) {
        let before = self.buffer.len();
        let mut bytes = [0; 4];
        for c in out.chars() {
            if is_space(c) && *self.last_is_space {
                continue;
            }
            self.buffer
                .extend_from_slice(c.encode_utf8(&mut bytes).as_bytes());
            *self.last_is_space = c == ' ';
        }
        if self.buffer.len() > before {
            self.runs.push(Run {
                folded: self.base + before,
                original: first,
                original_end: end,
                plain: false,
            });
        } else if let Some(last) = self.runs.last_mut()
            && *self.last_is_space
            && !last.plain
        {
            // More white space: belongs to the space before it.
            last.original_end = end;
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

fn is_ascii_space_char(c: char) -> bool {
    c.is_ascii() && is_ascii_space(c as u8)
}

/// Folds a whole text at level `folded`: NFKC, full case folding, default-ignorable and bidi characters removed,
/// runs of white space become one space; ё is е, and stress, vowel and reading marks that a language writes
/// optionally are gone. Idempotent.
pub fn fold_text(text: &str) -> String {
    let mut folder = Folder::new(text);
    folder.advance(usize::MAX);
    folder.kept().0.to_owned()
}

#[cfg(test)]
pub(crate) mod tests;
