//! Making a block a few samples longer or shorter without a click: where two neighbours differ
//! least, the one is said twice or the other left out.
//!
//! The recorder does this for about one block in twelve when a peer's crystal is 500 ppm off;
//! [`Placer`](super::Placer) says for which.

use crate::media::control::RecordFormat;

/// The distance of two samples, for choosing a place; larger is more audible.
fn distance(format: RecordFormat, a: &[u8], b: &[u8]) -> u32 {
    level(format, a).abs_diff(level(format, b))
}

/// A sample's place in the order of its format's levels, lowest first. For A-law the order of the
/// levels, not their size: near silence, where an ear hears most, the levels lie closest.
fn level(format: RecordFormat, sample: &[u8]) -> i32 {
    match format {
        RecordFormat::Alaw => {
            let code = sample[0] ^ 0x55;
            let magnitude = i32::from(code & 0x7f);
            if code & 0x80 != 0 { magnitude } else { -1 - magnitude }
        }
        RecordFormat::Pcm16 => i32::from(i16::from_le_bytes([sample[0], sample[1]])),
    }
}

/// Appends `block` (whole samples of `format`) to `out`, with `adjust` samples more than it holds,
/// or fewer when negative. The places are spread over the block; one too short is left as it is.
pub fn stretch(format: RecordFormat, block: &[u8], adjust: i8, out: &mut Vec<u8>) {
    let width = format.sample_bytes();
    let samples = block.len() / width;
    let parts = usize::from(adjust.unsigned_abs());
    if parts == 0 || samples / parts < 3 {
        out.extend_from_slice(block);
        return;
    }
    let at = |i: usize| &block[i * width..(i + 1) * width];
    for part in 0..parts {
        let (from, to) = (samples * part / parts, samples * (part + 1) / parts);
        let step = |i: &usize| distance(format, at(*i), at(*i + 1));
        let best = (from..to - 1).min_by_key(step).expect("a part has three samples or more");
        out.extend_from_slice(&block[from * width..(best + 1) * width]);
        if adjust > 0 {
            out.extend_from_slice(at(best));
        }
        let rest = if adjust > 0 { best + 1 } else { best + 2 };
        out.extend_from_slice(&block[rest * width..to * width]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(samples: &[i16]) -> Vec<u8> {
        samples.iter().flat_map(|s| s.to_le_bytes()).collect()
    }

    fn stretched(samples: &[i16], adjust: i8) -> Vec<i16> {
        let mut out = Vec::new();
        stretch(RecordFormat::Pcm16, &bytes(samples), adjust, &mut out);
        out.chunks(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
    }

    #[test]
    fn the_flattest_place_is_taken() {
        assert_eq!(stretched(&[0, 50, 90, 95, 60, 0], 1), [0, 50, 90, 90, 95, 60, 0]);
        assert_eq!(stretched(&[0, 50, 90, 95, 60, 0], -1), [0, 50, 90, 60, 0]);
        assert_eq!(stretched(&[1, 2], 1), [1, 2], "too short to be touched");
        assert_eq!(stretched(&[1, 2], 0), [1, 2]);
    }

    #[test]
    fn alaw_levels_are_in_order() {
        // +8, -8, loudest of both signs (ITU-T G.711 table 1).
        let [plus, minus, top, bottom] =
            [0xd5, 0x55, 0xaa, 0x2a].map(|code| level(RecordFormat::Alaw, &[code]));
        assert!(bottom < minus && minus < plus && plus < top);
        assert_eq!(plus - minus, 1);
    }

    proptest! {
        #[test]
        fn any_block_gets_its_length_and_no_new_sample(
            block in prop::collection::vec(any::<u8>(), 12..300), adjust in -4i8..=4
        ) {
            let mut out = Vec::new();
            stretch(RecordFormat::Alaw, &block, adjust, &mut out);
            prop_assert_eq!(out.len() as i64, block.len() as i64 + i64::from(adjust));
            prop_assert!(out.iter().all(|b| block.contains(b)));
            prop_assert_eq!(out[0], block[0]);
        }
    }
}
