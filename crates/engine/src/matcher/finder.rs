//! Where the patterns of a compiled set stand in folded text.
//!
//! Terms of mode word are looked for by token: most tokens begin no term, and a filter that fits the processor's
//! cache says so. What gets through is looked up in a table, and then compared with the patterns themselves. A term of two
//! tokens or more is looked up by its first two. Terms that may stand inside words are found by one gram of theirs, the
//! one that is rarest in the set, at every byte of the text, through a filter of the same kind.
//!
//! Only where invisible characters make a word boundary inside a run of letters does a term begin or end within a
//! token; and a term that begins with no letter or digit begins between tokens: there every place is tried, behind
//! a filter over the beginnings of all such terms.
//!
//! Every place found is one where the pattern stands, and every place where it stands between word boundaries of
//! the caller's text is found; the boundaries themselves the caller judges.

use crate::boundary::is_word_boundary;
use crate::compiled::tokens::{gap, gram_key, hash, head_key, load, pair_key};
use crate::compiled::{GRAMS, Image, kind};
use crate::fold::Folder;
use crate::fold::simple::is_token_char;
use std::cell::Cell;

/// A token, as offsets of the kept text.
#[derive(Clone, Copy)]
struct Token {
    start: usize,
    end: usize,
    hash: u64,
    /// A word may end inside it.
    broken: bool,
}

/// Tokens kept for the next text of the thread, at most.
const MAX_KEPT: usize = 64 * 1024;

thread_local! {
    static TOKENS: Cell<Vec<Token>> = const { Cell::new(Vec::new()) };
}

/// Where the search stands in one text, in offsets of the whole folded text.
#[derive(Default)]
pub(super) struct Finder {
    next_token: usize,
    next_gap: usize,
    next_gram: usize,
}

/// What the search asks of a place: go on?
pub(super) trait Found: FnMut(u32, usize, usize) -> bool {}
impl<F: FnMut(u32, usize, usize) -> bool> Found for F {}

impl Finder {
    /// Calls `found(pattern, start, end)`, in offsets of the whole folded text, for every pattern that begins in
    /// what is kept before folded offset `limit`; `limit` is the end of the text, or as far from the end of what is
    /// folded as the longest pattern is long. Patterns that may stand anywhere are found up to their own length
    /// later. Stops when `found` returns `false`, and returns that.
    pub(super) fn advance(
        &mut self,
        image: &Image<'_>,
        text: &str,
        folder: &Folder<'_>,
        limit: usize,
        mut found: impl Found,
    ) -> bool {
        let kinds = image.facts.kinds as u8;
        (kinds & (kind::HEAD | kind::PAIR | kind::ODD) == 0
            || self.words(image, text, folder, limit, &mut found))
            && (kinds & kind::ANYWHERE == 0 || self.anywhere(image, folder, limit, &mut found))
    }

    fn words(
        &mut self,
        image: &Image<'_>,
        text: &str,
        folder: &Folder<'_>,
        limit: usize,
        found: &mut impl Found,
    ) -> bool {
        let (kept, base) = folder.kept_bytes();
        let mut tokens = TOKENS.try_with(Cell::take).unwrap_or_default();
        tokens.clear();
        tokenise(text, folder, self.next_token.saturating_sub(base), &mut tokens);
        let all = Words { image, kept, base };
        let done = limit.saturating_sub(base);
        let mut gap_start = self.next_gap.saturating_sub(base);
        let odd = image.facts.kinds as u8 & kind::ODD != 0;
        let mut go_on = true;
        for (n, token) in tokens.iter().enumerate() {
            let next = tokens.get(n + 1);
            if token.start >= done {
                break;
            }
            if odd && !all.starts(gap_start, token.start, kind::ODD, found) {
                go_on = false;
                break;
            }
            gap_start = token.end;
            // The rest of a token in which words may end comes with the next window.
            self.next_token = base
                + if token.broken {
                    token.end.min(done)
                } else {
                    token.end
                };
            go_on = match (token.broken, next) {
                (true, _) => all.starts(token.start, token.end.min(done), kind::HEAD | kind::PAIR, found),
                (false, Some(next)) if next.broken => {
                    all.starts(token.start, token.start + 1, kind::HEAD | kind::PAIR, found)
                }
                _ => all.token(token, next, found),
            };
            if !go_on {
                break;
            }
        }
        if odd && go_on {
            go_on = all.starts(gap_start, done, kind::ODD, found);
        }
        self.next_gap = limit.max(self.next_token);
        self.next_token = self.next_token.max(limit);
        if tokens.capacity() <= MAX_KEPT {
            let _ = TOKENS.try_with(|kept| kept.set(tokens));
        }
        go_on
    }

    /// Patterns that may stand anywhere, by their grams.
    fn anywhere(
        &mut self,
        image: &Image<'_>,
        folder: &Folder<'_>,
        limit: usize,
        found: &mut impl Found,
    ) -> bool {
        let (kept, base) = folder.kept_bytes();
        let from = self.next_gram.saturating_sub(base);
        let to = limit.saturating_sub(base).min(kept.len());
        self.next_gram = limit;
        let (filter, table) = &image.grams;
        let mut at_gram = |at: usize, key: u64| {
            for first in table.get(key) {
                for place in image.gram_list(first) {
                    let Some(start) = at.checked_sub(place.offset()) else {
                        continue;
                    };
                    if !place.may_begin(load(kept, start)) {
                        continue;
                    }
                    let number = place.pattern();
                    let Some(pattern) = image.pattern(number) else {
                        continue;
                    };
                    let end = start + pattern.bytes.len();
                    if kept.get(start..end) == Some(pattern.bytes)
                        && !pattern.bytes.is_empty()
                        && !found(number, base + start, base + end)
                    {
                        return false;
                    }
                }
            }
            true
        };
        for class in (0..GRAMS.len()).filter(|class| image.facts.gram_classes >> class & 1 != 0) {
            let whole = kept
                .get(from..to.saturating_add(7).min(kept.len()))
                .unwrap_or_default();
            let mut at = from;
            for eight in whole.array_windows::<8>() {
                let key = gram_key(u64::from_le_bytes(*eight), class);
                if filter.may_have(key) && !at_gram(at, key) {
                    return false;
                }
                at += 1;
            }
            for at in at..to {
                let key = gram_key(load(kept, at), class);
                if filter.may_have(key) && !at_gram(at, key) {
                    return false;
                }
            }
        }
        true
    }
}

struct Words<'a, 'b> {
    image: &'a Image<'b>,
    kept: &'a [u8],
    base: usize,
}

impl Words<'_, '_> {
    /// Patterns that begin with this token.
    #[inline]
    fn token(&self, token: &Token, next: Option<&Token>, found: &mut impl Found) -> bool {
        let (filter, table) = &self.image.heads;
        let key = head_key(token.hash);
        if filter.may_have(key)
            && !table
                .get(key)
                .all(|first| self.at(token.start, first, kind::HEAD, found))
        {
            return false;
        }
        let Some(next) = next else { return true };
        let Some(gap) = gap(self.kept, token.end, next.start) else {
            return true;
        };
        let (filter, table) = &self.image.pairs;
        let key = pair_key(token.hash, gap, next.hash);
        !filter.may_have(key)
            || table
                .get(key)
                .all(|first| self.at(token.start, first, kind::PAIR, found))
    }

    fn at(&self, start: usize, first: u32, kinds: u8, found: &mut impl Found) -> bool {
        let text = self.kept.get(start..).unwrap_or_default();
        let begin = self.base + start;
        self.image.at_start(text, first, kinds, |pattern, length| {
            found(pattern, begin, begin + length)
        })
    }

    /// Patterns of these kinds that begin at any character of `from..to`.
    #[cold]
    fn starts(&self, from: usize, to: usize, kinds: u8, found: &mut impl Found) -> bool {
        for at in from..to {
            // No pattern begins with a space, or within a character.
            if self.kept.get(at).is_none_or(|&b| b == b' ' || b & 0xc0 == 0x80) {
                continue;
            }
            let eight = load(self.kept, at);
            let may_begin = (0..GRAMS.len())
                .filter(|class| self.image.facts.start_classes >> class & 1 != 0)
                .any(|class| self.image.starts.may_have(gram_key(eight, class)));
            if may_begin && !self.at(at, 0, kinds, found) {
                return false;
            }
        }
        true
    }
}

/// The tokens of the kept text from byte `from` on.
fn tokenise(text: &str, folder: &Folder<'_>, from: usize, tokens: &mut Vec<Token>) {
    let (kept, base) = folder.kept_bytes();
    let runs = folder.runs();
    let mut run = runs
        .partition_point(|r| r.folded <= base + from)
        .saturating_sub(1);
    // Folded offset, in the kept text, at which the next run begins.
    let begin_of = |n: usize| runs.get(n).map_or(usize::MAX, |r| r.folded - base);
    let mut next_run = begin_of(run + 1);
    let mut emit = |start: usize, end: usize| {
        while next_run <= start {
            run += 1;
            next_run = begin_of(run + 1);
        }
        let (hash, long) = hash(kept, start, end);
        if !long && end <= next_run && runs.get(run).is_some_and(|r| r.plain) {
            tokens.push(Token {
                start,
                end,
                hash,
                broken: false,
            });
        } else {
            split(text, folder, start, end, tokens);
        }
    };
    let mut start = None;
    let mut block_start = from;
    while block_start < kept.len() {
        let mut mask = letters(kept, block_start);
        let mut offset = 0;
        // Alternating runs of zeros and ones.
        while offset < BLOCK {
            match start {
                None => {
                    let zeros = mask.trailing_zeros() as usize;
                    if offset + zeros >= BLOCK {
                        break;
                    }
                    offset += zeros;
                    mask >>= zeros;
                    start = Some(block_start + offset);
                }
                Some(begin) => {
                    let ones = mask.trailing_ones() as usize;
                    offset += ones;
                    if offset >= BLOCK {
                        break;
                    }
                    mask >>= ones;
                    emit(begin, block_start + offset);
                    start = None;
                }
            }
        }
        block_start += BLOCK;
    }
    if let Some(begin) = start {
        emit(begin, kept.len());
    }
}

/// Bytes looked at together.
const BLOCK: usize = 64;

/// Which of the 64 bytes from `at` on are a letter or digit of ASCII, or part of a longer character: bit by bit.
#[inline]
fn letters(kept: &[u8], at: usize) -> u64 {
    let mut block = [0u8; BLOCK];
    if let Some(whole) = kept.get(at..at + BLOCK) {
        block.copy_from_slice(whole);
    } else {
        let rest = kept.get(at..).unwrap_or_default();
        if let Some(head) = block.get_mut(..rest.len()) {
            head.copy_from_slice(rest);
        }
    }
    let mut flags = [0u8; BLOCK];
    for (flag, &b) in flags.iter_mut().zip(&block) {
        *flag = u8::from(b.wrapping_sub(b'a') < 26) | u8::from(b.wrapping_sub(b'0') < 10) | b >> 7;
    }
    let mut mask = 0;
    for (n, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
        // Gathers the lowest bits of eight bytes.
        let bits = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        mask |= bits << (n * 8);
    }
    mask
}

/// The tokens of a stretch that has longer characters in it, or whose characters did not fold one by one.
#[cold]
fn split(text: &str, folder: &Folder<'_>, start: usize, end: usize, tokens: &mut Vec<Token>) {
    let (kept, _) = folder.kept_bytes();
    let stretch = std::str::from_utf8(kept.get(start..end).unwrap_or_default()).unwrap_or_default();
    let mut at = 0;
    while let Some(begin) = stretch
        .get(at..)
        .and_then(|rest| rest.find(is_token_char))
        .map(|n| at + n)
    {
        let rest = stretch.get(begin..).unwrap_or_default();
        at = begin + rest.find(|c| !is_token_char(c)).unwrap_or(rest.len());
        tokens.push(Token {
            start: start + begin,
            end: start + at,
            hash: hash(kept, start + begin, start + at).0,
            broken: is_broken(text, folder, start + begin, start + at),
        });
    }
}

/// May a word of the caller's text end inside this token?
fn is_broken(text: &str, folder: &Folder<'_>, start: usize, end: usize) -> bool {
    let (_, base) = folder.kept_bytes();
    let (start, end) = (base + start, base + end);
    let runs = folder.runs();
    let first = runs.partition_point(|r| r.folded <= start);
    let mut before = first.checked_sub(1).and_then(|n| runs.get(n));
    for run in runs.get(first..).unwrap_or_default() {
        if run.folded >= end {
            break;
        }
        if before.is_some_and(|b| is_word_boundary(text, b.original_end))
            || is_word_boundary(text, run.original)
        {
            return true;
        }
        before = Some(run);
    }
    false
}
