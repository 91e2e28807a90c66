//! One call under way: the model of its parties, the plan that runs for it, and what the plan's
//! present step waits for.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::{CallId, LegId, PlayId, RecordingId, Time};
use crate::call::collect::Collect;
use crate::call::{Call, Device, Dialling};
use crate::config::Language;
use crate::dialplan::effect::{Dial, Item, Keys, Target};
use crate::dialplan::{Interp, Plan};
use crate::sip::Binding;
use crate::trunk::Overflow;
use crate::wire::q850::Cause;

use super::asking::Asking;
use super::caller_id::Origin;
use super::consulting::Consulting;
use super::fact::EndedBy;
use super::forwarding::{Diversion, Instead};
use super::queueing::Queued;
use super::signing::SigningIn;

/// What the plan's present step waits for.
#[derive(Debug)]
pub enum Doing {
    /// The caller's port, before the first step.
    Opening,
    /// The answer of the phone that is to call: a computer dialled for it. Until when.
    Summoning(Time),
    /// The ACK of a caller whose INVITE made no offer: it answers ours, and until then the caller
    /// cannot be spoken to.
    Answering,
    /// The end of a playback.
    Playing(PlayId),
    /// Keys.
    Collecting {
        /// The taking.
        collect: Collect,
        /// The prompt that still plays.
        prompt: Option<PlayId>,
        /// A key stops the prompt.
        barge_in: bool,
        /// They are nobody's to know.
        secret: bool,
    },
    /// A time, or the caller's end.
    Waiting(Time),
    /// The end of an echo: a time, or one of these keys.
    Echoing {
        /// When it is over.
        until: Time,
        /// The keys that end it.
        stop_on: Keys,
    },
    /// The last key to be sent.
    Sending,
    /// What a program or the store says.
    Asking(Box<Asking>),
    /// What a unit says by keys, until then.
    Receiving(Time),
    /// Somebody's answer.
    Dialling(Box<Dialing>),
    /// The end of a conference.
    Conferring {
        /// Its name.
        room: String,
        /// The keys with which the caller leaves it.
        leave: Keys,
        /// Since when there are others in it with whom it talks.
        talks: Option<Time>,
    },
    /// The end of a talk.
    Talking {
        /// The other party.
        with: LegId,
        /// As the plan named it.
        target: Target,
        /// Since when.
        since: Time,
    },
    /// A phone that takes the call out of its slot.
    Parked {
        /// The slot.
        slot: u32,
        /// How long.
        until: Time,
        /// The phone that parked it.
        back: String,
        /// The talk was recorded, and the next one is to be.
        record: bool,
    },
    /// The end of a tone that confirms a feature code.
    Confirming(Time),
    /// An agent.
    Queued,
    /// The journal's word that a call-back is written down; its wait, should that not be.
    BackNoting {
        /// Its wait.
        queued: Option<Box<Queued>>,
        /// At the latest.
        until: Time,
    },
    /// The end of the prompt that says so.
    BackNoted(PlayId),
    /// The answer of the agent's phone that is to call somebody back. Until when.
    SummoningBack(Time),
    /// The end of the prompt that tells that agent.
    BackSaid {
        /// The prompt.
        play: Option<PlayId>,
        /// At the latest.
        until: Time,
    },
    /// The number and PIN of an agent who signs in.
    SigningIn(Box<SigningIn>),
    /// The end of the talk that this supervisor is with: its call.
    Watching(CallId),
    /// Nothing: the plan is over and the legs are going.
    Ending,
}

/// Words that are said over what a caller hears while it waits, music or a tone: what begins under them leaves them be.
#[derive(Clone, PartialEq, Debug)]
pub struct Over {
    /// What.
    pub items: Vec<Item>,
    /// Its playback.
    pub play: PlayId,
}

/// A dial step under way.
#[derive(Debug)]
pub struct Dialing {
    /// Who is rung, who is next.
    pub hunt: Dialling<Target>,
    /// What the plan asked for.
    pub dial: Dial,
    /// Which leg was made for which target.
    pub legs: Vec<(LegId, Target)>,
    /// Over which gateways those go on that go through one.
    pub ways: Vec<Way>,
    /// How it came to those who are rung that the plan did not name.
    pub diverted: Vec<Diversion>,
    /// The devices of phones that are rung in turn.
    pub later: Vec<Later>,
    /// Whereto else a phone's 3xx sends the call, should the leg that was made for it fail.
    pub instead: Vec<(LegId, Vec<Instead>)>,
    /// The leg whose early media the caller hears.
    pub early: Option<LegId>,
}

/// What is left of a phone's devices, where they are rung in turn.
#[derive(Clone, Debug)]
pub struct Later {
    /// The phone.
    pub phone: String,
    /// Those of one `q` each, the highest first.
    pub tiers: VecDeque<Vec<Binding>>,
    /// When the next are rung in place of those who ring.
    pub due: Time,
}

/// The way of a leg over the gateways of a trunk.
#[derive(Debug)]
pub struct Way {
    /// Its leg.
    pub leg: LegId,
    /// The gateways that are left.
    pub left: Overflow,
    /// Whom it reaches.
    pub to: Outside,
}

/// Whom a leg by a gateway reaches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outside {
    /// The number, as the plan or the configuration has it.
    pub number: String,
    /// It is this phone's mobile.
    pub phone: Option<String>,
}

/// A recording of the call.
#[derive(Clone, PartialEq, Debug)]
pub struct Recording {
    /// Its name.
    pub id: RecordingId,
    /// Its file.
    pub path: String,
    /// Silence is written for the time being.
    pub paused: bool,
    /// With whose legs it is on one RTP worker.
    pub group: Option<CallId>,
    /// A dial asked for it: it ends with the talk. The plan ends its own.
    pub by_dial: bool,
}

/// What a recorder outside gets of the call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Copying {
    /// Nothing, for the time being.
    pub paused: bool,
    /// A dial asked for it: it ends with the talk. The plan ends its own.
    pub by_dial: bool,
}

/// A transfer that has not proven itself yet: what to go back to if it fails.
#[derive(Debug)]
pub struct Transfer {
    /// Who transfers. `None` once it has gone.
    pub by: Option<LegId>,
    /// Its device, which outlasts it: a call out is on its account.
    pub payer: Device,
    /// It was asked for by REFER and wants to hear how it goes.
    pub notify: bool,
    /// The plan as it was, with the party for whom it ran; none, where that one had parked the other and gone.
    pub plan: Option<Box<Interp>>,
    /// For whom it ran.
    pub subject: LegId,
    /// Whom they had talked with, as the plan named it.
    pub talk: Target,
    /// Whereto: number and context.
    pub to: (String, String),
}

/// A call under way.
pub struct Active {
    /// Its parties.
    pub call: Call,
    /// Whose legs its legs share an RTP worker with: its own, or an earlier call's of the phone that began it.
    pub group: CallId,
    /// Its legs, with those whose ports are being closed. The last one takes the call with it.
    pub legs: u32,
    /// The plan as it was when the call began: a reload does not touch it.
    pub plan: Arc<Plan>,
    /// Where in the plan it is.
    pub interp: Option<Box<Interp>>,
    /// It has none any more: whoever the plan served has parked the other and gone.
    pub planless: bool,
    /// The two of its talk are in a conference.
    pub gathered: bool,
    /// What the present step waits for.
    pub doing: Doing,
    /// Who called.
    pub from: String,
    /// What else is known of where it comes from.
    pub origin: Origin,
    /// The caller's name, where one came.
    pub from_name: Option<String>,
    /// The number dialled.
    pub to: String,
    /// The plan's context that it entered by.
    pub context: String,
    /// The route that runs.
    pub route: Option<String>,
    /// The language of its prompts.
    pub language: Language,
    /// The recording that runs.
    pub recording: Option<Recording>,
    /// What a recorder outside gets, where there is one.
    pub copying: Option<Copying>,
    /// Recordings so far: the second file gets another name.
    pub recordings: u32,
    /// What is said over whatever the caller hears while it waits.
    pub over: Option<Over>,
    /// Its wait in a queue, until an agent has it.
    pub queued: Option<Box<Queued>>,
    /// The agent of the latest talk: the survey's answers are about it.
    pub agent: Option<String>,
    /// The queue of the latest talk with one of its agents.
    pub served_in: Option<String>,
    /// It is made for an alarm: it takes a channel of a gateway that ordinary calls leave free.
    pub for_alarm: bool,
    /// The way of the leg that is to call ([`Doing::Summoning`]), where that goes over gateways.
    pub way: Option<Way>,
    /// A transfer under way.
    pub transfer: Option<Transfer>,
    /// What an asker's plan rang when the asker went: a dial of the same targets goes on with it.
    pub rung: Option<Box<Dialing>>,
    /// A party asks a third, or three are together.
    pub consulting: Option<Box<Consulting>>,
    /// A party to be released at this time: its transfer is done and it should have hung up.
    pub release: Option<(LegId, Time)>,
    /// The latest failed dial's cause: the caller's, when the plan ends unanswered.
    pub last_cause: Option<Cause>,
    /// Why the talk before ended, while nothing has followed it: the caller's, when the plan ends with it.
    pub talk_cause: Option<Cause>,
    /// The SIP status by which that dial's most telling leg was refused, with its cause.
    pub last_refusal: Option<(Cause, u16)>,
    /// The SIP status by which the plan refuses the caller.
    pub refused_by: Option<u16>,
    /// How the call ended, once it is known: the cause, and whether a party did.
    pub ended: Option<(Cause, EndedBy)>,
    /// When it is to be ended at the latest; sooner while nobody has answered.
    pub deadline: Time,
    /// Milliseconds of its talks so far.
    pub talk_ms: u64,
    /// When it asked to be woken; [`Time::NEVER`] if not.
    pub wake: Time,
}

impl Active {
    /// Its name.
    pub fn id(&self) -> CallId {
        self.call.id
    }
    /// For whom the plan runs.
    pub fn subject(&self) -> LegId {
        self.call.subject
    }
    /// The cause by which its parties are released when the plan ends.
    pub fn end_cause(&self) -> Cause {
        self.last_cause.or(self.talk_cause).unwrap_or(Cause::NORMAL_CLEARING)
    }
    /// Whether keys of `leg` are the plan's: it runs for that party, who neither talks nor waits for somebody's answer. Who
    /// waits in a queue has its keys while agents' phones ring, too.
    pub fn takes_keys_of(&self, leg: LegId) -> bool {
        let among_people = match self.doing {
            Doing::Dialling(_) => self.queued.is_none(),
            Doing::Talking { .. }
            | Doing::Parked { .. }
            | Doing::Conferring { .. }
            | Doing::Ending => true,
            _ => false,
        };
        self.subject() == leg && !among_people
    }
    /// Gives up what the present step waits for: a talk's time counts, whoever ended it. Gives the
    /// step, and the legs that a dial still rings.
    pub fn leave_step(&mut self, now: Time) -> (Doing, Vec<LegId>) {
        let mut left = std::mem::replace(&mut self.doing, Doing::Ending);
        let rung = match &mut left {
            Doing::Dialling(dialing) => dialing.hunt.abandon(),
            Doing::Talking { since, .. } | Doing::Conferring { talks: Some(since), .. } => {
                self.talk_ms += now.since(*since).as_millis() as u64;
                Vec::new()
            }
            _ => Vec::new(),
        };
        (left, rung)
    }
    /// Others are in its conference, or nobody is any more: only with others is its time in it a talk's.
    pub fn in_company(&mut self, now: Time, together: bool) {
        let Doing::Conferring { talks, .. } = &mut self.doing else { return };
        match (*talks, together) {
            (None, true) => *talks = Some(now),
            (Some(since), false) => {
                *talks = None;
                self.talk_ms += now.since(since).as_millis() as u64;
            }
            _ => {}
        }
    }
    /// Keeps the dial that is the present step, as far as it is, for who comes next.
    pub fn keep_dial(&mut self) -> Option<Box<Dialing>> {
        match std::mem::replace(&mut self.doing, Doing::Ending) {
            Doing::Dialling(dialing) => Some(dialing),
            other => {
                self.doing = other;
                None
            }
        }
    }
    /// Whether it is recorded, here or outside, and that is paused; `None`: it is not.
    pub fn recording_paused(&self) -> Option<bool> {
        let own = self.recording.as_ref().map(|recording| recording.paused);
        own.or(self.copying.map(|copying| copying.paused))
    }
    /// Whether it is recorded until its talk is over.
    pub fn is_recorded_by_dial(&self) -> bool {
        let own = self.recording.as_ref().map(|recording| recording.by_dial);
        own.or(self.copying.map(|copying| copying.by_dial)).unwrap_or(false)
    }
    /// Who speaks on a recording's left channel and on its right (R5).
    pub fn sides(&self) -> (LegId, Option<LegId>) {
        let subject = self.subject();
        if let Some(consulting) = self.consulting.as_ref().filter(|c| c.who.is_aside()) {
            // What the asker and the third say is nothing of the talk that is recorded.
            return (consulting.who.first, None);
        }
        match self.doing {
            Doing::Talking { with, .. } => {
                let (left, right) = self.call.sides(subject, with);
                (left, Some(right))
            }
            _ => (subject, None),
        }
    }
    /// The earliest time at which something is due.
    pub fn due(&self) -> Time {
        let step = match &self.doing {
            Doing::Collecting { collect, .. } => collect.deadline(),
            Doing::Waiting(until)
            | Doing::Receiving(until)
            | Doing::Confirming(until)
            | Doing::Summoning(until)
            | Doing::SummoningBack(until)
            | Doing::BackSaid { until, .. }
            | Doing::BackNoting { until, .. }
            | Doing::Echoing { until, .. } => *until,
            Doing::SigningIn(signing) => signing.collect.deadline(),
            Doing::Parked { until, .. } => *until,
            Doing::Dialling(d) => d.hunt.deadline(),
            Doing::Asking(asking) => asking.quiet_until.min(asking.until),
            _ => Time::NEVER,
        };
        let release = self.release.map_or(Time::NEVER, |(_, at)| at);
        let announced = self.queued.as_ref().map_or(Time::NEVER, |queued| queued.announced_at);
        let asks = self.queued.as_ref().and_then(|queued| queued.asks.as_ref());
        let asked = asks.map_or(Time::NEVER, |asks| asks.asking.deadline());
        step.min(release).min(announced).min(asked).min(self.deadline)
    }
}
