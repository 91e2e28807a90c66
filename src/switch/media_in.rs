//! What the media plane tells: ports, keys, playbacks, sources.

use std::net::SocketAddr;

use crate::base::{Duration, LegId, Now};
use crate::call::feature::{Dialled, Progress};
use crate::config::Dtmf;
use crate::dialplan::effect::Happening;
use crate::media::control::{Command, DigitBy, Event, NoPort};
use crate::media::dtls;
use crate::media::negotiate::LocalMedia;
use crate::media::srtp::Fault;
use crate::wire::dtmf_info;
use crate::wire::q850::Cause;

use super::active::Doing;
use super::fact::{AlarmWhat, EndedBy, FactKind, KeyBy, RoomLeft};
use super::holding::Pressed;
use super::leg::{Confirm, Stage};
use super::{Level, Output, Switch};

/// Nothing that can be heard comes from a party.
#[derive(Clone, Copy)]
struct Silence {
    /// For so long.
    ms: u32,
    /// The other party is heard.
    one_way: bool,
    /// The payload type of what comes instead.
    unagreed: Option<u8>,
}

/// Who answers has so long to begin the handshake before a report that it has not is taken: the report may be
/// of the time before, and comes again.
const BEGINS_WITHIN: Duration = Duration::from_secs(20);

/// Times `[media] rtp_timeout` that a party is waited for which has sent nothing since its answer.
const NEVER_HEARD: u32 = 5;

impl Switch {
    pub(super) fn media(&mut self, now: Now, event: Event) {
        match event {
            Event::Opened { leg, rtp } if self.outside.call_of_leg(leg).is_some() => {
                self.outside_opened(now, leg, rtp);
            }
            Event::OpenFailed { leg, .. } if self.outside.call_of_leg(leg).is_some() => {
                self.outside_no_port(now, leg);
            }
            Event::Opened { leg, rtp } => self.opened(now, leg, rtp),
            Event::OpenFailed { leg, why } => self.no_port(now, leg, why),
            Event::Digit { leg, digit, by, held } => {
                self.digit(now, leg, Pressed { digit, by, held });
            }
            Event::Tone { leg, kind } => self.tone_heard(now, leg, kind),
            Event::PlayDone { leg, play, end } => self.played(now, leg, play, end),
            Event::ClipMissing { name } => self.clip_missing(name),
            Event::DigitsSent { leg } => self.digits_sent(now, leg),
            Event::Closed { leg, stats } => self.leg_closed(now, leg, &stats),
            Event::RtpLost { leg, silent_ms, one_way, unagreed } => {
                self.rtp_lost(now, leg, Silence { ms: silent_ms, one_way, unagreed })
            }
            Event::Figures { leg, from, codec, stats } => {
                if let Some(leg) = self.legs.get_mut(&leg) {
                    leg.figures = Some(Box::new((now.at, from, stats)));
                    leg.spoken = codec;
                }
            }
            Event::SourceMoved { leg, from, to } => {
                let Some(call) = self.legs.get(&leg).map(|l| l.call) else { return };
                self.fact(
                    now,
                    FactKind::SourceMoved { call, leg, from: from.to_string(), to: to.to_string() },
                );
            }
            Event::ForeignSource { leg, from, packets } => {
                let call = self.legs.get(&leg).map(|l| l.call);
                self.log(
                    Level::Warning,
                    format!(
                        "{leg}: RTP from a stranger, {from}, {packets} packets so far, dropped"
                    ),
                );
                // The packets are counted in the leg's figures.
                self.alarm(now, AlarmWhat::ForeignAudio, format!("{leg} from {from}"), call);
            }
            Event::SrtpRefused { leg, from, fault } => self.srtp_refused(now, leg, from, fault),
            Event::HandshakeFailed { leg, why } => self.handshake_failed(now, leg, &why),
            Event::Speaking { leg, speaks, .. } => self.speaking(leg, speaks),
            Event::RoomPlayDone { room, play, end } => self.room_played(room, play, end),
            // The disk tells when the file is whole.
            Event::RecordStopped { .. } | Event::FirstRtp { .. } => {}
        }
    }

    /// A party's packets are not heard, because SRTP does not take them: its leg and why.
    fn srtp_refused(&mut self, now: Now, leg: LegId, from: SocketAddr, fault: Fault) {
        let Some(known) = self.legs.get(&leg) else { return };
        let call = known.call;
        let party = self.calls.get(&call).and_then(|active| active.call.get(leg));
        let party = party.map_or_else(String::new, |c| format!(" ({})", c.device.number()));
        let why = match fault {
            Fault::Plain => "it sends plain RTP where SRTP was agreed on",
            Fault::Key => "its SRTP is of another key than was agreed on",
            Fault::Replayed => "its packets came before",
        };
        let line = format!("{leg}{party} of call {call} is not heard: {why}, from {from}");
        self.alarm(now, AlarmWhat::SrtpRefused, format!("{leg} from {from}"), Some(call));
        self.log(Level::Warning, line);
    }

    /// A party has no keys and gets none: its leg, why, and the end of it.
    fn handshake_failed(&mut self, now: Now, leg: LegId, why: &dtls::Fault) {
        let Some(known) = self.legs.get(&leg).filter(|known| known.stage != Stage::Over) else {
            return;
        };
        // A browser may begin when its user is heard, or has answered: until then it is only late.
        let has_had_time = |at| now.at.since(at) >= BEGINS_WITHIN;
        let is_late = known.stage == Stage::Answered && known.answered.is_some_and(has_had_time);
        if *why == dtls::Fault::NotBegun && !is_late {
            return;
        }
        let call = known.call;
        let party = self.calls.get(&call).and_then(|active| active.call.get(leg));
        let party = party.map_or_else(String::new, |c| format!(" ({})", c.device.number()));
        self.alarm(now, AlarmWhat::HandshakeFailed, format!("{leg}{party}: {why}"), Some(call));
        self.log(Level::Warning, format!("{leg}{party} of call {call} is ended: {why}"));
        self.hang_up(now, leg, Cause::BEARERCAPABILITY_NOTAVAIL, EndedBy::Fault);
    }

    /// A leg as the log names it: with its call, its number and where its SIP goes.
    pub(super) fn who(&self, leg_id: LegId) -> String {
        let Some(leg) = self.legs.get(&leg_id) else { return leg_id.to_string() };
        let active = self.calls.get(&leg.call);
        let party = active.and_then(|active| active.call.get(leg_id));
        let number = party.map_or("", |party| party.device.number());
        let dialled = active.map_or("", |active| active.to.as_str());
        format!("call {} to {dialled}: {leg_id} ({number} at {})", leg.call, leg.flow.remote)
    }

    fn opened(&mut self, now: Now, leg_id: LegId, rtp: SocketAddr) {
        let version = self.rng.next_u64() >> 2;
        let keys = self.keys.split();
        let Some(leg) = self.legs.get_mut(&leg_id) else {
            // It ended while its port was being opened, and its Close is on the way.
            return;
        };
        leg.rtp = Some(rtp);
        if leg.stage == Stage::Over {
            return;
        }
        let shown = self.networks.shown(rtp.ip(), leg.flow.remote.ip());
        let rtp = SocketAddr::new(shown, rtp.port());
        let local = LocalMedia::new(rtp, leg.codecs.clone(), version);
        let local = local.protected(leg.srtp, keys).certified(self.fingerprint.clone());
        leg.local = Some(local.insisting(leg.savp));
        if leg.invite.is_some() {
            self.callee_opened(now, leg_id);
        } else {
            leg.stage = Stage::Early;
            self.caller_opened(now, leg_id);
        }
    }

    fn no_port(&mut self, now: Now, leg_id: LegId, why: NoPort) {
        let Some(leg) = self.legs.get(&leg_id) else { return };
        let (id, session, called) = (leg.call, leg.session, leg.invite.is_some());
        let detail = format!("{why:?}: widen [media] ports");
        self.alarm(now, AlarmWhat::NoPorts, detail, Some(id));
        if !called {
            let again = vec![(crate::wire::sip::Name::RetryAfter, b"5".to_vec())];
            self.refuse(now, session, 503, Some(Cause::NORMAL_CIRCUIT_CONGESTION), again);
        }
        // There is no port whose closing could be waited for.
        let ending = super::leg::Ending {
            cause: Cause::NORMAL_CIRCUIT_CONGESTION,
            status: 503,
            by: EndedBy::Fault,
            at: now.at,
        };
        self.leg_over(now, leg_id, ending);
        self.leg_closed(now, leg_id, &crate::media::control::LegStats::default());
    }

    /// The stream that was negotiated for a leg holds from now on.
    pub(super) fn set_media(&mut self, leg_id: LegId) {
        let symmetric = self.is_symmetric(leg_id);
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let Some(mut params) = leg.params.clone() else { return };
        leg.spoken = None; // told with its next figures
        // Keys go to it in one form only: with two of them each would count twice.
        if leg.dtmf != Dtmf::Rfc4733 {
            params.others.iter_mut().flatten().for_each(|other| other.dtmf_send_pt = None);
        }
        params.carriage.asymmetric = !symmetric;
        params.inband_dtmf |= leg.keys_in_audio;
        params.inband_until_event = leg.tones_until_event();
        match leg.dtmf {
            Dtmf::Rfc4733 => {}
            Dtmf::InBand => (params.inband_dtmf, params.dtmf_send_pt) = (true, None),
            Dtmf::Info => (params.key_tones, params.dtmf_send_pt) = (false, None),
        }
        self.out.push_back(Output::Media(Command::Set { leg: leg_id, params }));
        self.hold_keys(leg_id);
    }

    /// Whether a leg's party receives where it sends from, as its account says.
    fn is_symmetric(&self, leg_id: LegId) -> bool {
        let gateway = self.legs.get(&leg_id).and_then(|leg| leg.gateway.as_deref());
        match gateway.and_then(|name| self.config.gateway(name)) {
            Some(gateway) => gateway.symmetric,
            None => {
                let phone = self.phone_of(leg_id).and_then(|number| self.config.phone(&number));
                phone.is_none_or(|phone| phone.symmetric)
            }
        }
    }

    /// A party pressed a key.
    pub(super) fn digit(&mut self, now: Now, leg_id: LegId, key: Pressed) {
        self.key(now, leg_id, key);
        let waits = self.legs.get(&leg_id).is_some_and(|leg| leg.held_keys.due().is_some());
        if key.held && !waits {
            // It was kept back for nobody: told in two forms, or there is nobody to hear it.
            self.hold_keys(leg_id);
        }
    }

    /// Whether a tone that is heard of a leg is taken for a voice that sounds like one: it agreed on telephone-events, and
    /// nobody waits for its keys.
    fn is_a_voice(&self, leg_id: LegId) -> bool {
        let Some(leg) = self.legs.get(&leg_id).filter(|leg| leg.tones_until_event()) else {
            return false;
        };
        let plan_takes = self.calls.get(&leg.call).is_some_and(|it| it.takes_keys_of(leg_id));
        !(plan_takes || leg.confirm != Confirm::No)
    }

    fn key(&mut self, now: Now, leg_id: LegId, key: Pressed) {
        let Pressed { digit, by, .. } = key;
        if by == DigitBy::InBand && self.is_a_voice(leg_id) {
            return;
        }
        let asking = self.is_asking(leg_id);
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        if leg.stage == Stage::Over {
            return;
        }
        leg.keys_by_info |= by == DigitBy::Info;
        if !leg.one_key.counts(now.at, digit, by) {
            return;
        }
        let id = leg.call;
        let table = if asking { &self.asking_features } else { &self.features };
        let dialled = leg.keys.digit(digit, now.at, table);
        let progress = leg.keys.progress(table);
        let Some(active) = self.calls.get_mut(&id) else { return };
        // Keys pressed in a talk may be a PIN for somebody else's machine: they are not kept.
        let talks = active.call.peer(leg_id);
        let secret =
            matches!(active.doing, Doing::Collecting { secret: true, .. } | Doing::SigningIn(_));
        let kept = (talks.is_none() && !secret).then_some(digit);
        let (is_subject, is_agent) = (
            active.subject() == leg_id,
            active.call.get(leg_id).is_some_and(|c| c.device.is_phone()),
        );
        self.fact(now, FactKind::Digit { call: id, leg: leg_id, digit: kept, by: key_by(by) });
        // As part of a code it is for nobody.
        let in_code = dialled != Dialled::Nothing
            || matches!(progress, Progress::Begun(2..) | Progress::Number);
        if talks.is_some() && !in_code && self.withheld_keys(leg_id).contains(digit) {
            return self.door_by_phone(now, id, leg_id);
        }
        if let Some(peer) = talks {
            self.key_to(now, (leg_id, peer), key, (&dialled, progress));
        }
        if talks.is_some() && talks == self.unit_leg(id) {
            self.key_for_unit(now, id, leg_id, digit);
        }
        if let (true, true, Dialled::Feature(feature, number)) =
            (is_agent, asking || talks.is_some(), dialled)
        {
            match asking {
                true => self.consulting_key(now, leg_id, feature),
                false => self.feature(now, leg_id, feature, number),
            }
        } else if talks.is_some() {
            // What it means is the other party's to know.
        } else if !self.confirms(now, leg_id, digit) && is_subject {
            self.plan_digit(now, id, leg_id, digit);
        }
    }

    /// A key of the party for whom the plan runs.
    fn plan_digit(&mut self, now: Now, id: crate::base::CallId, leg_id: LegId, digit: char) {
        let Some(active) = self.calls.get(&id) else { return };
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        if leg.typed.closes(digit, now.at) {
            return;
        }
        let takes = match &active.doing {
            Doing::Collecting { prompt, barge_in, .. } => *barge_in || prompt.is_none(),
            // The key that stops a prompt has done its work: it is no answer to what follows. One by
            // INFO the plane knows nothing of.
            Doing::Playing(play) if leg.play == Some(*play) && leg.stop_on.contains(digit) => {
                self.stop_play(leg_id);
                return self.run(now, id, Happening::Key(digit));
            }
            Doing::Echoing { stop_on, .. } if stop_on.has(digit) => {
                return self.run(now, id, Happening::Key(digit));
            }
            Doing::Conferring { leave, .. } => {
                let leaves = leave.has(digit);
                return if leaves {
                    self.leave_room(now, leg_id, RoomLeft::Left)
                };
            }
            Doing::Receiving(_) => return self.reception_key(now, id, digit),
            Doing::SigningIn(_) => return self.sign_in_key(now, id, leg_id, digit),
            Doing::BackSaid { .. } => return self.back_said(now, id),
            Doing::Watching(call) => {
                let call = *call;
                return self.watch_key(now, leg_id, call, digit);
            }
            _ => false,
        };
        if !takes && self.queue_key(now, id, digit) {
            return;
        }
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        if !takes {
            leg.typed.push(digit);
        } else if let Some(done) = self.collected(now, id, digit) {
            self.run(now, id, done);
        } else {
            self.rearm(id);
        }
    }

    /// INFO within a call: a key, or nothing that we know.
    pub(super) fn info(&mut self, now: Now, leg_id: LegId, content_type: &[u8], body: &[u8]) {
        let Some(digit) = dtmf_info::parse(content_type, body) else { return };
        // Faster than any can be pressed: each is a line of the record.
        if self.legs.get_mut(&leg_id).is_some_and(|leg| leg.info_pace.takes(now.at)) {
            self.digit(now, leg_id, Pressed { digit, by: DigitBy::Info, held: false });
        }
    }

    /// A party sends no RTP. When that lasts longer than it may, the call is ended: the party is gone
    /// without a word. Told again and again while it lasts, so that nothing has to be remembered.
    ///
    /// Only a call that is up counts, and only from its answer on. On hold silence means nothing:
    /// neither to the party that holds (sendonly, inactive) nor to the one that waits, until the
    /// call has been taken back for as long.
    fn rtp_lost(&mut self, now: Now, leg_id: LegId, silence: Silence) {
        let Some(leg) = self.legs.get(&leg_id) else { return };
        let (Stage::Answered, Some(answered)) = (leg.stage, leg.answered) else { return };
        let id = leg.call;
        let Some(active) = self.calls.get(&id) else { return };
        let holds = |leg: LegId| self.legs.get(&leg).is_some_and(|leg| leg.held);
        let on_hold = leg.held || active.call.peer(leg_id).is_some_and(holds);
        let counts = now.at.since(answered.max(leg.taken_back));
        let silent = counts.min(Duration::from_millis(silence.ms.into()));
        let ends = matches!(active.doing, Doing::Ending);
        if on_hold || ends {
            return;
        }
        let silent_ms = silent.as_millis() as u64;
        // Who was never heard may be one who only listens: nothing says that he was there and is gone.
        let never = Duration::from_millis(silence.ms.into()) >= now.at.since(answered);
        let limit =
            self.config.media.rtp_timeout.saturating_mul(if never { NEVER_HEARD } else { 1 });
        self.unheard(now, leg_id, silent, silence);
        // Who sends something, be it nothing that can be heard, is not gone.
        if limit.is_zero() || silent < limit || silence.unagreed.is_some() {
            return;
        }
        self.log(
            Level::Warning,
            format!("call {id}: {leg_id} sent no RTP for {silent_ms} ms: the call is ended"),
        );
        self.fact(now, FactKind::RtpLost { call: id, leg: leg_id, silent_ms });
        // The other party stays: the plan goes on with the caller, if it is the agent who is gone.
        self.hang_up(now, leg_id, Cause::RECOVERY_ON_TIMER_EXPIRE, EndedBy::Limit);
    }

    /// Says that a party is not heard, when it is to be said.
    fn unheard(&mut self, now: Now, leg_id: LegId, silent: Duration, silence: Silence) {
        let Silence { one_way, unagreed, .. } = silence;
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        if !leg.unheard.notice(now.at, silent) {
            return;
        }
        let call = leg.call;
        let silent_ms = silent.as_millis() as u64;
        let way = if one_way { "audio goes one way only" } else { "no audio comes" };
        let what = match unagreed {
            None => format!("call {call}: {way}: {leg_id} sent no RTP for {silent_ms} ms"),
            Some(payload_type) => format!(
                "call {call}: {way}: {leg_id} sends payload type {payload_type}, which was not agreed \
                 on, for {silent_ms} ms"
            ),
        };
        self.log(Level::Warning, what);
        self.fact(now, FactKind::NoRtp { call, leg: leg_id, silent_ms, one_way, unagreed });
    }
}

/// How a key came, as the record has it.
fn key_by(by: DigitBy) -> KeyBy {
    match by {
        DigitBy::Rfc4733 => KeyBy::Rfc4733,
        DigitBy::InBand => KeyBy::InBand,
        DigitBy::Info => KeyBy::Info,
    }
}
