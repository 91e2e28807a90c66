//! Keys about whom Belfry hears, and whom its phones may call (R29).

use core::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::choice::Strangers;
use super::name::{DialPrefix, Signature};
use super::setting::{Reader, Setting, Wrong, read_text, section};
use crate::base::Network;

section! {
    /// Against the Internet. A source is an IPv4 address, or the /64 of an IPv6 one; gateways and `allow`
    /// are bound by none of this. Who is banned is not answered, and not even read; `show bans`, `ban` and
    /// `unban` on the console.
    [fort] struct Fort {
        /// Networks from which nobody is counted or banned: offices, proxies in front of Belfry. Write
        /// those in which agents' phones are, for the source of a datagram can be forged; and the
        /// machine itself (the default) where a proxy on it speaks for others.
        allow: Vec<Network> = "[\"127.0.0.0/8\", \"::1\"]", live;
        /// What a request outside a call gets that comes from no gateway, no network of `allow` and no
        /// address from which a phone has logged in within a day.
        strangers: Strangers = "\"challenge\"", live;
        /// Requests outside calls that a source may send a second; within calls it may send as many
        /// again. What is above is dropped, and ten seconds' worth dropped in ten seconds is a ban, or of
        /// datagrams two seconds of silence. Many phones may be behind one address. Calls in being and
        /// calls to emergency numbers are not held back by it.
        requests: u32 = "100" in ["1", "100000"], live;
        /// REGISTERs among them.
        registrations: u32 = "50" in ["1", "100000"], live;
        /// Users of a source that may give a wrong password in `window`, and a third of how often one may; the
        /// next is a ban. Where somebody has logged in within a day nobody is banned for it: a user that
        /// has failed so often there is not told any more whether he is right, nor are new ones when four
        /// times as many have.
        failures: u32 = "10" in ["1", "10000"], live;
        /// Requests of a source in `window` that were asked for a password, or not answered as
        /// `strangers` says, with no right one after them: those of all phones that come back at once, say
        /// after a power cut. The next is a ban; over UDP, where a source may be forged, one that ends
        /// with a right password from there. OPTIONS do not count, nor does anything for a day after a
        /// right password. Connections that come to nothing count: a TLS handshake that fails, nothing said.
        unanswered: u32 = "500" in ["1", "100000"], live;
        /// Messages of a source in `window` that are none; the next is a ban, or as a datagram dropped.
        malformed: u32 = "20" in ["1", "100000"], live;
        /// In which these three are forgiven.
        window: Duration = "\"10 min\"" in ["\"1 s\"", "\"24 h\""], live;
        /// How long the first ban of a source lasts; each further one within a day is twice as long.
        ban: Duration = "\"10 min\"" in ["\"1 s\"", "\"30 days\""], live;
        /// How long a ban lasts at most.
        longest_ban: Duration = "\"24 h\"" in ["\"1 s\"", "\"30 days\""], live;
        /// What a scanner says of itself, in whatever case: whole words of User-Agent, or the whole name or
        /// user of From. It gets no answer and is banned, over UDP until a password from there is right.
        scanners: Vec<Signature> = "[\"friendly-scanner\", \"sipvicious\", \"sipcli\", \"sip-scan\", \"sundayddr\", \"SIVuS\", \"VaxSIPUserAgent\", \"pplsip\"]", live;
        /// With which numbers abroad begin, as they are dialled to a gateway. Behind them
        /// `[numbers] country_code` is the own country.
        international: Vec<DialPrefix> = "[\"00\", \"+\"]", live;
        /// With which numbers begin whose price goes to who is called.
        premium: Vec<DialPrefix> = "[]", live;
        /// Calls abroad or to premium numbers of one phone, or of those who came by one gateway, in an
        /// hour; 0: without bound. Ten that talk for less than 15 s bar further ones for an hour.
        costly_per_hour: u32 = "30" in ["0", "100000"], live;
    }
}

/// A network: an address, or all with the same beginning.
impl Setting for Network {
    const WRITE: &'static str = "an address or a network, such as \"10.0.0.0/8\"";
    const NONE_IS_FINE: bool = true;

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Network> {
        read_text(value, reader, Self::WRITE, |text| {
            text.parse().map_err(|_| Wrong::not(text, "an address or a network"))
        })
    }
}
