//! Arbitrary frames.

use cordboard_core::flow::{
    Address, Answer, Channel, Choice, ContactError, DigitsRule, FetchError, FetchRequest, FetchResponse, FlowEnd,
    HeaderValue, LookupError, LookupKey, Method, Place, Profile, Prompt, PromptPart, Question, QueueRequest,
    RejectCause, Reply, Request, SkillRequirement, Talk, TalkEnd, Treatment, TypeAhead, ValueError, WaitStatus,
};
use cordboard_core::ids::{AgentId, ContactId, DeploymentName, Digest, EntryPointName, TenantId, Version};
use cordboard_core::journal::{External, Frame, Opened};
use cordboard_core::time::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    "[ -~äß\u{0}🂡]{0,12}"
}

fn name() -> impl Strategy<Value = String> {
    "[a-z0-9][a-z0-9._-]{0,10}"
}

fn agent() -> impl Strategy<Value = AgentId> {
    name().prop_map(|name| AgentId::new(name).unwrap())
}

fn deployment() -> impl Strategy<Value = DeploymentName> {
    name().prop_map(|name| DeploymentName::new(name).unwrap())
}

fn version() -> impl Strategy<Value = Version> {
    any::<[u8; 32]>().prop_map(Digest)
}

fn at() -> impl Strategy<Value = Timestamp> {
    any::<u64>().prop_map(Timestamp)
}

fn key() -> impl Strategy<Value = char> {
    prop::sample::select("0123456789*#ABCDé".chars().collect::<Vec<_>>())
}

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    vec((text(), text()), 0..4)
}

fn address() -> impl Strategy<Value = Address> {
    (text(), option::of(text()), option::of(text())).prop_map(|(uri, number, display_name)| Address {
        uri,
        number,
        display_name,
    })
}

fn part() -> impl Strategy<Value = PromptPart> {
    prop_oneof![
        text().prop_map(PromptPart::Text),
        text().prop_map(PromptPart::Recording),
        any::<i64>().prop_map(PromptPart::Number),
        text().prop_map(PromptPart::Digits),
        (any::<i64>(), text()).prop_map(|(minor, currency)| PromptPart::Money { minor, currency }),
        any::<(u16, u8, u8)>().prop_map(|(year, month, day)| PromptPart::Date { year, month, day }),
        any::<u32>().prop_map(PromptPart::PauseMs),
    ]
}

fn prompt() -> impl Strategy<Value = Prompt> {
    vec(part(), 0..4).prop_map(Prompt)
}

fn choice() -> impl Strategy<Value = Choice> {
    (text(), option::of(key()), vec(text(), 0..3)).prop_map(|(id, key, words)| Choice { id, key, words })
}

fn digits() -> impl Strategy<Value = DigitsRule> {
    (any::<(u8, u8)>(), option::of(key())).prop_map(|((min, max), terminator)| DigitsRule { min, max, terminator })
}

fn question() -> impl Strategy<Value = Question> {
    let flush = prop_oneof![Just(TypeAhead::Keep), Just(TypeAhead::Flush)];
    (text(), prompt(), vec(choice(), 0..4), option::of(digits()), any::<(u32, u32)>(), flush, any::<bool>()).prop_map(
        |(id, prompt, choices, digits, (silence_timeout_ms, key_timeout_ms), type_ahead, secret)| Question {
            id,
            prompt,
            choices,
            digits,
            silence_timeout_ms,
            key_timeout_ms,
            type_ahead,
            secret,
        },
    )
}

fn end() -> impl Strategy<Value = FlowEnd> {
    prop_oneof![Just(FlowEnd::Completed), text().prop_map(FlowEnd::Failed), text().prop_map(FlowEnd::Other)]
}

fn cause() -> impl Strategy<Value = RejectCause> {
    use RejectCause as R;
    prop::sample::select(vec![R::Busy, R::NotFound, R::Forbidden, R::Unavailable])
}

fn queue_request() -> impl Strategy<Value = QueueRequest> {
    let skill = (text(), any::<u8>()).prop_map(|(name, min_level)| SkillRequirement { name, min_level });
    (text(), any::<i32>(), vec(skill, 0..3)).prop_map(|(queue, priority, skills)| QueueRequest {
        queue,
        priority,
        skills,
    })
}

fn lookup() -> impl Strategy<Value = Request> {
    (option::of(deployment()), text(), text(), any::<u32>()).prop_map(|(directory, kind, value, timeout_ms)| {
        Request::Lookup { key: LookupKey { directory, kind, value }, timeout_ms }
    })
}

fn wait() -> impl Strategy<Value = Request> {
    let treatment = (option::of(text()), any::<u32>())
        .prop_map(|(music, announce_position_every_ms)| Treatment { music, announce_position_every_ms });
    (any::<u64>(), option::of(treatment), any::<u32>()).prop_map(|(waiting, treatment, timeout_ms)| Request::Wait {
        waiting,
        treatment,
        timeout_ms,
    })
}

fn fetch() -> impl Strategy<Value = Request> {
    use Method as M;
    let method = prop_oneof![
        prop::sample::select(vec![M::Get, M::Head, M::Post, M::Put, M::Patch, M::Delete]),
        text().prop_map(M::Other),
    ];
    let value = prop_oneof![
        text().prop_map(HeaderValue::Text),
        (text(), text()).prop_map(|(prefix, key)| HeaderValue::Config { prefix, key }),
    ];
    let body = option::of(vec(any::<u8>(), 0..20));
    (method, text(), vec((text(), value), 0..3), body, vec(text(), 0..3), any::<u32>()).prop_map(
        |(method, url, headers, body, wanted_headers, timeout_ms)| Request::Fetch {
            request: FetchRequest { method, url, headers, body, wanted_headers },
            timeout_ms,
        },
    )
}

pub(crate) fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        text().prop_map(Request::Attribute),
        (text(), text()).prop_map(|(name, value)| Request::SetAttribute(name, value)),
        prop::sample::select(vec![Request::Ring, Request::Answer, Request::StopPlaying]),
        cause().prop_map(Request::Reject),
        text().prop_map(Request::Redirect),
        prompt().prop_map(Request::Say),
        (prompt(), any::<bool>()).prop_map(|(prompt, repeat)| Request::StartPlaying { prompt, repeat }),
        question().prop_map(Request::Ask),
        any::<u32>().prop_map(|duration_ms| Request::Pause { duration_ms }),
        lookup(),
        (text(), vec(any::<u32>(), 0..5)).prop_map(|(name, weights)| Request::Choose { name, weights }),
        queue_request().prop_map(Request::Enqueue),
        wait(),
        any::<u64>().prop_map(|waiting| Request::Leave { waiting }),
        text().prop_map(Request::LoadValue),
        (text(), option::of(text())).prop_map(|(key, value)| Request::StoreValue(key, value)),
        (text(), pairs()).prop_map(|(deployment, attributes)| Request::ContinueAs { deployment, attributes }),
        end().prop_map(Request::End),
        fetch(),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        text().prop_map(Answer::Choice),
        text().prop_map(Answer::Digits),
        any::<u8>().prop_map(Answer::SecretDigits),
        text().prop_map(Answer::Text),
        text().prop_map(Answer::NoMatch),
        Just(Answer::Silence),
    ]
}

fn contact_error() -> impl Strategy<Value = ContactError> {
    use ContactError as E;
    prop_oneof![
        prop::sample::select(vec![E::Ended, E::TakenOver, E::InterruptedConnected]),
        text().prop_map(E::Invalid),
        text().prop_map(E::NotNow),
        text().prop_map(E::Limit),
        text().prop_map(E::Other),
    ]
}

fn lookup_error() -> impl Strategy<Value = LookupError> {
    use LookupError as E;
    prop_oneof![
        prop::sample::select(vec![E::Timeout, E::Busy, E::Ended]),
        text().prop_map(E::Unavailable),
        text().prop_map(E::Unsupported),
        text().prop_map(E::Invalid),
        text().prop_map(E::Other),
    ]
}

fn value_error() -> impl Strategy<Value = ValueError> {
    use ValueError as E;
    prop_oneof![
        prop::sample::select(vec![E::Quota, E::NotGranted]),
        text().prop_map(E::Unavailable),
        text().prop_map(E::Invalid),
        text().prop_map(E::Other),
    ]
}

fn fetch_error() -> impl Strategy<Value = FetchError> {
    use FetchError as E;
    prop_oneof![
        prop::sample::select(vec![E::Timeout, E::Busy, E::NotGranted, E::TooLarge, E::UnknownOutcome, E::Ended]),
        text().prop_map(E::Unavailable),
        text().prop_map(E::Invalid),
        text().prop_map(E::Other),
    ]
}

fn fetched() -> impl Strategy<Value = Reply> {
    (any::<u16>(), pairs(), vec(any::<u8>(), 0..20))
        .prop_map(|(status, headers, body)| Reply::Fetched(FetchResponse { status, headers, body }))
}

fn waited() -> impl Strategy<Value = WaitStatus> {
    let place = (any::<(u32, u32)>(), any::<Option<u64>>(), any::<u64>())
        .prop_map(|((position, waiting), estimate_ms, waited_ms)| Place { position, waiting, estimate_ms, waited_ms });
    let by = prop_oneof![Just(TalkEnd::Person), Just(TalkEnd::Agent), text().prop_map(TalkEnd::Other)];
    let talk = (agent(), any::<u64>(), by).prop_map(|(agent, talked_ms, ended_by)| Talk { agent, talked_ms, ended_by });
    prop_oneof![
        place.prop_map(WaitStatus::StillWaiting),
        talk.prop_map(WaitStatus::Talked),
        text().prop_map(WaitStatus::Lost),
    ]
}

pub(crate) fn reply() -> impl Strategy<Value = Reply> {
    let profile = (text(), option::of(text()), pairs()).prop_map(|(id, display_name, fields)| Profile {
        id,
        display_name,
        fields,
    });
    prop_oneof![
        prop::sample::select(vec![Reply::Done, Reply::Enqueued]),
        contact_error().prop_map(Reply::Failed),
        option::of(text()).prop_map(Reply::Attribute),
        answer().prop_map(Reply::Answer),
        option::of(profile).prop_map(Reply::Profile),
        lookup_error().prop_map(Reply::LookupFailed),
        any::<u32>().prop_map(Reply::Chosen),
        waited().prop_map(Reply::Waited),
        option::of(text()).prop_map(Reply::Value),
        value_error().prop_map(Reply::ValueFailed),
        fetched(),
        fetch_error().prop_map(Reply::FetchFailed),
    ]
}

fn external() -> impl Strategy<Value = External> {
    use External as E;
    prop_oneof![
        prop::sample::select(vec![E::HungUp, E::EndedByOperator, E::TakenOver]),
        agent().prop_map(E::AgentAnswered),
        agent().prop_map(E::TalkEnded),
        (text(), text()).prop_map(|(name, value)| E::AttributeSet(name, value)),
        text().prop_map(E::SteppedDown),
    ]
}

fn opened() -> impl Strategy<Value = Frame> {
    let channel = prop::sample::select(vec![Channel::Voice, Channel::Text]);
    (at(), name(), any::<u128>(), channel, name(), address(), address()).prop_map(
        |(at, tenant, contact, channel, entry_point, origin, dialled)| {
            Frame::Opened(Opened {
                at,
                tenant: TenantId::new(tenant).unwrap(),
                contact: ContactId(contact),
                channel,
                entry_point: EntryPointName::new(entry_point).unwrap(),
                origin,
                dialled,
            })
        },
    )
}

/// Any frame, whether it makes sense or not.
pub(crate) fn frame() -> impl Strategy<Value = Frame> {
    prop_oneof![
        1 => opened(),
        1 => (any::<u64>(), at(), version(), deployment(), any::<u64>()).prop_map(
            |(from, at, version, deployment, seed)| Frame::Segment { from, at, version, deployment, seed }
        ),
        4 => (any::<u64>(), at(), request()).prop_map(|(entry, at, request)| Frame::Call { entry, at, request }),
        4 => (any::<u64>(), at(), reply(), option::of(version()))
            .prop_map(|(entry, at, reply, callee)| Frame::Outcome { entry, at, reply, callee }),
        2 => (any::<u64>(), at(), external()).prop_map(|(entry, at, act)| Frame::External { entry, at, act }),
        1 => (at(), any::<u64>(), text()).prop_map(|(at, entries, reason)| Frame::Closed { at, entries, reason }),
        1 => (at(), any::<u64>()).prop_map(|(at, entries)| Frame::Continued { at, entries }),
        1 => (any::<u64>(), at(), request()).prop_map(|(entry, at, request)| Frame::AskedAnew { entry, at, request }),
    ]
}
