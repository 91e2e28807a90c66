//! The messages of one call, out of the segments.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::{fs, io};

use serde::Serialize;

use super::record::{Record, Seen, hash, read};
use super::ring::segments;
use crate::base::CallId;
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
    /// Its recordings.
    pub recordings: Vec<Recorded>,
    /// There are more than are shown.
    pub cut: bool,
    /// Messages of whatever call that found the queue full since the start, and are not here.
    pub dropped: u64,
}

/// A recording of the call.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Recorded {
    /// When it began, microseconds after 1970.
    pub at_us: u64,
    /// Its file below the directory of recordings, as it was named first.
    pub path: String,
    /// From when on which dialogs are in its channels, left and right.
    pub sides: Vec<(u64, [Option<usize>; 2])>,
}

impl Recorded {
    /// The dialog in a channel (0: left) at that moment.
    pub(super) fn dialog_of(&self, side: usize, at_us: u64) -> Option<usize> {
        let held = self.sides.iter().rev().find(|(from, _)| *from <= at_us);
        held?.1.get(side).copied().flatten()
    }
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
    let mut legs: BTreeMap<u64, usize> = BTreeMap::new();
    for (_, path) in &all[first..] {
        for record in read(&there(path)?) {
            match record {
                Record::Dialog { call: of, call_id } if of == call.as_u64() => {
                    let next = dialogs.len();
                    dialogs.entry(hash(call_id)).or_insert_with(|| (next, call_id.to_vec()));
                }
                Record::Leg { call: of, leg, hash } if of == call.as_u64() => {
                    legs.extend(dialogs.get(&hash).map(|(dialog, _)| (leg, *dialog)));
                }
                Record::Recorded { at_us, call: of, left, right, path } if of == call.as_u64() => {
                    let dialog = |leg: u64| legs.get(&leg).copied();
                    let sides = [dialog(left), right.and_then(dialog)];
                    found.recorded(at_us, String::from_utf8_lossy(path).into_owned(), sides);
                }
                Record::Note { at_us, call: of, text } if of == call.as_u64() => {
                    let text = String::from_utf8_lossy(text).into_owned();
                    found.notes.push(Note { at_us, text });
                }
                // A dialog is written down before its messages.
                Record::Message(seen) => {
                    let Some((dialog, call_id)) = dialogs.get(&seen.hash) else { continue };
                    if !is_of(&seen, call_id) {
                        continue;
                    }
                    if found.messages.len() >= MOST {
                        found.cut = true;
                        return Ok(found);
                    }
                    found.messages.push(Kept::new(&seen, *dialog));
                }
                _ => {}
            }
        }
    }
    Ok(found)
}

/// Whether the message has that Call-ID: hashes may be the same by chance.
fn is_of(seen: &Seen<'_>, call_id: &[u8]) -> bool {
    Message::parse(seen.bytes).is_ok_and(|its| its.call_id().ok() == Some(call_id))
}

impl Found {
    /// A recording has these in its channels from that moment on.
    fn recorded(&mut self, at_us: u64, path: String, sides: [Option<usize>; 2]) {
        match self.recordings.iter_mut().find(|known| known.path == path) {
            Some(known) => known.sides.push((at_us, sides)),
            None => self.recordings.push(Recorded { at_us, path, sides: vec![(at_us, sides)] }),
        }
    }
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
