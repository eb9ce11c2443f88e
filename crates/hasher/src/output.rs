//! Hashes to files: comma-separated lines for COPY, vPDQ text, or ThreatExchange's JSON objects; and what an output
//! already has, to go on with it.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use pg_moderation_engine::hash::pdq::HashedImage;
use pg_moderation_engine::hash::vpdq::VideoFrame;
use serde_json::json;

use crate::options::{Format, Options};

/// Header of the comma-separated lines.
const HEADER: &str = "media,path,frame,quality,hash,seconds";

/// What was hashed or read.
pub enum Hashes {
    Image(HashedImage),
    /// An image whose quality is not known.
    Hash(pg_moderation_engine::hash::pdq::PdqHash),
    Video(Vec<VideoFrame>),
}

/// Where hashes go.
pub struct Output {
    format: Format,
    /// The folder of vPDQ files.
    folder: Option<PathBuf>,
    lines: Option<BufWriter<Box<dyn Write>>>,
    /// Names the output has from before.
    known: HashSet<String>,
}

impl Output {
    pub fn open(options: &Options) -> io::Result<Self> {
        let mut known = HashSet::new();
        let mut folder = None;
        let mut lines: Option<Box<dyn Write>> = None;
        let mut header = options.format == Format::Csv;
        match &options.output {
            Some(path) if options.format == Format::Vpdq => {
                std::fs::create_dir_all(path)?;
                folder = Some(path.clone());
            }
            Some(path) if options.resume && path.exists() => {
                let end;
                (known, end) = known_names(path, options.format)?;
                let file = OpenOptions::new().write(true).open(path)?;
                file.set_len(end)?;
                let mut file = file;
                io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
                header &= end == 0;
                lines = Some(Box::new(file));
            }
            Some(path) => lines = Some(Box::new(File::create(path)?)),
            None => lines = Some(Box::new(io::stdout())),
        }
        let mut lines = lines.map(BufWriter::new);
        if let (true, Some(lines)) = (header, &mut lines) {
            writeln!(lines, "{HEADER}")?;
        }
        Ok(Self {
            format: options.format,
            folder,
            lines,
            known,
        })
    }

    /// Whether an earlier run wrote this one.
    pub fn has(&self, name: &str, resume: bool) -> bool {
        resume && (self.known.contains(name) || self.vpdq_path(name).is_some_and(|path| path.exists()))
    }

    /// The vPDQ file of a video: its path with everything but letters, digits, dots and dashes replaced, so that
    /// equal names in several folders stay apart.
    fn vpdq_path(&self, name: &str) -> Option<PathBuf> {
        let safe: String = name
            .trim_start_matches(['.', '/'])
            .chars()
            .map(|c| {
                if c.is_alphanumeric() || ".-".contains(c) {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        self.folder
            .as_ref()
            .map(|folder| folder.join(format!("{safe}.txt")))
    }

    /// Writes what belongs to one file, and hands it on at once: an interrupted run loses nothing it reported.
    pub fn write(&mut self, name: &str, hashes: &Hashes) -> io::Result<()> {
        match self.format {
            Format::Csv => self.lines(&csv(name, hashes)),
            Format::ThreatExchange => self.lines(&threatexchange(name, hashes)),
            Format::Vpdq => {
                // Images are refused before they come here.
                let Hashes::Video(frames) = hashes else {
                    return Err(ErrorKind::InvalidInput.into());
                };
                let text: String = frames.iter().map(|frame| format!("{frame}\n")).collect();
                match self.vpdq_path(name) {
                    Some(path) => whole_file(&path, &text),
                    None => self.lines(&text),
                }
            }
        }
    }

    fn lines(&mut self, text: &str) -> io::Result<()> {
        match &mut self.lines {
            Some(lines) => lines.write_all(text.as_bytes()).and_then(|()| lines.flush()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }
}

/// A file that is either there with all its lines or not at all.
fn whole_file(path: &Path, text: &str) -> io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    std::fs::write(&part, text)?;
    std::fs::rename(&part, path)
}

fn csv(name: &str, hashes: &Hashes) -> String {
    let name = quoted(name);
    match hashes {
        Hashes::Image(image) => format!("image,{name},,{},{},\n", image.quality, image.hash),
        Hashes::Hash(hash) => format!("image,{name},,,{hash},\n"),
        Hashes::Video(frames) => frames
            .iter()
            .map(|frame| {
                format!(
                    "video,{name},{},{},{},{:.3}\n",
                    frame.number, frame.quality, frame.hash, frame.seconds
                )
            })
            .collect(),
    }
}

/// RFC 4180: quoted where needed.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// An indicator as exchanges deliver it. A video's indicator is the list of frames of py-threatexchange.
fn threatexchange(name: &str, hashes: &Hashes) -> String {
    let object = match hashes {
        Hashes::Image(image) => {
            json!({"type": "HASH_PDQ", "indicator": image.hash.to_string(), "description": name})
        }
        Hashes::Hash(hash) => json!({"type": "HASH_PDQ", "indicator": hash.to_string(), "description": name}),
        Hashes::Video(frames) => {
            let list: Vec<String> = frames
                .iter()
                .map(|frame| format!("{},{},{:.3}", frame.hash, frame.quality, frame.seconds))
                .collect();
            json!({"type": "HASH_VIDEO_VPDQ", "indicator": json!(list).to_string(), "description": name})
        }
    };
    format!("{object}\n")
}

/// The names in an output, and where its last complete file ends: an interrupted run may have left half a line, or
/// a video without its last frames, which is then hashed again.
fn known_names(path: &Path, format: Format) -> io::Result<(HashSet<String>, u64)> {
    let mut input = BufReader::new(File::open(path)?);
    let mut known = HashSet::new();
    let (mut end, mut name_start) = (0, 0);
    let mut last: Option<String> = None;
    let mut line = String::new();
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 || !line.ends_with('\n') {
            break;
        }
        let name = match format {
            Format::ThreatExchange => serde_json::from_str::<serde_json::Value>(&line)
                .ok()
                .and_then(|object| Some(object.get("description")?.as_str()?.to_owned())),
            _ => csv_name(&line),
        };
        if name != last {
            name_start = end;
            known.extend(last.take());
        }
        last = name;
        end += line.len() as u64;
    }
    // Frames are written together, but a crash may have kept only some: only what another file follows, and what is
    // one line, is known to be whole.
    let whole = format == Format::ThreatExchange || !line_is_video(path, name_start)?;
    if whole {
        known.extend(last);
        Ok((known, end))
    } else {
        Ok((known, name_start))
    }
}

fn line_is_video(path: &Path, start: u64) -> io::Result<bool> {
    let mut file = File::open(path)?;
    io::Seek::seek(&mut file, io::SeekFrom::Start(start))?;
    let mut kind = [0; 6];
    Ok(io::Read::read(&mut file, &mut kind)? == kind.len() && &kind == b"video,")
}

/// The second field.
fn csv_name(line: &str) -> Option<String> {
    let (_, rest) = line.split_once(',')?;
    match rest.strip_prefix('"') {
        None => rest.split_once(',').map(|(name, _)| name.to_owned()),
        Some(quoted) => {
            let mut name = String::new();
            let mut chars = quoted.chars().peekable();
            while let Some(c) = chars.next() {
                if c == '"' && chars.next_if_eq(&'"').is_none() {
                    return Some(name);
                }
                name.push(c);
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_read_back() {
        for name in ["plain.jpg", "a,b.jpg", "say \"hi\".png"] {
            let line = format!("image,{},,100,00,\n", quoted(name));
            assert_eq!(csv_name(&line).as_deref(), Some(name));
        }
    }
}
