//! [`Sdp`] to text, in the order that RFC 8866 §5 wants, CRLF after each line.
//!
//! What a value must not hold goes out as a space: CR and LF, which would begin a line of their
//! own, and NUL.

use super::{Address, Attribute, Connection, Line, Media, Sdp};

/// The order of session lines around `o=`, `s=`, `c=` and `t=`; letters not named come last.
const SESSION_BEFORE_C: &[u8] = b"iuep";
const SESSION_BEFORE_A: &[u8] = b"btrzk";

impl Sdp {
    /// The description as text. Missing mandatory lines are filled in: `o=- 0 0 IN IP4 0.0.0.0`,
    /// `s=-`, `t=0 0`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Out(Vec::with_capacity(512));
        out.line(b'v', b"0");
        match &self.origin {
            Some(o) => {
                let numbers = format!(" {} {} ", o.session, o.version);
                let address = address_text(&o.address);
                out.parts(b'o', &[&o.user[..], numbers.as_bytes(), address.as_bytes()]);
            }
            None => out.line(b'o', b"- 0 0 IN IP4 0.0.0.0"),
        }
        out.line(b's', if self.name.is_empty() { b"-" } else { &self.name });
        out.others(&self.other, |letter| SESSION_BEFORE_C.contains(&letter));
        out.connection(&self.connection);
        if !self.other.iter().any(|line| line.letter == b't') {
            out.line(b't', b"0 0");
        }
        out.others(&self.other, |letter| SESSION_BEFORE_A.contains(&letter));
        out.attributes(&self.attributes);
        // A malformed o= is not repeated: a well-formed one stands above.
        let known =
            |letter| SESSION_BEFORE_C.contains(&letter) || SESSION_BEFORE_A.contains(&letter);
        out.others(&self.other, |letter| letter != b'o' && !known(letter));
        for media in &self.media {
            out.media(media);
        }
        // It is kept as long as its call.
        out.0.shrink_to_fit();
        out.0
    }
}

struct Out(Vec<u8>);

impl Out {
    fn line(&mut self, letter: u8, value: &[u8]) {
        self.parts(letter, &[value]);
    }

    /// A line whose value is these one behind the other.
    fn parts(&mut self, letter: u8, parts: &[&[u8]]) {
        let clean = |b: &u8| {
            if matches!(b, b'\r' | b'\n' | 0) { b' ' } else { *b }
        };
        self.0.push(letter);
        self.0.push(b'=');
        parts.iter().for_each(|part| self.0.extend(part.iter().map(clean)));
        self.0.extend_from_slice(b"\r\n");
    }

    fn others(&mut self, lines: &[Line], wanted: impl Fn(u8) -> bool) {
        for line in lines.iter().filter(|line| wanted(line.letter)) {
            self.line(line.letter, &line.value);
        }
    }

    fn connection(&mut self, connection: &Option<Connection>) {
        let Some(c) = connection else { return };
        let mut text = address_text(&c.address);
        if let Some(multicast) = &c.multicast {
            text.push('/');
            text.push_str(multicast);
        }
        self.line(b'c', text.as_bytes());
    }

    fn attributes(&mut self, attributes: &[Attribute]) {
        for Attribute { name, value } in attributes {
            match value {
                Some(value) => self.parts(b'a', &[&name[..], b":", &value[..]]),
                None => self.line(b'a', name),
            }
        }
    }

    fn media(&mut self, media: &Media) {
        let mut text = format!("{} {}", media.kind, media.port);
        if media.port_count != 1 {
            text.push_str(&format!("/{}", media.port_count));
        }
        for word in core::iter::once(&media.proto).chain(&media.formats) {
            text.push(' ');
            text.push_str(word);
        }
        self.line(b'm', text.as_bytes());
        self.others(&media.other, |letter| letter == b'i');
        self.connection(&media.connection);
        self.others(&media.other, |letter| matches!(letter, b'b' | b'k'));
        self.attributes(&media.attributes);
        self.others(&media.other, |letter| !matches!(letter, b'i' | b'b' | b'k'));
    }
}

/// `IN IP4 192.0.2.1`.
fn address_text(address: &Address) -> String {
    match address {
        Address::Ip(ip) if ip.is_ipv4() => format!("IN IP4 {ip}"),
        Address::Ip(ip) => format!("IN IP6 {ip}"),
        Address::Name { v6: false, name } => format!("IN IP4 {name}"),
        Address::Name { v6: true, name } => format!("IN IP6 {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Direction, RtpMap};
    use super::*;

    #[test]
    fn an_offer_of_ours() {
        let mut sdp = Sdp::new("belfry", 1, 2, "192.0.2.1".parse().unwrap());
        let mut audio = Media::new("audio", 4000, "RTP/AVP");
        audio.add_codec(&RtpMap::new(8, "PCMA", 8000), "");
        audio.add_codec(&RtpMap::new(101, "telephone-event", 8000), "0-16");
        audio.push("ptime", "20");
        audio.set_direction(Direction::SendRecv);
        sdp.media.push(audio);
        let text = "v=0\r\no=belfry 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                    m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n\
                    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n\
                    a=sendrecv\r\n";
        assert_eq!(String::from_utf8(sdp.to_bytes()).unwrap(), text);
        let read = Sdp::parse(text.as_bytes()).unwrap();
        assert_eq!(read.to_bytes(), text.as_bytes());
    }

    #[test]
    fn unknown_lines_survive_and_order_is_put_right() {
        let text = b"v=0\nx=odd\nt=1 2\nk=clear:x\ni=M\xfcller\nm=audio 1/2 RTP/SAVP 0\nb=AS:64\n\
                     a=x-strange:1:2\nz=q\nc=IN IP6 ::1\ni=title\n";
        let sdp = Sdp::parse(text).unwrap();
        let want = b"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\ni=M\xfcller\r\nt=1 2\r\nk=clear:x\r\n\
                     x=odd\r\nm=audio 1/2 RTP/SAVP 0\r\ni=title\r\nc=IN IP6 ::1\r\nb=AS:64\r\n\
                     a=x-strange:1:2\r\nz=q\r\n";
        assert_eq!(sdp.to_bytes().escape_ascii().to_string(), want.escape_ascii().to_string());
    }

    #[test]
    fn no_value_begins_a_line() {
        let mut sdp = Sdp::new("a\r\nm=x", 1, 1, "::1".parse().unwrap());
        sdp.name = b"s\nm=audio 1 RTP/AVP 0"[..].into();
        sdp.attributes.push(Attribute::new("x\r\nm", "y\r\nm=z\0"));
        let text = sdp.to_bytes();
        assert_eq!(Sdp::parse(&text).unwrap().media.len(), 0);
        assert!(!text.contains(&0));
    }
}
