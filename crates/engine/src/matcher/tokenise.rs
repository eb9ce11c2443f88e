//! The tokens of folded text, as the finder searches them: where each stands, and its hash.
//!
//! Letters are told from the rest 64 bytes at a time; where they begin and end are the tokens. Only a stretch with longer
//! characters in it, or with characters that did not fold one by one, is looked at character by character.

use crate::boundary::is_word_boundary;
use crate::compiled::tokens::hash;
use crate::fold::simple::is_token_char;
use crate::fold::{Folder, Run};
use crate::processor::for_this_processor;
use std::cell::Cell;

/// A token, as offsets of the kept text.
#[derive(Clone, Copy)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) hash: u64,
    /// A word may end inside it.
    pub(super) broken: bool,
}

impl Token {
    /// One inside which no word ends.
    #[inline(always)]
    fn whole(kept: &[u8], start: usize, end: usize) -> Self {
        Self {
            start,
            end,
            hash: hash(kept, start, end),
            broken: false,
        }
    }
}

/// Stretches of the kept text that folded character by character, asked about from left to right.
struct Runs<'f> {
    runs: &'f [Run],
    base: usize,
    /// The one that is looked at, and where the next one begins in the kept text.
    plain: bool,
    next: usize,
}

impl<'f> Runs<'f> {
    fn new(all: &'f [Run], base: usize, from: usize) -> Self {
        let first = all
            .partition_point(|run| run.folded <= base + from)
            .saturating_sub(1);
        let mut out = Self {
            runs: all.get(first..).unwrap_or_default(),
            base,
            plain: false,
            next: 0,
        };
        out.step();
        out
    }

    fn step(&mut self) {
        self.plain = self.runs.first().is_some_and(|run| run.plain);
        self.runs = self.runs.get(1..).unwrap_or_default();
        self.next = self.runs.first().map_or(usize::MAX, |run| run.folded - self.base);
    }

    /// Does one stretch hold all of `start..end`?
    #[inline(always)]
    fn holds(&mut self, start: usize, end: usize) -> bool {
        while self.next <= start {
            self.step();
        }
        self.plain && end <= self.next
    }
}

/// Tokens kept for the next text of the thread, at most.
const MAX_KEPT: usize = 64 * 1024;

/// Bytes looked at together.
const BLOCK: usize = 64;

thread_local! {
    static LIST: Cell<Vec<Token>> = const { Cell::new(Vec::new()) };
}

/// The tokens of a text, in memory that the next text of the thread takes over.
pub(super) struct Tokens(Vec<Token>);

impl Drop for Tokens {
    fn drop(&mut self) {
        if self.0.capacity() <= MAX_KEPT {
            // At the end of a thread there is nobody to keep it for.
            let _ = LIST.try_with(|kept| kept.set(std::mem::take(&mut self.0)));
        }
    }
}

impl Tokens {
    /// Those of the kept text from byte `from` on.
    pub(super) fn of(text: &str, folder: &Folder<'_>, from: usize) -> Self {
        let mut list = LIST.try_with(Cell::take).unwrap_or_default();
        list.clear();
        fast_tokenise(text, folder, from, &mut list);
        Self(list)
    }

    pub(super) fn list(&self) -> &[Token] {
        &self.0
    }
}

for_this_processor! {
    fn fast_tokenise(text: &str, folder: &Folder<'_>, from: usize, tokens: &mut Vec<Token>) = tokenise;
}

#[inline(always)]
fn tokenise(text: &str, folder: &Folder<'_>, from: usize, tokens: &mut Vec<Token>) {
    let (kept, base) = folder.kept_bytes();
    let mut runs = Runs::new(folder.runs(), base, from);
    // Where letters begin and end in turn; a beginning whose end is in the next block goes first in that.
    let mut edges = [0usize; BLOCK + 2];
    let mut open = 0;
    let mut before = 0u64;
    let mut strange = false;
    let mut at = from;
    while at < kept.len() {
        let (mask, has_strange) = letters(kept, at);
        // A token that began in a block before may have its strange characters there.
        strange = has_strange || strange && open > 0;
        let mut changes = mask ^ (mask << 1 | before);
        before = mask >> (BLOCK - 1);
        let mut count = open;
        while changes != 0 {
            if let Some(edge) = edges.get_mut(count) {
                *edge = at + changes.trailing_zeros() as usize;
            }
            count += 1;
            changes &= changes - 1;
        }
        let (pairs, rest) = edges.get(..count).unwrap_or_default().as_chunks::<2>();
        tokens.reserve(pairs.len());
        for &[start, end] in pairs {
            if !strange && runs.holds(start, end) {
                tokens.push(Token::whole(kept, start, end));
            } else {
                split(text, folder, start, end, tokens);
            }
        }
        open = rest.len();
        if let Some(&start) = rest.first() {
            edges[0] = start;
        }
        at += BLOCK;
    }
    if open > 0 {
        let (start, end) = (edges[0], kept.len());
        if !strange && runs.holds(start, end) {
            tokens.push(Token::whole(kept, start, end));
        } else {
            split(text, folder, start, end, tokens);
        }
    }
}

/// Which of the 64 bytes from `at` on are a letter or digit of ASCII, or part of a longer character, bit by bit; and is
/// there one of a character that may be in no token: three bytes or more, or « and », which fold as they are?
#[inline(always)]
fn letters(kept: &[u8], at: usize) -> (u64, bool) {
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
    let mut strange = 0;
    for (flag, &b) in flags.iter_mut().zip(&block) {
        *flag = u8::from(b.wrapping_sub(b'a') < 26) | u8::from(b.wrapping_sub(b'0') < 10) | b >> 7;
        strange |= u8::from(b >= 0xe0) | u8::from(b == 0xc2);
    }
    let mut mask = 0;
    for (n, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
        // Gathers the lowest bits of eight bytes.
        let bits = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        mask |= bits << (n * 8);
    }
    (mask, strange != 0)
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
            hash: hash(kept, start + begin, start + at),
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
