//! Keys about outbound campaigns (R19): a list of numbers that the agents of a queue call.

use core::time::Duration;

use super::calendar::Holiday;
use super::choice::CampaignKind;
use super::cross::Draft;
use super::name::{DialPrefix, Label, Name, Number};
use super::setting::{Reader, section};
use crate::base::week::Window;

section! {
    /// A campaign: a list of numbers (`belfry campaign import`) that the ready agents of a queue call.
    [[campaign]] struct Campaign {
        /// Its name.
        name: Name = required, live;
        /// `"progressive"`: Belfry dials a customer for each agent who is free. `"preview"`: an agent is shown whom he is
        /// to call, and has him dialled or skips him.
        kind: CampaignKind = "\"progressive\"", live;
        /// The queue whose agents serve it. One of its own keeps a campaign's figures apart from callers'.
        queue: Name = required, live;
        /// The trunk or gateway by which customers are dialled. Without it: the first. `preview` goes by the plan of the
        /// agent's phone.
        trunk: Option<Name> = derived, live;
        /// The number that customers are shown. Without it: the gateway's `caller_id`. `preview` goes by the plan.
        caller_id: Option<Number> = derived, live;
        /// What an agent's phone dials before a number to reach it outside (`preview`): `"9"`. Without it: nothing.
        prefix: Option<DialPrefix> = derived, live;
        /// When calls begin, in `[node] timezone`: `["mon-fri 09:00-12:00"]`. Without it: always.
        hours: Option<Vec<Window>> = derived, live;
        /// Whether calls begin on holidays: the days of all lists of the dialplan's `[holidays]` and of `[dialplan] holidays`.
        on_holidays: bool = "false", live;
        /// The day, or the first and the last, on which calls begin. Without it: any.
        dates: Option<Holiday> = derived, live;
        /// How often a number is called at most.
        attempts: u32 = "3" in ["1", "20"], live;
        /// The pause after a busy line.
        pause_busy: Duration = "\"10 min\"" in ["\"30 s\"", "\"7 days\""], live;
        /// The pause after a call that nobody answered, or that no agent took.
        pause_no_answer: Duration = "\"2 h\"" in ["\"30 s\"", "\"7 days\""], live;
        /// The pause after a machine answered.
        pause_voice_mail: Duration = "\"4 h\"" in ["\"30 s\"", "\"7 days\""], live;
        /// The pause after a call that the network could not put through, or that was declined.
        pause_failed: Duration = "\"30 min\"" in ["\"30 s\"", "\"7 days\""], live;
        /// How long a customer's phone rings.
        ring: Duration = "\"30 s\"" in ["\"5 s\"", "\"2 min\""], live;
        /// Calls at once, at most.
        calls: u32 = "30" in ["1", "1000"], live;
        /// So many channels of the trunk are left for alarms and callers.
        keep_free: u32 = "5" in ["0", "1000"], live;
        /// How long an agent may look at an entry before another one gets it (`preview`).
        look: Duration = "\"1 min\"" in ["\"5 s\"", "\"30 min\""], live;
        /// Wrap-up codes, or their names, after which a number is done. Without it: all but those of `again`.
        done: Option<Vec<Label>> = derived, live;
        /// Wrap-up codes, or their names, after which a number is called again, while it has attempts left.
        again: Option<Vec<Label>> = derived, live;
        /// Wrap-up codes, or their names, that say that a machine answered: called again after `pause_voice_mail`.
        machine: Option<Vec<Label>> = derived, live;
    }
}

/// Each name stands once, its queue and its trunk are there, and no code says two things.
pub(super) fn check(draft: &Draft, reader: &mut Reader<'_>) {
    let all = &draft.campaigns;
    let queues: Vec<&str> = draft.queues.iter().map(|(_, own)| own.name.as_str()).collect();
    let gateways = draft.gateways.iter().map(|(_, own)| own.name.as_str());
    let trunks: Vec<&str> =
        draft.trunks.iter().map(|(_, own)| own.name.as_str()).chain(gateways).collect();
    for (at, (nth, own)) in all.iter().enumerate() {
        let trunk = own.trunk.as_ref().map(|own| own.as_str());
        let wants = [("queue", Some(own.queue.as_str()), &queues), ("trunk", trunk, &trunks)];
        for (key, name, known) in wants {
            // One that was refused is a fault of its own.
            let Some(name) = name.filter(|name| !known.contains(name)) else { continue };
            if known.is_empty() && reader.given(key, 0, "") {
                continue;
            }
            let what = format!("there is no {key} \"{name}\"");
            let remedy = match known.is_empty() {
                true => format!("add a [[{key}]] with this name"),
                false => format!("write one of: {}", known.join(", ")),
            };
            reader.faults.error(&reader.place("campaign", *nth, key), what, remedy);
        }
        if let Some((_, first)) = all[..at].iter().find(|(_, other)| other.name == own.name) {
            let what =
                format!("a campaign \"{}\" stands in line {} already", own.name, first.at.line);
            let place = reader.place("campaign", *nth, "name");
            reader.faults.error(&place, what, "give it another name");
        }
        let both =
            own.done.iter().flatten().find(|code| own.again.iter().flatten().any(|a| a == *code));
        if let Some(code) = both {
            let what =
                format!("campaign \"{}\" has code {code} in `done` and in `again`", own.name);
            let place = reader.place("campaign", *nth, "again");
            reader.faults.error(&place, what, "write it in one of them");
        }
        unknown_codes(draft, (*nth, own), reader);
    }
}

/// Codes that no agent can give: neither a code nor a name of a `[[wrap_up]]`.
fn unknown_codes(draft: &Draft, (nth, own): (usize, &Campaign), reader: &mut Reader<'_>) {
    for (key, codes) in [("done", &own.done), ("again", &own.again), ("machine", &own.machine)] {
        let is_known = |label: &Label| {
            let is_it = |(_, known): &(usize, super::acd::WrapUp)| {
                known.name == *label || known.code.as_str() == label.as_str()
            };
            draft.wrap_ups.iter().any(is_it)
        };
        if let Some(label) = codes.iter().flatten().find(|label| !is_known(label)) {
            let what = format!("no [[wrap_up]] has the code or the name \"{label}\"");
            let remedy = format!("add one: code = \"18\", name = \"{label}\"");
            reader.faults.warn(&reader.place("campaign", nth, key), what, remedy);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn faults(more: &str) -> String {
        let text = format!(
            "[media]\naddress = \"10.0.0.1\"\n[[gateway]]\nname = \"e1\"\naddress = \"udp:10.0.0.9:5060\"\n\
             context = \"x\"\n[[queue]]\nname = \"sales\"\n[[campaign]]\nname = \"spring\"\n{more}"
        );
        match Config::parse(&text) {
            Ok(_) => String::new(),
            Err(all) => all.iter().map(|fault| format!("{} | ", fault.what)).collect(),
        }
    }

    #[test]
    fn what_is_written_of_campaigns_is_checked() {
        let good = "queue = \"sales\"\nkind = \"preview\"\nhours = [\"mon-fri 09:00-12:00\"]\ntrunk = \"e1\"\n\
                    dates = \"2026-12-01..2027-02-28\"\ndone = [\"sold\"]\nagain = [\"later\"]\n";
        assert_eq!(faults(good), "");
        assert!(faults("queue = \"sale\"\n").contains("sale"), "no such queue");
        assert!(faults("queue = \"sales\"\ntrunk = \"e2\"\n").contains("e2"), "no such trunk");
        let twice = "queue = \"sales\"\n[[campaign]]\nname = \"spring\"\nqueue = \"sales\"\n";
        assert!(faults(twice).contains("stands in line"));
        assert!(faults("queue = \"sales\"\nkind = \"predictive\"\n").contains("predictive"));
        let both = "queue = \"sales\"\ndone = [\"a\"]\nagain = [\"a\"]\n";
        assert!(faults(both).contains("in `done` and in `again`"));
    }

    #[test]
    fn a_code_that_no_agent_can_give_is_told() {
        let told = |more: &str| {
            let text = format!(
                "[media]\naddress = \"10.0.0.1\"\n[[queue]]\nname = \"sales\"\n[[wrap_up]]\ncode = \"18\"\n\
                 name = \"later\"\n[[campaign]]\nname = \"spring\"\nqueue = \"sales\"\n{more}"
            );
            let (_, warnings) = Config::parse(&text).expect("accepted");
            warnings.iter().filter(|fault| fault.what.contains("wrap_up")).count()
        };
        assert_eq!(told("again = [\"later\"]\nmachine = [\"18\"]\n"), 0);
        assert_eq!(told("again = [\"late\"]\ndone = [\"19\"]\n"), 2);
    }
}
