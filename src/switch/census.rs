//! What the switch holds, table by table: whoever looks for a leak compares it before and after a load.
//! What is kept on purpose (registrations, cases, the day's figures, sources that were heard) is not in it.

use super::Switch;

impl Switch {
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
