use super::*;
use proptest::prelude::*;

use crate::care::report::{Meaning, Need, Trouble};

/// A reception, its clock, and what it has asked for so far.
struct Line {
    receiver: Receiver,
    now: Time,
    acts: Vec<Act>,
}

impl Line {
    fn new(wanted: Wanted) -> Line {
        let receiver = Receiver::new(Time::ZERO, wanted, Terms::default());
        Line { receiver, now: Time::ZERO, acts: Vec::new() }
    }

    fn does(&mut self, act: Option<Act>) -> Option<Act> {
        self.acts.extend(act.clone());
        act
    }

    /// Waits for what is due next.
    fn waits(&mut self) -> Option<Act> {
        self.now = self.receiver.deadline();
        let act = self.receiver.wake(self.now);
        self.does(act)
    }

    fn keys(&mut self, keys: &str) -> Option<Act> {
        let mut last = None;
        for key in keys.chars() {
            self.now += Duration::from_millis(100);
            let act = self.receiver.key(self.now, key);
            last = self.does(act).or(last);
        }
        last
    }

    fn played(&mut self) -> Option<Act> {
        self.now += Duration::from_millis(600);
        let act = self.receiver.played(self.now);
        self.does(act)
    }

    fn on_disk(&mut self) -> Option<Act> {
        let act = self.receiver.written(self.now, true);
        self.does(act)
    }
}

fn contact_id(body: &str) -> String {
    format!("{body}{}", contact_id::checksum(body).unwrap())
}

const PRESSED: &str = "A02011234567800010190750042#";

fn taken(act: Option<Act>) -> Report {
    match act {
        Some(Act::Take(report, _)) => *report,
        other => panic!("{other:?}"),
    }
}

fn is_handshake(act: &Option<Act>) -> bool {
    matches!(act, Some(Act::Tones(tones)) if tones.len() == 3 && tones[0].hz == 1_400 && tones[2].hz == 2_300)
}

/// DC-05: handshake, event, kiss-off when it is on the disk, the next event, and then speech.
#[test]
fn contact_id_events_are_confirmed_one_by_one() {
    let mut line = Line::new(Wanted::ContactId);
    assert!(is_handshake(&line.waits()));
    assert_eq!(line.now, Time::from_millis(1_250));
    line.played();
    let report = taken(line.keys(&contact_id("123418110101015")));
    assert_eq!((report.account.as_str(), report.meaning), ("1234", Meaning::Alarm(Need::Personal)));
    // Not before it is on the disk; what the panel says again meanwhile changes nothing.
    assert_eq!(line.keys("12"), None);
    let kiss_off = vec![Tone { hz: 0, ms: 200 }, Tone { hz: 1_400, ms: 900 }];
    assert_eq!(line.on_disk(), Some(Act::Tones(kiss_off)));
    line.played();
    let second = taken(line.keys(&contact_id("123418130201000")));
    assert_eq!(second.meaning, Meaning::Began(Trouble::Battery));
    line.on_disk();
    line.played();
    assert_eq!(line.waits(), Some(Act::Over(End::Speech)));
    assert_eq!(line.receiver.gone(), None, "told once");
}

/// A wrong checksum is not confirmed; the panel says it again, four times at most, and then a person has it.
#[test]
fn a_wrong_checksum_is_heard_again_and_ends_at_a_person() {
    let wrong = "1234181101010152";
    assert!(Event::read(wrong).is_err());
    let mut line = Line::new(Wanted::ContactId);
    line.waits();
    line.played();
    for _ in 0..3 {
        line.keys(wrong);
        assert_eq!(line.waits(), None, "the keys are over, and nothing is said");
    }
    let mut mended = Line::new(Wanted::ContactId);
    mended.waits();
    mended.played();
    mended.keys(wrong);
    mended.waits();
    taken(mended.keys(&contact_id("123418110101015")));
    mended.on_disk();
    mended.played();
    assert_eq!(mended.waits(), Some(Act::Over(End::Speech)), "what came right stands");
    line.keys(wrong);
    let end = End::Garbled(Protocol::ContactId, wrong.to_owned());
    assert_eq!(line.waits(), Some(Act::Over(end)));
}

/// BS 8521 §5.1: asked by a B of 500 ms or more, confirmed by a short one.
#[test]
fn bs_8521_is_asked_and_acknowledged() {
    let mut line = Line::new(Wanted::Bs8521);
    assert_eq!(line.waits(), Some(Act::Key('B', 600)));
    assert_eq!(line.keys("B"), None, "an echo of the request");
    line.played();
    let report = taken(line.keys(PRESSED));
    assert_eq!((report.account.as_str(), report.place.as_str()), ("12345678", "bedroom"));
    assert_eq!(line.on_disk(), Some(Act::Key('B', 80)));
    line.played();
    // The unit has not heard that and says it again.
    taken(line.keys(PRESSED));
    line.on_disk();
    line.played();
    assert_eq!(line.waits(), Some(Act::Over(End::Speech)));
}

#[test]
fn a_unit_that_wants_no_speech_is_let_go() {
    let mut line = Line::new(Wanted::Bs8521);
    line.waits();
    line.played();
    taken(line.keys("A00011234567800010530000042#"));
    line.on_disk();
    line.played();
    assert_eq!(line.waits(), Some(Act::Over(End::Silent)));
}

/// Who says nothing is asked in each way so often, and then is a call like any other.
#[test]
fn silence_is_asked_by_turns_and_ends() {
    for (wanted, asked) in [(Wanted::Auto, 8), (Wanted::ContactId, 4), (Wanted::Bs8521, 4)] {
        let mut line = Line::new(wanted);
        while line.waits() != Some(Act::Over(End::Nothing)) {
            line.played();
        }
        let sounds = line.acts.len() - 1;
        let tones = line.acts.iter().filter(|act| is_handshake(&Some((*act).clone()))).count();
        assert_eq!(sounds, asked, "{wanted:?}");
        assert_eq!(tones, if wanted == Wanted::Bs8521 { 0 } else { 4 });
        assert!(line.now < Time::from_millis(20_000));
    }
}

/// With `Auto` either is understood, whichever was asked for last.
#[test]
fn either_protocol_is_known_by_its_first_key() {
    for message in [PRESSED.to_owned(), contact_id("123418110101015")] {
        let mut line = Line::new(Wanted::Auto);
        line.waits();
        line.played();
        taken(line.keys(&message));
    }
}

#[test]
fn what_the_disk_does_not_take_is_not_confirmed() {
    let mut line = Line::new(Wanted::ContactId);
    line.waits();
    line.played();
    taken(line.keys(&contact_id("123418110101015")));
    assert_eq!(line.receiver.written(line.now, false), None);
    taken(line.keys(&contact_id("123418110101015")));
    // A disk that does not answer at all.
    assert_eq!(line.waits(), None);
    assert!(!line.acts.iter().any(|act| matches!(act, Act::Tones(tones) if tones.len() == 2)));
}

#[test]
fn who_hangs_up_in_the_middle_of_it_is_told_of() {
    let mut line = Line::new(Wanted::Auto);
    assert_eq!(line.receiver.gone(), Some(End::Nothing));
    let mut line = Line::new(Wanted::Auto);
    line.waits();
    line.keys("A0201");
    assert_eq!(line.receiver.gone(), Some(End::Garbled(Protocol::Bs8521, "A0201".into())));
}

proptest! {
    /// Whatever is pressed and whenever: it ends within its time, once, and nothing is confirmed that was not
    /// on the disk before.
    #[test]
    fn whatever_comes_it_ends(
        wanted in prop_oneof![Just(Wanted::Auto), Just(Wanted::ContactId), Just(Wanted::Bs8521)],
        steps in proptest::collection::vec((0u8..8, 0u64..2_000, "[0-9*#A-D]"), 0..300),
    ) {
        let mut line = Line::new(wanted);
        let (mut durable, mut confirmed, mut ends) = (0, 0, 0);
        for (what, later, key) in steps {
            line.now += Duration::from_millis(later);
            let now = line.now;
            let act = match what {
                0..=3 => line.receiver.key(now, key.chars().next().unwrap()),
                4 => line.receiver.played(now),
                5 => { let act = line.receiver.written(now, true); durable += u32::from(act.is_some()); act }
                6 => line.receiver.written(now, false),
                _ => line.receiver.wake(now),
            };
            match act {
                Some(Act::Key('B', ACKNOWLEDGED_MS)) => confirmed += 1,
                Some(Act::Tones(tones)) if tones.len() == 2 => confirmed += 1,
                Some(Act::Over(_)) => ends += 1,
                _ => {}
            }
            prop_assert!(confirmed <= durable);
        }
        for _ in 0..200 {
            let at = line.receiver.deadline();
            if at == Time::NEVER { break }
            line.now = line.now.max(at);
            ends += u32::from(matches!(line.receiver.wake(line.now), Some(Act::Over(_))));
        }
        prop_assert_eq!(ends, 1);
        prop_assert_eq!(line.receiver.deadline(), Time::NEVER);
    }
}
