//! Kamailio as a stateful proxy that stays in the path (tm, rr), one receiver: what the least costs
//! that a server can do with a call.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::server::Server;

const MODULES: &str = "/usr/lib/x86_64-linux-gnu/kamailio/modules/";

/// Starts it between a caller and a callee; the error says what is missing.
pub fn start(core: usize, addresses: [Ipv4Addr; 3]) -> io::Result<Server> {
    if !Path::new("/usr/sbin/kamailio").exists() {
        return Err(io::Error::other("kamailio is not installed: Belfry is measured alone"));
    }
    let dir = tempfile::Builder::new().prefix("kamailio-").tempdir()?;
    let file = dir.path().join("kamailio.cfg");
    std::fs::write(&file, config(addresses))?;
    let mut command = Command::new("/usr/sbin/kamailio");
    command.args(["-DD", "-E", "-m", "512", "-M", "64", "-Y"]).arg(dir.path()).arg("-f").arg(&file);
    let mut server = Server::start(core, command, addresses, dir)?;
    std::thread::sleep(Duration::from_secs(1));
    match server.alive() {
        true => Ok(server),
        false => Err(io::Error::other(format!("kamailio does not run:\n{}", server.log()))),
    }
}

fn config([own, _, b]: [Ipv4Addr; 3]) -> String {
    let modules: String =
        ["tm", "sl", "rr", "textops"].map(|name| format!("loadmodule \"{name}.so\"\n")).concat();
    format!(
        "debug=0\nlog_stderror=yes\nchildren=1\ndisable_tcp=yes\nauto_aliases=no\nlisten=udp:{own}:5060\n\
         mpath=\"{MODULES}\"\n{modules}\
         request_route {{\n\
           if (loose_route()) {{ t_relay(); exit; }}\n\
           if (is_method(\"ACK\")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}\n\
           record_route();\n\
           t_relay_to_udp(\"{b}\", \"5060\");\n\
         }}\n"
    )
}
