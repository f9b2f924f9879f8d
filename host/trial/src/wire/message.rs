//! SIP messages, read as simply as possible.

use anyhow::{Context as _, Result};

/// A request or a response.
#[derive(Clone, Debug)]
pub struct Message {
    start: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    body: String,
}

impl Message {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(bytes)?;
        let (head, body) = text.split_once("\r\n\r\n").context("no end of the headers")?;
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let header = |line: &str| line.split_once(':').map(|(name, value)| (long(name), value.trim().to_owned()));
        Ok(Self { start, headers: lines.filter_map(header).collect(), body: body.into() })
    }

    /// The first line.
    pub fn start(&self) -> &str {
        &self.start
    }

    /// Of a response.
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// Of a request.
    pub fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    /// The first header of this name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// What follows the headers.
    pub fn body(&self) -> &str {
        &self.body
    }

    pub(super) fn tag(&self, header: &str) -> Option<String> {
        let tag = self.header(header)?.split(";tag=").nth(1)?;
        Some(tag.split(';').next().unwrap_or_default().to_owned())
    }

    pub(super) fn contact(&self) -> Option<String> {
        let contact = self.header("contact")?;
        Some(contact.split_once('<')?.1.split('>').next()?.to_owned())
    }

    /// The 200 to a request.
    pub(super) fn ok(&self) -> String {
        let copied = ["via", "from", "to", "call-id", "cseq"];
        let lines = self.headers.iter().filter(|(name, _)| copied.contains(&name.as_str()));
        let lines: String = lines.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("SIP/2.0 200 OK\r\n{lines}Content-Length: 0\r\n\r\n")
    }
}

/// RFC 3261 §7.3.3: compact forms.
fn long(name: &str) -> String {
    let name = name.trim().to_ascii_lowercase();
    match name.as_str() {
        "v" => "via".into(),
        "f" => "from".into(),
        "t" => "to".into(),
        "i" => "call-id".into(),
        "m" => "contact".into(),
        "l" => "content-length".into(),
        "c" => "content-type".into(),
        _ => name,
    }
}
