//! Which keys do what in a call and which codes a phone dials, from the configuration.

use crate::call::codes::Code;
use crate::call::feature::Feature;
use crate::call::supervise::{Act, Manner};
use crate::call::wishes::Wish;
use crate::config::Config;

/// The codes pressed in a call that are in force.
pub(super) fn table(config: &Config) -> Vec<(String, Feature)> {
    let codes = &config.feature_codes;
    vec![
        (codes.blind_transfer.to_string(), Feature::BlindTransfer),
        (codes.attended_transfer.to_string(), Feature::AttendedTransfer),
        (codes.three_way.to_string(), Feature::ThreeWay),
        (codes.survey.to_string(), Feature::Survey),
        (codes.malicious.to_string(), Feature::Malicious),
        (codes.pause_recording.to_string(), Feature::PauseRecording),
        (codes.park_call.to_string(), Feature::Park),
    ]
}

/// What the codes mean for a party that asks a third.
pub(super) fn asking(config: &Config) -> Vec<(String, Feature)> {
    let codes = &config.feature_codes;
    vec![
        (codes.attended_transfer.to_string(), Feature::Swap),
        (codes.blind_transfer.to_string(), Feature::Complete),
        (codes.consult_return.to_string(), Feature::Return),
        (codes.three_way.to_string(), Feature::Together),
    ]
}

/// The codes dialled instead of a number.
pub(super) fn dialled(config: &Config) -> Vec<(String, Code)> {
    let codes = &config.feature_codes;
    vec![
        (codes.sign_in.to_string(), Code::SignIn),
        (codes.sign_out.to_string(), Code::SignOut),
        (codes.ready.to_string(), Code::Ready),
        (codes.on_break.to_string(), Code::Break),
        (codes.finish.to_string(), Code::Finish),
        (codes.listen.to_string(), Code::Supervise(Act::Watch(Manner::Listen))),
        (codes.whisper.to_string(), Code::Supervise(Act::Watch(Manner::Whisper))),
        (codes.barge_in.to_string(), Code::Supervise(Act::Watch(Manner::Barge))),
        (codes.disconnect.to_string(), Code::Supervise(Act::Disconnect)),
        (codes.take_over.to_string(), Code::Supervise(Act::TakeOver)),
        (codes.do_not_disturb.to_string(), Code::DoNotDisturb),
        (codes.forward_always.to_string(), Code::Forward(Wish::Always)),
        (codes.forward_busy.to_string(), Code::Forward(Wish::Busy)),
        (codes.forward_no_answer.to_string(), Code::Forward(Wish::NoAnswer)),
        (codes.group_pickup.to_string(), Code::GroupPickup),
        (codes.pickup.to_string(), Code::Pickup),
        (codes.park.to_string(), Code::Park),
    ]
}
