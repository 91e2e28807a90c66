//! `<action>` and `<anti-action>`: FreeSWITCH's applications into steps.

use super::Reader;
use super::tree::Element;
use crate::dialplan::apps::{self, XmlCall, lacking};
use crate::dialplan::condition::is_true;
use crate::dialplan::fault::{Place, nearest};
use crate::dialplan::model::{BlockId, Op, Step};

/// The most times an action may be repeated by `loop`.
const MAX_LOOPS: u32 = 100;

impl<'a> Reader<'a, '_, '_> {
    /// The actions (or anti-actions) of a condition as a block.
    pub(super) fn actions(&mut self, element: &'a Element, kind: &str) -> BlockId {
        let mut steps = Vec::new();
        for action in element.children.iter().filter(|c| c.name == kind) {
            self.attributes(action, &["application", "data", "inline", "loop"]);
            let times = match action.value("loop") {
                "" => 1,
                text => match text.parse::<u32>() {
                    Ok(times) => times.min(MAX_LOOPS),
                    Err(_) => {
                        let what = format!("'{text}' is not a count");
                        self.error(action.value_at("loop"), what, "write digits only");
                        1
                    }
                },
            };
            for _ in 0..times {
                steps.extend(self.action(action));
            }
        }
        self.draft.block(steps)
    }

    fn action(&mut self, element: &'a Element) -> Option<Step> {
        let name = self.value(element, "application");
        if name.is_empty() {
            self.error(
                element.at,
                format!("an <{}> without an application", element.name),
                "add application=\"…\"",
            );
            return None;
        }
        // Text inside of the element goes before the attribute, as in FreeSWITCH.
        let text = element.text.trim();
        let (data, data_at) = if text.is_empty() {
            (self.value(element, "data"), element.value_at("data"))
        } else {
            (self.expand(text, Some(element.text_at)), element.text_at)
        };
        let inline = is_true(&self.value(element, "inline"));
        let name_at = self.place(element.value_at("application"));
        let data_at = self.place(data_at);
        let op = self.application(&name, name_at, &data, data_at)?;
        if inline && !may_run_inline(&op) {
            let what = format!("'{name}' cannot run inline, while the route is still looked for");
            self.error(
                element.value_at("inline"),
                what,
                "take inline out; set, unset, export and log can",
            );
        }
        Some(Step { op, inline, freeswitch: true, place: self.place(element.at) })
    }

    /// One application with its data.
    pub(super) fn application(
        &mut self,
        name: &str,
        name_at: Place,
        data: &str,
        data_at: Place,
    ) -> Option<Op> {
        if let Some((_, xml)) = apps::find_xml(name) {
            let mut call = XmlCall { draft: self.draft, app: name, data, place: data_at };
            return (xml.read)(&mut call);
        }
        if let Some(lack) = lacking::find(name) {
            let then = if lack.ends_call { "the call ends there" } else { "it is passed over" };
            let what = format!("FreeSWITCH's application '{name}' is not in Belfry; {then}");
            self.draft.faults.warn(name_at, what, lack.remedy);
            return Some(Op::Lacking { app: name.to_owned(), ends_call: lack.ends_call });
        }
        let what = format!("'{name}' is not an application");
        let near = nearest(name, apps::xml_names());
        let remedy = near.map_or("see docs/dialplan.md for the applications".into(), |near| {
            format!("write '{near}'")
        });
        self.draft.faults.error(name_at, what, remedy);
        None
    }
}

/// FreeSWITCH runs few applications while it looks for the route.
fn may_run_inline(op: &Op) -> bool {
    matches!(
        op,
        Op::Set(_)
            | Op::Unset(_)
            | Op::Log { .. }
            | Op::Info
            | Op::Nothing
            | Op::Lacking { ends_call: false, .. }
    )
}
