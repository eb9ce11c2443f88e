//! Words written by their sound: `fukker`, `biotch`, `fckn`, `phuk`, `dix` for a listed word.
//!
//! Letters of the word and of the term are cut into consonants and the gaps between them. Consonants that sound alike
//! are one class, so the classes of a term in their order are a key, and a word of a text is looked up by its own.
//! Then term and word differ only in how a consonant is spelled and in the vowels of a gap; each difference has its
//! cost. The classes are those of Soundex and Metaphone (Russell 1918, Philips 1990), made finer: what is not heard
//! as the same consonant is another one. A word that a dictionary knows is never taken for another.
//!
//! For words of Latin letters, in whole words only: what stands inside words is left to the walk.

use super::table::{is_mask, leet};
use super::units::{Unit, Units};
use super::{Candidate, Steps, budget};
use crate::dictionary;
use std::collections::TryReserveError;

/// Letters of a word; longer ones are not looked at.
const MAX_LETTERS: usize = 24;
/// Fewest letters of a term that can be meant by its sound, and of a word whose vowels were changed.
const MIN_LETTERS: usize = 4;
const MIN_CHANGED: usize = 5;
/// Fewest letters and consonants of a word in which ordinary letters stand for others.
const MIN_WEAK: usize = 6;
const MIN_WEAK_SOUNDS: usize = 3;
/// Fewest consonants of a word another vowel is read in, and letters of one where two are.
const MIN_SOUNDS: usize = 4;
const MIN_LETTERS_FOR_TWO: usize = 9;
/// Most words of a phrase.
const MAX_WORDS: usize = 3;

/// Differences and what they cost; see the table in module `evasion`.
const SPELLED: f32 = 0.4;
const DOUBLED: f32 = 0.3;
const HISSED: f32 = 0.5;
const ENDING: f32 = 0.3;
const CHANGED: f32 = 0.6;
const PARTLY: f32 = 0.5;
const LEFT_OUT: f32 = 0.6;
const LEFT_OUT_MORE: f32 = 0.3;
const PUT_IN: f32 = 1.0;
const LEET: f32 = 0.35;
const HIDDEN: f32 = 0.5;
/// What a word known by its sound falls short of a word of its length spelled with other signs.
const RESERVE: f32 = 0.4;

/// Letters, in several ways to write them.
type Spellings = &'static [&'static [u8]];

/// Endings of a term, and what they may be written as; an s behind them or not.
const ENDINGS: [(Spellings, Spellings); 4] = [
    (
        &[b"er", b"or", b"ar", b"ur"],
        &[b"r", b"er", b"or", b"ur", b"a", b"ah", b"uh", b"eh"],
    ),
    (&[b"a", b"ah"], &[b"a", b"ah", b"uh"]),
    (&[b"y", b"ie", b"ey"], &[b"y", b"ie", b"ey", b"i", b"ee"]),
    (&[b"oy"], &[b"oi"]),
];

/// Voiced consonants told apart from their partners by little: "nugget" and "nucket".
const CONFUSED: [(u8, u8); 2] = [(b'G', b'K'), (b'D', b'T')];

/// A consonant as heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sound {
    class: u8,
    /// Where it is spelled, and where the gap behind it ends.
    from: u8,
    to: u8,
    gap_to: u8,
}

/// A word cut into sounds.
#[derive(Clone, Debug, Default)]
struct Heard {
    letters: [u8; MAX_LETTERS],
    len: usize,
    /// Where the gap before the first consonant ends.
    first: u8,
    sounds: [Sound; MAX_LETTERS + 1],
    count: usize,
}

fn is_vowel(letter: u8) -> bool {
    matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u' | b'y' | b'*')
}

impl Heard {
    fn new(word: impl Iterator<Item = u8>) -> Option<Self> {
        let mut out = Self::default();
        for letter in word {
            *out.letters.get_mut(out.len)? = letter;
            out.len += 1;
        }
        out.cut();
        Some(out)
    }

    fn letters(&self, from: u8, to: u8) -> &[u8] {
        self.letters
            .get(usize::from(from)..usize::from(to))
            .unwrap_or(&[])
    }

    fn at(&self, place: usize) -> u8 {
        if place < self.len {
            self.letters.get(place).copied().unwrap_or(0)
        } else {
            0
        }
    }

    fn cut(&mut self) {
        let mut at = 0;
        while at < self.len {
            let (class, length) = self.sound(at);
            if class == 0 {
                at += 1;
                continue;
            }
            if self.count == 0 {
                self.first = at as u8;
            } else if let Some(last) = self.sounds.get_mut(self.count - 1) {
                last.gap_to = at as u8;
            }
            let (from, to) = (at as u8, (at + length) as u8);
            let classes = if class == b'X' && length == 1 {
                &b"KS"[..]
            } else {
                &[class]
            };
            for &class in classes {
                let class = CONFUSED.iter().find(|c| c.0 == class).map_or(class, |c| c.1);
                if let Some(sound) = self.sounds.get_mut(self.count) {
                    *sound = Sound {
                        class,
                        from,
                        to,
                        gap_to: to,
                    };
                    self.count += 1;
                }
            }
            at += length;
        }
        match self
            .count
            .checked_sub(1)
            .and_then(|last| self.sounds.get_mut(last))
        {
            Some(last) => last.gap_to = self.len as u8,
            None => self.first = self.len as u8,
        }
    }

    /// The class of the consonant at a place, and how many letters spell it; class 0 for what belongs to a gap.
    fn sound(&self, at: usize) -> (u8, usize) {
        let (c, next) = (self.at(at), self.at(at + 1));
        let run = |of: &[u8]| (at..self.len).take_while(|&n| of.contains(&self.at(n))).count();
        match c {
            b'p' if next == b'h' => (b'F', 2),
            b'k' if at == 0 && next == b'n' => (b'N', 2),
            b'f' => (b'F', run(b"f")),
            b't' if next == b'c' && self.at(at + 2) == b'h' => (b'C', 3),
            b's' if next == b'c' && self.at(at + 2) == b'h' => (b'C', 3),
            b'c' | b's' if next == b'h' => (b'C', 2),
            b't' if next == b'h' => (b'T', 2),
            b'x' if next != b'x' => (b'X', 1),
            b'q' if next == b'u' => (b'K', 2),
            b'c' | b'k' | b'q' => (b'K', run(b"ck").max(1)),
            b's' | b'z' => (b'S', run(b"sz")),
            b'h' if at == 0 => (b'H', 1),
            b'w' if at == 0 => (b'W', if next == b'h' { 2 } else { 1 }),
            b'y' if at == 0 && is_vowel(next) => (b'Y', 1),
            // Not heard before the end of a word: "-er" is "-a".
            b'r' if at > 0 && self.ends_behind(at + run(b"r")) => (0, 1),
            b'h' if is_vowel(next) => (b'H', 1),
            // Drawn into the vowel before: "aw", "ow".
            b'w' if !is_vowel(next) => (0, 1),
            b'h' => (0, 1),
            b'n' if next == b'g'
                && matches!(self.at(at - at.min(1)), b'i' | b'y')
                && self.ends_behind(at + 2) =>
            {
                (b'N', 2)
            }
            b'b'..=b'z' if !is_vowel(c) => (c - b'a' + b'A', run(&[c])),
            _ => (0, 1),
        }
    }

    fn has(&self, letter: u8) -> bool {
        self.letters(0, self.len as u8).contains(&letter)
    }

    /// Has it a vowel before its last consonant?
    fn has_vowels(&self) -> bool {
        let last = self.count.checked_sub(1).and_then(|n| self.sounds.get(n));
        let inner = self.letters(0, last.map_or(0, |s| s.from));
        inner.iter().any(|&l| is_vowel(l))
    }

    /// Does the word end in an r that is not heard?
    fn drops_r(&self) -> bool {
        let letters = self.letters(0, self.len as u8);
        let singular = letters
            .strip_suffix(b"s")
            .or(letters.strip_suffix(b"z"))
            .unwrap_or(letters);
        singular.ends_with(b"r")
    }

    /// Nothing but a plural comes behind this place.
    fn ends_behind(&self, at: usize) -> bool {
        at >= self.len || at + 1 == self.len && matches!(self.at(at), b's' | b'z')
    }

    /// The classes in their order, and the gap before them.
    fn key(&self) -> u64 {
        let classes = self.sounds.iter().take(self.count).map(|s| s.class);
        let mut h: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in self.letters(0, self.first).iter().copied().chain(classes) {
            h = (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        h ^ (h >> 32)
    }
}

/// A spelling that says by itself that somebody played with it.
fn is_odd(spelled: &[u8]) -> bool {
    matches!(spelled, b"ph" | b"kk" | b"x" | b"q" | b"z" | b"zz")
        || spelled.len() > 2 && !matches!(spelled, b"tch" | b"sch")
}

/// Without letters that are repeated.
fn once(letters: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let repeated = |n: usize| n > 0 && letters.get(n - 1) == letters.get(n);
    (0..letters.len())
        .filter(move |&n| !repeated(n))
        .filter_map(|n| letters.get(n).copied())
}

/// What the differences between a term and a word add up to.
#[derive(Default)]
struct Sum {
    cost: f32,
    changed: usize,
    /// Of them, vowels with nothing in common.
    replaced: usize,
    left_out: usize,
    voiced: usize,
    /// Consonants spelled as no ordinary word spells them.
    odd: usize,
    endings: usize,
    /// It is another word.
    another: bool,
    /// Differences that are a way to spell, and no more: one of them is no evasion.
    spelling: usize,
    other: usize,
    hidden: usize,
}

impl Sum {
    fn consonant(&mut self, class: u8, term: &[u8], word: &[u8]) {
        if term == word {
            return;
        }
        if once(term).eq(once(word)) {
            self.cost += DOUBLED;
            self.spelling += 1;
            return;
        }
        self.other += 1;
        self.odd += usize::from(is_odd(word) && !is_odd(term));
        let voiced = |letters: &[u8]| letters.iter().any(|l| matches!(l, b'g' | b'd'));
        if voiced(term) != voiced(word) {
            // Only where the spelling of the term says that the consonant is a strong one.
            self.voiced += 1;
            self.another |= term.len() < 2;
            self.cost += CHANGED;
            return;
        }
        self.cost += match class {
            b'S' if !term.contains(&b'x') && !word.contains(&b'x') => ENDING,
            b'C' => HISSED,
            b'T' => CHANGED,
            _ => SPELLED,
        };
    }

    /// `None`: the word is another one.
    fn gap(&mut self, term: &[u8], word: &[u8], last: bool) -> Option<()> {
        if term == word {
            return Some(());
        }
        if once(term).eq(once(word)) {
            self.cost += DOUBLED;
            self.spelling += 1;
            return Some(());
        }
        if word.contains(&b'*') {
            self.hidden += 1;
            self.cost += HIDDEN;
            return (term.len() == word.len()).then_some(());
        }
        let ending = || {
            ENDINGS
                .iter()
                .any(|(of, may)| of.contains(&term) && may.contains(&word))
        };
        if last && ending() {
            self.endings += 1;
            self.cost += ENDING;
            self.other += 1;
            return Some(());
        }
        if [term, word]
            .iter()
            .all(|gap| matches!(gap, [b'i' | b'y'] | [b'i', b'e'] | [b'e', b'y']))
        {
            self.cost += ENDING;
            self.other += 1;
            return Some(());
        }
        if last {
            // Another ending is another word; a mute e is not heard.
            self.cost += ENDING;
            self.spelling += 1;
            return matches!((term, word), (b"", b"e") | (b"e", b"")).then_some(());
        }
        if term.len().abs_diff(word.len()) > 1 + usize::from(term.is_empty()) {
            return None;
        }
        if word.is_empty() {
            self.cost += if self.left_out == 0 {
                LEFT_OUT
            } else {
                LEFT_OUT_MORE
            };
            self.left_out += 1;
        } else if term.is_empty() {
            self.cost += PUT_IN;
            self.changed += 1;
        } else {
            let partly = word.iter().any(|l| term.contains(l));
            // One vowel for another; more than that is another word.
            self.another |= !partly && term.len() != word.len();
            self.cost += if partly { PARTLY } else { CHANGED };
            self.replaced += usize::from(!partly);
            self.changed += 1;
        }
        Some(())
    }
}

/// A term by its sound.
#[derive(Debug)]
struct Word {
    letters: Box<[u8]>,
    /// Words of the phrase.
    words: usize,
    /// Which term of the walk's list it is.
    term: usize,
    /// Only made of an item's term, not listed.
    form: bool,
}

/// The terms that can be written by their sound.
#[derive(Default)]
pub(super) struct Sounds {
    words: Vec<Word>,
    /// Key and word, sorted.
    keys: Vec<(u64, u32)>,
    /// Which keys there may be, by their lowest bits.
    some: Vec<u64>,
    longest: usize,
    /// Letters that a word may begin with, as bits.
    begins: u32,
}

/// Letters that may be heard as the same at the beginning of a word. A word that begins with one of a group is looked at
/// when a term begins with another.
const BEGINNINGS: [&str; 6] = ["kcqgx", "fp", "cst", "szx", "td", "nk"];

const SOME_BITS: u64 = 1 << 14;

impl Sounds {
    /// Adds a term (folded) unless it cannot be meant by its sound.
    pub(super) fn add(&mut self, term: usize, text: &[char], form: bool) -> Result<(), TryReserveError> {
        let words = text
            .split(|c| matches!(c, ' ' | '-'))
            .filter(|w| !w.is_empty())
            .count();
        let single = text.split(|c| matches!(c, ' ' | '-')).any(|w| w.len() == 1);
        let letters = || text.iter().filter(|c| !matches!(c, ' ' | '-'));
        let count = letters().count();
        if words > MAX_WORDS
            || single
            || !(MIN_LETTERS..=MAX_LETTERS).contains(&count)
            || !letters().all(char::is_ascii_lowercase)
        {
            return Ok(());
        }
        let Some(heard) = Heard::new(letters().map(|&c| c as u8)) else {
            return Ok(());
        };
        if heard.count < 2 {
            return Ok(());
        }
        let number = self.words.len() as u32;
        let mut spelled = Vec::new();
        spelled.try_reserve_exact(count)?;
        spelled.extend(letters().map(|&c| c as u8));
        self.words.try_reserve(1)?;
        self.words.push(Word {
            letters: spelled.into_boxed_slice(),
            words,
            term,
            form,
        });
        self.keys.try_reserve(1)?;
        self.keys.push((heard.key(), number));
        self.longest = self.longest.max(words);
        if let Some(&first) = text.first() {
            let same = BEGINNINGS
                .iter()
                .filter(|g| g.contains(first))
                .flat_map(|g| g.chars());
            self.begins |= same
                .chain([first])
                .fold(0, |bits, letter| bits | letter_bit(letter));
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<(), TryReserveError> {
        self.keys.sort_unstable();
        self.some.try_reserve_exact((SOME_BITS / 64) as usize)?;
        self.some.resize((SOME_BITS / 64) as usize, 0);
        for (key, _) in &self.keys {
            let bit = key % SOME_BITS;
            if let Some(word) = self.some.get_mut((bit / 64) as usize) {
                *word |= 1 << (bit % 64);
            }
        }
        Ok(())
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let letters: usize = self.words.iter().map(|w| w.letters.len()).sum();
        letters + self.words.len() * (size_of::<Word>() + 16) + self.some.len() * 8
    }

    /// The words whose key this is.
    fn with_key(&self, key: u64) -> &[(u64, u32)] {
        let bit = key % SOME_BITS;
        if self
            .some
            .get((bit / 64) as usize)
            .is_none_or(|w| w & (1 << (bit % 64)) == 0)
        {
            return &[];
        }
        let from = self.keys.partition_point(|k| k.0 < key);
        let same = self.keys.get(from..).unwrap_or(&[]);
        let count = same.iter().take_while(|k| k.0 == key).count();
        same.get(..count).unwrap_or(&[])
    }

    /// May a word that begins with this unit sound like a term?
    pub(super) fn may_begin(&self, unit: &Unit) -> bool {
        if self.keys.is_empty() {
            return false;
        }
        match unit.is_letter() {
            true => self.begins & letter_bit(unit.base) != 0,
            false => letter_of(*unit).is_some(),
        }
    }

    /// Terms that the word at unit `from`, or a phrase that begins with it, sounds like.
    pub(super) fn hear(&self, units: &mut Units<'_>, from: usize, out: &mut Vec<Candidate>) {
        if self.keys.is_empty() {
            return;
        }
        let may_begin = |u: Unit| !u.is_letter() || self.begins & letter_bit(u.base) != 0;
        if !units.get(from).is_some_and(may_begin) {
            return;
        }
        let mut spoken = Spoken::default();
        let mut at = from;
        for words in 1..=self.longest {
            let Some(end) = spoken.word(units, at) else { return };
            if spoken.heard.count >= 2 {
                for &(_, number) in self.with_key(spoken.heard.key()) {
                    let word = self
                        .words
                        .get(number as usize)
                        .filter(|w| w.words == words || words == 1);
                    if let Some(word) = word {
                        self.compare(units, (from, end), word, words, &spoken, out);
                    }
                }
            }
            let gap = units.get(end).filter(|u| matches!(u.raw, ' ' | '-'));
            if gap.is_none() {
                return;
            }
            at = end + 1;
        }
    }

    fn compare(
        &self,
        units: &mut Units<'_>,
        (from, to): (usize, usize),
        word: &Word,
        words: usize,
        spoken: &Spoken,
        out: &mut Vec<Candidate>,
    ) {
        let heard = &spoken.heard;
        let Some(term) = Heard::new(word.letters.iter().copied()) else {
            return;
        };
        let same = |n: usize| term.sounds.get(n).map(|s| s.class) == heard.sounds.get(n).map(|s| s.class);
        if term.count != heard.count || !(0..term.count).all(same) {
            return;
        }
        if term.letters(0, term.first) != heard.letters(0, heard.first) {
            return;
        }
        let mut sum = Sum::default();
        for (n, (a, b)) in term.sounds.iter().zip(&heard.sounds).take(term.count).enumerate() {
            let (spelled, written) = (term.letters(a.from, a.to), heard.letters(b.from, b.to));
            // An x is two sounds and is compared once.
            let as_before = |of: &Heard, sound: &Sound| {
                let before = n.checked_sub(1).and_then(|n| of.sounds.get(n));
                before.is_some_and(|p| p.from == sound.from)
            };
            let second = as_before(&term, a) || as_before(heard, b);
            if !second {
                sum.consonant(a.class, spelled, written);
            }
            let plural = |h: &Heard| h.ends_behind(usize::from(h.sounds.get(n).map_or(0, |s| s.gap_to)));
            let last = plural(&term) && plural(heard);
            if sum
                .gap(term.letters(a.to, a.gap_to), heard.letters(b.to, b.gap_to), last)
                .is_none()
            {
                return;
            }
        }
        let letters = word.letters.len().min(heard.len + sum.left_out);
        let mut cost = sum.cost + spoken.leet as f32 * LEET;
        let mut steps = Steps::NONE;
        if sum.other + sum.spelling > 0 {
            steps = steps.with(Steps::SOUND);
        }
        if spoken.leet > 0 {
            steps = steps.with(Steps::LEET);
        }
        if sum.hidden > 0 {
            steps = steps.with(Steps::HIDDEN);
        }
        if sum.changed + sum.left_out > 0 {
            steps = steps.with(Steps::VOWELS);
        }
        let mut joined = 0;
        if words < word.words {
            steps = steps.with(Steps::SEPARATED);
            joined = 1;
            cost += 0.5;
        }
        // One doubled letter or mute e is spelling; what is not respelled at all is found by the walk.
        let vowels = sum.changed + sum.left_out;
        let respelled = sum.other + vowels;
        if sum.another || respelled == 0 && sum.spelling + joined < 2 || cost > budget(letters) - RESERVE {
            return;
        }
        let differences = respelled + sum.spelling + spoken.leet + sum.hidden;
        let sounds = heard.count + usize::from(heard.drops_r() || term.drops_r());
        let both = heard.len.min(word.letters.len());
        let refused = [
            heard.len < MIN_LETTERS,
            // A short word bears one difference.
            both < MIN_CHANGED && (differences > 1 || sum.changed > 0 || heard.has(b'x')),
            // Ordinary spellings of other vowels and consonants make other words: not in long ones.
            sum.odd + sum.left_out + spoken.leet + sum.hidden == 0
                && (both < MIN_WEAK || sounds < MIN_WEAK_SOUNDS || spoken.name || differences > 1 + both / 9),
            sum.left_out > 1 && (word.form || both < MIN_LETTERS_FOR_TWO && heard.has_vowels()),
            sum.left_out > 0 && sounds < MIN_WEAK_SOUNDS && differences > 1,
            sum.changed > 0 && (spoken.name || word.form),
            sum.replaced > 0 && (sounds < MIN_SOUNDS || differences > 1 + both / 9),
            sum.changed > 1 + both / MIN_LETTERS_FOR_TWO,
            sum.voiced > 0 && (spoken.name || vowels > 0 || both < MIN_CHANGED),
            // Neither its ending nor its voice says that a form is meant.
            word.form && sum.voiced + sum.endings > 0,
            // Words beside each other are more often two words than a phrase.
            words > 1 && (vowels > 0 || differences > 1),
        ];
        if refused.contains(&true) {
            return;
        }
        if sum.hidden == 0 && spoken.known(words) {
            return;
        }
        let (Some(first), Some(last)) = (units.get(from), units.get(to - 1)) else {
            return;
        };
        out.push(Candidate {
            term: word.term,
            start: first.start,
            end: last.end,
            cost,
            steps,
            starts_word: true,
            ends_word: true,
        });
    }
}

/// A small Latin letter as a bit; none for others.
fn letter_bit(letter: char) -> u32 {
    match letter {
        'a'..='z' => 1 << (letter as u32 - 'a' as u32),
        _ => 0,
    }
}

/// Words of a text in their letters: signs that stand for letters are read, others hide one.
#[derive(Default)]
struct Spoken {
    letters: [u8; MAX_LETTERS],
    len: usize,
    /// Where the words end.
    ends: [usize; MAX_WORDS],
    words: usize,
    leet: usize,
    /// A capital letter and small ones: most likely somebody's name, which no dictionary has.
    name: bool,
    heard: Heard,
}

impl Spoken {
    /// Reads one more word from unit `at` on, and returns where it ends.
    fn word(&mut self, units: &mut Units<'_>, at: usize) -> Option<usize> {
        let mut end = at;
        // What has been read up to the last letter: a sign behind it is punctuation.
        let mut kept = None;
        let (mut plain, mut capitals) = (0, 0);
        let capital = units.get(at).is_some_and(|u| u.raw.is_uppercase());
        let (mut len, mut leets) = (self.len, self.leet);
        while let Some(unit) = units.get(end) {
            let Some((letter, is_leet)) = letter_of(unit) else {
                break;
            };
            *self.letters.get_mut(len)? = letter;
            len += 1;
            leets += usize::from(is_leet);
            end += 1;
            if unit.is_letter() {
                capitals += usize::from(unit.raw.is_uppercase());
                plain += 1;
            }
            if unit.is_letter() || unit.raw.is_ascii_digit() || matches!(unit.raw, '$' | '@') {
                kept = Some((end, len, leets));
            }
        }
        let (end, len, leets) = kept?;
        let inside = units
            .get(end)
            .is_some_and(|u| u.is_letter() || u.raw.is_alphanumeric() || u.raw == '_');
        if plain < 2 || inside {
            return None;
        }
        (self.len, self.leet) = (len, leets);
        self.name |= capital && capitals == 1;
        *self.ends.get_mut(self.words)? = len;
        self.words += 1;
        self.heard = Heard::new(self.letters.iter().take(len).copied())?;
        Some(end)
    }

    /// Every word of these is an ordinary one.
    fn known(&self, words: usize) -> bool {
        let mut from = 0;
        self.ends.iter().take(words).all(|&to| {
            let word = self
                .letters
                .get(from..to)
                .and_then(|w| std::str::from_utf8(w).ok());
            from = to;
            word.is_none_or(|w| {
                dictionary::is_known(w) || w.ends_with("in") && dictionary::is_known(&format!("{w}g"))
            })
        })
    }
}

/// The letter that a unit is heard as, and whether a digit or symbol was read so; `*` hides a vowel.
fn letter_of(unit: Unit) -> Option<(u8, bool)> {
    // Marks are a language's spelling; letters in other shapes are the walk's.
    if unit.raw.is_ascii_alphabetic() {
        return Some((unit.base as u8, false));
    }
    if unit.is_letter() {
        return None;
    }
    let letter = leet(unit.base).find(char::is_ascii_lowercase);
    match letter {
        _ if matches!(unit.raw, '(' | '<' | '|' | '×' | 'µ') => None,
        // A 1 between consonants is a vowel; either way the likeliest.
        Some('o') => Some((b'o', true)),
        Some(letter) => Some((letter as u8, true)),
        None if is_mask(unit.raw) => Some((b'*', false)),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::matcher::tests::{find, term};
    use crate::{Level, MatchMode};

    #[track_caller]
    fn heard(of: &str, words: &str, yes: bool) {
        for word in words.split(' ') {
            let text = format!("a {word}, b");
            let hits = find(&[term(1, of, MatchMode::Word, Level::Evasion)], &text);
            assert_eq!(!hits.is_empty(), yes, "{of} in {word}: {hits:?}");
            if yes {
                assert_eq!(&text[hits[0].bytes.clone()], word);
            }
        }
    }

    #[test]
    fn words_are_heard() {
        heard("pharmacy", "farmacy pharmacie pharmecy phrmcy f@rmacy", true);
        heard("casino", "kasino cazino kazzino csino", true);
        heard("dealers", "dealerz dealahz", true);
        heard("cracker", "krakker crakka crackr", true);
        heard("docker", "dokka", true);
        heard("paddocks", "paddox", true);
        heard("betting", "bettin", false);
        heard("gambling", "gamblin", false);
        heard("gambling", "gamblinn", true);
        heard("gambling", "gumbling gamblyng", true);
    }

    #[test]
    fn words_of_a_language_are_themselves() {
        heard("bitcher", "butcher", false);
        heard("casino", "cousin cosine casein", false);
        heard("beach", "batch botch", false);
        heard("dike", "dicke dieke", false);
        heard("seaman", "samman Siman", false);
        heard("knob", "nab nib", false);
        heard("casino", "Cassini casin kasin", false);
        heard("latter", "later", false);
        heard("niggle", "Nigel", false);
    }
}
