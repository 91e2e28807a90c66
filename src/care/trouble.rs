//! What is wrong with units, device by device (R14): the technical list, which closes itself when that device says that it is well
//! again. A pendant's battery says nothing of a smoke detector's, nor one way to the centre of another.

use std::collections::BTreeMap;

use crate::base::Wall;

use super::report::{Meaning, Protocol, Report, Trouble};

/// Troubles of all units.
const MOST: usize = 100_000;
/// The device of what was written down before devices were told apart: whichever says that it is well ends it.
pub const ANY_DEVICE: &str = "?";

/// Something that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Troubled {
    /// The unit's controller.
    pub account: String,
    /// What.
    pub trouble: Trouble,
    /// With which device of it, by number or, where it says none, by kind; empty: the unit itself; [`ANY_DEVICE`].
    pub device: String,
    /// What kind of device, as far as the unit says it.
    pub device_type: String,
    /// Where, as the unit says it.
    pub place: String,
    /// Since when.
    pub since: Wall,
}

/// Which device a report is about: its number, or where it has none its kind; empty: the unit itself.
pub fn device_of<'a>(device: &'a str, device_type: &'a str) -> &'a str {
    if device.bytes().any(|b| b != b'0') { device } else { device_type }
}

/// What a report ends: of a trouble that is over that one, and by which word else it may have been written down. BS 8521-1 knows one
/// "fault rectified" for all that a device may have.
pub fn ended_by(meaning: Meaning, protocol: Protocol) -> Vec<Trouble> {
    let Meaning::Over(trouble) = meaning else { return Vec::new() };
    match trouble {
        Trouble::Ip | Trouble::Mobile => vec![trouble, Trouble::Path],
        Trouble::Fault if matches!(protocol, Protocol::Bs8521 | Protocol::NowIp) => {
            vec![trouble, Trouble::Battery]
        }
        _ => vec![trouble],
    }
}

/// All that stands.
#[derive(Debug, Default)]
pub struct Troubles(BTreeMap<(String, Trouble, String), Troubled>);

impl Troubles {
    /// One from before the start. What came since stands.
    pub fn restore(&mut self, own: Troubled) {
        if self.0.len() < MOST {
            let key = (own.account.clone(), own.trouble, own.device.clone());
            self.0.entry(key).or_insert(own);
        }
    }

    /// What a report says of it.
    pub fn take(&mut self, wall: Wall, report: &Report) {
        let device = device_of(&report.device, &report.device_type);
        match report.meaning {
            Meaning::Began(trouble) => self.restore(Troubled {
                account: report.account.clone(),
                trouble,
                device: device.to_owned(),
                device_type: report.device_type.clone(),
                place: report.place.clone(),
                since: wall,
            }),
            Meaning::Over(_) => {
                for trouble in ended_by(report.meaning, report.protocol) {
                    for device in [device, ANY_DEVICE] {
                        self.0.remove(&(report.account.clone(), trouble, device.to_owned()));
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether this is wrong with any device of a unit.
    pub fn has(&self, account: &str, trouble: Trouble) -> bool {
        let from = (account.to_owned(), trouble, String::new());
        let next = self.0.range(from..).next().map(|((own, what, _), _)| (own.as_str(), *what));
        next == Some((account, trouble))
    }

    /// All, by unit.
    pub fn all(&self) -> impl Iterator<Item = &Troubled> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::telecare::bs8521::Alarm;
    use crate::wire::telecare::scaip::Request;

    /// What stands after these SCAIP messages, as a person reads it.
    fn after(said: &[&str]) -> Vec<String> {
        let mut troubles = Troubles::default();
        for tags in said {
            let body = format!("<mrq><ref>1</ref><cid>26317</cid>{tags}</mrq>");
            troubles.take(Wall(5), &Report::scaip(&Request::read(body.as_bytes()).unwrap()));
        }
        shown(&troubles)
    }

    fn shown(troubles: &Troubles) -> Vec<String> {
        let text = |own: &Troubled| {
            format!("{} {} {} {}", own.trouble.as_str(), own.device, own.device_type, own.place)
        };
        troubles.all().map(|own| text(own).trim_end().to_owned()).collect()
    }

    #[test]
    fn one_devices_recovery_says_nothing_of_anothers() {
        let low = |did: &str| format!("<stc>0016</stc><dty>0003</dty><did>{did}</did>");
        let two = [low("0001"), low("0002"), "<stc>0015</stc><did>0001</did>".to_owned()];
        let two: Vec<&str> = two.iter().map(String::as_str).collect();
        assert_eq!(after(&two), ["battery 0002 personal trigger"]);
        // Without a number, its kind tells a pendant from the controller.
        let pendant = "<stc>0016</stc><dty>0003</dty><lco>011</lco>";
        let left = ["battery personal trigger personal trigger bathroom"];
        assert_eq!(after(&[pendant, "<stc>0015</stc><dty>0045</dty>"]), left);
        assert_eq!(after(&[pendant, "<stc>0015</stc><dty>0003</dty>"]), Vec::<String>::new());
        let smoke = "<stc>0042</stc><dty>0023</dty><did>0007</did>";
        assert_eq!(after(&[smoke, "<stc>0070</stc>"]), ["fault 0007 smoke detector"]);
        // The controller's number is zero, or none.
        let own = ["<stc>0085</stc><did>0000</did>", "<stc>0086</stc>"];
        assert_eq!(after(&own), Vec::<String>::new());
    }

    #[test]
    fn one_way_to_the_centre_says_nothing_of_the_other() {
        let (ip, mobile) = ("<stc>0023</stc>", "<stc>0024</stc>");
        assert_eq!(after(&[ip, mobile, "<stc>0113</stc>"]), ["ip"]);
        assert_eq!(after(&[ip, mobile, "<stc>0112</stc>"]), ["mobile"]);
    }

    /// What earlier versions wrote down knows no device, and of a way not which.
    #[test]
    fn what_is_of_no_known_device_is_ended_by_any() {
        let mut troubles = Troubles::default();
        for trouble in [Trouble::Battery, Trouble::Path] {
            troubles.restore(Troubled {
                account: "26317".into(),
                trouble,
                device: ANY_DEVICE.into(),
                device_type: String::new(),
                place: String::new(),
                since: Wall(1),
            });
        }
        assert!(troubles.has("26317", Trouble::Path) && !troubles.has("2631", Trouble::Path));
        for tags in ["<stc>0015</stc><did>0001</did>", "<stc>0113</stc>"] {
            let body = format!("<mrq><ref>1</ref><cid>26317</cid>{tags}</mrq>");
            troubles.take(Wall(5), &Report::scaip(&Request::read(body.as_bytes()).unwrap()));
        }
        assert_eq!(shown(&troubles), Vec::<String>::new());
    }

    /// BS 8521-1: event 019, status 07 is a trigger's low battery, and 04 ends what that trigger has.
    #[test]
    fn a_rectified_fault_ends_what_its_device_has() {
        let mut troubles = Troubles::default();
        let mut says = |unit: &str, event: &str, status: &str| {
            let data = format!("0101{:0>8}{unit}{event}070{status}", 26317);
            let alarm = Alarm::read(&data).unwrap_or_else(|e| panic!("{data}: {e:?}"));
            troubles.take(Wall(5), &Report::bs8521(&alarm, &data));
            shown(&troubles)
        };
        says("0001", "019", "07");
        says("0002", "019", "07");
        let left = says("0001", "019", "04");
        assert_eq!(left, ["battery 0002 personal trigger bedroom"]);
    }
}
