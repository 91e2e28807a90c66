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
use super::{Answer, commands, private, top, watch};

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
        None => line.batch(io::stdin().lines(), json, colour),
    }
}

/// Asks the appliance that runs there one thing. An error: none runs, or it may not be asked.
pub fn ask(socket: &Path, command: &str) -> io::Result<Answer> {
    let stream = UnixStream::connect(socket).map_err(|error| not_to_be_had(socket, &error))?;
    let mut line = Line { reader: BufReader::new(stream.try_clone()?), writer: stream };
    line.ask(command)
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
    /// An answer; an error where none came, for then nobody knows whether it was done.
    fn ask(&mut self, command: &str) -> io::Result<Answer> {
        self.reader.get_ref().set_read_timeout(Some(PATIENCE))?;
        // A line is a command: what stands behind a line break would be another. Who was sent away cannot write
        // any more, and reads why.
        let line = format!("{}\n", command.replace(['\r', '\n'], " "));
        let written = self.writer.write_all(line.as_bytes());
        let mut answer = String::new();
        let read = self.reader.read_line(&mut answer);
        if answer.ends_with('\n') {
            return serde_json::from_str(&answer).map_err(io::Error::other);
        }
        written.and(read)?;
        let why =
            "the appliance has closed the connection without an answer: it stops, or has stopped";
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, why))
    }

    /// Commands from a pipe, one a line, each whatever came of those before it. A failure among them is the whole's.
    fn batch(
        &mut self,
        commands: impl Iterator<Item = io::Result<String>>,
        json: bool,
        colour: bool,
    ) -> io::Result<ExitCode> {
        let mut worst = ExitCode::SUCCESS;
        for command in commands {
            let command = command?;
            match command.trim() {
                "" => continue,
                "quit" => break,
                command => {
                    let code = self.execute(command, json, colour)?;
                    if code != ExitCode::SUCCESS {
                        worst = code;
                    }
                }
            }
        }
        Ok(worst)
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
        if command.trim() == "quit" {
            return Ok(ExitCode::SUCCESS);
        }
        let answer = self.ask(command)?;
        if let Some(file) = &answer.file {
            // What was not asked for is not written, whoever answers.
            if command.split_whitespace().last() != Some(file.name.as_str()) {
                return Err(io::Error::other(format!("{} was not asked for", file.name)));
            }
            let bytes = BASE64.decode(&file.base64).map_err(io::Error::other)?;
            private::create(Path::new(&file.name))
                .and_then(|mut kept| kept.write_all(&bytes))
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.name)))?;
        }
        match (answer.ok, json) {
            _ if answer.live => self.follow()?,
            (_, true) => {
                let text = serde_json::to_string_pretty(&answer.data).map_err(io::Error::other)?;
                outln!("{}", printable(&text));
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
            out!("{}", printable(&line));
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
    let text = printable(text);
    if text.is_empty() || text.ends_with('\n') { text } else { format!("{text}\n") }
}

/// Who calls us, and whom we call, must not write to the operator's terminal (ECMA-48: C0 and C1).
fn printable(text: &str) -> String {
    text.replace(|c: char| c.is_control() && !matches!(c, '\n' | '\t'), "?")
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    use super::super::File;
    use super::*;

    /// A connection to one who says these answers, one for each line, and then goes.
    fn with(answers: Vec<Answer>) -> (Line, std::thread::JoinHandle<Vec<String>>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let there = std::thread::spawn(move || {
            let mut reader = BufReader::new(theirs.try_clone().unwrap());
            let mut heard = Vec::new();
            for answer in answers {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap() == 0 {
                    break;
                }
                heard.push(line.trim().to_owned());
                let answer = serde_json::to_string(&answer).unwrap();
                writeln!(&theirs, "{answer}").unwrap();
            }
            heard
        });
        (Line { reader: BufReader::new(ours.try_clone().unwrap()), writer: ours }, there)
    }

    #[test]
    fn no_answer_is_an_error_and_quit_is_none() {
        let (mut line, there) = with(Vec::new());
        there.join().unwrap();
        assert_eq!(line.execute("quit", false, false).unwrap(), ExitCode::SUCCESS);
        let why = line.execute("reload", false, false).unwrap_err();
        assert_ne!(why.kind(), io::ErrorKind::Other, "it ends a session, for nobody is there");
    }

    #[test]
    fn the_worst_of_a_pipe_s_commands_is_its_code() {
        let answers = vec![Answer::refused("no"), Answer::done("yes", ())];
        let (mut line, there) = with(answers);
        let commands = ["hangup X", "", "version", "quit", "reload"].map(|c| Ok(c.to_owned()));
        let code = line.batch(commands.into_iter(), false, false).unwrap();
        drop(line);
        assert_eq!(code, ExitCode::FAILURE);
        assert_eq!(there.join().unwrap(), ["hangup X", "version"]);
    }

    #[test]
    fn who_is_sent_away_reads_why() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("console.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let there = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let full = serde_json::to_string(&Answer::full("no place")).unwrap();
            writeln!(stream, "{full}").unwrap();
        });
        let stream = UnixStream::connect(&path).unwrap();
        there.join().unwrap();
        let mut line = Line { reader: BufReader::new(stream.try_clone().unwrap()), writer: stream };
        let answer = line.ask("show status").expect("its answer is there though it has gone");
        assert!(answer.is_full() && !answer.ok && answer.text == "no place", "{answer:?}");
        assert!(!Answer::refused("no place").is_full());
    }

    /// What was said in a call is in it.
    #[test]
    fn a_file_that_comes_is_its_owner_s_alone() {
        let dir = tempfile::tempdir().unwrap();
        for there in [false, true] {
            let path = dir.path().join(format!("{there}.pcap"));
            if there {
                std::fs::write(&path, "what was there before").unwrap();
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            }
            let name = path.to_str().unwrap().to_owned();
            let file = File { name: name.clone(), base64: BASE64.encode("talk") };
            let (mut line, _there) =
                with(vec![Answer { file: Some(file), ..Answer::done("1 message", ()) }]);
            let asked = format!("trace 01KAF3Q8ZK004 {name}");
            assert_eq!(line.execute(&asked, false, false).unwrap(), ExitCode::SUCCESS);
            assert_eq!(std::fs::read(&path).unwrap(), b"talk");
            let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{there}");
        }
        let device = private::create(Path::new("/dev/null")).unwrap();
        assert_ne!(device.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn nobody_writes_to_the_terminal() {
        let said = "486 \u{1b}[2J\u{9b}2J\u{7}\r busy\tnow\n第二行";
        assert_eq!(with_end(said), "486 ?[2J?2J?? busy\tnow\n第二行\n");
    }
}
