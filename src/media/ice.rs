//! ICE as a lite agent (RFC 8445 §2.5): one leg answers its peer's checks and sends where the peer says.
//!
//! ```text
//!   check ─▶ both fragments? ─▶ pace ─▶ its sum under our password ─▶ success ─▶ [USE-CANDIDATE] nominated
//!                │ no: silence     │ too many: silence      │ no: 400, 401, 420, 487
//! ```
//!
//! We have one address and ask nothing; a check that is right is answered, which is also what consent
//! (RFC 7675) asks of us. The pair that was nominated last is the one: a browser that moves to another
//! network nominates anew, by a check that nobody has seen before: one that was listened to and comes again
//! from elsewhere ([`Seen`]) is not heard. Not here: the message's bytes ([`wire::stun::check`](crate::wire::stun::check)),
//! what is offered ([`negotiate`](super::negotiate)).

use core::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::allowance::Allowance;
use crate::base::Time;
use crate::wire::stun::check::{Answer, Check, Key};

/// Checks a second that are answered: to the nominated address, and to all others together.
const MOST_A_SECOND: u32 = 50;

/// One side's `a=ice-ufrag` and `a=ice-pwd`. `Debug` leaves out the password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The user fragment.
    pub fragment: Box<str>,
    /// The password.
    pub password: Box<str>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, …)", self.fragment)
    }
}

/// What was agreed on; other credentials than before are a restart (§9).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Terms {
    /// Ours, by which the peer's checks are signed.
    pub ours: Credentials,
    /// The peer's, whose fragment its checks name after ours: of two devices that ring, only one is meant.
    pub theirs: Credentials,
}

/// One leg's agent.
#[derive(Debug)]
pub(super) struct Agent {
    terms: Terms,
    key: Key,
    nominated: Option<SocketAddr>,
    /// Where the latest check that was right came from.
    valid: Option<SocketAddr>,
    own: Allowance,
    others: Allowance,
    seen: Seen,
}

/// The transactions of checks that were right, as a Bloom filter of 8 KiB: forgotten is none, and of new ones
/// few are taken for seen: of checks each 2.5 s none in a thousand after an hour, one in fifteen after eight,
/// three in five after a day. Then its sender's next one does it, for it asks with a new transaction each time.
#[derive(Debug)]
struct Seen(Box<[u64]>);

impl Seen {
    const WORDS: usize = 1_024;

    fn new() -> Seen {
        Seen(vec![0; Seen::WORDS].into_boxed_slice())
    }

    /// Whether it was there; now it is.
    fn again(&mut self, transaction: &[u8]) -> bool {
        let mixed = Seen::mixed(transaction);
        (0..4).fold(true, |all, nth| {
            let bit = usize::from((mixed >> (16 * nth)) as u16) % (Seen::WORDS * 64);
            let (word, mask) = (&mut self.0[bit / 64], 1 << (bit % 64));
            let was = *word & mask != 0;
            *word |= mask;
            all && was
        })
    }

    /// All 96 bits in each of 64: they are to be chance (RFC 8489 §5), and with some peers a part of them is a
    /// process's number or a counter.
    fn mixed(transaction: &[u8]) -> u64 {
        transaction.iter().fold(0xcbf2_9ce4_8422_2325, |mixed: u64, byte| {
            let mixed = (mixed ^ u64::from(*byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed ^ (mixed >> 32)
        })
    }
}

/// What a check led to.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) answer: Answer,
    /// With it another address was nominated.
    pub(super) nominated: Option<SocketAddr>,
}

impl Agent {
    pub(super) fn new(terms: Terms) -> Agent {
        let (own, others) =
            (Allowance::a_second(MOST_A_SECOND), Allowance::a_second(MOST_A_SECOND));
        let key = Key::new(&terms.ours.password);
        Agent { key, terms, nominated: None, valid: None, own, others, seen: Seen::new() }
    }

    /// After another exchange. A restart leaves the address that was nominated until another is (§2.4).
    pub(super) fn agree(&mut self, terms: Terms) {
        if self.terms != terms {
            let (nominated, valid) = (self.nominated, self.valid);
            *self = Agent { nominated, valid, ..Agent::new(terms) };
        }
    }

    /// Where the peer wants to be sent to.
    pub(super) fn nominated(&self) -> Option<SocketAddr> {
        self.nominated
    }

    /// Where the peer can be sent to, if only a handshake.
    pub(super) fn reachable(&self) -> Option<SocketAddr> {
        self.nominated.or(self.valid)
    }

    /// Whether the peer is at that address, as it has shown.
    pub(super) fn is_at(&self, address: SocketAddr) -> bool {
        [self.nominated, self.valid].contains(&Some(address))
    }

    /// A STUN datagram of whomever. `None`: nothing that is answered.
    pub(super) fn check(
        &mut self,
        now: Time,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Option<Checked> {
        let check = Check::parse(datagram)?;
        let known = self.nominated == Some(from);
        let fragments = (&self.terms.ours.fragment, &self.terms.theirs.fragment);
        let meant = check.fragments() == Some((fragments.0.as_bytes(), fragments.1.as_bytes()));
        // Who does not know the fragments is told nothing, and counts for nobody who does.
        let paced = if known { &mut self.own } else { &mut self.others };
        if !meant || !paced.takes(now) {
            return None;
        }
        let answer = match check.verify(&self.key) {
            // Until an address is nominated the peer tries several, and says again what was lost.
            Ok(())
                if self.seen.again(check.transaction())
                    && self.nominated.is_some()
                    && !self.is_at(from) =>
            {
                return None;
            }
            Ok(()) => check.success(&self.key, from),
            Err(wrong) => {
                return Some(Checked { answer: check.error(wrong, &self.key), nominated: None });
            }
        };
        self.valid = Some(from);
        let nominated = (check.nominates() && !known).then_some(from);
        self.nominated = nominated.or(self.nominated);
        Some(Checked { answer, nominated })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::media) fn terms(n: u8) -> Terms {
        let side = |name: &str| Credentials {
            fragment: format!("{name}{n}").into(),
            password: format!("password of {name}{n}").into(),
        };
        Terms { ours: side("ours"), theirs: side("theirs") }
    }

    fn from(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 7], port))
    }

    /// A check that is signed with `password`.
    pub(in crate::media) fn asked(user: &str, password: &str, nominate: bool) -> Vec<u8> {
        again(user, password, nominate, 0)
    }

    /// The same as the `nth` of its sender.
    fn again(user: &str, password: &str, nominate: bool, nth: u64) -> Vec<u8> {
        crate::wire::stun::check::request(user, &Key::new(password), nominate, nth)
    }

    #[test]
    fn a_right_check_is_answered_and_nominates() {
        let mut agent = Agent::new(terms(1));
        let now = Time::ZERO;
        let right = asked("ours1:theirs1", "password of ours1", false);
        let done = agent.check(now, from(1), &right).expect("answered");
        assert_eq!((done.answer.bytes()[0], done.nominated), (1, None));
        let chosen = asked("ours1:theirs1", "password of ours1", true);
        assert_eq!(agent.check(now, from(2), &chosen).expect("answered").nominated, Some(from(2)));
        assert_eq!(
            agent.check(now, from(2), &chosen).expect("answered").nominated,
            None,
            "no news"
        );
        let moved = again("ours1:theirs1", "password of ours1", true, 1);
        assert_eq!(agent.check(now, from(3), &moved).expect("answered").nominated, Some(from(3)));
        assert_eq!(agent.nominated(), Some(from(3)));
    }

    #[test]
    fn a_wrong_one_nominates_nobody() {
        let mut agent = Agent::new(terms(1));
        let now = Time::ZERO;
        let stranger = asked("x:theirs1", "password of ours1", true);
        assert!(agent.check(now, from(1), &stranger).is_none(), "silence to who knows nothing");
        let other = asked("ours1:theirs2", "password of ours1", true);
        assert!(agent.check(now, from(1), &other).is_none(), "another device of the same offer");
        let guess = asked("ours1:theirs1", "guess", true);
        let refused = agent.check(now, from(1), &guess).expect("told");
        assert_eq!(refused.answer.bytes()[..2], [1, 0x11]);
        assert_eq!((refused.nominated, agent.nominated()), (None, None));
    }

    #[test]
    fn what_was_listened_to_and_comes_from_elsewhere_moves_nothing() {
        let mut agent = Agent::new(terms(1));
        let now = Time::ZERO;
        let nth = |nth| again("ours1:theirs1", "password of ours1", true, nth);
        assert!(agent.check(now, from(1), &nth(0)).is_some());
        assert!(agent.check(now, from(1), &nth(0)).is_some(), "its own repetition");
        assert!(agent.check(now, from(9), &nth(0)).is_none());
        assert!(agent.check(now, from(2), &nth(1)).is_some(), "the peer moves");
        for _ in 0..2 {
            assert!(agent.check(now, from(1), &nth(1)).is_none());
            assert!(agent.check(now, from(1), &nth(0)).is_none());
        }
        assert_eq!(agent.nominated(), Some(from(2)));
        // An hour of checks: a new one from a new place gets through.
        (2..1_442).for_each(|n| {
            agent.check(now + core::time::Duration::from_secs(n), from(2), &nth(n));
        });
        let later = now + core::time::Duration::from_secs(2_000);
        let heard = (2_000..2_008).filter(|n| agent.check(later, from(3), &nth(*n)).is_some());
        assert!(heard.count() >= 7);
        assert_eq!(agent.nominated(), Some(from(3)));
    }

    /// PJNATH's transactions begin with its process's number, and end with a counter.
    #[test]
    fn checks_that_differ_in_their_last_bytes_alone_are_told_apart() {
        let mut seen = Seen::new();
        let transaction = |nth: u32| [&[7; 8][..], &nth.to_be_bytes()].concat();
        let mistaken = (0..1_440).filter(|nth| seen.again(&transaction(*nth))).count();
        assert!(mistaken <= 2, "{mistaken} of an hour's");
        assert!((0..1_440).all(|nth| seen.again(&transaction(nth))), "none is forgotten");
        let eight_hours = (1_440..11_520).filter(|nth| seen.again(&transaction(*nth))).count();
        assert!(eight_hours < 500, "{eight_hours}");
    }

    #[test]
    fn strangers_cannot_use_up_what_the_peer_may() {
        let mut agent = Agent::new(terms(1));
        let right = asked("ours1:theirs1", "password of ours1", true);
        let now = Time::ZERO;
        assert!(agent.check(now, from(1), &right).is_some());
        let guess = asked("ours1:theirs1", "guess", false);
        let told = (0..1_000).filter(|_| agent.check(now, from(9), &guess).is_some()).count();
        assert!((50..=51).contains(&told), "{told}");
        assert!(agent.check(now, from(1), &right).is_some(), "the peer is answered all the same");
    }

    #[test]
    fn a_restart_keeps_the_address_and_changes_the_password() {
        let mut agent = Agent::new(terms(1));
        let now = Time::ZERO;
        let old = asked("ours1:theirs1", "password of ours1", true);
        assert!(agent.check(now, from(1), &old).is_some());
        agent.agree(terms(2));
        assert_eq!(agent.nominated(), Some(from(1)));
        assert!(agent.check(now, from(1), &old).is_none());
        let new = asked("ours2:theirs2", "password of ours2", true);
        assert_eq!(agent.check(now, from(2), &new).expect("answered").nominated, Some(from(2)));
    }
}
