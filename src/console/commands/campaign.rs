//! The words that follow `campaign`: a person begins one, holds or ends it; what an agent is shown.

use super::Order;
use crate::switch::Request;
use crate::switch::console::CampaignOrder;

const WRITE: &str = "write campaign start NAME, pause NAME, stop NAME or clear NAME; campaign offer AGENT, take AGENT or skip \
                     AGENT; or campaign reload";

/// `start NAME`, `pause NAME`, `stop NAME`, `clear NAME`, `offer AGENT`, `take AGENT`, `skip AGENT`, `reload`.
pub(super) fn order(rest: &str) -> Result<Order, String> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let order = match words[..] {
        ["clear", name] => return Ok(Order::CampaignClear(name.into())),
        ["reload"] => return Ok(Order::CampaignReload),
        ["start", name] => CampaignOrder::Start(name.into()),
        ["pause", name] => CampaignOrder::Pause(name.into()),
        ["stop", name] => CampaignOrder::Stop(name.into()),
        ["offer", agent] => CampaignOrder::Offer(agent.into()),
        ["take", agent] => CampaignOrder::Take(agent.into()),
        ["skip", agent] => CampaignOrder::Skip(agent.into()),
        _ => return Err(WRITE.to_owned()),
    };
    Ok(Order::Ask(Request::Campaign(order, String::new())))
}
