//! The mail server of the configuration: read at start and at a reload.

use std::path::PathBuf;

use super::copies::Reads;
use super::files::Fault;
use crate::config::{Config, MailTls};
use crate::net::mail::{Encryption, FIRST_PAUSE, Mailer, Server};
use crate::net::tls::certificate::certificates;

// What the configuration lets pass is a letter.
const _: () = assert!(crate::config::MOST_RECEIVERS == crate::net::mail::MOST_RECEIVERS);

/// The server that takes letters, where there is one. What cannot be used is an error at its place in the
/// configuration, which faults call `name`.
pub(super) fn mailer(config: &Config, name: &str, reads: &Reads) -> Result<Option<Mailer>, Fault> {
    let mail = &config.mail;
    let (Some(server), Some(from)) = (&mail.server, &mail.from) else { return Ok(None) };
    let fault = |key, what: String, remedy: &str| {
        let at = config.place("mail", key);
        let (file, remedy) = (name.to_owned(), remedy.to_owned());
        Fault { file, line: at.line, column: at.column, error: true, what, remedy }
    };
    let read = |path: &PathBuf| {
        reads.note_file(path);
        certificates(&reads.at(path)).map_err(|e| fault("ca", e.to_string(), e.remedy()))
    };
    let ca = mail.ca.as_ref().map(read).transpose()?;
    let login = mail.user.as_ref().zip(mail.password.as_ref());
    let server = Server {
        host: server.host.clone(),
        port: mail.port(),
        tls: match mail.tls {
            MailTls::StartTls => Encryption::StartTls,
            MailTls::Tls => Encryption::Whole,
            MailTls::Off => Encryption::None,
        },
        ca,
        hello: config.domain(),
        from: from.to_string(),
        login: login.map(|(user, word)| (user.to_string(), word.expose().to_owned())),
        pause: FIRST_PAUSE,
        retry_for: mail.retry_for,
    };
    let made = Mailer::new(&server).map(Some);
    made.map_err(|why| fault("server", why, "correct [mail], or leave it out"))
}
