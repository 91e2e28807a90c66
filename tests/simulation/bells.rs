//! Safety bells (R10, R14): what a unit reports is on the disk before it is confirmed, opens one case, and its
//! call goes ahead of others.

use belfry::base::Duration;
use belfry::config::Config;
use belfry::media::control::Codec;
use belfry::sim::network::Faults;
use belfry::sim::phone::State;
use belfry::sim::world::World;
use belfry::switch::fact::{CareFact, FactKind, QueueFact};
use belfry::switch::{Input, Request, RequestId};
use belfry::wire::telecare::{now_ip, scaip};

use super::house::{self, House, SOON};

const PLAN: &str = "[[route]]\nname = \"bells\"\ncontext = \"agents\"\nwhen = { to = \"900\" }\n\
    steps = [{ queue = { name = \"care\" } }]\n";
const SECTIONS: &str = "[care]\nnumber = \"900\"\n\
    [[agent]]\nnumber = \"7001\"\npin = \"4711\"\n\
    [[queue]]\nname = \"care\"\njoin = \"nobody\"\nstay = \"nobody\"\n";

/// The unit is phone 1001.
fn house(seed: u64) -> House {
    let mut house = House::with_sections(PLAN, SECTIONS, seed);
    house.register(0);
    house
}

fn report(house: &mut House, kind: &str, text: &str) -> Option<u16> {
    let unit = house.phones[0];
    house.world.with(unit, |phone, now| phone.write_as(now, "900", kind, text));
    house.world.until(SOON, |w| w.phone(unit).written.is_some());
    house.world.run(Duration::from_secs(1));
    house.world.phone(unit).written
}

fn mrq(reference: &str, tags: &str) -> String {
    format!("<mrq><ref>{reference}</ref><cid>1001</cid>{tags}</mrq>")
}

/// What the unit was told last.
fn told(house: &House) -> String {
    house
        .world
        .phone(house.phones[0])
        .messages
        .last()
        .map(|(_, text)| text.clone())
        .unwrap_or_default()
}

fn care(house: &House) -> Vec<&CareFact> {
    let all = house.world.facts.iter().map(|fact| &fact.kind);
    all.filter_map(|kind| if let FactKind::Care { what, .. } = kind { Some(what) } else { None })
        .collect()
}

/// How often an alarm was told after which nobody talked.
fn told_of(house: &House) -> usize {
    care(house).into_iter().filter(|what| matches!(what, CareFact::NoCall { .. })).count()
}

/// Cases opened, reports that joined one, reports heard before.
fn counts(house: &House) -> [usize; 3] {
    let mut counts = [0; 3];
    for what in care(house) {
        if let CareFact::Reported { case, opens, repeat, .. } = what {
            counts[0] += usize::from(*opens);
            counts[1] += usize::from(case.is_some() && !opens && !repeat);
            counts[2] += usize::from(*repeat);
        }
    }
    counts
}

#[test]
fn an_alarm_is_confirmed_answered_and_its_call_goes_ahead() {
    let mut house = house(1);
    assert_eq!(report(&mut house, scaip::TYPE, &mrq("a1", "<dty>3</dty><pri>4</pri>")), Some(200));
    let answer = told(&house);
    for part in ["<ref>a1</ref>", "<snu>0</snu>", "<mre>1</mre>", "<tnu>sip:900@10.0.0.1</tnu>"] {
        assert!(answer.contains(part), "{part} in {answer}");
    }
    // A repeat is answered again and counts once; another press joins the case.
    assert_eq!(report(&mut house, scaip::TYPE, &mrq("a1", "<dty>3</dty>")), Some(200));
    assert!(told(&house).contains("<snu>0</snu>"));
    assert_eq!(report(&mut house, scaip::TYPE, &mrq("a2", "<dty>3</dty>")), Some(200));
    assert_eq!(counts(&house), [1, 1, 1]);
    // It calls: the call belongs to the case and is ahead of others.
    let unit = house.phones[0];
    house.world.with(unit, |phone, now| phone.call(now, "900"));
    house.until_state(unit, State::Talking);
    let joined = care(&house).into_iter().any(|what| matches!(what, CareFact::CallJoined { .. }));
    assert!(joined, "the call belongs to the case");
    let entered = house.facts("queue").into_iter().find_map(|fact| match fact {
        FactKind::Queue { what: QueueFact::Entered { priority, .. }, .. } => Some(*priority),
        _ => None,
    });
    assert_eq!(entered, Some(84));
    // While it talks, a further message is written down, and it is not told to call.
    assert_eq!(report(&mut house, scaip::TYPE, &mrq("a3", "<dty>5</dty>")), Some(200));
    assert!(told(&house).contains("<mre>0</mre>"), "{}", told(&house));
    // Nobody has talked to it when it hangs up: that is told, and awaits a call anew with the next press.
    house.world.with(unit, |phone, now| phone.hang_up(now));
    house.world.run(Duration::from_secs(5));
    assert_eq!(told_of(&house), 1);
    house.ends_clean();
}

#[test]
fn nothing_is_confirmed_that_is_not_on_the_disk() {
    let mut house = house(2);
    house.world.disk_is_well = false;
    assert_eq!(report(&mut house, scaip::TYPE, &mrq("a1", "")), Some(503));
    assert_eq!(told(&house), "");
    // It says it again: still one case, and it is confirmed now.
    house.world.disk_is_well = true;
    assert_eq!(report(&mut house, scaip::TYPE, &mrq("a1", "")), Some(200));
    assert!(told(&house).contains("<snu>0</snu>"));
    assert_eq!(counts(&house), [1, 0, 1]);
    house.ends_clean();
}

#[test]
fn a_unit_that_does_not_call_is_told_of_and_a_case_ends_by_a_persons_word() {
    let mut house = house(3);
    report(&mut house, scaip::TYPE, &mrq("a1", "<crd>sip:</crd>"));
    house.world.run(Duration::from_secs(120));
    let case = care(&house).into_iter().find_map(|what| match what {
        CareFact::NoCall { case } => Some(*case),
        _ => None,
    });
    let case = case.expect("nobody called");
    let close = Request::CloseCase(case, "pressed by mistake".into());
    house.world.input(Input::Console(RequestId(1), close));
    house.world.run(Duration::from_secs(1));
    assert!(
        matches!(care(&house).last(), Some(CareFact::Closed { outcome, .. }) if outcome == "pressed by mistake")
    );
    // The next press is a case of its own.
    report(&mut house, scaip::TYPE, &mrq("a2", ""));
    assert_eq!(counts(&house), [2, 0, 0]);
    house.ends_clean();
}

#[test]
fn what_is_no_alarm_opens_no_case() {
    let mut house = house(4);
    for (reference, tags) in
        [("h1", "<mty>PI</mty>"), ("b1", "<stc>16</stc>"), ("b2", "<stc>15</stc>")]
    {
        assert_eq!(report(&mut house, scaip::TYPE, &mrq(reference, tags)), Some(200));
        assert!(told(&house).contains("<mre>0</mre>"));
    }
    assert_eq!(counts(&house), [0, 0, 0]);
    house.ends_clean();
}

/// Who cannot be understood is in need until a person knows better.
#[test]
fn a_faulty_report_is_an_alarm_and_told_what_is_wrong_with_it() {
    let mut house = house(5);
    assert_eq!(report(&mut house, scaip::TYPE, "rubbish"), Some(200));
    assert_eq!(told(&house), "", "there is no reference to answer to");
    assert_eq!(report(&mut house, scaip::TYPE, &mrq("w1", "<pri>x</pri>")), Some(200));
    assert!(told(&house).contains("<snu>2</snu>"), "{}", told(&house));
    // Another's account is not believed; the alarm is the sender's.
    let strange = "<mrq><ref>w2</ref><cid>4712</cid></mrq>";
    assert_eq!(report(&mut house, scaip::TYPE, strange), Some(200));
    assert!(told(&house).contains("<snu>0</snu>"), "{}", told(&house));
    assert_eq!(counts(&house), [1, 2, 0]);
    let accounts = house.facts("care").into_iter().filter_map(|fact| match fact {
        FactKind::Care { account, .. } => Some(account.as_str()),
        _ => None,
    });
    assert!(accounts.into_iter().all(|account| account == "1001"));
    house.ends_clean();
}

/// An alarm's call is a call for help: no limit of the exchange or of the queue keeps it out, and a talk ends what
/// was awaited.
#[test]
fn the_call_after_an_alarm_passes_the_limits_and_somebody_talks() {
    let plan = "[[route]]\nname = \"bells\"\ncontext = \"agents\"\nwhen = { to = \"900\" }\n\
                steps = [{ dial = { phones = \"1003\" } }]\n\
                [[route]]\nname = \"phones\"\ncontext = \"agents\"\nwhen = { to = \"1xxx\" }\n\
                steps = [{ dial = { phones = \"${to}\" } }]\n";
    let plan = house::plan(&[("house.toml".into(), plan.into())]);
    let (gateway, _) = World::addresses(100);
    let change = |config: &mut Config| {
        *config = house::config_with(4, &gateway.to_string(), SECTIONS);
        config.limits.calls = Some(1);
    };
    let mut house = House::with_plan(plan, Faults::NONE, 7, [&[Codec::Pcma]; 4], change);
    (0..4).for_each(|n| house.register(n));
    house.talk(house.phones[1], "1004", house.phones[3]);
    // One call is up, and no more are let in; but for this one.
    report(&mut house, scaip::TYPE, &mrq("a1", ""));
    house.talk(house.phones[0], "900", house.phones[2]);
    let talked = care(&house).into_iter().filter(|w| matches!(w, CareFact::Talked { .. })).count();
    assert_eq!(talked, 1);
    for phone in [house.phones[0], house.phones[1]] {
        house.world.with(phone, |phone, now| phone.hang_up(now));
    }
    house.world.run(Duration::from_secs(120));
    assert_eq!(told_of(&house), 0);
    house.ends_clean();
}

#[test]
fn now_ip_is_known_by_its_body() {
    let sections = format!("{SECTIONS}\n").replace("[care]\n", "[care]\nany_account = true\n");
    let mut house = House::with_sections(PLAN, &sections, 6);
    house.register(0);
    let digits = "020112345678000001907500";
    let atm = format!("<ATM><version>1.5</version><type>1</type><data>{digits}</data></ATM>");
    assert_eq!(report(&mut house, now_ip::TYPE, &atm), Some(200));
    assert!(told(&house).contains(&format!("<type>A</type><data>{digits}</data>")));
    assert_eq!(counts(&house), [1, 0, 0]);
    house.ends_clean();
}
