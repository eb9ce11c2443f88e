//! Detectors as items: what leads a reader away. Domains and links, phone numbers, e-mail addresses, messenger
//! handles.
//!
//! The text of the item says which one: `casino.example` (the host and every host under it, in any spelling that
//! means the same: punycode, look-alike letters), `bit.ly/abc` (with a path), `+7 900 123-45-67`, `@shop.example`
//! or `me@shop.example` (mode e-mail), `@name` (also as `t.me/name`); `*` is any of the kind.
//!
//! Works on folded text, one chunk between white space at a time. Not a validator: it asks what a reader would take
//! for an address, not what the standards allow.

mod item;
mod phone;

pub(crate) use item::{Detector, Key, parse};

use crate::MatchMode;
use crate::compiled::Detectors as Listed;
use crate::evasion::Steps;
use crate::reserve::push;
use item::{ascii_host, is_account_host, national, shape, split_link, suffixes};
use phone::number;
use std::collections::TryReserveError;
use std::ops::Range;

/// Longest chunk looked at, in bytes.
pub(crate) const MAX_CHUNK: usize = 1_500;

/// Generic top-level domains that a bare `name.tld` is taken for a domain with, beside all of two letters.
const TOP_LEVEL: &str = " com net org info biz name pro mobi asia online site website shop store club top xyz app dev \
    live life link click space tech vip win bet casino poker games fun icu work world news blog cloud digital agency \
    media group company services market trade money cash loan finance credit dating sex porn xxx adult chat email \
    solutions center today network expert guru buzz bid stream download review date party science men рф рус москва \
    дети онлайн сайт орг ком укр бел срб мкд ";

/// The detector entries of a set, and what each of them says.
pub(crate) struct Detectors<'a> {
    listed: Listed<'a>,
    detector_of: &'a dyn Fn(u32) -> Option<Detector>,
}

/// One detector entry found in a chunk, in bytes of the folded text.
pub(crate) struct Found {
    pub(crate) entry: u32,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) steps: Steps,
}

impl Found {
    fn new(entry: u32, place: Range<usize>, steps: Steps) -> Self {
        let Range { start, end } = place;
        Self {
            entry,
            start,
            end,
            steps,
        }
    }
}

impl<'a> Detectors<'a> {
    pub(crate) fn new(listed: Listed<'a>, detector_of: &'a dyn Fn(u32) -> Option<Detector>) -> Self {
        Self { listed, detector_of }
    }

    /// The entries that have this key, with what they say.
    fn get(&self, key: Key<'_>) -> impl Iterator<Item = (u32, Detector)> {
        let all = self.listed.get(key);
        let with = all.filter_map(|entry| (self.detector_of)(entry).map(|detector| (entry, detector)));
        with.filter(move |(_, detector)| {
            let mut has = false;
            detector.keys(|own| has |= own == key);
            has
        })
    }

    fn all_of(
        &self,
        mode: MatchMode,
        start: usize,
        end: usize,
        out: &mut Vec<Found>,
    ) -> Result<(), TryReserveError> {
        for entry in self.listed.any(mode) {
            push(out, Found::new(entry, start..end, Steps::NONE))?;
        }
        Ok(())
    }

    /// Everything in one chunk between white space, which begins at byte `at`.
    pub(crate) fn chunk(&self, chunk: &str, at: usize, out: &mut Vec<Found>) -> Result<(), TryReserveError> {
        if !chunk.contains(['.', '@']) || chunk.len() > MAX_CHUNK {
            return Ok(());
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
            self.email(kept, start, out)?;
            self.handle(kept, start, out)?;
            self.link(kept, start, out)?;
        }
        Ok(())
    }

    fn email(&self, piece: &str, at: usize, out: &mut Vec<Found>) -> Result<(), TryReserveError> {
        let Some((local, host)) = piece.rsplit_once('@') else {
            return Ok(());
        };
        let local = local.strip_prefix("mailto:").unwrap_or(local);
        let fits = |c: char| c.is_alphanumeric() || "._%+-".contains(c);
        if local.is_empty() || !local.chars().all(fits) || !host.contains('.') {
            return Ok(());
        }
        let Some(host) = ascii_host(host) else {
            return Ok(());
        };
        let (start, end) = (
            at + piece.len() - local.len() - 1 - piece.rsplit('@').next().map_or(0, str::len),
            at + piece.len(),
        );
        self.all_of(MatchMode::Email, start, end, out)?;
        for suffix in suffixes(&host) {
            for (entry, detector) in self.get(Key::Email(suffix)) {
                if let Detector::Email { local: wanted, .. } = detector
                    && (wanted.is_empty() || wanted == local)
                {
                    push(out, Found::new(entry, start..end, Steps::NONE))?;
                }
            }
        }
        Ok(())
    }

    fn handle(&self, piece: &str, at: usize, out: &mut Vec<Found>) -> Result<(), TryReserveError> {
        let (host, path) = split_link(piece);
        let name = if let Some(name) = piece.strip_prefix('@') {
            name.split(|c: char| !(c.is_alphanumeric() || c == '_'))
                .next()
                .unwrap_or("")
        } else if is_account_host(host) {
            let path = path.trim_start_matches('/').trim_start_matches(['@', '+']);
            path.split(['/', '?', '#']).next().unwrap_or("")
        } else {
            return Ok(());
        };
        if name.chars().count() < 3 {
            return Ok(());
        }
        let end = if piece.starts_with('@') {
            at + 1 + name.len()
        } else {
            at + piece.len()
        };
        self.all_of(MatchMode::Handle, at, end, out)?;
        for (entry, _) in self.get(Key::Handle(name)) {
            push(out, Found::new(entry, at..end, Steps::NONE))?;
        }
        Ok(())
    }

    fn link(&self, piece: &str, at: usize, out: &mut Vec<Found>) -> Result<(), TryReserveError> {
        let (host, path) = split_link(piece);
        let label =
            |l: &str| !l.is_empty() && l.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
        if !host.contains('.') || !host.split('.').all(label) || piece.contains('@') && !piece.contains("://")
        {
            return Ok(());
        }
        let top = host.rsplit('.').next().unwrap_or("");
        if top.chars().all(|c| c.is_ascii_digit()) && !piece.contains("://") {
            return Ok(());
        }
        let Some(ascii) = ascii_host(host) else {
            return Ok(());
        };
        let (start, end) = (at, at + piece.len());
        let known = top.len() == 2 && top.is_ascii()
            || TOP_LEVEL.contains(&format!(" {top} "))
            || top.starts_with("xn--");
        if known || piece.contains("://") || piece.starts_with("www.") {
            self.all_of(MatchMode::Domain, start, end, out)?;
        }
        for suffix in suffixes(&ascii) {
            let mut listed = false;
            for (entry, detector) in self.get(Key::Host(suffix)) {
                listed = true;
                if detector.has_path(path) {
                    push(out, Found::new(entry, start..end, Steps::NONE))?;
                }
            }
            if listed {
                continue;
            }
            for (entry, detector) in self.get(Key::Shape(&shape(suffix))) {
                if detector.has_path(path) {
                    push(out, Found::new(entry, start..end, Steps::LOOKALIKE))?;
                }
            }
        }
        Ok(())
    }

    /// Phone numbers that begin in `text[from..to]`; `text` goes on beyond.
    pub(crate) fn phones(
        &self,
        text: &str,
        from: usize,
        to: usize,
        out: &mut Vec<Found>,
    ) -> Result<(), TryReserveError> {
        if !self.listed.has(MatchMode::Phone) {
            return Ok(());
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
            self.all_of(MatchMode::Phone, at, at + end, out)?;
            for (entry, _) in self.get(Key::Phone(national(&digits))) {
                push(out, Found::new(entry, at..at + end, Steps::NONE))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
