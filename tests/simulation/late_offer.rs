//! Callers whose INVITE makes no offer: ours goes out in the 200, theirs comes back in the ACK.

use belfry::base::Duration;
use belfry::sim::network::Faults;
use belfry::sim::phone::State;
use belfry::sim::world::{SIP, World};
use belfry::switch::Input;

use super::house::{CARE_LINE, House, config, plan, sine};

/// A far network: 150 ms there, 150 ms back.
const FAR: Faults = Faults { delay: Duration::from_millis(150), ..Faults::NONE };

fn greets() -> House {
    let mut house = House::new(FAR, 8);
    let text = "[[route]]\nname = \"all\"\ncontext = \"gateway\"\nwhen = { to = \"xxx.\" }\n\
                steps = [{ answer = {} }, { play = \"welcome\" }]\n";
    let config = config(4, &World::addresses(100).0.to_string());
    house.world.input(Input::Reload(Box::new(config), plan(&[("t.toml".into(), text.into())])));
    for (_, language) in belfry::config::Language::ALL {
        house.world.clip(&format!("{language}/welcome"), sine(600.0));
    }
    house
}

#[test]
fn a_prompt_waits_until_the_caller_can_hear_it() {
    let mut house = greets();
    house.world.with(house.caller, |phone, now| phone.call_without_offer(now, CARE_LINE));
    house.until_state(house.caller, State::Ended(0));
    let heard = house.world.phone(house.caller).ear.samples();
    let loud = heard.iter().filter(|sample| sample.unsigned_abs() > 300).count();
    assert!((7_500..=8_000).contains(&loud), "a second of a tone, and {loud} samples came");
    house.ends_clean();
}

/// A body that need not be understood (RFC 5621 §3.1) is no session description.
#[test]
fn a_body_that_is_no_offer_makes_it_a_late_offer() {
    let mut house = greets();
    let from = World::addresses(100).0;
    let body = "<hello/>";
    let invite = format!(
        "INVITE sip:{CARE_LINE}@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK1\r\n\
         Max-Forwards: 70\r\nFrom: <sip:1380@{from}>;tag=1\r\nTo: <sip:{CARE_LINE}@10.0.0.1>\r\n\
         Call-ID: 1@x\r\nCSeq: 1 INVITE\r\nContact: <sip:1380@{from}>\r\n\
         Content-Type: application/xml\r\nContent-Disposition: render;handling=optional\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    house.world.stranger(from, SIP, invite.as_bytes());
    house.world.run(Duration::from_secs(1));
    assert_eq!(house.facts("call_began").len(), 1);
    assert_eq!(house.facts("leg_answered").len(), 1);
}
