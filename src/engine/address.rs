//! Socket addresses in the kernel's own bytes (`sockaddr_in`, `sockaddr_in6`), written and read
//! without `unsafe`, for the calls that take them from a place of ours.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Bytes of the longer one, `sockaddr_in6`.
pub const ADDRESS_LEN: usize = 28;
/// Bytes of `sockaddr_in`.
const V4_LEN: usize = 16;

/// A kernel address: what [`write()`] made.
#[derive(Clone, Copy, Debug)]
pub struct RawAddress {
    /// The bytes; only the first `len` count.
    pub bytes: [u8; ADDRESS_LEN],
    /// How many count.
    pub len: u32,
}

impl RawAddress {
    /// No address.
    pub const NONE: RawAddress = RawAddress { bytes: [0; ADDRESS_LEN], len: 0 };
}

/// `addr` as the kernel wants it.
pub fn write(addr: SocketAddr) -> RawAddress {
    let mut raw = RawAddress::NONE;
    raw.bytes[2..4].copy_from_slice(&addr.port().to_be_bytes());
    match addr {
        SocketAddr::V4(v4) => {
            raw.bytes[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
            raw.bytes[4..8].copy_from_slice(&v4.ip().octets());
            raw.len = V4_LEN as u32;
        }
        SocketAddr::V6(v6) => {
            raw.bytes[..2].copy_from_slice(&(libc::AF_INET6 as u16).to_ne_bytes());
            raw.bytes[4..8].copy_from_slice(&v6.flowinfo().to_be_bytes());
            raw.bytes[8..24].copy_from_slice(&v6.ip().octets());
            raw.bytes[24..28].copy_from_slice(&v6.scope_id().to_ne_bytes());
            raw.len = ADDRESS_LEN as u32;
        }
    }
    raw
}

/// What the kernel wrote. `None`: another family, or cut short.
pub fn read(bytes: &[u8]) -> Option<SocketAddr> {
    let word = |at: usize| bytes.get(at..at + 2).and_then(|b| b.try_into().ok());
    let family = i32::from(u16::from_ne_bytes(word(0)?));
    let port = u16::from_be_bytes(word(2)?);
    match family {
        libc::AF_INET => {
            let ip: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
            Some(SocketAddr::new(IpAddr::from(ip), port))
        }
        libc::AF_INET6 => {
            let flow = u32::from_be_bytes(bytes.get(4..8)?.try_into().ok()?);
            let ip: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
            let scope = u32::from_ne_bytes(bytes.get(24..28)?.try_into().ok()?);
            let ip = Ipv6Addr::from(ip);
            Some(SocketAddrV6::new(ip, port, flow, scope).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back() {
        for text in ["192.0.2.7:20000", "[2001:db8::7]:65535", "[fe80::1%3]:1"] {
            let addr: SocketAddr = text.parse().unwrap();
            let raw = write(addr);
            assert_eq!(read(&raw.bytes[..raw.len as usize]), Some(addr));
            assert_eq!(read(&raw.bytes[..7]), None);
        }
        assert_eq!(read(&[0; 28]), None);
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn the_bytes_are_the_kernels() {
        let raw = socket2::SockAddr::from("10.1.2.3:4000".parse::<SocketAddr>().unwrap());
        assert_eq!(raw.len(), write(raw.as_socket().unwrap()).len);
        assert_eq!(raw.len() as usize, V4_LEN);
    }
}
