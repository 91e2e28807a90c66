//! What `belfry check` says of the care line: numbers of bells whose calls the dialplan refuses, and alarms that ring nobody.

use super::clock::Clock;
use super::files::Fault;
use crate::base::{Now, Wall};
use crate::config::{At, Config, PlanStep};
use crate::dialplan::{Entry, Plan, may_reach_somebody};
use crate::switch::care::MOST_DUTY_PHONES;

/// A route may hold at some hours of the day only.
const HOURS: [i64; 4] = [0, 6, 12, 18];
const HOUR_MS: i64 = 3_600_000;

/// All of it.
pub(super) fn faults(config: &Config, plan: &Plan, name: &str) -> Vec<Fault> {
    let mut faults = unanswered(config, plan, name);
    faults.extend(nobody_on_duty(config, plan, name));
    faults.extend(home_not_called(config, plan, name));
    faults.extend(people_not_called(config, plan, name));
    faults
}

/// The key by which a house says at what number units reach it. `None`: it has no care line.
fn used_by(config: &Config) -> Option<&'static str> {
    let care = &config.care;
    match (&care.number, &care.call, &care.bells) {
        (Some(_), ..) => Some("number"),
        (None, Some(_), _) => Some("call"),
        (None, None, Some(_)) => Some("bells"),
        (None, None, None) => None,
    }
}

/// A home with which nobody has talked is called: what does it hear?
fn home_not_called(config: &Config, plan: &Plan, name: &str) -> Option<Fault> {
    let key = used_by(config).filter(|_| config.care.call_out > 0)?;
    // Whom Belfry calls sees the number that he would call himself.
    let care = &config.care;
    let bell = care.bells.iter().flatten().next().map(ToString::to_string);
    let shown = bell.or_else(|| Some(care.call.as_ref().or(care.number.as_ref())?.to_string()));
    let shown = shown.unwrap_or_default();
    let what = match plan.has_context("care-unit") {
        false => {
            "the dialplan has no context 'care-unit': no home is called whose alarm nobody has heard"
        }
        true if is_reached(plan, &shown, &["care-unit"]) => return None,
        true => {
            "a home that is called comes to nobody: the context 'care-unit' leads to no queue and no phone, or waits for a key"
        }
    };
    let remedy = "add a route with `context = \"care-unit\"`, as in the sample's care-full.toml, or write call_out = 0";
    Some(fault(config, name, key, (format!("[care] call_out: {what}"), remedy.into())))
}

/// Who has not checked in is reminded, and contacts are called; a plan calls people: what do they hear? Check-ins come with
/// subscribers, whom files do not name: a house has them that writes of them.
fn people_not_called(config: &Config, plan: &Plan, name: &str) -> Vec<Fault> {
    let own = &config.check_in;
    let has_check_ins = used_by(config).is_some()
        && (config.is_written("check_in")
            || plan.checks_in()
            || plan.has_context("care-reminder")
            || plan.has_context("care-contact"));
    let (reminds, escalates) = (own.reminders > 0, !own.escalate.is_zero());
    let lacks = |context: &str, called: bool| called && !plan.has_context(context);
    let route = |context: &str| {
        format!("add a route with `context = \"{context}\"`, as in the sample's care-full.toml")
    };
    let mut faults = Vec::new();
    let mut add = |at: At, what: String, remedy: String| {
        let (line, column) = (at.line, at.column);
        faults.push(Fault { file: name.into(), line, column, error: false, what, remedy });
    };
    if has_check_ins && lacks("care-reminder", reminds) {
        let what = "[check_in] reminders: the dialplan has no context 'care-reminder': who has not checked in is not reminded";
        let remedy = format!("{}, or write reminders = 0", route("care-reminder"));
        add(config.place("check_in", "reminders"), what.into(), remedy);
    }
    if has_check_ins && lacks("care-contact", escalates) {
        let what = "[check_in] escalate: the dialplan has no context 'care-contact': no contact is called for who has not checked in";
        let remedy = format!("{}, or write escalate = \"0 s\"", route("care-contact"));
        add(config.place("check_in", "escalate"), what.into(), remedy);
    }
    let calls = |step: &&PlanStep| step.call.as_ref().is_some_and(|who| !who.is_empty());
    if let Some(step) = config.plan_steps.iter().find(calls)
        && lacks("care-plan", true)
    {
        let what = format!(
            "plan \"{}\", step \"{}\": the dialplan has no context 'care-plan': a plan calls nobody",
            step.plan, step.name
        );
        add(step.at, what, route("care-plan"));
    }
    faults
}

fn fault(config: &Config, name: &str, key: &'static str, said: (String, String)) -> Fault {
    let at = config.place("care", key);
    let (what, remedy) = said;
    Fault { file: name.into(), line: at.line, column: at.column, error: false, what, remedy }
}

/// Whether an alarm's call to `number` may come to somebody, at any hour, in one of these contexts.
fn is_reached(plan: &Plan, number: &str, contexts: &[&str]) -> bool {
    let now = Clock::start().now();
    let reached = |context: &&str, hour: i64| {
        let variables = [("case", "1"), ("case_need", "personal"), ("case_priority", "0")];
        let entry = Entry {
            context: (*context).into(),
            to: number.to_owned(),
            from: "13800138000".into(),
            call_id: "check".into(),
            variables: variables.map(|(name, value)| (name.into(), value.into())).into(),
            ..Entry::default()
        };
        let wall = Wall(now.wall.0.saturating_add(hour * HOUR_MS));
        may_reach_somebody(plan, &entry, Now { wall, ..now })
    };
    HOURS.iter().all(|hour| contexts.iter().any(|context| reached(context, *hour)))
}

/// Numbers of the care line at which an alarm's call comes to nobody.
fn unanswered(config: &Config, plan: &Plan, name: &str) -> Vec<Fault> {
    let of_gateways: Vec<&str> = config.gateways.iter().map(|own| own.context.as_str()).collect();
    let of_phones = config.phones.iter().map(|own| own.context.as_str());
    let mut all: Vec<&str> = of_phones.chain(of_gateways.iter().copied()).collect();
    all.sort_unstable();
    all.dedup();
    // A bell's number is called over a gateway, where there is one; what units with SIP call may stand in any context.
    let of_bells = if of_gateways.is_empty() { &all } else { &of_gateways };
    let care = &config.care;
    let bells = care.bells.iter().flatten().map(|number| ("bells", number.to_string(), of_bells));
    let others = [("number", &care.number), ("call", &care.call)];
    let others =
        others.iter().filter_map(|(key, own)| Some((*key, own.as_ref()?.to_string(), &all)));
    let in_vain = |contexts: &[&str], number: &str| !is_reached(plan, number, contexts);
    let wrong = bells.chain(others).filter(|(_, number, contexts)| in_vain(contexts, number));
    let said = |(key, number, contexts): (&'static str, String, &Vec<&str>)| {
        let mut contexts = contexts.clone();
        contexts.sort_unstable();
        contexts.dedup();
        let what = format!(
            "[care] {key}: an alarm that calls {number} comes to nobody: the dialplan refuses it, has no route for it, or waits for a key \
             that who is in need does not press (context {})",
            contexts.join(", ")
        );
        let remedy = "let the route of alarms take every call with a case: when = { var = { case = \"/.+/\" } }, without `to`; and a \
                      menu lead on without a key: [menu.NAME.on] else = …";
        fault(config, name, key, (what, remedy.into()))
    };
    // Nothing can come to where no context is.
    if all.is_empty() { Vec::new() } else { wrong.map(said).collect() }
}

/// An alarm that brings no call waits for an agent: who is rung while none is signed in?
fn nobody_on_duty(config: &Config, plan: &Plan, name: &str) -> Vec<Fault> {
    let care = &config.care;
    let Some(phones) = &care.phones else {
        let Some(key) = used_by(config) else { return Vec::new() };
        let what = "[care] has no `phones`: an alarm that brings no call (smoke, a missed check-in) rings nobody while no agent \
                    is signed in";
        let remedy = "write phones = [\"1001\"] in [care], with the phones that are on duty then";
        return vec![fault(config, name, key, (what.into(), remedy.into()))];
    };
    let mut faults = Vec::new();
    if phones.len() > MOST_DUTY_PHONES {
        let what = format!("[care] phones: only the first {MOST_DUTY_PHONES} are rung");
        faults.push(fault(config, name, "phones", (what, "write fewer".into())));
    }
    let outside = phones.iter().find(|number| config.phone(number.as_str()).is_none());
    if let Some(number) = outside.filter(|_| config.trunk_names().next().is_none()) {
        let what = format!("[care] phones: {number} is no phone, and there is no gateway");
        faults.push(fault(
            config,
            name,
            "phones",
            (what, "write the number of a [[phone]]".into()),
        ));
    }
    if !phones.is_empty() && !plan.has_context("care-duty") {
        let what = "[care] phones: the dialplan has no context 'care-duty': nobody on duty is rung";
        let remedy =
            "add a route with `context = \"care-duty\"`, as in the sample's care-full.toml";
        let own = fault(config, name, "phones", (what.into(), remedy.into()));
        faults.push(Fault { error: true, ..own });
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialplan::{File, LoadEnv};

    const BASE: &str = "[media]\naddress = \"127.0.0.1\"\n[[gateway]]\nname = \"e1\"\n\
                        address = \"udp:10.0.0.1\"\n[[phone]]\nnumber = \"1001\"\npassword = \"x\"\n";

    fn told(care: &str, plan: &str) -> Vec<String> {
        let (config, _) =
            Config::parse(&format!("{BASE}{care}")).unwrap_or_else(|f| panic!("{f:?}"));
        let duty = route("care-duty", "", "{ accept = {} }");
        let plan = if plan.contains("no duty") { plan.to_owned() } else { format!("{plan}{duty}") };
        let unit = route("care-unit", "", "{ queue = \"care\" }");
        let plan = if plan.contains("no unit") { plan } else { format!("{plan}{unit}") };
        let file = File { path: "plan.toml", text: &plan };
        let plan = Plan::load(&[file], &LoadEnv::default()).unwrap_or_else(|f| panic!("{f:?}"));
        faults(&config, &plan.plan, "belfry.toml").iter().map(ToString::to_string).collect()
    }

    fn route(context: &str, when: &str, steps: &str) -> String {
        let name = when.replace('"', "'");
        format!(
            "[[route]]\nname = \"{context} {name}\"\ncontext = \"{context}\"\nwhen = {{ {when} }}\nsteps = [{steps}]\n"
        )
    }

    const REFUSES: &str = "{ play = \"error/unknown-number\" }, { hangup = \"unallocated\" }";

    #[test]
    fn a_number_of_bells_that_the_dialplan_refuses_is_told() {
        let care = "[care]\nbells = [\"8009000\", \"8009001\"]\nphones = [\"1001\"]\n";
        let dial = "{ dial = { phones = \"1001\" } }";
        let all = route("gateway", "", REFUSES);
        let plan = format!("{}{all}", route("gateway", "to = \"8009000\"", dial));
        let said = told(care, &plan);
        assert!(said.len() == 1 && said[0].contains("calls 8009001 comes to nobody"), "{said:?}");
        assert!(said[0].starts_with("belfry.toml:10:"), "{said:?}");
        let plan = format!("{}{all}", route("gateway", "var = { case = \"/.+/\" }", dial));
        assert_eq!(told(care, &plan), Vec::<String>::new());
        let there = route("bells", "", "{ call = \"alarm\" }");
        let sub = "[sub.alarm]\nsteps = [{ queue = \"care\" }]\n";
        let plan = route("gateway", "", "{ transfer = { to = \"1\", context = \"bells\" } }");
        assert_eq!(told(care, &format!("{plan}{there}{sub}")), Vec::<String>::new());
        let by_day =
            route("gateway", "to = [\"8009000\", \"8009001\"], hours = \"08:00-20:00\"", dial);
        assert_eq!(told(care, &format!("{by_day}{all}")).len(), 2, "at night");
        // Units with SIP call it from any context.
        let number = "[care]\nnumber = \"900\"\nphones = [\"1001\"]\n";
        let plan = format!("{}{all}", route("agents", "to = \"900\"", dial));
        assert_eq!(told(number, &plan), Vec::<String>::new());
        assert_eq!(told(number, &all).len(), 1);
    }

    #[test]
    fn alarms_that_ring_nobody_are_told() {
        let plan = route("gateway", "", "{ dial = { phones = \"1001\" } }");
        let said = told("[care]\nbells = [\"8009000\"]\n", &plan);
        assert!(said.len() == 1 && said[0].contains("rings nobody while no agent"), "{said:?}");
        assert_eq!(told("", &plan), Vec::<String>::new(), "there is no care line");
        let care = "[care]\nbells = [\"8009000\"]\nphones = [\"1001\"]\n";
        let said = told(care, &format!("# no duty\n{plan}"));
        assert!(said.len() == 1 && said[0].contains("no context 'care-duty'"), "{said:?}");
        assert_eq!(told(care, &plan), Vec::<String>::new());
        let said = told(care, &format!("# no unit\n{plan}"));
        assert!(said.len() == 1 && said[0].contains("no context 'care-unit'"), "{said:?}");
        let never = format!("{care}call_out = 0\n");
        assert_eq!(told(&never, &format!("# no unit\n{plan}")), Vec::<String>::new());
    }

    /// Who has fallen presses no key: a menu that leads nowhere without one is no way to a person.
    #[test]
    fn a_person_behind_a_key_alone_is_nobody() {
        let care = "[care]\nbells = [\"8009000\"]\nphones = [\"1001\"]\n";
        let asks = route("gateway", "", "{ menu = \"ask\" }");
        let menu = |on: &str| {
            format!(
                "[menu.ask]\nprompt = \"care/menu\"\n{on}[menu.ask.keys]\n1 = {{ queue = \"care\" }}\n"
            )
        };
        let said = told(care, &format!("{asks}{}", menu("")));
        assert!(said.len() == 1 && said[0].contains("calls 8009000 comes to nobody"), "{said:?}");
        assert!(said[0].contains("[menu.NAME.on] else"), "{said:?}");
        let leads_on = menu("on = { else = [{ queue = \"care\" }] }\n");
        assert_eq!(told(care, &format!("{asks}{leads_on}")), Vec::<String>::new());
        let behind = route("gateway", "", "{ menu = \"ask\" }, { dial = { phones = \"1001\" } }");
        assert_eq!(told(care, &format!("{behind}{}", menu(""))), Vec::<String>::new());
        // A home that is called is asked as well.
        let all = route("gateway", "", "{ queue = \"care\" }");
        let unit = route("care-unit", "", "{ menu = \"ask\" }");
        let said = told(care, &format!("# no unit\n{all}{unit}{}", menu("")));
        assert!(
            said.len() == 1 && said[0].contains("a home that is called comes to nobody"),
            "{said:?}"
        );
    }

    /// Whoever writes of check-ins and plans has people called: they are to hear something.
    #[test]
    fn calls_without_a_context_are_told() {
        let care = "[care]\nbells = [\"8009000\"]\nphones = [\"1001\"]\n";
        let all = route("gateway", "", "{ queue = \"care\" }");
        let check_ins = format!("{care}[check_in]\nescalate = \"10 min\"\n");
        let said = told(&check_ins, &all);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains("no context 'care-reminder'"), "{said:?}");
        assert!(
            said[1].starts_with("belfry.toml:13:") && said[1].contains("'care-contact'"),
            "{said:?}"
        );
        let contexts =
            ["care-reminder", "care-contact"].map(|own| route(own, "", "{ accept = {} }"));
        assert_eq!(told(&check_ins, &format!("{all}{}", contexts.concat())), Vec::<String>::new());
        let none = format!("{care}[check_in]\nreminders = 0\n");
        assert_eq!(told(&none, &all), Vec::<String>::new());
        let by_key = route("gateway", "", "{ check-in = {} }, { queue = \"care\" }");
        assert_eq!(told(care, &by_key).len(), 1, "the step alone says that there are some");
        let plan = format!(
            "{care}[[plan]]\nname = \"bell\"\nstart = \"alarm\"\n[[plan_step]]\nplan = \"bell\"\nname = \"contacts\"\ncall = [\"contacts\"]\n"
        );
        let said = told(&plan, &all);
        assert!(said.len() == 1 && said[0].contains("no context 'care-plan'"), "{said:?}");
        let there = route("care-plan", "", "{ accept = {} }");
        assert_eq!(told(&plan, &format!("{all}{there}")), Vec::<String>::new());
    }
}
