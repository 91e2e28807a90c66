//! Serial-number arithmetic (RFC 1982) for the counters that wrap: RTP sequence numbers (16 bit)
//! and RTP timestamps (32 bit).

/// Signed distance from `from` to `to` of 16-bit counters: positive when `to` is newer. Exactly
/// half the circle counts as older.
pub const fn diff16(to: u16, from: u16) -> i16 {
    to.wrapping_sub(from) as i16
}

/// Signed distance from `from` to `to` of 32-bit counters: positive when `to` is newer.
pub const fn diff32(to: u32, from: u32) -> i32 {
    to.wrapping_sub(from) as i32
}

/// Extends a wrapping 16-bit counter to 64 bits: the value nearest to `near` whose low bits are
/// `low`. `near` is the last extended value.
pub const fn extend16(low: u16, near: u64) -> u64 {
    near.wrapping_add(diff16(low, near as u16) as i64 as u64)
}

/// Extends a wrapping 32-bit counter to 64 bits, likewise.
pub const fn extend32(low: u32, near: u64) -> u64 {
    near.wrapping_add(diff32(low, near as u32) as i64 as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_both_ways() {
        assert_eq!(diff16(2, 65_535), 3);
        assert_eq!(diff16(65_535, 2), -3);
        assert_eq!(diff32(1, u32::MAX), 2);
        assert_eq!(extend16(1, 0x1_ffff), 0x2_0001);
        assert_eq!(extend16(0xffff, 0x2_0001), 0x1_ffff);
        assert_eq!(extend32(5, 0x1_ffff_ffff), 0x2_0000_0005);
    }
}
