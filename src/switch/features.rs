//! Which keys do what in a call, from the configuration.

use crate::call::feature::Feature;
use crate::config::Config;

/// The codes in force.
pub(super) fn table(config: &Config) -> Vec<(String, Feature)> {
    let codes = &config.feature_codes;
    vec![
        (codes.blind_transfer.to_string(), Feature::BlindTransfer),
        (codes.survey.to_string(), Feature::Survey),
        (codes.pause_recording.to_string(), Feature::PauseRecording),
    ]
}
