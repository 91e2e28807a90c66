//! The messages of one call, out of the segments: from the one in which it begins to the one in which it is over.

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

/// Its messages may come so long after its end, milliseconds: the last answers, sent again for 64 times T1.
const AFTER: u64 = 60_000;

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
    // The last segment that begins before the call does, and all after it until it is over.
    let first = all.iter().rposition(|(at, _)| *at <= begins).unwrap_or(0);
    let mut search = Search::of(call);
    for (begins, path) in &all[first..] {
        if search.is_past(*begins) {
            break;
        }
        for record in read(&there(path)?) {
            search.take(&record);
            if search.found.cut {
                return Ok(search.found);
            }
        }
    }
    Ok(search.found)
}

/// A call's records being looked for.
struct Search {
    /// The call's 64 bits.
    call: u64,
    found: Found,
    /// Its dialogs by the hash of their Call-ID, in the order in which they began.
    dialogs: BTreeMap<u64, (usize, Vec<u8>)>,
    legs: BTreeMap<u64, usize>,
    /// When it was over, microseconds after 1970.
    over: Option<u64>,
    /// A dialog of it goes on in another call.
    goes_on: bool,
}

impl Search {
    fn of(call: CallId) -> Search {
        Search {
            call: call.as_u64(),
            found: Found::default(),
            dialogs: BTreeMap::new(),
            legs: BTreeMap::new(),
            over: None,
            goes_on: false,
        }
    }

    /// Whether nothing of the call lies in a segment that begins then, milliseconds after 1970.
    fn is_past(&self, begins: u64) -> bool {
        !self.goes_on && self.over.is_some_and(|over| over / 1_000 + AFTER < begins)
    }

    fn take(&mut self, record: &Record<'_>) {
        match *record {
            Record::Dialog { call, call_id } if call == self.call => {
                let next = self.dialogs.len();
                self.dialogs.entry(hash(call_id)).or_insert_with(|| (next, call_id.to_vec()));
            }
            Record::Leg { call, leg, hash } if call == self.call => {
                self.legs.extend(self.dialogs.get(&hash).map(|(dialog, _)| (leg, *dialog)));
            }
            Record::Leg { hash, .. } => self.goes_on |= self.dialogs.contains_key(&hash),
            Record::Recorded { at_us, call, left, right, path } if call == self.call => {
                let dialog = |leg: u64| self.legs.get(&leg).copied();
                let sides = [dialog(left), right.and_then(dialog)];
                self.found.recorded(at_us, String::from_utf8_lossy(path).into_owned(), sides);
            }
            Record::Note { at_us, call, text } if call == self.call => {
                let text = String::from_utf8_lossy(text).into_owned();
                self.found.notes.push(Note { at_us, text });
            }
            Record::Over { at_us, call } if call == self.call => self.over = Some(at_us),
            // A dialog is written down before its messages.
            Record::Message(seen) => self.message(&seen),
            _ => {}
        }
    }

    fn message(&mut self, seen: &Seen<'_>) {
        let Some((dialog, call_id)) = self.dialogs.get(&seen.hash) else { return };
        if !is_of(seen, call_id) {
            return;
        }
        self.found.cut = self.found.messages.len() >= MOST;
        if !self.found.cut {
            self.found.messages.push(Kept::new(seen, *dialog));
        }
    }
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
