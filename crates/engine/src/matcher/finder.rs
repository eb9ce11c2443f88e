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

use super::gram_places::fast_grams;
use super::tokenise::{Token, Tokens};
use crate::compiled::tokens::{Margin, NO_PAIR, gram_table_key, head_key, load, margin_key, start_key};
use crate::compiled::{Filter, GRAMS, Grams, Image, STARTS, SlotFacts, Table, kind};
use crate::fold::Folder;
use crate::processor::{Processor, for_this_processor};
use arrayvec::ArrayVec;

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

const WORDS: u8 = kind::HEAD | kind::PAIR | kind::ODD;

/// The part of the folded text that is searched next, the same for every layer. Offsets of what is kept.
pub(super) struct Window<'f> {
    kept: &'f [u8],
    base: usize,
    tokens: Tokens,
    /// So many of the tokens begin in this part.
    begun: usize,
    gap_start: usize,
    gram_start: usize,
    /// What begins here or behind comes with the next window.
    done: usize,
}

impl Finder {
    /// What is kept before folded offset `limit` and was not searched yet; `limit` is the end of the text, or as far from
    /// the end of what is folded as the longest pattern of all layers is long. `kinds`: of all patterns that will be looked for.
    pub(super) fn window<'f>(
        &mut self,
        kinds: u8,
        text: &str,
        folder: &'f Folder<'_>,
        limit: usize,
    ) -> Window<'f> {
        let (kept, base) = folder.kept_bytes();
        let done = limit.saturating_sub(base).min(kept.len());
        let gram_start = self.next_gram.saturating_sub(base);
        let gap_start = self.next_gap.saturating_sub(base);
        self.next_gram = limit;
        let mut window = Window {
            kept,
            base,
            tokens: Tokens::new(),
            begun: 0,
            gap_start,
            gram_start,
            done,
        };
        if kinds & WORDS == 0 {
            return window;
        }
        window.tokens = Tokens::of(text, folder, self.next_token.saturating_sub(base));
        let tokens = window.tokens.list();
        let begun = match tokens.last() {
            Some(last) if last.start < done => tokens.len(),
            _ => tokens.partition_point(|token| token.start < done),
        };
        if let Some(last) = begun.checked_sub(1).and_then(|last| tokens.get(last)) {
            // The rest of a token in which words may end comes with the next window.
            self.next_token = base + if last.broken { last.end.min(done) } else { last.end };
        }
        self.next_gap = limit.max(self.next_token);
        self.next_token = self.next_token.max(limit);
        window.begun = begun;
        window
    }
}

impl Window<'_> {
    /// Calls `found(pattern, start, end)`, in offsets of the whole folded text, for every pattern that begins in this part.
    /// Patterns that may stand anywhere are found up to their own length later. `facts`: what the slots that count have,
    /// others may be left out. Stops when `found` returns `false`, and returns that.
    pub(super) fn search(&self, image: &Image<'_>, facts: SlotFacts, mut found: impl Found) -> bool {
        let all = Words {
            image,
            heads: image.heads(),
            pairs: image.pairs(),
            start_classes: facts.start_classes,
            kept: self.kept,
            base: self.base,
            tokens: self.tokens.list(),
            done: self.done,
        };
        let has = |kinds| facts.kinds & kinds != 0;
        (!has(WORDS) || all.begin(self.begun, &mut found))
            && (!has(kind::ODD) || all.gaps(self.begun, self.gap_start, &mut found))
            && (!has(kind::ANYWHERE) || self.anywhere(image, facts, &mut found))
    }

    /// Patterns that may stand anywhere, by their grams.
    fn anywhere(&self, image: &Image<'_>, facts: SlotFacts, found: &mut impl Found) -> bool {
        let Self { kept, base, .. } = *self;
        let (filter, margins, table) = image.grams();
        let classes = GRAMS.iter().enumerate();
        for (class, &Grams { length, stride }) in
            classes.filter(|(class, _)| facts.gram_classes >> class & 1 != 0)
        {
            // Places are counted from the beginning of the text, whatever the windows are.
            let mut block = (base + self.gram_start).next_multiple_of(stride) - base;
            let end = self.done.min((kept.len() + 1).saturating_sub(length));
            while block < end {
                let next = block + 64 * stride;
                let maybe = fast_grams(&filter, kept, block, end.min(next), class);
                if maybe != 0
                    && !self.at_grams(image, (&margins, &table), (block, stride, maybe), length, found)
                {
                    return false;
                }
                block = next;
            }
        }
        true
    }

    /// Patterns that have a gram of `length` bytes at one of the places: every `stride` bytes from `block` on, as bits.
    ///
    /// In steps, each over all places at once: a step reads what the step before found out the addresses of, and its reads do
    /// not wait for each other. The tables of a million terms lie in memory, 120 ns away.
    fn at_grams(
        &self,
        image: &Image<'_>,
        (margins, table): (&Filter<'_>, &Table<'_>),
        (block, stride, maybe): (usize, usize, u64),
        length: usize,
        found: &mut impl Found,
    ) -> bool {
        let key = |at: usize| gram_table_key(load(self.kept, at), length);
        let has_margin = |n: usize| {
            let at = block + n * stride;
            let gram = key(at);
            let with = |margin| margins.may_have(margin_key(gram, self.kept, at, length, margin));
            // All three, since which one it is cannot be guessed.
            u64::from(with(Margin::Behind) | with(Margin::Before) | with(Margin::Nowhere)) << n
        };
        let maybe = bits_of(maybe).fold(0, |bits, n| bits | has_margin(n));
        let mut lists: Batch<(usize, u32)> = Batch::new();
        for at in bits_of(maybe).map(|n| block + n * stride) {
            for first in table.get(key(at)) {
                if lists.is_full() {
                    if !self.in_lists(image, &lists, found) {
                        return false;
                    }
                    lists.clear();
                }
                lists.push((at, first));
            }
        }
        self.in_lists(image, &lists, found)
    }

    /// Patterns of gram lists: each of a gram that stands at a place.
    fn in_lists(&self, image: &Image<'_>, lists: &[(usize, u32)], found: &mut impl Found) -> bool {
        let mut patterns: Batch<(usize, u32)> = Batch::new();
        for &(at, first) in lists {
            for place in image.gram_list(first) {
                let Some(start) = at.checked_sub(place.offset()) else {
                    continue;
                };
                if !place.may_begin(load(self.kept, start)) {
                    continue;
                }
                if patterns.is_full() {
                    if !self.stand(image, &patterns, found) {
                        return false;
                    }
                    patterns.clear();
                }
                patterns.push((start, place.pattern()));
            }
        }
        self.stand(image, &patterns, found)
    }

    /// Those of the patterns that stand where they may begin.
    fn stand(&self, image: &Image<'_>, patterns: &[(usize, u32)], found: &mut impl Found) -> bool {
        let Self { kept, base, .. } = *self;
        let bytes =
            |&(_, number): &(usize, u32)| image.pattern(number).map_or(&[][..], |pattern| pattern.bytes);
        let all: Batch<&[u8]> = patterns.iter().map(bytes).collect();
        for (&(start, number), bytes) in patterns.iter().zip(all) {
            let end = start + bytes.len();
            if kept.get(start..end) == Some(bytes)
                && !bytes.is_empty()
                && !found(number, base + start, base + end)
            {
                return false;
            }
        }
        true
    }
}

/// Places, lists and patterns that are looked at together; nothing is written before there are some.
type Batch<T> = ArrayVec<T, 64>;

/// The numbers of the bits that are set.
fn bits_of(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = bits.trailing_zeros() as usize;
        bits &= bits.wrapping_sub(1);
        (bit < 64).then_some(bit)
    })
}

for_this_processor! {
    [Avx512, Avx2] fn fast_candidates(words: &Words<'_, '_>, from: usize, to: usize) -> u64 = candidates;
}

/// Which of at most 64 tokens (more than none) a pattern may begin with, as bits.
#[inline(always)]
fn candidates(_: impl Processor, words: &Words<'_, '_>, from: usize, to: usize) -> u64 {
    let tokens = words.tokens.get(from..to).unwrap_or_default();
    let next_broken = words.tokens.get(to).is_some_and(|next| next.broken);
    let (mut maybe, mut broken) = (0, u64::from(next_broken) << 1 << (to - from - 1));
    for (n, token) in tokens.iter().enumerate() {
        maybe |= u64::from(words.may_begin(token)) << n;
        broken |= u64::from(token.broken) << n;
    }
    // A broken token may be what a pattern goes on with.
    maybe | broken | broken >> 1
}

struct Words<'a, 'b> {
    image: &'a Image<'b>,
    heads: (Filter<'b>, Table<'b>),
    pairs: (Filter<'b>, Table<'b>),
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
    fn may_begin(&self, token: &Token) -> bool {
        self.heads.0.may_have(head_key(token.hash)) | self.pairs.0.may_have(token.pair)
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
            (false, _) => self.token(token, found),
        }
    }

    /// Patterns that begin between tokens, from `gap_start` on, as far as the first `count` tokens reach.
    fn gaps(&self, count: usize, gap_start: usize, found: &mut impl Found) -> bool {
        let Some((tokens, last)) = self.tokens.get(..count).map(|tokens| (tokens, tokens.last())) else {
            return true;
        };
        if !self.starts(
            gap_start,
            tokens.first().map_or(self.done, |t| t.start),
            kind::ODD,
            found,
        ) {
            return false;
        }
        for (block, some) in tokens.chunks(64).enumerate() {
            // Behind most tokens stands a space, with which no pattern begins.
            let other = |bits: u64, (n, token): (usize, &Token)| bits | u64::from(!token.spaced) << n;
            let mut others = some.iter().enumerate().fold(0, other);
            while others != 0 {
                let n = block * 64 + others.trailing_zeros() as usize;
                others &= others - 1;
                let (Some(token), Some(next)) = (tokens.get(n), tokens.get(n + 1)) else {
                    break;
                };
                if !self.starts(token.end, next.start, kind::ODD, found) {
                    return false;
                }
            }
        }
        last.is_none_or(|last| last.spaced || self.starts(last.end, self.done, kind::ODD, found))
    }

    fn token(&self, token: &Token, found: &mut impl Found) -> bool {
        let (filter, table) = &self.heads;
        let key = head_key(token.hash);
        if filter.may_have(key)
            && !table
                .get(key)
                .all(|first| self.at(token.start, first, kind::HEAD, found))
        {
            return false;
        }
        let (filter, table) = &self.pairs;
        token.pair == NO_PAIR
            || !filter.may_have(token.pair)
            || table
                .get(token.pair)
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
    fn starts(&self, from: usize, to: usize, kinds: u8, found: &mut impl Found) -> bool {
        for at in from..to {
            // No pattern begins with a space, or within a character.
            let begins = |&b: &u8| {
                b != b' ' && b & 0xc0 != 0x80 && (kinds != kind::ODD || self.image.facts().is_odd(b))
            };
            if self.kept.get(at).is_some_and(begins) && !self.start(at, kinds, found) {
                return false;
            }
        }
        true
    }

    /// Patterns of these kinds that begin at `at`.
    #[cold]
    fn start(&self, at: usize, kinds: u8, found: &mut impl Found) -> bool {
        let eight = load(self.kept, at);
        let may_begin = (0..STARTS.len())
            .filter(|class| self.start_classes >> class & 1 != 0)
            .any(|class| self.image.starts().may_have(start_key(eight, class)));
        !may_begin || self.at(at, 0, kinds, found)
    }
}
