use std::f64::consts::{PI, TAU};
use std::io::Cursor;

use ogg::PacketReader;

use super::*;
use crate::base::Rng;

/// Two parties who speak in turns, 4 s each, as bursts of a voiced buzz under an envelope of syllables.
fn conversation(seconds: usize) -> Vec<[i16; 2]> {
    let mut rng = Rng::from_seed(7);
    let mut noise = || (rng.next_u32() % 21) as f64 - 10.0;
    let mut talk = Vec::with_capacity(seconds * 8_000);
    for n in 0..seconds * 8_000 {
        let t = n as f64 / 8_000.0;
        let turn = (t / 4.0) as usize % 2;
        let pitch = if turn == 0 { 120.0 } else { 210.0 };
        let syllable = (t * 3.7).fract();
        let envelope = if syllable < 0.75 { (syllable / 0.75 * PI).sin() } else { 0.0 };
        let voice: f64 =
            (1..12).map(|h| (t * pitch * f64::from(h) * TAU).sin() / f64::from(h)).sum();
        let mut frame = [noise() as i16, noise() as i16];
        frame[turn] += (voice * envelope * 6_000.0) as i16;
        talk.push(frame);
    }
    talk
}

fn wav(format: RecordFormat, talk: &[[i16; 2]]) -> Vec<u8> {
    let bytes = |sample: &i16| match format {
        RecordFormat::Alaw => vec![g711::alaw_code(*sample)],
        RecordFormat::Pcm16 => sample.to_le_bytes().to_vec(),
    };
    talk.iter().flatten().flat_map(bytes).collect()
}

fn pack(format: RecordFormat, frames: &[u8]) -> (Vec<u8>, u64) {
    pack_with(Pauses::LeftOut, format, frames)
}

fn pack_with(pauses: Pauses, format: RecordFormat, frames: &[u8]) -> (Vec<u8>, u64) {
    let mut packer = Packer::new(format, pauses, &[("CALL", "1")]).unwrap();
    let mut file = Vec::new();
    for part in frames.chunks(format.frame_bytes() * 1_000) {
        packer.frames(part);
        file.append(&mut packer.take());
    }
    let (rest, samples) = packer.finish();
    file.extend(rest);
    (file, samples)
}

fn check(format: RecordFormat, file: &[u8], frames: &[u8]) -> Result<(), Fault> {
    let mut pages = PacketReader::new(Cursor::new(file));
    let head = pages.read_packet().unwrap().unwrap();
    let mut checker = Checker::new(format, &head.data)?;
    pages.read_packet().unwrap().unwrap();
    let (mut at, mut granule) = (0, 0);
    let frame = format.frame_bytes();
    while let Ok(Some(packet)) = pages.read_packet() {
        let wanted = checker.packet(&packet.data)? * frame;
        let end = frames.len().min(at + wanted);
        checker.frames(&frames[at..end]);
        at = end;
        granule = packet.absgp_page();
    }
    checker.finish(granule, (frames.len() / frame) as u64)
}

#[test]
fn a_conversation_is_packed_and_reads_back_as_it_was() {
    let talk = conversation(24);
    for format in [RecordFormat::Alaw, RecordFormat::Pcm16] {
        let frames = wav(format, &talk);
        let (file, samples) = pack(format, &frames);
        assert_eq!(samples, 24 * 8_000);
        assert_eq!(check(format, &file, &frames), Ok(()));
        let rate = file.len() / 24;
        assert!((600..2_000).contains(&rate), "{rate} bytes a second");
    }
}

#[test]
fn lengths_that_fill_no_packet_are_kept_to_the_sample() {
    let talk = conversation(2);
    for samples in [0, 1, 479, 480, 481, 960 - 52, 9_999] {
        let frames = wav(RecordFormat::Alaw, &talk[..samples]);
        let (file, counted) = pack(RecordFormat::Alaw, &frames);
        assert_eq!(counted, samples as u64);
        assert_eq!(check(RecordFormat::Alaw, &file, &frames), Ok(()), "{samples}");
    }
}

#[test]
fn a_steady_tone_is_what_calls_for_pauses_that_are_kept() {
    let tone = |n: usize| (f64::sin(n as f64 * TAU * 450.0 / 8_000.0) * 6_000.0) as i16;
    let talk: Vec<_> = (0..20 * 8_000).map(|n| [tone(n), 0]).collect();
    let format = RecordFormat::Alaw;
    let frames = wav(format, &talk);
    let found = check(format, &pack(format, &frames).0, &frames);
    assert!(matches!(found, Err(Fault::Sound { channel: 0, .. })), "{found:?}");
    let (file, _) = pack_with(Pauses::Kept, format, &frames);
    assert_eq!(check(format, &file, &frames), Ok(()));
    assert!(file.len() / 20 < 2_960, "{}", file.len());
}

#[test]
fn what_is_not_the_same_is_found() {
    let format = RecordFormat::Alaw;
    let talk = conversation(16);
    let frames = wav(format, &talk);
    let (file, _) = pack(format, &frames);
    let swapped: Vec<_> = talk.iter().map(|[left, right]| [*right, *left]).collect();
    let found = check(format, &file, &wav(format, &swapped));
    assert!(matches!(found, Err(Fault::Sound { .. })), "{found:?}");
    let mut muted = talk.clone();
    muted.iter_mut().for_each(|frame| frame[1] = 0);
    let (silent, _) = pack(format, &wav(format, &muted));
    let found = check(format, &silent, &frames);
    assert!(matches!(found, Err(Fault::Sound { channel: 1, .. })), "{found:?}");
    let found = check(format, &file, &frames[..frames.len() - 2]);
    assert!(matches!(found, Err(Fault::Length { .. })), "{found:?}");
    let found = check(format, &file[..file.len() / 2], &frames);
    assert!(matches!(found, Err(Fault::Length { .. })), "{found:?}");
}

#[test]
fn twelve_months_of_thirty_channels_fit_two_terabytes() {
    let frames = wav(RecordFormat::Alaw, &conversation(60));
    let (file, _) = pack(RecordFormat::Alaw, &frames);
    let a_second = file.len() as u64 / 60;
    let all = a_second * 30 * 366 * 86_400;
    assert!(all < 2_000_000_000_000, "{all} bytes");
}
