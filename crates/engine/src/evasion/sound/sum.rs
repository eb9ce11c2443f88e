//! What the differences between a term and a word that sound alike add up to.

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
pub(super) const LEET: f32 = 0.35;
const HIDDEN: f32 = 0.5;
/// What a word known by its sound falls short of a word of its length spelled with other signs.
pub(super) const RESERVE: f32 = 0.4;

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

/// Vowels heard alike that have no letter in common.
const ALIKE: [Spellings; 4] = [
    &[b"o", b"aw", b"au"],
    &[b"i", b"ee", b"ea"],
    &[b"u", b"oo", b"ew"],
    &[b"y", b"ei", b"igh"],
];

fn are_alike(a: &[u8], b: &[u8]) -> bool {
    ALIKE.iter().any(|group| group.contains(&a) && group.contains(&b))
}

/// A spelling that says by itself that somebody played with it.
fn is_odd(spelled: &[u8]) -> bool {
    matches!(
        spelled,
        b"ph" | b"kk" | b"x" | b"cx" | b"kx" | b"q" | b"z" | b"zz"
    ) || spelled.len() > 2 && !matches!(spelled, b"tch" | b"sch")
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
pub(super) struct Sum {
    pub(super) cost: f32,
    pub(super) changed: usize,
    /// Of them, vowels with nothing in common.
    pub(super) replaced: usize,
    /// Of them, vowels put beside the term's own.
    pub(super) beside: usize,
    pub(super) left_out: usize,
    pub(super) voiced: usize,
    /// Consonants spelled as no ordinary word spells them.
    pub(super) odd: usize,
    pub(super) endings: usize,
    /// Consonants spelled in one of two usual ways: ch and tch.
    pub(super) alike: usize,
    /// It is another word.
    pub(super) another: bool,
    /// Differences that are a way to spell, and no more: one of them is no evasion.
    pub(super) spelling: usize,
    pub(super) other: usize,
    pub(super) hidden: usize,
}

impl Sum {
    pub(super) fn consonant(&mut self, class: u8, term: &[u8], word: &[u8]) {
        if term == word {
            return;
        }
        if once(term).eq(once(word)) {
            self.cost += DOUBLED;
            self.spelling += 1;
            return;
        }
        // "seqs" is no "sex".
        self.another |= term.contains(&b'x') && word == b"q";
        self.other += 1;
        self.odd += usize::from(is_odd(word) && !is_odd(term));
        let voiced = |letters: &[u8]| letters.iter().any(|l| matches!(l, b'g' | b'd'));
        // The g of "ng" is no sound of its own.
        if class != b'N' && voiced(term) != voiced(word) {
            // Only where the spelling of the term says that the consonant is a strong one.
            self.voiced += 1;
            self.another |= term.len() < 2;
            self.cost += CHANGED;
            return;
        }
        let tch = |a: &[u8], b: &[u8]| a == b"tch" && b == b"ch";
        self.alike += usize::from(tch(term, word) || tch(word, term));
        self.cost += match class {
            b'S' if !term.contains(&b'x') && !word.contains(&b'x') => ENDING,
            b'C' => HISSED,
            b'T' => CHANGED,
            _ => SPELLED,
        };
    }

    /// `None`: the word is another one.
    pub(super) fn gap(&mut self, term: &[u8], word: &[u8], last: bool) -> Option<()> {
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
            self.odd += usize::from(word == b"uh");
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
            let partly = word.iter().any(|l| term.contains(l)) || are_alike(term, word);
            let mut left = word.iter();
            self.beside += usize::from(word.len() > term.len() && term.iter().all(|l| left.any(|w| w == l)));
            // One vowel for another; more than that is another word.
            self.another |= !partly && term.len() != word.len();
            self.cost += if partly { PARTLY } else { CHANGED };
            self.replaced += usize::from(!partly);
            self.changed += 1;
        }
        Some(())
    }
}
