//! Several networks on one machine: Belfry in a network namespace of its own, with a leg in the local
//! network and one behind a router that translates a public address to it one to one; the test in another,
//! with an address in the local network and one at home, behind a NAT.
//!
//! ```text
//!   the test's namespace            router             Belfry's
//!   192.168.50.2 ─NAT─ 198.51.100.9 ── 203.0.113.7 ⇄ 10.0.0.5
//!   192.168.77.9 ───────────────────────────────── 192.168.77.5
//! ```
//!
//! A test runs itself again inside `unshare`, so that nothing of the machine is touched and all of it goes
//! with the processes. Wants Debian's iptables and iproute2, and the rights: root, or namespaces of users.

use std::process::{Child, Command, Stdio};

/// The peers' addresses, and Belfry's as each of them knows it.
pub const AGENT: &str = "192.168.77.9";
pub const LAN: &str = "192.168.77.5";
pub const HOME: &str = "192.168.50.2";
pub const PUBLIC: &str = "203.0.113.7";

/// `$0`: the router's process, `$1`: Belfry's.
const CABLES: &str = r#"
set -e
ip link set lo up
ip link add inet0 type veth peer name wan netns $0
ip link add lan0 type veth peer name lan netns $1
nsenter -t $0 -n ip link add dmz type veth peer name dmz netns $1
ip addr add 198.51.100.9/24 dev inet0; ip link set inet0 up
ip addr add 192.168.77.9/24 dev lan0; ip link set lan0 up
ip addr add 192.168.50.2/32 dev lo
nsenter -t $0 -n sh -ec '
  ip addr add 198.51.100.1/24 dev wan; ip link set wan up
  ip addr add 10.0.0.1/24 dev dmz; ip link set dmz up
  echo 1 > /proc/sys/net/ipv4/ip_forward
  iptables -t nat -A PREROUTING -d 203.0.113.7 -j DNAT --to-destination 10.0.0.5
  iptables -t nat -A POSTROUTING -s 10.0.0.5 -o wan -j SNAT --to-source 203.0.113.7'
nsenter -t $1 -n sh -ec '
  ip link set lo up
  ip addr add 10.0.0.5/24 dev dmz; ip link set dmz up
  ip addr add 192.168.77.5/24 dev lan; ip link set lan up
  ip route add default via 10.0.0.1'
ip route replace 203.0.113.7 via 198.51.100.1
iptables -t nat -A POSTROUTING -s 192.168.50.0/24 -o inet0 -j MASQUERADE
"#;

/// Runs the test `name` of this program in a network namespace; `false`: there are no rights for that.
pub fn run_inside(name: &str) -> bool {
    let may = |how: &str| {
        let tried = Command::new("unshare").args([how, "true"]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    let Some(how) = ["-n", "-rn"].into_iter().find(|how| may(how)) else { return false };
    let own = std::env::current_exe().expect("this program has a path");
    let mut inside = Command::new("unshare");
    inside.arg(how).arg(own).args(["--exact", name, "--ignored", "--nocapture"]);
    let output = inside.output().expect("unshare runs");
    let printed =
        [output.stdout, output.stderr].map(|all| String::from_utf8_lossy(&all).into_owned());
    assert!(output.status.success(), "{}", printed.join("\n"));
    assert!(printed[0].contains("1 passed"), "{name} ran: {}", printed[0]);
    true
}

/// The namespaces, as long as this lives.
pub struct Namespaces {
    router: Child,
    belfry: Child,
}

impl Namespaces {
    /// Lays the cables. Within [`run_inside`] only.
    pub fn new() -> Namespaces {
        let sleep = || {
            let mut sleeper = Command::new("unshare");
            sleeper.args(["-n", "sh", "-c", "echo up; exec sleep 300"]).stdout(Stdio::piped());
            let mut child = sleeper.spawn().expect("unshare runs");
            let mut up = [0; 2];
            let out = child.stdout.as_mut().expect("piped");
            std::io::Read::read_exact(out, &mut up).expect("it is in its namespace");
            child
        };
        let all = Namespaces { router: sleep(), belfry: sleep() };
        let ids = [&all.router, &all.belfry].map(|child| child.id().to_string());
        let laid = Command::new("sh").arg("-c").arg(CABLES).args(ids).output().expect("a shell");
        let why = String::from_utf8_lossy(&laid.stderr);
        assert!(laid.status.success(), "install iptables and iproute2: {why}");
        all
    }

    /// The process in whose namespace Belfry is to run.
    pub fn belfry(&self) -> u32 {
        self.belfry.id()
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for child in [&mut self.router, &mut self.belfry] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
