//! Whole calls in virtual time, through the real switch and the real media plane.
#![allow(clippy::disallowed_methods, reason = "tests read the sample plan from its files")]

mod simulation {
    pub mod house;

    mod any_moment;
    mod bells;
    mod busy_hour;
    mod call_back;
    mod campaigns;
    mod care_calls;
    mod care_line;
    mod check_ins;
    mod clocks;
    mod conference;
    mod consult;
    mod consulting;
    mod crashes;
    mod cti;
    mod desk;
    mod dtls;
    mod elsewhere;
    mod endings;
    mod floor;
    mod habits;
    mod hold;
    mod keeping;
    mod keys;
    mod late_offer;
    mod linking;
    mod lookups;
    mod many_calls;
    mod messages;
    mod mobile;
    mod networks;
    mod offers;
    mod outside;
    mod plans;
    mod queue;
    mod queue_hours;
    mod receiver;
    mod replaces;
    mod silence;
    mod srtp;
    mod strangers;
    mod supervision;
    mod surveys;
    mod tones;
    mod tracing;
    mod transfers;
    mod wideband;
}
