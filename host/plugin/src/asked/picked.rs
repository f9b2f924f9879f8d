//! Which of the columns offered a plugin wants. Pure.

use std::ops::Range;

/// Columns offered or wanted (the contracts' bound).
pub(crate) const MAX_COLUMNS: usize = 256;

/// Places in the columns offered, neighbours joined: most plugins want nearly all, in nearly their order, and a run of
/// values is copied at once.
#[derive(Debug)]
pub(crate) struct Picked {
    pub(crate) runs: Vec<Range<usize>>,
    pub(crate) count: usize,
}

impl Picked {
    pub(crate) fn new(offered: &[String], wanted: &[String]) -> Result<Self, String> {
        if wanted.len() > MAX_COLUMNS {
            return Err("it selects more than 256 columns".into());
        }
        let mut runs: Vec<Range<usize>> = Vec::new();
        for name in wanted {
            let place = offered.iter().position(|column| column == name);
            let place = place
                .ok_or_else(|| format!("it selects `{}`, which wasn't offered", crate::guest::shortened(name, 128)))?;
            match runs.last_mut() {
                Some(run) if run.end == place => run.end += 1,
                _ => runs.push(place..place + 1),
            }
        }
        Ok(Self { runs, count: wanted.len() })
    }

    /// Whether it is every one of so many columns, in their order.
    pub(crate) fn is_all(&self, offered: usize) -> bool {
        matches!(self.runs.as_slice(), [run] if *run == (0..offered))
    }

    /// Appends what is wanted of a row that has every column offered.
    pub(crate) fn append<T: Clone>(&self, row: &[T], picked: &mut Vec<T>) {
        for run in &self.runs {
            picked.extend_from_slice(row.get(run.clone()).unwrap_or_default());
        }
    }

    /// The same as a row of its own.
    pub(crate) fn of<T: Clone>(&self, row: &[T]) -> Vec<T> {
        let mut picked = Vec::with_capacity(self.count);
        self.append(row, &mut picked);
        picked
    }
}
