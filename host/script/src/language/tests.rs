use super::*;

const WHOLE: &str = r#"
name: greeting
flow: reception
config: {queue: support, survey: off, max-wait-s: 600}
caller: {number: "+15550001", name: Ada, dials: 100}
at: 2026-12-24T17:30:00Z
seed: 7
draws: {greeting: 1}
backend:
  - {method: POST, url: "https://crm.example/orders", body: cord, answers: {status: 201, headers: {Location: /1}, json: {id: 1}}}
  - {url: /slow/, after: 3s, fails: unknown-outcome, times: 2}
  - {method: get, answers: 404}
directory:
  - {kind: phone, value: "+15550001", answers: {id: c1, name: Ada, fields: {tier: gold}}}
  - {kind: account, value: /^7/, after: 3s, fails: timeout, times: 1}
queues:
  - {name: support, waiting: 2, room: 10, rings_for: 5s, wrap_up: 10s, skills: {english: 3}}
agents:
  - {id: 7001, queue: support, answers_after: 2s, talks: 30s}
  - {id: "7002", rejects_after: 1s, ready: false, skills: {english: 9}}
  - {id: "7003", ignores: true}
values: {opening: late}
safe_flow: night
fallback_queue: support
never:
  - hears: sorry
conversation:
  - rings
  - answered
  - hears: Welcome
  - within: 5s
  - asked: {question: main-menu, text: press 1}
  - presses: 0123#
  - presses: 1
  - silent: 1.5s
  - listens
  - chose: {question: main-menu, answer: balance}
  - looked_up: {kind: account, outcome: timeout}
  - fetched: {method: POST, url: /orders$/, body: cord, outcome: 201}
  - set: {intent: balance, tier: /gold|silver/}
  - stored: {opening: early}
  - removed: opening
  - loaded: {key: opening, value: late}
  - drew: {name: greeting, index: 1}
  - never: {looked_up: phone}
  - queued: {queue: support, priority: 10, position: 3}
  - rings_agent: 7001
  - missed_by: "7002"
  - agent_ready: "7002"
  - agent_not_ready: "7003"
  - talks_with: "7001"
  - agent_hangs_up
  - talk_ended: agent
  - left_queue: lost
  - refused: {call: enqueue, error: limit}
  - operator_sets: {vip: "yes"}
  - operator_ends
  - queue_closes: support
  - continues_as: night
  - logs: /warn/
  - fails: trap
  - steps_down_to: safe-flow
  - hangs_up
ends: {reason: completed, within: 2m, attributes: {tier: gold}}
"#;

#[test]
fn every_word_of_the_language_is_read() {
    let script = Script::read(WHOLE).unwrap();
    let [case] = script.cases.as_slice() else { panic!("{} cases", script.cases.len()) };
    assert_eq!(
        case.config,
        [("max-wait-s", "600"), ("queue", "support"), ("survey", "off")].map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    assert_eq!(case.at.as_ms(), 1_798_133_400_000);
    // Two names that are set are two expectations.
    assert_eq!(case.steps.len(), 37);
    let order = case.backend[0].answers.clone().unwrap();
    assert_eq!((order.status, order.body.as_str()), (201, r#"{"id":1}"#));
    let headers: Vec<String> = order.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(headers, ["location: /1", "content-type: application/json"]);
    assert_eq!(case.backend[2].answers.as_ref().map(|response| response.status), Some(404));
    let keys = case.steps.iter().filter_map(|step| match &step.what {
        Step::Presses(keys) => Some(keys.0.as_str()),
        _ => None,
    });
    assert_eq!(keys.collect::<Vec<_>>(), ["0123#", "1"]);
    assert_eq!((case.steps[0].line, case.steps[0].column), (28, 5));
    assert_eq!(case.agents[0].manner, Manner::Answers { after_ms: 2_000, talks_ms: Some(30_000) });
    assert_eq!(case.agents[1].manner, Manner::Rejects { after_ms: 1_000 });
    assert_eq!(case.ends.as_ref().unwrap().within, Some(Span(120_000)));
    // Each reads as a sentence.
    for step in &case.steps {
        assert!(!step.what.to_string().contains("Some"), "{}", step.what);
    }
}

#[test]
fn what_is_left_out_has_its_default() {
    let script = Script::read("conversation: [hangs_up]\nagents: [{id: a, queue: sales}]").unwrap();
    let case = &script.cases[0];
    let names: Vec<&str> = case.queues.iter().map(|queue| queue.name.as_str()).collect();
    assert_eq!(names, ["default", "sales"]);
    assert_eq!(case.caller.origin.number.as_deref(), Some("+15550100"));
    assert_eq!(case.fallback_queue.as_ref().map(|queue| queue.as_str()), Some("default"));
    assert!(case.directory.is_none() && case.values.is_none() && case.ends.is_none() && !case.strict);
}

#[test]
fn a_case_says_what_is_other_than_in_the_script() {
    let text = "
config: {queue: support, survey: on}
caller: {number: '1'}
conversation: [hears: Welcome]
ends: completed
cases:
  - {name: plain}
  - {name: no survey, config: {survey: off}, caller: {anonymous: true}, ends: {reason: failed}}
";
    let script = Script::read(text).unwrap();
    let [plain, other] = script.cases.as_slice() else { panic!("{script:?}") };
    assert_eq!(
        plain.config,
        other
            .config
            .iter()
            .map(|(name, value)| { (name.clone(), if name == "survey" { "on".into() } else { value.clone() }) })
            .collect::<Vec<_>>()
    );
    assert_eq!((plain.caller.origin.number.as_deref(), other.caller.origin.number.as_deref()), (Some("1"), None));
    let reason = |case: &Case| case.ends.clone().unwrap().reason.unwrap().plain().unwrap().to_owned();
    assert_eq!((reason(plain), reason(other)), ("completed".into(), "failed".into()));
    assert_eq!(plain.steps, other.steps);
}

#[test]
// tidy: long-function: a table.
fn what_is_wrong_is_told_with_its_place() {
    let steps = |steps: &str| format!("conversation:\n{steps}");
    for (text, line, column, part) in [
        (String::new(), 1, 1, "there is no `conversation`"),
        ("caller: {number: '1'}".into(), 1, 1, "there is no `conversation`"),
        ("conversatio: []".into(), 1, 1, "unknown field `conversatio`"),
        ("conversation: 5".into(), 1, 15, "sequence"),
        (steps("  - hears: Welcome\n  - heers: a\n"), 3, 5, "unknown variant `heers`, expected one of presses, silent"),
        (steps("  - silent: 4x\n"), 2, 13, "`4x` is no time such as 700ms"),
        (steps("  - silent: 25h\n"), 2, 13, "longer than a day"),
        (steps("  - presses: 1E\n"), 2, 14, "`1E` is not 1 to 64 keys"),
        (steps("  - hears: /(a/\n"), 2, 12, "no regular expression: unclosed group"),
        (steps("  - asked: {id: a}\n"), 2, 13, "unknown field `id`, expected one of question, text"),
        (steps("  - hears: a\n    silent: 1s\n"), 3, 5, ""),
        (steps("  - hears: [a\n"), 2, 12, ""),
        (steps("  - never: {presses: 1}\n"), 2, 5, "`never` has something that can happen"),
        (steps("  - never: {set: {a: b, c: d}}\n"), 2, 5, "one name at a time"),
        (steps("  - within: 1s\n  - presses: 1\n"), 2, 5, "after `within` comes what is expected"),
        (steps("  - within: 1s\n"), 2, 5, "after `within` comes what is expected"),
        (steps("  - set: {}\n"), 2, 5, "nothing is expected"),
        ("conversation: []\nat: tomorrow".into(), 2, 5, "is no moment such as"),
        ("conversation: []\nconfig: {a: 1, a: 2}".into(), 2, 16, "duplicate mapping key: a"),
        ("conversation: []\nconfig: {a: [1]}".into(), 2, 13, "string"),
        ("conversation: []\nsafe_flow: 'a b'".into(), 2, 12, "deployment `a b` is not valid"),
        (
            "conversation: []\nagents: [{id: a, ignores: true, rejects_after: 1s}]".into(),
            2,
            10,
            "one of `answers_after`",
        ),
        ("conversation: []\nagents: [{id: a}, {id: a}]".into(), 2, 19, "there is an agent `a` already"),
        ("conversation: []\nagents: [{id: a, skills: {x: 11}}]".into(), 2, 10, "level 11, not 1 to 10"),
        ("conversation: []\nqueues: [{name: a, waiting: 101}]".into(), 2, 10, "at most 100 wait"),
        ("conversation: []\nqueues: [{name: b}]\nagents: [{id: a, queue: c}]".into(), 3, 10, "not among the queues"),
        ("conversation: []\ndirectory: [{answers: {id: a}, fails: busy}]".into(), 2, 13, "either `answers` or `fails`"),
        ("conversation: []\ncaller: {number: 'a b'}".into(), 2, 9, "can't be called"),
        (steps("  - hears:\n"), 2, 10, "there is nothing here where a text is expected"),
        (steps("  - hears: ' '\n"), 2, 12, "a blank text is in everything"),
        (steps("  - hangs_up\n  - presses: 1\n"), 3, 5, "the caller has hung up"),
        (steps("  - hangs_up\n  - hangs_up\n"), 3, 5, "the caller has hung up"),
        (steps("  - hangs_up\n  - talk_ended: person\n  - agent_hangs_up\n"), 4, 5, "the caller has hung up"),
        (steps("  - queue_closes: typo\n"), 2, 5, "there is no queue `typo`: there are default"),
        (steps("  - agent_ready: typo\n"), 2, 5, "there is no agent `typo`"),
        (steps(&format!("  - operator_sets: {{{}: b}}\n", "a".repeat(129))), 2, 5, "attribute name"),
        ("conversation: []\nfallback_queue: typo".into(), 2, 17, "there is no queue `typo`"),
        ("conversation: []\nsafe_flow: flow".into(), 2, 12, "the name `flow` is taken"),
        ("conversation: []\ndirectory: [{directory: flow}]".into(), 2, 13, "the name `flow` is taken"),
        ("conversation: []\nqueues: [{name: a, waiting: 5, room: 2}]".into(), 2, 10, "room for fewer"),
        ("conversation: []\nagents: [{id: a, ignores: true, talks: 1s}]".into(), 2, 10, "for agents who answer"),
        ("conversation: []\nbackend: [{url: 'https://a/'}]".into(), 2, 11, "either `answers` or `fails`"),
        ("conversation: []\nbackend: [{url: /orders, answers: 200}]".into(), 2, 11, "neither a URL"),
        ("conversation: []\nbackend: [{answers: 99}]".into(), 2, 11, "no status of a response"),
        ("conversation: []\nbackend: [{answers: {headers: {'a b': c}}}]".into(), 2, 11, "is no header"),
        ("conversation: []\nbackend: [{answers: {body: a, json: b}}]".into(), 2, 21, "either `body` or `json`"),
        ("conversation: []\nbackend: [{fails: ended}]".into(), 2, 19, "unknown variant `ended`"),
        ("conversation: []\ncases: [{ends: failed}]".into(), 2, 9, "a case needs a `name`"),
        ("conversation: []\ncases: [{name: a}, {name: a}]".into(), 2, 20, "there is a case `a` already"),
        ("conversation: []\ncases: [{name: a, cases: []}]".into(), 2, 9, "no cases of its own"),
        ("a: &a [*a]".into(), 1, 1, ""),
        ("conversation: []\n---\nconversation: []".into(), 2, 1, ""),
        (format!("conversation: {}{}", "[".repeat(40), "]".repeat(40)), 1, 0, ""),
        ("conversation: [{never: {never: {hears: a}}}]".into(), 1, 16, "`never` has something that can happen"),
    ] {
        let error = Script::read(&text).unwrap_err();
        assert!(error.reason.contains(part), "{text}: {error}");
        if !part.is_empty() {
            assert_eq!((error.line, error.column), (line, column), "{text}: {error}");
        }
        assert!(!error.reason.contains("at line"), "{error}");
    }
}

#[test]
fn a_script_is_bounded() {
    let long = format!("conversation: []\n# {}", "a".repeat(MAX_SCRIPT_BYTES));
    assert!(Script::read(&long).unwrap_err().reason.contains("at most"));
    let steps = format!("conversation:\n{}", "  - listens\n".repeat(1_001));
    assert!(Script::read(&steps).unwrap_err().reason.contains("1001 steps"));
    let cases: String = (0..201).map(|at| format!("  - {{name: c{at}}}\n")).collect();
    assert!(Script::read(&format!("conversation: []\ncases:\n{cases}")).unwrap_err().reason.contains("201 cases"));
    // Each line doubles what the one before stands for.
    let bomb: String = (1..30).map(|at| format!("  x{at}: &x{at} {{a: *x{0}, b: *x{0}}}\n", at - 1)).collect();
    assert!(Script::read(&format!("config:\n  x0: &x0 a\n{bomb}conversation: []")).is_err());
}

#[test]
fn a_number_is_a_text_as_it_is_written() {
    for text in ["1", "0123", "1_000", "0x10", "0o17", "+1", "-1", "1.50", "1e3", "true", "True", "off", "2026-03-02"] {
        for (form, script) in [
            ("short", format!("conversation: [{{chose: {text}}}]")),
            ("short, of an alias", format!("conversation: [{{chose: &a {text} }}, {{chose: *a}}]")),
            ("long", format!("conversation: [{{chose: {{answer: {text}}}}}]")),
            ("after what isn't ASCII", format!("name: ä€😀\nconversation:\n  - chose: {text}\n")),
        ] {
            let script = Script::read(&script).unwrap_or_else(|error| panic!("{script}: {error}"));
            for step in &script.cases[0].steps {
                let Step::Chose(chose) = &step.what else { panic!("{}", step.what) };
                assert_eq!(chose.answer.as_ref().and_then(Value::plain), Some(text), "{form}");
            }
        }
    }
}
