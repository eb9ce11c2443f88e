//! Character classes the folding and the word boundaries stand on, all from the Unicode Character Database
//! (through ICU4X and `unicode-normalization`). Not for script or look-alike questions.

use icu_properties::props::{DefaultIgnorableCodePoint, WordBreak};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::char::{canonical_combining_class, decompose_compatible};
use unicode_normalization::{IsNormalized, is_nfc_quick};

/// Removed by folding: Default_Ignorable_Code_Point (which includes the bidi controls U+200E/F, U+202A–E and
/// U+2066–9), the bidi control U+061C, the tatweel U+0640, and the control characters that have no width and no
/// meaning in a text.
pub(crate) fn is_ignorable(c: char) -> bool {
    match c {
        ' '..='~' => false,
        '\t'..='\r' | '\u{85}' | '\u{1c}'..='\u{1f}' => false,
        '\0'..='\u{9f}' => c.is_control(),
        '\u{400}'..='\u{52f}' => false,
        // The tatweel only stretches a word; a mark behind it belongs to the letter before.
        '\u{feff}' | '\u{61c}' | '\u{640}' => true,
        _ => CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c),
    }
}

/// White_Space, plus the separators U+001C–U+001F that `str::trim` and most input methods treat alike.
pub(crate) fn is_space(c: char) -> bool {
    c == ' ' || c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// Does normalisation never look back across this character? True for a character whose compatibility
/// decomposition, without what folding removes, starts with a starter that composes with nothing before it. Forms such as
/// U+FE79 are a tatweel and a mark: the mark is what stays.
pub(crate) fn is_boundary(c: char) -> bool {
    if c < '\u{300}' || ('\u{400}'..='\u{482}').contains(&c) || ('\u{4e00}'..='\u{9fff}').contains(&c) {
        return true;
    }
    let mut first = None;
    decompose_compatible(c, |d| {
        if first.is_none() && !is_ignorable(d) {
            first = Some(d);
        }
    });
    is_decomposed_boundary(first.unwrap_or(c))
}

/// The same for a character that is already a full decomposition.
pub(crate) fn is_decomposed_boundary(d: char) -> bool {
    d < '\u{300}'
        || (canonical_combining_class(d) == 0
            && is_nfc_quick(std::iter::once(d)) == IsNormalized::Yes
            && !('\u{1160}'..='\u{11ff}').contains(&d))
}

/// Part of a word that cannot be broken from its neighbour of the same kind: UAX #29 ALetter, Hebrew_Letter,
/// Numeric and ExtendNumLet. Han, Hiragana, Katakana, Thai, Lao, Khmer and Myanmar letters are none of these,
/// which is what lets a word-mode term match anywhere in scripts written without spaces.
pub(crate) fn is_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    matches!(
        CodePointMapData::<WordBreak>::new().get(c),
        WordBreak::ALetter | WordBreak::HebrewLetter | WordBreak::Numeric | WordBreak::ExtendNumLet
    )
}

/// UAX #29 rule WB4: characters that belong to the one before them.
pub(crate) fn is_extender(c: char) -> bool {
    !c.is_ascii()
        && matches!(
            CodePointMapData::<WordBreak>::new().get(c),
            WordBreak::Extend | WordBreak::Format | WordBreak::ZWJ
        )
}
