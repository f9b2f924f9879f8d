//! Artefacts kept on the disk, so that nothing is compiled twice.
//!
//! An artefact is native code: whoever can write one that is loaded has the host. So each carries a code made with the
//! host's key over all of it, and what is loaded is the very bytes that were checked: they are read once, into memory
//! of our own. Mapping the file would share it with whoever can still write it, and with one host a machine there is
//! nobody to share the pages with.

use super::Fingerprint;
use super::key::{HostKey, MAC_BYTES};
use cordboard_core::ids::Digest;
use std::collections::BTreeSet;
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const MAGIC: [u8; 8] = *b"cbartf01";
/// Magic, fingerprint, component; the code follows, then the artefact.
const HEAD_BYTES: usize = 8 + 32 + 32;
const EXTENSION: &str = "cwasm";

/// The artefacts of one engine, in a folder of one host.
#[derive(Debug)]
pub(crate) struct Artefacts {
    folder: PathBuf,
    key: HostKey,
    fingerprint: Fingerprint,
    max_bytes: u64,
}

/// A file found in the folder.
struct Found {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
    needed: bool,
}

impl Artefacts {
    /// The folder's artefacts; it is made if it isn't there. Together they have at most `max_bytes`.
    pub(crate) fn open(folder: &Path, fingerprint: Fingerprint, max_bytes: u64) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let key = HostKey::read_or_make(folder)?;
        let artefacts = Self { folder: folder.to_owned(), key, fingerprint, max_bytes };
        artefacts.tidy_up(&BTreeSet::new());
        Ok(artefacts)
    }

    fn path(&self, component: &Digest) -> PathBuf {
        self.folder.join(format!("{component}-{}.{EXTENSION}", self.fingerprint.short()))
    }

    fn head(&self, component: &Digest) -> Vec<u8> {
        [&MAGIC[..], &self.fingerprint.0, &component.0].concat()
    }

    /// What a component was compiled to, exactly as it was put. Whatever is wrong with the file is told, and it counts
    /// as none.
    pub(crate) fn get(&self, component: &Digest) -> Option<Vec<u8>> {
        let path = self.path(component);
        match self.read(&path, component) {
            Ok(artefact) => Some(artefact),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => None,
            Err(cause) => {
                tracing::warn!(path = %path.display(), %cause, "a kept artefact can't be used: it is made again");
                None
            }
        }
    }

    fn read(&self, path: &Path, component: &Digest) -> io::Result<Vec<u8>> {
        let unusable = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
        // Looked at before it is opened: opening a pipe would wait for whoever writes to it.
        let metadata = fs::symlink_metadata(path)?;
        if !metadata.is_file() || metadata.len() > self.max_bytes {
            return Err(unusable("it is no file, or too large a one"));
        }
        let file = File::open(path)?;
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
        (&file).take(self.max_bytes).read_to_end(&mut bytes)?;
        let head = self.head(component);
        let rest = bytes.strip_prefix(head.as_slice()).ok_or_else(|| unusable("it is of another form or engine"))?;
        let (mac, artefact) = rest.split_at_checked(MAC_BYTES).ok_or_else(|| unusable("it is cut short"))?;
        if !self.key.verifies(mac, &[&head, artefact]) {
            return Err(unusable("its code is wrong: it is damaged, or this host didn't make it"));
        }
        // Used just now; that it can't be noted only makes it go earlier.
        let _ = file.set_times(FileTimes::new().set_modified(SystemTime::now()));
        drop(bytes.drain(..HEAD_BYTES + MAC_BYTES));
        Ok(bytes)
    }

    /// Keeps an artefact, and drops others beyond the bound: first those of components that aren't `needed`, the one
    /// used longest ago first. That it can't be kept is told, and costs no more than another compilation.
    pub(crate) fn put(&self, component: &Digest, artefact: &[u8], needed: &BTreeSet<Digest>) {
        let bytes = (HEAD_BYTES + MAC_BYTES + artefact.len()) as u64;
        if bytes > self.max_bytes {
            tracing::warn!(%component, bytes, room = self.max_bytes, "an artefact is larger than all the room there is");
            return;
        }
        if let Err(cause) = self.write(component, artefact) {
            tracing::warn!(%component, %cause, "an artefact can't be kept: it is made again when it is needed");
        }
        let needed = needed.iter().copied().chain([*component]).collect();
        self.tidy_up(&needed);
    }

    fn write(&self, component: &Digest, artefact: &[u8]) -> io::Result<()> {
        let path = self.path(component);
        // One compilation at a time, and one host a folder: nobody else writes this name.
        let new = path.with_extension("tmp");
        let write = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            let head = self.head(component);
            file.write_all(&head)?;
            file.write_all(&self.key.mac(&[&head, artefact]))?;
            file.write_all(artefact)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().inspect_err(|_| {
            // It may never have been there.
            let _ = fs::remove_file(&new);
        })
    }

    /// Drops what a crash left, and what is beyond the bound.
    fn tidy_up(&self, needed: &BTreeSet<Digest>) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut found = Vec::new();
        for entry in entries.flatten() {
            let path = entry.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("tmp") => remove(&path),
                Some(EXTENSION) => found.extend(self.found(&entry, path, needed)),
                _ => {}
            }
        }
        let mut sum: u64 = found.iter().map(|found| found.bytes).sum();
        found.sort_by(|a, b| (a.needed, a.used, &a.path).cmp(&(b.needed, b.used, &b.path)));
        for oldest in found {
            if sum <= self.max_bytes {
                return;
            }
            remove(&oldest.path);
            sum = sum.saturating_sub(oldest.bytes);
        }
    }

    fn found(&self, entry: &fs::DirEntry, path: PathBuf, needed: &BTreeSet<Digest>) -> Option<Found> {
        let metadata = entry.metadata().ok()?;
        let used = metadata.modified().ok()?;
        let needed = needed.iter().any(|component| self.path(component) == path);
        Some(Found { bytes: metadata.len(), used, needed, path })
    }
}

fn remove(path: &Path) {
    if let Err(cause) = fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %cause, "a file among the artefacts can't be removed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const ENGINE: Fingerprint = Fingerprint([1; 32]);

    fn component(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    fn open(folder: &Path) -> Artefacts {
        Artefacts::open(folder, ENGINE, 10_000).unwrap()
    }

    fn files(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().filter(|entry| entry.as_ref().unwrap().file_name() != "key").count()
    }

    #[test]
    fn what_was_put_is_got_also_after_a_restart_and_by_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let artefacts = open(folder.path());
        assert_eq!(artefacts.get(&component("a")), None);
        artefacts.put(&component("a"), b"native code", &BTreeSet::new());
        assert_eq!(artefacts.get(&component("a")).unwrap(), b"native code");
        assert_eq!(open(folder.path()).get(&component("a")).unwrap(), b"native code");
        assert_eq!(artefacts.get(&component("b")), None);
        let newer = Artefacts::open(folder.path(), Fingerprint([2; 32]), 10_000).unwrap();
        assert_eq!(newer.get(&component("a")), None, "another engine has its own");
    }

    #[test]
    fn any_changed_or_missing_byte_counts_as_none_and_a_new_one_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let artefacts = open(folder.path());
        artefacts.put(&component("a"), b"native code", &BTreeSet::new());
        let path = artefacts.path(&component("a"));
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert_eq!(artefacts.get(&component("a")), None, "changed at {at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(artefacts.get(&component("a")), None, "cut at {at}");
        }
        fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
        assert_eq!(artefacts.get(&component("a")), None, "one byte more");
        artefacts.put(&component("a"), b"native code", &BTreeSet::new());
        assert_eq!(artefacts.get(&component("a")).unwrap(), b"native code");
    }

    #[test]
    fn anothers_file_counts_as_none() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (ours, theirs) = (open(one.path()), open(two.path()));
        theirs.put(&component("a"), b"native code", &BTreeSet::new());
        fs::copy(theirs.path(&component("a")), ours.path(&component("a"))).unwrap();
        assert_eq!(ours.get(&component("a")), None, "another host's key");
        theirs.put(&component("b"), b"other code", &BTreeSet::new());
        fs::copy(theirs.path(&component("b")), theirs.path(&component("a"))).unwrap();
        assert_eq!(theirs.get(&component("a")), None, "another component's");
        fs::remove_file(theirs.path(&component("b"))).unwrap();
        std::os::unix::fs::symlink(one.path(), theirs.path(&component("b"))).unwrap();
        assert_eq!(theirs.get(&component("b")), None, "no file");
    }

    #[test]
    fn beyond_the_bound_the_one_used_longest_ago_goes_first_and_needed_ones_last() {
        let folder = tempfile::tempdir().unwrap();
        let artefacts = open(folder.path());
        let none = BTreeSet::new();
        for (age_s, name) in [(40, "needed"), (30, "old"), (20, "used"), (10, "young")] {
            artefacts.put(&component(name), &[0; 2300], &none);
            let then = SystemTime::now() - Duration::from_secs(age_s);
            let file = File::open(artefacts.path(&component(name))).unwrap();
            file.set_times(FileTimes::new().set_modified(then)).unwrap();
        }
        assert!(artefacts.get(&component("used")).is_some());
        artefacts.put(&component("new"), &[0; 4000], &[component("needed")].into());
        let kept = |name: &str| artefacts.get(&component(name)).is_some();
        let kept: Vec<&str> = ["needed", "old", "used", "young", "new"].into_iter().filter(|name| kept(name)).collect();
        assert_eq!(kept, ["needed", "used", "new"]);
        artefacts.put(&component("vast"), &[0; 10_000], &none);
        assert_eq!((files(folder.path()), artefacts.get(&component("vast"))), (3, None), "too large to be kept at all");
        let smaller = Artefacts::open(folder.path(), ENGINE, 4500).unwrap();
        assert_eq!(files(folder.path()), 1, "a smaller bound holds at once");
        drop(smaller);
    }

    #[test]
    fn what_a_crash_left_goes_and_a_folder_that_is_gone_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("artefacts");
        let artefacts = open(&inner);
        fs::write(artefacts.path(&component("a")).with_extension("tmp"), b"half").unwrap();
        let artefacts = open(&inner);
        assert_eq!(files(&inner), 0);
        fs::remove_dir_all(&inner).unwrap();
        artefacts.put(&component("a"), b"native code", &BTreeSet::new());
        assert_eq!(artefacts.get(&component("a")), None);
    }
}
