//! A busy hour on two gateways of 30 channels, in virtual time: 900 calls out over their trunk, in waves
//! of 45 at once, a fifth of which the network refuses, each time for another cause. In mid-hour the
//! first gateway dies, and later it is back (R1).

use belfry::base::{Duration, Rng};
use belfry::config::Config;
use belfry::media::control::Codec;
use belfry::media::negotiate::Protection;
use belfry::sim::gateway::{Fate, Gateway};
use belfry::sim::network::Faults;
use belfry::sim::phone::{Manner, Setup, State};
use belfry::sim::world::{SIP, World};
use belfry::switch::fact::FactKind;

use super::house::{plan, sine};

const PHONES: u16 = 45;
const WAVES: usize = 20;
/// From wave to wave.
const PAUSE: Duration = Duration::from_secs(180);
/// Of the first gateway: the waves that find it dead.
const DEAD: std::ops::Range<usize> = 9..14;
const CHANNELS: usize = 30;

/// What the network says (AudioCodes' status, Q.850 cause), and what the caller is told (RFC 3398 §7.2.4.1).
const REFUSALS: [(u16, u8, u16); 18] = [
    (404, 1, 404),
    (404, 3, 404),
    (486, 17, 486),
    (408, 18, 408),
    (480, 19, 480),
    (403, 21, 403),
    (410, 22, 410),
    (502, 27, 502),
    (484, 28, 484),
    (501, 29, 501),
    (480, 31, 480),
    (503, 34, 503),
    (503, 38, 503),
    (503, 41, 503),
    (503, 42, 503),
    (501, 79, 501),
    (408, 102, 408),
    (500, 127, 500),
];

const PLAN: &str = r#"
[[route]]
name    = "out"
context = "agents"
when    = { to = "0(.)" }
steps   = [{ dial = { gateway = "e1", number = "$1", timeout = "30 s" } }]
"#;

fn config() -> Config {
    let mut text = String::from(
        "[node]\nname = \"sim\"\n[sip]\nlisten = [\"udp:10.0.0.1:5060\"]\ndomain = \"10.0.0.1\"\n\
         [media]\naddress = \"10.0.0.1\"\n[[trunk]]\nname = \"e1\"\ngateways = [\"e1-a\", \"e1-b\"]\n",
    );
    for (n, name) in ["e1-a", "e1-b"].iter().enumerate() {
        let at = World::addresses(200 + n as u16).0;
        text += &format!(
            "[[gateway]]\nname = \"{name}\"\naddress = \"udp:{at}\"\nchannels = {CHANNELS}\n"
        );
    }
    for n in 0..PHONES {
        text += &format!("[[phone]]\nnumber = \"{}\"\npassword = \"secret\"\n", 1000 + n);
    }
    Config::parse(&text).expect("the configuration is right").0
}

/// The number says it: status, cause, anything.
fn fate(number: &str) -> Fate {
    let part = |range| number.get(range).and_then(|part: &str| part.parse().ok());
    match (part(0..3), part(3..6)) {
        (Some(200), _) => Fate::Answered(Duration::from_secs(1), Duration::from_secs(6)),
        (Some(status), Some(cause)) => Fate::Refused(status, cause as u8),
        _ => Fate::Refused(404, 1),
    }
}

struct Hour {
    world: World,
    /// Answered by either gateway; refused by the network; without a free channel.
    answered: usize,
    refused: usize,
    full: usize,
}

impl Hour {
    fn new() -> Hour {
        let plan = plan(&[("busy.toml".into(), PLAN.into())]);
        let mut world = World::new(config(), plan, 256, Faults::NONE, 900);
        world.clip("music/default", sine(300.0));
        let mut rng = Rng::from_seed(901);
        for n in 0..PHONES {
            let (sip, rtp) = World::addresses(n + 1);
            let setup = Setup {
                sip,
                rtp,
                server: SIP,
                number: (1000 + n).to_string(),
                password: Some("secret".into()),
                hz: 440.0,
                codecs: vec![Codec::Pcma],
                srtp: Protection::Off,
                manner: Manner::Ring,
            };
            world.add(setup, rng.split());
        }
        for n in 0..2 {
            let at = World::addresses(200 + n).0;
            world.gateways.push(Gateway::new(at, SIP, fate, rng.split()));
        }
        Hour { world, answered: 0, refused: 0, full: 0 }
    }

    /// All phones call at once; every fifth is refused, for a cause that goes round.
    fn wave(&mut self, wave: usize) {
        let refusal = |n: usize| {
            (n % 5 == 4)
                .then(|| REFUSALS[(wave * usize::from(PHONES) / 5 + n / 5) % REFUSALS.len()])
        };
        let begun = self.world.now();
        for n in 0..usize::from(PHONES) {
            let (status, cause) = refusal(n).map_or((200, 0), |(status, cause, _)| (status, cause));
            let number = format!("0{status:03}{cause:03}");
            self.world.with(n, |phone, now| phone.call(now, &number));
            self.world.run(Duration::from_millis(20));
        }
        let over = |w: &mut World| {
            (0..usize::from(PHONES)).all(|n| matches!(w.phone(n).state, State::Ended(_)))
        };
        assert!(self.world.until(Duration::from_secs(60), over), "wave {wave} ends");
        for n in 0..usize::from(PHONES) {
            match (self.world.phone(n).state, refusal(n)) {
                (State::Ended(0), None) => self.answered += 1,
                // No channel is free: cause 34.
                (State::Ended(503), _) => self.full += 1,
                (State::Ended(told), Some((status, cause, wanted))) => {
                    assert_eq!(told, wanted, "for {status} with cause {cause}");
                    self.refused += 1;
                }
                (state, refusal) => panic!("wave {wave}, phone {n}: {state:?} for {refusal:?}"),
            }
        }
        let passed = self.world.now().since(begun);
        self.world.run(PAUSE.saturating_sub(passed));
    }

    fn came(&self) -> [u64; 2] {
        [0, 1].map(|n| self.world.gateways[n].came)
    }
}

#[test]
fn nine_hundred_calls_on_two_gateways_of_which_one_dies() {
    let mut hour = Hour::new();
    hour.world.run(Duration::from_secs(60));
    for wave in 0..WAVES {
        let before = hour.came();
        if wave == DEAD.start {
            // Since a minute before this wave: three pings without an answer have told by then.
            hour.world.gateways[0].die();
            hour.world.run(Duration::from_secs(60));
        }
        if wave == DEAD.end {
            hour.world.gateways[0].revive();
            hour.world.run(Duration::from_secs(60));
        }
        hour.wave(wave);
        let [first, second] = [0, 1].map(|n| hour.came()[n] - before[n]);
        if DEAD.contains(&wave) {
            assert!(first == 0 && second >= 30, "wave {wave}: {first} and {second}");
        } else {
            // The first until it is full, then the second.
            assert!(first >= 30 && second > 0, "wave {wave}: {first} and {second}");
        }
    }
    assert_eq!(hour.world.gateways.iter().map(|g| g.most).collect::<Vec<_>>(), [CHANNELS; 2]);
    assert_eq!(hour.answered + hour.refused + hour.full, 900);
    assert!(hour.answered >= 650 && hour.refused >= 100, "{} {}", hour.answered, hour.refused);
    let causes = hour.world.facts.iter().filter_map(|fact| match &fact.kind {
        FactKind::CallEnded { cause, .. } => Some(*cause),
        _ => None,
    });
    let causes: std::collections::BTreeSet<u8> = causes.collect();
    for (_, cause, _) in REFUSALS {
        assert!(causes.contains(&cause), "cause {cause} stands in no record: {causes:?}");
    }
    for name in ["gateway_down", "gateway_up"] {
        let told = hour.world.facts.iter().filter(|fact| fact.kind.name() == name).count();
        assert!(told >= 1, "{name} is told");
    }
    hour.world.run(Duration::from_secs(120));
    assert_eq!(hour.world.switch.in_being(), (0, 0, 0), "calls, legs, transactions left over");
    assert!(hour.world.plane_is_empty(), "media legs or ports left over");
}
