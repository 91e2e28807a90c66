//! FreeSWITCH's IVR menus: `<menu>` with its `<entry>`s.
//!
//! A menu plays again after an entry's application, until the caller is sent elsewhere, the menu is
//! left, or the failures or time-outs are used up; the exit sound belongs to the first menu.

use super::Reader;
use super::tree::Element;
use crate::dialplan::draft::Mentioned;
use crate::dialplan::fault::did_you_mean;
use crate::dialplan::model::{BlockId, Media, Menu, MenuEntry, MenuMove, Op, Step, StopOn, Tries};
use crate::dialplan::number::Pattern;
use crate::dialplan::read_xml::path;

const ATTRIBUTES: &[&str] = &[
    "name",
    "greet-long",
    "greet-short",
    "invalid-sound",
    "exit-sound",
    "timeout",
    "inter-digit-timeout",
    "max-failures",
    "max-timeouts",
    "digit-len",
    "exec-on-max-failures",
    "exec-on-max-timeouts",
    // Of these, what has an effect is reported where it is used.
    "confirm-macro",
    "confirm-key",
    "confirm-attempts",
    "tts-engine",
    "tts-voice",
    "pin",
    "pin-file",
    "bad-pin-file",
];

const ACTIONS: [&str; 6] =
    ["menu-exec-app", "menu-sub", "menu-top", "menu-back", "menu-exit", "menu-play-sound"];

impl<'a> Reader<'a, '_, '_> {
    pub(super) fn menu(&mut self, element: &'a Element) {
        self.attributes(element, ATTRIBUTES);
        let name = self.value(element, "name");
        let place = self.place(element.at);
        if name.is_empty() {
            self.error(element.at, "a <menu> without a name", "add name=\"…\"");
            return;
        }
        let first_ms = self.number(element, "timeout", 10_000);
        let failures = self.number(element, "max-failures", 3).clamp(1, 100) as u8;
        let timeouts = self.number(element, "max-timeouts", failures.into()).clamp(1, 100) as u8;
        let entries = self.entries(element);
        let longest = entries.iter().filter_map(|e| e.keys.literal()).map(str::len).max();
        let max = (self.number(element, "digit-len", 0) as usize).max(longest.unwrap_or(0));
        self.report_menu(element, &name, entries.is_empty(), max);
        let menu = Menu {
            place,
            prompt: self.sound(element, "greet-long"),
            prompt_again: self.sound(element, "greet-short"),
            invalid: self.sound(element, "invalid-sound"),
            no_input: Vec::new(),
            exit: self.sound(element, "exit-sound"),
            entries,
            direct_dial: None,
            first_ms,
            next_ms: self.number(element, "inter-digit-timeout", first_ms / 2),
            max: max.clamp(1, 64) as u8,
            tries: Tries::Each { wrong: failures, silent: timeouts },
            returns: true,
            on: self.outcomes(element),
        };
        self.draft.plan.menus.entry(name).or_insert(menu);
    }

    /// Reports what a menu lacks.
    fn report_menu(&mut self, element: &Element, name: &str, is_empty: bool, max: usize) {
        for lacking in ["confirm-macro", "pin"] {
            if !element.value(lacking).is_empty() {
                let what = format!("'{lacking}' of a menu is not in Belfry and is not asked");
                let at = element.value_at(lacking);
                self.warn(at, what, "use play_and_get_digits before the menu");
            }
        }
        if is_empty {
            let remedy = "add <entry action=\"…\" digits=\"…\" param=\"…\"/>";
            self.error(element.at, format!("the menu '{name}' has no entries"), remedy);
        } else if max == 0 {
            let what = format!("the menu '{name}' takes one key only: it has no digit-len");
            self.warn(element.at, what, "add digit-len=\"4\" or so");
        }
        if let Some(twin) = self.draft.plan.menus.get(name) {
            let what =
                format!("there is a menu '{name}' already, at {}", self.draft.plan.at(twin.place));
            self.error(element.at, what, "give it another name");
        }
    }

    /// The applications for when the tries are used up.
    fn outcomes(&mut self, element: &Element) -> Vec<(String, BlockId)> {
        let mut on = Vec::new();
        let attributes = [("exec-on-max-failures", "invalid"), ("exec-on-max-timeouts", "timeout")];
        for (attribute, outcome) in attributes {
            let application = self.value(element, attribute);
            if !application.is_empty() {
                let block = self.app_block(&application, element.value_at(attribute));
                on.extend(block.map(|block| (outcome.to_owned(), block)));
            }
        }
        on
    }

    fn number(&mut self, element: &Element, name: &str, otherwise: u32) -> u32 {
        match self.value(element, name).trim() {
            "" => otherwise,
            text => match text.parse() {
                Ok(number) => number,
                Err(_) => {
                    let what = format!("{name} is '{text}', which is not a number");
                    self.error(element.value_at(name), what, "write digits only");
                    otherwise
                }
            },
        }
    }

    fn sound(&mut self, element: &Element, name: &str) -> Vec<Media> {
        let text = self.value(element, name);
        let place = self.place(element.value_at(name));
        if text.is_empty() { Vec::new() } else { path::read(self.draft, &text, place) }
    }

    fn entries(&mut self, element: &'a Element) -> Vec<MenuEntry> {
        let mut out = Vec::new();
        for entry in &element.children {
            if entry.name != "entry" {
                let what = format!("<{}> is not known in a menu", entry.name);
                self.error(entry.at, what, did_you_mean(&entry.name, ["entry"]));
                continue;
            }
            self.attributes(entry, &["action", "digits", "param"]);
            let keys = self.keys(entry);
            let block = self.entry(entry);
            out.extend(keys.zip(block).map(|(keys, block)| MenuEntry { keys, block }));
        }
        out
    }

    /// `1`, `*`, or `/regular expression/`.
    fn keys(&mut self, entry: &Element) -> Option<Pattern> {
        let digits = self.value(entry, "digits");
        let at = entry.value_at("digits");
        let key = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#' | 'A'..='D');
        let are_keys = !digits.is_empty() && digits.chars().all(key);
        if !digits.starts_with('/') && !are_keys {
            let what = format!("'{digits}' are not telephone keys");
            self.error(at, what, "write digits=\"1\" or a regular expression between slashes");
            return None;
        }
        match Pattern::parse(&digits) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                self.error(at, format!("{error}: '{digits}'"), error.remedy());
                None
            }
        }
    }

    fn entry(&mut self, entry: &'a Element) -> Option<BlockId> {
        let action = entry.value("action").to_ascii_lowercase();
        let param = self.value(entry, "param");
        let at = entry.value_at("param");
        let place = self.place(entry.at);
        let op = match action.as_str() {
            "menu-exec-app" => return self.app_block(&param, at),
            "menu-sub" => {
                let at = self.place(at);
                let name = self.draft.template(&param, at);
                self.draft.mention(Mentioned::Menu, &name, at);
                Op::Menu { name }
            }
            "menu-top" => Op::MenuMove(MenuMove::Top),
            "menu-back" => Op::MenuMove(MenuMove::Back),
            "menu-exit" => Op::MenuMove(MenuMove::Exit),
            "menu-play-sound" => {
                let items = self.sound(entry, "param");
                Op::Play { items, stop_on: StopOn::Variable, times: 1 }
            }
            other => {
                let what = format!("'{other}' is not an action of a menu");
                self.error(entry.value_at("action"), what, did_you_mean(other, ACTIONS));
                return None;
            }
        };
        Some(self.draft.block(vec![Step { op, inline: false, freeswitch: true, place }]))
    }

    /// `APPLICATION DATA` as a block of one step.
    fn app_block(&mut self, text: &str, at: usize) -> Option<BlockId> {
        let (app, data) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        let place = self.place(at);
        let op = self.application(app, place, data.trim(), place)?;
        Some(self.draft.block(vec![Step { op, inline: false, freeswitch: true, place }]))
    }
}
