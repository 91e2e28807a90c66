//! What a start takes over from the process before: who was registered.
//!
//! Place: the daemon reads the records as soon as those have all from before the start, and brings
//! [`Input::Registrations`](super::Input::Registrations). Calls do not come back; what phones' users wish
//! stands in `forwarding`, held messages in `messages`.

use crate::base::{Duration, Now, Wall};
use crate::sip::Flow;
/// How the records mark a registration whose end is what was promised.
pub use crate::sip::registrar::SURE;
use crate::sip::registrar::{Binding, Change, holds};

use super::Switch;
use super::requests::phone_registered;

/// A registration that the records have of before the start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptBinding {
    /// The phone's number.
    pub number: String,
    /// The binding, as [`Binding::to_record`] wrote it.
    pub record: String,
    /// Until when it held when that was written; it may have been renewed since without being written
    /// ([`holds`]).
    pub expires: Wall,
}

impl Switch {
    /// The registrations that the records have of before the start: phones need not wait for their
    /// next refresh to be called. Those of other listeners than today's, and of phones that are no
    /// longer configured, are gone.
    pub(super) fn registrations_restored(&mut self, now: Now, rows: Vec<KeptBinding>) {
        for KeptBinding { number, record, expires } in rows {
            let Some(phone) = self.config.phone(&number) else { continue };
            let most = phone.max_contacts as usize;
            let written = expires.0.saturating_sub(now.wall.0);
            let Some(left) = holds(&record, written) else { continue };
            let left = left.min(self.config.sip.max_expires);
            let Some(binding) = Binding::from_record(&record, now.at, now.at + left) else {
                continue;
            };
            if self.listens_on(binding.flow)
                && self.registrar.restore(now.at, &number, binding.clone(), most)
            {
                // Written without what it may have been renewed by, or each restart would add as much.
                let mut told = binding;
                let written = Duration::from_millis(u64::try_from(written).unwrap_or(0));
                told.expires = now.at + written.min(left);
                self.binding_changed(now, &number, Change::Renewed(told));
            }
        }
    }

    /// The exchange is about to end in good order: renewals that were not worth a line before are now, so that
    /// nobody is registered for longer than promised after the start.
    pub(super) fn keep_registrations(&mut self, now: Now) {
        for (number, binding) in self.registrar.untold() {
            self.fact(now, phone_registered(now, &number, &binding));
        }
    }

    /// Whether the flow's own address is one of ours today.
    fn listens_on(&self, flow: Flow) -> bool {
        self.listening.contains(&(flow.transport, flow.local))
    }
}
