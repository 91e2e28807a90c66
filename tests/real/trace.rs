//! The SIP messages of a call that is over: shown as a ladder, written as a capture file with its audio.

use std::net::SocketAddr;

use belfry::base::Duration;
use belfry::dsp::g711;
use belfry::sim::live::Live;
use belfry::wire::rtp::Packet;

use super::appliance::{Appliance, Setup};
use super::audio::share;
use super::scripted::{await_talk, caller, hang_up, listen, phone};
use super::tones::{ALICE, CALLER};

#[test]
fn what_was_said_in_a_call_is_there_when_it_is_over() {
    let belfry = Appliance::start(Setup::new());
    let live = Live::new();
    let agent = phone(&live, &belfry, "1001", ALICE);
    let caller = caller(&live, &belfry, CALLER);
    live.with(caller, |phone, now| phone.call(now, "1001"));
    await_talk(&live, [caller, agent]);
    listen(&live, &[caller, agent], Duration::from_secs(1));
    hang_up(&live, [caller, agent]);
    let record = belfry.record_of("1001");
    let id = record.call.call.to_string();
    belfry.await_empty();

    let shown = belfry.console("show records 5");
    assert_eq!((&shown[0]["call"], &shown[0]["dialled"]), (&id.clone().into(), &"1001".into()));
    let shown = belfry.console(&format!("show record {id}"));
    assert_eq!(shown["legs"].as_array().map(Vec::len), Some(2), "{shown:#}");
    assert!(shown["legs"][1]["packets_received"].as_i64() > Some(10), "{shown:#}");
    assert!(shown["events"].to_string().contains("call_ended"), "{shown:#}");

    let found = belfry.console(&format!("trace {id}"));
    let messages = found["messages"].as_array().expect("messages");
    let said = |dialog: u64, ours: bool| -> Vec<&str> {
        let of = messages.iter().filter(|m| m["dialog"] == dialog && m["ours"] == ours);
        of.filter_map(|m| m["text"].as_str()?.lines().next()).collect()
    };
    assert!(said(0, false).iter().any(|line| line.starts_with("INVITE sip:1001@")), "{found:#}");
    assert!(said(0, true).contains(&"SIP/2.0 200 OK"), "{found:#}");
    assert!(said(1, true).iter().any(|line| line.starts_with("INVITE sip:")), "{found:#}");
    assert!(said(1, false).contains(&"SIP/2.0 200 OK"), "{found:#}");
    let bye = |line: &&str| line.starts_with("BYE ");
    assert_eq!(
        [0, 1].iter().flat_map(|d| [said(*d, true), said(*d, false)]).flatten().filter(bye).count(),
        2
    );
    let notes = found["notes"].to_string();
    assert!(notes.contains("ended: cause 16") && notes.contains("RTP received"), "{notes}");
    assert!(!found.to_string().contains("REGISTER sip:"), "registrations are not kept");

    let file = belfry.beside("call.pcap");
    belfry.console(&format!("trace {id} {}", file.display()));
    let bytes = std::fs::read(&file).expect("the file is written");
    assert_eq!(bytes[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
    let packets = bytes.windows(7).filter(|part| part == b"SIP/2.0").count();
    assert!(packets >= messages.len(), "{packets} of {}", messages.len());
    // Each party's audio goes from where it said that it sends to where Belfry said that it listens.
    for (channel, which, hz) in [(0, caller, CALLER), (1, agent, ALICE)] {
        let (own, belfrys) = live.with(which, |phone, _| (phone.setup().rtp, phone.far_rtp()));
        let heard = made_rtp(&bytes, channel);
        assert!(heard.ends.iter().all(|ends| *ends == (own, belfrys.expect("talked"))), "{own}");
        assert!(heard.samples.len() > 8_000 && share(&heard.samples, hz) > 0.8, "{hz} Hz");
    }
    assert!(belfry.ask("trace 01KAF3Q8ZK004").is_err(), "no such call");
}

/// What a capture file has of one channel of the recording.
struct Made {
    ends: Vec<(SocketAddr, SocketAddr)>,
    samples: Vec<i16>,
}

fn made_rtp(file: &[u8], channel: u32) -> Made {
    let mut made = Made { ends: Vec::new(), samples: Vec::new() };
    let mut rest = &file[24..];
    while let Some((record, after)) = rest.split_first_chunk::<16>() {
        let len = u32::from_le_bytes(record[8..12].try_into().expect("four")) as usize;
        let (ip, next) = after.split_at(len);
        rest = next;
        let Ok(packet) = Packet::parse(&ip[28..]) else { continue };
        if packet.ssrc() != 0x4246_0000 | channel {
            continue;
        }
        let end = |at: usize, port: usize| {
            let octets: [u8; 4] = ip[at..at + 4].try_into().expect("four");
            SocketAddr::from((octets, u16::from_be_bytes([ip[port], ip[port + 1]])))
        };
        made.ends.push((end(12, 20), end(16, 22)));
        let mut samples = vec![0; packet.payload().len()];
        g711::alaw_decode(packet.payload(), &mut samples);
        made.samples.extend(samples);
    }
    made
}
