//! An agent at home: TLS, SRTP and Opus through a router far away, 250 ms each way and one packet of
//! twenty lost; then the router gives the audio another port, and cuts the connection (R6, R8).
//!
//! ```text
//!  phone ── SIP by datagram ──▶ router ── TLS ──▶ belfry        what the phone writes of its addresses
//!        ◀── RTP ────────────▶        ◀── RTP ─▶                nobody outside can reach
//! ```
//!
//! The router is the test's own, in user space: this way the test needs no rights and no netem.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use belfry::base::Rng;
use belfry::media::control::Codec;
use belfry::media::negotiate::Protection;
use belfry::sim::live::{Live, Which};
use belfry::sim::phone::{Setup as PhoneSetup, State};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use super::address;
use super::appliance::{Appliance, Setup};
use super::audio::share;
use super::process::PATIENCE;
use super::scripted::{await_state, await_talk, heard, listen, phone, setup};
use super::tones::{ALICE, BOB};

/// Each way.
const DELAY: Duration = Duration::from_millis(250);
/// Of a hundred datagrams.
const LOST: u64 = 5;
/// What the phone's descriptions say of where it is.
const HIDDEN: Ipv4Addr = Ipv4Addr::new(127, 1, 2, 3);
/// Of a datagram of RTP: IPv4 and UDP.
const HEADERS: u64 = 28;
/// The most that an agent's line is to carry each way, bit/s.
const MOST: f64 = 56_000.0;

/// The router: what the phone thinks is its server.
struct Router {
    sip: SocketAddr,
    inner: Arc<Inner>,
    threads: Vec<JoinHandle<()>>,
}

struct Inner {
    /// Where the phone sends its RTP.
    rtp: UdpSocket,
    /// From where the world sees it come.
    outside: Mutex<UdpSocket>,
    /// Belfry's RTP, as its last description says.
    far: Mutex<Option<SocketAddr>>,
    /// Bytes to Belfry and from it, with their headers.
    carried: [AtomicU64; 2],
    cut: AtomicBool,
    stop: AtomicBool,
}

impl Router {
    /// One in front of `server`, which speaks TLS.
    fn new(server: SocketAddr) -> Router {
        let ip = address::fresh();
        let bind = || {
            let socket = UdpSocket::bind((ip, 0)).expect("a port of our own address");
            socket.set_nonblocking(true).expect("a socket that does not wait");
            socket
        };
        let (sip, rtp, outside) = (bind(), bind(), Mutex::new(bind()));
        let (cut, stop) = (AtomicBool::new(false), AtomicBool::new(false));
        let (far, carried) = (Mutex::new(None), [AtomicU64::new(0), AtomicU64::new(0)]);
        let inner = Arc::new(Inner { rtp, outside, far, carried, cut, stop });
        let at = sip.local_addr().expect("it is bound");
        let threads = vec![
            std::thread::spawn({
                let inner = inner.clone();
                move || inner.carry_sip(&sip, server)
            }),
            std::thread::spawn({
                let inner = inner.clone();
                move || inner.carry_rtp()
            }),
        ];
        Router { sip: at, inner, threads }
    }

    /// The audio leaves by another port from now on.
    fn change_port(&self) {
        let mut outside = self.inner.outside.lock().expect("no holder panics");
        let ip = outside.local_addr().expect("it is bound").ip();
        let fresh = UdpSocket::bind((ip, 0)).expect("another port");
        fresh.set_nonblocking(true).expect("a socket that does not wait");
        *outside = fresh;
    }

    /// The connection is gone; the next message makes another.
    fn cut(&self) {
        self.inner.cut.store(true, Relaxed);
    }

    /// Bits a second to Belfry and from it, during `time`.
    fn rates(&self, time: Duration) -> [f64; 2] {
        let now = || [0, 1].map(|way: usize| self.inner.carried[way].load(Relaxed));
        let before = now();
        std::thread::sleep(time);
        let after = now();
        [0, 1].map(|way| (after[way] - before[way]) as f64 * 8.0 / time.as_secs_f64())
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.inner.stop.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// What is under way.
type Queue = VecDeque<(Instant, Vec<u8>)>;

/// What has arrived by now.
fn arrived(queue: &mut Queue) -> Option<Vec<u8>> {
    queue.pop_front_if(|(at, _)| *at <= Instant::now()).map(|(_, bytes)| bytes)
}

impl Inner {
    fn carry_rtp(&self) {
        let mut rng = Rng::from_seed(250);
        let (mut out, mut home) = (Queue::new(), Queue::new());
        let mut phone = None;
        let mut buffer = [0; 2_048];
        while !self.stop.load(Relaxed) {
            let outside = self.outside.lock().expect("no holder panics");
            for (way, socket, queue) in [(0, &self.rtp, &mut out), (1, &*outside, &mut home)] {
                while let Ok((len, from)) = socket.recv_from(&mut buffer) {
                    if way == 0 {
                        phone = Some(from);
                    }
                    self.carried[way].fetch_add(len as u64 + HEADERS, Relaxed);
                    if rng.below(100) >= LOST {
                        queue.push_back((Instant::now() + DELAY, buffer[..len].to_vec()));
                    }
                }
            }
            let far = *self.far.lock().expect("no holder panics");
            while let Some(bytes) = arrived(&mut out) {
                far.map(|far| outside.send_to(&bytes, far));
            }
            while let Some(bytes) = arrived(&mut home) {
                phone.map(|phone| self.rtp.send_to(&bytes, phone));
            }
            drop(outside);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn carry_sip(&self, sip: &UdpSocket, server: SocketAddr) {
        let (mut out, mut home) = (Queue::new(), Queue::new());
        let (mut flow, mut phone, mut read) = (None, None, Vec::new());
        let mut buffer = [0; 8_192];
        while !self.stop.load(Relaxed) {
            if self.cut.swap(false, Relaxed) {
                flow = None;
                read.clear();
            }
            while let Ok((len, from)) = sip.recv_from(&mut buffer) {
                phone = Some(from);
                let text = String::from_utf8_lossy(&buffer[..len]).into_owned();
                out.push_back((Instant::now() + DELAY, outward(&text).into_bytes()));
            }
            while let Some(bytes) = arrived(&mut out) {
                let stream = flow.get_or_insert_with(|| connect(server));
                if stream.write_all(&bytes).and_then(|()| stream.flush()).is_err() {
                    flow = None;
                }
            }
            if let Some(stream) = &mut flow {
                match stream.read(&mut buffer) {
                    Ok(0) => flow = None,
                    Ok(len) => read.extend_from_slice(&buffer[..len]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(_) => flow = None,
                }
            }
            while let Some(message) = framed(&mut read) {
                home.push_back((Instant::now() + DELAY, self.inward(&message).into_bytes()));
            }
            while let Some(bytes) = arrived(&mut home) {
                phone.map(|phone| sip.send_to(&bytes, phone));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// A message of Belfry's, with the router's address in the place of its RTP's.
    fn inward(&self, message: &str) -> String {
        let Some((head, body)) = message.split_once("\r\n\r\n") else { return message.into() };
        let Some(port) = body.split("m=audio ").nth(1).and_then(|m| m.split(' ').next()) else {
            return message.into();
        };
        let ip = body.split("c=IN IP4 ").nth(1).and_then(|c| c.split("\r\n").next());
        let far = ip.and_then(|ip| ip.parse::<IpAddr>().ok()).zip(port.parse().ok());
        *self.far.lock().expect("no holder panics") = far.map(SocketAddr::from);
        let own = self.rtp.local_addr().expect("it is bound");
        let body = body.replace(&format!("m=audio {port}"), &format!("m=audio {}", own.port()));
        let body = body.replace(ip.unwrap_or_default(), &own.ip().to_string());
        measured(head, &body)
    }
}

/// A message of the phone's, as a phone with TLS behind a router writes it.
fn outward(message: &str) -> String {
    let (head, body) = message.split_once("\r\n\r\n").unwrap_or((message, ""));
    let head = head.replace("SIP/2.0/UDP", "SIP/2.0/TLS");
    let lines = head.split("\r\n").map(|line| match line.strip_prefix("Contact: <") {
        Some(rest) => format!("Contact: <{}", rest.replacen('>', ";transport=tls>", 1)),
        None => line.to_owned(),
    });
    let lines: Vec<String> = lines.collect();
    let hide = |line: &str| match line.strip_prefix("c=IN IP4 ") {
        Some(_) => format!("c=IN IP4 {HIDDEN}"),
        None => line.to_owned(),
    };
    let body: Vec<String> = body.split("\r\n").map(hide).collect();
    measured(&lines.join("\r\n"), &body.join("\r\n"))
}

/// Both parts, the head with the body's length.
fn measured(head: &str, body: &str) -> String {
    let lines = head.split("\r\n").map(|line| match line.starts_with("Content-Length:") {
        true => format!("Content-Length: {}", body.len()),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\r\n") + "\r\n\r\n" + body
}

/// Takes one whole message off the front.
fn framed(bytes: &mut Vec<u8>) -> Option<String> {
    let begin = bytes.iter().take_while(|byte| b"\r\n".contains(byte)).count();
    bytes.drain(..begin);
    let text = String::from_utf8_lossy(bytes).into_owned();
    let (head, _) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length:"));
    let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
    let whole = head.len() + 4 + length;
    (bytes.len() >= whole).then(|| {
        let message = bytes.drain(..whole).collect::<Vec<u8>>();
        String::from_utf8_lossy(&message).into_owned()
    })
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

fn connect(server: SocketAddr) -> Tls {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS has versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth();
    let name = ServerName::from(server.ip());
    let connection = ClientConnection::new(Arc::new(config), name).expect("a TLS client");
    let stream = TcpStream::connect(server).expect("a connection");
    let mut tls = StreamOwned::new(connection, stream);
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock).expect("a handshake");
    }
    tls.sock.set_nonblocking(true).expect("a socket that does not wait");
    tls
}

/// The appliance's certificate is its own; who it is, other tests look at.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Registers, or does so anew.
fn register(live: &Live, home: Which) {
    live.with(home, |phone, now| phone.register(now));
    let answered = live.wait(home, PATIENCE, |phone| phone.registered.is_some());
    let status = live.with(home, |phone, _| phone.registered);
    assert!(answered && status == Some(200), "the agent at home registers: {status:?}");
}

/// Both hear each other; what is lost is a gap for the one and concealed for the other.
fn hear(live: &Live, [home, office]: [Which; 2], when: &str) {
    listen(live, &[home, office], Duration::from_secs(2));
    for (which, hz, who) in [(home, BOB, "at home"), (office, ALICE, "in the office")] {
        let samples = heard(live, which);
        assert!(share(&samples, hz) > 0.8, "{who}, {when}: {:.2}", share(&samples, hz));
    }
}

fn at_home(talk: Duration) {
    let belfry = Appliance::start(Setup {
        secure: true,
        codecs: Some("[\"opus\", \"PCMA\"]"),
        srtp: &["required", "off"],
        ..Setup::new()
    });
    let router = Router::new(SocketAddr::new(belfry.sip.ip(), 5061));
    let live = Live::new();
    let own = setup(&belfry, address::fresh().into(), "1001", Some("secret-1001".into()), ALICE);
    let own = PhoneSetup {
        server: router.sip,
        codecs: vec![Codec::Opus],
        srtp: Protection::Required,
        ..own
    };
    let home = live.add(own, Rng::from_seed(1)).expect("sockets of our own address");
    register(&live, home);
    let office = phone(&live, &belfry, "1002", BOB);
    live.with(office, |phone, now| phone.call(now, "1001"));
    await_talk(&live, [home, office]);
    assert!(live.with(home, |phone, _| phone.is_protected()), "SRTP is agreed on");
    hear(&live, [home, office], "at first");

    for (rate, way) in router.rates(talk).into_iter().zip(["to the appliance", "to the agent"]) {
        assert!((8_000.0..=MOST).contains(&rate), "{way}: {:.1} kbit/s", rate / 1e3);
    }
    router.change_port();
    hear(&live, [home, office], "after the port has changed");
    router.cut();
    hear(&live, [home, office], "without a connection");
    register(&live, home);
    hear(&live, [home, office], "after it has registered again");
    live.with(home, |phone, now| phone.hang_up(now));
    for which in [home, office] {
        await_state(&live, which, "end", |state| matches!(state, State::Ended(_)));
    }
    // And it is reached over the new connection.
    live.with(office, |phone, now| phone.call(now, "1001"));
    await_talk(&live, [home, office]);
    live.with(office, |phone, now| phone.hang_up(now));
    await_state(&live, home, "end", |state| matches!(state, State::Ended(_)));
    belfry.await_empty();
    belfry.stop();
}

#[test]
fn an_agent_at_home_is_heard_whatever_the_router_does() {
    at_home(Duration::from_secs(6));
}

/// `cargo test --test real_clients -- --ignored ten_minutes_at_home`
#[test]
#[ignore = "takes ten minutes"]
fn ten_minutes_at_home() {
    at_home(Duration::from_secs(600));
}
