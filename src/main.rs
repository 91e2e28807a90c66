//! The `belfry` binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    belfry::daemon::main()
}
