//! The table of sounds: for each kind of line how far what is heard lies from what was said, and the PESQ that it
//! had (`score.py`, ten seeds). The scores hold while what is heard stays what was scored: G.711 to the bit, Opus
//! within what processors differ by.

use std::fmt::Write as _;
use std::path::Path;

use belfry::dsp::rate::Rate;
use sha2::{Digest, Sha256};

use super::clips::{self, Speech};
use super::distance::distance;
use super::line::{self, CLEAN, Call, Network};

/// Seeds of the scores; the run that is compared has the first.
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

/// The run that the table keeps, one seed: a line a cell with its distance in dB, and under them the hash of all that
/// was heard by G.711. Opus has none: libopus computes a little differently from one processor to another.
pub fn run() -> String {
    let mut table = String::new();
    let clips = clips::all();
    for kind in Kinds::ALL {
        let rate = kind.call().heard;
        let mut hash = Sha256::new();
        let all: Vec<_> = clips
            .iter()
            .map(|speech| (clips::at(&speech.samples, Rate::Khz16, rate), say(kind, speech)))
            .collect();
        for (cell, network) in CELLS {
            let mut apart = |(n, (clip, said)): (u64, &(Vec<i16>, Said))| {
                let heard = said.over(network, 100 * n + 1);
                heard.iter().for_each(|sample| hash.update(sample.to_le_bytes()));
                distance(clip, &heard, rate)
            };
            let sum: f64 = (0..).zip(&all).map(&mut apart).sum();
            let mean = sum / all.len() as f64;
            writeln!(table, "{} {cell} {mean:.3}", kind.name()).expect("a string");
        }
        if kind == Kinds::G711 {
            let hash: String = hash.finalize()[..8].iter().map(|b| format!("{b:02x}")).collect();
            writeln!(table, "{} hash {hash}", kind.name()).expect("a string");
        }
    }
    table
}

/// What each line may cost at most, from clean to 250 ms of delay: G.711's least scores, and what Opus may lose of its
/// clean one, the codec's own ceiling.
const G711_LEAST: [f64; 7] = [4.40, 4.25, 3.6, 3.0, 3.1, 4.3, 4.40];
const OPUS_LOSS: [f64; 7] = [0.0, 0.1, 0.5, 0.9, 0.9, 0.1, 0.0];

/// The committed table: what [`run`] gave when its scores were taken, each with its score behind it.
fn committed() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sound/table.txt");
    std::fs::read_to_string(path).expect("tests/sound/table.txt")
}

#[test]
fn it_sounds_as_it_did_when_it_was_scored() {
    let (now, known) = (run(), committed());
    assert_eq!(now.lines().count(), known.lines().count());
    for (now, known) in now.lines().zip(known.lines()) {
        let (now, known): (Vec<_>, Vec<_>) = (now.split(' ').collect(), known.split(' ').collect());
        assert_eq!(now[..2], known[..2]);
        if now[1] == "hash" {
            assert_eq!(
                now[2], known[2],
                "G.711 is heard otherwise than when its scores were taken: take them anew as \
                 tests/sound/README.md says, and see that none fell"
            );
            continue;
        }
        let value = |text: &str| text.parse::<f64>().expect("a distance");
        assert!(
            value(now[2]) <= TOLERANCE * value(known[2]) + 0.02,
            "{} {}: {} dB from what was said, {} when it was scored",
            now[0],
            now[1],
            now[2],
            known[2]
        );
    }
}

#[test]
fn the_scores_reach_what_is_promised() {
    let known = committed();
    let score = |kind: Kinds, cell: &str| -> f64 {
        let row = format!("{} {cell} ", kind.name());
        let line = known.lines().find(|line| line.starts_with(&row)).expect("a line a cell");
        line.rsplit(' ').next().expect("a score").parse().expect("a score")
    };
    let ceiling = score(Kinds::Opus, "clean");
    for ((cell, _), (least, loss)) in CELLS.iter().zip(G711_LEAST.iter().zip(OPUS_LOSS)) {
        let (g711, opus) = (score(Kinds::G711, cell), score(Kinds::Opus, cell));
        assert!(g711 >= *least, "g711 {cell}: {g711}, wanted {least}");
        assert!(opus >= ceiling - loss, "opus {cell}: {opus}, wanted {ceiling} less {loss}");
    }
}
