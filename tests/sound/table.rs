//! The table of sounds: how far what is heard lies from what was said, for each kind of line, against
//! what it was when the table was last written. It may get better, not worse.

use std::fmt::Write as _;
use std::path::Path;

use belfry::dsp::rate::Rate;

use super::clips::{self, Speech};
use super::distance::distance;
use super::line::{self, CLEAN, Call, Network};

/// Seeds of the table in docs/sound.md; here one does.
pub const SEEDS: u64 = 10;
/// By how much a distance may exceed the table's: libopus computes a little differently from one
/// processor to another.
const TOLERANCE: f64 = 1.04;

/// The kinds of line.
pub const CELLS: [(&str, Network); 7] = [
    ("clean", CLEAN),
    ("loss-1", Network { loss: 0.01, ..CLEAN }),
    ("loss-5", Network { loss: 0.05, ..CLEAN }),
    ("loss-10", Network { loss: 0.10, ..CLEAN }),
    ("bursts-5", Network { loss: 0.05, burst: 3, ..CLEAN }),
    ("jitter-60", Network { jitter: 60, ..CLEAN }),
    ("delay-250", Network { delay: 250, ..CLEAN }),
];

/// The codecs.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kinds {
    G711,
    Opus,
}

impl Kinds {
    pub const ALL: [Kinds; 2] = [Kinds::G711, Kinds::Opus];

    pub fn name(self) -> &'static str {
        match self {
            Kinds::G711 => "g711",
            Kinds::Opus => "opus",
        }
    }
    pub fn call(self) -> Call {
        match self {
            Kinds::G711 => line::G711,
            Kinds::Opus => line::OPUS,
        }
    }
}

/// A clip as it is said: twice, for what is heard the second time is judged, when a call has been up
/// for a while.
pub struct Said {
    kind: Kinds,
    payloads: Vec<Vec<u8>>,
    /// Of all of it, and what is heard before the second time.
    seconds: f64,
    lead: usize,
}

/// Codes a clip.
pub fn say(kind: Kinds, speech: &Speech) -> Said {
    let call = kind.call();
    let clip = clips::at(&speech.samples, Rate::Khz16, call.rate);
    let said = [&clip[..], &clip, &vec![0; call.rate.samples(600)]].concat();
    let lead = clip.len() / call.rate.per_slot() * call.heard.per_slot();
    Said {
        kind,
        payloads: line::packets(call, &said, false),
        seconds: said.len() as f64 / f64::from(call.rate.hz()),
        lead: lead - call.heard.samples(100),
    }
}

impl Said {
    /// What is heard of it, from a little before to a little after.
    pub fn over(&self, network: Network, seed: u64) -> Vec<i16> {
        let call = self.kind.call();
        let under_way = line::deliver(call, &self.payloads, network, seed);
        let mut heard = line::hear(call, &under_way, self.seconds);
        heard.drain(..self.lead);
        heard
    }
}

#[test]
fn it_sounds_as_good_as_it_did() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sound/table.txt");
    let mut table = String::new();
    let clips = clips::all();
    for kind in Kinds::ALL {
        let rate = kind.call().heard;
        let all: Vec<_> = clips
            .iter()
            .map(|speech| (clips::at(&speech.samples, Rate::Khz16, rate), say(kind, speech)))
            .collect();
        for (cell, network) in CELLS {
            let apart = |(n, (clip, said)): (u64, &(Vec<i16>, Said))| {
                distance(clip, &said.over(network, 100 * n + 1), rate)
            };
            let sum: f64 = (0..).zip(&all).map(apart).sum();
            let mean = sum / all.len() as f64;
            writeln!(table, "{} {cell} {mean:.3}", kind.name()).expect("a string");
        }
    }
    if std::env::var_os("BELFRY_WRITE_SOUND").is_some() {
        std::fs::write(&path, &table).expect("the table is written");
    }
    let known = std::fs::read_to_string(&path).expect("tests/sound/table.txt");
    let value = |line: &str| line.rsplit(' ').next().and_then(|v| v.parse().ok()).unwrap_or(0.0);
    let worse: Vec<_> = table
        .lines()
        .zip(known.lines())
        .filter(|(now, then)| value(now) > TOLERANCE * value(then) + 0.02)
        .collect();
    assert_eq!(table.lines().count(), known.lines().count());
    assert!(worse.is_empty(), "distance in dB, now and when the table was written: {worse:#?}");
}
