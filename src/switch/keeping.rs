//! What is kept: how long recordings stay and in what form, and what is written down when one goes or the disk is
//! full (R5). When a recording is past its time `record::retention` says.

use crate::base::{CallId, Now};
use crate::config::{self, Pack, Period};
use crate::record::path;
use crate::record::retention::{Keep, Retention, WhenFull};

use super::fact::{AlarmWhat, FactKind};
use super::{DiskCommand, Level, Output, Switch};

impl Switch {
    /// Says how long recordings are kept: at the start and at each reload.
    pub(super) fn keep_recordings(&mut self) {
        let keep = match self.config.record.keep {
            Period::Days(days) => Keep::Days(days),
            Period::Months(months) => Keep::Months(months),
        };
        let max_percent = self.config.record.max_disk.get();
        let when_full = match self.config.record.when_full {
            config::WhenFull::Stop => WhenFull::Stop,
            config::WhenFull::Oldest => WhenFull::Oldest,
        };
        let retention = Retention { keep, max_percent, when_full, zone: self.zone.clone() };
        self.out.push_back(Output::Disk(DiskCommand::Keep(retention)));
        let after = match self.config.record.pack {
            Pack::Opus => Some(self.config.record.pack_after),
            Pack::Never => None,
        };
        self.out.push_back(Output::Disk(DiskCommand::Pack(after)));
    }

    /// A recording is packed: its record names the file that stays.
    pub(super) fn recording_packed(&mut self, now: Now, path: String, packed: String, bytes: u64) {
        let Some((_, call)) = path::read(&path) else { return };
        self.fact(now, FactKind::RecordingPacked { call, path, packed, bytes });
    }

    /// What a recording's file is now that it is whole.
    pub(super) fn recording_sealed(&mut self, now: Now, path: String, sha256: String, bytes: u64) {
        let Some((_, call)) = path::read(&path) else { return };
        self.fact(now, FactKind::RecordingSealed { call, path, sha256, bytes });
    }

    /// A recording stays as it is: nothing is lost but room.
    pub(super) fn recording_not_packed(&mut self, now: Now, path: String, why: String) {
        self.log(
            Level::Warning,
            format!("recording {path} is not packed and stays as it is: {why}"),
        );
        let Some((_, call)) = path::read(&path) else { return };
        let (name, value) = ("not packed".to_owned(), format!("{path}: {why}"));
        self.fact(now, FactKind::CallField { call, name, value });
    }

    /// A recording was past its time.
    pub(super) fn recording_removed(&mut self, now: Now, path: String) {
        // Only files that the path names as ours are removed.
        let Some((_, call)) = path::read(&path) else { return };
        self.fact(now, FactKind::RecordingRemoved { call, path });
    }

    /// A recording that a crash had left is whole.
    pub(super) fn recording_mended(&mut self, now: Now, path: String, samples: u64) {
        let Some((_, call)) = path::read(&path) else { return };
        self.fact(now, FactKind::RecordingMended { call, path, samples, ms: samples / 8 });
    }

    /// The disk has become full, or has room again.
    pub(super) fn disk_level(&mut self, now: Now, full: bool, used_percent: u8, max_percent: u8) {
        let level =
            || format!("the disk is {used_percent} % full, [record] max_disk is {max_percent} %");
        self.disk_full = full.then(level);
        let detail = format!("{used_percent} % in use, [record] max_disk is {max_percent} %");
        match full {
            true => {
                self.log(Level::Error, format!("disk: {detail}: no recording begins; calls go on"))
            }
            false => self.log(Level::Info, format!("disk: {detail}: recordings begin again")),
        }
        let what = AlarmWhat::DiskFull;
        self.fact(now, FactKind::Alarm { what, raised: full, detail, call: None });
    }

    /// Old recordings cannot be removed, or can again.
    pub(super) fn not_removed(&mut self, now: Now, why: Option<String>) {
        let raised = why.is_some();
        let detail = why.unwrap_or_default();
        match raised {
            true => self.log(Level::Error, format!("old recordings cannot be removed: {detail}")),
            false => self.log(Level::Info, "old recordings can be removed again"),
        }
        let what = AlarmWhat::RecordingsNotRemoved;
        self.fact(now, FactKind::Alarm { what, raised, detail, call: None });
    }

    /// Whether a recording of `call` may begin; that it may not stands in the call's record (the
    /// alarm is the disk's, one for all calls).
    pub(super) fn may_record(&mut self, now: Now, call: CallId) -> bool {
        let full = self.disk_full.is_some();
        if full {
            self.log(Level::Error, format!("call {call} is not recorded: the disk is full"));
            let (name, value) = ("not recorded".to_owned(), "the disk is full".to_owned());
            self.fact(now, FactKind::CallField { call, name, value });
        }
        !full
    }
}
