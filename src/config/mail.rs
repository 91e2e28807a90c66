//! Keys about mail: the server that takes Belfry's letters.

use core::ops::Range;
use core::time::Duration;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;

use super::choice::MailTls;
use super::name::{EnvName, Host, MailAddress, UserName};
use super::secret::Secret;
use super::setting::{Reader, Setting, Wrong, read_text, section};

section! {
    /// The server that takes letters (SMTP): of alarms, of response plans. Without it none are sent.
    [mail] struct Mail {
        /// Where it is: a name or an address, with its port where that is not the usual one (587 with `"starttls"`, 465
        /// with `"tls"`, 25 with `"off"`).
        server: Option<MailServer> = derived, live;
        /// Whom letters are from; needed where there is a server.
        from: Option<MailAddress> = derived, live;
        /// Whether the way to it is encrypted: `"starttls"` (from the first command on, or nothing is sent), `"tls"`
        /// (from the first byte on) or `"off"`.
        tls: MailTls = "\"starttls\"", live;
        /// A file of the CAs (PEM) that sign its certificate. Without it: the CAs that the system trusts.
        ca: Option<PathBuf> = derived, live;
        /// The name under which Belfry logs in there. Without it: it does not.
        user: Option<UserName> = derived, live;
        /// The password for that.
        password: Option<Secret> = derived, live;
        /// A file whose first line is the password.
        password_file: Option<PathBuf> = derived, live;
        /// An environment variable that holds the password.
        password_env: Option<EnvName> = derived, live;
        /// For how long a letter that is not taken is tried again; then it is left out, with an error in the log.
        retry_for: Duration = "\"1 h\"" in ["\"1 min\"", "\"7 days\""], live;
    }
}

/// Where a mail server is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailServer {
    /// A name or an address, the latter without brackets.
    pub host: String,
    /// Its port, where it is written.
    pub port: Option<u16>,
}

impl MailServer {
    /// Reads one.
    pub fn new(text: &str) -> Option<MailServer> {
        let (host, port) = match text.rsplit_once(':') {
            // Colons of an address stand in brackets.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
            _ => (text, None),
        };
        let host = Host::new(host)?.as_str().trim_matches(['[', ']']).to_owned();
        (port != Some(0)).then_some(MailServer { host, port })
    }

    /// Whether it is on this machine.
    fn is_here(&self) -> bool {
        self.host == "localhost"
            || self.host.parse::<core::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl Setting for MailServer {
    const WRITE: &'static str =
        "a server such as \"mail.care.example\" or \"mail.care.example:587\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<MailServer> {
        read_text(value, reader, Self::WRITE, |text| {
            MailServer::new(text).ok_or_else(|| Wrong::not(text, Self::WRITE))
        })
    }
}

impl Mail {
    /// The port, the usual one where none is written.
    pub fn port(&self) -> u16 {
        let usual = match self.tls {
            MailTls::StartTls => 587,
            MailTls::Tls => 465,
            MailTls::Off => 25,
        };
        self.server.as_ref().and_then(|server| server.port).unwrap_or(usual)
    }
}

/// Those who get one letter at most.
pub const MOST_RECEIVERS: usize = 32;

/// No more receivers than a letter has; `place`: of the key that names them.
pub(super) fn check_receivers(
    to: Option<&Vec<MailAddress>>,
    place: &Range<usize>,
    reader: &mut Reader<'_>,
) {
    if to.is_some_and(|to| to.len() > MOST_RECEIVERS) {
        let what = format!("a letter has at most {MOST_RECEIVERS} receivers");
        let remedy = "name fewer, or a list of the mail server's that sends it on";
        reader.faults.error(place, what, remedy);
    }
}

/// A server has a sender, a name its password; passwords go over no network in the clear.
pub(super) fn check(mail: &Mail, reader: &mut Reader<'_>) {
    let place = |reader: &Reader<'_>, key| reader.place("mail", 0, key);
    let Some(server) = &mail.server else {
        if mail.from.is_some() || mail.user.is_some() {
            let what = "no letter is sent: there is no server";
            reader.faults.error(&place(reader, ""), what, "add `server = \"mail.…\"`");
        }
        return;
    };
    if mail.from.is_none() {
        let what = "letters have no sender";
        reader.faults.error(&place(reader, "server"), what, "add `from = \"belfry@…\"`");
    }
    let ways = [
        (mail.password.is_some(), "password"),
        (mail.password_file.is_some(), "password_file"),
        (mail.password_env.is_some(), "password_env"),
    ];
    let mut given = ways.into_iter().filter(|(used, _)| *used).map(|(_, key)| key);
    let (first, second) = (given.next(), given.next());
    if let (Some(first), Some(second)) = (first, second) {
        let what = format!("`{first}` and `{second}` exclude each other");
        reader.faults.error(&place(reader, second), what, "keep one of them");
    }
    match (mail.user.is_some(), first) {
        (true, None) => {
            let what = "`user` has no password";
            let remedy = "add `password_file`, `password_env` or `password`";
            reader.faults.error(&place(reader, "user"), what, remedy);
        }
        (false, Some(key)) => {
            let what = format!("`{key}` has no `user`");
            reader.faults.error(&place(reader, key), what, "add `user`, or leave it out");
        }
        _ => {}
    }
    if mail.tls == MailTls::Off && !server.is_here() {
        let what = "letters go to another machine in the clear";
        let remedy = "write \"starttls\" or \"tls\", or send them to a server here";
        reader.faults.warn(&place(reader, "tls"), what, remedy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_mail() {
        let server = |text: &str| MailServer::new(text).map(|s| (s.host, s.port));
        assert_eq!(server("mail.example"), Some(("mail.example".into(), None)));
        assert_eq!(server("mail.example:2525"), Some(("mail.example".into(), Some(2_525))));
        assert_eq!(server("10.0.0.7:25"), Some(("10.0.0.7".into(), Some(25))));
        assert_eq!(server("[::1]:25"), Some(("::1".into(), Some(25))));
        assert_eq!(server("[::1]"), Some(("::1".into(), None)));
        for bad in ["", "mail.example:", "mail.example:0", "a b", "::1", "mail.example:99999", "@"]
        {
            assert_eq!(server(bad), None, "{bad}");
        }
    }
}
