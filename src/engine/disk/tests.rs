//! The disk threads, with a disk in memory and with a real one.

use std::sync::mpsc::{Receiver, channel};

use super::fake::{FakeDisk, FakeStorage};
use super::keys::Keys;
use super::ring::{TapSender, ring};
use super::storage::Directory;
use super::*;
use crate::media::Recorded;
use crate::media::tap::TwoChannels;
use crate::media::tap::piece::PIECE_BYTES;
use crate::wire::wav::Wav;

/// Long enough for any machine.
const PATIENCE: Duration = Duration::from_secs(20);
const ONE: RecordingId = RecordingId(1);
/// Bytes of the header of an A-law file.
const HEADER: usize = 58;

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

/// A piece of the file, from that sample on: as many bytes, all the same.
fn piece(taps: &mut TapSender, position: u64, byte: u8, bytes: usize) {
    let side = vec![byte; bytes / 2];
    let samples = TwoChannels::new(RecordFormat::Alaw, &side, &side);
    taps.record(Recorded::Piece { recording: ONE, position, samples });
}

fn end(taps: &mut TapSender, recording: RecordingId, samples: u64, late: u64) {
    taps.record(Recorded::End { recording, samples, late });
}

fn closed(events: &Receiver<DiskEvent>) -> (u64, u64) {
    match events.recv_timeout(PATIENCE).unwrap() {
        DiskEvent::Closed { samples, lost, .. } => (samples, lost),
        other => panic!("{other:?}"),
    }
}

#[test]
fn pieces_become_a_file_that_another_reader_knows() {
    let root = tempfile::tempdir().unwrap();
    let (storage, _) = Directory::open(root.path(), &Keys::default()).unwrap();
    let (disk, mut taps, events) = start(Box::new(storage));
    open(&disk, ONE, "2026/03/09/a.wav", RecordFormat::Pcm16);
    let frames: Vec<[i16; 2]> = (0..12_000).map(|n| [n, -n]).collect();
    for (n, part) in frames.chunks(PIECE_BYTES / 4).enumerate() {
        let side = |n: usize| part.iter().flat_map(|frame| frame[n].to_le_bytes()).collect();
        let [left, right]: [Vec<u8>; 2] = [side(0), side(1)];
        let samples = TwoChannels::new(RecordFormat::Pcm16, &left, &right);
        let position = (n * PIECE_BYTES / 4) as u64;
        taps.record(Recorded::Piece { recording: ONE, position, samples });
    }
    end(&mut taps, ONE, 12_100, 7);
    assert_eq!(closed(&events), (12_100, 7));
    let mut reader = hound::WavReader::open(root.path().join("2026/03/09/a.wav")).unwrap();
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 8_000));
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    let heard = samples.chunks(2).map(|frame| [frame[0], frame[1]]);
    assert!(heard.eq(frames.into_iter().chain([[0; 2]; 100])));
}

#[test]
fn where_nobody_spoke_there_is_silence_and_nothing_is_lost() {
    let (storage, fake) = FakeStorage::new();
    let (disk, mut taps, events) = start(Box::new(storage));
    open(&disk, ONE, "a.wav", RecordFormat::Alaw);
    // Longer than what one piece may fill for a disk that was full.
    let hour = 8_000 * 3_600;
    piece(&mut taps, 80, 7, 320);
    piece(&mut taps, hour, 8, 320);
    end(&mut taps, ONE, hour + 1_000, 0);
    assert_eq!(closed(&events), (hour + 1_000, 0));
    let bytes = fake.bytes("a.wav");
    let wav = Wav::parse(&bytes).unwrap();
    assert_eq!(wav.data_len(bytes.len() as u64), 2 * (hour + 1_000));
    let places = [(80, 7), (hour as usize, 8)];
    for (at, frame) in bytes[wav.data_offset..].chunks(2).enumerate() {
        let said = places.iter().find(|(from, _)| (*from..from + 160).contains(&at));
        assert_eq!(frame, [said.map_or(0xd5, |(_, byte)| *byte); 2], "at {at}");
    }
    assert_eq!(fake.finished.recv_timeout(PATIENCE).unwrap(), "a.wav");
}

/// Whole pieces, as the plane would hand them on.
fn speak_long(taps: &mut TapSender, from: u64, pieces: u64) {
    for n in from..from + pieces {
        piece(taps, n * PIECE_BYTES as u64 / 2, 7, PIECE_BYTES);
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
    speak_long(&mut taps, 0, 5);
    wait_for_bytes(&fake, 5 * PIECE_BYTES);
    fake.fill();
    speak_long(&mut taps, 5, 5);
    let failed = events.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(failed, DiskEvent::Failed { recording: ONE, .. }), "{failed:?}");
    // Everything of before has been tried when the recording after it is.
    end(&mut taps, RecordingId(9), 0, 0);
    std::thread::sleep(ROUND * 5);
    fake.free();
    speak_long(&mut taps, 10, 5);
    let samples = 15 * PIECE_BYTES as u64 / 2;
    end(&mut taps, ONE, samples, 0);
    let DiskEvent::Closed { samples: told, lost, fault, .. } =
        events.recv_timeout(PATIENCE).unwrap()
    else {
        panic!("it is closed");
    };
    assert_eq!(told, samples);
    let silence = format!("{lost} samples could not be kept; silence stands for them");
    assert!(fault.as_ref().is_some_and(|fault| fault.starts_with(&silence)), "{fault:?}");
    assert!(lost > 0 && lost % (PIECE_BYTES as u64 / 2) == 0, "{lost}");
    let bytes = fake.bytes("a.wav");
    assert_eq!(bytes.len(), HEADER + 15 * PIECE_BYTES);
    let silent = bytes[HEADER..].chunks(2).filter(|f| f[0] == 0xd5).count() as u64;
    assert_eq!(silent, lost);
}

#[test]
fn what_found_no_room_on_the_way_is_silence_and_counted() {
    let (storage, fake) = FakeStorage::new();
    let (disk, mut taps, events) = start(Box::new(storage));
    open(&disk, ONE, "a.wav", RecordFormat::Alaw);
    // More than the thread has written when it looks next.
    let pieces = (0..10_000).find(|n| {
        speak_long(&mut taps, *n, 1);
        taps.dropped() > 0
    });
    let samples = (pieces.unwrap() + 1) * PIECE_BYTES as u64 / 2;
    end(&mut taps, ONE, samples, 0);
    assert_eq!(closed(&events), (samples, PIECE_BYTES as u64 / 2));
    let lost = PIECE_BYTES as u64 / 2;
    let bytes = fake.bytes("a.wav");
    let silent = bytes[HEADER..].chunks(2).filter(|f| f[0] == 0xd5).count() as u64;
    assert_eq!(silent, lost);
}

#[test]
fn what_runs_at_the_end_is_closed() {
    let (storage, fake) = FakeStorage::new();
    let (disk, mut taps, events) = start(Box::new(storage));
    open(&disk, ONE, "a.wav", RecordFormat::Alaw);
    piece(&mut taps, 0, 7, 3_200);
    drop(taps);
    drop(disk);
    assert_eq!(closed(&events), (1_600, 0));
    assert_eq!(fake.bytes("a.wav").len(), HEADER + 3_200);
}

#[test]
fn pieces_of_nobody_and_second_ends_change_nothing() {
    let (storage, _fake) = FakeStorage::new();
    let (disk, mut taps, events) = start(Box::new(storage));
    piece(&mut taps, 0, 1, 160);
    end(&mut taps, ONE, 5, 0);
    open(&disk, RecordingId(2), "b.wav", RecordFormat::Alaw);
    end(&mut taps, RecordingId(2), 80, 0);
    end(&mut taps, RecordingId(2), 99, 0);
    assert_eq!(closed(&events), (80, 0));
    drop(disk);
    assert!(events.try_recv().is_err());
}
