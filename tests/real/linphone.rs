//! linphone as a telephone: Debian's linphone-cli, driven over its standard input. Another stack than the
//! other clients have (belle-sip, mediastreamer).

use std::io::Write;
use std::net::SocketAddr;
use std::process::{ChildStdin, Command};
use std::time::Duration;

use super::appliance::{Appliance, Setup};
use super::baresip::{Baresip, Phone};
use super::process::{Folder, PATIENCE, Running, wait_for};
use super::tones::{ALICE, BOB, CLOSED, MENU, MUSIC};
use super::{address, audio};

/// Long enough to be sure of a tone.
const SURE: Duration = Duration::from_secs(1);
/// Bytes of a WAV's header.
const HEADER: usize = 44;
/// The length of its microphone's WAV; a test must end before.
const VOICE_SECONDS: f64 = 90.0;

/// A running linphone.
struct Linphone {
    running: Running,
    input: ChildStdin,
    server: SocketAddr,
    dir: Folder,
}

impl Linphone {
    /// Starts it and waits until it is registered. `encryption`: `none`, `srtp`.
    fn register(
        belfry: &Appliance,
        number: &str,
        hz: f64,
        transport: &str,
        encryption: &str,
    ) -> Linphone {
        let dir = Folder::new("linphone-");
        let home = dir.path().join(".local/share/linphone");
        std::fs::create_dir_all(home).expect("its folder");
        let voice = dir.path().join("voice.wav");
        audio::write_wav(&voice, &audio::tone(hz, VOICE_SECONDS));
        let port = if transport == "tls" { 5061 } else { belfry.sip.port() };
        let server = SocketAddr::new(belfry.sip.ip(), port);
        let (own, password) = (address::fresh(), belfry.setup.password(number));
        let rc = format!(
            "[sip]\nsip_port=5060\nsip_tcp_port=5060\nsip_tls_port=5061\nbind_address={own}\n\
             media_encryption={encryption}\nmedia_encryption_mandatory={}\nguess_hostname=0\n\
             contact=\"l\" <sip:{number}@{own}>\ndefault_proxy=0\nverify_server_certs=0\n\
             verify_server_cn=0\nregister_only_when_network_is_up=0\nsupported=replaces\n\
             [net]\nmtu=1300\n[video]\nenabled=0\ncapture=0\ndisplay=0\n\
             [sound]\nechocancellation=0\necholimiter=0\n\
             [rtp]\naudio_rtp_port=19000-19100\n\
             [proxy_0]\nreg_proxy=<sip:{server};transport={transport}>\n\
             reg_route=<sip:{server};transport={transport}>\nreg_identity=sip:{number}@{}\n\
             reg_expires=600\nreg_sendregister=1\npublish=0\n\
             [auth_info_0]\nusername={number}\npasswd={password}\n",
            u8::from(encryption != "none"),
            server.ip()
        );
        let config = dir.path().join("linphonerc");
        std::fs::write(&config, rc).expect("its configuration");
        let mut command = Command::new("linphonec");
        command.args(["-a", "-c"]).arg(&config).env("HOME", dir.path());
        let (running, input) =
            Running::start_driven(&mut command, &dir.path().join("log"), "Debian's linphone-cli");
        let mut phone = Linphone { running, input, server, dir };
        let done = wait_for(PATIENCE, || {
            let phones = belfry.console("show phones");
            let own = phones.as_array()?.iter().find(|row| row["number"] == number)?;
            (!own["contacts"].as_array()?.is_empty()).then_some(())
        });
        assert!(done.is_some(), "linphone registers: {}", phone.running.printed());
        phone.says("soundcard use files");
        phone.says(&format!("play {}", voice.display()));
        phone.says(&format!("record {}", phone.dir.path().join("heard.wav").display()));
        phone
    }

    /// Types a line.
    fn says(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("linphone reads");
    }

    fn dial(&mut self, number: &str) {
        let host = self.server.ip();
        self.says(&format!("call sip:{number}@{host}"));
    }

    /// Presses keys.
    fn press(&mut self, digits: &str) {
        for digit in digits.chars() {
            self.says(&digit.to_string());
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// What it has heard, 8 kHz. Its WAV has no header before it is closed: samples begin where it ends.
    fn heard(&self) -> Vec<i16> {
        let bytes = std::fs::read(self.dir.path().join("heard.wav")).unwrap_or_default();
        let samples = bytes.get(HEADER..).unwrap_or_default();
        samples.chunks_exact(2).map(|s| i16::from_le_bytes([s[0], s[1]])).collect()
    }

    fn hears(&self, hz: f64, from: usize) -> usize {
        audio::await_tone(|| self.heard(), hz, SURE, from)
    }
}

#[test]
fn linphone_calls_is_called_presses_keys_and_holds() {
    let belfry = Appliance::start(Setup::new());
    let mut bob = Baresip::register(&belfry, Phone::new("1002", BOB).answering());
    let mut alice = Linphone::register(&belfry, "1001", ALICE, "udp", "none");
    alice.dial("1002");
    alice.hears(BOB, 0);
    let bobs = bob.hears(ALICE, SURE, 0);
    // Hold and back, by linphone's own re-INVITE.
    alice.says("pause 1");
    let bobs = bob.hears(MUSIC, SURE, bobs);
    alice.says("resume 1");
    bob.hears(ALICE, SURE, bobs);
    alice.says("terminate");
    bob.expect("CALL_CLOSED");
    // It is called, and answers by itself.
    let bobs = bob.heard().len();
    bob.dial("1001");
    bob.hears(ALICE, SURE, bobs);
    bob.hang_up();
    belfry.await_empty();
    // A menu by its keys.
    let at = alice.heard().len();
    alice.dial("8000");
    alice.hears(MENU, at);
    alice.press("42");
    audio::await_tone(|| alice.heard(), CLOSED, Duration::from_millis(600), at);
    belfry.await_empty();
    belfry.stop();
}

#[test]
fn linphone_over_tls_with_srtp() {
    let setup = Setup { secure: true, srtp: &["required", "off"], ..Setup::new() };
    let belfry = Appliance::start(setup);
    let bob = Baresip::register(&belfry, Phone::new("1002", BOB).answering());
    let mut alice = Linphone::register(&belfry, "1001", ALICE, "tls", "srtp");
    let phones = belfry.console("show phones");
    assert!(phones.to_string().contains("transport=tls"), "{phones}");
    alice.dial("1002");
    alice.hears(BOB, 0);
    bob.hears(ALICE, SURE, 0);
    alice.says("terminate");
    bob.expect("CALL_CLOSED");
    belfry.await_empty();
    belfry.stop();
}
