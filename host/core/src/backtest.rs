//! What a back-test adds up to: a version of a flow, gone through the journals of contacts that have ended.
//!
//! Contacts are added one by one, in an order that is the caller's: the same contacts in the same order make the same
//! report. It stays small whatever the contacts are: groups and examples are bounded, and what finds no room is counted.

use crate::ids::ContactId;
use crate::replay::{Parting, Verdict};
use std::collections::BTreeMap;

/// Groups that a report keeps of each kind; contacts of others are counted in [`Groups::others`].
pub const MAX_GROUPS: usize = 100;
/// Examples of a group.
pub const MAX_EXAMPLES: usize = 5;
/// Of an example's detail, in bytes.
const MAX_DETAIL_BYTES: usize = 500;

/// A flow of a contact, gone through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Which of the contact's flows: they count from 0, and there is more than one where a flow went on as another, or
    /// stepped down to the safe flow.
    pub flow: u32,
    /// Entries of its journal.
    pub entries: u64,
    /// Entries that the version went through.
    pub reached: u64,
    /// Secret answers that zeros stood in for (journal rule 20).
    pub substituted: u64,
    /// What it came to.
    pub verdict: Verdict,
}

/// Why a contact was not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skip {
    /// Its key is destroyed (journal rule 20).
    Erased,
    /// No flow ran for it.
    NoFlow,
    /// Flows ran, and none of the deployment.
    OtherDeployment,
    /// Its journal can't be read: it was changed, cut short, or moved.
    Damaged,
    /// A newer Cordboard wrote its journal.
    NewerFormat,
    /// Its key isn't there.
    LostKey,
    /// It has no journal, or one with a hole: the store failed while it ran.
    Incomplete,
    /// Its journal is longer than is gone through.
    TooLong,
}

impl Skip {
    /// As reports have it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Erased => "erased",
            Self::NoFlow => "no-flow",
            Self::OtherDeployment => "other-deployment",
            Self::Damaged => "damaged",
            Self::NewerFormat => "newer-format",
            Self::LostKey => "lost-key",
            Self::Incomplete => "incomplete",
            Self::TooLong => "too-long",
        }
    }
}

/// A contact of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Which.
    pub contact: ContactId,
    /// Which of its flows, from 0.
    pub flow: u32,
    /// The entry where it happens.
    pub entry: u64,
    /// In full: what was expected and what came instead, or how it failed.
    pub detail: String,
}

/// Contacts that have a place in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// How many.
    pub contacts: u64,
    /// The first of them, at most [`MAX_EXAMPLES`].
    pub examples: Vec<Example>,
}

/// Groups by a key of two parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    groups: BTreeMap<(String, String), Group>,
    /// Contacts of groups beyond [`MAX_GROUPS`].
    pub others: u64,
}

impl Groups {
    fn add(&mut self, key: (String, String), example: Example) {
        if self.groups.len() >= MAX_GROUPS && !self.groups.contains_key(&key) {
            self.others += 1;
            return;
        }
        let group = self.groups.entry(key).or_default();
        group.contacts += 1;
        if group.examples.len() < MAX_EXAMPLES {
            group.examples.push(example);
        }
    }

    /// The largest first; those of one size by their key.
    pub fn sorted(&self) -> Vec<(&(String, String), &Group)> {
        let mut all: Vec<_> = self.groups.iter().collect();
        all.sort_by(|(key, group), (other, others)| others.contacts.cmp(&group.contacts).then(key.cmp(other)));
        all
    }
}

/// A back-test so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Contacts that were looked at: those compared and those skipped.
    pub looked_at: u64,
    /// Contacts compared.
    pub compared: u64,
    /// Of those: did all that their journals have, to the end.
    pub agreed: u64,
    /// Of those that agreed: would go on with a call of its own behind the end.
    pub went_on: u64,
    /// Of those compared: do something else.
    pub diverged: u64,
    /// Of those compared: failed, by how.
    pub failed: BTreeMap<&'static str, u64>,
    /// Of those that failed: where the flow that ran failed as well.
    pub failed_as_before: u64,
    /// Contacts that were not compared, by why.
    pub skipped: BTreeMap<Skip, u64>,
    /// Entries of the contacts compared.
    pub entries: u64,
    /// Entries gone through.
    pub entries_compared: u64,
    /// Contacts of whose secret digits nothing is known but how many they were: zeros stood in.
    pub substituted: u64,
    /// First differences, by what was expected and what came.
    pub differences: Groups,
    /// Failures, by how and by the call before.
    pub failures: Groups,
    /// Calls behind the journal's end, by where.
    pub beyond: Groups,
}

impl Tally {
    /// A contact that was not compared.
    pub fn skip(&mut self, why: Skip) {
        self.looked_at += 1;
        *self.skipped.entry(why).or_default() += 1;
    }

    /// A contact whose flows were compared in their order, up to the first that did not agree (rule 19).
    pub fn add(&mut self, contact: ContactId, flows: Vec<Compared>) {
        self.looked_at += 1;
        self.compared += 1;
        self.substituted += u64::from(flows.iter().any(|flow| flow.substituted > 0));
        let mut beyond = None;
        for Compared { flow, entries, reached, verdict, .. } in flows {
            self.entries += entries;
            self.entries_compared += if matches!(verdict, Verdict::Agreed { .. }) { entries } else { reached };
            let example = |entry, detail: String| Example { contact, flow, entry, detail: cut(detail) };
            match verdict {
                Verdict::Agreed { beyond: None } => {}
                Verdict::Agreed { beyond: Some(call) } => {
                    beyond.get_or_insert((call, example(entries, String::new())));
                }
                Verdict::Parted(Parting { what, expected, got }) => {
                    self.diverged += 1;
                    let detail = format!("expected {}, got {}", what.expected, what.got);
                    return self.differences.add((expected, got), example(what.entry, detail));
                }
                Verdict::Failed { entry, kind, detail, after, as_before } => {
                    self.failed_as_before += u64::from(as_before);
                    *self.failed.entry(kind).or_default() += 1;
                    let key = (kind.to_owned(), after.unwrap_or_default());
                    return self.failures.add(key, example(entry, detail));
                }
            }
        }
        self.agreed += 1;
        if let Some((call, example)) = beyond {
            self.went_on += 1;
            self.beyond.add((call, String::new()), example);
        }
    }

    /// Contacts that failed.
    pub fn all_failed(&self) -> u64 {
        self.failed.values().sum()
    }

    /// Contacts that were skipped.
    pub fn all_skipped(&self) -> u64 {
        self.skipped.values().sum()
    }

    /// The share of contacts compared that agreed, in thousandths of a percent; 0 where none was compared.
    pub fn agreement(&self) -> u32 {
        share(self.agreed, self.compared)
    }

    /// The share of entries compared, in thousandths of a percent; 0 where there are none.
    pub fn share_compared(&self) -> u32 {
        share(self.entries_compared, self.entries)
    }
}

/// Rounded down, so that all is all: 99.9999 % is not 100 %.
pub(crate) fn share(part: u64, whole: u64) -> u32 {
    let thousandths = u128::from(part) * 100_000 / u128::from(whole.max(1));
    u32::try_from(thousandths.min(100_000)).unwrap_or(100_000)
}

/// The first line of a text, as far as an example shows it.
pub(crate) fn cut(text: String) -> String {
    let line = text.lines().next().unwrap_or_default();
    let end = (0..=line.len().min(MAX_DETAIL_BYTES)).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
    line.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Divergence;

    fn compared(entries: u64, reached: u64, verdict: Verdict) -> Compared {
        Compared { flow: 0, entries, reached, substituted: 0, verdict }
    }

    fn agreed() -> Compared {
        compared(10, 9, Verdict::Agreed { beyond: None })
    }

    fn parted(expected: &str, got: &str) -> Compared {
        let what = Divergence { entry: 4, expected: format!("{expected} 7"), got: format!("{got} 8") };
        compared(10, 4, Verdict::Parted(Parting { what, expected: expected.into(), got: got.into() }))
    }

    fn failed(kind: &'static str) -> Compared {
        let (detail, after) = ("unreachable\n  in menu".into(), Some("ask menu".into()));
        compared(10, 2, Verdict::Failed { entry: 2, kind, detail, after, as_before: true })
    }

    #[test]
    fn contacts_add_up() {
        let mut tally = Tally::default();
        tally.add(ContactId(1), vec![agreed()]);
        tally.add(ContactId(2), vec![parted("ask", "say")]);
        tally.add(ContactId(3), vec![failed("trap")]);
        tally.add(ContactId(4), vec![compared(10, 10, Verdict::Agreed { beyond: Some("say".into()) })]);
        tally.skip(Skip::Erased);
        assert_eq!((tally.looked_at, tally.compared, tally.agreed, tally.went_on), (5, 4, 2, 1));
        assert_eq!((tally.diverged, tally.all_failed(), tally.failed_as_before, tally.all_skipped()), (1, 1, 1, 1));
        assert_eq!((tally.entries, tally.entries_compared), (40, 26));
        assert_eq!((tally.agreement(), tally.share_compared()), (50_000, 65_000));
        let (key, group) = tally.failures.sorted()[0];
        assert_eq!((key.0.as_str(), key.1.as_str(), group.contacts), ("trap", "ask menu", 1));
        assert_eq!(group.examples[0].detail, "unreachable", "the first line");
        assert_eq!(tally.beyond.sorted()[0].1.examples[0].entry, 10);
    }

    #[test]
    fn rule_19_nothing_behind_a_contacts_first_difference_counts() {
        let mut tally = Tally::default();
        let beyond = compared(5, 5, Verdict::Agreed { beyond: Some("say".into()) });
        tally.add(ContactId(1), vec![beyond, parted("a", "b"), agreed()]);
        assert_eq!((tally.agreed, tally.went_on, tally.diverged, tally.compared), (0, 0, 1, 1));
        assert_eq!((tally.entries, tally.entries_compared), (15, 9));
    }

    #[test]
    fn groups_are_in_one_order_and_bounded() {
        let mut tally = Tally::default();
        for contact in 0..MAX_GROUPS as u128 + 50 {
            tally.add(ContactId(contact), vec![parted(&format!("ask {contact:04}"), "say")]);
        }
        for contact in 0..8 {
            tally.add(ContactId(1000 + contact), vec![parted("ask 0007", "say")]);
        }
        let sorted = tally.differences.sorted();
        assert_eq!((sorted.len(), tally.differences.others), (MAX_GROUPS, 50));
        assert_eq!((sorted[0].0.0.as_str(), sorted[0].1.contacts), ("ask 0007", 9));
        assert_eq!(sorted[0].1.examples.len(), MAX_EXAMPLES);
        assert_eq!(sorted[0].1.examples[0].contact, ContactId(7), "the first come");
        assert_eq!((sorted[1].0.0.as_str(), sorted[2].0.0.as_str()), ("ask 0000", "ask 0001"));
    }

    #[test]
    fn shares_are_rounded_down() {
        for (part, whole, thousandths) in
            [(0, 0, 0), (1, 1, 100_000), (999_999_999, 1_000_000_000, 99_999), (2, 3, 66_666), (u64::MAX, 1, 100_000)]
        {
            assert_eq!(share(part, whole), thousandths, "{part} of {whole}");
        }
    }
}
