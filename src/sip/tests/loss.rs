//! What a network may lose, repeat or reorder.

use super::pair::{A, B, Pair, SDP, SDP2, names};
use crate::base::Duration;
use crate::sip::{Command, Event, Prack};
use crate::wire::sip::{Message, Method};

/// Drops the messages for which `which` says so, at most `times`.
fn drop_some(pair: &mut Pair, mut times: usize, which: fn(usize, &Message) -> bool) {
    pair.net.drop = Box::new(move |who, message| {
        let hit = times > 0 && which(who, message);
        times -= usize::from(hit);
        hit
    });
}

fn is_ack(_: usize, message: &Message) -> bool {
    message.is_request() && *message.method() == Method::Ack
}

fn is_200_to_invite(_: usize, message: &Message) -> bool {
    message.status() == Some(200) && *message.method() == Method::Invite
}

fn is_bye(_: usize, message: &Message) -> bool {
    *message.method() == Method::Bye && message.is_request()
}

/// A call, with B answering after a second and A hanging up after two more. Returns what each of
/// the two was told.
fn whole_call(pair: &mut Pair) -> [Vec<String>; 2] {
    let a = pair.call(A, Some(SDP));
    pair.run(9_000);
    let b = pair.invited(B);
    pair.command(B, Command::Ring { session: b, status: 180, sdp: None, prack: Prack::default() });
    pair.run(1_000);
    pair.command(B, Command::Answer { session: b, sdp: Some(SDP2.to_vec()), headers: vec![] });
    pair.run(9_000);
    pair.hang_up(A, a);
    pair.run_out();
    [names(&pair.heard(A)), names(&pair.heard(B))]
}

#[test]
fn any_two_messages_may_be_lost() {
    let undisturbed = whole_call(&mut Pair::new());
    let mut reference = Pair::new();
    whole_call(&mut reference);
    let count = reference.trace.len();
    for first in 0..count {
        for second in first..count + 1 {
            let mut pair = Pair::new();
            let mut seen = 0;
            pair.net.drop = Box::new(move |_, _| {
                seen += 1;
                seen - 1 == first || seen - 1 == second
            });
            let mut told = whole_call(&mut pair);
            // A lost 180 is not sent again before a minute: the caller may miss it.
            if !told[A].contains(&"Progress 180".to_owned()) {
                told[A].insert(0, "Progress 180".into());
            }
            assert_eq!(told, undisturbed, "without messages {first} and {second}");
        }
    }
}

#[test]
fn every_datagram_may_come_twice_and_late() {
    for seed in 0..50 {
        let mut pair = Pair::with(Default::default(), seed);
        pair.net.twice = 1.0;
        pair.net.delay = (Duration::from_millis(1), Duration::from_millis(900));
        let told = whole_call(&mut pair);
        assert_eq!(told[B], ["Invite", "Confirmed", "Ended Bye"], "seed {seed}");
        assert_eq!(told[A].last().map(String::as_str), Some("Ended Ours"));
        assert_eq!(told[A].iter().filter(|n| *n == "Answered").count(), 1);
    }
}

#[test]
fn our_200_is_repeated_until_the_ack_comes() {
    let mut pair = Pair::new();
    drop_some(&mut pair, 3, is_ack);
    let (a, _) = pair.talking();
    pair.run(10_000);
    // The ACK leaves 10 ms after each 200; three are lost.
    assert_eq!(pair.sent_at(B, "SIP/2.0 200"), [100, 600, 1_600, 3_600]);
    assert_eq!(pair.sent_at(A, "ACK"), [110, 610, 1_610, 3_610]);
    assert_eq!(names(&pair.heard(B)), ["Confirmed"]);
    pair.hang_up(A, a);
    pair.run_out();
}

#[test]
fn without_any_ack_the_call_ends_with_bye_after_64_t1() {
    let mut pair = Pair::new();
    drop_some(&mut pair, usize::MAX, is_ack);
    pair.talking();
    pair.run(32_000);
    assert_eq!(names(&pair.heard(B)), ["Ended AckMissing"]);
    assert_eq!(pair.sent_at(B, "BYE"), [32_100]);
    let again = [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert_eq!(pair.sent_at(B, "SIP/2.0 200")[..11], again.map(|ms| ms + 100));
    pair.run_out();
    assert_eq!(names(&pair.heard(A)), ["Ended Bye"]);
}

#[test]
fn over_tcp_too_the_200_is_repeated_for_the_ack_comes_from_end_to_end() {
    let mut pair = Pair::new();
    pair.transport = crate::sip::Transport::Tcp;
    drop_some(&mut pair, 1, is_ack);
    let (a, _) = pair.talking();
    pair.run(1_000);
    assert_eq!(pair.sent(B, "SIP/2.0 200"), 2);
    assert_eq!(pair.sent(A, "INVITE"), 1);
    pair.hang_up(A, a);
    pair.run_out();
}

#[test]
fn a_lost_200_is_made_good_by_its_repetition() {
    let mut pair = Pair::new();
    drop_some(&mut pair, 2, is_200_to_invite);
    pair.talking();
    pair.run(2_000);
    let heard = pair.heard(A);
    assert_eq!(names(&heard), ["Answered"]);
    assert!(matches!(&heard[0], Event::Answered { sdp: Some(sdp), .. } if sdp == SDP2));
    assert_eq!(names(&pair.heard(B)), ["Confirmed"]);
}

#[test]
fn a_bye_that_never_arrives_ends_our_side_at_once_and_leaves_nothing() {
    let mut pair = Pair::new();
    drop_some(&mut pair, usize::MAX, is_bye);
    let (a, b) = pair.talking();
    pair.hang_up(A, a);
    pair.run(60_000);
    assert_eq!(names(&pair.heard(A)), ["Ended Ours"]);
    assert_eq!(pair.sent(A, "BYE"), 11, "timer E until timer F");
    assert_eq!(pair.sides[A].agent.counts(), Default::default());
    assert_eq!(names(&pair.heard(B)), [""; 0], "it does not know");
    pair.net.drop = Box::new(|_, _| false);
    pair.hang_up(B, b);
    pair.run_out();
    assert_eq!(pair.sent(A, "SIP/2.0 481"), 1, "and is told when it asks");
}

#[test]
fn nobody_there_is_a_time_out_after_64_t1() {
    let mut pair = Pair::new();
    pair.net.loss = 1.0;
    pair.call(A, Some(SDP));
    pair.run_out();
    assert_eq!(names(&pair.heard(A)), ["Ended Timeout"]);
    assert_eq!(pair.sent_at(A, "INVITE"), [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    assert_eq!(pair.now.as_millis(), 32_000);
}

#[test]
fn a_flow_that_fails_ends_what_waits_on_it() {
    let mut pair = Pair::new();
    pair.net.loss = 1.0;
    let a = pair.call(A, Some(SDP));
    let flow = pair.flow(A);
    pair.sides[A].agent.flow_failed(pair.now, flow);
    pair.flush();
    assert_eq!(names(&pair.heard(A)), ["Ended FlowFailed"]);
    assert!(!pair.try_command(A, Command::Hangup { session: a, reason: None }));
    pair.run_out();
}
