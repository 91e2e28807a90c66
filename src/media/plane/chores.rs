//! What is due now and then on every leg, looked for ten times a second: reports to the peer, the absence
//! of packets, keys whose end was lost. A leg says when something may be due on it at the earliest, so that
//! only those are met of which the time has come.

use super::{MOST_REPORT, Plane};
use crate::base::{Duration, Rng, Time};
use crate::media::Transmit;
use crate::media::control::Event;
use crate::media::leg::Leg;

impl Plane {
    pub(super) fn chores(&mut self, now: Time, out: &mut dyn Transmit) {
        for slot in self.legs.slots() {
            if !self.legs.wants_look(slot, now) {
                continue;
            }
            let Some(leg) = self.legs.get_mut(slot) else {
                continue;
            };
            let mut figures = None;
            if leg.rtcp.is_due(now) {
                leg.heed_loss();
                report(leg, now, &mut self.rng, out);
                figures = Some(figures_of(leg));
            }
            let lost = absence(leg, now, self.config.rtp_lost_after);
            let (id, down) = (leg.id, leg.dtmf.is_down());
            let next = next_look(leg, self.config.rtp_lost_after);
            self.legs.look_at(slot, next);
            if let Some(figures) = figures {
                self.tell(figures);
            }
            if let Some((silent_ms, unagreed)) = lost {
                let one_way = self.other_heard(now, slot);
                self.tell(Event::RtpLost { leg: id, silent_ms, one_way, unagreed });
            }
            if down {
                self.lost_end(now, slot);
            }
        }
    }
}

/// How a leg's stream stands.
pub(super) fn figures_of(leg: &Leg) -> Event {
    let from = leg.latch.held().map(|source| source.addr);
    Event::Figures { leg: leg.id, from, codec: leg.codec(), stats: leg.stats() }
}

/// When something may be due on a leg at the earliest, unless another key goes down or the leg is negotiated
/// anew: what it hears meanwhile only puts it off.
fn next_look(leg: &Leg, limit: Duration) -> Time {
    if leg.dtmf.is_down() {
        return Time::ZERO;
    }
    if !leg.receives() {
        return leg.rtcp.due();
    }
    let heard = leg.latch.heard().unwrap_or(Time::ZERO).max(leg.watch.since);
    let instead = leg.watch.instead.map_or(heard, |instead| heard.min(instead.since));
    let since = leg.watch.lost.map_or(instead, |told| told.max(instead));
    leg.rtcp.due().min(since + limit)
}

/// Sends the report that is due, if the peer wants any.
fn report(leg: &mut Leg, now: Time, rng: &mut Rng, out: &mut dyn Transmit) {
    let mut bytes = [0; MOST_REPORT];
    let metrics = leg.metrics();
    let (plain, _) = bytes.split_first_chunk_mut().expect("it holds more than a report");
    let len = leg.rtcp.report(now, &mut leg.rx, &leg.tx, metrics.as_ref(), rng, plain);
    let way = leg.reports_to();
    if let Some(((kind, to), len)) =
        way.and_then(|way| Some((way, leg.seal_rtcp(&mut bytes, len)?)))
    {
        out.send(leg.port, kind, to, &bytes[..len]);
    }
}

/// How long nothing has come though it should, when that is to be told: once it has been `limit`,
/// and each `limit` again while it lasts. What it means is the switch's to say (it knows of answer,
/// hold and the configured time), and it may come to say so only later. With it, the payload type of
/// what comes instead.
fn absence(leg: &mut Leg, now: Time, limit: Duration) -> Option<(u32, Option<u8>)> {
    if !leg.receives() {
        return None;
    }
    let instead = leg.instead(now, limit);
    let heard = leg.latch.heard().unwrap_or(Time::ZERO);
    let heard = instead.map_or(heard, |instead| heard.min(instead.since));
    let silent = now.since(heard.max(leg.watch.since));
    if silent < limit || leg.watch.lost.is_some_and(|told| now.since(told) < limit) {
        return None;
    }
    leg.watch.lost = Some(now);
    let silent_ms = silent.as_millis().min(u128::from(u32::MAX)) as u32;
    Some((silent_ms, instead.map(|instead| instead.payload_type)))
}
