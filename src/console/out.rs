//! Standard output of commands.
//!
//! Who reads it may have gone (`belfry help app | head`): then the command ends, quietly, where `println!`
//! would panic. Not for `serve`, whose log has an end of its own.

use std::fmt;
use std::io::{ErrorKind, Write};

/// Writes to standard output; ends the process when nobody reads any more.
pub(crate) fn write(text: fmt::Arguments<'_>) {
    let written = std::io::stdout().lock().write_fmt(text);
    if written.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        std::process::exit(0);
    }
}

/// `print!`, with [`write`]'s end.
macro_rules! out {
    ($($text:tt)*) => { $crate::console::out::write(format_args!($($text)*)) };
}
/// `println!`, with [`write`]'s end.
macro_rules! outln {
    ($($text:tt)*) => { $crate::console::out::write(format_args!("{}\n", format_args!($($text)*))) };
}
pub(crate) use {out, outln};
