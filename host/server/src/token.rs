//! The admin token: made at the first start, shown once, and kept in a file that only its owner may read.

use rand::Rng as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Its name in the data folder.
pub(crate) const FILE: &str = "admin-token";

/// The admin token of a data folder.
#[derive(Clone, Debug)]
pub(crate) struct AdminToken {
    /// What goes behind `Bearer`.
    pub token: String,
    /// It was made just now, and should be shown.
    pub fresh: bool,
}

/// Reads the token of a data folder, or makes one: 32 random bytes in hex.
///
/// # Errors
/// The file can't be read or written, or is no token: then it is left as it is.
pub(crate) fn read_or_make(folder: &Path) -> io::Result<AdminToken> {
    let path = folder.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => {
            let token = text.trim().to_owned();
            let sound = (16..=256).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
            if sound {
                Ok(AdminToken { token, fresh: false })
            } else {
                let why = format!("{}: no token of 16 to 256 visible characters", path.display());
                Err(io::Error::new(io::ErrorKind::InvalidData, why))
            }
        }
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let token = hex::encode(rand::rng().random::<[u8; 32]>());
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            writeln!(file, "{token}")?;
            file.sync_all()?;
            Ok(AdminToken { token, fresh: true })
        }
        Err(cause) => Err(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn it_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let first = read_or_make(folder.path()).unwrap();
        assert!(first.fresh && first.token.len() == 64);
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let second = read_or_make(folder.path()).unwrap();
        assert!(!second.fresh);
        assert_eq!(second.token, first.token);
    }

    #[test]
    fn a_broken_file_is_told_and_left() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "short\n").unwrap();
        assert_eq!(read_or_make(folder.path()).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(fs::read_to_string(folder.path().join(FILE)).unwrap(), "short\n");
    }
}
