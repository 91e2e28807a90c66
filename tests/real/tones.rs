//! Who speaks which tone, in hertz. All are multiples of 50 Hz, so that 20 ms hold whole periods
//! of each; none is near a DTMF frequency or the 450 Hz of the country's own tones.

/// The caller behind the gateway.
pub const CALLER: f64 = 550.0;
/// Phone 1001.
pub const ALICE: f64 = 1_050.0;
/// Phone 1002.
pub const BOB: f64 = 1_750.0;
/// Phone 1003.
pub const CAROL: f64 = 2_050.0;
/// Who should not be heard.
pub const STRANGER: f64 = 2_350.0;

/// The country's ringing and busy tone.
pub const EXCHANGE: f64 = 450.0;
/// Music on hold.
pub const MUSIC: f64 = 2_600.0;
/// The prompt `closed`.
pub const CLOSED: f64 = 2_700.0;
/// The prompt `survey/question`.
pub const QUESTION: f64 = 2_800.0;
/// The prompt `survey/thanks`.
pub const THANKS: f64 = 2_900.0;
/// The prompt `menu`.
pub const MENU: f64 = 3_000.0;
/// The prompts `menu/invalid` and `menu/timeout`.
pub const MENU_FAULT: f64 = 3_100.0;
/// The prompt `agent/take-call`.
pub const TAKE_CALL: f64 = 3_200.0;

/// The prompts that the tests' plan plays: file below the directory of sounds, tone, seconds.
pub const PROMPTS: [(&str, f64, f64); 9] = [
    ("en/care/alarm", QUESTION, 4.6),
    ("music/default", MUSIC, 20.0),
    ("en/closed", CLOSED, 1.0),
    ("en/survey/question", QUESTION, 1.5),
    ("en/survey/thanks", THANKS, 1.0),
    ("en/agent/take-call", TAKE_CALL, 3.0),
    ("en/menu", MENU, 6.0),
    ("en/menu/invalid", MENU_FAULT, 0.5),
    ("en/menu/timeout", MENU_FAULT, 0.5),
];
