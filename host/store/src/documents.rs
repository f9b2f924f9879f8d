//! Configuration documents: what operators set up, by kind and name, each replaced whole.

use crate::backend::Reader;
use crate::batch::{Batch, Expect, Seq};
use crate::chunks;
use crate::error::StoreError;
use crate::handle::Store;
use crate::key::{Key, Scan, Table, name_of};
use crate::watch::Watch;
use cordboard_core::ids::TenantId;
use std::fmt;
use std::str::FromStr;

/// The longest document, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 1 << 20;
/// The longest name, in bytes.
pub const MAX_DOCUMENT_NAME_BYTES: usize = 256;
/// The most documents of a kind that are listed.
pub const MAX_DOCUMENTS: usize = 100_000;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $code:literal,)*) => {
        /// What a document is. The codes are on disk and in the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum DocumentKind { $($(#[$doc])* $kind,)* }

        impl DocumentKind {
            /// Every kind.
            pub const ALL: &[DocumentKind] = &[$(DocumentKind::$kind,)*];

            /// Its stable name.
            pub const fn code(self) -> &'static str {
                match self { $(DocumentKind::$kind => $code,)* }
            }
        }
    };
}

kinds! {
    /// An entry point.
    EntryPoint = "entry-point",
    /// A queue.
    Queue = "queue",
    /// An agent.
    Agent = "agent",
    /// A deployment.
    Deployment = "deployment",
    /// What is known of an uploaded plugin, by digest; the component is a blob.
    Plugin = "plugin",
    /// What an operator grants to a plugin.
    Grant = "grant",
    /// A prompt: which blob holds its audio.
    Prompt = "prompt",
    /// What holds for the whole tenant, and for the server.
    Setting = "setting",
    /// Hashes and secrets: the admin token's hash, phones' passwords.
    Credential = "credential",
    /// A trunk.
    Trunk = "trunk",
    /// What a version is made of, by its digest: journals name it.
    Version = "version",
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Which document is expected to be there before a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum If {
    /// Any or none.
    Always,
    /// None.
    Absent,
    /// This revision of it.
    Revision(Revision),
}

impl If {
    /// Whether what was found is that.
    pub(crate) fn holds(self, found: Option<u64>) -> bool {
        match self {
            If::Always => true,
            If::Absent => found.is_none(),
            If::Revision(revision) => found == Some(revision.0),
        }
    }
}

/// Which writing of a document. Only equality means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for Revision {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Unique within tenant and kind.
    pub name: String,
    /// Whatever its room writes; versioned there.
    pub body: Vec<u8>,
    /// Which writing of it this is.
    pub revision: Revision,
}

/// The configuration documents of a store.
#[derive(Clone, Debug)]
pub struct Documents(Store);

fn full_name(kind: DocumentKind, name: &str) -> Result<Vec<u8>, StoreError> {
    if name.is_empty() || name.len() > MAX_DOCUMENT_NAME_BYTES {
        let cause = format!("a name has 1 to {MAX_DOCUMENT_NAME_BYTES} bytes, not {}", name.len());
        return Err(StoreError::Invalid { what: "a document's name", cause });
    }
    Ok([kind.code().as_bytes(), b"\0", name.as_bytes()].concat())
}

/// Under which a document's first part is.
pub(crate) fn key(tenant: &TenantId, kind: DocumentKind, name: &str) -> Result<Key, StoreError> {
    Key::new(tenant, Table::Config, &full_name(kind, name)?)
}

/// Adds a document to a batch. `old`: what its first part held before.
pub(crate) fn put_in(
    batch: &mut Batch,
    tenant: &TenantId,
    kind: DocumentKind,
    name: &str,
    body: &[u8],
    old: Option<&[u8]>,
) -> Result<(), StoreError> {
    if body.len() > MAX_DOCUMENT_BYTES {
        let (got, limit) = (body.len() as u64, MAX_DOCUMENT_BYTES as u64);
        return Err(StoreError::TooLarge { what: "a document", got, limit });
    }
    chunks::put(batch, tenant, Table::Config, &full_name(kind, name)?, body, old)
}

/// Adds a document's end to a batch.
pub(crate) fn delete_in(
    batch: &mut Batch,
    tenant: &TenantId,
    kind: DocumentKind,
    name: &str,
    old: &[u8],
) -> Result<(), StoreError> {
    chunks::delete(batch, tenant, Table::Config, &full_name(kind, name)?, old)
}

impl Documents {
    /// Over this store.
    pub fn new(store: Store) -> Self {
        Self(store)
    }

    /// The document of this name.
    pub async fn get(&self, tenant: &TenantId, kind: DocumentKind, name: &str) -> Result<Option<Document>, StoreError> {
        let (full, tenant, name) = (full_name(kind, name)?, tenant.clone(), name.to_owned());
        let found = self.0.read(move |reader| chunks::get(reader, &tenant, Table::Config, &full)).await?;
        Ok(found.map(|(body, version)| Document { name, body, revision: Revision(version) }))
    }

    /// Stores a document durably, if what was there is as expected; else fails with `Conflict`.
    pub async fn put(
        &self,
        tenant: &TenantId,
        kind: DocumentKind,
        name: &str,
        body: &[u8],
        expected: If,
    ) -> Result<Revision, StoreError> {
        let full = full_name(kind, name)?;
        let change =
            |batch: &mut Batch, old: Option<&[u8]>| put_in(batch, tenant, kind, name, body, old).map(|()| true);
        let seq = self.change(tenant, &full, expected, change).await?;
        seq.map(|seq| Revision(seq.0)).ok_or(StoreError::Closed)
    }

    /// Removes a document durably; false if there was none.
    pub async fn delete(
        &self,
        tenant: &TenantId,
        kind: DocumentKind,
        name: &str,
        expected: If,
    ) -> Result<bool, StoreError> {
        let full = full_name(kind, name)?;
        let change = |batch: &mut Batch, old: Option<&[u8]>| match old {
            Some(old) => delete_in(batch, tenant, kind, name, old).map(|()| true),
            None => Ok(false),
        };
        self.change(tenant, &full, expected, change).await.map(|seq| seq.is_some())
    }

    /// Reads the head, lets `change` fill a batch for it, commits that on condition that the head is unchanged.
    async fn change(
        &self,
        tenant: &TenantId,
        full: &[u8],
        expected: If,
        change: impl Fn(&mut Batch, Option<&[u8]>) -> Result<bool, StoreError>,
    ) -> Result<Option<Seq>, StoreError> {
        let key = Key::new(tenant, Table::Config, full)?;
        loop {
            let head = self.0.get(&key).await?;
            let found = head.as_ref().map(|head| head.version);
            if !expected.holds(found) {
                return Err(StoreError::Conflict { key, found });
            }
            let mut batch = Batch::new();
            if !change(&mut batch, head.as_ref().map(|head| head.value.as_slice()))? {
                return Ok(None);
            }
            batch.require(key.clone(), found.map_or(Expect::Absent, Expect::Version));
            match self.0.commit_durable(batch).await {
                Ok(seq) => return Ok(Some(seq)),
                // Somebody else was faster; that is no matter to one who doesn't mind.
                Err(StoreError::Conflict { .. }) if expected == If::Always => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// All documents of a kind, by name. Fails with `TooLarge` over [`MAX_DOCUMENTS`].
    pub async fn list(&self, tenant: &TenantId, kind: DocumentKind) -> Result<Vec<Document>, StoreError> {
        let tenant = tenant.clone();
        self.0.read(move |reader| list(reader, &tenant, kind)).await
    }

    /// Follows the changes of a kind. Read the document itself on a change: long ones are told by their first part.
    pub fn watch(&self, tenant: &TenantId, kind: DocumentKind, capacity: usize) -> Watch {
        self.0.watch(Scan::prefix(tenant, Table::Config, &kind_prefix(kind)), capacity)
    }
}

/// The document's name in a key of [`Documents::watch`].
pub fn document_name(key: &Key) -> Option<&str> {
    let name = key.name();
    let at = name.iter().position(|byte| *byte == 0)?;
    std::str::from_utf8(name.get(at + 1..)?).ok()
}

fn kind_prefix(kind: DocumentKind) -> Vec<u8> {
    [kind.code().as_bytes(), b"\0"].concat()
}

fn list(reader: &dyn Reader, tenant: &TenantId, kind: DocumentKind) -> Result<Vec<Document>, StoreError> {
    let mut scan = Scan::prefix(tenant, Table::Config, &kind_prefix(kind)).limit(1000);
    let mut documents = Vec::new();
    loop {
        let page = reader.scan(&scan)?;
        for head in &page.entries {
            if documents.len() >= MAX_DOCUMENTS {
                let limit = MAX_DOCUMENTS as u64;
                return Err(StoreError::TooLarge { what: "the number of documents", got: limit + 1, limit });
            }
            let full = name_of(head.key.as_bytes());
            let name = document_name(&head.key).unwrap_or_default().to_owned();
            // Read anew, since a long one may have been replaced since the scan.
            if let Some((body, version)) = chunks::get(reader, tenant, Table::Config, full)? {
                documents.push(Document { name, body, revision: Revision(version) });
            }
        }
        match page.entries.last() {
            Some(last) if page.more => scan = scan.after(&last.key),
            Some(_) | None => return Ok(documents),
        }
    }
}
