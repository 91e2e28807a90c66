//! Keys pressed as telephone-events: told to the switch, and passed on to the partner in whichever form
//! it takes ([`bridge`](crate::media::bridge)).

use std::net::SocketAddr;

use super::Plane;
use super::receive::Taken;
use crate::base::Time;
use crate::media::PortIndex;
use crate::media::bridge::Events;
use crate::media::control::DigitBy;
use crate::media::dtmf_rx::{EventPacket, Told};
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
        datagram: &[u8],
    ) -> Option<(Header, PortIndex, SocketAddr)> {
        let parsed = Packet::parse(datagram).ok();
        let event = parsed.and_then(|p| telephone_event::Event::parse(p.payload()).ok());
        let Some(event) = event else {
            self.legs.get_mut(taken.slot)?.malformed += 1;
            return None;
        };
        let leg = self.legs.get_mut(taken.slot)?;
        let Relayed { timestamp, marker, .. } = taken.relayed;
        let told = leg.dtmf.packet(now, EventPacket { timestamp, marker, event });
        if let Some(digit) = told.began {
            leg.last_event = Some((digit, now));
            self.digit(now, taken.slot, digit, DigitBy::Rfc4733);
        }
        self.pass_event(now, taken, told)
    }

    /// Lets the partner know of a key.
    fn pass_event(
        &mut self,
        now: Time,
        taken: Taken,
        told: Told,
    ) -> Option<(Header, PortIndex, SocketAddr)> {
        let (leg, partner) = self.legs.with_partner(taken.slot)?;
        let packet = taken.relayed;
        // A key whose beginning the partner was not to hear is not begun in its middle: mostly it is
        // the one that INFO told of a moment ago, and that is just being sent to the partner.
        if told.began.is_some() {
            let unheard = leg.paths.events == Events::None;
            leg.withheld = unheard.then_some(packet.timestamp);
        }
        if leg.withheld == Some(packet.timestamp) {
            return None;
        }
        let partner = partner?;
        let header = match leg.paths.events {
            Events::None => return None,
            Events::Relay(pt) => partner.tx.relay(now, packet, pt, taken.bytes)?,
            Events::Insert(pt) => insert_event(leg, partner, now, taken, pt),
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
        Some((header, partner.port, partner.latch.destination()?))
    }

    /// A stream begins: what an earlier one left open ends.
    #[cold]
    pub(super) fn restarted(&mut self, slot: u32) {
        let Some((leg, partner)) = self.legs.with_partner(slot) else {
            return;
        };
        leg.inserted = None;
        let ended = leg.dtmf.restart();
        if let (Some(ended), Some(partner)) = (ended, partner) {
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

/// An event of `leg` under a header of its partner's own stream.
fn insert_event(leg: &mut Leg, partner: &mut Leg, now: Time, taken: Taken, pt: u8) -> Header {
    let there = match leg.inserted {
        Some((here, there)) if here == taken.relayed.timestamp => there,
        _ => partner.tx.begin_event(now),
    };
    leg.inserted = Some((taken.relayed.timestamp, there));
    partner.tx.event(pt, there, taken.relayed.marker, taken.bytes)
}
