//! Descriptions of browsers: DTLS-SRTP, ICE, one bundle.

use super::*;
use crate::media::control::Carriage;
use crate::media::negotiate::LocalMedia;
use crate::wire::sdp::{Fingerprint, Hash};
use crate::wire::srtp::KeySource;

/// What Chromium 156 offers for audio, but for codecs and extensions of which there are more.
fn chromium(setup: &str) -> String {
    let print = Fingerprint::of(Hash::Sha256, b"the browser's");
    format!(
        "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
         a=extmap-allow-mixed\r\na=msid-semantic: WMS 9c1\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\n\
         a=rtcp:9 IN IP4 0.0.0.0\r\n\
         a=candidate:1467250027 1 udp 2122260223 a1b2.local 46243 typ host generation 0\r\n\
         a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=ice-options:trickle\r\n\
         a=fingerprint:{print}\r\na=setup:{setup}\r\na=mid:0\r\n\
         a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=sendrecv\r\na=msid:9c1 mic\r\n\
         a=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n\
         a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n\
         a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\n\
         a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n\
         a=ssrc:3570614608 cname:4TOk42mSjXCkVIa6\r\n"
    )
}

fn parse(text: &str) -> Sdp {
    Sdp::parse(text.as_bytes()).expect("a description")
}

fn local(policy: Protection) -> LocalMedia {
    let rtp = "192.0.2.1:4000".parse().expect("an address");
    let own = Fingerprint::of(Hash::Sha256, b"ours");
    LocalMedia::new(rtp, vec![Codec::Opus, Codec::Pcma], 7)
        .protected(policy, KeySource::from_seed([3; 32]))
        .certified(Some(own))
}

fn text(sdp: &Sdp) -> String {
    String::from_utf8(sdp.to_bytes()).expect("text")
}

#[test]
fn a_browsers_offer_is_answered_whatever_the_account_has() {
    for policy in [Protection::Off, Protection::Preferred, Protection::Required, Protection::Dtls] {
        let mut ours = local(policy);
        let (sdp, params) = answer(&mut ours, &parse(&chromium("actpass"))).expect("an answer");
        let text = text(&sdp);
        let own = Fingerprint::of(Hash::Sha256, b"ours").to_string();
        for line in [
            "m=audio 4000 UDP/TLS/RTP/SAVPF 111 110",
            "a=group:BUNDLE 0",
            "a=ice-lite",
            "a=mid:0",
            "a=rtcp-mux",
            "a=setup:passive",
            "a=candidate:1 1 udp 2130706431 192.0.2.1 4000 typ host",
            "a=end-of-candidates",
            "a=sendrecv",
            &format!("a=fingerprint:{own}"),
        ] {
            assert!(text.contains(&format!("{line}\r\n")), "{line}: {text}");
        }
        assert!(
            !["rsize", "extmap", "crypto", "rtcp-fb"].iter().any(|no| text.contains(no)),
            "{text}"
        );
        assert_eq!((params.remote, params.remote_rtcp, params.srtp), (None, None, None));
        assert!(params.send && params.receive, "c=0.0.0.0 is no hold");
        let Carriage { rtcp_mux, ice, dtls, .. } = params.carriage;
        let (ice, dtls) = (ice.expect("ICE"), dtls.expect("DTLS"));
        assert!(rtcp_mux && !dtls.active && dtls.fingerprint.is_of(b"the browser's"));
        assert_eq!(&*ice.theirs.fragment, "EsAw");
        assert!(text.contains(&format!("a=ice-ufrag:{}\r\n", ice.ours.fragment)));
        assert!(text.contains(&format!("a=ice-pwd:{}\r\n", ice.ours.password)));
        assert!(!format!("{ice:?}").contains(&*ice.ours.password), "no secret is printed");
        // Our own next offer is the same session: same keys, same names, the role open.
        let again = self::text(&offer(&mut ours));
        assert!(
            again.contains("UDP/TLS/RTP/SAVPF") && again.contains("a=setup:actpass"),
            "{again}"
        );
        assert!(again.contains(&*ice.ours.password) && again.contains("a=mid:0\r\n"), "{again}");
    }
}

#[test]
fn who_begins_is_said_and_stays() {
    for (theirs, ours, active) in [
        ("actpass", "passive", false),
        ("active", "passive", false),
        ("holdconn", "passive", false),
        ("passive", "active", true),
    ] {
        let mut local = local(Protection::Off);
        let (sdp, params) = answer(&mut local, &parse(&chromium(theirs))).expect("an answer");
        assert!(text(&sdp).contains(&format!("a=setup:{ours}\r\n")), "{theirs}");
        assert_eq!(params.carriage.dtls.as_ref().map(|dtls| dtls.active), Some(active));
        let (again, same) = answer(&mut local, &parse(&chromium("actpass"))).expect("an answer");
        assert!(text(&again).contains(&format!("a=setup:{ours}\r\n")), "{theirs}, then actpass");
        assert_eq!(same.carriage, params.carriage, "no other handshake");
    }
}

#[test]
fn a_phone_that_takes_dtls_is_offered_it_whole() {
    let mut ours = local(Protection::Dtls);
    let offered = text(&offer(&mut ours));
    for line in ["a=group:BUNDLE 0", "a=ice-lite", "a=setup:actpass", "a=mid:0", "a=rtcp-mux"] {
        assert!(offered.contains(&format!("{line}\r\n")), "{line}: {offered}");
    }
    assert!(offered.contains("UDP/TLS/RTP/SAVPF 96 8 101 102") || offered.contains("SAVPF 96 8"));
    for (theirs, active) in [("active", false), ("passive", true), ("actpass", false)] {
        let mut ours = ours.clone();
        let params = accept_answer(&mut ours, &parse(&chromium(theirs).replace("111", "96")));
        let params = params.expect("accepted");
        assert_eq!(params.codec, Codec::Opus);
        let Carriage { rtcp_mux, ice, dtls, .. } = params.carriage;
        assert!(rtcp_mux && ice.is_some());
        assert_eq!(dtls.map(|dtls| dtls.active), Some(active), "{theirs}");
    }
    let plain = chromium("active").replace("UDP/TLS/RTP/SAVPF", "RTP/AVP");
    let refused = accept_answer(&mut ours, &parse(&plain)).expect_err("no DTLS");
    assert_eq!(refused, NoCommon::NotDtls("RTP/AVP".into()));
}

#[test]
fn without_a_usable_fingerprint_there_is_no_audio() {
    let mut ours = local(Protection::Off);
    let good = chromium("actpass");
    let line = good.lines().find(|line| line.starts_with("a=fingerprint")).expect("it has one");
    let none = answer(&mut ours, &parse(&good.replace(line, "a=x"))).expect_err("none");
    assert_eq!(none.to_string(), "the audio over UDP/TLS/RTP/SAVPF has no a=fingerprint");
    let weak = good.replace(line, "a=fingerprint:sha-1 00:11");
    let weak = answer(&mut ours, &parse(&weak)).expect_err("a weak one");
    assert!(weak.to_string().ends_with("not of sha-256, sha-384 or sha-512"), "{weak}");
    let mut bare = local(Protection::Off).certified(None);
    let refused = answer(&mut bare, &parse(&good)).expect_err("we have none");
    assert_eq!(refused, NoCommon::Protocol("UDP/TLS/RTP/SAVPF".into()));
}

#[test]
fn an_account_of_dtls_takes_nothing_else() {
    let mut ours = local(Protection::Dtls);
    let plain = "v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 5000 RTP/AVP 8\r\n";
    let refused = answer(&mut ours, &parse(plain)).expect_err("plain");
    assert_eq!(refused, NoCommon::NotDtls("RTP/AVP".into()));
}

#[test]
fn a_restart_of_ice_gets_other_credentials_and_a_refresh_the_same() {
    let mut ours = local(Protection::Off);
    let (_, first) = answer(&mut ours, &parse(&chromium("actpass"))).expect("an answer");
    let (_, same) = answer(&mut ours, &parse(&chromium("actpass"))).expect("an answer");
    assert_eq!(first.carriage, same.carriage);
    let restarted = chromium("actpass").replace("EsAw", "Frsh");
    let (_, other) = answer(&mut ours, &parse(&restarted)).expect("an answer");
    assert_eq!(first.carriage.dtls, other.carriage.dtls, "the keys stay");
    let (first, other) = (first.carriage.ice.expect("ICE"), other.carriage.ice.expect("ICE"));
    assert_ne!(first.ours, other.ours);
}

#[test]
fn ice_is_left_out_where_nothing_proves_whose_packets_come() {
    let plain = chromium("actpass")
        .replace("UDP/TLS/RTP/SAVPF", "RTP/AVP")
        .replace("IP4 0.0.0.0", "IP4 192.0.2.9")
        .replace("audio 9 ", "audio 5000 ");
    let mut ours = local(Protection::Off);
    let (sdp, params) = answer(&mut ours, &parse(&plain)).expect("an answer");
    assert!(!text(&sdp).contains("ice-"), "{}", text(&sdp));
    let remote = "192.0.2.9:5000".parse().ok();
    assert_eq!((params.remote, params.remote_rtcp), (remote, remote), "rtcp-mux is for everybody");
    assert!(params.carriage.rtcp_mux && text(&sdp).contains("a=rtcp-mux\r\n"));

    let apart = chromium("actpass").replace("a=rtcp-mux\r\n", "").replace("0.0.0.0", "192.0.2.9");
    let (sdp, params) = answer(&mut local(Protection::Off), &parse(&apart)).expect("an answer");
    assert!(
        !text(&sdp).contains("ice-") && params.carriage.ice.is_none() && params.remote.is_some()
    );

    let lite = chromium("actpass").replace("t=0 0", "t=0 0\r\na=ice-lite");
    let (sdp, params) = answer(&mut local(Protection::Off), &parse(&lite)).expect("an answer");
    assert!(!text(&sdp).contains("ice-") && params.carriage.dtls.is_some());
}

#[test]
fn only_what_is_bundled_is_named_a_bundle() {
    let alone = chromium("actpass").replace("a=group:BUNDLE 0\r\n", "");
    let (sdp, _) = answer(&mut local(Protection::Off), &parse(&alone)).expect("an answer");
    assert!(!text(&sdp).contains("BUNDLE") && text(&sdp).contains("a=mid:0"));
    let other = chromium("actpass").replace("BUNDLE 0", "BUNDLE 1 2");
    let (sdp, _) = answer(&mut local(Protection::Off), &parse(&other)).expect("an answer");
    assert!(!text(&sdp).contains("BUNDLE"));
    let video = "m=video 9 UDP/TLS/RTP/SAVPF 97\r\na=mid:1\r\na=rtpmap:97 VP8/90000\r\n";
    let both = chromium("actpass").replace("BUNDLE 0", "BUNDLE 0 1") + video;
    let (sdp, _) = answer(&mut local(Protection::Off), &parse(&both)).expect("an answer");
    assert!(text(&sdp).contains("a=group:BUNDLE 0\r\n"), "{}", text(&sdp));
    assert_eq!((sdp.media.len(), sdp.media[1].port), (2, 0), "video is refused");
}

/// A peer that moves to plain audio takes its session out of DTLS.
#[test]
fn a_later_plain_offer_ends_dtls() {
    let mut ours = local(Protection::Off);
    let _ = answer(&mut ours, &parse(&chromium("actpass"))).expect("an answer");
    let plain = "v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 5000 RTP/AVP 8\r\n";
    let (_, params) = answer(&mut ours, &parse(plain)).expect("an answer");
    assert_eq!(params.carriage, Carriage::default());
    assert!(text(&offer(&mut ours)).contains("RTP/AVP"));
}

#[test]
fn two_of_us_agree_without_ice() {
    let (mut caller, mut called) = (local(Protection::Dtls), local(Protection::Off));
    let offered = offer(&mut caller);
    let (answered, theirs) = answer(&mut called, &offered).expect("an answer");
    let ours = accept_answer(&mut caller, &answered).expect("accepted");
    let active = |params: &StreamParams| params.carriage.dtls.as_ref().map(|dtls| dtls.active);
    assert_eq!((active(&ours), active(&theirs)), (Some(true), Some(false)));
    assert!(ours.carriage.ice.is_none() && theirs.carriage.ice.is_none(), "both are lite");
    assert!(ours.remote.is_some() && theirs.remote.is_some());
}
