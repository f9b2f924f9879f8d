//! The bounds that `wit/flow/0.2.0/flow.wit` states: just within and just outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use cordboard_core::flow::{
    Choice, DigitsRule, FetchRequest, FetchResponse, FlowEnd, HeaderValue, LookupKey, Method, Profile, Prompt,
    PromptPart, Question, QueueRequest, RejectCause, Request, SkillRequirement, Treatment, TypeAhead, check,
    check_attribute, check_profile, check_response,
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

fn get() -> FetchRequest {
    FetchRequest { method: Method::Get, url: "http://a/".into(), headers: vec![], body: None, wanted_headers: vec![] }
}

fn fetch(request: FetchRequest) -> Request {
    Request::Fetch { request, timeout_ms: 1000 }
}

#[test]
fn requests_to_places_outside() {
    let url = |url: &str| fetch(FetchRequest { url: url.into(), ..get() });
    let method = |method| fetch(FetchRequest { method, ..get() });
    let other = |name: &str| method(Method::Other(name.into()));
    let body = |method, bytes| fetch(FetchRequest { method, body: Some(vec![b'x'; bytes]), ..get() });
    let time = |timeout_ms| Request::Fetch { request: get(), timeout_ms };
    table(vec![
        (
            "the url",
            vec![
                url("http://a"),
                url("HTTPS://a:8443/b?c=%20&d[]={e}"),
                url("http://[::1]:80/"),
                url(&format!("http://{}", x(2041))),
            ],
            [
                "",
                "http://",
                "https:///a",
                "//a/b",
                "/a",
                "ftp://a/",
                "file:///etc/passwd",
                "http://a b/",
                "http://a/\r\nb",
                "http://a/#b",
                "http://u:p@a/",
                "http://?a",
                "http://a/<",
                "http://ä/",
                "httpx://a/",
            ]
            .iter()
            .map(|bad| url(bad))
            .chain([url(&format!("http://{}", x(2042)))])
            .collect(),
        ),
        (
            "the method",
            vec![method(Method::Head), method(Method::Delete), other("OPTIONS"), other(&"X".repeat(32))],
            ["", "get", "GET", "POST", "CONNECT", "TRACE", "A B"]
                .map(other)
                .into_iter()
                .chain([other(&"X".repeat(33))])
                .collect(),
        ),
        (
            "the body",
            vec![body(Method::Post, 0), body(Method::Put, 65_536), method(Method::Post)],
            vec![body(Method::Post, 65_537), body(Method::Get, 0), body(Method::Head, 1)],
        ),
        ("the time", vec![time(100), time(60_000)], vec![time(99), time(60_001)]),
    ]);
}

#[test]
fn headers_of_requests() {
    let headers = |headers: Vec<(String, HeaderValue)>| fetch(FetchRequest { headers, ..get() });
    let text = |name: &str, value: &str| headers(vec![(name.into(), HeaderValue::Text(value.into()))]);
    let config = |name: &str, prefix: &str, key: &str| {
        headers(vec![(name.into(), HeaderValue::Config { prefix: prefix.into(), key: key.into() })])
    };
    let many = |count: usize, bytes: usize| {
        headers((0..count).map(|at| (format!("x-{at:02}"), HeaderValue::Text(x(bytes)))).collect())
    };
    let twice = |other: &str| headers(["x-a", other].map(|name| (name.into(), HeaderValue::Text("1".into()))).into());
    let wanted = |names: &[&str]| {
        fetch(FetchRequest { wanted_headers: names.iter().map(|name| (*name).into()).collect(), ..get() })
    };
    table(vec![
        (
            "a name",
            vec![text("x", ""), text(&x(64), "")],
            vec![text("", ""), text(&x(65), ""), text("a b", ""), text("ä", "")],
        ),
        (
            "a value",
            vec![text("accept", "a\tb ~"), text("x", &x(4096))],
            vec![text("x", "a\nb"), text("x", "a\rb"), text("x", "ä"), text("x", "\0"), text("x", &x(4097))],
        ),
        (
            "the host's own",
            vec![text("idempotency-key", "mine"), text("accept-encoding", "gzip")],
            ["Host", "content-length", "Transfer-Encoding", "connection", "te", "expect", "proxy-authorization"]
                .map(|name| text(name, "x"))
                .into(),
        ),
        (
            "what proves who asks",
            vec![
                config("authorization", "Bearer ", "token"),
                config("cookie", "", &x(128)),
                config("x-api-key", &x(64), "k"),
            ],
            vec![
                text("Authorization", "Bearer x"),
                text("cookie", "a=b"),
                config("authorization", "", ""),
                config("authorization", "", &x(129)),
                config("authorization", &x(65), "k"),
                config("authorization", "a\r\n", "k"),
            ],
        ),
        ("how many", vec![many(32, 1), many(4, 4091)], vec![many(33, 1), many(4, 4093), twice("X-A")]),
        (
            "the wanted ones",
            vec![wanted(&["location"; 16]), wanted(&[])],
            vec![wanted(&["location"; 17]), wanted(&["a:b"]), wanted(&["Set-Cookie"])],
        ),
    ]);
}

#[test]
fn responses() {
    let of = |status, headers: usize, bytes: usize, body: usize| FetchResponse {
        status,
        headers: vec![("n".into(), x(bytes)); headers],
        body: vec![0; body],
    };
    for (within, response) in [
        (true, of(100, 0, 0, 0)),
        (true, of(599, 64, 255, 131_072)),
        (false, of(99, 0, 0, 0)),
        (false, of(200, 65, 0, 0)),
        (false, of(200, 64, 256, 0)),
        (false, of(200, 0, 0, 131_073)),
    ] {
        assert_eq!(check_response(&response).is_ok(), within, "{} {}", response.status, response.headers.len());
    }
}
