//! Receiving alarms in DTMF within a call: Contact ID (ANSI/SIA DC-05) and BS 8521-1.
//!
//! ```text
//!  Contact ID   ─▶ 1400 Hz, 2300 Hz ─▶ 16 keys ─▶ whole? ─▶ written ─▶ on the disk ─▶ 1400 Hz ─▶ next event, or over
//!                    ▲ nothing in time   │ no: nothing is said, and the panel says it again by itself
//!  BS 8521-1    ─▶ key B, 600 ms ─▶ A … # ─▶ whole? ─▶ written ─▶ on the disk ─▶ key B, 80 ms ─▶ over
//!                    ▲ nothing in time, or not whole
//! ```
//!
//! Confirmed is what is on the disk and nothing else: a unit that hears the tone forgets its alarm. What is not
//! understood in the end goes to a person, with the keys as they came. `Auto` asks by turns in both ways.
//!
//! Sources: DC-05's timing as Silicon Labs AN93 and Asterisk's app_alarmreceiver have it; BS 8521:2009 §5.1. Not here:
//! who plays the tones, what is written down, whose report it is.

use serde::{Deserialize, Serialize};

use crate::base::{Duration, Time};
use crate::wire::telecare::bs8521::Alarm;
use crate::wire::telecare::contact_id::{self, Event};

use super::report::{Protocol, Report};

/// Keys of one message; what is longer is none.
const MOST_KEYS: usize = 64;
/// Events of one call.
const MOST_EVENTS: u32 = 50;
/// All of it takes no longer.
const LONGEST: Duration = Duration::from_secs(180);
/// What is being played is over after so long, whatever the media plane says.
const LONGEST_SOUND: Duration = Duration::from_secs(10);
/// The disk has so long; then the report is not confirmed, and the unit says it again.
const WRITTEN_WITHIN: Duration = Duration::from_secs(10);
/// A unit that has not heard BS 8521-1's acknowledgement says its message again within 600 ms; and the network's way.
const SAID_AGAIN: Duration = Duration::from_millis(900);
/// How long BS 8521-1's acknowledgement is: less than 500 ms, which would ask for the data anew.
const ACKNOWLEDGED_MS: u16 = 80;
/// Silence before Contact ID's kiss-off.
const BEFORE_KISS_OFF_MS: u16 = 200;

/// In which protocol a unit is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Wanted {
    /// By turns in both.
    Auto,
    /// Contact ID alone.
    ContactId,
    /// BS 8521-1 alone.
    Bs8521,
}

/// Times, in milliseconds, and how often.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// From the answer to the first handshake: the line is being switched.
    pub settle: Duration,
    /// How long the key B is that asks for data.
    pub request: Duration,
    /// After Contact ID's handshake the first key comes within this.
    pub contact_id_first: Duration,
    /// After BS 8521-1's request the first key comes within this: 600 ms, and the network's way there and back.
    pub bs8521_first: Duration,
    /// No key for so long: the message is over.
    pub between: Duration,
    /// How long the kiss-off sounds.
    pub kiss_off: Duration,
    /// How often it is asked in each way, and how often a message may be wrong.
    pub tries: u32,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms {
            settle: Duration::from_millis(1_250),
            request: Duration::from_millis(600),
            contact_id_first: Duration::from_millis(2_000),
            bs8521_first: Duration::from_millis(1_200),
            between: Duration::from_millis(500),
            kiss_off: Duration::from_millis(900),
            tries: 4,
        }
    }
}

/// A piece of a tone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tone {
    /// Its frequency; 0: silence.
    pub hz: u16,
    /// How long, milliseconds.
    pub ms: u16,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// Play these one after the other, and say when that is over.
    Tones(Vec<Tone>),
    /// Send this key for so many milliseconds, and say when that is over.
    Key(char, u16),
    /// Write this down, and say when it is on the disk; the keys as they came.
    Take(Box<Report>, String),
    /// It is over.
    Over(End),
}

/// How it ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// An alarm was taken, and the unit is to be spoken to.
    Speech,
    /// All was taken, and nobody is to be spoken to.
    Silent,
    /// Keys came in the end that nobody understands.
    Garbled(Protocol, String),
    /// Nothing came.
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Before the first handshake.
    Settling,
    /// A handshake or a request is being played.
    Asking,
    /// Keys are awaited, or come.
    Listening,
    /// What was read is on its way to the disk.
    Writing,
    /// The confirmation is being played.
    Confirming,
    Over,
}

/// One reception.
#[derive(Debug)]
pub struct Receiver {
    wanted: Wanted,
    terms: Terms,
    protocol: Protocol,
    state: State,
    /// Until when the present state lasts.
    until: Time,
    /// When all has to be over.
    end: Time,
    keys: String,
    /// When the last key came.
    last_key: Time,
    /// Handshakes since something was understood.
    asked: u32,
    /// Messages since then that were not understood.
    wrong: u32,
    /// The last of them.
    garbled: Option<(Protocol, String)>,
    events: u32,
    /// Speech is to follow what was taken.
    speech: bool,
}

impl Receiver {
    /// The call was answered just now.
    pub fn new(now: Time, wanted: Wanted, terms: Terms) -> Receiver {
        Receiver {
            wanted,
            terms,
            protocol: match wanted {
                Wanted::ContactId => Protocol::ContactId,
                Wanted::Auto | Wanted::Bs8521 => Protocol::Bs8521,
            },
            state: State::Settling,
            until: now + terms.settle,
            end: now + LONGEST,
            keys: String::new(),
            last_key: Time::ZERO,
            asked: 0,
            wrong: 0,
            garbled: None,
            events: 0,
            speech: false,
        }
    }

    /// When something is due.
    pub fn deadline(&self) -> Time {
        match self.state {
            State::Over => Time::NEVER,
            _ => self.until.min(self.end),
        }
    }

    /// The unit pressed a key.
    pub fn key(&mut self, now: Time, key: char) -> Option<Act> {
        self.last_key = now;
        // A unit that does not wait for the end of what it hears is heard all the same; what it says again while
        // the disk is slow is what was taken.
        if !matches!(self.state, State::Settling | State::Listening | State::Asking) {
            return None;
        }
        // No message begins with it in BS 8521-1: it is our own request, come back from a two-wire line.
        if self.keys.is_empty() && key == 'B' && self.protocol == Protocol::Bs8521 {
            return None;
        }
        if self.keys.is_empty() && self.wanted == Wanted::Auto {
            self.protocol = if key == 'A' { Protocol::Bs8521 } else { Protocol::ContactId };
        }
        if self.keys.len() < MOST_KEYS {
            self.keys.push(key);
        }
        self.state = State::Listening;
        self.until = now + self.terms.between;
        let whole = match self.protocol {
            Protocol::Bs8521 => key == '#',
            _ => self.keys.len() == contact_id::DIGITS,
        };
        whole.then(|| self.read(now)).flatten()
    }

    /// What was to be played, or sent, is over.
    pub fn played(&mut self, now: Time) -> Option<Act> {
        let first = match self.protocol {
            Protocol::Bs8521 => self.terms.bs8521_first,
            _ => self.terms.contact_id_first,
        };
        match self.state {
            State::Asking => self.listen(now, first),
            State::Confirming if self.events >= MOST_EVENTS => return Some(self.over()),
            State::Confirming if self.protocol == Protocol::Bs8521 => self.listen(now, SAID_AGAIN),
            State::Confirming => self.listen(now, first),
            _ => {}
        }
        None
    }

    /// What was to be written down is on the disk: it is confirmed. `false`: it could not be, and is not.
    pub fn written(&mut self, now: Time, durable: bool) -> Option<Act> {
        if self.state != State::Writing {
            return None;
        }
        if !durable {
            self.listen(now, self.terms.contact_id_first);
            return None;
        }
        self.state = State::Confirming;
        self.until = now + LONGEST_SOUND;
        Some(match self.protocol {
            Protocol::Bs8521 => Act::Key('B', ACKNOWLEDGED_MS),
            _ => Act::Tones(vec![
                Tone { hz: 0, ms: BEFORE_KISS_OFF_MS },
                Tone { hz: 1_400, ms: milliseconds(self.terms.kiss_off) },
            ]),
        })
    }

    /// A time has come.
    pub fn wake(&mut self, now: Time) -> Option<Act> {
        if self.state == State::Over || now < self.deadline() {
            return None;
        }
        if self.end <= now {
            return Some(self.over());
        }
        match self.state {
            State::Settling => Some(self.ask(now)),
            State::Listening if !self.keys.is_empty() => match self.read(now) {
                Some(act) => Some(act),
                None => self.not_understood(now),
            },
            State::Listening if self.events > 0 && self.garbled.is_none() => Some(self.over()),
            State::Listening => Some(self.ask_again(now)),
            State::Asking | State::Confirming => self.played(now),
            State::Writing => self.written(now, false),
            State::Over => None,
        }
    }

    /// The caller has gone: how it ended. `None`: that was told before.
    pub fn gone(&mut self) -> Option<End> {
        match self.state {
            State::Over => None,
            _ => match self.over() {
                Act::Over(end) => Some(end),
                _ => None,
            },
        }
    }

    fn listen(&mut self, now: Time, first: Duration) {
        self.keys.clear();
        (self.state, self.until) = (State::Listening, now + first);
    }

    fn ask(&mut self, now: Time) -> Act {
        self.keys.clear();
        (self.state, self.until) = (State::Asking, now + LONGEST_SOUND);
        self.asked += 1;
        let tone = |hz| Tone { hz, ms: 100 };
        match self.protocol {
            Protocol::Bs8521 => Act::Key('B', milliseconds(self.terms.request)),
            _ => Act::Tones(vec![tone(1_400), tone(0), tone(2_300)]),
        }
    }

    fn ask_again(&mut self, now: Time) -> Act {
        let both = self.wanted == Wanted::Auto && self.garbled.is_none();
        if self.asked >= self.terms.tries * if both { 2 } else { 1 } {
            return self.over();
        }
        if both {
            self.protocol = match self.protocol {
                Protocol::Bs8521 => Protocol::ContactId,
                _ => Protocol::Bs8521,
            };
        }
        self.ask(now)
    }

    /// The keys so far as a message, if they are one.
    fn read(&mut self, now: Time) -> Option<Act> {
        let report = match self.protocol {
            Protocol::Bs8521 => {
                let data = self.keys.strip_prefix('A').unwrap_or(&self.keys);
                let data = data.strip_suffix('#').unwrap_or(data);
                Alarm::read(data).ok().map(|alarm| Report::bs8521(&alarm, data))
            }
            _ => Event::read(&self.keys).ok().map(|event| Report::contact_id(&event, &self.keys)),
        }?;
        self.speech |= report.talks();
        self.events += 1;
        (self.asked, self.wrong, self.garbled) = (0, 0, None);
        (self.state, self.until) = (State::Writing, now + WRITTEN_WITHIN);
        Some(Act::Take(Box::new(report), core::mem::take(&mut self.keys)))
    }

    /// A message is over, and is none.
    fn not_understood(&mut self, now: Time) -> Option<Act> {
        self.garbled = Some((self.protocol, core::mem::take(&mut self.keys)));
        self.wrong += 1;
        if self.wrong >= self.terms.tries {
            return Some(self.over());
        }
        match self.protocol {
            Protocol::Bs8521 => Some(self.ask(now)),
            // DC-05: what is wrong is not confirmed, and the panel sends it again by itself.
            _ => {
                self.listen(now, self.terms.contact_id_first);
                None
            }
        }
    }

    fn over(&mut self) -> Act {
        self.state = State::Over;
        let begun =
            (!self.keys.is_empty()).then(|| (self.protocol, core::mem::take(&mut self.keys)));
        Act::Over(match (begun.or(self.garbled.take()), self.events, self.speech) {
            (Some((protocol, keys)), ..) => End::Garbled(protocol, keys),
            (None, 0, _) => End::Nothing,
            (None, _, true) => End::Speech,
            (None, _, false) => End::Silent,
        })
    }
}

/// A time that is written to a tone: less than a minute.
fn milliseconds(time: Duration) -> u16 {
    u16::try_from(time.as_millis()).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
