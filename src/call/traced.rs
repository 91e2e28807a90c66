//! Whose calls an operator watches as they go (`trace on`): by a number that calls or is called, or one call, for a
//! while and so many lines.
//!
//! What a line says is others' business; here is whether there is one.

use crate::base::{CallId, Duration, Time};

/// Orders at once.
const MOST_ORDERS: usize = 8;
/// Lines of one order at most: some hundred calls.
pub const MOST_LINES: u32 = 5_000;

/// Whose calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Whom {
    /// Those from or to this number.
    Number(String),
    /// This one.
    Call(CallId),
}

/// Who a call is, as far as that matters here.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// Its id.
    pub call: CallId,
    /// The numbers in it: caller's, dialled, now called.
    pub numbers: &'a [&'a str],
}

#[derive(Debug)]
struct Order {
    whom: Whom,
    until: Time,
    left: u32,
}

/// What is watched.
#[derive(Debug, Default)]
pub struct Traced {
    orders: Vec<Order>,
}

impl Whom {
    fn is(&self, who: Who<'_>) -> bool {
        match self {
            Whom::Call(call) => *call == who.call,
            Whom::Number(number) => who.numbers.contains(&number.as_str()),
        }
    }
}

impl Traced {
    /// From now on, for so long; the same again begins anew. `false`: there are too many.
    pub fn begin(&mut self, now: Time, whom: Whom, time: Duration) -> bool {
        self.orders.retain(|order| order.whom != whom);
        if self.orders.len() >= MOST_ORDERS {
            return false;
        }
        self.orders.push(Order { whom, until: now + time, left: MOST_LINES });
        true
    }

    /// No call any more.
    pub fn end(&mut self) {
        self.orders.clear();
    }

    /// Whether anything is watched.
    pub fn any(&self) -> bool {
        !self.orders.is_empty()
    }

    /// Whether this call is.
    pub fn is(&self, who: Who<'_>) -> bool {
        self.orders.iter().any(|order| order.whom.is(who))
    }

    /// Takes the room of one line. `false`: there is none, or the call is not watched.
    pub fn line(&mut self, who: Who<'_>) -> bool {
        let order = self.orders.iter_mut().find(|order| order.whom.is(who) && order.left > 0);
        order.is_some_and(|order| {
            order.left -= 1;
            true
        })
    }

    /// When the first ends.
    pub fn next_wake(&self) -> Option<Time> {
        self.orders.iter().map(|order| order.until).min()
    }

    /// Forgets those whose time is over, and those that have said all that they may. True: it was the last.
    pub fn due(&mut self, now: Time) -> bool {
        let before = self.any();
        self.orders.retain(|order| now < order.until && order.left > 0);
        before && !self.any()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Wall;

    #[test]
    fn calls_of_a_number_are_watched_for_a_while_and_so_many_lines() {
        let (mut traced, minute) = (Traced::default(), Duration::from_secs(60));
        let one = CallId::new(Wall(1), 1);
        let from = Who { call: one, numbers: &["138", "400"] };
        let other = Who { call: CallId::new(Wall(1), 2), numbers: &["139", "1380"] };
        let at = |s: u64| Time::from_millis(s * 1_000);
        assert!(!traced.is(from) && !traced.line(from));
        assert!(traced.begin(at(0), Whom::Number("138".into()), minute));
        assert!(traced.is(from) && !traced.is(other) && traced.line(from) && !traced.line(other));
        assert!(traced.begin(at(0), Whom::Call(other.call), minute / 2));
        assert!(traced.is(other));
        assert_eq!(traced.next_wake(), Some(at(30)));
        assert!(!traced.due(at(30)), "one is left");
        assert!(!traced.is(other));
        for _ in 1..MOST_LINES {
            assert!(traced.line(from));
        }
        assert!(!traced.line(from), "it has said all that it may");
        assert!(traced.due(at(31)) && !traced.any());
        for n in 0..MOST_ORDERS {
            assert!(traced.begin(at(0), Whom::Number(n.to_string()), minute));
        }
        assert!(!traced.begin(at(0), Whom::Number("x".into()), minute));
        assert!(traced.begin(at(0), Whom::Number("0".into()), minute), "the same again");
        traced.end();
        assert_eq!((traced.any(), traced.next_wake()), (false, None));
    }
}
