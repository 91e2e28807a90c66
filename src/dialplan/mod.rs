//! dialplan
pub mod calendar;
pub mod cause;
pub mod fault;
pub mod number;
pub mod say;
pub mod template;
