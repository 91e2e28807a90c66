//! Units that say their alarms by keys in a call (R10): what the rule wants is played, sent, written down.
//!
//! ```text
//!  call to a bell's number, or the plan's step ─▶ answered ─▶ care::receiver ─▶ tones, keys ─▶ the unit
//!                    report ◀─ Take ◀─ keys ◀─────────────────────┘
//!                       └─▶ fact ─▶ journal ─▶ durable ─▶ kiss-off ─▶ speech: the plan, with its case; or hang-up
//! ```
//!
//! Before the plan, or by its step; in both ways what is not understood, and who says nothing, is an alarm with a
//! person. Who hangs up before anything was taken is one whose alarm nobody has heard: he is called. That a unit is being
//! asked is written down, and that it is over: what a crash breaks off is an alarm after the start.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{CallId, Duration, LegId, Now, PlayId, Time};
use crate::care::receiver::{Act, End, Receiver, Terms, Tone, Wanted};
use crate::care::{Report, notice};
use crate::config::BellCalls;
use crate::dialplan::effect::{AlarmEnd, AlarmKeys, Happening};
use crate::dsp::tone;
use crate::media::control::{DigitSet, Item};
use crate::switch::active::Doing;
use crate::switch::fact::{AlarmWhat, CareFact, EndedBy, FactKind};
use crate::switch::{Level, Switch};
use crate::wire::q850::Cause;

/// Level of each frequency of a handshake.
const TONE_DBM0: i8 = -13;
/// The pause after a key, milliseconds: the unit answers 80 ms after it.
const AFTER_KEY_MS: u32 = 20;
/// A prompt that says what a terminal has reported is over after this, whatever the media plane says: behind it may be
/// an alarm.
const LONGEST_NOTICE: Duration = Duration::from_secs(30);

/// One unit that is heard.
struct Reception {
    receiver: Receiver,
    leg: LegId,
    /// What sounds.
    play: Option<PlayId>,
    /// It is before the plan, which begins when this is over.
    first: bool,
    /// The case of an alarm with speech that was taken.
    case: Option<u64>,
    /// What it is to hear of what it has reported, where nobody is to be spoken to.
    notice: Option<&'static str>,
}

/// A terminal that is told something by a prompt.
struct Told {
    play: Option<PlayId>,
    leg: LegId,
    then: Then,
}

/// What follows the prompt.
enum Then {
    /// The line is given back: the unit wants no speech.
    End,
    /// Who is still there is an alarm, and the plan begins.
    Alarm,
    /// The plan goes on.
    Plan,
}

/// A call from before the start that broke off while it was asked, or heard what it had reported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptReception {
    /// The call.
    pub call: CallId,
    /// The number of the fact by which it began.
    pub seq: u64,
    /// Who called; empty: that was not shown.
    pub number: String,
}

/// All of them.
#[derive(Default)]
pub(super) struct Receptions {
    /// Those that are written down as begun and not as over.
    begun: BTreeSet<CallId>,
    /// Calls that are to be asked before their plan.
    expected: BTreeSet<CallId>,
    of: BTreeMap<CallId, Reception>,
    /// Calls that hear something before their plan.
    notices: BTreeMap<CallId, &'static str>,
    told: BTreeMap<CallId, Told>,
    /// Who waits for the fact of this number.
    written: BTreeMap<u64, CallId>,
}

impl Switch {
    /// A call is to be asked before its plan.
    pub(super) fn expect_reception(&mut self, now: Now, call: CallId) {
        self.care.receiving.expected.insert(call);
        self.reception_begins(now, call);
    }

    /// A call hears by a prompt what its terminal has reported.
    pub(in crate::switch) fn hears_notice(&self, call: CallId) -> bool {
        self.care.receiving.told.contains_key(&call)
    }

    /// A call hears this before its plan.
    pub(super) fn expect_notice(&mut self, now: Now, call: CallId, prompt: &'static str) {
        self.care.receiving.notices.insert(call, prompt);
        self.reception_begins(now, call);
    }

    /// From here on the call is an alarm, should it break off.
    fn reception_begins(&mut self, now: Now, call: CallId) {
        if !self.care.receiving.begun.insert(call) {
            return;
        }
        let number = self.calls.get(&call).map(|active| active.from.clone()).unwrap_or_default();
        let account = self.care.home(&number).to_owned();
        let what = CareFact::ReceptionBegan { call, number };
        self.fact(now, FactKind::Care { account, what });
    }

    /// What was to be written down of it is.
    fn reception_ends(&mut self, now: Now, call: CallId) {
        if !self.care.receiving.begun.remove(&call) {
            return;
        }
        let number = self.calls.get(&call).map(|active| active.from.as_str()).unwrap_or_default();
        let account = self.care.home(number).to_owned();
        self.fact(now, FactKind::Care { account, what: CareFact::ReceptionOver { call } });
    }

    /// Calls that the process before was asking when it ended: nobody knows what they wanted, so each is an alarm.
    pub(super) fn receptions_restored(&mut self, now: Now, kept: Vec<KeptReception>) {
        for KeptReception { call, seq, number } in kept {
            if seq > self.care.start {
                continue;
            }
            let who = self.care.who(&number);
            let line =
                format!("call {call} of {who} broke off while its unit was asked: it is an alarm");
            self.log(Level::Error, line);
            self.voice_alarm(now, call, &number);
            let account = self.care.home(&number).to_owned();
            self.fact(now, FactKind::Care { account, what: CareFact::ReceptionOver { call } });
        }
    }

    /// Whether calls to a number are asked by keys before they are calls like others.
    pub(super) fn is_asked_first(&self, to: &str) -> bool {
        self.config.receiver.calls != BellCalls::Voice && self.care.cases.terms().is_bells(to)
    }

    /// Before the plan: a unit that is to be asked is answered, and asked. `true`: the plan begins when that is over.
    pub(in crate::switch) fn receives_first(&mut self, now: Now, id: CallId, leg: LegId) -> bool {
        let keys = match self.config.receiver.calls {
            BellCalls::Auto => AlarmKeys::Auto,
            BellCalls::ContactId => AlarmKeys::ContactId,
            BellCalls::Bs8521 => AlarmKeys::Bs8521,
            // Changed while the call came in.
            BellCalls::Voice => AlarmKeys::Auto,
        };
        let notice = self.care.receiving.notices.get(&id).copied();
        if notice.is_none() && !self.care.receiving.expected.contains(&id) {
            return false;
        }
        self.answer(now, leg);
        if self.awaits_answer(id, leg) {
            return true;
        }
        self.care.receiving.expected.remove(&id);
        self.care.receiving.notices.remove(&id);
        match notice {
            Some(prompt) => self.tells_terminal(now, id, leg, prompt, Then::Alarm),
            None => self.receive_alarm(now, id, keys, true),
        }
        true
    }

    /// Begins to hear a unit.
    pub(in crate::switch) fn receive_alarm(
        &mut self,
        now: Now,
        id: CallId,
        keys: AlarmKeys,
        first: bool,
    ) {
        let Some(leg) = self.calls.get(&id).map(|active| active.subject()) else { return };
        let wanted = match keys {
            AlarmKeys::Auto => Wanted::Auto,
            AlarmKeys::ContactId => Wanted::ContactId,
            AlarmKeys::Bs8521 => Wanted::Bs8521,
        };
        let receiver = Receiver::new(now.at, wanted, terms(&self.config.receiver));
        let reception = Reception { receiver, leg, play: None, first, case: None, notice: None };
        self.care.receiving.of.insert(id, reception);
        self.reception_begins(now, id);
        self.stop_play(leg);
        self.hear_keys_in_audio(leg, true);
        self.receives_on(id);
    }

    fn hear_keys_in_audio(&mut self, leg_id: LegId, on: bool) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        if leg.keys_in_audio != on {
            leg.keys_in_audio = on;
            self.set_media(leg_id);
        }
    }

    /// The call waits for what the rule waits for.
    fn receives_on(&mut self, id: CallId) {
        let Some(reception) = self.care.receiving.of.get(&id) else { return };
        if let Some(active) = self.calls.get_mut(&id) {
            active.doing = Doing::Receiving(reception.receiver.deadline());
        }
        self.rearm(id);
    }

    /// The unit pressed a key.
    pub(in crate::switch) fn reception_key(&mut self, now: Now, id: CallId, key: char) {
        self.reception_does(now, id, |receiver| receiver.key(now.at, key));
    }

    /// A tone, or a key of ours, is over.
    pub(in crate::switch) fn reception_sounded(
        &mut self,
        now: Now,
        id: CallId,
        play: Option<PlayId>,
    ) {
        if let Some(told) = self.care.receiving.told.remove(&id) {
            if told.play.is_some() && told.play == play {
                return self.terminal_told(now, id, told);
            }
            self.care.receiving.told.insert(id, told);
        }
        let Some(reception) = self.care.receiving.of.get_mut(&id) else { return };
        if reception.play.take_if(|own| Some(*own) == play).is_some() || play.is_none() {
            self.reception_does(now, id, |receiver| receiver.played(now.at));
        }
    }

    /// Something is due.
    pub(in crate::switch) fn reception_due(&mut self, now: Now, id: CallId) {
        if let Some(told) = self.care.receiving.told.remove(&id) {
            self.stop_play(told.leg);
            return self.terminal_told(now, id, told);
        }
        self.reception_does(now, id, |receiver| receiver.wake(now.at));
    }

    /// The fact of this number is on the disk, or is not written.
    pub(super) fn reception_written(&mut self, now: Now, seq: u64, durable: bool) {
        if let Some(id) = self.care.receiving.written.remove(&seq) {
            self.reception_does(now, id, |receiver| receiver.written(now.at, durable));
        }
    }

    fn reception_does(
        &mut self,
        now: Now,
        id: CallId,
        what: impl FnOnce(&mut Receiver) -> Option<Act>,
    ) {
        let mut next = self.care.receiving.of.get_mut(&id).and_then(|own| what(&mut own.receiver));
        while let Some(act) = next.take() {
            match act {
                Act::Tones(tones) => self.reception_plays(now, id, tones),
                Act::Key(key, ms) => {
                    let Some(leg) = self.care.receiving.of.get(&id).map(|own| own.leg) else {
                        break;
                    };
                    self.send_digits(now, leg, key.to_string(), ms.into(), AFTER_KEY_MS);
                }
                Act::Take(report, keys) => next = self.reception_takes(now, id, *report, keys),
                Act::Over(end) => return self.reception_over(now, id, end),
            }
        }
        self.receives_on(id);
    }

    fn reception_plays(&mut self, now: Now, id: CallId, tones: Vec<Tone>) {
        let Some(leg) = self.care.receiving.of.get(&id).map(|own| own.leg) else { return };
        let items = tones.into_iter().map(sound).collect();
        let play = self.play_items(now, leg, items, false, DigitSet::NONE);
        if let Some(own) = self.care.receiving.of.get_mut(&id) {
            own.play = play;
        }
    }

    /// A report was understood: written down. Gives what follows at once, where it cannot be.
    fn reception_takes(
        &mut self,
        now: Now,
        id: CallId,
        mut report: Report,
        keys: String,
    ) -> Option<Act> {
        let number = self.calls.get(&id).map(|active| active.from.clone()).unwrap_or_default();
        if let Some(other) = self.care.believe_keys(&number, &mut report) {
            let (own, other) = (&report.account, other.escape_debug());
            let line =
                format!("call {id}: unit {other} calls from {number}: it is taken for {own}'s");
            self.log(Level::Warning, line);
        }
        self.put_ahead(&mut report);
        let (talks, protocol) = (report.talks(), report.protocol.as_str());
        let notice = notice::prompt(report.meaning);
        let sender = if number.is_empty() { report.account.clone() } else { number };
        let Some(place) = self.take_report(now, &sender, &report) else {
            let line = format!("the report of {} has no place: close some cases", report.account);
            self.alarm(now, AlarmWhat::CasesFull, line, Some(id));
            return self.care.receiving.of.get_mut(&id)?.receiver.written(now.at, false);
        };
        let seq = self.write_report(now, &sender, report, keys, place);
        let own = self.care.receiving.of.get_mut(&id)?;
        own.case = place.case.filter(|_| talks).or(own.case);
        own.notice = notice.or(own.notice);
        if self.journal_full {
            let line = format!(
                "call {id}: a report by {protocol} is not on the disk: it is not confirmed"
            );
            let act = own.receiver.written(now.at, false);
            self.log(Level::Error, line);
            return act;
        }
        self.care.receiving.written.insert(seq, id);
        None
    }

    /// It is over: what came of it is the plan's to know, or the call's end.
    fn reception_over(&mut self, now: Now, id: CallId, end: End) {
        let Some(reception) = self.care.receiving.of.remove(&id) else { return };
        self.hear_keys_in_audio(reception.leg, false);
        let number = self.calls.get(&id).map(|active| active.from.clone()).unwrap_or_default();
        let (end, case) = match end {
            End::Speech => (AlarmEnd::Speech, reception.case),
            End::Silent => (AlarmEnd::Silent, None),
            End::Garbled(protocol, keys) => {
                let case = self.call_alarm(now, id, &number, Some((protocol, keys)));
                (AlarmEnd::Garbled, case)
            }
            End::Nothing => (AlarmEnd::Nothing, self.voice_alarm(now, id, &number)),
        };
        let value = end.name().to_owned();
        self.fact(now, FactKind::CallField { call: id, name: "alarm_result".into(), value });
        let case = case.filter(|case| self.care.cases.joins(*case, id).is_some());
        let mut variables = case.and_then(|case| self.joins_case(now, id, case));
        if variables.is_none() && end != AlarmEnd::Silent {
            variables = Some(self.without_case(id, &number));
        }
        self.reception_ends(now, id);
        if let (AlarmEnd::Silent, Some(prompt)) = (end, reception.notice) {
            let then = if reception.first { Then::End } else { Then::Plan };
            return self.tells_terminal(now, id, reception.leg, prompt, then);
        }
        match (reception.first, end) {
            (true, AlarmEnd::Silent) => {
                self.release_call(now, id, Cause::NORMAL_CLEARING, EndedBy::Plan);
            }
            (true, _) => {
                self.tell_plan(id, [("alarm_result", end.name().to_owned())]);
                if let Some(variables) = variables {
                    self.tell_plan(id, variables);
                }
                if let Some(active) = self.calls.get_mut(&id) {
                    active.doing = Doing::Waiting(Time::NEVER);
                }
                self.begin_plan(now, reception.leg);
            }
            (false, _) => {
                let variables = variables.into_iter().flatten();
                let variables = variables.map(|(name, value)| (name.to_owned(), value)).collect();
                self.run(now, id, Happening::Received { end, variables });
            }
        }
    }

    /// A terminal hears what it has reported.
    fn tells_terminal(
        &mut self,
        now: Now,
        id: CallId,
        leg: LegId,
        prompt: &'static str,
        then: Then,
    ) {
        let value = prompt.to_owned();
        self.fact(now, FactKind::CallField { call: id, name: "notice".into(), value });
        let who = self.calls.get(&id).map(|active| self.care.who(&active.from)).unwrap_or_default();
        self.log(Level::Info, format!("call {id}: {who} calls by itself and hears {prompt}"));
        if let Some(active) = self.calls.get_mut(&id) {
            active.doing = Doing::Receiving(now.at + LONGEST_NOTICE);
        }
        let items = vec![self.prompt(leg, prompt)];
        let play = self.play(now, leg, items, false, DigitSet::NONE);
        self.care.receiving.told.insert(id, Told { play, leg, then });
        self.rearm(id);
    }

    /// It has heard it.
    fn terminal_told(&mut self, now: Now, id: CallId, told: Told) {
        match told.then {
            Then::End => self.release_call(now, id, Cause::NORMAL_CLEARING, EndedBy::Plan),
            Then::Plan => {
                let (end, variables) = (AlarmEnd::Silent, Vec::new());
                self.run(now, id, Happening::Received { end, variables });
            }
            Then::Alarm => {
                let number = self.calls.get(&id).map(|a| a.from.clone()).unwrap_or_default();
                let case = self.voice_alarm(now, id, &number);
                let case = case.filter(|case| self.care.cases.joins(*case, id).is_some());
                let variables = case.and_then(|case| self.joins_case(now, id, case));
                let variables = variables.unwrap_or_else(|| self.without_case(id, &number));
                self.tell_plan(id, variables);
                self.reception_ends(now, id);
                if let Some(active) = self.calls.get_mut(&id) {
                    active.doing = Doing::Waiting(Time::NEVER);
                }
                self.begin_plan(now, told.leg);
            }
        }
    }

    /// The call goes elsewhere, or is over, while its unit is heard, or before: what it has not said is an alarm.
    pub(in crate::switch) fn reception_left(&mut self, now: Now, id: CallId) {
        // Whoever has gone from a notice wanted nobody; it stands in the records.
        self.care.receiving.told.remove(&id);
        self.care.receiving.notices.remove(&id);
        let expected = self.care.receiving.expected.remove(&id);
        let left = self.care.receiving.of.remove(&id).map(|mut own| (own.receiver.gone(), own.leg));
        let (end, leg) = match left {
            Some((end, leg)) => (end, Some(leg)),
            None => (expected.then_some(End::Nothing), None),
        };
        self.care.receiving.written.retain(|_, call| *call != id);
        if let Some(leg) = leg {
            self.hear_keys_in_audio(leg, false);
        }
        let number = self.calls.get(&id).map(|active| active.from.clone()).unwrap_or_default();
        _ = match end {
            Some(End::Garbled(protocol, keys)) => {
                self.call_alarm(now, id, &number, Some((protocol, keys)))
            }
            Some(End::Nothing) => self.voice_alarm(now, id, &number),
            // What was taken waits for a call, as every alarm with speech does.
            Some(End::Speech | End::Silent) | None => None,
        };
        self.reception_ends(now, id);
    }
}

/// What the configuration says.
fn terms(config: &crate::config::Receiver) -> Terms {
    Terms {
        settle: config.settle,
        request: config.request,
        contact_id_first: config.contact_id_answer,
        bs8521_first: config.bs8521_answer,
        between: config.between,
        kiss_off: config.kiss_off,
        tries: config.tries,
    }
}

/// A piece of a tone as the media plane plays it.
fn sound(Tone { hz, ms }: Tone) -> Item<String> {
    if hz == 0 {
        return Item::Silence(ms.into());
    }
    let text = format!("!{hz}/{ms}");
    let plan = tone::Plan::parse(&text, TONE_DBM0);
    plan.map_or(Item::Silence(ms.into()), Item::Tone)
}
