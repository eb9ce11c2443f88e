//! Inflected terms over the words of a text: which words are forms of the words of terms, and which phrases they make.
//! What is a form, `compiled::inflected` and the grammars behind it know.

use super::View;
use super::scan::{Sink, Span};
use super::words::{MAX_WORD, REACH, Token, next_token};
use crate::compiled::inflected::{Form, Inflected, is_hyphen};
use crate::evasion::{INFLECTED_COST, Steps, reading};
use crate::fold::Folder;
use crate::reserve::push;
use crate::{Level, MatchError};
use std::collections::VecDeque;

/// What reading a word of a form in disguise costs.
const DISGUISED_COST: f32 = 0.25;

/// Most characters between two words of a phrase.
const MAX_GAP: usize = 3;

/// A word of a text that was looked at.
struct Looked {
    token: Token,
    forms: Vec<Form>,
    /// It had to be read as an evasion.
    bent: bool,
}

/// The words of a text from one on, looked at as far as some phrase asked. The text is what the folder keeps.
pub(super) struct InflectedScan<'a, 't, 'f> {
    view: &'a View<'a>,
    inflected: Inflected<'a>,
    text: &'t str,
    folder: &'a Folder<'f>,
    kept: &'a str,
    base: usize,
    ahead: VecDeque<Looked>,
    /// Lists to use again.
    spare: Vec<Vec<Form>>,
}

fn no_memory<E>(_: E) -> MatchError {
    MatchError::OutOfMemory
}

/// Letters of one script with nothing that could stand for another letter: what no word has that is read as an evasion.
fn is_plain(raw: &str) -> bool {
    let latin = raw.bytes().all(|b| b.is_ascii_alphabetic());
    latin || raw.chars().all(|c| matches!(c, 'А'..='я'))
}

impl<'a, 't, 'f> InflectedScan<'a, 't, 'f> {
    pub(super) fn new(view: &'a View<'a>, text: &'t str, folder: &'a Folder<'f>) -> Self {
        let (kept, base) = folder.kept();
        Self {
            view,
            inflected: view.image.inflected(),
            text,
            folder,
            kept,
            base,
            ahead: VecDeque::new(),
            spare: Vec::new(),
        }
    }

    /// Looks at the word of `token`; the words of a text come in order.
    pub(super) fn word(&mut self, token: Token, sink: &mut Sink<'_, '_, '_>) -> Result<(), MatchError> {
        let known = self.ahead.front().is_some_and(|l| l.token.start == token.start);
        let head = match self.ahead.pop_front().filter(|_| known) {
            Some(head) => head,
            None => {
                self.ahead.clear();
                self.look(token)?
            }
        };
        if !head.forms.is_empty() {
            self.terms(&head, sink)?;
        }
        self.spare.push(head.forms);
        Ok(())
    }

    fn look(&mut self, token: Token) -> Result<Looked, MatchError> {
        let mut forms = self.spare.pop().unwrap_or_default();
        forms.clear();
        let mut bent = false;
        if let Some(word) = self
            .kept
            .get(token.start..token.end)
            .filter(|w| w.len() <= MAX_WORD)
        {
            self.inflected.forms(word, &mut forms).map_err(no_memory)?;
            if forms.is_empty() && self.inflected.is_evasive() {
                let (start, end) = (self.base + token.start, self.base + token.end);
                let span = self.folder.original_span(start, end);
                let raw = span.and_then(|s| self.text.get(s.start..s.end)).unwrap_or("");
                if !is_plain(raw)
                    && let Some(read) = reading(raw)
                {
                    self.inflected.forms(&read, &mut forms).map_err(no_memory)?;
                    bent = !forms.is_empty();
                }
            }
        }
        Ok(Looked { token, forms, bent })
    }

    /// The `n`th word behind the head, if it can belong to the same phrase; `false` if not.
    fn look_ahead(&mut self, head: Token, n: usize) -> Result<bool, MatchError> {
        while self.ahead.len() < n {
            let before = self.ahead.back().map_or(head, |l| l.token);
            let Some(after) = next_token(self.kept, before.end) else {
                return Ok(false);
            };
            let looked = self.look(after)?;
            self.ahead.push_back(looked);
        }
        let before = match n.checked_sub(2) {
            Some(n) => self.ahead.get(n).map_or(head, |l| l.token),
            None => head,
        };
        let Some(after) = self.ahead.get(n - 1) else {
            return Ok(false);
        };
        let gap = self.kept.get(before.end..after.token.start).unwrap_or("");
        let joins = |c| c == ' ' || is_hyphen(c);
        Ok(gap.chars().count() <= MAX_GAP && gap.chars().all(joins) && after.token.end - head.start <= REACH)
    }

    /// The terms that begin with a form of the word.
    fn terms(&mut self, head: &Looked, sink: &mut Sink<'_, '_, '_>) -> Result<(), MatchError> {
        let inflected = self.inflected;
        for &form in &head.forms {
            for entry in inflected.singles(form.word) {
                self.hit(entry, head, &[form], sink)?;
            }
        }
        if !head.forms.iter().any(|f| inflected.begins(f.word)) || !self.look_ahead(head.token, 1)? {
            return Ok(());
        }
        let mut found: Vec<(u32, Vec<Form>)> = Vec::new();
        for &first in head.forms.iter().filter(|f| inflected.begins(f.word)) {
            let count = self.ahead.front().map_or(0, |l| l.forms.len());
            for n in 0..count {
                let Some(&second) = self.ahead.front().and_then(|l| l.forms.get(n)) else {
                    break;
                };
                'phrases: for (entry, words) in inflected.phrases(first.word, second.word) {
                    let mut forms = vec![first, second];
                    for (n, word) in words.iter().enumerate().skip(2) {
                        if !self.look_ahead(head.token, n)? {
                            continue 'phrases;
                        }
                        let looked = self.ahead.get(n - 1);
                        let form = looked.and_then(|l| l.forms.iter().find(|f| f.word == word));
                        match form {
                            Some(&form) => push(&mut forms, form).map_err(no_memory)?,
                            None => continue 'phrases,
                        }
                    }
                    push(&mut found, (entry, forms)).map_err(no_memory)?;
                }
            }
        }
        for (entry, forms) in found {
            self.hit(entry, head, &forms, sink)?;
        }
        Ok(())
    }

    /// A term whose words have these forms, from the head on.
    fn hit(
        &self,
        number: u32,
        head: &Looked,
        forms: &[Form],
        sink: &mut Sink<'_, '_, '_>,
    ) -> Result<(), MatchError> {
        let words = || std::iter::once(head).chain(&self.ahead).zip(forms);
        let bent = words().any(|(looked, _)| looked.bent);
        let Some(entry) = self
            .view
            .entry(number)
            .filter(|entry| !bent || entry.level == Level::Evasion)
        else {
            return Ok(());
        };
        let is_form = |(looked, form): (&Looked, &Form)| {
            let word = self.kept.get(looked.token.start..looked.token.end);
            looked.bent || word.is_some_and(|word| self.inflected.is_form(word, *form))
        };
        if !words().all(is_form) {
            return Ok(());
        }
        let end = words()
            .last()
            .map_or(head.token.end, |(looked, _)| looked.token.end);
        let exact = forms.iter().all(|form| form.exact);
        let mut steps = if exact { Steps::NONE } else { Steps::INFLECTED };
        let mut cost = if exact { 0.0 } else { INFLECTED_COST };
        if bent {
            steps = steps.with(Steps::LOOKALIKE);
            cost += DISGUISED_COST;
        }
        let span = if steps.is_empty() {
            Span::AsIs
        } else {
            Span::Steps(steps, cost, bent)
        };
        let place = (self.base + head.token.start, self.base + end);
        sink.folded(self.folder, &entry, place, span)
    }
}
