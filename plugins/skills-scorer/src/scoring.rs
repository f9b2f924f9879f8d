//! The scoring rule: numbers in, numbers out.
//!
//! A score is the sum of five parts, each times its weight. Every part but the last lies between -1 and 1:
//!
//! | part | meaning |
//! |---|---|
//! | `skill` | how far the agent's levels exceed the levels needed, on average; who lacks one is refused |
//! | `idle` | how long the agent has been idle: 0 at once, a half after five minutes, towards 1 |
//! | `load` | how many contacts the agent had today: 0 for none, minus a half for twenty, towards -1 |
//! | `value` | the contact's priority × the agent's level of the skill `vip` |
//! | `match` | the sum of products of all numbers that contact and agent have under the same name |
//!
//! An absent number (NaN) adds nothing. The order of every sum is fixed, so that equal input gives equal bits.

use std::collections::BTreeSet;
use std::fmt;

/// The names of the parts, in the order of [`Scored::parts`].
pub const PARTS: [&str; 5] = ["skill", "idle", "load", "value", "match"];

/// No weight goes beyond, and no sum of products: whatever attributes hold, scores stay finite.
const MAX_WEIGHT: f32 = 1_000.0;
const MAX_COMMON: f32 = 1_000_000.0;
/// Partial sums of the dot product: independent, so that the processor works on several at once.
const LANES: usize = 8;

/// How much each part counts, in the order of [`PARTS`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights([f32; PARTS.len()]);

impl Default for Weights {
    fn default() -> Self {
        Self([2.0, 1.0, 0.5, 1.0, 1.0])
    }
}

impl Weights {
    /// Reads `skill:2.0,idle:1,…`; a part that is not named keeps its default.
    ///
    /// # Errors
    /// A part that doesn't exist, or a weight that is no number from -1000 to 1000.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut weights = Self::default();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, weight) = pair.split_once(':').unwrap_or((pair, ""));
            let mut slots = PARTS.iter().zip(&mut weights.0);
            let Some((_, slot)) = slots.find(|(part, _)| **part == name.trim()) else {
                return Err(format!("weights: no part is called `{}`; there are {}", name.trim(), PARTS.join(", ")));
            };
            *slot = match weight.trim().parse::<f32>() {
                Ok(weight) if weight.abs() <= MAX_WEIGHT => weight,
                _ => return Err(format!("weights: `{pair}` has no number from -{MAX_WEIGHT} to {MAX_WEIGHT}")),
            };
        }
        Ok(weights)
    }
}

/// Why no plan can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// This agent column is not offered.
    Missing(String),
}

/// Which columns are wanted, and where they stand in the rows.
///
/// The numbers that contact and agent have in common come last, in the same order on both sides: the sum of their
/// products then runs straight through two slices.
#[derive(Clone, Debug)]
pub struct Plan {
    weights: Weights,
    contact: Vec<String>,
    agent: Vec<String>,
    idle: usize,
    handled: Option<usize>,
    vip: Option<usize>,
    priority: Option<usize>,
    /// Where a need stands in the contact's row, and its level in the agent's; none: no agent has the skill.
    needs: Vec<(usize, Option<usize>)>,
    /// Where the common numbers begin.
    common: (usize, usize),
}

impl Plan {
    /// Chooses among the columns offered.
    ///
    /// # Errors
    /// [`PlanError::Missing`] without `idle-ms`: a row must not be empty, or agents could not be counted.
    pub fn new(weights: Weights, contact: &[String], agent: &[String]) -> Result<Self, PlanError> {
        let (mut from_contact, mut from_agent) = (Selected::new(contact), Selected::new(agent));
        let idle = from_agent.add("idle-ms").ok_or_else(|| PlanError::Missing("idle-ms".into()))?;
        let handled = from_agent.add("handled");
        let vip = from_agent.add("skill:vip");
        let priority = from_contact.add("priority");
        let mut needs = Vec::new();
        for name in contact {
            if let Some(skill) = name.strip_prefix("needs:")
                && let Some(at) = from_contact.add(name)
            {
                needs.push((at, from_agent.add(&format!("skill:{skill}"))));
            }
        }
        let common = (from_contact.chosen.len(), from_agent.chosen.len());
        for name in contact.iter().filter(|name| !is_reserved(name)) {
            if from_agent.offered.contains(name.as_str()) && !from_contact.chosen.contains(name) {
                from_contact.add(name);
                from_agent.add(name);
            }
        }
        let (contact, agent) = (from_contact.chosen, from_agent.chosen);
        Ok(Self { weights, contact, agent, idle, handled, vip, priority, needs, common })
    }

    /// The contact's columns wanted, in order.
    pub fn contact_columns(&self) -> &[String] {
        &self.contact
    }

    /// The agents' columns wanted, in order; never empty.
    pub fn agent_columns(&self) -> &[String] {
        &self.agent
    }
}

struct Selected<'a> {
    offered: BTreeSet<&'a str>,
    chosen: Vec<String>,
}

impl<'a> Selected<'a> {
    fn new(offered: &'a [String]) -> Self {
        Self { offered: offered.iter().map(String::as_str).collect(), chosen: Vec::new() }
    }

    /// Where the column stands, if it is offered.
    fn add(&mut self, name: &str) -> Option<usize> {
        let known = self.chosen.iter().position(|chosen| chosen == name);
        known.or_else(|| {
            self.offered.contains(name).then(|| {
                self.chosen.push(name.into());
                self.chosen.len() - 1
            })
        })
    }
}

/// Names with a meaning of their own; the others are attributes.
fn is_reserved(name: &str) -> bool {
    matches!(name, "waited-ms" | "priority" | "idle-ms" | "handled")
        || name.starts_with("needs:")
        || name.starts_with("skill:")
}

/// Why numbers could not be scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShapeError {
    /// The contact's row has not as many numbers as were selected.
    Contact {
        /// How many there are.
        got: usize,
        /// How many were selected.
        want: usize,
    },
    /// The agents' numbers make no whole rows.
    Agents {
        /// How many there are.
        got: usize,
        /// How many make a row.
        row: usize,
    },
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contact { got, want } => write!(f, "{got} numbers of the contact, not {want}"),
            Self::Agents { got, row } => write!(f, "{got} numbers of agents make no rows of {row}"),
        }
    }
}

impl std::error::Error for ShapeError {}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// One for each agent; `None`: refused. Finite.
    pub rows: Vec<Option<f32>>,
    /// Agents × [`PARTS`], each with its weight, so that they add up to the score; zeros for who is refused. Empty
    /// if they were not asked for.
    pub parts: Vec<f32>,
}

/// Scores every agent (rows of `agents`) for one contact. Allocates nothing but what it returns.
///
/// # Errors
/// [`ShapeError`] if the numbers don't fit the plan.
pub fn score_agents(plan: &Plan, contact: &[f32], agents: &[f32], with_parts: bool) -> Result<Scored, ShapeError> {
    if contact.len() != plan.contact.len() {
        return Err(ShapeError::Contact { got: contact.len(), want: plan.contact.len() });
    }
    let rows = agents.chunks_exact(plan.agent.len());
    if !rows.remainder().is_empty() {
        return Err(ShapeError::Agents { got: agents.len(), row: plan.agent.len() });
    }
    let count = rows.len();
    let mut scored = Scored {
        rows: Vec::with_capacity(count),
        parts: Vec::with_capacity(if with_parts { count * PARTS.len() } else { 0 }),
    };
    let priority = squash(number(contact, plan.priority).unwrap_or(0.0), 10.0);
    for agent in rows {
        let parts = parts_of(plan, contact, priority, agent);
        scored.rows.push(parts.map(|parts| parts.iter().sum()));
        if with_parts {
            scored.parts.extend(parts.unwrap_or_default());
        }
    }
    Ok(scored)
}

/// `None`: this agent lacks a skill that the contact needs.
fn parts_of(plan: &Plan, contact: &[f32], priority: f32, agent: &[f32]) -> Option<[f32; PARTS.len()]> {
    let skill = skill_fit(&plan.needs, contact, agent)?;
    let idle = squash(number(agent, Some(plan.idle)).unwrap_or(0.0).max(0.0), 300_000.0);
    let load = -squash(number(agent, plan.handled).unwrap_or(0.0).max(0.0), 20.0);
    let value = priority * level(agent, plan.vip).unwrap_or(0.0) / 10.0;
    let common = dot(contact.get(plan.common.0..).unwrap_or(&[]), agent.get(plan.common.1..).unwrap_or(&[]));
    let mut parts = [skill, idle, load, value, common];
    for (part, weight) in parts.iter_mut().zip(plan.weights.0) {
        *part *= weight;
    }
    Some(parts)
}

fn skill_fit(needs: &[(usize, Option<usize>)], contact: &[f32], agent: &[f32]) -> Option<f32> {
    let (mut fit, mut count) = (0.0, 0.0);
    for &(need, has) in needs {
        let Some(need) = level(contact, Some(need)) else { continue };
        let has = level(agent, has).filter(|has| *has >= need)?;
        fit += (has - need) / 10.0;
        count += 1.0;
    }
    Some(if count > 0.0 { fit / count } else { 0.0 })
}

fn number(row: &[f32], at: Option<usize>) -> Option<f32> {
    row.get(at?).copied().filter(|number| number.is_finite())
}

/// A skill's level: what lies outside 0 to 10 is taken for the nearest.
fn level(row: &[f32], at: Option<usize>) -> Option<f32> {
    number(row, at).map(|level| level.clamp(0.0, 10.0))
}

/// Brings any number between -1 and 1 without losing the order: a half at `half`.
fn squash(number: f32, half: f32) -> f32 {
    let number = number.clamp(-1e9, 1e9);
    number / (number.abs() + half)
}

#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn dot(left: &[f32], right: &[f32]) -> f32 {
    let (left, left_rest) = left.as_chunks::<LANES>();
    let (right, right_rest) = right.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (left, right) in left.iter().zip(right) {
        add_products(&mut sums, left, right);
    }
    add_products(&mut sums, left_rest, right_rest);
    let sum: f32 = sums.iter().sum();
    // NaN: products so large that they became infinite, of either sign.
    if sum.is_nan() { 0.0 } else { sum.clamp(-MAX_COMMON, MAX_COMMON) }
}

#[inline(always)]
fn add_products(sums: &mut [f32; LANES], left: &[f32], right: &[f32]) {
    for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
        let product = left * right;
        *sum += if product.is_nan() { 0.0 } else { product };
    }
}

#[cfg(test)]
mod tests;
