//! Standard output of commands.
//!
//! Who reads it may have gone (`belfry help app | head`): then the command ends, quietly, where `println!`
//! would panic. What cannot be written for another reason, such as a full disk, is told, and the command fails: half a
//! report must not pass for a whole one. Not for `serve`, whose log has an end of its own.

use std::cell::Cell;
use std::fmt;
use std::io::{ErrorKind, Write};

thread_local! {
    /// Whether what is longer than the screen is shown page by page.
    static PAGED: Cell<bool> = const { Cell::new(false) };
}

/// From now on this thread's output is paged, or not; how it was before.
pub(super) fn paged(paged: bool) -> bool {
    PAGED.replace(paged)
}

/// Writes to standard output; ends the process when nobody reads any more, or when it cannot be written.
pub(crate) fn write(text: fmt::Arguments<'_>) {
    let written = match PAGED.get() {
        true => super::pager::show(&text.to_string()),
        false => {
            let mut out = std::io::stdout().lock();
            // At once: what is left in a buffer is lost in silence at the end.
            out.write_fmt(text).and_then(|()| out.flush())
        }
    };
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
