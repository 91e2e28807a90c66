//! The little SIP that such calls need, written and read as text.

/// The value of a header that stands on a line of its own, the first of that name.
pub fn header<'a>(message: &'a str, name: &'a str) -> Option<&'a str> {
    headers(message, name).next()
}

/// All values of a header, in their order.
pub fn headers<'a>(message: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = message.split("\r\n").take_while(|line| !line.is_empty());
    lines.filter_map(move |line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
}

/// A response's status; none for a request.
pub fn status(message: &str) -> Option<u16> {
    message.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
}

/// The method of a request, or of the request that a response is to.
pub fn method(message: &str) -> &str {
    match message.starts_with("SIP/2.0 ") {
        true => header(message, "CSeq").and_then(|cseq| cseq.split(' ').nth(1)).unwrap_or(""),
        false => message.split(' ').next().unwrap_or(""),
    }
}

/// What stands between `<` and `>`, or all of it.
pub fn uri(value: &str) -> &str {
    match value.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or(rest),
        None => value.split(';').next().unwrap_or(value),
    }
}

/// A parameter's value behind `name=`.
pub fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let rest = value.split(';').skip(1).find_map(|part| part.trim().strip_prefix(name))?;
    rest.strip_prefix('=')
}

/// The answer to `request`: its own headers, a tag where To has none, and `more` (whole lines).
pub fn answer(request: &str, status: &str, tag: &str, more: &str, body: &str) -> String {
    let mut answer = format!("SIP/2.0 {status}\r\n");
    for line in request.split("\r\n").take_while(|line| !line.is_empty()) {
        match line.split(':').next().unwrap_or_default() {
            "Via" | "From" | "Call-ID" | "CSeq" | "Record-Route" => answer += line,
            "To" if line.contains("tag=") => answer += line,
            "To" => {
                answer += line;
                answer += ";tag=";
                answer += tag;
            }
            _ => continue,
        }
        answer += "\r\n";
    }
    answer += more;
    if !body.is_empty() {
        answer += "Content-Type: application/sdp\r\n";
    }
    answer + &format!("Content-Length: {}\r\n\r\n{body}", body.len())
}
