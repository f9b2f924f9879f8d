//! Identifiers. Names that come from outside are checked once, where they are made.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A name or an identifier that is not of its form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{got}` is not valid: {rule}")]
pub struct IdError {
    /// What kind of identifier was expected.
    pub what: &'static str,
    /// What came instead, shortened to 64 characters.
    pub got: String,
    /// The rule it breaks.
    pub rule: &'static str,
}

fn id_error(what: &'static str, got: &str, rule: &'static str) -> IdError {
    IdError { what, got: got.chars().take(64).collect(), rule }
}

/// The rule of every name: 1 to 64 of `a-z A-Z 0-9 . _ -`, the first a letter or digit.
const NAME_RULE: &str = "1 to 64 of a-z A-Z 0-9 . _ - and a letter or digit first";

fn is_name(s: &str) -> bool {
    let mut chars = s.chars();
    s.len() <= 64
        && chars.next().is_some_and(|c| c.is_ascii_alphanumeric())
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Checks the rule: 1 to 64 of `a-z A-Z 0-9 . _ -`, the first a letter or digit.
            pub fn new(name: impl Into<String>) -> Result<Self, IdError> {
                let name = name.into();
                if is_name(&name) { Ok(Self(name)) } else { Err(id_error($what, &name, NAME_RULE)) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = IdError;
            fn try_from(name: String) -> Result<Self, IdError> {
                Self::new(name)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }

        impl FromStr for $type {
            type Err = IdError;
            fn from_str(name: &str) -> Result<Self, IdError> {
                Self::new(name)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(/// Whose data it is. Every store key, event and SIP domain carries it.
    TenantId, "tenant");
name!(/// A queue's name.
    QueueName, "queue");
name!(/// An agent's identifier, also the user part of the agent's SIP address.
    AgentId, "agent");
name!(/// An entry point's name.
    EntryPointName, "entry point");
name!(/// A deployment's name.
    DeploymentName, "deployment");

impl TenantId {
    /// The tenant there is until there are more.
    pub fn default_tenant() -> Self {
        Self("default".into())
    }
}

/// A contact: 48 bits of milliseconds and 80 of the board's seeded generator, so that identifiers sort by time.
/// Written as 26 characters of Crockford's base 32 (the ULID form).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContactId(pub u128);

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl fmt::Display for ContactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..26).rev().try_for_each(|at| {
            let digit = (self.0 >> (at * 5)) & 31;
            let byte = CROCKFORD.get(digit as usize).copied().unwrap_or(b'0');
            write!(f, "{}", char::from(byte))
        })
    }
}

impl FromStr for ContactId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        const RULE: &str = "26 characters of Crockford's base 32, at most 128 bits";
        let wrong = || id_error("contact", text, RULE);
        if text.len() != 26 || text.as_bytes().first().is_some_and(|c| *c > b'7') {
            return Err(wrong());
        }
        text.bytes()
            .try_fold(0u128, |value, byte| {
                let digit = CROCKFORD.iter().position(|c| *c == byte.to_ascii_uppercase()).ok_or_else(wrong)?;
                Ok((value << 5) | digit as u128)
            })
            .map(ContactId)
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $type(pub u64);

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

number!(/// One side of a call. Given by the shell for calls that come in, by the board for those it places
    /// (the two never meet: the board's have the highest bit set).
    LegId);
number!(/// One run of a flow instance for a contact.
    RunId);
number!(/// One thing that plays.
    PlayId);
number!(/// One look-up under way.
    LookupId);
number!(/// One request to a place outside, under way.
    FetchId);
number!(/// One stored value being read or kept.
    ValueId);
number!(/// One routing decision.
    DecisionId);

/// SHA-256 of something, written as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The first 12 hex digits, for people.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short())
    }
}

impl FromStr for Digest {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || id_error("digest", text, "64 hex digits");
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0u8; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            let pair = text.get(at * 2..at * 2 + 2).filter(|pair| !pair.starts_with('+')).ok_or_else(wrong)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

/// What runs: the digest of component, manifest, flow document, configuration and limits together. Grants are
/// not part of it, so that revoking one doesn't make a new version.
pub type Version = Digest;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_id_reads_back() {
        for value in [0, 1, u128::MAX, 0x0193_0000_0000_0000_1234_5678_9abc_def0] {
            let id = ContactId(value);
            assert_eq!(id.to_string().parse::<ContactId>().unwrap(), id);
        }
        assert!("8ZZZZZZZZZZZZZZZZZZZZZZZZZ".parse::<ContactId>().is_err(), "over 128 bits");
        assert!("0".parse::<ContactId>().is_err());
    }

    #[test]
    fn a_digest_reads_back() {
        let digest = Digest::of(b"cord");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert!("+f".repeat(32).parse::<Digest>().is_err());
        assert!("zz".repeat(32).parse::<Digest>().is_err());
    }

    #[test]
    fn names_keep_their_rule() {
        for good in ["a", "support", "0-9", "a.b_c-d"] {
            assert!(QueueName::new(good).is_ok(), "{good}");
        }
        for bad in ["", ".a", "a b", "ä", "a/b", &"x".repeat(65)] {
            assert!(QueueName::new(bad).is_err(), "{bad}");
        }
    }
}
