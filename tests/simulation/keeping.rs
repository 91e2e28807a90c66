//! Recordings on a disk that fills up, and those whose time is over.

use belfry::base::{CallId, Duration, Wall};
use belfry::sim::network::Faults;
use belfry::switch::fact::{AlarmWhat, FactKind};
use belfry::switch::{DiskEvent, Input};

use super::house::House;

fn level(house: &mut House, full: bool) {
    let event =
        DiskEvent::Level { full, used_percent: if full { 91 } else { 80 }, max_percent: 90 };
    house.world.input(Input::Disk(event));
}

/// A call from the gateway that an agent takes; whether it was recorded.
fn call(house: &mut House) -> bool {
    let before = house.facts("recording_began").len();
    house.caller_to_agent();
    house.world.with(house.caller, |phone, now| phone.hang_up(now));
    house.world.run(Duration::from_secs(40));
    house.facts("recording_began").len() > before
}

#[test]
fn a_full_disk_costs_the_recording_and_not_the_call() {
    let mut house = House::new(Faults::NONE, 12);
    house.register(0);
    assert!(call(&mut house));
    level(&mut house, true);
    assert!(!call(&mut house));
    level(&mut house, false);
    assert!(call(&mut house));
    let full = |kind: &&FactKind| match kind {
        FactKind::Alarm { what: AlarmWhat::DiskFull, raised, .. } => Some(*raised),
        _ => None,
    };
    let alarms: Vec<_> = house.facts("alarm").iter().filter_map(full).collect();
    assert_eq!(alarms, [true, false]);
    let noted = |kind: &&&FactKind| matches!(kind, FactKind::CallField { name, .. } if name == "not recorded");
    assert_eq!(house.facts("call_field").iter().filter(noted).count(), 1, "in its record");
    assert_eq!(house.facts("call_ended").len(), 3);
    house.ends_clean();
}

#[test]
fn what_is_removed_and_what_cannot_be_is_written_down() {
    let mut house = House::new(Faults::NONE, 13);
    let call = CallId::new(Wall(1_700_000_000_000), 1);
    let path = format!("2023/11/14/{call}.wav");
    for path in [path.clone(), "notes.txt".into()] {
        house.world.input(Input::Disk(DiskEvent::Removed { path }));
    }
    assert_eq!(house.facts("recording_removed"), [&FactKind::RecordingRemoved { call, path }]);
    let why = "2023/11/14/x.wav: permission denied".to_owned();
    for why in [Some(why), None] {
        house.world.input(Input::Disk(DiskEvent::NotRemoved { why }));
    }
    let alarms = house.facts("alarm");
    assert!(
        matches!(
            alarms[..],
            [
                FactKind::Alarm { what: AlarmWhat::RecordingsNotRemoved, raised: true, .. },
                FactKind::Alarm { what: AlarmWhat::RecordingsNotRemoved, raised: false, .. },
            ]
        ),
        "{alarms:?}"
    );
}
