//! Signing in from a phone: the agent's number and PIN are asked for, by keys.
//!
//! ```text
//!  *11 ─▶ "your number" ─▶ keys, # ─┬─▶ a tone ─▶ PIN, # ─▶ right: two short tones, signed in
//!  *117001 ─────────────────────────┘                  ├──▶ wrong: "not valid", from the beginning
//!                                                      └──▶ locked, or talks elsewhere: "not allowed"
//! ```
//!
//! No key of it stands in any record. Who the PIN belongs to is `acd::pin`'s; there is no voice for
//! "your PIN" among the prompts yet, so a tone asks for it.

use crate::acd::agent::Reason;
use crate::acd::event::SignInRefusal;
use crate::base::{CallId, Duration, LegId, Now, PlayId};
use crate::call::collect::{Collect, Progress, Wanted};
use crate::dialplan::effect::{Beat, Item, Tone};
use crate::media::control::DigitSet;

use super::Switch;
use super::active::Doing;

/// The longest number and PIN.
const MOST_DIGITS: usize = 20;
/// Time for the first key, and between keys.
const FIRST: Duration = Duration::from_secs(8);
const BETWEEN: Duration = Duration::from_secs(4);
/// Rounds of silence or wrong keys before the call ends.
const ROUNDS: u32 = 3;

/// A sign-in under way.
#[derive(Debug)]
pub struct SigningIn {
    /// The agent's number, once it is known.
    agent: Option<String>,
    pub(super) collect: Collect,
    pub(super) prompt: Option<PlayId>,
    round: u32,
}

/// An agent who was signed in before the start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedIn {
    /// The agent's number.
    pub agent: String,
    /// Where.
    pub phone: String,
    /// Its state and why, as its facts say it; what it was to be in when its talk is over, where it had one: `null`, if
    /// it was to be signed out.
    pub state: String,
    /// As above.
    pub reason: String,
    /// Of a break; 0: none.
    pub code: u16,
}

impl SignedIn {
    /// Why it takes no callers; `None`: it takes some. Whatever call it had ended with the start.
    fn off(&self) -> Option<Reason> {
        match (self.state.as_str(), self.reason.as_str()) {
            ("not_ready", "break" | "") => Some(Reason::Break(self.code)),
            ("not_ready", "no_answer") => Some(Reason::NoAnswer),
            ("not_ready", "forced") => Some(Reason::Forced(self.code)),
            ("not_ready", "signed_in") => Some(Reason::SignedIn),
            // A phone that was away may be back: its registration says so.
            _ => None,
        }
    }
}

impl Switch {
    /// Who was signed in before the start is so still, without a PIN: he has shown it there. One who has
    /// signed in since, and a phone where another has, stay as they are.
    pub(super) fn agents_restored(&mut self, now: Now, rows: Vec<SignedIn>) {
        for row in rows {
            if row.state == "null" {
                self.centre.out_since(now.at, &row.agent);
                continue;
            }
            if self.config.phone(&row.phone).is_some()
                && self.centre.restore(now.at, &row.agent, &row.phone, row.off())
            {
                self.phone_reachable(now, &row.phone);
                self.line_changed(now, &row.phone);
            }
        }
    }

    /// Asks for what is not known yet: with no number behind the code, that first.
    pub(super) fn ask_who(&mut self, now: Now, leg: LegId, number: &str) {
        self.answer(now, leg);
        let agent = (!number.is_empty()).then(|| number.to_owned());
        self.ask_for(now, leg, agent, Vec::new(), 1);
    }

    fn ask_for(
        &mut self,
        now: Now,
        leg: LegId,
        agent: Option<String>,
        mut items: Vec<Item>,
        round: u32,
    ) {
        let collect = Collect::new(Wanted {
            max: MOST_DIGITS,
            terminators: "#".into(),
            first: FIRST,
            between: BETWEEN,
        });
        items.push(match agent {
            None => self.prompt(leg, "collect/number"),
            Some(_) => {
                let beat = Beat { on_ms: 200, off_ms: 100, hz: vec![880] };
                Item::Tone { tone: Tone::Beats(vec![beat]), ms: Some(300) }
            }
        });
        let prompt = self.play(now, leg, items, false, DigitSet::NONE);
        let Some(id) = self.legs.get(&leg).map(|leg| leg.call) else { return };
        if let Some(active) = self.calls.get_mut(&id) {
            active.route = Some("feature code".into());
            let signing = SigningIn { agent, collect, prompt, round };
            active.doing = Doing::SigningIn(Box::new(signing));
        }
        self.rearm(id);
    }

    /// A key of who signs in.
    pub(super) fn sign_in_key(&mut self, now: Now, id: CallId, leg: LegId, digit: char) {
        let Some(Doing::SigningIn(signing)) = self.calls.get_mut(&id).map(|a| &mut a.doing) else {
            return;
        };
        let progress = signing.collect.digit(digit, now.at);
        if signing.prompt.take().is_some() {
            self.stop_play(leg);
        }
        self.sign_in_progress(now, id, leg, progress);
    }

    /// Time passes for who signs in.
    pub(super) fn sign_in_due(&mut self, now: Now, id: CallId) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        let leg = active.subject();
        let Doing::SigningIn(signing) = &mut active.doing else { return };
        let progress = signing.collect.wake(now.at);
        self.sign_in_progress(now, id, leg, progress);
    }

    fn sign_in_progress(&mut self, now: Now, id: CallId, leg: LegId, progress: Progress) {
        let Progress::Done { digits, .. } = progress else { return self.rearm(id) };
        let Some(Doing::SigningIn(signing)) = self.calls.get_mut(&id).map(|a| &mut a.doing) else {
            return;
        };
        let (agent, round) = (signing.agent.take(), signing.round);
        match (agent, digits.is_empty()) {
            (_, true) => self.ask_again(now, leg, round),
            (None, false) => self.ask_for(now, leg, Some(digits), Vec::new(), round),
            (Some(agent), false) => self.sign_in(now, leg, &agent, &digits, round),
        }
    }

    fn sign_in(&mut self, now: Now, leg: LegId, agent: &str, pin: &str, round: u32) {
        let Some(phone) = self.phone_of(leg) else { return };
        match self.centre.sign_in(now.at, agent, pin, &phone) {
            Ok(_) => {
                self.confirm(now, leg, true);
                self.line_changed(now, &phone);
            }
            Err(SignInRefusal::Wrong) => self.ask_again(now, leg, round),
            Err(SignInRefusal::Locked | SignInRefusal::Talking) => self.refuse_code(now, leg),
        }
    }

    fn ask_again(&mut self, now: Now, leg: LegId, round: u32) {
        match round < ROUNDS {
            true => {
                let invalid = self.prompt(leg, "collect/invalid");
                self.ask_for(now, leg, None, vec![invalid], round + 1);
            }
            false => self.refuse_code(now, leg),
        }
    }

    /// The phone whose leg it is.
    pub(super) fn phone_of(&self, leg: LegId) -> Option<String> {
        let call = self.calls.get(&self.legs.get(&leg)?.call)?;
        let device = &call.call.get(leg)?.device;
        device.is_phone().then(|| device.number().to_owned())
    }
}
