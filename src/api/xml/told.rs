//! Events as ECMA-323 has them: which element, what its connection and its devices are called.

use super::super::events::Event;
use super::session::connection;
use crate::wire::csta::Element;

/// Of an event: the element, its connection, its device.
const NAMES: &[(&str, &str, &str, &str)] = &[
    ("ServiceInitiated", "ServiceInitiatedEvent", "initiatedConnection", "initiatingDevice"),
    ("Originated", "OriginatedEvent", "originatedConnection", ""),
    ("NetworkReached", "NetworkReachedEvent", "outboundConnection", "networkInterfaceUsed"),
    ("Queued", "QueuedEvent", "queuedConnection", ""),
    ("Offered", "OfferedEvent", "offeredConnection", "offeredDevice"),
    ("Delivered", "DeliveredEvent", "connection", "alertingDevice"),
    ("Established", "EstablishedEvent", "establishedConnection", "answeringDevice"),
    ("Diverted", "DivertedEvent", "connection", "divertingDevice"),
    ("Held", "HeldEvent", "heldConnection", "holdingDevice"),
    ("Retrieved", "RetrievedEvent", "retrievedConnection", "retrievingDevice"),
    ("Conferenced", "ConferencedEvent", "primaryOldCall", "conferencingDevice"),
    // The standard's own spelling.
    ("Transferred", "TransferedEvent", "primaryOldCall", "transferringDevice"),
    ("Failed", "FailedEvent", "failedConnection", "failingDevice"),
    ("ConnectionCleared", "ConnectionClearedEvent", "droppedConnection", "releasingDevice"),
    ("CallCleared", "CallClearedEvent", "clearedCall", ""),
    ("CallInformation", "CallInformationEvent", "connection", "device"),
    ("DigitsGenerated", "DigitsGeneratedEvent", "connection", ""),
    ("AgentLoggedOn", "AgentLoggedOnEvent", "", "agentDevice"),
    ("AgentLoggedOff", "AgentLoggedOffEvent", "", "agentDevice"),
    ("AgentReady", "AgentReadyEvent", "", "agentDevice"),
    ("AgentNotReady", "AgentNotReadyEvent", "", "agentDevice"),
    ("AgentBusy", "AgentBusyEvent", "", "agentDevice"),
    ("AgentWorkingAfterCall", "AgentWorkingAfterCallEvent", "", "agentDevice"),
    ("DoNotDisturb", "DoNotDisturbEvent", "", "device"),
    ("Forwarding", "ForwardingEvent", "", "device"),
    ("BackInService", "BackInServiceEvent", "", "device"),
    ("OutOfService", "OutOfServiceEvent", "", "device"),
];

/// The event for a monitor; `None`: CSTA has none for it.
pub(super) fn told(monitor: u64, event: &Event) -> Option<Element> {
    let (_, name, line, device) = NAMES.iter().find(|(kind, ..)| *kind == event.event)?;
    let mut told = Element::new(name).text("monitorCrossRefID", &monitor.to_string());
    if let (Some(call), false) = (&event.call, line.is_empty()) {
        told = told.with(connection(line, call, &event.device));
    }
    if !device.is_empty() {
        told = told.with(identifier(device, &event.device));
    }
    if line.is_empty() {
        if !event.agent.is_empty() {
            told = told.text("agentID", &event.agent);
        }
        return Some(told);
    }
    let queue = (event.event == "Queued").then_some(("queue", event.queue.as_str()));
    let to = match event.event.as_str() {
        "Diverted" => Some(("newDestination", event.to.as_str())),
        "Transferred" => Some(("transferredToDevice", event.to.as_str())),
        _ => None,
    };
    let who = [("callingDevice", event.calling.as_str()), ("calledDevice", event.called.as_str())];
    for (name, number) in queue.into_iter().chain(to).chain(who) {
        if !number.is_empty() {
            told = told.with(identifier(name, number));
        }
    }
    if event.event == "DigitsGenerated" {
        told = told.text("digitGeneratedList", &event.code);
    }
    if !event.state.is_empty() {
        told = told.text("localConnectionInfo", &event.state);
    }
    if !event.data.is_empty() {
        let data = event.data.iter().map(|(name, value)| format!("{name}={value}"));
        let text: Vec<String> = data.collect();
        told = told.with(Element::new("correlatorData").text("string", &text.join("\n")));
    }
    Some(told.text("cause", cause(event)))
}

fn identifier(name: &str, number: &str) -> Element {
    Element::new(name).text("deviceIdentifier", number)
}

/// The cause, of CSTA's words (ECMA-269 §12.2.15).
fn cause(event: &Event) -> &'static str {
    match event.cause.as_str() {
        "busy" | "user-busy" => "busy",
        "noAnswer" | "no-answer" => "callForwardNoAnswer",
        "callRejected" => "callNotAnswered",
        "destNotObtainable" => "destNotObtainable",
        "resourcesNotAvailable" => "resourcesNotAvailable",
        "normalClearing" => "normalClearing",
        "unconditional" | "deflection" => "redirected",
        "callPickup" => "callPickup",
        "park" => "park",
        "transfer" => "transfer",
        "newCall" => "newCall",
        _ => "normal",
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::events::event::KINDS;
    use super::*;

    #[test]
    fn each_kind_is_one_of_csta_or_known_to_have_none() {
        let none = [
            "AgentPending",
            "AgentWrapUp",
            "SystemStatus",
            "Alarm",
            "CaseOpened",
            "CaseChanged",
            "CaseClosed",
            "CareCall",
            "CampaignStatus",
            "CampaignOffered",
            "CampaignOfferOver",
            "CampaignResult",
        ];
        for (kind, _) in KINDS {
            let known = NAMES.iter().any(|(own, ..)| own == kind);
            assert_ne!(known, none.contains(kind), "{kind}");
        }
    }

    #[test]
    fn a_delivered_call_as_the_standard_writes_it() {
        let event = Event {
            event: "Delivered".into(),
            call: Some("06C9PBW400001".into()),
            device: "1001".into(),
            state: "alerting".into(),
            calling: "138".into(),
            called: "400".into(),
            ..Event::default()
        };
        let told = told(3, &event).unwrap();
        assert_eq!(told.name, "DeliveredEvent");
        assert_eq!(told.said("monitorCrossRefID"), Some("3"));
        assert_eq!(told.find("connection").unwrap().said("callID"), Some("06C9PBW400001"));
        assert_eq!(told.find("alertingDevice").unwrap().said("deviceIdentifier"), Some("1001"));
        assert_eq!(told.find("callingDevice").unwrap().said("deviceIdentifier"), Some("138"));
        assert_eq!(told.said("localConnectionInfo"), Some("alerting"));
    }
}
