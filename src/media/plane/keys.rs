//! Keys pressed as telephone-events: told to the switch, and passed on to the partner in whichever form
//! it takes ([`bridge`](crate::media::bridge)).

use std::net::SocketAddr;

use super::Plane;
use super::receive::Taken;
use crate::base::Time;
use crate::media::PortIndex;
use crate::media::bridge::Events;
use crate::media::control::DigitBy;
use crate::media::dtmf_rx::{EventPacket, Key, Told};
use crate::media::leg::Leg;
use crate::media::rtp_tx::Relayed;
use crate::wire::rtp::{Header, Packet};
use crate::wire::telephone_event;

impl Plane {
    /// A telephone-event: told as a digit at its beginning, and passed on.
    #[cold]
    pub(super) fn receive_event(
        &mut self,
        now: Time,
        taken: Taken,
        datagram: &mut [u8],
    ) -> Option<(Header, PortIndex, SocketAddr)> {
        let parsed = Packet::parse(datagram).ok();
        let event = parsed
            .and_then(|p| Some((telephone_event::Event::parse(p.payload()).ok()?, p.header_len())));
        let Some((event, at)) = event else {
            self.legs.get_mut(taken.slot)?.malformed += 1;
            return None;
        };
        let leg = self.legs.get_mut(taken.slot)?;
        let Relayed { timestamp, marker, .. } = taken.relayed;
        let told = leg.dtmf.packet(now, EventPacket { timestamp, marker, event });
        if let Some(digit) = told.began {
            leg.last_event = Some((digit, now));
        }
        let first = told.began.is_some() && leg.tells_event();
        let heard = told.began.is_some_and(|digit| first && leg.was_heard(now, digit));
        self.legs.look_soon(taken.slot); // the key's end may be lost
        if first {
            // No tone of it counts from now on.
            self.fit(taken.slot);
            self.rewire(now, taken.slot);
        }
        if let Some(digit) = told.began.filter(|_| !heard) {
            let held = self.legs.get_mut(taken.slot)?.held_keys.holds(digit);
            self.digit(now, taken.slot, digit, DigitBy::Rfc4733, held);
        }
        let (header, port, to, duration) = self.pass_event(now, taken, told, event)?;
        let event = telephone_event::Event { duration, ..event };
        if let Some(payload) = datagram.get_mut(at..at + telephone_event::EVENT_LEN) {
            payload.copy_from_slice(&event.to_bytes());
        }
        Some((header, port, to))
    }

    /// Lets the partner know of a key: header, way and duration of a packet to it.
    fn pass_event(
        &mut self,
        now: Time,
        taken: Taken,
        told: Told,
        event: telephone_event::Event,
    ) -> Option<(Header, PortIndex, SocketAddr, u16)> {
        let (leg, partner) = self.legs.with_partner(taken.slot)?;
        let packet = taken.relayed;
        // A key whose beginning the partner was not to hear is not begun in its middle: mostly it is
        // the one that INFO told of a moment ago, and that is just being sent to the partner.
        if told.began.is_some() {
            let unheard = leg.paths.events == Events::None || leg.held_keys.all;
            leg.withheld = unheard.then_some(packet.timestamp);
        }
        if leg.withheld == Some(packet.timestamp) {
            return None;
        }
        let Some(partner) = partner else {
            return key_back(leg, now, taken)
                .map(|(header, port, to)| (header, port, to, event.duration));
        };
        let (header, duration) = match leg.paths.events {
            Events::None => return None,
            Events::Relay(pt) => (partner.tx.relay(now, packet, pt, taken.bytes)?, event.duration),
            Events::Insert(pt) => {
                let other = Key { began: packet.timestamp, ticks: event.duration.into() };
                let is_digit = telephone_event::digit_of(event.code).is_some();
                let key = told.key.or((!is_digit).then_some(other))?;
                insert_event(leg, partner, now, taken, (pt, key))
            }
            Events::Tones => {
                if let Some(ended) = told.ended {
                    partner.mouth.key_up(ended.samples);
                }
                if let Some(digit) = told.began {
                    partner.mouth.key_down(digit);
                    if let Some(samples) = told.at_once {
                        partner.mouth.key_up(samples);
                    }
                    let slot = leg.partner?;
                    self.rewire(now, slot);
                }
                return None;
            }
        };
        partner.sends()?;
        Some((header, partner.port, partner.latch.destination()?, duration))
    }

    /// A stream begins: what an earlier one left open ends.
    #[cold]
    pub(super) fn restarted(&mut self, slot: u32) {
        let Some((leg, partner)) = self.legs.with_partner(slot) else {
            return;
        };
        leg.inserted = None;
        let ended = leg.dtmf.restart();
        let Some(partner) = partner else {
            if leg.partner.is_some() {
                leg.tx.unsplice();
            }
            return;
        };
        // Whichever of its packets goes on first is joined anew.
        partner.tx.unsplice();
        if let Some(ended) = ended {
            partner.mouth.key_up(ended.samples);
        }
    }

    /// Ends a key of which nothing more came.
    pub(super) fn lost_end(&mut self, now: Time, slot: u32) {
        let Some((leg, partner)) = self.legs.with_partner(slot) else {
            return;
        };
        let ended = leg.dtmf.wake(now);
        let tones = leg.paths.events == Events::Tones;
        if let (Some(ended), true, Some(partner)) = (ended, tones, partner) {
            partner.mouth.key_up(ended.samples);
        }
    }
}

/// The header under which a key goes back to who pressed it, when the leg is joined with itself, and its
/// way.
fn key_back(leg: &mut Leg, now: Time, taken: Taken) -> Option<(Header, PortIndex, SocketAddr)> {
    let Events::Relay(pt) = leg.paths.events else { return None };
    leg.sends()?;
    let to = leg.latch.destination()?;
    Some((leg.tx.relay(now, taken.relayed, pt, taken.bytes)?, leg.port, to))
}

/// An event of `leg` under a header of its partner's own stream, and its duration in the partner's
/// clock: a faster one needs segments sooner (RFC 4733 §2.5.1.3).
fn insert_event(
    leg: &mut Leg,
    partner: &mut Leg,
    now: Time,
    taken: Taken,
    (pt, key): (u8, Key),
) -> (Header, u16) {
    let there = match leg.inserted {
        Some((here, there)) if here == key.began => there,
        _ => partner.tx.begin_event(now),
    };
    leg.inserted = Some((key.began, there));
    let full = u64::from(u16::MAX);
    let ticks = u64::from(key.ticks) * u64::from(partner.event_ticks());
    let ticks = ticks / u64::from(leg.event_ticks());
    let segments = ticks.saturating_sub(1) / full;
    let ahead = (segments * full) as u32;
    let timestamp = there.wrapping_add(ahead.wrapping_mul(partner.event_stamps()));
    let header = partner.tx.event(pt, timestamp, taken.relayed.marker, taken.bytes);
    (header, (ticks - segments * full) as u16)
}
