//! What a unit is told: whom to call, that nobody talks, or what is wrong with what it said.

use crate::wire::telecare::now_ip;
use crate::wire::telecare::scaip::{self, Media, Reply, Status};

use super::cases::{Cases, Terms};
use super::report::{Protocol, Report, Speech};

/// The kind of a body, and the body.
pub type Answer = (&'static str, String);

impl Cases {
    /// To a report that was taken, to which number it came, and the domain of ours.
    pub fn answer(&self, report: &Report, to: &str, domain: &str) -> Answer {
        if report.protocol == Protocol::NowIp {
            return now_ip_answer(now_ip::Answer::Acknowledged, &report.reference);
        }
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

/// To SCAIP at fault. `None`: nothing, for not even its reference can be read.
pub fn scaip_refused(refused: scaip::Refused) -> Option<Answer> {
    let text = refused.to_string();
    let reference = refused.reference?;
    let (status, media, call) = (refused.status, Media::None, None);
    Some((scaip::TYPE, Reply { reference, status, text, media, call }.to_string()))
}

/// To NOW-IP with these data at fault.
pub fn now_ip_refused(data: &str) -> Answer {
    now_ip_answer(now_ip::Answer::Rejected, data)
}

fn now_ip_answer(answer: now_ip::Answer, data: &str) -> Answer {
    (now_ip::TYPE, now_ip::Reply { answer, data, time: "" }.to_string())
}
