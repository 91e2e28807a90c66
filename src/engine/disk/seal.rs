//! The checksum of a recording, taken once its file is whole: by it `belfry recording verify` says later
//! whether it is still the same.
//!
//! ```text
//!   Closed, Packed ─▶ told on as they are ─▶ thread `seal`: the file read once ─▶ DiskEvent::Sealed
//! ```
//!
//! A thread of its own, so that neither the disk's nor the packing waits for it. When too many files wait
//! the further ones have no checksum until they are packed, or until the next start, which asks for all that
//! have none ([`Sealer`]); the log says so. Not here: comparing.

#![allow(clippy::disallowed_methods, reason = "this floor owns the files")]

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::{Sender, TrySendError, bounded};
use sha2::{Digest, Sha256};

use super::storage::below;
use super::{DiskEvent, Tell};
use crate::engine::pinning;

/// Files that may wait.
const WAITING: usize = 4_096;
/// Files that may wait while one is asked for that is not new: new ones have nearly all the room.
const FEW: usize = 16;
/// Bytes that are read at once.
const PIECE: usize = 64 << 10;

/// Has files sealed of which nobody tells that they are whole: made whole after a crash, or waiting at a stop.
#[derive(Clone)]
pub struct Sealer(Sender<String>);

impl Sealer {
    /// Has a file sealed, by its path below the directory of recordings. `false`: too many wait.
    pub fn seal(&self, path: &str) -> bool {
        self.0.try_send(path.to_owned()).is_ok()
    }

    /// The same, for an old file: only while few wait. `false`: ask again later.
    pub fn seal_old(&self, path: &str) -> bool {
        self.0.len() < FEW && self.seal(path)
    }
}

/// A `tell` that has the files sealed of which it hears that they are whole. The thread ends with it.
pub(in crate::engine) fn start(root: PathBuf, tell: Tell) -> io::Result<(Tell, Sealer)> {
    let (whole, files) = bounded::<String>(WAITING);
    let sealer = Sealer(whole.clone());
    let told = tell.clone();
    std::thread::Builder::new().name("seal".into()).spawn(move || {
        // Where that is refused it runs as others do.
        let _ = pinning::background();
        files.iter().for_each(|path| seal(&root, path, &told));
    })?;
    let tell: Tell = Arc::new(move |event| {
        let path = match &event {
            DiskEvent::Closed { path, .. } => Some(path.clone()),
            DiskEvent::Packed { packed, .. } => Some(packed.clone()),
            _ => None,
        };
        tell(event);
        if let Some(Err(TrySendError::Full(path))) = path.map(|path| whole.try_send(path)) {
            tracing::warn!("recording {path} has no checksum yet: too many wait for theirs");
        }
    });
    Ok((tell, sealer))
}

fn seal(root: &Path, path: String, tell: &Tell) {
    match below(root, &path).and_then(|file| checksum(&file)) {
        Ok((sha256, bytes)) => tell(DiskEvent::Sealed { path, sha256, bytes }),
        // It has no file, as its own end has said; or it was packed meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!("recording {path} has no checksum: {error}"),
    }
}

/// The SHA-256 of a file, in hexadecimal digits, and its size.
pub fn checksum(path: &Path) -> io::Result<(String, u64)> {
    let (mut file, mut sum, mut bytes) = (File::open(path)?, Sha256::new(), 0);
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => {
                sum.update(&piece[..read]);
                bytes += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let digits = sum.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    Ok((digits, bytes))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::RecordingId;

    #[test]
    fn what_is_whole_is_sealed_after_it_was_told() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("a.wav"), b"abc").unwrap();
        let (sender, events) = crossbeam_channel::unbounded();
        let tell: Tell = Arc::new(move |event| drop(sender.send(event)));
        let (sealing, sealer) = start(root.path().to_owned(), tell).unwrap();
        let closed = |path: &str| DiskEvent::Closed {
            recording: RecordingId(1),
            path: path.into(),
            samples: 3,
            lost: 0,
            fault: None,
        };
        sealing(closed("gone.wav"));
        sealing(closed("../a.wav"));
        sealing(closed("a.wav"));
        let next = || events.recv_timeout(Duration::from_secs(30)).unwrap();
        assert_eq!(next(), closed("gone.wav"));
        assert_eq!(next(), closed("../a.wav"));
        assert_eq!(next(), closed("a.wav"));
        // FIPS 180-2, B.1.
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned();
        let sealed = DiskEvent::Sealed { path: "a.wav".into(), sha256, bytes: 3 };
        assert_eq!(next(), sealed);
        // What a crash or a stop has left.
        assert!(sealer.seal("a.wav"));
        assert_eq!(next(), sealed);
        assert!(sealer.seal_old("a.wav"));
        assert_eq!(next(), sealed);
        drop((sealing, sealer));
        assert!(events.recv_timeout(Duration::from_secs(30)).is_err(), "the thread has ended");
    }
}
