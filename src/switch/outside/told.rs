//! What a recorder is told of a call: who speaks on which of its two streams (RFC 7865).
//!
//! The names in these documents are made of the call's and the legs' own, so that a recorder that gets a call in
//! the place of another one, and the call's record, all name the same things alike.

use crate::base::{CallId, LegId, Now, Wall};
use crate::media::negotiate::copies::LABELS;
use crate::switch::Switch;
use crate::switch::active::Copying;
use crate::wire::rs_metadata::{Id, Participant, RsMetadata, Session, Stream};

/// The kinds of things that have names.
const GROUP: u8 = 0;
const SESSION: u8 = 1;
const PARTICIPANT: u8 = 2;
const STREAM: u8 = 3;

/// What a recorder knows of a call, or is to know.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Told {
    people: Vec<Person>,
    /// Nothing is sent.
    pub(super) paused: bool,
    /// Since when the call is with a recorder outside.
    start: String,
}

/// Somebody in the call.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Person {
    leg: LegId,
    number: String,
    name: Option<String>,
    since: String,
    /// On which of the two streams it speaks.
    stream: usize,
    /// It is on hold by its own wish: neither speaks nor hears.
    holds: bool,
}

impl Switch {
    /// What the recorder of a call is to know now.
    pub(super) fn to_be_told(&self, now: Now, id: CallId, wanted: Copying) -> Option<Told> {
        let active = self.calls.get(&id)?;
        let known = self.outside.calls.get(&id)?.session.as_ref().map(|session| &session.told);
        let (left, right) = active.sides();
        let mut people = Vec::new();
        let parties = [Some(left), right].into_iter().enumerate();
        let parties = parties.filter_map(|(stream, leg)| Some((stream, leg?)));
        // Who has joined is heard on the stream that is not the customer's.
        let joined =
            self.joined(id).map(|(_, customer, legs)| (usize::from(left == customer), legs));
        let joined =
            joined.into_iter().flat_map(|(n, legs)| legs.into_iter().map(move |leg| (n, leg)));
        for (stream, leg) in parties.chain(joined) {
            let own = || self.calls.get(&self.legs.get(&leg)?.call)?.call.get(leg);
            let Some(connection) = active.call.get(leg).or_else(own) else { continue };
            let number = connection.device.number().to_owned();
            let name = match self.config.phone(&number).and_then(|phone| phone.name.as_ref()) {
                Some(name) if connection.device.is_phone() => Some(name.to_string()),
                _ if leg == active.subject() => active.from_name.clone(),
                _ => None,
            };
            let before = known.and_then(|told| told.people.iter().find(|p| p.leg == leg));
            let since = before.map_or_else(|| rfc_3339(now.wall), |person| person.since.clone());
            let holds = self.legs.get(&leg).is_some_and(|leg| leg.held);
            people.push(Person { leg, number, name, since, stream, holds });
        }
        let start = known.map(|told| told.start.clone()).filter(|start| !start.is_empty());
        let start = start.unwrap_or_else(|| rfc_3339(now.wall));
        Some(Told { people, paused: wanted.paused, start })
    }
}

impl Told {
    /// The document that says all of it, or what has changed since `before`, now.
    pub(super) fn document(
        &self,
        call: CallId,
        domain: &str,
        before: Option<(&Told, Wall)>,
    ) -> RsMetadata {
        let id = |kind, n| Id::new(call.as_u64(), kind, n);
        let known = before.map_or(&[][..], |(told, _)| &told.people);
        let mut participants: Vec<Participant> = Vec::new();
        for person in self.people.iter().filter(|person| !known.contains(person)) {
            participants.push(person.participant(call, domain));
        }
        for gone in known.iter().filter(|known| !self.people.iter().any(|p| p.leg == known.leg)) {
            participants.push(Participant {
                until: before.map(|(_, wall)| rfc_3339(wall)),
                sends: vec![],
                hears: vec![],
                ..gone.participant(call, domain)
            });
        }
        let stream = |(label, n): (&str, u64)| Stream { id: id(STREAM, n), label: label.into() };
        RsMetadata {
            partial: before.is_some(),
            group: Some((id(GROUP, 0), self.start.clone())),
            session: Some(Session {
                id: id(SESSION, 0),
                call: call.to_string(),
                start: self.start.clone(),
                stop: None,
            }),
            participants,
            streams: LABELS.into_iter().zip(0..).map(stream).collect(),
        }
    }
}

impl Person {
    fn participant(&self, call: CallId, domain: &str) -> Participant {
        let id = |kind, n| Id::new(call.as_u64(), kind, n);
        let streams = |n: usize| if self.holds { vec![] } else { vec![id(STREAM, n as u64)] };
        Participant {
            id: id(PARTICIPANT, self.leg.0),
            aor: match self.number.as_str() {
                "" => "sip:anonymous@anonymous.invalid".into(),
                number => format!("sip:{number}@{domain}"),
            },
            name: self.name.clone(),
            since: self.since.clone(),
            until: None,
            sends: streams(self.stream),
            hears: streams(1 - self.stream),
        }
    }
}

/// A time as the documents have it.
fn rfc_3339(wall: Wall) -> String {
    jiff::Timestamp::from_millisecond(wall.0).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(leg: u64, stream: usize) -> Person {
        Person {
            leg: LegId(leg),
            number: format!("100{leg}"),
            name: None,
            since: rfc_3339(Wall(0)),
            stream,
            holds: false,
        }
    }

    #[test]
    fn all_is_told_at_first_and_then_what_has_changed() {
        let call = CallId::new(Wall(1_790_000_000_000), 7);
        let told = |people: Vec<Person>| Told { people, paused: false, start: rfc_3339(Wall(0)) };
        let first = told(vec![person(1, 0), person(2, 1)]);
        let all = first.document(call, "h", None);
        assert!(!all.partial && all.participants.len() == 2 && all.streams.len() == 2);
        assert_eq!(all.speaker("2").unwrap().aor, "sip:1002@h");
        let second = told(vec![person(1, 0), person(3, 1)]);
        let news = second.document(call, "h", Some((&first, Wall(60_000))));
        let people: Vec<_> =
            news.participants.iter().map(|p| (&*p.aor, p.until.as_deref())).collect();
        assert_eq!(people, [("sip:1003@h", None), ("sip:1002@h", Some("1970-01-01T00:01:00Z"))]);
        assert!(news.partial && news.participants[1].sends.is_empty());
        assert_eq!(news.participants[1].id, all.participants[1].id);
        let held = told(vec![person(1, 0), Person { holds: true, ..person(3, 1) }]);
        let news = held.document(call, "h", Some((&second, Wall(0))));
        assert!(news.participants.len() == 1 && news.participants[0].sends.is_empty());
        let same = held.document(call, "h", Some((&held, Wall(0))));
        assert!(same.participants.is_empty());
    }
}
