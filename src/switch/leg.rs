//! One party's signalling and media, tied together under one id.
//!
//! ```text
//!  inbound:   INVITE ─▶ Opening ─ port ─▶ Early ─ 200 ─▶ Answered ─▶ Over ─ port closed ─▶ gone
//!  outbound:  dial   ─▶ Opening ─ port, INVITE ─▶ Early ─ 200 ─▶ Answered ─▶ Over …
//! ```

use std::net::SocketAddr;

use crate::base::{CallId, LegId, PlayId, RoomId, Time};
use crate::call::collect::TypedAhead;
use crate::call::feature::Keys;
use crate::call::held_keys::HeldKeys;
use crate::call::unheard::Unheard;
use crate::config::Dtmf;
use crate::media::allowance::Allowance;
use crate::media::control::{Codec, DigitSet, LegStats, StreamParams};
use crate::media::negotiate::{self, LocalMedia, NoCommon, Protection};
use crate::media::one_key::OneKey;
use crate::sip::{Command, Flow, SessionId};
use crate::trunk::Try;
use crate::wire::q850::Cause;
use crate::wire::sdp::Sdp;

use super::fact::EndedBy;
use super::forwarding::Redirects;

/// Keys by INFO that are taken of a party in a second: machines dial fifteen.
const MOST_INFO_KEYS: u32 = 25;

/// How far a leg has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// It waits for its RTP port.
    Opening,
    /// Not answered yet.
    Early,
    /// Answered.
    Answered,
    /// Its signalling is over; it waits for its port's last figures.
    Over,
}

/// How a leg ended, for its record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ending {
    /// Q.850.
    pub cause: Cause,
    /// The SIP status behind it; 0: a request ended it.
    pub status: u16,
    /// Who ended it.
    pub by: EndedBy,
    /// When.
    pub at: Time,
}

/// What is taken over with another leg's place: what that leg was when it was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Takes {
    /// The call that rings there.
    Ringing,
    /// The talk that it is in.
    Talk,
    /// The party itself, which waits in a slot.
    Parked,
}

/// Whether whoever answers has to say, by a key, that the call is taken: at a mobile a voice mail may
/// answer (R7).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Confirm {
    /// It has not, or has said so.
    #[default]
    No,
    /// It will have to.
    Wanted,
    /// It answered and is asked.
    Asked,
    /// The call has gone meanwhile: it is told so, and released.
    Farewell,
}

/// A leg.
pub struct Leg {
    /// Its name.
    pub id: LegId,
    /// The call it belongs to.
    pub call: CallId,
    /// With which calls' legs it shares an RTP worker; it stays there, also in another call.
    pub group: CallId,
    /// The room of two in which it hears one that lives on another worker.
    pub link: Option<(RoomId, LegId)>,
    /// Its signalling.
    pub session: SessionId,
    /// Where that goes.
    pub flow: Flow,
    /// The gateway whose channel it holds.
    pub gateway: Option<String>,
    /// When it began: since then it has its gateway's channel.
    pub begun: Time,
    /// How far it has come.
    pub stage: Stage,
    /// Its port.
    pub rtp: Option<SocketAddr>,
    /// Its codecs, the preferred first.
    pub codecs: Vec<Codec>,
    /// Whether its audio is encrypted.
    pub srtp: Protection,
    /// The device is known to want that as `RTP/SAVP`.
    pub savp: bool,
    /// Our side of offer and answer, once the port is known.
    pub local: Option<LocalMedia>,
    /// The offer of its INVITE, until the port is there to answer it.
    pub offer: Option<Sdp>,
    /// What goes into the 18x and the 200: our answer, or our offer where it made none.
    pub description: Option<Vec<u8>>,
    /// The INVITE to be sent when the port is there.
    pub invite: Option<Box<Command>>,
    /// Whereto it sends its call on, with a 3xx: the first is tried first.
    pub redirect: Redirects,
    /// Where its gateway sends the call on (3xx).
    pub sent_on: Vec<Try>,
    /// The leg whose place it takes as soon as it has a port (RFC 3891).
    pub takes: Option<(LegId, Takes)>,
    /// What was negotiated.
    pub params: Option<StreamParams>,
    /// How keys are carried to it.
    pub dtmf: Dtmf,
    /// Whether its answer has to be confirmed.
    pub confirm: Confirm,
    /// The called party's network has got through to it, or speaks to the caller.
    pub alerted: bool,
    /// Its gateway was silent at the hop where this leg went, and has another.
    pub another_hop: bool,
    /// 180 went out.
    pub rang: bool,
    /// 183 with our description went out.
    pub early: bool,
    /// It put us on hold.
    pub held: bool,
    /// When it, or the party that it talks with, last took the call back from hold.
    pub taken_back: Time,
    /// The conference that it is in.
    pub room: Option<String>,
    /// What is played to it.
    pub play: Option<PlayId>,
    /// The keys that stop what is played to it.
    pub stop_on: DigitSet,
    /// Its last key, told in two forms maybe.
    pub one_key: OneKey,
    /// How many keys by INFO are taken of it.
    pub info_pace: Allowance,
    /// It tells its keys by INFO, of which the media plane knows nothing.
    pub keys_by_info: bool,
    /// Its keys are looked for in its audio, whatever was agreed on: a unit behind a gateway that passes tones.
    pub keys_in_audio: bool,
    /// Its feature codes.
    pub keys: Keys,
    /// Those of its keys that the other party has not heard, as they may be a code.
    pub held_keys: HeldKeys,
    /// Keys nobody has asked for yet.
    pub typed: TypedAhead,
    /// When it rang.
    pub ringing: Option<Time>,
    /// When it answered.
    pub answered: Option<Time>,
    /// When its stream's figures were last told, its source, and they.
    pub figures: Option<Box<(Time, Option<SocketAddr>, LegStats)>>,
    /// The codec in use, by its figures: it may have changed in mid-stream.
    pub spoken: Option<Codec>,
    /// What was said of its silences.
    pub unheard: Unheard,
    /// Why we end it: the cause, the status that we gave it, and on whose account.
    pub ours: Option<(Cause, u16, EndedBy)>,
    /// How it ended.
    pub ending: Option<Ending>,
}

impl Leg {
    /// A leg that waits for its port.
    pub fn new(
        id: LegId,
        call: CallId,
        session: SessionId,
        flow: Flow,
        gateway: Option<String>,
        dtmf: Dtmf,
        codecs: Vec<Codec>,
    ) -> Leg {
        Leg {
            id,
            call,
            group: call,
            link: None,
            session,
            flow,
            gateway,
            begun: Time::ZERO,
            stage: Stage::Opening,
            rtp: None,
            codecs,
            srtp: Protection::Off,
            savp: false,
            local: None,
            offer: None,
            description: None,
            invite: None,
            redirect: Redirects::new(),
            sent_on: Vec::new(),
            takes: None,
            params: None,
            dtmf,
            keys_in_audio: false,
            confirm: Confirm::No,
            alerted: false,
            another_hop: false,
            rang: false,
            early: false,
            held: false,
            taken_back: Time::ZERO,
            room: None,
            play: None,
            stop_on: DigitSet::NONE,
            one_key: OneKey::default(),
            info_pace: Allowance::a_second(MOST_INFO_KEYS),
            keys_by_info: false,
            keys: Keys::default(),
            held_keys: HeldKeys::default(),
            typed: TypedAhead::default(),
            ringing: None,
            answered: None,
            figures: None,
            spoken: None,
            unheard: Unheard::default(),
            ours: None,
            ending: None,
        }
    }

    /// Whether tones in its audio are taken for keys only until its first telephone-event, and where keys are waited
    /// for: it agreed on those events, and nobody has said that it passes tones.
    pub fn tones_until_event(&self) -> bool {
        let agreed = self.params.as_ref().is_some_and(|params| params.inband_until_event);
        agreed && !self.keys_in_audio && self.dtmf != Dtmf::InBand
    }

    /// The codec in use.
    pub fn codec(&self) -> Option<Codec> {
        self.spoken.or(self.params.as_ref().map(|params| params.codec))
    }

    /// Where its RTP is sent, as far as is known here: to the source that was last told of, before there is one
    /// to where its description says.
    pub fn sends_to(&self) -> Option<SocketAddr> {
        let latched = self.figures.as_deref().and_then(|(_, from, _)| *from);
        latched.or(self.params.as_ref().and_then(|params| params.remote))
    }

    /// The port of an INVITE that came in is there: its offer is answered, or ours is made.
    pub fn negotiate_invite(&mut self) -> Result<(), NoCommon> {
        let Some(local) = self.local.as_mut() else { return Ok(()) };
        match self.offer.take() {
            Some(offer) => {
                let (answer, params) = negotiate::answer(local, &offer)?;
                self.description = Some(answer.to_bytes());
                self.params = Some(params);
            }
            None => self.description = Some(negotiate::offer(local).to_bytes()),
        }
        Ok(())
    }
}
