//! Release causes of ISDN (ITU-T Q.850): the number, its name, its meaning.
//!
//! One number says why a call ended, on the gateway's side, in a `Reason` header, in the dialplan
//! and in the call record. Names are those that FreeSWITCH made known, so that its dialplans load.
//!
//! Neighbours: `mapping` (causes to SIP status codes and back), `reason` (the header).

mod mapping;
mod reason;

pub use mapping::Mapping;
pub use reason::{Protocol, Reason, cause_of};

use core::fmt;

/// A cause value, 1 to 127.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(into = "u8", try_from = "u8")]
pub struct Cause(u8);

/// Not a cause value: 0, or above 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadCause(pub u8);

impl fmt::Display for BadCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a cause value (1 to 127)", self.0)
    }
}
impl std::error::Error for BadCause {}

/// Makes the constants and the table from one list: value, constant, which is also the name, text.
macro_rules! causes {
    ($($value:literal $name:ident $text:literal;)*) => {
        impl Cause {
            $(#[doc = concat!($text, " (", $value, ").")] pub const $name: Cause = Cause($value);)*
        }
        /// Value, name and text of each cause that Q.850 defines.
        const TABLE: &[(u8, &str, &str)] = &[$(($value, stringify!($name), $text)),*];
    };
}

causes! {
    1 UNALLOCATED_NUMBER "Unallocated (unassigned) number";
    2 NO_ROUTE_TRANSIT_NET "No route to specified transit network";
    3 NO_ROUTE_DESTINATION "No route to destination";
    4 SEND_SPECIAL_TONE "Send special information tone";
    5 MISDIALED_TRUNK_PREFIX "Misdialled trunk prefix";
    6 CHANNEL_UNACCEPTABLE "Channel unacceptable";
    7 CALL_AWARDED_DELIVERED "Call awarded and being delivered in an established channel";
    8 PRE_EMPTED "Preemption";
    9 PRE_EMPTED_RESERVED "Preemption, circuit reserved for reuse";
    14 NUMBER_PORTED "Query on release: number ported";
    16 NORMAL_CLEARING "Normal call clearing";
    17 USER_BUSY "User busy";
    18 NO_USER_RESPONSE "No user responding";
    19 NO_ANSWER "No answer from user (user alerted)";
    20 SUBSCRIBER_ABSENT "Subscriber absent";
    21 CALL_REJECTED "Call rejected";
    22 NUMBER_CHANGED "Number changed";
    23 REDIRECTION_TO_NEW_DESTINATION "Redirection to new destination";
    25 EXCHANGE_ROUTING_ERROR "Exchange routing error";
    26 NON_SELECTED_USER_CLEARING "Non-selected user clearing";
    27 DESTINATION_OUT_OF_ORDER "Destination out of order";
    28 INVALID_NUMBER_FORMAT "Invalid number format (address incomplete)";
    29 FACILITY_REJECTED "Facility rejected";
    30 RESPONSE_TO_STATUS_ENQUIRY "Response to status enquiry";
    31 NORMAL_UNSPECIFIED "Normal, unspecified";
    34 NORMAL_CIRCUIT_CONGESTION "No circuit or channel available";
    38 NETWORK_OUT_OF_ORDER "Network out of order";
    39 PERMANENT_CONNECTION_OUT_OF_SERVICE "Permanent frame mode connection out of service";
    40 PERMANENT_CONNECTION_OPERATIONAL "Permanent frame mode connection operational";
    41 NORMAL_TEMPORARY_FAILURE "Temporary failure";
    42 SWITCH_CONGESTION "Switching equipment congestion";
    43 ACCESS_INFO_DISCARDED "Access information discarded";
    44 REQUESTED_CHAN_UNAVAIL "Requested circuit or channel not available";
    46 PRECEDENCE_CALL_BLOCKED "Precedence call blocked";
    47 RESOURCE_UNAVAILABLE "Resource unavailable, unspecified";
    49 QOS_UNAVAILABLE "Quality of service not available";
    50 FACILITY_NOT_SUBSCRIBED "Requested facility not subscribed";
    52 CALLS_OUT_BARRED "Outgoing calls barred";
    53 OUTGOING_CALL_BARRED "Outgoing calls barred within closed user group";
    55 INCOMING_CALL_BARRED "Incoming calls barred within closed user group";
    57 BEARERCAPABILITY_NOTAUTH "Bearer capability not authorized";
    58 BEARERCAPABILITY_NOTAVAIL "Bearer capability not presently available";
    62 INCONSISTENT_ACCESS_INFORMATION "Inconsistent access information and subscriber class";
    63 SERVICE_UNAVAILABLE "Service or option not available, unspecified";
    65 BEARERCAPABILITY_NOTIMPL "Bearer capability not implemented";
    66 CHAN_NOT_IMPLEMENTED "Channel type not implemented";
    69 FACILITY_NOT_IMPLEMENTED "Requested facility not implemented";
    70 RESTRICTED_DIGITAL_ONLY "Only restricted digital information bearer capability available";
    79 SERVICE_NOT_IMPLEMENTED "Service or option not implemented, unspecified";
    81 INVALID_CALL_REFERENCE "Invalid call reference value";
    82 CHANNEL_NOT_EXIST "Identified channel does not exist";
    83 SUSPENDED_CALL_OTHER_IDENTITY "A suspended call exists, but not this call identity";
    84 CALL_IDENTITY_IN_USE "Call identity in use";
    85 NO_CALL_SUSPENDED "No call suspended";
    86 CALL_IDENTITY_CLEARED "Call with the requested call identity has been cleared";
    87 USER_NOT_MEMBER_OF_CUG "User not member of closed user group";
    88 INCOMPATIBLE_DESTINATION "Incompatible destination";
    90 NON_EXISTENT_CUG "Non-existent closed user group";
    91 INVALID_TRANSIT_NETWORK "Invalid transit network selection";
    95 INVALID_MSG_UNSPECIFIED "Invalid message, unspecified";
    96 MANDATORY_IE_MISSING "Mandatory information element is missing";
    97 MESSAGE_TYPE_NONEXIST "Message type non-existent or not implemented";
    98 WRONG_MESSAGE "Message not compatible with call state or not implemented";
    99 IE_NONEXIST "Information element or parameter non-existent or not implemented";
    100 INVALID_IE_CONTENTS "Invalid information element contents";
    101 WRONG_CALL_STATE "Message not compatible with call state";
    102 RECOVERY_ON_TIMER_EXPIRE "Recovery on timer expiry";
    103 PARAMETER_NOT_IMPLEMENTED "Parameter non-existent or not implemented, passed on";
    110 PARAMETER_DISCARDED "Message with unrecognized parameter discarded";
    111 PROTOCOL_ERROR "Protocol error, unspecified";
    127 INTERWORKING "Interworking, unspecified";
}

impl Cause {
    /// A cause value.
    pub const fn new(value: u8) -> Option<Cause> {
        if value >= 1 && value <= 127 { Some(Cause(value)) } else { None }
    }

    /// The number.
    pub const fn value(self) -> u8 {
        self.0
    }

    /// Recognises a name (`USER_BUSY`, `user-busy`) or a number in text.
    pub fn from_name(text: &str) -> Option<Cause> {
        if let Ok(value) = text.parse::<u8>() {
            return Cause::new(value);
        }
        let same =
            |a: u8, b: u8| a.eq_ignore_ascii_case(&b) || a == b'_' && matches!(b, b'-' | b' ');
        let is = |name: &str| {
            name.len() == text.len() && name.bytes().zip(text.bytes()).all(|(a, b)| same(a, b))
        };
        TABLE.iter().find(|(_, name, _)| is(name)).map(|(value, ..)| Cause(*value))
    }

    /// The name; for a value that Q.850 leaves open, that of [`Cause::class_default`].
    pub fn name(self) -> &'static str {
        self.entry().1
    }

    /// The meaning in words, likewise.
    pub fn text(self) -> &'static str {
        self.entry().2
    }

    fn entry(self) -> &'static (u8, &'static str, &'static str) {
        let find = |cause: Cause| TABLE.iter().find(|(value, ..)| *value == cause.0);
        find(self)
            .or_else(|| find(self.class_default()))
            .expect("each class has its unspecified cause in the table")
    }

    /// The "unspecified" cause of this one's class (Q.850 §2.2.5): what a value that is not known
    /// counts as.
    pub const fn class_default(self) -> Cause {
        match self.0 >> 4 {
            0 | 1 => Cause::NORMAL_UNSPECIFIED,
            2 => Cause::RESOURCE_UNAVAILABLE,
            3 => Cause::SERVICE_UNAVAILABLE,
            4 => Cause::SERVICE_NOT_IMPLEMENTED,
            5 => Cause::INVALID_MSG_UNSPECIFIED,
            6 => Cause::PROTOCOL_ERROR,
            _ => Cause::INTERWORKING,
        }
    }

    /// Every cause that Q.850 defines.
    pub fn all() -> impl Iterator<Item = Cause> {
        TABLE.iter().map(|(value, ..)| Cause(*value))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.name())
    }
}
impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl From<Cause> for u8 {
    fn from(cause: Cause) -> u8 {
        cause.0
    }
}
impl TryFrom<u8> for Cause {
    type Error = BadCause;
    fn try_from(value: u8) -> Result<Cause, BadCause> {
        Cause::new(value).ok_or(BadCause(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_numbers_and_texts() {
        for cause in Cause::all() {
            assert_eq!(Cause::from_name(cause.name()), Some(cause));
            assert_eq!(Cause::from_name(&cause.value().to_string()), Some(cause));
            assert!(!cause.text().is_empty());
        }
        assert_eq!(Cause::from_name("user-busy"), Some(Cause::USER_BUSY));
        assert_eq!(Cause::from_name("no such"), None);
        assert_eq!((Cause::new(0), Cause::new(128), Cause::from_name("0")), (None, None, None));
    }

    #[test]
    fn an_unknown_value_counts_as_its_class() {
        let name = |value| Cause::new(value).unwrap().name();
        assert_eq!(name(24), "NORMAL_UNSPECIFIED");
        assert_eq!(name(33), "RESOURCE_UNAVAILABLE");
        assert_eq!(name(51), "SERVICE_UNAVAILABLE");
        assert_eq!(name(77), "SERVICE_NOT_IMPLEMENTED");
        assert_eq!(name(94), "INVALID_MSG_UNSPECIFIED");
        assert_eq!(name(105), "PROTOCOL_ERROR");
        assert_eq!(name(120), "INTERWORKING");
        assert!((1..=127).all(|value| !name(value).is_empty()));
    }
}
