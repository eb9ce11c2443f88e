//! The plain words of a text, each looked at once however many questions are asked about it.

use super::first_letters::{COUNT, FirstLetters};
use super::gate::Gate;
use super::plain::{Kind, Word, char_at, is_wordy};
use super::quiet::Run;
use super::sound::{Said, Sounds};
use super::stretch::Stretch;

/// Words kept: one, and those of a phrase behind it.
const KEPT: usize = 4;

/// Bytes looked at together.
const EIGHT: usize = 8;

#[derive(Clone, Copy)]
struct Seen {
    word: Word,
    known: Option<bool>,
    said: Option<Said>,
}

/// The words of one text, asked for from its beginning on.
pub(crate) struct Words<'t> {
    pub(super) text: &'t [u8],
    kept: [Option<Seen>; KEPT],
    next: usize,
    border: Border,
    run: Run,
    /// The word that was asked about last whether it is drawn.
    rest: Word,
    stretch: Stretch,
}

impl<'t> Words<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            text: text.as_bytes(),
            kept: [None; KEPT],
            next: 0,
            border: Border::default(),
            run: Run::default(),
            rest: Word::NONE,
            stretch: Stretch::default(),
        }
    }

    /// The word that begins at byte `start`.
    #[inline]
    pub(super) fn at(&mut self, start: usize) -> Word {
        if let Some((word, _)) = self.run.word(start) {
            return word;
        }
        let kept = self.kept.iter().flatten().find(|seen| seen.word.start == start);
        match kept {
            Some(seen) => seen.word,
            None => self.read(start),
        }
    }

    fn read(&mut self, start: usize) -> Word {
        let word = Word::at(self.text, start);
        if let Some(slot) = self.kept.get_mut(self.next % KEPT) {
            *slot = Some(Seen {
                word,
                known: None,
                said: None,
            });
        }
        self.next += 1;
        word
    }

    fn seen(&mut self, word: &Word) -> Option<&mut Seen> {
        self.kept
            .iter_mut()
            .flatten()
            .find(|seen| seen.word.start == word.start)
    }

    /// Is it a word of a language?
    pub(super) fn is_known(&mut self, word: &Word) -> bool {
        let text = self.text;
        if word.kind == Kind::Latin
            && let Some((_, number)) = self.run.word(word.start)
        {
            return !self.run.is_unknown(number);
        }
        match self.seen(word) {
            Some(seen) => *seen.known.get_or_insert_with(|| word.is_known(text)),
            None => word.is_known(text),
        }
    }

    pub(super) fn said(&mut self, word: &Word) -> Said {
        let text = self.text;
        let said = || Said::new(word.bytes(text));
        match self.seen(word) {
            Some(seen) => *seen.said.get_or_insert_with(said),
            None => said(),
        }
    }

    /// Passes over quiet words from byte `from` on, where one begins.
    #[inline]
    pub(super) fn pass_quiet(&mut self, gate: &Gate<'_>, sounds: &Sounds<'_>, from: usize) -> usize {
        let (border, text) = (&mut self.border, self.text);
        self.run
            .pass(gate, sounds, text, from, |at| border.is_ahead(text, at))
    }

    /// May a reading begin with the letter at byte `at`, in text of one script? Asked from the beginning on.
    #[inline]
    pub(super) fn may_begin(&mut self, first_letters: &FirstLetters<'_>, at: usize) -> bool {
        let ahead = self.stretch.ahead(self.text, at, COUNT);
        ahead.is_none_or(|ahead| first_letters.may_begin(&ahead))
    }

    /// May letters from byte `at` on stand for those of another script that they look like? Asked from the beginning on.
    pub(super) fn may_be_drawn(&mut self, at: usize) -> bool {
        self.is_another_script_behind(at) || {
            // Digits among letters.
            if at >= self.rest.end {
                self.rest = Word::at(self.text, at);
            }
            self.rest.kind == Kind::Strange
        }
    }

    /// Does text of another script than that at byte `at`, or a character that is not plain, come behind it?
    #[inline]
    pub(super) fn is_another_script_behind(&mut self, at: usize) -> bool {
        self.border.is_ahead(self.text, at)
    }
}

/// Up to where a text is of one script and of plain characters.
#[derive(Default)]
struct Border {
    /// Where it was last looked for, from the beginning on.
    at: usize,
    latin: bool,
    cyrillic: bool,
}

impl Border {
    #[inline]
    fn is_ahead(&mut self, text: &[u8], from: usize) -> bool {
        if self.at >= text.len() && self.at > from {
            return self.latin && self.cyrillic;
        }
        self.look(text, from)
    }

    fn look(&mut self, text: &[u8], from: usize) -> bool {
        if self.at <= from {
            (self.at, self.latin, self.cyrillic) = (from, false, false);
        }
        while self.at < text.len() && !(self.latin && self.cyrillic) {
            // In a text of Latin letters, only what is not ASCII counts.
            if self.latin
                && let Some(eight) = text.get(self.at..self.at + EIGHT)
                && eight.is_ascii()
            {
                self.at += EIGHT;
                continue;
            }
            match text.get(self.at) {
                Some(byte) if byte.is_ascii() => {
                    self.latin |= byte.is_ascii_alphabetic();
                    self.at += 1;
                }
                _ => match char_at(text, self.at) {
                    Some((c, length)) => {
                        self.cyrillic |= length == 2 && is_wordy(c);
                        self.at += length;
                    }
                    None => return true,
                },
            }
        }
        self.latin && self.cyrillic
    }
}
