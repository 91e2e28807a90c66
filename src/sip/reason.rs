//! Q.850 causes in SIP: the Reason header (RFC 3326, RFC 6432) and the status that stands for a
//! cause (RFC 3398).

use crate::wire::q850::{self, Cause, Mapping, Reason};
use crate::wire::sip::{Message, ToWire};

/// The status that refuses a call when nobody says why.
const NO_REASON: u16 = 480;

/// The Q.850 cause of a message's Reason header.
pub fn q850(message: &Message) -> Option<Cause> {
    q850::cause_of(message)
}

/// A Reason value.
pub fn value(cause: Cause) -> Vec<u8> {
    Reason::q850(cause).to_bytes()
}

/// The Reason of a CANCEL. Where another phone has answered, RFC 3326 §1 has words that phones know:
/// they show no missed call then. They go first, for some read the first value only.
pub fn of_cancel(cause: Cause) -> Vec<u8> {
    let own = value(cause);
    if cause != Cause::NON_SELECTED_USER_CLEARING {
        return own;
    }
    let elsewhere = Reason::sip(200, "Call completed elsewhere").to_bytes();
    [elsewhere, own].join(&b", "[..])
}

/// The status by which a call that is not answered is refused for that cause.
pub fn status_of(cause: Option<Cause>) -> u16 {
    cause.map_or(NO_REASON, |cause| Mapping::RFC_3398.status_of(cause))
}
