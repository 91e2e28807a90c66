//! An operator's questions, answered from the state; and a reload put in force.

use std::sync::Arc;

use crate::base::{CallId, LegId, Now};
use crate::config::Config;
use crate::dialplan::Plan;

use super::active::{Active, Doing};
use super::console::{CallRow, CallView, LegRow, PhoneRow, Reply, Request, Status, StreamRow};
use super::fact::{EndedBy, FactKind, Unregistered};
use super::{DiskCommand, Level, Output, RequestId, Switch, features, pings, requests};

fn no_call(id: CallId) -> Reply {
    Reply::Refused(format!("there is no call {id}; 'show calls' lists those in being"))
}

fn outcome(done: Result<String, String>) -> Reply {
    done.map_or_else(Reply::Refused, Reply::Done)
}

impl Switch {
    /// The answer; `None`: it comes when a phone has said something.
    pub(super) fn console(&mut self, now: Now, id: RequestId, request: Request) -> Option<Reply> {
        Some(match request {
            Request::Desk(number, order) => return self.desk_order(now, id, &number, None, order),
            Request::Cti(rights, order) => return self.cti(now, id, &rights, order),
            Request::Dial { phone, number } => self.dial_order(now, &phone, &number),
            Request::Status => Reply::Status(self.status(now)),
            Request::Calls => {
                Reply::Calls(self.calls.values().map(|a| self.call_row(now, a)).collect())
            }
            Request::Call(id) => match self.calls.get(&id) {
                Some(active) => Reply::Call(Box::new(self.call_view(now, active))),
                None => no_call(id),
            },
            Request::Phones => Reply::Phones(self.phone_rows(now)),
            Request::Gateways => Reply::Gateways(self.gateway_rows(now)),
            Request::GatewayOrder(name, order) => self.gateway_order(now, &name, order),
            Request::Bans => Reply::Bans(self.ban_rows(now)),
            Request::Ban(address, minutes) => self.ban_order(now, address, minutes),
            Request::Unban(address) => self.unban_order(now, address),
            Request::TrustClock => self.trust_clock(),
            Request::Agents => Reply::Agents(self.agent_rows(now)),
            Request::Queues => Reply::Queues(self.queue_rows(now)),
            Request::Forms => Reply::Forms(self.forms()),
            Request::Supervises(by, whom) => self.supervises(&by, &whom),
            Request::SupervisesAll(by) => self.supervises_all(&by),
            Request::Supervised(by) => Reply::Supervised(self.centre.supervised_by(&by)),
            Request::Score(rights, scoring) => return self.score(now, id, &rights, *scoring),
            Request::CallBacks => Reply::CallBacks(self.back_rows(now)),
            Request::AgentOrder(number, order) => self.agent_order(now, &number, order),
            Request::Cases => self.all_cases(now),
            Request::Guard(order, by) => self.guard_order(now, order, &by),
            Request::Plan(order, by) => self.plan_order(now, order, &by),
            Request::CareCall(order, by) => self.care_call_order(now, order, &by),
            Request::Campaign(order, by) => self.campaign_order(now, order, &by),
            Request::Case(id) => self.case_view(now, id),
            Request::Unit { case, order, confirmed, by } => {
                let by = if by.is_empty() { "console" } else { &by };
                outcome(self.unit_order(now, case, order, confirmed, by))
            }
            Request::Correct(correction) => self.correct_answer(now, correction),
            Request::CloseCase(id, outcome, by) => self.close_case(now, id, &outcome, &by),
            Request::TroubleOver(own, by) => self.trouble_over(now, own, &by),
            Request::Supervise { order, whom, by } => self.supervise_order(now, order, &whom, &by),
            Request::TraceOn(whom, time) => self.trace_on(now, whom, time),
            Request::TraceOff => self.trace_off(),
            Request::Rooms => Reply::Rooms(self.room_rows(now)),
            Request::Room(name) => self.show_room(now, &name),
            Request::RoomOrder(name, order) => self.room_order(now, &name, order),
            Request::Hangup(id) => match self.end_call(now, id, EndedBy::Console) {
                true => Reply::Done(format!("call {id} is being ended")),
                false => no_call(id),
            },
        })
    }

    fn dial_order(&mut self, now: Now, phone: &str, number: &str) -> Reply {
        match self.make_call(now, phone, number) {
            Ok(call) => Reply::Done(format!("call {call}: {phone} rings, and then calls {number}")),
            Err(why) => Reply::Refused(why),
        }
    }

    fn all_cases(&self, now: Now) -> Reply {
        let (cases, troubles) = (self.case_rows(now), self.trouble_rows(now));
        Reply::Cases { cases, troubles, records_away: !self.care.restored }
    }

    fn trust_clock(&mut self) -> Reply {
        self.out.push_back(Output::Disk(DiskCommand::TrustClock));
        Reply::Done("recordings' ages go by the clock, from the next look on (each minute)".into())
    }

    fn status(&mut self, now: Now) -> Status {
        let refusing = match (self.draining, self.journal_full) {
            (true, _) => Some("the exchange is about to stop".to_owned()),
            (_, true) => Some("the journal is full".to_owned()),
            _ => None,
        };
        let counts = self.agent.counts();
        let (recorders, outside_failed) = self.recorder_rows();
        Status {
            recorders,
            outside_failed,
            held: self.held_bytes(),
            node: self.config.node.name.to_string(),
            uptime_s: now.at.since(self.started.at).as_secs(),
            calls: self.calls.len(),
            legs: self.legs.len(),
            calls_total: self.count.calls,
            calls_refused: self.count.refused,
            recordings: self.recordings.len()
                + self.calls.values().filter(|a| a.recording.is_some()).count(),
            registered: self.registrar.counts().1,
            transactions: counts.server_txns + counts.client_txns,
            refusing,
            records_away: !self.restored,
            not_recording: match self.config.record.enabled {
                true => self.disk_full.clone(),
                false => Some("[record] enabled is off".to_owned()),
            },
        }
    }

    /// What a call does now, in words.
    fn doing(&self, active: &Active) -> String {
        let number = |leg| active.call.get(leg).map_or("", |c| c.device.number());
        match &active.doing {
            Doing::Opening => "begins".into(),
            Doing::Summoning(_) if self.is_care_call(active.id()) => {
                format!("rings {}", active.from)
            }
            Doing::Summoning(_) => format!("rings {}, which is to call", active.from),
            Doing::Answering => "answers".into(),
            Doing::Playing(_) => "plays".into(),
            Doing::Collecting { .. } => "takes keys".into(),
            Doing::Waiting(_) => "waits".into(),
            Doing::Echoing { .. } => "hears itself".into(),
            Doing::Sending => "sends keys".into(),
            Doing::Asking(asking) => format!("waits for {}", asking.name),
            Doing::Receiving(_) if self.hears_notice(active.id()) => {
                "hears what it has reported".into()
            }
            Doing::Receiving(_) => "says its alarm by keys".into(),
            Doing::Dialling(dialing) => {
                let rung: Vec<String> =
                    dialing.legs.iter().map(|(_, target)| target.to_string()).collect();
                format!("rings {}", rung.join(", "))
            }
            Doing::Talking { with, .. } => {
                let holds = |leg: &LegId| self.legs.get(leg).is_some_and(|leg| leg.held);
                let holders: Vec<&str> = [active.subject(), *with]
                    .iter()
                    .filter(|l| holds(l))
                    .map(|l| number(*l))
                    .collect();
                let held = match holders[..] {
                    [] => String::new(),
                    _ => format!(", held by {}", holders.join(" and ")),
                };
                let watched = self.watched_row(active.id());
                format!("talks with {}{held}{watched}", number(*with))
            }
            Doing::Conferring { room, .. } => format!("in conference {room}"),
            Doing::Parked { slot, .. } => format!("parked in slot {slot}"),
            Doing::Confirming(_) => "hears a confirmation".into(),
            Doing::BackNoting { .. } | Doing::BackNoted(_) => "asks to be called back".into(),
            Doing::SummoningBack(_) | Doing::BackSaid { .. } => "makes a call-back".into(),
            Doing::Queued if active.queued.as_ref().is_some_and(|q| q.asks.is_some()) => {
                "asks to be called back".into()
            }
            Doing::Queued => "waits for an agent".into(),
            Doing::SigningIn(_) => "signs in".into(),
            Doing::Watching(call) => self.watching_row(active.subject(), *call),
            Doing::Ending => "ends".into(),
        }
    }

    fn call_row(&self, now: Now, active: &Active) -> CallRow {
        let purpose = self.call_purpose(active.id());
        let state = self.doing(active) + &self.consulting_row(active);
        // In the plan whom we have called is the caller; here it is who is called.
        let (from, to) = match self.is_care_call(active.id()) {
            true => (&active.to, &active.from),
            false => (&active.from, &active.to),
        };
        CallRow {
            id: active.id(),
            from: from.clone(),
            to: to.clone(),
            ms: now.at.since(active.call.began).as_millis() as u64,
            state,
            route: active.route.clone(),
            recorded: active.recording.as_ref().is_some_and(|r| !r.paused),
            purpose: purpose.unwrap_or_default(),
        }
    }

    fn call_view(&self, now: Now, active: &Active) -> CallView {
        let legs = active.call.connections().iter().filter_map(|connection| {
            let leg = self.legs.get(&connection.leg)?;
            Some(LegRow {
                id: leg.id.to_string(),
                number: connection.device.number().into(),
                gateway: leg.gateway.clone(),
                state: format!("{:?}", connection.state).to_lowercase(),
                peer: connection.peer.map(|peer| peer.to_string()),
                signalling: format!(
                    "{}:{}",
                    leg.flow.transport.via_name().to_lowercase(),
                    leg.flow.remote
                ),
                rtp: leg.rtp.map(|at| at.to_string()),
                rtp_to: leg.sends_to().map(|at| at.to_string()),
                codec: leg.codec().map(|codec| codec.name().to_owned()),
                stream: leg.figures.as_deref().map(|(at, from, stats)| StreamRow {
                    ago_s: now.at.since(*at).as_secs(),
                    from: from.map(|from| from.to_string()),
                    jitter_us: stats.jitter_us,
                    sound: super::ending::sound(stats),
                }),
            })
        });
        CallView {
            row: self.call_row(now, active),
            outside: self.outside_row(now, active.id()),
            route: active.route.clone(),
            legs: legs.collect(),
        }
    }

    fn phone_rows(&self, now: Now) -> Vec<PhoneRow> {
        let row = |phone: &crate::config::Phone| PhoneRow {
            number: phone.number.to_string(),
            name: phone.name.as_ref().map(|n| n.to_string()),
            contacts: (self.registrar.lookup(now.at, phone.number.as_str()).into_iter())
                .map(|b| (b.contact.to_string(), b.expires.since(now.at).as_secs()))
                .collect(),
        };
        self.config.phones.iter().map(row).collect()
    }

    /// A checked configuration and plan take the place of the present ones. Calls in being keep
    /// their plan; phones that are gone lose their registrations.
    pub(super) fn reload(&mut self, now: Now, config: Config, plan: Arc<Plan>) {
        self.config = config;
        self.plan = plan;
        self.zone = self.plan.zone().clone();
        self.missing_clips.clear();
        self.verifier.set_life(self.config.sip.nonce_lifetime);
        self.features = features::table(&self.config);
        self.asking_features = features::asking(&self.config);
        self.prices = super::charging::Prices::new(&self.config);
        self.dialled_codes = features::dialled(&self.config);
        for name in self.gateways.configure(pings::gateways(&self.config)) {
            if self.gateways.get(&name).is_some() {
                let text = format!("gateway {name} did not answer: it is tried again");
                self.log(Level::Info, text);
            }
            self.gateway_alarm(now, &name, false);
        }
        let asked = |name: &str| self.config.gateway(name).is_some_and(|g| !g.ping.is_zero());
        self.pings.retain(|_, (name, _)| asked(name));
        self.configure_recorders();
        self.want_names(now);
        self.names_due(now);
        self.configure_fort(now);
        self.configure_registrations(now);
        self.registrar.configure(requests::registrar_config(&self.config));
        let gone = self.registrar.all().map(|(number, _)| number.to_owned());
        let gone: Vec<String> = gone.filter(|number| self.config.phone(number).is_none()).collect();
        for number in gone {
            for binding in self.registrar.clear(&number) {
                self.unbound(now, &number, &binding, Unregistered::Removed);
            }
        }
        self.review_watchers(now);
        self.configure_centre(now);
        self.care.cases.set_terms(super::care::terms(&self.config));
        self.configure_callers(now);
        self.keep_recordings();
        self.fact(now, FactKind::Reloaded { by: "console".into() });
    }
}
