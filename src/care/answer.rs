//! What a unit is told: whom to call, that nobody talks, or what is wrong with what it said.

use crate::wire::telecare::now_ip;
use crate::wire::telecare::scaip::{self, Media, Reply, Status};

use super::cases::{Cases, Terms};
use super::report::{Report, Speech};

/// The kind of a body, and the body.
pub type Answer = (&'static str, String);

impl Cases {
    /// To a SCAIP report that was taken, to which number it came, and the domain of ours.
    pub fn answer(&self, report: &Report, to: &str, domain: &str) -> Answer {
        // While it talks, there is nobody to call.
        let talks = self.of_caller(&report.account).is_some_and(|case| case.call().is_some());
        let (media, call) = match &report.speech {
            Speech::UnitCalls { telephone } if !talks => {
                (Media::Duplex, Some(whom(self.terms(), *telephone, to, domain)))
            }
            Speech::None | Speech::CallUnit(_) | Speech::UnitCalls { .. } => (Media::None, None),
        };
        let reference = report.reference.clone();
        let reply = Reply { reference, status: Status::Ok, text: String::new(), media, call };
        (scaip::TYPE, reply.to_string())
    }
}

/// Whom a unit is to call: a number by telephone, a URI by SIP.
fn whom(terms: &Terms, telephone: bool, to: &str, domain: &str) -> String {
    let number = terms.call.as_deref().unwrap_or(to);
    if telephone { number.to_owned() } else { format!("sip:{number}@{domain}") }
}

/// To SCAIP at fault. Where not even its reference can be read the answer's is empty: the unit knows by
/// `snu` that something of its own was not understood.
pub fn scaip_refused(refused: scaip::Refused) -> Answer {
    let text = refused.to_string();
    let reference = refused.reference.unwrap_or_default();
    let (status, media, call) = (refused.status, Media::None, None);
    (scaip::TYPE, Reply { reference, status, text, media, call }.to_string())
}

/// To NOW-IP that was taken, at this local time of day (`HH:MM:SS`).
pub fn now_ip_taken(message: &now_ip::Message, time: &str) -> Answer {
    let (answer, mac) = (now_ip::Answer::Acknowledged, message.mac.as_deref());
    (now_ip::TYPE, now_ip::Reply { answer, data: &message.data, time, mac }.to_string())
}

/// To NOW-IP with these data at fault.
pub fn now_ip_refused(data: &str, time: &str) -> Answer {
    let answer = now_ip::Answer::Rejected;
    (now_ip::TYPE, now_ip::Reply { answer, data, time, mac: None }.to_string())
}
