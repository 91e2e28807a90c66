//! What the user of a simulated phone does: registers, calls, writes, presses keys, holds, refers.

use super::{Blunder, Phone, State};
use crate::base::Time;
use crate::media::negotiate;
use crate::sim::voice::Ear;
use crate::sip::{Command, Credentials, Headers, Prack};
use crate::wire::dtmf_info;
use crate::wire::q850::Cause;
use crate::wire::sip::{Host, Method, Name, NameAddr, Replaces, ToWire, Uri};

impl Phone {
    /// Its name and password, where it has one.
    fn credentials(&self) -> Option<Credentials> {
        let password = self.setup.password.clone()?;
        Some(Credentials { user: self.setup.number.clone(), password, least: Default::default() })
    }

    /// Registers for an hour.
    pub fn register(&mut self, now: Time) {
        self.registered = None;
        let txn = self.agent.new_request();
        let contact = format!("<{}>", self.contact());
        self.registering = Some((txn, false));
        let own = self.address(&self.setup.number);
        let credentials = self.credentials();
        let server = self.setup.server;
        let request = Command::Request {
            txn,
            flow: self.flow(),
            method: Method::Register,
            target: Uri::sip(None, Host::from(server.ip()), Some(server.port())),
            from: own.clone(),
            to: own,
            headers: vec![(Name::Contact, contact.into_bytes()), (Name::Expires, b"3600".to_vec())],
            body: None,
            credentials,
        };
        self.command(now, request);
    }

    /// Calls `number`.
    pub fn call(&mut self, now: Time, number: &str) {
        self.forget_keys();
        let offer = negotiate::offer(&mut self.local).to_bytes();
        let offer = self.worded(offer);
        self.invite(now, number, Some(offer), vec![]);
    }
    /// Calls to take the place of the dialog that `line` names (RFC 3891).
    pub fn call_replacing(&mut self, now: Time, number: &str, line: &Replaces) {
        self.forget_keys();
        let offer = negotiate::offer(&mut self.local).to_bytes();
        let offer = self.worded(offer);
        self.invite(now, number, Some(offer), vec![(Name::Replaces, line.to_bytes())]);
    }
    /// Calls `number` without an offer: Belfry's comes with the 200 (RFC 3261 §13.2.1).
    pub fn call_without_offer(&mut self, now: Time, number: &str) {
        self.forget_keys();
        self.invite(now, number, None, vec![]);
    }
    /// Another call has other keys.
    pub(super) fn forget_keys(&mut self) {
        self.srtp = None;
        self.local = self.local.clone().protected(self.setup.srtp, self.keys.split());
        if let Some(browser) = &mut self.browser {
            browser.forget();
            if self.blunder == Some(Blunder::Masquerade) {
                browser.masquerade();
            }
            self.local = self.local.clone().certified(Some(browser.fingerprint()));
        }
    }

    /// Its description as it is sent.
    pub(super) fn worded(&self, text: Vec<u8>) -> Vec<u8> {
        match &self.browser {
            Some(browser) => browser.worded(text),
            None => text,
        }
    }

    pub(super) fn invite(
        &mut self,
        now: Time,
        number: &str,
        sdp: Option<Vec<u8>>,
        headers: Headers,
    ) {
        let session = self.agent.new_session();
        let server = self.setup.server;
        self.session = Some(session);
        self.state = State::Calling;
        self.calls += 1;
        self.ear = Ear::default();
        self.mouth = None;
        self.params = None;
        let credentials = self.credentials();
        let invite = Command::Invite {
            session,
            flow: self.flow(),
            target: Uri::sip(Some(number), Host::from(server.ip()), Some(server.port())),
            from: self.address(&self.setup.number),
            to: self.address(number),
            contact: self.contact(),
            sdp,
            otherwise: None,
            headers,
            extras: vec![],
            credentials,
            routes: vec![],
            prack: Prack::default(),
            metadata: None,
        };
        self.command(now, invite);
    }

    /// Writes a message to `number`.
    pub fn write(&mut self, now: Time, number: &str, text: &str) {
        self.write_as(now, number, "text/plain", text);
    }

    /// Sends a message of another kind, as a unit does that reports.
    pub fn write_as(&mut self, now: Time, number: &str, kind: &str, text: &str) {
        self.written = None;
        let txn = self.agent.new_request();
        self.writing = Some(txn);
        let server = self.setup.server;
        let credentials = self.credentials();
        let request = Command::Request {
            txn,
            flow: self.flow(),
            method: Method::Message,
            target: Uri::sip(Some(number), Host::from(server.ip()), Some(server.port())),
            from: self.address(&self.setup.number),
            to: self.address(number),
            headers: vec![],
            body: Some((kind.into(), text.into())),
            credentials,
        };
        self.command(now, request);
    }

    /// Hangs up.
    pub fn hang_up(&mut self, now: Time) {
        self.hang_up_at = Time::NEVER;
        if let Some(session) = self.session {
            self.command(now, Command::Hangup { session, reason: Some(Cause::NORMAL_CLEARING) });
        }
    }
    /// Hangs up at `at`.
    pub fn hang_up_at(&mut self, at: Time) {
        self.hang_up_at = at;
    }
    /// Presses a key at `at`, as telephone-event.
    pub fn press_at(&mut self, at: Time, digit: char) {
        self.digits.push_back((at, digit));
    }
    /// Says these samples of 8 kHz in its call.
    pub fn say(&mut self, samples: &[i16]) {
        if let Some(mouth) = &mut self.mouth {
            mouth.say(samples);
        }
    }
    /// Presses a key now, as SIP INFO.
    pub fn press_by_info(&mut self, now: Time, digit: char) {
        let Some(session) = self.session else { return };
        let (content_type, body) = dtmf_info::relay(digit, 160);
        self.command(now, Command::Info { session, content_type: content_type.into(), body });
    }

    /// Puts the call on hold, or takes it back.
    pub fn hold(&mut self, now: Time, hold: bool) {
        let Some(session) = self.session else { return };
        self.offer_status = 0;
        self.local.hold(hold);
        let sdp = negotiate::offer(&mut self.local).to_bytes();
        let sdp = self.worded(sdp);
        self.command(
            now,
            Command::Offer { session, sdp, by: crate::sip::By::Invite, metadata: None },
        );
    }

    /// Offers anew, with new keys.
    pub fn change_keys(&mut self, now: Time) {
        self.local.change_keys();
        self.hold(now, false);
    }

    /// Sends the other party on to `number`, by REFER.
    pub fn refer(&mut self, now: Time, number: &str) {
        let Some(session) = self.session else { return };
        let refer_to = self.address(number);
        self.command(now, Command::Refer { session, refer_to, referred_by: None });
    }

    /// The name of its call's dialog, for a REFER that is to take the dialog's place.
    pub fn line(&self) -> Option<Replaces> {
        self.agent.replaces(self.session?)
    }

    /// Joins the other party with whom talks on `line`, another line of this phone (RFC 5589 §7).
    pub fn refer_to_line(&mut self, now: Time, number: &str, line: &Replaces) {
        let Some(session) = self.session else { return };
        let named = String::from_utf8_lossy(&line.to_bytes()).into_owned();
        let escaped = named.replace(';', "%3B").replace('=', "%3D").replace('@', "%40");
        let text = format!("<sip:{number}@{}?Replaces={escaped}>", self.setup.server);
        let Ok(refer_to) = NameAddr::parse(text.as_bytes()) else { return };
        self.command(now, Command::Refer { session, refer_to, referred_by: None });
    }
}
