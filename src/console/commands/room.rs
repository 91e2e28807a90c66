//! The words that follow the commands about conferences: which one, which members, what.

use super::Order;
use crate::base::LegId;
use crate::call::conference::{Change, GAIN_DB};
use crate::switch::Request;
use crate::switch::console::{RoomOrder, Who};

/// `ROOM MEMBER|all` and `more` words, which with the members become an order.
pub(super) fn order(
    rest: &str,
    make: impl Fn(Who, &str) -> Result<RoomOrder, String>,
    more: usize,
) -> Result<Order, String> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let [room, member, rest @ ..] = words.as_slice() else {
        return Err("write ROOM and MEMBER: a number, leg-N, or all".into());
    };
    match rest.get(more) {
        Some(word) => return Err(format!("leave out '{word}'")),
        None if rest.len() < more => return Err(format!("something has to follow '{member}'")),
        None => {}
    }
    let order = make(who(member), rest.first().copied().unwrap_or(""))?;
    Ok(Order::Ask(Request::RoomOrder((*room).into(), order)))
}

/// `ROOM MEMBER|all`, whose members are changed.
pub(super) fn change(rest: &str, change: Change) -> Result<Order, String> {
    order(rest, |who, _| Ok(RoomOrder::Change(who, change)), 0)
}

/// `ROOM`, which is locked or open again.
pub(super) fn lock(room: &str, locked: bool) -> Result<Order, String> {
    Ok(Order::Ask(Request::RoomOrder(room.into(), RoomOrder::Lock(locked))))
}

/// A gain in dB.
pub(super) fn gain(who: Who, db: &str) -> Result<RoomOrder, String> {
    let (least, most) = GAIN_DB.into_inner();
    match db.parse::<i8>().ok().filter(|db| GAIN_DB.contains(db)) {
        Some(db) => Ok(RoomOrder::Change(who, Change::Gain(db))),
        None => Err(format!("'{db}' is no gain: write {least} to {most} dB")),
    }
}

fn who(word: &str) -> Who {
    let leg = word.strip_prefix("leg-").and_then(|n| n.parse().ok());
    match leg {
        _ if word == "all" => Who::All,
        Some(leg) => Who::Leg(LegId(leg)),
        None => Who::Number(word.into()),
    }
}
