//! Settings that are one of a few words.

use toml::Spanned;
use toml::de::DeValue;

use super::fault::quoted;
use super::setting::{Reader, Setting, Wrong, nearest, read_text};

/// An enum whose variants are words of the configuration; `later` lists words that are known but
/// belong to a later version, and are refused as such.
macro_rules! choice {
    ($(#[doc = $doc:literal])+ $Type:ident {
        $first:ident = $first_word:literal: $first_doc:literal,
        $( $variant:ident = $word:literal: $vdoc:literal, )*
    } later [$($later:literal),*]) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $Type {
            #[doc = $first_doc] $first,
            $( #[doc = $vdoc] $variant, )*
        }
        impl $Type {
            /// Every value with its word.
            pub const ALL: &'static [($Type, &'static str)] =
                &[($Type::$first, $first_word), $( ($Type::$variant, $word), )*];

            /// The word that stands for it in the configuration.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $Type::$first => $first_word,
                    $( $Type::$variant => $word, )*
                }
            }
        }
        impl core::fmt::Display for $Type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl Setting for $Type {
            const WRITE: &'static str = concat!("\"", $first_word, "\"" $(, " or \"", $word, "\"")*);

            fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<$Type> {
                read_text(value, reader, Self::WRITE, |text| choose(text, $Type::ALL, &[$($later),*]))
            }
        }
    };
}

/// The value whose word `text` is, letter case aside.
fn choose<T: Copy>(
    text: &str,
    all: &'static [(T, &'static str)],
    later: &[&'static str],
) -> Result<T, Wrong> {
    if let Some((value, _)) = all.iter().find(|(_, word)| word.eq_ignore_ascii_case(text)) {
        return Ok(*value);
    }
    if later.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        return Err(Wrong::new(format!("{} is not in this version", quoted(text))));
    }
    let what = format!("{} is not known here", quoted(text));
    match nearest(text, all.iter().map(|(_, word)| *word)) {
        Some(word) => Err(Wrong::write(what, format!("write \"{word}\""))),
        None => Err(Wrong::new(what)),
    }
}

choice! {
    /// A language in which Belfry speaks.
    Language {
        ZhCn = "zh-CN": "Mandarin.",
        En = "en": "English.",
    } later []
}

choice! {
    /// What a report is on.
    ReportKind {
        Queue = "queue": "Queues.",
        Agent = "agent": "Agents.",
        Team = "team": "Teams.",
        Trunk = "trunk": "Gateways.",
        Contacts = "contacts": "Contacts and whether they were repeated.",
        Campaign = "campaign": "Outbound campaigns.",
        CampaignAgent = "campaign-agent": "Outbound campaigns, by agent.",
        Quality = "quality": "Scores, by agent.",
        QualityTeam = "quality-team": "Scores, by team.",
    } later []
}

choice! {
    /// After which span of the calendar a report is made.
    ReportSpan {
        Day = "day": "A day.",
        Week = "week": "A week, from Monday.",
        Month = "month": "A month.",
        Quarter = "quarter": "A quarter of a year.",
        Year = "year": "A year.",
    } later []
}

choice! {
    /// What one row of a report is of.
    ReportRows {
        Total = "total": "All in one.",
        Interval = "interval": "A quarter of an hour.",
        Hour = "hour": "An hour.",
        Day = "day": "A day.",
        Week = "week": "A week.",
        Month = "month": "A month.",
        Quarter = "quarter": "A quarter of a year.",
    } later []
}

choice! {
    /// In which form a report is kept.
    ReportFormat {
        Csv = "csv": "CSV with the mark by which Excel knows UTF-8.",
        Xlsx = "xlsx": "A workbook.",
    } later []
}

choice! {
    /// How calls to the numbers of bells are received.
    BellCalls {
        Voice = "voice": "As calls: who calls is in need.",
        Auto = "auto": "In DTMF, asked by turns in each protocol.",
        ContactId = "contact_id": "In Contact ID.",
        Bs8521 = "bs8521": "In BS 8521-1.",
    } later []
}

choice! {
    /// In which keys a unit is spoken to that is known by its number alone.
    UnitKeys {
        None = "none": "In none.",
        Scaip = "scaip": "Those of SS 91100.",
        Bs8521 = "bs8521": "Those of BS 8521-1.",
    } later []
}

choice! {
    /// The country whose call-progress tones are heard.
    Country {
        Cn = "cn": "China.",
        De = "de": "Germany.",
        Etsi = "etsi": "What ETSI recommends to Europe.",
        Gb = "gb": "The United Kingdom.",
        Us = "us": "North America.",
    } later []
}

choice! {
    /// How keys pressed in a call are carried.
    Dtmf {
        Rfc4733 = "rfc4733": "As telephone-event packets (RFC 4733).",
        Info = "info": "In SIP INFO requests.",
        InBand = "inband": "As tones in the audio.",
    } later []
}

choice! {
    /// Whether provisional responses are acknowledged (RFC 3262, 100rel).
    Prack {
        Supported = "supported": "With a peer that can.",
        Required = "required": "Calls that Belfry makes fail with a peer that cannot.",
        Off = "off": "Only with a caller that requires it.",
    } later []
}

choice! {
    /// A phone's make, by which it is told to answer by itself.
    Make {
        Auto = "auto": "As it calls itself when it registers.",
        Yealink = "yealink": "Yealink.",
        Grandstream = "grandstream": "Grandstream.",
        Polycom = "polycom": "Polycom, Poly.",
        Snom = "snom": "Snom.",
        Cisco = "cisco": "Cisco, Linksys.",
        Fanvil = "fanvil": "Fanvil.",
        Zoiper = "zoiper": "Zoiper.",
        Other = "other": "Another: told in all ways.",
    } later []
}

choice! {
    /// Whether audio is encrypted and authenticated.
    Srtp {
        Off = "off": "Never: RTP.",
        Offered = "offered": "RTP, and SRTP where the other side offers it.",
        Preferred = "preferred": "SRTP where the other side can, else RTP.",
        Required = "required": "SRTP, or there is no call.",
        Dtls = "dtls": "SRTP by keys that DTLS gives, or there is no call.",
    } later []
}

choice! {
    /// What a program may that uses the API.
    TokenRole {
        Read = "read": "See.",
        Agent = "agent": "Act for one agent.",
        Supervisor = "supervisor": "Act for all, listen in.",
        Admin = "admin": "Everything.",
    } later []
}

choice! {
    /// What begins a response plan.
    PlanStart {
        Hand = "hand": "A person.",
        Alarm = "alarm": "An alarm.",
        CheckIn = "check-in": "A check-in that nobody made.",
    } later []
}

choice! {
    /// How a campaign calls.
    CampaignKind {
        Progressive = "progressive": "A customer is dialled for each agent who is free.",
        Preview = "preview": "An agent is shown whom he is to call.",
    } later []
}

choice! {
    /// What help is wanted for.
    CareNeed {
        Personal = "personal": "A bell was pressed.",
        Fall = "fall": "Somebody fell.",
        Fire = "fire": "Smoke or fire.",
        Gas = "gas": "Gas or carbon monoxide.",
        Intruder = "intruder": "Somebody broke in, or attacks.",
        Flood = "flood": "Water.",
        Inactivity = "inactivity": "Somebody has not moved, is not in bed, has left.",
        Medical = "medical": "Epilepsy, a pill not taken.",
        Temperature = "temperature": "Too hot, too cold.",
        CheckIn = "check_in": "Nobody has reported who had to.",
        Other = "other": "Something else.",
    } later []
}

choice! {
    /// How a subscriber stands out.
    CareFlag {
        Vip = "vip": "Served before others.",
        Special = "special": "In special need.",
    } later []
}

choice! {
    /// What strangers' requests get.
    Strangers {
        Challenge = "challenge": "All the same 401: they are asked for a password.",
        Refuse = "refuse": "403. Phones log in from `allow` alone.",
        Silent = "silent": "Nothing. Phones log in from `allow` alone.",
    } later []
}

choice! {
    /// An audio codec.
    Codec {
        Pcma = "PCMA": "G.711 A-law, which E1 lines outside North America and Japan carry.",
        Pcmu = "PCMU": "G.711 µ-law.",
        G722 = "G722": "G.722, wide-band at 64 kbit/s.",
        Opus = "opus": "Opus (RFC 7587), at 24 kbit/s.",
    } later ["G729", "GSM", "L16"]
}

choice! {
    /// A hash by which passwords are proven (digest authentication).
    Digest {
        Md5 = "MD5": "MD5 (RFC 3261): weak, but all that many phones know.",
        Sha256 = "SHA-256": "SHA-256 (RFC 8760).",
        Sha512_256 = "SHA-512-256": "SHA-512 cut to 256 bits (RFC 8760).",
    } later []
}

choice! {
    /// How the RTP workers wait for packets.
    Backend {
        Auto = "auto": "steered where Belfry has the rights, else io-uring where the kernel has it, else mio.",
        Steered = "steered": "All ports by one socket, to which the kernel steers them; asks for CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF.",
        IoUring = "io-uring": "io-uring.",
        Mio = "mio": "epoll, by mio.",
    } later []
}

choice! {
    /// The samples in a recording's file.
    RecordFormat {
        Alaw = "alaw": "One byte a sample: G.711 A-law.",
        Pcm16 = "pcm16": "Two bytes a sample: linear.",
    } later []
}

choice! {
    /// What happens when the disk of the recordings is above its share.
    WhenFull {
        Stop = "stop": "No recording begins; what is there stays.",
        Oldest = "remove-oldest": "The oldest recordings go, but none of today.",
    } later []
}

choice! {
    /// Which gateway of a trunk is tried first.
    TrunkChoice {
        InOrder = "in-order": "As written.",
        LeastUsed = "least-used": "The one with the smallest part of its channels in use.",
        Weighted = "weighted": "By chance, each with its weight.",
    } later []
}

choice! {
    /// Where a gateway is told the caller's number, beside From.
    SendIdentity {
        From = "from": "Nowhere else; a caller who hides is anonymous.",
        Pai = "pai": "In P-Asserted-Identity, with `Privacy: id` where the caller hides (RFC 3325).",
        Rpid = "rpid": "In Remote-Party-ID, with `privacy=full` where the caller hides.",
    } later []
}

choice! {
    /// Where a gateway is told for whom a call was that goes on through it.
    SendDiversion {
        None = "none": "Nowhere.",
        Diversion = "diversion": "In Diversion (RFC 5806).",
        HistoryInfo = "history-info": "In History-Info (RFC 7044).",
    } later []
}

choice! {
    /// What a 503 to a gateway's OPTIONS means.
    Ping503 {
        Up = "up": "It is there: any answer is one.",
        Down = "down": "It takes no calls, as if it had not answered.",
    } later []
}

choice! {
    /// What becomes of a recording when its call is over.
    Pack {
        Opus = "opus": "Ogg/Opus, in two channels.",
        Never = "never": "It stays a WAV.",
    } later []
}

choice! {
    /// How the way to the mail server is encrypted.
    MailTls {
        StartTls = "starttls": "After STARTTLS; without it nothing is sent.",
        Tls = "tls": "From the first byte on.",
        Off = "off": "Not at all.",
    } later []
}

choice! {
    /// The least important line that is logged.
    LogLevel {
        Error = "error": "Only what failed.",
        Warn = "warn": "And what may fail soon.",
        Info = "info": "And what a quiet day shows: starts, registrations, calls.",
        Debug = "debug": "And each SIP message's first line and each state.",
        Trace = "trace": "And everything.",
    } later []
}

choice! {
    /// The shape of a line of the log.
    LogFormat {
        Text = "text": "For people.",
        Json = "json": "One JSON object a line.",
    } later []
}

choice! {
    /// What an agent may do.
    Role {
        Agent = "agent": "Take callers.",
        Supervisor = "supervisor": "See and steer the others too.",
    } later []
}

choice! {
    /// Which agent of a queue is next.
    Strategy {
        LongestIdle = "longest-idle": "Who has had no call for longest.",
        RingAll = "ring-all": "All at once; the first to answer has the caller.",
        FewestCalls = "fewest-calls": "Who has taken the fewest callers since sign-in.",
        LeastTalk = "least-talk": "Who has talked least since sign-in.",
        RoundRobin = "round-robin": "Each in turn.",
        InOrder = "in-order": "The first of the list who is ready.",
        WeightedRandom = "weighted-random": "By chance, each with its weight.",
        SkillLevel = "skill-level": "Who is best at the queue's first skill.",
    } later []
}

choice! {
    /// How the service level is computed, for a threshold T.
    Formula {
        Sl3 = "SL-3": "Answered within T / (answered + abandoned).",
        Sl1 = "SL-1": "(Answered within T + abandoned within T) / (answered + abandoned).",
        Sl2 = "SL-2": "Answered within T / answered.",
        Sl4 = "SL-4": "Answered within T / (answered + abandoned after T).",
        Sl5 = "SL-5": "As SL-3, without those who hung up at once.",
        Bcms = "BCMS": "Answered within T / (answered + abandoned + flowed out).",
    } later []
}

choice! {
    /// Which agents must be there for callers to wait.
    Staffing {
        SignedIn = "signed-in": "One who is signed in, on a break maybe.",
        Nobody = "nobody": "None.",
        Working = "working": "One who takes callers, now or after the present one.",
    } later []
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whatever_their_case_and_misspellings_named() {
        assert_eq!(choose("pcma", Codec::ALL, &[]), Ok(Codec::Pcma));
        assert_eq!(choose("ZH-cn", Language::ALL, &[]), Ok(Language::ZhCn));
        assert!(choose("gsm", Codec::ALL, &["GSM"]).unwrap_err().what.contains("this version"));
        assert_eq!(choose("sipinfo", Dtmf::ALL, &[]).unwrap_err().remedy, None);
        assert_eq!(
            choose("iouring", Backend::ALL, &[]).unwrap_err().remedy.unwrap(),
            "write \"io-uring\""
        );
        assert_eq!(Dtmf::WRITE, "\"rfc4733\" or \"info\" or \"inband\"");
    }
}
