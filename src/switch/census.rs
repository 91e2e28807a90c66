//! What the switch holds, in places and in bytes, table by table: whoever looks for a leak compares it before and after a load.
//! What is kept on purpose (registrations, cases, the day's figures, sources that were heard) is not in it.

use super::Switch;
use super::console::Held;
use crate::base::{CallId, LegId};

impl Switch {
    /// Bytes by subsystem, by the sizes of what is in each table; without their texts, and without what the allocator adds.
    pub(super) fn held_bytes(&self) -> Vec<Held> {
        let calls = self.calls.len() * (size_of::<super::Active>() + size_of::<CallId>());
        let legs = self.legs.len() * (size_of::<super::Leg>() + size_of::<LegId>());
        let outputs = self.out.capacity() * size_of::<super::Output>();
        let all = [
            ("calls", calls + legs),
            ("sip", self.agent.held()),
            ("registrar", self.registrar.held()),
            ("switch_outputs", outputs),
        ];
        let one = |(subsystem, bytes): (&str, usize)| Held {
            subsystem: subsystem.to_owned(),
            bytes: bytes as u64,
        };
        all.map(one).into()
    }

    /// The tables in which calls leave nothing, with what is in each now.
    pub fn census(&self) -> Vec<(&'static str, usize)> {
        let sip = self.agent.counts();
        let (callers, talks) = self.centre.in_being();
        vec![
            ("calls", self.calls.len()),
            ("legs", self.legs.len()),
            ("sessions of legs", self.sessions.len()),
            ("phones' lines", self.lines.len()),
            ("calls' wake-ups", self.due.len()),
            ("held keys", self.holding.len()),
            ("keys by INFO", self.info_keys.len()),
            ("orders to desk phones", self.desks.len()),
            ("consultations that ring", self.consults.len()),
            ("questions", self.asked.len()),
            ("conferences", self.rooms.len()),
            ("supervised talks", self.supervising.len()),
            ("offered legs", self.offered.len()),
            ("call-backs being made", self.backs.len()),
            ("scores being written", self.scoring.len()),
            ("recordings being closed", self.recordings.len()),
            ("outputs", self.out.len()),
            ("legs to recorders outside", self.outside.legs()),
            ("pings", self.pings.len()),
            ("calls out that are counted", self.tolls.under_way()),
            ("callers in queues", callers),
            ("talks of queues", talks),
            ("server transactions", sip.server_txns),
            ("client transactions", sip.client_txns),
            ("dialogs", sip.dialogs),
            ("SIP sessions", sip.sessions),
            ("SIP timers", sip.timers),
        ]
    }
}
