//! Two streams in one description: the copies of both parties' audio for a recorder outside (RFC 7866 §7.1).
//!
//! ```text
//!   stream 1, LocalMedia ─▶ m=audio … a=sendonly a=label:1 ┐
//!   stream 2, LocalMedia ─▶ m=audio … a=sendonly a=label:2 ┴─ one offer; the answer is taken apart again
//! ```
//!
//! Each stream is negotiated as any other; here they only share a description. We send and never receive; while
//! nothing is to be recorded both are `inactive` (§7.1.1.1).

use super::{LocalMedia, NoCommon, accept_answer, answer, offer};
use crate::media::control::StreamParams;
use crate::wire::sdp::{Direction, Media, Sdp};

/// The labels of the two (RFC 4574).
pub const LABELS: [&str; 2] = ["1", "2"];

/// Our side of a session with a recorder.
#[derive(Debug)]
pub struct TwoStreams {
    streams: [LocalMedia; 2],
    sends: bool,
    version: u64,
    /// The latest description, with version 0.
    last: Vec<u8>,
}

impl TwoStreams {
    /// Of these streams.
    pub fn new(streams: [LocalMedia; 2]) -> TwoStreams {
        TwoStreams { streams, sends: true, version: 1, last: Vec::new() }
    }

    /// From the next description on: whether anything is sent.
    pub fn send(&mut self, sends: bool) {
        self.sends = sends;
    }

    /// Our offer, the first one or another.
    pub fn offer(&mut self) -> Sdp {
        let both = self.streams.each_mut().map(offer);
        let sends = self.sends;
        self.join(both, [sends; 2])
    }

    /// What comes of the recorder's answer to our latest offer. One that takes not both is no recorder.
    pub fn accept_answer(&mut self, sdp: &Sdp) -> Result<[StreamParams; 2], NoCommon> {
        let [one, other] = &mut self.streams;
        let one = accept_answer(one, &part(sdp, 0)?)?;
        let other = accept_answer(other, &part(sdp, 1)?)?;
        Ok([one, other].map(only_sent))
    }

    /// Our answer to an offer of the recorder's, and what comes of it. `Err`: nothing has changed but, it may
    /// be, how the first would be described.
    pub fn answer(&mut self, sdp: &Sdp) -> Result<(Sdp, [StreamParams; 2]), NoCommon> {
        let [one, other] = &mut self.streams;
        let parts = [part(sdp, 0)?, part(sdp, 1)?];
        let (first, one) = answer(one, &parts[0])?;
        let (second, other) = answer(other, &parts[1])?;
        let params = [one, other].map(only_sent);
        let sends = [0, 1].map(|n| self.sends && params[n].send);
        Ok((self.join([first, second], sends), params))
    }

    /// One description of two. Its version goes up with each change (RFC 3264 §8).
    fn join(&mut self, both: [Sdp; 2], sends: [bool; 2]) -> Sdp {
        let [mut sdp, other] = both;
        let connection = other.connection.filter(|own| sdp.connection.as_ref() != Some(own));
        let mut media: Vec<Media> = sdp.media.drain(..).chain(other.media).collect();
        if let Some(second) = media.get_mut(1) {
            second.connection = connection;
        }
        for ((media, label), sends) in media.iter_mut().zip(LABELS).zip(sends) {
            if media.port != 0 {
                media.set_direction(Direction::new(sends, false));
                media.push("label", label);
            }
        }
        sdp.media = media;
        if let Some(origin) = &mut sdp.origin {
            origin.version = 0;
        }
        let printed = sdp.to_bytes();
        if !self.last.is_empty() && self.last != printed {
            self.version += 1;
        }
        self.last = printed;
        if let Some(origin) = &mut sdp.origin {
            origin.version = self.version;
        }
        sdp
    }
}

/// The description as if it had that section alone.
fn part(sdp: &Sdp, at: usize) -> Result<Sdp, NoCommon> {
    let media = sdp.media.get(at).ok_or(NoCommon::NoAudio)?;
    Ok(Sdp { media: vec![media.clone()], ..sdp.clone() })
}

/// A recorder says nothing, whatever it writes, and takes no keys as tones.
fn only_sent(params: StreamParams) -> StreamParams {
    StreamParams {
        receive: false,
        inband_dtmf: false,
        inband_until_event: false,
        key_tones: false,
        ..params
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::control::Codec;
    use crate::media::negotiate::Protection;
    use crate::wire::srtp::KeySource;

    fn two(srtp: Protection) -> TwoStreams {
        let at = |port| format!("192.0.2.1:{port}").parse().unwrap();
        let stream = |port, first| {
            let codecs = vec![first, Codec::Pcmu];
            let keys = KeySource::from_seed([port as u8; 32]);
            LocalMedia::new(at(port), codecs, 7).protected(srtp, keys)
        };
        TwoStreams::new([stream(4000, Codec::Pcma), stream(4002, Codec::G722)])
    }

    fn answered(lines: [&str; 2]) -> Sdp {
        let text = format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\nc=IN IP4 192.0.2.9\r\n{}{}",
            lines[0], lines[1]
        );
        Sdp::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn both_are_offered_to_be_sent_and_told_apart() {
        let mut two = two(Protection::Off);
        let text = String::from_utf8(two.offer().to_bytes()).unwrap();
        for line in [
            "o=belfry 7 1 ",
            "m=audio 4000 RTP/AVP 8 0 101\r\n",
            "m=audio 4002 RTP/AVP 9 0 101\r\n",
            "a=sendonly\r\na=label:1\r\n",
            "a=sendonly\r\na=label:2\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(!text.contains("sendrecv") && text.matches("c=IN").count() == 1);
        assert_eq!(String::from_utf8(two.offer().to_bytes()).unwrap(), text, "nothing changed");
        two.send(false);
        let text = String::from_utf8(two.offer().to_bytes()).unwrap();
        assert!(text.contains("o=belfry 7 2 ") && text.matches("a=inactive").count() == 2);
    }

    #[test]
    fn each_stream_goes_where_its_section_says() {
        let mut two = two(Protection::Off);
        two.offer();
        let sdp = answered([
            "m=audio 6000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=recvonly\r\na=label:1\r\n",
            "m=audio 6002 RTP/AVP 0\r\nc=IN IP4 192.0.2.10\r\na=recvonly\r\na=label:2\r\n",
        ]);
        let [one, other] = two.accept_answer(&sdp).unwrap();
        assert_eq!((one.codec, other.codec), (Codec::Pcma, Codec::Pcmu));
        assert_eq!(one.remote, Some("192.0.2.9:6000".parse().unwrap()));
        assert_eq!(other.remote, Some("192.0.2.10:6002".parse().unwrap()));
        assert_eq!((one.dtmf_send_pt, other.dtmf_send_pt), (Some(101), None));
        assert!(one.send && !one.receive && other.send && !other.receive);
    }

    #[test]
    fn half_a_recorder_is_none() {
        let mut two = two(Protection::Off);
        two.offer();
        let one = "m=audio 6000 RTP/AVP 8\r\n";
        assert_eq!(two.accept_answer(&answered([one, ""])), Err(NoCommon::NoAudio));
        let refused = "m=audio 0 RTP/AVP 0\r\n";
        assert_eq!(two.accept_answer(&answered([one, refused])), Err(NoCommon::NoAudio));
        let foreign = "m=audio 6002 RTP/AVP 18\r\n";
        assert!(matches!(two.accept_answer(&answered([one, foreign])), Err(NoCommon::Codecs(_))));
    }

    #[test]
    fn a_recorder_that_moves_is_followed() {
        let mut two = two(Protection::Off);
        two.offer();
        let lines = |ports: [u16; 2], way: &str| {
            ports.map(|port| format!("m=audio {port} RTP/AVP 0\r\na={way}\r\n"))
        };
        let first = lines([6000, 6002], "recvonly");
        two.accept_answer(&answered([&first[0], &first[1]])).unwrap();
        let moved = lines([7000, 7002], "recvonly");
        let (sdp, [one, other]) = two.answer(&answered([&moved[0], &moved[1]])).unwrap();
        assert_eq!([one.remote, other.remote].map(|at| at.unwrap().port()), [7000, 7002]);
        assert!(one.send && other.send);
        let text = String::from_utf8(sdp.to_bytes()).unwrap();
        assert!(text.matches("a=sendonly").count() == 2 && text.contains("a=label:2"));
        let rests = lines([7000, 7002], "inactive");
        let (sdp, params) = two.answer(&answered([&rests[0], &rests[1]])).unwrap();
        assert!(params.iter().all(|params| !params.send));
        let text = String::from_utf8(sdp.to_bytes()).unwrap();
        assert_eq!(text.matches("a=inactive").count(), 2);
    }

    #[test]
    fn each_stream_has_keys_of_its_own() {
        let mut two = two(Protection::Required);
        let sdp = two.offer();
        let keys: Vec<_> = sdp.media.iter().map(|m| m.crypto().flatten().next().unwrap()).collect();
        assert!(&*sdp.media[0].proto == "RTP/SAVP" && keys[0].key != keys[1].key);
        let plain = answered(["m=audio 6000 RTP/AVP 8\r\n", "m=audio 6002 RTP/AVP 9\r\n"]);
        assert!(matches!(two.accept_answer(&plain), Err(NoCommon::NoKey { .. })));
    }
}
