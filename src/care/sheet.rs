//! The subscriber's sheet (R15): what a department has to have on paper about a case, in both languages.
//!
//! Place: made when a response plan sends it, of what is known then. Text alone: who gets it, and how, is said
//! elsewhere. Of the subscriber it holds what helps there ([`SHOWN`]), and not when it has to report or which
//! firmware its unit has.

use jiff::tz::TimeZone;

use crate::base::Wall;

use super::plan::{Event, Outcome};
use super::report::Need;
use super::subscriber::{FIELDS, Subscriber};

/// The fields that it shows.
pub const SHOWN: [&str; 14] = [
    "number",
    "name",
    "birthday",
    "address",
    "location",
    "region",
    "flag",
    "language",
    "further_numbers",
    "contacts",
    "key_holder",
    "medical",
    "notes",
    "files",
];
/// The longest sheet, in bytes; it is cut off there, and says so. A letter takes a little more.
pub const LONGEST: usize = 60 * 1_024;
const CUT: &str = "\n… 内容过长，已截断 / it was too long and is cut off here\n";

/// What goes into a sheet.
#[derive(Clone, Copy, Debug)]
pub struct Sheet<'a> {
    /// Who sends it: the node.
    pub node: &'a str,
    /// The case.
    pub case: u64,
    /// Of which plan.
    pub plan: &'a str,
    /// Whose case it is.
    pub account: &'a str,
    /// What help is wanted for.
    pub need: Need,
    /// 0 to 9.
    pub priority: u8,
    /// Where, as its unit says it.
    pub place: &'a str,
    /// How many alarms it holds.
    pub alarms: u32,
    /// Since when.
    pub opened: Wall,
    /// Whose it is, where that is known.
    pub of: Option<&'a Subscriber>,
}

impl Sheet<'_> {
    /// Its title: no medical word stands there.
    pub fn subject(&self) -> String {
        let need = self.need.as_str();
        let name = self.of.map_or(self.account, |of| of.name.as_str());
        format!("[{}] 求助单 sheet {}: {} {need}, {name}", self.node, self.case, chinese(self.need))
    }

    /// Its text. `events`: what happened in the plan, in its order: when, in which step, what.
    pub fn text<'e>(
        &self,
        zone: &TimeZone,
        events: impl Iterator<Item = (Wall, &'e str, &'e Event)>,
    ) -> String {
        let need = self.need.as_str();
        let mut text = format!("求助单 / Subscriber's sheet\n{}\n\n", "=".repeat(40));
        text += &format!("中心 centre: {}\n", self.node);
        text += &format!("个案 case: {}\n", self.case);
        text += &format!("时间 since: {}\n", day_time(self.opened, zone));
        text += &format!("求助 need: {} {need}\n", chinese(self.need));
        text += &format!("优先级 priority: {} (0-9)\n", self.priority);
        if !self.place.is_empty() {
            text += &format!("地点 place: {}\n", self.place);
        }
        text += &format!("报警次数 alarms: {}\n预案 plan: {}\n\n", self.alarms, self.plan);
        match self.of {
            None => {
                text += &format!("号码 number: {}\n", self.account);
                text += "没有该用户的资料 / nothing is known of this subscriber\n";
            }
            Some(of) => {
                let fields = SHOWN.iter().filter_map(|name| super::subscriber::field(name));
                for field in fields {
                    let value = (field.get)(of);
                    if !value.is_empty() {
                        text += &format!("{} {}: {value}\n", field.chinese, field.name);
                    }
                }
            }
        }
        text += &format!("\n经过 / what happened\n{}\n", "-".repeat(40));
        for (wall, step, event) in events {
            text += &format!("{}  {step}  {}\n", day_time(wall, zone), in_chinese(event));
            text += &format!("    {}\n", event.in_words());
        }
        within(text)
    }
}

/// Cut off where it is too long.
fn within(mut text: String) -> String {
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST - CUT.len()));
        text += CUT;
    }
    text
}

fn day_time(at: Wall, zone: &TimeZone) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn chinese(need: Need) -> &'static str {
    match need {
        Need::Fire => "火警",
        Need::Gas => "燃气泄漏",
        Need::Intruder => "有人闯入",
        Need::Fall => "跌倒",
        Need::Medical => "医疗求助",
        Need::Flood => "漏水",
        Need::Inactivity => "长时间无活动",
        Need::Temperature => "温度异常",
        Need::Personal => "本人求助",
        Need::CheckIn => "未按时报平安",
        Need::Other => "其他",
    }
}

fn in_chinese(event: &Event) -> String {
    match event {
        Event::Begun { by } if by.is_empty() => "预案启动".into(),
        Event::Begun { by } => format!("{by} 启动预案"),
        Event::Step { .. } => "步骤开始".into(),
        Event::Round { nth } => format!("第 {nth} 轮呼叫"),
        Event::Called { name, number } => format!("呼叫 {name}（{number}）"),
        Event::Accepted { number } => format!("{number} 已接手"),
        Event::NotCalled { nobody: true, .. } => "无人可呼叫".into(),
        Event::NotCalled { .. } => "部分人员无法呼叫".into(),
        Event::Outcome { number, outcome, .. } => {
            let how = match outcome {
                Outcome::Unconfirmed => "接听但未确认",
                Outcome::Declined => "已拒绝接手",
                Outcome::Busy => "忙",
                Outcome::NoAnswer => "无人接听",
                Outcome::Refused => "拒接",
                Outcome::Failed => "无法呼叫",
                Outcome::Dropped => "已取消呼叫",
            };
            format!("{number}：{how}")
        }
        Event::Left { number } => format!("{number} 已离开"),
        Event::NotSent { .. } => "求助单无法发送给部分单位".into(),
        Event::Sending { to, .. } => format!("向 {to} 发送求助单"),
        Event::Sent { to, why, .. } if why.is_empty() => format!("求助单已送达 {to}"),
        Event::Sent { to, .. } => format!("求助单未能送达 {to}"),
        Event::Ended { .. } => "预案结束".into(),
    }
}

/// The fields of a subscriber that a sheet has, with their texts; without what is empty.
pub fn fields(of: &Subscriber) -> Vec<(String, String)> {
    let shown = FIELDS.iter().filter(|field| SHOWN.contains(&field.name));
    let pairs = shown.map(|field| (field.name.to_owned(), (field.get)(of)));
    pairs.filter(|(_, text)| !text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(of: Option<&Subscriber>) -> Sheet<'_> {
        Sheet {
            node: "care-1",
            case: 4_711,
            plan: "bell",
            account: "02155",
            need: Need::Fall,
            priority: 9,
            place: "bath",
            alarms: 2,
            opened: Wall(1_790_000_000_000),
            of,
        }
    }

    #[test]
    fn a_sheet_has_what_helps_and_no_more() {
        let mut of = Subscriber::default();
        for (name, text) in [
            ("number", "02155"),
            ("name", "王"),
            ("address", "南京路 1 号"),
            ("contacts", "Li/1002/daughter"),
            ("medical", "心脏病"),
            ("key_holder", "Zhao, 1003"),
            ("terminal_serial", "SN-77"),
        ] {
            of.set(name, text).unwrap();
        }
        assert!(SHOWN.iter().all(|name| super::super::subscriber::field(name).is_some()));
        let called = Event::Called { name: "Li".into(), number: "1002".into() };
        let all = [(Wall(1_790_000_001_000), "contacts", &called)];
        let text = sheet(Some(&of)).text(&TimeZone::UTC, all.into_iter());
        for part in [
            "案 case: 4711",
            "2026-09-21 14:13:20",
            "跌倒 fall",
            "bath",
            "姓名 name: 王",
            "病史 medical: 心脏病",
            "钥匙 key_holder: Zhao, 1003",
            "Li/1002/daughter",
            "14:13:21  contacts  呼叫 Li（1002）",
            "Li (1002) is called",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("SN-77"));
        let subject = sheet(Some(&of)).subject();
        assert!(subject.contains("4711") && subject.contains('王') && !subject.contains('心'));
        assert!(fields(&of).iter().all(|(name, _)| name != "terminal_serial"));
    }

    #[test]
    fn nobody_that_is_known_and_a_text_without_end() {
        let text = sheet(None).text(&TimeZone::UTC, core::iter::empty());
        assert!(text.contains("number: 02155") && text.contains("nothing is known"));
        let event = Event::Ended { why: "病".repeat(1_000) };
        let many = core::iter::repeat_n((Wall(0), "s", &event), 500);
        let text = sheet(None).text(&TimeZone::UTC, many);
        assert!(text.len() <= LONGEST && text.ends_with(CUT));
    }
}
