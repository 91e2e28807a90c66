//! Hostile and broken input over real sockets: each gets its answer, the server lives, calls in
//! being go on, nothing is left over.
//!
//! What else a bad peer may do, and which test shows where it ends:
//!
//! | Bad input | Test |
//! |---|---|
//! | wrong certificate | `real/tls.rs`: `a_gateway_is_called_over_tls_and_only_with_the_right_certificate` |
//! | expired certificate | `net/tls/tests.rs`: `whose_certificate_is_over_or_early_or_strange_is_not_believed` |
//! | cipher mismatch of TLS | `net/tls/tests.rs`: `versions_below_1_2_and_strange_ciphers_are_told` |
//! | SRTP suite that is not spoken | `negotiate/sdes_tests.rs`: `a_refusal_says_what_is_wrong_with_the_key` |
//! | SRTP key missing or wrong | `simulation/srtp.rs`: `a_wrong_key_and_plain_rtp_are_told_once_with_the_leg`, `who_cannot_encrypt_is_refused_where_it_is_required` |
//! | Replaces to a dialog that is gone | `simulation/replaces.rs`: `what_may_not_be_replaced_is_refused_and_goes_on` |
//! | REFER loops | `simulation/transfers.rs`: `transfers_in_circles_leave_nothing` |
//! | two 200s to one INVITE | `sip/tests/forks.rs`: `early_dialogs_keep_their_own_media_and_the_first_answer_wins` |
//! | glare | `sip/tests/offers.rs`: `glare_is_491_on_both_sides_and_one_side_gets_its_turn` |
//! | a re-INVITE that fails | `sip/tests/offers.rs`: `a_refused_offer_leaves_the_call_up` |
//! | a BYE lost | `sip/tests/loss.rs`: `a_bye_that_never_arrives_ends_our_side_at_once_and_leaves_nothing` |
//! | a peer that never ACKs | `sip/tests/loss.rs`: `without_any_ack_the_call_ends_with_bye_after_64_t1`; here: `calls_that_nobody_finishes_leave_nothing` |

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use belfry::base::Rng;
use belfry::sim::live::{Live, Which};

use super::address;
use super::appliance::{Appliance, Setup};
use super::audio::{longest_gap, share};
use super::datagrams::{ALAW_SDP, Rough, header, status};
use super::scripted::{await_talk, caller, hang_up, heard, listen, phone};
use super::tones::{ALICE, CALLER};

/// The torture messages of RFC 4475, and the section's name of each.
fn torture() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/rfc4475");
    let files = std::fs::read_dir(folder).expect("the torture messages");
    let mut all: Vec<_> = files
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "dat"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("a torture message"))
        })
        .collect();
    all.sort();
    assert!(all.len() >= 49, "{} torture messages", all.len());
    all
}

fn gateway_ip(belfry: &Appliance) -> Ipv4Addr {
    match belfry.setup.gateway.ip() {
        IpAddr::V4(ip) => ip,
        IpAddr::V6(_) => unreachable!("the tests' addresses are IPv4"),
    }
}

/// Everything hostile at once while a call is up.
#[test]
fn a_call_goes_on_under_torture_and_garbage() {
    let belfry = Appliance::start(Setup::new());
    let live = Live::new();
    let agent = phone(&live, &belfry, "1001", ALICE);
    let customer = caller(&live, &belfry, CALLER);
    live.with(customer, |phone, now| phone.call(now, "1001"));
    await_talk(&live, [customer, agent]);
    listen(&live, &[customer, agent], Duration::ZERO);

    let unknown = Rough::new(address::fresh(), belfry.sip);
    let gateway = Rough::new(gateway_ip(&belfry), belfry.sip);
    for from in [&unknown, &gateway] {
        for (name, message) in torture() {
            from.send(&message);
            over_tcp(&belfry, from, &message);
            assert!(from.alive(), "after {name}");
        }
    }
    garbage(&unknown);
    truncated(&gateway);
    assert!(unknown.alive() && gateway.alive(), "after garbage");
    streams_of_rubbish(&belfry);
    assert!(unknown.alive(), "after rubbish over TCP");

    for (which, hz) in [(customer, ALICE), (agent, CALLER)] {
        let heard = heard(&live, which);
        let gap = longest_gap(&heard);
        assert!(gap <= Duration::from_millis(60), "{gap:?} of silence meanwhile");
        assert!(share(&heard, hz) > 0.9, "the talk goes on");
    }
    hang_up(&live, [customer, agent]);
    belfry.await_empty();
    belfry.stop();
}

/// One message over a connection of its own, with a moment for an answer.
fn over_tcp(belfry: &Appliance, from: &Rough, message: &[u8]) {
    let _ = from;
    let mut stream = TcpStream::connect(belfry.sip).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_millis(5))).expect("a time-out");
    let _ = stream.write_all(message);
    let _ = stream.read(&mut [0; 4_096]);
}

fn garbage(from: &Rough) {
    let mut rng = Rng::from_seed(4_475);
    for n in 0..500u64 {
        let len = rng.below(if n % 50 == 0 { 9_000 } else { 400 }) as usize;
        let bytes: Vec<u8> = (0..len).map(|_| rng.next_u32() as u8).collect();
        from.send(&bytes);
    }
    for bytes in
        [&b""[..], b"\r\n\r\n", b"\r\n", b"\0", b"SIP/2.0", b"INVITE", b"GET / HTTP/1.1\r\n\r\n"]
    {
        from.send(bytes);
    }
    // As large as a datagram gets: a message of nothing but one header.
    let (text, _) =
        from.request("OPTIONS", "x", &format!("Subject: {}\r\n", "x".repeat(64_000)), "");
    from.send(text.as_bytes());
    let (text, _) = from.request("OPTIONS", "x", &"X: y\r\n".repeat(10_000), "");
    from.send(text.as_bytes());
}

/// A good INVITE, cut off at every seventh byte, and with each byte of its head broken in turn.
fn truncated(from: &Rough) {
    let mut rng = Rng::from_seed(3_261);
    for cut in (1..).step_by(7) {
        // Each is another call, else they would be retransmissions.
        let (text, _) = from.request("INVITE", "4008001234", "", ALAW_SDP);
        let Some(part) = text.as_bytes().get(..cut) else { break };
        from.send(part);
    }
    for at in 0..100 {
        let (text, _) = from.request("MESSAGE", "4008001234", "", "hello");
        let mut bytes = text.into_bytes();
        bytes[at] = rng.next_u32() as u8;
        from.send(&bytes);
    }
}

/// Connections that say nothing, half a message, endless headers, a wrong length.
fn streams_of_rubbish(belfry: &Appliance) {
    let connect = || TcpStream::connect(belfry.sip).expect("a connection");
    let silent: Vec<TcpStream> = (0..20).map(|_| connect()).collect();
    let mut half = connect();
    half.write_all(b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKh\r\nConte")
        .expect("sent");
    let mut endless = connect();
    endless.set_write_timeout(Some(Duration::from_secs(5))).expect("a time-out");
    let _ = endless.write_all(b"OPTIONS sip:x SIP/2.0\r\n");
    for _ in 0..20_000 {
        // It must be cut off; a reset is the proof that it was.
        if endless.write_all(b"X-Endless: 0123456789012345678901234567890123456789\r\n").is_err() {
            break;
        }
    }
    let mut large = connect();
    let _ = large.write_all(b"MESSAGE sip:x SIP/2.0\r\nContent-Length: 4000000000\r\n\r\n");
    assert!(ended(&mut endless), "a message without end is cut off");
    assert!(ended(&mut large), "a length that nobody has room for is cut off");
    drop((silent, half));
}

/// Whether the other side has closed a connection (after whatever it answered).
fn ended(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
    let mut piece = [0; 4_096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

/// SDP with one audio line.
fn audio(line: &str, more: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n{line}\r\n{more}"
    )
}

#[test]
fn each_fault_gets_its_answer() {
    let belfry = Appliance::start(Setup::new());
    let gateway = Rough::new(gateway_ip(&belfry), belfry.sip);
    let care = "4008001234";
    let opus = audio("m=audio 4000 RTP/AVP 111", "a=rtpmap:111 opus/48000/2\r\n");
    let g729 = audio("m=audio 4000 RTP/AVP 18 4", "");
    let video = audio("m=video 4000 RTP/AVP 31", "");
    let secure = audio("m=audio 4000 RTP/SAVP 8", "");
    let alaw = ALAW_SDP;
    let require = "Require: nothing-supports-this\r\n";
    let cases: [(&str, &str, &str, &str, &[u16]); 14] = [
        ("INVITE", care, "", &opus, &[488]),
        ("INVITE", care, "", &g729, &[488]),
        ("INVITE", care, "", &video, &[488]),
        ("INVITE", care, "", &secure, &[488]),
        ("INVITE", care, "", "v=0\r\nnonsense", &[400, 488]),
        ("INVITE", care, "", "m=audio\r\n", &[400, 488]),
        ("INVITE", "1002", "", alaw, &[480]),
        ("INVITE", "77777777", "", alaw, &[404]),
        ("INVITE", care, require, alaw, &[420]),
        ("BYE", care, "", "", &[481]),
        ("FROBNICATE", care, "", "", &[405, 501]),
        ("OPTIONS", care, "Content-Length: 5\r\n", "", &[400]),
        ("SUBSCRIBE", care, "Event: weather\r\n", "", &[489]),
        ("SUBSCRIBE", care, "Event: presence\r\n", "", &[401]),
    ];
    for (method, number, more, body, expected) in cases {
        let answer = gateway.ask(method, number, more, body);
        let got = status(&answer);
        assert!(
            expected.contains(&got),
            "{method} {number} {more}{body}: {expected:?} not {answer}"
        );
        assert!(header(&answer, "To").is_some_and(|to| to.contains("tag=")), "{answer}");
        if matches!(got, 404 | 480) {
            // A number that nobody has, or a phone that is not registered: RFC 3398 §7.2.4.1.
            let cause = header(&answer, "Reason").and_then(|r| r.split("cause=").nth(1));
            let cause = cause.map(|c| c.split(';').next().unwrap_or(c).trim());
            assert_eq!(cause, Some(if got == 404 { "1" } else { "20" }), "{answer}");
        }
    }
    let (text, branch) = gateway.request("INVITE", care, "", "not sdp");
    gateway.send(text.replace("application/sdp", "application/x-noise").as_bytes());
    let answer = gateway.final_answer(&branch);
    gateway.acknowledge(&text, &answer);
    assert_eq!(status(&answer), 415, "{answer}");

    // Without one of the headers that every request has, the answer is 400, or silence where it
    // could not be addressed.
    for name in ["To", "From", "Call-ID", "CSeq"] {
        let (text, branch) = gateway.request("INVITE", care, "", alaw);
        let prefix = format!("{name}: ");
        let without: Vec<&str> = text.split("\r\n").filter(|l| !l.starts_with(&prefix)).collect();
        gateway.send(without.join("\r\n").as_bytes());
        let answer = gateway.final_answer(&branch);
        assert_eq!(status(&answer), 400, "without {name}: {answer}");
    }
    let (text, branch) = gateway.request("OPTIONS", care, "", "");
    gateway.send(text.replace("Content-Length: 0", "Content-Length: 50").as_bytes());
    let answer = gateway.final_answer(&branch);
    assert_eq!(status(&answer), 400, "more announced than there is: {answer}");
    let (text, branch) = gateway.request("OPTIONS", care, "", "");
    gateway.send(text.replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia").as_bytes());
    assert_eq!(status(&gateway.final_answer(&branch)), 505);
    belfry.await_empty();
    belfry.stop();
}

/// Who is neither gateway nor phone is asked for a password; a wrong one is told so slowly.
#[test]
fn strangers_and_wrong_passwords() {
    let belfry = Appliance::start(Setup::new());
    let stranger = Rough::new(address::fresh(), belfry.sip);
    let answer = stranger.ask("INVITE", "1001", "", ALAW_SDP);
    assert!(matches!(status(&answer), 401 | 403 | 407), "{answer}");

    let register = |more: &str| {
        let (text, branch) =
            stranger.request("REGISTER", "", &format!("Expires: 60\r\n{more}"), "");
        let own = format!("<sip:1001@{}>", belfry.sip.ip());
        let head = |line: &str| match line.split(':').next() {
            Some("From") => format!("From: {own};tag={branch}"),
            Some("To") => format!("To: {own}"),
            _ if line.starts_with("REGISTER") => format!("REGISTER sip:{} SIP/2.0", belfry.sip),
            _ => line.to_owned(),
        };
        let lines: Vec<String> = text.split("\r\n").map(head).collect();
        let began = Instant::now();
        stranger.send(lines.join("\r\n").as_bytes());
        (stranger.final_answer(&branch), began.elapsed())
    };
    let (challenge, _) = register("");
    assert_eq!(status(&challenge), 401, "{challenge}");
    let offered = header(&challenge, "WWW-Authenticate").expect("a challenge");
    let value = |name: &str| {
        let rest = offered.split(&format!("{name}=\"")).nth(1).expect("a quoted parameter");
        rest.split('"').next().expect("its end").to_owned()
    };
    let response = "0".repeat(if offered.contains("SHA-256") { 64 } else { 32 });
    let algorithm = if offered.contains("SHA-256") { "SHA-256" } else { "MD5" };
    let wrong = format!(
        "Authorization: Digest username=\"1001\", realm=\"{}\", nonce=\"{}\", uri=\"sip:{}\", \
         response=\"{response}\", algorithm={algorithm}, qop=auth, nc=00000001, cnonce=\"abc\"\r\n",
        value("realm"),
        value("nonce"),
        belfry.sip,
    );
    let (answer, took) = register(&wrong);
    assert!(matches!(status(&answer), 401 | 403), "{answer}");
    assert!(took >= Duration::from_millis(1_500), "answered after {took:?}");
    let phones = belfry.console("show phones");
    assert_eq!(phones[0]["contacts"].as_array().map(Vec::len), Some(0), "{phones}");
    belfry.await_empty();
}

/// A crowd that never acknowledges, and one that cancels at once.
#[test]
fn calls_that_nobody_finishes_leave_nothing() {
    let belfry = Appliance::start(Setup::new());
    let gateway = Rough::new(gateway_ip(&belfry), belfry.sip);
    for n in 0..20 {
        let (invite, _) = gateway.request("INVITE", "4008001234", "", ALAW_SDP);
        gateway.send(invite.as_bytes());
        if n % 2 == 0 {
            let cancel: Vec<&str> = invite.split("\r\n").take_while(|l| !l.is_empty()).collect();
            let cancel = cancel.join("\r\n").replace("INVITE", "CANCEL");
            let body = |line: &&str| !line.starts_with("Content-");
            let cancel: Vec<&str> = cancel.split("\r\n").filter(body).collect();
            gateway
                .send(format!("{}\r\nContent-Length: 0\r\n\r\n", cancel.join("\r\n")).as_bytes());
        }
    }
    // The other ten are answered and never acknowledged: 64·T1 later they are given up.
    let down = wait_down(&belfry);
    assert!(down, "calls without an ACK end: {}", belfry.console("show status"));
    belfry.await_empty();
    // From a port of its own: the other's holds everything that it never read.
    let other = Rough::new(gateway_ip(&belfry), belfry.sip);
    assert!(other.alive());
}

fn wait_down(belfry: &Appliance) -> bool {
    super::process::wait_for(Duration::from_secs(60), || {
        (belfry.console("show status")["calls"] == 0).then_some(())
    })
    .is_some()
}

/// The calls beside which malformed traffic comes, and how much of it a second.
const CALLS: usize = 20;
const FLOOD: u64 = 5_000;

/// Malformed messages beside good calls, for ten minutes, or as many as `MINUTES` says:
/// `MINUTES=3 cargo test --release --test real_clients -- --ignored malformed_traffic --nocapture`
/// prints how many calls were harmed, and the memory at the start and at the end.
#[test]
#[ignore = "takes ten minutes"]
fn malformed_traffic_harms_no_call() {
    let minutes = std::env::var("MINUTES").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let mut setup = Setup::new();
    setup.phones = (0..CALLS).map(|n| (2_001 + n).to_string()).collect();
    let belfry = Appliance::start(setup.clone());
    let live = Live::new();
    let pairs: Vec<[Which; 2]> = (setup.phones.iter())
        .map(|number| [caller(&live, &belfry, CALLER), phone(&live, &belfry, number, ALICE)])
        .collect();
    for ([caller, _], number) in pairs.iter().zip(&setup.phones) {
        live.with(*caller, |phone, now| phone.call(now, number));
    }
    pairs.iter().for_each(|pair| await_talk(&live, *pair));
    let flood = Flood::begin(belfry.sip);
    let until = Instant::now() + Duration::from_secs(60 * minutes);
    let start = belfry.resident_bytes() >> 20;
    let (mut memory, mut worst) = (Vec::new(), Duration::ZERO);
    let mut harmed = std::collections::BTreeSet::new();
    while Instant::now() < until {
        listen(&live, &pairs.concat(), Duration::from_secs(10));
        for (n, [caller, agent]) in pairs.iter().enumerate() {
            for (which, hz) in [(*caller, ALICE), (*agent, CALLER)] {
                let heard = heard(&live, which);
                worst = worst.max(longest_gap(&heard));
                if share(&heard, hz) <= 0.9 {
                    harmed.insert(n);
                }
            }
        }
        memory.push(belfry.resident_bytes() >> 20);
        println!("{} sent; {} MB; longest gap {worst:?}", flood.sent(), memory[memory.len() - 1]);
    }
    let sent = flood.end();
    println!(
        "{sent} malformed messages in {minutes} min beside {CALLS} calls: {} harmed, longest gap {worst:?}; memory {start} MB \
         at the start, {} MB at the end",
        harmed.len(),
        memory[memory.len() - 1]
    );
    assert!(harmed.is_empty(), "calls {harmed:?} did not go on");
    assert!(sent > FLOOD * 60 * minutes * 9 / 10, "{sent} messages");
    // The first minute fills tables that have their bounds.
    let (early, late) = (memory[memory.len().min(6) - 1], memory[memory.len() - 1]);
    assert!(late <= early + early / 10 + 8, "memory grows: {memory:?}");
    pairs.iter().for_each(|pair| hang_up(&live, *pair));
    belfry.await_empty();
    belfry.stop();
}

/// Torture messages and broken requests, from ten sources that nobody bans, for they are of the machine
/// itself: all of them are read.
struct Flood {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: std::thread::JoinHandle<()>,
}

impl Flood {
    fn begin(server: SocketAddr) -> Flood {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let thread = std::thread::spawn({
            let (stop, sent) = (stop.clone(), sent.clone());
            move || flood(server, &stop, &sent)
        });
        Flood { stop, sent, thread }
    }

    fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    fn end(self) -> u64 {
        self.stop.store(true, Relaxed);
        self.thread.join().expect("the flood does not panic");
        self.sent.load(Relaxed)
    }
}

fn flood(server: SocketAddr, stop: &AtomicBool, sent: &AtomicU64) {
    let bind = |_| UdpSocket::bind((address::fresh(), 0)).expect("a port of our own address");
    let sockets: Vec<UdpSocket> = (0..10).map(bind).collect();
    let mut rng = Rng::from_seed(5_000);
    let torture = torture();
    let source = Rough::new(address::fresh(), server);
    let begun = Instant::now();
    while !stop.load(Relaxed) {
        let due = (begun.elapsed().as_secs_f64() * FLOOD as f64) as u64;
        for n in sent.load(Relaxed)..due {
            let mut bytes = match n % 4 {
                0 => torture[rng.below(torture.len() as u64) as usize].1.clone(),
                1 => source.request("OPTIONS", "x", "", "").0.into_bytes(),
                _ => source.request("INVITE", "4008001234", "", ALAW_SDP).0.into_bytes(),
            };
            for _ in 0..1 + rng.below(4) {
                let at = rng.below(bytes.len() as u64) as usize;
                bytes[at] = rng.next_u32() as u8;
            }
            if n % 3 == 0 {
                bytes.truncate(rng.below(bytes.len() as u64) as usize);
            }
            // What a full buffer drops is not what is tested.
            let _ = sockets[(n % 10) as usize].send_to(&bytes, server);
            sent.fetch_add(1, Relaxed);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
