//! What is asked and ordered of outbound campaigns.

use serde::{Deserialize, Serialize};

/// What is ordered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CampaignOrder {
    /// Show them.
    List,
    /// Begin one, or go on with it.
    Start(String),
    /// Hold one.
    Pause(String),
    /// End one.
    Stop(String),
    /// Forget a list: whoever orders it takes it out of the records, too.
    Clear(String),
    /// Whether lists may be read anew from the records, by whoever asks.
    Reload,
    /// Whom this agent is shown.
    Offer(String),
    /// This agent has him dialled.
    Take(String),
    /// This agent does not want him.
    Skip(String),
}

/// A campaign.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CampaignRow {
    /// Its name.
    pub name: String,
    /// `progressive` or `preview`.
    pub kind: String,
    /// Whose agents serve it.
    pub queue: String,
    /// `running`, `paused`, `stopped`.
    pub status: String,
    /// Numbers of its list.
    pub numbers: usize,
    /// Those to be called yet.
    pub left: usize,
    /// Of them those who were called, and are called again later.
    pub resting: usize,
    /// Of them those who are called now.
    pub calling: usize,
    /// Reached.
    pub done: usize,
    /// Not called any more.
    pub failed: usize,
    /// Calls wait: for a channel, for a gateway, or because of an alarm.
    pub held: bool,
}

/// Whom an agent is shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OfferRow {
    /// The campaign.
    pub campaign: String,
    /// The number.
    pub number: String,
    /// What is known of it: heading and text.
    pub fields: Vec<(String, String)>,
    /// How often it was dialled.
    pub tried: u32,
    /// For so long yet, in milliseconds.
    pub left_ms: u64,
}
