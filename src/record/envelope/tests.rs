//! The form by itself: what was written is read, and nothing else is.

use proptest::prelude::*;

use super::*;

fn ring(keys: &[u8]) -> Keyring {
    let text: Vec<String> = keys
        .iter()
        .map(|n| written(&core::array::from_fn(|at| n ^ at as u8)).to_string())
        .collect();
    Keyring::parse(&text.join("\n")).unwrap()
}

fn random(n: u8) -> [u8; RANDOM] {
    core::array::from_fn(|at| n.wrapping_mul(31).wrapping_add(at as u8))
}

/// A file of that content.
fn file(ring: &Keyring, plain: &[u8]) -> Vec<u8> {
    let (key, head) = FileKey::new(ring, Content::Bytes, &random(1)).unwrap();
    let mut nonces = Nonces::new([7; 8]);
    let mut file = head.to_vec();
    let whole = plain.len() / CHUNK;
    for nth in 0..=whole {
        let end = plain.len().min((nth + 1) * CHUNK);
        let mut record = [&[0; NONCE], &plain[nth * CHUNK..end]].concat();
        key.seal(nth as u64, nth == whole, &mut nonces, &mut record).unwrap();
        file.extend(record);
    }
    file
}

/// All of a file.
fn read(ring: &Keyring, file: &[u8]) -> Result<Vec<u8>, Damage> {
    let key = FileKey::open(ring, file)?;
    let shape = Shape::of(file.len() as u64).ok_or(Damage::NotOurs)?;
    let mut plain = Vec::new();
    for nth in 0..shape.whole {
        let at = offset(nth) as usize;
        plain.extend(key.chunk(nth, false, &mut file[at..at + RECORD].to_vec())?.iter());
    }
    if !shape.may_be_whole() {
        return Err(Damage::Cut(shape.whole));
    }
    let mut last = file[offset(shape.whole) as usize..].to_vec();
    plain.extend(key.chunk(shape.whole, true, &mut last)?.iter());
    Ok(plain)
}

fn speech(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * n / 7) as u8).collect()
}

#[test]
fn any_length_reads_back_and_nothing_of_it_lies_there() {
    let ring = ring(&[1]);
    for len in [0, 1, 58, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 500] {
        let plain = speech(len);
        let file = file(&ring, &plain);
        let chunks = len / CHUNK + 1;
        assert_eq!(file.len(), HEAD + len + chunks * OVERHEAD);
        assert_eq!(read(&ring, &file), Ok(plain.clone()), "{len}");
        for piece in plain.chunks_exact(8).take(200) {
            let varied = piece.iter().any(|byte| *byte != piece[0]);
            assert!(!varied || !file.windows(8).any(|own| own == piece), "{len}");
        }
    }
}

/// The form does not change unnoticed: files of years ago have to be read. What it should be was computed by another
/// program, with OpenSSL (Python's cryptography).
#[test]
fn the_form_is_what_it_was() {
    use sha2::{Digest, Sha256};
    let file = file(&ring(&[1]), &speech(CHUNK + 5));
    let sum = Sha256::digest(&file);
    assert_eq!(&file[..24], b"BELFREC\x01\0\0\0\0\0\0\0\0\xca\xbb\xbb\x72\x84\x27\x76\x39");
    assert_eq!(sum[..8], [0x9c, 0x44, 0x3e, 0x50, 0x58, 0x42, 0x13, 0xa8]);
}

#[test]
fn each_key_of_the_ring_reads_and_the_first_writes() {
    let old = file(&ring(&[1]), b"of last year");
    let both = ring(&[2, 1]);
    assert_eq!(read(&both, &old).unwrap(), b"of last year");
    let new = file(&both, b"of today");
    assert_eq!(read(&ring(&[2]), &new).unwrap(), b"of today");
    let lacking = ring(&[1]).ids().next();
    assert_eq!(read(&ring(&[2]), &old), Err(Damage::NoKey(lacking)));
    let told = Damage::NoKey(lacking).to_string();
    assert!(told.contains(&lacking.unwrap().to_string()), "{told}");
    let none = FileKey::new(&Keyring::default(), Content::Wav, &random(1));
    assert_eq!(none.err(), Some(Damage::NoKey(None)));
}

#[test]
fn chunks_that_were_left_out_moved_or_cut_off_are_named() {
    let ring = ring(&[1]);
    let good = file(&ring, &speech(4 * CHUNK + 9));
    let at = |nth: u64| offset(nth) as usize;
    let mut moved = good.clone();
    moved[at(1)..at(3)].rotate_left(RECORD);
    assert_eq!(read(&ring, &moved), Err(Damage::Chunk(1)));
    let out = [&good[..at(2)], &good[at(3)..]].concat();
    assert_eq!(read(&ring, &out), Err(Damage::Chunk(2)));
    assert_eq!(read(&ring, &good[..at(4)]), Err(Damage::Cut(4)));
    assert_eq!(read(&ring, &good[..at(4) + 11]), Err(Damage::Cut(4)));
    // A chunk in the middle, shortened, is no last one.
    assert_eq!(read(&ring, &good[..at(3) + OVERHEAD]), Err(Damage::Chunk(3)));
    let longer = [&good[..], &[0]].concat();
    assert_eq!(read(&ring, &longer), Err(Damage::Chunk(4)));
    let other = file(&ring, &speech(10));
    let mixed = [&other[..at(0)], &good[at(0)..]].concat();
    assert_eq!(read(&ring, &mixed), Ok(speech(4 * CHUNK + 9)), "the test's files have one key");
}

#[test]
fn a_form_that_is_not_known_is_told() {
    let ring = ring(&[1]);
    let mut newer = file(&ring, b"x");
    newer[7] = 2;
    assert_eq!(read(&ring, &newer), Err(Damage::Form(2)));
    assert_eq!(read(&ring, &newer[..HEAD - 1]), Err(Damage::NotOurs));
    assert_eq!(read(&ring, b"RIFF"), Err(Damage::NotOurs));
    newer[..4].copy_from_slice(b"RIFF");
    assert_eq!(read(&ring, &newer), Err(Damage::NotOurs));
}

#[test]
fn nonces_end_before_one_comes_twice() {
    let mut nonces = Nonces { salt: [1; 8], next: u32::MAX };
    assert_eq!(nonces.next(), Err(Damage::TooLong));
}

proptest! {
    /// One byte changed anywhere: an error that names the place, and never another plain text.
    #[test]
    fn any_damage_is_noticed_where_it_is(
        len in 0usize..3 * CHUNK,
        place in any::<prop::sample::Index>(),
        by in 1u8..,
    ) {
        let ring = ring(&[1]);
        let mut file = file(&ring, &speech(len));
        let at = place.index(file.len());
        file[at] ^= by;
        let told = read(&ring, &file).expect_err("damaged");
        match at {
            ..7 => prop_assert_eq!(told, Damage::NotOurs),
            7 => prop_assert!(matches!(told, Damage::Form(_))),
            16..24 => prop_assert!(matches!(told, Damage::NoKey(Some(_)))),
            8..16 | 24..HEAD => prop_assert_eq!(told, Damage::Head),
            _ => prop_assert_eq!(told, Damage::Chunk(((at - HEAD) / RECORD) as u64)),
        }
    }

    #[test]
    fn any_cut_is_noticed(len in 0usize..3 * CHUNK, place in any::<prop::sample::Index>()) {
        let ring = ring(&[1]);
        let file = file(&ring, &speech(len));
        prop_assert!(read(&ring, &file[..place.index(file.len())]).is_err());
    }
}
