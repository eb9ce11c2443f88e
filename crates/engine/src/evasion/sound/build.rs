//! The parts of [`Sounds`], from terms.

use super::heard::Heard;
use super::said::Said;
use super::{
    BEGINNINGS, MAX_LETTERS, MAX_WORDS, MIN_JUMBLED, MIN_JUMBLED_END, MIN_LETTERS, WORD, jumbled_key,
    letter_bit,
};
use crate::CompileError;
use crate::compiled::no_memory;
use crate::evasion::known::{Filed, Known};
use crate::reserve::push;

/// *Numbers*: letters that words begin with (as bits, 4 bytes), words of the longest term (1 byte). *Words*, [`WORD`] bytes each
/// and one more as the end; their *letters*. What is heard, and what is jumbled: three parts each. *Phrases* of two words, of three.
pub(in crate::evasion) const PARTS: usize = 11;

#[derive(Default)]
pub(in crate::evasion) struct Builder {
    words: Vec<[u8; WORD]>,
    letters: Vec<u8>,
    heard: Vec<(u64, u32)>,
    jumbled: Vec<(u64, u32)>,
    phrases: [Vec<u64>; MAX_WORDS - 1],
    longest: usize,
    begins: u32,
}

impl Builder {
    /// Adds a term (folded) unless it cannot be meant by its sound.
    pub(in crate::evasion) fn add(
        &mut self,
        term: usize,
        text: &[char],
        form: bool,
        plural: bool,
    ) -> Result<(), CompileError> {
        let words = text
            .split(|c| matches!(c, ' ' | '-'))
            .filter(|w| !w.is_empty())
            .count();
        let single = text.split(|c| matches!(c, ' ' | '-')).any(|w| w.len() == 1);
        let letters = || text.iter().filter(|c| !matches!(c, ' ' | '-'));
        let count = letters().count();
        if words > MAX_WORDS
            || single
            || !(MIN_LETTERS..=MAX_LETTERS).contains(&count)
            || !letters().all(char::is_ascii_lowercase)
        {
            return Ok(());
        }
        let mut spelled = [0; MAX_LETTERS];
        for (to, &letter) in spelled.iter_mut().zip(letters()) {
            *to = letter as u8;
        }
        let spelled = spelled.get(..count).unwrap_or_default();
        let Some(heard) = Heard::new(spelled.iter().copied()) else {
            return Ok(());
        };
        if heard.count < 2 {
            return Ok(());
        }
        let number = self.words.len() as u32;
        let plural = form && plural;
        self.end(term, [words as u8, u8::from(form), u8::from(plural)])?;
        self.letters.try_reserve(count).map_err(no_memory)?;
        self.letters.extend_from_slice(spelled);
        push(&mut self.heard, (heard.key(), number)).map_err(no_memory)?;
        if words == 1 && count >= MIN_JUMBLED {
            push(&mut self.jumbled, (jumbled_key(spelled), number)).map_err(no_memory)?;
            // The last two.
            if count >= MIN_JUMBLED_END {
                let mut swapped = [0; MAX_LETTERS];
                if let Some(swapped) = swapped.get_mut(..count) {
                    swapped.copy_from_slice(spelled);
                    swapped.swap(count - 1, count - 2);
                    push(&mut self.jumbled, (jumbled_key(swapped), number)).map_err(no_memory)?;
                }
            }
        }
        self.longest = self.longest.max(words);
        if let Some(phrases) = words.checked_sub(2).and_then(|n| self.phrases.get_mut(n)) {
            push(phrases, Said::first(spelled).key()).map_err(no_memory)?;
        }
        if let Some(&first) = text.first() {
            let same = BEGINNINGS
                .iter()
                .filter(|g| g.contains(first))
                .flat_map(|g| g.chars());
            self.begins |= same
                .chain([first])
                .fold(0, |bits, letter| bits | letter_bit(letter));
        }
        Ok(())
    }

    /// One more record, which is the end of the one before it.
    fn end(&mut self, term: usize, [words, form, plural]: [u8; 3]) -> Result<(), CompileError> {
        let [a, b, c, d] = (self.letters.len() as u32).to_le_bytes();
        let [e, f, g, h] = (term as u32).to_le_bytes();
        let record = [a, b, c, d, e, f, g, h, words, form, plural, 0];
        push(&mut self.words, record).map_err(no_memory)
    }

    pub(in crate::evasion) fn finish(mut self) -> Result<[Vec<u8>; PARTS], CompileError> {
        self.end(0, [0; 3])?;
        let mut numbers = self.begins.to_le_bytes().to_vec();
        numbers.push(self.longest as u8);
        let [heard, heard_starts, heard_list] = Filed::build(&self.heard)?;
        let [jumbled, jumbled_starts, jumbled_list] = Filed::build(&self.jumbled)?;
        let [two, three] = self.phrases.map(|keys| Known::build(keys.into_iter()));
        Ok([
            numbers,
            self.words.into_flattened(),
            self.letters,
            heard,
            heard_starts,
            heard_list,
            jumbled,
            jumbled_starts,
            jumbled_list,
            two,
            three,
        ])
    }
}
