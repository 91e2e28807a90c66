//! Phones at one socket that register, answer their challenge and refresh with the nonce that they have,
//! until the server wants another.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::digest::authorization;
use crate::message::{answer, header, status};
use crate::server::Server;

/// When what was not answered is sent again (T1).
const AGAIN: Duration = Duration::from_millis(500);
/// Phones that register for the first time at once.
const WINDOW: usize = 64;

/// What the registrar has told a phone, and what it waits for.
#[derive(Default, Clone)]
struct Phone {
    realm: String,
    nonce: String,
    count: u32,
    cseq: u32,
    /// When its last request was sent, while that is not answered.
    waits: Option<Instant>,
    /// 200s so far.
    done: u32,
}

/// What was seen of refreshes.
pub struct Refreshed {
    pub asked: u32,
    pub done: u32,
    pub repeated: u32,
    pub took: Duration,
}

/// All phones.
pub struct Registrations {
    socket: UdpSocket,
    own: SocketAddr,
    server: SocketAddr,
    phones: Vec<Phone>,
    done: u32,
    repeated: u32,
}

impl Registrations {
    /// `count` phones at the caller's address.
    pub fn new(server: &Server, count: u32) -> io::Result<Registrations> {
        let own = SocketAddr::new(server.sides[0].ip(), 5070);
        let socket = UdpSocket::bind(own)?;
        socket.set_read_timeout(Some(Duration::from_millis(1)))?;
        let phones = vec![Phone::default(); count as usize];
        Ok(Registrations { socket, own, server: server.sip, phones, done: 0, repeated: 0 })
    }

    /// Registers them all, some at a time.
    pub fn all(&mut self) -> io::Result<()> {
        let (until, mut next) = (Instant::now() + Duration::from_secs(120), 0);
        while (self.done as usize) < self.phones.len() {
            if Instant::now() > until {
                return Err(io::Error::other(format!("only {} phones registered", self.done)));
            }
            while next < self.phones.len() && next - (self.done as usize) < WINDOW {
                self.ask(next)?;
                next += 1;
            }
            self.listen()?;
            self.repeat()?;
        }
        Ok(())
    }

    /// Refreshes one after the other, `rate` a second.
    pub fn refresh(&mut self, rate: u32, span: Duration) -> io::Result<Refreshed> {
        let (begun, before, mut asked) = (Instant::now(), (self.done, self.repeated), 0);
        while begun.elapsed() < span {
            while f64::from(asked) < begun.elapsed().as_secs_f64() * f64::from(rate) {
                self.ask(asked as usize % self.phones.len())?;
                asked += 1;
            }
            self.listen()?;
            self.repeat()?;
        }
        let took = begun.elapsed();
        let (done, repeated) = (self.done - before.0, self.repeated - before.1);
        Ok(Refreshed { asked, done, repeated, took })
    }

    fn ask(&mut self, n: usize) -> io::Result<()> {
        let phone = &mut self.phones[n];
        phone.cseq += 1;
        phone.count += 1;
        phone.waits = Some(Instant::now());
        self.send(n)
    }

    fn send(&self, n: usize) -> io::Result<()> {
        let Registrations { own, server, .. } = self;
        let (phone, number) = (&self.phones[n], 100_000 + n as u32);
        let (host, cseq) = (server.ip(), phone.cseq);
        let uri = format!("sip:{host}");
        let proof = match phone.nonce.is_empty() {
            true => String::new(),
            false => authorization(number, &phone.realm, &phone.nonce, &uri, phone.count),
        };
        let text = format!(
            "REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {own};rport;branch=z9hG4bKr{number}-{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{number}@{host}>;tag={number}\r\nTo: <sip:{number}@{host}>\r\n\
             Call-ID: {number}@{own}\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:{number}@{own}>\r\n\
             Expires: 3600\r\n{proof}Content-Length: 0\r\n\r\n"
        );
        self.socket.send_to(text.as_bytes(), server).map(drop)
    }

    /// Takes what has come; waits a millisecond when nothing has.
    fn listen(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4_096];
        let Ok((len, from)) = self.socket.recv_from(&mut buffer) else { return Ok(()) };
        let message = String::from_utf8_lossy(&buffer[..len]).into_owned();
        let Some(status) = status(&message) else {
            let answer = answer(&message, "200 OK", "p", "", "");
            return self.socket.send_to(answer.as_bytes(), from).map(drop);
        };
        let number = header(&message, "Call-ID").and_then(|id| id.split('@').next()?.parse().ok());
        let Some(n) = number.map(|number: u32| (number - 100_000) as usize) else { return Ok(()) };
        let phone = &mut self.phones[n];
        let own = header(&message, "CSeq").and_then(|cseq| cseq.split(' ').next()?.parse().ok());
        if own != Some(phone.cseq) || phone.waits.is_none() {
            return Ok(());
        }
        if status == 401 {
            let challenge = header(&message, "WWW-Authenticate").unwrap_or_default().to_owned();
            let value = |name: &str| {
                let rest = challenge.split(&format!("{name}=\"")).nth(1).unwrap_or_default();
                rest.split('"').next().unwrap_or_default().to_owned()
            };
            (phone.realm, phone.nonce, phone.count) = (value("realm"), value("nonce"), 0);
            return self.ask(n);
        }
        if status == 200 {
            self.done += 1;
            phone.done += 1;
            phone.waits = None;
        }
        Ok(())
    }

    fn repeat(&mut self) -> io::Result<()> {
        for n in 0..self.phones.len() {
            if self.phones[n].waits.is_some_and(|since| since.elapsed() > AGAIN) {
                self.phones[n].waits = Some(Instant::now());
                self.repeated += 1;
                self.send(n)?;
            }
        }
        Ok(())
    }
}
