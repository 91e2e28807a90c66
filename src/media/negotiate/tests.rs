//! Tests of [`negotiate`](super).

use super::*;
use crate::media::control::OpusTerms;
use proptest::prelude::*;

const BOTH: [Codec; 2] = [Codec::Pcma, Codec::Pcmu];

fn local() -> LocalMedia {
    LocalMedia::new("192.0.2.1:20000".parse().unwrap(), BOTH.to_vec(), 77)
}
fn sdp(text: &str) -> Sdp {
    Sdp::parse(text.as_bytes()).unwrap()
}
fn text(sdp: &Sdp) -> String {
    String::from_utf8(sdp.to_bytes()).unwrap()
}
fn version(sdp: &Sdp) -> u64 {
    sdp.origin.as_ref().unwrap().version
}
/// An offer whose audio section has these lines after `m=audio 4000 `.
fn audio(rest: &str) -> Sdp {
    sdp(&format!(
        "v=0\no=p 1 1 IN IP4 10.0.0.9\ns=-\nc=IN IP4 10.0.0.9\nt=0 0\nm=audio 4000 {rest}\n"
    ))
}
fn agree(offer: &Sdp) -> StreamParams {
    answer(&mut local(), offer).unwrap().1
}
fn refuse(offer: &Sdp) -> NoCommon {
    answer(&mut local(), offer).unwrap_err()
}

/// AudioCodes Mediant 2000, LTRT-68805 pp. 223-224, addresses shortened.
const MEDIANT: &str = "v=0\r\no=AudiocodesGW 18132 74003 IN IP4 10.8.201.10\r\ns=Phone-Call\r\n\
    c=IN IP4 10.8.201.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 96\r\na=rtpmap:8 pcma/8000\r\n\
    a=ptime:20\r\na=sendrecv\r\na=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\n";

#[test]
fn a_mediant_is_answered_with_its_own_numbers() {
    let (answer, params) = answer(&mut local(), &sdp(MEDIANT)).unwrap();
    let expected = "v=0\r\no=belfry 77 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
        m=audio 20000 RTP/AVP 8 96\r\na=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\na=ptime:20\r\n\
        a=rtcp-xr:voip-metrics\r\na=sendrecv\r\n";
    assert_eq!(text(&answer), expected);
    let expected = StreamParams {
        remote: Some("10.8.201.10:4000".parse().unwrap()),
        remote_rtcp: Some("10.8.201.10:4001".parse().unwrap()),
        codec: Codec::Pcma,
        send_pt: 8,
        recv_pt: 8,
        others: Default::default(),
        carriage: Default::default(),
        noise: false,
        max_ptime_ms: None,
        dtmf_send_pt: Some(96),
        key_tones: true,
        xr: false,
        dtmf_recv_pt: Some(96),
        event_clock_hz: 8_000,
        opus: OpusTerms::default(),
        ptime_ms: 20,
        send: true,
        receive: true,
        inband_dtmf: false,
        inband_until_event: true,
        srtp: None,
    };
    assert_eq!(params, expected);
}

#[test]
fn older_and_later_firmware_too() {
    // MP-118: s= and t= before o= and c=; later firmware: m=audio 4000 RTP/AVP 8 0 101.
    let old = "v=0\r\ns=Phone-Call\r\nt=0 0\r\no=AudiocodesGW 1 2 IN IP4 10.0.0.7\r\n\
        c=IN IP4 10.0.0.7\r\nm=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:0 pcmu/8000\r\n\
        a=rtpmap:8 pcma/8000\r\na=rtpmap:101 telephone-event/8000\r\n";
    let params = agree(&sdp(old));
    assert_eq!((params.codec, params.dtmf_send_pt), (Codec::Pcma, Some(101)));
    let params = agree(&audio("RTP/AVP 8 0 101"));
    assert_eq!((params.codec, params.dtmf_send_pt, params.inband_dtmf), (Codec::Pcma, None, true));
}

#[test]
fn our_offer_and_an_answer_with_other_numbers() {
    let mut local = local();
    let first = offer(&mut local);
    assert_eq!(*first.media[0].formats, ["8", "0", "101"].map(Box::from));
    let their = audio("RTP/AVP 0 100\na=rtpmap:100 telephone-event/8000\na=ptime:30\na=rtcp:5555");
    let params = accept_answer(&mut local, &their).unwrap();
    assert_eq!((params.codec, params.send_pt, params.recv_pt), (Codec::Pcmu, 0, 0));
    assert_eq!((params.dtmf_send_pt, params.dtmf_recv_pt), (Some(100), Some(101)));
    assert_eq!((params.ptime_ms, params.remote_rtcp.unwrap().port()), (30, 5_555));
    assert!(!params.xr);
    let asks = agree(&audio("RTP/AVP 0\na=rtcp-xr:rcvr-rtt=all:10 voip-metrics"));
    assert!(asks.xr && !agree(&audio("RTP/AVP 0\na=rtcp-xr:voip-metricsx")).xr);
    // The next offer keeps the numbers and the codec in use.
    let again = offer(&mut local);
    assert_eq!(*again.media[0].formats, ["0", "8", "101"].map(Box::from));
}

#[test]
fn the_first_codec_of_the_answer_is_meant() {
    let mut local = local();
    offer(&mut local);
    let params = accept_answer(&mut local, &audio("RTP/AVP 0 8")).unwrap();
    assert_eq!((params.codec, params.recv_pt), (Codec::Pcmu, 0));
    assert_eq!(others(&params), [(Codec::Pcma, 8, 8, None)]);
    // Sloppy: our number for telephone-event named without its meaning.
    let params = accept_answer(&mut local, &audio("RTP/AVP 8 101")).unwrap();
    assert_eq!((params.codec, params.dtmf_send_pt), (Codec::Pcma, Some(101)));
    assert_eq!(others(&params), [], "one was named");
}

/// What else may come: the codec, its numbers to the peer and from it, and the clock of its keys.
fn others(params: &StreamParams) -> Vec<(Codec, u8, u8, Option<u32>)> {
    let others = params.others.iter().flatten();
    others
        .map(|o| (o.codec, o.send_pt, o.recv_pt, o.dtmf_recv_pt.and(Some(o.event_clock_hz))))
        .collect()
}

fn wide() -> LocalMedia {
    let codecs = vec![Codec::Opus, Codec::G722, Codec::Pcma];
    LocalMedia::new("192.0.2.1:20000".parse().unwrap(), codecs, 77)
}

#[test]
fn all_codecs_are_offered_with_events_in_their_clocks() {
    let expected = "v=0\r\no=belfry 77 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
        m=audio 20000 RTP/AVP 96 9 8 102 101\r\na=rtpmap:96 opus/48000/2\r\n\
        a=fmtp:96 minptime=10;useinbandfec=1;stereo=0;maxaveragebitrate=36000\r\n\
        a=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:102 telephone-event/48000\r\na=fmtp:102 0-15\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
        a=ptime:20\r\na=maxptime:60\r\na=rtcp-xr:voip-metrics\r\na=sendrecv\r\n";
    assert_eq!(text(&offer(&mut wide())), expected);
    let mut opus = LocalMedia::new("192.0.2.1:20000".parse().unwrap(), vec![Codec::Opus], 77);
    assert_eq!(*offer(&mut opus).media[0].formats, ["96", "102", "101"].map(Box::from));
}

/// Chrome's, shortened.
const BROWSER: &str = "RTP/AVP 111 63 9 0 8 13 110 126\na=rtpmap:111 opus/48000/2\n\
    a=fmtp:111 minptime=10;useinbandfec=1\na=rtpmap:63 red/48000/2\na=fmtp:63 111/111\n\
    a=rtpmap:9 G722/8000\na=rtpmap:110 telephone-event/48000\n\
    a=rtpmap:126 telephone-event/8000\na=maxptime:60";

#[test]
fn a_browser_is_answered_in_opus_under_its_own_numbers() {
    let (answer, params) = answer(&mut wide(), &audio(BROWSER)).unwrap();
    assert_eq!(*answer.media[0].formats, ["111", "110"].map(Box::from));
    assert_eq!(answer.media[0].rtpmap(111).unwrap().channels, 2);
    assert_eq!((params.codec, params.send_pt, params.recv_pt), (Codec::Opus, 111, 111));
    assert_eq!((params.dtmf_send_pt, params.event_clock_hz), (Some(110), 48_000));
    let terms = OpusTerms { fec: true, ..OpusTerms::default() };
    assert_eq!((params.opus, params.ptime_ms), (terms, 20));
    // Without Opus of ours: the next of ours, and the events of its clock.
    let params = agree(&audio(BROWSER));
    assert_eq!((params.codec, params.dtmf_send_pt), (Codec::Pcma, Some(126)));
    assert_eq!(params.event_clock_hz, 8_000);
}

#[test]
fn opus_terms_are_kept_within_bounds() {
    let terms = |fmtp: &str| {
        let lines = format!("RTP/AVP 96\na=rtpmap:96 OPUS/48000/2\na=fmtp:96 {fmtp}");
        answer(&mut wide(), &audio(&lines)).unwrap().1.opus
    };
    let most = OpusTerms::MOST_BIT_RATE;
    let table = [
        ("maxaveragebitrate=12000; usedtx=1;useinbandfec=0", (12_000, false, true)),
        ("stereo=1;sprop-stereo=1;UseInbandFEC=1", (most, true, false)),
        ("maxaveragebitrate=510000", (most, false, false)),
        ("maxaveragebitrate=1", (6_000, false, false)),
        ("maxaveragebitrate=x;;useinbandfec", (most, false, false)),
    ];
    for (fmtp, (bit_rate, fec, dtx)) in table {
        assert_eq!(terms(fmtp), OpusTerms { bit_rate, fec, dtx }, "{fmtp}");
    }
}

#[test]
fn packet_times_are_ones_that_the_codec_makes() {
    let ptime = |lines: &str| answer(&mut wide(), &audio(lines)).unwrap().1.ptime_ms;
    let opus = "RTP/AVP 96\na=rtpmap:96 opus/48000/2\na=ptime:";
    let got: Vec<u8> =
        [3, 10, 20, 30, 40, 50, 60, 120].iter().map(|ms| ptime(&format!("{opus}{ms}"))).collect();
    assert_eq!(got, [10, 10, 20, 30, 40, 50, 60, 60]);
    assert_eq!(ptime(&format!("{opus}60\na=maxptime:35")), 30);
    assert_eq!(ptime("RTP/AVP 9\na=ptime:50"), 50);
}

#[test]
fn events_of_the_other_clock_do_where_there_are_none_of_the_codecs() {
    let lines = "RTP/AVP 96 101\na=rtpmap:96 opus/48000/2\na=rtpmap:101 telephone-event/8000";
    let (answered, params) = answer(&mut wide(), &audio(lines)).unwrap();
    assert_eq!((params.dtmf_recv_pt, params.event_clock_hz), (Some(101), 8_000));
    assert_eq!(*answered.media[0].formats, ["96", "101"].map(Box::from));
    // The same in an answer, which also leaves out Opus' second channel.
    let mut local = wide();
    offer(&mut local);
    let lines = "RTP/AVP 107 101\na=rtpmap:107 opus/48000\na=rtpmap:101 telephone-event/8000";
    let params = accept_answer(&mut local, &audio(lines)).unwrap();
    assert_eq!((params.codec, params.send_pt, params.recv_pt), (Codec::Opus, 107, 96));
    assert_eq!((params.dtmf_send_pt, params.dtmf_recv_pt), (Some(101), Some(101)));
    assert_eq!((params.event_clock_hz, others(&params)), (8_000, vec![]));
    let lines = "RTP/AVP 9 8 101\na=rtpmap:101 telephone-event/8000";
    let params = accept_answer(&mut local, &audio(lines)).unwrap();
    assert_eq!(
        (params.codec, others(&params)),
        (Codec::G722, vec![(Codec::Pcma, 8, 8, Some(8_000))])
    );
    // Each has its own keys, and Opus its own terms, though it is not the first.
    let lines = "RTP/AVP 8 107 9 101 102\na=rtpmap:107 opus/48000/2\na=fmtp:107 maxaveragebitrate=20000\n\
                 a=rtpmap:101 telephone-event/8000\na=rtpmap:102 telephone-event/48000";
    let mut params = accept_answer(&mut local, &audio(lines)).unwrap();
    let narrow = (Codec::G722, 9, 9, Some(8_000));
    assert_eq!(others(&params), [narrow, (Codec::Opus, 107, 96, Some(48_000))]);
    assert_eq!(params.opus.bit_rate, 20_000);
    assert!(params.turn_to(|other| other.codec == Codec::Opus));
    assert_eq!((params.send_pt, params.recv_pt, params.event_clock_hz), (107, 96, 48_000));
    assert_eq!(others(&params), [narrow, (Codec::Pcma, 8, 8, Some(8_000))]);
}

#[test]
fn the_version_goes_up_with_each_change_and_only_then() {
    let mut local = local();
    assert_eq!(version(&offer(&mut local)), 1);
    assert_eq!(version(&offer(&mut local)), 1);
    accept_answer(&mut local, &audio("RTP/AVP 8")).unwrap();
    assert_eq!(version(&offer(&mut local)), 1);
    local.hold(true);
    let held = offer(&mut local);
    assert_eq!((version(&held), held.direction_of(&held.media[0])), (2, Direction::SendOnly));
    local.hold(false);
    assert_eq!(version(&offer(&mut local)), 3);
    let (back, _) = answer(&mut local, &audio("RTP/AVP 8")).unwrap();
    assert_eq!(version(&back), 4, "one codec where two were offered");
    let (back, _) = answer(&mut local, &audio("RTP/AVP 8")).unwrap();
    assert_eq!(version(&back), 4);
}

#[test]
fn hold_in_every_spelling() {
    let cases = [
        ("RTP/AVP 8\na=sendonly", Direction::RecvOnly, (false, true)),
        ("RTP/AVP 8\na=recvonly", Direction::SendOnly, (true, false)),
        ("RTP/AVP 8\na=inactive", Direction::Inactive, (false, false)),
        ("RTP/AVP 8\nc=IN IP4 0.0.0.0", Direction::RecvOnly, (false, true)),
        ("RTP/AVP 8\nc=IN IP4 0.0.0.0\na=inactive", Direction::Inactive, (false, false)),
        ("RTP/AVP 8", Direction::SendRecv, (true, true)),
    ];
    for (rest, direction, flows) in cases {
        let offer = audio(rest);
        let (answer, params) = answer(&mut local(), &offer).unwrap();
        assert_eq!(answer.direction_of(&answer.media[0]), direction, "{rest}");
        assert_eq!((params.send, params.receive), flows, "{rest}");
        assert_eq!(params.remote.is_none(), rest.contains("0.0.0.0"), "{rest}");
    }
    // Both on hold: the peer that we hold offers sendonly.
    let mut local = local();
    local.hold(true);
    let (back, params) = answer(&mut local, &audio("RTP/AVP 8\na=sendonly")).unwrap();
    assert_eq!(back.direction_of(&back.media[0]), Direction::Inactive);
    assert!(!params.send && !params.receive);
}

#[test]
fn a_stream_rests_with_port_0_and_comes_back_in_its_place() {
    let mut local = local();
    let both = "v=0\nc=IN IP4 10.0.0.9\nm=video 0 RTP/AVP 34\nm=audio 4000 RTP/AVP 8 96\n\
                a=rtpmap:96 telephone-event/8000\n";
    answer(&mut local, &sdp(both)).unwrap();
    let resting = both.replace("4000", "0");
    let (back, params) = answer(&mut local, &sdp(&resting)).unwrap();
    assert!(back.media.iter().all(|m| m.port == 0) && back.media.len() == 2);
    assert!(!params.send && !params.receive && params.remote.is_none());
    let again = offer(&mut local);
    let ports: Vec<_> = again.media.iter().map(|m| m.port).collect();
    assert_eq!(ports, [0, 20_000]);
    assert_eq!(*again.media[1].formats, ["8", "0", "96"].map(Box::from));
    assert_eq!(refuse(&sdp(&resting)), NoCommon::NoAudio, "no session to rest");
}

#[test]
fn other_sections_are_refused_in_their_place() {
    let offer = "v=0\nc=IN IP4 10.0.0.9\nm=audio 5000 RTP/SAVP 8\nm=image 6000 udptl t38\n\
                 m=audio 4000 RTP/AVP 18 8\nm=video 4002 RTP/AVP 34\nm=audio 4004 RTP/AVP 0\n";
    let (answer, params) = answer(&mut local(), &sdp(offer)).unwrap();
    let lines: Vec<_> = answer.media.iter().map(|m| (&*m.kind, m.port, &*m.proto)).collect();
    let expected = [
        ("audio", 0, "RTP/SAVP"),
        ("image", 0, "udptl"),
        ("audio", 20_000, "RTP/AVP"),
        ("video", 0, "RTP/AVP"),
        ("audio", 0, "RTP/AVP"),
    ];
    assert_eq!(lines, expected);
    assert_eq!(params.remote.unwrap().port(), 4_000);
}

#[test]
fn a_refusal_names_its_cause() {
    assert_eq!(refuse(&sdp("v=0\n")), NoCommon::NoAudio);
    assert_eq!(refuse(&sdp("v=0\nm=audio 0 RTP/AVP 8\n")), NoCommon::NoAudio);
    assert_eq!(refuse(&audio("RTP/SAVP 8")), NoCommon::Protocol("RTP/SAVP".into()));
    assert_eq!(refuse(&audio("RTP/AVP 18 9")), NoCommon::Codecs(vec!["18".into(), "9".into()]));
    assert_eq!(refuse(&sdp("v=0\nm=audio 9 RTP/AVP 8\n")), NoCommon::NoAddress);
    let multicast = "RTP/AVP 8\nc=IN IP4 224.2.1.1/127";
    assert_eq!(refuse(&audio(multicast)), NoCommon::Address([224, 2, 1, 1].into()));
    let v6 = refuse(&audio("RTP/AVP 8\nc=IN IP6 2001:db8::1"));
    assert_eq!(v6.to_string(), "audio cannot be sent to 2001:db8::1 from here");
    // A stereo or wide-band namesake is another codec.
    let stereo = "RTP/AVP 97 98\na=rtpmap:97 PCMA/8000/2\na=rtpmap:98 PCMU/16000";
    assert!(matches!(refuse(&audio(stereo)), NoCommon::Codecs(_)));
}

#[test]
fn dynamic_numbers_ipv6_names_and_odd_lengths() {
    let dynamic = agree(&audio("RTP/AVP 97\na=rtpmap:97 pcma/8000"));
    assert_eq!((dynamic.send_pt, dynamic.recv_pt), (97, 97));
    // The peer's 101 is A-law: our telephone-event has to give way, in later offers too.
    let mut local = local();
    answer(&mut local, &audio("RTP/AVP 101\na=rtpmap:101 PCMA/8000")).unwrap();
    assert_eq!(*offer(&mut local).media[0].formats, ["101", "0", "96"].map(Box::from));

    let named = agree(&audio("RTP/AVP 8\nc=IN IP4 gw.example"));
    assert!(named.remote.is_none() && named.send);
    let v6 = sdp("v=0\nc=IN IP6 2001:db8::2\nm=audio 4000 RTP/AVP 8\n");
    let mut local6 = LocalMedia::new("[2001:db8::1]:20000".parse().unwrap(), BOTH.to_vec(), 1);
    let (back, params) = answer(&mut local6, &v6).unwrap();
    assert!(text(&back).contains("c=IN IP6 2001:db8::1\r\n"));
    assert_eq!(params.remote_rtcp, Some("[2001:db8::2]:4001".parse().unwrap()));

    let ptime = |lines: &str| agree(&audio(&format!("RTP/AVP 8\n{lines}"))).ptime_ms;
    let cases =
        ["", "a=ptime:10", "a=ptime:200", "a=ptime:1", "a=ptime:25", "a=ptime:40\na=maxptime:30"];
    assert_eq!(cases.map(ptime), [20, 10, 60, 10, 20, 30]);
    let top = agree(&sdp("v=0\nc=IN IP4 10.0.0.9\nm=audio 65535 RTP/AVP 8\n"));
    assert_eq!(top.remote_rtcp, None);
}

/// What the peer takes at most bounds what we send it, whoever offers, and is known to who joins it with another;
/// what we answer is what it asked for, so that it sends what it hears (RFC 3264 §6.1).
#[test]
fn packet_times_and_their_bounds_are_kept_both_ways() {
    let lengths = |params: &StreamParams| (params.ptime_ms, params.max_ptime_ms);
    for (lines, agreed, written) in [
        ("a=ptime:20\na=maxptime:20", (20, Some(20)), "a=ptime:20\r\n"),
        ("a=ptime:60\na=maxptime:20", (20, Some(20)), "a=ptime:20\r\n"),
        ("a=maxptime:10", (10, Some(10)), "a=ptime:10\r\n"),
        ("a=ptime:30\na=maxptime:240", (30, Some(240)), "a=ptime:30\r\n"),
        ("a=ptime:60\na=maxptime:9000", (60, None), "a=ptime:60\r\n"),
        ("a=maxptime:0", (20, None), "a=ptime:20\r\n"),
    ] {
        let theirs = audio(&format!("RTP/AVP 8\n{lines}"));
        let (back, params) = answer(&mut local(), &theirs).unwrap();
        assert_eq!(lengths(&params), agreed, "{lines}");
        assert!(text(&back).contains(written), "{lines}: {}", text(&back));
        let mut ours = local();
        assert!(text(&offer(&mut ours)).contains("a=ptime:20\r\n"));
        assert_eq!(lengths(&accept_answer(&mut ours, &theirs).unwrap()), agreed, "{lines}");
    }
}

#[test]
fn an_answer_that_refuses_or_fits_nothing() {
    let mut local = local();
    offer(&mut local);
    let mut accept = |answer: &Sdp| accept_answer(&mut local, answer).unwrap_err();
    assert_eq!(accept(&sdp("v=0\nm=audio 0 RTP/AVP 8\n")), NoCommon::NoAudio);
    assert!(matches!(accept(&audio("RTP/AVP 18")), NoCommon::Codecs(_)));
    assert!(matches!(accept(&audio("RTP/SAVP 8")), NoCommon::Protocol(_)));
}

fn any_offer() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "m=audio 4000 RTP/AVP 8 0 101",
        "m=audio 4000 RTP/AVP 97 13",
        "m=audio 0 RTP/AVP 8",
        "m=video 5000 RTP/AVP 34",
        "m=audio 4004 RTP/SAVP 8",
        "m=audio 4006 RTP/AVPF 0 0 0",
        "m=image 1 udptl t38",
        "c=IN IP4 10.0.0.9",
        "c=IN IP4 0.0.0.0",
        "c=IN IP6 ::1",
        "a=rtpmap:97 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=rtpmap:8 X/8000",
        "a=rtpmap:13 telephone-event/8000",
        "a=sendonly",
        "a=inactive",
        "a=recvonly",
        "a=ptime:0",
        "a=ptime:30",
        "a=maxptime:5",
        "a=rtcp:1",
        "a=rtcp:0 IN IP4 9.9.9.9",
        "a=rtcp-mux",
        "o=x 1 1 IN IP4 1.1.1.1",
        "b=AS:64",
    ]);
    prop::collection::vec(line, 0..20)
        .prop_map(|lines| format!("v=0\nc=IN IP4 10.0.0.9\n{}\n", lines.join("\n")))
}

/// What holds between any offer and our answer (RFC 3264 §6).
fn check_answer(offer: &Sdp, answer: &Sdp, params: &StreamParams) {
    assert_eq!(answer.media.len(), offer.media.len());
    let taken = answer.media.iter().filter(|m| m.port != 0).count();
    let printed = answer.to_bytes();
    assert!(taken <= 1 && Sdp::parse(&printed).unwrap().to_bytes() == printed);
    for (theirs, ours) in offer.media.iter().zip(&answer.media) {
        assert_eq!((&theirs.kind, &theirs.proto), (&ours.kind, &ours.proto));
        assert!(ours.formats.iter().all(|f| theirs.formats.contains(f)));
        if ours.port == 0 {
            continue;
        }
        let (t, o) = (direction(offer, theirs), answer.direction_of(ours));
        assert!(theirs.port != 0 && (!o.sends() || t.receives()) && (!o.receives() || t.sends()));
        assert_eq!((params.send, params.receive), (o.sends(), o.receives()));
    }
    assert!((10..=60).contains(&params.ptime_ms));
    assert!(params.dtmf_send_pt != Some(params.send_pt));
}

proptest! {
    #[test]
    fn any_row_of_offers_is_answered_validly(
        offers in prop::collection::vec((any_offer(), any::<bool>(), any::<bool>()), 1..6)
    ) {
        let mut local = local();
        for (text, hold, ours_first) in offers {
            local.hold(hold);
            if ours_first {
                let ours = offer(&mut local);
                assert!(ours.media.iter().filter(|m| m.port != 0).count() == 1);
                let _ = accept_answer(&mut local, &sdp(&text));
            }
            let theirs = sdp(&text);
            let before = local.clone();
            match answer(&mut local, &theirs) {
                Ok((ours, params)) => check_answer(&theirs, &ours, &params),
                Err(_) => prop_assert_eq!(&local, &before),
            }
        }
    }

    #[test]
    fn any_bytes_are_answered_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(theirs) = Sdp::parse(&bytes) {
            let _ = answer(&mut local(), &theirs);
            let _ = accept_answer(&mut local(), &theirs);
        }
    }
}

/// Comfort noise beside G.711 is agreed on when it is offered (RFC 3389 §5), and otherwise left out.
#[test]
fn comfort_noise_is_answered_beside_g711_only() {
    for (lines, agreed) in [
        ("RTP/AVP 8 13 101\na=rtpmap:101 telephone-event/8000", true),
        ("RTP/AVP 0 13\na=rtpmap:13 CN/8000", true),
        ("RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000", false),
        ("RTP/AVP 0 13\na=rtpmap:13 speex/8000", false),
    ] {
        let mut local = local();
        let (sdp, params) = answer(&mut local, &audio(lines)).unwrap();
        assert_eq!(params.noise, agreed, "{lines}");
        assert_eq!(sdp.media[0].payload_types().any(|pt| pt == 13), agreed, "{lines}");
    }
    let codecs = vec![Codec::G722, Codec::Pcma];
    let mut local = LocalMedia::new("192.0.2.1:20000".parse().unwrap(), codecs, 1);
    let (_, params) = answer(&mut local, &audio("RTP/AVP 9 8 13")).unwrap();
    assert!(!params.noise, "it is G.711's");
}
