//! The messages of one call, out of the segments.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::{fs, io};

use serde::Serialize;

use super::record::{Record, Seen, hash, read};
use super::ring::segments;
use crate::base::CallId;
use crate::wire::pcap;
use crate::wire::sip::Message;

/// Messages of one call that are shown; a call has twenty, one that is held and taken back all day some
/// hundred.
const MOST: usize = 10_000;
/// Its messages may be this much older than the call's own beginning, milliseconds.
const BEFORE: u64 = 60_000;

/// The messages of a call.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Found {
    /// In the order in which they were seen.
    pub messages: Vec<Kept>,
    /// What else happened to it.
    pub notes: Vec<Note>,
    /// There are more than are shown.
    pub cut: bool,
    /// Messages of whatever call that found the queue full since the start, and are not here.
    pub dropped: u64,
}

/// A line beside the messages.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Note {
    /// Microseconds after 1970.
    pub at_us: u64,
    /// In words.
    pub text: String,
}

/// One message.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Kept {
    /// Microseconds after 1970.
    pub at_us: u64,
    /// Whether we sent it.
    pub ours: bool,
    /// UDP, TCP, TLS, WS or WSS.
    pub transport: &'static str,
    /// Our address.
    pub local: SocketAddr,
    /// The peer's.
    pub remote: SocketAddr,
    /// Which of the call's dialogs, in the order in which they began.
    pub dialog: usize,
    /// The message; bytes that are no text are replaced.
    pub text: String,
}

pub(super) fn find(dir: &Path, call: CallId) -> io::Result<Found> {
    let all = segments(dir)?;
    let begins = (call.begun().0.max(0) as u64).saturating_sub(BEFORE);
    // The last segment that begins before the call does, and all after it.
    let first = all.iter().rposition(|(at, _)| *at <= begins).unwrap_or(0);
    let mut found = Found::default();
    let mut dialogs: BTreeMap<u64, (usize, Vec<u8>)> = BTreeMap::new();
    for (_, path) in &all[first..] {
        for record in read(&there(path)?) {
            match record {
                Record::Dialog { call: of, call_id } if of == call.as_u64() => {
                    let next = dialogs.len();
                    dialogs.entry(hash(call_id)).or_insert_with(|| (next, call_id.to_vec()));
                }
                Record::Note { at_us, call: of, text } if of == call.as_u64() => {
                    let text = String::from_utf8_lossy(text).into_owned();
                    found.notes.push(Note { at_us, text });
                }
                _ => {}
            }
        }
    }
    if dialogs.is_empty() {
        return Ok(found);
    }
    for (_, path) in &all[first..] {
        for record in read(&there(path)?) {
            let Record::Message(seen) = record else { continue };
            let Some((dialog, call_id)) = dialogs.get(&seen.hash) else { continue };
            let its = Message::parse(seen.bytes).ok();
            if its.is_none_or(|its| its.call_id().ok() != Some(&call_id[..])) {
                continue;
            }
            if found.messages.len() >= MOST {
                found.cut = true;
                return Ok(found);
            }
            found.messages.push(Kept::new(&seen, *dialog));
        }
    }
    Ok(found)
}

/// A segment's bytes; none: it was removed a moment ago.
fn there(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other,
    }
}

impl Kept {
    fn new(seen: &Seen<'_>, dialog: usize) -> Kept {
        Kept {
            at_us: seen.at_us,
            ours: seen.ours,
            transport: seen.transport.via_name(),
            local: seen.local,
            remote: seen.remote,
            dialog,
            text: String::from_utf8_lossy(seen.bytes).into_owned(),
        }
    }

    /// Who sent it, and to whom.
    pub fn ends(&self) -> (SocketAddr, SocketAddr) {
        if self.ours { (self.local, self.remote) } else { (self.remote, self.local) }
    }
}

/// The messages as a capture file.
pub fn pcap(messages: &[Kept]) -> Vec<u8> {
    let mut file = pcap::header().to_vec();
    for message in messages {
        let (from, to) = message.ends();
        pcap::datagram(&mut file, message.at_us, from, to, message.text.as_bytes());
    }
    file
}
