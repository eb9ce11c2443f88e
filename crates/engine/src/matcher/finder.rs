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

use super::tokenise::{Token, Tokens};
use crate::compiled::tokens::{gap, gram_key, head_key, load, pair_key};
use crate::compiled::{Filter, GRAMS, Image, SlotFacts, kind};
use crate::fold::Folder;
use crate::processor::for_this_processor;

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
    /// later. `facts`: what the slots that count have, others may be left out. Stops when `found` returns `false`, and returns that.
    pub(super) fn advance(
        &mut self,
        image: &Image<'_>,
        facts: SlotFacts,
        text: &str,
        folder: &Folder<'_>,
        limit: usize,
        mut found: impl Found,
    ) -> bool {
        let kinds = facts.kinds;
        (kinds & (kind::HEAD | kind::PAIR | kind::ODD) == 0
            || self.words(image, facts, text, folder, limit, &mut found))
            && (kinds & kind::ANYWHERE == 0 || self.anywhere(image, facts, folder, limit, &mut found))
    }

    fn words(
        &mut self,
        image: &Image<'_>,
        facts: SlotFacts,
        text: &str,
        folder: &Folder<'_>,
        limit: usize,
        found: &mut impl Found,
    ) -> bool {
        let (kept, base) = folder.kept_bytes();
        let tokens = Tokens::of(text, folder, self.next_token.saturating_sub(base));
        let all = Words {
            image,
            start_classes: facts.start_classes,
            kept,
            base,
            tokens: tokens.list(),
            done: limit.saturating_sub(base),
        };
        let begun = all.tokens.partition_point(|token| token.start < all.done);
        let odd = facts.kinds & kind::ODD != 0;
        let gap_start = self.next_gap.saturating_sub(base);
        if let Some(last) = begun.checked_sub(1).and_then(|last| all.tokens.get(last)) {
            // The rest of a token in which words may end comes with the next window.
            self.next_token = base
                + if last.broken {
                    last.end.min(all.done)
                } else {
                    last.end
                };
        }
        self.next_gap = limit.max(self.next_token);
        self.next_token = self.next_token.max(limit);
        all.begin(begun, found) && (!odd || all.gaps(begun, gap_start, found))
    }

    /// Patterns that may stand anywhere, by their grams.
    fn anywhere(
        &mut self,
        image: &Image<'_>,
        facts: SlotFacts,
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
        for class in (0..GRAMS.len()).filter(|class| facts.gram_classes >> class & 1 != 0) {
            for block in (from..to).step_by(64) {
                let mut maybe = fast_grams(filter, kept, block, to.min(block + 64), class);
                while maybe != 0 {
                    let at = block + maybe.trailing_zeros() as usize;
                    if !at_gram(at, gram_key(load(kept, at), class)) {
                        return false;
                    }
                    maybe &= maybe - 1;
                }
            }
        }
        true
    }
}

for_this_processor! {
    fn fast_grams(filter: &Filter<'_>, kept: &[u8], from: usize, to: usize, class: usize) -> u64 = grams;
}

/// At which of at most 64 characters a gram of the class may begin that some pattern has, as bits.
#[inline(always)]
fn grams(filter: &Filter<'_>, kept: &[u8], from: usize, to: usize, class: usize) -> u64 {
    let mut maybe = 0;
    // Grams begin with a character.
    let mut look = |n: usize, eight: u64| {
        if eight & 0xc0 != 0x80 {
            maybe |= u64::from(filter.may_have(gram_key(eight, class))) << n;
        }
    };
    match kept.get(from..to + 7) {
        Some(whole) => {
            for (n, eight) in whole.array_windows().enumerate() {
                look(n, u64::from_le_bytes(*eight));
            }
        }
        None => (from..to).for_each(|at| look(at - from, load(kept, at))),
    }
    maybe
}

for_this_processor! {
    fn fast_candidates(words: &Words<'_, '_>, from: usize, to: usize) -> u64 = candidates;
}

/// Which of at most 64 tokens (more than none) a pattern may begin with, as bits.
#[inline(always)]
fn candidates(words: &Words<'_, '_>, from: usize, to: usize) -> u64 {
    let tokens = words.tokens.get(from..).unwrap_or_default();
    let mut maybe = 0;
    for (n, [token, next]) in tokens.array_windows().take(to - from).enumerate() {
        maybe |= u64::from(words.may_begin(token, next)) << n;
    }
    if to == words.tokens.len() {
        // Behind the last token stands none.
        maybe |= 1 << (to - from - 1);
    }
    maybe
}

struct Words<'a, 'b> {
    image: &'a Image<'b>,
    start_classes: u16,
    kept: &'a [u8],
    base: usize,
    tokens: &'a [Token],
    /// What begins here or behind comes with the next window.
    done: usize,
}

impl Words<'_, '_> {
    /// Patterns that begin with one of the first `count` tokens.
    fn begin(&self, count: usize, found: &mut impl Found) -> bool {
        // Asking the filters is a pass of its own without a branch, so that many of its reads from memory are under way at
        // once; few tokens need a second look.
        for block in (0..count).step_by(64) {
            let mut maybe = fast_candidates(self, block, count.min(block + 64));
            while maybe != 0 {
                if !self.begin_with(block + maybe.trailing_zeros() as usize, found) {
                    return false;
                }
                maybe &= maybe - 1;
            }
        }
        true
    }

    /// May a pattern begin with this token?
    #[inline(always)]
    fn may_begin(&self, token: &Token, next: &Token) -> bool {
        let head = self.image.heads.0.may_have(head_key(token.hash));
        let pair = gap(self.kept, token.end, next.start)
            .is_some_and(|gap| self.image.pairs.0.may_have(pair_key(token.hash, gap, next.hash)));
        head | pair | token.broken | next.broken
    }

    /// Patterns that begin with token `n`.
    fn begin_with(&self, n: usize, found: &mut impl Found) -> bool {
        let Some(token) = self.tokens.get(n) else {
            return true;
        };
        match (token.broken, self.tokens.get(n + 1)) {
            (true, _) => self.starts(
                token.start,
                token.end.min(self.done),
                kind::HEAD | kind::PAIR,
                found,
            ),
            (false, Some(next)) if next.broken => {
                self.starts(token.start, token.start + 1, kind::HEAD | kind::PAIR, found)
            }
            (false, next) => self.token(token, next, found),
        }
    }

    /// Patterns that begin between tokens, from `gap_start` on, as far as the first `count` tokens reach.
    #[cold]
    fn gaps(&self, count: usize, mut gap_start: usize, found: &mut impl Found) -> bool {
        for token in self.tokens.iter().take(count) {
            if !self.starts(gap_start, token.start, kind::ODD, found) {
                return false;
            }
            gap_start = token.end;
        }
        self.starts(gap_start, self.done, kind::ODD, found)
    }

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
                .filter(|class| self.start_classes >> class & 1 != 0)
                .any(|class| self.image.starts.may_have(gram_key(eight, class)));
            if may_begin && !self.at(at, 0, kinds, found) {
                return false;
            }
        }
        true
    }
}
