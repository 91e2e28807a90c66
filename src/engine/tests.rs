//! The whole engine with real sockets on loopback, over all backends. Waiting is by condition, with
//! time-outs that no machine reaches; no sound is judged by when it came.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::AtomicU32;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use super::*;
use crate::base::{CallId, PlayId, RecordingId, RoomId, Wall};
use crate::dsp::g711;
use crate::media::control::{
    Codec, DigitSet, Item, LegStats, Membership, OpusTerms, RecordFormat, StreamParams,
};
use crate::wire::rtp::{HEADER_LEN, Header, Packet, write_header};
use crate::wire::wav::{Format, Spec, Wav};

/// Where every port is.
const NEAR: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Long enough for any machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// A packet time.
const PTIME: Duration = Duration::from_millis(20);

/// An engine with what it says.
struct Rig {
    engine: Engine,
    events: Receiver<Event>,
    disk: Receiver<DiskEvent>,
    dir: tempfile::TempDir,
}

/// Each rig has an address of loopback to itself, so that none takes another's ports.
fn address() -> IpAddr {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let [_, a, b, c] = NEXT.fetch_add(1, Relaxed).to_be_bytes();
    IpAddr::from([127, 64 + a, b, c])
}

fn config(choice: Choice, pairs: usize, dir: &tempfile::TempDir) -> EngineConfig {
    EngineConfig {
        addresses: vec![address()],
        ports: (20_000, 21_000),
        pairs,
        workers: Some(1),
        backend: choice,
        recordings: dir.path().join("recordings"),
        keys: Keys::default(),
        dtls: None,
        clips: Clips::default(),
        rtp_lost_after: Duration::from_secs(3_600),
    }
}

fn start(
    config: EngineConfig,
) -> Result<(Engine, Receiver<Event>, Receiver<DiskEvent>), StartError> {
    let ((to, events), (to_disk, disk)) = (channel(), channel());
    let deliver = move |event| {
        let _ = to.send(event);
        Ok(())
    };
    let tell = move |event| {
        let _ = to_disk.send(event);
    };
    let engine = Engine::start(config, Arc::new(deliver), Arc::new(tell), Rng::from_seed(5))?;
    Ok((engine, events, disk))
}

impl Rig {
    fn new(choice: Choice, pairs: usize) -> Rig {
        let dir = tempfile::tempdir().unwrap();
        let (engine, events, disk) = start(config(choice, pairs, &dir)).unwrap();
        Rig { engine, events, disk, dir }
    }

    /// A turn of the switch with one command.
    fn tell(&mut self, command: Command<String>) {
        self.engine.send(command);
        self.engine.flush();
    }

    /// The next event that `wanted` knows; others are passed over.
    fn wait<T>(&self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let event = self.events.recv_timeout(left).expect("the event comes");
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    }

    /// Opens a leg of call `call` and connects a peer to it.
    fn leg(&mut self, leg: u64, call: u64) -> Peer {
        let leg = LegId(leg);
        self.tell(Command::Open { leg, group: CallId::new(Wall(1), call), near: NEAR });
        let port = self.wait(|event| match event {
            Event::Opened { leg: opened, rtp } if *opened == leg => Some(*rtp),
            _ => None,
        });
        let peer = Peer::new(leg, port);
        self.tell(Command::Set { leg, params: peer.params() });
        peer
    }

    /// Two legs that hear each other.
    fn bridged(&mut self, call: u64) -> [Peer; 2] {
        let [a, b] = [2 * call, 2 * call + 1].map(|leg| self.leg(leg, call));
        self.tell(Command::Bridge { a: a.leg, b: b.leg });
        [a, b]
    }

    fn close(&mut self, leg: LegId) -> LegStats {
        self.tell(Command::Close { leg });
        self.wait(|event| match event {
            Event::Closed { leg: closed, stats } if *closed == leg => Some(*stats),
            _ => None,
        })
    }

    fn recording(&self) -> (RecordingId, u64, u64) {
        match self.disk.recv_timeout(PATIENCE).expect("the file is closed") {
            DiskEvent::Closed { recording, samples, lost, .. } => (recording, samples, lost),
            failed => panic!("{failed:?}"),
        }
    }
}

/// A phone: its RTP and RTCP sockets.
struct Peer {
    leg: LegId,
    port: SocketAddr,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    ssrc: u32,
    sent: u16,
    /// All payload bytes that it heard.
    heard: Vec<u8>,
}

impl Peer {
    fn new(leg: LegId, port: SocketAddr) -> Peer {
        let socket = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        };
        let (rtp, rtcp, ssrc) = (socket(), socket(), 1_000 + leg.0 as u32);
        Peer { leg, port, rtp, rtcp, ssrc, sent: 0, heard: Vec::new() }
    }

    fn params(&self) -> StreamParams {
        StreamParams {
            remote: Some(self.rtp.local_addr().unwrap()),
            remote_rtcp: Some(self.rtcp.local_addr().unwrap()),
            codec: Codec::Pcma,
            send_pt: 8,
            recv_pt: 8,
            others: Default::default(),
            carriage: Default::default(),
            noise: false,
            max_ptime_ms: None,
            dtmf_send_pt: Some(101),
            key_tones: true,
            xr: false,
            dtmf_recv_pt: Some(101),
            event_clock_hz: 8_000,
            opus: OpusTerms::default(),
            ptime_ms: 20,
            send: true,
            receive: true,
            inband_dtmf: false,
            inband_until_event: false,
            srtp: None,
        }
    }

    /// Says 20 ms of one code.
    fn say(&mut self, code: u8) {
        let mut head = [0; HEADER_LEN];
        let (sequence, timestamp) = (self.sent, u32::from(self.sent) * 160);
        let header =
            Header { marker: false, payload_type: 8, sequence, timestamp, ssrc: self.ssrc };
        write_header(&mut head, header);
        self.sent = self.sent.wrapping_add(1);
        self.rtp.send_to(&[&head[..], &[code; 160]].concat(), self.port).unwrap();
    }

    /// Takes what has come; says how many packets.
    fn listen(&mut self) -> usize {
        let (mut buf, mut packets) = ([0; 2_048], 0);
        while let Ok((len, from)) = self.rtp.recv_from(&mut buf) {
            assert_eq!(from, self.port, "symmetric RTP");
            let packet = Packet::parse(&buf[..len]).unwrap();
            assert_eq!(packet.payload_type(), 8);
            self.heard.extend_from_slice(packet.payload());
            packets += 1;
        }
        packets
    }
}

/// Turns of 20 ms, until `turn` says that it is enough.
fn talk(mut turn: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !turn() {
        assert!(Instant::now() < until, "it did not come to its end");
        std::thread::sleep(PTIME);
    }
}

/// The bytes that are not silence.
fn voice(heard: &[u8]) -> Vec<u8> {
    heard.iter().copied().filter(|byte| *byte != g711::ALAW_SILENCE).collect()
}

fn two_parties_hear_each_other(choice: Choice) {
    let mut rig = Rig::new(choice, 2);
    let [mut a, mut b] = rig.bridged(1);
    talk(|| {
        a.say(1);
        b.say(2);
        a.listen();
        b.listen();
        a.heard.len().min(b.heard.len()) >= 160 * 25
    });
    assert!(voice(&a.heard).iter().all(|byte| *byte == 2));
    assert!(voice(&b.heard).iter().all(|byte| *byte == 1));
    let (leg_a, said) = (a.leg, u64::from(a.sent));
    let stats = rig.close(leg_a);
    assert!(
        (25..=said).contains(&stats.packets_received) && stats.packets_foreign == 0,
        "{stats:?}"
    );
    assert!(stats.packets_sent >= 25);
    let row = &rig.engine.figures().rows()[0];
    assert!(
        row.received >= 50 && row.sent >= 50 && row.turns > 0 && row.taps_dropped == 0,
        "{row:?}"
    );
    let name = match choice {
        Choice::Epoll => "mio",
        Choice::IoUring => "io-uring",
        Choice::Steered | Choice::Auto => "steered",
    };
    assert_eq!(row.backend, name);
}

/// Calls that live on different workers meet: each hears exactly the other.
#[test]
fn calls_of_two_workers_meet_in_a_room() {
    let dir = tempfile::tempdir().unwrap();
    let config = EngineConfig { workers: Some(2), ..config(Choice::Epoll, 4, &dir) };
    let (engine, events, disk) = start(config).unwrap();
    let mut rig = Rig { engine, events, disk, dir };
    let [mut a, mut b] = [1, 2].map(|n| rig.leg(n, n));
    for leg in [a.leg, b.leg] {
        let membership = Membership::PARTY;
        rig.tell(Command::Join { leg, room: RoomId(1), membership });
    }
    assert!(rig.engine.figures().rows().len() == 2);
    // The codes of two steady levels, of opposite signs.
    let (low, high) = (0x1a, 0x9a);
    let settled = |heard: &[u8], code: u8| {
        heard.len() > 160 * 25 && heard[heard.len() - 1_600..].iter().all(|byte| *byte == code)
    };
    talk(|| {
        a.say(low);
        b.say(high);
        a.listen();
        b.listen();
        settled(&a.heard, high) && settled(&b.heard, low)
    });
    rig.close(a.leg);
    rig.tell(Command::CloseRoom { room: RoomId(1) });
    rig.close(b.leg);
}

/// R8: what a stranger sends to a leg's port is heard by nobody.
fn a_stranger_is_not_heard(choice: Choice) {
    let mut rig = Rig::new(choice, 2);
    let [mut a, mut b] = rig.bridged(1);
    let mut stranger = Peer::new(LegId(99), a.port);
    let mut strange = 0;
    talk(|| {
        a.say(1);
        if a.sent > 5 {
            stranger.say(66);
            strange += 1;
        }
        b.listen();
        let told = |e: Event| matches!(e, Event::ForeignSource { leg, .. } if leg.0 == 2);
        rig.events.try_iter().any(told)
    });
    talk(|| {
        a.say(1);
        b.listen() > 0 && b.heard.len() > 160 * 20
    });
    assert!(strange > 0 && voice(&b.heard).iter().all(|byte| *byte == 1));
    assert!(rig.close(a.leg).packets_foreign > 0);
}

fn fifty_legs_at_once_stay_apart(choice: Choice) {
    let mut rig = Rig::new(choice, 50);
    let mut peers: Vec<Peer> = (0..25).flat_map(|call| rig.bridged(call)).collect();
    let own = |n: usize| 2 + n as u8;
    talk(|| {
        for (n, peer) in peers.iter_mut().enumerate() {
            peer.say(own(n));
            peer.listen();
        }
        peers.iter().all(|peer| peer.heard.len() >= 160 * 15)
    });
    for (n, peer) in peers.iter().enumerate() {
        assert!(voice(&peer.heard).iter().all(|byte| *byte == own(n ^ 1)), "leg {n}");
    }
    for peer in &peers {
        rig.close(peer.leg);
    }
    assert!(rig.engine.roster.is_empty());
}

fn a_prompt_is_heard_and_a_missing_one_is_told(choice: Choice) {
    let dir = tempfile::tempdir().unwrap();
    let samples: Vec<i16> = (0..8_000).map(|n| ((n % 100) * 150 - 7_500) as i16).collect();
    let data: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    let spec = Spec { format: Format::Pcm16, channels: 1, rate_hz: 8_000 };
    std::fs::create_dir(dir.path().join("en")).unwrap();
    let file = [&spec.header(data.len() as u64)[..], &data].concat();
    std::fs::write(dir.path().join("en/hello.wav"), file).unwrap();
    let (clips, faults) = Clips::load(dir.path());
    assert!(faults.is_empty());

    let mut rig = Rig::new(choice, 2);
    rig.engine.set_clips(clips);
    let mut peer = rig.leg(1, 1);
    let play = |name: &str, play: u64| Command::Play {
        leg: LegId(1),
        play: PlayId(play),
        items: vec![Item::Clip(name.into())],
        repeat: false,
        stop_on: DigitSet::NONE,
    };
    let done = |event: &Event| match event {
        Event::PlayDone { play, end, .. } => Some((play.0, end.clone())),
        _ => None,
    };
    rig.tell(play("en/hello", 1));
    assert_eq!(rig.wait(done), (1, PlayEnd::Finished));
    talk(|| {
        peer.listen();
        peer.heard.len() >= 8_000
    });
    let mut expected = vec![0; samples.len()];
    g711::alaw_encode(&samples, &mut expected);
    // The clip's ends are faded; its middle is as it was.
    let middle = &expected[1_000..7_000];
    assert!(peer.heard.windows(middle.len()).any(|heard| heard == middle));

    rig.tell(play("en/hello", 2));
    rig.tell(play("en/gone", 3));
    let (one, other) = (rig.wait(done), rig.wait(done));
    let (stopped, missing) = if one.0 == 2 { (one, other) } else { (other, one) };
    assert_eq!(stopped, (2, PlayEnd::Stopped));
    assert_eq!(missing, (3, PlayEnd::Missing("en/gone".into())));

    // One that is gone does not silence the others of its list.
    let all = ["en/gone", "en/hello"].map(|name| Item::Clip(name.into())).to_vec();
    let (leg, play, stop_on) = (LegId(1), PlayId(4), DigitSet::NONE);
    peer.heard.clear();
    rig.engine.send(Command::Play { leg, play, items: all, repeat: false, stop_on });
    let told = rig.wait(|event| match event {
        Event::ClipMissing { name } => Some(name.clone()),
        _ => None,
    });
    assert_eq!((told.as_str(), rig.wait(done)), ("en/gone", (4, PlayEnd::Finished)));
    talk(|| {
        peer.listen();
        peer.heard.len() >= 8_000
    });
    assert!(peer.heard.windows(middle.len()).any(|heard| heard == middle));
}

/// A leg that is closed takes leave by RTCP (RFC 3550 §6.6).
fn rtcp_comes_from_the_port_above(choice: Choice) {
    let mut rig = Rig::new(choice, 2);
    let [mut a, mut b] = rig.bridged(1);
    // Only who has sent something takes leave (§6.3.7): what the other says is sent to `a`.
    talk(|| {
        a.say(1);
        b.say(2);
        a.listen() > 0
    });
    rig.close(a.leg);
    rig.close(b.leg);
    let mut buf = [0; 1_500];
    let mut report = None;
    talk(|| {
        report = a.rtcp.recv_from(&mut buf).ok();
        report.is_some()
    });
    let (len, from) = report.unwrap();
    assert_eq!(from, SocketAddr::new(a.port.ip(), a.port.port() + 1));
    assert!(len >= 8 && buf[0] >> 6 == 2 && (200..=203).contains(&buf[1]));
}

fn without_a_port_a_leg_is_refused_and_forgotten(choice: Choice) {
    let mut rig = Rig::new(choice, 2);
    let [a, b] = rig.bridged(1);
    rig.tell(Command::Open { leg: LegId(7), group: CallId::new(Wall(1), 9), near: NEAR });
    let refused = |event: &Event| match event {
        Event::OpenFailed { leg, why } => Some((*leg, *why)),
        _ => None,
    };
    assert_eq!(rig.wait(refused), (LegId(7), NoPort::Exhausted));
    rig.tell(Command::Open { leg: a.leg, group: CallId::new(Wall(1), 1), near: NEAR });
    assert_eq!(rig.wait(refused), (a.leg, NoPort::Duplicate));
    rig.close(a.leg);
    rig.close(b.leg);
    rig.engine.flush();
    assert!(rig.engine.roster.is_empty());
}

fn record(
    rig: &mut Rig,
    path: &str,
    format: RecordFormat,
    legs: (LegId, Option<LegId>),
) -> RecordingId {
    let recording = RecordingId(1);
    let open = OpenRecording { recording, path: path.into(), format };
    assert_eq!(rig.engine.open_recording(open), None);
    rig.tell(Command::Record { recording, format, beep: None, left: legs.0, right: legs.1 });
    recording
}

fn a_call_is_recorded_in_two_channels(choice: Choice) {
    let mut rig = Rig::new(choice, 2);
    let [mut a, mut b] = rig.bridged(1);
    let recording = record(&mut rig, "2026/03/09/a.wav", RecordFormat::Alaw, (a.leg, Some(b.leg)));
    talk(|| {
        a.say(1);
        b.say(2);
        a.listen();
        b.listen();
        a.heard.len().min(b.heard.len()) >= 160 * 40
    });
    rig.tell(Command::StopRecord { recording });
    let told = rig.wait(|event| match event {
        Event::RecordStopped { samples, .. } => Some(*samples),
        _ => None,
    });
    let (id, samples, lost) = rig.recording();
    assert!(id == recording && lost == 0 && samples >= told && samples >= 160 * 40);
    let bytes = std::fs::read(rig.dir.path().join("recordings/2026/03/09/a.wav")).unwrap();
    let wav = Wav::parse(&bytes).unwrap();
    assert_eq!(wav.spec, Spec { format: Format::Alaw, channels: 2, rate_hz: 8_000 });
    assert_eq!(wav.data_len(bytes.len() as u64), 2 * samples);
    let frames = || bytes[wav.data_offset..].chunks(2);
    let side = |n: usize| voice(&frames().map(|f| f[n]).collect::<Vec<u8>>());
    assert!(side(0).len() >= 160 * 35 && side(0).iter().all(|byte| *byte == 1));
    assert!(side(1).len() >= 160 * 35 && side(1).iter().all(|byte| *byte == 2));
}

/// Linear samples, read by another program's reader; the engine ends while it records.
fn what_is_recorded_at_the_end_is_whole(choice: Choice) {
    let mut rig = Rig::new(choice, 2);
    let mut a = rig.leg(1, 1);
    record(&mut rig, "a.wav", RecordFormat::Pcm16, (a.leg, None));
    let code = g711::alaw_code(5_000);
    talk(|| {
        a.say(code);
        a.sent >= 20 && rig.engine.figures().rows()[0].received >= 20
    });
    let Rig { engine, disk, dir, .. } = rig;
    engine.stop();
    assert!(matches!(disk.recv_timeout(PATIENCE), Ok(DiskEvent::Closed { lost: 0, .. })));
    let mut reader = hound::WavReader::open(dir.path().join("recordings/a.wav")).unwrap();
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    let loud = samples.chunks(2).filter(|f| f[0] == g711::alaw_sample(code)).count();
    assert!(loud >= 160 * 10 && samples.chunks(2).all(|f| f[1] == 0));
}

/// The leg of a recording was gone before it began: its file is closed all the same.
fn a_recording_of_nobody_ends(choice: Choice) {
    let mut rig = Rig::new(choice, 2);
    let recording = record(&mut rig, "a.wav", RecordFormat::Alaw, (LegId(77), None));
    rig.tell(Command::StopRecord { recording });
    assert_eq!(rig.recording(), (recording, 0, 0));
}

fn its_ports_can_be_opened_again(choice: Choice) {
    let dir = tempfile::tempdir().unwrap();
    let setup = config(choice, 8, &dir);
    for _ in 0..3 {
        let (engine, _events, _disk) = start(setup.clone()).unwrap();
        assert_eq!((engine.taken_ports(), engine.figures().rows()[0].ports), (0, 8));
        engine.stop();
    }
}

#[test]
fn what_is_wrong_at_the_start_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let setup = config(Choice::Auto, 8, &dir);
    let fault = |setup: EngineConfig| start(setup).err().expect("refused").to_string();
    let elsewhere = EngineConfig { addresses: vec![IpAddr::from([192, 0, 2, 1])], ..setup.clone() };
    assert!(fault(elsewhere).contains("192.0.2.1"));
    let narrow = EngineConfig { ports: (20_000, 20_002), ..setup.clone() };
    assert!(fault(narrow).contains("widen"));
    std::fs::write(dir.path().join("recordings"), b"a file, no directory").unwrap();
    assert!(fault(setup).contains("correct [record] dir"));
}

#[test]
fn a_call_lives_on_one_of_several_workers() {
    let dir = tempfile::tempdir().unwrap();
    let setup = EngineConfig { workers: Some(2), ..config(Choice::Auto, 8, &dir) };
    let (engine, events, disk) = start(setup).unwrap();
    let mut rig = Rig { engine, events, disk, dir };
    let mut calls = [rig.bridged(1), rig.bridged(2)];
    for [a, b] in &mut calls {
        talk(|| {
            a.say(1);
            b.listen() > 0 && b.heard.len() >= 160 * 3
        });
    }
    let legs = || rig.engine.figures().rows().iter().map(|r| r.legs).collect::<Vec<_>>();
    talk(|| legs() == [2, 2]);
}

macro_rules! for_all {
    ($($name:ident),* $(,)?) => {
        mod epoll {
            $(#[test] fn $name() { super::$name(super::Choice::Epoll); })*
        }
        // Where the kernel withholds them there is nothing to be tested.
        mod io_uring {
            $(#[test] fn $name() {
                if super::backend::works::<super::backend::Uring>().is_ok() {
                    super::$name(super::Choice::IoUring);
                }
            })*
        }
        mod steered {
            $(#[test] fn $name() {
                if super::backend::works::<super::backend::Steered>().is_ok() {
                    super::$name(super::Choice::Steered);
                }
            })*
        }
    };
}

for_all! {
    two_parties_hear_each_other,
    a_stranger_is_not_heard,
    fifty_legs_at_once_stay_apart,
    a_prompt_is_heard_and_a_missing_one_is_told,
    rtcp_comes_from_the_port_above,
    without_a_port_a_leg_is_refused_and_forgotten,
    a_call_is_recorded_in_two_channels,
    what_is_recorded_at_the_end_is_whole,
    a_recording_of_nobody_ends,
    its_ports_can_be_opened_again,
}
