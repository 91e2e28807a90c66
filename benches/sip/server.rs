//! The program under test, on a core of its own: the appliance with two gateways and as many phones
//! as are wanted, or whatever else a row brings.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use belfry::engine::pinning;
use tempfile::TempDir;

use crate::process::Program;

const PATIENCE: Duration = Duration::from_secs(20);
/// What the caller dials: this and the call's number.
pub const PREFIX: &str = "9";

/// What an appliance is to have.
#[derive(Clone, Copy)]
pub struct Wanted {
    /// From 100000 on, each with the password of its number.
    pub phones: u32,
}

impl Wanted {
    /// No phone: calls go from gateway to gateway.
    pub const CALLS: Wanted = Wanted { phones: 0 };
}

/// A running server.
pub struct Server {
    program: Program,
    /// Where it listens.
    pub sip: SocketAddr,
    /// Where the caller and the callee are.
    pub sides: [SocketAddr; 2],
    dir: TempDir,
}

impl Server {
    /// Starts `command` on `core`, its folder being `dir`.
    pub fn start(
        core: usize,
        mut command: Command,
        [own, a, b]: [Ipv4Addr; 3],
        dir: TempDir,
    ) -> io::Result<Server> {
        let log = dir.path().join("log");
        let started = std::thread::scope(|scope| {
            let start = || {
                pinning::pin(core)?;
                Program::start(&mut command, &log)
            };
            scope.spawn(start).join().expect("starting a program does not panic")
        });
        let [sip, a, b] = [own, a, b].map(|ip| SocketAddr::from((ip, 5060)));
        Ok(Server { program: started?, sip, sides: [a, b], dir })
    }

    /// The appliance.
    pub fn belfry(
        core: usize,
        binary: &Path,
        addresses: [Ipv4Addr; 3],
        wanted: Wanted,
    ) -> io::Result<Server> {
        let dir = tempfile::Builder::new().prefix("belfry-sip-").tempdir()?;
        let path = dir.path().to_owned();
        for folder in ["data", "dialplan", "sounds"] {
            fs::create_dir_all(path.join(folder))?;
        }
        let plan = format!(
            "[[route]]\nname = \"through\"\ncontext = \"gateway\"\nwhen = {{ to = \"{PREFIX}.\" }}\n\
             steps = [{{ dial = {{ gateway = \"b\", number = \"${{to}}\" }} }}]\n"
        );
        fs::write(path.join("dialplan/plan.toml"), plan)?;
        fs::write(path.join("belfry.toml"), config(addresses, wanted, &path.display()))?;
        let mut command = Command::new(binary);
        command.arg("serve").arg("-c").arg(path.join("belfry.toml")).env("NO_COLOR", "1");
        let mut server = Server::start(core, command, addresses, dir)?;
        let until = Instant::now() + PATIENCE;
        while server.alive() && Instant::now() < until {
            if server.ask(binary, "version") {
                return Ok(server);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(io::Error::other(format!("belfry is not up:\n{}", server.log())))
    }

    fn ask(&self, binary: &Path, command: &str) -> bool {
        let mut console = Command::new(binary);
        console.args(["console", "--json", "-e", command, "-c"]);
        console.arg(self.dir.path().join("belfry.toml"));
        console.output().is_ok_and(|output| output.status.success())
    }

    /// Whether it still runs.
    pub fn alive(&mut self) -> bool {
        self.program.alive()
    }

    /// Its time on the CPUs so far, with that of the processes that it has started.
    pub fn spent(&self) -> io::Result<Duration> {
        let mut spent = self.program.spent()?;
        for child in self.children() {
            let Ok(stat) = fs::read_to_string(format!("/proc/{child}/schedstat")) else { continue };
            let time = stat.split(' ').next().and_then(|time| time.parse().ok());
            spent += Duration::from_nanos(time.unwrap_or(0));
        }
        Ok(spent)
    }

    fn children(&self) -> Vec<u32> {
        let own = self.program.id();
        let list = fs::read_to_string(format!("/proc/{own}/task/{own}/children"));
        list.unwrap_or_default().split_whitespace().filter_map(|id| id.parse().ok()).collect()
    }

    /// Bytes of memory that it holds.
    pub fn resident(&self) -> io::Result<u64> {
        self.program.resident()
    }

    /// Its busiest threads with their time so far, milliseconds.
    pub fn threads(&self) -> io::Result<String> {
        let mut all = Vec::new();
        let own = [self.program.id()];
        for process in own.iter().copied().chain(self.children()) {
            for task in fs::read_dir(format!("/proc/{process}/task"))?.flatten() {
                let read =
                    |file: &str| fs::read_to_string(task.path().join(file)).unwrap_or_default();
                let stat = read("schedstat");
                let time: u64 = stat.split(' ').next().and_then(|t| t.parse().ok()).unwrap_or(0);
                all.push((time / 1_000_000, read("comm").trim().to_owned()));
            }
        }
        all.sort_by(|a, b| b.cmp(a));
        let told: Vec<String> =
            all.iter().take(7).map(|(ms, name)| format!("{name} {ms} ms")).collect();
        Ok(told.join(", "))
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.program.stop();
    }
}

fn config([own, a, b]: [Ipv4Addr; 3], wanted: Wanted, dir: &dyn std::fmt::Display) -> String {
    let mut text = format!(
        "[node]\nname = \"bench\"\ndata_dir = \"{dir}/data\"\nlanguage = \"en\"\n\
         [sip]\nlisten = [\"udp:{own}:5060\"]\ndomain = \"{own}\"\n\
         [media]\naddress = \"{own}\"\nports = \"16384-65535\"\nrtp_timeout = \"0 s\"\nworkers = 1\n\
         [limits]\ncalls = 10000\ncalls_per_second = 10000\n\
         [dialplan]\ndir = \"{dir}/dialplan\"\nsounds = \"{dir}/sounds\"\n\
         [console]\nsocket = \"{dir}/console\"\n[record]\nmax_disk = \"100 %\"\n"
    );
    for (name, ip) in [("a", a), ("b", b)] {
        text += &format!(
            "[[gateway]]\nname = \"{name}\"\naddress = \"udp:{ip}:5060\"\nchannels = 2000\nping = \"0 s\"\n"
        );
    }
    for number in (0..wanted.phones).map(|n| 100_000 + n) {
        text += &format!("[[phone]]\nnumber = \"{number}\"\npassword = \"secret-{number}\"\n");
    }
    text
}
