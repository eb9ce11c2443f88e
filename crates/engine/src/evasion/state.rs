//! How far a walk has read one term, and what it had to assume so far.

use super::Steps;
use super::opening::Read;
use unicode_script::Script;

#[derive(Clone)]
pub(super) struct State {
    /// The letters of the term, as far as `openings` knows them.
    pub(super) read: Read,
    pub(super) lo: usize,
    pub(super) hi: usize,
    pub(super) depth: usize,
    /// Next unit to read.
    pub(super) unit: usize,
    pub(super) cost: f32,
    pub(super) steps: Steps,
    /// Letters as they are, and letters of another script.
    pub(super) own: usize,
    pub(super) foreign: usize,
    pub(super) foreign_script: Option<Script>,
    pub(super) two_scripts: bool,
    /// Some letter has a shape that no ordinary text uses.
    pub(super) odd: bool,
    pub(super) digits: usize,
    /// Digits read as letters in a row, now and at most; and whether one began or ended the reading.
    pub(super) digit_run: usize,
    pub(super) longest_digit_run: usize,
    pub(super) digit_at_edge: bool,
    pub(super) hidden: usize,
    /// A letter stood for a hidden one; an x for the sound of "ck".
    pub(super) masked_by_letter: bool,
    pub(super) sound_x: bool,
    pub(super) marks: usize,
    pub(super) boxed: bool,
    pub(super) doubled: usize,
    pub(super) elongated: bool,
    pub(super) separator: Option<char>,
    pub(super) separators: usize,
    /// White space beside a sign between the letters.
    pub(super) spaced: bool,
    /// A letter stood for another of its script.
    pub(super) same_script: bool,
    /// A space of the term was left out.
    pub(super) joined: bool,
    /// An l and an i were taken for each other, whatever the letters beside them: how often.
    pub(super) confused: usize,
    /// A digit was read by its name.
    pub(super) spoken_digit: bool,
    /// Signs that were read as letters with spaces around them.
    pub(super) spaced_signs: usize,
    /// A sign of addresses hid a letter: "id?page", "x&y".
    pub(super) asked: bool,
    pub(super) chunk: usize,
    pub(super) longest_chunk: usize,
    /// The same for the word of the term that is being read, and how often something stands between its letters.
    pub(super) word_chunk: usize,
    pub(super) word_gaps: usize,
    /// Letters of the words that were written whole, and of the shortest word whose letters were separated.
    pub(super) whole: usize,
    pub(super) shortest_apart: usize,
    /// Some word was separated into more than letters.
    pub(super) in_pieces: bool,
    /// The last thing read was a sign, not a letter of the term.
    pub(super) gap: bool,
}

impl State {
    /// A piece of the text's letters ends here.
    pub(super) fn end_chunk(&mut self) {
        self.longest_chunk = self.longest_chunk.max(self.chunk);
        self.word_chunk = self.word_chunk.max(self.chunk);
        self.chunk = 0;
    }

    /// Something stands between two letters of a word.
    pub(super) fn part(&mut self) {
        self.end_chunk();
        self.word_gaps += 1;
    }

    /// The longest piece of this word, so far.
    pub(super) fn piece(&self) -> usize {
        self.word_chunk.max(self.chunk)
    }

    /// A word of the term ends here.
    pub(super) fn end_word(&mut self) {
        self.end_chunk();
        if self.word_gaps == 0 {
            // A letter that is a word is both.
            self.whole += if self.word_chunk > 1 { self.word_chunk } else { 0 };
        } else {
            self.shortest_apart = self.shortest_apart.min(self.word_gaps + 1);
            self.in_pieces |= self.word_chunk > 1;
        }
        (self.word_chunk, self.word_gaps) = (0, 0);
    }
}
