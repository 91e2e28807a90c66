//! A call's messages as a ladder, for people.
//!
//! ```text
//!                 10.0.0.10:5060             Belfry                10.0.0.21:5062
//!  19:32:01.123     INVITE 4008001234 PCMA     │                         │
//!                   ──────────────────────────▶│                         │
//! ```

use std::fmt::Write;
use std::net::SocketAddr;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::find::{Found, Kept};
use crate::wire::sdp::Sdp;
use crate::wire::sip::Message;

/// Columns of one peer, between two lines.
const WIDTH: usize = 30;
/// Columns of the time.
const TIME: usize = 14;
/// Peers with a line of their own; the messages of further ones name them.
const MOST_PEERS: usize = 6;

/// The ladder, with times in `zone`.
pub fn ladder(found: &Found, zone: &TimeZone) -> String {
    let mut peers: Vec<SocketAddr> = Vec::new();
    for message in &found.messages {
        if !peers.contains(&message.remote) && peers.len() < MOST_PEERS {
            peers.push(message.remote);
        }
    }
    // The caller on the left of Belfry, all others on its right.
    let own = usize::from(!peers.is_empty());
    let mut names: Vec<String> = peers.iter().map(ToString::to_string).collect();
    names.insert(own, "Belfry".into());
    let mut text = " ".repeat(TIME);
    for name in &names {
        let _ = write!(text, "{name:<WIDTH$}");
    }
    text = format!("{}\n", text.trim_end());
    let mut lines: Vec<(u64, String)> = Vec::new();
    for message in &found.messages {
        let peer = peers.iter().position(|peer| *peer == message.remote);
        let column = peer.map(|at| if at < own { at } else { at + 1 });
        lines.push((message.at_us, rung(message, column, own, names.len(), zone)));
    }
    for note in &found.notes {
        let said = printable(&note.text);
        lines.push((note.at_us, format!("{:<TIME$}{said}\n", clock(note.at_us, zone))));
    }
    lines.sort_by_key(|(at, _)| *at);
    lines.into_iter().for_each(|(_, line)| text.push_str(&line));
    if found.cut {
        text.push_str("more messages are not shown\n");
    }
    if found.dropped > 0 {
        let _ =
            writeln!(text, "{} messages of calls were not kept: too many at once", found.dropped);
    }
    text
}

/// Two lines: what is said, and the arrow.
fn rung(
    message: &Kept,
    column: Option<usize>,
    own: usize,
    columns: usize,
    zone: &TimeZone,
) -> String {
    let said = said(&message.text);
    let Some(peer) = column else {
        let way = if message.ours { "to" } else { "from" };
        return format!("{:<TIME$}{said} {way} {}\n", clock(message.at_us, zone), message.remote);
    };
    let (left, right) = (peer.min(own), peer.max(own));
    let to_right = (peer > own) == message.ours;
    let line = |inside: &dyn Fn(usize) -> String| {
        let mut line = String::new();
        let mut at = 0;
        while at < columns {
            if at == left {
                line.push_str(&inside((right - left) * WIDTH - 1));
                at = right;
            } else {
                let gap = if at + 1 < columns { WIDTH - 1 } else { 0 };
                line.push('│');
                line.extend(std::iter::repeat_n(' ', gap));
                at += 1;
            }
        }
        line.trim_end().to_owned()
    };
    let words = line(&|room| {
        let shown: String = said.chars().take(room.saturating_sub(2)).collect();
        format!("│ {shown:<width$}", width = room - 1)
    });
    let arrow = line(&|room| {
        let shaft = "─".repeat(room - 1);
        if to_right { format!("│{shaft}▶") } else { format!("│◀{shaft}") }
    });
    format!("{:<TIME$}{words}\n{:<TIME$}{arrow}\n", clock(message.at_us, zone), "")
}

fn clock(at_us: u64, zone: &TimeZone) -> String {
    let at = i64::try_from(at_us).ok().and_then(|at| Timestamp::from_microsecond(at).ok());
    at.map(|at| at.to_zoned(zone.clone()).strftime("%H:%M:%S.%3f").to_string()).unwrap_or_default()
}

/// Who writes to us must not write to the operator's terminal.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "?")
}

/// The first line, shortened, and what is described; without what a terminal would take for orders.
pub fn said(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    let parsed = Message::parse(text.as_bytes()).ok();
    let mut said = match first.strip_prefix("SIP/2.0 ") {
        Some(status) => {
            let cseq = parsed.as_ref().and_then(|m| m.cseq().ok());
            match cseq {
                Some(cseq) => format!("{status} ({})", cseq.method.as_str()),
                None => status.to_owned(),
            }
        }
        None => {
            let mut words = first.split(' ');
            let method = words.next().unwrap_or_default();
            let uri = words.next().unwrap_or_default();
            let user = uri.split_once(':').map_or(uri, |(_, rest)| rest);
            let user = user.split(['@', ';', '?']).next().unwrap_or_default();
            format!("{method} {user}")
        }
    };
    if let Some(sdp) = parsed.and_then(|m| Sdp::parse(m.body()).ok())
        && let Some(audio) = sdp.media.iter().find(|media| &*media.kind == "audio")
    {
        let _ = write!(said, " · RTP {}", audio.port);
    }
    printable(&said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::find::Note;

    fn kept(at_us: u64, ours: bool, remote: &str, text: &str) -> Kept {
        Kept {
            at_us,
            ours,
            transport: "UDP",
            local: "10.0.0.5:5060".parse().unwrap(),
            remote: remote.parse().unwrap(),
            dialog: 0,
            text: text.into(),
        }
    }

    #[test]
    fn who_answers_a_call_does_not_write_to_the_terminal() {
        let (a, b) = ("10.0.0.10:5060", "10.0.0.21:5062");
        let found = Found {
            messages: vec![
                kept(1_000, false, a, "INVITE sip:400\u{1b}[2J@10.0.0.5 SIP/2.0\r\n\r\n"),
                kept(2_000, false, b, "SIP/2.0 486 \u{1b}[2J\u{9b}H\u{7} busy\r\n\r\n"),
            ],
            notes: vec![Note { at_us: 4_000, text: "leg 2 ended\u{1b}c".into() }],
            ..Found::default()
        };
        let text = ladder(&found, &TimeZone::UTC);
        assert!(text.contains("486 ?[2J?H? busy"), "{text}");
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    }

    #[test]
    fn each_message_is_a_rung_between_its_peer_and_us() {
        let (a, b) = ("10.0.0.10:5060", "10.0.0.21:5062");
        let found = Found {
            messages: vec![
                kept(1_000, false, a, "INVITE sip:4008001234@10.0.0.5 SIP/2.0\r\n\r\n"),
                kept(2_000, true, a, "SIP/2.0 100 Trying\r\n\r\n"),
                kept(3_000, true, b, "INVITE sip:1001@10.0.0.21:5062 SIP/2.0\r\n\r\n"),
            ],
            notes: vec![Note { at_us: 4_000, text: "leg 2 ended".into() }],
            ..Found::default()
        };
        let text = ladder(&found, &TimeZone::UTC);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 8, "{text}");
        assert!(lines[0].trim_start().starts_with(a) && lines[0].ends_with(b), "{text}");
        assert!(lines[1].starts_with("00:00:00.001") && lines[1].contains("│ INVITE 4008001234"));
        assert!(lines[2].contains("─▶│") && lines[4].contains("│◀─"), "{text}");
        assert!(lines[5].contains("INVITE 1001") && lines[6].ends_with("▶│"), "{text}");
        assert!(lines[7].ends_with("leg 2 ended"));
        let bars = |line: &str| line.chars().position(|c| c == '│');
        assert_eq!(bars(lines[1]), bars(lines[6]), "the lines stand below each other");
    }
}
