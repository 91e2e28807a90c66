//! Outbound campaigns (R19): what the rule wants is written down, dialled, and told to it.
//!
//! ```text
//!  progressive: rule ─▶ fact on the disk ─▶ customer dialled ─▶ 200 ─▶ the queue, before all ─▶ the agent's phone answers
//!  preview:     rule ─▶ agent is shown it ─▶ takes it ─▶ fact ─▶ his phone rings ─▶ its plan dials the customer
//! ```
//!
//! A customer who has answered is a caller of the queue like any other, with the agent who was kept for him free again
//! in the same moment. What the line says (busy, no such number) comes from causes and, where the gateway has `tones`,
//! from tones. Not here: who is dialled when, and how often ([`acd::campaign`](crate::acd::campaign)).

use std::collections::{BTreeMap, BTreeSet};

use crate::acd::AgentId;
use crate::acd::campaign::{Action, Campaigns, Gate, Offer, OfferEnd, Outcome, Over, Shown, Terms};
pub use crate::acd::campaign::{Forgotten, Kept, MOST_BARRED, State, Status};
pub use crate::acd::campaign_file::{Entry, MOST_NUMBERS, pairs};
use crate::acd::event::What;
use crate::acd::hours::{Civil as Hour, Hours};
use crate::base::week::Moment;
use crate::base::{CallId, Duration, LegId, Now, Time, Wall};
use crate::call::dialling::Why;
use crate::call::{Device, Failure};
use crate::config::{self, CampaignKind};
use crate::dialplan::calendar::Civil;
use crate::dialplan::effect::{self, Keys};
use crate::dsp::tone::Kind;
use crate::wire::q850::Cause;

use super::active::Doing;
use super::caller_id::numbering;
use super::console::{CampaignOrder, CampaignRow, OfferRow, Reply};
use super::dial::failure;
use super::fact::{AgentFact, AlarmWhat, CampaignFact, EndedBy, FactKind};
use super::placing::Placing;
use super::{Level, Output, Switch};

/// How long a customer who has answered waits for an agent at most, in milliseconds.
const CUSTOMER_WAITS_MS: u32 = 20_000;
/// How long an agent's phone may ring that is to dial a customer.
const AGENT_RINGS: Duration = Duration::from_secs(20);

/// What the records say of campaigns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// Whether each calls, before the start.
    Status(Vec<(String, Status)>),
    /// Numbers of a list.
    Rows(String, Vec<Kept>),
    /// The numbers that nobody may call, in international form where that can be told.
    Barred(BTreeSet<String>),
    /// That was all that there is from before the start.
    All,
}

/// Campaigns, and their calls.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    rules: Campaigns,
    /// By the call.
    calls: BTreeMap<CallId, Making>,
    /// What is dialled as soon as the fact of this number is on the disk.
    noting: BTreeMap<u64, Dial>,
    /// When the rule is to be asked.
    pub(super) wake: Option<Time>,
}

#[derive(Clone, Debug)]
struct Dial {
    campaign: String,
    number: String,
    agent: AgentId,
    preview: bool,
}

/// A call for a campaign.
#[derive(Clone, Debug)]
struct Making {
    of: Dial,
    caller_id: Option<String>,
    /// The customer has answered.
    answered: bool,
    /// He hears an agent.
    reached: bool,
    /// His phone has rung, or was busy.
    tried: bool,
    /// It was ended for a caller.
    let_go: bool,
    /// What a tone has said.
    toned: Option<Outcome>,
    /// Why he could not be reached.
    failed: Option<Failure>,
    /// What the agent said while he talked.
    code: Option<String>,
}

impl Outbound {
    /// Whether a call is a customer's whom a campaign has dialled.
    pub(super) fn is_customer(&self, id: CallId) -> bool {
        self.calls.get(&id).is_some_and(|own| !own.of.preview)
    }

    /// The number that a customer is shown.
    pub(super) fn caller_id(&self, id: CallId) -> Option<&str> {
        self.calls.get(&id)?.caller_id.as_deref()
    }

    /// Whether the rule is to be asked now.
    pub(super) fn is_due(&self, now: Time) -> bool {
        self.wake.is_some_and(|at| at <= now)
    }

    /// Whether anything may have to be done.
    pub(super) fn any(&self) -> bool {
        self.rules.any()
    }
}

impl Switch {
    /// What the configuration says of campaigns.
    pub(super) fn configure_campaigns(&mut self) {
        let wrap_ups = &self.config.wrap_ups;
        let own = self.config.campaigns.iter().map(|own| terms(own, wrap_ups)).collect();
        let numbering = numbering(&self.config);
        let key = move |number: &str| numbering.e164(number).unwrap_or_else(|| number.to_owned());
        self.outbound.rules.configure(own, key);
    }

    /// What the records say.
    pub(super) fn campaigns_told(&mut self, now: Now, told: Told) {
        match told {
            Told::Status(all) => {
                all.iter().for_each(|(name, status)| self.outbound.rules.restore(name, *status))
            }
            Told::Rows(name, rows) => {
                let (over, left_out) = self.outbound.rules.add(now, &name, rows);
                if left_out > 0 {
                    let line =
                        format!("campaign {name}: {left_out} numbers are too many, and left out");
                    self.log(Level::Error, line);
                }
                over.into_iter().for_each(|action| self.campaign_action(now, action));
            }
            Told::Barred(numbers) => {
                let forgotten = self.outbound.rules.bar(numbers);
                self.out.push_back(Output::Forgotten(forgotten));
            }
            Told::All => self.outbound.rules.restored(),
        }
        self.outbound.wake = Some(now.at);
    }

    /// What is due of campaigns.
    pub(super) fn campaigns_due(&mut self, now: Now) {
        let waiting = self.outbound.noting.values().filter(|own| !own.preview).count();
        let civil = Civil::at(now.wall, &self.zone);
        let gates: BTreeMap<String, Gate> = self
            .config
            .campaigns
            .iter()
            .map(|own| {
                let trunk = own.trunk.as_ref().map(|trunk| trunk.as_str());
                let room = self.room_on(trunk, own.keep_free).saturating_sub(waiting);
                (own.name.to_string(), Gate { open: self.campaign_is_open(own, &civil), room })
            })
            .collect();
        let shut = Gate { open: false, room: 0 };
        let gate = |terms: &Terms| gates.get(&terms.name).copied().unwrap_or(shut);
        let actions = self.outbound.rules.due(now.at, &mut self.centre, gate);
        for action in actions {
            self.campaign_action(now, action);
        }
        // Who waits for this very moment is on its way: the next look is a step later.
        self.outbound.wake = self.outbound.rules.next_wake(now.at);
    }

    fn campaign_is_open(&self, own: &config::Campaign, civil: &Civil) -> bool {
        let day = civil.date();
        if own.dates.is_some_and(|dates| !dates.holds(day)) {
            return false;
        }
        let windows = own.hours.clone().unwrap_or_default();
        let hours = Hours { windows, no_holidays: !own.on_holidays, leave: false };
        let moment = Moment { weekday: civil.weekday(), second: civil.second_of_day() };
        hours.is_open(Hour { moment, holiday: self.plan.is_holiday("", day) })
    }

    fn campaign_action(&mut self, now: Now, action: Action) {
        match action {
            Action::Dial { campaign, number, nth, agent, preview } => {
                let of = Dial { campaign, number, agent, preview };
                self.campaign_dial(now, nth, of);
            }
            Action::Moved { campaign, number, agent } => {
                let own = |dial: &&mut Dial| (&dial.campaign, &dial.number) == (&campaign, &number);
                let made = self.outbound.calls.values_mut().map(|making| &mut making.of);
                let all = made.chain(self.outbound.noting.values_mut());
                all.filter(own).for_each(|dial| dial.agent = agent);
            }
            Action::LetGo { campaign, number } => self.campaign_let_go(now, &campaign, &number),
            Action::Offer(Offer { campaign, number, fields, agent, left, .. }) => {
                let (agent, left_ms) = (self.centre.agent_number(agent), left.as_millis() as u64);
                let what = CampaignFact::Offered { number, fields, agent, left_ms };
                self.fact(now, FactKind::Campaign { campaign, what });
            }
            Action::OfferOver { campaign, number, agent, why } => {
                let why = match why {
                    OfferEnd::Taken => "taken",
                    OfferEnd::Skipped => "skipped",
                    OfferEnd::Expired => "expired",
                    OfferEnd::Withdrawn => "withdrawn",
                };
                let (agent, why) = (self.centre.agent_number(agent), why.to_owned());
                let what = CampaignFact::OfferOver { number, agent, why };
                self.fact(now, FactKind::Campaign { campaign, what });
            }
            Action::Over(over) => self.campaign_over(now, over, None, 0, 0),
            Action::Held { campaign, held } => {
                if held {
                    let line =
                        format!("campaign {campaign} has had no free channel for a long while");
                    self.log(Level::Warning, line);
                }
                let what = AlarmWhat::CampaignHeld;
                let kind = FactKind::Alarm { what, raised: held, detail: campaign, call: None };
                self.fact(now, kind);
            }
        }
    }

    /// An attempt: its fact first, the call when that is on the disk.
    fn campaign_dial(&mut self, now: Now, nth: u32, of: Dial) {
        let (campaign, number) = (of.campaign.clone(), of.number.clone());
        let agent = self.centre.agent_number(of.agent);
        let what = CampaignFact::Called { number, nth, agent };
        self.fact(now, FactKind::Campaign { campaign, what });
        self.outbound.noting.insert(self.facts, of);
    }

    /// A fact is on the disk: where it is an attempt's, its customer is dialled.
    pub(super) fn campaign_durable(&mut self, now: Now, seq: u64) {
        let Some(of) = self.outbound.noting.remove(&seq) else { return };
        if let Err(why) = self.campaign_place(now, of.clone()) {
            let Dial { campaign, number, .. } = &of;
            self.log(Level::Warning, format!("campaign {campaign}: {number} is not called: {why}"));
            self.campaign_not_tried(now, &of);
        }
    }

    /// The journal has no room for an attempt: there is none.
    pub(super) fn campaign_not_written(&mut self, now: Now, seq: u64) {
        if let Some(of) = self.outbound.noting.remove(&seq) {
            self.campaign_not_tried(now, &of);
        }
    }

    fn campaign_not_tried(&mut self, now: Now, of: &Dial) {
        let own = (of.campaign.as_str(), of.number.as_str());
        let over = self.outbound.rules.over(now.at, &mut self.centre, own, Outcome::NotTried);
        if let Some(over) = over {
            self.campaign_over(now, over, None, 0, 0);
        }
    }

    fn campaign_place(&mut self, now: Now, of: Dial) -> Result<(), String> {
        let own = self.config.campaigns.iter().find(|own| *own.name.as_str() == of.campaign);
        let own = own.ok_or("its campaign is no more")?.clone();
        if self.is_help(&of.number) {
            return Err("it is a number for help".into());
        }
        let making = Making {
            of: of.clone(),
            caller_id: own.caller_id.as_ref().map(ToString::to_string),
            answered: false,
            reached: false,
            tried: false,
            let_go: false,
            toned: None,
            failed: None,
            code: None,
        };
        let variables = vec![("campaign".to_owned(), of.campaign.clone())];
        if of.preview {
            let phone = self.centre.phone_of(of.agent).ok_or("its agent has signed out")?;
            let prefix = own.prefix.as_ref().map_or("", |prefix| prefix.as_str());
            let dialled = format!("{prefix}{}", of.number);
            let until = Doing::Summoning(now.at + AGENT_RINGS);
            let id = self.summon(now, &phone, &dialled, until)?;
            if let Some(active) = self.calls.get_mut(&id) {
                active.origin.signalled.extend(variables);
            }
            self.outbound.calls.insert(id, making);
            return Ok(());
        }
        let placing = Placing {
            to: own.caller_id.as_ref().map_or_else(|| of.number.clone(), ToString::to_string),
            number: of.number,
            context: "campaign".into(),
            phone: None,
            trunk: own.trunk.as_ref().map(ToString::to_string),
            rings: own.ring,
            urgent: false,
            variables,
        };
        let mut made = None;
        let placed = self.place_out(now, placing, |switch, id| {
            made = Some(id);
            switch.outbound.calls.insert(id, making);
        });
        if let (Err(_), Some(id)) = (&placed, made) {
            self.outbound.calls.remove(&id);
        }
        placed.map(|_| ()).map_err(|not| not.why().to_owned())
    }

    /// Whether a number is one that no list may have called.
    fn is_help(&self, number: &str) -> bool {
        let bare = number.trim_start_matches('+');
        self.config.is_emergency(number) || self.config.is_emergency(bare)
    }

    fn campaign_let_go(&mut self, now: Now, campaign: &str, number: &str) {
        let is_it = |of: &Dial| of.campaign == campaign && of.number == number;
        let made = self.outbound.calls.iter_mut().find(|(_, making)| is_it(&making.of));
        if let Some((id, making)) = made {
            making.let_go = true;
            let id = *id;
            return self.release_call(now, id, Cause::NORMAL_CLEARING, EndedBy::Plan);
        }
        self.outbound.noting.retain(|_, of| !is_it(of));
        let own = (campaign, number);
        let over = self.outbound.rules.over(now.at, &mut self.centre, own, Outcome::LetGo);
        if let Some(over) = over {
            self.campaign_over(now, over, None, 0, 0);
        }
    }

    /// A customer has answered: he is before all others in the queue, and the agent who was kept for him is free.
    /// `false`: the call is no campaign's, or an agent's who is to dial.
    pub(super) fn campaign_answered(&mut self, now: Now, id: CallId, leg: LegId) -> bool {
        let Some(making) = self.outbound.calls.get_mut(&id).filter(|own| !own.of.preview) else {
            return false;
        };
        making.answered = true;
        let Dial { campaign, number, .. } = making.of.clone();
        let agent = self.outbound.rules.answered(&campaign, &number);
        let own = self.config.campaigns.iter().find(|own| *own.name.as_str() == campaign);
        let queue = own.map(|own| own.queue.to_string()).unwrap_or_default();
        let Some(active) = self.calls.get_mut(&id) else { return true };
        active.planless = true;
        if let Some(agent) = agent {
            self.centre.meets(now.at, agent);
        }
        let wanted = effect::Queue {
            name: queue,
            priority: crate::acd::queue::MOST_PRIORITY.unsigned_abs(),
            vip: true,
            region: None,
            longest_ms: Some(CUSTOMER_WAITS_MS),
            exit: Keys::NONE,
            call_back: Keys::NONE,
        };
        let refused = self.join_queue(now, id, leg, wanted);
        self.centre.wake(now.at);
        if let Some(happening) = refused {
            self.run(now, id, happening);
        }
        true
    }

    /// A leg has rung: where it is a customer's, he was tried.
    pub(super) fn campaign_rings(&mut self, id: CallId) {
        if let Some(making) = self.outbound.calls.get_mut(&id) {
            let dials =
                self.calls.get(&id).is_some_and(|own| matches!(own.doing, Doing::Dialling(_)));
            making.tried |= !making.of.preview || dials;
        }
    }

    /// A leg is out.
    pub(super) fn campaign_leg_failed(&mut self, id: CallId, leg: LegId, failure: Failure) {
        if !self.is_customers_leg(id, leg) {
            return;
        }
        if let Some(making) = self.outbound.calls.get_mut(&id) {
            making.failed = Some(failure);
            making.tried |= failure.why != Why::Failed || failure.status >= 600;
        }
    }

    fn is_customers_leg(&self, id: CallId, leg: LegId) -> bool {
        let party = self.calls.get(&id).and_then(|active| active.call.get(leg));
        party.is_some_and(|party| matches!(party.device, Device::Trunk { .. }))
    }

    /// A tone says what became of a call.
    pub(super) fn campaign_toned(&mut self, id: CallId, leg: LegId, kind: Kind) {
        let outcome = match kind {
            Kind::Busy => Outcome::Busy,
            Kind::Congestion => Outcome::Failed,
            Kind::Unobtainable => Outcome::Wrong,
            _ => return,
        };
        if self.is_customers_leg(id, leg)
            && let Some(making) = self.outbound.calls.get_mut(&id)
        {
            making.toned = Some(outcome);
        }
    }

    /// Two parties of a call hear each other.
    pub(super) fn campaign_reached(&mut self, now: Now, id: CallId) {
        let Some(making) = self.outbound.calls.get_mut(&id).filter(|own| !own.reached) else {
            return;
        };
        making.reached = true;
        let of = making.of.clone();
        let agent = self.campaign_talker(id).unwrap_or(of.agent);
        self.outbound.rules.talks(agent, id, &of.campaign, &of.number);
        if of.preview {
            let own = self.config.campaigns.iter().find(|own| *own.name.as_str() == of.campaign);
            let queue = own.map(|own| own.queue.to_string()).unwrap_or_default();
            self.centre.previewed(now.at, agent, id, &queue);
            let since = self.centre.agent(now.at, agent).map(|view| view.since);
            let before_ms = since.unwrap_or_default().as_millis() as u64;
            let what = AgentFact::Previewed { call: id, queue, before_ms };
            let agent = self.centre.agent_number(agent);
            self.fact(now, FactKind::Agent { agent, what });
        }
    }

    /// The agent who has talked last in a call: by its number where a queue gave it the customer, by its phone's where it was
    /// asked or sent to. A phone may have the number of an agent who is elsewhere: that one is no party.
    fn campaign_talker(&self, id: CallId) -> Option<AgentId> {
        let active = self.calls.get(&id)?;
        let own = active.agent.as_deref()?;
        let is_here = |phone: &str| {
            let mut parties = active.call.connections().iter();
            parties.any(|party| party.device.is_phone() && party.device.number() == phone)
        };
        let sits_here = |agent: &AgentId| self.centre.phone_of(*agent).is_some_and(|p| is_here(&p));
        let by_number = self.centre.numbered(own).filter(sits_here);
        by_number.or_else(|| self.centre.at_phone(own).filter(|_| is_here(own)))
    }

    /// A call is over: what came of the attempt.
    pub(super) fn campaign_call_over(&mut self, now: Now, id: CallId) {
        let Some(making) = self.outbound.calls.remove(&id) else { return };
        let active = self.calls.get(&id);
        let cause = active.and_then(|active| active.ended).map(|(cause, _)| cause);
        let talk_ms = active.filter(|_| making.reached).map_or(0, |active| active.talk_ms);
        let taken = self.campaign_talker(id).filter(|_| making.reached);
        // The agent's phone ends a preview's call: why the customer could not be had is told apart.
        let failed = making.failed.map(|failed| failed.cause);
        let cause = if making.of.preview { failed.or(cause) } else { cause.or(failed) };
        let outcome = making.outcome(cause);
        let own = (making.of.campaign.as_str(), making.of.number.as_str());
        let over = self.outbound.rules.over(now.at, &mut self.centre, own, outcome);
        let Some(mut over) = over else { return };
        over.agent = taken.or(over.agent);
        let agent = over.agent;
        self.campaign_over(now, over, Some(id), cause.map_or(0, Cause::value), talk_ms);
        if let (Some(agent), Some(code)) = (agent, making.code) {
            self.campaign_coded(now, Some((agent, id, code)));
        }
    }

    fn campaign_over(
        &mut self,
        now: Now,
        over: Over,
        call: Option<CallId>,
        cause: u8,
        talk_ms: u64,
    ) {
        let Over { campaign, number, nth, counted, outcome, state, rests, agent } = over;
        let what = CampaignFact::Over {
            number,
            nth,
            counted,
            outcome: outcome.as_str().to_owned(),
            state: state.as_str().to_owned(),
            agent: agent.map(|agent| self.centre.agent_number(agent)).unwrap_or_default(),
            call,
            cause,
            talk_ms,
            next: rests.map(|rests| after(now, rests)),
        };
        self.fact(now, FactKind::Campaign { campaign, what });
        self.outbound.wake = Some(now.at);
    }

    /// What an event of the centre says that an agent has said of a call.
    pub(super) fn campaign_code(&self, what: &What) -> Option<(AgentId, CallId, String)> {
        let What::WrapUp { agent, call, code, .. } = what else { return None };
        if code.is_empty() {
            return None;
        }
        Some((self.centre.numbered(agent)?, *call, code.clone()))
    }

    /// An agent has said what a call was about.
    pub(super) fn campaign_coded(&mut self, now: Now, coded: Option<(AgentId, CallId, String)>) {
        let Some((agent, call, code)) = coded else { return };
        if let Some(making) = self.outbound.calls.get_mut(&call) {
            // What becomes of the number is known when the call is over.
            making.code = Some(code);
            return;
        }
        let Some(coded) = self.outbound.rules.coded(now.at, agent, call, &code) else { return };
        let what = CampaignFact::Coded {
            number: coded.number,
            agent: self.centre.agent_number(agent),
            call,
            code,
            state: coded.state.as_str().to_owned(),
            machine: coded.machine,
            next: coded.rests.map(|rests| after(now, rests)),
        };
        self.fact(now, FactKind::Campaign { campaign: coded.campaign, what });
    }

    /// A person begins a campaign, holds it, looks at it; an agent takes or skips what he is shown.
    pub(super) fn campaign_order(&mut self, now: Now, order: CampaignOrder, by: &str) -> Reply {
        let by = if by.is_empty() { "console" } else { by };
        let said = match order {
            CampaignOrder::List => return Reply::Campaigns(self.campaign_rows()),
            CampaignOrder::Offer(agent) => return self.campaign_offer(now, &agent),
            CampaignOrder::Start(name) => self.campaign_set(now, name, Status::Running, by),
            CampaignOrder::Pause(name) => self.campaign_set(now, name, Status::Paused, by),
            CampaignOrder::Stop(name) => self.campaign_set(now, name, Status::Stopped, by),
            CampaignOrder::Clear(name) => self.campaign_clear(&name, by),
            CampaignOrder::Reload => {
                self.outbound.rules.may_reload().map(|()| "lists may be read".to_owned())
            }
            CampaignOrder::Take(agent) => self.campaign_take(now, &agent),
            CampaignOrder::Skip(agent) => self.campaign_skip(now, &agent),
        };
        self.outbound.wake = Some(now.at);
        match said {
            Ok(done) => Reply::Done(done),
            Err(why) => Reply::Refused(why),
        }
    }

    fn campaign_set(
        &mut self,
        now: Now,
        name: String,
        status: Status,
        by: &str,
    ) -> Result<String, String> {
        let changed = self.outbound.rules.order(&name, status)?;
        let (word, by) = (status.as_str(), by.to_owned());
        if !changed {
            return Ok(format!("campaign {name} is {word} already"));
        }
        self.log(Level::Info, format!("campaign {name} is {word}, by {by}"));
        let what = CampaignFact::Status { status: word.to_owned(), by };
        self.fact(now, FactKind::Campaign { campaign: name.clone(), what });
        Ok(format!("campaign {name} is {word}; `show campaigns` says how far it is"))
    }

    /// The exchange forgets a list; who orders it takes the list out of the records.
    fn campaign_clear(&mut self, name: &str, by: &str) -> Result<String, String> {
        let (numbers, forgotten) = self.outbound.rules.clear(name)?;
        self.out.push_back(Output::Forgotten(forgotten));
        self.log(Level::Info, format!("campaign {name}: its list is cleared, by {by}"));
        Ok(format!("{numbers} numbers"))
    }

    fn campaign_agent(&self, number: &str) -> Result<AgentId, String> {
        let agent = self.centre.numbered(number);
        agent.ok_or_else(|| format!("there is no agent {number}; 'show agents' lists them"))
    }

    fn campaign_offer(&self, now: Now, number: &str) -> Reply {
        let agent = match self.campaign_agent(number) {
            Ok(agent) => agent,
            Err(why) => return Reply::Refused(why),
        };
        let row = self.outbound.rules.offer_of(now.at, agent).map(|offer| OfferRow {
            fields: pairs(&offer.fields).map(|(n, t)| (n.to_owned(), t.to_owned())).collect(),
            campaign: offer.campaign,
            number: offer.number,
            tried: offer.tried,
            left_ms: offer.left.as_millis() as u64,
        });
        Reply::CampaignOffer(row)
    }

    fn campaign_take(&mut self, now: Now, number: &str) -> Result<String, String> {
        let agent = self.campaign_agent(number)?;
        if let Some(over) = self.outbound.rules.withdraw_barred(now.at, agent) {
            self.campaign_action(now, over);
            return Err(format!(
                "whom agent {number} was shown may be called by no campaign any more"
            ));
        }
        let Some(action) = self.outbound.rules.take(agent) else {
            return Err(format!("agent {number} is shown nobody of a campaign now"));
        };
        let Action::Dial { campaign, number: customer, .. } = &action else {
            return Err(format!("agent {number} is shown nobody of a campaign now"));
        };
        let said =
            format!("{customer} of campaign {campaign} is called: agent {number}'s phone first");
        let (campaign, customer) = (campaign.clone(), customer.clone());
        let over = Action::OfferOver { campaign, number: customer, agent, why: OfferEnd::Taken };
        self.campaign_action(now, over);
        self.campaign_action(now, action);
        Ok(said)
    }

    fn campaign_skip(&mut self, now: Now, number: &str) -> Result<String, String> {
        let agent = self.campaign_agent(number)?;
        let Some(action) = self.outbound.rules.skip(now.at, agent) else {
            return Err(format!("agent {number} is shown nobody of a campaign now"));
        };
        self.campaign_action(now, action);
        Ok(format!("agent {number} skips him: his turn comes again"))
    }

    fn campaign_rows(&self) -> Vec<CampaignRow> {
        let row = |own: Shown| CampaignRow {
            kind: if own.preview { "preview" } else { "progressive" }.to_owned(),
            status: own.status.as_str().to_owned(),
            name: own.name,
            queue: own.queue,
            numbers: own.numbers,
            left: own.left,
            resting: own.resting,
            calling: own.calling,
            done: own.done,
            failed: own.failed,
            held: own.held,
        };
        self.outbound.rules.shown().map(row).collect()
    }
}

impl Making {
    /// How the attempt ended, by what was seen of it.
    fn outcome(&self, cause: Option<Cause>) -> Outcome {
        if let Some(toned) = self.toned {
            return toned;
        }
        if self.reached {
            return Outcome::Reached;
        }
        if self.answered {
            return Outcome::Unserved;
        }
        if self.let_go {
            return Outcome::LetGo;
        }
        // Nobody's phone has rung: no channel was there, or the agent's own phone did not answer.
        let unplaced = self.of.preview || cause == Some(Cause::NORMAL_TEMPORARY_FAILURE);
        if unplaced && !self.tried && self.failed.is_none() {
            return Outcome::NotTried;
        }
        let Some(cause) = cause else { return Outcome::Failed };
        const NUMBER_CHANGED: u8 = 22;
        if cause == Cause::UNALLOCATED_NUMBER
            || cause == Cause::INVALID_NUMBER_FORMAT
            || cause.value() == NUMBER_CHANGED
        {
            return Outcome::Wrong;
        }
        match failure(cause, 0).why {
            Why::Busy => Outcome::Busy,
            Why::NoAnswer => Outcome::NoAnswer,
            Why::Rejected => Outcome::Declined,
            // The agent gave up while it rang.
            Why::Failed if self.tried && self.of.preview && self.failed.is_none() => {
                Outcome::NoAnswer
            }
            Why::Failed => Outcome::Failed,
        }
    }
}

/// The calendar's time so long from now, in milliseconds since 1970.
fn after(now: Now, span: Duration) -> i64 {
    let Wall(wall) = now.wall;
    wall.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
}

fn terms(own: &config::Campaign, wrap_ups: &[config::WrapUp]) -> Terms {
    // Agents dial codes; the configuration may name them.
    let code = |label: String| {
        let named = wrap_ups.iter().find(|own| own.name.as_str() == label);
        named.map_or(label, |own| own.code.to_string())
    };
    Terms {
        name: own.name.to_string(),
        preview: own.kind == CampaignKind::Preview,
        queue: own.queue.to_string(),
        attempts: own.attempts,
        pauses: [own.pause_busy, own.pause_no_answer, own.pause_voice_mail, own.pause_failed],
        ring: own.ring,
        most: own.calls as usize,
        offer: own.look,
        done: own.done.iter().flatten().map(ToString::to_string).map(code).collect(),
        again: own.again.iter().flatten().map(ToString::to_string).map(code).collect(),
        machine: own.machine.iter().flatten().map(ToString::to_string).map(code).collect(),
    }
}
