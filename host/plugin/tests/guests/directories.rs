//! Directories: what they may reach, and what becomes of those that fail.

use crate::common::web::{Web, response};
use crate::common::{granted, host_with, spec_with_egress, version};
use cordboard_core::flow::{LookupError, Profile};
use cordboard_core::ids::Version;
use cordboard_plugin::{BreakerConfig, EgressRule, LoadError, PluginConfig, PluginHost, Scheme};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

type Found = Result<Option<Profile>, LookupError>;

fn rule(port: u16) -> EgressRule {
    let methods = vec!["GET".into()];
    EgressRule { scheme: Scheme::Http, host: "127.0.0.1".into(), port, methods, private: true }
}

/// A probe that may ask `web` alone.
async fn directory(web: &Web, change: impl FnOnce(&mut PluginConfig)) -> (PluginHost, Version) {
    let (host, version) = (host_with(change), version("probe-crm"));
    host.load(version, spec_with_egress("probe-crm", &[], &[rule(web.port)])).await.unwrap();
    (host, version)
}

async fn ask(host: &PluginHost, version: Version, kind: &str, value: &str) -> Found {
    host.lookup(version, kind, value, Duration::from_secs(30)).await
}

fn unavailable(found: Found, why: &str) {
    match found {
        Err(LookupError::Unavailable(text)) => assert!(text.contains(why), "{text}"),
        other => panic!("{other:?}, expected to be unavailable: {why}"),
    }
}

async fn bank() -> Web {
    Web::start(|path| {
        Some(match path {
            "/1001" => response("200 OK", b"1001"),
            "/elsewhere" => {
                b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                    .to_vec()
            }
            "/garbage" => b"SIP/2.0 200 OK\r\n\r\n".to_vec(),
            "/broken" => b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_vec(),
            "/huge" => response("200 OK", &vec![b'x'; 5 << 20]),
            "/headers" => {
                let many: String = (0..200).map(|number| format!("x-{number}: y\r\n")).collect();
                format!("HTTP/1.1 200 OK\r\n{many}content-length: 0\r\n\r\n").into_bytes()
            }
            path if path.starts_with("/hang") => return None,
            _ => response("404 Not Found", b""),
        })
    })
    .await
}

#[tokio::test]
async fn people_are_found_and_answers_kept() {
    let web = bank().await;
    let (host, version) = directory(&web, |_| ()).await;
    let place = format!("127.0.0.1:{}", web.port);
    for _ in 0..3 {
        let ada = ask(&host, version, "get", &format!("{place}/1001")).await.unwrap().unwrap();
        assert_eq!((ada.id.as_str(), ada.display_name.as_deref()), ("1001", Some("Ada")));
    }
    assert_eq!(web.requests(), 1, "from the cache");
    for _ in 0..3 {
        assert_eq!(ask(&host, version, "get", &format!("{place}/nobody")).await, Ok(None));
    }
    assert_eq!(web.requests(), 2, "that nobody is there is kept as well");
}

#[tokio::test]
async fn those_who_ask_for_the_same_person_at_once_share_an_answer() {
    let web = bank().await;
    let (host, version) = directory(&web, |settings| settings.crm_cache.found_ttl_ms = 0).await;
    let key = format!("127.0.0.1:{}/1001", web.port);
    let (one, other) = tokio::join!(ask(&host, version, "get", &key), ask(&host, version, "get", &key));
    assert!(one.unwrap().is_some() && other.unwrap().is_some());
    assert_eq!(web.requests(), 1);
}

#[tokio::test]
async fn only_listed_places_are_reached_by_any_name() {
    let (web, other) = (bank().await, bank().await);
    let (host, version) = directory(&web, |settings| settings.crm_breaker.failures = 100).await;
    let port = web.port;
    for place in [
        format!("127.0.0.1:{}/1001", other.port),
        format!("localhost:{port}/1001"),
        format!("[::1]:{port}/1001"),
        format!("2130706433:{port}/1001"),
        format!("evil.example@127.0.0.1:{}/1001", other.port),
        "127.0.0.1/1001".to_owned(),
        "169.254.169.254/latest/meta-data".to_owned(),
    ] {
        unavailable(ask(&host, version, "get", &place).await, "");
    }
    unavailable(ask(&host, version, "https", &format!("127.0.0.1:{port}/1001")).await, "");
    assert_eq!((web.requests(), other.requests()), (0, 0));
    assert!(ask(&host, version, "get", &format!("127.0.0.1:{port}/1001")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_not_followed() {
    let web = bank().await;
    let (host, version) = (host_with(|_| ()), version("probe-crm"));
    // Resolved to the loopback address (RFC 6761 §6.3), as a rebound name would be.
    let name = "localhost";
    let rules = [EgressRule { host: name.into(), private: false, ..rule(web.port) }];
    host.load(version, spec_with_egress("probe-crm", &[], &rules)).await.unwrap();
    let key = format!("{name}:{}/1001", web.port);
    unavailable(ask(&host, version, "get", &key).await, "IpProhibited");
    assert_eq!(web.requests(), 0);
    let told = host.refusals().unwrap().recv().await.unwrap();
    assert!(told.detail.contains("leads to") && told.detail.contains("not a global address"), "{}", told.detail);
    let private = EgressRule { host: name.into(), ..rule(web.port) };
    assert!(host.grant(version, granted(&[private])).unwrap());
    assert!(ask(&host, version, "get", &key).await.unwrap().is_some(), "granted as such");
}

#[tokio::test]
async fn a_redirect_is_the_plugins_to_follow_and_is_checked_again() {
    let web = bank().await;
    let (host, version) = directory(&web, |_| ()).await;
    unavailable(ask(&host, version, "get", &format!("127.0.0.1:{}/elsewhere", web.port)).await, "status 302");
    unavailable(ask(&host, version, "get", "127.0.0.1:1/").await, "RequestDenied");
}

#[tokio::test]
async fn a_grant_that_is_taken_back_holds_at_once_and_for_what_was_kept() {
    let web = bank().await;
    let (host, version) = directory(&web, |_| ()).await;
    let place = format!("127.0.0.1:{}/1001", web.port);
    assert!(ask(&host, version, "get", &place).await.unwrap().is_some());
    assert!(host.grant(version, granted(&[])).unwrap());
    unavailable(ask(&host, version, "get", &place).await, "RequestDenied");
    assert_eq!(web.requests(), 1);
    let nowhere = EgressRule { port: 0, ..rule(web.port) };
    assert!(host.grant(version, granted(&[nowhere])).is_err(), "what can't be granted changes nothing");
    assert!(host.grant(version, granted(&[rule(web.port)])).unwrap());
    assert!(ask(&host, version, "get", &place).await.unwrap().is_some());
    assert!(!host.grant(Version::of(b"unknown"), granted(&[])).unwrap());
}

#[tokio::test]
async fn a_grant_that_is_taken_back_in_the_middle_of_a_look_up_ends_its_requests() {
    let granted_to: Arc<OnceLock<(PluginHost, Version)>> = Arc::default();
    let (told, asked) = (Arc::clone(&granted_to), AtomicUsize::new(0));
    let web = Web::start(move |_| {
        // Before the third answer is on its way.
        if let (2, Some((host, version))) = (asked.fetch_add(1, Relaxed), told.get()) {
            assert!(host.grant(*version, granted(&[])).unwrap());
        }
        Some(response("200 OK", b"1001"))
    })
    .await;
    let (host, version) = directory(&web, |_| ()).await;
    granted_to.set((host.clone(), version)).unwrap();
    let mut refusals = host.refusals().unwrap();
    let place = format!("127.0.0.1:{}/1001", web.port);
    unavailable(ask(&host, version, "many", &place).await, "RequestDenied");
    assert_eq!((web.requests(), refusals.recv().await.unwrap().capability), (3, "egress"));
}

#[tokio::test]
async fn nobody_joins_a_look_up_that_has_an_older_grant() {
    let web = bank().await;
    let (host, version) = directory(&web, |_| ()).await;
    let key = format!("127.0.0.1:{}/hang", web.port);
    let waiting = {
        let (host, key) = (host.clone(), key.clone());
        tokio::spawn(async move { host.lookup(version, "get", &key, Duration::from_secs(60)).await })
    };
    crate::common::until("it asks", || web.requests() == 1).await;
    assert!(host.grant(version, granted(&[])).unwrap());
    unavailable(ask(&host, version, "get", &key).await, "RequestDenied");
    assert!(!waiting.is_finished(), "that one goes on");
    waiting.abort();
}

#[tokio::test]
async fn a_grant_closes_the_breaker_only_where_it_changes_something() {
    let web = bank().await;
    let breaker = BreakerConfig { failures: 1, open_ms: 600_000 };
    let (host, version) = directory(&web, |config| config.crm_breaker = breaker).await;
    unavailable(ask(&host, version, "get", "127.0.0.1:1/").await, "RequestDenied");
    let key = format!("127.0.0.1:{}/1001", web.port);
    assert!(host.grant(version, granted(&[rule(web.port)])).unwrap());
    unavailable(ask(&host, version, "get", &key).await, "in a row");
    assert!(host.grant(version, granted(&[rule(web.port), rule(1)])).unwrap());
    assert!(ask(&host, version, "get", &key).await.unwrap().is_some());
}

#[tokio::test]
async fn callers_in_a_hurry_cut_nobody_else_off() {
    let web = bank().await;
    let breaker = BreakerConfig { failures: 2, open_ms: 600_000 };
    let (host, version) = directory(&web, |config| config.crm_breaker = breaker).await;
    for number in 0..6 {
        let key = format!("127.0.0.1:{}/hang-{number}", web.port);
        let found = host.lookup(version, "get", &key, Duration::from_millis(100)).await;
        assert_eq!(found, Err(LookupError::Timeout));
    }
    assert!(ask(&host, version, "get", &format!("127.0.0.1:{}/1001", web.port)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_back_end_that_hangs_is_a_timeout() {
    let web = bank().await;
    let (host, version) = directory(&web, |_| ()).await;
    let key = format!("127.0.0.1:{}/hang", web.port);
    let found = host.lookup(version, "get", &key, Duration::from_millis(100)).await;
    assert_eq!(found, Err(LookupError::Timeout));
    crate::common::until("the look-up is over", || host.loaded()[0].live_instances == 0).await;
}

#[tokio::test]
async fn broken_answers_are_errors() {
    let web = bank().await;
    let (host, version) = directory(&web, |settings| settings.crm_breaker.failures = 100).await;
    for path in ["garbage", "broken", "huge", "headers"] {
        unavailable(ask(&host, version, "get", &format!("127.0.0.1:{}/{path}", web.port)).await, "");
    }
}

#[tokio::test]
async fn a_plugin_that_misbehaves_is_unavailable() {
    let web = bank().await;
    let (host, version) = directory(&web, |settings| settings.crm_breaker.failures = 100).await;
    unavailable(ask(&host, version, "trap", "x").await, "trapped");
    unavailable(ask(&host, version, "loop", "x").await, "CPU");
    unavailable(ask(&host, version, "fields", "x").await, "512 fields");
    unavailable(ask(&host, version, "huge", "x").await, "bytes handed over");
    match ask(&host, version, "huge-error", "x").await {
        Err(LookupError::Unavailable(text)) => assert!(text.len() <= 8192, "{} bytes", text.len()),
        other => panic!("{other:?}"),
    }
    unavailable(ask(&host, version, "many", &format!("127.0.0.1:{}/1001", web.port)).await, "LimitReached");
    assert_eq!(web.requests(), 32, "requests of one look-up are counted");
    assert!(matches!(ask(&host, version, "shoe-size", "44").await, Err(LookupError::Unsupported(_))));
    for (kind, value) in [("", "x"), ("get", ""), ("get", &"x".repeat(513))] {
        assert!(matches!(ask(&host, version, kind, value).await, Err(LookupError::Invalid(_))));
    }
}

#[tokio::test]
async fn a_failing_directory_is_left_alone_and_tried_again() {
    let ill = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&ill);
    let web = Web::start(move |_| {
        Some(if state.load(Relaxed) { response("500 Oops", b"") } else { response("200 OK", b"1001") })
    })
    .await;
    let (host, version) = directory(&web, |settings| {
        settings.crm_breaker = BreakerConfig { failures: 3, open_ms: 50 };
    })
    .await;
    let key = |number: usize| format!("127.0.0.1:{}/{number}", web.port);
    for number in 0..3 {
        unavailable(ask(&host, version, "get", &key(number)).await, "status 500");
    }
    ill.store(false, Relaxed);
    let began = std::time::Instant::now();
    let asked_before = web.requests();
    let mut number = 10;
    while let Err(error) = ask(&host, version, "get", &key(number)).await {
        assert!(matches!(error, LookupError::Unavailable(_)));
        assert_eq!(web.requests(), asked_before, "an open breaker asks nobody");
        number += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(began.elapsed() >= Duration::from_millis(40), "{:?}", began.elapsed());
}

#[tokio::test]
async fn more_look_ups_than_may_run_are_told_busy() {
    let web = bank().await;
    let (host, version) = directory(&web, |settings| settings.crm_pool = 2).await;
    let key = format!("127.0.0.1:{}/hang", web.port);
    let hanging: Vec<_> = (0..2)
        .map(|number| {
            let (host, key) = (host.clone(), format!("{key}?{number}"));
            tokio::spawn(async move { host.lookup(version, "get", &key, Duration::from_secs(60)).await })
        })
        .collect();
    crate::common::until("two look-ups run", || host.loaded()[0].live_instances == 2).await;
    assert_eq!(ask(&host, version, "get", &format!("127.0.0.1:{}/1001", web.port)).await, Err(LookupError::Busy));
    for hanging in hanging {
        hanging.abort();
    }
}

#[tokio::test]
async fn rules_that_cannot_be_kept_are_refused_at_load() {
    let host = host_with(|_| ());
    let https = EgressRule { scheme: Scheme::Https, host: "crm example".into(), ..rule(443) };
    let loaded = host.load(version("probe-crm"), spec_with_egress("probe-crm", &[], &[https])).await;
    assert!(matches!(loaded, Err(LoadError::Egress { .. })));
}

#[tokio::test]
async fn the_stock_directory_maps_json_to_a_profile() {
    let web = Web::start(|path| {
        Some(match path {
            "/customers/by-phone/%2B15550001" => response(
                "200 OK",
                br#"{"id": "1001", "name": "Ada Lovelace", "balance_minor": 123456, "tier": "gold"}"#,
            ),
            "/customers/7" => response("200 OK", b"<html>"),
            "/customers/8" => response("200 OK", &vec![b' '; 300 << 10]),
            _ => response("404 Not Found", b"{}"),
        })
    })
    .await;
    let (host, version) = (host_with(|_| ()), version("http-crm"));
    let base = format!("http://127.0.0.1:{}", web.port);
    host.load(version, spec_with_egress("http-crm", &[("base-url", &base)], &[rule(web.port)])).await.unwrap();
    let ada = ask(&host, version, "phone", "+15550001").await.unwrap().unwrap();
    assert_eq!((ada.id.as_str(), ada.display_name.as_deref()), ("1001", Some("Ada Lovelace")));
    assert!(ada.fields.contains(&("balance_minor".into(), "123456".into())), "{ada:?}");
    assert_eq!(ask(&host, version, "account", "9").await, Ok(None));
    unavailable(ask(&host, version, "account", "7").await, "no JSON");
    unavailable(ask(&host, version, "account", "8").await, "longer than");
    assert!(matches!(ask(&host, version, "email", "a@b").await, Err(LookupError::Unsupported(_))));
}
