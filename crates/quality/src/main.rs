//! `quality [DATA]`: the table of what the engine finds in obfuscated, inflected and innocent text, next to literal
//! matching of the same terms. DATA is the folder with `obfuscation`, `falsepos`, `labelled`, `bulk` and
//! `wordlists`; by default `../shared/data` beside the workspace. A set that is not there is named and skipped.
//!
//! Not a test: it judges nothing, it prints counts.

mod data;
mod english;
mod lists;
mod mining;
mod peers;
mod russian;
mod speed;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let default = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let root = std::env::args_os().nth(1).map_or(default, PathBuf::from);
    if !root.is_dir() {
        eprintln!(
            "quality: no data at {}; give the folder as the first argument",
            root.display()
        );
        return ExitCode::from(2);
    }
    let only = std::env::args().nth(2);
    let wanted = |name: &str| only.as_deref().is_none_or(|o| o == name);
    let mut failed = false;
    let mut run = |name: &str, section: fn(&data::Data) -> Result<(), data::Error>| {
        if wanted(name)
            && let Err(error) = section(&data::Data::new(&root))
        {
            failed = true;
            eprintln!("quality: {name}: {error}");
        }
    };
    run("mixed-script", russian::mixed_script);
    run("inflected", russian::inflected);
    run("russian-lists", russian::lists);
    run("english", english::english);
    run("english-package", english::package);
    run("innocent", english::innocent);
    run("mining", mining::mining);
    run("speed", speed::speed);
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
