//! vPDQ: a video as the PDQ hashes of its frames, and how much of one video is in another. Frames are compared as a
//! bag, whatever their order, so clips, cuts and changed speeds match; for whole videos of which every frame counts
//! equally. Not for sound, and not for single images: those are looked up in [`super::index`].
//!
//! The definition is that of the open vPDQ (Meta, ThreatExchange repository). Its implementations disagree on what
//! counts; here a pair of frames matches at a distance of at most 31 bits, frames of a quality below 50 are left
//! out, and both percentages are always given, of the risk *material* and of the *content* that was judged.

use std::collections::BTreeSet;
use std::fmt;

use super::pdq::{PDQ_MATCH_DISTANCE, PDQ_MIN_QUALITY, PdqHash};
use crate::{Interrupt, MatchError};

/// One hashed frame of a video.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VideoFrame {
    /// Number of the frame in the video, from 0.
    pub number: u32,
    pub hash: PdqHash,
    /// 0 to 100, see [`super::pdq::HashedImage`].
    pub quality: u8,
    /// When it is shown, in seconds from the start.
    pub seconds: f64,
}

impl fmt::Display for VideoFrame {
    /// A line of a vPDQ file: number, quality, hash, seconds to the millisecond.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{},{},{},{:.3}",
            self.number, self.quality, self.hash, self.seconds
        )
    }
}

/// What is wrong with a line of a vPDQ file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Not number, quality, hash and seconds.
    Fields,
    Number,
    /// Not a whole number from 0 to 100.
    Quality,
    Hash,
    /// Not a finite number of at least 0.
    Seconds,
    OutOfMemory,
}

/// Why a text is not a vPDQ file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameParseError {
    /// From 1.
    pub line: usize,
    pub error: FrameError,
}

impl fmt::Display for FrameParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.error {
            FrameError::Fields => "expected frame number, quality, PDQ hash and seconds, separated by commas",
            FrameError::Number => "the frame number is not a whole number",
            FrameError::Quality => "the quality is not a whole number from 0 to 100",
            FrameError::Hash => "the hash is not 64 hexadecimal digits",
            FrameError::Seconds => "the time is not a number of seconds",
            FrameError::OutOfMemory => "out of memory",
        };
        write!(f, "line {}: {what}", self.line)
    }
}

impl std::error::Error for FrameParseError {}

/// Reads the text of a vPDQ file: a frame a line, as [`VideoFrame`] is displayed. Empty lines are skipped.
///
/// # Errors
/// The first line that is not a frame.
pub fn parse_frames(text: &str) -> Result<Vec<VideoFrame>, FrameParseError> {
    let mut frames = Vec::new();
    for (n, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let at = |error| FrameParseError { line: n + 1, error };
        frames.try_reserve(1).map_err(|_| at(FrameError::OutOfMemory))?;
        frames.push(parse_frame(line).map_err(at)?);
    }
    Ok(frames)
}

fn parse_frame(line: &str) -> Result<VideoFrame, FrameError> {
    let mut fields = line.split(',').map(str::trim);
    let mut field = || fields.next().ok_or(FrameError::Fields);
    let (number, quality, hash, seconds) = (field()?, field()?, field()?, field()?);
    if fields.next().is_some() {
        return Err(FrameError::Fields);
    }
    let seconds: f64 = seconds.parse().map_err(|_| FrameError::Seconds)?;
    if !seconds.is_finite() || seconds < 0.0 {
        return Err(FrameError::Seconds);
    }
    Ok(VideoFrame {
        number: number.parse().map_err(|_| FrameError::Number)?,
        hash: hash.parse().map_err(|_| FrameError::Hash)?,
        quality: quality
            .parse()
            .ok()
            .filter(|&quality| quality <= 100)
            .ok_or(FrameError::Quality)?,
        seconds,
    })
}

/// Which frames the percentages are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Counting {
    /// Every frame: a still scene counts for as long as it is shown. As the C++ reference counts.
    #[default]
    Every,
    /// Every different hash once: a still scene counts once. As the definition's pseudocode counts.
    Unique,
}

/// When two frames match, and how matches are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoMatchOptions {
    /// Largest distance of two frames that match, in bits.
    pub max_distance: u32,
    /// Frames of a lower quality are left out on both sides.
    pub min_quality: u8,
    pub counting: Counting,
}

impl Default for VideoMatchOptions {
    fn default() -> Self {
        Self {
            max_distance: PDQ_MATCH_DISTANCE,
            min_quality: PDQ_MIN_QUALITY,
            counting: Counting::Every,
        }
    }
}

/// A time in which every compared frame matches: from its first to its last frame, both included, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeRange {
    pub start: f64,
    pub end: f64,
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Coverage {
    /// Frames that were good enough to be compared.
    pub frames: usize,
    /// Of these, frames that some frame of the other side matches.
    pub matched: usize,
    /// Where they are, in order of time. A compared frame without a match ends a range; frames too bad to be
    /// compared do not. The same whatever [`Counting`].
    pub ranges: Vec<TimeRange>,
}

impl Coverage {
    /// 0 to 100; 0 if no frame could be compared.
    #[must_use]
    pub fn percent(&self) -> f64 {
        if self.frames == 0 {
            0.0
        } else {
            self.matched as f64 * 100.0 / self.frames as f64
        }
    }
}

/// How much of each video is in the other.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct VideoMatch {
    pub material: Coverage,
    pub content: Coverage,
}

/// Compares risk material with content: every frame with every frame.
///
/// # Errors
/// [`MatchError::Interrupted`], [`MatchError::OutOfMemory`].
pub fn match_videos(
    material: &[VideoFrame],
    content: &[VideoFrame],
    options: &VideoMatchOptions,
    interrupt: Interrupt<'_>,
) -> Result<VideoMatch, MatchError> {
    let material = compared(material, options)?;
    let content = compared(content, options)?;
    if material.is_empty() || content.is_empty() {
        // Nothing to compare with: nothing of either side is known to be in the other.
        return Ok(VideoMatch::default());
    }
    Ok(VideoMatch {
        material: coverage(&material, &content, options, interrupt)?,
        content: coverage(&content, &material, options, interrupt)?,
    })
}

/// The frames that are good enough, in order of time.
fn compared(frames: &[VideoFrame], options: &VideoMatchOptions) -> Result<Vec<VideoFrame>, MatchError> {
    let mut kept = Vec::new();
    kept.try_reserve_exact(frames.len())
        .map_err(|_| MatchError::OutOfMemory)?;
    kept.extend(frames.iter().filter(|frame| frame.quality >= options.min_quality));
    kept.sort_by(|a: &VideoFrame, b| a.seconds.total_cmp(&b.seconds).then(a.number.cmp(&b.number)));
    Ok(kept)
}

fn coverage(
    frames: &[VideoFrame],
    others: &[VideoFrame],
    options: &VideoMatchOptions,
    interrupt: Interrupt<'_>,
) -> Result<Coverage, MatchError> {
    let mut coverage = Coverage::default();
    let mut seen = BTreeSet::new();
    let mut open: Option<TimeRange> = None;
    // What one frame matched, the next one often matches too.
    let mut likely = 0;
    for frame in frames {
        if interrupt() {
            return Err(MatchError::Interrupted);
        }
        let near = |other: &VideoFrame| frame.hash.distance(&other.hash) <= options.max_distance;
        let found = match others.get(likely) {
            Some(other) if near(other) => Some(likely),
            _ => others.iter().position(near),
        };
        likely = found.unwrap_or(likely);
        if options.counting == Counting::Every || seen.insert(frame.hash) {
            coverage.frames += 1;
            coverage.matched += usize::from(found.is_some());
        }
        match (&mut open, found) {
            (Some(range), Some(_)) => range.end = frame.seconds,
            (None, Some(_)) => {
                open = Some(TimeRange {
                    start: frame.seconds,
                    end: frame.seconds,
                })
            }
            (_, None) => close(&mut open, &mut coverage.ranges)?,
        }
    }
    close(&mut open, &mut coverage.ranges)?;
    Ok(coverage)
}

fn close(open: &mut Option<TimeRange>, ranges: &mut Vec<TimeRange>) -> Result<(), MatchError> {
    if let Some(range) = open.take() {
        ranges.try_reserve(1).map_err(|_| MatchError::OutOfMemory)?;
        ranges.push(range);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(number: u32, byte: u8, quality: u8) -> VideoFrame {
        VideoFrame {
            number,
            hash: PdqHash([byte; 32]),
            quality,
            seconds: f64::from(number),
        }
    }

    #[test]
    fn text_goes_there_and_back() {
        let text = format!(
            "0,100,{},0.000\n\n1,57,{},0.033\r\n",
            PdqHash([0xa5; 32]),
            PdqHash([7; 32])
        );
        let frames = parse_frames(&text).unwrap();
        let written: Vec<String> = frames.iter().map(ToString::to_string).collect();
        assert_eq!(written, text.split_whitespace().collect::<Vec<_>>());
        assert_eq!(
            (frames[1].number, frames[1].quality, frames[1].seconds),
            (1, 57, 0.033)
        );
    }

    #[test]
    fn wrong_lines_are_named() {
        let hash = PdqHash([1; 32]);
        for (line, error) in [
            ("nothing".to_owned(), FrameError::Fields),
            (format!("1,100,{hash},1,1"), FrameError::Fields),
            (format!("x,100,{hash},1"), FrameError::Number),
            (format!("1,101,{hash},1"), FrameError::Quality),
            (format!("1,100,{hash}0,1"), FrameError::Hash),
            (format!("1,100,{hash},NaN"), FrameError::Seconds),
            (format!("1,100,{hash},-1"), FrameError::Seconds),
        ] {
            let text = format!("0,0,{hash},0\n{line}");
            assert_eq!(
                parse_frames(&text),
                Err(FrameParseError { line: 2, error }),
                "{line}"
            );
        }
    }

    #[test]
    fn percentages_and_ranges_of_both_sides() {
        let material = [frame(0, 0x00, 100), frame(1, 0xff, 100), frame(2, 0x0f, 49)];
        let mut content: Vec<VideoFrame> = (0..10).map(|n| frame(n, 0x33, 100)).collect();
        for n in [2, 3, 7] {
            content[n].hash = PdqHash([0; 32]);
        }
        // Too bad to be compared: neither a match nor the end of one.
        content[3] = frame(3, 0x33, 49);
        content[4].hash = PdqHash([0; 32]);
        let result = match_videos(&material, &content, &VideoMatchOptions::default(), &mut || false).unwrap();
        assert_eq!((result.material.frames, result.material.matched), (2, 1));
        assert_eq!((result.content.frames, result.content.matched), (9, 3));
        assert_eq!(result.material.percent(), 50.0);
        let ranges = [
            TimeRange { start: 2.0, end: 4.0 },
            TimeRange { start: 7.0, end: 7.0 },
        ];
        assert_eq!(result.content.ranges, ranges);
        let unique = VideoMatchOptions {
            counting: Counting::Unique,
            ..VideoMatchOptions::default()
        };
        let result = match_videos(&material, &content, &unique, &mut || false).unwrap();
        assert_eq!((result.content.frames, result.content.matched), (2, 1));
        assert_eq!(result.content.ranges, ranges);
    }

    #[test]
    fn nothing_to_compare_and_interruption() {
        let options = VideoMatchOptions::default();
        let result = match_videos(&[frame(0, 0, 10)], &[frame(0, 0, 100)], &options, &mut || false).unwrap();
        assert_eq!(result.content.percent(), 0.0);
        let frames = [frame(0, 0, 100)];
        assert_eq!(
            match_videos(&frames, &frames, &options, &mut || true),
            Err(MatchError::Interrupted)
        );
    }
}
