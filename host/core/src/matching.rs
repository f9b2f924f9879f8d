//! Who gets whom, from the scores.
//!
//! **Which contacts are served.** In their order, each contact is served that can be served together with those
//! before it. So nobody is passed over for a later one, and as many are served as can be at once.
//!
//! **By whom.** Among all assignments that serve exactly these, one with the greatest sum of scores. Between equal
//! sums, one where earlier contacts get agents that come earlier (the sum of the agents' ranks, each weighted by how
//! early its contact is, is smallest). What is left of ties is broken by the order alone: the same input gives the
//! same assignment.
//!
//! The method is the Hungarian one, contact by contact along shortest augmenting paths: a contact that was given an
//! agent keeps one, if not always the same, and a contact for whom no path exists never gets one.
#![allow(clippy::indexing_slicing, reason = "every index is below the matrix's own dimensions")]

/// For each contact (row) the agent (column) assigned, if any. `ranks`: for each agent its place in the order in
/// which agents are preferred; all different, or ties are broken by the agents' columns. A score of `None`, or one that
/// isn't there, is a pair that must not be. The time it takes grows with rows² × columns.
pub(crate) fn assign(scores: &[Vec<Option<i64>>], ranks: &[usize]) -> Vec<Option<usize>> {
    let mut matching = Matching {
        scores,
        ranks,
        holders: vec![None; ranks.len()],
        row_potentials: vec![0; scores.len()],
        column_potentials: vec![0; ranks.len()],
    };
    for row in 0..scores.len() {
        matching.add(row);
    }
    let mut assigned = vec![None; scores.len()];
    for (column, holder) in matching.holders.iter().enumerate() {
        if let Some(row) = holder {
            assigned[*row] = Some(column);
        }
    }
    assigned
}

struct Matching<'a> {
    scores: &'a [Vec<Option<i64>>],
    ranks: &'a [usize],
    /// Which row has the column.
    holders: Vec<Option<usize>>,
    row_potentials: Vec<i128>,
    column_potentials: Vec<i128>,
}

impl Matching<'_> {
    /// Smaller is better. The score outweighs all ranks together.
    fn cost(&self, row: usize, column: usize) -> Option<i128> {
        let score = self.scores[row].get(column).copied().flatten()?;
        let (rows, columns) = (self.scores.len() as i128, self.ranks.len() as i128);
        let rank = self.ranks[column] as i128 * (rows - row as i128);
        Some(rank - i128::from(score) * (rows * rows * columns + 1))
    }

    /// Gives this row a column, moving others if need be; nothing if there is no way.
    fn add(&mut self, row: usize) {
        let columns = self.ranks.len();
        // For each column not yet in the tree: how far it is, and over which column it is reached (none: the row).
        let mut slack: Vec<Option<i128>> = vec![None; columns];
        let mut before: Vec<Option<usize>> = vec![None; columns];
        let mut in_tree = vec![false; columns];
        let (mut at, mut at_row) = (None, row);
        loop {
            for column in (0..columns).filter(|column| !in_tree[*column]) {
                if let Some(cost) = self.cost(at_row, column) {
                    let reduced = cost - self.row_potentials[at_row] - self.column_potentials[column];
                    if slack[column].is_none_or(|known| reduced < known) {
                        slack[column] = Some(reduced);
                        before[column] = at;
                    }
                }
            }
            let open = (0..columns).filter(|column| !in_tree[*column]);
            let Some((step, nearest)) = open.filter_map(|column| Some((slack[column]?, column))).min() else { return };
            self.row_potentials[row] += step;
            for column in 0..columns {
                if in_tree[column] {
                    self.column_potentials[column] -= step;
                    if let Some(holder) = self.holders[column] {
                        self.row_potentials[holder] += step;
                    }
                } else if let Some(slack) = &mut slack[column] {
                    *slack -= step;
                }
            }
            if let Some(holder) = self.holders[nearest] {
                in_tree[nearest] = true;
                (at, at_row) = (Some(nearest), holder);
            } else {
                self.shift(row, nearest, &before);
                return;
            }
        }
    }

    /// Moves every row on the path one column on, from the free column back to the new row.
    fn shift(&mut self, row: usize, free: usize, before: &[Option<usize>]) {
        let mut column = free;
        while let Some(previous) = before[column] {
            self.holders[column] = self.holders[previous];
            column = previous;
        }
        self.holders[column] = Some(row);
    }
}
