//! One step in words.

use super::{Teller, seconds};
use crate::dialplan::effect::Keys;
use crate::dialplan::model::{
    CollectOp, ConferenceOp, DialOp, Groups, LookupOp, LookupWhat, MeanwhileOp, Media, MenuMove,
    Op, Reason, StopOn, TargetOp,
};
use crate::dialplan::template::Template;

impl Teller<'_> {
    /// A step in words.
    pub(super) fn words(&self, op: &Op) -> String {
        match op {
            Op::Accept => "take what the called party was asked for as accepted".into(),
            Op::Answer => "answer".into(),
            Op::CheckIn => "take the caller's check-in".into(),
            Op::ReceiveAlarm { .. } => "receive alarms by keys".into(),
            Op::EarlyMedia => "open early media".into(),
            Op::Ring => "signal ringing".into(),
            Op::Hangup { cause: Reason::Fixed(cause) } => format!("hang up ({cause})"),
            Op::Hangup { cause: Reason::Text(text) } => format!("hang up ({})", self.text(text)),
            Op::Respond { status } => format!("hang up (SIP status {status})"),
            Op::PlayOver { items } => format!("play {} over what follows", self.media(items)),
            Op::Play { items, stop_on, times } => self.play(items, stop_on, *times),
            Op::Say { kind, value, .. } => format!("say the {} {}", kind.name(), self.text(value)),
            Op::Menu { name } => format!("menu '{}'", self.text(name)),
            Op::MenuMove(MenuMove::Again) => "play the menu again".into(),
            Op::MenuMove(MenuMove::Back) => "back to the menu before".into(),
            Op::MenuMove(MenuMove::Top) => "back to the first menu".into(),
            Op::MenuMove(MenuMove::Exit) => "leave the menus".into(),
            Op::Collect(op) => self.collect(op),
            Op::Set(pairs) => self.set(pairs),
            Op::Unset(names) => format!(
                "unset {}",
                names.iter().map(|n| self.text(n)).collect::<Vec<_>>().join(", ")
            ),
            Op::If { .. }
            | Op::Goto { .. }
            | Op::Transfer { .. }
            | Op::Extension { .. }
            | Op::Call { .. }
            | Op::Return
            | Op::Wait { .. }
            | Op::Echo { .. }
            | Op::Nothing
            | Op::Stop
            | Op::Lacking { .. } => self.onward(op),
            Op::Music { class } => format!("music '{}'", self.text(class)),
            Op::StopMusic => "stop the music".into(),
            Op::Dial(op) => self.dial(op),
            Op::Queue(op) => format!("wait in the queue '{}'", self.text(&op.name)),
            Op::Lookup(op) => self.lookup(op),
            Op::Conference(op) => self.conference(op),
            Op::Record(change) => format!("recording: {change:?}").to_lowercase(),
            Op::SendDigits { digits, .. } => format!("send the digits {}", self.text(digits)),
            Op::Survey { name } => format!("survey '{}'", self.text(name)),
            Op::Language { language } => format!("language {}", self.text(language)),
            Op::Note { name, value } => {
                format!("note {} = '{}'", self.text(name), self.text(value))
            }
            Op::Log { text, .. } => format!("log '{}'", self.text(text)),
            Op::Info => "log the variables".into(),
        }
    }

    /// A step that says where the plan goes on, or when.
    fn onward(&self, op: &Op) -> String {
        match op {
            Op::If { test, .. } => {
                let outcome = test.ask(self.view);
                if outcome.holds {
                    "if (holds now)".into()
                } else {
                    format!("if (not now: {})", outcome.why)
                }
            }
            Op::Goto { route } => format!("go to the route '{}'", self.text(route)),
            Op::Transfer { number, context } => {
                format!("send to {}", self.destination(number, context))
            }
            Op::Extension { number, context } => {
                format!("run {} and come back", self.destination(number, context))
            }
            Op::Call { sub } => format!("sub-routine '{}'", self.text(sub)),
            Op::Return => "come back".into(),
            Op::Wait { ms: Some(ms) } => format!("wait {}", seconds(*ms)),
            Op::Wait { ms: None } => "wait until the caller goes".into(),
            Op::Echo { ms: Some(ms), .. } => format!("echo for {}", seconds(*ms)),
            Op::Echo { ms: None, .. } => "echo until the caller goes".into(),
            Op::Nothing => "nothing".into(),
            Op::Stop => "end".into(),
            Op::Lacking { app, ends_call: true } => {
                format!("'{app}' is not in Belfry: the call ends")
            }
            Op::Lacking { app, ends_call: false } => {
                format!("'{app}' is not in Belfry: passed over")
            }
            _ => String::new(),
        }
    }

    fn play(&self, items: &[Media], stop_on: &StopOn, times: u32) -> String {
        let stop = match stop_on {
            StopOn::Keys(Keys::NONE) | StopOn::Variable => String::new(),
            StopOn::Keys(keys) => format!(", stopped by {keys}"),
        };
        let times = if times > 1 { format!(", {times} times") } else { String::new() };
        format!("play {}{times}{stop}", self.media(items))
    }

    fn set(&self, pairs: &[(Template, Template)]) -> String {
        let pair = |(n, v): &(Template, Template)| format!("{} = '{}'", self.text(n), self.text(v));
        format!("set {}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
    }

    fn destination(&self, number: &Template, context: &Option<Template>) -> String {
        match context {
            Some(context) => format!("{} in context '{}'", self.text(number), self.text(context)),
            None => self.text(number),
        }
    }

    fn collect(&self, op: &CollectOp) -> String {
        let (prompt, into) = (self.media(&op.prompt), self.text(&op.into));
        format!("play {prompt}, take {} to {} digits into '{into}'", op.min, op.max)
    }

    fn conference(&self, op: &ConferenceOp) -> String {
        let pin = if op.pin.source().is_empty() { "" } else { ", by a PIN" };
        let record = if op.record { ", recorded" } else { "" };
        format!("conference '{}'{pin}{record}", self.text(&op.name))
    }

    fn lookup(&self, op: &LookupOp) -> String {
        let asked = match &op.what {
            LookupWhat::Http { service: Some(service), method, url, .. } => {
                format!("ask the service '{service}': {} {}", method.name(), self.text(url))
            }
            LookupWhat::Http { method, url, .. } => {
                format!("ask by HTTP: {} {}", method.name(), self.text(url))
            }
            LookupWhat::Sql { query, .. } => format!("ask the store: query '{query}'"),
        };
        let taken: Vec<&str> = op.take.iter().map(|(variable, _)| variable.as_str()).collect();
        match taken.is_empty() {
            true => asked,
            false => format!("{asked}, take {}", taken.join(", ")),
        }
    }

    fn dial(&self, op: &DialOp) -> String {
        let target = |target: &TargetOp| match target {
            TargetOp::Phone(number) => format!("phone {}", self.text(number)),
            TargetOp::Gateway { name, number } => {
                format!("{} through gateway {}", self.text(number), self.text(name))
            }
            TargetOp::Fail(cause) => format!("nobody ({cause})"),
        };
        let whom = match &op.groups {
            Groups::Text(text) => self.text(text),
            Groups::Fixed(groups) => {
                let group =
                    |g: &Vec<TargetOp>| g.iter().map(&target).collect::<Vec<_>>().join(" and ");
                groups.iter().map(group).collect::<Vec<_>>().join(", then ")
            }
        };
        let ring = op.ring_ms.map_or(String::new(), |ms| format!(", ringing {}", seconds(ms)));
        let heard = match &op.meanwhile {
            MeanwhileOp::Music(class) => format!(", caller hears music '{}'", self.text(class)),
            MeanwhileOp::EarlyMedia => ", caller hears the network".into(),
            MeanwhileOp::Ringback | MeanwhileOp::Variables => String::new(),
        };
        let record = if op.record { ", recorded" } else { "" };
        format!("dial {whom}{ring}{heard}{record}")
    }
}
