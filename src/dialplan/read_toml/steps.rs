//! Steps: each a table with one application, looked up in the table of applications.

use toml::Spanned;
use toml::de::DeValue;

use super::values::{kind_of, list};
use super::{Reader, entries};
use crate::dialplan::apps::param::{Args, Param};
use crate::dialplan::apps::{self, App, Build, lacking};
use crate::dialplan::fault::{Place, did_you_mean};
use crate::dialplan::model::{BlockId, Step};

impl Reader<'_, '_, '_> {
    /// A list of steps, or one step alone.
    pub(super) fn steps_of(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Option<BlockId> {
        let was_after_hangup = self.after_hangup;
        self.after_hangup |= name == "on-hangup";
        let steps: Vec<Step> = list(value).into_iter().filter_map(|step| self.step(step)).collect();
        self.after_hangup = was_after_hangup;
        Some(self.draft.block(steps))
    }

    fn step(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Step> {
        let place = self.place(value);
        match value.get_ref() {
            // An application without parameters may stand alone: "answer".
            DeValue::String(name) => {
                let app = self.app(name, place)?;
                self.finish(app, None, place, place)
            }
            DeValue::Table(table) => match entries(table).as_slice() {
                [(name, at, value)] => {
                    let at = self.source.place(*at);
                    let app = self.app(name, at)?;
                    self.finish(app, Some(value), at, place)
                }
                [] => {
                    self.draft.faults.error(
                        place,
                        "the step is empty",
                        "write { play = \"…\" } or the like",
                    );
                    None
                }
                several => {
                    let names: Vec<_> =
                        several.iter().map(|(name, _, _)| format!("{{ {name} = … }}")).collect();
                    let what = "a step has one application, this one has several";
                    self.draft.faults.error(place, what, format!("write {}", names.join(", ")));
                    None
                }
            },
            other => {
                let what = format!("a step is a table, not {}", kind_of(other));
                self.draft.faults.error(place, what, "write { play = \"…\" } or the like");
                None
            }
        }
    }

    /// The application of this name; a FreeSWITCH name is told what it is called here.
    fn app(&mut self, name: &str, place: Place) -> Option<&'static App> {
        if let Some(app) = apps::find(name) {
            if self.after_hangup && !app.after_hangup {
                let what = format!("'{name}' cannot stand in on-hangup: the caller is gone");
                self.draft.faults.error(place, what, "set, note, log, if and call can");
            }
            return Some(app);
        }
        let what = format!("'{name}' is not an application");
        let remedy = match (apps::find_xml(name), lacking::find(name)) {
            (Some((app, _)), _) => format!("that is FreeSWITCH's name; write '{}'", app.name),
            (None, Some(lack)) => format!("Belfry lacks it: {}", lack.remedy),
            (None, None) => did_you_mean(name, apps::names()),
        };
        self.draft.faults.error(place, what, remedy);
        None
    }

    /// Reads the parameters and makes the step.
    fn finish(
        &mut self,
        app: &'static App,
        value: Option<&Spanned<DeValue<'_>>>,
        at: Place,
        place: Place,
    ) -> Option<Step> {
        let op = match app.build {
            Build::Pairs(build) => build(self.pairs(app.name, value?)?),
            Build::Step(build) => {
                let mut args = self.step_args(app, value, at)?;
                build(&mut args, self.draft)?
            }
        };
        Some(Step { op, inline: false, freeswitch: false, place })
    }

    /// A table gives the parameters by name; a bare value is the main one.
    fn step_args(
        &mut self,
        app: &'static App,
        value: Option<&Spanned<DeValue<'_>>>,
        at: Place,
    ) -> Option<Args> {
        let mut args = Args { place: at, values: std::collections::BTreeMap::new() };
        let main: Option<&'static Param> =
            app.shorthand.and_then(|short| app.params.iter().find(|p| p.name == short));
        match (value.map(|v| (v, v.get_ref())), main) {
            (Some((_, DeValue::Table(table))), _) => {
                return Some(self.args(app.name, app.params, table, at));
            }
            (None, _) => {}
            (Some((_, DeValue::Boolean(true))), None) if app.params.is_empty() => {}
            (Some((value, _)), Some(main)) => {
                let place = self.place(value);
                let arg = self.value(main, value)?;
                args.values.insert(main.name, (arg, place));
            }
            (Some((value, other)), None) => {
                let what =
                    format!("'{}' takes no bare value, and this is {}", app.name, kind_of(other));
                let names: Vec<_> = app.params.iter().map(|p| format!("{} = …", p.name)).collect();
                let place = self.place(value);
                self.draft.faults.error(
                    place,
                    what,
                    format!("write {} = {{ {} }}", app.name, names.join(", ")),
                );
                return None;
            }
        }
        self.defaults(app.name, app.params, &mut args, &[]);
        Some(args)
    }
}
