//! Why a call is cleared: Q.850 cause numbers with the names that administrators write.
//!
//! Place: `hangup`, `dial` and `respond` name causes; the effect carries the number and whoever
//! drives the plan maps it to SIP. The names are those of Q.850 as FreeSWITCH spells them, plus a
//! few plain words. No SIP mapping here but the few status codes that `respond` names.

use core::fmt;

/// A Q.850 cause value, 1 to 127.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct Cause(pub u8);

impl Cause {
    /// 1: the number is not allocated.
    pub const UNALLOCATED: Cause = Cause(1);
    /// 16: the ordinary end of a call.
    pub const NORMAL: Cause = Cause(16);
    /// 17: the user is busy.
    pub const BUSY: Cause = Cause(17);
    /// 19: the user is alerted and does not answer.
    pub const NO_ANSWER: Cause = Cause(19);
    /// 20: the subscriber is absent: a phone that is not registered.
    pub const ABSENT: Cause = Cause(20);
    /// 21: the call is rejected.
    pub const REJECTED: Cause = Cause(21);
    /// 28: the number is incomplete or has a form that cannot be dialled.
    pub const INVALID_NUMBER: Cause = Cause(28);
    /// 41: temporary failure.
    pub const TEMPORARY_FAILURE: Cause = Cause(41);
    /// 79: a service or option that is not implemented.
    pub const NOT_IMPLEMENTED: Cause = Cause(79);
}

/// Number and Q.850 name; where a plain word is another name for it, that comes third.
const NAMES: &[(u8, &str, &str)] = &[
    (1, "UNALLOCATED_NUMBER", "unallocated"),
    (2, "NO_ROUTE_TRANSIT_NET", ""),
    (3, "NO_ROUTE_DESTINATION", "no-route"),
    (6, "CHANNEL_UNACCEPTABLE", ""),
    (7, "CALL_AWARDED_DELIVERED", ""),
    (16, "NORMAL_CLEARING", "normal"),
    (17, "USER_BUSY", "busy"),
    (18, "NO_USER_RESPONSE", "no-response"),
    (19, "NO_ANSWER", "no-answer"),
    (20, "SUBSCRIBER_ABSENT", "absent"),
    (21, "CALL_REJECTED", "rejected"),
    (22, "NUMBER_CHANGED", ""),
    (23, "REDIRECTION_TO_NEW_DESTINATION", ""),
    (25, "EXCHANGE_ROUTING_ERROR", ""),
    (27, "DESTINATION_OUT_OF_ORDER", "out-of-order"),
    (28, "INVALID_NUMBER_FORMAT", "invalid-number"),
    (29, "FACILITY_REJECTED", ""),
    (30, "RESPONSE_TO_STATUS_ENQUIRY", ""),
    (31, "NORMAL_UNSPECIFIED", ""),
    (34, "NORMAL_CIRCUIT_CONGESTION", "congestion"),
    (38, "NETWORK_OUT_OF_ORDER", ""),
    (41, "NORMAL_TEMPORARY_FAILURE", "temporary-failure"),
    (42, "SWITCH_CONGESTION", ""),
    (43, "ACCESS_INFO_DISCARDED", ""),
    (44, "REQUESTED_CHAN_UNAVAIL", ""),
    (45, "PRE_EMPTED", ""),
    (50, "FACILITY_NOT_SUBSCRIBED", ""),
    (52, "OUTGOING_CALL_BARRED", "outgoing-barred"),
    (54, "INCOMING_CALL_BARRED", "incoming-barred"),
    (57, "BEARERCAPABILITY_NOTAUTH", ""),
    (58, "BEARERCAPABILITY_NOTAVAIL", ""),
    (63, "SERVICE_UNAVAILABLE", "unavailable"),
    (65, "BEARERCAPABILITY_NOTIMPL", ""),
    (66, "CHAN_NOT_IMPLEMENTED", ""),
    (69, "FACILITY_NOT_IMPLEMENTED", ""),
    (79, "SERVICE_NOT_IMPLEMENTED", "not-implemented"),
    (81, "INVALID_CALL_REFERENCE", ""),
    (88, "INCOMPATIBLE_DESTINATION", ""),
    (95, "INVALID_MSG_UNSPECIFIED", ""),
    (96, "MANDATORY_IE_MISSING", ""),
    (97, "MESSAGE_TYPE_NONEXIST", ""),
    (98, "WRONG_MESSAGE", ""),
    (99, "IE_NONEXIST", ""),
    (100, "INVALID_IE_CONTENTS", ""),
    (101, "WRONG_CALL_STATE", ""),
    (102, "RECOVERY_ON_TIMER_EXPIRE", "timer-expired"),
    (103, "MANDATORY_IE_LENGTH_ERROR", ""),
    (111, "PROTOCOL_ERROR", ""),
    (127, "INTERWORKING", ""),
];

/// FreeSWITCH's own causes above 127, with the Q.850 value nearest in meaning.
const FREESWITCH_ONLY: &[(&str, u8)] = &[
    ("SUCCESS", 16),
    ("ORIGINATOR_CANCEL", 16),
    ("LOSE_RACE", 16),
    ("MANAGER_REQUEST", 16),
    ("BLIND_TRANSFER", 16),
    ("ATTENDED_TRANSFER", 16),
    ("PICKED_OFF", 16),
    ("ALLOTTED_TIMEOUT", 102),
    ("MEDIA_TIMEOUT", 41),
    ("CRASH", 41),
    ("SYSTEM_SHUTDOWN", 41),
    ("PROGRESS_TIMEOUT", 18),
    ("TIMEOUT", 18),
    ("USER_CHALLENGE", 21),
    ("INVALID_GATEWAY", 3),
    ("GATEWAY_DOWN", 3),
    ("USER_NOT_REGISTERED", 20),
    ("INVALID_URL", 28),
    ("INVALID_PROFILE", 3),
    ("NO_PICKUP", 19),
    ("UNSPECIFIED", 31),
    ("NONE", 16),
];

impl Cause {
    /// From a Q.850 number (1 to 127), a Q.850 name in any case, or a plain word such as `busy`.
    pub fn parse(text: &str) -> Option<Cause> {
        let text = text.trim();
        if let Ok(number) = text.parse::<u8>() {
            return (1..=127).contains(&number).then_some(Cause(number));
        }
        let same = |name: &str| !name.is_empty() && name.eq_ignore_ascii_case(text);
        let known = NAMES.iter().find(|(_, name, plain)| same(name) || same(plain));
        let known = known.map(|(number, _, _)| Cause(*number));
        known.or_else(|| {
            FREESWITCH_ONLY.iter().find(|(name, _)| same(name)).map(|(_, number)| Cause(*number))
        })
    }

    /// The Q.850 name; `UNSPECIFIED` for a number without one.
    pub fn name(self) -> &'static str {
        let known = NAMES.iter().find(|(number, _, _)| *number == self.0);
        known.map_or("UNSPECIFIED", |(_, name, _)| name)
    }

    /// Every name that [`Cause::parse`] knows, for help and for the nearest name.
    pub fn names() -> impl Iterator<Item = &'static str> + Clone {
        let own = NAMES.iter().flat_map(|(_, name, plain)| [*plain, *name]);
        own.filter(|name| !name.is_empty()).chain(FREESWITCH_ONLY.iter().map(|(name, _)| *name))
    }

    /// The cause for a SIP status that a plan names (`respond 404`): RFC 3398 §7.2.4.1 for those it
    /// lists, 31 (unspecified) otherwise.
    pub fn from_sip(status: u16) -> Cause {
        Cause(match status {
            401 | 402 | 403 | 407 | 603 => 21,
            404 | 604 => 1,
            408 => 102,
            410 => 22,
            480 => 18,
            484 => 28,
            486 | 600 => 17,
            502 => 38,
            500 | 503 => 41,
            501 => 79,
            _ => 31,
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_numbers_and_plain_words_are_read() {
        assert_eq!(Cause::parse("17"), Some(Cause::BUSY));
        assert_eq!(Cause::parse("user_busy"), Some(Cause::BUSY));
        assert_eq!(Cause::parse(" busy "), Some(Cause::BUSY));
        assert_eq!(Cause::parse("ORIGINATOR_CANCEL"), Some(Cause::NORMAL));
        assert_eq!(
            (Cause::parse("0"), Cause::parse("128"), Cause::parse("bussy")),
            (None, None, None)
        );
        assert!(Cause::names().all(|name| Cause::parse(name).is_some()));
        assert_eq!(Cause::BUSY.to_string(), "17 USER_BUSY");
    }
}
