//! Codecs and resamplers allocate nothing once made. As in `no_alloc.rs`, a counting allocator stands
//! in for the system's, in a test program of its own. libopus' own C code takes memory only where a
//! coder is made, and gets that from here too.

#[path = "checks/counting.rs"]
mod counting;

use belfry::base::Rng;
use belfry::dsp::agc::{Agc, Settings as AgcSettings};
use belfry::dsp::codec::{Codec, Decoder, Encoder};
use belfry::dsp::opus::Settings;
use belfry::dsp::rate::Rate;
use belfry::dsp::resample::stream::Resampler;
use belfry::dsp::vad::Vad;

use counting::allocations;

/// One leg: its coders, the way to another rate, and who hears whether somebody speaks.
struct Leg {
    rate: Rate,
    encoder: Encoder,
    decoder: Decoder,
    resampler: Resampler,
    vad: Vad,
    agc: Agc,
}

fn legs() -> Vec<Leg> {
    let all = [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus, Codec::L16(Rate::Khz16)];
    let pairs = all.into_iter().flat_map(|codec| Rate::ALL.map(|rate| (codec, rate)));
    pairs
        .filter(|(codec, rate)| codec.runs_at(*rate))
        .map(|(codec, rate)| {
            let other = if rate == Rate::Khz48 { Rate::Khz8 } else { Rate::Khz48 };
            Leg {
                rate,
                encoder: Encoder::new(codec, rate, Settings::new).expect("its rate"),
                decoder: Decoder::new(codec, rate).expect("its rate"),
                resampler: Resampler::new(rate, other),
                vad: Vad::new(rate),
                agc: Agc::new(rate, AgcSettings::default()),
            }
        })
        .collect()
}

#[test]
fn a_hundred_packets_of_every_codec_allocate_nothing() {
    let (mut legs, mut rng) = (legs(), Rng::from_seed(1));
    let (mut samples, mut out, mut payload) = ([0i16; 2_880], [0i16; 5_760], [0u8; 6_000]);
    let before = allocations();
    let mut packets = 0;
    for turn in 0..100u32 {
        for leg in &mut legs {
            let count = leg.rate.samples(20);
            samples[..count].fill_with(|| rng.next_u32() as i16 >> 4);
            let heard = leg.vad.frame(&samples[..count]);
            leg.agc.process(&mut samples[..count], heard);
            if let Encoder::Opus(opus) = &mut leg.encoder {
                opus.expect_loss((turn % 30) as u8);
                opus.set_bit_rate(8_000 + 500 * turn);
                opus.set_dtx(turn > 50);
            }
            let bytes = leg.encoder.encode(&samples[..count], &mut payload).expect("a packet");
            let payload = &payload[..bytes];
            let result = match turn % 7 {
                _ if bytes == 0 => leg.decoder.conceal(&mut out[..count]).map(|_| count),
                3 => leg.decoder.conceal(&mut out[..count]).map(|_| count),
                5 => leg.decoder.recover(payload, &mut out[..count]).map(|_| count),
                _ => leg.decoder.decode(payload, &mut out),
            };
            let heard = result.expect("samples");
            let mut other = [0i16; 2_880];
            leg.resampler.process(&out[..heard], &mut other).expect("room");
            packets += 1;
        }
    }
    let after = allocations();
    assert_eq!(packets, 100 * legs.len());
    assert_eq!(after - before, 0, "allocations in {packets} packets");
}
