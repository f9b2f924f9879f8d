//! Answering a challenge.

use super::{Algorithm, Signed, param, parse, response};

/// A challenge we can answer: MD5 or SHA-256, `qop=auth`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) realm: String,
    pub(crate) nonce: String,
    pub(crate) opaque: Option<String>,
    pub(crate) stale: bool,
    pub(crate) algorithm: Algorithm,
    /// Old servers offer no qop; then RFC 2069's form is used.
    pub(crate) qop: bool,
}

impl Challenge {
    /// Reads WWW-Authenticate or Proxy-Authenticate. `None` if it asks for what we can't.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let params = parse(value)?;
        let algorithm = Algorithm::named(param(&params, "algorithm"))?;
        let qop = param(&params, "qop");
        if qop.is_some_and(|all| !all.split(',').any(|one| one.trim() == "auth")) {
            return None;
        }
        let clean = |name| param(&params, name).filter(|text| !text.chars().any(char::is_control)).map(str::to_owned);
        Some(Self {
            realm: clean("realm")?,
            nonce: clean("nonce")?,
            opaque: clean("opaque"),
            stale: param(&params, "stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            algorithm,
            qop: qop.is_some(),
        })
    }

    /// The best of several.
    pub(crate) fn strongest<'a>(values: impl Iterator<Item = &'a str>) -> Option<Self> {
        values.filter_map(Self::parse).max_by_key(|challenge| challenge.algorithm)
    }
}

/// The value of Authorization or Proxy-Authorization.
pub(crate) fn answer(challenge: &Challenge, user: &str, password: &str, method: &str, uri: &str, nc: u32) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let algorithm = challenge.algorithm;
    let ha1 = algorithm.hex(&[user, &challenge.realm, password]);
    let (realm, nonce) = (quoted(&challenge.realm), quoted(&challenge.nonce));
    let opaque =
        challenge.opaque.as_deref().map(|opaque| format!(", opaque=\"{}\"", quoted(opaque))).unwrap_or_default();
    let head = format!("Digest username=\"{}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\"", quoted(user));
    let name = algorithm.name();
    if challenge.qop {
        let (nc, cnonce) = (format!("{nc:08x}"), format!("{:016x}", rand::random::<u64>()));
        let signed = Signed { uri, nonce: &challenge.nonce, nc: &nc, cnonce: &cnonce };
        let response = response(algorithm, &ha1, method, &signed);
        format!("{head}, response=\"{response}\", algorithm={name}, cnonce=\"{cnonce}\", qop=auth, nc={nc}{opaque}")
    } else {
        let ha2 = algorithm.hex(&[method, uri]);
        let response = algorithm.hex(&[&ha1, &challenge.nonce, &ha2]);
        format!("{head}, response=\"{response}\", algorithm={name}{opaque}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges() {
        let read = |text: &str| Challenge::parse(text).map(|c| (c.realm, c.nonce, c.stale, c.qop));
        let table = [
            ("Digest realm=\"a\", nonce=\"n\", qop=\"auth,auth-int\", stale=TRUE", Some(("a", "n", true, true))),
            ("Digest realm=\"a\", nonce=\"n\"", Some(("a", "n", false, false))),
            ("Digest realm=\"a\", nonce=\"n\", algorithm=sha-256", Some(("a", "n", false, false))),
            ("Digest realm=\"a\", nonce=\"n\", algorithm=SHA-512-256", None),
            ("Digest realm=\"a\", nonce=\"n\", algorithm=MD5-sess", None),
            ("Digest realm=\"a\", nonce=\"n\", qop=\"auth-int\"", None),
            ("Basic realm=\"a\"", None),
        ];
        for (text, expected) in table {
            assert_eq!(read(text), expected.map(|(r, n, s, q)| (r.to_owned(), n.to_owned(), s, q)), "{text}");
        }
    }

    #[test]
    fn the_strongest_challenge_is_answered() {
        let md5 = "Digest realm=\"a\", nonce=\"n\", algorithm=MD5, qop=\"auth\"";
        let sha = "Digest realm=\"a\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"";
        let unknown = "Digest realm=\"a\", nonce=\"n\", algorithm=X, qop=\"auth\"";
        let pick = |all: &[&str]| Challenge::strongest(all.iter().copied()).map(|one| one.algorithm);
        assert_eq!(pick(&[md5, sha, unknown]), Some(Algorithm::Sha256));
        assert_eq!(pick(&[sha, md5]), Some(Algorithm::Sha256));
        assert_eq!(pick(&[unknown, md5]), Some(Algorithm::Md5));
        assert_eq!(pick(&[unknown]), None);
    }
}
