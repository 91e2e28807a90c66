//! The two gateways, by hand: one calls, the other answers, each at one UDP socket. They know as much
//! SIP as such calls need, and repeat what is not answered.
//!
//! ```text
//!  caller             Belfry            callee
//!    │ INVITE 9n  ──▶   │  INVITE 9n ──▶  │
//!    │                  │  ◀── 200        │   answers any INVITE at once, however often it comes
//!    │   ◀── 200        │  ACK ──▶        │
//!    │ ACK ──▶          │                 │
//! ```

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Calls whose answer is waited for at a time.
const WINDOW: usize = 16;
/// How often what is not answered is repeated.
const AGAIN: Duration = Duration::from_millis(500);
/// How long all calls together may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// What stands before a call's number in the number that it dials.
pub const PREFIX: &str = "9";

/// Both gateways; they go on answering until this is dropped.
pub struct Gateways {
    threads: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

/// A call, and the exchange's SDP in it.
type Answered = (usize, String);

/// Places a call for each of `offers`; `answers` are the callee's. Gives what the exchange answered
/// to the caller and offered to the callee, in the order of the calls.
pub fn place(
    (caller, callee): (UdpSocket, UdpSocket),
    exchange: SocketAddr,
    offers: &[String],
    answers: Vec<String>,
) -> io::Result<(Gateways, Vec<(String, String)>)> {
    let stop = Arc::new(AtomicBool::new(false));
    let (to_us, offered) = channel();
    let (told, connected) = channel();
    for socket in [&caller, &callee] {
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    }
    let answering = std::thread::spawn({
        let (stop, answers) = (stop.clone(), Arc::new(answers));
        move || serve(&callee, &answers, &to_us, &stop)
    });
    let calling = std::thread::spawn({
        let (stop, offers) = (stop.clone(), offers.to_vec());
        move || call(&caller, exchange, &offers, &told, &stop)
    });
    let gateways = Gateways { threads: vec![answering, calling], stop };
    let calls = offers.len();
    let towards_caller = collect(&connected, calls)?;
    let towards_callee = collect(&offered, calls)?;
    Ok((gateways, towards_caller.into_iter().zip(towards_callee).collect()))
}

impl Drop for Gateways {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// One SDP of each call, whatever the order in which they come.
fn collect(from: &Receiver<Answered>, calls: usize) -> io::Result<Vec<String>> {
    let (until, mut all, mut missing) = (Instant::now() + PATIENCE, vec![None; calls], calls);
    while missing > 0 {
        let left = until.saturating_duration_since(Instant::now());
        let Ok((call, sdp)) = from.recv_timeout(left) else {
            let why = format!("{missing} of {calls} calls were not connected");
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        };
        missing -= usize::from(all[call].replace(sdp).is_none());
    }
    Ok(all.into_iter().flatten().collect())
}

/// The callee: answers every request with 200, an INVITE with its call's SDP.
fn serve(socket: &UdpSocket, answers: &[String], offered: &Sender<Answered>, stop: &AtomicBool) {
    let mut buffer = [0; 65_535];
    while !stop.load(Relaxed) {
        let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
        let message = String::from_utf8_lossy(&buffer[..len]).into_owned();
        if message.starts_with("INVITE ")
            && let Some(call) = dialled(&message).filter(|call| *call < answers.len())
        {
            let _ = offered.send((call, body(&message).to_owned()));
            let _ = socket.send_to(ok(&message, socket, &answers[call]).as_bytes(), from);
        } else if !message.starts_with("SIP/2.0 ") && !message.starts_with("ACK ") {
            let _ = socket.send_to(ok(&message, socket, "").as_bytes(), from);
        }
    }
}

/// The caller: keeps [`WINDOW`] calls waiting for their answer, then answers what it is asked.
fn call(
    socket: &UdpSocket,
    exchange: SocketAddr,
    offers: &[String],
    connected: &Sender<Answered>,
    stop: &AtomicBool,
) {
    let (mut next, mut waiting) = (0, Vec::<(usize, Instant)>::new());
    let mut buffer = [0; 65_535];
    while !stop.load(Relaxed) {
        while next < offers.len() && waiting.len() < WINDOW {
            waiting.push((next, Instant::now() - AGAIN));
            next += 1;
        }
        for (call, sent) in waiting.iter_mut().filter(|(_, sent)| sent.elapsed() >= AGAIN) {
            *sent = Instant::now();
            let _ = socket
                .send_to(invite(*call, socket, exchange, &offers[*call]).as_bytes(), exchange);
        }
        let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
        let message = String::from_utf8_lossy(&buffer[..len]).into_owned();
        if !message.starts_with("SIP/2.0 ") {
            if !message.starts_with("ACK ") {
                let _ = socket.send_to(ok(&message, socket, "").as_bytes(), from);
            }
            continue;
        }
        let invited = header(&message, "CSeq").is_some_and(|cseq| cseq.ends_with("INVITE"));
        let Some(call) = dialled(&message).filter(|_| invited && message.starts_with("SIP/2.0 2"))
        else {
            continue;
        };
        let _ = socket.send_to(ack(&message, socket, exchange).as_bytes(), exchange);
        waiting.retain(|(waits, _)| *waits != call);
        let _ = connected.send((call, body(&message).to_owned()));
    }
}

fn own(socket: &UdpSocket) -> String {
    socket.local_addr().map(|at| at.to_string()).unwrap_or_default()
}

fn invite(call: usize, socket: &UdpSocket, exchange: SocketAddr, sdp: &str) -> String {
    let own = own(socket);
    format!(
        "INVITE sip:{PREFIX}{call}@{exchange} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{call}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:1@{own}>;tag={call}\r\nTo: <sip:{PREFIX}{call}@{exchange}>\r\n\
         Call-ID: {call}@{own}\r\nCSeq: 1 INVITE\r\nContact: <sip:1@{own}>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    )
}

fn ack(answer: &str, socket: &UdpSocket, exchange: SocketAddr) -> String {
    let own = own(socket);
    let value = |name| header(answer, name).unwrap_or_default();
    let contact = value("Contact").trim_start_matches('<').split(['>', ';']).next().unwrap_or("");
    let target = if contact.is_empty() { format!("sip:{exchange}") } else { contact.to_owned() };
    format!(
        "ACK {target} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKa{call}\r\nMax-Forwards: 70\r\n\
         From: {from}\r\nTo: {to}\r\nCall-ID: {call}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
        call = value("Call-ID"),
        from = value("From"),
        to = value("To"),
    )
}

/// 200 to `request`.
fn ok(request: &str, socket: &UdpSocket, sdp: &str) -> String {
    let own = own(socket);
    let mut answer = "SIP/2.0 200 OK\r\n".to_owned();
    for line in request.lines().map(str::trim_end).take_while(|line| !line.is_empty()) {
        match line.split(':').next().unwrap_or_default() {
            "Via" | "From" | "Call-ID" | "CSeq" => answer += line,
            "To" if line.contains("tag=") => answer += line,
            "To" => answer += &format!("{line};tag=callee"),
            _ => continue,
        }
        answer += "\r\n";
    }
    if !sdp.is_empty() {
        answer += &format!("Contact: <sip:2@{own}>\r\nContent-Type: application/sdp\r\n");
    }
    answer + &format!("Content-Length: {}\r\n\r\n{sdp}", sdp.len())
}

fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(':');
    message.lines().take_while(|line| !line.trim().is_empty()).find_map(value).map(str::trim)
}

fn body(message: &str) -> &str {
    message.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default()
}

/// The call's number, in the number that was dialled.
fn dialled(message: &str) -> Option<usize> {
    let user = header(message, "To")?.split_once("sip:")?.1.split('@').next()?;
    user.strip_prefix(PREFIX)?.parse().ok()
}
