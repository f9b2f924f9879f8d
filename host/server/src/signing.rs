//! Signatures of plugins: detached ed25519 over component and manifest, by keys that the operator trusts.

use anyhow::{Context as _, Result, ensure};
use cordboard_admin::Refusal;
use cordboard_core::ids::Digest;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// What comes before the digests, so that the signature can't be taken for one of something else.
const DOMAIN: &[u8] = b"cordboard-signature-1";
/// A signature's document, in bytes.
const MAX_BYTES: usize = 4096;

/// Whether plugins without a signature are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unsigned {
    /// They are.
    #[default]
    Allow,
    /// They are refused with `unsigned`.
    Deny,
}

/// A public key, by its name in the configuration.
pub(crate) type TrustedKeys = BTreeMap<String, String>;

/// A detached signature, as it is uploaded.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Detached {
    /// The public key, 64 hex digits, or its name among the trusted keys.
    key: String,
    /// 128 hex digits.
    signature: String,
}

/// Who signed a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedBy {
    /// The key's name in the configuration, when it was uploaded.
    pub name: String,
    /// The public key, 64 hex digits.
    pub key: String,
}

/// What signatures are held against.
#[derive(Clone, Debug, Default)]
pub struct Signatures {
    trusted: BTreeMap<String, VerifyingKey>,
    unsigned: Unsigned,
}

/// Reads 64 hex digits as a public key; if it is none, why.
fn public_key(text: &str) -> Result<VerifyingKey, String> {
    let bytes: [u8; 32] = bytes(text).ok_or("it isn't of 64 hex digits")?;
    let key = VerifyingKey::from_bytes(&bytes).map_err(|_| "it is no ed25519 public key")?;
    if key.is_weak() { Err("it is a weak key: anything could be signed with it".into()) } else { Ok(key) }
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    hex::decode(text).ok()?.try_into().ok()
}

/// What is signed.
fn message(component: &Digest, manifest: &Digest) -> Vec<u8> {
    [DOMAIN, component.0.as_slice(), manifest.0.as_slice()].concat()
}

impl Signatures {
    /// From the configuration.
    ///
    /// # Errors
    /// The name of a key that is none, and why.
    pub fn new(keys: &TrustedKeys, unsigned: Unsigned) -> Result<Self, (String, String)> {
        let mut trusted = BTreeMap::new();
        for (name, key) in keys {
            let wrong = |problem: String| (name.clone(), problem);
            if name.is_empty() || name.len() > 63 || name.contains(char::is_control) {
                return Err(wrong("its name isn't of 1 to 63 bytes".into()));
            }
            trusted.insert(name.clone(), public_key(key).map_err(wrong)?);
        }
        Ok(Self { trusted, unsigned })
    }

    /// Who signed component and manifest; none: nobody, which is allowed.
    ///
    /// # Errors
    /// `unsigned`, `malformed-signature`, `untrusted-key`, `wrong-signature`.
    pub fn check(
        &self,
        component: &Digest,
        manifest: &Digest,
        signature: Option<&[u8]>,
    ) -> Result<Option<SignedBy>, Refusal> {
        let invalid = |code, detail: &str| Err(Refusal::Invalid { code, detail: detail.into() });
        let Some(signature) = signature else {
            return match self.unsigned {
                Unsigned::Allow => Ok(None),
                Unsigned::Deny => invalid("unsigned", "this host takes signed plugins only"),
            };
        };
        let detached: Option<Detached> =
            (signature.len() <= MAX_BYTES).then(|| serde_json::from_slice(signature).ok()).flatten();
        let read = detached.and_then(|detached| Some((bytes::<64>(&detached.signature)?, detached.key)));
        let Some((signature, by)) = read else {
            return invalid(
                "malformed-signature",
                "a signature is {\"key\": NAME or 64 hex digits, \"signature\": 128}",
            );
        };
        let found = self.trusted.get_key_value(&by).or_else(|| {
            let key = public_key(&by).ok()?;
            self.trusted.iter().find(|(_, trusted)| **trusted == key)
        });
        let Some((name, key)) = found else {
            return invalid("untrusted-key", "the key is none of those that this host trusts");
        };
        match key.verify_strict(&message(component, manifest), &Signature::from_bytes(&signature)) {
            Ok(()) => Ok(Some(SignedBy { name: name.clone(), key: hex::encode(key.as_bytes()) })),
            Err(_) => invalid("wrong-signature", "the signature isn't one of this component and manifest by that key"),
        }
    }
}

/// Makes a key pair: the secret one goes to a new file that only its owner reads, the public one is returned, in hex.
///
/// # Errors
/// The file is there already, or can't be written.
pub fn generate(file: &Path) -> Result<String> {
    let key = SigningKey::from_bytes(&rand::random());
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let mut made = made.with_context(|| format!("can't make {}", file.display()))?;
    made.write_all(format!("{}\n", hex::encode(key.to_bytes())).as_bytes())?;
    made.sync_all()?;
    Ok(hex::encode(key.verifying_key().as_bytes()))
}

/// Signs a component with its manifest; the detached signature, as JSON.
///
/// # Errors
/// A file can't be read, or the key is none.
pub fn sign(key: &Path, component: &Path, manifest: &Path) -> Result<String> {
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("can't read {}", path.display()));
    let secret = String::from_utf8(read(key)?).ok().and_then(|text| bytes(text.trim()));
    let key = SigningKey::from_bytes(&secret.with_context(|| format!("{} is no key", key.display()))?);
    let manifest = read(manifest)?;
    // An author hears of a broken manifest now rather than from the host.
    let checked = cordboard_plugin::Manifest::read(&manifest)?;
    ensure!(!checked.name.is_empty(), "the manifest has no name");
    let signed = key.sign(&message(&Digest::of(&read(component)?), &Digest::of(&manifest)));
    let detached =
        Detached { key: hex::encode(key.verifying_key().as_bytes()), signature: hex::encode(signed.to_bytes()) };
    Ok(serde_json::to_string(&detached)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"{"manifest":1,"name":"a","version":"1.0.0","world":"cordboard:flow@0.1.0"}"#;

    /// A folder with a key, a component and its manifest; and the public key.
    fn folder() -> (tempfile::TempDir, String) {
        let folder = tempfile::TempDir::new().unwrap();
        let public = generate(&folder.path().join("key")).unwrap();
        std::fs::write(folder.path().join("c.wasm"), "component").unwrap();
        std::fs::write(folder.path().join("m.json"), MANIFEST).unwrap();
        (folder, public)
    }

    fn code(checked: Result<Option<SignedBy>, Refusal>) -> &'static str {
        match checked {
            Err(Refusal::Invalid { code, .. }) => code,
            Ok(Some(_)) => "signed",
            Ok(None) => "none",
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn what_was_signed_is_known_by_the_keys_name_or_itself() {
        let (folder, public) = folder();
        let path = |name: &str| folder.path().join(name);
        let signed = sign(&path("key"), &path("c.wasm"), &path("m.json")).unwrap();
        let (component, manifest) = (Digest::of(b"component"), Digest::of(MANIFEST.as_bytes()));
        let keys = [("us".to_owned(), public.clone())].into();
        let trusting = Signatures::new(&keys, Unsigned::Deny).unwrap();
        let check = |signature: &str| trusting.check(&component, &manifest, Some(signature.as_bytes()));
        assert_eq!(check(&signed).unwrap(), Some(SignedBy { name: "us".into(), key: public.clone() }));
        assert_eq!(code(check(&signed.replace(&public, "us"))), "signed");
        assert_eq!(code(check(&signed.replace(&public, "them"))), "untrusted-key");
        assert_eq!(code(check("{}")), "malformed-signature");
        assert_eq!(code(check(&" ".repeat(5000))), "malformed-signature");
        let flipped = if signed.contains("\"signature\":\"0") { "\"signature\":\"1" } else { "\"signature\":\"0" };
        let at = signed.find("\"signature\":\"").unwrap();
        let wrong = format!("{}{flipped}{}", &signed[..at], &signed[at + flipped.len()..]);
        assert_eq!(code(check(&wrong)), "wrong-signature");
        // Of another component, of another manifest, and the two swapped.
        for (one, other) in [(Digest::of(b"x"), manifest), (component, Digest::of(b"")), (manifest, component)] {
            assert_eq!(code(trusting.check(&one, &other, Some(signed.as_bytes()))), "wrong-signature");
        }
        assert_eq!(code(trusting.check(&component, &manifest, None)), "unsigned");
        let trusting_nobody = Signatures::new(&TrustedKeys::new(), Unsigned::Allow).unwrap();
        assert_eq!(code(trusting_nobody.check(&component, &manifest, None)), "none");
        assert_eq!(code(trusting_nobody.check(&component, &manifest, Some(signed.as_bytes()))), "untrusted-key");
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, _) = folder();
        let key = folder.path().join("key");
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(generate(&key).is_err(), "it is not overwritten");
        let path = |name: &str| folder.path().join(name);
        assert!(sign(&path("c.wasm"), &path("c.wasm"), &path("m.json")).is_err());
        assert!(sign(&key, &path("c.wasm"), &path("c.wasm")).is_err(), "no manifest");
    }

    #[test]
    fn keys_that_are_none_are_named() {
        let (_folder, public) = folder();
        let keys =
            |name: &str, key: &str| Signatures::new(&[(name.to_owned(), key.to_owned())].into(), Unsigned::Allow);
        assert!(keys("us", &public).is_ok());
        for (name, key) in [("us", "abc"), ("", public.as_str()), ("us", &"00".repeat(32)), ("us", &"zz".repeat(32))] {
            assert_eq!(keys(name, key).unwrap_err().0, name, "{key}");
        }
    }
}
