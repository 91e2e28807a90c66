//! Two parties whose clocks run apart, recorded: whatever the network does between, no sample of what came is
//! lost or doubled but for the few by which blocks are stretched, and both channels stay at the true time.

use proptest::prelude::*;

use super::*;
use crate::base::Rng;
use crate::media::tap::MOST_ADJUST;

/// Samples of a packet, and of a millisecond.
const PACKET: usize = 160;
const MS: usize = 8;
/// By so many samples a packet may lie off its true time (5 ms), once a stream goes on for [`LEARNED`].
const MOST_OFF: i64 = 5 * MS as i64;
/// Packets after which a stream's time is known, however late its first one was: 12 s.
const LEARNED: usize = 600;
/// Of a stream with new numbers so many packets are not believed yet (RFC 3550 §A.1, and R8): 120 ms.
const PROBATION: usize = 6;

/// A party, the network before it, and what becomes of its stream.
#[derive(Clone, Copy, Debug)]
struct Party {
    /// Its clock against ours.
    ppm: f64,
    loss: f64,
    /// How many packets are held up so that others overtake them.
    overtaken: f64,
    jitter_ms: f64,
    /// Before this packet it begins anew: other source, numbers and timestamps.
    anew: usize,
}

/// A packet on its way.
#[derive(Clone, Copy, Debug)]
struct Spoken {
    n: usize,
    at: Time,
    arrival: Time,
}

/// The code that fills packet `n`; neighbours differ, and none is silence.
fn code(n: usize) -> u8 {
    let code = (n % 251) as u8;
    if code == SILENCE { 254 } else { code }
}

impl Party {
    fn any() -> impl Strategy<Value = Party> {
        let shares = (0.0..0.05f64, 0.0..0.04f64, 0.0..15.0f64);
        (-500.0..=500.0f64, shares, 0usize..2_500).prop_map(
            |(ppm, (loss, overtaken, jitter_ms), anew)| Party {
                ppm,
                loss,
                overtaken,
                jitter_ms,
                anew,
            },
        )
    }

    /// What of `packets` is not lost, as it was spoken.
    fn speak(self, began: Time, packets: usize, rng: &mut Rng) -> Vec<Spoken> {
        let after = |ms: f64| began + Duration::from_nanos((ms * 1e6) as u64);
        let mut held = |n: usize| {
            // Overtaking while it is not believed yet would make that longer (RFC 3550 §A.1).
            let first = n.min(n.abs_diff(self.anew)) <= PROBATION;
            let more = if !first && rng.chance(self.overtaken) { 25.0 } else { 0.0 };
            let jitter = self.jitter_ms * rng.below(1_000) as f64 / 1_000.0;
            (jitter + more, first || !rng.chance(self.loss))
        };
        let spoken = |n: usize| {
            let ms = n as f64 * 20.0 / (1.0 + self.ppm / 1e6);
            let (late, comes) = held(n);
            comes.then(|| Spoken { n, at: after(ms), arrival: after(ms + late) })
        };
        (0..packets).filter_map(spoken).collect()
    }

    /// Packet `n` as `phone` sends it.
    fn packet(self, phone: &Phone, n: usize) -> Vec<u8> {
        let mut phone = phone.clone();
        if n >= self.anew {
            phone.ssrc ^= 0x5555;
            phone.sequence ^= 0x5555;
            phone.timestamp ^= 0x5555_5555;
        }
        phone.sequence = phone.sequence.wrapping_add(n as u16);
        phone.timestamp = phone.timestamp.wrapping_add((n * PACKET) as u32);
        phone.packet(pt(Codec::Pcma), false, &[code(n); PACKET])
    }

    /// Looks whether what came lies in `channel` as it should: all of it, in the order of speech, each packet
    /// behind the one before or behind the silence of those that are lost, at the true time.
    fn judge(self, channel: &[u8], came: &[Spoken], began: Time) -> Result<(), TestCaseError> {
        let (mut at, mut before) = (0, None);
        for Spoken { n, at: spoken, .. } in came.iter().copied() {
            let silence = channel[at..].iter().take_while(|code| **code == SILENCE).count();
            let start = at + silence;
            let here = channel[start..].iter().take_while(|heard| **heard == code(n)).count();
            if here == 0 && (self.anew..self.anew + PROBATION).contains(&n) {
                before = None;
                continue;
            }
            let length = here.abs_diff(PACKET);
            prop_assert!(length <= usize::from(MOST_ADJUST.unsigned_abs()), "{n}: {here} samples");
            if let Some(before) = before.filter(|_| n != self.anew) {
                prop_assert_eq!(silence, (n - before - 1) * PACKET, "before {}", n);
            }
            let truth = spoken.since(began).as_nanos() as i64 / 125_000;
            let learned = if n < self.anew { n } else { n - self.anew } >= LEARNED;
            let off = start as i64 - truth;
            prop_assert!(!learned || off.abs() <= MOST_OFF, "{n}: {off} samples off");
            (at, before) = (start + here, Some(n));
        }
        let rest = &channel[at..];
        prop_assert!(rest.iter().all(|code| *code == SILENCE), "more than was said");
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn whatever_the_clocks_and_the_network_do_each_packet_lies_there_once_and_in_time(
        parties in [Party::any(), Party::any()], seed in any::<u64>()
    ) {
        let mut world = world();
        let (mut rng, began) = (Rng::from_seed(seed), world.now);
        let phones = [world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma)];
        world.bridge(&phones[0], &phones[1]);
        world.record(1, &phones[0], Some(&phones[1]));
        let came = parties.map(|party| party.speak(began, 2_000, &mut rng));
        let mut on_the_way: Vec<_> = { came.iter().enumerate() }
            .flat_map(|(side, came)| came.iter().map(move |spoken| (spoken.arrival, side, spoken.n)))
            .collect();
        on_the_way.sort_unstable();
        for (arrival, side, n) in on_the_way {
            world.pass_until(arrival);
            let packet = parties[side].packet(&phones[side], n);
            world.datagram(phones[side].port, phones[side].addr, &packet);
        }
        world.pass(1_000);
        let channels = world.recorded(1);
        for ((party, came), channel) in parties.iter().zip(&came).zip(&channels) {
            party.judge(channel, came, began)?;
        }
        prop_assert_eq!(world.out.late, 0);
    }
}
