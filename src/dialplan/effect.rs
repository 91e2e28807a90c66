//! What a running plan asks for, and what it is told: the seam between the interpreter and whoever
//! drives a call.
//!
//! Place: [`Interp::resume`](super::interp::Interp::resume) takes a [`Happening`] and gives the next
//! [`Effect`]. Each effect but [`Effect::End`] is answered by exactly one happening when it is done
//! (at once for a log line, at the end of the talk for a dial). Plain data throughout: neither SIP
//! nor calls are known here.
//!
//! ```text
//!            Started
//! driver ──────────────▶ interpreter
//!        ◀── Answer ───
//!        ─── Done ────▶
//!        ◀── Collect ──      the caller may press; Interp::complete() says when it is enough
//!        ─── Digits ──▶
//!        ◀── Dial ─────
//!        ─── Dialed ──▶      … until End
//! ```

use core::fmt;

use serde::{Deserialize, Serialize};

use super::cause::Cause;
use super::lookup::{Lookup, Told};

/// The next thing to do for the call.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Effect {
    /// Answer the caller; done when it is answered (at once if it already was).
    Answer,
    /// Open the speech path without answering (183 with SDP).
    EarlyMedia,
    /// Tell the caller that it rings (180).
    Ring,
    /// Clear the caller's leg with this cause.
    Hangup {
        /// Why.
        cause: Cause,
    },
    /// The hangup that follows refuses the caller by this SIP status, if it is not answered; done at
    /// once.
    Refuse {
        /// The status, 300 to 699.
        status: u16,
    },
    /// Play these one after the other; done when they end or a key of `stop_on` was pressed.
    Play {
        /// What to play.
        items: Vec<Item>,
        /// The keys that stop it.
        stop_on: Keys,
    },
    /// Play these over what the caller hears while the next steps let it wait, in a queue or while others are rung; done
    /// at once.
    PlayOver {
        /// What to play.
        items: Vec<Item>,
    },
    /// Play, and take keys.
    Collect(Collect),
    /// Play music to the caller until [`Effect::StopMusic`], a play or a dial; done at once.
    Music {
        /// The music's class: the name of a set of pieces.
        class: String,
    },
    /// Stop the music; done at once.
    StopMusic,
    /// Send the caller's audio back to it; done after the time or when a key of `stop_on` was pressed,
    /// else when the caller goes.
    Echo {
        /// How long, in milliseconds.
        ms: Option<u32>,
        /// The keys that end it.
        stop_on: Keys,
    },
    /// Wait; for ever (until the caller goes) when there is no time.
    Wait {
        /// How long, in milliseconds.
        ms: Option<u32>,
    },
    /// Call other parties and connect the first that answers.
    Dial(Box<Dial>),
    /// Say whether the caller would be let into this queue, at once: [`Happening::Done`], or
    /// [`Happening::Queued`] with why not. A caller who is not let in has not been answered for it.
    AskQueue(Box<Queue>),
    /// Let the caller wait for an agent; done when the talk is over or the wait ended otherwise.
    Queue(Box<Queue>),
    /// Ask a program or the store; done when it has answered or its time is over.
    Lookup(Box<Lookup>),
    /// Bring the caller into a conference; done when it has left or was not let in.
    Conference(Box<Conference>),
    /// Begin, stop, pause or resume the recording of the call; done at once.
    Record(Recording),
    /// Send these digits to the caller.
    SendDigits {
        /// The digits.
        digits: String,
        /// Length of a digit in milliseconds.
        on_ms: u32,
        /// Pause between digits in milliseconds.
        off_ms: u32,
    },
    /// Keep an answer of a survey; done at once.
    SaveAnswer {
        /// The survey's name.
        survey: String,
        /// The question's name.
        question: String,
        /// The key pressed.
        key: String,
        /// What the key means.
        meaning: String,
        /// It was spoken: the recording under way is the answer.
        #[serde(default)]
        voice: bool,
    },
    /// A survey begins or is over; done at once.
    Survey {
        /// Its name.
        survey: String,
        /// Which.
        step: SurveyStep,
    },
    /// Whom the care line has called takes on what it was called for; done at once.
    Accept,
    /// Take the caller's report that all is well; done at once.
    CheckIn,
    /// Receive the alarms that the caller, a unit, says by keys; done with [`Happening::Received`].
    ReceiveAlarm(AlarmKeys),
    /// Put a field onto the call's record; done at once. `language` is one.
    SetField {
        /// The field.
        name: String,
        /// Its value.
        value: String,
    },
    /// Write a line to the log; done at once.
    Log {
        /// How grave.
        level: Level,
        /// The line.
        text: String,
    },
    /// The plan is over; nothing follows.
    End,
}

/// A step of a survey that is no answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum SurveyStep {
    /// Its first question follows.
    Began {
        /// The version of its design.
        version: String,
    },
    /// Its end was reached.
    Over {
        /// Every question that was asked has an answer.
        complete: bool,
    },
}

/// One thing to play.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Item {
    /// The prompt of this name in this language.
    Prompt {
        /// Name, such as `care/menu`.
        name: String,
        /// Language, such as `zh-CN`.
        language: String,
    },
    /// A tone; for ever when there is no time.
    Tone {
        /// Which.
        tone: Tone,
        /// How long, in milliseconds.
        ms: Option<u32>,
    },
    /// Nothing, for so many milliseconds.
    Silence {
        /// How long.
        ms: u32,
    },
}

/// A tone by its meaning (the country's plan gives it its frequencies) or beat by beat.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Tone {
    /// The called phone rings.
    Ringback,
    /// The exchange is ready for digits.
    Dial,
    /// The called party is busy.
    Busy,
    /// The network is busy.
    Congestion,
    /// The number cannot be reached.
    Unobtainable,
    /// These beats, over and over.
    Beats(Vec<Beat>),
}

impl Tone {
    /// The named tones.
    pub const NAMED: [(&'static str, Tone); 5] = [
        ("ringback", Tone::Ringback),
        ("dial", Tone::Dial),
        ("busy", Tone::Busy),
        ("congestion", Tone::Congestion),
        ("unobtainable", Tone::Unobtainable),
    ];
}

/// One beat of a tone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Beat {
    /// How long it sounds, in milliseconds.
    pub on_ms: u32,
    /// The pause behind, in milliseconds.
    pub off_ms: u32,
    /// Its frequencies in hertz, one to four.
    pub hz: Vec<u16>,
}

/// Play and take keys.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Collect {
    /// What to play first.
    pub items: Vec<Item>,
    /// Whether a key stops the playing (it counts as the first digit).
    pub barge_in: bool,
    /// The least digits that are of use; fewer at a time-out are given all the same.
    pub min: u8,
    /// The most digits: taking ends with this many.
    pub max: u8,
    /// Keys that end the taking and are not part of the digits.
    pub terminators: Keys,
    /// Time for the first key, from the end of the playing, in milliseconds.
    pub first_ms: u32,
    /// Time between keys, in milliseconds.
    pub next_ms: u32,
    /// The keys are nobody's to know (a PIN): they stand in no record.
    pub secret: bool,
}

/// Which conference, and as what.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Conference {
    /// Its name; whoever names it first opens it.
    pub name: String,
    /// The caller is not heard.
    pub muted: bool,
    /// The caller hears nothing.
    pub deaf: bool,
    /// The caller's voice is brought to one level.
    #[serde(default)]
    pub agc: bool,
    /// The most members, when this caller opens it.
    pub most: u32,
    /// The class of music for the one who is alone, when this caller opens it.
    pub music: Option<String>,
    /// A tone tells who comes and goes, when this caller opens it.
    pub tones: bool,
    /// Record the caller's call for as long as it is in.
    #[serde(default)]
    pub record: bool,
    /// The keys with which the caller leaves.
    pub leave: Keys,
}

/// In which protocol alarms by keys are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum AlarmKeys {
    /// By turns in each.
    Auto,
    /// Contact ID (ANSI/SIA DC-05).
    ContactId,
    /// BS 8521-1.
    Bs8521,
}

impl AlarmKeys {
    /// Each with its word.
    pub const ALL: [(AlarmKeys, &'static str); 3] = [
        (AlarmKeys::Auto, "auto"),
        (AlarmKeys::ContactId, "contact-id"),
        (AlarmKeys::Bs8521, "bs8521"),
    ];
}

/// What came of receiving alarms.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum AlarmEnd {
    /// An alarm was taken, and the unit is to be spoken to.
    Speech,
    /// All was taken; nobody is to be spoken to.
    Silent,
    /// Keys came that nobody understands.
    Garbled,
    /// No keys came.
    Nothing,
}

impl AlarmEnd {
    /// All of them.
    pub const ALL: [AlarmEnd; 4] =
        [AlarmEnd::Speech, AlarmEnd::Silent, AlarmEnd::Garbled, AlarmEnd::Nothing];

    /// The word in a plan.
    pub fn name(self) -> &'static str {
        match self {
            AlarmEnd::Speech => "speech",
            AlarmEnd::Silent => "silent",
            AlarmEnd::Garbled => "garbled",
            AlarmEnd::Nothing => "nothing",
        }
    }
}

/// How a conference ended for the caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ConferenceEnd {
    /// The caller pressed a key to leave.
    Left,
    /// An operator sent it out.
    Kicked,
    /// It was locked.
    Locked,
    /// It was full.
    Full,
    /// The PIN was wrong each time.
    Pin,
}

impl ConferenceEnd {
    /// The word in a plan.
    pub fn name(self) -> &'static str {
        match self {
            ConferenceEnd::Left => "left",
            ConferenceEnd::Kicked => "kicked",
            ConferenceEnd::Locked => "locked",
            ConferenceEnd::Full => "full",
            ConferenceEnd::Pin => "pin",
        }
    }
}

/// Where to wait, and how.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Queue {
    /// The queue's name.
    pub name: String,
    /// The higher, the earlier its turn.
    pub priority: u32,
    /// More still.
    pub vip: bool,
    /// The caller's region.
    pub region: Option<String>,
    /// The longest wait, in milliseconds.
    pub longest_ms: Option<u32>,
    /// The keys with which the caller leaves.
    pub exit: Keys,
    /// The keys with which it asks to be called back.
    #[serde(default)]
    pub call_back: Keys,
}

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum QueueEnd {
    /// An agent had the caller.
    Answered,
    /// The longest wait was over.
    Timeout,
    /// As many wait as may.
    Full,
    /// Nobody is there who could answer.
    NoAgents,
    /// The queue is no more.
    Closed,
    /// There is no such queue.
    Unknown,
    /// The caller pressed this key to leave; a blank: whichever.
    Key(char),
    /// The caller is to be called back.
    CallBack,
}

impl QueueEnd {
    /// The word in a plan.
    pub fn name(self) -> &'static str {
        match self {
            QueueEnd::Answered => "answered",
            QueueEnd::Timeout => "timeout",
            QueueEnd::Full => "full",
            QueueEnd::NoAgents => "no-agents",
            QueueEnd::Closed => "closed",
            QueueEnd::Unknown => "unknown",
            QueueEnd::Key(_) => "key",
            QueueEnd::CallBack => "call-back",
        }
    }
}

/// What to call and how.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Dial {
    /// Groups one after the other; the targets of a group all at once.
    pub groups: Vec<Vec<Target>>,
    /// How long each group rings, in milliseconds; at most [`Dial::MAX_RING_MS`].
    pub ring_ms: u32,
    /// Targets that ring for less than their group, and how long, in milliseconds.
    #[serde(default)]
    pub brief: Vec<(Target, u32)>,
    /// What the caller hears meanwhile.
    pub meanwhile: Meanwhile,
    /// The number shown to the called party; the caller's own when none is set.
    pub caller_number: Option<String>,
    /// The name shown to the called party; the caller's own when none is set.
    pub caller_name: Option<String>,
    /// Record the talk from its first moment.
    pub record: bool,
    /// An emergency call: goes before others, is not limited, and is marked.
    pub emergency: bool,
    /// Desk phones are told to answer by themselves.
    #[serde(default)]
    pub auto_answer: bool,
    /// Headers of applications for who is called, by name: `X-…` and `User-to-User`.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
}

impl Dial {
    /// The longest time that a group rings: an hour.
    pub const MAX_RING_MS: u32 = 3_600_000;
    /// The most headers of applications.
    pub const MAX_HEADERS: usize = 20;

    /// Whether a dial may say so a header's name: those of the protocol's own work are Belfry's to write.
    pub fn takes_header(name: &str) -> bool {
        let token = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c);
        let own = name.get(..2).is_some_and(|x| x.eq_ignore_ascii_case("x-"));
        (3..=64).contains(&name.len())
            && name.chars().all(token)
            && (own || name.eq_ignore_ascii_case("User-to-User"))
    }
}

/// Whom to call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Target {
    /// A phone of this exchange.
    Phone {
        /// Its number.
        number: String,
    },
    /// A number behind a gateway.
    Gateway {
        /// The gateway's or trunk's name in the configuration.
        name: String,
        /// The number to send it.
        number: String,
    },
    /// Nobody: fails at once with this cause (FreeSWITCH's `error/USER_BUSY`).
    Fail {
        /// The cause.
        cause: Cause,
    },
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Phone { number } => write!(f, "phone {number}"),
            Target::Gateway { name, number } => write!(f, "{number} through gateway {name}"),
            Target::Fail { cause } => write!(f, "nobody ({cause})"),
        }
    }
}

/// What the caller hears while others ring.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Meanwhile {
    /// The country's ringing tone.
    Ringback,
    /// Another tone.
    Tone(Tone),
    /// A prompt, over and over.
    Prompt(Item),
    /// Music of this class.
    Music(String),
    /// What the called network sends, the ringing tone until it sends something.
    EarlyMedia,
}

/// A change to the call's recording.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Recording {
    /// Begin; no second one begins if there is one.
    Start,
    /// Stop for good.
    Stop,
    /// Silence instead of speech from here.
    Pause,
    /// Speech again.
    Resume,
}

/// How grave a log line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs)] // the words say it
pub enum Level {
    Error,
    Warning,
    Info,
    Debug,
}

/// What came of the last effect, or what else happened to the call.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Happening {
    /// The first: run.
    Started,
    /// The effect is done.
    Done,
    /// The playing ended because this prompt is not there or cannot be played.
    Missing(String),
    /// The playing was stopped by this key.
    Key(char),
    /// The keys taken.
    Digits {
        /// The digits, without the terminator.
        digits: String,
        /// What ended the taking.
        ended: Ended,
    },
    /// What came of a dial.
    Dialed(DialEnd),
    /// What came of a conference.
    Conferred(ConferenceEnd),
    /// What came of a wait. After an agent's answer: [`Happening::Dialed`].
    Queued(QueueEnd),
    /// What a program or the store said.
    Told(Box<Told>),
    /// What came of receiving alarms, and what the plan is to know of their case.
    Received {
        /// How it ended.
        end: AlarmEnd,
        /// Variables: name and value.
        variables: Vec<(String, String)>,
    },
    /// The caller is gone.
    Hangup,
    /// Somebody sends the caller elsewhere (an agent's transfer, the console, `*4`).
    Redirect(Redirect),
}

/// What ended the taking of digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Ended {
    /// [`Interp::complete`](super::interp::Interp::complete) said it is enough, or the most digits came.
    Enough,
    /// A terminator was pressed.
    Terminator(char),
    /// No key in time.
    Timeout,
}

/// What came of a dial.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum DialEnd {
    /// They talked.
    Answered {
        /// Who answered.
        by: Target,
        /// How long, in milliseconds.
        talk_ms: u64,
        /// Who ended it.
        ended_by: EndedBy,
    },
    /// Nobody answered.
    Failed {
        /// What the caller's plan can tell apart.
        why: DialFailure,
        /// The cause of the last or most telling failure.
        cause: Cause,
    },
}

/// Who ended a talk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum EndedBy {
    /// The caller hung up: the plan's on-hangup steps run.
    Caller,
    /// The called party hung up: the plan goes on with the caller.
    Callee,
}

/// Why a dial connected nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum DialFailure {
    /// Busy (Q.850 17).
    Busy,
    /// Rang and was not answered (18, 19).
    NoAnswer,
    /// Rejected (21).
    Rejected,
    /// No such number, phone not registered, gateway down (1, 2, 3, 20, 22, 27).
    Unavailable,
    /// Anything else.
    Failed,
}

impl DialFailure {
    /// The word in a plan.
    pub fn name(self) -> &'static str {
        match self {
            DialFailure::Busy => "busy",
            DialFailure::NoAnswer => "no-answer",
            DialFailure::Rejected => "rejected",
            DialFailure::Unavailable => "unavailable",
            DialFailure::Failed => "failed",
        }
    }

    /// What a Q.850 cause means to a plan.
    pub fn of(cause: Cause) -> DialFailure {
        match cause.0 {
            17 => DialFailure::Busy,
            18 | 19 | 102 => DialFailure::NoAnswer,
            21 => DialFailure::Rejected,
            1 | 2 | 3 | 20 | 22 | 27 | 28 => DialFailure::Unavailable,
            _ => DialFailure::Failed,
        }
    }
}

/// Where the caller is sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Redirect {
    /// To a number in a context.
    Number {
        /// The number.
        to: String,
        /// The context; the call's own when none is named.
        context: Option<String>,
    },
    /// To a survey, which ends the call.
    Survey {
        /// Its name.
        name: String,
    },
}

/// A set of telephone keys: 0 to 9, `*`, `#`, A to D.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Keys(u16);

impl Keys {
    /// No key.
    pub const NONE: Keys = Keys(0);
    /// Every key.
    pub const ANY: Keys = Keys(u16::MAX);
    const ALPHABET: &'static str = "0123456789*#ABCD";

    /// `any`, `none`, or the keys one after the other, such as `*#`.
    pub fn parse(text: &str) -> Result<Keys, char> {
        match text.trim() {
            "any" => Ok(Keys::ANY),
            "none" => Ok(Keys::NONE),
            keys => keys
                .chars()
                .filter(|c| !matches!(c, ' ' | ','))
                .try_fold(Keys::NONE, |set, c| Keys::bit(c).map(|bit| Keys(set.0 | bit)).ok_or(c)),
        }
    }
    fn bit(c: char) -> Option<u16> {
        Keys::ALPHABET.find(c.to_ascii_uppercase()).map(|at| 1 << at)
    }
    /// Whether the key is in the set.
    pub fn has(self, key: char) -> bool {
        Keys::bit(key).is_some_and(|bit| self.0 & bit != 0)
    }
    /// The first of them, as they stand on a phone.
    pub fn first(self) -> Option<char> {
        Keys::ALPHABET.chars().find(|key| self.has(*key))
    }
    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Keys::NONE => f.write_str("none"),
            Keys::ANY => f.write_str("any"),
            keys => {
                Keys::ALPHABET.chars().filter(|c| keys.has(*c)).try_for_each(|c| write!(f, "{c}"))
            }
        }
    }
}
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl From<Keys> for String {
    fn from(keys: Keys) -> String {
        keys.to_string()
    }
}
impl TryFrom<String> for Keys {
    type Error = String;
    fn try_from(text: String) -> Result<Keys, String> {
        Keys::parse(&text).map_err(|c| format!("'{c}' is not a telephone key"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_written() {
        assert_eq!(Keys::parse("*#").map(|k| k.to_string()), Ok("*#".into()));
        assert_eq!(Keys::parse("any"), Ok(Keys::ANY));
        assert!(Keys::ANY.has('d') && !Keys::NONE.has('1') && !Keys::ANY.has('x'));
        assert_eq!(Keys::parse("1x"), Err('x'));
        let json = serde_json::to_string(&Keys::parse("12").unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<Keys>(&json).unwrap(), Keys::parse("21").unwrap());
    }
}
