//! The care line over a kill -9 (R10, R12): what was written down until then goes through the real store, and a new
//! exchange begins with what that has.

use belfry::base::{Duration, Wall};
use belfry::care::{Meaning, Protocol, Update};
use belfry::config::{Config, Dtmf};
use belfry::media::control::Codec;
use belfry::sim::network::Faults;
use belfry::sim::phone::State;
use belfry::sim::unit::keys;
use belfry::sim::world::World;
use belfry::store::{Records, Settings, Store};
use belfry::switch::care::KeptCases;
use belfry::switch::console::CaseRow;
use belfry::switch::fact::{CareFact, Fact, FactKind};
use belfry::switch::{Input, Reply, Request};
use belfry::wire::telecare::scaip;

use super::house::{self, House, SOON};

const PLAN: &str = "[[route]]\nname = \"bells\"\ncontext = \"gateway\"\nwhen = { to = [\"95081\", \"900\", \"4008\"] }\n\
    steps = [{ queue = { name = \"care\" } }]\n";
const SPEECH: &str = "A02010000471500010190740042#";
const BATTERY: &str = "A00010000471500010530000042#";

fn house(more: &str, seed: u64) -> House {
    let sections = format!(
        "[care]\nnumber = \"900\"\nbells = [\"95081\"]\ncall_out = 0\n{more}\
         [[agent]]\nnumber = \"7001\"\npin = \"4711\"\n\
         [[queue]]\nname = \"care\"\njoin = \"nobody\"\nstay = \"nobody\"\n"
    );
    let plan = house::plan(&[("house.toml".into(), PLAN.into())]);
    let (gateway, _) = World::addresses(100);
    let change = |config: &mut Config| {
        *config = house::config_with(4, &gateway.to_string(), &sections);
        config.gateways[0].dtmf = Some(Dtmf::InBand);
    };
    House::with_plan(plan, Faults::NONE, seed, [&[Codec::Pcma]; 4], change)
}

/// The records, to which facts come in their order.
struct Kept {
    dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    store: Store,
}

impl Kept {
    fn new() -> Kept {
        let dir = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(dir.path().join("journal"), dir.path().join("belfry.db"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let store = Store::open(settings).expect("it is new");
        Kept { dir, runtime: runtime.expect("threads"), store }
    }

    fn add(&self, facts: &[Fact]) {
        for fact in facts {
            self.store.journal().submit(fact.clone()).expect("there is room");
        }
        assert!(self.store.drain(core::time::Duration::from_secs(5)));
    }

    /// What a start is told. The exchange of a test counts its facts from none: what is from before has the number 0.
    fn told(&self) -> KeptCases {
        let database = self.dir.path().join("belfry.db");
        let kept = async { Records::open(&database).await.unwrap().kept_cases().await.unwrap() };
        let mut kept = self.runtime.block_on(kept);
        kept.cases.iter_mut().for_each(|(case, _)| case.id = 0);
        kept.receptions.iter_mut().for_each(|own| own.seq = 0);
        kept.heard.iter_mut().for_each(|own| own.case = own.case.map(|_| 0));
        kept
    }
}

fn starts_with(house: &mut House, kept: KeptCases) {
    house.world.input(Input::Cases(kept));
    let none = Update { all: true, put: vec![], ..Update::default() };
    house.world.input(Input::Subscribers(Box::new(none)));
}

fn cases(house: &mut House) -> Vec<CaseRow> {
    match house.world.ask(Request::Cases) {
        Some(Reply::Cases { cases, .. }) => cases,
        other => panic!("{other:?}"),
    }
}

fn care(facts: &[Fact]) -> impl Iterator<Item = &CareFact> {
    facts.iter().filter_map(|fact| match &fact.kind {
        FactKind::Care { what, .. } => Some(what),
        _ => None,
    })
}

/// A unit calls to say its alarm by keys and says this, if anything, when it was asked; all that was written down.
fn received(said: Option<&str>, seed: u64) -> Vec<Fact> {
    let mut house = house("[receiver]\ncalls = \"bs8521\"\n", seed);
    let unit = house.caller;
    house.world.with(unit, |phone, now| phone.call(now, "95081"));
    house.until_state(unit, State::Talking);
    house.world.run(Duration::from_millis(2_200));
    if let Some(said) = said {
        let samples = keys(said, 50, 50);
        house.world.with(unit, |phone, _| phone.say(&samples));
    }
    house.world.run(Duration::from_secs(12));
    house.world.facts.clone()
}

/// Killed after each fact of a reception: a case is open, or will be; but for what ended clean.
#[test]
fn a_call_that_was_being_asked_when_the_power_went_is_an_alarm() {
    for (said, seed, clean) in
        [(Some(SPEECH), 1, false), (None, 2, false), (Some(BATTERY), 3, true)]
    {
        let facts = received(said, seed);
        let of_care = |fact: &Fact| matches!(fact.kind, FactKind::Care { .. });
        let answered = |fact: &Fact| matches!(fact.kind, FactKind::LegAnswered { .. });
        let order = [facts.iter().position(of_care), facts.iter().position(answered)];
        assert!(order[0] < order[1], "written down before it is answered: {order:?}");
        let begun = care(&facts).position(|what| matches!(what, CareFact::ReceptionBegan { .. }));
        assert_eq!(begun, Some(0), "before anything else of the care line");
        let kept = Kept::new();
        let mut raised = Vec::new();
        let mut from = 0;
        // What a start is told changes with these alone.
        let is_care = |(_, fact): &(usize, &Fact)| matches!(fact.kind, FactKind::Care { .. });
        for (n, _) in facts.iter().enumerate().filter(is_care) {
            kept.add(&facts[from..=n]);
            from = n + 1;
            let told = kept.told();
            raised.push((told.receptions.len(), told.cases.len()));
            if !clean {
                assert_ne!(raised.last(), Some(&(0, 0)), "killed after fact {n}");
            }
        }
        let last = raised.last().copied();
        assert_eq!(last, Some((0, usize::from(!clean))), "in the end a case, or nothing");
        assert!(raised.contains(&(1, 0)), "it stands for an alarm meanwhile");
    }
}

/// After the start the call that broke off is a case which waits for a call, and is told of; the unit's next call is asked
/// anew, since its message was not confirmed.
#[test]
fn what_broke_off_is_looked_at_and_its_unit_is_asked_anew() {
    let facts = received(None, 4);
    let begun = |fact: &Fact| {
        matches!(fact.kind, FactKind::Care { what: CareFact::ReceptionBegan { .. }, .. })
    };
    let at = facts.iter().position(begun).expect("it was asked");
    let kept = Kept::new();
    kept.add(&facts[..=at]);
    let mut after = house("[receiver]\ncalls = \"bs8521\"\n", 5);
    starts_with(&mut after, kept.told());
    let rows = cases(&mut after);
    assert!(rows.len() == 1 && rows[0].awaited, "{rows:?}");
    let over = |what: &CareFact| matches!(what, CareFact::ReceptionOver { .. });
    assert!(care(&after.world.facts).any(over), "and it is not raised at the next start");
    let unit = after.caller;
    after.world.with(unit, |phone, now| phone.call(now, "95081"));
    after.until_state(unit, State::Talking);
    after.world.run(Duration::from_millis(2_200));
    let samples = keys(SPEECH, 50, 50);
    after.world.with(unit, |phone, _| phone.say(&samples));
    after.world.run(Duration::from_secs(8));
    let reports: Vec<Protocol> = care(&after.world.facts)
        .filter_map(|what| match what {
            CareFact::Reported { protocol, .. } => Some(*protocol),
            _ => None,
        })
        .collect();
    assert_eq!(reports, [Protocol::Voice, Protocol::Bs8521]);
    let rows = cases(&mut after);
    assert!(rows.len() == 1 && rows[0].call.is_some(), "one case, and its call waits: {rows:?}");
    after.hang_up(unit);
    after.world.run(SOON);
    after.ends_clean();
}

/// An alarm by MESSAGE, a kill, and the unit says it again, since it has not heard that it was taken: one alarm.
#[test]
fn a_repeat_after_a_restart_counts_once() {
    let mrq = "<mrq><ref>77</ref><cid>1001</cid><dty>3</dty><stc>10</stc><crd>sip:</crd></mrq>";
    let says = |house: &mut House| {
        let unit = house.phones[0];
        house.register(0);
        house.world.with(unit, |phone, now| phone.write_as(now, "900", scaip::TYPE, mrq));
        house.world.run(Duration::from_secs(1));
    };
    let mut before = house("", 6);
    says(&mut before);
    let kept = Kept::new();
    kept.add(&before.world.facts);
    let mut after = house("", 7);
    starts_with(&mut after, kept.told());
    says(&mut after);
    assert_eq!(cases(&mut after).iter().map(|row| row.alarms).collect::<Vec<_>>(), [1]);
    let repeats = care(&after.world.facts).filter_map(|what| match what {
        CareFact::Reported { repeat, meaning: Meaning::Alarm(_), .. } => Some(*repeat),
        _ => None,
    });
    assert_eq!(repeats.collect::<Vec<_>>(), [true]);
    // The records count as the exchange does; facts go on behind those of before.
    let behind = |fact: &Fact| {
        let seq = fact.seq + before.world.facts.len() as u64;
        Fact { seq, wall: Wall(fact.wall.0 + 10_000), ..fact.clone() }
    };
    let later: Vec<Fact> = after.world.facts.iter().map(behind).collect();
    kept.add(&later);
    assert_eq!(kept.told().cases.iter().map(|(case, _)| case.alarms).max(), Some(1));
}

/// Two calls of a number to another than the bells', a kill, and the third locks it out as if there had been none.
#[test]
fn the_guard_counts_over_a_restart() {
    let guard = "[guard]\ncalls = 3\nwithin = \"10 min\"\n";
    let calls = |house: &mut House| {
        let unit = house.caller;
        house.world.with(unit, |phone, now| phone.call(now, "4008"));
        house.world.run(Duration::from_secs(2));
        house.hang_up(unit);
        house.world.run(Duration::from_secs(2));
    };
    let locks = |house: &House| {
        care(&house.world.facts).filter(|what| matches!(what, CareFact::GuardLocked { .. })).count()
    };
    let mut before = house(guard, 8);
    calls(&mut before);
    calls(&mut before);
    let kept = Kept::new();
    kept.add(&before.world.facts);
    let mut after = house(guard, 9);
    starts_with(&mut after, kept.told());
    assert_eq!((locks(&before), locks(&after)), (0, 0));
    calls(&mut after);
    assert_eq!(locks(&after), 1);
    let mut fresh = house(guard, 10);
    calls(&mut fresh);
    assert_eq!(locks(&fresh), 0, "one call alone does not");
}
