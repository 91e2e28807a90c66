//! `http` and `sql` steps: the question with its values filled in, and what came of it.

use super::ask::branch;
use super::sound::items;
use super::step::Captures;
use super::vars::View;
use super::{Asked, Frame, Interp};
use crate::dialplan::effect::{Effect, Keys, Level};
use crate::dialplan::lookup::{
    Ask, Http, Lookup, MAX_ADDRESS, Outcome, Sql, Told, encode, presentable,
};
use crate::dialplan::model::{LookupOp, LookupWhat, NamedValue, Op, Plan, Service};

impl Interp {
    /// Asks; the question is refused here when it cannot be put.
    pub(super) fn lookup(&mut self, plan: &Plan, op: &LookupOp, captures: &Captures) {
        let view = View::new(self, plan, captures.as_deref());
        let (say, _, problems) = items(&op.say, &view, None);
        let music = op.music.as_ref().map(|class| class.expand(&view)).filter(|c| !c.is_empty());
        let longest_ms = op.longest_ms;
        let asked = question(plan, op, &view).map(|(name, ask)| Lookup {
            name,
            ask,
            longest_ms,
            say,
            music,
        });
        for text in problems {
            self.log(Level::Warning, text);
        }
        match asked {
            Ok(lookup) => {
                self.asked = Asked::Lookup;
                self.queue.push_back(Effect::Lookup(Box::new(lookup)));
            }
            Err(why) => self.told(plan, Told::failed(why)),
        }
    }

    /// What came of it: variables, and the steps for the outcome.
    pub(super) fn told(&mut self, plan: &Plan, told: Told) {
        let Some((op, captures)) = self.lookup_step(plan) else { return };
        let outcome = told.outcome;
        if !told.why.is_empty() {
            self.log(Level::Warning, format!("{}: {}", outcome.name(), told.why));
        }
        // What a former answer left would be taken for this one's.
        for (variable, _) in &op.take {
            self.unset(variable);
        }
        match &op.what {
            LookupWhat::Http { whole, .. } => {
                self.set("http_result", outcome.name());
                let status = told.status.map_or(String::new(), |status| status.to_string());
                if whole.is_some() {
                    self.set("curl_response_code", status.clone());
                }
                self.set("http_status", status);
            }
            LookupWhat::Sql { .. } => {
                self.set("sql_result", outcome.name());
                self.set("sql_rows", told.rows.to_string());
            }
        }
        for (variable, value) in told.values {
            self.set(&variable, value);
        }
        match branch(&op.on, outcome.name()) {
            Some(block) => self.push(Frame::Steps { block, next: 0, captures }),
            None if outcome != Outcome::Ok => {
                let (items, _, _) = items(&op.apology, &View::new(self, plan, None), None);
                if !items.is_empty() {
                    self.open_speech(false);
                    self.queue.push_back(Effect::Play { items, stop_on: Keys::NONE });
                }
            }
            None => {}
        }
    }

    /// The step that was given out last.
    fn lookup_step<'p>(&self, plan: &'p Plan) -> Option<(&'p LookupOp, Captures)> {
        let Frame::Steps { block, next, captures } = self.stack.last()? else { return None };
        match &plan.block(*block).get(next.saturating_sub(1) as usize)?.op {
            Op::Lookup(op) => Some((op, captures.clone())),
            _ => None,
        }
    }
}

/// Where a request goes: `at`, below the service's own address where it has one.
fn address(known: Option<&Service>, at: String) -> Result<String, String> {
    let url = presentable(&match known {
        // Whatever the path begins with, the service's host ends where its address does.
        Some(known) if !at.is_empty() && !at.starts_with(['/', '?']) => {
            format!("{}/{at}", known.url)
        }
        Some(known) => format!("{}{at}", known.url),
        None => at,
    });
    match url.len() > MAX_ADDRESS {
        true => Err(format!("its address has more than {MAX_ADDRESS} bytes")),
        false => Ok(url),
    }
}

/// Who is asked, and what; or why it cannot be.
fn question(plan: &Plan, op: &LookupOp, view: &View<'_>) -> Result<(String, Ask), String> {
    match &op.what {
        LookupWhat::Http { service, method, url, headers, body, whole, retries } => {
            let at = url.fill(view, &encode);
            let own = |name| {
                plan.services.get(name).ok_or_else(|| format!("there is no service '{name}'"))
            };
            let known = service.as_ref().map(own).transpose()?;
            let url = address(known, at)?;
            let mut all = known.map_or(Vec::new(), |known| known.headers.clone());
            all.extend(headers.iter().map(|value| {
                let text = value.text.expand(view);
                (value.name.clone(), text.chars().filter(|c| !c.is_control()).collect())
            }));
            let host = url.split("://").nth(1).and_then(|rest| rest.split(['/', '?']).next());
            let name = format!("http {}", service.as_deref().or(host).unwrap_or_default());
            let request = Http {
                method: *method,
                headers: all,
                secret: known.and_then(|known| known.secret.clone()),
                body: body.as_ref().map(|body| json(body, view)),
                take: op.take.clone(),
                whole: whole.clone(),
                retries: retries.or(known.map(|known| known.retries)).unwrap_or(1),
                url,
            };
            Ok((name, Ask::Http(Box::new(request))))
        }
        LookupWhat::Sql { query: name, with } => {
            let query =
                plan.queries.get(name).ok_or_else(|| format!("there is no query '{name}'"))?;
            let values =
                with.iter().map(|value| (value.name.clone(), value.text.expand(view))).collect();
            let asked = Sql {
                sql: query.sql.clone(),
                write: query.write,
                values,
                take: op.take.clone(),
                rows: query.rows,
            };
            Ok((format!("sql {name}"), Ask::Sql(Box::new(asked))))
        }
    }
}

/// The body of a request.
fn json(body: &[NamedValue], view: &View<'_>) -> String {
    let value = |value: &NamedValue| {
        let text = value.text.expand(view);
        let bare = value.bare.then(|| serde_json::from_str(&text).ok()).flatten();
        (value.name.clone(), bare.unwrap_or(serde_json::Value::String(text)))
    };
    serde_json::Value::Object(body.iter().map(value).collect()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Now, Time, Wall};
    use crate::dialplan::interp::Entry;
    use crate::dialplan::{File, Happening, LoadEnv, Plan};

    const SECTIONS: &str = "
[service.crm]
url         = 'https://crm.example/api/'
headers     = { X-Client = 'belfry' }
secret-file = '/etc/belfry/crm'
[query.balance]
sql = 'SELECT yuan FROM own_accounts WHERE number = :number'
";

    fn load(steps: &str) -> Result<Plan, Vec<String>> {
        let text = format!("[[route]]\nname='r'\ncontext='c'\nsteps=[{steps}]\n{SECTIONS}");
        let env = LoadEnv { language: "en".into(), ..LoadEnv::default() };
        Plan::load(&[File { path: "a.toml", text: &text }], &env)
            .map(|loaded| loaded.plan)
            .map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }

    fn begin(steps: &str, from: &str) -> (Plan, Interp, Effect) {
        let plan = load(steps).unwrap_or_else(|faults| panic!("{faults:#?}"));
        let entry = Entry { context: "c".into(), from: from.into(), ..Entry::default() };
        let mut interp = Interp::start(&plan, NOW, entry).expect("a route");
        let first = interp.resume(&plan, NOW, Happening::Started);
        (plan, interp, first)
    }

    const NOW: Now = Now { at: Time::ZERO, wall: Wall(0) };

    #[test]
    fn the_question_carries_the_calls_values_and_no_secret() {
        let steps = "{ http = { service='crm', path='/members/${from}?x=1', method='PUT', \
                     body={ number='${from}', count=3, vip=true }, headers={ X-To='${to}' }, take={ points='p.0' } } }";
        let (_, _, effect) = begin(steps, "a/b 王");
        let Effect::Lookup(lookup) = effect else { panic!("{effect:?}") };
        assert_eq!((lookup.name.as_str(), lookup.longest_ms), ("http crm", 5_000));
        let Ask::Http(http) = lookup.ask else { panic!("a request") };
        assert_eq!(http.url, "https://crm.example/api/members/a%2Fb%20%E7%8E%8B?x=1");
        let body: serde_json::Value = serde_json::from_str(&http.body.unwrap()).unwrap();
        assert_eq!(body, serde_json::json!({ "number": "a/b 王", "count": 3, "vip": true }));
        assert_eq!(http.headers[0], ("X-Client".to_owned(), "belfry".to_owned()));
        assert!(http.secret.is_some_and(|secret| secret.header == "Authorization"));
        let (_, _, effect) = begin("{ sql = { query='balance', with={ number='${from}' } } }", "5");
        let Effect::Lookup(lookup) = effect else { panic!("{effect:?}") };
        let Ask::Sql(sql) = lookup.ask else { panic!("a query") };
        assert_eq!(sql.values, [("number".to_owned(), "5".to_owned())]);
    }

    /// A path that begins with what a caller says would be the end of the host's name, and its secret elsewhere.
    #[test]
    fn a_callers_value_cannot_lead_to_another_host() {
        let asked = |path: &str, from: &str| {
            let steps = format!("{{ http = {{ service='bare', path='{path}' }} }}");
            let steps = format!("{steps}]\n[service.bare]\nurl = 'https://crm.example'\n#");
            let (_, _, effect) = begin(&steps, from);
            let Effect::Lookup(lookup) = effect else { panic!("{effect:?}") };
            let Ask::Http(http) = lookup.ask else { panic!("a request") };
            crate::base::Url::new(&http.url).map(|url| (url.host, url.path)).expect("an address")
        };
        let is = |path: &str| ("crm.example".to_owned(), path.to_owned());
        assert_eq!(asked("${from}", ".evil.example"), is("/.evil.example"));
        assert_eq!(asked("${from}/x", "-a"), is("/-a/x"));
        assert_eq!(asked("/m/${from}", "1"), is("/m/1"));
        assert_eq!(asked("?n=${from}", "1"), is("/?n=1"));
        assert_eq!(asked("/m/${from}", &"9".repeat(1_500)).1.len(), 1_503, "as long as it may be");
    }

    #[test]
    fn what_came_of_it_is_in_variables_and_leads_on() {
        let steps = "{ http = { service='crm', take={ points='p' }, apology='sorry', \
                     on={ ok=[{ say={ value='${points}', as='number' } }], not-found=[{ note={ name='s', value='${http_status}' } }] } } }, { note={ name='after', value='${points}' } }";
        let told = |outcome, status, values: &[(&str, &str)]| {
            let values = values.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
            Box::new(Told { status, values, ..Told::of(outcome, "") })
        };
        let steps = &steps.replace("value='${points}', as='number'", "number='${points}'");
        let (plan, mut interp, _) = begin(steps, "1");
        let ok = told(Outcome::Ok, Some(200), &[("points", "12")]);
        assert_eq!(interp.resume(&plan, NOW, Happening::Told(ok)), Effect::Answer);
        assert_eq!(interp.variable(&plan, "http_result").as_deref(), Some("ok"));
        assert_eq!(interp.variable(&plan, "points").as_deref(), Some("12"));
        let (plan, mut interp, _) = begin(steps, "1");
        let gone = told(Outcome::NotFound, Some(404), &[]);
        let noted =
            |name: &str, value: &str| Effect::SetField { name: name.into(), value: value.into() };
        assert_eq!(interp.resume(&plan, NOW, Happening::Told(gone)), noted("s", "404"));
        assert_eq!(interp.resume(&plan, NOW, Happening::Done), noted("after", ""));
        // No steps for it: the apology, and the plan goes on.
        let (plan, mut interp, _) = begin(steps, "1");
        let late = told(Outcome::Timeout, None, &[]);
        assert_eq!(interp.resume(&plan, NOW, Happening::Told(late)), Effect::Answer);
        assert!(matches!(interp.resume(&plan, NOW, Happening::Done), Effect::Play { .. }));
        assert_eq!(interp.resume(&plan, NOW, Happening::Done), noted("after", ""));
    }

    #[test]
    fn a_question_that_cannot_be_put_has_failed() {
        let steps = "{ http = { url='http://x.example/${from}', on={ failed=[{ note={ name='f', value='1' } }] } } }";
        let (plan, mut interp, first) = begin(steps, &"9".repeat(3_000));
        let log = matches!(&first, Effect::Log { text, .. } if text.contains("2048 bytes"));
        assert!(log, "{first:?}");
        let next = interp.resume(&plan, NOW, Happening::Done);
        assert!(matches!(next, Effect::SetField { .. }), "{next:?}");
    }

    #[test]
    fn faults_of_lookups_are_told_with_their_remedy() {
        for (steps, told) in [
            ("{ http = { service='crn' } }", "there is no service 'crn'; write 'crm'"),
            ("{ http = { path='/x' } }", "wants a service with a path, or else a url"),
            ("{ http = { url='https://${from}/x' } }", "no address with a fixed host"),
            ("{ http = { url='ftp://x/' } }", "no address with a fixed host"),
            ("{ http = { service='crm', take={ a='b..c' } } }", "'b..c' is no path"),
            ("{ http = { service='crm', timeout='2 min' } }", "'timeout' is out of range"),
            ("{ http = { service='crm', method='FETCH' } }", "'method' cannot be 'FETCH'"),
            ("{ http = { service='crm', on={ nothing=[] } } }", "no outcome 'nothing'"),
            ("{ sql = { query='balance' } }", "the query 'balance' wants ':number'"),
            ("{ sql = { query='balance', with={ number='1', x='2' } } }", "has no value ':x'"),
            ("{ sql = 'balances' }", "there is no query 'balances'"),
            ("{ sql = '${from}' }", "cannot depend on the call"),
        ] {
            let faults = load(steps).expect_err(steps);
            assert!(faults.iter().any(|fault| fault.contains(told)), "{steps}: {faults:#?}");
        }
    }
}
