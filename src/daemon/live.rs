//! Calls that an operator watches as they go (`trace on`): what their plans note down, and their SIP messages as
//! they come and go, a line each. While nobody watches, nothing is kept and nothing is read.
//!
//! ```text
//!  Tracing(true) ─▶ each message ─┬─ its dialog is known ─▶ a line at once
//!                                 └─ not yet ─▶ waits, at most RECENT ─▶ Dialog of a call ─▶ its lines
//! ```
//!
//! Dialogs of all calls are kept in mind from then on, for which call is watched is known a little later than
//! its first INVITE.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::broadcast;

use crate::base::CallId;
use crate::sip::flow::Flow;
use crate::switch::tracing::TRACE_OVER;
use crate::trace;
use crate::wire::sip::Message;

/// Messages that wait until it is known whose they are.
const RECENT: usize = 200;
/// Dialogs and calls that are kept in mind; beyond them the trace forgets them all and goes on.
const MOST: usize = 20_000;

/// The node's zone, which a reload may change.
#[derive(Clone)]
pub(super) struct Zone(Arc<Mutex<TimeZone>>);

impl Zone {
    pub(super) fn new(zone: TimeZone) -> Zone {
        Zone(Arc::new(Mutex::new(zone)))
    }
    /// Another is in force.
    pub(super) fn put(&self, zone: TimeZone) {
        *self.0.lock().expect("no holder panics") = zone;
    }
    fn get(&self) -> TimeZone {
        self.0.lock().expect("no holder panics").clone()
    }
}

/// What is watched.
pub(super) struct Live {
    lines: broadcast::Sender<Arc<str>>,
    zone: Zone,
    on: bool,
    calls: HashSet<CallId>,
    dialogs: HashMap<Vec<u8>, CallId>,
    recent: VecDeque<(Vec<u8>, String)>,
}

impl Live {
    pub(super) fn new(lines: broadcast::Sender<Arc<str>>, zone: Zone) -> Live {
        let (calls, dialogs, recent) = (HashSet::new(), HashMap::new(), VecDeque::new());
        Live { lines, zone, on: false, calls, dialogs, recent }
    }

    /// Watches from now on, or no more.
    pub(super) fn turn(&mut self, on: bool) {
        self.on = on;
        if !on {
            self.calls = HashSet::new();
            self.dialogs = HashMap::new();
            self.recent = VecDeque::new();
            let _ = self.lines.send(TRACE_OVER.into());
        }
    }

    /// A message came (`ours`: goes).
    pub(super) fn seen(&mut self, ours: bool, flow: Flow, message: &Message) {
        if !self.on {
            return;
        }
        let Ok(dialog) = message.call_id() else { return };
        let (way, at) = (if ours { "-->" } else { "<--" }, self.clock());
        let text = String::from_utf8_lossy(message.bytes());
        let line = format!("{way} {}  {}", flow.remote, trace::said(&text));
        match self.dialogs.get(dialog).copied() {
            Some(call) if self.calls.contains(&call) => self.say(&at, call, &line),
            _ => {
                if self.recent.len() >= RECENT {
                    self.recent.pop_front();
                }
                self.recent.push_back((dialog.to_vec(), format!("{at}\n{line}")));
            }
        }
    }

    /// A dialog is a leg of that call.
    pub(super) fn dialog(&mut self, call: CallId, dialog: &str) {
        if !self.on {
            return;
        }
        if self.dialogs.len() >= MOST {
            self.dialogs.clear();
        }
        self.dialogs.insert(dialog.as_bytes().to_vec(), call);
        if self.calls.contains(&call) {
            self.catch_up(call);
        }
    }

    /// A line about a call, which is one of those watched.
    pub(super) fn line(&mut self, call: CallId, line: &str) {
        if self.calls.len() >= MOST {
            self.calls.clear();
        }
        if self.calls.insert(call) {
            self.catch_up(call);
        }
        self.say(&self.clock(), call, line);
    }

    /// What was seen of a call before it was known to be watched.
    fn catch_up(&mut self, call: CallId) {
        let (its, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.recent)
            .into_iter()
            .partition(|(dialog, _)| self.dialogs.get(dialog) == Some(&call));
        self.recent = others.into();
        for (_, line) in its {
            let (at, line) = line.split_once('\n').unwrap_or(("", &line));
            self.say(at, call, line);
        }
    }

    /// The time of day, as the node has it.
    fn clock(&self) -> String {
        let now = Timestamp::now().to_zoned(self.zone.get());
        now.strftime("%H:%M:%S.%3f").to_string()
    }

    fn say(&self, at: &str, call: CallId, line: &str) {
        // Who writes to us must not write to the operator's terminal.
        let line: String = line.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        let _ = self.lines.send(format!("{at} {call} {line}").into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Wall;
    use crate::sip::flow::Transport;

    fn message(dialog: &str, first: &str) -> Message {
        let text =
            format!("{first}\r\nCall-ID: {dialog}\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n");
        Message::parse(text.as_bytes()).unwrap()
    }

    fn flow() -> Flow {
        let at = |port| ([127, 0, 0, 1], port).into();
        Flow { transport: Transport::Udp, local: at(5_060), remote: at(5_070) }
    }

    #[test]
    fn messages_of_a_watched_call_are_shown_those_before_it_was_known_first() {
        let (sender, mut lines) = broadcast::channel(64);
        let mut live = Live::new(sender, Zone::new(TimeZone::UTC));
        let (one, other) = (CallId::new(Wall(1), 1), CallId::new(Wall(1), 2));
        live.seen(false, flow(), &message("before", "INVITE sip:400@h SIP/2.0"));
        assert!(live.recent.is_empty(), "nobody watches");
        live.turn(true);
        live.seen(false, flow(), &message("a", "INVITE sip:400@h SIP/2.0"));
        live.seen(false, flow(), &message("b", "INVITE sip:500@h SIP/2.0"));
        live.dialog(one, "a");
        live.dialog(other, "b");
        assert!(lines.try_recv().is_err());
        live.line(one, "yes  care\u{1b}[2J line");
        live.seen(true, flow(), &message("a", "SIP/2.0 180 Ringing"));
        live.dialog(one, "c");
        live.seen(true, flow(), &message("c", "INVITE sip:1001@h SIP/2.0"));
        live.seen(true, flow(), &message("b", "SIP/2.0 180 Ringing"));
        let mut next = || lines.try_recv().map(|line| line[13..].to_owned());
        assert_eq!(next().unwrap(), format!("{one} <-- 127.0.0.1:5070  INVITE 400"));
        assert_eq!(next().unwrap(), format!("{one} yes  care?[2J line"));
        assert_eq!(next().unwrap(), format!("{one} --> 127.0.0.1:5070  180 Ringing (INVITE)"));
        assert_eq!(next().unwrap(), format!("{one} --> 127.0.0.1:5070  INVITE 1001"));
        assert!(next().is_err());
        live.turn(false);
        assert_eq!(&*lines.try_recv().unwrap(), TRACE_OVER);
        live.seen(false, flow(), &message("a", "BYE sip:400@h SIP/2.0"));
        assert!(live.recent.is_empty() && lines.try_recv().is_err());
    }

    #[test]
    fn what_waits_is_bounded() {
        let (sender, _lines) = broadcast::channel(64);
        let mut live = Live::new(sender, Zone::new(TimeZone::UTC));
        live.turn(true);
        for n in 0..1_000 {
            live.seen(false, flow(), &message(&n.to_string(), "INVITE sip:400@h SIP/2.0"));
        }
        assert_eq!(live.recent.len(), RECENT);
    }

    #[test]
    fn lines_tell_the_time_of_the_node() {
        let (sender, mut lines) = broadcast::channel(4);
        let zone = Zone::new(TimeZone::UTC);
        let mut live = Live::new(sender, zone.clone());
        live.turn(true);
        let mut hour = || {
            live.line(CallId::new(Wall(1), 1), "yes");
            lines.try_recv().unwrap()[..2].parse::<i8>().unwrap()
        };
        // Either hour of the moments before and after, so that no hour's turn is in the way.
        let now = |hours| {
            let zone = TimeZone::fixed(jiff::tz::offset(hours));
            Timestamp::now().to_zoned(zone).hour()
        };
        let (before, told, after) = (now(0), hour(), now(0));
        assert!([before, after].contains(&told), "{told}");
        zone.put(TimeZone::fixed(jiff::tz::offset(8)));
        let (before, told, after) = (now(8), hour(), now(8));
        assert!([before, after].contains(&told), "{told}");
    }
}
