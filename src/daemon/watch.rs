//! The store's reports, to the log and to the exchange: a journal that stops, a database that is away or damaged.

use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, bounded};

use super::exchange::Inputs;
use super::serve::STORE_LOOK;
use crate::store::{Report, Store};
use crate::switch::Input;
use crate::switch::fact::AlarmWhat;

/// Looks after the store: its reports go to the log, and whether facts can be written down to the
/// switch.
pub(super) struct Watch {
    stop: crossbeam_channel::Sender<()>,
    thread: JoinHandle<()>,
}

impl Watch {
    pub(super) fn start(store: &Store, inputs: Inputs) -> Watch {
        let (stop, stopped) = bounded(1);
        let (journal, reports) = (store.journal(), store.reports().clone());
        let thread = std::thread::spawn(move || {
            let (mut accepting, mut damaged) = (true, false);
            while stopped.recv_timeout(STORE_LOOK).is_err_and(|e| e.is_timeout()) {
                tell_reports(&reports, &inputs);
                if let Some(news) = damage(journal.damage(), &mut damaged) {
                    tell(&inputs, news);
                }
                if journal.accepting() != accepting {
                    accepting = !accepting;
                    inputs.tell(Input::JournalFull(!accepting));
                }
            }
        });
        Watch { stop, thread }
    }
    pub(super) fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

fn tell_reports(reports: &Receiver<Report>, inputs: &Inputs) {
    for report in reports.try_iter() {
        let (what, raised, detail) = match report {
            Report::JournalMended { cut, damaged } => {
                tracing::warn!(
                    "journal: {cut} bytes of a half-written record cut off, {damaged} damaged records"
                );
                continue;
            }
            Report::FactRefused { seq, why } => {
                tracing::error!("database: fact {seq} was refused: {why}");
                continue;
            }
            Report::JournalStopped { why } => (AlarmWhat::JournalStopped, true, why),
            Report::JournalResumed => (AlarmWhat::JournalStopped, false, String::new()),
            Report::DatabaseAway(trouble) => (AlarmWhat::DatabaseAway, true, trouble.to_string()),
            Report::DatabaseBack => (AlarmWhat::DatabaseAway, false, String::new()),
        };
        tell(inputs, (what, raised, detail));
    }
}

/// An alarm that is raised (true) or over, and what is known of it.
type News = (AlarmWhat, bool, String);

fn tell(inputs: &Inputs, (what, raised, detail): News) {
    match raised {
        true => tracing::error!("{}: {detail}", what.as_str()),
        false => tracing::info!("{}: over", what.as_str()),
    }
    inputs.tell(Input::Alarm { what, raised, detail });
}

/// What is new of the damage that is known now; `stands`: whether its alarm does.
fn damage(known: Option<String>, stands: &mut bool) -> Option<News> {
    if known.is_some() == *stands {
        return None;
    }
    *stands = known.is_some();
    Some((AlarmWhat::DatabaseDamaged, *stands, known.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_told_once_and_its_end_once() {
        let mut stands = false;
        assert_eq!(damage(None, &mut stands), None);
        let why = || Some("malformed".to_owned());
        let raised = (AlarmWhat::DatabaseDamaged, true, "malformed".to_owned());
        assert_eq!(damage(why(), &mut stands), Some(raised));
        assert_eq!(damage(why(), &mut stands), None);
        let over = (AlarmWhat::DatabaseDamaged, false, String::new());
        assert_eq!(damage(None, &mut stands), Some(over));
        assert_eq!(damage(None, &mut stands), None);
    }
}
