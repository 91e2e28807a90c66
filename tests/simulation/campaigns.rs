//! Outbound campaigns (R19): 200 numbers with all that a network says, an agent who vanishes, a crash, the end of the
//! hours; a preview; a gateway that is down.

use std::collections::{BTreeMap, BTreeSet};

use belfry::access::rights::{Rights, Role};
use belfry::base::{Duration, Rng, Wall};
use belfry::dialplan::calendar::Civil;
use belfry::report::{Kind, Measure};
use belfry::sim::gateway::{Fate, Gateway};
use belfry::sim::phone::State;
use belfry::sim::world::{SIP, World};
use belfry::switch::campaigns::{Entry, Kept, State as Number, Status, Told};
use belfry::switch::console::{AgentOrder, CampaignOrder, CampaignRow, OfferRow};
use belfry::switch::cti::Order;
use belfry::switch::fact::{AgentFact, CampaignFact, FactKind};
use belfry::switch::{Input, Reply, Request};

use super::house::{House, SOON};
use super::queue::{code, sign_in};

const PLAN: &str = "[[route]]\nname = \"out\"\ncontext = \"agents\"\nwhen = { to = \"9(xxx.)\" }\n\
    steps = [{ dial = { gateway = \"pstn\", number = \"$1\", timeout = 10 } }]\n\
    [[route]]\nname = \"line\"\ncontext = \"gateway\"\nwhen = { to = \"800\" }\n\
    steps = [{ queue = { name = \"sales\" } }]\n";

/// The last digit says what becomes of a call.
fn fate(number: &str) -> Fate {
    match number.as_bytes().last() {
        Some(b'1') => Fate::Refused(486, 17),
        Some(b'2') => Fate::Refused(404, 1),
        Some(b'3') => Fate::Refused(603, 21),
        // It rings for longer than anybody waits.
        Some(b'4') => Fate::Answered(Duration::from_secs(900), Duration::from_secs(1)),
        _ => Fate::Answered(Duration::from_secs(1), Duration::from_secs(4)),
    }
}

fn sections(more: &str) -> String {
    let at = World::addresses(200).0;
    let after = if more.contains("preview") { "20 s" } else { "0 s" };
    format!(
        "[[gateway]]\nname = \"pstn\"\naddress = \"udp:{at}\"\nchannels = 30\nping = \"0 s\"\n\
         [[agent]]\nnumber = \"7001\"\npin = \"4711\"\n[[agent]]\nnumber = \"7002\"\npin = \"4711\"\n\
         [[queue]]\nname = \"sales\"\nafter_call = \"{after}\"\nrecord = false\n\
         [[campaign]]\nname = \"spring\"\nqueue = \"sales\"\ntrunk = \"pstn\"\ncaller_id = \"4008001234\"\n\
         attempts = 2\npause_busy = \"30 s\"\npause_no_answer = \"40 s\"\npause_failed = \"30 s\"\nring = \"8 s\"\n\
         keep_free = 2\n{more}"
    )
}

fn rows(numbers: usize) -> Vec<Kept> {
    let entry = |n| Entry { number: format!("138{n:05}"), fields: format!("name: Wang {n}") };
    (0..numbers).map(|n| Kept::from(entry(n))).collect()
}

fn tell(house: &mut House, told: Told) {
    house.world.input(Input::Campaigns(Box::new(told)));
}

fn house(more: &str, rows: Vec<Kept>, seed: u64) -> House {
    let mut house = House::with_sections(PLAN, &sections(more), seed);
    let at = World::addresses(200).0;
    house.world.gateways.push(Gateway::new(at, SIP, fate, Rng::from_seed(seed)));
    sign_in(&mut house, 0, "7001");
    sign_in(&mut house, 1, "7002");
    tell(&mut house, Told::Rows("spring".into(), rows));
    house
}

fn starts(house: &mut House) {
    tell(house, Told::All);
    assert!(matches!(
        house.world.ask(Request::Campaign(CampaignOrder::Start("spring".into()), "li".into())),
        Some(Reply::Done(_))
    ));
}

fn row(house: &mut House) -> CampaignRow {
    match house.world.ask(Request::Campaign(CampaignOrder::List, String::new())) {
        Some(Reply::Campaigns(mut rows)) => rows.remove(0),
        other => panic!("{other:?}"),
    }
}

fn facts(house: &House) -> Vec<&CampaignFact> {
    let all = house.world.facts.iter().filter_map(|fact| match &fact.kind {
        FactKind::Campaign { what, .. } => Some(what),
        _ => None,
    });
    all.collect()
}

/// What the records hold.
fn kept(house: &House, mut rows: Vec<Kept>) -> Vec<Kept> {
    for fact in facts(house) {
        let of = |rows: &mut Vec<Kept>, number: &str, act: &dyn Fn(&mut Kept)| {
            act(rows.iter_mut().find(|row| row.number == number).expect("of the list"));
        };
        match fact {
            CampaignFact::Called { number, nth, .. } => of(&mut rows, number, &|row| {
                (row.state, row.tried, row.next) = (Number::Calling, *nth, None);
            }),
            CampaignFact::Over { number, counted, state, next, .. } => {
                of(&mut rows, number, &|row| {
                    (row.state, row.counted) = (Number::named(state).unwrap(), *counted);
                    row.next = next.map(Wall);
                });
            }
            _ => {}
        }
    }
    rows
}

fn outcomes(house: &House) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for fact in facts(house) {
        if let CampaignFact::Over { number, outcome, .. } = fact {
            all.entry(number.clone()).or_default().push(outcome.clone());
        }
    }
    all
}

#[test]
fn two_hundred_numbers_to_their_ends_over_a_crash() {
    let mut house = house("", rows(200), 1);
    // Nobody is called before the records are read, nor before somebody says so; no list is read anew before.
    house.world.run(Duration::from_secs(10));
    assert_eq!(house.world.gateways[0].came, 0);
    let reload = || Request::Campaign(CampaignOrder::Reload, String::new());
    let Some(Reply::Refused(why)) = house.world.ask(reload()) else { panic!("it is refused") };
    assert!(why.contains("not read yet"), "{why}");
    starts(&mut house);
    assert!(matches!(house.world.ask(reload()), Some(Reply::Done(_))));
    house.world.run(Duration::from_secs(240));
    assert!(house.world.gateways[0].most <= 2, "an agent for each customer");
    // One agent goes in the middle of it, and comes back.
    let goes = Request::AgentOrder("7002".into(), AgentOrder::SignOut);
    assert!(matches!(house.world.ask(goes), Some(Reply::Done(_))));
    house.world.run(Duration::from_secs(120));
    assert_eq!(house.world.gateways[0].most, 2);
    // The power fails.
    let before = kept(&house, rows(200));
    let dialled = |house: &House| {
        let own = facts(house).into_iter().filter_map(|fact| match fact {
            CampaignFact::Called { number, nth, .. } => Some((number.clone(), *nth)),
            _ => None,
        });
        own.collect::<Vec<_>>()
    };
    let mut attempts = dialled(&house);
    let mut ends = outcomes(&house);
    let mut house = self::house("", before, 2);
    tell(&mut house, Told::Status(vec![("spring".into(), Status::Running)]));
    tell(&mut house, Told::All);
    let over = |world: &mut World| {
        let asked = world.ask(Request::Campaign(CampaignOrder::List, String::new()));
        matches!(asked, Some(Reply::Campaigns(rows)) if rows[0].left == 0)
    };
    assert!(house.world.until(Duration::from_secs(3_600), over), "{:?}", row(&mut house));
    attempts.extend(dialled(&house));
    let once: BTreeSet<_> = attempts.iter().collect();
    assert_eq!(once.len(), attempts.len(), "no attempt is made twice");
    for (number, all) in outcomes(&house) {
        ends.entry(number).or_default().extend(all);
    }
    assert_eq!(ends.len(), 200);
    let own = row(&mut house);
    assert_eq!((own.numbers, own.calling, own.resting), (200, 0, 0));
    assert_eq!(own.done + own.failed, 200);
    for (number, all) in &ends {
        let all: Vec<&str> =
            all.iter().map(String::as_str).filter(|word| *word != "let_go").collect();
        let words: Vec<&str> = all.iter().copied().filter(|word| *word != "cut").collect();
        let cut = all.len() - words.len();
        let wanted: &[&str] = match number.as_bytes().last() {
            Some(b'1') => &["busy", "busy"],
            Some(b'2') => &["wrong_number"],
            Some(b'3') => &["declined", "declined"],
            Some(b'4') => &["no_answer", "no_answer"],
            _ => &["reached"],
        };
        assert!(all.len() <= 2 && (cut > 0 || words == wanted), "{number}: {all:?}");
    }
    // Each who was reached talked with an agent, and came into the queue once.
    let reached = ends.values().filter(|all| all.iter().any(|word| word == "reached")).count();
    assert!(reached >= 110, "{reached}");
    let unserved = ends.values().flatten().filter(|word| *word == "unserved").count();
    assert_eq!(unserved, 0, "nobody answers and hears nobody");
}

#[test]
fn a_customer_hears_the_agent_within_a_second_and_sees_the_campaigns_number() {
    let mut house = house("", rows(1), 3);
    starts(&mut house);
    let agent = house.phones[0];
    house.until_state(agent, State::Talking);
    house.world.run(Duration::from_millis(100));
    let at = |name: &str| {
        let own = house.world.facts.iter().find(|fact| fact.kind.name() == name);
        own.map(|fact| fact.wall.0).expect(name)
    };
    let (answered, bridged) = (at("queue"), at("bridged"));
    assert!(bridged - answered <= 1_000, "{} ms", bridged - answered);
    let began = house.facts("call_began").into_iter().find_map(|kind| match kind {
        FactKind::CallBegan { dialled, context, .. } if context == "campaign" => {
            Some(dialled.clone())
        }
        _ => None,
    });
    assert_eq!(began.as_deref(), Some("4008001234"));
    house.until_state(agent, State::Ended(0));
    assert_eq!(outcomes(&house)["13800000"], ["reached"]);
    house.ends_clean();
    // In its call it is the caller; of the gateway's channels it took one that Belfry seized.
    let trunk = house.figures(Kind::Trunk, "pstn");
    let ways = [Measure::CallsIn, Measure::CallsOut, Measure::CallsAnswered];
    assert_eq!(ways.map(|way| trunk.get(way)), [0, 1, 1]);
}

#[test]
fn a_caller_goes_before_a_customer_who_is_not_on_the_line_yet() {
    // Both ring for long: 4 at the end.
    let list: Vec<Kept> = rows(30).into_iter().filter(|row| row.number.ends_with('4')).collect();
    let mut house = house("", list, 4);
    starts(&mut house);
    house.world.run(Duration::from_secs(2));
    assert_eq!(row(&mut house).calling, 2);
    let caller = house.caller;
    house.world.with(caller, |phone, now| phone.call(now, "800"));
    house.until_state(caller, State::Talking);
    house.world.run(Duration::from_secs(1));
    assert!(outcomes(&house).values().any(|all| all == &["let_go"]), "{:?}", outcomes(&house));
    house.hang_up(caller);
    house.world.run(Duration::from_secs(3));
    assert_eq!(row(&mut house).calling, 2, "both agents are kept again");
}

#[test]
fn no_call_begins_outside_the_hours_or_by_a_gateway_that_is_down() {
    // The hours are over in two minutes, in Shanghai, whose time the sample plan keeps.
    let probe = house("", rows(1), 5);
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    let second = Civil::at(probe.world.facts[0].wall, &zone).second_of_day();
    let minute = second / 60 + 2;
    let text = |minute: u32| format!("{:02}:{:02}", minute / 60 % 24, minute % 60);
    let hours = format!("hours = [\"mon-sun {}-{}\"]\n", text(minute + 1_380), text(minute));
    let mut house = house(&hours, rows(200), 5);
    starts(&mut house);
    house.world.run(Duration::from_secs(40));
    let began = house.world.gateways[0].came;
    assert!(began > 2, "{began} of {:?}", row(&mut house));
    house.world.run(Duration::from_secs(150));
    let then = house.world.gateways[0].came;
    house.world.run(Duration::from_secs(600));
    let own = row(&mut house);
    assert_eq!((house.world.gateways[0].came, own.calling), (then, 0));
    assert!(own.left > 100 && own.status == "running" && !own.held, "{own:?}");

    let mut house = self::house("", rows(10), 6);
    let off = Request::GatewayOrder("pstn".into(), belfry::switch::console::GatewayOrder::Drain);
    house.world.ask(off);
    starts(&mut house);
    house.world.run(Duration::from_secs(30));
    let own = row(&mut house);
    assert!(own.held && own.calling == 0, "{own:?}");
    assert_eq!(house.world.gateways[0].came, 0);
    let on = Request::GatewayOrder("pstn".into(), belfry::switch::console::GatewayOrder::Up);
    house.world.ask(on);
    house.world.run(Duration::from_secs(10));
    assert!(house.world.gateways[0].came > 0);
}

fn offer(house: &mut House, agent: &str) -> Option<OfferRow> {
    match house.world.ask(Request::Campaign(CampaignOrder::Offer(agent.into()), String::new())) {
        Some(Reply::CampaignOffer(row)) => row,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_agent_is_shown_whom_he_is_to_call_and_dials_or_skips() {
    for by_program in [false, true] {
        shown_and_coded(by_program);
    }
}

fn shown_and_coded(by_program: bool) {
    let more = "kind = \"preview\"\nprefix = \"9\"\nagain = [\"2\"]\n";
    let mut house = house(more, rows(6), 7);
    starts(&mut house);
    house.world.run(Duration::from_secs(1));
    let own = offer(&mut house, "7001").expect("an entry");
    assert_eq!(own.fields[0].0, "name");
    let order = |house: &mut House, order| {
        match house.world.ask(Request::Campaign(order, "li".into())) {
            Some(Reply::Done(_)) => {}
            other => panic!("{other:?}"),
        }
        house.world.run(Duration::from_millis(200));
    };
    order(&mut house, CampaignOrder::Skip("7001".into()));
    let next = offer(&mut house, "7001").expect("another");
    assert_ne!(next.number, own.number);
    // Until one that is answered: by the numbers' last digits.
    let mut dialled = next;
    while dialled.number.ends_with(['1', '2', '3', '4']) {
        order(&mut house, CampaignOrder::Skip("7001".into()));
        dialled = offer(&mut house, "7001").expect("another");
    }
    order(&mut house, CampaignOrder::Take("7001".into()));
    let agent = house.phones[0];
    house.until_state(agent, State::Talking);
    let bridged = |world: &mut World| world.facts.iter().any(|f| f.kind.name() == "bridged");
    assert!(house.world.until(SOON, bridged), "his plan has dialled the customer");
    assert_eq!(offer(&mut house, "7001"), None);
    house.until_state(agent, State::Ended(0));
    assert_eq!(outcomes(&house)[&dialled.number], ["reached"]);
    let writes = |kind: &&FactKind| match kind {
        FactKind::Agent { agent, what: AgentFact::State { state, queue, .. } } => {
            agent == "7001" && state == "after_call" && queue.as_deref() == Some("sales")
        }
        _ => false,
    };
    assert_eq!(
        house.facts("agent").iter().copied().filter(writes).count(),
        1,
        "after-call work follows"
    );
    // The talk before it is handled, for the agent and for the queue.
    house.world.run(Duration::from_secs(25));
    let [agent, queue] = [(Kind::Agent, "7001"), (Kind::Queue, "sales")]
        .map(|(kind, name)| house.figures(kind, name));
    for own in [&agent, &queue] {
        assert_eq!(own.get(Measure::Previewed), 1);
        let talked = own.get(Measure::TalkMs);
        assert!((3_000..5_000).contains(&talked), "{talked}");
        assert_eq!(own.get(Measure::AfterMs), 20_000);
        let handling = belfry::report::figures::handling(own);
        assert_eq!((handling.part, handling.of), (talked + 20_000, 1));
    }
    assert_eq!(agent.get(Measure::TalkingMs), agent.get(Measure::TalkMs));
    let dialling = agent.get(Measure::RingingMs);
    assert!((500..5_000).contains(&dialling), "{dialling}");
    // Called again, by what the agent says of it.
    if by_program {
        let rights = Rights { roles: vec![Role::Admin], ..Rights::default() };
        let form = Order::WrapUp {
            agent: "7001".into(),
            code: "2".into(),
            text: "he is at work".into(),
            call: None,
            done: true,
        };
        let Some(Reply::Cti(_)) = house.world.ask(Request::Cti(rights, form)) else {
            panic!("it is taken")
        };
    } else {
        code(&mut house, 0, "*152");
    }
    let coded = facts(&house).into_iter().find_map(|fact| match fact {
        CampaignFact::Coded { number, code, state, .. } => {
            Some((number.clone(), code.clone(), state.clone()))
        }
        _ => None,
    });
    assert_eq!(coded, Some((dialled.number, "2".into(), "waiting".into())));
}
