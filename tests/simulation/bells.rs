//! Safety bells (R10, R14): what a unit reports is on the disk before it is confirmed, opens one case, and its
//! call goes ahead of others.

use belfry::base::{Duration, Wall};
use belfry::care::{Case, Kept, Meaning, Need, Protocol, Subscriber, Trouble, Update};
use belfry::config::Config;
use belfry::media::control::Codec;
use belfry::sim::network::Faults;
use belfry::sim::phone::{Manner, State};
use belfry::sim::world::World;
use belfry::switch::care::sheets::SheetOf;
use belfry::switch::care::{Channel, KeptCases, KeptGuard, Lock, Missed, PlanEvent, Troubled};
use belfry::switch::console::{CaseRow, GuardOrder};
use belfry::switch::fact::{CareFact, FactKind, QueueFact};
use belfry::switch::{Input, Reply, Request, RequestId};
use belfry::wire::telecare::{now_ip, scaip};

use super::house::{self, House, SOON};

const PLAN: &str = "[[route]]\nname = \"bells\"\ncontext = \"agents\"\nwhen = { to = \"900\" }\n\
    steps = [{ queue = { name = \"care\" } }]\n";
const SECTIONS: &str = "[care]\nnumber = \"900\"\ncall_out = 0\n\
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
    let close = Request::CloseCase(case, "pressed by mistake".into(), "wang".into());
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
    assert!(told(&house).contains("<ref></ref><snu>2</snu>"), "{}", told(&house));
    let unnamed = "<mrq><cid>1001</cid><dty>3</dty><stc>10</stc></mrq>";
    assert_eq!(report(&mut house, scaip::TYPE, unnamed), Some(200));
    assert!(told(&house).contains("<ref></ref><snu>7</snu>"), "{}", told(&house));
    assert_eq!(report(&mut house, scaip::TYPE, &mrq("w1", "<pri>x</pri>")), Some(200));
    assert!(told(&house).contains("<ref>w1</ref><snu>2</snu>"), "{}", told(&house));
    let wrong = [("w3", "<pri>77</pri>", 3), ("w4", "<did>123456789</did>", 1)];
    for (reference, tags, snu) in wrong {
        assert_eq!(report(&mut house, scaip::TYPE, &mrq(reference, tags)), Some(200));
        let expected = format!("<ref>{reference}</ref><snu>{snu}</snu>");
        assert!(told(&house).contains(&expected), "{expected}: {}", told(&house));
    }
    // Another's account is not believed; the alarm is the sender's.
    let strange = "<mrq><ref>w2</ref><cid>4712</cid></mrq>";
    assert_eq!(report(&mut house, scaip::TYPE, strange), Some(200));
    assert!(told(&house).contains("<snu>0</snu>"), "{}", told(&house));
    assert_eq!(counts(&house), [1, 5, 0]);
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

/// What a unit takes back it was told not to call for, and it is not called; but a person asks all the same: who has fallen
/// may have pressed that by mistake. Where nobody talks in time, that is told.
#[test]
fn a_unit_that_takes_its_alarm_back_is_asked_by_a_person() {
    let mut house = house(12);
    report(&mut house, scaip::TYPE, &mrq("a1", "<dty>3</dty>"));
    report(&mut house, scaip::TYPE, &mrq("a2", "<dty>3</dty><stc>19</stc>"));
    assert!(told(&house).contains("<mre>0</mre>"));
    house.world.run(Duration::from_secs(120));
    assert_eq!(told_of(&house), 1);
    assert!(house.world.warnings.iter().any(|line| line.contains("takes its alarm back")));
    assert_eq!(shown(&mut house).len(), 1);
    // Pressed again.
    report(&mut house, scaip::TYPE, &mrq("a3", "<dty>3</dty>"));
    house.world.run(Duration::from_secs(120));
    assert_eq!(told_of(&house), 2);
    house.ends_clean();
}

/// The graver and the more exact word stands, whatever came first.
#[test]
fn a_fall_after_what_could_not_be_read_is_a_fall() {
    let mut house = house(11);
    report(&mut house, scaip::TYPE, "<mrq><ref>12");
    assert_eq!(shown(&mut house)[0].need, "other");
    report(&mut house, scaip::TYPE, &mrq("a1", "<dty>0005</dty><stc>9</stc>"));
    report(&mut house, scaip::TYPE, &mrq("a2", "<dty>3</dty>"));
    assert_eq!(shown(&mut house)[0].need, "fall");
    house.ends_clean();
}

/// What comes to the care line's number and is nothing that is known is somebody's alarm (R10); a phone's text
/// to a phone is not.
#[test]
fn whatever_a_bell_says_to_the_care_number_is_an_alarm() {
    let mut house = house(8);
    house.register(1);
    assert_eq!(report(&mut house, scaip::TYPE, ""), Some(200));
    assert!(house.world.warnings.iter().any(|line| line.starts_with("unit 1001")));
    assert!(told(&house).contains("<ref></ref><snu>7</snu>"), "{}", told(&house));
    assert_eq!(report(&mut house, "text/plain", "hello"), Some(200));
    assert!(told(&house).contains("<ref></ref><snu>2</snu>"), "{}", told(&house));
    assert_eq!(report(&mut house, "text/plain", "hello"), Some(200));
    assert_eq!(counts(&house), [1, 1, 1]);
    let unit = house.phones[0];
    house.world.with(unit, |phone, now| phone.write_as(now, "1002", "text/plain", "hello"));
    house.world.run(Duration::from_secs(5));
    assert_eq!(counts(&house), [1, 1, 1]);
    assert_eq!(house.world.phone(house.phones[1]).messages.len(), 1);
    // Longer than a message to a phone may be: what fits is written down, and the unit is told that it was too much.
    let long = mrq("b7", &format!("<ite>{}</ite>", "x".repeat(20_000)));
    assert_eq!(report(&mut house, scaip::TYPE, &long), Some(200));
    assert!(told(&house).contains("<ref>b7</ref><snu>1</snu>"), "{}", told(&house));
    assert_eq!(counts(&house), [1, 2, 1]);
    let mut raw = care(&house).into_iter().filter_map(|what| match what {
        CareFact::Reported { raw, .. } => Some(raw.len()),
        _ => None,
    });
    assert_eq!(raw.next_back(), Some(16_384));
    house.world.with(unit, |phone, now| phone.write_as(now, "1002", "text/plain", &long));
    house.world.run(Duration::from_secs(1));
    assert_eq!(house.world.phone(unit).written, Some(413), "to a phone it does not go");
    house.ends_clean();
}

/// What is wrong with units, as `show cases` lists it.
fn troubles(house: &mut House) -> Vec<(String, String)> {
    match house.world.ask(Request::Cases) {
        Some(Reply::Cases { troubles, .. }) => {
            troubles.into_iter().map(|row| (row.account, row.trouble)).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// R14: a unit that reports each minute by itself and is not heard for two is a notice in the technical list, once, over a
/// restart too; with the next sign of life it is off it by itself. It is no case, and no sign of its own.
#[test]
fn a_unit_that_falls_silent_is_a_notice_until_it_is_heard() {
    let sections = format!(
        "{SECTIONS}[[heartbeat]]\nnumbers = [\"1003\"]\nmissed = 0\n\
         [[heartbeat]]\nterminal_type = \"hub\"\nevery = \"1 min\"\nmissed = 2\n"
    );
    let mut house = House::with_sections(PLAN, &sections, 30);
    house.register(0);
    let hub = |number: &'static str| [("number", number), ("terminal_type", "hub")];
    let homes = [hub("1001"), hub("1002"), hub("1003")];
    let homes: Vec<&[(&str, &str)]> = homes.iter().map(|own| &own[..]).collect();
    subscribers(&mut house, &homes);
    let lives = |house: &mut House, nth: u32| {
        let text = mrq(&format!("p{nth}"), "<mty>PI</mty><dty>2</dty>");
        assert_eq!(report(house, scaip::TYPE, &text), Some(200));
    };
    for nth in 0..4 {
        house.world.run(Duration::from_secs(60));
        lives(&mut house, nth);
    }
    let silent = |number: &str| (number.to_owned(), "silent".to_owned());
    assert_eq!(troubles(&mut house), [silent("1002")], "1001 reports, nobody watches 1003");
    house.world.run(Duration::from_secs(300));
    assert_eq!(troubles(&mut house), [silent("1001"), silent("1002")]);
    let began = |house: &House| {
        let of = |what: &&CareFact| {
            matches!(what, CareFact::Reported { meaning: Meaning::Began(Trouble::Silent), .. })
        };
        care(house).into_iter().filter(of).count()
    };
    assert_eq!((began(&house), shown(&mut house).len()), (2, 0));
    lives(&mut house, 9);
    assert_eq!(troubles(&mut house), [silent("1002")]);
    house.ends_clean();

    // After a restart nobody is told again; who was heard shortly before has his time.
    let mut house = House::before_the_records(PLAN, &sections, 31);
    house.register(0);
    let now = Wall(house.world.facts.first().map_or(0, |fact| fact.wall.0));
    let troubled = vec![silent_since("1002", now)];
    let kept =
        KeptCases { troubles: troubled, seen: vec![("1001".into(), now)], ..KeptCases::default() };
    house.world.input(Input::Cases(kept));
    subscribers(&mut house, &homes);
    house.world.run(Duration::from_secs(120));
    assert_eq!((troubles(&mut house), began(&house)), (vec![silent("1002")], 0));
    house.world.run(Duration::from_secs(60));
    assert_eq!((troubles(&mut house).len(), began(&house)), (2, 1));
    // Whoever is no subscriber any more is in no list.
    let gone = Update { gone: vec!["1002".into()], ..Update::default() };
    house.world.input(Input::Subscribers(Box::new(gone)));
    assert_eq!(troubles(&mut house), [silent("1001")]);
    house.ends_clean();
}

/// A rule that is taken out while hundreds are silent, and a subscriber who went when the last run ended: all of it is over, a
/// part at a time, and not while the journal has no room.
#[test]
fn the_silence_of_hundreds_ends_a_part_at_a_time() {
    let mut house = House::before_the_records(PLAN, SECTIONS, 34);
    house.world.ask(Request::Status);
    let now = Wall(house.world.facts[0].wall.0);
    let numbers: Vec<String> = (0..301).map(|n| (5_000 + n).to_string()).collect();
    let troubles = numbers.iter().map(|own| silent_since(own, now)).collect();
    house.world.input(Input::Cases(KeptCases { troubles, ..KeptCases::default() }));
    house.world.input(Input::JournalFull(true));
    // The last is nobody's any more.
    let homes: Vec<[(&str, &str); 1]> =
        numbers[..300].iter().map(|own| [("number", own.as_str())]).collect();
    let homes: Vec<&[(&str, &str)]> = homes.iter().map(|own| &own[..]).collect();
    subscribers(&mut house, &homes);
    house.world.run(Duration::from_secs(3));
    assert_eq!(troubles_of(&mut house), 301, "what finds no room is not said");
    house.world.input(Input::JournalFull(false));
    let mut seen = vec![301];
    while *seen.last().expect("one") > 0 && seen.len() < 200 {
        house.world.run(Duration::from_millis(50));
        seen.push(troubles_of(&mut house));
    }
    seen.dedup();
    assert_eq!(seen, [301, 101, 0]);
    house.ends_clean();
}

fn troubles_of(house: &mut House) -> usize {
    troubles(house).len()
}

/// The records come late: a sheet that is under way since this start is not cut off by it, though its case is closed.
#[test]
fn a_sheet_of_this_run_is_not_cut_off_by_the_last_ones_end() {
    let mut house = House::before_the_records(PLAN, SECTIONS, 35);
    house.world.ask(Request::Status);
    let start = house.world.facts[0].seq - 1;
    let sheet = |case| SheetOf {
        case,
        account: "1001".into(),
        plan: "bell".into(),
        to: "ward".into(),
        by: Channel::Mail,
    };
    let cut_sheets = vec![(start, sheet(1)), (start + 1, sheet(2))];
    house.world.input(Input::Cases(KeptCases { cut_sheets, ..KeptCases::default() }));
    house.world.run(Duration::from_secs(1));
    let told = care(&house).into_iter().filter_map(|what| match what {
        CareFact::Plan { case, happened: PlanEvent::Sent { .. }, .. } => Some(*case),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [1]);
    house.ends_clean();
}

/// A full journal is said at once: a unit waits for its answer no longer than some seconds.
#[test]
fn a_full_journal_is_said_at_once() {
    let mut house = house(9);
    house.world.input(Input::JournalFull(true));
    let unit = house.phones[0];
    let text = mrq("a1", "<dty>3</dty>");
    house.world.with(unit, |phone, now| phone.write_as(now, "900", scaip::TYPE, &text));
    house.world.run(Duration::from_millis(400));
    assert_eq!(house.world.phone(unit).written, Some(503));
    assert_eq!(shown(&mut house).len(), 1, "somebody is in need all the same");
    house.world.input(Input::JournalFull(false));
    assert_eq!(report(&mut house, scaip::TYPE, &text), Some(200));
    assert!(told(&house).contains("<snu>0</snu>"));
    assert_eq!(counts(&house), [1, 0, 1]);
    house.ends_clean();
}

/// BS 8521 writes a controller in eight digits: zeros in front are no other's. Its answer has the time and the
/// unit's address.
#[test]
fn now_ip_of_a_short_number() {
    let mut house = house(10);
    let digits = "020100001001000001907500";
    let atm = format!(
        "<ATM><version>1.5</version><type>1</type><data>{digits}</data>\
         <time>10:11:12</time><mac>0011AA</mac></ATM>"
    );
    assert_eq!(report(&mut house, now_ip::TYPE, &atm), Some(200));
    let answer = told(&house);
    let time = answer.split_once("<time>").and_then(|(_, rest)| rest.split_once("</time>"));
    let time: Vec<&str> = time.expect("a time").0.split(':').collect();
    assert!(time.len() == 3 && time.iter().all(|part| part.len() == 2), "{answer}");
    assert!(answer.contains("<type>A</type>") && answer.contains("<mac>0011AA</mac>"), "{answer}");
    assert!(!house.world.warnings.iter().any(|line| line.contains("taken for its own")));
    assert_eq!(shown(&mut house)[0].account, "1001");
    // Broken off.
    assert_eq!(report(&mut house, now_ip::TYPE, "<ATM><type>1</type><data>02"), Some(200));
    assert!(told(&house).contains("<type>5</type>"), "{}", told(&house));
    let faulty = house.world.warnings.iter().find(|line| line.contains("faulty NOW-IP"));
    assert!(
        faulty.is_some_and(|line| line.ends_with("it is no <ATM> that can be read to its end"))
    );
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

// Bells that only call: known by their number.

const VOICE_PLAN: &str = "[[route]]\nname = \"bells\"\ncontext = \"gateway\"\nwhen = { to = \"95081\" }\n\
    steps = [{ queue = { name = \"care\" } }]\n\
    [[route]]\nname = \"from phones\"\ncontext = \"agents\"\nwhen = { to = \"95081\" }\n\
    steps = [{ queue = { name = \"care\" } }]\n";
const VOICE: &str = "[care]\nbells = [\"95081\"]\ncall_out = 0\n\
    [[agent]]\nnumber = \"7001\"\npin = \"4711\"\n\
    [[queue]]\nname = \"care\"\njoin = \"nobody\"\nstay = \"nobody\"\n";

/// Subscribers of these fields.
fn subscribers(house: &mut House, all: &[&[(&str, &str)]]) {
    // The first facts are told with the first input.
    house.world.ask(Request::Status);
    let since = Wall(house.world.facts[0].wall.0 + house.world.now().as_millis() as i64);
    let kept = |fields: &&[(&str, &str)]| {
        let mut subscriber = Subscriber::default();
        for (name, text) in *fields {
            subscriber.set(name, text).expect("it is right");
        }
        Kept { subscriber, since }
    };
    let update = Update { all: true, put: all.iter().map(kept).collect(), ..Update::default() };
    house.world.input(Input::Subscribers(Box::new(update)));
}

/// Cases as an operator sees them.
fn shown(house: &mut House) -> Vec<CaseRow> {
    match house.world.ask(Request::Cases) {
        Some(Reply::Cases { cases, .. }) => cases,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_of_a_subscribers_bell_is_a_case_with_all_that_is_known() {
    let mut house = House::with_sections(VOICE_PLAN, VOICE, 21);
    let caller = house.caller;
    let number = house.world.phone(caller).setup().number.clone();
    subscribers(
        &mut house,
        &[&[
            ("number", &number),
            ("name", "Wang Xiuying"),
            ("address", "3-2, Shiqi"),
            ("region", "south"),
            ("flag", "vip"),
            ("medical", "heart"),
        ]],
    );
    house.world.with(caller, |phone, now| phone.call(now, "95081"));
    house.until_state(caller, State::Talking);
    let rows = shown(&mut house);
    let row = &rows[0];
    assert_eq!((row.name.as_str(), row.address.as_str()), ("Wang Xiuying", "3-2, Shiqi"));
    assert_eq!((row.region.as_str(), row.flag.as_str(), row.priority), ("south", "vip", 5));
    assert!(row.call.is_some() && !row.awaited);
    let home = care(&house).into_iter().find_map(|what| match what {
        CareFact::Reported { home, protocol: Protocol::Voice, opens: true, .. } => home.clone(),
        _ => None,
    });
    assert_eq!(home.expect("it opens a case").name, "Wang Xiuying");
    let entered = house.facts("queue").into_iter().find_map(|fact| match fact {
        FactKind::Queue { what: QueueFact::Entered { priority, .. }, .. } => Some(*priority),
        _ => None,
    });
    assert_eq!(entered, Some(85), "ahead of ordinary calls");
    let case = row.case;
    let Some(Reply::Case(view)) = house.world.ask(Request::Case(case)) else { panic!("a case") };
    assert!(view.subscriber.contains(&("medical".into(), "heart".into())));
    // Nobody has talked to it: that is told. The next press joins the case.
    house.world.with(caller, |phone, now| phone.hang_up(now));
    house.world.run(Duration::from_secs(5));
    assert_eq!(told_of(&house), 1);
    house.world.with(caller, |phone, now| phone.call(now, "95081"));
    house.until_state(caller, State::Talking);
    assert_eq!(counts(&house), [1, 1, 0]);
    house.world.with(caller, |phone, now| phone.hang_up(now));
    house.world.run(Duration::from_secs(5));
    let close = Request::CloseCase(case, "was a mistake".into(), "7001".into());
    assert!(matches!(house.world.ask(close), Some(Reply::Done(_))));
    assert!(matches!(care(&house).last(), Some(CareFact::Closed { by, .. }) if by == "7001"));
    house.ends_clean();
}

#[test]
fn an_unknown_bell_is_answered_too_and_two_telephones_of_a_home_are_one_case() {
    let mut house = House::with_sections(VOICE_PLAN, VOICE, 22);
    (0..3).for_each(|n| house.register(n));
    subscribers(&mut house, &[&[("number", "1001"), ("further_numbers", "1002")]]);
    for n in 0..3 {
        let phone = house.phones[n];
        house.world.with(phone, |phone, now| phone.call(now, "95081"));
    }
    for n in 0..3 {
        house.until_state(house.phones[n], State::Talking);
    }
    let rows = shown(&mut house);
    let accounts: Vec<(&str, u32)> = rows.iter().map(|r| (r.account.as_str(), r.alarms)).collect();
    assert_eq!(accounts.len(), 2, "{accounts:?}");
    assert!(accounts.contains(&("1001", 2)) && accounts.contains(&("1003", 1)), "{accounts:?}");
    for n in 0..3 {
        house.world.with(house.phones[n], |phone, now| phone.hang_up(now));
    }
    house.world.run(Duration::from_secs(5));
    house.ends_clean();
}

/// A unit's report and the call that follows it are one alarm, though the unit is a subscriber's.
#[test]
fn the_call_that_was_announced_is_no_alarm_of_its_own() {
    let mut house = house(23);
    subscribers(&mut house, &[&[("number", "1001"), ("account", "26317")]]);
    // It calls itself by its account, and is believed, for the records say so.
    let text = "<mrq><ref>a1</ref><cid>26317</cid></mrq>";
    assert_eq!(report(&mut house, scaip::TYPE, text), Some(200));
    let unit = house.phones[0];
    house.world.with(unit, |phone, now| phone.call(now, "900"));
    house.until_state(unit, State::Talking);
    assert_eq!(counts(&house), [1, 0, 0]);
    let rows = shown(&mut house);
    assert_eq!((rows[0].account.as_str(), rows[0].alarms), ("1001", 1));
    house.world.with(unit, |phone, now| phone.hang_up(now));
    house.world.run(Duration::from_secs(5));
    house.ends_clean();
}

/// A press of the bell is an alarm, though its terminal has said shortly before that its battery is low (R10, R14).
#[test]
fn a_press_soon_after_a_notice_is_a_press() {
    let sections = VOICE.replace("[care]\n", "[care]\nnumber = \"900\"\n");
    let mut house = House::with_sections(VOICE_PLAN, &sections, 24);
    house.register(0);
    subscribers(&mut house, &[&[("number", "1001")]]);
    report(&mut house, scaip::TYPE, &mrq("b1", "<dty>3</dty><stc>16</stc>"));
    assert_eq!(counts(&house), [0, 0, 0], "a notice is no alarm");
    let bell = house.phones[0];
    house.world.with(bell, |phone, now| phone.call(now, "95081"));
    house.world.run(Duration::from_secs(1));
    assert_eq!(counts(&house), [1, 0, 0], "before anything is heard");
    house.world.with(bell, |phone, now| phone.hang_up(now));
    house.world.run(Duration::from_secs(5));
    assert_eq!((shown(&mut house).len(), told_of(&house)), (1, 1));
    house.ends_clean();
}

// Calls that Belfry makes.

const CALLS_PLAN: &str = "[[route]]\nname = \"bells\"\ncontext = \"gateway\"\nwhen = { to = \"95081\" }\n\
    steps = [{ queue = { name = \"care\" } }]\n\
    [[route]]\nname = \"unit\"\ncontext = \"care-unit\"\nsteps = [{ dial = { phones = \"1003\" } }]\n\
    [[route]]\nname = \"reminder\"\ncontext = \"care-reminder\"\n\
    steps = [{ collect = { into = \"key\", max = 1, tries = 1, timeout = 5 } }, \
             { if = { when = { var = { key = \"1\" } }, then = [{ check-in = {} }] } }]\n\
    [[route]]\nname = \"contact\"\ncontext = \"care-contact\"\nsteps = [{ wait = \"2 s\" }]\n";
const CALLS: &str = "[care]\nbells = [\"95081\"]\nspeech_within = \"30 s\"\n\
    [check_in]\nreminders = 2\nevery = \"2 min\"\ngrace = \"1 min\"\nescalate = \"5 min\"\n\
    [[agent]]\nnumber = \"7001\"\npin = \"4711\"\n\
    [[queue]]\nname = \"care\"\njoin = \"nobody\"\nstay = \"nobody\"\n";

/// A unit that asks to be called is, and again while nobody has talked.
#[test]
fn a_unit_that_waits_for_a_call_is_called() {
    let mut house = House::with_sections(CALLS_PLAN, CALLS, 31);
    (0..4).for_each(|n| house.register(n));
    let unit = house.phones[0];
    // Busy at first: it is not reached, and called again later.
    house.world.with(unit, |phone, _| phone.behave(Manner::Refuse(486)));
    report(&mut house, scaip::TYPE, &mrq("a1", "<cha>1</cha><crd>sip:1001@10.0.0.1</crd>"));
    house.world.run(Duration::from_secs(10));
    let again = Manner::AnswerAfter(Duration::from_secs(1));
    house.world.with(unit, |phone, _| phone.behave(again));
    assert!(house.world.until(Duration::from_secs(90), |w| w.phone(unit).talks > 0));
    house.world.run(Duration::from_secs(5));
    let tries = care(&house)
        .into_iter()
        .filter(|what| matches!(what, CareFact::CalledOut { why, .. } if why == "unit"))
        .count();
    assert_eq!(tries, 2);
    let talked = care(&house).into_iter().filter(|w| matches!(w, CareFact::Talked { .. })).count();
    assert_eq!(talked, 1, "the agent's phone and the unit talk");
    house.world.with(unit, |phone, now| phone.hang_up(now));
    house.world.run(Duration::from_secs(200));
    house.ends_clean();
}

/// The simulator's calendar, as minutes of a day in UTC from now on.
fn in_minutes(house: &House, minutes: i64) -> String {
    let begin = house.world.facts[0].wall.0;
    let wall = begin + house.world.now().as_millis() as i64 + minutes * 60_000;
    let minute = wall.div_euclid(60_000).rem_euclid(1_440);
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[test]
fn who_has_not_checked_in_is_reminded_and_reports_by_key() {
    let mut house = House::with_sections(CALLS_PLAN, CALLS, 32);
    (0..2).for_each(|n| house.register(n));
    let by = in_minutes(&house, 10);
    let home = [("number", "1001"), ("name", "Wang"), ("check_in", &by), ("time_zone", "UTC")];
    let other = [("number", "1002"), ("check_in", &by), ("time_zone", "UTC")];
    subscribers(&mut house, &[&home, &other]);
    // 1002 presses its bell in time: nothing is asked of it.
    let bell = house.phones[1];
    house.world.with(bell, |phone, now| {
        phone.write_as(
            now,
            "900",
            scaip::TYPE,
            "<mrq><ref>p1</ref><cid>1002</cid><crd>no-voice:</crd></mrq>",
        )
    });
    house.world.run(Duration::from_secs(60));
    let unit = house.phones[0];
    assert!(house.world.until(Duration::from_secs(20 * 60), |w| w.phone(unit).talks > 0));
    house.world.run(Duration::from_secs(1));
    house.press(unit, '1');
    house.world.run(Duration::from_secs(20 * 60));
    let count =
        |wanted: fn(&CareFact) -> bool| care(&house).into_iter().filter(|w| wanted(w)).count();
    assert_eq!(count(|w| matches!(w, CareFact::CheckInMissed { .. })), 1);
    assert_eq!(count(|w| matches!(w, CareFact::CheckedIn { late: true, .. })), 1);
    assert_eq!(count(|w| matches!(w, CareFact::CheckedIn { late: false, .. })), 1);
    assert_eq!(count(|w| matches!(w, CareFact::CheckInTask { .. })), 0);
    assert_eq!(house.world.phone(unit).calls, 1, "reminded once");
    house.ends_clean();
}

/// Who is reminded and asks for a person is an alarm of its home: it has a case, ahead of others, and is called again if nobody
/// was there for it. It has reported with that.
#[test]
fn who_is_reminded_and_wants_a_person_is_a_case() {
    let asks = "context = \"care-reminder\"\nsteps = [{ collect = { into = \"key\", max = 1, tries = 1, timeout = 5 } }, \
        { if = { when = { var = { key = \"0\" } }, then = [{ queue = { name = \"care\" } }] } }]\n";
    let at = CALLS_PLAN.find("context = \"care-reminder\"").expect("a route");
    let end = CALLS_PLAN[at..].find("\n[[route]]").map_or(CALLS_PLAN.len(), |own| at + own);
    let plan = format!("{}{asks}{}", &CALLS_PLAN[..at], &CALLS_PLAN[end..]);
    let mut house = House::with_sections(&plan, CALLS, 39);
    house.register(0);
    let by = in_minutes(&house, 10);
    let home = [("number", "1001"), ("name", "Wang"), ("check_in", &by), ("time_zone", "UTC")];
    subscribers(&mut house, &[&home]);
    let unit = house.phones[0];
    assert!(house.world.until(Duration::from_secs(40 * 60), |w| w.phone(unit).talks > 0));
    house.world.run(Duration::from_secs(1));
    house.press(unit, '0');
    house.world.run(Duration::from_secs(1));
    let rows = shown(&mut house);
    assert_eq!((rows.len(), rows[0].name.as_str(), rows[0].call.is_some()), (1, "Wang", true));
    let entered = house.facts("queue").into_iter().find_map(|fact| match fact {
        FactKind::Queue { what: QueueFact::Entered { priority, .. }, .. } => Some(*priority),
        _ => None,
    });
    assert_eq!(entered, Some(80));
    let late = |what: &&CareFact| matches!(what, CareFact::CheckedIn { late: true, .. });
    assert_eq!(care(&house).iter().filter(|what| late(what)).count(), 1);
    house.hang_up(unit);
    house.world.run(Duration::from_secs(2));
    assert_eq!(told_of(&house), 1, "nobody has talked with it");
    house.world.with(unit, |phone, _| phone.behave(Manner::Ring));
    let called =
        house.world.until(Duration::from_secs(120), |w| w.phone(unit).state == State::Ringing);
    assert!(called, "it is called again");
    let close = Request::CloseCase(rows[0].case, "was reached".into(), "7001".into());
    assert!(matches!(house.world.ask(close), Some(Reply::Done(_))));
    house.world.run(Duration::from_secs(2));
    assert_ne!(house.world.phone(unit).state, State::Ringing, "its case is closed");
    house.world.run(Duration::from_secs(60));
    house.ends_clean();
}

/// A contact who takes it on by a key is the last that is called; one that only answers, as a machine does, is not.
#[test]
fn a_contact_who_confirms_by_key_is_the_last() {
    let asks = "steps = [{ collect = { into = \"key\", max = 1, tries = 1, timeout = 5 } }, \
        { if = { when = { var = { key = \"1\" } }, then = [{ accept = {} }] } }]\n";
    let plan = CALLS_PLAN.replace("steps = [{ wait = \"2 s\" }]\n", asks);
    let mut house = House::with_sections(&plan, CALLS, 35);
    (0..4).for_each(|n| house.register(n));
    house.world.with(house.phones[0], |phone, _| phone.behave(Manner::Refuse(480)));
    let by = in_minutes(&house, 5);
    let contacts = ("contacts", "Li/1002; Zhao/1003; Sun/1004");
    let home = [("number", "1001"), ("check_in", &by), ("time_zone", "UTC"), contacts];
    subscribers(&mut house, &[&home]);
    let second = house.phones[2];
    assert!(house.world.until(Duration::from_secs(3_600), |w| w.phone(second).talks > 0));
    house.world.run(Duration::from_secs(1));
    house.press(second, '1');
    house.world.run(Duration::from_secs(3_600));
    let calls: Vec<u64> = (1..4).map(|n| house.world.phone(house.phones[n]).calls).collect();
    assert_eq!(calls, [1, 1, 0]);
    let accepted = care(&house).into_iter().filter_map(|what| match what {
        CareFact::CheckInAccepted { number, .. } => Some(number.as_str()),
        _ => None,
    });
    assert_eq!(accepted.collect::<Vec<_>>(), ["1003"]);
    assert_eq!(shown(&mut house).len(), 1, "a person closes the case");
    house.ends_clean();
}

/// The gateway takes reminders and loses them: each is made three times more and then was one. A contact whose phone rang was
/// called, however that ended: it does not ring again and again.
#[test]
fn a_reminder_that_is_lost_counts_in_the_end_and_a_phone_that_rang_counts_at_once() {
    let mut house = House::with_sections(CALLS_PLAN, CALLS, 36);
    (0..3).for_each(|n| house.register(n));
    let rings = Manner::RefuseAfter(Duration::from_secs(5), 503);
    for (n, manner) in [(0, Manner::Refuse(503)), (1, rings), (2, rings)] {
        house.world.with(house.phones[n], |phone, _| phone.behave(manner));
    }
    let by = in_minutes(&house, 5);
    let contacts = ("contacts", "Li/1002; Zhao/1003");
    let home = [("number", "1001"), ("check_in", &*by), ("time_zone", "UTC"), contacts];
    subscribers(&mut house, &[&home]);
    house.world.run(Duration::from_secs(40 * 60));
    let called = |wanted: &str| -> Vec<u32> {
        let of = |what: &&CareFact| match what {
            CareFact::CalledOut { why, nth, .. } if why == wanted => Some(*nth),
            _ => None,
        };
        care(&house).iter().filter_map(of).collect()
    };
    assert_eq!(called("reminder"), [1, 1, 1, 1, 2, 2, 2, 2]);
    assert_eq!(called("contact"), [1, 2]);
    house.ends_clean();
}

#[test]
fn who_does_not_answer_is_a_persons_task_and_contacts_are_called() {
    let mut house = House::with_sections(CALLS_PLAN, CALLS, 33);
    (0..3).for_each(|n| house.register(n));
    let unit = house.phones[0];
    house.world.with(unit, |phone, _| phone.behave(Manner::Refuse(480)));
    let by = in_minutes(&house, 5);
    let home = [
        ("number", "1001"),
        ("check_in", &by),
        ("time_zone", "UTC"),
        ("contacts", "Li/1002; Zhao/1003"),
    ];
    subscribers(&mut house, &[&home]);
    house.world.run(Duration::from_secs(20 * 60));
    let rows = shown(&mut house);
    assert_eq!((rows.len(), rows[0].need.as_str(), rows[0].priority), (1, "check_in", 9));
    let called: Vec<usize> =
        (1..3).map(|n| house.world.phone(house.phones[n]).calls as usize).collect();
    assert_eq!(called, [1, 1], "both contacts, one after the other");
    let close = Request::CloseCase(rows[0].case, "at her daughter's".into(), String::new());
    assert!(matches!(house.world.ask(close), Some(Reply::Done(_))));
    house.world.run(Duration::from_secs(10));
    assert!(matches!(care(&house).last(), Some(CareFact::CheckInClosed { .. })));
    house.ends_clean();
}

/// The records are away for a while after a start: who presses meanwhile to the care line's number is heard, whoever it
/// is, has reported, and is known by name when they are back.
#[test]
fn who_presses_before_the_subscribers_are_known_is_a_case_and_has_reported() {
    let plan = format!(
        "{}[[route]]\nname = \"from phones\"\ncontext = \"agents\"\nwhen = {{ to = \"95081\" }}\n\
         steps = [{{ queue = {{ name = \"care\" }} }}]\n",
        CALLS_PLAN.replace("to = \"95081\"", "to = \"900\"")
    );
    let sections = CALLS.replace("[care]\n", "[care]\nnumber = \"900\"\n");
    let mut house = House::before_the_records(&plan, &sections, 36);
    (0..2).for_each(|n| house.register(n));
    house.world.ask(Request::Status);
    let by = in_minutes(&house, 5);
    let caller = house.caller;
    let number = house.world.phone(caller).setup().number.clone();
    house.world.with(caller, |phone, now| phone.call(now, "900"));
    house.until_state(caller, State::Talking);
    let rows = shown(&mut house);
    assert_eq!((rows.len(), rows[0].account.as_str(), rows[0].name.as_str()), (1, &*number, ""));
    house.world.with(caller, |phone, now| phone.hang_up(now));
    house.world.run(Duration::from_secs(20 * 60));
    let count = |house: &House, wanted: fn(&CareFact) -> bool| {
        care(house).into_iter().filter(|w| wanted(w)).count()
    };
    let missed = |w: &CareFact| matches!(w, CareFact::CheckInMissed { .. });
    assert_eq!(count(&house, missed), 0, "nobody knows who has to");
    // One is added while the records are away; the records, read before that, do not know him.
    let mut late = Subscriber::default();
    for (name, text) in [("number", "1002"), ("name", "Zhao")] {
        late.set(name, text).unwrap();
    }
    let late = Kept { subscriber: late, since: Wall(0) };
    let update = Update { put: vec![late], version: Some(7), ..Update::default() };
    house.world.input(Input::Subscribers(Box::new(update)));
    house.world.input(Input::Cases(KeptCases::default()));
    let home = |number: &str, name: &str| {
        let mut subscriber = Subscriber::default();
        let fields = [("number", number), ("name", name), ("check_in", &*by), ("time_zone", "UTC")];
        for (name, text) in fields {
            subscriber.set(name, text).unwrap();
        }
        Kept { subscriber, since: Wall(0) }
    };
    let settled = house.world.facts[0].wall;
    let put = vec![home(&number, "Wang"), home("1001", "Li")];
    let kept = put.iter().map(|own| (own.subscriber.number.clone(), settled)).collect();
    house.world.input(Input::Cases(KeptCases { settled: kept, ..KeptCases::default() }));
    let update = Update { all: true, put, version: Some(6), ..Update::default() };
    house.world.input(Input::Subscribers(Box::new(update)));
    house.world.run(Duration::from_secs(1));
    assert_eq!(shown(&mut house)[0].name, "Wang");
    assert_eq!(count(&house, missed), 1, "Li's, who said nothing");
    let reported = house.world.facts.iter().find_map(|fact| match &fact.kind {
        FactKind::Care { account, what: CareFact::CheckedIn { late, .. } } => {
            Some((account.clone(), *late, fact.wall))
        }
        _ => None,
    });
    let (account, late, wall) = reported.expect("who pressed has reported");
    assert_eq!((account.as_str(), late), (&*number, false));
    assert!(wall.0 - settled.0 < 60_000, "as of then");
    let Some(Reply::Cases { .. }) = house.world.ask(Request::Cases) else { panic!("cases") };
    // Zhao's alarm bears his name: what was read before he was added has not taken him out.
    house.world.with(house.phones[1], |phone, now| phone.call(now, "95081"));
    house.world.run(Duration::from_secs(2));
    assert!(shown(&mut house).iter().any(|row| row.name == "Zhao"), "{:?}", shown(&mut house));
    house.world.with(house.phones[1], |phone, now| phone.hang_up(now));
}

/// A missed check-in joined the case of an alarm, and the process started anew: closing the case ends the check-in too.
#[test]
fn a_case_ends_its_check_in_after_a_restart() {
    let mut house = House::before_the_records(CALLS_PLAN, CALLS, 37);
    house.world.ask(Request::Status);
    let wall = house.world.facts[0].wall;
    let due = Wall(wall.0 - 3_600_000);
    let mut case = Case::kept(0, "1001".into());
    (case.need, case.check_in) = (Need::Personal, true);
    let task = Missed { due, reminders: 2, task: true, contacts: 0 };
    let of = |number: &str| {
        let mut subscriber = Subscriber::default();
        for (name, text) in [("number", number), ("check_in", "08:00"), ("contacts", "Li/1003")] {
            subscriber.set(name, text).unwrap();
        }
        Kept { subscriber, since: Wall(0) }
    };
    let numbers = ["1001", "1002"];
    let kept = KeptCases {
        cases: vec![(case, true)],
        settled: numbers.map(|number| (number.to_owned(), wall)).into(),
        missed: numbers.map(|number| (number.to_owned(), task.clone())).into(),
        closed_tasks: vec!["1002".into()],
        ..KeptCases::default()
    };
    house.world.input(Input::Cases(kept));
    let update = Update { all: true, put: numbers.map(of).into(), ..Update::default() };
    house.world.input(Input::Subscribers(Box::new(update)));
    let closed = |house: &House| -> Vec<String> {
        let facts = house.world.facts.iter();
        let account = |kind: &FactKind| match kind {
            FactKind::Care { account, what: CareFact::CheckInClosed { .. } } => {
                Some(account.clone())
            }
            _ => None,
        };
        facts.filter_map(|fact| account(&fact.kind)).collect()
    };
    assert_eq!(closed(&house), ["1002"], "its case was closed before");
    let close = Request::CloseCase(0, "she is well".into(), String::new());
    assert!(matches!(house.world.ask(close), Some(Reply::Done(_))));
    assert_eq!(closed(&house), ["1002", "1001"]);
}

/// However an alarm comes: a VIP's is ahead of others by 5 points at least, a special subscriber's by 9.
#[test]
fn a_subscribers_flag_counts_for_an_alarm_by_message() {
    for (flag, said, own) in
        [("vip", "", 5), ("vip", "<pri>7</pri>", 7), ("special", "<pri>4</pri>", 9)]
    {
        let mut house = house(60);
        subscribers(&mut house, &[&[("number", "1001"), ("flag", flag)]]);
        report(&mut house, scaip::TYPE, &mrq("a1", &format!("<dty>3</dty>{said}")));
        assert_eq!(shown(&mut house)[0].priority, own, "{flag} {said}");
    }
}

/// R12: whoever is in need presses as often as that takes.
#[test]
fn who_presses_again_and_again_is_not_locked_out() {
    let sections = format!("[guard]\ncalls = 3\n{VOICE}");
    let mut house = House::with_sections(VOICE_PLAN, &sections, 61);
    let caller = house.caller;
    let number = house.world.phone(caller).setup().number.clone();
    subscribers(&mut house, &[&[("number", &number)]]);
    for _ in 0..5 {
        house.world.with(caller, |phone, now| phone.call(now, "95081"));
        house.until_state(caller, State::Talking);
        house.world.with(caller, |phone, now| phone.hang_up(now));
        house.world.run(Duration::from_secs(2));
    }
    assert!(!care(&house).iter().any(|w| matches!(w, CareFact::GuardLocked { .. })));
    house.ends_clean();
}

/// R12: who calls again and again is refused; his alarm comes in, behind others, and is told.
#[test]
fn a_locked_subscribers_alarm_still_comes_in() {
    let plan = format!(
        "{VOICE_PLAN}[[route]]\nname = \"office\"\ncontext = \"gateway\"\n\
        when = {{ to = \"4008\" }}\nsteps = [{{ answer = {{}} }}, {{ wait = \"1 s\" }}]\n"
    );
    let sections = format!("[guard]\ncalls = 3\n{VOICE}");
    let mut house = House::with_sections(&plan, &sections, 34);
    let caller = house.caller;
    let number = house.world.phone(caller).setup().number.clone();
    subscribers(&mut house, &[&[("number", &number)]]);
    for _ in 0..3 {
        house.world.with(caller, |phone, now| phone.call(now, "4008"));
        house.until_state(caller, State::Talking);
        house.world.run(Duration::from_secs(10));
    }
    assert!(care(&house).iter().any(|w| matches!(w, CareFact::GuardLocked { until: Some(_), .. })));
    house.world.with(caller, |phone, now| phone.call(now, "4008"));
    house.until_state(caller, State::Ended(603));
    house.world.with(caller, |phone, now| phone.call(now, "95081"));
    house.until_state(caller, State::Talking);
    let entered = house.facts("queue").into_iter().find_map(|fact| match fact {
        FactKind::Queue { what: QueueFact::Entered { priority, .. }, .. } => Some(*priority),
        _ => None,
    });
    assert_eq!(entered, Some(0), "behind others, but in");
    assert!(care(&house).iter().any(|w| matches!(w, CareFact::LockedAlarm { .. })));
    house.world.with(caller, |phone, now| phone.hang_up(now));
    house.world.run(Duration::from_secs(5));
    let lift = Request::Guard(GuardOrder::Lift(number), String::new());
    assert!(matches!(house.world.ask(lift), Some(Reply::Done(_))));
    house.world.with(caller, |phone, now| phone.call(now, "4008"));
    house.until_state(caller, State::Talking);
    house.world.run(Duration::from_secs(5));
    house.ends_clean();
}

/// As the records of before a start have it.
/// R12: who is locked out waits behind others after a restart as before it, and who is let in again does not.
#[test]
fn a_lift_takes_the_open_case_ahead_again_and_a_restart_does_not() {
    let mut house = House::before_the_records(CALLS_PLAN, CALLS, 63);
    house.world.ask(Request::Status);
    let until = Lock { since: Wall(0), until: None, why: "x".into(), by: "li".into() };
    let unit = house.caller;
    let number = house.world.phone(unit).setup().number.clone();
    let guard = KeptGuard { locks: vec![(number.clone(), until)], ..KeptGuard::default() };
    let case = Case::kept(0, number.clone());
    let kept = KeptCases { cases: vec![(case, false)], guard, ..KeptCases::default() };
    house.world.input(Input::Cases(kept));
    let none = Update { all: true, ..Update::default() };
    house.world.input(Input::Subscribers(Box::new(none)));
    let entered = |house: &House| -> Vec<i32> {
        let all = house.facts("queue").into_iter();
        let of = |fact: &FactKind| match fact {
            FactKind::Queue { what: QueueFact::Entered { priority, .. }, .. } => Some(*priority),
            _ => None,
        };
        all.filter_map(of).collect()
    };
    let calls = |house: &mut House| {
        house.world.with(unit, |phone, now| phone.call(now, "95081"));
        house.until_state(unit, State::Talking);
        house.world.with(unit, |phone, now| phone.hang_up(now));
        house.world.run(Duration::from_secs(2));
    };
    calls(&mut house);
    let before = entered(&house);
    assert_eq!(before.last(), Some(&0), "{before:?}");
    let lift = Request::Guard(GuardOrder::Lift(number), String::new());
    assert!(matches!(house.world.ask(lift), Some(Reply::Done(_))));
    calls(&mut house);
    let after = entered(&house);
    assert!(after.last().is_some_and(|own| *own > 0), "{after:?}");
}

fn silent_since(account: &str, since: Wall) -> Troubled {
    Troubled {
        account: account.to_owned(),
        trouble: Trouble::Silent,
        device: String::new(),
        device_type: String::new(),
        place: String::new(),
        since,
    }
}

fn stand(house: &mut House) -> Vec<(String, String, String)> {
    match house.world.ask(Request::Cases) {
        Some(Reply::Cases { troubles, .. }) => {
            troubles.into_iter().map(|own| (own.account, own.trouble, own.device)).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// Whoever mistypes a unit's password would lose each of its alarms unseen: it is in the technical list, once an hour, until the
/// unit logs in. A number that is nobody's is not.
#[test]
fn an_alarm_with_a_wrong_password_is_a_notice() {
    let mut house = house(41);
    let mut setup = house.world.phone(house.phones[1]).setup().clone();
    (setup.sip, setup.rtp) = belfry::sim::world::World::addresses(60);
    setup.password = Some("mistyped".into());
    let unit = house.world.add(setup.clone(), belfry::base::Rng::from_seed(60));
    (setup.sip, setup.rtp) = belfry::sim::world::World::addresses(61);
    setup.number = "7777".into();
    let stranger = house.world.add(setup, belfry::base::Rng::from_seed(61));
    let began = |house: &House| {
        let is = |what: &&&CareFact| {
            matches!(what, CareFact::Reported { meaning: Meaning::Began(Trouble::Login), .. })
        };
        care(house).iter().filter(is).count()
    };
    for _ in 0..3 {
        let text = "<mrq><ref>a1</ref><cid>1002</cid><dty>3</dty></mrq>";
        for who in [unit, stranger] {
            house.world.with(who, |phone, now| phone.write_as(now, "900", scaip::TYPE, text));
        }
        house.world.run(Duration::from_secs(60));
    }
    let login = ("1002".to_owned(), "login".to_owned(), String::new());
    assert_eq!(stand(&mut house), [login], "{:#?}", house.world.warnings);
    assert_eq!(began(&house), 1);
    house.world.run(Duration::from_secs(3_600));
    house.world.with(unit, |phone, now| phone.call(now, "900"));
    house.world.run(Duration::from_secs(60));
    assert_eq!(began(&house), 2, "once an hour; a call is an alarm as well");
    house.register(1);
    assert_eq!(stand(&mut house), []);
}

/// The pendant in the bathroom is still low when the controller's battery is well again.
#[test]
fn a_trouble_is_one_devices() {
    let mut house = house(42);
    let says = |house: &mut House, n: u32, tags: &str| {
        report(house, scaip::TYPE, &mrq(&format!("t{n}"), tags));
    };
    says(&mut house, 1, "<stc>16</stc><dty>3</dty><did>0001</did><lco>11</lco>");
    says(&mut house, 2, "<stc>16</stc><dty>45</dty>");
    says(&mut house, 3, "<stc>23</stc>");
    says(&mut house, 4, "<stc>15</stc><dty>45</dty>");
    says(&mut house, 5, "<stc>113</stc>");
    let left: Vec<(String, String)> =
        stand(&mut house).into_iter().map(|(_, what, device)| (what, device)).collect();
    let own = |what: &str, device: &str| (what.to_owned(), device.to_owned());
    assert_eq!(left, [own("battery", "0001"), own("ip", "")]);
    // The pendant was replaced: a person says so, for it will not.
    let over = |trouble: &str, device: &str| {
        let own = ["1001", trouble, device].map(str::to_owned);
        Request::TroubleOver(own, "anna".into())
    };
    assert!(matches!(house.world.ask(over("battery", "")), Some(Reply::Refused(_))));
    assert!(matches!(house.world.ask(over("battery", "0001")), Some(Reply::Done(_))));
    assert_eq!(stand(&mut house).len(), 1);
}
