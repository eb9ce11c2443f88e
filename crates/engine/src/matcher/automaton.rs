//! The multi-pattern automaton: crate `aho-corasick` driven byte by byte, so that its state survives from one
//! window of text to the next and every overlapping match is seen.

use crate::OpenError;
use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, MatchKind};

/// Finds all occurrences of a set of byte strings.
pub(crate) struct Patterns {
    nfa: NFA,
    longest: usize,
}

/// Where a scan stands between two windows.
#[derive(Clone, Copy)]
pub(crate) struct ScanState(StateID);

impl Patterns {
    pub(crate) fn build<P: AsRef<[u8]>>(patterns: &[P]) -> Result<Self, OpenError> {
        let longest = patterns.iter().map(|p| p.as_ref().len()).max().unwrap_or(0);
        let nfa = NFA::builder()
            .match_kind(MatchKind::Standard)
            .prefilter(false)
            .build(patterns)
            .map_err(|_| OpenError::Damaged("too many patterns"))?;
        Ok(Self { nfa, longest })
    }

    /// Bytes of the longest pattern.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    pub(crate) fn length(&self, pattern: usize) -> usize {
        aho_corasick::PatternID::new(pattern).map_or(0, |id| self.nfa.pattern_len(id))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.nfa.memory_usage()
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
