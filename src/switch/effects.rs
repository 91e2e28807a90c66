//! The plan's next step, done for the call: what the interpreter asks for becomes media commands
//! and SIP, and what comes of it goes back into the interpreter.

use crate::base::{CallId, Duration, LegId, Now, Time};
use crate::call::collect::{Collect, Ended as Taken, Progress, Wanted};
use crate::call::consultation::{Instead, Step, instead};
use crate::config::Language;
use crate::dialplan::Interp;
use crate::dialplan::effect::{self, Effect, Ended, Happening, Level, Recording};
use crate::media::control::{Command, DigitSet};
use crate::sip;
use crate::switch::outbound::sip_prack;
use crate::wire::q850::Cause;

use super::active::Doing;
use super::fact::{EndedBy, FactKind};
use super::leg::Stage;
use super::sound::music;
use super::{Output, Switch};

impl Switch {
    /// Tells the plan what happened and does what it asks for, until it waits for something.
    pub(super) fn run(&mut self, now: Now, id: CallId, happening: Happening) {
        let mut next = Some(happening);
        while let Some(happening) = next.take() {
            if matches!(happening, Happening::Redirect(_)) {
                self.quit_room_of(now, id);
                self.quit_queue(now, id, crate::acd::event::Departure::Moved);
            }
            let Some(active) = self.calls.get_mut(&id) else { return };
            let Some(mut interp) = active.interp.take() else {
                if active.planless {
                    let cause = active.end_cause();
                    if self.duty_hears_why(now, id, cause) {
                        return;
                    }
                    self.release_call(now, id, cause, EndedBy::Plan);
                }
                return;
            };
            let effect = interp.resume(&active.plan, now, happening);
            let route = interp.route(&active.plan).map(str::to_owned);
            let notes = interp.take_notes();
            active.interp = Some(interp);
            // What an asker's own plan does is no route of the call's.
            let route = route.filter(|_| active.consulting.is_none());
            if let Some(route) = route.filter(|route| active.route.as_ref() != Some(route)) {
                active.route = Some(route.clone());
                self.fact(now, FactKind::RouteTaken { call: id, route });
            }
            self.tell_trace(id, notes);
            next = self.act(now, id, effect);
        }
        self.rearm(id);
    }

    /// Does one effect. `Some`: it is done already, go on.
    fn act(&mut self, now: Now, id: CallId, effect: Effect) -> Option<Happening> {
        let subject = self.step_left(now, id, &effect)?;
        let active = self.calls.get_mut(&id)?;
        if !ends_or_notes(&effect) {
            active.talk_cause = None;
        }
        let asked = active.consulting.as_ref().and_then(|_| beyond(&effect)).map(instead);
        let gone = self.legs.get(&subject).is_none_or(|leg| leg.stage == Stage::Over);
        match effect {
            Effect::SaveAnswer { .. }
            | Effect::Survey { .. }
            | Effect::SetField { .. }
            | Effect::Log { .. } => self.note(now, id, effect),
            Effect::Accept => return (!self.call_accepted(now, id)).then_some(Happening::Done),
            Effect::CheckIn => self.checked_in(now, id),
            Effect::End => {
                let cause = active.end_cause();
                self.release_call(now, id, cause, EndedBy::Plan);
                return None;
            }
            Effect::Record(_) if asked == Some(Instead::Nothing) => {}
            Effect::Record(change) => self.plan_records(now, id, change),
            // What needs the caller cannot be done without one; the plan's last steps go on.
            _ if gone => return Some(Happening::Done),
            Effect::Answer => {
                self.answer(now, subject);
                return (!self.awaits_answer(id, subject)).then_some(Happening::Done);
            }
            Effect::EarlyMedia => self.early_media(now, subject),
            Effect::Ring => self.ring(now, subject),
            Effect::Refuse { status } => active.refused_by = Some(status),
            Effect::PlayOver { items } => self.play_over(now, id, subject, items),
            Effect::Music { class } => {
                self.hear_clip(now, subject, music(&class));
            }
            Effect::StopMusic => self.stop_play(subject),
            Effect::ReceiveAlarm(_)
            | Effect::Hangup { .. }
            | Effect::Play { .. }
            | Effect::Wait { .. }
            | Effect::SendDigits { .. } => return self.begin(now, id, subject, effect),
            Effect::AskQueue(_) | Effect::Queue(_) if asked == Some(Instead::Closed) => {
                return Some(self.closed_to_keys(id));
            }
            Effect::Collect(_)
            | Effect::Echo { .. }
            | Effect::Dial(_)
            | Effect::Conference(_)
            | Effect::AskQueue(_)
            | Effect::Queue(_)
            | Effect::Lookup(_) => return self.bring(now, id, subject, effect),
        }
        Some(Happening::Done)
    }

    /// The step before is left, as far as something of it goes on; gives the party for whom the plan runs.
    fn step_left(&mut self, now: Now, id: CallId, effect: &Effect) -> Option<LegId> {
        let settles = matches!(effect, Effect::Answer | Effect::Collect(_) | Effect::Echo { .. });
        if settles || *effect == (Effect::Wait { ms: None }) {
            self.transfer_settled(now, id);
        }
        let active = self.calls.get_mut(&id)?;
        let subject = active.subject();
        if !matches!(effect, Effect::End | Effect::Log { .. }) {
            let before = core::mem::replace(&mut active.doing, Doing::Waiting(Time::NEVER));
            if matches!(before, Doing::Echoing { .. }) {
                self.out.push_back(Output::Media(Command::Unbridge { leg: subject }));
            }
            if matches!(before, Doing::Receiving(_)) {
                self.reception_left(now, id);
            }
        }
        Some(subject)
    }

    /// Whoever is asked by keys while another waits cannot go into a queue.
    fn closed_to_keys(&mut self, id: CallId) -> Happening {
        let line = format!("call {id}: a queue is not to be asked by keys; it is closed");
        self.log(super::Level::Warning, line);
        Happening::Queued(effect::QueueEnd::Closed)
    }

    /// Effects that take their time, or end the call: the plan goes on when they are over.
    fn begin(&mut self, now: Now, id: CallId, subject: LegId, effect: Effect) -> Option<Happening> {
        let active = self.calls.get_mut(&id)?;
        match effect {
            Effect::ReceiveAlarm(keys) => self.receive_alarm(now, id, keys, false),
            Effect::Hangup { cause } => {
                let talk = active.talk_cause.filter(|_| cause == crate::dialplan::Cause::NORMAL);
                let cause = talk.unwrap_or(q850(cause));
                self.release_call(now, id, cause, EndedBy::Plan);
            }
            Effect::Play { items, stop_on } => {
                let play = self.play(now, subject, items, false, digits(stop_on))?;
                self.calls.get_mut(&id)?.doing = Doing::Playing(play);
            }
            Effect::Wait { ms } => active.doing = Doing::Waiting(after(now, ms)),
            Effect::SendDigits { digits, on_ms, off_ms } => {
                active.doing = Doing::Sending;
                self.send_digits(now, subject, digits, on_ms, off_ms);
            }
            _ => return Some(Happening::Done),
        }
        None
    }

    /// Effects that bring the caller to somebody or something, which says by itself what came of it.
    fn bring(&mut self, now: Now, id: CallId, subject: LegId, effect: Effect) -> Option<Happening> {
        match effect {
            Effect::Collect(collect) => self.collect(now, id, subject, collect),
            Effect::Echo { ms, stop_on } => self.echo(now, id, subject, ms, stop_on),
            Effect::Dial(dial) => self.dial(now, id, *dial),
            Effect::Conference(wanted) => self.confer(now, id, subject, *wanted),
            Effect::AskQueue(wanted) => self.ask_queue(now, id, subject, *wanted),
            Effect::Queue(wanted) => self.join_queue(now, id, subject, *wanted),
            Effect::Lookup(lookup) => self.look_up(now, id, *lookup),
            _ => Some(Happening::Done),
        }
    }

    /// What a plan writes down.
    fn note(&mut self, now: Now, id: CallId, effect: Effect) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        match effect {
            Effect::SaveAnswer { survey, question, key, meaning, voice } => {
                let agent = active.agent.clone();
                let recording = active.recording.as_ref().map(|recording| recording.path.clone());
                let voice = recording.filter(|_| voice);
                let call = id;
                self.fact(
                    now,
                    FactKind::SurveyAnswer { call, survey, question, key, meaning, voice, agent },
                );
            }
            Effect::Survey { survey, step } => self.survey_step(now, id, survey, step),
            Effect::SetField { name, value } => {
                if name == "language" {
                    active.language = Language::ALL
                        .iter()
                        .find(|(_, word)| *word == value)
                        .map(|(l, _)| *l)
                        .unwrap_or(active.language);
                }
                self.care_call_noted(id, &name, &value);
                self.fact(now, FactKind::CallField { call: id, name, value });
            }
            Effect::Log { level, text } => self.log(log_level(level), format!("call {id}: {text}")),
            _ => {}
        }
    }

    /// The last steps of a plan whose party has left its talk with `by`.
    pub(super) fn run_out(
        &mut self,
        now: Now,
        id: CallId,
        plan: Option<Box<Interp>>,
        by: effect::Target,
    ) {
        let (talk_ms, ended_by) = (0, effect::EndedBy::Caller);
        let end = effect::DialEnd::Answered { by, talk_ms, ended_by };
        self.run_out_after(now, id, plan, Happening::Dialed(end));
    }

    /// The last steps of a plan whose party has left, as `happening` says, while the call goes on without it: nothing
    /// of them but what they write down.
    pub(super) fn run_out_after(
        &mut self,
        now: Now,
        id: CallId,
        plan: Option<Box<Interp>>,
        happening: Happening,
    ) {
        let (Some(mut interp), mut happening) = (plan, happening) else { return };
        while !interp.is_ended() {
            let Some(active) = self.calls.get(&id) else { return };
            let effect = interp.resume(&active.plan, now, happening);
            self.note(now, id, effect);
            happening = Happening::Done;
        }
    }

    /// Lets the caller hear itself, until a time, a key of `stop_on` or its end.
    fn echo(
        &mut self,
        now: Now,
        id: CallId,
        subject: LegId,
        ms: Option<u32>,
        stop_on: effect::Keys,
    ) -> Option<Happening> {
        self.stop_play(subject);
        self.out.push_back(Output::Media(Command::Bridge { a: subject, b: subject }));
        self.calls.get_mut(&id)?.doing = Doing::Echoing { until: after(now, ms), stop_on };
        None
    }

    /// Answers the caller, if that was not done.
    pub(super) fn answer(&mut self, now: Now, leg_id: LegId) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        if leg.stage != Stage::Early {
            return;
        }
        let (session, sdp, call) = (leg.session, leg.description.clone(), leg.call);
        leg.stage = Stage::Answered;
        leg.answered = Some(now.at);
        if self.ask(now, sip::Command::Answer { session, sdp, headers: vec![] }) {
            self.fact(now, FactKind::LegAnswered { call, leg: leg_id });
            let longest = self.config.limits.call_duration;
            if let Some(active) = self.calls.get_mut(&call) {
                active.call.enter(leg_id, crate::call::ConnectionState::Connected, now.at);
                active.deadline = active.call.began + longest;
            }
        }
    }

    /// Opens the speech path of an unanswered caller. One who has not offered cannot be spoken to before its
    /// ACK: it hears that it rings.
    pub(super) fn early_media(&mut self, now: Now, leg_id: LegId) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        if leg.params.is_none() {
            return self.ring(now, leg_id);
        }
        if leg.stage != Stage::Early || leg.early {
            return;
        }
        leg.early = true;
        let (session, sdp) = (leg.session, leg.description.clone());
        let prack = self.prack_of(leg_id);
        self.ask(now, sip::Command::Ring { session, status: 183, sdp, prack });
    }

    /// Whether a caller's provisional responses are acknowledged.
    fn prack_of(&self, leg_id: LegId) -> sip::Prack {
        let gateway = self.legs.get(&leg_id).and_then(|leg| leg.gateway.as_deref());
        let own = gateway.and_then(|name| self.config.gateway(name)).and_then(|g| g.prack);
        sip_prack(own.unwrap_or(self.config.sip.prack))
    }

    /// Tells an unanswered caller that it rings.
    pub(super) fn ring(&mut self, now: Now, leg_id: LegId) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        if leg.stage != Stage::Early || leg.rang {
            return;
        }
        leg.rang = true;
        let session = leg.session;
        let prack = self.prack_of(leg_id);
        self.ask(now, sip::Command::Ring { session, status: 180, sdp: None, prack });
    }

    fn collect(
        &mut self,
        now: Now,
        id: CallId,
        subject: LegId,
        wanted: effect::Collect,
    ) -> Option<Happening> {
        let collect = Collect::new(Wanted {
            max: usize::from(wanted.max),
            terminators: keys(wanted.terminators),
            first: Duration::from_millis(u64::from(wanted.first_ms)),
            between: Duration::from_millis(u64::from(wanted.next_ms)),
        });
        let prompt = if wanted.items.is_empty() {
            None
        } else {
            self.play(now, subject, wanted.items, false, DigitSet::NONE)
        };
        let active = self.calls.get_mut(&id)?;
        let (barge_in, secret) = (wanted.barge_in, wanted.secret);
        active.doing = Doing::Collecting { collect, prompt, barge_in, secret };
        if prompt.is_none()
            && let Doing::Collecting { collect, .. } = &mut active.doing
        {
            collect.prompt_over(now.at);
        }
        // Whoever knows the menu has pressed already.
        if wanted.barge_in {
            while let Some(digit) = self.legs.get_mut(&subject)?.typed.take() {
                if let Some(done) = self.collected(now, id, digit) {
                    return Some(done);
                }
            }
        }
        None
    }

    /// A key for the taking under way; gives what ended it.
    pub(super) fn collected(&mut self, now: Now, id: CallId, digit: char) -> Option<Happening> {
        let active = self.calls.get_mut(&id)?;
        let subject = active.subject();
        let Doing::Collecting { collect, prompt, .. } = &mut active.doing else { return None };
        let mut progress = collect.digit(digit, now.at);
        let complete =
            |digits: &str| active.interp.as_ref().is_some_and(|i| i.complete(&active.plan, digits));
        if !matches!(progress, Progress::Done { .. }) && complete(collect.so_far()) {
            progress = collect.enough();
        }
        let over = matches!(progress, Progress::Done { ended: Taken::Full, .. });
        if let (true, Some(leg)) = (over, self.legs.get_mut(&subject)) {
            leg.typed.entry_full(collect.terminators(), now.at);
        }
        if prompt.take().is_some() {
            self.stop_play(subject);
        }
        taken(progress)
    }

    /// The plan starts, stops, pauses or resumes the recording.
    fn plan_records(&mut self, now: Now, id: CallId, change: Recording) {
        match change {
            Recording::Start => self.record(now, id, false),
            Recording::Stop => self.stop_recording(id),
            Recording::Pause => self.pause_recording(now, id, true),
            Recording::Resume => self.pause_recording(now, id, false),
        }
    }

    /// Sends keys to a leg in the way that its peer understands.
    pub(super) fn send_digits(
        &mut self,
        now: Now,
        leg_id: LegId,
        digits: String,
        on_ms: u32,
        off_ms: u32,
    ) {
        let Some(leg) = self.legs.get(&leg_id) else { return };
        if leg.dtmf != crate::config::Dtmf::Info {
            let bounded = |ms: u32| u16::try_from(ms).unwrap_or(u16::MAX);
            let (on_ms, off_ms) = (bounded(on_ms), bounded(off_ms));
            self.out.push_back(Output::Media(Command::SendDigits {
                leg: leg_id,
                digits,
                on_ms,
                off_ms,
            }));
            return;
        }
        self.info_keys.push(now.at, leg_id, &digits, on_ms, off_ms);
    }

    /// The last key has gone out.
    pub(super) fn digits_sent(&mut self, now: Now, leg_id: LegId) {
        let Some(call) = self.legs.get(&leg_id).map(|leg| leg.call) else { return };
        let waits = self
            .calls
            .get(&call)
            .is_some_and(|a| matches!(a.doing, Doing::Sending) && a.subject() == leg_id);
        if waits {
            self.run(now, call, Happening::Done);
        } else {
            self.reception_sounded(now, call, None);
        }
    }
}

/// What an effect is to a consultation, where it concerns more than that.
fn beyond(effect: &Effect) -> Option<Step> {
    match effect {
        Effect::Queue(_) | Effect::AskQueue(_) => Some(Step::Queue),
        Effect::Record(_) => Some(Step::Record),
        _ => None,
    }
}

/// Whether an effect ends the call, or is nothing that its parties notice.
fn ends_or_notes(effect: &Effect) -> bool {
    use Effect::{End, Hangup, Log, Record, Refuse, SaveAnswer, SetField, Survey};
    matches!(
        effect,
        End | Hangup { .. }
            | Refuse { .. }
            | Log { .. }
            | Record(_)
            | SaveAnswer { .. }
            | Survey { .. }
            | SetField { .. }
    )
}

/// The time so many milliseconds from now; never when there are none.
fn after(now: Now, ms: Option<u32>) -> Time {
    ms.map_or(Time::NEVER, |ms| now.at + Duration::from_millis(u64::from(ms)))
}

/// What a taking has come to, as the plan hears it.
pub(super) fn taken(progress: Progress) -> Option<Happening> {
    let Progress::Done { digits, ended } = progress else { return None };
    let ended = match ended {
        Taken::Full => Ended::Enough,
        Taken::Terminator(key) => Ended::Terminator(key),
        Taken::Timeout => Ended::Timeout,
    };
    Some(Happening::Digits { digits, ended })
}

fn log_level(level: Level) -> super::Level {
    match level {
        Level::Error => super::Level::Error,
        Level::Warning => super::Level::Warning,
        Level::Info => super::Level::Info,
        Level::Debug => super::Level::Debug,
    }
}

/// The plan's set of keys, one after the other.
fn keys(set: effect::Keys) -> String {
    "0123456789*#ABCD".chars().filter(|key| set.has(*key)).collect()
}
fn digits(set: effect::Keys) -> DigitSet {
    DigitSet::of(&keys(set))
}

/// A plan's cause as the wire has it.
pub(super) fn q850(cause: crate::dialplan::Cause) -> Cause {
    Cause::new(cause.0).unwrap_or(Cause::NORMAL_UNSPECIFIED)
}
