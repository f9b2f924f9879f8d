//! What the fuzzer does with its bytes, and the test that replays its corpus: no part of the crate.

use cordboard_script::{Course, Happened, Moment, Next, Report, Script, Sight};

/// Reads bytes as a script, and goes along each of its cases with the same few moments. True if they are a script.
///
/// # Panics
/// If an error has no place or no words, or a course neither ends nor waits.
pub(crate) fn script(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let script = match Script::read(text) {
        Ok(script) => script,
        Err(error) => {
            assert!(error.line >= 1 && error.column >= 1 && !error.reason.is_empty(), "{error}");
            return false;
        }
    };
    for (case, sight) in script.cases.iter().flat_map(|case| [(case, Sight::Whole), (case, Sight::Events)]) {
        let mut course = Course::new(case, sight);
        for (at_ms, what) in (0..).zip(moments()) {
            for _ in 0..2_000 {
                match course.next() {
                    Next::Do(_) | Next::HangUp => course.done(at_ms),
                    Next::Wait { .. } | Next::Over => break,
                }
            }
            assert!(matches!(course.next(), Next::Wait { .. } | Next::Over), "deeds without end");
            course.happened(Moment { at_ms, what });
        }
        course.passed(u64::MAX);
        let (moments, difference, _) = course.into_parts();
        let report =
            Report { script: "x", case: None, moments: &moments, difference: difference.as_ref(), lasted_ms: 9 };
        assert_eq!(report.held(), !report.text().starts_with("FAILED"));
    }
    true
}

fn moments() -> Vec<Happened> {
    let text = |text: &str| text.to_owned();
    vec![
        Happened::Rings,
        Happened::LookedUp {
            directory: Some(text("bank")),
            kind: Some(text("phone")),
            value: None,
            outcome: text("found"),
            took_ms: 1,
        },
        Happened::Answered,
        Happened::Said(text("Welcome.")),
        Happened::Asked { question: text("main-menu"), text: text("Press 1.") },
        Happened::Chose { question: text("main-menu"), answer: text("balance") },
        Happened::Set { name: text("tier"), value: text("gold") },
        Happened::Queued { queue: text("default"), position: 1, priority: None },
        Happened::Failed { kind: text("trap"), text: text("unreachable") },
        Happened::Ended { reason: text("completed"), detail: None, attributes: None },
    ]
}
