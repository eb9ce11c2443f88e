//! Regular expressions over one text, window by window. Not for other modes: those share one pass (`scan`).

use super::scan::{Sink, Span};
use super::{Evidence, View};
use crate::evasion::Steps;
use crate::fold::Folder;
use crate::{Level, MatchError};

/// Regular expressions over one text: where each of them goes on.
pub(super) struct RegexScan {
    next: Vec<usize>,
}

impl RegexScan {
    pub(super) fn new(matcher: &View<'_>) -> Self {
        Self {
            next: vec![0; matcher.regexes.len()],
        }
    }

    /// Expressions of level literal run on the text as it is: reports every match that begins before byte
    /// `settled`, and returns where the next may begin.
    pub(super) fn advance_raw(
        &mut self,
        matcher: &View<'_>,
        end: usize,
        settled: usize,
        sink: &mut Sink<'_, '_, '_>,
    ) -> Result<usize, MatchError> {
        let mut horizon = usize::MAX;
        for ((regex, number), next) in matcher.regexes.iter().zip(&mut self.next) {
            let Some(entry) = matcher.entry(*number) else {
                continue;
            };
            if entry.level != Level::Literal {
                continue;
            }
            horizon = settled;
            while *next < settled.min(end) {
                sink.tick()?;
                let input = regex_automata::Input::new(sink.text).span(*next..end);
                let Some(found) = regex.find(input).filter(|f| f.start() < settled) else {
                    break;
                };
                *next = found.end();
                let evidence = Evidence {
                    level: Level::Literal,
                    factor: 1.0,
                    steps: Steps::NONE,
                };
                sink.add(&entry, found.start(), found.end(), evidence)?;
            }
            if settled < end {
                let mut from = (*next).max(settled);
                while !sink.text.is_char_boundary(from) {
                    from += 1;
                }
                *next = from;
            }
        }
        Ok(horizon)
    }

    /// Reports every match that begins before folded offset `settled`.
    pub(super) fn advance(
        &mut self,
        matcher: &View<'_>,
        folder: &Folder<'_>,
        settled: usize,
        sink: &mut Sink<'_, '_, '_>,
    ) -> Result<(), MatchError> {
        let (kept, base) = folder.kept();
        for ((regex, number), next) in matcher.regexes.iter().zip(&mut self.next) {
            let Some(entry) = matcher.entry(*number) else {
                continue;
            };
            while *next < settled {
                sink.tick()?;
                let from = next.saturating_sub(base);
                if from > kept.len() {
                    break;
                }
                let input = regex_automata::Input::new(kept).span(from..kept.len());
                let Some(found) = regex.find(input) else { break };
                if base + found.start() >= settled {
                    break;
                }
                let span = (base + found.start(), base + found.end());
                *next = span.1.max(span.0 + 1);
                sink.folded(folder, &entry, span, Span::AsIs)?;
            }
            if settled < folder.folded_end() && *next < settled {
                let mut from = settled.saturating_sub(base);
                while !kept.is_char_boundary(from) {
                    from += 1;
                }
                *next = base + from;
            }
        }
        Ok(())
    }
}
