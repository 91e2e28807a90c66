//! Keys about the care line (R10, R14).

use core::time::Duration;

use super::choice::{BellCalls, UnitKeys};
use super::name::{Label, Name, Number};
use super::quantity::Period;
use super::setting::section;

section! {
    /// Reports of units: SCAIP (SS 91100) and NOW-IP (BS 8521-2), by MESSAGE of a phone.
    [care] struct Care {
        /// The number to which units report. Reports to any other that is no phone's are taken as well.
        number: Option<Number> = derived, live;
        /// The number that a unit is told to call for speech. Without it: that to which it reported.
        call: Option<Number> = derived, live;
        /// The numbers that bells call which only call: each call to one is an alarm, known by its caller's number,
        /// and opens a case, whoever calls. Without it: none.
        bells: Option<Vec<Number>> = derived, live;
        /// Whether a unit may report for another controller than the number with which it logs in.
        any_account: bool = "false", live;
        /// In which keys a unit is told to listen, to talk, to open a door (`unit` on the console) that says by no
        /// report which protocol it speaks.
        unit_keys: UnitKeys = "\"none\"", live;
        /// The terminal types (`terminal_type` of subscribers) whose loudspeaker key 3 makes louder and 1 softer;
        /// all others' the other way round.
        louder_by_3: Option<Vec<Label>> = derived, live;
        /// When a bell's call has waited so long and nobody of ours has talked in it, its line is released as
        /// faulty, and the unit is called (`call_out`); `"0 s"`: never.
        release_after: Duration = "\"2 min\"" in ["\"0 s\"", "\"1 h\""], live;
        /// By which trunk or gateway units and contacts are called that are no phones of ours. Without it: the first.
        trunk: Option<Name> = derived, live;
        /// How often a unit is called that asks for it, or whose own call does not come, until somebody has talked;
        /// 0: never.
        call_out: u32 = "3" in ["0", "10"], live;
        /// The queue in which agents are offered alarms that bring no call: the agent's phone rings, it hears what it is, and
        /// the home is called. Without it: the first.
        queue: Option<Name> = derived, live;
        /// Who is on duty: phones, or numbers behind `trunk`, that are rung, all at once and again and again, for an alarm that
        /// brings no call, until somebody takes it on (context `care-duty`, step `accept`): at once where no agent of `queue` is
        /// signed in, else when none has it within `speech_within`. At most 30. Without it: nobody.
        phones: Option<Vec<Number>> = derived, live;
        /// Within this a unit calls after its alarm; after that operators are told.
        speech_within: Duration = "\"60 s\"" in ["\"5 s\"", "\"10 min\""], live;
        /// Within this the same report is a repeat: answered again, and it counts once.
        repeats_within: Duration = "\"5 min\"" in ["\"1 s\"", "\"1 h\""], live;
        /// So many calls on a schedule (`[[care_call]]`) at once.
        scheduled: u32 = "5" in ["1", "1000"], live;
        /// So many channels of its gateway such a call leaves free for alarms, beside what `keep_in` keeps.
        keep_free: u32 = "2" in ["0", "1000"], live;
        /// By how much a call that follows an alarm is ahead of others in a queue (of its 100 points); the alarm's own
        /// priority, 0 to 9, comes on top.
        priority: u32 = "80" in ["0", "90"], live;
        /// How long closed cases are kept, with their reports and what their plans did, by the day on which they were closed.
        /// Their calls go by `[store] keep`, their recordings by `[record] keep`: as long as a case they are kept where
        /// those are as long. What is open is kept in any case.
        keep: Period = "\"60 months\"", live;
    }
}

section! {
    /// Alarms in DTMF within a call: Contact ID (ANSI/SIA DC-05) and BS 8521-1; here for calls to `[care] bells`, in the
    /// dialplan by the step `alarm-receiver`. A unit is asked, and its report confirmed when it is on the disk.
    [receiver] struct Receiver {
        /// How calls to `[care] bells` are received before they are calls like others: `"voice"` asks nothing;
        /// `"auto"` asks by turns in BS 8521-1 and in Contact ID, up to a quarter of a minute where nothing answers.
        calls: BellCalls = "\"voice\"", live;
        /// From the answer to the first handshake.
        settle: Duration = "\"1250 ms\"" in ["\"500 ms\"", "\"10 s\""], live;
        /// How long BS 8521-1's request for data is (key B).
        request: Duration = "\"600 ms\"" in ["\"500 ms\"", "\"2 s\""], live;
        /// After Contact ID's handshake the first key comes within this.
        contact_id_answer: Duration = "\"2 s\"" in ["\"500 ms\"", "\"10 s\""], live;
        /// After BS 8521-1's request the first key comes within this: the standard's 600 ms, and the network's way.
        bs8521_answer: Duration = "\"1200 ms\"" in ["\"600 ms\"", "\"10 s\""], live;
        /// When no key has come for so long, a message is over.
        between: Duration = "\"500 ms\"" in ["\"200 ms\"", "\"5 s\""], live;
        /// How long Contact ID's kiss-off sounds.
        kiss_off: Duration = "\"900 ms\"" in ["\"500 ms\"", "\"1500 ms\""], live;
        /// How often a unit is asked in each protocol, and how often a message may be wrong before a person has the
        /// call.
        tries: u32 = "4" in ["1", "10"], live;
    }
}

section! {
    /// Check-ins: who has not reported by the time that the subscriber's record names is called, and then sought.
    [check_in] struct CheckIn {
        /// A report counts for a time so long before it.
        window: Duration = "\"4 h\"" in ["\"5 min\"", "\"24 h\""], live;
        /// So long after it is missed.
        grace: Duration = "\"15 min\"" in ["\"0 s\"", "\"6 h\""], live;
        /// How often the terminal is called with a reminder before a person has to act.
        reminders: u32 = "2" in ["0", "10"], live;
        /// From the end of one call to the next, and to the task after the last.
        every: Duration = "\"10 min\"" in ["\"10 s\"", "\"6 h\""], live;
        /// How long after the task the first contact is called; `"0 s"`: none is.
        escalate: Duration = "\"0 s\"" in ["\"0 s\"", "\"24 h\""], live;
        /// Calls of this kind at once: the other channels are for alarms.
        calls: u32 = "5" in ["1", "1000"], live;
        /// The list of `[holidays]` in the dialplan on which those have not to report whose record says so.
        holidays: Name = "\"national\"", live;
    }
}

section! {
    /// Units that report by themselves (SCAIP's `PI`, NOW-IP's type 0, periodic tests): one that has not for several times is
    /// a notice, `silent`, in `show cases`, until it is heard again. The first section in the text that fits a subscriber holds.
    [[heartbeat]] struct Heartbeat {
        /// Of subscribers whose `terminal_type` is this. Without it: of all.
        terminal_type: Option<Label> = derived, live;
        /// Of these subscribers alone, by their numbers. Without it: of all.
        numbers: Option<Vec<Number>> = derived, live;
        /// How often such a unit reports by itself.
        every: Duration = "\"1 h\"" in ["\"1 min\"", "\"8 days\""], live;
        /// So many times in a row not heard, and a tenth of that time more, and it is silent; 0: these are not watched.
        missed: u32 = "3" in ["0", "20"], live;
    }
}

section! {
    /// The guard against callers who call again and again. An alarm comes in all the same.
    [guard] struct Guard {
        /// So many calls of one number, or of one subscriber's numbers together, lock it out; 0: none do. Calls of
        /// gateways' callers and of subscribers count.
        calls: u32 = "0" in ["0", "1000"], live;
        /// Within this.
        within: Duration = "\"1 h\"" in ["\"1 min\"", "\"7 days\""], live;
        /// For so long; `"0 s"`: for ever.
        lock: Duration = "\"3 days\"" in ["\"0 s\"", "\"365 days\""], live;
        /// Whether a caller whom an agent marks as malicious (`*5`) is locked out at once.
        marked: bool = "false", live;
    }
}
