//! Files that are for who asked for them alone: what was said in calls is in them.
//!
//! They are often written by root, and into folders such as /tmp: whoever put a file or a link there beforehand must neither
//! get what is written nor have root write somewhere else by it.
#![allow(clippy::disallowed_methods, reason = "files that were asked for")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Opens one for writing, empty, and for its owner alone: a new file always. One of one's own that is there is taken away for it;
/// one of somebody else's, and a link, are refused. A device keeps its rights, and so does a pipe of one's own.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    // Somebody may put another there meanwhile: not for ever.
    for _ in 0..3 {
        let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        match new {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            done => return done,
        }
        let there = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            there => there?,
        };
        let (kind, own) = (there.file_type(), there.uid() == user()?);
        // Nobody but root makes a device.
        if kind.is_char_device() || kind.is_fifo() && own {
            return OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW).open(path);
        }
        if !kind.is_file() {
            let why = "something is there that is no file, such as a link: name another";
            return Err(io::Error::new(ErrorKind::InvalidInput, why));
        }
        if !own {
            let why = "a file of another user is there: name another";
            return Err(io::Error::new(ErrorKind::PermissionDenied, why));
        }
        // Who has it open already keeps what was in it.
        fs::remove_file(path)?;
    }
    Err(io::Error::new(ErrorKind::AlreadyExists, "somebody puts files there: name another folder"))
}

/// Makes a folder for such files, its owner's alone, with those above it; one that is there stays as it is.
pub(crate) fn create_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// As whom this process writes.
fn user() -> io::Result<u32> {
    Ok(fs::metadata("/proc/self")?.uid())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn what_somebody_put_there_beforehand_gets_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        // A handle of before reads what was there before, and no more.
        fs::write(at("call.wav"), "before").unwrap();
        let mut held = File::open(at("call.wav")).unwrap();
        create(&at("call.wav")).unwrap().write_all(b"talk").unwrap();
        let mut read = String::new();
        held.read_to_string(&mut read).unwrap();
        assert_eq!(read, "before");
        assert_eq!(fs::read(at("call.wav")).unwrap(), b"talk");
        // A link, whether it leads to a file or to none, is not followed.
        fs::write(at("passwd"), "root").unwrap();
        symlink(at("passwd"), at("link.wav")).unwrap();
        symlink(at("none"), at("broken.wav")).unwrap();
        for name in ["link.wav", "broken.wav"] {
            let why = create(&at(name)).unwrap_err();
            assert!(why.to_string().contains("link"), "{why}");
        }
        assert_eq!(fs::read(at("passwd")).unwrap(), b"root");
        assert!(!at("none").exists());
    }

    /// Only root can make such a file for the test.
    #[test]
    fn a_file_of_another_user_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("call.wav");
        fs::write(&path, "mine").unwrap();
        if user().unwrap() != 0 || std::os::unix::fs::chown(&path, Some(65_534), None).is_err() {
            return;
        }
        assert_eq!(create(&path).unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }

    #[test]
    fn a_new_folder_is_its_owner_s_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("case/4711");
        create_dir(&path).unwrap();
        create_dir(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
