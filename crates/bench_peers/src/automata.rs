//! The two automata: crate `daachorse` over characters, and crate `aho-corasick` with the automaton it chooses itself.

use crate::Peer;
use crate::terms::Terms;
use aho_corasick::AhoCorasick;
use daachorse::CharwiseDoubleArrayAhoCorasick;

pub struct DoubleArray {
    automaton: CharwiseDoubleArrayAhoCorasick<u32>,
    terms: Terms,
}

impl DoubleArray {
    pub fn build(terms: Terms) -> Result<Self, String> {
        let automaton = CharwiseDoubleArrayAhoCorasick::new(&terms.patterns).map_err(|e| e.to_string())?;
        Ok(Self { automaton, terms })
    }
}

impl Peer for DoubleArray {
    fn is_match(&self, folded: &str) -> bool {
        self.automaton
            .find_overlapping_iter(folded)
            .any(|m| self.terms.counts(m.value() as usize, folded, m.start(), m.end()))
    }
}

pub struct Classic {
    automaton: AhoCorasick,
    terms: Terms,
}

impl Classic {
    pub fn build(terms: Terms) -> Result<Self, String> {
        let automaton = AhoCorasick::new(&terms.patterns).map_err(|e| e.to_string())?;
        Ok(Self { automaton, terms })
    }
}

impl Peer for Classic {
    fn is_match(&self, folded: &str) -> bool {
        self.automaton.find_overlapping_iter(folded).any(|m| {
            self.terms
                .counts(m.pattern().as_usize(), folded, m.start(), m.end())
        })
    }
}
