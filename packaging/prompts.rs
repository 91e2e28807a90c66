//! Packs the prompts into one file, which src/daemon/sample.rs compiles in: two thirds of their length, on a program
//! that is to stay below 40 MB. They are A-law (ITU-T G.711); each byte is written as its step from the one before,
//! in the order of loudness from the lowest sample to the highest, which DEFLATE (RFC 1951) packs better by a tenth.
//!
//! ```text
//!   for each: name "en/care/menu", a line feed, the file's bytes in decimal, a line feed, the file
//! ```

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Packs all WAVs below `folder` into `OUT_DIR/prompts`.
pub fn pack(folder: &str) {
    let mut files = Vec::new();
    find(Path::new(folder), &mut files);
    // The same sources give the same bytes.
    files.sort();
    let mut all = Vec::new();
    for path in files {
        let name = path.strip_prefix(folder).expect("it lies there").with_extension("");
        let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        all.extend(format!("{}\n{}\n", name.display(), bytes.len()).bytes());
        all.extend(bytes);
    }
    let mut before = 0;
    for byte in &mut all {
        let level = level(*byte);
        *byte = level.wrapping_sub(before);
        before = level;
    }
    let out = env::var("OUT_DIR").expect("cargo names the output folder");
    let packed = miniz_oxide::deflate::compress_to_vec(&all, 8);
    fs::write(Path::new(&out).join("prompts"), packed).expect("the output folder can be written");
    println!("cargo:rustc-env=PROMPTS_BYTES={}", all.len());
}

/// Where an A-law byte stands among the 256, from the lowest sample to the highest.
fn level(byte: u8) -> u8 {
    match byte ^ 0x55 {
        above @ 0x80.. => above,
        below => 0x7f - below,
    }
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder can be read").path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "wav") {
            files.push(path);
        }
    }
}
