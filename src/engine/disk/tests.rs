//! The disk threads, with a disk in memory and with a real one.

use std::sync::mpsc::{Receiver, channel};

use super::fake::{FakeDisk, FakeStorage};
use super::ring::{TapSender, ring};
use super::storage::Directory;
use super::*;
use crate::dsp::g711;
use crate::media::control::Codec;
use crate::media::tap::Channel::{self, Left, Right};
use crate::wire::wav::Wav;

/// Long enough for any machine.
const PATIENCE: Duration = Duration::from_secs(20);
const ONE: RecordingId = RecordingId(1);

fn start(storage: Box<dyn Storage>) -> (Disk, TapSender, Receiver<DiskEvent>) {
    let (to, events) = channel();
    let tell: Tell = Arc::new(move |event| {
        let _ = to.send(event);
    });
    let (sender, receiver) = ring(1 << 20);
    (Disk::start(storage, vec![receiver], tell).unwrap(), sender, events)
}

fn open(disk: &Disk, recording: RecordingId, path: &str, format: RecordFormat) {
    let path = path.into();
    assert_eq!(disk.open(OpenRecording { recording, path, format }), None);
}

fn say(taps: &mut TapSender, channel: Channel, position: u64, codec: Codec, payload: &[u8]) {
    let (recording, adjust) = (ONE, 0);
    let samples = payload.len() as u32;
    taps.block(&TapBlock { recording, channel, position, adjust, samples, codec, payload });
}

fn closed(events: &Receiver<DiskEvent>) -> (u64, u64) {
    match events.recv_timeout(PATIENCE).unwrap() {
        DiskEvent::Closed { samples, lost, .. } => (samples, lost),
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_channels_become_a_file_that_another_reader_knows() {
    let root = tempfile::tempdir().unwrap();
    let (storage, _) = Directory::open(root.path()).unwrap();
    let (disk, mut taps, events) = start(Box::new(storage));
    open(&disk, ONE, "2026/03/09/a.wav", RecordFormat::Pcm16);
    let (loud, soft) = (g711::alaw_code(8_000), g711::ulaw_code(-1_000));
    for n in 0..200u64 {
        say(&mut taps, Left, n * 160, Codec::Pcma, &[loud; 160]);
        if n >= 50 {
            say(&mut taps, Right, n * 160, Codec::Pcmu, &[soft; 160]);
        }
    }
    taps.stop(ONE, 32_100);
    assert_eq!(closed(&events), (32_100, 0));
    let mut reader = hound::WavReader::open(root.path().join("2026/03/09/a.wav")).unwrap();
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 8_000));
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    let (loud, soft) = (g711::alaw_sample(loud), g711::ulaw_sample(soft));
    for (at, frame) in samples.chunks(2).enumerate() {
        let left = if at < 32_000 { loud } else { 0 };
        let right = if (8_000..32_000).contains(&at) { soft } else { 0 };
        assert_eq!(frame, [left, right], "at {at}");
    }
    assert_eq!(samples.len(), 2 * 32_100);
}

#[test]
fn alaw_goes_through_untouched_and_ulaw_is_recoded() {
    let (storage, disk_bytes) = FakeStorage::new();
    let (disk, mut taps, events) = start(Box::new(storage));
    open(&disk, ONE, "a.wav", RecordFormat::Alaw);
    let all: Vec<u8> = (0..=255).collect();
    say(&mut taps, Left, 0, Codec::Pcma, &all);
    say(&mut taps, Right, 0, Codec::Pcmu, &all);
    taps.stop(ONE, 0);
    assert_eq!(closed(&events), (256, 0));
    let bytes = disk_bytes.bytes("a.wav");
    let wav = Wav::parse(&bytes).unwrap();
    assert_eq!(wav.data_len(bytes.len() as u64), 512);
    let mut recoded = all.clone();
    g711::ulaw_to_alaw(&mut recoded);
    for (at, frame) in bytes[wav.data_offset..].chunks(2).enumerate() {
        assert_eq!(frame, [all[at], recoded[at]]);
    }
    assert_eq!(disk_bytes.finished.recv_timeout(PATIENCE).unwrap(), "a.wav");
}

fn speak_long(taps: &mut TapSender, from: u64, blocks: u64) {
    for n in from..from + blocks {
        say(taps, Left, n * 160, Codec::Pcma, &[7; 160]);
    }
}

fn wait_for_bytes(disk: &FakeDisk, least: usize) {
    let begun = std::time::Instant::now();
    while disk.bytes("a.wav").len() < least {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_full_disk_is_told_once_and_the_recording_goes_on() {
    let (storage, fake) = FakeStorage::new();
    let (disk, mut taps, events) = start(Box::new(storage));
    open(&disk, ONE, "a.wav", RecordFormat::Alaw);
    speak_long(&mut taps, 0, 300);
    wait_for_bytes(&fake, 16_384);
    fake.fill();
    speak_long(&mut taps, 300, 300);
    let failed = events.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(failed, DiskEvent::Failed { recording: ONE, .. }), "{failed:?}");
    // Everything of before has been tried when the recording after it is.
    taps.stop(RecordingId(9), 0);
    std::thread::sleep(ROUND * 5);
    fake.free();
    speak_long(&mut taps, 600, 300);
    taps.stop(ONE, 144_000);
    let (samples, lost) = closed(&events);
    assert_eq!(samples, 144_000);
    assert!(lost > 0 && lost % 8_192 == 0, "{lost}");
    let bytes = fake.bytes("a.wav");
    assert_eq!(bytes.len(), 58 + 288_000);
    let silent = bytes[58..].chunks(2).filter(|f| f[0] == 0xd5).count() as u64;
    assert_eq!(silent, lost);
}

#[test]
fn what_runs_at_the_end_is_closed() {
    let (storage, fake) = FakeStorage::new();
    let (disk, mut taps, events) = start(Box::new(storage));
    open(&disk, ONE, "a.wav", RecordFormat::Alaw);
    speak_long(&mut taps, 0, 10);
    drop(taps);
    drop(disk);
    assert_eq!(closed(&events), (1_600, 0));
    assert_eq!(fake.bytes("a.wav").len(), 58 + 3_200);
}

#[test]
fn blocks_of_nobody_and_second_ends_change_nothing() {
    let (storage, _fake) = FakeStorage::new();
    let (disk, mut taps, events) = start(Box::new(storage));
    say(&mut taps, Left, 0, Codec::Pcma, &[1; 160]);
    taps.stop(ONE, 5);
    open(&disk, RecordingId(2), "b.wav", RecordFormat::Alaw);
    taps.stop(RecordingId(2), 80);
    taps.stop(RecordingId(2), 99);
    assert_eq!(closed(&events), (80, 0));
    drop(disk);
    assert!(events.try_recv().is_err());
}
