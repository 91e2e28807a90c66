//! Calls from INVITE to BYE, with every message in its place and every datagram that may be lost.

use super::pair::{A, B, Pair, SDP, SDP2, names};
use crate::sip::{Command, CommandError, Event, Prack, Transport};

#[test]
fn a_call_is_set_up_answered_and_ended() {
    let mut pair = Pair::new();
    let a = pair.call(A, Some(SDP));
    pair.run(50);
    let b = pair.invited(B);
    pair.command(B, Command::Ring { session: b, status: 180, sdp: None, prack: Prack::Off });
    pair.run(50);
    pair.command(
        B,
        Command::Ring { session: b, status: 183, sdp: Some(SDP2.to_vec()), prack: Prack::Off },
    );
    pair.run(50);
    pair.command(B, Command::Answer { session: b, sdp: None, headers: vec![] });
    pair.run(50);
    assert_eq!(names(&pair.heard(B)), ["Invite", "Confirmed"]);
    let heard = pair.heard(A);
    assert_eq!(names(&heard), ["Progress 180", "Progress 183", "Answered"]);
    let Event::Answered { sdp: Some(sdp), .. } = &heard[2] else { panic!("{heard:?}") };
    assert_eq!(sdp, SDP2, "Answer without description repeats what rang");
    pair.hang_up(A, a);
    pair.run(50);
    assert_eq!(names(&pair.heard(A)), ["Ended Ours"]);
    assert_eq!(names(&pair.heard(B)), ["Ended Bye"]);
    let lines: Vec<&str> = pair.trace.iter().map(|(.., line)| &line[..11]).collect();
    assert_eq!(
        lines,
        [
            "INVITE sip:",
            "SIP/2.0 100",
            "SIP/2.0 180",
            "SIP/2.0 183",
            "SIP/2.0 200",
            "ACK sip:cal",
            "BYE sip:cal",
            "SIP/2.0 200"
        ]
    );
    pair.run_out();
}

#[test]
fn the_called_side_may_hang_up_too_and_over_tcp_all_is_the_same() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut pair = Pair::new();
        pair.transport = transport;
        let (a, b) = pair.talking();
        pair.hang_up(B, b);
        pair.run(50);
        assert_eq!(names(&pair.heard(A)), ["Ended Bye"]);
        assert_eq!(names(&pair.heard(B)), ["Ended Ours"]);
        let gone =
            pair.sides[A].agent.command(pair.now, Command::Hangup { session: a, reason: None });
        assert_eq!(gone, Err(CommandError::NoSession(a)));
        pair.run_out();
    }
}

#[test]
fn a_refusal_reaches_the_caller_once() {
    let mut pair = Pair::new();
    pair.call(A, Some(SDP));
    pair.run(50);
    let session = pair.invited(B);
    pair.command(B, Command::Reject { session, status: 486, reason: None, headers: vec![] });
    pair.run(5_000);
    assert_eq!(names(&pair.heard(A)), ["Ended Rejected 486"]);
    assert_eq!(names(&pair.heard(B)), ["Invite", "Ended Ours"]);
    assert_eq!(pair.sent(A, "ACK"), 1);
    pair.run_out();
}
