//! Whom a number reaches, without a call: the targets that its route would dial first. By this a call is
//! forwarded where the phone that forwards it could have dialled itself.

use super::Interp;
use crate::base::Now;
use crate::dialplan::Entry;
use crate::dialplan::effect::{Effect, Happening, Target};
use crate::dialplan::model::Plan;

/// Effects that may stand before the dial.
const MOST_STEPS: usize = 20;

impl Interp {
    /// The targets of the first group that the route of `entry` dials. None when the plan does something
    /// else with the caller first: plays, asks, lets it wait.
    pub fn targets(plan: &Plan, now: Now, entry: Entry) -> Vec<Target> {
        let Ok(mut interp) = Interp::start(plan, now, entry) else { return Vec::new() };
        let mut happening = Happening::Started;
        for _ in 0..MOST_STEPS {
            happening = match interp.resume(plan, now, happening) {
                Effect::Dial(dial) => return dial.groups.into_iter().next().unwrap_or_default(),
                Effect::Answer
                | Effect::EarlyMedia
                | Effect::Ring
                | Effect::Music { .. }
                | Effect::StopMusic
                | Effect::Record(_)
                | Effect::SetField { .. }
                | Effect::Log { .. } => Happening::Done,
                _ => return Vec::new(),
            };
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Time, Wall};
    use crate::dialplan::{File, LoadEnv};

    const PLAN: &str = r#"
[[route]]
name = "phones"
context = "agents"
when = { to = "1xxx" }
steps = [{ answer = {} }, { music = "default" }, { dial = { phones = ["${to}", "1009"], order = "turn" } }]
[[route]]
name = "talks first"
context = "agents"
when = { to = "2" }
steps = [{ play = "care/welcome" }, { dial = { phones = "1001" } }]
"#;

    #[test]
    fn the_first_group_of_a_route_that_only_dials() {
        let file = File { path: "plan.toml", text: PLAN };
        let plan = Plan::load(&[file], &LoadEnv::default()).unwrap_or_else(|f| panic!("{f:#?}"));
        let reached = |to: &str| {
            let entry = Entry { context: "agents".into(), to: to.into(), ..Entry::default() };
            Interp::targets(&plan.plan, Now { at: Time::ZERO, wall: Wall(0) }, entry)
        };
        assert_eq!(reached("1002"), [Target::Phone { number: "1002".into() }]);
        assert_eq!(reached("2"), []);
        assert_eq!(reached("77"), []);
    }
}
