use super::*;
use crate::language::Script;
use crate::report::Report;

/// Plays what happens along a script, as told by `AT_MS WHAT …`, each deed done as soon as it is next.
fn played(script: &str, moments: &[(u64, Happened)]) -> Result<(), String> {
    let script = Script::read(script).unwrap();
    let case = &script.cases[0];
    let mut course = Course::new(case, Sight::Whole);
    let act = |course: &mut Course<'_>, at_ms| {
        while matches!(course.next(), Next::Do(_) | Next::HangUp) {
            course.done(at_ms);
        }
    };
    act(&mut course, 0);
    for (at_ms, what) in moments {
        course.passed(*at_ms);
        course.happened(Moment { at_ms: *at_ms, what: what.clone() });
        act(&mut course, *at_ms);
    }
    let (moments, difference, _) = course.into_parts();
    let report =
        Report { script: "x.yaml", case: None, moments: &moments, difference: difference.as_ref(), lasted_ms: 0 };
    if report.held() { Ok(()) } else { Err(report.text()) }
}

fn said(text: &str) -> Happened {
    Happened::Said(text.into())
}

fn asked(question: &str) -> Happened {
    Happened::Asked { question: question.into(), text: "Press 1.".into() }
}

fn set(name: &str, value: &str) -> Happened {
    Happened::Set { name: name.into(), value: value.into() }
}

fn ended(reason: &str) -> Happened {
    Happened::Ended { reason: reason.into(), detail: None, attributes: Some(vec![("tier".into(), "gold".into())]) }
}

fn failed() -> Happened {
    Happened::Failed { kind: "trap".into(), text: "unreachable".into() }
}

/// Whether it held; or else a part of what is told of the difference.
type Expected = Result<(), &'static str>;
type Row = (String, Vec<(u64, Happened)>, Expected);

#[test]
fn expectations_are_met_in_order_and_what_nobody_mentions_may_happen() {
    let steps = |steps: &str| format!("conversation: [{steps}]");
    let hello = || [(0, said("Hello.")), (5, asked("menu")), (9, set("a", "1")), (12, ended("completed"))];
    let late = || [(0, said("Hello.")), (9, set("a", "1")), (25, set("b", "2")), (26, ended("completed"))];
    let table: [Row; 24] = [
        (steps("hears: hello, asked: menu"), hello().into(), Ok(())),
        (steps("asked: menu"), hello().into(), Ok(())),
        (steps("hears: press 1"), hello().into(), Ok(())),
        (
            steps("asked: menu, hears: hello"),
            hello().into(),
            Err("expected  hears \"hello\"  x.yaml:1:29\n                but       the contact ends: completed"),
        ),
        (
            steps("hears: Goodbye"),
            hello().into(),
            Err(">>>      0.000  flow      says \"Hello.\"\n                expected  hears \"Goodbye\""),
        ),
        (steps("hears: hello, asked: other"), hello().into(), Err(">>>      0.005  flow      asks menu")),
        (steps("set: {a: 1}"), hello().into(), Ok(())),
        (steps("set: {a: 2}"), hello().into(), Err("but       sets a = 1")),
        (steps("hears: hello, within: 5ms, asked: menu"), hello().into(), Ok(())),
        (
            steps("hears: hello, within: 4ms, asked: menu"),
            hello().into(),
            Err("expected  asked question menu within 4 ms"),
        ),
        (steps("within: 3ms, set: {a: 1}"), hello().into(), Err("it has not happened")),
        (steps("never: {set: {a: /./}}, hears: hello"), hello().into(), Err("expected  never set a = /./")),
        (steps("hears: hello, never: {hears: hello}, asked: menu"), hello().into(), Ok(())),
        (format!("{}\nnever: [{{hears: hello}}]", steps("asked: menu")), hello().into(), Err("never hears \"hello\"")),
        // A bound holds for each name.
        (steps("hears: hello, within: 20ms, set: {a: 1, b: 2}"), late().into(), Err("set b = 2 within 20 ms")),
        (steps("hears: hello, within: 30ms, set: {a: 1, b: 2}"), late().into(), Ok(())),
        (format!("{}\nends: completed", steps("")), hello().into(), Ok(())),
        (format!("{}\nends: failed", steps("")), hello().into(), Err("expected  ends: failed")),
        (format!("{}\nends: {{within: 11ms}}", steps("")), hello().into(), Err("expected  an end within 11 ms")),
        (format!("{}\nends: {{attributes: {{tier: gold}}}}", steps("")), hello().into(), Ok(())),
        (
            format!("{}\nends: {{attributes: {{tier: silver}}}}", steps("")),
            hello().into(),
            Err("but       tier = gold"),
        ),
        (
            format!("{}\nends: {{attributes: {{other: x}}}}", steps("")),
            hello().into(),
            Err("attribute other is not set"),
        ),
        (format!("{}\nstrict: true", steps("hears: hello, asked: menu")), hello().into(), Err("but       sets a = 1")),
        (format!("{}\nstrict: true", steps("hears: hello, asked: menu, set: {a: 1}")), hello().into(), Ok(())),
    ];
    for (script, moments, expected) in table {
        match (played(&script, &moments), expected) {
            (Ok(()), Ok(())) => {}
            (Err(text), Err(part)) => assert!(text.contains(part), "{script}:\n{text}\nhas not: {part}"),
            (got, _) => panic!("{script}: {got:?}"),
        }
    }
}

#[test]
fn a_failure_of_the_flow_has_to_be_expected() {
    let moments =
        [(0, said("Hello.")), (1, failed()), (2, Happened::SteppedDown { to: "host".into() }), (3, ended("failed"))];
    let text = played("conversation: [hears: hello]\nends: failed", &moments).unwrap_err();
    assert!(text.contains("but       FAILS, trap: unreachable"), "{text}");
    played("conversation: [hears: hello, fails: trap, steps_down_to: host]\nends: failed", &moments).unwrap();
    assert!(played("conversation: [hears: hello, fails: deadline]\nends: failed", &moments).is_err());
}

#[test]
fn what_happens_while_the_caller_is_silent_can_be_expected_afterwards() {
    let script = Script::read("conversation: [hears: hello, silent: 1s, asked: menu]").unwrap();
    let mut course = Course::new(&script.cases[0], Sight::Whole);
    course.happened(Moment { at_ms: 0, what: said("Hello.") });
    assert!(matches!(course.next(), Next::Do(Step::Silent(_))));
    course.happened(Moment { at_ms: 500, what: asked("menu") });
    assert!(matches!(course.next(), Next::Do(Step::Silent(_))), "the silence lasts on");
    course.done(1_000);
    assert!(matches!(course.next(), Next::HangUp));
}

#[test]
fn nobody_can_act_in_a_conversation_that_is_over() {
    let text = played("conversation: [asked: menu, presses: 1]", &[(0, said("Hello.")), (1, ended("completed"))]);
    assert!(text.unwrap_err().contains("expected  asked question menu"));
    let script = Script::read("conversation: [presses: 1]").unwrap();
    let mut course = Course::new(&script.cases[0], Sight::Whole);
    course.happened(Moment { at_ms: 1, what: ended("completed") });
    let difference = course.difference().unwrap();
    assert_eq!((difference.expected.as_str(), difference.got.as_str()), ("presses 1", "the conversation is over"));
}

#[test]
fn what_a_centre_does_not_tell_is_left_unchecked_and_said() {
    let script =
        Script::read("conversation: [rings, looked_up: {kind: phone, outcome: found}, drew: a]\nends: completed")
            .unwrap();
    let mut course = Course::new(&script.cases[0], Sight::Events);
    let looked_up = |outcome: &str| Happened::LookedUp {
        directory: Some("bank".into()),
        kind: None,
        value: None,
        outcome: outcome.into(),
        took_ms: 5,
    };
    course.happened(Moment { at_ms: 1, what: looked_up("unknown") });
    course.happened(Moment { at_ms: 1, what: looked_up("found") });
    course.happened(Moment { at_ms: 2, what: ended("completed") });
    let (_, difference, unseen) = course.into_parts();
    assert_eq!(difference, None);
    assert_eq!(unseen.len(), 3, "{unseen:?}");
}

#[test]
fn a_conversation_without_end_is_a_difference() {
    let script = Script::read("conversation: [hears: never said]").unwrap();
    let mut course = Course::new(&script.cases[0], Sight::Whole);
    for at_ms in 0..60_000 {
        course.happened(Moment { at_ms, what: said("Hello.") });
    }
    assert!(course.difference().unwrap().got.contains("round in circles"));
    let mut course = Course::new(&script.cases[0], Sight::Whole);
    course.passed(DAY_MS + 1);
    assert!(course.difference().unwrap().got.contains("a day has passed"));
}

fn course(script: &Script, sight: Sight) -> Course<'_> {
    Course::new(&script.cases[0], sight)
}

#[test]
fn what_a_centre_does_not_tell_is_not_said_to_be_forbidden_either() {
    let text = "
strict: true
never: [{refused: enqueue}, {looked_up: {kind: phone}}, {hears: sorry}]
conversation: [never: {stored: {a: b}}, hears: hello, looked_up: {outcome: found}]
";
    let script = Script::read(text).unwrap();
    let mut course = course(&script, Sight::Events);
    course.happened(Moment { at_ms: 0, what: said("Hello.") });
    let looked_up =
        Happened::LookedUp { directory: None, kind: None, value: None, outcome: "found".into(), took_ms: 1 };
    course.happened(Moment { at_ms: 1, what: looked_up });
    let (_, difference, unseen) = course.into_parts();
    assert_eq!(difference, None);
    let unseen: Vec<&str> = unseen.iter().map(String::as_str).collect();
    assert_eq!(
        unseen,
        [
            "all of: never looked up kind phone (line 3)",
            "never refused call enqueue (line 3)",
            "never stored a = b (line 4)",
            "strict: what is fetched, stored and refused, and that a flow goes on as another",
        ]
    );
}

#[test]
fn on_a_real_call_nothing_is_waited_for_longer_than_a_minute_unless_the_script_says_so() {
    let script = Script::read("conversation: [hears: hello, within: 3m, hears: you]\nends: completed").unwrap();
    let mut course = course(&script, Sight::Events);
    assert_eq!(course.next(), Next::Wait { until_ms: 60_000 });
    course.happened(Moment { at_ms: 2_000, what: said("Hello.") });
    assert_eq!(course.next(), Next::Wait { until_ms: 182_000 });
    course.happened(Moment { at_ms: 100_000, what: said("You.") });
    assert_eq!(course.next(), Next::Wait { until_ms: 160_000 });
    course.passed(160_001);
    let difference = course.difference().unwrap();
    assert!(difference.got.contains("for 60 s"), "{difference:?}");
    let whole = Course::new(&script.cases[0], Sight::Whole);
    assert_eq!(whole.next(), Next::Wait { until_ms: DAY_MS });
}

#[test]
fn an_end_that_nobody_expects_is_no_success() {
    let hello = |end: &str| [(0, said("Hello.")), (1, ended(end))];
    for (steps, end, expected) in [
        ("conversation: [hears: hello]", "completed", Ok(())),
        ("conversation: [hears: hello]", "failed", Err("an end that is no failure")),
        ("conversation: []", "refused", Err("an end that is no failure")),
        ("conversation: [hears: hello]\nends: failed", "failed", Ok(())),
    ] {
        match (played(steps, &hello(end)), expected) {
            (Ok(()), Ok(())) => {}
            (Err(text), Err(part)) => assert!(text.contains(part), "{steps}: {text}"),
            (got, _) => panic!("{steps}, {end}: {got:?}"),
        }
    }
}

#[test]
fn silence_that_the_end_cuts_short_is_none_unless_the_script_says_how_it_ends() {
    for (text, happens, got) in [
        ("conversation: [hears: hello, silent: 1h]", vec![ended("completed")], Some("the conversation is over")),
        ("conversation: [hears: hello, silent: 1h]\nends: completed", vec![ended("completed")], None),
        (
            "conversation: [hears: hello, silent: 1h, set: {a: /1/}]\nends: completed",
            vec![set("a", "1"), ended("completed")],
            None,
        ),
        ("conversation: [hears: hello, listens]", vec![ended("completed")], None),
        // What is worse is told first.
        ("conversation: [hears: hello, silent: 1h]", vec![failed(), ended("failed")], Some("FAILS, trap: unreachable")),
    ] {
        let script = Script::read(text).unwrap();
        let mut course = course(&script, Sight::Whole);
        course.happened(Moment { at_ms: 0, what: said("Hello.") });
        for what in happens {
            course.happened(Moment { at_ms: 1, what });
        }
        assert_eq!(course.difference().map(|difference| difference.got.as_str()), got, "{text}");
    }
}

#[test]
fn never_holds_from_where_it_stands() {
    let script = Script::read("conversation: [silent: 4s, never: {set: {a: /./}}, hears: hello]").unwrap();
    for (at_ms, forbidden) in [(3_999, false), (4_000, true)] {
        let mut course = course(&script, Sight::Whole);
        if at_ms < 4_000 {
            course.happened(Moment { at_ms, what: set("a", "1") });
        }
        course.done(4_000);
        if at_ms >= 4_000 {
            course.happened(Moment { at_ms, what: set("a", "1") });
        }
        course.happened(Moment { at_ms: 4_001, what: said("Hello.") });
        assert_eq!(course.difference().is_some(), forbidden, "{at_ms}");
    }
}

#[test]
fn nobody_hangs_up_twice() {
    let script = Script::read("conversation: [hangs_up]").unwrap();
    let mut course = course(&script, Sight::Whole);
    assert_eq!(course.next(), Next::Do(&Step::HangsUp));
    course.done(5);
    assert!(matches!(course.next(), Next::Wait { .. }));
}
