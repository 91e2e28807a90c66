//! Keys about tracing calls with OpenTelemetry.

use super::setting::section;
use super::webhook::Url;

section! {
    /// Each call as a span, with one for each of its legs, to a collector of OpenTelemetry (OTLP over HTTP, JSON). No
    /// number and no name of a caller is in them.
    [telemetry] struct Telemetry {
        /// Where the collector takes spans, such as `"http://127.0.0.1:4318/v1/traces"`. Without it: nowhere.
        url: Option<Url> = derived, restart;
    }
}
