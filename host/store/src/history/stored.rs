//! A step as it is on disk: the format, then postcard. Fields are never changed; a new format is a new struct beside this
//! one.

use super::{KeptStep, NewStep, State};
use crate::error::StoreError;
use cordboard_core::history::{Step, StepKind};
use cordboard_core::ids::{DeploymentName, Digest};
use cordboard_core::time::Timestamp;
use serde::{Deserialize, Serialize};

const FORMAT: u8 = 1;

/// The revision of the document with a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum RevisionV1 {
    /// It was written with the step: both have the number of that commit.
    OfThis,
    /// It was there already.
    Is(u64),
    /// It was removed.
    Gone,
}

#[derive(Serialize, Deserialize)]
struct StepV1 {
    /// SHA-256 of the step before, as it is kept; zeros for the first.
    before: [u8; 32],
    at_us: u64,
    by: String,
    kind: String,
    why: Option<String>,
    from: Option<[u8; 32]>,
    to: Option<[u8; 32]>,
    revision: RevisionV1,
    figures: Option<String>,
    state: Option<([u8; 32], Vec<u8>)>,
}

fn wrong(error: impl ToString) -> StoreError {
    StoreError::undecodable("a step of a deployment", error)
}

pub(super) fn encode(step: &NewStep, before: Digest, revision: RevisionV1) -> Result<Vec<u8>, StoreError> {
    let step = step.clone();
    let stored = StepV1 {
        before: before.0,
        at_us: step.at.0,
        by: step.by.to_string(),
        kind: step.kind.name().into(),
        why: step.why,
        from: step.from.map(|version| version.0),
        to: step.to.map(|version| version.0),
        revision,
        figures: step.figures,
        state: step.state.map(|state| (state.version.0, state.document)),
    };
    postcard::to_extend(&stored, vec![FORMAT]).map_err(wrong)
}

/// The step, and the digest of the one before.
pub(super) fn decode(
    bytes: &[u8],
    deployment: &DeploymentName,
    number: u64,
    commit: u64,
) -> Result<(KeptStep, Digest), StoreError> {
    let stored: StepV1 = match bytes.split_first() {
        Some((&FORMAT, body)) => postcard::from_bytes(body).map_err(wrong)?,
        Some((format, _)) => return Err(wrong(format!("format {format} is not known"))),
        None => return Err(wrong("empty")),
    };
    let kind = StepKind::named(&stored.kind).ok_or_else(|| wrong("its kind is not known"))?;
    let step = Step {
        deployment: deployment.clone(),
        number,
        at: Timestamp(stored.at_us),
        by: stored.by.parse().map_err(wrong)?,
        kind,
        why: stored.why,
        from: stored.from.map(Digest),
        to: stored.to.map(Digest),
        revision: match stored.revision {
            RevisionV1::OfThis => Some(commit),
            RevisionV1::Is(revision) => Some(revision),
            RevisionV1::Gone => None,
        },
        figures: stored.figures,
    };
    let state = stored.state.map(|(version, document)| State { version: Digest(version), document });
    Ok((KeptStep { step, state }, Digest(stored.before)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_core::history::Operator;
    use proptest::prelude::*;

    fn name() -> DeploymentName {
        DeploymentName::new("front").unwrap()
    }

    proptest! {
        #[test]
        fn a_step_reads_back_and_a_cut_one_is_refused(
            at: u64, by in "[!-~]{1,64}", kind in prop::sample::select(StepKind::ALL), why: Option<String>,
            versions: (Option<[u8; 32]>, Option<[u8; 32]>), figures: Option<String>,
            state: Option<([u8; 32], Vec<u8>)>, before: [u8; 32], commit: u64,
        ) {
            let new = NewStep {
                at: Timestamp(at), by: by.parse().unwrap(), kind, why,
                from: versions.0.map(Digest), to: versions.1.map(Digest), figures,
                state: state.map(|(version, document)| State { version: Digest(version), document }),
            };
            let bytes = encode(&new, Digest(before), RevisionV1::OfThis).unwrap();
            let (kept, of_before) = decode(&bytes, &name(), 7, commit).unwrap();
            prop_assert_eq!(&kept.step, &new.kept(&name(), 7, Some(commit)));
            prop_assert_eq!((kept.state, of_before), (new.state, Digest(before)));
            prop_assert!(decode(&bytes[..bytes.len() - 1], &name(), 7, commit).is_err());
        }
    }

    /// What is on a disk somewhere: these bytes are read for ever.
    #[test]
    fn the_format_is_what_it_was() {
        let new = NewStep {
            at: Timestamp(300),
            by: Operator::client("ann").unwrap(),
            kind: StepKind::Deleted,
            why: Some("hm".into()),
            from: Some(Digest([9; 32])),
            to: None,
            figures: None,
            state: None,
        };
        let head = [&[1][..], &[5; 32], &[0xAC, 0x02, 3], b"ann", &[7], b"deleted", &[1, 2], b"hm"].concat();
        let bytes = [&head[..], &[1], &[9; 32], &[0, 2, 0, 0]].concat();
        assert_eq!(encode(&new, Digest([5; 32]), RevisionV1::Gone).unwrap(), bytes);
        let newer = [&[2], &bytes[1..]].concat();
        assert!(decode(&newer, &name(), 1, 1).is_err(), "a newer format");
    }
}
