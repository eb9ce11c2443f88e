//! The finder's oracle: crate `aho-corasick` driven byte by byte, so that its state survives from one window of text
//! to the next and every overlapping match is seen. Searches of every set ran on this before; tests only.

use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, MatchKind};

/// Finds all occurrences of a set of byte strings.
pub(crate) struct Patterns {
    nfa: NFA,
}

/// Where a scan stands between two windows.
#[derive(Clone, Copy)]
pub(crate) struct ScanState(StateID);

impl Patterns {
    pub(crate) fn build<P: AsRef<[u8]>>(patterns: &[P]) -> Self {
        let nfa = NFA::builder()
            .match_kind(MatchKind::Standard)
            .prefilter(false)
            .build(patterns)
            .expect("few patterns");
        Self { nfa }
    }

    pub(crate) fn length(&self, pattern: usize) -> usize {
        aho_corasick::PatternID::new(pattern).map_or(0, |id| self.nfa.pattern_len(id))
    }

    pub(crate) fn start(&self) -> Option<ScanState> {
        self.nfa.start_state(Anchored::No).ok().map(ScanState)
    }

    /// Feeds bytes; calls `found(pattern, end)` with the end relative to `bytes` for every match. Stops when
    /// `found` returns `false`.
    pub(crate) fn scan(
        &self,
        state: &mut ScanState,
        bytes: &[u8],
        mut found: impl FnMut(usize, usize) -> bool,
    ) -> bool {
        let mut sid = state.0;
        for (at, &byte) in bytes.iter().enumerate() {
            sid = self.nfa.next_state(Anchored::No, sid, byte);
            if self.nfa.is_special(sid) && self.nfa.is_match(sid) {
                for n in 0..self.nfa.match_len(sid) {
                    if !found(self.nfa.match_pattern(sid, n).as_usize(), at + 1) {
                        state.0 = sid;
                        return false;
                    }
                }
            }
        }
        state.0 = sid;
        true
    }
}

/// The patterns of a compiled set in an automaton, under the numbers they have in the set.
pub(crate) struct Oracle {
    pub(super) patterns: Patterns,
}

impl Oracle {
    pub(super) fn new(image: &crate::compiled::Image<'_>) -> Option<Self> {
        let all: Vec<&[u8]> = (0..image.facts().patterns as u32)
            .filter_map(|n| image.pattern(n))
            .map(|p| p.bytes)
            .collect();
        assert_eq!(all.len(), image.facts().patterns);
        (!all.is_empty()).then(|| Self {
            patterns: Patterns::build(&all),
        })
    }
}
