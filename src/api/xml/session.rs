//! One session: requests in, answers and events out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::super::events::feed::Reader;
use super::super::events::{Event, Filter};
use super::super::{Pass, audit};
use super::errors::{
    self, BUSY, MISSING, NOT_A_CONNECTION, NOT_A_DEVICE, NOT_A_MONITOR, NOT_A_STATE, NOT_AN_AGENT,
    NOT_NOW, NOT_ONE_DEVICE, Refused, TOO_MANY_MONITORS, UNKNOWN,
};
use super::told::told;
use super::{NAMESPACE, Shared};
use crate::access::mask;
use crate::access::rights::Role;
use crate::base::CallId;
use crate::switch::console::DeskOrder;
use crate::switch::cti::{Agent, Answer, Call, Order, Why, Wish};
use crate::switch::{Reply, Request};
use crate::wire::csta::frame::{EVENT, MAX_FRAME};
use crate::wire::csta::{Element, Frame};

/// How long the first request may take.
const FIRST: Duration = Duration::from_secs(10);
/// Monitors of one session.
const MOST_MONITORS: usize = 1_000;

type Outcome = Result<Element, Refused>;

struct Session {
    shared: Shared,
    pass: Pass,
    peer: SocketAddr,
    reader: Reader,
    /// Each with the device that it watches.
    monitors: Vec<(u64, String)>,
    next: u64,
}

/// Runs until either side has enough.
pub(super) async fn run<S>(mut stream: S, peer: SocketAddr, shared: Shared) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut bytes = Vec::new();
    let first = timeout(FIRST, next_frame(&mut stream, &mut bytes)).await;
    let (invoke, xml) = first.map_err(|_| "nothing came in time")??;
    let mut session = match begin(&shared, &xml, peer) {
        Ok(session) => session,
        Err(why) => {
            if shared.complaints.may_tell().is_some() {
                tracing::warn!("CSTA: {peer}: {why}");
            }
            let no = Element::new("StartApplicationSessionNegResponse")
                .with(Element::new("errorCode").text("applError", "invalidApplicationInfo"));
            send(&mut stream, invoke, &no, false).await?;
            return Err(why);
        }
    };
    let yes = Element::new("StartApplicationSessionPosResponse")
        .text("sessionID", &session.pass.rights().name)
        .text("actualProtocolVersion", NAMESPACE);
    let masked = session.pass.rights().masked;
    send(&mut stream, invoke, &yes, masked).await?;
    let mut stopping = shared.stopping.clone();
    loop {
        // Both can be given up half-way: what has come of a frame stays in `bytes`, a reader in its place.
        let next = tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => Next::Stop,
            () = session.pass.gone() => Next::Revoked,
            frame = next_frame(&mut stream, &mut bytes) => Next::Frame(frame?),
            events = session.reader.next() => {
                Next::Events(events.map_err(|end| end.reason().to_owned())?)
            }
        };
        match next {
            Next::Stop => return Ok(()),
            Next::Revoked => return Err(session.revoked()),
            // A reload while the frame came.
            Next::Frame(_) if !session.pass.holds() => return Err(session.revoked()),
            Next::Frame((invoke, xml)) => {
                let (answer, over) = session.asked(&xml).await;
                send(&mut stream, invoke, &answer, masked).await?;
                if over {
                    return Ok(());
                }
            }
            Next::Events(events) => {
                for event in events {
                    session.tell(&mut stream, &event).await?;
                }
            }
        }
    }
}

/// What comes next in a session.
enum Next {
    Stop,
    Revoked,
    Frame((u16, Vec<u8>)),
    Events(Vec<Arc<Event>>),
}

/// The next whole frame; what has come of later ones stays in `bytes`.
async fn next_frame<S>(stream: &mut S, bytes: &mut Vec<u8>) -> Result<(u16, Vec<u8>), String>
where
    S: AsyncRead + Unpin,
{
    loop {
        let read = Frame::read(bytes).map_err(|no| no.0.to_owned())?;
        if let Some((frame, length)) = read {
            let whole = (frame.invoke, frame.xml.to_vec());
            bytes.drain(..length);
            return Ok(whole);
        }
        debug_assert!(bytes.len() <= MAX_FRAME);
        match stream.read_buf(bytes).await {
            Ok(0) => return Err("it has gone".into()),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// `masked`: outside numbers are.
async fn send<S>(stream: &mut S, invoke: u16, element: &Element, masked: bool) -> Result<(), String>
where
    S: AsyncWrite + Unpin,
{
    let document = element.document(NAMESPACE);
    let document = if masked { mask::in_text(&document) } else { document.as_str().into() };
    let frame = Frame::bytes(invoke, &document);
    let frame = match frame {
        Some(frame) => frame,
        // More calls than a frame holds.
        None => {
            let long = errors::TOO_LONG.element().document(NAMESPACE);
            Frame::bytes(invoke, &long).unwrap_or_default()
        }
    };
    stream.write_all(&frame).await.map_err(|e| e.to_string())?;
    stream.flush().await.map_err(|e| e.to_string())
}

/// The first request shows a token (ECMA-354: application information).
fn begin(shared: &Shared, xml: &[u8], peer: SocketAddr) -> Result<Session, String> {
    let asked = Element::read(xml).map_err(|no| no.0)?;
    if asked.name != "StartApplicationSession" {
        return Err("the first request has to be StartApplicationSession".into());
    }
    let token = asked.said("token").or_else(|| asked.said("applicationSpecificInfo"));
    let pass = token.and_then(|token| shared.tokens.pass(token));
    let pass = pass.ok_or("StartApplicationSession shows no token that is known here")?;
    let rights = pass.rights();
    if !rights.has_any(&[Role::Read, Role::Agent, Role::Supervisor]) {
        return Err(format!("\"{}\" may not", rights.name));
    }
    let only = (!rights.sees_all()).then(|| rights.agent.clone().unwrap_or_default());
    let reader = shared.feed.reader(None, Filter { only, ..Filter::default() });
    let reader = reader.ok_or("there are no events")?;
    Ok(Session { shared: shared.clone(), pass, peer, reader, monitors: Vec::new(), next: 1 })
}

impl Session {
    /// Its token was taken away, or may something else now.
    fn revoked(&self) -> String {
        let why = format!(
            "the token \"{}\" is in force no more: the session ends",
            self.pass.rights().name
        );
        tracing::info!("CSTA: {}: {why}", self.peer);
        why
    }

    /// The answer, and whether the session is over.
    async fn asked(&mut self, xml: &[u8]) -> (Element, bool) {
        let Ok(asked) = Element::read(xml) else { return (errors::UNREADABLE.element(), false) };
        let over = asked.name == "StopApplicationSession";
        let answer = self.carry_out(&asked).await.unwrap_or_else(Refused::element);
        (answer, over)
    }

    async fn carry_out(&mut self, asked: &Element) -> Outcome {
        match asked.name.as_str() {
            "StopApplicationSession" => Ok(Element::new("StopApplicationSessionPosResponse")),
            "MonitorStart" => self.monitor(asked).await,
            "MonitorStop" => {
                let id = asked.said("monitorCrossRefID").and_then(|id| id.parse().ok());
                let before = self.monitors.len();
                self.monitors.retain(|(own, _)| Some(*own) != id);
                match self.monitors.len() < before {
                    true => Ok(Element::new("MonitorStopResponse")),
                    false => Err(NOT_A_MONITOR),
                }
            }
            "SnapshotDevice" => self.snapshot(asked).await,
            "MakeCall" => {
                let device = asked.said("callingDevice").ok_or(NOT_A_DEVICE)?.to_owned();
                let to = asked.said("calledDirectoryNumber").ok_or(MISSING)?.to_owned();
                let order = Order::Make { device: device.clone(), to };
                let Answer::Made(call) = self.ask(order).await? else { return Err(NOT_NOW) };
                let connection = connection("callingDevice", &call.to_string(), &device);
                Ok(Element::new("MakeCallResponse").with(connection))
            }
            "AnswerCall" => self.desk(asked, "callToBeAnswered", DeskOrder::Answer).await,
            "HoldCall" => self.desk(asked, "callToBeHeld", DeskOrder::Hold).await,
            "RetrieveCall" => self.desk(asked, "callToBeRetrieved", DeskOrder::Resume).await,
            "ClearConnection" => {
                let (call, device) = named(asked, "connectionToBeCleared")?;
                self.ask(Order::Clear { device, call }).await?;
                Ok(Element::new("ClearConnectionResponse"))
            }
            "ConferenceCall" => self.confer(asked).await,
            "GetAgentState" => {
                let agents = self.agents(asked).await?;
                Ok(Element::new("GetAgentStateResponse").with(agent_list(&agents)))
            }
            "SetAgentState" => self.set_agent(asked).await,
            _ => Err(UNKNOWN),
        }
    }

    async fn ask(&self, order: Order) -> Result<Answer, Refused> {
        let (rights, said) = (self.pass.rights(), audit::said(&order));
        let reply = self.shared.exchange.ask(Request::Cti(rights.clone(), order.clone())).await;
        audit::write(&rights.name, Some(self.peer), said.as_deref(), reply.as_ref());
        match reply {
            None => Err(BUSY),
            Some(Reply::Cti(answer)) => match *answer {
                Answer::Refused(why, _) => Err(errors::refused(&order, why)),
                answer => Ok(answer),
            },
            Some(Reply::Done(text)) => Ok(Answer::Done(text)),
            Some(_) => Err(errors::refused(&order, Why::Conflict)),
        }
    }

    async fn monitor(&mut self, asked: &Element) -> Outcome {
        let device = asked.said("deviceObject").ok_or(NOT_A_DEVICE)?.to_owned();
        self.ask(Order::Device(device.clone())).await?;
        if self.monitors.len() >= MOST_MONITORS {
            return Err(TOO_MANY_MONITORS);
        }
        let id = self.next;
        self.next += 1;
        self.monitors.push((id, device));
        Ok(Element::new("MonitorStartResponse").text("monitorCrossRefID", &id.to_string()))
    }

    async fn snapshot(&self, asked: &Element) -> Outcome {
        let device = asked.said("snapshotObject").ok_or(NOT_A_DEVICE)?.to_owned();
        let Answer::Device(shown) = self.ask(Order::Device(device)).await? else {
            return Err(NOT_A_DEVICE);
        };
        let mut data = Element::new("snapshotData");
        for call in &shown.calls {
            data = data.with(snapshot_of(call, &shown.device));
        }
        let data = Element::new("crossRefIDorSnapshotData").with(data);
        Ok(Element::new("SnapshotDeviceResponse").with(data))
    }

    async fn desk(&self, asked: &Element, what: &str, order: DeskOrder) -> Outcome {
        let (call, device) = named(asked, what)?;
        self.ask(Order::Desk { device, call, order }).await?;
        Ok(Element::new(&format!("{}Response", asked.name)))
    }

    /// One device's held call and its active one become one (ECMA-269).
    async fn confer(&self, asked: &Element) -> Outcome {
        let (held, device) = named(asked, "heldCall")?;
        let (active, other) = named(asked, "activeCall")?;
        if device != other {
            return Err(NOT_ONE_DEVICE);
        }
        let order = Order::Confer { device: device.clone(), held, active };
        let Answer::Made(call) = self.ask(order).await? else { return Err(NOT_NOW) };
        let call = connection("conferenceCall", &call.to_string(), &device);
        Ok(Element::new("ConferenceCallResponse").with(call))
    }

    /// The agents at a device, or of a number.
    async fn agents(&self, asked: &Element) -> Result<Vec<Agent>, Refused> {
        let device = asked.said("device").ok_or(NOT_A_DEVICE)?;
        let Answer::Agents(all) = self.ask(Order::Agents).await? else { return Err(NOT_NOW) };
        let meant =
            |agent: &Agent| agent.device.as_deref() == Some(device) || agent.agent == device;
        Ok(all.into_iter().filter(meant).collect())
    }

    async fn set_agent(&self, asked: &Element) -> Outcome {
        let device = asked.said("device").ok_or(NOT_A_DEVICE)?.to_owned();
        let agent = match asked.said("agentID") {
            Some(agent) => agent.to_owned(),
            None => self.agents(asked).await?.first().ok_or(NOT_AN_AGENT)?.agent.clone(),
        };
        let to = match asked.said("requestedAgentState").ok_or(MISSING)? {
            "loggedOn" => {
                let pin = asked.said("password").ok_or(MISSING)?.to_owned();
                Wish::LogOn { device, pin }
            }
            "loggedOff" => Wish::LogOff,
            "ready" => Wish::Ready,
            "notReady" => {
                Wish::NotReady(asked.said("reasonCode").and_then(|c| c.parse().ok()).unwrap_or(0))
            }
            "workingAfterCall" => Wish::AfterCall,
            _ => return Err(NOT_A_STATE),
        };
        let Answer::Agent(now) = self.ask(Order::SetAgent { agent, to }).await? else {
            return Err(NOT_NOW);
        };
        let mut answer = Element::new("SetAgentStateResponse");
        if let Some(pending) = &now.pending {
            answer = answer.text("pendingAgentState", word(pending));
        }
        Ok(answer)
    }

    /// An event to each monitor of a device that it concerns.
    async fn tell<S>(&self, stream: &mut S, event: &Arc<Event>) -> Result<(), String>
    where
        S: AsyncWrite + Unpin,
    {
        for (id, device) in &self.monitors {
            let concerns = event.device == *device || event.devices.contains(device);
            if let Some(told) = concerns.then(|| told(*id, event)).flatten() {
                send(stream, EVENT, &told, self.pass.rights().masked).await?;
            }
        }
        Ok(())
    }
}

/// The connection that a request names: its call, if it has one, and its device.
fn named(asked: &Element, what: &str) -> Result<(Option<CallId>, String), Refused> {
    let connection = asked.find(what).ok_or(NOT_A_CONNECTION)?;
    let call = connection.said("callID").map(|call| call.parse().map_err(|_| NOT_A_CONNECTION));
    let device = connection.said("deviceID").ok_or(NOT_A_DEVICE)?;
    Ok((call.transpose()?, device.to_owned()))
}

/// A connection: call and device.
pub(super) fn connection(name: &str, call: &str, device: &str) -> Element {
    Element::new(name).text("callID", call).text("deviceID", device)
}

fn snapshot_of(call: &Call, device: &str) -> Element {
    let mut info = Element::new("snapshotDeviceResponseInfo").with(connection(
        "connectionIdentifier",
        &call.call.to_string(),
        device,
    ));
    let mut states = Element::new("compoundCallState");
    // The device's own comes first (ECMA-269 §16.1).
    let (own, others): (Vec<_>, Vec<_>) =
        call.connections.iter().partition(|party| party.device == device);
    for party in own.into_iter().chain(others) {
        states = states.text("localConnectionState", &party.state);
    }
    info = info.with(Element::new("localCallState").with(states));
    info
}

fn agent_list(agents: &[Agent]) -> Element {
    let mut list = Element::new("agentStateList");
    for agent in agents {
        let on = if agent.device.is_some() { "true" } else { "false" };
        let mut item = Element::new("agentInfoItem").text("agentState", word(&agent.state));
        if let Some(pending) = &agent.pending {
            item = item.text("pendingAgentState", word(pending));
        }
        let entry = Element::new("agentStateEntry")
            .text("agentID", &agent.agent)
            .text("loggedOnState", on)
            .with(Element::new("agentInfo").with(item));
        list = list.with(entry);
    }
    list
}

/// CSTA's word for an agent's state.
fn word(state: &str) -> &'static str {
    match state {
        "ready" => "agentReady",
        "not_ready" => "agentNotReady",
        "busy" => "agentBusy",
        "working_after_call" => "agentWorkingAfterCall",
        _ => "agentNull",
    }
}
