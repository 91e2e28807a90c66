//! What holds for `record::envelope` whatever the bytes: nothing panics, and what a reader gives out is what was written
//! there, or an error. The first byte says what is done: the rest is read as a file, or a good file is damaged with it.
//! Shared by `tests/fuzz_seeds.rs` and the fuzz target `envelope`.

use belfry::record::envelope::{
    CHUNK, Content, Damage, FileKey, HEAD, Keyring, NONCE, Nonces, OVERHEAD, RECORD, Shape, offset,
    written,
};

/// Bytes of the recording that is damaged: one full chunk, and a few.
const LEN: usize = CHUNK + 100;

/// Reads any bytes, and a good file that they damage.
pub fn check(bytes: &[u8]) {
    let Some((what, bytes)) = bytes.split_first() else { return };
    let key: [u8; 32] = core::array::from_fn(|at| at as u8);
    let ring = Keyring::parse(&written(&key)).expect("a key");
    let good = file(&ring);
    let mut other = match what {
        0..64 => bytes.to_vec(),
        64..128 => [&good[..HEAD], bytes].concat(),
        _ => good.clone(),
    };
    if *what >= 128 {
        for change in bytes.chunks_exact(3) {
            let at = usize::from(u16::from_be_bytes([change[0], change[1]]));
            let at = at % other.len();
            other[at] ^= change[2];
        }
    }
    match read(&ring, &other) {
        Ok(plain) => assert!(plain == speech() && other == good, "only what was written is read"),
        Err(Damage::Chunk(nth)) => {
            assert!(nth <= Shape::of(other.len() as u64).expect("chunks").whole)
        }
        Err(_) => {}
    }
    let _ = Keyring::parse(&String::from_utf8_lossy(bytes));
}

fn speech() -> Vec<u8> {
    (0..LEN).map(|n| (n * n / 7) as u8).collect()
}

fn file(ring: &Keyring) -> Vec<u8> {
    let (key, head) = FileKey::new(ring, Content::Wav, &[5; 44]).expect("a ring with a key");
    let (speech, mut nonces, mut file) = (speech(), Nonces::new([7; 8]), head.to_vec());
    for (nth, plain) in speech.chunks(CHUNK).enumerate() {
        let mut record = [&[0; NONCE], plain].concat();
        key.seal(nth as u64, nth == 1, &mut nonces, &mut record).expect("two nonces");
        file.extend(record);
    }
    file
}

fn read(ring: &Keyring, file: &[u8]) -> Result<Vec<u8>, Damage> {
    let key = FileKey::open(ring, file)?;
    assert_eq!(key.content(), Content::Wav, "only one head was made");
    let shape = Shape::of(file.len() as u64).ok_or(Damage::NotOurs)?;
    let mut plain = Vec::new();
    for nth in 0..shape.whole {
        let at = offset(nth) as usize;
        plain.extend(key.chunk(nth, false, &mut file[at..at + RECORD].to_vec())?.iter());
    }
    let mut last = file[offset(shape.whole) as usize..].to_vec();
    assert_eq!((last.len(), last.len() >= OVERHEAD), (shape.rest, shape.may_be_whole()));
    plain.extend(key.chunk(shape.whole, true, &mut last)?.iter());
    Ok(plain)
}
