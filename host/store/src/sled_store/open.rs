//! Opening: the lock, the format, damage, and what an interrupted compaction left.

use super::{OnCorruption, SledOptions};
use crate::error::StoreError;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The format of keys and values on disk.
const FORMAT: u64 = 1;
/// What the store keeps for itself begins with 0; a tenant's keys never do.
const FORMAT_KEY: &[u8] = b"\0format";
pub(super) const CEILING_KEY: &[u8] = b"\0ceiling";
/// A file beside sled's own, made once the format mark is on disk. sled opens a file of garbage as an empty database;
/// with this one there, a database without the mark is one that lost it.
const MADE: &str = "cordboard-made";

/// sled's lock may outlast a closed database for this long.
const LOCKED_FOR: Duration = Duration::from_secs(5);
/// A page's values have to fit a quarter of a segment, see [`crate::batch::MAX_VALUE_BYTES`].
const SEGMENT_BYTES: usize = 2 << 20;

/// sled and the file to sync.
pub(super) struct Engine {
    pub(super) db: sled::Db,
    pub(super) file: File,
    dir: PathBuf,
}

impl Engine {
    pub(super) fn size_on_disk(&self) -> u64 {
        // sled's own answer walks its side files as well; there are none.
        self.file.metadata().map(|meta| meta.len()).unwrap_or_default() + dir_bytes(&self.dir.join("blobs"))
    }

    /// Everything written so far is on disk afterwards.
    pub(super) fn sync(&self) -> Result<(), String> {
        let flushed = catch_unwind(AssertUnwindSafe(|| self.db.flush()));
        flushed.map_err(panic_text)?.map_err(|error| error.to_string())?;
        // sled's flush on Linux ends with sync_file_range, which leaves metadata and the disk's cache alone.
        self.file.sync_data().map_err(|error| format!("sync: {error}"))
    }
}

/// Frees the memory of pages that a batch of this many operations has replaced, or an earlier one.
///
/// sled leaves that to crossbeam-epoch, which frees a few things after every 128th *pin*; and a batch pins once, however
/// long it is. Left alone, long batches take memory without end.
pub(super) fn free_replaced(operations: usize) {
    // An operation replaces a page, or a few when that splits; one round frees up to 512 things.
    for _round in 0..operations / 128 + 1 {
        crossbeam_epoch::pin().flush();
    }
}

fn dir_bytes(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|meta| meta.len()).sum()
}

/// What a caught panic said.
pub(super) fn panic_text(panic: Box<dyn std::any::Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".into())
}

/// The right to use a data folder, until dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes it or says who has it. The system gives it back when the process ends, however it ends.
    pub(super) fn take(folder: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder).map_err(|error| StoreError::io("make", folder, error))?;
        let path = folder.join("lock");
        let io = |doing| move |error| StoreError::io(doing, folder.join("lock"), error);
        let mut file =
            File::options().create(true).read(true).write(true).truncate(false).open(&path).map_err(io("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Only for people: the lock itself is what counts.
                drop(file.take(32).read_to_string(&mut text));
                let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
                let holder = if digits.is_empty() { "unknown".into() } else { digits };
                return Err(StoreError::InUse { path: folder.into(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(io("lock")(error)),
        }
        file.set_len(0).map_err(io("write"))?;
        file.rewind().map_err(io("write"))?;
        writeln!(file, "{}", std::process::id()).map_err(io("write"))?;
        Ok(Self { _file: file })
    }
}

pub(super) struct Opened {
    pub(super) engine: Engine,
    /// No commit has a larger number.
    pub(super) ceiling: u64,
    pub(super) quarantined: Option<PathBuf>,
}

pub(super) fn open(options: &SledOptions) -> Result<Opened, StoreError> {
    let folder = &options.path;
    finish_compaction(folder)?;
    match open_engine(options) {
        Ok((engine, ceiling)) => Ok(Opened { engine, ceiling, quarantined: None }),
        Err(StoreError::Corrupted { cause, .. }) if options.on_corruption == OnCorruption::Quarantine => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let aside = folder.join(format!("quarantine-{}", now.as_millis()));
            tracing::error!(cause, aside = %aside.display(), "the database is damaged: set aside, starting empty");
            rename(&folder.join("sled"), &aside)?;
            let (engine, ceiling) = open_engine(options)?;
            Ok(Opened { engine, ceiling, quarantined: Some(aside) })
        }
        Err(error) => Err(error),
    }
}

/// Opens sled; also used to open it again after a failure.
pub(super) fn open_engine(options: &SledOptions) -> Result<(Engine, u64), StoreError> {
    let folder = &options.path;
    let dir = folder.join("sled");
    let config = sled::Config::new()
        .path(&dir)
        .cache_capacity(options.cache_bytes.max(8 << 20))
        .segment_size(SEGMENT_BYTES)
        // No ticker of its own: the writer flushes and syncs.
        .flush_every_ms(None);
    let corrupted = |cause: String| StoreError::Corrupted { path: folder.clone(), cause };
    let give_up = Instant::now() + LOCKED_FOR;
    let db = loop {
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        let opened = opened.map_err(|panic| corrupted(panic_text(panic)))?;
        match opened.map_err(|error| explain(error, folder)) {
            // The folder's lock is ours: it is sled's own threads, not yet done with a database that was just closed.
            Err(StoreError::InUse { .. }) if Instant::now() < give_up => std::thread::sleep(Duration::from_millis(5)),
            other => break other?,
        }
    };
    let path = dir.join("db");
    let file = File::options().read(true).write(true).open(&path);
    let file = file.map_err(|error| StoreError::io("open", &path, error))?;
    let engine = Engine { db, file, dir: dir.clone() };
    check_format(&engine, folder, dir.join(MADE).exists())?;
    let ceiling = number(&engine, CEILING_KEY).map_err(corrupted)?.unwrap_or(0);
    // The file's name has to survive as well.
    engine.sync().map_err(StoreError::failed)?;
    let made = File::create(dir.join(MADE)).and_then(|file| file.sync_all());
    made.map_err(|error| StoreError::io("make", dir.join(MADE), error))?;
    sync_dir(&dir)?;
    sync_dir(folder)?;
    Ok((engine, ceiling))
}

fn explain(error: sled::Error, folder: &Path) -> StoreError {
    match error {
        sled::Error::Io(error) if error.to_string().contains("could not acquire lock") => {
            StoreError::InUse { path: folder.into(), holder: "unknown".into() }
        }
        sled::Error::Io(error)
            if !matches!(error.kind(), std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::InvalidData) =>
        {
            StoreError::io("open the database in", folder, error)
        }
        damage @ (sled::Error::Io(_)
        | sled::Error::Corruption { .. }
        | sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_)) => StoreError::Corrupted { path: folder.into(), cause: damage.to_string() },
    }
}

fn number(engine: &Engine, key: &[u8]) -> Result<Option<u64>, String> {
    let read = catch_unwind(AssertUnwindSafe(|| engine.db.get(key))).map_err(panic_text)?;
    let Some(value) = read.map_err(|error| error.to_string())? else { return Ok(None) };
    <[u8; 8]>::try_from(value.as_ref()).map(|bytes| Some(u64::from_be_bytes(bytes))).map_err(|error| error.to_string())
}

fn check_format(engine: &Engine, folder: &Path, made: bool) -> Result<(), StoreError> {
    let corrupted = |cause: String| StoreError::Corrupted { path: folder.into(), cause };
    match number(engine, FORMAT_KEY).map_err(corrupted)? {
        Some(FORMAT) => Ok(()),
        Some(found) => Err(StoreError::Format { path: folder.into(), found, known: FORMAT }),
        None => {
            // A database with content and without format is one that lost its beginning.
            let first = catch_unwind(AssertUnwindSafe(|| engine.db.iter().next()));
            if made || !matches!(first, Ok(None)) {
                return Err(corrupted("no format mark".into()));
            }
            let put = engine.db.insert(FORMAT_KEY, &FORMAT.to_be_bytes());
            put.map(drop).map_err(|error| StoreError::failed(error.to_string()))
        }
    }
}

/// Compaction writes `sled.new`, moves `sled` to `sled.old`, `sled.new` to `sled`, and removes `sled.old`.
fn finish_compaction(folder: &Path) -> Result<(), StoreError> {
    let [current, old, new] = ["sled", "sled.old", "sled.new"].map(|name| folder.join(name));
    if old.exists() && !current.exists() {
        rename(&old, &current)?;
    }
    for left in [old, new] {
        if left.exists() {
            std::fs::remove_dir_all(&left).map_err(|error| StoreError::io("remove", &left, error))?;
        }
    }
    Ok(())
}

pub(super) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    std::fs::rename(from, to).map_err(|error| StoreError::io("rename", from, error))?;
    to.parent().map_or(Ok(()), sync_dir)
}

/// Makes renames and new files in a folder survive a power cut.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    let synced = File::open(dir).and_then(|file| file.sync_all());
    synced.map_err(|error| StoreError::io("sync", dir, error))
}
