//! What the caller hears: opening the speech path, prompts, tones, spoken values.

use super::step::Captures;
use super::vars::View;
use super::{Frame, Interp, SILENT_STEPS, Speech};
use crate::base::Wall;
use crate::dialplan::effect::{Effect, Item, Keys, Level, Tone};
use crate::dialplan::model::{Media, Plan, Step, StopOn};
use crate::dialplan::read_xml::path;
use crate::dialplan::say;
use crate::dialplan::template::Scope;

impl Interp {
    pub(super) fn answer(&mut self) {
        self.speech = Speech::Answered;
        self.queue.push_back(Effect::Answer);
    }

    pub(super) fn early_media(&mut self) {
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

    /// A play for which no step waits.
    pub(super) fn play_over(
        &mut self,
        plan: &Plan,
        step: &Step,
        media: &[Media],
        captures: &Captures,
    ) {
        let view = View::new(self, plan, captures.as_deref());
        let (items, _, problems) = items(media, &view, None);
        for text in problems {
            self.log(Level::Warning, format!("{}: {text}", plan.at(step.place)));
        }
        if items.is_empty() {
            self.spend(SILENT_STEPS);
            return;
        }
        self.open_speech(step.freeswitch);
        self.queue.push_back(Effect::PlayOver { items });
    }

    pub(super) fn play(
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
            self.spend(SILENT_STEPS);
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

    pub(super) fn say(
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
        match say::say(kind, value, &language, view.civil(), &at) {
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
}

/// Media with its variables filled in: what to play, music without end behind it, and what could not
/// be made of it. `language` is the call's unless given. Of several prompts one whose name a variable leaves empty is left out;
/// where nothing is left to play, that is told.
pub(super) fn items(
    media: &[Media],
    view: &View<'_>,
    language: Option<&str>,
) -> (Vec<Item>, Option<String>, Vec<String>) {
    let language = language.map_or_else(|| view.language(), str::to_owned);
    let (mut out, mut music, mut problems) = (Vec::new(), None, Vec::new());
    let mut nameless = false;
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
                    if name.is_empty() {
                        nameless = true;
                    } else if is_prompt_name(&name) {
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
    if nameless && out.is_empty() && music.is_none() {
        problems.push("'' is not the name of a prompt".into());
    }
    (out, music, problems)
}

/// A prompt's name stays inside of the folder of its language, whatever a variable brings.
fn is_prompt_name(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part != "." && part != "..";
    name.len() <= 255 && name.split('/').all(part) && !name.contains(['\\', '\0', ':'])
}
