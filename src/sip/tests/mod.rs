//! Whole conversations in virtual time: two agents joined by a network that the test commands.

mod pair;

mod calls;
