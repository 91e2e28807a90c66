//! Commands to a unit in its call, as keys: how it is spoken to, the door, the end of it (R10).
//!
//! ```text
//!  order ─▶ keys ─▶ the unit         listen, talk, duplex: said again, or a null, each 50 s while somebody talks,
//!  clear ─▶ keys ─▶ the unit         or the unit ends the call by itself
//!     └─ 10 s ─▶ its call is released
//! ```
//!
//! SS 91100 and BS 8521-1 have the same keys for the opposite: 7 is "listen" in one and "speak" in the other. So no key
//! is sent to a unit whose protocol is not known. Sources: domain notes on SCAIP §2, BS 8521:2009 §6. Not here: which
//! leg is the unit's, how a key is sent.

use crate::base::{Duration, Time};

use super::report::Protocol;

/// While somebody talks the unit hears something so often: the standards want less than a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(50);
/// After "clear down" the unit ends the call; one that does not is released after this.
const CLEARS_WITHIN: Duration = Duration::from_secs(10);
/// A door's key that is pressed again within this was meant.
const CONFIRMS_WITHIN: Duration = Duration::from_secs(5);

/// What a unit can be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Both speak.
    Duplex,
    /// The home is heard alone.
    Listen,
    /// The centre is heard alone.
    Talk,
    /// Its loudspeaker louder.
    Louder,
    /// Its loudspeaker softer.
    Softer,
    /// The door is opened, or the key safe.
    Door,
    /// It ends the call.
    Clear,
}

impl Order {
    /// Each with its word.
    pub const ALL: [(Order, &'static str); 7] = [
        (Order::Duplex, "duplex"),
        (Order::Listen, "listen"),
        (Order::Talk, "talk"),
        (Order::Louder, "louder"),
        (Order::Softer, "softer"),
        (Order::Door, "door"),
        (Order::Clear, "clear"),
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        Order::ALL.iter().find(|(order, _)| *order == self).map_or("", |(_, word)| word)
    }

    /// The one that has this word.
    pub fn named(word: &str) -> Option<Order> {
        Order::ALL.iter().find(|(_, own)| *own == word).map(|(order, _)| *order)
    }
}

/// In which keys a unit is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// SS 91100; which of 1 and 3 is louder differs between makes.
    Scaip {
        /// 3 is louder.
        louder_by_3: bool,
    },
    /// BS 8521-1.
    Bs8521,
}

impl Dialect {
    /// Of a unit that reported in this protocol. `None`: its protocol has no keys, or is not known.
    pub fn of(protocol: Protocol, louder_by_3: bool) -> Option<Dialect> {
        match protocol {
            Protocol::Scaip => Some(Dialect::Scaip { louder_by_3 }),
            Protocol::Bs8521 | Protocol::NowIp => Some(Dialect::Bs8521),
            Protocol::Voice | Protocol::ContactId | Protocol::Unknown | Protocol::Centre => None,
        }
    }

    /// Keys of a phone that do not reach the unit by themselves: by them a door would open, and that wants the right to it
    /// and a second word. In BS 8521-1 `A` begins the command.
    /// Who is not known may be either.
    pub fn withheld(known: Option<Dialect>) -> &'static str {
        match known {
            Some(Dialect::Scaip { .. }) => "9",
            Some(Dialect::Bs8521) => "A",
            None => "9A",
        }
    }

    /// The keys of an order.
    pub fn keys(self, order: Order) -> &'static str {
        match (self, order) {
            (Dialect::Scaip { .. }, Order::Duplex) => "4",
            (Dialect::Scaip { .. }, Order::Listen) => "7",
            (Dialect::Scaip { .. }, Order::Talk) => "8",
            (Dialect::Scaip { .. }, Order::Door) => "9",
            (Dialect::Scaip { .. }, Order::Clear) => "0",
            (Dialect::Scaip { louder_by_3 }, Order::Louder) => {
                if louder_by_3 {
                    "3"
                } else {
                    "1"
                }
            }
            (Dialect::Scaip { louder_by_3 }, Order::Softer) => {
                if louder_by_3 {
                    "1"
                } else {
                    "3"
                }
            }
            (Dialect::Bs8521, Order::Duplex) => "A38#",
            (Dialect::Bs8521, Order::Listen) => "8",
            (Dialect::Bs8521, Order::Talk) => "7",
            (Dialect::Bs8521, Order::Louder) => "A34#",
            (Dialect::Bs8521, Order::Softer) => "A35#",
            (Dialect::Bs8521, Order::Door) => "A20001#",
            (Dialect::Bs8521, Order::Clear) => "D",
        }
    }

    /// How long a key is and the pause after it, milliseconds.
    pub fn times(self) -> [u32; 2] {
        match self {
            Dialect::Scaip { .. } => [200, 100],
            Dialect::Bs8521 => [100, 100],
        }
    }
}

/// What falls due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// These keys are to be sent.
    Keys(&'static str),
    /// It was to end the call and has not: it is released.
    Release,
}

/// The line to one unit while its call is up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    dialect: Dialect,
    /// How it is spoken to, as was ordered last.
    mode: Order,
    /// When it is to hear something again.
    again: Time,
    /// When it is released.
    release: Time,
    /// Until when a second press of a door's key opens it.
    door: Time,
}

impl Line {
    /// Somebody talks to it: in duplex, as a call begins.
    pub fn new(now: Time, dialect: Dialect) -> Line {
        Line {
            dialect,
            mode: Order::Duplex,
            again: now + KEEP_ALIVE,
            release: Time::NEVER,
            door: Time::ZERO,
        }
    }

    /// How it is spoken to.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Tells it something: the keys.
    pub fn order(&mut self, now: Time, order: Order) -> &'static str {
        self.again = now + KEEP_ALIVE;
        match order {
            Order::Duplex | Order::Listen | Order::Talk => self.mode = order,
            Order::Clear => (self.again, self.release) = (Time::NEVER, now + CLEARS_WITHIN),
            Order::Louder | Order::Softer | Order::Door => {}
        }
        self.dialect.keys(order)
    }

    /// A phone has pressed the key of a door. `true`: for the second time within five seconds, by which it is meant.
    pub fn door_pressed(&mut self, now: Time) -> bool {
        let meant = now < self.door;
        self.door = if meant { Time::ZERO } else { now + CONFIRMS_WITHIN };
        meant
    }

    /// When something is due.
    pub fn deadline(&self) -> Time {
        self.again.min(self.release)
    }

    /// What is due now.
    pub fn wake(&mut self, now: Time) -> Option<Due> {
        if self.release <= now {
            self.release = Time::NEVER;
            return Some(Due::Release);
        }
        if now < self.again {
            return None;
        }
        self.again = now + KEEP_ALIVE;
        Some(Due::Keys(match self.dialect {
            // SS 91100: the mode once more; BS 8521-1 §6.5: the null command.
            Dialect::Scaip { .. } => self.dialect.keys(self.mode),
            Dialect::Bs8521 => "#",
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SCAIP: Dialect = Dialect::Scaip { louder_by_3: false };

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1_000)
    }

    /// The same key says the opposite in the two protocols.
    #[test]
    fn seven_and_eight_are_reversed() {
        assert_eq!((SCAIP.keys(Order::Listen), SCAIP.keys(Order::Talk)), ("7", "8"));
        assert_eq!(
            (Dialect::Bs8521.keys(Order::Listen), Dialect::Bs8521.keys(Order::Talk)),
            ("8", "7")
        );
        let other = Dialect::Scaip { louder_by_3: true };
        assert_eq!((SCAIP.keys(Order::Louder), other.keys(Order::Louder)), ("1", "3"));
        for protocol in [Protocol::Voice, Protocol::ContactId, Protocol::Unknown] {
            assert_eq!(Dialect::of(protocol, false), None, "no key to who may not know it");
        }
        for (order, word) in Order::ALL {
            assert_eq!((Order::named(word), order.as_str()), (Some(order), word));
        }
    }

    #[test]
    fn the_mode_is_said_again_within_a_minute() {
        let mut line = Line::new(at(0), SCAIP);
        assert_eq!(line.wake(at(49)), None);
        assert_eq!(line.wake(at(50)), Some(Due::Keys("4")));
        assert_eq!(line.order(at(60), Order::Listen), "7");
        assert_eq!(line.deadline(), at(110));
        assert_eq!(line.order(at(100), Order::Louder), "1");
        assert_eq!(line.wake(at(150)), Some(Due::Keys("7")), "and not how loud it is");
        let mut line = Line::new(at(0), Dialect::Bs8521);
        line.order(at(1), Order::Talk);
        assert_eq!(line.wake(at(51)), Some(Due::Keys("#")));
    }

    #[test]
    fn a_doors_key_is_meant_when_it_is_pressed_twice() {
        let mut line = Line::new(at(0), SCAIP);
        let pressed: Vec<bool> = [10, 15, 19, 20].map(|s| line.door_pressed(at(s))).into();
        assert_eq!(pressed, [false, false, true, false]);
        for dialect in [SCAIP, Dialect::Bs8521] {
            assert!(dialect.keys(Order::Door).starts_with(Dialect::withheld(Some(dialect))));
        }
    }

    #[test]
    fn who_does_not_clear_is_released() {
        let mut line = Line::new(at(0), Dialect::Bs8521);
        assert_eq!(line.order(at(5), Order::Clear), "D");
        assert_eq!(line.wake(at(14)), None);
        assert_eq!(line.wake(at(15)), Some(Due::Release));
        assert_eq!((line.deadline(), line.wake(at(500))), (Time::NEVER, None));
    }

    proptest! {
        /// Whatever is ordered: until it is cleared the unit hears something within each minute.
        #[test]
        fn no_minute_is_silent(orders in proptest::collection::vec((0usize..6, 0u64..200), 0..50)) {
            let (mut line, mut now, mut heard) = (Line::new(at(0), SCAIP), 0, 0);
            for (which, later) in orders {
                let then = now + later;
                while line.deadline() <= at(then) {
                    now = line.deadline().as_millis() / 1_000;
                    prop_assert!(line.wake(at(now)).is_some());
                    prop_assert!(now - heard < 60);
                    heard = now;
                }
                now = then;
                prop_assert!(now - heard < 60);
                line.order(at(now), Order::ALL[which].0);
                heard = now;
            }
        }
    }
}
