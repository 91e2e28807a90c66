//! How a leg's packets are protected: its keys, the handshake that makes them, what is sealed.

use std::net::SocketAddr;

use super::Leg;
use crate::base::{Duration, Rng, Time};
use crate::media::control::StreamParams;
use crate::media::dtls::{Terms, is_client_hello};
use crate::media::srtp::{Figures as SrtpFigures, Guard, Keys, Srtp};
use crate::media::{Kind, ice};

/// How long the first who began a handshake has it, if he gets no keys: then the next may begin one.
const HANDSHAKER_HELD: Duration = Duration::from_secs(2);

impl Leg {
    /// Takes the keys that were agreed on.
    pub(super) fn protect(&mut self, now: Time, params: &StreamParams, rng: &mut Rng) {
        let handshakes = params.carriage.dtls.is_some();
        match params.srtp.clone() {
            Some(keys) => self.take_keys(now, keys, rng),
            // What the last handshake gave holds until another gives something else.
            None if handshakes && self.is_of_its_peer(params) => {}
            None => {
                self.past_srtp = self.srtp_figures();
                // Its key may come back, and begins at index 0 then.
                if let Guard::Keyed(_) = self.guard {
                    self.tx.change_ssrc(rng.next_u32());
                }
                self.guard = if handshakes { Guard::Awaited } else { Guard::Plain };
            }
        }
    }

    /// Whether `params` name the certificate that the ones before did, or none as they did: another is another
    /// device's, maybe the second of two that rang.
    fn is_of_its_peer(&self, params: &StreamParams) -> bool {
        let before = self.params.as_ref().and_then(|before| before.carriage.dtls.as_ref());
        let named = params.carriage.dtls.as_ref();
        before.map(|dtls| &dtls.fingerprint) == named.map(|dtls| &dtls.fingerprint)
    }

    pub(super) fn take_keys(&mut self, now: Time, keys: Keys, rng: &mut Rng) {
        match &mut self.guard {
            Guard::Keyed(srtp) => {
                if srtp.agree(now, keys) {
                    self.tx.change_ssrc(rng.next_u32());
                }
            }
            guard => *guard = Guard::Keyed(Box::new(Srtp::new(keys))),
        }
    }

    /// Takes the keys of its handshake; whether they are those of what is agreed on now.
    pub(in crate::media) fn keyed(
        &mut self,
        now: Time,
        terms: &Terms,
        keys: Keys,
        rng: &mut Rng,
    ) -> bool {
        let agreed = self.params.as_ref().and_then(|params| params.carriage.dtls.as_ref());
        let ours = agreed == Some(terms);
        if ours {
            self.take_keys(now, keys, rng);
        }
        ours
    }

    /// Whether it has agreed to get its keys by a handshake.
    pub(in crate::media) fn is_for_dtls(&self) -> bool {
        self.params.as_ref().is_some_and(|params| params.carriage.dtls.is_some())
    }

    /// Lets its peer be found as was agreed on.
    pub(super) fn find(&mut self, params: &StreamParams) {
        let same = self.is_of_its_peer(params);
        match (&mut self.ice, params.carriage.ice.clone()) {
            (Some(agent), Some(terms)) if same => agent.agree(terms),
            (agent, Some(terms)) => *agent = Some(Box::new(ice::Agent::new(terms))),
            (agent, None) => *agent = None,
        }
        let asymmetric = params.carriage.asymmetric && self.ice.is_none();
        match &self.ice {
            Some(agent) => self.latch.checked(agent.nominated()),
            None if asymmetric => self.latch.keep_to(params.remote),
            None => self.latch.unchecked(),
        }
        self.rtcp.keep_to_named(asymmetric);
        if self.params.as_ref().is_some_and(|before| before.carriage.dtls != params.carriage.dtls) {
            self.handshaker = None;
        }
    }

    /// Whether we begin its handshake, as soon as there is a way.
    pub(in crate::media) fn begins_handshake(&self) -> bool {
        let dtls = self.params.as_ref().and_then(|params| params.carriage.dtls.as_ref());
        dtls.is_some_and(|dtls| dtls.active)
    }

    /// Whether there is a way to where a check came from and we have a handshake to begin there.
    pub(in crate::media) fn has_way_to_begin(&self, from: SocketAddr) -> bool {
        let found = self.ice.as_ref().is_some_and(|agent| agent.is_at(from));
        found && self.begins_handshake() && matches!(self.guard, Guard::Awaited)
    }

    /// Whether a datagram of its handshake may come from that address: with ICE from where the peer has shown
    /// to be; without, if we begin, from whom we ask; else from where SDP says, or, behind NAT, from who is first
    /// with a ClientHello, until it has had its time.
    pub(in crate::media) fn takes_handshake(
        &mut self,
        now: Time,
        from: SocketAddr,
        datagram: &[u8],
    ) -> bool {
        if let Some(agent) = &self.ice {
            return agent.is_at(from);
        }
        if self.begins_handshake() {
            return self.latch.destination() == Some(from);
        }
        let held = self.handshaker.map(|(held, _)| held);
        let keyed = matches!(self.guard, Guard::Keyed(_));
        let over = |(_, since)| !keyed && now.since(since) >= HANDSHAKER_HELD;
        let is_named = self.params.as_ref().is_some_and(|params| params.remote == Some(from));
        let may = is_named || self.handshaker.is_none_or(over);
        if held != Some(from) && may && is_client_hello(datagram) {
            self.handshaker = Some((from, now));
            return true;
        }
        held == Some(from)
    }

    /// Where its handshake goes.
    pub(in crate::media) fn handshakes_with(&self) -> Option<SocketAddr> {
        match &self.ice {
            Some(agent) => agent.reachable(),
            None if self.begins_handshake() => self.latch.destination(),
            None => self.handshaker.map(|(held, _)| held).or(self.latch.destination()),
        }
    }

    /// By which socket and where its reports go. On a port of their own they would want a handshake of their
    /// own (RFC 5764 §3): a leg with DTLS and without rtcp-mux has none.
    pub(in crate::media) fn reports_to(&self) -> Option<(Kind, SocketAddr)> {
        let params = self.params.as_ref()?;
        match params.carriage.rtcp_mux {
            true => self.latch.destination().map(|to| (Kind::Rtp, to)),
            false if self.is_for_dtls() => None,
            false => self.rtcp.destination().map(|to| (Kind::Rtcp, to)),
        }
    }

    /// Protects the RTP packet to its party in `buf[..len]`, where that is agreed on; says how long it
    /// is now. `None`: it may not be sent.
    #[inline]
    pub(in crate::media) fn seal(&mut self, buf: &mut [u8], len: usize) -> Option<usize> {
        match &mut self.guard {
            Guard::Plain => Some(len),
            Guard::Keyed(srtp) => srtp.send(buf, len),
            Guard::Awaited => None,
        }
    }

    /// The same for RTCP packets.
    pub(in crate::media) fn seal_rtcp(&mut self, buf: &mut [u8], len: usize) -> Option<usize> {
        match &mut self.guard {
            Guard::Plain => Some(len),
            Guard::Keyed(srtp) => srtp.send_rtcp(buf, len),
            Guard::Awaited => None,
        }
    }

    /// What its SRTP has not taken so far.
    pub(super) fn srtp_figures(&self) -> SrtpFigures {
        let now = match &self.guard {
            Guard::Keyed(srtp) => srtp.figures(),
            Guard::Plain | Guard::Awaited => SrtpFigures::default(),
        };
        SrtpFigures {
            forged: self.past_srtp.forged + now.forged,
            replayed: self.past_srtp.replayed + now.replayed,
            unsealed: self.past_srtp.unsealed + now.unsealed,
        }
    }
}
