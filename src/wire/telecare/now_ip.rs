//! NOW-IP (BS 8521-2:2020): the digits of BS 8521-1 in a SIP MESSAGE.
//!
//! ```text
//!   <ATM><version>1.5</version><type>1</type><data>…24 digits…</data><time>HH:MM:SS</time><mac>…</mac></ATM>
//! ```
//!
//! Its Content-Type is `text/plain` in the field, so that the body is looked at. An alarm is answered
//! by a MESSAGE of type A with the same data.

use core::fmt;

use super::super::xml::Text;
use super::bs8521::{self, NoAlarm};
use super::leaves::Leaves;

/// Content-Type of what we send.
pub const TYPE: &str = "text/plain";

/// What a unit says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// Type 0: it lives.
    Heartbeat {
        /// Eight digits.
        controller: String,
        /// Four digits.
        unit: String,
    },
    /// Type 1.
    Alarm(bs8521::Alarm),
    /// Type A, 5 and 6: it answers ours.
    Answer(Answer),
}

/// The answers of this protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// A: taken.
    Acknowledged,
    /// 5: it cannot be read.
    Rejected,
    /// 6: later.
    Busy,
}

/// A message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// What it says.
    pub said: Said,
    /// Its data as they stand: what an answer gives back, and by what a repeat is known.
    pub data: String,
    /// The unit's address, where it says it.
    pub mac: Option<String>,
}

/// Why a message is not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// No `<ATM>`, or without type or data.
    NotAtm,
    /// A type that no unit sends to a centre.
    Type,
    /// The digits.
    Data(NoAlarm),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::NotAtm => write!(f, "it is no <ATM> that can be read to its end"),
            Refused::Type => write!(f, "its <type> is none that a unit sends: 0, 1, A, 5, 6"),
            Refused::Data(why) => write!(f, "its <data> {why}"),
        }
    }
}

impl Message {
    /// Reads a message.
    pub fn read(body: &[u8]) -> Result<Message, Refused> {
        Message::of(&Leaves::read(body).map_err(|_| Refused::NotAtm)?)
    }

    /// The same of a document.
    pub(super) fn of(leaves: &Leaves) -> Result<Message, Refused> {
        let (Some(kind), "atm") = (leaves.get("type"), leaves.root.as_str()) else {
            return Err(Refused::NotAtm);
        };
        let data = leaves.get("data").unwrap_or_default().to_owned();
        let said = match kind.to_ascii_uppercase().as_str() {
            "0" => heartbeat(&data)?,
            "1" => Said::Alarm(bs8521::Alarm::read(&data).map_err(Refused::Data)?),
            "A" => Said::Answer(Answer::Acknowledged),
            "5" => Said::Answer(Answer::Rejected),
            "6" => Said::Answer(Answer::Busy),
            _ => return Err(Refused::Type),
        };
        Ok(Message { said, data, mac: leaves.get("mac").map(str::to_owned) })
    }
}

/// `GGGGGGGGRRRR`.
fn heartbeat(data: &str) -> Result<Said, Refused> {
    if let Some(at) = data.bytes().position(|b| !b.is_ascii_digit()) {
        return Err(Refused::Data(NoAlarm::NotDigit(at)));
    }
    let (Some(controller), Some(unit), 12) = (data.get(..8), data.get(8..12), data.len()) else {
        return Err(Refused::Data(NoAlarm::Count(data.len())));
    };
    Ok(Said::Heartbeat { controller: controller.to_owned(), unit: unit.to_owned() })
}

/// What we answer: the type and the data that it is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply<'a> {
    /// Taken or not.
    pub answer: Answer,
    /// The data of the unit's message.
    pub data: &'a str,
    /// Local time of day, `HH:MM:SS`.
    pub time: &'a str,
    /// The unit's address, as it said it; `None`: it did not.
    pub mac: Option<&'a str>,
}

impl fmt::Display for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.answer {
            Answer::Acknowledged => 'A',
            Answer::Rejected => '5',
            Answer::Busy => '6',
        };
        write!(f, "<ATM><version>1.5</version><type>{kind}</type>")?;
        write!(f, "<data>{}</data><time>{}</time>", Text(self.data), Text(self.time))?;
        if let Some(mac) = self.mac {
            write!(f, "<mac>{}</mac>", Text(mac))?;
        }
        write!(f, "</ATM>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_a_heartbeat_and_an_answer() {
        let atm = |kind: &str, data: &str| {
            let body = format!(
                "<ATM><version>1.5</version><type>{kind}</type><data>{data}</data>\
                 <time>10:11:12</time><mac>001122334455</mac></ATM>"
            );
            Message::read(body.as_bytes())
        };
        let alarm = atm("1", "020112345678000101907500").unwrap();
        assert!(matches!(&alarm.said, Said::Alarm(own) if own.event == 19));
        assert_eq!(alarm.mac.as_deref(), Some("001122334455"));
        let beat = atm("0", "123456780001").unwrap();
        assert!(
            matches!(beat.said, Said::Heartbeat { controller, .. } if controller == "12345678")
        );
        assert_eq!(atm("a", "").unwrap().said, Said::Answer(Answer::Acknowledged));
        assert_eq!(atm("1", "12"), Err(Refused::Data(NoAlarm::Count(2))));
        assert_eq!(atm("0", "12345678000x"), Err(Refused::Data(NoAlarm::NotDigit(11))));
        assert_eq!(atm("0", "1234567800"), Err(Refused::Data(NoAlarm::Count(10))));
        assert_eq!(atm("2", "1"), Err(Refused::Type));
        assert_eq!(Message::read(b"<ATM></ATM>"), Err(Refused::NotAtm));
        assert_eq!(
            Message::read("<ATM><type>0</type><data>王王王王</data></ATM>".as_bytes()),
            Err(Refused::Data(NoAlarm::NotDigit(0)))
        );
    }

    #[test]
    fn a_reply_reads_back() {
        let mac = Some("00112233");
        let reply = Reply { answer: Answer::Acknowledged, data: "0201", time: "10:11:12", mac };
        let read = Message::read(reply.to_string().as_bytes()).unwrap();
        assert_eq!(read.mac.as_deref(), mac);
        assert!(reply.to_string().contains("<time>10:11:12</time>"));
        let faulty = Refused::Data(NoAlarm::Count(4)).to_string();
        assert_eq!(faulty, "its <data> has 4 signs, which is not as many as it must");
        assert_eq!((read.said, read.data.as_str()), (Said::Answer(Answer::Acknowledged), "0201"));
    }
}
