//! A gateway's channels in use: what each adds to its gateway's figures, and how many were in use at most. A part of the
//! ledger; which line is open stands there.

use super::{Key, Kind, Ledger, LineNow, M, span, split};
use crate::base::LegId;

impl Ledger {
    pub(super) fn line_begins(&mut self, at: i64, leg: LegId, gateway: &str, came_in: bool) {
        let line = LineNow { gateway: gateway.into(), came_in, answered: false, since: at };
        self.touched.insert(Key::Line(leg));
        // Told twice, by a journal that was mended: it is one channel still.
        if let Some(before) = self.lines.insert(leg, line) {
            self.channel_free(&before.gateway);
        }
        let busy = self.busy.entry(gateway.into()).or_default();
        *busy += 1;
        let busy = *busy;
        self.count(Kind::Trunk, gateway, at, M::MaxBusy, busy);
    }

    pub(super) fn line_answered(&mut self, leg: LegId) {
        if let Some(line) = self.lines.get_mut(&leg) {
            line.answered = true;
            self.touched.insert(Key::Line(leg));
        }
    }

    fn channel_free(&mut self, gateway: &str) {
        if let Some(busy) = self.busy.get_mut(gateway) {
            *busy = busy.saturating_sub(1);
        }
    }

    pub(super) fn line_over(&mut self, at: i64, leg: LegId, talk_ms: u64, busy_ms: Option<u64>) {
        let Some(line) = self.lines.remove(&leg) else { return };
        self.touched.insert(Key::Line(leg));
        self.channel_free(&line.gateway);
        let way = if line.came_in { M::CallsIn } else { M::CallsOut };
        self.count(Kind::Trunk, &line.gateway, at, way, 1);
        if line.answered {
            self.count(Kind::Trunk, &line.gateway, at, M::CallsAnswered, 1);
            self.count(Kind::Trunk, &line.gateway, at, M::TalkMs, talk_ms);
        }
        let busy_ms = busy_ms.unwrap_or_else(|| span(line.since, at));
        let began = at.saturating_sub_unsigned(busy_ms);
        for (start, part) in split(at, busy_ms) {
            self.count(Kind::Trunk, &line.gateway, start, M::BusyMs, part);
            if start > began {
                self.stood(start, &line.gateway);
            }
        }
    }

    /// A channel that has just become free was in use when this quarter began, and so were those that are so still: in a
    /// quarter in which no line begins the most is what stands at its begin. Whichever ends first counts them all.
    fn stood(&mut self, start: i64, gateway: &str) {
        let others = self.lines.values().filter(|l| &*l.gateway == gateway && l.since <= start);
        let most = others.count() as u64 + 1;
        self.count(Kind::Trunk, gateway, start, M::MaxBusy, most);
    }
}
