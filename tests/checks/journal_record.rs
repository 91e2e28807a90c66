//! What holds for the journal whatever the bytes: a line is a record or is not, and a fact that is
//! read can be written as a record and read again to the same. Shared by `tests/fuzz_seeds.rs` and
//! the fuzz target `journal_record`.

use belfry::store::record::{frame, unframe};
use belfry::switch::fact::{Fact, FactKind};

/// Reads the bytes as a line of the journal, and as the fact in one.
pub fn check(bytes: &[u8]) {
    let json = unframe(bytes).map_or(bytes, str::as_bytes);
    let Ok(fact) = serde_json::from_slice::<Fact>(json) else { return };
    // A text that says a name twice, as nobody writes it, is settled only by reading it twice.
    let settled = written_and_read(&fact);
    assert_eq!(written_and_read(&settled), settled);
    assert_eq!((settled.seq, settled.wall), (fact.seq, fact.wall));
    if !matches!(fact.kind, FactKind::Other(_)) {
        assert_eq!(settled, fact);
    }
}

fn written_and_read(fact: &Fact) -> Fact {
    let text = serde_json::to_string(fact).expect("a fact is JSON");
    let mut line = Vec::new();
    frame(&text, &mut line);
    assert_eq!(line.pop(), Some(b'\n'));
    assert!(!line.contains(&b'\n'), "one line");
    let json = unframe(&line).expect("its own check sum");
    serde_json::from_str(json).expect("what was written is read")
}
