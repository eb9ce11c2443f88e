//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::ValueExt;
use pg_moderation_engine::hash::decode::DecodeLimits;

pub const HELP: &str = "\
pg-moderation-hasher: image and video files to PDQ and vPDQ hashes, and hash files to other formats

usage: pg-moderation-hasher [options] PATH...
       pg-moderation-hasher --read [options] FILE...

A folder stands for every image and video in it and below. Images are JPEG, PNG, WebP, GIF and BMP, by their
contents; videos are whatever ffmpeg decodes. Without --output, lines go to standard output.

  --format csv|vpdq|threatexchange   csv (default): media,path,frame,quality,hash,seconds, with a header, for COPY;
                       vpdq: frame,quality,hash,seconds, one file for each video in the folder --output;
                       threatexchange: one JSON object a line, as exchanges deliver them
  --output PATH        write here
  --resume             go on with --output: what it has is not hashed again
  --read               the files are vPDQ text files or ThreatExchange exports: convert them
  --interval SECONDS   between two frames of a video, default 1; 0 takes every frame
  --max-frames N       most frames of a video, default 100000
  --timeout SECONDS    most time for one video, default 3600
  --max-pixels N       most pixels of an image or frame, default 50000000
  --max-bytes N        most bytes of an image or hash file, default 67108864
  --ffmpeg PROGRAM     default ffmpeg
  --quiet              no progress
  --help, --version

exit status: 0 everything was hashed; 1 some files could not be; 2 wrong usage; 3 output could not be written;
             4 there are videos, but no ffmpeg
";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    Vpdq,
    ThreatExchange,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub paths: Vec<PathBuf>,
    pub format: Format,
    pub output: Option<PathBuf>,
    pub resume: bool,
    pub read: bool,
    /// Seconds between two frames.
    pub interval: f64,
    pub max_frames: usize,
    pub timeout: Duration,
    pub limits: DecodeLimits,
    pub ffmpeg: OsString,
    pub quiet: bool,
}

/// What the command line asks for.
pub enum Command {
    Run(Options),
    Help,
    Version,
}

pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, lexopt::Error> {
    use lexopt::Arg::{Long, Value};
    let mut options = Options {
        paths: Vec::new(),
        format: Format::Csv,
        output: None,
        resume: false,
        read: false,
        interval: 1.0,
        max_frames: 100_000,
        timeout: Duration::from_secs(3_600),
        limits: DecodeLimits::default(),
        ffmpeg: "ffmpeg".into(),
        quiet: false,
    };
    let mut parser = lexopt::Parser::from_iter(args);
    while let Some(arg) = parser.next()? {
        match arg {
            Long("format") => {
                options.format = parser.value()?.parse_with(|name| match name {
                    "csv" => Ok(Format::Csv),
                    "vpdq" => Ok(Format::Vpdq),
                    "threatexchange" => Ok(Format::ThreatExchange),
                    _ => Err("formats are csv, vpdq and threatexchange"),
                })?;
            }
            Long("output") => options.output = Some(parser.value()?.into()),
            Long("resume") => options.resume = true,
            Long("read") => options.read = true,
            Long("interval") => options.interval = parser.value()?.parse_with(seconds)?,
            Long("max-frames") => options.max_frames = parser.value()?.parse()?,
            Long("timeout") => {
                options.timeout = Duration::from_secs_f64(parser.value()?.parse_with(seconds)?);
            }
            Long("max-pixels") => options.limits.max_pixels = parser.value()?.parse()?,
            Long("max-bytes") => options.limits.max_bytes = parser.value()?.parse()?,
            Long("ffmpeg") => options.ffmpeg = parser.value()?,
            Long("quiet") => options.quiet = true,
            Long("help") => return Ok(Command::Help),
            Long("version") => return Ok(Command::Version),
            Value(path) => options.paths.push(path.into()),
            other => return Err(other.unexpected()),
        }
    }
    if options.paths.is_empty() {
        return Err("no files given, see --help".into());
    }
    if options.resume && options.output.is_none() {
        return Err("--resume needs --output".into());
    }
    if options.format == Format::Vpdq && options.output.is_none() && (options.read || options.paths.len() > 1)
    {
        return Err("vPDQ files name no video: give a folder with --output".into());
    }
    Ok(Command::Run(options))
}

/// Up to about thirty years.
fn seconds(text: &str) -> Result<f64, &'static str> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..1e9).contains(&seconds) => Ok(seconds),
        _ => Err("not a number of seconds"),
    }
}
