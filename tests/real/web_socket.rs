//! A browser's SIP: over WebSocket and secure WebSocket, by a client of our own.

use std::net::SocketAddr;

use belfry::base::Rng;
use belfry::net::tls::{Material, Peer, Tls};
use belfry::sip::digest::client::{Challenged, Credentials, Login};
use belfry::wire::sip::{Message, Name};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::appliance::{Appliance, Setup};
use super::process::PATIENCE;

/// One page's connection.
struct Page<S> {
    socket: WebSocketStream<S>,
    via: &'static str,
    cseq: u32,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Page<S> {
    async fn open(stream: S, at: SocketAddr, via: &'static str) -> Page<S> {
        let mut request = format!("ws://{at}/").into_client_request().expect("a request");
        let sip = "sip".parse().expect("a header's value");
        request.headers_mut().insert("sec-websocket-protocol", sip);
        let (socket, _) = client_async(request, stream).await.expect("a web socket");
        Page { socket, via, cseq: 0 }
    }

    /// A request as JsSIP writes it: nobody can reach the host of its Via and Contact.
    fn request(&mut self, method: &str, domain: &str, more: &str) -> String {
        self.cseq += 1;
        let (cseq, via) = (self.cseq, self.via);
        format!(
            "{method} sip:{domain} SIP/2.0\r\nVia: SIP/2.0/{via} df7jal23ls0d.invalid;branch=z9hG4bK{cseq}\r\n\
             Max-Forwards: 69\r\nFrom: <sip:1001@{domain}>;tag=page\r\nTo: <sip:1001@{domain}>\r\n\
             Call-ID: page\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:page@df7jal23ls0d.invalid;transport=ws>;reg-id=1;\
             +sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\"\r\n\
             Supported: path, outbound\r\n{more}\r\n"
        )
    }

    async fn say(&mut self, text: String) {
        self.socket.send(Frame::text(text)).await.expect("sent");
    }

    /// The next message that is no 100.
    async fn hear(&mut self) -> Message {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            let frame = frame.expect("it comes in time").expect("it comes").expect("a frame");
            if let Ok(message) = Message::parse(&frame.into_data())
                && message.status() != Some(100)
            {
                return message;
            }
        }
    }

    async fn register(&mut self, belfry: &Appliance) -> Message {
        let domain = belfry.sip.ip().to_string();
        let first = self.request("REGISTER", &domain, "Expires: 600\r\n");
        self.say(first.clone()).await;
        let challenge = self.hear().await;
        assert_eq!(challenge.status(), Some(401));
        let password = belfry.setup.password("1001");
        let mut login =
            Login::new(Credentials { user: "1001".into(), password, least: Default::default() });
        let asked = Message::parse(first.as_bytes()).expect("a message");
        let answer = login.challenged(&asked, &challenge, &mut Rng::from_seed(7));
        let Challenged::Answer { value, .. } = answer else { panic!("a challenge: {answer:?}") };
        let more = format!("Authorization: {}\r\n", String::from_utf8_lossy(&value));
        let again = self.request("REGISTER", &domain, &format!("Expires: 600\r\n{more}"));
        self.say(again).await;
        self.hear().await
    }
}

/// Registers, is called, refuses, and goes: the registration goes with it.
async fn live<S: AsyncRead + AsyncWrite + Unpin>(belfry: &Appliance, mut page: Page<S>) {
    let contacts = || belfry.console("show phones")[0]["contacts"].clone();
    let registered = page.register(belfry).await;
    assert_eq!(registered.status(), Some(200), "{}", text(&registered));
    assert!(contacts().to_string().contains(".invalid"), "{}", contacts());
    page.say(page_ping()).await;

    let phone = super::baresip::Phone::new("1002", super::tones::BOB);
    let mut bob = super::baresip::Baresip::register(belfry, phone);
    bob.dial("1001");
    let invite = page.hear().await;
    let (called, via) = (text(&invite), format!("SIP/2.0/{} {}", page.via, belfry.sip.ip()));
    assert!(called.starts_with("INVITE sip:page@df7jal23ls0d.invalid"), "{called}");
    assert!(called.contains(&via), "{called}");
    assert!(
        invite.header(Name::Contact).is_some_and(|c| c.ends_with(b"transport=ws>")),
        "{called}"
    );
    let busy = belfry::wire::sip::Builder::response_to(&invite, 486, "").build().expect("written");
    page.say(text(&busy)).await;
    assert!(text(&page.hear().await).starts_with("ACK "));
    bob.expect("CALL_CLOSED");

    drop(page);
    let gone = super::process::wait_for(PATIENCE, || {
        contacts().as_array().is_some_and(Vec::is_empty).then_some(())
    });
    assert!(gone.is_some(), "its registration goes with its connection: {}", contacts());
    belfry.await_empty();
}

fn page_ping() -> String {
    "\r\n\r\n".into()
}

fn text(message: &Message) -> String {
    String::from_utf8_lossy(message.bytes()).into_owned()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime")
}

#[test]
fn a_page_registers_over_web_socket_and_is_called() {
    let belfry = Appliance::start(Setup { secure: true, ..Setup::new() });
    let at = SocketAddr::new(belfry.sip.ip(), 5066);
    runtime().block_on(async {
        let stream = TcpStream::connect(at).await.expect("a connection");
        live(&belfry, Page::open(stream, at, "WS").await).await;
    });
    belfry.stop();
}

#[test]
fn a_page_registers_over_secure_web_socket_and_is_called() {
    let belfry = Appliance::start(Setup { secure: true, ..Setup::new() });
    let pin = belfry.new_certificate();
    belfry.console("reload");
    let at = SocketAddr::new(belfry.sip.ip(), 5067);
    let tls = Tls::default();
    let (gateway, who) = ("belfry".to_owned(), "belfry".to_owned());
    let peer = Peer { address: Some(at), gateway, who, name: None, pin: Some(pin) };
    tls.renew(&Material { peers: vec![peer], ..Material::default() }).expect("in force");
    runtime().block_on(async {
        let stream = TcpStream::connect(at).await.expect("a connection");
        let stream = tls.connect(stream, at).await.expect("shaken");
        live(&belfry, Page::open(stream, at, "WSS").await).await;
    });
    belfry.stop();
}
