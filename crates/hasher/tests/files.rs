//! The binary on real files: what it writes, what it reads back, what it says when it cannot. Videos need ffmpeg,
//! published hashes need `shared/data` beside the project; a test that lacks them says so and passes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pg_moderation_engine::hash::vpdq::{VideoFrame, parse_frames};

fn hasher(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pg-moderation-hasher"))
        .arg("--quiet")
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder of its own for a test, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A 24-bit BMP of 64 x 48 pixels with some structure.
fn bitmap(seed: usize) -> Vec<u8> {
    let (width, height) = (64usize, 48usize);
    let mut bytes = b"BM".to_vec();
    let size = (54 + width * height * 3) as u32;
    for field in [size, 0, 54, 40, width as u32, height as u32] {
        bytes.extend_from_slice(&field.to_le_bytes());
    }
    bytes.extend_from_slice(&[1, 0, 24, 0]);
    bytes.extend_from_slice(&[0; 24]);
    for n in 0..width * height {
        let value = ((n % width) * (seed + 3) / 2) ^ ((n / width) * (seed + 5));
        bytes.extend_from_slice(&[value as u8; 3]);
    }
    bytes
}

fn has_ffmpeg() -> bool {
    let there = Command::new("ffmpeg")
        .arg("-version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !there {
        println!("SKIPPED: ffmpeg is not installed");
    }
    there
}

fn data(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    if !path.exists() {
        println!("SKIPPED: shared/data/{name} is not there");
        return None;
    }
    Some(path)
}

#[test]
fn images_go_to_csv_and_a_run_goes_on() {
    let folder = folder("csv");
    let images = folder.join("images");
    std::fs::create_dir_all(images.join("inner")).unwrap();
    std::fs::write(images.join("a,b.bmp"), bitmap(1)).unwrap();
    std::fs::write(images.join("inner/c"), bitmap(2)).unwrap();
    std::fs::write(images.join("note.txt"), "nothing").unwrap();
    let (images, out) = (images.to_str().unwrap(), folder.join("out.csv"));
    let first = hasher(&[images, "--output", out.to_str().unwrap()]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let written = std::fs::read_to_string(&out).unwrap();
    let lines: Vec<&str> = written.lines().collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0], "media,path,frame,quality,hash,seconds");
    assert!(
        lines[1].starts_with(&format!("image,\"{images}/a,b.bmp\",,")),
        "{}",
        lines[1]
    );
    assert!(
        lines[2].starts_with(&format!("image,{images}/inner/c,,")),
        "{}",
        lines[2]
    );

    // Half a line of an interrupted run is written anew, what is whole is kept.
    std::fs::write(&out, &written[..written.len() - 20]).unwrap();
    let second = hasher(&[images, "--output", out.to_str().unwrap(), "--resume"]);
    assert_eq!(second.status.code(), Some(0));
    assert_eq!(std::fs::read_to_string(&out).unwrap(), written);
}

#[test]
fn threatexchange_lines_are_read_back() {
    let folder = folder("threatexchange");
    std::fs::write(folder.join("a.bmp"), bitmap(1)).unwrap();
    let path = folder.join("a.bmp");
    let direct = text(&hasher(&[path.to_str().unwrap()]).stdout);
    let hash = direct
        .lines()
        .nth(1)
        .unwrap()
        .split(',')
        .nth(4)
        .unwrap()
        .to_owned();
    let export = folder.join("export.json");
    let lines = hasher(&[path.to_str().unwrap(), "--format", "threatexchange"]).stdout;
    std::fs::write(&export, lines).unwrap();
    let back = text(&hasher(&["--read", export.to_str().unwrap()]).stdout);
    assert_eq!(
        back.lines().nth(1).unwrap(),
        format!("image,{},,,{hash},", path.display())
    );

    // A page of an exchange, with something that is no hash in it, and py-threatexchange's own lines.
    let frame = format!("{hash},100,0.5");
    let page = format!(
        r#"{{"data": [{{"id": "7", "type": "HASH_VIDEO_VPDQ", "indicator": "[\"{frame}\"]"}},
            {{"id": "8", "type": "TEXT_STRING", "indicator": "hi"}}], "paging": {{}}}}"#
    );
    std::fs::write(&export, page).unwrap();
    let back = text(&hasher(&["--read", export.to_str().unwrap()]).stdout);
    assert_eq!(
        back.lines().skip(1).collect::<Vec<_>>(),
        [format!("video,7,0,100,{hash},0.500")]
    );
    std::fs::write(&export, format!("pdq {hash}\n")).unwrap();
    let back = text(&hasher(&["--read", export.to_str().unwrap()]).stdout);
    assert_eq!(back.lines().nth(1).unwrap(), format!("image,export#1,,,{hash},"));
}

#[test]
fn what_cannot_be_hashed_is_said() {
    let folder = folder("failures");
    let broken = folder.join("broken.bmp");
    std::fs::write(&broken, &bitmap(1)[..400]).unwrap();
    let result = hasher(&[broken.to_str().unwrap()]);
    assert_eq!(result.status.code(), Some(1));
    assert!(
        text(&result.stderr).contains("BMP image is cut off"),
        "{}",
        text(&result.stderr)
    );
    assert_eq!(hasher(&["--format", "tar", "x"]).status.code(), Some(2));
    assert_eq!(hasher(&[]).status.code(), Some(2));
    let nowhere = folder.join("none/out.csv");
    assert_eq!(
        hasher(&[broken.to_str().unwrap(), "--output", nowhere.to_str().unwrap()])
            .status
            .code(),
        Some(3)
    );

    // vPDQ files are of videos: an image is refused by name, and no matter in a folder.
    let image = folder.join("image.bmp");
    std::fs::write(&image, bitmap(1)).unwrap();
    std::fs::remove_file(&broken).unwrap();
    let out = folder.join("vpdq");
    for (path, status) in [(&image, 1), (&folder, 0)] {
        let arguments = [
            path.to_str().unwrap(),
            "--format",
            "vpdq",
            "--output",
            out.to_str().unwrap(),
        ];
        let result = hasher(&arguments);
        assert_eq!(result.status.code(), Some(status), "{}", text(&result.stderr));
    }

    let video = folder.join("video.mp4");
    std::fs::write(&video, b"no video").unwrap();
    let result = hasher(&["--ffmpeg", "no-such-program", video.to_str().unwrap()]);
    assert_eq!(result.status.code(), Some(4));
    assert_eq!(text(&result.stderr).lines().count(), 1);
    assert!(text(&result.stderr).contains("ffmpeg is not installed"));
    if has_ffmpeg() {
        let result = hasher(&[video.to_str().unwrap()]);
        assert_eq!(result.status.code(), Some(1));
        assert!(
            text(&result.stderr).contains("cannot be decoded"),
            "{}",
            text(&result.stderr)
        );
    }
}

/// Every frame of the published videos: number, time and, at a quality of at least 50, the hash within 8 bits.
#[test]
fn published_videos() {
    let (Some(videos), Some(hashes), true) = (data("vpdq/videos"), data("vpdq/sample-hashes"), has_ffmpeg())
    else {
        return;
    };
    let mut compared = 0;
    for entry in std::fs::read_dir(videos).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let published = std::fs::read_to_string(hashes.join(format!("{name}.txt"))).unwrap();
        let published = parse_frames(&published).unwrap();
        let result = hasher(&[path.to_str().unwrap(), "--format", "vpdq", "--interval", "0"]);
        assert_eq!(result.status.code(), Some(0), "{}", text(&result.stderr));
        let frames = parse_frames(&text(&result.stdout)).unwrap();
        assert_eq!(frames.len(), published.len(), "{name}");
        let (mut largest, mut low, mut off) = (0, 0, Vec::new());
        for (ours, theirs) in frames.iter().zip(&published) {
            assert_eq!(ours.number, theirs.number, "{name}");
            assert!(
                (ours.seconds - theirs.seconds).abs() < 0.05,
                "{name}: {ours} {theirs}"
            );
            let distance = ours.hash.distance(&theirs.hash);
            if theirs.quality < 50 {
                low += 1;
                continue;
            }
            largest = largest.max(distance);
            if distance > allowed(&name, theirs) {
                off.push((theirs.number, theirs.quality, distance));
            }
        }
        println!(
            "{name}: {} frames, {low} of low quality, others within {largest} bits",
            frames.len()
        );
        assert!(off.is_empty(), "{name}: frame, quality, distance: {off:?}");
        compared += 1;
    }
    assert!(compared > 0);
}

/// Doorknob is the known exception: a dark, flat video, whose frames of a quality below 80 depend on the decoder's
/// colour conversion; with the reference's core and another decoder they are up to 22 bits off.
fn allowed(name: &str, published: &VideoFrame) -> u32 {
    if name.starts_with("doorknob") && published.quality < 80 {
        22
    } else {
        8
    }
}
