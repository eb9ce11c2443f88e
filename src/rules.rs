//! Verdict rules: a package's action by its score, the strikes of the content's owner and the hits of other packages.
//!
//! Rules are part of a release. They only ever make a verdict stronger, and each that did is named in it. Strikes are
//! read from `moderation.owner_strikes`, and only when a rule asks for them; nothing is written here.

use crate::error::{Error, Result};
use crate::identity::{AsOwner, Installed};
use crate::spi::{self, Parameter};
use serde::Deserialize;
use serde_json::{Value, json};
use std::cell::OnceCell;

/// A rule as `moderation.set_verdict_rules()` stores it. All conditions must hold.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Rule {
    pub action: String,
    /// The package's score in the content is at least this.
    #[serde(default)]
    pub score: f32,
    /// The owner has at least so many strikes.
    #[serde(default)]
    pub strikes: f64,
    /// Strikes count so many days.
    #[serde(default = "thirty")]
    pub days: f64,
    /// And lose half their weight in so many days.
    pub half_life: Option<f64>,
    /// Strikes under every package count, not only under this one.
    #[serde(default)]
    pub any_package: bool,
    /// These packages hit the content too.
    #[serde(default)]
    pub with: Vec<String>,
}

fn thirty() -> f64 {
    30.0
}

pub fn parse(rules: Option<String>) -> Result<Vec<Rule>> {
    rules.map_or(Ok(Vec::new()), |rules| {
        serde_json::from_str(&rules).map_err(|_| Error::Internal("a release holds rules that are none"))
    })
}

/// Most strikes of an owner that are looked at, the newest first.
const STRIKES: &std::ffi::CStr = c"
SELECT s.package_id, (extract(epoch FROM now() - s.struck_at) / 86400)::real FROM moderation.owner_strikes s
WHERE left(s.owner_key, 200) = left($1, 200) AND s.owner_key = $1 ORDER BY s.struck_at DESC LIMIT 1000";

/// Whose content is judged.
pub struct Owner<'a> {
    installed: Option<Installed>,
    key: &'a dyn Fn() -> Result<Option<String>>,
    /// Package and age in days of each strike.
    strikes: OnceCell<Vec<(i32, f64)>>,
}

impl<'a> Owner<'a> {
    pub fn new(installed: Installed, key: &'a dyn Fn() -> Result<Option<String>>) -> Self {
        Self {
            installed: Some(installed),
            key,
            strikes: OnceCell::new(),
        }
    }

    /// Nobody in particular: no strikes.
    pub fn nobody() -> Owner<'static> {
        Owner {
            installed: None,
            key: &|| Ok(None),
            strikes: OnceCell::new(),
        }
    }

    fn strikes(&self) -> Result<&[(i32, f64)]> {
        if let Some(strikes) = self.strikes.get() {
            return Ok(strikes);
        }
        let mut strikes = Vec::new();
        if let (Some(installed), Some(key)) = (self.installed, (self.key)()?) {
            let _owner = AsOwner::new(installed.owner);
            spi::read(STRIKES, &[Parameter::text(Some(&key))], |row| {
                strikes.push((
                    row.int4(1).unwrap_or_default(),
                    row.float4(2).unwrap_or_default().into(),
                ));
                Ok(())
            })?;
        }
        Ok(self.strikes.get_or_init(|| strikes))
    }
}

impl Rule {
    /// Why the rule holds for a content that `package` hits with this score; `None`: it does not.
    pub fn holds(
        &self,
        package_id: i32,
        score: f32,
        hit: &[&str],
        owner: &Owner<'_>,
    ) -> Result<Option<Value>> {
        if score < self.score || !self.with.iter().all(|name| hit.contains(&name.as_str())) {
            return Ok(None);
        }
        let mut because = json!({});
        if self.score > 0.0 {
            because["score"] = crate::verdict::decimal(score).into();
        }
        if !self.with.is_empty() {
            because["with"] = self.with.clone().into();
        }
        if self.strikes > 0.0 {
            let weight = |age: f64| self.half_life.map_or(1.0, |half| 0.5f64.powf(age / half));
            let strikes: f64 = owner
                .strikes()?
                .iter()
                .filter(|(of, age)| (self.any_package || *of == package_id) && *age <= self.days)
                .map(|(_, age)| weight(age.max(0.0)))
                .sum();
            if strikes < self.strikes {
                return Ok(None);
            }
            because["strikes"] = ((strikes * 100.0).round() / 100.0).into();
            because["days"] = self.days.into();
        }
        Ok(Some(because))
    }
}
