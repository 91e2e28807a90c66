//! The words that follow `plan`: a person begins, stops or moves on a case's response plan.

use super::Order;
use crate::switch::Request;
use crate::switch::console::PlanOrder;

const WRITE: &str = "write plan start CASE PLAN, plan stop CASE, plan skip CASE, plan step CASE NUMBER, or plan send CASE RESOURCE";

/// `start CASE PLAN`, `stop CASE`, `skip CASE`, `step CASE NUMBER`, `send CASE RESOURCE`.
pub(super) fn order(rest: &str) -> Result<Order, String> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let case = |text: &str| {
        let why = || format!("'{text}' is no case's number; 'show cases' lists the open ones");
        text.parse::<u64>().map_err(|_| why())
    };
    let order = match words[..] {
        ["start", of, plan] => PlanOrder::Start(case(of)?, plan.to_owned()),
        ["stop", of] => PlanOrder::Stop(case(of)?),
        ["skip", of] => PlanOrder::Skip(case(of)?),
        ["send", of, to] => PlanOrder::Send(case(of)?, to.to_owned()),
        ["step", of, nth] => {
            let nth = nth.parse().map_err(|_| format!("'{nth}' is no step's number: {WRITE}"))?;
            PlanOrder::Step(case(of)?, nth)
        }
        _ => return Err(WRITE.to_owned()),
    };
    Ok(Order::Ask(Request::Plan(order, String::new())))
}
