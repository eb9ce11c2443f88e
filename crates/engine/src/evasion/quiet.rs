//! Runs of words with plain signs or nothing but spaces between them: all are cut and asked about together, and those about
//! which there is no more to ask are passed over.
//!
//! Most words of most texts are such. What is asked is what [`super::gate`] and `said` ask first; every word about which an
//! answer is not "no" is loud and asked about by itself. The reads of the filters do not wait for each other here.
//!
//! A run goes on across signs that no reading crosses, and what stands at its end is judged by what it cannot see: of 43 words of a
//! row of 355 bytes, with 1,000 terms, five are asked about by themselves, which were twelve when runs ended at such signs. Keeping what
//! was read of words for later ones, or asking for their letters in any order first, cost more than it saved.

use super::filing::pair;
use super::gate::Gate;
use super::letters::Letters;
use super::plain::{Kind, LATIN, Word, X, cyrillic_class, is_latin};
use super::sound::{MAX_WORDS, Said, Sounds};
use super::span::{Span, begins_with_cyrillic};
use crate::dictionary;

/// Words of a run.
const RUN: usize = 32;
/// Words behind one that are looked at with it.
const AHEAD: usize = 2;
/// Bytes within which another script is looked for.
const NEAR: usize = 512;

#[derive(Clone, Copy, Default)]
struct Token {
    start: usize,
    end: usize,
    letters: Letters,
    /// Its letters, each by itself, as a set.
    raw: u64,
    exes: usize,
    latin: bool,
}

impl Token {
    /// The letters that `text` has from byte `start` on, and whether they are no word of the dictionary's; of Latin letters only.
    #[inline]
    fn read(&mut self, text: &[u8], start: usize) -> bool {
        let rest = text.get(start..).unwrap_or_default();
        let (mut letters, mut raw, mut hash, mut exes) = (Letters::NONE, 0_u64, dictionary::START, 0);
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
        (self.start, self.end) = (start, start + length);
        (self.letters, self.raw, self.exes) = (letters, raw, exes);
        self.latin && !dictionary::is_known_hash(hash)
    }

    fn bytes<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        text.get(self.start..self.end).unwrap_or_default()
    }

    fn word(&self) -> Word {
        let kind = if self.latin { Kind::Latin } else { Kind::Cyrillic };
        Word::of(self.start, self.end, kind, self.letters, self.raw, self.exes)
    }

    /// An ordinary word is read as a phrase without its spaces, or with an apostrophe beside it, or not at all.
    fn is_only_itself(&self, gate: &Gate<'_>, text: &[u8]) -> bool {
        let before = text.get(..self.start).unwrap_or_default();
        let behind = text.get(self.end..).unwrap_or_default();
        !["'", "’"]
            .map(str::as_bytes)
            .iter()
            .any(|sign| before.ends_with(sign) || behind.starts_with(sign))
            && !gate.joined.has(self.letters.key())
            && self.word().is_known(text)
    }
}

/// What stands behind the words of a run, by their numbers as bits.
#[derive(Clone, Copy, Default)]
struct Gaps {
    /// May be read as letters, or joins two words: the word before it is asked about by itself.
    hard: u64,
    /// Behind it the text ends.
    end: u64,
    /// Has signs; begins with one; has spaces on both sides of signs; ends with a parenthesis.
    signs: u64,
    first: u64,
    behind: u64,
    opens: u64,
    /// Only blanks, so that a phrase goes on; the same for what was not looked at.
    joins: u64,
    unseen: u64,
    /// Blanks are in it.
    spaced: u64,
}

/// The run looked at last.
#[derive(Default)]
pub(super) struct Run {
    tokens: [Token; RUN],
    /// Of them, those that are whole words, and those that all was asked about: fewer when there was no place for more.
    cut: usize,
    asked: usize,
    gaps: Gaps,
    /// Which of them are to be asked about by themselves.
    loud: u64,
    /// Which no dictionary has, and are of Latin letters.
    unknown: u64,
    /// Which may be one letter of a term; which are of Latin letters.
    ones: u64,
    latin: u64,
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

    /// From the word at byte `from` on, the first that must be asked about by itself, or behind the last that needs not. `mixed`:
    /// another script, or something that is not plain, comes behind a word.
    #[inline]
    pub(super) fn pass(
        &mut self,
        gate: &Gate<'_>,
        sounds: &Sounds<'_>,
        text: &[u8],
        from: usize,
        mut mixed: impl FnMut(usize) -> bool,
    ) -> usize {
        while self.next < self.asked && self.tokens.get(self.next).is_some_and(|t| t.start < from) {
            self.next += 1;
        }
        let mut from = from;
        if self.next >= self.asked || self.tokens.get(self.next).is_none_or(|t| t.start != from) {
            self.cut(gate, sounds, text, from);
            self.ask(gate, sounds, text, mixed(from));
        }
        loop {
            let left = self.loud.checked_shr(self.next as u32).unwrap_or(0);
            self.next += left.trailing_zeros() as usize;
            if self.next < self.asked {
                return self.tokens.get(self.next).map_or(from, |token| token.start);
            }
            self.next = self.asked;
            let Some(last) = self.asked.checked_sub(1).and_then(|n| self.tokens.get(n)) else {
                return from;
            };
            if self.asked == self.cut {
                return last.end;
            }
            from = self.tokens.get(self.asked).map_or(last.end, |token| token.start);
            self.cut(gate, sounds, text, from);
            self.ask(gate, sounds, text, mixed(from));
        }
    }

    fn cut(&mut self, gate: &Gate<'_>, sounds: &Sounds<'_>, text: &[u8], from: usize) {
        let mut at = from;
        let (mut cut, mut gaps) = (0, Gaps::default());
        let (mut ones, mut latin, mut unknown) = (0_u64, 0_u64, 0_u64);
        let mut full = true;
        for (n, token) in self.tokens.iter_mut().enumerate() {
            let is_unknown = token.read(text, at);
            let (length, end) = (token.end - at, token.end);
            let bit = 1_u64 << n;
            let on = |flag: bool| if flag { bit } else { 0 };
            at = match text.get(end..).unwrap_or_default() {
                [b' ', next @ ..] if length > 0 && begins_with_a_letter(next) => {
                    gaps.joins |= bit;
                    gaps.spaced |= bit;
                    end + 1
                }
                _ => {
                    let span = Span::behind(text, end);
                    let ends = span.to == text.len();
                    if length == 0 || span.to == end && !ends {
                        // No whole word of one script.
                        full = false;
                        break;
                    }
                    let hard = span.odd
                        || span.exclaims
                        || span.has_any(gate.special())
                        || !ends && !span.spaced()
                        || gate.has_signs(&span)
                        || token.latin && span.first_is_sign() && sounds.is_heard_as_letters(text, end);
                    gaps.hard |= on(hard);
                    gaps.end |= on(ends);
                    gaps.signs |= on(span.signs());
                    gaps.first |= on(span.first_is_sign());
                    gaps.behind |= on(span.spaces_behind_signs);
                    gaps.opens |= on(span.opens);
                    gaps.joins |= on(span.joins() && span.spaced());
                    gaps.unseen |= on(span.joins() && !span.spaced() || span.strange);
                    gaps.spaced |= on(span.spaced());
                    span.to
                }
            };
            ones |= on(token.raw.count_ones() < 3 && token.word().may_be_one());
            latin |= on(token.latin);
            unknown |= on(is_unknown);
            cut += 1;
            if gaps.spaced & !gaps.signs & bit == 0
                && !begins_with_a_letter(text.get(at..).unwrap_or_default())
            {
                full = false;
                break;
            }
        }
        self.asked = if full { cut - AHEAD } else { cut };
        // Behind the last one stands what was not looked at: it may be one letter, and go on in any way.
        let beyond = 1_u64.checked_shl(cut as u32).unwrap_or(0);
        gaps.hard |= beyond;
        gaps.joins &= !gaps.end;
        gaps.unseen = (gaps.unseen | beyond >> 1 & gaps.joins) & !gaps.end;
        (self.cut, self.next) = (cut, 0);
        (self.gaps, self.ones, self.latin, self.unknown) = (gaps, ones | beyond, latin, unknown);
    }

    fn ask(&mut self, gate: &Gate<'_>, sounds: &Sounds<'_>, text: &[u8], mixed: bool) {
        let Gaps {
            hard,
            end,
            signs,
            first,
            behind,
            opens,
            ..
        } = self.gaps;
        let few = gate.few();
        let (mut whole, mut pairs, mut begins, mut exes) = (0_u64, 0_u64, 0_u64, 0_u64);
        for (n, token) in self.tokens.iter().take(self.cut).enumerate() {
            let key = token.letters.key();
            whole |= u64::from(gate.whole.has(key)) << n;
            begins |= u64::from(gate.begins.has(key)) << n;
            exes |= u64::from(token.exes > 0) << n;
        }
        let mut left = whole;
        while left != 0 {
            let n = left.trailing_zeros() as usize;
            left &= left - 1;
            if self
                .tokens
                .get(n)
                .is_some_and(|token| token.is_only_itself(gate, text))
            {
                whole &= !(1 << n);
            }
        }
        let mut left = begins;
        while left != 0 {
            let n = left.trailing_zeros() as usize;
            left &= left - 1;
            let two = self.tokens.get(n).zip(self.tokens.get(n + 1));
            let paired = two.is_none_or(|(word, next)| gate.pairs.has(pair(word.letters, next.letters)));
            pairs |= u64::from(paired) << n;
        }
        let singles = self.ones >> 1 & (self.ones >> 2 | hard >> 1);
        let mut short = 0_u64;
        let mut left = (signs | signs >> 1) & !(hard | end);
        while left != 0 {
            let n = left.trailing_zeros() as usize;
            left &= left - 1;
            let fewest = |n: usize| {
                let token = self.tokens.get(n).filter(|_| n < self.cut);
                token.map_or(1, |token| token.word().fewest() as u32)
            };
            short |= u64::from(fewest(n) + fewest(n + 1) <= few) << n;
        }
        let goes_on = pairs | opens | singles | hard >> 1 | exes >> 1;
        let read = short | !first & (self.ones & singles | begins & !behind & goes_on);
        let mut loud = whole | hard | exes | !end & read;
        loud |= self.heard(sounds, text) | if mixed { self.near(gate) } else { 0 };
        self.loud = loud;
    }

    /// Which words may have another script, or something that is not plain, within the words of a phrase that begins with them.
    fn near(&self, gate: &Gate<'_>) -> u64 {
        let last = 1_u64.checked_shl(self.cut as u32).unwrap_or(0) >> 1;
        let mut changes = (self.latin ^ self.latin >> 1 | !self.gaps.spaced | last) & !self.gaps.end;
        let mut near = 0;
        let most = gate.most().min(RUN);
        for _ in 0..most {
            near |= changes;
            changes >>= 1;
        }
        let words = self.tokens.get(..self.cut).unwrap_or_default();
        for (n, (word, further)) in words.iter().zip(words.iter().skip(most)).enumerate() {
            near |= u64::from(further.start > word.end + NEAR) << n;
        }
        near
    }

    /// Which words may sound like a term, or phrases that begin with them; they must have a word that no dictionary has.
    fn heard(&self, sounds: &Sounds<'_>, text: &[u8]) -> u64 {
        let longest = sounds.longest().min(MAX_WORDS);
        let Gaps { joins, unseen, .. } = self.gaps;
        let unknown = self.unknown;
        // Not across signs. What was not looked at may be unknown, and a phrase.
        let doubtful = if longest > 1 { unseen } else { 0 };
        let further = if longest > 2 { unseen >> 1 & joins } else { 0 };
        let within = self.latin
            & (unknown
                | (unknown >> 1 | doubtful) & joins
                | unknown >> 2 & joins & joins >> 1
                | doubtful
                | further);
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
            let mut may_be = (doubtful | further) >> n & 1 == 1
                || unknown >> n & 1 == 1 && sounds.is_long_enough(letters) && sounds.is_heard(letters);
            let mut phrase = match letters {
                [b'k' | b'K', ..] => Some(Said::first(letters)),
                _ => None,
            };
            for words in 2..=longest {
                let last = n + words - 1;
                if may_be || joins >> (last - 1) & 1 == 0 || self.latin >> last & 1 == 0 {
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

/// A letter of ASCII, or one from А to я.
#[inline]
fn begins_with_a_letter(text: &[u8]) -> bool {
    text.first().is_some_and(|&byte| is_latin(byte)) || begins_with_cyrillic(text)
}
