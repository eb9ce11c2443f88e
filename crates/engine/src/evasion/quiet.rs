//! Runs of words with nothing but a space, or a comma and a space, between them: all are cut and asked about together, and
//! those about which there is no more to ask are passed over.
//!
//! Most words of most texts are such. What is asked is what [`super::gate`] and `said` ask first; every word about which an
//! answer is not "no" is loud and asked about by itself. The reads of the filters do not wait for each other here.

use super::filing::pair;
use super::gate::Gate;
use super::letters::Letters;
use super::plain::{Kind, LATIN, Word, X, char_at, cyrillic_class, is_latin};
use super::sound::{MAX_WORDS, Said, Sounds};
use super::span::begins_with_cyrillic;
use crate::dictionary;

/// Words of a run.
const RUN: usize = 32;
/// Words behind one that are looked at with it.
const AHEAD: usize = 2;

#[derive(Clone, Copy, Default)]
struct Token {
    start: usize,
    end: usize,
    letters: Letters,
    raw: u64,
    exes: usize,
    /// What the dictionary has it by; of Latin letters only.
    hash: u64,
    latin: bool,
    /// A sign stands behind it, before the space.
    sign: bool,
}

impl Token {
    /// Reads the letters from the beginning of `rest` on. Returns how many bytes they are.
    #[inline]
    fn read(&mut self, rest: &[u8]) -> usize {
        let (mut letters, mut raw, mut hash, mut exes) = (Letters::NONE, 0, dictionary::START, 0);
        let mut length = 0;
        for &byte in rest {
            if !is_latin(byte) {
                break;
            }
            let letter = byte & 31;
            letters.push(LATIN.get(usize::from(letter)).copied().unwrap_or(0));
            hash = dictionary::add(hash, byte | 0x20);
            raw |= 1 << letter;
            exes += usize::from(letter == X);
            length += 1;
        }
        self.latin = length > 0;
        if length == 0 {
            for two in rest.chunks_exact(2) {
                let Some(class) = (match *two {
                    [lead, next] => cyrillic_class(lead, next),
                    _ => None,
                }) else {
                    break;
                };
                letters.push(class);
                raw |= 1 << (class & 31);
                length += 2;
            }
        }
        (self.letters, self.raw, self.hash, self.exes) = (letters, raw, hash, exes);
        length
    }

    fn bytes<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        text.get(self.start..self.end).unwrap_or_default()
    }

    fn word(&self) -> Word {
        let kind = if self.latin { Kind::Latin } else { Kind::Cyrillic };
        Word::of(self.start, self.end, kind, self.letters, self.raw, self.exes)
    }
}

/// The run looked at last.
#[derive(Default)]
pub(super) struct Run {
    tokens: [Token; RUN],
    /// Of them, those that are whole words, and those that all was asked about.
    cut: usize,
    asked: usize,
    /// Tokens behind those asked about at which the run ends; none when it was cut off.
    last: usize,
    /// Which of them are to be asked about by themselves.
    loud: u64,
    /// Which no dictionary has, and are of Latin letters.
    unknown: u64,
    /// Where it stands.
    next: usize,
}

impl Run {
    /// The word of the run that begins at this byte, if one does, and its number. Asked from the beginning on.
    #[inline]
    pub(super) fn word(&self, start: usize) -> Option<(Word, usize)> {
        let from = self.next;
        (from..(from + AHEAD + 2).min(self.cut))
            .find(|&n| self.tokens.get(n).is_some_and(|t| t.start == start))
            .and_then(|n| Some((self.tokens.get(n)?.word(), n)))
    }

    /// Is the word with this number unknown to the dictionary? Of Latin letters.
    pub(super) fn is_unknown(&self, number: usize) -> bool {
        self.unknown >> number & 1 == 1
    }

    /// From the word at byte `from` on, the first that must be asked about by itself. There must be no
    /// other script behind.
    #[inline]
    pub(super) fn pass(&mut self, gate: &Gate<'_>, sounds: &Sounds<'_>, text: &[u8], from: usize) -> usize {
        while self.next < self.asked && self.tokens.get(self.next).is_some_and(|t| t.start < from) {
            self.next += 1;
        }
        let mut from = from;
        let last = self.tokens.iter().skip(self.asked).take(self.last);
        if self.next >= self.asked && last.map(|t| t.start).any(|start| start == from) {
            return from;
        }
        if self.next >= self.asked || self.tokens.get(self.next).is_none_or(|t| t.start != from) {
            self.cut(gate, text, from);
            self.ask(gate, sounds, text);
        }
        loop {
            let left = self.loud.checked_shr(self.next as u32).unwrap_or(0);
            let quiet = left.trailing_zeros() as usize;
            self.next = (self.next + quiet).min(self.asked);
            if let Some(token) = self.tokens.get(self.next) {
                from = token.start;
            }
            // All of a run that was cut off quiet: the next one begins with what could not be asked.
            if self.next < self.asked || self.last > 0 {
                return from;
            }
            self.cut(gate, text, from);
            self.ask(gate, sounds, text);
        }
    }

    fn cut(&mut self, gate: &Gate<'_>, text: &[u8], from: usize) {
        let mut at = from;
        (self.cut, self.next) = (0, 0);
        let mut goes_on = true;
        for token in &mut self.tokens {
            let rest = text.get(at..).unwrap_or_default();
            let length = token.read(rest);
            (token.start, token.end) = (at, at + length);
            let behind = rest.get(length..).unwrap_or_default();
            let gap = match *behind {
                [b' ', ..] => 1,
                [sign @ (b',' | b'.' | b';' | b':'), b' ', ..] if !gate.is_special(sign) => 2,
                _ => 0,
            };
            token.sign = gap > 1;
            let next = behind.get(gap..).unwrap_or_default();
            let begins = next.first().is_some_and(|&byte| is_latin(byte)) || begins_with_cyrillic(next);
            self.cut += 1;
            goes_on = length > 0 && gap > 0 && begins;
            if !goes_on {
                break;
            }
            at += length + gap;
        }
        // What is not plain may be nothing at all, so that the last word goes on behind it.
        let behind = self
            .cut
            .checked_sub(1)
            .and_then(|n| self.tokens.get(n))
            .map_or(0, |t| t.end);
        let broken = !goes_on && behind < text.len() && char_at(text, behind).is_none();
        self.asked = self.cut.saturating_sub(AHEAD + usize::from(broken));
        self.last = if goes_on { 0 } else { self.cut - self.asked };
        // What stands behind the last one was not looked at, so that it may be part of another word.
        self.cut -= usize::from(!goes_on);
    }

    fn ask(&mut self, gate: &Gate<'_>, sounds: &Sounds<'_>, text: &[u8]) {
        let (mut loud, mut unknown, mut signs) = (0_u64, 0_u64, 0_u64);
        let few = gate.few();
        let count = self.cut + usize::from(self.last > 0);
        for (n, token) in self.tokens.iter().take(count).enumerate() {
            signs |= u64::from(token.sign) << n;
            let known = !token.latin || dictionary::is_known_hash(token.hash);
            unknown |= u64::from(!known) << n;
        }
        let pairs = self.tokens.iter().zip(self.tokens.iter().skip(1));
        for (n, (first, next)) in pairs.take(self.asked).enumerate() {
            let whole = gate.whole.has(first.letters.key());
            let paired = !first.sign && gate.pairs.has(pair(first.letters, next.letters));
            let x = first.exes + next.exes > 0;
            let single = first.raw.count_ones() < 3 && next.raw.count_ones() < 3;
            let short = (first.sign || next.sign)
                && first.raw.count_ones() + next.raw.count_ones() <= 2 * few
                && first.word().fewest() + next.word().fewest() <= few as usize;
            // A phrase may go on letter by letter.
            let apart = !first.sign && next.raw.count_ones() < 3 && gate.begins.has(first.letters.key());
            loud |= u64::from(whole || paired || x || single || short || apart) << n;
        }
        loud |= self.heard(sounds, text, unknown, signs);
        (self.loud, self.unknown) = (loud | 1_u64.checked_shl(self.asked as u32).unwrap_or(0), unknown);
    }

    /// Which words may sound like a term, or phrases that begin with them; they must have a word that no dictionary has.
    fn heard(&self, sounds: &Sounds<'_>, text: &[u8], unknown: u64, signs: u64) -> u64 {
        let longest = sounds.longest().min(MAX_WORDS);
        // Not across signs.
        let within = unknown | unknown >> 1 & !signs | unknown >> 2 & !signs & !(signs >> 1);
        let mut said = [None; RUN];
        let mut said_of = |n: usize| {
            let token = self.tokens.get(n)?;
            let slot = said.get_mut(n)?;
            Some(*slot.get_or_insert_with(|| Said::new(token.bytes(text))))
        };
        let (mut heard, mut left) = (0, within & (1_u64 << self.asked).wrapping_sub(1));
        while left != 0 && longest > 0 {
            let n = left.trailing_zeros() as usize;
            left &= left - 1;
            let Some(token) = self.tokens.get(n) else { break };
            let letters = token.bytes(text);
            if !letters.first().is_some_and(|&letter| sounds.begins_with(letter)) {
                continue;
            }
            let mut may_be =
                unknown >> n & 1 == 1 && sounds.is_long_enough(letters) && sounds.is_heard(letters);
            let mut phrase = match letters {
                [b'k' | b'K', ..] => Some(Said::first(letters)),
                _ => None,
            };
            for words in 2..=longest {
                let last = n + words - 1;
                if may_be || signs >> (last - 1) & 1 == 1 {
                    break;
                }
                let (Some(before), Some(next)) = (phrase.or_else(|| said_of(n)), said_of(last)) else {
                    break;
                };
                let together = before.then(next);
                let some_unknown = unknown >> n & ((1 << words) - 1) != 0;
                may_be = some_unknown && sounds.has_phrase(words, together);
                phrase = Some(together);
            }
            heard |= u64::from(may_be) << n;
        }
        heard
    }
}
