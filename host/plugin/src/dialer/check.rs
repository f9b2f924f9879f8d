//! Whether what a dialer is asked, and what it says, is within the contract's bounds. Pure.

use super::{DialInput, Lead, NextTry, Proposal};
use crate::asked::MAX_COLUMNS;
use crate::bindings::dialer_0_1_0::types;
use crate::error::AskError;
use std::collections::{BTreeMap, BTreeSet};

const MAX_LEADS: usize = 1000;
const MAX_LATEST: usize = 16;
const MAX_ID_BYTES: usize = 128;
const MAX_NAMES: usize = 16;
const MAX_NAME_BYTES: usize = 64;
const MAX_REASON_BYTES: usize = 512;
const AGAIN_MS: std::ops::RangeInclusive<u32> = 100..=600_000;
const AFTER_MS: std::ops::RangeInclusive<u64> = 1_000..=31_536_000_000;

/// Whether the input's own sizes agree.
pub(super) fn input(columns: &[String], leads: &[Lead]) -> Result<(), AskError> {
    let wrong = |text: &str| Err(AskError::Input(text.into()));
    if columns.len() > MAX_COLUMNS || leads.len() > MAX_LEADS {
        return wrong("more than 256 columns or 1,000 leads");
    }
    let mut ids = BTreeSet::new();
    for lead in leads {
        if lead.numbers.len() != columns.len() {
            return wrong("a lead has not as many numbers as there are columns");
        }
        if lead.id.is_empty() || lead.id.len() > MAX_ID_BYTES || lead.latest.len() > MAX_LATEST {
            return wrong("a lead's id isn't of 1 to 128 bytes, or it has more than 16 latest attempts");
        }
        if !ids.insert(lead.id.as_str()) {
            return wrong("two leads have the same id");
        }
    }
    Ok(())
}

/// Names that a plugin gives to numbers.
pub(super) fn names(what: &str, names: &[String]) -> Result<(), String> {
    let sound = |name: &String| !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.contains(char::is_control);
    if names.len() > MAX_NAMES || !names.iter().all(sound) {
        return Err(format!("it names more than 16 {what}, or one that isn't of 1 to 64 bytes"));
    }
    Ok(())
}

/// A proposal about the leads that were offered.
pub(super) fn proposal(proposal: types::Proposal, input: &DialInput, reasons: &[String]) -> Result<Proposal, AskError> {
    let mut offered: BTreeMap<&str, usize> =
        input.leads.iter().enumerate().map(|(place, lead)| (lead.id.as_str(), place)).collect();
    if proposal.order.len() > offered.len() {
        return Err(AskError::WrongCount { what: "leads", expected: offered.len(), got: proposal.order.len() });
    }
    let unknown = |id: &String| AskError::Contract(format!("`{}` was not offered, or twice in the order", shown(id)));
    // Taken out: one that comes again is as unknown as one that never was offered.
    let order = proposal.order.iter().map(|id| offered.remove(id.as_str()).ok_or_else(|| unknown(id)));
    let order = order.collect::<Result<Vec<_>, _>>()?;
    if !AGAIN_MS.contains(&proposal.again_ms) {
        return Err(AskError::Contract(format!("again-ms is {}, not within 100 to 600,000", proposal.again_ms)));
    }
    if proposal.reasons.len() != reasons.len() {
        return Err(AskError::WrongCount { what: "reasons", expected: reasons.len(), got: proposal.reasons.len() });
    }
    if proposal.reasons.iter().any(|number| !number.is_finite()) {
        return Err(AskError::NotFinite("reason"));
    }
    let listed = u32::try_from(order.len()).unwrap_or(u32::MAX);
    Ok(Proposal {
        dial: proposal.dial.min(input.figures.most).min(listed),
        order,
        again_ms: proposal.again_ms,
        reasons: reasons.iter().cloned().zip(proposal.reasons).collect(),
    })
}

pub(super) fn next_try(next: NextTry) -> Result<NextTry, AskError> {
    match &next {
        NextTry::AfterMs(ms) if !AFTER_MS.contains(ms) => {
            Err(AskError::Contract(format!("after-ms is {ms}, not within a second to a year")))
        }
        NextTry::Never(reason) if reason.is_empty() || reason.len() > MAX_REASON_BYTES => {
            Err(AskError::Contract("the reason for never isn't of 1 to 512 bytes".into()))
        }
        NextTry::AfterMs(_) | NextTry::Never(_) => Ok(next),
    }
}

fn shown(id: &str) -> String {
    crate::guest::shortened(id, MAX_ID_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialer::{Figures, Mode};
    use cordboard_core::time::Timestamp;

    fn lead(id: &str) -> Lead {
        Lead {
            id: id.into(),
            numbers: vec![1.0],
            attempts: 0,
            latest: vec![],
            local_minute: 600,
            local_weekday: 1,
            promised: None,
        }
    }

    fn asked(most: u32) -> DialInput {
        let figures = Figures {
            now: Timestamp::default(),
            mode: Mode::Power,
            ratio: None,
            agents_ready: 1,
            agents_talking: 0,
            agents_wrapping_up: 0,
            agents_expected: 0.0,
            ringing: 0,
            waiting: 0,
            lines_free: 9,
            most,
            answer_rate: None,
            ring_time_ms: 0,
            handle_time_ms: 0,
            abandon_rate: 0.0,
            abandon_cap: 0.03,
            leads_ready: 2,
        };
        DialInput { columns: Arc::from(["age".to_owned()]), figures, leads: vec![lead("a"), lead("b")] }
    }

    use std::sync::Arc;

    fn proposed(dial: u32, order: &[&str], again_ms: u32, reasons: &[f32]) -> Result<Proposal, AskError> {
        let order = order.iter().map(|id| (*id).to_owned()).collect();
        let said = types::Proposal { dial, order, again_ms, reasons: reasons.to_vec() };
        proposal(said, &asked(5), &["pace".to_owned()])
    }

    #[test]
    fn a_proposal_is_about_what_was_offered_and_never_beyond_the_hosts_own_bound() {
        let good = proposed(1_000_000, &["b", "a"], 1000, &[1.5]).unwrap();
        assert_eq!((good.dial, good.order.as_slice()), (2, [1, 0].as_slice()), "as many as are listed");
        assert_eq!(good.reasons, [("pace".to_owned(), 1.5)]);
        assert_eq!(proposed(0, &[], 100, &[0.0]).unwrap().dial, 0);
        let cut = types::Proposal { dial: 2, order: vec!["a".into(), "b".into()], again_ms: 100, reasons: vec![] };
        assert_eq!(proposal(cut, &asked(1), &[]).unwrap().dial, 1, "as many as the host would start");
        assert!(matches!(proposed(1, &["c"], 1000, &[0.0]), Err(AskError::Contract(text)) if text.contains("`c`")));
        assert!(matches!(proposed(1, &["a", "a"], 1000, &[0.0]), Err(AskError::Contract(_))));
        assert!(matches!(proposed(1, &["a", "b", "a"], 1000, &[0.0]), Err(AskError::WrongCount { .. })));
        assert!(matches!(proposed(1, &["a"], 99, &[0.0]), Err(AskError::Contract(_))));
        assert!(matches!(proposed(1, &["a"], 1000, &[]), Err(AskError::WrongCount { what: "reasons", .. })));
        assert_eq!(proposed(1, &["a"], 1000, &[f32::NAN]), Err(AskError::NotFinite("reason")));
    }

    #[test]
    fn an_input_that_contradicts_itself_is_refused() {
        let columns = ["age".to_owned()];
        assert!(input(&columns, &[lead("a"), lead("b")]).is_ok());
        for leads in [
            vec![lead("a"), lead("a")],
            vec![lead("")],
            vec![lead(&"x".repeat(129))],
            vec![Lead { numbers: vec![], ..lead("a") }],
        ] {
            assert!(matches!(input(&columns, &leads), Err(AskError::Input(_))), "{leads:?}");
        }
    }

    #[test]
    fn the_next_try_is_bounded() {
        for (next, sound) in [
            (NextTry::AfterMs(1_000), true),
            (NextTry::AfterMs(999), false),
            (NextTry::AfterMs(u64::MAX), false),
            (NextTry::Never("wrong number".into()), true),
            (NextTry::Never(String::new()), false),
            (NextTry::Never("x".repeat(513)), false),
        ] {
            assert_eq!(next_try(next.clone()).is_ok(), sound, "{next:?}");
        }
    }

    #[test]
    fn names_are_few_and_short() {
        assert!(names("reasons", &["pace".to_owned()]).is_ok());
        for bad in [vec![String::new()], vec!["x".repeat(65)], vec!["a\nb".to_owned()], vec!["a".to_owned(); 17]] {
            assert!(names("reasons", &bad).is_err());
        }
    }
}
