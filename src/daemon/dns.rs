//! The switch's questions to the DNS: each is a task of its own, and its answer an input.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::exchange::Inputs;
use crate::net::dns::Resolver;
use crate::switch::Input;
use crate::wire::dns::Question;

/// Questions put at once; further ones wait for these.
const AT_ONCE: usize = 32;

/// Where questions go.
pub(super) struct Dns {
    resolver: Arc<Resolver>,
    room: Arc<Semaphore>,
    runtime: Handle,
    inputs: Inputs,
}

impl Dns {
    pub(super) fn new(resolver: Resolver, runtime: Handle, inputs: Inputs) -> Dns {
        let room = Arc::new(Semaphore::new(AT_ONCE));
        Dns { resolver: Arc::new(resolver), room, runtime, inputs }
    }

    /// Puts a question. Its answer finds no room only where the switch is far behind; the search is then
    /// begun anew in its time.
    pub(super) fn ask(&self, question: Question) {
        let (resolver, room, inputs) =
            (self.resolver.clone(), self.room.clone(), self.inputs.clone());
        self.runtime.spawn(async move {
            let Ok(_place) = room.acquire().await else { return };
            let answer = resolver.ask(&question).await;
            if inputs.offer(Input::Dns(question, answer)).is_err() {
                tracing::warn!("an answer of the DNS is dropped: the switch is behind");
            }
        });
    }
}
