//! Contacts, their journals and the decisions about them.

use crate::client::Server;
use crate::samples::{agent, contact, decision, deployment, entry_point, queue, record, view};
use cordboard_core::flow::*;
use cordboard_core::ids::{Digest, TenantId};
use cordboard_core::journal::{External, Frame, Journal, Opened};
use cordboard_store::RecordFilter;
use hyper::Method;
use serde_json::{Value, json};

/// Live contacts and records with these numbers.
async fn server(live: &[u64], ended: &[u64]) -> Server {
    let server = Server::start().await;
    {
        let mut state = server.centre.state.lock().unwrap();
        state.live.extend(live.iter().map(|n| view(*n)));
        state.records.extend(ended.iter().map(|n| record(*n)));
    }
    server
}

/// The numbers of the contacts of a page.
fn numbers(page: &Value) -> Vec<u64> {
    let ids = page["contacts"].as_array().unwrap().iter().map(|contact| contact["id"].as_str().unwrap());
    ids.map(|id| id.parse::<cordboard_core::ids::ContactId>().unwrap().0 as u64).collect()
}

#[tokio::test]
async fn both_kinds_are_listed_newest_first() {
    let server = server(&[2, 7, 9], &[1, 3, 8]).await;
    assert_eq!(numbers(&server.get("/v1/contacts").await.good()), [9, 8, 7, 3, 2, 1]);
    assert_eq!(numbers(&server.get("/v1/contacts?live=true").await.good()), [9, 7, 2]);
    assert_eq!(numbers(&server.get("/v1/contacts?live=false").await.good()), [8, 3, 1]);
}

#[tokio::test]
async fn pages_miss_and_repeat_nothing() {
    let live: Vec<u64> = (0..40).filter(|n| n % 3 == 0).collect();
    let ended: Vec<u64> = (0..40).filter(|n| n % 3 != 0).collect();
    let server = server(&live, &ended).await;
    for (kind, wanted) in [("", (0..40).rev().collect()), ("&live=true", rev(&live)), ("&live=false", rev(&ended))] {
        for limit in [1, 2, 3, 7, 40, 200] {
            let (mut all, mut before) = (Vec::new(), String::new());
            loop {
                let page = server.get(&format!("/v1/contacts?limit={limit}{kind}{before}")).await.good();
                assert!(page["contacts"].as_array().unwrap().len() <= limit);
                all.extend(numbers(&page));
                let Some(next) = page["next"].as_str() else { break };
                before = format!("&before={next}");
            }
            let wanted: &Vec<u64> = &wanted;
            assert_eq!(all, *wanted, "limit {limit}{kind}");
        }
    }
}

fn rev(numbers: &[u64]) -> Vec<u64> {
    numbers.iter().rev().copied().collect()
}

#[tokio::test]
async fn one_that_ends_meanwhile_is_listed_once() {
    let server = server(&[1, 2], &[2]).await;
    let page = server.get("/v1/contacts").await.good();
    assert_eq!(numbers(&page), [2, 1]);
    assert_eq!(page["contacts"][0]["state"], "ended");
}

#[tokio::test]
async fn live_contacts_are_filtered_as_records_are() {
    let server = server(&[1, 5], &[]).await;
    let version = Digest::of(b"v1").to_string();
    let other = Digest::of(b"v2").to_string();
    for (query, found) in [
        ("queue=sales".to_owned(), 2),
        ("queue=support".into(), 2),
        ("queue=other".into(), 0),
        ("agent=eve".into(), 2),
        ("agent=bob".into(), 0),
        ("entry_point=main".into(), 2),
        ("entry_point=side".into(), 0),
        ("caller=100".into(), 2),
        ("caller=200".into(), 0),
        (format!("version={version}"), 2),
        (format!("version={other}"), 0),
        ("end=completed".into(), 0),
        ("answered=true".into(), 2),
        ("answered=false".into(), 0),
        ("from=2026-01-31T09:30:00.002Z".into(), 1),
        ("from=2026-01-31T10:30:00.001%2B01:00".into(), 2),
        ("from=2026-01-31T10:30:00.001+01:00".into(), 2),
        ("until=2026-01-31T09:30:00.005Z".into(), 1),
        ("until=2026-01-31T09:30:00.005001Z".into(), 2),
        (format!("before={}", contact(5)), 1),
    ] {
        let page = server.get(&format!("/v1/contacts?live=true&{query}")).await.good();
        assert_eq!(numbers(&page).len(), found, "{query}");
    }
}

#[tokio::test]
async fn the_store_is_asked_for_what_was_asked() {
    let server = Server::start().await;
    let version = Digest::of(b"v1");
    let query = format!(
        "queue=q&agent=a&entry_point=e&end=hung-up&caller=%2B49&version={version}&from=2026-01-31T09:30:00.0015Z\
         &until=2026-01-31T09:31:00Z&answered=false&limit=7&before={}&live=false",
        contact(9)
    );
    server.get(&format!("/v1/contacts?{query}")).await.good();
    let filter = RecordFilter {
        from_ms: Some(1_769_851_800_002),
        until_ms: Some(1_769_851_860_000),
        queue: Some(queue("q")),
        agent: Some(agent("a")),
        entry_point: Some(entry_point("e")),
        answered: Some(false),
        end: Some("hung-up".into()),
        caller: Some("+49".into()),
        version: Some(version),
    };
    assert_eq!(server.centre.state.lock().unwrap().asked, [(filter, Some(contact(9)), 7)]);
}

#[tokio::test]
async fn queries_that_make_no_sense_are_refused() {
    let server = Server::start().await;
    for (query, code, field) in [
        ("live=maybe", "invalid-query", "live"),
        ("limit=0", "out-of-bounds", "limit"),
        ("limit=201", "out-of-bounds", "limit"),
        ("limit=-1", "invalid-query", "limit"),
        ("limit=99999999999999999999", "invalid-query", "limit"),
        ("before=abc", "invalid-query", "before"),
        ("from=yesterday", "invalid-query", "from"),
        ("until=2026-02-30T00:00:00Z", "invalid-query", "until"),
        ("version=abc", "invalid-query", "version"),
        ("end=bored", "invalid-query", "end"),
        ("answered=yes", "invalid-query", "answered"),
        ("queue=a%20b", "invalid-name", "queue"),
        ("caller=", "out-of-bounds", "caller"),
        ("quue=a", "unknown-parameter", "quue"),
        ("live=true&live=false", "invalid-query", ""),
    ] {
        let answer = server.get(&format!("/v1/contacts?{query}")).await;
        answer.refused(422, code);
        assert_eq!(answer.field(), field, "{query}");
    }
}

#[tokio::test]
async fn every_end_reason_can_be_filtered_by() {
    use cordboard_core::record::EndReason::{self, *};
    let server = Server::start().await;
    let text = String::new;
    let all: [EndReason; 13] = [
        Completed,
        Failed(text()),
        HungUp,
        Cancelled,
        AgentHungUp,
        Rejected(text()),
        Redirected(text()),
        EndedByOperator,
        MediaLost,
        SignallingFailed(text()),
        Shutdown,
        Interrupted,
        Other(text()),
    ];
    for end in all {
        server.get(&format!("/v1/contacts?end={}", end.code())).await.good();
    }
}

#[tokio::test]
async fn live_and_ended_have_the_same_shape() {
    let server = server(&[1], &[2]).await;
    let live = server.get(&format!("/v1/contacts/{}", contact(1))).await.good();
    let ended = server.get(&format!("/v1/contacts/{}", contact(2))).await.good();
    let members = |contact: &Value| contact.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&live), members(&ended));
    assert_eq!((&live["state"], &ended["state"]), (&json!("queued"), &json!("ended")));
    assert_eq!(live["place"]["position"], 1);
    assert_eq!(ended["end"], json!({ "reason": "rejected", "detail": "busy" }));
    assert_eq!(ended["ended_at"], "2026-01-31T09:30:01.002000Z");
    assert_eq!(ended["visits"][0]["offers"][0]["result"], "timed-out");
    assert_eq!((&ended["visits"][0]["agent"], &ended["visits"][0]["talked_ms"]), (&json!("eve"), &json!(600)));
    assert_eq!((&ended["visits"][1]["outcome"], &ended["visits"][1]["detail"]), (&json!("lost"), &json!("gone")));
    assert_eq!(ended["version"], Digest::of(b"v2").to_string());
    server.get(&format!("/v1/contacts/{}", contact(3))).await.refused(404, "not-found");
    let lower = contact(1).to_string().to_lowercase();
    assert_eq!(server.get(&format!("/v1/contacts/{lower}")).await.good(), live);
}

#[tokio::test]
async fn operators_act_on_contacts_in_progress() {
    let server = server(&[1], &[2]).await;
    let (live, ended) = (contact(1), contact(2));
    let end = async |id| server.ask(Method::POST, &format!("/v1/contacts/{id}/end"), &[], "{}").await;
    assert_eq!(end(live).await.status, 202);
    end(ended).await.refused(409, "not-now");
    end(contact(3)).await.refused(404, "not-found");
    let migrate = async |id| server.ask(Method::POST, &format!("/v1/contacts/{id}/migrate"), &[], "{}").await;
    assert_eq!(migrate(live).await.status, 202);
    migrate(ended).await.refused(409, "not-now");
    let replay = async |id| server.ask(Method::POST, &format!("/v1/contacts/{id}/replay"), &[], "{}").await.good();
    let (again, other) = (replay(live).await, replay(ended).await);
    assert_eq!((&again["agreed"], &again["reached"], &again["substituted"]), (&json!(true), &json!(12), &json!(1)));
    assert_eq!((&other["agreed"], &other["parted"]), (&json!(false), &json!("entry 2: expected ring, got answer")));
    let set = async |id, name: &str, body| server.put(&format!("/v1/contacts/{id}/attributes/{name}"), body).await;
    assert_eq!(set(live, "tier%20now", json!({ "value": "gold" })).await.status, 204);
    set(ended, "tier", json!({ "value": "gold" })).await.refused(409, "not-now");
    set(live, "tier", json!({ "value": 1 })).await.refused(422, "invalid-body");
    set(live, "tier", json!({ "value": "x".repeat(8193) })).await.refused(422, "out-of-bounds");
    set(live, &"x".repeat(129), json!({ "value": "" })).await.refused(422, "out-of-bounds");
    set(live, "a%00", json!({ "value": "" })).await.refused(422, "out-of-bounds");
    let answer = server.put("/v1/contacts/nobody/attributes/a", json!({ "value": "" })).await;
    answer.refused(422, "invalid-name");
    assert_eq!(
        server.centre.state.lock().unwrap().done,
        [format!("end {live}"), format!("migrate {live}"), "tier now=gold".into()]
    );
}

#[tokio::test]
async fn rule_20_an_ended_contact_is_erased_and_stays_in_the_listing() {
    let server = server(&[1], &[2]).await;
    let erase = async |n| server.ask(Method::POST, &format!("/v1/contacts/{}/erase", contact(n)), &[], "").await;
    erase(1).await.refused(409, "not-now");
    erase(3).await.refused(404, "not-found");
    let path = format!("/v1/contacts/{}", contact(2));
    let before = server.get(&path).await.good();
    assert_eq!((&before["erased"], &before["unreadable"]), (&json!(false), &json!(false)));
    for _again in 0..2 {
        assert_eq!(erase(2).await.status, 204);
    }
    let after = server.get(&path).await.good();
    let address = json!({ "uri": "", "number": null, "display_name": null });
    for (member, empty) in [
        ("erased", json!(true)),
        ("origin", address.clone()),
        ("dialled", address),
        ("choices", json!([])),
        ("attributes", json!({})),
        ("stepped_down", json!("")),
    ] {
        assert_eq!(after[member], empty, "{member}");
    }
    for member in ["id", "state", "offered_at", "ended_at", "entry_point", "versions", "journal_entries"] {
        assert_eq!(after[member], before[member], "{member}");
    }
    assert_eq!(after["end"]["reason"], before["end"]["reason"]);
    assert_eq!(numbers(&server.get("/v1/contacts?live=false").await.good()), [2]);
}

#[tokio::test]
async fn what_flows_left_behind_is_told_until_the_contact_is_erased() {
    let server = server(&[1], &[2]).await;
    let path = |n, what: &str| format!("/v1/contacts/{}/{what}", contact(n));
    let logs = server.get(&path(2, "logs")).await.good();
    assert_eq!((&logs["lines"][0]["level"], &logs["lines"][0]["text"]), (&json!("warn"), &json!("no such account")));
    assert_eq!(logs["dropped"], 3);
    let found = server.get(&path(2, "diagnostics")).await.good();
    let failure = &found["failures"][0];
    assert_eq!((&failure["kind"], &failure["stack"][0]["function"]), (&json!("trap"), &json!("rust_panic")));
    let line = json!({ "function": "menu::choose", "file": "src/menu.rs", "line": 7, "column": 3 });
    assert_eq!(failure["stack"][1]["lines"], json!([line]));
    let used = json!({ "runs": 2, "steps": 9, "cpu_us": 1500, "peak_memory_bytes": 1 << 20 });
    for member in ["runs", "steps", "cpu_us", "peak_memory_bytes"] {
        assert_eq!(found["used"][0][member], used[member], "{member}");
    }
    let dump = server.ask(Method::POST, &path(2, "core-dump"), &[], "").await;
    assert_eq!((dump.status, &dump.headers["content-type"]), (200, &"application/wasm".parse().unwrap()));
    assert_eq!(server.get(&path(1, "logs")).await.good()["lines"], json!([]), "in progress");
    server.ask(Method::POST, &path(1, "core-dump"), &[], "").await.refused(409, "not-now");
    server.get(&path(3, "logs")).await.refused(404, "not-found");
    assert_eq!(server.ask(Method::POST, &path(2, "erase"), &[], "").await.status, 204);
    for what in ["logs", "diagnostics"] {
        server.get(&path(2, what)).await.refused(410, "erased");
    }
    server.ask(Method::POST, &path(2, "core-dump"), &[], "").await.refused(410, "erased");
}

/// A journal with every kind of call and act.
fn journal() -> Journal {
    let at = crate::samples::at;
    let mut journal = Journal::default();
    let opened = Opened {
        at: at(0),
        tenant: TenantId::default_tenant(),
        contact: contact(1),
        channel: Channel::Voice,
        entry_point: entry_point("main"),
        origin: crate::samples::address("100"),
        dialled: crate::samples::address("200"),
    };
    let segment = |from| Frame::Segment {
        from,
        at: at(1),
        version: Digest::of(b"v1"),
        deployment: deployment("reception"),
        seed: u64::MAX,
    };
    journal.apply(Frame::Opened(opened)).unwrap();
    journal.apply(segment(0)).unwrap();
    let calls = [crate::samples::fetches(), crate::samples::calls()].concat();
    for (entry, (request, reply)) in (0..).zip(&calls) {
        journal.apply(Frame::Call { entry, at: at(entry), request: request.clone() }).unwrap();
        if let Some(reply) = reply.clone() {
            let callee = matches!(request, Request::Lookup { .. }).then(|| Digest::of(b"crm"));
            journal.apply(Frame::Outcome { entry, at: at(entry + 1), reply, callee }).unwrap();
        }
    }
    journal.apply(Frame::Continued { at: at(50), entries: calls.len() as u64 }).unwrap();
    journal.apply(segment(0)).unwrap();
    let acts = [
        External::HungUp,
        External::AgentAnswered(agent("eve")),
        External::TalkEnded(agent("eve")),
        External::EndedByOperator,
        External::AttributeSet("a".into(), "b".into()),
        External::TakenOver,
        External::SteppedDown("trap".into()),
    ];
    for (entry, act) in (0..).zip(acts) {
        journal.apply(Frame::External { entry, at: at(60), act }).unwrap();
    }
    journal.apply(Frame::Closed { at: at(70), entries: 7, reason: "hung-up".into() }).unwrap();
    journal
}

#[tokio::test]
async fn a_journal_is_readable() {
    let server = Server::start().await;
    server.centre.state.lock().unwrap().journals.insert(contact(1), journal());
    let told = server.get(&format!("/v1/contacts/{}/journal", contact(1))).await.good();
    assert_eq!(told["opened"]["entry_point"], "main");
    assert_eq!(told["closed"]["reason"], "hung-up");
    assert_eq!(told["entries"][4]["args"], json!({ "name": "a", "value": "b" }));
    let earlier = &told["earlier"][0];
    assert_eq!(earlier["closed"]["reason"], "continued");
    assert_eq!(earlier["segments"][0]["seed"], u64::MAX.to_string());
    let entry = |name: &str| {
        let entries = earlier["entries"].as_array().unwrap();
        entries.iter().find(|entry| entry["request"] == name).unwrap_or_else(|| panic!("no {name}"))
    };
    let say = json!({ "prompt": [
        { "text": "Hello" }, { "recording": "ring" }, { "number": -5 }, { "digits": "12" },
        { "money": { "minor": 1250, "currency": "EUR" } }, { "date": "2026-01-31" }, { "pause_ms": 100 },
    ] });
    assert_eq!(entry("say")["args"], say);
    assert_eq!(entry("say")["outcome"]["result"], "done");
    assert_eq!(entry("ask")["args"]["secret"], true);
    let secret = json!({ "kind": "secret-digits", "value": null, "count": 4 });
    assert_eq!(entry("ask")["outcome"]["value"], secret);
    assert_eq!(entry("lookup")["outcome"]["callee"], Digest::of(b"crm").to_string());
    assert_eq!(entry("lookup")["outcome"]["value"]["fields"][0], json!({ "name": "tier", "value": "gold" }));
    let fetch = json!({
        "method": "POST", "url": "https://crm.example/notes", "timeout_ms": 900, "wanted_headers": ["location"],
        "headers": [
            { "name": "accept", "value": "text/plain" },
            { "name": "authorization", "prefix": "Bearer ", "config": "token" },
        ],
        "body": { "text": "called" },
    });
    assert_eq!(entry("fetch")["args"], fetch);
    let response = json!({
        "status": 201, "headers": [{ "name": "location", "value": "/notes/7" }], "body": { "base64": "/wA=" },
    });
    assert_eq!(entry("fetch")["outcome"]["value"], response);
    assert_eq!(entry("wait")["outcome"]["value"]["status"], "talked");
    assert_eq!(entry("end")["outcome"], json!(null), "pending");
    assert_eq!(entry("reject")["outcome"]["value"], json!({ "error": "not-now", "detail": "answered" }));
    server.get(&format!("/v1/contacts/{}/journal", contact(2))).await.refused(404, "not-found");
}

#[tokio::test]
async fn decisions_tell_of_the_contact_asked_for() {
    let server = Server::start().await;
    let ids = (1..=30).rev().map(decision).collect();
    server.centre.state.lock().unwrap().decisions.insert(contact(2), ids);
    let path = format!("/v1/contacts/{}/decisions", contact(2));
    let told = server.get(&path).await.good();
    assert_eq!(told["decisions"].as_array().unwrap().len(), 20);
    let first = &told["decisions"][0];
    assert_eq!((&first["id"], &first["considered"]), (&json!(30), &json!(2)));
    assert_eq!((&first["scored_by"], &first["reason"]), (&json!("fallback"), &json!("deadline")));
    let id = contact(2).to_string();
    assert_eq!(first["contacts"], json!([{ "contact": id, "values": { "waited_s": null } }]));
    assert_eq!(first["agents"][0]["values"], json!({ "billing": 7.0, "idle_s": 0.1 }));
    assert_eq!(
        first["scores"],
        json!([
            { "contact": id, "agent": "bob", "score": null, "parts": {} },
            { "contact": id, "agent": "eve", "score": 0.5, "parts": { "skill": 0.5, "idle": null } },
        ])
    );
    assert_eq!(first["left_out"][1], json!({ "agent": "lee", "reason": "skill", "detail": "billing" }));
    let all = server.get(&format!("{path}?all=true&limit=1")).await.good();
    assert_eq!(all["decisions"].as_array().unwrap().len(), 1);
    assert_eq!(all["decisions"][0]["scores"].as_array().unwrap().len(), 4);
    assert_eq!(all["decisions"][0]["scores"][0]["parts"], json!({ "skill": 0.8, "idle": 0.075 }));
    server.get(&format!("{path}?limit=101")).await.refused(422, "out-of-bounds");
    server.get(&format!("{path}?all=1")).await.refused(422, "invalid-query");
    assert_eq!(server.get(&format!("/v1/contacts/{}/decisions", contact(5))).await.good(), json!({ "decisions": [] }));
}
