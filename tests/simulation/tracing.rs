//! `trace on`: an operator watches the calls of a number as they go (R28).

use belfry::base::Duration;
use belfry::sim::network::Faults;
use belfry::switch::console::TraceWhom;
use belfry::switch::{Reply, Request};

use super::house::{CARE_LINE, House};

fn trace(house: &mut House, whom: TraceWhom) -> Reply {
    house.world.ask(Request::TraceOn(whom, Duration::from_secs(60))).expect("an answer")
}

#[test]
fn routes_steps_and_variables_of_the_calls_of_a_number_are_shown_and_of_no_other() {
    let mut house = House::new(Faults::NONE, 1);
    house.register(0);
    let other = trace(&mut house, TraceWhom::Number("5550000".into()));
    assert!(matches!(other, Reply::Done(_)), "{other:?}");
    house.caller_to_agent();
    assert_eq!(house.world.traced, [""; 0], "nobody watches this number");
    house.hang_up(house.caller);
    house.world.run(Duration::from_secs(2));
    trace(&mut house, TraceWhom::Number(CARE_LINE.into()));
    house.caller_to_agent();
    let lines = house.world.traced.join("\n");
    for part in
        ["4008001234 in context 'gateway'", "yes  care line", "answer   [", "play ", "keys '"]
    {
        assert!(lines.contains(part), "{part}: {lines}");
    }
    house.world.run(Duration::from_secs(61));
    house.world.traced.clear();
    house.hang_up(house.caller);
    house.world.run(Duration::from_secs(2));
    assert_eq!(house.world.traced, [""; 0], "its time is over");
    house.ends_clean();
}

#[test]
fn a_call_in_being_is_watched_from_then_on_and_one_that_is_not_there_refused() {
    let mut house = House::new(Faults::NONE, 1);
    house.register(0);
    house.caller_to_agent();
    let Some(Reply::Calls(rows)) = house.world.ask(Request::Calls) else { panic!("no calls") };
    let id = rows[0].id;
    trace(&mut house, TraceWhom::Call(id));
    assert!(house.world.traced[0].contains("is up, its plan at"), "{:?}", house.world.traced);
    house.hang_up(house.caller);
    house.world.run(Duration::from_secs(2));
    let lines = house.world.traced.join("\n");
    assert!(lines.contains("ended_by: Caller") && lines.contains("set dial_result"), "{lines}");
    let gone = trace(&mut house, TraceWhom::Call(id));
    assert!(matches!(&gone, Reply::Refused(why) if why.contains("no call")), "{gone:?}");
    assert!(matches!(house.world.ask(Request::TraceOff), Some(Reply::Done(_))));
    house.ends_clean();
}
