//! What hosts compiled, lent to the next: each test has a host of its own with an empty data folder, and would compile the same
//! plugins once more.
//!
//! The folder lies beside the program, for that build of it alone. Its files are never written to: hosts make new ones and
//! rename them. What can't be lent is compiled again, so that no failure here is one of a test.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

const KEY: &str = "key";

/// The folder of one build.
pub(crate) struct Shared(PathBuf);

impl Shared {
    /// Of this program; what earlier builds left goes.
    pub(crate) fn of(program: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(program)?;
        let build = format!("{}-{}-{}", metadata.len(), metadata.mtime(), metadata.mtime_nsec());
        let all = program.with_file_name("trial-artefacts");
        let folder = all.join(&build);
        if !folder.exists() {
            // Somebody else may be doing the same.
            let _ = fs::remove_dir_all(&all);
            fs::create_dir_all(&folder)?;
        }
        Ok(Self(folder))
    }

    /// Gives a host with an empty data folder what there is.
    pub(crate) fn lend(&self, data: &Path) -> io::Result<()> {
        let to = data.join("artefacts");
        let key = self.0.join(KEY);
        if to.exists() || !key.exists() {
            return Ok(());
        }
        fs::create_dir_all(&to)?;
        fs::copy(key, to.join(KEY))?;
        for path in compiled(&self.0)? {
            share(&path, &to)?;
        }
        Ok(())
    }

    /// Takes what a host compiled. The first one's key is everybody's from then on.
    pub(crate) fn take_back(&self, data: &Path) -> io::Result<()> {
        let from = data.join("artefacts");
        let (key, theirs) = (self.0.join(KEY), from.join(KEY));
        match fs::hard_link(&theirs, &key) {
            Err(cause) if cause.kind() == io::ErrorKind::CrossesDevices => drop(fs::copy(&theirs, &key)?),
            Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => return Err(cause),
            Ok(()) | Err(_) => {}
        }
        if fs::read(&key)? != fs::read(&theirs)? {
            return Ok(());
        }
        compiled(&from)?.iter().try_for_each(|path| share(path, &self.0))
    }
}

fn compiled(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let files = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    Ok(files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "cwasm")).collect())
}

/// The same file in another folder, a copy where that is on another device.
fn share(path: &Path, folder: &Path) -> io::Result<()> {
    let Some(name) = path.file_name() else { return Ok(()) };
    let to = folder.join(name);
    match fs::hard_link(path, &to) {
        Err(cause) if cause.kind() == io::ErrorKind::CrossesDevices => {
            // Whole or not at all.
            let beside = to.with_extension(format!("new-{}", std::process::id()));
            fs::copy(path, &beside)?;
            fs::rename(beside, to)
        }
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => Err(cause),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_host_compiled_the_next_one_finds() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("program"), "a build").unwrap();
        let host = |name: &str, key: &str, artefact: &str| {
            fs::create_dir_all(path(name).join("artefacts")).unwrap();
            fs::write(path(name).join("artefacts/key"), key).unwrap();
            fs::write(path(name).join("artefacts").join(artefact), artefact).unwrap();
        };
        let shared = Shared::of(&path("program")).unwrap();
        fs::create_dir(path("empty")).unwrap();
        shared.lend(&path("empty")).unwrap();
        assert!(!path("empty/artefacts").exists(), "there is nothing yet");

        host("first", "key 1", "a.cwasm");
        host("beside", "key 2", "b.cwasm");
        shared.take_back(&path("first")).unwrap();
        shared.take_back(&path("beside")).unwrap();
        shared.lend(&path("next")).unwrap();
        let found = |name: &str| fs::read_to_string(path("next/artefacts").join(name)).ok();
        assert_eq!((found("key").as_deref(), found("a.cwasm").as_deref()), (Some("key 1"), Some("a.cwasm")));
        assert_eq!(found("b.cwasm"), None, "it has another key, and would be refused");
        shared.lend(&path("beside")).unwrap();
        assert_eq!(fs::read_to_string(path("beside/artefacts/key")).unwrap(), "key 2", "it has its own");

        fs::write(path("program"), "another build").unwrap();
        let other = Shared::of(&path("program")).unwrap();
        other.lend(&path("later")).unwrap();
        assert!(!path("later/artefacts").exists() && !shared.0.exists(), "each build has its own");
    }
}
