//! Checks that need more than one key: the same thing twice, things that exclude each other,
//! things too small for each other.

use std::collections::BTreeMap;

use super::acd::{Acd, Agent, Centre, Queue, Team, WrapUp};
use super::address::Transport;
use super::alarm::{self, Alarm};
use super::campaign::{self, Campaign};
use super::care::{Care, CheckIn, Guard, Heartbeat, Receiver};
use super::care_call::{self, CareCall};
use super::choice::Srtp;
use super::fort::Fort;
use super::http::{self, Csta, Http, Token};
use super::keys::{
    Certificate, Console, Dialplan, FeatureCodes, Gateway, Limits, Log, Media, Node, Phone, Record,
    Sip, Store, Tls,
};
use super::mail::{self, Mail};
use super::mobile::mobiles;
use super::name::FeatureCode;
use super::network::{self, Network};
use super::plan::{self, Plan, PlanStep, Resource};
use super::quality::{self, ScoreForm, ScoreQuestion};
use super::recorder::{self, Recorder};
use super::report::{self, Report};
use super::setting::Reader;
use super::telemetry::Telemetry;
use super::trace::Trace;
use super::trunk::{Numbers, Trunk};
use super::webhook::{self, Webhook};

/// The sections as far as they could be read; a refused one is `None`, and what depends on it is
/// not checked, so that one fault is not reported as two.
pub(super) struct Draft {
    pub(super) node: Option<Node>,
    pub(super) sip: Option<Sip>,
    pub(super) tls: Option<Tls>,
    /// As `gateways`.
    pub(super) certificates: Vec<(usize, Certificate)>,
    pub(super) networks: Vec<(usize, Network)>,
    pub(super) media: Option<Media>,
    /// With their place in the text's order: a refused one leaves a gap.
    pub(super) gateways: Vec<(usize, Gateway)>,
    pub(super) trunks: Vec<(usize, Trunk)>,
    pub(super) trace: Option<Trace>,
    pub(super) numbers: Option<Numbers>,
    pub(super) phones: Vec<(usize, Phone)>,
    pub(super) acd: Option<Acd>,
    pub(super) care: Option<Care>,
    pub(super) receiver: Option<Receiver>,
    pub(super) check_in: Option<CheckIn>,
    pub(super) guard: Option<Guard>,
    pub(super) heartbeats: Vec<(usize, Heartbeat)>,
    pub(super) care_calls: Vec<(usize, CareCall)>,
    pub(super) campaigns: Vec<(usize, Campaign)>,
    pub(super) reports: Vec<(usize, Report)>,
    pub(super) resources: Vec<(usize, Resource)>,
    pub(super) plans: Vec<(usize, Plan)>,
    pub(super) plan_steps: Vec<(usize, PlanStep)>,
    pub(super) agents: Vec<(usize, Agent)>,
    pub(super) teams: Vec<(usize, Team)>,
    pub(super) queues: Vec<(usize, Queue)>,
    pub(super) wrap_ups: Vec<(usize, WrapUp)>,
    pub(super) score_forms: Vec<(usize, ScoreForm)>,
    pub(super) score_questions: Vec<(usize, ScoreQuestion)>,
    pub(super) dialplan: Option<Dialplan>,
    pub(super) record: Option<Record>,
    pub(super) recorders: Vec<(usize, Recorder)>,
    pub(super) store: Option<Store>,
    pub(super) http: Option<Http>,
    pub(super) csta: Option<Csta>,
    pub(super) tokens: Vec<(usize, Token)>,
    pub(super) webhooks: Vec<(usize, Webhook)>,
    pub(super) alarm: Option<Alarm>,
    pub(super) mail: Option<Mail>,
    pub(super) console: Option<Console>,
    pub(super) log: Option<Log>,
    pub(super) telemetry: Option<Telemetry>,
    pub(super) limits: Option<Limits>,
    pub(super) fort: Option<Fort>,
    pub(super) feature_codes: Option<FeatureCodes>,
}

/// Runs all of them.
pub(super) fn check(draft: &Draft, reader: &mut Reader<'_>) {
    if let Some(sip) = &draft.sip {
        listeners(sip, reader);
        certificates(sip, &draft.certificates, reader);
        expiries(sip, reader);
        if let Some(media) = &draft.media {
            media_address(sip, media, draft, reader);
            media_ports(sip, media, reader);
        }
    }
    network::check(&draft.networks, draft.sip.as_ref(), draft.media.as_ref(), reader);
    if let Some(media) = &draft.media {
        enough_ports(media, draft, reader);
    }
    bans(draft.fort.as_ref(), reader);
    gateways(&draft.gateways, reader);
    trunks(&draft.trunks, &draft.gateways, reader);
    if let Some(record) = &draft.record {
        recording_keys(record, reader);
        if let Some(store) = &draft.store {
            records_of_recordings(record, store, reader);
        }
    }
    recorder::check(&draft.recorders, draft.record.as_ref(), &draft.phones, reader);
    phones(&draft.phones, reader);
    mobiles(draft, reader);
    let Draft { agents, queues, teams, wrap_ups, .. } = draft;
    super::acd::check(&Centre { agents, queues, teams, wrap_ups }, reader);
    care_call::check(&draft.care_calls, reader);
    campaign::check(draft, reader);
    report::check(draft, reader);
    let mails = draft.mail.as_ref().is_some_and(|mail| mail.server.is_some());
    plan::check(&draft.plans, &draft.plan_steps, &draft.resources, mails, reader);
    let escalates = draft.check_in.as_ref().is_some_and(|own| !own.escalate.is_zero());
    plan::warn(&draft.plans, &draft.plan_steps, &draft.resources, escalates, reader);
    quality::check(&draft.score_forms, &draft.score_questions, reader);
    webhook::check(&draft.webhooks, reader);
    if let Some(mail) = &draft.mail {
        mail::check(mail, reader);
    }
    if let Some(alarm) = &draft.alarm {
        alarm::check(alarm, draft.mail.as_ref(), reader);
    }
    let (http, csta) = (draft.http.as_ref(), draft.csta.as_ref());
    let whose = (&draft.agents[..], &draft.phones[..]);
    http::check(http, csta, &draft.tokens, whose, &draft.certificates, reader);
    open_keys(draft, reader);
    fixed_handshakes(draft, reader);
    if let Some(codes) = &draft.feature_codes {
        feature_codes(codes, reader);
    }
}

/// Bans grow up to the longest.
fn bans(fort: Option<&Fort>, reader: &mut Reader<'_>) {
    if let Some(fort) = fort
        && fort.longest_ban < fort.ban
    {
        let what = "longest_ban is shorter than ban";
        let remedy = format!("write at least \"{} s\"", fort.ban.as_secs());
        reader.faults.error(&reader.place("fort", 0, "longest_ban"), what, remedy);
    }
}

/// A recording without the record of its call is found by nobody.
fn records_of_recordings(record: &Record, store: &Store, reader: &mut Reader<'_>) {
    if store.keep.days() < record.keep.days() {
        let what = "records of calls go before their recordings, which then nobody finds by number or agent";
        let remedy = format!("write at least \"{}\", as [record] keep has it", record.keep);
        reader.faults.warn(&reader.place("store", 0, "keep"), what, remedy);
    }
}

/// What is to be encrypted has a key, from one place.
fn recording_keys(record: &Record, reader: &mut Reader<'_>) {
    match (&record.key_file, &record.key_env) {
        (Some(_), Some(_)) => {
            let what = "`key_file` and `key_env` exclude each other";
            reader.faults.error(&reader.place("record", 0, "key_env"), what, "keep one of them");
        }
        (None, None) if record.encrypt => {
            let what = "recordings are to be encrypted, and no key is named";
            let remedy = "make one with `belfry recording key FILE` and add `key_file = \"FILE\"`";
            reader.faults.error(&reader.place("record", 0, "encrypt"), what, remedy);
        }
        _ => {}
    }
}

/// A secure listener has a certificate to show.
fn certificates(sip: &Sip, certificates: &[(usize, Certificate)], reader: &mut Reader<'_>) {
    let secure = sip.listen.iter().find(|listener| listener.transport.is_secure());
    if let (Some(listener), true) = (secure, certificates.is_empty()) {
        // One that was refused is a fault of its own.
        if reader.given("certificate", 0, "") {
            return;
        }
        let what = format!("{listener} has no certificate to show");
        let remedy = "add a [[certificate]] with its files `chain` and `key`; \
                      `belfry certificate` makes them for a start";
        reader.faults.error(&reader.place("sip", 0, "listen"), what, remedy);
    }
}

/// Two listeners on one port: one of them on all addresses, or another kind of stream.
fn listeners(sip: &Sip, reader: &mut Reader<'_>) {
    for (n, one) in sip.listen.iter().enumerate() {
        let clash = sip.listen[..n].iter().find(|other| {
            let datagrams = |at: &super::SipAddress| at.transport == super::Transport::Udp;
            let same_port =
                datagrams(other) == datagrams(one) && other.addr.port() == one.addr.port();
            let any = other.addr.ip().is_unspecified() || one.addr.ip().is_unspecified();
            let same = other.addr.ip() == one.addr.ip();
            same_port && (any || same) && other.addr.is_ipv4() == one.addr.is_ipv4()
        });
        if let Some(other) = clash {
            let what = format!("{one} and {other} are the same port twice");
            let remedy = "give each a port of its own; of one on all addresses and one on a single \
                          address, keep one";
            reader.faults.error(&reader.place("sip", 0, "listen"), what, remedy);
        }
    }
}

fn expiries(sip: &Sip, reader: &mut Reader<'_>) {
    if sip.min_expires > sip.max_expires {
        let what = "min_expires is longer than max_expires";
        let remedy = format!("write at most \"{} s\"", sip.max_expires.as_secs());
        reader.faults.error(&reader.place("sip", 0, "min_expires"), what, remedy);
    } else if !(sip.min_expires..=sip.max_expires).contains(&sip.default_expires) {
        let what = "default_expires does not lie between min_expires and max_expires";
        let (low, high) = (sip.min_expires.as_secs(), sip.max_expires.as_secs());
        let remedy = format!("write default_expires from \"{low} s\" to \"{high} s\"");
        reader.faults.error(&reader.place("sip", 0, "default_expires"), what, remedy);
    }
}

/// Without `[media] address` and networks the listeners' own are offered, which must be real ones.
fn media_address(sip: &Sip, media: &Media, draft: &Draft, reader: &mut Reader<'_>) {
    // A network that was refused is a fault of its own.
    if reader.given("network", 0, "") || !draft.networks.is_empty() {
        return;
    }
    if media.address.is_none() && sip.listen.iter().all(|l| l.addr.ip().is_unspecified()) {
        let what = "[media] has no `address`, and SIP listens on all addresses";
        let remedy = "add under [media] the address that phones and gateways reach: \
                      `address = \"10.0.0.5\"`";
        reader.faults.error(&reader.place("media", 0, "address"), what, remedy);
    }
}

/// A SIP port inside the RTP range would be taken from whichever opens second.
fn media_ports(sip: &Sip, media: &Media, reader: &mut Reader<'_>) {
    let udp = |l: &&super::SipAddress| l.transport == super::Transport::Udp;
    let inside = sip.listen.iter().filter(udp).find(|l| media.ports.holds(l.addr.port()));
    if let Some(listener) = inside {
        let what = format!("the SIP port of {listener} lies in the RTP range {}", media.ports);
        let remedy = "write a range without it, such as \"16384-32767\"";
        reader.faults.error(&reader.place("media", 0, "ports"), what, remedy);
    }
}

/// Every channel's call and every allowed call needs two streams, and two more where a recorder outside gets
/// copies of them.
fn enough_ports(media: &Media, draft: &Draft, reader: &mut Reader<'_>) {
    let pairs = media.ports.pairs();
    let channels: u64 = draft.gateways.iter().map(|(_, g)| u64::from(g.channels)).sum();
    let calls = draft.limits.as_ref().and_then(|limits| limits.calls).map_or(0, u64::from);
    let (needed, whose) = if channels >= calls {
        (channels, "the gateways' channels")
    } else {
        (calls, "[limits] calls")
    };
    let streams = if draft.recorders.is_empty() { 2 } else { 4 };
    if needed * streams > u64::from(pairs) {
        let calls = u64::from(pairs) / streams;
        let what = format!("{} carries {calls} calls, {whose} need {needed}", media.ports);
        let first = u64::from(media.ports.first);
        let last = first + needed * streams * 2 - 1;
        let remedy = if last <= u64::from(u16::MAX) {
            format!("write at least \"{first}-{last}\"")
        } else {
            "write fewer channels or calls, or a range that begins lower".into()
        };
        reader.faults.error(&reader.place("media", 0, "ports"), what, remedy);
    }
}

fn gateways(gateways: &[(usize, Gateway)], reader: &mut Reader<'_>) {
    let mut names = BTreeMap::new();
    let mut addresses = BTreeMap::new();
    for (nth, gateway) in gateways {
        if let Some(first) = names.insert(&gateway.name, gateway.at) {
            let what =
                format!("a gateway \"{}\" stands in line {} already", gateway.name, first.line);
            reader.faults.error(
                &reader.place("gateway", *nth, "name"),
                what,
                "give it another name",
            );
        }
        if gateway.keep_in >= gateway.channels {
            let what = "`keep_in` leaves no channel for calls out";
            let remedy = format!("write at most {}", gateway.channels.saturating_sub(1));
            reader.faults.error(&reader.place("gateway", *nth, "keep_in"), what, remedy);
        }
        tls_keys(*nth, gateway, reader);
        let host = gateway.address.host();
        if let Some(first) = addresses.insert(host.clone(), &gateway.name) {
            let what = format!(
                "gateway \"{first}\" has the address {host} already, and calls are told apart by it"
            );
            let remedy = "write one [[gateway]] with the channels of both, or another address";
            reader.faults.error(&reader.place("gateway", *nth, "address"), what, remedy);
        }
        let given = passwords(
            gateway.password.is_some(),
            gateway.password_file.is_some(),
            gateway.password_env.is_some(),
        );
        several_passwords("gateway", *nth, &given, reader);
        if !given.is_empty() && gateway.username.is_none() {
            let what = "the gateway has a password and no `username`";
            let place = reader.place("gateway", *nth, given[0]);
            reader.faults.error(&place, what, "add `username = \"…\"`");
        }
        if gateway.register && gateway.username.is_none() {
            let what = "the gateway is to be registered with and has no `username`";
            let place = reader.place("gateway", *nth, "register");
            reader.faults.error(&place, what, "add `username` and a password");
        }
        if given.is_empty() && gateway.username.is_some() {
            let what = "the gateway has a `username` and no password";
            let place = reader.place("gateway", *nth, "username");
            reader.faults.error(&place, what, "add `password`, `password_file` or `password_env`");
        }
    }
}

/// A trunk's name is its own, and its gateways exist.
fn trunks(trunks: &[(usize, Trunk)], gateways: &[(usize, Gateway)], reader: &mut Reader<'_>) {
    let mut names: BTreeMap<_, _> =
        gateways.iter().map(|(_, g)| (&g.name, ("gateway", g.at))).collect();
    let known: Vec<&str> = gateways.iter().map(|(_, g)| g.name.as_str()).collect();
    for (nth, trunk) in trunks {
        if let Some((kind, first)) = names.insert(&trunk.name, ("trunk", trunk.at)) {
            let what = format!("a {kind} \"{}\" stands in line {} already", trunk.name, first.line);
            let remedy = "give it another name";
            reader.faults.error(&reader.place("trunk", *nth, "name"), what, remedy);
        }
        for name in &trunk.gateways {
            if known.contains(&name.as_str()) {
                continue;
            }
            let what = format!("there is no gateway \"{name}\"");
            let distance = |own: &&str| strsim::damerau_levenshtein(own, name.as_str());
            let near = known.iter().copied().min_by_key(distance);
            let remedy = match near.filter(|own| distance(own) <= 1.max(own.len() / 3)) {
                Some(near) => format!("write \"{near}\""),
                None => format!("add a [[gateway]] with `name = \"{name}\"`"),
            };
            reader.faults.error(&reader.place("trunk", *nth, "gateways"), what, remedy);
        }
    }
}

/// What says whom TLS trusts, at a gateway that is not called over TLS; or twice.
fn tls_keys(nth: usize, gateway: &Gateway, reader: &mut Reader<'_>) {
    let given = [("tls_name", gateway.tls_name.is_some()), ("tls_pin", gateway.tls_pin.is_some())];
    let mut given = given.into_iter().filter(|(_, is)| *is).map(|(key, _)| key);
    let Some(first) = given.next() else { return };
    let at = gateway.first_hop();
    // Where none is written the DNS may say TLS.
    if let Some(transport) = at.transport()
        && transport != super::Transport::Tls
    {
        let what = format!("`{first}` is for TLS, and the gateway is called over {transport}");
        let place = reader.place("gateway", nth, first);
        let key = if gateway.outbound_proxy.is_some() { "outbound_proxy" } else { "address" };
        let remedy = format!("write `{key} = \"tls:{}\"`, or leave `{first}` out", at.host());
        reader.faults.error(&place, what, remedy);
    } else if let Some(second) = given.next() {
        let what = "a certificate known by its fingerprint is accepted whatever its name";
        let place = reader.place("gateway", nth, second);
        reader.faults.error(&place, what, format!("keep `{first}` or `{second}`"));
    }
}

fn phones(phones: &[(usize, Phone)], reader: &mut Reader<'_>) {
    let mut numbers = BTreeMap::new();
    for (nth, phone) in phones {
        if let Some(first) = numbers.insert(&phone.number, phone.at) {
            let what = format!("phone {} stands in line {} already", phone.number, first.line);
            reader.faults.error(
                &reader.place("phone", *nth, "number"),
                what,
                "give it another number",
            );
        }
        let given = passwords(
            phone.password.is_some(),
            phone.password_file.is_some(),
            phone.password_env.is_some(),
        );
        several_passwords("phone", *nth, &given, reader);
        if given.is_empty() && phone.mobile.is_none() {
            let what = format!("phone {} has no password", phone.number);
            let remedy = "add `password = \"…\"`, `password_file` or `password_env`";
            reader.faults.error(&reader.place("phone", *nth, ""), what, remedy);
        }
        if let Some(password) = &phone.password
            && password.expose() == phone.number.as_str()
        {
            let what = format!(
                "the password of phone {} is its number: scanners try that first",
                phone.number
            );
            reader.faults.warn(
                &reader.place("phone", *nth, "password"),
                what,
                "write a long random one",
            );
        }
    }
}

/// DTLS with a peer that is not to be sent to where its packets come from: a handshake goes to and fro on one path.
fn fixed_handshakes(draft: &Draft, reader: &mut Reader<'_>) {
    let both = |srtp, symmetric: bool| srtp == Srtp::Dtls && !symmetric;
    let gateways = draft.gateways.iter().filter(|(_, it)| both(it.srtp, it.symmetric));
    let phones = draft.phones.iter().filter(|(_, it)| both(it.srtp, it.symmetric));
    let places =
        gateways.map(|(nth, _)| ("gateway", *nth)).chain(phones.map(|(nth, _)| ("phone", *nth)));
    for (section, nth) in places {
        reader.faults.error(
            &reader.place(section, nth, "symmetric"),
            "with DTLS audio goes to where it comes from: the handshake shows the way",
            "leave `symmetric` out, or write another `srtp`",
        );
    }
}

/// SRTP whose keys go over the network in the clear. With DTLS none go anywhere.
fn open_keys(draft: &Draft, reader: &mut Reader<'_>) {
    let in_sdp = |srtp| matches!(srtp, Srtp::Preferred | Srtp::Required);
    let in_clear = |transport| matches!(transport, Transport::Udp | Transport::Tcp | Transport::Ws);
    let remedy = "let SIP come over TLS, or keep to a network that nobody listens on";
    for (nth, gateway) in &draft.gateways {
        let transport = gateway.first_hop().transport().unwrap_or(Transport::Udp);
        if in_sdp(gateway.srtp) && in_clear(transport) {
            let name = &gateway.name;
            let what = format!(
                "the keys of gateway \"{name}\"'s SRTP are sent in the clear, over {transport}"
            );
            reader.faults.warn(&reader.place("gateway", *nth, "srtp"), what, remedy);
        }
    }
    // Which listener a phone comes to is its own choice.
    let mut listens = draft.sip.iter().flat_map(|sip| &sip.listen);
    if listens.any(|listener| !in_clear(listener.transport)) {
        return;
    }
    if let Some((nth, phone)) = draft.phones.iter().find(|(_, phone)| in_sdp(phone.srtp)) {
        let what = format!(
            "the keys of phone {}'s SRTP are sent in the clear: nothing in [sip] listen is TLS",
            phone.number
        );
        reader.faults.warn(&reader.place("phone", *nth, "srtp"), what, remedy);
    }
}

/// Which of the three ways to give a password are used.
fn passwords(plain: bool, file: bool, env: bool) -> Vec<&'static str> {
    let ways = [(plain, "password"), (file, "password_file"), (env, "password_env")];
    ways.into_iter().filter(|(used, _)| *used).map(|(_, key)| key).collect()
}

fn several_passwords(
    section: &'static str,
    nth: usize,
    given: &[&'static str],
    reader: &mut Reader<'_>,
) {
    if let [first, second, ..] = given {
        let what = format!("`{first}` and `{second}` exclude each other");
        reader.faults.error(&reader.place(section, nth, second), what, "keep one of them");
    }
}

/// Codes that are dialled, and codes that are pressed in a call: within either group no code may
/// be another, nor (in a call, where digits follow at once) begin another.
fn feature_codes(codes: &FeatureCodes, reader: &mut Reader<'_>) {
    let dialled = [
        ("sign_in", &codes.sign_in),
        ("sign_out", &codes.sign_out),
        ("ready", &codes.ready),
        ("on_break", &codes.on_break),
        ("finish", &codes.finish),
        ("listen", &codes.listen),
        ("whisper", &codes.whisper),
        ("barge_in", &codes.barge_in),
        ("disconnect", &codes.disconnect),
        ("take_over", &codes.take_over),
        ("do_not_disturb", &codes.do_not_disturb),
        ("forward_always", &codes.forward_always),
        ("forward_busy", &codes.forward_busy),
        ("forward_no_answer", &codes.forward_no_answer),
        ("group_pickup", &codes.group_pickup),
        ("pickup", &codes.pickup),
        ("park", &codes.park),
    ];
    let pressed = [
        ("blind_transfer", &codes.blind_transfer),
        ("attended_transfer", &codes.attended_transfer),
        ("three_way", &codes.three_way),
        ("consult_return", &codes.consult_return),
        ("survey", &codes.survey),
        ("malicious", &codes.malicious),
        ("pause_recording", &codes.pause_recording),
        ("park_call", &codes.park_call),
    ];
    prefix_free(&dialled, reader);
    prefix_free(&pressed, reader);
}

fn prefix_free(group: &[(&'static str, &FeatureCode)], reader: &mut Reader<'_>) {
    for (n, (key, code)) in group.iter().enumerate() {
        for (other_key, other) in &group[..n] {
            let (a, b) = (code.as_str(), other.as_str());
            if !a.starts_with(b) && !b.starts_with(a) {
                continue;
            }
            // The one that the text gives is the one to change.
            let key = if reader.given("feature_codes", 0, key) { key } else { other_key };
            let what = format!("the codes {b} of `{other_key}` and {a} cannot be told apart");
            let remedy = format!("give `{key}` a code that no other begins with");
            reader.faults.error(&reader.place("feature_codes", 0, key), what, remedy);
        }
    }
}
