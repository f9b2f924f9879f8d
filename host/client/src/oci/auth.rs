//! Who asks a registry: credentials, and the answers to its challenges (RFC 9110 §11, and the token protocol of the
//! distribution project).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use std::fmt;
use std::path::Path;

/// Of docker's config.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// A user of a registry. The password is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    password: String,
}

impl Credentials {
    /// A user with a password, or with a token in its place.
    pub fn new(user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), password: password.trim_end_matches(['\r', '\n']).to_owned() }
    }

    /// What `docker login` kept for a registry, in this folder's `config.json`. None: nothing, or only with a helper of
    /// docker's own.
    pub fn of_docker(folder: &Path, registry: &str) -> Option<Self> {
        let file = std::fs::File::open(folder.join("config.json")).ok()?;
        let mut text = String::new();
        std::io::Read::read_to_string(&mut std::io::Read::take(file, MAX_CONFIG_BYTES), &mut text).ok()?;
        let config: Value = serde_json::from_str(&text).ok()?;
        let kept = config.get("auths")?;
        let hub = (registry == "docker.io").then_some("https://index.docker.io/v1/");
        let (plain, secure) = (registry.to_owned(), format!("https://{registry}"));
        let names = [Some(plain.as_str()), Some(secure.as_str()), hub];
        let auth = names.into_iter().flatten().find_map(|name| kept.get(name)?.get("auth")?.as_str())?;
        let decoded = String::from_utf8(BASE64_STANDARD.decode(auth).ok()?).ok()?;
        let (user, password) = decoded.split_once(':')?;
        Some(Self::new(user, password))
    }

    pub(super) fn basic(&self) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", self.user, self.password)))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What a registry wants to be shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    /// A token of this service.
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

impl Challenge {
    /// Reads a `WWW-Authenticate`: the first challenge of a kind that is known here.
    pub(super) fn read(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let given = parameters(rest);
        let of = |name: &str| given.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        Some(Self::Bearer { realm: of("realm")?, service: of("service"), scope: of("scope") })
    }
}

/// `name="value"` after `name=value`; commas within quotes are text.
fn parameters(text: &str) -> Vec<(String, String)> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([',', ' ']).to_ascii_lowercase();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        found.push((name, value.trim().to_owned()));
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.into(),
                service: service.map(Into::into),
                scope: scope.map(Into::into),
            })
        };
        for (header, expected) in [
            ("Basic realm=\"x\"", Some(Challenge::Basic)),
            ("basic", Some(Challenge::Basic)),
            (
                "Bearer realm=\"https://a.example/token\",service=\"r\",scope=\"repository:a/b:pull,push\"",
                bearer("https://a.example/token", Some("r"), Some("repository:a/b:pull,push")),
            ),
            ("bearer Realm=https://a, service=r", bearer("https://a", Some("r"), None)),
            ("Bearer realm=\"open", bearer("open", None, None)),
            ("Bearer service=\"r\"", None),
            ("Negotiate abc", None),
            ("", None),
        ] {
            assert_eq!(Challenge::read(header), expected, "{header}");
        }
    }

    #[test]
    fn what_docker_kept_is_found() {
        let room = tempfile::tempdir().unwrap();
        let auth = BASE64_STANDARD.encode("ada:se:cret");
        let text = format!(
            "{{\"auths\": {{\"r.example\": {{\"auth\": \"{auth}\"}}, \"https://index.docker.io/v1/\": {{\"auth\": \"{auth}\"}}, \"helped.example\": {{}}}}}}"
        );
        std::fs::write(room.path().join("config.json"), text).unwrap();
        let found = Credentials::of_docker(room.path(), "r.example").unwrap();
        assert_eq!(found, Credentials::new("ada", "se:cret\n"));
        assert!(!format!("{found:?}").contains("cret"));
        assert!(Credentials::of_docker(room.path(), "docker.io").is_some());
        assert!(Credentials::of_docker(room.path(), "helped.example").is_none());
        assert!(Credentials::of_docker(&room.path().join("none"), "r.example").is_none());
    }
}
