//! The attaching side: `belfry console`.

use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use reedline::{
    Completer, CompletionResult, DefaultPrompt, DefaultPromptSegment, FileBackedHistory, Reedline,
    Signal, Span, Suggestion,
};

use super::out::{out, outln};
use super::{Answer, commands, top, watch};

/// Lines of history that are kept.
const HISTORY: usize = 1_000;
/// The longest wait for an answer: a reload checks every prompt.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs one command, or a session. `colour`: the terminal shows it.
pub fn run(socket: &Path, execute: Option<&str>, json: bool, colour: bool) -> io::Result<ExitCode> {
    let stream = UnixStream::connect(socket).map_err(|error| not_to_be_had(socket, &error))?;
    let mut line = Line { reader: BufReader::new(stream.try_clone()?), writer: stream };
    match execute {
        Some(command) => line.execute(command, json, colour),
        None if io::stdin().is_terminal() => line.session(colour),
        // Commands from a pipe, one a line.
        None => {
            let mut code = ExitCode::SUCCESS;
            for command in io::stdin().lines() {
                code = line.execute(&command?, json, colour)?;
            }
            Ok(code)
        }
    }
}

/// Asks the appliance that runs there one thing. An error: none runs, or it may not be asked.
pub fn ask(socket: &Path, command: &str) -> io::Result<Answer> {
    let stream = UnixStream::connect(socket).map_err(|error| not_to_be_had(socket, &error))?;
    let mut line = Line { reader: BufReader::new(stream.try_clone()?), writer: stream };
    line.ask(command)?.ok_or_else(|| io::Error::other("the appliance has closed the connection"))
}

fn not_to_be_had(socket: &Path, error: &io::Error) -> io::Error {
    let remedy = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "you may not open it: join the group that owns the socket"
        }
        _ => {
            "no appliance runs here: start one with 'belfry serve', or name its socket with --socket"
        }
    };
    io::Error::new(error.kind(), format!("{}: {error}; {remedy}", socket.display()))
}

/// A connection to the running side.
struct Line {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

impl Line {
    fn ask(&mut self, command: &str) -> io::Result<Option<Answer>> {
        self.reader.get_ref().set_read_timeout(Some(PATIENCE))?;
        // A line is a command: what stands behind a line break would be another.
        writeln!(self.writer, "{}", command.replace(['\r', '\n'], " "))?;
        let mut answer = String::new();
        if self.reader.read_line(&mut answer)? == 0 {
            return Ok(None);
        }
        serde_json::from_str(&answer).map(Some).map_err(io::Error::other)
    }

    fn execute(&mut self, command: &str, json: bool, colour: bool) -> io::Result<ExitCode> {
        if command.trim() == "top" {
            if !io::stdout().is_terminal() {
                return Err(io::Error::other("'top' wants a terminal; for machines: metrics"));
            }
            top::run(colour, |question| self.ask(question))?;
            return Ok(ExitCode::SUCCESS);
        }
        match watch::parse(command) {
            None => self.once(command, json),
            Some(Ok((every, command))) => self.watch(command, every, json),
            Some(Err(why)) => Err(io::Error::other(why)),
        }
    }

    /// The same again and again, until the appliance or the reader goes.
    fn watch(&mut self, command: &str, every: Duration, json: bool) -> io::Result<ExitCode> {
        loop {
            if io::stdout().is_terminal() {
                // The screen is cleared, the cursor at its upper left (ECMA-48 ED, CUP).
                out!("\x1b[2J\x1b[H");
            }
            let code = self.once(command, json)?;
            if code != ExitCode::SUCCESS {
                return Ok(code);
            }
            io::stdout().flush()?;
            std::thread::sleep(every);
        }
    }

    fn once(&mut self, command: &str, json: bool) -> io::Result<ExitCode> {
        let Some(answer) = self.ask(command)? else { return Ok(ExitCode::SUCCESS) };
        if let Some(file) = &answer.file {
            // What was not asked for is not written, whoever answers.
            if command.split_whitespace().last() != Some(file.name.as_str()) {
                return Err(io::Error::other(format!("{} was not asked for", file.name)));
            }
            let bytes = BASE64.decode(&file.base64).map_err(io::Error::other)?;
            std::fs::write(&file.name, bytes)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.name)))?;
        }
        match (answer.ok, json) {
            _ if answer.live => self.follow()?,
            (_, true) => {
                outln!("{}", serde_json::to_string_pretty(&answer.data).map_err(io::Error::other)?)
            }
            (true, false) => out!("{}", with_end(&answer.text)),
            (false, false) => eprint!("{}", with_end(&answer.text)),
        }
        Ok(if answer.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Prints live events until the connection ends.
    fn follow(&mut self) -> io::Result<()> {
        self.reader.get_ref().set_read_timeout(None)?;
        let mut line = String::new();
        while self.reader.read_line(&mut line)? > 0 {
            out!("{line}");
            io::stdout().flush()?;
            line.clear();
        }
        Ok(())
    }

    fn session(&mut self, colour: bool) -> io::Result<ExitCode> {
        let mut editor =
            Reedline::create().with_completer(Box::new(Words)).with_ansi_colors(colour);
        if let Some(history) = history() {
            editor = editor.with_history(Box::new(history));
        }
        let prompt = DefaultPrompt::new(
            DefaultPromptSegment::Basic("belfry".into()),
            DefaultPromptSegment::Empty,
        );
        outln!("'help' lists the commands, Tab completes them, 'quit' leaves.");
        loop {
            let line = match editor.read_line(&prompt)? {
                Signal::Success(line) => line,
                _ => return Ok(ExitCode::SUCCESS),
            };
            if line.trim().is_empty() {
                continue;
            }
            if line.trim() == "quit" {
                return Ok(ExitCode::SUCCESS);
            }
            // A mistake in one line does not end the session.
            match self.execute(&line, false, colour) {
                Err(error) if error.kind() == io::ErrorKind::Other => eprintln!("{error}"),
                done => drop(done?),
            }
        }
    }
}

fn with_end(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

/// Where the lines of earlier sessions are kept, if there is a home.
fn history() -> Option<FileBackedHistory> {
    let home = std::env::var_os("HOME")?;
    FileBackedHistory::with_file(HISTORY, Path::new(&home).join(".belfry_history")).ok()
}

/// Completion from the table of commands.
struct Words;

impl Completer for Words {
    fn complete(&mut self, line: &str, pos: usize) -> CompletionResult {
        let written = line.get(..pos).unwrap_or(line);
        let suggest = |value: String| Suggestion {
            value,
            span: Span::new(0, pos),
            append_whitespace: true,
            ..Suggestion::default()
        };
        let found: Vec<Suggestion> = commands::complete(written).into_iter().map(suggest).collect();
        CompletionResult::fresh(found)
    }
}
