//! Reading what is in force: the newest deployment of each package and stage, and the releases it names.
//!
//! By scans instead of SQL (`table_scan`), since every new session does this before its first verdict. When the result may
//! be kept is decided in `in_force`.

use crate::error::Result;
use crate::identity::Installed;
use crate::release::Release;
use crate::rights::{Guard, Rights};
use crate::rollout::NUMBERS;
use crate::rules;
use crate::schedule::Time;
use crate::table_scan::{Key, Table};
use pgrx::pg_sys::{self, Datum};
use std::collections::HashMap;

/// What is read.
pub struct Deployed {
    /// Every package by name, in force or not.
    pub packages: HashMap<String, i32>,
    /// The releases in force, by package and stage.
    pub releases: Vec<Release>,
    pub rights: Rights,
}

/// A package.
struct Package {
    id: i32,
    name: String,
    salt: Vec<u8>,
}

/// One row of `deployments`: what judges in a stage of a package.
struct Deployment {
    /// The stage as a value of its enum, and its label.
    stage: Datum,
    label: String,
    release: Option<i32>,
    rest: Option<i32>,
    /// Numbers below this are judged by `release`, the others by `rest`.
    numbers: u16,
    valid: (Time, Time),
}

/// What is in force, now or at a moment of the past, and who may see it.
pub fn read(installed: Installed, at: Option<Time>) -> Result<Deployed> {
    let schema = installed.schema;
    let mut packages = Vec::new();
    let mut rights = Rights::default();
    let table = Table::open(schema, c"packages")?;
    let [id, name, salt, restricted, team] =
        table.columns([c"package_id", c"name", c"rollout_salt", c"restricted", c"team"])?;
    table.each(|row| {
        let number = row.int4(id).unwrap_or_default();
        let guard = Guard {
            restricted: row.boolean(restricted).unwrap_or_default(),
            team: row.text(team)?,
        };
        if !guard.is_open() {
            rights.guards.insert(number, guard);
        }
        packages.push(Package {
            id: number,
            name: row.text(name)?.unwrap_or_default(),
            salt: row.uuid(salt).unwrap_or_default(),
        });
        Ok(())
    })?;
    packages.sort_unstable_by_key(|package| package.id);
    let mut releases = Vec::new();
    if !packages.is_empty() {
        let deployments = Deployments::open(schema)?;
        let table = Releases::open(schema)?;
        for package in &packages {
            // The stages in the order of their enum, which is that of the slots.
            let mut behind = None;
            while let Some(deployment) = deployments.newest(package.id, behind, at)? {
                for (release, numbers) in deployment.parts() {
                    let numbers = (deployment.valid, numbers);
                    releases.extend(table.read(package, release, &deployment.label, numbers)?);
                }
                behind = Some(deployment.stage);
            }
        }
    }
    let names = packages.into_iter().map(|package| (package.name, package.id));
    Ok(Deployed {
        packages: names.collect(),
        releases,
        rights,
    })
}

impl Deployment {
    /// The releases it names, and the contents each judges.
    fn parts(&self) -> impl Iterator<Item = (i32, (u16, u16))> {
        let first = self.release.map(|release| (release, (0, self.numbers)));
        let rest = self.rest.map(|release| (release, (self.numbers, NUMBERS)));
        first.into_iter().chain(rest)
    }
}

struct Deployments {
    table: Table,
    columns: [usize; 8],
}

impl Deployments {
    fn open(schema: pg_sys::Oid) -> Result<Self> {
        let table = Table::open(schema, c"deployments")?;
        let columns = table.columns([
            c"package_id",
            c"stage",
            c"release",
            c"rest",
            c"share",
            c"valid_from",
            c"expires_at",
            c"since",
        ])?;
        Ok(Self { table, columns })
    }

    /// The newest deployment of a package in the first stage that has one, made until `at`; only stages behind this one.
    fn newest(&self, package: i32, behind: Option<Datum>, at: Option<Time>) -> Result<Option<Deployment>> {
        let [
            package_id,
            stage_of,
            release,
            rest,
            share,
            valid_from,
            expires_at,
            since,
        ] = self.columns;
        let mut keys = vec![Key::int4(package_id, package)];
        // Not by label: looking one up took a twentieth of a session's first verdict.
        keys.extend(behind.map(|stage| Key::behind(stage_of, stage)));
        let mut newest = None;
        // The newest comes first.
        self.table.each_by(c"deployments_current_idx", &keys, |row| {
            if at.is_some_and(|at| row.int8(since).is_none_or(|since| since > at)) {
                return Ok(true);
            }
            let share = row.printed(share, pg_sys::numeric_out)?;
            newest = Some(Deployment {
                stage: row.datum(stage_of).unwrap_or(Datum::null()),
                label: row.label(stage_of)?.unwrap_or_default(),
                release: row.int4(release),
                rest: row.int4(rest),
                numbers: share.map_or(NUMBERS, |share| numbers(&share)),
                valid: (
                    row.int8(valid_from).unwrap_or(Time::MIN),
                    row.int8(expires_at).unwrap_or(Time::MAX),
                ),
            });
            Ok(false)
        })?;
        Ok(newest)
    }
}

/// The numbers that a share in per cent, with two decimals, stands for.
fn numbers(share: &str) -> u16 {
    let share = share.parse::<f64>().unwrap_or(100.0);
    ((share * 100.0).round() as u16).min(NUMBERS)
}

struct Releases {
    table: Table,
    columns: [usize; 13],
}

impl Releases {
    fn open(schema: pg_sys::Oid) -> Result<Self> {
        let table = Table::open(schema, c"releases")?;
        let columns = table.columns([
            c"package_id",
            c"release",
            c"action",
            c"threshold",
            c"release_key",
            c"content_hash",
            c"terms",
            c"allow_entries",
            c"images",
            c"videos",
            c"scheduled",
            c"max_distance",
            c"rules",
        ])?;
        Ok(Self { table, columns })
    }

    /// A release as it is deployed; `None` until replication has brought it.
    fn read(
        &self,
        package: &Package,
        number: i32,
        stage: &str,
        (valid, numbers): ((Time, Time), (u16, u16)),
    ) -> Result<Option<Release>> {
        let [
            package_id,
            release,
            action,
            threshold,
            key,
            hash,
            counts @ ..,
            scheduled,
            max_distance,
            rules_of,
        ] = &self.columns;
        let keys =
            [(package_id, package.id), (release, number)].map(|(&column, value)| Key::int4(column, value));
        let mut found = None;
        self.table.each_by(c"releases_pkey", &keys, |row| {
            let mut name = row.uuid(*key).unwrap_or_default();
            name.extend(row.bytes(*hash).unwrap_or_default());
            found = Some(Release {
                package_id: package.id,
                package: package.name.clone(),
                release: number,
                stage: Some(stage.to_owned()),
                action: row.label(*action)?.unwrap_or_default(),
                threshold: row.float4(*threshold).unwrap_or_default(),
                key: name,
                items: counts.iter().filter_map(|&count| row.int4(count)).sum(),
                max_distance: row.int2(*max_distance).unwrap_or_default().into(),
                scheduled: row.int4(*scheduled).unwrap_or_default(),
                numbers,
                salt: package.salt.clone(),
                valid,
                rules: rules::parse(row.printed(*rules_of, pg_sys::jsonb_out)?)?,
            });
            Ok(false)
        })?;
        Ok(found)
    }
}
