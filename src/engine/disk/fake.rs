//! A disk in memory that can be full, for tests.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::storage::{Storage, StoredFile};

type Files = Arc<Shared>;

#[derive(Default)]
struct Shared {
    #[allow(clippy::disallowed_types, reason = "a test looks into what another thread writes")]
    files: std::sync::Mutex<HashMap<String, Vec<u8>>>,
    full: AtomicBool,
}

/// The storage's side.
pub(in crate::engine) struct FakeStorage {
    files: Files,
    finished: Sender<String>,
}

/// The test's side.
pub(in crate::engine) struct FakeDisk {
    files: Files,
    /// Paths, as they are finished.
    pub(in crate::engine) finished: Receiver<String>,
}

impl FakeStorage {
    pub(in crate::engine) fn new() -> (FakeStorage, FakeDisk) {
        let files = Files::default();
        let (to, finished) = channel();
        let disk = FakeDisk { files: files.clone(), finished };
        (FakeStorage { files, finished: to }, disk)
    }
}

impl FakeDisk {
    /// From now on nothing can be written.
    pub(in crate::engine) fn fill(&self) {
        self.files.full.store(true, Ordering::SeqCst);
    }
    /// It can again.
    pub(in crate::engine) fn free(&self) {
        self.files.full.store(false, Ordering::SeqCst);
    }
    pub(in crate::engine) fn bytes(&self, path: &str) -> Vec<u8> {
        let files = self.files.files.lock().unwrap();
        files.get(path).cloned().unwrap_or_default()
    }
}

impl Shared {
    fn check(&self) -> io::Result<()> {
        match self.full.load(Ordering::SeqCst) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }
}

struct FakeFile {
    path: String,
    files: Files,
    finished: Sender<String>,
}

impl Storage for FakeStorage {
    fn create(&mut self, path: &str) -> io::Result<Box<dyn StoredFile>> {
        self.files.check()?;
        self.files.files.lock().unwrap().insert(path.into(), Vec::new());
        let (files, finished) = (self.files.clone(), self.finished.clone());
        Ok(Box::new(FakeFile { path: path.into(), files, finished }))
    }
}

impl StoredFile for FakeFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.files.check()?;
        let mut files = self.files.files.lock().unwrap();
        let file = files.get_mut(&self.path).unwrap();
        let end = offset as usize + bytes.len();
        if file.len() < end {
            file.resize(end, 0);
        }
        file[offset as usize..end].copy_from_slice(bytes);
        Ok(())
    }
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.files.check()?;
        let _ = self.finished.send(self.path.clone());
        Ok(())
    }
}
