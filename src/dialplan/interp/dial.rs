//! Dialling: from the step to the effect, and what follows its end.
//!
//! A TOML `dial` has branches for outcomes and clears the call on a failure without one. FreeSWITCH's
//! `bridge` goes on or clears by the variables `hangup_after_bridge` and `continue_on_fail`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::ask::branch;
use super::sound::items;
use super::vars::{HEADER, View};
use super::{Asked, DIAL_STEPS, Frame, Interp, Speech};
use crate::dialplan::cause::Cause;
use crate::dialplan::condition::is_true;
use crate::dialplan::effect::{
    Dial, DialEnd, DialFailure, Effect, EndedBy, Item, Level, Meanwhile, Target,
};
use crate::dialplan::model::{DialOp, Groups, MeanwhileOp, Media, Op, Plan, TargetOp};
use crate::dialplan::read_xml::{dialstring, path};
use crate::dialplan::template::Template;

/// How long FreeSWITCH lets a target ring when no variable says.
const FREESWITCH_RING_MS: u32 = 60_000;
/// The longest number that is dialled.
const MAX_NUMBER: usize = 64;

/// Group, place in it, and the seconds that this target rings at most.
type Brief = Vec<(usize, usize, Template)>;

fn own_times(
    brief: &[(usize, usize, Template)],
    groups: &[Vec<Target>],
    text: &dyn Fn(&Template) -> String,
) -> Vec<(Target, u32)> {
    let time = |(group, at, seconds): &(usize, usize, Template)| {
        let seconds = text(seconds).trim().parse::<u32>().ok()?.max(1);
        Some((groups.get(*group)?.get(*at)?.clone(), seconds.saturating_mul(1_000)))
    };
    brief.iter().filter_map(time).collect()
}

/// The variables of a dial, those of its own `{…}` first.
struct Settings<'a> {
    interp: &'a Interp,
    own: BTreeMap<&'a str, String>,
}

impl Settings<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let value = self.own.get(name).or_else(|| self.interp.variables.get(name));
        value.map(String::as_str).filter(|v| !v.is_empty())
    }
    /// FreeSWITCH's ways to have a phone answer by itself: its variable, and the headers that its users
    /// write (`<sip:x>;answer-after=0`, `Ring Answer`, `info=alert-autoanswer`).
    fn auto_answer(&self) -> bool {
        let asks = |name: &str, words: &[&str]| {
            let value = self.get(name).map(str::to_ascii_lowercase).unwrap_or_default();
            words.iter().any(|word| value.contains(word))
        };
        self.get("sip_auto_answer").is_some_and(is_true)
            || asks("sip_h_Call-Info", &["answer-after"])
            || asks("sip_h_Alert-Info", &["autoanswer", "auto answer", "ring answer", "ringanswer"])
    }
    /// The headers that the step names, and FreeSWITCH's: those of `{…}`, and what the plan has set. What
    /// came with the caller is not among them: whether that goes on is the configuration's.
    fn headers(&self, op: &DialOp, text: &dyn Fn(&Template) -> String) -> Vec<(String, String)> {
        let named = op.headers.iter().map(|(name, value)| (name.clone(), text(value)));
        let own = self.own.iter().map(|(name, value)| (*name, value));
        let set = self.interp.written.iter();
        let set = set.filter_map(|name| Some((name.as_str(), self.interp.variables.get(name)?)));
        let variables = own.chain(set).filter_map(|(name, value)| {
            Some((name.strip_prefix(HEADER)?.to_owned(), value.clone()))
        });
        let mut all: Vec<(String, String)> = Vec::new();
        for (name, value) in named.chain(variables) {
            let known = all.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name));
            if !known && all.len() < Dial::MAX_HEADERS && Dial::takes_header(&name) {
                all.push((name, value));
            }
        }
        all.retain(|(_, value)| !value.trim().is_empty());
        all
    }
    fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.get(name)).map(str::to_owned)
    }
}

/// FreeSWITCH's variables of how long it rings, in seconds, and of who is shown as the caller; the first that is set holds.
const RING_TIME: [&str; 3] = ["leg_timeout", "call_timeout", "originate_timeout"];
const NUMBER_SHOWN: [&str; 2] = ["origination_caller_id_number", "effective_caller_id_number"];
const NAME_SHOWN: [&str; 2] = ["origination_caller_id_name", "effective_caller_id_name"];

impl Interp {
    pub(super) fn dial(
        &mut self,
        plan: &Plan,
        op: &DialOp,
        freeswitch: bool,
        captures: &Option<Vec<String>>,
    ) {
        let view = View::new(self, plan, captures.as_deref());
        let text = |template: &Template| template.expand(&view);
        let mut problems = Vec::new();
        let own = op.variables.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
        let settings = Settings { interp: self, own };
        let (groups, brief) = match &op.groups {
            Groups::Fixed(groups) => (Cow::Borrowed(&groups[..]), Cow::Borrowed(&op.brief[..])),
            Groups::Text(template) => {
                let (groups, brief) = whole(&text(template), &plan.domain, &mut problems);
                (Cow::Owned(groups), Cow::Owned(brief))
            }
        };
        let mut groups: Vec<Vec<Target>> = groups
            .iter()
            .map(|group| group.iter().map(|t| target(t, &text, &mut problems)).collect::<Vec<_>>())
            .collect();
        let brief = own_times(&brief, &groups, &text);
        groups.retain(|group| !group.is_empty());
        let nobody = vec![vec![Target::Fail { cause: Cause::INVALID_NUMBER }]];
        let groups = if groups.is_empty() { nobody } else { groups };
        let seconds =
            |text: String| text.trim().parse::<u32>().ok().map(|s| s.saturating_mul(1_000));
        let ring_ms = op.ring_ms.or_else(|| settings.first(&RING_TIME).and_then(seconds));
        let shown = |own: Option<&Template>, variables: &[&str]| {
            own.map(text).or_else(|| settings.first(variables).filter(|_| freeswitch))
        };
        // A leg's own time may be longer than the usual one.
        let usual = brief.iter().map(|(_, ms)| *ms).fold(FREESWITCH_RING_MS, u32::max);
        let dial = Dial {
            groups,
            ring_ms: ring_ms.unwrap_or(usual).clamp(1_000, Dial::MAX_RING_MS),
            brief,
            meanwhile: self.meanwhile(&op.meanwhile, &settings, &view),
            caller_number: shown(op.caller_number.as_ref(), &NUMBER_SHOWN),
            caller_name: shown(op.caller_name.as_ref(), &NAME_SHOWN),
            record: op.record,
            emergency: op.emergency,
            auto_answer: op.auto_answer || settings.auto_answer(),
            headers: settings.headers(op, &text),
        };
        for problem in problems {
            self.log(Level::Warning, problem);
        }
        self.spend(DIAL_STEPS);
        self.asked = Asked::Dial;
        self.queue.push_back(Effect::Dial(Box::new(dial)));
    }

    /// What the caller hears until somebody answers.
    fn meanwhile(&self, op: &MeanwhileOp, settings: &Settings<'_>, view: &View<'_>) -> Meanwhile {
        match op {
            MeanwhileOp::Ringback => Meanwhile::Ringback,
            MeanwhileOp::EarlyMedia => Meanwhile::EarlyMedia,
            MeanwhileOp::Music(class) => Meanwhile::Music(class.expand(view)),
            MeanwhileOp::Variables => {
                let name =
                    if self.speech == Speech::Answered { "transfer_ringback" } else { "ringback" };
                let ignore = settings
                    .get("ignore_early_media")
                    .is_some_and(|v| is_true(v) || v == "ring_ready");
                match settings.get(name) {
                    Some(sound) => sounding(sound, view),
                    None if ignore || self.speech == Speech::Answered => Meanwhile::Ringback,
                    None => Meanwhile::EarlyMedia,
                }
            }
        }
    }

    /// What follows a dial.
    pub(super) fn dialed(&mut self, plan: &Plan, end: DialEnd) {
        let (on, freeswitch) = match self.current_dial(plan) {
            Some((op, freeswitch)) => (&op.on[..], freeswitch),
            None => (&[][..], false),
        };
        let captures = match self.stack.last() {
            Some(Frame::Steps { captures, .. }) => captures.clone(),
            _ => None,
        };
        match end {
            DialEnd::Answered { by, talk_ms, ended_by } => {
                self.speech = Speech::Answered;
                self.set("dial_result", "answered");
                self.set("originate_disposition", "SUCCESS");
                self.set("bridge_hangup_cause", Cause::NORMAL.name());
                self.set("dialed_by", by.to_string());
                self.set("talk_seconds", (talk_ms / 1_000).to_string());
                if ended_by == EndedBy::Caller {
                    return self.caller_gone();
                }
                let hang_up = self.variables.get("hangup_after_bridge").is_some_and(|v| is_true(v));
                if let Some((_, block)) = on.iter().find(|(name, _)| name == "answered") {
                    self.push(Frame::Steps { block: *block, next: 0, captures });
                } else if freeswitch && hang_up {
                    self.hangup(Cause::NORMAL);
                }
            }
            DialEnd::Failed { why, cause } => {
                self.set("dial_result", why.name());
                self.set("dial_cause", cause.0.to_string());
                for name in ["originate_disposition", "hangup_cause", "bridge_hangup_cause"] {
                    self.set(name, cause.name());
                }
                match branch(on, why.name()) {
                    Some(block) => self.push(Frame::Steps { block, next: 0, captures }),
                    None if freeswitch && self.goes_on_after(why, cause) => {}
                    None => self.hangup(cause),
                }
            }
        }
    }

    /// The dial step that was asked last.
    fn current_dial<'p>(&self, plan: &'p Plan) -> Option<(&'p DialOp, bool)> {
        let Some(Frame::Steps { block, next, .. }) = self.stack.last() else {
            return None;
        };
        let step = plan.block(*block).get(next.checked_sub(1)? as usize)?;
        match &step.op {
            Op::Dial(op) => Some((op, step.freeswitch)),
            _ => None,
        }
    }

    /// FreeSWITCH's `continue_on_fail`: true, false, or causes; unset, an unanswered call goes on.
    fn goes_on_after(&self, why: DialFailure, cause: Cause) -> bool {
        match self.variables.get("continue_on_fail").map(String::as_str) {
            None | Some("") => why == DialFailure::NoAnswer,
            Some(value) if is_true(value) => true,
            Some(value) => value.split(',').any(|name| Cause::parse(name) == Some(cause)),
        }
    }
}

/// A FreeSWITCH dial string that stood in a variable as a whole.
fn whole(text: &str, domain: &str, problems: &mut Vec<String>) -> (Vec<Vec<TargetOp>>, Brief) {
    let read = dialstring::parse(text, domain);
    problems.extend(read.lacks.into_iter().map(|(what, _)| what));
    let op = |leg| match leg {
        dialstring::Leg::Phone(number) => TargetOp::Phone(Template::plain(&number)),
        dialstring::Leg::Gateway(name, number) => {
            TargetOp::Gateway { name: Template::plain(&name), number: Template::plain(&number) }
        }
        dialstring::Leg::Fail(cause) => TargetOp::Fail(cause),
    };
    let brief = read.brief.iter().map(|(group, at, text)| (*group, *at, Template::plain(text)));
    let brief = brief.collect();
    (read.groups.into_iter().map(|group| group.into_iter().map(op).collect()).collect(), brief)
}

/// A target with its variables filled in; a number that cannot be dialled fails by itself.
fn target(op: &TargetOp, text: &dyn Fn(&Template) -> String, problems: &mut Vec<String>) -> Target {
    let (name, number) = match op {
        TargetOp::Fail(cause) => return Target::Fail { cause: *cause },
        TargetOp::Phone(number) => (None, text(number)),
        TargetOp::Gateway { name, number } => (Some(text(name)), text(number)),
    };
    let dialable = |c: char| c.is_alphanumeric() || matches!(c, '*' | '#' | '+' | '-' | '_' | '.');
    if number.is_empty() || number.len() > MAX_NUMBER || !number.chars().all(dialable) {
        problems.push(format!("'{number}' cannot be dialled"));
        return Target::Fail { cause: Cause::INVALID_NUMBER };
    }
    match name {
        Some(name) => Target::Gateway { name, number },
        None => Target::Phone { number },
    }
}

/// A FreeSWITCH `ringback` value: tones, music, a file.
fn sounding(text: &str, view: &View<'_>) -> Meanwhile {
    if let Some(Media::Tone { tone, .. }) = path::tone(text) {
        return Meanwhile::Tone(tone);
    }
    let (items, music, _) = items(&path::parse(text, &mut Vec::new()), view, None);
    match (music, items.into_iter().next()) {
        (Some(class), _) => Meanwhile::Music(class),
        (None, Some(Item::Tone { tone, .. })) => Meanwhile::Tone(tone),
        (None, Some(item @ Item::Prompt { .. })) => Meanwhile::Prompt(item),
        _ => Meanwhile::Ringback,
    }
}
