//! Is a word that has the consonants of a term the term, spelled by its sound, or another word?

use super::heard::{Heard, Sound};
use super::spoken::Spoken;
use super::sum::{LEET, RESERVE, Sum};
use super::{
    MIN_CHANGED, MIN_LETTERS, MIN_LETTERS_FOR_TWO, MIN_SOUNDS, MIN_SPELLED, MIN_WEAK, MIN_WEAK_SOUNDS, Word,
};
use crate::evasion::{Steps, budget};

impl Word<'_> {
    /// What it costs to take the words spoken, so many of them, for this term, what has to be assumed, and whether their
    /// spellings are ordinary ones, which are those of other languages, too; `None`: they are not the term.
    pub(super) fn compare(&self, words: usize, spoken: &Spoken) -> Option<(f32, Steps, bool)> {
        let heard = &spoken.heard;
        let term = Heard::new(self.letters.iter().copied())?;
        let same = |n: usize| term.sounds.get(n).map(|s| s.class) == heard.sounds.get(n).map(|s| s.class);
        if term.count != heard.count || !(0..term.count).all(same) {
            return None;
        }
        if term.letters(0, term.first) != heard.letters(0, heard.first) {
            return None;
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
            sum.gap(term.letters(a.to, a.gap_to), heard.letters(b.to, b.gap_to), last)?;
        }
        let letters = self.letters.len().min(heard.len + sum.left_out);
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
        if words < self.words {
            steps = steps.with(Steps::SEPARATED);
            joined = 1;
            cost += 0.5;
        }
        // One doubled letter or mute e is spelling; what is not respelled at all is found by the walk.
        let vowels = sum.changed + sum.left_out;
        let respelled = sum.other + vowels;
        let both = heard.len.min(self.letters.len());
        let long = both >= MIN_SPELLED;
        let misspelled = long && words == 1 && self.words == 1 && !spoken.name && sum.spelling > 0;
        if sum.another
            || respelled == 0 && sum.spelling + joined < 2 && !misspelled
            || cost > budget(letters) - RESERVE
        {
            return None;
        }
        let differences = respelled + sum.spelling + spoken.leet + sum.hidden;
        // The s of a plural is nothing that tells its word from others.
        let sounds = heard.count + usize::from(heard.drops_r() || term.drops_r()) - usize::from(self.plural);
        // A plural bears one difference, other forms that are not listed less.
        let form = self.form && !(self.plural && differences == 1);
        // "biotch", "shiat": a word of one syllable with a vowel beside its own; its ch may be tch.
        let syllables = (0..term.count)
            .filter(|&n| term.sounds.get(n).is_some_and(|s| s.to < s.gap_to))
            .count();
        let drawled = sum.beside == 1
            && differences == 1 + sum.alike.min(1)
            && syllables == 1
            && term.first == 0
            && !spoken.name;
        let weak = if long { respelled } else { differences };
        // "fked": no word begins so, and nobody misses a vowel there by accident.
        let unspeakable =
            sum.left_out == 1 && differences == 2 && !spoken.capitals && heard.begins_unspeakably();
        let refused = [
            heard.len < MIN_LETTERS,
            // A short word bears one difference.
            both < MIN_CHANGED
                && (differences > 1 && !unspeakable
                    || sum.changed > 0 && !drawled
                    || heard.has(b'x') && !heard.is_doubly_spelled()),
            respelled + sum.spelling > both / 2,
            // "PNAS" is an abbreviation.
            sum.left_out > 0 && heard.len <= MIN_LETTERS && spoken.capitals,
            // Ordinary spellings of other vowels and consonants make other words: not in long ones.
            sum.odd + sum.left_out + spoken.leet + sum.hidden == 0
                && !drawled
                && !(misspelled && respelled == 0)
                && (both < MIN_WEAK || sounds < MIN_WEAK_SOUNDS || spoken.name || weak > 1 + both / 9),
            sum.left_out > 1 && (form || both < MIN_LETTERS_FOR_TWO && heard.has_vowels()),
            sum.left_out > 0 && sounds < MIN_WEAK_SOUNDS && differences > 1,
            sum.changed > 0 && (spoken.name || form),
            sum.replaced > 0
                && (sounds < MIN_SOUNDS || differences > 1 + both / 9 + usize::from(sum.odd > 0)),
            sum.changed > 1 + both / MIN_LETTERS_FOR_TWO,
            sum.voiced > 0 && (spoken.name || vowels > 0 || both < MIN_CHANGED),
            // Neither its ending nor its voice says that a form is meant.
            form && sum.voiced + sum.endings > 0,
            // Words beside each other are more often two words than a phrase.
            words > 1 && (vowels > 0 || differences > 1),
        ];
        if refused.contains(&true) {
            return None;
        }
        if sum.hidden == 0 && spoken.known(words, self.letters) {
            return None;
        }
        let no_word = sum.left_out > 0 && heard.begins_unspeakably();
        let ordinary = sum.odd + spoken.leet + sum.hidden == 0 && !no_word;
        Some((cost, steps, ordinary))
    }
}
