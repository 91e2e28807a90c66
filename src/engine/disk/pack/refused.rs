//! Recordings that cannot be packed, so that none is tried for ever: those whose sound or file is at fault also
//! over a restart, in a file below the directory of recordings.
//!
//! ```text
//!   belfry 1.2.3                        by whom they were tried: another version tries them once more
//!   2026/03/09/0a1b2c3d4e5f6-1.wav      one a line, as they came
//! ```
//!
//! What a disk would not do today (full, no right) is tried again after a restart. Who wants a recording tried
//! again removes its line, or the file, while Belfry does not run.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::super::storage::below;
use crate::record::path;

/// Its name below the directory of recordings, and the one under which it is written anew.
const NAME: &str = ".not-packed";
const NEW_NAME: &str = ".not-packed.new";
/// Its first line.
const HEAD: &str = concat!("belfry ", env!("CARGO_PKG_VERSION"));
/// Recordings that are remembered; of more, the oldest are forgotten, and tried again.
const MOST: usize = 10_000;
/// Lines of the file; then it is written anew.
const MOST_LINES: usize = 2 * MOST;
/// Bytes of the file that are read.
const MOST_BYTES: u64 = 4 << 20;

/// See the module.
pub(super) struct Refused {
    root: PathBuf,
    paths: BTreeSet<String>,
    /// Those of them that hold over a restart.
    lasting: BTreeSet<String>,
    /// Lines that the file has, its head not counted.
    lines: usize,
}

impl Refused {
    /// What is known below `root`; those that have gone meanwhile are forgotten.
    pub(super) fn read(root: &Path) -> Refused {
        let mut text = String::new();
        let read = fs::File::open(root.join(NAME))
            .and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text));
        if let Err(error) = read
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!("which recordings cannot be packed is not known: {NAME}: {error}");
        }
        let mut lines = text.lines();
        let ours = lines.next() == Some(HEAD);
        let there = |line: &&str| {
            path::read(line).is_some() && below(root, line).is_ok_and(|path| path.exists())
        };
        let known = lines.by_ref().filter(|_| ours);
        let mut lasting: BTreeSet<String> = known.filter(there).map(str::to_owned).collect();
        while lasting.len() > MOST {
            lasting.pop_first();
        }
        let paths = lasting.clone();
        let mut refused = Refused { root: root.to_owned(), paths, lasting, lines: 0 };
        if !text.is_empty() {
            refused.keep(Refused::write);
        }
        refused
    }

    /// Whether it is known not to be packable.
    pub(super) fn has(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// It cannot be packed; `lasting`: nor after a restart.
    pub(super) fn add(&mut self, path: String, lasting: bool) {
        for paths in [&mut self.paths, &mut self.lasting] {
            if paths.len() >= MOST {
                paths.pop_first();
            }
        }
        if lasting && self.lasting.insert(path.clone()) {
            match self.lines {
                1..MOST_LINES => self.keep(|refused| refused.append(&path)),
                _ => self.keep(Refused::write),
            }
        }
        self.paths.insert(path);
    }

    fn keep(&mut self, write: impl FnOnce(&mut Refused) -> io::Result<()>) {
        if let Err(error) = write(self) {
            tracing::warn!(
                "recordings that cannot be packed are tried after a restart: {NAME}: {error}"
            );
        }
    }

    fn append(&mut self, path: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).open(self.root.join(NAME))?;
        file.write_all(format!("{path}\n").as_bytes())?;
        self.lines += 1;
        Ok(())
    }

    /// Puts the whole in place.
    fn write(&mut self) -> io::Result<()> {
        let lines = self.lasting.iter().map(|path| format!("{path}\n"));
        let text: String = std::iter::once(format!("{HEAD}\n")).chain(lines).collect();
        let new = self.root.join(NEW_NAME);
        fs::write(&new, text)?;
        fs::rename(new, self.root.join(NAME))?;
        self.lines = self.lasting.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CallId, Wall};
    use jiff::civil::date;

    fn recording(root: &Path, nth: u64) -> String {
        let path = path::path(CallId::new(Wall(1_700_000_000_000), nth), 1, date(2026, 3, 1));
        let file = root.join(&path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, b"RIFF").unwrap();
        path
    }

    #[test]
    fn what_lasts_is_known_after_a_restart_until_it_is_gone_or_the_version_is_another() {
        let root = tempfile::tempdir().unwrap();
        let paths: Vec<_> = (1..=4).map(|n| recording(root.path(), n)).collect();
        let mut refused = Refused::read(root.path());
        paths[..3].iter().for_each(|path| refused.add(path.clone(), true));
        refused.add(paths[3].clone(), false);
        assert!(paths.iter().all(|path| refused.has(path)));
        let known = |root: &Path| {
            let refused = Refused::read(root);
            paths.iter().map(|path| refused.has(path)).collect::<Vec<_>>()
        };
        assert_eq!(known(root.path()), [true, true, true, false]);
        fs::remove_file(root.path().join(&paths[0])).unwrap();
        assert_eq!(known(root.path()), [false, true, true, false]);
        let text = fs::read_to_string(root.path().join(NAME)).unwrap();
        assert_eq!(text, format!("{HEAD}\n{}\n{}\n", paths[1], paths[2]));
        fs::write(root.path().join(NAME), text.replace(HEAD, "belfry 0.0.1")).unwrap();
        assert_eq!(known(root.path()), [false; 4], "a newer packer may do better");
        fs::write(root.path().join(NAME), format!("{HEAD}\n../x.wav\n\u{0}\n{}", paths[1]))
            .unwrap();
        assert_eq!(known(root.path()), [false, true, false, false]);
    }

    #[test]
    fn the_file_is_bounded() {
        let root = tempfile::tempdir().unwrap();
        let mut refused = Refused::read(root.path());
        for n in 0..2 * MOST + 5 {
            refused.add(format!("2026/03/01/{n:013}-1.wav"), true);
        }
        assert_eq!((refused.paths.len(), refused.lasting.len()), (MOST, MOST));
        let text = fs::read_to_string(root.path().join(NAME)).unwrap();
        assert!(text.lines().count() <= 2 * MOST + 1, "{}", text.lines().count());
        assert!(refused.has(&format!("2026/03/01/{:013}-1.wav", 2 * MOST + 4)));
    }
}
