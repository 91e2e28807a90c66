//! Phones that are registered and say so again, each with the nonce that it has: what the switch does for each.
#![allow(clippy::disallowed_methods, reason = "it measures")]

use std::net::SocketAddr;
use std::time::Instant;

use belfry::base::{Duration, Now, Time, Wall};
use belfry::dialplan::LoadEnv;
use belfry::sip::digest::{Algorithm, Computation};
use belfry::sip::{Flow, Transport};
use belfry::switch::{Input, Output, Switch};
use belfry::wire::sip::{Message, Name};
use jiff::tz::TimeZone;

use super::{BELFRY, counting::allocations, exchange};

/// From one refresh to the next: a hundred a second.
const APART: Duration = Duration::from_millis(10);

/// The phones of one switch.
pub struct Phones {
    switch: Switch,
    now: Time,
    nonces: Vec<String>,
    count: u32,
    /// Facts so far.
    pub facts: u64,
    answers: Vec<Message>,
}

fn flow(n: usize) -> Flow {
    let remote = SocketAddr::from(([10, 1, (n >> 8) as u8, n as u8], 5060));
    Flow { transport: Transport::Udp, local: BELFRY.parse().expect("an address"), remote }
}

impl Phones {
    /// So many, registered.
    pub fn new(count: usize) -> Phones {
        let mut config = format!(
            "[sip]\nlisten = [\"udp:{BELFRY}\"]\ndomain = \"10.0.0.1\"\nnonce_lifetime = \"1 h\"\n\
             [media]\naddress = \"10.0.0.1\"\n[fort]\nallow = [\"10.1.0.0/16\"]\n"
        );
        for n in 0..count {
            config += &format!("[[phone]]\nnumber = \"{}\"\npassword = \"secret\"\n", 100_000 + n);
        }
        let env = LoadEnv { zone: TimeZone::UTC, ..LoadEnv::default() };
        let mut phones = Phones {
            switch: exchange(&config, &[], &env),
            now: Time::ZERO,
            nonces: vec![String::new(); count],
            count: 0,
            facts: 0,
            answers: Vec::new(),
        };
        phones.drain();
        phones.facts = 0;
        for n in 0..count {
            let asked = phones.request(n);
            let challenge = phones.asks(n, &asked);
            let text = String::from_utf8_lossy(
                challenge.header(Name::WwwAuthenticate).expect("a challenge"),
            )
            .into_owned();
            let nonce = text.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next());
            phones.nonces[n] = nonce.expect("a nonce").to_owned();
        }
        phones.refresh_all(1);
        phones
    }

    fn request(&self, n: usize) -> Vec<u8> {
        let (number, at, count) = (100_000 + n, flow(n).remote, self.count);
        let (user, nonce) = (number.to_string(), &self.nonces[n]);
        let nc = format!("{count:08x}");
        let uri = "sip:10.0.0.1";
        let response = Computation {
            algorithm: Algorithm::Md5,
            user: user.as_bytes(),
            realm: b"10.0.0.1",
            password: b"secret",
            nonce: nonce.as_bytes(),
            auth: Some((nc.as_bytes(), b"00c0ffee")),
            method: b"REGISTER",
            uri: uri.as_bytes(),
        }
        .response();
        let response = String::from_utf8_lossy(response.as_bytes()).into_owned();
        let proof = match nonce.is_empty() {
            true => String::new(),
            false => format!(
                "Authorization: Digest username=\"{user}\", realm=\"10.0.0.1\", nonce=\"{nonce}\", uri=\"{uri}\", \
                 response=\"{response}\", algorithm=MD5, qop=auth, nc={nc}, cnonce=\"00c0ffee\"\r\n"
            ),
        };
        format!(
            "REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {at};rport;branch=z9hG4bKr{number}-{count}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{number}@10.0.0.1>;tag={number}\r\nTo: <sip:{number}@10.0.0.1>\r\n\
             Call-ID: {number}@{at}\r\nCSeq: {} REGISTER\r\nContact: <sip:{number}@{at}>\r\n\
             User-Agent: A phone of some make 1.2.3\r\nExpires: 3600\r\n{proof}Content-Length: 0\r\n\r\n",
            count + 1
        )
        .into_bytes()
    }

    fn asks(&mut self, n: usize, bytes: &[u8]) -> Message {
        self.takes(n, bytes);
        self.answers.pop().expect("an answer")
    }

    /// What the socket's thread and the switch's do for a datagram.
    fn takes(&mut self, n: usize, bytes: &[u8]) {
        self.now += APART;
        let now = Now { at: self.now, wall: Wall(self.now.as_millis() as i64) };
        if self.switch.next_wake().is_some_and(|due| due <= self.now) {
            self.switch.handle(now, Input::Wake);
            self.drain();
        }
        let message = Message::parse(bytes).expect("a message");
        self.switch.handle(now, Input::Sip(flow(n), message));
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Sip(_, message) => self.answers.push(message),
                Output::Fact(_) => self.facts += 1,
                _ => {}
            }
        }
    }

    /// All of them, so many times; how often each has asked for memory, on the average.
    pub fn refresh_all(&mut self, times: u32) -> u64 {
        let mut asked = 0;
        for _ in 0..times {
            self.count += 1;
            for n in 0..self.nonces.len() {
                let bytes = self.request(n);
                let before = allocations();
                self.takes(n, &bytes);
                asked += allocations() - before;
                assert_eq!(self.answers.pop().expect("an answer").status(), Some(200));
            }
        }
        asked / (u64::from(times) * self.nonces.len() as u64)
    }

    /// Microseconds a refresh: to parse it, and all of it.
    pub fn time(&mut self) -> [f64; 2] {
        self.count += 1;
        let requests: Vec<Vec<u8>> = (0..self.nonces.len()).map(|n| self.request(n)).collect();
        let each = |begun: Instant| begun.elapsed().as_secs_f64() * 1e6 / requests.len() as f64;
        let begun = Instant::now();
        for bytes in &requests {
            std::hint::black_box(Message::parse(bytes).expect("a message"));
        }
        let parsing = each(begun);
        let begun = Instant::now();
        for (n, bytes) in requests.iter().enumerate() {
            self.takes(n, bytes);
        }
        let all = each(begun);
        self.answers.clear();
        [parsing, all]
    }
}
