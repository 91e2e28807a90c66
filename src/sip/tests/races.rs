//! CANCEL, BYE and answers that cross each other on the wire.

use super::pair::{A, B, Pair, SDP, SDP2, names};
use crate::base::Duration;
use crate::sip::{Command, Event, Prack};
use crate::wire::sip::{Message, Method};

#[test]
fn a_cancel_goes_out_after_the_first_1xx_and_ends_both_sides() {
    let mut pair = Pair::new();
    let a = pair.call(A, Some(SDP));
    pair.hang_up(A, a);
    assert_eq!(pair.sent(A, "CANCEL"), 0, "held back: no response yet");
    assert_eq!(names(&pair.heard(A)), ["Ended Ours"]);
    pair.run(1_000);
    assert_eq!(pair.sent_at(A, "CANCEL"), [20], "when the 100 has come");
    assert_eq!(names(&pair.heard(B)), ["Invite", "Ended Cancelled"]);
    let lines: Vec<&str> = pair.trace.iter().map(|(.., line)| &line[..11]).collect();
    let last = ["CANCEL sip:", "SIP/2.0 200", "SIP/2.0 487", "ACK sip:cal"];
    assert_eq!(lines[lines.len() - 4..], last);
    pair.run_out();
}

#[test]
fn a_call_never_answered_by_anything_needs_no_cancel() {
    let mut pair = Pair::new();
    pair.net.loss = 1.0;
    let a = pair.call(A, Some(SDP));
    pair.run(3_000);
    pair.hang_up(A, a);
    pair.run_out();
    assert_eq!(names(&pair.heard(A)), ["Ended Ours"]);
    assert_eq!(pair.sent(A, "CANCEL"), 0);
}

/// A hangs up at every moment of a call that B lets ring and answers: both sides end exactly once
/// and nothing is left, whatever crossed whatever, with each CANCEL and each 200 perhaps lost.
#[test]
fn a_hang_up_at_every_moment() {
    for lost in [None, Some(Method::Cancel), Some(Method::Invite), Some(Method::Ack)] {
        for at in (0..=300).step_by(5) {
            for by in [A, B] {
                hang_up_at(at, by, lost.clone());
            }
        }
    }
}

fn hang_up_at(at: u64, by: usize, lost: Option<Method>) {
    let mut pair = Pair::new();
    let mut left = 1;
    pair.net.drop = Box::new(move |_, message| {
        let first = message.status().is_none_or(|status| status >= 200);
        let hit = left > 0 && Some(message.method()) == lost.as_ref() && first;
        left -= usize::from(hit);
        hit
    });
    let a = pair.call(A, Some(SDP));
    let mut b = None;
    for step in (0..=400).step_by(5) {
        let invited = pair.sides[B].events.iter().any(|e| matches!(e, Event::Invite { .. }));
        if invited && b.is_none() {
            b = Some(pair.invited(B));
        }
        if let Some(b) = b {
            match step {
                60 => {
                    _ = pair.try_command(
                        B,
                        Command::Ring {
                            session: b,
                            status: 180,
                            sdp: None,
                            prack: Prack::default(),
                        },
                    )
                }
                120 => {
                    let sdp = Some(SDP2.to_vec());
                    pair.try_command(B, Command::Answer { session: b, sdp, headers: vec![] });
                }
                _ => {}
            }
        }
        if step == at {
            let session = if by == A { Some(a) } else { b };
            if let Some(session) = session {
                pair.try_command(by, Command::Hangup { session, reason: None });
            }
        }
        pair.run(5);
    }
    // Whoever is still up (B hung up before it was called) ends it now.
    pair.try_command(A, Command::Hangup { session: a, reason: None });
    pair.run_out();
    for who in [A, B] {
        let told = names(&pair.heard(who));
        let ends = told.iter().filter(|name| name.starts_with("Ended")).count();
        let calls = if who == A { 1 } else { told.iter().filter(|n| *n == "Invite").count() };
        assert_eq!(ends, calls, "hang-up by {by} at {at} ms: {told:?}");
        assert!(told.last().is_none_or(|name| name.starts_with("Ended")), "{told:?}");
    }
}

#[test]
fn byes_that_cross_end_each_side_once() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    pair.hang_up(A, a);
    pair.hang_up(B, b);
    pair.run(1_000);
    assert_eq!(names(&pair.heard(A)), ["Ended Ours"]);
    assert_eq!(names(&pair.heard(B)), ["Ended Ours"]);
    assert_eq!(pair.sent(A, "SIP/2.0 200") + pair.sent(B, "SIP/2.0 200"), 3);
    pair.run_out();
}

#[test]
fn the_called_sides_bye_waits_for_the_ack() {
    let mut pair = Pair::new();
    pair.call(A, Some(SDP));
    pair.run(50);
    let b = pair.invited(B);
    pair.command(B, Command::Answer { session: b, sdp: Some(SDP2.to_vec()), headers: vec![] });
    pair.hang_up(B, b);
    assert_eq!(pair.sent(B, "BYE"), 0);
    assert_eq!(names(&pair.heard(B)), ["Invite", "Ended Ours"]);
    pair.run(50);
    assert_eq!(pair.sent_at(B, "BYE"), [70], "with the ACK");
    assert_eq!(names(&pair.heard(A)), ["Answered", "Ended Bye"]);
    pair.run_out();
}

#[test]
fn a_cancel_without_final_response_gives_up_after_64_t1() {
    let mut pair = Pair::new();
    let a = pair.call(A, Some(SDP));
    pair.run(50);
    pair.net.drop = Box::new(|who, _| who == B);
    pair.hang_up(A, a);
    pair.run(32_100);
    assert_eq!(pair.sides[A].agent.counts().sessions, 0);
    pair.run_out();
    assert_eq!(names(&pair.heard(A)), ["Ended Ours"]);
}

#[test]
fn ringing_ends_by_the_callers_limit_and_by_expires() {
    let config = crate::sip::AgentConfig {
        ring_max: Duration::from_secs(120),
        ..crate::sip::AgentConfig::default()
    };
    let mut pair = Pair::with(config, 1);
    pair.call(A, Some(SDP));
    pair.run(50);
    let b = pair.invited(B);
    pair.command(B, Command::Ring { session: b, status: 180, sdp: None, prack: Prack::default() });
    pair.run(119_000);
    assert_eq!(pair.sent(B, "SIP/2.0 180"), 2, "once more after a minute");
    pair.run(2_000);
    assert_eq!(names(&pair.heard(A)), ["Progress 180", "Progress 180", "Ended Timeout"]);
    assert_eq!(names(&pair.heard(B)), ["Invite", "Ended Cancelled"]);
    pair.run_out();

    let mut pair = Pair::new();
    pair.sides[A].deaf = true;
    pair.inject(A, invite("Expires: 30\r\n").as_bytes());
    pair.run(29_999);
    assert_eq!(names(&pair.heard(B)), ["Invite"]);
    pair.run(2);
    assert_eq!(names(&pair.heard(B)), ["Ended Timeout"]);
    assert_eq!(pair.sent(B, "SIP/2.0 487"), 1);
    pair.run_out();
}

fn invite(more: &str) -> String {
    format!(
        "INVITE sip:b@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx\r\n\
         From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:a@192.0.2.1>\r\n{more}\r\n"
    )
}

#[test]
fn a_cancel_for_an_answered_call_gets_200_and_changes_nothing() {
    let mut pair = Pair::new();
    pair.sides[A].deaf = true;
    pair.inject(A, invite("").as_bytes());
    pair.run(1);
    let b = pair.invited(B);
    pair.command(B, Command::Answer { session: b, sdp: Some(SDP2.to_vec()), headers: vec![] });
    pair.inject(
        A,
        invite("").replace("INVITE sip", "CANCEL sip").replace("1 INVITE", "1 CANCEL").as_bytes(),
    );
    pair.run(100);
    let statuses: Vec<_> = pair.sides[A].heard_raw.iter().filter_map(Message::status).collect();
    assert_eq!(statuses, [100, 200, 200]);
    let tags: Vec<_> = pair.sides[A].heard_raw[1..]
        .iter()
        .map(|m| m.to().expect("To").tag().map(<[u8]>::to_vec))
        .collect();
    assert_eq!(tags[0], tags[1], "the CANCEL's answer has the INVITE's tag (§9.2)");
    assert_eq!(names(&pair.heard(B)), ["Invite"]);
    pair.inject(
        A,
        invite("")
            .replace("INVITE sip", "CANCEL sip")
            .replace("1 INVITE", "1 CANCEL")
            .replace("Kx", "Ky")
            .as_bytes(),
    );
    pair.run(10);
    assert_eq!(pair.sent(B, "SIP/2.0 481"), 1, "a CANCEL of nothing");
    pair.hang_up(B, b);
    pair.run_out();
}
