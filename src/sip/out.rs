//! What the machines leave behind for the agent's driver: things to do, times to wake.

use std::collections::VecDeque;

use super::event::{Event, SessionId};
use super::timers::Timers;
use super::{Action, Flow};
use crate::wire::sip::Message;

/// Actions in their order, timers, and which sessions lost a transaction since somebody looked.
#[derive(Debug, Default)]
pub struct Out {
    /// For [`super::Agent::poll`].
    pub actions: VecDeque<Action>,
    /// All timers.
    pub timers: Timers,
    /// One entry for each client transaction of a session that is over.
    pub closed: Vec<SessionId>,
}

impl Out {
    /// Sends a message.
    pub fn send(&mut self, flow: Flow, message: Message) {
        self.actions.push_back(Action::Send { flow, message });
    }

    /// Tells the agent's user.
    pub fn tell(&mut self, event: Event) {
        self.actions.push_back(Action::Event(event));
    }
}
