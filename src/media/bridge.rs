//! Two legs joined: by which path each hears the other. Decided anew whenever one of them changes;
//! the packet path then only follows what was decided.
//!
//! ```text
//!            from's packets
//!    relay   ───────────────▶ header rewritten, codes of the other law ──▶ to
//!    samples ───────────────▶ jitter buffer ─▶ decode ─▶ to's clock ─▶ encode ─▶ to
//! ```
//!
//! A leg that is joined with itself gets its own packets back: an echo, to try a line with.
//!
//! Telephone-events go with the audio, under the payload type that `to` takes; a peer that takes none
//! hears the digit as a tone, or nothing of it where SIP INFO carries it. While `to` is busy (a playback, digits of ours) it hears that instead.

use super::control::{Codec, OpusTerms, StreamParams};

/// What the decision rests on, for each of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Side {
    /// Codec of its stream.
    pub codec: Codec,
    /// Whether it lets itself be heard.
    pub heard: bool,
    /// Whether it may be sent to.
    pub hears: bool,
    /// Most bit/s that it takes where the codec has no rate of its own; `None`: any.
    pub bit_rate: Option<u32>,
    /// Ticks a second of its telephone-events.
    pub event_clock_hz: u32,
    /// Payload type of telephone-event to it.
    pub event_pt: Option<u8>,
    /// Whether keys become tones where it takes no telephone-event.
    pub tones: bool,
    /// Whether something is mixed into what it hears.
    pub mixed: bool,
    /// Whether it sends packets of another length than was agreed on with the other.
    pub unlike: bool,
    /// Whether something of our own is sent to it.
    pub busy: Busy,
}

/// What of our own is sent to a leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Busy {
    /// Nothing: it can hear its partner.
    No,
    /// The tone of a key that its partner presses.
    Key,
    /// A playback or digits.
    Yes,
}

impl Side {
    /// Of a leg negotiated as `params`.
    pub fn new(params: &StreamParams, mixed: bool, busy: Busy) -> Side {
        Side {
            codec: params.codec,
            bit_rate: (params.codec == Codec::Opus).then_some(params.opus.bit_rate),
            event_clock_hz: params.event_clock_hz,
            heard: params.receive,
            hears: params.send,
            event_pt: params.dtmf_send_pt,
            tones: params.key_tones,
            mixed,
            unlike: false,
            busy,
        }
    }
}

/// Whether packets of `from` can go on to `to` as they are, or code by code: one codec, or G.711's two laws; keys
/// in one clock, nothing mixed in, all of the length that `to` wants, and `to` takes as many bits as we let `from`
/// send. What else an Opus peer says of itself it has to bear: every decoder reads packets with FEC, of one
/// channel and of any band (RFC 7587 §6.1).
///
/// From law to law each code stands for itself, so that nothing is gained by decoding: the losses and the delay
/// stay the network's, for the one who hears to make up.
pub fn relays(from: &Side, to: &Side) -> bool {
    (from.codec == to.codec || from.codec.is_g711() && to.codec.is_g711())
        && from.event_clock_hz == to.event_clock_hz
        && !to.mixed
        && !from.unlike
        && to.bit_rate.is_none_or(|most| most >= OpusTerms::MOST_BIT_RATE)
}

/// How `to` hears `from`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audio {
    /// Not at all.
    None,
    /// Packet by packet.
    Relay,
    /// Decoded and encoded by the clock of `to`.
    Samples,
}

/// How `to` is told of the keys that `from` presses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Events {
    /// Not at all.
    None,
    /// By the packets themselves, under this payload type, numbered along with the relayed audio.
    Relay(u8),
    /// The same, numbered along with the audio of our own clock.
    Insert(u8),
    /// By tones.
    Tones,
}

/// The paths from one side to the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Paths {
    /// For audio.
    pub audio: Audio,
    /// For digits.
    pub events: Events,
}

impl Paths {
    /// Nothing is passed on.
    pub const NONE: Paths = Paths { audio: Audio::None, events: Events::None };

    /// How `to` shall hear `from`.
    pub fn between(from: Side, to: Side) -> Paths {
        if !from.heard || !to.hears {
            return Paths::NONE;
        }
        let audio = match to.busy {
            Busy::No if relays(&from, &to) => Audio::Relay,
            Busy::No => Audio::Samples,
            Busy::Key | Busy::Yes => Audio::None,
        };
        let events = match (to.event_pt, audio) {
            // The next key's tone takes the place of the last one's.
            (None, _) if to.tones && to.busy != Busy::Yes => Events::Tones,
            (None, _) | (_, Audio::None) => Events::None,
            (Some(pt), Audio::Relay) => Events::Relay(pt),
            (Some(pt), Audio::Samples) => Events::Insert(pt),
        };
        Paths { audio, events }
    }

    /// How a leg that is joined with itself hears what it says: as it came, so that the delay and the
    /// losses that it finds are the line's. What is mixed into other audio for it is not heard meanwhile.
    pub fn back(side: Side) -> Paths {
        if !side.heard || !side.hears || side.busy != Busy::No {
            return Paths::NONE;
        }
        let events = side.event_pt.map_or(Events::None, Events::Relay);
        Paths { audio: Audio::Relay, events }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: Side = Side {
        codec: Codec::Pcma,
        bit_rate: None,
        event_clock_hz: 8_000,
        heard: true,
        hears: true,
        event_pt: Some(101),
        tones: true,
        mixed: false,
        unlike: false,
        busy: Busy::No,
    };

    #[test]
    fn whoever_is_joined_with_itself_gets_its_packets_back() {
        let relayed = |events| Paths { audio: Audio::Relay, events };
        let mixed = Side { mixed: true, unlike: true, ..SIDE };
        assert_eq!(Paths::back(SIDE), relayed(Events::Relay(101)));
        assert_eq!(Paths::back(mixed), relayed(Events::Relay(101)));
        assert_eq!(Paths::back(Side { event_pt: None, ..SIDE }), relayed(Events::None));
        for silent in [
            Side { heard: false, ..SIDE },
            Side { hears: false, ..SIDE },
            Side { busy: Busy::Yes, ..SIDE },
        ] {
            assert_eq!(Paths::back(silent), Paths::NONE);
        }
    }

    #[test]
    fn the_table() {
        let other = Side { codec: Codec::Pcmu, event_pt: Some(96), ..SIDE };
        let opus = Side {
            codec: Codec::Opus,
            bit_rate: Some(OpusTerms::MOST_BIT_RATE),
            event_clock_hz: 48_000,
            ..SIDE
        };
        let narrow = Side { bit_rate: Some(12_000), ..opus };
        let table = [
            (SIDE, SIDE, Audio::Relay, Events::Relay(101)),
            (SIDE, other, Audio::Relay, Events::Relay(96)),
            (SIDE, Side { codec: Codec::G722, ..SIDE }, Audio::Samples, Events::Insert(101)),
            (SIDE, Side { mixed: true, ..other }, Audio::Samples, Events::Insert(96)),
            (SIDE, Side { mixed: true, ..SIDE }, Audio::Samples, Events::Insert(101)),
            (Side { mixed: true, ..SIDE }, SIDE, Audio::Relay, Events::Relay(101)),
            (Side { unlike: true, ..SIDE }, SIDE, Audio::Samples, Events::Insert(101)),
            (SIDE, Side { unlike: true, ..SIDE }, Audio::Relay, Events::Relay(101)),
            (SIDE, Side { busy: Busy::Yes, ..SIDE }, Audio::None, Events::None),
            (Side { busy: Busy::Yes, ..SIDE }, SIDE, Audio::Relay, Events::Relay(101)),
            (SIDE, Side { hears: false, ..SIDE }, Audio::None, Events::None),
            (Side { heard: false, ..SIDE }, SIDE, Audio::None, Events::None),
            (SIDE, Side { event_pt: None, ..SIDE }, Audio::Relay, Events::Tones),
            (SIDE, Side { event_pt: None, ..other }, Audio::Relay, Events::Tones),
            (SIDE, Side { event_pt: None, tones: false, ..SIDE }, Audio::Relay, Events::None),
            (SIDE, Side { tones: false, ..SIDE }, Audio::Relay, Events::Relay(101)),
            (SIDE, Side { event_pt: None, busy: Busy::Key, ..SIDE }, Audio::None, Events::Tones),
            (SIDE, Side { event_pt: None, busy: Busy::Yes, ..SIDE }, Audio::None, Events::None),
            (Side { event_pt: None, ..SIDE }, SIDE, Audio::Relay, Events::Relay(101)),
            (SIDE, opus, Audio::Samples, Events::Insert(101)),
            (opus, opus, Audio::Relay, Events::Relay(101)),
            (opus, Side { event_clock_hz: 8_000, ..opus }, Audio::Samples, Events::Insert(101)),
            (opus, narrow, Audio::Samples, Events::Insert(101)),
            (narrow, opus, Audio::Relay, Events::Relay(101)),
        ];
        for (from, to, audio, events) in table {
            assert_eq!(Paths::between(from, to), Paths { audio, events }, "{from:?} {to:?}");
        }
    }
}
