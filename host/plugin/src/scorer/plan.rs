//! Which of the numbers a scorer wants, and whether what it returns can be used. Pure.

use super::{ScoreInput, ScoreRow};
use crate::asked::{MAX_COLUMNS, Picked};
use crate::bindings::scorer_0_1_0::types;
use crate::error::AskError;
use std::sync::Arc;

/// The contract's bounds.
const MAX_PARTS: usize = 16;
const MAX_PART_BYTES: usize = 64;
const MAX_AGENTS: usize = 10_000;
const MAX_CONTACTS: usize = 1000;
/// A score beyond this could not be told from its neighbours by thousandths.
const MAX_SCORE: f64 = 1e12;

/// What a configured scorer selected.
#[derive(Debug)]
pub(super) struct Plan {
    contact: Picked,
    agent: Picked,
    pub(super) parts: Arc<[String]>,
}

/// Whether the input's own sizes agree.
pub(super) fn check(input: &ScoreInput) -> Result<(), AskError> {
    let wrong = |text: &str| Err(AskError::Input(text.into()));
    if input.contact_columns.len() > MAX_COLUMNS || input.agent_columns.len() > MAX_COLUMNS {
        return wrong("more than 256 columns");
    }
    if input.agent_count > MAX_AGENTS || input.contacts.len() > MAX_CONTACTS {
        return wrong("more than 10,000 agents or 1,000 contacts");
    }
    if input.agents.len() != input.agent_count * input.agent_columns.len() {
        return wrong("the agents' matrix isn't agents × columns");
    }
    if input.contacts.iter().any(|row| row.len() != input.contact_columns.len()) {
        return wrong("a contact's row isn't as long as there are columns");
    }
    Ok(())
}

impl Plan {
    pub(super) fn new(offered: &types::Columns, selection: types::Selection) -> Result<Self, String> {
        if selection.parts.len() > MAX_PARTS
            || selection.parts.iter().any(|name| name.is_empty() || name.len() > MAX_PART_BYTES)
        {
            return Err("it names more than 16 parts, or one that isn't of 1 to 64 bytes".into());
        }
        Ok(Self {
            contact: Picked::new(&offered.contact, &selection.contact)?,
            agent: Picked::new(&offered.agent, &selection.agent)?,
            parts: selection.parts.into(),
        })
    }

    pub(super) fn contact(&self, row: &[f32]) -> Vec<f32> {
        self.contact.of(row)
    }

    /// The agents' numbers. Taken from the input where they are wanted as they are.
    pub(super) fn agents(&self, input: &mut ScoreInput) -> Vec<f32> {
        if self.agent.is_all(input.agent_columns.len()) {
            return std::mem::take(&mut input.agents);
        }
        let mut picked = Vec::with_capacity(self.agent.count * input.agent_count);
        // An empty row is no chunk: without columns there are no numbers either.
        for row in input.agents.chunks(input.agent_columns.len().max(1)) {
            self.agent.append(row, &mut picked);
        }
        picked
    }

    pub(super) fn row(&self, scores: types::Scores, input: &ScoreInput) -> Result<ScoreRow, AskError> {
        let wrong = |what, expected, got| Err(AskError::WrongCount { what, expected, got });
        if scores.rows.len() != input.agent_count {
            return wrong("rows", input.agent_count, scores.rows.len());
        }
        let parts = if input.with_parts { input.agent_count * self.parts.len() } else { 0 };
        if scores.parts.len() != parts {
            return wrong("parts", parts, scores.parts.len());
        }
        if scores.parts.iter().any(|part| !part.is_finite()) {
            return Err(AskError::NotFinite("part"));
        }
        let rows = scores.rows.iter().map(|score| match score {
            types::Score::Refuse => Ok(None),
            types::Score::Value(value) => thousandths(*value).map(Some),
        });
        Ok(ScoreRow { scores: rows.collect::<Result<_, _>>()?, parts: scores.parts })
    }
}

fn thousandths(value: f32) -> Result<i64, AskError> {
    let value = f64::from(value);
    if !value.is_finite() || value.abs() > MAX_SCORE {
        return Err(AskError::NotFinite("score"));
    }
    Ok((value * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn input() -> ScoreInput {
        ScoreInput {
            contact_columns: names(&["a", "b"]).into(),
            agent_columns: names(&["x", "y", "z"]).into(),
            contacts: vec![vec![1.0, 2.0]],
            agents: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            agent_count: 2,
            with_parts: true,
        }
    }

    fn plan(contact: &[&str], agent: &[&str], parts: &[&str]) -> Result<Plan, String> {
        let offered = types::Columns { contact: names(&["a", "b"]), agent: names(&["x", "y", "z"]) };
        Plan::new(&offered, types::Selection { contact: names(contact), agent: names(agent), parts: names(parts) })
    }

    #[test]
    fn a_scorer_gets_what_it_selected_in_its_order() {
        let plan = plan(&["b"], &["z", "x"], &[]).unwrap();
        assert_eq!(plan.contact(&[1.0, 2.0]), [2.0]);
        assert_eq!(plan.agents(&mut input()), [3.0, 1.0, 6.0, 4.0]);
    }

    #[test]
    fn a_scorer_that_wants_all_as_it_is_gets_the_input_itself() {
        let mut input = input();
        let (numbers, first) = (input.agents.clone(), input.agents.as_ptr());
        let agents = plan(&["b"], &["x", "y", "z"], &[]).unwrap().agents(&mut input);
        assert_eq!((&agents, agents.as_ptr()), (&numbers, first));
    }

    #[test]
    fn neighbours_are_copied_together() {
        let plan = plan(&["a", "b", "a"], &["x", "y", "z", "y", "z"], &[]).unwrap();
        assert_eq!((plan.contact.runs.len(), plan.agent.runs.len()), (2, 2));
        assert_eq!(plan.contact(&[1.0, 2.0]), [1.0, 2.0, 1.0]);
        assert_eq!(plan.agents(&mut input()), [1.0, 2.0, 3.0, 2.0, 3.0, 4.0, 5.0, 6.0, 5.0, 6.0]);
    }

    #[test]
    fn what_was_not_offered_cannot_be_selected() {
        assert!(plan(&["c"], &[], &[]).unwrap_err().contains("`c`"));
        assert!(plan(&[], &[], &[""]).is_err());
        assert!(plan(&[], &[], &["p"; 17]).is_err());
    }

    #[test]
    fn rows_are_counted_and_finite() {
        let plan = plan(&[], &[], &["p"]).unwrap();
        let row = |rows: Vec<types::Score>, parts: Vec<f32>| plan.row(types::Scores { rows, parts }, &input());
        let (value, refuse) = (types::Score::Value, types::Score::Refuse);
        let good = row(vec![value(1.2345), refuse], vec![0.5, 0.0]).unwrap();
        assert_eq!(good.scores, [Some(1235), None]);
        assert!(matches!(row(vec![refuse], vec![0.5, 0.0]), Err(AskError::WrongCount { what: "rows", .. })));
        assert!(matches!(row(vec![refuse, refuse], vec![]), Err(AskError::WrongCount { what: "parts", .. })));
        for bad in [f32::NAN, f32::INFINITY, -f32::INFINITY, 1e30] {
            assert_eq!(row(vec![value(bad), refuse], vec![0.5, 0.0]), Err(AskError::NotFinite("score")));
        }
        assert_eq!(row(vec![refuse, refuse], vec![f32::NAN, 0.0]), Err(AskError::NotFinite("part")));
    }

    #[test]
    fn an_input_that_contradicts_itself_is_refused() {
        assert!(check(&input()).is_ok());
        assert!(check(&ScoreInput { agent_count: 3, ..input() }).is_err());
        assert!(check(&ScoreInput { contacts: vec![vec![1.0]], ..input() }).is_err());
    }
}
