//! A plan asks a program or the store: the question goes out, its answer comes back as an input, and the caller
//! is not left in silence meanwhile (R3).
//!
//! ```text
//! Effect::Lookup ─▶ Output::Lookup ─────────────────▶ net, store
//!        │ 1 s: what the step says, then music or the ringing tone
//! Happening::Told ◀─ Input::Told, or the step's time ◀─────┘
//! ```
//!
//! What came of it stands on the call's record, whether or not the caller has waited for it. Not here: sockets,
//! tries, what a question means.

use crate::base::{CallId, Duration, LegId, Now, PlayId, Time};
use crate::dialplan::effect::Happening;
use crate::dialplan::lookup::{Lookup, Outcome, Told};
use crate::dsp::tone::Kind;
use crate::media::control::DigitSet;

use super::active::Doing;
use super::fact::FactKind;
use super::leg::Stage;
use super::sound::music;
use super::{Output, Switch};

/// Questions under way: more, and the plan hears at once that there are too many.
pub const MAX_ASKED: usize = 256;
/// How long a caller hears nothing.
const QUIET: Duration = Duration::from_secs(1);
/// How much longer than the step's time an answer is waited for: whoever asks keeps the time.
const GRACE: Duration = Duration::from_secs(2);

/// Names a question, so that its answer finds back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LookupId(pub u64);

/// A question as the caller's present step.
#[derive(Debug)]
pub struct Asking {
    /// Which.
    pub id: LookupId,
    /// Who is asked.
    pub name: String,
    /// When the caller has heard nothing for long enough; never behind that.
    pub quiet_until: Time,
    /// When no answer is waited for any longer.
    pub until: Time,
    /// The question: what is heard meanwhile.
    pub say: Vec<crate::dialplan::effect::Item>,
    /// The music behind that.
    pub music: Option<String>,
    /// What is said.
    pub saying: Option<PlayId>,
    /// The caller hears something because of it.
    pub sounds: bool,
}

/// Questions under way: whose, and who is asked.
pub type Asked = std::collections::BTreeMap<LookupId, (CallId, String)>;

impl Switch {
    /// Puts a question. `Some`: it cannot be put.
    pub(super) fn look_up(
        &mut self,
        now: Now,
        call: CallId,
        mut lookup: Lookup,
    ) -> Option<Happening> {
        if self.asked.len() >= MAX_ASKED {
            let why = format!("{MAX_ASKED} questions are under way");
            let told = Told::of(Outcome::Busy, why);
            self.told_of(now, call, lookup.name, &told);
            return Some(Happening::Told(Box::new(told)));
        }
        self.count.asked += 1;
        let id = LookupId(self.count.asked);
        let longest = Duration::from_millis(u64::from(lookup.longest_ms));
        self.asked.insert(id, (call, lookup.name.clone()));
        self.calls.get_mut(&call)?.doing = Doing::Asking(Box::new(Asking {
            id,
            name: lookup.name.clone(),
            quiet_until: now.at + QUIET,
            until: now.at + longest + GRACE,
            say: std::mem::take(&mut lookup.say),
            music: lookup.music.take(),
            saying: None,
            sounds: false,
        }));
        self.out.push_back(Output::Lookup(id, Box::new(lookup)));
        None
    }

    /// An answer, or that there is none.
    pub(super) fn looked_up(&mut self, now: Now, id: LookupId, told: Told) {
        let Some((call, name)) = self.asked.remove(&id) else { return };
        self.told_of(now, call, name, &told);
        let Some(active) = self.calls.get(&call) else { return };
        let subject = active.subject();
        let Doing::Asking(asking) = &active.doing else { return };
        if asking.id != id {
            return;
        }
        if asking.sounds {
            self.stop_play(subject);
        }
        self.run(now, call, Happening::Told(Box::new(told)));
    }

    /// A question stands on the record with what came of it.
    fn told_of(&mut self, now: Now, call: CallId, name: String, told: &Told) {
        self.fact(now, FactKind::CallField { call, name, value: told.line() });
    }

    /// Its quiet time is over, or its whole time.
    pub(super) fn asking_due(&mut self, now: Now, call: CallId) {
        let Some(active) = self.calls.get_mut(&call) else { return };
        let subject = active.subject();
        let Doing::Asking(asking) = &mut active.doing else { return };
        if asking.until <= now.at {
            let id = asking.id;
            let mut told = Told::failed("nothing was heard of the question");
            told.ms = (GRACE + QUIET).as_millis() as u32;
            return self.looked_up(now, id, told);
        }
        if asking.quiet_until > now.at {
            return;
        }
        asking.quiet_until = Time::NEVER;
        // Music that the plan has begun goes on.
        if self.legs.get(&subject).is_none_or(|leg| leg.play.is_some()) {
            return;
        }
        let say = std::mem::take(&mut asking.say);
        if say.is_empty() {
            return self.fill_silence(now, call, subject);
        }
        let saying = self.play(now, subject, say, false, DigitSet::NONE);
        if let Some(Doing::Asking(asking)) = self.calls.get_mut(&call).map(|a| &mut a.doing) {
            (asking.saying, asking.sounds) = (saying, true);
        }
    }

    /// What was said meanwhile is over.
    pub(super) fn asking_said(&mut self, now: Now, call: CallId, subject: LegId) {
        self.fill_silence(now, call, subject);
    }

    /// Music, or the ringing tone: an unanswered caller's own exchange makes it from our 180.
    fn fill_silence(&mut self, now: Now, call: CallId, subject: LegId) {
        let Some(leg) = self.legs.get(&subject) else { return };
        let is_open = leg.stage == Stage::Answered || leg.early;
        let Some(active) = self.calls.get_mut(&call) else { return };
        let Doing::Asking(asking) = &mut active.doing else { return };
        (asking.saying, asking.sounds) = (None, true);
        match asking.music.clone() {
            Some(class) => self.hear_clip(now, subject, music(&class)),
            None if is_open => self.hear_tone(now, subject, Kind::Ringback),
            None => self.ring(now, subject),
        }
    }
}
