//! Connections on real sockets, with peers that behave and peers that do not.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream as Client};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::tls::certificate::Identity;
use super::tls::self_signed::self_signed;
use super::tls::{Material, Peer};
use super::*;

/// Long enough for any machine.
const PATIENCE: Duration = Duration::from_secs(20);

struct Net {
    sip: Sip,
    inbound: Receiver<Inbound>,
    /// Connections that came to nothing.
    silent: Arc<AtomicU64>,
    runtime: tokio::runtime::Runtime,
}

impl Net {
    fn start(connections: usize) -> Net {
        Net::on(Transport::Tcp, Streams { most: connections, ..Streams::default() })
    }
    fn on(transport: Transport, streams: Streams) -> Net {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let (to, inbound) = channel();
        let shown = IpAddr::from([127, 0, 0, 1]);
        let address = SocketAddr::new(shown, 0);
        let listen = Listen { transport, address, shown };
        let silent: Arc<AtomicU64> = Arc::default();
        let counted = silent.clone();
        let deliver: Deliver = Arc::new(move |inbound| {
            match inbound {
                Inbound::Silent(_) => drop(counted.fetch_add(1, Ordering::Relaxed)),
                inbound => drop(to.send(inbound)),
            }
            Ok(())
        });
        let sip = {
            let _entered = runtime.enter();
            Sip::start(&[listen], streams, deliver).expect("a free port")
        };
        Net { sip, inbound, silent, runtime }
    }
    fn at(&self) -> SocketAddr {
        self.sip.listening()[0].1
    }
    fn connect(&self) -> Client {
        let client = Client::connect(self.at()).expect("a connection");
        client.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        client
    }
    fn next(&self) -> Inbound {
        self.inbound.recv_timeout(PATIENCE).expect("something comes")
    }
    fn message(&self) -> (Flow, Message) {
        match self.next() {
            Inbound::Message(flow, message) => (flow, message),
            other => panic!("no message: {other:?}"),
        }
    }
    /// Waits until the switch has heard of so many connections that came to nothing.
    fn await_silent(&self, count: u64) {
        let until = std::time::Instant::now() + PATIENCE;
        while self.silent.load(Ordering::Relaxed) < count {
            assert!(std::time::Instant::now() < until, "fewer than {count} came to nothing");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
    fn bad(&self) -> u64 {
        self.sip.counters().bad.load(Ordering::Relaxed)
    }
    /// Waits until so many handshakes have failed.
    fn await_handshakes(&self, count: u64) {
        let until = std::time::Instant::now() + PATIENCE;
        while self.sip.counters().handshakes.load(Ordering::Relaxed) < count {
            assert!(std::time::Instant::now() < until, "fewer than {count} handshakes failed");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn options(more: &str) -> String {
    format!(
        "OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:b@h>;tag=1\r\n\
         To: <sip:a@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n{more}\r\n"
    )
}

fn message(more: &str) -> Message {
    Message::parse(options(more).as_bytes()).expect("a message")
}

fn pings(mut client: &Client) -> bool {
    let mut pong = [0; 2];
    let asked = client.write_all(b"\r\n\r\n").and_then(|()| client.read_exact(&mut pong));
    asked.is_ok() && pong == *b"\r\n"
}

fn peer(at: SocketAddr, pin: [u8; 32]) -> Peer {
    let (gateway, who) = ("e1".to_owned(), "gateway e1".to_owned());
    Peer { address: Some(at), gateway, who, name: None, pin: Some(pin) }
}

#[test]
fn one_connection_too_many_is_closed_and_the_others_are_not() {
    let net = Net::start(2);
    let (first, second) = (net.connect(), net.connect());
    assert!(pings(&first) && pings(&second));
    assert!(!pings(&net.connect()));
    assert_eq!(net.sip.counters().refused.load(Ordering::Relaxed), 1);
    assert!(pings(&first) && pings(&second));
    drop(first);
    assert!(matches!(net.next(), Inbound::FlowFailed(_)));
    assert!(pings(&net.connect()), "there is room again");
}

#[test]
fn one_source_takes_no_more_than_its_places_and_none_of_those_kept() {
    let streams = Streams { most: 16, most_of_source: 3, ..Streams::default() };
    let net = Net::on(Transport::Tcp, streams);
    let held: Vec<Client> = (0..3).map(|_| net.connect()).collect();
    assert!(held.iter().all(pings));
    assert!(!pings(&net.connect()), "its fourth");
    drop(held);
    (0..3).for_each(|_| assert!(matches!(net.next(), Inbound::FlowFailed(_))));
    assert!(pings(&net.connect()), "and its own places are free again");
    assert!(matches!(net.next(), Inbound::FlowFailed(_)));
    // Who is allowed is not counted, and may have those that are kept.
    net.sip.order(gate::Order::Allow(vec![crate::base::Network::only(net.at().ip())]));
    let mut held: Vec<Client> = (0..16).map(|_| net.connect()).collect();
    assert!(held.iter().all(pings));
    net.sip.order(gate::Order::Allow(vec![]));
    drop(held.pop());
    assert!(matches!(net.next(), Inbound::FlowFailed(_)));
    assert!(!pings(&net.connect()), "fifteen stand, of which strangers may have fourteen");
}

#[test]
fn who_is_banned_loses_his_connections_and_gets_no_other() {
    let net = Net::start(9);
    let mut client = net.connect();
    assert!(pings(&client));
    let source = crate::base::Source::of(net.at().ip());
    net.sip.order(gate::Order::Ban(source, Duration::from_secs(3_600)));
    assert!(matches!(net.next(), Inbound::FlowFailed(_)));
    assert_eq!(client.read(&mut [0; 9]).expect("an end"), 0);
    assert!(!pings(&net.connect()));
    assert_eq!(net.sip.counters().banned.load(Ordering::Relaxed), 1);
    net.sip.order(gate::Order::Unban(source));
    assert!(pings(&net.connect()));
}

#[test]
fn a_peer_that_does_not_read_loses_its_connection_and_the_flow_fails_at_once() {
    let net = Net::start(9);
    let client = net.connect();
    assert!(pings(&client));
    let (local, remote) =
        (client.peer_addr().expect("an address"), client.local_addr().expect("an address"));
    let flow = Flow { transport: Transport::Tcp, local, remote };
    let message = Message::parse(options(&format!("X: {}\r\n", "x".repeat(8_000))).as_bytes());
    let message = message.expect("a message");
    let full = (0..100_000).find(|_| {
        net.sip.send(flow, &message);
        net.sip.counters().dropped.load(Ordering::Relaxed) > 0
    });
    assert!(full.is_some(), "the queue has a bound");
    assert!(matches!(net.next(), Inbound::FlowFailed(failed) if failed == flow));
    assert_eq!(net.sip.counters().unread.load(Ordering::Relaxed), 1);
}

#[test]
fn a_slow_reader_holds_few_bytes_and_nobody_up() {
    let net = Net::start(9);
    let (slow, other) = (net.connect(), net.connect());
    assert!(pings(&slow) && pings(&other));
    let flow = |client: &Client| Flow {
        transport: Transport::Tcp,
        local: client.peer_addr().expect("an address"),
        remote: client.local_addr().expect("an address"),
    };
    // Of long messages far fewer than the queue has places for.
    let long = options(&format!("X: {}\r\n", "x".repeat(8_000)));
    let long = Message::parse(long.as_bytes()).expect("a message");
    while net.sip.counters().unread.load(Ordering::Relaxed) == 0 {
        net.sip.send(flow(&slow), &long);
    }
    assert!(matches!(net.next(), Inbound::FlowFailed(failed) if failed == flow(&slow)));
    net.sip.send(flow(&other), &message("Content-Length: 0\r\n"));
    let mut start = [0; 7];
    (&other).read_exact(&mut start).expect("it is sent to");
    assert_eq!(&start, b"OPTIONS");
}

#[test]
fn who_closes_its_half_is_still_answered() {
    let net = Net::start(9);
    let ask = options("Content-Length: 0\r\n");
    let answer = ask.replace("OPTIONS sip:a@h SIP/2.0", "SIP/2.0 200 OK");
    let send = |flow: Flow, answer: &str| {
        net.sip.send(flow, &Message::parse(answer.as_bytes()).expect("a message"));
    };
    let mut client = net.connect();
    client.write_all(ask.as_bytes()).expect("sent");
    client.shutdown(std::net::Shutdown::Write).expect("half closed");
    let (flow, _) = net.message();
    send(flow, &answer);
    let mut read = String::new();
    client.read_to_string(&mut read).expect("an orderly end");
    assert_eq!(read, answer);
    assert!(matches!(net.next(), Inbound::FlowFailed(gone) if gone == flow));

    // The answer to a broken message is not the other one's.
    let mut client = net.connect();
    let broken = options("no colon\r\nContent-Length: 0\r\n");
    client.write_all(format!("{broken}{ask}").as_bytes()).expect("sent");
    client.shutdown(std::net::Shutdown::Write).expect("half closed");
    let Inbound::Bad(flow, _) = net.next() else { panic!("it is broken") };
    let refusal = answer.replace("200 OK", "400 Bad Request");
    send(flow, &refusal);
    let mut first = vec![0; refusal.len()];
    client.read_exact(&mut first).expect("the first answer");
    assert_eq!(net.message().0, flow);
    send(flow, &answer);
    let mut rest = String::new();
    client.read_to_string(&mut rest).expect("an orderly end");
    assert_eq!((&*first, &*rest), (refusal.as_bytes(), &*answer));
}

#[test]
fn a_connection_that_may_not_be_opened_is_a_flow_that_failed() {
    let net = Net::start(1);
    let holder = net.connect();
    assert!(pings(&holder));
    let (local, remote) = (net.at(), ([127, 0, 0, 9], 9).into());
    let flow = Flow { transport: Transport::Tcp, local, remote };
    let message = Message::parse(options("").as_bytes()).expect("a message");
    net.sip.send(flow, &message);
    assert!(matches!(net.next(), Inbound::FlowFailed(failed) if failed == flow));
    assert!(pings(&holder));
}

#[test]
fn a_broken_message_of_known_length_costs_no_more_than_itself() {
    let net = Net::start(9);
    let mut client = net.connect();
    let broken = options("no colon\r\nContent-Length: 0\r\n");
    let whole = options("Content-Length: 0\r\n");
    client.write_all(format!("{broken}{whole}").as_bytes()).expect("sent");
    let Inbound::Bad(_, error) = net.next() else { panic!("it is broken") };
    assert!(error.salvage().is_some(), "400 can be answered");
    assert!(matches!(net.next(), Inbound::Message(..)));
    assert!(pings(&client));
    assert_eq!(net.bad(), 1);
}

#[test]
fn the_last_word_is_read_though_the_peer_goes_on_sending() {
    let net = Net::start(9);
    let mut client = net.connect();
    // Without Content-Length nobody knows where the next message begins.
    client.write_all(options("").as_bytes()).expect("sent");
    let Inbound::Bad(flow, error) = net.next() else { panic!("it is broken") };
    assert!(error.ends_stream());
    let rest = options("").repeat(500);
    client.write_all(rest.as_bytes()).expect("it still listens");
    let answer = options("Content-Length: 0\r\n")
        .replace("OPTIONS sip:a@h SIP/2.0", "SIP/2.0 400 No Content-Length");
    net.sip.send(flow, &Message::parse(answer.as_bytes()).expect("a message"));
    let mut read = String::new();
    client.read_to_string(&mut read).expect("an orderly end, no reset");
    assert_eq!(read, answer);
    drop(client);
    assert!(matches!(net.next(), Inbound::FlowFailed(gone) if gone == flow));
    assert_eq!(net.bad(), 1, "what follows is not looked at");
}

/// A certificate for 127.0.0.1, and its fingerprint.
fn identity() -> (Identity, [u8; 32]) {
    let made = self_signed(&["127.0.0.1".into()], 9).expect("made");
    let dir = tempfile::tempdir().expect("a folder");
    let (chain, key) = (dir.path().join("c.pem"), dir.path().join("c.key"));
    std::fs::write(&chain, made.certificate).expect("written");
    std::fs::write(&key, made.key).expect("written");
    (Identity::read(&chain, &key).expect("they fit"), made.fingerprint)
}

fn streams(most: usize, material: &Material) -> Streams {
    let streams = Streams { most, ..Streams::default() };
    streams.tls.renew(material).expect("in force");
    streams
}

/// A listener over TLS or secure WebSocket, and what its certificate is known by.
fn secure(transport: Transport, most: usize) -> (Net, [u8; 32]) {
    let (identity, fingerprint) = identity();
    let material = Material { identities: vec![identity], ..Material::default() };
    (Net::on(transport, streams(most, &material)), fingerprint)
}

/// One that calls `address` over TLS and knows its certificate by `pin`.
fn caller(address: SocketAddr, pin: [u8; 32]) -> Net {
    let peer = peer(address, pin);
    let material = Material { peers: vec![peer], ..Material::default() };
    Net::on(Transport::Tcp, streams(9, &material))
}

#[test]
fn messages_go_both_ways_over_tls_on_the_callers_connection() {
    let (there, pin) = secure(Transport::Tls, 9);
    let here = caller(there.at(), pin);
    let out = Flow { transport: Transport::Tls, local: here.at(), remote: there.at() };
    here.sip.send(out, &message("X: there\r\nContent-Length: 0\r\n"));
    let (flow, asked) = there.message();
    assert_eq!((flow.transport, flow.local), (Transport::Tls, there.at()));
    assert!(asked.bytes().windows(8).any(|w| w == b"X: there"));
    there.sip.send(flow, &message("X: back\r\nContent-Length: 0\r\n"));
    let (back, _) = here.message();
    assert_eq!(back, out, "over the connection that was there");
    // A second request takes the same connection.
    here.sip.send(out, &message("Content-Length: 0\r\n"));
    assert_eq!(there.message().0, flow);
    let now = there.sip.figures().now();
    assert_eq!((now.connections, now.received, now.sent), (1, 2, 1));
    assert_eq!(now.listening, [format!("tls:{}", there.at())]);
    drop(here);
    assert!(matches!(there.next(), Inbound::FlowFailed(gone) if gone == flow));
}

/// A request whose Via says `alias`, of who listens at `port`.
fn aliased(transport: Transport, port: u16) -> String {
    options("Content-Length: 0\r\n")
        .replace("TCP h;", &format!("{} gw.example:{port};alias;", transport.via_name()))
}

/// A listener that counts who comes.
fn gateway() -> (std::net::TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("it may");
    let at = listener.local_addr().expect("an address");
    (listener, at)
}

#[test]
fn requests_to_a_gateway_go_back_over_its_own_connection() {
    let net = Net::start(9);
    let (listener, at) = gateway();
    let to = Flow { transport: Transport::Tcp, local: net.at(), remote: at };
    let mut client = net.connect();
    // Somebody at the gateway's address, before anybody knows that it is one's.
    client.write_all(aliased(Transport::Tcp, at.port()).as_bytes()).expect("sent");
    net.message();
    let alone = Flow { remote: SocketAddr::new(at.ip(), 9), ..to };
    net.sip.order(gate::Order::Peers(vec![at]));
    for port in [9, at.port()] {
        client.write_all(aliased(Transport::Tcp, port).as_bytes()).expect("sent");
        net.message();
    }
    net.sip.send(to, &message("X: back\r\nContent-Length: 0\r\n"));
    let mut heard = [0; 64];
    client.read_exact(&mut heard).expect("it comes here");
    assert!(heard.starts_with(b"OPTIONS"));
    assert_eq!(
        listener.accept().expect_err("nobody has called").kind(),
        std::io::ErrorKind::WouldBlock
    );
    // A port where no gateway is stands for nobody.
    net.sip.send(alone, &message("Content-Length: 0\r\n"));
    assert!(matches!(net.next(), Inbound::FlowFailed(gone) if gone == alone));
    // With the connection both flows end; the next request opens its own.
    drop(client);
    let mut gone = [net.next(), net.next()].map(|inbound| match inbound {
        Inbound::FlowFailed(flow) => flow,
        other => panic!("{other:?}"),
    });
    gone.sort_by_key(|flow| *flow != to);
    assert_eq!(gone[0], to);
    assert_ne!(gone[1], to);
    net.sip.send(to, &message("Content-Length: 0\r\n"));
    let until = std::time::Instant::now() + PATIENCE;
    while listener.accept().is_err() {
        assert!(std::time::Instant::now() < until, "nobody calls");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn over_tls_only_who_shows_the_gateways_certificate_is_sent_its_requests() {
    // The gateway's certificate, another's, and none.
    for (shows, over_its_own) in [(Some(true), true), (Some(false), false), (None, false)] {
        let (gateways, pin) = identity();
        let (others, _) = identity();
        let (ours, our_pin) = identity();
        let (listener, at) = gateway();
        let root = |identity: &Identity| identity.key.cert[0].clone();
        let client_ca = shows.map(|_| vec![root(&gateways), root(&others)]);
        let material = Material {
            identities: vec![ours],
            client_ca,
            peers: vec![peer(at, pin)],
            ..Material::default()
        };
        let net = Net::on(Transport::Tls, streams(9, &material));
        net.sip.order(gate::Order::Peers(vec![at]));
        let identities = match shows {
            Some(true) => vec![gateways],
            Some(false) => vec![others],
            None => Vec::new(),
        };
        let peers = vec![peer(net.at(), our_pin)];
        let caller = Material { identities, peers, ..Material::default() };
        let there = Net::on(Transport::Tcp, streams(9, &caller));
        let out = Flow { transport: Transport::Tls, local: there.at(), remote: net.at() };
        let text = aliased(Transport::Tls, at.port());
        there.sip.send(out, &Message::parse(text.as_bytes()).expect("a message"));
        net.message();
        let to = Flow { transport: Transport::Tls, local: net.at(), remote: at };
        net.sip.send(to, &message("X: back\r\nContent-Length: 0\r\n"));
        if over_its_own {
            assert_eq!(there.message().0, out);
            assert!(listener.accept().is_err(), "{shows:?}: nobody has called");
            continue;
        }
        let until = std::time::Instant::now() + PATIENCE;
        while listener.accept().is_err() {
            assert!(std::time::Instant::now() < until, "{shows:?}: nobody calls");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn a_connection_of_ours_comes_from_the_listeners_address() {
    let there = Net::start(9);
    let (to, _inbound) = channel();
    let deliver: Deliver = Arc::new(move |inbound| {
        let _ = to.send(inbound);
        Ok(())
    });
    // A machine of two addresses.
    let own = IpAddr::from([127, 0, 0, 2]);
    let listen = Listen { transport: Transport::Tcp, address: (own, 0).into(), shown: own };
    let _entered = there.runtime.enter();
    let streams = Streams { most: 9, ..Streams::default() };
    let here = Sip::start(&[listen], streams, deliver).expect("a free port");
    let local = here.listening()[0].1;
    let out = Flow { transport: Transport::Tcp, local, remote: there.at() };
    here.send(out, &message("Content-Length: 0\r\n"));
    assert_eq!(there.message().0.remote.ip(), own);
}

#[test]
fn a_gateway_with_another_certificate_is_a_flow_that_failed() {
    let (there, _) = secure(Transport::Tls, 9);
    let here = caller(there.at(), [0; 32]);
    let out = Flow { transport: Transport::Tls, local: here.at(), remote: there.at() };
    here.sip.send(out, &message("Content-Length: 0\r\n"));
    assert!(matches!(here.next(), Inbound::FlowFailed(failed) if failed == out));
    here.await_handshakes(1);
    there.await_handshakes(1);
    there.await_silent(1);
    assert!(there.inbound.try_recv().is_err(), "no more than that it came to nothing");
    assert_eq!(here.silent.load(Ordering::Relaxed), 0, "nobody is counted whom we call");
}

#[test]
fn plain_text_on_a_tls_port_is_counted_and_closed_and_costs_nobody_else() {
    let (there, pin) = secure(Transport::Tls, 9);
    for _ in 0..20 {
        let mut client = there.connect();
        client.write_all(options("Content-Length: 0\r\n").as_bytes()).expect("sent");
        let mut rest = Vec::new();
        let _ = client.read_to_end(&mut rest);
    }
    there.await_handshakes(20);
    there.await_silent(20);
    let here = caller(there.at(), pin);
    let out = Flow { transport: Transport::Tls, local: here.at(), remote: there.at() };
    here.sip.send(out, &message("Content-Length: 0\r\n"));
    there.message();
    assert_eq!(there.bad(), 0);
}

#[test]
fn those_who_do_not_shake_hands_leave_room_for_those_who_do() {
    let (there, pin) = secure(Transport::Tls, 8);
    // Two of eight may be at it; they say nothing for ten seconds.
    let silent = [there.connect(), there.connect()];
    let refused = || there.sip.counters().refused.load(Ordering::Relaxed);
    let until = std::time::Instant::now() + PATIENCE;
    while refused() == 0 && std::time::Instant::now() < until {
        let mut client = there.connect();
        let mut rest = Vec::new();
        let _ = client.read_to_end(&mut rest);
    }
    assert!(refused() > 0, "a third is closed at once");
    drop(silent);
    there.await_handshakes(2);
    let here = caller(there.at(), pin);
    let out = Flow { transport: Transport::Tls, local: here.at(), remote: there.at() };
    here.sip.send(out, &message("Content-Length: 0\r\n"));
    there.message();
}

type Browser = WebSocketStream<TcpStream>;

async fn browse(at: SocketAddr, protocol: Option<&str>) -> Result<Browser, Error> {
    let stream = TcpStream::connect(at).await.expect("a connection");
    let mut request = format!("ws://{at}/").into_client_request().expect("a request");
    if let Some(protocol) = protocol {
        let value = protocol.parse().expect("a header's value");
        request.headers_mut().insert("sec-websocket-protocol", value);
    }
    client_async(request, stream).await.map(|(socket, _)| socket)
}

fn websocket() -> Net {
    Net::on(Transport::Ws, Streams { most: 16, ..Streams::default() })
}

async fn hear(browser: &mut Browser) -> Option<Frame> {
    let frame = tokio::time::timeout(PATIENCE, browser.next()).await.expect("something comes");
    frame.and_then(Result::ok)
}

#[test]
fn a_browser_speaks_sip_over_its_web_socket() {
    let net = websocket();
    net.runtime.block_on(async {
        let mut browser = browse(net.at(), Some("sip")).await.expect("a web socket");
        browser.send(Frame::text(options(""))).await.expect("sent");
        let (flow, _) = net.message();
        assert_eq!((flow.transport, flow.local), (Transport::Ws, net.at()));
        browser.send(Frame::binary(options("").into_bytes())).await.expect("sent");
        assert_eq!(net.message().0, flow, "bytes are as good as text, and need no length");
        net.sip.send(flow, &message("X: back\r\n"));
        let back = hear(&mut browser).await.expect("an answer");
        assert!(back.is_text() && back.to_text().is_ok_and(|text| text.contains("X: back")));
        browser.send(Frame::text("\r\n\r\n")).await.expect("sent");
        assert_eq!(hear(&mut browser).await, Some(Frame::text("\r\n")));
        browser.send(Frame::Ping("x".into())).await.expect("sent");
        assert_eq!(hear(&mut browser).await, Some(Frame::Pong("x".into())));
        browser.close(None).await.expect("closed");
        assert!(matches!(net.next(), Inbound::FlowFailed(gone) if gone == flow));
        // Nobody calls a browser.
        net.sip.send(flow, &message(""));
        assert!(matches!(net.next(), Inbound::FlowFailed(gone) if gone == flow));
    });
}

#[test]
fn who_speaks_no_sip_is_refused_in_the_upgrade() {
    let net = websocket();
    net.runtime.block_on(async {
        for protocol in [None, Some("xmpp")] {
            let Err(Error::Http(refused)) = browse(net.at(), protocol).await else {
                panic!("not refused: {protocol:?}")
            };
            assert_eq!(refused.status(), 400);
        }
        let mut plain = net.connect();
        plain.write_all(options("Content-Length: 0\r\n").as_bytes()).expect("sent");
        let mut rest = Vec::new();
        let _ = plain.read_to_end(&mut rest);
        net.await_handshakes(3);
    });
    assert!(net.inbound.try_recv().is_err());
}

#[test]
fn garbage_over_a_web_socket_is_bounded_and_counted() {
    let net = websocket();
    net.runtime.block_on(async {
        // Broken messages: told, and too many of them end the connection.
        let mut browser = browse(net.at(), Some("sip")).await.expect("a web socket");
        for n in 0..20_u8 {
            browser.send(Frame::binary(vec![b'a' + n; 40])).await.expect("sent");
            assert!(matches!(net.next(), Inbound::Bad(..)));
        }
        assert!(matches!(hear(&mut browser).await, Some(Frame::Close(Some(_)))));
        assert!(matches!(net.next(), Inbound::FlowFailed(_)));
        assert_eq!(net.bad(), 20);
        // A message larger than any of SIP, in one frame and in many.
        for pieces in [1, 100] {
            let mut browser = browse(net.at(), Some("sip")).await.expect("a web socket");
            let huge = vec![b'x'; 70_000];
            for (n, piece) in huge.chunks(huge.len().div_ceil(pieces)).enumerate() {
                use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
                let opcode = OpCode::Data(if n == 0 { Data::Text } else { Data::Continue });
                let last = n + 1 == pieces;
                let frame = tokio_tungstenite::tungstenite::protocol::frame::Frame::message(
                    piece.to_vec(),
                    opcode,
                    last,
                );
                if browser.send(Frame::Frame(frame)).await.is_err() {
                    break;
                }
            }
            while !matches!(hear(&mut browser).await, None | Some(Frame::Close(_))) {}
            assert!(matches!(net.next(), Inbound::FlowFailed(_)));
        }
        // Half a frame, and gone.
        let mut plain = browse(net.at(), Some("sip")).await.expect("a web socket");
        tokio::io::AsyncWriteExt::write_all(plain.get_mut(), &[0x81, 0xfe, 0x10])
            .await
            .expect("sent");
        drop(plain);
        assert!(matches!(net.next(), Inbound::FlowFailed(_)));
        // And a frame without a mask, which no browser sends.
        let mut plain = browse(net.at(), Some("sip")).await.expect("a web socket");
        tokio::io::AsyncWriteExt::write_all(plain.get_mut(), &[0x81, 2, b'h', b'i'])
            .await
            .expect("sent");
        assert!(matches!(net.next(), Inbound::FlowFailed(_)));
    });
}

#[test]
fn a_browser_speaks_sip_over_a_secure_web_socket() {
    let (net, pin) = secure(Transport::Wss, 16);
    let tls = tls::Tls::default();
    let peer = peer(net.at(), pin);
    tls.renew(&Material { peers: vec![peer], ..Material::default() }).expect("in force");
    net.runtime.block_on(async {
        let stream = TcpStream::connect(net.at()).await.expect("a connection");
        let stream = tls.connect(stream, net.at()).await.expect("shaken");
        let mut request = format!("ws://{}/", net.at()).into_client_request().expect("a request");
        let value = "sip".parse().expect("a header's value");
        request.headers_mut().insert("sec-websocket-protocol", value);
        let (mut browser, _) = client_async(request, stream).await.expect("a web socket");
        browser.send(Frame::text(options(""))).await.expect("sent");
        let (flow, _) = net.message();
        assert_eq!(flow.transport, Transport::Wss);
        net.sip.send(flow, &message("X: back\r\n"));
        let back = tokio::time::timeout(PATIENCE, browser.next()).await.expect("it comes");
        assert!(back.and_then(Result::ok).is_some_and(|frame| frame.is_text()));
    });
}
