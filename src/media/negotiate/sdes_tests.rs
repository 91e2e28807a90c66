//! Tests of keys in offers and answers ([`sdes`](super::sdes)).

use super::*;
use crate::wire::srtp::{KeySource, Suite};

const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
const OTHER: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

fn local(policy: Protection) -> LocalMedia {
    let rtp = "192.0.2.1:20000".parse().unwrap();
    let keys = KeySource::from_seed([3; 32]);
    LocalMedia::new(rtp, vec![Codec::Pcma], 77).protected(policy, keys)
}
fn audio(rest: &str) -> Sdp {
    let text = format!("v=0\nc=IN IP4 10.0.0.9\nm=audio 4000 {rest}\n");
    Sdp::parse(text.as_bytes()).unwrap()
}
fn crypto(tag: u32, suite: Suite, key: &str) -> String {
    // The other suites' keys are shorter, and one's is no multiple of three bytes.
    let bytes = suite.key_len() + suite.salt_len();
    let (whole, rest) = (bytes / 3 * 4, bytes % 3);
    let key = match rest {
        0 => key[..whole].to_owned(),
        1 => format!("{}g==", &key[..whole + 1]),
        _ => format!("{}g=", &key[..whole + 2]),
    };
    format!("a=crypto:{tag} {} inline:{key}", suite.name())
}
fn lines(sdp: &Sdp) -> Vec<Crypto> {
    sdp.media[0].crypto().map(Result::unwrap).collect()
}
const CM: Suite = Suite::AesCm128Sha1Tag80;
const CM32: Suite = Suite::AesCm128Sha1Tag32;

#[test]
fn the_table_of_accounts() {
    let key = crypto(1, CM, KEY);
    let (secure, optional) = (format!("RTP/SAVP 8\n{key}"), format!("RTP/AVP 8\n{key}"));
    let plain = "RTP/AVP 8".to_owned();
    use Protection::*;
    // Account, offer, and whether it is protected; none: 488.
    let table = [
        (Off, &secure, None),
        (Off, &optional, Some(false)),
        (Off, &plain, Some(false)),
        (Preferred, &secure, Some(true)),
        (Preferred, &optional, Some(true)),
        (Preferred, &plain, Some(false)),
        (Required, &secure, Some(true)),
        (Required, &optional, Some(true)),
        (Required, &plain, None),
    ];
    for (policy, offer, expected) in table {
        let got = answer(&mut local(policy), &audio(offer)).ok();
        let got = got.map(|(sdp, params)| (sdp.media[0].crypto().count(), params.srtp.is_some()));
        assert_eq!(got, expected.map(|is| (usize::from(is), is)), "{policy:?} {offer}");
    }
    let offered = |policy| {
        let sdp = offer(&mut local(policy));
        (sdp.media[0].proto.to_string(), lines(&sdp).iter().map(|c| c.key.suite()).collect())
    };
    let both = vec![Suite::AeadAes128Gcm, CM];
    assert_eq!(offered(Off), ("RTP/AVP".into(), vec![]));
    assert_eq!(offered(Preferred), ("RTP/AVP".into(), both.clone()));
    assert_eq!(offered(Required), ("RTP/SAVP".into(), both));
}

#[test]
fn an_answer_takes_the_first_line_that_is_spoken_and_names_it() {
    let text = format!(
        "RTP/SAVPF 8\na=crypto:1 F8_128_HMAC_SHA1_80 inline:{KEY}\n\
         a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:1\n\
         a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP\n{}\n{}",
        crypto(7, CM32, OTHER),
        crypto(8, CM, KEY)
    );
    let (sdp, params) = answer(&mut local(Protection::Required), &audio(&text)).unwrap();
    let (ours, keys) = (lines(&sdp), params.srtp.unwrap());
    assert_eq!((ours.len(), ours[0].tag, &*sdp.media[0].proto), (1, 7, "RTP/SAVPF"));
    assert_eq!((keys.send.suite(), keys.receive.suite()), (CM32, CM32));
    assert_eq!(ours[0].key, keys.send);
    assert_ne!(keys.send, keys.receive, "each direction has its own");
    // With an MKI where there is no other.
    let text = format!("RTP/SAVP 8\na=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:1");
    let (sdp, params) = answer(&mut local(Protection::Required), &audio(&text)).unwrap();
    assert!(params.srtp.unwrap().receive.mki().is_some() && lines(&sdp)[0].key.mki().is_none());
}

#[test]
fn keys_stay_while_the_peers_stays_and_change_with_it() {
    let mut local = local(Protection::Required);
    let first = audio(&format!("RTP/SAVP 8\n{}", crypto(1, CM, KEY)));
    let (sdp, before) = answer(&mut local, &first).unwrap();
    let version = |sdp: &Sdp| sdp.origin.as_ref().unwrap().version;
    let hold = audio(&format!("RTP/SAVP 8\na=sendonly\n{}", crypto(1, CM, KEY)));
    let (_, held) = answer(&mut local, &hold).unwrap();
    assert_eq!(held.srtp, before.srtp);
    // Our own offer repeats what was agreed on, and nothing else.
    let again = offer(&mut local);
    assert_eq!(lines(&again), lines(&sdp));
    let theirs = audio(&format!("RTP/SAVP 8\n{}", crypto(1, CM, KEY)));
    assert_eq!(accept_answer(&mut local, &theirs).unwrap().srtp, before.srtp);
    let fresh = audio(&format!("RTP/SAVP 8\n{}", crypto(1, CM, OTHER)));
    let (sdp, after) = answer(&mut local, &fresh).unwrap();
    let (before, after) = (before.srtp.unwrap(), after.srtp.unwrap());
    assert!(before.send != after.send && before.receive != after.receive);
    assert!(version(&sdp) > version(&again));
    // And when we want it.
    local.change_keys();
    let ours = offer(&mut local);
    assert_eq!(lines(&ours).len(), 2);
    let fits = lines(&ours).into_iter().find(|c| c.key.suite() == CM).unwrap();
    let theirs = audio(&format!("RTP/SAVP 8\n{}", crypto(fits.tag, CM, OTHER)));
    let keys = accept_answer(&mut local, &theirs).unwrap().srtp.unwrap();
    assert_eq!((&keys.send, &keys.receive), (&fits.key, &after.receive));
    assert_ne!(keys.send, after.send);
}

#[test]
fn an_answer_agrees_on_one_of_our_lines() {
    let answered = |policy, rest: &str| {
        let mut local = local(policy);
        let ours = offer(&mut local);
        accept_answer(&mut local, &audio(rest)).map(|params| (lines(&ours), params.srtp))
    };
    let (ours, keys) =
        answered(Protection::Required, &format!("RTP/SAVP 8\n{}", crypto(2, CM, KEY))).unwrap();
    assert_eq!(keys.unwrap().send, ours[1].key);
    // A tag of its own counting.
    let (ours, keys) =
        answered(Protection::Preferred, &format!("RTP/AVP 8\n{}", crypto(1, CM, KEY))).unwrap();
    assert_eq!(keys.unwrap().send, ours[1].key);
    assert_eq!(answered(Protection::Preferred, "RTP/AVP 8").unwrap().1, None);
    for (policy, rest) in [
        (Protection::Required, "RTP/SAVP 8".to_owned()),
        (Protection::Required, "RTP/AVP 8".to_owned()),
        (Protection::Preferred, "RTP/SAVP 8".to_owned()),
        (Protection::Required, format!("RTP/SAVP 8\n{}", crypto(1, CM32, KEY))),
    ] {
        let refused = answered(policy, &rest).unwrap_err();
        assert!(matches!(refused, NoCommon::NoKey { .. }), "{rest}: {refused}");
    }
}

#[test]
fn each_fork_answers_with_a_line_of_its_own() {
    const GCM: Suite = Suite::AeadAes128Gcm;
    let fork = |suite: Option<Suite>, key: &str| {
        let line = suite.map_or_else(String::new, |suite| crypto(1, suite, key));
        audio(&format!("RTP/AVP 8\n{line}"))
    };
    let mut local = local(Protection::Preferred);
    let ours = lines(&offer(&mut local));
    for (suite, key) in [(Some(GCM), KEY), (Some(CM), OTHER), (None, ""), (Some(GCM), OTHER)] {
        let params = accept_answer(&mut local, &fork(suite, key)).unwrap();
        let line = suite.and_then(|suite| ours.iter().find(|line| line.key.suite() == suite));
        assert_eq!(
            params.srtp.map(|keys| keys.send),
            line.map(|line| line.key.clone()),
            "{suite:?}"
        );
    }
    // What is offered next is what the last of them agreed on.
    assert_eq!(lines(&offer(&mut local)), ours[..1]);
    assert!(accept_answer(&mut local, &fork(None, "")).unwrap().srtp.is_none());
    assert!(lines(&offer(&mut local)).is_empty());
}

#[test]
fn a_key_is_not_used_again_after_plain_audio() {
    let mut local = local(Protection::Preferred);
    let protected = audio(&format!("RTP/AVP 8\n{}", crypto(1, CM, KEY)));
    let (_, first) = answer(&mut local, &protected).unwrap();
    let (_, plain) = answer(&mut local, &audio("RTP/AVP 8")).unwrap();
    assert_eq!(plain.srtp, None);
    assert!(lines(&offer(&mut local)).is_empty(), "nothing changes without need");
    let (_, second) = answer(&mut local, &protected).unwrap();
    assert_ne!(first.srtp.unwrap().send, second.srtp.unwrap().send);
}

#[test]
fn a_protected_section_comes_before_a_plain_one() {
    let text = format!(
        "v=0\nc=IN IP4 10.0.0.9\nm=audio 4000 RTP/AVP 8\nm=audio 4002 RTP/SAVP 8\n{}\n",
        crypto(1, CM, KEY)
    );
    let offer = Sdp::parse(text.as_bytes()).unwrap();
    let ports = |policy| {
        let (sdp, _) = answer(&mut local(policy), &offer).unwrap();
        sdp.media.iter().map(|m| m.port).collect::<Vec<_>>()
    };
    assert_eq!(ports(Protection::Preferred), [0, 20_000]);
    assert_eq!(ports(Protection::Required), [0, 20_000]);
    assert_eq!(ports(Protection::Off), [20_000, 0]);
}

#[test]
fn a_refusal_says_what_is_wrong_with_the_key() {
    let refusal = |rest: &str| answer(&mut local(Protection::Required), &audio(rest)).unwrap_err();
    let said = refusal("RTP/SAVP 8\na=crypto:1 X_1 inline:abcd").to_string();
    assert_eq!(said, "no key for SRTP over RTP/SAVP: the suite X_1 is not spoken");
    let said = refusal("RTP/AVP 8").to_string();
    assert_eq!(said, "SRTP is required, and the audio over RTP/AVP has no a=crypto");
}

#[test]
fn nothing_of_a_key_is_printed_for_a_log() {
    let mut local = local(Protection::Required);
    let theirs = audio(&format!("RTP/SAVP 8\n{}", crypto(1, CM, KEY)));
    let (sdp, params) = answer(&mut local, &theirs).unwrap();
    let keys = params.srtp.clone().unwrap();
    let printed = format!("{local:?} {sdp:?} {params:?} {theirs:?}");
    for key in [&keys.send, &keys.receive] {
        let bytes = format!("{:?}", &key.expose()[..4]);
        assert!(!printed.contains(&bytes[1..bytes.len() - 1]), "{printed}");
    }
    let ours = lines(&sdp)[0].to_value().split("inline:").nth(1).unwrap().to_owned();
    assert!(!printed.contains(&ours) && !printed.contains(KEY));
    // And a stored session goes on with its keys.
    let stored = serde_json::to_string(&local).unwrap();
    let mut again: LocalMedia = serde_json::from_str(&stored).unwrap();
    assert_eq!(lines(&offer(&mut again))[0].key, keys.send);
}
