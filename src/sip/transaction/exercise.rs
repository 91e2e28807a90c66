//! Any list of operations on the four machines, read from bytes, with the invariants checked: the
//! body of the fuzz target `sip_transaction` and of the property tests.
//!
//! What must hold whatever happens: once Terminated, nothing is sent or told and no wake-up asked;
//! after a wake-up at its own time a machine never asks for the same or an earlier time; left
//! alone it ends within 64 T1 of its last input, or waits only for its user; and what it sends by
//! itself is bounded.

use super::{
    Actions, ClientInvite, ClientNonInvite, Outgoing, ServerInvite, ServerNonInvite, Timer, Timing,
    client_invite, client_non_invite, server_invite, server_non_invite,
};
use crate::base::{Duration, Time};

/// The most that a machine sends by itself: timer E or G over 64 T1.
const MOST_RESENDS: u32 = 10;

/// One operation.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// The peer's request again, or a response with this status.
    Peer(u16),
    Ack,
    /// Our user responds, or abandons.
    User(u16),
    Unreachable,
    /// Time passes (milliseconds), with the wake-ups that fall into it.
    Pass(u64),
}

/// Two bytes an operation.
fn op(pair: &[u8]) -> Op {
    const STATUS: [u16; 8] = [100, 180, 200, 299, 302, 404, 503, 699];
    let status = STATUS[usize::from(pair[1]) % STATUS.len()];
    match pair[0] % 8 {
        0 | 1 => Op::Peer(status),
        2 => Op::Ack,
        3 | 4 => Op::User(status),
        5 => Op::Unreachable,
        6 => Op::Pass(u64::from(pair[1]) * 4),
        _ => Op::Pass(u64::from(pair[1]) * 150),
    }
}

/// What the four have in common.
trait Machine {
    fn apply(&mut self, now: Time, op: Op) -> Actions;
    fn wake(&mut self, now: Time) -> Actions;
    fn next(&self) -> Option<(Time, Timer)>;
    fn over(&self) -> bool;
}

macro_rules! machine {
    ($type:ident, $module:ident, $apply:expr) => {
        impl Machine for $type {
            fn apply(&mut self, now: Time, op: Op) -> Actions {
                let choose: fn(Op) -> Option<$module::Input> = $apply;
                choose(op).map_or(Actions::NONE, |input| self.handle(now, input))
            }
            fn wake(&mut self, now: Time) -> Actions {
                self.handle(now, $module::Input::Wake)
            }
            fn next(&self) -> Option<(Time, Timer)> {
                self.next_wake()
            }
            fn over(&self) -> bool {
                self.state() == $module::State::Terminated
            }
        }
    };
}

machine!(ServerInvite, server_invite, |op| match op {
    Op::Peer(_) => Some(server_invite::Input::Invite),
    Op::Ack => Some(server_invite::Input::Ack),
    Op::User(status) => Some(server_invite::Input::Respond(status)),
    Op::Unreachable => Some(server_invite::Input::Unreachable),
    Op::Pass(_) => None,
});
machine!(ServerNonInvite, server_non_invite, |op| match op {
    Op::Peer(_) | Op::Ack => Some(server_non_invite::Input::Request),
    Op::User(status) => Some(server_non_invite::Input::Respond(status)),
    Op::Unreachable => Some(server_non_invite::Input::Unreachable),
    Op::Pass(_) => None,
});
machine!(ClientInvite, client_invite, |op| match op {
    Op::Peer(status) => Some(client_invite::Input::Response(status)),
    Op::User(_) => Some(client_invite::Input::Abandon),
    Op::Unreachable => Some(client_invite::Input::Unreachable),
    Op::Ack | Op::Pass(_) => None,
});
machine!(ClientNonInvite, client_non_invite, |op| match op {
    Op::Peer(status) => Some(client_non_invite::Input::Response(status)),
    Op::Unreachable => Some(client_non_invite::Input::Unreachable),
    Op::Ack | Op::User(_) | Op::Pass(_) => None,
});

/// Lets time pass to `until`, waking as asked. Returns what the machine sent by itself.
fn pass(machine: &mut dyn Machine, now: Time, until: Time) -> u32 {
    let mut sent = 0;
    let mut clock = now;
    while let Some((at, why)) = machine.next() {
        if at > until {
            break;
        }
        assert!(at >= clock, "{why:?} asked for the past");
        clock = at;
        sent += u32::from(machine.wake(at).send.is_some());
        assert!(machine.next().is_none_or(|(next, _)| next > at), "{why:?} does not move on");
    }
    sent
}

fn run(machine: &mut dyn Machine, bytes: &[u8]) {
    let mut now = Time::ZERO;
    let mut resends = 0;
    for pair in bytes.chunks_exact(2) {
        let op = op(pair);
        if let Op::Pass(ms) = op {
            let until = now + Duration::from_millis(ms);
            resends += pass(machine, now, until);
            now = until;
            continue;
        }
        let over = machine.over();
        let actions = machine.apply(now, op);
        assert!(!over || actions == Actions::NONE, "{op:?} stirred a terminated transaction");
        let answers_only = !matches!(actions.send, Some(Outgoing::Request));
        assert!(answers_only, "a request is only ever sent again by a timer");
    }
    let end = now + Timing::default().life();
    resends += pass(machine, now, end);
    assert!(resends <= MOST_RESENDS, "{resends} retransmissions");
    assert!(machine.next().is_none(), "it still has a timer 64 T1 after the last input");
}

/// Runs the operations in `bytes` on each machine over both kinds of transport. Panics when an
/// invariant does not hold.
pub fn operations(bytes: &[u8]) {
    let timing = Timing::default();
    for reliable in [false, true] {
        run(&mut ServerInvite::new(timing, reliable), bytes);
        run(&mut ServerNonInvite::new(Time::ZERO, timing, reliable), bytes);
        run(&mut ClientInvite::new(Time::ZERO, timing, reliable), bytes);
        run(&mut ClientNonInvite::new(Time::ZERO, timing, reliable), bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_operations_keep_the_invariants(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            super::operations(&bytes);
        }
    }
}
