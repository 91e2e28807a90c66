//! The audio of a call's recordings for its capture file: WAV, or Ogg/Opus once packed, as A-law.

use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use ogg::PacketReader;

use crate::dsp::g711;
use crate::engine::disk::reading;
use crate::record::envelope::Keyring;
use crate::record::pack::Unpacker;
use crate::record::path;
use crate::trace::{Audio, Found};
use crate::wire::wav::{self, Wav};

/// Samples of each channel that are taken of all recordings of a call: ten minutes, 13 MB of capture file.
const MOST: usize = 10 * 60 * 8_000;

/// The audio, and words on what is not there.
pub(super) fn audio(recordings: &Path, ring: &Keyring, found: &Found) -> (Vec<Audio>, Vec<String>) {
    let (mut all, mut words) = (Vec::new(), Vec::new());
    if found.recordings.is_empty() {
        words.push("it was not recorded: no audio".to_owned());
    }
    let mut room = MOST;
    for (recording, known) in found.recordings.iter().enumerate() {
        if room == 0 {
            words.push(format!("{}: left out", known.path));
            continue;
        }
        match read((recordings, ring), &known.path, room) {
            Ok((channels, whole)) => {
                room -= channels[0].len().min(room);
                if !whole {
                    words.push(format!("{}: cut after ten minutes of audio", known.path));
                }
                all.push(Audio { recording, channels });
            }
            Err(error) => words.push(format!("{}: {error}", known.path)),
        }
    }
    (all, words)
}

/// The directory of recordings, and their keys.
type Shelf<'a> = (&'a Path, &'a Keyring);

/// The two channels of a recording, so many samples at most, and whether that is all of it.
fn read(from: Shelf<'_>, name: &str, most: usize) -> io::Result<([Vec<u8>; 2], bool)> {
    match wav(from, name, most) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            packed(from, &path::packed(name), most)
        }
        read => read,
    }
}

fn wav((root, ring): Shelf<'_>, name: &str, most: usize) -> io::Result<([Vec<u8>; 2], bool)> {
    let mut file = reading::open(root, name, ring)?;
    let mut first = Vec::with_capacity(wav::PROBE_LEN);
    (&mut file).take(wav::PROBE_LEN as u64).read_to_end(&mut first)?;
    let wav = Wav::parse(&first).map_err(io::Error::other)?;
    let (channels, width) = (wav.spec.channels, wav.spec.format.sample_bytes());
    if channels != 2 || wav.spec.rate_hz != 8_000 {
        return Err(io::Error::other("not two channels at 8 kHz"));
    }
    let frame = u64::from(wav.spec.frame_bytes());
    let there = wav.data_len(file.len());
    let taken = there.min(most as u64 * frame);
    file.seek(SeekFrom::Start(wav.data_offset as u64))?;
    let mut bytes = Vec::new();
    file.take(taken).read_to_end(&mut bytes)?;
    let side = |n: usize| {
        let width = usize::from(width);
        let samples = bytes.chunks_exact(frame as usize).map(|frame| &frame[n * width..][..width]);
        match wav.spec.format {
            wav::Format::Alaw => samples.map(|code| code[0]).collect(),
            wav::Format::Mulaw => {
                let mut codes: Vec<u8> = samples.map(|code| code[0]).collect();
                g711::ulaw_to_alaw(&mut codes);
                codes
            }
            wav::Format::Pcm16 => {
                let linear: Vec<i16> =
                    samples.map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
                alaw(&linear)
            }
        }
    };
    Ok(([side(0), side(1)], taken == there))
}

fn packed((root, ring): Shelf<'_>, name: &str, most: usize) -> io::Result<([Vec<u8>; 2], bool)> {
    let bad = |error: ogg::OggReadError| io::Error::other(error.to_string());
    let mut packets = PacketReader::new(BufReader::new(reading::open(root, name, ring)?));
    let head = packets.read_packet_expected().map_err(bad)?;
    let fault = |fault: crate::record::pack::Fault| io::Error::other(fault.to_string());
    let mut unpacker = Unpacker::new(&head.data).map_err(fault)?;
    packets.read_packet_expected().map_err(bad)?;
    let mut channels = [Vec::new(), Vec::new()];
    while let Some(packet) = packets.read_packet().map_err(bad)? {
        if channels[0].len() >= most {
            return Ok((channels, false));
        }
        let samples = unpacker.packet(&packet.data).map_err(fault)?;
        for (channel, samples) in channels.iter_mut().zip(samples) {
            channel.extend(alaw(samples));
        }
    }
    Ok((channels, true))
}

fn alaw(samples: &[i16]) -> Vec<u8> {
    let mut codes = vec![0; samples.len()];
    g711::alaw_encode(samples, &mut codes);
    codes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::control::RecordFormat;
    use crate::record::pack::{Packer, Pauses};
    use crate::trace::Recorded;

    fn recorded(path: &str) -> Found {
        let recording = Recorded { at_us: 0, path: path.into(), sides: vec![] };
        Found { recordings: vec![recording], ..Found::default() }
    }

    /// A second of the two channels, interleaved: a tone, and nothing.
    fn frames() -> Vec<u8> {
        let tone = |n: usize| (f64::sin(n as f64 * 0.35) * 8_000.0) as i16;
        let samples: Vec<i16> = (0..8_000).flat_map(|n| [tone(n), 0]).collect();
        alaw(&samples)
    }

    fn energy(codes: &[u8]) -> i64 {
        let mut samples = vec![0; codes.len()];
        g711::alaw_decode(codes, &mut samples);
        samples.iter().map(|s| i64::from(*s).pow(2)).sum::<i64>() / samples.len() as i64
    }

    #[test]
    fn a_recording_is_read_before_and_after_it_is_packed() {
        let dir = tempfile::tempdir().expect("a folder");
        let frames = frames();
        let spec = wav::Spec { format: wav::Format::Alaw, channels: 2, rate_hz: 8_000 };
        let file = [spec.header(frames.len() as u64), frames.clone()].concat();
        std::fs::write(dir.path().join("a.wav"), file).expect("written");
        let (all, words) = audio(dir.path(), &Keyring::default(), &recorded("a.wav"));
        assert!(words.is_empty(), "{words:?}");
        let left: Vec<u8> = frames.iter().step_by(2).copied().collect();
        assert_eq!(all[0].channels[0], left);
        assert!(energy(&all[0].channels[1]) < 100);
        let mut packer = Packer::new(RecordFormat::Alaw, Pauses::Kept, &[]).expect("memory");
        packer.frames(&frames);
        let (packed, _) = packer.finish();
        std::fs::remove_file(dir.path().join("a.wav")).expect("removed");
        std::fs::write(dir.path().join("a.opus"), packed).expect("written");
        let (all, words) = audio(dir.path(), &Keyring::default(), &recorded("a.wav"));
        assert!(words.is_empty(), "{words:?}");
        let [left, right] = &all[0].channels;
        assert!((8_000..8_500).contains(&left.len()), "{}", left.len());
        assert!(energy(left) > 10_000_000 && energy(right) < 10_000, "each in its channel");
    }

    #[test]
    fn what_is_not_there_is_told() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("b.wav"), "no WAV").expect("written");
        for (found, says) in [
            (Found::default(), "not recorded"),
            (recorded("a.wav"), "a.wav: No such file"),
            (recorded("b.wav"), "b.wav: not a RIFF"),
        ] {
            let (all, words) = audio(dir.path(), &Keyring::default(), &found);
            assert!(all.is_empty() && words.len() == 1 && words[0].contains(says), "{words:?}");
        }
    }
}
