//! Ports at which so much comes that the others' queue would be in danger: they are read from their own
//! sockets until it is over.

/// Datagrams of one port in one turn above which it is set apart. A stream has one in 20 ms; even the
/// backlog of a machine that stood still for ten seconds stays below.
const MOST: u32 = 1_000;
/// Datagrams of a port set apart, in as many turns as below, below which it comes back.
const FEW: u32 = 200;
const TURNS: u32 = 200;
/// Ports set apart at most: each costs a call a turn.
const PLACES: usize = 64;

/// One that is set apart.
#[derive(Clone, Copy, Debug)]
struct Apart {
    socket: u32,
    turns: u32,
    datagrams: u32,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Crowds {
    turn: u32,
    /// For each socket the last turn in which something came, and how much.
    tallies: Box<[(u32, u32)]>,
    apart: Vec<Apart>,
}

impl Crowds {
    pub(super) fn new(sockets: usize) -> Crowds {
        let tallies = vec![(0, 0); sockets].into();
        Crowds { turn: 0, tallies, apart: Vec::with_capacity(PLACES) }
    }

    /// A turn begins.
    pub(super) fn turn(&mut self) {
        self.turn = self.turn.wrapping_add(1);
    }

    /// A datagram came for `socket` through the gate. Says whether it shall be set apart from now on.
    pub(super) fn came(&mut self, socket: u32) -> bool {
        let Some((turn, count)) = self.tallies.get_mut(socket as usize) else { return false };
        if *turn != self.turn {
            (*turn, *count) = (self.turn, 0);
        }
        *count += 1;
        if *count != MOST || self.apart.len() == PLACES {
            return false;
        }
        self.apart.push(Apart { socket, turns: 0, datagrams: 0 });
        true
    }

    /// How many are set apart.
    pub(super) fn len(&self) -> usize {
        self.apart.len()
    }

    /// The one at `place`, below [`Crowds::len`].
    pub(super) fn socket(&self, place: usize) -> u32 {
        self.apart[place].socket
    }

    /// So much came for the one at `place` in this turn. Says whether it is over: then it is apart no more,
    /// and the last of them has its place.
    pub(super) fn read(&mut self, place: usize, datagrams: u32) -> bool {
        let apart = &mut self.apart[place];
        apart.turns += 1;
        apart.datagrams += datagrams;
        if apart.turns < TURNS {
            return false;
        }
        let over = apart.datagrams < FEW;
        (apart.turns, apart.datagrams) = (0, 0);
        if over {
            self.apart.swap_remove(place);
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_set_apart_once_and_comes_back_when_it_is_over() {
        let mut crowds = Crowds::new(2);
        for _ in 0..5 {
            crowds.turn();
            assert!((1..MOST).all(|_| !crowds.came(0)), "a backlog is none");
        }
        assert!(crowds.came(0) && !crowds.came(0) && !crowds.came(1) && !crowds.came(9));
        assert_eq!((crowds.len(), crowds.socket(0)), (1, 0));
        for _ in 0..2 * TURNS {
            assert!(!crowds.read(0, 5), "it goes on");
        }
        let turns = (1..=TURNS).find(|_| crowds.read(0, 0));
        assert_eq!((turns, crowds.len()), (Some(TURNS), 0));
    }

    #[test]
    fn no_more_are_set_apart_than_there_are_places() {
        let mut crowds = Crowds::new(PLACES + 1);
        crowds.turn();
        let apart = (0..=PLACES as u32).filter(|s| (0..2 * MOST).any(|_| crowds.came(*s)));
        assert_eq!(apart.count(), PLACES);
        assert_eq!(crowds.len(), PLACES);
    }
}
