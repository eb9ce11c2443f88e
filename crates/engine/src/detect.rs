//! Detectors as items: what leads a reader away. Domains and links, phone numbers, e-mail addresses, messenger
//! handles.
//!
//! The text of the item says which one: `casino.example` (the host and every host under it, in any spelling that
//! means the same: punycode, look-alike letters), `bit.ly/abc` (with a path), `+7 900 123-45-67`, `@shop.example`
//! or `me@shop.example` (mode e-mail), `@name` (also as `t.me/name`); `*` is any of the kind.
//!
//! Works on folded text, one chunk between white space at a time. Not a validator: it asks what a reader would take
//! for an address, not what the standards allow.

use crate::evasion::Steps;
use crate::fold::fold_text;
use crate::{MatchMode, TermError};
use std::collections::HashMap;
use unicode_security::confusable_detection::skeleton;

/// Longest chunk looked at, in bytes.
pub(crate) const MAX_CHUNK: usize = 1_500;

/// Generic top-level domains that a bare `name.tld` is taken for a domain with, beside all of two letters.
const TOP_LEVEL: &str = " com net org info biz name pro mobi asia online site website shop store club top xyz app dev \
    live life link click space tech vip win bet casino poker games fun icu work world news blog cloud digital agency \
    media group company services market trade money cash loan finance credit dating sex porn xxx adult chat email \
    solutions center today network expert guru buzz bid stream download review date party science men рф рус москва \
    дети онлайн сайт орг ком укр бел срб мкд ";

/// Hosts of messengers and networks whose first path segment is an account.
const ACCOUNT_HOSTS: &str = " t.me telegram.me telegram.dog wa.me chat.whatsapp.com api.whatsapp.com viber.me \
    discord.gg discord.com instagram.com vk.com vk.me ok.ru m.me facebook.com fb.me line.me signal.me snapchat.com \
    tiktok.com x.com twitter.com youtube.com icq.im onlyfans.com ";

/// What one entry detects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Detector {
    Any(MatchMode),
    /// Host in its ASCII form, path (may be empty).
    Domain {
        host: String,
        path: String,
    },
    /// The last digits, at most ten.
    Phone(String),
    /// Local part (may be empty: any) and host.
    Email {
        local: String,
        host: String,
    },
    Handle(String),
}

/// Parses the text of a detector item.
///
/// # Errors
/// [`TermError::Syntax`] when it is nothing of its kind.
pub(crate) fn parse(mode: MatchMode, text: &str) -> Result<Detector, TermError> {
    let bad = |message: &str, hint| TermError::Syntax {
        position: 0,
        message: message.into(),
        hint,
    };
    let folded = fold_text(text.trim());
    if folded == "*" {
        return Ok(Detector::Any(mode));
    }
    match mode {
        MatchMode::Domain => {
            let (host, path) = split_link(&folded);
            let host = ascii_host(host.strip_prefix("*.").unwrap_or(host));
            let host = host.filter(|h| h.contains('.'));
            let host = host.ok_or_else(|| bad("not a domain", "write a host such as shop.example, or *"))?;
            Ok(Detector::Domain {
                host,
                path: path.trim_end_matches('/').to_string(),
            })
        }
        MatchMode::Phone => {
            let digits: String = folded.chars().filter(char::is_ascii_digit).collect();
            if digits.len() < 7 || digits.len() > 15 || folded.contains(char::is_alphabetic) {
                return Err(bad("not a phone number", "write 7 to 15 digits, or *"));
            }
            Ok(Detector::Phone(national(&digits).to_string()))
        }
        MatchMode::Email => {
            let (local, host) = folded.split_once('@').ok_or_else(|| {
                bad(
                    "not an e-mail address",
                    "write name@shop.example, @shop.example or *",
                )
            })?;
            let host = ascii_host(host).filter(|h| h.contains('.'));
            let host =
                host.ok_or_else(|| bad("not a host behind the @", "write a host such as shop.example"))?;
            Ok(Detector::Email {
                local: local.to_string(),
                host,
            })
        }
        _ => {
            let (host, path) = split_link(&folded);
            let name = if is_account_host(host) {
                path.trim_start_matches('/')
            } else {
                &folded
            };
            let name = name.trim_start_matches(['@', '+']);
            let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
            if name.len() < 3 || !name.chars().all(fits) {
                return Err(bad("not a handle", "write @name, a link such as t.me/name, or *"));
            }
            Ok(Detector::Handle(name.to_string()))
        }
    }
}

/// Host and path of a link, without scheme, user and port.
fn split_link(text: &str) -> (&str, &str) {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let rest = rest.strip_prefix("www.").unwrap_or(rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    (host, path)
}

fn ascii_host(host: &str) -> Option<String> {
    let host = host.trim_end_matches('.');
    let fits =
        |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_') || !c.is_ascii() && !c.is_whitespace();
    if host.is_empty() || host.len() > 253 || !host.chars().all(fits) {
        return None;
    }
    idna::domain_to_ascii(host)
        .ok()
        .filter(|h| h.split('.').all(|label| !label.is_empty()))
}

fn is_account_host(host: &str) -> bool {
    !host.is_empty() && !host.contains(' ') && ACCOUNT_HOSTS.contains(&format!(" {host} "))
}

/// The last ten digits: country and trunk prefixes are written in many ways.
fn national(digits: &str) -> &str {
    digits.get(digits.len().saturating_sub(10)..).unwrap_or(digits)
}

/// The detector entries of a set.
#[derive(Default)]
pub(crate) struct Detectors {
    any: Vec<(MatchMode, u32)>,
    domains: HashMap<String, Vec<(String, u32)>>,
    /// Skeleton of a host (UTS #39) to hosts.
    shapes: HashMap<String, Vec<String>>,
    phones: HashMap<String, Vec<u32>>,
    emails: HashMap<String, Vec<(String, u32)>>,
    handles: HashMap<String, Vec<u32>>,
}

/// One detector entry found in a chunk, in bytes of the folded text.
pub(crate) struct Found {
    pub(crate) entry: u32,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) steps: Steps,
}

impl Detectors {
    pub(crate) fn add(&mut self, detector: Detector, entry: u32) {
        match detector {
            Detector::Any(mode) => self.any.push((mode, entry)),
            Detector::Domain { host, path } => {
                let list = self.shapes.entry(shape(&host)).or_default();
                if !list.contains(&host) {
                    list.push(host.clone());
                }
                self.domains.entry(host).or_default().push((path, entry));
            }
            Detector::Phone(digits) => self.phones.entry(digits).or_default().push(entry),
            Detector::Email { local, host } => self.emails.entry(host).or_default().push((local, entry)),
            Detector::Handle(name) => self.handles.entry(name).or_default().push(entry),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.any.is_empty()
            && self.domains.is_empty()
            && self.phones.is_empty()
            && self.emails.is_empty()
            && self.handles.is_empty()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        (self.any.len() + self.domains.len() + self.phones.len() + self.emails.len() + self.handles.len())
            * 96
    }

    fn all_of(&self, mode: MatchMode, start: usize, end: usize, out: &mut Vec<Found>) {
        for &(_, entry) in self.any.iter().filter(|(m, _)| *m == mode) {
            out.push(Found {
                entry,
                start,
                end,
                steps: Steps::NONE,
            });
        }
    }

    /// Everything in one chunk between white space, which begins at byte `at`.
    pub(crate) fn chunk(&self, chunk: &str, at: usize, out: &mut Vec<Found>) {
        if !chunk.contains(['.', '@']) || chunk.len() > MAX_CHUNK {
            return;
        }
        let delimiter = |c: char| {
            matches!(
                c,
                '"' | '\''
                    | '<'
                    | '>'
                    | '('
                    | ')'
                    | '['
                    | ']'
                    | '{'
                    | '}'
                    | ','
                    | ';'
                    | '|'
                    | '«'
                    | '»'
                    | '“'
                    | '”'
                    | '*'
                    | '!'
            )
        };
        let mut from = 0;
        for piece in chunk.split(delimiter) {
            let kept = piece.trim_end_matches(['.', ':', '?', '…', '/']);
            let start = at + from;
            from += piece.len()
                + chunk
                    .get(from + piece.len()..)
                    .and_then(|r| r.chars().next())
                    .map_or(0, char::len_utf8);
            if kept.is_empty() {
                continue;
            }
            self.email(kept, start, out);
            self.handle(kept, start, out);
            self.link(kept, start, out);
        }
    }

    fn email(&self, piece: &str, at: usize, out: &mut Vec<Found>) {
        let Some((local, host)) = piece.rsplit_once('@') else {
            return;
        };
        let local = local.strip_prefix("mailto:").unwrap_or(local);
        let fits = |c: char| c.is_alphanumeric() || "._%+-".contains(c);
        if local.is_empty() || !local.chars().all(fits) || !host.contains('.') {
            return;
        }
        let Some(host) = ascii_host(host) else { return };
        let (start, end) = (
            at + piece.len() - local.len() - 1 - piece.rsplit('@').next().map_or(0, str::len),
            at + piece.len(),
        );
        self.all_of(MatchMode::Email, start, end, out);
        for suffix in suffixes(&host) {
            for (wanted, entry) in self.emails.get(suffix).into_iter().flatten() {
                if wanted.is_empty() || wanted == local {
                    out.push(Found {
                        entry: *entry,
                        start,
                        end,
                        steps: Steps::NONE,
                    });
                }
            }
        }
    }

    fn handle(&self, piece: &str, at: usize, out: &mut Vec<Found>) {
        let (host, path) = split_link(piece);
        let name = if let Some(name) = piece.strip_prefix('@') {
            name.split(|c: char| !(c.is_alphanumeric() || c == '_'))
                .next()
                .unwrap_or("")
        } else if is_account_host(host) {
            let path = path.trim_start_matches('/').trim_start_matches(['@', '+']);
            path.split(['/', '?', '#']).next().unwrap_or("")
        } else {
            return;
        };
        if name.chars().count() < 3 {
            return;
        }
        let end = if piece.starts_with('@') {
            at + 1 + name.len()
        } else {
            at + piece.len()
        };
        self.all_of(MatchMode::Handle, at, end, out);
        for &entry in self.handles.get(name).into_iter().flatten() {
            out.push(Found {
                entry,
                start: at,
                end,
                steps: Steps::NONE,
            });
        }
    }

    fn link(&self, piece: &str, at: usize, out: &mut Vec<Found>) {
        let (host, path) = split_link(piece);
        let label =
            |l: &str| !l.is_empty() && l.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
        if !host.contains('.') || !host.split('.').all(label) || piece.contains('@') && !piece.contains("://")
        {
            return;
        }
        let top = host.rsplit('.').next().unwrap_or("");
        if top.chars().all(|c| c.is_ascii_digit()) && !piece.contains("://") {
            return;
        }
        let Some(ascii) = ascii_host(host) else { return };
        let (start, end) = (at, at + piece.len());
        let known = top.len() == 2 && top.is_ascii()
            || TOP_LEVEL.contains(&format!(" {top} "))
            || top.starts_with("xn--");
        if known || piece.contains("://") || piece.starts_with("www.") {
            self.all_of(MatchMode::Domain, start, end, out);
        }
        for suffix in suffixes(&ascii) {
            self.hosts(suffix, path, start, end, Steps::NONE, out);
            if self.domains.contains_key(suffix) {
                continue;
            }
            for host in self.shapes.get(&shape(suffix)).into_iter().flatten() {
                self.hosts(host, path, start, end, Steps::LOOKALIKE, out);
            }
        }
    }

    fn hosts(&self, host: &str, path: &str, start: usize, end: usize, steps: Steps, out: &mut Vec<Found>) {
        for (wanted, entry) in self.domains.get(host).into_iter().flatten() {
            let under = path.strip_prefix(wanted.as_str());
            if under
                .is_some_and(|rest| rest.is_empty() || wanted.is_empty() || rest.starts_with(['/', '?', '#']))
            {
                out.push(Found {
                    entry: *entry,
                    start,
                    end,
                    steps,
                });
            }
        }
    }

    /// Phone numbers that begin in `text[from..to]`; `text` goes on beyond.
    pub(crate) fn phones(&self, text: &str, from: usize, to: usize, out: &mut Vec<Found>) {
        if self.phones.is_empty() && !self.any.iter().any(|(m, _)| *m == MatchMode::Phone) {
            return;
        }
        let mut previous = text.get(..from).and_then(|t| t.chars().next_back());
        let mut skip = from;
        for (offset, c) in text.get(from..to).unwrap_or("").char_indices() {
            let at = from + offset;
            let begins = (c == '+' || c.is_ascii_digit() || c == '(')
                && at >= skip
                && !previous.is_some_and(|p| p.is_alphanumeric() || matches!(p, '+' | '_' | '#' | '=' | '/'));
            previous = Some(c);
            if !begins {
                continue;
            }
            let Some((digits, end)) = number(text.get(at..).unwrap_or("")) else {
                continue;
            };
            skip = at + end;
            self.all_of(MatchMode::Phone, at, at + end, out);
            for &entry in self.phones.get(national(&digits)).into_iter().flatten() {
                out.push(Found {
                    entry,
                    start: at,
                    end: at + end,
                    steps: Steps::NONE,
                });
            }
        }
    }
}

/// Digits and length of a phone number at the beginning of a text: 10 to 15 digits, or 7 and more after a plus, with
/// at most two signs between them.
fn number(text: &str) -> Option<(String, usize)> {
    let mut digits = String::new();
    let (mut end, mut signs) = (0, 0);
    // Digits between signs: a date has a shape of its own.
    let (mut groups, mut group) = (Vec::new(), 0usize);
    let plus = text.starts_with('+');
    for (at, c) in text.char_indices() {
        if c.is_ascii_digit() {
            digits.push(c);
            end = at + 1;
            if signs > 0 {
                groups.push(std::mem::take(&mut group));
            }
            group += 1;
            signs = 0;
        } else if at == 0 && (plus || c == '(') {
            continue;
        } else if matches!(c, ' ' | '-' | '(' | ')' | '.' | '‐' | '‑' | '–' | '—') && signs < 2 {
            signs += 1;
        } else {
            if c.is_alphanumeric() && at == end {
                return None;
            }
            break;
        }
        if digits.len() > 15 {
            return None;
        }
    }
    groups.push(group);
    let date = matches!(groups.as_slice(), [1..=2, 1..=2, 4, ..] | [4, 1..=2, 1..=2, ..]);
    if date && !plus {
        return None;
    }
    let least = if plus { 7 } else { 10 };
    (digits.len() >= least).then_some((digits, end))
}

/// A host and every host above it that still has a dot.
fn suffixes(host: &str) -> impl Iterator<Item = &str> {
    let starts = std::iter::once(0).chain(host.match_indices('.').map(|(at, _)| at + 1));
    starts
        .filter_map(move |at| host.get(at..))
        .filter(|s| s.contains('.'))
}

/// What a host looks like.
fn shape(host: &str) -> String {
    let (unicode, _) = idna::domain_to_unicode(host);
    skeleton(&fold_text(&unicode)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(mode: MatchMode, item: &str, text: &str) -> Vec<String> {
        let mut detectors = Detectors::default();
        detectors.add(parse(mode, item).expect("parses"), 0);
        let text = fold_text(text);
        let mut out = Vec::new();
        let mut at = 0;
        for chunk in text.split(' ') {
            detectors.chunk(chunk, at, &mut out);
            at += chunk.len() + 1;
        }
        detectors.phones(&text, 0, text.len(), &mut out);
        out.iter().map(|f| text[f.start..f.end].to_string()).collect()
    }

    #[test]
    fn domains() {
        let find = |text: &str| found(MatchMode::Domain, "casino.example", text);
        assert_eq!(
            find("go to https://www.casino.example/x?y, now"),
            ["https://www.casino.example/x?y"]
        );
        assert_eq!(find("(vip.casino.example)."), ["vip.casino.example"]);
        assert_eq!(find("notcasino.example casino.example.org"), [""; 0]);
        assert_eq!(find("саsіno.example"), ["саsіno.example"]);
        assert_eq!(
            found(MatchMode::Domain, "xn--80aswg.xn--p1ai", "наш САЙТ.РФ!"),
            ["сайт.рф"]
        );
        assert_eq!(
            found(MatchMode::Domain, "сайт.рф", "xn--80aswg.xn--p1ai"),
            ["xn--80aswg.xn--p1ai"]
        );
        assert_eq!(
            found(MatchMode::Domain, "bit.ly/abc", "bit.ly/abcd bit.ly/abc?x"),
            ["bit.ly/abc?x"]
        );
        assert_eq!(
            found(MatchMode::Domain, "*", "Конец.Начало www.x.y example.com v1.2"),
            ["www.x.y", "example.com"]
        );
    }

    #[test]
    fn phones() {
        let find = |text: &str| found(MatchMode::Phone, "+7 900 123-45-67", text);
        assert_eq!(find("звоните 8(900)123 45 67!"), ["8(900)123 45 67"]);
        assert_eq!(find("89001234567"), ["89001234567"]);
        assert_eq!(find("189001234567890123 id89001234567"), [""; 0]);
        assert_eq!(
            found(MatchMode::Phone, "*", "12.11.2024 10:30 and +1 202 555 0123"),
            ["+1 202 555 0123"]
        );
    }

    #[test]
    fn addresses_and_handles() {
        assert_eq!(
            found(MatchMode::Email, "@shop.example", "write <Me@Shop.Example>."),
            ["me@shop.example"]
        );
        assert_eq!(
            found(MatchMode::Email, "me@shop.example", "you@shop.example"),
            [""; 0]
        );
        let find = |text: &str| found(MatchMode::Handle, "@best_shop", text);
        assert_eq!(
            find("пиши @Best_Shop! или t.me/best_shop"),
            ["@best_shop", "t.me/best_shop"]
        );
        assert_eq!(find("me@best_shop.com @best_shop2"), [""; 0]);
        assert_eq!(
            found(MatchMode::Handle, "https://t.me/abcde", "@abcde"),
            ["@abcde"]
        );
    }

    #[test]
    fn refuses_what_is_none() {
        for (mode, text) in [
            (MatchMode::Domain, "casino"),
            (MatchMode::Domain, "a b.c"),
            (MatchMode::Phone, "call me"),
            (MatchMode::Email, "shop.example"),
            (MatchMode::Handle, "@a"),
        ] {
            assert!(
                matches!(parse(mode, text), Err(TermError::Syntax { .. })),
                "{text}"
            );
        }
    }
}
