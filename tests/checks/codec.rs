//! What holds for `dsp::codec` whatever is received: a packet gives samples or a refusal, never more
//! samples than it said or than there is room for; the stream goes on after any of them; and what is
//! heard can be coded again. Shared by `tests/fuzz_seeds.rs` and the fuzz target `codec`.

use belfry::dsp::codec::{Codec, DecodeError, Decoder, Encoder};
use belfry::dsp::opus::Settings;
use belfry::dsp::rate::Rate;
use belfry::dsp::resample::stream::Resampler;

const CODECS: [Codec; 6] = [
    Codec::Opus,
    Codec::Pcma,
    Codec::Pcmu,
    Codec::G722,
    Codec::L16(Rate::Khz8),
    Codec::L16(Rate::Khz48),
];

/// The first byte chooses codec and rate. Then packets: a byte that says what becomes of it, a byte
/// that is its length, the payload.
pub fn check(bytes: &[u8]) {
    let Some((&choice, mut rest)) = bytes.split_first() else { return };
    let codec = CODECS[usize::from(choice & 15) % CODECS.len()];
    let any = Rate::ALL[usize::from(choice >> 4) % Rate::ALL.len()];
    let rate = if codec.runs_at(any) { any } else { codec.rate() };
    let mut decoder = Decoder::new(codec, rate).expect("its rate");
    let mut encoder = Encoder::new(codec, rate, Settings::new).expect("its rate");
    let mut resampler = Resampler::new(rate, any);
    while let [fate, length, after @ ..] = rest {
        let (payload, next) = after.split_at(after.len().min(usize::from(*length)));
        rest = next;
        packet(&mut decoder, payload, *fate, rate, |samples| {
            let mut other = [0; 6 * 7_680];
            let count = resampler.process(samples, &mut other).expect("six times the room");
            assert!(count <= 6 * samples.len());
            let mut coded = [0; 3_000];
            for frame in samples.chunks_exact(rate.samples(10)) {
                let bytes = encoder.encode(frame, &mut coded).expect("10 ms fit any line of IPv4");
                assert!(bytes <= coded.len());
            }
        });
    }
    let _ = decoder.conceal(&mut [0; 960][..rate.samples(20)]).expect("20 ms");
}

fn packet(decoder: &mut Decoder, payload: &[u8], fate: u8, rate: Rate, heard: impl FnOnce(&[i16])) {
    let mut out = [77; 7_680];
    let room = if fate & 0x80 == 0 { out.len() } else { rate.samples(20) };
    match fate & 3 {
        0 => {
            let length = usize::from(fate >> 2) * rate.samples(5) / 2;
            let made = decoder.conceal(&mut out[..length]);
            assert!(made.is_ok() || length == 0 || length > rate.samples(120));
        }
        1 => {
            let _ = decoder.recover(payload, &mut out[..rate.samples(20)]);
        }
        _ => {
            let said = decoder.samples(payload);
            match decoder.decode(payload, &mut out[..room]) {
                Ok(count) => {
                    assert!(said == Ok(count) && count <= room);
                    assert!(out[count..].iter().all(|&s| s == 77), "beyond the packet's end");
                    heard(&out[..count]);
                }
                Err(DecodeError::Room(short)) => {
                    assert!(said == Ok(short.needed) && short.needed > room && short.has == room);
                }
                Err(_) => {}
            }
        }
    }
}
