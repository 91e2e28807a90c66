//! The loads: what is carried, how many times at once, and who carries it.

use crate::sdp::Speech::{self, Opus, Pcma, Pcmu};

/// One load.
#[derive(Clone, Copy)]
pub struct Row {
    /// By which it is chosen on the command line.
    pub name: &'static str,
    pub calls: usize,
    /// What the caller and the called speak.
    pub speech: [Speech; 2],
    /// Whether both channels are recorded.
    pub record: bool,
    /// Whether both sides are SRTP, each with keys of its own.
    pub srtp: bool,
    /// Whether rtpengine carries the same in turn.
    pub compared: bool,
    /// By what ours takes and sends packets, as its configuration has it.
    pub backend: &'static str,
    /// Whether a program that never rests runs beside on each core.
    pub hogs: bool,
    /// Whether perf is asked how much of the time is libopus's own.
    pub profiled: bool,
}

/// Those that are run unless others are chosen.
pub const ROWS: [Row; 11] = [
    row("relay-40", 40, [Pcma, Pcma]),
    Row { hogs: true, compared: false, ..row("hogs-40", 40, [Pcma, Pcma]) },
    row("relay-100", 100, [Pcma, Pcma]),
    // rtpengine hands keys of SDES through and leaves the packets as they are: nothing to compare.
    Row { srtp: true, compared: false, ..row("srtp-100", 100, [Pcma, Pcma]) },
    row("relay-500", 500, [Pcma, Pcma]),
    Row { backend: "io-uring", compared: false, ..row("uring-500", 500, [Pcma, Pcma]) },
    Row { backend: "mio", compared: false, ..row("mio-500", 500, [Pcma, Pcma]) },
    row("relay-1000", 1_000, [Pcma, Pcma]),
    Row { record: true, compared: false, ..row("record-500", 500, [Pcma, Pcma]) },
    row("g711-100", 100, [Pcma, Pcmu]),
    Row { profiled: true, ..row("opus-30", 30, [Pcma, Opus]) },
];

const fn row(name: &'static str, calls: usize, speech: [Speech; 2]) -> Row {
    let (record, srtp, compared, hogs, profiled) = (false, false, true, false, false);
    Row { name, calls, speech, record, srtp, backend: "auto", compared, hogs, profiled }
}

impl Row {
    /// Whether packets go through as they came.
    pub fn relayed(&self) -> bool {
        self.speech[0] == self.speech[1]
    }

    /// As the table calls it.
    pub fn title(&self) -> String {
        let more = match (self.record, self.hogs, self.srtp) {
            (true, ..) => " + recording in two channels",
            (.., true) => " by SRTP, AES_CM_128_HMAC_SHA1_80 on both sides",
            (_, true, _) => ", a busy program on each core",
            _ => "",
        };
        let by = match self.backend {
            "auto" => String::new(),
            by => format!(" by {by}"),
        };
        match self.speech {
            [a, b] if a == b => format!("relay, {} calls of G.711{more}{by}", self.calls),
            [_, Opus] => format!("PCMA ↔ Opus 48 kHz, {} calls", self.calls),
            _ => format!("PCMA ↔ PCMU, {} calls", self.calls),
        }
    }
}
