//! Whole conversations in virtual time: two agents joined by a network that the test commands.

mod pair;

mod calls;
mod forks;
mod gone;
mod large;
mod login;
mod loss;
mod offers;
mod outside;
mod races;
mod refer;
mod reliable;
mod session_timer;
mod subscriptions;
mod torture;
