//! Requests of the peer within the dialog (RFC 3261 §12.2.2, §15.1.2; RFC 6086 INFO; RFC 3515
//! REFER and its NOTIFY).

use super::session::{Because, Session, Setup};
use super::usage::Input;
use crate::base::Time;
use crate::sip::core::{Core, Stateless};
use crate::sip::dialog::{Dialog, OutOfOrder};
use crate::sip::event::Event;
use crate::sip::transactions::TxnId;
use crate::sip::{Flow, compose, reason};
use crate::wire::dtmf_info::{self, NoKey};
use crate::wire::sip::{Message, Method, Name, Via};

/// A request within the dialog, with what was read of it.
pub(crate) struct Within<'a> {
    /// Whence.
    pub flow: Flow,
    /// The request, its Via completed.
    pub request: &'a Message,
    /// Its topmost Via.
    pub via: &'a Via,
}

impl Session {
    /// The dialog that a request of the peer's belongs to: for a call of ours that still rings, one
    /// of its early ones.
    pub(crate) fn dialog_of(&mut self, request: &Message) -> Option<&mut Dialog> {
        let early = match &mut self.setup {
            Setup::Calling(calling) => calling.early.as_mut_slice(),
            Setup::Called(_) => &mut [],
        };
        let early = early.iter_mut().map(|early| &mut early.dialog);
        self.dialog.iter_mut().chain(early).find(|dialog| dialog.owns(request))
    }

    /// Takes a request that belongs to one of its dialogs. ACKs do not come here.
    pub(crate) fn request(&mut self, core: &mut Core, now: Time, within: &Within<'_>) {
        let (tag, request) = (self.tag, within.request);
        let Some(dialog) = self.dialog_of(request) else {
            return;
        };
        let order = dialog.arrived(request, within.via, within.flow);
        let ended = self.usage.has_ended() && *request.method() != Method::Bye;
        let refusal = match order {
            Err(OutOfOrder) => Some(500),
            Ok(()) if ended => Some(481),
            Ok(()) => None,
        };
        if let Some(status) = refusal {
            let answer = Stateless { tag: Some(tag), ..Stateless::plain(status) };
            return core.answer_stateless(within.flow, request, answer);
        }
        let txn = core.transactions.open(
            now,
            within.flow,
            request.clone(),
            within.via,
            false,
            &mut core.out,
        );
        core.transactions.assign(txn, self.id);
        self.dispatch(core, now, within, txn);
    }

    fn dispatch(&mut self, core: &mut Core, now: Time, within: &Within<'_>, txn: TxnId) {
        let request = within.request;
        match request.method() {
            Method::Bye => self.bye(core, now, txn, request),
            Method::Invite => self.re_invite(core, now, txn, request),
            Method::Update => self.update(core, now, txn, request),
            Method::Prack => self.prack(core, now, txn, request),
            Method::Info => self.info(core, now, txn, request),
            Method::Refer => self.refer_asked(core, now, txn, request),
            Method::Notify => self.notified(core, now, txn, request),
            Method::Options => {
                if let Some(builder) = core.response(txn, 200) {
                    let builder = builder.header(Name::Contact, &*self.contact);
                    let told = compose::abilities().into_iter();
                    let builder =
                        told.fold(builder, |b, (name, value)| b.header(name, value.as_slice()));
                    core.respond(now, txn, builder);
                }
            }
            Method::Message => {
                let (flow, message) = (within.flow, request.clone());
                core.tell(Event::Request { txn, flow, message });
            }
            Method::Subscribe => core.answer(now, txn, 489),
            _ => {
                if let Some(builder) = core.response(txn, 405) {
                    core.respond(now, txn, builder.header(Name::Allow, compose::ALLOW));
                }
            }
        }
    }

    /// BYE (§15.1.2): 200, and what is still open is answered with 487.
    fn bye(&mut self, core: &mut Core, now: Time, txn: TxnId, request: &Message) {
        core.answer(now, txn, 200);
        let cause = reason::q850(request);
        if let (Setup::Calling(calling), None) = (&mut self.setup, &self.dialog) {
            // One of several forks hung up before its 2xx came through: the others ring on.
            calling.early.retain(|early| !early.dialog.owns(request));
            if !calling.early.is_empty() {
                return;
            }
        }
        let actions = self.usage.handle(Input::Bye);
        self.act(core, now, actions, Because { cause, response: None });
    }

    /// INFO (RFC 6086): a package gets 469, for we know none; without one it is the use of before
    /// packages (§4.2.2), in which keys are told, another kind of body gets 415 with what we take,
    /// and one of a known kind that is no key 400. Without a body it asks whether we are there.
    fn info(&mut self, core: &mut Core, now: Time, txn: TxnId, request: &Message) {
        if request.header_named("Info-Package").is_some() {
            if let Some(builder) = core.response(txn, 469) {
                core.respond(now, txn, builder.header("Recv-Info", ""));
            }
            return;
        }
        let content_type = request.header(Name::ContentType).unwrap_or_default();
        let body = request.body();
        match dtmf_info::read(content_type, body) {
            Err(NoKey::OtherKind) if !body.is_empty() => {
                if let Some(builder) = core.response(txn, 415) {
                    core.respond(now, txn, builder.header(Name::Accept, dtmf_info::ACCEPT));
                }
            }
            Err(NoKey::Garbage) if !body.is_empty() => core.answer(now, txn, 400),
            Err(_) => core.answer(now, txn, 200),
            Ok(_) => {
                core.answer(now, txn, 200);
                let (session, body) = (self.id, body.to_vec());
                core.tell(Event::Info { session, content_type: content_type.to_vec(), body });
            }
        }
    }
}
