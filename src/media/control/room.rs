//! What the switch says of a room's member: on which line it speaks, which it hears, how loud.
//!
//! A room has a few *lines*. A member speaks on at most one and hears any number of them, never
//! itself. That is all it takes for a conference, a three-way call and a supervisor:
//!
//! | | speaks on | hears |
//! |---|---|---|
//! | party | talk | talk |
//! | listens | – | talk |
//! | whispers | coach | talk |
//! | is coached (the agent) | talk | talk, coach |
//! | barges in | talk | talk |

use serde::{Deserialize, Serialize};

/// Lines of a room: one for all, three for coaches.
pub const LINES: usize = 4;

/// One line of a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Line(u8);

impl Line {
    /// The one that every party hears.
    pub const TALK: Line = Line(0);

    /// The `n`-th coach's, from 0; `None` when there are not so many.
    pub fn coach(n: u8) -> Option<Line> {
        (usize::from(n) + 1 < LINES).then(|| Line(n + 1))
    }
    /// Its place in an array of [`LINES`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A set of lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lines(u8);

impl Lines {
    /// None of them.
    pub const NONE: Lines = Lines(0);
    /// That on which all talk.
    pub const TALK: Lines = Lines(1);

    /// With `line` too.
    #[must_use]
    pub fn and(self, line: Line) -> Lines {
        Lines(self.0 | 1 << line.0)
    }
    /// Whether `line` is in it.
    pub fn has(self, line: Line) -> bool {
        self.0 & 1 << line.0 != 0
    }
    /// The places of its lines in an array of [`LINES`].
    pub fn indexes(self) -> impl Iterator<Item = usize> {
        (0..LINES).filter(move |n| self.0 & 1 << n != 0)
    }
}

/// What a member is in its room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Membership {
    /// The line on which it is heard; `None`: it only listens.
    pub speaks: Option<Line>,
    /// The lines that it hears, without its own voice.
    pub hears: Lines,
    /// Not heard for the time being.
    pub muted: bool,
    /// Hears nothing for the time being.
    pub deaf: bool,
    /// Its voice is brought to the level of the others by itself.
    #[serde(default)]
    pub agc: bool,
    /// How much louder it is to the others, dB.
    pub gain_in_db: i8,
    /// How much louder the others are to it, dB.
    pub gain_out_db: i8,
}

impl Membership {
    /// Of a conference, or one who barges in.
    pub const PARTY: Membership = Membership {
        speaks: Some(Line::TALK),
        hears: Lines::TALK,
        muted: false,
        deaf: false,
        agc: false,
        gain_in_db: 0,
        gain_out_db: 0,
    };
    /// A supervisor whom nobody hears.
    pub const LISTENER: Membership = Membership { speaks: None, ..Membership::PARTY };

    /// A supervisor who is heard by those only that are [`coached`](Membership::coached) on `line`.
    pub fn coach(line: Line) -> Membership {
        Membership { speaks: Some(line), ..Membership::PARTY }
    }
    /// An agent who hears the coach on `line` besides the talk.
    pub fn coached(line: Line) -> Membership {
        Membership { hears: Lines::TALK.and(line), ..Membership::PARTY }
    }
    /// The line on which it is heard now.
    pub fn voice(&self) -> Option<Line> {
        self.speaks.filter(|_| !self.muted)
    }
    /// The lines that it hears now.
    pub fn ears(&self) -> Lines {
        if self.deaf { Lines::NONE } else { self.hears }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        let coaches: Vec<Line> = (0..9).filter_map(Line::coach).collect();
        assert_eq!(coaches.len(), LINES - 1);
        let heard = Lines::TALK.and(coaches[1]);
        assert!(heard.has(Line::TALK) && heard.has(coaches[1]) && !heard.has(coaches[0]));
        assert_eq!(heard.indexes().collect::<Vec<_>>(), [0, 2]);
    }

    #[test]
    fn a_muted_member_hears_and_a_deaf_one_is_heard() {
        let muted = Membership { muted: true, ..Membership::PARTY };
        assert_eq!((muted.voice(), muted.ears()), (None, Lines::TALK));
        let deaf = Membership { deaf: true, ..Membership::PARTY };
        assert_eq!((deaf.voice(), deaf.ears()), (Some(Line::TALK), Lines::NONE));
    }
}
