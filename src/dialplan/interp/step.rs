//! Running one step.

use super::vars::View;
use super::{Frame, Interp, MAX_DEPTH, Phase, Speech};
use crate::base::Wall;
use crate::dialplan::cause::Cause;
use crate::dialplan::effect::{Effect, Item, Keys, Level, Tone};
use crate::dialplan::model::{BlockId, Media, MenuMove, Op, Plan, Reason, Step, StopOn};
use crate::dialplan::read_xml::path;
use crate::dialplan::say;
use crate::dialplan::template::Template;

/// The most digits that one step sends.
const MAX_SENT_DIGITS: usize = 128;

/// Groups caught, as the steps carry them.
type Captures = Option<Vec<String>>;

impl Interp {
    pub(super) fn step(
        &mut self,
        plan: &Plan,
        step: &Step,
        block: BlockId,
        at: u32,
        captures: Captures,
    ) {
        if self.phase == Phase::After && !works_without_caller(&step.op) {
            let text = format!("the step at {} needs the caller, who is gone", plan.at(step.place));
            return self.log(Level::Warning, text);
        }
        let text = |interp: &Interp, template: &Template| {
            template.expand(&View::new(interp, plan, captures.as_deref()))
        };
        match &step.op {
            Op::Answer
            | Op::EarlyMedia
            | Op::Ring
            | Op::Hangup { .. }
            | Op::Wait { .. }
            | Op::Record(_)
            | Op::SendDigits { .. } => {
                self.call_step(&step.op, &text);
            }
            Op::Play { items, stop_on, times } => {
                self.play(plan, step, items, stop_on, *times, &captures)
            }
            Op::Say { kind, value, language, stop_on } => {
                let value = text(self, value);
                let language = language.as_ref().map(|l| text(self, l));
                self.say(plan, step, *kind, &value, language, *stop_on);
            }
            Op::Music { class } => {
                let class = text(self, class);
                self.open_speech(step.freeswitch);
                self.queue.push_back(Effect::Music { class });
            }
            Op::StopMusic => self.queue.push_back(Effect::StopMusic),
            Op::Menu { name } => {
                let name = text(self, name);
                self.push(Frame::Menu { name, chosen: false, rounds: 0, wrong: 0, silent: 0 });
            }
            Op::MenuMove(to) => self.menu_move(plan, *to),
            Op::Collect(_) => self.push(Frame::Collect { block, at, tries: 0, captures }),
            Op::Survey { name } => {
                let name = text(self, name);
                self.push(Frame::Survey { name, question: 0, tries: 0 });
            }
            Op::Dial(op) => self.dial(plan, op, step.freeswitch, &captures),
            Op::If { test, then, otherwise } => {
                let outcome = test.ask(&View::new(self, plan, captures.as_deref()));
                let block = if outcome.holds { *then } else { *otherwise };
                let captures = outcome.caught.or(captures);
                self.push(Frame::Steps { block, next: 0, captures });
            }
            Op::Goto { .. }
            | Op::Transfer { .. }
            | Op::Extension { .. }
            | Op::Call { .. }
            | Op::Return
            | Op::Stop => {
                self.jump(plan, step, &text);
            }
            Op::Set(pairs) => self.set_pairs(plan, pairs, captures.as_deref()),
            Op::Unset(_)
            | Op::Language { .. }
            | Op::Note { .. }
            | Op::Log { .. }
            | Op::Info
            | Op::Nothing => {
                self.note_step(&step.op, &text);
            }
            Op::Lacking { app, ends_call } => {
                let then = if *ends_call { "the call ends" } else { "it is passed over" };
                self.log(
                    Level::Error,
                    format!("{}: Belfry lacks '{app}'; {then}", plan.at(step.place)),
                );
                if *ends_call {
                    self.hangup(Cause::NOT_IMPLEMENTED);
                }
            }
        }
    }

    /// Steps that act on the call.
    fn call_step(&mut self, op: &Op, text: &dyn Fn(&Interp, &Template) -> String) {
        match op {
            Op::Answer => self.answer(),
            Op::EarlyMedia => self.early_media(),
            Op::Ring => self.queue.push_back(Effect::Ring),
            Op::Hangup { cause: Reason::Fixed(cause) } => self.hangup(*cause),
            Op::Hangup { cause: Reason::Text(name) } => {
                self.hangup(Cause::parse(&text(self, name)).unwrap_or(Cause::NORMAL));
            }
            Op::Wait { ms } => self.queue.push_back(Effect::Wait { ms: *ms }),
            Op::Record(change) => self.queue.push_back(Effect::Record(*change)),
            Op::SendDigits { digits, on_ms, off_ms } => {
                let digits = text(self, digits)
                    .chars()
                    .filter(|c| Keys::ANY.has(*c))
                    .take(MAX_SENT_DIGITS)
                    .collect();
                self.queue.push_back(Effect::SendDigits { digits, on_ms: *on_ms, off_ms: *off_ms });
            }
            _ => {}
        }
    }

    /// Steps that keep or tell something.
    fn note_step(&mut self, op: &Op, text: &dyn Fn(&Interp, &Template) -> String) {
        match op {
            Op::Unset(names) => {
                for name in names {
                    let name = text(self, name);
                    self.variables.remove(&name);
                }
            }
            Op::Language { language } => {
                let value = text(self, language);
                self.set("language", value.clone());
                self.queue.push_back(Effect::SetField { name: "language".into(), value });
            }
            Op::Note { name, value } => {
                let (name, value) = (text(self, name), text(self, value));
                self.queue.push_back(Effect::SetField { name, value });
            }
            Op::Log { level, text: line } => {
                let line = text(self, line);
                self.log(*level, line);
            }
            Op::Info => {
                let all: Vec<_> =
                    self.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
                self.log(Level::Info, all.join(" "));
            }
            _ => {}
        }
    }

    /// Steps that go elsewhere.
    fn jump(&mut self, plan: &Plan, step: &Step, text: &dyn Fn(&Interp, &Template) -> String) {
        match &step.op {
            Op::Goto { route } => {
                let name = text(self, route);
                let Some((_, route)) = plan.route_named(&name) else {
                    self.log(
                        Level::Error,
                        format!("{}: there is no route '{name}'", plan.at(step.place)),
                    );
                    return self.hangup(Cause::TEMPORARY_FAILURE);
                };
                self.stack.clear();
                self.entry.context.clone_from(&route.context);
                if let Some(block) = route.on_hangup.filter(|b| !self.on_hangup.contains(b)) {
                    self.on_hangup.push(block);
                }
                for condition in route.conditions.iter().rev() {
                    self.push(Frame::Steps { block: condition.actions, next: 0, captures: None });
                }
            }
            Op::Transfer { number, context } => {
                let (number, context) =
                    (text(self, number), context.as_ref().map(|c| text(self, c)));
                self.transfer(plan, number, context);
            }
            Op::Extension { number, context } => {
                let (number, context) =
                    (text(self, number), context.as_ref().map(|c| text(self, c)));
                self.extension(plan, step, number, context);
            }
            Op::Call { sub } => {
                let name = text(self, sub);
                match plan.subs.get(&name) {
                    Some((block, _)) => self.enter(plan, step, |interp| {
                        interp.push(Frame::Steps { block: *block, next: 0, captures: None });
                    }),
                    None => {
                        self.log(
                            Level::Error,
                            format!("{}: there is no sub-routine '{name}'", plan.at(step.place)),
                        );
                        self.hangup(Cause::TEMPORARY_FAILURE);
                    }
                }
            }
            Op::Return => match self.stack.iter().rposition(|frame| *frame == Frame::Boundary) {
                Some(at) => self.stack.truncate(at),
                None => self.stack.clear(),
            },
            _ => self.stack.clear(),
        }
    }

    /// Goes a level deeper, if there is room.
    fn enter(&mut self, plan: &Plan, step: &Step, run: impl FnOnce(&mut Interp)) {
        if self.stack.iter().filter(|frame| **frame == Frame::Boundary).count() >= MAX_DEPTH {
            let text =
                format!("{}: sub-routines are more than {MAX_DEPTH} deep", plan.at(step.place));
            self.log(Level::Error, text);
            return self.hangup(Cause::TEMPORARY_FAILURE);
        }
        self.push(Frame::Boundary);
        run(self);
    }

    /// FreeSWITCH's execute_extension: another route's steps, and back. The number called stays.
    fn extension(&mut self, plan: &Plan, step: &Step, number: String, context: Option<String>) {
        let context =
            context.filter(|c| !c.is_empty()).unwrap_or_else(|| self.entry.context.clone());
        let own = std::mem::replace(&mut self.entry.to, number);
        let found = self.look(plan, &context);
        let number = std::mem::replace(&mut self.entry.to, own);
        match found {
            Some(found) if found.tried.iter().any(|t| t.why_not.is_none()) => {
                self.enter(plan, step, |interp| interp.follow(found));
            }
            _ => self
                .log(Level::Warning, format!("no route in context '{context}' takes '{number}'")),
        }
    }

    fn answer(&mut self) {
        self.speech = Speech::Answered;
        self.queue.push_back(Effect::Answer);
    }

    fn early_media(&mut self) {
        if self.speech == Speech::Closed {
            self.speech = Speech::Early;
        }
        self.queue.push_back(Effect::EarlyMedia);
    }

    /// Before the caller is to hear something: answers, or opens early media as FreeSWITCH does.
    pub(super) fn open_speech(&mut self, freeswitch: bool) {
        match (self.speech, freeswitch) {
            (Speech::Closed, true) => self.early_media(),
            (Speech::Closed, false) => self.answer(),
            _ => {}
        }
    }

    fn play(
        &mut self,
        plan: &Plan,
        step: &Step,
        media: &[Media],
        stop_on: &StopOn,
        times: u32,
        captures: &Captures,
    ) {
        let view = View::new(self, plan, captures.as_deref());
        let stop_on = match stop_on {
            StopOn::Keys(keys) => *keys,
            StopOn::Variable => {
                let set = self.variables.get("playback_terminators").map_or("*", String::as_str);
                Keys::parse(set).unwrap_or(Keys::NONE)
            }
        };
        let (items, music, problems) = items(media, &view, None);
        for text in problems {
            self.log(Level::Warning, format!("{}: {text}", plan.at(step.place)));
        }
        if items.is_empty() && music.is_none() {
            return;
        }
        self.open_speech(step.freeswitch);
        if !items.is_empty() {
            self.queue.push_back(Effect::Play { items: items.clone(), stop_on });
        }
        if let Some(class) = music {
            // FreeSWITCH plays a stream until the caller goes.
            self.queue.extend([Effect::Music { class }, Effect::Wait { ms: None }]);
        } else if times > 1 {
            self.push(Frame::Playing { items, stop_on, left: times - 1 });
        }
    }

    fn say(
        &mut self,
        plan: &Plan,
        step: &Step,
        kind: say::Kind,
        value: &str,
        language: Option<String>,
        stop_on: Keys,
    ) {
        let view = View::new(self, plan, None);
        let language = language.unwrap_or_else(|| view.language());
        let at = |seconds: i64| view.civil_at(Wall(seconds.saturating_mul(1_000)));
        match say::say(kind, value, &language, crate::dialplan::template::Scope::civil(&view), &at)
        {
            Ok(names) if names.is_empty() => {}
            Ok(names) => {
                let prompt = |name| Item::Prompt { name, language: language.clone() };
                let items = names.into_iter().map(prompt).collect();
                self.open_speech(step.freeswitch);
                self.queue.push_back(Effect::Play { items, stop_on });
            }
            Err(say::Unspeakable(value)) => {
                let text = format!("{}: '{value}' is not a {}", plan.at(step.place), kind.name());
                self.log(Level::Warning, text);
            }
        }
    }

    /// Moves among the menus on the stack.
    fn menu_move(&mut self, plan: &Plan, to: MenuMove) {
        let menus: Vec<usize> = (0..self.stack.len())
            .filter(|at| matches!(self.stack[*at], Frame::Menu { .. }))
            .collect();
        let Some((first, last)) = menus.first().zip(menus.last()) else {
            return self.log(Level::Warning, "a menu step outside of a menu is passed over");
        };
        let stay = match to {
            MenuMove::Again => Some(*last),
            MenuMove::Back => menus.len().checked_sub(2).map(|at| menus[at]),
            MenuMove::Top => Some(*first),
            MenuMove::Exit => None,
        };
        match stay {
            Some(at) => {
                self.stack.truncate(at + 1);
                if let Some(Frame::Menu { chosen, rounds, .. }) = self.stack.last_mut() {
                    (*chosen, *rounds) = (false, 0);
                }
            }
            None => {
                self.stack.truncate(first + 1);
                self.leave_menu(plan, "success");
            }
        }
    }
}

/// Whether a step can run when the caller is gone.
fn works_without_caller(op: &Op) -> bool {
    matches!(
        op,
        Op::Set(_)
            | Op::Unset(_)
            | Op::If { .. }
            | Op::Call { .. }
            | Op::Return
            | Op::Stop
            | Op::Note { .. }
            | Op::Log { .. }
            | Op::Info
            | Op::Nothing
            | Op::Lacking { ends_call: false, .. }
    )
}

/// Media with its variables filled in: what to play, music without end behind it, and what could not
/// be made of it. `language` is the call's unless given.
pub(super) fn items(
    media: &[Media],
    view: &View<'_>,
    language: Option<&str>,
) -> (Vec<Item>, Option<String>, Vec<String>) {
    let language = language.map_or_else(|| view.language(), str::to_owned);
    let (mut out, mut music, mut problems) = (Vec::new(), None, Vec::new());
    for media in media {
        let parsed;
        let list = match media {
            Media::Path(path_text) => {
                let mut lacks = Vec::new();
                parsed = path::parse(&path_text.expand(view), &mut lacks);
                problems.extend(lacks.into_iter().map(|(what, _)| what));
                &parsed[..]
            }
            one => std::slice::from_ref(one),
        };
        for media in list {
            match media {
                Media::Prompt(name) => {
                    let name = name.expand(view);
                    if is_prompt_name(&name) {
                        out.push(Item::Prompt { name, language: language.clone() });
                    } else {
                        problems.push(format!("'{name}' is not the name of a prompt"));
                    }
                }
                Media::Tone { tone, ms } => {
                    out.push(Item::Tone { tone: Tone::clone(tone), ms: *ms })
                }
                Media::Silence { ms } => out.push(Item::Silence { ms: *ms }),
                Media::Music(class) => music = Some(class.expand(view)),
                // A path gives no path.
                Media::Path(_) => {}
            }
        }
    }
    (out, music, problems)
}

/// A prompt's name stays inside of the folder of its language, whatever a variable brings.
fn is_prompt_name(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part != "." && part != "..";
    name.len() <= 255 && name.split('/').all(part) && !name.contains(['\\', '\0', ':'])
}
