//! A child process with its output in files, ended with its test.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The longest that any one step may take: the machine may be busy with the other tests.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Waits until `done` gives something; `None` after `patience`.
pub fn wait_for<T>(patience: Duration, mut done: impl FnMut() -> Option<T>) -> Option<T> {
    let until = Instant::now() + patience;
    loop {
        if let Some(found) = done() {
            return Some(found);
        }
        if Instant::now() >= until {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A folder for a program's files: gone with its test, kept when the test fails.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// A new one.
    pub fn new(prefix: &str) -> Folder {
        let made = tempfile::Builder::new().prefix(prefix).tempdir();
        Folder(made.expect("a folder for temporary files"))
    }
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.disable_cleanup(true);
            eprintln!("kept: {}", self.path().display());
        }
    }
}

/// A running program. When its test fails, its output is shown.
pub struct Running {
    name: String,
    child: Child,
    output: PathBuf,
}

impl Running {
    /// Starts `command`, both outputs to `output`. `package`: what brings the program.
    pub fn start(command: &mut Command, output: &Path, package: &str) -> Running {
        Running::start_with(command, output, package, Stdio::null()).0
    }

    /// The same with a way to its standard input.
    pub fn start_driven(
        command: &mut Command,
        output: &Path,
        package: &str,
    ) -> (Running, ChildStdin) {
        let (running, input) = Running::start_with(command, output, package, Stdio::piped());
        (running, input.expect("its input is ours"))
    }

    fn start_with(
        command: &mut Command,
        output: &Path,
        package: &str,
        input: Stdio,
    ) -> (Running, Option<ChildStdin>) {
        let name = command.get_program().to_string_lossy().into_owned();
        let file = File::create(output).expect("a file for the program's output");
        let again = file.try_clone().expect("a second handle of it");
        command.stdin(input).stdout(file).stderr(again);
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start ({error}): install {package}"));
        let input = child.stdin.take();
        (Running { name, child, output: output.to_owned() }, input)
    }

    /// What it has printed so far.
    pub fn printed(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.output).unwrap_or_default()).into_owned()
    }

    /// Its memory that is in RAM, bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("a running process has a status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).expect("a size in kB");
        kib.parse::<u64>().expect("a number") * 1_024
    }

    /// Its open files and sockets.
    pub fn handles(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.child.id()));
        open.expect("a running process has handles").count()
    }

    /// Whether it still runs.
    pub fn alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    pub fn ended(&mut self, patience: Duration) -> Option<ExitStatus> {
        wait_for(patience, || self.child.try_wait().expect("our own child"))
    }

    /// Asks it to end, as systemd does.
    pub fn terminate(&mut self) {
        self.signal("TERM");
    }

    /// Sends it a signal, such as `HUP`.
    pub fn signal(&mut self, name: &str) {
        if self.alive() {
            let id = self.child.id().to_string();
            let script = format!("kill -{name} \"$0\"");
            let sent = Command::new("sh").args(["-c", &script, &id]).status();
            assert!(sent.is_ok_and(|status| status.success()), "no signal to {} {id}", self.name);
        }
    }

    /// Ends it as a power cut does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let printed = self.printed();
            let lines: Vec<&str> = printed.lines().collect();
            let from = lines.len().saturating_sub(250);
            eprintln!("──── {} printed ────\n{}", self.name, lines[from..].join("\n"));
        }
    }
}
