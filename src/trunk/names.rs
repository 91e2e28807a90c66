//! The names by which gateways are reached: when each is looked up, and what holds meanwhile.
//!
//! ```text
//!   wanted ─▶ searched ── found ─▶ holds for its time to live ─▶ searched …
//!                └─ not found, no answer ─▶ what held before holds on; searched again after [`RETRY`], twice
//!                                           that, … at most [`SELDOM`], [`SOON`] where nothing is known
//! ```
//!
//! A name that was found once is never unlearned for want of an answer: a gateway whose DNS is down is
//! still where it was. One of which the zone says that it is gone is held likewise, and told. That holds over a
//! start too: what was found is kept ([`Names::known`]) and recalled.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{Duration, Rng, Time};
use crate::sip::locate::{Hop, Locate, Means, Step, Wanted};
use crate::wire::dns::{Answer, Question};

/// After the first failure a name is searched again so soon.
pub const RETRY: Duration = Duration::from_secs(5);
/// After many, so late; of one that was never found, [`SOON`].
pub const SELDOM: Duration = Duration::from_secs(120);
/// How late at most a name is searched again whose gateway cannot be called meanwhile.
pub const SOON: Duration = Duration::from_secs(10);
/// A search that has no end by then has failed; the resolver answers each question within some seconds.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The shortest and the longest time for which an answer holds, whatever its zone says.
pub const HOLDS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(3_600));

/// The most hops of one name that are recalled.
const MOST_RECALLED: usize = 32;

/// A name and where it is reached, the best first.
pub type Known = (Wanted, Vec<Hop>);

/// All names.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<Wanted, One>);

#[derive(Debug, Default)]
struct One {
    /// The search under way, and when it began.
    search: Option<(Locate, Time)>,
    /// When the next begins.
    next: Time,
    /// Searches in a row that found nothing.
    failures: u32,
    hops: Vec<Hop>,
}

/// What became of a search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum News {
    /// The name is reached elsewhere than before, or is found for the first time or again.
    Found {
        /// Which.
        name: Wanted,
    },
    /// It is not found; told at the first failure, and where there are many at each doubling.
    NotFound {
        /// Which.
        name: Wanted,
        /// Why, in words.
        why: String,
        /// Whether it is known where it was.
        held: bool,
        /// How many searches in a row.
        times: u32,
    },
}

impl Names {
    /// These from now on; of those that were wanted before, what is known stays.
    pub fn want(&mut self, wanted: BTreeSet<Wanted>) {
        self.0.retain(|name, _| wanted.contains(name));
        for name in wanted {
            self.0.entry(name).or_default();
        }
    }

    /// What was known before the start, of names that have not been found since. Gives those.
    pub fn recall(&mut self, known: Vec<Known>) -> Vec<Wanted> {
        let mut recalled = Vec::new();
        for (name, mut hops) in known {
            hops.truncate(MOST_RECALLED);
            if let Some(one) = self.0.get_mut(&name)
                && one.hops.is_empty()
                && !hops.is_empty()
            {
                one.hops = hops;
                recalled.push(name);
            }
        }
        recalled
    }

    /// All that is known, to be recalled after a start.
    pub fn known(&self) -> Vec<Known> {
        let found = self.0.iter().filter(|(_, one)| !one.hops.is_empty());
        found.map(|(name, one)| (name.clone(), one.hops.clone())).collect()
    }

    /// Where a name is reached, the best first; empty: not found yet.
    pub fn hops(&self, name: &Wanted) -> &[Hop] {
        self.0.get(name).map_or(&[], |one| &one.hops)
    }

    /// When something is due.
    pub fn next_wake(&self) -> Option<Time> {
        let of = |one: &One| match one.search {
            Some((_, began)) => began + PATIENCE,
            None => one.next,
        };
        self.0.values().map(of).min()
    }

    /// Begins the searches that are due, and ends those that have no end by themselves.
    pub fn due(&mut self, now: Time, means: &Means) -> (Vec<Question>, Vec<News>) {
        let (mut questions, mut news) = (Vec::new(), Vec::new());
        for (name, one) in &mut self.0 {
            if one.search.as_ref().is_some_and(|(_, began)| *began + PATIENCE <= now) {
                news.extend(one.failed(name, now, "the DNS does not answer".into()));
            }
            if one.search.is_some() || now < one.next {
                continue;
            }
            let (search, step) = Locate::new(name.clone(), means.clone());
            one.search = Some((search, now));
            news.extend(one.take(name, now, step, &mut questions));
        }
        (questions, news)
    }

    /// An answer came. It serves every search that has put the question.
    pub fn answered(
        &mut self,
        now: Time,
        question: &Question,
        answer: &Answer,
        rng: &mut Rng,
    ) -> (Vec<Question>, Vec<News>) {
        let (mut questions, mut news) = (Vec::new(), Vec::new());
        for (name, one) in &mut self.0 {
            let Some((search, _)) = &mut one.search else { continue };
            let step = search.answered(question, answer, rng);
            news.extend(one.take(name, now, step, &mut questions));
        }
        (questions, news)
    }
}

impl One {
    fn take(
        &mut self,
        name: &Wanted,
        now: Time,
        step: Step,
        questions: &mut Vec<Question>,
    ) -> Option<News> {
        match step {
            Step::Waiting => None,
            Step::Ask(more) => {
                questions.extend(more);
                None
            }
            Step::Nothing { why } => self.failed(name, now, why),
            Step::Found { hops, ttl } => {
                let was_failing = core::mem::take(&mut self.failures) > 0;
                self.search = None;
                self.next = now + ttl.clamp(HOLDS.0, HOLDS.1);
                let changed = !same(&self.hops, &hops);
                self.hops = hops;
                (changed || was_failing).then(|| News::Found { name: name.clone() })
            }
        }
    }

    fn failed(&mut self, name: &Wanted, now: Time, why: String) -> Option<News> {
        self.search = None;
        let longest = if self.hops.is_empty() { SOON } else { SELDOM };
        let wait = RETRY.saturating_mul(1 << self.failures.min(10)).min(longest);
        self.next = now + wait;
        self.failures = self.failures.saturating_add(1);
        let (times, held) = (self.failures, !self.hops.is_empty());
        let tell = times.is_power_of_two();
        tell.then(|| News::NotFound { name: name.clone(), why, held, times })
    }
}

/// The same hops; a zone gives equal ones in another order each time.
fn same(a: &[Hop], b: &[Hop]) -> bool {
    a.len() == b.len() && a.iter().all(|hop| b.contains(hop))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Transport;
    use crate::wire::dns::{DnsName, Kind, Record};

    fn at(s: u64) -> Time {
        Time::from_millis(s * 1_000)
    }
    fn name(text: &str) -> Wanted {
        let (port, transport) = (Some(5060), Some(Transport::Udp));
        Wanted { name: DnsName::parse(text).unwrap(), port, transport }
    }
    fn means() -> Means {
        Means { transports: vec![Transport::Udp], v4: true, v6: false }
    }
    fn question(text: &str) -> Question {
        Question { name: DnsName::parse(text).unwrap(), kind: Kind::A }
    }
    fn here(ips: &[&str], ttl_s: u64) -> Answer {
        let records = ips.iter().map(|ip| Record::Address(ip.parse().unwrap())).collect();
        Answer::Records { records, ttl: Duration::from_secs(ttl_s) }
    }
    fn silent() -> Answer {
        Answer::Failed { why: "no server answers".into() }
    }

    #[test]
    fn what_was_found_holds_while_nothing_better_is_known() {
        let mut rng = Rng::from_seed(1);
        let (a, q) = (name("a.cn"), question("a.cn"));
        let mut names = Names::default();
        assert_eq!(names.next_wake(), None);
        names.want([a.clone()].into());
        assert_eq!(names.due(at(0), &means()), (vec![q.clone()], vec![]));
        assert_eq!(names.due(at(1), &means()), (vec![], vec![]), "one search at a time");
        let (_, news) = names.answered(at(1), &q, &here(&["192.0.2.1", "192.0.2.2"], 60), &mut rng);
        assert_eq!(news, [News::Found { name: a.clone() }]);
        assert_eq!((names.hops(&a).len(), names.next_wake()), (2, Some(at(61))));
        names.due(at(61), &means());
        let (_, news) = names.answered(at(61), &q, &here(&["192.0.2.2", "192.0.2.1"], 1), &mut rng);
        assert_eq!(news, [], "no news in another order");
        assert_eq!(names.next_wake(), Some(at(71)), "not more often than that");
        for (round, (s, told)) in
            [(71, true), (76, true), (86, false), (106, true)].into_iter().enumerate()
        {
            assert_eq!(names.due(at(s), &means()).0, core::slice::from_ref(&q), "{round}");
            let (_, news) = names.answered(at(s), &q, &silent(), &mut rng);
            assert_eq!(!news.is_empty(), told, "{round}");
            assert!(news.iter().all(|news| matches!(news, News::NotFound { held: true, .. })));
            assert_eq!(names.hops(&a).len(), 2);
        }
        names.due(at(146), &means());
        let (_, news) =
            names.answered(at(146), &q, &here(&["192.0.2.1", "192.0.2.2"], 60), &mut rng);
        assert_eq!(news, [News::Found { name: a.clone() }], "it is found again");
        names.want([name("b.cn")].into());
        assert!(names.hops(&a).is_empty());
    }

    #[test]
    fn a_search_without_an_end_is_ended() {
        let mut names = Names::default();
        names.want([name("a.cn")].into());
        names.due(at(0), &means());
        assert_eq!(names.next_wake(), Some(at(0) + PATIENCE));
        let (questions, news) = names.due(at(0) + PATIENCE, &means());
        assert_eq!(questions, []);
        assert!(matches!(&news[..], [News::NotFound { held: false, times: 1, .. }]), "{news:?}");
        assert_eq!(names.next_wake(), Some(at(0) + PATIENCE + RETRY));
    }

    #[test]
    fn what_was_known_before_a_start_holds_until_it_is_found_anew() {
        let mut rng = Rng::from_seed(1);
        let (a, q) = (name("a.cn"), question("a.cn"));
        let mut before = Names::default();
        before.want([a.clone(), name("b.cn")].into());
        before.due(at(0), &means());
        before.answered(at(0), &q, &here(&["192.0.2.1"], 60), &mut rng);
        let known = before.known();
        assert_eq!(known.len(), 1, "b.cn was never found");

        let mut names = Names::default();
        names.want(std::iter::once(a.clone()).collect());
        let unknown = (name("c.cn"), known[0].1.clone());
        assert_eq!(names.recall([known.clone(), vec![unknown]].concat()), std::slice::from_ref(&a));
        assert_eq!(names.known(), known, "of those that are wanted");
        names.due(at(0), &means());
        let (_, news) = names.answered(at(1), &q, &silent(), &mut rng);
        assert!(matches!(&news[..], [News::NotFound { held: true, .. }]), "{news:?}");
        names.due(at(6), &means());
        names.answered(at(6), &q, &here(&["192.0.2.9"], 60), &mut rng);
        assert_eq!(names.recall(known), [], "it is known better");
        assert_eq!(names.hops(&a)[0].addr.ip().to_string(), "192.0.2.9");
    }

    #[test]
    fn nothing_of_ours_reaches_it() {
        let mut names = Names::default();
        let tls = Wanted { transport: Some(Transport::Tls), ..name("a.cn") };
        names.want([tls].into());
        let (questions, news) = names.due(at(0), &means());
        assert_eq!(questions, []);
        assert!(matches!(&news[..], [News::NotFound { .. }]), "{news:?}");
    }
}
