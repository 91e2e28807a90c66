//! Keys about alarms: who gets letters of them, and when some are raised.

use core::time::Duration;

use super::mail::Mail;
use super::name::MailAddress;
use super::setting::{Reader, section};

section! {
    /// Alarms: `show alarms` on the console lists them, `[[webhook]]`s get them as events `Alarm`, and these get letters.
    [alarm] struct Alarm {
        /// Who gets a letter when alarms are raised, and when they are over. Needs `[mail] server`. Without it: nobody.
        mail: Option<Vec<MailAddress>> = derived, live;
        /// Letters within any hour at most; what happens meanwhile stands in the next.
        letters_per_hour: u32 = "12" in ["1", "360"], live;
        /// A missed check-in that has become a task and to which nobody has seen within this is an alarm.
        check_in_unattended: Duration = "\"10 min\"" in ["\"1 min\"", "\"24 h\""], live;
    }
}

/// Letters need a server.
pub(super) fn check(alarm: &Alarm, mail: Option<&Mail>, reader: &mut Reader<'_>) {
    if alarm.mail.is_some() && mail.is_some_and(|mail| mail.server.is_none()) {
        let what = "no letter is sent: there is no server";
        let remedy = "add `server = \"mail.…\"` under [mail]";
        reader.faults.error(&reader.place("alarm", 0, "mail"), what, remedy);
    }
}
