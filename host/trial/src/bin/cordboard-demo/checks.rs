//! What must have happened, and whether it did.

use crate::say;
use std::time::Duration;

/// All claims of a run.
#[derive(Default)]
pub(crate) struct Checks(Vec<(String, Result<String, String>)>);

impl Checks {
    /// Keeps a claim with what was measured, or with what is wrong.
    pub(crate) fn add(&mut self, claim: &str, measured: anyhow::Result<String>) {
        self.0.push((claim.into(), measured.map_err(|error| format!("{error:#}"))));
    }

    /// Keeps a claim that holds or doesn't; `measured` is shown either way.
    pub(crate) fn that(&mut self, claim: &str, holds: bool, measured: impl Into<String>) {
        let measured = measured.into();
        self.0.push((claim.into(), if holds { Ok(measured) } else { Err(measured) }));
    }

    /// Something that should have worked did not.
    pub(crate) fn failed(&mut self, claim: &str, why: &str) {
        self.0.push((claim.into(), Err(why.into())));
    }

    /// Prints all of them; whether all hold.
    pub(crate) fn print(&self, took: Duration) -> bool {
        say("\nChecked");
        for (claim, result) in &self.0 {
            match result {
                Ok(measured) => say(&format!("  yes  {claim}{}", bracketed(measured))),
                Err(wrong) => say(&format!("  NO   {claim}{}", bracketed(wrong))),
            }
        }
        let wrong = self.0.iter().filter(|(_, result)| result.is_err()).count();
        let seconds = took.as_secs_f32();
        if wrong == 0 {
            say(&format!("\nEverything happened: {} checks, {seconds:.0} s.", self.0.len()));
        } else {
            say(&format!("\n{wrong} of {} checks failed, {seconds:.0} s.", self.0.len()));
        }
        wrong == 0
    }
}

fn bracketed(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" ({text})") }
}
