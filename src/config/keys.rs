//! Every section and key: the one place where a key, its default, its limits and its
//! documentation are written (trunks' and numbers' in `trunk`, agents' and queues' in `acd`). Structs, reading, `belfry check`, the reload rule and the reference
//! page (`docs/admin.md`) follow from this file.

use core::net::IpAddr;
use core::time::Duration;
use std::path::PathBuf;

use super::acd::{Acd, Agent, Queue, Team, WrapUp};
use super::address::{DnsServer, Peer, PortRange, SipAddress};
use super::alarm::Alarm;
use super::calendar::{Holiday, Zone};
use super::campaign::Campaign;
use super::care::{Care, CheckIn, Guard, Heartbeat, Receiver};
use super::care_call::CareCall;
use super::causes::{CauseToStatus, StatusToCause};
use super::choice::{
    Backend, Codec, Country, Digest, Dtmf, Language, LogFormat, LogLevel, Make, Pack, Ping503,
    Prack, RecordFormat, SendDiversion, SendIdentity, Srtp, WhenFull,
};
use super::fingerprint::Fingerprint;
use super::fort::Fort;
use super::http::{Csta, Http, Token};
use super::list::Workers;
use super::mail::Mail;
use super::name::{
    CallerNumber, EnvName, FeatureCode, Host, Label, Name, Number, Origin, Product, RelayHeader,
    StoreUrl, UserName,
};
use super::network::Network;
use super::plan::{Plan, PlanStep, Resource};
use super::quality::{ScoreForm, ScoreQuestion};
use super::quantity::{Percent, Period, Size};
use super::recorder::Recorder;
use super::report::Report;
use super::rewrite::Rules;
use super::secret::Secret;
use super::setting::{Section, section};
use super::telemetry::Telemetry;
use super::trace::Trace;
use super::trunk::{Numbers, Trunk};
use super::webhook::Webhook;

/// All sections in the order of the reference page.
pub const SECTIONS: [&Section; 45] = [
    &Node::SECTION,
    &Sip::SECTION,
    &Tls::SECTION,
    &Certificate::SECTION,
    &Network::SECTION,
    &Media::SECTION,
    &Gateway::SECTION,
    &Trunk::SECTION,
    &Numbers::SECTION,
    &Phone::SECTION,
    &Acd::SECTION,
    &Agent::SECTION,
    &Team::SECTION,
    &Queue::SECTION,
    &WrapUp::SECTION,
    &ScoreForm::SECTION,
    &ScoreQuestion::SECTION,
    &Care::SECTION,
    &Receiver::SECTION,
    &CheckIn::SECTION,
    &Heartbeat::SECTION,
    &Guard::SECTION,
    &CareCall::SECTION,
    &Campaign::SECTION,
    &Report::SECTION,
    &Resource::SECTION,
    &Plan::SECTION,
    &PlanStep::SECTION,
    &Dialplan::SECTION,
    &Record::SECTION,
    &Recorder::SECTION,
    &Store::SECTION,
    &Http::SECTION,
    &Csta::SECTION,
    &Token::SECTION,
    &Webhook::SECTION,
    &Mail::SECTION,
    &Alarm::SECTION,
    &Console::SECTION,
    &Log::SECTION,
    &Trace::SECTION,
    &Telemetry::SECTION,
    &Limits::SECTION,
    &Fort::SECTION,
    &FeatureCodes::SECTION,
];

section! {
    /// This machine.
    [node] struct Node {
        /// Its name, in logs, records and the console's prompt.
        name: Name = "\"belfry\"", live;
        /// Where Belfry keeps what it writes: the store, the journal, and recordings unless
        /// `[record]` says otherwise.
        data_dir: PathBuf = "\"/var/lib/belfry\"", restart;
        /// The language of prompts for callers whose phone or route names none.
        language: Language = "\"zh-CN\"", live;
        /// The time zone of time conditions, spoken times and the dates in file names. Without it:
        /// the system's.
        timezone: Option<Zone> = derived, live;
        /// Whose call-progress tones (ringback, busy, congestion) callers hear.
        country: Country = "\"cn\"", live;
    }
}

section! {
    /// SIP signalling.
    [sip] struct Sip {
        /// Where SIP is answered; several entries for several transports or networks: `udp:`, `tcp:`,
        /// `tls:`, `ws:` and `wss:` (WebSocket, for browsers). `tls:` and `wss:` need a `[[certificate]]`.
        listen: Vec<SipAddress> = "[\"udp:0.0.0.0:5060\", \"tcp:0.0.0.0:5060\"]", restart;
        /// The web sites whose pages may connect over `ws:` and `wss:`, such as
        /// `"https://desk.example"`. Without it: all, and what they want still needs a password.
        web_origins: Option<Vec<Origin>> = derived, restart;
        /// The domain of phones' addresses (`sip:1001@domain`) and the realm of their passwords.
        /// Without it: the address of the first listener, or of `[media]` when that is `0.0.0.0`.
        domain: Option<Host> = derived, restart;
        /// The address that Via and Contact show, where a listener has `0.0.0.0` or stands behind
        /// a router. Without it: the listener's own, or the first of `[media]`. Where there are several
        /// networks, write a `[[network]]` for each instead.
        advertise: Option<IpAddr> = derived, restart;
        /// The DNS servers that are asked for the names of gateways, such as `["10.0.0.2:53"]`. Without it:
        /// the system's (`/etc/resolv.conf`).
        dns_servers: Option<Vec<DnsServer>> = derived, restart;
        /// What User-Agent and Server say.
        user_agent: Product = "\"Belfry\"", restart;
        /// The estimate of the round trip from which the retransmission timers follow (RFC 3261
        /// §17.1.1.1, T1).
        t1: Duration = "\"500 ms\"" in ["\"100 ms\"", "\"2 s\""], restart;
        /// The longest interval between retransmissions (RFC 3261 §17.1.2.2, T2).
        t2: Duration = "\"4 s\"" in ["\"1 s\"", "\"16 s\""], restart;
        /// How long a message stays in the network (RFC 3261 §17.1.2.2, T4).
        t4: Duration = "\"5 s\"" in ["\"1 s\"", "\"16 s\""], restart;
        /// After how long a call that is not refreshed is over, as asked of peers that know the
        /// session timer (RFC 4028): a gateway that has gone without a word holds no channel longer.
        /// `"0 s"`: Belfry takes part when it is asked to, and does not ask.
        session_expires: Duration = "\"30 min\"" in ["\"0 s\"", "\"24 h\""], restart;
        /// The shortest such time that is accepted; a shorter one gets 422 (RFC 4028 §5).
        min_session_expires: Duration = "\"90 s\"" in ["\"90 s\"", "\"1 h\""], restart;
        /// Whether ringing and early media are sent until they are acknowledged (RFC 3262, 100rel): UDP
        /// loses them otherwise without a word.
        prack: Prack = "\"supported\"", live;
        /// How long a call to Belfry may go on without an answer, ringing, in early media, in a queue that does
        /// not answer: then it is ended with cause 19. Emergency calls may for 30 minutes at least.
        max_unanswered: Duration = "\"10 min\"" in ["\"10 s\"", "\"2 h\""], live;
        /// The headers of a caller's INVITE that go on to whom its plan dials: `User-to-User`, `X-Case`, or
        /// `X-*` for all whose names begin so. The first 20 of them are known, 512 bytes each.
        relay_headers: Vec<RelayHeader> = "[]", live;
        /// The shortest registration that is accepted; a shorter one gets 423 (RFC 3261 §10.3).
        min_expires: Duration = "\"60 s\"" in ["\"1 s\"", "\"1 h\""], live;
        /// The registration given to a phone that asks for none.
        default_expires: Duration = "\"10 min\"" in ["\"1 s\"", "\"7 days\""], live;
        /// The longest registration; a longer one is cut to it.
        max_expires: Duration = "\"1 h\"" in ["\"60 s\"", "\"7 days\""], live;
        /// The hashes that phones are offered to prove their passwords with, the preferred first;
        /// no other is accepted, and any of them is. There are phones (baresip 1.0 is one) that know MD5 and
        /// give up when another stands beside it: where all phones know SHA-256, write `["SHA-256"]`.
        digest: Vec<Digest> = "[\"MD5\"]", restart;
        /// How long the answer to a wrong password is held back at least, so that guessing is slow.
        /// Repeated ones from one IP address wait longer: 0.5 s for the first, doubled by each
        /// further one up to 8 s, each minute without one forgiving one; the longer of the two
        /// holds, so that with 2 s the fourth waits 4 s and the fifth 8 s. `"0 s"`: none waits.
        auth_delay: Duration = "\"2 s\"" in ["\"0 s\"", "\"10 s\""], live;
        /// How long a challenge's nonce is good; after that the phone is asked again with
        /// `stale=true` (RFC 7616 §3.3).
        nonce_lifetime: Duration = "\"5 min\"" in ["\"10 s\"", "\"1 h\""], live;
    }
}

section! {
    /// Whom TLS trusts. Certificates and what stands here are read anew by a reload, and by themselves
    /// within a minute after a file has changed; connections stay up.
    [tls] struct Tls {
        /// A file of the CAs (PEM) that sign the certificates of gateways. Without it: the CAs that
        /// the system trusts.
        ca: Option<PathBuf> = derived, live;
        /// A file of CAs (PEM). Who connects to a `tls:` listener must then show a certificate that one
        /// of them has signed (mutual TLS). Without it nobody is asked for one.
        client_ca: Option<PathBuf> = derived, live;
    }
}

section! {
    /// A certificate that Belfry shows over TLS; `belfry certificate` makes one for a start. Of several
    /// the one is shown that bears the name which the peer asks for (SNI), else the first.
    [[certificate]] struct Certificate {
        /// The file (PEM) with the certificate, followed by those of the CAs between it and the one
        /// that peers trust.
        chain: PathBuf = required, live;
        /// The file (PEM) with its private key.
        key: PathBuf = required, live;
    }
}

section! {
    /// Audio.
    [media] struct Media {
        /// The address that SDP offers; several for several networks, of which the one on which a
        /// call's signalling runs is taken, else the first. Without it: the addresses of
        /// `[sip] listen`, which then may not be `0.0.0.0`.
        address: Option<Vec<IpAddr>> = derived, restart;
        /// The UDP ports of RTP (even) and RTCP (odd). A call takes two pairs.
        ports: PortRange = "\"16384-32767\"", restart;
        /// How many RTP workers run, each pinned to a core.
        workers: Workers = "\"auto\"", restart;
        /// How they wait for packets.
        backend: Backend = "\"auto\"", restart;
        /// The codecs that are offered and accepted, the preferred first.
        codecs: Vec<Codec> = "[\"PCMA\", \"PCMU\"]", live;
        /// How keys are carried to phones and gateways that say nothing else. Telephone-events and INFO that arrive
        /// are understood always, tones in the audio of whoever agrees on no telephone-events. Of who agrees on them and
        /// passes tones all the same, tones in G.711 are understood where the dialplan takes keys (menus, prompts,
        /// queues, PINs), until the first telephone-event comes; not in talks and conferences, where a voice may sound
        /// like one: a gateway that passes tones there too needs `"inband"` in its `[[gateway]]`.
        dtmf: Dtmf = "\"rfc4733\"", live;
        /// Who has sent no RTP for so long, while neither side is on hold, is gone: the leg is ended
        /// (it takes up to 5 s more to be seen), and the call with it when it is the caller's. A
        /// caller whose agent is gone goes on in the dialplan. Who has sent none since the answer may be
        /// one who only listens, and gets five times as long. `"0 s"` for never.
        rtp_timeout: Duration = "\"60 s\"" in ["\"0 s\"", "\"1 h\""], live;
    }
}

section! {
    /// A SIP gateway, such as one to an E1 line. Its calls are known by their source address.
    [[gateway]] struct Gateway {
        /// Its name, by which the dialplan dials it.
        name: Name = required, live;
        /// Where calls to it are sent, and from where its calls come, whatever their port: an IP address,
        /// or a name, whose places the DNS says (RFC 3263: NAPTR, SRV, A, AAAA). Of several places the next
        /// is taken where one does not answer. With `tls:` the certificate bears the name.
        address: Peer = required, live;
        /// Over `tls:`, the name that its certificate must bear (RFC 5922). Without it: the name, or the IP
        /// address, of `address` or `outbound_proxy`.
        tls_name: Option<Host> = derived, live;
        /// Over `tls:`, the fingerprint of its certificate, which is then accepted whoever signed it and
        /// however old it is; no other is.
        tls_pin: Option<Fingerprint> = derived, live;
        /// How many calls it carries at once, both ways together.
        channels: u32 = "30" in ["1", "2000"], live;
        /// How many of them calls out leave free, so that a call from the gateway finds one: both sides
        /// seizing the last at once (glare) costs a call. Set the gateway's own search order the other
        /// way round than its network's too.
        keep_in: u32 = "0" in ["0", "2000"], live;
        /// Its share of the calls of a `[[trunk]]` with `choice = "weighted"`.
        weight: u32 = "1" in ["1", "1000"], live;
        /// The dialplan context of its inbound calls.
        context: Name = "\"gateway\"", live;
        /// Its codecs, the preferred first. Without it: those of `[media]`.
        codecs: Option<Vec<Codec>> = derived, live;
        /// How keys are carried to it. Without it: as `[media]` says.
        dtmf: Option<Dtmf> = derived, live;
        /// Whether provisional responses are acknowledged on its calls. Without it: as `[sip]` says.
        prack: Option<Prack> = derived, live;
        /// Whether its audio is encrypted and authenticated (SRTP). The keys are in the SIP messages
        /// (SDES, RFC 4568), which therefore want TLS. Without it SRTP is taken where it is offered;
        /// `"off"` refuses it.
        srtp: Srtp = "\"offered\"", live;
        /// Whether its audio is sent to where its own comes from (symmetric RTP, RFC 4961), as devices behind NAT need
        /// it. `false`: always to the address and port in its SDP, wherever it sends from, as some older media gateways
        /// and recorders need it that receive at another port than they send from. Behind NAT such a one hears nothing.
        symmetric: bool = "true", live;
        /// How often it is asked by OPTIONS whether it is there; `"0 s"` for never.
        ping: Duration = "\"30 s\"" in ["\"0 s\"", "\"1 h\""], live;
        /// After so many pings in a row without an answer within 5 s it is down: calls go elsewhere. After
        /// the first, and after a call that it did not answer at all, it is asked every 5 s.
        ping_failures: u32 = "3" in ["1", "20"], live;
        /// After so many answers in a row, or a call from it, it is up again.
        ping_successes: u32 = "1" in ["1", "20"], live;
        /// Whether a 503 is an answer like any other, or none.
        ping_503: Ping503 = "\"up\"", live;
        /// The country of the tones that its network plays where it says nothing else: a call out that
        /// hears busy, congestion or no such number before the answer fails as if the network had said so
        /// (cause 17, 34, 1). Such calls' audio is decoded until then, which costs Belfry about 2 µs a
        /// packet. Without it nobody listens.
        tones: Option<Country> = derived, live;
        /// For how long after the answer too, for networks that answer before they have reached anybody.
        tones_after: Duration = "\"10 s\"" in ["\"0 s\"", "\"1 min\""], live;
        /// Whether its callers, and those called by it, may send the other party on by REFER, to what a
        /// call from it could dial. Otherwise they get 603.
        refer: bool = "false", live;
        /// Whether text messages (RFC 3428) are taken of it, as those of alarm devices behind it, for phones
        /// here; without a password, on its address alone.
        messages: bool = "false", live;
        /// Whether what it says of callers is believed: P-Asserted-Identity, Remote-Party-ID, Diversion,
        /// History-Info. Otherwise From alone counts.
        trusted: bool = "true", live;
        /// How the numbers that its calls ask for are rewritten, before the dialplan sees them. The first
        /// rule whose `match` (a regular expression for the whole number) fits is applied; `to` names its
        /// groups, `strip` and `add` work on the front.
        in_called: Rules = "[]", live;
        /// How its callers' numbers are rewritten, likewise.
        in_caller: Rules = "[]", live;
        /// How the numbers dialled by it are rewritten, likewise.
        out_called: Rules = "[]", live;
        /// How the numbers of callers shown to it are rewritten, likewise.
        out_caller: Rules = "[]", live;
        /// Where it is told the caller's number, beside From.
        send_identity: SendIdentity = "\"from\"", live;
        /// Where it is told for whom a call was that came by a gateway and goes on by this one.
        send_diversion: SendDiversion = "\"none\"", live;
        /// What its SIP statuses mean as Q.850 causes, where that differs from RFC 3398. A cause that it
        /// says itself, in a Reason header, comes first. By the cause a call goes on to the next gateway
        /// of a trunk, and by it the caller is refused: `{ 480 = 34 }` makes a 480 lead on.
        status_to_cause: StatusToCause = "{}", live;
        /// With which SIP status its calls are refused for a Q.850 cause, where that differs from
        /// RFC 3398. The cause itself goes into the Reason header.
        cause_to_status: CauseToStatus = "{}", live;
        /// The number shown to it on calls whose dialplan route sets none.
        caller_id: Option<CallerNumber> = derived, live;
        /// Whether callers who come by it may be put through abroad, by a route, a forward or a transfer
        /// (`[fort] international`).
        international: bool = "false", live;
        /// Whether they may be put through to premium numbers (`[fort] premium`).
        premium: bool = "false", live;
        /// How many of them may be put through outside at once; 0: without bound.
        calls_out: u32 = "0" in ["0", "10000"], live;
        /// How many in an hour; 0: without bound.
        calls_out_per_hour: u32 = "0" in ["0", "1000000"], live;
        /// Whether Belfry registers with it, as a provider wants it that has no fixed line to us. It then
        /// has `username` and a password. Calls that come to the contact that we registered are its, from
        /// whatever address.
        register: bool = "false", live;
        /// For how long. A provider that wants longer (423) gets it; renewed at four fifths of what it
        /// gives.
        register_expires: Duration = "\"10 min\"" in ["\"60 s\"", "\"1 day\""], live;
        /// The host of addresses at it, in registrations and in From of calls: the provider's domain.
        /// Without it: the IP address; From of calls then has `[sip] domain`.
        domain: Option<Host> = derived, live;
        /// Where its requests go first, instead of `address`; it is then in their Route. Calls from there
        /// are its too.
        outbound_proxy: Option<Peer> = derived, live;
        /// The name under which Belfry answers its challenges.
        username: Option<UserName> = derived, live;
        /// The password for that.
        password: Option<Secret> = derived, live;
        /// A file whose first line is the password.
        password_file: Option<PathBuf> = derived, live;
        /// An environment variable that holds the password.
        password_env: Option<EnvName> = derived, live;
        /// The weakest hash by which its challenges are answered. Of several that it offers the strongest
        /// is taken. Where it is known to offer `"SHA-256"`, write that: then nobody on the way can
        /// have the password proven by MD5.
        digest_least: Digest = "\"MD5\"", live;
    }
}

section! {
    /// A SIP phone that registers here.
    [[phone]] struct Phone {
        /// Its number: the user name of its registration, and what others dial.
        number: Number = required, live;
        /// Its password. Each phone has a password, a file or a variable.
        password: Option<Secret> = derived, live;
        /// A file whose first line is the password.
        password_file: Option<PathBuf> = derived, live;
        /// An environment variable that holds the password.
        password_env: Option<EnvName> = derived, live;
        /// The name shown to those whom it calls.
        name: Option<Label> = derived, live;
        /// The dialplan context of its calls.
        context: Name = "\"agents\"", live;
        /// The language of prompts that it hears. Without it: as `[node]` says.
        language: Option<Language> = derived, live;
        /// Its codecs, the preferred first. Without it: those of `[media]`.
        codecs: Option<Vec<Codec>> = derived, live;
        /// How keys are carried to it. Without it: as `[media]` says.
        dtmf: Option<Dtmf> = derived, live;
        /// Whether its audio is encrypted and authenticated (SRTP). The keys are in the SIP messages
        /// (SDES, RFC 4568), which therefore want TLS; with `dtls` they are agreed on beside the audio
        /// (RFC 5763). Without it SRTP is taken where it is offered; `"off"` refuses it. `"preferred"` is
        /// offered as RTP with keys, and to a phone that refuses that, or is known to, as `RTP/SAVP`.
        /// A browser, which registers by WebSocket, is always called by DTLS, and who offers
        /// that is always answered so.
        srtp: Srtp = "\"offered\"", live;
        /// Whether its audio is sent to where its own comes from (symmetric RTP, RFC 4961), as devices behind NAT need
        /// it. `false`: always to the address and port in its SDP, wherever it sends from, as some older media gateways
        /// and recorders need it that receive at another port than they send from. Behind NAT such a one hears nothing.
        symmetric: bool = "true", live;
        /// The recorders outside that get its calls instead of those of `[record]`, in that order; `[]`: none. Of two
        /// phones that talk, what the called one has holds before what the caller has.
        recorders: Option<Vec<Name>> = derived, live;
        /// The groups that it belongs to. Phones of one group may see each other's state (busy lamps,
        /// presence) and pick up each other's calls; others may not.
        groups: Option<Vec<Name>> = derived, live;
        /// Whether it may call abroad (`[fort] international`).
        international: bool = "false", live;
        /// Whether it may call premium numbers (`[fort] premium`).
        premium: bool = "false", live;
        /// How many calls by gateways it may have at once; 0: without bound. Emergency calls are never
        /// bound.
        calls_out: u32 = "10" in ["0", "10000"], live;
        /// How many in an hour; 0: without bound.
        calls_out_per_hour: u32 = "300" in ["0", "1000000"], live;
        /// Whether a 302 of it sends a call on, to a number that it could dial itself.
        may_redirect: bool = "true", live;
        /// Its make, by which it is told to answer by itself where a `dial` says `auto-answer` or a computer
        /// calls from it.
        make: Make = "\"auto\"", live;
        /// A number behind a gateway that rings with the phone, or in its place where nothing is
        /// registered: the agent's mobile, as the dialplan would dial it. It needs nobody's permission, and
        /// a call to it takes a second channel.
        mobile: Option<CallerNumber> = derived, live;
        /// The trunk or gateway by which it is called. Without it: the first `[[trunk]]`, else the first
        /// `[[gateway]]`.
        mobile_trunk: Option<Name> = derived, live;
        /// Whether who answers there is asked to take the call by pressing 1, so that no caller is put
        /// through to a voice mail.
        mobile_confirm: bool = "true", live;
        /// Whether a call that comes by a gateway with that number as its caller's is the phone's own: it
        /// is in the phone's context and may do what the phone may. A caller's number can be forged where
        /// the gateway's network does not check it.
        mobile_calls: bool = "false", live;
        /// Where its devices registered with different `q` (RFC 3261 §20.10): how long those of the highest ring before
        /// the next are rung in their place. They are at once when all of the higher have failed, unless one refuses for
        /// everywhere (6xx). `"0 s"`: all ring together, as they always do for a queue's caller.
        q_after: Duration = "\"0 s\"" in ["\"0 s\"", "\"2 min\""], live;
        /// How many devices may be registered under the number at once.
        max_contacts: u32 = "5" in ["1", "20"], live;
    }
}

section! {
    /// What happens to calls.
    [dialplan] struct Dialplan {
        /// The directory of dialplan files: every `*.toml` and `*.xml`.
        dir: PathBuf = "\"/etc/belfry/dialplan\"", live;
        /// The directory of prompts, with a folder for each language.
        sounds: PathBuf = "\"/usr/share/belfry/sounds\"", live;
        /// The days on which the condition `holiday = true` holds, beside those of the dialplan's
        /// own lists (`[holidays]`).
        holidays: Vec<Holiday> = "[]", live;
    }
}

section! {
    /// Recordings.
    [record] struct Record {
        /// Whether calls are recorded where the dialplan asks for it.
        enabled: bool = "true", live;
        /// Where the files go: `YYYY/MM/DD/<call id>.wav` below it. Without it: `recordings` in
        /// `[node] data_dir`.
        dir: Option<PathBuf> = derived, restart;
        /// How long they are kept, by the day on which they began. Then the file is removed, and its
        /// record says so.
        keep: Period = "\"12 months\"", live;
        /// When more than this share of the disk is used `when_full` says what happens; calls go on.
        max_disk: Percent = "\"90 %\"" in ["\"10 %\"", "\"100 %\""], live;
        /// With `"stop"` no recording begins and an alarm is raised: nothing is removed that is still to
        /// be kept. With `"remove-oldest"` the oldest go until there is room, whatever `keep` says,
        /// but none of today; the alarm comes when no more can go.
        when_full: WhenFull = "\"stop\"", live;
        /// The samples in the file.
        format: RecordFormat = "\"alaw\"", live;
        /// Whether both parties hear the country's recording tone while they are recorded: 1,400 Hz, in
        /// China 0.4 s every 10 s. It is not on the recording. Such calls
        /// are not relayed but mixed, which costs Belfry about 2 µs a packet more.
        beep: bool = "false", live;
        /// What becomes of a recording when its call is over: the same as Ogg/Opus with two channels,
        /// `<call id>.opus`, a fifth to a tenth as large. It is read back before the WAV goes.
        pack: Pack = "\"opus\"", live;
        /// How long after its end that happens; until then the file is a WAV.
        pack_after: Duration = "\"1 hour\"" in ["\"0 s\"", "\"3650 days\""], live;
        /// Whether recordings are encrypted on the disk (AES-256-GCM), from their first second on: `<call
        /// id>.wav.enc`. Without a key that can be had none is kept, and calls go on. What was recorded before stays
        /// as it is.
        encrypt: bool = "false", live;
        /// The file of their keys, made by `belfry recording key FILE`: the first encrypts, all decrypt. Without
        /// them no encrypted recording can be read by anybody.
        key_file: Option<PathBuf> = derived, live;
        /// An environment variable that holds those keys, with spaces between them.
        key_env: Option<EnvName> = derived, live;
        /// The recorders outside (`[[recorder]]`) that get a copy of what is recorded: each call's goes to the
        /// first that takes it; those behind it are in reserve. A phone may have others (`[[phone]] recorders`),
        /// and so may a route, by the variable `recorders`. Where there is any `[[recorder]]` a call takes four
        /// pairs of `[media] ports`. Without it: none.
        recorders: Option<Vec<Name>> = derived, live;
    }
}

section! {
    /// Call records.
    [store] struct Store {
        /// The database. Without it: `belfry.db` in `[node] data_dir`.
        url: Option<StoreUrl> = derived, restart;
        /// How much may wait in the journal for a database that is away; beyond it new calls are
        /// refused with 503, and calls in being go on.
        max_backlog: Size = "\"2 GiB\"" in ["\"16 MiB\"", "\"1 TiB\""], restart;
        /// How long records of calls are kept, with their legs and events, by the day on which they began; those
        /// of a case that is open stay until it is closed, without their events. Then they go, an hour's at a time, those of the care line's cases and of campaigns' attempts with the others; and so do
        /// its check-ins, calls on a schedule and notices. Figures of before stay, by days instead of quarters of an hour,
        /// and so do surveys' answers and scores; cases have `[care] keep`.
        keep: Period = "\"24 months\"", live;
    }
}

section! {
    /// The operator's console.
    [console] struct Console {
        /// The Unix socket that `belfry console` attaches to. Who may open it is the operator.
        socket: PathBuf = "\"/run/belfry/console.sock\"", restart;
        /// The system's group whose members may open it, beside Belfry's own user. Without it: the group
        /// that Belfry runs as.
        group: Option<Name> = derived, restart;
    }
}

section! {
    /// The log, on standard error.
    [log] struct Log {
        /// The least important line that is written.
        level: LogLevel = "\"info\"", live;
        /// Its shape.
        format: LogFormat = "\"text\"", restart;
        /// Whether outside numbers are masked in it, such as `138******00`. Records, traces and the console have them
        /// whole.
        mask_numbers: bool = "true", restart;
    }
}

section! {
    /// Bounds: what is above them is refused, with an answer that says so.
    [limits] struct Limits {
        /// Calls at once; a further one gets 503. Without it: 1000, or as many as the ports of
        /// `[media]` carry when those are fewer.
        calls: Option<u32> = derived in ["1", "15000"], restart;
        /// New calls a second, with bursts of the same size; a further one gets 503.
        calls_per_second: u32 = "100" in ["1", "10000"], live;
        /// Longest call; it is then ended.
        call_duration: Duration = "\"12 h\"" in ["\"1 min\"", "\"7 days\""], live;
        /// Text messages that wait for phones which are away, all together; a further one gets 503.
        messages: u32 = "10000" in ["0", "100000"], live;
        /// How long a text message waits for its phone; a shorter time that it says itself holds.
        message_keep: Duration = "\"7 days\"" in ["\"1 h\"", "\"90 days\""], live;
        /// Registered devices at once.
        registrations: u32 = "10000" in ["1", "1000000"], live;
        /// Connections over TCP, TLS and WebSocket at once; a further one is closed. A quarter of them
        /// may be those that have not finished their TLS handshake; an eighth is kept for connections
        /// that Belfry opens, and for gateways and the networks of `[fort] allow`. One over which no
        /// message has come within 30 s is closed.
        tcp_connections: u32 = "2000" in ["1", "100000"], restart;
        /// Those of them that one source (an IPv4 address, the /64 of an IPv6 one) may have opened. Many
        /// phones may be behind one address; gateways and the networks of `[fort] allow` are not counted.
        tcp_per_source: u32 = "200" in ["1", "100000"], restart;
    }
}

section! {
    /// Codes that a desk phone dials, and codes pressed in a call.
    [feature_codes] struct FeatureCodes {
        /// Dialled, alone or with the agent's number; number and PIN are asked for: sign in.
        sign_in: FeatureCode = "\"*11\"", live;
        /// Dialled: sign out.
        sign_out: FeatureCode = "\"*12\"", live;
        /// Dialled: ready for calls.
        ready: FeatureCode = "\"*13\"", live;
        /// Dialled, alone or with a code of up to four digits for what it is about: on break.
        on_break: FeatureCode = "\"*14\"", live;
        /// Dialled, alone or with a code for what the call was about: finish after-call work.
        finish: FeatureCode = "\"*15\"", live;
        /// Dialled by a supervisor, then an agent's number: listen to the call. While one is with a call, the
        /// keys 0 to 4 do what the codes from here on do.
        listen: FeatureCode = "\"*70\"", live;
        /// Dialled, then an agent's number: speak to the agent alone.
        whisper: FeatureCode = "\"*71\"", live;
        /// Dialled, then an agent's number: join the call.
        barge_in: FeatureCode = "\"*72\"", live;
        /// Dialled, then an agent's number: end the call.
        disconnect: FeatureCode = "\"*73\"", live;
        /// Dialled, then an agent's number: talk in the agent's place.
        take_over: FeatureCode = "\"*74\"", live;
        /// Dialled: do not disturb; dialled again: no more.
        do_not_disturb: FeatureCode = "\"*20\"", live;
        /// Dialled, then a number: all calls go there; without one: no more. The number is dialled as the
        /// phone itself would.
        forward_always: FeatureCode = "\"*21\"", live;
        /// Likewise, of calls that find the phone busy.
        forward_busy: FeatureCode = "\"*22\"", live;
        /// Likewise, of calls that nobody answers there, or that find the phone out of reach.
        forward_no_answer: FeatureCode = "\"*23\"", live;
        /// Dialled: take the call that rings longest at a phone of one of our `groups`.
        group_pickup: FeatureCode = "\"*80\"", live;
        /// Dialled, then a number: take the call that rings at that phone of one of our `groups`.
        pickup: FeatureCode = "\"*81\"", live;
        /// With the number of a slot: transferred there, a call is parked; dialled, it is taken back. The
        /// same number can be watched by a busy lamp.
        park: FeatureCode = "\"*85\"", live;
        /// In a call, then the number of a slot and `#`: park the other party there.
        park_call: FeatureCode = "\"*7\"", live;
        /// How many slots there are.
        park_slots: u32 = "10" in ["0", "1000"], live;
        /// How long a parked call waits before whoever parked it is rung again.
        park_timeout: Duration = "\"2 min\"" in ["\"10 s\"", "\"1 h\""], live;
        /// In a call, then number and `#`: blind transfer.
        blind_transfer: FeatureCode = "\"*1\"", live;
        /// In a call, then number and `#`: attended transfer. While a third party is asked so, the same code
        /// changes between the two, that of the blind transfer hands over.
        attended_transfer: FeatureCode = "\"*2\"", live;
        /// In a call, then number and `#`: three-way. While a third party is asked: all together, or apart.
        three_way: FeatureCode = "\"*3\"", live;
        /// While a third party is asked: back to the other one.
        consult_return: FeatureCode = "\"*0\"", live;
        /// In a call: send the caller to the survey.
        survey: FeatureCode = "\"*4\"", live;
        /// In a call: mark the caller as malicious. The call's record says so, and who did.
        malicious: FeatureCode = "\"*5\"", live;
        /// In a call: pause or resume the recording.
        pause_recording: FeatureCode = "\"*6\"", live;
    }
}
