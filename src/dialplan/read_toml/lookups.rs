//! `[service.NAME]` and `[query.NAME]`: whom steps ask, and the queries to the store.

use toml::Spanned;
use toml::de::DeValue;

use super::Reader;
use crate::base::Url;
use crate::dialplan::apps::sections::{QUERY, SERVICE};
use crate::dialplan::fault::Place;
use crate::dialplan::lookup::{Kept, Secret, named_values};
use crate::dialplan::model::{Query, Service};

impl Reader<'_, '_, '_> {
    pub(super) fn service(&mut self, name: &str, place: Place, value: &Spanned<DeValue<'_>>) {
        let Some(mut args) = self.section(&SERVICE, value) else { return };
        let url_place = args.place_of("url");
        let Some(url) = self.fixed(&mut args, "url") else { return };
        let read = Url::new(&url);
        if read.is_none() || url.contains('?') {
            let what = format!("'{url}' is no address of a service");
            self.draft.faults.error(url_place, what, "write such as \"https://crm.example/api\"");
        }
        let in_the_clear = read.is_some_and(|url| !url.secure && !url.is_here());
        let mut headers = Vec::new();
        for header in args.values("headers").unwrap_or_default() {
            match header.text.fixed() {
                Some(text) => headers.push((header.name, text.into_owned())),
                None => self.draft.faults.error(
                    header.place,
                    "a header of a service cannot have variables in it",
                    "write it in the step's `headers`",
                ),
            }
        }
        let header = self.fixed(&mut args, "secret-header").unwrap_or_default();
        let secret_place = args.place_of("secret-env");
        let file = args.text("secret-file").map(|text| text.source().to_owned());
        let env = args.text("secret-env").map(|text| text.source().to_owned());
        if file.is_some() && env.is_some() {
            let what = "'secret-file' and 'secret-env' exclude each other";
            self.draft.faults.error(secret_place, what, "keep one of them");
        }
        let kept = file.map(Kept::File).or(env.map(Kept::Env));
        let secret = kept.map(|kept| Secret { header, kept });
        if in_the_clear && secret.is_some() {
            let what =
                format!("the secret of the service '{name}' goes to another machine in the clear");
            self.draft.faults.warn(url_place, what, "write `https://`");
        }
        let retries = args.count("retries").unwrap_or(1) as u8;
        let url = url.trim_end_matches('/').to_owned();
        let service = Service { place, url, headers, secret, retries };
        let twin = self.draft.plan.services.get(name).map(|s| s.place);
        if self.is_new("service", name, place, twin) {
            self.draft.plan.services.insert(name.into(), service);
        }
    }

    pub(super) fn query(&mut self, name: &str, place: Place, value: &Spanned<DeValue<'_>>) {
        let Some(mut args) = self.section(&QUERY, value) else { return };
        let sql_place = args.place_of("sql");
        let Some(sql) = self.fixed(&mut args, "sql") else { return };
        let values = named_values(&sql).unwrap_or_else(|why| {
            let what = format!("the query '{name}': {why}");
            self.draft.faults.error(sql_place, what, "write one statement, its values as :name");
            Default::default()
        });
        let rows = args.count("rows").unwrap_or(1) as u8;
        let query = Query { place, sql, write: args.flag("write"), rows, values };
        let twin = self.draft.plan.queries.get(name).map(|q| q.place);
        if self.is_new("query", name, place, twin) {
            self.draft.plan.queries.insert(name.into(), query);
        }
    }
}
