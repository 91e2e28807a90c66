//! The words that follow `care-call`: a person begins a list of calls, or stops it.

use super::Order;
use crate::switch::Request;
use crate::switch::console::CareCallOrder;

const WRITE: &str = "write care-call start NAME REGION|all [TEXT], or care-call stop NAME";

/// `start NAME [REGION|all [TEXT]]`, `stop NAME`.
pub(super) fn order(rest: &str) -> Result<Order, String> {
    let mut words = rest.trim().splitn(4, ' ');
    let mut next = || words.next().unwrap_or_default().trim().to_owned();
    let (verb, list, region, text) = (next(), next(), next(), next());
    let order = match (verb.as_str(), list.is_empty()) {
        ("start", false) => {
            let region = if region == "all" { String::new() } else { region };
            CareCallOrder::Start { list, region, text }
        }
        ("stop", false) if region.is_empty() => CareCallOrder::Stop(list),
        _ => return Err(WRITE.to_owned()),
    };
    Ok(Order::Ask(Request::CareCall(order, String::new())))
}
