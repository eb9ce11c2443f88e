//! The tokens of folded text, as the finder searches them: where each stands, and its hash.
//!
//! Letters are told from the rest 64 bytes at a time; where they begin and end are the tokens. Only a stretch with
//! characters that did not fold one by one is looked at character by character.

use crate::boundary::is_word_boundary;
use crate::compiled::tokens::{NO_PAIR, Window, gap, hash, hash_and_behind, load, pair_key};
use crate::fold::simple::is_token_char;
use crate::fold::{Folder, Run};
use crate::processor::{Processor, for_this_processor};
use std::cell::Cell;

/// A token, as offsets of the kept text.
#[derive(Clone, Copy)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) hash: u64,
    /// Key of this token and the next one, or [`NO_PAIR`].
    pub(super) pair: u64,
    /// A word may end inside it.
    pub(super) broken: bool,
    /// A space and nothing else stands before the next token.
    pub(super) spaced: bool,
}

impl Token {
    /// One inside which no word ends. What is behind it stands in place of the key, until the next one is known.
    #[inline(always)]
    fn whole(kept: &Kept<'_>, start: usize, end: usize) -> Self {
        let (hash, behind) = kept
            .window(start)
            .and_then(|window| hash_and_behind(window, end - start))
            .unwrap_or_else(|| (hash(kept.bytes, start, end), load(kept.bytes, end)));
        Self {
            start,
            end,
            hash,
            pair: behind,
            broken: false,
            spaced: false,
        }
    }

    /// This token, when `next` is the one behind it.
    #[inline(always)]
    fn before(self, kept: &Kept<'_>, next: &Self) -> Self {
        let gap = gap(kept.bytes, self.end, next.start, self.pair);
        Self {
            pair: pair_key(self.hash, gap, next.hash),
            spaced: gap == u64::from(b' ') << 56,
            ..self
        }
    }
}

/// The kept text, and its end with zeros behind it: tokens are read by windows of one length.
struct Kept<'k> {
    bytes: &'k [u8],
    tail: [u8; 2 * size_of::<Window>()],
    tail_start: usize,
}

impl<'k> Kept<'k> {
    #[inline(always)]
    fn new(bytes: &'k [u8]) -> Self {
        let tail_start = bytes.len().saturating_sub(size_of::<Window>());
        let mut tail = [0; 2 * size_of::<Window>()];
        match bytes.last_chunk::<{ size_of::<Window>() }>() {
            // A copy of known length.
            Some(last) => tail.iter_mut().zip(last).for_each(|(to, &from)| *to = from),
            None => tail.iter_mut().zip(bytes).for_each(|(to, &from)| *to = from),
        }
        Self {
            bytes,
            tail,
            tail_start,
        }
    }

    #[inline(always)]
    fn window(&self, at: usize) -> Option<&Window> {
        let whole = self.bytes.array_windows().nth(at);
        whole.or_else(|| self.tail.get(at - self.tail_start..)?.first_chunk())
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
    static LIST: Cell<Tokens> = const { Cell::new(Tokens::new()) };
}

/// The tokens of a text, in memory that the next text of the thread takes over.
pub(super) struct Tokens {
    list: Vec<Token>,
    /// Where letters begin and end in turn.
    edges: Vec<u32>,
}

impl Drop for Tokens {
    fn drop(&mut self) {
        if (1..=MAX_KEPT).contains(&self.list.capacity()) {
            // At the end of a thread there is nobody to keep it for.
            let _ = LIST.try_with(|kept| kept.set(std::mem::replace(self, Self::new())));
        }
    }
}

impl Tokens {
    pub(super) const fn new() -> Self {
        Self {
            list: Vec::new(),
            edges: Vec::new(),
        }
    }

    /// Those of the kept text from byte `from` on.
    pub(super) fn of(text: &str, folder: &Folder<'_>, from: usize) -> Self {
        let take = |kept: &Cell<Self>| kept.replace(Self::new());
        let mut tokens = LIST.try_with(take).unwrap_or(Self::new());
        tokens.list.clear();
        tokens.edges.clear();
        fast_tokenise(text, folder, from, &mut tokens);
        tokens
    }

    pub(super) fn list(&self) -> &[Token] {
        &self.list
    }
}

for_this_processor! {
    [Avx512, Avx2] fn fast_tokenise(text: &str, folder: &Folder<'_>, from: usize, tokens: &mut Tokens) -> () = tokenise;
}

#[inline(always)]
fn tokenise(
    processor: impl Processor,
    text: &str,
    folder: &Folder<'_>,
    from: usize,
    Tokens { list, edges }: &mut Tokens,
) {
    let (kept, base) = folder.kept_bytes();
    let mut before = 0u64;
    for at in (from..kept.len()).step_by(BLOCK) {
        let mask = letters(processor, kept, at);
        let changes = mask ^ (mask << 1 | before);
        before = mask >> (BLOCK - 1);
        processor.number(changes, at as u32, edges);
    }
    if edges.len() % 2 == 1 {
        edges.push(kept.len() as u32);
    }
    let (all, _) = edges.as_chunks::<2>();
    let kept = Kept::new(kept);
    if let [Run { plain: true, .. }] = folder.runs() {
        let mut next = all.iter();
        let Some(&[start, end]) = next.next() else { return };
        let mut token = Token::whole(&kept, start as usize, end as usize);
        // Each goes onto the list when the next one is known.
        list.extend(next.map(|&[start, end]| {
            let next = Token::whole(&kept, start as usize, end as usize);
            std::mem::replace(&mut token, next).before(&kept, &next)
        }));
        list.push(token);
    } else {
        let mut runs = Runs::new(folder.runs(), base, from);
        for &edges in all {
            let [start, end] = edges.map(|edge| edge as usize);
            if runs.holds(start, end) {
                push(&kept, list, Token::whole(&kept, start, end));
            } else {
                split(text, folder, &kept, start, end, list);
            }
        }
    }
    if let Some(last) = list.last_mut() {
        last.pair = NO_PAIR;
    }
}

/// Puts a token behind the last one.
#[inline(always)]
fn push(kept: &Kept<'_>, tokens: &mut Vec<Token>, next: Token) {
    if let Some(last) = tokens.last_mut() {
        *last = last.before(kept, &next);
    }
    tokens.push(next);
}

/// Which of the 64 bytes from `at` on are a letter or digit of ASCII, or part of a letter of two bytes, bit by bit. « and »
/// are none, which fold as they are, nor is any longer character; others of two bytes that are no letters never fold as
/// they are.
#[inline(always)]
fn letters(processor: impl Processor, kept: &[u8], at: usize) -> u64 {
    let own;
    // With the byte before each. At the end of the text it is the last ones that are looked at.
    let rest = kept.len() - at;
    let block: &[u8; BLOCK + 1] = match at.checked_sub(1).and_then(|from| kept.get(from..)?.first_chunk()) {
        Some(whole) => whole,
        None => match kept.last_chunk() {
            Some(last) if rest < BLOCK => return bits(processor, last) >> (BLOCK - rest),
            _ => {
                own = padded(kept, at);
                &own
            }
        },
    };
    bits(processor, block)
}

/// The block at `at` where the text has none before it, or is short.
#[cold]
fn padded(kept: &[u8], at: usize) -> [u8; BLOCK + 1] {
    let mut block = [0; BLOCK + 1];
    let rest = kept.get(at.saturating_sub(1)..).unwrap_or_default();
    for (to, &from) in block.iter_mut().skip(usize::from(at == 0)).zip(rest) {
        *to = from;
    }
    block
}

#[inline(always)]
fn bits(processor: impl Processor, block: &[u8; BLOCK + 1]) -> u64 {
    let is_lead = |b: u8| b.wrapping_sub(0xc3) < 0x1d;
    let mut flags = [0u8; BLOCK];
    for (flag, &[before, b]) in flags.iter_mut().zip(block.array_windows()) {
        let ascii = b.wrapping_sub(b'a') < 26 || b.wrapping_sub(b'0') < 10;
        let letter = ascii | is_lead(b) | (b & 0xc0 == 0x80) & is_lead(before);
        *flag = if letter { u8::MAX } else { 0 };
    }
    processor.gather(&flags)
}

/// The tokens of a stretch whose characters did not fold one by one.
#[cold]
fn split(
    text: &str,
    folder: &Folder<'_>,
    kept: &Kept<'_>,
    start: usize,
    end: usize,
    tokens: &mut Vec<Token>,
) {
    let stretch = std::str::from_utf8(kept.bytes.get(start..end).unwrap_or_default()).unwrap_or_default();
    let mut at = 0;
    while let Some(begin) = stretch
        .get(at..)
        .and_then(|rest| rest.find(is_token_char))
        .map(|n| at + n)
    {
        let rest = stretch.get(begin..).unwrap_or_default();
        at = begin + rest.find(|c| !is_token_char(c)).unwrap_or(rest.len());
        let token = Token {
            broken: is_broken(text, folder, start + begin, start + at),
            ..Token::whole(kept, start + begin, start + at)
        };
        push(kept, tokens, token);
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
