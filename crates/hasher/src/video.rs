//! Videos, decoded by ffmpeg as a child process: its faults and its memory stay its own, and it is ended when it
//! takes too long. Frames come as portable pixmaps, whose headers say their size; their numbers and times come from
//! ffmpeg's `showinfo` filter, once before and once after the filter that chooses frames.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pg_moderation_engine::hash::pdq::{ImageView, PdqHasher, PixelFormat};
use pg_moderation_engine::hash::vpdq::VideoFrame;

use crate::options::Options;

/// Most memory that one allocation of the decoder may take, in bytes.
const MAX_ALLOCATION: usize = 1 << 30;
/// Lines of ffmpeg's messages kept for an error.
const KEPT_MESSAGES: usize = 3;

/// Why a video has no hashes.
#[derive(Debug)]
pub enum VideoError {
    /// The program is not there.
    NoDecoder,
    TimedOut,
    TooManyFrames(usize),
    TooManyPixels {
        width: usize,
        height: usize,
    },
    /// What ffmpeg said.
    Decoder(String),
    Io(io::Error),
}

impl std::fmt::Display for VideoError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoDecoder => f.write_str("ffmpeg is not installed"),
            Self::TimedOut => f.write_str("took longer than --timeout"),
            Self::TooManyFrames(limit) => write!(f, "has more than {limit} frames to hash, see --max-frames"),
            Self::TooManyPixels { width, height } => {
                write!(f, "has frames of {width} x {height} pixels, see --max-pixels")
            }
            Self::Decoder(message) => write!(f, "cannot be decoded: {message}"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl From<io::Error> for VideoError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Whether ffmpeg can be started.
pub fn has_decoder(options: &Options) -> bool {
    let run = Command::new(&options.ffmpeg)
        .arg("-version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    run.is_ok_and(|status| status.success())
}

/// Hashes a video's frames, the first one of every interval.
pub fn hash_video(
    path: &Path,
    options: &Options,
    hasher: &mut PdqHasher,
) -> Result<Vec<VideoFrame>, VideoError> {
    let mut child = start(path, options).map_err(|error| match error.kind() {
        ErrorKind::NotFound => VideoError::NoDecoder,
        _ => VideoError::Io(error),
    })?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
        return Err(VideoError::Io(ErrorKind::BrokenPipe.into()));
    };
    let child = Arc::new(Mutex::new(child));
    let (done, watched) = mpsc::channel::<()>();
    let watcher = watch(Arc::clone(&child), watched, options.timeout);
    let messages = thread::spawn(move || read_messages(BufReader::new(stderr)));

    let frames = read_frames(BufReader::new(stdout), options, hasher);
    if frames.is_err() {
        end(&child);
    }
    // A thread of ours does not panic; were it to, its result is only missing.
    let messages = messages.join().unwrap_or_default();
    drop(done);
    let timed_out = watcher.join().unwrap_or(false);
    let status = child.lock().unwrap_or_else(PoisonError::into_inner).wait()?;
    if timed_out {
        return Err(VideoError::TimedOut);
    }
    let hashes = frames?;
    if !status.success() || hashes.is_empty() {
        let said = Vec::from(messages.other).join("; ");
        return Err(VideoError::Decoder(if said.is_empty() {
            status.to_string()
        } else {
            said
        }));
    }
    if hashes.len() != messages.chosen.len() {
        return Err(VideoError::Decoder(
            "the times of the frames are missing".to_owned(),
        ));
    }
    Ok(hashes
        .into_iter()
        .zip(messages.chosen)
        .map(|(hashed, (number, seconds))| VideoFrame {
            number,
            hash: hashed.hash,
            quality: hashed.quality,
            seconds,
        })
        .collect())
}

fn start(path: &Path, options: &Options) -> io::Result<Child> {
    // An absolute path after a fixed protocol: no name is taken for an option, a device or an address.
    let mut input = std::ffi::OsString::from("file:");
    input.push(std::path::absolute(path)?);
    let chosen = if options.interval > 0.0 {
        format!(
            "select='isnan(prev_selected_t)+gte(t-prev_selected_t+0.0005,{})',",
            options.interval
        )
    } else {
        String::new()
    };
    Command::new(&options.ffmpeg)
        .args([
            "-nostdin",
            "-hide_banner",
            "-nostats",
            "-loglevel",
            "info",
            "-max_alloc",
        ])
        .arg(MAX_ALLOCATION.to_string())
        .args(["-protocol_whitelist", "file", "-i"])
        .arg(input)
        .args(["-map", "0:v:0", "-vf"])
        .arg(format!(
            "showinfo@read=checksum=0,{chosen}showinfo@chosen=checksum=0"
        ))
        .args([
            "-fps_mode",
            "passthrough",
            "-pix_fmt",
            "rgb24",
            "-c:v",
            "ppm",
            "-f",
            "image2pipe",
            "pipe:1",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// Ends the child when its time is over; says whether it did.
fn watch(child: Arc<Mutex<Child>>, done: mpsc::Receiver<()>, timeout: Duration) -> thread::JoinHandle<bool> {
    thread::spawn(move || {
        let timed_out = done.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout);
        if timed_out {
            end(&child);
        }
        timed_out
    })
}

fn end(child: &Mutex<Child>) {
    // Fails only if it has ended by itself.
    let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
}

/// Hashes one portable pixmap after the other.
fn read_frames(
    mut input: impl BufRead,
    options: &Options,
    hasher: &mut PdqHasher,
) -> Result<Vec<pg_moderation_engine::hash::pdq::HashedImage>, VideoError> {
    let mut hashes = Vec::new();
    let mut pixels = Vec::new();
    while let Some((width, height)) = pixmap_header(&mut input)? {
        if hashes.len() >= options.max_frames {
            return Err(VideoError::TooManyFrames(options.max_frames));
        }
        let area = width
            .checked_mul(height)
            .filter(|area| *area <= options.limits.max_pixels);
        let area = area.ok_or(VideoError::TooManyPixels { width, height })?;
        pixels.resize(area * 3, 0);
        input.read_exact(&mut pixels)?;
        let hashed = ImageView::new(width, height, PixelFormat::Rgb8, &pixels)
            .and_then(|view| hasher.hash_frame(&view))
            .map_err(|error| VideoError::Decoder(error.to_string()))?;
        hashes.push(hashed);
    }
    Ok(hashes)
}

/// Width and height of the next binary pixmap of 255 levels (`P6`, three numbers, one white space), `None` at the end.
fn pixmap_header(input: &mut impl BufRead) -> Result<Option<(usize, usize)>, VideoError> {
    if input.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let wrong = || VideoError::Decoder("not a pixmap".to_owned());
    let mut word = || -> Result<String, VideoError> {
        let mut word = String::new();
        loop {
            let mut byte = [0];
            input.read_exact(&mut byte)?;
            match byte[0] {
                space if space.is_ascii_whitespace() => return Ok(word),
                _ if word.len() > 10 => return Err(wrong()),
                other => word.push(char::from(other)),
            }
        }
    };
    if word()? != "P6" {
        return Err(wrong());
    }
    let mut number = || word()?.parse::<usize>().map_err(|_| wrong());
    let (width, height, levels) = (number()?, number()?, number()?);
    if levels == 255 {
        Ok(Some((width, height)))
    } else {
        Err(wrong())
    }
}

/// What ffmpeg wrote to its standard error.
#[derive(Debug, Default, PartialEq)]
struct Messages {
    /// Number in the video and time in seconds of each chosen frame.
    chosen: Vec<(u32, f64)>,
    /// The last other lines.
    other: VecDeque<String>,
}

fn read_messages(input: impl BufRead) -> Messages {
    let mut messages = Messages::default();
    // Frames read but not chosen yet: the filters may be some frames apart.
    let mut read: VecDeque<(u32, f64)> = VecDeque::new();
    for line in input.split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        let Some((n, seconds)) = frame_line(&line) else {
            if !line.contains("showinfo") && !line.trim().is_empty() {
                messages.other.push_back(line.trim().to_owned());
                if messages.other.len() > KEPT_MESSAGES {
                    messages.other.pop_front();
                }
            }
            continue;
        };
        if line.contains("showinfo@read") {
            read.push_back((n, seconds));
        } else {
            while let Some((number, time)) = read.pop_front() {
                if time == seconds {
                    messages.chosen.push((number, seconds));
                    break;
                }
            }
        }
    }
    messages
}

/// Number and time of a line of the filter: `[showinfo@read @ 0x…] n:   4 pts:   2048 pts_time:0.133333 …`.
fn frame_line(line: &str) -> Option<(u32, f64)> {
    let line = line.strip_prefix("[showinfo@")?;
    let (_, rest) = line.split_once("] n:")?;
    let number = rest.split_whitespace().next()?.parse().ok()?;
    let (_, time) = rest.split_once("pts_time:")?;
    let seconds: f64 = time.split_whitespace().next()?.parse().ok()?;
    Some((
        number,
        if seconds.is_finite() {
            seconds.max(0.0)
        } else {
            0.0
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_chosen_frames() {
        let text = b"Input #0, mov\n\
            [showinfo@read @ 0x55] config in time_base: 1/15360\n\
            [showinfo@read @ 0x55] n:   0 pts:      0 pts_time:0       duration: 512\n\
            [showinfo@chosen @ 0x56] n:   0 pts:      0 pts_time:0       duration: 512\n\
            [showinfo@read @ 0x55] n:   1 pts:    512 pts_time:0.0333333 duration: 512\n\
            [showinfo@read @ 0x55] n:   2 pts:   1024 pts_time:0.0666667 duration: 512\n\
            [showinfo@chosen @ 0x56] n:   1 pts:   1024 pts_time:0.0666667 duration: 512\n\
            end\n";
        let messages = read_messages(&text[..]);
        assert_eq!(messages.chosen, [(0, 0.0), (2, 0.066_666_7)]);
        assert_eq!(messages.other, ["Input #0, mov", "end"]);
    }

    #[test]
    fn pixmaps() {
        let mut input = &b"P6\n3 2\n255\n"[..];
        assert_eq!(pixmap_header(&mut input).unwrap(), Some((3, 2)));
        assert_eq!(pixmap_header(&mut input).unwrap(), None);
        for wrong in [
            &b"P5\n3 2\n255\n"[..],
            b"P6\n3 2\n65535\n",
            b"P6\n3",
            b"P6\n99999999999999 1\n255\n",
        ] {
            assert!(pixmap_header(&mut &*wrong).is_err());
        }
    }
}
