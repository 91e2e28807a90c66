//! The `belfry` binary: everything is in the library.

fn main() {}
