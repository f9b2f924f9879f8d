//! Scorers: how well does each agent suit this contact?
//!
//! Implement [`Scorer`], export it with [`scorer!`](crate::scorer!). It learns the columns there are once, then gets
//! numbers only.
//!
//! ```
//! use cordboard_sdk::scorer::*;
//!
//! struct LongestIdle {
//!     idle: Column,
//! }
//! cordboard_sdk::scorer!(LongestIdle);
//!
//! impl Scorer for LongestIdle {
//!     fn configure(columns: &mut Columns) -> Result<Self, ConfigureError> {
//!         Ok(Self { idle: columns.agent("idle-ms")? })
//!     }
//!     fn score(&self, _contact: Row<'_>, agent: Row<'_>, _parts: &mut [f32]) -> Option<f32> {
//!         Some(agent.get(self.idle).unwrap_or(0.0) / 1000.0)
//!     }
//! }
//! # let scored = rank::<LongestIdle>(&[], &[], &["idle-ms"], &[&[5000.0], &[f32::NAN]]).unwrap();
//! # assert_eq!(scored, [Some(5.0), Some(0.0)]);
//! ```

pub use bindings::cordboard::scorer::types::{ConfigureError, ScoreError};

use bindings::cordboard::scorer::types::{Columns as Offered, Score, Scores, Selection};

/// What wit-bindgen makes of the contract.
#[doc(hidden)]
pub mod bindings {
    #![allow(unsafe_code, reason = "generated: the component model's calling convention")]
    #![allow(clippy::all, clippy::panic, clippy::indexing_slicing, missing_docs, unreachable_pub, reason = "generated")]
    wit_bindgen::generate!({
        path: "../../wit/scorer/0.1.0",
        world: "scorer",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_scorer",
        default_bindings_module: "cordboard_sdk::scorer::bindings",
        additional_derives: [Clone, PartialEq],
    });
}

/// A rule that says who suits whom. It is a function of its configuration and its input: nothing is kept from one decision
/// to the next.
pub trait Scorer: Sized {
    /// Takes the columns it wants and reads its configuration.
    ///
    /// # Errors
    /// A column it can't do without is missing, or the configuration is wrong.
    fn configure(columns: &mut Columns) -> Result<Self, ConfigureError>;

    /// How well this agent suits this contact: the higher the better, at most 1e12; none: never. `parts` has a place for
    /// each part that was named: what the score is made of, for people.
    fn score(&self, contact: Row<'_>, agent: Row<'_>, parts: &mut [f32]) -> Option<f32>;
}

/// A column that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column(usize);

/// The columns that can be had: of a contact `waited-ms`, `priority`, `needs:SKILL`, its attributes; of an agent `idle-ms`,
/// `handled`, `skill:SKILL`, its attributes.
#[derive(Debug)]
pub struct Columns {
    offered: Offered,
    taken: Selection,
}

impl Columns {
    fn new(offered: Offered) -> Self {
        Self { offered, taken: Selection { contact: Vec::new(), agent: Vec::new(), parts: Vec::new() } }
    }

    /// Takes a column of the contact.
    ///
    /// # Errors
    /// `missing`, if there is none.
    pub fn contact(&mut self, name: &str) -> Result<Column, ConfigureError> {
        take(&self.offered.contact, &mut self.taken.contact, name)
    }

    /// Takes a column of the agents.
    ///
    /// # Errors
    /// `missing`, if there is none.
    pub fn agent(&mut self, name: &str) -> Result<Column, ConfigureError> {
        take(&self.offered.agent, &mut self.taken.agent, name)
    }

    /// The skills that some contact may need and some agent may have: a column of the contact (the level that is needed)
    /// with one of the agents (the level there is) for each.
    pub fn skills(&mut self) -> Vec<(Column, Column)> {
        let needs = self.offered.contact.iter().filter_map(|name| name.strip_prefix("needs:").map(str::to_owned));
        let needs: Vec<String> = needs.collect();
        let both = |skill: String| {
            let needed = self.contact(&format!("needs:{skill}")).ok()?;
            Some((needed, self.agent(&format!("skill:{skill}")).ok()?))
        };
        needs.into_iter().filter_map(both).collect()
    }

    /// Names the parts that scores are made of, at most 16.
    pub fn parts(&mut self, names: &[&str]) {
        self.taken.parts = names.iter().map(|&name| name.to_owned()).collect();
    }
}

fn take(offered: &[String], taken: &mut Vec<String>, name: &str) -> Result<Column, ConfigureError> {
    if !offered.iter().any(|column| column == name) {
        return Err(ConfigureError::Missing(name.to_owned()));
    }
    let at = taken.iter().position(|column| column == name).unwrap_or_else(|| {
        taken.push(name.to_owned());
        taken.len() - 1
    });
    Ok(Column(at))
}

/// The numbers of a contact or an agent.
#[derive(Clone, Copy, Debug)]
pub struct Row<'n>(&'n [f32]);

impl Row<'_> {
    /// The number in a column, if there is one.
    pub fn get(self, column: Column) -> Option<f32> {
        self.0.get(column.0).copied().filter(|number| !number.is_nan())
    }
}

/// A scorer that is configured. The macro keeps it.
#[doc(hidden)]
pub struct Configured<S> {
    scorer: S,
    taken: Selection,
}

#[doc(hidden)]
pub fn configure<S: Scorer>(offered: Offered) -> Result<(Configured<S>, Selection), ConfigureError> {
    let mut columns = Columns::new(offered);
    let scorer = S::configure(&mut columns)?;
    let taken = columns.taken;
    Ok((Configured { scorer, taken: taken.clone() }, taken))
}

#[doc(hidden)]
pub fn score<S: Scorer>(
    configured: Option<&Configured<S>>,
    contact: &[f32],
    agents: &[f32],
    with_parts: bool,
) -> Result<Scores, ScoreError> {
    let Some(Configured { scorer, taken }) = configured else {
        return Err(ScoreError::Invalid("not configured".into()));
    };
    let width = taken.agent.len();
    if contact.len() != taken.contact.len() || width == 0 || !agents.len().is_multiple_of(width) {
        return Err(ScoreError::Invalid("the numbers don't fit the columns".into()));
    }
    let mut scores = Scores { rows: Vec::with_capacity(agents.len() / width), parts: Vec::new() };
    let mut parts = vec![0.0; taken.parts.len()];
    for agent in agents.chunks(width) {
        parts.fill(0.0);
        let scored = scorer.score(Row(contact), Row(agent), &mut parts);
        scores.rows.push(scored.map_or(Score::Refuse, Score::Value));
        if with_parts {
            scores.parts.extend(&parts);
        }
    }
    Ok(scores)
}

/// Scores natively, for tests: the columns of a contact with its numbers, the columns of agents with a row for each.
///
/// # Errors
/// What the scorer says to its configuration.
#[cfg(not(target_arch = "wasm32"))]
pub fn rank<S: Scorer>(
    contact: &[&str],
    numbers: &[f32],
    agent: &[&str],
    agents: &[&[f32]],
) -> Result<Vec<Option<f32>>, ConfigureError> {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let (configured, taken) = configure::<S>(Offered { contact: names(contact), agent: names(agent) })?;
    let pick = |taken: &[String], offered: &[&str], numbers: &[f32]| {
        let number = |name: &String| {
            let at = offered.iter().position(|column| column == name);
            at.and_then(|at| numbers.get(at)).copied().unwrap_or(f32::NAN)
        };
        taken.iter().map(number).collect::<Vec<f32>>()
    };
    let one = pick(&taken.contact, contact, numbers);
    let rows: Vec<f32> = agents.iter().flat_map(|row| pick(&taken.agent, agent, row)).collect();
    let scored =
        score(Some(&configured), &one, &rows, true).map_err(|error| ConfigureError::Other(error.to_string()))?;
    let value = |score: &Score| if let Score::Value(value) = score { Some(*value) } else { None };
    Ok(scored.rows.iter().map(value).collect())
}

/// Exports a type that implements [`Scorer`](crate::scorer::Scorer) as the plugin. Once in a crate.
#[macro_export]
macro_rules! scorer {
    ($scorer:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::scorer::bindings::cordboard::scorer::types as t;
            ::std::thread_local! {
                static CONFIGURED: ::std::cell::RefCell<Option<$crate::scorer::Configured<$scorer>>> =
                    const { ::std::cell::RefCell::new(None) };
            }
            struct Guest;
            impl $crate::scorer::bindings::exports::cordboard::scorer::guest::Guest for Guest {
                fn configure(offered: t::Columns) -> ::core::result::Result<t::Selection, t::ConfigureError> {
                    let (configured, taken) = $crate::scorer::configure::<$scorer>(offered)?;
                    CONFIGURED.set(Some(configured));
                    Ok(taken)
                }
                fn score(
                    contact: ::std::vec::Vec<f32>,
                    agents: ::std::vec::Vec<f32>,
                    with_parts: bool,
                ) -> ::core::result::Result<t::Scores, t::ScoreError> {
                    CONFIGURED.with_borrow(|it| $crate::scorer::score(it.as_ref(), &contact, &agents, with_parts))
                }
            }
    $crate::scorer::bindings::export_scorer!(Guest with_types_in $crate::scorer::bindings);
        };
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn(&mut $crate::scorer::Columns) -> Result<$scorer, $crate::scorer::ConfigureError> =
            <$scorer as $crate::scorer::Scorer>::configure;
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Skilled {
        skills: Vec<(Column, Column)>,
        idle: Column,
    }

    impl Scorer for Skilled {
        fn configure(columns: &mut Columns) -> Result<Self, ConfigureError> {
            columns.parts(&["idle"]);
            Ok(Self { skills: columns.skills(), idle: columns.agent("idle-ms")? })
        }
        fn score(&self, contact: Row<'_>, agent: Row<'_>, parts: &mut [f32]) -> Option<f32> {
            let lacks = |(needed, has): &(Column, Column)| {
                contact.get(*needed).is_some_and(|needed| agent.get(*has).unwrap_or(0.0) < needed)
            };
            if self.skills.iter().any(lacks) {
                return None;
            }
            let idle = agent.get(self.idle).unwrap_or(0.0);
            parts.fill(idle);
            Some(idle)
        }
    }

    #[test]
    fn columns_are_taken_by_name() {
        let contact = ["waited-ms", "needs:german"];
        let agents = ["skill:german", "idle-ms", "handled"];
        let rows: [&[f32]; 3] = [&[3.0, 10.0, 1.0], &[1.0, 20.0, 1.0], &[f32::NAN, 30.0, 1.0]];
        let scored = rank::<Skilled>(&contact, &[0.0, 2.0], &agents, &rows).unwrap();
        assert_eq!(scored, [Some(10.0), None, None]);
        assert_eq!(rank::<Skilled>(&contact, &[0.0, f32::NAN], &agents, &rows).unwrap().len(), 3);
        assert_eq!(rank::<Skilled>(&[], &[], &["handled"], &[]), Err(ConfigureError::Missing("idle-ms".into())));
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        let offered = Offered { contact: vec![], agent: vec!["idle-ms".into()] };
        let (configured, taken) = configure::<Skilled>(offered).unwrap();
        assert_eq!(taken.parts, ["idle"]);
        let scored = score(Some(&configured), &[], &[5.0, 7.0], true).unwrap();
        assert_eq!(scored.parts, [5.0, 7.0]);
        assert!(score(Some(&configured), &[], &[5.0, 7.0], false).unwrap().parts.is_empty());
        assert!(score(Some(&configured), &[1.0], &[5.0], false).is_err());
        assert!(score::<Skilled>(None, &[], &[5.0], false).is_err());
    }
}
