//! Rules as terms: `(telegram | whatsapp) & "легкий доход" ~ благотворительность`.
//!
//! ```text
//! rule   = both { "|" both }                      either
//! both   = part { ( "&" | "&" number | "~" ) part }   both; both within that many words; and not
//! part   = "(" rule ")" | '"' phrase '"' | words
//! ```
//! `|` binds weakest. `&5` means: at most five words lie between one place of the left side and one of the right.
//! `~ x` means that x is nowhere in the text. Words without quotes next to each other are a phrase; `*` and `?` are
//! wildcards. A rule that would hold for a text without any of its words is refused.
//!
//! The shape follows the rule languages of moderation systems (AbuseFilter, rspamd composites), reduced to what
//! one pass over the text can decide.

use crate::TermError;

/// Words a rule may have.
pub const MAX_LEAVES: usize = 128;

/// Depth of parentheses.
const MAX_DEPTH: usize = 32;

/// Greatest distance in words.
const MAX_DISTANCE: u32 = 1_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Number of the leaf.
    Leaf(usize),
    Any(Vec<Rule>),
    Both(Box<Rule>, Box<Rule>),
    Near(Box<Rule>, Box<Rule>, u32),
    Without(Box<Rule>, Box<Rule>),
}

impl Rule {
    /// Is this leaf one that must not stand in the text?
    pub(crate) fn excludes(&self, leaf: usize) -> bool {
        match self {
            Self::Leaf(_) => false,
            Self::Any(parts) => parts.iter().any(|part| part.excludes(leaf)),
            Self::Both(a, b) | Self::Near(a, b, _) => a.excludes(leaf) || b.excludes(leaf),
            Self::Without(a, b) => a.excludes(leaf) || b.has(leaf),
        }
    }

    fn has(&self, leaf: usize) -> bool {
        match self {
            Self::Leaf(number) => *number == leaf,
            Self::Any(parts) => parts.iter().any(|part| part.has(leaf)),
            Self::Both(a, b) | Self::Near(a, b, _) | Self::Without(a, b) => a.has(leaf) || b.has(leaf),
        }
    }

    /// Without what it leaves out, and at any distance.
    fn loosened(&self, leaves: &[Leaf]) -> String {
        match self {
            Self::Leaf(number) => match leaves.get(*number) {
                Some(leaf) if leaf.wildcard => leaf.text.clone(),
                Some(leaf) => format!("\"{}\"", leaf.text),
                None => String::new(),
            },
            Self::Any(parts) => {
                let parts: Vec<String> = parts.iter().map(|part| part.loosened(leaves)).collect();
                format!("({})", parts.join(" | "))
            }
            Self::Both(a, b) | Self::Near(a, b, _) => {
                format!("({} & {})", a.loosened(leaves), b.loosened(leaves))
            }
            Self::Without(a, _) => a.loosened(leaves),
        }
    }
}

/// The rule without its exclusions and distances: what comes near it. `None` when the text is no rule.
pub fn loosened_rule(text: &str) -> Option<String> {
    let parsed = parse(text).ok()?;
    let loose = parsed.rule.loosened(&parsed.leaves);
    parse(&loose).is_ok().then_some(loose)
}

/// A word or phrase of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) text: String,
    pub(crate) wildcard: bool,
    /// Where it stands in the rule, in code points.
    pub(crate) position: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) rule: Rule,
    pub(crate) leaves: Vec<Leaf>,
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    leaves: Vec<Leaf>,
}

type Result<T> = std::result::Result<T, TermError>;

/// Parses a rule.
///
/// # Errors
/// [`TermError::Syntax`] with the position in code points.
pub(crate) fn parse(text: &str) -> Result<Parsed> {
    let mut parser = Parser {
        chars: text.chars().collect(),
        at: 0,
        leaves: Vec::new(),
    };
    let rule = parser.any(0)?;
    match parser.peek() {
        None => Ok(Parsed {
            rule,
            leaves: parser.leaves,
        }),
        Some(')') => Err(parser.error("a parenthesis is closed that was never opened", "remove it")),
        Some(_) => Err(parser.error("an operator is missing here", "put &, | or ~ between the words")),
    }
}

impl Parser {
    fn error(&self, message: &str, hint: &'static str) -> TermError {
        TermError::Syntax {
            position: self.at,
            message: message.into(),
            hint,
        }
    }

    fn peek(&mut self) -> Option<char> {
        while self.chars.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
        self.chars.get(self.at).copied()
    }

    fn any(&mut self, depth: usize) -> Result<Rule> {
        let mut parts = vec![self.both(depth)?];
        while self.peek() == Some('|') {
            self.at += 1;
            parts.push(self.both(depth)?);
        }
        if parts.len() == 1
            && let Some(only) = parts.pop()
        {
            return Ok(only);
        }
        Ok(Rule::Any(parts))
    }

    fn both(&mut self, depth: usize) -> Result<Rule> {
        if self.peek() == Some('~') {
            return Err(self.error(
                "a rule cannot begin with what must be absent",
                "name first what must be there: a ~ b",
            ));
        }
        let mut left = self.part(depth)?;
        loop {
            match self.peek() {
                Some('&') => {
                    self.at += 1;
                    let distance = self.distance()?;
                    let right = Box::new(self.part(depth)?);
                    left = match distance {
                        Some(words) => Rule::Near(Box::new(left), right, words),
                        None => Rule::Both(Box::new(left), right),
                    };
                }
                Some('~') => {
                    self.at += 1;
                    let right = self.part(depth)?;
                    left = Rule::Without(Box::new(left), Box::new(right));
                }
                _ => return Ok(left),
            }
        }
    }

    /// The number right behind `&`.
    fn distance(&mut self) -> Result<Option<u32>> {
        let from = self.at;
        while self.chars.get(self.at).is_some_and(char::is_ascii_digit) {
            self.at += 1;
        }
        // "& 2girls": a digit that belongs to a word is no distance.
        if self.at == from || self.chars.get(self.at).is_some_and(|c| c.is_alphanumeric()) {
            self.at = from;
            return Ok(None);
        }
        let digits: String = self.chars.get(from..self.at).unwrap_or(&[]).iter().collect();
        match digits.parse::<u32>() {
            Ok(words) if (1..=MAX_DISTANCE).contains(&words) => Ok(Some(words)),
            _ => {
                self.at = from;
                Err(self.error(
                    "the distance must be 1 to 1000 words",
                    "write &5 for within five words",
                ))
            }
        }
    }

    fn part(&mut self, depth: usize) -> Result<Rule> {
        match self.peek() {
            None => Err(self.error(
                "a word is missing at the end",
                "finish the rule with a word or a phrase",
            )),
            Some('(') => {
                if depth >= MAX_DEPTH {
                    return Err(self.error("parentheses are nested too deeply", "split the rule"));
                }
                let open = self.at;
                self.at += 1;
                let inner = self.any(depth + 1)?;
                if self.peek() != Some(')') {
                    self.at = open;
                    return Err(self.error("this parenthesis is never closed", "add )"));
                }
                self.at += 1;
                Ok(inner)
            }
            Some('"') => {
                let open = self.at;
                self.at += 1;
                let from = self.at;
                while self.chars.get(self.at).is_some_and(|&c| c != '"') {
                    self.at += 1;
                }
                if self.at >= self.chars.len() {
                    self.at = open;
                    return Err(self.error("this quotation mark is never closed", "add \""));
                }
                let text: String = self.chars.get(from..self.at).unwrap_or(&[]).iter().collect();
                self.at += 1;
                self.leaf(text, from, false)
            }
            Some('|' | '&' | '~' | ')') => Err(self.error(
                "a word is missing before this sign",
                "every operator needs a word on both sides",
            )),
            Some(_) => {
                let from = self.at;
                while self
                    .chars
                    .get(self.at)
                    .is_some_and(|c| !matches!(c, '|' | '&' | '~' | '(' | ')' | '"'))
                {
                    self.at += 1;
                }
                let text: String = self.chars.get(from..self.at).unwrap_or(&[]).iter().collect();
                let wildcard = text.contains(['*', '?']);
                self.leaf(text.trim().to_string(), from, wildcard)
            }
        }
    }

    fn leaf(&mut self, text: String, position: usize, wildcard: bool) -> Result<Rule> {
        if self.leaves.len() >= MAX_LEAVES {
            return Err(self.error("the rule has too many words", "split it"));
        }
        self.leaves.push(Leaf {
            text,
            wildcard,
            position,
        });
        Ok(Rule::Leaf(self.leaves.len() - 1))
    }
}

/// A place of a leaf: first and last word it covers, and where it starts and ends in the text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LeafPlace {
    pub(crate) first_word: usize,
    pub(crate) last_word: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) factor: f32,
}

impl LeafPlace {
    fn join(self, other: Self) -> Self {
        Self {
            first_word: self.first_word.min(other.first_word),
            last_word: self.last_word.max(other.last_word),
            start: self.start.min(other.start),
            end: self.end.max(other.end),
            factor: self.factor.min(other.factor),
        }
    }

    fn words_between(self, other: Self) -> usize {
        if self.first_word <= other.first_word {
            other.first_word.saturating_sub(self.last_word + 1)
        } else {
            self.first_word.saturating_sub(other.last_word + 1)
        }
    }
}

impl Rule {
    /// The places where the rule holds, in order, given the places of its leaves (each list in order). Without
    /// distances it is the places of the first part that hold; with a distance, the pair.
    pub(crate) fn places(&self, leaves: &[Vec<LeafPlace>]) -> Vec<LeafPlace> {
        match self {
            Self::Leaf(n) => leaves.get(*n).cloned().unwrap_or_default(),
            Self::Any(parts) => {
                let mut all: Vec<LeafPlace> = parts.iter().flat_map(|p| p.places(leaves)).collect();
                all.sort_by_key(|p| (p.start, p.end));
                all
            }
            Self::Both(left, right) => {
                let left = left.places(leaves);
                if left.is_empty() {
                    return left;
                }
                let right = right.places(leaves);
                let Some(least) = right.iter().map(|p| p.factor).reduce(f32::max) else {
                    return Vec::new();
                };
                left.into_iter()
                    .map(|p| LeafPlace {
                        factor: p.factor.min(least),
                        ..p
                    })
                    .collect()
            }
            Self::Without(left, right) => {
                let left = left.places(leaves);
                if left.is_empty() || right.places(leaves).is_empty() {
                    left
                } else {
                    Vec::new()
                }
            }
            Self::Near(left, right, words) => {
                near(&left.places(leaves), &right.places(leaves), *words as usize)
            }
        }
    }
}

/// For every place on the left the nearest on the right, when it is near enough. Both lists are in order.
fn near(left: &[LeafPlace], right: &[LeafPlace], words: usize) -> Vec<LeafPlace> {
    let mut out = Vec::new();
    for &place in left {
        let at = right.partition_point(|r| r.first_word <= place.first_word);
        let candidates = [at.checked_sub(1).and_then(|n| right.get(n)), right.get(at)];
        let best = candidates
            .into_iter()
            .flatten()
            .min_by_key(|r| place.words_between(**r));
        if let Some(&other) = best
            && place.words_between(other) <= words
        {
            out.push(place.join(other));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> usize {
        match parse(text) {
            Err(TermError::Syntax { position, .. }) => position,
            other => panic!("{text} is refused, not {other:?}"),
        }
    }

    #[test]
    fn parses_with_priorities() {
        let parsed = parse("(telegram | whatsapp) & \"лёгкий доход\" ~ фонд*").expect("parses");
        assert_eq!(parsed.leaves.len(), 4);
        assert_eq!(parsed.leaves[2].text, "лёгкий доход");
        assert!(parsed.leaves[3].wildcard);
        assert!(matches!(parsed.rule, Rule::Without(..)));
        assert!(matches!(
            parse("a &5 b c").expect("parses").rule,
            Rule::Near(_, _, 5)
        ));
        assert!(matches!(
            parse("a & 2girls").expect("parses").rule,
            Rule::Both(..)
        ));
    }

    #[test]
    fn errors_have_positions() {
        assert_eq!(error("(a | b"), 0);
        assert_eq!(error("a | b)"), 5);
        assert_eq!(error("a &"), 3);
        assert_eq!(error("a | | b"), 4);
        assert_eq!(error("а & \"б"), 4);
        assert_eq!(error("~ a"), 0);
        assert_eq!(error("a &0 b"), 3);
        assert_eq!(error("(a) b"), 4);
        assert_eq!(error("()"), 1);
        assert_eq!(error(&"(".repeat(1_000)), 32);
    }

    #[test]
    fn distance_counts_words_between() {
        let place = |word| LeafPlace {
            first_word: word,
            last_word: word,
            start: word,
            end: word,
            factor: 1.0,
        };
        assert_eq!(near(&[place(0)], &[place(6)], 5).len(), 1);
        assert_eq!(near(&[place(0)], &[place(7)], 5).len(), 0);
        assert_eq!(near(&[place(7)], &[place(0), place(3)], 3).len(), 1);
    }
}
