//! Whose session description is open: offer and answer (RFC 3264) in INVITE and UPDATE
//! (RFC 3261 §13.2.1, §14; RFC 3311 §5; RFC 6337).
//!
//! ```text
//!                      we send INVITE/UPDATE       they answer, refuse, or time out
//!            +--------+------------------> Ours --------------------------------------+
//!            |        |   2xx carries their offer (ours had none)                      |
//!            |        |            Ours -----------> TheirsIn2xx --ACK with our answer-+
//!            | Stable |                                                                |
//!            |        |------------------> Theirs --we answer or refuse, they cancel---+
//!            |        | they send          |                                           |
//!            +--------+ INVITE/UPDATE      +--2xx carries our offer--> OursIn2xx --ACK-+
//!                ^         (theirs had none)                                           |
//!                +---------------------------------------------------------------------+
//! ```
//!
//! There is at most one at a time. What comes meanwhile is refused: 491 while ours is open (glare),
//! 500 with Retry-After while theirs is (§14.2, RFC 3311 §5.2). A description in an 18x that is not
//! sent reliably is a preview of the answer and moves nothing here.

/// What carries an offer within a dialog.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Carrier {
    /// INVITE or re-INVITE.
    Invite,
    /// UPDATE.
    Update,
}

/// Whose offer is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Exchange {
    /// Nobody's.
    Stable,
    /// Ours, or our INVITE that asks for theirs.
    Ours {
        /// What carries it.
        by: Carrier,
        /// It has a description; without, the 2xx brings their offer.
        offered: bool,
    },
    /// Theirs, or their INVITE that asks for ours.
    Theirs {
        /// What carries it.
        by: Carrier,
        /// It has a description; without, our 2xx brings our offer.
        offered: bool,
    },
    /// Our 2xx carried our offer; the ACK must bring the answer.
    OursIn2xx,
    /// Their 2xx carried their offer; the ACK waits for our answer.
    TheirsIn2xx,
}

/// Why a request of the peer that carries an offer cannot be taken now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// 491: ours is open too.
    Glare,
    /// 500 with Retry-After: their earlier one is still open.
    TooEarly,
}

impl Exchange {
    /// Opens the peer's INVITE, or UPDATE with a description.
    pub fn open_theirs(&mut self, by: Carrier, offered: bool) -> Result<(), Refusal> {
        *self = match (*self, by) {
            (Exchange::Stable, _) => Exchange::Theirs { by, offered },
            (Exchange::Theirs { .. }, _) => return Err(Refusal::TooEarly),
            (Exchange::TheirsIn2xx, Carrier::Update) => return Err(Refusal::TooEarly),
            (Exchange::TheirsIn2xx, Carrier::Invite) => return Err(Refusal::Glare),
            (Exchange::Ours { .. } | Exchange::OursIn2xx, _) => return Err(Refusal::Glare),
        };
        Ok(())
    }

    /// Opens ours. False when another is open: try again later.
    pub fn open_ours(&mut self, by: Carrier, offered: bool) -> bool {
        let free = *self == Exchange::Stable;
        if free {
            *self = Exchange::Ours { by, offered };
        }
        free
    }

    /// We answer theirs with 2xx, which carries our offer when theirs had none.
    pub fn answer_theirs(&mut self) {
        if let Exchange::Theirs { offered, .. } = *self {
            *self = if offered { Exchange::Stable } else { Exchange::OursIn2xx };
        }
    }

    /// They answered ours with 2xx; `described` tells whether it has a description. True when that
    /// is their offer and the ACK waits for our answer.
    pub fn answered_ours(&mut self, described: bool) -> bool {
        match *self {
            Exchange::Ours { by: Carrier::Invite, offered: false } if described => {
                *self = Exchange::TheirsIn2xx;
                true
            }
            Exchange::Ours { .. } => {
                *self = Exchange::Stable;
                false
            }
            _ => false,
        }
    }

    /// What was open is closed without agreement: refused, cancelled, timed out; or the ACK came.
    pub fn close(&mut self) {
        *self = Exchange::Stable;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Carrier::{Invite, Update};

    #[test]
    fn glare_is_491_and_a_second_offer_of_theirs_500() {
        let mut x = Exchange::Stable;
        assert!(x.open_ours(Invite, true));
        assert!(!x.open_ours(Update, true), "one at a time");
        assert_eq!(x.open_theirs(Invite, true), Err(Refusal::Glare));
        assert_eq!(x.open_theirs(Update, true), Err(Refusal::Glare));
        assert!(!x.answered_ours(true), "their description is the answer");
        assert_eq!(x.open_theirs(Update, true), Ok(()));
        assert_eq!(x.open_theirs(Invite, false), Err(Refusal::TooEarly));
        assert!(!x.open_ours(Invite, true));
        x.answer_theirs();
        assert_eq!(x, Exchange::Stable);
    }

    #[test]
    fn a_late_offer_is_closed_by_the_ack() {
        let mut x = Exchange::Stable;
        assert_eq!(x.open_theirs(Invite, false), Ok(()));
        x.answer_theirs();
        assert_eq!(x, Exchange::OursIn2xx);
        assert_eq!(x.open_theirs(Invite, true), Err(Refusal::Glare));
        x.close();

        assert!(x.open_ours(Invite, false));
        assert!(x.answered_ours(true));
        assert_eq!(x, Exchange::TheirsIn2xx);
        assert_eq!(x.open_theirs(Update, true), Err(Refusal::TooEarly));
        x.close();
        assert_eq!(x, Exchange::Stable);
    }

    #[test]
    fn a_2xx_without_description_to_an_invite_without_one_agrees_nothing() {
        let mut x = Exchange::Stable;
        assert!(x.open_ours(Invite, false));
        assert!(!x.answered_ours(false));
        assert_eq!(x, Exchange::Stable);
    }
}
