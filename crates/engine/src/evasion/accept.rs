//! Is this reading of a term an evasion, or chance?

use super::around::is_foreign;
use super::state::State;
use super::table::is_mask;
use super::terms::Term;
use super::units::{Unit, Units};
use super::{Candidate, Evasion, Steps, budget};
use crate::boundary::is_word_boundary;
use crate::dictionary;
use crate::fold::classes::is_word;
use crate::fold::fold_text;

/// Words of one letter (English, Russian, Ukrainian) that may stand before letters separated by spaces.
const ONE_LETTER_WORDS: &str = "aiouабвийкосуяєзі";

/// Letters looked at on either side for the word that something stands in; no known word is longer.
const MAX_AROUND: usize = 32;

/// Characters of an address looked at on either side.
const MAX_ADDRESS: usize = 64;

/// Fewest letters of a word that signs cut into pieces.
const MIN_CUT: usize = 5;

/// Fewest letters of a word written by its sound.
const MIN_BY_SOUND: usize = 4;

fn is_wordy(unit: Unit) -> bool {
    unit.raw != '_' && (is_word(unit.raw) || unit.marked && unit.is_letter())
}

impl Evasion<'_> {
    /// The candidate for the term at `state.lo`, all of whose letters are read, if it holds.
    pub(super) fn accept(
        &self,
        text: &str,
        units: &mut Units<'_>,
        from: usize,
        state: &State,
    ) -> Option<Candidate> {
        if state.steps.is_empty() {
            // Plain words are found on the folded text.
            return None;
        }
        let term = self.terms.get(state.lo)?;
        let letters = term.iter().filter(|c| !c.is_whitespace()).count();
        if state.steps.contains(Steps::SOUND) && state.unit - from < MIN_BY_SOUND {
            return None;
        }
        let first = units.get(from)?;
        let last = units.get(state.unit - 1)?;
        let inside = text.get(first.start..last.end).unwrap_or("");
        if !self.plausible(term, letters, state, inside) {
            return None;
        }
        let before = from.checked_sub(1).and_then(|n| units.get(n));
        let after = units.get(state.unit);
        let starts_word =
            before.is_none_or(|u| !is_wordy(u)) || is_word_boundary(text, first.start) && is_word(first.raw);
        let ends_word =
            after.is_none_or(|u| !is_wordy(u)) || is_word_boundary(text, last.end) && is_word(last.raw);
        if state.separator == Some(' ') && !isolated(units, from, state.unit) {
            return None;
        }
        // A hidden letter has letters on both sides, and brackets and exclamation marks stand around words.
        if matches!(last.raw, '*' | '#' | '!' | '(' | ')' | '<' | '|') || matches!(first.raw, '(' | '<' | '+')
        {
            return None;
        }
        if is_mask(last.raw) && after.is_some_and(is_wordy) {
            return None;
        }
        let dashed = inside.contains("--") || inside.contains("__");
        if state.steps.contains(Steps::HIDDEN)
            && dashed
            && (!starts_word || !ends_word || is_between_words(inside))
        {
            return None;
        }
        // A unit that expands to several letters must be read whole.
        if before.is_some_and(|u| u.start == first.start) || after.is_some_and(|u| u.start == last.start) {
            return None;
        }
        if self.is_of_its_own(text, units, (from, state.unit), term, state) {
            return None;
        }
        if state.masked_by_letter && Self::is_shortened(text.get(first.start..last.end).unwrap_or("")) {
            return None;
        }
        // "gooood" is "good", whatever else could be read from it.
        let span = (first.start, last.end);
        if state.elongated && Self::is_elongated(text.get(span.0..span.1).unwrap_or(""), term) {
            return None;
        }
        // No word of a language mixes scripts, so the filter is not asked about those that do.
        if state.foreign == 0 && !state.odd && self.is_ordinary(text, first.start, last.end, state.steps) {
            return None;
        }
        // A letter of an ordinary word taken for another: in another language it may be its own.
        let respelled = state.same_script || state.doubled > 0 || state.steps.contains(Steps::SOUND);
        if respelled
            && !state.elongated
            && text.get(first.start..last.end).is_some_and(is_plain)
            && is_foreign(text, first.start, last.end)
        {
            return None;
        }
        Some(Candidate {
            term: state.lo,
            start: first.start,
            end: last.end,
            cost: state.cost,
            steps: state.steps,
            starts_word,
            ends_word,
        })
    }

    /// A number with its unit, an identifier, or a piece of an address: what digits and signs are there for.
    fn is_of_its_own(
        &self,
        text: &str,
        units: &mut Units<'_>,
        (from, to): (usize, usize),
        term: Term<'_>,
        state: &State,
    ) -> bool {
        let (mut digits, mut masks, mut humps) = (0, 0, 0);
        let (mut leading, mut trailing) = (0, 0);
        let mut previous: Option<Unit> = None;
        for n in from..to {
            let Some(unit) = units.get(n) else { break };
            let digit = unit.raw.is_ascii_digit();
            digits += usize::from(digit);
            leading += usize::from(digit && digits == n - from + 1);
            trailing = if digit { trailing + 1 } else { 0 };
            masks += usize::from(is_mask(unit.raw) || unit.raw == '*');
            humps += usize::from(previous.is_some_and(|p| p.raw.is_lowercase()) && unit.raw.is_uppercase());
            previous = Some(unit);
        }
        let letters = term.len();
        let leet = state.steps.contains(Steps::LEET);
        if leet
            && (leading > 1 && to - from - leading < 3
                || letters <= 4 && (trailing > 1 && trailing == digits || digits > 0 && humps > 0))
        {
            // "600k", "сл18", "5caT".
            return true;
        }
        // "за****а": more is hidden than shown.
        if state.steps.contains(Steps::HIDDEN) && masks * 2 > to - from {
            return true;
        }
        let signs = Steps::SEPARATED.with(Steps::HIDDEN);
        let (Some(first), Some(last)) = (units.get(from), units.get(to.saturating_sub(1))) else {
            return false;
        };
        let inside = text.get(first.start..last.end).unwrap_or("");
        if leet && is_variable(text, first.start, last.end) {
            return true;
        }
        let by_sign = !signs.common(state.steps).is_empty() || leet && inside.contains(['@', '$', '!', '+']);
        by_sign && !inside.contains(' ') && is_address(text, first.start, last.end)
    }

    /// Is the word, its runs of letters cut to two or one, another word than the term?
    fn is_elongated(text: &str, term: Term<'_>) -> bool {
        let folded: Vec<char> = fold_text(text).chars().collect();
        if !folded.iter().all(|c| c.is_alphabetic()) {
            return false;
        }
        let run = |n: usize| {
            folded.get(..n).map_or(0, |f| {
                f.iter().rev().take_while(|&c| Some(c) == folded.get(n)).count()
            })
        };
        let cut: String = (0..folded.len())
            .filter(|&n| run(n) < 2)
            .filter_map(|n| folded.get(n))
            .collect();
        !term.iter().eq(cut.chars()) && dictionary::is_known(&cut)
    }

    /// Is the x of "txt" a letter? It is when the word is one with "ex" or "x" for it.
    fn is_shortened(text: &str) -> bool {
        let folded = fold_text(text);
        dictionary::is_known(&folded.replacen('x', "ex", 1))
    }

    /// Is what was read an ordinary word as it stands, or does it stand in one? A phrase without its space is no
    /// reading of other letters.
    fn is_ordinary(&self, text: &str, start: usize, end: usize, steps: Steps) -> bool {
        if steps == Steps::SEPARATED {
            return false;
        }
        let letter = |c: &char| c.is_alphabetic() || matches!(c, '\'' | '’');
        let Some(inside) = text.get(start..end).filter(|t| t.chars().all(|c| letter(&c))) else {
            return false;
        };
        let before = text.get(..start).unwrap_or("").chars().rev();
        let after = text.get(end..).unwrap_or("").chars();
        let mut word: Vec<char> = before.take_while(letter).take(MAX_AROUND).collect();
        word.reverse();
        word.extend(inside.chars());
        word.extend(after.take_while(letter).take(MAX_AROUND));
        let word: String = word.into_iter().collect();
        let word = fold_text(word.trim_matches(|c| matches!(c, '\'' | '’'))).replace('’', "'");
        dictionary::is_known(&word)
    }

    fn plausible(&self, term: Term<'_>, letters: usize, state: &State, inside: &str) -> bool {
        if state.cost > budget(letters) {
            return false;
        }
        let only = |steps: Steps| steps.contains(state.steps);
        if letters < 3 && !only(Steps::LOOKALIKE) {
            return false;
        }
        // A short word bears one kind of step; its letters may be drawn in another way beside it.
        let drawn = Steps::MARKS.with(Steps::LOOKALIKE).with(Steps::SEPARATED);
        let kinds = state.steps.names().count() - drawn.common(state.steps).names().count();
        let by_sound = state.steps.contains(Steps::SOUND);
        if letters <= 4 && (kinds > 1 || state.same_script && kinds > 0)
            || letters <= 5 && state.same_script && by_sound
            || letters <= 4 && state.asked
        {
            return false;
        }
        // Letters of another script only: plain foreign text, not an attack.
        if state.foreign > 0 && state.own == 0 && !state.two_scripts && !state.odd {
            return false;
        }
        // The spaces between single letters are what such a term is about.
        if state.joined && term.words().any(|word| word.len() < 2) {
            return false;
        }
        // "D.I.C." are initials.
        if state.steps.contains(Steps::SOUND.with(Steps::SEPARATED)) && !state.joined {
            return false;
        }
        // An l is an i in one place of a single word that is otherwise as it should be, and not a short one: "plss".
        let beside = Steps::LOOKALIKE.with(Steps::LEET).with(Steps::HIDDEN);
        if state.confused > 1 || state.confused > 0 && (!only(beside) || letters < 5 || spaces(term) > 0) {
            return false;
        }
        // How many there are is what "xxx" means.
        let one_letter = term.iter().all(|c| Some(c) == term.get(0));
        if one_letter
            && !state
                .steps
                .common(Steps::REPEATED.with(Steps::SEPARATED))
                .is_empty()
        {
            return false;
        }
        // The name of a digit is a piece of a long word; single letters around a spaced sign are a sum.
        if state.spoken_digit && letters < 6
            || state.spaced_signs > 0 && (letters < 4 || state.separators > 0)
        {
            return false;
        }
        // Leet needs letters beside it, hidden letters need more of them.
        if state.steps.contains(Steps::LEET) && state.own + state.foreign == 0 {
            return false;
        }
        // "p-15-s" is a name too.
        if letters <= 4 && state.digits > 0 && state.separator.is_some() {
            return false;
        }
        // "mp3", "a55" and "364l" are names and numbers.
        if letters <= 3 && (state.digits > 1 || state.digit_at_edge) || state.longest_digit_run > 2 {
            return false;
        }
        if state.steps.contains(Steps::HIDDEN) && (state.own < 2 || state.hidden * 2 > letters) {
            return false;
        }
        // Words of their own, more often than not: "txt" and "cox".
        if letters < 4 && state.steps.contains(Steps::HIDDEN) && state.masked_by_letter
            || state.sound_x && only(Steps::SOUND)
        {
            return false;
        }
        // One doubled letter is spelling, not evasion.
        let spelling = Steps::REPEATED.with(Steps::SOUND);
        if state.doubled == 1 && spelling.contains(state.steps) && !state.elongated {
            return false;
        }
        // One mark is a language's spelling; two, or one beside another step, are not.
        if only(Steps::MARKS) && state.marks == 1 && !state.boxed {
            return false;
        }
        if let Some(separator) = state.separator {
            let gaps = state.separators + 1 + spaces(term);
            if state.spaced && separator != ' ' && gaps < letters {
                return false;
            }
            if separator == ' ' {
                // Each word is written whole, or letter by letter.
                let mut ended = state.clone();
                ended.end_word();
                let fewest = if ended.whole > 0 {
                    ended.shortest_apart
                } else {
                    letters
                };
                return !ended.in_pieces && ended.shortest_apart < usize::MAX && fewest >= 3;
            }
            let chunk = state.chunk.max(state.longest_chunk);
            let every = chunk <= 1 && state.separators + 1 + spaces(term) >= letters;
            let usual = matches!(
                separator,
                '-' | '/' | ',' | '\'' | '’' | '.' | ':' | '(' | ')' | '"' | '&'
            );
            if !every
                && (letters < 4
                    || letters < 5 && kinds > 0
                    || usual
                        && (state.separators < 2 || chunk > 2)
                        && !is_cut(inside, separator, letters, state))
            {
                return false;
            }
        }
        true
    }
}

/// Is a word cut by signs into pieces none of which is a word: "cas.ino"? Nothing else may be changed in it.
fn is_cut(inside: &str, sign: char, letters: usize, state: &State) -> bool {
    let long = |piece: &&str| piece.chars().count() > 2;
    let pieces = || inside.split(sign);
    matches!(sign, '.' | '-' | '/' | ',')
        && letters >= MIN_CUT
        && state.steps == Steps::SEPARATED
        && !inside.contains(' ')
        && pieces().any(|piece| long(&piece))
        && !pieces()
            .filter(long)
            .any(|piece| dictionary::is_known(&fold_text(piece)))
}

/// Are the dashes in it those between words: "is--it"? "f--king" has a letter that is none.
fn is_between_words(inside: &str) -> bool {
    let is_word = |piece: &str| match piece.chars().count() {
        1 => piece.starts_with(['a', 'A', 'i', 'I', 'o', 'O']),
        _ => dictionary::is_known(&fold_text(piece)),
    };
    let mut dashes = ['-', '_'].into_iter().filter(|&sign| inside.contains(sign));
    dashes.any(|sign| inside.split(sign).filter(|p| !p.is_empty()).all(is_word))
}

fn is_plain(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_alphabetic())
}

/// Is this the name of a variable: a sign and a plain word, and behind them what a program does with one?
fn is_variable(text: &str, start: usize, end: usize) -> bool {
    let name = text.get(start..end).and_then(|t| t.strip_prefix(['$', '@']));
    if !name.is_some_and(is_plain) {
        return false;
    }
    let after = text.get(end..).unwrap_or("");
    let operator = after.trim_start_matches([' ', '\t']);
    after.starts_with(['(', '[', '{'])
        || ["->", "::", "++", "--"]
            .iter()
            .any(|sign| after.starts_with(sign))
        || ["=", "+=", "-=", ".=", "!="]
            .iter()
            .any(|sign| operator.starts_with(sign))
}

/// Does what stands at this place belong to a host, a link, or an e-mail address?
fn is_address(text: &str, start: usize, end: usize) -> bool {
    let blank = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"');
    let back = text.get(..start).unwrap_or("").char_indices().rev();
    let from = back.take(MAX_ADDRESS).take_while(|c| !blank(c.1)).last();
    let before = text.get(from.map_or(start, |c| c.0)..start).unwrap_or("");
    let forth = text.get(end..).unwrap_or("").char_indices();
    let to = forth.take(MAX_ADDRESS).take_while(|c| !blank(c.1)).last();
    let after = text
        .get(end..to.map_or(end, |(at, c)| end + at + c.len_utf8()))
        .unwrap_or("");
    let inside = text.get(start..end).unwrap_or("");
    let link = before.contains("://")
        || before.starts_with("www.")
        || before.is_empty() && inside.starts_with("www.");
    let query = before.contains(['=', '?']) && (inside.contains(['&', '=', '?']) || after.contains('='));
    // A dot with letters behind it, after a sign "at".
    let domain = |rest: &str| {
        let letters = |part: &str| part.chars().take_while(|c| c.is_ascii_alphabetic()).count();
        rest.split('.').skip(1).any(|part| letters(part) > 1)
    };
    let mail =
        inside.contains('@') && domain(after) || before.contains('@') && (domain(after) || domain(inside));
    link || query || inside.contains('=') || mail
}

fn spaces(term: Term<'_>) -> usize {
    term.iter().filter(|c| c.is_whitespace()).count()
}

/// Letters separated by spaces must not be a piece of a longer run of such letters.
fn isolated(units: &mut Units<'_>, from: usize, to: usize) -> bool {
    let back = |n: usize| n.checked_sub(1);
    let forth = |n: usize| n.checked_add(1);
    // A word of the phrase that is written whole has edges of its own.
    let mut apart = |n: usize| units.get(n).is_some_and(|u| u.raw == ' ');
    let (first, last) = (apart(from + 1), to < 2 || apart(to - 2));
    (!first || from == 0 || alone_word(units, Some(from - 1), back))
        && (!last || alone_word(units, Some(to), forth))
}

/// From a gap on, in one direction: no letter standing alone, or a word of one letter and then none.
fn alone_word(units: &mut Units<'_>, gap: Option<usize>, step: fn(usize) -> Option<usize>) -> bool {
    let Some((letter, beyond)) = single(units, gap, step) else {
        return true;
    };
    ONE_LETTER_WORDS.contains(letter) && single(units, beyond, step).is_none()
}

/// The letter that stands alone beyond a gap, and the gap beyond it.
fn single(
    units: &mut Units<'_>,
    gap: Option<usize>,
    step: fn(usize) -> Option<usize>,
) -> Option<(char, Option<usize>)> {
    units.get(gap?).filter(|u| !u.is_letter())?;
    let place = gap.and_then(step)?;
    let letter = units.get(place).filter(Unit::is_letter)?;
    let beyond = step(place);
    // "b0nus", "b!tch": what goes on behind a digit or a sign is a word.
    let joined = |u: Unit| u.is_wordy();
    let next = beyond.and_then(|n| units.get(n));
    let behind = beyond.and_then(step).and_then(|n| units.get(n));
    let alone = next.is_none_or(|u| !joined(u) && (u.raw == ' ' || !behind.is_some_and(joined)));
    alone.then_some((letter.base, beyond))
}
