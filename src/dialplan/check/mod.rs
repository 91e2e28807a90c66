//! Checks over the whole plan, once every file is read: do the names exist, are routes reached, does
//! a loop wait for something, can a menu be left, are the variables set that texts read.
//!
//! Place: last step of a load. What a reader could see in one place it has reported itself.

mod flow;
mod lookups;
mod names;
mod reach;
mod rounds;
mod variables;

use super::draft::Draft;

/// Runs every check and reports to the draft.
pub(super) fn check(draft: &mut Draft<'_>) {
    names::check(draft);
    lookups::check(draft);
    reach::check(draft);
    let read: Vec<String> = draft.reads.keys().cloned().collect();
    variables::check(draft);
    // The ways through a plan are only worth following when its names hold.
    if !draft.faults.has_errors() {
        flow::check(draft, &read);
    }
}
