//! Why a request is refused, as CSTA says it: `CSTAErrorCode` with one category of a universal failure and a value of
//! that category (ECMA-269 §12, ECMA-323).
//!
//! ```text
//!  what was asked, and why the exchange refuses ─▶ operation │ stateIncompatibility │ systemResourceAvailability: value
//! ```
//!
//! The names are those of edition 3, as the ASN.1 of the same lists (ECMA-285) has them too. Which reason it is, the
//! exchange says ([`Why`]); here it only gets its name. What it means for people is in `docs/api.md`.

use crate::switch::console::DeskOrder;
use crate::switch::cti::{Order, Why, Wish};
use crate::wire::csta::Element;

/// A category and a value of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Refused {
    category: &'static str,
    value: &'static str,
}

const fn operation(value: &'static str) -> Refused {
    Refused { category: "operation", value }
}
const fn state(value: &'static str) -> Refused {
    Refused { category: "stateIncompatibility", value }
}
const fn resource(value: &'static str) -> Refused {
    Refused { category: "systemResourceAvailability", value }
}

/// No such phone, or none is named.
pub(super) const NOT_A_DEVICE: Refused = operation("invalidDeviceID");
/// The two connections of a request are of different phones.
pub(super) const NOT_ONE_DEVICE: Refused = operation("notSameDevice");
/// No such call, or the phone has no part in it.
pub(super) const NOT_A_CONNECTION: Refused = operation("invalidConnectionID");
/// No agent of that number, or none at that phone.
pub(super) const NOT_AN_AGENT: Refused = operation("invalidAgentIdentifier");
/// What an agent is to be is none of CSTA's states.
pub(super) const NOT_A_STATE: Refused = operation("invalidAgentState");
/// The session has no such monitor.
pub(super) const NOT_A_MONITOR: Refused = operation("invalidMonitorCrossRefID");
/// A parameter is missing.
pub(super) const MISSING: Refused = operation("atLeastOneConditionalParameterNotProvided");
/// It is no XML, or no request.
pub(super) const UNREADABLE: Refused = operation("invalidParameterValue");
/// A service that is not there.
pub(super) const UNKNOWN: Refused = operation("serviceNotSupported");
/// Not as things stand.
pub(super) const NOT_NOW: Refused = state("invalidObjectState");
/// The exchange does not answer in time.
pub(super) const BUSY: Refused = resource("resourceBusy");
/// A session has no room for another monitor.
pub(super) const TOO_MANY_MONITORS: Refused = resource("overallMonitorLimitExceeded");
/// The answer is longer than a frame may be.
pub(super) const TOO_LONG: Refused = resource("resourceLimitExceeded");

/// What an order was refused for.
pub(super) fn refused(order: &Order, why: Why) -> Refused {
    match why {
        Why::NotFound => not_found(order),
        Why::Forbidden => match order {
            Order::SetAgent { to: Wish::LogOn { .. }, .. } => operation("invalidAgentPassword"),
            Order::Make { .. } | Order::Consult { .. } => {
                operation("privilegeViolationCallingDevice")
            }
            _ => operation("privilegeViolationSpecifiedDevice"),
        },
        Why::Conflict => conflict(order),
        Why::Invalid => match order {
            Order::Make { .. } => operation("invalidCalledDeviceID"),
            Order::Transfer { .. } | Order::Deflect { .. } => operation("invalidDestination"),
            _ => UNREADABLE,
        },
    }
}

fn not_found(order: &Order) -> Refused {
    match order {
        Order::Desk { call: Some(_), .. } | Order::Clear { call: Some(_), .. } => NOT_A_CONNECTION,
        Order::Transfer { call: Some(_), .. } | Order::Deflect { call: Some(_), .. } => {
            NOT_A_CONNECTION
        }
        Order::Call(_) | Order::ClearCall(_) | Order::Data(..) => operation("invalidCallID"),
        Order::Make { .. } => operation("invalidCallingDeviceID"),
        Order::SetAgent { to: Wish::LogOn { .. }, .. } => NOT_A_DEVICE,
        Order::Agent(_) | Order::SetAgent { .. } | Order::WrapUp { .. } | Order::Watch { .. } => {
            NOT_AN_AGENT
        }
        _ => NOT_A_DEVICE,
    }
}

fn conflict(order: &Order) -> Refused {
    state(match order {
        Order::Desk { order: DeskOrder::Answer, .. } => "noCallToAnswer",
        Order::Desk { order: DeskOrder::Hold, .. } => "noActiveCall",
        Order::Desk { order: DeskOrder::Resume, .. } => "noHeldCall",
        Order::Clear { .. } => "noConnectionToClear",
        Order::Make { .. } => "invalidCallingDeviceState",
        Order::Confer { .. } | Order::Join(_) => "invalidConnectionState",
        _ => return NOT_NOW,
    })
}

impl Refused {
    /// As it is answered.
    pub(super) fn element(self) -> Element {
        Element::new("CSTAErrorCode").text(self.category, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(order: &Order, why: Why) -> (&'static str, &'static str) {
        let refused = refused(order, why);
        (refused.category, refused.value)
    }

    #[test]
    fn each_refusal_has_its_category_and_value() {
        let device = || "1001".to_owned();
        let desk = |order| Order::Desk { device: device(), call: None, order };
        let make = Order::Make { device: device(), to: "1002".into() };
        assert_eq!(said(&make, Why::NotFound), ("operation", "invalidCallingDeviceID"));
        assert_eq!(said(&make, Why::Invalid), ("operation", "invalidCalledDeviceID"));
        assert_eq!(said(&make, Why::Forbidden), ("operation", "privilegeViolationCallingDevice"));
        let compatible = |order, value| {
            assert_eq!(said(&desk(order), Why::Conflict), ("stateIncompatibility", value));
        };
        compatible(DeskOrder::Answer, "noCallToAnswer");
        compatible(DeskOrder::Hold, "noActiveCall");
        compatible(DeskOrder::Resume, "noHeldCall");
        let log_on = Wish::LogOn { device: device(), pin: "1".into() };
        let log_on = Order::SetAgent { agent: "7001".into(), to: log_on };
        assert_eq!(said(&log_on, Why::Forbidden), ("operation", "invalidAgentPassword"));
        let ready = Order::SetAgent { agent: "7009".into(), to: Wish::Ready };
        assert_eq!(said(&ready, Why::NotFound), ("operation", "invalidAgentIdentifier"));
        assert_eq!(said(&ready, Why::Conflict), ("stateIncompatibility", "invalidObjectState"));
        assert_eq!(TOO_MANY_MONITORS.category, "systemResourceAvailability");
        let document = NOT_A_DEVICE.element().document("x");
        assert!(document.contains("<operation>invalidDeviceID</operation>"), "{document}");
    }
}
