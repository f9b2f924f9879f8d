//! The first look at a datagram: pure, allocating no more than the message itself, never panicking.
//!
//! What passes is a message whose mandatory parts are sound (RFC 3261 §8.1.1), so that the rest of the stack needs no
//! second doubt. What does not pass is dropped, or has the status code that it deserves.

use crate::wire::{Address, Message, ParseError, Start, Uri, Via};

/// What to do with a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Blank lines that hold a NAT binding open.
    KeepAlive,
    /// No SIP, a broken response, or a request that can't be answered.
    Drop,
    /// A request that gets this status code and nothing else.
    Refuse {
        /// 400, 416, 505 or 513.
        code: u16,
        /// What is wrong.
        reason: &'static str,
        /// The request, as far as it could be read; Via, From, To, Call-ID and CSeq are there.
        message: Box<Message>,
    },
    /// Sound.
    Pass(Box<Message>),
}

/// Looks at a datagram. `max_bytes`: longer requests are refused with 513, longer responses dropped.
pub(crate) fn screen(datagram: &[u8], max_bytes: usize) -> Verdict {
    if datagram.iter().all(|byte| matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | 0)) {
        return Verdict::KeepAlive;
    }
    let message = match Message::parse(datagram) {
        Ok(message) => message,
        Err((ParseError::NotSip, _) | (_, None)) => return Verdict::Drop,
        Err((ParseError::Version, Some(message))) => return refuse(505, "Version Not Supported", *message),
        Err((ParseError::RequestLine, Some(message))) => return refuse(400, "Malformed Request Line", *message),
        Err((ParseError::Header, Some(message))) => return refuse(400, "Malformed Header", *message),
        Err((ParseError::ContentLength, Some(message))) => return refuse(400, "Wrong Content-Length", *message),
    };
    if datagram.len() > max_bytes {
        return refuse(513, "Message Too Large", message);
    }
    match fault(&message) {
        Some((code, reason)) => refuse(code, reason, message),
        None => Verdict::Pass(Box::new(message)),
    }
}

/// A refusal, if the message is a request (not ACK) that a response can find its way back to.
fn refuse(code: u16, reason: &'static str, message: Message) -> Verdict {
    let answerable = message.method().is_some_and(|method| method != "ACK") && message.via().is_some();
    if answerable { Verdict::Refuse { code, reason, message: Box::new(message) } } else { Verdict::Drop }
}

fn fault(message: &Message) -> Option<(u16, &'static str)> {
    if message.via().is_none() || message.all("Via").any(|via| Via::parse(via).is_none()) {
        return Some((400, "Bad Via"));
    }
    for name in ["From", "To", "Call-ID", "CSeq", "Max-Forwards"] {
        if message.all(name).count() > 1 {
            return Some((400, "Repeated Header"));
        }
    }
    let (Some(from), Some(to)) = (message.from(), message.to()) else { return Some((400, "Bad From or To")) };
    // RFC 3261 §8.1.1.3: the From tag is mandatory; without it no dialog can be told from another.
    if !from.tag().is_some_and(plain) || (to.param("tag").is_some() && !to.tag().is_some_and(plain)) {
        return Some((400, "Bad Tag"));
    }
    if !plain(message.call_id()) {
        return Some((400, "Bad Call-ID"));
    }
    let Some((_, cseq_method)) = message.cseq() else { return Some((400, "Bad CSeq")) };
    match &message.start {
        Start::Request { method, uri } => request_fault(message, method, uri, cseq_method),
        Start::Response { .. } => None,
    }
}

fn request_fault(message: &Message, method: &str, uri: &str, cseq_method: &str) -> Option<(u16, &'static str)> {
    if method != cseq_method {
        return Some((400, "CSeq Method Mismatch"));
    }
    match Uri::parse(uri) {
        None => return Some((400, "Bad Request-URI")),
        Some(uri) if uri.scheme != "sip" && uri.scheme != "sips" && uri.scheme != "tel" => {
            return Some((416, "Unsupported URI Scheme"));
        }
        // RFC 3261 §19.1.1, table 1: no headers in a Request-URI.
        Some(uri) if uri.has_headers => return Some((400, "Headers in Request-URI")),
        Some(_) => {}
    }
    if let Some(hops) = message.get("Max-Forwards")
        && hops.parse::<u8>().is_err()
    {
        return Some((400, "Bad Max-Forwards"));
    }
    if message.all("Contact").any(|contact| contact != "*" && Address::parse(contact).is_none()) {
        return Some((400, "Bad Contact"));
    }
    if message.all("Route").chain(message.all("Record-Route")).any(|route| Address::parse(route).is_none()) {
        return Some((400, "Bad Route"));
    }
    None
}

/// Printable ASCII without blanks, and not endless: what names a dialog, and goes into our tables.
fn plain(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:c@d>;tag=1\r\n\
        To: <sip:a@b>\r\nCall-ID: x@y\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:c@d>\r\n\r\n";

    fn code(text: &str) -> Result<(), u16> {
        match screen(text.as_bytes(), 8_192) {
            Verdict::Pass(_) => Ok(()),
            Verdict::Refuse { code, .. } => Err(code),
            Verdict::Drop | Verdict::KeepAlive => Err(0),
        }
    }

    #[test]
    fn faults_get_their_codes() {
        let table: &[(&str, &str, Result<(), u16>)] = &[
            ("", "", Ok(())),
            ("INVITE sip:a@b SIP/2.0", "INVITE sip:a@b SIP/9.0", Err(505)),
            ("INVITE sip:a@b SIP/2.0", "INVITE nobody:a@b SIP/2.0", Err(416)),
            ("INVITE sip:a@b SIP/2.0", "INVITE sip:a@b?Route=x SIP/2.0", Err(400)),
            ("INVITE sip:a@b SIP/2.0", "INVITE <sip:a@b> SIP/2.0", Err(400)),
            ("INVITE sip:a@b SIP/2.0", "WEIRD sip:a@b SIP/2.0", Err(400)),
            ("CSeq: 1 INVITE", "CSeq: 4294967296 INVITE", Err(400)),
            ("CSeq: 1 INVITE", "CSeq: 1 BYE", Err(400)),
            ("CSeq: 1 INVITE\r\n", "", Err(400)),
            (";tag=1", "", Err(400)),
            (";tag=1", ";tag=", Err(400)),
            ("To: <sip:a@b>", "To: <sip:a@b", Err(400)),
            ("Call-ID: x@y", "Call-ID: x@y\r\nCall-ID: z", Err(400)),
            ("Call-ID: x@y", "Call-ID: caf\u{e9}", Err(400)),
            ("Max-Forwards: 70", "Max-Forwards: 300", Err(400)),
            ("Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n", "", Err(0)),
            ("INVITE sip:a@b SIP/2.0", "SIP/2.0 999 x", Err(0)),
        ];
        for (from, to, expected) in table {
            let text = if from.is_empty() { GOOD.to_owned() } else { GOOD.replacen(from, to, 1) };
            assert_eq!(code(&text), *expected, "{from} -> {to}");
        }
    }

    #[test]
    fn oversized_is_refused_and_ack_never_answered() {
        let long = GOOD.replace("\r\n\r\n", &format!("\r\nX: {}\r\n\r\n", "x".repeat(9_000)));
        assert_eq!(code(&long), Err(513));
        assert_eq!(code(&long.replace("INVITE", "ACK")), Err(0));
    }

    proptest! {
        #[test]
        fn survives_anything(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            screen(&bytes, 512);
        }

        #[test]
        fn survives_mutations(at in 0..GOOD.len(), bytes in proptest::collection::vec(any::<u8>(), 0..8)) {
            let mut text = GOOD.as_bytes().to_vec();
            let end = (at + bytes.len()).min(text.len());
            text.splice(at..end, bytes);
            if let Verdict::Pass(message) = screen(&text, 8_192) {
                // What passes is stable under our own rendering.
                let again = screen(&message.to_bytes(), 16_384);
                prop_assert!(matches!(again, Verdict::Pass(_)), "{again:?}");
            }
        }
    }
}
