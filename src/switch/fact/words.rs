//! The words of which facts consist where there is a choice: who, why, how.

use serde::{Deserialize, Serialize};

/// A word of a record: an enum that is written as a lower-case word and reads an unknown one, of a
/// later version, as its last variant.
macro_rules! word {
    ($(#[doc = $doc:literal])+ $Type:ident {
        $( $variant:ident = $word:literal: $vdoc:literal, )+
    }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $Type {
            $( #[doc = $vdoc] $variant, )+
            /// A word of a later version.
            #[serde(other)]
            Unknown,
        }
        impl $Type {
            /// The word in the record.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( $Type::$variant => $word, )+
                    $Type::Unknown => "unknown",
                }
            }
        }
        impl $Type {
            /// All of them.
            pub const ALL: &[$Type] = &[$( $Type::$variant, )+ $Type::Unknown];
        }
    };
}

word! {
    /// Whether a leg began the call or was added to it.
    Role {
        Caller = "caller": "Its INVITE opened the call.",
        Callee = "callee": "Belfry called it.",
    }
}

word! {
    /// Who ended a leg or a call.
    EndedBy {
        Caller = "caller": "The party that began the call.",
        Callee = "callee": "A party that Belfry called.",
        Plan = "plan": "The dialplan.",
        Console = "console": "An operator.",
        Program = "program": "A program, by the API.",
        Supervisor = "supervisor": "A supervisor, of an agent's call.",
        Limit = "limit": "A bound: longest call, no RTP, ringing too long.",
        Fault = "fault": "A failure: of a transport, of a peer, of the machine.",
        Restart = "restart": "Belfry itself went away in mid-call.",
    }
}

word! {
    /// How a pressed key came.
    KeyBy {
        Rfc4733 = "rfc4733": "As telephone-event.",
        Info = "info": "In a SIP INFO.",
        InBand = "in_band": "As a tone in the audio.",
    }
}

word! {
    /// Why a party was not let into a conference.
    RoomRefusal {
        Locked = "locked": "It was locked.",
        Full = "full": "It had as many members as it may have.",
    }
}

word! {
    /// Why a party is in a conference no more.
    RoomLeft {
        Left = "left": "It pressed a key to leave.",
        Kicked = "kicked": "An operator sent it out.",
        HungUp = "hung_up": "Its leg ended.",
        Moved = "moved": "It was sent elsewhere.",
    }
}

word! {
    /// Whether an operator lets calls through a gateway.
    GatewayService {
        InService = "in_service": "Both ways.",
        Draining = "draining": "No new call goes out.",
        BusyOut = "busy_out": "No new call either way.",
    }
}

word! {
    /// Why a registration ended.
    Unregistered {
        Asked = "asked": "The phone asked for it.",
        Expired = "expired": "Its time was over.",
        Replaced = "replaced": "A newer registration took its place.",
        Unreachable = "unreachable": "Its connection is gone.",
        Removed = "removed": "The phone was taken out of the configuration, or an operator removed it.",
    }
}

word! {
    /// What an alarm is about.
    AlarmWhat {
        DiskFull = "disk_full": "No room for recordings.",
        RecordingFailed = "recording_failed": "A recording could not be written.",
        RecorderFailed = "recorder_failed": "A call is with no recorder outside, though one is to have it.",
        RecordingsNotRemoved = "recordings_not_removed": "Recordings past their time cannot be removed.",
        JournalStopped = "journal_stopped": "Facts cannot be written down: new calls are refused.",
        DatabaseAway = "database_away": "Facts wait in the journal for the database.",
        DatabaseDamaged = "database_damaged": "The database's file is damaged.",
        RecordsLost = "records_lost": "The records have begun anew: of what was in them, subscribers are known by their copy.",
        GatewayDown = "gateway_down": "A gateway does not answer.",
        SrtpRefused = "srtp_refused": "A party is not heard: SRTP was agreed on, and what it sends is of another key or plain.",
        HandshakeFailed = "handshake_failed": "A party's DTLS handshake failed, so that there are no keys for its audio: it was hung up.",
        ForeignAudio = "foreign_audio": "RTP from a stranger came to a call's port and was dropped (R8).",
        NoPorts = "no_ports": "No RTP port is free.",
        Overload = "overload": "Calls were refused because there were too many.",
        Guessing = "guessing": "Somebody guesses passwords.",
        OneWayAudio = "one_way_audio": "Several legs send no audio, whether they hear the other side or not.",
        CertificateEnds = "certificate_ends": "A certificate ends soon, or cannot be used.",
        WorkersLate = "workers_late": "Audio is late second after second: something else takes the processor.",
        ClockStepped = "clock_stepped": "The calendar was set while calls were up.",
        JournalBehind = "journal_behind": "The database is far behind the journal.",
        CheckInUnattended = "check_in_unattended": "A check-in was missed, and nobody has seen to it.",
        AlarmUnheard = "alarm_unheard": "An alarm was raised, and nobody has talked with its home.",
        CampaignHeld = "campaign_held": "A campaign that could call has had no free channel for a quarter of an hour.",
        SheetUnsent = "sheet_unsent": "A subscriber's sheet could not be sent to a resource.",
        FilesFaulty = "files_faulty": "The files have errors: they are not in force, or what is wrong in them does not work.",
        ApiShut = "api_shut": "The API, or CSTA, cannot be opened on its address: no program is served there.",
        CasesFull = "cases_full": "There are too many open cases: alarms are answered and have none.",
        Tolls = "tolls": "An account makes more calls out, or dearer ones, than it may.",
    }
}
