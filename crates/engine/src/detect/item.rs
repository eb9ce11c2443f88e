//! What the text of a detector item says, and the parts of links that items and texts are compared by.
//!
//! Not for finding: see the module above.

use crate::fold::fold_text;
use crate::{MatchMode, TermError};
use unicode_security::confusable_detection::skeleton;

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

/// What a detector can be found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key<'k> {
    Host(&'k str),
    /// Skeleton of a host (UTS #39).
    Shape(&'k str),
    Phone(&'k str),
    /// The host.
    Email(&'k str),
    Handle(&'k str),
}

impl Detector {
    /// Calls `found` with every key of the detector; with none if it stands for any address.
    pub(crate) fn keys(&self, mut found: impl FnMut(Key<'_>)) {
        match self {
            Self::Any(_) => {}
            Self::Domain { host, .. } => {
                found(Key::Host(host));
                found(Key::Shape(&shape(host)));
            }
            Self::Phone(digits) => found(Key::Phone(digits)),
            Self::Email { host, .. } => found(Key::Email(host)),
            Self::Handle(name) => found(Key::Handle(name)),
        }
    }

    /// Is the path of a link what a domain's detector wants, or under it?
    pub(super) fn has_path(&self, path: &str) -> bool {
        let Self::Domain { path: wanted, .. } = self else {
            return false;
        };
        let under = path.strip_prefix(wanted.as_str());
        under.is_some_and(|rest| rest.is_empty() || wanted.is_empty() || rest.starts_with(['/', '?', '#']))
    }
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
pub(super) fn split_link(text: &str) -> (&str, &str) {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let rest = rest.strip_prefix("www.").unwrap_or(rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    (host, path)
}

pub(super) fn ascii_host(host: &str) -> Option<String> {
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

pub(super) fn is_account_host(host: &str) -> bool {
    !host.is_empty() && !host.contains(' ') && ACCOUNT_HOSTS.contains(&format!(" {host} "))
}

/// The last ten digits: country and trunk prefixes are written in many ways.
pub(super) fn national(digits: &str) -> &str {
    digits.get(digits.len().saturating_sub(10)..).unwrap_or(digits)
}

/// A host and every host above it that still has a dot.
pub(super) fn suffixes(host: &str) -> impl Iterator<Item = &str> {
    let starts = std::iter::once(0).chain(host.match_indices('.').map(|(at, _)| at + 1));
    starts
        .filter_map(move |at| host.get(at..))
        .filter(|s| s.contains('.'))
}

/// What a host looks like.
pub(super) fn shape(host: &str) -> String {
    let (unicode, _) = idna::domain_to_unicode(host);
    skeleton(&fold_text(&unicode)).collect()
}
