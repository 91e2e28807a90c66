//! G.722 against the speech that ITU-T G.191 (its software tool library) has for it: its input must
//! give its codes, and these its output of mode 1.
//!
//! The vectors are ITU's and not in this repository; their sums are. With them at hand:
//! `BELFRY_ITU_G722=<folder> cargo test --test itu_g722 -- --ignored`.
#![allow(clippy::disallowed_methods, reason = "the test reads the vectors' folder")]

use belfry::dsp::g722::{Decoder, Encoder};
use sha2::{Digest, Sha256};

fn sha256(bytes: impl IntoIterator<Item = u8>) -> String {
    let bytes: Vec<u8> = bytes.into_iter().collect();
    Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
#[ignore = "needs ITU-T G.191's vectors; BELFRY_ITU_G722 names their folder"]
fn speech_is_exact_both_ways() {
    let folder = std::env::var("BELFRY_ITU_G722").expect("BELFRY_ITU_G722 names a folder");
    let input = std::fs::read(format!("{folder}/inpsp.bin")).expect("the vectors' input");
    let words = input.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
    let samples: Vec<i16> = words.collect();
    let mut codes = vec![0; samples.len() / 2];
    Encoder::new().encode(&samples, &mut codes);
    let mut output = vec![0; samples.len()];
    Decoder::new().decode(&codes, &mut output);
    let sums =
        [sha256(input), sha256(codes), sha256(output.into_iter().flat_map(i16::to_le_bytes))];
    // Of inpsp.bin, of the low octets of codspw.cod (one code a word) and of outsp1.bin.
    assert_eq!(
        sums,
        [
            "3f7185efaa156f94297b9c0b17e5b326d3fdb9e846745143a809685984f7e704",
            "6b3db3aef3fb4b3ded0f93ee152b964f5390895251d42f21fe5237991d4fb513",
            "870002d31c2dffa5086dca7db271855ec7a63a4f56d80ad96ee8aa61800d629b",
        ]
    );
}
