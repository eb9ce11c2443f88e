//! Whether a package and its items count at the moment: what `explain_text` says beside what the matcher finds.
//!
//! Not for judging: verdicts ask `in_force` and `schedule` for lists, which know no reasons.

use crate::asked;
use crate::error::Result;
use crate::identity::AsOwner;
use crate::in_force::{InForce, Release};
use crate::rollout::Lot;
use crate::spi::{self, Parameter};
use crate::verdict::{self, Field};
use std::collections::HashMap;

/// A package as it judges one text now: by its live release, else as its draft would.
pub struct Standing {
    /// The release that judges the text, or the draft.
    pub release: Release,
    /// Its place in the compiled set in force; `None`: it is the draft.
    slot: Option<u16>,
    /// Why items do not count although they are in the release.
    reasons: HashMap<i64, Reason>,
}

/// Why an item does not count as it otherwise would.
pub struct Reason {
    pub sentence: String,
    /// As if it were not there; otherwise it is recorded, and enforces nothing.
    pub is_absent: bool,
}

const REASONS: &std::ffi::CStr = c"
SELECT v.item_id, o.effect = 'shadow' IS NOT TRUE OR t.sentence IS NOT NULL,
       coalesce(t.sentence,
                CASE o.effect WHEN 'shadow' THEN 'It is kept to shadow, recorded but not enforced' ELSE 'It does not count: snoozed' END
                || coalesce(' until ' || o.until, '') || coalesce(': ' || nullif(o.reason, ''), '') || '.')
FROM moderation.item_versions v
CROSS JOIN LATERAL (SELECT CASE WHEN v.valid_from > now() THEN format('It does not count before %s.', v.valid_from)
                                WHEN v.expires_at <= now() THEN format('It does not count since %s.', v.expires_at) END) t (sentence)
LEFT JOIN LATERAL (SELECT n.effect, n.until, n.reason FROM moderation.item_overrides n
                   WHERE n.item_id = v.item_id ORDER BY n.override_id DESC LIMIT 1) o
  ON o.effect <> 'normal' AND (o.until IS NULL OR o.until > now())
WHERE v.package_id = $1 AND v.added_in <= $2 AND (v.removed_in IS NULL OR v.removed_in > $2)
  AND (o.effect IS NOT NULL OR t.sentence IS NOT NULL)";

impl Standing {
    /// How `package` judges the text that `lot` was drawn for.
    pub fn of(map: &InForce, package: &str, package_id: i32, lot: &Lot<'_>) -> Result<Self> {
        let slot = map.live_slot(package_id, lot);
        let release = match slot {
            Some(slot) => verdict::release_of(&map.releases, slot)?.clone(),
            None => asked::asked(map, package, None)?.release.clone(),
        };
        let mut reasons = HashMap::new();
        let moment = map.moment()?;
        if slot.is_some() && moment.unenforced.is_some() {
            let _owner = AsOwner::new(map.installed.owner);
            let parameters = [Parameter::int4(package_id), Parameter::int4(release.release)];
            spi::read(REASONS, &parameters, |row| {
                let reason = Reason {
                    sentence: row.text(3)?.unwrap_or_default(),
                    is_absent: row.boolean(2).unwrap_or_default(),
                };
                reasons.insert(row.int8(1).unwrap_or_default(), reason);
                Ok(())
            })?;
        }
        Ok(Self {
            release,
            slot,
            reasons,
        })
    }

    /// Why the item does not count as it otherwise would; `None`: it does.
    pub fn reason(&self, item: i64) -> Option<&Reason> {
        self.reasons.get(&item)
    }

    /// What there is to say of the package itself, if it does not act on a hit as it otherwise would.
    pub fn sentence(&self, map: &InForce, body: &str, lot: &Lot<'_>) -> Result<Option<String>> {
        let Some(slot) = self.slot else {
            return Ok(Some(
                "Nothing of the package is live: this is its draft.".to_owned(),
            ));
        };
        if self.release.threshold <= 0.0 {
            return Ok(None);
        }
        let field = Field {
            name: None,
            text: body,
        };
        let selection = map.selection(Some(vec![slot]), lot)?;
        let found = verdict::find(map.compiled()?, &[field], &selection, false)?;
        let scores = verdict::package_scores(&verdict::item_scores(&found, &[]));
        let threshold = self.release.threshold;
        Ok(scores
            .get(&slot)
            .filter(|&&score| score < threshold)
            .map(|&score| {
                format!(
                    "The score {} is below the package's threshold {}, so its action is not taken.",
                    verdict::decimal(score),
                    verdict::decimal(threshold)
                )
            }))
    }
}
