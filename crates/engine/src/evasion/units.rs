//! The text as an evader's reader sees it: one unit per letter or sign, with its marks taken off, and with the
//! original span that it came from. Decoded as far as somebody asks, forgotten when nobody can ask again.

use super::table::styled;
use crate::fold::classes::{is_boundary, is_ignorable, is_space};
use crate::fold::fold_text;
use std::collections::VecDeque;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript};

/// One letter or sign of the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// As written.
    pub(crate) raw: char,
    /// Folded, marks included where they compose.
    pub(crate) fold: char,
    /// Folded, without any mark.
    pub(crate) base: char,
    /// Marks were taken off to get to `base`, or the letter was in a box.
    pub(crate) marked: bool,
    pub(crate) script: Script,
}

impl Unit {
    pub(crate) fn is_letter(&self) -> bool {
        is_letter(self.base)
    }

    /// Is it a letter or digit, read in any way?
    pub(crate) fn is_wordy(&self) -> bool {
        self.is_letter() || self.raw.is_alphanumeric()
    }

    /// Is the next unit surely inside the same word? Both are plain letters without anything between them.
    pub(crate) fn runs_on(&self, next: &Self) -> bool {
        let letter = |c: char| matches!(c, 'a'..='z' | 'A'..='Z' | 'А'..='я');
        self.end == next.start && letter(self.raw) && letter(next.raw) && !self.marked
    }
}

/// Is it a letter? Unicode's table is asked only about letters that most text has not.
pub(super) fn is_letter(c: char) -> bool {
    matches!(c, 'А'..='я') || c.is_alphabetic()
}

/// Plain characters decoded at a time.
const RUN: usize = 16;

/// Most combining characters looked at in one unit.
const MAX_MARKS: usize = 32;

pub(crate) struct Units<'t> {
    text: &'t str,
    position: usize,
    buffer: VecDeque<Unit>,
    /// Number of the first unit in `buffer`.
    base: usize,
}

impl<'t> Units<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            text,
            position: 0,
            buffer: VecDeque::new(),
            base: 0,
        }
    }

    /// The units from byte `position` on, numbered from 0.
    pub(super) fn beginning_at(text: &'t str, position: usize) -> Self {
        Self {
            position,
            ..Self::new(text)
        }
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// Unit number `index`, if the text has that many and it is not forgotten.
    pub(crate) fn get(&mut self, index: usize) -> Option<Unit> {
        let place = index.checked_sub(self.base)?;
        while place >= self.buffer.len() {
            if !self.decode() {
                return None;
            }
        }
        self.buffer.get(place).copied()
    }

    /// Units before `index` are not needed any more, but for the few that word edges look back to.
    pub(crate) fn forget_before(&mut self, index: usize) {
        while self.base + 8 < index && self.buffer.pop_front().is_some() {
            self.base += 1;
        }
    }

    fn push(&mut self, start: usize, end: usize, raw: char, fold: char, base: char, marked: bool) {
        self.buffer.push_back(Unit {
            start,
            end,
            raw,
            fold,
            base,
            marked,
            script: script_of(raw),
        });
    }

    /// Decodes characters that stand for themselves whatever is around them, up to [`RUN`] of them. Returns whether
    /// there was one.
    fn decode_plain(&mut self) -> bool {
        let begin = self.position;
        let mut chars = self.text.get(begin..).unwrap_or("").char_indices();
        let mut next = chars.next();
        for _ in 0..RUN {
            let Some((at, raw)) = next else { break };
            let Some(fold) = plain(raw).filter(|_| raw >= ' ') else {
                break;
            };
            next = chars.next();
            let alone = match next {
                None => true,
                // White space is one unit, however much of it there is.
                Some((_, ' ')) => raw != ' ',
                Some((_, '!'..='~' | 'А'..='я')) => true,
                Some(_) => false,
            };
            if !alone || raw == '\x7f' {
                break;
            }
            let (start, end) = (begin + at, begin + at + raw.len_utf8());
            self.push(start, end, raw, fold, fold, false);
            self.position = end;
        }
        self.position > begin
    }

    /// Decodes one segment, or a run of plain characters. Returns `false` at the end of the text.
    fn decode(&mut self) -> bool {
        if self.decode_plain() {
            return true;
        }
        loop {
            let begin = self.position;
            let rest = self.text.get(begin..).unwrap_or("");
            let mut chars = rest.char_indices().peekable();
            let Some((_, raw)) = chars.next() else {
                return false;
            };
            if is_ignorable(raw) {
                self.position = begin + raw.len_utf8();
                continue;
            }
            let mut end = begin + raw.len_utf8();
            if is_space(raw) {
                while let Some(&(at, c)) = chars.peek() {
                    if !is_space(c) && !is_ignorable(c) {
                        break;
                    }
                    end = begin + at + c.len_utf8();
                    chars.next();
                }
                self.position = end;
                self.push(begin, end, ' ', ' ', ' ', false);
                return true;
            }
            let mut next = end;
            let mut marks = 0;
            while let Some(&(at, c)) = chars.peek() {
                if !is_ignorable(c) && is_boundary(c) {
                    break;
                }
                chars.next();
                next = begin + at + c.len_utf8();
                if !is_ignorable(c) {
                    marks += 1;
                    end = next;
                }
            }
            self.position = next;
            if marks == 0
                && let Some(fold) = plain(raw)
            {
                self.push(begin, end, raw, fold, fold, false);
                return true;
            }
            let boxed = styled(raw);
            let folded = match boxed {
                Some(letter) => letter.to_string(),
                None => {
                    let kept: String = rest
                        .chars()
                        .filter(|&c| !is_ignorable(c))
                        .take(1 + marks.min(MAX_MARKS))
                        .collect();
                    fold_text(&kept)
                }
            };
            let mut pushed = false;
            for fold in folded.chars().filter(|&c| !is_combining_mark(c) && c != ' ') {
                let base = if marks == 0 && ('а'..='я').contains(&fold) {
                    fold
                } else {
                    stripped(fold)
                };
                let marked = base != fold || marks > 0 || boxed.is_some();
                self.push(begin, end, raw, fold, base, marked);
                pushed = true;
            }
            if pushed {
                return true;
            }
        }
    }
}

/// The unit of a plain character that stands by itself.
pub(super) fn plain_unit(raw: char) -> Unit {
    let fold = plain(raw).unwrap_or(raw);
    Unit {
        start: 0,
        end: raw.len_utf8(),
        raw,
        fold,
        base: fold,
        marked: false,
        script: script_of(raw),
    }
}

/// What a character without marks folds to, and is without marks: most text is of these.
fn plain(raw: char) -> Option<char> {
    match raw {
        '\0'..='\x7f' => Some(raw.to_ascii_lowercase()),
        'а'..='я' => Some(raw),
        'А'..='Я' => char::from_u32(raw as u32 + 0x20),
        _ => None,
    }
}

pub(super) fn script_of(raw: char) -> Script {
    match raw {
        'a'..='z' | 'A'..='Z' => Script::Latin,
        '\0'..='\x7f' => Script::Common,
        'А'..='я' => Script::Cyrillic,
        _ => raw.script(),
    }
}

/// A letter without its marks; й keeps its breve, which makes it another letter.
fn stripped(c: char) -> char {
    if matches!(c, 'й' | 'ї' | 'ў' | 'ѓ' | 'ќ') {
        return c;
    }
    let base = std::iter::once(c)
        .nfd()
        .find(|&d| !is_combining_mark(d))
        .unwrap_or(c);
    match base {
        'ø' => 'o',
        'ł' => 'l',
        'đ' => 'd',
        'ı' => 'i',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bases(text: &str) -> String {
        let mut units = Units::new(text);
        (0..).map_while(|n| units.get(n)).map(|u| u.base).collect()
    }

    #[test]
    fn marks_boxes_and_widths_are_taken_off() {
        assert_eq!(bases("s̵̼̲h̸i͚t pÓöp ＣＡＳＩＮＯ"), "shit poop casino");
        assert_eq!(bases("🇬🇬 🅰 𝓌𝓸𝓻𝒹 1️⃣ ⓐ"), "gg a word 1 a");
        assert_eq!(bases("мой мо\u{438}\u{306} ё"), "мой мой е");
        assert_eq!(bases("a \n\u{200b} b"), "a b");
    }

    #[test]
    fn plain_characters_need_no_tables() {
        for raw in ('\0'..='\u{4ff}').filter(|&c| plain(c).is_some() && !is_space(c) && !is_ignorable(c)) {
            let fold = fold_text(&raw.to_string());
            assert_eq!(plain(raw).map(String::from).as_ref(), Some(&fold), "{raw}");
            assert_eq!(fold.chars().map(stripped).collect::<String>(), fold, "{raw}");
        }
        assert!(('\0'..='\u{4ff}').all(|c| script_of(c) == c.script()));
    }

    #[test]
    fn spans_are_of_the_original() {
        let text = "x\u{200b}ß\u{301}y";
        let mut units = Units::new(text);
        let spans: Vec<_> = (0..)
            .map_while(|n| units.get(n))
            .map(|u| &text[u.start..u.end])
            .collect();
        assert_eq!(spans, ["x", "ß\u{301}", "ß\u{301}", "y"]);
    }
}
