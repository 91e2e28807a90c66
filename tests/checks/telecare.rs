//! What holds for reports of units, whatever the bytes: each is read or refused, what is read means
//! something, and an answer to it can be written. Shared by `tests/fuzz_seeds.rs` and the fuzz target
//! `telecare`.

use belfry::care::{Meaning, Report};
use belfry::wire::telecare::scaip::{Media, Reply, Request, Status};
use belfry::wire::telecare::{Said, bs8521, contact_id, now_ip};

/// Reads the bytes in each of the four protocols.
pub fn check(bytes: &[u8]) {
    match Request::read(bytes) {
        Ok(request) => {
            assert!(matches!(Said::read(b"text/plain", bytes), Some(Said::Scaip(Ok(_)))));
            assert!((1..=16).contains(&request.reference.len()) && request.priority <= 9);
            let report = Report::scaip(&request);
            let silent = !matches!(report.meaning, Meaning::Alarm(_));
            assert!(!silent || report.speech == belfry::care::Speech::None);
            let reply = Reply {
                reference: request.reference,
                status: Status::Ok,
                text: report.place,
                media: Media::Duplex,
                call: request.information,
            };
            assert!(reply.to_string().ends_with("</mrs>"));
        }
        Err(refused) => assert_ne!(refused.status, Status::Ok),
    }
    if let Ok(message) = now_ip::Message::read(bytes) {
        assert!(matches!(Said::read(b"", bytes), Some(Said::NowIp(Ok(_), _))));
        _ = Report::now_ip(&message);
        let answer = now_ip::Answer::Acknowledged;
        let reply = now_ip::Reply { answer, data: &message.data, time: "", mac: None }.to_string();
        let read = now_ip::Message::read(reply.as_bytes()).expect("ours can be read");
        assert_eq!(read.data, message.data);
    }
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    _ = bs8521::Alarm::read(text);
    if contact_id::Event::read(text).is_ok() {
        let last = contact_id::checksum(&text[..15]).expect("they are keys");
        assert!(text.ends_with(last) || text.to_ascii_uppercase().ends_with(last));
    }
}
