//! One busy hour in virtual time: 900 calls over a trunk of two E1 gateways that write as AudioCodes'
//! Mediant does, one of which dies in mid-hour and heals.
//!
//! ```text
//!  exchange (200 channels) ──600 calls──▶ Belfry ──trunk pstn──▶ e1-b, e1-c (30 channels each)
//!                                         Belfry ◀──300 calls─── e1-b, e1-c
//! ```
//!
//! Judged from outside: what each gateway counts, what the exchange is told, what is left at the end.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::wire::q850::cause_of;

const HOUR: u64 = 3_600_000;
const CALLS: u64 = 900;
const CHANNELS: usize = 30;
/// e1-b answers nothing from here to there, ms; what it had is lost.
const DEAD: core::ops::Range<u64> = 1_800_000..2_400_000;

const CONFIG: &str = "[[trunk]]\nname = \"pstn\"\ngateways = [\"e1-b\", \"e1-c\"]\n\
                      [limits]\ncalls = 500\ncalls_per_second = 50\n";

/// How the network refuses, one call in three: status and cause; the last leads on to the next gateway.
const REFUSALS: [(u16, u8); 7] =
    [(486, 17), (404, 1), (480, 19), (403, 21), (410, 22), (502, 27), (503, 34)];

/// Something to do at a time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Todo {
    /// Somebody places a call.
    Call { at: &'static str },
    /// A gateway sends this response to the INVITE of that Call-ID.
    Answer { at: &'static str, call: String, status: u16, cause: u8 },
    /// Somebody hangs up.
    Bye { at: &'static str, call: String },
}

/// A call as the exchange or a gateway holds it.
struct Held {
    /// The INVITE, where Belfry sent it.
    invite: Option<Message>,
    /// From, To and Call-ID of the requests in it.
    head: String,
}

struct Hour {
    rig: Rig,
    rng: Rng,
    seen: usize,
    todo: BTreeSet<(u64, u64, Todo)>,
    count: u64,
    held: BTreeMap<(&'static str, String), Held>,
    /// Most calls at once.
    most: BTreeMap<&'static str, usize>,
    /// INVITEs of their own that they got, with the times.
    got: BTreeMap<&'static str, Vec<u64>>,
    /// By the caller's number: how the last gateway refused.
    refused: BTreeMap<String, (u16, u8)>,
    /// Refusals that were told as they should.
    told: BTreeMap<(u16, u8), u32>,
    answered: u32,
    placed: u32,
}

impl Hour {
    fn new(seed: u64) -> Hour {
        let mut rig = Rig::new(CONFIG);
        let mut config = config(CONFIG);
        for (gateway, channels) in config.gateways.iter_mut().zip([200, 30, 30]) {
            gateway.channels = channels;
            gateway.ping = Duration::from_secs(30);
        }
        rig.input(Input::Reload(Box::new(config), plan(TimeZone::UTC)));
        let mut hour = Hour {
            rig,
            rng: Rng::from_seed(seed),
            seen: 0,
            todo: BTreeSet::new(),
            count: 0,
            held: BTreeMap::new(),
            most: BTreeMap::new(),
            got: BTreeMap::new(),
            refused: BTreeMap::new(),
            told: BTreeMap::new(),
            answered: 0,
            placed: 0,
        };
        for n in 0..CALLS {
            let at = match n % 6 {
                0..4 => A,
                4 => B,
                _ => C,
            };
            let when = hour.rng.below(HOUR);
            hour.at(when, Todo::Call { at });
        }
        hour
    }

    fn at(&mut self, ms: u64, todo: Todo) {
        self.count += 1;
        self.todo.insert((ms, self.count, todo));
    }
    fn now(&self) -> u64 {
        self.rig.now.as_millis()
    }
    fn after(&mut self, ms: u64, todo: Todo) {
        self.at(self.now() + ms, todo);
    }
    fn is_dead(&self, at: &str) -> bool {
        at == B && DEAD.contains(&self.now())
    }
    fn calls_of(&self, at: &str) -> usize {
        self.held.keys().filter(|(whose, _)| *whose == at).count()
    }
    fn hold(&mut self, at: &'static str, call: String, held: Held) {
        self.held.insert((at, call), held);
        let now = self.calls_of(at);
        let most = self.most.entry(at).or_default();
        *most = now.max(*most);
    }

    /// Until nothing is left to be done.
    fn run(&mut self) {
        let mut died = false;
        loop {
            let todo = self.todo.first().map(|(at, ..)| Time::from_millis(*at));
            let wake = self.rig.switch.next_wake();
            let Some(next) = [todo, wake].into_iter().flatten().min() else { return };
            // The pings go on for ever.
            if todo.is_none() && next > Time::from_millis(2 * HOUR) {
                return;
            }
            self.rig.now = next.max(self.rig.now);
            if !died && self.now() >= DEAD.start {
                died = true;
                self.held.retain(|(at, _), _| *at != B);
            }
            if wake.is_some_and(|wake| wake <= self.rig.now) {
                self.rig.input(Input::Wake);
            }
            while let Some(due) = self.todo.first().filter(|(at, ..)| *at <= self.now()).cloned() {
                self.todo.remove(&due);
                self.act(due.2);
                self.hear();
            }
            self.hear();
        }
    }

    fn act(&mut self, todo: Todo) {
        match todo {
            Todo::Call { at } => self.call(at),
            Todo::Answer { at, call, status, cause } => self.answer(at, &call, status, cause),
            Todo::Bye { at, call } => {
                let Some(held) = self.held.remove(&(at, call.clone())) else { return };
                let bye = format!(
                    "BYE sip:10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKacB{call}\r\n\
                     {}CSeq: 7 BYE\r\nMax-Forwards: 70\r\nSupported: em,timer,replaces,path\r\n\
                     X-RTP-Stat: PS=207;OS=49680;;PR=314;OR=50240;PL=0;JI=600;LA=40\r\n\
                     Reason: Q.850 ;cause=16 ;text=\"local\"\r\nContent-Length: 0\r\n\r\n",
                    held.head
                );
                self.rig.receive(at, &bye);
            }
        }
    }

    /// A gateway places no call when its own channels are in use, nor while it is dead.
    fn call(&mut self, at: &'static str) {
        if self.is_dead(at) || at != A && self.calls_of(at) >= CHANNELS {
            return;
        }
        self.placed += 1;
        let n = 1_000 + self.placed;
        let to = if at == A { "3" } else { "2" };
        let host = at.split(':').next().unwrap_or_default();
        let (call, tag) = (format!("{n}ac@{host}"), format!("1c{n}"));
        let head = format!("From: <sip:{n}@{host};user=phone>;tag={tag}\r\nCall-ID: {call}\r\n");
        let sdp = format!(
            "v=0\r\no=AudiocodesGW 18132 74003 IN IP4 {host}\r\ns=Phone-Call\r\nc=IN IP4 {host}\r\n\
             t=0 0\r\nm=audio 4000 RTP/AVP 8 96\r\na=rtpmap:8 pcma/8000\r\na=ptime:20\r\n\
             a=sendrecv\r\na=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\n"
        );
        let invite = format!(
            "INVITE sip:{to}@10.0.0.1;user=phone SIP/2.0\r\n\
             Via: SIP/2.0/UDP {at};branch=z9hG4bKac{n}\r\nMax-Forwards: 70\r\n{head}\
             To: <sip:{to}@10.0.0.1;user=phone>\r\nCSeq: 1 INVITE\r\nContact: <sip:{n}@{at}>\r\n\
             Supported: 100rel,em\r\n\
             Allow: REGISTER,OPTIONS,INVITE,ACK,CANCEL,BYE,NOTIFY,PRACK,REFER,INFO\r\n\
             User-Agent: Audiocodes-Sip-Gateway/Mediant 2000/v.5.40.010.006\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        );
        self.hold(at, call, Held { invite: None, head });
        self.rig.receive(at, &invite);
    }

    /// A gateway answers an INVITE of Belfry's.
    fn answer(&mut self, at: &'static str, call: &str, status: u16, cause: u8) {
        if self.is_dead(at) {
            return;
        }
        let key = (at, call.to_owned());
        let Some(invite) = self.held.get(&key).and_then(|held| held.invite.clone()) else { return };
        let more = match status {
            180 => "Contact: <sip:10.0.0.9>\r\n".to_owned(),
            200 => {
                self.answered += 1;
                let talk = 1_000 + self.rng.below(800_000);
                self.after(talk, Todo::Bye { at, call: call.to_owned() });
                String::new()
            }
            _ => {
                self.held.remove(&key);
                let from = user_of(&invite);
                self.refused.insert(from, (status, cause));
                format!("Reason: Q.850 ;cause={cause} ;text=\"local\"\r\n")
            }
        };
        if status == 200 {
            return self.rig.accept(at, &invite);
        }
        self.rig.answer(at, &invite, status, &more);
    }

    /// What Belfry has sent since, each to whom it is for.
    fn hear(&mut self) {
        while let Some((at, message)) = self.rig.sent.get(self.seen).cloned() {
            self.seen += 1;
            let Some(at) = [A, B, C].into_iter().find(|own| *own == at) else { continue };
            if self.is_dead(at) {
                continue;
            }
            match message.status() {
                Some(status) => self.response(at, &message, status),
                None => self.request(at, &message),
            }
        }
    }

    fn request(&mut self, at: &'static str, request: &Message) {
        let call = text(request, Name::CallId);
        match request.method() {
            Method::Invite if !self.held.contains_key(&(at, call.clone())) => {
                let now = self.now();
                self.got.entry(at).or_default().push(now);
                let head = format!(
                    "From: {};tag=gw\r\nTo: {}\r\nCall-ID: {call}\r\n",
                    text(request, Name::To),
                    text(request, Name::From)
                );
                let invite = Some(request.clone());
                self.hold(at, call.clone(), Held { invite, head });
                self.rig.answer(at, request, 100, "");
                let refuses = self.rng.below(3) == 0;
                let (status, cause) = REFUSALS[self.rng.below(7) as usize];
                if refuses {
                    return self.after(2_000, Todo::Answer { at, call, status, cause });
                }
                let alert = Todo::Answer { at, call: call.clone(), status: 180, cause: 0 };
                self.after(1_000, alert);
                self.after(6_000, Todo::Answer { at, call, status: 200, cause: 0 });
            }
            Method::Bye | Method::Cancel => {
                let held = self.held.remove(&(at, call));
                self.rig.answer(at, request, 200, "");
                if let (Method::Cancel, Some(invite)) =
                    (request.method(), held.and_then(|held| held.invite))
                {
                    self.rig.answer(at, &invite, 487, "");
                }
            }
            Method::Options => self.rig.answer(at, request, 200, ""),
            _ => {}
        }
    }

    fn response(&mut self, at: &'static str, response: &Message, status: u16) {
        let call = text(response, Name::CallId);
        let to = text(response, Name::To);
        if status < 200 || !text(response, Name::CSeq).ends_with("INVITE") {
            return;
        }
        let Some(held) = self.held.get_mut(&(at, call.clone())) else { return };
        if !held.head.contains("\r\nTo: ") {
            held.head.push_str(&format!("To: {to}\r\n"));
        }
        let (head, via) = (held.head.clone(), text(response, Name::Via));
        let ack = format!(
            "ACK sip:10.0.0.1 SIP/2.0\r\nVia: {via}\r\n{head}CSeq: 1 ACK\r\nMax-Forwards: 70\r\n\
             Content-Length: 0\r\n\r\n"
        );
        self.rig.receive(at, &ack);
        if status == 200 {
            let talk = 1_000 + self.rng.below(600_000);
            return self.after(talk, Todo::Bye { at, call });
        }
        self.held.remove(&(at, call));
        let cause = cause_of(response).map_or(0, |cause| cause.value());
        let expected = self.refused.get(&user_of(response)).copied();
        // The network's refusal as it was said, or ours when no gateway was left, or when one died while
        // the called party rang.
        let own = [(503, 34), (503, 38), (480, 19)];
        let ours = own.contains(&(status, cause)) && expected.is_none();
        assert!(expected == Some((status, cause)) || ours, "{status} {cause}: {expected:?}");
        *self.told.entry((status, cause)).or_default() += 1;
    }
}

fn text(message: &Message, name: Name) -> String {
    String::from_utf8_lossy(message.header(name).unwrap_or_default()).into_owned()
}
/// The number of its From.
fn user_of(message: &Message) -> String {
    let from = text(message, Name::From);
    from.split("sip:").nth(1).and_then(|rest| rest.split('@').next()).unwrap_or_default().to_owned()
}

#[test]
fn nine_hundred_calls_in_an_hour_in_whose_middle_a_gateway_dies() {
    let mut hour = Hour::new(14);
    hour.run();
    assert!((800..=900).contains(&hour.placed), "{}", hour.placed);
    // Never over thirty, though there was more to carry than one gateway has.
    assert_eq!((hour.most[B], hour.most[C] <= CHANNELS), (CHANNELS, true), "{:?}", hour.most);
    // In order: the second takes what the first has no channel for, and all while it is dead.
    let between = |at: &str, range: core::ops::Range<u64>| {
        hour.got[at].iter().filter(|ms| range.contains(ms)).count()
    };
    let (second, third) = (between(B, 0..HOUR / 2), between(C, 0..HOUR / 2));
    assert!(second > 150 && third > 5, "{second} {third}");
    assert_eq!(between(B, DEAD), 0);
    assert!(between(C, DEAD) > 50, "{}", between(C, DEAD));
    assert!(between(B, DEAD.end..DEAD.end + 120_000) > 0, "back within two minutes");
    // Each cause came through, congestion only where both gateways had it.
    for refusal in REFUSALS {
        assert!(hour.told.get(&refusal).is_some_and(|n| *n > 0), "{refusal:?}: {:?}", hour.told);
    }
    assert!(hour.told[&(503, 34)] < hour.told[&(486, 17)], "{:?}", hour.told);
    assert!(hour.answered > 250, "{}", hour.answered);
    let turns = |name| hour.rig.facts(name).len();
    assert_eq!(
        (turns("gateway_down"), turns("gateway_up")),
        (1, 4),
        "three that came up, one back"
    );
    // Nothing is left.
    assert!(hour.rig.switch.gateways.iter().all(|gateway| gateway.busy == 0));
    assert_eq!((hour.rig.switch.calls.len(), hour.rig.switch.legs.len()), (0, 0));
    assert_eq!(hour.rig.facts("call_began").len(), hour.rig.facts("call_ended").len());
}
