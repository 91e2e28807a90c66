//! What encryption costs the disk thread for a piece of a recording: `cargo bench --bench recording`.
//!
//! Microseconds for one piece of 16 kB (1.02 s of A-law in two channels), the least of many short runs: what else
//! the machine does can only add to them. Written to a file in the directory for temporary files, as the disk thread
//! does it, plain and encrypted; and how that compares.

#![allow(clippy::disallowed_methods, reason = "a bench owns its clock and files")]

use std::hint::black_box;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::time::Instant;

use belfry::record::envelope::{
    CHUNK, Content, FileKey, Keyring, NONCE, Nonces, RANDOM, offset, written,
};

const RUNS: usize = 200;
/// Pieces of a run: 1 MB, which stays in the page cache.
const PIECES: u64 = 64;

/// Microseconds of one call: the least of all runs.
fn least(mut work: impl FnMut(u64)) -> f64 {
    let runs = (0..RUNS).map(|_| {
        let start = Instant::now();
        (0..PIECES).for_each(&mut work);
        start.elapsed().as_nanos() as f64 / PIECES as f64 / 1_000.0
    });
    runs.fold(f64::INFINITY, f64::min)
}

fn main() -> io::Result<()> {
    let file = tempfile::tempfile()?;
    let piece: Vec<u8> = (0..CHUNK).map(|n| (n * n / 7) as u8).collect();
    let key: [u8; 32] = core::array::from_fn(|at| at as u8);
    let ring = Keyring::parse(&written(&key)).map_err(io::Error::other)?;
    let random = core::array::from_fn::<u8, RANDOM, _>(|at| at as u8);
    let (key, _) = FileKey::new(&ring, Content::Wav, &random).map_err(io::Error::other)?;
    let mut nonces = Nonces::new([1; 8]);
    let mut record = vec![0; NONCE];
    let mut seal = |nth: u64| {
        record.truncate(NONCE);
        record.extend_from_slice(&piece);
        key.seal(nth, false, &mut nonces, &mut record).expect("a nonce is left");
        black_box(&record).len()
    };
    let sealed = least(|nth| {
        black_box(seal(nth));
    });
    let plain = least(|nth| file.write_all_at(&piece, nth * CHUNK as u64).expect("written"));
    let mut nonces = Nonces::new([2; 8]);
    let mut record = vec![0; NONCE];
    let both = least(|nth| {
        record.truncate(NONCE);
        record.extend_from_slice(&piece);
        key.seal(nth, false, &mut nonces, &mut record).expect("a nonce is left");
        file.write_all_at(&record, offset(nth)).expect("written");
    });
    let mut out = io::stdout().lock();
    writeln!(out, "{:34}{:>8}", "a piece of 16 kB", "µs")?;
    writeln!(out, "{:34}{sealed:>8.2}", "encrypted in memory")?;
    writeln!(out, "{:34}{plain:>8.2}", "written plain")?;
    writeln!(out, "{:34}{both:>8.2}", "encrypted and written")?;
    writeln!(out, "{:34}{:>8.2}", "times the plain one", both / plain)
}
