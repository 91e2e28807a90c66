//! What holds for `dsp::dtmf_detect` whatever the samples: beginnings and ends of digits take
//! turns, time goes on, and how the samples are cut into pieces changes nothing. Shared by
//! `tests/fuzz_seeds.rs` and the fuzz target `dtmf_detect`.

use belfry::dsp::dtmf_detect::{Detected, Detector};

/// The first byte is the length of a piece less one; the rest are samples, little-endian.
pub fn check(bytes: &[u8]) {
    let Some((&piece, bytes)) = bytes.split_first() else { return };
    let samples: Vec<i16> =
        bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    let events = detect(&samples, usize::from(piece) + 1);
    assert_eq!(events, detect(&samples, samples.len().max(1)));
    let mut last = 0;
    for (index, event) in events.into_iter().enumerate() {
        let (at, begins) = match event {
            Detected::Begin { at, .. } => (at, true),
            Detected::End { at, .. } => (at, false),
        };
        assert_eq!(begins, index % 2 == 0);
        assert!(at >= last);
        last = at;
    }
}

fn detect(samples: &[i16], piece: usize) -> Vec<Detected> {
    let mut detector = Detector::new();
    let mut events = Vec::new();
    for part in samples.chunks(piece) {
        detector.feed(part, &mut |event| events.push(event));
    }
    detector.finish(&mut |event| events.push(event));
    events
}
