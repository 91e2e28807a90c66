//! Where a gateway by name is, as the DNS says it.

use std::io;

use crate::base::Rng;
use crate::config::{Config, Gateway, SipAddress, Transport};
use crate::net::dns::Resolver;
use crate::sip;
use crate::sip::locate::{Locate, Means, Step};
use crate::switch::{sip_transport, wanted};

/// The best place of a gateway's first hop.
pub(super) fn find(config: &Config, gateway: &Gateway) -> io::Result<SipAddress> {
    let peer = gateway.first_hop();
    let Some(name) = wanted(peer) else {
        return peer.fixed().ok_or_else(|| io::Error::other("it has no place"));
    };
    let listen = || config.sip.listen.iter();
    let means = Means {
        transports: listen().map(|l| sip_transport(l.transport)).collect(),
        v4: listen().any(|l| l.addr.is_ipv4()),
        v6: listen().any(|l| l.addr.is_ipv6()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let servers = config.sip.dns_servers.iter().flatten().map(|server| server.0);
        let resolver = Resolver::new(&servers.collect::<Vec<_>>());
        // Which of equal hosts is drawn does not matter here.
        let mut rng = Rng::from_seed(0);
        let (mut search, mut step) = Locate::new(name, means);
        loop {
            let questions = match step {
                Step::Found { hops, .. } => break first(&hops),
                Step::Nothing { why } => break Err(io::Error::other(why)),
                Step::Ask(questions) => questions,
                Step::Waiting => break Err(io::Error::other("the search has no end")),
            };
            step = Step::Waiting;
            for question in questions {
                let answer = resolver.ask(&question).await;
                step = search.answered(&question, &answer, &mut rng);
            }
        }
    })
}

fn first(hops: &[sip::locate::Hop]) -> io::Result<SipAddress> {
    let hop = hops.first().ok_or_else(|| io::Error::other("it has no place"))?;
    let transport = match hop.transport {
        sip::Transport::Udp => Transport::Udp,
        sip::Transport::Tcp => Transport::Tcp,
        sip::Transport::Tls => Transport::Tls,
        sip::Transport::Ws => Transport::Ws,
        sip::Transport::Wss => Transport::Wss,
    };
    Ok(SipAddress { transport, addr: hop.addr })
}
