//! Floor 4, `switch`: the state machine of the whole exchange.

pub mod fact;
