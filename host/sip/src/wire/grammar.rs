//! Pieces of RFC 3261 §25.1: lists, parameters, name-addr, URI, Via. Tolerant of white space, strict about quotes.

use std::net::{IpAddr, SocketAddr};

/// Splits at `separator`, but not within quotes or angle brackets. `None` if a quote or bracket stays open.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut rest_from) = (Vec::new(), 0);
    let (mut quoted, mut escaped, mut angled) = (false, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '<' if angled => return None,
            '<' => angled = true,
            '>' => angled = false,
            _ if c == separator && !angled => {
                parts.push(text.get(rest_from..at)?.trim());
                rest_from = at + c.len_utf8();
            }
            _ => {}
        }
    }
    if quoted || angled {
        return None;
    }
    parts.push(text.get(rest_from..)?.trim());
    Some(parts)
}

/// The elements of a comma-separated header value. `None` if a quote or bracket stays open.
pub(crate) fn split_list(value: &str) -> Option<Vec<&str>> {
    split(value, ',')
}

/// The parameters of `;name=value;flag`, names in lower case, values as written (quotes kept).
pub(crate) fn params(text: &str) -> Option<Vec<(String, Option<String>)>> {
    let mut found = Vec::new();
    for part in split(text, ';')? {
        if part.is_empty() {
            continue;
        }
        found.push(match part.split_once('=') {
            Some((name, value)) => (name.trim().to_ascii_lowercase(), Some(value.trim().to_owned())),
            None => (part.to_ascii_lowercase(), None),
        });
    }
    Some(found)
}

/// The text of a quoted string, its escapes resolved; anything else as it is.
pub(crate) fn unquote(text: &str) -> String {
    let text = text.trim();
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else { return text.to_owned() };
    let (mut out, mut escaped) = (String::with_capacity(inner.len()), false);
    for c in inner.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            escaped = false;
            out.push(c);
        }
    }
    out
}

/// A SIP or SIPS URI, as far as we look into it (RFC 3261 §19.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Uri {
    /// `sip`, `sips`, `tel` …, in lower case.
    pub(crate) scheme: String,
    /// What stands before the `@`, percent escapes resolved where they give UTF-8, password dropped. Empty if nothing.
    pub(crate) user: String,
    /// Host name or address, without port; IPv6 without brackets. For `tel` empty.
    pub(crate) host: String,
    /// As written.
    pub(crate) port: Option<u16>,
    /// `?header` part given (forbidden in a Request-URI).
    pub(crate) has_headers: bool,
}

impl Uri {
    /// Reads a URI. `None` if it has no scheme, or white space, or a broken host or port.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        if !scheme_ok || rest.is_empty() || text.chars().any(|c| c.is_whitespace() || matches!(c, '<' | '>' | '"')) {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "sip" && scheme != "sips" {
            let user = if scheme == "tel" { rest.split(';').next().unwrap_or_default() } else { "" };
            return Some(Self { scheme, user: user.into(), host: String::new(), port: None, has_headers: false });
        }
        // A user part may hold `;` and `?`, so the last `@` before anything else counts.
        let (user, host) = rest.rsplit_once('@').unwrap_or(("", rest));
        let user = user.split_once(':').map_or(user, |(name, _password)| name);
        let end = host.find([';', '?']).unwrap_or(host.len());
        let (hostport, tail) = host.split_at_checked(end)?;
        let (host, port) = host_port(hostport)?;
        let user = percent_decode(user);
        if user.chars().any(char::is_control) {
            return None;
        }
        Some(Self { scheme, user, host, port, has_headers: tail.contains('?') })
    }

    /// The address, if the host is one and not a name. Port 5060 if none is given.
    pub(crate) fn socket_addr(&self) -> Option<SocketAddr> {
        let ip: IpAddr = self.host.parse().ok()?;
        Some(SocketAddr::new(ip, self.port.unwrap_or(5060)))
    }

    /// Whether both name the same server: scheme, host and port, all else left out.
    pub(crate) fn same_server(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.host.eq_ignore_ascii_case(&other.host)
            && self.port.unwrap_or(5060) == other.port.unwrap_or(5060)
    }
}

fn percent_decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        let decoded = (byte == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(decoded.unwrap_or(byte));
        at += if decoded.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`.
pub(crate) fn host_port(text: &str) -> Option<(String, Option<u16>)> {
    let text = text.trim();
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, tail) = rest.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        (host, tail.trim().strip_prefix(':').or(if tail.trim().is_empty() { Some("") } else { None })?)
    } else {
        let (host, port) = text.split_once(':').unwrap_or((text, ""));
        let host = host.trim();
        if host.is_empty() || !host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')) {
            return None;
        }
        (host, port)
    };
    let port = port.trim();
    let port = if port.is_empty() { None } else { Some(port.parse().ok().filter(|port| *port != 0)?) };
    Some((host.to_owned(), port))
}

/// A name-addr or addr-spec with its parameters: From, To, Contact, Route (RFC 3261 §20.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Display name, quotes and escapes resolved; `None` if empty.
    pub(crate) display: Option<String>,
    /// As written, without brackets.
    pub(crate) uri: String,
    /// Header parameters.
    pub(crate) params: Vec<(String, Option<String>)>,
}

impl Address {
    /// Reads one. `None` if it is broken.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let value = value.trim();
        // The `<` that is not within the quotes of the display name.
        let open = unquoted(value, '<');
        let (display, uri, tail) = match open {
            Some(at) => {
                let (display, rest) = value.split_at_checked(at)?;
                let (uri, tail) = rest.get(1..)?.split_once('>')?;
                let display = display.trim();
                if display.matches('"').count() % 2 == 1 && !display.contains('\\') {
                    return None;
                }
                (unquote(display), uri, tail)
            }
            None => {
                if value.contains('"') {
                    return None;
                }
                let end = value.find(';').unwrap_or(value.len());
                let (uri, tail) = value.split_at_checked(end)?;
                // RFC 3261 §20.10: a bare URI with a question mark must be in brackets.
                if uri.contains('?') || uri.contains(',') {
                    return None;
                }
                (String::new(), uri, tail)
            }
        };
        let tail = tail.trim();
        if !tail.is_empty() && !tail.starts_with(';') {
            return None;
        }
        let uri = uri.trim();
        Uri::parse(uri)?;
        Some(Self { display: (!display.is_empty()).then_some(display), uri: uri.to_owned(), params: params(tail)? })
    }

    /// A parameter's value; the empty string for a flag.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_deref().unwrap_or_default())
    }

    /// The tag, if there is a non-empty one.
    pub(crate) fn tag(&self) -> Option<&str> {
        self.param("tag").filter(|tag| !tag.is_empty())
    }
}

fn unquoted(text: &str, wanted: char) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if c == wanted && !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// One Via entry (RFC 3261 §20.42), white space normalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Via {
    /// `UDP`, `TCP` …, in upper case.
    pub(crate) transport: String,
    /// Where the sender listens.
    pub(crate) host: String,
    /// Its port.
    pub(crate) port: Option<u16>,
    /// Names in lower case.
    pub(crate) params: Vec<(String, Option<String>)>,
}

impl Via {
    /// Reads one. `None` if it is broken or not SIP/2.0.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let (name, rest) = value.split_once('/')?;
        let (version, rest) = rest.split_once('/')?;
        if !name.trim().eq_ignore_ascii_case("SIP") || version.trim() != "2.0" {
            return None;
        }
        let rest = rest.trim_start();
        let (transport, rest) = rest.split_at_checked(rest.find(char::is_whitespace)?)?;
        if !transport.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') || transport.is_empty() {
            return None;
        }
        let rest = rest.trim();
        let (sent_by, tail) = rest.split_at_checked(rest.find(';').unwrap_or(rest.len()))?;
        let (host, port) = host_port(sent_by)?;
        Some(Self { transport: transport.to_ascii_uppercase(), host, port, params: params(tail)? })
    }

    /// The branch, if there is a non-empty one.
    pub(crate) fn branch(&self) -> Option<&str> {
        let value = self.params.iter().find(|(name, _)| name == "branch")?.1.as_deref()?;
        (!value.is_empty()).then_some(value)
    }

    /// RFC 3261 §18.2.1 and RFC 3581 §4: where it really came from, so that the answer finds its way.
    pub(crate) fn mark_received(&mut self, source: SocketAddr) {
        self.params.retain(|(name, _)| name != "received" && name != "rport");
        self.params.push(("received".into(), Some(source.ip().to_string())));
        self.params.push(("rport".into(), Some(source.port().to_string())));
    }
}

impl std::fmt::Display for Via {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let v6 = self.host.contains(':');
        let (open, close) = if v6 { ("[", "]") } else { ("", "") };
        write!(out, "SIP/2.0/{} {open}{}{close}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(out, ":{port}")?;
        }
        for (name, value) in &self.params {
            match value {
                Some(value) => write!(out, ";{name}={value}")?,
                None => write!(out, ";{name}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let tag =
            |text: &str| Address::parse(text).map(|a| (a.display.clone(), a.uri.clone(), a.tag().map(str::to_owned)));
        let table = [
            ("sip:a@b;tag=1", Some((None, "sip:a@b", Some("1")))),
            ("<sip:a@b;lr>;tag=1", Some((None, "sip:a@b;lr", Some("1")))),
            ("\"x;tag=2 <y>\" <sip:a@b> ; tag = 1", Some((Some("x;tag=2 <y>"), "sip:a@b", Some("1")))),
            ("Bob Ray <sip:a@b>", Some((Some("Bob Ray"), "sip:a@b", None))),
            ("\"a \\\" b\" <sip:a@b>", Some((Some("a \" b"), "sip:a@b", None))),
            ("\"open <sip:a@b>", None),
            ("<sip:a@b", None),
            ("sip:a@b?x=y", None),
            ("<sip:a@b> junk", None),
            ("", None),
        ];
        for (text, expected) in table {
            let expected = expected.map(|(d, u, t): (Option<&str>, &str, Option<&str>)| {
                (d.map(str::to_owned), u.to_owned(), t.map(str::to_owned))
            });
            assert_eq!(tag(text), expected, "{text}");
        }
    }

    #[test]
    fn uris() {
        let short = |text: &str| Uri::parse(text).map(|u| (u.user, u.host, u.port));
        let table = [
            ("sip:alice@host:5070;x=y", Some(("alice", "host", Some(5070)))),
            ("sips:[2001:db8::1]:5061", Some(("", "2001:db8::1", Some(5061)))),
            ("sip:a%20b:secret@h", Some(("a b", "h", None))),
            ("sip:1;q=2@h", Some(("1;q=2", "h", None))),
            ("tel:+1234;phone-context=x", Some(("+1234", "", None))),
            ("sip:a@", None),
            ("sip:a@h:0", None),
            ("sip:a@h:99999", None),
            ("sip:a b@h", None),
            ("<sip:a@h>", None),
            ("nonsense", None),
            ("sip:%00@h", None),
        ];
        for (text, expected) in table {
            assert_eq!(short(text), expected.map(|(u, h, p)| (u.to_owned(), h.to_owned(), p)), "{text}");
        }
    }

    #[test]
    fn vias() {
        let text = |text: &str| Via::parse(text).map(|via| via.to_string());
        let table = [
            ("SIP/2.0/UDP h:5060;branch=z9hG4bK1;rport", Some("SIP/2.0/UDP h:5060;branch=z9hG4bK1;rport")),
            (
                "SIP  / 2.0 \t/ TCP   spindle.example.com ; branch = z9hG4bK9ikj8",
                Some("SIP/2.0/TCP spindle.example.com;branch=z9hG4bK9ikj8"),
            ),
            ("SIP/2.0/UDP [::1]:5070", Some("SIP/2.0/UDP [::1]:5070")),
            ("SIP/2.0/UDP", None),
            ("SIP/3.0/UDP h", None),
            ("SIP/2.0/UDP h:x", None),
        ];
        for (given, expected) in table {
            assert_eq!(text(given).as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn lists_respect_quotes_and_brackets() {
        assert_eq!(split_list("<sip:a,b@c>, \"d,e\" <sip:f>,g"), Some(vec!["<sip:a,b@c>", "\"d,e\" <sip:f>", "g"]));
        assert_eq!(split_list("\"open"), None);
        assert_eq!(split_list("<open"), None);
    }
}
