//! Who is heard: every message that comes in from outside passes here first (R29). What a source may do
//! is `access`'s to say; here it is asked, and its word put in force.
//!
//! ```text
//!  message ─▶ gateway, [fort] allow, a call in being? ── yes ────────────────▶ agent
//!               │ no
//!               ▼
//!             banned? ── but for calls for help, and in a ban until proven answers to a challenge ─▶ dropped
//!               │ no
//!               ▼
//!             too many? scanner? ─▶ dropped, maybe banned ─▶ Output::Gate, the sockets drop it
//!               │ no                                          before it is parsed
//!               ▼
//!             logged in lately? ── yes ──────────────────────────────────────▶ agent
//!               │ no
//!               └─▶ [fort] strangers: challenge ─▶ agent, 401 │ 403 │ nothing
//! ```
//!
//! A right password ends a ban that was not ordered.

use std::net::{IpAddr, SocketAddr};

use crate::access::bans::{Ban, Strength};
use crate::access::sources::{Home, Terms, Why};
use crate::access::{Deed, Judgement, Sources};
use crate::base::{Duration, Network, Now, Source, Time};
use crate::config::{Config, Strangers};
use crate::sip::digest::Role;
use crate::sip::registrar::{Binding, Registrar};
use crate::sip::{Flow, Transport, scanner};
use crate::wire::sip::{Message, Method};

use super::arrival::user;
use super::console::{BanRow, Reply};
use super::fact::FactKind;
use super::io::Gate;
use super::sparing::and_more;
use super::{Level, Output, Switch};

/// A ban by order of the console that names no time.
const BY_ORDER: Duration = Duration::from_secs(24 * 3_600);
/// For so long the sockets drop unread what comes of a source whose flood of datagrams may be forged.
const HUSH: Duration = Duration::from_secs(2);

impl Switch {
    /// Puts a configuration's part of it in force. Nobody is counted who is a gateway, or its proxy, or in
    /// a network that the configuration allows.
    pub(super) fn configure_fort(&mut self, now: Now) {
        let gateways = self.gateways.iter().flat_map(|gateway| gateway.hops.addresses());
        let peers = gateways.chain(self.recorder_addresses());
        let only: Vec<Network> = peers.map(|at| Network::only(at.ip())).collect();
        let before = core::mem::take(&mut self.known);
        self.known = self.config.fort.allow.iter().copied().chain(only).collect();
        let peers: Vec<SocketAddr> =
            self.gateways.iter().flat_map(|gateway| gateway.hops.addresses()).collect();
        if self.peers != peers {
            self.peers.clone_from(&peers);
            self.out.push_back(Output::Gate(Gate::Peers(peers)));
        }
        let urgent: Vec<String> = self.config.urgent().map(str::to_owned).collect();
        if self.urgent != urgent {
            self.urgent.clone_from(&urgent);
            self.out.push_back(Output::Gate(Gate::Urgent(urgent)));
        }
        let free: Vec<Source> =
            self.bans.all(now.at).map(|(source, _)| source).filter(|s| self.holds(*s)).collect();
        for source in free {
            self.set_free(now, source);
        }
        if self.known != before {
            self.out.push_back(Output::Gate(Gate::Allow(self.known.clone())));
        }
    }

    /// Whether nobody counts what comes from there.
    fn is_known(&self, flow: Flow) -> bool {
        let address = flow.remote.ip();
        self.known.iter().any(|network| network.holds(address))
            || self.gateways.identify(flow.remote).is_some()
    }

    /// Whether it is a gateway's, of a known network, or of an address from which a phone has logged in.
    pub(super) fn is_heard_of(&mut self, now: Now, flow: Flow) -> bool {
        self.is_known(flow) || self.sources.is_proven(now.at, Source::of(flow.remote.ip()))
    }

    fn holds(&self, source: Source) -> bool {
        self.known.iter().any(|network| source.is_in(network))
    }

    /// Whether a message goes on to the agent.
    pub(super) fn passes(&mut self, now: Now, flow: Flow, message: &Message) -> bool {
        // Nobody guesses the tag of a call in being: it is not held back whatever else comes from there.
        if self.is_known(flow) || self.agent.is_of_a_call(message) {
            return true;
        }
        let source = Source::of(flow.remote.ip());
        let within = is_within(message);
        let urgent = !within && self.is_urgent(message);
        if let Some(ban) = self.bans.of(now.at, source)
            && !self.passes_ban(now, flow, message, urgent, &ban)
        {
            return false;
        }
        let deed = match message.method() {
            _ if within => Deed::Within,
            _ if urgent => Deed::Emergency,
            Method::Register => Deed::Register,
            _ => Deed::Request,
        };
        if !self.judge(now, flow, deed) {
            return false;
        }
        if !message.is_request() || *message.method() == Method::Ack {
            return true;
        }
        let signatures = self.config.fort.scanners.iter().map(|words| words.as_str());
        if !urgent && scanner::is_named(message, signatures) {
            return self.judge(now, flow, Deed::Scanner);
        }
        if self.sources.is_proven(now.at, source) || self.calls_our_contact(message) {
            return true;
        }
        match self.config.fort.strangers {
            Strangers::Challenge => true,
            policy => {
                if self.challenged(now, flow, message) && policy == Strangers::Refuse {
                    self.agent.turn_away(flow, message, 403);
                }
                false
            }
        }
    }

    /// Whether a message of a banned source is heard all the same.
    fn passes_ban(
        &mut self,
        now: Now,
        flow: Flow,
        message: &Message,
        urgent: bool,
        ban: &Ban,
    ) -> bool {
        let address = flow.remote.ip();
        match ban.strength {
            _ if urgent => ban.why != Why::Operator,
            Strength::Full => false,
            Strength::UntilProven => {
                flow.transport != Transport::Udp
                    || self.verifier.is_answer(address, message, Role::Server)
                    || self.sources.is_asked_again(now.at, Source::of(address))
            }
        }
    }

    /// Whether nothing is heard from there.
    fn is_banned(&self, now: Now, source: Source) -> bool {
        self.bans.of(now.at, source).is_some()
    }

    /// Whether it calls an emergency number of the configuration or the care line, or reports to that.
    fn is_urgent(&self, message: &Message) -> bool {
        let to = || message.uri().ok().as_ref().and_then(user).unwrap_or_default();
        matches!(message.method(), Method::Invite | Method::Message) && self.config.is_urgent(&to())
    }

    /// Whether something that is no message is worth an answer.
    pub(super) fn passes_malformed(&mut self, now: Now, flow: Flow) -> bool {
        !self.is_banned(now, Source::of(flow.remote.ip())) && self.judge(now, flow, Deed::Malformed)
    }

    /// What a deed earns its source; `false`: it is dropped.
    pub(super) fn judge(&mut self, now: Now, flow: Flow, deed: Deed) -> bool {
        if self.is_known(flow) {
            return true;
        }
        let source = Source::of(flow.remote.ip());
        let forgeable = flow.transport == Transport::Udp;
        let terms = terms(&self.config);
        let judgement = self.sources.heard(now.at, source, deed, forgeable, &terms);
        self.enforce(now, source, judgement)
    }

    /// A request is answered with a challenge, or not at all as [fort] says; `false`: it were too many. By
    /// OPTIONS phones keep their way through a NAT open, and never log in.
    pub(super) fn challenged(&mut self, now: Now, flow: Flow, request: &Message) -> bool {
        *request.method() == Method::Options
            || self.is_banned(now, Source::of(flow.remote.ip()))
            || self.judge(now, flow, Deed::Challenged)
    }

    /// For a password that came from there.
    pub(super) fn trial(&self, now: Now, flow: Flow) -> Trial {
        let source = Source::of(flow.remote.ip());
        let (known, banned) = (self.is_known(flow), self.is_banned(now, source));
        Trial { at: now.at, source, known, banned }
    }

    /// A wrong password of `user` came from there.
    pub(super) fn guessed(&mut self, now: Now, flow: Flow, user: &str) {
        if self.is_known(flow) {
            return;
        }
        let source = Source::of(flow.remote.ip());
        let banned = self.bans.of(now.at, source).is_some_and(|b| b.strength == Strength::Full);
        let terms = terms(&self.config);
        let judgement = self.sources.wrong_password(now.at, source, user, banned, &terms);
        self.enforce(now, source, judgement);
    }

    /// Puts a judgement in force; `false`: what it was about is dropped.
    fn enforce(&mut self, now: Now, source: Source, judgement: Judgement) -> bool {
        match judgement {
            Judgement::Pass => true,
            Judgement::Drop => false,
            Judgement::Hush => {
                self.out.push_back(Output::Gate(Gate::Hush(source, HUSH)));
                if let Some(others) = self.floods.may(now.at) {
                    let text = format!(
                        "{source}: a flood of datagrams, dropped unread for {} s at a time{}",
                        HUSH.as_secs(),
                        and_more(others)
                    );
                    self.log(Level::Warning, text);
                }
                false
            }
            Judgement::Ban(why, strength) => {
                let stands = self.bans.of(now.at, source).map(|ban| ban.strength);
                if stands.is_none_or(|own| own != strength && strength == Strength::Full) {
                    self.ban(now, source, why, strength);
                }
                false
            }
        }
    }

    /// A password from there was right.
    pub(super) fn logged_in(&mut self, now: Now, flow: Flow) {
        if self.is_known(flow) {
            return;
        }
        let source = Source::of(flow.remote.ip());
        if self.bans.of(now.at, source).is_some_and(|ban| ban.why != Why::Operator) {
            self.set_free(now, source);
        }
        self.sources.logged_in(now.at, source);
    }

    fn ban(&mut self, now: Now, source: Source, why: Why, strength: Strength) {
        let (first, longest) = (self.config.fort.ban, self.config.fort.longest_ban);
        let (time, gone) = self.bans.ban(now.at, source, (why, strength), first, longest);
        self.put_in_force(now, source, time, strength, gone);
        // A crowd of them is few records.
        if self.admission.is_written(now.at) {
            self.banned(now, source, why, time);
        }
    }

    fn put_in_force(
        &mut self,
        now: Now,
        source: Source,
        time: Duration,
        strength: Strength,
        gone: Option<Source>,
    ) {
        self.sources.forget(now.at, source);
        if let Some(gone) = gone {
            self.out.push_back(Output::Gate(Gate::Unban(gone)));
        }
        if strength == Strength::Full {
            self.out.push_back(Output::Gate(Gate::Ban(source, time)));
        }
    }

    fn banned(&mut self, now: Now, source: Source, why: Why, time: Duration) {
        let (seconds, why) = (time.as_secs(), why.as_str());
        self.log(Level::Warning, format!("{source} is banned for {seconds} s: {why}"));
        let (source, why) = (source.to_string(), why.to_owned());
        self.fact(now, FactKind::SourceBanned { source, why, seconds });
    }

    fn set_free(&mut self, now: Now, source: Source) -> bool {
        let was = self.bans.unban(now.at, source);
        self.sources.forget(now.at, source);
        if was {
            self.out.push_back(Output::Gate(Gate::Unban(source)));
            self.log(Level::Info, format!("{source} is not banned any more"));
            self.fact(now, FactKind::SourceFreed { source: source.to_string() });
        }
        was
    }

    /// An operator bans an address.
    pub(super) fn ban_order(&mut self, now: Now, address: IpAddr, minutes: Option<u32>) -> Reply {
        let source = Source::of(address);
        if self.holds(source) || self.known.iter().any(|network| network.holds(address)) {
            let why = format!("{source} is a gateway's, or in [fort] allow: it cannot be banned");
            return Reply::Refused(why);
        }
        let time = minutes.map_or(BY_ORDER, |n| Duration::from_secs(u64::from(n) * 60));
        let gone = self.bans.order(now.at, source, time);
        self.put_in_force(now, source, time, Strength::Full, gone);
        self.banned(now, source, Why::Operator, time);
        Reply::Done(format!("{source} is banned for {} min", time.as_secs() / 60))
    }

    /// An operator sets an address free, or all.
    pub(super) fn unban_order(&mut self, now: Now, address: Option<IpAddr>) -> Reply {
        let sources: Vec<Source> = match address {
            Some(address) => vec![Source::of(address)],
            None => self.bans.all(now.at).map(|(source, _)| source).collect(),
        };
        let freed = sources.iter().filter(|source| self.set_free(now, **source)).count();
        match (address, freed) {
            (Some(address), 0) => Reply::Refused(format!(
                "{} is not banned; 'show bans' lists who is",
                Source::of(address)
            )),
            (Some(address), _) => Reply::Done(format!("{} is heard again", Source::of(address))),
            (None, freed) => Reply::Done(format!("{freed} are heard again")),
        }
    }

    /// Who is banned, as the console shows it.
    pub(super) fn ban_rows(&self, now: Now) -> Vec<BanRow> {
        let row = |(source, ban): (Source, Ban)| BanRow {
            source: source.to_string(),
            why: ban.why.as_str().into(),
            nth: ban.nth,
            left_s: ban.until.since(now.at).as_secs(),
        };
        self.bans.all(now.at).map(row).collect()
    }

    /// Whether it is for a contact that we registered with a provider, which may call from anywhere.
    fn calls_our_contact(&self, request: &Message) -> bool {
        let to = request.uri().ok().as_ref().and_then(user).unwrap_or_default();
        self.registering.by_contact(&to).is_some()
    }
}

/// Where a password comes from that is to be looked at.
#[derive(Clone, Copy)]
pub(super) struct Trial {
    at: Time,
    source: Source,
    known: bool,
    banned: bool,
}

impl Trial {
    /// Whether a password of `user` is worth a look.
    pub(super) fn is_held(
        self,
        sources: &mut Sources,
        registrar: &Registrar,
        config: &Config,
        user: &str,
    ) -> bool {
        let Trial { at, source, known, banned } = self;
        let here = |binding: &&Binding| Source::of(binding.flow.remote.ip()) == source;
        let home = || match registrar.lookup(at, user).iter().any(here) {
            true => Home::Here,
            false => Home::Elsewhere,
        };
        known || sources.may_try(at, source, user, home, banned, &terms(config))
    }
}

/// A response, or a request that names a dialog.
fn is_within(message: &Message) -> bool {
    !message.is_request()
        || *message.method() == Method::Ack
        || message.to().is_ok_and(|to| to.tag().is_some())
}

fn terms(config: &Config) -> Terms {
    let fort = &config.fort;
    Terms {
        requests: fort.requests,
        registrations: fort.registrations,
        failures: fort.failures,
        unanswered: fort.unanswered,
        malformed: fort.malformed,
        window: fort.window,
    }
}
