//! A worker's ports: from the address that a datagram was for to its socket, and from a socket to the
//! address that its packets name and the exit that they take.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};

/// One socket's port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Port {
    /// Where it is bound.
    pub(super) at: SocketAddrV4,
    /// Its address's place in [`Ports::addresses`].
    pub(super) exit: usize,
}

/// All ports of one address: the socket of each, plus one; 0: none.
struct Network {
    address: Ipv4Addr,
    sockets: Box<[u32]>,
}

/// See the module.
pub(super) struct Ports {
    ports: Box<[Port]>,
    networks: Vec<Network>,
}

impl Ports {
    /// Those of `sockets`. An error where one is not bound to an address of IPv4.
    pub(super) fn of(sockets: &[UdpSocket]) -> io::Result<Ports> {
        let mut networks: Vec<Network> = Vec::new();
        let mut ports = Vec::with_capacity(sockets.len());
        for (socket, own) in (1..).zip(sockets) {
            let SocketAddr::V4(at) = own.local_addr()? else {
                return Err(io::Error::new(io::ErrorKind::Unsupported, "IPv6 addresses"));
            };
            if at.ip().is_unspecified() {
                let why = "sockets without an address of their own";
                return Err(io::Error::new(io::ErrorKind::Unsupported, why));
            }
            let known = networks.iter().position(|n| n.address == *at.ip());
            let exit = known.unwrap_or_else(|| {
                // Zeroed pages cost no memory until they are written to.
                let sockets = vec![0; 1 << 16].into();
                networks.push(Network { address: *at.ip(), sockets });
                networks.len() - 1
            });
            networks[exit].sockets[usize::from(at.port())] = socket;
            ports.push(Port { at, exit });
        }
        Ok(Ports { ports: ports.into(), networks })
    }

    /// The socket of the port `at`.
    pub(super) fn at(&self, at: SocketAddrV4) -> Option<u32> {
        let network = self.networks.iter().find(|n| n.address == *at.ip())?;
        network.sockets[usize::from(at.port())].checked_sub(1)
    }

    pub(super) fn get(&self, socket: u32) -> Option<Port> {
        self.ports.get(socket as usize).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Port> {
        self.ports.iter()
    }

    /// The different addresses.
    pub(super) fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.networks.iter().map(|network| network.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ip: [u8; 4]) -> UdpSocket {
        UdpSocket::bind((Ipv4Addr::from(ip), 0)).unwrap()
    }

    #[test]
    fn each_port_is_its_sockets_on_its_own_address_alone() {
        let sockets = [at([127, 0, 7, 3]), at([127, 0, 7, 4]), at([127, 0, 7, 3])];
        let ports = Ports::of(&sockets).unwrap();
        let addresses: Vec<_> = sockets.iter().map(|s| s.local_addr().unwrap()).collect();
        for (n, address) in addresses.iter().enumerate() {
            let SocketAddr::V4(address) = *address else { panic!("bound to IPv4") };
            assert_eq!(ports.at(address), Some(n as u32));
            assert_eq!(ports.get(n as u32), Some(Port { at: address, exit: n % 2 }));
            let elsewhere = SocketAddrV4::new([127, 0, 7, 5].into(), address.port());
            assert_eq!(ports.at(elsewhere), None);
        }
        assert_eq!((ports.get(3), ports.addresses().count()), (None, 2));
    }

    #[test]
    fn what_cannot_be_steered_is_refused_by_name() {
        let error = Ports::of(&[at([0; 4])]).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        if let Ok(six) = UdpSocket::bind("[::1]:0") {
            assert!(Ports::of(&[six]).err().unwrap().to_string().contains("IPv6"));
        }
    }
}
