//! What each alarm means, in both languages, and where to look first.

use crate::switch::fact::AlarmWhat;

/// The words of an alarm.
pub(super) struct Words {
    pub(super) zh: &'static str,
    pub(super) en: &'static str,
    /// The command or place that says more.
    pub(super) look: &'static str,
}

/// Of each kind: Chinese, English, where to look.
const ALL: &[(AlarmWhat, &str, &str, &str)] = {
    use AlarmWhat::*;
    &[
        (DiskFull, "磁盘已满，不再录音", "No room for recordings.", "df; show status"),
        (RecordingFailed, "录音写入失败", "A recording could not be written.", "belfry doctor; df"),
        (
            RecorderFailed,
            "外部录音服务器不可用",
            "A call is with no recorder outside.",
            "show status; show record CALL",
        ),
        (
            RecordingsNotRemoved,
            "过期录音无法删除",
            "Old recordings cannot be removed.",
            "journalctl -u belfry; date",
        ),
        (
            JournalStopped,
            "日志无法写入，新呼叫被拒绝",
            "Facts cannot be written down: new calls are refused.",
            "df; belfry doctor",
        ),
        (DatabaseAway, "数据库不可用", "Facts wait for the database.", "belfry doctor --records"),
        (
            DatabaseDamaged,
            "数据库文件损坏",
            "The database's file is damaged.",
            "belfry doctor --records; belfry restore --only store",
        ),
        (
            RecordsLost,
            "数据库为新建，住户资料取自副本",
            "The records have begun anew; subscribers are those of their copy.",
            "belfry subscriber list; belfry restore --only store",
        ),
        (GatewayDown, "网关无应答", "A gateway does not answer.", "show gateways"),
        (
            SrtpRefused,
            "SRTP 密钥不符，一方无声",
            "A party is not heard: its SRTP is of another key.",
            "show call CALL",
        ),
        (
            HandshakeFailed,
            "DTLS 握手失败，呼叫已结束",
            "A DTLS handshake failed: that party was hung up.",
            "trace CALL",
        ),
        (ForeignAudio, "陌生来源的 RTP 已丢弃", "RTP of a stranger was dropped.", "show call CALL"),
        (NoPorts, "RTP 端口用尽", "No RTP port is free.", "show status; [media] ports"),
        (
            Overload,
            "呼叫过多，部分被拒绝",
            "Calls were refused: too many.",
            "show status; [limits]",
        ),
        (Guessing, "有人在猜测密码", "Somebody guesses passwords.", "show bans"),
        (Tolls, "某账号外呼超限", "An account calls out more than it may.", "events dial_barred"),
        (
            OneWayAudio,
            "多个呼叫一方无声",
            "Several legs send no audio.",
            "events no_rtp; [media] address",
        ),
        (
            CertificateEnds,
            "证书即将到期或不可用",
            "A certificate ends soon, or cannot be used.",
            "belfry doctor",
        ),
        (
            WorkersLate,
            "语音处理持续滞后，处理器被其他程序占用",
            "Audio is late again and again: something else takes the processor.",
            "top -H; show workers; belfry doctor",
        ),
        (ClockStepped, "系统时钟跳变", "The clock was set.", "date; chronyc tracking"),
        (
            JournalBehind,
            "数据库写入滞后",
            "The database is far behind the journal.",
            "iostat; belfry doctor --records",
        ),
        (
            CheckInUnattended,
            "平安签到未报，且无人处理",
            "A check-in was missed and nobody has seen to it.",
            "show cases",
        ),
        (
            AlarmUnheard,
            "有报警，尚无人与住户通话",
            "An alarm was raised, and nobody has talked with its home.",
            "show cases",
        ),
        (
            SheetUnsent,
            "求助单未能送达",
            "A subscriber's sheet did not come to a resource.",
            "show case; plan send",
        ),
        (
            FilesFaulty,
            "配置文件有错误：未生效，或相关部分不工作",
            "The files have errors: they are not in force, or what is wrong in them does not work.",
            "belfry check",
        ),
        (
            CampaignHeld,
            "外呼任务长时间没有空闲线路",
            "A campaign has had no free channel for long.",
            "show campaigns; show gateways",
        ),
        (
            ApiShut,
            "API 端口无法打开",
            "The API, or CSTA, cannot be opened on its address.",
            "ss -lnp; [http] listen; [csta] listen",
        ),
        (
            CasesFull,
            "未结案件过多，新报警无案件记录",
            "There are too many open cases: alarms are answered and have none.",
            "show cases",
        ),
    ]
};

/// The words of a kind.
pub(super) fn of(what: AlarmWhat) -> Words {
    let later = (AlarmWhat::Unknown, "未知告警", "An alarm of a later version.", "show alarms");
    let (_, zh, en, look) = *ALL.iter().find(|(known, ..)| *known == what).unwrap_or(&later);
    Words { zh, en, look }
}
