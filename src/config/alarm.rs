//! Keys about alarms: who gets letters of them, and when some are raised.

use core::time::Duration;

use super::mail::{Mail, check_receivers};
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
    let place = reader.place("alarm", 0, "mail");
    check_receivers(alarm.mail.as_ref(), &place, reader);
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, MOST_RECEIVERS};

    #[test]
    fn a_letter_has_so_many_receivers() {
        let with = |count: usize| {
            let to: Vec<String> =
                (0..count).map(|nth| format!("\"n{nth}@care.example\"")).collect();
            let to = to.join(", ");
            let text = format!(
                "{}[mail]\nserver = \"127.0.0.1\"\nfrom = \"a@b.example\"\n[alarm]\nmail = [{to}]\n\
                 [[resource]]\nname = \"ward\"\nmail = [{to}]\n",
                crate::config::EMBEDDED
            );
            Config::parse(&text).map(|_| ()).map_err(|faults| format!("{faults:?}"))
        };
        assert_eq!(with(MOST_RECEIVERS), Ok(()));
        let why = with(MOST_RECEIVERS + 1).unwrap_err();
        assert_eq!(why.matches("at most 32 receivers").count(), 2, "{why}");
    }
}
