//! What an evader may write instead of a letter, apart from what Unicode's own data says.
//!
//! Look-alikes between scripts come from UTS #39 (crate `unicode-security`), closed over case: a letter looks
//! like another when any case of one has the skeleton of any case of the other. The tables here add what that
//! standard leaves out on purpose: digits and symbols that are read as letters ("leet", after the
//! tables of obscenity and rustrict, reduced to what a reader recognises), cursive and small-capital shapes of
//! Cyrillic letters, and styled letters that have no compatibility decomposition.
//!
//! Not for folding: nothing here applies to `literal` and `folded` terms.

/// Digits and symbols read as Latin letters.
const LATIN: &[(char, &str)] = &[
    ('0', "ou"),
    ('1', "il"),
    ('2', "z"),
    ('3', "e"),
    ('4', "a"),
    ('5', "s"),
    ('6', "gb"),
    ('7', "t"),
    ('8', "b"),
    ('9', "g"),
    ('@', "a"),
    ('$', "s"),
    ('!', "i"),
    ('|', "il"),
    ('+', "t"),
    ('€', "e"),
    ('£', "l"),
    ('¢', "c"),
    ('¥', "y"),
    ('¡', "i"),
    ('(', "c"),
    ('<', "c"),
    ('§', "s"),
    ('×', "x"),
    ('µ', "u"),
    ('ʃ', "s"),
];

/// Digits and symbols read as Cyrillic letters.
const CYRILLIC: &[(char, &str)] = &[
    ('0', "о"),
    ('1', "иі"),
    ('3', "зэ"),
    ('4', "ч"),
    ('6', "б"),
    ('7', "т"),
    ('8', "в"),
    ('9', "я"),
    ('@', "а"),
    ('$', "с"),
    ('€', "е"),
    ('!', "і"),
    ('|', "і"),
    ('¢', "с"),
    ('(', "с"),
    ('×', "х"),
];

/// Foreign letters with the shape of a Cyrillic letter in some common typeface or handwriting; UTS #39 lists
/// shapes of upright type only.
const CYRILLIC_SHAPES: &[(char, &str)] = &[
    ('u', "ип"),
    ('n', "пи"),
    ('m', "тм"),
    ('r', "г"),
    ('w', "шщ"),
    ('g', "дг"),
    ('d', "д"),
    ('b', "ьбв"),
    ('h', "нч"),
    ('l', "л"),
    ('z', "з"),
    ('i', "иі"),
    ('t', "т"),
    ('v', "у"),
    ('ɯ', "шщ"),
    ('ʍ', "м"),
    ('ᴎ', "и"),
    ('ᴙ', "я"),
    ('ʁ', "я"),
    ('ʙ', "в"),
    ('ʜ', "н"),
    ('ʀ', "я"),
    ('ᴧ', "л"),
    ('ᴦ', "г"),
    ('ᴨ', "п"),
    ('ᴩ', "р"),
    ('ᴘ', "р"),
    ('ʏ', "у"),
    ('ɜ', "зэ"),
    ('ε', "еэ"),
    ('λ', "л"),
    ('δ', "д"),
    ('η', "пн"),
    ('π', "п"),
    ('σ', "о"),
    ('τ', "т"),
    ('υ', "и"),
    ('ν', "у"),
    ('β', "в"),
    ('ω', "ш"),
    ('μ', "м"),
    ('ι', "і"),
    ('θ', "ө"),
    ('ҭ', "т"),
    ('қ', "к"),
    ('ҡ', "к"),
    ('ҝ', "к"),
    ('ғ', "г"),
    ('ӷ', "г"),
    ('ң', "н"),
    ('ҥ', "н"),
    ('ӈ', "н"),
    ('ҳ', "х"),
    ('ӽ', "х"),
    ('ұ', "у"),
    ('ү', "у"),
    ('ҫ', "с"),
    ('ө', "о"),
    ('ә', "е"),
    ('є', "е"),
    ('ї', "и"),
    ('і', "и"),
    ('ј', "й"),
];

/// Latin letters read as other Latin letters: v for u, z for s; a small l and a capital I are drawn alike.
const LATIN_SHAPES: &[(char, &str)] = &[('v', "u"), ('z', "s"), ('l', "i"), ('i', "l")];

/// Digits read by their names.
const SPOKEN_DIGITS: &[(char, &str)] = &[
    ('1', "one"),
    ('2', "to"),
    ('2', "too"),
    ('4', "for"),
    ('4', "fore"),
    ('8', "ate"),
];

/// Several characters read as one letter, longest first.
const GROUPS: &[(&str, char)] = &[
    ("}|{", 'ж'),
    (">|<", 'ж'),
    ("bl", 'ы'),
    ("ьl", 'ы'),
    ("ьi", 'ы'),
    ("bi", 'ы'),
    ("ь1", 'ы'),
    ("b1", 'ы'),
    ("lo", 'ю'),
    ("io", 'ю'),
    ("10", 'ю'),
    ("/\\", 'л'),
    ("/\\", 'a'),
    ("\\/", 'v'),
    ("()", 'o'),
    ("rn", 'm'),
    ("vv", 'w'),
    ("ph", 'f'),
    ("|<", 'k'),
    ("|)", 'd'),
    ("|-|", 'h'),
];

/// Symbols that hide one letter inside a word.
pub(super) fn is_mask(c: char) -> bool {
    matches!(
        c,
        '*' | '#' | '@' | '$' | '%' | '&' | '?' | '^' | '•' | '●' | '■' | '█' | '♥' | '❤'
    )
}

fn lookup<'t>(table: &[(char, &'t str)], c: char) -> &'t str {
    table.iter().find(|(from, _)| *from == c).map_or("", |(_, to)| to)
}

/// Letters that a digit or symbol may stand for.
pub(super) fn leet(c: char) -> impl Iterator<Item = char> {
    lookup(LATIN, c).chars().chain(lookup(CYRILLIC, c).chars())
}

/// Letters of Cyrillic that a foreign or unusual letter may be drawn as.
pub(super) fn shapes(c: char) -> impl Iterator<Item = char> {
    lookup(CYRILLIC_SHAPES, c).chars()
}

/// Letters of the same script that a letter may stand for.
pub(super) fn same_script(c: char) -> impl Iterator<Item = char> {
    lookup(LATIN_SHAPES, c).chars()
}

/// What a digit is called, where that sounds like a piece of a word.
pub(super) fn spoken_digit(c: char) -> impl Iterator<Item = &'static str> {
    let digits = SPOKEN_DIGITS.iter();
    digits
        .filter(move |(digit, _)| *digit == c)
        .map(|&(_, word)| word)
}

/// Groups that begin with this character: what must follow, and the letter.
pub(super) fn groups(c: char) -> impl Iterator<Item = (&'static str, char)> {
    GROUPS
        .iter()
        .filter(move |(group, _)| group.chars().take(1).any(|first| first == c))
        .map(|&(group, letter)| (group, letter))
}

/// Groups of plain letters, and the letters that they are read as.
pub(super) fn groups_of_letters() -> impl Iterator<Item = (&'static str, char)> {
    let plain = |group: &str| group.chars().all(|c| c.is_ascii_lowercase());
    GROUPS.iter().copied().filter(move |(group, _)| plain(group))
}

/// Small capitals (Phonetic Extensions, IPA) and the letters they are capitals of.
const SMALL_CAPITALS: &str = "ᴀaʙbᴄcᴅdᴇeꜰfɢgʜhɪiᴊjᴋkʟlᴍmɴnᴏoᴘpʀrꜱsᴛtᴜuᴠvᴡwʏyᴢz";

/// The capital letter that a small capital is a smaller form of.
pub(super) fn capital(c: char) -> Option<char> {
    let at = SMALL_CAPITALS.find(c)? + c.len_utf8();
    if c.is_ascii() {
        return None;
    }
    SMALL_CAPITALS
        .get(at..)?
        .chars()
        .next()
        .map(|letter| letter.to_ascii_uppercase())
}

/// Letters in boxes and flags that normalisation leaves alone.
pub(super) fn styled(c: char) -> Option<char> {
    let from = match c {
        '\u{1f1e6}'..='\u{1f1ff}' => 0x1f1e6,
        '\u{1f150}'..='\u{1f169}' => 0x1f150,
        '\u{1f170}'..='\u{1f189}' => 0x1f170,
        _ => return None,
    };
    char::from_u32(c as u32 - from + 'a' as u32)
}

/// A letter that people write in ordinary texts of its script; the rest (small capitals, extended letters) is
/// a shape before it is a letter.
pub(super) fn is_ordinary(c: char) -> bool {
    matches!(c,
        'a'..='z' | 'A'..='Z'
        | 'а'..='я' | 'А'..='Я' | 'ё' | 'Ё' | 'і' | 'І' | 'ї' | 'Ї' | 'є' | 'Є' | 'ґ' | 'Ґ' | 'ў' | 'Ў'
        | 'α'..='ω' | 'Α'..='Ω'
        | '\u{c0}'..='\u{24f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_and_flags_are_letters() {
        assert_eq!(styled('🇬'), Some('g'));
        assert_eq!(styled('🅰'), Some('a'));
        assert_eq!(styled('🅩'), Some('z'));
        assert_eq!(styled('a'), None);
    }

    #[test]
    fn digits_stand_for_letters_of_both_scripts() {
        assert_eq!(leet('0').collect::<String>(), "ouо");
        assert_eq!(leet('x').count(), 0);
        assert_eq!(groups('p').collect::<Vec<_>>(), [("ph", 'f')]);
    }
}
