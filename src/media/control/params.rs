//! How one leg's stream stands after an offer and its answer: what [`negotiate`](crate::media::negotiate) finds
//! out and the plane goes by.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::Codec;
use crate::media::srtp::Keys;
use crate::media::{dtls, ice};

/// What a peer that takes Opus says of it (`a=fmtp`, RFC 7587 §6.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OpusTerms {
    /// Most payload bit/s that it wants (`maxaveragebitrate`).
    pub bit_rate: u32,
    /// Whether it makes use of in-band FEC (`useinbandfec`).
    pub fec: bool,
    /// Whether nothing needs to be sent to it in silence (`usedtx`).
    pub dtx: bool,
}

impl OpusTerms {
    /// Most payload bit/s that we ask for ourselves: 20 ms packets of it and their headers fill the
    /// 56 kbit/s of a home agent's line.
    pub const MOST_BIT_RATE: u32 = 36_000;
}

impl Default for OpusTerms {
    /// Of a peer that says nothing (§6.1).
    fn default() -> OpusTerms {
        OpusTerms { bit_rate: OpusTerms::MOST_BIT_RATE, fec: false, dtx: false }
    }
}

/// How one leg's stream stands after an offer and its answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StreamParams {
    /// Where the peer's SDP wants its RTP; the latch may learn another source. `None`: nowhere yet.
    pub remote: Option<SocketAddr>,
    /// Where it wants RTCP: `a=rtcp`, or the RTP port plus one.
    pub remote_rtcp: Option<SocketAddr>,
    /// Codec of both directions.
    pub codec: Codec,
    /// Payload type that we put into packets to the peer (the peer's own number).
    pub send_pt: u8,
    /// Payload type that the peer puts into packets to us (our number).
    pub recv_pt: u8,
    /// What else the peer's answer named beside `codec`: it may send any of them at any time
    /// (RFC 3264 §6.1).
    pub others: [Option<Agreed>; MOST_OTHERS],
    /// Whether the peer takes comfort noise beside G.711 (RFC 3389, payload type 13). What it sends of
    /// that is understood in any case.
    pub noise: bool,
    /// Milliseconds of audio in the longest packet that the peer takes (`a=maxptime`); `None`: any.
    pub max_ptime_ms: Option<u8>,
    /// Payload type of telephone-event to the peer; `None`: it takes none.
    pub dtmf_send_pt: Option<u8>,
    /// Whether keys for the peer become tones where `dtmf_send_pt` is `None`. Off where SIP INFO
    /// carries them: they would count twice.
    pub key_tones: bool,
    /// Payload type of telephone-event from the peer.
    pub dtmf_recv_pt: Option<u8>,
    /// Ticks a second in which telephone-events count, both ways (RFC 4733 §2.1): the codec's clock,
    /// unless the peer takes another only.
    pub event_clock_hz: u32,
    /// What the peer says of Opus, where that is the codec.
    pub opus: OpusTerms,
    /// Whether the peer wants to be told how good what it sends sounds (RFC 3611 §5.1).
    pub xr: bool,
    /// Milliseconds of audio in each packet that we send, 10 to 60.
    pub ptime_ms: u8,
    /// Whether we send audio (direction `sendrecv` or `sendonly` from our side).
    pub send: bool,
    /// Whether we take audio from the peer.
    pub receive: bool,
    /// Listen for DTMF in the audio itself. Off where telephone-event was negotiated, unless the
    /// configuration asks for both.
    pub inband_dtmf: bool,
    /// Listen for it though telephone-event was negotiated, as long as the leg is joined with nobody and has told no
    /// key so: gateways may agree on events and pass the line's tones all the same.
    pub inband_until_event: bool,
    /// The keys of SRTP, where the descriptions have them; `None`: the audio is plain RTP, or its keys
    /// come by DTLS.
    pub srtp: Option<Keys>,
    /// How packets find their way, beside all this.
    pub carriage: Carriage,
}

/// What browsers agree on besides, and others seldom.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Carriage {
    /// RTCP goes where RTP goes, from the same port (RFC 5761).
    pub rtcp_mux: bool,
    /// The peer shows by checks where it is; the latch learns nothing. Only with SRTP.
    pub ice: Option<ice::Terms>,
    /// The keys of SRTP are agreed on by a DTLS handshake; before there are any, nothing is sent or
    /// heard.
    pub dtls: Option<dtls::Terms>,
    /// The peer receives at no other place than its description names, wherever its own packets come from: they do not
    /// show where to send. Not with ICE.
    pub asymmetric: bool,
}

/// A codec that was agreed on beside the one in use, and the telephone-events that go with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Agreed {
    /// Which.
    pub codec: Codec,
    /// Its payload type to the peer.
    pub send_pt: u8,
    /// Its payload type from the peer.
    pub recv_pt: u8,
    /// Payload type of telephone-event to the peer beside it.
    pub dtmf_send_pt: Option<u8>,
    /// The same from the peer.
    pub dtmf_recv_pt: Option<u8>,
    /// Ticks a second in which these count.
    pub event_clock_hz: u32,
}

/// Codecs beside the one in use that can be agreed on: all that there are.
pub const MOST_OTHERS: usize = 4;

impl StreamParams {
    /// Exchanges the codec in use for the one of `others` that `is` wanted, if there is one.
    pub fn turn_to(&mut self, is: impl Fn(&Agreed) -> bool) -> bool {
        let Some(other) = self.others.iter_mut().flatten().find(|other| is(other)) else {
            return false;
        };
        core::mem::swap(&mut self.codec, &mut other.codec);
        core::mem::swap(&mut self.send_pt, &mut other.send_pt);
        core::mem::swap(&mut self.recv_pt, &mut other.recv_pt);
        core::mem::swap(&mut self.dtmf_send_pt, &mut other.dtmf_send_pt);
        core::mem::swap(&mut self.dtmf_recv_pt, &mut other.dtmf_recv_pt);
        core::mem::swap(&mut self.event_clock_hz, &mut other.event_clock_hz);
        self.inband_dtmf |= self.dtmf_recv_pt.is_none();
        self.inband_until_event &= self.codec.is_g711() && !self.inband_dtmf;
        true
    }
}
