//! What each kind of fact is called, whose call it belongs to, and which are waited for.

use serde_json::Value;

use super::{AgentFact, CampaignFact, CareFact, FactKind, QueueFact};
use crate::base::CallId;

impl FactKind {
    /// The names of all kinds.
    pub const NAMES: &'static [&'static str] = &[
        "started",
        "stopped",
        "reloaded",
        "reload_refused",
        "alarm",
        "phone_registered",
        "phone_unregistered",
        "phone_refused",
        "source_banned",
        "source_freed",
        "dial_barred",
        "gateway_up",
        "gateway_down",
        "gateway_service",
        "gateway_registration",
        "call_refused",
        "call_began",
        "route_taken",
        "call_field",
        "call_ended",
        "leg_began",
        "leg_ringing",
        "leg_asked",
        "tone_heard",
        "leg_answered",
        "leg_ended",
        "bridged",
        "unbridged",
        "held",
        "retrieved",
        "transferred",
        "consulted",
        "conferenced",
        "leg_moved",
        "replaced",
        "diverted",
        "parked",
        "unparked",
        "phone_wish",
        "message_taken",
        "campaign",
        "care",
        "message_ended",
        "digit",
        "source_moved",
        "no_rtp",
        "rtp_lost",
        "agent",
        "queue",
        "room_joined",
        "room_refused",
        "room_left",
        "recording_began",
        "recording_paused",
        "recording_resumed",
        "recording_ended",
        "recording_mended",
        "recording_packed",
        "recording_sealed",
        "recording_removed",
        "recorder_began",
        "recorder_ended",
        "survey_answer",
        "survey",
        "scored",
    ];

    /// The names of their fields, for whoever looks for a mistyped one: a later version, or a plan's own, may have more.
    #[rustfmt::skip]
    pub const FIELDS: &'static [&'static str] = &[
        "a", "account", "act", "address", "after", "agent", "answer", "answers", "attempts", "b",
        "back", "before_ms", "body", "busy_ms", "by", "by_caller", "bytes", "call", "call_back", "caller", "caller_name", "campaign",
        "case", "cause", "code", "comment", "complete", "contact", "content_type", "context",
        "corrects", "counted", "day", "design", "detail", "device", "device_type", "dialled", "digit", "due",
        "end", "event", "expires", "expires_s", "failed", "fatal", "fault", "faults", "fields",
        "flag", "form", "from", "gateway", "happened", "home", "id", "into", "jitter_max_us",
        "key", "kind", "late", "left", "left_ms", "leg", "list", "lived_ms", "machine", "meaning", "members",
        "mos", "ms", "muted", "name", "next", "nobody", "node", "nth", "number", "of", "old", "on",
        "one_way", "opens", "order", "ordered", "outcome", "outgoing", "outside", "packed", "packets_dropped",
        "packets_duplicate", "packets_foreign", "packets_forged", "packets_late", "packets_lost",
        "packets_malformed", "packets_received", "packets_sent", "packets_unagreed",
        "packets_unsealed", "party", "passed", "path", "paused", "peer_mos", "people", "phone",
        "place", "plan", "position", "priority", "protocol", "question", "queue", "raised",
        "rang_ms", "raw", "reason", "record", "recorder", "recording", "reference", "refused",
        "region", "registered", "released", "repeat", "result", "right", "ring_ms", "role", "room",
        "route", "rtt_us", "samples", "samples_concealed", "score", "seconds", "seq", "service",
        "session", "settled", "sha256", "share", "silent_ms", "slot", "sound", "source", "state",
        "status", "step", "survey", "talk_ms", "team", "text", "third", "three_way", "to", "tone",
        "total_ms", "unagreed", "until", "up_ms", "user_agent", "value", "version", "voice", "waited_ms",
        "wall", "was_ms", "what", "who", "why", "wish", "within_ms",
    ];

    /// The call that the fact belongs to.
    pub fn call(&self) -> Option<CallId> {
        use FactKind::*;
        match self {
            CallBegan { call, .. } | RouteTaken { call, .. } | CallField { call, .. } => {
                Some(*call)
            }
            CallEnded { call, .. } | LegBegan { call, .. } | LegRinging { call, .. } => Some(*call),
            LegAsked { call, .. } | ToneHeard { call, .. } => Some(*call),
            LegAnswered { call, .. } | LegEnded { call, .. } | Bridged { call, .. } => Some(*call),
            Unbridged { call, .. } | Held { call, .. } | Retrieved { call, .. } => Some(*call),
            Transferred { call, .. } | Digit { call, .. } | SourceMoved { call, .. } => Some(*call),
            NoRtp { call, .. } | RtpLost { call, .. } | LegMoved { call, .. } => Some(*call),
            Replaced { call, .. } | Diverted { call, .. } => Some(*call),
            Consulted { call, .. } | Conferenced { call, .. } => Some(*call),
            Parked { call, .. } | Unparked { call, .. } => Some(*call),
            RoomJoined { call, .. } | RoomRefused { call, .. } | RoomLeft { call, .. } => {
                Some(*call)
            }
            RecordingBegan { call, .. }
            | RecordingPaused { call, .. }
            | RecordingResumed { call, .. } => Some(*call),
            RecordingEnded { call, .. }
            | RecordingMended { call, .. }
            | RecordingPacked { call, .. }
            | RecordingSealed { call, .. }
            | RecordingRemoved { call, .. } => Some(*call),
            RecorderBegan { call, .. } | RecorderEnded { call, .. } => Some(*call),
            SurveyAnswer { call, .. } | Survey { call, .. } | Queue { call, .. } => Some(*call),
            Scored(scored) => Some(scored.call),
            Agent { what, .. } => what.call(),
            Campaign { what, .. } => what.call(),
            Care { what, .. } => what.call(),
            Alarm { call, .. } => *call,
            Other(fields) => fields.get("call")?.as_str()?.parse().ok(),
            Started { .. } | Stopped { .. } | Reloaded { .. } | ReloadRefused { .. } => None,
            PhoneRegistered { .. } | PhoneUnregistered { .. } | PhoneRefused { .. } => None,
            SourceBanned { .. } | SourceFreed { .. } => None,
            DialBarred { call, .. } => Some(*call),
            PhoneWish { .. } | MessageTaken { .. } | MessageEnded { .. } => None,
            GatewayUp { .. } | GatewayDown { .. } | GatewayService { .. } => None,
            GatewayRegistration { .. } | CallRefused { .. } => None,
        }
    }

    /// Somebody waits until it is on the disk, and is then told so
    /// ([`Input::Durable`](crate::switch::Input::Durable)).
    pub fn awaits_disk(&self) -> bool {
        match self {
            FactKind::MessageTaken { .. } | FactKind::Scored(_) => true,
            // An agent's program keeps the form open till then.
            FactKind::Agent { what, .. } => matches!(what, AgentFact::WrapUp { .. }),
            // A caller who may hang up relies on it.
            FactKind::Queue { what, .. } => matches!(what, QueueFact::BackWanted { .. }),
            // Nobody is dialled before it is known that he is.
            FactKind::Campaign { what, .. } => matches!(what, CampaignFact::Called { .. }),
            FactKind::Care { what, .. } => matches!(what, CareFact::Reported { .. }),
            _ => false,
        }
    }

    /// The kind's name, as in the record.
    pub fn name(&self) -> &str {
        use FactKind::*;
        match self {
            Started { .. } => "started",
            Stopped { .. } => "stopped",
            Reloaded { .. } => "reloaded",
            ReloadRefused { .. } => "reload_refused",
            Alarm { .. } => "alarm",
            PhoneRegistered { .. } => "phone_registered",
            PhoneUnregistered { .. } => "phone_unregistered",
            PhoneRefused { .. } => "phone_refused",
            SourceBanned { .. } => "source_banned",
            SourceFreed { .. } => "source_freed",
            DialBarred { .. } => "dial_barred",
            GatewayUp { .. } => "gateway_up",
            GatewayDown { .. } => "gateway_down",
            GatewayService { .. } => "gateway_service",
            GatewayRegistration { .. } => "gateway_registration",
            CallRefused { .. } => "call_refused",
            CallBegan { .. } => "call_began",
            RouteTaken { .. } => "route_taken",
            CallField { .. } => "call_field",
            CallEnded { .. } => "call_ended",
            LegBegan { .. } => "leg_began",
            LegRinging { .. } => "leg_ringing",
            LegAsked { .. } => "leg_asked",
            ToneHeard { .. } => "tone_heard",
            LegAnswered { .. } => "leg_answered",
            LegEnded { .. } => "leg_ended",
            Bridged { .. } => "bridged",
            Unbridged { .. } => "unbridged",
            Held { .. } => "held",
            Retrieved { .. } => "retrieved",
            Transferred { .. } => "transferred",
            Consulted { .. } => "consulted",
            Conferenced { .. } => "conferenced",
            LegMoved { .. } => "leg_moved",
            Replaced { .. } => "replaced",
            Diverted { .. } => "diverted",
            Parked { .. } => "parked",
            Unparked { .. } => "unparked",
            PhoneWish { .. } => "phone_wish",
            MessageTaken { .. } => "message_taken",
            Campaign { .. } => "campaign",
            Care { .. } => "care",
            MessageEnded { .. } => "message_ended",
            Digit { .. } => "digit",
            SourceMoved { .. } => "source_moved",
            NoRtp { .. } => "no_rtp",
            RtpLost { .. } => "rtp_lost",
            Agent { .. } => "agent",
            Queue { .. } => "queue",
            RoomJoined { .. } => "room_joined",
            RoomRefused { .. } => "room_refused",
            RoomLeft { .. } => "room_left",
            RecordingBegan { .. } => "recording_began",
            RecordingPaused { .. } => "recording_paused",
            RecordingResumed { .. } => "recording_resumed",
            RecordingEnded { .. } => "recording_ended",
            RecordingMended { .. } => "recording_mended",
            RecordingPacked { .. } => "recording_packed",
            RecordingSealed { .. } => "recording_sealed",
            RecordingRemoved { .. } => "recording_removed",
            RecorderBegan { .. } => "recorder_began",
            RecorderEnded { .. } => "recorder_ended",
            SurveyAnswer { .. } => "survey_answer",
            Survey { .. } => "survey",
            Scored(_) => "scored",
            Other(fields) => fields.get("kind").and_then(Value::as_str).unwrap_or("other"),
        }
    }
}
