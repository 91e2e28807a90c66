//! Effects in a few words: what a failed trial shows of what happened.

use super::super::effect::{Collect, Dial, Effect, Item, Recording, SurveyStep};

/// One line for an effect; nothing for what nobody would miss.
pub(super) fn of(effect: &Effect) -> String {
    match effect {
        Effect::Answer => "answer".into(),
        Effect::EarlyMedia => "early-media".into(),
        Effect::Ring => "ring".into(),
        Effect::Accept => "accept".into(),
        Effect::CheckIn => "check-in".into(),
        Effect::ReceiveAlarm(_) => "alarm-receiver".into(),
        Effect::Refuse { status } => format!("refuse by SIP status {status}"),
        Effect::Hangup { cause } => format!("hang up: {cause}"),
        Effect::Play { items, .. } => format!("hear {}", list(items)),
        Effect::PlayOver { items } => format!("hear {} over what follows", list(items)),
        Effect::Collect(collect) => asked(collect),
        Effect::Music { class } => format!("hear music '{class}'"),
        Effect::StopMusic => "music stops".into(),
        Effect::Echo { .. } => "echo".into(),
        Effect::Wait { ms: Some(ms) } => format!("wait {ms} ms"),
        Effect::Wait { ms: None } => "wait for the caller to hang up".into(),
        Effect::Dial(dial) => dialled(dial),
        Effect::AskQueue(queue) => format!("queue '{}': is there room", queue.name),
        Effect::Queue(queue) => format!("queue '{}'", queue.name),
        Effect::Conference(conference) => format!("conference '{}'", conference.name),
        Effect::Record(change) => format!("record {}", recording(*change)),
        Effect::SendDigits { digits, .. } => format!("send digits {digits}"),
        Effect::Lookup(lookup) => format!("ask {}", lookup.name),
        Effect::Survey { survey, step: SurveyStep::Began { .. } } => {
            format!("survey {survey} begins")
        }
        Effect::Survey { survey, step: SurveyStep::Over { complete: true } } => {
            format!("survey {survey} is over")
        }
        Effect::Survey { survey, .. } => format!("survey {survey} is over, not complete"),
        Effect::SaveAnswer { survey, question, key, meaning, .. } => {
            format!("survey {survey}, {question}: {key} ({meaning})")
        }
        Effect::SetField { name, value } => format!("field {name} = {value}"),
        Effect::Log { text, .. } => format!("log: {text}"),
        Effect::End => "the plan ends".into(),
    }
}

/// The word of a line for a change of the recording.
pub(super) fn recording(change: Recording) -> &'static str {
    match change {
        Recording::Start => "on",
        Recording::Stop => "off",
        Recording::Pause => "pause",
        Recording::Resume => "resume",
    }
}

fn asked(collect: &Collect) -> String {
    match collect.items.is_empty() {
        true => "wait for keys".into(),
        false => format!("hear {} and wait for keys", list(&collect.items)),
    }
}

fn dialled(dial: &Dial) -> String {
    let group = |targets: &Vec<_>| {
        targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
    };
    format!("dial {}", dial.groups.iter().map(group).collect::<Vec<_>>().join(", then "))
}

fn list(items: &[Item]) -> String {
    let one = |item: &Item| match item {
        Item::Prompt { name, language } => format!("{name} ({language})"),
        Item::Tone { .. } => "tone".into(),
        Item::Silence { ms } => format!("{ms} ms of silence"),
    };
    items.iter().map(one).collect::<Vec<_>>().join(", ")
}
