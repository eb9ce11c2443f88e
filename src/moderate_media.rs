//! `moderate_image`, `moderate_video`, `moderate` and their hits: verdicts on more than one text.

use crate::asked::{self, Asked};
use crate::compiled::interrupted;
use crate::content::Content;
use crate::error::{Error, Result};
use crate::image::hash_file;
use crate::in_force::{self, InForce, Release, Selection};
use crate::material::digest_of;
use crate::media_hits::{self, MediaFields, MediaFound, Seen, multirange, percent};
use crate::moderate::{slots_of, verdict_row};
use crate::pg::{self, Call, Rows};
use crate::rollout::Lot;
use crate::rules::Owner;
use crate::verdict::{self, Field, release_of};
use pg_moderation_engine::hash::pdq::{PDQ_MIN_QUALITY, PdqHash};
use pg_moderation_engine::media::MediaOptions;
use pgrx::pg_sys::{self, Datum};
use std::rc::Rc;

crate::pg_function!(
    moderation_matches_image,
    pg_finfo_moderation_matches_image,
    matches_image
);
crate::pg_function!(
    moderation_moderate_image,
    pg_finfo_moderation_moderate_image,
    moderate_image
);
crate::pg_function!(
    moderation_moderate_image_file,
    pg_finfo_moderation_moderate_image_file,
    moderate_image_file
);
crate::pg_function!(moderation_image_hits, pg_finfo_moderation_image_hits, image_hits);
crate::pg_function!(
    moderation_image_file_hits,
    pg_finfo_moderation_image_file_hits,
    image_file_hits
);
crate::pg_function!(
    moderation_moderate_video,
    pg_finfo_moderation_moderate_video,
    moderate_video
);
crate::pg_function!(moderation_video_hits, pg_finfo_moderation_video_hits, video_hits);
crate::pg_function!(
    moderation_moderate_jsonb,
    pg_finfo_moderation_moderate_jsonb,
    moderate_jsonb
);
crate::pg_function!(
    moderation_moderate_record,
    pg_finfo_moderation_moderate_record,
    moderate_record
);

/// `matches(hash, package)`: is there a hit of the package's live release?
fn matches_image(call: &Call) -> Result<Option<Datum>> {
    let (Some(hash), Some(package)) = (call.pdqhash(0), call.text(1)?) else {
        return Ok(None);
    };
    let map = in_force::current()?;
    let Some(&package_id) = map.packages.get(package) else {
        return Err(Error::UnknownPackage(package.to_owned()));
    };
    let digest = || digest_of(std::iter::once(Some(hash.to_string().as_str())));
    let Some(slot) = map.live_slot(package_id, &Lot::new(None, &digest)) else {
        return Ok(Some(false.into()));
    };
    let moment = map.moment()?;
    let options = MediaOptions {
        slots: Some(&[slot]),
        inactive: moment.unenforced.as_deref(),
        suppressed: false,
    };
    let hit = match map.compiled()?.media.open()? {
        Some(media) => media.has_image(&hash, &options, &mut interrupted)?,
        None => false,
    };
    Ok(Some(hit.into()))
}

/// A single image. Of a quality below 50 there is nothing to look up.
fn of_image(hash: Option<PdqHash>) -> MediaFields<'static> {
    MediaFields {
        images: hash.into_iter().map(|hash| (None, hash)).collect(),
        videos: Vec::new(),
    }
}

fn file_argument(call: &Call) -> Result<Option<MediaFields<'static>>> {
    let Some(bytes) = call.bytes(0) else {
        return Ok(None);
    };
    let hashed = hash_file(bytes)?;
    Ok(Some(of_image(
        (hashed.quality >= PDQ_MIN_QUALITY).then_some(hashed.hash),
    )))
}

fn video_argument(call: &Call) -> Result<Option<MediaFields<'static>>> {
    let frames = call.frames(0)?;
    Ok(frames.map(|frames| MediaFields {
        images: Vec::new(),
        videos: vec![(None, frames)],
    }))
}

/// `moderate_…(content, packages, content_key)`: the verdict on one image or video.
fn moderate_media(call: &Call, media: Option<MediaFields<'_>>) -> Result<Option<Datum>> {
    let Some(media) = media else { return Ok(None) };
    verdict(call, &[], &media, call.text(2)?).map(Some)
}

fn moderate_image(call: &Call) -> Result<Option<Datum>> {
    moderate_media(call, call.pdqhash(0).map(|hash| of_image(Some(hash))))
}

fn moderate_image_file(call: &Call) -> Result<Option<Datum>> {
    moderate_media(call, file_argument(call)?)
}

fn moderate_video(call: &Call) -> Result<Option<Datum>> {
    moderate_media(call, video_argument(call)?)
}

/// `moderate(content jsonb, packages, image, video, content_key)`.
fn moderate_jsonb(call: &Call) -> Result<Option<Datum>> {
    let Some(document) = call.datum(0) else {
        return Ok(None);
    };
    let images = call.texts(2)?.unwrap_or_default();
    let videos = call.texts(3)?.unwrap_or_default();
    let mut content = Content::default();
    // SAFETY: the SQL declaration says jsonb.
    unsafe { content.add_document("", document, &images, &videos)? };
    moderate_content(call, content, call.text(4)?).map(Some)
}

/// `moderate(content record, packages, content_key)`.
fn moderate_record(call: &Call) -> Result<Option<Datum>> {
    let Some(row) = call.datum(0) else {
        return Ok(None);
    };
    let mut content = Content::default();
    // SAFETY: the SQL declaration says record.
    unsafe { content.add_row(row)? };
    moderate_content(call, content, call.text(2)?).map(Some)
}

fn moderate_content(call: &Call, mut content: Content<'_>, key: Option<&str>) -> Result<Datum> {
    let (fields, media) = content.parts();
    verdict(call, &fields, &media, key)
}

/// The verdict of the packages that the second argument names. Contents that are the same draw the same lot.
fn verdict(call: &Call, fields: &[Field<'_>], media: &MediaFields<'_>, key: Option<&str>) -> Result<Datum> {
    let map = in_force::current()?;
    let digest = || digest(fields, media);
    let selection = map.selection(slots_of(&map, call.texts(1)?)?, &Lot::new(key, &digest))?;
    let judgement = verdict::judge(&map, fields, media, &selection, &Owner::nobody())?;
    verdict_row(
        call,
        &map,
        &judgement,
        &judgement.live_hits(&map, verdict::Reader::Caller)?,
    )
}

fn digest(fields: &[Field<'_>], media: &MediaFields<'_>) -> [u8; 32] {
    let media = media.texts();
    let texts = fields.iter().map(|field| Some(field.text));
    digest_of(texts.chain(media.iter().map(|text| Some(text.as_str()))))
}

/// What a `…_hits` function judges by.
enum By {
    InForce(Selection),
    Asked(Rc<Asked>),
}

impl By {
    /// From the arguments `packages, release, draft`, the second to the fourth.
    fn of(call: &Call, map: &InForce, media: &MediaFields<'_>) -> Result<Self> {
        let packages = call.texts(1)?;
        let release = call.int4(2);
        let draft = call.boolean(3).unwrap_or(false);
        if release.is_none() && !draft {
            let digest = || digest(&[], media);
            let selection = map.selection(slots_of(map, packages)?, &Lot::new(None, &digest))?;
            return Ok(Self::InForce(selection));
        }
        if release.is_some() && draft {
            return Err(Error::ReleaseOrDraft);
        }
        let [package] = packages.as_deref().unwrap_or_default() else {
            return Err(Error::OnePackageNeeded);
        };
        asked::asked(map, package, release).map(Self::Asked)
    }
}

/// `…_hits(content, packages, release, draft, suppressed)`.
fn hits(
    call: &Call,
    media: Option<MediaFields<'_>>,
    put: fn(&Rows, &InForce, &Release, &MediaFound, bool) -> Result<()>,
) -> Result<Option<Datum>> {
    let rows = call.rows();
    let Some(media) = media else { return Ok(None) };
    let map = in_force::current()?;
    let suppressed = call.boolean(4).unwrap_or(false);
    let by = By::of(call, &map, &media)?;
    let (releases, found) = match &by {
        By::InForce(_) if map.releases.is_empty() => return Ok(None),
        By::InForce(selection) => {
            let found = media_hits::find(map.compiled()?, &media, selection, suppressed)?;
            (map.releases.as_slice(), found)
        }
        By::Asked(asked) => {
            let found = media_hits::find(&asked.compiled, &media, &Selection::timeless(), suppressed)?;
            (std::slice::from_ref(&asked.release), found)
        }
    };
    for found in found {
        pgrx::check_for_interrupts!();
        let release = release_of(releases, found.slot)?;
        let is_shown = map.may_read(release.package_id)?;
        put(&rows, &map, release, &found, is_shown)?;
    }
    Ok(None)
}

fn image_hits(call: &Call) -> Result<Option<Datum>> {
    hits(
        call,
        call.pdqhash(0).map(|hash| of_image(Some(hash))),
        put_image_hit,
    )
}

fn image_file_hits(call: &Call) -> Result<Option<Datum>> {
    hits(call, file_argument(call)?, put_image_hit)
}

fn video_hits(call: &Call) -> Result<Option<Datum>> {
    hits(call, video_argument(call)?, put_video_hit)
}

/// Package to action: what all kinds of hits begin with.
fn begin(map: &InForce, release: &Release, found: &MediaFound, is_shown: bool) -> Result<Vec<Option<Datum>>> {
    let stage = found
        .stage(release)
        .map(|stage| map.label("stage", stage))
        .transpose()?;
    Ok(vec![
        Some(pg::text_datum(&release.package)),
        Some(release.release.into()),
        stage,
        Some(found.item.into()),
        Some(map.label("item_kind", found.kind())?),
        Some(pg::text_datum(&found.label)).filter(|_| is_shown && !found.label.is_empty()),
        Some(map.label("action", &release.action)?),
    ])
}

fn put_image_hit(
    rows: &Rows,
    map: &InForce,
    release: &Release,
    found: &MediaFound,
    is_shown: bool,
) -> Result<()> {
    let near = found.near().filter(|_| is_shown);
    let mut row = begin(map, release, found, is_shown)?;
    row.extend([
        near.map(|near| (near.distance as i32).into()),
        near.map(|near| i32::from(near.max_distance).into()),
        Some(Datum::from(found.score.to_bits())),
        found.suppressed_by.map(Datum::from),
    ]);
    rows.put(&row)
}

fn put_video_hit(
    rows: &Rows,
    map: &InForce,
    release: &Release,
    found: &MediaFound,
    is_shown: bool,
) -> Result<()> {
    let real = |value: f64| Datum::from((value as f32).to_bits());
    let times = |ranges: &[_]| pg::input(pg_sys::NUMMULTIRANGEOID, -1, &multirange(ranges));
    let (frame, seconds) = match &found.seen {
        Seen::Frame { number, seconds, .. } if is_shown => (i32::try_from(*number).ok(), Some(*seconds)),
        Seen::Image(_) | Seen::Frame { .. } | Seen::Video { .. } => (None, None),
    };
    let mut row = begin(map, release, found, is_shown)?;
    row.extend([
        found.material().map(|coverage| real(percent(coverage))),
        found.content().map(|coverage| real(percent(coverage))),
        found
            .material()
            .filter(|_| is_shown)
            .map(|coverage| times(&coverage.ranges))
            .transpose()?,
        found
            .content()
            .filter(|_| is_shown)
            .map(|coverage| times(&coverage.ranges))
            .transpose()?,
        frame.map(Datum::from),
        seconds.map(|seconds| Datum::from(seconds.to_bits())),
        found
            .near()
            .filter(|_| is_shown)
            .map(|near| (near.distance as i32).into()),
        Some(Datum::from(found.score.to_bits())),
        found.suppressed_by.map(Datum::from),
    ]);
    rows.put(&row)
}
