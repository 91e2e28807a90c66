//! Keys about calls to and from outside that are no single gateway's: trunks, and how numbers are
//! read here.

use core::time::Duration;

use super::choice::TrunkChoice;
use super::name::{AreaCode, CountryCode, Name, Number};
use super::setting::section;

section! {
    /// Several gateways by one name. The dialplan dials it as it dials a gateway; its calls go to one of
    /// them, and to the next where that one has no channel free, is down, does not answer or fails for a
    /// reason of its own or its network's (by the Q.850 cause: 503, 500, 408 …, but not busy, rejected
    /// or unknown number). Once the called party was alerted no further one is tried.
    [[trunk]] struct Trunk {
        /// Its name, by which the dialplan dials it. No gateway has the same.
        name: Name = required, live;
        /// Its gateways, in their order.
        gateways: Vec<Name> = required, live;
        /// Which is tried first: the one written first, the one with the smallest part of its channels
        /// in use, or one by chance, each with its `weight`.
        choice: TrunkChoice = "\"in-order\"", live;
        /// For how long after the first attempt another gateway is still tried.
        overflow: Duration = "\"15 s\"" in ["\"0 s\"", "\"2 min\""], live;
    }
}

section! {
    /// How numbers are read here.
    [numbers] struct Numbers {
        /// The country's code, by which callers' numbers are brought into one form (E.164: `+86…`). The
        /// dialplan has it as `${caller_e164}`.
        country_code: CountryCode = "\"86\"", live;
        /// The area's code. Without it a caller's number that names no area has no E.164.
        area_code: Option<AreaCode> = derived, live;
        /// Emergency numbers as they are dialled to a gateway. A call to one passes all limits, is tried
        /// on a gateway that is full, down or out of service too, goes over every other gateway when its
        /// own fail, and says `Priority: emergency`, so that the gateway may make room. A dialplan's
        /// `dial` with `emergency = true` does the same for any number.
        emergency: Vec<Number> = "[\"110\", \"119\", \"120\", \"122\"]", live;
    }
}
