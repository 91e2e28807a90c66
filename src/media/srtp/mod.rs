//! One leg's SRTP (RFC 3711): which packets of the peer's are its own and new, and how ours go out.
//!
//! ```text
//!   from the peer ─▶ Receiver: index ─ known? ─ tag ─ decrypt ─▶ latch ─▶ …
//!                      └ the key before, for a while after a change: packets under way ─┘
//!   to the peer  ◀─ Sender: index ─ encrypt ─ tag ◀──────────────────────── …
//! ```
//!
//! Each direction has a key of its own. A change of one leaves the other's counters as they are.
//! A new key of ours comes with a new SSRC, for two reasons. Keys come back: of two phones that ring, each
//! gets the key that it chose from the same offer, by turns; and under a key and an SSRC no index may be used
//! twice (§9.1; with GCM that would give away the key's hash). And the rollover counter is a question: RFC 3711 §3.3.1
//! lets it go on, many peers begin at 0. Of a new SSRC both think 0; of a peer either is understood.
//!
//! Not here: the packets' bytes ([`wire::srtp`](crate::wire::srtp)), how keys are agreed on
//! ([`negotiate`](super::negotiate)), which source the leg listens to ([`latch`](super::latch)).

mod copy;
pub mod index;
pub mod receiver;
pub mod sender;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use self::copy::Copy;
use self::receiver::{Receiver, Unfit};
use self::sender::Sender;
use crate::base::{Duration, Time};
use crate::wire::srtp::{Claim, MasterKey};

/// How long packets under the key before are taken after a change.
pub const GRACE: Duration = Duration::from_secs(2);
/// Packets in a row that are not taken, before that is told.
const TELL_AFTER: u32 = 10;
/// The same for those of which nothing says that they are the peer's: 5 s. A stranger may be sending to the
/// port, and the peer has not begun.
const TELL_AFTER_UNEXPECTED: u32 = 250;

/// The keys of a leg, as they were agreed on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Keys {
    /// Of what we send.
    pub send: MasterKey,
    /// Of what the peer sends.
    pub receive: MasterKey,
}

/// Why packets of the peer's are not heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// They are plain RTP, as it seems.
    Plain,
    /// They are of another key than was agreed on, or forged.
    Key,
    /// They came before.
    Replayed,
}

/// What was not taken so far, packets.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Figures {
    /// Without a tag that fits.
    pub forged: u64,
    /// Taken before, or too old to know.
    pub replayed: u64,
    /// Of ours, that could not be protected and were not sent.
    pub unsealed: u64,
}

/// Whether a leg's packets are protected.
#[derive(Debug, Default)]
pub enum Guard {
    /// They are plain RTP.
    #[default]
    Plain,
    /// They will be, once a handshake has given the keys; before that none goes either way.
    Awaited,
    /// They are.
    Keyed(Box<Srtp>),
}

impl Guard {
    /// The keys and counters, where there are any.
    pub fn srtp(&mut self) -> Option<&mut Srtp> {
        match self {
            Guard::Keyed(srtp) => Some(srtp),
            Guard::Plain | Guard::Awaited => None,
        }
    }
}

/// One leg's SRTP. Serialises as plain state: keys, rollover counters, what was taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Srtp {
    sender: Sender,
    receiver: Receiver,
    /// The key before, and until when its packets are taken.
    before: Option<(Receiver, Time)>,
    figures: Figures,
    /// Packets of nobody else's that were not taken since the last that was, and such of which nothing says
    /// whose they are.
    missed: u32,
    unexpected: u32,
    /// That is told once for each key.
    told: bool,
}

impl Srtp {
    /// A leg that has just agreed on `keys`.
    pub fn new(keys: Keys) -> Srtp {
        Srtp {
            sender: Sender::new(keys.send),
            receiver: Receiver::new(keys.receive),
            before: None,
            figures: Figures::default(),
            missed: 0,
            unexpected: 0,
            told: false,
        }
    }

    /// The leg has agreed again. Says whether what is sent has to have another SSRC from now on.
    pub fn agree(&mut self, now: Time, keys: Keys) -> bool {
        if *self.receiver.key() != keys.receive {
            let back = self.before.take().filter(|(before, _)| *before.key() == keys.receive);
            let next = back.map_or_else(|| Receiver::new(keys.receive), |(before, _)| before);
            let before = core::mem::replace(&mut self.receiver, next);
            self.before = Some((before, now + GRACE));
            (self.missed, self.unexpected, self.told) = (0, 0, false);
        }
        if *self.sender.key() == keys.send {
            return false;
        }
        self.sender = Sender::new(keys.send);
        true
    }

    /// Authenticates and decrypts an RTP packet of the peer's in place; says how long it is now.
    #[inline]
    pub fn receive(&mut self, now: Time, packet: &mut [u8]) -> Result<usize, Unfit> {
        let taken = match &self.before {
            None => self.receiver.rtp(packet, None),
            Some(_) => self.receive_either(now, packet),
        };
        self.note(&taken);
        taken
    }

    /// While the keys change: with the new one, else with the one before.
    #[cold]
    fn receive_either(&mut self, now: Time, packet: &mut [u8]) -> Result<usize, Unfit> {
        let Some((before, until)) = &mut self.before else {
            return self.receiver.rtp(packet, None);
        };
        let claim = Claim::of_rtp(packet).map_err(Unfit::Refused)?;
        let carried = before.carried(claim.ssrc, claim.sequence);
        let over = now >= *until;
        let copy = Copy::of(packet).filter(|_| !over);
        let taken = self.receiver.rtp(packet, carried);
        match (taken, copy) {
            (Err(_), Some(copy)) => {
                copy.restore(packet);
                before.rtp(packet, None)
            }
            (taken, _) => {
                // The counter that the old key's packets had is needed until the new key's begin.
                if over && taken.is_ok() {
                    self.before = None;
                }
                taken
            }
        }
    }

    /// The same for RTCP packets.
    pub fn receive_rtcp(&mut self, now: Time, packet: &mut [u8]) -> Result<usize, Unfit> {
        let copy = self.before.as_ref().filter(|(_, until)| now < *until);
        let copy = copy.and_then(|_| Copy::of(packet));
        let taken = match (self.receiver.rtcp(packet), copy, &mut self.before) {
            (Err(_), Some(copy), Some((before, _))) => {
                copy.restore(packet);
                before.rtcp(packet)
            }
            (taken, ..) => taken,
        };
        self.note(&taken);
        taken
    }

    fn note(&mut self, taken: &Result<usize, Unfit>) {
        if taken.is_ok() {
            (self.missed, self.unexpected) = (0, 0);
        }
    }

    /// Counts a packet that was not taken and is no known stranger's.
    pub fn refuse(&mut self, why: Unfit) {
        match why {
            Unfit::Refused(_) => self.figures.forged += 1,
            Unfit::Replayed => self.figures.replayed += 1,
        }
    }

    /// An RTP packet that may be the peer's was not taken; `expected`: it came from where the peer is.
    /// Whether it is time to tell that none can be: once for each key.
    pub fn misses(&mut self, expected: bool) -> bool {
        let count = if expected { &mut self.missed } else { &mut self.unexpected };
        *count = count.saturating_add(1);
        let many = self.missed >= TELL_AFTER || self.unexpected >= TELL_AFTER_UNEXPECTED;
        let now = many && !self.told;
        self.told |= now;
        now
    }

    /// Protects an RTP packet of ours in `buf[..len]`; says how long it is now. `None`: it may not be
    /// sent ([`Sender::rtp`]).
    #[inline]
    pub fn send(&mut self, buf: &mut [u8], len: usize) -> Option<usize> {
        let sealed = self.sender.rtp(buf, len);
        self.figures.unsealed += u64::from(sealed.is_none());
        sealed
    }

    /// The same for RTCP packets.
    pub fn send_rtcp(&mut self, buf: &mut [u8], len: usize) -> Option<usize> {
        self.sender.rtcp(buf, len).ok()
    }

    /// What was not taken so far.
    pub fn figures(&self) -> Figures {
        self.figures
    }
}
