//! The `belfry` binary: everything is in the library.

use std::process::ExitCode;

/// A message is allocated by its socket's thread and freed half a minute later by the switch's: for glibc's arenas
/// the worst of patterns (decisions/0031).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    belfry::daemon::main()
}
