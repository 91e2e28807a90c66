//! Requests outside calls: REGISTER, OPTIONS and the rest; and our own pings of gateways.

use std::cmp::Ordering;

use crate::base::{Duration, Now, Rng};
use crate::config::{Config, Digest};
use crate::sip::digest::verifier::{Role, Verdict, Verifier};
use crate::sip::digest::{Algorithm, GUESSING};
use crate::sip::registrar::{Binding, Change, Refused, Registered, RegistrarConfig};
use crate::sip::{ALLOW, Command, Flow, Headers, TxnId, abilities};
use crate::trunk::Duty;
use crate::wire::sip::{Message, Method, Name};

use super::arrival::user;
use super::fact::{AlarmWhat, FactKind, Unregistered};
use super::{Level, Switch};

/// What a request without the right password gets.
pub(super) struct Challenge {
    pub(super) headers: Headers,
    /// How long to wait before it is sent; zero unless a password was wrong.
    pub(super) after: Duration,
}

impl Switch {
    pub(super) fn request(&mut self, now: Now, txn: TxnId, flow: Flow, message: &Message) {
        match message.method() {
            Method::Register => self.register(now, txn, flow, message),
            // A stranger learns nothing by it that he would not by an INVITE (RFC 3261 §11.2).
            Method::Options if !self.is_heard_of(now, flow) => {
                if let Err(Challenge { headers, after }) = self.verify(now, flow, message) {
                    let answer = Command::Respond { txn, status: 401, headers, body: None };
                    return self.later(now, after, answer);
                }
                self.answer_options(now, txn, flow);
            }
            Method::Options => self.answer_options(now, txn, flow),
            Method::Message => self.message(now, txn, flow, message),
            Method::Subscribe => self.subscribe(now, txn, flow, message),
            Method::Publish => self.respond(now, txn, 489, vec![]),
            Method::Refer => self.respond(now, txn, 603, vec![]),
            _ => self.respond(now, txn, 405, vec![(Name::Allow, ALLOW.into())]),
        }
    }

    fn answer_options(&mut self, now: Now, txn: TxnId, flow: Flow) {
        let busy = self.gateways.identify(flow.remote);
        let busy = busy.is_some_and(|gateway| gateway.duty == Duty::BusyOut);
        let status = if self.draining || busy { 503 } else { 200 };
        self.respond(now, txn, status, abilities().into());
    }

    pub(super) fn respond(&mut self, now: Now, txn: TxnId, status: u16, headers: Headers) {
        self.ask(now, Command::Respond { txn, status, headers, body: None });
    }

    /// Whether the request carries the password of one of our phones: `Ok` names it, `Err` is the
    /// challenge to be sent.
    pub(super) fn verify(
        &mut self,
        now: Now,
        flow: Flow,
        request: &Message,
    ) -> Result<String, Challenge> {
        let trial = self.trial(now, flow);
        let (config, registrar, sources) = (&self.config, &self.registrar, &mut self.sources);
        // Who fails too often is not told any more whether he is right: his password is nobody's.
        let password = |user: &str| {
            let password = config.phone(user)?.password.as_ref()?.expose();
            trial.is_held(sources, registrar, config, user).then_some(password)
        };
        let verdict =
            self.verifier.verify(now.at, flow.remote.ip(), request, Role::Server, password);
        let (stale, after) = match verdict {
            Verdict::Accepted { user } => {
                self.logged_in(now, flow);
                self.unit_logs_in(now, &user);
                return Ok(user);
            }
            Verdict::Missing | Verdict::Stale => {
                self.challenged(now, flow, request);
                (verdict == Verdict::Stale, Duration::ZERO)
            }
            // The first one waits too: guessing must be slow from the beginning (R29).
            Verdict::Wrong { user, delay, nth } => {
                self.guessed(now, flow, &user);
                self.alarm_refused(now, &user, flow, request);
                self.wrong_password(now, user, flow, nth);
                match self.config.sip.auth_delay {
                    Duration::ZERO => (false, Duration::ZERO),
                    least => (false, delay.max(least)),
                }
            }
        };
        let headers = self.verifier.challenge(now.at, flow.remote.ip(), Role::Server, stale);
        Err(Challenge { headers, after })
    }

    /// Writes down that somebody gave a wrong password: each of the first few, then one alarm.
    fn wrong_password(&mut self, now: Now, number: String, flow: Flow, nth: u32) {
        let from = flow.remote.to_string();
        match nth.cmp(&GUESSING) {
            Ordering::Less => {
                let why = "wrong password or unknown number".to_owned();
                self.log(Level::Warning, format!("phone {number} from {from}: {why}"));
                self.fact(now, FactKind::PhoneRefused { number, from, why });
            }
            Ordering::Equal | Ordering::Greater => {
                let from = flow.remote.ip();
                let detail = format!("wrong passwords from {from}; further ones are not written");
                self.alarm(now, AlarmWhat::Guessing, detail, None);
            }
        }
    }

    fn register(&mut self, now: Now, txn: TxnId, flow: Flow, message: &Message) {
        let number = message.to().ok().and_then(|to| user(&to.uri)).unwrap_or_default();
        let who = match self.verify(now, flow, message) {
            Ok(user) => user,
            Err(Challenge { headers, after }) => {
                let answer = Command::Respond { txn, status: 401, headers, body: None };
                return self.later(now, after, answer);
            }
        };
        if who != number {
            // The password is one phone's, the number another's (or nobody's).
            return self.respond(now, txn, 403, vec![]);
        }
        let most = self.config.phone(&number).map_or(1, |phone| phone.max_contacts as usize);
        match self.registrar.register(now.at, &number, flow, message, most) {
            Ok(Registered { headers, changes }) => {
                for change in changes {
                    self.binding_changed(now, &number, change);
                }
                self.respond(now, txn, 200, headers);
            }
            Err(Refused { status, headers }) => self.respond(now, txn, status, headers),
        }
    }

    pub(super) fn binding_changed(&mut self, now: Now, number: &str, change: Change) {
        match change {
            Change::Added(binding) | Change::Moved(binding) | Change::Renewed(binding) => {
                self.fact(now, phone_registered(now, number, &binding));
                self.phone_reachable(now, number);
                self.deliver(now, number);
            }
            Change::Removed(binding) => self.unbound(now, number, &binding, Unregistered::Asked),
            Change::Replaced(binding) => {
                self.unbound(now, number, &binding, Unregistered::Replaced);
            }
        }
    }

    /// A connection has ended: what waits on it fails, and the phones that were registered over it
    /// cannot be reached until they register anew.
    pub(super) fn flow_failed(&mut self, now: Now, flow: Flow) {
        self.agent.flow_failed(now.at, flow);
        for (number, binding) in self.registrar.flow_failed(flow) {
            let contact = &binding.contact;
            self.log(Level::Info, format!("phone {number}: {contact}: its connection has ended"));
            self.unbound(now, &number, &binding, Unregistered::Unreachable);
        }
    }

    /// A phone's contact is gone.
    pub(super) fn unbound(&mut self, now: Now, number: &str, binding: &Binding, why: Unregistered) {
        self.phone_reachable(now, number);
        let (number, contact) = (number.to_owned(), binding.contact.to_string());
        self.fact(now, FactKind::PhoneUnregistered { number, contact, why });
    }
}

/// What is written of a binding.
pub(super) fn phone_registered(now: Now, number: &str, binding: &Binding) -> FactKind {
    FactKind::PhoneRegistered {
        number: number.into(),
        contact: binding.contact.to_string(),
        from: binding.flow.remote.to_string(),
        expires_s: u32::try_from(binding.expires.since(now.at).as_secs()).unwrap_or(u32::MAX),
        user_agent: String::from_utf8_lossy(&binding.user_agent).into_owned(),
        record: binding.to_record().unwrap_or_default(),
    }
}

/// The hash that the configuration names.
pub(super) fn algorithm(digest: Digest) -> Algorithm {
    match digest {
        Digest::Md5 => Algorithm::Md5,
        Digest::Sha256 => Algorithm::Sha256,
        Digest::Sha512_256 => Algorithm::Sha512_256,
    }
}

/// Who checks the phones' passwords.
pub(super) fn verifier(config: &Config, rng: &mut Rng) -> Verifier {
    let algorithms: Vec<Algorithm> = config.sip.digest.iter().map(|d| algorithm(*d)).collect();
    Verifier::new(&config.domain(), config.sip.nonce_lifetime, &algorithms, rng)
}

pub(super) fn registrar_config(config: &Config) -> RegistrarConfig {
    let seconds = |d: Duration| u32::try_from(d.as_secs()).unwrap_or(u32::MAX);
    RegistrarConfig {
        min_expires: seconds(config.sip.min_expires),
        default_expires: seconds(config.sip.default_expires),
        max_expires: seconds(config.sip.max_expires),
        addresses: config.limits.registrations as usize,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    use super::*;
    use crate::base::{Time, Wall};
    use crate::dialplan::{LoadEnv, Plan};
    use crate::sip::{Limits, Transport};
    use crate::switch::fact::Fact;
    use crate::switch::{Input, Output, Setup};

    const BELFRY: &str = "10.0.0.1:5060";

    fn switch(sip: &str) -> Switch {
        let text = format!(
            "[sip]\nlisten = [\"tcp:{BELFRY}\"]\ndomain = \"10.0.0.1\"\n{sip}\n\
             [media]\naddress = \"10.0.0.1\"\n[[phone]]\nnumber = \"1001\"\npassword = \"secret\"\n"
        );
        let config = Config::parse(&text).expect("a configuration").0;
        let plan = Plan::load(&[], &LoadEnv::default()).expect("an empty plan").plan;
        let setup = Setup {
            config,
            plan: Arc::new(plan),
            listening: vec![(Transport::Tcp, BELFRY.parse().expect("an address"))],
            workers: 1,
            last_fact: 0,
            zone: jiff::tz::TimeZone::UTC,
            rng: Rng::from_seed(1),
            keys: crate::wire::srtp::KeySource::from_seed([1; 32]),
            fingerprint: None,
        };
        Switch::new(setup, at(0))
    }

    fn at(ms: u64) -> Now {
        Now { at: Time::from_millis(ms), wall: Wall(ms as i64) }
    }

    /// Everything that comes out: statuses of responses, and facts.
    fn out(switch: &mut Switch) -> (Vec<Message>, Vec<Fact>) {
        let (mut messages, mut facts) = (Vec::new(), Vec::new());
        while let Some(output) = switch.poll_output() {
            match output {
                Output::Sip(_, message) => messages.push(message),
                Output::Fact(fact) => facts.push(fact),
                _ => {}
            }
        }
        (messages, facts)
    }

    fn register(n: u32, more: &str) -> Input {
        let text = format!(
            "REGISTER sip:10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP p;branch=z9hG4bK{n}\r\n\
             From: <sip:1001@10.0.0.1>;tag={n}\r\nTo: <sip:1001@10.0.0.1>\r\nCall-ID: c{n}\r\n\
             CSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n{more}Content-Length: 0\r\n\r\n"
        );
        let flow = Flow {
            transport: Transport::Tcp,
            local: BELFRY.parse().expect("an address"),
            // Many sources of few guesses each.
            remote: (IpAddr::from(Ipv4Addr::from_bits(0x0a01_0000 + n % 3_000)), 5060).into(),
        };
        Input::Sip(flow, Message::parse(text.as_bytes()).expect("a message"))
    }

    /// Credentials of 1001 with a wrong password, for a nonce that the switch has given to source `n`.
    fn wrong(switch: &mut Switch, n: u32) -> String {
        switch.handle(at(0), register(n, ""));
        let (answers, _) = out(switch);
        let challenge = String::from_utf8_lossy(answers[0].bytes()).into_owned();
        let nonce = challenge.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next());
        format!(
            "Authorization: Digest username=\"1001\", realm=\"10.0.0.1\", nonce=\"{}\", \
             uri=\"sip:10.0.0.1\", response=\"{}\"\r\n",
            nonce.expect("a nonce"),
            "0".repeat(32)
        )
    }

    #[test]
    fn a_phone_whose_connection_ended_is_not_registered() {
        let mut switch = switch("");
        let Input::Sip(flow, message) = register(1, "Contact: <sip:1001@10.1.0.1>\r\n") else {
            unreachable!("it is a message");
        };
        switch.registrar.register(Time::ZERO, "1001", flow, &message, 5).expect("taken");
        let elsewhere = Flow { remote: "10.9.9.9:5060".parse().expect("an address"), ..flow };
        switch.handle(at(1), Input::FlowFailed(elsewhere));
        assert_eq!(switch.registrar.lookup(Time::ZERO, "1001").len(), 1);
        out(&mut switch);
        switch.handle(at(2), Input::FlowFailed(flow));
        assert!(switch.registrar.lookup(Time::ZERO, "1001").is_empty());
        let (_, facts) = out(&mut switch);
        let [Fact { kind: FactKind::PhoneUnregistered { number, why, .. }, .. }] = &facts[..]
        else {
            panic!("{facts:?}");
        };
        assert_eq!((number.as_str(), *why), ("1001", Unregistered::Unreachable));
    }

    /// When the answer to the first wrong password comes, milliseconds.
    fn held_back(sip: &str) -> u64 {
        let mut switch = switch(sip);
        let wrong = wrong(&mut switch, 3_001);
        switch.handle(at(0), register(1, &wrong));
        let (now, facts) = out(&mut switch);
        assert_eq!(facts.last().map(|f| f.kind.name()), Some("phone_refused"), "{sip}");
        if !now.is_empty() {
            return 0;
        }
        let due = switch.next_wake().expect("an answer is on its way");
        switch.handle(Now { at: due, wall: Wall(0) }, Input::Wake);
        assert_eq!(out(&mut switch).0[0].status(), Some(401));
        due.as_millis()
    }

    #[test]
    fn a_wrong_password_is_answered_late_as_configured() {
        assert_eq!(held_back(""), 2_000);
        assert_eq!(held_back("auth_delay = \"100 ms\""), 500, "the verifier's own least");
        assert_eq!(held_back("auth_delay = \"5 s\""), 5_000);
        assert_eq!(held_back("auth_delay = \"0 s\""), 0);
    }

    #[test]
    fn a_flood_of_wrong_passwords_holds_bounded_memory_and_few_records() {
        let mut switch = switch("auth_delay = \"10 s\"");
        // Each source its own: a nonce is good for none but whom it was given to.
        let wrong: Vec<String> = (0..3_000).map(|n| wrong(&mut switch, 60_000 + n)).collect();
        let most = Limits::default().later;
        let (mut answered, mut written) = (0, 0);
        for n in 0..most as u32 + 8_000 {
            switch.handle(at(1), register(n, &wrong[n as usize % 3_000]));
            let (answers, facts) = out(&mut switch);
            answered += answers.len();
            written += facts.len();
        }
        assert_eq!(answered, 8_000, "what finds no room is answered at once");
        // An answer that waits, and its transaction.
        assert_eq!(switch.agent.counts().timers, 2 * most);
        // Of each of 3,000 sources four refusals, though it tried six times; one alarm for all.
        assert_eq!(written, 3_000 * 4 + 1);
        switch.handle(at(10_001), Input::Wake);
        assert_eq!(out(&mut switch).0.len(), most);
        assert_eq!(switch.in_being(), (0, 0, 0), "nothing is left");
    }
}
