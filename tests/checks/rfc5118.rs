//! The messages of RFC 5118 as they have to stand on the wire.

/// An RFC 5118 message with the line ends wanted and its Content-Length put right: the archive has
/// LF only, and the three bodies are not as long as announced.
pub fn mended(bytes: &[u8], line_end: &str) -> Vec<u8> {
    let text = String::from_utf8(bytes.to_vec()).expect("ASCII");
    assert!(!text.contains('\r'));
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
    let body = body.replace('\n', line_end);
    let lines = head.lines().map(|line| match line.starts_with("Content-Length:") {
        true => format!("Content-Length: {}", body.len()),
        false => line.to_string(),
    });
    let lines: Vec<String> = lines.collect();
    format!("{}{line_end}{line_end}{body}", lines.join(line_end)).into_bytes()
}
