//! What an assignment was made on beside the scores, as it is on disk.

use super::stored::id;
use crate::error::StoreError;
use cordboard_core::decision::Grounds;
use cordboard_core::ids::DeploymentName;
use serde::{Deserialize, Serialize};

/// Behind a decision of format 3.
#[derive(Serialize, Deserialize)]
pub(super) struct GroundsV3 {
    scorer: String,
    ranks: Vec<u16>,
    /// For each pair that was unfit: how many rows further than the one before; and its column, if in the same row less that
    /// of the one before.
    unfit: Vec<(u16, u16)>,
}

impl GroundsV3 {
    pub(super) fn of(grounds: &Grounds) -> Self {
        let mut before = (0, 0);
        let unfit = grounds.unfit.iter().map(|(row, column)| {
            let rows = row.wrapping_sub(before.0);
            let columns = if rows == 0 { column.wrapping_sub(before.1) } else { *column };
            before = (*row, *column);
            (rows, columns)
        });
        let unfit = unfit.collect();
        Self { scorer: grounds.scorer.to_string(), ranks: grounds.ranks.clone(), unfit }
    }

    pub(super) fn load(self) -> Result<Grounds, StoreError> {
        let mut at = (0u16, 0u16);
        let unfit = self.unfit.into_iter().map(|(rows, columns)| {
            at = if rows == 0 { (at.0, at.1.wrapping_add(columns)) } else { (at.0.wrapping_add(rows), columns) };
            at
        });
        let unfit = unfit.collect();
        Ok(Grounds { scorer: id(DeploymentName::new(self.scorer))?, ranks: self.ranks, unfit })
    }
}
