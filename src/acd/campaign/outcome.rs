//! What becomes of a number: how an attempt ended, whether it counts, and whether the number is called again.
//!
//! ```text
//!   an attempt ends ─ reached, wrong, barred ────────────▶ done, failed
//!                   ├ let go, not tried (count for none) ─▶ waits, and rests for a moment
//!                   └ busy, no answer, machine, failed ───▶ waits, rests for its pause; the last attempt: failed
//!   an agent's code ─▶ done, or called again
//! ```

use super::list::Campaign;
use super::{AgentId, Entry};
use crate::base::{Duration, Time, Wall};

/// A customer who was let go for a caller is tried again after this.
const LET_GO: Duration = Duration::from_secs(60);
/// A call that never went out is tried again after this.
const NOT_TRIED: Duration = Duration::from_secs(30);

/// How an attempt ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Outcome {
    /// He talked with an agent.
    Reached,
    /// He answered, and no agent came.
    Unserved,
    /// The line was busy.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// There is no such number.
    Wrong,
    /// A machine answered.
    VoiceMail,
    /// He declined.
    Declined,
    /// The network had no way.
    Failed,
    /// It was ended for a caller, before anybody answered.
    LetGo,
    /// It never went out.
    NotTried,
    /// Belfry went down meanwhile.
    Cut,
    /// He is on the list of those whom nobody may call.
    Barred,
}

impl Outcome {
    /// All.
    pub const ALL: [Outcome; 12] = [
        Outcome::Reached,
        Outcome::Unserved,
        Outcome::Busy,
        Outcome::NoAnswer,
        Outcome::Wrong,
        Outcome::VoiceMail,
        Outcome::Declined,
        Outcome::Failed,
        Outcome::LetGo,
        Outcome::NotTried,
        Outcome::Cut,
        Outcome::Barred,
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Reached => "reached",
            Outcome::Unserved => "unserved",
            Outcome::Busy => "busy",
            Outcome::NoAnswer => "no_answer",
            Outcome::Wrong => "wrong_number",
            Outcome::VoiceMail => "voice_mail",
            Outcome::Declined => "declined",
            Outcome::Failed => "failed",
            Outcome::LetGo => "let_go",
            Outcome::NotTried => "not_tried",
            Outcome::Cut => "cut",
            Outcome::Barred => "barred",
        }
    }

    /// The one that has this word.
    pub fn named(word: &str) -> Option<Outcome> {
        Outcome::ALL.into_iter().find(|own| own.as_str() == word)
    }

    /// Whether it is one of those that a campaign has only so many of.
    pub(super) fn counts(self) -> bool {
        !matches!(self, Outcome::LetGo | Outcome::NotTried | Outcome::Barred)
    }
}

/// What becomes of a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It is to be called.
    Waiting,
    /// It is being called.
    Calling,
    /// It was reached.
    Done,
    /// It is not called any more.
    Failed,
}

impl State {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Calling => "calling",
            State::Done => "done",
            State::Failed => "failed",
        }
    }

    /// The one that has this word.
    pub fn named(word: &str) -> Option<State> {
        let all = [State::Waiting, State::Calling, State::Done, State::Failed];
        all.into_iter().find(|own| own.as_str() == word)
    }
}

/// A number, as the records have it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// The number.
    pub number: String,
    /// What is known of it.
    pub fields: String,
    /// What has become of it.
    pub state: State,
    /// How often it was dialled.
    pub tried: u32,
    /// Of them those that count.
    pub counted: u32,
    /// Not before then.
    pub next: Option<Wall>,
}

impl From<Entry> for Kept {
    fn from(own: Entry) -> Kept {
        let Entry { number, fields } = own;
        Kept { number, fields, state: State::Waiting, tried: 0, counted: 0, next: None }
    }
}

/// What came of an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Over {
    /// The campaign.
    pub campaign: String,
    /// The number.
    pub number: String,
    /// The how manieth time; 0: it was not dialled.
    pub nth: u32,
    /// How often it counts.
    pub counted: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// What becomes of the number.
    pub state: State,
    /// It is not called for so long.
    pub rests: Option<Duration>,
    /// For whom it was dialled.
    pub agent: Option<AgentId>,
}

/// What a code made of a number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Coded {
    /// The campaign.
    pub campaign: String,
    /// The number.
    pub number: String,
    /// What becomes of it.
    pub state: State,
    /// A machine had answered.
    pub machine: bool,
    /// It is not called for so long.
    pub rests: Option<Duration>,
}

impl Campaign {
    /// An attempt is over: what becomes of the number.
    pub(super) fn settle(&mut self, row: u32, outcome: Outcome, now: Time) -> Over {
        let [busy, no_answer, voice_mail, failed] = self.terms.pauses;
        let own = &mut self.rows[row as usize];
        own.counted += u32::from(outcome.counts());
        own.rests = None;
        let spent = own.counted >= self.terms.attempts;
        let pause = match outcome {
            Outcome::Reached => None,
            Outcome::Wrong | Outcome::Barred => None,
            Outcome::LetGo => Some(LET_GO),
            Outcome::NotTried => Some(NOT_TRIED),
            _ if spent => None,
            Outcome::Busy => Some(busy),
            Outcome::NoAnswer | Outcome::Unserved => Some(no_answer),
            Outcome::VoiceMail => Some(voice_mail),
            Outcome::Declined | Outcome::Failed | Outcome::Cut => Some(failed),
        };
        // Whom nobody may call is not dialled: that ends no attempt.
        let nth = if outcome == Outcome::Barred { 0 } else { own.tried };
        let (counted, number) = (own.counted, own.number.to_string());
        let state = match (outcome, pause) {
            (_, Some(pause)) => {
                self.back(row, Some(now + pause));
                State::Waiting
            }
            (Outcome::Reached, None) => {
                self.done += 1;
                State::Done
            }
            (_, None) => {
                self.failed += 1;
                State::Failed
            }
        };
        self.rows[row as usize].state = state;
        let campaign = self.terms.name.clone();
        Over { campaign, number, nth, counted, outcome, state, rests: pause, agent: None }
    }

    /// A code: the number is called again, or done. One that is being called is not touched.
    pub(super) fn recode(&mut self, now: Time, row: u32, code: &str) -> State {
        let is_of = |codes: &[String]| codes.iter().any(|own| own == code);
        let (machine, done) = (is_of(&self.terms.machine), &self.terms.done);
        let wants = match (machine || is_of(&self.terms.again), done.is_empty()) {
            (true, _) => State::Waiting,
            (false, true) => State::Done,
            (false, false) if is_of(done) => State::Done,
            (false, false) => State::Waiting,
        };
        let own = &mut self.rows[row as usize];
        if own.state == State::Calling || own.state == wants || own.offered {
            return own.state;
        }
        let spent = own.counted >= self.terms.attempts;
        match (own.state, wants) {
            (State::Done, State::Waiting) if spent => {
                (self.done, self.failed, own.state) =
                    (self.done - 1, self.failed + 1, State::Failed);
            }
            (State::Done, State::Waiting) => {
                self.done -= 1;
                let at = now + self.terms.pauses[if machine { 2 } else { 1 }];
                self.back(row, Some(at));
            }
            (State::Waiting, State::Done) => {
                let rests = own.rests.take();
                own.state = State::Done;
                self.done += 1;
                self.fresh.remove(&row);
                rests.iter().for_each(|at| _ = self.resting.remove(&(*at, row)));
            }
            (State::Failed, State::Done) => {
                (self.done, self.failed, own.state) = (self.done + 1, self.failed - 1, State::Done);
            }
            _ => {}
        }
        self.rows[row as usize].state
    }
}
