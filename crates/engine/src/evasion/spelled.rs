//! May plain text be read as this term, and otherwise than letter by letter? What [`super::gate`] asks about a term whose
//! letters a word has, so that the walk is spared where they only have the same letters.
//!
//! The readings of `walk`, `gaps` and the groups of `table`, without what they cost and what makes them likely: whatever the
//! walk accepts is read here too, and where other characters come into it the answer is yes. For terms of one script, and
//! text of one script and plain characters only (but for what stands at its end).

use super::plain::{char_at, is_blank, is_wordy};
use super::span::{Apart, blanks};
use super::table::{groups, groups_of_letters, is_mask, leet, same_script, spoken_digit};
use super::terms::Term;
use super::units::is_letter;

/// Places looked at; beyond them the answer is yes.
const MAX_PLACES: usize = 128;

/// A term held against the text.
pub(super) struct Spelled<'t> {
    text: &'t [u8],
    term: Term<'t>,
    places: usize,
}

/// Up to where both are read, and how.
#[derive(Clone, Copy)]
struct Place {
    text: usize,
    term: usize,
    exact: bool,
    /// The last thing read was no letter of the term.
    gap: bool,
    /// Letters since the last gap, and most of them between two.
    chunk: usize,
    longest: usize,
    separator: Option<char>,
}

impl Place {
    fn over(self, bytes: usize, letters: usize) -> Self {
        Self {
            text: self.text + bytes,
            term: self.term + letters,
            gap: false,
            chunk: self.chunk + letters,
            ..self
        }
    }

    fn inexactly(self) -> Self {
        Self { exact: false, ..self }
    }

    fn behind_a_gap(self) -> Self {
        Self {
            gap: true,
            longest: self.longest.max(self.chunk),
            chunk: 0,
            ..self
        }
    }
}

impl<'t> Spelled<'t> {
    /// May the text from byte `at` on, where a plain word begins, be read as the term with at least one step?
    pub(super) fn may_be(text: &'t [u8], at: usize, term: Term<'t>) -> bool {
        let mut trial = Spelled {
            text,
            term,
            places: 0,
        };
        trial.goes_on(Place {
            text: at,
            term: 0,
            exact: true,
            gap: true,
            chunk: 0,
            longest: 0,
            separator: None,
        })
    }

    fn goes_on(&mut self, place: Place) -> bool {
        self.places += 1;
        if self.places > MAX_PLACES {
            return true;
        }
        let letter = self.term.get(place.term);
        let Some((c, length)) = char_at(self.text, place.text) else {
            // Other characters may be anything.
            return place.text < self.text.len() || letter.is_none() && !place.gap && !place.exact;
        };
        let again = !place.gap
            && place
                .text
                .checked_sub(length)
                .and_then(|at| char_at(self.text, at))
                == Some((c, length));
        let repeats = again && (is_wordy(c) || is_mask(c)) && self.goes_on(place.over(length, 0).inexactly());
        let Some(letter) = letter else {
            // Behind the whole term only its last letter can come.
            return repeats || !place.exact && !is_wordy(c);
        };
        repeats
            || self.reads(place, letter, (c, length))
            || !place.gap
                && (self.misses_a_space(place, letter, (c, length)) || self.separates(place, letter))
    }

    /// Is the character read as the letter, or may it be?
    fn reads(&mut self, place: Place, letter: char, (c, length): (char, usize)) -> bool {
        if is_blank(c) {
            let blanks = blanks(self.text, place.text);
            let next = place.over(blanks, 0).behind_a_gap();
            return letter == ' '
                && self.goes_on(Place {
                    term: place.term + 1,
                    gap: false,
                    ..next
                });
        }
        let one = place.over(length, 1);
        if c == letter && self.goes_on(one) {
            return true;
        }
        if !c.is_ascii_lowercase() {
            // Quotation marks and dashes fold to others.
            if !c.is_ascii() && !is_wordy(c) && !letter.is_alphanumeric() {
                return true;
            }
            return !is_letter(c) && self.may_stand_for(place, letter, (c, length));
        }
        if same_script(c).any(|l| l == letter) && self.goes_on(one.inexactly())
            || c == 'x' && "aeiou".contains(letter) && self.goes_on(one.inexactly())
        {
            return true;
        }
        if matches!(c, 'k' | 'c' | 'q' | 'x') && letter == 'c' && self.term.get(place.term + 1) == Some('k') {
            let sound = place.over(1, 2).inexactly();
            let doubled = char_at(self.text, place.text + 1) == Some((c, 1));
            if self.goes_on(sound) || doubled && self.goes_on(place.over(2, 2).inexactly()) {
                return true;
            }
        }
        groups_of_letters().any(|(group, l)| {
            l == letter
                && self
                    .text
                    .get(place.text..place.text + group.len())
                    .is_some_and(|written| written.eq_ignore_ascii_case(group.as_bytes()))
                && self.goes_on(place.over(group.len(), 1).inexactly())
        })
    }

    /// A digit or sign.
    fn may_stand_for(&self, place: Place, letter: char, (c, length): (char, usize)) -> bool {
        let hides = is_mask(c) && {
            let mut at = place.text + length;
            while let Some((_, length)) = char_at(self.text, at).filter(|c| is_mask(c.0)) {
                at += length;
            }
            at < self.text.len() && char_at(self.text, at).is_none_or(|c| is_wordy(c.0))
        };
        let dashes =
            matches!(c, '-' | '_') && char_at(self.text, place.text + 1).is_some_and(|next| next.0 == c);
        hides
            || dashes
            || leet(c).any(|l| l == letter)
            || groups(c).any(|(_, l)| l == letter)
            || spoken_digit(c).any(|name| name.starts_with(letter))
    }

    fn misses_a_space(&mut self, place: Place, letter: char, (c, length): (char, usize)) -> bool {
        if is_blank(c) {
            // A symbol with spaces around it.
            let blanks = blanks(self.text, place.text);
            let next = char_at(self.text, place.text + blanks);
            return next.is_some_and(|n| !is_wordy(n.0) && leet(n.0).any(|l| l == letter));
        }
        let sign = if is_wordy(c) { 0 } else { length };
        let next = place.over(sign, 0).inexactly().behind_a_gap();
        letter == ' '
            && place.separator.is_none()
            && self.goes_on(Place {
                term: place.term + 1,
                ..next
            })
    }

    fn separates(&mut self, place: Place, letter: char) -> bool {
        let (at, kind) = match Apart::behind(self.text, place.text) {
            Apart::No => return false,
            Apart::Perhaps => return true,
            Apart::By(at, kind) => (at, kind),
        };
        if place.separator.is_some_and(|s| s != kind) || kind == ' ' && place.chunk > 1 {
            return false;
        }
        let next = Place {
            separator: Some(kind),
            ..place.over(at - place.text, 0).inexactly().behind_a_gap()
        };
        self.goes_on(next)
            || letter == ' '
                && self.goes_on(Place {
                    term: next.term + 1,
                    ..next
                })
    }
}
