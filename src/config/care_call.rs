//! Keys about calls on a schedule (R17): birthdays, medicine, warnings to a region, any list.

use core::fmt;
use core::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::calendar::Holiday;
use super::choice::CareFlag;
use super::name::{Label, Name, Number};
use super::setting::{Reader, Setting, Wrong, read_text, section};
use crate::base::week::{self, Moment, WEEKDAYS, Window};

section! {
    /// Calls on a schedule: whom, when, with what. Who answers is in the context `care-call`.
    [[care_call]] struct CareCall {
        /// Its name.
        name: Name = required, live;
        /// At which times of the day it begins. Without it: by hand alone (`care-call start`).
        times: Option<Vec<TimeOfDay>> = derived, live;
        /// On which days.
        days: WeekDays = "\"daily\"", live;
        /// A list of `[holidays]` in the dialplan: on its days nobody is called. Without it: they are days like others.
        not_on: Option<Name> = derived, live;
        /// The day, or the first and the last, on which it begins. Without it: for ever.
        dates: Option<Holiday> = derived, live;
        /// From when until when in the day calls begin; whoever is not reached by then is given up.
        hours: Hours = "\"09:00-20:00\"", live;
        /// Those alone whose birthday it is.
        birthday: bool = "false", live;
        /// Those of these regions. Without `numbers`, `regions`, `flags`: all subscribers.
        regions: Option<Vec<Name>> = derived, live;
        /// Those of these flags.
        flags: Option<Vec<CareFlag>> = derived, live;
        /// These numbers and nobody else, subscribers or not.
        numbers: Option<Vec<Number>> = derived, live;
        /// How often each is called until he is reached.
        attempts: u32 = "2" in ["1", "10"], live;
        /// From the end of a call to the next to the same.
        every: Duration = "\"30 min\"" in ["\"1 min\"", "\"6 h\""], live;
        /// Whether only he is reached who comes to the step `accept`, by a key: an answering machine does not.
        confirm: bool = "false", live;
        /// What the plan has as `${care_call_text}`: the name of a prompt that it plays.
        text: Option<Label> = derived, live;
    }
}

/// A time of the day, in minutes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeOfDay(pub u16);

impl Setting for TimeOfDay {
    const WRITE: &'static str = "a time of the day, such as \"08:00\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<TimeOfDay> {
        read_text(value, reader, Self::WRITE, |text| {
            let second = week::clock(text).filter(|second| *second < week::DAY && second % 60 == 0);
            second
                .and_then(|second| u16::try_from(second / 60).ok())
                .map(TimeOfDay)
                .ok_or_else(|| Wrong::not(text, Self::WRITE))
        })
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// Hours of one day, in seconds since midnight: the first included, the last not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hours(pub u32, pub u32);

impl Setting for Hours {
    const WRITE: &'static str = "hours of a day, such as \"09:00-20:00\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Hours> {
        read_text(value, reader, Self::WRITE, |text| match week::hours(text) {
            Ok((from, to)) if from < to => Ok(Hours(from, to)),
            Ok(_) => Err(Wrong::new("they end before they begin: nobody is called over midnight")),
            Err(why) => Err(Wrong::new(why)),
        })
    }
}

/// Days of the week.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WeekDays(Window);

impl WeekDays {
    /// Their words: `mon tue`.
    pub fn words(self) -> String {
        let on = |nth: &usize| self.0.holds(Moment { weekday: *nth as u8 + 1, second: 0 });
        let days = (0..WEEKDAYS.len()).filter(on).map(|nth| WEEKDAYS[nth]);
        days.collect::<Vec<_>>().join(" ")
    }
}

impl Setting for WeekDays {
    const WRITE: &'static str = "days of the week, such as \"mon-fri\", \"sat,sun\" or \"daily\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<WeekDays> {
        read_text(value, reader, Self::WRITE, |text| {
            if text.contains(':') {
                return Err(Wrong::write("hours do not belong here", "write them in `hours`"));
            }
            let days = if text == "daily" { "mon-sun" } else { text };
            Window::parse(days).map(WeekDays).map_err(Wrong::new)
        })
    }
}

/// Each name stands once, numbers go with no other choice, and each time lies in the hours.
pub(super) fn check(all: &[(usize, CareCall)], reader: &mut Reader<'_>) {
    for (at, (nth, own)) in all.iter().enumerate() {
        if let Some((_, first)) = all[..at].iter().find(|(_, other)| other.name == own.name) {
            let what =
                format!("a care call \"{}\" stands in line {} already", own.name, first.at.line);
            let place = reader.place("care_call", *nth, "name");
            reader.faults.error(&place, what, "give it another name");
        }
        let chosen = own.birthday || own.regions.is_some() || own.flags.is_some();
        if own.numbers.is_some() && chosen {
            let what =
                format!("care call \"{}\" has numbers, and chooses among subscribers", own.name);
            let remedy = "leave out `numbers`, or `birthday`, `regions` and `flags`";
            let place = reader.place("care_call", *nth, "numbers");
            reader.faults.error(&place, what, remedy);
        }
        let inside =
            |time: &TimeOfDay| (own.hours.0..own.hours.1).contains(&(u32::from(time.0) * 60));
        if let Some(time) = own.times.iter().flatten().find(|time| !inside(time)) {
            let what = format!("care call \"{}\" begins at {time}, outside its hours", own.name);
            let place = reader.place("care_call", *nth, "times");
            reader.faults.error(&place, what, "write a time within `hours`, or other `hours`");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn faults(more: &str) -> String {
        let text = format!("[media]\naddress = \"10.0.0.1\"\n[[care_call]]\nname = \"a\"\n{more}");
        match Config::parse(&text) {
            Ok(_) => String::new(),
            Err(all) => all.iter().map(|fault| format!("{} | ", fault.what)).collect(),
        }
    }

    #[test]
    fn what_is_written_of_care_calls_is_checked() {
        let good = "times = [\"09:00\", \"14:30\"]\ndays = \"mon-fri\"\nregions = \"south\"\n\
                    dates = \"2026-12-01..2027-02-28\"\nbirthday = true\ntext = \"heat\"\n";
        assert_eq!(faults(good), "");
        assert!(faults("times = \"08:00\"\n").contains("begins at 08:00, outside its hours"));
        assert!(faults("hours = \"20:00-08:00\"\n").contains("end before they begin"));
        assert!(faults("days = \"mon 09:00-10:00\"\n").contains("hours do not belong here"));
        assert!(
            faults("numbers = \"100\"\nbirthday = true\n").contains("has numbers, and chooses")
        );
        assert!(faults("[[care_call]]\nname = \"a\"\n").contains("stands in line"));
        assert!(faults("times = \"8\"\n").contains("8"));
    }

    #[test]
    fn days_have_their_words() {
        let text = "[media]\naddress = \"10.0.0.1\"\n[[care_call]]\nname = \"a\"\ndays = \"sat,sun\"\n\
                    [[care_call]]\nname = \"b\"\n";
        let (config, _) = Config::parse(text).unwrap();
        let words: Vec<String> = config.care_calls.iter().map(|own| own.days.words()).collect();
        assert_eq!(words, ["sat sun", "mon tue wed thu fri sat sun"]);
    }
}
