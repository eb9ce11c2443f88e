//! The likeliest reading of one word of mixed script: what explanations show, and what inflected terms look up.
//!
//! Not for matching plain terms: level evasion walks along the terms and tries every reading.

use super::shapes::cases;
use super::table;
use super::units::{Unit, Units};
use std::collections::HashMap;
use std::sync::OnceLock;
use unicode_script::{Script, UnicodeScript};

/// Letters of a word that are read.
const MAX_READING: usize = 64;

/// One word of mixed script or with digits in it, read in its dominant script: every other letter is replaced by
/// the first letter of that script that it looks like. `None` when the word is plain, or cannot be read so.
pub(crate) fn reading(word: &str) -> Option<String> {
    let mut units = Units::new(word);
    let units: Vec<Unit> = (0..MAX_READING).map_while(|n| units.get(n)).collect();
    let of = |script: Script| {
        units
            .iter()
            .filter(move |u| u.script == script && table::is_ordinary(u.raw))
    };
    let (latin, cyrillic) = (of(Script::Latin).count(), of(Script::Cyrillic).count());
    // "D490" is a number, not a word.
    let digits = units.iter().filter(|u| u.raw.is_ascii_digit()).count();
    if latin + cyrillic <= digits {
        return None;
    }
    if latin == 0 || cyrillic == 0 {
        let script = if latin == 0 {
            Script::Cyrillic
        } else {
            Script::Latin
        };
        return read_in(&units, script);
    }
    // Letters that the other script has no look-alike of say what the word is; the rest may be borrowed: «дoxoд» is
    // Cyrillic with more Latin letters than Cyrillic ones.
    let telling = |script: Script, other: Script| of(script).filter(|u| !looks_like(u.raw, other)).count();
    let latin = (telling(Script::Latin, Script::Cyrillic), latin);
    let cyrillic = (telling(Script::Cyrillic, Script::Latin), cyrillic);
    let (first, second) = if latin > cyrillic {
        (Script::Latin, Script::Cyrillic)
    } else {
        (Script::Cyrillic, Script::Latin)
    };
    read_in(&units, first).or_else(|| read_in(&units, second))
}

/// The first letter of the script's alphabet that this one looks like (UTS #39), if there is one.
fn twin(letter: char, script: Script) -> Option<char> {
    static TWINS: [OnceLock<HashMap<String, usize>>; 2] = [OnceLock::new(), OnceLock::new()];
    let places = TWINS
        .get(usize::from(script == Script::Cyrillic))?
        .get_or_init(|| {
            let mut places = HashMap::new();
            for (place, letter) in alphabet(script).enumerate() {
                for shape in cases(letter) {
                    places.entry(shape).or_insert(place);
                }
            }
            places
        });
    let place = cases(letter).iter().filter_map(|shape| places.get(shape)).min()?;
    alphabet(script).nth(*place)
}

fn looks_like(letter: char, script: Script) -> bool {
    twin(letter, script).is_some()
}

fn read_in(units: &[Unit], script: Script) -> Option<String> {
    if units
        .iter()
        .all(|u| u.script == script && !u.marked && table::is_ordinary(u.raw))
    {
        return None;
    }
    let own = |c: char| c.script() == script && c.is_lowercase() && table::is_ordinary(c);
    let mut out = String::new();
    for unit in units {
        let letter = if own(unit.base) {
            Some(unit.base)
        } else if unit.is_letter() {
            let capital = table::capital(unit.raw);
            let mut likely = [Some(unit.raw), Some(unit.base), capital].into_iter().flatten();
            likely.find_map(|c| twin(c, script)).or_else(|| {
                table::shapes(unit.raw)
                    .chain(table::shapes(unit.base))
                    .find(|&c| own(c))
            })
        } else {
            table::leet(unit.base).find(|&c| own(c))
        };
        out.push(letter?);
    }
    Some(out)
}

fn alphabet(script: Script) -> impl Iterator<Item = char> {
    let (range, more) = if script == Script::Cyrillic {
        ('а'..='я', "іїєґ")
    } else {
        ('a'..='z', "")
    };
    range.chain(more.chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dominant_script_decides() {
        for (word, read) in [
            ("VIАGRA", Some("viagra")),
            ("саsino", Some("casino")),
            ("дoxoд", Some("доход")),
            ("кaзинo", Some("казино")),
            ("caz1no", Some("cazino")),
            ("казино", None),
            ("casino", None),
            ("D490", None),
            ("x1", None),
        ] {
            assert_eq!(reading(word).as_deref(), read, "{word}");
        }
    }
}
