//! Alarms for people: facts come to the board and to the rules, which are looked at once a second, and letters go out.
//!
//! ```text
//!  facts ─▶ Board ◀── show alarms, alarm ack
//!     │        └─▶ letter ─▶ Post
//!     └───▶ Rules ─▶ Input::Alarm ─▶ switch ─▶ a fact ─▶ Board
//! ```
//!
//! Whatever raises an alarm does it by a fact: it is in the journal, and web hooks have it, before a letter says so.

mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::oneshot::error::TryRecvError;

use super::certificates;
use super::clock::Clock;
use super::exchange::Inputs;
use super::files::Fault;
use super::orders::Operator;
use crate::base::{Now, Wall};
use crate::care::plan::Channel;
use crate::config::Config;
use crate::console::{Answer, render};
use crate::engine::WorkerRow;
use crate::net::mail::{Letter, MAX_TEXT, Outcome, Post};
use crate::report::alarms::rules::{Happening, LONGEST, Rules, What};
use crate::report::alarms::watch::Ticks;
use crate::report::alarms::{Alarm, Board, Line, Told};
use crate::switch::Input;
use crate::switch::care::KeptCases;
use crate::switch::care::PlanEvent;
use crate::switch::fact::{AlarmWhat, CareFact, Fact, FactKind};

/// How often the rules are looked at, and how often certificates are read for that.
const LOOK: Duration = Duration::from_secs(1);
const CERTIFICATES_EACH: u32 = 600;
/// Which sheet, as the board says it.
fn sheet(case: u64, to: &str, by: Channel) -> String {
    format!("case {case}: {to} ({})", by.as_str())
}

/// The alarms of this appliance.
pub(super) struct Alarms {
    state: Mutex<State>,
    clock: Clock,
}

struct State {
    board: Board,
    /// What each receiver is still to be told.
    letters: BTreeMap<String, Waiting>,
    rules: Rules,
    /// How long a missed check-in may be nobody's.
    unattended_after: Duration,
    /// What is wrong first with files that are not in force for that.
    refused: Option<String>,
}

/// What one receiver is to be told. One letter to each is on its way at most: a server that is away for a week must not leave
/// the post full, and one receiver whose server takes nothing must not keep the others from hearing.
#[derive(Default)]
struct Waiting {
    told: Told,
    on_way: Option<Outcome>,
    /// That the post takes none has been said.
    said: bool,
}

impl Waiting {
    /// Sends what waits, if nothing is on its way and the post has room; else it waits on.
    fn send(&mut self, written: impl FnOnce(&Told) -> Letter, post: &Post) {
        if self.on_way.as_mut().is_some_and(|on_way| on_way.try_recv() == Err(TryRecvError::Empty))
        {
            return;
        }
        self.on_way = None;
        if self.told.is_empty() {
            return;
        }
        match post.put(written(&self.told)) {
            Ok(on_way) => {
                (self.on_way, self.told, self.said) = (Some(on_way), Told::default(), false);
            }
            Err(why) if !std::mem::replace(&mut self.said, true) => {
                tracing::error!("a letter of {} alarms waits: {why}", self.told.lines.len());
            }
            Err(_) => {}
        }
    }
}

impl Alarms {
    /// `nth`: which start this is.
    pub(super) fn new(clock: Clock, config: &Config, nth: u32) -> Arc<Alarms> {
        let unattended_after = config.alarm.check_in_unattended;
        let (board, letters) = (Board::of_start(nth), BTreeMap::new());
        let rules = Rules::default();
        let state = State { board, letters, rules, unattended_after, refused: None };
        Arc::new(Alarms { state: Mutex::new(state), clock })
    }

    fn with<R>(&self, act: impl FnOnce(&mut State, Now) -> R) -> R {
        act(&mut self.state.lock().expect("no holder panics"), self.clock.now())
    }

    /// What the records say is open from before the start: cases in which nobody has talked, and missed check-ins to which
    /// nobody has seen, are alarms again. Their time runs on.
    pub(super) fn restore(&self, kept: &KeptCases) {
        self.with(|state, now| {
            for case in &kept.unheard {
                state.rules.take(now.at, Happening::Unheard(*case));
            }
            for of in &kept.unsent {
                let whose = sheet(of.case, &of.to, of.by);
                let unsent = Happening::Sheet { case: of.case, whose: &whose, sent: false };
                state.rules.take(now.at, unsent);
            }
            for (_, of) in &kept.cut_sheets {
                state.rules.take(now.at, Happening::Closed(of.case));
            }
            for (account, case, due) in &kept.tasks {
                let ago = u64::try_from(now.wall.0.saturating_sub(due.0)).unwrap_or(0);
                let left = state.unattended_after.saturating_sub(Duration::from_millis(ago));
                let until = now.at + left;
                state.rules.take(now.at, Happening::Task { account, case: *case, until });
            }
        });
    }

    /// A fact is being written. Never waits for the switch, whose thread this is.
    pub(super) fn take(&self, fact: &Fact) {
        match &fact.kind {
            FactKind::Alarm { what, raised, detail, call } => self.with(|state, now| {
                let key = (what.as_str(), about(*what, detail));
                match raised {
                    true => state.board.raise(now, key, detail, *call),
                    false => state.board.clear(now, key),
                }
            }),
            FactKind::NoRtp { .. } => self.happens(Happening::Silent),
            FactKind::Care { account, what } => self.care(account, what),
            _ => {}
        }
    }

    fn happens(&self, happening: Happening<'_>) {
        self.with(|state, now| state.rules.take(now.at, happening));
    }

    fn care(&self, account: &str, what: &CareFact) {
        match what {
            CareFact::CheckInTask { case, .. } => self.with(|state, now| {
                let until = now.at + state.unattended_after;
                state.rules.take(now.at, Happening::Task { account, case: *case, until });
            }),
            CareFact::CheckedIn { .. } | CareFact::CheckInClosed { .. } => {
                self.happens(Happening::CheckedIn(account));
            }
            // Its time for a talk is over already.
            CareFact::NoCall { case } => self.happens(Happening::Unheard(*case)),
            CareFact::Plan { case, happened: PlanEvent::Sent { to, by, why }, .. } => {
                let whose = sheet(*case, to, *by);
                let sent = why.is_empty();
                self.happens(Happening::Sheet { case: *case, whose: &whose, sent });
            }
            CareFact::Talked { case } => self.happens(Happening::Talked(*case)),
            CareFact::Closed { case, .. } => self.happens(Happening::Closed(*case)),
            _ => {}
        }
    }

    /// What the rules say now; `waiting`: facts that the database has not.
    fn look(&self, config: &Config, waiting: u64) {
        self.with(|state, now| {
            state.unattended_after = config.alarm.check_in_unattended;
            state.rules.look(now, waiting);
        });
    }

    /// What the RTP workers have counted.
    fn workers(&self, rows: Vec<WorkerRow>) {
        let ticks =
            |row: WorkerRow| Ticks { worker: row.name, late: row.late_ticks, heard: row.legs > 0 };
        let ticks: Vec<Ticks> = rows.into_iter().map(ticks).collect();
        self.with(|state, now| state.rules.workers(now.at, &ticks));
    }

    /// Certificates that end soon, or that cannot be read any more.
    fn certificates(&self, config: &Config) {
        let mut now: BTreeMap<String, (bool, String)> = BTreeMap::new();
        for (file, fault) in certificates::faults(config) {
            let file = file.display().to_string();
            let detail = format!("{file}{OF}{}", fault.what);
            now.entry(file).or_insert((fault.error, detail));
        }
        self.with(|state, _| state.rules.certificates(now));
    }

    /// What is wrong in the files that are in force: a start goes on without it, and a reload is refused.
    pub(super) fn files(&self, faults: &[Fault]) {
        let first = faults.first().map(ToString::to_string).unwrap_or_default();
        self.with(|state, _| {
            state.refused = None;
            state.rules.files(faults.len(), &first);
        });
    }

    /// The files on the disk were refused, for so many faults: others are in force.
    pub(super) fn refused(&self, faults: usize, first: &str) {
        self.with(|state, _| {
            state.refused = Some(first.chars().take(LONGEST).collect());
            state.rules.files(faults.max(1), first);
        });
    }

    /// What is wrong first with the files on the disk, where others are in force.
    pub(super) fn not_in_force(&self) -> Option<String> {
        self.with(|state, _| state.refused.clone())
    }

    /// Says to the switch what it has room for.
    fn tell(&self, inputs: &Inputs) {
        self.with(|state, _| {
            match state.rules.left_out() {
                0 => {}
                many => tracing::error!("{many} alarms are not told: too many wait"),
            }
            while let Some(said) = state.rules.next_said() {
                let (what, raised, detail) = (word(said.what), said.raised, said.detail.clone());
                let stepped = (raised && what == AlarmWhat::ClockStepped).then(|| detail.clone());
                if inputs.offer(Input::Alarm { what, raised, detail }).is_err() {
                    return state.rules.put_back(said);
                }
                if let Some(by) = stepped {
                    tracing::warn!("the clock was set {by}");
                }
            }
        });
    }

    /// Sends what is due as a letter.
    fn write(&self, config: &Config, zone: &TimeZone, post: &Post) {
        let most = config.alarm.letters_per_hour as usize;
        let all = config.alarm.mail.iter().flatten().map(ToString::to_string);
        let to: BTreeSet<String> = all.collect();
        // The switch's thread waits for this lock: letters are written outside it.
        let mut letters = self.with(|state, now| {
            state.letters.retain(|one, _| to.contains(one));
            let told = if to.is_empty() { None } else { state.board.letter(now.at, most) };
            for one in to {
                let waiting = state.letters.entry(one).or_default();
                told.iter().for_each(|told| waiting.told.add(told.clone()));
            }
            std::mem::take(&mut state.letters)
        });
        for (one, waiting) in &mut letters {
            waiting.send(|told| letter(config, zone, vec![one.clone()], told), post);
        }
        self.with(|state, _| state.letters = letters);
    }

    /// `show alarms`.
    pub(super) fn show(&self, zone: &TimeZone) -> Answer {
        // The switch's thread waits for this lock: what is shown is made of copies.
        let (standing, past, more) = self.with(|state, _| {
            let standing: Vec<Alarm> = state.board.standing().into_iter().cloned().collect();
            let more = state.board.more().map(|(what, count)| (what.to_owned(), count));
            let more: BTreeMap<String, usize> = more.collect();
            (standing, state.board.past().cloned().collect::<Vec<Alarm>>(), more)
        });
        let row = |alarm: &Alarm| {
            let seen = alarm.acked.as_ref().map(|(by, _)| by.clone()).unwrap_or_default();
            let over = alarm.over.map(|at| time(at, zone)).unwrap_or_default();
            let number = alarm.number.to_string();
            let look = AlarmWhat::ALL.iter().find(|known| known.as_str() == alarm.what);
            let look = look.map_or("", |what| words::of(*what).look).to_owned();
            let since = time(alarm.since, zone);
            vec![number, alarm.what.clone(), alarm.detail.clone(), since, over, seen, look]
        };
        let head = ["NUMBER", "ALARM", "DETAIL", "SINCE", "OVER", "SEEN TO BY", "LOOK"];
        let rows = standing.iter().chain(&past).map(row);
        let mut text = render::table(&head, rows, "no alarm stands, and none has since the start");
        for (what, count) in &more {
            text += &format!("and {count} more {what}\n");
        }
        Answer::done(text, serde_json::json!({ "standing": standing, "past": past, "more": more }))
    }

    /// `alarm ack`.
    pub(super) fn ack(&self, number: u32, by: &str) -> Answer {
        self.with(|state, now| match state.board.ack(now, number, by) {
            Some(alarm) => {
                let by = alarm.acked.as_ref().map_or(by, |(by, _)| by.as_str());
                Answer::done(format!("{} {}: seen to by {by}", alarm.what, alarm.detail), alarm)
            }
            None => Answer::refused(format!("no alarm {number} stands: see 'show alarms'")),
        })
    }
}

/// What the rules raise, as facts name it.
fn word(what: What) -> AlarmWhat {
    match what {
        What::OneWayAudio => AlarmWhat::OneWayAudio,
        What::CheckInUnattended => AlarmWhat::CheckInUnattended,
        What::AlarmUnheard => AlarmWhat::AlarmUnheard,
        What::SheetUnsent => AlarmWhat::SheetUnsent,
        What::ClockStepped => AlarmWhat::ClockStepped,
        What::JournalBehind => AlarmWhat::JournalBehind,
        What::CertificateEnds => AlarmWhat::CertificateEnds,
        What::FilesFaulty => AlarmWhat::FilesFaulty,
        What::WorkersLate => AlarmWhat::WorkersLate,
    }
}

/// Between the file of a certificate and what is wrong with it.
const OF: &str = ": ";

/// Of which thing an alarm is: where several of a kind stand side by side, their detail names it.
fn about(what: AlarmWhat, detail: &str) -> &str {
    match what {
        AlarmWhat::CertificateEnds => detail.split_once(OF).map_or(detail, |(file, _)| file),
        AlarmWhat::GatewayDown
        | AlarmWhat::CheckInUnattended
        | AlarmWhat::AlarmUnheard
        | AlarmWhat::CampaignHeld
        | AlarmWhat::SheetUnsent
        | AlarmWhat::ApiShut => detail,
        _ => "",
    }
}

fn time(at: Wall, zone: &TimeZone) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    at.to_zoned(zone.clone()).strftime("%m-%d %H:%M:%S").to_string()
}

/// Bytes of a letter that are kept for what is not listed, a line for each kind, and for its end.
const LETTER_END: usize = 4 * 1_024;

/// What somebody reads at three in the morning: what, since when, where to look; in both languages.
fn letter(config: &Config, zone: &TimeZone, to: Vec<String>, told: &Told) -> Letter {
    let words = |line: &Line| {
        let known = AlarmWhat::ALL.iter().find(|known| known.as_str() == line.alarm.what);
        words::of(known.copied().unwrap_or(AlarmWhat::Unknown))
    };
    let node = &config.node.name;
    let raised = told.lines.iter().filter(|line| !line.over).count();
    let first = told.lines.iter().find(|line| !line.over).or(told.lines.first());
    let what = first.map_or("", |line| words(line).zh);
    let what_en = first.map_or("", |line| line.alarm.what.as_str());
    let all = told.lines.len() as u64 + told.left_out.values().sum::<u64>();
    let more = match all {
        0 | 1 => String::new(),
        n => format!(" (+{})", n - 1),
    };
    let state = if raised > 0 { "告警" } else { "恢复" };
    let subject = format!("[{node}] {state} {what} {what_en}{more}");
    let all: Vec<String> = told.lines.iter().map(|line| entry(line, &words(line), zone)).collect();
    let fits = fitting(&told.lines, &all);
    let mut left_out = told.left_out.clone();
    let mut text = String::new();
    for ((line, entry), fits) in told.lines.iter().zip(&all).zip(fits) {
        match fits {
            true => text += entry,
            false => *left_out.entry(line.alarm.what.clone()).or_default() += 1,
        }
    }
    for (what, count) in &left_out {
        text += &format!("… {what}: {count} 条未列出 / not listed\n");
    }
    text += "\nbelfry console -e 'show alarms'\n";
    Letter { to, subject, text }
}

/// What a letter says of one line.
fn entry(line: &Line, words: &words::Words, zone: &TimeZone) -> String {
    let alarm = &line.alarm;
    let (zh, en) = if line.over { ("恢复", "over") } else { ("告警", "raised") };
    let at = time(alarm.over.filter(|_| line.over).unwrap_or(alarm.since), zone);
    let mut text = format!("{at}  {zh}/{en}  #{}  {}\n", alarm.number, alarm.what);
    text += &format!("    {}\n    {}\n", words.zh, words.en);
    if !alarm.detail.is_empty() {
        text += &format!("    {}\n", alarm.detail);
    }
    if let Some(call) = alarm.call {
        text += &format!("    belfry console -e 'trace {call}'\n");
    }
    if !line.over {
        text += &format!("    → {}\n", words.look);
    }
    text
}

/// Which of the lines' entries have room in a letter. The first of each kind come before the second of any.
fn fitting(lines: &[Line], entries: &[String]) -> Vec<bool> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut order: Vec<(usize, usize)> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let nth = seen.entry(&line.alarm.what).or_default();
        order.push((*nth, at));
        *nth += 1;
    }
    order.sort_unstable();
    let mut room = MAX_TEXT - LETTER_END;
    let mut fits = vec![false; lines.len()];
    for (_, at) in order {
        if let Some(left) = room.checked_sub(entries[at].len()) {
            (room, fits[at]) = (left, true);
        }
    }
    fits
}

/// Looks after the rules and the letters for as long as it runs.
pub(super) async fn run(operator: Arc<Operator>) {
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut nth = 0_u32;
    loop {
        ticks.tick().await;
        let operator = operator.clone();
        let certificates = nth.is_multiple_of(CERTIFICATES_EACH);
        nth = nth.wrapping_add(1);
        // Files are read.
        let looked = tokio::task::spawn_blocking(move || operator.look_at_alarms(certificates));
        let _ = looked.await;
    }
}

impl Operator {
    fn look_at_alarms(&self, certificates: bool) {
        let (config, zone) = (self.config(), self.zone());
        let alarms = &self.figures.alarms;
        alarms.look(&config, self.figures.journal.health().not_applied);
        alarms.workers(self.figures.workers.rows());
        if certificates {
            alarms.certificates(&config);
        }
        alarms.tell(self.inputs());
        alarms.write(&config, &zone, &self.post);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::CallId;
    use crate::net::mail::{Encryption, Mailer, Server};
    use crate::switch::care::sheets::SheetOf;

    fn fact(kind: FactKind) -> Fact {
        Fact { seq: 1, wall: Wall(0), kind }
    }

    fn alarm(what: AlarmWhat, raised: bool, detail: &str) -> Fact {
        fact(FactKind::Alarm { what, raised, detail: detail.into(), call: None })
    }

    fn alarms() -> (Arc<Alarms>, Config) {
        let text = "[node]\nname = \"care-1\"\n[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n\
                    [mail]\nserver = \"127.0.0.1\"\nfrom = \"a@b.example\"\n\
                    [alarm]\nmail = [\"night@care.example\"]\n";
        let (config, _) = Config::parse(text).unwrap();
        (Alarms::new(Clock::start(), &config, 1), config)
    }

    fn said(alarms: &Alarms) -> Vec<(AlarmWhat, bool)> {
        alarms.with(|state, _| {
            let next = || state.rules.next_said().map(|said| (word(said.what), said.raised));
            std::iter::from_fn(next).collect()
        })
    }

    #[test]
    fn gateways_have_alarms_of_their_own_and_other_kinds_one_each() {
        let (alarms, _) = alarms();
        for name in ["e1-a", "e1-b", "e1-a"] {
            alarms.take(&alarm(AlarmWhat::GatewayDown, true, name));
        }
        alarms.take(&alarm(AlarmWhat::NoPorts, true, "1001"));
        alarms.take(&alarm(AlarmWhat::NoPorts, true, "1002"));
        alarms.take(&alarm(AlarmWhat::GatewayDown, false, "e1-a"));
        let shown = alarms.show(&TimeZone::UTC);
        let standing = shown.data["standing"].as_array().unwrap();
        let details: Vec<_> = standing.iter().map(|a| a["detail"].as_str().unwrap()).collect();
        assert_eq!(details, ["e1-b", "1001"]);
        assert!(shown.text.contains("show gateways"), "{}", shown.text);
        assert!(alarms.ack(2, "li").text.contains("seen to by li"));
        assert!(alarms.show(&TimeZone::UTC).text.contains("li"));
        assert!(!alarms.ack(1, "li").ok, "it is over");
    }

    #[test]
    fn errors_in_the_files_of_the_start_are_an_alarm_until_a_reload_has_none() {
        let (alarms, _) = alarms();
        let (file, what) = ("plan.toml".to_owned(), "there is no queue 'care'".to_owned());
        let fault = Fault { file, line: 3, column: 1, error: true, what, remedy: String::new() };
        alarms.files(&[]);
        assert_eq!(said(&alarms), []);
        alarms.files(&[fault.clone(), fault]);
        let raised = alarms.with(|state, _| state.rules.next_said()).unwrap();
        assert_eq!(raised.detail, "plan.toml:3:1: error: there is no queue 'care' (+1)");
        alarms.files(&[]);
        alarms.files(&[]);
        assert_eq!(said(&alarms), [(AlarmWhat::FilesFaulty, false)]);
        // A reload that is refused, and one that is not.
        alarms.refused(1, "plan.toml:1:1: error: half");
        alarms.refused(2, "plan.toml:2:1: error: other");
        assert_eq!(alarms.not_in_force().as_deref(), Some("plan.toml:2:1: error: other"));
        assert_eq!(said(&alarms), [(AlarmWhat::FilesFaulty, true)]);
        alarms.files(&[]);
        assert_eq!(said(&alarms), [(AlarmWhat::FilesFaulty, false)]);
        assert_eq!(alarms.not_in_force(), None);
    }

    #[test]
    fn a_missed_check_in_to_which_nobody_sees_is_raised_and_over_when_somebody_does() {
        let (alarms, mut config) = alarms();
        config.alarm.check_in_unattended = Duration::ZERO;
        alarms.look(&config, 0);
        let care = |what| fact(FactKind::Care { account: "0760".into(), what });
        alarms.take(&care(CareFact::CheckInTask { due: 0, case: Some(7) }));
        alarms.look(&config, 0);
        alarms.look(&config, 0);
        assert_eq!(said(&alarms), [(AlarmWhat::CheckInUnattended, true)]);
        alarms.take(&care(CareFact::Talked { case: 8 }));
        alarms.take(&care(CareFact::Talked { case: 7 }));
        alarms.take(&care(CareFact::CheckInClosed { due: 0 }));
        assert_eq!(said(&alarms), [(AlarmWhat::CheckInUnattended, false)]);
    }

    #[test]
    fn an_alarm_that_nobody_talked_in_is_raised_once_and_over_when_somebody_talks_or_closes_it() {
        let (alarms, config) = alarms();
        let care = |what| fact(FactKind::Care { account: "0760".into(), what });
        for case in [7, 8, 7] {
            alarms.take(&care(CareFact::NoCall { case }));
            alarms.look(&config, 0);
        }
        assert_eq!(
            said(&alarms),
            [(AlarmWhat::AlarmUnheard, true), (AlarmWhat::AlarmUnheard, true)]
        );
        alarms.take(&care(CareFact::Talked { case: 8 }));
        alarms.take(&care(CareFact::Talked { case: 8 }));
        assert_eq!(said(&alarms), [(AlarmWhat::AlarmUnheard, false)]);
    }

    /// After a restart the alarms that stood are raised anew, and are over as if nothing had been.
    #[test]
    fn what_stood_before_a_restart_stands_again() {
        let (alarms, config) = alarms();
        let care = |what| fact(FactKind::Care { account: "0760".into(), what });
        let long_ago = Wall(0);
        let tasks = vec![("0760".to_owned(), Some(9), long_ago)];
        let kept = KeptCases { unheard: vec![7, 8], tasks, ..KeptCases::default() };
        alarms.restore(&kept);
        alarms.look(&config, 0);
        let raised = (AlarmWhat::AlarmUnheard, true);
        assert_eq!(said(&alarms), [(AlarmWhat::CheckInUnattended, true), raised, raised]);
        alarms.take(&care(CareFact::Talked { case: 8 }));
        alarms.take(&care(CareFact::Closed { case: 9, outcome: "well".into(), by: "li".into() }));
        let over =
            [AlarmWhat::AlarmUnheard, AlarmWhat::CheckInUnattended].map(|what| (what, false));
        assert_eq!(said(&alarms), over);
    }

    #[test]
    fn a_sheet_that_could_not_be_sent_is_raised_until_it_is_there_or_the_case_closed() {
        let (alarms, config) = alarms();
        let care = |what| fact(FactKind::Care { account: "0760".into(), what });
        let sent = |case, to: &str, why: &str| {
            let (to, why, by) = (to.to_owned(), why.to_owned(), crate::care::plan::Channel::Mail);
            let happened = PlanEvent::Sent { to, by, why };
            care(CareFact::Plan { case, plan: "bell".into(), step: String::new(), happened })
        };
        for (case, to, why) in
            [(7, "ward", "no"), (7, "desk", "no"), (8, "ward", ""), (8, "desk", "no")]
        {
            alarms.take(&sent(case, to, why));
        }
        alarms.look(&config, 0);
        alarms.look(&config, 0);
        let (raised, over) = ((AlarmWhat::SheetUnsent, true), (AlarmWhat::SheetUnsent, false));
        assert_eq!(said(&alarms), [raised; 3]);
        alarms.take(&sent(8, "desk", ""));
        assert_eq!(said(&alarms), [over], "sent again, and there");
        alarms.take(&care(CareFact::Talked { case: 7 }));
        assert_eq!(said(&alarms), []);
        let (outcome, by) = ("well".to_owned(), String::new());
        alarms.take(&care(CareFact::Closed { case: 7, outcome, by }));
        assert_eq!(said(&alarms), [over; 2]);
        // What comes of its other sheets then is no alarm: nobody could end it.
        alarms.take(&sent(7, "ward", "too late"));
        alarms.look(&config, 0);
        assert_eq!(said(&alarms), []);
        // What could not be sent before a restart stands again, if its case is open.
        let of = |case| SheetOf {
            case,
            account: "0760".into(),
            plan: "bell".into(),
            to: "ward".into(),
            by: Channel::Mail,
        };
        let kept = KeptCases {
            unsent: vec![of(9)],
            cut_sheets: vec![(1, of(10))],
            ..KeptCases::default()
        };
        alarms.restore(&kept);
        alarms.take(&sent(10, "ward", "cut"));
        alarms.look(&config, 0);
        assert_eq!(said(&alarms), [raised]);
    }

    #[test]
    fn three_legs_that_send_no_audio_are_an_alarm_and_a_certificate_at_its_end() {
        let (alarms, config) = alarms();
        let leg = crate::base::LegId(1);
        let call = CallId::new(Wall(1), 1);
        let silent =
            |one_way| FactKind::NoRtp { call, leg, silent_ms: 3_000, one_way, unagreed: None };
        for one_way in [true, false, true] {
            alarms.look(&config, 0);
            assert_eq!(said(&alarms), []);
            alarms.take(&fact(silent(one_way)));
        }
        alarms.look(&config, 0);
        assert_eq!(said(&alarms), [(AlarmWhat::OneWayAudio, true)]);
        alarms.certificates(&config);
        assert_eq!(said(&alarms), []);
        let text = "[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n[[certificate]]\nchain = \"/x\"\nkey = \"/y\"\n";
        let (bad, _) = Config::parse(text).unwrap();
        alarms.certificates(&bad);
        alarms.certificates(&bad);
        assert_eq!(said(&alarms), [(AlarmWhat::CertificateEnds, true)]);
        alarms.certificates(&config);
        assert_eq!(said(&alarms), [(AlarmWhat::CertificateEnds, false)]);
    }

    /// One that is known must not hide the next.
    #[test]
    fn each_certificate_is_an_alarm_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let text = |names: &[&str]| {
            let one = |name: &&str| {
                let at = dir.path().join(name).display().to_string();
                format!("[[certificate]]\nchain = \"{at}.pem\"\nkey = \"{at}.key\"\n")
            };
            let all: String = names.iter().map(one).collect();
            Config::parse(&format!("[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n{all}")).unwrap().0
        };
        let write = |name: &str, days: u32| {
            let made =
                crate::net::tls::self_signed::self_signed(&["care.example".into()], days).unwrap();
            std::fs::write(dir.path().join(format!("{name}.pem")), made.certificate).unwrap();
            std::fs::write(dir.path().join(format!("{name}.key")), made.key).unwrap();
        };
        let (alarms, _) = alarms();
        let both = text(&["a", "b"]);
        let board = |alarms: &Alarms| {
            alarms.certificates(&both);
            while let Some(said) = alarms.with(|state, _| state.rules.next_said()) {
                alarms.take(&alarm(word(said.what), said.raised, &said.detail));
            }
            let shown = alarms.show(&TimeZone::UTC);
            let standing = shown.data["standing"].as_array().unwrap().clone();
            let file = |alarm: &serde_json::Value| {
                let name = alarm["about"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
                (name, alarm["number"].as_u64().unwrap())
            };
            standing.iter().map(file).collect::<Vec<_>>()
        };
        let of = |name: &str, number: u64| (format!("{name}.pem"), number);
        write("a", 20);
        write("b", 90);
        assert_eq!(board(&alarms), [of("a", 1)]);
        std::fs::write(dir.path().join("b.pem"), "half").unwrap();
        assert_eq!(board(&alarms), [of("a", 1), of("b", 2)], "the first hides nothing");
        // Tomorrow it is a day less: no alarm of its own. That it cannot be used at all is one.
        write("a", 19);
        assert_eq!(board(&alarms), [of("a", 1), of("b", 2)]);
        std::fs::write(dir.path().join("a.pem"), "half").unwrap();
        assert_eq!(board(&alarms), [of("b", 2), of("a", 3)]);
        write("a", 90);
        write("b", 90);
        assert_eq!(board(&alarms), []);
    }

    /// What is raised in thousands waits; what is of another kind has room.
    #[test]
    fn thousands_of_a_kind_are_said_little_by_little_and_none_is_lost() {
        let (alarms, config) = alarms();
        let care = |what| fact(FactKind::Care { account: "0760".into(), what });
        for case in 0..3_000 {
            alarms.take(&care(CareFact::NoCall { case }));
        }
        alarms.look(&config, 0);
        alarms.with(|state, _| state.rules.files(1, "plan.toml:1:1: error"));
        let mut all = said(&alarms);
        assert!(all.len() < 3_000 && all.contains(&(AlarmWhat::FilesFaulty, true)));
        for _ in 0..10 {
            alarms.look(&config, 0);
            all.extend(said(&alarms));
        }
        assert_eq!(all.len(), 3_001);
    }

    /// A power cut with long words: the letter is shorter than what there is to say, names every kind, and counts the rest.
    #[test]
    fn a_letter_that_would_be_too_long_is_cut_and_counts_what_it_leaves_out() {
        let (alarms, config) = alarms();
        let detail = |n: usize| format!("{n:04} {}", "护".repeat(200));
        for what in [AlarmWhat::AlarmUnheard, AlarmWhat::SheetUnsent] {
            (0..700).for_each(|n| alarms.take(&alarm(what, true, &detail(n))));
        }
        alarms.take(&alarm(AlarmWhat::DiskFull, true, "92 %"));
        let far = crate::base::Time::NEVER;
        let told = alarms.with(|state, _| state.board.letter(far, 12)).unwrap();
        let letter = letter(&config, &TimeZone::UTC, vec!["night@care.example".into()], &told);
        assert!(letter.text.len() <= MAX_TEXT, "{}", letter.text.len());
        assert!(letter.subject.ends_with("(+1400)"), "{}", letter.subject);
        assert!(letter.text.contains("92 %") && letter.text.contains("show alarms"));
        let shown = |what: &str| {
            letter.text.lines().filter(|l| l.contains("#") && l.ends_with(what)).count()
        };
        for what in ["alarm_unheard", "sheet_unsent"] {
            let rest = format!("… {what}: {} 条", 700 - shown(what));
            assert!(shown(what) > 10 && letter.text.contains(&rest), "{rest}: {}", shown(what));
        }
        let board = alarms.show(&TimeZone::UTC);
        assert!(board.text.contains("and 200 more alarm_unheard"));
        assert_eq!(board.data["more"]["sheet_unsent"], 200);
    }

    #[test]
    fn a_letter_says_what_since_when_and_where_to_look_in_both_languages() {
        let (alarms, config) = alarms();
        alarms.take(&alarm(AlarmWhat::GatewayDown, true, "e1-a"));
        alarms.take(&alarm(AlarmWhat::DiskFull, true, "92 %"));
        let far = crate::base::Time::NEVER;
        let told = alarms.with(|state, _| state.board.letter(far, 12)).unwrap();
        let letter = letter(&config, &TimeZone::UTC, vec!["night@care.example".into()], &told);
        assert_eq!(letter.subject, "[care-1] 告警 网关无应答 gateway_down (+1)");
        for part in
            ["#1", "e1-a", "show gateways", "网关", "does not answer", "92 %", "show alarms"]
        {
            assert!(letter.text.contains(part), "{part}: {}", letter.text);
        }
    }

    /// A post that is full, or has no server, costs no alarm; one letter to each is on its way at most.
    #[tokio::test]
    async fn what_the_post_does_not_take_is_told_later() {
        let (alarms, config) = alarms();
        let post = Post::new(tokio::runtime::Handle::current());
        let mut waiting = Waiting::default();
        let told = |what, detail: &str| {
            alarms.take(&alarm(what, true, detail));
            alarms.with(|state, _| state.board.letter(crate::base::Time::NEVER, 100)).unwrap()
        };
        let write =
            |told: &Told| letter(&config, &TimeZone::UTC, vec!["night@care.example".into()], told);
        waiting.told.add(told(AlarmWhat::GatewayDown, "e1-a"));
        waiting.send(write, &post);
        waiting.send(write, &post);
        assert_eq!((waiting.told.lines.len(), waiting.on_way.is_some()), (1, false), "no server");
        // One that nobody answers at: the letter is on its way.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Server {
            host: "127.0.0.1".into(),
            port,
            tls: Encryption::None,
            ca: None,
            hello: "care.example".into(),
            from: "a@b.example".into(),
            login: None,
            pause: Duration::from_secs(60),
            retry_for: Duration::from_secs(600),
        };
        post.renew(Some(Mailer::new(&server).unwrap()));
        waiting.send(write, &post);
        assert_eq!((waiting.told.lines.len(), waiting.on_way.is_some()), (0, true));
        waiting.told.add(told(AlarmWhat::DiskFull, "92 %"));
        waiting.send(write, &post);
        assert_eq!(waiting.told.lines.len(), 1, "behind the first");
        // What became of the first is known: the next goes.
        waiting.on_way = Some(tokio::sync::oneshot::channel().1);
        waiting.send(write, &post);
        assert_eq!((waiting.told.lines.len(), waiting.on_way.is_some()), (0, true));
    }

    #[test]
    fn every_alarm_has_words_of_its_own_in_both_languages() {
        let mut seen = std::collections::BTreeSet::new();
        for what in AlarmWhat::ALL {
            let words = words::of(*what);
            assert!(
                !words.zh.is_ascii() && words.en.is_ascii() && !words.look.is_empty(),
                "{what:?}"
            );
            assert!(seen.insert(words.en), "{what:?} has the words of another");
        }
    }

    /// R28: each kind is told by one letter when it is raised and by one when it is over, however often it is met.
    #[test]
    fn every_kind_is_raised_once_and_over_once_with_its_letters() {
        for (nth, what) in AlarmWhat::ALL.iter().enumerate() {
            let (alarms, config) = alarms();
            let far = crate::base::Time::NEVER;
            let letter = || {
                let told = alarms.with(|state, _| state.board.letter(far, 12))?;
                let to = vec!["night@care.example".into()];
                Some((letter(&config, &TimeZone::UTC, to, &told), told.lines.len()))
            };
            let detail = format!("thing {nth}");
            alarms.take(&alarm(*what, false, &detail));
            assert!(letter().is_none(), "{what:?}: over what never stood");
            (0..3).for_each(|_| alarms.take(&alarm(*what, true, &detail)));
            let words = words::of(*what);
            let (raised, lines) = letter().expect("a letter");
            assert_eq!(lines, 1, "{what:?} is told once");
            let subject = format!("[care-1] 告警 {} {}", words.zh, what.as_str());
            assert_eq!(raised.subject, subject);
            for part in [words.zh, words.en, words.look, &detail, "告警/raised", what.as_str()] {
                assert!(raised.text.contains(part), "{what:?}: {part}: {}", raised.text);
            }
            assert!(letter().is_none(), "{what:?}: nothing new");
            (0..3).for_each(|_| alarms.take(&alarm(*what, false, &detail)));
            let (over, lines) = letter().expect("a letter");
            assert_eq!(lines, 1, "{what:?} is over once");
            assert_eq!(over.subject, format!("[care-1] 恢复 {} {}", words.zh, what.as_str()));
            assert!(over.text.contains("恢复/over") && !over.text.contains('→'), "{}", over.text);
            let shown = alarms.show(&TimeZone::UTC);
            assert_eq!(shown.data["standing"].as_array().map(Vec::len), Some(0), "{what:?}");
            assert!(letter().is_none());
        }
    }
}
