//! Packs the prompts into one file, which src/daemon/sample.rs compiles in: three quarters of their length (DEFLATE,
//! RFC 1951), on a program that is to stay below 40 MB.
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
    let out = env::var("OUT_DIR").expect("cargo names the output folder");
    let packed = miniz_oxide::deflate::compress_to_vec(&all, 8);
    fs::write(Path::new(&out).join("prompts"), packed).expect("the output folder can be written");
    println!("cargo:rustc-env=PROMPTS_BYTES={}", all.len());
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
