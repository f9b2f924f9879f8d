//! The histories of deployments: each step with the document as it was then. Appended, never changed; a history goes on
//! when its deployment is removed and made again.
//!
//! A step is written in one batch with the change of the document that it tells of: after a crash both are there, or
//! neither. Each step holds the SHA-256 of the one before, so that one that is changed or taken out afterwards is seen when
//! it is listed; steps that are cut off at the end are not, nor is a history that is written anew as a whole.

use crate::backend::Reader;
use crate::batch::{Batch, Entry, Expect};
use crate::chunks;
use crate::documents::{self, DocumentKind, If, MAX_DOCUMENT_BYTES};
use crate::error::StoreError;
use crate::handle::Store;
use crate::key::{Key, Scan, Table};
use cordboard_core::history::{Operator, Step, StepKind};
use cordboard_core::ids::{DeploymentName, Digest, TenantId, Version};
use cordboard_core::time::Timestamp;

mod stored;

/// The longest reason, in bytes.
pub const MAX_WHY_BYTES: usize = 1_000;
/// The longest figures of a step, in bytes of JSON.
pub const MAX_FIGURES_BYTES: usize = 64 << 10;
/// The most steps that are listed at once.
pub const MAX_STEPS: usize = 100;
/// A page ends early once its documents are this long.
const PAGE_BYTES: usize = 4 << 20;
/// How often a step is numbered anew because somebody else was faster.
const TRIES: usize = 8;

/// A step to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewStep {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Operator,
    /// What was done.
    pub kind: StepKind,
    /// Why: up to [`MAX_WHY_BYTES`].
    pub why: Option<String>,
    /// The version before.
    pub from: Option<Version>,
    /// The version that it is about.
    pub to: Option<Version>,
    /// JSON of up to [`MAX_FIGURES_BYTES`].
    pub figures: Option<String>,
    /// What the deployment was from then on; none if it was removed.
    pub state: Option<State>,
}

/// What a deployment was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// What served, of those that served the one for whom no rule says otherwise.
    pub version: Version,
    /// The deployment's document, as its room writes it.
    pub document: Vec<u8>,
}

/// A step that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptStep {
    /// What was done.
    pub step: Step,
    /// What the deployment was from then on.
    pub state: Option<State>,
}

/// What becomes of a deployment's document with a step.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// It is this from now on.
    Put(&'a [u8]),
    /// It is removed.
    Delete,
    /// It stays as it is.
    Keep,
}

/// A part of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryPage {
    /// Newest first.
    pub steps: Vec<KeptStep>,
    /// There are more: they are before this number.
    pub before: Option<u64>,
    /// The numbers of steps that are not as the step after them says, or can't be read; those are not among the steps.
    pub altered: Vec<u64>,
}

/// The histories of a store.
#[derive(Clone, Debug)]
pub struct Histories(Store);

fn prefix(deployment: &DeploymentName) -> Vec<u8> {
    [deployment.as_str().as_bytes(), b"\0"].concat()
}

fn name(deployment: &DeploymentName, number: u64) -> Vec<u8> {
    [prefix(deployment).as_slice(), &number.to_be_bytes()].concat()
}

fn number_of(entry: &Entry) -> Result<u64, StoreError> {
    let number = entry.key.name().last_chunk().map(|number| u64::from_be_bytes(*number));
    number.ok_or_else(|| StoreError::undecodable("a step's key", "its length"))
}

impl NewStep {
    fn check(&self) -> Result<(), StoreError> {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let document = self.state.as_ref().map_or(0, |state| state.document.len());
        for (what, got, limit) in [
            ("a step's reason", length(&self.why), MAX_WHY_BYTES),
            ("a step's figures", length(&self.figures), MAX_FIGURES_BYTES),
            ("a document", document, MAX_DOCUMENT_BYTES),
        ] {
            if got > limit {
                return Err(StoreError::TooLarge { what, got: got as u64, limit: limit as u64 });
            }
        }
        Ok(())
    }
}

/// The end of a history: the last number and the digest of what is kept under it.
struct End {
    number: u64,
    digest: Digest,
    /// Which must be there still when the next is written.
    last: Option<(Key, u64)>,
}

impl Histories {
    /// Over this store.
    pub fn new(store: Store) -> Self {
        Self(store)
    }

    /// Changes a deployment's document, if it is as expected, and appends steps, durably and at once: all or nothing. The
    /// steps as they are kept.
    ///
    /// # Errors
    /// `Conflict`: the document isn't as expected, or isn't there to be removed. `TooLarge`, and what concerns the store.
    pub async fn change(
        &self,
        tenant: &TenantId,
        deployment: &DeploymentName,
        change: Change<'_>,
        expected: If,
        steps: &[NewStep],
    ) -> Result<Vec<Step>, StoreError> {
        steps.iter().try_for_each(NewStep::check)?;
        let key = documents::key(tenant, DocumentKind::Deployment, deployment.as_str())?;
        let mut tries = 0;
        loop {
            let head = self.0.get(&key).await?;
            let found = head.as_ref().map(|head| head.version);
            if !expected.holds(found) || (head.is_none() && !matches!(change, Change::Put(_))) {
                return Err(StoreError::Conflict { key, found });
            }
            let end = self.end(tenant, deployment).await?;
            let mut batch = Batch::new();
            let old = head.as_ref().map(|head| head.value.as_slice());
            match (change, old) {
                (Change::Put(body), old) => {
                    documents::put_in(&mut batch, tenant, DocumentKind::Deployment, deployment.as_str(), body, old)?;
                }
                (Change::Delete, Some(old)) => {
                    documents::delete_in(&mut batch, tenant, DocumentKind::Deployment, deployment.as_str(), old)?;
                }
                (Change::Delete | Change::Keep, _) => {}
            }
            batch.require(key.clone(), found.map_or(Expect::Absent, Expect::Version));
            let first = end.number + 1;
            append(&mut batch, tenant, deployment, end, revision(change, found), steps)?;
            let seq = match self.0.commit_durable(batch).await {
                Err(StoreError::Conflict { key: which, .. })
                    if tries < TRIES && (which != key || expected == If::Always) =>
                {
                    tries += 1;
                    continue;
                }
                other => other?,
            };
            let revision = match change {
                Change::Put(_) => Some(seq.0),
                Change::Delete => None,
                Change::Keep => found,
            };
            let kept = |(number, step): (u64, &NewStep)| step.kept(deployment, number, revision);
            return Ok((first..).zip(steps).map(kept).collect());
        }
    }

    async fn end(&self, tenant: &TenantId, deployment: &DeploymentName) -> Result<End, StoreError> {
        let (tenant, prefix) = (tenant.clone(), prefix(deployment));
        let job = move |reader: &dyn Reader| {
            let scan = Scan::prefix(&tenant, Table::Step, &prefix).backward().limit(1);
            let Some(head) = reader.scan(&scan)?.entries.into_iter().next() else {
                return Ok(End { number: 0, digest: Digest([0; 32]), last: None });
            };
            let number = number_of(&head)?;
            let bytes = chunks::whole(reader, &tenant, Table::Step, head.key.name(), &head)?;
            Ok(End { number, digest: Digest::of(&bytes), last: Some((head.key, head.version)) })
        };
        self.0.read(job).await
    }

    /// Steps before this number, or the latest ones, newest first; at most `limit`, and at most [`MAX_STEPS`].
    pub async fn page(
        &self,
        tenant: &TenantId,
        deployment: &DeploymentName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<HistoryPage, StoreError> {
        let (tenant, deployment) = (tenant.clone(), deployment.clone());
        let job = move |reader: &dyn Reader| page(reader, &tenant, &deployment, before, limit.clamp(1, MAX_STEPS));
        self.0.read(job).await
    }

    /// One step; none if there is none of this number, or it isn't as the one after it says.
    pub async fn step(
        &self,
        tenant: &TenantId,
        deployment: &DeploymentName,
        number: u64,
    ) -> Result<Option<KeptStep>, StoreError> {
        let Some(behind) = number.checked_add(2) else { return Ok(None) };
        let page = self.page(tenant, deployment, Some(behind), 2).await?;
        Ok(page.steps.into_iter().find(|kept| kept.step.number == number))
    }
}

/// Which revision the document has with the step, as far as it is known before.
fn revision(change: Change<'_>, found: Option<u64>) -> stored::RevisionV1 {
    match (change, found) {
        (Change::Put(_), _) => stored::RevisionV1::OfThis,
        (Change::Keep, Some(found)) => stored::RevisionV1::Is(found),
        (Change::Delete | Change::Keep, _) => stored::RevisionV1::Gone,
    }
}

fn append(
    batch: &mut Batch,
    tenant: &TenantId,
    deployment: &DeploymentName,
    end: End,
    revision: stored::RevisionV1,
    steps: &[NewStep],
) -> Result<(), StoreError> {
    if let Some((key, version)) = end.last {
        batch.require(key, Expect::Version(version));
    }
    let (mut number, mut digest) = (end.number, end.digest);
    for step in steps {
        number += 1;
        let bytes = stored::encode(step, digest, revision)?;
        let name = name(deployment, number);
        batch.require(Key::new(tenant, Table::Step, &name)?, Expect::Absent);
        chunks::put(batch, tenant, Table::Step, &name, &bytes, None)?;
        digest = Digest::of(&bytes);
    }
    Ok(())
}

fn page(
    reader: &dyn Reader,
    tenant: &TenantId,
    deployment: &DeploymentName,
    before: Option<u64>,
    limit: usize,
) -> Result<HistoryPage, StoreError> {
    let low = name(deployment, 0);
    // The one behind says what the first of the page has to be.
    let high = before.map(|before| name(deployment, before.saturating_add(1)));
    let scan = match &high {
        Some(high) => Scan::range(tenant, Table::Step, &low, high),
        None => Scan::prefix(tenant, Table::Step, &prefix(deployment)),
    };
    let scan = scan.backward().limit(limit + 2);
    let mut page = HistoryPage::default();
    // What the step after says of the next one, and that one's number.
    let mut wanted: Option<(u64, Digest)> = None;
    let mut last = before;
    let mut bytes_read = 0;
    for head in reader.scan(&scan)?.entries {
        let number = number_of(&head)?;
        let is_behind = before.is_some_and(|before| number >= before);
        if !is_behind && (page.steps.len() + page.altered.len() >= limit || bytes_read > PAGE_BYTES) {
            page.before = last;
            break;
        }
        last = Some(number);
        let bytes = chunks::whole(reader, tenant, Table::Step, head.key.name(), &head)?;
        bytes_read += bytes.len();
        let is_wanted = match wanted {
            Some((of, digest)) if of == number => digest == Digest::of(&bytes),
            Some((of, _)) => {
                // That one was taken out, and this one has nobody who says what it has to be.
                page.altered.push(of);
                true
            }
            None => true,
        };
        let read = stored::decode(&bytes, deployment, number, head.version);
        wanted = read.as_ref().ok().and_then(|(_, before)| Some((number.checked_sub(1)?, *before)));
        wanted = wanted.filter(|(of, _)| *of > 0);
        if is_behind {
            continue;
        }
        match read {
            Ok((kept, _)) if is_wanted => page.steps.push(kept),
            Ok(_) => page.altered.push(number),
            Err(error) => {
                tracing::error!(%deployment, number, %error, "a step of its history is left out");
                page.altered.push(number);
            }
        }
    }
    if page.before.is_none()
        && let Some((of, _)) = wanted
    {
        page.altered.push(of);
    }
    Ok(page)
}

impl NewStep {
    fn kept(&self, deployment: &DeploymentName, number: u64, revision: Option<u64>) -> Step {
        let Self { at, by, kind, why, from, to, figures, state: _ } = self.clone();
        Step { deployment: deployment.clone(), number, at, by, kind, why, from, to, revision, figures }
    }
}
