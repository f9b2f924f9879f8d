//! `oci://REGISTRY/NAME:TAG`, as other tools write it behind `oci://`.

use super::OciError;
use crate::hosts;
use std::fmt;

/// Which artefact, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The registry as it was written: `HOST[:PORT]`.
    pub registry: String,
    /// The repository's name in it.
    pub name: String,
    /// A tag, or `sha256:` and 64 hex digits.
    pub version: String,
}

impl Reference {
    /// Reads one.
    ///
    /// # Errors
    /// It is none, and why.
    pub fn read(text: &str) -> Result<Self, OciError> {
        let wrong = |why| OciError::Reference { text: crate::tame(text), why };
        let rest = text.strip_prefix("oci://").ok_or_else(|| wrong("it doesn't begin with oci://"))?;
        let (registry, rest) = rest.split_once('/').ok_or_else(|| wrong("there is no name behind the registry"))?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        if registry.is_empty() || !registry.bytes().all(plain) {
            return Err(wrong("the registry isn't HOST or HOST:PORT"));
        }
        let (name, version) = match rest.split_once('@') {
            Some((name, digest)) => {
                let hex = digest.strip_prefix("sha256:").ok_or_else(|| wrong("the digest isn't sha256:…"))?;
                if hex.len() != 64 || !hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
                    return Err(wrong("the digest isn't of 64 small hex digits"));
                }
                (name, digest)
            }
            None => rest.split_once(':').ok_or_else(|| wrong("there is no tag, and `latest` is nobody's wish"))?,
        };
        let part = |part: &str| {
            let inner = part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9') || b"._-".contains(&byte));
            let ends = [part.bytes().next(), part.bytes().next_back()];
            inner && ends.iter().all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()))
        };
        if name.len() > 255 || !name.split('/').all(part) {
            return Err(wrong("a name is of small letters, digits, `.`, `_`, `-` and `/`"));
        }
        let is_digest = version.starts_with("sha256:");
        let tag = version.len() <= 128
            && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            && version.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric() || first == b'_');
        if !is_digest && !tag {
            return Err(wrong("a tag has 1 to 128 letters, digits, `.`, `_` and `-`"));
        }
        Ok(Self { registry: registry.into(), name: name.into(), version: version.into() })
    }

    /// Whether it names what it is, and not what somebody calls so today.
    pub fn digest(&self) -> Option<&str> {
        self.version.starts_with("sha256:").then_some(self.version.as_str())
    }

    /// Where the registry is: without TLS only on this machine.
    pub(super) fn base(&self) -> String {
        let host = if self.registry == "docker.io" { "registry-1.docker.io" } else { &self.registry };
        let plain = format!("http://{host}");
        if hosts::is_local(&plain) { plain } else { format!("https://{host}") }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = if self.digest().is_some() { '@' } else { ':' };
        write!(f, "oci://{}/{}{between}{}", self.registry, self.name, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_and_written() {
        let digest = format!("sha256:{}", "a1".repeat(32));
        for (text, base) in [
            ("oci://ghcr.io/ada/greeter:0.1.0", "https://ghcr.io"),
            ("oci://docker.io/ada/greeter:v1_2-x", "https://registry-1.docker.io"),
            ("oci://127.0.0.1:5000/greeter:1", "http://127.0.0.1:5000"),
            ("oci://[::1]:5000/a.b/c_d/e-f:x", "http://[::1]:5000"),
            ("oci://localhost:5000/greeter:1", "http://localhost:5000"),
            (&format!("oci://r.example:443/greeter@{digest}"), "https://r.example:443"),
        ] {
            let read = Reference::read(text).unwrap();
            assert_eq!((read.to_string().as_str(), read.base().as_str()), (text, base));
        }
    }

    #[test]
    fn what_names_no_artefact_is_told() {
        for (text, why) in [
            ("greeter:1", "doesn't begin"),
            ("oci://greeter:1", "no name behind"),
            ("oci:///greeter:1", "HOST"),
            ("oci://u@r/greeter:1", "HOST"),
            ("oci://r/greeter", "there is no tag"),
            ("oci://r/Greeter:1", "small letters"),
            ("oci://r/../greeter:1", "small letters"),
            ("oci://r/:1", "small letters"),
            ("oci://r/greeter:", "a tag has"),
            ("oci://r/greeter:a b", "a tag has"),
            ("oci://r/greeter@md5:1", "sha256"),
            ("oci://r/greeter@sha256:12", "64"),
        ] {
            assert!(Reference::read(text).unwrap_err().to_string().contains(why), "{text}");
        }
    }
}
