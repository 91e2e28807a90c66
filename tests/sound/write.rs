//! Writes what was said and heard as WAV files, and the run that the table keeps, for `score.py`.

use std::path::PathBuf;

use belfry::dsp::rate::Rate;

use super::clips;
use super::line;
use super::table::{CELLS, Kinds, SEEDS, run, say};

/// 16 bit, one channel.
fn wav(path: PathBuf, samples: &[i16], rate: Rate) {
    let format = hound::WavSpec {
        channels: 1,
        sample_rate: rate.hz(),
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, format).expect("a place for the file");
    samples.iter().for_each(|s| writer.write_sample(*s).expect("room on the disk"));
    writer.finalize().expect("room on the disk");
}

/// `BELFRY_SOUND_DIR=/tmp/sound cargo test --release --test sound -- --ignored write`
#[test]
#[ignore = "makes some 400 files for score.py"]
fn write_the_files() {
    let dir = PathBuf::from(std::env::var("BELFRY_SOUND_DIR").expect("BELFRY_SOUND_DIR"));
    let seeds: u64 = std::env::var("BELFRY_SOUND_SEEDS").map_or(SEEDS, |n| n.parse().expect("n"));
    for (n, speech) in (0..).zip(clips::all()) {
        for kind in Kinds::ALL {
            let call = kind.call();
            let clip = clips::at(&speech.samples, Rate::Khz16, call.heard);
            wav(dir.join(format!("{}-{}.wav", kind.name(), speech.name)), &clip, call.heard);
            let said = say(kind, &speech);
            for (cell, network) in CELLS {
                for seed in 1..=if network == line::CLEAN { 1 } else { seeds } {
                    let heard = said.over(network, 100 * n + seed);
                    let name = format!("{}-{}-{cell}-{seed}.wav", kind.name(), speech.name);
                    wav(dir.join(name), &heard, call.heard);
                }
            }
        }
    }
    std::fs::write(dir.join("run.txt"), run()).expect("room on the disk");
}
