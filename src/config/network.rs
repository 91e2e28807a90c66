//! The keys of the networks that Belfry is on, and what must hold between them and the rest.

use core::net::IpAddr;
use std::collections::BTreeMap;

use super::keys::{Media, Sip};
use super::name::Name;
use super::setting::{Reader, section};
use crate::base::Network as Prefix;
use crate::base::networks::{Attachment, Networks};

section! {
    /// A network that Belfry is on, where there are several: agents here, a gateway there, the Internet
    /// behind a router. Each peer is met by one of them and told Belfry's address there, in Via, Contact
    /// and SDP. With any of these written, a listener on `0.0.0.0` or `[::]` is bound to the networks'
    /// addresses alone, and audio uses them unless `[media] address` says otherwise.
    [[network]] struct Network {
        /// Its name, in what `check` and `doctor` say.
        name: Name = required, restart;
        /// Belfry's own address on it: what is bound, and what is sent from.
        address: IpAddr = required, restart;
        /// The address that peers there know Belfry by, where a router stands between that translates
        /// it one to one, ports unchanged. Without it: `address`.
        public: Option<IpAddr> = derived, restart;
        /// The peers that are met by it, such as `["10.0.0.0/8"]`; `["0.0.0.0/0"]` for all others. Of
        /// several networks the one with the longest prefix that holds the peer.
        inside: Vec<Prefix> = required, restart;
    }
}

impl Network {
    /// What peers there are told.
    pub fn shown(&self) -> IpAddr {
        self.public.unwrap_or(self.address)
    }
}

/// As the other floors take them.
pub(super) fn attached(networks: &[Network]) -> Networks {
    let one = |network: &Network| Attachment {
        address: network.address,
        public: network.shown(),
        inside: network.inside.clone(),
    };
    Networks::new(networks.iter().map(one).collect())
}

/// What changed between two configurations and wants a restart. Networks have no order, but are few.
pub(super) fn changed(old: &[Network], new: &[Network]) -> Vec<&'static str> {
    if old.len() != new.len() {
        return vec!["network.address"];
    }
    old.iter().zip(new).flat_map(|(old, new)| old.changed_for_restart(new)).collect()
}

/// Checks them, against each other and against the rest.
pub(super) fn check(
    networks: &[(usize, Network)],
    sip: Option<&Sip>,
    media: Option<&Media>,
    reader: &mut Reader<'_>,
) {
    let mut names = BTreeMap::new();
    let mut prefixes = BTreeMap::new();
    for (nth, network) in networks {
        if let Some(first) = names.insert(&network.name, network.at) {
            let what =
                format!("a network \"{}\" stands in line {} already", network.name, first.line);
            reader.faults.error(
                &reader.place("network", *nth, "name"),
                what,
                "give it another name",
            );
        }
        families(*nth, network, reader);
        for prefix in &network.inside {
            if let Some(other) = prefixes.insert(*prefix, &network.name) {
                let what = format!("{prefix} is inside network \"{other}\" already");
                let remedy = "leave one of them out: a peer is met by one network";
                reader.faults.error(&reader.place("network", *nth, "inside"), what, remedy);
            }
        }
        if let Some(sip) = sip {
            listened(*nth, network, sip, reader);
        }
        if let Some(own) = media.and_then(|media| media.address.as_ref())
            && !own.contains(&network.address)
        {
            let what = format!(
                "[media] address has no {}: peers of network \"{}\" would be sent audio from another",
                network.address, network.name
            );
            let remedy = format!("write it there too, or leave {} out", "[media] address");
            reader.faults.error(&reader.place("network", *nth, "address"), what, remedy);
        }
    }
    if let (Some(sip), false) = (sip, networks.is_empty())
        && sip.advertise.is_some()
    {
        let what = "`advertise` is for one network, and there is a [[network]]";
        let remedy = "leave it out, and write `public` in the [[network]] that it is for";
        reader.faults.error(&reader.place("sip", 0, "advertise"), what, remedy);
    }
}

/// All its addresses are of one family: who is met by IPv6 cannot be sent to from an IPv4 address.
fn families(nth: usize, network: &Network, reader: &mut Reader<'_>) {
    let name = |v4: bool| if v4 { "IPv4" } else { "IPv6" };
    let own = network.address.is_ipv4();
    if let Some(public) = network.public.filter(|public| public.is_ipv4() != own) {
        let what = format!("{public} is {}, and `address` is {}", name(!own), name(own));
        let remedy = "write an address of the same family, or a [[network]] for each";
        reader.faults.error(&reader.place("network", nth, "public"), what, remedy);
    }
    if let Some(prefix) = network.inside.iter().find(|prefix| prefix.is_ipv4() != own) {
        let what = format!("{prefix} is {}, and `address` is {}", name(!own), name(own));
        let remedy = format!("write another [[network]] with an {} address", name(!own));
        reader.faults.error(&reader.place("network", nth, "inside"), what, remedy);
    }
    if network.inside.is_empty() {
        let what = "nobody is met by this network";
        let remedy = "write the networks of its peers, such as `inside = [\"10.0.0.0/8\"]`";
        reader.faults.error(&reader.place("network", nth, "inside"), what, remedy);
    }
}

/// SIP is answered at its address.
fn listened(nth: usize, network: &Network, sip: &Sip, reader: &mut Reader<'_>) {
    let own = network.address;
    let answers = |at: IpAddr| at == own || at.is_unspecified() && at.is_ipv4() == own.is_ipv4();
    if !sip.listen.iter().any(|listener| answers(listener.addr.ip())) {
        let what = format!("nothing in [sip] listen answers at {own}");
        let any = if own.is_ipv4() { "udp:0.0.0.0:5060" } else { "udp:[::]:5060" };
        let remedy = format!("add \"{any}\" there, or the address itself");
        reader.faults.error(&reader.place("network", nth, "address"), what, remedy);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    const TWO: &str = "[[network]]\nname = \"lan\"\naddress = \"192.168.1.5\"\ninside = \
                       \"192.168.0.0/16\"\n[[network]]\nname = \"internet\"\naddress = \
                       \"10.0.0.5\"\npublic = \"203.0.113.7\"\ninside = \"0.0.0.0/0\"\n";

    fn faults(text: &str) -> Vec<(u32, String)> {
        let faults = Config::parse(text).err().unwrap_or_default();
        faults.into_iter().map(|fault| (fault.line, fault.what)).collect()
    }

    #[track_caller]
    fn one_fault(text: &str, line: u32, says: &str) {
        let found = faults(text);
        let [(at, what)] = &found[..] else { panic!("{found:?}") };
        assert!(*at == line && what.contains(says), "{found:?}");
    }

    #[test]
    fn a_listener_on_all_addresses_is_bound_to_the_networks() {
        let more =
            "[[network]]\nname = \"near\"\naddress = \"10.0.0.5\"\ninside = \"10.0.0.0/24\"\n";
        let listen = "[sip]\nlisten = [\"udp:0.0.0.0:5060\", \"tcp:10.0.0.5:5062\", \"udp:[::]:5060\"]\n\
                      [media]\naddress = [\"10.0.0.5\", \"192.168.1.5\", \"2001:db8::5\"]\n";
        let (config, _) = Config::parse(&format!("{listen}{TWO}{more}")).expect("no fault");
        let bound: Vec<_> =
            config.listeners().iter().map(|(at, shown)| format!("{at} as {shown}")).collect();
        assert_eq!(
            bound,
            [
                "udp:192.168.1.5:5060 as 192.168.1.5",
                "udp:10.0.0.5:5060 as 10.0.0.5",
                "tcp:10.0.0.5:5062 as 10.0.0.5",
                // No network is in IPv6.
                "udp:[::]:5060 as 2001:db8::5",
            ]
        );
        let networks = config.networks();
        let peer = "198.51.100.1".parse().expect("an address");
        let own = networks.of(peer).expect("a network").address;
        assert_eq!(networks.shown(own, peer).to_string(), "203.0.113.7");
        assert_eq!(config.domain(), "10.0.0.5", "the first of [media] of the listener's family");
    }

    #[test]
    fn audio_uses_the_networks_addresses_unless_others_are_written() {
        let (config, _) = Config::parse(TWO).expect("no [media] address is wanted");
        let own: Vec<_> = config.media_addresses().iter().map(ToString::to_string).collect();
        assert_eq!(own, ["192.168.1.5", "10.0.0.5"]);
        one_fault(&format!("{TWO}[media]\naddress = \"10.0.0.5\"\n"), 3, "has no 192.168.1.5");
        one_fault("[sip]\nlisten = \"udp:0.0.0.0\"\n", 1, "SIP listens on all addresses");
    }

    #[test]
    fn what_does_not_fit_together_is_told_where_it_stands() {
        let twice = TWO.replace("internet", "lan");
        one_fault(&twice, 6, "stands in line 1 already");
        let overlap = TWO.replace("0.0.0.0/0", "192.168.0.0/16");
        one_fault(&overlap, 9, "192.168.0.0/16 is inside network \"lan\" already");
        let other = TWO.replace("203.0.113.7", "2001:db8::7");
        one_fault(&other, 8, "2001:db8::7 is IPv6, and `address` is IPv4");
        one_fault(&TWO.replace("0.0.0.0/0", "::/0"), 9, "::/0 is IPv6");
        one_fault(&TWO.replace("\"0.0.0.0/0\"", "[]"), 9, "nobody is met");
        let elsewhere = format!("[sip]\nlisten = [\"udp:192.168.1.5\", \"udp:[::]\"]\n{TWO}");
        one_fault(&elsewhere, 9, "nothing in [sip] listen answers at 10.0.0.5");
        let advertised = format!("[sip]\nadvertise = \"203.0.113.7\"\n{TWO}");
        one_fault(&advertised, 2, "`advertise` is for one network");
        one_fault(
            "[[network]]\nname = \"a\"\naddress = \"0.0.0.0\"\ninside = \"10.0.0.0/8\"\n",
            3,
            "names no machine",
        );
    }

    #[test]
    fn networks_change_at_a_restart() {
        let config = |text: &str| Config::parse(text).expect("no fault").0;
        let (old, moved) = (config(TWO), TWO.replace("203.0.113.7", "203.0.113.8"));
        assert_eq!(old.needs_restart(&config(&moved)), ["network.public"]);
        let lower = format!("\n\n{TWO}");
        assert_eq!(old.needs_restart(&config(&lower)), Vec::<&str>::new(), "lines do not count");
        let without = config("[media]\naddress = \"10.0.0.5\"\n");
        assert_eq!(old.needs_restart(&without), ["media.address", "network.address"]);
    }
}
