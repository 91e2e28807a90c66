//! Properties of the wire parsers, over random bytes, over damaged real messages, and over what
//! our own builders make. The checks themselves are in `tests/checks`, shared with the fuzzers.

#[path = "checks/rtcp.rs"]
mod rtcp;
#[path = "checks/sdp.rs"]
mod sdp;
#[path = "checks/sip_framer.rs"]
mod sip_framer;
#[path = "checks/sip_message.rs"]
mod sip_message;

use belfry::wire::rtcp::{NtpTime, ReportBlock, SenderInfo, Writer};
use belfry::wire::sip::{Builder, Host, Message, Method, Name, NameAddr, Params, Uri};
use belfry::wire::wav::{Format, Spec, Wav, repair};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// Real messages to damage.
const SEEDS: &[&[u8]] = &[
    include_bytes!("data/rfc4475/wsinv.dat"),
    include_bytes!("data/rfc4475/intmeth.dat"),
    include_bytes!("data/rfc4475/esc01.dat"),
    include_bytes!("data/rfc4475/mpart01.dat"),
    include_bytes!("data/rfc4475/multi01.dat"),
    include_bytes!("data/rfc4475/unreason.dat"),
    include_bytes!("data/rfc4475/scalar02.dat"),
    include_bytes!("data/rfc4475/regescrt.dat"),
    include_bytes!("data/rfc5118/ipv4-mapped-ipv6.dat"),
    include_bytes!("data/rfc5118/mult-ip-in-sdp.dat"),
    b"REGISTER sip:care.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK7\r\n\
      From: <sip:1001@care.example>;tag=a\r\nTo: <sip:1001@care.example>\r\nCall-ID: x\r\n\
      CSeq: 2 REGISTER\r\nContact: <sip:1001@192.0.2.1>;expires=60;q=0.5, *\r\n\
      Authorization: Digest username=\"1001\", realm=\"care\", nonce=\"n\", uri=\"sip:care\", \
      response=\"0\", qop=auth, nc=00000001, cnonce=\"c\", algorithm=MD5\r\n\
      Reason: Q.850 ;cause=16 ;text=\"local\"\r\nReplaces: a;to-tag=1;from-tag=2\r\n\r\n",
];

const SDP: &[u8] = b"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1/127\r\nt=0 0\r\n\
    a=sendonly\r\nm=audio 4000/2 RTP/AVP 8 0 101\r\na=rtpmap:8 pcma/8000\r\na=rtpmap:101 \
    telephone-event/8000\r\na=fmtp:101 0-15,66\r\na=ptime:20\r\na=rtcp:4001 IN IP6 ::1\r\n\
    m=image 0 udptl t38\r\nb=AS:64\r\n";

/// One change to some bytes.
#[derive(Debug, Clone)]
enum Edit {
    Set(Index, u8),
    Remove(Index, u8),
    Insert(Index, Vec<u8>),
    Repeat(Index, u8),
    Cut(Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    // Bytes that mean something are tried more often than others.
    let telling = prop::sample::select(&b"\r\n\t ,;:=<>@\"\\%*/?[]()0\0\xff"[..]);
    let byte = prop_oneof![telling, any::<u8>()];
    prop_oneof![
        (any::<Index>(), byte.clone()).prop_map(|(at, b)| Edit::Set(at, b)),
        (any::<Index>(), 1..20u8).prop_map(|(at, n)| Edit::Remove(at, n)),
        (any::<Index>(), vec(byte, 1..6)).prop_map(|(at, b)| Edit::Insert(at, b)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, n)| Edit::Repeat(at, n)),
        any::<Index>().prop_map(Edit::Cut),
    ]
}

fn damaged(seed: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for edit in edits {
        let len = bytes.len();
        if len == 0 {
            break;
        }
        match edit {
            Edit::Set(at, byte) => bytes[at.index(len)] = *byte,
            Edit::Remove(at, n) => {
                let at = at.index(len);
                bytes.drain(at..(at + usize::from(*n)).min(len));
            }
            Edit::Insert(at, new) => {
                let at = at.index(len);
                bytes.splice(at..at, new.iter().copied());
            }
            Edit::Repeat(at, n) => {
                let at = at.index(len);
                let piece = bytes[at..(at + usize::from(*n)).min(len)].to_vec();
                bytes.splice(at..at, piece);
            }
            Edit::Cut(at) => bytes.truncate(at.index(len)),
        }
    }
    bytes
}

fn damaged_message() -> impl Strategy<Value = Vec<u8>> {
    (prop::sample::select(SEEDS), vec(edit(), 0..6)).prop_map(|(seed, edits)| damaged(seed, &edits))
}

fn compound() -> Vec<u8> {
    let info = SenderInfo { ntp: NtpTime(1), rtp_timestamp: 2, packets: 3, bytes: 4 };
    let mut out = [0; 256];
    let mut writer = Writer::new(&mut out);
    writer.sender_report(1, &info, &[ReportBlock::default(); 2]).unwrap();
    writer.cname(1, b"a@belfry").unwrap();
    writer.app(1, 1, *b"test", &[0; 8]).unwrap();
    writer.bye(1, b"gone").unwrap();
    let len = writer.finish();
    out[..len].to_vec()
}

/// Text without line ends, Latin-1 and control characters included.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![0..=9u8, 11..=12u8, 14..=126u8, 127..=255u8];
    vec(byte, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_through_the_message_parser(bytes in vec(any::<u8>(), 0..400)) {
        sip_message::check(&bytes);
    }

    #[test]
    fn damaged_messages_through_the_message_parser(bytes in damaged_message()) {
        sip_message::check(&bytes);
    }

    #[test]
    fn streams_are_the_same_however_they_are_cut(
        parts in vec(prop_oneof![
            damaged_message(),
            Just(b"\r\n\r\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"BYE sip:a@h SIP/2.0\r\nVia: SIP/2.0/TCP h\r\nl: 4\r\n\r\nbody".to_vec()),
            vec(any::<u8>(), 0..10),
        ], 0..6),
        cut in any::<u8>(),
    ) {
        sip_framer::check(&[vec![cut], parts.concat()].concat());
    }

    #[test]
    fn any_bytes_and_damaged_text_through_the_sdp_parser(
        bytes in vec(any::<u8>(), 0..200),
        edits in vec(edit(), 0..8),
    ) {
        sdp::check(&bytes);
        sdp::check(&damaged(SDP, &edits));
    }

    #[test]
    fn any_bytes_and_damaged_packets_through_the_rtcp_parser(
        bytes in vec(any::<u8>(), 0..100),
        edits in vec(edit(), 0..4),
    ) {
        rtcp::check(&bytes);
        rtcp::check(&damaged(&compound(), &edits));
    }

    #[test]
    fn what_is_built_reads_back(
        user in "\\PC{1,12}",
        headers in vec(("X-[A-Za-z0-9.!%*_+`'~-]{1,12}", line()), 0..8),
        body in vec(any::<u8>(), 0..200),
        display in line(),
    ) {
        let uri = Uri::sip(Some(&user), Host::parse(b"192.0.2.1").unwrap(), Some(5080));
        let from = NameAddr::new(uri.clone()).with_display(&display).with_tag(b"t");
        let mut builder = Builder::request(Method::Message, &uri).header(Name::From, &from);
        for (name, value) in &headers {
            builder = builder.header(name.as_str(), value);
        }
        let built = builder.body("text/plain", &body).build().unwrap();
        let read = Message::parse(built.bytes()).unwrap();
        prop_assert_eq!(read.body(), &body[..]);
        prop_assert!(read.raw_headers().eq(built.raw_headers()));
        prop_assert_eq!(read.uri().unwrap().user().unwrap().into_owned(), user_name(&user));
        let read_from = read.from().unwrap();
        let shown = (!display.is_empty()).then_some(&display[..]);
        prop_assert_eq!(read_from.display.as_deref(), shown);
        prop_assert_eq!(read_from.tag(), Some(&b"t"[..]));
        for ((name, value), (n, v)) in headers.iter().zip(read.raw_headers().skip(1)) {
            prop_assert_eq!(name.as_bytes(), n);
            let blank = |b: &u8| b" \t".contains(b);
            let from = value.iter().position(|b| !blank(b)).unwrap_or(value.len());
            let to = value.iter().rposition(|b| !blank(b)).map_or(from, |n| n + 1);
            prop_assert_eq!(&value[from..to], v);
        }
    }

    #[test]
    fn parameters_that_are_set_are_there(
        values in vec(("[a-z]{1,3}", prop::option::of(line())), 0..8),
    ) {
        let mut params = Params::new();
        for (name, value) in &values {
            params.set(name, value.as_deref());
            let got = params.get_unquoted(name).unwrap().into_owned();
            let want = value.clone().unwrap_or_default();
            // A value that is a quoted string already is taken as one.
            prop_assert!(got == want || want.first() == Some(&b'"'));
        }
        let again = Params::parse(params.as_bytes());
        prop_assert_eq!(again.as_ref(), Ok(&params));
    }

    #[test]
    fn wav_headers_never_panic_and_repairs_are_final(
        edits in vec(edit(), 0..4),
        channels in 1..3u16,
        len in 0..5000u64,
        announced in any::<u32>(),
    ) {
        let spec = Spec { format: Format::Alaw, channels, rate_hz: 8000 };
        let bytes = damaged(&spec.header(u64::from(announced)), &edits);
        if let Ok(wav) = Wav::parse(&bytes) {
            let _ = wav.data_len(len);
            let len = len + bytes.len() as u64;
            if let Some(fixed) = repair(&bytes, len).unwrap() {
                prop_assert!(fixed.file_len <= len + 1);
                prop_assert_eq!(repair(&fixed.header, fixed.file_len), Ok(None));
            }
        }
    }
}

/// The user part up to its first semicolon, which is where [`Uri::user`] ends.
fn user_name(user: &str) -> Vec<u8> {
    user.split(';').next().unwrap_or_default().as_bytes().to_vec()
}
