//! What FreeSWITCH has and Belfry lacks: applications, variables, endpoints. Each is named by
//! `belfry check` with file, line and column and what to do instead; a plan that uses one loads.
//!
//! An application that was the purpose of the step ends the call when it is reached (with a log
//! line); one that works beside the call is passed over (with a log line).

use crate::dialplan::effect::Dial;

/// A FreeSWITCH application that Belfry lacks.
pub struct Lack {
    /// FreeSWITCH's name.
    pub name: &'static str,
    /// Whether the call ends when it is reached.
    pub ends_call: bool,
    /// What to do instead.
    pub remedy: &'static str,
}

const fn ends(name: &'static str, remedy: &'static str) -> Lack {
    Lack { name, ends_call: true, remedy }
}
const fn passed(name: &'static str, remedy: &'static str) -> Lack {
    Lack { name, ends_call: false, remedy }
}

const QUEUE: &str =
    "let the caller wait in a queue: callcenter NAME, with a [[queue]] of that name";
const CODES: &str = "supervisors use the feature codes *70 to *73";
const FAX: &str = "send fax calls to a fax gateway with bridge sofia/gateway/NAME/NUMBER";
const SCRIPT: &str = "write the steps in the dialplan; Belfry runs no scripts";
const KEYS: &str = "keys in a call are Belfry's feature codes (*1 to *6)";
const STATE: &str = "take it out; Belfry keeps no such table in the plan";
const MEDIA: &str = "take it out; Belfry negotiates and measures media by itself";

/// The applications.
pub static APPS: &[Lack] = &[
    passed("conference_set_auto_outcall", "let the parties dial in"),
    ends("voicemail", "play a prompt, or dial an agent"),
    ends("fifo", QUEUE),
    ends("valet_park", "transfer the caller to the feature code *85 and a slot"),
    ends("eavesdrop", CODES),
    ends("userspy", CODES),
    ends("three_way", "three-way calls are made with *3"),
    ends("intercept", "calls are picked up with the feature codes *80 and *81"),
    ends("pickup", "calls are picked up with the feature codes *80 and *81"),
    ends("delay_echo", "use echo, which sends back at once"),
    ends("att_xfer", "attended transfers are made with *2"),
    ends("deflect", "use transfer"),
    ends("redirect", "use transfer or bridge"),
    ends("record", "use record_session; it records both sides on two channels"),
    ends("record_fsv", "Belfry has no video"),
    ends("play_fsv", "Belfry has no video"),
    ends("rxfax", FAX),
    ends("txfax", FAX),
    ends("t38_gateway", FAX),
    passed("spandsp_start_fax_detect", FAX),
    passed("spandsp_start_dtmf", "take it out; in-band keys are taken wherever a line needs it"),
    passed("spandsp_stop_dtmf", "take it out; in-band keys are taken wherever a line needs it"),
    ends("esf_page_group", "dial the phones"),
    passed("group", "list the phones in bridge"),
    ends("lua", SCRIPT),
    ends("javascript", SCRIPT),
    ends("v8", SCRIPT),
    ends("python", SCRIPT),
    ends("perl", SCRIPT),
    ends("java", SCRIPT),
    ends("managed", SCRIPT),
    ends("socket", SCRIPT),
    ends("erlang", SCRIPT),
    ends("httapi", SCRIPT),
    passed("system", SCRIPT),
    passed("bgsystem", SCRIPT),
    passed("phrase", "record the phrase as a prompt and use playback"),
    passed("speak", "record the sentence as a prompt and use playback"),
    passed("play_and_detect_speech", "use play_and_get_digits"),
    passed("detect_speech", "use play_and_get_digits"),
    passed("hash", STATE),
    passed("db", STATE),
    passed("redis", STATE),
    passed("limit", "limits are set per gateway: channels in the configuration"),
    passed("limit_hash", "limits are set per gateway: channels in the configuration"),
    passed("limit_execute", "limits are set per gateway: channels in the configuration"),
    passed("presence", "Belfry tells phones their state by itself"),
    passed("send_display", "use effective_caller_id_name"),
    passed("set_user", "set the variables that the plan needs"),
    passed("set_global", "use X-PRE-PROCESS cmd=\"set\" or [variables]"),
    passed("set_profile_var", "use effective_caller_id_number and effective_caller_id_name"),
    passed("set_name", "take it out"),
    passed("set_zombie_exec", "use on-hangup in TOML"),
    passed("privacy", "set effective_caller_id_number to what may be shown"),
    passed("sched_hangup", "use the dial time-out"),
    passed("sched_transfer", "use the dial time-out"),
    passed("sched_broadcast", "use playback"),
    passed("sched_cancel", "take it out"),
    passed("bind_meta_app", KEYS),
    passed("unbind_meta_app", KEYS),
    passed("bind_digit_action", KEYS),
    passed("clear_digit_action", KEYS),
    passed("digit_action_set_realm", KEYS),
    passed("displace_session", "use music or playback"),
    passed("stop_displace_session", "use music or playback"),
    passed("broadcast", "use playback"),
    passed("fade_in", "use playback"),
    passed("fade_out", "use playback"),
    passed("tone_detect", "tones of the network are told by its causes"),
    passed("stop_tone_detect", "tones of the network are told by its causes"),
    passed("wait_for_silence", "use sleep"),
    passed("wait_for_answer", "use sleep"),
    passed("detect_audio", "use sleep"),
    passed("detect_silence", "use sleep"),
    passed("set_audio_level", MEDIA),
    passed("set_mute", MEDIA),
    passed("soft_hold", "hold is the phone's key"),
    passed("hold", "hold is the phone's key"),
    passed("unhold", "hold is the phone's key"),
    passed("jitterbuffer", MEDIA),
    passed("ladspa_run", MEDIA),
    passed("media_reset", MEDIA),
    passed("acknowledge_call", "take it out; every call is acknowledged at once"),
    passed("session_loglevel", "use `log level` on the console"),
    passed("verbose_events", "take it out"),
    passed("event", "take it out; Belfry's events need no request"),
    passed("enable_heartbeat", "take it out"),
    passed("chat", "Belfry has no messages in the plan"),
    passed("send_info", "Belfry has no messages in the plan"),
    passed("cidlookup", "set effective_caller_id_name"),
    passed("lcr", "name the gateways in their order in bridge, with |"),
    passed("nibblebill", "take it out; bills are made from the call records"),
    passed("avmd_start", MEDIA),
    passed("avmd_stop", MEDIA),
    passed("vmd", MEDIA),
    passed("check_acl", "who may call is decided by gateway and phone in the configuration"),
    passed("sound_test", "use playback"),
    passed("break", "take it out"),
    passed("skinny-process", "Belfry has no SCCP phones"),
    passed("skinny-drop", "Belfry has no SCCP phones"),
    passed("skinny-wait", "Belfry has no SCCP phones"),
];

/// FreeSWITCH variables that steer what Belfry does otherwise or not at all; a `*` ends a prefix.
const VARIABLES: &[(&str, &str)] = &[
    ("absolute_codec_string", MEDIA),
    ("api_hangup_hook", "use on-hangup in TOML"),
    ("session_in_hangup_hook", "use on-hangup in TOML"),
    ("bypass_media", MEDIA),
    ("bypass_media_after_bridge", MEDIA),
    ("proxy_media", MEDIA),
    ("codec_string", MEDIA),
    ("inherit_codec", MEDIA),
    ("rtp_secure_media", MEDIA),
    ("sip_secure_media", MEDIA),
    ("zrtp_secure_media", MEDIA),
    ("conference_auto_outcall_*", "dial the parties"),
    ("eavesdrop_*", CODES),
    ("exec_after_bridge_app", "write the steps behind bridge"),
    ("execute_on_*", "write the steps in the plan"),
    ("api_on_*", "write the steps in the plan"),
    ("fifo_music", QUEUE),
    ("park_after_bridge", "write park behind bridge"),
    ("transfer_after_bridge", "write transfer behind bridge"),
    ("group_confirm_*", "ring several phones at once; the first that answers has the call"),
    ("leg_delay_start", "separate the groups with | to ring them in turn"),
    ("originate_retries", "name the target again behind |"),
    ("process_cdr", "every call has its record"),
    ("origination_cancel_key", KEYS),
    ("bridge_terminate_key", KEYS),
    ("sip_h_*", "Belfry writes its own headers; X-… and User-to-User can be set"),
    ("sip_copy_custom_headers", "name the headers in [sip] relay_headers"),
    ("sip_exclude_contact", "list the phones in bridge"),
    ("timezone", "the time zone is the node's; tod_tz_offset has effect"),
    ("tts_engine", "record the sentence as a prompt"),
    ("tts_voice", "record the sentence as a prompt"),
    ("auto_hunt", "transfer to the number"),
    ("sched_hangup_*", "use the dial time-out"),
];

/// What to do instead of setting this variable, when it has no effect here.
pub(crate) fn variable(name: &str) -> Option<&'static str> {
    let fits = |known: &str| match known.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == known,
    };
    // These have an effect: they ask a phone to answer by itself, or go out with a dial.
    if matches!(name, "sip_h_Call-Info" | "sip_h_Alert-Info")
        || name.strip_prefix("sip_h_").is_some_and(Dial::takes_header)
    {
        return None;
    }
    VARIABLES.iter().find(|(known, _)| fits(known)).map(|(_, remedy)| *remedy)
}

/// The application's entry.
pub(crate) fn find(name: &str) -> Option<&'static Lack> {
    APPS.iter().find(|lack| lack.name.eq_ignore_ascii_case(name))
}
