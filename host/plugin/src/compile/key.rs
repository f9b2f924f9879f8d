//! The host's key, and the code that shows that an artefact is the host's own.

use hmac::{Hmac, Mac as _};
use rand::TryRngCore as _;
use sha2::Sha256;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use subtle::ConstantTimeEq as _;

const FILE: &str = "key";
const KEY_BYTES: usize = 32;
const BLOCK_BYTES: usize = 64;
pub(crate) const MAC_BYTES: usize = 32;

/// 32 random bytes, in a file that only its owner may read: whoever can read it can be the host anyway.
#[derive(Clone)]
pub(crate) struct HostKey([u8; KEY_BYTES]);

impl std::fmt::Debug for HostKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HostKey")
    }
}

impl HostKey {
    /// The folder's key. One that isn't there is made; one that others may have read, or that is none, is replaced,
    /// which makes every artefact of before worthless.
    pub(crate) fn read_or_make(folder: &Path) -> io::Result<Self> {
        let path = folder.join(FILE);
        match read(&path) {
            Ok(key) => Ok(key),
            Err(cause) if matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
                if cause.kind() == io::ErrorKind::InvalidData {
                    tracing::warn!(path = %path.display(), %cause, "the key of the artefacts is replaced");
                }
                make(folder, &path)
            }
            Err(cause) => Err(cause),
        }
    }

    /// HMAC-SHA256 (RFC 2104) of these parts, one after the other.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> [u8; MAC_BYTES] {
        // A block of the hash; a shorter key is one with zeros behind it.
        let mut block = [0; BLOCK_BYTES];
        block.iter_mut().zip(&self.0).for_each(|(padded, byte)| *padded = *byte);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    /// Whether `mac` is that of these parts, in a time that doesn't depend on where it differs.
    pub(crate) fn verifies(&self, mac: &[u8], parts: &[&[u8]]) -> bool {
        self.mac(parts).ct_eq(mac).into()
    }
}

fn read(path: &Path) -> io::Result<HostKey> {
    let unusable = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(unusable("others may read or write it"));
    }
    if metadata.len() != KEY_BYTES as u64 {
        return Err(unusable("it isn't of 32 bytes"));
    }
    let mut key = [0; KEY_BYTES];
    file.read_exact(&mut key)?;
    Ok(HostKey(key))
}

/// Written whole, then named: no crash leaves half a key behind.
fn make(folder: &Path, path: &Path) -> io::Result<HostKey> {
    let mut key = [0; KEY_BYTES];
    rand::rngs::OsRng.try_fill_bytes(&mut key).map_err(io::Error::other)?;
    let new = folder.join("key.tmp");
    match fs::remove_file(&new) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(&key)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(folder)?.sync_all()?;
    Ok(HostKey(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    // RFC 4231 §4.2 to 4.4. A shorter key is one with zeros behind it.
    #[test]
    fn the_published_vectors() {
        let padded = |key: &[u8]| {
            let mut padded = [0; KEY_BYTES];
            padded[..key.len()].copy_from_slice(key);
            padded
        };
        for (key, data, expected) in [
            (
                padded(&[0x0b; 20]),
                b"Hi There".to_vec(),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                padded(b"Jefe"),
                b"what do ya want for nothing?".to_vec(),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (padded(&[0xaa; 20]), vec![0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        ] {
            assert_eq!(hex(&HostKey(key).mac(&[&data])), expected);
            let (first, second) = data.split_at(5);
            assert_eq!(hex(&HostKey(key).mac(&[first, second])), expected, "in parts");
        }
    }

    #[test]
    fn it_is_made_once_and_only_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let made = HostKey::read_or_make(folder.path()).unwrap();
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(HostKey::read_or_make(folder.path()).unwrap().0, made.0);
        assert!(made.verifies(&made.mac(&[b"a", b"b"]), &[b"ab"]));
        assert!(!made.verifies(&made.mac(&[b"ab"]), &[b"ac"]) && !made.verifies(b"", &[b"ab"]));
        let other = HostKey::read_or_make(tempfile::tempdir().unwrap().path()).unwrap();
        assert_ne!(other.0, made.0);
    }

    #[test]
    fn one_that_cannot_be_trusted_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let first = HostKey::read_or_make(folder.path()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let second = HostKey::read_or_make(folder.path()).unwrap();
        assert_ne!(first.0, second.0, "others may have read it");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for broken in [&b""[..], &[1; 31], &[1; 33]] {
            fs::write(&path, broken).unwrap();
            let next = HostKey::read_or_make(folder.path()).unwrap();
            assert_eq!(HostKey::read_or_make(folder.path()).unwrap().0, next.0);
        }
    }
}
