//! Videos as arrays of `moderation.video_frame`: reading them, and the text form of vPDQ files.

use crate::compiled;
use crate::error::{Error, Result};
use crate::error_media::{MediaError, WHOLE_FRAME};
use crate::material::{ItemHash, item_hash};
use crate::pdqhash::{hash_datum, hash_of};
use crate::pg::{self, Call};
use pg_moderation_engine::hash::pdq::PDQ_MIN_QUALITY;
use pg_moderation_engine::hash::vpdq::{VideoFrame, parse_frames};
use pgrx::pg_sys::{self, Datum};

crate::pg_function!(
    moderation_video_frames,
    pg_finfo_moderation_video_frames,
    video_frames
);
crate::pg_function!(
    moderation_video_item_hash,
    pg_finfo_moderation_video_item_hash,
    video_item_hash
);

/// Most frames of one video: a day at one a second.
pub const MAX_FRAMES: usize = 86_400;

/// Refuses videos of more than [`MAX_FRAMES`].
pub fn check_frames(frames: usize) -> Result<()> {
    if frames > MAX_FRAMES {
        return Err(MediaError::TooManyFrames { frames }.into());
    }
    Ok(())
}

/// The frames of a datum of type `video_frame[]`.
///
/// # Safety
/// `datum` must be a non-null `moderation.video_frame[]`.
pub unsafe fn frames_of(datum: Datum) -> Result<Vec<VideoFrame>> {
    // SAFETY: by contract; the elements are composites of the type that the array names.
    unsafe {
        let array = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
        let mut values: *mut Datum = std::ptr::null_mut();
        let mut nulls: *mut bool = std::ptr::null_mut();
        let mut count = 0;
        pg_sys::deconstruct_array(
            array,
            (*array).elemtype,
            -1,
            false,
            pg_sys::TYPALIGN_DOUBLE as std::ffi::c_char,
            &mut values,
            &mut nulls,
            &mut count,
        );
        let count = count as usize;
        check_frames(count)?;
        let mut frames = Vec::new();
        frames
            .try_reserve_exact(count)
            .map_err(|_| Error::Match(pg_moderation_engine::MatchError::OutOfMemory))?;
        if count == 0 {
            return Ok(frames);
        }
        let descriptor = pg_sys::lookup_rowtype_tupdesc((*array).elemtype, -1);
        for n in 0..count {
            if n.is_multiple_of(1_024) {
                compiled::interrupted();
            }
            let at = |field| MediaError::Frame {
                position: n + 1,
                field,
            };
            if *nulls.add(n) {
                return Err(at(WHOLE_FRAME).into());
            }
            frames.push(frame(*values.add(n), descriptor).map_err(at)?);
        }
        pg_sys::DecrTupleDescRefCount(descriptor);
        Ok(frames)
    }
}

/// One frame, or the field that is missing or out of range.
unsafe fn frame(
    datum: Datum,
    descriptor: pg_sys::TupleDesc,
) -> std::result::Result<VideoFrame, &'static str> {
    // SAFETY: a composite datum with this descriptor: the type has four attributes.
    unsafe {
        let header = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::HeapTupleHeaderData>();
        let mut tuple = pg_sys::HeapTupleData {
            t_len: pgrx::varlena::varsize(header.cast()) as u32,
            t_data: header,
            ..pg_sys::HeapTupleData::default()
        };
        let mut values = [Datum::null(); 4];
        let mut nulls = [true; 4];
        if (*descriptor).natts != 4 {
            return Err(WHOLE_FRAME);
        }
        pg_sys::heap_deform_tuple(&mut tuple, descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
        let value = |n: usize| (!nulls[n]).then_some(values[n]);
        let number = value(0).and_then(|number| u32::try_from(number.value() as i32).ok());
        let quality = value(2)
            .and_then(|quality| u8::try_from(quality.value() as i16).ok())
            .filter(|&quality| quality <= 100);
        let seconds = value(3)
            .map(|seconds| f64::from_bits(seconds.value() as u64))
            .filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
        Ok(VideoFrame {
            number: number.ok_or("frame_number")?,
            hash: hash_of(value(1).ok_or("hash")?),
            quality: quality.ok_or("quality")?,
            seconds: seconds.ok_or("seconds")?,
        })
    }
}

impl Call {
    /// An argument declared as `video_frame[]`.
    pub fn frames(&self, index: usize) -> Result<Option<Vec<VideoFrame>>> {
        // SAFETY: the SQL declaration says video_frame[].
        self.datum(index)
            .map(|datum| unsafe { frames_of(datum) })
            .transpose()
    }
}

/// Frames in the text form of vPDQ files.
pub fn frames_text(frames: &[VideoFrame]) -> String {
    use std::fmt::Write;
    frames.iter().fold(String::new(), |mut text, frame| {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{frame}");
        text
    })
}

/// `video_frames(vpdq)`: a row for each line.
fn video_frames(call: &Call) -> Result<Option<Datum>> {
    let rows = call.rows();
    let Some(text) = call.text(0)? else {
        return Ok(None);
    };
    for (n, frame) in parse_frames(text)
        .map_err(MediaError::FrameText)?
        .iter()
        .enumerate()
    {
        let number = i32::try_from(frame.number).map_err(|_| MediaError::Frame {
            position: n + 1,
            field: "frame_number",
        })?;
        rows.put(&[
            Some(number.into()),
            Some(hash_datum(&frame.hash)),
            Some(i16::from(frame.quality).into()),
            Some(Datum::from(frame.seconds.to_bits())),
        ])?;
    }
    Ok(None)
}

/// `video_item_hash(frames, max_distance, min_material, min_content)`: what makes two videos the same, or an error for
/// frames that could never match.
fn video_item_hash(call: &Call) -> Result<Option<Datum>> {
    let Some(frames) = call.frames(0)? else {
        return Ok(None);
    };
    if frames.iter().all(|frame| frame.quality < PDQ_MIN_QUALITY) {
        return Err(MediaError::NoGoodFrame { frames: frames.len() }.into());
    }
    let distance = call.int4(1).map(|distance| distance.to_string());
    let percent = |index| {
        call.datum(index)
            .map(|value| f32::from_bits(value.value() as u32).to_string())
            .unwrap_or_default()
    };
    let hash: ItemHash = item_hash(&[
        "video",
        "risk",
        &frames_text(&frames),
        distance.as_deref().unwrap_or_default(),
        &percent(2),
        &percent(3),
    ]);
    Ok(Some(pg::bytea_datum(&hash)))
}
