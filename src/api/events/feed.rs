//! The feed: events as they come, kept for a while, and read by whoever wants them at his own pace.
//!
//! ```text
//!  durable facts ─▶ take ─▶ Teller ─▶ ring: the last events ─▶ Reader, each with a cursor of its own
//!                    │ a number is missing                        ▲ cursor before the ring
//!                    └──────────▶ History: the records ───────────┘
//! ```
//!
//! Nothing is kept for a reader but its cursor: one that is slow, or was away, reads on where it was. Only
//! facts that are on the disk are told, so that no number is ever given to two different events.

use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::event::{Event, Filter};
use super::tell::Teller;
use crate::base::CallId;
use crate::switch::fact::{Fact, FactKind};

/// Events that are kept for readers: some minutes of a busy day.
const KEPT: usize = 20_000;
/// Events that a reader gets at once, and how many are looked at for them.
const BATCH: usize = 256;
const LOOKED_AT: usize = 4_096;
/// Facts that are read from the records at once.
const READ: usize = 500;
/// How often the records are asked again which are behind, and how many times.
const AGAIN: Duration = Duration::from_millis(100);
const TIMES: u32 = 100;
/// Readers who ask the records at once: what is written there comes first.
const ASKING: usize = 4;
/// Calls whose beginning is nowhere that are kept in mind.
const MOST_UNKNOWN: usize = 1_000;

/// What the records answer.
pub type Later<T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send>>;

/// The records, for who reads what was before.
pub trait History: Send + Sync + 'static {
    /// Facts with higher numbers, in their order, at most so many.
    fn after(&self, seq: u64, most: usize) -> Later<Vec<Fact>>;
    /// The facts of a call up to a number.
    fn of_call(&self, call: CallId, until: u64) -> Later<Vec<Fact>>;
    /// The last facts about agents' states up to a number.
    fn agents(&self, until: u64) -> Later<Vec<Fact>>;
}

/// The feed; clones share it.
#[derive(Clone)]
pub struct Feed(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    moved: watch::Sender<u64>,
    history: Arc<dyn History>,
    asking: Arc<Semaphore>,
}

struct State {
    teller: Teller,
    events: VecDeque<Arc<Event>>,
    /// The last fact that was told.
    last: u64,
    /// All events of later facts are kept.
    floor: u64,
}

/// Why a reader gets no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It read too slowly: what it wants is kept no more.
    Slow,
    /// The records cannot be had.
    Away,
}

impl End {
    /// For who reads.
    pub fn reason(self) -> &'static str {
        match self {
            End::Slow => "too slow: connect again and go on with after=",
            End::Away => "the records cannot be read now: connect again and go on with after=",
        }
    }
}

impl Feed {
    /// A feed that begins behind the fact of this number.
    pub fn new(last: u64, history: Arc<dyn History>) -> Feed {
        let state = State { teller: Teller::default(), events: VecDeque::new(), last, floor: last };
        Feed(Arc::new(Shared {
            state: Mutex::new(state),
            moved: watch::Sender::new(last),
            history,
            asking: Arc::new(Semaphore::new(ASKING)),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no holder panics")
    }

    /// The last fact that was told.
    pub fn last(&self) -> u64 {
        self.state().last
    }

    /// Takes the next fact. Those between it and the one before come from the records.
    pub async fn take(&self, fact: Fact) {
        let mut tries = 0;
        while fact.seq > self.last() + 1 && tries < TIMES {
            let missed = self.0.history.after(self.last(), READ).await.unwrap_or_default();
            match missed.is_empty() {
                true => {
                    tries += 1;
                    sleep(AGAIN).await;
                }
                false => self.tell(missed.iter().take_while(|other| other.seq < fact.seq)),
            }
            if missed.iter().any(|other| other.seq >= fact.seq) {
                break;
            }
        }
        if tries == TIMES {
            tracing::error!("events: facts before {} cannot be had: some were not told", fact.seq);
        }
        self.tell(std::iter::once(&fact));
    }

    fn tell<'f>(&self, facts: impl Iterator<Item = &'f Fact>) {
        let mut state = self.state();
        for fact in facts {
            if fact.seq <= state.last {
                continue;
            }
            state.last = fact.seq;
            if let Some(event) = state.teller.tell(fact) {
                state.events.push_back(Arc::new(event));
            }
            while state.events.len() > KEPT {
                if let Some(event) = state.events.pop_front() {
                    state.floor = event.seq;
                }
            }
        }
        let last = state.last;
        drop(state);
        self.0.moved.send_replace(last);
    }

    /// Somebody who reads: what comes from now on, or all after a fact; `None`: there is no such fact yet.
    pub fn reader(&self, after: Option<u64>, filter: Filter) -> Option<Reader> {
        let last = self.last();
        let cursor = after.unwrap_or(last);
        (cursor <= last).then(|| Reader {
            feed: self.clone(),
            moved: self.0.moved.subscribe(),
            cursor,
            filter,
            live: false,
            teller: None,
            unknown: BTreeSet::new(),
            asked: None,
            batch: None,
        })
    }
}

/// Somebody who reads.
pub struct Reader {
    feed: Feed,
    moved: watch::Receiver<u64>,
    /// All up to this fact was read.
    cursor: u64,
    filter: Filter,
    /// It has reached the ring.
    live: bool,
    /// Of who reads from the records.
    teller: Option<Teller>,
    unknown: BTreeSet<CallId>,
    /// What was asked of the records and has not come.
    asked: Option<Asked>,
    /// What has come and is not all told.
    batch: Option<Batch>,
}

/// A question to the records: it goes on though nobody waits for it, and ends with the reader.
struct Asked(JoinHandle<Result<Vec<Fact>, String>>);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Facts from the records, and what was told of those before them.
struct Batch {
    facts: VecDeque<Fact>,
    found: Vec<Arc<Event>>,
    /// Up to which fact all is read then.
    last: u64,
}

impl Reader {
    /// Up to which fact all was read.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// The next events, one at least. Who gives up waiting loses nothing: it goes on where it was.
    pub async fn next(&mut self) -> Result<Vec<Arc<Event>>, End> {
        let mut tries = 0;
        loop {
            self.moved.borrow_and_update();
            match self.ring_next() {
                Some(events) if !events.is_empty() => return Ok(events),
                // The end of what there is.
                Some(_) => {
                    if self.cursor >= self.feed.last() && self.moved.changed().await.is_err() {
                        return Err(End::Away);
                    }
                }
                None if self.live => return Err(End::Slow),
                None => match self.records_next().await {
                    Ok(Some(events)) if !events.is_empty() => return Ok(events),
                    Ok(Some(_)) => tries = 0,
                    Ok(None) | Err(_) if tries < TIMES => {
                        tries += 1;
                        sleep(AGAIN).await;
                    }
                    Ok(None) | Err(_) => return Err(End::Away),
                },
            }
        }
    }

    /// What there is now without waiting for more: at most a batch.
    pub async fn now(&mut self) -> Result<Vec<Arc<Event>>, End> {
        match self.ring_next() {
            Some(events) => Ok(events),
            None => Ok(self.records_next().await.map_err(|_| End::Away)?.unwrap_or_default()),
        }
    }

    /// From the ring; `None`: it begins later.
    fn ring_next(&mut self) -> Option<Vec<Arc<Event>>> {
        let state = self.feed.state();
        if self.cursor < state.floor {
            return None;
        }
        self.live = true;
        let cursor = self.cursor;
        let from = state.events.partition_point(|event| event.seq <= cursor);
        let mut found = Vec::new();
        for (nth, event) in state.events.iter().skip(from).enumerate() {
            if found.len() == BATCH || nth == LOOKED_AT {
                return Some(found);
            }
            self.cursor = event.seq;
            if self.filter.wants(event) {
                found.push(event.clone());
            }
        }
        // What came from the records may lie beyond what was told to the ring.
        self.cursor = cursor.max(state.last);
        Some(found)
    }

    /// From the records; `None`: they are not so far yet. Given up half-way it goes on where it was.
    async fn records_next(&mut self) -> Result<Option<Vec<Arc<Event>>>, String> {
        if self.teller.is_none() {
            let cursor = self.cursor;
            let facts = self.ask(|history| history.agents(cursor)).await?;
            let mut teller = Teller::default();
            facts.iter().for_each(|fact| drop(teller.tell(fact)));
            self.teller = Some(teller);
        }
        if self.batch.is_none() {
            let cursor = self.cursor;
            let facts = self.ask(|history| history.after(cursor, READ)).await?;
            // What is not told yet to those who wait at the ring comes to this one there too.
            let told = self.feed.last();
            let Some(last) = facts.last().map(|fact| fact.seq.min(told)) else { return Ok(None) };
            let facts = facts.into_iter().filter(|fact| fact.seq <= told).collect();
            self.batch = Some(Batch { facts, found: Vec::new(), last });
        }
        while let Some(fact) = self.batch.as_ref().and_then(|batch| batch.facts.front()).cloned() {
            self.look_up(&fact).await?;
            let event = self.teller.as_mut().and_then(|teller| teller.tell(&fact));
            if let Some(batch) = &mut self.batch {
                batch.facts.pop_front();
                batch.found.extend(event.filter(|event| self.filter.wants(event)).map(Arc::new));
            }
        }
        let Some(batch) = self.batch.take() else { return Ok(None) };
        self.cursor = batch.last;
        Ok(Some(batch.found))
    }

    /// A call that began before what is read is looked up.
    async fn look_up(&mut self, fact: &Fact) -> Result<(), String> {
        let Some(call) = fact.kind.call() else { return Ok(()) };
        let begins = matches!(fact.kind, FactKind::CallBegan { .. });
        let knows = |teller: &Option<Teller>| teller.as_ref().is_some_and(|t| t.knows(call));
        if begins || knows(&self.teller) || self.unknown.contains(&call) {
            return Ok(());
        }
        let until = fact.seq - 1;
        let former = self.ask(|history| history.of_call(call, until)).await?;
        if let Some(teller) = &mut self.teller {
            former.iter().for_each(|fact| drop(teller.tell(fact)));
        }
        if !knows(&self.teller) {
            if self.unknown.len() >= MOST_UNKNOWN {
                self.unknown.pop_first();
            }
            self.unknown.insert(call);
        }
        Ok(())
    }

    /// Asks the records, or goes on waiting for what was asked before: the question follows from where the
    /// reader is, so it is the same one.
    async fn ask(
        &mut self,
        question: impl FnOnce(&dyn History) -> Later<Vec<Fact>>,
    ) -> Result<Vec<Fact>, String> {
        let shared = &self.feed.0;
        let asked = self.asked.get_or_insert_with(|| {
            let (answer, places) = (question(shared.history.as_ref()), shared.asking.clone());
            Asked(tokio::spawn(async move {
                let _place = places.acquire_owned().await.map_err(|e| e.to_string())?;
                answer.await
            }))
        });
        let answer = (&mut asked.0).await;
        self.asked = None;
        answer.map_err(|e| e.to_string())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Wall;
    use crate::switch::fact::{EndedBy, Party};

    /// Records in memory, with some facts.
    struct Kept(Vec<Fact>);

    impl History for Kept {
        fn after(&self, seq: u64, most: usize) -> Later<Vec<Fact>> {
            let facts = self.0.iter().filter(|fact| fact.seq > seq).take(most).cloned().collect();
            Box::pin(async move { Ok(facts) })
        }
        fn of_call(&self, call: CallId, until: u64) -> Later<Vec<Fact>> {
            let of = |fact: &&Fact| fact.kind.call() == Some(call) && fact.seq <= until;
            let facts = self.0.iter().filter(of).cloned().collect();
            Box::pin(async move { Ok(facts) })
        }
        fn agents(&self, _: u64) -> Later<Vec<Fact>> {
            Box::pin(async { Ok(Vec::new()) })
        }
    }

    /// Call `n` begins and ends.
    fn facts(calls: u64) -> Vec<Fact> {
        let two = |n: u64| {
            let call = CallId::new(Wall(1_790_000_000_000), n);
            let caller = Party::Phone { number: format!("1{n:03}") };
            let began = FactKind::CallBegan {
                call,
                caller,
                dialled: "9".into(),
                caller_name: String::new(),
                context: "agents".into(),
            };
            let by = EndedBy::Caller;
            [began, FactKind::CallEnded { call, cause: 16, by, total_ms: 1, talk_ms: 0 }]
        };
        let kinds = (1..=calls).flat_map(two);
        (1..).zip(kinds).map(|(seq, kind)| Fact { seq, wall: Wall(0), kind }).collect()
    }

    async fn read(reader: &mut Reader, until: u64) -> Vec<u64> {
        let mut seen = Vec::new();
        while reader.cursor() < until {
            seen.extend(reader.next().await.expect("it goes on").iter().map(|event| event.seq));
        }
        seen
    }

    #[tokio::test]
    async fn who_drops_and_resumes_misses_nothing_wherever_it_was_cut_off() {
        let all = facts(20);
        let feed = Feed::new(0, Arc::new(Kept(all.clone())));
        for fact in all {
            feed.take(fact).await;
        }
        for cut in 0..40 {
            let mut reader = feed.reader(Some(cut), Filter::default()).unwrap();
            assert_eq!(read(&mut reader, 40).await, (cut + 1..=40).collect::<Vec<_>>());
        }
        assert!(feed.reader(Some(41), Filter::default()).is_none(), "that is not yet");
    }

    #[tokio::test]
    async fn over_a_restart_it_reads_from_the_records_as_it_was_told_live() {
        let all = facts(20);
        let live = Feed::new(0, Arc::new(Kept(Vec::new())));
        for fact in all.clone() {
            live.take(fact).await;
        }
        let mut reader = live.reader(Some(0), Filter::default()).unwrap();
        let told = reader.next().await.unwrap();
        // The process is a new one: it begins behind fact 30, and goes on.
        let feed = Feed::new(30, Arc::new(Kept(all.clone())));
        for fact in all.into_iter().skip(30) {
            feed.take(fact).await;
        }
        for cut in [0, 1, 7, 29, 30, 31] {
            let mut reader = feed.reader(Some(cut), Filter::default()).unwrap();
            let mut seen = Vec::new();
            while reader.cursor() < 40 {
                seen.extend(reader.next().await.unwrap());
            }
            let wanted: Vec<_> = told.iter().filter(|event| event.seq > cut).cloned().collect();
            assert_eq!(seen, wanted, "after {cut}");
        }
    }

    #[tokio::test]
    async fn facts_that_were_missed_come_from_the_records() {
        let all = facts(20);
        let feed = Feed::new(0, Arc::new(Kept(all.clone())));
        feed.take(all[0].clone()).await;
        feed.take(all[30].clone()).await;
        feed.take(all[3].clone()).await;
        let mut reader = feed.reader(Some(0), Filter::default()).unwrap();
        assert_eq!(read(&mut reader, 31).await, (1..=31).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn one_that_is_too_slow_is_told_and_can_go_on() {
        let calls = KEPT as u64;
        let all = facts(calls);
        let feed = Feed::new(0, Arc::new(Kept(all.clone())));
        let mut reader = feed.reader(None, Filter::default()).unwrap();
        feed.take(all[0].clone()).await;
        assert_eq!(reader.next().await.unwrap().len(), 1);
        feed.tell(all.iter());
        assert_eq!(reader.next().await, Err(End::Slow));
        let mut again = feed.reader(Some(reader.cursor()), Filter::default()).unwrap();
        let seen = read(&mut again, calls * 2).await;
        assert_eq!(seen.len() as u64, calls * 2 - 1);
        assert!(seen.is_sorted());
    }

    /// Records that are further than what was told, and slow.
    struct Slow(Kept, Duration);

    impl History for Slow {
        fn after(&self, seq: u64, most: usize) -> Later<Vec<Fact>> {
            let (later, pause) = (self.0.after(seq, most), self.1);
            Box::pin(async move {
                sleep(pause).await;
                later.await
            })
        }
        fn of_call(&self, call: CallId, until: u64) -> Later<Vec<Fact>> {
            let (later, pause) = (self.0.of_call(call, until), self.1);
            Box::pin(async move {
                sleep(pause).await;
                later.await
            })
        }
        fn agents(&self, _: u64) -> Later<Vec<Fact>> {
            let pause = self.1;
            Box::pin(async move {
                sleep(pause).await;
                Ok(Vec::new())
            })
        }
    }

    #[tokio::test]
    async fn what_the_records_have_before_it_is_told_comes_once() {
        let all = facts(20);
        let feed = Feed::new(20, Arc::new(Kept(all.clone())));
        let mut reader = feed.reader(Some(3), Filter::default()).unwrap();
        let mut seen: Vec<u64> = Vec::new();
        seen.extend(reader.next().await.unwrap().iter().map(|event| event.seq));
        assert_eq!(reader.cursor(), 20, "no further than what was told");
        assert!(reader.now().await.unwrap().is_empty());
        assert!(feed.reader(Some(reader.cursor()), Filter::default()).is_some(), "it may resume");
        for fact in all.into_iter().skip(20) {
            feed.take(fact).await;
        }
        seen.extend(read(&mut reader, 40).await);
        assert_eq!(seen, (4..=40).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_gives_up_waiting_for_the_records_again_and_again_gets_on() {
        let all = facts(20);
        let history = Slow(Kept(all.clone()), Duration::from_secs(20));
        let feed = Feed::new(40, Arc::new(history));
        // In the middle of a call: that one is looked up.
        let mut reader = feed.reader(Some(5), Filter::default()).unwrap();
        let mut seen: Vec<u64> = Vec::new();
        for _ in 0..20 {
            let next = tokio::time::timeout(Duration::from_secs(15), reader.next()).await;
            match next {
                Ok(events) => seen.extend(events.unwrap().iter().map(|event| event.seq)),
                Err(_) => assert_eq!(reader.cursor(), seen.last().copied().unwrap_or(5)),
            }
        }
        assert_eq!(seen, (6..=40).collect::<Vec<_>>());
    }
}
