//! The bounds that `wit/flow/0.1.0/flow.wit` states: just within and just outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use cordboard_core::flow::{
    Choice, DigitsRule, FlowEnd, LookupKey, Profile, Prompt, PromptPart, Question, QueueRequest, RejectCause, Request,
    SkillRequirement, Treatment, TypeAhead, check, check_attribute, check_profile,
};

fn x(bytes: usize) -> String {
    "x".repeat(bytes)
}

/// Each case: what it is, what is within, what is outside.
fn table(cases: Vec<(&str, Vec<Request>, Vec<Request>)>) {
    for (what, within, outside) in cases {
        for (at, request) in within.iter().enumerate() {
            assert_eq!(check(request), Ok(()), "{what}, within, {at}");
        }
        for (at, request) in outside.iter().enumerate() {
            let refusal = check(request).map(|()| format!("{what}, outside, {at}: taken")).unwrap_err();
            assert!((1..=200).contains(&refusal.len()), "{what}: {refusal}");
        }
    }
}

fn say(parts: Vec<PromptPart>) -> Request {
    Request::Say(Prompt(parts))
}

#[test]
fn calls_without_bounds() {
    let pause = |duration_ms| Request::Pause { duration_ms };
    table(vec![
        (
            "no arguments",
            vec![
                Request::Ring,
                Request::Answer,
                Request::StopPlaying,
                Request::Reject(RejectCause::Busy),
                Request::Leave { waiting: u64::MAX },
                Request::End(FlowEnd::Completed),
                Request::End(FlowEnd::Failed(String::new())),
            ],
            vec![],
        ),
        ("pause", vec![pause(0), pause(3_600_000)], vec![pause(3_600_001), pause(u32::MAX)]),
    ]);
}

#[test]
fn attributes() {
    let get = Request::Attribute;
    let set = |name: usize, value: usize| Request::SetAttribute(x(name), x(value));
    let go_on = |deployment: usize, count: usize, value: usize| Request::ContinueAs {
        deployment: x(deployment),
        attributes: vec![("n".into(), x(value)); count],
    };
    table(vec![
        (
            "a name read",
            vec![get(x(1)), get(x(128)), get("größe".into())],
            vec![get(x(0)), get(x(129)), get("a\nb".into())],
        ),
        ("a name set", vec![set(1, 0), set(128, 8192)], vec![set(0, 0), set(129, 0), set(1, 8193)]),
        ("a name of 128 bytes, not letters", vec![get("ä".repeat(64))], vec![get("ä".repeat(65))]),
        ("a deployment to continue as", vec![go_on(1, 0, 0), go_on(64, 0, 0)], vec![go_on(0, 0, 0), go_on(65, 0, 0)]),
        ("attributes to continue with", vec![go_on(1, 256, 0)], vec![go_on(1, 257, 0), go_on(1, 1, 8193)]),
        ("all of them", vec![go_on(1, 256, 2047)], vec![go_on(1, 256, 2048)]),
    ]);
    assert_eq!(check_attribute("vip", ""), Ok(()));
    assert!(check_attribute("", "").is_err() && check_attribute("a\u{7f}", "").is_err());
}

#[test]
fn targets() {
    let to = |target: &str| Request::Redirect(target.into());
    let long = |bytes: usize| Request::Redirect(format!("sip:{}", x(bytes - 4)));
    table(vec![(
        "a target",
        vec![to("sip:a@b"), to("sips:a@b;transport=tcp"), to("tel:+4930"), long(512)],
        vec![
            to(""),
            to("http://a"),
            to("SIP"),
            to("a@b"),
            long(513),
            to("sip:a b"),
            to("sip:a\r\nContact: x"),
            to("sip:a>"),
            to("<sip:a"),
            to("sip:\"a\""),
            to("sip:a\0"),
        ],
    )]);
}

#[test]
fn prompts() {
    let text = |bytes| PromptPart::Text(x(bytes));
    let money = |currency: &str| say(vec![PromptPart::Money { minor: i64::MIN, currency: currency.into() }]);
    let date = |month, day| say(vec![PromptPart::Date { year: 0, month, day }]);
    let digits = |digits: String| say(vec![PromptPart::Digits(digits)]);
    let recording = |name: String| say(vec![PromptPart::Recording(name)]);
    let pause = |ms| say(vec![PromptPart::PauseMs(ms)]);
    let numbers = |count| say(vec![PromptPart::Number(i64::MAX); count]);
    table(vec![
        ("parts", vec![numbers(1), numbers(64)], vec![numbers(0), numbers(65)]),
        ("a text", vec![say(vec![text(0)]), say(vec![text(4096)])], vec![say(vec![text(4097)])]),
        ("all the text", vec![say(vec![text(4096); 4])], vec![say([vec![text(4096); 4], vec![text(1)]].concat())]),
        ("a recording", vec![recording(x(1)), recording(x(128))], vec![recording(x(0)), recording(x(129))]),
        ("digits", vec![digits(x(0)), digits(x(64)), digits("é".repeat(64))], vec![digits(x(65))]),
        ("a currency", vec![money("EUR")], vec![money(""), money("eur"), money("EU"), money("EURO"), money("E1R")]),
        ("a date", vec![date(1, 1), date(12, 31)], vec![date(0, 1), date(13, 1), date(1, 0), date(1, 32)]),
        ("silence", vec![pause(0), pause(10_000)], vec![pause(10_001)]),
    ]);
    let playing = |prompt| Request::StartPlaying { prompt, repeat: true };
    assert_eq!(check(&playing(Prompt(vec![text(1)]))), Ok(()));
    assert!(check(&playing(Prompt(vec![]))).is_err());
}

fn choice(id: &str, key: Option<char>) -> Choice {
    Choice { id: id.into(), key, words: vec![] }
}

fn ask(change: impl FnOnce(&mut Question)) -> Request {
    let mut question = Question {
        id: "menu".into(),
        prompt: Prompt(vec![PromptPart::Number(1)]),
        choices: vec![choice("a", Some('1')), choice("b", None)],
        digits: None,
        silence_timeout_ms: 5000,
        key_timeout_ms: 2000,
        type_ahead: TypeAhead::Keep,
        secret: false,
    };
    change(&mut question);
    Request::Ask(question)
}

#[test]
fn questions() {
    let id = |bytes| ask(|question| question.id = x(bytes));
    let silence = |ms| ask(|question| question.silence_timeout_ms = ms);
    let key = |ms| ask(|question| question.key_timeout_ms = ms);
    let prompt = |parts| ask(|question| question.prompt = Prompt(vec![PromptPart::Number(0); parts]));
    table(vec![
        ("an id", vec![id(1), id(64)], vec![id(0), id(65)]),
        ("silence", vec![silence(100), silence(300_000)], vec![silence(99), silence(300_001)]),
        ("between keys", vec![key(100), key(60_000)], vec![key(99), key(60_001)]),
        ("the prompt", vec![prompt(1), prompt(64)], vec![prompt(0), prompt(65)]),
    ]);
}

#[test]
fn choices() {
    let count =
        |count: usize| ask(|question| question.choices = (0..count).map(|at| choice(&at.to_string(), None)).collect());
    let digits_alone = ask(|question| {
        question.choices.clear();
        question.digits = Some(DigitsRule { min: 1, max: 1, terminator: None });
    });
    let id = |bytes: usize| ask(|question| question.choices[0].id = x(bytes));
    let key = |key| ask(|question| question.choices[0].key = Some(key));
    let words = |count, bytes| ask(|question| question.choices[0].words = vec![x(bytes); count]);
    let twice = |id: &str, key| ask(|question| question.choices[1] = choice(id, key));
    table(vec![
        ("their number", vec![count(1), count(32), digits_alone], vec![count(0), count(33)]),
        ("an id", vec![id(1), id(64)], vec![id(0), id(65)]),
        ("a key", "0123456789*#ABCD".chars().map(key).collect(), "aEd +,\u{660}".chars().map(key).collect()),
        ("words", vec![words(0, 1), words(16, 128)], vec![words(17, 1), words(1, 0), words(1, 129)]),
        (
            "what is unique",
            vec![twice("b", Some('2')), twice("b", None)],
            vec![twice("a", None), twice("b", Some('1'))],
        ),
    ]);
}

#[test]
fn digits_rules() {
    let rule = |min, max, terminator| ask(|question| question.digits = Some(DigitsRule { min, max, terminator }));
    table(vec![
        (
            "how many",
            vec![rule(1, 1, None), rule(1, 64, None), rule(64, 64, None)],
            vec![rule(0, 1, None), rule(1, 0, None), rule(2, 1, None), rule(1, 65, None), rule(65, 64, None)],
        ),
        (
            "the terminator",
            vec![rule(1, 2, Some('#')), rule(1, 2, Some('A'))],
            vec![rule(1, 2, Some('E')), rule(1, 2, Some(' '))],
        ),
    ]);
}

#[test]
fn look_ups() {
    let lookup = |kind: usize, value: usize, timeout_ms| Request::Lookup {
        key: LookupKey { directory: None, kind: x(kind), value: x(value) },
        timeout_ms,
    };
    table(vec![
        ("the kind", vec![lookup(1, 1, 100), lookup(64, 1, 100)], vec![lookup(0, 1, 100), lookup(65, 1, 100)]),
        ("the value", vec![lookup(1, 512, 100)], vec![lookup(1, 0, 100), lookup(1, 513, 100)]),
        ("the time", vec![lookup(1, 1, 100), lookup(1, 1, 60_000)], vec![lookup(1, 1, 99), lookup(1, 1, 60_001)]),
    ]);
}

#[test]
fn draws() {
    let choose = |name: usize, weights: &[u32]| Request::Choose { name: x(name), weights: weights.into() };
    table(vec![
        ("the name", vec![choose(1, &[1]), choose(128, &[1])], vec![choose(0, &[1]), choose(129, &[1])]),
        (
            "the weights",
            vec![choose(1, &[u32::MAX; 32]), choose(1, &[0, 1])],
            vec![choose(1, &[]), choose(1, &[1; 33]), choose(1, &[0, 0])],
        ),
    ]);
}

#[test]
fn places() {
    let enqueue = |queue: usize, priority, skills: usize, level| {
        let skill = SkillRequirement { name: "german".into(), min_level: level };
        Request::Enqueue(QueueRequest { queue: x(queue), priority, skills: vec![skill; skills] })
    };
    let skill = |bytes: usize| {
        let skills = vec![SkillRequirement { name: x(bytes), min_level: 1 }];
        Request::Enqueue(QueueRequest { queue: "q".into(), priority: 0, skills })
    };
    table(vec![
        ("the queue", vec![enqueue(1, 0, 0, 1), enqueue(64, 0, 0, 1)], vec![enqueue(0, 0, 0, 1), enqueue(65, 0, 0, 1)]),
        (
            "the priority",
            vec![enqueue(1, -1000, 0, 1), enqueue(1, 1000, 0, 1)],
            vec![enqueue(1, -1001, 0, 1), enqueue(1, 1001, 0, 1), enqueue(1, i32::MIN, 0, 1)],
        ),
        ("skills", vec![enqueue(1, 0, 16, 1)], vec![enqueue(1, 0, 17, 1)]),
        ("a level", vec![enqueue(1, 0, 1, 1), enqueue(1, 0, 1, 10)], vec![enqueue(1, 0, 1, 0), enqueue(1, 0, 1, 11)]),
        ("a skill", vec![skill(1), skill(64)], vec![skill(0), skill(65)]),
    ]);
}

#[test]
fn waits() {
    let wait = |treatment, timeout_ms| Request::Wait { waiting: 0, treatment, timeout_ms };
    let every = |announce_position_every_ms| wait(Some(Treatment { music: None, announce_position_every_ms }), 100);
    let music = |bytes: usize, announce_position_every_ms| {
        wait(Some(Treatment { music: Some(x(bytes)), announce_position_every_ms }), 100)
    };
    table(vec![
        ("the time", vec![wait(None, 100), wait(None, 3_600_000)], vec![wait(None, 99), wait(None, 3_600_001)]),
        ("announcements", vec![every(0), every(5_000), every(600_000)], vec![every(1), every(4_999), every(600_001)]),
        (
            "music",
            vec![music(1, 0), music(128, 5_000)],
            vec![music(0, 0), music(129, 0), music(0, 5_000), music(129, 5_000)],
        ),
    ]);
}

#[test]
fn profiles() {
    let profile = |fields: usize, value: usize| Profile {
        id: "id".into(),
        display_name: Some("name".into()),
        fields: vec![("n".into(), x(value)); fields],
    };
    for (within, profile) in [
        (true, profile(0, 0)),
        (true, profile(512, 1022)),
        (false, profile(512, 1024)),
        (false, profile(513, 0)),
        (true, profile(63, 8192)),
        (false, profile(64, 8192)),
    ] {
        assert_eq!(check_profile(&profile).is_ok(), within, "{} fields", profile.fields.len());
    }
}
