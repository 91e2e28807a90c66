//! Who gives an order on the console: the system's user, noted with what changes (R26).

use super::Order;
use super::survey::SurveyOrder;
use crate::switch::Request;

/// Who is noted where nobody says who it is.
const NOBODY: &str = "console";

impl Order {
    /// The order as `who` gives it: what is written down with a name has that one. Where somebody is named, he stays.
    #[must_use]
    pub fn named(mut self, who: &str) -> Order {
        use Request::{Campaign, CareCall, CloseCase, Correct, Guard, Plan, TroubleOver, Unit};
        let by = match &mut self {
            Order::Ask(
                CloseCase(_, _, by)
                | TroubleOver(_, by)
                | Plan(_, by)
                | CareCall(_, by)
                | Campaign(_, by)
                | Guard(_, by)
                | Unit { by, .. },
            )
            | Order::Ack(_, by)
            | Order::Subscriber(_, by) => by,
            Order::Ask(Correct(own)) | Order::Survey(SurveyOrder::Correct(own)) => &mut own.by,
            _ => return self,
        };
        if by.is_empty() || by == NOBODY {
            who.clone_into(by);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn what_is_written_down_has_the_users_name() {
        let by = |line: &str| match parse(line).expect(line).named("li") {
            Order::Ask(
                Request::CloseCase(_, _, by)
                | Request::TroubleOver(_, by)
                | Request::Plan(_, by)
                | Request::CareCall(_, by)
                | Request::Campaign(_, by)
                | Request::Guard(_, by)
                | Request::Unit { by, .. },
            )
            | Order::Ack(_, by)
            | Order::Subscriber(_, by) => by,
            Order::Survey(SurveyOrder::Correct(own)) => own.by,
            other => panic!("{line}: {other:?}"),
        };
        for line in [
            "close 4711 all is well",
            "trouble over 26317 battery 0002",
            "plan start 4711 bell",
            "care-call start storm all",
            "campaign start spring",
            "guard lift 13800138000",
            "unit 4711 listen",
            "alarm ack 3",
            "subscriber remove 100",
            "survey correct 06C9PBW400001 visit came 1",
        ] {
            assert_eq!(by(line), "li", "{line}");
        }
        assert_eq!(by("alarm ack 3 wang"), "wang", "who was named stays");
        let line = "show status";
        assert_eq!(parse(line).map(|order| order.named("li")), parse(line));
    }
}
