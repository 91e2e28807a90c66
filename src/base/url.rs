//! Addresses of the Web (RFC 3986), as far as programs are asked by them: `http` and `https`, a host, a port, a path.
//!
//! Not here: names and passwords in an address, fragments, addresses without a host.

use core::net::IpAddr;

/// The longest address, in bytes.
pub const MAX_URL: usize = 2_048;

/// An address of the Web.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Url {
    /// Over TLS.
    pub secure: bool,
    /// The host: a name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path, with what stands behind it.
    pub path: String,
}

impl Url {
    /// Reads one.
    pub fn new(text: &str) -> Option<Url> {
        let (scheme, rest) = text.split_once("://")?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let (host, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (host, if secure { 443 } else { 80 }),
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        let good = !host.is_empty() && host.chars().all(fits) && port > 0;
        let printable = path.bytes().all(|b| (0x21..0x7f).contains(&b) && b != b'#');
        (good && printable && text.len() <= MAX_URL).then(|| Url {
            secure,
            host: host.to_owned(),
            port,
            path,
        })
    }

    /// Whether it is on this machine.
    pub fn is_here(&self) -> bool {
        let host = self.host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_refused() {
        let url = |text: &str| Url::new(text).map(|u| (u.secure, u.host, u.port, u.path));
        let is =
            |secure, host: &str, port, path: &str| Some((secure, host.into(), port, path.into()));
        assert_eq!(
            url("https://crm.example/belfry?x=1"),
            is(true, "crm.example", 443, "/belfry?x=1")
        );
        assert_eq!(url("http://127.0.0.1:8000"), is(false, "127.0.0.1", 8000, "/"));
        assert_eq!(url("http://[::1]:80/a"), is(false, "[::1]", 80, "/a"));
        assert_eq!(url("http://[::1]/a"), is(false, "[::1]", 80, "/a"));
        for bad in
            ["", "ftp://x/", "http://", "http://a b/", "http://x:99999/", "http://x/a b", "//x"]
        {
            assert_eq!(url(bad), None, "{bad}");
        }
    }
}
