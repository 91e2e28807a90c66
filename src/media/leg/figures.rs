//! What is told of a leg: its figures, how good it sounds, what came that nobody agreed on.

use super::{Instead, Leg};
use crate::base::{Duration, Time};
use crate::media::control::LegStats;
use crate::media::jitter::Figures;
use crate::media::quality::Direction;
use crate::wire::rtcp::{CONCEALS_AND_ADAPTS, NOT_SAID, UNKNOWN, VoipMetrics};

/// The most that a jitter buffer of ours holds, milliseconds.
const LONGEST_BUFFER_MS: u16 = 1_000;

impl Leg {
    /// What was heard of it as samples so far.
    pub(super) fn figures(&self) -> Figures {
        let now = self.ear.as_ref().map(|ear| ear.figures()).unwrap_or_default();
        self.past.and(now)
    }

    /// How good what it sends is.
    pub(super) fn heard(&self) -> Direction {
        let rx = self.rx.totals();
        let late = self.figures().late;
        Direction {
            expected: rx.packets + rx.lost,
            lost: rx.lost + late,
            runs: self.rx.bursts().runs() + late,
            delay_ms: self.delay_ms(rx.jitter_us),
        }
    }

    /// How good what it is sent is, as it says itself, or by what it says to have lost: hundredths.
    pub(super) fn sounds(&self) -> Option<u16> {
        if let Some(tenths) = self.rtcp.opinion() {
            return Some(u16::from(tenths) * 10);
        }
        self.rtcp.round_trip()?;
        let (expected, lost) = (self.tx.sent().0, self.rtcp.lost());
        // Of how it is spread the reports say nothing.
        Direction { expected, lost, runs: lost, delay_ms: self.delay_ms(0) }.mos()
    }

    /// From its mouth to an ear behind us: half the round trip, a packet, and a buffer that holds two
    /// mean deviations.
    pub(super) fn delay_ms(&self, jitter_us: u32) -> u32 {
        let trip = self.rtcp.round_trip().map_or(0, |t| t.as_millis().min(60_000) as u32);
        let ptime = self.params.as_ref().map_or(20, |p| u32::from(p.ptime_ms));
        trip / 2 + ptime + (jitter_us / 500).max(ptime)
    }

    /// What is told to a peer that wants to know how good what it sends sounds. A leg that is relayed has no
    /// buffer and makes nothing up: whoever plays it does.
    pub(in crate::media) fn metrics(&self) -> Option<VoipMetrics> {
        let params = self.params.as_ref().filter(|p| p.xr)?;
        let (rx, heard) = (self.rx.totals(), self.heard());
        let ssrc = self.latch.held()?.ssrc;
        let late = heard.lost - rx.lost;
        let share = |part: u64| (part * 256 / heard.expected.max(1)).min(255) as u8;
        let bursts = self.rx.bursts().figures();
        let ms = |packets: u64| (packets * u64::from(params.ptime_ms)).min(0xffff) as u16;
        let trip = self.rtcp.round_trip().map_or(0, |t| t.as_millis().min(0xffff) as u16);
        let tenths = |mos: Option<u16>| mos.map_or(UNKNOWN, |mos| (mos / 10) as u8);
        let (listening, conversation) = (heard.listened().mos(), heard.mos());
        let plays = self.ear.is_some();
        let buffer = if plays { (rx.jitter_us / 500).min(0xffff) as u16 } else { 0 };
        Some(VoipMetrics {
            ssrc,
            loss: share(rx.lost),
            discard: share(late),
            densities: bursts.densities,
            durations_ms: bursts.lengths.map(ms),
            round_trip_ms: trip,
            end_system_ms: if plays { buffer.saturating_add(params.ptime_ms.into()) } else { 0 },
            rating: conversation.map_or(UNKNOWN, |_| heard.rating() as u8),
            mos_tenths: [tenths(listening), tenths(conversation)],
            configuration: if plays { CONCEALS_AND_ADAPTS } else { NOT_SAID },
            buffer_ms: if plays { [buffer, buffer, LONGEST_BUFFER_MS] } else { [0; 3] },
        })
    }

    /// A packet of a payload type that was not agreed on came.
    #[cold]
    pub(in crate::media) fn note_unagreed(&mut self, now: Time, payload_type: u8) {
        self.unagreed += 1;
        let taken = self.rx.totals().packets;
        let before = self.watch.instead.filter(|instead| instead.taken == taken);
        let since = before.map_or(now, |instead| instead.since);
        self.watch.instead = Some(Instead { payload_type, since, latest: now, taken });
    }

    /// What has come instead of what was agreed on within the last `span`.
    pub(in crate::media) fn instead(&self, now: Time, span: Duration) -> Option<Instead> {
        let instead = self.watch.instead.filter(|instead| now.since(instead.latest) < span)?;
        (instead.taken == self.rx.totals().packets).then_some(instead)
    }

    /// Its figures so far.
    pub(in crate::media) fn stats(&self) -> LegStats {
        let (rx, sent) = (self.rx.totals(), self.tx.sent());
        let (heard, srtp) = (self.figures(), self.srtp_figures());
        LegStats {
            packets_received: rx.packets,
            bytes_received: rx.bytes,
            packets_sent: sent.0.saturating_sub(srtp.unsealed),
            packets_unsealed: srtp.unsealed,
            bytes_sent: sent.1,
            packets_lost: rx.lost,
            packets_late: heard.late,
            packets_duplicate: rx.duplicates + srtp.replayed,
            packets_foreign: self.latch.foreign().0,
            packets_malformed: self.malformed,
            packets_unagreed: self.unagreed,
            packets_dropped: self.dropped + self.dtmf.flooded() + self.latch.spent(),
            packets_forged: srtp.forged,
            jitter_us: rx.jitter_us,
            jitter_max_us: rx.jitter_max_us,
            rtt_us: self.rtcp.round_trip().map(|t| t.as_micros().min(u32::MAX.into()) as u32),
            mos: self.heard().mos(),
            peer_mos: self.sounds(),
            samples_concealed: heard.concealed,
            samples_played: heard.played,
        }
    }
}
