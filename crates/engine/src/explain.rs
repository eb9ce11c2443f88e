//! Answers for an operator: what an item did with a text, for a hit and for a miss; the text with its hits hidden;
//! the text as the matcher sees it.
//!
//! Compiles the one item again and again, so it is for one question at a time, not for a table of texts.

use crate::evasion::reading;
use crate::fold::classes::{is_extender, is_word};
use crate::item::folded_term;
use crate::{
    CompileError, Evidence, FindOptions, Hit, Interrupt, Item, Language, Level, MatchError, MatchMode,
    Matcher, Term, compile, fold_text, validate_term,
};

/// Most near misses that are reported.
const MAX_NEAR: usize = 5;

/// Longest text explained, in bytes; of a longer one the beginning.
const MAX_TEXT: usize = 256 * 1024;

/// A place that another mode or level would have found.
#[derive(Clone, Debug, PartialEq)]
pub struct Near {
    pub mode: MatchMode,
    pub level: Level,
    pub hit: Hit,
}

/// What an item did with a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What is searched for.
    pub term_folded: String,
    /// Hits, suppressed ones included.
    pub hits: Vec<Hit>,
    /// When there is no hit: what would have found something.
    pub near: Vec<Near>,
    /// All of it in sentences, the most important first.
    pub sentences: Vec<String>,
}

fn hits_of(items: &[Item], text: &str, interrupt: Interrupt<'_>) -> Result<Vec<Hit>, CompileError> {
    let bytes = compile(items, interrupt)?;
    let matcher = Matcher::open(&bytes).map_err(|_| CompileError::OutOfMemory)?;
    let options = FindOptions {
        suppressed: true,
        ..FindOptions::default()
    };
    matcher
        .find(text, &options, interrupt)
        .map_err(|error| match error {
            MatchError::Interrupted => CompileError::Interrupted,
            MatchError::OutOfMemory => CompileError::OutOfMemory,
        })
}

fn evidence(evidence: Evidence) -> String {
    let steps: Vec<&str> = evidence.steps.names().collect();
    match (evidence.level, steps.is_empty()) {
        (Level::Literal, _) => "exactly as the term is written".into(),
        (_, true) => "after folding (case, width, invisible characters)".into(),
        _ => {
            let words: Vec<&str> = evidence.steps.words().collect();
            format!(
                "with {}: {} (evidence {:.2})",
                steps.join(", "),
                words.join(", "),
                evidence.factor
            )
        }
    }
}

/// Explains what `item` does with `text`, given the allow entries of its package.
///
/// # Errors
/// As [`compile`]: a term that cannot be compiled, an interrupt, no memory.
pub fn explain(
    text: &str,
    item: &Item,
    allow: &[Item],
    interrupt: Interrupt<'_>,
) -> Result<Explanation, CompileError> {
    let mut cut = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    let text = text.get(..cut).unwrap_or("");
    let mut items = vec![item.clone()];
    items.extend(allow.iter().cloned().map(|a| Item {
        slot: item.slot,
        allow: true,
        ..a
    }));
    let hits = hits_of(&items, text, interrupt)?;
    let mut out = Explanation {
        term_folded: folded_term(&item.term.text),
        hits,
        near: Vec::new(),
        sentences: Vec::new(),
    };
    for hit in &out.hits {
        let matched = text.get(hit.bytes.clone()).unwrap_or("");
        let place = format!("«{matched}» at character {}", hit.start + 1);
        let sentence = match hit.suppressed_by {
            Some(id) => {
                let entry = allow
                    .iter()
                    .find(|a| a.id == id)
                    .map_or("", |a| a.term.text.as_str());
                format!("Found {place}, but allow entry {id} («{entry}») covers it.")
            }
            None => format!("Found {place}, {}.", evidence(hit.evidence)),
        };
        out.sentences.push(sentence);
    }
    if out.hits.is_empty() {
        miss(text, item, &mut out, interrupt)?;
    }
    Ok(out)
}

/// Why nothing was found: what other settings would have found.
fn miss(
    text: &str,
    item: &Item,
    out: &mut Explanation,
    interrupt: Interrupt<'_>,
) -> Result<(), CompileError> {
    let name = &item.term.text;
    out.sentences.push(format!(
        "Not found: «{name}» in mode {}, level {}.",
        item.term.mode.name(),
        item.term.level.name()
    ));
    let mut tries: Vec<(MatchMode, Level)> = Vec::new();
    if item.term.mode.is_plain() {
        let levels = [Level::Folded, Level::Evasion];
        tries.extend(
            levels
                .iter()
                .filter(|l| **l > item.term.level)
                .map(|l| (item.term.mode, *l)),
        );
        tries.push((MatchMode::Inflected, item.term.level.max(Level::Folded)));
        tries.push((MatchMode::Substring, item.term.level.max(Level::Folded)));
        tries.push((MatchMode::Typo, Level::Folded));
    } else if item.term.mode == MatchMode::Inflected {
        tries.push((MatchMode::Inflected, Level::Evasion));
        tries.push((MatchMode::Typo, Level::Folded));
        tries.push((MatchMode::Substring, Level::Folded));
    }
    for (mode, level) in tries {
        let term = Term {
            mode,
            level,
            ..item.term.clone()
        };
        if mode == item.term.mode && level == item.term.level || validate_term(&term).is_err() {
            continue;
        }
        let other = Item { term, ..item.clone() };
        for hit in hits_of(&[other], text, interrupt)?.into_iter().take(1) {
            let matched = text.get(hit.bytes.clone()).unwrap_or("");
            let place = format!("«{matched}» at character {}", hit.start + 1);
            out.sentences.push(match mode {
                MatchMode::Substring => {
                    let word = word_around(text, &hit);
                    format!("{place} stands inside the word «{word}»; mode substring would find it.")
                }
                MatchMode::Inflected if item.term.mode != mode => {
                    format!("{place} is another form of it; mode inflected would find it.")
                }
                MatchMode::Typo => format!("{place} differs by one letter; mode typo would find it."),
                _ => format!(
                    "{place} would be found at level {}, {}.",
                    level.name(),
                    evidence(hit.evidence)
                ),
            });
            if out.near.len() < MAX_NEAR {
                out.near.push(Near { mode, level, hit });
            }
        }
    }
    if item.term.mode == MatchMode::Rule {
        rule_parts(text, item, out, interrupt)?;
    }
    if item.term.mode == MatchMode::Inflected && item.term.language.is_none() {
        let code = Language::of(name).map_or("none", Language::code);
        out.sentences.push(format!(
            "The term is taken for language {code}; name another if that is wrong."
        ));
    }
    if out.sentences.len() == 1 {
        out.sentences
            .push("Nothing like it stands in the text, at any level.".into());
    }
    Ok(())
}

/// Which words of a rule are there and which are not.
fn rule_parts(
    text: &str,
    item: &Item,
    out: &mut Explanation,
    interrupt: Interrupt<'_>,
) -> Result<(), CompileError> {
    let parsed =
        crate::rule::parse(&item.term.text).map_err(|error| CompileError::Term { item: item.id, error })?;
    let mut excluded = false;
    for (number, leaf) in parsed.leaves.iter().enumerate() {
        let part = Item {
            term: crate::item::leaf_term(&item.term, leaf),
            ..item.clone()
        };
        let found = hits_of(&[part], text, interrupt)?;
        let negated = parsed.rule.excludes(number);
        excluded |= negated && !found.is_empty();
        out.sentences.extend(match found.first() {
            Some(hit) if negated => Some(format!(
                "The rule leaves out texts with «{}», which stands at character {}.",
                leaf.text,
                hit.start + 1
            )),
            Some(hit) => Some(format!(
                "Its part «{}» stands at character {}.",
                leaf.text,
                hit.start + 1
            )),
            None if negated => None,
            None => Some(format!("Its part «{}» is not there.", leaf.text)),
        });
    }
    let Some(loose) = crate::rule::loosened_rule(&item.term.text).filter(|_| !excluded) else {
        return Ok(());
    };
    let term = Term {
        text: loose,
        ..item.term.clone()
    };
    if !hits_of(&[Item { term, ..item.clone() }], text, interrupt)?.is_empty() {
        let sentence = "Its words stand further apart than the rule allows.";
        out.sentences.push(sentence.into());
    }
    Ok(())
}

fn word_around<'t>(text: &'t str, hit: &Hit) -> &'t str {
    let head = text.get(..hit.bytes.start).unwrap_or("");
    let tail = text.get(hit.bytes.end..).unwrap_or("");
    let word = |c: char| is_word(c) || is_extender(c);
    let start = head.trim_end_matches(word).len();
    let end = hit.bytes.end + tail.len() - tail.trim_start_matches(word).len();
    text.get(start..end).unwrap_or("")
}

/// The text with every character of every unsuppressed hit replaced by `mask`; white space stays.
pub fn mask_text(text: &str, hits: &[Hit], mask: char) -> String {
    let mut spans: Vec<_> = hits
        .iter()
        .filter(|h| h.suppressed_by.is_none())
        .map(|h| h.bytes.clone())
        .collect();
    spans.sort_unstable_by_key(|s| (s.start, s.end));
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for span in spans {
        let start = span.start.max(done);
        if start >= span.end {
            continue;
        }
        out.push_str(text.get(done..start).unwrap_or(""));
        let hidden = text.get(start..span.end).unwrap_or("");
        out.extend(hidden.chars().map(|c| if c.is_whitespace() { c } else { mask }));
        done = span.end;
    }
    out.push_str(text.get(done..).unwrap_or(""));
    out
}

/// The text as a level sees it: `literal` as it is, `folded` as [`fold_text`], `evasion` also with every word of mixed
/// script or with digits read in its dominant script. (Level evasion matches terms on the text itself and tries
/// every reading; this shows the likeliest.)
pub fn fold_text_at(text: &str, level: Level) -> String {
    match level {
        Level::Literal => text.to_string(),
        Level::Folded => fold_text(text),
        Level::Evasion => {
            let mut out = String::with_capacity(text.len());
            let mut word_from = None;
            for (at, c) in text.char_indices().chain(std::iter::once((text.len(), ' '))) {
                let inside = is_word(c) || is_extender(c) || c.is_alphanumeric();
                match word_from {
                    None if inside => word_from = Some(at),
                    Some(from) if !inside => {
                        let word = text.get(from..at).unwrap_or("");
                        out.push_str(&reading(word).unwrap_or_else(|| word.to_string()));
                        word_from = None;
                    }
                    _ => {}
                }
                if !inside && at < text.len() {
                    out.push(c);
                }
            }
            fold_text(&out)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::tests::{find, term};

    fn sentences(item: &Item, allow: &[Item], text: &str) -> Vec<String> {
        explain(text, item, allow, &mut || false).expect("runs").sentences
    }

    #[test]
    fn explains_hits_and_suppression() {
        let item = term(1, "casino", MatchMode::Word, Level::Evasion);
        let said = sentences(&item, &[], "a c@sino");
        assert_eq!(
            said,
            ["Found «c@sino» at character 3, with leet: digits or signs read as letters (evidence 0.74)."]
        );
        let pharmacy = term(1, "pharmacy", MatchMode::Word, Level::Evasion);
        let said = sentences(&pharmacy, &[], "pharmecy");
        assert_eq!(
            said,
            ["Found «pharmecy» at character 1, with vowels: vowels changed or left out (evidence 0.62)."]
        );
        let royale = Item {
            allow: true,
            ..term(7, "casino royale", MatchMode::Word, Level::Folded)
        };
        let said = sentences(&item, &[royale], "Casino Royale");
        assert!(said[0].contains("allow entry 7"), "{said:?}");
    }

    #[test]
    fn explains_misses() {
        let item = term(1, "закладка", MatchMode::Word, Level::Folded);
        let said = sentences(&item, &[], "без закладок");
        assert!(
            said.iter().any(|s| s.contains("inflected would find it")),
            "{said:?}"
        );
        let said = sentences(&item, &[], "зaкладка");
        assert!(
            said.iter().any(|s| s.contains("level evasion, with look-alike")),
            "{said:?}"
        );
        let said = sentences(&item, &[], "накладка");
        assert_eq!(said.len(), 2);
        let said = sentences(&term(1, "кат", MatchMode::Word, Level::Folded), &[], "каток");
        assert!(
            said.iter().any(|s| s.contains("inside the word «каток»")),
            "{said:?}"
        );
        let rule = term(1, "доход & telegram", MatchMode::Rule, Level::Folded);
        let said = sentences(&rule, &[], "ваш доход");
        assert!(
            said.iter().any(|s| s.contains("«telegram» is not there")),
            "{said:?}"
        );
    }

    #[test]
    fn masks_hits_only() {
        let text = "Ёж: онлайн\nказино, ﬁn";
        let items = [term(1, "онлайн казино", MatchMode::Word, Level::Folded)];
        assert_eq!(
            mask_text(text, &find(&items, text), '*'),
            "Ёж: ******\n******, ﬁn"
        );
    }

    #[test]
    fn shows_what_a_level_sees() {
        assert_eq!(fold_text_at("Дeнь 0N", Level::Literal), "Дeнь 0N");
        assert_eq!(fold_text_at("Дeнь ﬁ", Level::Folded), "дeнь fi");
        assert_eq!(fold_text_at("Лёгкий дoxoд!", Level::Evasion), "легкий доход!");
        assert_eq!(fold_text_at("VIАGRA и кaзинo", Level::Evasion), "viagra и казино");
    }

    #[test]
    fn a_rule_says_what_kept_it_from_hitting() {
        let told = |rule: &str, text: &str| {
            let item = term(1, rule, MatchMode::Rule, Level::Folded);
            explain(text, &item, &[], &mut || false)
                .expect("explains")
                .sentences
        };
        assert_eq!(
            told("telegram & profit ~ charity", "telegram profit charity")
                .last()
                .map(String::as_str),
            Some("The rule leaves out texts with «charity», which stands at character 17.")
        );
        assert_eq!(
            told("fast &2 money", "fast a b c d money")
                .last()
                .map(String::as_str),
            Some("Its words stand further apart than the rule allows.")
        );
        assert_eq!(
            told("fast &2 \"big money\" ~ x", "fast")
                .last()
                .map(String::as_str),
            Some("Its part «big money» is not there.")
        );
    }

    #[test]
    fn an_inflected_term_is_not_sent_to_its_own_mode() {
        let item = term(1, "casino", MatchMode::Inflected, Level::Folded);
        let told = explain("c@sinos", &item, &[], &mut || false).expect("explains");
        assert!(
            told.sentences.iter().any(|s| s.contains("at level evasion")),
            "{told:?}"
        );
        assert!(
            told.sentences.iter().all(|s| !s.contains("mode inflected would")),
            "{told:?}"
        );
    }
}
