//! What must hold of phones that are numbers behind a gateway (R7).

use std::collections::BTreeMap;

use super::cross::Draft;
use super::keys::Phone;
use super::setting::Reader;

/// A mobile's trunk exists; its number is no emergency's, and of those whose calls are their phones' no
/// two have one.
pub(super) fn mobiles(draft: &Draft, reader: &mut Reader<'_>) {
    let trunks = draft.trunks.iter().map(|(_, trunk)| trunk.name.as_str());
    let gateways = draft.gateways.iter().map(|(_, gateway)| gateway.name.as_str());
    let known: Vec<&str> = trunks.chain(gateways).collect();
    // One that was refused is a fault of its own.
    let refused =
        known.is_empty() && (reader.given("gateway", 0, "") || reader.given("trunk", 0, ""));
    let mut calling = BTreeMap::new();
    for (nth, phone) in &draft.phones {
        let Some(mobile) = &phone.mobile else {
            alone(*nth, phone, reader);
            continue;
        };
        let place = reader.place("phone", *nth, "mobile");
        if known.is_empty() && !refused {
            let what = format!("phone {} has a mobile, and there is no gateway", phone.number);
            reader.faults.error(&place, what, "add a [[gateway]] by which it is called");
        }
        let emergency = draft.numbers.iter().flat_map(|numbers| &numbers.emergency);
        if emergency.into_iter().any(|number| number.as_str() == mobile.as_str()) {
            let what = format!("{mobile} is an emergency number and no phone's mobile");
            reader.faults.error(&place, what, "write the agent's own number");
        }
        if let Some(trunk) = &phone.mobile_trunk
            && !known.is_empty()
            && !known.contains(&trunk.as_str())
        {
            let what = format!("there is no trunk and no gateway \"{trunk}\"");
            let remedy = format!("write one of: {}", known.join(", "));
            reader.faults.error(&reader.place("phone", *nth, "mobile_trunk"), what, remedy);
        }
        if phone.mobile_calls
            && let Some(first) = calling.insert(mobile, &phone.number)
        {
            let what = format!("calls from {mobile} are phone {first}'s already");
            let remedy = "keep `mobile_calls` at one of the two";
            reader.faults.error(&reader.place("phone", *nth, "mobile_calls"), what, remedy);
        }
    }
}

/// A phone without a mobile says nothing of one.
fn alone(nth: usize, phone: &Phone, reader: &mut Reader<'_>) {
    let keys = ["mobile_trunk", "mobile_confirm", "mobile_calls"];
    if let Some(key) = keys.into_iter().find(|key| reader.given("phone", nth, key)) {
        let what = format!("`{key}` is about a mobile, and phone {} has none", phone.number);
        let remedy = format!("add `mobile = \"…\"`, or leave `{key}` out");
        reader.faults.error(&reader.place("phone", nth, key), what, remedy);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn faults(text: &str) -> Vec<String> {
        let base = "[sip]\nlisten = [\"udp:10.0.0.1:5060\"]\n[media]\naddress = \"10.0.0.1\"\n";
        match Config::parse(&format!("{base}{text}")) {
            Ok((_, warnings)) => warnings.into_iter().map(|fault| fault.what).collect(),
            Err(faults) => faults.into_iter().map(|fault| fault.what).collect(),
        }
    }
    const GATEWAY: &str = "[[gateway]]\nname = \"e1-a\"\naddress = \"udp:10.0.0.9:5060\"\n";

    #[test]
    fn a_mobile_needs_no_password_and_a_gateway() {
        let phone = "[[phone]]\nnumber = \"1005\"\nmobile = \"13800138000\"\n";
        assert!(faults(&format!("{GATEWAY}{phone}mobile_trunk = \"e1-a\"\n")).is_empty());
        assert!(faults(phone)[0].contains("there is no gateway"));
        let other = faults(&format!("{GATEWAY}{phone}mobile_trunk = \"e1-b\"\n"));
        assert!(other[0].contains("no trunk and no gateway \"e1-b\""), "{other:?}");
        let emergency = "[[phone]]\nnumber = \"1005\"\nmobile = \"110\"\n";
        assert!(faults(&format!("{GATEWAY}{emergency}"))[0].contains("emergency"));
    }

    #[test]
    fn one_callers_number_is_one_phones() {
        let phone = |number: &str| {
            format!("[[phone]]\nnumber = \"{number}\"\nmobile = \"138\"\nmobile_calls = true\n")
        };
        let twice = faults(&format!("{GATEWAY}{}{}", phone("1"), phone("2")));
        assert!(twice[0].contains("are phone 1's already"), "{twice:?}");
        let none = "[[phone]]\nnumber = \"3\"\npassword = \"long one\"\nmobile_calls = true\n";
        assert!(faults(none)[0].contains("phone 3 has none"));
    }
}
