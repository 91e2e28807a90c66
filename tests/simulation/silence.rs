//! Parties that fall silent: who is gone without a word is not waited for, who is on hold is.

use belfry::base::Duration;
use belfry::sim::network::Faults;
use belfry::sim::phone::State;
use belfry::switch::fact::{EndedBy, FactKind};

use super::house::House;

/// `[media] rtp_timeout`, as it is unless configured.
const LIMIT: Duration = Duration::from_secs(60);
/// Enough for the absence to be looked at once more.
const LOOK: Duration = Duration::from_secs(6);

fn talk() -> House {
    let mut house = House::new(Faults::NONE, 11);
    house.register(0);
    house.caller_to_agent();
    house
}

/// `phone` sends no RTP any more.
fn mute(house: &mut House, phone: usize) {
    house.world.with(phone, |phone, _| phone.mouth = None);
}

/// The leg of the one who has gone is ended, and why stands in the record: of so many legs, where that ends
/// the other's too.
fn noticed(house: &House, legs: usize) {
    let lost = house.facts("rtp_lost");
    assert!(matches!(lost[..], [FactKind::RtpLost { silent_ms: 60_000..=66_000, .. }]), "{lost:?}");
    let ended = house.facts("leg_ended");
    let of_silence = |fact: &&&FactKind| {
        matches!(fact, FactKind::LegEnded { cause: 102, by: EndedBy::Limit, .. })
    };
    assert_eq!(ended.iter().filter(of_silence).count(), legs, "{ended:?}");
}

#[test]
fn a_caller_who_has_gone_without_a_word_ends_the_call() {
    let mut house = talk();
    let caller = house.caller;
    mute(&mut house, caller);
    house.world.run(Duration::from_millis(4_200));
    // Long before the call is given up it is told that audio goes one way only (R5, quality).
    let unheard = house.facts("no_rtp");
    let told = |fact: &&FactKind| {
        matches!(fact, FactKind::NoRtp { silent_ms: 3_000..=4_200, one_way: true, .. })
    };
    assert!(unheard.len() == 1 && unheard.iter().all(told), "{unheard:?}");
    house.world.run(LIMIT - LOOK - Duration::from_millis(4_200));
    assert_eq!(house.facts("no_rtp").len(), 1, "once of one silence");
    assert_eq!(house.facts("leg_ended").len(), 0, "not before its time");
    house.world.run(LOOK + LOOK);
    noticed(&house, 2);
    assert!(matches!(house.state(house.phones[0]), State::Ended(_)));
    house.ends_clean();
    assert!(matches!(
        house.facts("call_ended")[..],
        [FactKind::CallEnded { cause: 102, by: EndedBy::Limit, .. }]
    ));
}

/// The agent's phone has died: the caller is not punished for it.
#[test]
fn an_agent_who_has_gone_leaves_the_caller_to_the_plan() {
    let mut house = talk();
    let agent = house.phones[0];
    // A silence that ends in time counts for nothing.
    let mouth = house.world.with(agent, |phone, _| phone.mouth.take());
    house.world.run(Duration::from_secs(50));
    house.world.with(agent, |phone, _| phone.mouth = mouth);
    house.world.run(Duration::from_secs(5));
    mute(&mut house, agent);
    house.world.run(Duration::from_secs(50));
    assert_eq!(house.facts("rtp_lost").len(), 0);
    house.world.run(Duration::from_secs(10) + LOOK);
    noticed(&house, 1);
    assert_eq!(house.state(house.caller), State::Talking, "on to the survey");
    house.hang_up(house.caller);
    house.ends_clean();
}

#[test]
fn on_hold_silence_means_nothing_and_afterwards_it_counts_from_then() {
    let mut house = talk();
    let (caller, agent) = (house.caller, house.phones[0]);
    house.world.with(agent, |phone, now| phone.hold(now, true));
    house.world.run(Duration::from_secs(2));
    for phone in [caller, agent] {
        mute(&mut house, phone);
    }
    house.world.run(Duration::from_secs(600));
    assert_eq!(house.facts("no_rtp").len(), 0);
    assert_eq!((house.state(caller), house.state(agent)), (State::Talking, State::Talking));
    house.world.with(agent, |phone, now| phone.hold(now, false));
    house.world.run(LIMIT - LOOK);
    assert_eq!(house.facts("call_ended").len(), 0, "the time on hold is not counted");
    assert_eq!((house.facts("held").len(), house.facts("retrieved").len()), (1, 1));
    house.world.run(LOOK + LOOK);
    assert!(!house.facts("rtp_lost").is_empty());
    house.ends_clean();
}
