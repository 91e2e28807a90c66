//! The two ends of many calls, in one thread: the caller dials, the callee rings and answers at once, the
//! caller hangs up after a while. Both repeat what is not answered, as RFC 3261 has it for UDP, and count
//! that: on a loopback nothing is lost, so each repetition means that the server was late.
//!
//! ```text
//!  caller             server            callee
//!    │ INVITE 9n  ──▶   │  INVITE 9n ──▶  │
//!    │ ◀── 100 180      │  ◀── 180 200    │
//!    │ ◀── 200  ACK ──▶ │  ACK ──▶        │
//!    │ BYE ──▶  ◀── 200 │  BYE ──▶ ◀── 200│
//! ```

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use crate::message::{answer, header, headers, method, parameter, status, uri};
use crate::server::{PREFIX, Server};

/// When what is not answered is sent again (RFC 3261 §17.1.1.1, T1).
const AGAIN: Duration = Duration::from_millis(500);
/// How long a call may take to end once no new ones are made.
const LAST: Duration = Duration::from_secs(5);
/// The socket's buffer, bytes: what a stall of the server gathers is not to be lost.
const BUFFER: libc::c_int = 8 << 20;

/// How many calls, and of which kind.
pub struct Load {
    /// Calls a second.
    pub rate: u32,
    /// For how long new ones are made.
    pub span: Duration,
    /// From the answer to the caller's BYE.
    pub stay: Duration,
}

/// What was seen of them.
#[derive(Default)]
pub struct Seen {
    pub begun: u64,
    /// With 200 to the BYE.
    pub ended: u64,
    /// Refused.
    pub refused: u64,
    /// Requests that we had to send again.
    pub repeated: u64,
    /// Messages that the server sent again.
    pub again: u64,
    /// From INVITE to INVITE, and from 200 to 200, microseconds.
    pub delays: Vec<u32>,
    pub took: Duration,
}

impl Seen {
    /// In words.
    pub fn story(&self) -> String {
        let mut delays = self.delays.clone();
        delays.sort_unstable();
        let at = |part: usize| delays.get(delays.len() * part / 1_000).copied().unwrap_or(0);
        format!(
            "{} calls, {} whole, {} refused, {} requests repeated to it, {} messages repeated by it, \
             through it p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms",
            self.begun,
            self.ended,
            self.refused,
            self.repeated,
            self.again,
            f64::from(at(500)) / 1e3,
            f64::from(at(990)) / 1e3,
            f64::from(at(999)) / 1e3,
        )
    }
}

/// A call from the caller's side.
enum Call {
    /// The INVITE went out.
    Inviting { since: Instant },
    /// Answered: it says BYE at the time named; what it sends then.
    Up { ends: Option<Instant>, bye: String },
    /// The BYE went out.
    Ending { since: Instant, bye: String },
}

/// Both ends.
pub struct Calls {
    caller: UdpSocket,
    callee: UdpSocket,
    server: SocketAddr,
    calls: HashMap<u64, Call>,
    /// When calls are to be looked at, for repetition or BYE, the soonest first.
    due: BinaryHeap<Reverse<(Instant, u64)>>,
    /// 200s of the callee that wait for their ACK: the callee's tag, when, and the message.
    unacknowledged: HashMap<u64, (Instant, String)>,
    sent: HashMap<u64, Instant>,
    known: HashSet<u64>,
    next: u64,
    seen: Seen,
}

impl Calls {
    /// At the addresses of the server's gateways.
    pub fn new(server: &Server) -> io::Result<Calls> {
        let [caller, callee] = server.sides.map(UdpSocket::bind);
        let (caller, callee) = (caller?, callee?);
        for socket in [&caller, &callee] {
            socket.set_nonblocking(true)?;
            enlarge(socket);
        }
        Ok(Calls {
            caller,
            callee,
            server: server.sip,
            calls: HashMap::new(),
            due: BinaryHeap::new(),
            unacknowledged: HashMap::new(),
            sent: HashMap::new(),
            known: HashSet::new(),
            next: 0,
            seen: Seen::default(),
        })
    }

    /// Makes calls and waits for their ends.
    pub fn run(&mut self, load: &Load) -> io::Result<Seen> {
        self.seen = Seen::default();
        self.known.clear();
        let begun = Instant::now();
        loop {
            let passed = begun.elapsed();
            let wanted = (passed.min(load.span).as_secs_f64() * f64::from(load.rate)) as u64;
            while self.seen.begun < wanted {
                self.invite()?;
            }
            if passed >= load.span && (self.calls.is_empty() || passed > load.span + LAST) {
                break;
            }
            self.turn(Some(load.stay))?;
        }
        self.calls.clear();
        self.due.clear();
        self.unacknowledged.clear();
        let mut seen = std::mem::take(&mut self.seen);
        seen.took = load.span;
        Ok(seen)
    }

    /// Has `up` calls up, `rate` new ones a second, and lets them be.
    pub fn hold(&mut self, up: u32, rate: u32) -> io::Result<()> {
        let (begun, had) = (Instant::now(), self.calls.len());
        let until = begun + Duration::from_secs(60);
        let is_up = |call: &Call| matches!(call, Call::Up { .. });
        while self.calls.values().filter(|call| is_up(call)).count() < up as usize {
            let wanted = had + (begun.elapsed().as_secs_f64() * f64::from(rate)) as usize;
            while self.calls.len() < wanted.min(up as usize) {
                self.invite()?;
            }
            self.turn(None)?;
            if Instant::now() > until {
                return Err(io::Error::other(format!("not {up} calls up: {}", self.seen.story())));
            }
        }
        Ok(())
    }

    /// Answers what is asked for so long.
    pub fn rest(&mut self, time: Duration) -> io::Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.turn(None)?;
        }
        Ok(())
    }

    /// What has come, and what is due; waits a millisecond at most.
    fn turn(&mut self, stay: Option<Duration>) -> io::Result<()> {
        let watch = |socket: &UdpSocket| libc::pollfd {
            fd: socket.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let mut sockets = [watch(&self.caller), watch(&self.callee)];
        // SAFETY: the two structures are ours and live through the call.
        #[allow(unsafe_code, reason = "std cannot wait for two sockets")]
        unsafe {
            libc::poll(sockets.as_mut_ptr(), 2, 1);
        }
        let mut buffer = [0; 8_192];
        while let Ok((len, _)) = self.caller.recv_from(&mut buffer) {
            if let Ok(message) = std::str::from_utf8(&buffer[..len]) {
                self.caller_gets(message, stay)?;
            }
        }
        while let Ok((len, _)) = self.callee.recv_from(&mut buffer) {
            if let Ok(message) = std::str::from_utf8(&buffer[..len]) {
                self.callee_gets(message)?;
            }
        }
        self.do_due()
    }

    fn invite(&mut self) -> io::Result<()> {
        let n = self.next;
        self.next += 1;
        self.seen.begun += 1;
        let now = Instant::now();
        self.sent.insert(n, now);
        self.calls.insert(n, Call::Inviting { since: now });
        self.due.push(Reverse((now + AGAIN, n)));
        self.send_invite(n)
    }

    fn send_invite(&self, n: u64) -> io::Result<()> {
        let (own, server) = (self.caller.local_addr()?, self.server);
        let sdp = sdp(own);
        let text = format!(
            "INVITE sip:{PREFIX}{n}@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKi{n}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:13800138000@{own}>;tag=1c{n}\r\nTo: <sip:{PREFIX}{n}@{server};user=phone>\r\n\
             Call-ID: {n}@{own}\r\nCSeq: 1 INVITE\r\nContact: <sip:13800138000@{own}>\r\nSupported: em,timer,replaces,path\r\n\
             Allow: REGISTER,OPTIONS,INVITE,ACK,CANCEL,BYE,NOTIFY,PRACK,REFER,INFO,SUBSCRIBE,UPDATE\r\n\
             User-Agent: Audiocodes-Sip-Gateway/Mediant 2000/v.5.40.010.006\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        );
        self.caller.send_to(text.as_bytes(), server).map(drop)
    }

    fn caller_gets(&mut self, message: &str, stay: Option<Duration>) -> io::Result<()> {
        let Some(status) = status(message) else {
            // A BYE or what else the server wants of the caller.
            if method(message) != "ACK" {
                let text = answer(message, "200 OK", "a", "", "");
                self.caller.send_to(text.as_bytes(), self.server)?;
            }
            return Ok(());
        };
        self.count_again(message);
        let number = header(message, "Call-ID").and_then(|id| id.split('@').next()?.parse().ok());
        let Some(n) = number else { return Ok(()) };
        let now = Instant::now();
        match (method(message), status) {
            ("INVITE", 200) => {
                let (ack, bye) = self.within(message)?;
                self.caller.send_to(ack.as_bytes(), self.server)?;
                if let Some(call @ Call::Inviting { .. }) = self.calls.get_mut(&n) {
                    if let Some(answered) = self.sent.remove(&(n | ANSWERED)) {
                        self.seen.delays.push(answered.elapsed().as_micros() as u32);
                    }
                    let ends = stay.map(|stay| now + stay);
                    *call = Call::Up { ends, bye };
                    self.due.extend(ends.map(|ends| Reverse((ends, n))));
                }
            }
            ("INVITE", 300..) if self.calls.remove(&n).is_some() => self.seen.refused += 1,
            ("BYE", 200..) if self.calls.remove(&n).is_some() => self.seen.ended += 1,
            _ => {}
        }
        Ok(())
    }

    /// The ACK to a 200 and the BYE after it, along its route.
    fn within(&self, ok: &str) -> io::Result<(String, String)> {
        let own = self.caller.local_addr()?;
        let value = |name| header(ok, name).unwrap_or_default();
        let routes: Vec<&str> = headers(ok, "Record-Route").collect();
        let route: String = routes.iter().rev().map(|at| format!("Route: {at}\r\n")).collect();
        let target = uri(value("Contact"));
        let (from, to, call) = (value("From"), value("To"), value("Call-ID"));
        let n = call.split('@').next().unwrap_or_default();
        let request = |method: &str, cseq: u32| {
            format!(
                "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{method}{n}\r\nMax-Forwards: 70\r\n\
                 {route}From: {from}\r\nTo: {to}\r\nCall-ID: {call}\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n"
            )
        };
        Ok((request("ACK", 1), request("BYE", 2)))
    }

    fn callee_gets(&mut self, message: &str) -> io::Result<()> {
        let now = Instant::now();
        if status(message).is_some() {
            return Ok(());
        }
        let dialled = header(message, "To").map(uri).and_then(|to| {
            let user = to.strip_prefix("sip:")?.split(['@', ';']).next()?;
            user.strip_prefix(PREFIX)?.parse::<u64>().ok()
        });
        let fresh = self.count_again(message);
        match (method(message), dialled) {
            ("INVITE", Some(n)) => {
                if let (true, Some(sent)) = (fresh, self.sent.remove(&n)) {
                    self.seen.delays.push(sent.elapsed().as_micros() as u32);
                }
                let own = self.callee.local_addr()?;
                let contact = format!("Contact: <sip:{PREFIX}{n}@{own}>\r\n");
                let tag = format!("2c{n}");
                let ringing = answer(message, "180 Ringing", &tag, &contact, "");
                self.callee.send_to(ringing.as_bytes(), self.server)?;
                let ok = answer(message, "200 OK", &tag, &contact, &sdp(own));
                self.callee.send_to(ok.as_bytes(), self.server)?;
                self.sent.insert(n | ANSWERED, now);
                self.unacknowledged.insert(n, (now, ok));
                self.due.push(Reverse((now + AGAIN, n | ANSWERED)));
            }
            ("ACK", Some(n)) => drop(self.unacknowledged.remove(&n)),
            ("ACK", None) => {}
            _ => {
                let text = answer(message, "200 OK", "b", "", "");
                self.callee.send_to(text.as_bytes(), self.server)?;
            }
        }
        Ok(())
    }

    /// Whether a message is the first of its kind in its transaction; a later one is counted.
    fn count_again(&mut self, message: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        let branch = header(message, "Via").and_then(|via| parameter(via, "branch"));
        (branch, method(message), status(message)).hash(&mut hasher);
        let fresh = self.known.insert(hasher.finish());
        self.seen.again += u64::from(!fresh);
        fresh
    }

    /// Byes and repetitions whose time has come.
    fn do_due(&mut self) -> io::Result<()> {
        let now = Instant::now();
        while let Some(Reverse((at, n))) = self.due.peek().copied().filter(|due| due.0.0 <= now) {
            self.due.pop();
            let again = self.do_one(now, n)?;
            self.due.extend(again.map(|again| Reverse((again.max(at), n))));
        }
        Ok(())
    }

    /// Gives when to look again.
    fn do_one(&mut self, now: Instant, n: u64) -> io::Result<Option<Instant>> {
        if n & ANSWERED != 0 {
            let Some((since, ok)) = self.unacknowledged.get_mut(&(n & !ANSWERED)) else {
                return Ok(None);
            };
            *since = now;
            self.seen.repeated += 1;
            self.callee.send_to(ok.as_bytes(), self.server)?;
            return Ok(Some(now + AGAIN));
        }
        match self.calls.get_mut(&n) {
            None => Ok(None),
            Some(Call::Inviting { since }) => {
                *since = now;
                self.seen.repeated += 1;
                self.send_invite(n)?;
                Ok(Some(now + AGAIN))
            }
            Some(Call::Up { ends: Some(ends), .. }) if *ends > now => Ok(Some(*ends)),
            Some(Call::Up { ends: None, .. }) => Ok(None),
            Some(call @ Call::Up { .. }) => {
                let Call::Up { bye, .. } = call else { return Ok(None) };
                let bye = std::mem::take(bye);
                self.caller.send_to(bye.as_bytes(), self.server)?;
                *call = Call::Ending { since: now, bye };
                Ok(Some(now + AGAIN))
            }
            Some(Call::Ending { since, .. }) if *since + AGAIN > now => Ok(Some(*since + AGAIN)),
            Some(Call::Ending { since, bye }) => {
                *since = now;
                self.seen.repeated += 1;
                self.caller.send_to(bye.as_bytes(), self.server)?;
                Ok(Some(now + AGAIN))
            }
        }
    }
}

/// Marks what belongs to the callee's answer among numbers of calls.
const ANSWERED: u64 = 1 << 63;

fn sdp(own: SocketAddr) -> String {
    format!(
        "v=0\r\no=AudiocodesGW 18132 74003 IN IP4 {ip}\r\ns=Phone-Call\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio 4000 RTP/AVP 8 96\r\na=rtpmap:8 pcma/8000\r\na=ptime:20\r\na=sendrecv\r\n\
         a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\n",
        ip = own.ip()
    )
}

fn enlarge(socket: &UdpSocket) {
    let size = BUFFER;
    // SAFETY: the option takes one number, which lives through the call.
    #[allow(unsafe_code, reason = "std has no buffer sizes")]
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVBUF,
            (&raw const size).cast(),
            size_of_val(&size) as libc::socklen_t,
        );
    }
}
