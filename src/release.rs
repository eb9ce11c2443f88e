//! A release that judges: its frozen settings, the contents it judges, and when. And the name of the compiled set that
//! several of them make.

use crate::rollout::{Lot, NUMBERS};
use crate::schedule::{Moment, Time};
use sha2::{Digest, Sha256};
use std::rc::Rc;

/// A release that judges, frozen settings included.
#[derive(Clone, PartialEq)]
pub struct Release {
    pub package_id: i32,
    pub package: String,
    pub release: i32,
    /// `shadow` or `live`; `None` when asked for explicitly.
    pub stage: Option<String>,
    pub action: String,
    pub threshold: f32,
    /// Names the content in this database: release key and content hash; for a draft, its own hash.
    pub key: Vec<u8>,
    /// How many items and allow entries it has.
    pub items: i32,
    /// Distance of its images and videos that have none of their own, in bits.
    pub max_distance: i32,
    /// How many of them have times.
    pub scheduled: i32,
    /// The contents it judges: those that draw a number from the first up to, but not including, the second.
    pub numbers: (u16, u16),
    /// The package's salt for drawing them.
    pub salt: Vec<u8>,
    /// From when until when the package judges.
    pub valid: (Time, Time),
}

impl Release {
    pub fn is_live(&self) -> bool {
        self.stage.as_deref() == Some("live")
    }

    /// The stage that a hit counts in, which is shadow for an item kept to it.
    pub fn stage_of(&self, shadowed: bool) -> Option<&str> {
        let stage = self.stage.as_deref();
        stage.map(|stage| if shadowed { "shadow" } else { stage })
    }

    /// Live, or asked for explicitly.
    pub fn is_enforced(&self) -> bool {
        self.stage.as_deref() != Some("shadow")
    }

    pub fn judges_all(&self) -> bool {
        self.numbers == (0, NUMBERS)
    }

    /// How many of the numbers it judges.
    pub fn share(&self) -> u16 {
        self.numbers.1.saturating_sub(self.numbers.0)
    }

    pub fn is_valid_at(&self, now: Time) -> bool {
        self.valid.0 <= now && now < self.valid.1
    }

    pub fn judges(&self, lot: &Lot<'_>) -> bool {
        self.judges_all() || (self.numbers.0..self.numbers.1).contains(&lot.number(&self.salt))
    }
}

/// What judges one content at one moment.
pub struct Selection {
    /// `None`: all.
    pub slots: Option<Vec<u16>>,
    pub moment: Rc<Moment>,
}

impl Selection {
    /// Everything there is, whenever it counts.
    pub fn timeless() -> Self {
        Self {
            slots: None,
            moment: Rc::new(Moment::timeless()),
        }
    }
}

/// The name of the compiled set of these releases: everything that goes into it, and the versions of the code.
pub fn set_hash(releases: &[Release]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(pg_moderation_engine::FORMAT_VERSION.to_be_bytes());
    hash.update(pg_moderation_engine::FOLDING_VERSION.to_be_bytes());
    hash.update(pg_moderation_engine::media::FORMAT_VERSION.to_be_bytes());
    for release in releases {
        hash.update(release.package_id.to_be_bytes());
        hash.update(release.release.to_be_bytes());
        hash.update([u8::from(release.is_live())]);
        hash.update((release.key.len() as u32).to_be_bytes());
        hash.update(&release.key);
    }
    hash.finalize().into()
}
