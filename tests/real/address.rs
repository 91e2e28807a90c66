//! Loopback addresses that nobody else uses: `127.x.y.n`, x and y by the process, n counted up.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU8, Ordering};

/// An address that no other test has.
pub fn fresh() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(n < 255, "more than 254 addresses in one run");
    let process = std::process::id();
    // 127.0 and 127.1 are left to whatever else runs on the machine.
    let x = 2 + (process / 250) % 250;
    let y = process % 250;
    Ipv4Addr::new(127, x as u8, y as u8, n)
}
