//! Standard output of commands.
//!
//! Who reads it may have gone (`belfry help app | head`): then the command ends, quietly, where `println!`
//! would panic. What cannot be written for another reason, such as a full disk, is told, and the command fails: half a
//! report must not pass for a whole one. Not for `serve`, whose log has an end of its own.

use std::fmt;
use std::io::{ErrorKind, Write};

/// Writes to standard output; ends the process when nobody reads any more, or when it cannot be written.
pub(crate) fn write(text: fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    // At once: what is left in a buffer is lost in silence at the end.
    let written = out.write_fmt(text).and_then(|()| out.flush());
    if let Err(error) = written {
        if error.kind() == ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        eprintln!("belfry: standard output: {error}: what was printed is not whole");
        std::process::exit(1);
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
