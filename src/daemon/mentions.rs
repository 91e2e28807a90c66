//! Names in the configuration of what stands elsewhere: trunks, queues, lists of holidays in the dialplan, prompts,
//! music. One that is not there loses what it is for, and no start: an error for who checks, and for a reload.
//!
//! Not here: what the dialplan itself names (`dialplan/check`), and names without which nothing starts
//! (`config/cross`).

use std::collections::BTreeSet;

use super::files::Fault;
use crate::config::{At, Config};
use crate::dialplan::{LoadEnv, Plan};

/// The class of music that stands for one that is not there.
const USUAL_MUSIC: &str = "default";

/// All that are not there; faults call the configuration `file`.
pub(super) fn missing(config: &Config, file: &str, plan: &Plan, env: &LoadEnv) -> Vec<Fault> {
    let mut found = Missing { file, faults: Vec::new() };
    let trunks: Vec<&str> = config.trunk_names().collect();
    let queues: Vec<&str> = config.queues.iter().map(|queue| queue.name.as_str()).collect();
    let lists: Vec<&str> = plan.holiday_lists().collect();
    if let Some(trunk) = &config.care.trunk {
        let at = config.place("care", "trunk");
        found.among(at, "[care] trunk", "trunk and no gateway", trunk.as_str(), &trunks);
    }
    if let Some(queue) = &config.care.queue {
        let at = config.place("care", "queue");
        found.among(at, "[care] queue", "queue", queue.as_str(), &queues);
    }
    let holidays = config.place("check_in", "holidays");
    // Who writes none has none to miss.
    if holidays.line > 0 && config.check_in.holidays.as_str() != "national" {
        let named = config.check_in.holidays.as_str();
        found.among(holidays, "[check_in] holidays", "list of [holidays]", named, &lists);
    }
    for own in &config.care_calls {
        let whose = |key: &str| format!("care call \"{}\": {key}", own.name);
        if let Some(list) = &own.not_on {
            found.among(own.at, &whose("not_on"), "list of [holidays]", list.as_str(), &lists);
        }
        let there = |prompts: &BTreeSet<String>, name: &str| prompts.contains(name);
        if let (Some(text), Some(prompts)) = (&own.text, &env.prompts)
            && !prompts.values().any(|all| there(all, text.as_str()))
        {
            let what = format!("{}: there is no prompt \"{text}\"", whose("text"));
            // A plan may do something else with it than play it.
            let remedy = "record it, or name another; it lies below [dialplan] sounds";
            found.fault(own.at, false, what, remedy.into());
        }
    }
    for queue in &config.queues {
        let named = queue.music.as_str();
        if named != USUAL_MUSIC && env.music.as_ref().is_none_or(|all| !all.contains(named)) {
            let what = format!(
                "queue \"{}\": there is no music class \"{named}\": '{USUAL_MUSIC}' is played",
                queue.name
            );
            found.fault(queue.at, false, what, "put it below music/ of [dialplan] sounds".into());
        }
    }
    found.faults
}

struct Missing<'f> {
    file: &'f str,
    faults: Vec<Fault>,
}

impl Missing<'_> {
    fn fault(&mut self, at: At, error: bool, what: String, remedy: String) {
        let (file, line, column) = (self.file.to_owned(), at.line, at.column);
        self.faults.push(Fault { file, line, column, error, what, remedy });
    }

    /// The name stands among those that are known, or it is a fault.
    fn among(&mut self, at: At, whose: &str, kind: &str, name: &str, known: &[&str]) {
        if known.contains(&name) {
            return;
        }
        let what = format!("{whose}: there is no {kind} \"{name}\"");
        let remedy = match known {
            [] => "take it out, or add it".to_owned(),
            known => format!("write one of: {}", known.join(", ")),
        };
        self.fault(at, true, what, remedy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialplan::File;

    fn told(text: &str) -> Vec<String> {
        let gateway = "[[gateway]]\nname = \"e1-a\"\naddress = \"udp:10.0.0.9:5060\"\n";
        let text = format!("[media]\naddress = \"127.0.0.1\"\n{gateway}{text}");
        let (config, _) = Config::parse(&text).unwrap_or_else(|f| panic!("{f:?}"));
        let plan = "[holidays]\nnational = [\"10-01\"]\n[[route]]\nname = \"a\"\ncontext = \"agents\"\n\
                    steps = [{ answer = {} }]\n";
        let names = |one: &str| BTreeSet::from([one.to_owned()]);
        let env = LoadEnv {
            prompts: Some([("en".to_owned(), names("heat"))].into()),
            music: Some(names("default")),
            ..LoadEnv::default()
        };
        let plan = Plan::load(&[File { path: "plan.toml", text: plan }], &env);
        let plan = plan.unwrap_or_else(|f| panic!("{f:?}")).plan;
        let all = missing(&config, "b.toml", &plan, &env);
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_named_and_not_there_is_told_with_what_there_is() {
        let queue = "[[queue]]\nname = \"alarms\"\n";
        let good = format!(
            "[care]\ntrunk = \"e1-a\"\nqueue = \"alarms\"\n{queue}\
             [[care_call]]\nname = \"a\"\nnot_on = \"national\"\ntext = \"heat\"\n"
        );
        assert_eq!(told(&good), Vec::<String>::new());
        assert_eq!(told(""), Vec::<String>::new());
        for (text, error, said) in [
            (
                "[care]\ntrunk = \"e1-b\"\n",
                true,
                "[care] trunk: there is no trunk and no gateway \"e1-b\"; write one of: e1-a",
            ),
            ("[care]\nqueue = \"alarm\"\n", true, "[care] queue: there is no queue \"alarm\""),
            ("[check_in]\nholidays = \"local\"\n", true, "\"local\"; write one of: national"),
            (
                "[[care_call]]\nname = \"a\"\nnot_on = \"local\"\n",
                true,
                "care call \"a\": not_on: there is no list",
            ),
            (
                "[[care_call]]\nname = \"a\"\ntext = \"cold\"\n",
                false,
                "there is no prompt \"cold\"",
            ),
            ("[[queue]]\nname = \"q\"\nmusic = \"jazz\"\n", false, "no music class \"jazz\""),
        ] {
            let found = told(text);
            assert!(found.len() == 1 && found[0].contains(said), "{text}: {found:?}");
            assert_eq!(found[0].contains(": error: "), error, "{found:?}");
            assert!(found[0].starts_with("b.toml:"), "{found:?}");
        }
    }
}
