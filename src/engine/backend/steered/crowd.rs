//! Ports at which so much comes that the others' queue would be in danger: they are read from their own
//! sockets until it is over, by turns where they are many.

/// Datagrams of one port in one turn above which it is set apart. A stream has one in 20 ms; even the
/// backlog of a machine that stood still for ten seconds stays below.
const MOST: u32 = 1_000;
/// The same in a turn after which something was left in the common queue: then many ports are flooded at
/// once, and each of them counts.
const MOST_PRESSED: u32 = 50;
/// Datagrams of a port set apart, in as many turns as below, below which it comes back.
const FEW: u32 = 200;
const TURNS: u32 = 200;

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
    most: u32,
    /// For each socket the last turn in which something came, and how much.
    tallies: Box<[(u32, u32)]>,
    /// Each socket has room in it.
    apart: Vec<Apart>,
    /// Who is read next.
    next: usize,
}

impl Crowds {
    pub(super) fn new(sockets: usize) -> Crowds {
        let tallies = vec![(0, 0); sockets].into();
        Crowds { turn: 0, most: MOST, tallies, apart: Vec::with_capacity(sockets), next: 0 }
    }

    /// A turn begins; `pressed`: the last one could not take all that had come.
    pub(super) fn turn(&mut self, pressed: bool) {
        self.turn = self.turn.wrapping_add(1);
        self.most = if pressed { MOST_PRESSED } else { MOST };
    }

    /// A datagram came for `socket` through the gate. Says whether it shall be set apart from now on; of one
    /// that is already, the rest of what lay in the common queue still comes.
    pub(super) fn came(&mut self, socket: u32) -> bool {
        let Some((turn, count)) = self.tallies.get_mut(socket as usize) else { return false };
        if *turn != self.turn {
            (*turn, *count) = (self.turn, 0);
        }
        *count += 1;
        if *count != self.most || self.apart.iter().any(|apart| apart.socket == socket) {
            return false;
        }
        self.apart.push(Apart { socket, turns: 0, datagrams: 0 });
        true
    }

    /// How many are set apart.
    pub(super) fn len(&self) -> usize {
        self.apart.len()
    }

    /// The place of the one whose turn it is; there is one.
    pub(super) fn next(&mut self) -> usize {
        let place = if self.next < self.apart.len() { self.next } else { 0 };
        self.next = place + 1;
        place
    }

    /// The one at `place`, below [`Crowds::len`].
    pub(super) fn socket(&self, place: usize) -> u32 {
        self.apart[place].socket
    }

    /// So much came for the one at `place` in this turn. Says whether it is over.
    pub(super) fn read(&mut self, place: usize, datagrams: u32) -> bool {
        let apart = &mut self.apart[place];
        apart.turns += 1;
        apart.datagrams += datagrams;
        if apart.turns < TURNS {
            return false;
        }
        let over = apart.datagrams < FEW;
        (apart.turns, apart.datagrams) = (0, 0);
        over
    }

    /// The one at `place` is apart no more; the last of them has its place, and its turn.
    pub(super) fn taken_back(&mut self, place: usize) {
        self.apart.swap_remove(place);
        self.next = place;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_set_apart_once_and_comes_back_when_it_is_over() {
        let mut crowds = Crowds::new(2);
        for _ in 0..5 {
            crowds.turn(false);
            assert!((1..MOST).all(|_| !crowds.came(0)), "a backlog is none");
        }
        assert!(crowds.came(0) && !crowds.came(0) && !crowds.came(1) && !crowds.came(9));
        assert_eq!((crowds.len(), crowds.socket(0)), (1, 0));
        for _ in 0..2 * TURNS {
            assert!(!crowds.read(0, 5), "it goes on");
        }
        let turns = (1..=TURNS).find(|_| crowds.read(0, 0));
        assert_eq!((turns, crowds.len()), (Some(TURNS), 1));
        crowds.taken_back(0);
        assert_eq!(crowds.len(), 0);
    }

    #[test]
    fn what_still_comes_of_one_that_is_apart_sets_nothing_apart_again() {
        let mut crowds = Crowds::new(1);
        crowds.turn(false);
        assert!((0..MOST).any(|_| crowds.came(0)));
        crowds.turn(false);
        assert!((0..2 * MOST).all(|_| !crowds.came(0)));
        assert_eq!(crowds.len(), 1);
    }

    #[test]
    fn many_that_are_flooded_together_are_set_apart_each() {
        let mut crowds = Crowds::new(8);
        crowds.turn(true);
        for socket in 0..8 {
            assert!((0..MOST / 2).any(|_| crowds.came(socket)));
        }
    }

    #[test]
    fn each_has_its_turn_whoever_goes() {
        let mut crowds = Crowds::new(5);
        crowds.turn(true);
        (0..5).for_each(|socket| assert!((0..MOST).any(|_| crowds.came(socket))));
        let turn = |crowds: &mut Crowds| {
            let place = crowds.next();
            (crowds.socket(place), place)
        };
        assert_eq!([(); 7].map(|()| turn(&mut crowds).0), [0, 1, 2, 3, 4, 0, 1]);
        let (socket, place) = turn(&mut crowds);
        assert_eq!(socket, 2);
        crowds.taken_back(place);
        assert_eq!([(); 5].map(|()| turn(&mut crowds).0), [4, 3, 0, 1, 4]);
    }
}
