//! A message as headers and body, read from one datagram.

use super::grammar::{Address, Via, split_list};
use bytes::Bytes;

/// Header lines of a message; more is refused.
const MAX_HEADERS: usize = 256;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// `METHOD uri SIP/2.0`
    Request {
        /// As written: methods are case-sensitive (RFC 3261 §7.1).
        method: String,
        /// As written.
        uri: String,
    },
    /// `SIP/2.0 code reason`
    Response {
        /// 100 to 699.
        code: u16,
        /// May be empty.
        reason: String,
    },
}

/// One header, its name spelled out (no compact forms), its lines unfolded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Compared without regard to case.
    pub(crate) name: String,
    /// Trimmed; bytes that are no UTF-8 are U+FFFD.
    pub(crate) value: String,
}

/// A request or response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// The first line.
    pub(crate) start: Start,
    /// Via, Contact, Route and Record-Route lists are one header an entry.
    pub(crate) headers: Vec<Header>,
    /// Opaque.
    pub(crate) body: Bytes,
}

/// Why a datagram is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseError {
    /// Not even a first line of SIP.
    #[error("not SIP")]
    NotSip,
    /// A request of another SIP version; answered 505.
    #[error("another version of SIP")]
    Version,
    /// A request whose first line is broken; answered 400.
    #[error("malformed request line")]
    RequestLine,
    /// A header line without a name, an open quote, too many headers.
    #[error("malformed header")]
    Header,
    /// Content-Length is no number, contradicts itself, or exceeds what arrived (RFC 3261 §18.3).
    #[error("wrong Content-Length")]
    ContentLength,
}

impl Message {
    /// Reads a datagram. On an error also whatever headers could be read, so that a request can still be answered.
    ///
    /// # Errors
    /// [`ParseError`], with the partial message if the first line was readable.
    pub(crate) fn parse(datagram: &[u8]) -> Result<Self, (ParseError, Option<Box<Self>>)> {
        let datagram =
            datagram.get(datagram.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count()..).unwrap_or_default();
        let (head, body) = split_head(datagram);
        let head = String::from_utf8_lossy(head);
        let mut lines = head.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        let (start, start_error) = parse_start(lines.next().unwrap_or_default()).map_err(|error| (error, None))?;
        let mut message = Self { start, headers: Vec::new(), body: Bytes::new() };
        let header_error = message.read_headers(lines).err();
        if let Some(error) = start_error.or(header_error) {
            return Err((error, Some(Box::new(message))));
        }
        match message.declared_length(body.len()) {
            Ok(length) => {
                message.body = Bytes::copy_from_slice(body.get(..length).unwrap_or_default());
                Ok(message)
            }
            Err(error) => Err((error, Some(Box::new(message)))),
        }
    }

    fn read_headers<'a>(&mut self, lines: impl Iterator<Item = &'a str>) -> Result<(), ParseError> {
        let mut raw: Vec<(String, String)> = Vec::new();
        let mut outcome = Ok(());
        for line in lines.filter(|line| !line.is_empty()) {
            if line.starts_with([' ', '\t']) {
                // RFC 3261 §7.3.1: a folded line continues the value.
                match raw.last_mut() {
                    Some((_, value)) => {
                        let more = line.trim();
                        if !value.is_empty() && !more.is_empty() {
                            value.push(' ');
                        }
                        value.push_str(more);
                    }
                    None => outcome = Err(ParseError::Header),
                }
                continue;
            }
            match line.split_once(':') {
                Some((name, value)) if is_token(name.trim_end()) => {
                    if raw.len() == MAX_HEADERS {
                        return Err(ParseError::Header);
                    }
                    raw.push((long_name(name.trim_end()).to_owned(), value.trim().to_owned()));
                }
                Some(_) | None => outcome = Err(ParseError::Header),
            }
        }
        for (name, value) in raw {
            if is_list(&name) {
                match split_list(&value) {
                    Some(items) => {
                        if self.headers.len() + items.len() > MAX_HEADERS {
                            return Err(ParseError::Header);
                        }
                        let items = items.into_iter().filter(|item| !item.is_empty());
                        self.headers.extend(items.map(|item| Header { name: name.clone(), value: item.to_owned() }));
                    }
                    None => outcome = Err(ParseError::Header),
                }
            } else {
                self.headers.push(Header { name, value });
            }
        }
        outcome
    }

    fn declared_length(&self, arrived: usize) -> Result<usize, ParseError> {
        let mut lengths = self.all("Content-Length");
        let Some(first) = lengths.next() else {
            // RFC 3261 §18.3: absent on UDP, the body is the rest of the datagram.
            return Ok(arrived);
        };
        if lengths.any(|other| other != first) {
            return Err(ParseError::ContentLength);
        }
        let digits = first.bytes().all(|b| b.is_ascii_digit());
        let length = first.parse::<usize>().ok().filter(|_| digits).ok_or(ParseError::ContentLength)?;
        if length > arrived { Err(ParseError::ContentLength) } else { Ok(length) }
    }

    /// The first value of a header.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of a header, in order.
    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value.as_str())
    }

    /// The tokens of a comma-separated header, over all its lines.
    pub(crate) fn tokens<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.all(name).flat_map(|value| value.split(',')).map(str::trim).filter(|token| !token.is_empty())
    }

    /// The method of a request.
    pub(crate) fn method(&self) -> Option<&str> {
        match &self.start {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => None,
        }
    }

    /// The Request-URI.
    pub(crate) fn uri(&self) -> Option<&str> {
        match &self.start {
            Start::Request { uri, .. } => Some(uri),
            Start::Response { .. } => None,
        }
    }

    /// The status code of a response.
    pub(crate) fn code(&self) -> Option<u16> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { code, .. } => Some(code),
        }
    }

    /// From, if sound.
    pub(crate) fn from(&self) -> Option<Address> {
        Address::parse(self.get("From")?)
    }

    /// To, if sound.
    pub(crate) fn to(&self) -> Option<Address> {
        Address::parse(self.get("To")?)
    }

    /// The topmost Via, if sound.
    pub(crate) fn via(&self) -> Option<Via> {
        Via::parse(self.get("Via")?)
    }

    /// Call-ID, empty if there is none.
    pub(crate) fn call_id(&self) -> &str {
        self.get("Call-ID").unwrap_or_default()
    }

    /// CSeq's number and method.
    pub(crate) fn cseq(&self) -> Option<(u32, &str)> {
        let (number, method) = self.get("CSeq")?.split_once([' ', '\t'])?;
        let digits = number.bytes().all(|b| b.is_ascii_digit());
        // RFC 3261 §8.1.1.5: less than 2**31.
        let number = number.parse::<u32>().ok().filter(|number| digits && *number < 1 << 31)?;
        Some((number, method.trim()))
    }

    /// Replaces the first header of that name, or appends it.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        match self.headers.iter_mut().find(|header| header.name.eq_ignore_ascii_case(name)) {
            Some(header) => header.value = value,
            None => self.headers.push(Header { name: name.into(), value }),
        }
    }

    /// Appends a header.
    pub(crate) fn push(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push(Header { name: name.into(), value: value.into() });
    }

    /// The message as text, with a true Content-Length.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = match &self.start {
            Start::Request { method, uri } => format!("{method} {uri} SIP/2.0\r\n"),
            Start::Response { code, reason } => format!("SIP/2.0 {code} {reason}\r\n"),
        };
        for header in self.headers.iter().filter(|header| !header.name.eq_ignore_ascii_case("Content-Length")) {
            out.push_str(&header.name);
            out.push_str(": ");
            out.push_str(&header.value);
            out.push_str("\r\n");
        }
        out.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        let mut out = out.into_bytes();
        out.extend_from_slice(&self.body);
        out
    }
}

/// Up to the empty line, and after it.
fn split_head(datagram: &[u8]) -> (&[u8], &[u8]) {
    let mut line_from = 0;
    for (at, byte) in datagram.iter().enumerate() {
        if *byte == b'\n' {
            let line = datagram.get(line_from..at).unwrap_or_default();
            if line.is_empty() || line == b"\r" {
                return (datagram.get(..line_from).unwrap_or_default(), datagram.get(at + 1..).unwrap_or_default());
            }
            line_from = at + 1;
        }
    }
    (datagram, &[])
}

fn parse_start(line: &str) -> Result<(Start, Option<ParseError>), ParseError> {
    if let Some(rest) = line.strip_prefix("SIP/2.0 ") {
        let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let three = code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit());
        let code = code.parse().ok().filter(|code| three && (100..700).contains(code)).ok_or(ParseError::NotSip)?;
        return Ok((Start::Response { code, reason: reason.trim().to_owned() }, None));
    }
    let words: Vec<&str> = line.split([' ', '\t']).collect();
    let method = words.first().copied().unwrap_or_default();
    let version = line.trim_end().rsplit([' ', '\t']).next().unwrap_or_default();
    let is_version = version.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("SIP/"));
    if !is_token(method) || !is_version {
        return Err(ParseError::NotSip);
    }
    let uri = words.get(1).copied().unwrap_or_default();
    let error = if !version.eq_ignore_ascii_case("SIP/2.0") {
        Some(ParseError::Version)
    } else if words.len() != 3 || uri.is_empty() {
        Some(ParseError::RequestLine)
    } else {
        None
    };
    Ok((Start::Request { method: method.into(), uri: uri.into() }, error))
}

/// RFC 3261 §25.1 token.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c))
}

fn is_list(name: &str) -> bool {
    matches!(name, "Via" | "Contact" | "Route" | "Record-Route")
}

/// Compact forms spelled out (RFC 3261 §20), and the usual spelling of those that are looked up.
fn long_name(name: &str) -> &str {
    const NAMES: &[(&str, &str)] = &[
        ("v", "Via"),
        ("f", "From"),
        ("t", "To"),
        ("i", "Call-ID"),
        ("m", "Contact"),
        ("l", "Content-Length"),
        ("c", "Content-Type"),
        ("e", "Content-Encoding"),
        ("k", "Supported"),
        ("s", "Subject"),
        ("r", "Refer-To"),
        ("x", "Session-Expires"),
        ("o", "Event"),
        ("u", "Allow-Events"),
        ("b", "Referred-By"),
        ("a", "Accept-Contact"),
        ("j", "Reject-Contact"),
        ("d", "Request-Disposition"),
        ("y", "Identity"),
        ("via", "Via"),
        ("contact", "Contact"),
        ("route", "Route"),
        ("record-route", "Record-Route"),
    ];
    NAMES.iter().find(|(short, _)| name.eq_ignore_ascii_case(short)).map_or(name, |(_, long)| long)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = "OPTIONS sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP h;branch=1, SIP/2.0/TCP k;branch=2\r\n\
         F: <sip:c@d>;tag=1\r\nt: <sip:a@b>\r\ni: x\r\nCSeq:  5\tOPTIONS\r\nSubject: one\r\n  two\r\n";

    #[test]
    fn compact_folded_and_joined_headers() {
        let message = Message::parse(format!("{MINIMAL}\r\nbody").as_bytes()).unwrap();
        assert_eq!(message.all("via").count(), 2);
        assert_eq!(message.get("subject"), Some("one two"));
        assert_eq!(message.cseq(), Some((5, "OPTIONS")));
        assert_eq!(message.from().unwrap().tag(), Some("1"));
        assert_eq!(&message.body[..], b"body", "a body without Content-Length is the rest of the datagram");
        let again = Message::parse(&message.to_bytes()).unwrap();
        assert_eq!(again.get("Content-Length"), Some("4"));
        assert_eq!(again.body, message.body);
    }

    #[test]
    fn content_length_cuts_or_refuses() {
        let with = |length: &str| Message::parse(format!("{MINIMAL}l: {length}\r\n\r\nbody").as_bytes());
        assert_eq!(&with("2").unwrap().body[..], b"bo");
        for wrong in ["5", "-1", "x", "", "99999999999999999999999", "1\r\nContent-Length: 2"] {
            assert_eq!(with(wrong).unwrap_err().0, ParseError::ContentLength, "{wrong}");
        }
    }

    #[test]
    fn a_header_that_is_no_utf8_does_not_end_the_message() {
        let mut bytes = MINIMAL.as_bytes().to_vec();
        bytes.extend_from_slice(b"Organization: caf\xe9\r\nUser-Agent: x\r\n\r\nab");
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.get("User-Agent"), Some("x"));
        assert_eq!(&message.body[..], b"ab");
    }

    #[test]
    fn start_lines() {
        let error =
            |line: &str| Message::parse(format!("{line}\r\nVia: SIP/2.0/UDP h\r\n\r\n").as_bytes()).err().map(|e| e.0);
        let table = [
            ("OPTIONS sip:a SIP/2.0", None),
            ("OPTIONS  sip:a SIP/2.0", Some(ParseError::RequestLine)),
            ("OPTIONS sip:a SIP/2.0 ", Some(ParseError::RequestLine)),
            ("OPTIONS sip:a b SIP/2.0", Some(ParseError::RequestLine)),
            ("OPTIONS sip:a SIP/7.0", Some(ParseError::Version)),
            ("SIP/2.0 200 OK", None),
            ("SIP/2.0 200", None),
            ("SIP/2.0 4294967301 better", Some(ParseError::NotSip)),
            ("SIP/2.0 099 x", Some(ParseError::NotSip)),
            ("GET / HTTP/1.1", Some(ParseError::NotSip)),
            ("\0\0", Some(ParseError::NotSip)),
        ];
        for (line, expected) in table {
            assert_eq!(error(line), expected, "{line}");
        }
    }
}
