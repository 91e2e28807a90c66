//! Recorders outside (SIPREC): they get both parties' audio and the metadata; what becomes of them never
//! reaches the call (R5).

use std::net::{IpAddr, SocketAddr};

use belfry::base::Duration;
use belfry::config::Config;
use belfry::media::control::Codec;
use belfry::media::negotiate::Protection;
use belfry::sim::network::Faults;
use belfry::sim::phone::State;
use belfry::sim::recorder::{Manner, Recorder, Taken};
use belfry::switch::fact::FactKind;
use belfry::switch::{Reply, Request};
use belfry::wire::sip::{Method, Name};

use super::house::{CALLER_HZ, House, MUSIC_HZ, hz, sample_plan, tone_of};

const FIRST: &str = "10.9.0.1";
const SECOND: &str = "10.9.0.2";

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A configuration with two recorders, the second in reserve; `more` for each.
fn recorded(config: &mut Config, more: &str) {
    let sections = format!(
        "[[recorder]]\nname = \"first\"\naddress = \"udp:{FIRST}:5060\"\n{more}\n\
         [[recorder]]\nname = \"second\"\naddress = \"udp:{SECOND}:5060\"\n{more}\n\
         [record]\nrecorders = [\"first\", \"second\"]\n[media]\naddress = \"10.0.0.1\"\n"
    );
    let (read, _) = Config::parse(&sections).expect("the configuration is right");
    (config.recorders, config.record) = (read.recorders, read.record);
}

fn with_recorders(mut house: House) -> House {
    for at in [FIRST, SECOND] {
        let recorder = Recorder::new(SocketAddr::new(ip(at), 5060), 6_000);
        house.world.recorders.insert(ip(at), recorder);
    }
    house.register(0);
    house.register(2);
    house
}

fn house(more: &str, seed: u64) -> House {
    with_recorders(House::set(|config| recorded(config, more), seed))
}

fn recorder<'h>(house: &'h mut House, at: &str) -> &'h mut Recorder {
    house.world.recorders.get_mut(&ip(at)).expect("it is there")
}

/// The tone on a stream of the session, in its last half second but for the very end.
fn tone(house: &House, at: &str, session: &Taken, stream: usize) -> Option<f64> {
    let heard = house.world.recorders[&ip(at)].stream(session, stream)?;
    let end = heard.samples.len().checked_sub(800)?;
    tone_of(heard.samples.get(end.checked_sub(4_000)?..end)?, &[CALLER_HZ, hz(0), hz(2), MUSIC_HZ])
}

/// The caller is on the first stream of the only session there, phone `n` on the second.
fn has_both(house: &House, at: &str, n: usize) {
    let session = house.world.recorders[&ip(at)].only();
    let tones = [0, 1].map(|stream| tone(house, at, session, stream));
    assert_eq!(tones, [Some(CALLER_HZ), Some(hz(n))]);
}

/// Why sessions ended, in their order.
fn ends(house: &House) -> Vec<(String, String)> {
    let end = |kind: &&FactKind| match kind {
        FactKind::RecorderEnded { recorder, why, .. } => Some((recorder.clone(), why.clone())),
        _ => None,
    };
    house.facts("recorder_ended").iter().filter_map(end).collect()
}

fn alarms(house: &House) -> usize {
    let raised = |kind: &&&FactKind| matches!(kind, FactKind::Alarm { raised: true, what, .. } if what.as_str() == "recorder_failed");
    house.facts("alarm").iter().filter(raised).count()
}

#[test]
fn a_recorder_outside_gets_both_streams_and_who_is_who() {
    let mut house = house("", 1);
    house.caller_to_agent();
    let (caller, agent) = (house.caller, house.phones[0]);
    house.hear_each_other(caller, agent);
    house.world.run(Duration::from_secs(2));
    has_both(&house, FIRST, 0);
    let session = house.world.recorders[&ip(FIRST)].only();
    let invite = session.invite.as_ref().expect("an INVITE");
    assert!(invite.lists(Name::Require, "siprec"));
    let contact = invite.header(Name::Contact).expect("a Contact");
    assert!(contact.ends_with(b";+sip.src"), "{}", contact.escape_ascii());
    let text = String::from_utf8_lossy(invite.body());
    assert!(text.contains("Content-Disposition: recording-session"), "{text}");
    for part in ["a=sendonly", "a=label:1", "a=label:2"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let first = &session.told[0];
    assert!(!first.partial && first.speaker("1").is_some());
    let last = session.told.iter().flat_map(|told| told.speaker("2")).last().expect("the agent");
    assert_eq!(last.aor, "sip:1001@10.0.0.1");
    assert_eq!(first.speaker("1").expect("the caller").aor, "sip:13800138000@10.0.0.1");
    // One stream each, numbered without a gap, from a source of its own.
    for stream in [0, 1] {
        let heard = house.world.recorders[&ip(FIRST)].stream(session, stream).expect("packets");
        assert!(heard.packets.windows(2).all(|w| w[1].1 == w[0].1.wrapping_add(1)));
        assert!(heard.packets.iter().all(|packet| packet.3 == heard.packets[0].3 && packet.2 == 8));
    }
    let Some(Reply::Status(status)) = house.world.ask(Request::Status) else { unreachable!() };
    let rows: Vec<_> = status.recorders.iter().map(|r| (&*r.name, r.sessions)).collect();
    assert_eq!((rows, status.outside_failed), (vec![("first", 1), ("second", 0)], 0));
    assert_eq!((status.calls, status.legs), (1, 2), "it is no call and no leg");
    house.hang_up(caller);
    house.ends_clean();
    assert!(house.world.recorders[&ip(FIRST)].only().over, "a BYE came");
    assert!(house.world.recorders[&ip(SECOND)].sessions.is_empty());
    assert_eq!(ends(&house), [("first".into(), String::new())]);
    assert_eq!(house.facts("recorder_began").len(), 1);
    assert_eq!(house.world.recordings.len(), 1, "and its own recording");
}

/// The phone that is called has another recorder than all, or none.
#[test]
fn a_phone_has_recorders_of_its_own() {
    for (own, sessions) in [(1, [0, 1]), (2, [0, 0])] {
        let change = |config: &mut Config| {
            recorded(config, "");
            let mut names = config.record.recorders.clone().expect("two");
            config.phones[0].recorders = Some(names.split_off(own));
        };
        let mut house = with_recorders(House::set(change, 40));
        house.caller_to_agent();
        house.world.run(Duration::from_secs(2));
        let begun = [FIRST, SECOND].map(|at| house.world.recorders[&ip(at)].sessions.len());
        assert_eq!(begun, sessions);
        assert_eq!(alarms(&house), 0);
        let caller = house.caller;
        house.hang_up(caller);
        house.world.run(Duration::from_secs(2));
        assert_eq!(house.world.recordings.len(), 1, "its own recording in any case");
    }
}

/// Whatever the first does, the call goes on and the second has it.
#[test]
fn one_that_does_not_take_the_call_is_followed_by_the_next() {
    let manners = [
        (Manner::Refuses(488), "488"),
        (Manner::Refuses(503), "503"),
        (Manner::Silent, "does not answer"),
        (Manner::Tries, "in time"),
        (Manner::TakesHalf, "no audio stream"),
        (Manner::Babbles, "no description"),
    ];
    for (n, (manner, why)) in manners.into_iter().enumerate() {
        let mut house = house("ping = \"0 s\"", 10 + n as u64);
        recorder(&mut house, FIRST).manner = manner;
        house.caller_to_agent();
        let (caller, agent) = (house.caller, house.phones[0]);
        house.hear_each_other(caller, agent);
        house.world.run(Duration::from_secs(15));
        has_both(&house, SECOND, 0);
        house.hear_each_other(caller, agent);
        house.hang_up(caller);
        house.ends_clean();
        let ends = ends(&house);
        assert!(ends.len() == 2 && ends[0].0 == "first" && ends[0].1.contains(why), "{ends:?}");
        assert_eq!((&*ends[1].0, &*ends[1].1), ("second", ""));
        assert_eq!(alarms(&house), 0, "one has it");
    }
}

#[test]
fn without_any_the_call_goes_on_and_one_alarm_is_raised() {
    let mut house = house("ping = \"0 s\"", 20);
    for at in [FIRST, SECOND] {
        recorder(&mut house, at).manner = Manner::Refuses(480);
    }
    house.caller_to_agent();
    let (caller, agent) = (house.caller, house.phones[0]);
    house.world.run(Duration::from_secs(25));
    house.hear_each_other(caller, agent);
    assert_eq!(alarms(&house), 1, "while it lasts one");
    let asked = ends(&house).len();
    assert!((4..=6).contains(&asked), "rounds with growing pauses: {asked}");
    // One of them mends: the next round finds it.
    recorder(&mut house, SECOND).manner = Manner::Takes;
    house.world.run(Duration::from_secs(60));
    has_both(&house, SECOND, 0);
    house.hang_up(caller);
    house.ends_clean();
}

#[test]
fn one_that_dies_in_mid_call_leaves_the_rest_to_the_next() {
    let mut house = house("ping = \"2 s\"\nping_failures = 1", 30);
    house.caller_to_agent();
    let (caller, agent) = (house.caller, house.phones[0]);
    house.world.run(Duration::from_secs(3));
    has_both(&house, FIRST, 0);
    recorder(&mut house, FIRST).manner = Manner::Silent;
    house.world.run(Duration::from_secs(12));
    has_both(&house, SECOND, 0);
    let told = &house.world.recorders[&ip(SECOND)].only().told;
    assert!(!told[0].partial && told[0].speaker("2").is_some(), "it is told all");
    house.hear_each_other(caller, agent);
    // It comes back; calls in being stay where they are.
    recorder(&mut house, FIRST).manner = Manner::Takes;
    house.world.run(Duration::from_secs(20));
    assert_eq!(house.facts("recorder_began").len(), 2);
    house.hang_up(caller);
    // The pings go on, so transactions are there all the time.
    house.world.run(Duration::from_secs(60));
    let (calls, legs, _) = house.world.switch.in_being();
    assert!((calls, legs) == (0, 0) && house.world.plane_is_empty());
}

#[test]
fn a_pause_sends_nothing_and_says_so() {
    let mut house = house("", 40);
    house.caller_to_agent();
    let (caller, agent) = (house.caller, house.phones[0]);
    house.world.run(Duration::from_secs(2));
    house.press(agent, '*');
    house.press(agent, '6');
    house.world.run(Duration::from_secs(2));
    let packets = |house: &House| -> usize {
        house.world.recorders[&ip(FIRST)].heard.values().map(|heard| heard.packets.len()).sum()
    };
    let before = packets(&house);
    house.world.run(Duration::from_secs(3));
    assert_eq!(packets(&house), before, "nothing goes out");
    let session = house.world.recorders[&ip(FIRST)].only();
    let offered = session.offered.as_ref().expect("an offer");
    assert!(offered.media.iter().all(|m| !offered.direction_of(m).sends()), "inactive");
    house.hear_each_other(caller, agent);
    house.press(agent, '*');
    house.press(agent, '6');
    house.world.run(Duration::from_secs(3));
    has_both(&house, FIRST, 0);
    let session = house.world.recorders[&ip(FIRST)].only();
    let offered = session.offered.as_ref().expect("an offer");
    assert!(offered.media.iter().all(|m| offered.direction_of(m).sends()), "sent again");
    house.hang_up(caller);
    house.ends_clean();
}

#[test]
fn a_transfer_is_told_and_the_new_agent_is_on_the_same_stream() {
    let mut house = house("", 50);
    house.caller_to_agent();
    let (caller, agent, third) = (house.caller, house.phones[0], house.phones[2]);
    house.world.run(Duration::from_secs(2));
    house.world.with(agent, |phone, now| phone.refer(now, "1003"));
    house.until_state(third, State::Talking);
    house.world.run(Duration::from_secs(3));
    has_both(&house, FIRST, 2);
    let told = &house.world.recorders[&ip(FIRST)].only().told;
    assert!(told[1..].iter().all(|told| told.partial), "what has changed alone");
    let gone = told.iter().flat_map(|told| &told.participants).find(|who| who.until.is_some());
    assert_eq!(gone.map(|who| &*who.aor), Some("sip:1001@10.0.0.1"));
    let now = told.iter().rev().find_map(|told| told.speaker("2")).expect("the new agent");
    assert_eq!(now.aor, "sip:1003@10.0.0.1");
    house.hang_up(caller);
    house.ends_clean();
}

#[test]
fn a_codec_that_the_recorder_does_not_take_is_coded_anew() {
    let plan = sample_plan();
    let change = |config: &mut Config| recorded(config, "codecs = [\"PCMU\"]");
    let house = House::recorded(plan, 60, [&[Codec::G722]; 4], change);
    let mut house = with_recorders(house);
    recorder(&mut house, FIRST).takes = vec![0];
    house.caller_to_agent();
    let (caller, agent) = (house.caller, house.phones[0]);
    house.world.run(Duration::from_secs(3));
    has_both(&house, FIRST, 0);
    let session = house.world.recorders[&ip(FIRST)].only();
    for stream in [0, 1] {
        let heard = house.world.recorders[&ip(FIRST)].stream(session, stream).expect("packets");
        assert!(heard.packets.iter().all(|packet| packet.2 == 0), "\u{b5}-law");
    }
    house.hear_each_other(caller, agent);
    house.hang_up(caller);
    house.ends_clean();
}

#[test]
fn protected_audio_does_not_go_out_in_the_clear() {
    let change = |config: &mut Config| recorded(config, "srtp = \"required\"");
    let house = House::protected([Protection::Off; 2], Faults::NONE, 70, change);
    let mut house = with_recorders(house);
    house.caller_to_agent();
    let caller = house.caller;
    house.world.run(Duration::from_secs(5));
    let recorder = &house.world.recorders[&ip(FIRST)];
    let invite = recorder.sessions.values().next().and_then(|s| s.invite.clone()).expect("one");
    assert_eq!(*invite.method(), Method::Invite);
    let offer = String::from_utf8_lossy(invite.body()).into_owned();
    assert!(offer.matches("RTP/SAVP").count() == 2 && offer.contains("a=crypto:1 "), "{offer}");
    // These answer without a key: that is no answer, and nothing was sent.
    assert!(recorder.heard.is_empty());
    assert!(ends(&house).iter().all(|(_, why)| why.contains("SRTP")), "{:?}", ends(&house));
    house.hang_up(caller);
    house.ends_clean();
}
