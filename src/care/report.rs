//! What a unit reported, whatever protocol it speaks, and what that means.
//!
//! Codes: SS 91100's `stc` and `dty`, BS 8521-1's `EEE` and `SS`. A code that stands in no table means
//! an alarm: a person looks at it.

use serde::{Deserialize, Serialize};

use crate::wire::telecare::bs8521;
use crate::wire::telecare::contact_id::{self, Qualifier};
use crate::wire::telecare::now_ip;
use crate::wire::telecare::scaip::{self, Destination, MessageType};

/// Characters of a text by which an unreadable report is known again.
const LONGEST_REFERENCE: usize = 200;

/// An enum whose variants have a word each: in facts, in the store, on the console.
macro_rules! named {
    ($(#[doc = $doc:literal])+ $Type:ident { $($Variant:ident = $word:literal: $what:literal,)* }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        pub enum $Type { $( #[doc = $what] #[serde(rename = $word)] $Variant, )* }
        impl $Type {
            /// Its word.
            pub fn as_str(self) -> &'static str {
                match self { $( $Type::$Variant => $word, )* }
            }
            /// The one that has this word.
            pub fn named(word: &str) -> Option<$Type> {
                match word { $( $word => Some($Type::$Variant), )* _ => None }
            }
        }
    };
}

named! {
    /// How the unit said it.
    Protocol {
        Scaip = "scaip": "SS 91100.",
        NowIp = "now_ip": "BS 8521-2.",
        Voice = "voice": "It calls, and says no more: known by its number.",
        Bs8521 = "bs8521": "BS 8521-1, in DTMF.",
        ContactId = "contact_id": "ANSI/SIA DC-05, in DTMF.",
        Unknown = "unknown": "What came to the care line's number and is none of these.",
        Centre = "centre": "No unit: the centre itself found that somebody is to be looked after.",
    }
}

named! {
    /// What help is wanted for.
    Need {
        Personal = "personal": "A bell was pressed.",
        Fall = "fall": "Somebody fell.",
        Fire = "fire": "Smoke or fire.",
        Gas = "gas": "Gas or carbon monoxide.",
        Intruder = "intruder": "Somebody broke in, or attacks.",
        Flood = "flood": "Water.",
        Inactivity = "inactivity": "Somebody has not moved, is not in bed, has left.",
        Medical = "medical": "Epilepsy, a pill not taken.",
        Temperature = "temperature": "Too hot, too cold.",
        CheckIn = "check_in": "Nobody has reported who had to.",
        Other = "other": "Something else: the code says what.",
    }
}

named! {
    /// What is wrong with a unit.
    Trouble {
        Battery = "battery": "Its battery is low or dead.",
        Mains = "mains": "It has no mains.",
        Path = "path": "One of its ways to the centre is lost, and it does not say which.",
        Ip = "ip": "Its way over the network (IP) is lost.",
        Mobile = "mobile": "Its way over the mobile network is lost.",
        Lost = "lost": "A device of it is not heard.",
        Tamper = "tamper": "Somebody opened it.",
        Fault = "fault": "It is out of order.",
        Login = "login": "It cannot log in, for its password is wrong: what it reports is refused.",
        Silent = "silent": "It has not reported for several times that it does so by itself.",
    }
}

impl Protocol {
    /// A unit spoke it: it tells how that one is to be spoken to.
    pub fn has_unit(self) -> bool {
        !matches!(self, Protocol::Voice | Protocol::Unknown | Protocol::Centre)
    }
}

impl Need {
    /// The gravest first; what says least of itself comes last. A case shows the gravest of its alarms.
    const BY_GRAVITY: [Need; 11] = [
        Need::Fire,
        Need::Gas,
        Need::Intruder,
        Need::Fall,
        Need::Medical,
        Need::Flood,
        Need::Inactivity,
        Need::Temperature,
        Need::Personal,
        Need::CheckIn,
        Need::Other,
    ];

    /// Those that are less grave.
    pub fn lesser(self) -> impl Iterator<Item = Need> {
        Need::BY_GRAVITY.into_iter().skip_while(move |own| *own != self).skip(1)
    }

    /// The graver of two, and the more exact.
    #[must_use]
    pub fn or_graver(self, other: Need) -> Need {
        if other.lesser().any(|own| own == self) { other } else { self }
    }
}

/// What a report means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "what", content = "of", rename_all = "snake_case")]
pub enum Meaning {
    /// Help is wanted.
    Alarm(Need),
    /// What was reported is said to be over: a person still asks.
    Cancelled,
    /// The unit lives: a heartbeat, a test.
    Alive,
    /// Something is wrong with the unit.
    Began(Trouble),
    /// It is well again.
    Over(Trouble),
    /// For information.
    Noted,
}

impl Meaning {
    /// The one that has these words.
    pub fn named(word: &str, of: &str) -> Option<Meaning> {
        Some(match word {
            "alarm" => Meaning::Alarm(Need::named(of)?),
            "cancelled" => Meaning::Cancelled,
            "alive" => Meaning::Alive,
            "began" => Meaning::Began(Trouble::named(of)?),
            "over" => Meaning::Over(Trouble::named(of)?),
            "noted" => Meaning::Noted,
            _ => return None,
        })
    }

    /// Its word, and that of what it is about; empty: nothing.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Meaning::Alarm(need) => ("alarm", need.as_str()),
            Meaning::Cancelled => ("cancelled", ""),
            Meaning::Alive => ("alive", ""),
            Meaning::Began(trouble) => ("began", trouble.as_str()),
            Meaning::Over(trouble) => ("over", trouble.as_str()),
            Meaning::Noted => ("noted", ""),
        }
    }
}

/// Who calls whom for speech.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Speech {
    /// Nobody.
    None,
    /// The unit calls; by telephone rather than by SIP?
    UnitCalls {
        /// Its line is a telephone's (`tel:`, `gsm:`).
        telephone: bool,
    },
    /// The unit waits to be called at this number or URI; empty: at its own.
    CallUnit(String),
}

/// A report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The controller's number: whose it is.
    pub account: String,
    /// Which device of it; empty: itself.
    pub device: String,
    /// What kind of device, in words; empty: the unit itself, or it does not say.
    pub device_type: String,
    /// How it was said.
    pub protocol: Protocol,
    /// What its repeats have in common.
    pub reference: String,
    /// What it means.
    pub meaning: Meaning,
    /// The code by which that was said.
    pub code: u16,
    /// 0 to 9, the higher the sooner.
    pub priority: u8,
    /// Who calls whom.
    pub speech: Speech,
    /// Where, as the unit says it; empty: it does not.
    pub place: String,
}

impl Report {
    /// A SCAIP message.
    pub fn scaip(request: &scaip::Request) -> Report {
        let meaning = scaip_meaning(request);
        let talks = matches!(meaning, Meaning::Alarm(_)) && !request.no_media;
        let speech = match (&request.destination, talks) {
            (Destination::NoVoice, _) | (_, false) => Speech::None,
            (Destination::Sip(whom) | Destination::Telephone(whom), true) if request.call_back => {
                Speech::CallUnit(whom.clone())
            }
            (Destination::Unsaid, true) if request.call_back => Speech::CallUnit(String::new()),
            (Destination::Telephone(_), true) => Speech::UnitCalls { telephone: true },
            (Destination::Sip(_) | Destination::Unsaid, true) => {
                Speech::UnitCalls { telephone: false }
            }
        };
        Report {
            account: request.controller.clone(),
            device: request.device.clone().unwrap_or_default(),
            device_type: scaip_device(request.device_type),
            protocol: Protocol::Scaip,
            reference: request.reference.clone(),
            meaning,
            code: request.status,
            priority: request.priority,
            speech,
            place: scaip_place(request),
        }
    }

    /// A call that is an alarm by itself; its repeats are calls of their own.
    pub fn voice(account: &str, reference: String, priority: u8) -> Report {
        Report {
            account: account.to_owned(),
            device: String::new(),
            device_type: String::new(),
            protocol: Protocol::Voice,
            reference,
            meaning: Meaning::Alarm(Need::Personal),
            code: 0,
            priority,
            speech: Speech::UnitCalls { telephone: true },
            place: String::new(),
        }
    }

    /// A Contact ID event; its keys are what its repeats have in common.
    pub fn contact_id(event: &contact_id::Event, keys: &str) -> Report {
        let meaning = contact_id_meaning(event.code, event.qualifier);
        // 100 to 102: a person; 606: the panel opens its microphone. Others hang up when they are confirmed.
        let talks = matches!((event.code, meaning), (606, _) | (100..=102, Meaning::Alarm(_)));
        Report {
            account: event.account.clone(),
            device: event.zone.clone(),
            device_type: String::new(),
            protocol: Protocol::ContactId,
            reference: keys.to_owned(),
            meaning,
            code: event.code,
            priority: 0,
            speech: if talks { Speech::UnitCalls { telephone: true } } else { Speech::None },
            place: format!("partition {}, zone {}", event.partition, event.zone),
        }
    }

    /// A BS 8521-1 alarm; its digits are what its repeats have in common.
    pub fn bs8521(alarm: &bs8521::Alarm, data: &str) -> Report {
        Report {
            account: alarm.controller.clone(),
            device: device(&alarm.unit),
            device_type: bs8521_device(alarm.event).to_owned(),
            protocol: Protocol::Bs8521,
            reference: data.to_owned(),
            meaning: bs8521_meaning(alarm),
            code: alarm.event,
            priority: alarm.priority,
            speech: bs8521_speech(alarm),
            place: bs8521_place(alarm.location).to_owned(),
        }
    }

    /// Whether somebody is to talk in the call by which it comes.
    pub fn talks(&self) -> bool {
        matches!(self.speech, Speech::UnitCalls { .. })
    }

    /// What cannot be read, of a unit that is known: an alarm, for nobody knows that it is none.
    /// Its repeats are known by how the text begins.
    pub fn unreadable(account: &str, protocol: Protocol, text: &str) -> Report {
        let reference = text.chars().take(LONGEST_REFERENCE).collect();
        Report {
            account: account.to_owned(),
            device: String::new(),
            device_type: String::new(),
            protocol,
            reference,
            meaning: Meaning::Alarm(Need::Other),
            code: 0,
            priority: 0,
            speech: Speech::UnitCalls { telephone: false },
            place: String::new(),
        }
    }

    /// How its account may be written in the records: as it stands; and BS 8521-1, which writes eight digits,
    /// puts zeros in front of a shorter one.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        let short = match self.protocol {
            Protocol::NowIp | Protocol::Bs8521 => self.account.trim_start_matches('0'),
            _ => "",
        };
        [self.account.as_str(), short].into_iter().filter(|account| !account.is_empty())
    }

    /// A NOW-IP message; `None`: it is an answer to one of ours.
    pub fn now_ip(message: &now_ip::Message) -> Option<Report> {
        Some(match &message.said {
            now_ip::Said::Answer(_) => return None,
            now_ip::Said::Heartbeat { controller, unit } => Report {
                account: controller.clone(),
                device: device(unit),
                device_type: String::new(),
                protocol: Protocol::NowIp,
                reference: message.data.clone(),
                meaning: Meaning::Alive,
                code: 0,
                priority: 0,
                speech: Speech::None,
                place: String::new(),
            },
            now_ip::Said::Alarm(alarm) => {
                Report { protocol: Protocol::NowIp, ..Report::bs8521(alarm, &message.data) }
            }
        })
    }
}

/// Unit 0 is the controller itself.
fn device(unit: &str) -> String {
    if unit.bytes().all(|b| b == b'0') { String::new() } else { unit.to_owned() }
}

/// `mty` and `stc`, and `dty` for what kind of alarm.
fn scaip_meaning(request: &scaip::Request) -> Meaning {
    use Trouble::*;
    if request.message_type == MessageType::Heartbeat {
        return Meaning::Alive;
    }
    let over = request.message_type == MessageType::Reset;
    let trouble = |trouble| if over { Meaning::Over(trouble) } else { Meaning::Began(trouble) };
    match request.status {
        14 | 16 => trouble(Battery),
        15 => Meaning::Over(Battery),
        85 => trouble(Mains),
        86 => Meaning::Over(Mains),
        23 => trouble(Ip),
        24 => trouble(Mobile),
        112 => Meaning::Over(Ip),
        113 => Meaning::Over(Mobile),
        42 | 67 => trouble(Fault),
        63 => trouble(Lost),
        70 => Meaning::Over(Fault),
        125 => trouble(Tamper),
        19 | 92 | 93 => Meaning::Cancelled,
        102 | 103 => Meaning::Alive,
        87 | 88 | 111 => Meaning::Noted,
        _ if over => Meaning::Cancelled,
        _ if request.message_type == MessageType::Information => Meaning::Noted,
        100 | 101 => Meaning::Alarm(Need::Temperature),
        _ => Meaning::Alarm(scaip_need(request.device_type)),
    }
}

/// `dty`.
fn scaip_need(device_type: Option<u16>) -> Need {
    match device_type {
        None | Some(1..=4 | 45 | 48 | 51) => Need::Personal,
        Some(5) => Need::Fall,
        Some(6 | 7 | 28) => Need::Intruder,
        Some(10 | 12 | 14 | 15) => Need::Inactivity,
        Some(11 | 17) => Need::Medical,
        Some(21 | 26) => Need::Gas,
        Some(23) => Need::Fire,
        Some(33) => Need::Flood,
        Some(_) => Need::Other,
    }
}

/// `dty` in words. The controller and the local unit are the unit itself.
fn scaip_device(device_type: Option<u16>) -> String {
    match device_type {
        None | Some(1 | 2 | 45 | 48) => "",
        Some(3) => "personal trigger",
        Some(4) => "fixed trigger",
        Some(5) => "fall detector",
        Some(6) => "attack alarm",
        Some(7) => "panic alarm",
        Some(10) => "activity sensor",
        Some(11) => "pill dispenser",
        Some(12) => "bed sensor",
        Some(14) => "door sensor",
        Some(15) => "wandering sensor",
        Some(17) => "epilepsy sensor",
        Some(21) => "gas detector",
        Some(23) => "smoke detector",
        Some(26) => "carbon monoxide detector",
        Some(28) => "intruder sensor",
        Some(33) => "flood sensor",
        Some(51) => "tracker",
        Some(other) => return format!("device type {other}"),
    }
    .to_owned()
}

/// `EEE` in words, where an event is of one kind of device.
fn bs8521_device(event: u16) -> &'static str {
    match event {
        10 => "fixed trigger",
        16 => "smoke detector",
        19 => "personal trigger",
        21 => "fall detector",
        26 => "carbon monoxide detector",
        27 => "gas detector",
        28 => "intruder sensor",
        36 => "enuresis sensor",
        43 => "activity sensor",
        _ => "",
    }
}

/// All that a message says of the place.
fn scaip_place(request: &scaip::Request) -> String {
    let room = request.location.map(|code| match code {
        2 => "home".to_owned(),
        5 => "outdoors".to_owned(),
        11 => "bathroom".to_owned(),
        12 => "bedroom".to_owned(),
        21 => "kitchen".to_owned(),
        43 => "living room".to_owned(),
        code => format!("location {code}"),
    });
    let said = [
        room,
        request.location_value.clone(),
        request.location_text.clone(),
        request.position.clone(),
    ];
    said.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// DC-05's event codes. What is restored is over; of an alarm that is, a person still asks.
fn contact_id_meaning(code: u16, qualifier: Qualifier) -> Meaning {
    use Trouble::*;
    let over = qualifier == Qualifier::Restored;
    let trouble = |trouble| if over { Meaning::Over(trouble) } else { Meaning::Began(trouble) };
    let need = match code {
        100 => Need::Medical,
        101 => Need::Personal,
        102 => Need::Inactivity,
        110 | 111 | 115 => Need::Fire,
        113 | 154 => Need::Flood,
        137 | 145 | 383 => return trouble(Tamper),
        120..=139 => Need::Intruder,
        151 | 162 => Need::Gas,
        158 | 159 => Need::Temperature,
        301 => return trouble(Mains),
        302 | 309 | 311 | 384 => return trouble(Battery),
        351..=356 => return trouble(Path),
        381 => return trouble(Lost),
        300..=399 => return trouble(Fault),
        406 => return Meaning::Cancelled,
        601..=603 | 608 => return Meaning::Alive,
        400..=699 => return Meaning::Noted,
        _ => Need::Other,
    };
    if over { Meaning::Cancelled } else { Meaning::Alarm(need) }
}

/// `EEE` and `SS`.
fn bs8521_meaning(alarm: &bs8521::Alarm) -> Meaning {
    use Trouble::*;
    let trouble = |trouble| {
        if alarm.status == 4 { Meaning::Over(trouble) } else { Meaning::Began(trouble) }
    };
    match (alarm.event, alarm.status) {
        (51, _) => trouble(Mains),
        (53, _) => trouble(Battery),
        (62, _) => trouble(Ip),
        (58 | 64, _) => Meaning::Alive,
        (91 | 98, _) => Meaning::Noted,
        (_, 7) => Meaning::Began(Battery),
        (_, 4) => Meaning::Over(Fault),
        (_, 5 | 6 | 9) => Meaning::Began(Fault),
        (event, _) => Meaning::Alarm(match event {
            10 | 19 => Need::Personal,
            21 => Need::Fall,
            16 | 17 => Need::Fire,
            26 | 27 => Need::Gas,
            28 => Need::Intruder,
            36 => Need::Medical,
            43 => Need::Inactivity,
            _ => Need::Other,
        }),
    }
}

fn bs8521_speech(alarm: &bs8521::Alarm) -> Speech {
    let silent = alarm.speech == bs8521::Speech::None || matches!(alarm.status, 2 | 3);
    match bs8521_meaning(alarm) {
        Meaning::Alarm(_) if !silent => Speech::UnitCalls { telephone: false },
        _ => Speech::None,
    }
}

/// `LL`.
fn bs8521_place(code: u8) -> &'static str {
    match code {
        1 => "local unit",
        7 => "bedroom",
        11 => "living room",
        17 => "bathroom",
        22 => "kitchen",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tags: &str) -> Report {
        let body = format!("<mrq><ref>1</ref><cid>26317</cid>{tags}</mrq>");
        Report::scaip(&scaip::Request::read(body.as_bytes()).unwrap())
    }

    #[test]
    fn what_scaip_means() {
        let means = |tags| of(tags).meaning;
        assert_eq!(means("<dty>3</dty><stc>10</stc>"), Meaning::Alarm(Need::Personal));
        assert_eq!(means("<dty>0005</dty><stc>9</stc>"), Meaning::Alarm(Need::Fall));
        assert_eq!(means("<mty>PI</mty><stc>102</stc>"), Meaning::Alive);
        assert_eq!(means("<stc>0016</stc>"), Meaning::Began(Trouble::Battery));
        assert_eq!(means("<stc>15</stc>"), Meaning::Over(Trouble::Battery));
        assert_eq!(means("<mty>RE</mty><stc>85</stc>"), Meaning::Over(Trouble::Mains));
        assert_eq!(means("<stc>19</stc>"), Meaning::Cancelled);
        assert_eq!(means("<mty>RE</mty>"), Meaning::Cancelled);
        assert_eq!(means("<mty>IN</mty><stc>999</stc>"), Meaning::Noted);
        // Codes that stand in no table: a person looks at it.
        assert_eq!(means("<dty>9999</dty><stc>777</stc>"), Meaning::Alarm(Need::Other));
    }

    #[test]
    fn the_graver_need_stands() {
        use Need::*;
        for (a, b, graver) in [
            (Other, Fall, Fall),
            (Fall, Other, Fall),
            (Personal, Fire, Fire),
            (CheckIn, Personal, Personal),
        ] {
            assert_eq!(a.or_graver(b), graver);
        }
        assert_eq!(Fire.lesser().count(), 10, "each need has its place");
        assert_eq!(Other.lesser().count(), 0);
    }

    #[test]
    fn who_calls_whom() {
        let speech = |tags| of(tags).speech;
        assert_eq!(speech("<crd>no-voice:</crd>"), Speech::None);
        assert_eq!(speech("<crd>sip:x@y</crd>"), Speech::UnitCalls { telephone: false });
        assert_eq!(speech("<crd>gsm:</crd>"), Speech::UnitCalls { telephone: true });
        let waits = Speech::CallUnit("+8613".into());
        assert_eq!(speech("<cha>1</cha><crd>tel:+8613</crd>"), waits);
        assert_eq!(speech("<crd>sip:</crd><stc>16</stc>"), Speech::None);
        assert_eq!(speech("<crd>sip:</crd><mreq>4</mreq>"), Speech::None);
    }

    #[test]
    fn the_place_in_words() {
        let place = of("<lco>012</lco><lte>left of the door</lte><lge><geo>22.5,113.3</geo></lge>");
        assert_eq!(place.place, "bedroom, left of the door, 22.5,113.3");
    }

    #[test]
    fn what_contact_id_means() {
        let means = contact_id_meaning;
        assert_eq!(means(101, Qualifier::New), Meaning::Alarm(Need::Personal));
        assert_eq!(means(101, Qualifier::Still), Meaning::Alarm(Need::Personal));
        assert_eq!(means(101, Qualifier::Restored), Meaning::Cancelled);
        assert_eq!(means(137, Qualifier::New), Meaning::Began(Trouble::Tamper));
        assert_eq!(means(302, Qualifier::New), Meaning::Began(Trouble::Battery));
        assert_eq!(means(302, Qualifier::Restored), Meaning::Over(Trouble::Battery));
        assert_eq!(means(602, Qualifier::New), Meaning::Alive);
        assert_eq!(means(777, Qualifier::New), Meaning::Alarm(Need::Other));
    }

    #[test]
    fn what_now_ip_means() {
        let of = |digits: &str| {
            let body = format!("<ATM><type>1</type><data>{digits}</data></ATM>");
            Report::now_ip(&now_ip::Message::read(body.as_bytes()).unwrap()).unwrap()
        };
        let pressed = of("020112345678000001907500");
        assert_eq!(pressed.account, "12345678");
        let padded = of("020100026317000001907500");
        assert_eq!(padded.accounts().collect::<Vec<_>>(), ["00026317", "26317"]);
        assert_eq!((pressed.device.as_str(), pressed.priority), ("", 5));
        assert_eq!(pressed.meaning, Meaning::Alarm(Need::Personal));
        assert_eq!(pressed.speech, Speech::UnitCalls { telephone: false });
        assert_eq!(pressed.place, "bedroom");
        let silent = of("020112345678001201907502");
        assert_eq!((silent.device.as_str(), silent.speech), ("0012", Speech::None));
        assert_eq!(of("000112345678000005101000").meaning, Meaning::Began(Trouble::Mains));
        assert_eq!(of("000112345678000005101004").meaning, Meaning::Over(Trouble::Mains));
        assert_eq!(of("000112345678000001901007").meaning, Meaning::Began(Trouble::Battery));
        assert_eq!(of("000112345678000005801000").meaning, Meaning::Alive);
    }
}
