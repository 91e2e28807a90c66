//! Which worker has which call, leg and recording.
//!
//! All legs of a call live on one worker, so that their audio never crosses threads; a new call goes to
//! the worker with the fewest legs. Calls of several workers meet in a room: it has a part on each of
//! them, which are told of each other whenever one is added.

use std::collections::HashMap;

use crate::base::{CallId, LegId, RecordingId, RoomId};
use crate::media::control::Command;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Roster {
    /// Legs of each worker.
    load: Vec<usize>,
    /// The worker of each call, and its open legs.
    groups: HashMap<CallId, (usize, usize)>,
    legs: HashMap<LegId, (usize, CallId)>,
    recordings: HashMap<RecordingId, usize>,
    /// The workers on which a room has parts, bit by bit, and the first of them: what is played to
    /// all comes from there.
    rooms: HashMap<RoomId, (u64, usize)>,
}

/// For whom a command is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum For {
    /// For this worker.
    Worker(usize),
    /// For nobody: the leg or recording that it names is gone.
    Nobody,
    /// For nobody: it opens a leg that is open.
    Duplicate(LegId),
}

impl Roster {
    /// For so many workers.
    pub(super) fn new(workers: usize) -> Roster {
        Roster { load: vec![0; workers], ..Roster::default() }
    }

    /// Whom `command` concerns; notes what it opens and closes.
    pub(super) fn route<C>(&mut self, command: &Command<C>) -> For {
        let worker = match command {
            Command::Open { leg, group, .. } => return self.open(*leg, *group),
            Command::Close { leg } => self.forget(*leg),
            Command::Record { recording, left, .. } => {
                let worker = self.legs.get(left).map(|(worker, _)| *worker);
                // A recording of a leg that is gone has to be ended all the same, by any worker.
                self.recordings.insert(*recording, worker.unwrap_or(0));
                worker
            }
            Command::StopRecord { recording } => {
                Some(self.recordings.remove(recording).unwrap_or(0))
            }
            Command::SetRecordLegs { recording, .. } | Command::PauseRecord { recording, .. } => {
                self.recordings.get(recording).copied()
            }
            Command::PlayRoom { room, .. } | Command::StopPlayRoom { room } => {
                self.rooms.get(room).map(|(_, first)| *first)
            }
            // Made by the engine for each part; CloseRoom goes to all of them.
            Command::RoomParts { .. } | Command::CloseRoom { .. } => None,
            Command::Bridge { a: leg, .. }
            | Command::Copy { leg, .. }
            | Command::Set { leg, .. }
            | Command::Unbridge { leg }
            | Command::Play { leg, .. }
            | Command::Aside { leg, .. }
            | Command::StopPlay { leg }
            | Command::HearTones { leg, .. }
            | Command::Join { leg, .. }
            | Command::Leave { leg }
            | Command::HoldKeys { leg, .. }
            | Command::SendDigits { leg, .. } => self.legs.get(leg).map(|(worker, _)| *worker),
        };
        worker.map_or(For::Nobody, For::Worker)
    }

    /// A member of `room` lives on `worker`. Gives the workers that have parts of the room, when that
    /// adds one to others: all have to be told.
    pub(super) fn joined(&mut self, room: RoomId, worker: usize) -> Option<u64> {
        let (workers, _) = self.rooms.entry(room).or_insert((0, worker));
        let before = std::mem::replace(workers, *workers | 1 << worker);
        (before != 0 && before != *workers).then_some(*workers)
    }

    /// The room is over. Gives the workers that have parts of it.
    pub(super) fn closed(&mut self, room: RoomId) -> u64 {
        self.rooms.remove(&room).map_or(0, |(workers, _)| workers)
    }

    /// The leg is not there after all, or no more. Gives its worker.
    pub(super) fn forget(&mut self, leg: LegId) -> Option<usize> {
        let (worker, group) = self.legs.remove(&leg)?;
        self.load[worker] -= 1;
        if let Some((_, legs)) = self.groups.get_mut(&group) {
            *legs -= 1;
            if *legs == 0 {
                self.groups.remove(&group);
            }
        }
        Some(worker)
    }

    fn open(&mut self, leg: LegId, group: CallId) -> For {
        if self.legs.contains_key(&leg) {
            return For::Duplicate(leg);
        }
        let fewest = (0..self.load.len()).min_by_key(|n| self.load[*n]);
        let Some(fewest) = fewest else { return For::Nobody };
        let (worker, legs) = self.groups.entry(group).or_insert((fewest, 0));
        *legs += 1;
        self.legs.insert(leg, (*worker, group));
        self.load[*worker] += 1;
        For::Worker(*worker)
    }

    /// Nothing is left over.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let talks = self.groups.is_empty() && self.legs.is_empty();
        talks && self.recordings.is_empty() && self.rooms.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Wall;
    use crate::media::control::{Membership, RecordFormat};

    type Asked = Command<String>;

    fn open(leg: u64, call: u64) -> Asked {
        let near = std::net::Ipv4Addr::LOCALHOST.into();
        Command::Open { leg: LegId(leg), group: CallId::new(Wall(1), call), near }
    }
    fn close(leg: u64) -> Asked {
        Command::Close { leg: LegId(leg) }
    }

    #[test]
    fn a_call_stays_on_one_worker_and_calls_are_spread() {
        let mut roster = Roster::new(2);
        assert_eq!(roster.route(&open(1, 1)), For::Worker(0));
        assert_eq!(roster.route(&open(2, 2)), For::Worker(1));
        assert_eq!(roster.route(&open(3, 1)), For::Worker(0));
        assert_eq!(roster.route(&open(4, 3)), For::Worker(1), "one leg against two");
        assert_eq!(roster.route(&open(3, 2)), For::Duplicate(LegId(3)));
        assert_eq!(roster.route(&Asked::StopPlay { leg: LegId(3) }), For::Worker(0));
        for (leg, worker) in [(1, 0), (3, 0), (2, 1), (4, 1)] {
            assert_eq!(roster.route(&close(leg)), For::Worker(worker));
        }
        assert_eq!(roster.route(&close(4)), For::Nobody);
        assert!(roster.is_empty() && roster.load == [0, 0]);
    }

    #[test]
    fn a_leg_that_got_no_port_is_forgotten() {
        let mut roster = Roster::new(1);
        roster.route(&open(1, 1));
        assert_eq!(roster.forget(LegId(1)), Some(0));
        assert_eq!(roster.forget(LegId(1)), None);
        assert!(roster.is_empty());
    }

    #[test]
    fn a_room_has_a_part_wherever_a_member_lives() {
        let mut roster = Roster::new(3);
        let room = RoomId(1);
        (1..=3).for_each(|n| _ = roster.route(&open(n, n)));
        let membership = Membership::PARTY;
        let join = |leg| Asked::Join { leg: LegId(leg), room, membership };
        let play = Asked::StopPlayRoom { room };
        assert_eq!(roster.route(&play), For::Nobody);
        assert_eq!(roster.route(&join(2)), For::Worker(1));
        assert_eq!(roster.joined(room, 1), None, "alone there is nobody to tell");
        assert_eq!(roster.route(&join(3)), For::Worker(2));
        assert_eq!(roster.joined(room, 2), Some(0b110));
        assert_eq!(roster.joined(room, 1), None);
        assert_eq!(roster.route(&play), For::Worker(1));
        assert_eq!((roster.closed(room), roster.closed(room)), (0b110, 0));
        (1..=3).for_each(|n| _ = roster.route(&close(n)));
        assert!(roster.is_empty());
    }

    #[test]
    fn the_end_of_a_recording_always_finds_a_worker() {
        let mut roster = Roster::new(2);
        roster.route(&open(1, 1));
        roster.route(&open(2, 2));
        let (recording, leg) = (RecordingId(5), LegId(2));
        let (format, beep) = (RecordFormat::Alaw, None);
        let record = Asked::Record { recording, format, beep, left: leg, right: None };
        assert_eq!(roster.route(&record), For::Worker(1));
        assert_eq!(roster.route(&Asked::PauseRecord { recording, paused: true }), For::Worker(1));
        assert_eq!(roster.route(&Asked::StopRecord { recording }), For::Worker(1));
        let gone = Asked::Record { recording, format, beep, left: LegId(9), right: None };
        assert_eq!(roster.route(&gone), For::Nobody);
        assert_eq!(roster.route(&Asked::StopRecord { recording }), For::Worker(0));
        roster.route(&close(1));
        roster.route(&close(2));
        assert!(roster.is_empty());
    }
}
