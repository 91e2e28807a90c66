//! The attaching side: `belfry console`.

use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use reedline::{
    ColumnarMenu, Completer, CompletionResult, DefaultPrompt, DefaultPromptSegment, Emacs,
    FileBackedHistory, KeyCode, KeyModifiers, MenuBuilder, Reedline, ReedlineEvent, ReedlineMenu,
    Signal, Span, Suggestion, default_emacs_keybindings,
};
use serde_json::Value;

use super::interrupt::Interrupts;
use super::out::{self, out, outln};
use super::{Answer, commands, private, top, watch};
use crate::switch::tracing::TRACE_OVER;

/// Lines of history that are kept.
const HISTORY: usize = 1_000;
/// The longest wait for an answer: a reload checks every prompt.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest wait for an answer to be shown on the whole screen: who looks may want to leave (R28).
const GLANCE: Duration = Duration::from_secs(3);

/// The longest wait for the names that complete a line: who types does not wait for an exchange that is busy.
const NAMES_WAIT: Duration = Duration::from_millis(200);
/// For so long names that were asked for are good: each letter of a word asks for them anew.
const NAMES_HOLD: Duration = Duration::from_secs(2);

/// Runs one command, or a session. `colour`: the terminal shows it.
pub fn run(socket: &Path, execute: Option<&str>, json: bool, colour: bool) -> io::Result<ExitCode> {
    let mut line = Line { tells: true, ..Line::to(socket)? };
    match execute {
        Some(command) => {
            if !json {
                line.fit()?;
            }
            line.execute(command, json, colour)
        }
        None if io::stdin().is_terminal() => line.session(colour),
        None => line.batch(io::stdin().lines(), json, colour),
    }
}

/// Asks the appliance that runs there one thing. An error: none runs, or it may not be asked.
pub fn ask(socket: &Path, command: &str) -> io::Result<Answer> {
    Line::to(socket)?.ask(command)
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
    /// Where the appliance listens.
    socket: PathBuf,
    /// Whether nothing can be asked any more: live lines have come to their end.
    spent: bool,
    /// Whether somebody waits who is to be told that it takes long.
    tells: bool,
    /// The columns that the running side fits tables to.
    fitted: Option<u16>,
}

impl Line {
    fn to(socket: &Path) -> io::Result<Line> {
        let stream = UnixStream::connect(socket).map_err(|error| not_to_be_had(socket, &error))?;
        Line::over(stream, socket)
    }

    fn over(stream: UnixStream, socket: &Path) -> io::Result<Line> {
        let reader = BufReader::new(stream.try_clone()?);
        let socket = socket.to_owned();
        Ok(Line { reader, writer: stream, socket, spent: false, tells: false, fitted: None })
    }

    /// An answer; an error where none came, for then nobody knows whether it was done.
    fn ask(&mut self, command: &str) -> io::Result<Answer> {
        self.ask_within(command, PATIENCE)
    }

    /// After an error, nothing more is to be asked here: the answer may still come, and would pass for another's.
    fn ask_within(&mut self, command: &str, patience: Duration) -> io::Result<Answer> {
        // A line is a command: what stands behind a line break would be another. Who was sent away cannot write
        // any more, and reads why.
        let line = format!("{}\n", command.replace(['\r', '\n'], " "));
        let written = self.writer.write_all(line.as_bytes());
        let (mut answer, soon) = (Vec::new(), patience.min(GLANCE));
        self.reader.get_ref().set_read_timeout(Some(soon))?;
        let mut read = self.reader.read_until(b'\n', &mut answer);
        if patience > soon && read.as_ref().is_err_and(is_late) {
            if self.tells {
                let most = patience.as_secs();
                eprintln!("no answer yet; it is waited for, {most} s at most (Ctrl-C gives up)");
            }
            self.reader.get_ref().set_read_timeout(Some(patience - soon))?;
            read = self.reader.read_until(b'\n', &mut answer);
        }
        if answer.ends_with(b"\n") {
            return serde_json::from_slice(&answer).map_err(io::Error::other);
        }
        written.map(|()| 0).and(read)?;
        let why =
            "the appliance has closed the connection without an answer: it stops, or has stopped";
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, why))
    }

    /// Has tables fit the terminal that is written to, if it is one. A running side of an earlier version knows nothing of
    /// that, and refuses it.
    fn fit(&mut self) -> io::Result<()> {
        let size = || ratatui::crossterm::terminal::size().ok();
        let columns = io::stdout().is_terminal().then(size).flatten().map(|(columns, _)| columns);
        if columns == self.fitted {
            return Ok(());
        }
        let answer = self.ask_within(&format!("columns {}", columns.unwrap_or(0)), GLANCE)?;
        if answer.is_full() {
            return Err(io::Error::other(answer.text));
        }
        self.fitted = columns;
        Ok(())
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
            top::run(colour, |question| self.glance(question))?;
            return Ok(ExitCode::SUCCESS);
        }
        match watch::parse(command) {
            None => self.once(command, json),
            Some(Ok((every, command))) => self.watch(command, every, json),
            Some(Err(why)) => Err(io::Error::other(why)),
        }
    }

    /// An answer soon, whatever befell the connection meanwhile.
    fn glance(&mut self, question: &str) -> io::Result<Answer> {
        if self.spent {
            self.attach()?;
        }
        let answer = self.ask_within(question, GLANCE);
        self.spent = answer.is_err();
        answer
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
            // The appliance says nothing unasked: where the connection ends meanwhile the next question tells it.
            self.reader.get_ref().set_read_timeout(Some(every))?;
            let _ = self.reader.fill_buf();
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

    /// Prints live lines until there are no more. An error: the appliance has gone before.
    fn follow(&mut self) -> io::Result<()> {
        self.reader.get_ref().set_read_timeout(None)?;
        let (mut line, mut over) = (String::new(), false);
        while self.reader.read_line(&mut line)? > 0 {
            out!("{}", printable(&line));
            over = line.trim_end() == TRACE_OVER;
            line.clear();
        }
        self.spent = true;
        if over { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn session(&mut self, colour: bool) -> io::Result<ExitCode> {
        let mut editor = editor(&self.socket, colour);
        if let Some(history) = history() {
            editor = editor.with_history(Box::new(history));
        }
        let prompt = DefaultPrompt::new(
            DefaultPromptSegment::Basic("belfry".into()),
            DefaultPromptSegment::Empty,
        );
        outln!("'help' lists the commands, Tab completes them, 'quit' leaves.");
        let interrupts = Interrupts::watch()?;
        loop {
            let line = match editor.read_line(&prompt)? {
                Signal::Success(line) => line,
                // As shells have it: this line is given up.
                Signal::CtrlC => continue,
                _ => return Ok(ExitCode::SUCCESS),
            };
            // However the session ends: the lines are known to the next.
            let _ = editor.sync_history();
            if line.trim().is_empty() {
                continue;
            }
            if line.trim() == "quit" {
                return Ok(ExitCode::SUCCESS);
            }
            interrupts.begin(&self.writer)?;
            out::paged(!line.trim_start().starts_with("watch"));
            // A window may have another width by now.
            let done = self.fit().and_then(|()| self.execute(&line, false, colour));
            out::paged(false);
            let ended = interrupts.over();
            match done {
                _ if ended => self.attach().unwrap_or_else(|error| eprintln!("\n{error}")),
                Ok(_) if self.spent => self.attach().unwrap_or_else(|error| eprintln!("{error}")),
                Ok(_) => {}
                // A mistake in one line does not end the session, nor does a restart of the appliance.
                Err(error) if error.kind() == io::ErrorKind::Other => eprintln!("{error}"),
                Err(error) => {
                    // What changes nothing may be asked again.
                    let harmless = commands::parse(&line).is_ok_and(|order| !order.has_effect());
                    if self.lost(&error, harmless)
                        && let Err(error) = self.execute(&line, false, colour)
                    {
                        eprintln!("{}", said(&error));
                    }
                }
            }
        }
    }

    /// Another connection to the same place.
    fn attach(&mut self) -> io::Result<()> {
        *self = Line { tells: self.tells, ..Line::to(&self.socket)? };
        Ok(())
    }

    /// A command has come to no answer: it is told why. Whether it is to be given again.
    fn lost(&mut self, error: &io::Error, harmless: bool) -> bool {
        eprintln!("{}", said(error));
        match self.attach() {
            Ok(()) if harmless && !is_late(error) => {
                eprintln!("attached anew");
                return true;
            }
            Ok(()) if harmless => eprintln!("attached anew"),
            Ok(()) => eprintln!(
                "attached anew: what that command was to do may not be done, look before you repeat it"
            ),
            Err(error) => eprintln!("{error}"),
        }
        false
    }
}

/// Whether an answer has not come in time.
fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// What befell a connection, in words.
pub fn said(error: &io::Error) -> String {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    match error.kind() {
        BrokenPipe | ConnectionReset | UnexpectedEof => {
            "the appliance has ended the connection: it was stopped, or started anew".into()
        }
        _ if is_late(error) => format!(
            "the appliance has not answered within {} s: 'systemctl status belfry' and its log say more",
            PATIENCE.as_secs()
        ),
        _ => error.to_string(),
    }
}

/// The line that is typed: completed by Tab, edited as in shells.
fn editor(socket: &Path, colour: bool) -> Reedline {
    const WORDS: &str = "words";
    let mut keys = default_emacs_keybindings();
    let open = vec![ReedlineEvent::Menu(WORDS.into()), ReedlineEvent::MenuNext];
    keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, ReedlineEvent::UntilFound(open));
    keys.add_binding(KeyModifiers::SHIFT, KeyCode::BackTab, ReedlineEvent::MenuPrevious);
    let menu = ColumnarMenu::default().with_name(WORDS);
    Reedline::create()
        .with_completer(Box::new(Words::of(socket)))
        .with_quick_completions(true)
        .with_partial_completions(true)
        .with_menu(ReedlineMenu::EngineCompleter(Box::new(menu)))
        .with_edit_mode(Box::new(Emacs::new(keys)))
        .with_ansi_colors(colour)
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
    history_at(Path::new(&home).join(".belfry_history"))
}

/// For its owner alone: numbers and names stand in what was typed. One that is there stays as its owner has it.
fn history_at(path: PathBuf) -> Option<FileBackedHistory> {
    let _ = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    FileBackedHistory::with_file(HISTORY, path).ok()
}

/// Completion from the table of commands, with the names of what is there now.
struct Words {
    socket: PathBuf,
    /// The last question, when it was asked, and its data, if an answer came.
    asked: Option<(String, Instant, Option<Value>)>,
}

impl Words {
    fn of(socket: &Path) -> Words {
        Words { socket: socket.to_owned(), asked: None }
    }

    /// What the appliance answers; nothing where it does not in time. A connection for this one answer: a late one would
    /// pass for another's.
    fn ask(&mut self, question: &str) -> Option<Value> {
        if let Some((last, at, data)) = &self.asked
            && last == question
            && at.elapsed() < NAMES_HOLD
        {
            return data.clone();
        }
        let answer =
            Line::to(&self.socket).and_then(|mut line| line.ask_within(question, NAMES_WAIT));
        let data = answer.ok().filter(|answer| answer.ok).map(|answer| answer.data);
        self.asked = Some((question.to_owned(), Instant::now(), data.clone()));
        data
    }
}

impl Completer for Words {
    fn complete(&mut self, line: &str, pos: usize) -> CompletionResult {
        let written = line.get(..pos).unwrap_or(line);
        let last = written.rfind(' ').map_or(0, |at| at + 1);
        let suggest = |value: String| Suggestion {
            // The line stands above: its last word is enough.
            display_override: value.get(last..).map(printable),
            // What is to be gone on with: `queue=`.
            append_whitespace: !value.ends_with('='),
            value,
            span: Span::new(0, pos),
            ..Suggestion::default()
        };
        let lines = commands::complete(written, &mut |question| self.ask(question));
        // A terminal must not be written to by who chose a name.
        let lines = lines.into_iter().filter(|line| !line.contains(char::is_control));
        let mut found: Vec<Suggestion> = lines.map(suggest).collect();
        if found.is_empty() {
            // The editor would say that there are no records. What is written stays as it is.
            let span = Span::new(0, pos);
            found.push(Suggestion { value: written.to_owned(), span, ..Suggestion::default() });
        }
        CompletionResult::fresh(found)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    use reedline::{History, HistoryItem};

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
        (Line::over(ours, Path::new("console.sock")).unwrap(), there)
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
        let mut line = Line::over(stream, &path).unwrap();
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

    /// Whole screens outlive the appliance that they show, and wait for no answer that is late.
    #[test]
    fn what_is_looked_at_attaches_anew_and_waits_for_no_late_answer() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("console.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let mut line = Line::to(&path).unwrap();
        drop(listener.accept().unwrap());
        assert!(line.glance("show status").is_err(), "it has gone");
        let there = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            BufReader::new(&stream).read_line(&mut String::new()).unwrap();
            writeln!(&stream, "{}", serde_json::to_string(&Answer::done("yes", ())).unwrap())
                .unwrap();
            // What comes of its own accord is the end.
            writeln!(&stream, "a line\n{TRACE_OVER}").unwrap();
        });
        assert_eq!(line.glance("show status").unwrap().text, "yes");
        there.join().unwrap();
        line.follow().unwrap();
        assert!(line.spent);
        let error = line.follow().unwrap_err();
        assert!(said(&error).contains("was stopped, or started anew"), "{error}");
        assert!(said(&io::ErrorKind::WouldBlock.into()).contains("has not answered within"));
        assert!(line.glance("show status").is_err(), "nobody listens any more");
    }

    /// Names are asked once for a word, and nobody who types waits for an exchange that does not answer.
    #[test]
    fn tab_offers_what_the_appliance_names_and_is_silent_where_it_names_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("console.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let there = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            let rows =
                serde_json::json!([{ "name": "e1-a" }, { "name": "e1-b" }, { "name": "x\u{1b}y" }]);
            let answer = serde_json::to_string(&Answer::done("", rows)).unwrap();
            writeln!(&stream, "{answer}").unwrap();
            // Whoever comes later is left without an answer.
            (line, listener)
        });
        let mut words = Words::of(&path);
        let mut found = |line: &str| -> Vec<(String, String)> {
            let found = words.complete(line, line.len());
            let one = |s: &Suggestion| (s.value.clone(), s.display_value().to_owned());
            found.suggestions().iter().map(one).collect()
        };
        let of = |name: &str| (format!("gateway {name}"), name.to_owned());
        assert_eq!(found("gateway "), [of("e1-a"), of("e1-b")]);
        assert_eq!(found("gateway e1-b"), [("gateway e1-b".to_owned(), "gateway e1-b".to_owned())]);
        let (asked, _listener) = there.join().unwrap();
        assert_eq!(asked, "show gateways\n");
        // Nobody answers: no noise, and the line as it was.
        assert_eq!(found("agent 7"), [("agent 7".to_owned(), "agent 7".to_owned())]);
        let before = Instant::now();
        found("agent 70");
        assert!(before.elapsed() < NAMES_WAIT, "it is not asked again at each letter");
    }

    #[test]
    fn what_was_typed_is_its_owner_s_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history");
        let mut history = history_at(path.clone()).unwrap();
        history.save(HistoryItem::from_command_line("subscriber show 0760")).unwrap();
        history.sync().unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().contains("subscriber show"));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn nobody_writes_to_the_terminal() {
        let said = "486 \u{1b}[2J\u{9b}2J\u{7}\r busy\tnow\n第二行";
        assert_eq!(with_end(said), "486 ?[2J?2J?? busy\tnow\n第二行\n");
    }
}
