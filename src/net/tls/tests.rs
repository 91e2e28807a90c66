//! Handshakes on real sockets: who is believed, who is not, and in which words.

use std::net::Ipv4Addr;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::certificate::Facts;
use super::*;

/// A CA of the test's own.
struct Ca(CertifiedIssuer<'static, KeyPair>);

impl Ca {
    fn new() -> Ca {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Ca(CertifiedIssuer::self_signed(params, key).expect("a CA"))
    }
    fn root(&self) -> Vec<CertificateDer<'static>> {
        vec![self.0.der().clone()]
    }
    fn issues(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("signed");
        identity(certificate.der().clone(), &key)
    }
}

fn identity(certificate: CertificateDer<'static>, key: &KeyPair) -> Identity {
    let facts = Facts::of(&certificate).expect("a certificate");
    let private = rustls::pki_types::PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes());
    let key = CertifiedKey::from_der(vec![certificate], private.expect("a key"), &provider());
    Identity { key: Arc::new(key.expect("they fit")), facts, chain: "test".into() }
}

fn tls(material: Material) -> Tls {
    let tls = Tls::default();
    tls.renew(&material).expect("it is put in force");
    tls
}

fn server(identities: Vec<Identity>) -> Tls {
    tls(Material { identities, ..Material::default() })
}

/// One that believes `ca` and calls whatever `peer` makes of the address.
fn caller(ca: &Ca, address: SocketAddr, change: impl FnOnce(&mut Peer, &mut Material)) -> Tls {
    let (gateway, who) = ("e1".to_owned(), "gateway e1".to_owned());
    let mut peer = Peer { address: Some(address), gateway, who, name: None, pin: None };
    let mut material = Material { ca: Some(ca.root()), ..Material::default() };
    change(&mut peer, &mut material);
    material.peers.push(peer);
    tls(material)
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// Both ends' results of one handshake: what each says of it, or nothing when it is done and a word
/// was exchanged.
async fn shake(
    server: &Tls,
    client: impl FnOnce(SocketAddr) -> Tls,
) -> (Option<String>, Option<String>) {
    let (listener, address) = listener().await;
    let client = client(address);
    let there = async {
        let (stream, _) = listener.accept().await.expect("a connection");
        let mut stream = server.accept(stream, false).await?;
        let mut word = [0; 4];
        let read = stream.read_exact(&mut word).await;
        // A client that is not believed learns it after its own handshake is done (TLS 1.3).
        let _ = stream.write_all(b"pong").await;
        let _ = stream.flush().await;
        read.map(drop).map_err(|error| Fault::of_who_connects(&error))
    };
    let here = async {
        let stream = TcpStream::connect(address).await.expect("a connection");
        let mut stream = client.connect(stream, address).await?;
        let _ = stream.write_all(b"ping").await;
        let _ = stream.flush().await;
        let mut word = [0; 4];
        let read = stream.read_exact(&mut word).await;
        read.map(drop).map_err(|error| Fault::of_whom_we_call(&error, "gateway e1"))
    };
    let (there, here): (Result<(), Fault>, Result<(), Fault>) = tokio::join!(there, here);
    (there.err().map(|f| f.to_string()), here.err().map(|f| f.to_string()))
}

fn told(what: Option<String>, part: &str) {
    let what = what.expect("it fails");
    assert!(what.contains(part), "{what}\nlacks {part}");
}

#[tokio::test]
async fn a_gateway_by_name_bears_it_wherever_the_dns_finds_it() {
    let ca = Ca::new();
    let right = server(vec![ca.issues(&["gw.example"], |_| {})]);
    let wrong = server(vec![ca.issues(&["127.0.0.1"], |_| {})]);
    let named = |at: SocketAddr| {
        let tls = caller(&ca, at, |peer, _| {
            (peer.address, peer.name) = (None, Some("gw.example".into()));
        });
        tls.located("e1", &[at]);
        tls
    };
    assert_eq!(shake(&right, named).await, (None, None));
    told(shake(&wrong, named).await.1, "gateway e1");
}

#[tokio::test]
async fn a_gateway_of_a_known_ca_with_its_name_is_believed() {
    let ca = Ca::new();
    let server = server(vec![ca.issues(&["gw.example", "127.0.0.1"], |_| {})]);
    let by_address = |at| caller(&ca, at, |_, _| {});
    assert_eq!(shake(&server, by_address).await, (None, None));
    let by_name = |at| caller(&ca, at, |peer, _| peer.name = Some("GW.example".into()));
    assert_eq!(shake(&server, by_name).await, (None, None));
    let by_other = |at| caller(&ca, at, |peer, _| peer.name = Some("x.example".into()));
    let (_, here) = shake(&server, by_other).await;
    let words = "gateway e1: its certificate is for gw.example, 127.0.0.1, not for x.example";
    told(here, words);
}

#[tokio::test]
async fn a_domain_may_stand_in_a_sip_uri_but_an_asterisk_stands_for_nothing() {
    let ca = Ca::new();
    let uri = |params: &mut CertificateParams| {
        let uri = "sip:gw.example".try_into().expect("ASCII");
        params.subject_alt_names.push(rcgen::SanType::URI(uri));
    };
    let named = |at| caller(&ca, at, |peer, _| peer.name = Some("gw.example".into()));
    assert_eq!(shake(&server(vec![ca.issues(&[], uri)]), named).await, (None, None));
    let wild = server(vec![ca.issues(&["*.example"], |_| {})]);
    told(shake(&wild, named).await.1, "is for *.example, not for gw.example");
}

#[tokio::test]
async fn whose_certificate_is_over_or_early_or_strange_is_not_believed() {
    let (ca, other) = (Ca::new(), Ca::new());
    let now = OffsetDateTime::now_utc();
    let day = time::Duration::DAY;
    let named = |at| caller(&ca, at, |_, _| {});
    let over = ca.issues(&["127.0.0.1"], |params| params.not_after = now - day);
    let (there, here) = shake(&server(vec![over]), named).await;
    told(here, "gateway e1: its certificate is over since 20");
    told(there, "it finds our certificate over; renew the [[certificate]]");
    let early = ca.issues(&["127.0.0.1"], |params| params.not_before = now + day);
    told(shake(&server(vec![early]), named).await.1, "holds only from 20");

    let strange = other.issues(&["127.0.0.1"], |_| {});
    let shown = certificate::written(&strange.facts.fingerprint);
    let (there, here) = shake(&server(vec![strange]), named).await;
    told(here.clone(), "signed by no CA known here; write the CA's file in [tls] ca");
    told(here, &format!("tls_pin = \"{shown}\""));
    told(there, "it does not believe our certificate");
}

#[tokio::test]
async fn a_pinned_certificate_is_believed_whoever_signed_it_and_no_other_is() {
    let (ca, other) = (Ca::new(), Ca::new());
    let now = OffsetDateTime::now_utc();
    let over = |params: &mut CertificateParams| params.not_after = now - time::Duration::DAY;
    let own = other.issues(&["elsewhere"], over);
    let pin = own.facts.fingerprint;
    let pinned = |at| caller(&ca, at, |peer, _| peer.pin = Some(pin));
    assert_eq!(shake(&server(vec![own]), pinned).await, (None, None));
    let good = server(vec![ca.issues(&["127.0.0.1"], |_| {})]);
    told(shake(&good, pinned).await.1, "is not the one of tls_pin but sha256:");
    // Who has the certificate and not the key has nothing.
    let made = self_signed::self_signed(&["127.0.0.1".into()], 9).expect("made");
    let dir = tempfile::tempdir().expect("a folder");
    let (chain, key) = (dir.path().join("c"), dir.path().join("k"));
    std::fs::write(&chain, made.certificate).expect("written");
    std::fs::write(&key, made.key).expect("written");
    let own = Identity::read(&chain, &key).expect("they fit");
    let itself = |at| caller(&ca, at, |peer, _| peer.pin = Some(made.fingerprint));
    assert_eq!(shake(&server(vec![own]), itself).await, (None, None));
}

#[tokio::test]
async fn who_connects_must_show_a_certificate_where_that_is_wanted() {
    let (ca, other) = (Ca::new(), Ca::new());
    let both = |client_ca: &Ca| {
        tls(Material {
            identities: vec![ca.issues(&["127.0.0.1"], |_| {})],
            client_ca: Some(client_ca.root()),
            ..Material::default()
        })
    };
    let nobody = |at| caller(&ca, at, |_, _| {});
    let with =
        |at| caller(&ca, at, |_, material| material.identities = vec![ca.issues(&["us"], |_| {})]);
    assert_eq!(shake(&both(&ca), with).await, (None, None));
    let (there, here) = shake(&both(&ca), nobody).await;
    told(there, "it has shown no certificate; give it one of a CA in [tls] client_ca");
    told(here, "gateway e1: it wants a certificate of us");
    let (there, here) = shake(&both(&other), with).await;
    told(there, "signed by no CA of [tls] client_ca");
    told(here, "it does not believe our certificate");
}

#[tokio::test]
async fn of_several_certificates_the_one_with_the_name_is_shown() {
    let ca = Ca::new();
    let [a, b] = ["a.example", "b.example"].map(|name| ca.issues(&[name, "127.0.0.1"], |_| {}));
    let pins = [a.facts.fingerprint, b.facts.fingerprint];
    let server = server(vec![a, b]);
    for (name, pin) in [("a.example", 0), ("b.example", 1), ("c.example", 0), ("127.0.0.1", 0)] {
        let pinned = |at| {
            caller(&ca, at, |peer, _| {
                (peer.name, peer.pin) = (Some(name.into()), Some(pins[pin]));
            })
        };
        assert_eq!(shake(&server, pinned).await, (None, None), "{name}");
    }
}

#[tokio::test]
async fn new_certificates_hold_for_new_handshakes_and_old_connections_stay() {
    let ca = Ca::new();
    let server = server(vec![ca.issues(&["127.0.0.1"], |_| {})]);
    let (listener, address) = listener().await;
    let client = caller(&ca, address, |_, _| {});
    let (accepted, stream) = tokio::join!(listener.accept(), TcpStream::connect(address));
    let (accepted, stream) = (accepted.expect("a connection").0, stream.expect("a connection"));
    let (there, here) =
        tokio::join!(server.accept(accepted, false), client.connect(stream, address));
    let (mut there, mut here) = (there.expect("shaken"), here.expect("shaken"));

    let renewed = ca.issues(&["127.0.0.1", "new.example"], |_| {});
    let pin = renewed.facts.fingerprint;
    server.renew(&Material { identities: vec![renewed], ..Material::default() }).expect("in force");
    let pinned = |at| caller(&ca, at, |peer, _| peer.pin = Some(pin));
    assert_eq!(shake(&server, pinned).await, (None, None));
    here.write_all(b"still").await.expect("sent");
    here.flush().await.expect("sent");
    let mut word = [0; 5];
    there.read_exact(&mut word).await.expect("the old connection stands");
}

#[tokio::test]
async fn what_is_no_tls_is_told_in_a_line() {
    let ca = Ca::new();
    let server = server(vec![ca.issues(&["127.0.0.1"], |_| {})]);
    for (sent, part) in [
        (
            &b"OPTIONS sip:a@h SIP/2.0\r\n"[..],
            "what it sent is no TLS; a peer that speaks plain SIP",
        ),
        (b"GET / HTTP/1.1\r\n\r\n", "what it sent is no TLS"),
        (&[0x16, 3, 1, 0, 4, 9, 9, 9, 9], "it does not keep to TLS"),
        (b"", "it broke off the handshake"),
        (&[0x16, 3, 1], "it broke off the handshake"),
    ] {
        let (listener, address) = listener().await;
        let mut client = TcpStream::connect(address).await.expect("a connection");
        let (stream, _) = listener.accept().await.expect("a connection");
        client.write_all(sent).await.expect("sent");
        client.shutdown().await.expect("closed");
        let fault = server.accept(stream, false).await.expect_err("no handshake").to_string();
        assert!(fault.contains(part), "{fault}\nlacks {part}");
    }
    // And a gateway that answers in plain text.
    let (listener, address) = listener().await;
    let client = caller(&ca, address, |_, _| {});
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (mut there, _) = listener.accept().await.expect("a connection");
    there.write_all(b"SIP/2.0 400 Bad Request\r\n\r\n").await.expect("sent");
    let fault = client.connect(stream, address).await.expect_err("no handshake").to_string();
    assert!(fault.starts_with("gateway e1: what it answers is no TLS"), "{fault}");
}

#[tokio::test]
async fn versions_below_1_2_and_strange_ciphers_are_told() {
    // A client hello of TLS 1.2 with one cipher suite that nobody has any more (RC4-MD5).
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0, 4, 1, 0]);
    let extensions = [
        0, 10, 0, 4, 0, 2, 0, 23, // groups: P-256
        0, 13, 0, 4, 0, 2, 4, 3, // signatures: ECDSA with SHA-256
        0, 11, 0, 2, 1, 0, // points: uncompressed
        0, 23, 0, 0, // extended master secret
    ];
    hello.extend((extensions.len() as u16).to_be_bytes());
    hello.extend(extensions);
    let record = |version: u8, hello: &[u8]| {
        let mut handshake = vec![1, 0];
        handshake.extend((hello.len() as u16).to_be_bytes());
        handshake.extend(hello);
        let mut record = vec![0x16, 3, version];
        record.extend((handshake.len() as u16).to_be_bytes());
        record.extend(handshake);
        record
    };
    let mut old = hello.clone();
    old[1] = 1;
    let ca = Ca::new();
    let server = server(vec![ca.issues(&["127.0.0.1"], |_| {})]);
    for (sent, part) in [
        (record(3, &hello), "it and Belfry have no cipher in common; let it use ECDHE"),
        (record(1, &old), "it knows only TLS below 1.2"),
    ] {
        let (listener, address) = listener().await;
        let mut client = TcpStream::connect(address).await.expect("a connection");
        let (stream, _) = listener.accept().await.expect("a connection");
        client.write_all(&sent).await.expect("sent");
        let fault = server.accept(stream, false).await.expect_err("no handshake").to_string();
        assert!(fault.contains(part), "{fault}\nlacks {part}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_has_its_time() {
    let ca = Ca::new();
    let server = server(vec![ca.issues(&["127.0.0.1"], |_| {})]);
    let (listener, address) = listener().await;
    let _silent = TcpStream::connect(address).await.expect("a connection");
    let (stream, _) = listener.accept().await.expect("a connection");
    let fault = server.accept(stream, false).await.expect_err("no handshake").to_string();
    assert!(fault.contains("no handshake within 10 s"), "{fault}");
}
