//! What is open in the ledger as text under a key, for whoever keeps it beside the sums, and back. A part of the ledger.

use super::{Key, Ledger, TalkNow, WaitNow};
use crate::base::{CallId, LegId};

impl Ledger {
    /// Nobody keeps what is open.
    pub fn forget_changes(&mut self) {
        self.touched.clear();
    }

    /// What is open, as text under a key, as far as it has changed since this was asked last; `None`: it is
    /// open no more.
    pub fn changed(&mut self) -> Vec<(String, Option<String>)> {
        let touched = std::mem::take(&mut self.touched);
        let changed = touched.iter().map(|key| (name(key), self.text(key)));
        changed.chain([("last".to_owned(), Some(self.last.to_string()))]).collect()
    }

    fn text(&self, key: &Key) -> Option<String> {
        let text = match key {
            Key::Agent(agent) => serde_json::to_string(self.agents.get(agent)?),
            Key::Wait(call, queue) => {
                serde_json::to_string(self.waits.get(&(*call, queue.clone()))?)
            }
            Key::Talk(call, agent) => {
                serde_json::to_string(self.talks.get(&(*call, agent.clone()))?)
            }
            Key::Line(leg) => serde_json::to_string(self.lines.get(leg)?),
        };
        text.ok()
    }

    /// As [`Self::changed`] told it of another one. What cannot be read is left out.
    pub fn restore<'a>(kept: impl Iterator<Item = (&'a str, &'a str)>) -> Ledger {
        let mut ledger = Ledger::default();
        for (key, text) in kept {
            ledger.restore_one(key, text);
        }
        for line in ledger.lines.values() {
            *ledger.busy.entry(line.gateway.clone()).or_default() += 1;
        }
        ledger
    }

    fn restore_one(&mut self, key: &str, text: &str) -> Option<()> {
        let (kind, of) = key.split_once(' ').unwrap_or((key, ""));
        let call = || of.split_once(' ').and_then(|(call, _)| call.parse::<CallId>().ok());
        match kind {
            "last" => self.last = text.parse().ok()?,
            "agent" => _ = self.agents.insert(of.into(), serde_json::from_str(text).ok()?),
            "wait" => {
                let wait: WaitNow = serde_json::from_str(text).ok()?;
                self.waits.insert((call()?, wait.queue.clone()), wait);
            }
            "talk" => {
                let talk: TalkNow = serde_json::from_str(text).ok()?;
                self.keep_talk((call()?, talk.agent.clone()), talk);
            }
            "line" => {
                self.lines.insert(LegId(of.parse().ok()?), serde_json::from_str(text).ok()?);
            }
            _ => {}
        }
        Some(())
    }
}

fn name(key: &Key) -> String {
    match key {
        Key::Agent(agent) => format!("agent {agent}"),
        Key::Wait(call, queue) => format!("wait {call} {queue}"),
        Key::Talk(call, agent) => format!("talk {call} {agent}"),
        Key::Line(leg) => format!("line {}", leg.0),
    }
}
