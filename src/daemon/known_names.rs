//! Where gateways' names were found, kept for the next start: a box that comes up before its DNS does (a power
//! cut takes both) calls its providers where they were.
//!
//! ```text
//!   switch ── all that is known ──▶ the newest waits ──▶ names.json (written beside, then put in its place)
//!   a start ◀── Input::Names ◀──────────────────────────────┘
//! ```
//!
//! A file that cannot be read costs nothing but that knowledge.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::trunk::Known;

/// The file's name, in the node's data directory.
const FILE: &str = "names.json";
/// A file of more bytes is not ours: some hundred names have 100 kB.
const MOST_BYTES: u64 = 4 << 20;
/// How often a file that could not be written is tried.
const AGAIN: Duration = Duration::from_secs(60);

/// The way to the file.
pub(super) struct KnownNames(watch::Sender<Vec<Known>>);

impl KnownNames {
    /// Begins to keep what is known in the folder.
    pub(super) fn start(dir: &Path, runtime: &Handle) -> KnownNames {
        let (sender, receiver) = watch::channel(Vec::new());
        runtime.spawn(keep(dir.join(FILE), receiver));
        KnownNames(sender)
    }

    /// Keeps this, soon. Never waits.
    pub(super) fn keep(&self, known: Vec<Known>) {
        let _ = self.0.send(known);
    }
}

/// What was kept in the folder.
pub(super) fn read(dir: &Path) -> Vec<Known> {
    let path = dir.join(FILE);
    match read_file(&path) {
        Ok(known) => known,
        Err(why) => {
            let path = path.display();
            tracing::warn!("{path}: {why}; gateways' names are not known before the DNS answers");
            Vec::new()
        }
    }
}

fn read_file(path: &Path) -> Result<Vec<Known>, String> {
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened.map_err(|error| error.to_string())?,
    };
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

/// Writes the newest whenever there is another.
async fn keep(path: PathBuf, mut newest: watch::Receiver<Vec<Known>>) {
    while newest.changed().await.is_ok() {
        let mut told = false;
        loop {
            let known = newest.borrow_and_update().clone();
            let to = path.clone();
            let written = tokio::task::spawn_blocking(move || write(&to, &known)).await;
            let Ok(Err(error)) = written else { break };
            if !std::mem::replace(&mut told, true) {
                let path = path.display();
                tracing::warn!(
                    "{path}: {error}; it is tried again each minute, and with each news"
                );
            }
            // Gone, or news: both go on at once.
            if let Ok(Err(_)) = tokio::time::timeout(AGAIN, newest.changed()).await {
                return;
            }
        }
    }
}

/// Whole or not at all, over a power cut as well: for that it is kept.
fn write(path: &Path, known: &[Known]) -> std::io::Result<()> {
    let part = path.with_extension("part");
    let mut file = std::fs::File::create(&part)?;
    file.write_all(&serde_json::to_vec(known)?)?;
    file.sync_all()?;
    std::fs::rename(&part, path)?;
    path.parent().map_or(Ok(()), |dir| std::fs::File::open(dir)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Transport;
    use crate::sip::locate::{Hop, Wanted};
    use crate::wire::dns::DnsName;

    fn known(ip: &str) -> Vec<Known> {
        let name = DnsName::parse("sip.provider.cn").expect("a name");
        let wanted = Wanted { name, port: None, transport: Some(Transport::Tls) };
        let addr = format!("{ip}:5061").parse().expect("an address");
        vec![(wanted, vec![Hop { transport: Transport::Tls, addr }])]
    }

    #[test]
    fn the_newest_is_kept_and_read_again() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(read(dir.path()), []);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let names = KnownNames::start(dir.path(), runtime.handle());
        for ip in ["192.0.2.1", "192.0.2.2"] {
            names.keep(known(ip));
        }
        drop(names);
        // The task ends with its sender, the last word written.
        runtime.block_on(async {
            while read(dir.path()) != known("192.0.2.2") {
                tokio::task::yield_now().await;
            }
        });
    }

    #[test]
    fn a_file_that_is_not_ours_costs_what_was_known() {
        let dir = tempfile::tempdir().expect("a folder");
        for text in ["", "{}", "[[1,2]]", "\u{0}"] {
            std::fs::write(dir.path().join(FILE), text).expect("written");
            assert_eq!(read(dir.path()), [], "{text:?}");
        }
    }
}
