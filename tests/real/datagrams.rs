//! SIP by hand, over UDP: what no well-made client would send, and the answers to it.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::process::PATIENCE;

/// A socket that speaks to one server.
pub struct Rough {
    socket: UdpSocket,
    server: SocketAddr,
}

/// SDP of a gateway that speaks A-law.
pub const ALAW_SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                            m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";

impl Rough {
    /// A socket at `ip`.
    pub fn new(ip: Ipv4Addr, server: SocketAddr) -> Rough {
        let socket = UdpSocket::bind((ip, 0)).expect("a port of our own address");
        Rough { socket, server }
    }

    /// Where it is.
    pub fn at(&self) -> SocketAddr {
        self.socket.local_addr().expect("it is bound")
    }

    /// Sends bytes as they are.
    pub fn send(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.server).expect("a datagram goes out");
    }

    /// A datagram that comes within `patience`.
    pub fn receive(&self, patience: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(patience)).expect("a time-out");
        let mut buffer = [0; 65_535];
        let (len, _) = self.socket.recv_from(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..len]).into_owned())
    }

    /// The first final answer (2xx to 6xx) to the transaction of `branch`.
    pub fn final_answer(&self, branch: &str) -> String {
        let until = Instant::now() + PATIENCE;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            let Some(message) = self.receive(left.max(Duration::from_millis(1))) else { break };
            if message.contains(branch)
                && message.starts_with("SIP/2.0 ")
                && status(&message) >= 200
            {
                return message;
            }
        }
        panic!("no final answer to {branch}")
    }

    /// A request with a transaction of its own, and its branch.
    pub fn request(&self, method: &str, user: &str, more: &str, body: &str) -> (String, String) {
        let branch = branch();
        let (own, server) = (self.at(), self.server);
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "{method} sip:{user}@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch={branch}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:13800138000@{own}>;tag={branch}\r\n\
             To: <sip:{user}@{server}>\r\nCall-ID: {branch}\r\nCSeq: 1 {method}\r\n\
             Contact: <sip:gw@{own}>\r\n{more}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        (text, branch)
    }

    /// Sends a request and gives the final answer to it; acknowledges a refused INVITE.
    pub fn ask(&self, method: &str, user: &str, more: &str, body: &str) -> String {
        let (text, branch) = self.request(method, user, more, body);
        self.send(text.as_bytes());
        let answer = self.final_answer(&branch);
        if method == "INVITE" && status(&answer) >= 300 {
            self.acknowledge(&text, &answer);
        }
        answer
    }

    /// The ACK to a refusal (RFC 3261 §17.1.1.3): the request's own headers, the answer's To.
    pub fn acknowledge(&self, request: &str, answer: &str) {
        let to = header(answer, "To").expect("an answer has a To");
        let mut ack = String::new();
        for line in request.split("\r\n").take_while(|line| !line.is_empty()) {
            let name = line.split([':', ' ']).next().unwrap_or_default();
            match name {
                "INVITE" => ack.push_str(&line.replacen("INVITE", "ACK", 1)),
                "CSeq" => ack.push_str("CSeq: 1 ACK"),
                "To" => ack.push_str(&format!("To: {to}")),
                "Via" | "From" | "Call-ID" | "Max-Forwards" => ack.push_str(line),
                _ => continue,
            }
            ack.push_str("\r\n");
        }
        ack.push_str("Content-Length: 0\r\n\r\n");
        self.send(ack.as_bytes());
    }

    /// Whether the server still answers OPTIONS.
    pub fn alive(&self) -> bool {
        // Answers to what was sent before are passed over.
        status(&self.ask("OPTIONS", "x", "", "")) < 500
    }
}

/// A branch that no transaction had.
pub fn branch() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("z9hG4bK-rough-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A response's status.
pub fn status(message: &str) -> u16 {
    message.get(8..11).and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// The value of a header that stands on a line of its own.
pub fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
