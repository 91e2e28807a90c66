//! Facts: what happened, told once, in order. The single source of every record.
//!
//! ```text
//! switch ──Output::Fact──► journal (disk) ──► store: calls, legs, recordings, answers
//!                     └──► console, reports, a standby: whoever wants to know
//! ```
//!
//! A fact is plain data and says only what happened, never what to do. It outlives the process and
//! the version that wrote it, so it has types of its own and does not change when the switch's
//! inner types do: a field is added with a default, never given another meaning, and a kind or a
//! shape that this version does not know is read as [`FactKind::Other`] with nothing lost.
//!
//! Times: [`Fact::wall`] says when, for people. Durations are measured by the monotonic clock and
//! stand in the facts that end something, because the wall clock can jump.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base::{CallId, LegId, RecordingId, Wall};

mod campaign;
mod care;
mod centre;
mod counted;
mod kinds;
mod party;
mod scored;
mod survey;
mod words;

pub use self::campaign::CampaignFact;
pub use self::care::{CareFact, Home, LineEnd, Meaning, Protocol};
pub use self::centre::{AgentFact, QueueFact};
pub use self::counted::COUNTED;
pub use self::party::{Party, Sound};
pub use self::scored::Scored;
pub use self::survey::SurveyFact;
pub use self::words::{
    AlarmWhat, EndedBy, GatewayService, KeyBy, Role, RoomLeft, RoomRefusal, Unregistered,
};

/// One thing that happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Fact {
    /// Its number, one higher than the one before it, over restarts too.
    pub seq: u64,
    /// When, by the calendar.
    pub wall: Wall,
    /// What.
    #[serde(flatten)]
    pub kind: FactKind,
}

/// What happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FactKind {
    /// Belfry started. Calls that had no end before it ended when its forerunner did.
    Started {
        /// The version.
        version: String,
        /// The node's name.
        node: String,
        /// How long its forerunner is known to have lived after its last fact, milliseconds. The journal fills it in.
        #[serde(default, skip_serializing_if = "is_zero")]
        lived_ms: u64,
    },
    /// Belfry stopped in good order.
    Stopped {
        /// Why: a signal, the console.
        why: String,
    },
    /// A new configuration or dialplan is in force.
    Reloaded {
        /// Who asked for it.
        by: String,
    },
    /// A reload was refused; the old configuration is still in force.
    ReloadRefused {
        /// Who asked for it.
        by: String,
        /// How many faults there were.
        faults: u32,
    },
    /// An alarm was raised or is over.
    Alarm {
        /// What it is about.
        what: AlarmWhat,
        /// Raised, or over.
        raised: bool,
        /// Which disk, gateway, call.
        detail: String,
        /// The call it concerns.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<CallId>,
    },

    /// A phone registered a contact, comes from elsewhere with it, or renewed it. Renewals are written
    /// every ten minutes at most.
    PhoneRegistered {
        /// Its number.
        number: String,
        /// Its contact URI.
        contact: String,
        /// From where.
        from: String,
        /// For how many seconds.
        expires_s: u32,
        /// What it calls itself.
        #[serde(default)]
        user_agent: String,
        /// What brings it back after a restart ([`Binding::to_record`]); empty when nothing does.
        ///
        /// [`Binding::to_record`]: crate::sip::registrar::Binding::to_record
        #[serde(default, skip_serializing_if = "String::is_empty")]
        record: String,
    },
    /// A contact of a phone is gone.
    PhoneUnregistered {
        /// Its number.
        number: String,
        /// Its contact URI.
        contact: String,
        /// Why.
        why: Unregistered,
    },
    /// A wrong password or an unknown number.
    PhoneRefused {
        /// The number it gave.
        number: String,
        /// From where.
        from: String,
        /// Why.
        why: String,
    },
    /// A source is not heard for a while.
    SourceBanned {
        /// Its address or network.
        source: String,
        /// Why.
        why: String,
        /// For how many seconds.
        seconds: u64,
    },
    /// A ban was ended by an operator or a reload.
    SourceFreed {
        /// Whose.
        source: String,
    },
    /// A call did not go out: its account may not call there, or not so often.
    DialBarred {
        /// Its call.
        call: CallId,
        /// On whose account.
        account: String,
        /// The number dialled.
        number: String,
        /// Why not.
        why: String,
    },
    /// A gateway answers.
    GatewayUp {
        /// Its name.
        gateway: String,
    },
    /// A gateway does not answer.
    GatewayDown {
        /// Its name.
        gateway: String,
        /// How that was seen.
        why: String,
    },
    /// An operator took a gateway out of service, or put it back.
    GatewayService {
        /// Its name.
        gateway: String,
        /// What holds now.
        service: GatewayService,
    },
    /// Belfry is registered with a gateway, or is no more.
    GatewayRegistration {
        /// Its name.
        gateway: String,
        /// Whether it is.
        registered: bool,
        /// Why not.
        #[serde(default)]
        why: String,
    },
    /// A call was refused before it began.
    CallRefused {
        /// Who called, as far as that is known.
        from: String,
        /// What was dialled.
        to: String,
        /// The SIP status given.
        status: u16,
        /// Why.
        why: String,
    },

    /// A call began.
    CallBegan {
        /// Which.
        call: CallId,
        /// Who called.
        caller: Party,
        /// What was dialled.
        dialled: String,
        /// The name that the caller gave.
        #[serde(default)]
        caller_name: String,
        /// The dialplan context.
        context: String,
    },
    /// The dialplan chose a route.
    RouteTaken {
        /// The call.
        call: CallId,
        /// The route's name.
        route: String,
    },
    /// The dialplan set a field of the call's record.
    CallField {
        /// The call.
        call: CallId,
        /// The field.
        name: String,
        /// Its value; an empty one clears it.
        value: String,
    },
    /// A call ended: the last fact of it, but for the ends of its recordings, which the disk may
    /// still have to write.
    CallEnded {
        /// Which.
        call: CallId,
        /// The Q.850 cause.
        cause: u8,
        /// Who ended it.
        by: EndedBy,
        /// From begin to end, milliseconds.
        total_ms: u64,
        /// From the first answer by an agent or outside party to the end, milliseconds.
        talk_ms: u64,
    },

    /// A leg began: an INVITE came or went out.
    LegBegan {
        /// The call.
        call: CallId,
        /// Which.
        leg: LegId,
        /// Whom it reaches.
        party: Party,
        /// Caller or callee.
        role: Role,
        /// Belfry calls it; `false`: it calls Belfry. Facts of earlier versions do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outgoing: Option<bool>,
    },
    /// A leg's party is alerted.
    LegRinging {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
    },
    /// A leg was answered: by the party, or by Belfry for the caller.
    LegAnswered {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
    },
    /// A called party's network plays a tone.
    ToneHeard {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// Which: `busy`, `congestion`, `unobtainable`, `ringback`.
        tone: String,
        /// The Q.850 cause that it stands for; none: the call goes on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<u8>,
    },
    /// A phone's mobile was answered, by whomever: it is asked whether it takes the call. If it does,
    /// [`FactKind::LegAnswered`] follows.
    LegAsked {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
    },
    /// A leg ended: the last fact of it.
    LegEnded {
        /// The call.
        call: CallId,
        /// Which.
        leg: LegId,
        /// The Q.850 cause.
        cause: u8,
        /// The SIP status that ended it; 0: it was ended by a request.
        #[serde(default)]
        status: u16,
        /// Who ended it.
        by: EndedBy,
        /// How long it rang, milliseconds.
        #[serde(default)]
        ring_ms: u64,
        /// From its answer to its end, milliseconds.
        #[serde(default)]
        talk_ms: u64,
        /// From its begin to its end, milliseconds: so long it had its gateway's channel. Facts of earlier versions do
        /// not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        busy_ms: Option<u64>,
        /// What its audio was like.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sound: Option<Sound>,
    },
    /// Two legs hear each other.
    Bridged {
        /// The call.
        call: CallId,
        /// One.
        a: LegId,
        /// The other.
        b: LegId,
    },
    /// They do no longer.
    Unbridged {
        /// The call.
        call: CallId,
        /// One.
        a: LegId,
        /// The other.
        b: LegId,
    },
    /// A party put the call on hold.
    Held {
        /// The call.
        call: CallId,
        /// The party's leg.
        leg: LegId,
        /// How long this process had lived, milliseconds; facts of earlier versions do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        up_ms: Option<u64>,
    },
    /// And took it back.
    Retrieved {
        /// The call.
        call: CallId,
        /// The party's leg.
        leg: LegId,
        /// As above: how long it was held is the difference.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        up_ms: Option<u64>,
    },
    /// A party sent another on.
    Transferred {
        /// The call.
        call: CallId,
        /// Who did it.
        by: LegId,
        /// Who was sent on.
        who: LegId,
        /// Whereto.
        to: String,
        /// It was the caller's doing, not an agent's whom a queue gave him.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_caller: bool,
    },
    /// A party asks a third by keys, while the other waits.
    Consulted {
        /// The call.
        call: CallId,
        /// Who asks.
        by: LegId,
        /// Who waits.
        who: LegId,
        /// Whom: the number.
        to: String,
        /// All three are to talk together.
        three_way: bool,
    },
    /// Three of a call hear each other, by keys or by a program's order.
    Conferenced {
        /// The call.
        call: CallId,
        /// Who brought them together.
        by: LegId,
        /// With whom it talked first.
        who: LegId,
        /// Who came to it.
        third: LegId,
    },
    /// A party has gone over from another call, by an attended transfer or to a conference of three.
    LegMoved {
        /// The call that it belongs to from now on.
        call: CallId,
        /// Its leg.
        leg: LegId,
        /// The call that it belonged to.
        from: CallId,
    },
    /// A device has taken another's place: a call was picked up, or taken to another phone.
    Replaced {
        /// The call.
        call: CallId,
        /// The leg that has gone.
        old: LegId,
        /// The leg in its place.
        leg: LegId,
    },
    /// A call goes elsewhere than its dial said.
    Diverted {
        /// The call.
        call: CallId,
        /// The phone whose user, or which itself, sends it on.
        by: String,
        /// Whereto.
        to: String,
        /// Why, as RFC 5806 has it: `unconditional`, `user-busy`, `no-answer`, `deflection`.
        why: String,
    },
    /// A party waits in a parking slot.
    Parked {
        /// The call.
        call: CallId,
        /// The party's leg.
        leg: LegId,
        /// The leg that parked it.
        by: LegId,
        /// The slot.
        slot: u32,
    },
    /// A party waits in its slot no more: it was taken, or the one who parked it is rung.
    Unparked {
        /// The call.
        call: CallId,
        /// The party's leg.
        leg: LegId,
        /// The slot.
        slot: u32,
    },
    /// A phone's user wishes something of calls to it.
    PhoneWish {
        /// The phone's number.
        number: String,
        /// `do-not-disturb`, `forward-always`, `forward-busy`, `forward-no-answer`.
        wish: String,
        /// The number to forward to, `on`; empty: it is not wished any more.
        value: String,
    },
    /// A text message was taken: it is named by the number of this fact.
    MessageTaken {
        /// The phone that wrote it.
        from: String,
        /// The phone for which it is.
        to: String,
        /// Its Content-Type.
        content_type: String,
        /// Its body.
        body: String,
        /// Until when it is held.
        expires: Wall,
    },
    /// A text message was delivered, or is given up.
    MessageEnded {
        /// The number of the fact by which it was taken.
        id: u64,
        /// The phone for which it was.
        to: String,
        /// Why it was given up; empty: it was delivered.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
    },
    /// A unit reported something, or its case went on.
    Care {
        /// The unit's controller.
        account: String,
        /// What.
        #[serde(flatten)]
        what: CareFact,
    },
    /// Something of an outbound campaign.
    Campaign {
        /// Its name.
        campaign: String,
        /// What.
        #[serde(flatten)]
        what: CampaignFact,
    },
    /// A party pressed a key.
    Digit {
        /// The call.
        call: CallId,
        /// The party's leg.
        leg: LegId,
        /// The key; `None` where it must not be kept: a PIN, a card number.
        digit: Option<char>,
        /// How it came.
        by: KeyBy,
    },
    /// The party's RTP comes from a new address, and was followed (R8).
    SourceMoved {
        /// The call.
        call: CallId,
        /// The party's leg.
        leg: LegId,
        /// Where it came from.
        from: String,
        /// Where it comes from now.
        to: String,
    },

    /// A party that should be heard sent no RTP for some seconds; told once of a silence, at most once a minute.
    NoRtp {
        /// The call.
        call: CallId,
        /// Whose packets.
        leg: LegId,
        /// Milliseconds so far.
        silent_ms: u64,
        /// Whether the other party is heard meanwhile.
        one_way: bool,
        /// The payload type of what comes instead, which was not agreed on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unagreed: Option<u8>,
    },
    /// A party sent no RTP for longer than it may: the call was ended for that.
    RtpLost {
        /// The call.
        call: CallId,
        /// The silent party's leg.
        leg: LegId,
        /// For how long, milliseconds.
        silent_ms: u64,
    },

    /// Something of an agent.
    Agent {
        /// Its number.
        agent: String,
        /// What.
        #[serde(flatten)]
        what: AgentFact,
    },
    /// Something of a caller in a queue.
    Queue {
        /// The queue's name.
        queue: String,
        /// The caller's call.
        call: CallId,
        /// What.
        #[serde(flatten)]
        what: QueueFact,
    },

    /// A party came into a conference.
    RoomJoined {
        /// The party's call.
        call: CallId,
        /// The party's leg.
        leg: LegId,
        /// The conference's name.
        room: String,
        /// Members with it.
        members: u32,
        /// It is not heard.
        #[serde(default, skip_serializing_if = "core::ops::Not::not")]
        muted: bool,
    },
    /// A party was not let into a conference.
    RoomRefused {
        /// The party's call.
        call: CallId,
        /// The party's leg.
        leg: LegId,
        /// The conference's name.
        room: String,
        /// Why.
        why: RoomRefusal,
    },
    /// A party is in a conference no more.
    RoomLeft {
        /// The party's call.
        call: CallId,
        /// The party's leg.
        leg: LegId,
        /// The conference's name.
        room: String,
        /// Why.
        why: RoomLeft,
        /// Members without it; with none left the conference is over.
        members: u32,
        /// How long it was in, milliseconds.
        ms: u64,
    },

    /// A recording began.
    RecordingBegan {
        /// The call.
        call: CallId,
        /// Which.
        recording: RecordingId,
        /// Its file, below the recordings' directory.
        path: String,
        /// The customer's leg: the left channel.
        left: LegId,
        /// The agent's leg: the right channel.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        right: Option<LegId>,
    },
    /// A recording was paused.
    RecordingPaused {
        /// The call.
        call: CallId,
        /// Which.
        recording: RecordingId,
        /// True; false in older journals, which say by it that a recording goes on.
        paused: bool,
    },
    /// A paused recording goes on.
    RecordingResumed {
        /// The call.
        call: CallId,
        /// Which.
        recording: RecordingId,
    },
    /// A recording ended: its file is complete.
    RecordingEnded {
        /// The call.
        call: CallId,
        /// Which.
        recording: RecordingId,
        /// Samples of each channel.
        samples: u64,
        /// Its length, milliseconds.
        ms: u64,
        /// Why it is not whole; empty when it is.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        fault: String,
    },
    /// A recording that a crash left was made whole at the next start.
    RecordingMended {
        /// The call.
        call: CallId,
        /// Its file, below the recordings' directory.
        path: String,
        /// Samples of each channel.
        samples: u64,
        /// Its length, milliseconds.
        ms: u64,
    },
    /// A recording was packed: from now on its file is another.
    RecordingPacked {
        /// The call.
        call: CallId,
        /// The file it was, below the recordings' directory.
        path: String,
        /// The file it is.
        packed: String,
        /// That one's size.
        bytes: u64,
    },
    /// What a recording's file is now that it is whole.
    RecordingSealed {
        /// The call.
        call: CallId,
        /// Its file, below the recordings' directory.
        path: String,
        /// The file's SHA-256, in hexadecimal digits.
        sha256: String,
        /// Its size.
        bytes: u64,
    },
    /// A recording was past its time: its file is gone.
    RecordingRemoved {
        /// The call.
        call: CallId,
        /// Its file, below the recordings' directory.
        path: String,
    },
    /// A recorder outside has the call from now on (SIPREC).
    RecorderBegan {
        /// The call.
        call: CallId,
        /// Its name.
        recorder: String,
        /// The Call-ID of the session with it.
        session: String,
    },
    /// A recorder outside has the call no more, or did not take it.
    RecorderEnded {
        /// The call.
        call: CallId,
        /// Its name.
        recorder: String,
        /// How long it had it, or was asked, milliseconds.
        ms: u64,
        /// What went wrong; empty where the recording was over.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
    },
    /// The caller answered a question of a survey (R21).
    SurveyAnswer {
        /// The call.
        call: CallId,
        /// The survey's name.
        survey: String,
        /// The question's name.
        question: String,
        /// The key pressed; `voice` for a spoken answer.
        key: String,
        /// What it means.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        meaning: String,
        /// The recording of a spoken one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        voice: Option<String>,
        /// The number of the agent it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<String>,
    },
    /// A survey of a call: it began, was over, was corrected.
    Survey {
        /// The call.
        call: CallId,
        /// Its name.
        survey: String,
        /// What.
        #[serde(flatten)]
        what: SurveyFact,
    },

    /// A supervisor has scored a recorded talk (R23). It stands until another one corrects it.
    Scored(Box<Scored>),

    /// A kind of a later version, or one with fields that this version does not understand; kept
    /// as it was written.
    #[serde(untagged)]
    Other(Map<String, Value>),
}

/// What is not written down.
fn is_zero(ms: &u64) -> bool {
    *ms == 0
}

#[cfg(test)]
mod tests;
