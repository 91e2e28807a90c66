//! What follows from a tally by division: each figure of a report by its formula, in one place.
//!
//! Times are milliseconds. A mean is a [`Ratio`] of a sum and a count, so that it can be shown and never
//! averaged.

use super::measure::{Measure as M, Tally};
use super::service::Ratio;

/// Waits that ended otherwise than by an answer or by hanging up.
pub fn flowed_out(tally: &Tally) -> u64 {
    tally.sum(&[M::TimedOut, M::NoAgents, M::Key, M::Moved, M::Closed, M::BackWanted, M::Lost])
}

/// All callers whose wait has ended.
pub fn offered(tally: &Tally) -> u64 {
    tally.sum(&[M::Answered, M::Abandoned]) + flowed_out(tally)
}

/// Abandoned / offered.
pub fn abandonment(tally: &Tally) -> Ratio {
    Ratio::new(tally.get(M::Abandoned), offered(tally))
}

/// The same without those who hung up within `short` seconds, on either side.
pub fn abandonment_but_short(tally: &Tally, short: u32) -> Ratio {
    let gone = tally.abandoned_within(short);
    let abandoned = tally.get(M::Abandoned).saturating_sub(gone);
    Ratio::new(abandoned, offered(tally).saturating_sub(gone))
}

/// Average speed of answer: queue and ring of those answered / answered.
pub fn speed_of_answer(tally: &Tally) -> Ratio {
    Ratio::new(tally.get(M::WaitMs), tally.get(M::Answered))
}

/// Calls answered by the queue's agents: what another phone picked up is in no talk of theirs.
fn answered_by_agents(tally: &Tally) -> u64 {
    tally.get(M::Answered).saturating_sub(tally.get(M::PickedUp))
}

/// Calls handled: answered by agents, called back, and reached in a preview campaign.
pub fn handled(tally: &Tally) -> u64 {
    answered_by_agents(tally) + tally.sum(&[M::CalledBack, M::Previewed])
}

/// Average handling time: (talk + hold + after-call work) / handled.
pub fn handling(tally: &Tally) -> Ratio {
    Ratio::new(tally.sum(&[M::TalkMs, M::HoldMs, M::AfterMs]), handled(tally))
}

/// A time per call handled.
pub fn per_answer(tally: &Tally, time: M) -> Ratio {
    Ratio::new(tally.get(time), handled(tally))
}

/// How long the phone of who answered rang: ring / answered by agents. Who was called back or shown to an agent was not rung for.
pub fn ring_time(tally: &Tally) -> Ratio {
    Ratio::new(tally.get(M::RingMs), answered_by_agents(tally))
}

/// How long agents were signed in.
pub fn staffed(tally: &Tally) -> u64 {
    tally.sum(&[M::ReadyMs, M::RingingMs, M::TalkingMs, M::OtherMs, M::AfterMs, M::NotReadyMs])
}

/// Occupancy: (talk + hold + after-call work) / (the same + available). By the agents' states.
pub fn occupancy(tally: &Tally) -> Ratio {
    let busy = tally.sum(&[M::TalkingMs, M::AfterMs]);
    Ratio::new(busy, busy + tally.get(M::ReadyMs))
}

/// Utilisation: handling time / signed-in time.
pub fn utilisation(tally: &Tally) -> Ratio {
    Ratio::new(tally.sum(&[M::TalkingMs, M::AfterMs]), staffed(tally))
}

/// Ring no answer: offers that rang until the time was over / offers.
pub fn ring_no_answer(tally: &Tally) -> Ratio {
    Ratio::new(tally.get(M::NoAnswer), tally.get(M::Offers))
}

/// Transfer rate: talks that were sent on / handled.
pub fn transfer_rate(tally: &Tally) -> Ratio {
    Ratio::new(tally.get(M::Transferred), handled(tally))
}

/// BCMS' "AUX / other": signed in, and neither available nor busy with a call.
pub fn aux_and_other(tally: &Tally) -> u64 {
    tally.sum(&[M::NotReadyMs, M::RingingMs])
}

/// The mean of the keys that callers pressed at a survey's question, `care/solved`.
pub fn satisfaction(tally: &Tally, question: &str) -> Ratio {
    let answers = tally.get(M::SurveyAnswers(question.into()));
    Ratio::new(tally.get(M::SurveyPoints(question.into())), answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of BCMS' agent report: 10 ACD calls, 1:15 average talk, 7:30 after call, 25:00 available, 10:40 aux,
    /// 1 extension call of 4:00, 60:00 staffed, 0:20 hold. Its times reconcile.
    #[test]
    fn the_sample_row_of_bcms() {
        let mut row = Tally::default();
        let minutes = |m: u64, s: u64| (m * 60 + s) * 1_000;
        for (measure, value) in [
            (M::Answered, 10),
            (M::TalkMs, 10 * minutes(1, 15)),
            (M::HoldMs, minutes(0, 20)),
            (M::TalkingMs, 10 * minutes(1, 15) + minutes(0, 20)),
            (M::AfterMs, minutes(7, 30)),
            (M::ReadyMs, minutes(25, 0)),
            (M::NotReadyMs, minutes(10, 40)),
            (M::OtherCalls, 1),
            (M::OtherMs, minutes(4, 0)),
        ] {
            row.add(measure, value);
        }
        assert_eq!(staffed(&row), minutes(60, 0));
        assert_eq!(per_answer(&row, M::TalkMs).value(), Some(75_000.0));
        assert_eq!(aux_and_other(&row), minutes(10, 40));
        let busy = minutes(12, 50) + minutes(7, 30);
        assert_eq!(occupancy(&row), Ratio::new(busy, busy + minutes(25, 0)));
        assert_eq!(utilisation(&row), Ratio::new(busy, minutes(60, 0)));
        assert_eq!(handling(&row), Ratio::new(busy, 10));
    }

    #[test]
    fn call_backs_shorten_no_ring() {
        let mut tally = Tally::default();
        for (measure, value) in
            [(M::Answered, 10), (M::RingMs, 100_000), (M::CalledBack, 10), (M::TalkMs, 600_000)]
        {
            tally.add(measure, value);
        }
        assert_eq!(ring_time(&tally).value(), Some(10_000.0));
        assert_eq!(per_answer(&tally, M::TalkMs).value(), Some(30_000.0));
    }

    #[test]
    fn who_hangs_up_at_once_can_be_left_out() {
        let mut tally = Tally::default();
        tally.add(M::Answered, 90);
        tally.add(M::Abandoned, 10);
        tally.add(M::AbandonedIn(3), 4);
        tally.add(M::AbandonedIn(30), 6);
        assert_eq!(abandonment(&tally), Ratio::new(10, 100));
        assert_eq!(abandonment_but_short(&tally, 5), Ratio::new(6, 96));
    }
}
