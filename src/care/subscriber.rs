//! One subscriber: what an agent has to see at once when its bell is pressed (R10).
//!
//! Each field stands once, in [`FIELDS`]: from there follow the columns of files, what `set` takes, what is
//! shown, and what the store keeps. Texts are bounded; what a decision needs (numbers, account, flag,
//! check-ins) is read into types, the rest is for people.

use core::fmt::Write as _;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::schedule::{Days, Schedule, Ways};

/// Characters of a text.
pub const LONGEST_TEXT: usize = 2_000;
/// Further numbers.
pub const MOST_FURTHER: usize = 8;
/// Contacts.
pub const MOST_CONTACTS: usize = 10;
/// Files.
pub const MOST_FILES: usize = 20;
/// Digits of a number.
const LONGEST_NUMBER: usize = 20;
/// Characters of an account.
const LONGEST_ACCOUNT: usize = 16;

/// How a subscriber stands out.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Flag {
    /// It does not.
    #[default]
    None,
    /// Served before others.
    Vip,
    /// In special need.
    Special,
}

impl Flag {
    /// The least priority of an alarm of his, 0 to 9, however it comes.
    pub fn priority(self) -> u8 {
        match self {
            Flag::None => 0,
            Flag::Vip => 5,
            Flag::Special => 9,
        }
    }

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Flag::None => "",
            Flag::Vip => "vip",
            Flag::Special => "special",
        }
    }
}

/// Who is called for a subscriber.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contact {
    /// The name.
    pub name: String,
    /// The number.
    pub number: String,
    /// Daughter, neighbour, physician.
    pub relation: String,
}

/// What a subscriber's home has.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Terminal {
    /// Make and type.
    pub kind: String,
    /// Its serial number.
    pub serial: String,
    /// The version of its firmware.
    pub firmware: String,
    /// What it calls itself: SCAIP's and BS 8521's controller, Contact ID's account.
    pub account: String,
}

/// One subscriber.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Subscriber {
    /// The number that its terminal calls from: whose it is.
    pub number: String,
    /// Its other numbers.
    pub further: Vec<String>,
    /// The name.
    pub name: String,
    /// The address.
    pub address: String,
    /// The region, by which its agents are chosen.
    pub region: String,
    /// The language of prompts; empty: the node's.
    pub language: String,
    /// The terminal.
    pub terminal: Terminal,
    /// Who is called, in this order.
    pub contacts: Vec<Contact>,
    /// What a physician has to know.
    pub medical: String,
    /// Who has a key.
    pub key_holder: String,
    /// The plan of the house, photographs: paths or addresses.
    pub files: Vec<String>,
    /// Where it is, as latitude and longitude or in words.
    pub location: String,
    /// VIP, or in special need.
    pub flag: Flag,
    /// From which day it is served.
    pub served_from: Option<Date>,
    /// Until which.
    pub served_until: Option<Date>,
    /// The day of birth.
    pub birthday: Option<Date>,
    /// When it has to report.
    pub check_in: Schedule,
    /// Its time zone; empty: the node's.
    pub time_zone: String,
    /// That zone's rules, looked up when it was set: at the edge, for they are a file.
    pub zone: Option<TimeZone>,
    /// What else there is to know.
    pub notes: String,
}

/// One field: how it is named, read and shown.
pub struct Field {
    /// Its name: of the column, and on the command line.
    pub name: &'static str,
    /// Its name in Chinese.
    pub chinese: &'static str,
    /// What it is and how it is written.
    pub what: &'static str,
    /// As it is written.
    pub get: fn(&Subscriber) -> String,
    /// From what was written; the error says what to write.
    pub set: fn(&mut Subscriber, &str) -> Result<(), String>,
}

macro_rules! text {
    ($name:literal, $chinese:literal, $what:literal, $($path:ident).+) => {
        Field {
            name: $name,
            chinese: $chinese,
            what: $what,
            get: |s| s.$($path).+.clone(),
            set: |s, text| { s.$($path).+ = bounded(text)?; Ok(()) },
        }
    };
}

/// The fields that only those see who work on cases: where nobody acts, nobody needs to know who is ill and who has the key.
pub const CONFIDENTIAL: [&str; 5] = ["contacts", "medical", "key_holder", "files", "notes"];

/// All fields, in the order in which they are shown.
pub const FIELDS: &[Field] = &[
    Field {
        name: "number",
        chinese: "号码",
        what: "the number that its terminal calls from: digits, a + in front",
        get: |s| s.number.clone(),
        set: |s, text| {
            s.number = number(text)?;
            Ok(())
        },
    },
    text!("name", "姓名", "the name", name),
    text!("address", "地址", "the address", address),
    text!("region", "区域", "the region, by which its agents are chosen", region),
    Field {
        name: "language",
        chinese: "语言",
        what: "the language of prompts: zh-CN or en; empty: the node's",
        get: |s| s.language.clone(),
        set: |s, text| match text {
            "" | "zh-CN" | "en" => {
                s.language = text.to_owned();
                Ok(())
            }
            other => Err(format!("'{other}' is no language here: write zh-CN or en")),
        },
    },
    Field {
        name: "flag",
        chinese: "标志",
        what: "vip or special",
        get: |s| s.flag.as_str().to_owned(),
        set: |s, text| {
            s.flag = match text.to_ascii_lowercase().as_str() {
                "" => Flag::None,
                "vip" => Flag::Vip,
                "special" | "特殊" => Flag::Special,
                other => {
                    return Err(format!("'{other}' is no flag: write vip, special or nothing"));
                }
            };
            Ok(())
        },
    },
    Field {
        name: "further_numbers",
        chinese: "其他号码",
        what: "its other numbers, apart by blanks or semicolons",
        get: |s| s.further.join("; "),
        set: |s, text| {
            s.further = list(text, MOST_FURTHER, true, number)?;
            Ok(())
        },
    },
    Field {
        name: "contacts",
        chinese: "联系人",
        what: "who is called, in this order: name/number/relation; …",
        get: contacts_text,
        set: |s, text| {
            s.contacts = list(text, MOST_CONTACTS, false, contact)?;
            Ok(())
        },
    },
    text!("medical", "病史", "what a physician has to know", medical),
    text!("key_holder", "钥匙", "who has a key", key_holder),
    Field {
        name: "files",
        chinese: "文件",
        what: "plan of the house, photographs: paths or addresses, apart by semicolons",
        get: |s| s.files.join("; "),
        set: |s, text| {
            s.files = list(text, MOST_FILES, false, bounded)?;
            Ok(())
        },
    },
    text!("location", "位置", "latitude and longitude, or words", location),
    text!("terminal_type", "终端类型", "make and type of the terminal", terminal.kind),
    text!("terminal_serial", "终端序列号", "the terminal's serial number", terminal.serial),
    text!("terminal_firmware", "终端固件", "the version of its firmware", terminal.firmware),
    Field {
        name: "account",
        chinese: "终端账号",
        what: "what the terminal calls itself, where that is not its number: the controller of SCAIP and BS 8521, the account of Contact ID",
        get: |s| s.terminal.account.clone(),
        set: |s, text| {
            let fits = text.chars().count() <= LONGEST_ACCOUNT
                && text.bytes().all(|b| b.is_ascii_alphanumeric());
            if !fits {
                return Err(format!(
                    "'{text}' is no account: write up to {LONGEST_ACCOUNT} digits or letters"
                ));
            }
            s.terminal.account = text.to_ascii_uppercase();
            Ok(())
        },
    },
    Field {
        name: "served_from",
        chinese: "服务开始",
        what: "the first day of its service, such as 2026-11-01; empty: always",
        get: |s| s.served_from.map_or_else(String::new, |day| day.to_string()),
        set: |s, text| {
            s.served_from = day(text)?;
            Ok(())
        },
    },
    Field {
        name: "served_until",
        chinese: "服务结束",
        what: "the last day of its service; empty: always",
        get: |s| s.served_until.map_or_else(String::new, |day| day.to_string()),
        set: |s, text| {
            s.served_until = day(text)?;
            Ok(())
        },
    },
    Field {
        name: "birthday",
        chinese: "生日",
        what: "the day of birth, such as 1941-05-30",
        get: |s| s.birthday.map_or_else(String::new, |day| day.to_string()),
        set: |s, text| {
            s.birthday = day(text)?;
            Ok(())
        },
    },
    Field {
        name: "check_in",
        chinese: "报到时间",
        what: "by when it reports, such as 08:00 20:00; empty: never",
        get: |s| s.check_in.times(),
        set: |s, text| s.check_in.set_times(text),
    },
    Field {
        name: "check_in_days",
        chinese: "报到日",
        what: "on which days, such as mon-fri; empty: daily",
        get: |s| s.check_in.days.to_string(),
        set: |s, text| {
            s.check_in.days = Days::read(text)?;
            Ok(())
        },
    },
    Field {
        name: "check_in_by",
        chinese: "报到方式",
        what: "what counts: bell, call, heartbeat; empty: bell call",
        get: |s| s.check_in.ways.to_string(),
        set: |s, text| {
            s.check_in.ways = Ways::read(text)?;
            Ok(())
        },
    },
    Field {
        name: "check_in_holidays",
        chinese: "节假日报到",
        what: "on holidays too: yes or no; empty: yes",
        get: |s| if s.check_in.on_holidays { "yes" } else { "no" }.to_owned(),
        set: |s, text| {
            s.check_in.on_holidays = match text.to_ascii_lowercase().as_str() {
                "" | "yes" | "是" => true,
                "no" | "否" => false,
                other => return Err(format!("'{other}' is neither yes nor no")),
            };
            Ok(())
        },
    },
    Field {
        name: "check_in_pauses",
        chinese: "报到暂停",
        what: "days without, such as 2026-10-01..2026-10-07; 2027-01-01",
        get: |s| s.check_in.pauses(),
        set: |s, text| s.check_in.set_pauses(text),
    },
    Field {
        name: "time_zone",
        chinese: "时区",
        what: "such as Asia/Shanghai; empty: the node's",
        get: |s| s.time_zone.clone(),
        set: |s, text| {
            s.zone = match text {
                "" => None,
                name => Some(TimeZone::get(name).map_err(|_| {
                    format!("'{name}' is no time zone: write one such as Asia/Shanghai")
                })?),
            };
            s.time_zone = text.to_owned();
            Ok(())
        },
    },
    text!("notes", "备注", "what else there is to know", notes),
];

impl Field {
    /// Sets it from what was written, which may be nothing that cannot be printed. The error does not name the field.
    pub fn put(&self, subscriber: &mut Subscriber, text: &str) -> Result<(), String> {
        let text = text.trim();
        // A line break is a text's own where it has room for several lines.
        let lines = ["medical", "location", "notes"].contains(&self.name);
        let foreign = |c: &char| c.is_control() && !(lines && matches!(c, '\n' | '\r' | '\t'));
        if let Some((at, c)) = text.chars().enumerate().find(|(_, c)| foreign(c)) {
            return Err(format!(
                "the character {} is U+{:04X}, which cannot be printed: take it out",
                at + 1,
                u32::from(c)
            ));
        }
        (self.set)(subscriber, text)
    }
}

/// The field of this name, in either language.
pub fn field(name: &str) -> Option<&'static Field> {
    let name = name.trim();
    FIELDS.iter().find(|field| field.name.eq_ignore_ascii_case(name) || field.chinese == name)
}

/// Why there is no field of this name, with the one that is meant.
pub fn no_field(name: &str) -> String {
    let near = FIELDS.iter().min_by_key(|f| strsim::damerau_levenshtein(f.name, name));
    match near.filter(|field| strsim::damerau_levenshtein(field.name, name) <= 3) {
        Some(field) => format!("there is no field '{name}'; did you mean '{}'?", field.name),
        None => {
            let all: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
            format!("there is no field '{name}'; there are {}", all.join(", "))
        }
    }
}

impl Subscriber {
    /// The texts of the fields that differ from those of `other`: name, there, here.
    pub fn differences(&self, other: &Subscriber) -> Vec<(&'static str, String, String)> {
        let differs = |field: &Field| {
            let (here, there) = ((field.get)(self), (field.get)(other));
            (here != there).then_some((field.name, there, here))
        };
        FIELDS.iter().filter_map(differs).collect()
    }

    /// Sets a field from what was written.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), String> {
        let field = field(name).ok_or_else(|| no_field(name))?;
        field.put(self, text).map_err(|why| format!("{}: {why}", field.name))
    }

    /// The numbers that are its own, the terminal's first.
    pub fn numbers(&self) -> impl Iterator<Item = &str> {
        core::iter::once(self.number.as_str()).chain(self.further.iter().map(String::as_str))
    }
}

fn bounded(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    match length <= LONGEST_TEXT {
        true => Ok(text.to_owned()),
        false => Err(format!("the text has {length} characters and may have {LONGEST_TEXT}")),
    }
}

/// A number without the blanks and dashes that people write.
pub fn number(text: &str) -> Result<String, String> {
    let number: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')')).collect();
    let digits = number.strip_prefix('+').unwrap_or(&number);
    let fits =
        (1..=LONGEST_NUMBER).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    match fits {
        true => Ok(number),
        false if text.is_empty() => Err("it is empty: write digits".into()),
        false => {
            Err(format!("'{text}' is no number: write up to {LONGEST_NUMBER} digits, a + in front"))
        }
    }
}

fn day(text: &str) -> Result<Option<Date>, String> {
    match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| format!("'{text}' is no day: write 2026-11-01")),
    }
}

/// What stands apart by semicolons, or by blanks as well.
fn list<T>(
    text: &str,
    most: usize,
    blanks: bool,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let apart = |c: char| matches!(c, ';' | '；' | '\n') || blanks && (c == ' ' || c == ',');
    let words = text.split(apart).map(str::trim).filter(|word| !word.is_empty());
    let all = words.map(read).collect::<Result<Vec<T>, String>>()?;
    match all.len() <= most {
        true => Ok(all),
        false => Err(format!("there are {} and may be {most}", all.len())),
    }
}

fn contact(text: &str) -> Result<Contact, String> {
    let mut parts = text.splitn(3, '/').map(str::trim);
    let (name, own, relation) = (parts.next(), parts.next(), parts.next());
    let (Some(name), Some(own)) = (name.filter(|name| !name.is_empty()), own) else {
        return Err(format!("'{text}' is no contact: write name/number/relation"));
    };
    Ok(Contact {
        name: bounded(name)?,
        number: number(own)?,
        relation: bounded(relation.unwrap_or_default())?,
    })
}

fn contacts_text(subscriber: &Subscriber) -> String {
    let mut text = String::new();
    for (n, contact) in subscriber.contacts.iter().enumerate() {
        let before = if n == 0 { "" } else { "; " };
        let _ = write!(text, "{before}{}/{}", contact.name, contact.number);
        if !contact.relation.is_empty() {
            let _ = write!(text, "/{}", contact.relation);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_confidential_is_a_field() {
        for name in CONFIDENTIAL {
            assert!(FIELDS.iter().any(|field| field.name == name), "{name}");
        }
    }

    #[test]
    fn each_field_is_read_as_it_is_written() {
        let given = [
            ("number", "0760-8888 1234", "076088881234"),
            ("further_numbers", "13800138000; +8613900139000", "13800138000; +8613900139000"),
            ("contacts", "李伟/138 0013 8000/女儿;王/1", "李伟/13800138000/女儿; 王/1"),
            ("flag", "VIP", "vip"),
            ("account", "12ab", "12AB"),
            ("check_in", "20:00 08:00", "08:00 20:00"),
            ("check_in_days", "mon-wed", "mon tue wed"),
            ("check_in_holidays", "否", "no"),
            ("time_zone", "Asia/Urumqi", "Asia/Urumqi"),
            ("served_until", "2027-01-31", "2027-01-31"),
            ("birthday", "1941-05-30", "1941-05-30"),
            ("files", "/plans/1.png; http://x/2.jpg", "/plans/1.png; http://x/2.jpg"),
        ];
        let mut subscriber = Subscriber::default();
        for (name, text, read) in given {
            subscriber.set(name, text).unwrap();
            assert_eq!((field(name).unwrap().get)(&subscriber), read, "{name}");
        }
        // What is shown of all of them makes the same subscriber.
        let mut again = Subscriber::default();
        for field in FIELDS {
            (field.set)(&mut again, &(field.get)(&subscriber)).unwrap();
        }
        assert_eq!(again, subscriber);
        assert_eq!(again.differences(&Subscriber::default()).len(), given.len());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let why = |name: &str, text: &str| Subscriber::default().set(name, text).unwrap_err();
        assert!(why("number", "").contains("it is empty"));
        assert!(why("number", "12a").contains("'12a' is no number"));
        assert!(why("contacts", "李伟").contains("write name/number/relation"));
        assert!(why("contacts", "李伟/x").contains("'x' is no number"));
        assert!(why("language", "fr").contains("write zh-CN or en"));
        assert!(why("time_zone", "Mars/Olympus").contains("no time zone"));
        assert!(why("adress", "x").contains("did you mean 'address'?"));
        assert!(why("name", &"x".repeat(2_001)).contains("may have 2000"));
        assert!(why("further_numbers", "1 2 3 4 5 6 7 8 9").contains("may be 8"));
    }

    #[test]
    fn fields_have_names_of_their_own() {
        for (n, one) in FIELDS.iter().enumerate() {
            for other in &FIELDS[..n] {
                assert!(one.name != other.name && one.chinese != other.chinese, "{}", one.name);
            }
        }
    }
}
