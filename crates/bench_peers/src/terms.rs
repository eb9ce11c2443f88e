//! Terms as the peers search them: folded, each pattern once, with the modes it stands for.

use pg_moderation_engine::fold_text;
use pg_moderation_engine::parts::is_word_boundary;
use std::collections::BTreeMap;

/// Which boundaries a place needs to count, for each mode that the pattern's terms have: (at its start, at its end).
const MODES: [(&str, (bool, bool)); 4] = [
    ("word", (true, true)),
    ("prefix", (true, false)),
    ("suffix", (false, true)),
    ("substring", (false, false)),
];

/// Patterns, each with a bit for every mode of [`MODES`].
pub struct Terms {
    pub patterns: Vec<String>,
    modes: Vec<u8>,
}

impl Terms {
    pub fn new(terms: &[String], modes: &[String]) -> Result<Self, String> {
        if terms.len() != modes.len() {
            return Err("as many modes as terms".into());
        }
        let mut all: BTreeMap<String, u8> = BTreeMap::new();
        for (term, mode) in terms.iter().zip(modes) {
            let bit = MODES.iter().position(|(name, _)| name == mode);
            let bit = bit.ok_or_else(|| format!("no mode {mode}"))?;
            *all.entry(fold_text(term)).or_default() |= 1 << bit;
        }
        let (patterns, modes) = all.into_iter().unzip();
        Ok(Self { patterns, modes })
    }

    /// Does pattern `number`, found at `start..end`, count there?
    #[inline]
    pub fn counts(&self, number: usize, folded: &str, start: usize, end: usize) -> bool {
        let Some(&modes) = self.modes.get(number) else {
            return false;
        };
        MODES.iter().enumerate().any(|(bit, (_, (at_start, at_end)))| {
            modes & (1 << bit) != 0
                && (!at_start || is_word_boundary(folded, start))
                && (!at_end || is_word_boundary(folded, end))
        })
    }
}
