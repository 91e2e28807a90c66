//! Certificates: for whom they are, and until when. Files that cannot be used keep Belfry from
//! starting, and `belfry check` names them.

use std::time::SystemTime;

use super::Finding;
use crate::net::tls::Material;
use crate::net::tls::certificate::{Facts, Standing, day};

pub(super) fn look(material: &Material) -> Vec<Finding> {
    let identities = material.identities.iter();
    identities.map(|id| judge(&id.facts, &id.chain.display().to_string())).collect()
}

fn judge(facts: &Facts, file: &str) -> Finding {
    let names = match facts.names.is_empty() {
        true => "no name".to_owned(),
        false => facts.names.join(", "),
    };
    let (of, until) = (format!("{file} for {names}"), day(facts.until));
    match facts.standing(SystemTime::now()) {
        Standing::Good => Finding::ok("certificate", format!("{of} holds until {until}")),
        Standing::Ending(left) => Finding::warning(
            "certificate",
            format!("{of} holds until {until}, {} days", left.as_secs() / 86_400),
            "renew it; the new files are read by themselves within a minute",
        ),
        Standing::Over => Finding::error(
            "certificate",
            format!("{of} is over since {until}: peers refuse it"),
            "renew it; the new files are read by themselves within a minute",
        ),
        Standing::NotYet => Finding::error(
            "certificate",
            format!("{of} holds only from {}", day(facts.from)),
            "see that this machine's clock is right",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::daemon::doctor::State;

    #[test]
    fn certificates_are_judged_by_their_time() {
        let now = SystemTime::now();
        let day = Duration::from_secs(86_400);
        for (from, until, state, told) in [
            (now - day, now + 40 * day, State::Ok, "holds until"),
            (now - day, now + 5 * day + day / 2, State::Warning, "5 days"),
            (now - 9 * day, now - day, State::Error, "is over since"),
            (now + day, now + 40 * day, State::Error, "holds only from"),
        ] {
            let names = vec!["care.example".to_owned()];
            let facts = Facts { names, from, until, fingerprint: [0; 32] };
            let found = judge(&facts, "c.pem");
            assert_eq!(found.state, state, "{found:?}");
            assert!(found.found.contains(told) && found.found.contains("care.example"));
        }
    }
}
