//! The registrar (RFC 3261 §10): which addresses stand behind an address-of-record.
//!
//! ```text
//!   REGISTER (authenticated by the caller) ──> register ──> Ok: headers of the 200, what changed
//!                                                      └──> Err: status and headers of the refusal
//!   a call to 1001 ──> lookup ──> bindings, best first, each with the way to it
//!   a connection ended ──> flow_failed ──> the bindings that were reached over it, gone
//! ```
//!
//! A request is taken whole or not at all (§10.3 step 7). Every number is bounded: bindings of one
//! address, addresses, seconds. The state is plain data; its times are the driver's clock.
//!
//! A binding over a connection lasts as long as the connection (RFC 5626 §4.2.2): the way to the
//! phone is that connection and no other, for its Contact may stand behind a NAT. The phone notices
//! the end too and registers anew.
//!
//! A phone that keeps several flows (`reg-id`, `+sip.instance`) has a binding for each; it is called
//! over the one refreshed last, and over another as soon as that one has ended.
//!
//! The proxies between us and a phone may write themselves into `Path` (RFC 3327): they are kept with the
//! binding, told in the 200, and are the route of what goes to the phone, whether it says that it knows of
//! this or not (§5.3 leaves that open; most phones do not say it, and the edge in front of them is the admin's).
//!
//! Not here: who may register (`digest`).

mod binding;
mod kept;
mod way;

use std::collections::{BTreeMap, BTreeSet};

pub use binding::{Binding, Outbound};
pub use kept::{SURE, holds};

use super::Flow;
use super::command::Headers;
use crate::base::{Duration, Time};
use crate::wire::sip::{Contact, Contacts, Message, Name, ToWire, Uri};

/// Bounds and times.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub struct RegistrarConfig {
    /// Shorter wishes get 423 with this as Min-Expires; seconds.
    pub min_expires: u32,
    /// Longer wishes are cut to this; seconds.
    pub max_expires: u32,
    /// For who wishes nothing; seconds.
    pub default_expires: u32,
    /// Addresses-of-record with bindings.
    pub addresses: usize,
}

impl Default for RegistrarConfig {
    fn default() -> RegistrarConfig {
        RegistrarConfig {
            min_expires: 30,
            max_expires: 7_200,
            default_expires: 3_600,
            addresses: 100_000,
        }
    }
}

/// A REGISTER that was taken.
#[derive(Clone, Debug, Default)]
pub struct Registered {
    /// For the 200: every binding as Contact with its remaining seconds; Path as it came.
    pub headers: Headers,
    /// What is different now. Empty for a query, and for most refreshes.
    pub changes: Vec<Change>,
}

/// A REGISTER that was refused; nothing changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// 400, 403, 423, 500 or 503.
    pub status: u16,
    /// Min-Expires, Retry-After, Warning.
    pub headers: Headers,
}

/// Why a Contact such as `tel:` or `mailto:` is none to be called at.
const NO_PHONE: &str = "399 belfry \"a Contact must be a sip: or sips: URI\"";

/// A renewal is told no more often than this.
pub const RENEWALS: Duration = Duration::from_secs(600);

/// One difference.
#[derive(Clone, Debug)]
pub enum Change {
    /// A binding that was not there.
    Added(Binding),
    /// A binding that was there comes over another flow.
    Moved(Binding),
    /// A binding that was there lasts longer. Told at most every [`RENEWALS`]: a phone may refresh
    /// each minute, and what is written down must not grow by that.
    Renewed(Binding),
    /// A binding that is gone by request.
    Removed(Binding),
    /// A binding that is gone because a newer one needed its place.
    Replaced(Binding),
}

/// All bindings. Addresses-of-record are the caller's names (the phone's number).
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Registrar {
    config: RegistrarConfig,
    addresses: BTreeMap<Box<str>, Address>,
    /// Each address with the time when it is looked at for bindings that expire.
    expiries: BTreeSet<(Time, Box<str>)>,
    /// Each connection over which a binding came, with the address.
    connections: BTreeSet<(Flow, Box<str>)>,
}

/// What is bound to an address-of-record: never nothing.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Address {
    bindings: Vec<Binding>,
    /// When it is looked at: when its first binding expires, or sooner. A refresh only makes that later, so it
    /// leaves this as it is, and most refreshes touch no table at all.
    due: Time,
}

/// What a request wants of one Contact.
struct Wish {
    contact: Contact,
    expires: u32,
}

impl Refused {
    fn plain(status: u16) -> Refused {
        Refused { status, headers: Vec::new() }
    }
    fn with(status: u16, name: Name, seconds: u32) -> Refused {
        Refused { status, headers: vec![(name, seconds.to_bytes())] }
    }
}

impl Registrar {
    /// Nobody is registered.
    pub fn new(config: RegistrarConfig) -> Registrar {
        Registrar { config, ..Registrar::default() }
    }

    /// Changes the bounds; what is bound stays as it is.
    pub fn configure(&mut self, config: RegistrarConfig) {
        self.config = config;
    }

    /// Takes a REGISTER for `aor` that came over `flow` and was found to be from who it says. `most`
    /// bindings may the address have (each phone has its own bound); a further one replaces the
    /// one refreshed longest ago.
    pub fn register(
        &mut self,
        now: Time,
        aor: &str,
        flow: Flow,
        request: &Message,
        most: usize,
    ) -> Result<Registered, Refused> {
        let cseq = request.cseq().map_err(|_| Refused::plain(400))?.number;
        let call_id = request.call_id().map_err(|_| Refused::plain(400))?;
        let contacts = request.contacts().map_err(|_| Refused::plain(400))?;
        // A refused wish changes nothing, so where there is one the bindings themselves are worked on, as nearly
        // every refresh has it; of several a later one may be refused.
        let one = matches!(&contacts, Contacts::List(list) if list.len() == 1);
        let in_place = one && self.bindings(aor).iter().all(|binding| binding.expires > now);
        let before = self.flows(aor);
        let mut bindings = match self.addresses.get_mut(aor) {
            Some(address) if in_place => core::mem::take(&mut address.bindings),
            Some(address) => address.bindings.clone(),
            None => Vec::new(),
        };
        bindings.retain(|binding| binding.expires > now);
        let mut changes = Vec::new();
        let wished = match contacts {
            Contacts::Star if request.expires() != Ok(Some(0)) => Err(Refused::plain(400)),
            Contacts::Star => remove_all(&mut bindings, call_id, cseq, &mut changes),
            Contacts::List(list) => {
                self.bind(now, list, flow, request, most, &mut bindings, &mut changes)
            }
        };
        if let Err(refused) = wished {
            if let Some(address) = self.addresses.get_mut(aor).filter(|_| in_place) {
                address.bindings = bindings;
            }
            return Err(refused);
        }
        let headers = binding::headers(&bindings, now, flow, request);
        self.store(aor, &before, bindings);
        Ok(Registered { headers, changes })
    }

    /// Carries out what a request wants of its Contacts.
    #[allow(clippy::too_many_arguments, reason = "a REGISTER and what it changes")]
    fn bind(
        &self,
        now: Time,
        list: Vec<Contact>,
        flow: Flow,
        request: &Message,
        most: usize,
        bindings: &mut Vec<Binding>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Refused> {
        let full = self.addresses.len() >= self.config.addresses;
        if !list.is_empty() && bindings.is_empty() && full {
            return Err(Refused::with(503, Name::RetryAfter, 60));
        }
        for wish in self.wishes(list, request, most)? {
            let until = now + Duration::from_secs(u64::from(wish.expires));
            let binding = Binding::new(wish.contact, flow, until, request, now);
            apply(bindings, wish.expires, binding, most, changes)?;
        }
        Ok(())
    }

    /// What is bound to an address.
    fn bindings(&self, aor: &str) -> &[Binding] {
        self.addresses.get(aor).map(|address| address.bindings.as_slice()).unwrap_or_default()
    }

    /// The connections that its bindings came over.
    fn flows(&self, aor: &str) -> Vec<Flow> {
        connections(self.bindings(aor)).collect()
    }

    /// Puts back a binding of before a restart, as the one refreshed longest ago. False when the
    /// phone has registered the same since, or there is no place.
    pub fn restore(&mut self, now: Time, aor: &str, binding: Binding, most: usize) -> bool {
        let mut bindings = self.bindings(aor).to_vec();
        let is_there = bindings.iter().any(|newer| binding.is_replaced_by(newer));
        let is_full = bindings.len() >= most.max(1)
            || (bindings.is_empty() && self.addresses.len() >= self.config.addresses);
        if is_there || is_full || binding.expires <= now {
            return false;
        }
        bindings.insert(0, binding);
        self.store(aor, &self.flows(aor), bindings);
        true
    }

    /// Reads how long each Contact wishes to be bound (§10.3 step 7, first half).
    fn wishes(
        &self,
        list: Vec<Contact>,
        request: &Message,
        most: usize,
    ) -> Result<Vec<Wish>, Refused> {
        let bound = |c: &&Contact| c.expires() != Some(0);
        if list.iter().filter(bound).count() > most {
            return Err(Refused::plain(403));
        }
        // An Expires that cannot be read counts as absent (§10.2.1.1).
        let common = request.expires().ok().flatten().unwrap_or(self.config.default_expires);
        let wish = |contact: Contact| {
            if contact.addr.uri.as_sip().is_none() && contact.expires() != Some(0) {
                return Err(Refused {
                    status: 400,
                    headers: vec![(Name::Warning, NO_PHONE.into())],
                });
            }
            let expires = contact.expires().unwrap_or(common);
            if expires != 0 && expires < self.config.min_expires {
                return Err(Refused::with(423, Name::MinExpires, self.config.min_expires));
            }
            Ok(Wish { contact, expires: expires.min(self.config.max_expires) })
        };
        list.into_iter().map(wish).collect()
    }

    /// Replaces the bindings of an address, which hung on the connections `before`, and when it is next looked at.
    fn store(&mut self, aor: &str, before: &[Flow], bindings: Vec<Binding>) {
        let after: Vec<Flow> = connections(&bindings).collect();
        if before != after {
            for flow in before {
                self.connections.remove(&(*flow, aor.into()));
            }
            self.connections.extend(after.into_iter().map(|flow| (flow, aor.into())));
        }
        let Some(first) = first_expiry(&bindings) else {
            if let Some(gone) = self.addresses.remove(aor) {
                self.expiries.remove(&(gone.due, aor.into()));
            }
            return;
        };
        match self.addresses.get_mut(aor) {
            Some(address) => {
                address.bindings = bindings;
                if first < address.due {
                    self.look_at(aor, first);
                }
            }
            None => {
                self.expiries.insert((first, aor.into()));
                self.addresses.insert(aor.into(), Address { bindings, due: first });
            }
        }
    }

    /// Sets when an address is looked at.
    fn look_at(&mut self, aor: &str, due: Time) {
        let Some(address) = self.addresses.get_mut(aor) else { return };
        let before = core::mem::replace(&mut address.due, due);
        self.expiries.remove(&(before, aor.into()));
        self.expiries.insert((due, aor.into()));
    }

    /// The bindings of an address: highest `q` first, then the one refreshed last. Of several flows of
    /// one phone there is one: it must not ring twice (RFC 5626 §5.1).
    pub fn lookup(&self, now: Time, aor: &str) -> Vec<&Binding> {
        let all = self.bindings(aor);
        let mut live: Vec<&Binding> = Vec::with_capacity(all.len());
        for binding in all.iter().rev().filter(|b| b.expires > now) {
            let instance = |b: &Binding| b.outbound.as_ref().map(|o| o.instance.clone());
            let other_flow =
                |b: &&Binding| instance(b).is_some() && instance(b) == instance(binding);
            if !live.iter().any(other_flow) {
                live.push(binding);
            }
        }
        live.sort_by_key(|binding| core::cmp::Reverse(binding.q));
        live
    }

    /// A device of that address, which is reached or heard over `flow`, has shown whether it wants SRTP as `RTP/SAVP`.
    /// Where several are, as behind a proxy, its `contact` says which it is; else nothing is learnt.
    pub fn learn_savp(&mut self, aor: &str, flow: Flow, contact: Option<&Uri>, savp: bool) {
        let address = self.addresses.get_mut(aor);
        let bindings = address.map(|a| a.bindings.as_mut_slice()).unwrap_or_default();
        let over = |b: &Binding| b.flow == flow || b.way() == flow;
        let alone = bindings.iter().filter(|b| over(b)).count() == 1;
        let is_it = |b: &&mut Binding| {
            over(b) && (alone || contact.is_some_and(|contact| b.contact.equivalent(contact)))
        };
        bindings.iter_mut().filter(is_it).for_each(|b| b.savp = savp);
    }

    /// Every address with its bindings, for the console and the store.
    pub fn all(&self) -> impl Iterator<Item = (&str, &[Binding])> {
        self.addresses.iter().map(|(aor, address)| (&**aor, address.bindings.as_slice()))
    }

    /// Removes every binding of an address, as the console may ask.
    pub fn clear(&mut self, aor: &str) -> Vec<Binding> {
        let gone = self.bindings(aor).to_vec();
        self.store(aor, &self.flows(aor), Vec::new());
        gone
    }

    /// Removes the bindings that were reached over a connection that has ended, and says which.
    pub fn flow_failed(&mut self, flow: Flow) -> Vec<(Box<str>, Binding)> {
        let first = (flow, Box::from(""));
        let on_it = self.connections.range(first..).take_while(|(other, _)| *other == flow);
        let addresses: Vec<Box<str>> = on_it.map(|(_, aor)| aor.clone()).collect();
        let mut gone = Vec::new();
        for aor in addresses {
            let all = self.bindings(&aor).to_vec();
            let (dead, live): (Vec<_>, Vec<_>) = all.into_iter().partition(|b| b.flow == flow);
            gone.extend(dead.into_iter().map(|binding| (aor.clone(), binding)));
            self.store(&aor, &self.flows(&aor), live);
        }
        gone
    }

    /// When a binding may have expired next: never later than that.
    pub fn next_wake(&self) -> Option<Time> {
        self.expiries.first().map(|(at, _)| *at)
    }

    /// Removes what has expired, and says what that was.
    pub fn wake(&mut self, now: Time) -> Vec<(Box<str>, Binding)> {
        let mut gone = Vec::new();
        while let Some((at, aor)) = self.expiries.first().cloned() {
            if at > now {
                break;
            }
            let before = self.flows(&aor);
            let all = self.addresses.get_mut(&aor).map(|a| core::mem::take(&mut a.bindings));
            let all = all.unwrap_or_default().into_iter();
            let (dead, live): (Vec<_>, Vec<_>) = all.partition(|b| b.expires <= now);
            gone.extend(dead.into_iter().map(|binding| (aor.clone(), binding)));
            let next = first_expiry(&live);
            self.store(&aor, &before, live);
            match next {
                Some(next) => self.look_at(&aor, next),
                // Gone with its bindings; never looked at for nothing again.
                None => drop(self.expiries.remove(&(at, aor))),
            }
        }
        gone
    }

    /// The bindings that were renewed and have not been told since: for the records, before the process ends.
    pub fn untold(&self) -> Vec<(Box<str>, Binding)> {
        let untold = |b: &Binding| b.refreshed > b.told && !b.flow.transport.is_reliable();
        let all = self.addresses.iter();
        let all = all.flat_map(|(aor, all)| all.bindings.iter().map(move |binding| (aor, binding)));
        let untold = all.filter(|(_, binding)| untold(binding));
        untold.map(|(aor, binding)| (aor.clone(), binding.clone())).collect()
    }

    /// Bytes that it holds, without the texts of bindings.
    pub fn held(&self) -> usize {
        let one = size_of::<Box<str>>() + size_of::<Address>();
        let looked_at = size_of::<(Time, Box<str>)>();
        let bindings = |address: &Address| address.bindings.capacity() * size_of::<Binding>();
        let connections = self.connections.len() * size_of::<(Flow, Box<str>)>();
        let addresses = self.addresses.iter();
        let addresses =
            addresses.map(|(name, its)| one + looked_at + 2 * name.len() + bindings(its));
        addresses.sum::<usize>() + connections
    }

    /// How many addresses have bindings, and how many bindings there are.
    pub fn counts(&self) -> (usize, usize) {
        (self.addresses.len(), self.addresses.values().map(|all| all.bindings.len()).sum())
    }
}

/// The connections that bindings came over; a datagram's flow never ends.
fn connections(bindings: &[Binding]) -> impl Iterator<Item = Flow> {
    bindings.iter().map(|binding| binding.flow).filter(|flow| flow.transport.is_reliable())
}

fn first_expiry(bindings: &[Binding]) -> Option<Time> {
    bindings.iter().map(|binding| binding.expires).min()
}

/// Adds, refreshes or removes one binding (§10.3 step 7, second half).
fn apply(
    bindings: &mut Vec<Binding>,
    expires: u32,
    binding: Binding,
    most: usize,
    changes: &mut Vec<Change>,
) -> Result<(), Refused> {
    let mut binding = binding;
    let known = bindings.iter().position(|b| b.is_replaced_by(&binding));
    match known {
        Some(at) => {
            if bindings[at].is_newer_than(&binding.call_id, binding.cseq) {
                return Err(Refused::plain(500));
            }
            let old = bindings.remove(at);
            binding.savp = old.savp;
            if expires == 0 {
                changes.push(Change::Removed(old));
                return Ok(());
            }
            if old.flow != binding.flow || old.elsewhere != binding.elsewhere {
                changes.push(Change::Moved(binding.clone()));
            } else if binding.refreshed.since(old.told) >= RENEWALS {
                changes.push(Change::Renewed(binding.clone()));
            } else {
                binding.told = old.told;
            }
            bindings.push(binding);
        }
        None if expires == 0 => {}
        None => {
            // The list is in the order of refreshing. A reload may have lowered the bound by more
            // than one.
            let room = most.max(1) - 1;
            let old = bindings.len().saturating_sub(room);
            changes.extend(bindings.drain(..old).map(Change::Replaced));
            changes.push(Change::Added(binding.clone()));
            bindings.push(binding);
        }
    }
    Ok(())
}

/// `Contact: *` (§10.3 step 6): all or nothing.
fn remove_all(
    bindings: &mut Vec<Binding>,
    call_id: &[u8],
    cseq: u32,
    changes: &mut Vec<Change>,
) -> Result<(), Refused> {
    if bindings.iter().any(|binding| binding.is_newer_than(call_id, cseq)) {
        return Err(Refused::plain(500));
    }
    changes.extend(bindings.drain(..).map(Change::Removed));
    Ok(())
}

#[cfg(test)]
mod tests;
