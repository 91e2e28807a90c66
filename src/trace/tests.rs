//! A trace on a disk of its own.

use super::*;
use crate::base::Wall;

fn flow() -> Flow {
    let at = |text: &str| text.parse().expect("an address");
    Flow { transport: Transport::Udp, local: at("10.0.0.1:5060"), remote: at("10.0.0.2:5060") }
}
fn message(method: &str, call_id: &str, body: &str) -> Message {
    let text = format!(
        "{method} sip:1@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1\r\n\
         From: <sip:2@x>;tag=1\r\nTo: <sip:1@x>\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Message::parse(text.as_bytes()).expect("a message")
}
fn settings(dir: &std::path::Path) -> Settings {
    let keep = Duration::from_secs(3_600);
    Settings { dir: dir.to_owned(), keep, max_bytes: 16 << 20, hep: None }
}
fn call(n: u64) -> CallId {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    CallId::new(Wall(now.as_millis() as i64), n)
}
fn texts(found: &Found) -> Vec<String> {
    found.messages.iter().map(|m| m.text.split(' ').next().unwrap_or_default().into()).collect()
}

#[test]
fn the_messages_of_a_calls_dialogs_are_found_and_no_others() {
    let dir = tempfile::tempdir().expect("a folder");
    let trace = Trace::start(settings(dir.path())).expect("it starts");
    let (one, two) = (call(1), call(2));
    trace.seen(false, flow(), &message("INVITE", "a", "a=crypto:1 X inline:c2VjcmV0\r\n"));
    trace.dialog(one, LegId(1), "a".into());
    trace.dialog(one, LegId(2), "b".into());
    trace.seen(true, flow(), &message("INVITE", "b", ""));
    trace.seen(false, flow(), &message("INVITE", "c", ""));
    trace.dialog(two, LegId(1), "c".into());
    trace.seen(false, flow(), &message("OPTIONS", "a", ""));
    trace.seen(true, flow(), &message("BYE", "a", ""));
    trace.note(one, "leg 1 ended".into());
    trace.recorded(one, "x.wav".into(), LegId(1), None);
    trace.recorded(one, "x.wav".into(), LegId(1), Some(LegId(2)));
    trace.recorded(two, "y.wav".into(), LegId(1), None);
    let found = trace.reader().find(one).expect("it is read");
    assert_eq!(texts(&found), ["INVITE", "INVITE", "BYE"]);
    let dialogs: Vec<usize> = found.messages.iter().map(|m| m.dialog).collect();
    assert_eq!(dialogs, [0, 1, 0]);
    assert!(found.messages[0].text.contains("inline:********"), "no key is kept");
    assert_eq!(found.messages[1].ends(), (flow().local, flow().remote));
    assert_eq!(found.notes.len(), 1);
    let [recording] = &found.recordings[..] else { panic!("{:?}", found.recordings) };
    let sides: Vec<_> = recording.sides.iter().map(|(_, sides)| *sides).collect();
    assert_eq!(
        (recording.path.as_str(), sides),
        ("x.wav", vec![[Some(0), None], [Some(0), Some(1)]])
    );
    let file = pcap(&found, &[]).file;
    assert_eq!(file[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
    assert_eq!(trace.reader().find(call(3)).expect("it is read"), Found::default());
    // Another start reads what this one has kept.
    drop(trace);
    let trace = Trace::start(settings(dir.path())).expect("it starts");
    assert_eq!(trace.reader().find(one).expect("it is read").messages, found.messages);
}

#[test]
fn the_ring_stays_below_its_size_and_loses_the_oldest() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut ring = Ring::open(dir.path(), Duration::from_secs(3_600), 1 << 20).expect("a ring");
    let bytes = vec![b'x'; 1_000];
    for n in 0..4_000u64 {
        let seen = Seen {
            at_us: n,
            ours: false,
            transport: Transport::Udp,
            hash: n,
            local: flow().local,
            remote: flow().remote,
            bytes: &bytes,
        };
        ring.put(&Record::Message(seen));
    }
    ring.flush();
    let all = ring::segments(dir.path()).expect("a folder");
    let kept: Vec<u64> = (all.iter())
        .flat_map(|(_, path)| {
            let bytes = std::fs::read(path).expect("a segment");
            let times = record::read(&bytes).filter_map(|record| match record {
                Record::Message(seen) => Some(seen.at_us),
                _ => None,
            });
            times.collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(kept.last(), Some(&3_999));
    assert!(kept.len() < 1_400 && kept.len() > 500, "{} of 4000", kept.len());
    assert!(kept.windows(2).all(|pair| pair[1] == pair[0] + 1), "no hole");
}

#[test]
fn what_is_past_its_time_goes() {
    let dir = tempfile::tempdir().expect("a folder");
    for at in ["0000000000001", "0000000000002"] {
        std::fs::write(dir.path().join(format!("{at}.trace")), b"x").expect("written");
    }
    std::fs::write(dir.path().join("notes.txt"), b"x").expect("written");
    let _ring = Ring::open(dir.path(), Duration::from_secs(60), 1 << 20).expect("a ring");
    // The second ends where the new one begins: now.
    let names = std::fs::read_dir(dir.path()).expect("a folder").count();
    assert_eq!(names, 3, "one old segment, the new one, and what is not ours");
}

#[test]
fn a_collector_gets_a_copy() {
    let dir = tempfile::tempdir().expect("a folder");
    let collector = UdpSocket::bind("127.0.0.1:0").expect("a port");
    collector.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    let to = collector.local_addr().expect("an address");
    let settings = Settings { hep: Some((to, 7)), ..settings(dir.path()) };
    let trace = Trace::start(settings).expect("it starts");
    trace.seen(false, flow(), &message("INVITE", "a", ""));
    trace.dialog(call(1), LegId(1), "a".into());
    let mut packet = [0; 2_048];
    let len = collector.recv(&mut packet).expect("a packet");
    assert!(packet.starts_with(b"HEP3") && packet[..len].windows(6).any(|part| part == b"INVITE"));
}

/// Segments by when they begin, milliseconds after 1970; a folder stands for one that cannot be read.
fn segment(dir: &std::path::Path, begins: i64, records: &[Record<'_>]) {
    let path = dir.join(format!("{begins:013}.trace"));
    let mut bytes = Vec::new();
    records.iter().for_each(|record| record.write(&mut bytes));
    match records {
        [] => std::fs::create_dir(path).expect("made"),
        _ => std::fs::write(path, bytes).expect("written"),
    }
}

#[test]
fn of_a_call_that_is_over_nothing_is_read_that_came_long_after_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let (one, two) = (CallId::new(Wall(1_000_000), 1), CallId::new(Wall(1_000_000), 2));
    let invite = message("INVITE", "a", "");
    let seen = Seen {
        at_us: 1_000_000_000,
        ours: false,
        transport: Transport::Udp,
        hash: record::hash(b"a"),
        local: flow().local,
        remote: flow().remote,
        bytes: invite.bytes(),
    };
    let late = Record::Message(Seen { at_us: 1_150_000_000, ..seen });
    let dialog = |of: CallId| Record::Dialog { call: of.as_u64(), call_id: b"a" };
    let leg = |of: CallId| Record::Leg { call: of.as_u64(), leg: 1, hash: seen.hash };
    let over = Record::Over { at_us: 1_100_000_000, call: one.as_u64() };
    segment(dir.path(), 999_000, &[dialog(one), leg(one), Record::Message(seen), over]);
    segment(dir.path(), 1_140_000, &[late]);
    segment(dir.path(), 1_200_000, &[]);
    let found = find::find(dir.path(), one).expect("the last one is not opened");
    assert_eq!(found.messages.len(), 2, "with what came within a minute of its end");
    // Its dialog goes on in another call, so the call's messages may be anywhere behind.
    segment(dir.path(), 1_140_001, &[dialog(two), leg(two)]);
    assert!(find::find(dir.path(), one).is_err(), "all are read");
}
