//! The clocks of the legs that speak: once each packet time a leg says something of its own or what
//! its partner's ear gives.
//!
//! ```text
//!   mouth ── Event ────▶ telephone-event packet
//!     │ ──── Samples ──┐
//!     │ ──── Nothing ──┼── partner's ear (sample path), or silence
//!     │ ──── Pause     ▼
//!     ▼            encode ─▶ header ─▶ send
//!   what ended is told
//! ```
//!
//! A leg's clock keeps its own nominal time: a late tick changes nothing in what is sent, and after a
//! stall of more than [`STALL`] it goes on from now rather than hurry after.

use super::recordings::LAY_PART;
use super::{CHORES, MOST_PACKET, MOST_PAYLOAD, Plane, on_grid};
use crate::base::{Duration, LegId, Time};
use crate::dsp::tone;
use crate::media::bridge::{Audio, Events};
use crate::media::control::{DigitBy, Event, PlayEnd};
use crate::media::deep::Deep;
use crate::media::dtmf_tx::{Begins, Step};
use crate::media::leg::Leg;
use crate::media::mouth::{Over, Said};
use crate::media::seam::Source;
use crate::media::srtp::Guard;
use crate::media::{Kind, Transmit};
use crate::wire::rtp::{HEADER_LEN, write_header};
use crate::wire::telephone_event;

/// A leg that is this far behind does not make up for it.
pub(super) const STALL: Duration = Duration::from_millis(200);
/// Volume of the events that we send: −10 dBm0.
const VOLUME: u8 = 10;

/// How many legs before its own the memory of a leg, and of what it hears, is asked for.
pub(super) const SOON: usize = 4;
const NEXT: usize = 2;

/// Parts of the recordings that one tick lays.
const PARTS_A_TICK: usize = 3;
/// How often some of the recordings that are over leave.
const ENDS_EVERY: Duration = Duration::from_millis(1);

/// What is to go out with one packet time.
enum Outgoing {
    Nothing,
    Audio(Source),
    Event(Step),
}

impl Plane {
    /// Does everything that is due at `now`; packets and reports go to `out`. Allocates nothing but
    /// coders, for a party that has changed its codec.
    pub fn tick(&mut self, now: Time, out: &mut dyn Transmit) {
        while let Some(bye) = self.goodbyes.pop_front() {
            out.send(bye.port, bye.kind, bye.to, &bye.bytes[..bye.len]);
        }
        if now >= self.turn_at {
            self.make_turns(now);
        }
        if now >= self.lay_at {
            self.lay(now, out);
        }
        if now >= self.ending_at {
            self.hand_on(now, out);
        }
        if now >= self.next_clock {
            self.run_clocks(now, out);
        }
        if now >= self.next_room {
            self.run_rooms(now, out);
        }
        if now >= self.chores_at {
            self.chores(now, out);
            self.chores_at = match self.legs.len() {
                0 => Time::NEVER,
                _ => now + CHORES,
            };
        }
    }

    /// The parts of the recordings whose time has come are laid. A late tick makes up for some of them; after a
    /// longer stall it goes on from now.
    fn lay(&mut self, now: Time, out: &mut dyn Transmit) {
        for _ in 0..PARTS_A_TICK {
            if self.lay_at <= now {
                self.recordings.lay_next(now, out);
                self.lay_at += LAY_PART;
            }
        }
        if self.recordings.len() == 0 {
            self.lay_at = Time::NEVER;
        } else if self.lay_at <= now {
            self.lay_at = now + LAY_PART;
        }
    }

    /// Some of the recordings that are over leave.
    #[cold]
    fn hand_on(&mut self, now: Time, out: &mut dyn Transmit) {
        let Plane { recordings, events, .. } = self;
        // Never dropped: the call's record waits for it. There are no more of them than recordings.
        recordings.hand_on(now, out, |recording, samples| {
            events.push_back(Event::RecordStopped { recording, samples });
        });
        // Others have the time between, and what has no room now may have it then.
        self.ending_at = now + ENDS_EVERY;
        if !self.recordings.are_ending() {
            self.ending_at = Time::NEVER;
            if self.recordings.len() == 0 {
                self.lay_at = Time::NEVER;
            }
        }
    }

    fn run_clocks(&mut self, now: Time, out: &mut dyn Transmit) {
        let mut due = core::mem::take(&mut self.due);
        due.clear();
        due.extend(self.clocks.iter().filter(|clock| clock.at <= now).map(|clock| clock.slot));
        for at in 0..due.len() {
            let speaker = due.get(at + SOON).and_then(|slot| self.clock_place(*slot));
            for place in speaker.into_iter().flatten() {
                out.ahead(place);
            }
            if let Some(place) = due.get(at + NEXT).and_then(|slot| self.heard_place(*slot)) {
                out.ahead(place);
            }
            self.run_clock(now, due[at], out);
        }
        self.due = due;
        self.next_clock = Time::NEVER;
        let (legs, next_clock) = (&mut self.legs, &mut self.next_clock);
        self.clocks.retain_mut(|clock| {
            if clock.at <= now {
                let Some(leg) = legs.get_mut(clock.slot) else { return false };
                let Some(next) = leg.clock else {
                    leg.listed = false;
                    return false;
                };
                clock.at = next;
            }
            *next_clock = clock.at.min(*next_clock);
            true
        });
    }

    /// All packet times of one leg that are due.
    fn run_clock(&mut self, now: Time, slot: u32, out: &mut dyn Transmit) {
        while let Some(leg) = self.legs.get_mut(slot) {
            let Some(at) = leg.clock.filter(|at| *at <= now) else {
                return;
            };
            if now.since(at) > STALL {
                leg.clock = Some(on_grid(now));
                continue;
            }
            leg.clock = Some(at + Duration::from_millis(leg.samples() as u64 / 8));
            self.speak(at, slot, out);
        }
    }

    /// One packet time of one leg, which begins at `at`.
    fn speak(&mut self, at: Time, slot: u32, out: &mut dyn Transmit) {
        let Some((leg, mut partner)) = self.legs.with_partner(slot) else {
            return;
        };
        let pcm = &mut self.pcm[..leg.samples() * leg.rate.per_slot()];
        let mut noticed = [Noticed::default(); 2];
        if leg.listens_alone() {
            noticed[0] = listen(leg, at, pcm, &mut self.deep);
        }
        let before = leg.mouth.busy();
        // A greeting begins when it can be heard: until there are keys, time stands for the mouth.
        let (said, over) = match leg.guard {
            Guard::Awaited => (Said::Nothing, Over::default()),
            Guard::Plain | Guard::Keyed(_) => leg.say(pcm),
        };
        let outgoing = match said {
            Said::Samples => Outgoing::Audio(Source::Own),
            Said::Event(step) => Outgoing::Event(step),
            Said::Pause => Outgoing::Nothing,
            Said::Nothing => match (leg.hears, &mut partner) {
                (Audio::Samples, Some(partner)) => {
                    noticed[1] = listen(partner, at, pcm, &mut self.deep);
                    match inserts_event(partner) {
                        true => Outgoing::Nothing,
                        false => Outgoing::Audio(Source::Partner),
                    }
                }
                (Audio::Samples, None) if leg.copies.is_some() => {
                    listen(leg, at, pcm, &mut self.deep);
                    Outgoing::Audio(Source::Partner)
                }
                (Audio::None, _) if leg.spoken && leg.room.is_none() => {
                    pcm.fill(0);
                    Outgoing::Audio(Source::Silence)
                }
                _ => Outgoing::Nothing,
            },
        };
        if let (Some(beep), Outgoing::Audio(_)) = (&mut leg.beep, &outgoing) {
            beep.mix(pcm);
        }
        let (id, partner) = (leg.id, leg.partner);
        send(leg, at, outgoing, pcm, &mut self.packet, out);
        let changed = leg.mouth.busy() != before;
        self.noticed(at, slot, noticed[0]);
        if let Some(partner) = partner {
            self.noticed(at, partner, noticed[1]);
        }
        self.over(id, over);
        if changed {
            self.rewire(at, slot);
        }
    }

    /// Tells what was heard of a leg.
    pub(super) fn noticed(&mut self, at: Time, slot: u32, noticed: Noticed) {
        if let Some(digit) = noticed.digit {
            if let Some(leg) = self.legs.get_mut(slot) {
                leg.last_tone = Some((digit, at));
            }
            self.digit(at, slot, digit, DigitBy::InBand, false);
        }
        let Some(leg) = self.legs.get_mut(slot) else { return };
        let id = leg.id;
        if noticed.tones_over {
            leg.tones = None;
            self.fit(slot);
            self.rewire(at, slot);
        }
        if let Some(kind) = noticed.tone {
            self.tell(Event::Tone { leg: id, kind });
        }
    }

    fn over(&mut self, leg: LegId, over: Over) {
        if let Some(play) = over.play {
            self.tell(Event::PlayDone { leg, play, end: PlayEnd::Finished });
        }
        if over.digits {
            self.tell(Event::DigitsSent { leg });
        }
    }
}

/// What is heard in a party's audio beside speech.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Noticed {
    /// A digit begins.
    digit: Option<char>,
    /// This tone sounds.
    tone: Option<tone::Kind>,
    /// The time is over for which tones were to be listened for.
    tones_over: bool,
}

/// Takes the next samples from a leg's ear, silence when it has none; what else is heard in them.
pub(super) fn listen(leg: &mut Leg, at: Time, pcm: &mut [i16], deep: &mut Deep) -> Noticed {
    let (detects, digits) = (leg.detects(), leg.detects_digits());
    // An ear that there was no memory for, or for whose rate there is no encoder, hears nothing.
    let Some(ear) = leg.ear.as_mut().filter(|ear| ear.rate() == leg.rate) else {
        pcm.fill(0);
        return Noticed::default();
    };
    ear.set_deep(deep.has_time(at));
    ear.pull(at, pcm);
    deep.spend(ear.deep_cost());
    if !detects {
        return Noticed::default();
    }
    let tones = leg.tones.as_mut().map(|tones| &mut tones.detector);
    let (digit, tone) = ear.detect(pcm, digits, tones);
    let digit = digit.filter(|digit| !leg.was_told(at, *digit));
    Noticed { digit, tone, tones_over: leg.tones.as_ref().is_some_and(|tones| tones.until <= at) }
}

/// Whether a key of `leg` is being passed on as packets: nothing else is heard of it meanwhile.
fn inserts_event(leg: &Leg) -> bool {
    matches!(leg.paths.events, Events::Insert(_)) && leg.dtmf.is_down()
}

/// Sends what one packet time has; when nothing may be sent, the time passes all the same.
fn send(
    leg: &mut Leg,
    at: Time,
    outgoing: Outgoing,
    pcm: &mut [i16],
    packet: &mut [u8; MOST_PACKET],
    out: &mut dyn Transmit,
) {
    let ticks = leg.samples() as u32 * leg.narrowed.ticks();
    let source = match outgoing {
        Outgoing::Audio(source) => source,
        Outgoing::Nothing | Outgoing::Event(_) => Source::None,
    };
    leg.seam.join(source, pcm, leg.rate);
    let way = leg.sends().zip(leg.latch.destination());
    let (Some(((_, payload_type), to)), Some((head, body))) =
        (way, packet.split_first_chunk_mut::<HEADER_LEN>())
    else {
        leg.tx.skip(at, ticks);
        return;
    };
    let body = &mut body[..MOST_PAYLOAD];
    let length = match outgoing {
        Outgoing::Nothing => {
            leg.tx.skip(at, ticks);
            return;
        }
        Outgoing::Audio(_) => {
            leg.spoken = true;
            let coded = leg.encoder.as_mut().and_then(|encoder| encoder.encode(pcm, body).ok());
            match coded.unwrap_or(0) {
                0 => leg.tx.skip(at, ticks), // silence that needs no packet
                bytes => write_header(head, leg.tx.own(at, payload_type, ticks, bytes)),
            }
            coded.unwrap_or(0)
        }
        Outgoing::Event(step) => {
            let length = write_event(leg, at, step, head, body);
            leg.tx.skip(at, ticks);
            length
        }
    };
    let sealed = (length > 0).then(|| leg.seal(packet, HEADER_LEN + length)).flatten();
    if let Some(whole) = sealed {
        out.send(leg.port, Kind::Rtp, to, &packet[..whole]);
    }
}

/// One packet of a digit of ours; its payload's length.
fn write_event(
    leg: &mut Leg,
    at: Time,
    step: Step,
    head: &mut [u8; HEADER_LEN],
    body: &mut [u8],
) -> usize {
    let (Step::Event { code, end, duration, begins }, Some(pt)) = (step, leg.event_pt()) else {
        return 0;
    };
    leg.sent_event = match begins {
        Begins::Press => leg.tx.begin_event(at),
        Begins::Segment => leg.sent_event.wrapping_add(u32::from(u16::MAX) * leg.event_stamps()),
        Begins::No => leg.sent_event,
    };
    let event = telephone_event::Event { code, end, volume: VOLUME, duration };
    let bytes = event.to_bytes();
    body[..bytes.len()].copy_from_slice(&bytes);
    let marker = begins == Begins::Press;
    write_header(head, leg.tx.event(pt, leg.sent_event, marker, bytes.len()));
    bytes.len()
}
