//! What SRTP costs a packet: `cargo bench --bench srtp`.
//!
//! Nanoseconds for one packet of 20 ms of G.711, 172 bytes, the least of many short runs: what else the
//! machine does can only add to them.

#![allow(clippy::disallowed_methods, reason = "a bench owns its clock")]

use std::hint::black_box;
use std::io::{self, Write};
use std::time::Instant;

use belfry::base::Time;
use belfry::media::srtp::{Keys, Srtp};
use belfry::wire::rtp::{HEADER_LEN, Header, write_header};
use belfry::wire::srtp::{KeySource, MOST_TAIL, SessionKeys, Suite};

const PACKET: usize = 172;
const RUNS: usize = 400;
/// Packets of a run.
const PACKETS: usize = 200;

/// Nanoseconds of one call: the least of all runs.
fn least(mut work: impl FnMut()) -> f64 {
    let runs = (0..RUNS).map(|_| {
        let start = Instant::now();
        (0..PACKETS).for_each(|_| work());
        start.elapsed().as_nanos() as f64 / PACKETS as f64
    });
    runs.fold(f64::INFINITY, f64::min)
}

fn packet(sequence: u16) -> [u8; PACKET + MOST_TAIL] {
    let mut bytes = [0x55; PACKET + MOST_TAIL];
    let head: &mut [u8; HEADER_LEN] = bytes.first_chunk_mut().expect("longer than a header");
    let header = Header { marker: false, payload_type: 8, sequence, timestamp: 0, ssrc: 1 };
    write_header(head, header);
    bytes
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{:26}{:>8}{:>8}{:>10}{:>10}", "ns", "seal", "open", "forged", "keys")?;
    for suite in Suite::ALL {
        let mut source = KeySource::from_seed([1; 32]);
        let (one, other) = (source.next(suite), source.next(suite));
        let mut peer = Srtp::new(Keys { send: one.clone(), receive: other.clone() });
        let mut leg = Srtp::new(Keys { send: other.clone(), receive: one });
        let mut sequence = 0u16;
        let mut sealed = Vec::with_capacity(RUNS * PACKETS);
        let seal = least(|| {
            let mut bytes = packet(sequence);
            sequence = sequence.wrapping_add(1);
            let len = peer.send(&mut bytes, PACKET).expect("a new number");
            sealed.push((bytes, len));
        });
        let mut packets = sealed.iter().copied();
        let open = least(|| {
            let (mut bytes, len) = packets.next().expect("as many as were sealed");
            black_box(leg.receive(Time::ZERO, &mut bytes[..len]).expect("sealed by its peer"));
        });
        let forged = least(|| {
            let mut bytes = packet(sequence);
            black_box(leg.receive(Time::ZERO, &mut bytes[..PACKET + 16]).is_err());
        });
        let keys = least(|| drop(black_box(SessionKeys::new(&other))));
        writeln!(out, "{:26}{seal:>8.0}{open:>8.0}{forged:>10.0}{keys:>10.0}", suite.name())?;
    }
    Ok(())
}
