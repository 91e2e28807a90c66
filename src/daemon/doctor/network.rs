//! Addresses, ports, gateways.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use super::Finding;
use crate::base::Network as Prefix;
use crate::config::{Config, Gateway, Network, SipAddress, Transport};
use crate::engine::pool;
use crate::net::tls::{Material, Tls};
use crate::wire::sip::Message;

/// How long a gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of an answer that are looked at.
const ANSWER: usize = 4_096;

pub(super) fn look(config: &Config, material: &Material, runs: bool) -> Vec<Finding> {
    let mut findings: Vec<_> = config.media_addresses().into_iter().map(address).collect();
    findings.extend(config.networks.iter().map(network));
    if !runs {
        findings.extend(config.listeners().iter().map(|(at, _)| sip_port(at)));
        findings.extend(config.http.listen.map(|at| program_port("[http] listen", at)));
        findings.extend(config.csta.listen.map(|at| program_port("[csta] listen", at)));
        findings.extend(config.media_addresses().into_iter().map(|ip| rtp_ports(config, ip)));
    }
    let gateways = config.gateways.iter();
    findings.extend(gateways.map(|g| {
        let asked = super::names::find(config, g).and_then(|at| ask(config, material, g, at));
        gateway(g.name.as_str(), asked)
    }));
    findings
}

fn address(ip: IpAddr) -> Finding {
    match UdpSocket::bind((ip, 0)) {
        Ok(_) if ip.is_loopback() => Finding::warning(
            "address",
            format!("{ip} is loopback: no phone or gateway of the network reaches it"),
            "write this machine's address in [media] address and [sip] listen",
        ),
        Ok(_) => Finding::ok("address", format!("{ip} is this machine's")),
        Err(error) => Finding::error(
            "address",
            format!("{ip} cannot be used: {error}"),
            "write an address that `ip address` shows in [media] address",
        ),
    }
}

/// Whether the kernel has a way from a network's address to its peers.
fn network(network: &Network) -> Finding {
    let way = |prefix: &&Prefix| {
        let socket = UdpSocket::bind((network.address, 0))?;
        socket.connect((example(prefix), 5060))
    };
    let shown = network.shown();
    let name = network.name.as_str();
    match network.inside.iter().find_map(|prefix| Some((prefix, way(&prefix).err()?))) {
        None if shown == network.address => {
            Finding::ok("network", format!("{name} is met by {shown}"))
        }
        None => Finding::ok(
            "network",
            format!("{name} is met by {}, which is told {shown}", network.address),
        ),
        Some((prefix, error)) => Finding::warning(
            "network",
            format!("{name}: no way from {} to {prefix}: {error}", network.address),
            "add the route (`ip route`), or correct `inside` of this [[network]]",
        ),
    }
}

/// An address inside a prefix that no machine needs to have.
fn example(prefix: &Prefix) -> IpAddr {
    let documentation: [IpAddr; 2] =
        [[192, 0, 2, 1].into(), [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()];
    let fits = documentation.into_iter().find(|ip| prefix.holds(*ip));
    fits.unwrap_or(prefix.first_host())
}

fn sip_port(listener: &SipAddress) -> Finding {
    let opened = match listener.transport {
        Transport::Udp => UdpSocket::bind(listener.addr).map(drop),
        _ => TcpListener::bind(listener.addr).map(drop),
    };
    match opened {
        Ok(()) => Finding::ok("SIP port", format!("{listener} is free")),
        Err(error) => Finding::error(
            "SIP port",
            format!("{listener} cannot be opened: {error}"),
            "end the program that has it (`ss -lnp` names it), or change [sip] listen",
        ),
    }
}

/// Where programs, or browsers, are listened to. Belfry starts without it, and calls go on.
fn program_port(key: &str, at: SocketAddr) -> Finding {
    match TcpListener::bind(at) {
        Ok(_) => Finding::ok("API port", format!("{at} of {key} is free")),
        Err(error) => Finding::warning(
            "API port",
            format!(
                "{at} of {key} cannot be opened: {error}; Belfry starts all the same, and tells of it by the alarm api_shut"
            ),
            format!("end the program that has it (`ss -lntp` names it), or change {key}"),
        ),
    }
}

fn rtp_ports(config: &Config, ip: IpAddr) -> Finding {
    let (first, last) = (config.media.ports.first, config.media.ports.last);
    let wanted = crate::daemon::serve::port_pairs(config);
    match pool::open(ip, first, last, wanted) {
        Ok(opened) if opened.pairs.len() >= wanted => {
            Finding::ok("RTP ports", format!("{wanted} pairs of {first}-{last} on {ip} are free"))
        }
        Ok(opened) => Finding::warning(
            "RTP ports",
            format!("of {wanted} pairs of {first}-{last} on {ip} {} are free", opened.pairs.len()),
            "widen or move [media] ports, or lower [limits] calls",
        ),
        Err(error) => Finding::error("RTP ports", error.to_string(), "see [media] in admin.md"),
    }
}

fn gateway(name: &str, asked: io::Result<(u16, Duration)>) -> Finding {
    match asked {
        Ok((status, after)) => Finding::ok(
            "gateway",
            format!("{name} answers OPTIONS with {status} after {} ms", after.as_millis()),
        ),
        Err(error) => Finding::warning(
            "gateway",
            format!("{name} does not answer OPTIONS: {error}"),
            "look at its address here, at cables and firewall, and whether it knows this machine's address",
        ),
    }
}

/// Asks by OPTIONS (RFC 3261 §11), from a port of its own: what status comes, after how long.
fn ask(
    config: &Config,
    material: &Material,
    who: &Gateway,
    gateway: SipAddress,
) -> io::Result<(u16, Duration)> {
    let begun = Instant::now();
    let own = own_address(config, gateway.addr.ip());
    let mut answer = [0; ANSWER];
    let len = match gateway.transport {
        Transport::Udp => {
            let socket = UdpSocket::bind((own, 0))?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.connect(gateway.addr)?;
            socket.send(options(socket.local_addr()?, gateway).as_bytes())?;
            socket.recv(&mut answer)
        }
        Transport::Tls => ask_over_tls(material, who, gateway, &mut answer),
        _ => {
            let mut stream = TcpStream::connect_timeout(&gateway.addr, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(options(stream.local_addr()?, gateway).as_bytes())?;
            stream.read(&mut answer)
        }
    };
    let len = len.map_err(|error| match error.kind() {
        // A signal ends a wait as well.
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => {
            io::Error::other("nothing came within two seconds")
        }
        _ => error,
    })?;
    let read = Message::parse(&answer[..len]).ok().and_then(|message| message.status());
    let status = read.ok_or_else(|| io::Error::other("what came is no answer of SIP"))?;
    Ok((status, begun.elapsed()))
}

/// As [`ask`], over TLS.
fn ask_over_tls(
    material: &Material,
    who: &Gateway,
    gateway: SipAddress,
    answer: &mut [u8],
) -> io::Result<usize> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let tls = Tls::default();
    tls.renew(material).map_err(io::Error::other)?;
    tls.located(who.name.as_str(), &[gateway.addr]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asked = async {
        let stream = tokio::net::TcpStream::connect(gateway.addr).await?;
        let own = stream.local_addr()?;
        let mut stream = tls.connect(stream, gateway.addr).await.map_err(io::Error::other)?;
        stream.write_all(options(own, gateway).as_bytes()).await?;
        stream.flush().await?;
        stream.read(answer).await
    };
    let limited = async { tokio::time::timeout(PATIENCE, asked).await };
    runtime.block_on(limited).unwrap_or_else(|_| Err(io::ErrorKind::WouldBlock.into()))
}

/// Our address on the gateway's network, else of its family; where a listener has none of its own the
/// kernel chooses.
fn own_address(config: &Config, gateway: IpAddr) -> IpAddr {
    if let Some(network) = config.networks().of(gateway) {
        return network.address;
    }
    let mut own = config.sip.listen.iter().map(|listener| listener.addr.ip());
    own.find(|ip| ip.is_ipv4() == gateway.is_ipv4()).unwrap_or(match gateway {
        IpAddr::V4(_) => IpAddr::from([0; 4]),
        IpAddr::V6(_) => IpAddr::from([0; 16]),
    })
}

fn options(own: SocketAddr, gateway: SipAddress) -> String {
    let transport = crate::switch::sip_transport(gateway.transport).via_name();
    let (port, at, ip) = (own.port(), gateway.addr, own.ip());
    format!(
        "OPTIONS sip:{at} SIP/2.0\r\nVia: SIP/2.0/{transport} {own};branch=z9hG4bKdoctor{port};rport\r\n\
         Max-Forwards: 1\r\nFrom: <sip:doctor@{own}>;tag=doctor{port}\r\nTo: <sip:{at}>\r\n\
         Call-ID: doctor{port}@{ip}\r\nCSeq: 1 OPTIONS\r\nContact: <sip:doctor@{own}>\r\n\
         Accept: application/sdp\r\nContent-Length: 0\r\n\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::doctor::State;

    fn embedded() -> Config {
        Config::embedded()
    }

    /// What the embedded configuration's gateway says, were it at that address.
    fn ask_at(at: SipAddress) -> io::Result<(u16, Duration)> {
        let config = embedded();
        ask(&config, &Material::default(), &config.gateways[0], at)
    }

    #[test]
    fn a_gateway_that_answers_is_told_by_its_status() {
        let there = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        let at = SipAddress { transport: Transport::Udp, addr: there.local_addr().unwrap() };
        let answers = std::thread::spawn(move || {
            let mut asked = [0; ANSWER];
            let (len, from) = there.recv_from(&mut asked).unwrap();
            let asked = Message::parse(&asked[..len]).unwrap();
            asked.check().unwrap();
            let answer = crate::wire::sip::Builder::response_to(&asked, 404, "").build().unwrap();
            there.send_to(answer.bytes(), from).unwrap();
        });
        let (status, _) = ask_at(at).unwrap();
        answers.join().unwrap();
        assert_eq!(status, 404);
    }

    #[test]
    fn one_that_is_not_there_is_a_warning_with_a_reason() {
        let gone = UdpSocket::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        for transport in [Transport::Udp, Transport::Tcp] {
            let found = gateway("e1", ask_at(SipAddress { transport, addr: gone }));
            assert_eq!(found.state, State::Warning);
            assert!(found.found.contains("e1 does not answer"), "{found:?}");
        }
    }

    #[test]
    fn a_port_of_the_api_that_is_taken_is_told_and_keeps_nothing_from_starting() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let at = taken.local_addr().unwrap();
        let found = program_port("[http] listen", at);
        assert!(found.state == State::Warning && found.found.contains("api_shut"), "{found:?}");
        assert!(found.remedy.contains("[http] listen"), "{found:?}");
        drop(taken);
        assert_eq!(program_port("[http] listen", at).state, State::Ok);
    }

    #[test]
    fn addresses_of_others_are_errors_and_loopback_is_told() {
        assert_eq!(address("192.0.2.1".parse().unwrap()).state, State::Error);
        assert_eq!(address("127.0.0.1".parse().unwrap()).state, State::Warning);
    }
}
