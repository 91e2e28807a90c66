//! Recorders outside, which get a copy of what is recorded (SIPREC).

use core::time::Duration;
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::address::{Peer, Transport};
use super::choice::{Codec, Srtp};
use super::fingerprint::Fingerprint;
use super::keys::{Phone, Record};
use super::name::{EnvName, Host, Name, UserName};
use super::secret::Secret;
use super::setting::{Reader, section};

section! {
    /// A recorder outside that gets both parties' audio and what is known of the call, by SIPREC (RFC 7866), beside
    /// Belfry's own recording. `[record] recorders` says which get calls. Whatever becomes of it, the
    /// call goes on.
    [[recorder]] struct Recorder {
        /// Its name.
        name: Name = required, live;
        /// Where its SIP is: an IP address, or a name, whose places the DNS says (RFC 3263).
        address: Peer = required, live;
        /// Over `tls:`, the name that its certificate must bear (RFC 5922). Without it: that of `address`.
        tls_name: Option<Host> = derived, live;
        /// Over `tls:`, the fingerprint of its certificate, which is then accepted whoever signed it; no other
        /// is.
        tls_pin: Option<Fingerprint> = derived, live;
        /// What it is offered behind the codec that a party speaks, in which its audio goes on as it is. Of
        /// these, Belfry codes anew.
        codecs: Vec<Codec> = "[\"PCMA\", \"PCMU\"]", live;
        /// Whether the audio to it is encrypted and authenticated (SRTP, keys by SDES): `"off"`,
        /// `"preferred"` or `"required"`.
        srtp: Srtp = "\"off\"", live;
        /// How often OPTIONS asks whether it is there; `"0 s"`: never.
        ping: Duration = "\"30 s\"" in ["\"0 s\"", "\"1 h\""], live;
        /// After so many without answer in a row calls go to the next, those in being too.
        ping_failures: u32 = "3" in ["1", "20"], live;
        /// After so many answers in a row it gets calls again.
        ping_successes: u32 = "1" in ["1", "20"], live;
        /// The name under which Belfry answers its challenges.
        username: Option<UserName> = derived, live;
        /// The password for that.
        password: Option<Secret> = derived, live;
        /// A file whose first line is the password.
        password_file: Option<PathBuf> = derived, live;
        /// An environment variable that holds the password.
        password_env: Option<EnvName> = derived, live;
    }
}

/// Checks recorders among each other and against `[record]`.
pub(super) fn check(
    recorders: &[(usize, Recorder)],
    record: Option<&Record>,
    phones: &[(usize, Phone)],
    reader: &mut Reader<'_>,
) {
    let mut names = BTreeMap::new();
    for (nth, recorder) in recorders {
        if let Some(first) = names.insert(recorder.name.as_str(), recorder.at) {
            let what =
                format!("a recorder \"{}\" stands in line {} already", recorder.name, first.line);
            let place = reader.place("recorder", *nth, "name");
            reader.faults.error(&place, what, "give it another name");
        }
        secrets(*nth, recorder, reader);
        protection(*nth, recorder, reader);
    }
    // One that was refused is a fault of its own.
    if recorders.len() != written(reader) {
        return;
    }
    let of_all = record.into_iter().map(|record| ("record", 0, &record.recorders));
    let of_phones = phones.iter().map(|(nth, phone)| ("phone", *nth, &phone.recorders));
    for (section, nth, wanted) in of_all.chain(of_phones) {
        for name in wanted.iter().flatten().filter(|name| !names.contains_key(name.as_str())) {
            let what = format!("there is no recorder \"{name}\"");
            let remedy = format!("add a [[recorder]] with `name = \"{name}\"`");
            reader.faults.error(&reader.place(section, nth, "recorders"), what, remedy);
        }
    }
}

/// How many the text has, those that were refused among them.
fn written(reader: &Reader<'_>) -> usize {
    (0..).take_while(|nth| reader.given("recorder", *nth, "")).count()
}

/// The password and who has it.
fn secrets(nth: usize, recorder: &Recorder, reader: &mut Reader<'_>) {
    let ways = [
        (recorder.password.is_some(), "password"),
        (recorder.password_file.is_some(), "password_file"),
        (recorder.password_env.is_some(), "password_env"),
    ];
    let mut given = ways.into_iter().filter(|(used, _)| *used).map(|(_, key)| key);
    let (first, second) = (given.next(), given.next());
    if let (Some(first), Some(second)) = (first, second) {
        let what = format!("`{first}` and `{second}` exclude each other");
        reader.faults.error(&reader.place("recorder", nth, second), what, "keep one of them");
    }
    match (first, &recorder.username) {
        (Some(key), None) => {
            let what = "the recorder has a password and no `username`";
            reader.faults.error(
                &reader.place("recorder", nth, key),
                what,
                "add `username = \"…\"`",
            );
        }
        (None, Some(_)) => {
            let what = "the recorder has a `username` and no password";
            let remedy = "add `password`, `password_file` or `password_env`";
            reader.faults.error(&reader.place("recorder", nth, "username"), what, remedy);
        }
        _ => {}
    }
}

/// TLS's keys without TLS, keys of SRTP in the clear, and DTLS, which we do not offer here.
fn protection(nth: usize, recorder: &Recorder, reader: &mut Reader<'_>) {
    let transport = recorder.address.transport();
    let given =
        [("tls_name", recorder.tls_name.is_some()), ("tls_pin", recorder.tls_pin.is_some())];
    for (key, _) in given.into_iter().filter(|(_, is)| *is) {
        if let Some(transport) = transport.filter(|t| *t != Transport::Tls) {
            let what = format!("`{key}` is for TLS, and the recorder is called over {transport}");
            let remedy = format!("write `address = \"tls:{}\"`", recorder.address.host());
            reader.faults.error(&reader.place("recorder", nth, key), what, remedy);
        }
    }
    if given.iter().all(|(_, is)| *is) {
        let what = "a certificate known by its fingerprint is accepted whatever its name";
        let remedy = "keep `tls_name` or `tls_pin`";
        reader.faults.error(&reader.place("recorder", nth, "tls_pin"), what, remedy);
    }
    let place = reader.place("recorder", nth, "srtp");
    let in_clear = matches!(transport, None | Some(Transport::Udp | Transport::Tcp));
    match recorder.srtp {
        Srtp::Off | Srtp::Offered => {}
        Srtp::Dtls => {
            let what = "keys by DTLS are not offered to recorders";
            reader.faults.error(&place, what, "write \"preferred\" or \"required\"");
        }
        Srtp::Preferred | Srtp::Required if in_clear => {
            let name = &recorder.name;
            let what = format!("the keys of recorder \"{name}\"'s SRTP are sent in the clear");
            reader.faults.warn(&place, what, "call it over `tls:`");
        }
        Srtp::Preferred | Srtp::Required => {}
    }
}
