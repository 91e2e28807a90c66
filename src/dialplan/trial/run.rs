//! One trial on the plan: effects are met by the path's lines or passed over, and answered as the
//! lines say.

use super::super::effect::{
    Collect, Conference, Dial, DialEnd, DialFailure, Effect, Ended, EndedBy, Happening, Item, Keys,
    QueueEnd, Target,
};
use super::super::interp::{Interp, Trail};
use super::super::lookup::{self, Told};
use super::super::model::Plan;
use super::{Failure, Line, Outcome, Report, Trial, What, words};
use crate::base::{Duration, Now, Time, Wall};

/// The most effects of a trial: a plan that goes on for longer waits for somebody who never comes.
const MAX_EFFECTS: usize = 5_000;
/// How long each prompt and tone is taken to last.
const PROMPT: Duration = Duration::from_secs(2);
/// How long an answered call is talked.
const TALK: Duration = Duration::from_secs(60);
/// The most words kept of what happened between two lines.
const MAX_INSTEAD: usize = 12;

/// Tries the call. `file` is the path of the trial's file, for places.
pub fn run(plan: &Plan, file: &str, trial: &Trial) -> Report {
    let place = |line: u32| format!("{file}:{line}");
    let mut course = Course {
        plan,
        path: &trial.path,
        met: 0,
        since: 0,
        now: Now { at: Time::ZERO, wall: trial.wall },
        keys: String::new(),
        happened: Vec::new(),
        routes: Vec::new(),
        trail: Default::default(),
        answers: Default::default(),
    };
    let why = match Interp::start(plan, course.now, trial.entry.clone()) {
        Ok(mut interp) => {
            interp.keep_trail();
            let why = course.follow(&mut interp).err();
            course.trail = interp.take_trail();
            why
        }
        Err(none) if none.context_exists => {
            Some(format!("no route of context '{}' takes {}", none.context, none.to))
        }
        Err(none) => Some(format!("there is no context '{}'", none.context)),
    };
    let at = course.path.get(course.met).or(course.path.last());
    let failure = why.map(|why| Failure {
        place: place(at.map_or(trial.place.line, |line| line.place.line)),
        expected: course.path.get(course.met).map_or("an end", |line| &line.text).to_owned(),
        instead: course.instead(),
        why,
    });
    Report {
        name: trial.name.clone(),
        place: place(trial.place.line),
        failure,
        happened: course.happened,
        routes: course.routes,
        trail: course.trail,
        answers: course.answers,
    }
}

/// A trial under way.
struct Course<'a> {
    plan: &'a Plan,
    path: &'a [Line],
    /// Lines of the path that are met.
    met: usize,
    /// What had happened when the last of them was.
    since: usize,
    now: Now,
    /// Keys pressed and not taken yet.
    keys: String,
    happened: Vec<String>,
    routes: Vec<usize>,
    trail: Trail,
    answers: std::collections::BTreeSet<(String, String, String)>,
}

impl Course<'_> {
    /// Runs until every line is met; an error says why one is not.
    fn follow(&mut self, interp: &mut Interp) -> Result<(), String> {
        let mut happening = Happening::Started;
        self.take_route(interp);
        for _ in 0..MAX_EFFECTS {
            let effect = interp.resume(self.plan, self.now, happening);
            self.happened.push(words::of(&effect));
            if let Effect::SaveAnswer { survey, question, key, .. } = &effect {
                self.answers.insert((survey.clone(), question.clone(), key.clone()));
            }
            self.meet(interp, &effect);
            if self.met == self.path.len() {
                return Ok(());
            }
            if effect == Effect::End {
                return Err("the call is over".into());
            }
            happening = self.answer(interp, &effect)?;
        }
        Err(format!("the plan goes on and on ({MAX_EFFECTS} steps)"))
    }

    fn next(&self) -> Option<&What> {
        self.path.get(self.met).map(|line| &line.what)
    }

    fn pass(&mut self) {
        self.met += 1;
        self.since = self.happened.len();
    }

    fn take_route(&mut self, interp: &Interp) {
        let route = interp.route_index();
        if let Some(route) = route.filter(|route| !self.routes.contains(route)) {
            self.routes.push(route);
        }
    }

    /// Passes the lines that this effect meets. Of several prompts in one playing each meets at most
    /// one line, in their order.
    fn meet(&mut self, interp: &Interp, effect: &Effect) {
        self.take_route(interp);
        let mut heard = 0;
        let mut is_used = false;
        while let Some(line) = self.path.get(self.met) {
            let is_met = match &line.what {
                What::Route(name) => interp.route(self.plan) == Some(name),
                What::Hear { name, language } => {
                    let found = heard_at(effect, heard, name, language.as_deref());
                    heard = found.map_or(heard, |at| at + 1);
                    found.is_some()
                }
                // One answer meets one line "answer".
                what if is_used || !meets(what, effect) => false,
                _ => {
                    is_used = true;
                    true
                }
            };
            if !is_met {
                return;
            }
            self.pass();
        }
    }

    /// What comes of the effect.
    fn answer(&mut self, interp: &Interp, effect: &Effect) -> Result<Happening, String> {
        if takes_time(effect) && self.next() == Some(&What::CallerHangsUp) {
            self.pass();
            return Ok(Happening::Hangup);
        }
        match effect {
            Effect::Collect(collect) => {
                self.spend(PROMPT * collect.items.len() as u32);
                return Ok(self.keys(interp, collect));
            }
            Effect::Dial(dial) => return self.dialled(dial),
            Effect::Conference(conference) => return self.conferred(conference),
            Effect::ReceiveAlarm(_) => return self.received(),
            // A caller who is not let in is not answered.
            Effect::AskQueue(queue) if self.is_turned_away() => return self.queued(&queue.name),
            Effect::Queue(queue) => return self.queued(&queue.name),
            Effect::Lookup(lookup) => return self.asked(&lookup.name),
            Effect::Wait { ms: None } => {
                return Err("the plan waits for the caller to hang up".into());
            }
            Effect::Echo { ms: None, stop_on } => return self.echoed(*stop_on),
            Effect::Wait { ms: Some(ms) } | Effect::Echo { ms: Some(ms), .. } => {
                self.spend(Duration::from_millis(u64::from(*ms)))
            }
            Effect::Play { items, .. } => self.spend(PROMPT * items.len() as u32),
            _ => {}
        }
        Ok(Happening::Done)
    }

    fn spend(&mut self, time: Duration) {
        self.now.at += time;
        self.now.wall = Wall(self.now.wall.0 + time.as_millis() as i64);
    }

    /// An echo without a time: the caller presses a key that ends it, or hangs up.
    fn echoed(&mut self, stop_on: Keys) -> Result<Happening, String> {
        if let Some(What::Press(keys)) = self.next()
            && let Some(key) = keys.chars().find(|key| stop_on.has(*key))
        {
            self.pass();
            return Ok(Happening::Key(key));
        }
        Err("the caller hears itself until it hangs up".into())
    }

    /// The keys that the caller presses now: as many as are taken; the rest waits for the next
    /// asking, as typed ahead.
    fn keys(&mut self, interp: &Interp, collect: &Collect) -> Happening {
        if let (true, Some(What::Press(keys))) = (self.keys.is_empty(), self.next()) {
            self.keys = keys.chars().filter(|c| !matches!(c, ' ' | ',')).collect();
            self.happened.push(format!("press {}", self.keys));
            self.pass();
        } else if self.keys.is_empty() {
            self.happened.push("silent".into());
            self.spend(Duration::from_millis(u64::from(collect.first_ms)));
            if self.next() == Some(&What::Silent) {
                self.pass();
            }
        }
        let (mut digits, mut ended) = (String::new(), Ended::Timeout);
        while ended == Ended::Timeout && !self.keys.is_empty() {
            let key = self.keys.remove(0);
            if collect.terminators.has(key) {
                ended = Ended::Terminator(key);
                break;
            }
            digits.push(key);
            let is_full = digits.len() >= usize::from(collect.max);
            if is_full || interp.complete(self.plan, &digits) {
                ended = Ended::Enough;
            }
        }
        Happening::Digits { digits, ended }
    }

    fn dialled(&mut self, dial: &Dial) -> Result<Happening, String> {
        let Some(What::Dial { target, outcome }) = self.next() else {
            return Err("somebody is called and the path does not say what comes of it".into());
        };
        let Some(by) = dial.groups.iter().flatten().find(|t| names(t, target)) else {
            return Err(format!("'{target}' is not among those called"));
        };
        let talked = |ended_by| {
            let talk_ms = TALK.as_millis() as u64;
            Happening::Dialed(DialEnd::Answered { by: by.clone(), talk_ms, ended_by })
        };
        let (happening, time) = match *outcome {
            Outcome::Answered => (talked(EndedBy::Callee), TALK),
            Outcome::CallerHangsUp => (talked(EndedBy::Caller), TALK),
            Outcome::Failed(cause) => {
                let why = DialFailure::of(cause);
                (Happening::Dialed(DialEnd::Failed { why, cause }), PROMPT)
            }
        };
        self.spend(time);
        self.pass();
        Ok(happening)
    }

    fn conferred(&mut self, conference: &Conference) -> Result<Happening, String> {
        let Some(What::Conference(name, end)) = self.next() else {
            return Err("a conference begins and the path does not say how it ends".into());
        };
        if *name != conference.name {
            return Err(format!("the conference is '{}'", conference.name));
        }
        let end = *end;
        self.spend(TALK);
        self.pass();
        Ok(Happening::Conferred(end))
    }

    /// A program or the store answers as the path says.
    fn asked(&mut self, whom: &str) -> Result<Happening, String> {
        let Some(What::Ask { name, outcome, values }) = self.next() else {
            return Err(format!("{whom} is asked and the path does not say what comes of it"));
        };
        if name != whom {
            return Err(format!("asked is {whom}"));
        }
        let mut told = Told::of(*outcome, "");
        (told.values, told.rows) = (values.clone(), u32::from(*outcome == lookup::Outcome::Ok));
        self.spend(PROMPT);
        self.pass();
        Ok(Happening::Told(Box::new(told)))
    }

    fn received(&mut self) -> Result<Happening, String> {
        let Some(What::Alarm(end)) = self.next() else {
            return Err("alarms are received and the path does not say how that ends".into());
        };
        let end = *end;
        self.spend(PROMPT);
        self.pass();
        Ok(Happening::Received { end, variables: Vec::new() })
    }

    /// The path says next that a queue does not let the caller in.
    fn is_turned_away(&self) -> bool {
        use QueueEnd::{Full, NoAgents, Unknown};
        matches!(self.next(), Some(What::Queue(_, Full | NoAgents | Unknown)))
    }

    fn queued(&mut self, queue: &str) -> Result<Happening, String> {
        let Some(What::Queue(name, end)) = self.next() else {
            return Err("the caller waits in a queue and the path does not say how it ends".into());
        };
        if name != queue {
            return Err(format!("the queue is '{queue}'"));
        }
        let end = *end;
        self.spend(TALK);
        self.pass();
        Ok(Happening::Queued(end))
    }

    /// What happened since the last line was met; the last of it when it is much.
    fn instead(&self) -> Vec<String> {
        let since = &self.happened[self.since.min(self.happened.len())..];
        since[since.len().saturating_sub(MAX_INSTEAD)..].to_vec()
    }
}

/// Whether the caller may hang up during the effect.
fn takes_time(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Play { .. }
            | Effect::Collect(_)
            | Effect::Wait { .. }
            | Effect::Echo { .. }
            | Effect::Dial(_)
            | Effect::Conference(_)
            | Effect::Queue(_)
            | Effect::Lookup(_)
            | Effect::ReceiveAlarm(_)
            | Effect::SendDigits { .. }
    )
}

/// Where among the effect's items, from `from` on, this is heard.
fn heard_at(effect: &Effect, from: usize, wanted: &str, language: Option<&str>) -> Option<usize> {
    let items: &[Item] = match effect {
        Effect::Play { items, .. } | Effect::PlayOver { items } => items,
        Effect::Collect(collect) => &collect.items,
        Effect::Music { .. } => return (wanted == "music" && from == 0).then_some(0),
        _ => return None,
    };
    let is_it = |item: &Item| match item {
        Item::Prompt { name, language: spoken } => {
            name == wanted && language.is_none_or(|language| language == spoken)
        }
        Item::Tone { .. } => wanted == "tone",
        Item::Silence { .. } => false,
    };
    (from..items.len()).find(|at| is_it(&items[*at]))
}

/// Whether the effect is what a line waits for; what is heard and who is called stand elsewhere.
fn meets(what: &What, effect: &Effect) -> bool {
    match (what, effect) {
        (What::Answer, Effect::Answer)
        | (What::EarlyMedia, Effect::EarlyMedia)
        | (What::Ring, Effect::Ring) => true,
        (What::Field { name, value }, Effect::SetField { name: set, value: to }) => {
            name == set && value.as_ref().is_none_or(|value| value == to)
        }
        (
            What::Survey { question, key },
            Effect::SaveAnswer { question: asked, key: pressed, .. },
        ) => question == asked && key.as_ref().is_none_or(|key| key == pressed),
        (What::Echo, Effect::Echo { .. }) => true,
        (What::Record(wanted), Effect::Record(change)) => wanted == change,
        (What::Hangup(wanted), Effect::Hangup { cause }) => {
            wanted.is_none_or(|wanted| wanted == *cause)
        }
        _ => false,
    }
}

/// Whether a target is called by this name in a path: a phone's or an outside number, or
/// `gateway/number`.
fn names(target: &Target, wanted: &str) -> bool {
    match target {
        Target::Phone { number } => number == wanted,
        Target::Gateway { name, number } => {
            number == wanted || wanted.split_once('/') == Some((name, number))
        }
        Target::Fail { .. } => wanted == "nobody",
    }
}
