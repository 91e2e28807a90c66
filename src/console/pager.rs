//! Answers that are longer than the screen, page by page: through `$PAGER` where one is named, else by a few keys.
//!
//! Only in a session on a terminal; what goes into a pipe or a file is never stopped.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::{Command, Stdio};

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal;

/// From here on a character takes two columns (East Asian wide; the few narrow ones above cost a line at most).
const WIDE: char = '\u{1100}';

/// Shows a text; at once where it fits on the screen.
pub(super) fn show(text: &str) -> io::Result<()> {
    let (columns, rows) = terminal::size().unwrap_or((80, 24));
    let page = usize::from(rows.saturating_sub(1).max(1));
    let lines: Vec<&str> = text.lines().collect();
    let fits = fitting(&lines, page, usize::from(columns)) == lines.len();
    if fits || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return print(text);
    }
    match std::env::var("PAGER") {
        Ok(pager) if !pager.trim().is_empty() => through(&pager, text).or_else(|_| print(text)),
        _ => by_keys(&lines, page, usize::from(columns)),
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Through a program. An error: it could not be started.
fn through(pager: &str, text: &str) -> io::Result<()> {
    let mut command = Command::new("sh");
    command.args(["-c", pager]).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        // Leaves what was read on the screen, and ends where it fits.
        command.env("LESS", "FRX");
    }
    let mut child = command.spawn()?;
    if let Some(mut input) = child.stdin.take() {
        match input.write_all(text.as_bytes()) {
            // Who has seen enough.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    match child.wait()?.code() {
        // The shell has not found it.
        Some(126 | 127) => Err(io::Error::other("the pager cannot be run")),
        _ => Ok(()),
    }
}

/// What a key asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asked {
    Page,
    Line,
    Leave,
}

fn asked(key: KeyEvent) -> Option<Asked> {
    match key.code {
        _ if key.kind == KeyEventKind::Release => None,
        KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => {
            Some(Asked::Leave)
        }
        KeyCode::Char(' ' | 'f') | KeyCode::PageDown => Some(Asked::Page),
        KeyCode::Enter | KeyCode::Down | KeyCode::Char('j') => Some(Asked::Line),
        KeyCode::Char('q' | 'Q') | KeyCode::Esc => Some(Asked::Leave),
        _ => None,
    }
}

fn by_keys(lines: &[&str], page: usize, columns: usize) -> io::Result<()> {
    let (mut at, mut room) = (0, page);
    let mut out = io::stdout().lock();
    loop {
        let next = at + fitting(&lines[at..], room, columns).max(1);
        for line in &lines[at..next.min(lines.len())] {
            writeln!(out, "{line}")?;
        }
        at = next;
        if at >= lines.len() {
            return out.flush();
        }
        write!(out, "-- {} more lines: Space, Enter, q --", lines.len() - at)?;
        out.flush()?;
        let asked = read_key();
        // To the line's beginning, and what stands in it is taken away (ECMA-48 EL).
        write!(out, "\r\x1b[K")?;
        room = match asked? {
            Asked::Page => page,
            Asked::Line => 1,
            Asked::Leave => return out.flush(),
        };
    }
}

fn read_key() -> io::Result<Asked> {
    terminal::enable_raw_mode()?;
    let read = loop {
        match event::read() {
            Ok(Event::Key(key)) => {
                if let Some(asked) = asked(key) {
                    break Ok(asked);
                }
            }
            Ok(_) => {}
            Err(error) => break Err(error),
        }
    };
    terminal::disable_raw_mode()?;
    read
}

/// How many of the lines take at most `room` rows of a screen of so many columns.
fn fitting(lines: &[&str], mut room: usize, columns: usize) -> usize {
    let rows = |line: &str| {
        let width: usize = line.chars().map(|c| if c < WIDE { 1 } else { 2 }).sum();
        width.div_ceil(columns.max(1)).max(1)
    };
    let fits = |line: &&&str| match room.checked_sub(rows(line)) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    };
    lines.iter().take_while(fits).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_as_many_lines_as_the_screen_has_rows() {
        assert_eq!(fitting(&["a", "", "b", "c"], 3, 80), 3);
        assert_eq!(fitting(&["a", "b"], 23, 80), 2);
        let long = "x".repeat(161);
        assert_eq!(fitting(&[&long, "a", "b"], 4, 80), 2, "it takes three rows");
        assert_eq!(fitting(&["网关无应答"], 1, 9), 0, "ten columns");
        assert_eq!(fitting(&["网关无应答"], 1, 10), 1);
    }

    #[test]
    fn keys_turn_pages() {
        let key = |code| asked(KeyEvent::new(code, KeyModifiers::NONE));
        assert_eq!(key(KeyCode::Char(' ')), Some(Asked::Page));
        assert_eq!(key(KeyCode::Enter), Some(Asked::Line));
        assert_eq!(key(KeyCode::Char('q')), Some(Asked::Leave));
        assert_eq!(key(KeyCode::Char('x')), None);
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(asked(interrupt), Some(Asked::Leave));
    }
}
