//! Loopback addresses that nobody else uses: `127.x.y.n`, x and y by the process, n counted up; those beyond
//! 254 in a second block, far from the next processes' blocks.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

/// Addresses of a block: 1 to 254.
const BLOCK: u32 = 254;
/// Blocks of a process.
const BLOCKS: u32 = 2;

/// An address that no other test has.
pub fn fresh() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(n < BLOCK * BLOCKS, "more than {} addresses in one run", BLOCK * BLOCKS);
    let process = std::process::id();
    // 127.0 and 127.1 are left to whatever else runs on the machine.
    let x = 2 + (process / 250) % 250;
    let y = (process + n / BLOCK * 125) % 250;
    Ipv4Addr::new(127, x as u8, y as u8, (1 + n % BLOCK) as u8)
}
