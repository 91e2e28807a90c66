//! Floor 5: the operator's console: one table of commands, the running side, the attaching side.
//!
//! ```text
//!  belfry console ── line ──▶ Unix socket ──▶ server ── commands: parse ──▶ Orders: the daemon
//!       ▲ text or JSON ◀── Answer {text, data} ◀── render ◀── Reply ◀───────────┘
//! ```
//!
//! Who may open the socket is the operator: its directory and mode say so.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this floor owns the console's socket"
)]

pub mod client;
pub mod commands;
pub(crate) mod figures;
mod interrupt;
pub(crate) mod out;
mod pager;
pub(crate) mod private;
pub mod render;
pub mod server;
mod top;
pub(crate) mod users;
mod watch;

use serde::{Deserialize, Serialize};

/// One answer, as it goes over the socket: one line of JSON.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// Whether it was done.
    pub ok: bool,
    /// For people.
    pub text: String,
    /// For machines.
    pub data: serde_json::Value,
    /// A file for whoever asked, who writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<File>,
    /// More lines follow until the connection ends (live events).
    #[serde(default)]
    pub live: bool,
}

/// A file that an answer brings.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct File {
    /// As the command named it.
    pub name: String,
    /// What is in it.
    pub base64: String,
}

impl Answer {
    /// It was not done, and why.
    pub fn refused(why: impl Into<String>) -> Answer {
        let text = why.into();
        let data = serde_json::json!({ "error": text });
        Answer { ok: false, text, data, file: None, live: false }
    }
    /// It was not even asked: all places of the console are taken.
    pub fn full(why: impl Into<String>) -> Answer {
        let refused = Answer::refused(why);
        let data = serde_json::json!({ "error": refused.text, "full": true });
        Answer { data, ..refused }
    }
    /// Whether that is so.
    pub fn is_full(&self) -> bool {
        self.data["full"] == true && !self.ok
    }
    /// It was done.
    pub fn done(text: impl Into<String>, data: impl Serialize) -> Answer {
        let data = serde_json::to_value(data).unwrap_or_default();
        Answer { ok: true, text: text.into(), data, file: None, live: false }
    }
}
