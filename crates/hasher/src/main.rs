//! `pg-moderation-hasher`: image and video files, or folders of them, to PDQ and vPDQ hashes, ready for COPY; and hash
//! files of other tools to the same. For material that lies in files: what is in the database already is hashed
//! there by `moderation.pdq_hash`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod options;
mod output;
mod read;
mod video;

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pg_moderation_engine::hash::decode::{ImageFormat, decode_image};
use pg_moderation_engine::hash::pdq::PdqHasher;

use options::{Command, Format, HELP, Options};
use output::{Hashes, Output};
use video::{VideoError, hash_video};

const SOME_FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;
const NO_OUTPUT: u8 = 3;
const NO_DECODER: u8 = 4;

const ONLY_VIDEOS: &str = "an image; --format vpdq is for videos";

/// Names that folders' videos end with. A file that is named itself needs none of them.
const VIDEO_EXTENSIONS: [&str; 16] = [
    "3gp", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ogv", "ts", "vob",
    "webm", "wmv",
];

fn main() -> ExitCode {
    let options = match options::parse(std::env::args_os()) {
        Ok(Command::Run(options)) => options,
        Ok(Command::Help) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Ok(Command::Version) => {
            println!("pg-moderation-hasher {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("pg-moderation-hasher: {error}");
            return ExitCode::from(WRONG_USAGE);
        }
    };
    match run(&options) {
        Ok(status) => ExitCode::from(status),
        // Whoever reads our lines has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pg-moderation-hasher: output cannot be written: {error}");
            ExitCode::from(NO_OUTPUT)
        }
    }
}

/// A file to hash, and whether it is a video.
struct Source {
    path: PathBuf,
    video: bool,
}

impl Source {
    fn name(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }
}

fn run(options: &Options) -> io::Result<u8> {
    let mut report = Report::new(options.quiet);
    let mut sources = Vec::new();
    for path in &options.paths {
        if path.is_dir() {
            walk(path, options, &mut sources, &mut report);
        } else {
            sources.push(Source {
                path: path.clone(),
                video: !is_image(path).unwrap_or(true),
            });
        }
    }
    let mut output = Output::open(options)?;
    let videos = !options.read && sources.iter().any(|source| source.video);
    let no_decoder = videos && !video::has_decoder(options);
    if no_decoder {
        report.failure("videos are left out: ffmpeg is not installed (Debian: apt-get install ffmpeg)");
    }
    let mut hasher = PdqHasher::new();
    report.total = sources.len();
    for source in &sources {
        let name = source.name();
        report.begin(&name);
        if options.read {
            read_back(source, options, &mut output, &mut report)?;
        } else if output.has(&name, options.resume) {
            report.known += 1;
        } else if !(source.video && no_decoder) {
            match hash(source, options, &mut hasher) {
                Ok(hashes) => {
                    output.write(&name, &hashes)?;
                    report.hashed += 1;
                }
                Err(reason) => report.failure(&format!("{name}: {reason}")),
            }
        }
    }
    report.end();
    Ok(match (no_decoder, report.failed) {
        (true, _) => NO_DECODER,
        (false, 0) => 0,
        (false, _) => SOME_FAILED,
    })
}

fn hash(source: &Source, options: &Options, hasher: &mut PdqHasher) -> Result<Hashes, String> {
    if source.video {
        return match hash_video(&source.path, options, hasher) {
            Ok(frames) => Ok(Hashes::Video(frames)),
            Err(error @ VideoError::NoDecoder) => Err(format!("{error}")),
            Err(error) => Err(format!("video {error}")),
        };
    }
    if options.format == Format::Vpdq {
        return Err(ONLY_VIDEOS.to_owned());
    }
    let file = File::open(&source.path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    // One byte more than allowed, so that the decoder sees that it is too much.
    let most = options.limits.max_bytes as u64 + 1;
    file.take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    let image = decode_image(&bytes, &options.limits).map_err(|error| error.to_string())?;
    let view = image.view().map_err(|error| error.to_string())?;
    hasher
        .hash_image(&view)
        .map(Hashes::Image)
        .map_err(|error| error.to_string())
}

fn read_back(source: &Source, options: &Options, output: &mut Output, report: &mut Report) -> io::Result<()> {
    let name = source
        .path
        .file_stem()
        .map_or_else(|| source.name(), |stem| stem.to_string_lossy().into_owned());
    match read::read_hashes(&source.path, &name, options.limits.max_bytes) {
        Ok(contents) => {
            for (name, hashes) in &contents.hashes {
                if output.has(name, options.resume) {
                    report.known += 1;
                } else if options.format == Format::Vpdq && !matches!(hashes, Hashes::Video(_)) {
                    report.failure(&format!("{name}: {ONLY_VIDEOS}"));
                } else {
                    output.write(name, hashes)?;
                    report.hashed += 1;
                }
            }
            report.other += contents.skipped;
        }
        Err(reason) => report.failure(&format!("{}: {reason}", source.name())),
    }
    Ok(())
}

/// Adds the files of a folder and its folders, in order of their names: what can be hashed to the format asked for, or
/// everything to read. Links to folders are not followed.
fn walk(folder: &Path, options: &Options, sources: &mut Vec<Source>, report: &mut Report) {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                report.failure(&format!("{}: {error}", folder.display()));
                continue;
            }
        };
        entries.sort_by_key(std::fs::DirEntry::path);
        let mut inner = Vec::new();
        for entry in entries {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                inner.push(path);
                continue;
            }
            let extension = path
                .extension()
                .map(|extension| extension.to_string_lossy().to_ascii_lowercase());
            let video = extension.is_some_and(|extension| VIDEO_EXTENSIONS.contains(&extension.as_str()));
            let wanted = video || options.format != Format::Vpdq && is_image(&path).unwrap_or(false);
            if options.read || wanted {
                sources.push(Source { path, video });
            } else {
                report.other += 1;
            }
        }
        folders.extend(inner.into_iter().rev());
    }
}

/// Whether a file begins like an image.
fn is_image(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(16).read_to_end(&mut start)?;
    Ok(ImageFormat::of(&start).is_some())
}

/// What the person at the terminal sees, on standard error.
struct Report {
    /// Whether there is one who sees a line change.
    live: bool,
    quiet: bool,
    total: usize,
    begun: usize,
    hashed: usize,
    known: usize,
    failed: usize,
    other: usize,
}

impl Report {
    fn new(quiet: bool) -> Self {
        let live = !quiet && io::stderr().is_terminal();
        Self {
            live,
            quiet,
            total: 0,
            begun: 0,
            hashed: 0,
            known: 0,
            failed: 0,
            other: 0,
        }
    }

    fn begin(&mut self, name: &str) {
        self.begun += 1;
        if self.live {
            const WIDTH: usize = 24;
            let filled = WIDTH * self.begun / self.total.max(1);
            let short: String = name
                .chars()
                .rev()
                .take(40)
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
                .collect();
            eprint!(
                "\r\x1b[K[{:<WIDTH$}] {}/{} {short}",
                "#".repeat(filled),
                self.begun,
                self.total
            );
            // Only the display.
            let _ = io::stderr().flush();
        }
    }

    fn failure(&mut self, message: &str) {
        self.failed += 1;
        let clear = if self.live { "\r\x1b[K" } else { "" };
        eprintln!("{clear}pg-moderation-hasher: {message}");
    }

    fn end(&self) {
        if !self.quiet {
            let clear = if self.live { "\r\x1b[K" } else { "" };
            eprintln!(
                "{clear}{} hashed, {} there before, {} failed, {} of other kinds",
                self.hashed, self.known, self.failed, self.other
            );
        }
    }
}
