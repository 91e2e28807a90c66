//! An agent's mobile as the extension 1005 (R7): rung by the gateway, confirmed by a key, joined.

use belfry::access::rights::{Rights, Role};
use belfry::base::{CallId, Duration, Rng, Wall};
use belfry::sim::phone::{Manner, State};
use belfry::sim::world::World;
use belfry::switch::calling_back::KeptBack;
use belfry::switch::cti::{Order, Wish};
use belfry::switch::fact::{FactKind, Party, QueueFact};
use belfry::switch::{Input, Reply, Request};

use super::house::{CALLER_HZ, House, channels, hz, sine, tone_of};

/// What the question whether the call is taken sounds like here, and the word that it has gone.
const QUESTION_HZ: f64 = 620.0;
const GONE_HZ: f64 = 710.0;
/// The mobile's voice.
const MOBILE_HZ: f64 = 2_200.0;
const MOBILE: &str = "13900139000";

const PLAN: &str = r#"
[[route]]
name = "line"
context = "gateway"
when = { to = "4008001234" }
steps = [{ dial = { phones = ["1005"], timeout = 10, record = true, on = { no-answer = [{ dial = "1002" }] } } }]
[[route]]
name = "inside"
context = "agents"
when = { to = "100X" }
steps = [{ dial = { phones = ["${to}"], timeout = 10 } }]
"#;

/// A second gateway, behind which the mobile is; and phones 1001 to 1004, of whom 1002 and 1003 are there.
struct Mobile {
    house: House,
    mobile: usize,
}

fn with(seed: u64, keys: &str, manner: Manner) -> Mobile {
    let (gateway, rtp) = World::addresses(40);
    let sections = format!(
        "[[gateway]]\nname = \"gsm\"\naddress = \"udp:{gateway}\"\nchannels = 1\nping = \"0 s\"\n\
         [[trunk]]\nname = \"all\"\ngateways = [\"e1-a\", \"gsm\"]\n\
         [[phone]]\nnumber = \"1005\"\nmobile = \"{MOBILE}\"\nlanguage = \"en\"\n{keys}"
    );
    let mut house = House::with_sections(PLAN, &sections, seed);
    for (clip, hz) in [("en/agent/take-call", QUESTION_HZ), ("en/agent/call-gone", GONE_HZ)] {
        house.world.clip(clip, sine(hz).repeat(if hz == QUESTION_HZ { 4 } else { 1 }));
    }
    let mut setup = house.world.phone(house.caller).setup().clone();
    (setup.sip, setup.rtp, setup.hz, setup.manner) = (gateway, rtp, MOBILE_HZ, manner);
    setup.number = MOBILE.into();
    let mobile = house.world.add(setup, Rng::from_seed(seed));
    for n in [1, 2] {
        house.register(n);
    }
    Mobile { house, mobile }
}

impl Mobile {
    fn called(seed: u64) -> Mobile {
        let mut this = with(seed, "mobile_trunk = \"gsm\"\n", soon());
        this.call();
        this.house.until_state(this.mobile, State::Talking);
        this
    }
    fn call(&mut self) {
        let caller = self.house.caller;
        self.house.world.with(caller, |phone, now| phone.call(now, "4008001234"));
    }
    fn hears(&mut self) -> Option<f64> {
        self.house.hears(self.mobile, &[QUESTION_HZ, GONE_HZ, CALLER_HZ, hz(1)])
    }
    /// Until the mobile says no more, and then nothing is left.
    fn ends(mut self) -> House {
        self.house.ends_clean();
        assert_eq!(self.house.world.phone(self.mobile).in_being(), 0);
        self.house
    }
}

fn soon() -> Manner {
    Manner::AnswerAfter(Duration::from_millis(500))
}

#[test]
fn whoever_presses_one_has_the_call() {
    let mut this = Mobile::called(1);
    let (caller, mobile) = (this.house.caller, this.mobile);
    assert_eq!(this.hears(), Some(QUESTION_HZ));
    assert_ne!(this.house.state(caller), State::Talking, "it still rings to the caller");
    // Another key is no answer.
    this.house.press(mobile, '5');
    this.house.world.run(Duration::from_secs(1));
    assert_ne!(this.house.state(caller), State::Talking);
    this.house.press(mobile, '1');
    this.house.until_state(caller, State::Talking);
    this.house.hear_each_other(caller, mobile);
    // Its feature codes are an agent's: the caller goes to 1003, and comes back from nowhere.
    for key in "*11003#".chars() {
        this.house.press(mobile, key);
    }
    let third = this.house.phones[2];
    this.house.until_state(third, State::Talking);
    this.house.hear_each_other(caller, third);
    assert!(matches!(this.house.state(mobile), State::Ended(_)));
    this.house.hang_up(caller);
    let house = this.ends();
    let began = house.facts("leg_began");
    let party = |kind: &FactKind| match kind {
        FactKind::LegBegan { party, .. } => party.clone(),
        _ => unreachable!(),
    };
    let mobile =
        Party::Mobile { number: "1005".into(), gateway: "gsm".into(), outside: MOBILE.into() };
    assert_eq!(party(began[1]), mobile);
    assert_eq!(house.facts("leg_asked").len(), 1);
    let recording = house.world.recordings.values().next().expect("recorded");
    let [left, right] = channels(recording);
    let tones = [CALLER_HZ, MOBILE_HZ, QUESTION_HZ];
    assert_eq!(tone_of(&left[4_000..8_000], &tones), Some(CALLER_HZ));
    assert_eq!(tone_of(&right[4_000..8_000], &tones), Some(MOBILE_HZ));
}

#[test]
fn a_voice_mail_that_answers_gets_nobody() {
    let mut this = Mobile::called(2);
    let (caller, next) = (this.house.caller, this.house.phones[1]);
    // It talks on; nobody presses anything, and the next target is rung.
    this.house.world.run(Duration::from_secs(15));
    assert_eq!(this.house.state(this.mobile), State::Talking);
    assert_ne!(this.house.state(caller), State::Talking);
    this.house.until_state(next, State::Talking);
    assert!(matches!(this.house.state(this.mobile), State::Ended(_)));
    this.house.hear_each_other(caller, next);
    this.house.hang_up(caller);
    let house = this.ends();
    assert_eq!((house.facts("leg_asked").len(), house.facts("leg_answered").len()), (1, 2));
    let ended = house.facts("leg_ended");
    assert!(ended.iter().any(|kind| matches!(kind, FactKind::LegEnded { cause: 19, .. })));
}

#[test]
fn a_mobile_that_hangs_up_on_the_question_has_not_answered() {
    let mut this = Mobile::called(3);
    let next = this.house.phones[1];
    this.house.hang_up(this.mobile);
    this.house.until_state(next, State::Talking);
    this.house.hang_up(this.house.caller);
    this.ends();
}

#[test]
fn a_caller_who_goes_during_the_question_leaves_a_word() {
    let mut this = Mobile::called(4);
    assert_eq!(this.hears(), Some(QUESTION_HZ));
    this.house.hang_up(this.house.caller);
    this.house.world.run(Duration::from_millis(200));
    this.house.world.with(this.mobile, |phone, _| phone.ear.forget());
    this.house.world.run(Duration::from_millis(800));
    let heard = this.house.world.phone(this.mobile).ear.samples().to_vec();
    assert_eq!(tone_of(&heard[1_000..5_000], &[QUESTION_HZ, GONE_HZ]), Some(GONE_HZ));
    // The key comes too late, and the word ends the call.
    this.house.press(this.mobile, '1');
    this.house.until_state(this.mobile, State::Ended(0));
    let house = this.ends();
    assert!(house.facts("leg_answered").is_empty() && house.facts("bridged").is_empty());
}

#[test]
fn a_caller_who_goes_while_it_rings_cancels_it() {
    let mut this = with(5, "mobile_trunk = \"gsm\"\n", Manner::Ring);
    this.call();
    this.house.until_state(this.mobile, State::Ringing);
    this.house.hang_up(this.house.caller);
    this.house.until_state(this.mobile, State::Ended(0));
    this.ends();
}

#[test]
fn the_phone_and_the_mobile_ring_together_and_the_phone_may_win() {
    let keys = "mobile_trunk = \"gsm\"\npassword = \"secret-5\"\n";
    let mut this = with(6, keys, soon());
    let mut setup = this.house.world.phone(this.house.phones[3]).setup().clone();
    (setup.sip, setup.rtp) = World::addresses(60);
    (setup.number, setup.password) = ("1005".into(), Some("secret-5".into()));
    setup.manner = Manner::AnswerAfter(Duration::from_secs(4));
    let desk = this.house.world.add(setup, Rng::from_seed(60));
    this.house.phones.push(desk);
    this.house.register(4);
    this.call();
    // The mobile answers first and is asked: it is no answer yet.
    this.house.until_state(this.mobile, State::Talking);
    this.house.until_state(desk, State::Talking);
    this.house.hear_each_other(this.house.caller, desk);
    this.house.until_state(this.mobile, State::Ended(0));
    this.house.hang_up(this.house.caller);
    this.ends();
}

#[test]
fn its_gateway_is_full_then_the_dial_goes_on() {
    let mut this = Mobile::called(7);
    // The one channel is taken: a second call finds nobody there.
    let third = this.house.phones[2];
    this.house.world.with(third, |phone, now| phone.call(now, "1005"));
    this.house.world.run(Duration::from_secs(1));
    assert!(
        matches!(this.house.state(third), State::Ended(500..)),
        "{:?}",
        this.house.state(third)
    );
    this.house.hang_up(this.house.caller);
    this.ends();
}

#[test]
fn a_call_from_the_mobile_is_the_phones_where_that_is_configured() {
    for (keys, to) in [("mobile_calls = true\n", "1003"), ("", "4008001234")] {
        let mut this = with(8, &format!("mobile_trunk = \"gsm\"\n{keys}"), soon());
        this.house.world.with(this.mobile, |phone, now| phone.call(now, "1003"));
        this.house.world.run(Duration::from_secs(3));
        let is_phone = to == "1003";
        assert_eq!(this.house.state(this.mobile) == State::Talking, is_phone);
        if is_phone {
            this.house.hear_each_other(this.mobile, this.house.phones[2]);
            this.house.hang_up(this.mobile);
        }
        this.ends();
    }
}

#[test]
fn it_goes_on_by_the_next_gateway_of_its_trunk() {
    let mut this = with(9, "mobile_trunk = \"all\"\n", soon());
    let mobile = this.mobile;
    let house = &mut this.house;
    let caller = house.caller;
    house.world.with(caller, |phone, _| phone.behave(Manner::Refuse(503)));
    // A phone of ours calls, so that the caller's gateway is free to refuse.
    let third = house.phones[2];
    house.world.with(third, |phone, now| phone.call(now, "1005"));
    house.until_state(mobile, State::Talking);
    house.press(mobile, '1');
    house.hear_each_other(third, mobile);
    house.hang_up(third);
    this.ends();
}

/// An agent whose phone 1005 is his mobile, and a caller of 13800138000 who is to be called back.
fn owes(seed: u64) -> Mobile {
    let keys = "mobile_trunk = \"gsm\"\n[[agent]]\nnumber = \"7001\"\npin = \"4711\"\n\
                [[queue]]\nname = \"care\"\nagents = [\"7001\"]\ncall_back = true\n\
                call_back_pause = \"10 min\"\nring = \"10 s\"\n";
    let mut this = with(seed, keys, soon());
    let back = KeptBack {
        call: CallId::new(Wall(1), 77),
        queue: "care".into(),
        from: "13800138000".into(),
        number: "1002".into(),
        priority: 0,
        entered: Wall(1_800_000_000_000 - 60_000),
        until: Wall(i64::MAX),
        failed: 0,
        tried: None,
    };
    this.house.world.input(Input::CallBacks(vec![back]));
    let to = Wish::LogOn { device: "1005".into(), pin: "4711".into() };
    let rights = Rights {
        name: "test".into(),
        roles: vec![Role::Admin],
        agent: None,
        phones: Vec::new(),
        masked: false,
    };
    let order = Order::SetAgent { agent: "7001".into(), to };
    assert!(matches!(this.house.world.ask(Request::Cti(rights, order)), Some(Reply::Cti(_))));
    this.house.until_state(this.mobile, State::Talking);
    this
}

fn backs(this: &mut Mobile) -> usize {
    match this.house.world.ask(Request::CallBacks) {
        Some(Reply::CallBacks(rows)) => rows.len(),
        other => panic!("{other:?}"),
    }
}

/// R7, R19: the voice mail of an agent's mobile takes no call-back: nobody is dialled for it, and it keeps its place.
#[test]
fn a_voice_mail_that_answers_takes_no_call_back() {
    let mut this = owes(10);
    let customer = this.house.phones[1];
    assert_eq!(this.hears(), Some(QUESTION_HZ));
    this.house.world.run(Duration::from_secs(22));
    assert!(matches!(this.house.state(this.mobile), State::Ended(_)), "it is let go");
    this.house.world.run(Duration::from_secs(8));
    assert_eq!(this.house.state(customer), State::Idle, "nobody dialled him");
    let words = super::queue::words(&this.house);
    assert_eq!(words, ["offered", "back_tried", "not_taken", "offered", "back_tried"]);
    let why = this.house.facts("queue").into_iter().find_map(|kind| match kind {
        FactKind::Queue { what: QueueFact::NotTaken { why, .. }, .. } => Some(why.clone()),
        _ => None,
    });
    assert_eq!(why.as_deref(), Some("no_answer"));
    assert_eq!(backs(&mut this), 1);
}

/// Who presses 1 has the call-back; a key after that dials at once.
#[test]
fn who_presses_one_calls_back() {
    let mut this = owes(11);
    let (mobile, customer) = (this.mobile, this.house.phones[1]);
    assert_eq!(this.hears(), Some(QUESTION_HZ));
    this.house.press(mobile, '1');
    this.house.world.run(Duration::from_millis(300));
    this.house.press(mobile, '5');
    this.house.until_state(customer, State::Talking);
    this.house.hear_each_other(mobile, customer);
    assert_eq!(backs(&mut this), 0);
    this.house.hang_up(customer);
    this.ends();
}
